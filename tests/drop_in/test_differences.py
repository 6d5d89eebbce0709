"""Where the drop-in is not the original: one test for each row of the table in docs/howto/returnn.md, both live."""

import json
import math
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from original import Config, control as theirs, quiet

import lrsched
import lrsched.returnn as ours
from lrsched.formats.text import TEXT

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "returnn.md"
NEWBOB = {"relative_error_threshold": -0.01, "default_learning_rate": 0.5, "learning_rate_decay": 0.5}


@pytest.fixture(autouse=True)
def _quiet():
    with quiet():
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="returnn")  # NumPy's scalars in its rules
        yield


def test_the_table_and_the_tests_are_about_the_same_differences():
    rows = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    tests = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    assert len(rows) == len(set(rows)) > 15
    assert set(rows) == tests - {"the-table-and-the-tests-are-about-the-same-differences"}


def _trained(module, scores, kind="NewbobRelative", **parameters):
    """A control after epochs with these scores."""
    control = getattr(module, kind)(**{**NEWBOB, **parameters})
    for epoch, score in enumerate(scores, start=1):
        control.epoch_data[epoch] = control.EpochData(learning_rate=0.5, error={"dev_score": score})
    return control


def test_no_code_is_run(tmp_path):
    canary, file = tmp_path / "canary", tmp_path / "learning_rates"
    content = f"{{1: EpochData(learningRate=0.1, error={{}}) if open({str(canary)!r}, 'w') else None}}"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(lrsched.FormatError, match=f"nothing was run @ {file}:1|@ {file}:1"):
        ours.ConstantLearningRate(1.0, filename=str(file))
    assert not canary.exists()
    assert file.read_text(encoding="utf-8") == content
    theirs.ConstantLearningRate(1.0, filename=str(file))
    assert canary.exists()


def test_rates_as_text(tmp_path):
    canary = tmp_path / "canary"
    given = f"{{1: 0.5}} if open({str(canary)!r}, 'w') else None"
    with pytest.raises(lrsched.ArgumentError, match="default_learning_rates must be a list or a dict"):
        ours.ConstantLearningRate(1.0, default_learning_rates=given)
    assert not canary.exists()
    theirs.ConstantLearningRate(1.0, default_learning_rates=given)
    assert canary.exists()


def test_numbers_of_numpy(tmp_path):
    for module in (ours, theirs):
        control = module.ConstantLearningRate(np.float64(0.5), filename=str(tmp_path / module.__name__))
        control.get_learning_rate_for_epoch(1)
        control.set_epoch_error(1, {"dev_score": np.float64("nan")})
        control.save()
    assert "float('np.float64(nan)')" in (tmp_path / theirs.__name__).read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="could not convert string to float"):
        theirs.ConstantLearningRate(0.5, filename=str(tmp_path / theirs.__name__))
    again = ours.ConstantLearningRate(0.5, filename=str(tmp_path / ours.__name__))
    assert str(again.epoch_data) == "{1: EpochData(learningRate=0.5, error={'dev_score': float('nan')})}"


def test_scores_of_numpy():
    scores = [np.float64(2.0), np.float64(2.0)]
    for kind, parameters in (("NewbobRelative", NEWBOB), ("NewbobAbs", {"error_threshold": -0.01})):
        theirs_, ours_ = (getattr(module, kind) for module in (theirs, ours))
        given = {key: value for key, value in NEWBOB.items() if key != "relative_error_threshold"} | parameters
        for made in (theirs_(**given), ours_(**given)):
            for epoch, score in enumerate(scores, start=1):
                made.epoch_data[epoch] = made.EpochData(learning_rate=0.5, error={"dev_score": score})
            if isinstance(made, ours_):
                assert made.get_learning_rate_for_epoch(3) == 0.25
            else:
                with pytest.raises(AssertionError):
                    made.get_learning_rate_for_epoch(3)


