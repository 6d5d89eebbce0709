"""Every kind of storage, for the contract that all keep. `import storages`, which pytest puts on the path."""

import importlib.util
import sys
from pathlib import Path
from urllib.parse import quote

from lrsched import ArgumentError, History, MemoryStorage, Mirrored, SqliteStorage, StorageError, open_storage
from lrsched.formats.json import JSON


def _example():
    """The module of the documentation's example, under a name by which it can be pickled."""
    if "key_value" not in sys.modules:
        path = Path(__file__).parents[1] / "examples" / "own_storage" / "key_value.py"
        spec = importlib.util.spec_from_file_location("key_value", path)
        sys.modules["key_value"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["key_value"])
    return sys.modules["key_value"]


KEY_VALUE = _example()


class Place:
    """Where storages are: a folder, and what stands in memory instead of a disk."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.memory = {}

    def path(self, name):
        return str(self.folder / name)

    def url(self, name):
        return quote(self.path(name))

    def kept(self, name):
        return self.memory.setdefault(name, MemoryStorage())


# Each opens a storage at a place: opened again, it holds what was saved there.
FILES = {
    "text": lambda place: open_storage(place.path("learning_rates")),
    "text.gz": lambda place: open_storage(place.path("learning_rates.gz")),
    "text with backups": lambda place: open_storage(f"text:{place.url('backed up?')}?backups=2"),
    "json": lambda place: open_storage(place.path("run.json")),
    "json.gz": lambda place: open_storage(place.path("run.json.gz")),
}
ON_DISK = FILES | {
    "sqlite": lambda place: open_storage(f"sqlite:///{place.url('runs.db')}?run=a"),
}
KINDS = ON_DISK | {
    "memory": lambda place: place.kept("memory"),
    "sqlite, another run": lambda place: SqliteStorage(place.path("runs.db")),
    "mirrored": lambda place: Mirrored(place.path("mirrored.db"), place.path("mirrored.json")),
    "mirrored in memory": lambda place: Mirrored(place.path("mirror"), place.kept("mirror")),
    "one's own": lambda place: KEY_VALUE.KeyValueStorage(place.memory.setdefault("store", {}), "run"),
}


class Told:
    """A storage in memory that notes what it is told, and fails where it is to."""

    def __init__(self, history=None):
        self.history, self.told, self.fails = history or History(), [], False

    def load(self):
        return self.history

    def save(self, history, changed=None):
        self.told.append(changed)
        if self.fails:
            raise StorageError(28, "No space left on device", "x")
        self.history = history


def can_be_held(history):
    """Whether every kind has a way to hold it; JSON has none for a character as two surrogates."""
    try:
        JSON.render(history)
    except ArgumentError:
        return False
    return True
