from lrsched.testing.checking import (
    check_schedule as check_schedule,
    schedule_tests as schedule_tests,
    subject_of as subject_of,
)
from lrsched.testing.laws import LAWS as LAWS, BrokenLawError as BrokenLawError, Law as Law
from lrsched.testing.reporting import Checked as Checked, Report as Report, Violation as Violation
from lrsched.testing.search import Budget as Budget
from lrsched.testing.storage_checking import check_storage as check_storage, storage_tests as storage_tests
from lrsched.testing.storage_laws import STORAGE_LAWS as STORAGE_LAWS, Place as Place
from lrsched.testing.strategies import (
    configs as configs,
    epoch_data as epoch_data,
    errors as errors,
    histories as histories,
    learning_rates as learning_rates,
    schedules as schedules,
    states as states,
)
