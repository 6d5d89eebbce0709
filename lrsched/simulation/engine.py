"""The newbob family over many settings at once: a step of the epochs is a few NumPy operations over all settings.

Bit for bit the rates of the pure functions, which stay the law; tests hold the two against each other. What is compared
under which key, and how it changed, is asked of the core once for all settings that agree on it. Whatever is not plain
arithmetic (a decay that is a function, say) is not for this engine: see `vectorisable`.
"""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, final

import attrs
import numpy as np

from lrsched.core.epoch_data import UNKNOWN, EpochData
from lrsched.core.frozendict import FrozenDict
from lrsched.core.history import Entry, History
from lrsched.core.measure import ErrorMeasure
from lrsched.core.schedule import Schedule, leaves, measures
from lrsched.schedules.constant import Constant
from lrsched.schedules.newbob import NewbobAbs, NewbobMultiEpoch, NewbobRelative, mean
from lrsched.simulation.columns import LARGEST, Group, Groups, Others, relative_to_rate
from lrsched.simulation.replaying import Mode

_NONE: Final[FrozenDict[int, float]] = FrozenDict()


@final
@attrs.frozen(eq=False)
class Batch:
    """Settings that are worked on together, S of them, ready to run over any number of histories.

    Attributes:
        first: The number of the first one.
        size: How many they are.
        groups: Those that the engine runs.
        others: Position, from 0 -> the schedule that it cannot run, or the error of a setting that breaks a law.
    """

    first: int
    size: int
    groups: Groups
    others: Others

    @property
    def floors(self) -> np.ndarray:
        """The settings' ``min_learning_rate``, float64 of shape (S,), NaN where a schedule has none."""
        floors = np.full(self.size, math.nan)
        for group in self.groups:
            floors[group.positions] = group.columns["minimum"]
        for position, made in self.others.items():
            floor = getattr(next(leaves(made)), "min_learning_rate", None) if isinstance(made, Schedule) else None
            floors[position] = floor if isinstance(floor, (int, float)) else math.nan
        return floors

    @property
    def measures(self) -> frozenset[ErrorMeasure]:
        """The errors that they look at."""
        schedules = [made for made in self.others.values() if isinstance(made, Schedule)]
        return frozenset(chain(*map(measures, [*(group.rule for group in self.groups), *schedules])))

    def rates(self, history: History, mode: Mode, kept: Mapping[int, float] = _NONE) -> np.ndarray:
        """The rates that the schedules give for the E epochs of a history, as `lrsched.simulation.replay` does.

        Args:
            history: The recorded epochs.
            mode: See `Mode`.
            kept: Rates that are given, by epoch: a preset around all schedules.

        Returns:
            float64 of shape (E, S), NaN from where a rate grows beyond the largest float: the pure function raises
            there. The columns of ``others`` are not written.
        """
        rates = np.empty((len(history), self.size))
        for group in self.groups:
            is_all = len(group.positions) == self.size
            own = rates if is_all else np.empty((len(history), len(group.positions)))
            with np.errstate(all="ignore"):  # infinities and NaN are values here, as in the pure functions
                _run(group, history, mode, own, kept)
            if not is_all:
                rates[:, np.sort(group.positions)] = own
        return rates


def _run(group: Group, history: History, mode: Mode, out: np.ndarray, kept: Mapping[int, float]) -> None:
    """Write the rates of a group, float64 of shape (E, S), in the order of its positions."""
    past = _Past(group)
    order = np.argsort(group.positions)
    row = 0
    for epoch, data, given in _moments(history, (kept, *group.presets) if kept else group.presets):
        if data is None:  # only its rate is known
            past.add(epoch, UNKNOWN, _seen(None, given))
            continue
        rates = given[0] if given else past.next_rates(epoch)
        out[row] = rates.take(order) if isinstance(rates, np.ndarray) else rates
        past.add(epoch, data, _seen(rates if mode == "free" else data.learning_rate, given))
        row += 1
    if past.grows:
        beyond = np.flatnonzero(~np.isfinite(out).all(axis=0))
        is_number = np.logical_and.accumulate(np.isfinite(out[:, beyond]))
        out[:, beyond] = np.where(is_number, out[:, beyond], math.nan)


def _moments(
    history: History, presets: Sequence[Mapping[int, float]]
) -> Iterator[tuple[int, EpochData | None, tuple[float, ...]]]:
    """The epochs that a rule sees: number, what is recorded, and what presets give, the outermost first.

    A preset's epoch is one even where nothing is recorded.
    """
    recorded = dict(history)
    last = max(recorded, default=0)
    for epoch in sorted({*recorded}.union(*presets)):
        if epoch <= last:
            yield epoch, recorded.get(epoch), tuple([rates[epoch] for rates in presets if epoch in rates])