def test_ints_are_numbers(tmp_path):
    with pytest.raises(TypeError):
        theirs.LearningRateControl.EpochData(learning_rate=1)
    assert ours.LearningRateControl.EpochData(learning_rate=1).learning_rate == 1.0
    with pytest.raises(AssertionError):
        theirs.ConstantLearningRate(1.0).set_epoch_error(1, {"dev_score": 2})
    control = ours.ConstantLearningRate(1)
    control.set_epoch_error(1, {"dev_score": 2})
    assert (control.get_epoch_error_value(1), control.get_learning_rate_for_epoch(1)) == (2, 1.0)
    with pytest.raises(TypeError):
        theirs.ConstantLearningRate(1).get_learning_rate_for_epoch(1)
    assert _trained(ours, [2.0, 2.0], learning_rate_decay=0).get_learning_rate_for_epoch(3) == 0.0
    with pytest.raises(AssertionError):
        _trained(theirs, [2.0, 2.0], learning_rate_decay=0).get_learning_rate_for_epoch(3)
    file = tmp_path / "learning_rates"
    file.write_text("{1: EpochData(learningRate=1, error={}), 2: EpochData(learningRate=None, error={})}", "utf-8")
    with pytest.raises(TypeError):
        theirs.ConstantLearningRate(0.5, filename=str(file))
    loaded = ours.ConstantLearningRate(0.5, filename=str(file)).epoch_data
    assert [data.learning_rate for data in loaded.values()] == [1.0, None]


def test_bools_are_numbers():
    assert "'dev_score': True" in repr(
        theirs.LearningRateControl.EpochData(learning_rate=1.0, error={"dev_score": True})
    )
    assert "'dev_score': 1}" in repr(ours.LearningRateControl.EpochData(learning_rate=1.0, error={"dev_score": True}))


def test_one_element_tuple(tmp_path):
    for module in (ours, theirs):
        control = module.ConstantLearningRate(0.5, filename=str(tmp_path / module.__name__))
        control.epoch_data[1] = control.EpochData(learning_rate=0.5, error={}, meta={"devices": ("gpu",)})
        control.save()
    assert "(gpu,)" in (tmp_path / theirs.__name__).read_text(encoding="utf-8")
    with pytest.raises(NameError):
        theirs.ConstantLearningRate(0.5, filename=str(tmp_path / theirs.__name__))
    again = ours.ConstantLearningRate(0.5, filename=str(tmp_path / ours.__name__))
    assert again.epoch_data[1].meta == {"devices": ("gpu",)}


def test_sets(tmp_path):
    words = {"b", "a", "c"}
    data = ours.LearningRateControl.EpochData(learning_rate=0.5, error={}, meta={"s": words, "f": frozenset(words)})
    written = repr(data)
    assert written.count("set([\n'a',\n'b',\n'c',\n])") == 2
    assert "frozenset" not in written
    original = theirs.LearningRateControl.EpochData(learning_rate=0.5, error={}, meta={"f": frozenset(words)})
    assert "frozenset({" in repr(original)
    assert TEXT.parse(f"{{1: {written}}}")[1].meta == {"s": words, "f": words}


def test_what_no_file_holds(tmp_path):
    for module in (ours, theirs):
        control = module.ConstantLearningRate(0.5, filename=str(tmp_path / module.__name__))
        control.epoch_data[1] = control.EpochData(learning_rate=0.5, error={})
        control.save()
        control.epoch_data[1].meta["where"] = Path("x")
        if module is ours:
            with pytest.raises(lrsched.ArgumentError, match=r"meta\['where'\] must be a literal"):
                control.save()
        else:
            control.save()
    assert list(ours.ConstantLearningRate(0.5, filename=str(tmp_path / ours.__name__)).epoch_data) == [1]
    with pytest.raises(NameError):
        theirs.ConstantLearningRate(0.5, filename=str(tmp_path / theirs.__name__))


