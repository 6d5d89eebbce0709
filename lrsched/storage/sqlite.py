"""Storage in an SQLite database: many runs in one file, a save costs the same at any epoch, others may read along.

A connection lives for one load or one save. So nothing is open while the training runs, a fork inherits nothing, and
the last one to leave puts all into the one file.
"""

import contextlib
import errno
import math
import os
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from operator import index
from pathlib import Path
from typing import Any, TypeVar, final
from urllib.parse import quote

import attrs

from lrsched.core.epoch_data import EpochData
from lrsched.core.history import History
from lrsched.errors import (
    ArgumentError,
    ConflictError,
    FormatError,
    LrschedError,
    MissingFileError,
    StorageError,
    broken_law,
)
from lrsched.formats.json import parse_value, render_value
from lrsched.storage import disk, schema
from lrsched.storage.disk import StrPath

DEFAULT_RUN = "default"

_LONGEST_TEXT = 10**7  # of a single value; more is an attack
_OLDEST_SQLITE = (3, 37, 0)  # STRICT
_MOST_SHOWN = 5
_QUIET = 0.02  # a file that was last written so many seconds ago would get another time if it were written now
_ATTEMPTS = 10
_MOST_STEPS = 10**7  # of SQLite's machine, to read a database, and so many more for each of its bytes
_MOST_STEPS_A_BYTE = 10
_STEPS_AT_ONCE = 10**5

Found = TypeVar("Found")


@final
@attrs.frozen
class Run:
    """What a database knows of one of its runs.

    Attributes:
        name: Its name.
        num_epochs: How many epochs it has.
        last_finished_epoch: The newest of them with errors, 0 if there is none.
        learning_rate: The newest rate; None if none is known.
        saved_at: When it was last saved, in UTC, as ``2026-11-24 08:15:30``.
    """

    name: str
    num_epochs: int
    last_finished_epoch: int
    learning_rate: float | None
    saved_at: str


@final
class SqliteStorage:
    """Keeps a history in an SQLite database, beside those of other runs.

    A save is one transaction, synced to the disk. Others may read all the time, with lrsched, the ``sqlite3`` shell or
    pandas; several may save at the same time, to the same run as well: who has not seen the other's save gets a
    `ConflictError`. Reading never writes, and creates nothing.

    Args:
        path: The database; it need not be there yet, its folder must.
        run: The run's name, any text but the empty one. None: "default"; to read, the only run if it is another one.

    Raises:
        ArgumentError: The name is none.

    Examples:
        >>> storage = SqliteStorage("runs.db", run="a")
        >>> storage.load()  # and runs.db is still not there
        History({})
    """

    def __init__(self, path: StrPath, run: str | None = None) -> None:
        if run is not None and (not isinstance(run, str) or not run):
            raise broken_law("run", "a text with at least one character", run, "name the run, as in run=a")
        self.path = Path(path)
        self.run = run
        self._seen: str | None = None  # the revision that was loaded or saved last
        self._attempted: set[str] = set()  # those of saves since then; it may be that one got through, and failed after
        self._known = History()  # what was stored then

    def __repr__(self) -> str:
        return f"SqliteStorage({os.fspath(self.path)!r}, run={self.run!r})"

    def __reduce__(self) -> Any:
        """Unpickled it has seen nothing yet, as the process that it is for."""
        return SqliteStorage, (self.path, self.run)

    def load(self) -> History:
        """See `Storage.load`. A database or run that is not there is the empty history."""
        found = _read(self.path, lambda connection: _load(connection, self.run or DEFAULT_RUN, self.path))
        self._seen, self._known = found or (None, History())
        self._attempted = set()
        return self._known

    def read(self) -> History:
        """The history for somebody who only reads: what is not there yet is an error.

        Raises:
            NotWrittenError: The database or the run is not there.
            ArgumentError: There are several runs, and none was named.
            FormatError: It is no database of lrsched, or damaged.
            StorageError: The machine could not read it.
        """

        def load(connection: sqlite3.Connection) -> tuple[str, History] | None:
            return _load(connection, self.run or _the_only_run(connection, self.path), self.path)

        found = _read(self.path, load)
        if found is None:
            what = "no such database" if disk.state(self.path) is None else f"no run {self.run or DEFAULT_RUN!r} in"
            raise MissingFileError(errno.ENOENT, what, os.fspath(self.path))
        return found[1]

    def runs(self) -> tuple[Run, ...]:
        """All runs of the database, by name.

        Raises:
            NotWrittenError: The database is not there.
            FormatError: It is no database of lrsched, or damaged.
            StorageError: The machine could not read it.
        """
        found = _read(self.path, lambda connection: tuple(_run(row, self.path) for row in connection.execute(_RUNS)))
        if found is None and disk.state(self.path) is None:
            raise MissingFileError(errno.ENOENT, "no such database", os.fspath(self.path))
        return found or ()

    def save(self, history: History, changed: Collection[int] | None = None) -> None:
        """See `Storage.save`. With ``changed`` it costs the same however many epochs there are."""
        new = disk.state(self.path) is None
        with _writing(self.path) as connection:
            revision = self._store(connection, history, changed)
        self._seen, self._attempted, self._known = revision, set(), history
        if new:
            with _translated(self.path):
                disk.sync_folder(Path(os.path.realpath(self.path)).parent)

    def _store(self, connection: sqlite3.Connection, history: History, changed: Collection[int] | None) -> str:
        """Put ``history`` in; the new revision."""
        name = _bytes(self.run or DEFAULT_RUN)
        row = connection.execute("SELECT id, revision FROM runs WHERE name = CAST(? AS TEXT)", (name,)).fetchone()
        if row and (row[1] is None or row[1] not in {self._seen, *self._attempted}):
            raise ConflictError(
                f"run {self.run or DEFAULT_RUN!r} of {self.path} holds what this storage has neither loaded nor saved; "
                "load it first, or save to another run"
            )
        revision = os.urandom(8).hex()
        self._attempted.add(revision)
        if row and row[1] == self._seen:
            epochs = set(_difference(self._known, history) if changed is None else map(index, changed))
        else:  # there is none, or one of a save that seemed to fail
            connection.execute("DELETE FROM runs WHERE name = CAST(? AS TEXT)", (name,))
            epochs = set(history)
        run = connection.execute(_SAVE_RUN, (name, revision)).fetchone()[0]
        connection.executemany("DELETE FROM epochs WHERE run_id = ? AND epoch = ?", ((run, epoch) for epoch in epochs))
        for epoch in sorted(epochs):
            if epoch in history:
                _insert(connection, run, epoch, history[epoch])
        return revision


