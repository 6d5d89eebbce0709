"""Many settings over many histories."""

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, get_args

import numpy as np

from lrsched.core.frozendict import FrozenDict
from lrsched.core.history import History
from lrsched.core.measure import Direction, ErrorMeasure, NonFinitePolicy
from lrsched.core.numbers import apply_factor, choice, integer
from lrsched.core.schedule import Schedule
from lrsched.errors import ArgumentError, ExecutorError, broken_law
from lrsched.schedules.combine import Preset
from lrsched.schedules.function import Function, as_schedule
from lrsched.simulation.columns import Made, read
from lrsched.simulation.engine import Batch
from lrsched.simulation.replaying import Mode, recorded_rates, replayed_epochs, warn_of_doubts
from lrsched.simulation.results import epoch_array, rate_array
from lrsched.simulation.spaces import Axes, Schedules, Space
from lrsched.simulation.swept import Sweep, SweptHistory

Progress = Callable[[int, int], None]
"""Told how many decisions are made, and of how many."""

_BLOCK: Final = 2**24
"""How many decisions are made at once: 128 MiB of rates."""
_SHARED_BLOCK: Final = 2**21
"""The same where several workers share the work."""
_MOST_ROWS: Final = 2**16
"""How many settings times histories a block has at most: what is done is told every few seconds."""
_IN_FLIGHT: Final = 32
"""How many pieces of work an executor has at once: what is done waits in memory for its turn."""
_COST: Final = 1000
"""How many decisions of the engine take the time of one of a pure function."""
MOST_RATES: Final = 2**30
"""How many rates are kept at most: 8 GiB."""


def sweep(
    space: Space | Schedules | Mapping[str, Any] | Sequence[Schedule | Function],
    histories: History | Mapping[str, History],
    mode: Mode = "free",
    *,
    keep_rates: bool = True,
    **options: Any,
) -> Sweep:
    """What each of many settings would have given over each of many histories.

    The newbob family runs in an engine that is vectorised over the settings, anything else by the pure functions; the
    rates are the same, bit for bit. A setting that breaks a law, or fails at some epoch, has NaN there and a failure.

    Args:
        space: The settings: a `Space`, or a mapping that makes one; or schedules themselves.
        histories: The recorded epochs, by name; one without a name is called "history".
        mode: See `Mode`. In the free mode the recorded errors are kept, although other rates would have changed them;
            the result says so. The recorded mode tells in which epochs a setting gives the recorded rate from the
            recorded past, also where somebody set some rates by hand.
        keep_rates: Whether the result has the rates themselves, 8 bytes each.
        **options: ``non_finite_error``, ``error_mode``, ``pretrain_epochs``, ``overrides``, ``executor`` and
            ``progress`` of `sweep_blocks`.

    Warns:
        MeasureWarning: As `lrsched.LearningRateControl` does, for each history.

    Raises:
        ArgumentError: The space or the histories are none; the rates are too many to keep; or all settings fail.

    Examples:
        >>> from lrsched import EpochData
        >>> history = History({e: EpochData(learning_rate=0.1, error={"dev_score": 1.0}) for e in range(1, 5)})
        >>> fixed = {"learning_rate_control": "newbob", "learning_rate": 0.1, "min_learning_rate": 0.03}
        >>> found = sweep({"fixed": fixed, "grid": {"newbob_learning_rate_decay": [1.0, 0.5]}}, history)
        >>> found.histories["history"].learning_rates
        array([[0.1 , 0.1 , 0.1 , 0.1 ],
               [0.1 , 0.1 , 0.05, 0.03]])
        >>> found.reproducing, found.setting(0)
        (array([0]), {'newbob_learning_rate_decay': 1.0})
        >>> found.histories["history"].decay_epochs(1), found.histories["history"].summary.floor_epoch
        (array([3, 4]), array([0, 4]))
    """
    named = _named(histories)
    tried = _tried(space)
    rates = len(tried) * sum(map(len, named.values()))
    if keep_rates and rates > MOST_RATES:
        way_out = "use sweep_blocks, or keep_rates=False"
        raise broken_law("settings x epochs", f"at most {MOST_RATES} where the rates are kept", rates, way_out)
    found = Sweep.joined([*sweep_blocks(space, named, mode, keep_rates=keep_rates, **options)])
    if len(found.dead) == len(found):
        raise ArgumentError(f"every setting fails, the first: {found.failures[0]}")
    return found


