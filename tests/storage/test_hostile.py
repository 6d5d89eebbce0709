"""Files and databases that are not what they should be: refused, or read as what they are, and never run."""

import contextlib
import os
import random
import sqlite3
from pathlib import Path

import pytest

from lrsched import ConflictError, EpochData, FormatError, History, LrschedError, SqliteStorage, StorageError, read

ONE = History({1: EpochData(learning_rate=0.1, error={"dev_score": 1.0})})
MANY = 10**6 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 10**4
JSON = '{"format": "lrsched history", "version": 1, "epochs": [\n%s\n]}\n'


def _json(epochs):
    return JSON.replace("%s", epochs)


def _same_hash(number):
    """Integers of which a dict costs the square of their number."""
    return [str((1 + n) * (2**61 - 1)) for n in range(number)]


def _text_keys():
    return "{1: EpochData(learningRate=0.1, error={\n" + "".join(f"'k{n}': 0.5,\n" for n in range(MANY)) + "})}\n"


def _text_epochs():
    return "{\n" + "".join(f"{n}: EpochData(learningRate=0.1, error={{}}),\n" for n in range(1, MANY + 1)) + "}\n"


def _json_keys():
    return _json('{"epoch": 1, "error": {' + ", ".join(f'"k{n}": 0.5' for n in range(MANY)) + "}}")


def _json_epochs():
    return _json(",\n".join(f'{{"epoch": {n}, "learning_rate": 0.1}}' for n in range(1, MANY + 1)))


TEXTS = {
    "calls": ("learning_rates", lambda: "{1: EpochData(learningRate=__import__('os').system('touch hit'))}", "refused"),
    "attributes": ("learning_rates", lambda: "{1: EpochData.__class__(learningRate=0.1)}", "refused"),
    "deep": ("learning_rates", lambda: "{1: EpochData(error={':meta:a': " + "[" * MANY, "refused"),
    "deep signs": ("learning_rates", lambda: "{1: EpochData(learningRate=" + "-+" * MANY, "refused"),
    "digits": ("learning_rates", lambda: "{1: EpochData(learningRate=" + "9" * MANY, "refused"),
    "an escape that never ends": ("learning_rates", lambda: "{1: EpochData(error={'" + "\\'" * MANY, "refused"),
    "brackets": ("learning_rates", lambda: "{1: EpochData(error={':meta:a': [" + "[]," * MANY + "]})}", "read"),
    "keys": ("learning_rates", _text_keys, f"read: 1 epochs, {MANY} errors"),
    "epochs": ("learning_rates", _text_epochs, f"read: {MANY} epochs"),
    "zeros": ("learning_rates", lambda: "\0" * MANY, "refused"),
    "epochs of one hash": (
        "learning_rates",
        lambda: "{" + "".join(f"{n}: EpochData(learningRate=0.1, error={{}})," for n in _same_hash(30_000)) + "}",
        "refused",
    ),
    "json: deep": ("run.json", lambda: _json('{"epoch": 1, "meta": {"a": ' + "[" * MANY), "refused"),
    "json: deep objects": ("run.json", lambda: '{"format":' * MANY, "refused"),
    "json: deep tags": (
        "run.json",
        lambda: _json('{"epoch": 1, "meta": {"a": ' + '{"$tuple": [' * 400 + "]}" * 400 + "}}"),
        "refused",
    ),
    "json: digits": ("run.json", lambda: _json('{"epoch": ' + "9" * MANY + "}"), "refused"),
    "json: a huge number": ("run.json", lambda: _json('{"epoch": 1, "error": {"a": 1e999}}'), "refused"),
    "json: a huge rate": ("run.json", lambda: _json('{"epoch": 1, "learning_rate": 1e999}'), "refused"),
    "json: NaN": ("run.json", lambda: _json('{"epoch": 1, "error": {"a": NaN}}'), "refused"),
    "json: twins": ("run.json", lambda: _json('{"epoch": 1, "error": {"a": 1, "a": 2}}'), "refused"),
    "json: keys": ("run.json", _json_keys, f"read: 1 epochs, {MANY} errors"),
    "json: epochs": ("run.json", _json_epochs, f"read: {MANY} epochs"),
    "json: a late twin": (
        "run.json",
        lambda: _json(
            '{"epoch": 1, "error": {' + "".join(f'"k{n}": 1,' for n in range(MANY)) + f'"k{MANY - 1}": 1}}}}'
        ),
        "refused",
    ),
    "json: epochs of one hash": (
        "run.json",
        lambda: _json(",".join(f'{{"epoch": {1 + n * (2**61 - 1)}}}' for n in range(30_000))),
        "refused",
    ),
    "json: many twins": ("run.json", lambda: _json('{"epoch": 1, "error": {' + '"a": 1,' * MANY + "}}"), "refused"),
}


