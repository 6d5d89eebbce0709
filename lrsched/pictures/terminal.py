"""A history as a drawing of characters."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from itertools import accumulate, groupby, pairwise
from typing import Any, NamedTuple

import numpy as np

from lrsched.core.history import History
from lrsched.core.measure import COMMON, ErrorMeasure
from lrsched.core.plain import printable
from lrsched.errors import missing_extra
from lrsched.pictures.run import NOTHING, Run
from lrsched.pictures.scale import Scale, scale_of, spans_decades, thinned
from lrsched.report.text import width_of

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
    epochs = scale_of((min(history) - 0.5, max(history) + 0.5), whole=True)
    each, rest = divmod(height, len(panels))
    heights = [each] * (len(panels) - 1) + [each + rest]
    labels = max((len(label) for panel in panels for _, label in panel.scale.ticks(_ticks_of(each))), default=0)
    lines: list[str] = []
    with _only_figure() as figure:
        for panel, rows in zip(panels, heights, strict=True):
            lines += (
                _cut(_ascii(panel.title) if plain else panel.title, width),
                *_drawn(figure, panel, epochs, labels, (width, rows - 1), _MARKERS[plain]),
            )
    text = "\n".join(line.rstrip() for line in lines)
    return _ascii(text.translate(_PLAIN_FRAME)) if plain else text


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


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
    """A curve: its title, where values stand, the points of the line, and epochs whose value is at the upper edge."""

    title: str
    scale: Scale
    points: list[tuple[float, float]]
    above: list[int]


def _error_panel(key: str, errors: Mapping[int, float]) -> _Panel:
    finite = [value for value in errors.values() if math.isfinite(value)]
    above = [epoch for epoch, value in errors.items() if not math.isfinite(value)]
    title = printable(key) + " (x: NaN or infinity)" * bool(above)
    return _Panel(title, scale_of(finite or [0.0], logarithmic=spans_decades(finite)), list(errors.items()), above)


def _rate_panel(rates: Mapping[int, float]) -> _Panel:
    """Each rate from the beginning of its epoch to the next one's."""
    starts = [*(epoch - 0.5 for epoch in rates), max(rates) + 0.5]
    steps = [(x, rate) for rate, ends in zip(rates.values(), pairwise(starts), strict=True) for x in ends]
    return _Panel("learning rate", scale_of(rates.values(), logarithmic=True), steps, [])


def _drawn(figure: Any, panel: _Panel, epochs: Scale, labels: int, size: tuple[int, int], marker: str) -> list[str]:
    """The lines of a panel, without its title."""
    width, rows = size
    figure.clear()
    figure.theme("colorless").plot_size(width, rows)
    figure.axes(False, axis="x", side="upper").axes(False, axis="y", side="right")
    left, below = figure.ruler("y"), figure.ruler("x")
    left.lim(-_MARGIN, 1 + _MARGIN)
    below.lim(0, 1)
    for ruler, ticks, room in (
        (left, panel.scale.ticks(_ticks_of(rows)), labels),
        (below, epochs.ticks(max(2, width // 12)), 0),
    ):
        ruler.ticks([where for where, _ in ticks], [label.rjust(room) for _, label in ticks])
    x, y = epochs.at(x for x, _ in panel.points), panel.scale.at(value for _, value in panel.points)
    for part in _unbroken(*thinned(x, y, 2 * width)):
        figure.draw(figure.signal(*part, marker=marker).lines())
    if panel.above:
        x, _ = thinned(epochs.at(panel.above), epochs.at(panel.above), 2 * width)
        figure.draw(figure.signal(x.tolist(), [1 + _MARGIN] * len(x), marker="x"))
    lines: list[str] = figure.build().string(colorless=True).splitlines()
    return lines


def _ticks_of(rows: int) -> int:
    return max(2, min(6, rows // 3))


def _unbroken(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[list[float], list[float]]]:
    """The stretches of a line between its NaNs."""
    points = zip(x.tolist(), y.tolist(), strict=True)
    for there, stretch in groupby(points, lambda point: not math.isnan(point[1])):
        if there:
            xs, ys = zip(*stretch, strict=True)
            yield list(xs), list(ys)


def _cut(text: str, columns: int) -> str:
    """As much of a text as has room; characters of East Asia take two columns."""
    ends = accumulate(map(width_of, text))
    return "".join(character for character, end in zip(text, ends, strict=True) if end <= columns)
