"""``lrsched demo``: the main commands on a bundled history."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lrsched.cli.output import Answer, Part
from lrsched.config.settings import schedule_from_config
from lrsched.core.decision import Action
from lrsched.core.measure import RETURNNS
from lrsched.report.answers import replay_table
from lrsched.report.tables import about_key, as_data, history_table
from lrsched.simulation.replaying import replay
from lrsched.storage.config import read_config
from lrsched.storage.opening import read

RECORDED: Final = Path(__file__).parent / "digits"
"""What examples/digits/train.py wrote, and its settings."""


def demo() -> Answer:
    """Show, replay and explain a bundled history: a small network's training on handwritten digits."""
    file, config = RECORDED / "learning_rates", RECORDED / "config.json"
    history = read(file)
    settings = read_config(config)
    replayed = replay(schedule_from_config(settings), history)
    different = replayed.differing
    epochs = list(as_data(history, None, RETURNNS))

    def shown(exact: bool) -> Iterator[Part]:  # noqa: FBT001  as in `Answer`
        yield "A small network learnt handwritten digits; lrsched set its learning rate. Its history:"
        yield "lrsched show learning_rates"
        yield from about_key(epochs, None)
        yield history_table(epochs, exact=exact)
        yield "The same schedule, asked again with the recorded past, and why each rate changed:"
        yield "lrsched replay learning_rates --config config.json"
        yield replay_table(replayed.steps, exact=exact)
        yield f"Reproduced exactly: {len(history) - len(different)} of {len(history)} epochs."
        for each in [each for each in replayed if each.decision.action is Action.DECAY][-1:]:
            yield f"Why did the rate drop at epoch {each.epoch}? {each.decision.describe(exact=exact)}."
        yield f"Try it on the files yourself: {RECORDED}"

    return Answer(
        shown,
        document=lambda: {
            "file": str(file),
            "settings": settings,
            "reproduced": not different,
            "epochs": replayed.data()["epochs"],
        },
        columns=replayed.to_dict,
    )
