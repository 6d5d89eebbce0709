"""Configuration files -> settings by key; files of tables. Nothing in a file is run, unless that is asked for."""

import json
import re
from collections.abc import Callable
from typing import Any

from lrsched.config.execution import run_config
from lrsched.config.settings import known_keys
from lrsched.core.epoch_data import persistent
from lrsched.errors import ArgumentError, FormatError


def parse_config(text: str, filename: str, *, execute: bool = False) -> dict[str, Any]:
    """The settings in a configuration file.

    Three forms are told apart: Python (the text starts with ``#!``, or the name ends in .py), JSON (it starts with
    ``{``; comments ``//`` and ``/* */`` are allowed), and lines ``key value`` with ``#`` comments, where every value is
    text.

    Args:
        text: The whole file.
        filename: Tells Python files, and is named in errors.
        execute: Run it if it is Python. Otherwise it is read without running anything.

    Returns:
        Key -> value. What a Python file says is worked out without running it; where that cannot be done, the value is
        the `FormatError` that tells why, to be raised by whoever needs it.

    Raises:
        FormatError: It is none of these; or running it raised an exception.

    Examples:
        >>> parse_config("learning_rate 0.1  # the first", "training.config")
        {'learning_rate': '0.1'}
        >>> parse_config('{"learning_rate": 0.1}', "training.config")
        {'learning_rate': 0.1}
    """
    if _is_python(text, filename):
        return run_config(text, filename) if execute else _parse_python(text, filename)
    return _parse_json(text, filename) if is_typed(text, filename) else _parse_lines(text, filename)


def _is_python(text: str, filename: str) -> bool:
    return text.lstrip().startswith("#!") or filename.endswith(".py")


def is_typed(text: str, filename: str) -> bool:
    """Whether the values of a configuration have types, as in Python and JSON, or are all text."""
    return _is_python(text, filename) or text.lstrip().startswith("{")


def _parse_python(text: str, filename: str) -> dict[str, Any]:
    from lrsched.config.python import Unknown, parse  # noqa: PLC0415  it takes long to import, and JSON needs none of it

    def told(key: str, why: Unknown) -> FormatError:
        message = f"{key} cannot be known without running the file: {why.reason}; --exec-config runs it"
        return FormatError(message, filename=filename, line=why.line)

    found = parse(text, filename)
    unset = [] if found.anything is None else known_keys() - found.names.keys()
    values = {**found.names, **dict.fromkeys(unset, found.anything)}
    return {key: told(key, value) if isinstance(value, Unknown) else value for key, value in values.items()}


_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def _parse_json(text: str, filename: str) -> dict[str, Any]:
    def blanked(match: re.Match[str]) -> str:
        found = match.group()
        return found if found.startswith('"') else "\n" * found.count("\n")

    return _parsed(_STRING_OR_COMMENT.sub(blanked, text), filename, "JSON", json.loads)


def _parsed(text: str, filename: str, kind: str, parse: Callable[[str], Any]) -> dict[str, Any]:
    try:
        return parse(text)  # type: ignore[no-any-return]  # a table: TOML, or JSON from a { on
    except (RecursionError, ValueError) as error:
        at = re.search(r"line (\d+)", str(error))
        line = int(at[1]) if at else 1 if kind == "JSON" else None
        raise FormatError(f"not {kind}: {getattr(error, 'msg', error)}", filename=filename, line=line) from error


def _parse_lines(text: str, filename: str) -> dict[str, Any]:
    config = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split(maxsplit=1)
        if len(words) == 1:
            raise FormatError(f"the setting {words[0]!r} has no value", filename=filename, line=number)
        if words:
            config[words[0]] = words[1].strip()
    return config


def parse_tables(text: str, filename: str = "<text>") -> dict[str, Any]:
    r"""The tables in a JSON or TOML file, as of a `lrsched.simulation.spaces.Space`.

    Args:
        text: The whole file. It is JSON if it starts with ``{``, else TOML.
        filename: Named in errors.

    Raises:
        FormatError: It is neither, or its values are nested too deep.

    Examples:
        >>> parse_tables("[grid]\nlearning_rate = [0.1, 0.01]")
        {'grid': {'learning_rate': [0.1, 0.01]}}
    """
    import tomllib  # noqa: PLC0415  it takes long to import

    is_json = text.lstrip().startswith("{")
    tables = _parsed(text, filename, *(("JSON", json.loads) if is_json else ("TOML", tomllib.loads)))
    try:
        persistent("the file", tables)  # plain values, nested but so deep
    except ArgumentError as error:
        raise FormatError(str(error), filename=filename) from error
    return tables
