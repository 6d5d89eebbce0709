"""How the command line prints tables, and what it does with the garbage collector."""

import csv
import gc
import json
import math
import os
import shutil
import subprocess
import sys
from itertools import product

import pytest
from rich.cells import cell_len

from lrsched import EpochData, FileStorage, History, SqliteStorage, StorageError, open_storage, read

PROGRAM = [sys.executable, "-c", "from lrsched.cli import main; main()"]
HOSTILE = History(
    {
        1: EpochData(learning_rate=1.2345678901234567e-300, error={"dev_score": 2.0}),
        2: EpochData(learning_rate=1.2345678901234567e-300, error={"dev_score": float("nan"), "誤差_" * 20: 0.1}),
        3: EpochData(learning_rate=1.2345678901234565e-300, error={"dev_score": -1.2345678901234567e-300}),
        10**12: EpochData(learning_rate=None, error={"a" * 100: float("inf")}, meta={"gpu" * 30: "x"}),
    }
)


@pytest.fixture(scope="module")
def recorded(corpus, tmp_path_factory):
    """The recorded run with the most changes that a rule decided: 59 of 200 epochs; and one of 22 changes, a hostile
    history, configurations, and a database of the three.
    """
    made = tmp_path_factory.mktemp("recorded")
    cases = {path.name: path for path in corpus}
    space = {"grid": {"newbob_learning_rate_decay": [0.5, 0.9], "newbob_multi_num_epochs": [3, 6]}}
    for name, case in (("most", "newbob_multi_epoch-pretrain-00e8f61b29"), ("some", "newbob-plain-06fd39df4b")):
        FileStorage(made / name).save(read(cases[case] / "learning_rates"))
        settings = json.loads((cases[case] / "case.json").read_text())["settings"]
        (made / f"{name}.json").write_text(json.dumps(settings))
    (made / "space.json").write_text(json.dumps(space))
    FileStorage(made / "hostile").save(HOSTILE)
    for name in ("most", "some", "hostile"):
        SqliteStorage(made / "runs.db", name).save(read(made / name))
    return made


@pytest.fixture
def folder(recorded, tmp_path, monkeypatch):
    """A copy of it."""
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


CONFIGS = ["-c", "most.json", "-c", "some.json"]
TABLES = {
    "show": [],
    "replay": CONFIGS[:2],
    "compare": CONFIGS * 6,
    "sweep": [*CONFIGS[:2], "--space", "space.json"],
    "best": ["-k", "dev_score", "-n", "5"],
    "runs": [],
}


def _number(word):
    try:
        return float(word)
    except ValueError:
        return None


