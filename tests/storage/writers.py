"""Run as a program: ``writers.py ROLE WHERE NUMBER SAVES``. One of several processes that use the same storage.

Every writer adds one to a counter that all share, and one to a counter of its own. So the shared one is the sum of the
others in whatever state a reader sees, and in the end it is what it must be only if no save undid another.
"""

import sys

from lrsched import ConflictError, EpochData, History, open_storage, read
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
    conflicts = 0
    history = storage.load()
    for _ in range(saves):
        while True:
            history = one_more(one_more(history, SHARED), own)
            try:
                storage.save(history, {SHARED, own})
                break
            except ConflictError:
                conflicts += 1
                history = storage.load()
                check(history)
    print(conflicts)


def watch(where, total):
    """Read until all is written."""
    reads = 0
    while True:
        try:
            history = read(where)
        except NotWrittenError:
            history = History()
        check(history)
        reads += 1
        if count(history, SHARED) == total:
            print(reads)
            return


if __name__ == "__main__":
    role, where, number, saves = sys.argv[1:]
    if role == "write":
        write(where, int(number), int(saves))
    else:
        watch(where, int(number) * int(saves))
