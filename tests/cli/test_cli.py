"""The command line: what it prints, and how it exits."""

import json
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from lrsched import EpochData, FileStorage, History, SqliteStorage
from lrsched.cli import GROUPS, commands, main
from lrsched.cli.demo import RECORDED

NEWBOB = ["--set", "learning_rate_control=newbob", "--set", "learning_rate=0.5"]


@pytest.fixture
def file(tmp_path):
    """Three epochs of newbob with decay 0.5, and a fourth that is not."""
    history = History(
        {
            1: EpochData(learning_rate=0.5, error={"dev_score": 2.0, "train_score": 3.0}),
            2: EpochData(learning_rate=0.5, error={"dev_score": 2.0}, meta={"gpu": ("a", float("nan"))}),
            3: EpochData(learning_rate=0.25, error={"dev_score": float("inf")}),
            4: EpochData(learning_rate=0.2),
        }
    )
    path = tmp_path / "learning_rates"
    FileStorage(path).save(history)
    return str(path)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config"
    path.write_text("learning_rate_control newbob  # a comment\nlearning_rate 0.5\n")
    return str(path)


def test_show_marks_changes_and_names_the_error(run, file):
    code, out, err = run("show", file)
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert rows[1][:3] == ["error:", "dev_score", "(picked:"]
    assert ["epoch", "learning", "rate", "change", "dev_score"] in rows
    assert ["1", "0.5", "2"] in rows
    assert ["3", "0.25", "down", "x0.5", "inf"] in rows
    assert ["4", "0.2", "down", "x0.8", "not", "finished"] in rows


def test_show_another_error(run, file):
    _, out, _ = run("show", file, "--key", "train_score")
    assert out.splitlines()[1] == "error: train_score (given with --key)"
    rows = [line.split() for line in out.splitlines()]
    assert ["1", "0.5", "3"] in rows
    assert ["2", "0.5"] in rows


def test_show_as_json_is_strict_json(run, file):
    code, out, _ = run("show", file, "--json")
    shown = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert shown["epochs"][2]["error"] == {"dev_score": "Infinity"}
    assert shown["epochs"][1]["meta"] == {"gpu": ["a", "NaN"]}
    assert shown["epochs"][3]["change"] == 0.8
    assert shown["epochs"][0]["error_key"]["key"] == "dev_score"


def test_show_marks_what_is_not_finished_only_where_something_is_not(run, file, tmp_path):
    _, out, _ = run("show", file)
    assert [line.split()[0] for line in out.splitlines() if "not finished" in line] == ["4"]
    epochs = json.loads(run("show", file, "--json")[1])["epochs"]
    assert [epoch["finished"] for epoch in epochs] == [True, True, True, False]
    path = tmp_path / "all finished"
    FileStorage(path).save(History({1: EpochData(learning_rate=0.5, error={"dev_score": 2.0})}))
    assert "not finished" not in run("show", str(path))[1]


@pytest.mark.parametrize("key", ["gpu", ":meta:gpu"])
def test_show_a_meta_value(run, file, key):
    code, out, err = run("show", file, "--key", key)
    assert (code, err) == (0, "")
    assert ["2", "0.5", "['a',", "'NaN']"] in [line.split() for line in out.splitlines()]
    epochs = json.loads(run("show", file, "--key", key, "--json")[1])["epochs"]
    assert [epoch["error_value"] for epoch in epochs] == [None, ["a", "NaN"], None, None]
    assert [epoch["error_key"]["key"] for epoch in epochs] == [None, ":meta:gpu", None, None]


def test_an_error_goes_before_a_meta_value_of_its_name(run, tmp_path):
    path = tmp_path / "learning_rates"
    FileStorage(path).save(
        History({1: EpochData(error={"steps": 1.5}, meta={"steps": 7}), 2: EpochData(meta={"steps": 8})})
    )
    shown = {
        key: [epoch["error_value"] for epoch in json.loads(run("show", str(path), "-k", key, "--json")[1])["epochs"]]
        for key in ("steps", ":meta:steps")
    }
    assert shown == {"steps": [1.5, None], ":meta:steps": [7, 8]}


def test_show_says_what_there_is_instead_of_a_key_that_is_not(run, file):
    code, out, err = run("show", file, "--key", "dev_scor")
    assert (code, err) == (1, f"lrsched: error: no epoch has 'dev_scor'; did you mean 'dev_score'? @ {file}\n")
    assert "0.25" in out
    code, out, err = run("show", file, "--key", "wer", "--json")
    assert (code, err) == (
        1,
        f"lrsched: error: no epoch has 'wer'; there are 'dev_score', 'gpu', 'train_score' @ {file}\n",
    )
    assert len(json.loads(out)["epochs"]) == 4


