"""The drop-in by itself: putting it in place, what users do with a control, and that it stays flat."""

import copy
import json
import logging
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

import lrsched
from lrsched import ArgumentError, EpochData, LrschedError
from lrsched.core.history import History
from lrsched.returnn import (
    ConstantLearningRate,
    LearningRateControl,
    NewbobMultiEpoch,
    NewbobRelative,
    control as module,
    load_learning_rate_control_from_config,
)

NEWBOB = {"relative_error_threshold": -0.01, "default_learning_rate": 0.5, "learning_rate_decay": 0.5}


def _run(code):
    """What a Python program of its own prints, as JSON."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_installed_it_is_what_every_import_finds():
    found = _run(
        "import json, lrsched.returnn as ours; ours.install(); ours.install()\n"
        "import returnn, returnn.learning_rate_control, returnn.learning_rate_control as a\n"
        "from returnn import learning_rate_control as b\n"
        "from returnn.learning_rate_control import LearningRateControl as c\n"
        "from returnn.engine import base\n"
        "import returnn.LearningRateControl as d\n"
        "print(json.dumps([returnn.learning_rate_control is ours, a is ours, b is ours, c is ours.LearningRateControl,"
        " base.LearningRateControl is c, d.LearningRateControl is c]))"
    )
    assert found == [True] * 6


def test_star_import_gives_the_published_names():
    found = _run(
        "import json, lrsched.returnn as ours; ours.install()\n"
        "names = {}; exec('from returnn.learning_rate_control import *', names)\n"
        "print(json.dumps(sorted(name for name in names if not name.startswith('_'))))"
    )
    assert found == sorted(lrsched.returnn.__all__)


def test_too_late_an_installation_is_refused():
    found = _run(
        "import json, returnn.learning_rate_control as theirs, lrsched.returnn as ours\n"
        "try:\n    ours.install()\nexcept Exception as error:\n"
        "    import returnn\n"
        "    print(json.dumps([type(error).__name__, str(error), returnn.learning_rate_control is theirs]))"
    )
    assert found[0] == "LrschedError"
    assert "call lrsched.returnn.install() before RETURNN imports it" in found[1]
    assert found[2]


def test_a_safe_policy_can_be_installed_for_all():
    found = _run(
        "import json, math, lrsched.returnn as ours; ours.install(non_finite_error='worse')\n"
        "from returnn.learning_rate_control import NewbobRelative\n"
        "control = NewbobRelative(-0.01, default_learning_rate=0.5, learning_rate_decay=0.5)\n"
        "for epoch, score in ((1, 1.0), (2, math.nan)):\n"
        "    control.epoch_data[epoch] = control.EpochData(learning_rate=0.5, error={'dev_score': score})\n"
        "print(json.dumps(control.get_learning_rate_for_epoch(3)))"
    )
    assert found == 0.25


def test_installing_imports_nothing_of_an_engine():
    found = _run(
        "import json, sys, lrsched.returnn; lrsched.returnn.install()\n"
        "print(json.dumps([name in sys.modules for name in ('returnn.engine', 'returnn.config', 'numpy', 'click')]))"
    )
    assert found == [False] * 4


def test_an_unknown_policy_is_refused():
    with pytest.raises(ArgumentError, match="non_finite_error must be one of 'worse', 'keep', 'original'"):
        lrsched.returnn.install(non_finite_error="better")


def test_settings_may_be_a_plain_mapping():
    control = load_learning_rate_control_from_config(
        {
            "learning_rate_control": "newbob_multi_epoch",
            "learning_rate": 0.5,
            "newbob_multi_num_epochs": 3,
            "learning_rate_decay": lambda rate: rate / 4,
        }
    )
    assert (control.num_epochs, control.update_interval) == (3, 3)
    assert control.calc_learning_rate_decay_or_grow(0.5, decay=True) == 0.125


def test_settings_of_no_kind_are_refused():
    with pytest.raises(ArgumentError, match="config must be a mapping, or a Config with typed_dict and dict, got 3"):
        load_learning_rate_control_from_config(3)


def test_an_overlooked_decay_is_told():
    class Config:
        typed_dict = {}  # noqa: RUF012  as RETURNN's
        dict = {"learning_rate_control": ["newbob"], "learning_rate_decay": ["0.75"]}  # noqa: RUF012

    with pytest.warns(lrsched.SettingWarning, match="RETURNN overlooks learning_rate_decay '0.75', since it is text"):
        assert load_learning_rate_control_from_config(Config()).learning_rate_decay == 0.5


def test_a_decision_says_why_and_the_history_is_a_value():
    control = NewbobRelative(**NEWBOB)
    for epoch, score in enumerate((2.0, 2.0), start=1):
        control.get_learning_rate_for_epoch(epoch)
        control.set_epoch_error(epoch, {"dev_score": score})
    assert control.decide(3).action == "decay"
    before = control.history
    assert before == History({e: EpochData(learning_rate=0.5, error={"dev_score": 2.0}) for e in (1, 2)})
    control.epoch_data[2].error["dev_score"] = 1.0
    assert before[2].error["dev_score"] == 2.0
    assert control.history[2].error["dev_score"] == 1.0
    assert control.decide(3).action == "keep"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[2].error.update({"dev_score": 1.0}),
        lambda data: data[2].error.pop("dev_score"),
        lambda data: data[2].meta.update({"a": 1}),
        lambda data: data[2].meta["list"].append(1),
        lambda data: setattr(data[2], "learning_rate", 0.25),
        lambda data: setattr(data[2], "error", {"x": 1.0}),
        lambda data: data.pop(2),
        lambda data: data.update({7: LearningRateControl.EpochData(learning_rate=0.5)}),
        lambda data: data.update({2: LearningRateControl.EpochData(learning_rate=0.5)}),
        lambda data: (data.pop(1), data.update({9: LearningRateControl.EpochData(learning_rate=0.5)})),
        lambda data: data.clear(),
    ],
)
def test_the_history_follows_every_change(change):
    control = ConstantLearningRate(0.5)
    for epoch in (1, 2, 3):
        meta = {"list": [epoch]}
        control.epoch_data[epoch] = control.EpochData(learning_rate=0.5, error={"dev_score": 2.0}, meta=meta)
    before = control.history
    change(control.epoch_data)
    fresh = ConstantLearningRate(0.5)
    fresh.epoch_data = control.epoch_data
    assert control.history == fresh.history != before


@pytest.mark.parametrize("bad", [0, "x", 2.5])
def test_no_epoch_is_lost_where_another_is_none(bad):
    control = ConstantLearningRate(0.5)
    control.epoch_data = {epoch: control.EpochData(learning_rate=0.5) for epoch in (1, bad, 2)}
    for _ in range(2):
        with pytest.raises(ArgumentError, match="epoch must be an integer >= 1"):
            _ = control.history
    del control.epoch_data[bad]
    assert list(control.history) == [1, 2]


def test_a_signed_zero_is_a_change():
    control = ConstantLearningRate(0.5)
    control.epoch_data[1] = control.EpochData(learning_rate=0.5, error={"a": 0.0})
    assert math.copysign(1, control.history[1].error["a"]) == 1
    control.epoch_data[1].error["a"] = -0.0
    assert math.copysign(1, control.history[1].error["a"]) == -1


def test_an_error_that_becomes_a_meta_value_is_a_change():
    control = ConstantLearningRate(0.5)
    data = control.epoch_data[1] = control.EpochData(learning_rate=0.5, error={"a": 1.0})
    assert control.history[1].error == {"a": 1.0}
    data.meta["a"] = data.error.pop("a")
    assert control.history[1] == EpochData(learning_rate=0.5, meta={"a": 1.0})


def test_unchanged_epochs_are_not_frozen_again(monkeypatch):
    control = ConstantLearningRate(0.5)
    for epoch in range(1, 50):
        control.epoch_data[epoch] = control.EpochData(learning_rate=0.5, error={"a": 1.0, "b": math.nan}, meta={"x": 1})
    frozen = []
    original = module._frozen
    monkeypatch.setattr(module, "_frozen", lambda data: frozen.append(data) or original(data))
    assert len(control.history) == 49
    assert len(frozen) == 49
    control.epoch_data[20].meta["x"] = 2
    assert control.history[20].meta["x"] == 2
    assert frozen[49:] == [control.epoch_data[20]]


def test_epochs_can_be_pickled_alone():
    data = LearningRateControl.EpochData(learning_rate=0.5, error={"a": 1.0}, meta={"x": [1, {"y": (2,)}]})
    again = pickle.loads(pickle.dumps(data))
    assert isinstance(again, NewbobRelative(**NEWBOB).EpochData)
    assert repr(again) == repr(data)
    assert again.meta == {"x": [1, {"y": (2,)}]}


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda control: pickle.loads(pickle.dumps(control))])
def test_a_copied_control_goes_on_by_itself(copied, tmp_path):
    control = NewbobRelative(**NEWBOB, filename=str(tmp_path / "learning_rates"))
    for epoch in (1, 2):
        control.epoch_data[epoch] = control.EpochData(learning_rate=0.5, error={"dev_score": 1.0})
    control.save()
    again = copied(control)
    assert again.history == control.history
    assert again.get_learning_rate_for_epoch(3) == 0.25
    with pytest.raises(lrsched.ConflictError):  # two of them must not undo what the other did
        again.save()
    again.filename = str(tmp_path / "elsewhere")
    again.save()
    assert list(lrsched.read(tmp_path / "elsewhere")) == [1, 2, 3]


def test_an_epoch_that_no_file_could_hold_can_be_looked_at():
    data = LearningRateControl.EpochData(learning_rate=0.5)
    data.error["a"] = "b"
    assert repr(data) == "EpochData(learningRate=0.5, error={'a': 'b'})"


def test_both_names_of_a_rate_are_one_too_many():
    with pytest.raises(TypeError, match="no further argument 'learningRate'"):
        LearningRateControl.EpochData(learning_rate=0.5, learningRate=0.5)


def test_loaded_meta_can_be_changed_as_before(tmp_path):
    file = tmp_path / "learning_rates"
    meta = {"l": [1, [2]], "d": {"a": [3]}, "s": {4}, "t": ([5], {"b": 6})}
    control = ConstantLearningRate(0.5, filename=str(file))
    control.epoch_data[1] = control.EpochData(learning_rate=0.5, meta=meta)
    control.save()
    again = ConstantLearningRate(0.5, filename=str(file)).epoch_data[1].meta
    assert again == meta
    assert [type(value) for value in again.values()] == [dict, list, set, tuple]
    again["t"][0].append(7)
    again["d"]["a"].append(8)


def test_a_folder_that_is_not_there_is_made(tmp_path):
    file = tmp_path / "work" / "learning" / "learning_rates"
    control = ConstantLearningRate(0.5, filename=str(file))
    control.get_learning_rate_for_epoch(1)
    control.save()
    assert list(lrsched.read(file)) == [1]


def test_without_a_file_nothing_is_saved_and_nothing_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    control = ConstantLearningRate(0.5)
    control.get_learning_rate_for_epoch(1)
    control.save()
    assert not list(tmp_path.iterdir())
    with pytest.raises(ArgumentError, match="filename must be a path, got None"):
        control.load()


def test_a_rule_of_ones_own_is_held_recorded_and_checked():
    class Own(LearningRateControl):
        def calc_learning_rate_for_epoch(self, epoch):
            return self.default_learning_rate / epoch

    control = Own(0.5, min_num_epochs_per_new_learning_rate=2)
    assert [control.get_learning_rate_for_epoch(epoch) for epoch in (1, 2, 3, 4)] == [0.5, 0.5, 0.5 / 3, 0.5 / 3]
    assert control.decide(5).cause.rule == "calc_learning_rate_for_epoch"
    bad = Own(-0.0)
    bad.default_learning_rate = math.nan
    with pytest.raises(ArgumentError, match=r"calc_learning_rate_for_epoch\(history, 1\) must be a finite number"):
        bad.get_learning_rate_for_epoch(1)
    assert bad.epoch_data == {}


def test_a_rule_may_ask_the_rule_it_overrides():
    class Halved(NewbobRelative):
        def calc_learning_rate_for_epoch(self, epoch):
            return super().calc_learning_rate_for_epoch(epoch) / 2

    assert Halved(**NEWBOB).get_learning_rate_for_epoch(1) == 0.25


def test_the_base_class_has_no_rule():
    with pytest.raises(NotImplementedError, match="LearningRateControl has no rule"):
        LearningRateControl(0.5).get_learning_rate_for_epoch(1)


def test_parameters_can_be_changed_while_it_runs():
    control = NewbobRelative(**NEWBOB)
    for epoch in (1, 2):
        control.epoch_data[epoch] = control.EpochData(learning_rate=0.5, error={"dev_score": 1.0})
    control.relative_error_threshold = 1.0
    assert control.calc_new_learning_rate_for_epoch(3) == 0.5
    control.relative_error_threshold, control.learning_rate_decay = -0.01, 2
    assert control.calc_new_learning_rate_for_epoch(3) == 1.0


def test_the_mean_that_multi_epoch_goes_by():
    control = NewbobMultiEpoch(2, 1, -0.01, -0.01, default_learning_rate=0.5)
    for epoch, score in enumerate((4.0, 2.0, 1.0), start=1):
        control.epoch_data[epoch] = control.EpochData(learning_rate=0.5, error={"dev_score": score})
    found = [control.calc_recent_mean_relative_error(epoch) for epoch in (1, 2, 3, 4)]
    assert found == [None, None, -1.0, float(np.mean([-1.0, -1.0]))]


def test_what_the_original_tells_is_logged_at_its_level(caplog, tmp_path):
    with caplog.at_level(logging.DEBUG, logger="returnn"):
        control = ConstantLearningRate(0.5, filename=str(tmp_path / "f"))
        control.set_epoch_error(1, {"dev_score": 1.0})
    assert {record.levelno for record in caplog.records} == {logging.DEBUG + 1}
    assert [record.getMessage() for record in caplog.records] == [
        f"Learning-rate-control: file {tmp_path / 'f'} does not exist yet",
        "Learning rate not set for epoch 1. Assuming default.",
        "Learning-rate-control: error key 'dev_score' from {'dev_score': 1.0}",
    ]


def test_a_class_that_would_be_ignored_is_refused_where_it_is_written():
    with pytest.raises(LrschedError, match="override calc_learning_rate_for_epoch and call it there"):
        type("Own", (NewbobRelative,), {"calc_relative_error": lambda self, old, new: 0.0})


def test_a_file_that_is_gone_is_missed_and_the_epochs_stay(tmp_path):
    control = ConstantLearningRate(0.5, filename=str(tmp_path / "learning_rates"))
    control.get_learning_rate_for_epoch(1)
    with pytest.raises(FileNotFoundError) as caught:
        control.load()
    assert isinstance(caught.value, lrsched.StorageError)
    assert list(control.epoch_data) == [1]