_RUNS = """
SELECT
  name,
  (SELECT count(*) FROM epochs WHERE run_id = id),
  (SELECT coalesce(max(epoch), 0) FROM errors WHERE run_id = id),
  (SELECT learning_rate FROM epochs WHERE run_id = id AND learning_rate IS NOT NULL ORDER BY epoch DESC LIMIT 1),
  saved_at
FROM runs ORDER BY name
"""

_SAVE_RUN = """
INSERT INTO runs (name, revision, saved_at) VALUES (CAST(? AS TEXT), ?, strftime('%Y-%m-%d %H:%M:%S', 'now'))
ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, saved_at = excluded.saved_at
RETURNING id
"""


def _run(row: tuple[Any, ...], path: Path) -> Run:
    kinds: tuple[Any, ...] = (str, int, int, (float, type(None)), str)
    if not all(isinstance(value, kind) for value, kind in zip(row, kinds, strict=True)):
        raise FormatError(f"a run is described by {row!r:.80}", filename=os.fspath(path))
    return Run(*row)


def _difference(old: History, new: History) -> Iterator[int]:
    yield from (epoch for epoch, data in new.items() if old.get(epoch) is not data)
    yield from (epoch for epoch in old if epoch not in new)


def _bytes(text: str) -> bytes:
    """For ``CAST(? AS TEXT)``: so a text may have lone surrogates, which `sqlite3` itself refuses."""
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded) > _LONGEST_TEXT // 2:
        raise broken_law("a text", f"at most {_LONGEST_TEXT // 2} bytes in a database", text, "shorten it")
    return encoded


def _insert(connection: sqlite3.Connection, run: int, epoch: int, data: EpochData) -> None:
    connection.execute("INSERT INTO epochs VALUES (?, ?, ?)", (run, epoch, data.learning_rate))
    errors = ((run, epoch, _bytes(key), value) for key, value in data.error.items())
    connection.executemany("INSERT INTO errors VALUES (?, ?, CAST(? AS TEXT), ?)", errors)
    meta = (
        (run, epoch, _bytes(key), _bytes(render_value(value, f"meta[{key!r}]"))) for key, value in data.meta.items()
    )
    connection.executemany("INSERT INTO meta VALUES (?, ?, CAST(? AS TEXT), CAST(? AS TEXT))", meta)


