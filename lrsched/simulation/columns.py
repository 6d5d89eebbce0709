"""The settings of a sweep as columns of numbers.

Settings that differ in numbers only go together. Where they combine the values of several keys, each value is read and
checked in one schedule, and not in every setting that has it. What the engine cannot run, and what breaks a law, is
made one by one.
"""

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Final, NamedTuple, TypeGuard, final

import attrs
import numpy as np

from lrsched.core.frozendict import FrozenDict
from lrsched.core.schedule import Schedule
from lrsched.errors import ArgumentError
from lrsched.schedules.combine import HoldLearningRate, Preset
from lrsched.schedules.constant import Constant
from lrsched.schedules.newbob import NewbobAbs, NewbobMultiEpoch, NewbobRelative, RelativeNewbob
from lrsched.simulation.spaces import Axes

Rule = Constant | NewbobRelative | NewbobAbs | NewbobMultiEpoch
Presets = tuple[FrozenDict[int, float], ...]
Made = Schedule | ArgumentError

_FAST: Final = (Constant, NewbobRelative, NewbobAbs, NewbobMultiEpoch)
# The numbers in which settings that go together may differ: what they are where a rule does not have them, and what the
# rules call them.
_COLUMNS: Final[dict[str, tuple[Any, ...]]] = {
    "default": (math.nan, "default_learning_rate"),
    "minimum": (math.nan, "min_learning_rate"),
    "decay": (1.0, "learning_rate_decay"),
    "growth": (1.0, "learning_rate_growth"),
    "threshold": (math.inf, "relative_error_threshold", "error_threshold"),
    "grow_threshold": (math.inf, "relative_error_grow_threshold"),
    "hold": (0.0, "hold"),
}
_MEASURE: Final = ("error_measure_key", "strict_error_key", "mode", "non_finite_error", "stand_ins", "gaps")
"""What makes the measure."""
LARGEST: Final = 2**62
"""What stands for any larger number of epochs."""
_WORTH_IT: Final = 4
"""How many times as many settings as values there must be, so that columns are made of these."""
_LEAST: Final = 64
"""How many settings there must be."""


