"""The newbob rules, case by case. Against the original program: test_against_returnn.py."""

import math

import attrs
import numpy
import pytest
from hypothesis import given, strategies as st

from lrsched import (
    Action,
    ArgumentError,
    Constant,
    Cursor,
    EpochData,
    ErrorMeasure,
    History,
    HoldLearningRate,
    Moment,
    NewbobAbs,
    NewbobMultiEpoch,
    NewbobRelative,
    Preset,
)
from lrsched.schedules.newbob import Newbob, mean

COMMON = {"default_learning_rate": 0.5, "learning_rate_decay": 0.5, "learning_rate_growth": 2.0}
RULES = {
    "relative": NewbobRelative(-0.01, **COMMON),
    "abs": NewbobAbs(-0.01, **COMMON),
    "multi": NewbobMultiEpoch(1, 1, -0.01, -0.01, **COMMON),
}


def _history(*scores, rate=0.5):
    return History(
        {
            epoch: EpochData(learning_rate=rate, error={"dev_score": score})
            for epoch, score in enumerate(scores, start=1)
        }
    )


@pytest.fixture(params=RULES)
def newbob(request):
    return RULES[request.param]


@pytest.mark.parametrize(
    ("scores", "action"),
    [
        ((), Action.DEFAULT),
        ((1.0,), Action.KEEP),
        ((2.0, 1.0), Action.GROW),
        ((1.0, 1.0), Action.DECAY),
        ((1.0, 2.0), Action.DECAY),
        ((1.0, 0.0), Action.GROW),
        ((0.0, 0.0), Action.DECAY),
        ((0.0, 1.0), Action.DECAY),
        ((1.0, math.nan), Action.DECAY),
        ((1.0, math.inf), Action.DECAY),
        ((1.0, -math.inf), Action.DECAY),
        ((math.nan, 1.0), Action.KEEP),
        ((math.inf, 1.0), Action.KEEP),
    ],
)
def test_what_the_last_two_errors_do(newbob, scores, action):
    decision = newbob.decide(_history(*scores), len(scores) + 1)
    assert decision.action is action
    assert decision.learning_rate == {"decay": 0.25, "grow": 1.0}.get(action, 0.5)


def test_the_decision_says_what_was_compared(newbob):
    decision = newbob.decide(_history(2.0, 2.0), 3)
    cause = decision.cause
    (comparison,) = cause.comparisons
    assert (comparison.old_epoch, comparison.new_epoch) == (1, 2)
    assert (comparison.old_error, comparison.new_error, comparison.change) == (2.0, 2.0, 0.0)
    assert comparison.new_key.key == "dev_score"
    assert (cause.change, cause.threshold) == (0.0, -0.01)
    assert cause.grow_threshold == getattr(newbob, "relative_error_grow_threshold", None)
    assert (decision.previous, decision.learning_rate) == (0.5, 0.25)


@pytest.mark.parametrize(
    ("kind", "rule", "measure"),
    [
        ("relative", "newbob_relative", "relative error"),
        ("abs", "newbob_abs", "difference"),
        ("multi", "newbob_multi_epoch", "mean relative error"),
    ],
)
def test_each_rule_gives_its_name_and_what_it_measures(kind, rule, measure):
    assert RULES[kind].decide(History(), 1).cause.rule == rule
    assert RULES[kind].decide(_history(1.0), 2).cause.rule == rule
    cause = RULES[kind].decide(_history(2.0, 2.0), 3).cause
    assert (cause.rule, cause.measure) == (rule, measure)


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ((2.0, 1.0), "the error improved enough"),
        ((1.0, 1.0), "the error did not improve enough"),
        ((math.nan, 1.0), "the error cannot be compared"),
    ],
)
def test_the_reason_is_in_words(newbob, scores, reason):
    assert newbob.decide(_history(*scores), 3).cause.reason == reason


