"""`Getters`: what the controls answer about the epochs that they have recorded."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

from lrsched.core.epoch_data import UNKNOWN, EpochData
from lrsched.core.history import History
from lrsched.core.measure import ErrorMeasure, last_best_epoch


class Getters(ABC):
    """Questions to a record of epochs, with the names that RETURNN has for them (abstract).

    Attributes:
        default_learning_rate: The rate where there is nothing to go on from.
    """

    default_learning_rate: float | None

    @property
    @abstractmethod
    def history(self) -> History:
        """The record, as an immutable map epoch -> `EpochData`."""

    @property
    @abstractmethod
    def _measure(self) -> ErrorMeasure:
        """Which error counts."""

    def get_last_epoch(self, epoch: int) -> int | None:
        """The newest epoch before ``epoch`` with data; None if there is none."""
        return self.history.last_epoch(before=epoch)

    def get_most_recent_learning_rate(self, epoch: int, exclude_current: bool = True) -> float | None:  # noqa: FBT001, FBT002  the published signature
        """The newest rate before ``epoch``, or up to it; the default rate if there is none."""
        newest = self.history.most_recent_learning_rate(epoch, exclude_current=exclude_current)
        return self.default_learning_rate if newest is None else newest

    def get_error_key(self, epoch: int) -> str | None:
        """The key of the error that counts at ``epoch``; where the epoch has no data, the first configured one."""
        return self._measure.key_of(self.history.get(epoch)).key

    def get_epoch_error_dict(self, epoch: int) -> Mapping[str, float]:
        """All errors of ``epoch``; empty if there are none."""
        data: EpochData = self.history.get(epoch, UNKNOWN)
        return data.error

    def get_epoch_error_key_value(self, epoch: int) -> tuple[str | None, float | None]:
        """The key of the error that counts at ``epoch``, and its value; both None if there is none."""
        error = self.get_epoch_error_dict(epoch)
        key = self.get_error_key(epoch) if error else None
        return (None, None) if key is None else (key, error[key])

    def get_epoch_error_value(self, epoch: int) -> float | None:
        """The error that counts at ``epoch``; None if there is none."""
        return self.get_epoch_error_key_value(epoch)[1]

    def get_last_best_epoch(
        self,
        last_epoch: int,
        first_epoch: int = 1,
        only_last_epochs: int | None = None,
        filter_score: float = math.inf,
        only_last_n: int = -1,
        min_score_dist: float = 0.0,
    ) -> int | None:
        """The best epoch of ``first_epoch`` .. ``last_epoch``, see `lrsched.last_best_epoch`."""
        return last_best_epoch(
            self.history,
            last_epoch,
            first_epoch,
            only_last_epochs=only_last_epochs or None,
            filter_score=filter_score,
            only_last_n=only_last_n,
            min_score_dist=min_score_dist,
            measure=self._measure,
        )
