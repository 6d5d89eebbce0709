"""How the command line prints: tables, JSON, one-line errors."""

import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, OverflowMethod
from rich.status import Status
from rich.table import Table
from rich.text import Text

from lrsched.formats.plain import Row, dumps, printable

INTERRUPTED = 130
"""What a program exits with that Ctrl-C ended before its time."""

_NO_LIMIT = 100_000  # columns, where no terminal sets a width
_MOST_GARBAGE = 5_000_000  # objects, at the cost of less than a second and of less than 1 GB
_USUAL_GARBAGE = 700  # objects, as Python has it
_MOST_FITTED = 1000  # rows, of a table that fits into a terminal: rich takes half a millisecond for each


def console() -> Console:
    """The standard output. Where it is no terminal, lines are as long as they need to be."""
    return Console(width=None if sys.stdout.isatty() else _NO_LIMIT, highlight=False, markup=False, emoji=False)


@contextlib.contextmanager
def collections_every(objects: int) -> Iterator[None]:
    """While it lasts, the garbage collector runs whenever there are so many new objects."""
    thresholds = gc.get_threshold()
    gc.set_threshold(objects, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def rare_collections() -> contextlib.AbstractContextManager[None]:
    """While it lasts, the garbage collector hardly runs.

    A history of 100,000 epochs and what is said of it are a million objects that live until the command ends, and none
    of them refers back. By default the collector looks at the new ones after every 700, and at all of them whenever a
    quarter is new: two thirds of the time. It is not off, so there is an end to garbage, but a late one: what runs
    for days asks for `usual_collections`.
    """
    return collections_every(_MOST_GARBAGE)


def usual_collections() -> contextlib.AbstractContextManager[None]:
    """While it lasts, the garbage collector runs as often as Python has it by default."""
    return collections_every(_USUAL_GARBAGE)


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


def say_note(text: str) -> None:
    """Print a sentence or two, in lines that end between words."""
    console().print(printable(text))


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
    """Print a title and a table, see `table_of`. It fits into a terminal, unless it has very many rows."""
    say(title)
    rows = list(rows)
    lines = _fitted if sys.stdout.isatty() and len(rows) <= _MOST_FITTED else plain_table
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in lines(headings, rows))  # the last column is padded


def _fitted(headings: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """The lines of a table that is at most as wide as the terminal."""
    terminal = console()
    with terminal.capture() as captured:
        terminal.print(table_of(headings, rows))
    return captured.get().splitlines()


def plain_table(headings: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """The lines of a table as wide as it needs to be: what rich makes of `table_of`, at a hundredth of the cost.

    Examples:
        >>> for line in plain_table((">epoch", "why"), [("9", "a b"), ("10", "c")]):
        ...     print(line.rstrip())
        <BLANKLINE>
         epoch   why
         ───────────
             9   a b
            10   c
        <BLANKLINE>
    """
    columns = [_column(*column) for column in zip(headings, *rows, strict=True)]
    names, *shown = map("   ".join, zip(*columns, strict=True))
    rule = "─" if (sys.stdout.encoding or "utf-8").lower().startswith("utf") else "-"
    yield from ("", f" {names}", f" {rule * _width(names)}", *(f" {line}" for line in shown), "")


def _column(heading: str, *cells: str) -> list[str]:
    """A column, its heading first, each cell as wide as the widest."""
    align = str.rjust if heading.startswith(">") else str.ljust
    texts = [heading.removeprefix(">"), *cells]
    together = "".join(texts)
    if not together.isprintable():
        texts = list(map(printable, texts))
    if together.isascii():  # what follows would do the same, at twice the cost
        width = max(map(len, texts))
        return [align(text, width) for text in texts]
    width = max(map(_width, texts))
    return [align(text, width - _width(text) + len(text)) for text in texts]


def _width(text: str) -> int:
    """How many columns a terminal needs for it: two for a wide character, none for an accent of its own."""
    return len(text) if text.isascii() else cell_len(text)


def say_json(value: Any, indent: int | None = 2) -> None:
    """Print ``value`` as JSON (RFC 8259): NaN and infinities as text, everything else as what it is like."""
    print(dumps(value, indent), flush=True)  # noqa: T201  the command line prints


def busy(text: str) -> Status:
    """While it lasts, a terminal shows that work goes on."""
    return Console(stderr=True).status(printable(text))


@contextlib.contextmanager
def progress_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told how much is done, and of how much; it is seen where the standard error is a terminal."""
    from rich.progress import Progress  # noqa: PLC0415  it takes long to import

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(printable(text), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


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
