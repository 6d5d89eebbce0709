"""Configuration files on the disk."""

import os
from typing import Any

from lrsched.config.files import parse_config, parse_tables
from lrsched.storage import disk
from lrsched.storage.disk import StrPath


def read_config(path: StrPath, *, execute: bool = False) -> dict[str, Any]:
    """The settings in a configuration file, for `schedule_from_config`.

    Args:
        path: The file, in one of the forms that `lrsched.config.files.parse_config` tells apart.
        execute: Run it if it is a Python file. Otherwise it is read without running anything.

    Raises:
        FormatError: It is no configuration; says the line. Or running it raised an exception.
        StorageError: It is not there, or the machine could not read it.
    """
    return parse_config(read_text(path), os.fspath(path), execute=execute)


def read_tables(path: StrPath) -> dict[str, Any]:
    """The tables in a JSON or TOML file, see `lrsched.config.files.parse_tables`.

    Raises:
        FormatError: It is neither.
        StorageError: It is not there, or the machine could not read it.
    """
    return parse_tables(read_text(path), os.fspath(path))


def read_text(path: StrPath) -> str:
    """The text of a file in UTF-8.

    Raises:
        FormatError: It is not UTF-8.
        MissingFileError: It is not there.
        StorageError: The machine could not read it.
    """
    text, fault = disk.decoded(disk.read_bytes(path), path)
    if fault:
        raise fault
    return text