def test_best_shows_the_best_first(run, file):
    code, out, err = run("best", file, "--key", "dev_score", "-n", "9")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines() if line.strip()[:1].isdigit()]
    assert rows == [["1", "2", "0.5"], ["2", "2", "0.5"], ["3", "inf", "0.25"]]
    _, out, _ = run("best", file, "-k", "dev_score")
    assert [line.split() for line in out.splitlines() if line.strip()[:1].isdigit()] == rows[:1]


def test_best_as_json_is_strict_json(run, file):
    code, out, _ = run("best", file, "--key", "dev_score", "-n", "3", "--json")
    assert code == 0
    assert json.loads(out, parse_constant=pytest.fail) == {
        "file": file,
        "key": "dev_score",
        "epochs": [
            {"epoch": 1, "value": 2.0, "learning_rate": 0.5},
            {"epoch": 2, "value": 2.0, "learning_rate": 0.5},
            {"epoch": 3, "value": "Infinity", "learning_rate": 0.25},
        ],
    }


def test_numbers_are_shown_in_full_where_all_digits_are_wanted(run, tmp_path):
    path = tmp_path / "learning_rates"
    FileStorage(path).save(History({1: EpochData(learning_rate=0.1 + 0.2, error={"a": 1 / 3})}))
    for arguments in (["show"], ["best", "-k", "a"]):
        _, out, _ = run(arguments[0], str(path), *arguments[1:])
        assert {"0.3", "0.333"} <= set(out.split())
        _, out, _ = run(arguments[0], str(path), *arguments[1:], "--exact")
        assert {"0.30000000000000004", "0.3333333333333333"} <= set(out.split())


@pytest.mark.parametrize(
    ("error", "key", "why"),
    [
        ({}, "dev_score", "no epoch is finished"),
        ({"dev_score": float("nan")}, "dev_score", "'dev_score' is NaN in every epoch that has it"),
        ({"dev_score": 1.0}, "dev_scores", "no epoch has the error 'dev_scores'; did you mean 'dev_score'?"),
        ({"b": 1.0, "a": 1.0}, "dev_score", "no epoch has the error 'dev_score'; there are 'a', 'b'"),
        ({"a": 1.0, ":meta:gpu": "x"}, "gpu", "no epoch has the error 'gpu'; there are 'a'"),
    ],
)
def test_best_says_why_no_epoch_is(run, tmp_path, error, key, why):
    path = tmp_path / "learning_rates"
    FileStorage(path).save(History({1: EpochData(learning_rate=0.5, error=error)}))
    told = f"lrsched: error: {why} @ {path}\n"
    assert run("best", str(path), "--key", key) == (1, "", told)
    code, out, err = run("best", str(path), "--key", key, "--json")
    assert (code, err) == (1, told)
    assert json.loads(out) == {"file": str(path), "key": key, "epochs": []}


def test_best_asks_for_a_key_and_names_them(run, file):
    code, out, err = run("best", file)
    assert (code, out) == (2, "")
    assert err.endswith("pass --key KEY; there are 'dev_score', 'train_score'\n")


def test_a_file_that_is_just_being_written_is_told_from_a_broken_one(run, tmp_path):
    path = tmp_path / "learning_rates"
    for command in (["show"], ["best", "-k", "a"], ["verify", *NEWBOB]):
        path.write_text("")
        code, _, err = run(command[0], str(path), *command[1:])
        assert (code, err) == (3, f"lrsched: error: the file is empty; it may just be being written @ {path}:1\n")
        path.write_text("{")
        code, _, err = run(command[0], str(path), *command[1:])
        assert code == 3
        assert "being written" not in err


def test_replay_puts_the_rates_side_by_side_with_reasons(run, file, config):
    code, out, _ = run("replay", file, "--config", config)
    assert code == 0
    lines = out.splitlines()
    assert lines[1] == "recorded past, newbob_relative"
    rows = {line.split()[0]: (line.split(), below.strip()) for line, below in pairwise(lines) if line}
    assert rows["2"][0] == ["2", "0.5", "0.5", "keep"]
    assert rows["3"] == (
        ["3", "0.25", "0.25", "decay"],
        "relative error 0 is above the threshold -0.01; dev_score 2 -> 2 (epochs 1 -> 2)",
    )
    assert rows["4"][0] == ["4", "0.2", "0.125", "differs", "decay"]


