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
        (Cause("rule", "because"), "because"),
        (_cause(), "because"),
        (_cause(threshold=0.25), "because"),
        (_cause(change=0.5), "because"),
        (_cause(0.5, 0.25), "difference 0.5 is above the threshold 0.25"),
        (_cause(0.25, 0.25), "difference 0.25 is not above the threshold 0.25"),
        (_cause(0.125, 0.25), "difference 0.125 is not above the threshold 0.25"),
        (_cause(0.5, 0.25, 0.25), "difference 0.5 is above the threshold 0.25"),
        (_cause(0.125, 0.25, 0.25), "difference 0.125 is not above the threshold 0.25"),
        (_cause(0.5, 0.25, -0.5), "difference 0.5 is above the threshold 0.25"),
        (_cause(0.0, 0.25, -0.5), "difference 0 is between the grow threshold -0.5 and the threshold 0.25"),
        (_cause(-0.5, 0.25, -0.5), "difference -0.5 is between the grow threshold -0.5 and the threshold 0.25"),
        (_cause(-1.0, 0.25, -0.5), "difference -1 is below the grow threshold -0.5"),
        (_cause(lifted_from=0.0), "because; lifted from 0 to the minimum"),
        (
            _cause(0.5, 0.25, lifted_from=0.1),
            "difference 0.5 is above the threshold 0.25; lifted from 0.1 to the minimum",
        ),
        (_cause(comparisons=(WORSE,)), f"because; {WORSE.describe()}"),
        (_cause(comparisons=(None, WORSE)), f"because; {WORSE.describe()} and 1 before"),
        (_cause(comparisons=(None, None, WORSE)), f"because; {WORSE.describe()} and 2 before"),
        (_cause(0.5, 0.25, comparisons=(WORSE,)), f"difference 0.5 is above the threshold 0.25; {WORSE.describe()}"),
        (_cause(math.inf, 0.25), "difference inf is above the threshold 0.25"),
        (
            _cause(math.inf, 0.25, comparisons=(WORSE,)),
            f"difference inf is above the threshold 0.25; {WORSE.describe()}",
        ),
    ],
)
def test_a_cause_in_words(cause, words):
    assert cause.describe() == words


@pytest.mark.parametrize("error", [math.nan, math.inf, -math.inf])
def test_an_error_that_is_not_finite_is_said_to_be_worse_and_not_a_change_of_inf(error):
    diverged = Comparison(1, 2, KEY, KEY, 1.0, error, math.inf)
    for exact in (False, True):
        words = _cause(math.inf, 0.25, comparisons=(diverged,)).describe(exact=exact)
        assert words.startswith(f"an error of {error} is worse than any other; ")
        assert "difference" not in words


@pytest.mark.parametrize(
    ("change", "threshold", "shown", "limit"),
    [
        (1 / 3, 0.25, "0.333", "0.25"),
        (0.3333331, 0.333333, "0.3333331", "0.333333"),  # six digits would show two equal numbers, one above the other
        (0.333333, 0.3333331, "0.333333", "0.3333331"),
        (0.25, 0.25, "0.25", "0.25"),
        (0.33333351, 0.33333349, "0.333334", "0.333333"),  # near, and different all the same in six digits
        (0.33333349, 0.33333351, "0.333333", "0.333334"),
        (math.inf, 0.25, "inf", "0.25"),
    ],
)
def test_a_change_has_as_many_digits_as_tell_it_from_the_threshold(change, threshold, shown, limit):
    side = "above" if change > threshold else "not above"
    assert _cause(change, threshold).describe() == f"difference {shown} is {side} the threshold {limit}"
    exact = f"difference {change!r} is {side} the threshold {threshold!r}"
    assert _cause(change, threshold).describe(exact=True) == exact


@pytest.mark.parametrize(
    ("previous", "words"),
    [
        (None, "0.5 (default, rule): because"),
        (0.5, "0.5 (default, rule): because"),
        (0.25, "0.25 -> 0.5 (default, rule): because"),
        (1.0, "1 -> 0.5 (default, rule): because"),
        (0.0, "0 -> 0.5 (default, rule): because"),
        (0.5 + 2**-40, "0.5000000000009095 -> 0.5 (default, rule): because"),
    ],
)
def test_a_decision_in_words(previous, words):
    assert Decision(0.5, previous, Action.DEFAULT, Cause("rule", "because")).describe() == words


def test_a_decision_in_words_can_have_all_digits():
    decision = Decision(1 / 3, 2 / 3, Action.DECAY, _cause(1 / 3, 0.25, lifted_from=1 / 7, comparisons=(WORSE,)))
    assert decision.describe() == (
        "0.667 -> 0.333 (decay, rule): difference 0.333 is above the threshold 0.25; dev_score 1 -> 2 (epochs 1 -> 2); "
        "lifted from 0.143 to the minimum"
    )
    assert decision.describe(exact=True) == (
        "0.6666666666666666 -> 0.3333333333333333 (decay, rule): difference 0.3333333333333333 is above the threshold "
        "0.25; dev_score 1.0 -> 2.0 (epochs 1 -> 2); lifted from 0.14285714285714285 to the minimum"
    )
    assert decision.rates() == "0.667 -> 0.333"
    assert decision.why() == decision.cause.describe() != decision.cause.describe(exact=True)
    assert decision.cause.measured() == "difference 0.333 is above the threshold 0.25"


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
    outer = "0.1 -> 0.05 (decay, scaled): 0.5 times 0.1"
    assert scaled.describe() == f"{outer} [0.2 -> 0.1 (decay, rule): it rose]"
    assert scaled.describe(inner=False) == outer
    assert scaled.innermost is part
    product = Decision(0.05, 0.1, Action.DECAY, Cause("product", "both", inner=(part, scaled)))
    assert product.describe() == f"0.1 -> 0.05 (decay, product): both [{part.describe()} | {scaled.describe()}]"
    held = Decision(0.2, 0.2, Action.HOLD, Cause("hold", "too early", inner=(part,)))
    assert held.describe() == "0.2 (hold, hold): too early"
    assert held.innermost is part
