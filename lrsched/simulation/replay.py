"""What a schedule would have given, epoch by epoch, over a recorded history."""

from collections.abc import Iterable
from typing import Literal, final, get_args

import attrs

from lrsched.core.decision import Decision
from lrsched.core.history import History
from lrsched.core.schedule import Schedule
from lrsched.errors import broken_law
from lrsched.schedules.wrappers import Function, Preset, as_schedule

Mode = Literal["recorded", "free"]
"""Each epoch is decided from the recorded past, or (free) from the schedule's own rates with the recorded errors."""


@final
@attrs.frozen
class ReplayedEpoch:
    """One epoch of a replay.

    Attributes:
        epoch: The epoch.
        recorded: The recorded rate; None if there is none.
        decision: What the schedule says.
    """

    epoch: int
    recorded: float | None
    decision: Decision

    @property
    def reproduced(self) -> bool:
        """Whether the recorded rate is the decision's, bit for bit; an epoch without one agrees with anything."""
        return self.recorded is None or self.recorded == self.decision.learning_rate


def replay(schedule: Schedule | Function, history: History, mode: Mode = "recorded") -> tuple[ReplayedEpoch, ...]:
    """What ``schedule`` says to each epoch of ``history``, asked with the epochs before it only.

    In the free mode the recorded errors stay as they are, although other rates would have changed them.

    Args:
        schedule: A schedule, or a plain function ``(history, epoch) -> learning rate``.
        history: The recorded epochs.
        mode: See `Mode`.

    Returns:
        One entry for each epoch of the history, in order.

    Raises:
        ArgumentError: ``mode`` is none.

    Examples:
        >>> from lrsched import EpochData, NewbobRelative
        >>> history = History({e: EpochData(learning_rate=0.1, error={"dev_score": 1.0}) for e in range(1, 5)})
        >>> schedule = NewbobRelative(0.0, default_learning_rate=0.1, learning_rate_decay=0.5)
        >>> [replayed.decision.learning_rate for replayed in replay(schedule, history)]
        [0.1, 0.1, 0.1, 0.1]
        >>> tighter = attrs.evolve(schedule, relative_error_threshold=-0.01)
        >>> [replayed.decision.learning_rate for replayed in replay(tighter, history)]
        [0.1, 0.1, 0.05, 0.05]
        >>> [replayed.decision.learning_rate for replayed in replay(tighter, history, "free")]
        [0.1, 0.1, 0.05, 0.025]
    """
    if mode not in get_args(Mode):
        raise broken_law("mode", f"one of {', '.join(get_args(Mode))}", mode, "'recorded' is the default")
    asked = as_schedule(schedule)
    replayed = []
    past = History()
    for epoch, data in history.items():
        decision = asked.decide(past, epoch)
        replayed.append(ReplayedEpoch(epoch, data.learning_rate, decision))
        past = past.set(epoch, data if mode == "recorded" else data.with_learning_rate(decision.learning_rate))
    return tuple(replayed)


def verify(schedule: Schedule | Function, history: History, mode: Mode = "recorded") -> tuple[ReplayedEpoch, ...]:
    """The epochs of ``history`` whose recorded rate ``schedule`` does not reproduce bit for bit; empty if it does all.

    Args:
        schedule: As in `replay`.
        history: The recorded epochs.
        mode: See `Mode`.
    """
    return tuple(replayed for replayed in replay(schedule, history, mode) if not replayed.reproduced)


def keep_recorded(schedule: Schedule | Function, history: History, epochs: Iterable[int]) -> Preset:
    """``schedule``, with the recorded rate taken as given at ``epochs``: where somebody set it by hand.

    Raises:
        ArgumentError: The history has no rate at one of them.
    """
    rates = {}
    for epoch in epochs:
        data = history.get(epoch)
        if data is None or data.learning_rate is None:
            raise broken_law("an override", "an epoch with a recorded rate", epoch, "leave it out")
        rates[epoch] = data.learning_rate
    return Preset(schedule, rates)