def test_the_reason_is_in_words_where_there_is_nothing_to_compare():
    relative, multi = RULES["relative"], RULES["multi"]
    without_rate = _history(1.0, rate=0.125).set(2, EpochData())
    assert relative.decide(History(), 1).cause.reason == "no epoch before"
    assert relative.decide(History({5: EpochData(learning_rate=0.125)}), 3) == relative.decide(History(), 3)
    alone = relative.decide(_history(1.0), 2)
    assert (alone.action, alone.previous, alone.cause.reason) == (Action.KEEP, 0.5, "only one epoch to go by")
    assert relative.decide(without_rate, 3).cause.reason == "the last epoch has no rate"
    assert relative.decide(without_rate, 3).previous == 0.125
    assert multi.decide(History({1: EpochData()}), 2).cause.reason == "no epoch before has a rate"
    between = NewbobMultiEpoch(1, 1, 0.5, -0.5, **COMMON).decide(_history(1.0, 1.0), 3)
    assert between.cause.reason == "the error is between the thresholds"
    waiting = NewbobMultiEpoch(1, 3, 0.0, 0.0, **COMMON).decide(_history(1.0, 1.0), 3)
    assert (waiting.action, waiting.previous) == (Action.KEEP, 0.5)
    assert (waiting.cause.rule, waiting.cause.reason) == ("newbob_multi_epoch", "updates come every 3 epochs")


@pytest.mark.parametrize(
    ("new", "abs_rate", "multi_rate"), [(2.0, 1.0, 0.5), (2.5, 0.25, 0.25), (1.5, 1.0, 0.5), (1.0, 1.0, 1.0)]
)
def test_a_change_at_its_threshold_neither_decays_nor_is_it_below(new, abs_rate, multi_rate):
    """Beside, at and beyond the bounds 0 and -1/3: the relative changes are 0, 0.2, -1/3 and -1."""
    assert NewbobAbs(0.0, **COMMON)(_history(2.0, new), 3) == abs_rate
    assert NewbobMultiEpoch(1, 1, 0.0, -0.5 / 1.5, **COMMON)(_history(2.0, new), 3) == multi_rate


def test_an_infinitely_worse_error_does_not_grow_where_the_threshold_is_infinite():
    history = _history(1.0, math.inf)
    for kind in (NewbobRelative, NewbobAbs):
        assert kind(math.inf, **COMMON)(history, 3) == 0.5
        assert kind(math.inf, non_finite_error="original", **COMMON)(history, 3) == 1.0
        assert kind(math.inf, **COMMON)(_history(1.0, 1e308), 3) == 1.0
    relative = NewbobRelative(math.inf, non_finite_error="keep", **COMMON)
    assert relative(_history(-1.0, 0.0), 3) == 0.5  # finite errors, and a change that is not


@pytest.mark.parametrize("policy", ["worse", "keep", "original"])
def test_a_mean_of_opposite_infinities_says_nothing(policy):
    schedule = NewbobMultiEpoch(3, 1, -0.01, -0.01, non_finite_error=policy, **COMMON)
    decision = schedule.decide(_history(1.0, 0.0, -1.0, 0.0), 5)
    assert [each.change for each in decision.cause.comparisons] == [-math.inf, -1.0, math.inf]
    assert (decision.action, decision.cause.reason) == (Action.KEEP, "the error cannot be compared")


def test_what_leaves_the_rate_as_it_is_is_no_decay_and_no_growth(newbob):
    neutral = attrs.evolve(newbob, learning_rate_decay=1.0, learning_rate_growth=1.0)
    for scores in ((1.0, 2.0), (2.0, 1.0)):
        assert neutral.decide(_history(*scores), 3).action is Action.KEEP


def test_relative_to_the_old_error_on_request():
    schedules = [NewbobRelative(-0.6, relative_error_div_by_old=by_old, **COMMON) for by_old in (False, True)]
    assert [schedule.relative_to for schedule in (*schedules, RULES["abs"])] == ["new", "old", None]
    changes = [schedule.decide(_history(2.0, 1.0), 3).cause.change for schedule in schedules]
    assert changes == [-1.0, -0.5]
    assert [schedule(_history(2.0, 1.0), 3) for schedule in schedules] == [1.0, 0.25]


def test_policies_for_non_finite_errors_can_be_chosen(newbob):
    def action(policy, *scores):
        return type(newbob).decide(_with_policy(newbob, policy), _history(*scores), 3).action

    assert action("keep", 1.0, math.nan) is Action.KEEP
    assert action("keep", math.nan, 1.0) is Action.KEEP
    original = Action.KEEP if isinstance(newbob, NewbobMultiEpoch) else Action.GROW
    assert action("original", 1.0, math.nan) is original
    with pytest.raises(ArgumentError, match="non_finite_error must be one of 'worse', 'keep', 'original', got 'best'"):
        _with_policy(newbob, "best")


