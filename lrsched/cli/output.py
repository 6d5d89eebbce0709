"""How the command line prints and writes: the answer of a command, JSON, one-line errors."""

import contextlib
import csv
import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, NamedTuple

import attrs

from lrsched.cli.parameters import PATH, option
from lrsched.core.plain import dumps, printable
from lrsched.errors import ArgumentError, broken_law
from lrsched.report.text import LEAST_WIDTH, Table, cell, width_of, wrapped
from lrsched.storage import disk
from lrsched.storage.opening import open_storage

FAILED, WRONG_USAGE, UNREADABLE, INTERRUPTED = 1, 2, 3, 130
"""The exit codes: a check failed, the user can mend it, the data or the machine is at fault, Ctrl-C ended it."""

_LABEL: Final = re.compile(r"(?:\S.*?\s{2,})?")  # as in "recorded    0.1"

Part = str | Table | list[str]
"""What is printed: a str is a sentence, wrapped between words; a `Table`; a list is lines that stay whole."""


class Answer(NamedTuple):
    """The answer of a command; `Printing` prints it, or writes it to a file.

    Attributes:
        shown: What to print; it is called with whether all digits of numbers are wanted.
        document: What ``--json`` prints and a file .json holds.
        columns: Heading -> values, what a file .csv holds.
        notes: What to print also where the answer went into a file.
        error: What is wrong, if anything is.
        code: What the program exits with; 0 means 1 if there is an error.
        written: Whether the command itself wrote the file.
    """

    shown: Callable[[bool], Iterable[Part]]
    document: Callable[[], Any]
    columns: Callable[[], Mapping[str, Sequence[Any]]]
    notes: Iterable[str | None] = ()
    error: str | None = None
    code: int = 0
    written: bool = False


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as lines of a table in a file; the numbers of a list have blanks between them."""
    text = io.StringIO()
    cells = ([" ".join(map(cell, each)) if isinstance(each, list) else cell(each) for each in row] for row in rows)
    csv.writer(text, lineterminator="\n").writerows(cells)
    return text.getvalue()


_RENDERERS: Final[dict[str, Callable[[Answer], str]]] = {
    ".csv": lambda answer: csv_text([columns := answer.columns(), *zip(*columns.values(), strict=True)]),
    ".json": lambda answer: dumps(answer.document()) + "\n",
}


@attrs.frozen
class Printing:
    """The options of every command that answers.

    Args:
        as_json: Print JSON.
        exact: Show all digits of numbers.
        output: Write to a file instead, .csv or .json, with all digits. It replaces an existing file.
    """

    as_json: Annotated[bool, option("--json", is_flag=True)] = False
    exact: Annotated[bool, option("--exact", is_flag=True)] = False
    output: Annotated[Path | None, option("--output", "-o", metavar="OUT", type=PATH)] = None

    endings: ClassVar[Sequence[str]] = (*_RENDERERS,)
    """What the name of an output may end in."""

    @property
    def ending(self) -> str:
        """The suffix of the output's name, in lower case; empty if there is no output."""
        return "" if self.output is None else self.output.suffix.lower()

    def publish(self, answer: Answer) -> int:
        """Write the answer and print it; gives the exit code."""
        with contextlib.redirect_stdout(sys.stderr):  # a replay may ask the code of a schedule only now
            if self.output is not None and not answer.written:
                disk.replace(self.output, _RENDERERS[self.ending](answer).encode(errors="surrogateescape"))
            document = answer.document() if self.as_json else None
            shown = () if self.as_json or self.output is not None else [*answer.shown(self.exact)]
        if self.as_json:
            say_json(document)
        else:
            for part in (*shown, *filter(None, answer.notes)):
                _say_part(part)
            if self.output is not None:
                say(f"written to {self.output}")
        if answer.error is not None:
            say_error(answer.error)
        return answer.code or (FAILED if answer.error else 0)


def target(output: Path | None, endings: Sequence[str], sources: Iterable[Any]) -> tuple[Path, str]:
    """The file to write, and its ending in lower case.

    Args:
        output: The file.
        endings: Those that there are, as in ``.csv``.
        sources: The values of arguments and options; the output must be no file that one of them names.

    Raises:
        ArgumentError: It is not said where to write, the name ends in something else, or it is one of the inputs.
    """
    known = " or ".join(endings)
    if output is None:
        raise ArgumentError(f"no output: pass -o OUT, a file whose name ends in {known}")
    if output.suffix.lower() not in endings:
        raise ArgumentError(f"the name of the output must end in {known}, got {str(output)!r}")
    single = [each for source in sources for each in (source if isinstance(source, tuple) else (source,))]
    paths = [path for each in single for path in _paths(str(each)) if os.path.exists(path)]  # noqa: PTH110  never raises
    if output.exists() and any(map(output.samefile, paths)):
        raise broken_law("OUT", "another file than those that are read", str(output), "it would be lost")
    return output, output.suffix.lower()


def _paths(source: str) -> Iterator[Path]:
    """The files that an argument may mean: a path, FILE of FILE.py:NAME, or the file of a location."""
    yield from map(Path, (source, source.rpartition(":")[0]))
    with contextlib.suppress(ArgumentError):
        storage = open_storage(source)
        if (path := getattr(storage, "path", None)) is not None:  # of a file or a database
            yield path


@contextlib.contextmanager
def output_is_open() -> Iterator[None]:
    """While it lasts, there is a standard output; at the end all of it is written, or what was not is dropped.

    What its encoding does not have is escaped.

    Raises:
        OSError: It could not be written.
    """
    if sys.stdout is None:  # closed before the program began
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  until the process ends
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):  # the interpreter would try once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def say(text: str) -> None:
    """Print a line."""
    print(printable(text), flush=True)  # noqa: T201  the command line prints


def _say_part(part: Part) -> None:
    """Print a part of an answer, in lines that fit; those of a sentence with a label go on below its text."""
    width = _width()
    lines: Iterable[str]
    if isinstance(part, list):
        lines = map(printable, part)
    elif isinstance(part, Table):
        lines = part.lines(width)
    else:
        indent = " " * len(_LABEL.match(part)[0])  # type: ignore[index]  # it matches any text
        lines = wrapped(printable(part), width, indent, fold=" " in part)  # a path alone stays whole
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _width() -> int:
    return max(LEAST_WIDTH, shutil.get_terminal_size().columns)


def say_json(value: Any) -> None:
    """Print ``value`` as JSON (RFC 8259): NaN and infinities as text, everything else as what it is like."""
    print(dumps(value), flush=True)  # noqa: T201  the command line prints


def _is_seen() -> bool:
    """Whether the standard error is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextlib.contextmanager
def busy(text: str) -> Iterator[None]:
    """While it lasts, a terminal shows that work goes on."""

    def show(text: str) -> None:
        if _is_seen():
            width = _width() - 1
            line = wrapped(printable(text), width)[0]
            print(line + " " * (width - width_of(line)), end="\r", file=sys.stderr, flush=True)  # noqa: T201  it prints

    show(text)
    try:
        yield
    finally:
        show("")


@contextlib.contextmanager
def progress_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """A bar in a terminal, with the time that is left.

    Yields:
        What takes how much is done, and of how much.
    """
    if not _is_seen():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(printable(text), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def say_error(error: Exception | str) -> None:
    """Print one line to the standard error."""
    print(f"lrsched: error: {printable(str(error))}", file=sys.stderr)  # noqa: T201  the command line prints


def say_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print one line to the standard error; stands in for ``warnings.showwarning``."""
    print(f"lrsched: warning: {printable(str(message))}", file=sys.stderr)  # noqa: T201  the command line prints
