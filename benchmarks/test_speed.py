"""How fast lrsched is beside the original program, RETURNN's `returnn.learning_rate_control`.

``pytest benchmarks -n0 --benchmark-enable`` measures; without that option everything runs once, as a smoke test.
"""

import contextlib
import gc
import json
import math
import os
import random
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import attrs
import pytest

import lrsched.returnn as drop_in
from lrsched import (
    Action,
    Cause,
    Clamp,
    Constant,
    Cursor,
    Decision,
    EpochData,
    FileStorage,
    Fold,
    History,
    LearningRateControl,
    MemoryStorage,
    Moment,
    NewbobRelative,
    Preset,
    Product,
    Scaled,
    SqliteStorage,
    open_storage,
    read,
)
from lrsched.simulation import replay

with warnings.catch_warnings(), contextlib.redirect_stdout(None):
    warnings.simplefilter("ignore")
    import returnn.learning_rate_control as original

NAMES = ["dev_score", "dev_error", *(f"train_error_{number}" for number in range(8))]
SCHEDULE = NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=0.5)
STEPS = 10


@pytest.fixture(autouse=True)
def _silent():
    """The original prints; not to a terminal, so that its time is its own."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _errors(epoch):
    numbers = random.Random(epoch)
    return {name: 1.0 + numbers.random() for name in NAMES}


def _history(epochs, learning_rate=0.1):
    return History({epoch: EpochData(learning_rate=learning_rate, error=_errors(epoch)) for epoch in epochs})


@pytest.fixture(scope="module")
def histories(request):
    """Histories by their last epoch; in a smoke test the longest is only the end of one."""
    first = 1 if request.config.getoption("--benchmark-enable") else 99_000
    return {last: _history(range(first if last > first else 1, last + 1)) for last in (99, 1000, 99_999)}


def _steps(control, last_epoch):
    """A training's next epochs: ask for the rate, record ten errors."""
    epochs = [(epoch, _errors(epoch)) for epoch in range(last_epoch + 1, last_epoch + 1 + STEPS)]

    def run():
        for epoch, errors in epochs:
            control.get_learning_rate_for_epoch(epoch)
            control.set_epoch_error(epoch, errors)

    return run


def _ours(history, storage=None):
    return LearningRateControl(SCHEDULE, MemoryStorage(history) if storage is None else storage)


def _theirs(history, filename=None):
    control = original.NewbobRelative(
        relative_error_threshold=-0.01, default_learning_rate=0.1, learning_rate_decay=0.5
    )
    for epoch, data in history.items():
        control.epoch_data[epoch] = control.EpochData(learning_rate=data.learning_rate, error=dict(data.error))
    control.filename = filename
    return control


@pytest.mark.parametrize("learning_rate", [0.1, 1e-6])
def test_an_epoch_at_100_costs_less_than_the_originals(against, learning_rate):
    history = _history(range(1, 100), learning_rate)
    prepared = _theirs(history).epoch_data

    def theirs():
        control = _theirs({})
        control.epoch_data = dict(prepared)
        return _steps(control, 99)

    against(
        f"{STEPS} epochs of 10 errors at epoch 100, at a rate of {learning_rate}",
        lambda: _steps(_ours(history), 99),
        theirs,
        law=0.85,
        rounds=1000,
    )


def test_an_epoch_at_100_000_costs_what_it_costs_at_100(against, histories):
    against(
        f"{STEPS} epochs of 10 errors at epoch 100,000 (peer: at 100)",
        lambda: _steps(_ours(histories[99_999]), 99_999),
        lambda: _steps(_ours(histories[99]), 99),
        law=1.5,
        rounds=1000,
    )


def test_the_pauses_of_the_garbage_collector_are_told_apart(histories, report, request):
    """At epoch 100,000, with the collector on: the mean pause an epoch (first column), and the longest (second)."""
    epochs = 2000 if request.config.getoption("--benchmark-enable") else 20
    pauses, started = [], []

    def watch(phase, _):
        if phase == "start":
            started.append(time.perf_counter())
        else:
            pauses.append(time.perf_counter() - started.pop())

    control = _ours(histories[99_999])
    gc.callbacks.append(watch)
    try:
        for last_epoch in range(99_999, 99_999 + epochs, STEPS):
            _steps(control, last_epoch)()
    finally:
        gc.callbacks.remove(watch)
    assert len(control.history) == len(histories[99_999]) + epochs
    if request.config.getoption("--benchmark-enable"):
        report("pause of the garbage collector: mean an epoch, longest", sum(pauses) / epochs, max(pauses), len(pauses))


