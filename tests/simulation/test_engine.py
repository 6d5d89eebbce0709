"""The vectorised engine gives the rates of the pure functions, bit for bit."""

import math

import attrs
import numpy as np
import pytest
from hypothesis import given, strategies as st
from simulation.pure import batch_of, rates_of

from lrsched import (
    Constant,
    EpochData,
    History,
    HoldLearningRate,
    NewbobAbs,
    NewbobMultiEpoch,
    NewbobRelative,
    Preset,
)
from lrsched.simulation import sweep
from lrsched.testing import strategies

pytestmark = pytest.mark.filterwarnings("ignore::lrsched.errors.MeasureWarning")  # hostile histories deserve them

KEYS = st.sampled_from(["dev_score", "dev_score_output", "dev_error", "train_score"])
MODES = st.sampled_from(["free", "recorded"])


def rates():
    return st.sampled_from([0.0, -0.0, 1.0, 0.1, 1e-3, 5e-324, 1e300]) | st.floats(0.0, 10.0)


def factors(low, high):
    return (
        st.none()
        | st.sampled_from([low, 0.5, 1.0, 1.1, high]).filter(lambda f: low <= f <= high)
        | st.floats(low, high)
    )


@st.composite
def rules(draw):
    kind = draw(st.sampled_from([Constant, NewbobRelative, NewbobAbs, NewbobMultiEpoch]))
    if kind is Constant:
        return Constant(draw(rates()))
    relative = kind is not NewbobAbs and draw(st.booleans())
    parameters = {
        "default_learning_rate": draw(rates().filter(bool) if relative else rates()),
        "min_learning_rate": draw(st.sampled_from([0.0, -0.0]) | rates()),
        "error_measure_key": draw(strategies.error_measure_keys(KEYS)),
        "strict_error_key": draw(st.booleans()),
        "learning_rate_decay": draw(factors(0.0, 1.0) | st.just(-0.0)),
        "learning_rate_growth": draw(factors(1.0, 4.0) | st.just(1e200)),
        "non_finite_error": draw(st.sampled_from(["worse", "keep", "original"])),
        "mode": draw(st.sampled_from(["min", "max"])),
        "stand_ins": draw(st.sampled_from(["common", "returnn"])),
    }
    if kind is NewbobAbs:
        return NewbobAbs(draw(strategies.thresholds()), **parameters)
    parameters["relative_error_also_relative_to_learning_rate"] = relative
    parameters["relative_error_div_by_old"] = draw(st.booleans())
    threshold = draw(strategies.thresholds())
    if kind is NewbobRelative:
        return NewbobRelative(threshold, **parameters)
    grow = min(threshold, draw(strategies.thresholds()))
    num_epochs = draw(st.integers(1, 5) | st.sampled_from([9, 17, 10**30]))
    return NewbobMultiEpoch(num_epochs, draw(st.integers(1, 3)), threshold, grow, **parameters)


@st.composite
def schedules(draw):
    schedule = draw(rules())
    if draw(st.booleans()):
        schedule = HoldLearningRate(schedule, draw(st.integers(0, 4) | st.just(10**30)))
    for _ in range(draw(st.integers(0, 2))):
        schedule = Preset(schedule, draw(st.dictionaries(st.integers(1, 14), rates(), max_size=4)))
    return schedule


def histories():
    errors = st.dictionaries(KEYS, strategies.errors(), max_size=3)
    steady = strategies.usual_errors().map(lambda error: {"dev_score": error})
    data = strategies.epoch_data(rates=st.none() | rates(), error=steady | errors, meta=st.just({}))
    return strategies.histories(data, max_size=14)


def assert_as_pure(schedules, history, mode):
    batch = batch_of(schedules)
    assert batch.others == {}
    found = batch.rates(history, mode)
    assert found.shape == (len(history), len(schedules))
    for schedule, column in zip(schedules, found.T, strict=True):
        assert column.tobytes() == rates_of(schedule, history, mode), schedule


