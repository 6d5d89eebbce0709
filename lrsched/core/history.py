"""`History`: the persistent, ordered map epoch -> EpochData. The past of a training run, as one value."""

from bisect import bisect_left
from collections.abc import ItemsView, Iterator, Mapping, Sequence
from operator import index, itemgetter
from typing import Any, final

from pyrsistent import PVector, pvector

from lrsched.core.epoch_data import EpochData
from lrsched.core.numbers import LARGEST_EPOCH, epoch_number
from lrsched.errors import broken_law

Entry = tuple[int, EpochData]

_epoch_of = itemgetter(0)


def _checked(epoch: Any, data: Any) -> Entry:
    if not isinstance(data, EpochData):
        way_out = "use EpochData(learning_rate=..., error=...)"
        raise broken_law(f"the data of epoch {epoch}", "an EpochData", data, way_out)
    return epoch_number("epoch", epoch), data


@final
class History(Mapping[int, EpochData]):
    """A persistent map from epoch to `EpochData`, in the order of the epochs.

    It is a ``Mapping``; `set` gives a new history and leaves this one as it is, at a cost that does not depend on how
    many epochs lie behind. Epochs may be missing. Picklable, and hashable where its parts are.

    Args:
        data: A mapping from epoch (integer >= 1) to `EpochData`, in any order.

    Raises:
        ArgumentError: A key is no epoch, or a value no `EpochData`.

    Examples:
        >>> history = History({2: EpochData(learning_rate=0.1), 1: EpochData(learning_rate=0.2)})
        >>> list(history), history.last_epoch(before=2), history.last_epoch(before=1)
        ([1, 2], 1, None)
        >>> longer = history.set(3, EpochData(learning_rate=0.05))
        >>> len(history), len(longer)
        (2, 3)
    """

    # Both parts are in ascending order and every epoch of `_past` is below those of `_ahead`. A training run writes at
    # the end of `_past`; presets of later epochs wait in `_ahead`. So an insertion is an append, wherever they are.
    __slots__ = ("_ahead", "_past")
    _past: PVector[Entry]
    _ahead: tuple[Entry, ...]

    def __init__(self, data: Mapping[int, EpochData] | None = None) -> None:
        if data is not None and not isinstance(data, Mapping):
            raise broken_law("a history", "a mapping from epoch to EpochData", data, "use {1: EpochData(...)}")
        entries = sorted((_checked(epoch, value) for epoch, value in (data or {}).items()), key=_epoch_of)
        self._past, self._ahead = pvector(entries), ()

    def __len__(self) -> int:
        return len(self._past) + len(self._ahead)

    def __iter__(self) -> Iterator[int]:
        yield from (epoch for epoch, _ in self.items())

    def __getitem__(self, epoch: int) -> EpochData:
        found: EpochData | None = self.get(epoch)
        if found is None:
            raise KeyError(epoch)
        return found

    def get(self, epoch: object, default: Any = None) -> Any:
        """The data of ``epoch``, or ``default`` if there is none."""
        past = self._past
        if past and type(epoch) is int:  # the usual cases: the newest epoch, and the one to come
            newest, data = past[-1]
            if newest == epoch:
                return data
            if newest < epoch and not self._ahead:
                return default
        try:
            wanted = index(epoch)  # type: ignore[arg-type]  # what is no integer is no epoch
        except TypeError:
            return default
        position = self._position(wanted)
        found, data = self._at(position) if position < len(self) else (0, default)
        return data if found == wanted else default

    def items(self) -> ItemsView[int, EpochData]:
        """The pairs (epoch, data), by ascending epoch."""
        return _Entries(self)

    def __hash__(self) -> int:
        return hash(tuple(self.items()))

    def __repr__(self) -> str:
        return f"History({dict(self.items())!r})"

    def __reduce__(self) -> Any:
        return History, (dict(self.items()),)

    def set(self, epoch: int, data: EpochData) -> "History":
        """This history with ``data`` at ``epoch``, whether or not there was any.

        Raises:
            ArgumentError: ``epoch`` is no epoch, or ``data`` no `EpochData`.
        """
        if type(data) is not EpochData or type(epoch) is not int or not 1 <= epoch <= LARGEST_EPOCH:
            epoch, data = _checked(epoch, data)
        entry = (epoch, data)
        past, ahead = self._past, self._ahead
        newest = past[-1][0] if past else 0
        if newest == epoch:
            return _make(past.set(-1, entry), ahead)
        if newest < epoch:
            if not ahead:
                return _make(past.append(entry), ahead)
            passed = bisect_left(ahead, epoch, key=_epoch_of)
            same = passed < len(ahead) and ahead[passed][0] == epoch
            return _make(past.extend((*ahead[:passed], entry)), ahead[passed + same :])
        position = self._position(epoch)
        if past[position][0] == epoch:
            return _make(past.set(position, entry), ahead)
        return _make(pvector([*past[:position], entry]), (*past[position:], *ahead))

    def before(self, epoch: int) -> "History":
        """The part of this history that was known before ``epoch`` began: all earlier epochs."""
        if not self._ahead and (not self._past or self._past[-1][0] < epoch):
            return self
        position = self._position(epoch)
        if position == len(self):
            return self
        behind = position - len(self._past)
        return _make(self._past, self._ahead[:behind]) if behind >= 0 else _make(self._past[:position], ())

    def newest(self, number: int, before: int) -> Sequence[Entry]:
        """The newest ``number`` epochs with data before the epoch ``before``, as (epoch, data), in ascending order.

        Fewer where there are fewer.

        Examples:
            >>> history = History({epoch: EpochData(learning_rate=0.1) for epoch in (1, 2, 5)})
            >>> [epoch for epoch, _ in history.newest(2, before=5)]
            [1, 2]
        """
        past = self._past
        if number == 2 and not self._ahead and len(past) > 1 and past[-1][0] < before:  # noqa: PLR2004  the usual case
            return past[-2], past[-1]
        end = self._position(before)
        return [self._at(position) for position in range(max(0, end - number), end)]

    def since(self, epoch: int, before: int | None = None) -> Sequence[Entry]:
        """The epochs with data after ``epoch``, as (epoch, data), in ascending order.

        Args:
            epoch: The last epoch that is left out.
            before: The first later one that is left out; None: to the end.

        Examples:
            >>> history = History({epoch: EpochData(learning_rate=0.1) for epoch in (1, 2, 5)})
            >>> [epoch for epoch, _ in history.since(1)], [epoch for epoch, _ in history.since(1, before=5)]
            ([2, 5], [2])
        """
        end = len(self) if before is None else self._position(before)
        return [self._at(position) for position in range(self._position(epoch + 1), end)]

    def backwards(self, before: int) -> Iterator[Entry]:
        """The epochs with data before the epoch ``before``, as (epoch, data), in descending order.

        Examples:
            >>> history = History({epoch: EpochData(learning_rate=0.1) for epoch in (1, 2, 5)})
            >>> [epoch for epoch, _ in history.backwards(before=5)]
            [2, 1]
        """
        return map(self._at, range(self._position(before) - 1, -1, -1))

    def last_epoch(self, before: int | None = None) -> int | None:
        """The newest epoch with data, or the newest before the epoch ``before``; None if there is none."""
        position = len(self) if before is None else self._position(before)
        return self._at(position - 1)[0] if position else None

    def most_recent_learning_rate(self, epoch: int, *, exclude_current: bool = True) -> float | None:
        """The newest learning rate that is not None of the epochs before ``epoch``.

        Args:
            epoch: An epoch, in the history or not.
            exclude_current: Whether the rate of ``epoch`` itself is left out.

        Returns:
            The rate, or None if no such epoch has one.
        """
        rates = (data.learning_rate for _, data in self.backwards(epoch if exclude_current else epoch + 1))
        return next((each for each in rates if each is not None), None)

    def _at(self, position: int) -> Entry:
        behind = position - len(self._past)
        return self._past[position] if behind < 0 else self._ahead[behind]

    def _position(self, epoch: int) -> int:
        """How many epochs with data lie before ``epoch``."""
        past = self._past
        if not past or past[-1][0] < epoch:
            return len(past) + (bisect_left(self._ahead, epoch, key=_epoch_of) if self._ahead else 0)
        guess = epoch - past[0][0]  # right where no epoch is missing, as in nearly every training run
        if 0 <= guess < len(past) and past[guess][0] == epoch:
            return guess
        return bisect_left(past, epoch, key=_epoch_of)


class _Entries(ItemsView[int, EpochData]):
    """The pairs of a history, without a look-up for each."""

    _mapping: History

    def __iter__(self) -> Iterator[Entry]:
        yield from self._mapping._past  # noqa: SLF001  the other half of History
        yield from self._mapping._ahead  # noqa: SLF001


def _make(past: PVector[Entry], ahead: tuple[Entry, ...]) -> History:
    """A `History` of parts that obey the laws already."""
    made = History.__new__(History)
    made._past, made._ahead = past, ahead  # noqa: SLF001  the other half of History
    return made
