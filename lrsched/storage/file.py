"""Storage in a file, written so that neither a crash nor a power cut can leave anything but the old or the new file."""

import contextlib
import errno
import os
from pathlib import Path
from typing import Any, final

from lrsched.config.files import parse_config
from lrsched.core.epoch_data import EpochData
from lrsched.core.history import History
from lrsched.errors import ConflictError, FormatError, MissingFileError, StorageError
from lrsched.formats import Format, text

StrPath = str | os.PathLike[str]


def read(path: StrPath) -> History:
    """The history in a learning-rate file, also in one that a training is writing.

    Args:
        path: The file. If its writer replaces it by renaming, as lrsched and RETURNN do, what is read is complete.

    Raises:
        NotWrittenError: It is not there, or is empty: there is nothing to read yet.
        FormatError: It is no learning-rate file; says the line. Nothing in it was run.
        StorageError: The machine could not read it.

    Examples:
        >>> read("no_such_file")
        Traceback (most recent call last):
        lrsched.errors.MissingFileError: [Errno 2] No such file or directory: 'no_such_file'
    """
    return text.parse(read_text(path), os.fspath(path))


def read_config(path: StrPath, *, execute: bool = False) -> dict[str, Any]:
    """The settings in a configuration file, for `schedule_from_config`.

    Args:
        path: The file, in one of the forms that `lrsched.config.files.parse_config` tells apart.
        execute: Run it if it is a Python file. Otherwise it is read without running anything.

    Raises:
        FormatError: It is no configuration; says the line. Or running it raised an exception.
        StorageError: It is not there, or the machine could not read it.
    """
    return parse_config(read_text(path), os.fspath(path), execute=execute)


def read_text(path: StrPath) -> str:
    """The text of a file in UTF-8.

    Raises:
        FormatError: It is not UTF-8.
        MissingFileError: It is not there.
        StorageError: The machine could not read it.
    """
    return _decoded(_read_bytes(path), path)


def _read_bytes(path: StrPath) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _GONE:
            raise MissingFileError(error.errno, error.strerror, os.fspath(path)) from error
        raise _storage_error(error, path) from error


def _decoded(data: bytes, path: StrPath) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError("the file is not text in UTF-8", filename=os.fspath(path), line=line) from error


_GONE = (errno.ENOENT, errno.ESTALE)  # ESTALE: on a network disk, another machine put a new file in its place


def _storage_error(error: Exception, path: StrPath) -> StorageError:
    """What the machine said about ``path``; a ValueError is a path that cannot be one."""
    if isinstance(error, OSError):
        return StorageError(error.errno, error.strerror, os.fspath(path))
    return StorageError(errno.EINVAL, str(error), os.fspath(path))


@final
class FileStorage:
    """Keeps a history in one file.

    A save writes a temporary file in the same folder, syncs it, renames it over the old one and syncs the folder. It
    replaces only what was loaded or saved through this object: an unreadable file is never overwritten, nor is what
    somebody else wrote in the meantime. That is told by the content, so a file that was only touched or copied is fine.

    Args:
        path: The file; it need not be there yet, its folder must. A symbolic link is followed.
        format: How the file looks; the legacy learning-rate file.
    """

    def __init__(self, path: StrPath, format: Format = text) -> None:  # noqa: A002  the field's word
        self.path = Path(path)
        self.format = format
        self._seen: _Version | None = None
        self._content: bytes | None = None  # at that time
        self._rendered: dict[int, tuple[EpochData, str]] = {}

    def __repr__(self) -> str:
        return f"FileStorage({os.fspath(self.path)!r})"

    def load(self) -> History:
        """See `Storage.load`. A file that is not there is the empty history; an empty one is an `EmptyFileError`."""
        version = self._version()
        if version is None:
            folder = Path(os.path.realpath(self.path)).parent
            if not folder.is_dir():  # better said now than after the first epoch
                raise StorageError(errno.ENOENT, "its folder is not there", os.fspath(self.path))
            self._seen = self._content = None
            return History()
        data = _read_bytes(self.path)
        history = self.format.parse(_decoded(data, self.path), os.fspath(self.path))
        self._seen, self._content = version, data
        return history

    def save(self, history: History) -> None:
        """See `Storage.save`."""
        if self._is_changed():
            raise ConflictError(
                f"{self.path} holds what this storage has neither loaded nor saved; load it first, or save elsewhere"
            )
        data = self.format.join(self._render(history)).encode()
        target = Path(os.path.realpath(self.path))
        try:
            temporary = _write_beside(target, data)
            version = _version_of(temporary)
            try:
                temporary.replace(target)
            except BaseException:
                temporary.unlink()
                raise
            self._seen, self._content = version, data
            _sync_folder(target.parent)
        except OSError as error:
            raise _storage_error(error, self.path) from error

    def _render(self, history: History) -> list[str]:
        """The rendered epochs; those that did not change since the last save are not rendered again."""
        before, self._rendered = self._rendered, {}
        for epoch, data in history.items():
            known = before.get(epoch)
            self._rendered[epoch] = (
                known if known and known[0] is data else (data, self.format.render_epoch(epoch, data))
            )
        return [rendered for _, rendered in self._rendered.values()]

    def _is_changed(self) -> bool:
        """Whether the file holds what was neither loaded nor saved here."""
        version = self._version()
        return version not in (None, self._seen) and _read_bytes(self.path) != self._content

    def _version(self) -> "_Version | None":
        """What tells one state of the file from the next; None if there is no file."""
        try:
            return _version_of(self.path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise _storage_error(error, self.path) from error


_Version = tuple[int, int, int, int]


def _version_of(path: Path) -> _Version:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _write_beside(path: Path, data: bytes) -> Path:
    """A new file in the folder of ``path`` with ``data`` and the rights of ``path``, synced.

    Raises:
        OSError: The machine could not write; no file is left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            with contextlib.suppress(FileNotFoundError):
                os.fchmod(descriptor, path.stat().st_mode & 0o7777)
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
            os.fsync(descriptor)
    except BaseException:
        temporary.unlink()
        raise
    return temporary


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
