"""`lrsched verify` on Python configurations as trainings have them.

RETURNN itself runs each configuration and records a training by its own rules; `lrsched verify` reads the configuration
without running it, and must reproduce every rate.
"""

import json
import random

import pytest
from original import Config, control as original, quiet

from lrsched import read
from lrsched.cli import main

EPOCHS = 60

WARMUP = """\
#!rnn.py
import os
import numpy
from returnn.util.basic import get_login_username

debug_mode = int(os.environ.get("DEBUG", "0")) > 0
task = "train"
target = "classes"
EncKeyTotalDim = 1024
AttNumHeads = 1
EncKeyPerHeadDim = EncKeyTotalDim // AttNumHeads

network = {
    "source": {"class": "eval", "eval": "self.network.get_config().typed_value('transform')(source(0))"},
    "lstm0_fw": {"class": "rec", "unit": "nativelstm2", "n_out": 1000, "direction": 1, "from": ["source"]},
    "output": {"class": "softmax", "loss": "ce", "from": ["lstm0_fw"], "target": target},
}

def custom_construct_algo(idx, net_dict):
    # just a function
    return net_dict

pretrain_opts = {"repetitions": 5, "construction_algo": custom_construct_algo}

learning_rate = 0.0008
learning_rates = list(numpy.linspace(0.0003, learning_rate, num=10))  # warmup
learning_rate_control = "newbob_multi_epoch"
learning_rate_control_error_measure = "dev_score"
learning_rate_control_relative_error_relative_lr = True
learning_rate_control_min_num_epochs_per_new_lr = 3
use_learning_rate_control_always = True
newbob_multi_num_epochs = 6
newbob_multi_update_interval = 1
newbob_learning_rate_decay = 0.7
min_learning_rate = learning_rate / 50.
learning_rate_file = "learning_rates"
"""

CYCLES = """\
#!/usr/bin/env python3
from math import sqrt
import numpy as np

# one cycle: up, down, then a tail
total, step = 40, 2
peak_lr = 1e-3
initial_lr, final_lr = peak_lr / 10, 1e-6
cycle = total // step
wup = list(np.linspace(initial_lr, peak_lr, num=cycle))
dec = list(np.linspace(peak_lr, initial_lr, num=cycle))
learning_rates = wup + dec + [final_lr] * 3
learning_rates = learning_rates + [wup[0] * sqrt(2.0), wup[1] * sqrt(2.0), wup[2] * sqrt(2.0)]
assert len(learning_rates) == 46
learning_rate_control = "constant"
learning_rate = peak_lr
learning_rate_file = "work/%s.data" % "learning_rates"
"""

KEYED = """\
#!rnn.py
base_lr = 5e-4
lr_opts = dict(decay=0.9, reset={1: base_lr, 25: base_lr * 0.6})
learning_rates = str(lr_opts["reset"])
learning_rate = base_lr
learning_rate_control = "newbob_abs"
learning_rate_control_error_measure = ["dev_error_{}".format("ctc"), "dev_error_%s" % "ce"]
newbob_error_threshold = -float("0.02")
newbob_learning_rate_decay = lr_opts["decay"]
learning_rate_growth = 1.05
min_learning_rate = max(1e-6, base_lr * 1e-2)
learning_rate_file = f"{'learning'}_rates"
"""

UNBOUNDED = """\
#!rnn.py
learning_rate_control = "newbob_relative"
learning_rate = 10 ** -3
newbob_relative_error_threshold = -float("inf")
newbob_relative_error_div_by_old = True
learning_rate_decay = 2 ** -0.25
max_seq_length = float("inf")
batch_size = [4000, 5000][0 if "gpu" in "cpu" else 1]
del batch_size
"""

BRANCHES = """\
#!rnn.py
stages = {"first": (0.001, 8), "second": (0.0005, 12)}
learning_rates = [stages["first"][0]] * stages["first"][1] + [stages["second"][0]] * stages["second"][1]
if len(learning_rates) > 100:
    learning_rate_control = "constant"
elif learning_rates:
    learning_rate_control = "newbob"
else:
    learning_rate_control = "newbob_abs"
learning_rate = min(learning_rates)
newbob_learning_rate_decay = 0.5 ** 0.5
"""

CONFIGS = {"warmup": WARMUP, "cycles": CYCLES, "keyed": KEYED, "unbounded": UNBOUNDED, "branches": BRANCHES}


def _record(config, file):
    """What RETURNN records in a training with this configuration: it is run, and its own rules decide."""
    numbers = random.Random(1)
    with quiet():
        settings = Config()
        settings.load_file(str(config))
        settings.set("learning_rate_file", str(file))
        control = original.load_learning_rate_control_from_config(settings)
        for epoch in range(1, EPOCHS + 1):
            control.get_learning_rate_for_epoch(epoch)
            score = 2.0 + 3.0 * 0.9**epoch + 0.1 * numbers.random()
            control.set_epoch_error(epoch, {"train_score": score - 0.2, "dev_score": score, "dev_error_ce": score / 5})
        control.save()
    return read(file)


