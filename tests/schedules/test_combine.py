"""Schedules made of schedules, and plain functions, case by case."""

import math
import re
from functools import partial

import attrs
import pytest

from lrsched import (
    Action,
    ArgumentError,
    Cause,
    Clamp,
    Combinator,
    Constant,
    Cursor,
    Decision,
    EpochData,
    ErrorMeasure,
    FunctionSchedule,
    History,
    HoldLearningRate,
    LearningRateControl,
    MemoryStorage,
    Moment,
    NewbobRelative,
    Preset,
    Product,
    Scaled,
    Schedule,
    as_schedule,
)
from lrsched.core.schedule import measures, only_rule
from lrsched.schedules.combine import with_default_rate

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
    assert decision.previous == (rates[-1] if rates else None)


@pytest.mark.parametrize("min_num_epochs", [0, 1])
def test_a_hold_of_no_more_than_one_epoch_holds_nothing(min_num_epochs):
    schedule = HoldLearningRate(_halved, min_num_epochs)
    for history in (History(), _rates(0.5), _rates(0.75, None), _rates(0.75, 0.5), _rates(0.5, 0.5)):
        epoch = len(history) + 1
        assert schedule.decide(history, epoch) == as_schedule(_halved).decide(history, epoch)


def test_hold_says_how_long():
    assert HoldLearningRate(_halved, 2).decide(_rates(1.0), 2).action is Action.HOLD
    decision = HoldLearningRate(_halved, 3).decide(_rates(1.0), 2)
    assert (decision.previous, decision.cause.rule) == (1.0, "hold")
    assert decision.describe() == "1 (hold, hold): a rate stays for at least 3 epochs"


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


def test_presets_of_earlier_epochs_count_as_known():
    """As where a training starts at a later epoch: RETURNN has stored them all by then."""
    schedule = Preset(NEWBOB, {1: 0.25, 5: 0.125, 9: 0.75})
    assert schedule(History(), 7) == 0.125
    assert schedule(History({6: EpochData(learning_rate=0.3)}), 7) == 0.3
    assert [schedule.decide(History(), epoch).previous for epoch in (1, 5, 7, 9)] == [None, 0.25, 0.125, 0.125]


def test_a_preset_of_a_later_epoch_does_not_count_yet():
    schedule = Preset(NEWBOB, {5: 0.125, 3: 0.25})
    assert [schedule(History(), epoch) for epoch in (1, 2, 3, 4, 5, 6)] == [0.5, 0.5, 0.25, 0.25, 0.125, 0.125]


def test_what_is_inside_a_preset_is_shown_no_later_presets():
    class Inside(Schedule):
        def decide(self, history, epoch):
            return Decision(0.5, None, Action.DEFAULT, Cause("inside", repr(list(history))))

    schedule = Preset(Inside(), {1: 0.25, 3: 0.25, 5: 0.25})
    assert [schedule.decide(History(), epoch).cause.reason for epoch in (2, 4, 6)] == ["[1]", "[1, 3]", "[1, 3, 5]"]


def test_a_preset_says_so():
    decision = Preset(NEWBOB, {2: 0.125}).decide(_rates(0.5), 2)
    assert (decision.action, decision.previous) == (Action.PRESET, 0.5)
    assert decision.describe() == "0.5 -> 0.125 (preset, preset): given for this epoch"
    assert Preset(NEWBOB, {2: 0.0}).decide(_rates(0.5), 2).action is Action.PRESET  # 0 is a rate


@attrs.frozen
class Doubled(Combinator):
    """Twice the rate; what a part sees of a rate set by hand is an argument."""

    schedule: Schedule
    handed_on: object = (0.25,)

    def combine(self, *rates):
        return 2.0 * rates[0]

    def by_hand(self, learning_rate, *rates):
        return self.handed_on


@pytest.mark.parametrize(
    ("handed_on", "seen"),
    [((0.25,), 0.25), ([0], 0.0), ((math.nan,), 0.125), ((math.inf,), 0.125), ((-1.0,), 0.125)],
)
def test_a_part_sees_what_by_hand_says_or_its_own_rate(handed_on, seen):
    assert Doubled(Constant(0.125), handed_on)(_rates(0.5), 2) == 2.0 * seen


