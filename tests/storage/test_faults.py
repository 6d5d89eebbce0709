"""What the machine does to those who save: kills them, fills the disk, takes rights away, cuts the power."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from storages import ON_DISK

from lrsched import EpochData, History, open_storage, read

HERE = Path(__file__).parent
KILLS = 1000 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 100

# Root may do everything; without capabilities, rights count for him, too.
WITHOUT_CAPABILITIES = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
# A disk of one's own, in a mount namespace that ends with the process.
ON_A_SMALL_DISK = [
    *["unshare", "--mount", "--map-root-user"],
    *["bash", "-c", 'mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"'],
]


def _run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ON_DISK)
def test_a_killed_writer_leaves_the_last_acknowledged_save_or_the_one_in_flight(kind, tmp_path):
    said = _run([sys.executable, HERE / "crash_loop.py", kind, tmp_path, str(KILLS), "1"])
    assert re.match(rf"{kind}: {KILLS} kills, [1-9]\d* saves acknowledged, \d+ in flight were there, 0 lost", said)
    assert ".tmp" not in said
    assert "-wal" not in said


@pytest.mark.parametrize("kind", ON_DISK)
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("full_disk", r"No space left on device|full"),
        ("file_size_limit", r"File too large|disk I/O error"),
        ("read_only_folder", r"Permission denied"),
        ("permission_denied", r"Permission denied"),
        ("folder_in_place_of_the_file", r"it is a folder, a device or a pipe, and no file"),
        ("dangling_link", r"it is a link to .*not here, which is not there; mount it, or remove the link"),
        ("read_only_disk", r"Read-only file system"),
    ],
)
def test_whatever_the_machine_does_the_old_data_are_there_and_the_next_save_works(kind, fault, says, tmp_path):
    around = {"full_disk": [*ON_A_SMALL_DISK, tmp_path], "read_only_disk": [*ON_A_SMALL_DISK, tmp_path]}
    program = [sys.executable, HERE / "faults.py", fault, kind, tmp_path]
    said = _run([*around.get(fault, WITHOUT_CAPABILITIES), *program])
    assert re.search(says, said), said


def test_what_a_crash_left_is_in_nobodys_way(tmp_path):
    one = History({1: EpochData(learning_rate=0.1)})
    for name in ("learning_rates", "run.json"):
        (tmp_path / f".{name}.tmp").write_text("half a fi")
        (tmp_path / f".{name}.lock").write_text("4711")
        open_storage(tmp_path / name).save(one)
        assert read(tmp_path / name) == one
        assert not (tmp_path / f".{name}.tmp").exists()


SAVE_TWICE = """
import os, sys
import filelock
from lrsched import EpochData, History, open_storage
storage = open_storage(sys.argv[1])
os.write(1, b"first")
storage.save(History({1: EpochData(learning_rate=0.1)}))
os.write(1, b"before")
storage.save(History({1: EpochData(learning_rate=0.1), 2: EpochData(learning_rate=0.1, error={"a": 1.0})}), {2})
os.write(1, b"after")
"""
CALLS = "openat,rename,renameat,renameat2,fsync,fdatasync,write,pwrite64,unlink,ftruncate"


def _traced(path, tmp_path, since="before", until="after"):
    """The system calls of the second save, or of another time, as (name, what it is about)."""
    log = tmp_path / "trace"
    _run(["strace", "-f", "-y", "-o", log, "-e", f"trace={CALLS}", sys.executable, "-c", SAVE_TWICE, path])
    calls = log.read_text()
    during = calls[calls.index(f'"{since}"') : calls.index(f'"{until}"')]
    return [
        (name, about)
        for name, about in re.findall(r"^\d+ +(\w+)\((.*)\) += \d+", during, re.MULTILINE)
        if str(path.parent) in about and "O_RDONLY" not in about
    ]


@pytest.mark.parametrize("name", ["learning_rates", "run.json"])
def test_a_file_is_synced_before_it_is_renamed_and_its_folder_after(name, tmp_path):
    """So that a power cut at any moment leaves the old file or the new one."""
    folder = tmp_path / "folder"
    folder.mkdir()
    calls = _traced(folder / name, tmp_path)
    steps = [
        call
        for call, about in calls
        if ".tmp" in about or (call == "fsync" and re.fullmatch(rf"\d+<{re.escape(str(folder))}>", about))
    ]
    assert steps == ["openat", "write", "fsync", "rename", "fsync"]
    assert not [about for call, about in calls if call in ("write", "ftruncate") and ".tmp" not in about]


def test_a_transaction_is_synced_before_the_save_returns_and_before_the_database_is_touched(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    wal, database = (f"<{folder}/runs.db{suffix}>" for suffix in ("-wal", ""))
    calls = _traced(folder / "runs.db", tmp_path)

    def when(names, about):
        return [position for position, call in enumerate(calls) if call[0] in names and about in call[1]]

    written, touched = when(["pwrite64"], wal), when(["pwrite64"], database)
    gone = when(["unlink"], "runs.db-wal")
    assert any(max(written) < position < min(touched) for position in when(["fsync", "fdatasync"], wal))
    assert any(max(touched) < position < max(gone) for position in when(["fsync", "fdatasync"], database))


def test_the_name_of_a_new_database_is_synced_before_the_save_returns(tmp_path):
    """By SQLite, when it makes the log: that is in the same folder."""
    folder = tmp_path / "folder"
    folder.mkdir()
    calls = _traced(folder / "runs.db", tmp_path, "first", "before")
    made = [place for place, (name, about) in enumerate(calls) if name == "openat" and f"{folder}/runs.db" in about]
    synced = [
        place
        for place, (name, about) in enumerate(calls)
        if name in ("fsync", "fdatasync") and re.fullmatch(rf"\d+<{re.escape(str(folder))}>", about)
    ]
    assert synced
    assert made[0] < max(synced)


@pytest.mark.parametrize("kind", ON_DISK)
def test_a_folder_that_may_be_written_but_not_listed_will_do(kind, tmp_path):
    """It cannot be opened to be synced."""
    code = "import sys; from faults import *; s = ON_DISK[sys.argv[1]](Path(sys.argv[2])); s.save(OLD); s.save(NEW)"
    tmp_path.chmod(0o300)
    command = [*WITHOUT_CAPABILITIES, sys.executable, "-c", code, kind, tmp_path]
    _run(command, cwd=HERE)
    tmp_path.chmod(0o700)
    assert len(ON_DISK[kind](tmp_path).load()) == 399


@pytest.mark.parametrize("kind", ON_DISK)
def test_why_a_new_file_cannot_be_made_is_said(kind, tmp_path):
    code = "import sys; from storages import *; ON_DISK[sys.argv[1]](Path(sys.argv[2])).save(History())"
    tmp_path.chmod(0o500)
    command = [*WITHOUT_CAPABILITIES, sys.executable, "-c", code, kind, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE.parent)
    tmp_path.chmod(0o700)
    assert "StorageError: [Errno 13] Permission denied" in done.stderr
    assert list(tmp_path.iterdir()) == []
