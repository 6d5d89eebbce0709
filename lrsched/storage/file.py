"""Storage in a file, written so that neither a crash nor a power cut can leave anything but the old or the new file."""

import contextlib
import errno
import gzip
import os
import re
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, final

from lrsched.core.epoch_data import EpochData
from lrsched.core.history import History
from lrsched.core.numbers import integer
from lrsched.errors import ConflictError, FormatError, MissingFileError, StorageError, broken_law
from lrsched.formats import Format
from lrsched.formats.json import JSON
from lrsched.formats.text import TEXT
from lrsched.storage import disk
from lrsched.storage.disk import StrPath

_SUFFIXES = re.compile(r"(\.json)?(\.gz)?\Z", re.IGNORECASE)


def beside(path: Path, word: str) -> Path:
    """The name of a relative of a file, of the same format.

    Examples:
        >>> print(beside(Path("run.json.gz"), "backup1"), beside(Path("learning_rates"), "repaired"))
        run.backup1.json.gz learning_rates.repaired
    """
    return path.with_name(_SUFFIXES.sub(lambda suffixes: f".{word}{suffixes.group()}", path.name, count=1))


def _format_of(path: Path) -> Format:
    suffixes = _SUFFIXES.search(path.name)
    return JSON if suffixes and suffixes[1] else TEXT


MOST_BACKUPS = 1000


@final
class FileStorage:
    """Keeps a history in one file.

    A save writes a temporary file in the same folder, syncs it, renames it over the old one and syncs the folder. It
    replaces only what was loaded or saved through this object: an unreadable file is never overwritten, nor is what
    somebody else wrote in the meantime. That is told by the content, so a file that was only touched or copied is fine.
    A lock makes sure that nobody writes in between.

    Args:
        path: The file; it need not be there yet, its folder must. A symbolic link is followed to a file that is there.
            With the suffix ``.gz`` it is compressed. A relative path stays what it means now.
        format: How the file looks; None: JSON if its suffix is ``.json`` or ``.json.gz``, else the learning-rate file.
        backups: How many earlier generations are kept beside it, an integer >= 0: ``run.json`` as it was before the
            last save that changed it is ``run.backup1.json``, before that ``run.backup2.json``. At most 1000. What
            else has such a name is overwritten.

    Raises:
        ArgumentError: ``backups`` is none.
    """

    def __init__(self, path: StrPath, format: Format | None = None, backups: int = 0) -> None:  # noqa: A002  the field's word
        self.path = Path(path)
        self._file = disk.absolute(path)
        self.format = format or _format_of(self.path)
        self.backups = integer("backups", backups, least=0, way_out="0 keeps none")
        if self.backups > MOST_BACKUPS:
            raise broken_law("backups", f"at most {MOST_BACKUPS}", backups, "keep them elsewhere")
        self._content: bytes | None = None  # that was loaded or saved last
        self._attempted: bytes | None = None  # by a save that may have got through, and failed after
        self._rendered: dict[int, tuple[EpochData, str]] = {}

    def __repr__(self) -> str:
        return f"FileStorage({os.fspath(self.path)!r}, {self.format.name})"

    def __reduce__(self) -> Any:
        """Unpickled it has seen nothing yet, as the process that it is for."""
        return FileStorage, (self._file, self.format, self.backups)

    def load(self) -> History:
        """See `Storage.load`. A file that is not there is the empty history; an empty one is an `EmptyFileError`."""
        content = self._stored()
        history = History() if content is None else self._parsed(content)
        self._content, self._attempted = content, None
        return history

    def read(self) -> History:
        """The history for somebody who only reads: what is not there yet is an error.

        Raises:
            NotWrittenError: The file is not there, or is empty.
            FormatError: It is no such file; says the line.
            StorageError: The machine could not read it.
        """
        return self._parsed(disk.read_bytes(self._file))

    def salvage(self) -> tuple[History, FormatError | None]:
        """The epochs that stand in a damaged file before its first fault, and the fault; None if there is none.

        Raises:
            StorageError: It is not there, or the machine could not read it.
        """
        return self._salvaged(disk.read_bytes(self._file))

    def save(self, history: History, changed: Collection[int] | None = None) -> None:
        """See `Storage.save`."""
        del changed  # a file is written whole
        data = self._packed(history)
        if len(data) > disk.LARGEST:  # it could not be loaded again
            message = f"it would have more than {disk.LARGEST} bytes; keep it in a database"
            raise StorageError(errno.EFBIG, message, os.fspath(self.path))
        disk.state(self._file)  # tells what is wrong with the path, if anything is
        target = Path(os.path.realpath(self._file))
        with disk.locked(target):
            self._check_seen()
            try:
                with disk.written_beside(target, data) as new:
                    if data != self._content:
                        self._keep_generations(target)
                    self._attempted = data
                    new.replace(target)
                self._content, self._attempted = data, None
                disk.sync_folder(target.parent)
            except OSError as error:
                raise disk.storage_error(error, self.path) from error

    @property
    def _is_packed(self) -> bool:
        return self.path.suffix.lower() == ".gz"

    def _stored(self) -> bytes | None:
        """What is in the file; None if there is none."""
        while disk.state(self._file) is not None:
            with contextlib.suppress(MissingFileError):  # between the two looks it went, or another one came
                return disk.read_bytes(self._file)
        return None

    def _check_seen(self) -> None:
        """Refuse to replace what was neither loaded nor saved here."""
        stored = self._stored()
        if stored is not None and stored == self._attempted:
            self._content = stored
        if stored not in (None, self._content):
            message = "holds what this storage has neither loaded nor saved; load it first, or save elsewhere"
            raise ConflictError(f"{self.path} {message}")

    def _salvaged(self, content: bytes) -> tuple[History, FormatError | None]:
        filename, data, packed_fault = os.fspath(self.path), content, None
        with disk.memory_for(self.path):
            if self._is_packed and content:
                data, packed_fault = _unpacked(content, filename)
            text, no_text = disk.decoded(data, self.path)
            history, fault = self.format.salvage(text, filename)
        fault = packed_fault or _which_ended(text, no_text, fault)
        hint = self._hint(content)
        if fault and hint and not history:
            fault = FormatError(fault.message + hint, filename=filename, line=fault.line)
        return history, fault

    def _hint(self, content: bytes) -> str:
        """What a file is that is not understood, as the end of a sentence."""
        expected = _PACKED if self._is_packed else _JSON if self.format is JSON else b""
        found = (what for begin, what in _KINDS.items() if begin != expected and content.startswith(begin))
        return next((f"; it is {what}" for what in found), "")

    def _parsed(self, data: bytes) -> History:
        history, fault = self._salvaged(data)
        if fault:
            raise fault
        return history

    def _packed(self, history: History) -> bytes:
        with disk.memory_for(self.path):
            return self._pack(self.format.join(self._render(history)).encode())

    def _pack(self, data: bytes) -> bytes:
        if not self._is_packed:
            return data
        packed = gzip.compress(data, mtime=0)
        return packed if len(data) <= _most_unpacked(packed) else gzip.compress(data, compresslevel=0, mtime=0)

    def _render(self, history: History) -> list[str]:
        """The rendered epochs; those that did not change since the last save are not rendered again."""
        before, now = self._rendered, {}
        for epoch, data in history.items():
            known = before.get(epoch)
            now[epoch] = known if known and known[0] is data else (data, self.format.render_epoch(epoch, data))
        self._rendered = now
        return [rendered for _, rendered in now.values()]

    def _keep_generations(self, target: Path) -> None:
        """Number 1 gets what the file has now, 2 what 1 had, and so on up to the first that is free."""
        if not self.backups or self._content is None:
            return
        names = [beside(target, f"backup{number}") for number in range(1, self.backups + 1)]
        if _has(names[0], self._content):  # by a save that went no further
            return
        with disk.written_beside(names[0], self._content, like=target) as new:
            free = next((place for place, name in enumerate(names) if not name.exists()), len(names) - 1)
            for place in range(free, 0, -1):
                names[place - 1].replace(names[place])
            new.replace(names[0])


