"""The schedules of the house under the laws that all schedules keep, and what else holds of single families."""

import math
from math import inf, nextafter

import attrs
import pytest
from hypothesis import given, settings as profile, strategies as st

from lrsched import (
    Clamp,
    Constant,
    EpochData,
    FunctionSchedule,
    History,
    HoldLearningRate,
    LearningRateControl,
    MemoryStorage,
    NewbobAbs,
    NewbobMultiEpoch,
    NewbobRelative,
    Preset,
    Product,
    Scaled,
    schedule_from_config,
)
from lrsched.schedules.newbob import Newbob
from lrsched.testing import LAWS, check_schedule, strategies
from lrsched.testing.laws import asked_epochs, own_run

KEYS = st.sampled_from(strategies.ERROR_KEYS)
HISTORIES = strategies.histories(max_size=12)
SCHEDULES = strategies.schedules(keys=KEYS)
BUDGET = profile.default.max_examples  # 100, and 5000 with the profile deep
DOWNWARD = {"never_raises", "monotone", "non_finite_is_worst"}


@pytest.mark.parametrize("kind", strategies.schedule_classes(), ids=lambda kind: kind.__name__)
def test_every_schedule_of_the_house_keeps_every_law(kind):
    """With any parameters; each law that it claims, too, and each is put to the test."""
    report = check_schedule(strategies.schedules(kind, keys=KEYS), budget=BUDGET)
    assert report.examples == BUDGET
    unchecked = {each.law.name: each.verdict for each in report.laws if each.verdict != "holds"}
    for missed in set(unchecked) - set(UNCHECKED[kind]):  # too few of those that were drawn are concerned
        (again,) = check_schedule(strategies.schedules(kind, keys=KEYS), missed, budget=10 * BUDGET).laws
        assert again.verdict == "holds"
        del unchecked[missed]
    assert unchecked == UNCHECKED[kind]


_ALONE = {"parts_decide_alone": "no parameter"}
_HAND_ON = {"parts_decide_alone": "never tried"}
_NO_LIMITS = dict.fromkeys(("minimum", "maximum"), "no parameter")
_NO_PEAK = {"max_learning_rate": "no parameter"} | _NO_LIMITS
_NO_HOLD = {"min_num_epochs": "no parameter"}
_NO_PARAMETERS = {"min_learning_rate": "no parameter"} | _NO_PEAK | _NO_HOLD
_NO_WINDOW = {"window": "not claimed", "presets_count": "not claimed"}
UNCHECKED = {
    Constant: _ALONE | _NO_PARAMETERS | _NO_WINDOW,
    NewbobRelative: _ALONE | _NO_PEAK | _NO_HOLD | {"shift_invariant": "not claimed"} | _NO_WINDOW,
    NewbobAbs: _ALONE | _NO_PEAK | _NO_HOLD | {"scale_invariant": "not claimed"} | _NO_WINDOW,
    NewbobMultiEpoch: _ALONE | _NO_PEAK | _NO_HOLD | {"shift_invariant": "not claimed", "presets_count": "not claimed"},
    FunctionSchedule: _ALONE | _NO_PARAMETERS | {name: "not claimed" for name, law in LAWS.items() if law.claimed},
    HoldLearningRate: _HAND_ON | {"min_learning_rate": "no parameter"} | _NO_PEAK | _NO_WINDOW,
    Preset: _HAND_ON | _NO_PARAMETERS | dict.fromkeys((*DOWNWARD, "window"), "not claimed"),
    Scaled: _NO_PARAMETERS | _NO_WINDOW,
    Product: _NO_PARAMETERS | _NO_WINDOW,
    Clamp: {name: why for name, why in _NO_PARAMETERS.items() if name not in _NO_LIMITS} | _NO_WINDOW,
}


def test_whatever_a_configuration_says_keeps_every_law():
    check_schedule(strategies.configs().map(schedule_from_config), budget=BUDGET)


