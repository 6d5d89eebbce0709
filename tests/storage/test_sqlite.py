"""What only a database can get wrong."""

import contextlib
import importlib.util
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lrsched import (
    ArgumentError,
    ConflictError,
    EpochData,
    FormatError,
    History,
    LrschedError,
    NotWrittenError,
    SqliteStorage,
    StorageError,
    read,
)
from lrsched.storage import connection as database, sqlite

ONE = History({1: EpochData(learning_rate=0.1, error={"dev_score": 1.0})})
TWO = ONE.set(2, EpochData(learning_rate=0.05))
DATABASES = Path(__file__).parent / "databases"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


def _rows(path, question):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchall()


# ---- runs


def test_runs_are_told_apart_and_listed(path):
    SqliteStorage(path, "b").save(ONE)
    SqliteStorage(path, "a").save(TWO)
    SqliteStorage(path).save(History())
    runs = SqliteStorage(path).runs()
    assert [(run.name, run.num_epochs, run.last_finished_epoch, run.learning_rate) for run in runs] == [
        ("a", 2, 1, 0.05),
        ("b", 1, 1, 0.1),
        ("default", 0, 0, None),
    ]
    assert all(len(run.saved_at) == len("2026-11-24 08:15:30") for run in runs)


def test_who_reads_need_not_name_the_only_run(path):
    SqliteStorage(path, "a").save(ONE)
    assert read(path) == ONE
    assert SqliteStorage(path).load() == History()  # a training that names none has one of its own
    SqliteStorage(path, "b").save(TWO)
    with pytest.raises(ArgumentError, match=r"has 'a', 'b'; name one, as in sqlite:///.*runs.db\?run=a"):
        read(path)
    SqliteStorage(path).save(TWO)
    assert read(path) == TWO


@pytest.mark.parametrize("name", ["a b", "x&y=1", "50%", "größe", "a+b", "a#b", "?", "a/b", "\ud800"])
def test_the_url_that_is_proposed_opens_the_run(name, tmp_path):
    db = tmp_path / "50%41 of?" / "runs.db"
    db.parent.mkdir()
    SqliteStorage(db, name).save(ONE)
    SqliteStorage(db, f"{name}2").save(TWO)
    with pytest.raises(ArgumentError) as refused:
        read(db)
    assert read(str(refused.value).rsplit("as in ", 1)[1]) == ONE


def test_what_is_not_there_is_told(path):
    for where in (path, f"sqlite:///{path}?run=a"):
        with pytest.raises(NotWrittenError, match="no such database"):
            read(where)
    with pytest.raises(NotWrittenError, match="no such database"):
        SqliteStorage(path).runs()
    assert not path.exists()
    SqliteStorage(path, "a").save(ONE)
    with pytest.raises(NotWrittenError, match="no run 'b'"):
        read(f"sqlite:///{path}?run=b")
    path.write_bytes(b"")
    assert SqliteStorage(path).load() == History()
    for use in (read, lambda path: SqliteStorage(path).runs()):
        with pytest.raises(NotWrittenError, match="no such database"):
            use(path)


@pytest.mark.parametrize("run", ["", 3, b"a"])
def test_a_run_has_a_name(path, run):
    with pytest.raises(ArgumentError, match="run must be a text with at least one character"):
        SqliteStorage(path, run)


def test_a_run_that_another_removed_is_written_anew(path):
    storage = SqliteStorage(path)
    storage.save(ONE)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM runs")
    storage.save(TWO, {2})
    assert read(path) == TWO
    path.unlink()
    storage.save(TWO, {2})
    assert read(path) == TWO


@pytest.mark.parametrize("tables", [["runs"], ["runs", "epochs"]])
def test_what_a_removed_run_left_does_not_turn_up_in_another(tables, path):
    """The sqlite3 shell does not follow foreign keys unless it is told to, and numbers are given again."""
    longer = TWO.set(7, EpochData(error={"x": 3.0})).set(8, EpochData(meta={"gpu": "a"}))
    SqliteStorage(path, "a").save(longer)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for table in tables:
            connection.execute(f"DELETE FROM {table}")
    SqliteStorage(path, "b").save(ONE)
    assert SqliteStorage(path, "b").load() == ONE


def test_a_run_that_was_read_by_no_name_keeps_it(path):
    assert SqliteStorage(path).named().run is None
    SqliteStorage(path, "a").save(ONE)
    named = SqliteStorage(path).named()
    SqliteStorage(path).save(TWO)
    assert (named.run, named.read(), SqliteStorage(path).named().run) == ("a", ONE, "default")


def test_another_database_of_the_same_name_is_not_taken_for_the_one_that_was_loaded(path, tmp_path):
    storage = SqliteStorage(path)
    storage.save(ONE)
    SqliteStorage(tmp_path / "other.db").save(TWO)
    (tmp_path / "other.db").replace(path)
    with pytest.raises(ConflictError):
        storage.save(ONE)
    assert read(path) == TWO