def _numbers(value):
    """All numbers in a document, also those in its texts."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return {number for each in value for number in _numbers(each)}
    words = value.replace(";", " ").split() if isinstance(value, str) else [value]
    return {number for number in map(_number, filter(lambda word: word is not None, words)) if number is not None}


def _roundings(numbers):
    """What a number may look like: rounded to a few digits, or with all of them; NaN is none of these."""
    texts = {f"{number:.{digits}g}" for number in numbers for digits in (3, 4, 5, 6, 17)}
    return {*map(float, texts), *(float(f"{number:.0f}") for number in numbers), *numbers}


@pytest.mark.parametrize(
    ("command", "file"), [*product([*TABLES][:-1], ["most", "some", "hostile"]), ("runs", "runs.db")]
)
def test_a_table_fits_and_its_numbers_are_those_of_the_document(run, folder, command, file):
    arguments = [command, file, *TABLES[command]]
    allowed = _roundings(_numbers(json.loads(run(*arguments, "--json")[1])))
    for columns, options in product([40, 80, 200], ([], ["--exact"])):
        code, out, _ = run(*arguments, *options, columns=columns)
        lines = out.splitlines()
        assert code == 0
        assert [line for line in lines if cell_len(line) > columns] == []
        rows = [line for line in lines if command == "runs" or line[:1] == " " or line[:1].isdigit()]
        shown = {_number(word) for line in rows for word in line.split()} - {None}
        assert len(shown) > 1
        assert {number for number in shown if not math.isnan(number)} <= allowed


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("command", ["verify", "explain", "check", "demo"])
def test_the_other_tables_fit_too(run, folder, command, columns):
    (folder / "worse.py").write_text(
        "def worse(history, epoch):\n    return 0.1 * len(history)\n\nworse.claims = {'never_raises'}\n"
    )
    arguments = {"check": ["worse.py:worse", "--budget", "20"], "demo": []}.get(command, ["most", *CONFIGS[:2]])
    _, out, _ = run(command, *arguments, columns=columns)
    tables = [line for line in out.splitlines() if not line.startswith(("    ", "from ", "def ", "Try "))]
    assert len(tables) > 5
    assert [line for line in tables if cell_len(line) > columns] == []


@pytest.mark.parametrize(("name", "changes", "lines"), [("most", 59, 176), ("some", 22, 65)])
def test_a_change_takes_three_lines(run, folder, name, changes, lines):
    config = ["-c", f"{name}.json"]
    epochs = json.loads(run("replay", name, *config, "--json")[1])["epochs"]
    news = [each for each in epochs if each["learning_rate"] != each["decision"]["previous"] or not each["reproduced"]]
    out = run("replay", name, *config, "--changes-only", columns=80)[1]
    assert (len(news), len(out.splitlines()) - 6) == (changes, lines)
    assert run("replay", name, *config, columns=80)[1].count("\n") == len(epochs) + lines - changes + 6


@pytest.mark.parametrize("columns", [None, "40", "100"])
def test_a_pipe_is_as_wide_as_columns_says_else_80(folder, columns):
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment |= {} if columns is None else {"COLUMNS": columns}
    command = [*PROGRAM, "replay", "some", "-c", "some.json"]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    width = max(map(cell_len, out.splitlines()))
    assert int(columns or 80) - 8 < width <= int(columns or 80)


def test_what_is_the_same_in_all_rows_is_said_once(run, folder):
    out = run("show", "some")[1]
    assert out.count("dev_score") == 2  # why, and a heading
    out = run("replay", "some", "-c", "some.json")[1]
    assert out.count("newbob_relative") == out.count("recorded past") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-k", "dev_error"], "error: dev_error (given with --key)"),
        (["-s", "learning_rate_control=newbob", "-s", "learning_rate_control_error_measure=dev_error"], "(configured)"),
        (["-s", "learning_rate_control=newbob"], "error: dev_score (picked: no key is configured; "),
        ([], "error: dev_score (picked: no key is configured; "),
    ],
)
def test_show_says_which_error_it_shows_and_why(run, tmp_path, options, said):
    errors = {"dev_score": 0.25, "dev_error": 0.125}
    FileStorage(tmp_path / "x").save(History({1: EpochData(learning_rate=0.5, error=errors)}))
    code, out, _ = run("show", tmp_path / "x", *options)
    assert code == 0
    assert said in out.splitlines()[1]
    assert ("0.125" in out) == ("dev_error" in out)


def test_where_the_error_differs_between_epochs_there_is_a_column_for_its_name(run, tmp_path):
    history = {1: EpochData(error={"dev_score": 0.5}), 2: EpochData(error={"train_score": 0.25})}
    FileStorage(tmp_path / "x").save(History(history))
    lines = [line.split() for line in run("show", tmp_path / "x")[1].splitlines()]
    assert ["epoch", "error", "error", "key"] in lines
    assert ["2", "0.25", "train_score"] in lines


@pytest.mark.parametrize("command", ["show", "best", "replay", "verify", "explain", "compare", "sweep", "runs", "demo"])
def test_every_table_can_be_written(run, folder, command):
    options = {"verify": [*CONFIGS[:2], "--most", "99"], "explain": CONFIGS[:2], "demo": []} | TABLES
    arguments = ["runs", "runs.db"] if command == "runs" else ["demo"] if command == "demo" else [command, "most"]
    arguments += options[command]
    code, document, _ = run(*arguments, "--json")
    for name in ("out.json", "OUT.CSV"):
        written_code, out, err = run(*arguments, "-o", name)
        assert (written_code, err) == (code, "")
        assert out.splitlines()[-1] == f"written to {name}"
    assert json.loads((folder / "out.json").read_text()) == json.loads(document)
    with (folder / "OUT.CSV").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    exact = _numbers(json.loads(document))
    assert {number for row in rows for number in map(_number, row.values()) if number is not None} <= exact
    code, out, err = run(*arguments, "-o", "out.txt")
    assert (code, out) == (2, "")
    assert "the name of the output must end in .csv or .json" in err


def test_an_output_that_is_read_is_not_written(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FileStorage("run.json").save(History({1: EpochData(learning_rate=0.5, error={"a": 1.0})}))
    before = (tmp_path / "run.json").read_bytes()
    for arguments in (["show", "run.json"], ["best", "json:run.json", "-k", "a"], ["runs", "run.json"]):
        code, out, err = run(*arguments, "-o", "run.json")
        assert (code, out) == (2, "")
        assert "OUT must be another file than those that are read, got 'run.json'" in err
    assert (tmp_path / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("where", "out"),
    [("sqlite:///y.csv?run=a", "y.csv"), ("text:a%20b.csv", "a b.csv"), ("json:x.csv?backups=2", "x.csv")],
)
def test_an_output_that_a_location_means_is_not_written(run, tmp_path, monkeypatch, where, out):
    monkeypatch.chdir(tmp_path)
    open_storage(where).save(History({1: EpochData(learning_rate=0.5, error={"a": 1.0})}))
    before = (tmp_path / out).read_bytes()
    assert run("show", where, "-o", out)[0] == 2
    assert (tmp_path / out).read_bytes() == before


def test_the_code_of_a_schedule_is_not_overwritten(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FileStorage("x").save(History({1: EpochData(learning_rate=0.5, error={"a": 1.0})}))
    (tmp_path / "mine.py").write_text("def half(history, epoch):\n    return 0.5\n")
    for name in ("out.csv", "out.svg"):
        (tmp_path / name).symlink_to("mine.py")
    for arguments in (["show", "x", "-o", "out.csv"], ["plot", "x", "-o", "out.svg"]):
        code, _, err = run(*arguments, "--schedule", "mine.py:half")
        assert (code, "another file than those that are read" in err) == (2, True)


def test_what_the_output_cannot_encode_is_escaped(tmp_path):
    SqliteStorage(tmp_path / "x.db", "训练").save(History({1: EpochData(learning_rate=0.5)}))
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([*PROGRAM, "runs", tmp_path / "x.db"], capture_output=True, env=environment, check=True)
    assert b"\\u8bad\\u7ec3" in done.stdout


@pytest.mark.parametrize("fault", [None, StorageError("x")])
def test_the_garbage_collector_runs_rarely_and_is_as_before_in_the_end(run, monkeypatch, fault):
    before, thresholds = gc.get_threshold(), []

    def read(_):
        thresholds.append(gc.get_threshold()[0] if gc.isenabled() else None)
        if fault is not None:
            raise fault
        return History()

    monkeypatch.setattr("lrsched.cli.options.read", read)
    assert run("show", "x")[0] == (0 if fault is None else 3)
    assert thresholds[0] >= 1_000_000
    assert gc.get_threshold() == before


def test_what_runs_for_days_collects_its_garbage(run, tmp_path, monkeypatch):
    path = tmp_path / "learning_rates"
    thresholds = []

    def sleep(_):
        thresholds.append(gc.get_threshold()[0])
        FileStorage(path).save(History({1: EpochData(learning_rate=0.5, error={"dev_score": 1.0})}))

    monkeypatch.setattr("time.sleep", sleep)
    assert run("follow", path, "--until", "1")[0] == 0
    assert thresholds == [700]


TWO_RULES = """
import attrs
from lrsched import Action, Cause, Decision, Schedule

