"""Laws that every schedule and every storage must keep, and what tries to break them. Needs the extra ``testing``."""

from lrsched.errors import missing_extra

try:
    import hypothesis as _hypothesis  # noqa: F401  the one place that says which extra is missing
    import time_machine as _time_machine  # noqa: F401  the same
except ModuleNotFoundError as error:
    raise missing_extra(str(error.name), "testing") from error

from lrsched.testing.checking import check_schedule, schedule_tests, subject_of
from lrsched.testing.laws import LAWS, BrokenLawError, Law
from lrsched.testing.reporting import Checked, Report, Violation
from lrsched.testing.search import Budget
from lrsched.testing.storage_checking import check_storage, storage_tests
from lrsched.testing.storage_laws import STORAGE_LAWS, Place
from lrsched.testing.strategies import configs, epoch_data, errors, histories, learning_rates, schedules, states

__all__ = [
    "LAWS",
    "STORAGE_LAWS",
    "BrokenLawError",
    "Budget",
    "Checked",
    "Law",
    "Place",
    "Report",
    "Violation",
    "check_schedule",
    "check_storage",
    "configs",
    "epoch_data",
    "errors",
    "histories",
    "learning_rates",
    "schedule_tests",
    "schedules",
    "states",
    "storage_tests",
    "subject_of",
]