# ---- a save


def test_a_save_touches_what_changed_and_nothing_else(path):
    storage = SqliteStorage(path)
    storage.save(TWO)
    before = path.read_bytes()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        told = storage.save(TWO.set(3, EpochData(error={"a": 1.0})), {3})
        assert told is None
        assert connection.execute("SELECT epoch, key, value FROM errors").fetchall() == [
            (1, "dev_score", 1.0),
            (3, "a", 1.0),
        ]
    assert path.read_bytes() != before


def test_what_others_keep_beside_an_epoch_stays_when_it_is_saved_again(path):
    storage = SqliteStorage(path)
    storage.save(TWO)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for table, action in (("notes", ""), ("more_notes", "ON DELETE CASCADE")):
            key = f"FOREIGN KEY (run, epoch) REFERENCES epochs (run_id, epoch) {action}"
            connection.execute(f"CREATE TABLE {table} (run, epoch, {key})")
            connection.execute(f"INSERT INTO {table} VALUES (1, 2)")
    longer = TWO.set(2, EpochData(learning_rate=0.25, error={"a": 1.0}))
    storage.save(longer, {2})
    assert read(path) == longer
    assert _rows(path, "SELECT * FROM notes UNION ALL SELECT * FROM more_notes") == [(1, 2), (1, 2)]


@pytest.mark.parametrize("changed", [{"a"}, {0}, {1.5}, {2**63}])
def test_what_is_no_epoch_did_not_change(path, changed):
    storage = SqliteStorage(path)
    storage.save(ONE)
    with pytest.raises(ArgumentError, match="an epoch that changed must be an integer"):
        storage.save(TWO, changed)
    assert read(path) == ONE


@pytest.fixture
def failing_save(monkeypatch):
    """Saves, and fails: just behind the commit, as when it is the disk that fails there, or before it."""
    store = SqliteStorage._store

    def save(storage, *arguments, committed=True):
        def store_and_fail(self, connection, *rest):
            store(self, connection, *rest)
            if committed:
                connection.execute("COMMIT")
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(SqliteStorage, "_store", store_and_fail)
            with pytest.raises(StorageError, match="disk I/O error"):
                storage.save(*arguments)

    return save


def test_a_commit_whose_end_was_not_seen_is_no_conflict(path, failing_save):
    """Who saves again does not take his own save for another's."""
    storage = SqliteStorage(path)
    storage.save(ONE)
    for number in (2, 3):
        failing_save(storage, TWO.set(number, EpochData(learning_rate=0.25)), {2, number})
    storage.save(TWO, {2, 3})
    assert read(path) == TWO


def test_of_several_saves_that_failed_any_may_have_got_through(path, failing_save):
    storage = SqliteStorage(path)
    storage.save(ONE)
    failing_save(storage, TWO, {2})
    failing_save(storage, TWO, {2}, committed=False)
    storage.save(TWO, {2})
    assert read(path) == TWO


@pytest.mark.parametrize("told", [{2}, None])
def test_what_a_save_that_seemed_to_fail_stored_is_replaced_as_a_whole(told, path, failing_save):
    storage = SqliteStorage(path)
    storage.save(ONE)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        key = "FOREIGN KEY (run, epoch) REFERENCES epochs (run_id, epoch)"
        connection.execute(f"CREATE TABLE notes (run, epoch, {key})")
        connection.execute("INSERT INTO notes VALUES (1, 1)")
    failing_save(storage, ONE.set(3, EpochData(learning_rate=0.25)), {3})
    assert list(read(path)) == [1, 3]
    storage.save(TWO, told)  # {2} is all that differs from what was last saved through it
    assert read(path) == TWO
    assert _rows(path, "SELECT * FROM notes") == [(1, 1)]


def test_only_the_epochs_that_changed_are_written(path, monkeypatch):
    written, meta_rows = [], sqlite._meta_rows

    def recorded(history, epochs):
        written.append(set(epochs))
        return meta_rows(history, epochs)

    monkeypatch.setattr(sqlite, "_meta_rows", recorded)
    storage = SqliteStorage(path)
    storage.save(TWO)
    storage.save(TWO.set(3, ONE[1]), {3})
    storage.save(TWO.set(3, ONE[1]).set(2, ONE[1]))
    storage.save(ONE)
    assert written == [{1, 2}, {1, 2}, {3}, {2}, {2, 3}]  # the first time also for what an earlier run left


def test_the_time_of_the_last_save_is_told(path):
    storage = SqliteStorage(path)
    storage.save(ONE)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE runs SET saved_at = '2000-01-01 00:00:00'")
    storage.save(TWO)
    assert storage.runs()[0].saved_at > "2020"


