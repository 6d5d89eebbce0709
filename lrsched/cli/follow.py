"""``lrsched follow``: a history while a training writes it."""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from lrsched.cli.options import AsJson, Where
from lrsched.cli.output import cell, console, printable, say, say_json, table_of
from lrsched.cli.show import Key, as_data, as_table, change_in_words
from lrsched.core.history import History
from lrsched.core.series import finished
from lrsched.errors import FormatError, NotWrittenError
from lrsched.storage.opening import read

Interval = Annotated[
    float,
    typer.Option("--interval", metavar="SECONDS", min=0.01, max=86400, help="How long to wait before looking again."),
]
Until = Annotated[int | None, typer.Option("--until", metavar="EPOCH", min=1, help="Stop when this epoch is finished.")]

_PATIENCE = 10
"""How often in a row a file may be broken before that is told: a writer that does not rename breaks it for moments."""

_LINES_AROUND = 6  # of the screen, around the rows of the table


def follow(
    file: Where,
    key: Key = None,
    interval: Interval = 1.0,
    until: Until = None,
    as_json: AsJson = False,  # noqa: FBT002  typer's way
) -> None:
    """Show a history and keep it current while a training writes it. Ctrl-C ends it.

    The file need not be there yet. In a terminal it is a table of the newest epochs; elsewhere a line for each epoch
    when it is new or changes; with --json each of these is a JSON object on a line of its own.
    """
    histories = _histories(file, interval, until)
    try:
        if as_json or not console().is_terminal:
            for epoch in _news(histories, key):
                if as_json:
                    say_json(epoch, indent=None)
                else:
                    say(_line(epoch))
        else:
            _show_live(histories, file, key)
    except KeyboardInterrupt:
        return


def _histories(where: str, interval: float, until: int | None) -> Iterator[History]:
    """The history, and again whenever it is another one; the empty one while there is nothing yet."""
    last = History()
    broken = 0
    yield last
    while until is None or until not in finished(last):
        try:
            history, broken = read(where), 0
        except NotWrittenError:
            history = History()
        except FormatError:
            broken += 1
            if broken >= _PATIENCE:
                raise
            history = last
        if history == last:
            time.sleep(interval)
        else:
            last = history
            yield history


def _news(histories: Iterator[History], key: str | None) -> Iterator[dict[str, Any]]:
    """Each epoch as plain data, when it is new or another one than before."""
    known: dict[int, dict[str, Any]] = {}
    for history in histories:
        now = {epoch["epoch"]: epoch for epoch in as_data(history, key)}
        yield from (epoch for number, epoch in now.items() if known.get(number) != epoch)
        known = now


def _line(epoch: dict[str, Any]) -> str:
    parts = [f"epoch {epoch['epoch']}"]
    if epoch["learning_rate"] is not None:
        parts.append(f"learning rate {epoch['learning_rate']!r} {change_in_words(epoch['change'])}".rstrip())
    if epoch["error_key"].key is not None:
        parts.append(f"{epoch['error_key'].key} {cell(epoch['error_value'])}")
    return ", ".join(parts if epoch["finished"] else [*parts, "not finished"])


def _show_live(histories: Iterator[History], file: str, key: str | None) -> None:
    terminal = console()
    with Live(console=terminal, auto_refresh=False) as live:
        for history in histories:
            epochs = list(as_data(history, key))[-max(1, terminal.height - _LINES_AROUND) :]
            title = Text(printable(file if history else f"{file}: waiting for the first save"))
            live.update(Group(title, table_of(*as_table(epochs, key))) if history else title, refresh=True)
