"""Python configuration -> the names that it sets, from its syntax tree. Nothing in the file is run.

The reader follows the assignments at the top of the file, with real values. Where other code sets a name, or may change
the list or dict that it stands for, its value is a `FormatError` from there on, which says why.
"""

import ast
import builtins
import importlib
import math
import operator
import warnings
from collections.abc import Callable, Iterable
from textwrap import shorten
from typing import Any, Final

import attrs

from lrsched.config.effects import Effects, effects, names_in, reaching_all_names
from lrsched.errors import FormatError

_MOST_STEPS: Final = 3_000_000  # so many parts all values have together
_LARGEST: Final = 1_000_000
_RAISED: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_UPDATES: Final = ("locals().update", "globals().update")
_BUILTINS: Final = ("abs", "bool", "dict", "float", "int", "len", "list", "max", "min", "range", "str", "tuple")
_IMPORTS: Final = {"math": ("exp", "log", "pi", "sqrt"), "numpy": ("geomspace", "linspace", "logspace")}
_OPERATORS: Final = {
    "mult": "mul",
    "div": "truediv",
    "usub": "neg",
    "uadd": "pos",
    "not": "not_",
    "noteq": "ne",
    "lte": "le",
    "gte": "ge",
}
"""What operators are called in the module `operator`, where it is not what they are called in the tree."""


@attrs.frozen
class _Imported:
    """Something imported that is not followed, by its name."""

    name: str


def _imported(name: str) -> Any:
    home, _, attribute = name.rpartition(".")
    is_followed = attribute in _IMPORTS.get(home, ())
    return getattr(importlib.import_module(home), attribute) if is_followed else _Imported(name)


_SCALARS: Final = (type(None), int, float, str, bytes, range, _Imported)
_SIZED: Final = (str, bytes, range, list, tuple)


def parse(text: str, filename: str, is_setting: Callable[[str], bool]) -> tuple[dict[str, Any], FormatError | None]:
    r"""The names that a Python file sets, and an error that says which code may change the settings, or None.

    Where a value is not known, an error that says why stands in its place.

    Raises:
        FormatError: The file is not Python, nested too deep, or too large.

    Examples:
        >>> text = "from numpy import linspace\nx = 0.5\nrates = list(linspace(0.25, x, num=3))\nrate = open('x')"
        >>> names, doubt = parse(text, "training.config", lambda name: name == "rates")
        >>> names["rates"], names["rate"], doubt
        ([0.25, 0.375, 0.5], FormatError('open() is not run @ training.config:4'), None)
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of the parser
            return _Reader(_Globals().visit(ast.parse(text)), filename, is_setting).read()
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise FormatError(f"not Python: {getattr(error, 'msg', error)}", filename=filename, line=line) from error
    except (RecursionError, MemoryError) as error:
        raise FormatError("the file is nested too deep, or too large, to be read", filename=filename) from error


class _Globals(ast.NodeTransformer):
    """Puts ``name`` in place of ``globals()["name"]``."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        match node:
            case ast.Subscript(
                value=ast.Call(func=ast.Name(id="globals")), slice=ast.Constant(value=str(name)), ctx=ast.Load()
            ):
                return ast.copy_location(ast.Name(name, ast.Load()), node)
        return self.generic_visit(node)