@attrs.frozen
class TwoRules(Schedule):
    def decide(self, history, epoch):
        previous, rate = history.most_recent_learning_rate(epoch), 0.1 / epoch
        return Decision(rate, previous, Action.of(previous, rate), Cause("odd" if epoch % 2 else "even", "so it is"))
"""


def test_where_several_rules_change_the_rate_there_is_a_column_for_their_names(run, folder):
    lines = run("replay", "some", "-c", "some.json", "-s", "learning_rates={3: 0.5}")[1].splitlines()
    assert lines[1] == "recorded past, newbob_relative"
    assert "rule" not in lines[3]
    assert "preset" in lines[8].split()
    (folder / "two.py").write_text(TWO_RULES)
    lines = run("replay", "some", "--schedule", "two.py:TwoRules")[1].splitlines()
    assert lines[1] == "recorded past"
    assert lines[3].split()[-1] == "rule"
    assert [lines[place].split()[-1] for place in (5, 7, 9)] == ["odd", "even", "odd"]


def test_a_terminal_shows_how_much_of_a_long_work_is_done(run, folder, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    code, _, err = run("sweep", "some", "-c", "some.json", "--space", "space.json", columns=40)
    shown = [line.rstrip() for line in err.split("\r")]
    assert code == 0
    assert shown[:2] == ["reading some", ""]
    assert "4 settings" in err
    assert "100%" in err
    assert max(map(len, shown[:2])) < 40
