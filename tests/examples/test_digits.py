"""The example that users copy from: a real training, killed wherever it hurts, leaves the same record."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import lrsched
from lrsched import Action, read, schedule_from_config

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits" / "train.py"
DEMO = Path(lrsched.__file__).parent / "cli" / "digits"
EPOCHS = 8
BATCHES = 28
# The same bits in every run need the same order of sums: one thread.
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

# Runs one training after another, each in a process of its own, which may kill itself at one call of one function: at a
# point, not at a time. After each it tells how that ended, and what the folder holds. The processes are forks, since
# importing scikit-learn takes longer than training.
RUNS = """
import json, os, pathlib, signal, sys
example, epochs, runs = sys.argv[1:]
sys.path.insert(0, example)
import lrsched, train

def die_at(where, call, moment):
    owner = {"replace": os, "gradients": train}[where]
    original, calls = getattr(owner, where), 0
    def dying(*arguments):
        nonlocal calls
        calls += 1
        if calls == call and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = original(*arguments)
        if calls == call and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    setattr(owner, where, dying)

def run(folder, point):
    if point:
        die_at(*point)
    try:
        train.train(folder, int(epochs))
    except lrsched.FormatError as error:
        print(error)
        return 1
    return 0

for folder, point in json.loads(runs):
    folder = pathlib.Path(folder)
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(write_end, 1)
        status = run(folder, point)
        sys.stdout.flush()
        os._exit(status)
    os.close(write_end)
    with open(read_end) as output:
        lines = output.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        recorded = len(lrsched.read(folder / "learning_rates"))
    except (lrsched.StorageError, lrsched.FormatError):
        recorded = 0
    print(json.dumps([status, recorded, len(list(folder.glob("weights.*.npz"))), lines]), flush=True)
"""


def _runs(folders_and_points):
    """(exit status, epochs on record, files of weights, printed lines) of each run."""
    runs = json.dumps([[str(folder), point] for folder, point in folders_and_points])
    command = [sys.executable, "-c", RUNS, str(EXAMPLE.parent), str(EPOCHS), runs]
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def _command(folder):
    return [sys.executable, str(EXAMPLE), str(folder), "--epochs", str(EPOCHS)]


def _run(folder):
    done = subprocess.run(_command(folder), env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def _run_and_kill_after_line(folder, start):
    with subprocess.Popen(_command(folder), env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert any(line.startswith(start) for line in process.stdout)
        process.kill()


def _weights(folder, epoch):
    return folder / f"weights.{epoch:03}.npz"


def _times(folder):
    return {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}


def _assert_same(folder, whole):
    assert (folder / "learning_rates").read_bytes() == (whole / "learning_rates").read_bytes()
    assert _weights(folder, EPOCHS).read_bytes() == _weights(whole, EPOCHS).read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of an uninterrupted run; not to be written to."""
    folder = tmp_path_factory.mktemp("digits") / "whole"
    lines = _run(folder)
    assert len(lines) == EPOCHS
    assert all("learning rate" in line and "dev_error" in line for line in lines)
    return folder


def test_the_record_is_complete_and_the_network_learns(whole):
    history = read(whole / "learning_rates")
    assert list(history) == list(range(1, EPOCHS + 1))
    for data in history.values():
        assert set(data.error) == {"train_score", "train_error", "dev_score", "dev_error"}
        assert data.meta == {"steps": BATCHES}
    assert history[EPOCHS].error["dev_error"] < 0.1
    assert len({data.learning_rate for data in history.values()}) > 1


def test_killed_anywhere_and_restarted_it_leaves_the_same_record(tmp_path, whole):
    # Each run goes on after the last complete epoch; in an epoch the weights are renamed first, then the record.
    points_and_files = {
        ("replace", 1, "before"): (0, 0),  # the weights of epoch 1 are written, under another name
        ("replace", 1, "after"): (0, 1),  # weights without a record
        ("replace", 4, "before"): (1, 2),  # the record of epoch 2 is written, under another name
        ("replace", 2, "after"): (2, 2),  # epoch 2 is complete, but was not printed
        ("gradients", 1, "before"): (2, 2),
        ("gradients", BATCHES + BATCHES // 2, "after"): (3, 3),  # in the middle of epoch 4
    }
    ended = _runs([(tmp_path, point) for point in points_and_files])
    assert [run[:3] for run in ended] == [(-signal.SIGKILL, *files) for files in points_and_files.values()]
    _run_and_kill_after_line(tmp_path, "epoch  5")
    assert list(read(tmp_path / "learning_rates"))[:5] == [1, 2, 3, 4, 5]
    _run(tmp_path)
    _assert_same(tmp_path, whole)


def test_what_is_lost_is_made_again_and_nothing_else_is_touched(tmp_path, whole):
    names = ["nothing", "newest weights", "all weights", "record", "end of record"]
    folders = {name: shutil.copytree(whole, tmp_path / name) for name in names}
    _weights(folders["newest weights"], EPOCHS).unlink()
    for epoch in range(1, EPOCHS + 1):
        _weights(folders["all weights"], epoch).unlink()
    (folders["record"] / "learning_rates").unlink()
    os.truncate(folders["end of record"] / "learning_rates", 1000)
    before = {name: _times(folder) for name, folder in folders.items()}
    ended = dict(zip(names, _runs([(folder, None) for folder in folders.values()]), strict=True))

    for name in ("nothing", "newest weights", "all weights", "record"):
        assert ended[name][:3] == (0, EPOCHS, EPOCHS), name
        _assert_same(folders[name], whole)
    assert ended["nothing"][3] == []
    assert _times(folders["nothing"]) == before["nothing"]
    for name, number in {"newest weights": 1, "all weights": EPOCHS, "record": 0}.items():
        assert sum("its weights are missing" in line for line in ended[name][3]) == number, name

    status, _, _, lines = ended["end of record"]
    assert status == 1
    assert f"@ {folders['end of record'] / 'learning_rates'}:" in lines[0]
    assert _times(folders["end of record"]) == before["end of record"]


def test_the_bundled_settings_are_those_of_the_example():
    spec = importlib.util.spec_from_file_location("digits_train", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert json.loads((DEMO / "config.json").read_text(encoding="utf-8")) == module.SETTINGS


def test_the_bundled_history_is_what_its_settings_give_and_worth_a_look():
    history = read(DEMO / "learning_rates")
    schedule = schedule_from_config(json.loads((DEMO / "config.json").read_text(encoding="utf-8")))
    assert list(history) == list(range(1, 31))
    for epoch, data in history.items():
        assert schedule(history, epoch) == data.learning_rate, epoch
    decisions = [schedule.decide(history, epoch) for epoch in history]
    assert sum(decision.action is Action.DECAY for decision in decisions) >= 3
    assert any(decision.action is Action.HOLD for decision in decisions)
    assert any(decision.cause.lifted_from is not None for decision in decisions)
