"""`Decision` and `Cause`: the same as data and in words."""

import math

import attrs
import pytest

from lrsched import Action, Cause, Comparison, Decision, ErrorKey
from lrsched.core.measure import CONFIGURED

KEY = ErrorKey("dev_score", CONFIGURED)
WORSE = Comparison(1, 2, KEY, KEY, 1.0, 2.0, 0.5)


def _cause(change=None, threshold=None, grow_threshold=None, comparisons=(), lifted_from=None):
    return Cause("rule", "because", comparisons, "difference", change, threshold, grow_threshold, lifted_from)


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (Cause("rule", "because"), "rule: because"),
        (_cause(), "rule: because"),
        (_cause(threshold=0.25), "rule: because"),
        (_cause(change=0.5), "rule: because"),
        (_cause(0.5, 0.25), "rule: because: difference 0.5 against threshold 0.25"),
        (_cause(0.5, 0.25, 0.25), "rule: because: difference 0.5 against threshold 0.25"),
        (_cause(0.5, 0.25, 0.5), "rule: because: difference 0.5 against threshold 0.25 and grow threshold 0.5"),
        (_cause(0.5, 0.25, -0.5), "rule: because: difference 0.5 against threshold 0.25 and grow threshold -0.5"),
        (_cause(lifted_from=0.0), "rule: because; 0.0 was lifted to the minimum"),
        (_cause(comparisons=(WORSE,)), f"rule: because; {WORSE.describe()}"),
        (_cause(comparisons=(None, WORSE)), f"rule: because; {WORSE.describe()} (and 1 earlier comparison)"),
        (_cause(comparisons=(None, None, WORSE)), f"rule: because; {WORSE.describe()} (and 2 earlier comparisons)"),
    ],
)
def test_a_cause_in_words(cause, words):
    assert cause.describe() == words


@pytest.mark.parametrize(
    ("change", "threshold", "shown"),
    [
        (1 / 3, 0.25, "0.333333"),
        (0.3333331, 0.333333, "0.3333331"),  # six digits would show two equal numbers of which one is above the other
        (0.333333, 0.3333331, "0.333333"),
        (0.25, 0.25, "0.25"),
        (0.33333351, 0.33333349, "0.333334"),  # near, and different all the same in six digits
        (0.33333349, 0.33333351, "0.333333"),
        (math.inf, 0.25, "inf"),
    ],
)
def test_a_change_has_more_digits_where_six_would_not_tell_it_from_the_threshold(change, threshold, shown):
    assert f"difference {shown} against threshold {threshold!r}" in _cause(change, threshold).describe()


@pytest.mark.parametrize(
    ("previous", "words"),
    [
        (None, "default 0.5: rule: because"),
        (0.5, "default 0.5: rule: because"),
        (0.25, "default 0.25 -> 0.5: rule: because"),
        (1.0, "default 1.0 -> 0.5: rule: because"),
        (0.0, "default 0.0 -> 0.5: rule: because"),
    ],
)
def test_a_decision_in_words(previous, words):
    assert Decision(0.5, previous, Action.DEFAULT, Cause("rule", "because")).describe() == words


def test_they_are_values_and_a_nan_equals_a_nan():
    assert _cause(float("nan"), 0.25) == _cause(float("nan"), 0.25) != _cause(0.5, 0.25)
    for value, name in ((_cause(), "rule"), (Decision(0.5, None, Action.KEEP, _cause()), "previous")):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, name, None)
