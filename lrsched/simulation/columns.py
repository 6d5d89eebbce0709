"""The settings of a sweep as columns of numbers.

Settings that differ in numbers only go together. Where they combine the values of several keys, each value is read and
checked in one schedule, and not in every setting that has it. What the engine cannot run, and what breaks a law, is
made one by one.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import product
from operator import attrgetter
from typing import Any, Final, NamedTuple, final, get_args

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

_COLUMNS: Final[dict[str, tuple[Any, ...]]] = {
    "default": (math.nan, "default_learning_rate"),
    "minimum": (math.nan, "min_learning_rate"),
    "decay": (1.0, "learning_rate_decay"),
    "growth": (1.0, "learning_rate_growth"),
    "threshold": (math.inf, "relative_error_threshold", "error_threshold"),
    "grow_threshold": (math.inf, "relative_error_grow_threshold"),
    "hold": (0.0,),
}
"""The numbers in which settings that go together may differ, with their value where a rule does not have them, and what
the rules call them."""
_MEASURE: Final = ("error_measure_key", "strict_error_key", "mode", "non_finite_error", "stand_ins", "gaps")
"""What makes the measure."""
LARGEST: Final = 2**62
"""What stands for any larger number of epochs."""
_LEAST: Final = 64
"""How many settings there must be to be read by their values."""


def _names(kind: type[Any]) -> tuple[Callable[[Any], tuple[Any, ...]], list[tuple[str | None, float]]]:
    """What settings of a kind must have in common to go together; its columns' names and their neutral values."""
    names = {field.name for field in attrs.fields(kind)} - {*_MEASURE}
    columns = [(next((name for name in own if name in names), None), neutral) for neutral, *own in _COLUMNS.values()]
    return attrgetter("__class__", *names - {name for name, _ in columns}), columns[:-1]


_NAMES: Final = {kind: _names(kind) for kind in get_args(Rule)}


def _parts(schedule: Schedule) -> tuple[Presets, int, Any]:
    """Presets, outermost first, around a hold, around a rule: the order that configurations give."""
    presets = []
    while type(schedule) is Preset:
        presets.append(schedule.learning_rates)
        schedule = schedule.schedule
    if type(schedule) is HoldLearningRate:
        return tuple(presets), schedule.min_num_epochs, schedule.schedule
    return tuple(presets), 0, schedule


def relative_to_rate(rule: Rule) -> bool:
    """Whether each setting sees a change of its own, as its own rate is."""
    return isinstance(rule, RelativeNewbob) and rule.relative_error_also_relative_to_learning_rate


class _Taken(NamedTuple):
    """A schedule taken apart."""

    common: tuple[Any, ...]
    """What settings that go together have in common."""
    rule: Rule
    presets: Presets
    numbers: list[float | None]
    """The numbers in which they may differ."""


def _taken(made: Made) -> _Taken | None:
    """None where the engine cannot run it.

    It runs constant and the newbob family, inside a hold, inside presets; but not where a decay or growth is a
    function, or where epochs without a key are passed over.
    """
    if isinstance(made, ArgumentError):
        return None
    presets, hold, rule = _parts(made)
    if type(rule) not in _NAMES or getattr(rule, "gaps", "neighbours") != "neighbours":
        return None
    common, names = _NAMES[type(rule)]
    numbers = [neutral if name is None else getattr(rule, name) for name, neutral in names]
    if any(map(callable, numbers)):
        return None
    return _Taken((repr(presets), *common(rule)), rule, presets, [*numbers, min(hold, LARGEST)])


