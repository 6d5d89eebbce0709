"""What a schedule has without saying so, and how it holds two epochs against each other."""

import math

import pytest

from lrsched import Action, Cause, Decision, EpochData, History, Schedule
from lrsched.core.schedule import compare_epochs


class Plain(Schedule):
    """A schedule that only decides."""

    def decide(self, history, epoch):
        return Decision(0.5 * epoch, None, Action.DEFAULT, Cause("plain", "so it is"))


class Keyed(Plain):
    """It looks at its own error."""

    def __init__(self, *keys, strict):
        self.keys, self.strict = keys, strict

    @property
    def error_measure_key(self):
        return self.keys

    @property
    def strict_error_key(self):
        return self.strict


def test_a_schedule_that_only_decides_has_the_usual_answers():
    schedule = Plain()
    history = History({1: EpochData(error={"dev_score": 2.0}), 2: EpochData(error={"dev_score": 1.0})})
    assert schedule(history, 3) == 1.5
    assert schedule.error_measure_key == ()
    assert schedule.strict_error_key is False
    assert schedule.need_error_info is True
    assert schedule.default_learning_rate is None
    assert schedule.rule is schedule
    assert schedule.prefill(history) is history
    assert schedule.compare(history, *history.items()) == compare_epochs(schedule, *history.items())
    with pytest.raises(TypeError, match="abstract"):
        Schedule()


def _compared(schedule, old, new, *arguments):
    return compare_epochs(schedule, (3, EpochData(error=old)), (7, EpochData(error=new)), *arguments)


@pytest.mark.parametrize(
    ("arguments", "change"),
    [
        ((), -1.0),
        (("new",), -1.0),
        (("old",), -0.5),
        ((None,), -2.0),
        (("new", "worse", 0.5), -2.0),
        (("old", "worse", 2.0), -0.25),
    ],
)
def test_two_epochs_are_compared_under_the_error_that_counts(arguments, change):
    comparison = _compared(Plain(), {"dev_score": 4.0, "a": 0.0}, {"dev_score": 2.0, "a": 9.0}, *arguments)
    assert (comparison.old_epoch, comparison.new_epoch) == (3, 7)
    assert (comparison.old_key.key, comparison.new_key.key) == ("dev_score", "dev_score")
    assert (comparison.old_error, comparison.new_error, comparison.change) == (4.0, 2.0, change)
    assert comparison.learning_rate_scale == (arguments[2] if len(arguments) > 2 else 1.0)


def test_the_policy_for_non_finite_errors_is_heard():
    assert _compared(Plain(), {"a": 1.0}, {"a": math.nan}).change == math.inf
    assert _compared(Plain(), {"a": 1.0}, {"a": math.nan}, "new", "keep", 0.5).change is None
    assert math.isnan(_compared(Plain(), {"a": 1.0}, {"a": math.nan}, "new", "original").change)


@pytest.mark.parametrize(
    ("old", "new", "errors"),
    [
        ({}, {"dev_score": 2.0}, (None, 2.0)),
        ({"dev_score": 0.0}, {}, (0.0, None)),
        ({}, {}, (None, None)),
        ({"dev_score": 4.0}, {"dev_error": 2.0}, (4.0, 2.0)),
        ({"dev_error": 4.0}, {"dev_score": 2.0}, (4.0, 2.0)),
    ],
)
def test_without_one_error_at_both_epochs_there_is_no_change(old, new, errors):
    comparison = _compared(Plain(), old, new)
    assert (comparison.old_error, comparison.new_error, comparison.change) == (*errors, None)


def test_the_schedules_keys_and_its_strictness_hold_at_both_epochs():
    named, other = {"x": 2.0, "dev_score": 1.0}, {"dev_score": 4.0}
    for strict, stand_in in ((True, None), (False, 4.0)):
        schedule = Keyed("x", strict=strict)
        forwards, backwards = _compared(schedule, named, other), _compared(schedule, other, named)
        assert (forwards.old_error, forwards.new_error, forwards.change) == (2.0, stand_in, None)
        assert (backwards.old_error, backwards.new_error, backwards.change) == (stand_in, 2.0, None)


def test_a_change_of_0_is_a_change():
    assert _compared(Plain(), {"a": 0.0}, {"a": 0.0}, "new", "worse", 0.5).change == 0.0
