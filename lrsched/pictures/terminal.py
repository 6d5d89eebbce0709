"""A history as a drawing of characters."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from lrsched.core.history import History
from lrsched.core.measure import COMMON, ErrorMeasure
from lrsched.core.plain import printable
from lrsched.errors import missing_extra
from lrsched.pictures.run import NOTHING, Run
from lrsched.pictures.scale import Scale, scale_of, stretches, thinned
from lrsched.report.text import wrapped

_LEAST_WIDTH, _LEAST_HEIGHT = 40, 8
_MARGIN = 0.02  # of an axis, above and below


def text_of(
    history: History,
    width: int = 80,
    height: int = 24,
    key: str | None = None,
    measure: ErrorMeasure = COMMON,
    *,
    plain: bool = False,
) -> str:
    """Error and rate (logarithmic) over the epochs, in characters without colours.

    Args:
        history: What to draw.
        width: How many columns a line has at most; at least 40 are used.
        height: How many lines; at least 8 are used.
        key: The error to draw; by default the one that counts in most epochs. See `lrsched.pictures.run.Run`.
        measure: Which error counts.
        plain: Use no other characters than those of ASCII, coarser.

    Returns:
        Lines without spaces at their ends.

    Raises:
        MissingExtraError: plotext is not installed.

    Examples:
        >>> from lrsched import EpochData
        >>> print(text_of(History({1: EpochData(learning_rate=0.1), 2: EpochData(learning_rate=0.05)}), 40, 8))
        learning rate
         0.1┤⠠⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⢤
            │                 ⢸
            │                 ⢸
            │                 ⢸
        0.05┤                 ⠘⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠂
            └─────────┬───────────────┬─────────
                      1               2
    """
    run = Run("", history, keys=() if key is None else (key,), measure=measure)
    panels = [_error_panel(name, errors) for name, errors in run.errors.items()]
    panels += [_rate_panel(rates) for rates in [run.rates] if rates]
    if not panels:
        return NOTHING
    width, height = max(width, _LEAST_WIDTH), max(height, _LEAST_HEIGHT)
    epochs = scale_of((min(history) - 0.5, max(history) + 0.5))
    each, rest = divmod(height, len(panels))
    labels = max(len(label) for panel in panels for label in ("", *panel.scale.ticks(_ticks_of(each - 1))[1]))
    lines: list[str] = []
    with _only_figure() as figure:
        for panel in panels:
            title = panel.title.encode("ascii", "backslashreplace").decode() if plain else panel.title
            rows = each + rest * (panel is panels[-1]) - 1
            lines += wrapped(title, width)[:1] + _drawn(figure, panel, epochs, labels, (width, rows), _MARKERS[plain])
    text = "\n".join(line.rstrip() for line in lines)
    return text.translate(_PLAIN_FRAME) if plain else text


_MARKERS = ("braille", "*")
_PLAIN_FRAME = str.maketrans("┤│└─┬", "+|+-+")


@contextlib.contextmanager
def _only_figure() -> Iterator[Any]:
    """Plotext has but one figure, as large as the terminal: for a while it is ours, and of any size."""
    try:
        from plotext import figure, terminal  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise missing_extra("plotext", "plot") from error
    terminal.limit(False, False)
    try:
        yield figure
    finally:
        figure.clear()
        terminal.limit()


class _Panel(NamedTuple):
    """A curve: its title, where values stand, and the points of its line. A value without a place is marked above."""

    title: str
    scale: Scale
    epochs: list[float]
    values: list[float]


def _error_panel(key: str, errors: Mapping[int, float]) -> _Panel:
    values = list(errors.values())
    title = printable(key) + " (x: NaN or infinity)" * (not all(map(math.isfinite, values)))
    return _Panel(title, scale_of(values, logarithmic=None), list(errors), values)


def _rate_panel(rates: Mapping[int, float]) -> _Panel:
    """Each rate from the beginning of its epoch to the next one's."""
    ends = np.repeat([*(epoch - 0.5 for epoch in rates), max(rates) + 0.5], 2)[1:-1].tolist()
    values = [rate for rate in rates.values() for _ in range(2)]
    return _Panel("learning rate", scale_of(values, logarithmic=True), ends, values)


def _drawn(figure: Any, panel: _Panel, epochs: Scale, labels: int, size: tuple[int, int], marker: str) -> list[str]:
    """The lines of a panel, without its title."""
    width, rows = size
    figure.clear()
    figure.theme("colorless").plot_size(width, rows)
    figure.axes(False, axis="x", side="upper").axes(False, axis="y", side="right")
    left, below = figure.ruler("y"), figure.ruler("x")
    left.lim(-_MARGIN, 1 + _MARGIN)
    below.lim(0, 1)
    places, names = panel.scale.ticks(_ticks_of(rows))
    left.ticks(places, [name.rjust(labels) for name in names])
    below.ticks(*epochs.ticks(max(2, width // 12), least_step=1.0))
    x, y = thinned(epochs.at(panel.epochs), panel.scale.at(panel.values), 2 * width)
    for part in stretches(y):
        figure.draw(figure.signal(x[part].tolist(), y[part].tolist(), marker=marker).lines())
    above = x[np.isnan(y)].tolist()
    if above:
        figure.draw(figure.signal(above, [1 + _MARGIN] * len(above), marker="x"))
    lines: list[str] = figure.build().string(colorless=True).splitlines()
    return lines


def _ticks_of(rows: int) -> int:
    return max(2, min(6, rows // 3))
