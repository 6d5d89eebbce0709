"""What the strategies draw, and what it shrinks to."""

import math
from functools import cache
from itertools import pairwise
from typing import Literal, get_args, get_origin

import attrs
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings, strategies as st

from lrsched import ArgumentError, EpochData, History, Schedule, schedule_from_config
from lrsched.core.numbers import Decay, Rate, Threshold, checked
from lrsched.schedules.kinds import KINDS
from lrsched.schedules.newbob import Newbob
from lrsched.testing import configs, epoch_data, errors, histories, learning_rates, schedules, strategies

LOOK = settings(derandomize=True, database=None, max_examples=500, suppress_health_check=list(HealthCheck))


def drawn(strategy, number=300):
    """Some of what a strategy draws."""
    found = []

    @settings(LOOK, max_examples=number, phases=[Phase.generate])
    @given(strategy)
    def look(value):
        found.append(value)

    look()
    return found


def smallest(strategy, condition):
    return find(strategy, condition, settings=settings(LOOK, max_examples=2000))


def test_learning_rates_are_finite_and_not_negative():
    rates = drawn(learning_rates())
    assert all(0.0 <= rate < math.inf for rate in rates)
    assert {0.0, 5e-324, 1e308} <= set(rates)


def test_errors_are_any_floats_and_finite_ones_where_wanted():
    found = drawn(errors())
    assert any(map(math.isnan, found))
    assert {math.inf, -math.inf, 0.0, 5e-324} <= set(found)
    assert all(map(math.isfinite, drawn(errors(finite=True))))


def test_epochs_may_have_anything_and_nothing():
    found = drawn(epoch_data())
    assert any(data == EpochData() for data in found)
    assert any(data.learning_rate is None and data.error and data.meta for data in found)


AWKWARD = {
    "NaN": lambda history: any(map(math.isnan, all_errors(history))),
    "infinite": lambda history: any(map(math.isinf, all_errors(history))),
    "zero": lambda history: 0.0 in all_errors(history),
    "negative": lambda history: any(error < 0 for error in all_errors(history)),
    "a gap": lambda history: bool(history) and len(history) < max(history),
    "another key": lambda history: len({tuple(data.error) for data in history.values()} - {()}) > 1,
    "missing errors": lambda history: any(not data.error for data in history.values()),
    "a rate given beforehand": lambda history: any(
        not early.error and early.learning_rate and late.error for early, late in pairwise(history.values())
    ),
    "an unknown rate": lambda history: any(data.learning_rate is None for data in history.values()),
    "nothing": lambda history: not history,
    "many epochs": lambda history: len(history) >= 8,
}


def all_errors(history):
    return [error for data in history.values() for error in data.error.values()]


@cache
def many_histories():
    """So many that what is in one of a hundred is there, whatever Hypothesis draws in this process."""
    return drawn(histories(), 1000)


@pytest.mark.parametrize("kind", AWKWARD)
def test_histories_are_awkward_in_every_way(kind):
    assert sum(map(AWKWARD[kind], many_histories())) >= 10


@cache
def many_realistic_histories():
    return drawn(strategies.realistic_histories())


@pytest.mark.parametrize("curve", strategies.CURVES)
def test_realistic_histories_follow_their_curve(curve):
    """Each curve's own factors are seen between neighbouring epochs."""
    steps = set()
    for history in many_realistic_histories():
        scores = [data.error["dev_score"] for data in history.values()]
        steps |= {new / old for old, new in pairwise(scores) if math.isfinite(old)}
    finite = {factor for factor in strategies.CURVES[curve] if math.isfinite(factor)}
    assert finite <= steps


def test_realistic_histories_have_no_gaps_and_errors_everywhere():
    for history in drawn(strategies.realistic_histories(keys=("wer", "loss"))):
        assert list(history) == list(range(1, len(history) + 1))
        assert all(data.error.keys() in ({"wer"}, {"wer", "loss"}) for data in history.values())


@pytest.mark.parametrize("strategy", [strategies.realistic_histories, strategies.hostile_histories, histories])
def test_histories_shrink_to_what_a_person_can_read(strategy):
    history = smallest(strategy(), lambda history: len(all_errors(history)) >= 2)
    assert len(history) <= 2
    assert {error for data in history.values() for error in data.error.values()} <= {1.0, 0.5, 0.25}
    assert {data.learning_rate for data in history.values()} <= {0.1, None}


def test_schedules_are_all_those_of_the_house_inside_one_another():
    found = drawn(schedules())
    assert {type(schedule) for schedule in found} == set(strategies.schedule_classes())
    assert any(hasattr(schedule, "schedule") and hasattr(schedule.schedule, "schedule") for schedule in found)


def test_schedules_of_one_kind_are_of_it_or_below_it():
    found = drawn(schedules(Newbob))
    assert {type(schedule) for schedule in found} == set(strategies.schedule_classes(Newbob))
    assert len(strategies.schedule_classes(Newbob)) == 3


@pytest.mark.parametrize("kind", strategies.schedule_classes())
def test_each_word_that_a_parameter_may_be_is_drawn(kind):
    found = drawn(schedules(kind))
    for field in attrs.fields(kind):
        if get_origin(field.type) is Literal:
            assert {getattr(schedule, field.name) for schedule in found} == set(get_args(field.type))


@attrs.frozen(field_transformer=checked)
class OnesOwn(Schedule):
    default_learning_rate: Rate
    threshold: Threshold = 0.0
    factor: Decay = 0.5

    def decide(self, history, epoch):
        raise NotImplementedError


@attrs.frozen
class Unknown(Schedule):
    patience: int = 3

    def decide(self, history, epoch):
        raise NotImplementedError


def test_schedules_of_ones_own_are_drawn_by_their_annotations():
    found = drawn(schedules(OnesOwn))
    assert {type(schedule) for schedule in found} == {OnesOwn}
    assert len({schedule.threshold for schedule in found}) > 10


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(ArgumentError, match="the parameter patience must be of a type that values can be drawn for"):
        drawn(schedules(Unknown))


def test_configs_are_of_all_kinds_and_each_is_a_schedule():
    found = drawn(configs())
    assert {config["learning_rate_control"] for config in found} == {*KINDS}
    keys = set().union(*found)
    assert len(keys) > 15
    for config in found:
        schedule_from_config(config)


def test_epochs_of_ones_own_make_a_history():
    data = st.just(EpochData(learning_rate=0.5))
    for history in drawn(histories(data, max_size=3), 50):
        assert len(history) <= 3
        assert set(history.values()) <= {EpochData(learning_rate=0.5)}
    assert History() in drawn(histories(data))