def sweep_blocks(
    space: Space | Schedules | Mapping[str, Any] | Sequence[Schedule | Function],
    histories: History | Mapping[str, History],
    mode: Mode = "free",
    *,
    non_finite_error: NonFinitePolicy = "worse",
    error_mode: Direction = "min",
    pretrain_epochs: int = 0,
    overrides: Sequence[int] = (),
    keep_rates: bool = True,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Generator[Sweep, None, None]:
    """`sweep`, some settings at a time, in order: for more rates than fit into memory, or to keep what is done.

    Args:
        space: As in `sweep`.
        histories: As in `sweep`.
        mode: As in `sweep`.
        non_finite_error: What NaN and infinite errors mean, see `NonFinitePolicy`; schedules have their own.
        error_mode: Which errors are better, see `Direction`; schedules have their own.
        pretrain_epochs: How many epochs are pretraining, see `lrsched.config.settings.pretrain_rates`; of a space only.
        overrides: The epochs whose recorded rate is taken as given, since somebody set it by hand.
        keep_rates: As in `sweep`.
        executor: What shares the work: a process pool, or a cluster's executor. None: this process does it all.
        progress: Called as the work goes on.

    Yields:
        A `Sweep` of the next settings over all histories: at most about 128 MiB of rates, and some 65,000 settings
        times histories. Where there is an executor, 32 of the pieces that it works on wait for their turn.

    Raises:
        ArgumentError: The space or the histories are none.
    """
    choice("mode", mode, get_args(Mode))
    choice("non_finite_error", non_finite_error, get_args(NonFinitePolicy))
    choice("error_mode", error_mode, get_args(Direction))
    named, tried = _named(histories), _tried(space)
    lengths = [len(history) for history in named.values()]
    epochs = sum(lengths)
    at_once = epochs if keep_rates else max(lengths)  # without rates, one history's at a time are held
    most = (_BLOCK if executor is None else _SHARED_BLOCK) // max(1, at_once)
    most = max(1, min(most, _MOST_ROWS // len(named)))
    last = max((epoch for history in named.values() for epoch in history), default=0)
    pretrain_epochs = min(integer("pretrain_epochs", pretrain_epochs, least=0, way_out="0 is no pretraining"), last + 1)
    kept = [FrozenDict(recorded_rates(history, overrides)) for history in named.values()]
    pieces = (
        (batch, history, mode, keep_rates, rates)
        for batch in _batches(tried.axes(non_finite_error, pretrain_epochs, error_mode), len(tried), most)
        for history, rates in zip(named.values(), kept, strict=True)
    )
    found: list[SweptHistory] = []
    done = 0
    looked_at: set[tuple[str, ErrorMeasure]] = set()
    for (batch, history, *_), swept in _carried_out(pieces, executor):
        name = [*named][len(found)]
        fresh = sorted({(name, measure) for measure in batch.measures} - looked_at, key=repr)
        warn_of_doubts([measure for _, measure in fresh], history.before(max(history, default=1)), f"{name}: ")
        looked_at.update(fresh)
        found.append(swept)
        done += batch.size * len(history)
        if progress is not None:
            progress(done, len(tried) * epochs)
        if len(found) == len(named):
            yield Sweep(mode, batch.first, FrozenDict(zip(named, found, strict=True)), tried)
            found = []


def _named(histories: Any) -> dict[str, History]:
    named = {"history": histories} if isinstance(histories, History) else histories
    is_named = isinstance(named, Mapping) and all(isinstance(name, str) for name in named)
    if not (is_named and named and all(isinstance(history, History) for history in named.values())):
        law = "a History, or a mapping from name to History with at least one"
        raise broken_law("histories", law, histories, 'as in {"run a": read("learning_rates")}')
    return dict(named)


def _tried(space: Any) -> Space | Schedules:
    if isinstance(space, (Space, Mapping)):
        return Space.of(space)
    if isinstance(space, Schedules):
        return space
    if isinstance(space, (str, bytes)) or not isinstance(space, Sequence) or not space:
        law = "a Space, a mapping that makes one, or a list of at least one schedule"
        raise broken_law("space", law, space, 'as in {"grid": {"learning_rate": [0.1, 0.01]}}')
    return Schedules(tuple(map(as_schedule, space)))


def _batches(axes: Axes, number: int, most: int) -> Iterator[Batch]:
    """All settings in order, in batches that cost at most as much as ``most`` settings in the engine."""
    first, size = 0, most
    while first < number:
        size = min(size, number - first)
        batch = Batch(first, size, *read(axes, first, first + size))
        costs = np.ones(batch.size)
        costs[[position for position, made in batch.others.items() if isinstance(made, Schedule)]] = _COST
        size = max(1, int(np.searchsorted(np.cumsum(costs), most, side="right")))
        if size == batch.size:
            yield batch
            first, size = first + size, min(2 * size, most)


_Piece = tuple[Batch, History, Mode, bool, FrozenDict[int, float]]


def _carried_out(pieces: Iterable[_Piece], executor: Executor | None) -> Iterator[tuple[_Piece, SweptHistory]]:
    """Each piece of work with its result, in order."""
    if executor is None:
        for piece in pieces:
            yield piece, _swept(*piece)
        return
    to_do = iter(pieces)
    waiting: deque[tuple[_Piece, Future[SweptHistory]]] = deque()
    try:
        while True:
            for piece in islice(to_do, _IN_FLIGHT - len(waiting)):
                with _at_work():
                    waiting.append((piece, executor.submit(_swept, *piece)))
            if not waiting:
                return
            oldest, future = waiting[0]
            with _at_work():
                swept = future.result()
            yield oldest, swept
            waiting.popleft()
    finally:
        for _, future in waiting:
            future.cancel()


@contextmanager
def _at_work() -> Iterator[None]:
    """An executor fails with an `ExecutorError`: what a schedule raises is a failure of its setting, no exception."""
    try:
        yield
    except Exception as error:
        message = f"the executor failed ({type(error).__name__}: {error}); without one, this process does the work"
        raise ExecutorError(message) from error


def _swept(batch: Batch, history: History, mode: Mode, keep_rates: bool, kept: FrozenDict[int, float]) -> SweptHistory:  # noqa: FBT001  a piece of work is a tuple
    """What the settings of a batch say to a history, with some rates given: one piece of work, for any worker."""
    rates = batch.rates(history, mode, kept)
    failures = {
        position: _pure_rates(made, kept, history, mode, rates[:, position]) for position, made in batch.others.items()
    }
    for position in np.flatnonzero(np.isnan(rates[-1:]).any(axis=0)).tolist():  # it grew beyond all numbers
        epoch = [*history][np.isnan(rates[:, position]).argmax()]
        failures.setdefault(position, f"at epoch {epoch}: {_too_large()}")
    recorded = rate_array(data.learning_rate for data in history.values())
    in_order = FrozenDict({position: why for position, why in sorted(failures.items()) if why})
    swept = SweptHistory(epoch_array(history), recorded, mode, batch.floors, in_order, rates.T)
    return swept if keep_rates else swept.without_rates()


def _too_large() -> str:
    """What the pure functions say of a growth beyond the largest float."""
    try:
        return f"{apply_factor('learning_rate_growth', 2.0, sys.float_info.max)}"
    except ArgumentError as error:
        return str(error)


def _pure_rates(made: Made, kept: FrozenDict[int, float], history: History, mode: Mode, out: np.ndarray) -> str | None:
    """Write the rates of one setting; why there are none from some epoch on, None if there are all."""
    out[:] = np.nan
    if isinstance(made, ArgumentError):
        return str(made)
    try:
        for row, step in enumerate(replayed_epochs(Preset(made, kept) if kept else made, history, mode)):
            out[row] = step.learning_rate
    except Exception as error:  # noqa: BLE001  one setting of many must not cost the others, whatever its function does
        return f"at epoch {[*history][np.isnan(out).argmax()]}: {str(error) or type(error).__name__}"
    return None
