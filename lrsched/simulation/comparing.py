"""Several schedules over one history, side by side."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, final, get_args

import attrs

from lrsched.core.frozendict import FrozenDict
from lrsched.core.history import History
from lrsched.core.numbers import choice
from lrsched.core.schedule import Schedule
from lrsched.errors import broken_law
from lrsched.schedules.function import Function
from lrsched.simulation.replaying import Mode, Replay, replay
from lrsched.simulation.results import Result, epoch_array, rate_array

if TYPE_CHECKING:
    import numpy as np

TAKEN: Final = ("epoch", "recorded")
"""What is no name of a schedule, since the table has columns of that name."""

_GUESS: Final = " (guess)"
"""Nor does one end so, for the same reason."""


@final
@attrs.frozen
class Compared(Result):
    """What S schedules say to the E epochs of a history.

    Attributes:
        mode: What each epoch was decided from.
        replays: Name -> `Replay`, in the order given.
    """

    mode: Mode
    replays: FrozenDict[str, Replay]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the schedules."""
        return tuple(self.replays)

    @property
    def epochs(self) -> "np.ndarray":
        """The epochs, int64 of shape (E,)."""
        return epoch_array(step.epoch for step in self._first)

    @property
    def recorded(self) -> "np.ndarray":
        """The recorded rates, float64 of shape (E,), NaN where there is none."""
        return rate_array(step.recorded for step in self._first)

    @property
    def learning_rates(self) -> "np.ndarray":
        """The schedules' rates, float64 of shape (S, E), in the order of the names."""
        import numpy as np  # noqa: PLC0415  it takes long to import, and a table does without

        return np.stack([told.learning_rates for told in self.replays.values()])

    @property
    def differs_from(self) -> dict[str, int | None]:
        """For each schedule the first epoch whose rate is not the recorded one; None if there is none."""
        return {name: told.differs_from for name, told in self.replays.items()}

    @property
    def apart_from(self) -> int | None:
        """The first epoch at which the schedules do not all say the same; None if there is none."""
        together = zip(*self.replays.values(), strict=True)
        return next((steps[0].epoch for steps in together if len({step.learning_rate for step in steps}) > 1), None)

    @property
    def notes(self) -> dict[str, str | None]:
        """For each schedule what has to be said of it wherever it is shown, see `Replay.note`."""
        return {name: told.note for name, told in self.replays.items()}

    @property
    def _first(self) -> Replay:
        return next(iter(self.replays.values()))

    def to_dict(self) -> dict[str, Any]:
        """See `Result.to_dict`: epoch, recorded rate, and a column for each schedule, by its name.

        In the free mode there is another one for each, ``NAME (guess)``, see `Replay.guesses`.
        """
        table: dict[str, Any] = {
            "epoch": [step.epoch for step in self._first],
            "recorded": [step.recorded for step in self._first],
        }
        for name, told in self.replays.items():
            table[name] = [step.learning_rate for step in told]
            if self.mode == "free":
                table[name + _GUESS] = list(told.guesses)
        return table

    def data(self) -> dict[str, Any]:
        """See `Result.data`."""
        return {
            "mode": self.mode,
            "apart_from": self.apart_from,
            "schedules": {name: told.data() for name, told in self.replays.items()},
        }


def compare(schedules: Mapping[str, Schedule | Function], history: History, mode: Mode = "free") -> Compared:
    """What several schedules would have given over one history.

    Args:
        schedules: Name -> schedule, or plain function; at least one. ``epoch`` and ``recorded`` are no names.
        history: The recorded epochs.
        mode: See `Mode`. By default each goes on from its own rates.

    Raises:
        ArgumentError: There is no schedule, or a name is taken; or ``mode`` is none.

    Examples:
        >>> from lrsched import EpochData, NewbobRelative
        >>> history = History({e: EpochData(learning_rate=0.1, error={"dev_score": 1.0}) for e in range(1, 5)})
        >>> half = NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=0.5)
        >>> compared = compare({"half": half, "three quarters": attrs.evolve(half, learning_rate_decay=0.75)}, history)
        >>> compared.learning_rates
        array([[0.1    , 0.1    , 0.05   , 0.025  ],
               [0.1    , 0.1    , 0.075  , 0.05625]])
        >>> compared.apart_from, compared.differs_from
        (3, {'half': 3, 'three quarters': 3})
    """
    choice("mode", mode, get_args(Mode))
    if not schedules:
        raise broken_law("schedules", "at least one schedule by name", schedules, 'as in {"a": Constant(0.1)}')
    for name in schedules:
        if not isinstance(name, str) or name in TAKEN or name.endswith(_GUESS):
            law = f"a str other than {' and '.join(TAKEN)} that does not end in {_GUESS!r}"
            raise broken_law("a name in schedules", law, name, "give it another one")
    return Compared(mode, FrozenDict({name: replay(schedule, history, mode) for name, schedule in schedules.items()}))
