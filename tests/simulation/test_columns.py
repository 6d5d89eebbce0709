"""The columns of a grid are its settings, read one by one."""

import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, strategies as st
from simulation.pure import rates_of

from lrsched import ArgumentError, EpochData, History, Preset, schedule_from_config
from lrsched.config.settings import pretrain_rates
from lrsched.core.schedule import leaves, measures
from lrsched.simulation import Space, columns
from lrsched.simulation.engine import Batch

pytestmark = pytest.mark.filterwarnings("ignore::lrsched.errors.MeasureWarning")

VALUES = {  # some of them break a law, alone or together with others
    "learning_rate_control": ["newbob", "newbob_rel", "newbob_abs", "newbob_multi_epoch", "constant", "nothing"],
    "learning_rate": [0.1, "0.2", 0, -0.0, 1, np.float32(0.3), True, "x", None],
    "pretrain_learning_rate": [0.5, "0.01", -1],
    "learning_rates": [None, [], [0.1], {"2": 0.1}, "0.1,0.2", [-0.0], [0.0], {0: 1}],
    "min_learning_rate": [0.0, 0.01, "1e-3", -0.0, math.nan],
    "newbob_learning_rate_decay": [0.5, 0.9, None, "0.7", 2.0, lambda rate: rate / 4],
    "learning_rate_decay": [0.7, None, 0.0],
    "learning_rate_growth": [1.0, 1.25, None, 1e300, 0.5],
    "newbob_multi_num_epochs": [3, 1, "2", 0],
    "newbob_multi_update_interval": [2, 1],
    "newbob_relative_error_threshold": [0.0, -0.01, 0.1, "-0.2", math.inf, math.nan],
    "newbob_relative_error_grow_threshold": [-0.02, 0.1, -0.5, "-inf"],
    "newbob_error_threshold": [0.0, -0.5, 0.3, "x"],
    "newbob_relative_error_div_by_old": [True, "no", "x"],
    "learning_rate_control_relative_error_relative_lr": [True, "no", 0],
    "learning_rate_control_min_num_epochs_per_new_lr": [0, 3, "2", None, 10**30, -1],
    "learning_rate_control_error_measure": [None, "dev_error", ["dev_x", "train_score"], 7],
}
HISTORY = History(
    {
        epoch: EpochData(learning_rate=0.1, error={"dev_score": error, "dev_error": 1.0 / error, "train_score": 2.0})
        for epoch, error in enumerate([4.0, 4.5, 4.0, 2.0, 2.0, 2.1, math.inf, 2.0, 1.9], start=1)
    }
)


@st.composite
def spaces(draw):
    """A grid of up to four keys, and tables of some others."""
    keys = draw(st.lists(st.sampled_from([*VALUES]), min_size=1, max_size=8, unique=True))
    grid = {key: draw(st.lists(st.sampled_from(VALUES[key]), min_size=1, max_size=4)) for key in keys[:4]}
    fixed = {key: draw(st.sampled_from(VALUES[key])) for key in keys[4:6]}
    tables = [{key: draw(st.sampled_from(VALUES[key])) for key in keys[6:]} for _ in range(draw(st.integers(0, 2)))]
    if "learning_rate_control" not in keys:
        fixed["learning_rate_control"] = draw(st.sampled_from(["newbob", "newbob_abs", "newbob_multi_epoch"]))
    return Space(fixed=fixed, grid=grid, settings=tables)


def _one_by_one(space, pretrain_epochs, policies):
    for config in space:
        try:
            schedule = schedule_from_config(config, **policies)
            yield Preset(schedule, pretrain_rates(config, pretrain_epochs)) if pretrain_epochs else schedule
        except ArgumentError as error:
            yield error


def _read(axes, first, stop):
    """Small grids, too, are read as columns."""
    with mock.patch.object(columns, "_LEAST", 1):
        return Batch(first, stop - first, *columns.read(axes, first, stop))


def assert_as_one_by_one(space, pretrain_epochs=0, *, first=0, non_finite_error="worse", mode="min"):
    batch = _read(space.axes(non_finite_error, pretrain_epochs, mode), first, len(space))
    rates, floors, looked_at = batch.rates(HISTORY, "free"), batch.floors, set()
    made = [*_one_by_one(space, pretrain_epochs, {"non_finite_error": non_finite_error, "mode": mode})][first:]
    for position, one in enumerate(made):
        if isinstance(one, ArgumentError):
            assert str(batch.others[position]) == str(one)
            continue
        looked_at.update(measures(one))
        rule = next(leaves(one))
        assert repr(floors[position]) == repr(np.float64(getattr(rule, "min_learning_rate", math.nan)))
        if not callable(getattr(rule, "learning_rate_decay", None)):
            assert position not in batch.others
            assert rates[:, position].tobytes() == rates_of(one, HISTORY, "free"), one
        else:
            assert batch.others[position] == one
    assert batch.measures == looked_at
    assert len(batch.others) + sum(len(group.positions) for group in batch.groups) == len(made)


