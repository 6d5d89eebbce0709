"""Where a history is, as a text."""

import os
import pickle
from pathlib import Path

import pytest
from storages import Told

from lrsched import (
    ArgumentError,
    ConflictError,
    EpochData,
    FileStorage,
    FormatError,
    History,
    LearningRateControl,
    MemoryStorage,
    Mirrored,
    NotWrittenError,
    ReadOnly,
    SqliteStorage,
    StorageError,
    open_storage,
    read,
)
from lrsched.formats.json import JSON
from lrsched.formats.text import TEXT

ONE = History({1: EpochData(learning_rate=0.1, error={"dev_score": 1.0})})
TWO = ONE.set(2, EpochData(learning_rate=0.05))


@pytest.mark.parametrize(
    ("where", "path", "form"),
    [
        ("learning_rates", "learning_rates", TEXT),
        ("run.json", "run.json", JSON),
        ("a/b.JSON.gz", "a/b.JSON.gz", JSON),
        ("x.gz", "x.gz", TEXT),
        ("text:run.json", "run.json", TEXT),
        ("json:learning_rates", "learning_rates", JSON),
        ("json:/a/b", "/a/b", JSON),
        ("json:///b", "b", JSON),
        ("TEXT:////b", "/b", TEXT),
        ("text:a%3Fb%25", "a?b%", TEXT),
        ("json:a?backups=3", "a", JSON),
        ("a?b=c", "a?b=c", TEXT),
        (Path("runs.db?run=a"), "runs.db?run=a", TEXT),
        ("text:runs.db%3Frun=a", "runs.db?run=a", TEXT),
        ("./-", "-", TEXT),
        ("50%", "50%", TEXT),
        ("C:thing", "C:thing", TEXT),
        ("./json:x", "json:x", TEXT),
        (Path("text:x.json"), "text:x.json", JSON),
    ],
)
def test_a_file(where, path, form):
    storage = open_storage(where)
    assert type(storage) is FileStorage
    assert (storage.path, storage.format) == (Path(path), form)
    assert storage.backups == (3 if "backups" in str(where) else 0)


@pytest.mark.parametrize(
    ("where", "path", "run"),
    [
        ("runs.db", "runs.db", None),
        ("a/b.sqlite", "a/b.sqlite", None),
        (Path("/a/b.SQLITE3"), "/a/b.SQLITE3", None),
        ("sqlite:///relative.db?run=a", "relative.db", "a"),
        ("sqlite:////absolute.db?run=a", "/absolute.db", "a"),
        ("sqlite:relative.db", "relative.db", None),
        ("sqlite:///a%20b.db?run=..%2Fx%26y", "a b.db", "../x&y"),
        ("sqlite:///a+b.db?run=c+d", "a+b.db", "c+d"),
    ],
)
def test_a_database(where, path, run):
    storage = open_storage(where)
    assert type(storage) is SqliteStorage
    assert (storage.path, storage.run) == (Path(path), run)


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("", "a path must be a file's name and nothing else, got ''"),
        ("sqlite://host/runs.db", "a URL must be without a host"),
        ("sqlite://runs.db", "a URL must be without a host"),
        ("sqlite:///", "sqlite: with a path"),
        ("text:", "text: with a path"),
        ("http://x/run.json", "a path or a URL of text:, json: or sqlite:"),
        ("runs.db?run=a", "a path must be a file's name and nothing else, got 'runs.db?run=a'; use a path, text:PATH,"),
        ("run.json?backups=3", "a path must be a file's name and nothing else"),
        ("-", "a path must be a file's name and nothing else, got '-'"),
        ("sqlite:///runs.db?run=%FF", "the options of a URL must be like"),
        (FileStorage, "a path, a URL or an object with load and save"),
        ("postgres:///runs", "a path or a URL of text:, json: or sqlite:"),
        ("sqlite:///runs.db?rum=a", "the options of sqlite: must be run, once, got 'rum=a'"),
        ("sqlite:///runs.db?run=a&run=b", "the options of sqlite: must be run, once, got 'run=a&run=b'"),
        ("sqlite:///runs.db?run=", "run must be a text with at least one character"),
        ("sqlite:///runs.db?run", "the options of a URL must be like"),
        ("sqlite:///runs.db?backups=1", "the options of sqlite: must be run, once, got 'backups=1'"),
        ("json:a?run=a", "the options of json: must be backups, once, got 'run=a'"),
        ("json:a?backups=-1", "backups must be an integer >= 0, got -1"),
        ("text:a?backups=x", "backups must be an integer >= 0, got 'x'"),
        ("text:a?backups=" + "9" * 5000, "backups must be an integer >= 0, got '999"),
        ("text:a?backups=", "backups must be an integer >= 0, got ''"),
        (3, "a path, a URL or an object with load and save"),
        (None, "a path, a URL or an object with load and save"),
        (b"run.json", "a path, a URL or an object with load and save"),
        (ONE, "a path, a URL or an object with load and save"),
    ],
)
def test_what_is_none_is_refused_with_the_way_out(where, says):
    with pytest.raises(ArgumentError) as refused:
        open_storage(where)
    assert says in str(refused.value)
    with pytest.raises(ArgumentError):
        LearningRateControl(lambda history, epoch: 0.1, where if where is not None else 3)


