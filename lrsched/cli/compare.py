"""``lrsched compare``: several schedules over one history, side by side."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from lrsched.cli.options import (
    AsJson,
    ChangesOnly,
    ExecConfig,
    NonFinite,
    Override,
    PastMode,
    PretrainEpochs,
    Where,
    given_by,
    names_of,
    read_history,
    settings,
    target,
)
from lrsched.cli.output import say, say_json, say_note, say_table
from lrsched.errors import ArgumentError
from lrsched.formats.plain import Row, dumps
from lrsched.simulation.comparing import Compared, compare as compared_by
from lrsched.simulation.replaying import ReplayedEpoch
from lrsched.storage import disk

Configs = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        "-c",
        metavar="CONFIG",
        help="A configuration, as for lrsched replay; one for each schedule. Required, repeatable.",
    ),
]
ForAll = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="One setting, over those of each CONFIG. Repeatable."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="OUT", help="Write to a file instead, .json or .csv. It replaces one that is there."
    ),
]


def compare(
    file: Where,
    config: Configs = None,
    set_: ForAll = None,
    exec_config: ExecConfig = False,  # noqa: FBT002  typer's way
    mode: PastMode = "free",
    pretrain_epochs: PretrainEpochs = 0,
    override: Override = "",
    non_finite: NonFinite = None,
    changes_only: ChangesOnly = False,  # noqa: FBT002  typer's way
    output: Output = None,
    as_json: AsJson = False,  # noqa: FBT002  typer's way
) -> None:
    """Show the rates that several schedules would have given, beside the recorded ones and one another.

    The schedules have the names of their configurations. A rate that is not the recorded one is marked, and so is an
    epoch at which the schedules do not agree.
    """
    if not config:
        raise ArgumentError("the schedules are not known; give --config CONFIG for each")
    render = None if output is None else _RENDERERS[target(output, [*_RENDERERS], [file, *config])[1]]
    history = read_history(file)
    schedules = {
        name: given_by(history, settings(path, set_, execute=exec_config), pretrain_epochs, override).schedule(
            non_finite or "worse"
        )
        for name, path in zip(names_of(config), config, strict=True)
    }
    compared = compared_by(schedules, history, mode)
    document = {"file": file, **compared.data()}
    if output is not None and render is not None:
        disk.replace(output, render(compared, document).encode())
    if as_json:
        say_json(document)
        return
    if output is None:
        _say_compared(compared, f"{file}, {mode} past", changes_only=changes_only)
    else:
        say(f"{output}: {', '.join(compared.names)}")
    for line in _summary(compared):
        say_note(line)


def _csv(compared: Compared, document: dict[str, Any]) -> str:
    del document
    table = compared.to_dict()
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([table, *zip(*table.values(), strict=True)])
    return text.getvalue()


_RENDERERS: Final[dict[str, Callable[[Compared, dict[str, Any]], str]]] = {
    ".json": lambda _, document: dumps(document) + "\n",
    ".csv": _csv,
}


def _say_compared(compared: Compared, title: str, *, changes_only: bool) -> None:
    headings = [">epoch", ">recorded", *(heading for name in compared.names for heading in (f">{name}", "")), ""]
    steps = zip(*compared.replays.values(), strict=True)
    say_table(headings, [_row(each) for each in steps if not changes_only or any(step.is_news for step in each)], title)


def _row(steps: Sequence[ReplayedEpoch]) -> Row:
    """The cells of an epoch, one step for each schedule."""
    rates = [step.learning_rate for step in steps]
    marks = ["" if step.reproduced else "differs" for step in steps]
    recorded = steps[0].recorded
    return (
        str(steps[0].epoch),
        "" if recorded is None else repr(recorded),
        *(cell for rate, mark in zip(rates, marks, strict=True) for cell in (repr(rate), mark)),
        "apart" if len(set(rates)) > 1 else "",
    )


def _summary(compared: Compared) -> Iterator[str]:
    """What has to be said of it, in lines."""
    yield from (f"{name}: {note}" for name, note in compared.notes.items() if note is not None)
    if len(compared.names) > 1:
        apart = compared.apart_from
        yield "the schedules agree everywhere" if apart is None else f"the schedules are first apart at epoch {apart}"
