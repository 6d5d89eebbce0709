"""Sweeps over the recorded public trainings."""

import json
import random
from collections import Counter

import pytest
from hypothesis import settings as hypothesis_settings
from simulation.pure import batch_of, rates_of

from lrsched import read, schedule_from_config
from lrsched.simulation import sweep

pytestmark = pytest.mark.filterwarnings("ignore::lrsched.errors.MeasureWarning")  # hostile histories deserve them

SETTINGS = min(200, 2 * hypothesis_settings.default.max_examples // 5)  # 40, and 200 with HYPOTHESIS_PROFILE=deep
EVERY = 1 if SETTINGS == 200 else 3  # so does every training
PARTS = 24
ERROR_MEASURES = [
    None,
    "dev_score",
    "dev_error",
    "dev_score_output",
    "dev_error_output/output_prob",
    ["dev_x", "dev_score"],
]


def _random_settings(numbers):
    """Any settings of the newbob family, as a configuration has them."""
    choose, near = numbers.choice, numbers.uniform
    threshold = choose([-0.01, 0.0, near(-0.05, 0.05)])
    settings = {
        "learning_rate_control": choose(["newbob", "newbob_abs", "newbob_multi_epoch"]),
        "learning_rate": choose([1e-3, 5e-4, near(1e-4, 1.0)]),
        "min_learning_rate": choose([0.0, 1e-6, 2e-5, 1e-3]),
        "learning_rate_control_error_measure": choose(ERROR_MEASURES),
        "learning_rate_control_min_num_epochs_per_new_lr": choose([0, 1, 2, 3, 5]),
        "learning_rate_control_relative_error_relative_lr": choose([True, False]),
        "newbob_relative_error_div_by_old": choose([True, False]),
        "newbob_learning_rate_decay": choose([0.5, 0.7, near(0.0, 1.0)]),
        "newbob_learning_rate_growth": choose([1.0, 1.0, near(1.0, 1.2)]),
        "newbob_relative_error_threshold": threshold,
        "newbob_relative_error_grow_threshold": threshold - choose([0.0, near(0.0, 0.02)]),
        "newbob_error_threshold": choose([-0.01, near(-0.1, 0.1)]),
        "newbob_multi_num_epochs": choose([1, 2, 4, 6, 10]),
        "newbob_multi_update_interval": choose([1, 1, 2, 6]),
    }
    if numbers.random() < 0.3:
        settings["learning_rates"] = {numbers.randint(1, 40): near(1e-5, 1e-3) for _ in range(numbers.randint(1, 5))}
    return settings


@pytest.mark.parametrize("part", range(PARTS))
def test_the_engine_equals_the_pure_functions_on_every_training(corpus, part):
    assert len(corpus) >= 50
    for folder in corpus[part::PARTS]:
        history = read(folder / "learning_rates")
        numbers = random.Random(folder.name)
        policy = numbers.choice(["worse", "keep", "original"])
        settings = [_random_settings(numbers) for _ in range(SETTINGS)]
        schedules = [schedule_from_config(each, non_finite_error=policy) for each in settings]
        mode = numbers.choice(["free", "free", "recorded"])
        batch = batch_of(schedules)
        assert batch.others == {}
        for schedule, rates in zip(schedules, batch.rates(history, mode).T, strict=True):
            assert rates.tobytes() == rates_of(schedule, history, mode), (folder, schedule)


# What a sweep could try: for each key the default, and what some training has instead.
VALUES = {
    "learning_rate_control": ["newbob", "newbob_abs", "newbob_multi_epoch"],
    "learning_rate": [1.0, 0.001, 0.0005],
    "learning_rates": [None, [0.0001, 0.0002]],
    "min_learning_rate": [0.0, 2e-5],
    "learning_rate_control_error_measure": [None, "dev_error_output/output_prob"],
    "learning_rate_control_min_num_epochs_per_new_lr": [0, 3],
    "learning_rate_control_relative_error_relative_lr": [False, True],
    "newbob_learning_rate_decay": [0.5, 0.7],
    "newbob_relative_error_threshold": [-0.01, 0.0],
    "newbob_multi_num_epochs": [5, 6],
    "newbob_multi_update_interval": [5, 1],
}


def test_a_sweep_finds_the_settings_of_every_newbob_training(corpus):
    """Among 2048 settings, which differ from the true ones in up to all keys."""
    found = Counter()
    for folder in corpus[::EVERY]:
        case = json.loads((folder / "case.json").read_text())
        settings, history = case["settings"], read(folder / "learning_rates")
        if "newbob" not in settings.get("learning_rate_control", "constant"):
            continue
        true = {key: settings.get(key, values[0]) for key, values in VALUES.items()}
        assert set(settings) - set(true) <= {"use_learning_rate_control_always"}
        others = {key: next(value for value in values if value != true[key]) for key, values in VALUES.items()}
        grid = {key: [others[key], true[key]] for key in VALUES}
        given = {"pretrain_epochs": case["pretrain_epochs"], "overrides": case["override_epochs"]}
        swept = sweep({"grid": grid}, history, **given)
        assert swept.setting(len(swept) - 1) == true
        assert len(swept) - 1 in swept.reproducing, folder
        assert 1 <= len(swept.reproducing) < len(swept), folder
        found[case["mode"]] += 1
    assert found["plain"] >= 40 // EVERY
    assert found["pretrain"] >= 10 // EVERY
    assert found["override"] >= 5 // EVERY
