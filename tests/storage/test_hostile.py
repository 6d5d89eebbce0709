"""Files and databases made to attack: refused, or read as what they are, within 1 GiB of memory and 10 seconds."""

import contextlib
import gzip
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from lrsched import ConflictError, EpochData, FormatError, History, SqliteStorage, StorageError, read
from lrsched.storage import connection as database_module

ONE = History({1: EpochData(learning_rate=0.1, error={"dev_score": 1.0})})
DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
MANY = 10**6
MANY_EPOCHS = MANY if DEEP else MANY // 10  # they take longer
JSON = '{"format": "lrsched history", "version": 1, "epochs": [\n%s\n]}\n'


def _json(epochs):
    return JSON.replace("%s", epochs)


def _same_hash(number):
    """Integers of which a dict costs the square of their number."""
    return [str((1 + n) * (2**61 - 1)) for n in range(number)]


def _text_keys():
    return "{1: EpochData(learningRate=0.1, error={\n" + "".join(f"'k{n}': 0.5,\n" for n in range(MANY)) + "})}\n"


def _text_epochs():
    return (
        "{\n" + "".join(f"{n}: EpochData(learningRate=0.1, error={{}}),\n" for n in range(1, MANY_EPOCHS + 1)) + "}\n"
    )


def _json_keys():
    return _json('{"epoch": 1, "error": {' + ", ".join(f'"k{n}": 0.5' for n in range(MANY)) + "}}")


def _json_epochs():
    return _json(",\n".join(f'{{"epoch": {n}, "learning_rate": 0.1}}' for n in range(1, MANY_EPOCHS + 1)))


TEXTS = {
    "calls": ("learning_rates", lambda: "{1: EpochData(learningRate=__import__('os').system('touch hit'))}", "refused"),
    "attributes": ("learning_rates", lambda: "{1: EpochData.__class__(learningRate=0.1)}", "refused"),
    "deep": ("learning_rates", lambda: "{1: EpochData(error={':meta:a': " + "[" * MANY, "refused"),
    "deep signs": ("learning_rates", lambda: "{1: EpochData(learningRate=" + "-+" * MANY, "refused"),
    "digits": ("learning_rates", lambda: "{1: EpochData(learningRate=" + "9" * MANY, "refused"),
    "an escape that never ends": ("learning_rates", lambda: "{1: EpochData(error={'" + "\\'" * MANY, "refused"),
    "brackets": ("learning_rates", lambda: "{1: EpochData(error={':meta:a': [" + "[]," * MANY_EPOCHS + "]})}", "read"),
    "keys": ("learning_rates", _text_keys, f"read: 1 epochs, {MANY} errors"),
    "epochs": ("learning_rates", _text_epochs, f"read: {MANY_EPOCHS} epochs"),
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
    "json: epochs": ("run.json", _json_epochs, f"read: {MANY_EPOCHS} epochs"),
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


def _read(where):
    program = [sys.executable, Path(__file__).parent / "hostile.py", where]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60, cwd=Path(where).parent)
    assert done.returncode == 0, done.stderr[-2000:]
    outcome, cost = done.stdout.splitlines()
    assert float(cost.split()[0]) < 10, (outcome, cost)
    return outcome


