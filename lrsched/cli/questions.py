"""``lrsched replay``, ``verify``, ``explain`` and ``compare``: what schedules say of a recorded history."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

import attrs
import click

from lrsched.cli.options import ChangesOnly, Most, ScheduleOptions, Where, read_history
from lrsched.cli.output import FAILED, Answer, Part
from lrsched.cli.parameters import option
from lrsched.cli.scheduling import PastMode, names_of, recipe, recipes
from lrsched.core.history import History
from lrsched.core.measure import NonFinitePolicy
from lrsched.errors import ArgumentError
from lrsched.report.answers import compare_table, replay_table, rules_of
from lrsched.simulation.comparing import Compared, compare as compared_by
from lrsched.simulation.explaining import explain as explained_by, newest_change
from lrsched.simulation.replaying import replay as replayed_by
from lrsched.simulation.results import Result

Epoch = Annotated[int | None, option("--epoch", "-e", metavar="N", type=click.IntRange(1))]


def replay(
    file: Where, options: ScheduleOptions, mode: PastMode = "recorded", *, changes_only: ChangesOnly = False
) -> Answer:
    """Show the rates that a schedule would have set beside the recorded ones, and the reason for each change.

    Examples:
        lrsched replay learning_rates --config config.json
        lrsched replay learning_rates --set learning_rate_control=newbob --set learning_rate=0.1 --mode free
    """
    history = read_history(file)
    replayed = replayed_by(recipe(options).schedule(history), history, mode, reasons=True)
    steps = [each for each in replayed if not changes_only or each.is_news]
    rules = rules_of(steps)
    about = ", ".join([f"{mode} past", *(rules if len(rules) == 1 else [])])
    return _answer(file, replayed, lambda exact: [file, about, replay_table(steps, exact=exact)], [replayed.note])


def _answer(
    file: str, result: Result, shown: Callable[[bool], Iterable[Part]], notes: Iterable[str | None] = ()
) -> Answer:
    """The answer that a result of the library is, with the file's name."""
    return Answer(shown, lambda: {"file": file, **result.data()}, result.to_dict, notes)


def verify(file: Where, options: ScheduleOptions, mode: PastMode = "recorded", most: Most = 5) -> Answer:
    """Check that a schedule reproduces every recorded rate exactly.

    The exit code is 0 if it does. Otherwise it is 1, and the first differences are shown.

    Args:
        most: How many differences to show.

    Examples:
        lrsched verify learning_rates --config config.json
    """
    history = read_history(file)
    made = recipe(options)
    asked: NonFinitePolicy = options.non_finite or "worse"
    policy, replayed = asked, replayed_by(made.schedule(history, asked), history, mode)
    if replayed.differing and options.non_finite is None and made.code is None:
        with warnings.catch_warnings(action="ignore"):  # what there is to warn of was said
            original = replayed_by(made.schedule(history, "original"), history, mode)
        if not original.differing:
            policy, replayed = "original", original
    different = replayed.differing
    first = different[:most]
    as_original = "" if policy == asked else ", where NaN and infinite errors mean what they do in RETURNN"
    title = f"all {len(history)} epochs are reproduced exactly{as_original}"
    if all(each.recorded is None for each in replayed):
        title = "no epoch has a rate, so there is nothing to reproduce"
    if different:
        title = f"{len(different)} of {len(history)} epochs differ, the first of them:"
    return Answer(
        lambda exact: [f"{file}: {title}", *([replay_table(first, exact=exact)] if different else [])],
        document=lambda: {
            "file": file,
            "mode": mode,
            "note": replayed.note,
            "differs_from": replayed.differs_from,
            "reproduced": not different,
            "epochs": len(history),
            "non_finite_error": policy,
            "different": len(different),
            "differences": [each.data() for each in first],
        },
        columns=attrs.evolve(replayed, steps=different).to_dict,
        notes=[replayed.note] if different else (),
        code=FAILED if different else 0,
    )


def explain(file: Where, options: ScheduleOptions, epoch: Epoch = None) -> Answer:
    """Explain the rate that a schedule sets at an epoch: what it compared, and what would have changed the rate.

    The schedule sees only the recorded epochs before. The last line names the smallest change of a threshold that
    gives another rate.

    Args:
        epoch: The epoch to explain, recorded or to come. By default, the newest one whose rate changed.

    Examples:
        lrsched explain learning_rates --config config.json
        lrsched explain learning_rates --config config.json --epoch 31
    """
    history = read_history(file)
    chosen, which = (epoch, _gap(history, epoch)) if epoch is not None else _default(history)
    explained = explained_by(recipe(options).schedule(history), history, chosen)
    return _answer(file, explained, lambda exact: [f"{file}{which}", *explained.describe(exact=exact).splitlines()])


def _default(history: History) -> tuple[int, str]:
    """The epoch to explain where none is named, and how it was chosen."""
    changed = newest_change(history)
    if changed is not None:
        return changed, f": epoch {changed} is the newest whose rate changed"
    newest = max(history, default=None)
    return (1, ": no epoch is recorded") if newest is None else (newest, ": no rate changed; this is the newest epoch")


def _gap(history: History, epoch: int) -> str:
    """What to say of an epoch that is further ahead than the next one."""
    newest = max(history, default=0)
    if epoch <= newest + 1:
        return ""
    missing = f"epoch {newest + 1} is" if epoch == newest + 2 else f"epochs {newest + 1} to {epoch - 1} are"
    return f": {missing} not recorded, it is decided without"


def compare(
    file: Where, options: ScheduleOptions, mode: PastMode = "free", *, changes_only: ChangesOnly = False
) -> Answer:
    """Show the rates that several schedules would have set, beside the recorded ones.

    Each schedule is called after its file. Options such as --set apply to every CONFIG. The table marks each rate that
    differs from the recorded one, and each epoch at which the schedules differ.

    Examples:
        lrsched compare learning_rates --config config.json --schedule my_schedules.py:halve
    """
    if not (options.config or options.schedule):
        raise ArgumentError("no schedule: pass --config CONFIG or --schedule FILE.py:NAME for each")
    made = recipes(options)
    history = read_history(file)
    names = names_of([each.source for each in made])
    schedules = {name: each.schedule(history) for name, each in zip(names, made, strict=True)}
    compared = compared_by(schedules, history, mode)
    steps = [*zip(*compared.replays.values(), strict=True)]
    if changes_only:
        steps = [each for each in steps if any(step.is_news for step in each)]
    shown = [file, f"{mode} past"]
    return _answer(file, compared, lambda exact: [*shown, compare_table(names, steps, exact=exact)], _summary(compared))


def _summary(compared: Compared) -> Iterator[str]:
    """What has to be said of it, in lines."""
    if any(first is not None for first in compared.differs_from.values()):
        yield "* not the recorded rate"
    yield from (f"{name}: {note}" for name, note in compared.notes.items() if note is not None)
    if len(compared.names) > 1:
        apart = compared.apart_from
        yield "the schedules agree everywhere" if apart is None else f"the schedules are first apart at epoch {apart}"
