"""`Space`: the settings that a sweep tries."""

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, product
from typing import Annotated, Any, NamedTuple, final, overload

import attrs
import numpy as np

from lrsched.config.settings import instead_of, joint_keys, known_keys, report_unknown, schedule_of
from lrsched.core.frozendict import FrozenDict
from lrsched.core.measure import Direction, NonFinitePolicy
from lrsched.core.numbers import checked
from lrsched.core.schedule import Schedule
from lrsched.errors import ArgumentError, broken_law


class Axes(NamedTuple):
    """The schedules that are tried, by their places along some axes: the last axis goes fastest.

    Attributes:
        shape: How many places each axis has.
        joint: The axes along which anything may change. Along each of the others some parameters do, and these depend
            on no other axis.
        make: What gives a schedule, or the error of a setting that breaks a law, from its places along the axes.
    """

    shape: tuple[int, ...]
    joint: tuple[int, ...]
    make: Callable[[Sequence[int]], Schedule | ArgumentError]


_PARTS = ("fixed", "grid", "settings")
_NONE: FrozenDict[str, Any] = FrozenDict()


def _table(name: str, value: Any) -> FrozenDict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise broken_law(name, "a mapping from key to value", value, 'as in {"learning_rate": 0.1}')
    return FrozenDict(value)


def _grid(name: str, value: Any) -> FrozenDict[str, tuple[Any, ...]]:
    for key, values in _table(name, value).items():
        if key not in known_keys():
            raise broken_law(f"a key of {name}", "a setting that a schedule reads", key, instead_of(key))
        if isinstance(values, (str, bytes)) or not isinstance(values, Sequence) or not values:
            raise broken_law(f"{name}[{key!r}]", "a list of at least one value", values, "a single value goes to fixed")
    return FrozenDict({key: tuple(values) for key, values in value.items()})


def _tables(name: str, value: Any) -> tuple[FrozenDict[str, Any], ...]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise broken_law(name, "a list of mappings from key to value", value, 'as in [{"learning_rate": 0.1}]')
    return tuple(_table(f"{name}[{number}]", table) for number, table in enumerate(value))


