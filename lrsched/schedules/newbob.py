"""The newbob family: lower the rate when the error of the last epochs fell too little."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import reduce
from itertools import islice, pairwise
from operator import add
from typing import ClassVar, Final, Literal, final

import attrs

from lrsched.core import numbers
from lrsched.core.decision import Action, Cause, Decision
from lrsched.core.history import Entry, History
from lrsched.core.measure import (
    Comparison,
    Direction,
    ErrorMeasure,
    Gaps,
    NonFinitePolicy,
    StandIns,
    as_error_keys,
    shared_measure,
)
from lrsched.core.numbers import Count, Decay, Flag, Growth, Rate, Threshold, checked
from lrsched.core.schedule import Moment, Schedule
from lrsched.errors import broken_law

_PAIRWISE_BLOCK = 128  # NumPy: longer sums are halved
_LANES = 8  # NumPy: shorter ones are summed in this many interleaved lanes
_REASONS: Final = {
    Action.DECAY: "the error did not improve enough",
    Action.GROW: "the error improved enough",
    Action.KEEP: "the error is between the thresholds",
}
_TOO_FEW: Final = ("the last epoch has no error of a configured key", "only one epoch to go by", "")
"""Why so few epochs are not compared."""


@attrs.frozen(kw_only=True, field_transformer=checked)
class Newbob(Schedule):
    """What the newbob rules have in common (abstract): decay, growth, and which error counts.

    Args:
        default_learning_rate: The rate of the first epoch, a finite number >= 0.
        min_learning_rate: A decay does not go below it; a finite number >= 0.
        error_measure_key: Which error counts: a key, several (best first), or None for the likeliest.
        strict_error_key: Whether only ``error_measure_key`` counts. Otherwise others stand in where it is missing.
        mode: Which errors are better: the smaller (``"min"``) or the larger (``"max"``).
        learning_rate_decay: None (no change), a factor in [0, 1], or a function from rate to rate.
        learning_rate_growth: None (no change), a factor >= 1, or a function from rate to rate.
        non_finite_error: What NaN and infinite errors mean, see `NonFinitePolicy`.
        stand_ins: Which error counts where no configured key is there, see `StandIns`.
        gaps: Which epochs are compared: the newest ones (``"neighbours"``), or those that have a configured key
            (``"newest_with_key"``), see `Gaps`.

    Raises:
        ArgumentError: An argument breaks its law; or, when asked, a function gave no finite rate >= 0.

    Attributes:
        measure: Which error counts, as one value.
    """

    _name: ClassVar[str]
    _measure: ClassVar[str]
    num_epochs: ClassVar = 1
    relative_error_also_relative_to_learning_rate: ClassVar = False

    default_learning_rate: Rate
    min_learning_rate: Rate = 0.0
    error_measure_key: tuple[str, ...] = attrs.field(default=(), converter=as_error_keys)
    strict_error_key: Flag = False
    mode: Direction = "min"
    learning_rate_decay: Decay = 0.5
    learning_rate_growth: Growth = 1.0
    non_finite_error: NonFinitePolicy = "worse"
    stand_ins: StandIns = "common"
    gaps: Gaps = "neighbours"
    measure: ErrorMeasure = attrs.field(init=False, repr=False, eq=False)

    @measure.default
    def _its_measure(self) -> ErrorMeasure:
        keys, strict = self.error_measure_key, self.strict_error_key
        return shared_measure(keys, strict, self.mode, self.non_finite_error, self.stand_ins, self.gaps)

    @property
    def relative_to(self) -> Literal["new", "old"] | None:
        """Which error a change is relative to; None: to none, it is the difference."""
        return None

    @property
    def claims(self) -> frozenset[str]:
        """What `lrsched.testing` may check besides: what a change is relative to, and how the rate goes down and up."""
        only_its_keys = bool(self.error_measure_key) and (self.strict_error_key or self.gaps != "neighbours")
        by_function = callable(self.learning_rate_decay) or callable(self.learning_rate_growth)
        goes_down = self.default_learning_rate >= self.min_learning_rate and not by_function
        holds = {
            "shift_invariant": self.relative_to is None,
            "scale_invariant": self.relative_to is not None,
            "name_invariant": self.stand_ins == "returnn" and not only_its_keys,
            "monotone": goes_down and self.mode == "min",
            "non_finite_is_worst": goes_down and self.non_finite_error == "worse",
            "never_raises": goes_down and self.learning_rate_growth in (None, 1.0),
        }
        return frozenset(name for name, is_so in holds.items() if is_so)

    def compare(self, history: History, old: Entry, new: Entry) -> Comparison:
        """Two epochs of ``history`` held against each other: the errors that count, and how they changed.

        Args:
            history: The past.
            old: The older epoch with its data.
            new: The newer one.
        """
        return self.measure.compare(old, new, self.relative_to, self._scale(history, new))

    def decide(self, history: History, epoch: int) -> Decision:
        """See `Schedule.decide`."""
        previous, epochs, reason = self._to_compare(history, epoch)
        if previous is None:
            newest = history.most_recent_learning_rate(epoch)
            return Decision(self.default_learning_rate, newest, Action.DEFAULT, Cause(self._name, reason))
        if reason:
            return Decision(previous, previous, Action.KEEP, Cause(self._name, reason))
        comparisons = tuple([self.compare(history, old, new) for old, new in pairwise(epochs)])
        change = self._overall([each.change for each in comparisons])
        action = self._direction(change)
        is_unknown = action is Action.KEEP and (change is None or math.isnan(change))
        reason = "the error cannot be compared" if is_unknown else _REASONS[action]
        learning_rate, lifted_from = self._moved(previous, action)
        action = Action.KEEP if learning_rate == previous else action
        cause = Cause(self._name, reason, comparisons, self._measure, change, *self._thresholds, lifted_from)
        return Decision(learning_rate, previous, action, cause)

    def rate(self, memory: History, moment: Moment) -> float:
        """See `Schedule.rate`: the same arithmetic, without the reasons."""
        previous, epochs, reason = self._to_compare(memory, moment.epoch)
        if previous is None:
            return self.default_learning_rate
        if reason:
            return previous
        if len(epochs) == 2:  # noqa: PLR2004  as nearly always; the mean of one change is that change
            change = self._change(memory, epochs[0], epochs[1])
        else:
            change = self._overall(self._changes(memory, epochs))
        return self._moved(previous, self._direction(change))[0]

    def calc_learning_rate_decay_or_grow(self, learning_rate: float, decay: bool, grow: bool | None = None) -> float:  # noqa: FBT001  the published signature
        """``learning_rate`` with decay or growth applied.

        Args:
            learning_rate: A finite number >= 0.
            decay: Whether to decay, and then lift to the minimum.
            grow: Whether to grow; None means ``not decay``.

        Raises:
            ArgumentError: Both are asked for.
        """
        if decay and grow:
            raise broken_law("grow", "False where decay is True", grow, "a rate goes one way at a time")
        action = Action.DECAY if decay else Action.GROW if grow or grow is None else Action.KEEP
        return self._moved(numbers.rate("learning_rate", learning_rate), action)[0]

    @property
    @abstractmethod
    def _thresholds(self) -> tuple[float, float | None]:
        """Above the first the rate decays, below the second it grows; None: whatever does not decay grows."""

    def _scale(self, history: History, new: Entry) -> float:
        """What a change up to the epoch ``new`` is divided by."""
        del history, new
        return 1.0

    def _to_compare(self, history: History, epoch: int) -> tuple[float | None, Sequence[Entry], str]:
        """What a decision goes by: the rate to go on from, the epochs to compare; and if there are none, why."""
        newest = history.newest(2, before=epoch)
        if not newest:
            return None, (), "no epoch before"
        previous = newest[-1][1].learning_rate
        if previous is None:
            return None, (), "the last epoch has no rate"
        if self.gaps != "neighbours":
            newest = self._with_key(history, epoch)
        return previous, newest, _TOO_FEW[len(newest)]

    def _with_key(self, history: History, epoch: int, interval: int = 1) -> Sequence[Entry]:
        """The newest epochs that have a configured key; none where the newest ``interval`` epochs have none."""
        has_key = self.measure.has_key
        recent = history.newest(interval, before=epoch)
        if not any(has_key(data) for each, data in recent if interval == 1 or each >= epoch - interval):
            return ()
        with_key = (entry for entry in history.backwards(epoch) if has_key(entry[1]))
        return [*islice(with_key, self.num_epochs + 1)][::-1]

    def _change(self, history: History, old: Entry, new: Entry) -> float | None:
        """The change of `compare` alone."""
        change = self.measure.change(old[1], new[1], self.relative_to)
        if change is None or not self.relative_error_also_relative_to_learning_rate:
            return change
        return change / self._scale(history, new)

    def _changes(self, history: History, epochs: Sequence[Entry]) -> list[float | None]:
        """The changes between neighbours."""
        return [self._change(history, old, new) for old, new in pairwise(epochs)]

    def _overall(self, changes: Sequence[float | None]) -> float | None:
        """What the changes between the compared epochs come to; None if that is unknown."""
        return changes[-1]

    def _direction(self, change: float | None) -> Action:
        """Where a change moves the rate."""
        if change is None or (change != change and self.non_finite_error != "original"):  # noqa: PLR0124  NaN
            return Action.KEEP
        threshold, grow_threshold = self._thresholds
        if change > threshold:
            return Action.DECAY
        # An infinitely worse error exceeds no infinite threshold, and is no improvement all the same.
        limit = math.inf if grow_threshold is None else grow_threshold
        grows = change < limit or (grow_threshold is None and self.non_finite_error == "original")
        return Action.GROW if grows else Action.KEEP

    def _moved(self, learning_rate: float, action: Action) -> tuple[float, float | None]:
        """The rate after an action; and the one before it was lifted to the minimum, None if it was not."""
        if action is Action.DECAY:
            decayed = numbers.apply_factor("learning_rate_decay", self.learning_rate_decay, learning_rate)
            return (decayed, None) if decayed >= self.min_learning_rate else (self.min_learning_rate, decayed)
        if action is Action.GROW:
            grown = numbers.apply_factor("learning_rate_growth", self.learning_rate_growth, learning_rate)
            return numbers.rate("the learning rate after learning_rate_growth", grown), None
        return learning_rate, None


@attrs.frozen(kw_only=True, field_transformer=checked)
class RelativeNewbob(Newbob):
    """The newbob rules that look at the relative error (abstract).

    Args:
        relative_error_also_relative_to_learning_rate: Divide the relative error by ``r / default_learning_rate``, with
            r the newest rate up to the newer epoch, where r > 0. So a smaller rate is content with less.
        relative_error_div_by_old: The relative error is ``(new - old) / abs(old)``, not ``(new - old) / abs(new)``.
        default_learning_rate: The rate of the first epoch, a finite number >= 0.
        min_learning_rate: A decay does not go below it; a finite number >= 0.
        error_measure_key: Which error counts: a key, several (best first), or None for the likeliest.
        strict_error_key: Whether only ``error_measure_key`` counts. Otherwise others stand in where it is missing.
        mode: Which errors are better: the smaller (``"min"``) or the larger (``"max"``).
        learning_rate_decay: None (no change), a factor in [0, 1], or a function from rate to rate.
        learning_rate_growth: None (no change), a factor >= 1, or a function from rate to rate.
        non_finite_error: What NaN and infinite errors mean, see `NonFinitePolicy`.
        stand_ins: Which error counts where no configured key is there, see `StandIns`.
        gaps: Which epochs are compared: the newest ones (``"neighbours"``), or those that have a configured key
            (``"newest_with_key"``), see `Gaps`.

    Raises:
        ArgumentError: An argument breaks its law; or, when asked, a function gave no finite rate >= 0.
    """

    relative_error_also_relative_to_learning_rate: Flag = False  # type: ignore[misc]  # a constant in the others
    relative_error_div_by_old: Flag = False

    def __attrs_post_init__(self) -> None:
        if self.relative_error_also_relative_to_learning_rate and not self.default_learning_rate:
            law = "> 0 where relative_error_also_relative_to_learning_rate is set"
            way_out = "the relative error is divided by the rate's ratio to it"
            raise broken_law("default_learning_rate", law, self.default_learning_rate, way_out)

    @property
    def relative_to(self) -> Literal["new", "old"]:
        """See `Newbob.relative_to`."""
        return "old" if self.relative_error_div_by_old else "new"

    def _scale(self, history: History, new: Entry) -> float:
        """See `Newbob._scale`: the ratio of the rate to the default, if that counts."""
        if not self.relative_error_also_relative_to_learning_rate:
            return 1.0
        newest = new[1].learning_rate
        if newest is None:
            newest = history.most_recent_learning_rate(new[0])
        return (newest or 0.0) / self.default_learning_rate or 1.0  # a rate of 0 has no ratio to go by


@final
@attrs.frozen(field_transformer=checked)
class NewbobRelative(RelativeNewbob):
    """Decay when the relative error of the last two epochs is above a threshold, else grow.

    With d = ``(new - old) / abs(new)``, old and new being the errors of the last two epochs with data:
    decay if d > ``relative_error_threshold``, else grow. The first epoch has the default rate; where d is unknown the
    rate is kept.

    Args:
        relative_error_threshold: A number; below 0 it asks for an improvement. -0.01: at least 1 % in each epoch.
        relative_error_also_relative_to_learning_rate: Divide the relative error by ``r / default_learning_rate``, with
            r the newest rate up to the newer epoch, where r > 0. So a smaller rate is content with less.
        relative_error_div_by_old: The relative error is ``(new - old) / abs(old)``, not ``(new - old) / abs(new)``.
        default_learning_rate: The rate of the first epoch, a finite number >= 0.
        min_learning_rate: A decay does not go below it; a finite number >= 0.
        error_measure_key: Which error counts: a key, several (best first), or None for the likeliest.
        strict_error_key: Whether only ``error_measure_key`` counts. Otherwise others stand in where it is missing.
        mode: Which errors are better: the smaller (``"min"``) or the larger (``"max"``).
        learning_rate_decay: None (no change), a factor in [0, 1], or a function from rate to rate.
        learning_rate_growth: None (no change), a factor >= 1, or a function from rate to rate.
        non_finite_error: What NaN and infinite errors mean, see `NonFinitePolicy`.
        stand_ins: Which error counts where no configured key is there, see `StandIns`.
        gaps: Which epochs are compared: the newest ones (``"neighbours"``), or those that have a configured key
            (``"newest_with_key"``), see `Gaps`.

    Raises:
        ArgumentError: An argument breaks its law; or, when asked, a function gave no finite rate >= 0.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``NewbobRelative``; the rule is the one of QuickNet's newbob (1995).

    Examples:
        >>> from lrsched import EpochData, History
        >>> schedule = NewbobRelative(-0.25, default_learning_rate=0.1, learning_rate_decay=0.5)
        >>> def after(*errors):
        ...     past = {e: EpochData(learning_rate=0.1, error={"dev_score": v}) for e, v in enumerate(errors, 1)}
        ...     return schedule(History(past), len(errors) + 1)
        >>> after(), after(5.0), after(5.0, 4.0), after(5.0, 4.1)  # d is -0.25, then -0.22
        (0.1, 0.1, 0.1, 0.05)
    """

    _name = "newbob_relative"
    _measure = "relative error"

    relative_error_threshold: Threshold = -0.01

    @property
    def _thresholds(self) -> tuple[float, None]:
        return self.relative_error_threshold, None


@final
@attrs.frozen(field_transformer=checked)
class NewbobAbs(Newbob):
    """Decay when the error of the last two epochs changed by more than a threshold, else grow.

    Decay if ``new - old > error_threshold``, else grow. The first epoch has the default rate; where the difference is
    unknown the rate is kept.

    Args:
        error_threshold: A number, in the unit of the error; below 0 it asks for an improvement.
        default_learning_rate: The rate of the first epoch, a finite number >= 0.
        min_learning_rate: A decay does not go below it; a finite number >= 0.
        error_measure_key: Which error counts: a key, several (best first), or None for the likeliest.
        strict_error_key: Whether only ``error_measure_key`` counts. Otherwise others stand in where it is missing.
        mode: Which errors are better: the smaller (``"min"``) or the larger (``"max"``).
        learning_rate_decay: None (no change), a factor in [0, 1], or a function from rate to rate.
        learning_rate_growth: None (no change), a factor >= 1, or a function from rate to rate.
        non_finite_error: What NaN and infinite errors mean, see `NonFinitePolicy`.
        stand_ins: Which error counts where no configured key is there, see `StandIns`.
        gaps: Which epochs are compared: the newest ones (``"neighbours"``), or those that have a configured key
            (``"newest_with_key"``), see `Gaps`.

    Raises:
        ArgumentError: An argument breaks its law; or, when asked, a function gave no finite rate >= 0.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``NewbobAbs``.

    Examples:
        >>> from lrsched import EpochData, History
        >>> schedule = NewbobAbs(-0.5, default_learning_rate=0.1, learning_rate_decay=0.5)
        >>> def after(*errors):
        ...     past = {e: EpochData(learning_rate=0.1, error={"dev_score": v}) for e, v in enumerate(errors, 1)}
        ...     return schedule(History(past), len(errors) + 1)
        >>> after(5.0), after(5.0, 4.5), after(5.0, 4.75)
        (0.1, 0.1, 0.05)
    """

    _name = "newbob_abs"
    _measure = "difference"

    error_threshold: Threshold = -0.01

    @property
    def _thresholds(self) -> tuple[float, None]:
        return self.error_threshold, None


@final
@attrs.frozen(field_transformer=checked)
class NewbobMultiEpoch(RelativeNewbob):
    """Like `NewbobRelative`, but by the mean relative error over several epochs.

    m = mean of the relative errors between neighbours among the newest ``num_epochs + 1`` epochs with data.
    Decay if m > ``relative_error_threshold``; grow if m < ``relative_error_grow_threshold``; else keep. With an
    ``update_interval`` I > 1 only epochs with ``epoch % I == 1`` change the rate. Fewer than two epochs with data, or a
    relative error that is unknown: keep. Useful where an epoch is a part of the data.

    Args:
        num_epochs: How many relative errors are averaged, an integer >= 1.
        update_interval: In epochs, an integer >= 1; by default ``num_epochs``.
        relative_error_threshold: A number; below 0 it asks for an improvement.
        relative_error_grow_threshold: A number, at most ``relative_error_threshold``, which is its default.
        relative_error_also_relative_to_learning_rate: Divide the relative error by ``r / default_learning_rate``, with
            r the newest rate up to the newer epoch, where r > 0. So a smaller rate is content with less.
        relative_error_div_by_old: The relative error is ``(new - old) / abs(old)``, not ``(new - old) / abs(new)``.
        default_learning_rate: The rate of the first epoch, a finite number >= 0.
        min_learning_rate: A decay does not go below it; a finite number >= 0.
        error_measure_key: Which error counts: a key, several (best first), or None for the likeliest.
        strict_error_key: Whether only ``error_measure_key`` counts. Otherwise others stand in where it is missing.
        mode: Which errors are better: the smaller (``"min"``) or the larger (``"max"``).
        learning_rate_decay: None (no change), a factor in [0, 1], or a function from rate to rate.
        learning_rate_growth: None (no change), a factor >= 1, or a function from rate to rate.
        non_finite_error: What NaN and infinite errors mean, see `NonFinitePolicy`.
        stand_ins: Which error counts where no configured key is there, see `StandIns`.
        gaps: Which epochs are compared: the newest ones (``"neighbours"``), or those that have a configured key
            (``"newest_with_key"``), see `Gaps`.

    Raises:
        ArgumentError: An argument breaks its law; or, when asked, a function gave no finite rate >= 0.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``NewbobMultiEpoch``.

    Examples:
        >>> from lrsched import EpochData, History
        >>> schedule = NewbobMultiEpoch(2, 1, -0.25, -0.5, default_learning_rate=0.1, learning_rate_decay=0.5)
        >>> def after(*errors):
        ...     past = {e: EpochData(learning_rate=0.1, error={"dev_score": v}) for e, v in enumerate(errors, 1)}
        ...     return schedule(History(past), len(errors) + 1)
        >>> after(1.0), after(4.0, 4.0, 2.0), after(4.0, 4.0, 4.0)  # m is unknown, -0.5, 0
        (0.1, 0.1, 0.05)
    """

    _name = "newbob_multi_epoch"
    _measure = "mean relative error"

    num_epochs: Count = 5  # type: ignore[misc]  # a constant in the others
    update_interval: Count = attrs.Factory(lambda self: self.num_epochs, takes_self=True)
    relative_error_threshold: Threshold = -0.01
    relative_error_grow_threshold: Threshold = attrs.Factory(
        lambda self: self.relative_error_threshold, takes_self=True
    )

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        grow_threshold = self.relative_error_grow_threshold
        if grow_threshold > self.relative_error_threshold:
            law = f"at most relative_error_threshold ({self.relative_error_threshold!r})"
            way_out = "one error cannot ask for decay and growth at once"
            raise broken_law("relative_error_grow_threshold", law, grow_threshold, way_out)

    @property
    def claims(self) -> frozenset[str]:
        """See `Newbob.claims`; besides, no error before its window matters."""
        return super().claims | {"window"} if self.gaps == "neighbours" else super().claims

    @property
    def _thresholds(self) -> tuple[float, float]:
        return self.relative_error_threshold, self.relative_error_grow_threshold

    def _to_compare(self, history: History, epoch: int) -> tuple[float | None, Sequence[Entry], str]:
        """See `Newbob._to_compare`."""
        previous = history.most_recent_learning_rate(epoch)
        if previous is None:
            return None, (), "no epoch before has a rate"
        if self.update_interval > 1 and epoch % self.update_interval != 1:
            return previous, (), f"updates come every {self.update_interval} epochs"
        if self.gaps == "neighbours":
            return previous, history.newest(self.num_epochs + 1, before=epoch), ""
        return previous, self._with_key(history, epoch, self.update_interval), ""

    def _overall(self, changes: Sequence[float | None]) -> float | None:
        """See `Newbob._overall`: their mean."""
        known = [change for change in changes if change is not None]
        return mean(known) if known and len(known) == len(changes) else None

    def mean_change(self, history: History, epoch: int) -> float | None:
        """The mean relative error of the newest ``num_epochs + 1`` epochs before ``epoch``; None if one is unknown."""
        return self._overall(self._changes(history, history.newest(self.num_epochs + 1, before=epoch)))


def mean(values: Sequence[float]) -> float:
    """The float64 mean, bit for bit as NumPy's: sums are taken pairwise in blocks.

    Args:
        values: At least one number.

    Source:
        The documented pairwise summation of ``numpy.sum``; a test holds the two against each other.

    Examples:
        >>> mean([0.1, 0.2, 0.3])
        0.20000000000000004
    """
    return (0.0 + _pairwise_sum(values)) / len(values)


def _pairwise_sum(values: Sequence[float]) -> float:
    size = len(values)
    if size > _PAIRWISE_BLOCK:
        half = size // 2 // _LANES * _LANES
        return _pairwise_sum(values[:half]) + _pairwise_sum(values[half:])
    whole = size - size % _LANES
    if not whole:
        return reduce(add, values)
    lanes = [reduce(add, values[lane:whole:_LANES]) for lane in range(_LANES)]
    while len(lanes) > 1:
        lanes = [left + right for left, right in zip(lanes[::2], lanes[1::2], strict=True)]
    return reduce(add, values[whole:], lanes[0])