@pytest.mark.parametrize("handed_on", [0.25, (), (0.25, 0.25), (None,), "a", None])
def test_what_by_hand_must_give_is_said_on_one_line(handed_on):
    with pytest.raises(ArgumentError, match=r"^Doubled\.by_hand must be a sequence of 1 rates, .* got .*\Z"):
        Doubled(Constant(0.125), handed_on)(_rates(0.5), 2)


def test_an_unknown_rate_is_handed_on_and_nobody_is_asked_for_a_rate():
    def only_later(history, epoch):
        if epoch < 3:
            raise ArgumentError("not yet")
        return 0.5 if history[2].learning_rate is None else 0.25

    history = History({2: EpochData(error={"dev_score": 1.0})})
    for schedule in (Product(only_later, Constant(1.0)), Scaled(Product(Constant(1.0), only_later), 1.0)):
        assert schedule(history, 3) == 0.5


@pytest.mark.parametrize(
    ("factors", "seen"),
    [
        ((0.5,), 0.5),
        ((0.01,), 25.0),
        ((0.0099,), 0.25),  # a warm-up that has hardly begun
        ((0.0,), 0.125),
        ((1e200, 1e-200), 0.25),
        ((1e200, 1e200), 0.125),
    ],
)
def test_a_rate_set_by_hand_is_divided_by_factors_that_say_something(factors, seen):
    schedule = Product(Constant(0.125), *map(Constant, factors))
    cursor = Cursor.over(schedule, _rates(0.25))
    assert cursor.memory.parts[0].most_recent_learning_rate(2) == pytest.approx(seen, rel=1e-15)
    assert [each.most_recent_learning_rate(2) for each in cursor.memory.parts[1:]] == [*factors]


def test_a_warm_up_around_a_rate_of_0_does_not_swallow_a_hand():
    schedule = Product(Constant(0.125), lambda history, epoch: 0.006 if epoch < 3 else 1.0)
    assert schedule(_rates(0.0, 0.0005), 3) == 0.0005


def test_a_small_change_by_hand_lasts_however_small_a_factor_is():
    schedule = Product(Constant(0.125), Constant(1e-9))
    assert schedule(_rates(2 * 0.125e-9), 2) == 2 * 0.125e-9


def test_a_rate_that_is_too_large_is_refused_and_what_was_before_is_only_said():
    schedule = Scaled(Preset(_halved, {1: 1e300}), 1e10)
    with pytest.raises(ArgumentError, match="the learning rate of Scaled must be a finite number"):
        schedule(History(), 1)
    decision = schedule.decide(History(), 2)
    assert (decision.learning_rate, decision.previous) == (0.25e10, None)
    with pytest.raises(ArgumentError, match="the learning rate of Scaled must be a finite number"):
        _ = Scaled(Constant(1e300), 1e10).default_learning_rate
    assert Scaled(Constant(0.5), 0.5).default_learning_rate == 0.25


def test_a_hand_in_the_middle_of_an_epoch_that_has_begun_goes_to_the_parts():
    schedule = Product(NEWBOB, lambda history, epoch: 0.5)
    memory = Cursor.over(schedule).memory
    began, later = Moment(1, step=0), Moment(1, step=9)
    for nested in (schedule, Scaled(schedule, 1.0)):
        memory = Cursor.over(nested).memory
        assert nested.rate_during(memory, began, 0.25, later) == 0.25
        assert nested.rate_during(memory, began, 0.125, later) == 0.125
    assert Clamp(Constant(0.1), 0.05).rate_during(Clamp(Constant(0.1)).start(), began, 0.02, later) == 0.05


@pytest.mark.parametrize(
    ("given", "rates"),
    [([0.5, 0.25], {1: 0.5, 2: 0.25}), ((1,), {1: 1.0}), ({3: 0.5}, {3: 0.5}), ([], {}), ({}, {})],
)
def test_presets_are_a_mapping_or_a_list_from_epoch_1(given, rates):
    assert Preset(NEWBOB, given).learning_rates == rates


