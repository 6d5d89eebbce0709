"""The border: what each law lets in, at its bounds, and what it makes of it."""

import decimal
import fractions
import math
import re
import sys
from itertools import pairwise

import numpy
import pytest
from hypothesis import example, given as drawn, strategies as st

from lrsched import ArgumentError
from lrsched.core.numbers import (
    LARGEST_EPOCH,
    apply_factor,
    choice,
    decay,
    epoch_number,
    flag,
    growth,
    integer,
    number,
    rate,
    rounded,
    threshold,
)


class Text(str):
    """Text that would convert to a float."""

    __slots__ = ()

    def __float__(self):
        return 1.0


class Whole(int):
    """An int of another kind."""


def _same(left, right):
    return type(left) is type(right) and (left == right or left is right)


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (0.5, 0.5),
        (-math.inf, -math.inf),
        (float("nan"), math.nan),
        (numpy.float32("nan"), math.nan),
        (numpy.float32(0.5), 0.5),
        (decimal.Decimal("0.5"), 0.5),
        (fractions.Fraction(1, 2), 0.5),
        (3, 3),
        (True, 1),
        (Whole(3), 3),
        (2**53, 2**53),
        (-(2**53), -(2**53)),
        (2**53 + 1, 2.0**53),
        (-(2**53) - 1, -(2.0**53)),
        (2**54, 2.0**54),
        (numpy.int64(3), 3.0),
    ],
)
def test_a_number_is_an_int_where_a_float_holds_it_exactly_and_the_one_nan(given, plain):
    assert _same(number("x", given), plain)


@pytest.mark.parametrize(
    ("given", "way_out"),
    [
        ("1", "pass a Python number"),
        (Text("1"), "pass a Python number"),
        (None, "pass a Python number"),
        (1j, "pass a Python number"),
        (10**400, "does not convert to a float"),
        (-(10**400), "does not convert to a float"),
        (numpy.array([1.0, 2.0]), "does not convert to a float"),
    ],
)
def test_what_is_no_number_is_refused_under_its_name(given, way_out):
    with pytest.raises(ArgumentError, match=f"^x must be a law, got .*{way_out}"):
        number("x", given, "a law")


@pytest.mark.parametrize(
    ("given", "plain"),
    [(0.0, 0.0), (5e-324, 5e-324), (sys.float_info.max, sys.float_info.max), (0, 0.0), (1, 1.0), (True, 1.0)],
)
def test_a_rate_is_a_finite_float_from_0(given, plain):
    assert _same(rate("x", given), plain)


@pytest.mark.parametrize("given", [-5e-324, -1, math.inf, math.nan, -math.inf, numpy.float32(-1), numpy.inf])
def test_what_is_no_rate_is_refused(given):
    with pytest.raises(ArgumentError, match="^x must be a finite number >= 0, got .*; correct the value"):
        rate("x", given)


def test_an_integer_has_its_least_value():
    for given, plain in ((3, 3), (4, 4), (numpy.int64(3), 3), (Whole(3), 3)):
        assert _same(int(integer("x", given, least=3, way_out="so")), plain)
    for given in (2, -3, 3.0, "3", None, True):
        with pytest.raises(ArgumentError, match="^x must be an integer >= 3, got .*; so$"):
            integer("x", given, least=3, way_out="so")
    for given in (True, False, "3", 3.0, None):  # bools not even where their numbers would do
        with pytest.raises(ArgumentError, match="^x must be an integer >= 0, got "):
            integer("x", given, least=0, way_out="so")


def test_epochs_go_from_1_to_what_every_storage_can_hold():
    for given in (1, 2, LARGEST_EPOCH - 1, LARGEST_EPOCH, numpy.int64(1), numpy.int64(LARGEST_EPOCH)):
        assert epoch_number("x", given) == given
    assert LARGEST_EPOCH == 9_223_372_036_854_775_807
    for given in (0, -1, 1.0, True, numpy.int64(0)):
        with pytest.raises(ArgumentError, match="^x must be an integer >= 1, got .*; epochs count from 1$"):
            epoch_number("x", given)
    for given in (LARGEST_EPOCH + 1, numpy.uint64(LARGEST_EPOCH + 1)):
        with pytest.raises(ArgumentError, match=r"^x must be an integer below 2\*\*63, got "):
            epoch_number("x", given)