@given(st.lists(schedules(), max_size=6), histories(), MODES)
def test_any_settings_over_any_history(schedules, history, mode):
    assert_as_pure(schedules, history, mode)


@given(st.data(), histories(), MODES)
def test_many_settings_that_go_together(data, history, mode):
    """One rule with many thresholds, decays and holds, as in a grid."""
    thresholds = data.draw(st.lists(strategies.thresholds(), min_size=1, max_size=12))
    decay = st.sampled_from([0.5, 0.7, 0.9])
    settings = [
        HoldLearningRate(
            NewbobRelative(
                each, default_learning_rate=0.1, learning_rate_decay=data.draw(decay), min_learning_rate=1e-3
            ),
            data.draw(st.integers(0, 3)),
        )
        for each in thresholds
    ]
    assert_as_pure(settings, history, mode)


TOGETHER = {
    "default_learning_rate": 0.1,
    "learning_rate_decay": 0.5,
    "learning_rate_growth": 1.25,
    "error_measure_key": ("dev_error",),
}
RELATIVE = NewbobRelative(-0.4, **TOGETHER)
MULTI = NewbobMultiEpoch(2, 1, -0.2, -0.4, **TOGETHER)
UNEVEN = History(
    {
        epoch: EpochData(learning_rate=0.1 / epoch, error={key: error, "train_score": 1.0 / error})
        for epoch, (key, error) in enumerate(
            [
                ("dev_error", 4.0),
                ("dev_error", 3.0),
                ("dev_score", 2.0),
                ("dev_score", 1.0),
                ("dev_error", float("nan")),
                ("dev_error", 3.0),
                ("dev_error", 1.0),
                ("dev_error", 1.5),
            ],
            start=1,
        )
    }
)


FALLING = History(
    {
        epoch: EpochData(learning_rate=0.1 / epoch, error={"dev_error": error, "train_score": 1.0 / error})
        for epoch, error in enumerate(
            [8.0, 7.0, 4.0, 3.5, 2.0, float("nan"), 1.5, 1.0, 0.5, 0.45, float("inf"), 0.4], 1
        )
    }
)
GROW_BELOW = {NewbobMultiEpoch: {"relative_error_grow_threshold": -2.0}}


@pytest.mark.parametrize(
    ("schedule", "other"),
    [
        (RELATIVE, {"error_measure_key": ("train_score",)}),
        (RELATIVE, {"strict_error_key": True}),
        (RELATIVE, {"non_finite_error": "keep"}),
        (RELATIVE, {"non_finite_error": "original"}),
        (RELATIVE, {"error_measure_key": ("train_score",), "mode": "max"}),
        (RELATIVE, {"mode": "max", "stand_ins": "returnn"}),
        (MULTI, {"mode": "max"}),
        (RELATIVE, {"relative_error_div_by_old": True}),
        (RELATIVE, {"relative_error_also_relative_to_learning_rate": True}),
        (NewbobAbs(-1.0, **TOGETHER), {"strict_error_key": True}),
        (NewbobAbs(-1.0, **TOGETHER), {"non_finite_error": "original"}),
        (MULTI, {"num_epochs": 1}),
        (MULTI, {"update_interval": 2}),
        (attrs.evolve(MULTI, num_epochs=1), {"strict_error_key": True}),
        (MULTI, {"relative_error_div_by_old": True}),
    ],
)
@pytest.mark.parametrize("mode", ["free", "recorded"])
def test_settings_that_see_other_changes_of_the_error_do_not_go_together(schedule, other, mode):
    name = "error_threshold" if isinstance(schedule, NewbobAbs) else "relative_error_threshold"
    distinct = 0
    for history in (UNEVEN, FALLING):
        for threshold in (-1.5, -0.6, -0.3, -0.1, 0.0):
            one = attrs.evolve(schedule, **{name: threshold}, **GROW_BELOW.get(type(schedule), {}))
            settings = [one, attrs.evolve(one, **other)]
            distinct += rates_of(settings[0], history, mode) != rates_of(settings[1], history, mode)
            assert_as_pure(settings, history, mode)
            assert_as_pure(settings[::-1], history, mode)
    assert distinct


