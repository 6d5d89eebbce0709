"""``lrsched convert``, ``runs`` and ``repair``: what is done with whole files and databases."""

import contextlib
import os
from typing import Annotated
from urllib.parse import quote

import attrs

from lrsched.cli.options import AsJson, Where, read_history
from lrsched.cli.output import Answer, busy, say, say_json
from lrsched.cli.parameters import argument, option
from lrsched.core.history import History
from lrsched.errors import ArgumentError, ConflictError, LrschedError
from lrsched.formats.text import TEXT
from lrsched.report.text import table
from lrsched.storage.file import FileStorage, beside
from lrsched.storage.opening import open_storage, read
from lrsched.storage.sqlite import DEFAULT_RUN, Run, SqliteStorage, location

Database = Annotated[str, argument("DATABASE")]
Target = Annotated[str, argument("TARGET")]
Output = Annotated[str | None, option("--output", "-o", metavar="TARGET")]


def convert(file: Where, target: Target, *, as_json: AsJson = False) -> None:
    """Copy a history into a file or database of another kind.

    The copy overwrites nothing. It is read back and compared. If TARGET cannot hold something, nothing is written, and
    the error names it.

    Args:
        target: The copy: a path or URL, as for FILE. Its name says the format.

    Examples:
        lrsched convert learning_rates run.json
        lrsched convert learning_rates 'sqlite:///runs.db?run=a'
    """
    history = read_history(file)
    with busy(f"{len(history)} epochs to {target}"):
        _save_new(history, target)
        if TEXT.render(read(target)) != TEXT.render(history):  # which tells -0.0 from 0.0, too
            raise LrschedError(f"{target} reads back differently from {file}; please report this")
    if as_json:
        say_json({"file": file, "target": target, "epochs": len(history)})
    else:
        say(f"{target}: {_epochs(history)} from {file}")


def runs(database: Database) -> Answer:
    """Show the runs in a database: their epochs, newest rates, and when they were saved.

    Args:
        database: A database, as a path or a URL.

    Examples:
        lrsched runs runs.db
    """
    storage = open_storage(database)
    if not isinstance(storage, SqliteStorage):
        storage = SqliteStorage(database)
    found = storage.runs()
    columns = {field.name: [getattr(run, field.name) for run in found] for field in attrs.fields(Run)}
    headings = ("run", ">epochs", ">last finished", ">learning rate", "saved (UTC)")
    return Answer(
        lambda exact: [database, table(headings, columns.values(), exact=exact)],
        lambda: {"database": database, "runs": found},
        lambda: columns,
    )


def repair(file: Where, output: Output = None, *, as_json: AsJson = False) -> None:
    """Recover the epochs before the first fault of a damaged text or JSON file, into a new file.

    The damaged file stays as it is. The exit code is 3 if nothing can be recovered.

    Args:
        output: The new file; by default, FILE with 'repaired' before its suffix.

    Examples:
        lrsched repair learning_rates
    """
    storage = open_storage(file)
    if not isinstance(storage, FileStorage):
        raise ArgumentError(f"only text and JSON files are repaired, got {file}; take a copy or a mirror of a database")
    with busy(f"reading {file}"):
        history, fault = storage.salvage()
    if fault is not None and not history:
        raise fault
    target = None
    if fault is not None:
        target = output or _repaired(storage)
        _save_new(history, target)
    if as_json:
        lost = None if fault is None else {"after_epoch": max(history), "line": fault.line, "why": fault.message}
        say_json({"file": file, "target": target, "epochs": list(history), "lost": lost})
    elif fault is None:
        say(f"{file}: nothing is wrong with it; it has {_epochs(history)}")
    else:
        say(f"{target}: {_epochs(history)} recovered")
        say(f"lost: all after epoch {max(history)} ({fault})")


def _repaired(storage: FileStorage) -> str:
    """Where the repaired file goes: a location that means the same format."""
    path = beside(storage.path, "repaired")
    with contextlib.suppress(ArgumentError):
        meant = open_storage(str(path))
        if isinstance(meant, FileStorage) and (meant.path, meant.format) == (path, storage.format):
            return str(path)
    return f"{storage.format.name}:{quote(os.fsencode(path))}"


def _save_new(history: History, target: str) -> None:
    """Save where nothing is yet."""
    storage = open_storage(target)
    try:
        storage.save(history)
    except ConflictError as error:
        what, way_out = target, "remove it, or name another"
        if isinstance(storage, SqliteStorage):
            what = f"run {storage.run or DEFAULT_RUN!r} of {storage.path}"
            way_out = f"name another, as in {location(storage.path, 'NAME')}"
        raise ArgumentError(f"{what} is there already and is not overwritten; {way_out}") from error


def _epochs(history: History) -> str:
    if not history:
        return "no epochs"
    return f"{len(history)} epoch{'s' * (len(history) > 1)} ({min(history)} to {max(history)})"
