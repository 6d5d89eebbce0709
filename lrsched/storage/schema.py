"""The tables of a database: what they are, how they are made, and whether these are ours."""

import os
import sqlite3
from pathlib import Path

from lrsched.errors import FormatError

VERSION = 1
"""Of the tables."""

APPLICATION_ID = 0x6C727363
"""The bytes ``lrsc``; tells our databases from others'."""

_TABLES = """\
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

_FOREIGN_SQL = """
SELECT type, name FROM sqlite_schema
WHERE type = 'trigger' OR type = 'view' AND lower(name) IN ('runs', 'epochs', 'errors', 'meta')
"""


def make(connection: sqlite3.Connection) -> None:
    """Make the tables, within the transaction that is under way."""
    for statement in _TABLES.split(";"):  # `executescript` would end the transaction
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def is_made(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the tables are there; if not, the database is empty.

    Raises:
        FormatError: It is no database of lrsched, or of a newer one; or it would run SQL of its own.
    """
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == version == 0 and not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        return False
    if application != APPLICATION_ID or version < 1:
        raise FormatError("this database is not one of lrsched", filename=os.fspath(path))
    if version > VERSION:
        message = f"the database has version {version}, this lrsched knows up to {VERSION}; use a newer one"
        raise FormatError(message, filename=os.fspath(path))
    for kind, name in connection.execute(_FOREIGN_SQL):
        raise FormatError(f"the {kind} {name!r} would run SQL that is not lrsched's; drop it", filename=os.fspath(path))
    return True
