"""Values worked out from a Python file: how large they may grow, and which of them can no longer be trusted."""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final, NoReturn, final

import attrs

MOST_STEPS: Final = 1_000_000
MOST_ITEMS: Final = 100_000
MOST_CHARACTERS: Final = 1_000_000
MOST_BITS: Final = 4_000
_DEEPEST: Final = 50
_CHARACTERS_PER_ITEM: Final = 64
_STEPS_OF_A_TUPLE_AS_KEY: Final = 200  # tuples can be made to share a hash, and many such are slow
_LARGEST_INT_AS_KEY: Final = 2**61 - 2  # beyond, ints can share a hash


@final
@attrs.frozen
class Unknown:
    """The value of a setting that cannot be known without running the file.

    Attributes:
        reason: A phrase, as in "it calls 'get_rate', which is not run".
        line: Where the unknown thing comes in, from 1.
    """

    reason: str
    line: int


@final
class Unknowable(Exception):  # noqa: N818  no fault of anyone
    """What is being worked out cannot be known."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.reason)
        self.unknown = unknown


@final
class TooMuchError(Exception):
    """The file asks for more steps than it is given."""


@final
@attrs.frozen(eq=False)
class Foreign:
    """What only running code could give: something imported, a function, a class."""

    name: str
    what: str
    line: int


@final
@attrs.frozen(eq=False)
class Function:
    """A function that is known: ``run(heap, *args, **kwargs)``."""

    name: str
    run: Any


@final
@attrs.frozen(eq=False)
class Lazy:
    """An iterator, or a view of a dict: its items, and the values that they come from."""

    items: Iterable[Any]
    sources: tuple[Any, ...]


@final
@attrs.frozen(eq=False)
class Module:
    """A module with names that are known; or what gives access to all names of the file."""

    name: str


CONFIG: Final = Module("config")
"""What RETURNN calls ``config`` in a file: its dict of settings is the file's namespace."""
NAMESPACE: Final = Module("globals()")
ACCESS: Final = {name: Module(name) for name in ("globals", "locals", "vars", "exec", "eval", "__builtins__")}
"""What reaches every name of a file, once it is handed to code that is not known."""
ROOTS: Final = (CONFIG, NAMESPACE, *ACCESS.values())

SETS: Final = (set, frozenset)
_CONTAINERS: Final = (list, tuple, dict, *SETS)
_MUTABLE: Final = (list, dict, set, Lazy, Module)
_SIZED: Final = (*_CONTAINERS, str, bytes, range)
_INTERNAL: Final = (Unknown, Foreign, Function, Lazy, Module)