def test_replay_free_goes_on_from_its_own_rates(run, file):
    rates = {}
    for mode in ("recorded", "free"):
        _, out, _ = run("replay", file, *NEWBOB, "--set", "newbob_learning_rate_decay=0.1", "--mode", mode, "--json")
        rates[mode] = [epoch["learning_rate"] for epoch in json.loads(out)["epochs"]]
    assert rates["recorded"] == [0.5, 0.5, 0.05, 0.025]
    assert rates["free"] == [0.5, 0.5, 0.05, 0.005000000000000001]


def test_replay_can_show_changes_only(run, file, config):
    _, out, _ = run("replay", file, "-c", config, "--changes-only")
    assert [line.split()[0] for line in out.splitlines() if line.strip()[:1].isdigit()] == ["1", "3", "4"]


def test_verify_tells_the_first_differences(run, file, config):
    code, out, _ = run("verify", file, "--config", config)
    assert code == 1
    assert "1 of 4 epochs differ" in out
    assert "differs" in out
    code, out, _ = run("verify", file, "--config", config, "--json")
    told = json.loads(out)
    assert code == 1
    assert (told["reproduced"], told["different"], told["differences"][0]["epoch"]) == (False, 1, 4)


def test_verify_is_content_with_rates_that_were_set_by_hand(run, file, config):
    code, out, _ = run("verify", file, "--config", config, "--override", "4")
    assert code == 0
    assert "all 4 epochs are reproduced exactly" in out


def test_a_setting_given_goes_over_the_file(run, file, config):
    code, _, _ = run("verify", file, "-c", config, "-s", "newbob_learning_rate_decay=0.4", "--override", "3-4")
    assert code == 0


def test_verify_tries_what_nan_means_in_returnn(run, tmp_path):
    path = tmp_path / "learning_rates"
    scores = [1.0, float("nan"), 1.0]
    FileStorage(path).save(
        History({e: EpochData(learning_rate=0.5, error={"dev_score": s}) for e, s in enumerate(scores, start=1)})
    )
    code, out, _ = run("verify", str(path), *NEWBOB)
    assert code == 0
    assert "as" not in out.split("exactly")[0].split()
    assert "mean what they do in RETURNN" in out
    assert run("verify", str(path), *NEWBOB, "--non-finite", "worse")[0] == 1
    assert run("verify", str(path), *NEWBOB, "--non-finite", "original")[0] == 0


def test_pretraining_fixes_the_first_rates(run, tmp_path):
    path = tmp_path / "learning_rates"
    rates = [0.1, 0.1, 0.5, 0.25]
    FileStorage(path).save(
        History({e: EpochData(learning_rate=r, error={"dev_score": 1.0}) for e, r in enumerate(rates, start=1)})
    )
    options = [*NEWBOB, "--set", "pretrain_learning_rate=0.1"]
    assert run("verify", str(path), *options, "--pretrain-epochs", "2")[0] == 0
    assert run("verify", str(path), *options, "--pretrain-epochs", "1")[0] == 1


def test_a_pretraining_longer_than_the_history_is_all_of_it(run, file):
    assert run("verify", file, *NEWBOB, "--pretrain-epochs", "999999999999", "--override", "3,4-4")[0] == 0


def test_misspelt_settings_are_reported_on_the_standard_error(run, file, config):
    _, _, err = run("replay", file, "-c", config, "-s", "newbob_relativ_error_threshold=0")
    assert "warning: nothing reads the setting 'newbob_relativ_error_threshold'; did you mean" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "no_such_file"], 3, "No such file or directory"),
        (["replay", "FILE"], 2, "no schedule: pass --config CONFIG, --set KEY=VALUE or --schedule FILE.py:NAME"),
        (["replay", "FILE", "--set", "learning_rate"], 2, "a setting must be KEY=VALUE"),
        (["replay", "FILE", "--config", "no_such_file"], 3, "No such file or directory"),
        (["replay", "FILE", "--set", "learning_rate=-1"], 2, "must be a finite number >= 0, got -1"),
        (["verify", "FILE", *NEWBOB, "--override", "3-2"], 2, "--override must be epochs like 1,4,7-9"),
        (["verify", "FILE", *NEWBOB, "--override", "one"], 2, "--override must be epochs like 1,4,7-9"),
        (["verify", "FILE", *NEWBOB, "--override", "1-999999999999"], 2, "with a recorded rate, got 5"),
        (["verify", "FILE", *NEWBOB, "--override", "99"], 2, "an override must be an epoch with a recorded rate"),
    ],
)
def test_errors_are_one_line_and_have_an_exit_code(run, file, arguments, code, message):
    found, out, err = run(*[file if argument == "FILE" else argument for argument in arguments])
    assert found == code
    assert message in err
    assert err.startswith("lrsched: error: ")
    assert err.count("\n") == 1
    assert out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["show"],
        ["no-such-command"],
        ["best"],
        ["best", "x", "-k", "a", "-n", "0"],
        ["replay", "x", "--mode", "own"],
        ["show", "--no"],
        ["show", "--json=1", "x"],
    ],
)
def test_wrong_usage_exits_with_2_and_one_line(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"lrsched: error: .*\n", err)