def _outcome(path):
    """What comes of reading it, as a text."""
    try:
        history = read(path)
    except LrschedError as error:
        return f"refused: {type(error).__name__}: {error}"
    return f"read: {len(history)} epochs, {max(len(data.error) for data in history.values())} errors"


@pytest.mark.parametrize("case", TEXTS)
def test_a_hostile_file_is_refused_or_read_as_it_is(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, content, expected = TEXTS[case]
    path = tmp_path / name
    path.write_text(content())
    outcome = _outcome(path)
    assert outcome.startswith(expected), outcome
    if expected == "refused":
        assert f"{name}:" in outcome
    assert os.listdir(tmp_path) == [name]


# ---- databases


@pytest.fixture
def database(tmp_path):
    """A database of ours; what runs in it is given to the function."""
    path = tmp_path / "runs.db"
    SqliteStorage(path).save(ONE)

    def attack(*statements):
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            for statement in statements:
                connection.execute(statement)
        return str(path)

    return attack


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 1, i, 0.1 FROM n"
WRITE_SCHEMA = ["PRAGMA writable_schema = ON", "PRAGMA ignore_check_constraints = ON"]
ALL = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT"

DATABASES = {
    "a trigger": (
        ["CREATE TRIGGER t AFTER INSERT ON epochs BEGIN DELETE FROM epochs; END"],
        "refused: FormatError: the trigger 't' would run SQL that is not lrsched's; drop it",
    ),
    "a trigger that a foreign key sets off": (
        [
            "CREATE TABLE x (r, e, FOREIGN KEY (r, e) REFERENCES epochs (run_id, epoch) ON DELETE CASCADE)",
            "CREATE TRIGGER t AFTER DELETE ON x BEGIN UPDATE epochs SET learning_rate = 9.0; END",
        ],
        "refused: FormatError: the trigger 't' would run SQL that is not lrsched's; drop it",
    ),
    "a view in place of a table": (
        ["DROP VIEW history", "DROP TABLE epochs", f"CREATE VIEW epochs (run_id, epoch, learning_rate) AS {ENDLESS}"],
        "refused: FormatError: the view 'epochs' would run SQL that is not lrsched's; drop it",
    ),
    "a table that is not there": (
        ["DROP TABLE meta"],
        "refused: FormatError: the database cannot be read: no such table: meta",
    ),
    "an index of one's own": (["CREATE INDEX i ON epochs (abs(epoch))"], "read: 1 epochs, 1 errors"),
    "one's own view is let alone": ([f"CREATE VIEW mine AS {ENDLESS}"], "read: 1 epochs, 1 errors"),
    "another program's": (["PRAGMA application_id = 7"], "refused: FormatError: this database is not one of lrsched"),
    "a newer one": (["PRAGMA user_version = 99"], "refused: FormatError: the database has version 99"),
    "an older one that is none": (["PRAGMA user_version = 0"], "refused: FormatError: this database is not one"),
    "an error without its epoch": (
        ["INSERT INTO errors VALUES (1, 7, 'a', 1.0)"],
        "refused: FormatError: run 'default': there are errors or meta values of epoch 7, but not the epoch",
    ),
    "an epoch of 0": (
        ["PRAGMA ignore_check_constraints = ON", "INSERT INTO epochs VALUES (1, 0, 0.1)"],
        "refused: FormatError: run 'default': epoch must be an integer >= 1, got 0",
    ),
    "a rate that is text": (
        ["PRAGMA ignore_check_constraints = ON", "INSERT INTO epochs VALUES (1, 2, 'fast')"],
        "refused: FormatError: run 'default': learning_rate must be a finite number >= 0, got 'fast'",
    ),
    "an infinite rate": (["INSERT INTO epochs VALUES (1, 2, 9e999)"], "refused: FormatError: run 'default': learning_"),
    "meta that is no JSON": (
        ["INSERT INTO meta VALUES (1, 1, 'a', '__import__(1)')"],
        "refused: FormatError: run 'default': expecting value",
    ),
    "meta that is deep": (
        [f"INSERT INTO meta VALUES (1, 1, 'a', '{'[' * 100_000}')"],
        "refused: FormatError: run 'default': nested too deep",
    ),
    "text that is none": (
        ["INSERT INTO errors VALUES (1, 1, CAST(x'fffe' AS TEXT), 1.0)"],
        "refused: FormatError: the database holds text that is not UTF-8",
    ),
    "many lists": (
        ["INSERT INTO meta SELECT 1, 1, 'a', '[' || replace(hex(zeroblob(15000)), '00', '[],') || '1]'"],
        "read: 1 epochs, 1 errors",
    ),
    "many errors": (
        [f"INSERT INTO errors {ALL % MANY} 1, 1, 'k' || i, 0.5 FROM n"],
        f"read: 1 epochs, {MANY + 1} errors",
    ),
    "many epochs": (
        [f"INSERT INTO epochs {ALL % MANY} 1, i + 1, 0.1 FROM n"],
        f"read: {MANY + 1} epochs",
    ),
    "many runs": (
        [f"INSERT INTO runs {ALL % MANY} i + 1, 'r' || i, 'x', 'y' FROM n"],
        "read: 1 epochs, 1 errors",
    ),
}


@pytest.mark.parametrize("case", DATABASES)
def test_a_hostile_database_is_refused_or_read_as_it_is(case, database):
    statements, expected = DATABASES[case]
    path = database(*statements)
    before = Path(path).read_bytes()
    outcome = _outcome(path)
    assert outcome.startswith(expected), outcome
    assert Path(path).read_bytes() == before
    assert os.listdir(Path(path).parent) == ["runs.db"]


@pytest.mark.parametrize(
    "case",
    [
        "a trigger",
        "a trigger that a foreign key sets off",
        "another program's",
        "a newer one",
        "a view in place of a table",
    ],
)
def test_nothing_is_saved_to_a_database_that_is_not_as_we_made_it(case, database):
    path = database(*DATABASES[case][0])
    before = Path(path).read_bytes()
    with pytest.raises(FormatError):
        SqliteStorage(path).save(ONE)
    assert Path(path).read_bytes() == before


def test_a_damaged_database_is_refused_and_stays_as_it_is(tmp_path):
    path = tmp_path / "runs.db"
    SqliteStorage(path).save(History(dict.fromkeys(range(1, 2000), ONE[1])))
    content = path.read_bytes()
    for cut in (2, 50, 100, 5000, len(content) // 2, len(content) - 4096):
        path.write_bytes(content[:cut])
        for use in (read, lambda path: SqliteStorage(path).load(), lambda path: SqliteStorage(path).save(ONE)):
            with pytest.raises((FormatError, StorageError, ConflictError), match=r"runs\.db"):
                use(path)
        assert path.read_bytes() == content[:cut]
    for start in range(0, len(content), 4096):
        path.write_bytes(content[:start] + random.Random(start).randbytes(4096) + content[start + 4096 :])
        with contextlib.suppress(FormatError, StorageError):
            read(path)


NAMES = [
    "../../etc/passwd",
    "a/b",
    "'; DROP TABLE runs; --",
    '"',
    "%s",
    "a\nb",
    "\x1b[31m",
    "größe 🙂",
    " ",
    "\ud800",
    "a\0b",
]


def test_a_name_of_a_run_is_a_name_and_nothing_else(tmp_path):
    path = tmp_path / "runs.db"
    for number, name in enumerate(NAMES, start=1):
        SqliteStorage(path, name).save(History({number: ONE[1]}))
    for number, name in enumerate(NAMES, start=1):
        assert list(SqliteStorage(path, name).load()) == [number]
    assert {run.name for run in SqliteStorage(path).runs()} == set(NAMES)
    assert os.listdir(tmp_path) == ["runs.db"]
