"""``lrsched replay`` and ``lrsched verify``: what a schedule says to a recorded history."""

from typing import Annotated

import attrs
from typer import Option

from lrsched.cli.options import ChangesOnly, ScheduleOptions, Where, read_history
from lrsched.cli.output import FAILED, Answer
from lrsched.cli.scheduling import PastMode, recipe
from lrsched.core.measure import NonFinitePolicy
from lrsched.report.answers import replay_table, rules_of
from lrsched.simulation.replaying import replay as replayed_by


def replay(
    file: Where,
    options: ScheduleOptions,
    mode: PastMode = "recorded",
    changes_only: ChangesOnly = False,  # noqa: FBT002  typer's way
) -> Answer:
    """Show the rates that a schedule would have set, beside the recorded ones, each change with its reason."""
    history = read_history(file)
    replayed = replayed_by(recipe(options).schedule(history), history, mode, reasons=True)
    steps = [each for each in replayed if not changes_only or each.is_news]
    rules = rules_of(steps)
    about = ", ".join([f"{mode} past", *(rules if len(rules) == 1 else [])])
    return Answer(
        lambda exact: [file, about, replay_table(steps, exact=exact)],
        document=lambda: {"file": file, **replayed.data()},
        columns=replayed.to_dict,
        notes=[replayed.note] if replayed.note else [],
    )


def verify(
    file: Where,
    options: ScheduleOptions,
    mode: PastMode = "recorded",
    most: Annotated[int, Option("--most", metavar="N", min=1)] = 5,
) -> Answer:
    """Check that a schedule reproduces every recorded rate exactly. Exit 0 if so, else 1 with the first differences.

    Args:
        most: How many differences to show.
    """
    history = read_history(file)
    made = recipe(options)
    policies: list[NonFinitePolicy] = ["worse", "original"] if made.code is None else ["worse"]
    if options.non_finite is not None:
        policies = [options.non_finite]
    for policy in (*policies, policies[0]):  # if none reproduces all, the first one has the word
        replayed = replayed_by(made.schedule(history, policy), history, mode)
        different = replayed.differing
        if not different:
            break
    first = different[:most]
    if different:
        title = f"{len(different)} of {len(history)} epochs differ, the first of them:"
    else:
        title = f"all {len(history)} epochs are reproduced exactly"
        if policy != policies[0]:
            title += ", where NaN and infinite errors mean what they do in RETURNN"
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
        notes=[replayed.note] if different and replayed.note else [],
        code=FAILED if different else 0,
    )