def test_ctrl_c_ends_it_with_one_line(run, file, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lrsched.cli.options.read", interrupted)
    assert run("show", file) == (130, "", "\nlrsched: error: interrupted\n")


def test_without_a_command_the_help_is_shown(run):
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err == run("--help")[1]


def test_a_broken_file_is_named_with_its_line(run, tmp_path):
    path = tmp_path / "broken"
    path.write_text("{\n1: EpochData(learningRate=0.1, error={'a': exit(7)}),\n}\n")
    code, _, err = run("show", str(path))
    assert code == 3
    assert f"'exit' is not a literal; nothing was run @ {path}:2" in err


def test_text_from_a_file_cannot_drive_the_terminal(run, tmp_path):
    path = tmp_path / "learning_rates"
    FileStorage(path).save(History({1: EpochData(learning_rate=0.5, error={"\x1b[31m[red]": 1.0})}))
    for arguments in (["show"], ["show", "-k", "\x1b[31m[red]"], ["best", "-k", "\x1b[31m[red]"]):
        _, out, _ = run(arguments[0], str(path), *arguments[1:])
        assert "\x1b" not in out
        assert r"\x1b[31m[red]" in out


def test_the_demo_shows_replays_and_explains(run):
    code, out, _ = run("demo")
    assert code == 0
    assert "Reproduced exactly: 30 of 30 epochs." in out
    assert "Why did the rate drop at epoch" in out
    told = json.loads(run("demo", "--json")[1])
    assert told["reproduced"] is True
    assert len(told["epochs"]) == 30


def test_version_and_help(run):
    from lrsched import __version__

    assert run("--version")[1] == f"lrsched {__version__}\n"
    assert "Exit codes" in run("--help")[1]
    for command in ("show", "best", "replay", "verify", "demo"):
        code, out, _ = run(command, "--help")
        assert code == 0
        assert "--json" in out


def test_a_reader_that_stops_early_is_no_error(file):
    program = f"{sys.executable} -c 'from lrsched.cli import main; main()'"
    command = f"{program} replay {file} {' '.join(NEWBOB)} | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{file}\n", "")


@pytest.mark.parametrize("command", [["show"], ["show", "--json"], ["replay", *NEWBOB]])
@pytest.mark.parametrize("output", ["full", "closed"])
def test_an_output_that_cannot_be_written_is_one_line(output, command, file):
    program = [sys.executable, "-c", "from lrsched.cli import main; main()", *command, file]
    around = ["bash", "-c", '"$@" > /dev/full' if output == "full" else '"$@" >&-', "bash", *program]
    done = subprocess.run(around, capture_output=True, text=True, check=False)
    full = (3, "lrsched: error: the output cannot be written: No space left on device\n")
    assert (done.returncode, done.stderr) == (full if output == "full" else (0, ""))


def test_the_help_says_all_that_is_in_the_reference(monkeypatch, capsys):
    """Brackets, for one, could be taken for mark-up and vanish."""
    monkeypatch.setenv("COLUMNS", "2000")
    for name, command in commands().items():
        with pytest.raises(SystemExit):
            main([name, "--help"])
        shown = " ".join(capsys.readouterr().out.split())
        for parameter in command.params:
            assert parameter.help in shown


def _help(run, *command, columns):
    code, out, err = run(*command, "--help", columns=columns)
    assert (code, err) == (0, "")
    return out.splitlines()


