"""What a schedule would have given, epoch by epoch, over a recorded history."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, final, get_args, overload

import attrs

from lrsched.core.decision import Decision
from lrsched.core.history import History
from lrsched.core.measure import ErrorMeasure, doubts_about
from lrsched.core.numbers import choice
from lrsched.core.schedule import Cursor, Moment, Schedule, measures
from lrsched.errors import MeasureWarning, broken_law
from lrsched.schedules.combine import Preset
from lrsched.schedules.function import Function, as_schedule
from lrsched.simulation.results import Result, epoch_array, rate_array, what_if

if TYPE_CHECKING:
    import numpy as np

Mode = Literal["recorded", "free"]
"""Each epoch is decided from the recorded past, or (free) from the schedule's own rates with the recorded errors."""


@final
@attrs.frozen(slots=False)
class ReplayedEpoch:
    """One epoch of a replay.

    Attributes:
        epoch: The epoch.
        recorded: The recorded rate; None if there is none.
        learning_rate: The schedule's rate.
    """

    epoch: int
    recorded: float | None
    learning_rate: float
    _decision: Decision | Callable[[], Decision] = attrs.field(repr=False, eq=False)

    @property
    def decision(self) -> Decision:
        """The schedule's decision, asked for at the first look unless `replay` was called with ``reasons``."""
        decision = self._decision
        if not isinstance(decision, Decision):
            decision = self.__dict__["_decision"] = decision()  # a cached_property would take a lock
        return decision

    @property
    def reproduced(self) -> bool:
        """Whether the recorded rate is the decision's, bit for bit; an epoch without one agrees with anything."""
        return self.recorded is None or self.recorded == self.learning_rate

    @property
    def is_news(self) -> bool:
        """Whether the decision changes the rate, or is not the recorded one."""
        return not self.reproduced or self.learning_rate != self.decision.previous

    def data(self) -> dict[str, Any]:
        """It as plain data; the decision as it is, and in words."""
        return {
            "epoch": self.epoch,
            "recorded": self.recorded,
            "learning_rate": self.learning_rate,
            "reproduced": self.reproduced,
            "why": self.decision.describe(exact=True),
            "decision": self.decision,
        }


@final
@attrs.frozen
class Replay(Result, Sequence[ReplayedEpoch]):
    """What a schedule says to each epoch of a history: a sequence of `ReplayedEpoch`, E of them.

    Attributes:
        mode: What each epoch was decided from.
        steps: The epochs, in order.

    Examples:
        >>> from lrsched import Constant, EpochData
        >>> told = replay(Constant(0.1), History({e: EpochData(learning_rate=0.1 / e) for e in (1, 2)}), "free")
        >>> len(told), told[1].recorded, told.learning_rates, told.recorded, told.differs_from
        (2, 0.05, array([0.1, 0.1]), array([0.1 , 0.05]), 2)
        >>> told.note
        'from epoch 2 on the rates are not the recorded ones: the recorded errors are kept, although other rates would \
have changed them'
    """

    mode: Mode
    steps: tuple[ReplayedEpoch, ...]

    def __len__(self) -> int:
        return len(self.steps)

    @overload
    def __getitem__(self, index: int) -> ReplayedEpoch: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ReplayedEpoch, ...]: ...
    def __getitem__(self, index: int | slice) -> ReplayedEpoch | tuple[ReplayedEpoch, ...]:
        return self.steps[index]

    @property
    def epochs(self) -> "np.ndarray":
        """The epochs, int64 of shape (E,)."""
        return epoch_array(step.epoch for step in self.steps)

    @property
    def recorded(self) -> "np.ndarray":
        """The recorded rates, float64 of shape (E,), NaN where there is none."""
        return rate_array(step.recorded for step in self.steps)

    @property
    def learning_rates(self) -> "np.ndarray":
        """The schedule's rates, float64 of shape (E,)."""
        return rate_array(step.learning_rate for step in self.steps)

    @property
    def differing(self) -> tuple[ReplayedEpoch, ...]:
        """The epochs whose recorded rate is another one."""
        return tuple(step for step in self.steps if not step.reproduced)

    @property
    def differs_from(self) -> int | None:
        """The first of these epochs; None if there is none."""
        return next((step.epoch for step in self.steps if not step.reproduced), None)

    @property
    def guesses(self) -> tuple[bool, ...]:
        """For each epoch whether it is a guess, since with the rates before it the errors would have been others."""
        first = self.differs_from if self.mode == "free" else None
        return tuple(first is not None and step.epoch > first for step in self.steps)

    @property
    def note(self) -> str | None:
        """What has to be said of a free replay wherever it is shown; None for one of the recorded past."""
        return what_if(self.differs_from) if self.mode == "free" else None

    def to_dict(self) -> dict[str, Any]:
        """See `Result.to_dict`: epoch, recorded and own rate, whether they are the same, a guess, action, and why."""
        rows = [{**row, "action": str(row["decision"].action)} for row in self.data()["epochs"]]
        columns = ("epoch", "recorded", "learning_rate", "reproduced", "guess", "action", "why")
        return {name: [row[name] for row in rows] for name in columns}

    def data(self) -> dict[str, Any]:
        """See `Result.data`."""
        return {
            "mode": self.mode,
            "note": self.note,
            "differs_from": self.differs_from,
            "epochs": [{**step.data(), "guess": guess} for step, guess in zip(self.steps, self.guesses, strict=True)],
        }


