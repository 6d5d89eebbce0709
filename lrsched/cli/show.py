"""``lrsched show``: a history as a table."""

import shutil
import sys
from collections.abc import Iterator
from typing import Annotated

from typer import Option

from lrsched.cli.options import ScheduleOptions, Where, did_you_mean, error_keys, read_history
from lrsched.cli.output import Answer, Part, Printing
from lrsched.core.history import History
from lrsched.core.measure import ErrorMeasure
from lrsched.core.schedule import measures
from lrsched.errors import ArgumentError
from lrsched.report.tables import about_key, as_data, history_table

Key = Annotated[str | None, Option("--key", "-k", metavar="KEY")]


def show(
    file: Where,
    printing: Printing,
    options: ScheduleOptions,
    key: Key = None,
    plot: Annotated[bool, Option("--plot")] = False,  # noqa: FBT002  typer's way
) -> Answer:
    """Show a history: its epochs, their rates with the changes marked, and the error that counts.

    With a schedule, the error that counts is the one that it compares. Epochs without errors are marked as not
    finished. Exit 1 if no epoch has KEY.

    Args:
        key: The error to show, or the meta value if no error has that name; by default in each epoch the error that
            counts.
        plot: Draw rate and error in the terminal instead of the table.
    """
    if plot and printing.as_json:
        raise ArgumentError("--plot draws and --json does not; leave out one of them")
    history = read_history(file)
    epochs = list(as_data(history, key, _measure(options, history)))
    missing = key is not None and all(shown["error_key"].key is None for shown in epochs)
    keys = error_keys(history).union(*(data.meta for data in history.values())) if missing else ()
    names = ("epoch", "finished", "learning_rate", "change", "error_value")

    def shown(exact: bool) -> Iterator[Part]:  # noqa: FBT001  as in `Answer`
        yield file
        if plot:
            yield _drawing(history, key)
        else:
            yield from about_key(epochs, key)
            yield history_table(epochs, exact=exact)

    return Answer(
        shown,
        document=lambda: {"file": file, "epochs": epochs},
        columns=lambda: (
            {name: [each[name] for each in epochs] for name in names}
            | {"error_key": [each["error_key"].key for each in epochs]}
        ),
        error=f"no epoch has {key!r}{did_you_mean(key or '', keys)} @ {file}" if missing else None,
    )


def _measure(options: ScheduleOptions, history: History) -> ErrorMeasure:
    """What says which error counts: the schedule; RETURNN's choice where there is none, or where it says nothing."""
    own: tuple[ErrorMeasure, ...] = ()
    if options.any:
        from lrsched.cli.scheduling import recipe

        own = measures(recipe(options).schedule(history))
    return own[0] if own else ErrorMeasure(stand_ins="returnn", mode=options.direction)


def _drawing(history: History, key: str | None) -> list[str]:
    """The lines of a drawing, as large as the terminal together with the next prompt."""
    from lrsched.pictures.terminal import text_of

    columns, lines = shutil.get_terminal_size()
    plain = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    return text_of(history, columns, lines - 2, key, plain=plain).splitlines()
