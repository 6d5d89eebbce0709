"""How often the garbage collector runs while a command does."""

import contextlib
import gc
from collections.abc import Iterator
from typing import Final

RARELY: Final = 5_000_000
"""In new objects: at the cost of less than a second and of less than 1 GB.

A history of 100,000 epochs and what is said of it are a million objects that live until the command ends, and none of
them refers back. By default the collector looks at the new ones after every 700, and at all of them whenever a quarter
is new: two thirds of the time. It is not off, so there is an end to garbage, but a late one: what runs for days asks
for `USUALLY`.
"""

USUALLY: Final = 700
"""In new objects, as Python has it."""


@contextlib.contextmanager
def collected(objects: int) -> Iterator[None]:
    """While it lasts, the garbage collector runs whenever there are so many new objects."""
    thresholds = gc.get_threshold()
    gc.set_threshold(objects, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
