"""File formats. A format is a pair of inverse functions, history -> text and text -> history. Pure."""

from collections.abc import Iterable
from typing import Protocol

from lrsched.core.epoch_data import EpochData
from lrsched.core.history import History


class Format(Protocol):
    """What a storage needs of a file format.

    Law: ``parse(join(render_epoch(e, d) for e, d in history.items()))`` equals ``history``.
    """

    def parse(self, text: str, filename: str | None = None) -> History:
        """The history that ``text`` holds.

        Raises:
            FormatError: It holds none.
        """

    def render_epoch(self, epoch: int, data: EpochData) -> str:
        """One epoch as text; depends on nothing else, so that it need not be rendered twice."""

    def join(self, epochs: Iterable[str]) -> str:
        """The text of a history, of its rendered epochs in order."""
