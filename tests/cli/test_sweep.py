"""``lrsched sweep``: what it prints and writes, and how Ctrl-C ends it."""

import csv
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from lrsched import EpochData, FileStorage, History, read
from lrsched.cli.demo import RECORDED
from lrsched.config.files import parse_tables
from lrsched.simulation import Space, sweep, sweeping

FILE = str(RECORDED / "learning_rates")
SPACE = """
[fixed]
learning_rate_control = "newbob"
learning_rate = 0.3
[grid]
newbob_learning_rate_decay = [0.5, 0.7]
learning_rate_control_min_num_epochs_per_new_lr = [0, 2]
"""
REST = ["--set", "min_learning_rate=0.003", "--set", "learning_rate_control_error_measure=dev_score"]


@pytest.fixture
def space(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(SPACE)
    return str(path)


def test_the_settings_that_agree_most_come_first(run, space):
    code, out, err = run("sweep", FILE, "--space", space, *REST)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"{FILE}: 1 of 4 settings give every recorded rate"
    rows = [line.split() for line in lines if line.strip()[:1].isdigit()]
    assert [row[0] for row in rows] == ["1", "0", "2", "3"]
    assert rows[0] == ["1", "0.5", "2", "30/30", "0.003", "7", "22"]
    assert rows[1][-1] == "4"
    assert "the recorded errors are kept, although other rates would have changed them" in lines[-1]


def test_several_files_and_fewer_rows(run, space, tmp_path):
    other = tmp_path / "learning_rates"
    FileStorage(other).save(History(dict(list(read(FILE).items())[:10])))
    _, out, _ = run("sweep", FILE, other, "--space", space, *REST, "--most", 2)
    assert out.startswith("2 files: 1 of 4 settings give every recorded rate\n")
    first = next(line.split() for line in out.splitlines() if line.strip().startswith("1 "))
    assert first == ["1", "0.5", "2", "40/40", "0.003", "to", "0.075", "2", "to", "7", "22"]
    assert "2 more are not shown; --most shows more, -o writes all" in out


def test_as_json_every_setting_and_file(run, space):
    code, out, _ = run("sweep", FILE, "--space", space, *REST, "--json")
    told = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert (told["complete"], told["mode"], told["settings"]) == (True, "free", 4)
    assert "recorded errors are kept" in told["note"]
    assert told["rows"][1]["agreement"] == 30
    assert told["rows"][0]["differs_from"] == 4
    assert told["rows"][0]["note"].startswith("from epoch 4 on")


def test_the_recorded_mode_makes_no_guess(run, space):
    told = json.loads(run("sweep", FILE, "--space", space, *REST, "--mode", "recorded", "--json")[1])
    assert told["note"] is None
    assert "guess" not in run("sweep", FILE, "--space", space, *REST, "--mode", "recorded")[1]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.npz"])
def test_what_is_written_is_what_the_library_says(run, space, tmp_path, name, jobs):
    path = tmp_path / name
    code, out, _ = run("sweep", FILE, "--space", space, *REST, "-o", path, "--jobs", jobs)
    assert code == 0
    assert out.endswith(f"written to {path}\n")
    assert "final rate" not in out  # the table is in the file
    more = {"min_learning_rate": 0.003, "learning_rate_control_error_measure": "dev_score"}
    expected = sweep(Space.of(parse_tables(SPACE)).over(more), {FILE: read(FILE)})
    if name == "out.npz":
        with np.load(path) as arrays:
            assert np.array_equal(arrays["learning_rates_0"], expected.histories[FILE].learning_rates)
            assert str(arrays["note"]) == expected.note
            assert set(arrays) == set(expected.arrays())
        return
    with path.open(newline="") as file:
        rows = [*csv.DictReader(file)] if name == "out.csv" else [json.loads(line) for line in file]
    assert [str(row["final_rate"]) for row in rows] == [repr(row["final_rate"]) for row in expected.rows()]
    epochs = " ".join(map(str, [*expected.rows()][1]["decay_epochs"]))
    assert rows[1]["decay_epochs"] in (epochs, [int(epoch) for epoch in epochs.split()])
    assert rows[1]["note"] == [*expected.rows()][1]["note"]
    assert rows[1]["differs_from"] in ("", None)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([FILE], 2, "pass either --space SPACE, a TOML or JSON file, or --schedule FILE.py:NAME"),
        ([FILE, FILE, "--space", "space.toml"], 2, "FILE must be given once"),
        (
            [FILE, "--space", "space.toml", "-o", "x.txt"],
            2,
            "the name of the output must end in .csv or .json or .jsonl or .npz, got 'x.txt'",
        ),
        ([FILE, "--space", "space.toml", "-o", "nowhere/x.csv"], 3, "No such file or directory: 'nowhere/x.csv'"),
        ([FILE, "--space", "nowhere.toml"], 3, "No such file or directory"),
        ([FILE, "--space", FILE], 3, "not JSON: "),
        (
            [FILE, "--space", "grdi.toml"],
            3,
            "space must be a mapping with some of fixed, grid, settings, got {'grdi': {}}; as in",
        ),
        ([FILE, "--space", "grdi.toml"], 3, " @ grdi.toml\n"),
        (
            [FILE, "--space", "space.csv", "-o", "space.csv"],
            2,
            "OUT must be another file than those that are read, got 'space.csv'",
        ),
        (["text:in.csv", "--space", "space.toml", "-o", "in.csv"], 2, "OUT must be another file than those"),
        (
            [FILE, "--space", "many.json", "--json"],
            2,
            "settings x files must be at most 1048576 with --json and .json, got 1100000",
        ),
        (
            [FILE, "--space", "more.json", "-o", "x.npz"],
            2,
            "settings x epochs must be at most 1073741824 for .npz, got 33",
        ),
        (["nowhere", "--space", "space.toml"], 3, "No such file or directory"),
        ([FILE, "--space", "broken.toml"], 2, "every setting fails, the first: setting 0: learning_rate_decay must be"),
    ],
)
def test_errors_are_one_line(run, space, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.csv").write_text(SPACE)
    (tmp_path / "grdi.toml").write_text("[grdi]")
    FileStorage(tmp_path / "in.csv").save(read(FILE))
    rates = [number / 1e4 for number in range(1100)]
    many = {"learning_rate": rates, "newbob_error_threshold": rates[:1000]}
    (tmp_path / "many.json").write_text(json.dumps({"grid": many}))
    (tmp_path / "more.json").write_text(json.dumps({"grid": many | {"min_learning_rate": rates[:1000]}}))
    (tmp_path / "broken.toml").write_text('[fixed]\nlearning_rate_control = "newbob"\nnewbob_learning_rate_decay = 2')
    found, _, err = run("sweep", *arguments)
    assert (found, err.count("\n")) == (code, 1)
    assert message in err


def test_settings_that_fail_are_told(run, tmp_path):
    path = tmp_path / "space.json"
    path.write_text('{"fixed": {"learning_rate_control": "newbob"}, "grid": {"newbob_learning_rate_decay": [2, 0.5]}}')
    code, out, _ = run("sweep", FILE, "--space", path)
    assert code == 0
    assert "1 fail, the first: setting 0: learning_rate_decay must be None, a factor in [0, 1]" in out


def test_what_fails_with_one_file_only_is_told(run, tmp_path):
    for name, epochs in (("short", 5), ("long", 100)):
        history = {e: EpochData(learning_rate=0.1, error={"dev_score": 1.0 / e}) for e in range(1, epochs + 1)}
        FileStorage(tmp_path / name).save(History(history))
    path = tmp_path / "space.json"
    path.write_text('{"fixed": {"learning_rate_control": "newbob"}, "grid": {"newbob_learning_rate_growth": [1, 1e9]}}')
    code, out, _ = run("sweep", tmp_path / "short", tmp_path / "long", "--space", path)
    assert code == 0
    assert "1 fail, the first: setting 1: at epoch " in out


def test_block_by_block_is_the_same_as_at_once(run, tmp_path, monkeypatch):
    path = tmp_path / "space.json"
    fixed = {"learning_rate_control": "newbob", "learning_rate": 0.3}
    path.write_text(json.dumps({"fixed": fixed, "grid": {"newbob_learning_rate_decay": [0.7, 2, 0.5, 3, 0.5]}}))
    hold = "learning_rate_control_min_num_epochs_per_new_lr=2"
    command = ["sweep", FILE, "--space", path, *REST, "--set", hold]
    at_once = run(*command)
    assert at_once[1].startswith(f"{FILE}: 2 of 5 settings give every recorded rate\n")
    assert "2 fail, the first: setting 1: " in at_once[1]
    assert "not shown" not in at_once[1]
    monkeypatch.setattr("lrsched.simulation.sweeping._BLOCK", 1)
    assert run(*command) == at_once


def test_a_function_of_a_configuration_that_was_run_cannot_go_to_other_processes(run, space, tmp_path):
    config = tmp_path / "training.py"
    config.write_text("newbob_learning_rate_growth = lambda rate: rate\n")
    code, _, err = run("sweep", FILE, "--space", space, *REST, "--config", config, "--exec-config", "--jobs", 2)
    assert code == 3
    assert err.startswith("lrsched: error: the executor failed (")
    assert err.count("\n") == 1
    assert run("sweep", FILE, "--space", space, *REST, "--config", config, "--exec-config")[0] == 0


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_leaves_what_is_done(tmp_path, jobs):
    """What it writes comes through a pipe, which has no room for all: it goes on only as it is read."""
    file, space, out = tmp_path / "learning_rates", tmp_path / "space.json", tmp_path / "out.csv"
    out.symlink_to("/dev/stdout")
    FileStorage(file).save(
        History({epoch: EpochData(learning_rate=0.1, error={"dev_score": 1.0}) for epoch in range(1, 3001)})
    )
    rates = [number / 1e6 for number in range(1000)]
    fixed = {"learning_rate_control": "newbob"}
    grid = {"learning_rate": rates, "newbob_error_threshold": rates}
    space.write_text(json.dumps({"fixed": fixed, "grid": grid}))
    command = [
        sys.executable,
        "-c",
        "import lrsched.cli; lrsched.cli.main()",
        "sweep",
        file,
        "--space",
        space,
        "-o",
        out,
        "--jobs",
        jobs,
    ]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, start_new_session=True) as process:
        begun = [next(process.stdout), next(process.stdout)]
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        written = [*process.stdout]
        errors = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in errors
    end = next(number for number, line in enumerate(written) if not line[0].isdigit())  # of the table
    rows = [*csv.DictReader([*begun, *written[:end]])]
    assert errors.splitlines() == [
        "lrsched: error: interrupted: what is in work is finished; Ctrl-C once more drops it",
        f"lrsched: error: interrupted: {len(rows)} of 1000000 settings are done",
    ]
    assert [row["setting"] for row in rows] == [str(number) for number in range(len(rows))]
    assert written[-1] == f"written to {out}\n"


