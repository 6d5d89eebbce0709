"""The newbob family over many settings at once: a step of the epochs is a few NumPy operations over all settings.

Bit for bit the rates of the pure functions, which stay the law; tests hold the two against each other. What is compared
under which key, and how it changed, is asked of the core once for all settings that agree on it. Whatever is not plain
arithmetic (a decay that is a function, say) is not for this engine: see `vectorisable`.
"""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, final

import attrs
import numpy as np

from lrsched.core.epoch_data import UNKNOWN, EpochData
from lrsched.core.frozendict import FrozenDict
from lrsched.core.history import Entry, History
from lrsched.core.schedule import Schedule
from lrsched.schedules.combine import HoldLearningRate, Preset
from lrsched.schedules.constant import Constant
from lrsched.schedules.newbob import NewbobAbs, NewbobMultiEpoch, NewbobRelative, RelativeNewbob, mean
from lrsched.simulation.replaying import Mode

Rule = Constant | NewbobRelative | NewbobAbs | NewbobMultiEpoch
Presets = tuple[FrozenDict[int, float], ...]

_FAST: Final = (Constant, NewbobRelative, NewbobAbs, NewbobMultiEpoch)
# The numbers in which the settings that go together may differ: what they are called here, and in the schedules.
_COLUMNS: Final = {
    "default": ("default_learning_rate",),
    "minimum": ("min_learning_rate",),
    "decay": ("learning_rate_decay",),
    "growth": ("learning_rate_growth",),
    "threshold": ("relative_error_threshold", "error_threshold"),
    "grow_threshold": ("relative_error_grow_threshold",),
}
_MEASURE: Final = ("error_measure_key", "strict_error_key", "mode", "non_finite_error", "stand_ins", "gaps")
"""What makes the measure."""


def _getters(kind: type[Any]) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """What settings of a kind must have in common to go together, and the numbers in which they may differ."""
    names = [field.name for field in attrs.fields(kind)]
    numbers = [name for column in _COLUMNS.values() for name in column if name in names]
    return attrgetter("__class__", *{*names} - {*numbers, *_MEASURE}), attrgetter(*numbers)