@pytest.mark.parametrize("mode", ["free", "recorded"])
@pytest.mark.parametrize("schedule", [RELATIVE, MULTI, NewbobAbs(-1.0, **TOGETHER)])
def test_gaps_are_left_to_the_pure_functions(schedule, mode):
    with_gaps = attrs.evolve(schedule, gaps="newest_with_key")
    held = HoldLearningRate(with_gaps, 2)
    assert batch_of([schedule, held]).others == {1: held}
    assert rates_of(with_gaps, UNEVEN, mode) != rates_of(schedule, UNEVEN, mode)
    swept = sweep([schedule, with_gaps], UNEVEN, mode).histories["history"].learning_rates
    assert [rates.tobytes() for rates in swept] == [rates_of(each, UNEVEN, mode) for each in (schedule, with_gaps)]


def _steady(*rates, score=1.0):
    return History({e: EpochData(learning_rate=r, error={"dev_score": score}) for e, r in enumerate(rates, start=1)})


@pytest.mark.parametrize("mode", ["free", "recorded"])
@pytest.mark.parametrize("outer", [0.0, -0.0, 0.25])
@pytest.mark.parametrize("recorded", [None, 0.0, 0.125])
def test_where_an_outer_preset_is_0_the_rule_sees_the_inner_one(mode, outer, recorded):
    both = Preset(Preset(Constant(0.1), {2: 0.5}), {2: outer})
    assert_as_pure([both], _steady(0.1, recorded, 0.1, None), mode)
    gap = History({1: EpochData(learning_rate=0.1), 5: EpochData(), 7: EpochData()})
    assert_as_pure([both, attrs.evolve(both, schedule=Constant(0.3))], gap, mode)


@pytest.mark.parametrize("growth", [1.0625, 1.5, 2.0])
def test_a_rate_that_grows_a_little_beyond_the_largest_float_is_none(growth):
    grows = NewbobRelative(0.5, default_learning_rate=1.7e308, learning_rate_growth=growth)
    stays = attrs.evolve(grows, learning_rate_growth=None)
    assert_as_pure([grows, stays], _steady(*[None] * 4), "free")
    assert np.isnan(np.frombuffer(rates_of(grows, _steady(*[0.1] * 4), "free"))).tolist() == [False, False, True, True]


@pytest.mark.parametrize("num_epochs", [1, 2, 13, 129, 200])
@pytest.mark.parametrize("relative", [True, False])
def test_windows_of_any_length(num_epochs, relative):
    schedule = NewbobMultiEpoch(
        num_epochs,
        1,
        -0.001,
        -0.002,
        default_learning_rate=0.1,
        learning_rate_decay=0.9,
        learning_rate_growth=1.05,
        relative_error_also_relative_to_learning_rate=relative,
    )
    # A fall at first, a rise later: an error more or less in the window is another decision.
    errors = [10.0 - 0.01 * epoch + 0.3 * (epoch % 5) for epoch in range(1, 150)]
    history = History(
        {e: EpochData(learning_rate=0.1, error={"dev_score": error}) for e, error in enumerate(errors, start=1)}
    )
    settings = [schedule, *(attrs.evolve(schedule, relative_error_threshold=t / 1e5) for t in (-40, 0, 30))]
    for mode in ("free", "recorded"):
        assert_as_pure(settings, history, mode)


@pytest.mark.parametrize("mode", ["free", "recorded"])
@pytest.mark.parametrize("update_interval", [1, 2, 3, 5])
def test_updates_come_in_every_interval_only(update_interval, mode):
    schedule = attrs.evolve(MULTI, update_interval=update_interval, error_measure_key=())
    assert_as_pure([schedule], _steady(*[0.1] * 12), mode)
    assert_as_pure([schedule], History(dict.fromkeys(range(2, 30, 3), _steady(0.1)[1])), mode)