@given(
    spaces(),
    st.integers(0, 3),
    st.integers(0, 5),
    st.sampled_from(["worse", "keep", "original"]),
    st.sampled_from(["min", "max"]),
)
def test_columns_are_the_settings_one_by_one(space, pretrain_epochs, first, policy, mode):
    """The same rates, floors and measures, and the same errors at the same positions."""
    first = min(first, len(space) - 1)
    assert_as_one_by_one(space, pretrain_epochs, first=first, non_finite_error=policy, mode=mode)


@pytest.mark.parametrize(
    "grid",
    [
        {"learning_rate": [0.1, 0.2], "pretrain_learning_rate": [0.3, 0.4]},
        {"learning_rate": [0.1, 0.2], "learning_rates": [[0.0], [-0.0], [0.0, 0.1]]},
        {"newbob_relative_error_div_by_old": [False, True], "learning_rate_control_error_measure": [None, "dev_error"]},
        {"learning_rate_control": ["newbob", "newbob_abs", "constant"], "newbob_error_threshold": [0.0, 9.0]},
        {"newbob_relative_error_threshold": [-0.1, 0.0, 0.3], "newbob_multi_num_epochs": [1, 2]},
    ],
)
@pytest.mark.parametrize("pretrain_epochs", [0, 2])
@pytest.mark.parametrize("control", ["newbob", "newbob_multi_epoch"])
def test_values_that_are_more_than_a_number(grid, pretrain_epochs, control):
    """Two keys of the same preset, of the same kind of schedule, of two parameters, and such as make another kind."""
    fixed = {} if "learning_rate_control" in grid else {"learning_rate_control": control}
    assert_as_one_by_one(Space(fixed=fixed, grid=grid), pretrain_epochs)


@pytest.mark.parametrize(
    ("control", "grid"),
    [
        (
            "newbob_multi_epoch",
            {
                "newbob_relative_error_threshold": [0.1, 0.0, -0.1],
                "newbob_relative_error_grow_threshold": [-0.2, -0.1, 0.05],
            },
        ),
        (
            "newbob",
            {"learning_rate": [0.1, 0.2, 0.0], "learning_rate_control_relative_error_relative_lr": [False, True]},
        ),
        ("newbob", {"newbob_learning_rate_decay": [2.0, 0.5], "learning_rate": [0.1, 0.2]}),
    ],
)
def test_what_breaks_a_law_only_together_is_refused(control, grid):
    """Where each value is fine beside the first one of the other key; and where the first one breaks a law itself."""
    space = Space(fixed={"learning_rate_control": control}, grid=grid)
    assert_as_one_by_one(space)
    assert 0 < len(_read(space.axes("worse", 0, "min"), 0, len(space)).others) < len(space)


DECAYS, THRESHOLDS = np.linspace(0.9, 1.0, 40).tolist(), np.linspace(-0.03, 0.03, 30).tolist()


@pytest.mark.parametrize(
    ("more", "most"),
    [
        ({"learning_rate_control": ["newbob"]}, 73 + 4),
        ({"learning_rate_control": ["newbob", "newbob_abs"]}, 2 * (73 + 4)),
        ({"newbob_relative_error_div_by_old": [False, True], "learning_rate_control": ["newbob"]}, 75 + 2 * 4),
    ],
)
def test_a_value_is_read_in_one_schedule(more, most):
    """And not in each of 1200 settings: one for each value on an axis, for each corner of a group, and one more."""
    grid = {"newbob_learning_rate_decay": DECAYS, "newbob_relative_error_threshold": THRESHOLDS, **more}
    axes = Space(grid=grid).axes("worse", 0, "min")
    make = mock.Mock(side_effect=axes.make)
    _, others = columns.read(axes._replace(make=make), 0, math.prod(axes.shape))
    assert others == {}
    assert make.call_count <= most


def test_a_first_value_that_breaks_a_law_costs_its_own_settings_only():
    grid = {"newbob_learning_rate_decay": [2.0, *DECAYS], "newbob_relative_error_threshold": THRESHOLDS}
    axes = Space(fixed={"learning_rate_control": "newbob"}, grid=grid).axes("worse", 0, "min")
    make = mock.Mock(side_effect=axes.make)
    _, others = columns.read(axes._replace(make=make), 0, math.prod(axes.shape))
    assert [*others] == [*range(len(THRESHOLDS))]
    assert make.call_count < 200
