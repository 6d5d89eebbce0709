"""Learning-rate control whose core is pure and immutable: the past is an argument, so a restart is a replay."""

from importlib import import_module

TYPE_CHECKING = False  # as `typing` has it, which takes longer to import than all of this
if TYPE_CHECKING:
    from lrsched.config.settings import schedule_from_config
    from lrsched.control import LearningRateControl
    from lrsched.core.decision import Action, Cause, Decision
    from lrsched.core.epoch_data import EpochData
    from lrsched.core.history import History
    from lrsched.core.measure import (
        Comparison,
        ErrorKey,
        ErrorMeasure,
        last_best_epoch,
        relative_error,
    )
    from lrsched.core.numbers import Count, Decay, Flag, Growth, Rate, Threshold, checked
    from lrsched.core.schedule import Cursor, Fold, Moment, Schedule
    from lrsched.core.series import best_epochs, error_series, finished, meta_series
    from lrsched.errors import (
        ArgumentError,
        ConflictError,
        FormatError,
        LrschedError,
        MeasureWarning,
        NotWrittenError,
        SettingWarning,
        StorageError,
    )
    from lrsched.formats.json import JSON
    from lrsched.formats.text import TEXT
    from lrsched.schedules.combine import Clamp, Combinator, Composite, HoldLearningRate, Preset, Product, Scaled
    from lrsched.schedules.constant import Constant
    from lrsched.schedules.function import FunctionSchedule, as_schedule
    from lrsched.schedules.newbob import NewbobAbs, NewbobMultiEpoch, NewbobRelative
    from lrsched.storage import Storage
    from lrsched.storage.config import read_config
    from lrsched.storage.file import FileStorage
    from lrsched.storage.memory import MemoryStorage
    from lrsched.storage.opening import open_storage, read
    from lrsched.storage.sqlite import SqliteStorage
    from lrsched.storage.wrappers import Mirrored, ReadOnly

__version__ = "0.1.0"

__all__ = [
    "JSON",
    "TEXT",
    "Action",
    "ArgumentError",
    "Cause",
    "Clamp",
    "Combinator",
    "Comparison",
    "Composite",
    "ConflictError",
    "Constant",
    "Count",
    "Cursor",
    "Decay",
    "Decision",
    "EpochData",
    "ErrorKey",
    "ErrorMeasure",
    "FileStorage",
    "Flag",
    "Fold",
    "FormatError",
    "FunctionSchedule",
    "Growth",
    "History",
    "HoldLearningRate",
    "LearningRateControl",
    "LrschedError",
    "MeasureWarning",
    "MemoryStorage",
    "Mirrored",
    "Moment",
    "NewbobAbs",
    "NewbobMultiEpoch",
    "NewbobRelative",
    "NotWrittenError",
    "Preset",
    "Product",
    "Rate",
    "ReadOnly",
    "Scaled",
    "Schedule",
    "SettingWarning",
    "SqliteStorage",
    "Storage",
    "StorageError",
    "Threshold",
    "as_schedule",
    "best_epochs",
    "checked",
    "error_series",
    "finished",
    "last_best_epoch",
    "meta_series",
    "open_storage",
    "read",
    "read_config",
    "relative_error",
    "schedule_from_config",
]

# Imported when they are first asked for: `import lrsched` costs next to nothing.
_HOMES = {
    "lrsched.config.settings": ("schedule_from_config",),
    "lrsched.control": ("LearningRateControl",),
    "lrsched.core.decision": ("Action", "Cause", "Decision"),
    "lrsched.core.epoch_data": ("EpochData",),
    "lrsched.core.history": ("History",),
    "lrsched.core.measure": (
        "Comparison",
        "ErrorKey",
        "ErrorMeasure",
        "last_best_epoch",
        "relative_error",
    ),
    "lrsched.core.numbers": ("Count", "Decay", "Flag", "Growth", "Rate", "Threshold", "checked"),
    "lrsched.core.schedule": ("Cursor", "Fold", "Moment", "Schedule"),
    "lrsched.core.series": ("best_epochs", "error_series", "finished", "meta_series"),
    "lrsched.errors": (
        "ArgumentError",
        "ConflictError",
        "FormatError",
        "LrschedError",
        "MeasureWarning",
        "NotWrittenError",
        "SettingWarning",
        "StorageError",
    ),
    "lrsched.formats.json": ("JSON",),
    "lrsched.formats.text": ("TEXT",),
    "lrsched.schedules.combine": (
        "Clamp",
        "Combinator",
        "Composite",
        "HoldLearningRate",
        "Preset",
        "Product",
        "Scaled",
    ),
    "lrsched.schedules.constant": ("Constant",),
    "lrsched.schedules.function": ("FunctionSchedule", "as_schedule"),
    "lrsched.schedules.newbob": ("NewbobAbs", "NewbobMultiEpoch", "NewbobRelative"),
    "lrsched.storage": ("Storage",),
    "lrsched.storage.config": ("read_config",),
    "lrsched.storage.file": ("FileStorage",),
    "lrsched.storage.memory": ("MemoryStorage",),
    "lrsched.storage.opening": ("open_storage", "read"),
    "lrsched.storage.sqlite": ("SqliteStorage",),
    "lrsched.storage.wrappers": ("Mirrored", "ReadOnly"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            globals()[name] = value = getattr(import_module(home), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
