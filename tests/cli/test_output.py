"""How the command line prints tables, and what it does with the garbage collector."""

import contextlib
import gc
import io
import re
import sys

from hypothesis import given, strategies as st
from rich.console import Console

from lrsched import EpochData, FileStorage, History
from lrsched.cli import output
from lrsched.cli.output import console, plain_table, rare_collections, say_table, table_of
from lrsched.testing import strategies

HEADINGS = (">epoch", "why", ">größe_誤差")


def cells():
    return strategies.texts() | st.sampled_from(["", "1", "0.05", " a b  c ", "誤差", "🙂", "e\u0301"])


def rows():
    numbers = cells().map(str.rstrip)  # rich does not keep blanks behind them
    return st.lists(st.tuples(numbers, cells(), numbers), max_size=4)


@given(rows())
def test_a_plain_table_is_what_rich_prints_where_there_is_room(rows):
    terminal = console()
    with terminal.capture() as captured:
        terminal.print(table_of(HEADINGS, rows))
    assert [line.rstrip() for line in plain_table(HEADINGS, rows)] == [
        line.rstrip() for line in captured.get().splitlines()
    ]


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_a_table_fits_into_a_terminal_unless_it_is_very_long(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "xterm")
    row = ("1", "long " * 9, "2")
    longest = []
    for most in (3, 2):
        monkeypatch.setattr(output, "_MOST_FITTED", most)
        monkeypatch.setattr(sys, "stdout", terminal := _Terminal())
        say_table(HEADINGS, [row] * 3, "title")
        longest.append(max(map(len, re.sub(r"\x1b\[\d*m", "", terminal.getvalue()).splitlines())))
    assert longest[0] <= 20
    assert longest[1] > 40


def test_what_does_not_fit_is_folded_and_nothing_of_it_is_lost():
    terminal = Console(width=12, color_system=None)
    with terminal.capture() as captured:
        terminal.print(table_of((">number", "text"), [("1" * 30, "a" * 30)]))
    printed = captured.get()
    assert (printed.count("1"), printed.count("a")) == (30, 30)


def test_a_rule_is_of_characters_that_the_output_has(monkeypatch):
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, "ascii", write_through=True))
    say_table(("a", ">b"), [("1", "2")], "title")
    assert printed.getvalue() == b"title\n\n a   b\n -----\n 1   2\n\n"


def test_the_garbage_collector_is_as_before_in_the_end():
    before = gc.get_threshold()
    with contextlib.suppress(ZeroDivisionError), rare_collections():
        assert gc.get_threshold()[0] >= 1_000_000
        assert gc.isenabled()
        _ = 1 / 0
    assert gc.get_threshold() == before


def test_what_runs_for_days_collects_its_garbage(run, tmp_path, monkeypatch):
    path = tmp_path / "learning_rates"
    thresholds = []

    def sleep(_):
        thresholds.append(gc.get_threshold()[0])
        FileStorage(path).save(History({1: EpochData(learning_rate=0.5, error={"dev_score": 1.0})}))

    monkeypatch.setattr("time.sleep", sleep)
    assert run("follow", path, "--until", "1")[0] == 0
    assert thresholds == [output._USUAL_GARBAGE]
    assert output._USUAL_GARBAGE < 1_000_000