def _numbers_of_every_look(epochs):
    """Rates that fall to 1e-06, and errors as `repr` writes floats; in a tenth of the epochs NaN and infinities too."""
    looks, history = [1e-06, 1.5e-07, 1e16, 1e22, 1.2345e-05, -0.0, 0.0, 123456789.0, 0.1], {}
    for epoch in range(1, epochs + 1):
        numbers = random.Random(epoch)
        errors = {name: numbers.choice([*looks, numbers.random()]) for name in NAMES}
        if epoch % 10 == 0:
            errors |= zip(NAMES, (math.nan, math.inf, -math.inf), strict=False)
        history[epoch] = EpochData(learning_rate=max(1e-06, 0.1 * 0.98**epoch), error=errors)
    return History(history)


def _largest_recorded_file():
    folder = os.environ.get("LRSCHED_CORPUS")
    files = Path(folder).glob("*/learning_rates") if folder else ()
    largest = max(files, key=lambda path: path.stat().st_size, default=None)
    return largest or pytest.skip("no recorded trainings: set LRSCHED_CORPUS to the folder that holds them")


LOADED = {
    "1000 epochs of 10 errors": lambda: _history(range(1, 1001)),
    "1000 epochs of 10 numbers of every look, at rates down to 1e-06": lambda: _numbers_of_every_look(1000),
    "the largest recorded file": lambda: read(_largest_recorded_file()),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the original does not close its file
@pytest.mark.parametrize("name", LOADED)
def test_loading_takes_at_most_three_tenths_of_the_originals_time(against, name, tmp_path):
    history = LOADED[name]()
    file = str(tmp_path / "learning_rates")
    FileStorage(file).save(history)
    ours, theirs = _ours(None, file), _theirs({}, file)
    against(f"loading {name}", lambda: ours.load, lambda: theirs.load, law=0.3, rounds=30)
    assert ours.history == history
    loaded = {
        e: EpochData(learning_rate=d.learning_rate, error=d.error, meta=d.meta) for e, d in theirs.epoch_data.items()
    }
    assert loaded == dict(history)


def _one_more(control):
    """What saves a control after one more epoch of ten errors."""
    epoch = 1 + max(getattr(control, "history", None) or control.epoch_data)
    control.get_learning_rate_for_epoch(epoch)
    control.set_epoch_error(epoch, _errors(epoch))
    return control.save


@pytest.mark.parametrize("name", ["learning_rates", "run.json"])
def test_saving_after_one_more_epoch_takes_at_most_a_fifth_of_the_originals_time(against, name, tmp_path, histories):
    """Ours is synced to the disk; the original is not."""
    open_storage(tmp_path / name).save(histories[1000])
    ours, theirs = _ours(None, str(tmp_path / name)), _theirs(histories[1000], str(tmp_path / "theirs"))
    ours.save()
    against(
        f"saving 1000 epochs after one more to {name}",
        lambda: _one_more(ours),
        lambda: _one_more(theirs),
        law=0.2,
        rounds=30,
    )
    assert read(tmp_path / name) == read(f"text:{tmp_path}/theirs") == ours.history


def test_saving_to_a_database_at_epoch_100_000_costs_what_it_costs_at_100(against, tmp_path, histories):
    controls = []
    for epochs in (99_999, 99):
        storage = SqliteStorage(tmp_path / f"{epochs}.db")
        storage.save(histories[epochs])
        controls.append(_ours(None, storage))
    many, few = controls
    against(
        "saving one more epoch to SQLite at epoch 100,000 (peer: at 100)",
        lambda: _one_more(many),
        lambda: _one_more(few),
        law=1.5,
        rounds=100,
    )
    assert SqliteStorage(tmp_path / "99999.db").load() == many.history


def test_loading_json_takes_at_most_four_times_as_long_as_json_loads(against, tmp_path, histories):
    path = tmp_path / "run.json"
    open_storage(path).save(histories[1000])
    content = path.read_bytes()
    against(
        "loading 1000 epochs from JSON (peer: json.loads)",
        lambda: open_storage(path).load,
        lambda: lambda: json.loads(content),
        law=4.0,
        rounds=30,
    )


def test_an_epoch_with_the_drop_in_takes_at_most_two_thirds_of_the_originals_time(against, tmp_path, histories):
    """What RETURNN's engines do in an epoch, at epoch 1000: ask, note meta values, record errors twice, save."""
    ours = drop_in.NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=0.5)
    for epoch, data in histories[1000].items():
        ours.epoch_data[epoch] = ours.EpochData(learning_rate=data.learning_rate, error=dict(data.error))
    ours.filename = str(tmp_path / "ours")
    theirs = _theirs(histories[1000], str(tmp_path / "theirs"))
    ours.save()

    def epoch_of(control):
        epoch = 1 + max(control.epoch_data)

        def run():
            control.get_learning_rate_for_epoch(epoch)
            control.epoch_data[epoch].meta.update({"effective_learning_rate": 0.1, "gpu": "a"})
            control.set_epoch_error(epoch, {"train_score": 1.0})
            control.set_epoch_error(epoch, _errors(epoch))
            control.save()

        return run

    against(
        "an epoch at epoch 1000 with the drop-in, saved",
        lambda: epoch_of(ours),
        lambda: epoch_of(theirs),
        law=0.67,
        rounds=30,
    )
    assert (tmp_path / "theirs").read_bytes() == (tmp_path / "ours").read_bytes()


