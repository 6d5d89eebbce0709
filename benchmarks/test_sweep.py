"""How fast a sweep is beside the original program, asked for one setting at a time, and beside loops in C."""

import contextlib
import ctypes
import random
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import lrsched
from lrsched import EpochData, History, HoldLearningRate
from lrsched.core.schedule import leaves
from lrsched.simulation import Space, sweep
from lrsched.simulation.columns import read
from lrsched.simulation.engine import Batch
from lrsched.simulation.spaces import Schedules

with warnings.catch_warnings(), contextlib.redirect_stdout(None):
    warnings.simplefilter("ignore")
    import returnn.learning_rate_control as original

NUM_EPOCHS, HOLD = 6, 3
FLOOR, FIRST = 1e-6, 0.1


@pytest.fixture(scope="module")
def size(request):
    """Epochs and settings along each of two axes; few of them in a smoke test."""
    return (1000, 100) if request.config.getoption("--benchmark-enable") else (50, 10)


@pytest.fixture(scope="module")
def errors(size):
    numbers = random.Random(1)
    return [2.0 - epoch / size[0] + 0.05 * numbers.random() for epoch in range(size[0])]


@pytest.fixture(scope="module")
def history(errors):
    """A record whose rates fall to the floor."""
    history, schedule = History(), _kind("NewbobRelative", lrsched)(0.0, 0.9)
    for epoch, error in enumerate(errors, start=1):
        rate = schedule(history, epoch)
        history = history.set(epoch, EpochData(learning_rate=rate, error={"dev_score": error}))
    return history


@pytest.fixture(scope="module")
def space(size):
    """A grid of thresholds and decays."""
    return Space(
        fixed={"learning_rate_control": "newbob", "learning_rate": FIRST, "min_learning_rate": FLOOR},
        grid={
            "newbob_learning_rate_decay": np.linspace(0.9, 1.0, size[1]).tolist(),
            "newbob_relative_error_threshold": np.linspace(-0.03, 0.03, size[1]).tolist(),
        },
    )


@pytest.fixture(scope="module")
def loops(tmp_path_factory):
    library = tmp_path_factory.mktemp("loops") / "loops.so"
    source = Path(__file__).parent / "loops.c"
    subprocess.run(["gcc", "-O3", "-shared", "-fPIC", "-o", library, source, "-lm"], check=True)
    return ctypes.CDLL(str(library))


class Loop:
    """One of the loops in C, on the settings of some schedules."""

    def __init__(self, function, errors, rules, *, by_epoch=False):
        columns = [
            [rule.relative_error_threshold for rule in rules],
            [rule.learning_rate_decay for rule in rules],
            [1.0 for rule in rules],
            [rule.min_learning_rate for rule in rules],
            [rule.default_learning_rate for rule in rules],
        ]
        (self.function, *self.more), self.by_epoch = function, by_epoch
        self.errors, self.columns = np.array(errors), [np.array(column) for column in columns]

    def __call__(self):
        epochs, settings = len(self.errors), len(self.columns[0])
        out = np.empty((epochs, settings) if self.by_epoch else (settings, epochs))
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (self.errors, *self.columns, out)]
        self.function(pointers[0], epochs, *pointers[1:-1], settings, pointers[-1], *self.more)
        return out if self.by_epoch else out.T


def _theirs(errors, control):
    """The original with one setting: ask for the rate, record the error."""

    def run():
        for epoch, error in enumerate(errors, start=1):
            control.get_learning_rate_for_epoch(epoch)
            control.set_epoch_error(epoch, {"dev_score": error})

    return run


def _kind(kind, module, **more):
    """What makes a rule, here or there, of a threshold and a decay."""

    def make(threshold, decay):
        common = {"default_learning_rate": FIRST, "min_learning_rate": FLOOR, "relative_error_threshold": threshold}
        return getattr(module, kind)(learning_rate_decay=decay, **common, **more)

    return make


MULTI = {"num_epochs": NUM_EPOCHS, "update_interval": 1, "relative_error_grow_threshold": -1.0}
KINDS = {  # name -> our schedules, the original's, and the loop in C
    "newbob_relative": (
        _kind("NewbobRelative", lrsched),
        _kind("NewbobRelative", original),
        lambda loops: (loops.newbob_relative,),
    ),
    "newbob_multi_epoch": (
        _kind("NewbobMultiEpoch", lrsched, **MULTI),
        _kind("NewbobMultiEpoch", original, **MULTI),
        lambda loops: (loops.newbob_multi_epoch, NUM_EPOCHS),
    ),
    "the min-epochs rule": (
        lambda *numbers: HoldLearningRate(_kind("NewbobRelative", lrsched)(*numbers), HOLD),
        _kind("NewbobRelative", original, min_num_epochs_per_new_learning_rate=HOLD),
        lambda loops: (loops.newbob_held, HOLD),
    ),
}


