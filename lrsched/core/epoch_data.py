"""`EpochData`: what is known of one epoch. Plain numbers and persistent maps only.

A foreign number (NumPy, torch) becomes a Python number when it enters, so that what is stored can be read again.
"""

from collections.abc import Mapping, Sequence, Set as AbstractSet
from typing import Any, final

import attrs
from pyrsistent import pset, pvector

from lrsched.core.frozendict import FrozenDict
from lrsched.core.numbers import number, rate
from lrsched.errors import broken_law

META_PREFIX = ":meta:"
"""Keys of ``error`` that start so belong to ``meta``: files have no other place for it."""

OLD_FORMAT_KEY = "old_format_score"
"""The key of an error that is given as a bare number, as old files have it."""

_TOO_LARGE = 10**400  # Python writes out no integer of more than 4300 digits
_DEEPEST_META = 50
_PLAIN = (type(None), bool, str, bytes)
_NO_ITEMS: FrozenDict[str, Any] = FrozenDict()


def _shown(items: Mapping[str, Any]) -> str:
    return repr(dict(sorted(items.items())))


@final
@attrs.frozen(init=False, slots=False)  # made at every epoch: attrs fills an instance dict twice as fast as slots
class EpochData:
    """What is known of one epoch: its learning rate, its errors, and whatever else was noted.

    Frozen; compares by value (a NaN equals a NaN), is picklable, and hashable where its parts are.

    Args:
        learning_rate: The rate the epoch was trained with, a finite number >= 0; None if unknown.
        error: Scores and errors by name, lower is better. Any numbers, NaN and infinities included. A bare number
            means ``{"old_format_score": number}``, None means none.
        meta: Anything else by name: None, bool, numbers, str, bytes, and tuples, lists, dicts and sets of these
            (lists, dicts and sets are made persistent). Where it is not given, keys of ``error`` that start with
            ``:meta:`` move here without that prefix.

    Raises:
        ArgumentError: A rate below 0 or not finite, an error that is no number, a key that is no str, a meta value
            that could not be written to a file and read back, or a ``:meta:`` key in ``error`` beside ``meta``.

    Examples:
        >>> EpochData(learning_rate=0.1, error={"dev_score": 1.5})
        EpochData(learning_rate=0.1, error={'dev_score': 1.5}, meta={})
        >>> EpochData(learning_rate=1, error={"dev_score": 1, ":meta:gpu": "a"}).meta["gpu"]
        'a'
        >>> EpochData(learning_rate=-0.1)
        Traceback (most recent call last):
        lrsched.errors.ArgumentError: learning_rate must be a finite number >= 0, got -0.1; correct the value
    """

    learning_rate: float | None
    error: FrozenDict[str, float] = attrs.field(repr=_shown)
    meta: FrozenDict[str, Any] = attrs.field(repr=_shown)

    def __init__(
        self,
        *,
        learning_rate: float | None = None,
        error: Mapping[str, float] | float | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        if learning_rate is not None:
            learning_rate = rate("learning_rate", learning_rate)
        if error is None:
            error = {}
        elif type(error) is not dict and not isinstance(error, Mapping):
            error = {OLD_FORMAT_KEY: number("error", error)}
        errors, found = _plain_errors(error)
        if meta is not None and found:
            key = META_PREFIX + next(iter(found))
            raise broken_law("error", f"without {META_PREFIX} keys where meta is given", key, "put it into meta")
        fields = self.__dict__  # directly, since several are made at every epoch
        fields["learning_rate"], fields["error"] = learning_rate, FrozenDict(errors)
        fields["meta"] = _plain_meta(found if meta is None else meta)

    def __reduce__(self) -> Any:
        """Unpickled by the constructor, so that a NaN equals itself again."""
        return _restored, (self.learning_rate, dict(self.error), dict(self.meta))

    def with_learning_rate(self, learning_rate: float | None) -> "EpochData":
        """The same epoch with another learning rate; None if unknown."""
        if learning_rate is not None:
            learning_rate = rate("learning_rate", learning_rate)
        return _make(learning_rate, self.error, self.meta)

    def with_error(self, error: Mapping[str, Any]) -> "EpochData":
        """The same epoch with more errors; a key that is there already gets the new value.

        Args:
            error: Numbers by key; ``:meta:`` keys go to ``meta``. A value that is a mapping itself is flattened: one
                entry keeps the outer key; several become ``outer_inner``, where ``inner`` loses everything up to its
                first colon.

        Raises:
            ArgumentError: As the constructor does.

        Examples:
            >>> EpochData().with_error({"ctc": {"cost:output": 2.0}, "ce": {"cost:output": 1.0, "cost:aux": 3.0}})
            EpochData(learning_rate=None, error={'ce_aux': 3.0, 'ce_output': 1.0, 'ctc': 2.0}, meta={})
        """
        if type(error) is not dict and not isinstance(error, Mapping):
            way_out = 'name the error, as in {"dev_score": 1.0}'
            raise broken_law("error", "a mapping from name to number", error, way_out)
        errors, meta = _plain_errors(error, flatten=True)
        return _make(self.learning_rate, self.error | errors, self.meta | _plain_meta(meta) if meta else self.meta)

    def with_meta(self, meta: Mapping[str, Any]) -> "EpochData":
        """The same epoch with more meta values; a key that is there already gets the new value."""
        return _make(self.learning_rate, self.error, self.meta | _plain_meta(meta))


def _restored(learning_rate: float | None, error: dict[str, float], meta: dict[str, Any]) -> EpochData:
    return EpochData(learning_rate=learning_rate, error=error, meta=meta)


def _make(learning_rate: float | None, error: FrozenDict[str, float], meta: FrozenDict[str, Any]) -> EpochData:
    """An `EpochData` of parts that obey the laws already."""
    made = EpochData.__new__(EpochData)
    fields = made.__dict__
    fields["learning_rate"], fields["error"], fields["meta"] = learning_rate, error, meta
    return made


def _plain_errors(error: Mapping[str, Any], *, flatten: bool = False) -> tuple[dict[str, float], dict[str, Any]]:
    """The errors as plain numbers, and apart from them what was under ``:meta:`` keys."""
    for key, value in error.items():
        if type(value) is not float or value != value or type(key) is not str:  # noqa: PLR0124  a NaN
            break
    else:
        if ":" not in "".join(error):
            return error, {}  # type: ignore[return-value]  # as nearly always; it is copied when it is frozen
    errors: dict[str, float] = {}
    meta: dict[str, Any] = {}
    for key, value in error.items():
        if type(value) is float and value == value and type(key) is str and ":" not in key:  # noqa: PLR0124  not NaN
            errors[key] = value  # the usual one
        elif not isinstance(key, str):
            raise broken_law("a key of error", "a str", key, "name the error")
        elif key.startswith(META_PREFIX):
            meta[key.removeprefix(META_PREFIX)] = value
        elif flatten and isinstance(value, Mapping):
            inner_errors, inner_meta = _plain_errors(_flat(key, value))
            errors |= inner_errors
            meta |= inner_meta
        else:
            errors[str(key)] = number(f"error[{key!r}]", value)
    return errors, meta


def _flat(outer: str, error: Mapping[str, Any]) -> dict[str, Any]:
    """The errors under the key ``outer``, with keys of their own."""
    if len(error) == 1:
        return {outer: next(iter(error.values()))}
    return {f"{outer}_{str(inner).split(':', 1)[-1]}": value for inner, value in error.items()}


def _plain_meta(meta: Mapping[str, Any]) -> FrozenDict[str, Any]:
    if not isinstance(meta, (dict, Mapping)):  # dict first, since it costs less
        raise broken_law("meta", "a mapping from name to literal", meta, 'name the value, as in {"gpu": "a"}')
    plain = {}
    for key, value in meta.items():
        if not isinstance(key, str):
            raise broken_law("a key of meta", "a str", key, "name the value")
        plain[str(key)] = persistent(f"meta[{key!r}]", value)
    return FrozenDict(plain) if plain else _NO_ITEMS


def persistent(name: str, value: Any, depth: int = 0, *, key: bool = False) -> Any:
    """``value`` with lists, dicts and sets made persistent, and numbers plain.

    Args:
        name: What it is called in an error.
        value: A literal, a NumPy array or scalar, or a torch tensor.
        depth: How deep it stands in another one.
        key: Whether it is a key or in a set, where lists, dicts and sets could not be read back.

    Raises:
        ArgumentError: It is none, or is nested deeper than 50.
    """
    if depth > _DEEPEST_META:
        raise broken_law(name, f"nested at most {_DEEPEST_META} deep", value, "flatten it")
    if type(value) in _PLAIN:
        return value
    if isinstance(value, (str, bytes)):
        return str(value) if isinstance(value, str) else bytes(value)
    if isinstance(value, tuple):
        return tuple(persistent(name, item, depth + 1, key=key) for item in value)
    if callable(getattr(value, "tolist", None)):  # an array or a scalar of NumPy, a tensor of torch
        return persistent(name, value.tolist(), depth + 1, key=key)
    if isinstance(value, int):
        return _whole(name, value)
    if hasattr(type(value), "__float__"):
        return number(name, value)
    if not key and isinstance(value, Mapping):
        return FrozenDict(
            {persistent(name, k, depth + 1, key=True): persistent(name, item, depth + 1) for k, item in value.items()}
        )
    if not key and isinstance(value, AbstractSet):
        return pset(persistent(name, item, depth + 1, key=True) for item in value)
    if not key and isinstance(value, Sequence):
        return pvector(persistent(name, item, depth + 1) for item in value)
    if key:
        raise broken_law(name, "with keys and members of sets that are plain values or tuples", value, "use a tuple")
    law = "a literal (None, bool, number, str, bytes, tuple, list, dict, set)"
    raise broken_law(name, law, value, "use repr() of it, or plain values")


def _whole(name: str, value: int) -> int:
    if abs(value) >= _TOO_LARGE:
        raise broken_law(name, "an integer of at most 400 digits", value, "use a float, or text")
    return int(value)


UNKNOWN = EpochData()
"""An epoch of which nothing is known."""
