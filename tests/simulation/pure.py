"""What the pure functions say: the law for whatever is faster."""

import math
from contextlib import suppress

import numpy as np

from lrsched import ArgumentError
from lrsched.simulation.columns import read
from lrsched.simulation.engine import Batch
from lrsched.simulation.replaying import replayed_epochs
from lrsched.simulation.spaces import Schedules


def rates_of(schedule, history, mode):
    """The rates of a schedule as bytes, NaN from where it refuses."""
    rates = np.full(len(history), math.nan)
    with suppress(ArgumentError):
        for row, step in enumerate(replayed_epochs(schedule, history, mode)):
            rates[row] = step.learning_rate
    return rates.tobytes()


def batch_of(schedules):
    """The batch of some schedules."""
    axes, number = Schedules(tuple(schedules)).axes(None, 0, None), len(schedules)
    return Batch(0, number, *read(axes, 0, number))
