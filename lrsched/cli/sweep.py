"""``lrsched sweep``: many settings over many histories."""

import heapq
import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO

import typer
from rich.console import Console

from lrsched.cli.options import AsJson, Config, ExecConfig, Files, NonFinite, PastMode, Settings, read_history, settings
from lrsched.cli.output import say, say_error, say_json, say_table
from lrsched.core.history import History
from lrsched.errors import ArgumentError, broken_law
from lrsched.formats.plain import Row, cell, jsonable
from lrsched.storage import disk
from lrsched.storage.config import read_text

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from lrsched.simulation.sweeping import Sweep

INTERRUPTED: Final = 130
"""What a program exits with that Ctrl-C ended before its time."""

SpaceFile = Annotated[
    Path | None,
    typer.Option(
        "--space",
        metavar="SPACE",
        help="What to try, in TOML or JSON: tables fixed (key = value) and grid (key = list of values, every "
        "combination), or a list settings of tables. Required.",
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", metavar="N", min=1, help="How many processes share the work.")]
Most = Annotated[int, typer.Option("--most", metavar="N", min=1, help="How many settings to show.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="Where to write the result of every setting and file: a table .csv or .jsonl, or the rates themselves as "
        "NumPy arrays, .npz.",
    ),
]


def sweep(
    files: Files,
    space: SpaceFile = None,
    config: Config = None,
    set_: Settings = None,
    exec_config: ExecConfig = False,  # noqa: FBT002  typer's way
    mode: PastMode = "free",
    non_finite: NonFinite = None,
    jobs: Jobs = 1,
    most: Most = 20,
    output: Output = None,
    as_json: AsJson = False,  # noqa: FBT002  typer's way
) -> None:
    """Try many settings on recorded histories: which would have done what, and which give the recorded rates?

    Settings of CONFIG hold wherever SPACE does not say otherwise. Those that agree with most of the recorded rates come
    first. Ctrl-C ends it and leaves what is done.
    """
    from lrsched.simulation.spaces import parse_space  # noqa: PLC0415  it takes long to import
    from lrsched.simulation.sweeping import sweep_blocks  # noqa: PLC0415  it takes long to import

    if space is None:
        raise ArgumentError("the settings to try are not known; give --space SPACE, a TOML or JSON file")
    tried = parse_space(read_text(space), str(space))
    if config is not None or set_:
        tried = tried.over(settings(config, set_, execute=exec_config))
    histories = _read(files)
    writer = _writer(output)
    found = _Best(most)
    rows: list[dict[str, Any]] = []
    with writer as write, _executor(jobs) as executor, _bar() as progress, _ctrl_c() as was_pressed:
        blocks = sweep_blocks(
            tried,
            histories,
            mode,
            non_finite_error=non_finite or "worse",
            keep_rates=output is not None and output.suffix == ".npz",
            executor=executor,
            progress=progress,
        )
        for block in blocks:
            write(block)
            found.add(block)
            if as_json:
                rows += block.rows()
            if was_pressed():
                break
    complete = found.tried == len(tried)
    if as_json:
        say_json({"mode": mode, "note": found.note, "complete": complete, "settings": found.tried, "rows": rows})
    else:
        found.say(len(tried), histories, output)
    if complete and found.tried == found.failed:
        raise ArgumentError(f"every setting fails, the first: {found.failure}")
    if not complete:
        say_error(f"interrupted: {found.tried} of {len(tried)} settings are done")
        raise typer.Exit(INTERRUPTED)


def _read(files: list[str]) -> dict[str, History]:
    histories = {}
    for file in files:
        if file in histories:
            raise broken_law("FILE", "given once", file, "leave one of them out")
        histories[file] = read_history(file)
    return histories


@contextmanager
def _executor(jobs: int) -> "Iterator[Executor | None]":
    if jobs == 1:
        yield None
        return
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415  it takes long to import
    from multiprocessing import get_context  # noqa: PLC0415  it takes long to import

    # Ctrl-C goes to all processes of a terminal; this one tells the others.
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _ctrl_c() -> Iterator[Callable[[], bool]]:
    """Tells whether Ctrl-C was pressed: what is in work is finished first. Pressed again, it ends that too."""
    pressed = []

    def note(*_: object) -> None:
        pressed.append(True)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar, where the standard error is a terminal."""
    from rich.progress import Progress  # noqa: PLC0415  it takes long to import

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("decisions", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


Write = Callable[["Sweep"], None]


@contextmanager
def _writer(output: Path | None) -> Iterator[Write]:
    """Writes blocks as they come; what is written stays, whatever happens then."""
    kinds: dict[str, Callable[[TextIO], Write]] = {".csv": _as_csv, ".jsonl": _as_json_lines}
    if output is None:
        yield lambda _: None
    elif output.suffix == ".npz":
        blocks: list[Sweep] = []
        yield blocks.append
        if blocks:
            import numpy as np  # noqa: PLC0415  it takes long to import

            with _opened(output, "wb") as file:
                np.savez(file, allow_pickle=False, **blocks[0].joined(blocks).arrays())
    elif output.suffix in kinds:
        with _opened(output, "w", encoding="utf-8", newline="") as file:
            write = kinds[output.suffix](file)

            def written(block: "Sweep") -> None:
                write(block)
                file.flush()

            yield written
    else:
        raise broken_law("OUT", "a file .csv, .jsonl or .npz", str(output), "its ending says what to write")


@contextmanager
def _opened(path: Path, mode: str, **options: Any) -> Iterator[Any]:
    try:
        with path.open(mode, **options) as file:
            yield file
    except OSError as error:
        raise disk.storage_error(error, path) from error


def _as_csv(file: TextIO) -> Write:
    import csv  # noqa: PLC0415  for one kind of output only

    table = csv.writer(file)
    names: list[str] = []

    def write(block: "Sweep") -> None:
        for row in block.rows():
            if not names:
                names.extend(row)
                table.writerow(names)
            values = {**row, "decay_epochs": " ".join(map(str, row["decay_epochs"]))}
            table.writerow("" if values.get(name) is None else cell(values[name]) for name in names)

    return write


def _as_json_lines(file: TextIO) -> Write:
    def write(block: "Sweep") -> None:
        for row in block.rows():
            print(json.dumps(jsonable(row), allow_nan=False), file=file)

    return write


class _Best:
    """The settings that agree with most of the recorded rates, of the blocks so far."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.tried = 0
        self.failed = 0
        self.failure = ""
        self.reproducing = 0
        self.note: str | None = None
        self.rows: list[tuple[int, int, dict[str, Any]]] = []

    def add(self, block: "Sweep") -> None:
        """A block more."""
        self.tried += len(block)
        failures = {index: why for swept in block.histories.values() for index, why in swept.failures.items()}
        self.failed += len(failures)
        if failures and not self.failure:
            first = min(failures)
            self.failure = f"setting {block.first + first}: {failures[first]}"
        self.reproducing += len(block.reproducing)
        self.note = block.note
        agreement = block.agreement
        best = heapq.nsmallest(self.most, range(len(block)), key=lambda index: (-agreement[index], index))
        ranked = [(-int(agreement[index]), block.first + index, _summed_up(block, index)) for index in best]
        self.rows = sorted(self.rows + ranked, key=lambda ranking: ranking[:2])[: self.most]

    def say(self, total: int, histories: Mapping[str, History], output: Path | None) -> None:
        """Print them."""
        where = next(iter(histories)) if len(histories) == 1 else f"{len(histories)} files"
        rows = [row for *_, row in self.rows]
        headings = list(dict.fromkeys(name for row in rows for name in row))
        title = f"{where}: {self.reproducing} of {total} settings give every recorded rate"
        shown: list[Row] = [
            tuple("" if row.get(name) is None else cell(row[name]) for name in headings) for row in rows
        ]
        say_table([f">{name}" for name in headings], shown, title)
        if len(rows) < self.tried:
            say(f"{self.tried - len(rows)} more are not shown; --most shows more, -o writes all")
        if self.failure:
            say(f"{self.failed} fail, the first: {self.failure}")
        if self.note:
            say(self.note)
        if output is not None:
            say(f"written to {output}")


def _summed_up(block: "Sweep", index: int) -> dict[str, Any]:
    """A setting over all histories, for a row of a table."""
    swept = [*block.histories.values()]
    final = [float(each.summary.final[index]) for each in swept]
    differs = [int(each.summary.differs_from[index]) for each in swept]
    floors = [int(each.summary.floor_epoch[index]) for each in swept]
    decays = [int(each.summary.decays[index]) for each in swept]
    return {
        "setting": block.first + index,
        **block.setting(index),
        "agrees": f"{block.agreement[index]}/{block.recorded_epochs}",
        "final rate": _span(final),
        "decays": _span(decays),
        "floor at": _span([epoch for epoch in floors if epoch]),
        "differs from": _span([epoch for epoch in differs if epoch]),
    }


def _span(values: list[Any]) -> str | None:
    """One value, or the lowest and the highest of several; None of none."""
    if not values:
        return None
    low, high = min(values), max(values)
    return repr(low) if low == high else f"{low!r} to {high!r}"
