"""Storage in a file, written so that neither a crash nor a power cut can leave anything but the old or the new file."""

import contextlib
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
from lrsched.errors import ConflictError, FormatError, MissingFileError
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
            last save that changed it is ``run.backup1.json``, before that ``run.backup2.json``. What else has
            such a name is overwritten.

    Raises:
        ArgumentError: ``backups`` is none.
    """

    def __init__(self, path: StrPath, format: Format | None = None, backups: int = 0) -> None:  # noqa: A002  the field's word
        self.path = Path(path)
        self._file = disk.absolute(path)
        self.format = format or _format_of(self.path)
        self._is_packed = self.path.suffix.lower() == ".gz"
        self.backups = integer("backups", backups, least=0, way_out="0 keeps none")
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

    def _stored(self) -> bytes | None:
        """What is in the file; None if there is none."""
        while disk.state(self._file) is not None:
            with contextlib.suppress(MissingFileError):  # between the two looks it went, or another one came
                return disk.read_bytes(self._file)
        return None

    def _check_seen(self) -> None:
        """Refuse to replace what was neither loaded nor saved here."""
        stored = self._stored()
        if stored not in (None, self._content, self._attempted):
            message = "holds what this storage has neither loaded nor saved; load it first, or save elsewhere"
            raise ConflictError(f"{self.path} {message}")
        self._content = stored or self._content

    def _salvaged(self, content: bytes) -> tuple[History, FormatError | None]:
        filename = os.fspath(self.path)
        data, packed_fault = _unpacked(content, filename) if self._is_packed and content else (content, None)
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
        data = self.format.join(self._render(history)).encode()
        return gzip.compress(data, mtime=0) if self._is_packed else data

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

        def name(number: int) -> Path:
            return beside(target, f"backup{number}")

        with contextlib.suppress(MissingFileError):
            if disk.read_bytes(name(1)) == self._content:  # by a save that went no further
                return
        with disk.written_beside(name(1), self._content, like=target) as new:
            free = next((number for number in range(1, self.backups) if not name(number).exists()), self.backups)
            for number in range(free, 1, -1):
                name(number - 1).replace(name(number))
            new.replace(name(1))


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


_PIECE = 64  # bytes are unpacked at once: so many are lost before a fault


def _unpacked(packed: bytes, filename: str) -> tuple[bytes, FormatError | None]:
    """What was packed, up to the first fault, and the fault."""
    unpacker = zlib.decompressobj(wbits=31)
    parts, fault = [], "the file ends too early"
    try:
        for start in range(0, len(packed), _PIECE):
            parts.append(unpacker.decompress(packed[start : start + _PIECE]))
            if unpacker.eof:
                is_all = start + _PIECE >= len(packed) and not unpacker.unused_data
                fault = "" if is_all else "something follows after the end"
                break
    except zlib.error as error:
        fault = f"damaged, so any value before may be wrong, too ({error})"
    return b"".join(parts), FormatError(f"gzip: {fault}", filename=filename) if fault else None
