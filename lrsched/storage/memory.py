"""Storage in memory: what every other storage must agree with."""

from collections.abc import Collection
from typing import final

from lrsched.core.history import History


@final
class MemoryStorage:
    """Keeps a history for as long as the object lives.

    Args:
        history: What is stored to begin with.

    Examples:
        >>> from lrsched import EpochData
        >>> storage = MemoryStorage()
        >>> storage.save(History({1: EpochData(learning_rate=0.1)}))
        >>> list(storage.load())
        [1]
    """

    def __init__(self, history: History | None = None) -> None:
        self._history = history or History()

    def load(self) -> History:
        """See `Storage.load`."""
        return self._history

    def save(self, history: History, changed: Collection[int] | None = None) -> None:
        """See `Storage.save`."""
        del changed
        self._history = history
