"""What code may do to the names of a file: for code that perhaps runs, or runs later, and is not evaluated."""

import ast
from collections.abc import Iterable, Iterator
from typing import Any, Final, final

import attrs

ANY: Final = ""
"""A use of a name that may change its value, keep it, or give it to others."""
READ: Final = "[]"
"""A use that only reads the value's items. The other uses are names of attributes that are read."""

_READING: Final = frozenset(
    {
        (ast.Subscript, "value"),
        (ast.For, "iter"),
        (ast.Starred, "value"),
        (ast.If, "test"),
        (ast.IfExp, "test"),
        (ast.While, "test"),
        (ast.Assert, "test"),
        (ast.UnaryOp, "operand"),
        (ast.FormattedValue, "value"),
    }
)
_KEEPING: Final = ("enumerate", "pow", "divmod", "reversed", "zip")
"""Functions that keep what they are given, or give it to others."""
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_OPENING_ATTRIBUTES: Final = frozenset(
    {"__globals__", "_getframe", "currentframe", "f_globals", "f_locals", "typed_dict"}
)
"""What may give access to all names of the file, whatever it is an attribute of."""

_GET_CONFIG: Final = "get_global_config"
"""RETURNN's function that gives the same as ``config``."""
OTHER_CONFIG: Final = f"{_GET_CONFIG}()"
"""Stands for what it gives, among the names that code uses."""
HARMLESS_IN_CONFIG: Final = frozenset({"has", "is_true", "is_typed", "is_of_type", "bool", "int", "float"})
HANDING_OUT_SETTINGS: Final = frozenset(
    {"value", "typed_value", "opt_typed_value", "get_of_type", "bool_or_other", "list", "int_list", "float_list"}
)
"""Methods of ``config`` that give the value of a setting itself. All other methods may change any setting."""


@final
@attrs.define
class Effects:
    """What code may do.

    Attributes:
        uses: How it uses the values of names: `ANY`, `READ`, or the name of an attribute.
        binds: The names that it assigns or deletes.
        opens: What it uses that reaches all names, as in "globals"; None for nothing.
    """

    uses: dict[str, set[str]] = attrs.field(factory=dict)
    binds: set[str] = attrs.field(factory=set)
    opens: str | None = None

    def add(self, other: "Effects") -> None:
        """Take over the effects of ``other``."""
        for name, uses in other.uses.items():
            self.uses.setdefault(name, set()).update(uses)
        self.binds |= other.binds
        self.opens = self.opens or other.opens


def names_bound(node: ast.AST) -> Iterator[str]:
    """The names that this node binds by itself; "*" for any names."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            yield name
        case ast.alias(name=path, asname=name):
            yield name or path.partition(".")[0]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def config_names(tree: ast.Module) -> frozenset[str]:
    """The names that stand for RETURNN's settings somewhere in a file, besides the ``config`` that it starts with."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and _gets_config(node.value):
            names |= {name for part in ast.walk(node) for name in names_bound(part)}
    return frozenset(names)


def _gets_config(node: ast.expr | None) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name == _GET_CONFIG
    return False


def is_opening(node: ast.Attribute) -> bool:
    """Whether this attribute may give access to all names of the file."""
    return node.attr in _OPENING_ATTRIBUTES


def is_config(node: ast.expr, configs: frozenset[str]) -> bool:
    """Whether an expression gives RETURNN's settings, other than by the name ``config``."""
    return _gets_config(node) or (isinstance(node, ast.Name) and node.id in configs)


@final
@attrs.frozen
class _Scope:
    """A function, class or comprehension inside a file: the names that are its own, and those that it says are not."""

    kind: type
    own: frozenset[str]
    declared_global: frozenset[str] = frozenset()


