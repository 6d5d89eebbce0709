"""What all results have in common: arrays, a table, JSON."""

import json
import math
import sys

import numpy as np
import pytest

from lrsched import EpochData, History, NewbobAbs
from lrsched.cli import exit_code
from lrsched.errors import MissingExtraError
from lrsched.simulation import compare, explain, replay
from lrsched.simulation.results import Result, epoch_array, rate_array, what_if

SCHEDULE = NewbobAbs(0.0, default_learning_rate=0.5, learning_rate_decay=0.5)
HISTORY = History(
    {
        1: EpochData(learning_rate=0.5, error={"dev_score": 1.0}),
        2: EpochData(error={"dev_score": math.nan}),
        3: EpochData(learning_rate=0.25, error={"dev_score": -math.inf}),
    }
)
RESULTS = [
    replay(SCHEDULE, HISTORY),
    replay(SCHEDULE, HISTORY, "free"),
    compare({"a": SCHEDULE, "b": lambda history, epoch: 0.1}, HISTORY),
    explain(SCHEDULE, HISTORY, 2),
    explain(SCHEDULE, HISTORY, 3),
    explain(SCHEDULE, HISTORY, 4),
]


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_is_a_table(result):
    assert isinstance(result, Result)
    table = result.to_dict()
    assert len({len(column) for column in table.values()}) == 1
    pandas = pytest.importorskip("pandas")
    frame = result.to_pandas()
    assert list(frame.columns) == list(table)
    pandas.testing.assert_frame_equal(frame, pandas.DataFrame(table))


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_is_strict_json(result):
    told = json.loads(result.to_json(), parse_constant=pytest.fail)
    assert told.keys() == result.data().keys()


def test_what_is_not_finite_is_text_in_json():
    told = json.loads(explain(SCHEDULE, HISTORY, 4).to_json())
    errors = [(each["old_error"], each["new_error"]) for each in told["decision"]["cause"]["comparisons"]]
    assert errors == [("NaN", "-Infinity")]


@pytest.mark.parametrize("result", RESULTS)
def test_without_pandas_it_says_what_to_install(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        MissingExtraError, match=r"this needs pandas; pip install '\.\[pandas\]' in a checkout of lrsched installs it"
    ) as told:
        result.to_pandas()
    assert isinstance(told.value, ImportError)
    assert exit_code(told.value) == 2
    assert result.to_dict()


def test_arrays():
    rates, epochs = rate_array([0.5, None]), epoch_array(iter([1, 10**12]))
    assert (rates.dtype, epochs.dtype) == (np.float64, np.int64)
    np.testing.assert_array_equal(rates, [0.5, np.nan])
    np.testing.assert_array_equal(epochs, [1, 10**12])
    assert (rate_array([]).shape, epoch_array([]).dtype) == ((0,), np.int64)


def test_what_if_names_the_first_epoch_that_is_another_one():
    assert what_if(7).startswith("from epoch 7 on the rates are not the recorded ones")
    assert "recorded errors are what it would have seen" in what_if(None)