def test_the_database_of_another_program_is_left_as_it_is(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE x (a)")
    before = path.read_bytes()
    with pytest.raises(FormatError, match="this database is not one of lrsched"):
        SqliteStorage(path).save(ONE)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["runs.db"]


def test_every_connection_is_set_up(path, monkeypatch):
    found, load, store = [], sqlite._load, SqliteStorage._store

    def look(connection):
        pragmas = ("trusted_schema", "foreign_keys", "synchronous", "query_only")
        found.append([connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas])

    monkeypatch.setattr(sqlite, "_load", lambda connection, *rest: (look(connection), load(connection, *rest))[1])
    monkeypatch.setattr(
        SqliteStorage, "_store", lambda self, connection, *rest: (look(connection), store(self, connection, *rest))[1]
    )
    SqliteStorage(path).save(ONE)
    read(path)
    _killed(path, "INSERT INTO epochs VALUES (1, 2, 0.05)")
    read(path)
    assert found == [[0, 1, 3, 0], [0, 0, 2, 1], [0, 0, 2, 1]]


# ---- reading while others are at it


SAVE_ONCE_MORE = """
import sys
from lrsched import EpochData, SqliteStorage
storage = SqliteStorage(sys.argv[1], "b")
history = storage.load()
storage.save(history.set(len(history) + 1, EpochData(learning_rate=0.1)))
"""


def test_reading_drops_no_locks_of_other_connections_of_the_process(path):
    """POSIX does so when any descriptor of the file is closed; another process would take the log away then."""
    SqliteStorage(path, "b").save(ONE)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("SELECT count(*) FROM epochs").fetchone() == (1,)
        for number in range(2, 5):
            assert len(read(path)) == number - 1
            subprocess.run([sys.executable, "-c", SAVE_ONCE_MORE, path], check=True)
            assert (path.parent / "runs.db-wal").exists()
            assert connection.execute("SELECT count(*) FROM epochs").fetchone() == (number,)
    assert os.listdir(path.parent) == ["runs.db"]


def test_what_is_mostly_in_the_log_is_read(path):
    """The database itself is small while somebody keeps the log from being put into it."""
    storage = SqliteStorage(path)
    storage.save(ONE)
    history = History({epoch: EpochData(error={"dev_score": 1.0}) for epoch in range(1, 20_000)})
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM epochs").fetchone() == (1,)
        storage.save(history)
        assert path.stat().st_size < 10**5
        assert read(path) == history


HALF_DONE = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("PRAGMA cache_spill = 1")
for statement in sys.argv[2:]:
    connection.execute(statement)
os.kill(os.getpid(), signal.SIGKILL)
"""


def _killed(path, *statements):
    done = subprocess.run([sys.executable, "-c", HALF_DONE, path, *statements], check=False)
    assert done.returncode == -9


def test_what_a_killed_writer_committed_is_read_from_the_log_and_nothing_is_changed(path):
    SqliteStorage(path).save(ONE)
    _killed(path, "INSERT INTO epochs VALUES (1, 2, 0.05)", "BEGIN", "DELETE FROM epochs")
    before = {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent) if "shm" not in name}
    assert set(before) == {"runs.db", "runs.db-wal"}
    assert read(path) == TWO
    (path.parent / "runs.db-shm").unlink()
    assert read(path) == TWO
    assert {name: (path.parent / name).read_bytes() for name in before} == before
    storage = SqliteStorage(path)
    assert storage.load() == TWO
    storage.save(TWO.set(3, EpochData()), {3})
    assert os.listdir(path.parent) == ["runs.db"]


def test_what_a_killed_writer_left_half_done_in_another_journal_is_undone(path):
    """As when it dies while it makes the database."""
    SqliteStorage(path).save(History(dict.fromkeys(range(1, 500), ONE[1])))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    _killed(path, "BEGIN IMMEDIATE", "DELETE FROM errors", "DELETE FROM epochs")
    assert "runs.db-journal" in os.listdir(path.parent)
    assert len(read(path)) == 499
    SqliteStorage(path, "b").save(ONE)
    assert len(read(f"sqlite:///{path}?run=default")) == 499


@pytest.mark.parametrize("journal", ["WAL", "DELETE", "TRUNCATE", "PERSIST"])
def test_what_another_has_not_committed_is_not_read(path, journal):
    """In whatever journal a program keeps what it may have to undo; in the log also what its cache does not hold."""
    storage = SqliteStorage(path)
    history = History(dict.fromkeys(range(1, 3000), ONE[1]))
    storage.save(history)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute(f"PRAGMA journal_mode = {journal}")
        writer.execute(f"PRAGMA cache_size = {2 if journal == 'WAL' else 1000}")
        for end in ("ROLLBACK", "COMMIT"):
            writer.execute("BEGIN")
            writer.execute("UPDATE epochs SET learning_rate = 9.0")
            writer.execute("UPDATE errors SET value = 5.0")
            assert read(path) == history
            writer.execute(end)
        assert {data.learning_rate for data in read(path).values()} == {9.0}
    assert {data.learning_rate for data in read(path).values()} == {9.0}


@pytest.mark.parametrize("is_used", [False, True])
def test_who_has_no_right_to_write_reads(is_used, path):
    """By root as well, who may do everything: it runs without capabilities."""
    SqliteStorage(path).save(TWO)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        if is_used:
            writer.execute("INSERT INTO epochs VALUES (1, 3, 0.05)")  # in the log now
        for each in path.parent.iterdir():
            each.chmod(0o444)
        path.parent.chmod(0o555)
        before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
        code = "import sys, lrsched; print(len(lrsched.read(sys.argv[1])))"
        command = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", sys.executable, "-c", code, path]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        finally:
            path.parent.chmod(0o755)
        assert (done.stdout, done.stderr) == (f"{3 if is_used else 2}\n", "")
        assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before


def test_a_database_that_changes_at_every_look_is_read_as_those_who_write_see_it(path, monkeypatch):
    storage = SqliteStorage(path)
    storage.save(ONE)
    load, modes, ask = sqlite._load, [], database._ask

    def load_while_another_saves(connection, *rest):
        found = load(connection, *rest)
        storage.save(ONE.set(2, EpochData(learning_rate=float(len(modes)))), {2})
        return found

    def recorded(path, question, mode):
        modes.append(mode)
        return ask(path, question, mode)

    monkeypatch.setattr(database, "_QUIET", 0.0)
    monkeypatch.setattr(database, "_ask", recorded)
    monkeypatch.setattr(sqlite, "_load", load_while_another_saves)
    assert read(path)[2].learning_rate == 5.0
    assert modes == [*[database._ALONE] * 5, database._BESIDE_WRITERS]


def test_a_database_that_changes_while_it_is_read_is_read_again(path, monkeypatch):
    storage = SqliteStorage(path)
    storage.save(ONE)
    load, calls = sqlite._load, []

    def load_while_another_saves(connection, *rest):
        found = load(connection, *rest)
        if not calls:
            calls.append(1)
            storage.save(TWO, {2})
        return found

    monkeypatch.setattr(sqlite, "_load", load_while_another_saves)
    assert read(path) == TWO


def test_a_database_that_was_written_at_this_moment_is_read_a_moment_later(path, monkeypatch):
    SqliteStorage(path).save(ONE)
    written = path.stat().st_mtime_ns / 1e9
    now, asked, ask = [written + 0.001], [], database._ask

    def sleep(seconds):
        now[0] += seconds

    def ask_later(*rest):
        asked.append(now[0] - written)
        return ask(*rest)

    monkeypatch.setattr(database, "time", SimpleNamespace(time=lambda: now[0], sleep=sleep))
    monkeypatch.setattr(database, "_ask", ask_later)
    assert read(path) == ONE
    assert min(asked) > 0.019


def test_a_save_into_the_log_while_a_database_is_read_makes_it_be_read_again(path, monkeypatch):
    SqliteStorage(path).save(ONE)
    load = sqlite._load
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:

        def load_while_another_saves(connection, *rest):
            found = load(connection, *rest)
            writer.execute("INSERT OR IGNORE INTO epochs VALUES (1, 2, 0.05)")
            return found

        monkeypatch.setattr(sqlite, "_load", load_while_another_saves)
        assert read(path) == TWO


def test_the_log_of_a_database_is_read_through_a_link(path, tmp_path):
    SqliteStorage(path).save(ONE)
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to(path)
    _killed(path, "INSERT INTO epochs VALUES (1, 2, 0.05)")
    assert read(link) == TWO


def test_sqlite_may_be_too_old(path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(LrschedError, match=r"need SQLite 3\.37, .* use a JSON file"):
        SqliteStorage(path).save(ONE)


# ---- versions


def _history_of_the_examples():
    spec = importlib.util.spec_from_file_location("make", DATABASES / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.HISTORY


def test_a_database_of_an_earlier_lrsched_is_read_and_saved(path):
    shutil.copy(DATABASES / "version_1.db", path)
    before = path.read_bytes()
    history = _history_of_the_examples()
    storage = SqliteStorage(path, "a")
    assert storage.load() == history
    assert [run.name for run in storage.runs()] == ["a", "b"]
    assert path.read_bytes() == before
    longer = history.set(8, EpochData(learning_rate=0.5))
    storage.save(longer, {8})
    assert SqliteStorage(path, "a").load() == longer