def _load(connection: sqlite3.Connection, name: str, path: Path) -> tuple[str, History] | None:
    """The revision and the history of a run; None if there is none."""
    query = "SELECT id, revision FROM runs WHERE name = CAST(? AS TEXT)"
    row = connection.execute(query, (_bytes(name),)).fetchone()
    if row is None:
        return None
    run, revision = row
    try:
        return revision, _history(connection, run)
    except (FormatError, ArgumentError) as error:
        message = getattr(error, "message", str(error))
        raise FormatError(f"run {name!r}: {message}", filename=os.fspath(path)) from error


def _history(connection: sqlite3.Connection, run: int) -> History:
    errors: dict[int, dict[str, float]] = defaultdict(dict)
    for epoch, key, value in connection.execute("SELECT epoch, key, value FROM errors WHERE run_id = ?", (run,)):
        errors[epoch][key] = math.nan if value is None else value
    meta: dict[int, dict[str, Any]] = defaultdict(dict)
    for epoch, key, value in connection.execute("SELECT epoch, key, value FROM meta WHERE run_id = ?", (run,)):
        if type(value) is not str:
            raise FormatError(f"meta[{key!r}] of epoch {epoch!r} is no text")
        meta[epoch][key] = parse_value(value)
    rates = "SELECT epoch, learning_rate FROM epochs WHERE run_id = ? ORDER BY epoch"
    history = History(
        {
            epoch: EpochData(learning_rate=learning_rate, error=errors.pop(epoch, {}), meta=meta.pop(epoch, {}))
            for epoch, learning_rate in connection.execute(rates, (run,))
        }
    )
    if errors or meta:
        raise FormatError(f"there are errors or meta values of epoch {min({**errors, **meta})!r}, but not the epoch")
    return history


def _the_only_run(connection: sqlite3.Connection, path: Path) -> str:
    names = [str(name) for (name,) in connection.execute("SELECT name FROM runs ORDER BY name")]
    if DEFAULT_RUN in names or not names:
        return DEFAULT_RUN
    if len(names) == 1:
        return names[0]
    shown = ", ".join(map(repr, names[:_MOST_SHOWN])) + (", ..." if len(names) > _MOST_SHOWN else "")
    hint = f"sqlite:///{quote(os.fsencode(path))}?run={quote(_bytes(names[0]), safe='')}"
    raise ArgumentError(f"which run is not known; {path} has {shown}; name one, as in {hint}")


# ---- connections


def _read(path: Path, question: Callable[[sqlite3.Connection], Found]) -> Found | None:
    """What ``question`` finds in a database as it is at one moment; None if there is no database.

    Even SQLite's own way of opening for reading puts files beside a database, and undoes what a crash left half done.
    So if nobody has it open, it is read as a file that does not change, and read again if it did; else a copy is read.
    """
    for _ in range(_ATTEMPTS):
        before = disk.state(path)
        if before is None:
            return None
        if _is_open(path):
            break
        wait = before[-1] / 1e9 + _QUIET - time.time()
        if 0 < wait <= _QUIET:
            time.sleep(wait)
            continue
        # Without a log, there are locks to honour; then nothing is put beside it either.
        mode = "mode=ro&immutable=1" if _has_log(path) else "mode=ro"
        found, fault = None, None
        try:
            found = _ask(path, question, path, mode)
        except LrschedError as error:
            fault = error
        if before == disk.state(path) and not _is_open(path):
            if fault:
                raise fault
            return found
    with _translated(path, writing=False), tempfile.TemporaryDirectory(prefix="lrsched-") as folder:
        copy = Path(folder) / "copy"
        for suffix, content in _snapshot(path).items():
            copy.with_name(copy.name + suffix).write_bytes(content)
        return _ask(copy, question, path, "mode=rw")


def _is_open(path: Path) -> bool:
    """Whether somebody has saved and not put it into the database yet, or died while he was at it."""
    real = os.path.realpath(path)
    with contextlib.suppress(OSError):
        if Path(real + "-wal").stat().st_size:
            return True
    return os.path.lexists(real + "-journal")


