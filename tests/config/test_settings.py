"""Settings and configuration files."""

import pytest

from lrsched import (
    ArgumentError,
    Constant,
    FormatError,
    HoldLearningRate,
    NewbobAbs,
    NewbobMultiEpoch,
    NewbobRelative,
    Preset,
    SettingWarning,
    schedule_from_config,
)
from lrsched.config.files import parse_config
from lrsched.config.settings import parse_setting, pretrain_rates

RETURNNS = {"stand_ins": "returnn"}


def test_the_defaults_are_the_published_ones():
    assert schedule_from_config({}) == Constant(1.0, **RETURNNS)
    common = {"default_learning_rate": 1.0, "learning_rate_decay": 0.5, **RETURNNS}
    assert schedule_from_config({"learning_rate_control": "newbob"}) == NewbobRelative(-0.01, **common)
    assert schedule_from_config({"learning_rate_control": "newbob_abs"}) == NewbobAbs(-0.01, **common)
    assert schedule_from_config({"learning_rate_control": "newbob_multi_epoch"}) == NewbobMultiEpoch(
        5, 5, -0.01, -0.01, **common
    )


@pytest.mark.parametrize("name", ["newbob", "newbob_rel", "newbob_relative"])
def test_newbob_has_three_names(name):
    assert isinstance(schedule_from_config({"learning_rate_control": name}), NewbobRelative)


def test_every_key_sets_its_parameter():
    schedule = schedule_from_config(
        {
            "learning_rate_control": "newbob_multi_epoch",
            "learning_rate": 0.25,
            "min_learning_rate": 0.001,
            "learning_rates": [0.1, 0.2],
            "learning_rate_control_error_measure": ["a", "b"],
            "learning_rate_control_relative_error_relative_lr": True,
            "learning_rate_control_min_num_epochs_per_new_lr": 3,
            "newbob_relative_error_div_by_old": True,
            "learning_rate_decay": 0.9,
            "learning_rate_growth": 1.1,
            "newbob_relative_error_threshold": -0.02,
            "newbob_multi_num_epochs": 6,
            "newbob_multi_update_interval": 2,
            "newbob_relative_error_grow_threshold": -0.03,
            "learning_rate_file": "learning_rates",
        }
    )
    inner = NewbobMultiEpoch(
        6,
        2,
        -0.02,
        -0.03,
        default_learning_rate=0.25,
        min_learning_rate=0.001,
        error_measure_key=["a", "b"],
        relative_error_also_relative_to_learning_rate=True,
        relative_error_div_by_old=True,
        learning_rate_decay=0.9,
        learning_rate_growth=1.1,
        **RETURNNS,
    )
    assert schedule == Preset(HoldLearningRate(inner, 3), [0.1, 0.2])


def test_text_values_mean_what_typed_ones_do():
    text = parse_config(
        "learning_rate_control newbob_multi_epoch\nlearning_rate 0.25\nnewbob_multi_num_epochs 6 # epochs\n"
        "learning_rate_control_relative_error_relative_lr yes\nlearning_rates 0.5,0.4\n",
        "training.config",
    )
    typed = {
        "learning_rate_control": "newbob_multi_epoch",
        "learning_rate": 0.25,
        "newbob_multi_num_epochs": 6,
        "learning_rate_control_relative_error_relative_lr": True,
        "learning_rates": [0.5, 0.4],
    }
    assert schedule_from_config(text) == schedule_from_config(typed)


def test_intervals_and_grow_threshold_follow_their_counterparts():
    schedule = schedule_from_config(
        {
            "learning_rate_control": "newbob_multi_epoch",
            "newbob_multi_num_epochs": 3,
            "newbob_relative_error_threshold": -0.5,
        }
    )
    assert (schedule.update_interval, schedule.relative_error_grow_threshold) == (3, -0.5)


def test_learning_rate_decay_wins_over_its_newbob_name():
    config = {"learning_rate_control": "newbob", "learning_rate_decay": 0.9, "newbob_learning_rate_decay": 0.1}
    assert schedule_from_config(config).learning_rate_decay == 0.9
    assert schedule_from_config(dict(reversed(config.items()))).learning_rate_decay == 0.9


@pytest.mark.parametrize(
    "rates", [{1: 0.5, 25: 0.25}, "{1: 0.5, 25: 0.25}", {"1": 0.5, "25": "0.25"}, {25: 0.25, 1: 0.5}]
)
def test_presets_come_in_many_forms(rates):
    assert schedule_from_config({"learning_rates": rates}) == Preset(Constant(1.0, **RETURNNS), {1: 0.5, 25: 0.25})


def test_empty_presets_and_short_holds_wrap_nothing():
    config = {"learning_rates": [], "learning_rate_control_min_num_epochs_per_new_lr": 0}
    assert schedule_from_config(config) == Constant(1.0, **RETURNNS)


