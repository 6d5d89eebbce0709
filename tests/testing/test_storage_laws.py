"""Storages that break laws are found out, with few epochs, and with a test that fails."""

import pytest
from hypothesis import strategies as st
from testing import known_bad_storages
from testing.known_bad_storages import BROKEN_BY, Good

from lrsched import ArgumentError, EpochData, History, MemoryStorage
from lrsched.testing import STORAGE_LAWS, BrokenLawError, Place, check_storage, states, storage_laws, storage_tests
from lrsched.testing.storage_laws import exact

MOST_EPOCHS = 4
ONE = History({1: EpochData(learning_rate=0.1, error={"dev_score": 1.0})})


@pytest.fixture(autouse=True)
def each_test_by_itself(monkeypatch):
    monkeypatch.setattr(known_bad_storages.SharesAll, "text", "")


def _law(report, name):
    return next(checked for checked in report.laws if checked.law.name == name)


@pytest.mark.parametrize("storage", BROKEN_BY, ids=lambda storage: storage.__name__)
def test_what_breaks_a_law_is_found_and_the_test_that_is_shown_fails(storage, tmp_path):
    report = check_storage(storage, BROKEN_BY[storage], on_fail="report")
    violation = report.broken[0].violation
    assert sum(map(len, violation.example)) <= MOST_EPOCHS
    space = {}
    exec(violation.code, space)
    known_bad_storages.SharesAll.text = ""
    with pytest.raises(BrokenLawError):
        space[f"test_{BROKEN_BY[storage]}"](tmp_path)


def test_every_law_is_broken_by_some():
    assert set(BROKEN_BY.values()) == set(STORAGE_LAWS)


def test_every_bad_storage_is_in_the_table():
    classes = {each for each in vars(known_bad_storages).values() if isinstance(each, type) and issubclass(each, Good)}
    assert classes - {Good} == {each for each in BROKEN_BY if issubclass(each, Good)}


def test_who_breaks_no_law_is_found_sound():
    assert {checked.verdict for checked in check_storage(Good).laws} == {"holds"}


def test_what_is_shown_says_all():
    told = """DropsMeta breaks the law bits (what was saved is loaded, bit for bit, by this one and by the next that \
is opened): the next that is opened loads EpochData(learning_rate=None, error={}, meta={}) for epoch 1, but it should \
be EpochData(learning_rate=None, error={}, meta={'': None})

from lrsched import EpochData, History
from lrsched.testing import storage_laws
from lrsched.testing.storage_laws import Place
from testing.known_bad_storages import DropsMeta


def test_bits(tmp_path):
    states = [
        History(
            {
                1: EpochData(meta={"": None}),
            }
        ),
    ]
    assert storage_laws.bits(Place(DropsMeta, tmp_path), states)"""
    with pytest.raises(BrokenLawError) as raised:
        check_storage(known_bad_storages.DropsMeta, "bits")
    assert str(raised.value) == told


def test_the_same_seed_breaks_it_in_the_same_way():
    first, second = (
        check_storage(known_bad_storages.DropsMeta, "bits", seed=7, on_fail="report").data() for _ in range(2)
    )
    assert exact(first) == exact(second)


def test_a_storage_on_no_disk_takes_the_folder_as_a_name():
    kept = {}
    report = check_storage(lambda folder: kept.setdefault(folder, MemoryStorage()), budget=10)
    assert {checked.law.name for checked in report.laws if checked.verdict != "holds"} == {"unseen"}
    assert _law(report, "unseen").verdict == "never tried"


def test_what_opens_no_storage_is_told_once():
    def opens_nothing(folder):
        raise OSError(28, "No space left on device")

    report = check_storage(opens_nothing, budget=3, on_fail="report")
    assert [checked.law.name for checked in report.broken] == ["is_storage"]
    assert report.broken[0].violation.told == "opened, it raises OSError: [Errno 28] No space left on device"


@pytest.mark.parametrize("factory", [3, lambda: Good, lambda a, b: Good(a), MemoryStorage()])
def test_what_is_no_function_of_a_folder_is_refused(factory):
    with pytest.raises(ArgumentError, match="factory must be a function of a folder that opens a storage there, got"):
        check_storage(factory)


def test_there_is_no_such_law():
    with pytest.raises(ArgumentError, match="a law must be one that there is, got 'bit'; did you mean 'bits'?"):
        check_storage(Good, ["bit"])


def test_states_may_be_given():
    plain = states(st.just(ONE[1]), max_size=2)
    report = check_storage(known_bad_storages.LosesNaN, ["bits", "told"], states=plain)
    assert {checked.verdict for checked in report.laws} == {"holds"}


def test_places_are_apart(tmp_path):
    place = Place(Good, tmp_path)
    place().save(ONE)
    assert (place().load(), place.another("b")().load()) == (ONE, History())
    assert place.folder == tmp_path / "storage"


test_storages = storage_tests(Good, laws=["bits", "told"], budget=5)


def test_the_tests_for_pytest_fail_and_skip():
    run = storage_tests(known_bad_storages.DropsMeta, laws="bits")
    (parameters,) = run.pytestmark
    assert [case.id for case in parameters.args[1]] == ["DropsMeta-bits"]
    with pytest.raises(BrokenLawError, match="DropsMeta breaks the law bits"):
        run(*parameters.args[1][0].values)
    kept = MemoryStorage()
    run = storage_tests(lambda folder: kept, laws="unseen")
    with pytest.raises(pytest.skip.Exception, match="never tried: what another saved"):
        run(*run.pytestmark[0].args[1][0].values)


def test_a_law_can_be_called_by_itself(tmp_path):
    with pytest.raises(BrokenLawError, match="it overwrites unseen with"):
        storage_laws.unseen(Place(known_bad_storages.OverwritesUnseen, tmp_path / "a"), [])
    assert storage_laws.bits(Place(Good, tmp_path / "b"), [ONE])
    assert not storage_laws.bits(Place(Good, tmp_path / "c"), [])


@pytest.mark.parametrize(
    ("one", "other", "are_the_same"),
    [
        (3, 3.0, False),
        (0.0, -0.0, False),
        (1, True, False),
        ("1", 1, False),
        ((1,), [1], False),
        ({1}, [1], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({1, "a"}, {"a", 1}, True),
        (ONE, History(dict(ONE)), True),
        (EpochData(meta={"a": 1}), EpochData(meta={"a": 1.0}), False),
        (EpochData(meta={"a": float("nan")}), EpochData(meta={"a": float("nan")}), True),
        (b"a", "a", False),
    ],
)
def test_what_is_the_same_bit_for_bit(one, other, are_the_same):
    assert (exact(one) == exact(other)) == are_the_same
