from lrsched.config.settings import schedule_from_config as schedule_from_config
from lrsched.control import LearningRateControl as LearningRateControl
from lrsched.core.decision import Action as Action, Cause as Cause, Decision as Decision
from lrsched.core.epoch_data import EpochData as EpochData
from lrsched.core.history import History as History
from lrsched.core.measure import (
    Comparison as Comparison,
    ErrorKey as ErrorKey,
    ErrorMeasure as ErrorMeasure,
    error_change as error_change,
    last_best_epoch as last_best_epoch,
)
from lrsched.core.numbers import (
    Count as Count,
    Decay as Decay,
    Flag as Flag,
    Growth as Growth,
    Rate as Rate,
    Threshold as Threshold,
    checked as checked,
)
from lrsched.core.schedule import Cursor as Cursor, Fold as Fold, Moment as Moment, Schedule as Schedule
from lrsched.core.series import (
    best_epochs as best_epochs,
    error_series as error_series,
    finished as finished,
    meta_series as meta_series,
)
from lrsched.errors import (
    ArgumentError as ArgumentError,
    ConflictError as ConflictError,
    FormatError as FormatError,
    LrschedError as LrschedError,
    MeasureWarning as MeasureWarning,
    NotWrittenError as NotWrittenError,
    SettingWarning as SettingWarning,
    StorageError as StorageError,
)
from lrsched.formats.json import JSON as JSON
from lrsched.formats.text import TEXT as TEXT
from lrsched.schedules.combine import (
    Clamp as Clamp,
    Combinator as Combinator,
    Composite as Composite,
    HoldLearningRate as HoldLearningRate,
    Preset as Preset,
    Product as Product,
    Scaled as Scaled,
)
from lrsched.schedules.constant import Constant as Constant
from lrsched.schedules.function import FunctionSchedule as FunctionSchedule, as_schedule as as_schedule
from lrsched.schedules.newbob import (
    NewbobAbs as NewbobAbs,
    NewbobMultiEpoch as NewbobMultiEpoch,
    NewbobRelative as NewbobRelative,
)
from lrsched.storage import Storage as Storage
from lrsched.storage.config import read_config as read_config
from lrsched.storage.file import FileStorage as FileStorage
from lrsched.storage.memory import MemoryStorage as MemoryStorage
from lrsched.storage.opening import open_storage as open_storage, read as read
from lrsched.storage.sqlite import SqliteStorage as SqliteStorage
from lrsched.storage.wrappers import Mirrored as Mirrored, ReadOnly as ReadOnly

__version__: str
