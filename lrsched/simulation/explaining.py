"""Why an epoch has the learning rate that it has, and what it would have taken to give it another one."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise, product
from typing import Any, Final, final

import attrs

from lrsched.core.decision import OVERRULING, Action, Cause, Decision
from lrsched.core.epoch_data import UNKNOWN
from lrsched.core.history import History
from lrsched.core.measure import Comparison
from lrsched.core.numbers import epoch_number
from lrsched.core.schedule import Cursor, Moment, Schedule, measures
from lrsched.errors import ArgumentError
from lrsched.schedules.function import Function, as_schedule
from lrsched.simulation.replaying import warn_of_doubts
from lrsched.simulation.results import Result

_OVERRULED: Final = {
    Action.HOLD: "the rate is held, whatever the error is",
    Action.PRESET: "the rate is preset, whatever the error is",
}
_ALIKE: Final = "on its other side there is the same rate, or none"
_AT_MINIMUM: Final = "the rate is at the minimum, where a decay and none are the same"
_LABELS: Final = 12  # columns


@final
@attrs.frozen
class ThresholdChange:
    """The smallest change of a threshold that changes a decision: any smaller one leaves the rate as it is.

    The past stays as it was: the parts of the schedule remember the rates that they had.

    Attributes:
        parameter: The name of the threshold. Where a law ties another one to it, that one moves along.
        old: Its value.
        new: The value that is nearest to it and gives another rate, a finite float.
        decision: What is decided then.
    """

    parameter: str
    old: float
    new: float
    decision: Decision

    def describe(self, *, exact: bool = False) -> str:
        """In words, on one line.

        Args:
            exact: Whether the numbers of the decision have all their digits.

        Examples:
            >>> from lrsched import Cause
            >>> decision = Decision(0.1, 0.1, Action.KEEP, Cause("newbob", "the error improved enough"))
            >>> ThresholdChange("relative_error_threshold", -0.01, 0.05, decision).describe()
            'with relative_error_threshold 0.05 instead of -0.01: 0.1 (keep, newbob): the error improved enough'
        """
        decided = self.decision.describe(exact=exact, inner=False)
        return f"with {self.parameter} {self.new!r} instead of {self.old!r}: {decided}"


@final
@attrs.frozen
class Explanation(Result):
    """Why an epoch has its learning rate.

    Attributes:
        epoch: The epoch.
        recorded: The rate that the history has for it; None if there is none.
        decision: What the schedule decides, with what its parts decide.
        threshold_change: What it would have taken to get another rate; None if no finite threshold gives one.
        unchangeable: Why none does, as a phrase; None if one does.
    """

    epoch: int
    recorded: float | None
    decision: Decision
    threshold_change: ThresholdChange | None
    unchangeable: str | None

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """What the first part of the first part, and so on, compared, oldest first; or would have, under a hold."""
        return self.decision.innermost.cause.comparisons

    def describe(self, *, exact: bool = False) -> str:
        """In words, on several lines.

        Args:
            exact: Whether all numbers have all their digits. Otherwise those of the decisions are rounded.
        """
        return "\n".join(f"{label:{_LABELS - 1}} {text}" for label, text in self._lines(exact=exact))

    def _lines(self, *, exact: bool) -> Iterator[tuple[str, str]]:
        yield f"epoch {self.epoch}", self.decision.describe(exact=exact, inner=False)
        same = "the same" if self.recorded == self.decision.learning_rate else "which differs"
        yield "recorded", "no rate" if self.recorded is None else f"{self.recorded!r}, {same}"
        yield from _inside(self.decision, exact=exact)
        unchangeable = f"no finite threshold gives another rate: {self.unchangeable}"
        yield "otherwise", self.threshold_change.describe(exact=exact) if self.threshold_change else unchangeable

    def to_dict(self) -> dict[str, Any]:
        """See `Result.to_dict`: the compared epochs, their error keys and errors, the change from the one before."""
        rows: dict[int, tuple[str | None, float | None, float | None]] = {}
        for compared in self.comparisons:
            rows.setdefault(compared.old_epoch, (compared.old_key.key, compared.old_error, None))
            rows[compared.new_epoch] = (compared.new_key.key, compared.new_error, compared.change)
        keys, errors, changes = (list(column) for column in zip(*rows.values(), strict=True)) if rows else ([], [], [])
        return {"epoch": list(rows), "error_key": keys, "error": errors, "change": changes}

    def data(self) -> dict[str, Any]:
        """See `Result.data`."""
        why = self.describe(exact=True).splitlines()
        return {**attrs.asdict(self, recurse=False), "learning_rate": self.decision.learning_rate, "why": why}


def _inside(decision: Decision, depth: int = 0, *, exact: bool) -> Iterator[tuple[str, str]]:
    """What a decision rests on, and the decisions inside it, each with a label."""
    cause, indent = decision.cause, "  " * depth
    for compared in cause.comparisons:
        yield "compared", f"{indent}{compared.describe(exact=True)}{_change_in_words(compared)}"
    if cause.facts:
        yield "facts", indent + ", ".join(f"{name} {value!r}" for name, value in cause.facts.items())
    for part in cause.inner:
        label = "instead of" if cause.rule in OVERRULING else "made of"
        yield label, indent + part.describe(exact=exact, inner=False)
        yield from _inside(part, depth + 1, exact=exact)


def _change_in_words(compared: Comparison) -> str:
    if compared.change is None or compared.new_error is None:
        return ""
    if compared.change == math.inf and not math.isfinite(compared.new_error):
        return ", worse than any other"
    scaled = "" if compared.learning_rate_scale == 1.0 else f" (divided by {compared.learning_rate_scale!r})"
    return f", a change of {compared.change!r}{scaled}"


def explain(schedule: Schedule | Function, history: History, epoch: int) -> Explanation:
    """Why ``schedule`` gives ``epoch`` its learning rate, decided from the recorded epochs before it.

    Args:
        schedule: A schedule, or a plain function ``(history, epoch) -> learning rate``.
        history: The recorded epochs.
        epoch: An integer >= 1, recorded or not: the epoch after the last one is the one to come.

    Raises:
        ArgumentError: ``epoch`` is none. And whatever ``schedule`` raises.

    Examples:
        >>> from lrsched import EpochData, NewbobRelative
        >>> history = History({e: EpochData(learning_rate=0.1, error={"dev_score": 1.0}) for e in (1, 2)})
        >>> schedule = NewbobRelative(
        ...     -0.25, default_learning_rate=0.1, learning_rate_decay=0.5, error_measure_key="dev_score"
        ... )
        >>> explained = explain(schedule, history, 3)
        >>> explained.decision.learning_rate, explained.threshold_change.new, explained.recorded
        (0.05, 0.0, None)
        >>> print(explained.describe())
        epoch 3     0.1 -> 0.05 (decay, newbob_relative): relative error 0 is above the threshold -0.25; dev_score 1 \