def test_tables_with_different_keys_have_all_columns_in_every_row(run, tmp_path):
    space, out = tmp_path / "space.json", tmp_path / "OUT.CSV"
    tables = [{"newbob_learning_rate_decay": 0.7}, {"min_learning_rate": 0.01}]
    space.write_text(json.dumps({"fixed": {"learning_rate_control": "newbob"}, "settings": tables}))
    assert run("sweep", FILE, "--space", space, "-o", out)[0] == 0
    first, second = csv.DictReader(out.read_text().splitlines())
    assert (first["newbob_learning_rate_decay"], first["min_learning_rate"]) == ("0.7", "")
    assert (second["newbob_learning_rate_decay"], second["min_learning_rate"]) == ("", "0.01")


def test_a_sweep_goes_on_where_settings_fail_in_one_file_only(run, tmp_path):
    space = tmp_path / "space.json"
    growing = {"learning_rate_control": "newbob", "newbob_learning_rate_growth": 1e100}
    space.write_text(json.dumps({"fixed": growing, "grid": {"newbob_relative_error_threshold": [9.0, 8.0]}}))
    for name, last in (("short", 3), ("long", 9)):
        history = {epoch: EpochData(learning_rate=1.0, error={"dev_score": 1.0}) for epoch in range(1, last + 1)}
        FileStorage(tmp_path / name).save(History(history))
    code, out, err = run("sweep", tmp_path / "short", tmp_path / "long", "--space", space)
    assert (code, err) == (0, "")
    assert "2 fail, the first: setting 0: at epoch 6: the learning rate after learning_rate_growth" in out
    first = next(line.split() for line in out.splitlines() if line.strip().startswith("0 "))
    assert first[3] == "1e+100"
    assert run("sweep", tmp_path / "long", "--space", space)[0] == 2


