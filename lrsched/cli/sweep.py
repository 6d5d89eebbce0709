"""``lrsched sweep``: many settings over many histories."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import IO, Annotated, Any, Final

import attrs
import click
import numpy as np

from lrsched.cli.options import Files, Most, ScheduleOptions, read_history
from lrsched.cli.output import INTERRUPTED, WRONG_USAGE, Answer, Part, Printing, csv_text, progress_bar, say_error
from lrsched.cli.parameters import PATH, option
from lrsched.cli.scheduling import PastMode, epochs, names_of, recipes
from lrsched.core.history import History
from lrsched.core.plain import dumps
from lrsched.errors import ArgumentError, FormatError, broken_law
from lrsched.report.answers import Span, sweep_table
from lrsched.simulation.spaces import Schedules, Space
from lrsched.simulation.sweeping import MOST_RATES, sweep_blocks
from lrsched.simulation.swept import Sweep
from lrsched.storage import disk
from lrsched.storage.config import read_tables

_MOST_JSON_ROWS: Final = 2**20

Jobs = Annotated[int, option("--jobs", "-j", metavar="N", type=click.IntRange(1))]
SpaceFile = Annotated[Path | None, option("--space", metavar="SPACE", type=PATH)]


@attrs.frozen
class SweepPrinting(Printing):
    """As of all commands, but files are written while the sweep runs.

    Args:
        output: Write the result of every setting and file: a table .csv, .json or .jsonl, or the rates as NumPy
            arrays, .npz. It replaces an existing file.
    """

    endings = (".csv", ".json", ".jsonl", ".npz")


def sweep(
    files: Files,
    options: ScheduleOptions,
    printing: SweepPrinting,
    space: SpaceFile = None,
    mode: PastMode = "free",
    jobs: Jobs = 1,
    most: Most = 20,
) -> Answer:
    """Try many settings on recorded histories: what would each have done, and which give the recorded rates?

    The settings that agree with most of the recorded rates come first. A setting in SPACE replaces the same one in
    CONFIG. Ctrl-C ends the sweep and keeps the results so far; the exit code is then 130.

    Args:
        space: The settings to try, a TOML or JSON file. It has a table fixed (key = value) and a table grid (key =
            list of values; every combination is tried), or a list settings of tables. Required, unless --schedule
            names a schedule or a list of them.
        jobs: How many processes share the work.
        most: How many settings to show.

    Examples:
        lrsched sweep learning_rates --config config.json --space space.toml
        lrsched sweep learning_rates --config config.json --space space.toml -o results.csv
    """
    tried = _tried(options, space)
    if twice := [file for file in files if files.count(file) > 1]:
        raise broken_law("FILE", "given once", twice[0], "leave one of them out")
    histories = {file: read_history(file) for file in files}
    path, ending = printing.output, printing.ending
    decisions = len(tried) * sum(map(len, histories.values()))
    if ending == ".npz" and decisions > MOST_RATES:
        raise broken_law("settings x epochs", f"at most {MOST_RATES} for .npz", decisions, "use .csv or .jsonl")
    is_document = printing.as_json or ending == ".json"
    if is_document and len(tried) * len(histories) > _MOST_JSON_ROWS:
        law = f"at most {_MOST_JSON_ROWS} with --json and .json"
        raise broken_law("settings x files", law, len(tried) * len(histories), "-o OUT.jsonl writes them as they come")
    found = _Found(most, keep_rows=is_document)
    with (
        _writer(path, ending) as write,
        _executor(jobs) as executor,
        progress_bar(f"{len(tried)} settings") as progress,
        suppress(KeyboardInterrupt),  # Ctrl-C a second time
    ):
        blocks = sweep_blocks(
            tried,
            histories,
            mode,
            non_finite_error=options.non_finite or "worse",
            error_mode=options.direction,
            pretrain_epochs=options.pretrain_epochs,
            overrides=[*epochs(options.override or "")],
            keep_rates=ending == ".npz",
            executor=executor,
            progress=progress,
        )
        for block in _until_ctrl_c(blocks):
            write(block)
            found.add(block)
    complete = found.tried == len(tried)
    error, code = None, 0
    if not complete:
        error, code = f"interrupted: {found.tried} of {len(tried)} settings are done", INTERRUPTED
    elif found.tried == found.dead:
        error, code = f"every setting fails, the first: {found.failure}", WRONG_USAGE
    document = {"mode": mode, "note": found.note, "complete": complete, "settings": found.tried}
    return Answer(
        lambda exact: found.shown(histories, exact=exact),
        document=lambda: {**document, "rows": found.rows},
        columns=dict,
        notes=found.notes,
        error=error,
        code=code,
        written=ending in _WRITTEN,
    )


def _tried(options: ScheduleOptions, space: Path | None) -> Any:
    """What to try, for `sweep_blocks`: the settings of a file, or schedules themselves.

    Raises:
        ArgumentError: It is neither, or both.
        FormatError: The file holds no space.
    """
    if (space is None) != bool(options.schedule):
        either = "--space SPACE, a TOML or JSON file, or --schedule FILE.py:NAME"
        raise ArgumentError(f"pass either {either}, to say what to try")
    if options.schedule and options.config:
        raise ArgumentError("lrsched sweep reads --config only with --space; leave out --config or --schedule")
    made = recipes(options)
    if space is None:
        codes = tuple(each.code for each in made if each.code is not None)
        return Schedules(codes, tuple(names_of([each.source for each in made])))
    tables = read_tables(space)
    try:
        tried = Space.of(tables)
    except ArgumentError as error:
        raise FormatError(str(error), filename=str(space)) from error
    for each in made:
        tried = tried.over(each.settings)
    return tried


@contextmanager
def _executor(jobs: int) -> Iterator[Executor | None]:
    if jobs == 1:
        yield None
        return
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _print_errors_only)
    try:
        # Ctrl-C goes to all processes of a terminal. The workers start here and inherit that they do not hear it; this
        # process tells them when there is no more to do.
        with _on_ctrl_c(signal.SIG_IGN):
            for _ in range(jobs):  # each starts one, as long as none is idle
                pool.submit(int)
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _print_errors_only() -> None:
    """In a worker: what a schedule prints is no part of the answer."""
    sys.stdout = sys.stderr


@contextmanager
def _on_ctrl_c(handler: Any) -> Iterator[Any]:
    """While it lasts, Ctrl-C calls ``handler``; gives what it called before."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield before
    finally:
        signal.signal(signal.SIGINT, before)


