"""One contract, run over every kind of storage; then one state machine in which all must agree with memory."""

import contextlib
import gzip
import json
import math
import os
import pickle
import shutil
import sqlite3
import subprocess
import tempfile

import numpy
import pandas
import pytest
import strategies
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from storages import KINDS, ON_DISK, Place, can_be_held

from lrsched import (
    ArgumentError,
    ConflictError,
    Constant,
    EpochData,
    History,
    LearningRateControl,
    MemoryStorage,
    Preset,
    ReadOnly,
    Storage,
    StorageError,
    read,
)

ONE = History({1: EpochData(learning_rate=0.1, error={"dev_score": 1.0})})
TWO = ONE.set(2, EpochData(learning_rate=0.1))
STRANGE = History(
    {
        1: EpochData(
            learning_rate=-0.0,
            error={"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "-0": -0.0, "int": 3, "float": 3.0, "": 5e-324},
            meta={"": None, "größe_🙂": ("x", [1, {2.5: b"\0\xff"}]), "$tuple": {"$tuple": 1}, "q'\"\\\n\0": {1, "a"}},
        ),
        10**12: EpochData(error={"\ud800 alone": 1.0}, meta={"\udfff": "\udc00"}),
    }
)


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def _files(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_it_is_a_storage_and_says_what_it_is(kind, place):
    assert isinstance(kind(place), Storage)
    assert type(kind(place)).__name__ in repr(kind(place))


def test_nothing_saved_is_the_empty_history(kind, place):
    assert kind(place).load() == History()


def test_what_was_saved_is_loaded_by_this_and_the_next(kind, place):
    storage = kind(place)
    storage.save(ONE)
    assert storage.load() == ONE
    assert kind(place).load() == ONE
    storage.save(TWO)
    assert storage.load() == TWO
    assert kind(place).load() == TWO


@pytest.mark.parametrize("told", [True, False])
def test_epochs_may_come_and_change_and_go(kind, place, told):
    storage = kind(place)
    states = [TWO, ONE.set(3, EpochData(learning_rate=0.5)), ONE, ONE.set(1, EpochData(learning_rate=0.9)), History()]
    before = History()
    for state in states:
        changed = {epoch for epoch in {*before, *state} if before.get(epoch) != state.get(epoch)}
        storage.save(state, changed if told else None)
        assert kind(place).load() == state
        before = state


def test_who_is_told_of_more_than_changed_stores_the_same(kind, place):
    storage = kind(place)
    storage.save(TWO, {1, 2, 3, 99})
    storage.save(TWO, [2, 1, 7])
    assert kind(place).load() == TWO


def test_epochs_of_numpy_are_epochs(kind, place):
    storage = kind(place)
    storage.save(ONE, numpy.array([1]))
    storage.save(TWO, [numpy.int64(2)])
    assert kind(place).load() == TWO


def test_every_bit_is_kept(kind, place):
    kind(place).save(STRANGE)
    loaded = kind(place).load()
    assert loaded == STRANGE
    assert math.copysign(1, loaded[1].learning_rate) == math.copysign(1, loaded[1].error["-0"]) == -1
    assert [type(loaded[1].error[key]) for key in ("int", "float")] == [int, float]


@settings(
    max_examples=max(20, settings.default.max_examples // 10),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=strategies.histories())
def test_any_history_comes_back_as_it_was(kind, place, history):
    assume(can_be_held(history))
    storage = kind(place)
    storage.load()
    storage.save(history)
    assert kind(place).load() == history


def test_what_cannot_be_held_is_refused_and_the_old_is_kept(kind, place):
    """JSON has no character as two surrogates."""
    storage = kind(place)
    storage.save(ONE)
    history = History({1: EpochData(error={"\ud83d\ude00": 1.0}, meta={"a": "\ud83d\ude00"})})
    try:
        storage.save(history)
    except ArgumentError:
        assert kind(place).load() == ONE
        storage.save(TWO)
        assert kind(place).load() == TWO
    else:
        assert kind(place).load() == history


def test_the_largest_epoch_is_held_and_no_larger_one_is(kind, place):
    history = History({2**63 - 1: EpochData(learning_rate=0.1, error={"a": 1.0})})
    kind(place).save(history)
    assert kind(place).load() == history
    with pytest.raises(ArgumentError, match=r"epoch must be an integer below 2\*\*63"):
        history.set(2**63, EpochData())
    with pytest.raises(ArgumentError, match=r"epoch must be an integer below 2\*\*63"):
        History({2**63: EpochData()})


def test_what_another_saved_is_not_overwritten_unseen(kind, place):
    first, second = kind(place), kind(place)
    first.save(ONE)
    with contextlib.nullcontext() if second is first else pytest.raises(ConflictError):
        second.save(TWO, {2})
    if second is not first:
        assert kind(place).load() == ONE
        second.load()
        second.save(TWO, {2})
        with pytest.raises(ConflictError):
            first.save(History())
    assert kind(place).load() == TWO


def test_a_copy_for_another_process_has_seen_nothing(kind, place):
    storage = kind(place)
    storage.save(ONE)
    copy = pickle.loads(pickle.dumps(storage))
    assert copy.load() == ONE
    copy.save(TWO)
    assert copy.load() == TWO


def test_reading_changes_nothing_and_makes_nothing(kind, place):
    for saved in (None, ONE):
        if saved is not None:
            kind(place).save(saved)
        before = _files(place.folder)
        assert kind(place).load() == ReadOnly(kind(place)).load() == (saved or History())
        assert _files(place.folder) == before


def test_what_is_to_be_read_only_cannot_be_saved(kind, place):
    kind(place).save(ONE)
    readonly = ReadOnly(kind(place))
    with pytest.raises(StorageError, match="to be read only"):
        readonly.save(TWO)
    assert readonly.load() == kind(place).load() == ONE


def test_a_control_goes_on_where_another_stopped(kind, place):
    schedule = Preset(Constant(0.5), {7: 0.25})
    for epoch in range(1, 6):
        control = LearningRateControl(schedule, kind(place))
        assert control.last_finished_epoch == epoch - 1
        control.get_learning_rate_for_epoch(epoch)
        control.save()
        control.set_epoch_error(epoch, {"dev_score": 1.0 / epoch})
        control.set_default_learning_rate_for_epoch(9, 0.125)
        control.save()
        assert kind(place).load() == control.history
        assert list(control.history) == [*range(1, epoch + 1), 7, 9]


@pytest.mark.parametrize("kind", ON_DISK)
def test_what_was_unpickled_saves_over_nothing_before_it_has_loaded(kind, tmp_path):
    storage = ON_DISK[kind](Place(tmp_path))
    storage.save(ONE)
    copy = pickle.loads(pickle.dumps(storage))
    with pytest.raises(ConflictError):
        copy.save(TWO)
    assert storage.load() == ONE


@pytest.mark.parametrize("kind", ON_DISK)
def test_nothing_stays_open(kind, tmp_path):
    storage = ON_DISK[kind](Place(tmp_path))
    storage.save(ONE)
    before = os.listdir("/proc/self/fd")
    for history in (TWO, ONE):
        storage.save(history)
        storage.load()
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("kind", ON_DISK)
@pytest.mark.parametrize(("old", "new"), [(0.0, -0.0), (3, 3.0), (3.0, 3)])
def test_a_change_to_an_equal_number_is_kept(old, new, kind, told, tmp_path):
    storage = ON_DISK[kind](Place(tmp_path))
    storage.save(History({1: EpochData(error={"a": old})}))
    storage.save(History({1: EpochData(error={"a": new})}), {1} if told else None)
    assert repr(ON_DISK[kind](Place(tmp_path)).load()[1].error["a"]) == repr(new)


# ---- all of them at once


@st.composite
def an_epoch(draw):
    """As `strategies.epoch_data`, with a short name: Hypothesis writes out what rules take."""
    return draw(strategies.epoch_data())


class AllAgree(RuleBasedStateMachine):
    """Writes, reopenings, conversions, writers in between: memory says what must be there."""

    def __init__(self):
        super().__init__()
        self.place = Place(tempfile.mkdtemp())
        self.model = MemoryStorage()
        self.storages = {name: open_kind(self.place) for name, open_kind in KINDS.items()}

    def teardown(self):
        shutil.rmtree(self.place.folder)

    def save(self, history, changed):
        assume(can_be_held(history))
        for storage in (self.model, *self.storages.values()):
            storage.save(history, changed)

    @rule(epoch=strategies.epochs(), data=an_epoch(), told=st.booleans())
    def one_epoch(self, epoch, data, told):
        self.save(self.model.load().set(epoch, data), {epoch} if told else None)

    @rule(history=strategies.histories(max_size=4), told=st.booleans())
    def all_epochs(self, history, told):
        self.save(history, {*history, *self.model.load()} if told else None)

    @rule(data=st.data(), told=st.booleans())
    def fewer_epochs(self, data, told):
        before = self.model.load()
        kept = data.draw(st.sets(st.sampled_from(sorted(before)))) if before else set()
        self.save(History({epoch: before[epoch] for epoch in kept}), set(before) if told else None)

    @rule(names=st.sets(st.sampled_from(sorted(KINDS))))
    def reopen(self, names):
        for name in names:
            self.storages[name] = KINDS[name](self.place)
            self.storages[name].load()

    @rule(names=st.permutations(sorted(KINDS)))
    def convert(self, names):
        """Each is filled anew with what the one before it holds."""
        fresh = Place(tempfile.mkdtemp())
        for source, target in zip([names[-1], *names], names, strict=False):
            KINDS[target](fresh).save((self.storages[source] if source == names[-1] else KINDS[source](fresh)).load())
        shutil.rmtree(self.place.folder)
        self.place = fresh
        self.storages = {name: open_kind(fresh) for name, open_kind in KINDS.items()}
        for storage in self.storages.values():
            storage.load()

    @rule(name=st.sampled_from(sorted(KINDS)), data=an_epoch())
    def another_writes(self, name, data):
        """Whoever has not seen it is told, changes nothing, and can go on when he has."""
        other = KINDS[name](self.place)
        assume(other is not self.storages[name])
        before = other.load()
        history = before.set(5, data)
        assume(can_be_held(history) and history != before)
        other.save(history)
        with pytest.raises(ConflictError):
            self.storages[name].save(before)
        assert self.storages[name].load() == history
        self.storages[name].save(before)

    @invariant()
    def agree(self):
        wanted = self.model.load()
        for name, open_kind in KINDS.items():
            assert open_kind(self.place).load() == wanted, name


AllAgree.TestCase.settings = settings(
    max_examples=max(15, settings.default.max_examples // 10),
    stateful_step_count=12,
    suppress_health_check=list(HealthCheck),
)
TestAllAgree = AllAgree.TestCase


# ---- the bytes, read by who knows nothing of lrsched


def test_the_json_is_what_the_standard_library_reads(place):
    for name in ("json", "json.gz"):
        storage = ON_DISK[name](place)
        storage.save(STRANGE)
        content = storage.path.read_bytes()
        document = json.loads(gzip.decompress(content) if name.endswith("gz") else content, parse_constant=pytest.fail)
        assert (document["format"], document["version"]) == ("lrsched history", 1)
        assert [epoch["epoch"] for epoch in document["epochs"]] == [1, 10**12]
        assert document["epochs"][0]["error"] == {
            "nan": "NaN",
            "inf": "Infinity",
            "-inf": "-Infinity",
            "-0": 0.0,
            "int": 3,
            "float": 3.0,
            "": 5e-324,
        }
        assert document["epochs"][0]["meta"][""] is None
        assert document["epochs"][1] == {
            "epoch": 10**12,
            "learning_rate": None,
            "error": {"\ud800 alone": 1.0},
            "meta": {"\udfff": "\udc00"},
        }


def test_the_database_is_what_the_sqlite3_shell_reads(place):
    storage = ON_DISK["sqlite"](place)
    history = ONE.set(2, EpochData(learning_rate=0.25, error={"a": math.nan, "b": -math.inf, "c": 3}, meta={"m": (1,)}))
    storage.save(history)

    def shell(question):
        command = ["sqlite3", "-json", "-readonly", str(storage.path), question]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout or "[]")

    assert shell("SELECT epoch, learning_rate, key, value FROM history WHERE run = 'a'") == [
        {"epoch": 1, "learning_rate": 0.1, "key": "dev_score", "value": 1.0},
        {"epoch": 2, "learning_rate": 0.25, "key": "a", "value": None},
        {"epoch": 2, "learning_rate": 0.25, "key": "b", "value": -math.inf},
        {"epoch": 2, "learning_rate": 0.25, "key": "c", "value": 3},
    ]
    assert shell("SELECT key, value ->> '$.$tuple[0]' AS first FROM meta") == [{"key": "m", "first": 1}]
    assert shell("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert shell("PRAGMA foreign_key_check") == []
    assert shell("PRAGMA journal_mode") == [{"journal_mode": "wal"}]


def test_a_reader_that_keeps_the_database_open_is_in_nobodys_way(place):
    """Each connection sees the state from when it began to read, as pandas does while it fetches."""
    storage = ON_DISK["sqlite"](place)
    storage.save(ONE)
    with contextlib.closing(sqlite3.connect(storage.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM epochs").fetchone() == (1,)
        storage.save(TWO, {2})
        assert read(f"sqlite:///{place.url('runs.db')}") == TWO
        assert reader.execute("SELECT count(*) FROM epochs").fetchone() == (1,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM epochs").fetchone() == (2,)
        storage.save(ONE, {2})
    assert ON_DISK["sqlite"](place).load() == ONE


def test_pandas_reads_the_view(place):
    storage = ON_DISK["sqlite"](place)
    storage.save(STRANGE.set(2, EpochData(learning_rate=0.5, error={"dev_score": 1.5})).before(10))
    with contextlib.closing(sqlite3.connect(storage.path)) as connection:
        frame = pandas.read_sql("SELECT * FROM history", connection)
        storage.save(ONE)
    by_key = frame[frame.epoch == 1].set_index("key").value
    assert math.isnan(by_key["nan"])
    assert by_key["-inf"] == -math.inf
    assert list(frame[frame.epoch == 2].learning_rate) == [0.5]
