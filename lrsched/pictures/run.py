"""`Run`: what there is to draw of one training."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, final

import attrs

from lrsched.core.decision import Action, Decision
from lrsched.core.frozendict import FrozenDict
from lrsched.core.history import History
from lrsched.core.measure import COMMON, ErrorMeasure
from lrsched.core.series import error_series
from lrsched.simulation.replaying import Replay

NOTHING = "no epoch has a rate or an error"
"""What there is to say in place of a drawing."""


def _frozen(value: Mapping[str, Any]) -> FrozenDict[str, Any]:
    return FrozenDict(value)


def _keys(value: Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@final
@attrs.frozen
class Run:
    """A recorded training, and what schedules say of it.

    Attributes:
        name: What it is called, as in a legend.
        history: What was recorded.
        replayed: A schedule's decisions, which are marked; None: the changes of the recorded rate are.
        compared: Name -> replay of another schedule, whose rates are drawn beside the recorded ones.
        settings: Those of the schedule, to be told.
        keys: The errors to draw; by default the one that counts in most epochs.
        measure: Which error counts, and which errors are better.

    Examples:
        >>> from lrsched import EpochData
        >>> history = History({1: EpochData(learning_rate=0.1, error={"dev_score": 2.0, "train_score": 1.0})})
        >>> Run("a", history).errors, Run("a", history, keys="train_score").errors
        ({'dev_score': {1: 2.0}}, {'train_score': {1: 1.0}})
    """

    name: str
    history: History
    replayed: Replay | None = None
    compared: FrozenDict[str, Replay] = attrs.field(factory=FrozenDict, converter=_frozen)
    settings: FrozenDict[str, Any] = attrs.field(factory=FrozenDict, converter=_frozen)
    keys: tuple[str, ...] = attrs.field(default=(), converter=_keys)
    measure: ErrorMeasure = COMMON

    @property
    def errors(self) -> dict[str, dict[int, float]]:
        """Key -> epoch -> error, of what is to be drawn; keys that no epoch has are left out."""
        series = {key: error_series(self.history, key) for key in self.keys or self._counting}
        return {key: values for key, values in series.items() if values}

    @property
    def rates(self) -> dict[int, float]:
        """Epoch -> recorded rate."""
        return {epoch: data.learning_rate for epoch, data in self.history.items() if data.learning_rate is not None}

    @property
    def _counting(self) -> tuple[str, ...]:
        """The key that counts in most epochs: what the schedule compared, or what counts without one."""
        compared = (each for step in self.replayed or () for each in step.decision.cause.comparisons[-1:])
        counts = Counter(each.new_key.key for each in compared)
        counts.update(self.measure.key_of(data).key for data in self.history.values() if not counts)
        del counts[None]
        return tuple(key for key, _ in counts.most_common(1) if key is not None)


class Mark(NamedTuple):
    """A change of the rate.

    Attributes:
        epoch: The first epoch with the new rate.
        text: Why, in few characters.
        weight: How large it is: the ratio of the rates, >= 1.
    """

    epoch: int
    text: str
    weight: float


def marks(run: Run) -> list[Mark]:
    """The changes of the rate: those that the schedule decided, each with its reason; without one the recorded ones.

    Examples:
        >>> from lrsched import EpochData, NewbobRelative
        >>> from lrsched.simulation import replay
        >>> history = History({e: EpochData(learning_rate=0.1 * 0.5 ** (e > 2), error={"a": 1.0}) for e in (1, 2, 3)})
        >>> marks(Run("a", history))
        [Mark(epoch=3, text='x0.5', weight=2.0)]
        >>> schedule = NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=0.5)
        >>> marks(Run("a", history, replay(schedule, history)))[0].text
        '+0 % > -1 %'
    """
    if run.replayed is None:
        changes = pairwise(run.rates.items())
        return [Mark(epoch, _factor(old, new), _ratio(old, new)) for (_, old), (epoch, new) in changes if old != new]
    return [
        Mark(step.epoch, reason(step.decision), _ratio(step.decision.previous, step.learning_rate))
        for step in run.replayed
        if step.decision.previous not in (None, step.learning_rate)
    ]


def reason(decision: Decision) -> str:
    """Why a rate changed, in few characters: what was held against which threshold; else what kind of change it is.

    Examples:
        >>> from lrsched.core.decision import Cause
        >>> relative = Cause("newbob", "", measure="relative error", change=0.0123, threshold=-0.01, lifted_from=0.05)
        >>> reason(Decision(0.1, 0.2, Action.DECAY, relative))
        '+1.23 % > -1 %, floor'
        >>> reason(Decision(0.1, 0.2, Action.PRESET, Cause("preset", "given for this epoch")))
        'preset'
    """
    cause, previous = decision.cause, decision.previous
    if cause.change is not None and cause.threshold is not None:
        grows = decision.action is Action.GROW
        threshold = cause.threshold if not grows or cause.grow_threshold is None else cause.grow_threshold
        percent = cause.measure is not None and "relative" in cause.measure
        text = f"{_short(cause.change, percent)} {'<' if grows else '>'} {_short(threshold, percent)}"
    elif previous is None or decision.action in _KINDS:
        text = str(decision.action)
    else:
        text = _factor(previous, decision.learning_rate)
    return f"{text}, floor" if cause.lifted_from is not None else text


_KINDS = (Action.PRESET, Action.DEFAULT)  # which say more than a factor does


def _short(value: float, percent: bool) -> str:  # noqa: FBT001  one of two units
    return f"{100 * value:+.3g} %" if percent else f"{value:+.3g}"


def _factor(old: float, new: float) -> str:
    factor = new / old if old else math.inf
    return f"x{factor:.3g}" if math.isfinite(factor) else f"from {old:.3g}"


def _ratio(old: float | None, new: float) -> float:
    low, high = sorted((old or 0.0, new))
    return high / low if low else math.inf
