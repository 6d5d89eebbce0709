"""Where a history is, as a text: a path or a URL. Training code and all commands understand the same."""

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from lrsched.core.history import History
from lrsched.errors import broken_law
from lrsched.formats.json import JSON
from lrsched.formats.text import TEXT
from lrsched.storage import Readable, Storage
from lrsched.storage.disk import StrPath
from lrsched.storage.file import FileStorage

Where = str | os.PathLike[str] | Storage

_DATABASE = re.compile(r"\.(db|sqlite3?)\Z", re.IGNORECASE)
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<slashes>//)?(?P<path>[^?]*)(\?(?P<options>.*))?", re.DOTALL)
_OPTIONS = {"json": "backups", "text": "backups", "sqlite": "run"}  # by scheme
_LIKE_A_URL = re.compile(r"\?(backups|run)=")

_WAY_OUT = "use a path, text:PATH, json:PATH, sqlite:///PATH or sqlite:////ABSOLUTE/PATH"


def open_storage(where: Where) -> Storage:
    """The storage that a path or a URL means. Nothing is read or made yet.

    =================================  =====================================================
    ``learning_rates``                 a learning-rate file in the format of RETURNN
    ``run.json``                       a JSON file
    ``run.json.gz``, ``x.gz``          the same, compressed
    ``runs.db``                        an SQLite database, also ``.sqlite`` and ``.sqlite3``
    ``sqlite:///runs.db?run=a``        its run ``a``; the path is relative
    ``sqlite:////data/runs.db?run=a``  the same with an absolute path
    ``text:PATH``, ``json:PATH``       a file of that format, whatever its name
    ``json:run.json?backups=3``        with the last three generations kept beside it
    =================================  =====================================================

    In a URL, ``?``, ``%`` and the like are written as in any URL: ``%3F``, ``%25``. A path without a scheme is taken
    as it is; options after it are refused.

    Args:
        where: A path or a URL; or a storage, which is given back.

    Raises:
        ArgumentError: It is none of them, or has an option that is not there.

    Examples:
        >>> open_storage("run.json"), open_storage("sqlite:///runs.db?run=a")
        (FileStorage('run.json', json), SqliteStorage('runs.db', run='a'))
        >>> open_storage("sqlite:///runs.db?rum=a")
        Traceback (most recent call last):
        lrsched.errors.ArgumentError: the options of sqlite: must be run, once, got 'rum=a'; see lrsched.open_storage
    """
    if not isinstance(where, (str, os.PathLike)):
        if isinstance(where, Storage) and not isinstance(where, type):
            return where
        raise broken_law("a storage", "a path, a URL or an object with load and save", where, "see lrsched.Storage")
    url = _URL.fullmatch(where) if isinstance(where, str) else None
    if url and url["scheme"].lower() in _OPTIONS:
        return _by_url(url)
    if url and url["slashes"]:
        raise broken_law("a storage", "a path or a URL of text:, json: or sqlite:", where, _WAY_OUT)
    if isinstance(where, str) and (where in ("", "-") or _LIKE_A_URL.search(where)):
        way_out = f"{_WAY_OUT}; for a file of that name give a pathlib.Path, or text: and the name as in a URL"
        raise broken_law("a path", "a file's name and nothing else", where, way_out)
    path = Path(os.fsdecode(where))
    return _database(path) if _DATABASE.search(path.name) else FileStorage(path)


def _by_url(url: re.Match[str]) -> Storage:
    scheme, path = url["scheme"].lower(), unquote(url["path"], errors="surrogateescape")
    if url["slashes"]:
        host, slash, path = path.partition("/")
        if host or not slash:
            raise broken_law("a URL", "without a host", url.group(), _WAY_OUT)
    if not path:
        raise broken_law("a URL", f"{scheme}: with a path", url.group(), _WAY_OUT)
    option = _OPTIONS[scheme]
    try:
        text = (url["options"] or "").replace("+", "%2B")  # a plus is no space, as in the path
        options = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="surrogatepass")
    except ValueError as error:
        raise broken_law("the options of a URL", "like ?name=value&name=value", url["options"], _WAY_OUT) from error
    if [name for name, _ in options] not in ([], [option]):
        raise broken_law(f"the options of {scheme}:", f"{option}, once", url["options"], "see lrsched.open_storage")
    value = dict(options).get(option)
    if scheme == "sqlite":
        return _database(path, value)
    return FileStorage(path, JSON if scheme == "json" else TEXT, _count("0" if value is None else value))


def _database(path: StrPath, run: str | None = None) -> Storage:
    from lrsched.storage.sqlite import SqliteStorage  # noqa: PLC0415  what it needs takes long to import

    return SqliteStorage(path, run)


def _count(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise broken_law("backups", "an integer >= 0", text, "0 keeps none") from error


def read(where: Where) -> History:
    """The history in a file or a database, also in one that a training is writing.

    Args:
        where: A path or a URL, see `open_storage`; or a storage. If who writes a file replaces it by renaming, as
            lrsched and RETURNN do, what is read is complete.

    Raises:
        ArgumentError: ``where`` is no such thing, or the database has several runs and none is named.
        NotWrittenError: It is not there, or is empty: there is nothing to read yet.
        FormatError: It holds something else; says the line. Nothing in it was run.
        StorageError: The machine could not read it.

    Examples:
        >>> read("no_such_file")
        Traceback (most recent call last):
        lrsched.errors.MissingFileError: [Errno 2] No such file or directory: '...no_such_file'
    """
    storage = open_storage(where)
    # What somebody looks at is not what its owner has seen: its own `load` would allow it to overwrite that.
    return storage.read() if isinstance(storage, Readable) else storage.load()
