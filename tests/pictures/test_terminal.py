"""Drawings of characters."""

import sys
import unicodedata

import pytest
from hypothesis import example, given, settings, strategies as st
from pictures import awkward
from plotext import terminal

from lrsched import EpochData, History, read
from lrsched.cli.demo import RECORDED
from lrsched.errors import MissingExtraError
from lrsched.pictures.terminal import text_of
from lrsched.testing import strategies

RUNS = awkward.runs()


def columns(line):
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def fits(drawing, width, height):
    lines = drawing.split("\n")
    assert len(lines) <= height
    assert all(columns(line) <= width for line in lines)
    assert all(line == line.rstrip() and line.isprintable() for line in lines)
    return lines


@pytest.mark.parametrize("size", [(40, 9), (80, 24), (200, 51)])
@pytest.mark.parametrize("name", RUNS)
def test_a_drawing_has_the_size_asked_for(name, size):
    for run in RUNS[name]:
        lines = fits(text_of(run.history, *size), *size)
        if run.history:
            assert len(lines) == size[1]


def test_rates_and_errors_are_drawn():
    lines = text_of(read(RECORDED / "learning_rates"), 80, 24).splitlines()
    assert lines[0] == "dev_score"
    assert lines[12] == "learning rate"
    assert [line.partition("┤")[0].strip() for line in lines[13:] if "┤" in line] == ["0.1", "0.01"]
    assert lines[23].split() == ["5", "10", "15", "20", "25", "30"]
    assert sum("⠀" < character <= "⣿" for line in lines for character in line) > 80


def test_another_error():
    assert text_of(read(RECORDED / "learning_rates"), key="train_error").startswith("train_error\n")
    assert text_of(read(RECORDED / "learning_rates"), key="no such error").startswith("learning rate\n")


def test_what_is_not_finite_is_marked():
    first, *lines = text_of(RUNS["not finite"][0].history).splitlines()
    assert first == "dev_score (x: NaN or infinity)"
    assert lines[0].count("x") == 5
    assert text_of(RUNS["no epoch"][0].history) == "no epoch has a rate or an error"


def test_nothing_is_left_in_plotexts_only_figure():
    first, second = (text_of(RUNS["3 epochs"][0].history) for _ in range(2))
    text_of(RUNS["extreme"][0].history, 40, 10)
    assert first == second == text_of(RUNS["3 epochs"][0].history)
    assert terminal._limit == [True, True]  # whoever draws with it afterwards stays within the terminal


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotext", None)
    with pytest.raises(MissingExtraError, match="this needs plotext"):
        text_of(RUNS["3 epochs"][0].history)


@settings(max_examples=60)
@given(strategies.wild_histories(), st.integers(1, 120), st.integers(1, 40))
@example(History({1: EpochData(learning_rate=5e307), 2: EpochData(learning_rate=9e307)}), 40, 8)  # no round number
def test_any_history_can_be_drawn(history, width, height):
    fits(text_of(history, width, height), max(width, 40), max(height, 8))


def test_wide_letters_take_two_columns():
    for letter in "誤Ａ":  # wide, and an ASCII letter of full width
        first = text_of(awkward.history([1.0, 2.0], key=letter * 40), 40, 8).splitlines()[0]
        assert first == letter * 20
