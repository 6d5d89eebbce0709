"""``lrsched follow``: a history while a training writes it."""

import contextlib
import gc
import time
from collections.abc import Iterator
from typing import Annotated, Any

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from lrsched.cli.options import AsJson, Where
from lrsched.cli.output import say
from lrsched.cli.parameters import option
from lrsched.cli.show import Key
from lrsched.core.history import History
from lrsched.core.measure import COMMON
from lrsched.core.plain import dumps, printable
from lrsched.core.series import finished
from lrsched.errors import FormatError, NotWrittenError, StorageError
from lrsched.report.tables import about_key, as_data, change_in_words, history_table
from lrsched.report.text import cell, wrapped
from lrsched.storage.opening import open_storage, read
from lrsched.storage.sqlite import SqliteStorage

_NEW_OBJECTS = 700
"""After how many the garbage collector runs: as often as it usually does, since this command runs for days."""

_PATIENCE = 10.0
"""For how many seconds, or looks if that is longer, a file may be broken: a writer that does not rename breaks it."""

Interval = Annotated[float, option("--interval", metavar="SECONDS", type=click.FloatRange(0.01, 86400))]
Until = Annotated[int | None, option("--until", metavar="EPOCH", type=click.IntRange(1))]


def follow(
    file: Where, key: Key = None, interval: Interval = 1.0, until: Until = None, *, as_json: AsJson = False
) -> None:
    """Show a history and keep it current while a training run writes it.

    Ctrl-C ends it. The file need not exist yet. A terminal shows a table of the newest epochs. Elsewhere, each new or
    changed epoch becomes a line; with --json, a JSON object on a line of its own. In a database with one run, the
    command stays with that run, even if others are added.

    Args:
        key: The error to show, or the meta value if no error has that name. By default, each epoch shows the error
            that counts.
        interval: How long to wait before looking again.
        until: Stop when this or a later epoch is finished.

    Examples:
        lrsched follow learning_rates
        lrsched follow learning_rates --until 30 --json
    """
    histories = _histories(file, interval, until)
    gc.set_threshold(_NEW_OBJECTS)
    with contextlib.suppress(KeyboardInterrupt):
        screen = Console(highlight=False)
        if as_json or not screen.is_terminal or screen.is_dumb_terminal:
            for epoch in _news(histories, key):
                say(dumps(epoch, indent=None) if as_json else _line(epoch))
        else:
            _show_live(screen, histories, file, key)


def _histories(where: str, interval: float, until: int | None) -> Iterator[History]:
    """The history, and again whenever it is another one; the empty one while there is nothing yet."""
    storage, broken = open_storage(where), 0
    last: History | None = None
    while True:
        history = last
        try:
            if isinstance(storage, SqliteStorage):
                storage = storage.named()
            history, broken = read(storage), 0
        except NotWrittenError:  # whoever begins anew, or does not rename, takes away what was there
            history = last or History()
        except (FormatError, StorageError):
            broken += 1
            if broken >= max(1.0, 1.0 / interval) * _PATIENCE:
                raise
        if history is not None and history != last:
            last = history
            yield history
        if until is not None and max(finished(last or History()), default=0) >= until:
            return
        time.sleep(interval)


def _news(histories: Iterator[History], key: str | None) -> Iterator[dict[str, Any]]:
    """Each epoch as plain data, when it is new or another one than before."""
    known: dict[int, dict[str, Any]] = {}
    for history in histories:
        now = {epoch["epoch"]: epoch for epoch in as_data(history, key, COMMON)}
        yield from (epoch for number, epoch in now.items() if known.get(number) != epoch)
        known = now


def _line(epoch: dict[str, Any]) -> str:
    parts = [f"epoch {epoch['epoch']}"]
    if epoch["learning_rate"] is not None:
        parts.append(f"learning rate {epoch['learning_rate']!r} {change_in_words(epoch['change'])}".rstrip())
    if epoch["error_key"].key is not None:
        parts.append(f"{epoch['error_key'].key} {cell(epoch['error_value'])}")
    return ", ".join(parts if epoch["finished"] else [*parts, "not finished"])


def _show_live(screen: Console, histories: Iterator[History], file: str, key: str | None) -> None:
    """Show the newest epochs, as many as fit, whatever size the terminal has at the time."""
    title, epochs = f"{file}: reading", list[dict[str, Any]]()

    def drawn() -> Text:
        width, height = screen.size
        for first in range(max(0, len(epochs) - height), len(epochs)):
            newest = epochs[first:]
            lines = [line for text in (title, *about_key(newest, key)) for line in wrapped(printable(text), width)]
            lines += history_table(newest, exact=False).lines(width)
            if len(lines) < height or len(newest) == 1:
                return Text("\n".join(lines))
        return Text(printable(title))

    with Live(get_renderable=drawn, console=screen):
        for history in histories:
            title = file if history else f"{file}: waiting for the first save"
            epochs = [*as_data(history, key, COMMON)]