def replay(
    schedule: Schedule | Function, history: History, mode: Mode = "recorded", *, reasons: bool = False
) -> Replay:
    """What ``schedule`` says to each epoch of ``history``, asked with the epochs before it only.

    In the free mode the recorded errors stay as they are, although other rates would have changed them; the result
    says so, and from which epoch on.

    Args:
        schedule: A schedule, or a plain function ``(history, epoch) -> learning rate``.
        history: The recorded epochs.
        mode: See `Mode`.
        reasons: Ask for decisions at once. That takes twice as long as rates alone, and less than to ask for the
            decision of each epoch later.

    Returns:
        One entry for each epoch of the history, in order.

    Raises:
        ArgumentError: ``mode`` is none.

    Warns:
        MeasureWarning: As `lrsched.LearningRateControl` does.

    Examples:
        >>> from lrsched import EpochData, NewbobRelative
        >>> history = History({e: EpochData(learning_rate=0.1, error={"dev_score": 1.0}) for e in range(1, 5)})
        >>> schedule = NewbobRelative(0.0, default_learning_rate=0.1, learning_rate_decay=0.5)
        >>> replay(schedule, history).learning_rates
        array([0.1, 0.1, 0.1, 0.1])
        >>> tighter = attrs.evolve(schedule, relative_error_threshold=-0.01)
        >>> replay(tighter, history).learning_rates
        array([0.1 , 0.1 , 0.05, 0.05])
        >>> replay(tighter, history, "free").learning_rates
        array([0.1  , 0.1  , 0.05 , 0.025])
    """
    asked = as_schedule(schedule)
    choice("mode", mode, get_args(Mode))
    warn_of_doubts(measures(asked), history.before(max(history, default=1)))
    return Replay(mode, tuple(replayed_epochs(asked, history, mode, reasons=reasons)))


def warn_of_doubts(looked_at: Iterable[ErrorMeasure], history: History, where: str = "") -> None:
    """Warn of what is doubtful about the errors that count in a history, as the control does.

    Warns:
        MeasureWarning: Once for each kind of doubt and each measure.
    """
    for text in (text for measure in looked_at for text in doubts_about(measure, history)):
        warnings.warn(f"{where}{text}", MeasureWarning, stacklevel=3)


def replayed_epochs(
    schedule: Schedule, history: History, mode: Mode, *, reasons: bool = False
) -> Iterator[ReplayedEpoch]:
    """What `replay` is made of, one epoch at a time; what the schedule raises at one comes after those before it."""
    cursor = Cursor.over(schedule)
    for epoch, data in history.items():
        moment = Moment.of(epoch, data)
        decision: Any = cursor.answer(moment) if reasons else partial(cursor.answer, moment)
        learning_rate = decision.learning_rate if reasons else cursor.rate(moment)
        yield ReplayedEpoch(epoch, data.learning_rate, learning_rate, decision)
        cursor = cursor.after(moment, data if mode == "recorded" else data.with_learning_rate(learning_rate))


def verify(schedule: Schedule | Function, history: History, mode: Mode = "recorded") -> tuple[ReplayedEpoch, ...]:
    """The epochs of ``history`` whose recorded rate ``schedule`` does not reproduce bit for bit; empty if it does all.

    Args:
        schedule: As in `replay`.
        history: The recorded epochs.
        mode: See `Mode`.
    """
    return replay(schedule, history, mode).differing


def keep_recorded(schedule: Schedule | Function, history: History, epochs: Iterable[int]) -> Preset:
    """``schedule``, with the recorded rate taken as given at ``epochs``: where somebody set it by hand.

    Raises:
        ArgumentError: The history has no rate at one of them.
    """
    return Preset(schedule, recorded_rates(history, epochs))


def recorded_rates(history: History, epochs: Iterable[int]) -> dict[int, float]:
    """The recorded rates of some epochs.

    Raises:
        ArgumentError: The history has no rate at one of them.
    """
    rates = {}
    for epoch in epochs:
        data = history.get(epoch)
        if data is None or data.learning_rate is None:
            raise broken_law("an override", "an epoch with a recorded rate", epoch, "leave it out")
        rates[epoch] = data.learning_rate
    return rates