@pytest.mark.parametrize(
    ("key", "hint"),
    [("newbob_multi_num_epoch", "newbob_multi_num_epochs"), ("learning_rate_contrl", "learning_rate_control")],
)
def test_misspelt_keys_are_reported_with_the_right_one(key, hint):
    with pytest.warns(SettingWarning, match=f"{key}.*did you mean '{hint}'"):
        schedule_from_config({key: 1})


def test_other_keys_of_a_training_are_not_reported():
    schedule_from_config({"batch_size": 100, "use_learning_rate_control_always": True})


def test_a_comma_in_the_error_measure_is_reported():
    with pytest.warns(SettingWarning, match="one key with a comma"):
        schedule_from_config({"learning_rate_control_error_measure": "dev_score,dev_error"})


@pytest.mark.parametrize(
    ("setting", "law"),
    [
        ({"learning_rate_control": "cosine"}, "learning_rate_control must be one of constant"),
        ({"learning_rate": "fast"}, "learning_rate must be a number, got 'fast'"),
        ({"learning_rate": -1}, "default_learning_rate must be a finite number >= 0, got -1"),
        ({"learning_rate": "nan"}, "default_learning_rate must be a finite number >= 0, got nan"),
        ({"learning_rates": {0: 0.1}}, "an epoch of learning_rates must be an integer >= 1, got 0"),
        ({"learning_rates": "os.getcwd()"}, "learning_rates must be a list or a dict"),
        ({"learning_rates": 3}, "learning_rates must be a mapping"),
        ({"learning_rate_control_min_num_epochs_per_new_lr": "3.5"}, "must be an integer"),
        (
            {"learning_rate_control": "newbob", "newbob_relative_error_div_by_old": "maybe"},
            "newbob_relative_error_div_by_old must be true or false, got 'maybe'",
        ),
        ({"learning_rate_control": "newbob", "learning_rate_decay": 1.5}, r"learning_rate_decay must be .*\[0, 1\]"),
        (
            {"learning_rate_control": "newbob_multi_epoch", "newbob_multi_num_epochs": 0},
            "num_epochs must be an integer",
        ),
        (
            {"learning_rate_control": "newbob_multi_epoch", "newbob_relative_error_grow_threshold": 1},
            "relative_error_grow_threshold must be at most",
        ),
    ],
)
def test_a_setting_that_breaks_a_law_is_refused_with_the_law_and_the_value(setting, law):
    with pytest.raises(ArgumentError, match=law):
        schedule_from_config(setting)


def test_json_may_have_comments_but_not_inside_text():
    text = '{\n// a comment\n"a": "// none", /* two\nlines */ "b": 1}'
    with pytest.warns(SettingWarning, match="sets no key"):
        assert parse_config(text, "c") == {"a": "// none", "b": 1}


@pytest.mark.parametrize(
    ("text", "filename", "line", "message"),
    [
        ('{\n"a": 1,\n"b" 2}', "c.json", 3, "not JSON"),
        ('{"a": ' + "[" * 100_000, "c.json", 1, "not JSON"),
        ("learning_rate 0.1\nnewbob\n", "c.config", 2, "has no value"),
        ("#!rnn.py\nlearning_rate = ", "c", 2, "not Python"),
    ],
)
def test_a_broken_configuration_is_refused_with_file_and_line(text, filename, line, message):
    with pytest.raises(FormatError, match=message) as refused:
        parse_config(text, filename)
    assert (refused.value.filename, refused.value.line) == (filename, line)


def test_settings_are_literals_or_text():
    assert parse_setting("a=1e-3") == ("a", 0.001)
    assert parse_setting("a= newbob ") == ("a", "newbob")
    assert parse_setting("a=b=c") == ("a", "b=c")
    with pytest.raises(ArgumentError, match="KEY=VALUE"):
        parse_setting("a")


def test_pretraining_fixes_its_epochs_and_the_next():
    assert pretrain_rates({}, 0) == {}
    assert pretrain_rates({"learning_rate": "0.5"}, 1) == {1: 0.5, 2: 0.5}
    assert pretrain_rates({"pretrain_learning_rate": 0.25}, 2) == {1: 0.25, 2: 0.25, 3: 1.0}
    with pytest.raises(ArgumentError, match="num_epochs"):
        pretrain_rates({}, -1)


def test_a_value_that_cannot_be_known_is_the_error_that_whoever_needs_it_gets():
    config = parse_config("import os\nlearning_rate = float(os.environ['LR'])\nmin_learning_rate = 0.5\n", "c.py")
    assert config["min_learning_rate"] == 0.5
    with pytest.raises(FormatError, match="learning_rate is not known without running the file: .* @ c.py:2"):
        schedule_from_config(config)
    assert schedule_from_config(config | {"learning_rate": 0.25}) == Constant(0.25, **RETURNNS)


@pytest.mark.parametrize(("value", "flag"), [("2", True), (0, False), ("Yes", True), ("off", False), (True, True)])
def test_flags_are_read_as_in_returnn(value, flag):
    config = {"learning_rate_control": "newbob", "newbob_relative_error_div_by_old": value}
    assert schedule_from_config(config).relative_error_div_by_old is flag