@pytest.mark.parametrize("mode", ["free", "recorded"])
def test_holds_and_growths_of_one_group_may_differ(mode):
    rule = NewbobRelative(
        -0.01,
        default_learning_rate=0.1,
        learning_rate_decay=0.5,
        min_learning_rate=0.01,
        relative_error_div_by_old=True,
    )
    multi = NewbobMultiEpoch(1, 1, -0.01, -0.01, default_learning_rate=0.1, learning_rate_decay=0.5)
    for history in (
        _steady(*[0.1] * 9),
        _steady(0.1, 0.1, None, 0.1, 0.1, None, None, 0.1, 0.1, 0.1),
        _steady(None, None, None, 0.1, 0.001, 0.001, 0.001),
        UNEVEN,
    ):
        for each in (rule, multi):
            grown = [attrs.evolve(each, learning_rate_growth=growth) for growth in (None, 1.25, 1, 2.0)]
            settings = [HoldLearningRate(one, hold) for one in grown for hold in (0, 2, 3)]
            assert_as_pure(settings, history, mode)
            assert_as_pure([each, HoldLearningRate(each, 2)], history, mode)
            assert_as_pure([HoldLearningRate(each, 2)], history, mode)


def test_a_change_that_is_the_threshold_exceeds_it_not():
    changes = History(
        {e: EpochData(learning_rate=0.1, error={"dev_score": s}) for e, s in enumerate([4.0, 4.0, 2.0, 1.0], start=1)}
    )
    for relative in (True, False):
        rule = NewbobMultiEpoch(
            1,
            1,
            0.0,
            -1.0,
            default_learning_rate=0.1,
            learning_rate_decay=0.5,
            learning_rate_growth=2.0,
            relative_error_also_relative_to_learning_rate=relative,
        )
        lower = attrs.evolve(rule, relative_error_threshold=-1.0)
        assert_as_pure([rule, lower, attrs.evolve(lower, relative_error_grow_threshold=-2.0)], changes, "recorded")


@pytest.mark.parametrize("num_epochs", [1, 2, 3])
def test_a_change_relative_to_the_rate_takes_the_newest_known_rate_and_none_of_0(num_epochs):
    rule = NewbobMultiEpoch(
        num_epochs,
        1,
        0.3,
        -2.0,
        default_learning_rate=0.5,
        learning_rate_decay=0.5,
        relative_error_also_relative_to_learning_rate=True,
    )
    rates = [0.5, 0.125, None, None, 0.25, 0.0, None, 1.0, 0.0, 0.0]
    history = History(
        {
            epoch: EpochData(learning_rate=rate, error={"dev_score": 1.0 + 0.1 * epoch})
            for epoch, rate in enumerate(rates, start=1)
        }
    )
    settings = [attrs.evolve(rule, relative_error_threshold=threshold / 100) for threshold in range(0, 100, 7)]
    for mode in ("free", "recorded"):
        assert_as_pure(settings, history, mode)
        assert_as_pure([attrs.evolve(each, learning_rate_decay=0.0) for each in settings], history, mode)


@pytest.mark.parametrize("policy", ["worse", "keep", "original"])
@pytest.mark.parametrize("kind", [NewbobRelative, NewbobAbs])
def test_what_exceeds_no_infinite_threshold_grows_by_the_policy(kind, policy):
    rule = kind(
        math.inf,
        default_learning_rate=0.1,
        learning_rate_decay=0.5,
        learning_rate_growth=2.0,
        non_finite_error=policy,
    )
    errors = [1.0, math.nan, 1.0, math.inf, 1.0, -math.inf, 0.0, 1.0]
    history = History(
        {epoch: EpochData(learning_rate=0.1, error={"dev_score": error}) for epoch, error in enumerate(errors, start=1)}
    )
    assert_as_pure([rule], history, "recorded")
    assert_as_pure([rule, HoldLearningRate(rule, 2)], history, "free")
    assert np.isfinite(np.frombuffer(rates_of(rule, history, "free"))).all()
