"""Every storage of the package, and the documentation's example, under the laws of `lrsched.testing`."""

import inspect
import pkgutil
from importlib import import_module

import pytest
from hypothesis import settings
from storages import KINDS, ON_DISK

import lrsched.storage
from lrsched import EpochData, History, ReadOnly, StorageError
from lrsched.testing import STORAGE_LAWS, check_storage

ONE = History({1: EpochData(learning_rate=0.1, error={"dev_score": 1.0})})
NOTHING_TO_SAY = {("memory", "unseen"): "it is the same object for all who open it"}
NO_KIND = {ReadOnly: "it refuses every save, which is all that there is to it; see below"}


@pytest.fixture(autouse=True)
def nobody_else_writes(monkeypatch):
    """A database that was written just now need not be waited for: nobody but the test writes it."""
    monkeypatch.setattr("lrsched.storage.connection._QUIET", 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_the_laws(kind):
    report = check_storage(KINDS[kind], budget=max(30, settings.default.max_examples // 10))
    for checked in report.laws:
        assert (checked.verdict == "holds") != ((kind, checked.law.name) in NOTHING_TO_SAY), checked
    assert {checked.law.name for checked in report.laws} == set(STORAGE_LAWS)


def test_every_storage_is_under_the_laws(tmp_path):
    found = {
        value
        for info in pkgutil.walk_packages(lrsched.storage.__path__, "lrsched.storage.")
        for value in vars(import_module(info.name)).values()
        if inspect.isclass(value) and {"load", "save"} <= set(dir(value)) and not getattr(value, "_is_protocol", False)
    }
    checked = {type(open_kind(tmp_path)) for open_kind in KINDS.values()}
    assert {each for each in checked if each.__module__.startswith("lrsched.")} | set(NO_KIND) == found


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_it_is(kind, tmp_path):
    storage = KINDS[kind](tmp_path)
    assert type(storage).__name__ in repr(storage)


@pytest.mark.parametrize("kind", ON_DISK)
def test_what_is_to_be_read_only_cannot_be_saved(kind, tmp_path):
    ON_DISK[kind](tmp_path).save(ONE)
    readonly = ReadOnly(ON_DISK[kind](tmp_path))
    with pytest.raises(StorageError, match="to be read only"):
        readonly.save(History())
    assert readonly.load() == ON_DISK[kind](tmp_path).load() == ONE
