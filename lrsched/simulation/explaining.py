"""Why an epoch has the learning rate that it has, and what it would have taken to give it another one."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from itertools import pairwise, product
from typing import Any, Final, final

import attrs

from lrsched.core.decision import Action, Decision
from lrsched.core.epoch_data import UNKNOWN
from lrsched.core.history import History
from lrsched.core.measure import Comparison
from lrsched.core.numbers import epoch_number
from lrsched.core.schedule import Cursor, Moment, Schedule
from lrsched.errors import ArgumentError
from lrsched.schedules.combine import Composite
from lrsched.schedules.function import Function, as_schedule
from lrsched.simulation.results import Result

_RULE_NOT_ASKED: Final = {
    Action.HOLD: "the rate is held, whatever the error is",
    Action.PRESET: "the rate is given beforehand, whatever the error is",
}
_ALIKE: Final = "on its other side there is the same rate, or none"
_AT_MINIMUM: Final = "the rate is at the minimum, where a decay and none are the same"
_LABELS: Final = 12  # columns


@final
@attrs.frozen
class ThresholdChange:
    """The smallest change of a threshold that changes a decision: any smaller one leaves the rate as it is.

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

    def describe(self) -> str:
        """In words, on one line.

        Examples:
            >>> from lrsched import Cause
            >>> decision = Decision(0.1, 0.1, Action.KEEP, Cause("newbob_relative", "the error improved enough"))
            >>> ThresholdChange("relative_error_threshold", -0.01, 0.05, decision).describe()
            'with relative_error_threshold 0.05 instead of -0.01: keep 0.1, since the error improved enough'
        """
        told = f"{_rates(self.decision)}, since {self.decision.cause.reason}"
        return f"with {self.parameter} {self.new!r} instead of {self.old!r}: {told}"


@final
@attrs.frozen
class Explanation(Result):
    """Why an epoch has its learning rate.

    Attributes:
        epoch: The epoch.
        recorded: The rate that the history has for it; None if there is none.
        chain: The names of the schedules that were asked: wrappers from the outermost, then the rule.
        decision: What they say.
        unheld: What the rule itself says, where a hold or a preset decided; None where it was asked anyway, or has no
            answer.
        threshold_change: What it would have taken to get another rate; None if no finite threshold gives one.
        unchangeable: Why none does, as a phrase; None if one does.
    """

    epoch: int
    recorded: float | None
    chain: tuple[str, ...]
    decision: Decision
    unheld: Decision | None
    threshold_change: ThresholdChange | None
    unchangeable: str | None

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """What the rule compared, oldest first; or would have compared, had it been asked."""
        return self._rule.cause.comparisons

    @property
    def _rule(self) -> Decision:
        """What the rule says, or would have said."""
        return (self.unheld or self.decision).innermost

    def describe(self) -> str:
        """In words, on several lines."""
        return "\n".join(f"{label:{_LABELS - 1}} {text}" for label, text in self._lines())

    def _lines(self) -> Iterator[tuple[str, str]]:
        yield f"epoch {self.epoch}", _rates(self.decision)
        yield "recorded", _recorded(self)
        yield "asked", ", around ".join(self.chain)
        yield "because", self.decision.cause.reason
        if self._rule is not self.decision:
            yield "the rule", f"{_rates(self._rule)}, since {self._rule.cause.reason}"
        yield from _findings(self._rule)
        if self.threshold_change is not None:
            yield "otherwise", self.threshold_change.describe()
        else:
            yield "otherwise", f"no finite threshold gives another rate: {self.unchangeable}"

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
        return {
            "epoch": self.epoch,
            "recorded": self.recorded,
            "learning_rate": self.decision.learning_rate,
            "why": self.describe().splitlines(),
            "chain": self.chain,
            "decision": self.decision,
            "unheld": self.unheld,
            "threshold_change": self.threshold_change,
            "unchangeable": self.unchangeable,
        }


def _rates(decision: Decision) -> str:
    """A decision without its cause, as in ``decay 0.1 -> 0.05``."""
    if decision.previous in (None, decision.learning_rate):
        return f"{decision.action} {decision.learning_rate!r}"
    return f"{decision.action} {decision.previous!r} -> {decision.learning_rate!r}"


def _recorded(explanation: Explanation) -> str:
    if explanation.recorded is None:
        return "no rate"
    same = explanation.recorded == explanation.decision.learning_rate
    return f"{explanation.recorded!r}, {'the same' if same else 'which differs'}"


