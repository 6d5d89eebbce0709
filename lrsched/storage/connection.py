"""Connections to a database: reading beside writers, writing in one transaction, and what SQLite's errors mean."""

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from lrsched.errors import FormatError, LrschedError, StorageError
from lrsched.storage import disk, schema

_OLDEST_SQLITE = (3, 37, 0)  # STRICT
_QUIET = 0.02  # a file that was last written so many seconds ago would get another time if it were written now
_ATTEMPTS = 5

Found = TypeVar("Found")

_ALONE, _BESIDE_WRITERS, _UNDOING, _WRITING = "mode=ro&immutable=1", "mode=ro", "mode=rw", "mode=rwc"


def read(path: Path, question: Callable[[sqlite3.Connection], Found]) -> Found | None:
    """What ``question`` finds in a database as it is at one moment; None if there is no database.

    Where nobody has a database open, SQLite would make files beside it to read it: they stay, the one who trains may
    have no right to write them, and a folder that cannot be written has no place for them. So it is read as a file that
    does not change, and read again if it did. Where somebody has it open for longer than a save takes, SQLite reads
    beside that process.

    Raises:
        FormatError: It is no database of lrsched, or is damaged.
        StorageError: The machine could not read it.
    """
    for _ in range(_ATTEMPTS):
        state, mode = disk.state(path), _mode(path)
        if state is None:
            return None
        if mode == _BESIDE_WRITERS or 0 <= time.time() - state[-1] / 1e9 < _QUIET:
            time.sleep(_QUIET)  # a save takes a moment only
            continue
        found, fault = None, None
        try:
            found = _ask(path, question, mode)
        except LrschedError as error:
            fault = error
        if (state, mode) == (disk.state(path), _mode(path)):
            if fault:
                raise fault
            return found
    return _ask(path, question, _BESIDE_WRITERS)


def _mode(path: Path) -> str:
    """How to read a database: that depends on what those who write it have beside it at present."""
    real = os.path.realpath(path)
    for suffix, mode in (("-journal", _UNDOING), ("-wal", _BESIDE_WRITERS)):
        with contextlib.suppress(OSError):
            if Path(real + suffix).stat().st_size:
                return mode
    return _ALONE


def _ask(path: Path, question: Callable[[sqlite3.Connection], Found], mode: str) -> Found | None:
    with _connected(path, mode) as connection:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        return question(connection) if schema.is_made(connection, path) else None


@contextlib.contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction on a database, which is made if there is none.

    Raises:
        FormatError: It is no database of lrsched, or is damaged.
        StorageError: The machine could not write it.
    """
    disk.state(path)
    with _connected(path, _WRITING) as connection:
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        try:
            if not schema.is_made(connection, path):
                schema.make(connection)
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        with contextlib.suppress(sqlite3.OperationalError):  # others have it open; the next save does it
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA wal_checkpoint")  # a copy of the one file should have all, whoever reads


@contextlib.contextmanager
def _connected(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """A connection; SQLite's exceptions become ours."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise LrschedError(f"databases need SQLite 3.37, this Python has {sqlite3.sqlite_version}; use a JSON file")
    url = f"file://{quote(os.fsencode(path))}?{mode}"
    try:
        with contextlib.closing(
            sqlite3.connect(url, uri=True, isolation_level=None, timeout=disk.LONGEST_WAIT)
        ) as connection:
            connection.text_factory = lambda data: data.decode("utf-8", "surrogatepass")
            connection.execute("PRAGMA trusted_schema = OFF")
            yield connection
    except UnicodeDecodeError as error:
        raise FormatError("the database holds text that is not UTF-8", filename=os.fspath(path)) from error
    except sqlite3.Error as error:
        raise _meaning(error, path, is_writing=mode == _WRITING) from error


_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)  # the last: a table is not there
_ERRNO = {sqlite3.SQLITE_BUSY: errno.EBUSY, sqlite3.SQLITE_FULL: errno.ENOSPC}


def _meaning(error: sqlite3.Error, path: Path, *, is_writing: bool) -> LrschedError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF
    message = f"{error} ({getattr(error, 'sqlite_errorname', 'no code')})"
    if code in _DAMAGED:
        return FormatError(f"the database cannot be read: {message}", filename=os.fspath(path))
    try:
        disk.probe(path, writing=is_writing)  # the system says more clearly what is wrong
    except OSError as reason:
        return disk.storage_error(reason, path)
    return StorageError(_ERRNO.get(code, errno.EIO), message, os.fspath(path))
