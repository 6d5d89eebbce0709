"""lrsched check: finds what is to be checked, prints what is found, exits with 0, 1, 2 or 3."""

import itertools
import json
import subprocess
import sys
import textwrap
import types

import pytest

from lrsched.testing import LAWS

SOUND = """
    from fractions import Fraction

    import helper  # of the same folder

    def halve(history, epoch):
        return 0.1 / 2.0 ** min(epoch, helper.MOST)

    def make():
        return halve

    number = 3
    _hidden = halve
"""
BROKEN = """
    import attrs
    from lrsched import Schedule, Decision, Action, Cause

    @attrs.frozen
    class BelowTheFloor(Schedule):
        min_learning_rate: float = 0.06

        def decide(self, history, epoch):
            previous = history.most_recent_learning_rate(epoch)
            if previous is None:
                return Decision(0.1, None, Action.DEFAULT, Cause("x", "y"))
            rate = max(previous, self.min_learning_rate) / 2.0
            action = Action.DECAY if rate < previous else Action.KEEP if rate == previous else Action.GROW
            return Decision(rate, previous, action, Cause("x", "y"))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two files of schedules, in a folder where one is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helper.py").write_text("MOST = 100\n")
    (tmp_path / "sound_one.py").write_text(textwrap.dedent(SOUND))
    (tmp_path / "broken_one.py").write_text(textwrap.dedent(BROKEN))
    return tmp_path


@pytest.mark.parametrize("target", ["sound_one:halve", "sound_one.py:halve", "sound_one:make", "./sound_one.py:halve"])
def test_a_sound_schedule_breaks_no_law(run, folder, target):
    code, out, err = run("check", target, "--budget", 10)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"{target}: no law is broken"
    for name in LAWS:
        assert sum(line.split()[:1] == [name] for line in lines) == 1, name
    assert "10 examples, of seed 0; not claimed, so not checked: scale_invariant, shift_invariant" in out


def test_a_file_in_another_folder_finds_what_is_beside_it(run, folder, monkeypatch):
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert run("check", "../sound_one.py:halve", "--budget", 10, "--law", "answers")[0] == 0
    assert "helper" not in sys.modules
    assert str(folder) not in sys.path


def test_a_broken_schedule_is_shown_with_its_history_and_its_test(run, folder):
    code, out, err = run("check", "broken_one.py:BelowTheFloor", "--budget", 60)
    assert (code, err) == (1, "")
    assert out.startswith("broken_one.py:BelowTheFloor: 1 of 30 laws broken\n")
    assert "min_learning_rate is broken: for epoch 2 the rate goes from 0.1 to 0.05, min_learning_rate is 0.06\n" in out
    assert "the history, for BelowTheFloor()\n\nepoch\n-----\n    1\n" in out
    code = out[out.index("from broken_one import BelowTheFloor") : out.index("\n60 examples")]
    (folder / "test_pasted.py").write_text(code)
    pasted = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_pasted.py"]
    done = subprocess.run(pasted, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 1
    assert "BrokenLawError: for epoch 2 the rate goes from 0.1 to 0.05, min_learning_rate is 0.06" in done.stdout


def test_json_has_everything(run, folder):
    code, out, _ = run("check", "broken_one:BelowTheFloor", "--json", "--seed", 7, "--budget", "50")
    assert code == 1
    told = json.loads(out)
    assert (told["target"], told["sound"], told["seed"], told["examples"]) == (
        "broken_one:BelowTheFloor",
        False,
        7,
        50,
    )
    (broken,) = [law for law in told["laws"] if law["verdict"] == "broken"]
    assert broken["law"] == "min_learning_rate"
    assert list(broken["violation"]["example"]) == ["1"]
    assert broken["violation"]["code"].startswith("from broken_one import BelowTheFloor\n")


def test_laws_claims_histories_and_time_can_be_chosen(run, folder, monkeypatch):
    seconds = itertools.count()  # one passes at each look at the clock
    monkeypatch.setattr("lrsched.testing.search.time", types.SimpleNamespace(monotonic=lambda: next(seconds)))
    code, out, _ = run(
        *("check", "sound_one:halve", "--claim", "never_raises", "--law", "never_raises", "--law", "causal"),
        *("--past", "realistic", "--key", "wer", "--budget", "50s", "--json"),
    )
    told = json.loads(out)
    assert code == 0
    assert {law["law"]: law["verdict"] for law in told["laws"]} == {"never_raises": "holds", "causal": "holds"}
    assert 0 < told["examples"] < 50


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["halve"], "TARGET must be MODULE:NAME or FILE.py:NAME, got 'halve'; as in my_schedules:halve"),
        (["sound_one.py:"], "TARGET must be MODULE:NAME or FILE.py:NAME"),
        (
            ["nothing_here:halve"],
            "there is no module 'nothing_here'; name a module that can be imported here, or a file",
        ),
        (["lrsched.nothing:halve"], "there is no module 'lrsched.nothing'; "),
        (["sound_one.py:halv"], "sound_one.py has no 'halv'; did you mean 'halve'?"),
        (["sound_one:x"], "sound_one has no 'x'; there are 'halve', 'make', 'number'"),
        (["sound_one:number"], "what is checked must be a schedule, a function (history, epoch) -> rate"),
        (
            ["sound_one:Fraction"],
            "schedule must be a Schedule or a function (history, epoch) -> rate, got Fraction(0, 1)",
        ),
        (
            ["sound_one:halve", "--law", "casual"],
            "a law must be one that there is, got 'casual'; did you mean 'causal'?",
        ),
        (["sound_one:halve", "--claim", "causal"], "a claim must be an optional law, got 'causal'; there are scale"),
        (["sound_one:halve", "--budget", "soon"], "budget must be a number of examples or of seconds > 0, got 'soon'"),
    ],
)
def test_what_cannot_be_checked_is_wrong_usage(run, folder, arguments, said):
    code, out, err = run("check", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("lrsched: error: ")
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def halve(:\n", "not Python: invalid syntax @ "),
        ("\nraise KeyError('x')\n", "importing it raised KeyError: 'x' @ "),
        ("import nothing_there\n", "importing it raised ModuleNotFoundError: No module named 'nothing_there' @ "),
        ("raise SystemExit(0)\n", "importing it raised SystemExit: 0 @ "),
    ],
)
@pytest.mark.parametrize("target", ["faulty.py:halve", "faulty:halve"])
def test_what_cannot_be_imported_is_unreadable(run, folder, target, text, said):
    (folder / "faulty.py").write_text(text)
    code, out, err = run("check", target)
    assert (code, out) == (3, "")
    assert said in err
    assert f"faulty.py:{text.count('raise KeyError') + 1}" in err
    assert len(err.splitlines()) == 1


def test_a_file_that_is_not_there_is_unreadable(run, folder):
    code, _, err = run("check", "nothing.py:halve")
    assert code == 3
    assert "there is no such file" in err


def test_a_file_may_have_a_name_that_no_statement_can_import(run, folder):
    (folder / "my-own 1.py").write_text("def below(history, epoch):\n    return -1.0\n")
    code, out, _ = run("check", "my-own 1.py:below", "--budget", 10, "--law", "answers", "--json")
    assert code == 1
    code = json.loads(out)["laws"][0]["violation"]["code"]
    assert code.startswith('from importlib import import_module\nbelow = import_module("my-own 1").below\n')


def test_a_file_may_be_called_like_a_module_that_is_there_already(run, folder):
    (folder / "json.py").write_text("def halve(history, epoch):\n    return 0.5\n")
    assert run("check", "json.py:halve", "--budget", 10, "--law", "round_trip")[0] == 0
    assert sys.modules["json"] is json


def test_a_new_process_is_misled_neither_by_what_is_beside_the_file_nor_by_what_it_prints(run, folder):
    """A folder may have files that are called like modules of Python."""
    (folder / "token.py").write_text("")
    (folder / "queue.py").write_text("")
    (folder / "talks.py").write_text("import os\nos.write(1, b'hello')\n\ndef halve(history, epoch):\n    return 0.5\n")
    code, out, _ = run("check", "talks.py:halve", "--budget", 20, "--law", "new_process", "--json")
    assert code == 0
    assert json.loads(out[out.index("{") :])["laws"][0]["verdict"] == "holds"


def test_ctrl_c_ends_it_and_says_so(run, folder):
    (folder / "slow.py").write_text("def stopped(history, epoch):\n    raise KeyboardInterrupt\n")
    code, out, err = run("check", "slow.py:stopped")
    assert (code, out) == (130, "")
    assert err == "lrsched: error: interrupted: what holds is not known before all is tried\n"


def test_without_the_extra_it_is_named(folder):
    program = "import sys; sys.modules['hypothesis'] = None; from lrsched.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, "check", "sound_one:halve"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "lrsched: error: this needs hypothesis; pip install '.[testing]' in a checkout of lrsched installs it\n"
    )


CHATTY = """
    print("a module that prints")

    def chatty(history, epoch):
        print("asked for", epoch)
        return 0.1

    def leaves(history, epoch):
        raise SystemExit(5)

    def cannot_make():
        raise RuntimeError("no settings")
"""


def test_what_a_module_prints_is_not_in_the_answer(run, folder):
    (folder / "chatty_one.py").write_text(textwrap.dedent(CHATTY))
    code, out, err = run("check", "chatty_one.py:chatty", "--budget", 3, "--law", "answers", "--json")
    assert code == 0
    assert json.loads(out)["sound"] is True
    assert "a module that prints" in err
    assert "asked for 1" in err


def test_a_schedule_that_ends_the_process_has_no_answer(run, folder):
    (folder / "chatty_one.py").write_text(textwrap.dedent(CHATTY))
    code, out, _ = run("check", "chatty_one.py:leaves", "--budget", 3, "--law", "answers")
    assert code == 1
    assert "answers is broken: asked for epoch 1 it raises SystemExit: 5" in out


def test_what_cannot_be_made_is_told_in_one_line(run, folder):
    (folder / "chatty_one.py").write_text(textwrap.dedent(CHATTY))
    code, out, err = run("check", "chatty_one.py:cannot_make", "--budget", 3)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == (
        "lrsched: error: what is checked, cannot_make, must be made when it is called without arguments, "
        "got 'RuntimeError: no settings'; write a function that makes it"
    )
