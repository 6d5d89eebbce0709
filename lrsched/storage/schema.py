"""The tables of a database and their versions: what they are, how they are made, and whether these are ours."""

import contextlib
import os
import sqlite3
from functools import cache
from pathlib import Path

from lrsched.errors import FormatError

APPLICATION_ID = 0x6C727363
"""The bytes ``lrsc``; tells our databases from others'."""

_VERSION_1 = """\
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  revision TEXT NOT NULL, -- another one after every save
  saved_at TEXT NOT NULL -- UTC
) STRICT;

CREATE TABLE epochs (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  learning_rate ANY CHECK (typeof(learning_rate) IN ('real', 'null')), -- NULL: unknown
  PRIMARY KEY (run_id, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE errors (
  run_id INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  key TEXT NOT NULL,
  value ANY CHECK (typeof(value) IN ('real', 'integer', 'null')), -- NULL: NaN
  PRIMARY KEY (run_id, epoch, key),
  FOREIGN KEY (run_id, epoch) REFERENCES epochs (run_id, epoch) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
  run_id INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL, -- JSON, see the schema of the JSON file
  PRIMARY KEY (run_id, epoch, key),
  FOREIGN KEY (run_id, epoch) REFERENCES epochs (run_id, epoch) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE VIEW history AS
  SELECT runs.name AS run, epochs.epoch, epochs.learning_rate, errors.key, errors.value
  FROM runs
  JOIN epochs ON epochs.run_id = runs.id
  LEFT JOIN errors ON errors.run_id = epochs.run_id AND errors.epoch = epochs.epoch
  ORDER BY runs.name, epochs.epoch, errors.key;
"""
# The columns of type ANY keep numbers as they are; of type REAL they would turn -0.0 into 0.0 and 3 into 3.0.

MIGRATIONS = (_VERSION_1,)
"""What makes version 1 of an empty database, version 2 of version 1, and so on. What was released stays as it is.

No statement has a semicolon inside.
"""

_SMALLEST_PAGE = 512


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a database of a version up to date, within the transaction that is under way."""
    for statement in ";".join(MIGRATIONS[version:]).split(";"):
        connection.execute(statement)  # `executescript` would end the transaction
    if version < len(MIGRATIONS):
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def checked_version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the schema; 0 if there is none yet.

    Raises:
        FormatError: It is no database of lrsched, or of a newer one; or its tables have triggers or the like.
    """
    filename = os.fspath(path)
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if connection.execute("PRAGMA encoding").fetchone()[0] != "UTF-8":
        raise FormatError("the database has its text not in UTF-8", filename=filename)
    found = _schema(connection)
    if (version, application) == (0, 0) and not found:
        if 0 < path.stat().st_size < _SMALLEST_PAGE:
            raise FormatError("this is no database", filename=filename)
        return 0
    if application != APPLICATION_ID or version < 1:
        raise FormatError("this database is not one of lrsched", filename=filename)
    if version > len(MIGRATIONS):
        message = f"the database has version {version}, this lrsched knows up to {len(MIGRATIONS)}; use a newer one"
        raise FormatError(message, filename=filename)
    right = _made_by(MIGRATIONS[:version])
    ours = {name for _, name, _, _ in right}
    # SQLite tells no case apart. A trigger on somebody's own table may be set off by a change of ours.
    concerning = {entry for entry in found if entry[0] == "trigger" or not ours.isdisjoint(map(str.lower, entry[1:3]))}
    wrong = concerning ^ right
    if wrong:
        kind, name, *_ = min(wrong)
        raise FormatError(f"the {kind} {name!r} is not as lrsched made it", filename=filename)
    return version


_Entry = tuple[str, str, str, str]  # type, name, name of the table, SQL


def _schema(connection: sqlite3.Connection) -> set[_Entry]:
    rows = connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema")
    return {tuple(map(str, row)) for row in rows}  # type: ignore[misc]  # of four


@cache
def _made_by(migrations: tuple[str, ...]) -> set[_Entry]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(";".join(migrations))
        return _schema(connection)