@final
class Heap:
    """The values of one file: each is a real Python value, or one of the kinds above.

    Whatever code that is not run might change is tainted for good, with all that is reachable from it: so nothing that
    is trusted is reachable from what is not known.
    """

    def __init__(self) -> None:
        self.line = 1
        self._steps_left = MOST_STEPS
        self._tainted: dict[int, tuple[Any, Unknown]] = {}  # holds the values, so that no id is used again
        self.atoms: set[type] = {type(None), bool, int, float, str, bytes, range}
        self.numpy: Any = None

    def step(self, steps: int = 1) -> None:
        """Count work.

        Raises:
            TooMuchError: It is too much.
        """
        self._steps_left -= steps
        if self._steps_left < 0:
            raise TooMuchError

    def refuse(self, reason: str) -> NoReturn:
        """Raise `Unknowable`, here and for this reason."""
        raise Unknowable(Unknown(reason, self.line))

    def import_numpy(self) -> Any:
        """NumPy, only for files that use it."""
        if self.numpy is None:
            import numpy  # noqa: ICN001, PLC0415  slow to import, and few files need it

            self.numpy = numpy
            self.atoms |= {numpy.float64, numpy.int64, numpy.bool_}
        return self.numpy

    def is_array(self, value: Any) -> bool:
        """Whether ``value`` is a NumPy array."""
        return self.numpy is not None and type(value) is self.numpy.ndarray

    # ---- trust

    def doubt(self, value: Any) -> Unknown | None:
        """Why ``value`` itself, leaving its parts aside, is not known; None when it is."""
        if type(value) is Unknown:
            return value
        if type(value) is Foreign:
            return Unknown(f"it depends on {value.name!r}", self.line)
        found = self._tainted.get(id(self._owner(value)))
        return found[1] if found else None

    def trust(self, value: Any) -> None:
        """Raise `Unknowable` where there is doubt."""
        why = self.doubt(value)
        if why is not None:
            raise Unknowable(why)

    def _owner(self, value: Any) -> Any:
        """Arrays may share their memory: the one that owns it stands for all."""
        while self.is_array(value) and value.base is not None:
            value = value.base
        return value

    def parts(self, value: Any) -> Collection[Any]:
        """What is reachable from ``value`` in one step and might be changed."""
        kind = type(value)
        if kind is dict:
            return value.values()  # type: ignore[no-any-return]
        if kind is Lazy:
            return value.sources  # type: ignore[no-any-return]
        return value if kind in (list, tuple) else ()

    def escape(self, value: Any, why: Unknown) -> None:
        """Code that is not run gets hold of ``value``: it may change it, and all that is in it, now or later."""
        seen: set[int] = set()
        found = [value]
        while found:
            value = found.pop()
            owner = self._owner(value)
            if id(owner) in seen or id(owner) in self._tainted:
                continue
            seen.add(id(owner))
            if type(value) in _MUTABLE or self.is_array(value):
                self._tainted[id(owner)] = (owner, why)
            parts = self.parts(value)
            self.step(1 + len(parts) // 8)
            found += [part for part in parts if type(part) not in self.atoms]

    def escaped(self, values: Iterable[Any]) -> Unknown | None:
        """Why one of ``values`` is tainted; None when none is."""
        return next((self._tainted[id(value)][1] for value in values if id(value) in self._tainted), None)

    # ---- bounds

    def know(self, value: Any, depth: int = 0) -> int:
        """The size of a value that is known with all its parts.

        Raises:
            Unknowable: It is not known, too large, nested too deep, or contains itself.
        """
        self.step()
        self.trust(value)
        kind = type(value)
        if kind in self.atoms:
            return 1 + len(value) // _CHARACTERS_PER_ITEM if kind in (str, bytes) else 1
        if self.is_array(value):
            return 1 + int(value.size)
        if kind not in _CONTAINERS:
            self.refuse("it is an iterator" if kind is Lazy else "it is a function or a module")
        if depth > _DEEPEST:
            self.refuse("it is nested too deep, or contains itself")
        size = 1
        for item in chain(value, value.values()) if kind is dict else value:
            size += self.know(item, depth + 1)
            if size > MOST_ITEMS:
                self.refuse("it is too large to evaluate")
        return size

    def know_key(self, key: Any) -> None:
        """Raise `Unknowable` unless ``key`` may be looked up in dicts and sets; TypeError where it has no hash."""
        self.know(key)
        if type(key) in (tuple, frozenset):
            self.step(_STEPS_OF_A_TUPLE_AS_KEY)
        if type(key) is int and abs(key) > _LARGEST_INT_AS_KEY:
            self.refuse("it is too large to evaluate")
        hash(key)

    def check(self, value: Any) -> Any:
        """``value``, which was just made, if it is of a known type and not too large."""
        kind = type(value)
        if kind in (list, tuple, dict, *SETS):
            size, most = len(value), MOST_ITEMS
        elif kind is str or kind is bytes:
            size, most = len(value), MOST_CHARACTERS
        elif kind is int:
            size, most = value.bit_length(), MOST_BITS
        elif self.is_array(value):
            if value.dtype.type not in self.atoms:
                self.refuse(f"it is an array of {value.dtype}")
            size, most = value.size, MOST_ITEMS
        elif kind in self.atoms or kind in _INTERNAL:
            return value
        else:
            self.refuse(f"it is a value of type {kind.__name__!r}")
        if size > most:
            self.refuse("it is too large to evaluate")
        self.step(size // 32)
        return value

    # ---- reading

    def is_true(self, value: Any) -> bool:
        """Whether a value counts as true."""
        self.trust(value)
        if type(value) not in _SIZED and type(value) not in self.atoms:
            self.refuse("it asks whether something is true that is neither a number nor text nor a container")
        return bool(value)

    def iterate(self, value: Any, *, ordered: bool = True) -> Iterator[Any]:
        """The items of ``value``, as long as they are known; they may change in between, as in Python."""
        self.trust(value)
        kind = type(value)
        if ordered and kind in SETS and len(value) > 1:
            self.refuse("it depends on the order of a set")
        if kind not in (*_SIZED, Lazy) and not self.is_array(value):
            if kind in self.atoms:
                raise TypeError(f"{kind.__name__!r} object is not iterable")
            self.refuse("it iterates over a function or a module")
        for item in value.items if kind is Lazy else value:
            self.step()
            yield item
            for source in (value, *value.sources) if kind is Lazy else (value,):
                self.trust(source)

    def items(self, value: Any, *, ordered: bool = True) -> list[Any]:
        """All items of ``value`` as they are now."""
        return self.check(list(islice(self.iterate(value, ordered=ordered), MOST_ITEMS + 1)))  # type: ignore[no-any-return]

    def plain(self, value: Any) -> Any:
        """A copy of ``value`` that the rest of the library understands: without NumPy.

        Raises:
            Unknowable: Not all of it is known.
        """
        self.know(value)
        if self.is_array(value):
            self.refuse("it is a NumPy array")
        return self._plain(value)

    def _plain(self, value: Any) -> Any:
        kind = type(value)
        if kind is dict:
            return {self._plain(key): self._plain(item) for key, item in value.items()}
        if kind in _CONTAINERS:
            return kind(self._plain(item) for item in value)
        if self.is_array(value):
            self.refuse("it contains a NumPy array")
        if kind is range:
            self.refuse("it is a range")
        return value.item() if self.numpy is not None and isinstance(value, self.numpy.generic) else value
