"""The code that somebody names: ``MODULE:NAME`` or ``FILE.py:NAME``. It is run."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from lrsched.cli.options import did_you_mean
from lrsched.errors import ArgumentError, FormatError, LrschedError, MissingFileError, broken_law

_FILE: Final = ".py"
_LIBRARIES: Final = (Path(__file__).parents[1], Path(traceback.__file__).parent)
"""The folders of lrsched and of Python."""


@contextmanager
def foreign_code() -> Iterator[None]:
    """While it lasts, code can be loaded, and import what is in its folder; in the end that is forgotten.

    Raises:
        FormatError: The code raised an exception; says which, and the line.
    """
    path, modules = [*sys.path], {*sys.modules}
    try:
        yield
    except (Exception, SystemExit) as error:
        ours = isinstance(error, (OSError, SystemExit)) and error.__cause__ is None  # a worker's have a cause
        if isinstance(error, LrschedError) or not (_own_lines(error) or (sys.path != path and not ours)):
            raise
        raise _failed(error, "the code", "running") from error
    finally:
        sys.path[:] = path
        for name in {*sys.modules} - modules:
            if _is_own(getattr(sys.modules[name], "__file__", None) or ""):
                del sys.modules[name]


def load(target: str) -> tuple[Any, str, str]:
    """Run the code that ``target`` names, see `foreign_code`.

    Args:
        target: ``MODULE:NAME``, a module that can be imported, also from the current folder; or ``FILE.py:NAME``.

    Returns:
        The object of that name, the name itself, and the line that imports it.

    Raises:
        ArgumentError: It is neither, no module is called so, or it has no such name.
        MissingFileError: The file is not there.
        FormatError: Importing it raised an exception; says which, and the line.
    """
    home, _, name = target.rpartition(":")
    if not home or not name:
        raise broken_law("TARGET", "MODULE:NAME or FILE.py:NAME", target, "as in my_schedules:halve")
    path = Path(home) if home.endswith(_FILE) else None
    if path is not None and not path.is_file():
        raise MissingFileError(2, "there is no such file", home)
    sys.path.insert(0, str(Path.cwd() if path is None else path.absolute().parent))
    try:
        module = importlib.import_module(home) if path is None else _module_in(path)
    except (Exception, SystemExit) as error:
        if path is None and isinstance(error, ModuleNotFoundError) and f"{home}.".startswith(f"{error.name}."):
            way_out = f"name a module that can be imported here, or a file, as in {home.replace('.', '/')}.py:NAME"
            raise ArgumentError(f"there is no module {error.name!r}; {way_out}") from error
        raise _failed(error, home) from error
    try:
        return attrgetter(name)(module), name, _import(path.stem if path else home, name.partition(".")[0])
    except AttributeError:
        names = [each for each, value in vars(module).items() if not each.startswith("_") and _is_of(module, value)]
        raise ArgumentError(f"{home} has no {name!r}{did_you_mean(name, names) or '; it has no names'}") from None


def _import(home: str, name: str) -> str:
    """The line that imports it, or two where a file has a name that no statement can import.

    Examples:
        >>> print(_import("my_schedules", "halve"))
        from my_schedules import halve
        >>> print(_import("my-schedules", "halve"))
        from importlib import import_module
        halve = import_module("my-schedules").halve
    """
    if all(part.isidentifier() for part in home.split(".")):
        return f"from {home} import {name}"
    return f'from importlib import import_module\n{name} = import_module("{home}").{name}'


def _module_in(path: Path) -> ModuleType:
    """The module in a file, under the name that it has for whoever imports it from its folder, unless that is taken."""
    name = path.stem if path.stem not in sys.modules else f"_checked_{path.stem}"
    spec: Any = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)  # what is in it can be pickled
    spec.loader.exec_module(module)
    return module


def _failed(error: BaseException, where: str, doing: str = "importing") -> FormatError:
    if isinstance(error, SyntaxError):
        return FormatError(f"not Python: {error.msg}", filename=error.filename or where, line=error.lineno)
    filename, line = next(iter(_own_lines(error)), (where, None))
    return FormatError(f"{doing} it raised {type(error).__name__}: {error}", filename=filename, line=line)


def _own_lines(error: BaseException) -> list[tuple[str, int | None]]:
    """File and line of each call on the way to an error that is in the user's own code, the innermost first."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    return [(each.filename, each.lineno) for each in frames if _is_own(each.filename)]


def _is_own(file: str) -> bool:
    """Whether it is no file of lrsched, of Python, or of an installed library."""
    is_library = "-packages" in file or any(Path(file).is_relative_to(folder) for folder in _LIBRARIES)
    return file.endswith(_FILE) and not is_library


def _is_of(module: ModuleType, value: Any) -> bool:
    """Whether a module has not imported it, as far as can be known."""
    return not hasattr(value, "__name__") or getattr(value, "__module__", None) == module.__name__
