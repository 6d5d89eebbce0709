"""How the command line prints: tables, JSON, one-line errors."""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich import box
from rich.console import Console, OverflowMethod
from rich.status import Status
from rich.table import Table
from rich.text import Text

from lrsched.formats.plain import Row, dumps, printable

_NO_LIMIT = 100_000  # columns, where no terminal sets a width


def console() -> Console:
    """The standard output. Where it is no terminal, lines are as long as they need to be."""
    return Console(width=None if sys.stdout.isatty() else _NO_LIMIT, highlight=False, markup=False, emoji=False)


@contextlib.contextmanager
def output_is_open() -> Iterator[None]:
    """While it lasts, there is a standard output; at the end all of it is written, or what was not is dropped.

    Raises:
        OSError: It could not be written.
    """
    if sys.stdout is None:  # closed before the program began
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  until the process ends
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):  # the interpreter would try once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def is_screen() -> bool:
    """Whether what was printed to the standard output can be replaced: it is a terminal that can do so."""
    return sys.stdout.isatty() and not console().is_dumb_terminal


def say(text: str) -> None:
    """Print a line."""
    console().print(printable(text), soft_wrap=True)


def table_of(headings: Sequence[str], rows: Iterable[Row], *, one_line: bool = False) -> Table:
    """A table; columns of numbers are those whose heading starts with ``>``.

    With ``one_line`` a row has one line, whatever the width: text is cut first, then numbers are.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    overflow: OverflowMethod = "ellipsis" if one_line else "fold"
    for heading in headings:
        is_number = heading.startswith(">")
        table.add_column(
            printable(heading.removeprefix(">")),
            justify="right" if is_number else "left",
            overflow=overflow,
            no_wrap=one_line and is_number,
        )
    for row in rows:
        table.add_row(*(Text(printable(cell), overflow=overflow, no_wrap=one_line) for cell in row))
    return table


def say_table(headings: Sequence[str], rows: Iterable[Row], title: str) -> None:
    """Print a title and a table, see `table_of`."""
    say(title)
    terminal = console()
    with terminal.capture() as captured:
        terminal.print(table_of(headings, rows))
    for line in captured.get().splitlines():
        print(line.rstrip())  # noqa: T201  the last column is padded otherwise


def say_json(value: Any, indent: int | None = 2) -> None:
    """Print ``value`` as JSON (RFC 8259): NaN and infinities as text, everything else as what it is like."""
    print(dumps(value, indent), flush=True)  # noqa: T201  the command line prints


def busy(text: str) -> Status:
    """While it lasts, a terminal shows that work goes on."""
    return Console(stderr=True).status(printable(text))


def say_error(error: Exception | str) -> None:
    """Print one line to the standard error."""
    print(f"lrsched: error: {printable(str(error))}", file=sys.stderr)  # noqa: T201  the command line prints


def say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print one line to the standard error; stands in for ``warnings.showwarning``."""
    del category, filename, lineno, file, line
    print(f"lrsched: warning: {printable(str(message))}", file=sys.stderr)  # noqa: T201  the command line prints
