"""Scaled there and back, a schedule is itself: at every epoch of the recorded training runs, with rates set by hand."""

import json

import pytest
from storages import KINDS

from lrsched import (
    History,
    HoldLearningRate,
    LearningRateControl,
    MemoryStorage,
    Preset,
    Scaled,
    read,
    schedule_from_config,
)
from lrsched.config.settings import pretrain_rates

pytestmark = pytest.mark.filterwarnings("ignore::lrsched.errors.MeasureWarning")  # some keys come and go

HANDS = 3
"""Every so many epochs the rate is set by hand."""


def _in_memory(storage):
    return storage or MemoryStorage()


def _same(schedule):
    return schedule


def _there_and_back(factor):
    return lambda schedule: Scaled(Scaled(schedule, factor), 1 / factor)


def _made(rule, hold, presets, around=(_same, _same, _same)):
    """Presets around a hold around a rule, with something around the rule, around the hold, and around all."""
    inside, between, outside = around
    schedule = between(HoldLearningRate(inside(rule), hold))
    for rates in reversed(presets):
        schedule = Preset(schedule, rates)
    return outside(schedule)


def _train(schedule, history, reopened):
    """The rates of a training run with the recorded errors, restarted after every 20th epoch."""
    control, rates = LearningRateControl(schedule, reopened(None)), []
    for number, (epoch, data) in enumerate(history.items(), start=1):
        if number % HANDS == 0:
            control.set_learning_rate_for_epoch(epoch, 0.7 / number)
        rates.append(control.get_learning_rate_for_epoch(epoch))
        control.set_epoch_error(epoch, data.error)
        if number % 20 == 0:
            control.save()
            control = LearningRateControl(schedule, reopened(control.storage))
    return rates


@pytest.fixture(scope="module")
def cases(corpus):
    """The history, the rule, the hold and the presets of each recorded training run."""
    found = []
    for folder in corpus:
        case = json.loads((folder / "case.json").read_text())
        schedule, presets, hold = schedule_from_config(case["settings"]), [], 0
        if case["pretrain_epochs"]:
            schedule = Preset(schedule, pretrain_rates(case["settings"], case["pretrain_epochs"]))
        while isinstance(schedule, Preset):
            presets.append(schedule.learning_rates)
            schedule = schedule.schedule
        if isinstance(schedule, HoldLearningRate):
            schedule, hold = schedule.schedule, schedule.min_num_epochs
        found.append((read(folder / "learning_rates"), schedule, hold, presets))
    return found


@pytest.fixture(scope="module")
def rates(cases):
    """The rates without anything around, with the hold and without it."""
    return [
        (_train(_made(rule, hold, presets), history, _in_memory), _train(_made(rule, 0, presets), history, _in_memory))
        for history, rule, hold, presets in cases
    ]


PLACES = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)]


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_half_and_twice_is_the_schedule_bit_for_bit(cases, rates, places):
    around = [_there_and_back(0.5) if place else _same for place in places]
    assert sum(len(held) for held, _ in rates) > 1000
    for (history, *parts), (held, _) in zip(cases, rates, strict=True):
        assert _train(_made(*parts, around), history, _in_memory) == held


@pytest.mark.parametrize("places", PLACES[1:], ids=str)
def test_a_tenth_and_ten_times_is_the_schedule_but_for_an_ulp(cases, rates, places):
    """Without a hold, to which an ulp after a rate set by hand is a new rate."""
    around = [_there_and_back(0.1) if place else _same for place in places]
    for (history, rule, _, presets), (_, free) in zip(cases, rates, strict=True):
        scaled = _train(_made(rule, 0, presets, around), history, _in_memory)
        assert scaled == pytest.approx(free, rel=1e-12, abs=0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_so_on_every_storage(cases, rates, kind, tmp_path):
    around = [_there_and_back(0.5)] * 3
    for (history, *parts), (held, _) in [*zip(cases, rates, strict=True)][::40]:
        start = [*history.items()][:60]
        (folder := tmp_path / str(len(history))).mkdir()
        trained = _train(_made(*parts, around), History(dict(start)), lambda _, at=folder: KINDS[kind](at))
        assert trained == held[: len(start)]