class _Reader:
    """One pass over one file."""

    def __init__(self, tree: ast.Module, filename: str, is_setting: Callable[[str], bool]) -> None:
        self.tree, self.filename, self.steps = tree, filename, _MOST_STEPS
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        self.used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
        self.wanted = {node.id for node in names if is_setting(node.id)}  # and what these are made of
        for own, *_ in (effects(node, ()) for node in reversed(tree.body)):
            self.wanted |= own.reads if own.sets & self.wanted else set()
        self.names: dict[str, Any] = {}
        self.linked: dict[str, set[str]] = {}  # names that may have a list or dict in common
        self.functions: list[Effects] = []  # those of the functions so far
        self.doubts: list[FormatError] = []
        self.followed: list[ast.AST] = []  # the names `globals` and `locals` where what they do is followed

    def read(self) -> tuple[dict[str, Any], FormatError | None]:
        self.run(self.tree.body)
        for name, value in self.names.items():
            try:
                self.names[name] = self.plain(value, self.tree.body[-1])
            except FormatError as error:
                self.names[name] = error
        for code, line in reaching_all_names(self.tree, self.followed):
            self.doubts.append(self.error(f"{code} may set any name", line))
        return self.names, min(self.doubts, key=lambda doubt: doubt.line or 0, default=None)

    def error(self, reason: str, at: Any) -> FormatError:
        return FormatError(reason, filename=self.filename, line=getattr(at, "lineno", at))

    # ---- statements

    def run(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            branch: Iterable[ast.stmt] = ()
            try:
                branch = self.follow(statement)
            except _RAISED as error:
                self.unknown(statement, error)
            self.run(branch)

    def follow(self, statement: ast.stmt) -> Iterable[ast.stmt]:  # noqa: C901, PLR0912  a table of cases
        """Do what a statement does; an `if` gives the statements to do next."""
        match statement:
            case ast.If(test=test, body=body, orelse=orelse):
                return body if self.known(test) else orelse
            case ast.Assign(targets=targets, value=expression):
                value = self.part(expression)
                for target in targets:
                    self.assign(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as expression):
                self.assign(target, self.part(expression))
            case ast.AugAssign(target=ast.Name() as target, op=op, value=expression):
                value = self.operated(statement, op, self.known(target), self.known(expression), in_place="i")
                self.assign(target, value)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                home = f"{statement.module}." if isinstance(statement, ast.ImportFrom) else ""
                for alias in names:
                    name = alias.asname or alias.name.partition(".")[0]
                    self.names[name] = _imported(f"{home}{alias.name if alias.asname or home else name}")
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Call(func=function))) as call) if (
                ast.unparse(call.func) in _UPDATES
            ):
                tables = [
                    self.value(each) for each in (*call.args, *(each.value for each in call.keywords if not each.arg))
                ]
                tables.append({each.arg: self.part(each.value) for each in call.keywords if each.arg})
                for table in tables:
                    self.names.update(table)
                    self.link({*table, *names_in(call)})
                self.followed.append(function)
            case ast.Expr(value=expression):
                self.part(expression)
            case ast.AnnAssign() | ast.Pass() | ast.Global():
                pass
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                raise self.error("it is a function or a class", statement)
            case _:
                raise self.error(f"it is set inside {type(statement).__name__.lower()!r}", statement)
        self.link(names_in(statement))
        return ()

    def assign(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(id=name):
                self.names[name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets) if isinstance(value, (list, tuple)):
                for each, item in zip(targets, value, strict=True):
                    self.assign(each, item)
            case _:
                raise value if isinstance(value, FormatError) else self.error("it is not set by name", target)

    # ---- code that is not followed

    def unknown(self, node: ast.AST, error: Exception) -> FormatError:
        """The error that stands for the value of code that is not followed, after all that the code may do."""
        reason = f"running it raises {type(error).__name__}: {error}"
        why = error if isinstance(error, FormatError) else self.error(reason, node)
        own, *inner = effects(node, self.used)
        self.functions += inner
        for each in (own, *self.functions):
            self.names.update(dict.fromkeys(each.sets, why))
            self.link(each.sets | each.reads)
            given = self.objects(each.gives)
            if given & self.wanted and not self.doubts:
                reason = f"{why.message}, and may change a list or dict of the settings"
                self.doubts.append(self.error(reason, why.line))
            self.names.update(dict.fromkeys(self.objects(each.changes) | (given - self.wanted), why))
        return why

    def link(self, names: set[str]) -> None:
        """Note that names may have a list or dict in common."""
        objects = {name for name in names if not isinstance(self.names.get(name), _SCALARS)}
        linked = objects.union(*(self.linked.get(name, ()) for name in objects))
        self.linked.update(dict.fromkeys(linked, linked))

    def objects(self, names: set[str]) -> set[str]:
        """The names of all lists, dicts and arrays that those of some names may be or hold."""
        linked = names.union(*(self.linked.get(name, ()) for name in names))
        return {name for name in linked if not isinstance(self.names.get(name), (*_SCALARS, FormatError))}

    # ---- values

    def plain(self, value: Any, at: Any) -> Any:
        """``value`` with Python's numbers in place of NumPy's; raises what says that a part of it is not known."""
        self.steps -= 1
        if self.steps < 0:
            raise MemoryError
        if isinstance(value, FormatError):
            raise value
        if isinstance(value, dict):
            return {self.plain(key, at): self.plain(item, at) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)([self.plain(item, at) for item in value])
        if hasattr(value, "tolist") and not value.shape:
            return value.item()
        if not isinstance(value, _SCALARS) or isinstance(value, _Imported):
            raise self.error(f"it depends on {getattr(value, 'name', type(value).__name__)}", at)
        if (
            value.bit_length() if isinstance(value, int) else len(value) if isinstance(value, _SIZED) else 0
        ) > _LARGEST:
            raise self.error("it is too large", at)
        return value

    def part(self, node: ast.expr) -> Any:
        """The value of an expression, or the error that stands for it."""
        try:
            return self.value(node)
        except _RAISED as error:
            return self.unknown(node, error)

    def known(self, node: ast.expr) -> Any:
        """The value of an expression, all of which must be known."""
        value = self.value(node)
        self.plain(value.tolist() if hasattr(value, "tolist") else value, node)
        return value

    def value(self, node: ast.expr) -> Any:  # noqa: C901, PLR0912  a table of cases
        """The value of an expression. It, and parts of it, may be errors that stand for what is not known."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name) if name in self.names:
                return self.names[name]
            case ast.Name(id=name) if name in _BUILTINS:
                return vars(builtins)[name]
            case ast.Subscript(value=owner, slice=index):
                items = self.value(owner)
                if isinstance(items, (list, tuple, dict, str)):
                    return items[self.value(index) if isinstance(index, ast.Slice) else self.known(index)]
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(each and self.known(each) for each in (lower, upper, step)))
            case ast.List(elts=nodes) | ast.Tuple(elts=nodes):
                return (list if isinstance(node, ast.List) else tuple)(map(self.part, nodes))
            case ast.Dict(keys=keys, values=nodes) if all(keys):
                return {self.known(key): self.part(each) for key, each in zip(keys, nodes, strict=True) if key}
            case ast.UnaryOp(op=op, operand=operand):
                return self.operated(node, op, self.known(operand))
            case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.operated(node, op, self.known(left), self.known(right))
            case ast.BoolOp(op=op, values=[left, *nodes]):
                value = self.known(left)
                is_answer = not nodes or bool(value) is isinstance(op, ast.Or)
                return value if is_answer else self.value(ast.BoolOp(op, nodes))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body if self.known(test) else orelse)
            case ast.JoinedStr(values=nodes):
                return "".join(map(self.known, nodes))
            case ast.FormattedValue(value=inner, conversion=conversion, format_spec=spec):
                kind = f"!{chr(conversion)}" if conversion > 0 else ""
                return f"{{{kind}:{self.known(spec) if spec else ''}}}".format(self.known(inner))
            case ast.ListComp(
                elt=element, generators=[ast.comprehension(target=ast.Name(id=name), iter=items, ifs=[])]
            ):
                return self.repeated(element, name, self.known(items))
            case ast.Attribute(value=owner, attr="format" | "tolist" as name):
                return getattr(self.known(owner), name)
            case ast.Attribute(value=owner, attr=name) if isinstance(home := self.value(owner), _Imported):
                return _imported(f"{home.name}.{name}")
            case ast.Call(keywords=keywords) if all(each.arg for each in keywords):
                return self.called(node)
        raise self.error(f"{shorten(ast.unparse(node), 60)} is not followed", node)

    def repeated(self, element: ast.expr, name: str, items: Iterable[Any]) -> list[Any]:
        outer, made = self.names, []
        try:
            for item in items:
                self.names = {**outer, name: item}
                made.append(self.known(element))
        finally:
            self.names = outer
        return made

    def operated(self, node: ast.AST, op: ast.AST, left: Any, *right: Any, in_place: str = "") -> Any:
        name = type(op).__name__.lower()
        function = getattr(operator, in_place + _OPERATORS.get(name, name), None)
        if function is None:
            raise self.error(f"the operator {type(op).__name__} is not followed", node)
        sizes = [len(each) if isinstance(each, _SIZED) else each for each in (left, *right)]
        if isinstance(op, ast.Pow) and isinstance(left, int):
            sizes[0] = left.bit_length()
        if sizes != [left, *right] and math.prod(sizes) > _LARGEST:
            raise self.error("it is too large", node)
        return function(left, *right)

    def called(self, node: ast.Call) -> Any:
        function = self.part(node.func)
        if not callable(function):
            raise self.error(f"{ast.unparse(node.func)}() is not run", node)
        read = self.part if function is dict else self.known
        arguments = [
            read(ast.ListComp(each.elt, each.generators) if isinstance(each, ast.GeneratorExp) else each)
            for each in node.args
        ]
        return function(*arguments, **{each.arg: read(each.value) for each in node.keywords if each.arg})
