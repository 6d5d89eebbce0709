"""What is drawn of a training, and which words mark it."""

import pytest
from pictures import awkward

from lrsched import EpochData, NewbobMultiEpoch, NewbobRelative
from lrsched.core.decision import Action, Cause, Decision
from lrsched.core.history import History
from lrsched.pictures.run import Run, reason
from lrsched.simulation import replay


def test_the_error_that_the_schedule_compared_is_drawn_whatever_else_would_count():
    both = {e: EpochData(learning_rate=0.1, error={"dev_score": 1.0, "train_score": 2.0}) for e in range(1, 6)}
    schedule = NewbobRelative(-0.01, default_learning_rate=0.1, error_measure_key="train_score")
    assert list(Run("a", History(both)).errors) == ["dev_score"]
    assert list(Run("a", History(both), replay(schedule, History(both))).errors) == ["train_score"]


def test_of_several_comparisons_the_newest_counts():
    history = awkward.history([1.0] * 4, [0.1] * 4, key="a")
    for epoch, data in awkward.history([1.0] * 5, [0.1] * 5, first=5, key="b").items():
        history = history.set(epoch, data)
    thresholds = {"relative_error_threshold": -0.01, "relative_error_grow_threshold": -0.1}
    schedule = NewbobMultiEpoch(num_epochs=3, update_interval=1, default_learning_rate=0.1, **thresholds)
    assert list(Run("a", history, replay(schedule, history)).errors) == ["b"]


@pytest.mark.parametrize(
    ("action", "measure", "thresholds", "text"),
    [
        (Action.GROW, "relative error", {"threshold": -0.01, "grow_threshold": -0.05}, "-12 % < -5 %"),
        (Action.GROW, "relative error", {"threshold": -0.01}, "-12 % < -1 %"),
        (Action.DECAY, "relative error", {"threshold": -0.5, "grow_threshold": -0.75}, "-12 % > -50 %"),
        (Action.DECAY, "error difference", {"threshold": -0.5}, "-0.12 > -0.5"),
    ],
)
def test_a_reason_has_the_threshold_that_counted_and_its_unit(action, measure, thresholds, text):
    assert reason(Decision(0.1, 0.2, action, Cause("newbob", "", measure=measure, change=-0.12, **thresholds))) == text
