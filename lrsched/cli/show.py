"""``lrsched show``: a history as a table."""

import shutil
import sys
from typing import Annotated

import typer

from lrsched.cli.options import NOT_THERE, AsJson, Where, error_keys, instead_of, read_history
from lrsched.cli.output import say, say_error, say_json, say_table
from lrsched.core.history import History
from lrsched.errors import ArgumentError
from lrsched.pictures.tables import as_data, as_table
from lrsched.pictures.terminal import text_of

Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        "-k",
        metavar="KEY",
        help="The error to show, or the meta value if no error has that name; by default in each epoch the error that "
        "counts.",
    ),
]


Plot = Annotated[bool, typer.Option("--plot", help="Draw rate and error in the terminal instead of the table.")]


def show(
    file: Where,
    key: Key = None,
    plot: Plot = False,  # noqa: FBT002  typer's way
    as_json: AsJson = False,  # noqa: FBT002  typer's way
) -> None:
    """Show a history: its epochs, their rates with the changes marked, and the error that counts.

    Epochs without errors are marked as not finished. Exit 1 if no epoch has KEY.
    """
    if plot and as_json:
        raise ArgumentError("--plot draws and --json does not; leave out one of them")
    history = read_history(file)
    epochs = list(as_data(history, key))
    if as_json:
        say_json({"file": file, "epochs": epochs})
    elif plot:
        say_drawing(file, history, key)
    else:
        say_table(*as_table(epochs, key), file)
    if key is not None and all(shown["error_key"].key is None for shown in epochs):
        keys = error_keys(history) | {name for data in history.values() for name in data.meta}
        say_error(f"no epoch has {key!r}{instead_of(key, keys)} @ {file}")
        raise typer.Exit(NOT_THERE)


def say_drawing(title: str, history: History, key: str | None) -> None:
    """Print a title and below it a drawing, as large as the terminal together with the next prompt."""
    say(title)
    columns, lines = shutil.get_terminal_size()
    drawing = text_of(history, columns, lines - 2, key)
    if not _can_print(drawing):
        drawing = text_of(history, columns, lines - 2, key, plain=True)
    for line in drawing.splitlines():
        say(line)


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