def _names(kind: type[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What settings of a kind must have in common to go together, and the numbers in which they may differ."""
    numbers = {name for _, *names in _COLUMNS.values() for name in names}
    names = [field.name for field in attrs.fields(kind) if field.name not in _MEASURE]
    return tuple(name for name in names if name not in numbers), tuple(name for name in names if name in numbers)


_NAMES: Final = {kind: _names(kind) for kind in _FAST}


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
    return _is_fast(_parts(schedule)[-1])


def _is_fast(rule: Any) -> TypeGuard[Rule]:
    if type(rule) not in _FAST or type(rule) is Constant:
        return type(rule) is Constant
    by_number = not callable(rule.learning_rate_decay) and not callable(rule.learning_rate_growth)
    return by_number and rule.gaps == "neighbours"


def relative_to_rate(rule: Rule) -> bool:
    """Whether each setting sees a change of its own, as its own rate is."""
    return isinstance(rule, RelativeNewbob) and rule.relative_error_also_relative_to_learning_rate


class _Common(NamedTuple):
    """What settings that go together have in common: equal ones do."""

    kind: type[Rule]
    presets: Presets
    negative_zeros: tuple[tuple[int, ...], ...]
    parameters: tuple[Any, ...]


class _Taken(NamedTuple):
    """A schedule taken apart."""

    common: _Common
    rule: Rule
    numbers: tuple[float | None, ...]
    """Those of its kind, and for how many epochs a rate is held."""


def _taken(made: Made) -> _Taken | None:
    """None where the engine cannot run it."""
    if isinstance(made, ArgumentError):
        return None
    presets, hold, rule = _parts(made)
    if not _is_fast(rule):
        return None
    common, numbers = _NAMES[type(rule)]
    parameters = tuple([getattr(rule, name) for name in common])
    return _Taken(
        _Common(type(rule), presets, _negative_zeros(presets), parameters),
        rule,
        (*[getattr(rule, name) for name in numbers], min(hold, LARGEST)),
    )


@final
@attrs.frozen(eq=False)
class Group:
    """Settings that differ in numbers only, S of them. All arrays but ``positions`` are float64 of shape (S,)."""

    rule: Rule
    """That of one of them."""
    presets: Presets
    positions: np.ndarray
    """Where the settings stand among all, integers."""
    default: np.ndarray
    minimum: np.ndarray
    decay: np.ndarray
    growth: np.ndarray
    threshold: np.ndarray
    """Ascending where all settings see the same change, so that those that it exceeds are a slice."""
    grow_threshold: np.ndarray
    hold: np.ndarray

    @classmethod
    def of(cls, rule: Rule, presets: Presets, positions: np.ndarray, numbers: np.ndarray) -> "Group":
        """Settings with their numbers: float64 of shape (S, those of the rule's kind)."""
        own = dict(zip((*_NAMES[type(rule)][1], "hold"), numbers.T, strict=True))
        columns = {
            name: next((own[each] for each in names if each in own), np.full(len(positions), neutral))
            for name, (neutral, *names) in _COLUMNS.items()
        }
        for name in ("decay", "growth"):  # None is no change
            columns[name] = np.where(np.isnan(columns[name]), 1.0, columns[name])
        order = np.argsort(positions if relative_to_rate(rule) else columns["threshold"], kind="stable")
        return cls(rule, presets, positions[order], **{name: column[order] for name, column in columns.items()})

    def part(self, first: int, stop: int) -> "Group":
        """The settings at some positions, which count from the first of these."""
        here = (self.positions >= first) & (self.positions < stop)
        columns = {name: getattr(self, name)[here] for name in _COLUMNS}
        return attrs.evolve(self, positions=self.positions[here] - first, **columns)


Groups = tuple[Group, ...]
Others = dict[int, Made]


def read(axes: Axes, first: int, stop: int) -> tuple[Groups, Others]:
    """Some of the settings along some axes.

    Args:
        axes: The settings.
        first: The number of the first one to read, from 0.
        stop: The number after that of the last one.

    Returns:
        The settings that the engine runs; and by position, from 0, the schedules that it cannot run, and the errors of
        settings that break a law.
    """
    reader = _Reader(axes.make)
    places = np.array(np.unravel_index(np.arange(first, stop), axes.shape))
    left = np.ones(stop - first, dtype=bool)
    shape = [axes.shape[axis] for axis in axes.joint]
    joint = np.ravel_multi_index(tuple(places[[*axes.joint]]), shape)
    _, inverse, counts = np.unique(joint, return_inverse=True, return_counts=True)
    for number in np.flatnonzero(counts >= _LEAST).tolist():
        at = np.flatnonzero(inverse == number)
        left[at] = ~reader.read_grid(at, places[:, at])
    reader.read(np.flatnonzero(left), places[:, left])
    return reader.groups, dict(sorted(reader.others.items()))


class _Reader:
    """Reads settings, by their places along the axes: arrays of integers of shape (axes, S)."""

    def __init__(self, make: Callable[[Sequence[int]], Made]) -> None:
        self.others: Others = {}
        self._make = make
        self._found: dict[_Common, tuple[Rule, list[np.ndarray], list[np.ndarray]]] = {}

    @property
    def groups(self) -> Groups:
        """The groups of all that was read."""
        return tuple(
            Group.of(rule, common.presets, np.concatenate(positions), np.concatenate(numbers))
            for common, (rule, positions, numbers) in self._found.items()
        )

    def _add(self, taken: _Taken, positions: Any, numbers: Any) -> None:
        _, *columns = self._found.setdefault(taken.common, (taken.rule, [], []))
        columns[0].append(np.array(positions))
        columns[1].append(np.array(numbers, dtype=np.float64))  # None becomes NaN

    def read(self, positions: np.ndarray, places: np.ndarray) -> None:
        """Read settings one by one."""
        found: dict[_Common, tuple[_Taken, list[int], list[Any]]] = {}
        for position, place in zip(positions.tolist(), places.T.tolist(), strict=True):
            made = self._make(place)
            taken = _taken(made)
            if taken is None:
                self.others[position] = made
                continue
            _, own, numbers = found.setdefault(taken.common, (taken, [], []))
            own.append(position)
            numbers.append(taken.numbers)
        for each in found.values():
            self._add(*each)

    def read_grid(self, positions: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Read settings each of whose parameters depends on the place along one axis only.

        A value on an axis is read in one schedule, which has the first setting's values on the others.

        Returns:
            Which settings are read, bool of shape (S,). Those are not that have a value for which this schedule breaks
            a law, or is not for the engine, or values that break a law together; and none if it would save nothing.
        """
        first, size = places[:, 0].tolist(), len(positions)
        base = _taken(self._make(first))
        values, inverses = zip(*(np.unique(places_on_it, return_inverse=True) for places_on_it in places), strict=True)
        if base is None or _WORTH_IT * sum(map(len, values)) > size:
            return np.zeros(size, dtype=bool)
        done, group = np.ones(size, dtype=bool), np.zeros(size, dtype=np.int64)
        numbers = np.tile(np.array(base.numbers, dtype=np.float64), (size, 1))
        varied = {}
        for axis, (own, inverse) in enumerate(zip(values, inverses, strict=True)):
            makes = [[*first[:axis], value, *first[axis + 1 :]] for value in own.tolist()] if len(own) > 1 else []
            takens = [_taken(self._make(place)) for place in makes] or [base]
            table = np.array([(taken or base).numbers for taken in takens], dtype=np.float64)
            varying = np.flatnonzero((table.view(np.int64) != table[:1].view(np.int64)).any(axis=0))
            numbers[:, varying] = table[inverse][:, varying]
            if len(varying):
                varied[axis] = varying[0]
            kinds: dict[_Common, int] = {}
            kind = np.array([kinds.setdefault(taken.common, len(kinds)) if taken else -1 for taken in takens])[inverse]
            done &= kind >= 0
            group = group * len(kinds) + kind
        for number in np.unique(group[done]).tolist():
            at = np.flatnonzero(done & (group == number))
            ends = places[:, at[[0, 0]]]
            for axis, column in varied.items():
                own = numbers[at, column]
                ends[axis] = places[axis, at[[own.argmin(), own.argmax()]]]
            # A law between numbers is an inequality: where it holds at all corners, it holds in between.
            corners = [_taken(self._make(corner)) for corner in product(*map(set, ends.tolist()))]
            if corners[0] is None or None in corners:
                done[at] = False
            else:
                self._add(corners[0], positions[at], numbers[at])
        return done