def test_pretraining_and_rates_set_by_hand_are_taken_as_given(run, space, tmp_path):
    path = tmp_path / "learning_rates"
    rates = {1: 0.02, 2: 0.02, 3: 0.3, 4: 0.3, 5: 0.07}
    FileStorage(path).save(
        History({epoch: EpochData(learning_rate=rate, error={"dev_score": 1 / epoch}) for epoch, rate in rates.items()})
    )
    command = ["sweep", path, "--space", space, "--set", "pretrain_learning_rate=0.02", "--pretrain-epochs", 2]
    assert "0 of 4 settings give every recorded rate" in run(*command)[1]
    assert "4 of 4 settings give every recorded rate" in run(*command, "--override", "5")[1]


def test_where_no_rate_is_recorded_it_says_so(run, space, tmp_path):
    FileStorage(tmp_path / "learning_rates").save(History({1: EpochData(error={"dev_score": 1.0})}))
    assert ": no rate is recorded\n" in run("sweep", tmp_path / "learning_rates", "--space", space)[1]


@pytest.fixture
def _hears_ctrl_c():
    """A shell that started the tests in the background has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_hears_ctrl_c")
def test_ctrl_c_pressed_twice_leaves_what_was_done_before(run, space, tmp_path, monkeypatch):
    """The second one comes while a block is in work."""
    monkeypatch.setattr("lrsched.simulation.sweeping._MOST_ROWS", 1)
    swept = sweeping._swept

    def interrupted(block, *rest):
        if block.first == 2:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return swept(block, *rest)

    monkeypatch.setattr(sweeping, "_swept", interrupted)
    out = tmp_path / "out.npz"
    code, printed, err = run("sweep", FILE, "--space", space, *REST, "-o", out)
    assert code == 130
    assert err.endswith("interrupted: 2 of 4 settings are done\n")
    assert printed.endswith(f"written to {out}\n")
    with np.load(out) as arrays:
        assert arrays["learning_rates_0"].shape == (2, 30)
