"""`FrozenDict`: the immutable mapping of an epoch's errors and meta values.

pyrsistent's map shares structure between versions, which pays for large maps. These have a few dozen entries and are
made once an epoch: a copy is smaller and, made and looked into, several times faster.
"""

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar, final

Key = TypeVar("Key")
Value = TypeVar("Value")


@final
class FrozenDict(dict[Key, Value]):
    """A dict that cannot be changed; hashable where its values are.

    Examples:
        >>> scores = FrozenDict({"dev_score": 1.5})
        >>> scores["dev_score"], scores == {"dev_score": 1.5}, hash(scores) == hash(FrozenDict(scores))
        (1.5, True, True)
        >>> scores | {"dev_error": 0.5}
        FrozenDict({'dev_score': 1.5, 'dev_error': 0.5})
        >>> scores["dev_score"] = 2.0
        Traceback (most recent call last):
        TypeError: a FrozenDict cannot be changed; make a new one with |
    """

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a FrozenDict cannot be changed; make a new one with |")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __or__(self, other: Mapping[Key, Value]) -> "FrozenDict[Key, Value]":  # type: ignore[override]
        """The items of both; where both have a key, the other's."""
        return FrozenDict({**self, **other} if self else other)

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __repr__(self) -> str:
        return f"FrozenDict({super().__repr__()})"

    def __reduce__(self) -> Any:
        """Unpickled by the constructor: item by item it would refuse."""
        return FrozenDict, (dict(self),)