@pytest.mark.parametrize(
    ("given", "law"),
    [
        ("0.1", "learning_rates must be a mapping epoch -> rate, or a list for epochs 1, 2, ..., got '0.1'; use"),
        (b"01", "learning_rates must be a mapping"),
        (0.1, "learning_rates must be a mapping"),
        (None, "learning_rates must be a mapping"),
        ({0: 0.1}, "an epoch of learning_rates must be an integer >= 1, got 0"),
        ([0.1, -1.0], r"learning_rates\[2\] must be a finite number >= 0, got -1.0"),
    ],
)
def test_what_are_no_presets_is_refused(given, law):
    with pytest.raises(ArgumentError, match=f"^{law}"):
        Preset(NEWBOB, given)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, EpochData(learning_rate=0.25)),
        (EpochData(error={"a": 1.0}), EpochData(learning_rate=0.25, error={"a": 1.0})),
        (EpochData(learning_rate=0.0, meta={"a": 1}), EpochData(learning_rate=0.25, meta={"a": 1})),
        (EpochData(learning_rate=0.5), EpochData(learning_rate=0.5)),
    ],
)
def test_a_default_rate_stands_where_there_is_none_or_0(before, after):
    history = _rates(0.5) if before is None else _rates(0.5).set(2, before)
    assert with_default_rate(history, 2, 0.25) == _rates(0.5).set(2, after)


def test_the_outer_of_two_presets_wins():
    schedule = Preset(Preset(Constant(0.5), {1: 0.1, 2: 0.2}), {1: 0.9})
    control = LearningRateControl(schedule)
    assert [control.get_learning_rate_for_epoch(epoch) for epoch in (1, 2, 3)] == [0.9, 0.2, 0.2]
    assert [schedule(History(), epoch) for epoch in (1, 2, 3)] == [0.9, 0.2, 0.2]


def test_the_outer_of_two_presets_wins_even_if_it_is_0():
    schedule = Preset(Preset(Constant(0.5), {1: 0.1}), {1: 0.0})
    assert schedule(History(), 1) == 0.0
    assert LearningRateControl(schedule, MemoryStorage(_rates(0.25))).get_learning_rate_for_epoch(1) == 0.25


def test_wrappers_pass_on_what_the_rule_is():
    schedule = Preset(HoldLearningRate(NEWBOB, 3), {2: 0.125})
    assert only_rule(schedule) is NEWBOB
    assert measures(schedule) == (NEWBOB.measure,) == (ErrorMeasure("dev_score"),)
    assert schedule.measure is None  # it does not look itself
    assert schedule.default_learning_rate == 0.5
    assert schedule.need_error_info
    assert not Preset(Constant(0.1), {}).need_error_info
    strict = NewbobRelative(
        -0.01,
        default_learning_rate=0.5,
        strict_error_key=True,
        relative_error_div_by_old=True,
        relative_error_also_relative_to_learning_rate=True,
    )
    history = History({1: EpochData(learning_rate=0.25, error={"a": 4.0}), 2: EpochData(error={"a": 2.0})})
    assert measures(HoldLearningRate(strict, 3)) == (ErrorMeasure(strict=True),)
    assert strict.compare(history, *history.items()).change == -1.0
    assert only_rule(HoldLearningRate(strict, 3)).compare(history, *history.items()).change == -1.0
    control = LearningRateControl(HoldLearningRate(strict, 3), MemoryStorage(history))
    assert control.calc_relative_error(1, 2) == -1.0


def test_a_constant_keeps_the_newest_rate_and_looks_at_no_error():
    schedule = Constant(0.25, error_measure_key="x")
    assert (schedule.error_measure_key, schedule.need_error_info) == (("x",), False)
    assert schedule.measure == ErrorMeasure("x")
    assert measures(schedule) == ()  # its rates depend on none
    with pytest.raises(TypeError, match="positional"):
        Constant(0.25, "x")
    assert schedule.decide(History({1: EpochData()}), 2).describe() == (
        "0.25 (default, constant): no epoch before has a rate"
    )
    kept = schedule.decide(_rates(0.5, None), 3)
    assert (kept.learning_rate, kept.previous, kept.action) == (0.5, 0.5, Action.KEEP)
    assert kept.describe() == "0.5 (keep, constant): the newest rate"


