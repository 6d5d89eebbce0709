"""Finds what is to be checked where somebody says that it is: ``MODULE:NAME`` or ``FILE.py:NAME``. Its code is run."""

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

from lrsched.errors import ArgumentError, FormatError, MissingFileError, broken_law, did_you_mean

_FILE: Final = ".py"


@contextmanager
def loaded(target: str) -> Iterator[tuple[Any, str, str]]:
    """What ``target`` names. While it lasts, what it imports from its folder can be imported.

    Args:
        target: ``MODULE:NAME``, a module that can be imported, also from the current folder; or ``FILE.py:NAME``.

    Yields:
        It, its name, and the line that imports it.

    Raises:
        ArgumentError: It is neither, there is no such module, or it has no such name.
        MissingFileError: There is no such file.
        FormatError: Importing it raised an exception; says which, and the line.
    """
    home, colon, name = target.rpartition(":")
    if not colon or not home or not name:
        raise broken_law("what is checked", "MODULE:NAME or FILE.py:NAME", target, "as in my_schedules:halve")
    path = Path(home) if home.endswith(_FILE) else None
    folder = str(Path.cwd() if path is None else path.absolute().parent)
    sys.path.insert(0, folder)
    before = set(sys.modules)
    try:
        module = _module(home) if path is None else _module_in(path)
        yield _named(module, name, home), name, _import(path.stem if path else home, name.partition(".")[0])
    finally:
        sys.path.remove(folder)
        for each in set(sys.modules) - before:
            file = getattr(sys.modules[each], "__file__", None)
            if file and Path(file).is_relative_to(folder) and "site-packages" not in file:
                del sys.modules[each]


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


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _failed(error, name) from error
        way_out = f"name a module that can be imported here, or a file, as in {name.replace('.', '/')}.py:NAME"
        raise ArgumentError(f"there is no module {error.name!r}; {way_out}") from error
    except (Exception, SystemExit) as error:
        raise _failed(error, name) from error


def _module_in(path: Path) -> ModuleType:
    """The module in a file, under the name that it has for whoever imports it from its folder, unless that is taken."""
    if not path.is_file():
        raise MissingFileError(2, "there is no such file", str(path))
    name = path.stem if path.stem not in sys.modules else f"_checked_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FormatError("not a Python module", filename=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # what is in it can be pickled
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _failed(error, str(path)) from error
    return module


def _failed(error: BaseException, where: str) -> FormatError:
    if isinstance(error, SyntaxError):
        return FormatError(f"not Python: {error.msg}", filename=error.filename or where, line=error.lineno)
    frames = traceback.extract_tb(error.__traceback__)
    line = frames[-1].lineno if frames and Path(frames[-1].filename).suffix == _FILE else None
    filename = frames[-1].filename if line is not None else where
    return FormatError(f"importing it raised {type(error).__name__}: {error}", filename=filename, line=line)


def _named(module: ModuleType, name: str, home: str) -> Any:
    try:
        return attrgetter(name)(module)
    except AttributeError:
        names = [each for each in vars(module) if not each.startswith("_")]
        way_out = did_you_mean(name, names) or f"it has {', '.join(sorted(names)) or 'no names'}"
        raise ArgumentError(f"{home} has no {name!r}; {way_out}") from None