def _with_policy(schedule, policy):
    return attrs.evolve(schedule, non_finite_error=policy)


def test_a_change_of_key_cannot_be_compared(newbob):
    history = History(
        {
            1: EpochData(learning_rate=0.5, error={"train_score": 1.0}),
            2: EpochData(learning_rate=0.5, error={"dev_score": 9.0}),
        }
    )
    decision = newbob.decide(history, 3)
    assert decision.action is Action.KEEP
    assert "nothing to compare: train_score counts at epoch 1, dev_score at epoch 2" in decision.describe()


def test_strict_keys_are_not_stood_in_for():
    strict = NewbobRelative(-0.01, error_measure_key="dev_score_x", strict_error_key=True, **COMMON)
    assert strict.decide(_history(1.0, 2.0), 3).action is Action.KEEP


def test_a_decay_stops_at_the_minimum_and_says_so():
    schedule = NewbobRelative(-0.01, min_learning_rate=0.3, **COMMON)
    decision = schedule.decide(_history(1.0, 1.0), 3)
    assert (decision.learning_rate, decision.cause.lifted_from) == (0.3, 0.25)
    at_the_floor = schedule.decide(_history(1.0, 1.0, rate=0.3), 3)
    assert (at_the_floor.learning_rate, at_the_floor.action) == (0.3, Action.KEEP)
    assert at_the_floor.describe().endswith("; lifted from 0.15 to the minimum")
    just_there = schedule.decide(_history(1.0, 1.0, rate=0.6), 3)
    assert (just_there.learning_rate, just_there.action, just_there.cause.lifted_from) == (0.3, Action.DECAY, None)


def test_an_old_epoch_without_a_rate_means_the_default():
    history = _history(1.0, 2.0, rate=0.125).set(3, EpochData(error={"dev_score": 3.0}))
    assert NewbobRelative(-0.01, **COMMON)(history, 4) == 0.5
    assert NewbobMultiEpoch(1, 1, -0.01, -0.01, **COMMON)(history, 4) == 0.0625


def test_decay_and_growth_may_be_functions_or_nothing():
    schedule = NewbobRelative(
        -0.01, default_learning_rate=0.5, learning_rate_decay=lambda rate: rate - 0.125, learning_rate_growth=None
    )
    assert schedule(_history(1.0, 1.0), 3) == 0.375
    assert schedule(_history(2.0, 1.0), 3) == 0.5


@pytest.mark.parametrize("answer", [math.nan, math.inf, -math.inf, "0.1", None])
def test_a_function_must_give_a_number(answer):
    common = {"default_learning_rate": 0.5, "learning_rate_growth": lambda _: answer}
    schedule = NewbobRelative(-0.01, learning_rate_decay=lambda _: answer, **common)
    with pytest.raises(ArgumentError, match=r"learning_rate_decay\(0.5\) must be a finite number, got"):
        schedule(_history(1.0, 1.0), 3)
    with pytest.raises(ArgumentError, match=r"learning_rate_growth\(0.5\) must be a finite number, got"):
        schedule(_history(2.0, 1.0), 3)


def test_a_decay_below_0_is_lifted_and_a_growth_below_0_refused():
    schedule = NewbobRelative(
        -0.01,
        default_learning_rate=0.5,
        min_learning_rate=0.125,
        learning_rate_decay=lambda rate: rate - 1.0,
        learning_rate_growth=lambda rate: rate - 1.0,
    )
    decayed = schedule.decide(_history(1.0, 1.0), 3)
    assert (decayed.learning_rate, decayed.cause.lifted_from) == (0.125, -0.5)
    with pytest.raises(ArgumentError, match="after learning_rate_growth must be a finite number >= 0, got -0.5"):
        schedule(_history(2.0, 1.0), 3)


