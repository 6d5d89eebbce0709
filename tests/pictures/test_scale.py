"""Axes from 0 to 1: every value has its place, and ticks stand where their labels say."""

import math

import pytest
from hypothesis import given, strategies as st

from lrsched.pictures.scale import scale_of, thinned

VALUES = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8)
RATES = st.lists(st.floats(0.0, 1e308), min_size=1, max_size=8)


@given(VALUES, st.integers(2, 9))
def test_every_value_has_a_place_in_order(values, most):
    scale = scale_of(values)
    places = scale.at(sorted(values)).tolist()
    assert all(-1e-6 <= place <= 1 + 1e-6 for place in places)
    assert places == sorted(places)
    ticks(scale, most)


@given(RATES, st.integers(2, 9))
def test_every_rate_has_a_place_in_order_and_zero_stands_below(values, most):
    scale = scale_of(values, logarithmic=True)
    places = scale.at(sorted(values)).tolist()
    assert all(-1e-6 <= place <= 1 + 1e-6 for place in places)
    assert places == sorted(places)
    if 0.0 in values and max(values) > 0:
        assert places[0] == 0.0
        assert scale.at([min(value for value in values if value)])[0] > 0.05
    ticks(scale, most)


def ticks(scale, most):
    places, labels = scale.ticks(most)
    assert len(places) <= most + 2
    assert len(set(labels)) == len(labels)
    for place, label in zip(places, labels, strict=True):
        assert -1e-6 <= place <= 1 + 1e-6
        assert scale.at([float(label)])[0] == pytest.approx(place, abs=0.05)


@pytest.mark.parametrize(
    ("values", "logarithmic", "labels"),
    [
        ([0.3, 0.003], True, ["0.005", "0.01", "0.02", "0.05", "0.1", "0.2"]),
        ([1.0, 1e-9], True, ["1e-9", "1e-7", "1e-5", "0.001", "0.1"]),
        ([0.1, 0.12], True, ["0.1", "0.105", "0.11", "0.115", "0.12"]),
        ([0.1, 0.3], True, ["0.1", "0.15", "0.2", "0.25", "0.3"]),  # half a decade
        ([1e308, -1e308], False, ["-1e308", "-5e307", "0", "5e307", "1e308"]),
        ([1000000.0, 1000001.0], False, ["1000000", "1000000.2", "1000000.4", "1000000.6", "1000000.8", "1000001"]),
    ],
)
def test_ticks_are_round_numbers(values, logarithmic, labels):
    assert scale_of(values, logarithmic=logarithmic).ticks(6)[1] == labels


@pytest.mark.parametrize(("last", "labels"), [(3.5, ["1", "2", "3"]), (1.5, ["1"])])
def test_ticks_of_epochs_are_whole_numbers(last, labels):
    assert scale_of([0.5, last]).ticks(6, least_step=1.0)[1] == labels


def test_what_is_not_finite_or_below_zero_has_no_place():
    assert math.isnan(scale_of([1.0, 2.0]).at([math.inf])[0])
    assert math.isnan(scale_of([1.0, 2.0], logarithmic=True).at([-1.0])[0])
    assert not scale_of([math.nan], logarithmic=None).logarithmic


def test_thinning_keeps_extremes_and_gaps():
    import numpy as np

    x = np.linspace(0, 1, 100_000)
    y = np.sin(1000 * x)
    y[50_000], y[60_000], y[70_000] = 5.0, -5.0, math.nan
    few_x, few_y = thinned(x, y, 100)
    assert len(few_x) <= 500
    assert (np.nanmax(few_y), np.nanmin(few_y)) == (5.0, -5.0)
    assert np.isnan(few_y).sum() == 1
    assert (few_x[0], few_x[-1]) == (0.0, 1.0)
    assert thinned(x[:9], y[:9], 100)[0] is not None


def test_zero_has_a_place_of_a_long_logarithmic_axis():
    assert scale_of([0.0, 1e-9, 1.0], logarithmic=True).at([0.0, 1e-9, 1.0]).tolist() == pytest.approx([0.0, 0.15, 1.0])


def test_thinning_keeps_the_last_point_of_a_line_that_ends_within_a_stripe():
    import numpy as np

    x = np.linspace(0, 0.995, 100_000)
    y = np.sin(1000 * x)
    y[-1] = 0.0  # neither the lowest nor the highest there
    assert [each[-1] for each in thinned(x, y, 100)] == [0.995, 0.0]
