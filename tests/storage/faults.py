"""Run as a program: ``faults.py FAULT KIND FOLDER``. A save works, then the machine is at fault, then it is mended.

Whatever the fault: the save says so with a `StorageError`, what was saved before is there, and the next save works.
"""

import contextlib
import os
import resource
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import filelock  # noqa: F401  what is imported late is imported before the fault
from storages import ON_DISK

from lrsched import EpochData, History, StorageError, read

OLD = History({epoch: EpochData(learning_rate=0.1, error={"dev_score": float(epoch)}) for epoch in range(1, 4)})
NEW = History(
    {
        epoch: EpochData(learning_rate=0.1, error={f"dev_score_{key}": epoch / (key + 1) for key in range(20)})
        for epoch in range(1, 400)
    }
)


@contextlib.contextmanager
def full_disk(folder, _):
    with (folder / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(1024))
    yield
    (folder / "filler").unlink()


@contextlib.contextmanager
def file_size_limit(*_):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16384, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextlib.contextmanager
def read_only_folder(folder, file):
    rights = file.stat().st_mode
    folder.chmod(0o500)
    file.chmod(0o400)
    yield
    folder.chmod(0o700)
    file.chmod(rights)


@contextlib.contextmanager
def permission_denied(folder, _):
    folder.chmod(0)
    yield
    folder.chmod(0o700)


@contextlib.contextmanager
def folder_in_place_of_the_file(_, file):
    away = file.with_name("away")
    file.rename(away)
    file.mkdir()
    yield
    file.rmdir()
    away.rename(file)


@contextlib.contextmanager
def dangling_link(_, file):
    away = file.with_name("away")
    file.rename(away)
    file.symlink_to(file.parent / "not here")
    yield
    file.unlink()
    away.rename(file)


@contextlib.contextmanager
def read_only_disk(folder, _):
    os.system(f"mount -o remount,ro {folder}")
    yield
    os.system(f"mount -o remount,rw {folder}")


FAULTS = {
    fault.__name__: fault
    for fault in (
        full_disk,
        file_size_limit,
        read_only_folder,
        permission_denied,
        folder_in_place_of_the_file,
        dangling_link,
        read_only_disk,
    )
}


def main():
    fault, kind, folder = FAULTS[sys.argv[1]], ON_DISK[sys.argv[2]], Path(sys.argv[3])
    storage = kind(folder)
    storage.save(OLD)
    file = storage.path
    with fault(folder, file):
        for attempt in range(2):
            try:
                storage.save(NEW, set(NEW))
            except StorageError as error:
                if not attempt:
                    print(error)
            else:
                sys.exit("the save did not notice")
        if fault in (full_disk, file_size_limit, read_only_folder, read_only_disk):
            assert kind(folder).load() == OLD
            assert read(file) == OLD
    assert kind(folder).load() == OLD
    storage.save(NEW, set(NEW))
    assert kind(folder).load() == NEW
    storage.save(OLD)
    assert kind(folder).load() == OLD
    unexpected = {path.name for path in folder.iterdir()} - {file.name, f".{file.name}.lock", *expected(file)}
    assert not unexpected, unexpected
    shutil.rmtree(folder, ignore_errors=True)


def expected(file):
    return {f"{file.name}.backup{number}" for number in (1, 2)}


if __name__ == "__main__":
    main()
