"""What a process holds beside a schedule is found, and put back."""

from functools import cache
from random import Random

import pytest

from lrsched.testing.surroundings import Surroundings

_seen = {}
_random = Random(1)
_rebound = 0


def in_a_global(history, epoch):
    _seen[epoch] = True
    return len(_seen)


def in_a_number(history, epoch):
    global _rebound  # noqa: PLW0603  that is the mistake
    _rebound += 1
    return _rebound


def in_another_function(history, epoch):
    return in_a_number(history, epoch)


def in_a_default(history, epoch, seen=[]):  # noqa: B006  that is the mistake
    seen.append(epoch)
    return len(seen)


def in_an_attribute(history, epoch):
    in_an_attribute.calls += 1
    return in_an_attribute.calls


in_an_attribute.calls = 0


def in_a_closure():
    calls = 0

    def function(history, epoch):
        nonlocal calls
        calls += 1
        return calls

    return function


def in_chance(history, epoch):
    return _random.random()


@cache
def _first(epoch):
    return in_a_number(None, epoch)


def in_a_cache(history, epoch):
    return _first(epoch)


class InAClass:
    seen = []  # noqa: RUF012  that is the mistake

    def __call__(self, history, epoch):
        self.seen.append(epoch)
        return len(self.seen)


PLACES = [
    in_a_global,
    in_a_number,
    in_another_function,
    in_a_default,
    in_an_attribute,
    in_a_closure(),
    in_chance,
    in_a_cache,
    InAClass(),
]


@pytest.mark.parametrize("function", PLACES)
def test_what_is_remembered_is_forgotten(function):
    surroundings = Surroundings(function)
    told = [function({}, epoch) for epoch in (1, 2, 3)]
    assert len(set(told)) == 3
    surroundings.restore()
    assert [function({}, epoch) for epoch in (1, 2, 3)] == told
    surroundings.restore()
