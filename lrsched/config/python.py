"""Python configuration -> the names that it sets, from its syntax tree. Nothing in the file is run.

The reader follows the assignments at the top of the file, with real values. Where other code sets a name, or may change
the list or dict that it stands for, its value is a `FormatError` from there on, which says why.
"""

import ast
import operator
import warnings
from collections import ChainMap
from collections.abc import Callable, Iterable
from pkgutil import resolve_name
from textwrap import shorten
from types import ModuleType
from typing import Any, Final

from lrsched.config.effects import SETTING_ANY_NAME, Effects, effects, names_in
from lrsched.errors import FormatError

_MOST_STEPS: Final = 3_000_000  # so many parts all values have together
_LARGEST: Final = 1_000_000
_RAISED: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_UPDATES: Final = ("locals().update", "globals().update")
_BUILTINS: Final = {f.__name__: f for f in (abs, bool, dict, float, int, len, list, max, min, range, str, tuple)}
_IMPORTS: Final = ("math.exp", "math.log", "math.sqrt", "numpy.geomspace", "numpy.linspace", "numpy.logspace")
_OPERATORS: Final = dict(Mult="mul", Div="truediv", USub="neg", UAdd="pos", Not="not_", NotEq="ne", LtE="le", GtE="ge")  # noqa: C408  it reads better
"""What operators are called in the module `operator`, where it is not what they are called in the tree."""
_PLAIN: Final = (type(None), int, float, str, bytes, range, slice)
_SCALARS: Final = (*_PLAIN, ModuleType)  # a module stands for all imported names that are not followed
_SIZED: Final = (str, bytes, range, list, tuple)


