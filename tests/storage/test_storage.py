"""One contract, run over every storage; then what only a file can get wrong."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
import strategies
from hypothesis import HealthCheck, given, settings

from lrsched import ConflictError, EpochData, FileStorage, FormatError, History, MemoryStorage, StorageError, read
from lrsched.formats.text import TEXT

ONE = History({1: EpochData(learning_rate=0.1, error={"dev_score": 1.0})})
TWO = ONE.set(2, EpochData(learning_rate=0.1))

# Each kind opens a storage at a place: opened again, it holds what was saved there.
KINDS = {
    "memory": lambda place: place.setdefault("memory", MemoryStorage()),
    "text": lambda place: FileStorage(place["folder"] / "learning_rates"),
}


@pytest.fixture(params=KINDS)
def open_storage(request, tmp_path):
    place = {"folder": tmp_path}
    return lambda: KINDS[request.param](place)


def test_nothing_saved_is_the_empty_history(open_storage):
    assert open_storage().load() == History()


def test_what_was_saved_is_loaded_by_this_and_the_next(open_storage):
    storage = open_storage()
    storage.save(ONE)
    assert storage.load() == ONE
    assert open_storage().load() == ONE
    storage.save(TWO)
    assert storage.load() == TWO
    assert open_storage().load() == TWO


def test_epochs_may_go_and_change(open_storage):
    storage = open_storage()
    storage.save(TWO)
    storage.save(ONE.set(3, EpochData(learning_rate=0.5)))
    assert list(open_storage().load()) == [1, 3]
    changed = ONE.set(1, EpochData(learning_rate=0.9))
    storage.save(changed)
    assert open_storage().load() == changed
    storage.save(History())
    assert open_storage().load() == History()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=strategies.histories())
def test_any_history_comes_back_as_it_was(open_storage, history):
    storage = open_storage()
    storage.load()
    storage.save(history)
    assert open_storage().load() == history


@pytest.fixture
def path(tmp_path):
    return tmp_path / "learning_rates"


def test_the_bytes_are_those_of_the_legacy_file(path):
    FileStorage(path).save(TWO)
    assert path.read_bytes() == (
        b"{\n1: EpochData(learningRate=0.1, error={'dev_score': 1.0}),\n2: EpochData(learningRate=0.1, error={}),\n}\n"
    )


def test_a_file_that_was_not_loaded_is_not_overwritten(path):
    path.write_text("not a learning-rate file")
    with pytest.raises(ConflictError, match="load it first"):
        FileStorage(path).save(ONE)
    assert path.read_text() == "not a learning-rate file"


def test_a_file_that_was_only_touched_is_no_conflict(tmp_path):
    path = tmp_path / "learning_rates"
    storage = FileStorage(path)
    storage.save(ONE)
    os.utime(path, (1, 1))
    storage.save(ONE)
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    copy.replace(path)
    storage.save(ONE)
    assert read(path) == ONE


def test_an_unreadable_file_stays_so_even_after_a_try_to_load_it(path):
    path.write_text("{1: EpochData(")
    storage = FileStorage(path)
    with pytest.raises(FormatError):
        storage.load()
    with pytest.raises(ConflictError):
        storage.save(ONE)
    assert path.read_text() == "{1: EpochData("


def test_a_file_that_went_away_is_written_anew(path):
    storage = FileStorage(path)
    storage.save(ONE)
    path.unlink()
    storage.save(TWO)
    assert read(path) == TWO


def test_a_symbolic_link_is_followed(path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    FileStorage(link).save(ONE)
    assert link.is_symlink()
    assert read(path) == ONE


def test_the_rights_of_a_file_are_kept_and_those_of_a_new_one_follow_the_umask(path):
    umask = os.umask(0o027)
    try:
        storage = FileStorage(path)
        storage.save(ONE)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        storage.save(TWO)
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
    finally:
        os.umask(umask)


@pytest.mark.parametrize("make", [lambda p: p.mkdir(), lambda p: p.symlink_to(p)], ids=["a folder", "a link to itself"])
def test_what_is_no_file_is_a_storage_error(path, make):
    make(path)
    with pytest.raises(StorageError, match="learning_rates"):
        FileStorage(path).load()
    with pytest.raises((StorageError, ConflictError), match="learning_rates"):
        FileStorage(path).save(ONE)


def test_a_missing_folder_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="its folder is not there"):
        FileStorage(tmp_path / "no" / "learning_rates").save(ONE)


def test_a_path_that_cannot_be_is_a_storage_error():
    for use in (read, lambda path: FileStorage(path).load(), lambda path: FileStorage(path).save(ONE)):
        with pytest.raises(StorageError):
            use("a\0b")


def test_bytes_that_are_no_text_are_refused_with_the_line(path):
    path.write_bytes(b"{\n1: EpochData(learningRate=0.1, error={'\xff': 1.0})}\n")
    with pytest.raises(FormatError, match="not text in UTF-8 @ .*learning_rates:2"):
        read(path)


def test_a_failed_write_leaves_the_old_file_and_no_other(path, monkeypatch):
    storage = FileStorage(path)
    storage.save(ONE)

    def no_space(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(StorageError, match="No space left on device"):
            storage.save(TWO)
    assert read(path) == ONE
    assert set(os.listdir(path.parent)) == {"learning_rates", ".learning_rates.lock"}
    storage.save(TWO)
    assert read(path) == TWO


def test_the_file_is_synced_before_the_rename_and_the_folder_after_it(path, monkeypatch):
    calls = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor):
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_fsync(descriptor)

    def replace(source, target):
        calls.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    FileStorage(path).save(ONE)
    assert calls == ["file", "rename", "folder"]


SAVE_FOR_EVER = """
import sys
from lrsched import EpochData, FileStorage, History
storage, history = FileStorage(sys.argv[1]), History()
for epoch in range(1, 10**6):
    history = history.set(epoch, EpochData(learning_rate=0.5, error={"dev_score": float(epoch)}))
    storage.save(history)
    print(epoch, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 2, 5, 20, 50])
def test_a_killed_writer_leaves_the_last_acknowledged_save_or_the_next(path, acknowledged):
    with subprocess.Popen(
        [sys.executable, "-c", SAVE_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        for _ in range(acknowledged):
            writer.stdout.readline()
        writer.kill()
        said = acknowledged + sum(1 for line in writer.stdout if line.endswith("\n"))
    assert len(read(path)) in (said, said + 1)


def test_only_what_changed_is_rendered_again(path):
    rendered = []

    def render_epoch(epoch, data):
        rendered.append(epoch)
        return TEXT.render_epoch(epoch, data)

    storage = FileStorage(path, attrs.evolve(TEXT, render_epoch=render_epoch))
    storage.save(ONE)
    storage.save(TWO)
    storage.save(TWO.set(1, EpochData(learning_rate=0.7)))
    assert rendered == [1, 2, 1]


def test_a_leftover_of_a_crash_is_in_nobodys_way(path):
    Path(f"{path.parent}/.{path.name}.1.deadbeef.tmp").write_text("half a fi")
    FileStorage(path).save(ONE)
    assert read(path) == ONE
