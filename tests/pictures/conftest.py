"""What several tests of pictures draw."""

import pytest

from lrsched import read, read_config, schedule_from_config
from lrsched.cli.demo import RECORDED
from lrsched.pictures.run import Run
from lrsched.simulation import replay


@pytest.fixture(scope="session")
def digits():
    settings = read_config(RECORDED / "config.json")
    history = read(RECORDED / "learning_rates")
    looser = schedule_from_config(settings | {"newbob_learning_rate_decay": 0.8})
    replayed = replay(schedule_from_config(settings), history)
    return Run("digits", history, replayed, {"looser": replay(looser, history, "free")}, settings)