def _until_ctrl_c(blocks: Iterator[Sweep]) -> Iterator[Sweep]:
    """The blocks until Ctrl-C is pressed: what is in work is finished first. Pressed again, it ends that too."""
    pressed = []

    def note(*_: object) -> None:
        pressed.append(True)
        signal.signal(signal.SIGINT, before)
        say_error("interrupted: what is in work is finished; Ctrl-C once more drops it")

    with _on_ctrl_c(note) as before:
        for block in blocks:
            yield block
            if pressed:
                return


@contextmanager
def _writer(path: Path | None, ending: str) -> Iterator[Callable[[Sweep], None]]:
    """Writes blocks as they come; arrays at the end, all at once."""
    if path is None or ending not in _WRITTEN:
        yield lambda _: None
        return
    blocks: list[Sweep] = []
    try:
        with path.open("wb") as file:
            try:
                yield partial(_write_rows, file, _LINES[ending]) if ending in _LINES else blocks.append
            finally:
                if blocks:
                    np.savez(file, allow_pickle=False, **blocks[0].joined(blocks).arrays())
    except OSError as error:
        raise disk.storage_error(error, path) from error


def _write_rows(file: IO[bytes], lines: Callable[[dict[str, Any], bool], str], block: Sweep) -> None:
    """Write the rows of a block, each as ``lines`` has it: it is called with whether the row is the first of all."""
    for number, row in enumerate(block.rows()):
        file.write(lines(row, block.first == number == 0).encode(errors="surrogateescape"))
    file.flush()


_LINES: Final[dict[str, Callable[[dict[str, Any], bool], str]]] = {
    ".csv": lambda row, first: csv_text([row] * first + [row.values()]),
    ".jsonl": lambda row, _: f"{dumps(row, indent=None)}\n",
}
_WRITTEN: Final = (*_LINES, ".npz")


class _Found:
    """What the blocks so far have, and of it the settings that agree with most of the recorded rates."""

    def __init__(self, most: int, *, keep_rows: bool) -> None:
        self.most = most
        self.keep_rows = keep_rows
        self.rows: list[dict[str, Any]] = []
        self.tried = self.failed = self.dead = self.reproducing = self.recorded_epochs = 0
        self.failure = ""
        self.note: str | None = None
        self.best: list[tuple[int, dict[str, Any]]] = []

    def add(self, block: Sweep) -> None:
        """A block more."""
        failures, agreement = block.failures, block.agreement
        if failures and not self.failure:
            first = min(failures)
            self.failure = f"setting {block.first + first}: {failures[first]}"
        self.tried += len(block)
        self.failed += len(failures)
        self.dead += len(block.dead)
        self.reproducing += len(block.reproducing)
        self.recorded_epochs, self.note = block.recorded_epochs, block.note
        best = np.argsort(-agreement, kind="stable")[: self.most].tolist()
        ranked = [(-int(agreement[index]), _summed_up(block, [*block.rows([index])])) for index in best]
        self.best = sorted(self.best + ranked, key=itemgetter(0))[: self.most]
        if self.keep_rows:
            self.rows += block.rows()

    def shown(self, histories: Mapping[str, History], *, exact: bool) -> Iterator[Part]:
        """What to print of it."""
        where = next(iter(histories)) if len(histories) == 1 else f"{len(histories)} files"
        agreeing = f"{self.reproducing} of {self.tried} settings give every recorded rate"
        yield f"{where}: {agreeing if self.recorded_epochs else 'no rate is recorded'}"
        yield sweep_table([row for *_, row in self.best], exact=exact)
        if len(self.best) < self.tried:
            yield f"{self.tried - len(self.best)} more are not shown; --most shows more, -o writes all"

    @property
    def notes(self) -> list[str]:
        """What to print also where a file is written."""
        failures = f"{self.failed} fail, the first: {self.failure}" if self.failure else None
        return [*filter(None, (failures, self.note))]


_HEADINGS = {"final_rate": "final rate", "decays": "decays", "floor_epoch": "floor at", "differs_from": "differs from"}
"""Columns of a row -> the headings of what they span."""


def _summed_up(block: Sweep, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A setting over all histories, which have a row each, for a row of a table."""
    return {
        **{key: rows[0][key] for key in ("setting", *block.keys)},
        "agrees": f"{sum(row['agreement'] for row in rows)}/{block.recorded_epochs}",
        **{heading: Span.of(row[name] for row in rows) for name, heading in _HEADINGS.items()},
    }
