"""Text in lines, and tables: nothing is lost, nothing is wider than it may be, no number is broken."""

import re

import pytest
from hypothesis import example, given, strategies as st
from rich.cells import cell_len

from lrsched.core.plain import printable
from lrsched.report.text import LEAST_WIDTH, Table, width_of, wrapped
from lrsched.testing import strategies

WIDTHS = st.integers(LEAST_WIDTH, 120)
NUMBERS = st.floats(allow_nan=True).map(repr) | st.integers(0, 10**6).map(str) | st.just("")


def words():
    return strategies.texts().map(printable) | st.sampled_from(
        ["0.1", "誤差", "🙂", "❤️", "e\u0301", "a_b/c.py", "x" * 99]
    )


def texts():
    return st.lists(words(), max_size=12).map(" ".join)


@given(texts())
def test_a_text_is_never_wider_than_it_says(text):
    assert cell_len(text) <= width_of(text)


@given(texts(), st.integers(24, 80), st.sampled_from(["", "    "]))
@example("x" * 30 + " 誤" * 30, 24, "")
def test_wrapped_lines_fit_and_have_all_of_the_text(text, width, indent):
    lines = wrapped(text, width, indent)
    assert all(width_of(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(st.lists(st.floats().map(repr) | st.just("above"), min_size=1), st.integers(24, 60))
def test_lines_end_between_words(words, width):
    assert " ".join(wrapped(" ".join(words), width)).split() == words


def test_a_word_that_is_too_long_is_broken_where_a_part_of_a_name_ends_or_not_at_all():
    assert wrapped("learning_rate_control_error_measure", 24) == ["learning_rate_control_", "error_measure"]
    assert wrapped("see experiments/a/very/long/path for more", 24, fold=False) == [
        "see",
        "experiments/a/very/long/path",
        "for more",
    ]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("the measure relative_error_div_by_old is", 20, ["the measure", "relative_error_div_", "by_old is"]),
        ("a learning_rate_growth_rate", 20, ["a", "learning_rate_", "growth_rate"]),
        ("threshold=-0.30000000000000004", 20, ["threshold=", "-0.30000000000000004"]),
        ("since=2026-11-30T12:05", 14, ["since=", "2026-11-30T", "12:05"]),
        ("1" * 30, 24, ["1" * 24, "1" * 6]),
    ],
)
def test_a_long_word_begins_a_line_and_is_not_broken_within_a_number(text, width, lines):
    assert wrapped(text, width) == lines


@given(st.text("ab_/=(", max_size=40), st.floats(allow_nan=False, allow_infinity=False), st.integers(24, 60))
def test_no_number_is_broken_in_a_long_word(name, number, width):
    lines = wrapped(f"{name}{number!r} and so on", width)
    assert any(repr(number) in line for line in lines)


def test_a_long_word_beside_a_label_stays_beside_it():
    assert wrapped("rule  learning_rate_control_rule", 20, " " * 6) == ["rule  learning_rate_", "      control_rule"]


@st.composite
def tables(draw):
    """Any table: the first column is one of small numbers, as of epochs."""
    rows = draw(st.integers(1, 4))

    def cells(each):
        return draw(st.lists(each, min_size=rows, max_size=rows))

    columns = [(">epoch", [str(number) for number in range(rows)])]
    for is_number in draw(st.lists(st.booleans(), max_size=12)):
        heading = printable(draw(words()))
        columns.append((f">{heading}", cells(NUMBERS)) if is_number else (f"a{heading}", cells(texts())))
    return Table(columns, cells(texts() | st.just("")))


@given(tables(), WIDTHS)
def test_a_table_fits_and_breaks_no_number(table, width):
    lines = list(table.lines(width))
    assert all(cell_len(line) <= width for line in lines)
    shown = " ".join(lines).split()
    for heading, cells in table.columns:
        if heading.startswith(">"):
            assert set(filter(None, cells)) <= set(shown)


@given(tables(), WIDTHS)
def test_nothing_of_a_table_is_lost(table, width):
    def characters(texts):
        return sorted(re.sub(r"[\s-]", "", "".join(texts)))

    columns = [each for each in table.columns if any(each[1])]
    once = [cell for heading, cells in columns for cell in (heading.removeprefix(">"), *cells)] + list(table.below)
    assert not set(characters(once)) - set(characters(table.lines(width)))
    wide = 10_000
    assert characters(table.lines(wide)) == characters(once)


def test_columns_that_have_no_room_go_on_below_beside_the_first():
    names = [f"experiments/some_config_{number}.py" for number in range(9)]
    table = Table([(">epoch", ["1", "2"]), *((f">{name}", ["0.25 *", "0.125  "]) for name in names)], ["", "so"])
    lines = list(table.lines(80))
    assert sum(line.startswith("    1  ") for line in lines) == 2
    assert [line for line in lines if "so" in line.split()] == ["    so"]
    assert lines[1:4] == [
        "       experiments/  experiments/  experiments/  experiments/",
        "       some_config_  some_config_  some_config_  some_config_  experiments/some_",
        "epoch          0.py          1.py          2.py          3.py        config_4.py",
    ]


def test_a_table_without_rows_has_its_headings():
    assert list(Table([(">epoch", []), ("why", [])]).lines(80)) == ["", "epoch  why", "----------", ""]


def test_a_table_of_nothing_is_an_empty_line():
    assert list(Table([]).lines(80)) == list(Table([("why", ["", ""])]).lines(80)) == [""]
