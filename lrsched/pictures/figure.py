"""Histories, and what schedules say of them, as a figure of matplotlib: to be printed, or put into a page.

Every curve is drawn on axes that reach from 0 to 1, see `lrsched.pictures.scale`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, final

import attrs
import numpy as np

from lrsched.core.decision import Action
from lrsched.errors import broken_law
from lrsched.pictures.look import GREY, LARGE, POINTS, SMALL, Style, fitting, look, style, width_of, wrapped
from lrsched.pictures.run import NOTHING, Mark, Run, marks
from lrsched.pictures.scale import Scale, scale_of, spans_decades, thinned
from lrsched.simulation.replaying import Replay, ReplayedEpoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

_Series = Mapping[int, float]
_Draw = Callable[["Axes", "Sequence[_Curve]", Scale], None]

_WIDTH, _TITLE, _PANEL, _BELOW, _LINE = 8.0, 0.28, 2.1, 0.5, 0.168  # inches: a figure's width, the heights of its parts
_BETWEEN_REASONS = 10.5 / (0.8 * _WIDTH * POINTS)  # of the axis: a line of small letters
_MOST_SYMBOLS, _FEW_SYMBOLS, _STRIPES = 30, 8, 1000
_LONG_NAME = 20  # letters; a longer name of an axis is written smaller
_TOP, _BOTTOM = 1.06, -0.06  # of an axis whose values stand from 0 to 1


@final
@attrs.frozen
class _Curve:
    """What one line of the legend speaks of.

    Attributes:
        label: What the legend says.
        style: How it is drawn.
        key: Of which error.
        errors: Epoch -> error.
        rates: Epoch -> rate.
        is_recorded: Whether the rates are the recorded ones.
        other_from: From this epoch on they are not; None if they are everywhere.
    """

    label: str
    style: Style
    key: str = ""
    errors: _Series = attrs.field(factory=dict)
    rates: _Series = attrs.field(factory=dict)
    is_recorded: bool = True
    other_from: int | None = None


def figure_of(runs: Sequence[Run]) -> "Figure":
    """Errors and rates (logarithmic) over the epochs, with the changes of the rate marked.

    Of a single run, the changes have their reasons above them, as far as there is room: the largest first. The rates
    of a schedule are dashed from the epoch on where they are not the recorded ones, and the legend says what a free
    replay is worth. Errors that are not finite stand at the edge.

    Args:
        runs: One or several.

    Returns:
        A figure that belongs to no window; `image` makes bytes of it.

    Raises:
        ArgumentError: There is no run.
        MissingExtraError: matplotlib is not installed.

    Examples:
        >>> from lrsched import EpochData, History
        >>> history = History({e: EpochData(learning_rate=0.1 / e, error={"dev_score": 1.0}) for e in (1, 2, 3)})
        >>> figure = figure_of([Run("a", history)])
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['dev_score', 'learning rate']
    """
    if not runs:
        raise broken_law("runs", "at least one run", runs, "as in [Run('a', history)]")
    with look():
        curves = list(_curves(runs))
        only = runs[0] if len(runs) == 1 else None
        draw: list[_Draw] = [_draw_errors] * any(curve.errors for curve in curves)
        draw += [partial(_draw_rates, list(_quiet(only)))] * any(curve.rates for curve in curves)
        if not draw:
            return _empty(runs)
        return _drawn(runs, curves, draw, marks(only) if only else [])


def _drawn(runs: Sequence[Run], curves: Sequence[_Curve], draw: Sequence[_Draw], changes: Sequence[Mark]) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415  an extra

    epochs = _axis_of_epochs(curves)
    figure = Figure()
    panels = [figure.add_subplot(len(draw), 1, number + 1) for number in range(len(draw))]
    for axes, draw_curves in zip(panels, draw, strict=True):
        axes.set(xlim=(0, 1), ylim=(_BOTTOM, _TOP), yticks=[])
        axes.set_xticks(*_ticks(epochs, 9))
        axes.tick_params(labelbottom=axes is panels[-1])
        draw_curves(axes, curves, epochs)
    panels[-1].set_xlabel("epoch")
    _draw_changes(panels, changes, epochs)
    entries = [_entry(curve) for curve in curves if curve.errors or curve.rates]
    entries += [line for axes in panels for line in axes.lines if not str(line.get_label()).startswith("_")]
    _arrange(figure, panels, runs, entries if len(entries) > 1 or len(runs) > 1 else [])
    return figure


def _arrange(figure: "Figure", panels: Sequence["Axes"], runs: Sequence[Run], entries: "Sequence[Line2D]") -> None:
    """Give everything its place: from top to bottom the title, the reasons, the panels, the legend."""
    reasons = _widest(text for axes in panels for text in axes.texts)
    numbers = _widest(label for axes in panels for label in axes.get_yticklabels())
    margin = 8 + _widest(panels[-1].get_xticklabels()[-1:]) / 2
    lines = sum(1 + str(entry.get_label()).count("\n") for entry in entries)
    above, below = _TITLE + reasons / POINTS + 0.06, _BELOW + _LINE * lines
    height = above + _PANEL * len(panels) + below
    figure.set_size_inches(_WIDTH, height)
    figure.subplots_adjust(
        left=(numbers + 32) / (_WIDTH * POINTS),
        right=1 - margin / (_WIDTH * POINTS),
        top=1 - above / height,
        bottom=below / height,
        hspace=0.08,
    )
    figure.align_ylabels(panels)
    _title(figure, runs, height)
    if entries:
        figure.legend(
            handles=entries,
            loc="upper left",
            bbox_to_anchor=(0.0, (below - _BELOW) / height),
            frameon=False,
            handlelength=3.4,
            borderaxespad=0.0,
            borderpad=0.4,
            labelspacing=0.3,
        )


def _widest(texts: "Iterable[Text]") -> float:
    """How wide the widest of some small texts is, in points; 0 where there is none."""
    return max((width_of(text.get_text(), SMALL) for text in texts), default=0.0)


def _empty(runs: Sequence[Run]) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415  an extra

    figure = Figure(figsize=(_WIDTH, 1.0))
    _title(figure, runs, 1.0)
    figure.text(0.5, 0.4, NOTHING, ha="center", va="center")
    return figure


def _title(figure: "Figure", runs: Sequence[Run], height: float) -> None:
    title = runs[0].name if len(runs) == 1 else f"{len(runs)} trainings"
    shown = fitting(title, _WIDTH * POINTS * 0.94, LARGE)
    figure.text(0.01, 1 - 0.06 / height, shown, ha="left", va="top", fontsize=LARGE)


def _ticks(scale: Scale, most: int) -> tuple[list[float], list[str]]:
    ticks = scale.ticks(most)
    return [where for where, _ in ticks], [label for _, label in ticks]


def _curves(runs: Sequence[Run]) -> Iterator[_Curve]:
    """What is drawn, in the order of the legend."""
    number = 0
    several_keys = len({key for run in runs for key in run.errors}) > 1
    for run in runs:
        prefix = f"{run.name}: " if len(runs) > 1 else ""
        (key, errors), *others = list(run.errors.items()) or [("", {})]
        label = (run.name if prefix else "recorded rate") + (f", {key}" if several_keys and key else "")
        found = [_Curve(label, style(0), key, errors, run.rates)]
        found += [_Curve(f"{prefix}{other}", style(0), other, series) for other, series in others]
        for name, replay in _schedules(run):
            rates = {step.epoch: step.learning_rate for step in replay}
            label, apart = f"{prefix}{name}: {_worth(replay)}", replay.differs_from
            found.append(_Curve(label, style(0), rates=rates, is_recorded=False, other_from=apart))
        yield from (attrs.evolve(curve, style=style(number + i)) for i, curve in enumerate(found))
        number += len(found)


def _schedules(run: Run) -> Iterator[tuple[str, Replay]]:
    """The schedules whose rates are drawn: those compared, and the marked one where it does not give the recorded."""
    if run.replayed is not None and run.replayed.differs_from is not None:
        yield "the schedule", run.replayed
    yield from run.compared.items()


def _worth(replay: Replay) -> str:
    if replay.note is not None:
        return f"free replay; {replay.note}"
    return (
        f"asked with the recorded past; {len(replay.differing)} of {len(replay)} rates are not the recorded ones, the "
        f"first at epoch {replay.differs_from}"
    )


def _axis_of_epochs(curves: Iterable[_Curve]) -> Scale:
    epochs = {epoch for curve in curves for series in (curve.errors, curve.rates) for epoch in series}
    return scale_of((min(epochs) - 0.5, max(epochs) + 0.5), whole=True)


# What an error that is not finite is drawn as, where on the axis, and what the legend says.
_NOT_FINITE = {
    "nan": ("x", _TOP, "the error is NaN"),
    "inf": ("^", _TOP, "the error is infinity"),
    "-inf": ("v", _BOTTOM, "the error is minus infinity"),
}


def _draw_errors(axes: "Axes", curves: Sequence[_Curve], epochs: Scale) -> None:
    values = [value for curve in curves for value in curve.errors.values()]
    finite = [value for value in values if math.isfinite(value)]
    scale = scale_of(finite or [0.0], logarithmic=spans_decades(finite))
    if finite:
        axes.set_yticks(*_ticks(scale, 6))
    drawn = [curve for curve in curves if curve.errors]
    keys = {curve.key for curve in drawn}
    name = next(iter(keys)) if len(keys) == 1 else "error"
    size = LARGE if len(name) < _LONG_NAME else SMALL
    axes.set_ylabel(fitting(name, _PANEL * POINTS * 0.95, size), fontsize=size)
    told = set()
    for curve in drawn:
        _draw_line(axes, epochs.at(curve.errors), scale.at(curve.errors.values()), curve.style)
        for kind, (symbol, edge, words) in _NOT_FINITE.items():
            here = [epoch for epoch, value in curve.errors.items() if str(value) == kind]
            if here:
                label = "_" if kind in told else words
                told.add(kind)
                _draw_symbols(axes, epochs.at(here), edge, symbol, curve.style.colour, label)


def _draw_rates(quiet: "Sequence[_Quiet]", axes: "Axes", curves: Sequence[_Curve], epochs: Scale) -> None:
    scale = scale_of((rate for curve in curves for rate in curve.rates.values()), logarithmic=True)
    axes.set_yticks(*_ticks(scale, 6))
    axes.set_ylabel("learning rate")
    for curve in sorted(curves, key=lambda curve: not curve.is_recorded):
        if curve.rates:
            _draw_steps(axes, curve, epochs, scale)
    for symbol, words, steps in quiet:
        shown = steps[:: -(-len(steps) // _MOST_SYMBOLS)]
        x, y = epochs.at(step.epoch for step in shown), scale.at(step.learning_rate for step in shown)
        hollow: dict[str, Any] = {"markerfacecolor": "white", "markersize": 4.5, "zorder": 3}
        some = ", some shown" if len(shown) < len(steps) else ""
        label = f"{words} ({len(steps)} epoch{'s' * (len(steps) > 1)}{some})"
        axes.plot(x, y, symbol, color=GREY, label=label, **hollow)


_Quiet = tuple[str, str, list[ReplayedEpoch]]


def _quiet(run: Run | None) -> Iterator[_Quiet]:
    """Decisions that changed nothing, with a reason of their own: the symbol, the words, the epochs."""
    steps = [step for step in (run.replayed if run and run.replayed else ()) if not step.is_news]
    held = [step for step in steps if step.decision.action is Action.HOLD]
    least = [step for step in steps if step.decision.cause.lifted_from is not None]
    yield from [("s", "held: the rate had not lasted long enough", held)] * bool(held)
    yield from [("o", "at the minimum: it would have gone below", least)] * bool(least)


def _draw_line(axes: "Axes", x: np.ndarray, y: np.ndarray, how: Style) -> None:
    """A line, with a symbol at some of its points, and at those without a neighbour to be connected with."""
    there = np.isfinite(y)
    alone = there & ~np.append(there[1:], False) & ~np.append(False, there[:-1])
    some = np.zeros(len(y), dtype=bool)
    some[_some(len(y), _MOST_SYMBOLS, how)] = True
    axes.plot(*thinned(x, y, _STRIPES), "-", color=how.colour, linewidth=1.2)
    _draw_symbols(axes, x[alone], y[alone], how.symbol, how.colour)
    _draw_symbols(axes, x[there & some], y[there & some], how.symbol, how.colour)


def _draw_steps(axes: "Axes", curve: _Curve, epochs: Scale, scale: Scale) -> None:
    """Rates, each from the beginning of its epoch to the next one's; those that are not recorded ones are dashed."""
    numbers, how = list(curve.rates), curve.style
    x = epochs.at([*(epoch - 0.5 for epoch in numbers), numbers[-1] + 0.5])
    y = scale.at([*curve.rates.values(), curve.rates[numbers[-1]]])
    apart = len(x) if curve.other_from is None else numbers.index(curve.other_from)
    lines: Sequence[tuple[slice, dict[str, Any]]] = (
        (slice(0, apart + 1), {}),
        (slice(apart, None), {"dashes": how.dashes}),
    )
    for part, dashes in lines:
        line = thinned(x[part], y[part], _STRIPES)
        axes.step(*line, where="post", color=how.colour, linewidth=2.2 if curve.is_recorded else 1.0, **dashes)
    start = 0 if curve.is_recorded else apart
    middle = (x[:-1] + x[1:]) / 2 if len(numbers) <= _MOST_SYMBOLS else x[:-1]
    middle, level = middle[start:], y[start:-1]
    some = _some(len(level), _MOST_SYMBOLS if curve.is_recorded else _FEW_SYMBOLS, how)
    _draw_symbols(axes, middle[some], level[some], how.symbol, how.colour)
    if apart < len(numbers):
        axes.plot(x[apart], y[apart], how.symbol, color=how.colour, markersize=6, zorder=4, clip_on=False)
        for each in axes.figure.axes:
            each.axvline(x[apart], color=how.colour, linewidth=0.8, dashes=(1, 2))


