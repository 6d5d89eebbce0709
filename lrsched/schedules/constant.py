"""The constant learning rate."""

from typing import ClassVar, final

import attrs

from lrsched.core.decision import Action, Cause, Decision
from lrsched.core.history import History
from lrsched.core.measure import Direction, ErrorMeasure, StandIns, as_error_keys, shared_measure
from lrsched.core.numbers import Rate, checked
from lrsched.core.schedule import Schedule

_NEWEST = Cause("constant", "the newest rate")
_NO_RATE = Cause("constant", "no epoch before has a rate")


@final
@attrs.frozen(field_transformer=checked)
class Constant(Schedule):
    """The newest learning rate of the history, or the default if there is none.

    So a rate that was changed by hand, or preset, stays.

    Args:
        default_learning_rate: A finite number >= 0.
        error_measure_key: Which error is shown for this training run, best first; it does not touch the rate.
        mode: Which errors are better, as in `ErrorMeasure`.
        stand_ins: Which error is shown where no configured key is there, as in `ErrorMeasure`.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``ConstantLearningRate``.

    Examples:
        >>> from lrsched import EpochData, History
        >>> schedule = Constant(0.1)
        >>> schedule(History(), 1), schedule(History({1: EpochData(learning_rate=0.02)}), 2)
        (0.1, 0.02)
    """

    claims: ClassVar = frozenset(
        {"scale_invariant", "shift_invariant", "name_invariant", "monotone", "non_finite_is_worst", "never_raises"}
    )

    default_learning_rate: Rate
    error_measure_key: tuple[str, ...] = attrs.field(default=(), converter=as_error_keys, kw_only=True)
    mode: Direction = attrs.field(default="min", kw_only=True)
    stand_ins: StandIns = attrs.field(default="common", kw_only=True)
    measure: ErrorMeasure = attrs.field(init=False, repr=False, eq=False)

    @measure.default
    def _its_measure(self) -> ErrorMeasure:
        return shared_measure(self.error_measure_key, mode=self.mode, stand_ins=self.stand_ins)

    @property
    def need_error_info(self) -> bool:
        """See `Schedule.need_error_info`: it does not."""
        return False

    def decide(self, history: History, epoch: int) -> Decision:
        """See `Schedule.decide`."""
        previous = history.most_recent_learning_rate(epoch)
        if previous is None:
            return Decision(self.default_learning_rate, None, Action.DEFAULT, _NO_RATE)
        return Decision(previous, previous, Action.KEEP, _NEWEST)