def test_a_threshold_is_any_number_but_nan():
    for given in (-math.inf, -0.01, 0, math.inf):
        assert threshold("x", given) == given
    with pytest.raises(ArgumentError, match="^x must be a number, got nan; NaN compares with nothing"):
        threshold("x", math.nan)
    with pytest.raises(ArgumentError, match="^x must be a number, got '0'; pass"):
        threshold("x", "0")


def test_a_flag_is_a_bool():
    assert flag("x", True) is True
    assert flag("x", False) is False
    for given in (0, 1, None, "True", numpy.bool_(True)):
        with pytest.raises(ArgumentError, match="^x must be True or False, got "):
            flag("x", given)


@pytest.mark.parametrize(
    ("law", "given"),
    [
        (decay, None),
        (decay, 0.0),
        (decay, 0.5),
        (decay, 1.0),
        (decay, 0),
        (decay, 1),
        (growth, None),
        (growth, 1.0),
        (growth, 1),
        (growth, 2.0),
        (growth, sys.float_info.max),
        (decay, math.sqrt),
        (growth, math.sqrt),
    ],
)
def test_a_factor_is_kept_within_its_bounds(law, given):
    assert law("x", given) is given


def test_a_foreign_factor_becomes_plain():
    assert _same(decay("x", numpy.float32(0.5)), 0.5)
    assert _same(growth("x", numpy.array(2.0)), 2.0)


@pytest.mark.parametrize(
    ("law", "given", "wording"),
    [
        (decay, -5e-324, r"None, a factor in \[0, 1\], or a function, got -5e-324; learning_rate_growth raises"),
        (decay, math.nextafter(1.0, 2.0), r"None, a factor in \[0, 1\], or a function, got 1.0000000000000002"),
        (decay, 2, r"None, a factor in \[0, 1\], or a function, got 2"),
        (decay, math.nan, "None, a factor"),
        (decay, "0.5", "None, a factor"),
        (growth, math.nextafter(1.0, 0.0), "None, a finite factor >= 1, or a function, got 0.9999999999999999; learn"),
        (growth, 0, "None, a finite factor >= 1, or a function, got 0; learning_rate_decay lowers"),
        (growth, math.inf, "None, a finite factor >= 1, or a function, got inf"),
        (growth, math.nan, "None, a finite factor"),
    ],
)
def test_a_factor_beyond_its_bounds_is_refused(law, given, wording):
    with pytest.raises(ArgumentError, match=f"^x must be {wording}"):
        law("x", given)


class Scale:
    """A number that can be called: it is taken as the number."""

    def __float__(self):
        return 0.5

    def __call__(self, learning_rate):
        raise AssertionError


def test_what_is_a_number_and_a_function_is_the_number():
    assert decay("x", Scale()) == 0.5


@pytest.mark.parametrize(
    ("factor", "changed"),
    [(None, 0.25), (1.0, 0.25), (1, 0.25), (0.5, 0.125), (2, 0.5), (0, 0.0), (lambda rate: rate - 1, -0.75)],
)
def test_a_factor_changes_a_rate(factor, changed):
    assert _same(apply_factor("x", factor, 0.25), changed)


def test_a_rate_that_a_factor_makes_infinite_is_refused_under_the_factors_name():
    with pytest.raises(ArgumentError, match="^the learning rate after x must be a finite number, got inf; correct"):
        apply_factor("x", 1e308, 1e308)
    for answer in (math.inf, -math.inf, math.nan):
        with pytest.raises(ArgumentError, match=rf"^x\(0.25\) must be a finite number, got {answer}; correct"):
            apply_factor("x", lambda _, answer=answer: answer, 0.25)
    with pytest.raises(ArgumentError, match=r"^x\(0.25\) must be a finite number, got 'a'; pass"):
        apply_factor("x", lambda _: "a", 0.25)