def _some(number: int, most: int, how: Style) -> slice:
    """Which of many points have a symbol; of curves that lie on one another not the same ones."""
    every = max(1, -(-number // most))
    return slice(how.number * every // 4 % every, None, every)


def _draw_symbols(axes: "Axes", x: Any, y: Any, symbol: str, colour: str, label: str = "_") -> None:
    x, y = np.broadcast_arrays(x, y)
    every = max(1, -(-len(x) // _STRIPES))
    axes.plot(x[::every], y[::every], symbol, color=colour, markersize=3.4, clip_on=False, label=label)


def _draw_changes(panels: Sequence["Axes"], changes: Sequence[Mark], epochs: Scale) -> None:
    """A line through all panels where the rate changes, with the reason above; a stroke where there is no room."""
    named: list[float] = []
    bare: set[float] = set()
    for mark in sorted(changes, key=lambda mark: (-mark.weight, mark.epoch)):
        x = float(epochs.at([mark.epoch - 0.5])[0])
        if any(abs(x - other) < _BETWEEN_REASONS for other in named):
            bare.add(round(x * _STRIPES) / _STRIPES)
            continue
        named.append(x)
        panels[0].annotate(
            mark.text,
            (x, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            rotation=90,
            ha="center",
            va="bottom",
            fontsize=SMALL - 1,
        )
        for axes in panels:
            axes.axvline(x, color="0.8", linewidth=0.7, zorder=0)
    if bare:
        label = "more changes of the rate, without room for their reasons"
        panels[-1].plot(sorted(bare), [1.03] * len(bare), "|", color=GREY, markersize=5, label=label)


def _entry(curve: _Curve) -> "Line2D":
    """The legend's line."""
    from matplotlib.lines import Line2D  # noqa: PLC0415  an extra

    dashes: dict[str, Any] = {} if curve.other_from is None else {"dashes": curve.style.dashes}
    symbol = curve.style.symbol if curve.is_recorded or dashes else ""
    entry = Line2D([], [], color=curve.style.colour, marker=symbol, markersize=4, **dashes)
    entry.set_label(wrapped(curve.label, (_WIDTH * POINTS - 40) * 0.94, SMALL))
    return entry
