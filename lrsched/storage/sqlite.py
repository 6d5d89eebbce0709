"""Storage in an SQLite database: many runs in one file, a save costs the same at any epoch, others may read along.

A connection lives for one load or one save. So nothing is open while the training runs, a fork inherits nothing, and
a save puts all into the one file, unless others have it open.
"""

import errno
import math
import os
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, final
from urllib.parse import quote

import attrs

from lrsched.core.epoch_data import EpochData
from lrsched.core.history import History
from lrsched.core.numbers import epoch_number
from lrsched.errors import ArgumentError, ConflictError, FormatError, MissingFileError, broken_law
from lrsched.formats.json import parse_value, render_value
from lrsched.storage import connection as database, disk
from lrsched.storage.disk import StrPath

DEFAULT_RUN = "default"

_MOST_SHOWN = 5


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
    `ConflictError`. Reading makes no file; it changes nothing, but that a save which a crash left half done is undone.

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
        self._file = disk.absolute(path)
        self.run = run
        self._seen: str | None = None  # the revision that was loaded or saved last
        self._attempted: set[str] = set()  # those of saves since then; it may be that one got through, and failed after
        self._known = History()  # what was stored then

    def __repr__(self) -> str:
        return f"SqliteStorage({os.fspath(self.path)!r}, run={self.run!r})"

    def __reduce__(self) -> Any:
        """Unpickled it has seen nothing yet, as the process that it is for."""
        return SqliteStorage, (self._file, self.run)

    def load(self) -> History:
        """See `Storage.load`. A database or run that is not there is the empty history."""
        found = database.read(self._file, lambda connection: _load(connection, self.run or DEFAULT_RUN, self.path))
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

        def look(connection: sqlite3.Connection) -> History | str:
            run = self.run or _the_only_run(connection, self.path) or DEFAULT_RUN
            found = _load(connection, run, self.path)
            names = _names(connection)
            return found[1] if found else f"no run {run!r:.80}" + (f"; it has {_shown(names)}" if names else "")

        found = database.read(self._file, look)
        if isinstance(found, History):
            return found
        raise MissingFileError(errno.ENOENT, found or "no such database", os.fspath(self.path))

    def named(self) -> "SqliteStorage":
        """The same with the run that `read` takes by name, so that it stays that one when others are added.

        Raises:
            ArgumentError: There are several runs, and none was named.
            FormatError: It is no database of lrsched, or damaged.
            StorageError: The machine could not read it.
        """
        run = self.run or database.read(self._file, lambda connection: _the_only_run(connection, self.path))
        return SqliteStorage(self._file, run)

    def runs(self) -> tuple[Run, ...]:
        """All runs of the database, by name.

        Raises:
            NotWrittenError: The database is not there, or is an empty file.
            FormatError: It is no database of lrsched, or damaged.
            StorageError: The machine could not read it.
        """
        found = database.read(self._file, lambda connection: tuple(Run(*row) for row in connection.execute(_RUNS)))
        if found is None:
            raise MissingFileError(errno.ENOENT, "no such database", os.fspath(self.path))
        return found

    def save(self, history: History, changed: Collection[int] | None = None) -> None:
        """See `Storage.save`. With ``changed`` it costs the same however many epochs there are."""
        if changed is None or self._seen is None:
            changed = [each for each in {*self._known, *history} if self._known.get(each) is not history.get(each)]
        epochs = {epoch_number("an epoch that changed", epoch) for epoch in changed}
        meta = _meta_rows(history, epochs)  # it may refuse something; nothing was touched then
        with database.writing(self._file) as connection:
            revision = self._store(connection, history, epochs, meta)
        self._seen, self._attempted, self._known = revision, set(), history

    def _store(self, connection: sqlite3.Connection, history: History, epochs: set[int], meta: "_MetaRows") -> str:
        """Put in what changed; the new revision."""
        name = self.run or DEFAULT_RUN
        row = connection.execute(_REVISION, (_bytes(name),)).fetchone()
        if row and row[1] not in {self._seen, *self._attempted}:
            what = f"run {name!r:.80} of {self.path} holds what this storage has neither loaded nor saved"
            raise ConflictError(f"{what}; load it first, or save to another run")
        revision = os.urandom(8).hex()
        self._attempted.add(revision)
        run = connection.execute(_SAVE_RUN, (_bytes(name), revision)).fetchone()[0]
        if row is None or row[1] != self._seen:  # there was none, or one of a save that seemed to fail
            epochs = {*history, *(epoch for (epoch,) in connection.execute(_STORED_EPOCHS, {"run": run}))}
            meta = _meta_rows(history, epochs)
        _replace(connection, run, {epoch: history.get(epoch) for epoch in sorted(epochs)}, meta)
        return revision


