"""Replay and verify."""

import pytest

from lrsched import Action, ArgumentError, EpochData, History, NewbobRelative
from lrsched.simulation.replaying import keep_recorded, replay, verify

NEWBOB = NewbobRelative(-0.01, default_learning_rate=0.5, learning_rate_decay=0.5)


def _recorded(*rates, score=1.0):
    return History(
        {epoch: EpochData(learning_rate=rate, error={"dev_score": score}) for epoch, rate in enumerate(rates, start=1)}
    )


def test_each_epoch_is_decided_from_the_recorded_past():
    replayed = replay(NEWBOB, _recorded(0.5, 0.4, 0.3))
    assert [each.decision.learning_rate for each in replayed] == [0.5, 0.5, 0.2]
    assert [each.recorded for each in replayed] == [0.5, 0.4, 0.3]
    assert [each.reproduced for each in replayed] == [True, False, False]


def test_free_goes_on_from_its_own_rates_with_the_recorded_errors():
    assert [each.decision.learning_rate for each in replay(NEWBOB, _recorded(0.5, 0.4, 0.3), "free")] == [
        0.5,
        0.5,
        0.25,
    ]


def test_an_epoch_of_unknown_rate_agrees_with_anything():
    history = _recorded(0.5, None)
    assert verify(NEWBOB, history) == ()
    assert replay(NEWBOB, history)[1].recorded is None


def test_epochs_may_be_missing():
    history = History({3: EpochData(learning_rate=0.5), 10**12: EpochData(learning_rate=0.5)})
    assert [each.epoch for each in replay(NEWBOB, history)] == [3, 10**12]
    assert verify(NEWBOB, history) == ()


def test_rates_set_by_hand_are_taken_as_given():
    history = _recorded(0.5, 0.3, 0.15)
    assert [each.epoch for each in verify(NEWBOB, history)] == [2]
    assert verify(keep_recorded(NEWBOB, history, [2]), history) == ()
    assert replay(keep_recorded(NEWBOB, history, [2]), history)[1].decision.action is Action.PRESET


@pytest.mark.parametrize("epoch", [2, 4])
def test_a_rate_that_is_not_there_cannot_be_kept(epoch):
    with pytest.raises(ArgumentError, match=f"an override must be an epoch with a recorded rate, got {epoch}"):
        keep_recorded(NEWBOB, _recorded(0.5, None, 0.5), [epoch])


def test_a_plain_function_sees_one_epoch_more_at_a_time():
    seen = []

    def look(history, epoch):
        seen.append(list(history))
        return 0.5

    replay(look, _recorded(0.5, 0.5, 0.5))
    assert seen == [[], [1], [1, 2]]


def test_other_modes_are_refused():
    with pytest.raises(ArgumentError, match="mode must be one of recorded, free, got 'own'"):
        replay(NEWBOB, History(), "own")
