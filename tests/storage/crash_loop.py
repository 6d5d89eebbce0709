"""Run as a program: ``crash_loop.py KIND FOLDER KILLS SEED``. Kills processes that save, and looks at what they leave.

The processes are forks of this one, which imports what they need; a thread or a fixture is nowhere near.
"""

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import filelock  # noqa: F401  what is imported late is imported here, so that the kills hit saves
from storages import ON_DISK

from lrsched import EpochData, History
from lrsched.storage import connection

LONGEST = 40  # epochs
READY = b"ready\n"


def state(number):
    """What the save of that number stores: one epoch more, and the one before it changed."""
    epochs = number % LONGEST + 1
    return History(
        {
            epoch: EpochData(
                learning_rate=0.1,
                error={f"dev_{key}": float(epoch + key) for key in range(5)},
                meta={"save": number if epoch >= epochs - 1 else epoch},
            )
            for epoch in range(1, epochs + 1)
        }
    )


def save_for_ever(kind, folder, first, said):
    storage = ON_DISK[kind](folder)
    storage.load()
    os.write(said, READY)
    for number in range(first, 10**9):
        before, now = state(number - 1), state(number)
        changed = {epoch for epoch in {*before, *now} if before.get(epoch) != now.get(epoch)}
        storage.save(now, changed if number % 3 else None)
        os.write(said, b"%d\n" % number)


def killed(kind, folder, first, chance):
    """The number of the last save that was acknowledged by a process that was killed; ``first - 1`` if none was.

    It is killed somewhere in one of the next two saves after a few, however long they take here and now.
    """
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        try:
            save_for_ever(kind, folder, first, writes)
        finally:
            os._exit(3)  # it must not end by itself
    os.close(writes)
    with os.fdopen(reads, "rb", buffering=0) as said:
        assert said.read(len(READY)) == READY, "the process did not come to its first save"
        acknowledged, duration = b"", chance.uniform(0.0, 0.002)
        for _ in range(chance.randrange(3)):
            start = time.monotonic()
            acknowledged += said.read(100)
            duration = time.monotonic() - start
        time.sleep(chance.uniform(0.0, 2.0) * duration)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, "the process ended by itself"
        return max(map(int, (acknowledged + said.readall()).split()), default=first - 1)


def main():
    kind, folder, kills, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    chance = random.Random(seed)
    expected = History()
    connection._QUIET = 0.0  # who writes is dead when it is read
    number = lost = in_flight = saves = 0
    for kill in range(kills):
        acknowledged = killed(kind, folder, number + 1, chance)
        loaded = ON_DISK[kind](folder).load()
        expected = state(acknowledged) if acknowledged else History()
        saves += acknowledged - number
        if loaded == expected:
            number = acknowledged
        elif loaded == state(acknowledged + 1):
            number = acknowledged + 1
            in_flight += 1
        else:
            lost += 1
            print(f"after kill {kill}: save {acknowledged} was acknowledged, loaded was {loaded!r}", file=sys.stderr)
            break
        if kill % 20 == 19 and kill + 1 < kills:  # also the first save of all is hit
            shutil.rmtree(folder)
            folder.mkdir()
            number = 0
    storage = ON_DISK[kind](folder)
    storage.load()
    storage.save(state(number + 1))
    names = sorted(path.name for path in folder.iterdir())
    print(f"{kind}: {kills} kills, {saves} saves acknowledged, {in_flight} in flight were there, {lost} lost; {names}")
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
