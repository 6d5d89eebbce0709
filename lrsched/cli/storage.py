"""``lrsched convert``, ``runs`` and ``repair``: what is done with whole files and databases."""

from typing import Annotated

import attrs
import typer

from lrsched.cli.options import AsJson, Where
from lrsched.cli.output import busy, say, say_json, say_table
from lrsched.core.history import History
from lrsched.errors import ArgumentError, ConflictError, LrschedError
from lrsched.storage import Storage
from lrsched.storage.file import FileStorage, beside
from lrsched.storage.opening import open_storage, read
from lrsched.storage.sqlite import SqliteStorage

Target = Annotated[
    str,
    typer.Argument(metavar="TARGET", help="Where to: a path or URL as for FILE. Its name says the format."),
]
Database = Annotated[str, typer.Argument(metavar="DATABASE", help="A database, as a path or a URL.")]
Output = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="TARGET", help="Where to. [default: FILE with 'repaired' before its suffix]"
    ),
]


def convert(file: Where, target: Target, as_json: AsJson = False) -> None:  # noqa: FBT002  typer's way
    """Copy a history into a file or database of another kind. What is there is never overwritten.

    It is read back and compared. If the target has no way to hold something, nothing is written, and it is named.
    """
    history = read(file)
    with busy(f"{len(history)} epochs to {target}"):
        _save_new(history, target, open_storage(target))
        if read(target) != history:
            raise LrschedError(f"{target} reads back differently from {file}; please report this")
    if as_json:
        say_json({"file": file, "target": target, "epochs": len(history)})
    else:
        say(f"{target}: {_epochs(history)} from {file}")


def runs(database: Database, as_json: AsJson = False) -> None:  # noqa: FBT002  typer's way
    """Show the runs in a database: their epochs, newest rates, and when they were saved."""
    storage = open_storage(database)
    if not isinstance(storage, SqliteStorage):
        storage = SqliteStorage(database)
    found = storage.runs()
    if as_json:
        say_json({"database": database, "runs": found})
        return
    headings = ("run", ">epochs", ">last finished", ">learning rate", "saved (UTC)")
    rows = [["" if value is None else str(value) for value in attrs.astuple(run)] for run in found]
    say_table(headings, map(tuple, rows), database)


def repair(file: Where, output: Output = None, as_json: AsJson = False) -> None:  # noqa: FBT002  typer's way
    """Recover the epochs that stand before the first fault of a damaged text or JSON file, into a new file.

    The damaged file is left as it is. Exit 3 if nothing can be recovered.
    """
    storage = open_storage(file)
    if not isinstance(storage, FileStorage):
        raise ArgumentError(f"only text and JSON files are repaired, got {file}; for a database: sqlite3 .recover")
    history, fault = storage.salvage()
    if fault is not None and not history:
        raise fault
    target = None
    if fault is not None:
        target = output or str(beside(storage.path, "repaired"))
        _save_new(history, target, open_storage(output) if output else FileStorage(target, storage.format))
    if as_json:
        lost = None if fault is None else {"from_line": fault.line, "why": fault.message}
        say_json({"file": file, "target": target, "epochs": list(history), "lost": lost})
    elif fault is None:
        say(f"{file}: nothing is wrong with it; it has {_epochs(history)}")
    else:
        say(f"{target}: {_epochs(history)} recovered")
        since = "all that follows" if fault.line is None else f"all from line {fault.line} on"
        say(f"lost: {since} ({fault})")


def _save_new(history: History, target: str, storage: Storage) -> None:
    """Save where nothing is yet."""
    try:
        storage.save(history)
    except ConflictError as error:
        raise ArgumentError(f"{target} is there already and is not overwritten; remove it, or name another") from error


def _epochs(history: History) -> str:
    if not history:
        return "no epochs"
    return f"{len(history)} epoch{'s' * (len(history) > 1)} ({min(history)} to {max(history)})"
