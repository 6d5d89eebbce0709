"""Real trainings: RETURNN's torch engine trains a tiny network, with its own learning-rate control and with ours.

They take half a minute, so the profile ``deep`` has them: ``HYPOTHESIS_PROFILE=deep pytest tests/drop_in``.
A training is killed by SIGKILL at a named point, which the config below knows, so that nothing here waits or polls.
"""

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

import lrsched

EPOCHS = 7
TIMES = {"time", "epoch_train_time_secs"}  # the only entries of the file that differ between two equal trainings
OURS = """\
import sys
import lrsched.returnn
assert "returnn.learning_rate_control" not in sys.modules
lrsched.returnn.install()
"""
ORIGINAL = ""
CONFIG = f"""
import os
import signal
import torch
import returnn.frontend as rf

task = "train"
backend = "torch"
device = "cpu"
behavior_version = 24
random_seed = 7
log_verbosity = 5

train = {{"class": "Task12AXDataset", "num_seqs": 20}}
dev = {{"class": "Task12AXDataset", "num_seqs": 10, "fixed_random_seed": 1}}
extern_data = {{"data": {{"dim": 9}}, "classes": {{"dim": 2, "sparse": True}}}}
torch_dataloader_opts = {{"num_workers": 0}}
batch_size = 2000
max_seqs = 10
optimizer = {{"class": "sgd", "momentum": 0.9}}
num_epochs = {EPOCHS}
model = "net/epoch"
cleanup_old_models = {{"keep_last_n": 1, "keep_best_n": 2, "keep": []}}

learning_rate_file = "learning_rates"
learning_rate_control = "newbob_multi_epoch"
learning_rate_control_error_measure = "dev_loss_ce"
learning_rate = 3.0
learning_rates = [1.0, 2.0]
learning_rate_decay = 0.7
learning_rate_growth = 1.1
newbob_multi_num_epochs = 2
newbob_multi_update_interval = 1
newbob_relative_error_threshold = 0.1
newbob_relative_error_grow_threshold = -0.2


def reached(point):
    if os.environ["KILL_AT"] == point:
        os.kill(os.getpid(), signal.SIGKILL)


def epoch_start(*, epoch, dataset_name, **_):
    reached(f"epoch {{epoch}}, before {{dataset_name}}")


def epoch_end(*, epoch, dataset_name, **_):
    reached(f"epoch {{epoch}}, {{dataset_name}} scores saved")


def get_model(**_):
    import __main__

    decide = type(__main__.engine.learning_rate_control).get_learning_rate_for_epoch
    print("decided in", decide.__code__.co_filename)
    return torch.nn.Linear(9, 2)


def train_step(*, model, extern_data, **_):
    run = rf.get_run_ctx()
    reached(f"epoch {{run.epoch}}, step {{run.step}}")
    logits = model(extern_data["data"].raw_tensor)
    targets = extern_data["classes"].raw_tensor
    run.mark_as_loss(torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten().long()), name="ce")
"""
# Two steps an epoch. The scores of "train" are saved before the model, those of "dev" after it.
INTERRUPTIONS = {
    "ours": [(OURS, "epoch 3, step 5"), (OURS, "epoch 4, train scores saved"), (OURS, "")],
    "to ours and back": [(ORIGINAL, "epoch 3, before dev"), (OURS, "epoch 5, dev scores saved"), (ORIGINAL, "")],
}


