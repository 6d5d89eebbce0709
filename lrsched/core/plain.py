"""Any value as plain data, in the types that JSON has, and as JSON; any text as one that can be shown."""

import json
import math
from collections.abc import Mapping, Sequence, Set as AbstractSet
from functools import cache
from typing import Any


def jsonable(value: Any) -> Any:
    """``value`` in the types that JSON has; NaN and infinities become "NaN", "Infinity" and "-Infinity".

    Arrays become lists, frozen values objects of their fields; what is none of these becomes its ``repr``.

    Examples:
        >>> jsonable({"b": (1.0, float("nan")), "a": b"x"})
        {'a': "b'x'", 'b': [1.0, 'NaN']}
    """
    if value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, float):
        return json.dumps(value)
    kind: Any = type(value)
    if names := _fields(kind):
        return {name: jsonable(getattr(value, name)) for name in names}
    if isinstance(value, (dict, Mapping)):
        items = sorted(value.items(), key=lambda item: repr(item[0]))
        return {key if isinstance(key, str) else repr(key): jsonable(item) for key, item in items}
    if isinstance(value, (tuple, Sequence, AbstractSet)) and not isinstance(value, bytes):
        return [jsonable(item) for item in value]
    if callable(getattr(value, "tolist", None)):  # an array or a scalar of NumPy
        return jsonable(value.tolist())
    return repr(value)


@cache
def _fields(kind: type) -> tuple[str, ...]:
    """The names of the fields of a class of attrs; none of another one."""
    return tuple(field.name for field in getattr(kind, "__attrs_attrs__", ()))


def printable(text: str) -> str:
    r"""``text`` with everything escaped that is no character to be seen: what could move a cursor, lone surrogates.

    Examples:
        >>> print(printable("größe\n"), printable("\ud800"))
        größe\n \ud800
    """
    if text.isprintable():  # at a twentieth of the cost
        return text
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def dumps(value: Any, indent: int | None = 2) -> str:
    """``value`` as strict JSON (RFC 8259), see `jsonable`.

    Each item of an object has a line of its own, and so has each object in a list: an epoch is a line.

    Args:
        value: Anything.
        indent: By how many blanks a line is indented in the one around it; None: all is on one line.

    Examples:
        >>> print(dumps({"file": "a", "epochs": [{"epoch": 1, "error": {}}, {"epoch": 2, "error": {"b": 0.5}}]}))
        {
          "epochs": [
            {"epoch": 1, "error": {}},
            {"epoch": 2, "error": {"b": 0.5}}
          ],
          "file": "a"
        }
    """
    plain = jsonable(value)
    return _compact(plain) if indent is None else _laid_out(plain, "\n", " " * indent)


_compact = json.JSONEncoder(allow_nan=False).encode  # with an indent, the one of Python is not in C and slow


def _laid_out(plain: Any, newline: str, indent: str) -> str:
    inner = newline + indent
    if isinstance(plain, dict) and plain:
        items, ends = [f"{_compact(key)}: {_laid_out(item, inner, indent)}" for key, item in plain.items()], "{}"
    elif isinstance(plain, list) and plain and isinstance(plain[0], (dict, list)):
        items, ends = list(map(_compact, plain)), "[]"
    else:
        return _compact(plain)
    return f"{ends[0]}{inner}{f',{inner}'.join(items)}{newline}{ends[1]}"
