"""Wrappers and plain functions, case by case."""

import math

import pytest

from lrsched import (
    Action,
    ArgumentError,
    Constant,
    EpochData,
    FunctionSchedule,
    History,
    HoldLearningRate,
    LearningRateControl,
    NewbobRelative,
    Preset,
    as_schedule,
)

NEWBOB = NewbobRelative(-0.01, default_learning_rate=0.5, learning_rate_decay=0.5, error_measure_key="dev_score")


def _rates(*rates):
    return History({epoch: EpochData(learning_rate=rate) for epoch, rate in enumerate(rates, start=1)})


def _halved(history, epoch):
    return 1.0 / 2**epoch


@pytest.mark.parametrize(
    ("rates", "held"),
    [
        ((), None),
        ((1.0,), 1.0),
        ((1.0, 1.0), 1.0),
        ((1.0, 1.0, 1.0), None),
        ((2.0, 1.0, 1.0), 1.0),
        ((2.0, 1.0, 1.0, 1.0), None),
    ],
)
def test_hold_lets_go_after_exactly_that_many_epochs(rates, held):
    decision = HoldLearningRate(_halved, 3).decide(_rates(*rates), len(rates) + 1)
    assert decision.learning_rate == (0.5 ** (len(rates) + 1) if held is None else held)
    assert (decision.action is Action.HOLD) == (held is not None)


def test_hold_counts_epochs_with_data_not_numbers():
    history = History({3: EpochData(learning_rate=1.0), 9: EpochData(learning_rate=1.0)})
    assert HoldLearningRate(_halved, 2).decide(history, 12).action is not Action.HOLD
    assert HoldLearningRate(_halved, 3).decide(history, 12).action is Action.HOLD


def test_hold_does_not_hold_an_unknown_rate():
    assert HoldLearningRate(_halved, 3)(_rates(1.0, None), 3) == 0.125
    assert HoldLearningRate(_halved, 3)(_rates(None, 1.0), 3) == 1.0


def test_presets_win_over_a_hold_inside_and_not_over_one_outside():
    inside = Preset(HoldLearningRate(NEWBOB, 3), {2: 0.125})
    outside = HoldLearningRate(Preset(NEWBOB, {2: 0.125}), 3)
    assert inside(_rates(0.5), 2) == 0.125
    assert outside(_rates(0.5), 2) == 0.5
    assert list(inside.prefill(History())) == [2]
    assert list(outside.prefill(History())) == []


def test_presets_of_earlier_epochs_count_as_known():
    """As where a training starts at a later epoch: RETURNN has stored them all by then."""
    schedule = Preset(NEWBOB, {1: 0.25, 5: 0.125, 9: 0.75})
    assert schedule(History(), 7) == 0.125
    assert schedule(History({6: EpochData(learning_rate=0.3)}), 7) == 0.3


def test_the_outer_of_two_presets_wins():
    schedule = Preset(Preset(Constant(0.5), {1: 0.1, 2: 0.2}), {1: 0.9})
    control = LearningRateControl(schedule)
    assert [data.learning_rate for data in control.history.values()] == [0.9, 0.2]
    assert [schedule(History(), epoch) for epoch in (1, 2, 3)] == [0.9, 0.2, 0.2]


def test_wrappers_pass_on_what_the_rule_is():
    schedule = Preset(HoldLearningRate(NEWBOB, 3), {2: 0.125})
    assert schedule.rule is NEWBOB
    assert schedule.error_measure_key == ("dev_score",)
    assert schedule.default_learning_rate == 0.5
    assert not schedule.strict_error_key
    assert schedule.need_error_info
    assert not Preset(Constant(0.1), {}).need_error_info


def test_a_function_sees_the_past_only():
    seen = []

    def look(history, epoch):
        seen.append(list(history))
        return 0.5

    as_schedule(look)(_rates(1.0, 1.0, 1.0), 2)
    assert seen == [[1]]


@pytest.mark.parametrize(
    ("previous", "action"),
    [((), Action.DEFAULT), ((0.5,), Action.KEEP), ((1.0,), Action.DECAY), ((0.25,), Action.GROW)],
)
def test_what_a_function_did_is_told_by_the_rates(previous, action):
    decision = as_schedule(lambda history, epoch: 0.5).decide(_rates(*previous), len(previous) + 1)
    assert (decision.action, decision.learning_rate) == (action, 0.5)


@pytest.mark.parametrize("answer", [-1.0, math.nan, math.inf, None, "0.5"])
def test_a_function_must_give_a_rate(answer):
    def broken(history, epoch):
        return answer

    with pytest.raises(ArgumentError, match=r"broken\(history, 3\) must be a finite number >= 0, got"):
        FunctionSchedule(broken)(History(), 3)
