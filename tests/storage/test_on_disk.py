"""What stands on the disk, read by who knows nothing of lrsched; and what stays open. The laws are in test_laws.py."""

import contextlib
import gzip
import json
import math
import os
import shutil
import sqlite3
import subprocess

import pandas
import pytest
from storages import ON_DISK

from lrsched import EpochData, History, read

ONE = History({1: EpochData(learning_rate=0.1, error={"dev_score": 1.0})})
TWO = ONE.set(2, EpochData(learning_rate=0.1))
STRANGE = History(
    {
        1: EpochData(
            learning_rate=-0.0,
            error={"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "-0": -0.0, "int": 3, "float": 3.0, "": 5e-324},
            meta={"": None, "größe_🙂": ("x", [1, {2.5: b"\0\xff"}]), "$tuple": {"$tuple": 1}, "q'\"\\\n\0": {1, "a"}},
        ),
        10**12: EpochData(error={"\ud800 alone": 1.0}, meta={"\udfff": "\udc00"}),
    }
)


@pytest.mark.parametrize("kind", ON_DISK)
def test_nothing_stays_open(kind, tmp_path):
    storage = ON_DISK[kind](tmp_path)
    storage.save(ONE)
    before = os.listdir("/proc/self/fd")
    for history in (TWO, ONE):
        storage.save(history)
        storage.load()
    assert os.listdir("/proc/self/fd") == before


def test_the_json_is_what_the_standard_library_reads(tmp_path):
    for name in ("json", "json.gz"):
        storage = ON_DISK[name](tmp_path)
        storage.save(STRANGE)
        content = storage.path.read_bytes()
        document = json.loads(gzip.decompress(content) if name.endswith("gz") else content, parse_constant=pytest.fail)
        assert (document["format"], document["version"]) == ("lrsched history", 1)
        assert [epoch["epoch"] for epoch in document["epochs"]] == [1, 10**12]
        assert document["epochs"][0]["error"] == {
            "nan": "NaN",
            "inf": "Infinity",
            "-inf": "-Infinity",
            "-0": 0.0,
            "int": 3,
            "float": 3.0,
            "": 5e-324,
        }
        assert document["epochs"][0]["meta"][""] is None
        assert document["epochs"][1] == {
            "epoch": 10**12,
            "learning_rate": None,
            "error": {"\ud800 alone": 1.0},
            "meta": {"\udfff": "\udc00"},
        }


def test_the_database_is_what_the_sqlite3_shell_reads(tmp_path):
    storage = ON_DISK["sqlite"](tmp_path)
    history = ONE.set(2, EpochData(learning_rate=0.25, error={"a": math.nan, "b": -math.inf, "c": 3}, meta={"m": (1,)}))
    storage.save(history)

    def shell(question):
        command = ["sqlite3", "-json", "-readonly", str(storage.path), question]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout or "[]")

    assert shell("SELECT epoch, learning_rate, key, value FROM history WHERE run = 'a'") == [
        {"epoch": 1, "learning_rate": 0.1, "key": "dev_score", "value": 1.0},
        {"epoch": 2, "learning_rate": 0.25, "key": "a", "value": None},
        {"epoch": 2, "learning_rate": 0.25, "key": "b", "value": -math.inf},
        {"epoch": 2, "learning_rate": 0.25, "key": "c", "value": 3},
    ]
    assert shell("SELECT key, value ->> '$.$tuple[0]' AS first FROM meta") == [{"key": "m", "first": 1}]
    assert shell("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert shell("PRAGMA foreign_key_check") == []
    assert shell("PRAGMA journal_mode") == [{"journal_mode": "wal"}]


def test_a_reader_that_keeps_the_database_open_is_in_nobodys_way(tmp_path):
    """Each connection sees the state from when it began to read, as pandas does while it fetches."""
    storage = ON_DISK["sqlite"](tmp_path)
    storage.save(ONE)
    with contextlib.closing(sqlite3.connect(storage.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM epochs").fetchone() == (1,)
        storage.save(TWO, {2})
        assert read(f"sqlite:///{tmp_path}/runs.db") == TWO
        assert reader.execute("SELECT count(*) FROM epochs").fetchone() == (1,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM epochs").fetchone() == (2,)
        storage.save(ONE, {2})
    assert ON_DISK["sqlite"](tmp_path).load() == ONE


def test_a_copy_of_the_one_file_has_all_that_was_saved_even_while_others_have_it_open(tmp_path):
    storage = ON_DISK["sqlite"](tmp_path)
    storage.save(ONE)
    with contextlib.closing(sqlite3.connect(storage.path, isolation_level=None)) as reader:
        assert reader.execute("SELECT count(*) FROM epochs").fetchone() == (1,)
        storage.save(TWO, {2})
        shutil.copy(storage.path, tmp_path / "copy.db")
        assert read(tmp_path / "copy.db") == TWO


def test_pandas_reads_the_view(tmp_path):
    storage = ON_DISK["sqlite"](tmp_path)
    storage.save(STRANGE.set(2, EpochData(learning_rate=0.5, error={"dev_score": 1.5})).before(10))
    with contextlib.closing(sqlite3.connect(storage.path)) as connection:
        frame = pandas.read_sql("SELECT * FROM history", connection)
        storage.save(ONE)
    by_key = frame[frame.epoch == 1].set_index("key").value
    assert math.isnan(by_key["nan"])
    assert by_key["-inf"] == -math.inf
    assert list(frame[frame.epoch == 2].learning_rate) == [0.5]
