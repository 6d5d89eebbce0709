"""Storages: the only package that touches a disk. They keep, they do not think."""

from typing import Protocol, runtime_checkable

from lrsched.core.history import History


@runtime_checkable
class Storage(Protocol):
    """Where a history is kept. Any object with these two methods is one.

    Law: after ``save(history)`` returned, ``load()`` gives ``history``, whatever happens to the process or the machine.
    """

    def load(self) -> History:
        """What was saved last; the empty history if nothing ever was.

        Raises:
            FormatError: What is stored cannot be understood. It is left as it is.
            StorageError: The machine could not read.
        """

    def save(self, history: History) -> None:
        """Store ``history``, or leave what was stored before.

        Raises:
            ConflictError: What is stored now was neither loaded nor saved through this object.
            StorageError: The machine could not write.
        """
