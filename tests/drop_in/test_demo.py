"""``python -m lrsched.returnn``, beside the original's demo."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lrsched import EpochData
from lrsched.core.history import History
from lrsched.formats.text import TEXT

RUNNER = Path(__file__).with_name("demo_runner.py")

SCORES = (4.0, 3.0, 3.0, 2.5, 2.6, 2.59)
NETWORK = {
    "input": {"class": "linear", "n_out": 3, "activation": "tanh", "from": ["data"]},
    "hidden": {"class": "linear", "n_out": 3, "activation": "tanh", "from": ["input"]},
    "output": {"class": "softmax", "loss": "ce", "from": ["hidden"]},
}
FILES = {
    "first.config": "#!rnn.py\nlearning_rate = 0.5\nlearning_rate_control = 'newbob'\nlearning_rate_file = 'newbob'\n"
    "newbob_relative_error_threshold = -0.125\nmin_learning_rate = 0.1\n",
    "settings.json": '{"learning_rate_control": "newbob_abs", "learning_rate_file": "newbob"}',
    "lines.config": "learning_rate_control newbob_multi_epoch\nlearning_rate_file newbob\nlearning_rate 0.5\n"
    "newbob_multi_num_epochs 2\nnewbob_multi_update_interval 1\nlearning_rate_decay 0.75\n",
    "pretrain.config": "#!rnn.py\nlearning_rate = 0.5\nlearning_rate_file = 'newbob'\n"
    f"pretrain = 'default'\nnetwork = {NETWORK!r}\npretrain_learning_rate = 0.25\n",
}
COMMANDS = (
    ["first.config"],
    ["first.config", "++check_learning_rates", "1"],
    ["first.config", "++check_learning_rates", "0", "++learning_rate", "0.25", "++learning_rate_file", "newbob"],
    ["first.config", "lines.config"],
    ["first.config", "++min_learning_rate", "0.75"],
    ["settings.json", "++newbob_error_threshold", "+-0.25"],
    ["settings.json", "++learning_rates", "0.5,0.25"],
    ["lines.config", "++newbob_relative_error_threshold", "0.0"],
    ["pretrain.config"],
    ["++learning_rate_file", "newbob", "++learning_rate_control", "constant"],
    ["++learning_rate_file", "late", "++learning_rate_control", "newbob"],
    ["++learning_rate_file", "none_yet"],
    ["++learning_rate_control", "newbob"],
    [],
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What both print, and their exit codes, command by command."""
    folder = tmp_path_factory.mktemp("demo")
    history = History({e: EpochData(learning_rate=0.5, error={"dev_score": s}) for e, s in enumerate(SCORES, 1)})
    (folder / "newbob").write_text(TEXT.render(history), encoding="utf-8")
    (folder / "late").write_text(TEXT.render(History({3: history[3]})), encoding="utf-8")
    for name, content in FILES.items():
        (folder / name).write_text(content, encoding="utf-8")
    found = {}
    for module in ("lrsched.returnn", "returnn.learning_rate_control"):
        command = [sys.executable, str(RUNNER), module, json.dumps(COMMANDS)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found[module] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("number", range(len(COMMANDS)), ids=lambda number: " ".join(COMMANDS[number]) or "nothing")
def test_the_demo_prints_what_the_originals_does(number, answers):
    (mine, code), (original, original_code) = (each[number] for each in answers.values())
    assert code == original_code
    # The original first prints what it reads of the configuration, and of the machine.
    assert _from_the_control_on(mine) == _from_the_control_on(original)
    assert any(line.startswith("LearningRateControl: ") for line in mine)


def _from_the_control_on(lines):
    first = next(i for i, line in enumerate(lines) if line.startswith("Learning-rate-control: "))
    return lines[first:]


def test_the_commands_show_all_there_is_to_show(answers):
    printed = "\n".join(line for lines, _ in answers["lrsched.returnn"] for line in lines)
    for phrase in (
        "No epoch data so far.",
        "Strange, first epoch from epoch data is 3.",
        "Learning rate is different in epoch 4!",
        "Pretrain epoch 1, fixed learning rate: 0.25 (was: 0.5)",
        "First epoch after pretrain, epoch 3, fixed learning rate: 0.5 (was 0.5)",
        ", clipped to 0.75",
        "previous mean relative error: ",
        "Finished, last stored epoch was 6.",
    ):
        assert phrase in printed, phrase
    assert {code for _, code in answers["lrsched.returnn"]} == {0, 1}


def _demo(folder, *arguments):
    command = [sys.executable, "-m", "lrsched.returnn", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["++learning_rate"], 2, "an option must be ++key value, got '++learning_rate'"),
        (["--learning_rate", "1"], 2, "an option must be ++key value, got '--learning_rate'"),
        (["++learning_rate_control", "newton"], 2, "learning_rate_control must be one of constant, newbob"),
        (["no.config"], 3, "No such file or directory"),
        (["++learning_rate_file", "broken"], 3, "@ broken:1"),
    ],
)
def test_what_is_wrong_is_told_on_one_line(tmp_path, arguments, code, message):
    (tmp_path / "broken").write_text("{1:", encoding="utf-8")
    done = _demo(tmp_path, *arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert done.stderr.startswith("lrsched: error: ")
    assert done.stderr.count("\n") == 1


def test_a_configuration_is_run_only_on_request(tmp_path):
    config = (
        "#!rnn.py\nlearning_rate = 0.5\nlearning_rate_control = 'newbob'\nlearning_rate_file = 'newbob'\n"
        "learning_rate_decay = lambda rate: rate / 4\nopen('ran', 'w').close()\n"
    )
    (tmp_path / "f.config").write_text(config, encoding="utf-8")
    history = History({e: EpochData(learning_rate=0.5, error={"dev_score": 1.0}) for e in (1, 2)})
    (tmp_path / "newbob").write_text(TEXT.render(history), encoding="utf-8")
    refused = _demo(tmp_path, "f.config")
    assert refused.returncode == 3
    assert "learning_rate_decay" in refused.stderr
    assert "--exec-config" in refused.stderr
    assert not (tmp_path / "ran").exists()
    done = _demo(tmp_path, "f.config", "--exec-config")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Calculated learning rate for epoch 3: 0.125 (was: None)" in done.stdout
    assert (tmp_path / "ran").exists()
