"""lrsched explain and lrsched compare."""

import csv
import json

import pytest

from lrsched import EpochData, FileStorage, History, schedule_from_config
from lrsched.simulation import compare, explain

SETTINGS = {"learning_rate_control": "newbob", "learning_rate": 0.5}
NEWBOB = ["--set", "learning_rate_control=newbob", "--set", "learning_rate=0.5"]


def _history(*rates):
    errors = {"dev_score": 2.0}
    return History({epoch: EpochData(learning_rate=rate, error=errors) for epoch, rate in enumerate(rates, start=1)})


HISTORY = _history(0.5, 0.5, 0.25, 0.25)


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Saves a history to ``learning_rates`` in the folder where the test is."""
    monkeypatch.chdir(tmp_path)
    return lambda history: FileStorage("learning_rates").save(history)


@pytest.fixture
def configs(saved, tmp_path):
    """The recorded schedule, and another one."""
    saved(HISTORY)
    for name, decay in (("half", 0.5), ("quarter", 0.25)):
        (tmp_path / name).write_text(json.dumps(SETTINGS | {"learning_rate_decay": decay}))
    (tmp_path / "x.json").write_text(json.dumps(SETTINGS))
    return ["--config", "half", "--config", "quarter"]


def test_explain_says_what_the_library_says(run, saved):
    saved(HISTORY)
    explained = explain(schedule_from_config(SETTINGS), HISTORY, 3)
    code, out, err = run("explain", "learning_rates", *NEWBOB, "--epoch", "3")
    assert (code, err) == (0, "")
    assert out == f"learning_rates\n{explained.describe()}\n"
    code, out, _ = run("explain", "learning_rates", *NEWBOB, "-e", "3", "--json")
    told = json.loads(out, parse_constant=pytest.fail)
    assert told == {"file": "learning_rates", **json.loads(explained.to_json())}
    assert told["threshold_change"]["parameter"] == "relative_error_threshold"


@pytest.mark.parametrize(
    ("history", "epoch", "which"),
    [
        (HISTORY, 3, ": epoch 3 is the newest whose rate changed"),
        (_history(0.5, None, 0.5, None), 4, ": no rate changed; this is the newest epoch"),
        (History(), 1, ": no epoch is recorded"),
    ],
)
def test_explain_chooses_the_newest_change(run, saved, history, epoch, which):
    saved(history)
    lines = run("explain", "learning_rates", *NEWBOB)[1].splitlines()
    assert lines[0] == f"learning_rates{which}"
    assert lines[1].startswith(f"epoch {epoch} ")
    assert json.loads(run("explain", "learning_rates", *NEWBOB, "--json")[1])["epoch"] == epoch


def test_explain_the_epoch_to_come_and_one_further_ahead(run, saved):
    saved(HISTORY)
    lines = run("explain", "learning_rates", *NEWBOB, "-e", "5")[1].splitlines()
    assert lines[:3:2] == ["learning_rates", "recorded    no rate"]
    assert lines[1].startswith("epoch 5     0.25 -> 0.125 (decay, newbob_relative): relative error 0 is above")
    title = run("explain", "learning_rates", *NEWBOB, "-e", "8")[1].splitlines()[0]
    assert title == "learning_rates: epochs 5 to 7 are not recorded, it is decided without"
    title = run("explain", "learning_rates", *NEWBOB, "-e", "6")[1].splitlines()[0]
    assert title == "learning_rates: epoch 5 is not recorded, it is decided without"


def test_explain_takes_what_replay_takes(run, saved):
    saved(HISTORY.set(5, EpochData(learning_rate=0.25, error={"dev_score": float("nan")})))

    def action(*options):
        told = json.loads(run("explain", "learning_rates", *NEWBOB, *options, "--json")[1])
        return told["decision"]["action"], told["learning_rate"]

    assert action("-e", "3", "--override", "3") == ("preset", 0.25)
    assert action("-e", "2", "--pretrain-epochs", "2", "-s", "pretrain_learning_rate=0.125") == ("preset", 0.125)
    assert action("-e", "6") == ("decay", 0.125)
    assert action("-e", "6", "--non-finite", "keep") == ("keep", 0.25)


def test_a_pretraining_that_is_not_over_gives_the_epoch_to_come(run, saved):
    saved(_history(0.125, 0.125))
    options = ["--set", "pretrain_learning_rate=0.125", "--pretrain-epochs", "9", "-e", "3", "--json"]
    assert json.loads(run("explain", "learning_rates", *NEWBOB, *options)[1])["learning_rate"] == 0.125


def test_compare_puts_the_schedules_side_by_side(run, configs):
    code, out, err = run("compare", "learning_rates", *configs)
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines() if line]
    assert lines[:3] == [["learning_rates"], ["free", "past"], ["epoch", "recorded", "half", "quarter"]]
    assert lines[4:8] == [
        ["1", "0.5", "0.5", "0.5"],
        ["2", "0.5", "0.5", "0.5"],
        ["3", "0.25", "0.25", "0.125", "*", "apart"],
        ["4", "0.25", "0.125", "*", "0.0312", "*", "apart"],
    ]
    assert "0.03125 *" in run("compare", "learning_rates", *configs, "--exact")[1]
    compared = compare(
        {
            name: schedule_from_config(SETTINGS | {"learning_rate_decay": decay})
            for name, decay in (("half", 0.5), ("quarter", 0.25))
        },
        HISTORY,
    )
    assert out.splitlines()[-4:] == [
        "* not the recorded rate",
        *(f"{name}: {note}" for name, note in compared.notes.items()),
        "the schedules are first apart at epoch 3",
    ]


def test_compare_with_the_recorded_past(run, configs):
    out = run("compare", "learning_rates", *configs, "--mode", "recorded")[1]
    lines = [line.split() for line in out.splitlines() if line]
    assert ["4", "0.25", "0.125", "*", "0.0625", "*", "apart"] in lines
    assert out.splitlines()[-2:] == ["* not the recorded rate", "the schedules are first apart at epoch 3"]


def test_compare_shows_only_epochs_where_any_of_the_rates_changes(run, configs, tmp_path):
    (tmp_path / "constant").write_text(json.dumps(SETTINGS | {"learning_rate_control": "constant"}))
    for options in (configs, ["-c", "constant", "-c", "half", "--mode", "recorded"]):
        out = run("compare", "learning_rates", *options, "--changes-only")[1]
        assert [line.split()[0] for line in out.splitlines() if line.strip()[:1].isdigit()] == ["1", "3", "4"]


def test_a_setting_goes_over_every_configuration(run, configs):
    out = run("compare", "learning_rates", *configs, "--set", "learning_rate_decay=1.0")[1]
    assert out.splitlines()[-1] == "the schedules agree everywhere"


def test_one_schedule_is_compared_with_the_recorded_one_alone(run, configs):
    out = run("compare", "learning_rates", "-c", "quarter")[1]
    assert "apart" not in out
    assert out.splitlines()[-1].startswith("quarter: from epoch 3 on the rates are not the recorded ones")


def test_schedules_of_one_name_are_told_apart(run, configs, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "half").write_text(json.dumps(SETTINGS))
    for given, names in (
        (["half", "other/half"], ["half", "other/half"]),
        (["half", "half"], ["half (1)", "half (2)"]),
    ):
        options = [option for name in given for option in ("-c", name)]
        told = json.loads(run("compare", "learning_rates", *options, "--json")[1])
        assert sorted(told["schedules"]) == names


def test_a_configuration_that_is_called_as_a_column(run, configs, tmp_path):
    (tmp_path / "recorded").write_text(json.dumps(SETTINGS))
    told = json.loads(run("compare", "learning_rates", "-c", "recorded", "--json")[1])
    assert list(told["schedules"]) == ["recorded (1)"]


def test_compare_writes_json_and_csv(run, configs, tmp_path):
    code, out, _ = run("compare", "learning_rates", *configs, "--json")
    told = json.loads(out, parse_constant=pytest.fail)
    assert (code, told["file"], told["apart_from"]) == (0, "learning_rates", 3)
    code, out, err = run("compare", "learning_rates", *configs, "-o", "all.JSON")
    assert (code, err) == (0, "")
    assert out.splitlines()[-2:] == ["the schedules are first apart at epoch 3", "written to all.JSON"]
    assert "recorded  half" not in out
    assert json.loads((tmp_path / "all.JSON").read_text()) == told
    assert json.loads(run("compare", "learning_rates", *configs, "-o", "all.csv", "--json")[1]) == told
    rows = list(csv.reader((tmp_path / "all.csv").read_text().splitlines()))
    assert rows[0] == ["epoch", "recorded", "half", "half (guess)", "quarter", "quarter (guess)"]
    assert rows[-1] == ["4", "0.25", "0.125", "False", "0.03125", "True"]
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["compare", "learning_rates"], 2, "no schedule: pass --config CONFIG or --schedule FILE.py:NAME for each"),
        (["compare", "learning_rates", "-c", "half", "-o", "x.txt"], 2, "must end in .csv or .json, got 'x.txt'"),
        (["compare", "learning_rates", "-c", "half", "-o", "no/x.csv"], 3, "its folder is not there: 'no/x.csv'"),
        (
            ["compare", "learning_rates", "-c", "x.json", "-o", "x.json"],
            2,
            "OUT must be another file than those that are",
        ),
        (["compare", "learning_rates", "-c", "nothing"], 3, "No such file or directory"),
        (
            ["explain", "learning_rates"],
            2,
            "no schedule: pass --config CONFIG, --set KEY=VALUE or --schedule FILE.py:NAME",
        ),
        (["explain", "nothing", *NEWBOB], 3, "No such file or directory"),
        (["explain", "learning_rates", *NEWBOB, "-e", str(2**63)], 2, "epoch must be an integer below 2**63"),
    ],
)
def test_errors_are_one_line_and_have_an_exit_code(run, configs, arguments, code, message):
    found, out, err = run(*arguments)
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert message in err
    assert err.startswith("lrsched: error: ")
