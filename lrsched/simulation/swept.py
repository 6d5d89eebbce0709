"""What a sweep gives: what many settings say to many histories, as frozen values."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, Final, final

import attrs
import numpy as np

from lrsched.core.frozendict import FrozenDict
from lrsched.core.plain import dumps
from lrsched.simulation.replaying import Mode
from lrsched.simulation.results import Result, what_if
from lrsched.simulation.spaces import Schedules, Space

_ROWS: Final = 1024
"""How many settings are summed up at once."""


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
        return self._summary or Summary.joined([*self._summaries(self.learning_rates)])

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
        firsts = accumulate((len(part.floors) for part in parts), initial=0)
        failures = ((first, part.failures) for first, part in zip(firsts, parts, strict=False))
        rates = [part.learning_rates for part in parts if part.learning_rates is not None]
        return attrs.evolve(
            parts[0],
            floors=np.concatenate([part.floors for part in parts]),
            failures=FrozenDict({first + setting: why for first, own in failures for setting, why in own.items()}),
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
    _tried: Space | Schedules

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
        return sum(swept.summary.agreement for swept in self.histories.values())  # type: ignore[return-value]

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

    def rows(self, settings: Iterable[int] | None = None) -> Iterator[dict[str, Any]]:
        """The table row by row: one for each setting and history, all with the same columns.

        Args:
            settings: The settings to show, from 0; by default, all.
        """
        for index in range(len(self)) if settings is None else settings:
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
        arrays = {
            "note": np.array(self.note or ""),
            "settings": np.array([dumps(self.setting(index), indent=None) for index in range(len(self))]),
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
