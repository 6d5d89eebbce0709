"""Every exception of lrsched, one tree: whose fault it is, is its type.

Messages have one of two wordings: ``<name> must be <law>, got <value>; <way out>`` for arguments, and
``<what is wrong> @ <file>:<line>`` for files.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, final

_LONGEST_VALUE_SHOWN = 80


class LrschedError(Exception):
    """Whatever goes wrong in lrsched: catch this to catch all of it."""


class ArgumentError(LrschedError, ValueError):
    """The caller gave a value that breaks a law.

    Examples:
        >>> raise broken_law("num_epochs", "an integer >= 1", 0, "use 1 to compare neighbours")
        Traceback (most recent call last):
        lrsched.errors.ArgumentError: num_epochs must be an integer >= 1, got 0; use 1 to compare neighbours
    """


class FormatError(LrschedError, ValueError):
    """A file does not hold what it should. Nothing was changed.

    Attributes:
        filename: The file, or None for a text without a name.
        line: The line of the fault, from 1, or None where it is the whole file.

    Examples:
        >>> str(FormatError("expected a number", filename="learning_rates", line=3))
        'expected a number @ learning_rates:3'
    """

    def __init__(self, message: str, *, filename: str | None = None, line: int | None = None) -> None:
        where = filename or "<text>"
        super().__init__(f"{message} @ {where}" + (f":{line}" if line is not None else ""))
        self.message = message
        self.filename = filename
        self.line = line

    def __reduce__(self) -> Any:
        """Keyword arguments do not survive the pickling of exceptions by themselves."""
        return partial(type(self), filename=self.filename, line=self.line), (self.message,)


class StorageError(LrschedError, OSError):
    """The machine could not read or write: disk, rights, folders. What was stored before is intact."""


class NotWrittenError(LrschedError):
    """There is nothing to read yet: the file is not there, or is empty as it is while somebody writes it.

    Whoever reads the file of a training that runs catches this and tries again later; everything else is a fault.
    It is a `MissingFileError` or an `EmptyFileError`.
    """


@final
class MissingFileError(NotWrittenError, StorageError, FileNotFoundError):
    """The file to read is not there, or another machine replaced it while it was read over the network."""


@final
class EmptyFileError(NotWrittenError, FormatError):
    """The file to read has nothing in it, or nothing but white space."""


class ConflictError(LrschedError):
    """Another writer stored something that this one has not seen: saving would lose it."""


class MissingExtraError(LrschedError, ImportError):
    """A library that only some commands and functions need is not installed."""


class ExecutorError(LrschedError):
    """What was to share the work could not do it: a worker died, or the work cannot be sent to it."""


def missing_extra(library: str, extra: str) -> MissingExtraError:
    """The error for a library that one of lrsched's extras installs."""
    return MissingExtraError(f"this needs {library}; pip install '.[{extra}]' in a checkout of lrsched installs it")


class SettingWarning(UserWarning):
    """A setting that nothing reads, often a misspelt one, or one that means something else than it seems to."""


class MeasureWarning(UserWarning):
    """No error counts, or another one than was meant; or the errors that count can never be compared."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """What to ask whoever wrote a name that is none of ``names``; nothing if none is like it.

    Examples:
        >>> did_you_mean("dev_scor", ["train_score", "dev_score"]), did_you_mean("x", ["dev_score"])
        ("did you mean 'dev_score'?", '')
    """
    from difflib import get_close_matches  # noqa: PLC0415  it takes long to import, and hardly anyone needs it

    close = get_close_matches(name, list(names), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def broken_law(name: str, law: str, value: object, way_out: str) -> ArgumentError:
    """The error for the argument ``name`` that should obey ``law`` but is ``value``.

    Args:
        name: The argument as the caller knows it.
        law: What it must be, as in "a finite number >= 0".
        value: What it is; shown shortened.
        way_out: What to do instead.
    """
    try:
        shown = repr(value)
    except Exception:  # noqa: BLE001  a foreign object's broken repr must not hide the law
        shown = f"an unprintable {type(value).__name__}"
    if len(shown) > _LONGEST_VALUE_SHOWN:
        shown = shown[: _LONGEST_VALUE_SHOWN - 3] + "..."
    return ArgumentError(f"{name} must be {law}, got {shown}; {way_out}")
