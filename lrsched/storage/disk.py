"""What a file system can do and say, for files that are read whole and replaced whole. Knows nothing of histories."""

import codecs
import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from lrsched.errors import FormatError, MissingFileError, StorageError

StrPath = str | os.PathLike[str]

LARGEST = 2**29
"""How many bytes a file has at most that is read as a whole."""

LONGEST_WAIT = 60.0
"""For how many seconds a save waits for another process's."""

_GONE = (errno.ENOENT, errno.ESTALE)  # ESTALE: on a network disk, another machine put a new file in its place

State = tuple[int, int, int, int]
"""What tells one content of a file from the next."""


def storage_error(error: Exception, path: StrPath) -> StorageError:
    """What the machine said about ``path``; a ValueError is a path that cannot be one."""
    if isinstance(error, OSError):
        return StorageError(error.errno, error.strerror, os.fspath(path))
    return StorageError(errno.EINVAL, str(error), os.fspath(path))


def read_bytes(path: StrPath) -> bytes:
    """What is in a file.

    Raises:
        MissingFileError: It is not there.
        StorageError: The machine could not read it, or it has no end.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except MemoryError as error:
        raise StorageError(errno.ENOMEM, os.strerror(errno.ENOMEM), os.fspath(path)) from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _GONE:
            raise MissingFileError(error.errno, error.strerror, os.fspath(path)) from error
        raise storage_error(error, path) from error
    if len(data) > LARGEST:
        raise StorageError(errno.EFBIG, f"it has more than {LARGEST} bytes", os.fspath(path))
    return data


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
        StorageError: There can be none: its folder is not there, or is not to be entered. Or it is a link to what is
            not there: rather a disk that is not mounted than a training that is new.
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
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """While it lasts, nobody else is in here with ``path``. The lock of a process that died does not count.

    It is taken on a file ``.name.lock`` beside it, which stays.

    Raises:
        StorageError: Another process holds it for too long, or the file cannot be made.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415  it takes long to import, and only who saves needs it

    try:
        lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=LONGEST_WAIT, poll_interval=0.005)
        lock.acquire()
    except Timeout as error:
        message = f"another process has been saving it for {LONGEST_WAIT:g} seconds"
        raise StorageError(errno.EBUSY, message, os.fspath(path)) from error
    except (OSError, ValueError, NotImplementedError) as error:
        raise storage_error(error, path) from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def written_beside(path: Path, data: bytes) -> Iterator[Path]:
    """A new file with ``data``, in the folder of ``path`` and with its rights, synced, to be renamed to ``path``.

    It is gone at the end if it was not. To be called under `locked`: what a crash left of an earlier one is in
    nobody's way.

    Raises:
        OSError: The machine could not write; no file is left.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        _write(temporary, data, like=path)
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _write(path: Path, data: bytes, like: Path) -> None:
    """A new file with ``data`` and the rights of ``like``, synced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        with contextlib.suppress(FileNotFoundError):
            os.fchmod(descriptor, like.stat().st_mode & 0o7777)
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]
        os.fsync(descriptor)


def probe(path: Path, *, writing: bool) -> None:
    """Find out what is wrong with a file that another library could not use.

    Args:
        path: The file.
        writing: Whether it was to be changed.

    Raises:
        OSError: What the machine says.
    """
    os.close(os.open(path, os.O_RDWR if writing else os.O_RDONLY))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if writing:
        with written_beside(path, bytes(4096)):
            return


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder survive a power cut.

    Raises:
        OSError: The machine could not.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
