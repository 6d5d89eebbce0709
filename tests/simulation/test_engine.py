"""The vectorised engine gives the rates of the pure functions, bit for bit."""

import numpy as np
import strategies
from hypothesis import given
from hypothesis import strategies as st

from lrsched import (
    ArgumentError,
    Constant,
    HoldLearningRate,
    NewbobAbs,
    NewbobMultiEpoch,
    NewbobRelative,
    Preset,
)
from lrsched.simulation import replay
from lrsched.simulation.engine import Batch, vectorisable

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
    return strategies.histories(max_size=14, data=data)


def pure(schedule, history, mode):
    """The rates of the pure function as bytes; None where it refuses."""
    try:
        return np.array([step.decision.learning_rate for step in replay(schedule, history, mode)]).tobytes()
    except ArgumentError:
        return None


def assert_as_pure(schedules, history, mode):
    found = Batch.of(schedules).rates(history, mode)
    assert found.shape == (len(history), len(schedules))
    for schedule, column in zip(schedules, found.T, strict=True):
        expected = pure(schedule, history, mode)
        if expected is None:
            assert np.isnan(column).all()
        else:
            assert column.tobytes() == expected, schedule


@given(st.lists(schedules(), max_size=6), histories(), MODES)
def test_any_settings_over_any_history(schedules, history, mode):
    assert all(map(vectorisable, schedules))
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