def _has_log(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(20)[18:] == b"\2\2"
    return False


def _snapshot(path: Path) -> dict[str, bytes]:
    """A database and its journals, by suffix, as they were at one moment.

    They were if they are the same when they are read once more: while a database is written, its journal has all that
    is needed to complete or undo that, and every save makes it another one.
    """
    last: dict[str, bytes] = {}
    deadline = time.monotonic() + disk.LONGEST_WAIT
    while time.monotonic() < deadline:
        now = {}
        for suffix in _SUFFIXES:
            with contextlib.suppress(MissingFileError):
                now[suffix] = disk.read_bytes(os.path.realpath(path) + suffix)
        if now == last and "" in now:
            _check_journal(now.get("-journal", b""), path)
            return now
        last = now
    raise StorageError(errno.EBUSY, f"it changed all the time for {disk.LONGEST_WAIT:g} seconds", os.fspath(path))


_SUFFIXES = ("", "-wal", "-journal")
_JOURNAL_OF_SEVERAL = bytes.fromhex("d9d505f920a163d7")


def _check_journal(journal: bytes, path: Path) -> None:
    """Refuse a journal that names other files. SQLite would delete them, and lrsched makes none such."""
    if journal.endswith(_JOURNAL_OF_SEVERAL):
        raise FormatError("the journal of the database names other files", filename=os.fspath(path))


def _ask(database: Path, question: Callable[[sqlite3.Connection], Found], path: Path, mode: str) -> Found | None:
    """What ``question`` finds in ``database``, which is ``path`` or its copy."""
    with _connected(database, path, mode) as connection:
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


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction on a database of the current version, which is made if there is none."""
    with contextlib.suppress(MissingFileError):
        _check_journal(disk.read_bytes(os.path.realpath(path) + "-journal"), path)
    with _connected(path, path, "mode=rwc") as connection:
        connection.execute("PRAGMA synchronous = FULL")
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
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


@contextlib.contextmanager
def _connected(database: Path, path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise LrschedError(f"databases need SQLite 3.37, this Python has {sqlite3.sqlite_version}; use a JSON file")
    real = os.path.realpath(database)
    writing = mode == "mode=rwc"
    with _translated(path, writing=writing):
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(real))}?{mode}", uri=True, isolation_level=None, timeout=disk.LONGEST_WAIT
        )
        with contextlib.closing(connection):
            connection.text_factory = lambda data: data.decode("utf-8", "surrogatepass")
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_TEXT)
            if not writing:
                _limit_work(connection, Path(real).stat().st_size)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA foreign_keys = ON")
            yield connection


def _limit_work(connection: sqlite3.Connection, size: int) -> None:
    """End what takes longer than a database of that size can: its pages lead in circles."""
    left = iter(range(_MOST_STEPS // _STEPS_AT_ONCE + _MOST_STEPS_A_BYTE * size // _STEPS_AT_ONCE))
    connection.set_progress_handler(lambda: next(left, None) is None, _STEPS_AT_ONCE)


# ---- what the machine and SQLite say

_ERRNO = {
    sqlite3.SQLITE_BUSY: errno.EBUSY,
    sqlite3.SQLITE_LOCKED: errno.EBUSY,
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_AUTH: errno.EACCES,
}
_DAMAGED = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_INTERRUPT,  # see `_limit_work`
)


@contextlib.contextmanager
def _translated(path: Path, *, writing: bool = True) -> Iterator[None]:
    """Turns SQLite's exceptions into ours."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise FormatError("the database holds text that is not UTF-8", filename=os.fspath(path)) from error
    except sqlite3.Error as error:
        raise _meaning(error, path, writing=writing) from error
    except (OSError, ValueError) as error:
        if isinstance(error, LrschedError):
            raise
        raise disk.storage_error(error, path) from error


def _meaning(error: sqlite3.Error, path: Path, *, writing: bool) -> LrschedError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    message = f"{error} ({getattr(error, 'sqlite_errorname', 'no code')})"
    if code in _DAMAGED:
        return FormatError(f"the database cannot be read: {message}", filename=os.fspath(path))
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR):
        try:
            disk.probe(path, writing=writing)  # the system says more clearly what is wrong
        except OSError as reason:
            return disk.storage_error(reason, path)
    return disk.storage_error(OSError(_ERRNO.get(code, errno.EIO), message), path)