def test_a_rate_can_be_asked_to_decay_to_grow_or_to_stay():
    ask = NewbobAbs(0.0, min_learning_rate=0.125, **COMMON).calc_learning_rate_decay_or_grow
    assert [ask(0.5, decay=True), ask(0.5, decay=True, grow=False), ask(0.25, decay=True)] == [0.25, 0.25, 0.125]
    assert ask(0.125, decay=True) == 0.125  # lifted
    assert [ask(0.5, decay=False), ask(0.5, decay=False, grow=True)] == [1.0, 1.0]
    assert ask(0.5, decay=False, grow=False) == 0.5
    for decay in (True, False):
        with pytest.raises(ArgumentError, match="learning_rate must be a finite number >= 0, got -1"):
            ask(-1, decay=decay, grow=False)


def test_decay_and_growth_at_once_are_refused():
    with pytest.raises(ArgumentError, match="grow must be False where decay is True, got True; a rate goes one way"):
        RULES["abs"].calc_learning_rate_decay_or_grow(0.5, decay=True, grow=True)


def test_relative_to_the_rate_asks_less_of_a_smaller_one():
    schedule = NewbobRelative(-0.1, relative_error_also_relative_to_learning_rate=True, **COMMON)
    assert schedule(_history(1.0, 0.95, rate=0.5), 3) == 0.25
    assert schedule(_history(1.0, 0.95, rate=0.125), 3) == 0.25  # grows: the error fell by 0.05 / (0.125 / 0.5)
    assert schedule(_history(1.0, 0.95, rate=0.0), 3) == 0.0  # no rate to be relative to
    unknown = _history(1.0, rate=0.125).set(2, EpochData(error={"dev_score": 0.95}))
    halved = _history(1.0, 0.95).set(2, EpochData(learning_rate=0.25, error={"dev_score": 0.95}))
    assert schedule.compare(halved, *halved.items()).learning_rate_scale == 0.5
    (old, new), newer = unknown.items(), unknown.set(3, EpochData(learning_rate=0.25))
    assert schedule.compare(unknown, old, new).learning_rate_scale == 0.25  # by the newest rate before it
    assert schedule.compare(newer, old, new) == schedule.compare(unknown, old, new)
    assert schedule.compare(History(), new, new).learning_rate_scale == 1.0
    multi = NewbobMultiEpoch(1, 1, 0.0, 0.0, relative_error_also_relative_to_learning_rate=True, **COMMON)
    assert multi.decide(unknown, 3).cause.comparisons == (schedule.compare(unknown, old, new),)
    assert schedule.decide(_history(1.0, 0.95, rate=0.125), 3).cause.comparisons[0].learning_rate_scale == 0.25
    assert NewbobRelative(0.0, default_learning_rate=0.0)(_history(1.0), 2) == 0.5
    with pytest.raises(ArgumentError, match="default_learning_rate must be > 0 where relative.*, got 0.0; "):
        NewbobRelative(-0.1, default_learning_rate=0.0, relative_error_also_relative_to_learning_rate=True)


@pytest.mark.parametrize(("epoch", "updates"), [(6, False), (7, True), (8, False), (10, True)])
def test_multi_epoch_updates_only_every_so_often(epoch, updates):
    schedule = NewbobMultiEpoch(2, 3, -0.01, -0.01, **COMMON)
    assert schedule(_history(*[1.0] * (epoch - 1)), epoch) == (0.25 if updates else 0.5)


@pytest.mark.parametrize(("interval", "epochs"), [(1, [3, 4, 5, 6, 7]), (2, [3, 5, 7]), (3, [4, 7]), (5, [6])])
def test_multi_epoch_updates_after_each_interval(interval, epochs):
    schedule = NewbobMultiEpoch(1, interval, -0.01, -0.01, **COMMON)
    history = _history(*[1.0] * 7)
    assert [epoch for epoch in range(3, 8) if schedule(history, epoch) != 0.5] == epochs


def test_multi_epoch_keeps_where_one_of_its_changes_is_unknown():
    schedule = NewbobMultiEpoch(2, 1, -0.01, -0.01, **COMMON)
    for scores in ((math.nan, 1.0, 1.0), (math.inf, math.nan, 1.0)):
        cause = schedule.decide(_history(*scores), 4).cause
        assert (cause.change, len(cause.comparisons)) == (None, 2)
        assert schedule.mean_change(_history(*scores), 4) is None
    assert schedule.mean_change(_history(4.0, 2.0, 4.0), 4) == (-1.0 + 0.5) / 2
    assert schedule.mean_change(_history(1.0), 2) is None


