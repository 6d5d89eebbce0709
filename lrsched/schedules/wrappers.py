"""Wrappers: a schedule around a schedule. With neutral parameters a wrapper is the identity."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, final

import attrs

from lrsched.core.decision import Action, Cause, Decision
from lrsched.core.epoch_data import UNKNOWN, EpochData
from lrsched.core.frozendict import FrozenDict
from lrsched.core.history import Entry, History
from lrsched.core.measure import Comparison
from lrsched.core.numbers import checked, epoch_number, integer, rate
from lrsched.core.schedule import Schedule
from lrsched.errors import broken_law

Function = Callable[[History, int], float]
"""A plain function from a history and an epoch to the learning rate of that epoch."""


@final
@attrs.frozen(field_transformer=checked)
class FunctionSchedule(Schedule):
    """A plain function as a schedule; made by `as_schedule`.

    Args:
        function: Called with the history before the epoch, and the epoch; gives a finite number >= 0. What it claims
            (see `Schedule.claims`) is its attribute ``claims``.

    Examples:
        >>> schedule = FunctionSchedule(lambda history, epoch: 0.1 / epoch)
        >>> schedule(History(), 1), schedule(History(), 2)
        (0.1, 0.05)
    """

    function: Function

    @property
    def claims(self) -> frozenset[str]:
        """See `Schedule.claims`: the function's."""
        return frozenset(getattr(self.function, "claims", ()))

    def decide(self, history: History, epoch: int) -> Decision:
        """See `Schedule.decide`."""
        name = getattr(self.function, "__name__", type(self.function).__name__)
        learning_rate = rate(f"{name}(history, {epoch})", self.function(history.before(epoch), epoch))
        previous = history.most_recent_learning_rate(epoch)
        return Decision(learning_rate, previous, _action(previous, learning_rate), Cause(name, "the function's answer"))


def _action(previous: float | None, learning_rate: float) -> Action:
    if previous is None:
        return Action.DEFAULT
    if learning_rate == previous:
        return Action.KEEP
    return Action.DECAY if learning_rate < previous else Action.GROW


def as_schedule(schedule: Schedule | Function) -> Schedule:
    """A schedule as it is, a plain function as a `FunctionSchedule`.

    Raises:
        ArgumentError: It is neither.
    """
    if isinstance(schedule, Schedule):
        return schedule
    if not callable(schedule) or isinstance(schedule, type):
        raise broken_law(
            "schedule", "a Schedule or a function (history, epoch) -> rate", schedule, "see lrsched.Schedule"
        )
    return FunctionSchedule(schedule)


@attrs.frozen(field_transformer=checked)
class Wrapper(Schedule):
    """A schedule that asks another one (abstract). It looks at the errors that the other looks at.

    Args:
        schedule: A schedule, or a plain function as in `as_schedule`.
    """

    schedule: Schedule = attrs.field(converter=as_schedule)

    @property
    def error_measure_key(self) -> tuple[str, ...]:
        """See `Schedule.error_measure_key`."""
        return self.schedule.error_measure_key

    @property
    def strict_error_key(self) -> bool:
        """See `Schedule.strict_error_key`."""
        return self.schedule.strict_error_key

    @property
    def need_error_info(self) -> bool:
        """See `Schedule.need_error_info`."""
        return self.schedule.need_error_info

    @property
    def default_learning_rate(self) -> float | None:
        """See `Schedule.default_learning_rate`."""
        return self.schedule.default_learning_rate

    @property
    def rule(self) -> Schedule:
        """See `Schedule.rule`."""
        return self.schedule.rule

    def compare(self, history: History, old: Entry, new: Entry) -> Comparison:
        """See `Schedule.compare`."""
        return self.schedule.compare(history, old, new)


