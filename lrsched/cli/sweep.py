"""``lrsched sweep``: many settings over many histories."""

import heapq
import math
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from io import TextIOWrapper
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Final

import typer

from lrsched.cli.options import (
    AsJson,
    Config,
    ExecConfig,
    Files,
    NonFinite,
    Override,
    PastMode,
    PretrainEpochs,
    Settings,
    epochs,
    read_history,
    settings,
    target,
)
from lrsched.cli.output import INTERRUPTED, progress_bar, say, say_error, say_json, say_note, say_table
from lrsched.core.history import History
from lrsched.errors import ArgumentError, broken_law
from lrsched.formats.plain import Row, cell, dumps
from lrsched.storage import disk
from lrsched.storage.config import read_text

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from lrsched.simulation.swept import Sweep

_MOST_JSON_ROWS: Final = 2**20
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
        "NumPy arrays, .npz. It replaces one that is there.",
    ),
]


def sweep(
    files: Files,
    space: SpaceFile = None,
    config: Config = None,
    set_: Settings = None,
    exec_config: ExecConfig = False,  # noqa: FBT002  typer's way
    mode: PastMode = "free",
    pretrain_epochs: PretrainEpochs = 0,
    override: Override = "",
    non_finite: NonFinite = None,
    jobs: Jobs = 1,
    most: Most = 20,
    output: Output = None,
    as_json: AsJson = False,  # noqa: FBT002  typer's way
) -> None:
    """Try many settings on recorded histories: which would have done what, and which give the recorded rates?

    Settings of CONFIG hold wherever SPACE does not say otherwise. Those that agree with most of the recorded rates come
    first. Ctrl-C ends it, leaves what is done, and makes the exit code 130.
    """
    from lrsched.simulation.spaces import parse_space  # noqa: PLC0415  it takes long to import
    from lrsched.simulation.sweeping import MOST_RATES, sweep_blocks  # noqa: PLC0415  it takes long to import

    if space is None:
        raise ArgumentError("the settings to try are not known; give --space SPACE, a TOML or JSON file")
    path, ending = (None, None) if output is None else target(output, [*_WRITERS], [*files, config, space])
    tried = parse_space(read_text(space), str(space))
    if config is not None or set_:
        tried = tried.over(settings(config, set_, execute=exec_config))
    histories = _read(files)
    decisions = len(tried) * sum(map(len, histories.values()))
    if ending == ".npz" and decisions > MOST_RATES:
        raise broken_law("settings x epochs", f"at most {MOST_RATES} for .npz", decisions, "use .csv or .jsonl")
    if as_json and len(tried) * len(histories) > _MOST_JSON_ROWS:
        law = f"at most {_MOST_JSON_ROWS} with --json"
        raise broken_law("settings x files", law, len(tried) * len(histories), "-o OUT.jsonl writes them as they come")
    found = _Found(most, keep_rows=as_json)
    with (
        _writer(path, ending) as write,
        _executor(jobs) as executor,
        progress_bar(f"{len(tried)} settings") as progress,
        _ctrl_c() as was_pressed,
        closing(
            sweep_blocks(
                tried,
                histories,
                mode,
                non_finite_error=non_finite or "worse",
                pretrain_epochs=pretrain_epochs,
                overrides=[*chain.from_iterable(epochs(override))],
                keep_rates=ending == ".npz",
                executor=executor,
                progress=progress,
            )
        ) as blocks,
        suppress(KeyboardInterrupt),  # Ctrl-C a second time
    ):
        for block in blocks:
            write(block)
            found.add(block)
            if was_pressed():
                break
    complete = found.tried == len(tried)
    if as_json:
        document = {"mode": mode, "note": found.note, "complete": complete, "settings": found.tried}
        say_json({**document, "rows": found.all_rows})
    else:
        found.say(histories, path)
    if complete and found.tried == found.dead:
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

    pool = ProcessPoolExecutor(jobs, get_context("spawn"))
    # Ctrl-C goes to all processes of a terminal. The workers start here and inherit that they do not hear it; this
    # process tells them when there is no more to do.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for _ in range(jobs):  # each starts one, as long as none is idle
            pool.submit(int)
    finally:
        signal.signal(signal.SIGINT, before)
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
        say_error("interrupted: what is in work is finished; Ctrl-C once more drops it")

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


Write = Callable[["Sweep"], None]


@contextmanager
def _writer(path: Path | None, ending: str | None) -> Iterator[Write]:
    """Writes blocks as they come."""
    if path is None or ending is None:
        yield lambda _: None
        return
    try:
        with path.open("wb") as file, _WRITERS[ending](file) as write:
            yield write
    except OSError as error:
        raise disk.storage_error(error, path) from error


