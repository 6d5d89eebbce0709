"""``lrsched explain``: why an epoch has its learning rate."""

from typing import Annotated

from typer import Option

from lrsched.cli.options import ScheduleOptions, Where, read_history
from lrsched.cli.output import Answer
from lrsched.cli.scheduling import recipe
from lrsched.core.history import History
from lrsched.simulation.explaining import explain as explained_by, newest_change


def explain(
    file: Where,
    options: ScheduleOptions,
    epoch: Annotated[int | None, Option("--epoch", "-e", metavar="N", min=1)] = None,
) -> Answer:
    """Explain the rate that a schedule sets at an epoch: what it compared, and what would have changed the rate.

    It is decided from the recorded epochs before. The last line says the smallest change of a threshold that gives
    another rate.

    Args:
        epoch: The epoch, recorded or to come. By default the newest one whose rate changed.
    """
    history = read_history(file)
    chosen, which = (epoch, _gap(history, epoch)) if epoch is not None else _default(history)
    explained = explained_by(recipe(options).schedule(history), history, chosen)
    return Answer(
        lambda _: [f"{file}{which}", *explained.describe().splitlines()],
        document=lambda: {"file": file, **explained.data()},
        columns=explained.to_dict,
    )


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
