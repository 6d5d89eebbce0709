"""Compare: several schedules over one history."""

import json

import attrs
import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from lrsched import ArgumentError, Constant, EpochData, History, NewbobRelative
from lrsched.simulation import Compared, compare, replay
from lrsched.testing import strategies

pytestmark = pytest.mark.filterwarnings("ignore::lrsched.errors.MeasureWarning")  # hostile histories deserve them

HALF = NewbobRelative(-0.01, default_learning_rate=0.5, learning_rate_decay=0.5)
QUARTER = attrs.evolve(HALF, learning_rate_decay=0.25)


def _recorded(*rates):
    errors = {"dev_score": 1.0}
    return History({epoch: EpochData(learning_rate=rate, error=errors) for epoch, rate in enumerate(rates, start=1)})


@given(
    st.dictionaries(strategies.texts(), strategies.schedules(), min_size=1, max_size=3),
    strategies.wild_histories(),
    st.sampled_from(["recorded", "free"]),
)
def test_each_schedule_says_what_it_says_alone(schedules, history, mode):
    assume(not {"epoch", "recorded"} & schedules.keys())
    try:
        alone = {name: replay(schedule, history, mode) for name, schedule in schedules.items()}
    except ArgumentError:  # a rate beyond all floats
        assume(False)
    compared = compare(schedules, history, mode)
    assert compared.replays == alone
    assert compared.names == tuple(schedules)
    assert compared.notes == {name: told.note for name, told in alone.items()}
    assert compared.differs_from == {name: told.differs_from for name, told in alone.items()}
    assert list(compared.epochs) == list(history)
    assert compared.learning_rates.shape == (len(schedules), len(history))
    apart = [
        epoch
        for position, epoch in enumerate(history)
        if len({told[position].decision.learning_rate for told in alone.values()}) > 1
    ]
    assert compared.apart_from == (apart[0] if apart else None)
    json.loads(compared.to_json(), parse_constant=pytest.fail)


def test_arrays_and_the_table():
    compared = compare({"half": HALF, "quarter": QUARTER}, _recorded(0.5, None, 0.25))
    assert compared.epochs.dtype == np.int64
    np.testing.assert_array_equal(compared.epochs, [1, 2, 3])
    np.testing.assert_array_equal(compared.recorded, [0.5, np.nan, 0.25])
    np.testing.assert_array_equal(compared.learning_rates, [[0.5, 0.5, 0.25], [0.5, 0.5, 0.125]])
    assert compared.learning_rates.dtype == compared.recorded.dtype == np.float64
    assert compared.to_dict() == {
        "epoch": [1, 2, 3],
        "recorded": [0.5, None, 0.25],
        "half": [0.5, 0.5, 0.25],
        "half (guess)": [False, False, False],
        "quarter": [0.5, 0.5, 0.125],
        "quarter (guess)": [False, False, False],
    }
    free = compare({"quarter": QUARTER}, _recorded(0.5, 0.4, 0.25))
    assert free.to_dict()["quarter (guess)"] == [False, False, True]
    assert "half (guess)" not in compare({"half": HALF}, _recorded(0.5), "recorded").to_dict()
    assert (compared.differs_from, compared.apart_from) == ({"half": None, "quarter": 3}, 3)


def test_the_default_is_free_and_each_says_what_that_is_worth():
    history = _recorded(0.5, 0.5, 0.25, 0.125)
    compared = compare({"half": HALF, "quarter": QUARTER}, history)
    assert compared == compare({"half": HALF, "quarter": QUARTER}, history, "free")
    assert compared.notes == {
        "half": "every rate is the recorded one, so the recorded errors are what it would have seen",
        "quarter": "from epoch 3 on the rates are not the recorded ones: the recorded errors are kept, although other "
        "rates would have changed them",
    }
    assert compare({"half": HALF}, history, "recorded").notes == {"half": None}
    assert list(compared.replays["quarter"].learning_rates) == [0.5, 0.5, 0.125, 0.03125]
    assert list(compare({"quarter": QUARTER}, history, "recorded").replays["quarter"].learning_rates)[-1] == 0.0625


def test_plain_functions_and_one_schedule_alone():
    compared = compare({"falling": lambda history, epoch: 0.5 / epoch}, _recorded(0.5, 0.25))
    assert (compared.apart_from, compared.differs_from) == (None, {"falling": None})
    assert compare({"a": HALF}, History()).learning_rates.shape == (1, 0)


def test_as_json():
    compared = compare({"half": HALF, "constant": Constant(0.5)}, _recorded(0.5, 0.5, 0.25))
    told = json.loads(compared.to_json())
    assert (told["mode"], told["apart_from"]) == ("free", 3)
    assert told["schedules"]["constant"]["differs_from"] == 3
    assert [step["learning_rate"] for step in told["schedules"]["half"]["epochs"]] == [0.5, 0.5, 0.25]


@pytest.mark.parametrize(
    ("schedules", "mode", "message"),
    [
        ({}, "free", "schedules must be at least one schedule by name, got {}"),
        ({"epoch": HALF}, "free", "must be a str other than epoch and recorded.*, got 'epoch'"),
        ({"recorded": HALF}, "free", "must be a str other than epoch and recorded.*, got 'recorded'"),
        ({"a (guess)": HALF}, "free", r"that does not end in ' \(guess\)', got 'a \(guess\)'"),
        ({1: HALF}, "free", "must be a str other than epoch and recorded.*, got 1"),
        ({"a": 0.1}, "free", "schedule must be a Schedule or a function"),
        ({"a": HALF}, "own", "mode must be one of 'recorded', 'free', got 'own'"),
    ],
)
def test_what_cannot_be_compared_is_refused(schedules, mode, message):
    with pytest.raises(ArgumentError, match=message):
        compare(schedules, History(), mode)


def test_it_is_a_frozen_value():
    compared = compare({"a": HALF}, _recorded(0.5))
    assert isinstance(compared, Compared)
    assert compared == compare({"a": HALF}, _recorded(0.5))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        compared.mode = "recorded"
    with pytest.raises(TypeError, match="cannot be changed"):
        compared.replays["b"] = compared.replays["a"]
