"""Draw docs/_static/digits.png, the README's picture, from the bundled history: ``python docs/make_picture.py``."""

from pathlib import Path

import matplotlib.pyplot as plt

from lrsched import Action, read, read_config, schedule_from_config
from lrsched.cli.demo import RECORDED
from lrsched.simulation.replaying import replay

PICTURE = Path(__file__).parent / "_static" / "digits.png"
BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart by the colour-blind, too


def main() -> None:
    """Draw it."""
    history = read(RECORDED / "learning_rates")
    schedule = schedule_from_config(read_config(RECORDED / "config.json"))
    decisions = {each.epoch: each.decision for each in replay(schedule, history)}
    epochs = list(history)

    panels = {"height_ratios": (3, 2), "figsize": (8, 4.6), "layout": "constrained"}
    figure, (upper, lower) = plt.subplots(2, 1, sharex=True, **panels)
    upper.plot(epochs, [data.error["dev_score"] for data in history.values()], "o-", color=BLUE, markersize=3.5)
    upper.set_yscale("log")
    upper.set(ylabel="dev score", ylim=(0.1, 4.0), yticks=(0.1, 0.2, 0.5, 1.0), yticklabels=("0.1", "0.2", "0.5", "1"))
    upper.minorticks_off()
    lower.step(epochs, [data.learning_rate for data in history.values()], where="mid", color=ORANGE)
    lower.set_yscale("log")
    lower.set(xlabel="epoch", ylabel="learning rate", xlim=(0.5, epochs[-1] + 0.5), xticks=range(0, epochs[-1] + 1, 5))
    for epoch, decision in decisions.items():
        if decision.action is Action.DECAY:
            (change,) = decision.cause.comparisons
            upper.axvline(change.new_epoch, color="0.8", linewidth=0.8, zorder=0)
            upper.annotate(
                f"{100 * change.change:+.1f} %",
                (change.new_epoch, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(2, -2),
                textcoords="offset points",
                rotation=90,
                va="top",
                fontsize=8,
            )
            lower.axvline(epoch - 0.5, color="0.8", linewidth=0.8, zorder=0)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    title = "Halved when the dev score did not fall by 1 %, held for at least 2 epochs, never below 0.003"
    upper.set_title(title, loc="left", fontsize=9.5)
    figure.savefig(PICTURE, dpi=130)


if __name__ == "__main__":
    main()
