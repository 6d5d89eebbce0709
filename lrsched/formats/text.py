"""The legacy learning-rate file of RETURNN: a Python expression, a dict of epoch -> EpochData.

Others read these files while training writes them, with their own `eval` and regular expressions. So the layout is the
original's, byte for byte; and ours is read by a parser that runs nothing.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from pyrsistent import PSet, PVector

from lrsched.core.epoch_data import META_PREFIX, EpochData
from lrsched.core.history import History
from lrsched.errors import ArgumentError, FormatError
from lrsched.formats import Format, in_order, literal, without_twins

_ONE_LINE = 40  # a dict whose items have fewer characters than this stands on one line


def read(text: str, filename: str | None) -> tuple[History, FormatError | None]:
    """The epochs before the first fault, and the fault."""
    epochs, fault = literal.read_items(text, filename, {"EpochData": _epoch_data}, _usual_epoch, History().set)
    return History(epochs), fault


# Nearly all epochs are written in this way. With other quotes and words, the errors are JSON, which C reads.
_USUAL_EPOCH = re.compile(
    rf"""{literal.SPACE}([1-9]\d{{0,17}}):\ EpochData\(learningRate=(-?\d[^\s,]*),
    \ error=\{{((?:\n?'[^"\\{{}}]*)?)\}}\)(?:,|(?=\n?\}}))""",
    re.ASCII | re.VERBOSE,
)
_WORDS = {"None": "null", "True": "true", "False": "false"} | {
    spelling.format(word): meaning
    for word, meaning in (("nan", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity"))
    for spelling in ("{}", "float('{}')", "float('np.float64({})')", "np.float64({})")
}
_SPELT_OTHERWISE = re.compile(  # the end of the line shows that no string begins here
    rf"': (?:({'|'.join(map(re.escape, _WORDS))})|np\.float64\((-?\d+[.e][\d.e+-]*)\))(?=,\n)"
)
_NO_PYTHON = re.compile(r"\b(?:null|true|false)\b")
_PLAIN = frozenset({float, int, str})
_DECODER = json.JSONDecoder(object_pairs_hook=without_twins)


def _usual_epoch(text: str, position: int) -> tuple[int, EpochData, int] | None:
    """Reads an epoch that is written as usual; None where it is to be read as Python, or refused with its line."""
    match = _USUAL_EPOCH.match(text, position)
    if match is None:
        return None
    epoch, rate, errors = match.groups()
    as_json = _SPELT_OTHERWISE.sub(lambda spelt: f"': {spelt[2] or _WORDS[spelt[1]]}", errors)
    as_json = as_json.removesuffix(",\n").replace("'", '"')
    try:
        learning_rate, error = _DECODER.decode(f"[{rate}, {{{as_json}}}]")
        if not _PLAIN.issuperset(map(type, error.values())) and _NO_PYTHON.search(errors):
            return None
        return int(epoch), EpochData(learning_rate=learning_rate, error=error), match.end()
    except (ValueError, RecursionError):
        return None


def _epoch_data(arguments: dict[str, Any]) -> EpochData:
    if "learning_rate" not in arguments and "learningRate" in arguments:
        arguments["learning_rate"] = arguments.pop("learningRate")
    if unknown := arguments.keys() - {"learning_rate", "error", "meta"}:
        members = "it has learning_rate or learningRate, error, meta"
        raise ArgumentError(f"EpochData has no further {min(unknown)!r}; {members}")
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
        return repr(value) if math.isfinite(value) else f"float('{value!r}')"
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


TEXT = Format("text", read, render_epoch, join)
"""The learning-rate file of RETURNN."""