@final
@attrs.frozen(eq=False)
class Group:
    """Settings that differ in numbers only, S of them.

    Attributes:
        rule: That of one of them.
        presets: Those of all, outermost first.
        positions: Where the settings stand among all, integers of shape (S,).
        columns: The numbers by name, float64 of shape (S,). Where all settings see the same change, the threshold
            ascends, so that those that it exceeds are a slice.
    """

    rule: Rule
    presets: Presets
    positions: np.ndarray
    columns: dict[str, np.ndarray]

    @classmethod
    def of(cls, taken: _Taken, positions: np.ndarray, numbers: np.ndarray) -> "Group":
        """Settings like one that is taken apart; their numbers, float64 of shape (columns, S), are NaN for None."""
        columns = dict(zip(_COLUMNS, numbers, strict=True))
        for name in ("decay", "growth"):
            columns[name] = np.where(np.isnan(columns[name]), 1.0, columns[name])
        order = np.argsort(positions if relative_to_rate(taken.rule) else columns["threshold"], kind="stable")
        return cls(taken.rule, taken.presets, positions[order], {name: each[order] for name, each in columns.items()})


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
    places = np.array(np.unravel_index(np.arange(first, stop), axes.shape))
    joint = np.ravel_multi_index(tuple(places[[*axes.joint]]), [axes.shape[axis] for axis in axes.joint])
    _, family, counts = np.unique(joint, return_inverse=True, return_counts=True)
    found: _Found = {}
    left = np.ones(stop - first, dtype=bool)
    for number in np.flatnonzero(counts >= _LEAST).tolist():
        at = np.flatnonzero(family == number)
        left[at] = ~_find(found, axes.make, at, places[:, at])
    make = cache(lambda number: axes.make(places[:, number].tolist()))
    at = np.flatnonzero(left)
    left[at] = ~_find(found, lambda place: make(place[0]), at, at[np.newaxis])
    joined = partial(np.concatenate, axis=-1)
    groups = [Group.of(taken, *map(joined, columns)) for taken, *columns in found.values()]
    return tuple(groups), {number: make(number) for number in np.flatnonzero(left).tolist()}


_Found = dict[Any, tuple[_Taken, list[np.ndarray], list[np.ndarray]]]
"""Groups by what their settings have in common: one of these, positions, and numbers."""


def _find(
    found: _Found, make: Callable[[Sequence[int]], Made], positions: np.ndarray, places: np.ndarray
) -> np.ndarray:
    """Find the groups of settings each of whose parameters depends on the place along one axis only.

    A place on an axis is read in one schedule, which has the places of one and the same setting on the others.

    Args:
        found: Where the groups go.
        make: What makes a schedule from its places.
        positions: Where the settings stand, integers of shape (S,).
        places: Their places, integers of shape (axes, S).

    Returns:
        Which settings are in groups, bool of shape (S,). Left over are those with a place that the engine cannot run,
        or that breaks a law, and those with places that break one together.
    """
    size = len(positions)
    fit = (at for at in range(0, size, max(1, size // 3)) if _taken(make(places[:, at].tolist())))
    base = next(fit, 0)
    done, group = np.ones(size, dtype=bool), np.zeros(size, dtype=np.int64)
    numbers, varied = np.zeros((len(_COLUMNS), size)), {}
    for axis, own in enumerate(places):
        values, inverse = np.unique(own, return_inverse=True)
        ways = np.repeat(places[:, base : base + 1], len(values), axis=1)
        ways[axis] = values
        takens = [_taken(make(way)) for way in ways.T.tolist()]
        fine = next(filter(None, takens), None)
        if fine is None:
            return np.zeros_like(done)
        table = np.array([(taken or fine).numbers for taken in takens], dtype=np.float64)  # None becomes NaN
        varies = (table.view(np.int64) != table[:1].view(np.int64)).any(axis=0)
        for column in np.flatnonzero(varies | (axis == 0)):
            numbers[column] = table[inverse, column]
        if varies.any():
            varied[axis] = varies.argmax()
        kinds: dict[Any, int] = {}
        kind = np.array([kinds.setdefault(taken.common, len(kinds)) if taken else -1 for taken in takens])[inverse]
        done &= kind >= 0
        group = group * len(kinds) + kind
    for number in np.unique(group[done]).tolist():
        at = np.flatnonzero(done & (group == number))
        ends = places[:, at[[0, 0]]]
        for axis, column in varied.items():
            ends[axis] = places[axis, at[[numbers[column, at].argmin(), numbers[column, at].argmax()]]]
        # A law between numbers is an inequality: where it holds at all corners, it holds in between.
        corners = [_taken(make(corner)) for corner in product(*map(set, ends.tolist()))]
        if corners[0] is None or None in corners:
            done[at] = False
            continue
        _, own_positions, own_numbers = found.setdefault(corners[0].common, (corners[0], [], []))
        own_positions.append(positions[at])
        own_numbers.append(numbers[:, at])
    return done
