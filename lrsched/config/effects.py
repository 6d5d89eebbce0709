"""What code may do to the names of a file, from its syntax tree: for code that is not followed."""

import ast
import builtins
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

import attrs

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES: Final = (*_FUNCTIONS, ast.Lambda, ast.ClassDef, ast.GeneratorExp)
_METHODS: Final = {*dir(list), *dir(dict), *dir(str), "value", "typed_value"}
"""Methods of lists, dicts and texts, and of RETURNN's config."""
_READING: Final = {*dir(tuple), *dir(str), "copy", "get", "items", "keys", "values", "value", "typed_value"}
"""Those that change nothing."""
SETTING_ANY_NAME: Final = {"eval", "exec", "globals", "locals", "vars", "config.set", "config.update"}
_HARMLESS: Final = {*vars(builtins)} - SETTING_ANY_NAME - {"map", "filter", "setattr"}
"""Functions that change nothing that they get."""


@attrs.frozen
class Effects:
    """What code may do to names."""

    sets: set[str]
    reads: set[str]
    changes: set[str]  # their lists and dicts
    gives: set[str]  # to functions


def effects(node: ast.AST, used: Collection[str]) -> list[Effects]:
    """The effects of a statement or an expression, then those of each function, class and generator in it.

    Any part of the code may run, any number of times; but no function whose name is not ``used`` in the file.
    """
    parts = [*_parts(node)]
    scopes = [each for each in parts if isinstance(each, _SCOPES)]
    run = [each for each in scopes if not isinstance(each, _FUNCTIONS) or each.name in used or each.decorator_list]
    return [_effects(parts), *(_effects([*ast.walk(each)], scope=getattr(each, "name", "")) for each in run)]


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in () if isinstance(node, _SCOPES) else ast.iter_child_nodes(node):
        yield from _parts(child)


def _effects(parts: Iterable[Any], scope: str | None = None) -> Effects:
    sets, outer, reads, changes, gives = set[str](), set[str](), set[str](), set[str](), set[str]()
    for part in parts:
        match part:
            case ast.Name(id=name, ctx=ast.Load()):
                reads.add(name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                outer.update(names)
            case ast.Subscript(value=owner, ctx=ast.Store() | ast.Del()) | ast.AugAssign(target=ast.Name() as owner):
                changes |= names_in(owner)
            case ast.Call(func=ast.Attribute(value=owner, attr=method), args=args, keywords=keywords):
                changes |= names_in(owner) if method not in _READING else set()
                gives |= names_in(*args, *keywords) if method not in _METHODS else set()
            case ast.Call(func=function, args=args, keywords=keywords):
                has_key = any(each.arg == "key" for each in keywords)  # a function that gets each item
                if has_key or not isinstance(function, ast.Name) or function.id not in _HARMLESS:
                    gives |= names_in(*args, *keywords)
            case ast.alias(name=name, asname=asname):
                sets.add(asname or name.partition(".")[0])
            case _:  # a name that is set, an argument, a function, a class, a pattern
                fields = (getattr(part, field, None) for field in ("id", "arg", "name", "rest"))
                sets.update(field for field in fields if isinstance(field, str))
    if scope is None:
        return Effects(sets, reads, changes, gives)
    own = sets - outer - {scope}  # a name of its own may stand for any object in sight
    seen = [names - own | (reads - own if names & own else set()) for names in (changes, gives)]
    return Effects(outer, reads - own | {scope}, *seen)


def names_in(*nodes: ast.AST) -> set[str]:
    """All names in some code."""
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}
