"""``lrsched best``: the best epochs by one error."""

from typing import Annotated

import typer

from lrsched.cli.options import NOT_THERE, AsJson, Where, error_keys, instead_of, read_history
from lrsched.cli.output import say_error, say_json, say_table
from lrsched.core.history import History
from lrsched.core.series import best_epochs, error_series, finished
from lrsched.errors import ArgumentError
from lrsched.formats.plain import cell

Key = Annotated[
    str | None, typer.Option("--key", "-k", metavar="KEY", help="The error to compare, lower is better. Required.")
]
Number = Annotated[int, typer.Option("-n", metavar="N", min=1, help="How many epochs.")]


def best(file: Where, key: Key = None, n: Number = 1, as_json: AsJson = False) -> None:  # noqa: FBT002  typer's way
    """Show the epochs with the lowest error KEY, the best first, the earlier one on ties. Exit 1 if there is none.

    Epochs without that error are left out, and so is NaN.
    """
    history = read_history(file)
    if key is None:
        raise ArgumentError(f"which error to compare is not known; give --key KEY{instead_of('', error_keys(history))}")
    found = [(epoch, value, history[epoch].learning_rate) for epoch, value in best_epochs(history, key, n)]
    if as_json:
        names = ("epoch", "value", "learning_rate")
        say_json({"file": file, "key": key, "epochs": [dict(zip(names, each, strict=True)) for each in found]})
    elif found:
        rows = [(str(epoch), cell(value), "" if rate is None else cell(rate)) for epoch, value, rate in found]
        say_table((">epoch", f">{key}", ">learning rate"), rows, file)
    if not found:
        say_error(f"{_why_none(history, key)} @ {file}")
        raise typer.Exit(NOT_THERE)


def _why_none(history: History, key: str) -> str:
    if not finished(history):
        return "no epoch is finished"
    if error_series(history, key):
        return f"{key!r} is NaN in every epoch that has it"
    return f"no epoch has the error {key!r}{instead_of(key, error_keys(history))}"
