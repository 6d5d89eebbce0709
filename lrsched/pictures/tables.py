"""Histories as rows of text, for the command line and for pages."""

from collections.abc import Iterator, Sequence
from typing import Any

from lrsched.core.epoch_data import META_PREFIX
from lrsched.core.history import History
from lrsched.core.measure import RETURNNS, ErrorKey
from lrsched.core.series import error_series, finished, meta_series
from lrsched.formats.plain import Row, cell


def as_table(epochs: Sequence[dict[str, Any]], key: str | None) -> tuple[list[str], list[Row]]:
    """Headings and rows of epochs; there is a column for what is not finished only where something is not."""
    headings = [">epoch", ">learning rate", "change", *((">error", "error key") if key is None else (">value", "key"))]
    if not all(shown["finished"] for shown in epochs):
        headings.append("")
    return headings, [_row(shown)[: len(headings)] for shown in epochs]


def as_data(history: History, key: str | None) -> Iterator[dict[str, Any]]:
    """Each epoch as plain data; ``change`` is the ratio to the rate before, or None."""
    before: float | None = None
    done, values = finished(history), _series(history, key)
    for epoch, data in history.items():
        rate = data.learning_rate
        chosen, value = values.get(epoch, (_NOTHING, None))
        yield {
            "epoch": epoch,
            "finished": epoch in done,
            "learning_rate": rate,
            "change": rate / before if rate is not None and before and rate != before else None,
            "error_key": chosen,
            "error_value": value,
            "error": data.error,
            "meta": data.meta,
        }
        before = before if rate is None else rate


_NOTHING = ErrorKey(None, "the epoch does not have it")


def _series(history: History, key: str | None) -> dict[int, tuple[ErrorKey, Any]]:
    """What to show of each epoch: what it is and its value. Epochs without a value are left out."""
    if key is None:
        counting = ((epoch, data, RETURNNS.key_of(data)) for epoch, data in finished(history).items())
        return {epoch: (chosen, data.error[chosen.key]) for epoch, data, chosen in counting if chosen.key is not None}
    values = error_series(history, key)
    chosen = ErrorKey(key, "the error of that name")
    if not values:
        name = key.removeprefix(META_PREFIX)
        values, chosen = meta_series(history, name), ErrorKey(META_PREFIX + name, "the meta value of that name")
    return {epoch: (chosen, value) for epoch, value in values.items()}


def change_in_words(change: float | None) -> str:
    """What a rate was multiplied by.

    Examples:
        >>> change_in_words(0.5), change_in_words(None)
        ('down x0.5', '')
    """
    return "" if change is None else f"{'down' if change < 1 else 'up'} x{change:.4g}"


def _row(shown: dict[str, Any]) -> Row:
    change, chosen = shown["change"], shown["error_key"].key
    return (
        str(shown["epoch"]),
        "" if shown["learning_rate"] is None else repr(shown["learning_rate"]),
        change_in_words(change),
        "" if chosen is None else cell(shown["error_value"]),
        chosen or "",
        "" if shown["finished"] else "not finished",
    )