_PACKED, _JSON = b"\x1f\x8b", b'{"format": "lrsched'
_KINDS = {
    b"SQLite format 3\0": "a database, as in sqlite:///PATH",
    _PACKED: "packed, and its name should end in .gz",
    _JSON: "a JSON file, as in json:PATH",
}
"""What a file is that begins so."""


def _which_ended(text: str, no_text: FormatError | None, fault: FormatError | None) -> FormatError | None:
    """Which fault ended a history: where the bytes were no text any more, the text was cut off, and is at fault too."""
    last_line = text.rstrip().count("\n") + 1
    return fault if fault and fault.line and fault.line < last_line else no_text or fault


def _has(path: Path, content: bytes) -> bool:
    with contextlib.suppress(MissingFileError):
        return disk.read_bytes(path) == content
    return False


_MOST_ANYWAY = 2**21
_MOST_TIMES = 20
_PIECE = 64  # bytes are unpacked at once: so many are lost before a fault


def _most_unpacked(packed: bytes) -> int:
    """Beyond that many bytes it is not taken for a history, but for an attempt to fill the memory."""
    return max(_MOST_ANYWAY, _MOST_TIMES * len(packed))


def _unpacked(packed: bytes, filename: str) -> tuple[bytes, FormatError | None]:
    """What was packed, up to the first fault, and the fault."""
    most, size = _most_unpacked(packed), 0
    unpacker = zlib.decompressobj(wbits=31)
    parts = []
    fault = None
    try:
        for start in range(0, len(packed), _PIECE):
            parts.append(unpacker.decompress(packed[start : start + _PIECE], most - size + 1))
            size += len(parts[-1])
            if unpacker.eof:
                if unpacker.unused_data or start + _PIECE < len(packed):
                    fault = "something follows after the end"
                break
            if size > most:
                parts, fault = [], f"it unpacks to more than {most} bytes; if it is a history, gunzip it"
                break
        else:
            fault = "the file ends too early"
    except zlib.error as error:
        fault = f"damaged, so any value before may be wrong, too ({error})"
    return b"".join(parts), FormatError(f"gzip: {fault}", filename=filename) if fault else None
