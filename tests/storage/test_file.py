"""What only a file can get wrong."""

import contextlib
import errno
import gzip
import itertools
import os
import random
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
from lrsched.errors import MissingFileError
from lrsched.formats.json import JSON
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


@pytest.mark.parametrize("told_by", ["the time", "the file", "the length", "nothing else"])
def test_another_content_is_told_whatever_else_tells_it(told_by, path, tmp_path):
    storage = FileStorage(path)
    storage.save(ONE)
    before = path.stat()
    other = TWO if told_by == "the length" else History({1: EpochData(learning_rate=0.1, error={"dev_score": 2.0})})
    if told_by == "the file":
        (tmp_path / "new").write_text(TEXT.render(other))
        (tmp_path / "new").replace(path)
    else:
        path.write_text(TEXT.render(other))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + (told_by == "the time")))
    now = path.stat()
    told = [now.st_mtime_ns != before.st_mtime_ns, now.st_ino != before.st_ino, now.st_size != before.st_size]
    assert told == [told_by == each for each in ("the time", "the file", "the length")]
    with pytest.raises(ConflictError):
        storage.save(ONE)
    assert read(path) == other


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


def test_the_lock_is_that_of_the_file_whatever_link_leads_to_it(tmp_path):
    for name in ("there", "here"):
        (tmp_path / name).mkdir()
    link = tmp_path / "here" / "link"
    link.symlink_to(tmp_path / "there" / "learning_rates")
    FileStorage(link.resolve()).save(ONE)
    storage = FileStorage(link)
    storage.load()
    storage.save(TWO)
    assert os.listdir(tmp_path / "here") == ["link"]
    assert set(os.listdir(tmp_path / "there")) == {"learning_rates", ".learning_rates.lock"}


def test_what_another_saves_while_one_waits_for_the_lock_is_not_overwritten(path, monkeypatch):
    storage = FileStorage(path)
    storage.save(ONE)
    real = disk.locked

    @contextlib.contextmanager
    def locked(target):
        with monkeypatch.context() as patch:
            patch.setattr(disk, "locked", real)
            other = FileStorage(path)
            other.load()
            other.save(TWO)
        with real(target):
            yield

    monkeypatch.setattr(disk, "locked", locked)
    with pytest.raises(ConflictError):
        storage.save(ONE)
    assert read(path) == TWO


def test_what_comes_while_a_file_is_loaded_was_not_seen(path, monkeypatch):
    FileStorage(path).save(ONE)
    storage, real = FileStorage(path), disk.read_bytes

    def read_and_replace(where):
        data = real(where)
        path.write_text(TEXT.render(TWO))
        return data

    with monkeypatch.context() as patch:
        patch.setattr(disk, "read_bytes", read_and_replace)
        assert storage.load() == ONE
    with pytest.raises(ConflictError):
        storage.save(ONE)
    assert read(path) == TWO


def test_what_comes_just_behind_a_save_was_not_seen(path, monkeypatch):
    storage, real = FileStorage(path), Path.replace

    def replace_and_write(self, target):
        real(self, target)
        Path(target).write_text(TEXT.render(TWO))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_and_write)
        storage.save(ONE)
    with pytest.raises(ConflictError):
        storage.save(ONE)
    assert read(path) == TWO


