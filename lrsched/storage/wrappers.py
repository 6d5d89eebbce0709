"""Storages made of others. They hold nothing themselves."""

import errno
from collections.abc import Collection, Sequence
from typing import Any, NoReturn, final

from lrsched.core.epoch_data import EpochData
from lrsched.core.history import History
from lrsched.errors import ConflictError, NotWrittenError, StorageError, broken_law
from lrsched.storage import Storage
from lrsched.storage.opening import Where, open_storage, read


@final
class ReadOnly:
    """What another storage holds, but nothing can be saved: for a process that should only read.

    In a distributed training, one rank saves; the others look at the same history through this.

    Args:
        storage: A storage, or where one is, see `open_storage`.

    Examples:
        >>> from lrsched import MemoryStorage
        >>> storage = ReadOnly(MemoryStorage())
        >>> storage.load()
        History({})
        >>> storage.save(History())
        Traceback (most recent call last):
        lrsched.errors.StorageError: [Errno 30] this storage is to be read only; save with the one that it wraps: ...
    """

    def __init__(self, storage: Where) -> None:
        self.storage = open_storage(storage)

    def __repr__(self) -> str:
        return f"ReadOnly({self.storage!r})"

    def load(self) -> History:
        """See `Storage.load`."""
        return self.storage.load()

    def read(self) -> History:
        """See `Readable.read`."""
        return read(self.storage)

    def save(self, history: History, changed: Collection[int] | None = None) -> NoReturn:
        """Refuse it, with a `StorageError`."""
        del history, changed
        message = "this storage is to be read only; save with the one that it wraps"
        raise StorageError(errno.EROFS, message, repr(self.storage))


@final
class Mirrored:
    """Keeps the same history in several storages, so that any of them may be lost.

    They are saved in the given order, so none is ever ahead of the first; its history counts. If the first holds
    nothing, because its disk was replaced, the next that holds something counts.

    Args:
        first: A storage, or where one is, see `open_storage`.
        *others: More of them, of any kind.

    Examples:
        >>> from lrsched import EpochData, MemoryStorage
        >>> main, mirror = MemoryStorage(), MemoryStorage()
        >>> Mirrored(main, mirror).save(History({1: EpochData(learning_rate=0.1)}))
        >>> list(Mirrored(MemoryStorage(), mirror).load())
        [1]
    """

    def __init__(self, first: Where, *others: Where) -> None:
        if not others:
            raise broken_law("others", "at least one storage", others, "without one there is nothing to mirror")
        self.storages: tuple[Storage, ...] = tuple(map(open_storage, (first, *others)))
        self._all_the_same = False
        self._is_refused = False  # since the last load could not load, or did not accept, what is stored

    def __repr__(self) -> str:
        return f"Mirrored({', '.join(map(repr, self.storages))})"

    def __reduce__(self) -> Any:
        """Unpickled it has seen nothing yet, as the process that it is for."""
        return Mirrored, self.storages

    def load(self) -> History:
        """See `Storage.load`. Each of them must be readable, or absent; one that is ahead is a `ConflictError`."""
        self._all_the_same, self._is_refused = False, True
        histories = [storage.load() for storage in self.storages]
        counting = _first_written(histories)
        self._check_behind(counting, histories)
        self._all_the_same, self._is_refused = all(history == counting for history in histories), False
        return counting

    def read(self) -> History:
        """See `Readable.read`."""
        histories, faults = [], []
        for storage in self.storages:
            try:
                histories.append(read(storage))
            except NotWrittenError as error:
                faults.append(error)
        if not histories:
            raise faults[0]
        return _first_written(histories)

    def save(self, history: History, changed: Collection[int] | None = None) -> None:
        """See `Storage.save`. If one of them fails, those before it have the new history, those after it the old."""
        if self._is_refused:
            raise ConflictError(f"what {self!r} holds was not loaded as a whole; load it first")
        if not self._all_the_same:
            changed = None
        self._all_the_same = False
        for storage in self.storages:
            storage.save(history, changed)
        self._all_the_same = True

    def _check_behind(self, counting: History, histories: Sequence[History]) -> None:
        """Refuse what one of them has and the one that counts has not."""
        for storage, history in zip(self.storages, histories, strict=True):
            epoch = next((epoch for epoch, data in history.items() if _has_more(data, counting.get(epoch))), None)
            if epoch is not None:
                what = f"{storage!r} holds data of epoch {epoch} that the first of {self!r} has not"
                raise ConflictError(f"{what}; take the older one away, so that it is made again from the other")


def _has_more(data: EpochData, known: EpochData | None) -> bool:
    return known is None or bool(data.error.keys() - known.error.keys() or data.meta.keys() - known.meta.keys())


def _first_written(histories: Sequence[History]) -> History:
    return next(filter(None, histories), histories[0])
