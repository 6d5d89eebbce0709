"""Replay and verify."""

import json

import attrs
import numpy as np
import pytest

from lrsched import Action, ArgumentError, EpochData, History, NewbobRelative
from lrsched.simulation.replaying import keep_recorded, replay, verify
from lrsched.simulation.results import what_if

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
    with pytest.raises(ArgumentError, match="mode must be one of 'recorded', 'free', got 'own'"):
        replay(NEWBOB, History(), "own")


def test_a_replay_is_a_sequence_of_its_epochs():
    told = replay(NEWBOB, _recorded(0.5, 0.4, 0.3))
    assert (len(told), told[0], told[-1], told[1:]) == (3, told.steps[0], told.steps[2], told.steps[1:])
    assert list(told) == [*told.steps] == list(reversed([*reversed(told)]))
    assert told.steps[1] in told
    assert told == replay(NEWBOB, _recorded(0.5, 0.4, 0.3)) != replay(NEWBOB, _recorded(0.5, 0.4, 0.3), "free")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        told.mode = "free"


def test_the_arrays_of_a_replay():
    told = replay(NEWBOB, History({3: EpochData(learning_rate=0.5), 7: EpochData(), 9: EpochData(learning_rate=0.25)}))
    np.testing.assert_array_equal(told.epochs, [3, 7, 9])
    np.testing.assert_array_equal(told.recorded, [0.5, np.nan, 0.25])
    np.testing.assert_array_equal(told.learning_rates, [0.5, 0.5, 0.5])
    assert (told.epochs.dtype, told.recorded.dtype, told.learning_rates.dtype) == (np.int64, np.float64, np.float64)


def test_where_a_replay_differs():
    told = replay(NEWBOB, _recorded(0.5, 0.4, None, 0.3))
    assert [step.epoch for step in told.differing] == [2, 4]
    assert told.differs_from == 2
    same = replay(NEWBOB, _recorded(0.5, None, 0.5))
    assert (same.differing, same.differs_from) == ((), None)
    assert verify(NEWBOB, _recorded(0.5, 0.4)) == replay(NEWBOB, _recorded(0.5, 0.4)).differing


def test_only_a_free_replay_has_a_note():
    history = _recorded(0.5, 0.4)
    assert replay(NEWBOB, history).note is None
    assert replay(NEWBOB, history, "free").note == what_if(2)
    assert replay(NEWBOB, _recorded(0.5, 0.5), "free").note == what_if(None)


def test_a_replay_as_a_table_and_as_json():
    told = replay(NEWBOB, _recorded(0.5, 0.5, 0.25, None), "free")
    decisions = [step.decision for step in told]
    assert told.to_dict() == {
        "epoch": [1, 2, 3, 4],
        "recorded": [0.5, 0.5, 0.25, None],
        "learning_rate": [0.5, 0.5, 0.25, 0.125],
        "reproduced": [True, True, True, True],
        "guess": [False, False, False, False],
        "action": ["default", "keep", "decay", "decay"],
        "why": [decision.describe(exact=True) for decision in decisions],
    }
    read = json.loads(told.to_json(), parse_constant=pytest.fail)
    assert (read["mode"], read["note"], read["differs_from"]) == ("free", told.note, None)
    assert [step["why"] for step in read["epochs"]] == told.to_dict()["why"]
    assert read["epochs"][2]["decision"]["cause"]["threshold"] == -0.01
    assert read["epochs"][3]["recorded"] is None


def test_what_comes_after_another_rate_in_a_free_replay_is_a_guess():
    history = _recorded(0.5, 0.4, 0.25, None)
    told = replay(NEWBOB, history, "free")
    assert (told.differs_from, told.guesses) == (2, (False, False, True, True))
    assert [step["guess"] for step in told.data()["epochs"]] == told.to_dict()["guess"] == list(told.guesses)
    assert replay(NEWBOB, history).guesses == (False, False, False, False)


def test_news_is_a_change_of_the_rate_or_another_one_than_recorded():
    told = replay(NEWBOB, _recorded(0.5, 0.5, 0.25, 0.25, None, score=1.0))
    assert [step.is_news for step in told] == [True, False, True, True, True]
    kept = replay(attrs.evolve(NEWBOB, learning_rate_decay=1.0), _recorded(0.5, 0.5, 0.25, 0.25, None))
    assert [step.is_news for step in kept] == [True, False, True, False, False]
