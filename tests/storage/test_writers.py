"""Several processes at the same file or database."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from lrsched import (
    ConflictError,
    EpochData,
    History,
    LearningRateControl,
    SqliteStorage,
    StorageError,
    open_storage,
    read,
)
from lrsched.storage import disk

PROGRAM = Path(__file__).parent / "writers.py"
WRITERS = 4
SAVES = 100
ONE = History({1: EpochData(learning_rate=0.1, error={"dev_score": 1.0})})


@pytest.mark.parametrize("name", ["learning_rates", "run.json", "run.json.gz", "runs.db"])
def test_no_lost_update_goes_unreported_and_no_reader_sees_a_broken_state(name, tmp_path):
    path = str(tmp_path / name)
    done = tmp_path / "done"
    commands = [["watch", path, done]]
    commands += [["write", path, str(number), str(SAVES)] for number in range(1, WRITERS + 1)]
    watcher, *writers = (
        subprocess.Popen([sys.executable, PROGRAM, *command], stderr=subprocess.PIPE, text=True) for command in commands
    )
    said = [writer.communicate() for writer in writers]
    done.touch()
    said.append(watcher.communicate())
    assert [process.returncode for process in (*writers, watcher)] == [0] * (WRITERS + 1), said
    history = read(path)
    assert [history[epoch].error["count"] for epoch in history] == [WRITERS * SAVES] + [SAVES] * WRITERS


def test_runs_in_one_database_are_in_nobodys_way(tmp_path):
    path = tmp_path / "runs.db"
    processes = [
        subprocess.Popen([sys.executable, PROGRAM, "write", f"sqlite:///{path}?run={run}", "1", "50"])
        for run in ("a", "b")
    ]
    assert [process.wait() for process in processes] == [0, 0]
    assert read(f"sqlite:///{path}?run=a") == read(f"sqlite:///{path}?run=b")
    assert read(f"sqlite:///{path}?run=a")[1].error["count"] == 50


def _make(path, run, start, said):
    """Save to a database that is not there yet, at the same moment as others."""
    start.wait()
    try:
        SqliteStorage(path, run).save(ONE)
        said.put(None)
    except Exception as error:  # noqa: BLE001  it is the parent's to judge
        said.put(repr(error))


def test_a_database_may_be_made_by_several_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    for number in range(20):
        path, said, start = tmp_path / f"{number}.db", context.SimpleQueue(), context.Barrier(WRITERS)
        children = [context.Process(target=_make, args=(path, str(run), start, said)) for run in range(WRITERS)]
        for child in children:
            child.start()
        assert [said.get() for _ in children] == [None] * WRITERS
        for child in children:
            child.join()
        assert len(SqliteStorage(path).runs()) == WRITERS


@pytest.mark.parametrize("name", ["learning_rates", "run.json", "runs.db"])
def test_two_controls_of_the_same_training_are_told_apart(name, tmp_path):
    first, second = (LearningRateControl(lambda history, epoch: 0.5, tmp_path / name) for _ in range(2))
    first.set_epoch_error(1, {"dev_score": 1.0})
    first.save()
    second.set_epoch_error(1, {"dev_score": 2.0})
    with pytest.raises(ConflictError, match="load it first"):
        second.save()
    assert read(tmp_path / name) == first.history
    first.set_epoch_error(2, {"dev_score": 1.5})
    first.save()
    assert read(tmp_path / name) == first.history


HOLD = """
import sys
from pathlib import Path
from lrsched.storage import disk
with disk.locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that saves, and does not come to the end."""
    path = tmp_path / "learning_rates"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield path, process
    process.kill()
    process.communicate()


def test_who_waits_too_long_for_another_is_told(holder, monkeypatch):
    monkeypatch.setattr(disk, "LONGEST_WAIT", 0.05)
    path, _ = holder
    with pytest.raises(StorageError, match="another process has been saving it for 0.05 seconds"):
        open_storage(path).save(ONE)
    assert not path.exists()


def test_the_lock_of_a_dead_process_does_not_count(holder):
    path, process = holder
    process.kill()
    process.wait()
    open_storage(path).save(ONE)
    assert read(path) == ONE


def _save_in_a_child(storage, said):
    """What a worker that was forked may do with the storage of its parent."""
    try:
        storage.save(ONE.set(2, EpochData(learning_rate=0.25)))
        said.put(None)
    except ConflictError as error:
        said.put(str(error))


@pytest.mark.parametrize("name", ["learning_rates", "runs.db"])
def test_a_forked_worker_can_save_and_its_parent_is_told(name, tmp_path):
    storage = open_storage(tmp_path / name)
    storage.save(ONE)
    context = multiprocessing.get_context("fork")
    said = context.SimpleQueue()
    child = context.Process(target=_save_in_a_child, args=(storage, said))
    child.start()
    assert said.get() is None
    child.join()
    with pytest.raises(ConflictError):
        storage.save(ONE)
    assert list(read(tmp_path / name)) == [1, 2]
