"""What only a file can get wrong."""

import gzip
import itertools
import os
import stat
from pathlib import Path

import attrs
import pytest

from lrsched import (
    ArgumentError,
    ConflictError,
    EpochData,
    FileStorage,
    FormatError,
    History,
    NotWrittenError,
    StorageError,
    open_storage,
    read,
)
from lrsched.formats.text import TEXT
from lrsched.storage import disk

ONE = History({1: EpochData(learning_rate=0.1, error={"dev_score": 1.0})})
TWO = ONE.set(2, EpochData(learning_rate=0.1))


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
    FileStorage(path).save(History())
    link = tmp_path / "link"
    link.symlink_to(path)
    storage = FileStorage(link, backups=1)
    storage.load()
    storage.save(ONE)
    assert link.is_symlink()
    assert read(path) == ONE
    assert set(os.listdir(tmp_path)) == {"learning_rates", ".learning_rates.lock", "learning_rates.backup1", "link"}


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


def test_what_could_not_be_loaded_again_is_not_saved(path, monkeypatch):
    storage = FileStorage(path)
    storage.save(ONE)
    monkeypatch.setattr(disk, "LARGEST", path.stat().st_size)
    storage.save(ONE)
    with pytest.raises(StorageError, match="it would have more than 62 bytes; keep it in a database"):
        storage.save(TWO)
    assert read(path) == ONE


# ---- formats and packing


def test_the_suffix_says_the_format(tmp_path):
    begins = {"learning_rates": b"{", "run.json": b'{"format"', "RUN.JSON": b'{"format"', "run.gz": b"\x1f\x8b"}
    for name, begin in begins.items():
        open_storage(tmp_path / name).save(ONE)
        assert (tmp_path / name).read_bytes().startswith(begin)
        assert read(tmp_path / name) == ONE
    FileStorage(tmp_path / "text.json", TEXT).save(ONE)
    assert read(f"text:{tmp_path}/text.json") == ONE
    with pytest.raises(FormatError):
        read(tmp_path / "text.json")


def test_a_packed_file_is_the_other_one_packed(tmp_path):
    for name in ("learning_rates", "run.json"):
        for suffix in ("", ".gz"):
            open_storage(tmp_path / f"{name}{suffix}").save(TWO)
        packed = (tmp_path / f"{name}.gz").read_bytes()
        assert gzip.decompress(packed) == (tmp_path / name).read_bytes()
        open_storage(tmp_path / f"again_{name}.gz").save(TWO)
        assert (tmp_path / f"again_{name}.gz").read_bytes() == packed  # no time stands in it


def test_a_packed_file_that_is_empty_is_not_written_yet(tmp_path):
    path = tmp_path / "run.json.gz"
    path.touch()
    with pytest.raises(NotWrittenError):
        read(path)


# ---- backups


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("run.json", "run.backup1.json", "run.backup2.json"),
        ("learning_rates", "learning_rates.backup1", "learning_rates.backup2"),
        ("run.json.gz", "run.backup1.json.gz", "run.backup2.json.gz"),
    ],
)
def test_as_many_generations_are_kept_as_were_asked_for(name, first, second, tmp_path):
    storage = FileStorage(tmp_path / name, backups=2)
    histories = [ONE, TWO, TWO.set(3, ONE[1]), TWO.set(4, ONE[1])]
    for number, history in enumerate(histories):
        storage.save(history)
        kept = [read(tmp_path / other) for other in (first, second) if (tmp_path / other).exists()]
        assert kept == histories[max(0, number - 2) : number][::-1]
        assert read(tmp_path / name) == history
    assert set(os.listdir(tmp_path)) == {name, f".{name}.lock", first, second}


def test_a_restart_goes_on_with_the_generations(tmp_path):
    path = tmp_path / "run.json"
    FileStorage(path, backups=1).save(ONE)
    storage = FileStorage(path, backups=1)
    storage.load()
    storage.save(TWO)
    assert read(tmp_path / "run.backup1.json") == ONE


def test_without_a_wish_no_generation_is_kept(tmp_path):
    storage = FileStorage(tmp_path / "run.json")
    storage.save(ONE)
    storage.save(TWO)
    assert set(os.listdir(tmp_path)) == {"run.json", ".run.json.lock"}


@pytest.mark.parametrize("step", [0, 1])  # the new file cannot be written, or the backup
def test_saves_that_fail_keep_every_generation(step, tmp_path, monkeypatch):
    storage = FileStorage(tmp_path / "run.json", backups=2)
    histories = [ONE, TWO, TWO.set(3, ONE[1])]
    for history in histories:
        storage.save(history)
    calls = itertools.count()
    real = os.fsync

    def fsync(descriptor):
        if next(calls) % (step + 1) == step:
            raise OSError(28, "No space left on device")
        real(descriptor)

    def generations():
        return [read(tmp_path / name) for name in ("run.json", "run.backup1.json", "run.backup2.json")]

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        for _ in range(5):
            with pytest.raises(StorageError, match="No space left"):
                storage.save(History())
    assert generations() == histories[::-1]
    storage.save(History())
    assert generations() == [History(), histories[2], histories[1]]


def test_a_save_that_was_interrupted_behind_the_rename_is_no_conflict(tmp_path, monkeypatch):
    """Ctrl-C takes effect only when the system call is done."""
    storage = FileStorage(tmp_path / "run.json")
    storage.save(ONE)
    real = Path.replace

    def replace(self, target):
        real(self, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            storage.save(TWO)
    assert read(tmp_path / "run.json") == TWO
    storage.save(TWO.set(3, ONE[1]))
    assert len(read(tmp_path / "run.json")) == 3


def test_a_byte_order_mark_is_no_text_and_moves_no_line(path):
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.render(TWO).encode())
    assert read(path) == TWO
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.render(TWO).encode()[:-2] + b"\xff")
    with pytest.raises(FormatError, match="not text in UTF-8 @ .*learning_rates:4"):
        read(path)
    assert len(FileStorage(path).salvage()[0]) == 2


def test_a_file_without_an_end_is_refused(path, monkeypatch):
    monkeypatch.setattr(disk, "LARGEST", 2**20)
    path.symlink_to("/dev/zero")
    with pytest.raises(StorageError, match="it has more than 1048576 bytes"):
        read(path)


@pytest.mark.parametrize("backups", [-1, 1.5, "2", True, 1001])
def test_backups_are_a_number(tmp_path, backups):
    with pytest.raises(ArgumentError, match="backups must be (an integer >= 0|at most 1000)"):
        FileStorage(tmp_path / "run.json", backups=backups)
