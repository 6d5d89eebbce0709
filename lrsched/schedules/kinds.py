"""The table of kinds: name -> class. Settings, strategies, the docs and the sweep read it.

A new kind is a class of attrs whose fields say their laws (`lrsched.core.numbers`), a line here, and a page. A
parameter that RETURNN has no setting for is set by its own name.
"""

from typing import Final

from lrsched.core.schedule import Schedule
from lrsched.schedules.constant import Constant
from lrsched.schedules.newbob import NewbobAbs, NewbobMultiEpoch, NewbobRelative

KINDS: Final[dict[str, type[Schedule]]] = {
    "constant": Constant,
    "newbob": NewbobRelative,
    "newbob_rel": NewbobRelative,
    "newbob_relative": NewbobRelative,
    "newbob_abs": NewbobAbs,
    "newbob_multi_epoch": NewbobMultiEpoch,
}
"""The names are those that configurations have for them."""