def test_the_help_has_whole_paragraphs_defaults_and_no_values_of_flags(run):
    lines = _help(run, "verify", columns=400)
    assert any(line.endswith("[default: (worse)]") for line in lines)
    for flag in ("--json", "--exact", "--higher-is-better", "-h, --help"):
        (line,) = [each for each in lines if each.startswith(f"  {flag} ")]
        assert re.fullmatch(rf"  {flag} +[A-Z].*\.", line)
    (line,) = [each for each in _help(run, "show", columns=400) if "With a schedule" in each]
    assert "The exit code is 1 if no epoch has KEY." in line


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("command", [(), *((name,) for name in commands())])
def test_the_help_fits_the_terminal(run, command, columns):
    """All but examples, which are copied from it, and a path that is longer than a line."""
    lines = _help(run, *command, columns=columns)
    text = lines[: lines.index("Examples:")]
    assert max(len(line) for line in text if " " in line.strip()) <= columns
    heading = next(place for place, line in enumerate(text) if re.fullmatch("[A-Z].*:", line))
    for line, after in pairwise(text[text.index("") : heading]):  # no line is broken where the source is
        assert not (line and after) or len(f"{line} {after.split()[0]}") > columns


def test_the_help_names_each_command_once_and_says_what_the_command_says(run):
    lines = _help(run, columns=400)
    for name, command in commands().items():
        (line,) = [each for each in lines if re.match(rf"  {name}  ", each)]
        assert line.split("  ", 2)[2].strip() == command.help.partition("\n\n")[0]
    titles = [line for line in lines if re.fullmatch(r"[A-Z][a-z ]*:", line)]
    assert titles == [*(f"{title}:" for title in GROUPS), "Options:", "Examples:"]


SPACE = "[grid]\nnewbob_learning_rate_decay = [0.5, 0.9]\n"
HALVE = "def halve(history, epoch):\n    return 0.1 / 2 ** (epoch // 10)\n"


@pytest.fixture
def examples_folder(tmp_path, monkeypatch, run):
    """What the examples of the help take for there."""
    monkeypatch.chdir(tmp_path)
    for name in ("learning_rates", "config.json"):
        (tmp_path / name).write_bytes((RECORDED / name).read_bytes())
    (tmp_path / "space.toml").write_text(SPACE)
    (tmp_path / "my_schedules.py").write_text(HALVE)
    SqliteStorage("runs.db", run="before").save(FileStorage("learning_rates").load())


@pytest.mark.parametrize("line", [line for each in commands().values() for line in each.epilog.splitlines()])
def test_the_examples_of_the_help_run(run, examples_folder, line):
    program, *arguments = shlex.split(line)
    arguments += {"follow": ["--until", "30"], "check": ["--budget", "20"]}.get(arguments[0], [])  # it ends, and soon
    assert program == "lrsched"
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert out


def test_every_command_has_an_example():
    for name, command in commands().items():
        assert command.epilog.startswith(f"lrsched {name}"), name


def test_the_program_is_a_module_too():
    program = [sys.executable, "-m", "lrsched"]
    done = subprocess.run([*program, "show", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: python -m lrsched show [OPTIONS] FILE\n")
    done = subprocess.run([*program, "show"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "lrsched: error: Missing argument 'FILE'; see python -m lrsched show --help\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_the_script_that_completes(run, monkeypatch, shell):
    monkeypatch.setenv("_LRSCHED_COMPLETE", f"{shell}_source")
    code, script, err = run()
    assert (code, err) == (0, "")
    assert f"_LRSCHED_COMPLETE={shell}_complete" in script
    page = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert f"_LRSCHED_COMPLETE={shell}_source lrsched" in page


@pytest.mark.parametrize(
    ("words", "completed"),
    [("lrsched re", ["replay", "report", "repair"]), ("lrsched show --pl", ["--plot"]), ("lrsched show x", ["x"])],
)
def test_a_shell_completes_commands_options_and_files(run, monkeypatch, words, completed):
    monkeypatch.setenv("_LRSCHED_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    _, out, _ = run()
    kind = "file" if completed == ["x"] else "plain"
    assert out.split() == [f"{kind},{each}" for each in completed]


def test_every_option_has_a_help_and_without_docstrings_commands_run_all_the_same(file):
    for command in commands().values():
        for parameter in command.params:
            assert parameter.help, (command, parameter)
    program = [sys.executable, "-OO", "-c", "from lrsched.cli import main; main()", "show", file]
    assert subprocess.run(program, capture_output=True, text=True, check=True).stdout.startswith(f"{file}\n")
