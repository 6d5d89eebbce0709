"""Histories as tables, for the command line and for pages."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from lrsched.core.epoch_data import META_PREFIX
from lrsched.core.history import History
from lrsched.core.measure import CONFIGURED, ErrorKey, ErrorMeasure
from lrsched.core.series import error_series, finished, meta_series
from lrsched.report.text import Table, column, is_numbers


def history_table(epochs: Sequence[dict[str, Any]], *, exact: bool) -> Table:
    """Epochs as a table; see `as_data`. Only where the error differs between epochs is there a column for its name."""
    names = [shown["error_key"].key or "" for shown in epochs]
    values = [shown["error_value"] for shown in epochs]
    several = len({*names} - {""}) != 1
    return Table(
        [
            (">epoch", [str(shown["epoch"]) for shown in epochs]),
            (">learning rate", column([shown["learning_rate"] for shown in epochs], exact=exact)),
            ("change", [change_in_words(shown["change"], exact=exact) for shown in epochs]),
            (">" * is_numbers(values) + ("error" if several else max(names)), column(values, exact=exact)),
            ("error key", names if several else [""]),
            ("", ["" if shown["finished"] else "not finished" for shown in epochs]),
        ]
    )


def about_key(epochs: Sequence[dict[str, Any]], key: str | None) -> list[str]:
    """Which errors a table of epochs shows, and why these.

    Args:
        epochs: See `as_data`.
        key: The name that somebody chose.
    """
    chosen = dict.fromkeys(shown["error_key"] for shown in epochs if shown["error_key"].key is not None)
    texts = [f"{each.key} ({_origin(each.reason) if key is None else 'given with --key'})" for each in chosen]
    reasons = dict.fromkeys(shown["error_key"].reason for shown in epochs if shown["finished"])
    none = [f"error: none; {' and '.join(reasons)}; --key KEY shows one"] if reasons and key is None else []
    return [f"error: {', or '.join(texts)}"] if texts else none


def _origin(reason: str) -> str:
    return "configured" if reason == CONFIGURED else f"picked: {reason}"


def as_data(history: History, key: str | None, measure: ErrorMeasure) -> Iterator[dict[str, Any]]:
    """Each epoch as plain data; ``change`` is the ratio to the rate before, or None."""
    before: float | None = None
    done, values = finished(history), _series(history, key, measure)
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


def _series(history: History, key: str | None, measure: ErrorMeasure) -> dict[int, tuple[ErrorKey, Any]]:
    """What to show of each epoch: what it is and its value. Epochs without a value are left out."""
    if key is None:
        counting = ((epoch, data, measure.key_of(data)) for epoch, data in finished(history).items())
        return {epoch: (chosen, data.error.get(chosen.key)) for epoch, data, chosen in counting}  # type: ignore[arg-type]  # or None
    values = error_series(history, key)
    chosen = ErrorKey(key, "the error of that name")
    if not values:
        name = key.removeprefix(META_PREFIX)
        values, chosen = meta_series(history, name), ErrorKey(META_PREFIX + name, "the meta value of that name")
    return {epoch: (chosen, value) for epoch, value in values.items()}


def change_in_words(change: float | None, *, exact: bool = False) -> str:
    """What a rate was multiplied by; no number where that is too large for one.

    Examples:
        >>> change_in_words(0.5), change_in_words(None)
        ('down x0.5', '')
    """
    if change is None:
        return ""
    factor = "" if change == math.inf else f" x{column([1.0, change], exact=exact)[1].removesuffix('.0')}"
    return f"{'down' if change < 1 else 'up'}{factor}"