-> 1 (epochs 1 -> 2)
        recorded    no rate
        compared    dev_score 1.0 -> 1.0 (epochs 1 -> 2), a change of 0.0
        otherwise   with relative_error_threshold 0.0 instead of -0.25: 0.1 (keep, newbob_relative): relative error 0 \
is not above the threshold 0; dev_score 1 -> 1 (epochs 1 -> 2)
    """
    asked, epoch = as_schedule(schedule), epoch_number("epoch", epoch)
    past, data = history.before(epoch), history.get(epoch, UNKNOWN)
    moment = Moment.of(epoch, data)
    warn_of_doubts(measures(asked), past)
    decision = Cursor.over(asked, past).answer(moment)
    return Explanation(epoch, data.learning_rate, decision, *_threshold_change(asked, past, moment, decision))


def newest_change(history: History) -> int | None:
    """The newest epoch whose recorded rate is not the one recorded before it; None if there is none.

    Examples:
        >>> from lrsched import EpochData
        >>> rates = {1: 0.1, 2: None, 3: 0.05, 4: 0.05}
        >>> newest_change(History({epoch: EpochData(learning_rate=rate) for epoch, rate in rates.items()}))
        3
    """
    known = [(epoch, data.learning_rate) for epoch, data in history.items() if data.learning_rate is not None]
    return next((epoch for (_, before), (epoch, rate) in reversed([*pairwise(known)]) if rate != before), None)


def _threshold_change(
    schedule: Schedule, past: History, moment: Moment, decision: Decision
) -> tuple[ThresholdChange | None, str | None]:
    """The smallest change, or why there is none: the schedule is asked again, whatever its rules are like."""
    if decision.cause.rule in _OVERRULED:
        return None, _OVERRULED[Action(decision.cause.rule)]
    if not any(_thresholds(schedule)):
        return None, "no threshold is found in the schedule"
    causes = [each for each in _causes(decision) if each.change is not None and each.threshold is not None]
    if not causes:
        was_compared = any(each.comparisons for each in _causes(decision))
        return None, "nothing was compared" if was_compared else "no change was held against one"
    changes = [float(each.change) for each in causes if each.change is not None]
    around = (math.nextafter(each, to) for each in changes for to in (-math.inf, each, math.inf))
    tried = filter(math.isfinite, around)
    nearest = min(_changes(schedule, past, moment, decision, tried), key=_distance, default=None)
    if nearest is not None:
        return nearest, None
    if any(_changes(schedule, past, moment, decision, (-math.inf, math.inf))):
        return None, "only an infinite one does"
    if all(map(math.isfinite, changes)):
        return None, _AT_MINIMUM if any(each.lifted_from is not None for each in causes) else _ALIKE
    return None, f"{causes[0].measure} {causes[0].change!r} is on the same side of all"


def _causes(decision: Decision) -> Iterator[Cause]:
    """The cause of a decision, and of those inside that had a say."""
    yield decision.cause
    for part in decision.cause.inner if decision.cause.rule not in OVERRULING else ():
        yield from _causes(part)


def _fields(value: Any) -> dict[str, Any]:
    """What a schedule is made from, by the name of the argument; nothing where its class is not one of attrs."""
    fields = getattr(type(value), "__attrs_attrs__", ()) if isinstance(value, Schedule) else ()
    return {field.alias: getattr(value, field.name) for field in fields if field.init}


def _thresholds(value: Any) -> Iterator[tuple[Schedule, dict[str, float]]]:
    """A schedule and those inside it that have thresholds, with these by name."""
    fields = _fields(value)
    numbers = {name: each for name, each in fields.items() if isinstance(each, (int, float))}
    if thresholds := {name: each for name, each in numbers.items() if name.endswith("threshold")}:
        yield value, thresholds
    for each in value if isinstance(value, tuple) else fields.values():
        yield from _thresholds(each)


def _changes(
    schedule: Schedule, past: History, moment: Moment, decision: Decision, values: Iterable[float]
) -> Iterator[ThresholdChange]:
    """Those values of a threshold that give another rate."""
    cursor = Cursor.over(schedule, past)  # the parts remember what they do
    for new, (rule, thresholds) in product(values, _thresholds(schedule)):
        for name, old in thresholds.items():
            with suppress(Exception):  # a plain function raises whatever it likes where it was never asked
                try:
                    other = _replaced(schedule, rule, {name: new})
                except ArgumentError:  # a law forbids that, so the rule's other thresholds move along
                    other = _replaced(schedule, rule, dict.fromkeys(thresholds, new))
                changed = attrs.evolve(cursor, schedule=other).answer(moment)
                if changed.learning_rate != decision.learning_rate:
                    yield ThresholdChange(name, old, new, changed)


def _replaced(value: Any, rule: Any, values: Mapping[str, float]) -> Any:
    """A value with other parameters of a rule somewhere in it."""
    if value is rule:
        return attrs.evolve(rule, **values)
    if isinstance(value, tuple):
        return tuple(_replaced(each, rule, values) for each in value)
    changed = {name: _replaced(each, rule, values) for name, each in _fields(value).items()}
    return attrs.evolve(value, **changed) if changed else value


def _distance(change: ThresholdChange) -> tuple[Fraction | float, float]:
    """What to sort by: how far the threshold moves, exactly; from an infinite one, the nearer to it the less."""
    if math.isinf(change.old):
        return math.inf, -math.copysign(1.0, change.old) * change.new
    return abs(Fraction(change.new) - Fraction(change.old)), 0.0
