"""``lrsched replay`` and ``lrsched verify``: what a schedule says to a recorded history."""

from collections.abc import Sequence
from typing import Annotated

import typer

from lrsched.cli.options import (
    AsJson,
    ChangesOnly,
    Config,
    ExecConfig,
    NonFinite,
    Override,
    PastMode,
    PretrainEpochs,
    Settings,
    Where,
    given_by,
    read_history,
    settings,
)
from lrsched.cli.output import say, say_json, say_note, say_table
from lrsched.core.decision import Action
from lrsched.core.measure import NonFinitePolicy
from lrsched.formats.plain import Row
from lrsched.simulation.replaying import ReplayedEpoch, replay as replayed_by

DIFFERENT = 1

Most = Annotated[int, typer.Option("--most", metavar="N", min=1, help="How many differences to show.")]


def replay(
    file: Where,
    config: Config = None,
    set_: Settings = None,
    exec_config: ExecConfig = False,  # noqa: FBT002  typer's way
    mode: PastMode = "recorded",
    pretrain_epochs: PretrainEpochs = 0,
    override: Override = "",
    non_finite: NonFinite = None,
    changes_only: ChangesOnly = False,  # noqa: FBT002  typer's way
    as_json: AsJson = False,  # noqa: FBT002  typer's way
) -> None:
    """Show the rates that a schedule would have given, beside the recorded ones, each change with its reason."""
    history = read_history(file)
    given = given_by(history, settings(config, set_, execute=exec_config), pretrain_epochs, override)
    replayed = replayed_by(given.schedule(non_finite or "worse"), history, mode, reasons=True)
    if as_json:
        say_json({"file": file, **replayed.data()})
    else:
        say_replay(replayed, f"{file}, {mode} past", changes_only=changes_only)
        if replayed.note:
            say_note(replayed.note)


def verify(
    file: Where,
    config: Config = None,
    set_: Settings = None,
    exec_config: ExecConfig = False,  # noqa: FBT002  typer's way
    mode: PastMode = "recorded",
    pretrain_epochs: PretrainEpochs = 0,
    override: Override = "",
    non_finite: NonFinite = None,
    most: Most = 5,
    as_json: AsJson = False,  # noqa: FBT002  typer's way
) -> None:
    """Check that a schedule reproduces every recorded rate exactly. Exit 0 if so, else 1 with the first differences."""
    history = read_history(file)
    given = given_by(history, settings(config, set_, execute=exec_config), pretrain_epochs, override)
    policies: tuple[NonFinitePolicy, ...] = ("worse", "original") if non_finite is None else (non_finite,)
    attempts = {}
    for policy in policies:
        attempts[policy] = replayed_by(given.schedule(policy), history, mode)
        if not attempts[policy].differing:
            break
    else:
        policy = policies[0]
    told = attempts[policy]
    different = told.differing
    if as_json:
        say_json(
            {
                "file": file,
                "mode": mode,
                "note": told.note,
                "differs_from": told.differs_from,
                "reproduced": not different,
                "epochs": len(history),
                "non_finite_error": policy,
                "different": len(different),
                "differences": [each.data() for each in different[:most]],
            }
        )
    elif different:
        say_replay(different[:most], f"{file}: {len(different)} of {len(history)} epochs differ, the first of them:")
    else:
        as_original = "" if policy == policies[0] else ", where NaN and infinite errors mean what they do in RETURNN"
        say(f"{file}: all {len(history)} epochs are reproduced exactly{as_original}")
    if different:
        if told.note and not as_json:
            say_note(told.note)
        raise typer.Exit(DIFFERENT)


def say_replay(replayed: Sequence[ReplayedEpoch], title: str, *, changes_only: bool = False) -> None:
    """Print a replay as a table."""
    say_table(
        (">epoch", ">recorded", ">replayed", "", "why"),
        [_row(each) for each in replayed if not changes_only or each.is_news],
        title,
    )


def _row(replayed: ReplayedEpoch) -> Row:
    decision, recorded = replayed.decision, replayed.recorded
    quiet = decision.action is Action.KEEP and not replayed.is_news
    return (
        str(replayed.epoch),
        "" if recorded is None else repr(recorded),
        repr(replayed.learning_rate),
        "" if replayed.reproduced else "differs",
        decision.action if quiet else decision.describe(),
    )
