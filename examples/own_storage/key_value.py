"""A storage of one's own: a history as one value of a key-value store.

It passes lrsched's contract for storages.
"""

from collections.abc import Collection, MutableMapping

from lrsched import JSON, ConflictError, History


class KeyValueStorage:
    """Keeps a history under a key of anything that maps names to bytes.

    That is a dict, `dbm`, or a client of an object store.
    """

    def __init__(self, store: MutableMapping[str, bytes], key: str) -> None:
        self.store = store
        self.key = key
        self.seen = b""  # what this object has loaded or saved last

    def load(self) -> History:
        """What was saved last; the empty history if nothing ever was."""
        stored = self.store.get(self.key, b"")
        history = JSON.parse(stored.decode(), self.key) if stored else History()
        self.seen = stored
        return history

    def save(self, history: History, changed: Collection[int] | None = None) -> None:
        """Store all of ``history``; ``changed`` would tell which epochs are new."""
        value = JSON.render(history).encode()  # first, since it may refuse
        if self.store.get(self.key, b"") != self.seen:
            raise ConflictError(f"{self.key} holds what was not seen here; load it first")
        self.store[self.key] = value
        self.seen = value
