"""Any value as plain data, in the types that JSON has, and as text to be shown. One way only."""

import json
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import attrs


def jsonable(value: Any) -> Any:
    """``value`` in the types that JSON has; NaN and infinities become "NaN", "Infinity" and "-Infinity".

    Arrays become lists, frozen values objects of their fields; what is none of these becomes its ``repr``.

    Examples:
        >>> jsonable({"b": (1.0, float("nan")), "a": b"x"})
        {'a': "b'x'", 'b': [1.0, 'NaN']}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if attrs.has(type(value)):
        return {field.name: jsonable(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else repr(key): jsonable(item) for key, item in sorted(value.items(), key=repr)
        }
    if isinstance(value, (Sequence, AbstractSet)) and not isinstance(value, bytes):
        return [jsonable(item) for item in value]
    if callable(getattr(value, "tolist", None)):  # an array or a scalar of NumPy
        return jsonable(value.tolist())
    return repr(value)


def dumps(value: Any, indent: int | None = 2) -> str:
    """``value`` as strict JSON (RFC 8259), see `jsonable`."""
    return json.dumps(jsonable(value), indent=indent, allow_nan=False)


def cell(value: Any) -> str:
    """A value in a table: text as it is, numbers in full, lists and the like as Python has them.

    Examples:
        >>> cell("a"), cell(0.1), cell(float("nan")), cell(None), cell({"b": (0.1, "c")})
        ('a', '0.1', 'nan', 'None', "{'b': [0.1, 'c']}")
    """
    if isinstance(value, str):
        return value
    return repr(jsonable(value) if isinstance(value, (Mapping, Sequence, AbstractSet)) else value)


def printable(text: str) -> str:
    r"""``text`` with everything escaped that is no character to be seen: what could move a cursor, lone surrogates.

    Examples:
        >>> print(printable("größe\n"), printable("\ud800"))
        größe\n \ud800
    """
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


Row = tuple[str, ...]
"""A row of a table that is shown."""