def test_errors_of_zero():
    for scores, rate in (([1.0, 0.0], 0.5), ([-1.0, 0.0], 0.25), ([0.0, 0.0], 0.25)):
        with pytest.raises(ZeroDivisionError):
            _trained(theirs, scores).get_learning_rate_for_epoch(3)
        assert _trained(ours, scores).get_learning_rate_for_epoch(3) == rate


def test_non_finite_errors(caplog):
    bad = [1.0, math.nan]
    growing = {"learning_rate_growth": 2.0}
    assert _trained(theirs, bad, **growing).get_learning_rate_for_epoch(3) == 1.0
    control = _trained(ours, bad, **growing)
    assert control.get_learning_rate_for_epoch(3) == 1.0
    assert control.calc_new_learning_rate_for_epoch(3) == 1.0
    (warning,) = (record for record in caplog.records if record.levelname == "WARNING")
    assert "epoch 2: dev_score is nan, which may raise the rate, as in RETURNN" in warning.getMessage()
    safe = _trained(ours, bad, **growing)
    safe.non_finite_error = "worse"
    assert safe.get_learning_rate_for_epoch(3) == 0.25
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_empty_file(tmp_path):
    file = tmp_path / "learning_rates"
    file.write_bytes(b"")
    with pytest.raises(SyntaxError) as caught:
        theirs.ConstantLearningRate(0.5, filename=str(file))
    assert file.name not in str(caught.value)
    with pytest.raises(lrsched.FormatError, match=f"empty.*@ {file}"):
        ours.ConstantLearningRate(0.5, filename=str(file))
    file.write_text("{1: EpochData(learningRate=0.5, error={", encoding="utf-8")
    with pytest.raises(lrsched.FormatError, match=f"ends @ {file}:1"):
        ours.ConstantLearningRate(0.5, filename=str(file))


def test_durable_save(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_mode))
    for module, expected in ((theirs, 0), (ours, 2)):  # the file, then its folder
        control = module.ConstantLearningRate(0.5, filename=str(tmp_path / module.__name__))
        control.get_learning_rate_for_epoch(1)
        control.save()
        assert len(synced) == expected


def test_another_writer(tmp_path):
    for module in (theirs, ours):
        file = tmp_path / module.__name__
        mine, other = (module.ConstantLearningRate(0.5, filename=str(file)) for _ in range(2))
        other.get_learning_rate_for_epoch(7)
        other.save()
        mine.get_learning_rate_for_epoch(1)
        if module is theirs:
            mine.save()
            assert list(module.ConstantLearningRate(0.5, filename=str(file)).epoch_data) == [1]
        else:
            with pytest.raises(lrsched.ConflictError):
                mine.save()
            assert list(lrsched.read(file)) == [7]
            mine.load()
            mine.save()


def test_grow_threshold():
    given = {
        "kind": "NewbobMultiEpoch",
        "num_epochs": 1,
        "update_interval": 1,
        "relative_error_threshold": -0.5,
        "relative_error_grow_threshold": 0.5,
    }
    stopped = _trained(theirs, [1.0, 1.0], **given)
    with pytest.raises(AssertionError):
        stopped.get_learning_rate_for_epoch(3)
    with pytest.raises(lrsched.ArgumentError, match="relative_error_grow_threshold must be at most"):
        _trained(ours, [], **given)


@pytest.mark.parametrize(
    "parameters",
    [
        {"default_learning_rate": -1.0},
        {"default_learning_rate": math.nan},
        {"min_learning_rate": -1.0},
        {"relative_error_threshold": math.nan},
        {"learning_rate_decay": "half"},
        {"error_measure_key": ["a", 1]},
        {"default_learning_rate": 0.0, "relative_error_also_relative_to_learning_rate": True},
    ],
)
def test_senseless_settings(parameters):
    _trained(theirs, [], **parameters)
    with pytest.raises(lrsched.ArgumentError):
        _trained(ours, [], **parameters)


