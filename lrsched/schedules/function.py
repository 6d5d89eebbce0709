"""A plain function as a schedule."""

from collections.abc import Callable
from typing import final

import attrs

from lrsched.core.decision import Action, Cause, Decision
from lrsched.core.history import History
from lrsched.core.numbers import checked, rate
from lrsched.core.schedule import Schedule
from lrsched.errors import broken_law

Function = Callable[[History, int], float]
"""A plain function from a history and an epoch to the learning rate of that epoch."""


@final
@attrs.frozen(field_transformer=checked)
class FunctionSchedule(Schedule):
    """A plain function as a schedule; made by `as_schedule`.

    Args:
        function: Called with the history before the epoch, and the epoch; gives a finite number >= 0. What
            `lrsched.testing` may check besides is its attribute ``claims``.

    Examples:
        >>> schedule = FunctionSchedule(lambda history, epoch: 0.1 / epoch)
        >>> schedule(History(), 1), schedule(History(), 2)
        (0.1, 0.05)
    """

    function: Function

    @property
    def claims(self) -> frozenset[str]:
        """The function's, which `lrsched.testing` checks."""
        return frozenset(getattr(self.function, "claims", ()))

    def decide(self, history: History, epoch: int) -> Decision:
        """See `Schedule.decide`."""
        name = getattr(self.function, "__name__", type(self.function).__name__)
        learning_rate = rate(f"{name}(history, {epoch})", self.function(history.before(epoch), epoch))
        previous = history.most_recent_learning_rate(epoch)
        cause = Cause(name, "the function's answer")
        return Decision(learning_rate, previous, Action.of(previous, learning_rate), cause)


def as_schedule(schedule: Schedule | Function) -> Schedule:
    """A schedule as it is, a plain function as a `FunctionSchedule`.

    Raises:
        ArgumentError: It is neither.
    """
    if isinstance(schedule, Schedule):
        return schedule
    if not callable(schedule) or isinstance(schedule, type):
        law = "a Schedule or a function (history, epoch) -> rate"
        raise broken_law("schedule", law, schedule, "see lrsched.Schedule")
    return FunctionSchedule(schedule)