_GETTERS: Final[dict[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    kind: _getters(kind) for kind in _FAST
}
_NONE: Final[FrozenDict[int, float]] = FrozenDict()
_LARGEST: Final = 2**62
"""What stands for any larger number of epochs."""


def _parts(schedule: Schedule) -> tuple[Presets, int, Schedule]:
    """Presets, outermost first, around a hold, around a rule: the order that configurations give."""
    presets = []
    while type(schedule) is Preset:
        presets.append(schedule.learning_rates)
        schedule = schedule.schedule
    if type(schedule) is HoldLearningRate:
        return tuple(presets), schedule.min_num_epochs, schedule.schedule
    return tuple(presets), 0, schedule


def _negative_zeros(presets: Presets) -> tuple[tuple[int, ...], ...]:
    """The epochs of a rate of -0.0: presets that differ in nothing else are equal."""
    return tuple(tuple(epoch for epoch, rate in rates.items() if str(rate) == "-0.0") for rates in presets)


def vectorisable(schedule: Schedule) -> bool:
    """Whether the engine can run a schedule: constant or one of the newbob family, inside a hold, inside presets.

    Not so where a decay or growth is a function, or where epochs without a key are passed over.

    Examples:
        >>> rule = NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=0.5)
        >>> vectorisable(Preset(HoldLearningRate(rule, 3), {1: 0.01}))
        True
        >>> vectorisable(HoldLearningRate(Preset(rule, {1: 0.01}), 3))
        False
    """
    rule: Any = _parts(schedule)[-1]
    if type(rule) not in _FAST or type(rule) is Constant:
        return type(rule) is Constant
    by_number = not callable(rule.learning_rate_decay) and not callable(rule.learning_rate_growth)
    return by_number and rule.gaps == "neighbours"


@attrs.frozen(eq=False)
class _Group:
    """Settings that differ in numbers only, S of them. All arrays but ``positions`` are float64 of shape (S,)."""

    rule: Rule
    presets: Presets
    positions: np.ndarray
    """Where the settings stand among all, integers."""
    inverse: np.ndarray | None
    """Where each setting stands in the columns, integers; None where the columns are in the order of the positions."""
    default: np.ndarray
    minimum: np.ndarray
    """-inf where it is 0: nothing is below."""
    decay: np.ndarray
    growth: np.ndarray
    threshold: np.ndarray
    """Ascending where all settings see the same change, so that those that it exceeds are a slice."""
    grow_threshold: np.ndarray
    hold: np.ndarray


# The columns of a group by name, with what they are where a rule does not have them.
_NEUTRAL: Final = {
    "default": math.nan,
    "minimum": 0.0,
    "decay": 1.0,
    "growth": 1.0,
    "threshold": math.inf,
    "grow_threshold": math.inf,
    "hold": 0.0,
}


def _group(rule: Rule, presets: Presets, positions: list[int], numbers: list[Any], holds: list[int]) -> _Group:
    table = np.atleast_2d(np.array(numbers, dtype=np.float64).T)  # None becomes NaN
    given = dict(zip(_NEUTRAL, table, strict=False)) | {"hold": np.array(holds, dtype=np.float64)}
    columns = {name: given.get(name, np.full(len(positions), neutral)) for name, neutral in _NEUTRAL.items()}
    lifts = columns["minimum"] > 0.0  # to np.maximum, 0.0 is as good as -0.0
    columns["minimum"] = np.where(lifts, columns["minimum"], -math.inf)
    for name in ("decay", "growth"):  # None is no change
        columns[name] = np.where(np.isnan(columns[name]), 1.0, columns[name])
    order = np.arange(len(positions)) if _relative_to_rate(rule) else np.argsort(columns["threshold"], kind="stable")
    in_order = not (np.diff(order) < 0).any()
    inverse = None if in_order else np.argsort(order)
    return _Group(
        rule, presets, np.array(positions), inverse, **{name: column[order] for name, column in columns.items()}
    )


def _relative_to_rate(rule: Rule) -> bool:
    return isinstance(rule, RelativeNewbob) and rule.relative_error_also_relative_to_learning_rate


@final
@attrs.frozen(eq=False)
class Batch:
    """Schedules made ready for the engine, S of them, to run over any number of histories."""

    size: int
    _groups: tuple[_Group, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """One rule of each kind that is in it, with each measure."""
        return tuple(group.rule for group in self._groups)

    @classmethod
    def of(cls, schedules: Sequence[Schedule]) -> "Batch":
        """The batch of some schedules, all `vectorisable`."""
        found: dict[Any, tuple[list[int], list[Any], list[int], Any]] = {}
        for position, schedule in enumerate(schedules):
            presets, hold, rule = _parts(schedule)
            kind = type(rule)
            shared, own_numbers = _GETTERS[kind]
            key = (kind, presets, _negative_zeros(presets), shared(rule))
            if key not in found:
                found[key] = ([], [], [], rule)
            positions, numbers, holds, _ = found[key]
            positions.append(position)
            numbers.append(own_numbers(rule))
            holds.append(min(hold, _LARGEST))
        return cls(
            len(schedules), tuple(_group(rule, presets, *rest) for (_, presets, *_), (*rest, rule) in found.items())
        )

    def rates(
        self, history: History, mode: Mode, out: np.ndarray | None = None, kept: Mapping[int, float] = _NONE
    ) -> np.ndarray:
        """The rates that the schedules give for the E epochs of a history, as `lrsched.simulation.replay` does.

        Args:
            history: The recorded epochs.
            mode: See `Mode`.
            out: Where to write: float64 of shape (E, S), rows contiguous.
            kept: Rates that are given, by epoch: a preset around all schedules.

        Returns:
            float64 of shape (E, S). A schedule whose growth goes beyond the largest float is NaN in all epochs: the
            pure function raises there, and says when.
        """
        rates = np.empty((len(history), self.size)) if out is None else out
        for group in self._groups:
            is_all = len(group.positions) == self.size
            own = rates if is_all else np.empty((len(history), len(group.positions)))
            with np.errstate(all="ignore"):  # infinities and NaN are values here, as in the pure functions
                _run(group, history, mode, own, kept)
            if not is_all:
                rates[:, group.positions] = own
        return rates


def _run(group: _Group, history: History, mode: Mode, out: np.ndarray, kept: Mapping[int, float]) -> None:
    """Write the rates of a group, float64 of shape (E, S), in the order of its positions."""
    past = _Past(group)
    row = 0
    for epoch, data, given in _moments(history, (kept, *group.presets) if kept else group.presets):
        if data is None:  # only its rate is known
            past.add(epoch, UNKNOWN, _seen(None, given))
            continue
        rates = given[0] if given else past.next_rates(epoch)
        if isinstance(rates, np.ndarray) and group.inverse is not None:
            np.take(rates, group.inverse, out=out[row], mode="clip")
        else:
            out[row] = rates
        past.add(epoch, data, _seen(rates if mode == "free" else data.learning_rate, given))
        row += 1
    if (group.growth > 1.0).any():
        out[:, ~np.isfinite(out).all(axis=0)] = math.nan


def _moments(
    history: History, presets: Sequence[Mapping[int, float]]
) -> Iterator[tuple[int, EpochData | None, tuple[float, ...]]]:
    """The epochs that a rule sees: number, what is recorded, and what presets give, the outermost first.

    A preset's epoch is one even where nothing is recorded.
    """
    last = max(history, default=0)
    for epoch in sorted(set(history).union(*presets)):
        if epoch <= last:
            yield epoch, history.get(epoch), tuple(rates[epoch] for rates in presets if epoch in rates)


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

    def __init__(self, group: _Group) -> None:
        self.group = group
        self.epoch_before: Entry | None = None
        self.last: Rates = None  # the newest epoch's
        self.newest: Rates = None  # the newest known
        num_epochs = group.rule.num_epochs if isinstance(group.rule, NewbobMultiEpoch) else 1
        self.changes: deque[Any] = deque(maxlen=min(num_epochs, _LARGEST))  # of the errors, oldest first
        self.lasted: Any = 0  # for how many epochs the last rate is what it is
        self.holds = bool((group.hold > 1.0).any())
        self.grows = bool((group.growth > 1.0).any())
        self.thresholds: list[float] = group.threshold.tolist()

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
        rule = self.group.rule
        if isinstance(rule, Constant):
            return None
        change = rule.measure.change(old[1], new[1], rule.relative_to)
        if change is None or not _relative_to_rate(rule):
            return change
        scale = (0.0 if self.newest is None else self.newest) / self.group.default
        return change / np.where(scale == 0.0, 1.0, scale)

    def next_rates(self, epoch: int) -> Rates:
        """What the rule says to the next epoch."""
        rule = self.group.rule
        is_multi = isinstance(rule, NewbobMultiEpoch)
        previous = self.newest if is_multi or isinstance(rule, Constant) else self.last
        if previous is None:
            return self.group.default
        if isinstance(rule, NewbobMultiEpoch) and rule.update_interval > 1 and epoch % rule.update_interval != 1:
            return previous
        if not self.changes or any(change is None for change in self.changes):
            return previous
        return self._stepped(previous, mean(list(self.changes)) if is_multi else self.changes[-1])

    def _stepped(self, previous: Any, change: Any) -> np.ndarray:
        """The rates after a decay where the change exceeds the threshold, and growth where it is small enough."""
        group = self.group
        rates = previous.copy() if isinstance(previous, np.ndarray) else np.full_like(group.default, previous)
        free = self.lasted >= group.hold if self.holds and self.last is not None else None
        exceeded, exceeds = self._exceeded(change)
        where = exceeds if free is None else exceeds & free[exceeded]
        np.multiply(rates[exceeded], group.decay[exceeded], out=rates[exceeded], where=where)
        np.maximum(rates[exceeded], group.minimum[exceeded], out=rates[exceeded], where=where)
        if self.grows:
            grows = self._grows(change)
            grows[exceeded] &= ~np.asarray(exceeds)
            np.multiply(rates, group.growth, out=rates, where=grows if free is None else grows & free)
        return rates

    def _exceeded(self, change: Any) -> tuple[slice, Any]:
        """The settings whose threshold a change exceeds: a slice of them, and which of these; True: all of these."""
        if isinstance(change, np.ndarray):
            return slice(None), change > self.group.threshold
        return slice(0 if math.isnan(change) else bisect_left(self.thresholds, change)), True

    def _grows(self, change: Any) -> np.ndarray:
        """The settings for which a change is small enough to grow, if it does not exceed their threshold."""
        rule, thresholds = self.group.rule, self.group.grow_threshold
        if isinstance(rule, (NewbobRelative, NewbobAbs)) and rule.non_finite_error == "original":
            return np.ones(thresholds.shape, dtype=bool)  # whatever does not exceed the threshold, a NaN too
        return np.asarray(change < thresholds)
