"""File formats. A format is a pair of inverse functions, history -> text and text -> history. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

import attrs

from lrsched.core.epoch_data import EpochData
from lrsched.core.history import History
from lrsched.errors import ArgumentError, EmptyFileError, FormatError


@final
@attrs.frozen
class Format:
    """How a history looks in a file, as a value that holds the functions.

    Law: ``parse(render(history))`` equals ``history``, and ``salvage`` of a text that was cut off gives its first
    epochs.

    Args:
        name: What it is called in locations and errors.
        read: What is in a text up to the first fault, and the fault; takes the text and the file's name for errors.
        render_epoch: One epoch as text; depends on nothing else, so that it need not be rendered twice.
        join: The text of a history, of its rendered epochs in order.

    Examples:
        >>> from lrsched.formats.text import TEXT
        >>> TEXT.parse("{1: EpochData(learningRate=0.1, error={'dev_score': inf, ':meta:gpu': 'a'})}")
        History({1: EpochData(learning_rate=0.1, error={'dev_score': inf}, meta={'gpu': 'a'})})
        >>> print(TEXT.render(History({1: EpochData(learning_rate=0.1, error={"dev_score": 1.5})})), end="")
        {
        1: EpochData(learningRate=0.1, error={'dev_score': 1.5}),
        }
    """

    name: str
    _read: Callable[[str, str | None], tuple[History, FormatError | None]]
    render_epoch: Callable[[int, EpochData], str]
    join: Callable[[Iterable[str]], str]

    def parse(self, text: str, filename: str | None = None) -> History:
        """The history that a text holds.

        Args:
            text: The whole file.
            filename: Named in errors.

        Raises:
            EmptyFileError: There is nothing in it.
            FormatError: It is no such file; the line is named, and nothing in it was run.
        """
        history, fault = self.salvage(text, filename)
        if fault:
            raise fault
        return history

    def salvage(self, text: str, filename: str | None = None) -> tuple[History, FormatError | None]:
        """The epochs that stand in a damaged text before its first fault, and the fault; None if there is none."""
        if not text.strip():
            message = "the file is empty; it may just be being written"
            return History(), EmptyFileError(message, filename=filename, line=1)
        return self._read(text, filename)

    def render(self, history: History) -> str:
        """The text of a file with ``history`` in it.

        Raises:
            ArgumentError: The format has no way to write something in it; says what.
        """
        return self.join(self.render_epoch(epoch, data) for epoch, data in history.items())


def in_order(items: Iterable[Any]) -> list[Any]:
    """The keys of a dict or the members of a set in an order that is always the same, whatever their types."""
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=lambda item: (type(item).__name__, repr(item)))


def without_twins(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The members of a JSON object as a dict.

    Raises:
        ArgumentError: A name is there twice.

    Examples:
        >>> without_twins([("a", 1), ("b", 2)])
        {'a': 1, 'b': 2}
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        ((twin, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ArgumentError(f"the name {twin!r} is there twice")
    return members
