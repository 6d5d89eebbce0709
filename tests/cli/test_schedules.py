"""The options that say which schedule a command asks: the same for all commands, and ``--schedule``."""

import json
import sys
import textwrap

import pytest

from lrsched import EpochData, FileStorage, History
from lrsched.cli import commands, main

SCHEDULES = """
    print("loaded")  # which is no part of the answer

    from lrsched import Constant
    import helper

    def half(history, epoch):
        return helper.FIRST / 2.0 ** (epoch > 2)

    def make():
        return Constant(0.5)

    several = [half, Constant(0.5)]
    number = 3
    none = []
    text = "abc"

    def fails(history, epoch):
        raise KeyError("nothing")

    def cannot():
        raise KeyError("no")

    def leaves(history, epoch):
        raise SystemExit("enough")

    def reads(history, epoch):
        return float(open("nowhere").read())

    def decodes(history, epoch):
        return __import__("json").loads("x")
"""
HISTORY = History({e: EpochData(learning_rate=0.5 / 2 ** (e > 2), error={"dev_score": 1.0 / e}) for e in range(1, 5)})
ACCURACY = History({e: EpochData(learning_rate=0.5, error={"acc": e / 10}) for e in range(1, 5)})
ASK_A_SCHEDULE = ("show", "replay", "verify", "explain", "compare", "sweep", "plot", "report")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two histories, and a file of schedules that imports another one of its folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "helper.py").write_text("FIRST = 0.5\n")
    (tmp_path / "code" / "mine.py").write_text(textwrap.dedent(SCHEDULES))
    (tmp_path / "config").write_text("learning_rate_control newbob\nlearning_rate 0.5\n")
    (tmp_path / "space.json").write_text('{"grid": {"learning_rate": [0.5]}}')
    FileStorage("learning_rates").save(HISTORY)
    FileStorage("accuracy").save(ACCURACY)
    return tmp_path


def _options(command):
    return {name for parameter in command.params for name in parameter.opts}


def test_the_options_of_a_schedule_are_the_same_for_all_commands():
    options = {"--config", "--set", "--exec-config", "--schedule", "--pretrain-epochs", "--override", "--non-finite"}
    having = {name for name, command in commands().items() if options <= _options(command)}
    assert having == set(ASK_A_SCHEDULE)
    higher = {name for name, command in commands().items() if "--higher-is-better" in _options(command)}
    assert higher == {*ASK_A_SCHEDULE, "best"}


@pytest.mark.parametrize("command", ["show", "replay", "verify", "explain", "compare", "sweep", "sweep --jobs 2"])
def test_what_a_schedule_prints_is_no_part_of_the_answer(folder, capfd, command):
    """Also what it prints in another process."""
    (folder / "loud.py").write_text("def loud(history, epoch):\n    print('asked')\n    return 0.5\n")
    name, *options = command.split()
    arguments = [name, "learning_rates", *options, "--schedule", "loud.py:loud"]
    with pytest.raises(SystemExit):
        main([*arguments, "--json"])
    out, err = capfd.readouterr()
    assert json.loads(out)
    assert ("asked" in err) == (name != "show")
    with pytest.raises(SystemExit):
        main(arguments)
    assert "asked" not in capfd.readouterr().out


@pytest.mark.parametrize("name", ["half", "make"])
def test_a_schedule_in_python_is_asked(run, folder, name):
    path, modules = [*sys.path], {*sys.modules}
    code, out, err = run("replay", "learning_rates", "--schedule", f"code/mine.py:{name}", "--json")
    assert (code, err) == (0, "loaded\n")
    rates = [epoch["learning_rate"] for epoch in json.loads(out)["epochs"]]
    assert rates == ([0.5, 0.5, 0.25, 0.25] if name == "half" else [0.5, 0.5, 0.5, 0.25])
    assert sys.path == path
    assert not {"mine", "helper"} & ({*sys.modules} - modules)


