"""Finished epochs, series and best epochs, held against their plainest definitions."""

import math

import pytest
from hypothesis import given, strategies as st

from lrsched import (
    ArgumentError,
    EpochData,
    History,
    best_epochs,
    error_series,
    finished,
    last_best_epoch,
    meta_series,
)
from lrsched.testing import strategies

KEYS = ("dev_score", "train_score", "gpu")
KEY = st.sampled_from(KEYS)
# Few keys and few values, so that keys are missing, values tie, and names of errors are names of meta values too.
HISTORIES = strategies.histories(
    max_size=12,
    data=strategies.epoch_data(
        error=st.dictionaries(KEY, st.sampled_from([1.0, 2.0, 0.0, -0.0, math.nan, math.inf, -math.inf])),
        meta=st.dictionaries(KEY, st.sampled_from([None, "a", 1, (2,), [3.0]])),
    ),
)


def _history(*errors):
    return History({epoch: EpochData(error=error) for epoch, error in enumerate(errors, start=1)})


@given(HISTORIES | strategies.wild_histories())
def test_finished_are_exactly_the_epochs_with_errors_and_as_they_were(history):
    done = finished(history)
    assert isinstance(done, History)
    for epoch, data in history.items():
        assert (epoch in done) == (len(data.error) > 0)
        assert done.get(epoch, data) is data
    assert set(done) <= set(history)
    assert finished(done) == done


def test_neither_a_rate_nor_a_meta_value_finishes_an_epoch_but_a_nan_does():
    history = History(
        {
            1: EpochData(error={"dev_score": math.nan}),
            2: EpochData(learning_rate=0.1, error={":meta:gpu": "a"}),
            3: EpochData(learning_rate=0.1),
        }
    )
    assert list(finished(history)) == [1]
    assert finished(History()) == History()


@given(HISTORIES, KEY)
def test_a_series_has_each_epoch_with_the_key_in_order_and_no_other(history, key):
    for series, part in ((error_series(history, key), "error"), (meta_series(history, key), "meta")):
        assert list(series) == sorted(series)
        for epoch, data in history.items():
            values = getattr(data, part)
            assert (epoch in series) == (key in values)
            if key in values:
                assert series[epoch] is values[key]
        assert set(series) <= set(history)


@given(HISTORIES, KEY, st.integers(1, 14) | st.just(10**30))
def test_the_best_are_picked_one_after_the_other(history, key, n):
    left = {epoch: value for epoch, value in error_series(history, key).items() if not math.isnan(value)}
    picked = []
    while left and len(picked) < n:
        lowest = min(left.values())
        epoch = min(epoch for epoch, value in left.items() if value == lowest)
        picked.append((epoch, left.pop(epoch)))
    assert best_epochs(history, key, n) == tuple(picked)


@given(HISTORIES, KEY, st.integers(1, 14))
def test_the_n_best_are_the_first_of_the_n_plus_1_best(history, key, n):
    assert best_epochs(history, key, n + 1)[:n] == best_epochs(history, key, n)


@given(HISTORIES, KEY, st.integers(1, 4))
def test_epochs_without_the_key_change_nothing(history, key, n):
    without = History({epoch: data for epoch, data in history.items() if key in data.error})
    assert best_epochs(history, key, n) == best_epochs(finished(history), key, n) == best_epochs(without, key, n)


@given(HISTORIES, KEY)
def test_a_best_epoch_before_a_worse_last_one_is_what_a_training_calls_the_best(history, key):
    """`last_best_epoch`, where both rules look at the same epochs: each has the key alone, and an infinite last one."""
    errors = {epoch: EpochData(error={key: value}) for epoch, value in error_series(history, key).items()}
    last = max(errors, default=0) + 1
    alone = History({**errors, last: EpochData(error={key: math.inf})})
    ((epoch, value),) = best_epochs(alone, key)
    assert last_best_epoch(alone, last) == (epoch if value < math.inf else None)


def test_nan_is_never_best_and_infinities_have_their_place():
    history = _history(*({"dev_score": score} for score in (math.nan, math.inf, 1.0, -math.inf, math.nan)))
    assert best_epochs(history, "dev_score", 9) == ((4, -math.inf), (3, 1.0), (2, math.inf))
    assert best_epochs(_history({"dev_score": math.nan}), "dev_score") == ()
    assert best_epochs(History(), "dev_score") == ()


def test_nothing_stands_in_for_a_key():
    history = _history({"dev_score_output": 1.0})
    assert error_series(history, "dev_score") == {}
    assert best_epochs(history, "dev_score") == ()


@pytest.mark.parametrize("n", [0, -1, 1.0, True, "1", None])
def test_n_is_a_number_of_epochs(n):
    with pytest.raises(ArgumentError, match="n must be an integer >= 1"):
        best_epochs(History(), "dev_score", n)


@pytest.mark.parametrize("ask", [error_series, meta_series, best_epochs])
@pytest.mark.parametrize("key", [None, 1, ["dev_score"], b"dev_score"])
def test_a_key_is_one_name(ask, key):
    with pytest.raises(ArgumentError, match="key must be a str"):
        ask(History(), key)