def test_a_save_whose_folder_could_not_be_synced_is_no_conflict(path, monkeypatch):
    storage = FileStorage(path)
    storage.save(ONE)

    def fail(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync_folder", fail)
        with pytest.raises(StorageError, match="Input/output error"):
            storage.save(TWO)
    storage.save(ONE)
    assert read(path) == ONE


def test_who_salvages_a_file_may_not_overwrite_it(path):
    path.write_text(TEXT.render(TWO)[:-2])
    storage = FileStorage(path)
    assert storage.salvage()[0] == TWO
    with pytest.raises(ConflictError):
        storage.save(ONE)


def test_what_a_crash_left_may_be_longer_than_what_is_saved(path):
    (path.parent / ".learning_rates.tmp").write_bytes(b"x" * 10_000)
    FileStorage(path).save(ONE)
    assert path.read_text() == TEXT.render(ONE)


def test_two_saves_of_one_storage_at_once_do_not_mix(path):
    """Of two threads, one saves while the other has rendered half of its history."""
    storage = FileStorage(
        path, attrs.evolve(TEXT, render_epoch=lambda *epoch: (between(*epoch), TEXT.render_epoch(*epoch))[1])
    )
    first, second = (History({n: EpochData(error={"a": value}) for n in range(1, 6)}) for value in (1.0, 2.0))
    seen = []

    def between(epoch, _):
        if epoch == 3 and not seen:
            seen.append(epoch)
            storage.save(second.before(3))

    storage.save(first)
    assert read(path) == first


def test_a_save_that_was_interrupted_twice_is_no_conflict(path, monkeypatch):
    """Behind the rename, and the next one before it."""
    storage = FileStorage(path)
    storage.save(ONE)
    real, calls = Path.replace, []

    def replace(self, target):
        calls.append(target)
        if len(calls) == 1:
            real(self, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        for history in (TWO, History()):
            with pytest.raises(KeyboardInterrupt):
                storage.save(history)
    assert read(path) == TWO
    storage.save(ONE)
    assert read(path) == ONE


def test_a_relative_path_stays_what_it_was(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    storages = [open_storage(name) for name in ("learning_rates", "runs.db")]
    for history, folder in ((ONE, "elsewhere"), (TWO, "..")):
        for storage in storages:
            storage.save(history)
        monkeypatch.chdir(folder)
    assert [read(tmp_path / name) for name in ("learning_rates", "runs.db")] == [TWO, TWO]
    assert os.listdir(tmp_path / "elsewhere") == []


def test_where_the_present_folder_was_removed_is_a_storage_error(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for where in ("learning_rates", "runs.db"):
        with pytest.raises(StorageError, match="No such file or directory"):
            open_storage(where)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_disk_that_cannot_sync_folders_is_used_all_the_same(code, path, monkeypatch):
    real = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    FileStorage(path).save(ONE)
    assert read(path) == ONE


def test_who_saves_as_root_leaves_the_file_and_its_lock_to_their_owner(path):
    storage = FileStorage(path, backups=1)
    storage.save(ONE)
    owner = (12345, 54321) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(path, *owner)
    path.chmod(0o600)
    storage.save(TWO)
    lock = path.with_name(".learning_rates.lock")
    for each in (path, path.with_name("learning_rates.backup1"), lock):
        found = each.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (*owner, 0o600)
    path.chmod(0o444)
    storage.save(ONE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert stat.S_IMODE(lock.stat().st_mode) == 0o644  # whoever owns it may lock


@pytest.mark.parametrize("code", [errno.EPERM, errno.EINVAL])  # the latter in a user namespace
def test_who_may_not_give_a_file_away_saves_all_the_same(code, path, monkeypatch):
    storage = FileStorage(path)
    storage.save(ONE)
    path.chmod(0o664)

    def chown(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "chown", chown)
    storage.save(TWO)
    assert stat.S_IMODE(path.stat().st_mode) == 0o664
    assert read(path) == TWO


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"SQLite format 3\0" + bytes(100), "a database, as in sqlite:///PATH"),
        (gzip.compress(b"{}", mtime=0), "packed, and its name should end in .gz"),
        (JSON.render(ONE).encode(), "a JSON file, as in json:PATH"),
    ],
    ids=["a database", "packed", "JSON"],
)
def test_what_a_file_is_instead_is_said(content, says, tmp_path):
    """But not that it is what it should be."""
    for name in ("learning_rates", "run.json", "learning_rates.gz", "run.json.gz"):
        path = tmp_path / name
        path.write_bytes(content[:-3])
        with pytest.raises(FormatError) as refused:
            read(path)
        expected = ("gz" if "packed" in says else "json" if "JSON" in says else "db") == path.suffix.removeprefix(".")
        assert (says in str(refused.value)) != expected


@pytest.mark.parametrize("name", ["learning_rates", "runs.db"])
def test_a_pipe_is_no_file(name, tmp_path):
    os.mkfifo(tmp_path / name)
    for use in (lambda storage: storage.load(), lambda storage: storage.save(ONE)):
        with pytest.raises(StorageError, match="it is a folder, a device or a pipe, and no file"):
            use(open_storage(tmp_path / name))


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


@pytest.mark.parametrize("rest", [b"m", b"m" * 200])
def test_the_least_that_follows_a_packed_file_is_told(rest, tmp_path):
    path = tmp_path / "run.json.gz"
    for number in range(1, 70):  # so that it ends anywhere in a piece
        whole = JSON.render(History({1: EpochData(error={"k" * number: 1.0 / number})}))
        path.write_bytes(gzip.compress(whole.encode()) + rest)
        with pytest.raises(FormatError, match="something follows after the end"):
            read(path)


def test_a_packed_file_may_be_named_in_capitals(tmp_path):
    path = tmp_path / "RUN.JSON.GZ"
    open_storage(path).save(ONE)
    assert path.read_bytes().startswith(b"\x1f\x8b")
    assert read(path) == ONE


def test_a_history_that_compresses_well_can_be_loaded_again(tmp_path):
    path = tmp_path / "run.json.gz"
    data = EpochData(learning_rate=0.1, error={f"a_name_of_some_length_{key}": 0.5 for key in range(100)})
    history = History(dict.fromkeys(range(1, 1500), data))
    open_storage(path).save(history)
    content = gzip.decompress(path.read_bytes())
    assert len(content) > 20 * path.stat().st_size
    assert read(path) == history


def test_of_what_was_damaged_and_packed_nothing_is_vouched_for(tmp_path):
    """One wrong bit may still be unpacked, to something else. Only the checksum at the end objects."""
    path = tmp_path / "run.json.gz"
    history = History({epoch: EpochData(learning_rate=0.1, error={"a": 1.0 / epoch}) for epoch in range(1, 200)})
    storage = open_storage(path)
    storage.save(history)
    content, chance, wrong = path.read_bytes(), random.Random(1), 0
    for _ in range(100):
        place = chance.randrange(20, len(content))
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :])
        found, fault = storage.salvage()
        assert fault is not None
        if list(found.items()) != list(history.items())[: len(found)]:
            wrong += 1
            assert "gzip: damaged, so any value before may be wrong, too" in str(fault)
    assert wrong > 0


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