def test_every_command_asks_it(run, folder):
    half = ["--schedule", "code/mine.py:half"]
    assert run("verify", "learning_rates", *half)[:2] == (0, "learning_rates: all 4 epochs are reproduced exactly\n")
    assert run("verify", "learning_rates", "--schedule", "code/mine.py:make", "--override", "3-4")[0] == 0
    assert "0.5 -> 0.25 (decay, half): the function's answer" in run("explain", "learning_rates", *half)[1]
    assert run("show", "learning_rates", *half)[0] == 0
    several = ["-c", "config", *half, "--schedule", "code/mine.py:several"]
    told = json.loads(run("compare", "learning_rates", *several, "--json")[1])
    assert sorted(told["schedules"]) == ["config", "mine.py:half", "mine.py:several[0]", "mine.py:several[1]"]
    told = json.loads(run("sweep", "learning_rates", "--schedule", "code/mine.py:several", "--json")[1])
    assert [row["agreement"] for row in told["rows"]] == [4, 2]
    assert "2 settings" not in run("sweep", "learning_rates", *half)[1]
    lines = run("sweep", "learning_rates", "--schedule", "code/mine.py:several", columns=80)[1].splitlines()
    assert max(map(len, lines)) <= 80  # also where a schedule is as long as it is
    names = ["mine.py:several[0]", "mine.py:several[1]"]
    assert all(any(name in line for line in lines) for name in names)
    told = json.loads(run("sweep", "learning_rates", "--schedule", "code/mine.py:several", "--json")[1])
    assert [row["schedule"] for row in told["rows"]] == names
    for command, out in (("plot", "x.svg"), ("report", "x.html")):
        options = [*half, "--compare", "code/mine.py:make", "--compare", "config"]
        assert run(command, "learning_rates", *options, "-o", out)[0] == 0
        assert "mine.py:make" in (folder / out).read_text()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--schedule", "x.toml"], 2, "got 'x.toml'; as in my_schedules.py:halve; schedules in TOML and JSON are not"),
        (["--schedule", "code/x.json"], 2, "schedules in TOML and JSON are not read yet"),
        (["--schedule", "mine:half"], 2, "--schedule must be FILE.py:NAME, code that is run, got 'mine:half'"),
        (["--schedule", "code/mine.py"], 2, "--schedule must be FILE.py:NAME"),
        (["--schedule", "code/mine.py:"], 2, "--schedule must be FILE.py:NAME, code that is run"),
        (["--schedule", "code/mine.py:hal"], 2, "code/mine.py has no 'hal'; did you mean 'half'?"),
        (["--schedule", "code/none.py:half"], 3, "there is no such file"),
        (["--schedule", "code/mine.py:number"], 2, "must be a Schedule or a function (history, epoch) -> rate, got 3"),
        (["--schedule", "code/mine.py:fails"], 3, "running it raised KeyError: 'nothing' @ {mine}:19"),
        (["--schedule", "code/mine.py:cannot"], 3, "running it raised KeyError: 'no' @ {mine}:22"),
        (["--schedule", "code/mine.py:leaves"], 3, "running it raised SystemExit: enough @ {mine}:25"),
        (["--schedule", "code/mine.py:reads"], 3, "No such file or directory: 'nowhere' @ {mine}:28"),
        (["--schedule", "code/mine.py:decodes"], 3, "(char 0) @ {mine}:31"),
        (
            ["--schedule", "code/mine.py:none"],
            2,
            "--schedule code/mine.py:none must be a schedule or a list of at least one",
        ),
        (["--schedule", "code/mine.py:text"], 2, "or a function (history, epoch) -> rate, got 'abc'"),
        (["--schedule", "code/mine.py:several"], 2, "code/mine.py:several names 2 schedules; name one, or use"),
        (["--schedule", "code/mine.py:half", "-c", "config"], 2, "leave out all but one of --config and --schedule"),
        (["-c", "config", "-c", "config"], 2, "one schedule at a time"),
        (["--schedule", "code/mine.py:half", "-s", "learning_rate=1"], 2, "leave out --set"),
        (["--schedule", "code/mine.py:half", "--pretrain-epochs", "2"], 2, "leave out --pretrain-epochs"),
        (["--schedule", "code/mine.py:half", "--non-finite", "keep"], 2, "leave out --non-finite"),
        (["--schedule", "code/mine.py:half", "--higher-is-better"], 2, "leave out --higher-is-better"),
    ],
)
def test_what_cannot_be_asked_is_one_line(run, folder, options, code, said):
    found, out, err = run("replay", "learning_rates", *options)
    assert (found, out) == (code, "")
    assert err.splitlines()[-1].startswith("lrsched: error: ")
    assert said.format(mine=folder / "code" / "mine.py") in err


