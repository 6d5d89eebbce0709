"""Histories, and what schedules say of them, as a figure of matplotlib: to be printed, or put into a page.

Every curve is drawn on axes that reach from 0 to 1, see `lrsched.pictures.scale`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import attrs
import numpy as np

from lrsched.core.decision import Action, Decision
from lrsched.errors import broken_law
from lrsched.pictures.look import GREY, LARGE, POINTS, SMALL, Style, fitting, look, styles, width_of, wrapped
from lrsched.pictures.run import NOTHING, Run, marks
from lrsched.pictures.scale import Scale, scale_of, stretches, thinned
from lrsched.simulation.replaying import Replay, ReplayedEpoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_Series = Mapping[int, float]

_WIDTH, _TITLE, _PANEL, _BELOW, _LINE = 8.0, 0.28, 2.1, 0.5, 0.168  # inches: a figure's width, the heights of its parts
_BETWEEN_REASONS = 10.5 / (0.8 * _WIDTH * POINTS)  # of the axis: a line of small letters
_MOST_SYMBOLS, _FEW_SYMBOLS, _STRIPES = 30, 8, 1000
_LONG_NAME = 20  # letters; a longer name of an axis is written smaller
_TOP, _BOTTOM = 1.06, -0.06  # of an axis whose values stand from 0 to 1


def _entry(text: str) -> str:
    label = wrapped(text, (_WIDTH * POINTS - 40) * 0.94, SMALL)
    return f" {label}" if label.startswith("_") else label  # matplotlib's legend leaves out what begins with _


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
        replay: What gave the rates; None if they are the recorded ones.
    """

    label: str = attrs.field(converter=_entry)
    style: Style
    key: str = ""
    errors: _Series = attrs.field(factory=dict)
    rates: _Series = attrs.field(factory=dict)
    replay: Replay | None = None


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
        from matplotlib.figure import Figure  # noqa: PLC0415  an extra

        figure = Figure(figsize=(_WIDTH, 1.0))
        curves = list(_curves(runs))
        with_errors, with_rates = ([each for each in curves if each.errors], [each for each in curves if each.rates])
        if with_errors or with_rates:
            _draw(figure, with_errors, with_rates, runs)
        else:
            figure.text(0.5, 0.4, NOTHING, ha="center", va="center")
        title = runs[0].name if len(runs) == 1 else f"{len(runs)} trainings"
        top = 1 - 0.06 / figure.get_figheight()
        figure.text(0.01, top, fitting(title, _WIDTH * POINTS * 0.94, LARGE), va="top", fontsize=LARGE)
    return figure


def _draw(figure: "Figure", with_errors: Sequence[_Curve], with_rates: Sequence[_Curve], runs: Sequence[Run]) -> None:
    number = bool(with_errors) + bool(with_rates)
    panels: list[Axes] = figure.subplots(number, sharex=True, squeeze=False)[:, 0].tolist()
    known = {epoch for curve in with_errors for epoch in curve.errors}.union(*(curve.rates for curve in with_rates))
    epochs = scale_of((min(known) - 0.5, max(known) + 0.5))
    for axes in panels:
        axes.set(xlim=(0, 1), ylim=(_BOTTOM, _TOP))
    panels[-1].set_xticks(*epochs.ticks(9, least_step=1.0))
    panels[-1].set_xlabel("epoch")
    if with_errors:
        _draw_errors(panels[0], with_errors, epochs)
    if with_rates:
        _draw_rates(panels, with_rates, runs, epochs)
    if len(runs) == 1:
        _draw_changes(panels, runs[0], epochs)
    labels = [label for axes in panels for label in axes.get_legend_handles_labels()[1]]
    _arrange(figure, panels, labels if len(labels) > 1 or len(runs) > 1 else [])


