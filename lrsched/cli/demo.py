"""``lrsched demo``: the main commands on a bundled history."""

from pathlib import Path
from typing import Final

from lrsched.cli.options import AsJson
from lrsched.cli.output import say, say_json, say_table
from lrsched.cli.replay import say_replay
from lrsched.config.settings import schedule_from_config
from lrsched.core.decision import Action
from lrsched.pictures.tables import as_data as show_data, as_table
from lrsched.simulation.replaying import replay
from lrsched.storage.config import read_config
from lrsched.storage.opening import read

RECORDED: Final = Path(__file__).parent / "digits"
"""What examples/digits/train.py wrote, and its settings."""


def demo(as_json: AsJson = False) -> None:  # noqa: FBT002  typer's way
    """Show, replay and explain a bundled history: a small network's training on handwritten digits."""
    file, config = RECORDED / "learning_rates", RECORDED / "config.json"
    history = read(file)
    settings = read_config(config)
    schedule = schedule_from_config(settings)
    replayed = replay(schedule, history)
    different = replayed.differing
    if as_json:
        say_json(
            {
                "file": str(file),
                "settings": settings,
                "reproduced": not different,
                "epochs": replayed.data()["epochs"],
            }
        )
        return
    say("A small network learnt handwritten digits; lrsched set its learning rate. What the training recorded:")
    say_table(*as_table(list(show_data(history, None)), None), "lrsched show learning_rates")
    say("Its schedule, asked again with the recorded past, and why each rate is what it is:")
    say_replay(replayed, "lrsched replay learning_rates --config config.json")
    say(f"Reproduced exactly: {len(history) - len(different)} of {len(history)} epochs.")
    decays = [each for each in replayed if each.decision.action is Action.DECAY]
    if decays:
        say(f"Why did the rate drop at epoch {decays[-1].epoch}? {decays[-1].decision.describe()}.")
    say(f"Try it on the files yourself: {RECORDED}")