@pytest.mark.parametrize(("epochs", "looks_at"), [(2, 1), (3, 2), (4, 2), (5, 2)])
def test_multi_epoch_looks_at_no_more_than_num_epochs_changes(epochs, looks_at):
    schedule = NewbobMultiEpoch(2, 1, -0.01, -0.01, **COMMON)
    assert len(schedule.decide(_history(*[1.0] * epochs), epochs + 1).cause.comparisons) == looks_at


def test_multi_epoch_between_its_thresholds_keeps():
    schedule = NewbobMultiEpoch(1, 1, 0.5, -0.5, **COMMON)
    assert schedule.decide(_history(1.0, 1.0), 3).action is Action.KEEP


@pytest.mark.parametrize("size", [*range(1, 40), 127, 128, 129, 135, 136, 137, 255, 256, 257, 1000, 4097])
def test_the_mean_is_numpys_bit_for_bit(size):
    values = numpy.random.default_rng(size).normal(size=size) * 10.0 ** numpy.random.default_rng(size).integers(
        -9, 9, size
    )
    assert mean(values.tolist()) == float(numpy.mean(values))


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=300))
def test_the_mean_of_anything_is_numpys(values):
    with numpy.errstate(all="ignore"):
        expected = float(numpy.mean(values))
    assert mean(values) == expected or (math.isnan(mean(values)) and math.isnan(expected))


def test_the_defaults_decay_and_change_nothing_else():
    schedule = NewbobRelative(default_learning_rate=0.5)
    assert (schedule.learning_rate_decay, schedule.learning_rate_growth, schedule.min_learning_rate) == (0.5, 1.0, 0.0)
    assert (schedule.error_measure_key, schedule.strict_error_key, schedule.non_finite_error) == ((), False, "worse")
    assert schedule.measure == ErrorMeasure()
    assert schedule.relative_error_threshold == NewbobAbs(default_learning_rate=0.5).error_threshold == -0.01
    assert [schedule(_history(*scores), 3) for scores in ((4.0, 4.0), (4.0, 2.0))] == [0.25, 0.5]
    multi = NewbobMultiEpoch(7, relative_error_threshold=-0.5, default_learning_rate=0.5)
    assert (multi.update_interval, multi.relative_error_grow_threshold) == (7, -0.5)
    multi = NewbobMultiEpoch(default_learning_rate=0.5)
    assert (multi.num_epochs, multi.update_interval) == (5, 5)
    assert (multi.relative_error_threshold, multi.relative_error_grow_threshold) == (-0.01, -0.01)
    assert schedule.relative_error_also_relative_to_learning_rate is False
    assert schedule.relative_error_div_by_old is False
    for kind, arguments in (
        (NewbobRelative, (0.0, 0.5)),
        (NewbobAbs, (0.0, 0.5)),
        (NewbobMultiEpoch, (1, 1, 0, 0, 0.5)),
    ):
        with pytest.raises(TypeError, match="positional"):
            kind(*arguments)


def test_a_rule_has_to_say_above_what_it_decays():
    class Incomplete(Newbob):
        pass

    with pytest.raises(TypeError, match="abstract method '?_thresholds"):
        Incomplete(default_learning_rate=0.5)


@pytest.mark.parametrize(
    ("arguments", "law"),
    [
        ({"default_learning_rate": -0.1}, "default_learning_rate must be a finite number >= 0, got -0.1"),
        ({"min_learning_rate": math.nan}, "min_learning_rate must be a finite number >= 0, got nan"),
        ({"learning_rate_decay": 1.01}, r"learning_rate_decay must be None, a factor in \[0, 1\], or a function"),
        ({"learning_rate_decay": -0.5}, "learning_rate_decay must be"),
        ({"learning_rate_decay": math.nan}, "learning_rate_decay must be"),
        ({"learning_rate_growth": 0.9}, "learning_rate_growth must be None, a finite factor >= 1, or a function"),
        ({"learning_rate_growth": math.inf}, "learning_rate_growth must be"),
        ({"error_threshold": math.nan}, "error_threshold must be a number, got nan"),
        ({"error_measure_key": 3}, "error_measure_key must be None, a str or a sequence of str, got 3"),
        ({"strict_error_key": 1}, "strict_error_key must be True or False, got 1"),
    ],
)
def test_a_broken_law_is_named_with_the_value_and_a_way_out(arguments, law):
    with pytest.raises(ArgumentError, match=law + ".*; "):
        NewbobAbs(**{"error_threshold": 0.0, "default_learning_rate": 0.1} | arguments)


