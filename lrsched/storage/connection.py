"""Connections to a database: reading that changes nothing, writing in one transaction, and what SQLite's errors mean.

But for a descriptor that stays open, a database is opened here through SQLite only. For when a process closes any
descriptor of a file, POSIX drops all its locks of that file, and so those of its other connections.
"""

import contextlib
import errno
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import attrs

from lrsched.errors import FormatError, LrschedError, MissingFileError, StorageError
from lrsched.storage import disk, schema

LONGEST_TEXT = 10**7
"""How many bytes a value of a database has at most; more is an attack."""

_OLDEST_SQLITE = (3, 37, 0)  # STRICT
_QUIET = 0.02  # a file that was last written so many seconds ago would get another time if it were written now
_ATTEMPTS = 3
_MOST_STEPS = 10**7  # of SQLite's machine, to read a database, and so many more for each of its bytes
_MOST_STEPS_A_BYTE = 10
_STEPS_AT_ONCE = 10**5
_CREDIBLE = 2**25  # so many bytes it may have for all that its blocks on the disk say,
_MOST_TIMES = 20  # or so many times as many as they have

Found = TypeVar("Found")
_Question = Callable[[sqlite3.Connection], Found]

# ---- reading

_UNUSED = "mode=ro&immutable=1"
_COPY = "mode=rw"


def read(path: Path, question: _Question[Found]) -> Found | None:
    """What ``question`` finds in a database as it is at one moment; None if there is no database.

    Even SQLite's own way of opening for reading puts files beside a database, and undoes what a crash left half done.
    So if nobody has it open, it is read as a file that does not change, and read again if it did; else a copy is read.

    Raises:
        FormatError: It is no database of lrsched, or is damaged.
        StorageError: The machine could not read it.
    """
    for _ in range(_ATTEMPTS):
        before = _moment(path)
        if before is None:
            return None
        if before.is_used:
            break
        if before.too_new > 0:
            time.sleep(before.too_new)
            continue
        found, fault = None, None
        try:
            found = _ask(path, question, path, _UNUSED)
        except LrschedError as error:
            fault = error
        if before == _moment(path):
            if fault:
                raise fault
            return found
    with _translated(path, writing=False), tempfile.TemporaryDirectory(prefix="lrsched-") as folder:
        copy, copies = Path(folder) / "copy", _snapshot(path)
        for suffix, content in copies.items():
            copy.with_name(copy.name + suffix).write_bytes(content)
        return _ask(copy, question, path, _COPY, sum(map(len, copies.values())))


def _size(path: Path) -> int:
    """How many bytes a database may have: its length is no measure where it has holes, nor its blocks if compressed."""
    found = path.stat()
    return min(found.st_size, max(_CREDIBLE, _MOST_TIMES * 512 * found.st_blocks))


@attrs.frozen
class _Moment:
    """What stays the same as long as nobody writes to the database itself, nor begins its log anew.

    Attributes:
        state: Of the database.
        log: How the log begins, which is written there with every save and put into the database later.
        journal: How the journal begins, of which a database is restored that somebody left half written.
        too_new: For how many seconds a write could still leave the same time as the last one; 0 if it could not.
    """

    state: disk.State
    log: bytes
    journal: bytes
    too_new: float = attrs.field(eq=False)

    @property
    def is_used(self) -> bool:
        """Whether the database alone does not tell what is stored."""
        return bool(self.log or self.journal.strip(b"\0"))


def _moment(path: Path) -> _Moment | None:
    """The present one; None if there is no database."""
    state = disk.state(path)
    if state is None:
        return None
    wait = state[-1] / 1e9 + _QUIET - time.time()
    too_new = wait if 0 < wait <= _QUIET else 0.0  # where it is larger, the clock was put back
    return _Moment(state, disk.beginning(_log(path)), disk.beginning(_journal(path)), too_new)


def _log(path: Path) -> Path:
    return Path(os.path.realpath(path) + "-wal")


def _journal(path: Path) -> Path:
    return Path(os.path.realpath(path) + "-journal")


def _snapshot(path: Path) -> dict[str, bytes]:
    """A database with its log and journal, by suffix, which together tell what was stored at one moment.

    They do if only the log grew meanwhile, or if they are the same when they are copied once more: while a database is
    written, its log or journal has all that is needed to complete or undo that, and every save makes it another one.
    """
    last: dict[str, bytes] = {}
    deadline = time.monotonic() + disk.LONGEST_WAIT
    while time.monotonic() < deadline:
        before = _moment(path)
        copies = {"": _content(path)}
        for suffix, beside in (("-wal", _log(path)), ("-journal", _journal(path))):
            with contextlib.suppress(MissingFileError):
                copies[suffix] = disk.read_bytes(beside)
        if copies == last or (before is not None and not before.too_new and before == _moment(path)):
            _check_journal(copies.get("-journal", b""), path)
            return copies
        last = copies
    raise StorageError(errno.EBUSY, f"it changed all the time for {disk.LONGEST_WAIT:g} seconds", os.fspath(path))


_DESCRIPTORS: dict[tuple[int, int], int] = {}
"""Of the databases that were copied, by device and inode. Each stays open as long as its database has a name."""


