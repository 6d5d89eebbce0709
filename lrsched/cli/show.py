"""``lrsched show``: a history as a table."""

from typing import Annotated

import typer

from lrsched.cli.options import NOT_THERE, AsJson, Where, error_keys, instead_of, read_history
from lrsched.cli.output import say_error, say_json, say_table
from lrsched.pictures.tables import as_data, as_table

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


def show(file: Where, key: Key = None, as_json: AsJson = False) -> None:  # noqa: FBT002  typer's way
    """Show a history: its epochs, their rates with the changes marked, and the error that counts.

    Epochs without errors are marked as not finished. Exit 1 if no epoch has KEY.
    """
    history = read_history(file)
    epochs = list(as_data(history, key))
    if as_json:
        say_json({"file": file, "epochs": epochs})
    else:
        say_table(*as_table(epochs, key), file)
    if key is not None and all(shown["error_key"].key is None for shown in epochs):
        keys = error_keys(history) | {name for data in history.values() for name in data.meta}
        say_error(f"no epoch has {key!r}{instead_of(key, keys)} @ {file}")
        raise typer.Exit(NOT_THERE)
