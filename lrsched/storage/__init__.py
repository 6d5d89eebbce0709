"""Storages: the only package that touches a disk. They keep, they do not think."""

from collections.abc import Collection
from typing import Protocol, runtime_checkable

from lrsched.core.history import History


@runtime_checkable
class Readable(Protocol):
    """A storage that somebody else may look into, while its owner goes on with what he has seen."""

    def read(self) -> History:
        """The history; changes nothing, neither what is stored nor what this object is allowed to replace.

        Raises:
            NotWrittenError: Nothing was ever saved.
            FormatError: What is stored cannot be understood.
            StorageError: The machine could not read.
        """


@runtime_checkable
class Storage(Protocol):
    """Where a history is kept. Any object with these two methods is one.

    Law: after ``save(history)`` returned, ``load()`` gives ``history``, whatever happens to the process or the machine.
    """

    def load(self) -> History:
        """What was saved last; the empty history if nothing ever was. Changes nothing that is stored.

        Raises:
            FormatError: What is stored cannot be understood. It is left as it is.
            StorageError: The machine could not read.
        """

    def save(self, history: History, changed: Collection[int] | None = None) -> None:
        """Store ``history``, or leave what was stored before.

        Args:
            history: All that is to be stored.
            changed: Epochs among which are all where ``history`` differs from what was last loaded or saved through
                this object; None if that is not known. A storage may make use of it, or not.

        Raises:
            ArgumentError: It has no way to hold something in ``history``; says what.
            ConflictError: What is stored now was neither loaded nor saved through this object.
            StorageError: The machine could not write.
        """
