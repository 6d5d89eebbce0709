"""`Decision`: a learning rate and why it is that one, as data."""

import math
from enum import StrEnum
from typing import final

import attrs

from lrsched.core.measure import Comparison


@final
class Action(StrEnum):
    """What a decision does to the rate."""

    DEFAULT = "default"
    """The default, since there is no rate to go on from."""
    KEEP = "keep"
    DECAY = "decay"
    GROW = "grow"
    HOLD = "hold"
    """Kept without asking the rule, since the rate has not lasted long enough."""
    PRESET = "preset"
    """Given for this very epoch."""


@final
@attrs.frozen(slots=False)  # made at every epoch: attrs fills an instance dict twice as fast as slots
class Cause:
    """Why a decision is what it is.

    Attributes:
        rule: The name of the rule that decided.
        reason: Why, as a phrase.
        comparisons: The epochs that were compared, oldest first.
        measure: What was held against the threshold, by name.
        change: Its value; None where there was nothing to compare.
        threshold: Above it the rate decays; None if the rule has none.
        grow_threshold: Below it the rate grows; None if the rule has none.
        lifted_from: The rate before it was lifted to the minimum; None if it was not.
    """

    rule: str
    reason: str
    comparisons: tuple[Comparison, ...] = ()
    measure: str | None = None
    change: float | None = attrs.field(default=None, eq=repr)  # so that a NaN equals a NaN
    threshold: float | None = None
    grow_threshold: float | None = None
    lifted_from: float | None = None

    def describe(self) -> str:
        """In words, on one line."""
        text = self.reason
        if self.change is not None and self.threshold is not None:
            change = f"{self.change:.6g}"
            if math.isclose(self.change, self.threshold, rel_tol=1e-5) and change == f"{self.threshold:.6g}":
                change = repr(self.change)
            text += f": {self.measure} {change} against threshold {self.threshold!r}"
            if self.grow_threshold is not None and self.grow_threshold != self.threshold:
                text += f" and grow threshold {self.grow_threshold!r}"
        if self.comparisons:
            told, rest = self.comparisons[-1].describe(), len(self.comparisons) - 1
            text += f"; {told}" + (f" (and {rest} earlier comparison{'s' * (rest > 1)})" if rest else "")
        if self.lifted_from is not None:
            text += f"; {self.lifted_from!r} was lifted to the minimum"
        return f"{self.rule}: {text}"


@final
@attrs.frozen(slots=False)  # made at every epoch: attrs fills an instance dict twice as fast as slots
class Decision:
    """A learning rate for an epoch, and why.

    Attributes:
        learning_rate: The rate, finite and >= 0.
        previous: The newest rate of the history before the epoch, presets included; None if there is none.
        action: What the decision does.
        cause: Why.

    Examples:
        >>> Decision(0.05, 0.1, Action.DECAY, Cause("newbob", "the error did not improve enough")).describe()
        'decay 0.1 -> 0.05: newbob: the error did not improve enough'
    """

    learning_rate: float
    previous: float | None
    action: Action
    cause: Cause

    def describe(self) -> str:
        """In words, on one line."""
        rates = f"{self.learning_rate!r}"
        if self.previous is not None and self.previous != self.learning_rate:
            rates = f"{self.previous!r} -> {rates}"
        return f"{self.action} {rates}: {self.cause.describe()}"