def _schedules(space, make):
    settings = [space.varied(index) for index in range(len(space))]
    return [make(each["newbob_relative_error_threshold"], each["newbob_learning_rate_decay"]) for each in settings]


def _batch(schedules):
    axes, number = Schedules(tuple(schedules)).axes(None, 0, None), len(schedules)
    return Batch(0, number, *read(axes, 0, number))


@pytest.mark.parametrize(("kind", "times"), [(kind, 2000 if kind == "newbob_relative" else 200) for kind in KINDS])
def test_a_sweep_decides_so_many_times_as_fast_as_the_original(against, space, history, errors, size, kind, times):
    """The schedules and the original's control are there already; each round decides on every epoch."""
    ours, theirs, _ = KINDS[kind]
    schedules = _schedules(space, ours)
    with contextlib.redirect_stdout(None):
        against(
            f"{len(space)} settings x {size[0]} epochs, {kind} (peer: the original, 1 setting)",
            lambda: lambda: sweep(schedules, history),
            lambda: _theirs(errors, theirs(0.0, 0.95)),
            law=len(space) / times,
            rounds=20,
        )


def test_so_does_one_that_begins_with_the_configuration_keys(against, space, history, errors, size):
    with contextlib.redirect_stdout(None):
        against(
            f"{len(space)} settings x {size[0]} epochs from a grid of keys (peer: the original, 1 setting)",
            lambda: lambda: sweep(space, history),
            lambda: _theirs(errors, KINDS["newbob_relative"][1](0.0, 0.9)),
            law=len(space) / 4000,
            rounds=20,
        )


@pytest.mark.parametrize(
    ("by_epoch", "loop", "law"), [(False, "a loop", 2.5), (True, "vectorised over the settings", 3.0)]
)
def test_a_sweep_from_the_configuration_keys_beside_c(against, space, history, errors, loops, by_epoch, loop, law):
    """C has the columns of numbers already, and gives the rates alone."""
    function = loops.newbob_relative_by_epoch if by_epoch else loops.newbob_relative
    peer = Loop((function,), errors, _schedules(space, KINDS["newbob_relative"][0]), by_epoch=by_epoch)
    against(
        f"{len(space)} settings from a grid of keys (peer: C, {loop})",
        lambda: lambda: sweep(space, history),
        lambda: peer,
        law=law,
        rounds=20,
    )


@pytest.mark.parametrize(("kind", "law"), [(kind, 2.0 if kind == "newbob_relative" else 10.0) for kind in KINDS])
def test_the_engine_is_so_fast_beside_c(against, space, history, errors, loops, kind, law):
    make, _, of = KINDS[kind]
    schedules = _schedules(space, make)
    loop, batch = Loop(of(loops), errors, [next(leaves(schedule)) for schedule in schedules]), _batch(schedules)
    assert np.array_equal(loop(), batch.rates(history, "free"))
    against(
        f"the engine, {kind} (peer: C)", lambda: lambda: batch.rates(history, "free"), lambda: loop, law=law, rounds=20
    )


def test_the_engine_beside_c_that_gcc_vectorises(against, space, history, errors, loops):
    schedules = _schedules(space, KINDS["newbob_relative"][0])
    loop, batch = Loop((loops.newbob_relative_by_epoch,), errors, schedules, by_epoch=True), _batch(schedules)
    assert np.array_equal(loop(), batch.rates(history, "free"))
    against(
        "the engine, newbob_relative (peer: C, vectorised over the settings)",
        lambda: lambda: batch.rates(history, "free"),
        lambda: loop,
        law=2.0,
        rounds=20,
    )


MEMORY = """
import resource, sys
from lrsched import EpochData, History
from lrsched.simulation import sweep_blocks
settings, epochs = map(int, sys.argv[1:])
errors = {e: {"dev_score": 2.0 - e / epochs} for e in range(1, epochs + 1)}
history = History({e: EpochData(learning_rate=0.1, error=error) for e, error in errors.items()})
grid = {
    "newbob_learning_rate_decay": [0.5 + 0.5 * number / settings for number in range(settings // 100)],
    "newbob_relative_error_threshold": [0.001 * number - 0.05 for number in range(100)],
}
space = {"fixed": {"learning_rate_control": "newbob", "learning_rate": 0.1}, "grid": grid}
done = sum(int(block.agreement.size) for block in sweep_blocks(space, history))
assert done == settings, done
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_sweep_of_100_000_settings_over_1000_epochs_stays_under_1_gib(report, request):
    enabled = request.config.getoption("--benchmark-enable")
    size = ("100000", "1000") if enabled else ("1000", "20")
    done = subprocess.run([sys.executable, "-c", MEMORY, *size], capture_output=True, text=True, check=True)
    kibibytes = int(done.stdout)
    if enabled:
        report(
            "a sweep of 100,000 settings x 1000 epochs: MiB at most, law", kibibytes / 1024e3, 1.024, kibibytes / 2**20
        )
    assert kibibytes < 2**20
