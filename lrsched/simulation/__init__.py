"""Offline questions to recorded histories. Pure."""

from importlib import import_module

TYPE_CHECKING = False  # as `typing` has it, which takes longer to import than all of this
if TYPE_CHECKING:
    from lrsched.simulation.comparing import Compared, compare
    from lrsched.simulation.explaining import Explanation, explain
    from lrsched.simulation.replaying import Mode, Replay, ReplayedEpoch, keep_recorded, replay, verify
    from lrsched.simulation.spaces import Space
    from lrsched.simulation.sweeping import sweep, sweep_blocks
    from lrsched.simulation.swept import Sweep

__all__ = [
    "Compared",
    "Explanation",
    "Mode",
    "Replay",
    "ReplayedEpoch",
    "Space",
    "Sweep",
    "compare",
    "explain",
    "keep_recorded",
    "replay",
    "sweep",
    "sweep_blocks",
    "verify",
]

# Imported when they are first asked for: a replay costs no import of NumPy.
_HOMES = {
    "lrsched.simulation.comparing": ("Compared", "compare"),
    "lrsched.simulation.explaining": ("Explanation", "explain"),
    "lrsched.simulation.replaying": ("Mode", "Replay", "ReplayedEpoch", "keep_recorded", "replay", "verify"),
    "lrsched.simulation.spaces": ("Space",),
    "lrsched.simulation.sweeping": ("sweep", "sweep_blocks"),
    "lrsched.simulation.swept": ("Sweep",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            globals()[name] = value = getattr(import_module(home), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
