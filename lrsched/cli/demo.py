"""``lrsched demo``: the main commands on a bundled history."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from lrsched.cli.options import ScheduleOptions
from lrsched.cli.output import Answer, Part, Printing
from lrsched.cli.questions import replay
from lrsched.cli.show import show
from lrsched.core.decision import Action
from lrsched.storage.config import read_config

RECORDED: Final = Path(__file__).parent / "digits"
"""What examples/digits/train.py wrote, and its settings."""


def demo() -> Answer:
    """Show, replay and explain a bundled history: a small network's training on handwritten digits.

    Examples:
        lrsched demo
    """
    file, config = str(RECORDED / "learning_rates"), RECORDED / "config.json"
    showed, replayed = show(file, Printing(), ScheduleOptions()), replay(file, ScheduleOptions(config=(config,)))
    epochs = replayed.document()["epochs"]
    same = sum(each["reproduced"] for each in epochs)

    def shown(exact: bool) -> Iterator[Part]:  # noqa: FBT001  as in `Answer`
        yield "A small network learnt handwritten digits; lrsched set its learning rate. Its history:"
        yield "lrsched show learning_rates"
        yield from islice(showed.shown(exact), 1, None)
        yield "The same schedule, asked again with the recorded past, and why each rate changed:"
        yield "lrsched replay learning_rates --config config.json"
        yield from islice(replayed.shown(exact), 1, None)
        yield f"Reproduced exactly: {same} of {len(epochs)} epochs."
        for each in [each for each in epochs if each["decision"].action is Action.DECAY][-1:]:
            yield f"Why did the rate drop at epoch {each['epoch']}? {each['decision'].describe(exact=exact)}."
        yield f"Try it on the files yourself: {RECORDED}"

    document = {"file": file, "settings": read_config(config), "reproduced": same == len(epochs), "epochs": epochs}
    return Answer(shown, lambda: document, replayed.columns)
