"""`Decision`: a learning rate and why it is that one, as data."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, final

import attrs

from lrsched.core.epoch_data import persistent
from lrsched.core.frozendict import FrozenDict
from lrsched.core.measure import Comparison
from lrsched.core.numbers import rounded
from lrsched.errors import broken_law


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
    PLAN = "plan"
    """The rate that a plan has for this time, whatever the rate before was."""

    @classmethod
    def of(cls, previous: float | None, learning_rate: float) -> "Action":
        """What the step from one rate to the next does: a default, a decay, a growth, or neither.

        Examples:
            >>> [str(Action.of(previous, 0.1)) for previous in (None, 0.2, 0.1, 0.05)]
            ['default', 'decay', 'keep', 'grow']
        """
        if previous is None:
            return cls.DEFAULT
        if learning_rate == previous:
            return cls.KEEP
        return cls.DECAY if learning_rate < previous else cls.GROW


def _as_facts(facts: Mapping[str, Any]) -> FrozenDict[str, Any]:
    for name in facts:
        if not isinstance(name, str) or name in _FIELDS:
            raise broken_law("a name in facts", f"a str other than {', '.join(_FIELDS)}", name, "choose another name")
    return FrozenDict({name: persistent(f"facts[{name!r}]", value) for name, value in facts.items()})


@final
@attrs.frozen(slots=False)  # made at every epoch: attrs fills an instance dict twice as fast as slots
class Cause:
    """Why a decision is what it is.

    Attributes:
        rule: The name of the rule that decided.
        reason: Why, as a phrase. Where there is a change and a threshold, these are shown in its place.
        comparisons: The epochs that were compared, oldest first.
        measure: What was held against the threshold, by name.
        change: Its value; None where there was nothing to compare.
        threshold: Above it the rate decays; None if the rule has none.
        grow_threshold: Below it the rate grows; None if the rule has none.
        lifted_from: The rate before it was lifted to the minimum; None if it was not.
        facts: What else the rule knows, by a name of its own that is not one of these attributes: ``best``,
            ``bad_epochs``. Literals, as the meta values of `EpochData` are.
        inner: The decisions of the schedule's parts, if it has parts. Beside a hold or a preset: what the part would
            have decided.

    Raises:
        ArgumentError: A name in ``facts`` is taken, or a value is no literal.

    Examples:
        >>> Cause("plateau", "2 bad epochs", facts={"best": 0.5, "bad_epochs": 2}).facts["best"]
        0.5
    """

    rule: str
    reason: str
    comparisons: tuple[Comparison, ...] = ()
    measure: str | None = None
    change: float | None = attrs.field(default=None, eq=repr)  # so that a NaN equals a NaN
    threshold: float | None = None
    grow_threshold: float | None = None
    lifted_from: float | None = None
    facts: FrozenDict[str, Any] = attrs.field(default=FrozenDict(), converter=_as_facts, eq=repr)
    inner: "tuple[Decision, ...]" = ()

    def describe(self, *, exact: bool = False) -> str:
        """Why, in words and numbers, on one line.

        Where the cause has a change and a threshold, these say more than its reason.

        Args:
            exact: Whether numbers have all their digits. Otherwise they are rounded to what tells them apart.
        """
        texts = [self.measured(exact=exact) or self.reason]
        if self.comparisons:
            newest, rest = self.comparisons[-1], len(self.comparisons) - 1
            texts.append(newest.describe(exact=exact) + (f" and {rest} before" if rest else ""))
        if self.lifted_from is not None:
            texts.append(f"lifted from {_texts([self.lifted_from], exact=exact)[0]} to the minimum")
        return "; ".join(texts)

    def measured(self, *, exact: bool = False) -> str:
        """On which side of the thresholds the change is; nothing where the rule has none, or compared nothing."""
        change, threshold, grow_threshold = self.change, self.threshold, self.grow_threshold
        if change is None or threshold is None:
            return ""
        newest = self.comparisons[-1].new_error if self.comparisons else None
        if change == math.inf and newest is not None and not math.isfinite(newest):
            return f"an error of {newest} is worse than any other"
        if math.isnan(change):
            return f"{self.measure} nan compares with no threshold"
        at = threshold if grow_threshold is None or change > threshold else grow_threshold
        limit, number, upper = _texts([at, change, threshold], exact=exact)
        if change > threshold:
            side = f"above the threshold {limit}"
        elif grow_threshold is None or grow_threshold == threshold:
            side = f"not above the threshold {limit}"
        elif change < grow_threshold:
            side = f"below the grow threshold {limit}"
        else:
            side = f"between the grow threshold {limit} and the threshold {upper}"
        return f"{self.measure} {number} is {side}"


def _texts(values: Sequence[float], *, exact: bool) -> list[str]:
    return list(map(repr, values)) if exact else rounded(values)


_FIELDS = tuple(field.name for field in attrs.fields(Cause))
OVERRULING: Final = (Action.HOLD, Action.PRESET)
"""The rules whose parts have no say: the decisions inside are what the parts would have decided."""


@final
@attrs.frozen(slots=False)  # made at every epoch: attrs fills an instance dict twice as fast as slots
class Decision:
    """A learning rate for an epoch, and why.

    Attributes:
        learning_rate: The rate, finite and >= 0.
        previous: The newest rate of the history before the epoch, presets included; None if there is none. A `Fold`
            that leaves it None need not know it: `Cursor.answer` fills it in.
        action: What the decision does.
        cause: Why.

    Examples:
        >>> Decision(0.05, 0.1, Action.DECAY, Cause("newbob", "the error did not improve enough")).describe()
        '0.1 -> 0.05 (decay, newbob): the error did not improve enough'
    """

    learning_rate: float
    previous: float | None
    action: Action
    cause: Cause

    @property
    def innermost(self) -> "Decision":
        """The decision of the first part of the first part, and so on; the decision itself if there are no parts."""
        return self.cause.inner[0].innermost if self.cause.inner else self

    def since(self, newest: float | None) -> "Decision":
        """The same decision, with ``newest`` as the previous rate where the rule did not say which it was."""
        return self if self.previous is not None or newest is None else attrs.evolve(self, previous=newest)

    def rates(self, *, exact: bool = False) -> str:
        """The rate, and the one before if it is another: ``0.1 -> 0.05``."""
        if self.previous in (None, self.learning_rate):
            return _texts([self.learning_rate], exact=exact)[0]
        return " -> ".join(_texts([self.previous, self.learning_rate], exact=exact))

    def describe(self, *, exact: bool = False, inner: bool = True) -> str:
        """The decision and its cause in words, on one line.

        Args:
            exact: Whether numbers have all their digits. Otherwise they are rounded to what tells them apart.
            inner: Whether the decisions of the parts follow, where they had a say.
        """
        why = self.why(exact=exact) if inner else self.cause.describe(exact=exact)
        return f"{self.rates(exact=exact)} ({self.action}, {self.cause.rule}): {why}"

    def why(self, *, exact: bool = False) -> str:
        """The cause in words, and the decisions of the parts where they had a say."""
        text = self.cause.describe(exact=exact)
        if not self.cause.inner or self.cause.rule in OVERRULING:
            return text
        return f"{text} [{' | '.join(each.describe(exact=exact) for each in self.cause.inner)}]"