def parse(text: str, filename: str, is_setting: Callable[[str], bool]) -> tuple[dict[str, Any], FormatError | None]:
    r"""The names that a Python file sets, and an error that says which code may change the settings, or None.

    Where a value is not known, an error that says why stands in its place.

    Raises:
        FormatError: The file is not Python, nested too deep, or too large.

    Examples:
        >>> parse("x = 0.5\nrate = open('x')", "training.config", lambda name: name == "rate")
        ({'x': 0.5, 'rate': FormatError("open('x') is not followed @ training.config:2")}, None)
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
        match node.value, node.slice, node.ctx:
            case ast.Call(func=ast.Name(id="globals")), ast.Constant(value=str(name)), ast.Load() as read:
                return ast.copy_location(ast.Name(name, read), node)
        return self.generic_visit(node)


def _imported(name: str) -> Any:
    return resolve_name(name) if name in _IMPORTS else ModuleType(name)


class _Reader:
    """One pass over one file."""

    def __init__(self, tree: ast.Module, filename: str, is_setting: Callable[[str], bool]) -> None:
        self.tree, self.filename, self.steps = tree, filename, _MOST_STEPS
        self.used = {use.id for use in ast.walk(tree) if isinstance(use, ast.Name) and isinstance(use.ctx, ast.Load)}
        self.wanted = {name for name in names_in(tree) if is_setting(name)}  # and what these are made of
        for own, *_ in (effects(node, ()) for node in reversed(tree.body)):
            self.wanted |= own.reads if own.sets & self.wanted else set()
        self.names: dict[str, Any] = {}
        self.scope = ChainMap(self.names, _BUILTINS)
        self.linked: dict[str, set[str]] = {}  # names that may have a list or dict in common
        self.functions: list[Effects] = []  # those of the functions so far
        self.doubts: list[FormatError] = []
        self.followed: list[ast.AST] = []  # the names `globals` and `locals` where what they do is followed

    def read(self) -> tuple[dict[str, Any], FormatError | None]:
        for statement in self.tree.body:
            self.part(statement)
        for name, value in self.names.items():
            try:
                self.names[name] = self.plain(value, self.tree.body[-1])
            except FormatError as error:
                self.names[name] = error
        for node in ast.walk(self.tree):
            code = ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute, ast.ImportFrom)) else ""
            may_set = code.removeprefix("builtins.") in SETTING_ANY_NAME or code.endswith("import *")
            if may_set and node not in self.followed:
                self.doubts.append(self.error(f"{code} may set any name", node))
        return self.names, min(self.doubts, key=lambda doubt: doubt.line or 0, default=None)

    def error(self, reason: str, at: Any) -> FormatError:
        return FormatError(reason, filename=self.filename, line=getattr(at, "lineno", at))

    def not_followed(self, node: ast.AST) -> FormatError:
        return self.error(f"{shorten(ast.unparse(node), 60)} is not followed", node)

    def follow(self, statement: ast.stmt) -> None:
        match statement:
            case ast.If(test=test, body=body, orelse=orelse):
                for each in body if self.known(test) else orelse:
                    self.part(each)
                return
            case ast.Assign(value=expression) | ast.AnnAssign(value=ast.expr() as expression):
                value = self.part(expression)
                for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                    self.assign(target, value)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                home = f"{statement.module or ''}." if isinstance(statement, ast.ImportFrom) else ""
                for alias in names:
                    name = alias.asname or alias.name.partition(".")[0]
                    self.names[name] = _imported(f"{home}{alias.name if alias.asname or home else name}")
            case ast.Expr(ast.Call(ast.Attribute(ast.Call(function))) as call) if ast.unparse(call.func) in _UPDATES:
                table = self.called(dict, call)
                self.names.update(table)
                self.link({*table, *names_in(call)})
                self.followed.append(function)
            case ast.AnnAssign() | ast.Pass():
                pass
            case _:
                raise self.not_followed(statement)
        self.link(names_in(statement))

    def assign(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(id=name):
                self.names[name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets) if isinstance(value, (list, tuple)):
                for each, item in zip(targets, value, strict=True):
                    self.assign(each, item)
            case _:
                raise value if isinstance(value, FormatError) else self.not_followed(target)

    def unknown(self, node: ast.AST, error: Exception) -> FormatError:
        """The error that stands for the value of code that is not followed, after all that the code may do."""
        why = error if isinstance(error, FormatError) else self.error(f"{type(error).__name__}: {error}", node)
        own, *inner = effects(node, self.used)
        self.functions += inner
        for each in (own, *self.functions):
            self.names.update(dict.fromkeys(each.sets, why))
            self.link(each.sets | each.reads)
            given = self.objects(each.gives)
            if given & self.wanted and not self.doubts:
                self.doubts.append(self.error(f"{why.message}, and may change a list or dict of settings", why.line))
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
        if not isinstance(value, _PLAIN):
            raise self.error(f"it depends on {getattr(value, '__name__', type(value).__name__)}", at)
        size = value.bit_length() if isinstance(value, int) else len(value) if isinstance(value, _SIZED) else 0
        if size > _LARGEST:
            raise self.error("it is too large", at)
        return value

    def part(self, node: ast.stmt | ast.expr) -> Any:
        """The value of an expression, or the error that stands for it; a statement is followed."""
        try:
            return self.follow(node) if isinstance(node, ast.stmt) else self.value(node)
        except _RAISED as error:
            return self.unknown(node, error)

    def whole(self, node: ast.expr) -> Any:
        """The value of an expression, parts of which may be unknown."""
        value = self.value(node)
        if isinstance(value, FormatError):
            raise value
        return value

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
            case ast.Name(id=name) if name in self.scope:
                return self.scope[name]
            case ast.Subscript(value=owner, slice=index):
                items = self.whole(owner)
                if isinstance(items, (list, tuple, dict, str)):
                    return items[self.known(index)]
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(each and self.known(each) for each in (lower, upper, step)))
            case ast.List(elts=nodes) | ast.Tuple(elts=nodes):
                return (list if isinstance(node, ast.List) else tuple)(map(self.part, nodes))
            case ast.Dict(keys=keys, values=nodes):
                return self.table(zip(keys, nodes, strict=True))
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
            case ast.FormattedValue(value=inner, conversion=-1, format_spec=spec):
                return format(self.known(inner), self.known(spec) if spec else "")
            case ast.Attribute(value=owner, attr="format" | "tolist" as name):
                return getattr(self.known(owner), name)
            case ast.Attribute(value=owner, attr=name) if isinstance(home := self.whole(owner), ModuleType):
                return _imported(f"{home.__name__}.{name}")
            case ast.Call(func=function):
                return self.called(self.part(function), node)
        raise self.not_followed(node)

    def operated(self, node: ast.AST, op: ast.AST, left: Any, *right: Any) -> Any:
        name = type(op).__name__
        function = getattr(operator, _OPERATORS.get(name, name.lower()), None)
        if function is None:
            raise self.not_followed(node)
        sizes = [len(each) if isinstance(each, _SIZED) else each for each in (left, *right)]
        if isinstance(op, ast.Pow) and isinstance(left, int):
            sizes[0] = left.bit_length()
        if isinstance(op, (ast.Mult, ast.Pow)) and sizes != [left, *right] and operator.mul(*sizes) > _LARGEST:
            raise self.error("it is too large", node)
        return function(left, *right)

    def called(self, function: Any, call: ast.Call) -> Any:
        if not callable(function):
            raise self.not_followed(call)
        named = self.table((ast.Constant(each.arg) if each.arg else None, each.value) for each in call.keywords)
        if function is dict:  # parts of it may be unknown
            return dict(*map(self.whole, call.args), **named)
        return function(*map(self.known, call.args), **self.plain(named, call))

    def table(self, items: Iterable[tuple[ast.expr | None, ast.expr]]) -> dict[Any, Any]:
        """A dict of keys and values; a value without a key is a dict whose items are taken over."""
        made: dict[Any, Any] = {}
        for key, node in items:
            made.update({self.known(key): self.part(node)} if key else self.whole(node))
        return made
