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


_KEPT = {}  # what stands in memory instead of a disk, by the folder it is for


def _kept(folder):
    return _KEPT.setdefault(str(folder), MemoryStorage())


def _url(path):
    return quote(str(path))


# Each opens a storage in a folder: opened again, it holds what was saved there.
FILES = {
    "text": lambda folder: open_storage(folder / "learning_rates"),
    "text.gz": lambda folder: open_storage(folder / "learning_rates.gz"),
    "text with backups": lambda folder: open_storage(f"text:{_url(folder / 'backed up?')}?backups=2"),
    "json": lambda folder: open_storage(folder / "run.json"),
    "json.gz": lambda folder: open_storage(folder / "run.json.gz"),
}
ON_DISK = FILES | {
    "sqlite": lambda folder: open_storage(f"sqlite:///{_url(folder / 'runs.db')}?run=a"),
}
KINDS = ON_DISK | {
    "memory": _kept,
    "sqlite, another run": lambda folder: SqliteStorage(folder / "runs.db"),
    "mirrored": lambda folder: Mirrored(folder / "mirrored.db", folder / "mirrored.json"),
    "mirrored in memory": lambda folder: Mirrored(folder / "mirror", _kept(folder)),
    "one's own": lambda folder: KEY_VALUE.KeyValueStorage(_KEPT.setdefault(f"{folder}", {}), "run"),
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