def _falling(epochs):
    """A training whose rate falls with nearly every other epoch, with two errors."""
    schedule, numbers, history = attrs.evolve(SCHEDULE, learning_rate_decay=0.9999), random.Random(1), History()
    for epoch in range(1, epochs + 1):
        errors = {"dev_score": 1.0 + numbers.random(), "train_score": numbers.random()}
        history = history.set(epoch, EpochData(learning_rate=schedule(history, epoch), error=errors))
    return history


@pytest.fixture(scope="module")
def long_history(request):
    return _falling(100_000 if request.config.getoption("--benchmark-enable") else 100)


def _command(*arguments):
    """What runs a command in a process of its own, its output thrown away."""
    settings = {"learning_rate_control": "newbob", "learning_rate": 0.1, "learning_rate_decay": 0.9999}
    given = [f"--set={key}={value}" for key, value in settings.items()]
    program = [sys.executable, "-c", "from lrsched.cli import main; main()", *map(str, arguments), *given]
    return lambda: subprocess.run(program, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("arguments", [["--help"], ["show"]])
def test_the_command_line_starts_in_less_than_three_times_what_its_libraries_take(
    against, monkeypatch, tmp_path, histories, arguments
):
    """With bytecode of all of them, which the first round writes."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path))
    file = tmp_path / "learning_rates"
    FileStorage(file).save(histories[1000])
    program = [sys.executable, "-m", "lrsched", *arguments, *([str(file)] if arguments == ["show"] else [])]
    against(
        f"lrsched {arguments[0]} (peer: import attrs, click)",
        lambda: lambda: subprocess.run(program, check=True, stdout=subprocess.DEVNULL),
        lambda: _import("attrs, click"),
        law=3.0,
        rounds=20,
    )


REPLAYS = [
    ("learning_rates", (), 3.0),
    ("learning_rates", ("--mode", "free"), 3.0),
    ("run.json", (), 3.0),
    ("runs.db", (), 3.0),
    ("learning_rates", ("--json",), 8.0),  # a hundred megabytes
]


@pytest.mark.parametrize(("name", "options", "seconds"), REPLAYS)
def test_replaying_100_000_epochs_takes_a_few_seconds(within, name, options, seconds, tmp_path, long_history):
    open_storage(tmp_path / name).save(long_history)
    told = " ".join(["lrsched replay", *options, name, "of 100,000 epochs"])
    within(told, _command("replay", tmp_path / name, *options), seconds=seconds, rounds=5)


def test_replaying_takes_twice_as_long_for_twice_the_epochs(against, tmp_path, long_history):
    middle = len(long_history) // 2
    FileStorage(tmp_path / "all").save(long_history)
    FileStorage(tmp_path / "half").save(long_history.before(middle + 1))
    against(
        "lrsched replay of 100,000 epochs (peer: of 50,000)",
        lambda: _command("replay", tmp_path / "all"),
        lambda: _command("replay", tmp_path / "half"),
        law=2.3,
        rounds=5,
    )


# ---- schedules with a memory, and schedules of schedules


class _Patience(NamedTuple):
    rate: float | None = None
    best: float = math.inf
    bad: int = 0


@attrs.frozen
class Patient(Fold):
    """Halves the rate after five epochs that are no better than the best: a rule with a memory."""

    def start(self):
        return _Patience()

    def after(self, memory, _moment, data):
        error = data.error["dev_score"]
        if error < memory.best:
            return _Patience(data.learning_rate, error)
        if memory.bad == 4:
            return _Patience(data.learning_rate / 2, memory.best)
        return _Patience(data.learning_rate, memory.best, memory.bad + 1)

    def rate(self, memory, _moment):
        return 0.1 if memory.rate is None else memory.rate

    def answer(self, memory, moment):
        return Decision(self.rate(memory, moment), None, Action.PLAN, Cause("patient", f"{memory.bad} bad epochs"))


FLAT = {
    "a rule with patience": Patient(),
    "three nested combinators": Scaled(Clamp(Product(SCHEDULE, Constant(0.5)), maximum=1.0), 2.0),
}


@pytest.mark.parametrize("name", FLAT)
def test_a_memory_costs_at_epoch_100_000_what_it_costs_at_100(against, histories, name):
    """The newest 50 epochs are the same at both, with the best error first among them: so are the rates."""
    schedule = FLAT[name]

    def cursor_at(last):
        past = histories[last].before(last - 49)
        for number in range(50):
            errors = _errors(number) if number else {"dev_score": 0.5}
            past = past.set(last - 49 + number, EpochData(learning_rate=0.1, error=errors))
        return Cursor.over(schedule, past)

    def steps(cursor):
        epochs = [(Moment(cursor.epoch + step), _errors(step)) for step in range(1, STEPS + 1)]

        def run():
            rates, newest = [], cursor
            for moment, errors in epochs:
                rates.append(newest.rate(moment))
                newest = newest.after(moment, EpochData(learning_rate=rates[-1], error=errors))
            return rates

        return run

    many, few = cursor_at(99_999), cursor_at(99)
    assert steps(many)() == steps(few)()
    against(
        f"{STEPS} epochs of {name} at epoch 100,000 (peer: at 100)",
        lambda: steps(many),
        lambda: steps(few),
        law=1.5,
        rounds=300,
    )


@pytest.mark.parametrize("mode", ["recorded", "free"])
def test_a_preset_for_every_epoch_costs_hardly_more_than_none(against, mode):
    history = _history(range(1, 4001))
    presets = Preset(SCHEDULE, dict.fromkeys(range(1, 4001), 0.1))
    against(
        f"replay ({mode}) of 4000 epochs with 4000 presets (peer: without)",
        lambda: lambda: replay(presets, history, mode),
        lambda: lambda: replay(SCHEDULE, history, mode),
        law=1.5,
        rounds=20,
    )


def test_three_combinators_fold_a_history_in_the_time_that_reading_it_takes(against, tmp_path, request):
    schedule = Scaled(Clamp(Scaled(SCHEDULE, 0.5), maximum=1.0), 2.0)
    cursor, numbers, epochs = Cursor.over(schedule), random.Random(1), {}
    for epoch in range(1, 100_001 if request.config.getoption("--benchmark-enable") else 101):
        errors = {"dev_score": 1.0 + numbers.random(), "train_score": numbers.random()}
        epochs[epoch] = EpochData(learning_rate=cursor.rate(Moment(epoch)), error=errors)
        cursor = cursor.after(Moment(epoch), epochs[epoch])
    FileStorage(tmp_path / "learning_rates").save(History(epochs))
    history = read(tmp_path / "learning_rates")
    against(
        "folding 100,000 epochs of 2 errors by three combinators (peer: reading the file)",
        lambda: lambda: Cursor.over(schedule, history),
        lambda: lambda: read(tmp_path / "learning_rates"),
        law=1.0,
        rounds=7,
    )
    assert Cursor.over(schedule, history).memory == cursor.memory


def _import(module):
    """A new interpreter that imports it."""
    return lambda: subprocess.run([sys.executable, "-W", "ignore", "-c", f"import {module}"], check=True)


def test_importing_takes_at_most_half_of_the_originals_time(against):
    against("import", lambda: _import("lrsched"), lambda: _import("returnn.learning_rate_control"), law=0.5, rounds=20)


def test_importing_all_that_a_training_needs_takes_no_longer_than_the_originals(against):
    ours = "lrsched; lrsched.LearningRateControl, lrsched.NewbobRelative"
    against(
        "import, and what a training needs",
        lambda: _import(ours),
        lambda: _import("returnn.learning_rate_control"),
        law=1.0,
        rounds=20,
    )