Rates = np.ndarray | float | None
"""Of one epoch: those of all settings of a group, one that they share, or none that is known."""


def _seen(rates: Rates, given: tuple[float, ...]) -> Rates:
    """The rate of an epoch that the rule sees later: where it is unknown or 0, the next preset's counts."""
    for preset in given:
        if isinstance(rates, np.ndarray) or rates:
            break
        rates = preset
    return rates


class _Past:
    """What the rule of a group sees of the epochs so far, from the newest ones only: a flat cost in epochs."""

    def __init__(self, group: Group) -> None:
        rule, columns = group.rule, group.columns
        self.rule, self.columns = rule, columns
        self.epoch_before: Entry | None = None
        self.last: Rates = None  # the newest epoch's
        self.newest: Rates = None  # the newest known
        self.by_newest = isinstance(rule, (Constant, NewbobMultiEpoch))
        self.interval = getattr(rule, "update_interval", 1)
        num_epochs = min(getattr(rule, "num_epochs", 1), LARGEST)
        self.changes: deque[Any] = deque(maxlen=num_epochs)  # of the errors, oldest first
        self.lasted: Any = 0  # for how many epochs the last rate is what it is
        self.holds = bool((columns["hold"] > 1.0).any())
        self.grows = bool((columns["growth"] > 1.0).any())
        self.thresholds: list[float] = columns["threshold"].tolist()
        lifts = columns["minimum"] > 0.0  # to np.maximum, 0.0 is as good as -0.0
        self.minimum = np.where(lifts, columns["minimum"], -math.inf)
        self.rates = np.empty_like(columns["default"])

    def add(self, epoch: int, data: EpochData, rates: Rates) -> None:
        """One epoch more."""
        if self.holds:
            same = rates is not None and self.last is not None and np.equal(rates, self.last)
            self.lasted = np.where(same, self.lasted + 1, 1)
        self.last = rates
        if rates is not None:
            self.newest = rates
        if self.epoch_before is not None:
            self.changes.append(self._change(self.epoch_before, (epoch, data)))
        self.epoch_before = (epoch, data)

    def _change(self, old: Entry, new: Entry) -> Any:
        """How the errors changed: one number for all settings, or one for each; None where they cannot be compared."""
        rule = self.rule
        if isinstance(rule, Constant):
            return None
        change = rule.measure.change(old[1], new[1], rule.relative_to)
        if change is None or not relative_to_rate(rule):
            return change
        scale = (0.0 if self.newest is None else self.newest) / self.columns["default"]
        return change / np.where(scale == 0.0, 1.0, scale)

    def next_rates(self, epoch: int) -> Rates:
        """What the rule says to the next epoch."""
        previous = self.newest if self.by_newest else self.last
        if previous is None:
            return self.columns["default"]
        waits = self.interval > 1 and epoch % self.interval != 1
        if waits or not self.changes or any(change is None for change in self.changes):
            return previous
        return self._stepped(previous, mean(list(self.changes)))

    def _stepped(self, previous: Any, change: Any) -> np.ndarray:
        """The rates after a decay where the change exceeds the threshold, and growth where it is small enough."""
        columns = self.columns
        rates = np.empty_like(self.rates) if self.holds else self.rates  # a hold looks at the last ones again
        if rates is not previous:
            rates[:] = previous
        free = self.lasted >= columns["hold"] if self.holds and self.last is not None else None
        exceeded, exceeds = self._exceeded(change)
        where = exceeds if free is None else exceeds & free[exceeded]
        np.multiply(rates[exceeded], columns["decay"][exceeded], out=rates[exceeded], where=where)
        np.maximum(rates[exceeded], self.minimum[exceeded], out=rates[exceeded], where=where)
        if self.grows:
            grows = self._grows(change)
            grows[exceeded] &= ~np.asarray(exceeds)
            np.multiply(rates, columns["growth"], out=rates, where=grows if free is None else grows & free)
        return rates

    def _exceeded(self, change: Any) -> tuple[slice, Any]:
        """The settings whose threshold a change exceeds: a slice of them, and which of these; True: all of these."""
        if isinstance(change, np.ndarray):
            return slice(None), change > self.columns["threshold"]
        return slice(0 if math.isnan(change) else bisect_left(self.thresholds, change)), True

    def _grows(self, change: Any) -> np.ndarray:
        """The settings for which a change is small enough to grow, if it does not exceed their threshold."""
        rule, thresholds = self.rule, self.columns["grow_threshold"]
        if isinstance(rule, (NewbobRelative, NewbobAbs)) and rule.non_finite_error == "original":
            return np.ones(thresholds.shape, dtype=bool)  # whatever does not exceed the threshold, a NaN too
        return np.asarray(change < thresholds)
