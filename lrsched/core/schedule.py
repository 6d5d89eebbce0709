"""`Schedule`: a frozen value that answers a history with a decision."""

from abc import ABC, abstractmethod
from typing import Literal, final

from lrsched.core.decision import Decision
from lrsched.core.history import Entry, History
from lrsched.core.measure import Comparison, NonFinitePolicy, error_change, error_key_of


class Schedule(ABC):
    """A rule that gives the learning rate of an epoch from what was known before it.

    A schedule holds its parameters and nothing else. It is asked with the past as an argument, and never sees data of
    the epoch or later; so it answers the same after a restart, and any epoch can be asked again.

    Subclasses implement `decide` and are frozen. To change what a schedule does, wrap it: see `Wrapper`.
    """

    __slots__ = ()

    @property
    def error_measure_key(self) -> tuple[str, ...]:
        """The error keys that the schedule looks at, best first. If there are none, the usual ones count."""
        return ()

    @property
    def strict_error_key(self) -> bool:
        """Whether only those count."""
        return False

    @property
    def need_error_info(self) -> bool:
        """Whether the rate depends on the errors at all."""
        return True

    @property
    def default_learning_rate(self) -> float | None:
        """The rate where there is nothing to go on from; None if the schedule has no such parameter."""
        return None

    @property
    def claims(self) -> frozenset[str]:
        """The optional laws that the schedule keeps, by name; here none.

        Every schedule has to keep the other laws. ``lrsched.testing`` knows them all, and checks what is claimed.
        """
        return frozenset()

    @property
    def rule(self) -> "Schedule":
        """The schedule inside all wrappers; itself if there are none."""
        return self

    @abstractmethod
    def decide(self, history: History, epoch: int) -> Decision:
        """The decision for ``epoch``, from the part of ``history`` before it.

        Args:
            history: The past; data at or after ``epoch`` is not looked at.
            epoch: An integer >= 1.
        """

    @final
    def __call__(self, history: History, epoch: int) -> float:
        """The learning rate of `decide` alone."""
        return self.decide(history, epoch).learning_rate

    def compare(self, history: History, old: Entry, new: Entry) -> Comparison:
        """Two epochs of ``history`` under the error that this schedule looks at; here by the relative change.

        Args:
            history: The past.
            old: The older epoch with its data.
            new: The newer one.
        """
        del history
        return compare_epochs(self, old, new)

    def prefill(self, history: History) -> History:
        """``history`` with the rates that are given beforehand; here none.

        Law: these are the rates that `decide` gives for their epochs.
        """
        return history


def compare_epochs(
    schedule: Schedule,
    old: Entry,
    new: Entry,
    relative_to: Literal["new", "old"] | None = "new",
    non_finite_error: NonFinitePolicy = "worse",
    learning_rate_scale: float = 1.0,
) -> Comparison:
    """The errors that count for ``schedule`` at two epochs, and how they changed, as `error_change` has it."""
    (old_epoch, old_data), (new_epoch, new_data) = old, new
    keys, strict = schedule.error_measure_key, schedule.strict_error_key
    old_key, new_key = error_key_of(old_data, keys, strict=strict), error_key_of(new_data, keys, strict=strict)
    old_error = None if old_key.key is None else old_data.error[old_key.key]
    new_error = None if new_key.key is None else new_data.error[new_key.key]
    change = None
    if old_error is not None and new_error is not None and old_key.key == new_key.key:
        change = error_change(old_error, new_error, relative_to, non_finite_error)
        if change is not None:
            change /= learning_rate_scale
    return Comparison(old_epoch, new_epoch, old_key, new_key, old_error, new_error, change, learning_rate_scale)
