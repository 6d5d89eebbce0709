"""Train a small network on handwritten digits, with a learning rate that follows the error.

    python examples/digits/train.py FOLDER [--epochs 30]

The network and its data are real but tiny (NumPy; the digits of scikit-learn), so that the pattern stays in sight: ask
for the rate of the epoch, train, record what came of it, save. Kill it whenever you like and give the same command
again: it goes on after the last complete epoch, with the rates that it would have had.
"""

import argparse
import os
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.datasets import load_digits

from lrsched import LearningRateControl, schedule_from_config

SETTINGS: Final = {
    "learning_rate_control": "newbob_relative",
    "learning_rate_control_error_measure": "dev_score",
    "learning_rate_control_min_num_epochs_per_new_lr": 2,
    "learning_rate": 0.3,
    "min_learning_rate": 0.003,
    "newbob_learning_rate_decay": 0.5,
    "newbob_relative_error_threshold": -0.01,
}
SEED: Final = 1
HIDDEN_UNITS: Final = 32
BATCH_SIZE: Final = 50
MOMENTUM: Final = 0.9
NOISE: Final = 0.5  # on the pixels, so that the network does not learn them by heart
DEV_IMAGES: Final = 397

Arrays = dict[str, np.ndarray]
Data = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Data, Data]:
    """Train and dev data, each as images (number, 64) and labels (number,); pixels standardised by the train images."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(images))
    dev, train = order[:DEV_IMAGES], order[DEV_IMAGES:]
    spread = np.maximum(images[train].std(axis=0), 1.0)  # of 16 grey levels: some pixels are nearly always blank
    images = (images - images[train].mean(axis=0)) / spread
    return (images[train], labels[train]), (images[dev], labels[dev])


def new_weights() -> Arrays:
    """The weights before the first epoch, and the momentum of each."""
    rng = np.random.default_rng((SEED, 0))
    weights = {
        "w1": rng.normal(0.0, 64**-0.5, (64, HIDDEN_UNITS)),
        "b1": np.zeros(HIDDEN_UNITS),
        "w2": rng.normal(0.0, HIDDEN_UNITS**-0.5, (HIDDEN_UNITS, 10)),
        "b2": np.zeros(10),
    }
    return weights | {f"momentum_{name}": np.zeros_like(weight) for name, weight in weights.items()}


def forward(weights: Arrays, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The hidden units, and the logarithm of each digit's probability."""
    hidden = np.maximum(images @ weights["w1"] + weights["b1"], 0.0)
    logits = hidden @ weights["w2"] + weights["b2"]
    logits -= logits.max(axis=1, keepdims=True)
    return hidden, logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def gradients(weights: Arrays, images: np.ndarray, labels: np.ndarray) -> Arrays:
    """The gradient of the mean cross entropy by each weight."""
    hidden, log_probabilities = forward(weights, images)
    by_logits = (np.exp(log_probabilities) - np.eye(10)[labels]) / len(labels)
    by_hidden = by_logits @ weights["w2"].T * (hidden > 0)
    return {"w1": images.T @ by_hidden, "b1": by_hidden.sum(0), "w2": hidden.T @ by_logits, "b2": by_logits.sum(0)}


def train_epoch(weights: Arrays, data: Data, learning_rate: float, epoch: int) -> int:
    """Train in place; gives the number of steps. Chance depends on the epoch alone, so a restart repeats it."""
    images, labels = data
    rng = np.random.default_rng((SEED, epoch))
    images = images + rng.normal(0.0, NOISE, images.shape)
    order = rng.permutation(len(labels))
    batches = [order[start : start + BATCH_SIZE] for start in range(0, len(order), BATCH_SIZE)]
    for batch in batches:
        for name, gradient in gradients(weights, images[batch], labels[batch]).items():
            momentum = weights[f"momentum_{name}"]
            momentum *= MOMENTUM
            momentum -= learning_rate * gradient
            weights[name] += momentum
    return len(batches)


def evaluate(weights: Arrays, data: Data) -> tuple[float, float]:
    """The mean cross entropy, and the ratio of images taken for another digit."""
    images, labels = data
    _, log_probabilities = forward(weights, images)
    score = -log_probabilities[np.arange(len(labels)), labels].mean()
    return float(score), float((log_probabilities.argmax(axis=1) != labels).mean())


def save_weights(file: Path, weights: Arrays) -> None:
    """Write a file that, wherever the machine stops, is whole or is not there."""
    temporary = file.with_name(f".{file.name}.tmp")
    with temporary.open("wb") as stream:
        np.savez(stream, **weights)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)


def train(folder: Path, epochs: int) -> None:
    """Train up to epoch ``epochs``, from wherever an earlier run got to."""
    folder.mkdir(parents=True, exist_ok=True)
    control = LearningRateControl(schedule_from_config(SETTINGS), folder / "learning_rates")
    train_data, dev_data = load_data()

    def weights_file(epoch: int) -> Path:
        return folder / f"weights.{epoch:03}.npz"

    # An epoch is complete if both its errors and its weights are there. Whichever of the two is missing, the epoch is
    # trained again: a rate that is recorded already is given again, and the same errors take the place of the old.
    recorded = [epoch for epoch, data in control.history.items() if "dev_score" in data.error]
    complete = max((epoch for epoch in recorded if weights_file(epoch).exists()), default=0)
    if complete:
        with np.load(weights_file(complete)) as saved:
            weights = dict(saved)
    else:
        weights = new_weights()
    for epoch in range(complete + 1, epochs + 1):
        if epoch in recorded:
            print(f"epoch {epoch:2}  is recorded, but its weights are missing: training it again", flush=True)
        learning_rate = control.get_learning_rate_for_epoch(epoch)
        steps = train_epoch(weights, train_data, learning_rate, epoch)
        train_score, train_error = evaluate(weights, train_data)
        dev_score, dev_error = evaluate(weights, dev_data)
        control.set_epoch_error(epoch, {"train_score": train_score, "train_error": train_error})
        control.set_epoch_error(epoch, {"dev_score": dev_score, "dev_error": dev_error})
        control.set_epoch_meta(epoch, {"steps": steps})
        save_weights(weights_file(epoch), weights)
        control.save()  # last: only now is the epoch complete
        scores = f"train_score {train_score:.4f}  dev_score {dev_score:.4f}  dev_error {dev_error:.4f}"
        print(f"epoch {epoch:2}  learning rate {learning_rate:<9.5g}  {scores}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train a small network on handwritten digits.")
    parser.add_argument("folder", type=Path, help="for the learning rates and the weights")
    parser.add_argument("--epochs", type=int, default=30, help="the last epoch (default: 30)")
    arguments = parser.parse_args()
    train(arguments.folder, arguments.epochs)