def _arrange(figure: "Figure", panels: Sequence["Axes"], labels: Sequence[str]) -> None:
    """Give everything its place: from top to bottom the title, the reasons, the panels, the legend.

    A constrained layout would do the same, but draws everything twice to find out how large it is.
    """
    above = _TITLE + _widest(text for axes in panels for text in axes.texts) + 0.06
    below = _BELOW + _LINE * sum(1 + label.count("\n") for label in labels)
    height = above + _PANEL * len(panels) + below
    figure.set_size_inches(_WIDTH, height)
    figure.subplots_adjust(
        left=(_widest(label for axes in panels for label in axes.get_yticklabels()) + 0.45) / _WIDTH,
        right=1 - (_widest(panels[-1].get_xticklabels()[-1:]) / 2 + 0.11) / _WIDTH,
        top=1 - above / height,
        bottom=below / height,
        hspace=0.08,
    )
    figure.align_ylabels(panels)
    if labels:
        top = (below - _BELOW) / height
        figure.legend(loc="upper left", bbox_to_anchor=(0.0, top))


def _widest(texts: "Iterable[Text]") -> float:
    """How wide the widest of some small texts is, in inches; 0 where there is none."""
    return max((width_of(text.get_text(), SMALL) for text in texts), default=0.0) / POINTS


def _curves(runs: Sequence[Run]) -> Iterator[_Curve]:
    """What is drawn, in the order of the legend."""
    each_style = styles()
    several_keys = len({key for run in runs for key in run.errors}) > 1
    for run in runs:
        prefix = f"{run.name}: " if len(runs) > 1 else ""
        (key, errors), *others = list(run.errors.items()) or [("", {})]
        label = (run.name if prefix else "recorded rate") + (f", {key}" if several_keys and key else "")
        yield _Curve(label, next(each_style), key, errors, run.rates)
        yield from (_Curve(f"{prefix}{other}", next(each_style), other, series) for other, series in others)
        for name, replay in _schedules(run):
            rates = {step.epoch: step.learning_rate for step in replay}
            yield _Curve(f"{prefix}{name}: {_worth(replay)}", next(each_style), rates=rates, replay=replay)


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


# What an error that is not finite is drawn as, where on the axis, and what the legend says.
_NOT_FINITE = {
    "nan": ("x", _TOP, "the error is NaN"),
    "inf": ("^", _TOP, "the error is infinity"),
    "-inf": ("v", _BOTTOM, "the error is minus infinity"),
}


def _draw_errors(axes: "Axes", curves: Sequence[_Curve], epochs: Scale) -> None:
    errors = [error for curve in curves for error in curve.errors.values()]
    scale = scale_of(errors, logarithmic=None)
    axes.set_yticks(*(scale.ticks(6) if any(map(math.isfinite, errors)) else ([],)))
    keys = {curve.key for curve in curves}
    name = min(keys) if len(keys) == 1 else "error"
    size = LARGE if len(name) < _LONG_NAME else SMALL
    axes.set_ylabel(fitting(name, _PANEL * POINTS * 0.95, size), fontsize=size)
    for curve in curves:
        x, y = epochs.at(curve.errors), scale.at(curve.errors.values())
        _draw_line(axes, x, y, curve.style, _MOST_SYMBOLS, 1, label=curve.label, linewidth=1.2)
    for kind, (symbol, edge, label) in _NOT_FINITE.items():
        for curve in curves:
            here = [epoch for epoch, error in curve.errors.items() if str(error) == kind]
            if here:
                x, y = thinned(epochs.at(here), np.full(len(here), edge), _STRIPES)
                axes.plot(x, y, symbol, color=curve.style.colour, markersize=3.4, clip_on=False, label=label)
                label = "_"  # noqa: PLW2901  the legend has one entry for all curves


