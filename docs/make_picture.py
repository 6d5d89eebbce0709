"""Draw the documentation's pictures from the bundled history: ``python docs/make_picture.py``."""

from pathlib import Path

from lrsched import read, read_config, schedule_from_config
from lrsched.cli.demo import RECORDED
from lrsched.pictures.figure import figure_of
from lrsched.pictures.look import image
from lrsched.pictures.run import Run
from lrsched.simulation import replay

PICTURES = Path(__file__).parent / "_static"
TITLE = "Halved when the dev score did not fall by 1 %, held for at least 2 epochs, never below 0.003"


def main() -> None:
    """Draw them."""
    history = read(RECORDED / "learning_rates")
    settings = read_config(RECORDED / "config.json")
    replayed = replay(schedule_from_config(settings), history)
    slower = replay(schedule_from_config(settings | {"newbob_learning_rate_decay": 0.8}), history, "free")
    keys = ["dev_score", "train_score"]
    for name, run in (
        ("digits", Run(TITLE, history, replayed)),
        ("compared", Run("learning_rates", history, replayed, {"slower.json": slower}, keys=keys)),
    ):
        (PICTURES / f"{name}.png").write_bytes(image(figure_of([run]), "png"))


if __name__ == "__main__":
    main()