@pytest.mark.parametrize(
    ("arguments", "law"),
    [
        ((0, 1, 0.0, 0.0), "num_epochs must be an integer >= 1, got 0"),
        ((1, 0, 0.0, 0.0), "update_interval must be an integer >= 1, got 0"),
        ((1.5, 1, 0.0, 0.0), "num_epochs must be an integer >= 1, got 1.5"),
        ((1, 1, 0.0, 0.1), r"relative_error_grow_threshold must be at most relative_error_threshold \(0.0\), got 0.1"),
    ],
)
def test_multi_epoch_laws(arguments, law):
    with pytest.raises(ArgumentError, match=law):
        NewbobMultiEpoch(*arguments, default_learning_rate=0.1)


def test_wrappers_are_checked_too():
    with pytest.raises(ArgumentError, match="min_num_epochs must be an integer >= 0, got -1"):
        HoldLearningRate(Constant(0.1), -1)
    with pytest.raises(ArgumentError, match=r"learning_rates\[2\] must be a finite number >= 0, got -1"):
        Preset(Constant(0.1), {2: -1})
    with pytest.raises(ArgumentError, match="learning_rates must be a mapping"):
        Preset(Constant(0.1), "0.1")


@pytest.mark.parametrize("kind", [Constant, NewbobRelative, NewbobAbs, NewbobMultiEpoch])
@pytest.mark.parametrize("key", ["accuracy", ["val_loss", "f1"], "val/mAP50"])
def test_a_schedule_that_is_to_look_at_an_accuracy_is_refused_when_it_is_made(kind, key):
    with pytest.raises(ArgumentError, match="where smaller is better, as mode is 'min', got .*; pass mode='max'"):
        kind(default_learning_rate=0.5, error_measure_key=key)
    larger = kind(default_learning_rate=0.5, error_measure_key=key, mode="max")
    assert larger.measure == ErrorMeasure(key, mode="max")
    as_in_returnn = kind(default_learning_rate=0.5, error_measure_key=key, stand_ins="returnn")
    assert as_in_returnn.measure == ErrorMeasure(key, stand_ins="returnn")


# ---- gaps between the epochs that have the key

WITH_GAPS = {
    "relative": NewbobRelative(error_measure_key=("x", "y"), gaps="newest_with_key", default_learning_rate=0.5),
    "abs": NewbobAbs(error_measure_key=("x", "y"), gaps="newest_with_key", default_learning_rate=0.5),
    "multi": NewbobMultiEpoch(
        2, 1, -0.01, -0.5, error_measure_key=("x", "y"), gaps="newest_with_key", default_learning_rate=0.5
    ),
}


def _errors(*errors, rate=0.5):
    return History({epoch: EpochData(learning_rate=rate, error=error) for epoch, error in enumerate(errors, start=1)})


@pytest.mark.parametrize("kind", WITH_GAPS)
def test_with_gaps_the_newest_epochs_with_the_key_are_compared(kind):
    errors = [{"x": 4.0}, {"z": 9.0}, {"x": 2.0, "z": 9.0}, {}, {"z": 9.0}, {}, {"x": 2.0}]
    decision = WITH_GAPS[kind].decide(_errors(*errors), 8)
    compared = [(each.old_epoch, each.new_epoch, each.new_error) for each in decision.cause.comparisons]
    assert compared == ([(1, 3, 2.0), (3, 7, 2.0)] if kind == "multi" else [(3, 7, 2.0)])
    assert decision.cause.change == (-0.5 if kind == "multi" else 0.0)
    assert decision.learning_rate == (0.5 if kind == "multi" else 0.25)
    neighbours = attrs.evolve(WITH_GAPS[kind], gaps="neighbours")
    assert neighbours.decide(_errors(*errors), 8).cause.change is None