def test_a_schedule_that_exits_in_a_worker_is_an_error(run, folder):
    code, _, err = run("sweep", "learning_rates", "--schedule", "code/mine.py:leaves", "--jobs", "2")
    assert (code, "running it raised SystemExit: enough" in err) == (3, True)


def test_a_name_that_is_missing_is_answered_with_the_own_names(run, folder):
    (folder / "all.py").write_text("from lrsched import *\nnumber = 3\nhalf = lambda history, epoch: 0.5\n")
    err = run("replay", "learning_rates", "--schedule", "all.py:xyz")[2]
    assert err.startswith("lrsched: error: all.py has no 'xyz'; there are ")
    assert err.endswith("'half', 'number'\n")
    assert "Constant" not in err
    (folder / "all.py").write_text("\n".join(f"n{number:02} = 0" for number in range(99)))
    err = run("replay", "learning_rates", "--schedule", "all.py:xyz")[2]
    assert err.endswith("'n09', ...\n")


def test_a_schedule_in_toml_is_not_compared_yet(run, folder):
    _, _, err = run("plot", "learning_rates", "--compare", "x.toml", "-o", "x.svg")
    assert err.endswith("got 'x.toml'; as in my_schedules.py:halve; schedules in TOML and JSON are not read yet\n")


def test_no_other_option_runs_code(run, folder):
    (folder / "config.py").write_text("raise SystemExit('it was run')\nlearning_rate = 0.5\n")
    for option in ("-c", "--compare"):
        assert "it was run" not in "".join(map(str, run("plot", "learning_rates", option, "config.py", "-o", "x.svg")))
    assert "it was run" not in "".join(map(str, run("sweep", "learning_rates", "--space", "config.py")))


def test_either_a_space_or_a_schedule_is_swept(run, folder):
    for options in ([], ["--space", "space.json", "--schedule", "code/mine.py:half"]):
        code, out, err = run("sweep", "learning_rates", *options)
        assert (code, out) == (2, "")
        assert "pass either --space SPACE, a TOML or JSON file, or --schedule FILE.py:NAME" in err
    code, out, err = run("sweep", "learning_rates", "-c", "config", "--schedule", "code/mine.py:half")
    assert (code, out, "leave out --config or --schedule" in err) == (2, "", True)


def test_larger_errors_may_be_better(run, folder):
    rising = ["-s", "learning_rate_control=newbob", "-s", "learning_rate=0.5"]

    def rates(*options):
        return [
            epoch["learning_rate"] for epoch in json.loads(run("replay", "accuracy", *options, "--json")[1])["epochs"]
        ]

    assert rates(*rising)[-1] == 0.25
    assert rates(*rising, "--higher-is-better") == [0.5] * 4
    assert [
        json.loads(run("best", "accuracy", "-k", "acc", *each, "--json")[1])["epochs"][0]["epoch"]
        for each in ([], ["--higher-is-better"])
    ] == [1, 4]
    rows = json.loads(run("sweep", "accuracy", "--space", "space.json", *rising, "--higher-is-better", "--json")[1])[
        "rows"
    ]
    assert rows[0]["agreement"] == 4
    assert run("show", "accuracy", "--higher-is-better")[0] == 0


def test_a_doubtful_error_is_warned_of_once(run, folder):
    _, _, err = run("replay", "accuracy", "-s", "learning_rate_control=newbob", "-s", "learning_rate=0.5")
    warned = [line for line in err.splitlines() if "'acc'" in line]
    assert len(warned) == 1
    assert warned[0].startswith("lrsched: warning: ")
