"""Many settings over many histories."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from functools import cached_property, partial
from typing import Any, Final, TypeGuard, TypeVar, final

import attrs
import numpy as np

from lrsched.core.frozendict import FrozenDict
from lrsched.core.history import History
from lrsched.core.measure import NonFinitePolicy, non_finite_policy
from lrsched.core.numbers import integer
from lrsched.core.schedule import Schedule
from lrsched.errors import ArgumentError, ExecutorError, broken_law
from lrsched.formats.plain import dumps
from lrsched.schedules.wrappers import Function, Preset, as_schedule
from lrsched.simulation.engine import Batch, vectorisable
from lrsched.simulation.replaying import Mode, as_mode, recorded_rates, replayed_epochs
from lrsched.simulation.results import Result, epoch_array, rate_array, what_if
from lrsched.simulation.spaces import Space

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
_ROWS: Final = 1024
"""How many settings are summed up at once."""
MOST_RATES: Final = 2**30
"""How many rates are kept at most: 8 GiB."""


@final
@attrs.frozen(eq=False)
class Summary:
    """What became of each of S settings over one history. Arrays of shape (S,), but for ``decay_epochs``.

    Attributes:
        final: The rate of the last epoch, float64; NaN where there is none.
        decays: In how many epochs the rate is below the one before.
        decay_epochs: These epochs, those of one setting after those of the other: shape (sum of ``decays``,).
        floor_epoch: The first epoch with a rate of at most ``min_learning_rate``; 0 where there is none.
        agreement: In how many epochs the rate is the recorded one, bit for bit.
        differs_from: The first epoch whose rate is another one than the recorded; 0 where there is none.
    """

    final: np.ndarray
    decays: np.ndarray
    decay_epochs: np.ndarray
    floor_epoch: np.ndarray
    agreement: np.ndarray
    differs_from: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["Summary"]) -> "Summary":
        """One summary of the settings of several, in that order."""
        names = [field.name for field in attrs.fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


@final
@attrs.frozen(eq=False, slots=False)
class SweptHistory:
    """What S settings say to one history of E epochs.

    Attributes:
        epochs: The epochs, int64 of shape (E,).
        recorded: The recorded rates, float64 of shape (E,), NaN where there is none.
        mode: What each epoch was decided from.
        floors: The settings' ``min_learning_rate``, float64 of shape (S,), NaN where a schedule has none.
        failures: Setting, from 0 -> why it has no rate from some epoch on.
        learning_rates: The rates, float64 of shape (S, E), NaN where a setting failed; None if they were not kept.
    """

    epochs: np.ndarray
    recorded: np.ndarray
    mode: Mode
    floors: np.ndarray
    failures: FrozenDict[int, str]
    learning_rates: np.ndarray | None
    _summary: Summary | None = None

    @cached_property
    def summary(self) -> Summary:
        """What became of each setting; worked out when it is first asked for, unless the rates were not kept."""
        if self.learning_rates is None and self._summary is not None:
            return self._summary
        return Summary.joined([*self._summaries(self.learning_rates)])

    @cached_property
    def recorded_epochs(self) -> int:
        """How many epochs have a recorded rate, which is the most that ``agreement`` can be."""
        return int(np.count_nonzero(~np.isnan(self.recorded)))

    def decay_epochs(self, setting: int) -> np.ndarray:
        """The epochs in which the rate of a setting, from 0, is below the one before: int64 of shape (decays,)."""
        end = self._decay_ends[setting]
        return self.summary.decay_epochs[end - self.summary.decays[setting] : end]

    @cached_property
    def _decay_ends(self) -> np.ndarray:
        return np.cumsum(self.summary.decays)

    def without_rates(self) -> "SweptHistory":
        """The summary alone."""
        return attrs.evolve(self, learning_rates=None, summary=self.summary)

    @classmethod
    def joined(cls, parts: Sequence["SweptHistory"]) -> "SweptHistory":
        """What the settings of several say to the same history, in that order."""
        if len(parts) == 1:
            return parts[0]
        failures: dict[int, str] = {}
        first = 0
        for part in parts:
            failures |= {first + setting: why for setting, why in part.failures.items()}
            first += len(part.floors)
        rates = [part.learning_rates for part in parts if part.learning_rates is not None]
        return attrs.evolve(
            parts[0],
            floors=np.concatenate([part.floors for part in parts]),
            failures=FrozenDict(failures),
            learning_rates=np.concatenate(rates) if rates else None,
            summary=None if rates else Summary.joined([part.summary for part in parts]),
        )

    def _summaries(self, rates: Any) -> Iterator[Summary]:
        """A few settings at a time, so that what is held beside the rates stays small."""
        for start in range(0, max(1, len(self.floors)), _ROWS):
            part = slice(start, start + _ROWS)
            yield self._summary_of(np.ascontiguousarray(rates[part]), self.floors[part])

    def _summary_of(self, rates: np.ndarray, floors: np.ndarray) -> Summary:
        before = rates[:, :-1] if self.mode == "free" else _newest_known(self.recorded)[:-1]
        fell = rates[:, 1:] < before
        same = rates == self.recorded
        return Summary(
            final=rates[:, -1] if len(self.epochs) else np.full(len(rates), np.nan),
            decays=np.count_nonzero(fell, axis=1),
            decay_epochs=self.epochs[1:][np.nonzero(fell)[1]],
            floor_epoch=self._first(rates <= floors[:, np.newaxis]),
            agreement=np.count_nonzero(same, axis=1),
            differs_from=self._first(~(same | np.isnan(self.recorded) | np.isnan(rates))),
        )

    def _first(self, marked: np.ndarray) -> np.ndarray:
        """For each row the first epoch that is marked, 0 where none is."""
        if not len(self.epochs):
            return np.zeros(len(marked), dtype=np.int64)
        at = marked.argmax(axis=1)
        return np.where(marked[np.arange(len(marked)), at], self.epochs[at], 0)


def _newest_known(rates: np.ndarray) -> np.ndarray:
    """For each epoch the newest rate that is known there, NaN where none is."""
    newest = np.maximum.accumulate(np.where(np.isnan(rates), -1, np.arange(len(rates))))
    return np.where(newest < 0, np.nan, rates[newest])


@final
@attrs.frozen
class _Given:
    """Schedules to try, in place of a `Space`."""

    tried: tuple[Schedule, ...]

    def __len__(self) -> int:
        return len(self.tried)

    @property
    def varied_keys(self) -> tuple[str, ...]:
        return ("schedule",)

    def varied(self, index: int) -> dict[str, Any]:
        return {"schedule": repr(self.tried[index])}

    def schedules(self, non_finite_error: NonFinitePolicy = "worse", pretrain_epochs: int = 0) -> Iterator[Schedule]:
        del non_finite_error  # they have their own
        if pretrain_epochs:
            raise broken_law("pretrain_epochs", "0 where schedules are tried", pretrain_epochs, "use Preset")
        return iter(self.tried)


@final
@attrs.frozen(eq=False, slots=False)
class Sweep(Result):
    """What S settings say to H histories.

    Attributes:
        mode: What each epoch was decided from.
        first: The number of the first setting, in the whole sweep, from 0.
        histories: Name -> what all the settings say to it.
    """

    mode: Mode
    first: int
    histories: FrozenDict[str, SweptHistory]
    _tried: "Space | _Given"

    def __len__(self) -> int:
        return len(next(iter(self.histories.values())).floors)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The keys in which the settings differ, and which a schedule reads."""
        return self._tried.varied_keys

    def setting(self, index: int) -> dict[str, Any]:
        """What setting ``index``, from 0, has apart from the fixed ones; `schedule_from_config` takes both together."""
        return self._tried.varied(self.first + range(len(self))[index])

    @property
    def agreement(self) -> np.ndarray:
        """In how many epochs of all histories each setting gives the recorded rate, int64 of shape (S,)."""
        agreements = [swept.summary.agreement for swept in self.histories.values()]
        return np.add.reduce(agreements)  # type: ignore[no-any-return]

    @property
    def recorded_epochs(self) -> int:
        """How many epochs of all histories have a recorded rate."""
        return sum(swept.recorded_epochs for swept in self.histories.values())

    @property
    def reproducing(self) -> np.ndarray:
        """The settings, from 0, that give every recorded rate of all histories, int64 of shape (their number,).

        There is none where no rate is recorded, and none of those that failed.
        """
        agreeing = (self.agreement == self.recorded_epochs) & (self.recorded_epochs > 0)
        agreeing[[*self.failures]] = False
        return np.flatnonzero(agreeing)

    @property
    def failures(self) -> dict[int, str]:
        """Setting, from 0 -> why it has no rate from some epoch on in some history."""
        return {index: why for swept in self.histories.values() for index, why in swept.failures.items()}

    @property
    def dead(self) -> frozenset[int]:
        """The settings, from 0, that fail in every history."""
        return frozenset.intersection(*(frozenset(swept.failures) for swept in self.histories.values()))

    @property
    def differs_from(self) -> dict[str, int | None]:
        """For each history the first epoch at which a setting gives another rate than the recorded one."""
        firsts = {name: swept.summary.differs_from for name, swept in self.histories.items()}
        return {name: min(first[first > 0].tolist(), default=None) for name, first in firsts.items()}

    @property
    def note(self) -> str | None:
        """What has to be said of a free sweep wherever it is shown; None for one of the recorded past."""
        return WHAT_IF if self.mode == "free" else None

    def rows(self) -> Iterator[dict[str, Any]]:
        """The table row by row: one for each setting and history, all with the same columns."""
        for index in range(len(self)):
            own = self.setting(index)
            setting = {key: own.get(key) for key in self.keys}
            for name, swept in self.histories.items():
                yield {"setting": self.first + index, "history": name, **setting, **self._row(swept, index)}

    def _row(self, swept: SweptHistory, index: int) -> dict[str, Any]:
        summary, failure = swept.summary, swept.failures.get(index)
        differs_from = int(summary.differs_from[index]) or None
        return {
            "final_rate": float(summary.final[index]),
            "decays": int(summary.decays[index]),
            "decay_epochs": swept.decay_epochs(index).tolist(),
            "floor_epoch": int(summary.floor_epoch[index]) or None,
            "agreement": int(summary.agreement[index]),
            "recorded_epochs": swept.recorded_epochs,
            "differs_from": differs_from,
            "note": what_if(differs_from) if self.mode == "free" and (failure is None or differs_from) else None,
            "failure": failure,
        }

    def to_dict(self) -> dict[str, Any]:
        """See `Result.to_dict`: a row for each setting and history, with the settings and the summary."""
        rows = [*self.rows()]
        return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}

    def data(self) -> dict[str, Any]:
        """See `Result.data`: the table's rows; the rates are in the arrays only."""
        return {"mode": self.mode, "note": self.note, "rows": [*self.rows()]}

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as arrays by name, as ``numpy.savez`` takes them; those of history number h end in ``_h``."""
        settings = [dumps(self.setting(index), indent=None) for index in range(len(self))]
        arrays = {
            "note": np.array(self.note or ""),
            "settings": np.array(settings),
            "histories": np.array([*self.histories]),
        }
        for number, swept in enumerate(self.histories.values()):
            own = {"epochs": swept.epochs, "recorded": swept.recorded, "learning_rates": swept.learning_rates}
            own |= attrs.asdict(swept.summary, recurse=False)
            own["failures"] = np.array(dumps(swept.failures, indent=None))
            arrays |= {f"{name}_{number}": array for name, array in own.items() if array is not None}
        return arrays

    @classmethod
    def joined(cls, blocks: Sequence["Sweep"]) -> "Sweep":
        """One sweep of the settings of several that follow one another."""
        names = blocks[0].histories
        histories = {name: SweptHistory.joined([block.histories[name] for block in blocks]) for name in names}
        return attrs.evolve(blocks[0], histories=FrozenDict(histories))


WHAT_IF: Final = (
    "the recorded errors are kept, although other rates would have changed them: what comes after the epoch where a "
    "setting differs from the recorded rates is a guess"
)
"""What has to be said of a free sweep."""


def sweep(
    space: Space | Mapping[str, Any] | Sequence[Schedule | Function],
    histories: History | Mapping[str, History],
    mode: Mode = "free",
    *,
    non_finite_error: NonFinitePolicy = "worse",
    pretrain_epochs: int = 0,
    overrides: Sequence[int] = (),
    keep_rates: bool = True,
    executor: Executor | None = None,
    progress: Progress | None = None,
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
        non_finite_error: What NaN and infinite errors mean, see `NonFinitePolicy`; schedules have their own.
        pretrain_epochs: How many epochs are pretraining, see `lrsched.config.settings.pretrain_rates`; of a space only.
        overrides: The epochs whose recorded rate is taken as given, since somebody set it by hand.
        keep_rates: Whether the result has the rates themselves, 8 bytes each.
        executor: What shares the work: a process pool, or a cluster's executor. None: this process does it all.
        progress: Called as the work goes on.

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
    blocks = sweep_blocks(
        space,
        named,
        mode,
        non_finite_error=non_finite_error,
        pretrain_epochs=pretrain_epochs,
        overrides=overrides,
        keep_rates=keep_rates,
        executor=executor,
        progress=progress,
    )
    found = Sweep.joined([*blocks])
    if len(found.dead) == len(found):
        raise ArgumentError(f"every setting fails, the first: {found.failures[0]}")
    return found


def sweep_blocks(
    space: Space | Mapping[str, Any] | Sequence[Schedule | Function],
    histories: History | Mapping[str, History],
    mode: Mode = "free",
    *,
    non_finite_error: NonFinitePolicy = "worse",
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
        non_finite_error: As in `sweep`.
        pretrain_epochs: As in `sweep`.
        overrides: As in `sweep`.
        keep_rates: As in `sweep`.
        executor: As in `sweep`.
        progress: As in `sweep`.

    Yields:
        A `Sweep` of the next settings over all histories: at most about 128 MiB of rates, and some 65,000 settings
        times histories. Where there is an executor, 32 of the pieces that it works on wait for their turn.

    Raises:
        ArgumentError: The space or the histories are none.
    """
    mode, named, tried = as_mode(mode), _named(histories), _tried(space)
    non_finite_error = non_finite_policy("non_finite_error", non_finite_error)
    lengths = [len(history) for history in named.values()]
    epochs = sum(lengths)
    at_once = epochs if keep_rates else max(lengths)  # without rates, one history's at a time are held
    most = (_BLOCK if executor is None else _SHARED_BLOCK) // max(1, at_once)
    most = max(1, min(most, _MOST_ROWS // len(named)))
    last = max((epoch for history in named.values() for epoch in history), default=0)
    pretrain_epochs = min(integer("pretrain_epochs", pretrain_epochs, least=0, way_out="0 is no pretraining"), last + 1)
    kept = [FrozenDict(recorded_rates(history, overrides)) for history in named.values()]
    pieces = (
        (block, history, mode, keep_rates, rates)
        for block in _blocks(tried.schedules(non_finite_error, pretrain_epochs), most)
        for history, rates in zip(named.values(), kept, strict=True)
    )
    found: list[SweptHistory] = []
    done = 0
    for (block, history, *_), swept in _carried_out(pieces, executor):
        found.append(swept)
        done += len(block.floors) * len(history)
        if progress is not None:
            progress(done, len(tried) * epochs)
        if len(found) == len(named):
            yield Sweep(mode, block.first, FrozenDict(zip(named, found, strict=True)), tried)
            found = []


def _named(histories: Any) -> dict[str, History]:
    named = {"history": histories} if isinstance(histories, History) else histories
    if (
        not isinstance(named, Mapping)
        or not named
        or not all(isinstance(name, str) and isinstance(history, History) for name, history in named.items())
    ):
        law = "a History, or a mapping from name to History with at least one"
        raise broken_law("histories", law, histories, 'as in {"run a": read("learning_rates")}')
    return dict(named)


def _tried(space: Any) -> Space | _Given:
    if isinstance(space, (Space, Mapping)):
        return Space.of(space)
    if isinstance(space, (str, bytes)) or not isinstance(space, Sequence) or not space:
        law = "a Space, a mapping that makes one, or a list of at least one schedule"
        raise broken_law("space", law, space, 'as in {"grid": {"learning_rate": [0.1, 0.01]}}')
    return _Given(tuple(map(as_schedule, space)))


@attrs.frozen(eq=False)
class _Block:
    """Settings that are worked on together."""

    first: int
    floors: np.ndarray
    fast: tuple[int, ...]
    """Which of them the engine runs, from 0."""
    batch: Batch
    """These."""
    pure: Mapping[int, Schedule | ArgumentError]
    """All others, and those whose growth may be too much for the engine; the error in place of what breaks a law."""


def _blocks(tried: Iterable[Schedule | ArgumentError], most: int) -> Iterator[_Block]:
    """All settings in order, in blocks that cost at most as much as ``most`` settings in the engine."""
    schedules: list[Schedule | ArgumentError] = []
    cost = first = 0
    for schedule in tried:
        own_cost = 1 if _is_fast(schedule) else _COST
        if schedules and cost + own_cost > most:
            yield _block(first, schedules)
            first += len(schedules)
            schedules, cost = [], 0
        schedules.append(schedule)
        cost += own_cost
    yield _block(first, schedules)


def _is_fast(schedule: Schedule | ArgumentError) -> TypeGuard[Schedule]:
    return isinstance(schedule, Schedule) and vectorisable(schedule)


def _block(first: int, schedules: Sequence[Schedule | ArgumentError]) -> _Block:
    rules = [schedule.rule if isinstance(schedule, Schedule) else None for schedule in schedules]
    floors = [getattr(rule, "min_learning_rate", None) for rule in rules]
    floors = [floor if isinstance(floor, (int, float)) else None for floor in floors]
    fast = {index: schedule for index, schedule in enumerate(schedules) if _is_fast(schedule)}
    grows = {index for index in fast if (getattr(rules[index], "learning_rate_growth", None) or 1.0) > 1.0}
    pure = {index: schedule for index, schedule in enumerate(schedules) if index not in fast or index in grows}
    return _Block(first, rate_array(floors), tuple(fast), Batch.of([*fast.values()]), pure)


_Answer = TypeVar("_Answer")
_Piece = tuple[_Block, History, Mode, bool, FrozenDict[int, float]]


def _carried_out(pieces: Iterable[_Piece], executor: Executor | None) -> Iterator[tuple[_Piece, SweptHistory]]:
    """Each piece of work with its result, in order."""
    if executor is None:
        for piece in pieces:
            yield piece, _swept(*piece)
        return
    waiting: deque[tuple[_Piece, Future[SweptHistory]]] = deque()
    try:
        for piece in pieces:
            waiting.append((piece, _asked(partial(executor.submit, _swept, *piece))))
            if len(waiting) == _IN_FLIGHT:
                yield waiting[0][0], _asked(waiting[0][1].result)
                waiting.popleft()
        while waiting:
            yield waiting[0][0], _asked(waiting[0][1].result)
            waiting.popleft()
    finally:
        for _, future in waiting:
            future.cancel()


def _asked(executor: Callable[[], _Answer]) -> _Answer:
    """What an executor answers.

    Raises:
        ExecutorError: It cannot. Whatever a schedule raises is a failure of its setting, and no exception.
    """
    try:
        return executor()
    except Exception as error:
        message = f"the executor failed ({type(error).__name__}: {error}); without one, this process does the work"
        raise ExecutorError(message) from error


def _swept(
    block: _Block,
    history: History,
    mode: Mode,
    keep_rates: bool,  # noqa: FBT001  a piece of work is a tuple
    kept: FrozenDict[int, float],
) -> SweptHistory:
    """What the settings of a block say to a history, with some rates given: one piece of work, for any worker."""
    rates = np.empty((len(history), len(block.floors)))
    if block.batch.size == len(block.floors):
        block.batch.rates(history, mode, rates, kept)
    else:
        rates[:, block.fast] = block.batch.rates(history, mode, kept=kept)
    fine = set(block.fast) - set(np.flatnonzero(np.isnan(rates[:1]).any(axis=0)).tolist())  # none grew beyond numbers
    failures = {}
    for index, schedule in block.pure.items():
        if index not in fine:
            asked = Preset(schedule, kept) if kept and isinstance(schedule, Schedule) else schedule
            failure = _pure_rates(asked, history, mode, rates[:, index])
            if failure:
                failures[index] = failure
    recorded = rate_array(data.learning_rate for data in history.values())
    swept = SweptHistory(epoch_array(history), recorded, mode, block.floors, FrozenDict(failures), rates.T)
    return swept if keep_rates else swept.without_rates()


def _pure_rates(schedule: Schedule | ArgumentError, history: History, mode: Mode, out: np.ndarray) -> str | None:
    """Write the rates of one schedule; why there are none from some epoch on, None if there are all."""
    out[:] = np.nan
    if isinstance(schedule, ArgumentError):
        return str(schedule)
    done = 0
    try:
        for step in replayed_epochs(schedule, history, mode):
            out[done] = step.decision.learning_rate
            done += 1
    except Exception as error:  # noqa: BLE001  one setting of many must not cost the others, whatever its function does
        return f"at epoch {[*history][done]}: {_told(error)}"
    return None


def _told(error: Exception) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001  even that may be whatever its author made of it
        return type(error).__name__
