"""The check finds what is known to be wrong, says so in a few epochs, and finds nothing where it is mended."""

import importlib.util
import runpy
import sys
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from hypothesis import settings as profile
from testing import known_bad
from testing.known_bad import BAD, name_of

from lrsched.core.epoch_data import UNKNOWN
from lrsched.testing import LAWS, BrokenLawError, check_schedule

DEEP = profile.default.max_examples > 1000  # the profile deep
MOST_EPOCHS = 6
SOME = [bad for bad in BAD if name_of(bad) in ("HoldKeptElsewhere", "best_of_none")]


def laws_of(bad):
    return [LAWS[name] for name in bad.laws]


def report(schedule, laws, **options):
    told = check_schedule(schedule, laws, on_fail="report", **options)
    assert not UNKNOWN.meta
    assert not UNKNOWN.error
    return told


def run(code, path, **known):
    """Run a test in a file."""
    path.write_text(code, encoding="utf-8")
    (test,) = (each for name, each in runpy.run_path(str(path), known).items() if name == path.stem)
    test()


@contextmanager
def schedules_imported_anew():
    """As in a new process, in which no schedule remembers anything."""
    anew = importlib.util.module_from_spec(known_bad.__spec__)
    with patch.dict(sys.modules, {known_bad.__name__: anew}):
        known_bad.__spec__.loader.exec_module(anew)
        yield


def demand_that_it_is_found(bad, told, folder):
    broken = {each.law.name: each.violation for each in told.broken}
    assert set(bad.laws) <= set(broken)
    for name, violation in broken.items():
        path = folder / f"test_{name}.py"
        assert len(violation.example) <= MOST_EPOCHS, violation.code
        with schedules_imported_anew(), pytest.raises(BrokenLawError):
            run(violation.code, path)
        if bad.twin is not None and name in bad.laws:
            mended = violation.code.replace(f"({violation.subject}, past)", "(twin, past) in (True, False)")
            assert mended != violation.code
            run(mended, path, twin=bad.twin)


@pytest.mark.parametrize("bad", BAD, ids=name_of)
def test_each_fault_is_found_by_the_law_that_it_breaks(bad, tmp_path):
    demand_that_it_is_found(bad, report(bad.schedule, laws_of(bad)), tmp_path)


@pytest.mark.parametrize("bad", [bad for bad in BAD if bad.twin is not None], ids=name_of)
def test_no_fault_is_found_where_it_is_mended(bad):
    told = report(bad.twin, None if DEEP else laws_of(bad), budget=300 if DEEP else 50)
    assert not told.broken, told.broken[0].violation.code


@pytest.mark.parametrize("seed", range(5) if DEEP else [0])
@pytest.mark.parametrize("bad", BAD if DEEP else SOME, ids=name_of)
def test_each_fault_is_found_among_all_laws_whatever_the_seed(bad, seed, tmp_path):
    laws = {**LAWS, **{law.name: law for law in laws_of(bad)}}
    told = report(bad.schedule, laws.values(), seed=seed)
    demand_that_it_is_found(bad, told, tmp_path)


def test_each_names_a_law_and_a_twin_is_another_one():
    for bad in BAD:
        assert set(bad.laws) <= set(LAWS)
        assert bad.twin is None or bad.twin is not bad.schedule
    assert len({repr(bad.schedule) for bad in BAD}) == len(BAD)


def test_all_laws_that_must_find_something_have_something_to_find():
    """A law that never found anything might be one that cannot."""
    assert {name for bad in BAD for name in bad.laws} >= set(LAWS)
