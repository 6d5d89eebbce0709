"""What a reader of a training wants: the finished epochs, one value in the order of the epochs, the best epochs."""

import math
from operator import itemgetter
from typing import Any, get_args

from lrsched.core.history import History
from lrsched.core.measure import Direction
from lrsched.core.numbers import choice, integer
from lrsched.errors import broken_law


def finished(history: History) -> History:
    """The epochs that were trained: those that have errors.

    The others have a rate that was given beforehand, or are in training. Of the newest finished epoch some errors may
    still be missing: RETURNN saves the training's errors before the evaluation gives the others.

    Examples:
        >>> from lrsched import EpochData
        >>> history = History({1: EpochData(error={"dev_score": 2.0}), 2: EpochData(learning_rate=0.1)})
        >>> list(history), list(finished(history))
        ([1, 2], [1])
    """
    return History({epoch: data for epoch, data in history.items() if data.error})


def error_series(history: History, key: str) -> dict[int, float]:
    """The error ``key`` of every epoch that has it, in the order of the epochs.

    Args:
        history: The past.
        key: The error's whole name; nothing stands in for it, unlike in `ErrorMeasure`.

    Raises:
        ArgumentError: ``key`` is no str.

    Examples:
        >>> from lrsched import EpochData
        >>> history = History({3: EpochData(error={"dev_score": 2.0}), 7: EpochData(error={"train_score": 1.0})})
        >>> error_series(history, "dev_score")
        {3: 2.0}
    """
    key = _name(key)
    return {epoch: data.error[key] for epoch, data in history.items() if key in data.error}


def meta_series(history: History, key: str) -> dict[int, Any]:
    """The meta value ``key`` of every epoch that has it, finished or not, in the order of the epochs.

    Args:
        history: The past.
        key: The value's name, without the ``:meta:`` that it has in a file.

    Raises:
        ArgumentError: ``key`` is no str.

    Examples:
        >>> from lrsched import EpochData
        >>> meta_series(History({3: EpochData(error={"dev_score": 2.0, ":meta:gpu": "a"})}), "gpu")
        {3: 'a'}
    """
    key = _name(key)
    return {epoch: data.meta[key] for epoch, data in history.items() if key in data.meta}


def best_epochs(history: History, key: str, n: int = 1, mode: Direction = "min") -> tuple[tuple[int, float], ...]:
    """The ``n`` epochs with the best error ``key``, the best first; the earlier one on ties.

    Epochs without that error are left out, and so is NaN. All others are compared, whatever the newest one is like;
    `last_best_epoch` is the rule of a training run that goes on.

    Args:
        history: The past.
        key: The error's whole name. There is no default: while the newest epoch is evaluated, the
            error that counts there may be one of the training data.
        n: How many, an integer >= 1.
        mode: Which errors are better: the smaller (``"min"``) or the larger (``"max"``).

    Returns:
        Pairs (epoch, error); fewer than ``n`` where there are fewer.

    Raises:
        ArgumentError: ``key`` is no str, ``n`` no integer >= 1, or ``mode`` neither of the two.

    Examples:
        >>> from lrsched import EpochData
        >>> history = History({e: EpochData(error={"dev_score": s}) for e, s in enumerate((3.0, 1.0, 1.0, 2.0), 1)})
        >>> best_epochs(history, "dev_score"), best_epochs(history, "dev_score", n=3), best_epochs(history, "dev_error")
        (((2, 1.0),), ((2, 1.0), (3, 1.0), (4, 2.0)), ())
    """
    n = integer("n", n, least=1, way_out="ask for at least one epoch")
    comparable = [pair for pair in error_series(history, key).items() if not math.isnan(pair[1])]
    largest_first = choice("mode", mode, get_args(Direction)) == "max"
    return tuple(sorted(comparable, key=itemgetter(1), reverse=largest_first)[:n])  # stable: the earlier epoch on ties


def _name(key: Any) -> str:
    if not isinstance(key, str):
        raise broken_law("key", "a str", key, 'give one name, as in "dev_score"')
    return key
