"""Configuration files -> settings by key; files of tables. Nothing in a file is run, unless that is asked for."""

import json
import re
import warnings
from collections.abc import Callable
from typing import Any

from lrsched.config.execution import run_config
from lrsched.config.settings import known_keys
from lrsched.core.epoch_data import persistent
from lrsched.errors import ArgumentError, FormatError, SettingWarning


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
        Key -> value. A Python file is followed without running it; where a value is not known, it is the `FormatError`
        that says why, to be raised by whoever needs it.

    Raises:
        FormatError: The text has none of the three forms; or running it raised an exception.

    Warns:
        SettingWarning: No schedule reads any of the keys; or a Python file that is not run has code that may change the
            settings, other than the assignments that are followed.

    Examples:
        >>> parse_config("learning_rate 0.1  # the first", "training.config")
        {'learning_rate': '0.1'}
        >>> parse_config('{"learning_rate": 0.1}', "training.config")
        {'learning_rate': 0.1}
    """
    doubt = None
    if not _is_python(text, filename):
        config = _parse_json(text, filename) if is_typed(text, filename) else _parse_lines(text, filename)
    elif execute:
        config = run_config(text, filename)
    else:
        from lrsched.config.python import parse  # noqa: PLC0415  JSON needs none of it

        names, doubt = parse(text, filename, known_keys().__contains__)
        config = {
            key: _not_known(key, value) if isinstance(value, FormatError) else value for key, value in names.items()
        }
    if doubt is not None:
        message = f"{doubt}; the settings count as the file assigns them, --exec-config runs the file"
        warnings.warn(message, SettingWarning, stacklevel=2)
    elif known_keys().isdisjoint(config):
        warnings.warn(_without_settings(text, filename), SettingWarning, stacklevel=2)
    return config


def _not_known(key: str, why: FormatError) -> FormatError:
    message = f"{key} is not known without running the file: {why.message}; --exec-config runs it"
    return FormatError(message, filename=why.filename, line=why.line)


def _without_settings(text: str, filename: str) -> str:
    message = f"{filename} sets no key that a schedule reads, such as learning_rate, so the defaults count"
    anywhere = re.compile(rf"\b({'|'.join(known_keys())})\b")
    for number, line in enumerate(text.splitlines(), start=1):
        if found := anywhere.search(line):
            return f"{message}; line {number} has {found[1]}, but inside a dict, a function or a comment"
    return message


def _is_python(text: str, filename: str) -> bool:
    return text.lstrip().startswith("#!") or filename.endswith(".py")


def is_typed(text: str, filename: str) -> bool:
    """Whether the values of a configuration have types, as in Python and JSON, or are all text."""
    return _is_python(text, filename) or text.lstrip().startswith("{")


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