@final
@attrs.frozen(field_transformer=checked)
class HoldLearningRate(Wrapper):
    """Hold each learning rate for at least a number of epochs.

    With the rates of the newest n = ``min_num_epochs`` epochs with data: if there are some, but fewer than n, or they
    are not all equal, keep the last of them; else ask the schedule. An epoch of unknown rate holds nothing.

    Args:
        schedule: What to ask otherwise.
        min_num_epochs: In epochs, an integer >= 0; 0 and 1 hold nothing.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``min_num_epochs_per_new_learning_rate``.

    Examples:
        >>> schedule = HoldLearningRate(lambda history, epoch: 0.1 / epoch, 2)
        >>> history = History()
        >>> for epoch in range(1, 6):
        ...     history = history.set(epoch, EpochData(learning_rate=schedule(history, epoch)))
        >>> [round(data.learning_rate, 3) for data in history.values()]
        [0.1, 0.1, 0.033, 0.033, 0.02]
    """

    min_num_epochs: Annotated[int, partial(integer, least=0, way_out="0 and 1 hold nothing")]

    @property
    def claims(self) -> frozenset[str]:
        """See `Schedule.claims`: a hold looks at rates only, so it adds nothing and takes nothing away."""
        return self.schedule.claims

    def decide(self, history: History, epoch: int) -> Decision:
        """See `Schedule.decide`."""
        rates = [data.learning_rate for _, data in history.newest(self.min_num_epochs, before=epoch)]
        lasted = len(rates) == self.min_num_epochs and all(each == rates[-1] for each in rates)
        if lasted or not rates or rates[-1] is None:
            return self.schedule.decide(history, epoch)
        cause = Cause("hold", f"a rate stays for at least {self.min_num_epochs} epochs")
        return Decision(rates[-1], rates[-1], Action.HOLD, cause)

    def prefill(self, history: History) -> History:
        """See `Schedule.prefill`: none, since a hold may come before what is given inside it."""
        return history if self.min_num_epochs > 1 else self.schedule.prefill(history)


def _as_rates(learning_rates: Mapping[int, float] | Sequence[float]) -> FrozenDict[int, float]:
    given: Any = learning_rates
    if isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
        given = dict(enumerate(given, start=1))
    if not isinstance(given, Mapping):
        law = "a mapping epoch -> rate, or a list for epochs 1, 2, ..."
        raise broken_law("learning_rates", law, given, "use {1: 0.001}")
    return FrozenDict(
        {
            epoch_number("an epoch of learning_rates", epoch): rate(f"learning_rates[{epoch!r}]", value)
            for epoch, value in given.items()
        }
    )


@final
@attrs.frozen(field_transformer=checked)
class Preset(Wrapper):
    """Learning rates that are given beforehand for some epochs.

    They count as known: the epochs before e that have a preset and no rate in the history (or 0) have the preset's.

    Args:
        schedule: What to ask for all other epochs.
        learning_rates: Epoch -> rate, or a list for epochs 1, 2, ...; finite numbers >= 0.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``default_learning_rates``.

    Examples:
        >>> from lrsched import Constant
        >>> schedule = Preset(Constant(0.1), {1: 0.01, 3: 0.05})
        >>> history = History()
        >>> for epoch in range(1, 5):
        ...     history = history.set(epoch, EpochData(learning_rate=schedule(history, epoch)))
        >>> [data.learning_rate for data in history.values()]
        [0.01, 0.01, 0.05, 0.05]
    """

    learning_rates: FrozenDict[int, float] = attrs.field(converter=_as_rates)

    @property
    def claims(self) -> frozenset[str]:
        """See `Schedule.claims`: a rate that is given may be higher, or too low, so that a decay lifts it."""
        return self.schedule.claims & {"scale_invariant", "shift_invariant", "name_invariant", "window"}

    def decide(self, history: History, epoch: int) -> Decision:
        """See `Schedule.decide`."""
        history = self._filled(history, before=epoch)
        given = self.learning_rates.get(epoch)
        if given is None:
            return self.schedule.decide(history, epoch)
        previous = history.most_recent_learning_rate(epoch)
        return Decision(given, previous, Action.PRESET, Cause("preset", "given for this epoch"))

    def prefill(self, history: History) -> History:
        """See `Schedule.prefill`: the presets, where there is no rate yet, or 0; those inside come second."""
        filled = self.schedule.prefill(history)
        for epoch, learning_rate in self.learning_rates.items():
            known = history.get(epoch)
            if known is None or not known.learning_rate:  # and also over a rate from inside, even where this one is 0
                filled = filled.set(epoch, (filled.get(epoch) or UNKNOWN).with_learning_rate(learning_rate))
        return filled

    def _filled(self, history: History, before: int) -> History:
        for epoch in sorted(self.learning_rates):
            if epoch >= before:
                break
            history = with_default_rate(history, epoch, self.learning_rates[epoch])
        return history


def with_default_rate(history: History, epoch: int, learning_rate: float) -> History:
    """``history`` with that rate at ``epoch``, if the epoch is absent or its rate is None or 0."""
    data: EpochData | None = history.get(epoch)
    if data is not None and data.learning_rate:
        return history
    return history.set(epoch, (data or UNKNOWN).with_learning_rate(learning_rate))