@final
@attrs.frozen(field_transformer=checked)
class Space(Sequence[dict[str, Any]]):
    """Settings to try: a sequence of configurations, each one of settings by key as `schedule_from_config` takes them.

    Every table of ``settings`` is tried with every combination of the values of ``grid``; the last key of ``grid`` goes
    fastest. A key stands in one of the three only.

    Args:
        fixed: Key -> value: what all have in common.
        grid: Key -> values to try, at least one of each.
        settings: Tables key -> value, each one to be tried.

    Raises:
        ArgumentError: A part is no such thing, a key stands in two parts, or nothing reads a key of ``grid``.

    Warns:
        SettingWarning: Nothing reads a key of ``fixed`` or ``settings`` that looks like one of ours.

    Examples:
        >>> decays = {"newbob_learning_rate_decay": [0.5, 0.7]}
        >>> space = Space(fixed={"learning_rate_control": "newbob"}, grid={"learning_rate": [0.1, 0.01], **decays})
        >>> len(space), space[1]
        (4, {'learning_rate_control': 'newbob', 'learning_rate': 0.1, 'newbob_learning_rate_decay': 0.7})
        >>> space.varied(2)
        {'learning_rate': 0.01, 'newbob_learning_rate_decay': 0.5}
    """

    fixed: Annotated[Mapping[str, Any], _table] = _NONE
    grid: Annotated[Mapping[str, Sequence[Any]], _grid] = _NONE
    settings: Annotated[Sequence[Mapping[str, Any]], _tables] = ()

    def __attrs_post_init__(self) -> None:
        tables = set(chain.from_iterable(self.settings))
        for one, other in ((self.fixed, self.grid), (self.fixed, tables), (self.grid, tables)):
            for key in one:
                if key in other:
                    raise ArgumentError(f"{key!r} stands in two of {', '.join(_PARTS)}; leave it in one of them")
        if not (self.fixed or self.grid or self.settings):
            raise ArgumentError(f"a space must have some of {', '.join(_PARTS)}; there is nothing to try")
        number = math.prod(self._shape)
        if number > sys.maxsize:
            raise broken_law("the number of settings", f"at most {sys.maxsize}", number, "try fewer values")
        report_unknown({**dict.fromkeys(tables), **self.fixed})

    @classmethod
    def of(cls, space: "Space | Mapping[str, Any]") -> "Space":
        """A space as it is, or of a mapping with some of ``fixed``, ``grid`` and ``settings``.

        Raises:
            ArgumentError: There is something else in it; or see `Space`.
        """
        if isinstance(space, Space):
            return space
        if not isinstance(space, Mapping) or not set(space) <= set(_PARTS):
            way_out = 'as in {"fixed": {"learning_rate": 0.1}, "grid": {"newbob_learning_rate_decay": [0.5, 0.7]}}'
            raise broken_law("space", f"a mapping with some of {', '.join(_PARTS)}", space, way_out)
        return cls(**space)

    @property
    def _tables(self) -> Sequence[Mapping[str, Any]]:
        return self.settings or (_NONE,)

    def _at(self, places: Sequence[int]) -> dict[str, Any]:
        """The settings, without the fixed ones, from the number of the table and that of each value of the grid."""
        table, *rest = places
        chosen = {key: values[place] for (key, values), place in zip(self.grid.items(), rest, strict=True)}
        return {**self._tables[table], **chosen}

    @property
    def _shape(self) -> tuple[int, ...]:
        return (len(self._tables), *map(len, self.grid.values()))

    def __len__(self) -> int:
        return math.prod(self._shape)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[each] for each in range(len(self))[index]]
        return {**self.fixed, **self.varied(index)}

    @property
    def varied_keys(self) -> tuple[str, ...]:
        """The keys that differ and that a schedule reads."""
        known = known_keys()
        return tuple(key for key in dict.fromkeys((*chain(*self.settings), *self.grid)) if key in known)

    def varied(self, index: int) -> dict[str, Any]:
        """The settings number ``index``, from 0, without the fixed ones."""
        return self._at([*map(int, np.unravel_index(range(len(self))[index], self._shape))])

    def over(self, config: Mapping[str, Any]) -> "Space":
        """This space with the settings of ``config`` fixed, but for those that it has itself."""
        own = set(self.grid).union(*self.settings)
        common = {key: value for key, value in config.items() if key not in own}
        return attrs.evolve(self, fixed=FrozenDict({**common, **self.fixed}))

    def schedules(
        self, non_finite_error: NonFinitePolicy = "worse", pretrain_epochs: int = 0, mode: Direction = "min"
    ) -> Iterator[Schedule | ArgumentError]:
        """The schedules of all settings, in order; see `lrsched.schedule_from_config`.

        Args:
            non_finite_error: What NaN and infinite errors mean.
            pretrain_epochs: How many epochs are pretraining, see `lrsched.config.settings.pretrain_rates`.
            mode: Which errors are better, see `Direction`.

        Yields:
            A schedule, or the error that says which law a setting breaks.
        """
        axes = self.axes(non_finite_error, pretrain_epochs, mode)
        return map(axes.make, product(*map(range, axes.shape)))

    def axes(self, non_finite_error: NonFinitePolicy, pretrain_epochs: int, mode: Direction) -> Axes:
        """The schedules of all settings: an axis of the tables, and one for each key of the grid."""
        fixed = dict(self.fixed)
        joint = [axis for axis, key in enumerate(self.grid, start=1) if key in joint_keys(pretrain_epochs)]

        def make(places: Sequence[int]) -> Schedule | ArgumentError:
            config = {**fixed, **self._at(places)}
            try:
                return schedule_of(config, pretrain_epochs, non_finite_error=non_finite_error, mode=mode)
            except ArgumentError as error:
                return error

        return Axes(self._shape, (0, *joint), make)


@final
@attrs.frozen
class Schedules:
    """Schedules to try, in place of a `Space`.

    Attributes:
        tried: The schedules.
        names: What they are called, one for each; by default what makes them, in Python.
    """

    tried: tuple[Schedule, ...]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.tried)

    @property
    def varied_keys(self) -> tuple[str, ...]:
        """See `Space.varied_keys`."""
        return ("schedule",)

    def varied(self, index: int) -> dict[str, Any]:
        """See `Space.varied`."""
        return {"schedule": self.names[index] if self.names else repr(self.tried[index])}

    def axes(self, _: object, pretrain_epochs: int, __: object) -> Axes:
        """See `Space.axes`; what errors mean the schedules say themselves."""
        if pretrain_epochs:
            raise broken_law("pretrain_epochs", "0 where schedules are tried", pretrain_epochs, "use Preset")
        return Axes((len(self),), (0,), lambda places: self.tried[places[0]])