def _draw_rates(panels: Sequence["Axes"], curves: Sequence[_Curve], runs: Sequence[Run], epochs: Scale) -> None:
    """Rates, each from the beginning of its epoch to the next one's; those that are not recorded ones are dashed."""
    axes = panels[-1]
    scale = scale_of((rate for curve in curves for rate in curve.rates.values()), logarithmic=True)
    axes.set_yticks(*scale.ticks(6))
    axes.set_ylabel("learning rate")
    for curve in sorted(curves, key=lambda curve: curve.replay is not None):
        numbers, how = list(curve.rates), curve.style
        x = epochs.at([at for epoch in numbers for at in (epoch - 0.5, epoch)] + [numbers[-1] + 0.5])
        y = np.append(level := scale.at(curve.rates.values()).repeat(2), level[-1])
        label = "_" if curve.errors else curve.label
        if curve.replay is None:
            _draw_line(axes, x, y, how, _MOST_SYMBOLS, 2, label=label, drawstyle="steps-post", linewidth=2.2)
            continue
        first = curve.replay.differs_from
        apart = len(x) if first is None else 2 * numbers.index(first)
        same, other = slice(apart + 1), slice(apart, None)
        thin: dict[str, Any] = {"drawstyle": "steps-post", "linewidth": 1.0}
        axes.plot(*thinned(x[same], y[same], _STRIPES), color=how.colour, label=label if first is None else "_", **thin)
        if first is not None:
            _draw_line(axes, x[other], y[other], how, _FEW_SYMBOLS, 2, label=label, dashes=how.dashes, **thin)
            for each in panels:
                each.axvline(x[apart], color=how.colour, linewidth=0.8, dashes=(1, 2))
    if len(runs) == 1:
        _draw_idle(axes, runs[0].replayed or (), epochs, scale)


# What a decision that changed nothing is drawn as, what the legend says, and which decisions they are.
_IDLE: tuple[tuple[str, str, Callable[[Decision], bool]], ...] = (
    ("s", "held: the rate had not lasted long enough", lambda decision: decision.action is Action.HOLD),
    ("o", "at the minimum: it would have gone below", lambda decision: decision.cause.lifted_from is not None),
)


def _draw_idle(axes: "Axes", replayed: Iterable[ReplayedEpoch], epochs: Scale, scale: Scale) -> None:
    """Decisions that changed nothing, with a reason of their own."""
    idle = [step for step in replayed if not step.is_news]
    for symbol, words, is_one in _IDLE:
        steps = [step for step in idle if is_one(step.decision)]
        if not steps:
            continue
        x, y = epochs.at(step.epoch for step in steps), scale.at(step.learning_rate for step in steps)
        every = math.ceil(len(steps) / _MOST_SYMBOLS)
        label = f"{words} ({len(steps)} epoch{'s' * (len(steps) > 1)}{', some shown' * (every > 1)})"
        hollow: dict[str, Any] = {"markerfacecolor": "white", "markersize": 4.5, "zorder": 3}
        axes.plot(x[::every], y[::every], symbol, color=GREY, label=label, **hollow)


def _draw_line(axes: "Axes", x: np.ndarray, y: np.ndarray, how: Style, most: int, stride: int, **options: Any) -> None:
    """A line, with a symbol at some of its points, and at those without a neighbour to be connected with.

    Curves that lie on one another have their symbols at different points. Every ``stride``-th point may have one.
    """
    x, y = thinned(x, y, _STRIPES)
    points = range(stride - 1, len(x), stride)
    every = math.ceil(len(points) / most) or 1
    alone = [stretch.start for stretch in stretches(y) if stretch.stop - stretch.start == 1]
    marked = [*points[how.number * every // 4 % every :: every], *alone]
    symbols: dict[str, Any] = {"marker": how.symbol, "markersize": 3.4, "markevery": marked, "clip_on": False}
    axes.plot(x, y, color=how.colour, **symbols, **options)


def _draw_changes(panels: Sequence["Axes"], run: Run, epochs: Scale) -> None:
    """A line through all panels where the rate changes, with the reason above; a stroke where there is no room."""
    above = panels[0].get_xaxis_transform()
    upright = {"rotation": 90, "ha": "center", "va": "bottom", "fontsize": SMALL - 1}
    named: list[float] = []
    bare: list[float] = []
    for mark in sorted(marks(run), key=lambda mark: -mark.weight):
        x = float(epochs.at([mark.epoch - 0.5])[0])
        if any(abs(x - other) < _BETWEEN_REASONS for other in named):
            bare.append(round(x, 3))
            continue
        named.append(x)
        panels[0].text(x, 1.026, mark.text, upright, transform=above)
        for axes in panels:
            axes.axvline(x, color="0.8", linewidth=0.7, zorder=0)
    if bare:
        label = "more changes of the rate, without room for their reasons"
        places = sorted(set(bare))
        panels[-1].plot(places, [1.03] * len(places), "|", color=GREY, markersize=5, label=label)
