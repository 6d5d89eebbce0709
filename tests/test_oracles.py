"""Rates that RETURNN itself gave, recorded by others."""

import json
import math
import os
from pathlib import Path

import pytest

from lrsched import LearningRateControl, schedule_from_config


@pytest.fixture(scope="module")
def returnn_rows():
    folder = Path(os.environ.get("LRSCHED_ORACLES", Path(__file__).parents[2] / "shared" / "oracles"))
    if not (folder / "vectors.json").exists():
        pytest.skip(f"no recorded rates of other systems at {folder}; set LRSCHED_ORACLES")
    rows = json.loads((folder / "vectors.json").read_text())
    return [row for row in rows if row["dialect"].startswith("returnn-")]


def test_the_rates_after_each_error_are_those_of_returnn(returnn_rows):
    assert {row["dialect"].partition("/")[2] for row in returnn_rows} == {"newbob", "newbob_abs", "newbob_multi_epoch"}
    for row in returnn_rows:
        control = LearningRateControl(schedule_from_config(row["params"]))
        assert control.get_learning_rate_for_epoch(1) == row["lr0"]
        rates = []
        for epoch, metric in enumerate(row["metrics"], start=1):
            control.set_epoch_error(epoch, {"dev_score": math.nan if metric is None else metric})
            rates.append(control.get_learning_rate_for_epoch(epoch + 1))
        assert rates == row["lr_after"], row["params"]
