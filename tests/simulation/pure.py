"""What the pure functions say: the law for whatever is faster."""

import math
from contextlib import suppress

import numpy as np

from lrsched import ArgumentError
from lrsched.simulation.replaying import replayed_epochs


def rates_of(schedule, history, mode):
    """The rates of a schedule as bytes, NaN from where it refuses."""
    rates = np.full(len(history), math.nan)
    with suppress(ArgumentError):
        for row, step in enumerate(replayed_epochs(schedule, history, mode)):
            rates[row] = step.learning_rate
    return rates.tobytes()
