"""`Decision` and `Cause`: the same as data and in words."""

import math
import pickle

import attrs
import numpy
import pytest
from pyrsistent import pvector

from lrsched import Action, ArgumentError, Cause, Comparison, Decision, ErrorKey
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


def test_a_rule_has_facts_of_its_own():
    cause = Cause("plateau", "2 bad epochs", facts={"best": numpy.float32(0.5), "seen": [1, 2]})
    assert cause.facts == {"best": 0.5, "seen": pvector([1, 2])}
    assert pickle.loads(pickle.dumps(cause)) == cause
    nan = Cause("plateau", "it diverged", facts={"best": math.nan})
    assert pickle.loads(pickle.dumps(nan)) == nan != Cause("plateau", "it diverged", facts={"best": 1.0})
    assert Cause("plateau", "none").facts == {}


@pytest.mark.parametrize(
    ("facts", "law"),
    [
        ({"change": 1.0}, "a name in facts must be a str other than rule, reason, comparisons"),
        ({1: 1.0}, "a name in facts must be a str"),
        ({"best": object()}, r"facts\['best'\] must be a literal"),
    ],
)
def test_facts_are_literals_by_names_that_are_no_fields(facts, law):
    with pytest.raises(ArgumentError, match=f"^{law}"):
        Cause("plateau", "why", facts=facts)


def test_what_the_parts_decided_is_described_unless_they_had_no_say():
    part = Decision(0.1, 0.2, Action.DECAY, Cause("rule", "it rose"))
    scaled = Decision(0.05, 0.1, Action.DECAY, Cause("scaled", "0.5 times 0.1", inner=(part,)))
    assert scaled.describe() == "decay 0.1 -> 0.05: scaled: 0.5 times 0.1 (decay 0.2 -> 0.1: rule: it rose)"
    held = Decision(0.2, 0.2, Action.HOLD, Cause("hold", "too early", inner=(part,)))
    assert held.describe() == "hold 0.2: hold: too early"
