"""What a process holds beside a schedule: where one that is not sound may remember something."""

import copy
import functools
import inspect
from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from types import CellType, CodeType, FunctionType
from typing import Any, Final, final

import attrs

from lrsched.core.schedule import Schedule

_IMMUTABLE: Final = (bool, int, float, complex, str, bytes, type(None))
_CONTAINERS: Final = (list, dict, set, bytearray, deque)
_MOST: Final = 10_000  # a module may hold data sets too, which are none of a schedule's memory


@final
class Surroundings:
    """What the code of a schedule reads outside of it, as it is now: globals, and attributes of classes and functions.

    Looks at plain values only, and into the code of the package that the schedule is from, not of others.
    """

    def __init__(self, schedule: Schedule | Callable[..., Any]) -> None:
        self._undo: list[Callable[[], None]] = []
        self._seen: set[int] = set()
        for thing in _parts(schedule):
            self._look(thing, _package(thing))

    def restore(self) -> None:
        """Make it what it was: what a process finds that starts anew."""
        for undo in self._undo:
            undo()

    def _look(self, thing: Any, package: str) -> None:
        if id(thing) in self._seen or package == "lrsched" or _package(thing) != package:
            return
        self._seen.add(id(thing))
        if isinstance(thing, (staticmethod, classmethod, functools.partial)):
            self._look(getattr(thing, "__func__", None) or getattr(thing, "func", None), package)
        elif isinstance(thing, property):
            self._look(thing.fget, package)
        elif isinstance(thing, FunctionType):
            self._look_into(thing, package)
        elif isinstance(thing, type):
            for cls in thing.__mro__:
                if _package(cls) == package:
                    self._note_all(vars(cls).items(), functools.partial(setattr, cls), package)
        elif callable(getattr(thing, "cache_clear", None)):
            self._undo.append(thing.cache_clear)
            self._look(thing.__wrapped__, package)

    def _look_into(self, function: FunctionType, package: str) -> None:
        names = _names(function.__code__)
        known = function.__globals__
        self._note_all(((name, known[name]) for name in names if name in known), known.__setitem__, package)
        self._note_all(vars(function).items(), functools.partial(setattr, function), package)
        defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        self._note_all((("", value) for value in defaults), _leave, package)
        for cell in function.__closure__ or ():
            if cell != CellType():
                self._note_all([("cell_contents", cell.cell_contents)], functools.partial(setattr, cell), package)

    def _note_all(self, values: Iterable[tuple[str, Any]], put: Callable[[str, Any], None], package: str) -> None:
        for name, value in [*values]:
            if name.startswith("__"):
                continue
            if isinstance(value, Random):
                self._undo.append(functools.partial(value.setstate, value.getstate()))
            elif _is_plain(value):
                self._undo.append(functools.partial(_put_back, name, value, copy.deepcopy(value), put))
            else:
                self._look(value, package)


def _leave(name: str, value: Any) -> None:
    """A default of an argument cannot be put in another one's place; but it can be mended."""


def _parts(schedule: Any) -> list[Any]:
    """The class of a schedule and of those inside it; or the function."""
    if isinstance(schedule, FunctionType):
        return [schedule]
    parts = [type(schedule)]
    fields = attrs.fields(type(schedule)) if attrs.has(type(schedule)) else ()
    for value in (getattr(schedule, field.name, None) for field in fields):
        if isinstance(value, Schedule) or callable(value):
            parts.extend(_parts(value))
    return parts


def _package(thing: Any) -> str:
    if isinstance(thing, (staticmethod, classmethod)):
        thing = thing.__func__
    elif isinstance(thing, property):
        thing = thing.fget
    elif isinstance(thing, functools.partial):
        thing = thing.func
    return str(getattr(thing, "__module__", "")).partition(".")[0]


def _names(code: CodeType) -> set[str]:
    """The names of globals, and of attributes, that some code uses."""
    inner = (each for each in code.co_consts if inspect.iscode(each))
    return set(code.co_names).union(*map(_names, inner))


def _is_plain(value: Any, most: int = _MOST) -> bool:
    """Whether it is a number, a text, or a container of such that is not too large."""
    if isinstance(value, _IMMUTABLE):
        return True
    if isinstance(value, dict):
        return len(value) < most and all(map(_is_plain, (*value, *value.values())))
    if isinstance(value, (*_CONTAINERS, tuple, frozenset)):
        return len(value) < most and all(map(_is_plain, value))
    return False


def _put_back(name: str, value: Any, saved: Any, put: Callable[[str, Any], None]) -> None:
    """Give a name its value back, and the value its content."""
    if isinstance(value, _CONTAINERS) and repr(value) != repr(saved):
        value.clear()
        fresh = copy.deepcopy(saved)
        (value.update if isinstance(value, (dict, set)) else value.extend)(fresh)
    put(name, value)