@pytest.mark.parametrize("kind", WITH_GAPS)
@pytest.mark.parametrize("newest", [{}, {"z": 9.0}])
def test_with_gaps_the_rate_is_kept_where_the_newest_epoch_has_no_key(kind, newest):
    decision = WITH_GAPS[kind].decide(_errors({"x": 2.0}, {"x": 3.0}, newest), 4)
    assert (decision.action, decision.learning_rate, decision.cause.comparisons) == (Action.KEEP, 0.5, ())
    assert WITH_GAPS[kind](_errors({"x": 2.0}, {"x": 3.0}, newest), 4) == 0.5
    if kind != "multi":
        assert decision.cause.reason == "the last epoch has no error of a configured key"
    assert WITH_GAPS[kind].decide(_errors({"z": 1.0}, newest, {"x": 3.0}), 4).action is Action.KEEP  # only one has it


def test_with_gaps_an_update_looks_for_the_key_in_its_whole_interval():
    rule = attrs.evolve(WITH_GAPS["multi"], num_epochs=1, update_interval=3)
    for last in ([{"x": 2.0}, {}, {}], [{}, {"x": 2.0}, {}], [{}, {}, {"x": 2.0}]):
        assert rule(_errors({"x": 2.0}, {}, {}, *last), 7) == 0.25
    assert rule(_errors({"x": 2.0}, {"x": 2.0}, {"x": 2.0}, {}, {}, {}), 7) == 0.5  # as decided three epochs before
    assert rule(_errors({"x": 2.0}, {"x": 2.0}, {"x": 2.0}, {}, {"x": 2.0}), 6) == 0.5  # no update


def test_with_gaps_a_first_key_and_the_next_best_are_different_errors():
    """Both are configured, so both epochs have a key; that they cannot be compared is no gap."""
    decision = WITH_GAPS["relative"].decide(_errors({"x": 1.0}, {"y": 2.0}), 3)
    assert (decision.action, decision.cause.reason) == (Action.KEEP, "the error cannot be compared")


@given(
    st.sampled_from([*WITH_GAPS.values()]),
    st.integers(1, 4),
    st.integers(1, 3),
    st.booleans(),
    st.lists(
        st.tuples(
            st.sampled_from([0.5, 0.25, 1.0]),
            st.dictionaries(st.sampled_from(["x", "y", "y_output", "z"]), st.sampled_from([4.0, 3.0, 3.5, math.nan])),
        ),
        max_size=14,
    ),
)
def test_with_gaps_a_rule_is_itself_over_the_epochs_with_the_key(rule, num_epochs, interval, relative, epochs):
    if isinstance(rule, NewbobMultiEpoch):
        rule = attrs.evolve(rule, num_epochs=num_epochs, update_interval=interval)
    if not isinstance(rule, NewbobAbs):
        rule = attrs.evolve(rule, relative_error_also_relative_to_learning_rate=relative)
    history = History(
        {epoch: EpochData(learning_rate=rate, error=error) for epoch, (rate, error) in enumerate(epochs, start=1)}
    )
    others_left_out = History({epoch: data for epoch, data in history.items() if rule.measure.has_key(data)})
    neighbours = attrs.evolve(rule, gaps="neighbours", strict_error_key=True)
    for epoch in range(1, len(epochs) + 2):
        decision, alone = rule.decide(history, epoch), neighbours.decide(others_left_out, epoch)
        assert rule(history, epoch) == decision.learning_rate
        if epoch - 1 in others_left_out:
            assert decision == alone
        elif decision.cause.comparisons:  # an epoch of the interval has it
            assert decision.cause.comparisons == alone.cause.comparisons
            assert decision.cause == attrs.evolve(alone.cause, lifted_from=decision.cause.lifted_from)
        else:
            assert decision.learning_rate == (0.5 if epoch == 1 else epochs[epoch - 2][0])


def _looked_at(monkeypatch, rule, has_key):
    """How often a rule looks for its key in a run where some epochs have it."""
    looks = []
    original = ErrorMeasure.has_key
    with monkeypatch.context() as patched:
        patched.setattr(ErrorMeasure, "has_key", lambda *arguments: looks.append(1) or original(*arguments))
        cursor = Cursor.over(rule)
        for epoch, has_it in enumerate(has_key, start=1):
            cursor.rate(Moment(epoch))
            error = {"x": 1.0} if has_it else {"z": 1.0}
            cursor = cursor.after(Moment(epoch), EpochData(learning_rate=0.5, error=error))
    return len(looks)


