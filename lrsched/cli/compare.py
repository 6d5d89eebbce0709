"""``lrsched compare``: several schedules over one history, side by side."""

from collections.abc import Iterator

from lrsched.cli.options import ChangesOnly, ScheduleOptions, Where, read_history
from lrsched.cli.output import Answer
from lrsched.cli.scheduling import PastMode, names_of, recipes
from lrsched.errors import ArgumentError
from lrsched.report.answers import compare_table
from lrsched.simulation.comparing import Compared, compare as compared_by


def compare(
    file: Where,
    options: ScheduleOptions,
    mode: PastMode = "free",
    changes_only: ChangesOnly = False,  # noqa: FBT002  typer's way
) -> Answer:
    """Show the rates that several schedules would have set, beside the recorded ones and one another.

    The schedules have the names of their files; --set and the like hold for each CONFIG. A rate that is not the
    recorded one is marked, and so is an epoch at which the schedules do not agree.
    """
    if not (options.config or options.schedule):
        raise ArgumentError("no schedule: pass --config CONFIG or --schedule FILE.py:NAME for each")
    made = recipes(options)
    history = read_history(file)
    names = names_of([each.source for each in made])
    compared = compared_by(
        {name: each.schedule(history) for name, each in zip(names, made, strict=True)}, history, mode
    )
    steps = [
        each
        for each in zip(*compared.replays.values(), strict=True)
        if not changes_only or any(step.is_news for step in each)
    ]
    return Answer(
        lambda exact: [file, f"{mode} past", compare_table(names, steps, exact=exact)],
        document=lambda: {"file": file, **compared.data()},
        columns=compared.to_dict,
        notes=[*_summary(compared)],
    )


def _summary(compared: Compared) -> Iterator[str]:
    """What has to be said of it, in lines."""
    if any(first is not None for first in compared.differs_from.values()):
        yield "* not the recorded rate"
    yield from (f"{name}: {note}" for name, note in compared.notes.items() if note is not None)
    if len(compared.names) > 1:
        apart = compared.apart_from
        yield "the schedules agree everywhere" if apart is None else f"the schedules are first apart at epoch {apart}"