_REVISION = "SELECT id, revision FROM runs WHERE name = CAST(? AS TEXT)"

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
ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, saved_at = excluded.saved_at RETURNING id
"""

# There may be rows that somebody left when he removed a run.
_STORED_EPOCHS = """
SELECT epoch FROM epochs WHERE run_id = :run UNION
SELECT epoch FROM errors WHERE run_id = :run UNION
SELECT epoch FROM meta WHERE run_id = :run
"""

# A row that is only updated keeps what somebody else's tables refer to.
_SAVE_EPOCH = """
INSERT INTO epochs VALUES (?, ?, ?)
ON CONFLICT (run_id, epoch) DO UPDATE SET learning_rate = excluded.learning_rate
"""


def _replace(connection: sqlite3.Connection, run: int, new: dict[int, EpochData | None], meta: "_MetaRows") -> None:
    """Store other data of some epochs, or none."""

    def many(statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        connection.executemany(statement, ((run, *row) for row in rows))

    data = [(epoch, each) for epoch, each in new.items() if each is not None]
    many("DELETE FROM errors WHERE run_id = ? AND epoch = ?", ((epoch,) for epoch in new))
    many("DELETE FROM meta WHERE run_id = ? AND epoch = ?", ((epoch,) for epoch in new))
    many("DELETE FROM epochs WHERE run_id = ? AND epoch = ?", ((epoch,) for epoch in new if new[epoch] is None))
    many(_SAVE_EPOCH, ((epoch, each.learning_rate) for epoch, each in data))
    errors = ((epoch, _bytes(key), value) for epoch, each in data for key, value in each.error.items())
    many("INSERT INTO errors VALUES (?, ?, CAST(? AS TEXT), ?)", errors)
    many("INSERT INTO meta VALUES (?, ?, CAST(? AS TEXT), CAST(? AS TEXT))", meta)


def _bytes(text: str) -> bytes:
    """For ``CAST(? AS TEXT)``: so a text may have lone surrogates, which `sqlite3` itself refuses."""
    return text.encode("utf-8", "surrogatepass")


_MetaRows = list[tuple[int, bytes, bytes]]  # epoch, key, value


def _meta_rows(history: History, epochs: Collection[int]) -> _MetaRows:
    """The meta values of those of ``epochs`` that are in ``history``.

    Raises:
        ArgumentError: A database cannot hold one of them.
    """
    return [
        (epoch, _bytes(key), _bytes(render_value(value, f"meta[{key!r}] of epoch {epoch}")))
        for epoch in sorted(epochs)
        if epoch in history
        for key, value in history[epoch].meta.items()
    ]


def _load(connection: sqlite3.Connection, name: str, path: Path) -> tuple[str, History] | None:
    """The revision and the history of a run; None if there is none."""
    row = connection.execute(_REVISION, (_bytes(name),)).fetchone()
    if row is None:
        return None
    try:
        return row[1], _history(connection, row[0])
    except (FormatError, ArgumentError) as error:
        message = getattr(error, "message", str(error))
        raise FormatError(f"run {name!r}: {message}", filename=os.fspath(path)) from error


def _history(connection: sqlite3.Connection, run: int) -> History:
    errors: dict[int, dict[str, float]] = defaultdict(dict)
    for epoch, key, value in connection.execute("SELECT epoch, key, value FROM errors WHERE run_id = ?", (run,)):
        errors[epoch][key] = math.nan if value is None else value
    meta: dict[int, dict[str, Any]] = defaultdict(dict)
    for epoch, key, value in connection.execute("SELECT epoch, key, value FROM meta WHERE run_id = ?", (run,)):
        meta[epoch][key] = parse_value(value)
    epochs = {}
    for epoch, learning_rate in connection.execute("SELECT epoch, learning_rate FROM epochs WHERE run_id = ?", (run,)):
        error, more = errors.pop(epoch, {}), meta.pop(epoch, {})
        epochs[epoch] = EpochData(learning_rate=learning_rate, error=error, meta=more)
    for epoch in (*errors, *meta):  # somebody removed the epoch alone
        raise FormatError(f"there are errors or meta values of epoch {epoch!r}, but not the epoch")
    return History(epochs)


def location(path: Path, run: str) -> str:
    """The URL of a run.

    Examples:
        >>> location(Path("50%/runs.db"), "a b")
        'sqlite:///50%25/runs.db?run=a%20b'
    """
    return f"sqlite:///{quote(os.fsencode(path))}?run={quote(_bytes(run), safe='')}"


def _the_only_run(connection: sqlite3.Connection, path: Path) -> str | None:
    """The run to read where none is named; None if there is none at all."""
    names = _names(connection)
    if DEFAULT_RUN in names:
        return DEFAULT_RUN
    if len(names) > 1:
        hint = location(path, names[0])
        raise ArgumentError(f"which run is not known; {path} has {_shown(names)}; name one, as in {hint}")
    return names[0] if names else None


def _names(connection: sqlite3.Connection) -> list[str]:
    return [str(name) for (name,) in connection.execute("SELECT name FROM runs ORDER BY name")]


def _shown(names: list[str]) -> str:
    return ", ".join(f"{name!r:.80}" for name in names[:_MOST_SHOWN]) + (", ..." if len(names) > _MOST_SHOWN else "")
