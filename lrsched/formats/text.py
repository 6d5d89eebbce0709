"""The legacy learning-rate file of RETURNN: a Python expression, a dict of epoch -> EpochData.

Others read these files while training writes them, with their own `eval` and regular expressions. So the layout is the
original's, byte for byte; and ours is read by a parser that runs nothing.
"""

import math
import re
from collections.abc import Iterable
from typing import Any

from pyrsistent import PSet, PVector

from lrsched.core.epoch_data import META_PREFIX, EpochData, plain_epoch
from lrsched.core.history import History
from lrsched.errors import ArgumentError, FormatError
from lrsched.formats import Format, in_order, literal

_ONE_LINE = 40  # a dict whose items have fewer characters than this stands on one line


def read(text: str, filename: str | None) -> tuple[History, FormatError | None]:
    """The epochs before the first fault, and the fault."""
    shortcuts = [(_USUAL_EPOCH, _usual_epoch)]
    epochs, fault = literal.read_items(text, filename, {"EpochData": _epoch_data}, shortcuts, History().set)
    return History(epochs), fault


# An epoch as it is nearly always written, with plain errors: each on a line of its own, or all on one line.
_USUAL_EPOCH = re.compile(
    rf"{literal.SPACE}([1-9]\d{{0,17}}): EpochData\(learningRate=({literal.NUMBER}), "
    rf"error=\{{((?:{literal.PAIRS})?+)((?:{literal.PAIR})?+)\n?\}}\),",
    re.ASCII,
)


def _usual_epoch(match: re.Match[str]) -> list[tuple[int, EpochData]] | None:
    epoch, learning_rate, errors, last = match.groups()
    pairs = literal.read_pairs(errors + last + "," if last else errors)
    error = dict(pairs)
    if len(error) != len(pairs) or math.isinf(float(learning_rate)):
        return None  # to be refused with the line
    rate = float(learning_rate)
    if errors.count(":") + last.count(":") == len(pairs):  # no name has a colon
        return [(int(epoch), plain_epoch(rate, error))]
    return [(int(epoch), EpochData(learning_rate=rate, error=error))]


def _epoch_data(arguments: dict[str, Any]) -> EpochData:
    if "learning_rate" not in arguments and "learningRate" in arguments:
        arguments["learning_rate"] = arguments.pop("learningRate")
    unknown = arguments.keys() - {"learning_rate", "error", "meta"}
    if unknown:
        raise ArgumentError(
            f"EpochData has no further {min(unknown)!r}; it has learning_rate or learningRate, error, meta"
        )
    return EpochData(**arguments)


def render_epoch(epoch: int, data: EpochData) -> str:
    """One epoch as it stands in the file, without the comma."""
    return f"{epoch}: {render_data(data)}"


def render_data(data: EpochData) -> str:
    """What is known of an epoch as it stands in the file."""
    error: dict[str, Any] = {**data.error, **{META_PREFIX + key: value for key, value in data.meta.items()}}
    return f"EpochData(learningRate={data.learning_rate!r}, error={render_value(error)})"


def join(epochs: Iterable[str]) -> str:
    """The text of the file, of its rendered epochs in order."""
    return _dict(list(epochs)) + "\n"


def _dict(items: list[str]) -> str:
    if len(items) >= _ONE_LINE or sum(map(len, items)) >= _ONE_LINE:
        return "{\n" + ",\n".join(items) + ",\n}"
    return "{" + ", ".join(items) + "}"


def render_value(value: Any) -> str:
    r"""A value as it stands in the file; anything but a literal as `repr` has it.

    Examples:
        >>> render_value((0.5, math.nan)), render_value({2: "b", 1: "a"}), render_value([1])
        ("(0.5, float('nan'))", "{1: 'a', 2: 'b'}", '[\n1,\n]')
    """
    if isinstance(value, dict):
        return _dict([f"{render_value(key)}: {render_value(value[key])}" for key in in_order(value)])
    if isinstance(value, float):
        return f"float('{value!r}')" if value != value or value in (_INF, -_INF) else repr(value)  # noqa: PLR0124  NaN
    if isinstance(value, (PVector, list)):
        return "[\n" + "".join(f"{render_value(item)},\n" for item in value) + "]"
    if isinstance(value, (PSet, set)):
        return "set([\n" + "".join(f"{render_value(item)},\n" for item in in_order(value)) + "])"
    if isinstance(value, tuple):
        return f"({_on_one_line(value[0])},)" if len(value) == 1 else f"({', '.join(map(render_value, value))})"
    return repr(value)


def _on_one_line(value: Any) -> str:
    """As `repr` gives it: what the original does inside a tuple of one element, but that it does not quote text."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_on_one_line(key)}: {_on_one_line(value[key])}' for key in in_order(value))}}}"
    if isinstance(value, PVector):
        return f"[{', '.join(map(_on_one_line, value))}]"
    if isinstance(value, PSet):
        return f"{{{', '.join(map(_on_one_line, in_order(value)))}}}" if value else "set()"
    if isinstance(value, tuple):
        return f"({', '.join(map(_on_one_line, value))}{',' * (len(value) == 1)})"
    return repr(value)


_INF = float("inf")

TEXT = Format("text", read, render_epoch, join)
"""The learning-rate file of RETURNN."""
