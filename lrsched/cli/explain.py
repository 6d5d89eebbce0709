"""``lrsched explain``: why an epoch has its learning rate."""

from typing import Annotated

import typer

from lrsched.cli.options import (
    AsJson,
    Config,
    ExecConfig,
    NonFinite,
    Override,
    PretrainEpochs,
    Settings,
    Where,
    given_by,
    read_history,
    settings,
)
from lrsched.cli.output import say, say_json
from lrsched.core.history import History
from lrsched.simulation.explaining import explain as explained_by, newest_change

Epoch = Annotated[
    int | None,
    typer.Option(
        "--epoch",
        "-e",
        metavar="N",
        min=1,
        help="The epoch, recorded or to come. By default the newest one whose rate changed.",
    ),
]


def explain(
    file: Where,
    config: Config = None,
    set_: Settings = None,
    exec_config: ExecConfig = False,  # noqa: FBT002  typer's way
    epoch: Epoch = None,
    pretrain_epochs: PretrainEpochs = 0,
    override: Override = "",
    non_finite: NonFinite = None,
    as_json: AsJson = False,  # noqa: FBT002  typer's way
) -> None:
    """Explain the rate that a schedule gives an epoch: what it compared, and what would have changed the rate.

    It is decided from the recorded epochs before. The last line says the smallest change of a threshold that gives
    another rate.
    """
    history = read_history(file)
    given = given_by(history, settings(config, set_, execute=exec_config), pretrain_epochs, override)
    chosen, which = (epoch, _gap(history, epoch)) if epoch is not None else _default(history)
    explained = explained_by(given.schedule(non_finite or "worse"), history, chosen)
    if as_json:
        say_json({"file": file, **explained.data()})
        return
    say(f"{file}{which}")
    for line in explained.describe().splitlines():
        say(line)


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
