"""`FrozenDict`: the immutable mapping of an epoch's errors and meta values.

pyrsistent's map shares structure between versions, which pays for large maps. These have a few dozen entries and are
made once an epoch: a copy is smaller and, made and looked into, several times faster.
"""

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeVar, final

Key = TypeVar("Key")
Value_co = TypeVar("Value_co", covariant=True)


@final
class FrozenDict(Mapping[Key, Value_co]):
    """An immutable mapping: hashable where its values are, picklable, and equal to any mapping of the same items.

    Args:
        items: What it holds; copied.

    Examples:
        >>> scores = FrozenDict({"dev_score": 1.5})
        >>> scores["dev_score"], scores == {"dev_score": 1.5}, hash(scores) == hash(FrozenDict(scores))
        (1.5, True, True)
        >>> scores["dev_score"] = 2.0
        Traceback (most recent call last):
        TypeError: 'FrozenDict' object does not support item assignment
    """

    __slots__ = ("_items",)
    _items: dict[Key, Value_co]

    def __init__(self, items: Mapping[Key, Value_co] | None = None) -> None:
        self._items = dict(items or {})

    def __getitem__(self, key: Key) -> Value_co:
        return self._items[key]

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[Key]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def keys(self) -> KeysView[Key]:
        """The keys, in the order they were given."""
        return self._items.keys()

    def values(self) -> ValuesView[Value_co]:
        """The values, in the order of the keys."""
        return self._items.values()

    def items(self) -> ItemsView[Key, Value_co]:
        """The pairs of key and value."""
        return self._items.items()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrozenDict):
            return self._items == other._items
        return self._items == other if isinstance(other, dict) else super().__eq__(other)

    def __or__(self, other: Mapping[Key, Value_co]) -> "FrozenDict[Key, Value_co]":
        """The items of both; where both have a key, the other's."""
        return FrozenDict({**self._items, **other} if self._items else other)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"FrozenDict({self._items!r})"

    def __reduce__(self) -> Any:
        return FrozenDict, (self._items,)