def test_opening_makes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for where in ("a", "b.json", "sqlite:///c.db", "text:d?backups=2"):
        LearningRateControl(lambda history, epoch: 0.1, where)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "where", ["/", ".", "a\0b", "json:a%00b", "sqlite:///a%00b.db", "x" * 300, "sqlite:///" + "x" * 300]
)
def test_a_path_that_cannot_be_is_a_storage_error(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for use in (read, lambda where: open_storage(where).load(), lambda where: open_storage(where).save(ONE)):
        with pytest.raises(StorageError):
            use(where)
    assert list(tmp_path.iterdir()) == []


def test_a_storage_is_given_back_and_read():
    storage = MemoryStorage(ONE)
    assert open_storage(storage) is storage
    assert read(storage) == ONE
    assert read(ReadOnly(storage)) == ONE


@pytest.mark.parametrize(
    "where", ["text:run.json?backups=3", "json:learning_rates?backups=3", "sqlite:///runs.txt?run=a"]
)
def test_what_was_unpickled_is_the_same_storage(where):
    storage = open_storage(where)
    copy = pickle.loads(pickle.dumps(storage))
    names = ("_file", "format", "backups", "run")
    assert type(copy) is type(storage)
    assert [getattr(copy, name, None) for name in names] == [getattr(storage, name, None) for name in names]


def test_a_url_names_any_bytes():
    assert os.fsencode(open_storage("text:a%FF").path) == b"a\xff"


# ---- storages of others


def test_of_what_is_mirrored_any_part_may_be_lost(tmp_path):
    places = [str(tmp_path / name) for name in ("run.json", "runs.db", "learning_rates")]
    Mirrored(*places).save(ONE)
    assert [read(place) for place in places] == [ONE] * 3
    for place in places:
        Path(place).unlink()
        mirrored = Mirrored(*places)
        assert mirrored.load() == ONE
        two = ONE.set(2, EpochData(learning_rate=0.5))
        mirrored.save(two, {2})
        assert [read(other) for other in places] == [two] * 3
        mirrored.save(ONE, {2})


def test_what_is_behind_catches_up(tmp_path):
    first, second = tmp_path / "run.json", tmp_path / "runs.db"
    Mirrored(first, second).save(ONE)
    open_storage(first).load()
    ahead = open_storage(first)
    ahead.load()
    two = ONE.set(2, EpochData(learning_rate=0.5))
    ahead.save(two)
    mirrored = Mirrored(first, second)
    assert mirrored.load() == two
    three = two.set(3, EpochData(learning_rate=0.25))
    mirrored.save(three, {3})
    assert read(first) == read(second) == three


def test_a_mirror_that_fails_is_told_and_catches_up(tmp_path):
    first, second = tmp_path / "run.json", tmp_path / "away" / "runs.db"
    second.parent.mkdir()
    mirrored = Mirrored(first, second)
    mirrored.save(ONE)
    second.parent.rename(tmp_path / "elsewhere")
    two = ONE.set(2, EpochData(learning_rate=0.5))
    with pytest.raises(StorageError, match=r"runs\.db"):
        mirrored.save(two, {2})
    assert read(first) == two
    (tmp_path / "elsewhere").rename(second.parent)
    three = two.set(3, EpochData(learning_rate=0.25))
    mirrored.save(three, {3})
    assert read(first) == read(second) == three


def test_a_mirror_mirrors_something():
    with pytest.raises(ArgumentError, match="others must be at least one storage"):
        Mirrored("run.json")


def test_a_mirror_that_is_ahead_is_not_cut_off(tmp_path):
    """As when the first is put back from an older copy."""
    main, mirror = tmp_path / "run.json", tmp_path / "runs.db"
    Mirrored(main, mirror).save(ONE)
    older = main.read_bytes()
    mirrored = Mirrored(main, mirror)
    mirrored.load()
    two = ONE.set(2, EpochData(learning_rate=0.5))
    mirrored.save(two, {2})
    main.write_bytes(older)
    with pytest.raises(
        ConflictError, match="holds data of epoch 2 that the first of Mirrored.* has not; take the older one away"
    ):
        Mirrored(main, mirror).load()
    main.unlink()
    assert Mirrored(main, mirror).load() == two


@pytest.mark.parametrize("name", ["run.json", "runs.db"])
def test_who_looks_at_a_storage_has_not_seen_it_for_its_owner(name, tmp_path):
    first, second = (LearningRateControl(lambda history, epoch: 0.5, tmp_path / name) for _ in range(2))
    first.set_epoch_error(1, {"a": 1.0})
    first.save()
    assert read(second.storage) == first.history
    second.set_epoch_error(2, {"a": 1.0})
    with pytest.raises(ConflictError):
        second.save()
    assert read(first.storage) == first.history


def test_mirrors_are_told_what_changed_only_if_all_held_the_same():

    first, second = Told(), Told(ONE)
    mirrored = Mirrored(first, second)
    mirrored.save(ONE, {1})
    mirrored.save(TWO, {2})
    assert first.told == second.told == [None, {2}]
    again = Mirrored(first, second)
    again.load()
    again.save(TWO, set())
    assert second.told[2:] == [set()]
    second.fails = True
    with pytest.raises(StorageError):
        again.save(ONE, {2})
    second.fails = False
    again.save(ONE, {2})
    assert first.told[3:] == second.told[3:] == [{2}, None]


@pytest.mark.parametrize("what", ["error", "meta"])
@pytest.mark.parametrize("name", ["run.json", "runs.db"])
def test_a_mirror_that_knows_more_of_an_epoch_is_not_cut_off(name, what, tmp_path):
    """As when the first is put back as it was in the middle of an epoch."""
    main, mirror = tmp_path / "main.json", tmp_path / name
    before = History({1: EpochData(learning_rate=0.5)})
    mirrored = Mirrored(main, mirror)
    mirrored.save(before)
    older = main.read_bytes()
    mirrored.save(before.set(1, EpochData(learning_rate=0.5, **{what: {"a": 1.0}})), {1})
    main.write_bytes(older)
    with pytest.raises(ConflictError, match="holds data of epoch 1 that the first of Mirrored"):
        Mirrored(main, mirror).load()


@pytest.mark.parametrize("name", ["run.json", "runs.db"])
def test_what_was_refused_is_not_overwritten_by_the_next_save(name, tmp_path):
    main, mirror = tmp_path / "main.json", tmp_path / name
    mirrored = Mirrored(main, mirror)
    mirrored.save(ONE)
    other = open_storage(mirror)
    other.load()
    other.save(TWO)
    with pytest.raises(ConflictError, match="holds data of epoch 2"):
        mirrored.load()
    with pytest.raises(ConflictError, match="was not loaded as a whole; load it first"):
        mirrored.save(ONE.set(2, EpochData(learning_rate=0.25)))
    assert (read(main), read(mirror)) == (ONE, TWO)
    main.unlink()
    assert mirrored.load() == TWO
    mirrored.save(ONE)
    assert (read(main), read(mirror)) == (ONE, ONE)


@pytest.mark.parametrize("wrap", [ReadOnly, lambda storage: Mirrored(storage, MemoryStorage())])
@pytest.mark.parametrize("name", ["run.json", "runs.db"])
def test_who_looks_through_a_wrapper_has_not_seen_it_for_its_owner(name, wrap, tmp_path):
    storage, other = open_storage(tmp_path / name), open_storage(tmp_path / name)
    storage.save(ONE)
    other.load()
    other.save(TWO)
    assert read(wrap(storage)) == TWO
    with pytest.raises(ConflictError):
        storage.save(History())
    assert read(tmp_path / name) == TWO


def test_a_mirror_of_nothing_is_not_written_yet(tmp_path):
    with pytest.raises(NotWrittenError, match=r"a\.json"):
        read(Mirrored(tmp_path / "a.json", tmp_path / "b.db"))
    open_storage(tmp_path / "b.db").save(ONE)
    assert read(Mirrored(tmp_path / "a.json", tmp_path / "b.db")) == ONE


def test_what_a_mirror_could_not_load_as_a_whole_it_does_not_overwrite(tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    mirrored = Mirrored(first, second)
    mirrored.save(ONE)
    other = open_storage(first)
    other.load()
    other.save(TWO)
    whole = second.read_bytes()
    second.write_bytes(whole[:-5])
    with pytest.raises(FormatError):
        mirrored.load()
    for storage in (mirrored, pickle.loads(pickle.dumps(mirrored))):
        with pytest.raises(ConflictError):
            storage.save(ONE)
    assert read(first) == TWO
    second.write_bytes(whole)
    assert mirrored.load() == TWO
    mirrored.save(ONE)
    assert read(first) == read(second) == ONE
