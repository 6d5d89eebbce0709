"""Reading a file while somebody else writes it."""

import contextlib
import copy
import pickle
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from lrsched import (
    ConflictError,
    EpochData,
    FileStorage,
    FormatError,
    History,
    LearningRateControl,
    NotWrittenError,
    StorageError,
    read,
)
from lrsched.errors import EmptyFileError, MissingFileError
from lrsched.formats.text import TEXT
from lrsched.testing import strategies

EMPTY = [b"", b" ", b"\n\n", b"\t \r\n", b"\xef\xbb\xbf"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "learning_rates"


def _kind(path):
    """Which of the three faults reading has: told apart as a reader would."""
    try:
        read(path)
    except NotWrittenError:
        return "not written"
    except FormatError:
        return "broken"
    except StorageError:
        return "the machine"
    return None


def test_what_is_not_written_yet_is_told_apart_from_every_other_fault(path, tmp_path):
    assert _kind(path) == "not written"
    assert _kind(tmp_path / "no folder" / "learning_rates") == "not written"
    for content in EMPTY:
        path.write_bytes(content)
        assert _kind(path) == "not written", content
    for content in (b"{", b"\0\0\0", b"x", b"\xff", b"[]", b"None"):
        path.write_bytes(content)
        assert _kind(path) == "broken", content
    assert _kind(tmp_path) == "the machine"
    assert _kind(path / "below a file") == "the machine"
    path.write_bytes(b"{}")
    assert _kind(path) is None


def test_who_knows_the_older_errors_still_catches_them(path):
    with pytest.raises(StorageError, match="No such file or directory"):
        read(path)
    with pytest.raises(FileNotFoundError) as missing:
        read(path)
    assert missing.value.filename == str(path)
    path.touch()
    with pytest.raises(FormatError, match="the file is empty; it may just be being written") as empty:
        read(path)
    assert (empty.value.filename, empty.value.line) == (str(path), 1)
    assert not isinstance(missing.value, FormatError)
    assert not isinstance(empty.value, StorageError)


def test_a_file_that_another_machine_replaces_while_it_is_read_is_not_broken(path, monkeypatch):
    """What a network disk says then."""

    def stale(*_, **__):
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(type(path), "open", stale)
    with pytest.raises(NotWrittenError, match="Stale file handle"):
        read(path)


def test_a_file_without_permission_is_a_fault_of_the_machine(path, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", forbidden)
    assert _kind(path) == "the machine"


def test_a_training_starts_with_no_file_and_not_over_an_empty_one(path):
    assert FileStorage(path).load() == History()
    for content in EMPTY:
        path.write_bytes(content)
        storage = FileStorage(path)
        with pytest.raises(NotWrittenError):
            storage.load()
        with pytest.raises(NotWrittenError):
            LearningRateControl(lambda history, epoch: 0.1, path)
        with pytest.raises(ConflictError):
            storage.save(History())
        assert path.read_bytes() == content


@pytest.mark.parametrize(
    "error",
    [
        FormatError("wrong", filename="f", line=3),
        FormatError("wrong"),
        EmptyFileError("empty", filename="f", line=1),
        MissingFileError(2, "No such file or directory", "f"),
        StorageError(5, "Input/output error", "f"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_are_the_same_in_another_process(error):
    for back in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(back) is type(error)
        assert str(back) == str(error)
        assert (back.filename, getattr(back, "line", 0)) == (error.filename, getattr(error, "line", 0))


@given(strategies.wild_histories(4), st.data())
def test_the_beginning_of_a_file_is_never_taken_for_the_file(tmp_path_factory, history, data):
    path = tmp_path_factory.getbasetemp() / "cut"
    whole = TEXT.render(history).encode(errors="surrogatepass")
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    try:
        assert read(path) == history
    except NotWrittenError:
        assert not whole[:cut].strip()
    except FormatError:
        assert whole[:cut].strip()
        assert whole[:cut] != whole
    else:
        assert whole[:cut].strip() == whole.strip()


# ---- with a second process that writes all the time
# State i has epochs 1 .. i % LONGEST + 1, and every number in it is i: parts of two states are no state.

LONGEST = 30
READS = 150

RENAMING = """
import itertools, sys
from lrsched import EpochData, FileStorage, History
storage = FileStorage(sys.argv[1])
for i in itertools.count():
    data = EpochData(learning_rate=float(i), error={"dev_score": float(i), "train_score": float(i)}, meta={"i": i})
    storage.save(History(dict.fromkeys(range(1, i % LONGEST + 2), data)))
    print(i, flush=True)
"""

RETURNNS = """
import contextlib, itertools, sys
from returnn.learning_rate_control import ConstantLearningRate
with contextlib.redirect_stdout(sys.stderr):  # it says that the file is not there yet
    control = ConstantLearningRate(default_learning_rate=1.0, filename=sys.argv[1])
for i in itertools.count():
    error = {"dev_score": float(i), "train_score": float(i)}
    control.epoch_data = {
        epoch: control.EpochData(learning_rate=float(i), error=error, meta={"i": i})
        for epoch in range(1, i % LONGEST + 2)
    }
    control.save()
    print(i, flush=True)
"""

# Without a rename a reader may see parts of two states, as every reader has to expect. Here a state is how the one
# after it begins, as it is in a training; so what is read at all is a state.
IN_PLACE = """
import itertools, sys
line = "%d: EpochData(learningRate=0.1, error={'dev_score': %d.0, 'train_score': 1.0}),\\n"
for i in itertools.count():
    with open(sys.argv[1], "w") as file:
        file.write("{\\n" + "".join(line % (epoch, epoch) for epoch in range(1, i % LONGEST + 2)) + "}\\n")
    print(i, flush=True)
"""


@pytest.fixture
def writer(path):
    """Starts a process that writes states; gives what to call to know that one more is written."""
    started = []

    def start(program):
        command = [sys.executable, "-c", program.replace("LONGEST", str(LONGEST)), str(path)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return lambda: int(started[0].stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.stdout.close()
        process.wait()


@pytest.mark.parametrize("program", [RENAMING, RETURNNS], ids=["lrsched", "RETURNN"])
def test_a_file_that_is_replaced_all_the_time_is_always_read_complete(path, writer, program):
    wait_for_one_more = writer(program)
    for _ in range(READS):
        said = wait_for_one_more()
        history = read(path)
        i = history[1].meta["i"]
        data = EpochData(learning_rate=float(i), error={"dev_score": float(i), "train_score": float(i)}, meta={"i": i})
        assert history == History(dict.fromkeys(range(1, i % LONGEST + 2), data))
        assert i >= said


def test_a_file_that_is_truncated_and_rewritten_is_read_whole_or_refused(path, writer):
    wait_for_one_more = writer(IN_PLACE)
    for _ in range(READS):
        wait_for_one_more()
        try:
            history = read(path)
        except (NotWrittenError, FormatError):
            continue
        assert list(history) == list(range(1, len(history) + 1))
        assert 1 <= len(history) <= LONGEST
        for epoch, data in history.items():
            assert data == EpochData(learning_rate=0.1, error={"dev_score": float(epoch), "train_score": 1.0})


def test_a_file_that_comes_and_goes_is_read_or_not_written(path, writer):
    wait_for_one_more = writer(RENAMING)
    for _ in range(READS):
        wait_for_one_more()
        path.unlink(missing_ok=True)
        with contextlib.suppress(NotWrittenError):
            assert len(read(path)) >= 1
