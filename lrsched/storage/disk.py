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

LARGEST = 2**29
"""How many bytes a file has at most that is read as a whole."""

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


@contextlib.contextmanager
def memory_for(path: StrPath) -> Iterator[None]:
    """Turns a lack of memory into a `StorageError`."""
    try:
        yield
    except MemoryError as error:
        raise StorageError(errno.ENOMEM, os.strerror(errno.ENOMEM), os.fspath(path)) from error


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
        StorageError: The machine could not read it, or it has no end.
    """
    try:
        with memory_for(path), Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(min(size, LARGEST) + 1)  # what it takes in memory is asked for at once
            if len(data) > size:  # it grew, or is a pipe
                data += file.read(LARGEST + 1 - len(data))
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _GONE:
            raise MissingFileError(error.errno, error.strerror, os.fspath(path)) from error
        raise storage_error(error, path) from error
    if len(data) > LARGEST:
        raise StorageError(errno.EFBIG, f"it has more than {LARGEST} bytes", os.fspath(path))
    return data


_BEGINNING = 32


def beginning(path: Path) -> bytes:
    """The first bytes of a file; none if there is no file.

    Raises:
        StorageError: The machine could not read it, or it is none.
    """
    try:
        if state(path) is None:
            return b""
        with path.open("rb") as file:
            return file.read(_BEGINNING)
    except FileNotFoundError:
        return b""
    except OSError as error:
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
    if stat.S_ISDIR(found.st_mode):
        raise StorageError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(found.st_mode):
        raise StorageError(errno.EINVAL, "it is a device or a pipe and no file", os.fspath(path))
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
        _share(beside, path)
        yield
    finally:
        lock.release()


def _share(path: Path, like: Path) -> None:
    """Give a file the owner and rights of another one, if that is there and this process may do so."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _give_rights(descriptor, like, at_least=stat.S_IRUSR | stat.S_IWUSR)  # its owner may always lock
        finally:
            os.close(descriptor)


def _give_rights(descriptor: int, like: Path, at_least: int = 0) -> None:
    with contextlib.suppress(FileNotFoundError):
        wanted = like.stat()
        rights = stat.S_IMODE(wanted.st_mode)
        for owner in (
            (wanted.st_uid, wanted.st_gid),
            (-1, wanted.st_gid),
        ):  # root may, and is who else locks others out
            if _owner(descriptor) != (wanted.st_uid, wanted.st_gid):
                with contextlib.suppress(OSError):
                    os.fchown(descriptor, *owner)
        if _owner(descriptor)[1] != wanted.st_gid:
            rights &= ~stat.S_IRWXG  # they are another group's
        os.fchmod(descriptor, rights | at_least)


def _owner(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_uid, found.st_gid


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
        _write(temporary, data, like=like or path)
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
    temporary = target.with_name(f".{os.urandom(8).hex()}.tmp")  # nobody else's, so nothing is locked
    try:
        state(target)
        try:
            _write(temporary, data, like=target)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise storage_error(error, path) from error


def _write(path: Path, data: bytes, like: Path) -> None:
    """A new file with ``data`` and the rights of ``like``, synced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        _give_rights(descriptor, like)
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]
        os.fsync(descriptor)


def probe(path: Path, *, writing: bool) -> None:
    """Find out what is wrong with a file that another library could not use. It is not opened.

    Args:
        path: The file.
        writing: Whether it was to be changed.

    Raises:
        OSError: What the machine says.
    """
    from tempfile import TemporaryFile  # noqa: PLC0415  it takes long to import, and hardly anyone needs it

    is_there = state(path) is not None
    if writing:
        with TemporaryFile(dir=path.parent, buffering=0) as file:
            file.write(bytes(4096))
    if is_there and not os.access(path, os.R_OK | (os.W_OK if writing else 0), effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder survive a power cut, where the disk has a way to do so.

    Raises:
        OSError: It has, and failed.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # files can be made in it, but it cannot be opened
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SUCH_CALL:
            raise
    finally:
        os.close(descriptor)


_NO_SUCH_CALL = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)  # what some network disks say to it