def _content(path: Path) -> bytes:
    """The bytes of a database."""
    found = path.stat()
    descriptor = _DESCRIPTORS.get((found.st_dev, found.st_ino))
    if descriptor is None:
        for key, other in list(_DESCRIPTORS.items()):
            with contextlib.suppress(KeyError, OSError):  # another thread does the same
                if not os.fstat(other).st_nlink:
                    os.close(_DESCRIPTORS.pop(key))
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        found = os.fstat(descriptor)
        _DESCRIPTORS[found.st_dev, found.st_ino] = descriptor
    size = os.fstat(descriptor).st_size
    if size > disk.LARGEST:
        message = f"it has more than {disk.LARGEST} bytes, and is not copied; read it when nobody has it open"
        raise StorageError(errno.EFBIG, message, os.fspath(path))
    return os.pread(descriptor, size, 0)


_JOURNAL_OF_SEVERAL = bytes.fromhex("d9d505f920a163d7")


def _check_journal(journal: bytes, path: Path) -> None:
    """Refuse a journal that names other files. SQLite would delete them, and lrsched makes none such."""
    if journal.endswith(_JOURNAL_OF_SEVERAL):
        raise FormatError("the journal of the database names other files", filename=os.fspath(path))


def _ask(database: Path, question: _Question[Found], path: Path, mode: str, size: int | None = None) -> Found | None:
    """What ``question`` finds in ``database``, which is ``path`` or its copy; ``size``: in bytes, with its log."""
    with (
        _connected(database, path, mode) as connection,
        _limited(connection, path, _size(database) if size is None else size),
    ):
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        version = schema.checked_version(connection, path)
        if version == 0:
            return None
        if version == len(schema.MIGRATIONS):
            return question(connection)
        with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as current:
            connection.backup(current)
            current.text_factory = connection.text_factory
            schema.migrate(current, version)
            return question(current)


# ---- writing


@contextlib.contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction on a database of the current version, which is made if there is none.

    Raises:
        FormatError: It is no database of lrsched, or is damaged.
        StorageError: The machine could not write it.
    """
    disk.state(path)
    disk.beginning(_log(path))  # SQLite would not say what is wrong if it is no file
    if disk.beginning(_journal(path)):
        with contextlib.suppress(MissingFileError):
            _check_journal(disk.read_bytes(_journal(path)), path)
    with _connected(path, path, "mode=rwc") as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("BEGIN")  # what is looked at belongs to one moment
            schema.checked_version(connection, path)
            connection.execute("COMMIT")
            _use_log(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            schema.migrate(connection, schema.checked_version(connection, path))
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def _use_log(connection: sqlite3.Connection) -> None:
    """Switch a database to WAL. SQLite itself does not wait for others who are about to do the same."""
    deadline = time.monotonic() + disk.LONGEST_WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


# ---- both


@contextlib.contextmanager
def _connected(database: Path, path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise LrschedError(f"databases need SQLite 3.37, this Python has {sqlite3.sqlite_version}; use a JSON file")
    real = os.path.realpath(database)
    is_writing = mode == "mode=rwc"
    with _translated(path, writing=is_writing):
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(real))}?{mode}", uri=True, isolation_level=None, timeout=disk.LONGEST_WAIT
        )
        with contextlib.closing(connection):
            connection.text_factory = _text
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_TEXT)
            connection.execute("PRAGMA trusted_schema = OFF")
            yield connection


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


@contextlib.contextmanager
def _limited(connection: sqlite3.Connection, path: Path, size: int) -> Iterator[None]:
    """End what a database of ``size`` bytes cannot take to read, or cannot hold: its pages lead in circles."""
    steps = iter(range((_MOST_STEPS + _MOST_STEPS_A_BYTE * size) // _STEPS_AT_ONCE))
    left = LONGEST_TEXT + size

    def text(data: bytes) -> str:
        nonlocal left
        left -= len(data)
        if left < 0:
            raise FormatError("the database has more text than its size allows", filename=os.fspath(path))
        return _text(data)

    connection.text_factory = text
    connection.set_progress_handler(lambda: next(steps, None) is None, _STEPS_AT_ONCE)
    try:
        yield
    except sqlite3.OperationalError as error:
        # Ctrl-C is noticed in the handler, where `sqlite3` takes what is raised for a wish to stop, and forgets it.
        if _code(error) == sqlite3.SQLITE_INTERRUPT and next(steps, None) is not None:
            raise KeyboardInterrupt from None
        raise


# ---- what the machine and SQLite say

_ERRNO = {
    sqlite3.SQLITE_BUSY: errno.EBUSY,
    sqlite3.SQLITE_LOCKED: errno.EBUSY,
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
}
_DAMAGED = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_INTERRUPT,  # see `_limited`
)


def _code(error: BaseException | None) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


@contextlib.contextmanager
def _translated(path: Path, *, writing: bool) -> Iterator[None]:
    """Turns SQLite's exceptions into ours."""
    try:
        with disk.memory_for(path):
            yield
    except LrschedError:
        raise
    except UnicodeDecodeError as error:
        raise FormatError("the database holds text that is not UTF-8", filename=os.fspath(path)) from error
    except sqlite3.Error as error:
        raise _meaning(error, path, writing=writing) from error
    except (OSError, ValueError) as error:
        raise disk.storage_error(error, path) from error


def _meaning(error: sqlite3.Error, path: Path, *, writing: bool) -> LrschedError:
    code = _code(error)
    message = f"{error} ({getattr(error, 'sqlite_errorname', 'no code')})"
    if code in _DAMAGED:
        return FormatError(f"the database cannot be read: {message}", filename=os.fspath(path))
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR):
        try:
            disk.probe(path, writing=writing)  # the system says more clearly what is wrong
        except OSError as reason:
            return disk.storage_error(reason, path)
    return disk.storage_error(OSError(_ERRNO.get(code, errno.EIO), message), path)
