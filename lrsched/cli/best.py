"""``lrsched best``: the best epochs by one error."""

from typing import Annotated

from typer import Option

from lrsched.cli.options import HigherIsBetter, Where, did_you_mean, error_keys, read_history
from lrsched.cli.output import Answer
from lrsched.core.history import History
from lrsched.core.series import best_epochs, error_series, finished
from lrsched.errors import ArgumentError
from lrsched.report.text import table


def best(
    file: Where,
    key: Annotated[str | None, Option("--key", "-k", metavar="KEY")] = None,
    n: Annotated[int, Option("-n", metavar="N", min=1)] = 1,
    higher_is_better: HigherIsBetter = False,  # noqa: FBT002  typer's way
) -> Answer:
    """Show the epochs with the best error KEY, the best first, the earlier one on ties. Exit 1 if there is none.

    The lowest error is the best, unless --higher-is-better says otherwise. Epochs without that error are left out, and
    so is NaN.

    Args:
        key: The error to compare. Required.
        n: How many epochs.
    """
    history = read_history(file)
    if key is None:
        raise ArgumentError(f"no error to compare: pass --key KEY{did_you_mean('', error_keys(history))}")
    found = best_epochs(history, key, n, "max" if higher_is_better else "min")
    names, headings = ("epoch", "value", "learning_rate"), (">epoch", f">{key}", ">learning rate")
    rows = [(epoch, value, history[epoch].learning_rate) for epoch, value in found]
    columns = [[row[place] for row in rows] for place in range(len(names))]
    return Answer(
        lambda exact: [file, table(headings, columns, exact=exact)] if found else [],
        lambda: {"file": file, "key": key, "epochs": [dict(zip(names, row, strict=True)) for row in rows]},
        lambda: dict(zip(names, columns, strict=True)),
        error=None if found else f"{_why_none(history, key)} @ {file}",
    )


def _why_none(history: History, key: str) -> str:
    if not finished(history):
        return "no epoch is finished"
    if error_series(history, key):
        return f"{key!r} is NaN in every epoch that has it"
    return f"no epoch has the error {key!r}{did_you_mean(key, error_keys(history))}"