def test_only_laws_that_can_be_claimed_are_claimed():
    can_be = {name for name, law in LAWS.items() if law.claimed}
    claimed = (
        Constant(0.1).claims
        | Preset(Constant(0.1), {}).claims
        | NewbobMultiEpoch(2, 1, 0.0, 0.0, default_learning_rate=0.1).claims
    )
    for common in ({}, {"learning_rate_growth": 2.0}, {"non_finite_error": "keep"}, {"min_learning_rate": 1.0}):
        for kind in (NewbobRelative, NewbobAbs):
            claimed |= kind(0.0, default_learning_rate=0.1, **common).claims
    assert claimed == can_be


@pytest.mark.parametrize(
    ("change", "claimed_no_more", "kept"),
    [
        ({"learning_rate_growth": 1.5}, {"never_raises"}, set()),
        ({"min_learning_rate": 0.5}, DOWNWARD, set()),
        ({"learning_rate_decay": strategies.a_little_more}, DOWNWARD, set()),
        ({"learning_rate_growth": strategies.a_third}, DOWNWARD, {"never_raises"}),
        ({"non_finite_error": "original"}, {"non_finite_is_worst"}, set()),
        ({"error_measure_key": "dev_score", "strict_error_key": True}, {"name_invariant"}, set()),
        ({"stand_ins": "common"}, {"name_invariant"}, {"name_invariant"}),  # the other name says nothing
        ({"mode": "max"}, {"monotone"}, set()),
    ],
)
def test_what_is_claimed_depends_on_the_parameters(change, claimed_no_more, kept):
    """What is claimed no more is not kept either, or by one function or name only: otherwise it could be claimed."""
    plain = NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=0.5, stand_ins="returnn")
    changed = attrs.evolve(plain, **change)
    assert plain.claims - changed.claims == claimed_no_more
    report = check_schedule(changed, claimed_no_more, claims=claimed_no_more, on_fail="report")
    assert {each.law.name for each in report.broken} == claimed_no_more - kept


# ---- wrappers


@given(SCHEDULES, SCHEDULES, SCHEDULES, HISTORIES)
def test_factors_commute(schedule, one, other, history):
    for epoch in asked_epochs(history):
        decisions = [
            product.decide(history, epoch) for product in (Product(schedule, one, other), Product(schedule, other, one))
        ]
        rates = [(each.learning_rate, each.previous, each.action) for each in decisions]
        assert rates[0] == rates[1]


@given(strategies.schedules(Newbob, keys=KEYS), st.integers(2, 5), HISTORIES)
def test_a_hold_lets_go_of_rates_that_lasted(schedule, min_num_epochs, history):
    for epoch in asked_epochs(history):
        decision = HoldLearningRate(schedule, min_num_epochs).decide(history, epoch)
        rates = [data.learning_rate for _, data in history.newest(min_num_epochs, before=epoch)]
        lasted = len(rates) == min_num_epochs and len(set(rates)) == 1
        if rates and rates[-1] is not None and not lasted:
            assert decision.learning_rate == rates[-1]
        else:
            assert decision == schedule.decide(history, epoch)


@given(strategies.presets(), HISTORIES)
def test_a_preset_is_what_its_epoch_gets(rates, history):
    schedule = Preset(Constant(0.75), rates)
    for epoch, rate in schedule.learning_rates.items():
        assert schedule(history, epoch) == rate
    control = LearningRateControl(schedule, MemoryStorage(history))
    for epoch, rate in schedule.learning_rates.items():
        recorded = history.get(epoch, EpochData()).learning_rate
        assert control.get_learning_rate_for_epoch(epoch) == (recorded or rate)


# ---- constant and newbob


@given(HISTORIES, st.floats(0.0, 1.0))
def test_constant_is_the_newest_rate(history, default):
    for epoch in asked_epochs(history):
        rates = [d.learning_rate for e, d in history.items() if e < epoch and d.learning_rate is not None]
        assert Constant(default)(history, epoch) == (rates[-1] if rates else default)


def on_errors(schedule, rate, *errors):
    """The decision after these errors, all trained at one rate."""
    past = {
        epoch: EpochData(learning_rate=rate, error={"dev_score": error}) for epoch, error in enumerate(errors, start=1)
    }
    return schedule.decide(History(past), len(errors) + 1)


def newbob(kind, threshold, **common):
    """A schedule of that kind that looks at the last two epochs."""
    arguments = (1, 1, threshold, -inf) if kind is NewbobMultiEpoch else (threshold,)
    return kind(*arguments, **common)


