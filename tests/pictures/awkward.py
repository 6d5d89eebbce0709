"""Histories that are hard to draw, with the schedules that are to be marked."""

import math
from functools import cache

from hypothesis import reject, strategies as st

from lrsched import ArgumentError, Constant, EpochData, HoldLearningRate, NewbobRelative, Preset
from lrsched.core.history import History
from lrsched.pictures.run import Run
from lrsched.simulation import replay
from lrsched.testing import strategies


def history(errors, rates=None, first=1, key="dev_score"):
    """Epochs in a row; an error or a rate may be None."""
    rates = [0.1 * 0.98**i for i in range(len(errors))] if rates is None else rates
    return History(
        {
            first + i: EpochData(learning_rate=rate, error={} if error is None else {key: error})
            for i, (error, rate) in enumerate(zip(errors, rates, strict=True))
        }
    )


def falling(number):
    return [2.0 / (1 + i / 10) + 0.05 * math.sin(7.0 * i) for i in range(number)]


def decayed(number, decays, decay=0.9):
    return [0.1 * decay ** (i * decays // number) for i in range(number)]


SCHEDULE = NewbobRelative(
    relative_error_threshold=-0.01, default_learning_rate=0.1, learning_rate_decay=0.7, min_learning_rate=1e-4
)
LONG_NAME = "/".join(["experiments", "2026-11-24", "a_very_long_name_of_a_training" * 4, "W" * 60, "learning_rates"])
HOSTILE = "<script>alert(1)</script> & \"quotes' \ud800 $x_1^2$ \x1b[31m größe_誤差_🙂\n</svg>"

ODD_EPOCHS = History(
    {epoch: EpochData(learning_rate=0.1 / i, error={"a": 1.0 / i}) for i, epoch in enumerate((1, 7, 10**6, 10**12), 1)}
)


@cache
def runs():
    """Name -> what is to be drawn in one figure."""
    held = HoldLearningRate(SCHEDULE, 3)
    few = history(falling(30), decayed(30, 5, 0.7))
    many = history(falling(400), decayed(400, 60))
    return {
        "400 epochs, 60 decays": [Run("a", many)],
        "400 epochs, marked": [Run("a", many, replay(held, many))],
        "400 epochs, its own": [Run("a", many, replay(held, many, "free"))],
        "3 epochs": [Run("a", history([3.0, 2.0, 1.0]))],
        "1 epoch": [Run("a", history([3.0]), replay(Constant(0.1), history([3.0])))],
        "no epoch": [Run("a", History())],
        "100,000 epochs": [Run("a", history(falling(100_000), decayed(100_000, 3000, 0.999)))],
        "zero rates": [Run("a", history(falling(9), [0.0, 0.1, 0.1, 0.0, 0.0, 0.05, 0.0, 0.01, 0.0]))],
        "only zero rates": [Run("a", history(falling(9), [0.0] * 9))],
        "not finite": [Run("a", history([math.nan, 1.0, math.inf, 2.0, -math.inf, 1.0, 1.5, math.nan, math.nan]))],
        "only not finite": [Run("a", history([math.nan] * 4))],
        "only not finite, no rates": [Run("a", history([math.nan, math.inf], [None] * 2))],
        "no word on an axis": [Run("a", history([math.nan], key=""))],
        "no errors": [Run("a", history([None] * 9, decayed(9, 3)))],
        "no rates": [Run("a", history(falling(9), [None] * 9))],
        "constant": [Run("a", history([1.0] * 9, [0.1] * 9), replay(Constant(0.1), history([1.0] * 9, [0.1] * 9)))],
        "negative": [Run("a", history([-v for v in falling(9)]))],
        "extreme": [Run("a", history([1e308, -1e308, 5e-324, 0.0], [5e-324, 1e308, 0.0, 1e-300]))],
        "odd epochs": [Run("a", ODD_EPOCHS, replay(SCHEDULE, ODD_EPOCHS))],
        "long name": [Run(LONG_NAME, few, compared={LONG_NAME: replay(SCHEDULE, few, "free")})],
        "long key": [Run("a", history(falling(9), key=LONG_NAME))],
        "hostile": [Run(HOSTILE, history(falling(9), key=HOSTILE), settings={HOSTILE: HOSTILE})],
        "hostile, several": [Run(HOSTILE, history(falling(9), key=HOSTILE)), Run("b", few, keys=["dev_score", "x"])],
        "preset": [Run("a", few, replay(Preset(SCHEDULE, {4: 0.5, 9: 0.0}), few))],
        "six runs": [
            Run(f"run {i}", history([v * (1 + i / 5) for v in falling(60)], decayed(60, i))) for i in range(6)
        ],
        "many runs": [
            Run(f"{LONG_NAME} {i}", few, replay(SCHEDULE, few), {LONG_NAME: replay(SCHEDULE, few, "free")})
            for i in range(9)
        ],
        "compared": [
            Run("a", few, replay(SCHEDULE, few), {f"{d}.json": replay(other(d), few, "free") for d in (0.5, 0.8, 1.0)}),
        ],
    }


def other(decay):
    return NewbobRelative(relative_error_threshold=-0.01, default_learning_rate=0.1, learning_rate_decay=decay)


@st.composite
def any_runs(draw):
    """A run of any history, with any schedule marked and compared; not where a rate grows beyond all floats."""
    name, history, schedule = draw(strategies.texts()), draw(strategies.wild_histories()), draw(strategies.schedules())
    try:
        marked, free = (replay(schedule, history, mode) for mode in ("recorded", "free"))
    except ArgumentError:
        reject()
    return Run(name, history, marked, {name: free}, {name: draw(strategies.meta_literals())})