def _findings(decision: Decision) -> Iterator[tuple[str, str]]:
    """What a decision rests on, each with a label."""
    cause = decision.cause
    for compared in cause.comparisons:
        change = "" if compared.change is None else f", a change of {compared.change!r}"
        scaled = "" if compared.learning_rate_scale == 1.0 else f" (divided by {compared.learning_rate_scale!r})"
        yield "compared", f"{compared.describe()}{change}{scaled}"
    if cause.change is not None and cause.threshold is not None:
        sides = [f"{'above' if cause.change > cause.threshold else 'not above'} threshold {cause.threshold!r}"]
        if cause.grow_threshold is not None:
            below = "below" if cause.change < cause.grow_threshold else "not below"
            sides.append(f"{below} grow threshold {cause.grow_threshold!r}")
        yield "measured", f"{cause.measure} {cause.change!r} is {' and '.join(sides)}"
    if cause.lifted_from is not None:
        yield "lifted", f"from {cause.lifted_from!r} to the minimum {decision.learning_rate!r}"


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
        epoch 3     decay 0.1 -> 0.05
        recorded    no rate
        asked       NewbobRelative
        because     the error did not improve enough
        compared    'dev_score' went from epoch 1 to 2 from 1 to 1, a change of 0.0
        measured    relative error 0.0 is above threshold -0.25
        otherwise   with relative_error_threshold 0.0 instead of -0.25: keep 0.1, since the error improved enough
    """
    asked, epoch = as_schedule(schedule), epoch_number("epoch", epoch)
    past, data = history.before(epoch), history.get(epoch, UNKNOWN)
    moment = Moment.of(epoch, data)
    decision = Cursor.over(asked, past).answer(moment)
    unheld = _unheld(decision) if decision.action in _RULE_NOT_ASKED else None
    change, unchangeable = _threshold_change(asked, past, moment, decision)
    return Explanation(epoch, data.learning_rate, tuple(_chain(asked)), decision, unheld, change, unchangeable)


def _unheld(decision: Decision) -> Decision | None:
    """What would have been decided without holds and presets; None where there is no answer."""
    if decision.action not in _RULE_NOT_ASKED:
        return decision
    return _unheld(decision.cause.inner[0]) if decision.cause.inner else None


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


def _chain(schedule: Schedule) -> Iterator[str]:
    yield type(schedule).__name__
    if isinstance(schedule, Composite):
        yield from _chain(schedule.parts[0])


def _rebuilt(schedule: Schedule, changes: Callable[[Schedule], Mapping[str, Any]]) -> Schedule:
    """A schedule, all wrappers in it and its rule, each with other values of some parameters."""
    changed = dict(changes(schedule))
    if isinstance(schedule, Composite):
        first = schedule.parts[0]
        fields = attrs.fields_dict(type(schedule))  # type: ignore[arg-type]  # it is frozen by attrs
        (name,) = (name for name in fields if getattr(schedule, name) is first)
        changed[name] = _rebuilt(first, changes)
    return attrs.evolve(schedule, **changed) if changed else schedule  # type: ignore[misc]  # it is frozen by attrs


def _answer(make: Callable[[], Schedule], past: History, moment: Moment) -> Decision | None:
    """What is decided; None where there is no such schedule, or where it cannot answer what it was never asked."""
    try:
        return Cursor.over(make(), past).answer(moment)
    except Exception:  # noqa: BLE001  a plain function raises whatever it likes
        return None


def _threshold_change(
    schedule: Schedule, past: History, moment: Moment, decision: Decision
) -> tuple[ThresholdChange | None, str | None]:
    """The smallest change, or why there is none: found by asking again, whatever the rule is like."""
    cause = decision.innermost.cause
    if decision.action in _RULE_NOT_ASKED:
        return None, _RULE_NOT_ASKED[decision.action]
    if not _thresholds(schedule):
        return None, "the rule has none"
    if cause.change is None:
        return None, "nothing was compared"
    around = [math.nextafter(cause.change, -math.inf), float(cause.change), math.nextafter(cause.change, math.inf)]
    nearest = min(
        _changes(schedule, past, moment, decision, filter(math.isfinite, around)), key=_distance, default=None
    )
    if nearest is not None:
        return nearest, None
    if any(_changes(schedule, past, moment, decision, (-math.inf, math.inf))):
        return None, "only an infinite one does"
    if math.isfinite(cause.change):
        return None, _ALIKE if cause.lifted_from is None else _AT_MINIMUM
    return None, f"{cause.measure} {cause.change!r} is on the same side of all"


def _thresholds(schedule: Schedule) -> dict[str, float]:
    """The thresholds of the rule, by name."""
    rule = schedule.rule
    names = [field.name for field in getattr(type(rule), "__attrs_attrs__", ())]  # none where it is no attrs class
    values = {name: getattr(rule, name) for name in names if name.endswith("threshold")}
    return {name: value for name, value in values.items() if isinstance(value, (int, float))}


def _changes(
    schedule: Schedule, past: History, moment: Moment, decision: Decision, values: Iterable[float]
) -> Iterator[ThresholdChange]:
    """Those values of a threshold that give another rate."""
    for new, (name, old) in product(values, _thresholds(schedule).items()):
        changed = _answer(partial(_with_threshold, schedule, name, new), past, moment)
        if changed is not None and changed.learning_rate != decision.learning_rate:
            yield ThresholdChange(name, old, new, changed)


def _with_threshold(schedule: Schedule, name: str, value: float) -> Schedule:
    """A schedule with another threshold of its rule; where a law forbids that, the others move along."""
    try:
        return _rebuilt(schedule, lambda each: {} if isinstance(each, Composite) else {name: value})
    except ArgumentError:
        values = dict.fromkeys(_thresholds(schedule), value)
        return _rebuilt(schedule, lambda each: {} if isinstance(each, Composite) else values)


def _distance(change: ThresholdChange) -> tuple[Fraction | float, float]:
    """What to sort by: how far the threshold moves, exactly; from an infinite one, the nearer to it the less."""
    if math.isinf(change.old):
        return math.inf, -math.copysign(1.0, change.old) * change.new
    return abs(Fraction(change.new) - Fraction(change.old)), 0.0
