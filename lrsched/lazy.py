"""A package whose names are imported when they are first used: importing the package costs next to nothing."""

from collections.abc import Callable
from importlib import import_module
from itertools import pairwise


def lazy(package: dict[str, object]) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """The ``__getattr__``, ``__dir__`` and ``__all__`` of a package: its names are those in ``__init__.pyi``.

    Args:
        package: Its ``globals()``.
    """
    text = package["__loader__"].get_data(f"{package['__file__']}i").decode()  # type: ignore[attr-defined]  # the module's
    homes, home = {}, ""
    for word, after in pairwise(text.replace(",", " ").split()):  # from HOME import NAME as NAME, NAME as NAME
        if word == "from":
            home = after
        elif after == "as":
            homes[word.strip("(")] = home

    def look_up(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        package[name] = value = getattr(import_module(homes[name]), name)
        return value

    return look_up, lambda: [*package, *homes], sorted(homes)