def test_rates_out_of_bounds():
    def lost(_):
        return math.inf

    assert _trained(theirs, [2.0, 1.0], learning_rate_growth=lost).get_learning_rate_for_epoch(3) == math.inf
    control = _trained(ours, [2.0, 1.0], learning_rate_growth=lost)
    with pytest.raises(lrsched.ArgumentError, match="must be a finite number, got inf"):
        control.get_learning_rate_for_epoch(3)
    assert 3 not in control.epoch_data
    original = theirs.ConstantLearningRate(0.5)
    original.set_default_learning_rate_for_epoch(1, -1.0)
    with pytest.raises(lrsched.ArgumentError, match="learning_rate must be a finite number >= 0, got -1.0"):
        ours.ConstantLearningRate(0.5).set_default_learning_rate_for_epoch(1, -1.0)


def test_hold_without_a_rate():
    for module in (theirs, ours):
        control = _trained(module, [2.0, 1.0], min_num_epochs_per_new_learning_rate=3)
        control.epoch_data[2].learning_rate = None
        if module is theirs:
            assert control.calc_new_learning_rate_for_epoch(3) is None
        else:
            assert control.calc_new_learning_rate_for_epoch(3) == 0.5


def test_meta_among_errors():
    for module in (theirs, ours):
        control = module.ConstantLearningRate(0.5)
        control.set_epoch_error(1, {":meta:time": 1.0})
        control.set_epoch_error(1, {"zz": 2.0})
        assert control.get_error_key(1) == (":meta:time" if module is theirs else "zz")
    assert control.epoch_data[1].meta == {"time": 1.0}


def test_epochs_as_text():
    settings = json.loads('{"learning_rates": {"1": 0.5, "2": 0.25}}')
    original = theirs.load_learning_rate_control_from_config(Config(settings))
    with pytest.raises(TypeError):
        original.get_learning_rate_for_epoch(3)
    control = ours.load_learning_rate_control_from_config(Config(settings))
    assert control.get_learning_rate_for_epoch(2) == 0.25


def test_decay_as_text():
    config = Config({"learning_rate_control": "newbob"})
    config.add_line("newbob_learning_rate_decay", "0.25")
    for module in (theirs, ours):
        control = module.load_learning_rate_control_from_config(config)
        for epoch in (1, 2):
            control.epoch_data[epoch] = control.EpochData(learning_rate=0.5, error={"dev_score": 1.0})
        if module is theirs:
            with pytest.raises(AssertionError):
                control.get_learning_rate_for_epoch(3)
        else:
            assert control.get_learning_rate_for_epoch(3) == 0.125


def test_overridden_questions():
    class Theirs(theirs.NewbobRelative):
        def get_error_key(self, epoch):
            return "train_score"

    with pytest.raises(lrsched.LrschedError, match="Ours.get_error_key would not count"):

        class Ours(ours.NewbobRelative):
            def get_error_key(self, epoch):
                return "train_score"

    class WithRule(ours.NewbobRelative):
        def get_error_key(self, epoch):
            return "train_score"

        def calc_learning_rate_for_epoch(self, epoch):
            return 0.125 if self.get_error_key(epoch) == "train_score" else 0.25

    assert WithRule(**NEWBOB).get_learning_rate_for_epoch(1) == 0.125


def test_kinds_of_exceptions():
    for module, error in ((theirs, AssertionError), (ours, lrsched.ArgumentError)):
        control = module.ConstantLearningRate(0.5)
        for call in (
            lambda control=control: control.get_learning_rate_for_epoch(0),
            lambda control=control: control.calc_learning_rate_decay_or_grow(0.5, decay=True, grow=True),
            lambda module=module: module.learning_rate_control_type("newton"),
            lambda control=control: control.set_epoch_error(1, "bad"),
        ):
            with pytest.raises(error):
                call()
