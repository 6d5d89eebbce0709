"""`History` against a plain dict, its model."""

import pickle

import numpy
import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lrsched import ArgumentError, EpochData, History
from lrsched.core.numbers import LARGEST_EPOCH

EPOCHS = st.one_of(st.integers(1, 12), st.integers(1, 40), st.integers(1, 10**15))
DATA = st.builds(EpochData, learning_rate=st.none() | st.sampled_from([0.0, 0.1, 0.2]))


class HistoryAndDict(RuleBasedStateMachine):
    """Every question has the same answer as with a sorted dict; and no change touches an older history."""

    def __init__(self):
        super().__init__()
        self.history = History()
        self.model = {}
        self.older = []

    @rule(epoch=EPOCHS, data=DATA)
    def set(self, epoch, data):
        self.older.append((self.history, dict(self.model)))
        self.history = self.history.set(epoch, data)
        self.model[epoch] = data

    @rule(step=st.integers(1, 3), data=DATA)
    def append(self, step, data):
        self.set(max(self.model, default=0) + step, data)

    @rule(epoch=EPOCHS)
    def cut(self, epoch):
        self.history = self.history.before(epoch)
        self.model = {e: d for e, d in self.model.items() if e < epoch}

    @rule()
    def rebuild(self):
        self.history = History(self.model)

    @rule(epoch=EPOCHS, number=st.integers(0, 5))
    def ask(self, epoch, number):
        earlier = sorted(e for e in self.model if e < epoch)
        rates = [self.model[e].learning_rate for e in earlier if self.model[e].learning_rate is not None]
        current = self.model[epoch].learning_rate if epoch in self.model else None
        newest = rates[-1] if rates else None
        assert self.history.last_epoch(before=epoch) == (earlier[-1] if earlier else None)
        kept = earlier[max(0, len(earlier) - number) :]
        assert list(self.history.newest(number, before=epoch)) == [(each, self.model[each]) for each in kept]
        assert self.history.most_recent_learning_rate(epoch) == newest
        assert self.history.most_recent_learning_rate(epoch, exclude_current=False) == (
            newest if current is None else current
        )
        assert (epoch in self.history) == (epoch in self.model)
        assert self.history.get(epoch) is self.model.get(epoch)

    @invariant()
    def same_content(self):
        assert list(self.history.items()) == sorted(self.model.items())
        assert list(self.history) == sorted(self.model)
        assert len(self.history) == len(self.model)
        assert all(self.history[epoch] is data for epoch, data in self.model.items())

    def teardown(self):
        for history, model in self.older:
            assert list(history.items()) == sorted(model.items())


TestHistoryAndDict = HistoryAndDict.TestCase


@given(st.dictionaries(EPOCHS, DATA), EPOCHS, DATA)
def test_equality_and_hash_do_not_depend_on_how_it_was_made(content, epoch, data):
    at_once = History({**content, epoch: data})
    step_by_step = History(content).set(epoch, data)
    backwards = History()
    for each in sorted(content, reverse=True):
        backwards = backwards.set(each, content[each])
    backwards = backwards.set(epoch, data)
    assert at_once == step_by_step == backwards
    assert hash(at_once) == hash(step_by_step) == hash(backwards)
    assert at_once == pickle.loads(pickle.dumps(at_once))
    assert at_once != at_once.set(epoch, EpochData(learning_rate=0.75))


@pytest.mark.parametrize("epoch", [0, -1, 1.0, "1", True, None])
def test_an_epoch_is_an_integer_from_1(epoch):
    with pytest.raises(ArgumentError, match="epoch must be an integer >= 1, got"):
        History().set(epoch, EpochData())
    assert epoch not in History() or epoch is True


def test_the_largest_epoch_is_the_last():
    largest = History().set(LARGEST_EPOCH, EpochData())
    assert largest == History({LARGEST_EPOCH: EpochData()})
    assert largest.last_epoch(before=LARGEST_EPOCH + 1) == LARGEST_EPOCH
    for made in (largest.set, lambda epoch, data: History({epoch: data})):
        with pytest.raises(ArgumentError, match=r"epoch must be an integer below 2\*\*63"):
            made(LARGEST_EPOCH + 1, EpochData())


def test_epochs_become_plain_and_can_be_asked_for_in_any_kind_of_integer():
    data = EpochData(learning_rate=0.5)
    for history in (History().set(numpy.int64(300), data), History({numpy.int64(300): data})):
        assert [type(epoch) for epoch in history] == [int]
        for epoch in (300, numpy.int64(300), int("300")):
            assert history[epoch] is history.get(epoch) is data
            assert epoch in history
        for epoch in (299, 301, 300.0, "300", None):
            assert history.get(epoch, "nothing") == "nothing"
            assert epoch not in history


def test_a_history_of_a_history_is_the_same():
    history = History({1: EpochData(), 9: EpochData()}).set(2, EpochData(learning_rate=0.5))
    assert History(history) == history == history.before(10)
    assert History(None) == History({}) == History() == history.before(1)
    assert eval(repr(history)) == history
    assert len({hash(each) for each in (history, history.before(9), history.before(2), History())}) == 4


def test_only_epoch_data_is_data():
    with pytest.raises(ArgumentError, match="the data of epoch 1 must be an EpochData, got 0.1"):
        History().set(1, 0.1)
    with pytest.raises(ArgumentError, match="the data of epoch 1 must be an EpochData, got 0.1"):
        History({1: 0.1})
    with pytest.raises(ArgumentError, match="a history must be a mapping"):
        History([EpochData()])


def test_a_missing_epoch_is_a_key_error():
    with pytest.raises(KeyError, match="3"):
        History()[3]


def test_presets_ahead_do_not_make_appending_slow():
    """Presets of later epochs wait in their own part: appending before them copies nothing that lies behind."""
    history = History({epoch: EpochData() for epoch in (*range(1, 1001), 10**6)}).set(1001, EpochData())
    longer = history.set(1002, EpochData())
    assert longer._ahead is not history._past
    assert (len(longer._past), len(longer._ahead)) == (1002, 1)