@contextmanager
def _as_csv(file: IO[bytes]) -> Iterator[Write]:
    import csv  # noqa: PLC0415  for one kind of output only

    with TextIOWrapper(file, encoding="utf-8", newline="", errors="surrogateescape") as text:
        table = csv.writer(text, lineterminator="\n")
        names: list[str] = []

        def write(block: "Sweep") -> None:
            for row in block.rows():
                if not names:
                    names.extend(row)
                    table.writerow(names)
                values = {**row, "decay_epochs": " ".join(map(str, row["decay_epochs"]))}
                table.writerow("" if value is None else cell(value) for value in values.values())
            text.flush()

        yield write


@contextmanager
def _as_json_lines(file: IO[bytes]) -> Iterator[Write]:
    def write(block: "Sweep") -> None:
        for row in block.rows():
            file.write(f"{dumps(row, indent=None)}\n".encode())
        file.flush()

    yield write


@contextmanager
def _as_arrays(file: IO[bytes]) -> Iterator[Write]:
    blocks: list[Sweep] = []
    try:
        yield blocks.append
    finally:
        if blocks:
            import numpy as np  # noqa: PLC0415  it takes long to import

            np.savez(file, allow_pickle=False, **blocks[0].joined(blocks).arrays())


_WRITERS: Final[dict[str, Callable[[IO[bytes]], AbstractContextManager[Write]]]] = {
    ".csv": _as_csv,
    ".jsonl": _as_json_lines,
    ".npz": _as_arrays,
}


class _Found:
    """What the blocks so far have, and of it the settings that agree with most of the recorded rates."""

    def __init__(self, most: int, *, keep_rows: bool) -> None:
        self.most = most
        self.keep_rows = keep_rows
        self.all_rows: list[dict[str, Any]] = []
        self.tried = self.failed = self.dead = self.reproducing = self.recorded_epochs = 0
        self.failure = ""
        self.note: str | None = None
        self.best: list[tuple[int, int, dict[str, Any]]] = []

    def add(self, block: "Sweep") -> None:
        """A block more."""
        failures = block.failures
        if failures and not self.failure:
            first = min(failures)
            self.failure = f"setting {block.first + first}: {failures[first]}"
        self.tried += len(block)
        self.failed += len(failures)
        self.dead += len(block.dead)
        self.reproducing += len(block.reproducing)
        self.recorded_epochs, self.note = block.recorded_epochs, block.note
        agreement = block.agreement
        best = heapq.nsmallest(self.most, range(len(block)), key=lambda index: (-agreement[index], index))
        ranked = [(-int(agreement[index]), block.first + index, _summed_up(block, index)) for index in best]
        self.best = sorted(self.best + ranked, key=itemgetter(0, 1))[: self.most]
        if self.keep_rows:
            self.all_rows += block.rows()

    def say(self, histories: Mapping[str, History], path: Path | None) -> None:
        """Print it."""
        where = next(iter(histories)) if len(histories) == 1 else f"{len(histories)} files"
        rows = [row for *_, row in self.best]
        told = f"{self.reproducing} of {self.tried} settings give every recorded rate"
        headings = [f">{name}" for name in (rows[0] if rows else ())]
        shown: list[Row] = [tuple("" if value is None else cell(value) for value in row.values()) for row in rows]
        say_table(headings, shown, f"{where}: {told if self.recorded_epochs else 'no rate is recorded'}")
        if len(rows) < self.tried:
            say_note(f"{self.tried - len(rows)} more are not shown; --most shows more, -o writes all")
        if self.failure:
            say_note(f"{self.failed} fail, the first: {self.failure}")
        if self.note:
            say_note(self.note)
        if path is not None:
            say(f"written to {path}")


def _summed_up(block: "Sweep", index: int) -> dict[str, Any]:
    """A setting over all histories, for a row of a table."""
    summaries = [swept.summary for swept in block.histories.values()]
    own = block.setting(index)
    return {
        "setting": block.first + index,
        **{key: own.get(key) for key in block.keys},
        "agrees": f"{block.agreement[index]}/{block.recorded_epochs}",
        "final rate": _span(float(summary.final[index]) for summary in summaries),
        "decays": _span(int(summary.decays[index]) for summary in summaries),
        "floor at": _span(int(summary.floor_epoch[index]) or None for summary in summaries),
        "differs from": _span(int(summary.differs_from[index]) or None for summary in summaries),
    }


def _span(values: Iterable[float | None]) -> str | None:
    """One value, or the lowest and the highest of several, short; None if there is none.

    Examples:
        >>> _span([3, None]), _span([0.1, 1 / 3]), _span([float("nan"), None])
        ('3', '0.1 to 0.333333', None)
    """
    known = [value for value in values if value is not None and not math.isnan(value)]
    if not known:
        return None
    low, high = f"{min(known):.6g}", f"{max(known):.6g}"
    return low if low == high else f"{low} to {high}"
