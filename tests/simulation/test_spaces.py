"""Spaces: which settings a sweep tries."""

import json
import warnings

import pytest

from lrsched import ArgumentError, FormatError, SettingWarning
from lrsched.config.files import parse_tables
from lrsched.simulation.spaces import Space

TOML = """
[fixed]
learning_rate_control = "newbob"  # a comment
[grid]
newbob_learning_rate_decay = [0.5, 0.7]
min_learning_rate = [0.0, 1e-5]
[[settings]]
learning_rate = 0.1
[[settings]]
learning_rate = 0.01
learning_rates = {1 = 0.001}
"""


def test_tables_times_grid_the_last_key_fastest():
    space = Space.of(parse_tables(TOML, "space.toml"))
    assert len(space) == 8
    assert space[0] == {
        "learning_rate_control": "newbob",
        "learning_rate": 0.1,
        "newbob_learning_rate_decay": 0.5,
        "min_learning_rate": 0.0,
    }
    assert [each["min_learning_rate"] for each in space] == [0.0, 1e-5] * 4
    assert [each["newbob_learning_rate_decay"] for each in space] == [0.5, 0.5, 0.7, 0.7] * 2
    assert space[-1] == space[7] == space[6:][1]
    assert "learning_rate_control" not in space.varied(7)
    with pytest.raises(IndexError):
        space[8]


def test_json_is_the_same_space():
    as_json = {
        "fixed": {"learning_rate_control": "newbob"},
        "grid": {"newbob_learning_rate_decay": [0.5, 0.7], "min_learning_rate": [0.0, 1e-5]},
        "settings": [{"learning_rate": 0.1}, {"learning_rate": 0.01, "learning_rates": {"1": 0.001}}],
    }
    assert (
        Space.of(parse_tables(json.dumps(as_json), "space.json")) == Space.of(parse_tables(TOML)) == Space.of(as_json)
    )


def test_only_fixed_settings_are_one():
    assert [*Space(fixed={"learning_rate": 0.1})] == [{"learning_rate": 0.1}]


def test_a_configuration_stands_behind_what_the_space_says():
    space = Space(fixed={"learning_rate": 0.1}, grid={"newbob_learning_rate_decay": [0.5, 0.7]})
    over = space.over({"learning_rate": 9.0, "newbob_learning_rate_decay": 9.0, "min_learning_rate": 0.01})
    assert over[1] == {"learning_rate": 0.1, "newbob_learning_rate_decay": 0.7, "min_learning_rate": 0.01}


SIX_KEYS = [
    "learning_rate",
    "min_learning_rate",
    "newbob_learning_rate_decay",
    "newbob_learning_rate_growth",
    "newbob_error_threshold",
    "newbob_multi_num_epochs",
]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"grdi": {}}, "space must be a mapping with some of fixed, grid, settings, got {'grdi': {}}"),
        ([], "space must be a mapping"),
        ({}, "a space must have some of fixed, grid, settings; there is nothing to try"),
        (
            {"grid": {key: [*range(1999)] for key in SIX_KEYS}},
            "the number of settings must be at most 9223372036854775807",
        ),
        (
            {"grid": {"learning_rate": 0.1}},
            "grid['learning_rate'] must be a list of at least one value, got 0.1; a single",
        ),
        ({"grid": {"learning_rate": "0.1"}}, "grid['learning_rate'] must be a list"),
        ({"grid": {"learning_rate": []}}, "grid['learning_rate'] must be a list of at least one value, got []"),
        ({"grid": {"newbob_decay": [1]}}, "did you mean 'newbob_learning_rate_decay'?"),
        ({"grid": {"batch_size": [1]}}, "a key of grid must be a setting that a schedule reads, got 'batch_size'"),
        ({"grid": [1]}, "grid must be a mapping from key to value, got [1]"),
        ({"fixed": {1: 2}}, "fixed must be a mapping from key to value"),
        ({"settings": {"learning_rate": 1}}, "settings must be a list of mappings"),
        ({"settings": [1]}, "settings[0] must be a mapping from key to value, got 1"),
        (
            {"fixed": {"learning_rate": 1}, "grid": {"learning_rate": [1]}},
            "'learning_rate' stands in two of fixed, grid",
        ),
        ({"grid": {"learning_rate": [1]}, "settings": [{}, {"learning_rate": 1}]}, "'learning_rate' stands in two of"),
        ({"fixed": {"learning_rate": 1}, "settings": [{"learning_rate": 1}]}, "'learning_rate' stands in two of"),
    ],
)
def test_what_is_no_space_is_refused(space, message):
    with pytest.raises(ArgumentError) as refused:
        Space.of(space)
    assert message in str(refused.value)


def test_settings_that_nothing_reads_are_reported_once():
    with pytest.warns(SettingWarning) as warned:
        Space(fixed={"newbob_decay": 1, "batch_size": 1}, settings=[{"learning_rate_x": 1}, {"learning_rate_x": 2}])
    assert sorted(str(warning.message).split("'")[1] for warning in warned) == ["learning_rate_x", "newbob_decay"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[grid\n", "not TOML: Expected ']' at the end of a table declaration (at line 1, column 6) @ f:1"),
        ("\n\nx = ", "not TOML: Invalid value (at end of document) @ f"),
        ('{"grid": \n}', "not JSON: Expecting value @ f:2"),
        ("{" + '"a":{' * 10**5, "not JSON: "),
        ('{"grid": {"learning_rate": ' + "[" * 500 + "]" * 500 + "}}", "the file must be nested at most 50 deep"),
        ("[fixed]\nlearning_rate = 1979-05-27", "the file must be a literal"),
    ],
)
def test_a_file_without_tables_names_itself(text, message):
    with pytest.raises(FormatError) as refused:
        parse_tables(text, "f")
    assert str(refused.value).startswith(message) or message in str(refused.value)
    assert refused.value.filename == "f"


def test_what_fails_fails_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        space = Space(grid={"newbob_learning_rate_decay": [0.5, 2.0]}, fixed={"learning_rate_control": "newbob"})
    fine, broken = space.schedules()
    assert fine.learning_rate_decay == 0.5
    assert isinstance(broken, ArgumentError)
