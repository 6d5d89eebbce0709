"""``lrsched show`` and ``best``: a history as a table, and its best epochs."""

import shutil
import sys
from typing import Annotated

import click

from lrsched.cli.options import HigherIsBetter, ScheduleOptions, Where, did_you_mean, error_keys, read_history
from lrsched.cli.output import Answer, Part, Printing
from lrsched.cli.parameters import option
from lrsched.core.history import History
from lrsched.core.measure import ErrorMeasure
from lrsched.core.schedule import measure_shown
from lrsched.core.series import best_epochs, error_series, finished
from lrsched.errors import ArgumentError
from lrsched.report.tables import about_key, as_data, history_table
from lrsched.report.text import table

Key = Annotated[str | None, option("--key", "-k", metavar="KEY")]
Number = Annotated[int, option("-n", metavar="N", type=click.IntRange(1))]
Plot = Annotated[bool, option("--plot", is_flag=True)]


def show(file: Where, printing: Printing, options: ScheduleOptions, key: Key = None, *, plot: Plot = False) -> Answer:
    """Show a history: its epochs, rates and errors, with each change of the rate marked.

    With a schedule, the error in the table is the one that the schedule compares. An epoch without errors is marked as
    not finished. The exit code is 1 if no epoch has KEY.

    Args:
        key: The error to show, or the meta value if no error has that name. By default, each epoch shows the error
            that counts.
        plot: Draw rate and error in the terminal instead of the table.

    Examples:
        lrsched show learning_rates
        lrsched show learning_rates --key train_error --plot
    """
    if plot and (printing.as_json or printing.output):
        raise ArgumentError("--plot draws in the terminal; leave it out, or --json and --output")
    history = read_history(file)
    measure = _measure(options, history)
    epochs = list(as_data(history, key, measure))
    drawing: list[Part] = [_drawing(history, key, measure)] if plot else []
    missing = key is not None and all(shown["error_key"].key is None for shown in epochs)
    keys = error_keys(history).union(*(data.meta for data in history.values())) if missing else ()
    names = ("epoch", "finished", "learning_rate", "change", "error_value")

    return Answer(
        lambda exact: [file, *(drawing or [*about_key(epochs, key), history_table(epochs, exact=exact)])],
        document=lambda: {"file": file, "epochs": epochs},
        columns=lambda: (
            {name: [each[name] for each in epochs] for name in names}
            | {"error_key": [each["error_key"].key for each in epochs]}
        ),
        error=f"no epoch has {key!r}{did_you_mean(key or '', keys)} @ {file}" if missing else None,
    )


def _measure(options: ScheduleOptions, history: History) -> ErrorMeasure:
    """The measure that says which error counts: the schedule's, or the common one where no schedule names one."""
    if not options.any:
        return options.measure
    from lrsched.cli.scheduling import recipe

    return measure_shown(recipe(options).schedule(history)) or options.measure


def _drawing(history: History, key: str | None, measure: ErrorMeasure) -> list[str]:
    """The lines of a drawing, as large as the terminal together with the next prompt."""
    from lrsched.pictures.terminal import text_of

    columns, lines = shutil.get_terminal_size()
    plain = not (getattr(sys.__stdout__, "encoding", None) or "utf-8").lower().startswith("utf")
    return text_of(history, columns, lines - 2, key, measure, plain=plain).splitlines()


def best(file: Where, key: Key = None, n: Number = 1, *, higher_is_better: HigherIsBetter = False) -> Answer:
    """Show the epochs with the best error KEY.

    The best epoch comes first; on ties, the earlier one. The lowest error is the best, unless --higher-is-better is
    set. Epochs where KEY is missing or NaN are left out. The exit code is 1 if no epoch is left.

    Args:
        key: The error to compare. Required.
        n: How many epochs to show.

    Examples:
        lrsched best learning_rates --key dev_error -n 3
    """
    history = read_history(file)
    if key is None:
        raise ArgumentError(f"no error to compare: pass --key KEY{did_you_mean('', error_keys(history))}")
    found = best_epochs(history, key, n, "max" if higher_is_better else "min")
    rows = [{"epoch": epoch, "value": value, "learning_rate": history[epoch].learning_rate} for epoch, value in found]
    columns = {name: [row[name] for row in rows] for name in ("epoch", "value", "learning_rate")}
    headings = (">epoch", f">{key}", ">learning rate")
    return Answer(
        lambda exact: [file, table(headings, columns.values(), exact=exact)] if rows else [],
        lambda: {"file": file, "key": key, "epochs": rows},
        lambda: columns,
        error=None if rows else f"{_why_none(history, key)} @ {file}",
    )


def _why_none(history: History, key: str) -> str:
    if not finished(history):
        return "no epoch is finished"
    if error_series(history, key):
        return f"{key!r} is NaN in every epoch that has it"
    return f"no epoch has the error {key!r}{did_you_mean(key, error_keys(history))}"
