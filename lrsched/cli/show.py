"""``lrsched show``: a history as a table."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from lrsched.cli.options import AsJson, LearningRateFile
from lrsched.cli.output import Row, say_json, say_table
from lrsched.core.history import History
from lrsched.core.measure import error_key
from lrsched.storage.file import read

Key = Annotated[
    str | None,
    typer.Option("--key", "-k", metavar="KEY", help="The error to show; by default in each epoch the one that counts."),
]


def show(file: LearningRateFile, key: Key = None, as_json: AsJson = False) -> None:  # noqa: FBT002  typer's way
    """Show a history: its epochs, their rates with the changes marked, and the error that counts."""
    history = read(file)
    if as_json:
        say_json({"file": file, "epochs": list(_epochs(history, key))})
    else:
        say_history(history, file, key)


def say_history(history: History, title: str, key: str | None = None) -> None:
    """Print a history as a table."""
    say_table((">epoch", ">learning rate", "change", ">error", "error key"), _rows(history, key), title)


def _epochs(history: History, key: str | None) -> Iterator[dict[str, Any]]:
    """Each epoch as plain data; ``change`` is the ratio to the rate before, or None."""
    before: float | None = None
    for epoch, data in history.items():
        chosen = error_key(history, epoch, key, strict=key is not None)
        rate = data.learning_rate
        yield {
            "epoch": epoch,
            "learning_rate": rate,
            "change": rate / before if rate is not None and before and rate != before else None,
            "error_key": chosen,
            "error_value": None if chosen.key is None else data.error[chosen.key],
            "error": data.error,
            "meta": data.meta,
        }
        before = before if rate is None else rate


def _rows(history: History, key: str | None) -> Iterator[Row]:
    for shown in _epochs(history, key):
        change = shown["change"]
        mark = "" if change is None else f"{'down' if change < 1 else 'up'} x{change:.4g}"
        value = "" if shown["error_value"] is None else repr(shown["error_value"])
        rate = "" if shown["learning_rate"] is None else repr(shown["learning_rate"])
        yield str(shown["epoch"]), rate, mark, value, shown["error_key"].key or ""