class Start:
    """One start of RETURNN in a folder: how it ended, what it printed, and the file it left."""

    def __init__(self, folder, control, kill_at=""):
        (folder / "train.py").write_text(control + CONFIG)
        own = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "RETURNN_CACHE_DIR"), str(folder))
        settings = {"KILL_AT": kill_at, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        native = {"RETURNN_FRONTEND_NATIVE_OPT": "0"}  # it spares each folder ten seconds of C++
        log = folder / "log"  # a file: of what a killed training leaves behind, nothing can hold us up
        with log.open("w") as output:
            done = subprocess.run(
                [sys.executable, "-m", "returnn", "train.py"],
                check=False,
                cwd=folder,
                env=os.environ | own | settings | native,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=600,  # only where it hangs
            )
        self.ours = control == OURS
        self.killed = bool(kill_at)
        self.status = done.returncode
        self.log = log.read_text()
        self.file = (folder / "learning_rates").read_text()
        self.history = lrsched.read(folder / "learning_rates")
        self.models = sorted(path.name for path in folder.glob("net/*"))

    def check(self):
        assert self.status == (-signal.SIGKILL if self.killed else 0), self.log
        decided_in = Path(re.search("^decided in (.+)$", self.log, re.MULTILINE)[1])
        assert decided_in.is_relative_to(Path(lrsched.__file__).parent) == self.ours
        assert (decided_in.parts[-2:] == ("returnn", "learning_rate_control.py")) == (not self.ours)
        return self

    def started_at(self):
        return int(re.search("^Starting training at epoch ([0-9]+)", self.log, re.MULTILINE)[1])

    def scored(self, name):
        return [epoch for epoch, data in self.history.items() if f"{name}_loss_ce" in data.error]


def _in_turn(folder, plan):
    return [Start(folder, control, kill_at) for control, kill_at in plan]


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """All trainings, side by side: of each its starts, which follow each other in one folder."""
    plans = {**INTERRUPTIONS, "original": [(ORIGINAL, "")]}  # the long ones first
    folders = {name: tmp_path_factory.mktemp("training") for name in plans}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {name: pool.submit(_in_turn, folders[name], plan) for name, plan in plans.items()}
        yield lambda name: [start.check() for start in running[name].result()]


def but_for_times(file):
    return re.sub(rf"^(':meta:(?:{'|'.join(TIMES)})': ).*,$", r"\1…,", file, flags=re.MULTILINE)


def test_the_training_is_one_that_can_tell(trainings):
    """The rate is decayed, kept and grown; and there are times to leave out, of the expected number."""
    [original] = trainings("original")
    rates = [data.learning_rate for _, data in sorted(original.history.items())]
    assert rates[:2] == [1.0, 2.0]
    changes = {round(new / old, 3) for old, new in pairwise(rates[1:])}
    assert changes == {0.7, 1.0, 1.1}
    assert len(rates) == EPOCHS
    assert but_for_times(original.file).count("…") == EPOCHS * len(TIMES)
    assert original.scored("train") == original.scored("dev") == list(range(1, EPOCHS + 1))
    assert 2 < len(original.models) < EPOCHS, "old models are to be cleaned up, by the scores"


@pytest.mark.parametrize("name", INTERRUPTIONS)
def test_killed_and_started_again_it_writes_the_file_of_the_original_uninterrupted(name, trainings):
    [original] = trainings("original")
    *_, last = trainings(name)
    assert but_for_times(last.file) == but_for_times(original.file)
    assert last.models == original.models


def test_each_kill_came_at_its_point(trainings):
    """During an epoch; with train scores but no model; with a model but no dev scores; with all of an epoch."""
    in_epoch, without_model, finished = trainings("ours")
    assert [start.started_at() for start in (in_epoch, without_model, finished)] == [1, 3, 4]
    assert in_epoch.scored("train") == in_epoch.scored("dev") == [1, 2]
    assert without_model.scored("train") == [1, 2, 3, 4]
    assert without_model.scored("dev") == [1, 2, 3]

    without_dev, all_of_an_epoch, finished = trainings("to ours and back")
    assert [start.started_at() for start in (without_dev, all_of_an_epoch, finished)] == [1, 4, 6]
    assert without_dev.scored("train") == [1, 2, 3]
    assert without_dev.scored("dev") == [1, 2]
    assert all_of_an_epoch.scored("train") == all_of_an_epoch.scored("dev") == [1, 2, 3, 4, 5]