def _verify(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["verify", *map(str, arguments)])
    printed = capsys.readouterr()
    return stopped.value.code, printed.out + printed.err


@pytest.mark.parametrize("name", CONFIGS)
def test_a_recorded_training_is_verified_by_its_python_configuration(name, tmp_path, capsys):
    config, file = tmp_path / f"{name}.config", tmp_path / "learning_rates"
    config.write_text(CONFIGS[name], encoding="utf-8")
    history = _record(config, file)
    assert len({data.learning_rate for data in history.values()}) > 3
    code, printed = _verify(capsys, file, "--config", config)
    assert code == 0, printed
    assert f"all {len(history)} epochs are reproduced exactly" in printed
    for executed in ([], ["--exec-config"]):
        code, printed = _verify(capsys, file, "--config", config, "--set", "learning_rates=[0.123]", *executed)
        assert code == 1, printed


def test_a_decay_that_is_a_function_is_told_and_run_on_request(tmp_path, capsys):
    config, file = tmp_path / "train.py", tmp_path / "learning_rates"
    config.write_text(
        "learning_rate_control = 'newbob'\nlearning_rate = 0.001\n\n"
        "def learning_rate_decay(lr):\n    return lr * 0.9 - 1e-6\n",
        encoding="utf-8",
    )
    _record(config, file)
    code, printed = _verify(capsys, file, "--config", config)
    assert code == 3
    assert f"@ {config}:4" in printed
    assert "learning_rate_decay" in printed
    assert "--exec-config" in printed
    code, printed = _verify(capsys, file, "--config", config, "--exec-config")
    assert code == 0, printed
    code, printed = _verify(capsys, file, "--config", config, "--set", "learning_rate_decay=0.9")
    assert code == 1, printed


def test_only_what_is_needed_has_to_be_known(tmp_path, capsys):
    config, file = tmp_path / "train.py", tmp_path / "learning_rates"
    config.write_text(
        "import os\nlearning_rate = 0.001\nlearning_rate_file = os.path.join(os.getcwd(), 'learning_rates')\n"
        "newbob_error_threshold = float(os.environ.get('THRESHOLD', '-0.01'))\n",
        encoding="utf-8",
    )
    _record(config, file)
    assert _verify(capsys, file, "--config", config)[0] == 0
    code, printed = _verify(capsys, file, "--config", config, "--set", "learning_rate_control=newbob_abs")
    assert code == 3
    assert "newbob_error_threshold" in printed
    assert f"@ {config}:4" in printed


def test_a_configuration_that_may_set_anything_says_so_once(tmp_path, capsys):
    (tmp_path / "base_config.py").write_text("learning_rate = 0.5\n", encoding="utf-8")
    config, file = tmp_path / "train.config", tmp_path / "learning_rates"
    config.write_text(
        "#!rnn.py\nimport os, sys\nsys.path.insert(0, os.path.dirname(__file__))\nfrom base_config import *\n",
        encoding="utf-8",
    )
    file.write_text("{1: EpochData(learningRate=0.5, error={})}", encoding="utf-8")
    code, printed = _verify(capsys, file, "--config", config)
    assert code == 1
    assert printed.count(f"from base_config import * may set any name @ {config}:4") == printed.count("warning") == 1
    assert _verify(capsys, file, "--config", config, "--exec-config")[0] == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("raise ValueError('no')", "running it raised ValueError: no @ {}:2"),
        ("raise SystemExit(3)", "running it raised SystemExit: 3 @ {}:2"),
        ("1 +", "not Python: invalid syntax @ {}:2"),
        ("def f():\n    return missing\nf()", "running it raised NameError: name 'missing' is not defined @ {}:4"),
    ],
)
def test_what_goes_wrong_in_a_run_is_told_with_the_line(line, message, tmp_path, capsys):
    config, file = tmp_path / "train.config", tmp_path / "learning_rates"
    config.write_text(f"#!rnn.py\n{line}\n", encoding="utf-8")
    file.write_text("{1: EpochData(learningRate=0.5, error={})}", encoding="utf-8")
    code, printed = _verify(capsys, file, "--config", config, "--exec-config")
    assert (code, printed) == (3, f"lrsched: error: {message.format(config)}\n")


def test_every_recorded_training_is_verified_by_its_settings_in_python(corpus, tmp_path, capsys):
    config = tmp_path / "train.py"
    for folder in corpus:
        case = json.loads((folder / "case.json").read_text())
        lines = [f"_{key} = {value!r}\n{key} = _{key}\n" for key, value in case["settings"].items()]
        config.write_text("".join(lines), encoding="utf-8")
        options = ["--pretrain-epochs", case["pretrain_epochs"]]
        if case["override_epochs"]:
            options += ["--override", ",".join(map(str, case["override_epochs"]))]
        code, printed = _verify(capsys, folder / "learning_rates", "--config", config, *options)
        assert code == 0, printed
