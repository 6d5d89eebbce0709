"""Histories, and what schedules say of them, as one page of HTML that needs nothing else: no network, no script.

The template escapes every text, and shows as an escape what is no character to be seen.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lrsched.core.plain import printable
from lrsched.core.series import best_epochs, finished
from lrsched.errors import missing_extra
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
"""What a browser scrolls through without effort."""


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
    together = None if len(runs) == 1 else _svg(runs)
    title = f"Learning rates of {runs[0].name if len(runs) == 1 else f'{len(runs)} trainings'}"
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


def _section(run: Run) -> dict[str, Any]:
    """What the template has of a run."""
    return {
        "name": run.name,
        "figure": _svg([run]),
        "notes": [(f"{name}, free replay", each.note) for name, each in _replays(run, "The schedule") if each.note],
        "facts": _facts(run),
        "settings": [(name, cell(value)) for name, value in sorted(run.settings.items())],
        "table": _table(run),
    }


def _replays(run: Run, name: str) -> list[tuple[str, Replay]]:
    """All that schedules say of a run; the marked one comes first, under a name."""
    return [*([] if run.replayed is None else [(name, run.replayed)]), *run.compared.items()]


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    history = run.history
    span = f", from {min(history)} to {max(history)}" if history else ""
    yield "epochs", f"{len(history)}{span}; {len(finished(history))} of them finished"
    epochs, rates = list(run.rates), list(run.rates.values())
    if rates:
        yield "last rate", f"{rates[-1]!r} at epoch {epochs[-1]}"
        yield "lowest and highest rate", f"{min(rates)!r} and {max(rates)!r}"
    for key in run.errors:
        for epoch, error in best_epochs(history, key, mode=run.measure.mode):
            yield f"best {key}", f"{error!r} at epoch {epoch}"
    if run.replayed is not None:
        same = len(run.replayed) - len(run.replayed.differing)
        yield "the schedule's rates", f"{same} of {len(run.replayed)} are the recorded ones, exactly"
    yield "changes of the recorded rate", str(sum(rate != before for before, rate in pairwise(rates)))


def _table(run: Run) -> dict[str, Any]:
    """All epochs, or those where a rate changes; a schedule's rates that are not the recorded ones stand out."""
    number, replays = len(run.history), _replays(run, "replayed")
    shown: Sequence[int] = range(number)
    about = f"All {number} epochs." if number != 1 else "The only epoch."
    if number > MOST_EPOCHS:
        recorded = [data.learning_rate for data in run.history.values()]
        rates = list(zip(recorded, *([step.learning_rate for step in each] for _, each in replays), strict=True))
        changing = [n for n in shown if n in (0, number - 1) or rates[n] != rates[n - 1]]
        about = f"Of {number} epochs {len(changing)}: the first, those at which a rate changes, and the last."
        shown = changing[:MOST_ROWS]
        if shown != changing:
            about += f" Of these the first {MOST_ROWS} are shown."
    if replays:
        about += " A schedule's rates that are not exactly the recorded ones are bold; all are rounded to ten digits."
    title, columns = _epochs(run, shown) if run.replayed is None else _decisions([run.replayed[n] for n in shown])
    columns[2:2] = [(f">{name}", [_rate_of(each[n]) for n in shown]) for name, each in replays]
    headings, cells = zip(*columns, strict=True)
    return {"title": title, "about": about, "headings": headings, "rows": zip(*cells, strict=True)}


_Columns = list[tuple[str, Sequence[str]]]


def _epochs(run: Run, shown: Iterable[int]) -> tuple[str, _Columns]:
    epochs = list(as_data(run.history, run.keys[0] if len(run.keys) == 1 else None, run.measure))
    return "Epochs", history_table([epochs[n] for n in shown], exact=True).shown


def _decisions(steps: Sequence[ReplayedEpoch]) -> tuple[str, _Columns]:
    return "Decisions", [
        (">epoch", [str(step.epoch) for step in steps]),
        (">recorded", ["" if step.recorded is None else f"{step.recorded:.10g}" for step in steps]),
        ("action", [str(step.decision.action) for step in steps]),
        ("why", [step.decision.cause.describe() for step in steps]),
    ]


def _rate_of(step: ReplayedEpoch) -> str:
    """A schedule's rate, bold where it is not the recorded one."""
    from markupsafe import Markup  # noqa: PLC0415  Jinja has it

    text = f"{step.learning_rate:.10g}"
    return text if step.reproduced else Markup("<strong>{}</strong>").format(text)
