"""Run as a program: ``writers.py write WHERE NUMBER SAVES`` or ``writers.py watch WHERE DONE``.

One of several processes that use the same storage.
Every writer adds one to a counter that all share, and one to a counter of its own. So the shared one is the sum of the
others in whatever state a reader sees, and in the end it is what it must be only if no save undid another.
"""

import contextlib
import sys
from pathlib import Path

from lrsched import ConflictError, EpochData, open_storage, read
from lrsched.errors import NotWrittenError

SHARED = 1


def count(history, epoch):
    data = history.get(epoch)
    return data.error["count"] if data else 0.0


def one_more(history, epoch):
    return history.set(epoch, EpochData(error={"count": count(history, epoch) + 1.0}))


def check(history):
    assert count(history, SHARED) == sum(count(history, epoch) for epoch in history if epoch != SHARED), history


def write(where, number, saves):
    storage, own = open_storage(where), SHARED + number
    history = storage.load()
    for _ in range(saves):
        while True:
            history = one_more(one_more(history, SHARED), own)
            try:
                storage.save(history, {SHARED, own})
                break
            except ConflictError:
                history = storage.load()
                check(history)


def watch(where, done):
    """Read until there is a file that says that all is written."""
    is_last = False
    while not is_last:
        is_last = Path(done).exists()
        with contextlib.suppress(NotWrittenError):
            check(read(where))


if __name__ == "__main__":
    role, where, *rest = sys.argv[1:]
    if role == "write":
        write(where, *map(int, rest))
    else:
        watch(where, *rest)
