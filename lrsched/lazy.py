"""A package whose names are imported when they are first used: importing the package costs next to nothing."""

from collections.abc import Callable, Mapping
from importlib import import_module


def lazy(
    package: dict[str, object], homes: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """The ``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Args:
        package: Its ``globals()``.
        homes: Module, relative to the package -> the names that come from it, separated by blanks.
    """
    name_of_package = package["__name__"]
    home_of = {name: f"{name_of_package}.{home}" for home, names in homes.items() for name in names.split()}

    def look_up(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {name_of_package!r} has no attribute {name!r}")
        package[name] = value = getattr(import_module(home_of[name]), name)
        return value

    return look_up, lambda: [*package, *home_of], sorted(home_of)
