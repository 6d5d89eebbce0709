"""What a file system can do and say, for files that are read whole and replaced whole. Knows nothing of histories."""

import codecs
import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from lrsched.errors import FormatError, MissingFileError, StorageError

StrPath = str | os.PathLike[str]

LONGEST_WAIT = 60.0
"""For how many seconds a save waits for another process's."""

_GONE = (errno.ENOENT, errno.ESTALE)  # ESTALE: on a network disk, another machine put a new file in its place

State = tuple[int, int, int, int]
"""What tells one content of a file from another that was written some time later."""


def storage_error(error: Exception, path: StrPath) -> StorageError:
    """What the machine said about ``path``; a ValueError is a path that cannot be one."""
    if isinstance(error, OSError):
        return StorageError(error.errno, error.strerror, os.fspath(path))
    return StorageError(errno.EINVAL, str(error), os.fspath(path))


def absolute(path: StrPath) -> Path:
    """The same file even when the process goes to another folder."""
    try:
        return Path(path).absolute()
    except OSError as error:  # the folder where the process is was removed
        raise storage_error(error, path) from error


def read_bytes(path: StrPath) -> bytes:
    """What is in a file.

    Raises:
        MissingFileError: It is not there.
        StorageError: The machine could not read it.
    """
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _GONE:
            raise MissingFileError(error.errno, error.strerror, os.fspath(path)) from error
        raise storage_error(error, path) from error


def decoded(data: bytes, path: StrPath) -> tuple[str, FormatError | None]:
    """The text in UTF-8 up to the first byte that is none, and the fault; None if there is none."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode(), None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fault = FormatError("the file is not text in UTF-8", filename=os.fspath(path), line=line)
        return data[: error.start].decode(), fault


def state(path: Path) -> State | None:
    """The state of a file; None if there is none.

    Raises:
        StorageError: There can be none: its folder is not there, or is not to be entered, or something else is in its
            place. Or it is a link to what is not there: rather a disk that is not mounted than a training that is new.
    """
    try:
        found = path.stat()
    except FileNotFoundError:  # what is wrong is better said now than after the first epoch
        if path.is_symlink():
            message = f"it is a link to {os.path.realpath(path)}, which is not there; mount it, or remove the link"
            raise StorageError(errno.ENOENT, message, os.fspath(path)) from None
        if not path.parent.is_dir():
            raise StorageError(errno.ENOENT, "its folder is not there", os.fspath(path)) from None
        return None
    except (OSError, ValueError) as error:
        raise storage_error(error, path) from error
    if not stat.S_ISREG(found.st_mode):
        raise StorageError(errno.EINVAL, "it is a folder, a device or a pipe, and no file", os.fspath(path))
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """While it lasts, nobody else is in here with ``path``. The lock of a process that died does not count.

    It is taken on a file ``.name.lock`` beside it, which stays. Who has a right to write ``path`` has it to lock it.

    Raises:
        StorageError: Another process holds it for too long, or the file cannot be made.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415  it takes long to import, and only who saves needs it

    beside = path.with_name(f".{path.name}.lock")
    try:
        lock = FileLock(beside, timeout=LONGEST_WAIT, poll_interval=0.005)
        lock.acquire()
    except Timeout as error:
        message = f"another process has been saving it for {LONGEST_WAIT:g} seconds"
        raise StorageError(errno.EBUSY, message, os.fspath(path)) from error
    except (OSError, ValueError, NotImplementedError) as error:
        raise storage_error(error, beside) from error
    try:
        _share(beside, like=path, at_least=0o600)  # its owner may always lock
        yield
    finally:
        lock.release()


def _share(path: Path, like: Path, at_least: int = 0) -> None:
    """Give a file the rights and owner of another one, if that is there, and as far as this process may."""
    with contextlib.suppress(OSError):
        now, wanted = path.stat(), like.stat()
        path.chmod(stat.S_IMODE(wanted.st_mode) | at_least)
        if (now.st_uid, now.st_gid) != (wanted.st_uid, wanted.st_gid):
            os.chown(path, -1, wanted.st_gid)
            os.chown(path, wanted.st_uid, -1)  # root may, who would lock others out


@contextlib.contextmanager
def written_beside(path: Path, data: bytes, like: Path | None = None) -> Iterator[Path]:
    """A new file with ``data`` in the folder of ``path``, synced, to be renamed to ``path``.

    Its owner and rights are those of ``like``, which is ``path`` unless told otherwise, if that is there, and as far as
    this process may give them. It is gone at the end if it was not renamed. To be called under `locked`: what a crash
    left of an earlier one is in nobody's way.

    Raises:
        OSError: The machine could not write; no file is left.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with temporary.open("xb") as file:
            _share(temporary, like=like or path)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def replace(path: StrPath, data: bytes) -> None:
    """Put ``data`` into a file that is no history and whose earlier content does not matter: all of it, or nothing.

    Raises:
        StorageError: The machine could not write; what was there is there.
    """
    target = Path(os.path.realpath(path))
    try:
        state(target)
        with written_beside(target, data) as new:
            new.replace(target)
    except (OSError, ValueError) as error:
        raise storage_error(error, path) from error


def probe(path: Path, *, writing: bool) -> None:
    """Find out what is wrong with a file that another library could not use. It is not opened.

    Args:
        path: The file.
        writing: Whether it was to be changed.

    Raises:
        OSError: What the machine says.
    """
    from tempfile import TemporaryFile  # noqa: PLC0415  it takes long to import, and hardly anyone needs it

    if writing:
        with TemporaryFile(dir=path.parent, buffering=0) as file:
            file.write(bytes(4096))
    if state(path) and not os.access(path, os.R_OK | (os.W_OK if writing else 0), effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder survive a power cut, where the disk has a way to do so.

    Raises:
        OSError: It has, and failed.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


_CANNOT_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EACCES)
"""What some network disks say to it; and what any does of a folder that can be written, but not listed."""
