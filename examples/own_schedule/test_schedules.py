"""One line makes a test for each schedule and each law that concerns it: ``pytest`` in this folder runs them."""

from schedules import StepDecay, inverse_root

from lrsched.testing import schedule_tests

test_schedules = schedule_tests(StepDecay, inverse_root)