@pytest.mark.parametrize("backups", [-1, 1.5, "2", True])
def test_backups_are_a_number(tmp_path, backups):
    with pytest.raises(ArgumentError, match="backups must be an integer >= 0"):
        FileStorage(tmp_path / "run.json", backups=backups)


@pytest.mark.parametrize("backups", [1, 2, 3, 4])
def test_generations_are_kept_in_order(backups, tmp_path):
    storage = FileStorage(tmp_path / "run.json", backups=backups)
    for number in range(1, 8):
        storage.save(History({number: EpochData()}))
    names = ["run.json", *(f"run.backup{number}.json" for number in range(1, backups + 1))]
    assert [list(read(tmp_path / name)) for name in names] == [[7 - number] for number in range(backups + 1)]
    assert set(os.listdir(tmp_path)) == {*names, ".run.json.lock"}


def test_a_save_whose_rename_fails_rotates_once(tmp_path, monkeypatch):
    storage = FileStorage(tmp_path / "run.json", backups=2)
    for history in (ONE, TWO):
        storage.save(history)
    real = Path.replace

    def replace(self, target):
        if Path(target).name == "run.json":
            raise OSError(5, "Input/output error")
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        for _ in range(3):
            with pytest.raises(StorageError, match="Input/output error"):
                storage.save(History())
    storage.save(History())
    assert [read(tmp_path / name) for name in ("run.json", "run.backup1.json", "run.backup2.json")] == [
        History(),
        TWO,
        ONE,
    ]


def test_the_backup_of_a_file_that_went_away_is_what_it_had(tmp_path):
    storage = FileStorage(tmp_path / "run.json", backups=1)
    storage.save(ONE)
    (tmp_path / "run.json").unlink()
    storage.save(TWO)
    assert (read(tmp_path / "run.json"), read(tmp_path / "run.backup1.json")) == (TWO, ONE)


def test_what_was_seen_before_a_file_went_away_is_forgotten_when_that_is_loaded(tmp_path):
    path = tmp_path / "run.json"
    storage = FileStorage(path, backups=1)
    storage.save(ONE)
    path.unlink()
    assert storage.load() == History()
    storage.save(TWO)
    assert not (tmp_path / "run.backup1.json").exists()


def test_a_save_of_the_same_costs_no_generation(tmp_path):
    storage = FileStorage(tmp_path / "run.json", backups=1)
    for history in (ONE, TWO, TWO):
        storage.save(history)
    assert read(tmp_path / "run.backup1.json") == ONE


def test_a_crash_between_two_generations_costs_none(tmp_path, monkeypatch):
    storage = FileStorage(tmp_path / "run.json", backups=3)
    histories = [History({number: EpochData()}) for number in range(1, 6)]
    for history in histories[:4]:
        storage.save(history)
    real = Path.replace

    def replace(self, target):
        if Path(target).name == "run.backup1.json":
            raise KeyboardInterrupt  # 2 and 3 were moved, and 1 is not there
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            storage.save(histories[4])
    storage = FileStorage(tmp_path / "run.json", backups=3)
    storage.load()
    storage.save(histories[4])
    names = ["run.json", *(f"run.backup{number}.json" for number in (1, 2, 3))]
    assert [list(read(tmp_path / name)) for name in names] == [[5], [4], [3], [2]]


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_file_that_goes_while_a_save_looks_is_gone_or_another_one(tmp_path, monkeypatch, is_gone):
    path = tmp_path / "learning_rates"
    storage = FileStorage(path)
    storage.save(History({1: EpochData(learning_rate=0.1)}))
    read_bytes = disk.read_bytes
    looks = []

    def vanished(file):
        looks.append(file)
        if len(looks) == 1:
            if is_gone:
                path.unlink()
            raise MissingFileError(errno.ENOENT, "gone", str(file))
        return read_bytes(file)

    monkeypatch.setattr(disk, "read_bytes", vanished)
    longer = History({1: EpochData(learning_rate=0.1), 2: EpochData(learning_rate=0.2)})
    storage.save(longer)
    assert read(path) == longer