def _parts_of_one_scope(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes except those in functions, classes and comprehensions further inside."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef, *_COMPREHENSIONS)):
            waiting += ast.iter_child_nodes(node)


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    starred = [parameter for parameter in (arguments.vararg, arguments.kwarg) if parameter is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def _scope(kind: type, inside: list[Any], parameters: ast.arguments | None) -> _Scope:
    nodes = list(_parts_of_one_scope(inside))
    own = {name for node in nodes for name in names_bound(node)}
    elsewhere = {name for node in nodes if isinstance(node, (ast.Global, ast.Nonlocal)) for name in node.names}
    declared_global = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    if parameters is not None:
        own |= {parameter.arg for parameter in _parameters(parameters)}
    return _Scope(kind, frozenset(own - elsewhere), frozenset(declared_global))


@final
@attrs.define
class Scan(ast.NodeVisitor):
    """The effects of code.

    Attributes:
        only_read: Functions that only read their arguments, and which the file does not redefine.
        configs: `config_names` of the file.
        now: Effects of the code itself.
        later: Effects of functions and generators in it, whenever they are called.
        nodes: How much there was to look at.
    """

    only_read: frozenset[str]
    configs: frozenset[str]
    now: Effects = attrs.field(factory=Effects)
    later: Effects = attrs.field(factory=Effects)
    nodes: int = 0
    _scopes: list[_Scope] = attrs.field(factory=list)
    _deferred: int = 0

    @property
    def _effects(self) -> Effects:
        return self.later if self._deferred else self.now

    def visit(self, node: ast.AST) -> None:
        """Add the effects of ``node``."""
        self.nodes += 1
        for name in names_bound(node):
            self._bind(name)
        super().visit(node)

    def generic_visit(self, node: ast.AST) -> None:  # noqa: D102  as ast calls it
        for field, children in ast.iter_fields(node):
            for child in children if isinstance(children, list) else [children]:
                if (type(node), field) in _READING:
                    self._read(child)
                elif isinstance(child, ast.AST):
                    self.visit(child)

    # ---- names

    def _is_own(self, name: str) -> bool:
        """Whether a name is that of a function or comprehension around, and not of the file."""
        for scope in reversed(self._scopes):
            if name in scope.declared_global:
                return False
            if name in scope.own and scope.kind is not ast.ClassDef:
                return True
        return False

    def _bind(self, name: str) -> None:
        in_class = next((scope for scope in reversed(self._scopes) if scope.kind not in _COMPREHENSIONS), None)
        if in_class and in_class.kind is ast.ClassDef and name in in_class.own:
            return
        if not self._is_own(name):
            self._effects.binds.add(name)

    def _use(self, node: ast.Name, use: str) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.visit(node)
        elif not self._is_own(node.id):
            self._effects.uses.setdefault(node.id, set()).add(use)

    def _read(self, node: ast.expr) -> None:
        """Visit an expression of which only the items are read, at once: iterators over them do not live on."""
        match node:
            case ast.Name():
                self._use(node, READ)
            case ast.Call(func=ast.Attribute(value=ast.Name() as name, attr="keys" | "values" | "items"), args=[]):
                self._use(name, READ)
            case ast.Call(func=ast.Name(id="enumerate" | "zip" | "reversed" as called), keywords=[]) if self._reads(
                called
            ):
                for argument in node.args:
                    self._read(argument)
            case _:
                self.visit(node)

    def _reads(self, called: str) -> bool:
        return called in self.only_read and not self._is_own(called)

    def visit_Name(self, node: ast.Name) -> None:  # noqa: D102  as ast calls it
        if isinstance(node.ctx, ast.Load):
            self._use(node, ANY)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:  # noqa: D102  as ast calls it
        if isinstance(node.target, ast.Name):  # which changes a list in place
            self._use(ast.Name(node.target.id, ast.Load()), ANY)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: D102  as ast calls it
        if is_opening(node):
            self._effects.opens = node.attr
        if is_config(node.value, self.configs):
            self._effects.uses.setdefault(OTHER_CONFIG, set()).add(node.attr)
        if isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load):
            self._use(node.value, node.attr)
        else:
            self.visit(node.value)

    def visit_Import(self, node: ast.Import) -> None:  # noqa: D102  as ast calls it
        if any(alias.name == "builtins" for alias in node.names):
            self._effects.opens = "builtins"
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:  # noqa: D102  as ast calls it
        if node.module == "builtins":
            self._effects.opens = "builtins"
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:  # noqa: D102  as ast calls it
        if isinstance(node.ctx, ast.Load):
            self.generic_visit(node)
        else:
            self.visit(node.value)
            self.visit(node.slice)

    def visit_Call(self, node: ast.Call) -> None:  # noqa: D102  as ast calls it
        called = node.func.id if isinstance(node.func, ast.Name) and self._reads(node.func.id) else ""
        only_reads = called == "print" or (len(node.args) == 1 and called not in ("", *_KEEPING))
        setting = self._setting(node)
        if setting is None:
            self.visit(node.func)
        else:
            self._effects.uses.setdefault(setting, set()).add(ANY)
        for argument in node.args:
            (self._read if only_reads else self.visit)(argument)
        for keyword in node.keywords:
            self.visit(keyword)

    def _setting(self, node: ast.Call) -> str | None:
        """The one setting whose value is asked of ``config``."""
        match node:
            case ast.Call(func=ast.Attribute(value=config, attr=attr), args=[ast.Constant(value=str(setting)), *_]):
                is_known = is_config(config, self.configs) or (isinstance(config, ast.Name) and config.id == "config")
                return setting if is_known and attr in HANDING_OUT_SETTINGS else None
        return None

    def visit_Compare(self, node: ast.Compare) -> None:  # noqa: D102  as ast calls it
        self.visit(node.left)
        for kind, right in zip(node.ops, node.comparators, strict=True):
            only_reads = isinstance(kind, (ast.In, ast.NotIn)) and len(node.ops) == 1
            (self._read if only_reads else self.visit)(right)

    # ---- scopes

    def _visit_function(self, node: Any) -> None:
        outside = [*getattr(node, "decorator_list", ()), node.args, getattr(node, "returns", None)]
        for part in outside:
            if part is not None:
                self._visit_outside(part)
        body = node.body if isinstance(node.body, list) else [node.body]
        self._inside(_scope(type(node), body, node.args), body, deferred=True)

    def _visit_outside(self, part: ast.AST) -> None:
        """What of a function is evaluated where it is defined: its parameters are not names there."""
        if isinstance(part, ast.arguments):
            annotations = [parameter.annotation for parameter in _parameters(part)]
            for inner in (*annotations, *part.defaults, *part.kw_defaults):
                if inner is not None:
                    self.visit(inner)
        else:
            self.visit(part)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _visit_function  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:  # noqa: D102  as ast calls it
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        self._inside(_scope(ast.ClassDef, node.body, None), node.body)

    def _visit_comprehension(self, node: Any) -> None:
        first = node.generators[0].iter
        is_kept = isinstance(node, ast.GeneratorExp)
        (self.visit if is_kept else self._read)(first)
        targets = [name for part in node.generators for name in ast.walk(part.target)]
        own = frozenset(name for target in targets for name in names_bound(target))
        inside = [part for field in ("key", "elt", "value") if (part := getattr(node, field, None)) is not None]
        for part in node.generators:
            inside += [part.target, *part.ifs, *([] if part.iter is first else [part.iter])]
        self._inside(_Scope(type(node), own), inside, deferred=is_kept)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension  # noqa: N815

    def _inside(self, scope: _Scope, nodes: list[Any], *, deferred: bool = False) -> None:
        self._scopes.append(scope)
        self._deferred += deferred
        for node in nodes:
            self.visit(node)
        self._deferred -= deferred
        self._scopes.pop()