def test_a_choice_is_one_of_a_few_words():
    for word in ("min", "max"):
        assert choice("mode", word, ("min", "max")) == word
    for other in ("Min", "", "mi", "min ", None, 0, ["min"], b"min", math.nan):
        with pytest.raises(ArgumentError, match=r"^mode must be one of 'min', 'max', got .*; choose one of these$"):
            choice("mode", other, ("min", "max"))


# ---- numbers that people read

NUMBERS = st.floats() | st.integers(-(10**9), 10**9) | st.sampled_from([0.1, 1 / 3, 0.30000000000000004, 1e-300, 1e22])
NEAR = st.builds(lambda base, steps: base + steps * math.ulp(base), st.floats(1e-9, 1e9), st.integers(-3, 3))
ROWS = st.lists(st.none() | NUMBERS | NEAR, max_size=8)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([], []),
        ([None, None], ["", ""]),
        ([0.1, 0.05, 0.025, 0.0125], ["0.1", "0.05", "0.025", "0.0125"]),
        ([2 / 3, 1 / 3], ["0.667", "0.333"]),
        ([0.12345678, 0.12345678], ["0.123", "0.123"]),
        ([0.1234, 0.1235], ["0.1234", "0.1235"]),
        ([0.1234, 0.1235, 2 / 3], ["0.1234", "0.1235", "0.6667"]),
        ([0.1234567, 0.1234568], ["0.1234567", "0.1234568"]),
        ([0.1234567, 0.1234568, 2 / 3], ["0.1234567", "0.1234568", "0.666667"]),
        ([1, 3, 1000, 1234567, 12345678.0], ["1", "3", "1000", "1234567", "1.23e+07"]),
        ([999.9, 1000], ["999.9", "1000"]),
        ([-0.0, 0.0, 1e-300], ["-0", "0", "1e-300"]),
        ([math.inf, -math.inf, math.nan, math.nan, 1.0], ["inf", "-inf", "nan", "nan", "1"]),
    ],
)
def test_numbers_are_rounded_to_what_tells_neighbours_apart(values, texts):
    assert rounded(values) == texts


@drawn(ROWS)
def test_a_rounded_number_reads_back_up_to_its_rounding(values):
    for value, text in zip(values, rounded(values), strict=True):
        if value is None:
            assert text == ""
        elif value != value:  # noqa: PLR0124  NaN
            assert text == "nan"
        elif abs(value) < 1e308:  # beyond, what is rounded up may be infinite
            assert float(text) == value or math.isclose(float(text), value, rel_tol=0.51e-2)


@drawn(ROWS)
@example([1 / 3, 1 / 3, math.nextafter(1 / 3, 1.0)])
def test_neighbours_that_differ_are_shown_differently_and_in_their_order(values):
    texts = rounded(values)
    shown = list(zip(values, texts, strict=True))
    for (old, old_text), (new, new_text) in pairwise(shown):
        is_zero = old == 0 == new  # -0 and 0 are equal, and shown as they are
        if None not in (old, new) and not math.isnan(old) and not math.isnan(new) and not is_zero:
            assert (old_text == new_text) == (old == new)
            assert not old < new or float(old_text) < float(new_text)
            assert not old > new or float(old_text) > float(new_text)


@drawn(NUMBERS)
def test_a_number_alone_has_at_most_three_digits_unless_it_is_whole(value):
    (text,) = rounded([value])
    digits = re.sub(r"e.*|[^0-9]", "", text).lstrip("0")
    assert len(digits) <= 3 or (len(digits) <= 7 and "." not in text and "e" not in text)
    assert text.startswith("-") == (math.copysign(1.0, value) < 0) or math.isnan(value)
