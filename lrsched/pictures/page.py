"""Histories, and what schedules say of them, as one page of HTML that needs nothing else: no network, no script.

The template escapes every text, and shows as an escape what is no character to be seen.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from lrsched.core.plain import printable
from lrsched.core.series import best_epochs, finished
from lrsched.errors import broken_law, missing_extra
from lrsched.pictures.figure import figure_of
from lrsched.pictures.look import image
from lrsched.pictures.run import Run
from lrsched.report.tables import as_data, history_table
from lrsched.report.text import cell
from lrsched.simulation.replaying import Replay, ReplayedEpoch

if TYPE_CHECKING:
    from jinja2 import Template

MOST_EPOCHS = 500
"""Of a longer history the table shows only the epochs where something changes."""
MOST_ROWS = 5000


def page_of(runs: Sequence[Run]) -> str:
    """A page with a figure, facts, settings and a table for each run; of several runs also a figure of all.

    Args:
        runs: One or several.

    Returns:
        HTML, text that UTF-8 can encode.

    Raises:
        ArgumentError: There is no run.
        MissingExtraError: matplotlib or Jinja is not installed.

    Examples:
        >>> from lrsched import EpochData, History
        >>> page = page_of([Run("<b>", History({1: EpochData(learning_rate=0.1)}))])
        >>> "<h2>&lt;b&gt;</h2>" in page, "<b>" in page
        (True, False)
    """
    if not runs:
        raise broken_law("runs", "at least one run", runs, "as in [Run('a', history)]")
    title = f"Learning rates of {runs[0].name if len(runs) == 1 else f'{len(runs)} trainings'}"
    together = _svg(runs) if len(runs) > 1 else None
    return _template().render(title=title, together=together, sections=map(_section, runs))


@cache
def _template() -> "Template":
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise missing_extra("Jinja2", "plot") from error
    environment = Environment(
        loader=PackageLoader("lrsched.pictures"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
    )
    return environment.get_template("report.html")


def _svg(runs: Sequence[Run]) -> Any:
    """A figure as an element of a page: without a prolog, and without names that another figure has, too."""
    from markupsafe import Markup  # noqa: PLC0415  Jinja has it

    text = image(figure_of(runs), "svg").decode()
    return Markup(re.sub(r'<g id="[^"]*"', "<g", text[text.index("<svg") :]))  # noqa: S704  its texts are escaped


class _Cell(NamedTuple):
    text: str
    other: bool = False
    """Whether it is a rate that is not the recorded one."""


def _section(run: Run) -> dict[str, Any]:
    """What the template has of a run."""
    replays = {"The schedule": run.replayed} if run.replayed is not None else {}
    return {
        "name": run.name,
        "figure": _svg([run]),
        "notes": [(f"{name}, free replay", each.note) for name, each in (replays | run.compared).items() if each.note],
        "facts": _facts(run),
        "settings": [(name, cell(value)) for name, value in sorted(run.settings.items())],
        "table": _table(run),
    }


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    history = run.history
    span = f", from {min(history)} to {max(history)}" if history else ""
    yield "epochs", f"{len(history)}{span}; {len(finished(history))} of them finished"
    rates = run.rates
    if rates:
        yield "last rate", f"{rates[max(rates)]!r} at epoch {max(rates)}"
        yield "lowest and highest rate", f"{min(rates.values())!r} and {max(rates.values())!r}"
    for key in run.errors:
        for epoch, error in best_epochs(history, key, mode=run.measure.mode):
            yield f"best {key}", f"{error!r} at epoch {epoch}"
    if run.replayed is not None:
        same = len(run.replayed) - len(run.replayed.differing)
        yield "the schedule's rates", f"{same} of {len(run.replayed)} are the recorded ones, exactly"
    known = [rate for _, rate in sorted(rates.items())]
    yield "changes of the recorded rate", str(sum(rate != before for before, rate in pairwise(known)))


def _table(run: Run) -> dict[str, Any]:
    """All epochs, or those where a rate changes; a schedule's rates that are not the recorded ones stand out."""
    number = len(run.history)
    shown: Sequence[int] = range(number)
    about = f"All {number} epochs." if number != 1 else "The only epoch."
    if number > MOST_EPOCHS:
        changing = _changing(run)
        shown = changing[:MOST_ROWS]
        about = f"Of {number} epochs {len(changing)}: the first, those at which a rate changes, and the last."
        if len(changing) > MOST_ROWS:
            about += f" Of these the first {MOST_ROWS} are shown."
    if run.replayed is not None or run.compared:
        about += " A schedule's rates that are not exactly the recorded ones are bold; all are rounded to ten digits."
    title, headings, rows = _epochs(run, shown) if run.replayed is None else _decisions(run.replayed, shown)
    place = next(number for number, heading in enumerate([*headings[1:], ""], 1) if not heading.startswith(">"))
    headings[place:place] = [f">{name}" for name in run.compared]
    others = [[_rate_of(told[position]) for position in shown] for told in run.compared.values()]
    rows = [[*row[:place], *more, *row[place:]] for row, *more in zip(rows, *others, strict=True)]
    return {"title": title, "about": about, "headings": headings, "rows": rows}


def _rate_of(step: ReplayedEpoch) -> _Cell:
    return _Cell(_rounded(step.learning_rate), not step.reproduced)


def _rounded(rate: float) -> str:
    return f"{rate:.10g}"


def _decisions(replayed: Replay, shown: Sequence[int]) -> tuple[str, list[str], list[list[_Cell]]]:
    rows = [
        [
            _Cell(str(step.epoch)),
            _Cell("" if step.recorded is None else _rounded(step.recorded)),
            _rate_of(step),
            _Cell(str(step.decision.action)),
            _Cell(step.decision.cause.describe()),
        ]
        for step in map(replayed.__getitem__, shown)
    ]
    return "Decisions", [">epoch", ">recorded", ">replayed", "action", "why"], rows


def _epochs(run: Run, shown: Sequence[int]) -> tuple[str, list[str], list[list[_Cell]]]:
    key = run.keys[0] if len(run.keys) == 1 else None
    told = list(as_data(run.history, key, run.measure))
    columns = history_table([told[position] for position in shown], exact=True).shown
    headings, cells = zip(*columns, strict=True)
    return "Epochs", [*headings], [list(map(_Cell, row)) for row in zip(*cells, strict=True)]


def _changing(run: Run) -> list[int]:
    """The positions of the epochs with other rates than the one before, recorded or a schedule's; and of the last."""
    replays = [*([] if run.replayed is None else [run.replayed]), *run.compared.values()]
    recorded = [data.learning_rate for data in run.history.values()]
    rates = list(zip(recorded, *([step.learning_rate for step in told] for told in replays), strict=True))
    return [n for n in range(len(rates)) if n in (0, len(rates) - 1) or rates[n] != rates[n - 1]]