@pytest.mark.parametrize("kind", WITH_GAPS)
@pytest.mark.parametrize(
    "pattern",
    [
        lambda length: [True, *[False] * length],
        lambda length: [True, *[False] * length, True, True, True],
        lambda length: [*[False] * length, True],
        lambda length: [epoch % 50 == 0 for epoch in range(length)],
        lambda length: [True] * length,
    ],
)
def test_a_long_gap_is_searched_a_few_times_and_not_at_every_epoch(monkeypatch, kind, pattern):
    for length in (400, 1600):
        assert length <= _looked_at(monkeypatch, WITH_GAPS[kind], pattern(length)) <= 10 * length + 100


RELATIVE = {"scale_invariant", "monotone", "non_finite_is_worst", "never_raises"}


@pytest.mark.parametrize(
    ("changes", "claims"),
    [
        ({}, RELATIVE),
        ({"mode": "max"}, RELATIVE - {"monotone"}),
        ({"non_finite_error": "keep"}, RELATIVE - {"non_finite_is_worst"}),
        ({"learning_rate_growth": 1.5}, RELATIVE - {"never_raises"}),
        ({"learning_rate_growth": None}, RELATIVE),
        ({"min_learning_rate": 1.0}, RELATIVE - {"monotone", "non_finite_is_worst", "never_raises"}),
        ({"min_learning_rate": 0.5}, RELATIVE),
        ({"learning_rate_decay": lambda rate: rate}, {"scale_invariant"}),
        ({"learning_rate_growth": lambda rate: rate}, {"scale_invariant"}),
        ({"stand_ins": "returnn"}, RELATIVE | {"name_invariant"}),
        ({"stand_ins": "returnn", "error_measure_key": "x"}, RELATIVE | {"name_invariant"}),
        ({"stand_ins": "returnn", "strict_error_key": True}, RELATIVE | {"name_invariant"}),
        ({"stand_ins": "returnn", "error_measure_key": "x", "strict_error_key": True}, RELATIVE),
        ({"stand_ins": "returnn", "error_measure_key": "x", "gaps": "newest_with_key"}, RELATIVE),
    ],
)
def test_what_a_rule_claims(changes, claims):
    plain = {"default_learning_rate": 0.5, "learning_rate_decay": 0.5}
    assert NewbobRelative(-0.01, **plain | changes).claims == claims
    assert NewbobAbs(-0.01, **plain | changes).claims == claims - {"scale_invariant"} | {"shift_invariant"}
    multi = NewbobMultiEpoch(1, 1, -0.01, -0.01, **plain | changes)
    assert multi.claims == (claims | {"window"} if multi.gaps == "neighbours" else claims)


def test_an_epoch_without_errors_cannot_be_compared_unless_gaps_are_passed_over(newbob):
    history = _errors({"dev_score": 2.0}, {}, {"dev_score": 3.0})
    assert newbob.decide(history, 4).action is Action.KEEP
    assert newbob(history, 4) == 0.5
    over_gaps = attrs.evolve(newbob, error_measure_key="dev_score", gaps="newest_with_key")
    assert over_gaps.decide(history, 4).action is Action.DECAY


def test_with_gaps_an_update_looks_for_the_key_in_no_more_than_its_interval():
    rule = attrs.evolve(WITH_GAPS["multi"], num_epochs=1, update_interval=3)
    history = _errors({"x": 2.0}, {"x": 2.0}).set(5, EpochData(learning_rate=0.5)).set(6, EpochData(learning_rate=0.5))
    assert (rule.decide(history, 7).action, rule(history, 7)) == (Action.KEEP, 0.5)
    assert rule(_errors({"x": 2.0}, {}, {}, {"x": 2.0}, {}, {}), 7) == 0.25
    for every_epoch in WITH_GAPS.values():  # without an interval the newest epoch is looked at, however old it is
        assert every_epoch(_errors({"x": 2.0}, {"x": 2.0}), 7) == 0.25


def test_an_original_nan_is_an_improvement_and_said_to_be_one():
    rule = NewbobRelative(-0.01, default_learning_rate=0.5, learning_rate_growth=2.0, non_finite_error="original")
    decision = rule.decide(_history(1.0, math.nan), 3)
    assert (decision.action, decision.learning_rate) == (Action.GROW, 1.0)
    assert decision.cause.reason == "the error improved enough"
