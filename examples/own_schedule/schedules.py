"""A schedule of one's own, and a plain function; `test_schedules.py` tries to break them."""

import attrs

from lrsched import Action, Cause, Decision, History, Rate, Schedule, checked


@attrs.frozen(field_transformer=checked)
class StepDecay(Schedule):
    """Half the rate every ten epochs, and never less than a minimum."""

    default_learning_rate: Rate = 0.1
    min_learning_rate: Rate = 0.001

    claims = frozenset({"scale_invariant", "shift_invariant", "name_invariant"})

    def decide(self, history: History, epoch: int) -> Decision:
        """See `Schedule.decide`."""
        previous = history.most_recent_learning_rate(epoch)
        halvings = min((epoch - 1) // 10, 100)
        least = min(self.min_learning_rate, self.default_learning_rate)
        rate = max(self.default_learning_rate / 2.0**halvings, least)
        cause = Cause("step_decay", f"halved {halvings} times")
        return Decision(rate, previous, Action.of(previous, rate), cause)


def inverse_root(history: History, epoch: int) -> float:
    """The rate falls with the root of the epoch."""
    del history
    return 0.1 / epoch**0.5