KINDS = st.sampled_from([NewbobRelative, NewbobAbs, NewbobMultiEpoch])


@given(KINDS, strategies.usual_learning_rates(), strategies.usual_learning_rates(), st.floats(0.0, 1.0))
def test_a_decay_is_lifted_to_the_minimum_and_never_above(kind, rate, min_learning_rate, decay):
    common = {"default_learning_rate": 1.0, "min_learning_rate": min_learning_rate, "learning_rate_decay": decay}
    decision = on_errors(newbob(kind, -0.01, **common), rate, 1.0, 1.0)
    assert decision.learning_rate == max(rate * decay, min_learning_rate)
    assert decision.cause.lifted_from == (rate * decay if rate * decay < min_learning_rate else None)


@given(strategies.schedules(Newbob, keys=KEYS), HISTORIES)
def test_a_training_that_starts_above_the_minimum_stays_there(schedule, history):
    schedule = attrs.evolve(schedule, min_learning_rate=min(schedule.default_learning_rate, schedule.min_learning_rate))
    assert all(data.learning_rate >= schedule.min_learning_rate for data in own_run(schedule, history).values())


@given(KINDS, strategies.usual_errors(), strategies.usual_errors())
def test_only_a_change_above_the_threshold_decays(kind, old, new):
    common = {"default_learning_rate": 1.0, "learning_rate_decay": 0.5}
    change = on_errors(newbob(kind, 0.0, **common), 1.0, old, new).cause.change
    assert on_errors(newbob(kind, change, **common), 1.0, old, new).learning_rate == 1.0
    assert on_errors(newbob(kind, nextafter(change, -inf), **common), 1.0, old, new).learning_rate == 0.5
    assert on_errors(newbob(kind, nextafter(change, inf), **common), 1.0, old, new).learning_rate == 1.0


@given(strategies.usual_errors(), strategies.usual_errors())
def test_only_a_change_below_the_grow_threshold_grows(old, new):
    common = {"default_learning_rate": 1.0, "learning_rate_growth": 2.0}
    change = on_errors(NewbobMultiEpoch(1, 1, inf, -inf, **common), 1.0, old, new).cause.change
    for threshold, rate in ((change, 1.0), (nextafter(change, inf), 2.0), (nextafter(change, -inf), 1.0)):
        assert on_errors(NewbobMultiEpoch(1, 1, inf, threshold, **common), 1.0, old, new).learning_rate == rate


@given(st.integers(1, 6), st.lists(strategies.usual_errors(), min_size=2, max_size=12), strategies.usual_errors())
def test_the_window_is_exactly_num_epochs_changes(num_epochs, errors, other):
    schedule = NewbobMultiEpoch(num_epochs, 1, -0.01, -0.01, default_learning_rate=1.0, learning_rate_decay=0.5)
    decision = on_errors(schedule, 1.0, *errors)
    oldest = max(len(errors) - num_epochs, 1)
    assert [each.old_epoch for each in decision.cause.comparisons] == list(range(oldest, len(errors)))
    for epoch in range(1, len(errors) + 1):
        changed = on_errors(schedule, 1.0, *errors[: epoch - 1], other, *errors[epoch:])
        assert (changed == decision) == (epoch < oldest or other == errors[epoch - 1])


@given(
    strategies.schedules(Newbob, keys=KEYS),
    st.lists(st.floats(0.01, 10.0), min_size=1, max_size=6),
    st.sampled_from([math.nan, inf, -inf]),
)
def test_an_error_that_is_not_finite_never_raises_the_rate(schedule, errors, broken):
    safe = attrs.evolve(schedule, non_finite_error="worse", learning_rate_growth=2.0, min_learning_rate=0.0)
    safe = attrs.evolve(safe, learning_rate_decay=0.5)
    scores = [{"dev_score": error} for error in [*errors, broken]]
    run = own_run(safe, History({epoch: EpochData(error=score) for epoch, score in enumerate(scores, start=1)}))
    epoch = len(scores) + 1
    assert safe(run, epoch) <= run[epoch - 1].learning_rate