@pytest.mark.parametrize("case", TEXTS)
def test_a_hostile_file_is_refused_or_read_as_it_is(case, tmp_path):
    name, content, expected = TEXTS[case]
    path = tmp_path / name
    path.write_text(content())
    outcome = _read(str(path))
    assert outcome.startswith(expected), outcome
    if expected == "refused":
        assert f"{name}:" in outcome
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["learning_rates.gz", "run.json.gz"])
@pytest.mark.parametrize("piece", [b"\0", b"[],"])
def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(piece, name, tmp_path):
    path = tmp_path / name
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(128 if DEEP else 16):
            file.write(piece * (2**24 // len(piece)))
    assert "it unpacks to more than" in _read(str(path))


def test_what_follows_a_packed_file_costs_nothing(tmp_path):
    path = tmp_path / "run.json.gz"
    path.write_bytes(gzip.compress(b"{}") + b"x" * 10**7)
    assert "something follows after the end" in _read(str(path))


# ---- databases


def test_text_of_another_coding_is_refused_and_not_cut(tmp_path):
    path = tmp_path / "runs.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in ("PRAGMA encoding = 'UTF-16le'", "CREATE TABLE x (a)", "DROP TABLE x"):
            connection.execute(statement)
    for use in (lambda: SqliteStorage(path).load(), lambda: SqliteStorage(path).save(ONE)):
        with pytest.raises(FormatError, match="the database has its text not in UTF-8"):
            use()


LEVELS = 5


@pytest.mark.parametrize(("table", "what"), [("errors", "the error of epoch 1 'key"), ("epochs", "the epoch")])
def test_pages_that_lead_to_the_same_pages_come_to_an_end(table, what, tmp_path):
    """A small table whose pages name one another so often that it seems to have 10^10 rows and more."""
    path = tmp_path / "runs.db"
    errors = {f"key{key:06}": 1.0 for key in range(20_000)}
    epochs = {1: EpochData(error=errors), **dict.fromkeys(range(2, 20_000), EpochData(learning_rate=0.1))}
    SqliteStorage(path).save(History(epochs))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    pages = len(content) // size
    start = size * (root - 1)
    inner = content[start : start + size]
    leaf = int.from_bytes(inner[8:12], "big")

    def leading_to(child):
        page = bytearray(inner)
        number = int.from_bytes(page[3:5], "big")
        places = [int.from_bytes(page[at : at + 2], "big") for at in range(12, 12 + 2 * number, 2)]
        for at in (8, *places):
            page[at : at + 4] = child.to_bytes(4, "big")
        return page

    for level in range(1, LEVELS):
        content += leading_to(leaf if level == 1 else pages + level - 1)
    content[start : start + size] = leading_to(pages + LEVELS - 1)
    content[28:32] = (len(content) // size).to_bytes(4, "big")
    path.write_bytes(content)
    assert re.match(rf"refused: FormatError: run 'default': {what}.* is there twice", _read(str(path)))
    if table == "epochs":
        with pytest.raises(FormatError, match="the database cannot be read: interrupted"):
            SqliteStorage(path).runs()


def test_more_text_than_a_database_has_is_refused(tmp_path, monkeypatch):
    """The pages of a long text may lead in circles, too."""
    path = tmp_path / "runs.db"
    SqliteStorage(path).save(History({1: EpochData(meta={f"key{key}": "x" * 1000 for key in range(100)})}))
    monkeypatch.setattr(database_module, "LONGEST_TEXT", 10_000)
    assert read(path)
    monkeypatch.setattr(database_module, "_size", lambda path: 50_000)
    with pytest.raises(FormatError, match="the database has more text than its size allows"):
        read(path)


@pytest.mark.parametrize("name", ["runs.db", "runs.db-wal", "runs.db-journal"])
def test_a_pipe_in_place_of_a_file_is_refused(name, tmp_path):
    SqliteStorage(tmp_path / "runs.db").save(ONE)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    for use in (read, lambda path: SqliteStorage(path).load(), lambda path: SqliteStorage(path).save(ONE)):
        with pytest.raises(StorageError, match="it is a device or a pipe and no file"):
            use(tmp_path / "runs.db")


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
        "refused: FormatError: the trigger 't' is not as lrsched made it",
    ),
    "a trigger on a table of another case": (
        [
            "CREATE TRIGGER t AFTER INSERT ON epochs BEGIN DELETE FROM epochs; END",
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_schema SET tbl_name = 'EPOCHS' WHERE name = 't'",
        ],
        "refused: FormatError: the trigger 't' is not as lrsched made it",
    ),
    "an index on a table of another case": (
        [
            "CREATE INDEX i ON epochs (abs(epoch))",
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_schema SET tbl_name = 'EPOCHS' WHERE name = 'i'",
        ],
        "refused: FormatError: the index 'i' is not as lrsched made it",
    ),
    "a trigger that a foreign key sets off": (
        [
            "CREATE TABLE x (r, e, FOREIGN KEY (r, e) REFERENCES epochs (run_id, epoch) ON DELETE CASCADE)",
            "CREATE TRIGGER t AFTER DELETE ON x BEGIN UPDATE epochs SET learning_rate = 9.0; END",
        ],
        "refused: FormatError: the trigger 't' is not as lrsched made it",
    ),
    "an index with an expression": (
        ["CREATE INDEX i ON epochs (abs(epoch))"],
        "refused: FormatError: the index 'i' is not as lrsched made it",
    ),
    "a view in place of a table": (
        ["DROP VIEW history", "DROP TABLE epochs", f"CREATE VIEW epochs (run_id, epoch, learning_rate) AS {ENDLESS}"],
        "refused: FormatError: the table 'epochs' is not as lrsched made it",
    ),
    "another view of our name": (
        ["DROP VIEW history", f"CREATE VIEW history AS {ENDLESS}"],
        "refused: FormatError: the view 'history' is not as lrsched made it",
    ),
    "a column more": (
        ["ALTER TABLE epochs ADD COLUMN more TEXT DEFAULT 'x'"],
        "refused: FormatError: the table 'epochs' is not as lrsched made it",
    ),
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
    "errors of what is no epoch": (
        [
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_schema SET sql = replace(sql, 'STRICT, ', '') WHERE name = 'errors'",
            "PRAGMA writable_schema = RESET",
            "INSERT INTO errors VALUES (1, 'x', 'a', 1.0), (1, 77, 'a', 1.0)",
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_schema SET sql = replace(sql, ') WITHOUT', ') STRICT, WITHOUT') WHERE name = 'errors'",
        ],
        "refused: FormatError: run 'default': there are errors or meta values of epoch",
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
    "a huge text": (
        ["INSERT INTO meta VALUES (1, 1, 'a', printf('%.*c', 100000000, 'x'))"],
        "refused: FormatError: the database cannot be read: string or blob too big",
    ),
    "text that is none": (
        ["INSERT INTO errors VALUES (1, 1, CAST(x'fffe' AS TEXT), 1.0)"],
        "refused: FormatError: the database holds text that is not UTF-8",
    ),
    "many lists": (
        ["INSERT INTO meta SELECT 1, 1, 'a', '[' || replace(hex(zeroblob(1500000)), '00', '[],') || '1]'"],
        "read: 1 epochs, 1 errors",
    ),
    "many errors": (
        [f"INSERT INTO errors {ALL % MANY} 1, 1, 'k' || i, 0.5 FROM n"],
        f"read: 1 epochs, {MANY + 1} errors",
    ),
    "many epochs": (
        [f"INSERT INTO epochs {ALL % MANY_EPOCHS} 1, i + 1, 0.1 FROM n"],
        f"read: {MANY_EPOCHS + 1} epochs",
    ),
    "many runs": (
        [f"INSERT INTO runs {ALL % MANY_EPOCHS} i + 1, 'r' || i, 'x', 'y' FROM n"],
        "read: 1 epochs, 1 errors",
    ),
}


@pytest.mark.parametrize("case", DATABASES)
def test_a_hostile_database_is_refused_or_read_as_it_is(case, database):
    statements, expected = DATABASES[case]
    path = database(*statements)
    before = Path(path).read_bytes()
    outcome = _read(path)
    assert outcome.startswith(expected), outcome
    assert Path(path).read_bytes() == before
    assert os.listdir(Path(path).parent) == ["runs.db"]


@pytest.mark.parametrize(
    "case",
    [
        "a trigger",
        "a trigger on a table of another case",
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
    for cut in (1, 50, 100, 5000, len(content) // 2, len(content) - 4096):
        path.write_bytes(content[:cut])
        for use in (read, lambda path: SqliteStorage(path).load(), lambda path: SqliteStorage(path).save(ONE)):
            with pytest.raises((FormatError, StorageError, ConflictError), match=r"runs\.db"):
                use(path)
        assert path.read_bytes() == content[:cut]
    for start in range(0, len(content), 4096):
        path.write_bytes(content[:start] + os.urandom(4096) + content[start + 4096 :])
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
