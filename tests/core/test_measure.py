"""Which error counts, how it changed, which epoch was best."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrsched import (
    ArgumentError,
    Comparison,
    EpochData,
    ErrorKey,
    History,
    error_key,
    last_best_epoch,
    relative_error,
)
from lrsched.core import measure
from lrsched.core.measure import CONFIGURED, as_error_keys, error_change

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ANY_NUMBERS = st.floats()


def _history(*errors):
    return History({epoch: EpochData(error=error) for epoch, error in enumerate(errors, start=1)})


@pytest.mark.parametrize(
    ("error", "configured", "key"),
    [
        ({}, "x", None),
        ({"old_format_score": 1.0}, "x", "old_format_score"),
        ({"old_format_score": 1.0, "a": 1.0}, "x", "a"),
        ({"x": 1.0, "dev_score": 1.0}, "x", "x"),
        ({"x_output": 1.0, "dev_score": 1.0}, "x", "x_output"),
        ({"y": 1.0, "x_output": 1.0}, ["x", "y"], "x_output"),
        ({"y": 1.0, "z": 1.0}, ["x", "y"], "y"),
        ({"dev_score": 1.0, "dev_error": 1.0}, "x", "dev_score"),
        ({"dev_score_output": 1.0, "dev_error": 1.0}, None, "dev_score_output"),
        ({"dev_score_output/output_prob": 1.0, "dev_score_a": 1.0, "dev_score_output/a": 1.0}, None,
         "dev_score_output/output_prob"),
        ({"dev_score_output/b": 1.0, "dev_score_output/a": 1.0, "dev_a": 1.0}, None, "dev_score_output/a"),
        ({"dev_b": 1.0, "dev_a": 1.0, "train_score": 1.0}, None, "dev_a"),
        ({"train_score_output": 1.0, "a": 1.0, "train_score": 1.0}, None, "train_score"),
        ({"train_score_output": 1.0, "a": 1.0}, None, "train_score_output"),
        ({"b": 1.0, "a": 1.0}, None, "a"),
    ],
)  # fmt: skip
def test_which_error_counts(error, configured, key):
    assert error_key(_history(error), 1, configured).key == key


@given(
    st.dictionaries(st.sampled_from(["dev_score", "dev_error", "x", "x_output", "old_format_score"]), st.just(1.0)),
    st.lists(st.sampled_from(["dev_score", "x", "y", "old_format_score"]), max_size=2).map(tuple),
    st.booleans(),
)
def test_the_usual_cases_are_as_the_whole_rule_has_them(error, keys, strict):
    whole = measure._error_key(tuple(error), keys, strict)
    usual = measure.error_key_of(EpochData(error=error), keys, strict=strict)
    assert usual.key == whole.key
    assert usual == whole or set(error) == {"old_format_score"}


def test_the_reason_tells_configured_keys_from_stand_ins():
    assert error_key(_history({"x": 1.0}), 1, "x").reason == "the configured key"
    assert "no configured key is there; dev_score stands in" in error_key(_history({"dev_score": 1.0}), 1, "x").reason
    assert error_key(History(), 1, ["x", "y"]).key == "x"
    assert "not in the history" in error_key(History(), 1).reason


@pytest.mark.parametrize(
    ("error", "configured", "reason"),
    [
        ({}, "x", "the epoch has no errors"),
        ({"old_format_score": 1.0}, None, "the only error, of the old file format"),
        ({"x_output": 1.0}, "x", "the configured key, of the output layer"),
        ({"y": 1.0}, ["x", "y"], "the configured key"),
        ({"dev_score": 1.0}, None, "no key is configured; dev_score stands in"),
        ({"dev_score_output/output": 1.0}, None, "no key is configured; dev_score_output/output stands in"),
        ({"dev_score_output/outputs": 1.0}, None, "no key is configured; dev_score_output/* stands in"),
        ({"dev_x": 1.0}, "x", "no configured key is there; dev_* stands in"),
        ({"train_score_output": 1.0}, "x", "no configured key is there; train_score_output stands in"),
        ({"b": 1.0, "a": 1.0}, None, "no key is configured; the first of all stands in"),
    ],
)
def test_the_reason_says_what_stands_in(error, configured, reason):
    assert error_key(_history(error), 1, configured).reason == reason


def test_error_keys_are_a_tuple_of_plain_text():
    assert as_error_keys(None) == as_error_keys([]) == as_error_keys(()) == ()
    assert as_error_keys("x") == as_error_keys(["x"]) == as_error_keys(("x",)) == ("x",)
    assert as_error_keys("") == ("",)
    assert as_error_keys(["x", "y"]) == ("x", "y")


@pytest.mark.parametrize("nonsense", [0, False, 0.0, {}, b"x", [1], {"x"}])
def test_what_names_no_errors_is_refused(nonsense):
    with pytest.raises(ArgumentError, match="error_measure_key must be None, a str or a sequence of str, got"):
        as_error_keys(nonsense)


def test_strict_matching_has_no_stand_ins():
    assert measure.error_key_of(EpochData(error={"dev_score": 1.0}), ("x",)).key == "dev_score"
    history = _history({"dev_score": 1.0})
    assert error_key(history, 1, "x", strict=True).key is None
    assert "strict" in error_key(history, 1, "x", strict=True).reason
    assert error_key(history, 1, "dev_score", strict=True).key == "dev_score"
    assert error_key(history, 1, strict=True).key == "dev_score"
    assert error_key(_history({"old_format_score": 1.0}), 1, "x", strict=True).key == "old_format_score"


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        (2.0, 1.0, -1.0),
        (0.0, 0.0, 0.0),
        (-0.0, 0.0, 0.0),
        (1.0, 0.0, -math.inf),
        (-1.0, 0.0, math.inf),
        (1.0, math.nan, math.inf),
        (1.0, math.inf, math.inf),
        (1.0, -math.inf, math.inf),
        (math.nan, math.nan, math.inf),
        (math.inf, 1.0, None),
        (math.nan, 1.0, None),
        (math.nan, 0.0, None),
    ],
)
def test_zero_and_non_finite_errors_have_defined_changes(old, new, change):
    assert relative_error(old, new) == change


@pytest.mark.parametrize(
    ("old", "new", "relative_to_new", "relative_to_old", "difference"),
    [
        (4.0, 1.0, -3.0, -0.75, -3.0),
        (-4.0, -1.0, 3.0, 0.75, 3.0),
        (0.0, -2.0, -1.0, -math.inf, -2.0),
        (-2.0, 0.0, math.inf, 1.0, 2.0),
        (0.0, 0.0, 0.0, 0.0, 0.0),
    ],
)
def test_a_change_is_relative_to_the_size_of_one_of_the_two_or_is_the_difference(
    old, new, relative_to_new, relative_to_old, difference
):
    assert error_change(old, new) == error_change(old, new, "new") == relative_error(old, new) == relative_to_new
    assert error_change(old, new, "old") == relative_error(old, new, div_by_old=True) == relative_to_old
    assert error_change(old, new, None) == difference


def test_a_policy_is_one_of_three():
    for policy in ("worse", "keep", "original"):
        assert measure.non_finite_policy("x", policy) == policy
    with pytest.raises(ArgumentError, match="x must be one of worse, keep, original, got 'Worse'; 'worse' is the safe"):
        measure.non_finite_policy("x", "Worse")


USUAL, OTHER = ErrorKey("dev_score", CONFIGURED), ErrorKey("dev_error", "which stands in")
SAME_NAME = ErrorKey("dev_score", "not the same reason")
NO_OLD, NO_NEW = ErrorKey(None, "no old one"), ErrorKey(None, "no new one")
NOTHING = "from epoch 2 to 5 nothing to compare: "


@pytest.mark.parametrize(
    ("old_key", "new_key", "old", "new", "words"),
    [
        (USUAL, USUAL, 1.0, 1 / 3, "'dev_score' went from epoch 2 to 5 from 1 to 0.333333"),
        (USUAL, USUAL, 0.0, 0.0, "'dev_score' went from epoch 2 to 5 from 0 to 0"),
        (OTHER, OTHER, 1.0, 2.0, "'dev_error' (which stands in) went from epoch 2 to 5 from 1 to 2"),
        (USUAL, SAME_NAME, 1.0, 2.0, "'dev_score' (not the same reason) went from epoch 2 to 5 from 1 to 2"),
        (USUAL, OTHER, 1.0, 2.0, NOTHING + "the error changed from 'dev_score' to 'dev_error'"),
        (OTHER, USUAL, 1.0, 2.0, NOTHING + "the error changed from 'dev_error' to 'dev_score'"),
        (NO_OLD, USUAL, None, 2.0, NOTHING + "at epoch 2 no old one"),
        (USUAL, NO_NEW, 1.0, None, NOTHING + "at epoch 5 no new one"),
        (NO_OLD, NO_NEW, None, None, NOTHING + "at epoch 2 no old one"),
    ],
)
def test_a_comparison_in_words(old_key, new_key, old, new, words):
    assert Comparison(2, 5, old_key, new_key, old, new, None).describe() == words


def test_comparisons_are_values_and_a_nan_equals_a_nan():
    def made(change=1.0):
        return Comparison(1, 2, USUAL, USUAL, float("nan"), float("nan"), change)

    assert made(float("nan")) == made(float("nan")) != made()
    assert made().learning_rate_scale == 1.0


@given(ANY_NUMBERS, ANY_NUMBERS)
def test_keep_compares_only_finite_errors(old, new):
    finite = math.isfinite(old) and math.isfinite(new)
    assert (relative_error(old, new, non_finite_error="keep") is None) == (not finite)


def test_original_is_floating_point_arithmetic():
    assert math.isnan(relative_error(1.0, math.nan, non_finite_error="original"))
    assert math.isnan(relative_error(1.0, math.inf, non_finite_error="original"))
    assert relative_error(math.inf, 1.0, non_finite_error="original") == -math.inf
    assert math.isnan(relative_error(math.nan, 0.0, non_finite_error="original"))


@given(NUMBERS, NUMBERS, st.booleans())
def test_the_sign_of_a_change_says_better_or_worse(old, new, div_by_old):
    change = relative_error(old, new, div_by_old=div_by_old)
    assert change is not None
    assert not math.isnan(change)
    if new > old:
        assert change >= 0
    if new < old:
        assert change <= 0
    if new == old:
        assert change == 0


@given(ANY_NUMBERS, st.sampled_from([math.nan, math.inf, -math.inf]))
def test_a_non_finite_new_error_is_never_better(old, new):
    for relative_to in ("new", "old", None):
        assert error_change(old, new, relative_to=relative_to) == math.inf


def test_the_best_epoch_is_the_earliest_smallest_better_than_the_latest():
    history = _history(*({"dev_score": score} for score in (3.0, 1.0, 1.0, math.nan, 2.0)))
    assert last_best_epoch(history, 5) == 2
    assert last_best_epoch(history, 5, 3) == 3
    assert last_best_epoch(history, 5, only_last_epochs=3) == 3
    assert last_best_epoch(history, 5, only_last_n=1) is None
    assert last_best_epoch(history, 5, only_last_n=2) == 3  # the NaN is no candidate
    assert last_best_epoch(history, 5, filter_score=0.5) is None
    assert last_best_epoch(history, 5, min_score_dist=1.0) is None
    assert last_best_epoch(history, 5, min_score_dist=0.5) == 2
    assert last_best_epoch(history, 4) is None
    assert last_best_epoch(History(), 4) is None


def test_the_bounds_of_what_can_be_best():
    history = _history(*({"dev_score": score} for score in (1.0, 2.0, 3.0, 4.0, 5.0)))
    assert last_best_epoch(history, 5) == last_best_epoch(history, 5, 1) == 1
    assert last_best_epoch(history, 5, 2) == 2
    assert last_best_epoch(history, 4, 4) is None
    assert last_best_epoch(history, 5, 4) == 4
    assert last_best_epoch(history, 9, 2) == 2
    assert last_best_epoch(history, 5, only_last_epochs=1) is None
    assert last_best_epoch(history, 5, only_last_epochs=2) == 4
    assert last_best_epoch(history, 5, only_last_epochs=4) == 2
    assert last_best_epoch(history, 5, 4, only_last_epochs=3) == 4
    assert last_best_epoch(history, 5, 2, only_last_epochs=9) == 2
    assert last_best_epoch(history, 5, only_last_n=-1) == last_best_epoch(history, 5, only_last_n=0) == 1
    assert last_best_epoch(history, 5, only_last_n=2) == 4
    assert last_best_epoch(history, 5, filter_score=1.0) == 1
    assert last_best_epoch(history, 5, filter_score=0.9) is None
    assert last_best_epoch(history, 5, filter_score=2.0, only_last_n=1) == 2  # the filter comes first
    assert last_best_epoch(history, 5, min_score_dist=4.0) is None
    assert last_best_epoch(history, 5, min_score_dist=3.9) == 1
    assert last_best_epoch(history, 5, min_score_dist=-9.0) == 1


def test_an_epoch_under_another_key_cannot_be_best_even_if_it_has_the_latest_one():
    history = _history({"x": 1.0, "y": 0.0}, {"x": 3.0}, {"y": 2.0}, {"x": 3.0})
    assert last_best_epoch(history, 4, error_measure_key=["y", "x"]) is None
    assert last_best_epoch(history, 3, error_measure_key=["x", "y"]) is None
    assert last_best_epoch(history, 4, error_measure_key="x") == 1
    assert last_best_epoch(history, 4, error_measure_key="z", strict=True) is None
    longer = history.set(5, EpochData()).set(6, EpochData(error={"y": 0.0}))
    assert last_best_epoch(longer, 6, error_measure_key="x", strict=True) == 1  # epoch 4 is the latest that counts
    assert last_best_epoch(longer, 6, error_measure_key="x") is None


def test_what_changes_a_rule_is_given_by_name():
    history = _history({"a": 1.0})
    for ask in (
        lambda: error_key(history, 1, None, True),
        lambda: relative_error(1.0, 2.0, True),
        lambda: last_best_epoch(history, 1, 1, 1),
        lambda: history.most_recent_learning_rate(1, False),
    ):
        with pytest.raises(TypeError, match="positional"):
            ask()


def test_only_epochs_of_the_latest_key_can_be_best():
    history = _history({"old": 0.0}, {"dev_score": 1.0}, {"dev_score": 2.0}, {})
    assert last_best_epoch(history, 4) == 2
    assert last_best_epoch(history, 4, error_measure_key="train") == 2


def test_a_span_is_at_least_one_epoch():
    with pytest.raises(ArgumentError, match="only_last_epochs must be an integer >= 1, got 0"):
        last_best_epoch(History(), 1, only_last_epochs=0)


@pytest.mark.parametrize("keys", [1, [1], {"a": 1}, b"a"])
def test_error_keys_are_text(keys):
    with pytest.raises(ArgumentError, match="error_measure_key must be None, a str or a sequence of str"):
        error_key(_history({"a": 1.0}), 1, keys)
