"""A history as JSON (RFC 8259), an epoch a line, so that every language reads it and a diff shows what changed.

What JSON has no word for is written as protobuf writes it ("NaN", "Infinity", "-Infinity" as the value of an error), or
as an object with one member whose name starts with ``$``. ``history.schema.json`` in this package says all of it.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

from pyrsistent import PSet, PVector

from lrsched.core.epoch_data import EpochData
from lrsched.core.history import History
from lrsched.core.numbers import epoch_number
from lrsched.core.plain import jsonable
from lrsched.errors import ArgumentError, FormatError, broken_law
from lrsched.formats import Format, in_order, without_twins

NAME = "lrsched history"
VERSION = 1
"""What it becomes when a file is written that an older reader would misunderstand."""

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_INF = math.inf

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_TWO_HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def render_epoch(epoch: int, data: EpochData) -> str:
    """One epoch as it stands in the file, on one line and without the comma.

    Raises:
        ArgumentError: A text has a character as two surrogates, which JSON cannot tell from the character.

    Examples:
        >>> render_epoch(3, EpochData(learning_rate=0.1, error={"dev_score": math.inf}, meta={"shape": (2, 3)}))
        '{"epoch": 3, "learning_rate": 0.1, "error": {"dev_score": "Infinity"}, "meta": {"shape": {"$tuple": [2, 3]}}}'
    """
    entry: dict[str, Any] = {
        "epoch": epoch,
        "learning_rate": data.learning_rate,
        "error": {key: jsonable(data.error[key]) for key in sorted(data.error)},
    }
    if data.meta:
        entry["meta"] = {key: _plain(data.meta[key]) for key in sorted(data.meta)}
    return _text_of(entry, f"the data of epoch {epoch}")


def join(epochs: Iterable[str]) -> str:
    """The text of the file, of its rendered epochs in order."""
    lines = [f'{{"format": "{NAME}", "version": {VERSION}, "epochs": [', ",\n".join(epochs), "]}\n"]
    return "\n".join(filter(None, lines))


def render_value(value: Any, name: str = "a value") -> str:
    """A meta value as JSON; ``name`` is what it is called in errors."""
    return _text_of(_plain(value), name)


def parse_value(text: str, filename: str | None = None) -> Any:
    """The meta value that `render_value` wrote.

    Raises:
        FormatError: It is none.

    Examples:
        >>> parse_value(render_value((1.0, b"a", {1: math.inf}))) == (1.0, b"a", {1: math.inf})
        True
    """
    reader = _Reader(text, filename)
    value = reader.value(_meant)
    reader.expect("")
    return value


def _text_of(value: Any, name: str) -> str:
    text = _ENCODER.encode(value)
    if two := _TWO_HALVES.search(text):
        way_out = "it is one character as two surrogates; a learning-rate file can hold it"
        raise broken_law(name, "text that JSON can hold", two.group(), way_out)
    return text.encode(errors="backslashreplace").decode()  # one surrogate alone, as JSON escapes it


def _plain(value: Any) -> Any:
    """A meta value in the types that JSON has."""
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": jsonable(value)}
    if isinstance(value, PVector):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [_plain(item) for item in value]}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, PSet):
        return {"$set": [_plain(item) for item in in_order(value)]}
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: _plain(value[key]) for key in sorted(value)}
        return {"$dict": [[_plain(key), _plain(value[key])] for key in in_order(value)]}
    return value


# ---- reading


def _no_constant(name: str) -> NoReturn:
    raise ArgumentError(f"{name} is no JSON; it is written as text, in quotes")


_DECODER = json.JSONDecoder(object_pairs_hook=without_twins, parse_constant=_no_constant)
_SPACE = re.compile(r"[ \t\n\r]*")


def read(text: str, filename: str | None) -> tuple[History, FormatError | None]:
    """The epochs before the first fault, and the fault."""
    history: dict[int, EpochData] = {}
    try:
        _read_document(_Reader(text, filename), history)
    except FormatError as fault:
        return History(history), fault
    return History(history), None


def _read_document(reader: "_Reader", history: dict[int, EpochData]) -> None:
    """Put the epochs into ``history`` one by one; when that fails, those before the fault are there."""
    reader.expect("{")
    missing = {"epochs", "format", "version"}
    for _ in reader.items("}"):
        name = reader.value(_header_name)
        if name not in missing:
            reader.fail(f"the name {name!r} is there twice")
        missing.remove(name)
        reader.expect(":")
        if name != "epochs":
            reader.value(_check_format if name == "format" else _check_version)
            continue
        reader.expect("[")
        for _ in reader.items("]"):
            epoch, data = reader.value(_epoch)
            if epoch in history:
                reader.fail(f"epoch {epoch} is there twice")
            history[epoch] = data
    if missing:
        reader.fail(f"an {NAME} has the member {min(missing)!r}, too")
    reader.expect("")


def _header_name(name: Any) -> str:
    if name not in ("format", "version", "epochs"):
        raise ArgumentError(f"{name!r} is no member of an {NAME}; is this a file of another kind?")
    return str(name)


def _check_format(value: Any) -> None:
    if value != NAME:
        raise ArgumentError(f"the format is {value!r}, not {NAME!r}")


def _check_version(value: Any) -> None:
    if type(value) is not int or value < 1:
        raise ArgumentError(f"the version must be an integer >= 1, got {value!r}")
    if value > VERSION:
        raise ArgumentError(f"the file has version {value}, this lrsched reads up to {VERSION}; use a newer one")


def _epoch(entry: Any) -> tuple[int, EpochData]:
    if type(entry) is not dict or type(entry.get("epoch")) is not int:
        raise ArgumentError('expected an epoch, as in {"epoch": 1, "learning_rate": 0.1, "error": {}}')
    if unknown := entry.keys() - _MEMBERS:
        raise ArgumentError(f"{min(unknown)!r} is no member of an epoch; it has epoch, learning_rate, error, meta")
    rate, error, meta = entry.get("learning_rate"), entry.get("error", {}), entry.get("meta", {})
    if type(rate) not in (float, int, type(None)):
        raise ArgumentError(f"learning_rate must be a number or null, got {rate!r:.80}")
    if type(error) is not dict or type(meta) is not dict:
        raise ArgumentError("error and meta must be objects")
    error = {key: _error_meant(key, value) for key, value in error.items()}
    meta = {key: _meant(value) for key, value in meta.items()}
    return epoch_number("epoch", entry["epoch"]), EpochData(learning_rate=rate, error=error, meta=meta)


_MEMBERS = frozenset({"epoch", "learning_rate", "error", "meta"})


def _error_meant(key: str, value: Any) -> float:
    if type(value) is float or type(value) is int:
        return _finite(value)
    if type(value) is not str or value not in _NON_FINITE:
        raise ArgumentError(f'error[{key!r}] must be a number, "NaN", "Infinity" or "-Infinity", got {value!r:.80}')
    return _NON_FINITE[value]


def _finite(value: float) -> float:
    if not -_INF < value < _INF:
        raise ArgumentError("a number too large for a float")
    return value


def _meant(value: Any) -> Any:
    """The meta value that `_plain` wrote so."""
    if type(value) is float:
        return _finite(value)
    if type(value) is list:
        return [_meant(item) for item in value]
    if type(value) is not dict:
        return value
    tag = next(iter(value), "")
    if not any(name.startswith("$") for name in value):
        return {key: _meant(item) for key, item in value.items()}
    if len(value) != 1 or tag not in _TAGS:
        raise ArgumentError(f"an object with a name that starts with $ has one member, of {', '.join(sorted(_TAGS))}")
    try:
        return _TAGS[tag](value[tag])
    except (TypeError, ValueError, KeyError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"{tag} of {value[tag]!r:.80}") from error


def _items(items: Any) -> list[Any]:
    if type(items) is not list:
        raise TypeError
    return [_meant(item) for item in items]


def _set(items: Any) -> set[Any]:
    members = _items(items)
    made = set(members)
    if len(made) != len(members):
        raise ArgumentError("a member of a $set is there twice")
    return made


def _dict(items: Any) -> dict[Any, Any]:
    pairs = _items(items)
    if not all(type(pair) is list for pair in pairs):
        raise TypeError
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ArgumentError("a key of a $dict is there twice")
    return made


_TAGS: dict[str, Callable[[Any], Any]] = {
    "$bytes": lambda text: base64.b64decode(text, validate=True),
    "$dict": _dict,
    "$float": _NON_FINITE.__getitem__,
    "$set": _set,
    "$tuple": lambda items: tuple(_items(items)),
}


class _Reader:
    """A place in a text. The outer levels are read here, epoch by epoch; what is inside of them by `json`."""

    def __init__(self, text: str, filename: str | None) -> None:
        self.text = text
        self.filename = filename
        self.start = 0  # of what was read last
        self.position = _SPACE.match(text).end()  # type: ignore[union-attr]  # it matches anywhere

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        """Refuse what was read last, or what stands at ``position``."""
        position = min(self.start if position is None else position, len(self.text.rstrip()))
        raise FormatError(message, filename=self.filename, line=self.text.count("\n", 0, position) + 1)

    def take(self, mark: str) -> bool:
        """Take ``mark`` if that is what follows; the empty text is the end."""
        if not (self.text.startswith(mark, self.position) if mark else self.position == len(self.text)):
            return False
        self.move(self.position + len(mark))
        return True

    def move(self, position: int) -> None:
        self.start, self.position = self.position, _SPACE.match(self.text, position).end()  # type: ignore[union-attr]

    def expect(self, mark: str) -> None:
        """Take ``mark`` or fail."""
        if not self.take(mark):
            shown = self.text[self.position : self.position + 1]
            wanted = f"expected {mark!r}" if mark else "expected the end"
            self.fail(f"{wanted}, got {shown!r}" if shown else f"{wanted}, but the text ends", self.position)

    def items(self, closing: str) -> Iterator[None]:
        """Yields before each item up to ``closing``, and takes the commas and ``closing``."""
        more = not self.take(closing)
        while more:
            yield
            more = not self.take(closing)
            if more:
                self.expect(",")

    def value(self, meaning: Callable[[Any], Any]) -> Any:
        """Take a whole value; what it means."""
        start = self.position
        try:
            value, end = _DECODER.raw_decode(self.text, start)
            self.move(end)
            return meaning(value)
        except json.JSONDecodeError as error:
            self.fail(error.msg[:1].lower() + error.msg[1:], error.pos)
        except ArgumentError as error:
            self.fail(str(error), start)
        except ValueError:  # the one that int() raises
            self.fail("a number with too many digits", start)
        except RecursionError:
            self.fail("nested too deep", start)


JSON = Format("json", read, render_epoch, join)
"""The JSON file of lrsched."""
