"""The public API as typed code uses it. ``mypy --strict`` reads this file; nothing runs it."""

from typing import Any, assert_type, final

import attrs
import numpy as np

import lrsched
from lrsched import (
    JSON,
    Action,
    ArgumentError,
    Cause,
    Clamp,
    Constant,
    Cursor,
    Decision,
    EpochData,
    ErrorMeasure,
    FileStorage,
    Fold,
    FormatError,
    History,
    HoldLearningRate,
    LearningRateControl,
    MemoryStorage,
    Mirrored,
    Moment,
    NewbobRelative,
    Preset,
    Product,
    Rate,
    ReadOnly,
    Scaled,
    Schedule,
    SqliteStorage,
    Storage,
    as_schedule,
    best_epochs,
    checked,
    error_series,
    open_storage,
    read,
    read_config,
    schedule_from_config,
)
from lrsched.simulation import Replay, ReplayedEpoch, Space, Sweep, compare, explain, replay, sweep, verify
from lrsched.testing import LAWS, Report, check_schedule, check_storage

# A training loop.
schedule = NewbobRelative(relative_error_threshold=-0.01, default_learning_rate=0.1, learning_rate_decay=0.7)
control = LearningRateControl(schedule, "learning_rates")
for epoch in range(control.last_finished_epoch + 1, 6):
    assert_type(control.get_learning_rate_for_epoch(epoch), float)
    control.set_epoch_error(epoch, {"dev_score": 1.0})
    control.set_epoch_meta(epoch, {"steps": 100})
    control.save()
assert_type(control.history, History)
assert_type(control.decide(6), Decision)

# Values.
data = EpochData(learning_rate=0.1, error={"dev_score": 0.5})
history = History({1: data})
assert_type(history[1], EpochData)
assert_type(data.learning_rate, float | None)
assert_type(error_series(history, "dev_score"), dict[int, float])
assert_type(history.set(2, data), History)

# Schedules: ready-made, combined, a function, and classes of one's own.
combined: Schedule = Preset(HoldLearningRate(Clamp(Scaled(schedule, 0.5), 0.001, 1.0), 3), {1: 0.01})
product: Schedule = Product(schedule, Constant(0.5))
rate: float = combined(history, 2)
decision: Decision = combined.decide(history, 2)
assert_type(decision.cause, Cause)
assert_type(decision.action, Action)
measure: ErrorMeasure | None = schedule.measure


def halve(past: History, epoch: int) -> float:
    """A plain function is a schedule, too."""
    return 0.1 * 0.5 ** (epoch - 1) if len(past) < epoch else 0.1


assert_type(as_schedule(halve), Schedule)


@final
@attrs.frozen(field_transformer=checked)
class Step(Schedule):
    """A rule over the history."""

    factor: Rate = 0.1

    def decide(self, history: History, epoch: int) -> Decision:
        """Give the same rate always."""
        previous = history.most_recent_learning_rate(epoch)
        return Decision(self.factor, previous, Action.of(previous, self.factor), Cause("step", "always"))


@final
@attrs.frozen
class Counting(Fold):
    """A rule with memory."""

    def start(self) -> int:
        """Nothing was seen."""
        return 0

    def after(self, memory: int, moment: Moment, data: EpochData) -> int:
        """Count an epoch."""
        return memory + bool(data.error)

    def answer(self, memory: int, moment: Moment) -> Decision:
        """Give a rate for the count."""
        rate = 0.1 / (memory + moment.epoch)
        return Decision(rate, None, Action.KEEP, Cause("counting", "by the count", facts={"count": memory}))


cursor = Cursor.over(Counting(), history)
assert_type(cursor.rate(Moment(2)), float)
assert_type(cursor.after(Moment(2), data), Cursor)

# Storages and files.
storage: Storage = Mirrored(FileStorage("learning_rates"), SqliteStorage("runs.db", run="a"))
assert_type(open_storage("sqlite:///runs.db?run=a"), Storage)
assert_type(ReadOnly(MemoryStorage()).load(), History)
assert_type(FileStorage("run.json", JSON).load(), History)
assert_type(read("learning_rates"), History)
settings = read_config("training.config")
assert_type(settings, dict[str, Any])
assert_type(schedule_from_config(settings), Schedule)


def reading(path: str) -> History | None:
    """Errors are told apart by their types."""
    try:
        return read(path)
    except FormatError as error:
        assert_type(error.line, int | None)
    except ArgumentError as error:
        message: str = str(error)
        print(message)
    return None


# Offline.
replayed = replay(schedule, history)
assert_type(replayed, Replay)
assert_type(verify(schedule, history), tuple[ReplayedEpoch, ...])
found = sweep(Space(fixed={"learning_rate": 0.1}, grid={"newbob_learning_rate_decay": [0.5, 0.7]}), history)
assert_type(found, Sweep)
rates: np.ndarray | None = found.histories["history"].learning_rates
assert_type(best_epochs(history, "dev_score", 3), tuple[tuple[int, float], ...])
explain(schedule, history, 1)
compare({"a": schedule, "b": product}, history)

# Checks.
assert_type(check_schedule(Step, budget=10), Report)
names: list[str] = [*LAWS]
check_storage(FileStorage)
version: str = lrsched.__version__