@pytest.mark.parametrize("neither", [None, 0.1, Constant, dict, "constant"])
def test_what_is_no_schedule_and_no_function_is_refused(neither):
    law = re.escape(
        f"schedule must be a Schedule or a function (history, epoch) -> rate, got {neither!r}; see lrsched."
    )
    with pytest.raises(ArgumentError, match=law):
        as_schedule(neither)
    assert as_schedule(NEWBOB) is NEWBOB


def test_a_function_is_known_by_its_name():
    decision = as_schedule(_halved).decide(_rates(0.75), 2)
    assert (decision.previous, decision.cause.rule) == (0.75, "_halved")
    assert decision.cause.reason == "the function's answer"
    assert as_schedule(partial(_halved)).decide(History(), 1).cause.rule == "partial"


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


def test_the_rate_before_is_that_of_a_preset_that_nobody_recorded():
    """The part knows of it, so the whole says what it would have made of it."""
    halved = Scaled(Preset(Constant(0.1), {2: 0.5}), 0.5)
    assert halved.decide(_rates(0.125), 3).previous == 0.25
    assert halved.decide(_rates(0.125), 2).previous == 0.125
    assert Scaled(Preset(Constant(0.1), {2: 0.0}), 0.5).decide(_rates(0.125), 3).previous == 0.0
    assert Product(Preset(Constant(0.1), {2: 0.5}), Constant(0.5)).decide(_rates(0.125), 3).previous == 0.25


def test_a_clamp_says_on_which_side_a_rate_is():
    clamp = Clamp(Constant(0.1), 0.25, 0.5)
    for rate, side in ((0.2, "below the minimum"), (0.25, "within the limits"), (0.5, "within the limits")):
        assert clamp.reason(rate) == f"{rate} is {side}"
    assert clamp.reason(0.75) == "0.75 is above the maximum"


@pytest.mark.parametrize("min_num_epochs", range(4))
def test_a_hold_remembers_the_same_whether_it_folds_or_follows(min_num_epochs):
    hold = HoldLearningRate(_halved, min_num_epochs)
    for rates in ((), (0.5,), (0.5, 0.5), (0.5, 0.5, 0.5), (0.25, 0.5, 0.5), (0.5, None), (0.5, 0.5, 0.25, None, 0.25)):
        history, memory = _rates(*rates), hold.start()
        for epoch, data in history.items():
            memory = hold.after(memory, Moment(epoch), data)
        assert hold.fold(history) == memory


def test_a_preset_comes_after_the_newest_rate():
    assert Preset(_halved, {3: 0.7}).decide(_rates(0.3, 0.2), 3).previous == 0.2
    assert Preset(NEWBOB, {3: 0.7}).decide(_rates(0.3, None), 3).previous == 0.3


def test_what_is_made_of_schedules_claims_what_all_of_them_do():
    rule = {"scale_invariant", "monotone", "non_finite_is_worst", "never_raises"}
    assert NEWBOB.claims == rule
    for made in (Scaled(NEWBOB, 0.5), Clamp(NEWBOB), HoldLearningRate(NEWBOB, 2), Product(NEWBOB, NEWBOB)):
        assert made.claims == rule
    assert Product(NEWBOB, _halved).claims == frozenset()
    assert Product(NEWBOB, Constant(0.1)).claims == Constant(0.1).claims & rule != frozenset()
    assert Preset(NEWBOB, {}).claims == {"scale_invariant", "presets_count"}
    assert Scaled(Preset(NEWBOB, {}), 0.5).claims == {"scale_invariant"}


@pytest.mark.parametrize("schedule", [Constant(0.1), NEWBOB])
def test_a_rule_is_shown_by_its_arguments(schedule):
    assert "default_learning_rate=" in repr(schedule)
    assert "measure=ErrorMeasure" not in repr(schedule)
