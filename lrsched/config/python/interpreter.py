"""The settings of a Python file, worked out from its syntax tree. Nothing in the file is run.

Statements are followed in order, with real values as long as everything is known. Where something is not known, its
value is `Unknown`, and code that may run or not is not followed: whatever it might change is unknown from there on.
"""

import ast
import builtins
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, NoReturn, final

import attrs

from lrsched.config.python import calls
from lrsched.config.python.effects import (
    HANDING_OUT_SETTINGS,
    HARMLESS_IN_CONFIG,
    OTHER_CONFIG,
    READ,
    Effects,
    Scan,
    config_names,
    is_config,
    is_opening,
    names_bound,
)
from lrsched.config.python.heap import (
    ACCESS,
    CONFIG,
    NAMESPACE,
    ROOTS,
    Foreign,
    Function,
    Heap,
    Lazy,
    Module,
    TooMuchError,
    Unknowable,
    Unknown,
)
from lrsched.errors import FormatError

_MOST_CHARACTERS: Final = 400_000
_RAISED: Final = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_END: Final = object()
_BREAK: Final = "break"
_CONTINUE: Final = "continue"


@final
@attrs.frozen
class PythonSettings:
    """The names of a Python file when it has been run to its end.

    Attributes:
        names: Name -> value: plain Python (None, bool, int, float, str, bytes, list, tuple, dict, set), or `Unknown`.
        anything: Why names that are not in ``names`` might have been set as well; None when they were not.
    """

    names: dict[str, Any]
    anything: Unknown | None


def parse(text: str, filename: str) -> PythonSettings:
    r"""The names that the Python file ``text`` defines, without running it.

    Args:
        text: The whole file.
        filename: Named in errors.

    Raises:
        FormatError: It is not Python, too large, takes too long, or would certainly raise when run.

    Examples:
        >>> text = "from numpy import linspace\nlr = 0.5\nrates = list(linspace(0.25, lr, num=3))\nx = open('x')"
        >>> parse(text, "training.config").names["rates"]
        [0.25, 0.375, 0.5]
        >>> parse(text, "training.config").names["x"]
        Unknown(reason="it calls 'open', which is not run", line=4)
    """
    if len(text) > _MOST_CHARACTERS:
        raise FormatError(
            f"a Python file of {len(text)} characters, at most {_MOST_CHARACTERS} are read", filename=filename
        )
    interpreter = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the parser, and NumPy's: what is odd in a file is not ours to say
            interpreter = _Interpreter(ast.parse(text), filename)
            return interpreter.run_file()
    except SyntaxError as error:
        raise FormatError(f"not Python: {error.msg}", filename=filename, line=error.lineno) from error
    except (RecursionError, MemoryError) as error:
        line = interpreter.heap.line if interpreter else None
        raise FormatError("not read: it is nested too deep", filename=filename, line=line) from error
    except TooMuchError as error:
        line = interpreter.heap.line if interpreter else None
        raise FormatError("not read: it is too much to evaluate", filename=filename, line=line) from error
    except ValueError as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"not Python: {error}", filename=filename) from error


def _dotted(node: ast.expr) -> str:
    """What a function is called where it is called."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else "..."


def _is_root(value: Any) -> bool:
    return type(value) is Module and value in ROOTS


@final
class _Interpreter:
    """One pass over one file."""

    def __init__(self, tree: ast.Module, filename: str) -> None:
        self.tree = tree
        self.filename = filename
        self.heap = Heap()
        self.names: dict[str, Any] = {"config": CONFIG}
        self.scopes = [self.names]  # the file's, then those of comprehensions
        self.lines: dict[str, int] = {}
        self.anything: Unknown | None = None
        self.later = Effects()  # of functions in the file, whenever code runs that may call them
        self.opened: Unknown | None = None  # from where on unknown code may change every name
        self.guards = 0  # how many `try` are around: what may raise in them leaves the rest of their body unknown
        self.loops = 0
        self.scans: dict[ast.AST, Scan] = {}
        nodes = list(ast.walk(tree))
        bound = {name for node in nodes for name in names_bound(node)}
        self.only_read = frozenset() if "*" in bound else frozenset(calls.BUILTINS) - frozenset(ACCESS) - bound
        self.configs = config_names(tree)

    def run_file(self) -> PythonSettings:
        if self.run(self.tree.body) is not None:
            raise FormatError("not Python: 'break' or 'continue' outside a loop", filename=self.filename)
        names = {name: self.final(name, value) for name, value in self.names.items()}
        if self.names.get("config") is CONFIG:
            del names["config"]
        return PythonSettings(names, self.anything)

    def final(self, name: str, value: Any) -> Any:
        self.heap.line = self.lines.get(name, 1)
        if type(value) is Foreign:
            reason = f"it depends on {value.name!r}" if value.what == "built in" else f"it is {value.what}"
            return Unknown(reason, value.line)
        try:
            return self.heap.plain(value)
        except Unknowable as error:
            return error.unknown

    def fail(self, message: str, line: int) -> NoReturn:
        raise FormatError(message, filename=self.filename, line=line)

    # ---- what is not known

    def unknown(self, operands: list[Any], why: Unknown) -> Unknown:
        """The result of what is not run: it may do anything to what it is given."""
        for operand in operands:
            self.heap.escape(operand, why)
        self.may_run(why)
        return why

    def operate(self, node: Any, operands: list[Any], run: Callable[[], Any]) -> Any:
        """What ``run`` gives; where that cannot be known, it may have done anything to ``operands``."""
        scopes = self.scopes
        self.heap.line = node.lineno
        try:
            return self.heap.check(run())
        except Unknowable as error:
            why = error.unknown
        except (FormatError, RecursionError):
            raise
        except _RAISED as error:
            self.fail(f"running it raises {type(error).__name__}: {error}", node.lineno)
        finally:
            self.scopes = scopes
        return self.unknown(operands, why)

    def may_run(self, why: Unknown) -> None:
        """Code runs that is not known: functions of the file may be called, and more if it can reach all names."""
        self.apply(self.later, why)
        self.opened = self.opened or self.heap.escaped(ROOTS)
        if self.opened:
            self.forget(self.opened)
        if self.guards:
            raise Unknowable(why)

    def havoc(self, nodes: list[Any], why: Unknown) -> Unknown:
        """Some of this code runs, or none, or all, any number of times.

        Raises:
            Unknowable: So a loop, comprehension or `try` around it is not known either.
        """
        for node in nodes:
            self.note(node, why)
        self.may_run(why)
        if self.loops and any(isinstance(part, (ast.Break, ast.Continue)) for node in nodes for part in ast.walk(node)):
            raise Unknowable(why)
        return why

    def note(self, node: ast.AST, why: Unknown) -> None:
        """Code was come across that is not followed.

        Raises:
            Unknowable: A function in it refers to names of a comprehension around.
        """
        scan = self.scan(node)
        inside = {name for scope in self.scopes[1:] for name in scope}
        if not inside.isdisjoint(scan.later.uses) or not inside.isdisjoint(scan.later.binds):
            raise Unknowable(why)
        self.later.add(scan.later)
        self.apply(scan.now, why)

    def scan(self, node: ast.AST) -> Scan:
        if node not in self.scans:
            self.scans[node] = Scan(self.only_read, self.configs)
            self.scans[node].visit(node)
        self.heap.step(1 + self.scans[node].nodes // 4)
        return self.scans[node]

    def apply(self, effects: Effects, why: Unknown) -> None:
        self.heap.step(len(effects.uses) + len(effects.binds))
        for name, uses in effects.uses.items():
            for use in uses:
                self.leak(self.value_of(name), use, why)
        if effects.opens:
            self.opened = self.opened or Unknown(f"it may be set through {effects.opens!r}", why.line)
        if "*" in effects.binds:
            self.forget(why)
        for name in effects.binds - {"*"}:
            self.heap.escape(self.names.get(name), why)  # which it may still be
            self.bind_in_file(name, why)

    def leak(self, value: Any, use: str, why: Unknown) -> None:
        """Code that is not known uses a value in one of the ways of `Effects`."""
        if value is CONFIG and use in HARMLESS_IN_CONFIG:
            return
        if value is CONFIG and use in HANDING_OUT_SETTINGS:
            for setting in self.names.values():
                if setting is not CONFIG:
                    self.heap.escape(setting, why)
        elif type(value) in (list, tuple, dict, set) and (use == READ or use in calls.READING_METHODS):
            for part in self.heap.parts(value):
                self.heap.escape(part, why)
        elif type(value) is not Module or _is_root(value) or use in ("", READ):
            self.heap.escape(value, why)

    def forget(self, why: Unknown) -> None:
        """All names may have been set anew."""
        self.heap.step(len(self.names))
        for name, value in self.names.items():
            if value is not CONFIG:
                self.heap.escape(value, why)
                self.names[name] = why
        self.anything = self.anything or why

    # ---- names

    def value_of(self, name: str) -> Any:
        """What a name stands for; None where it is not bound."""
        elsewhere = CONFIG if name == OTHER_CONFIG else ACCESS.get(name)
        return next((scope[name] for scope in reversed(self.scopes) if name in scope), elsewhere)

    def bind_in_file(self, name: str, value: Any) -> None:
        self.names[name] = value
        self.lines[name] = self.heap.line

    def read_name(self, node: ast.Name) -> Any:
        name = node.id
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        if self.anything:
            return self.anything
        if name in calls.BUILTINS:
            return calls.BUILTINS[name]
        if name not in vars(builtins) and not name.startswith("__"):
            self.fail(f"running it raises NameError: name {name!r} is not defined", node.lineno)
        return Foreign(name, "built in", node.lineno)

    def assign(self, target: Any, value: Any) -> None:
        """Bind ``target``, which may be a name, an item, or a pattern of such, to ``value``."""
        match target:
            case ast.Name(id=name):
                self.scopes[-1][name] = value
                self.lines[name] = target.lineno
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                values = self.operate(target, [value], lambda: self.heap.items(value))
                self.assign_all(target, targets, values)
            case ast.Starred(value=inner):
                self.assign(inner, value)
            case ast.Subscript():
                container, index = self.value(target.value), self.index(target.slice)
                if container is NAMESPACE and type(index) is str:
                    self.bind_in_file(index, value)
                    return
                run = lambda: calls.set_item(self.heap, container, index, value)  # noqa: E731
                self.operate(target, [container, index, value], run)
            case ast.Attribute(value=owner):
                self.unknown(
                    [self.value(owner), value], Unknown("it depends on what an attribute is set to", target.lineno)
                )

    def assign_all(self, node: ast.AST, targets: list[Any], values: Any) -> None:
        if type(values) is Unknown:
            for target in targets:
                self.assign(target, values)
            return
        starred = next((at for at, target in enumerate(targets) if isinstance(target, ast.Starred)), None)
        if len(values) != len(targets) if starred is None else len(values) < len(targets) - 1:
            self.fail(
                f"running it raises ValueError: {len(values)} values for {len(targets)} names",
                node.lineno,  # type: ignore[attr-defined]
            )
        if starred is not None:
            after = len(values) - (len(targets) - starred - 1)
            values = [*values[:starred], values[starred:after], *values[after:]]
        for target, value in zip(targets, values, strict=True):
            self.assign(target, value)

    # ---- statements

    def run(self, statements: list[ast.stmt]) -> str | None:
        """Run statements; `_BREAK` or `_CONTINUE` where one of these ended them."""
        for statement in statements:
            self.heap.step()
            self.heap.line = statement.lineno
            signal = _STATEMENTS.get(type(statement), _Interpreter.run_unknown)(self, statement)
            if signal is not None:
                return signal  # type: ignore[no-any-return]
        return None

    def run_unknown(self, node: ast.stmt) -> None:
        self.havoc([node], Unknown(f"it is set inside {type(node).__name__.lower()!r}", node.lineno))

    def run_nothing(self, node: ast.stmt) -> None:
        """Pass, global."""

    def run_break(self, node: ast.stmt) -> str:
        return _BREAK if isinstance(node, ast.Break) else _CONTINUE

    def run_return(self, node: ast.stmt) -> NoReturn:
        self.fail("not Python: 'return' outside a function", node.lineno)

    def run_raise(self, node: ast.Raise) -> NoReturn:
        self.fail("running it raises an exception", node.lineno)

    def run_assert(self, node: ast.Assert) -> None:
        if self.is_true(node.test, self.value(node.test)) is False:
            self.fail("running it raises AssertionError", node.lineno)

    def run_expression(self, node: ast.Expr) -> None:
        self.value(node.value)

    def run_assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self.assign(target, value)

    def run_annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.value(node.value))
        if any(isinstance(part, ast.Call) for part in ast.walk(node.annotation)):
            self.havoc([node.annotation], Unknown("it depends on an annotation", node.lineno))

    def run_augmented(self, node: ast.AugAssign) -> None:
        target = node.target
        if isinstance(target, ast.Attribute):
            self.run_unknown(node)
            return
        if isinstance(target, ast.Name):
            old = self.read_name(ast.Name(target.id, ast.Load(), lineno=target.lineno))
            self.assign(target, self.changed(node, old))
            return
        container, index = self.value(target.value), self.index(target.slice)
        old = self.operate(node, [container, index], lambda: calls.get_item(self.heap, container, index))
        new = self.changed(node, old)
        self.operate(node, [container, index, new], lambda: calls.set_item(self.heap, container, index, new))

    def changed(self, node: ast.AugAssign, old: Any) -> Any:
        operand = self.value(node.value)
        run = lambda: calls.binary(self.heap, type(node.op), old, operand, in_place=True)  # noqa: E731
        return self.operate(node, [old, operand], run)

    def run_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            match target:
                case ast.Name(id=name) if name in self.names:
                    del self.names[name]
                case ast.Name(id=name) if not self.anything:
                    self.fail(f"running it raises NameError: name {name!r} is not defined", node.lineno)
                case ast.Subscript():
                    container, index = self.value(target.value), self.index(target.slice)
                    run = lambda c=container, i=index: calls.delete_item(self.heap, c, i)  # noqa: E731
                    self.operate(target, [container, index], run)
                case ast.Name():
                    pass
                case _:
                    self.havoc([target], Unknown("it is deleted in a way that is not evaluated", node.lineno))

    def run_import(self, node: ast.Import) -> None:
        for alias in node.names:
            module, _, inner = alias.name.partition(".")
            name = alias.asname or module
            if module not in calls.MODULES:
                self.run_foreign_import(node, name, alias.name if alias.asname else module)
            elif inner and alias.asname:
                self.bind_in_file(name, Foreign(alias.name, "imported", node.lineno))
            else:
                self.bind_in_file(name, calls.MODULES[module])

    def run_import_from(self, node: ast.ImportFrom) -> None:
        if node.module == "__future__":
            return
        module = "." * node.level + (node.module or "")
        known = calls.module_names(self.heap, calls.MODULES[module]) if module in calls.MODULES else {}
        for alias in node.names:
            if alias.name in known:
                self.bind_in_file(alias.asname or alias.name, known[alias.name])
            elif alias.name == "*":
                self.havoc([node], Unknown(f"it may be set by 'from {module} import *'", node.lineno))
            else:
                self.run_foreign_import(node, alias.asname or alias.name, f"{module}.{alias.name}")

    def run_foreign_import(self, node: Any, name: str, path: str) -> None:
        self.havoc([node], Unknown(f"it depends on {path!r}", node.lineno))
        self.bind_in_file(name, Foreign(path, "imported", node.lineno))

    def run_function(self, node: Any) -> None:
        self.define(node, node.decorator_list)
        self.bind_in_file(node.name, Foreign(node.name, "a function", node.lineno))

    def define(self, node: Any, decorators: list[ast.expr]) -> None:
        """What a function does is done when it is called; here only its defaults and decorators are evaluated."""
        why = Unknown("it is a function", node.lineno)
        self.note(node, why)
        if decorators or any(isinstance(part, ast.Call) for part in ast.walk(node.args)):
            self.may_run(why)

    def run_class(self, node: ast.ClassDef) -> None:
        self.havoc([node], Unknown("it is a class", node.lineno))
        self.bind_in_file(node.name, Foreign(node.name, "a class", node.lineno))

    def run_if(self, node: ast.If) -> str | None:
        test = self.is_true(node.test, self.value(node.test))
        if isinstance(test, bool):
            return self.run(node.body if test else node.orelse)
        self.havoc([*node.body, *node.orelse], test)
        return None

    def run_loop(self, node: ast.For | ast.While) -> str | None:
        self.loops += 1
        why: Unknown | None = None
        try:
            rounds = self.rounds_of_for(node) if isinstance(node, ast.For) else self.rounds_of_while(node)
            for _ in rounds:
                if self.run(node.body) is _BREAK:
                    return None
        except Unknowable as error:
            why = error.unknown
        finally:
            self.loops -= 1
        if why is not None:
            self.scopes = [self.names]
            self.havoc([node], why)
            return None
        return self.run(node.orelse)

    def rounds_of_for(self, node: ast.For) -> Iterator[None]:
        iterator = self.heap.iterate(self.value(node.iter))
        while (item := self.next_item(node, iterator)) is not _END:
            self.assign(node.target, item)
            yield

    def rounds_of_while(self, node: ast.While) -> Iterator[None]:
        while (test := self.is_true(node.test, self.value(node.test))) is True:
            yield
        if isinstance(test, Unknown):
            raise Unknowable(test)

    def next_item(self, node: Any, iterator: Iterator[Any]) -> Any:
        try:
            return next(iterator, _END)
        except (TypeError, RuntimeError) as error:
            if isinstance(error, RecursionError):
                raise
            self.fail(f"running it raises {type(error).__name__}: {error}", node.lineno)

    def run_try(self, node: ast.Try) -> str | None:
        self.guards += 1
        signal = why = None
        try:
            signal = self.run(node.body)
        except Unknowable as error:
            why = error.unknown
        except FormatError as error:
            why = Unknown(f"where it is set, {error.message}", error.line or node.lineno)
        finally:
            self.guards -= 1
            self.scopes = [self.names]
        if why is not None:
            self.havoc([node], why)
            return None
        signal = signal or self.run(node.orelse)
        return self.run(node.finalbody) or signal

    # ---- expressions

    def value(self, node: Any) -> Any:
        """The value of an expression, `Unknown` where it is not known."""
        self.heap.step()
        self.heap.line = node.lineno
        return _EXPRESSIONS.get(type(node), _Interpreter.read_unknown)(self, node)

    def read_unknown(self, node: ast.expr) -> Unknown:
        return self.havoc([node], Unknown("it is an expression that is not evaluated", node.lineno))

    def read_lambda(self, node: ast.Lambda) -> Foreign:
        self.define(node, [])
        return Foreign("lambda", "a function", node.lineno)

    def read_generator(self, node: ast.GeneratorExp) -> Foreign:
        self.havoc([node], Unknown("it is an iterator", node.lineno))
        return Foreign("...", "an iterator", node.lineno)

    def read_constant(self, node: ast.Constant) -> Any:
        return self.operate(node, [], lambda: node.value)

    def values(self, nodes: list[ast.expr], generators: Sequence[ast.expr] = ()) -> list[Any] | Unknown:
        """The values of expressions, some of them starred; Unknown where it is not known how many there are.

        Those that are ``generators`` too are evaluated when they are read, which must be soon.
        """
        found: list[Any] = []
        unknown = None
        for node in nodes:
            if isinstance(node, ast.Starred):
                value = self.value(node.value)
                items = self.operate(node, [value], partial(self.heap.items, value))
                if type(items) is Unknown:
                    unknown = unknown or items
                else:
                    found += items
            elif node in generators:
                found.append(Lazy(self.generated(node), ()))
            else:
                found.append(self.value(node))
        if unknown is not None:
            return self.unknown(found, unknown)
        return found

    def read_items(self, node: Any) -> Any:
        values = self.values(node.elts)
        if isinstance(values, Unknown):
            return values
        make = {ast.List: list, ast.Tuple: tuple, ast.Set: calls.BUILTINS["set"].run}[type(node)]
        if isinstance(node, ast.Set):
            return self.operate(node, values, lambda: make(self.heap, values))
        return self.operate(node, values, lambda: make(values))

    def read_dict(self, node: ast.Dict) -> Any:
        made: dict[Any, Any] = {}
        parts = []
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            key = None if key_node is None else self.value(key_node)
            parts.append((key_node is None, key, self.value(value_node)))

        def make() -> dict[Any, Any]:
            for is_starred, key, value in parts:
                if is_starred:
                    if type(value) is not dict:
                        self.heap.trust(value)
                        self.heap.refuse("it makes a dict of something that is none")
                    self.heap.trust(value)
                    self.heap.step(len(value) // 8)
                    made.update(value)
                else:
                    self.heap.know_key(key)
                    made[key] = value
            return made

        return self.operate(node, [value for part in parts for value in part[1:]], make)

    def read_binary(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        return self.operate(node, [left, right], lambda: calls.binary(self.heap, type(node.op), left, right))

    def read_unary(self, node: ast.UnaryOp) -> Any:
        operand = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            test = self.is_true(node, operand)
            return not test if isinstance(test, bool) else test
        return self.operate(node, [operand], lambda: (self.heap.know(operand), calls.UNARY[type(node.op)](operand))[1])

    def is_true(self, node: ast.expr, value: Any) -> bool | Unknown:
        return self.operate(node, [value], lambda: self.heap.is_true(value))  # type: ignore[no-any-return]

    def read_bool(self, node: ast.BoolOp) -> Any:
        for at, operand in enumerate(node.values[:-1]):
            value = self.value(operand)
            test = self.is_true(operand, value)
            if isinstance(test, Unknown):
                return self.havoc(node.values[at + 1 :], test)
            if test == isinstance(node.op, ast.Or):
                return value
        return self.value(node.values[-1])

    def read_compare(self, node: ast.Compare) -> Any:
        left = self.value(node.left)
        result: Any = True
        for at, (kind, right_node) in enumerate(zip(node.ops, node.comparators, strict=True)):
            right = self.value(right_node)
            run = lambda left=left, kind=kind, right=right: calls.compare(self.heap, type(kind), left, right)  # noqa: E731
            result = self.operate(node, [left, right], run)
            if at + 1 < len(node.ops):
                test = self.is_true(node, result)
                if isinstance(test, Unknown):
                    return self.havoc(node.comparators[at + 1 :], test)
                if not test:
                    return result
            left = right
        return result

    def read_if(self, node: ast.IfExp) -> Any:
        test = self.is_true(node.test, self.value(node.test))
        if isinstance(test, Unknown):
            return self.havoc([node.body, node.orelse], test)
        return self.value(node.body if test else node.orelse)

    def read_walrus(self, node: ast.NamedExpr) -> Any:
        value = self.value(node.value)
        self.bind_in_file(node.target.id, value)
        return value

    def index(self, node: ast.expr) -> Any:
        if not isinstance(node, ast.Slice):
            return self.value(node)
        bounds = [None if bound is None else self.value(bound) for bound in (node.lower, node.upper, node.step)]
        doubt = next((why for bound in bounds if (why := self.heap.doubt(bound))), None)
        return slice(*bounds) if doubt is None else self.unknown(bounds, doubt)

    def read_subscript(self, node: ast.Subscript) -> Any:
        container, index = self.value(node.value), self.index(node.slice)
        return self.operate(node, [container, index], lambda: calls.get_item(self.heap, container, index))

    def read_attribute(self, node: ast.Attribute) -> Any:
        return self.attribute_of(node, self.value(node.value))

    def attribute_of(self, node: ast.Attribute, owner: Any) -> Any:
        """An attribute; methods of known values are known only where they are called."""
        if type(owner) is Module and owner not in ROOTS and self.heap.doubt(owner) is None:
            known = calls.module_names(self.heap, owner)
            return known.get(node.attr, Foreign(f"{owner.name}.{node.attr}", "imported", node.lineno))
        if type(owner) is Foreign and owner.what == "imported":
            self.open_by(node)
            return Foreign(f"{owner.name}.{node.attr}", "imported", node.lineno)
        why = self.heap.doubt(owner) or Unknown(f"it depends on {_dotted(node)!r}", node.lineno)
        self.open_by(node)
        if is_config(node.value, self.configs):
            self.leak(CONFIG, node.attr, why)
        return self.unknown([owner], why)

    def open_by(self, node: ast.Attribute) -> None:
        if is_opening(node):
            self.opened = self.opened or Unknown(f"it may be set through {node.attr!r}", node.lineno)

    def read_text(self, node: ast.JoinedStr) -> Any:
        parts = [self.value(part) for part in node.values]
        return self.operate(node, parts, lambda: calls.join(self.heap, "", parts))

    def read_formatted(self, node: ast.FormattedValue) -> Any:
        value = self.value(node.value)
        spec = "" if node.format_spec is None else self.value(node.format_spec)
        run = lambda: calls.format_value(self.heap, value, node.conversion, spec)  # noqa: E731
        return self.operate(node, [value, spec], run)

    # ---- comprehensions

    def elements(self, node: Any, *parts: ast.expr) -> Iterator[list[Any]]:
        """For each element of a comprehension the values of ``parts``, as Python evaluates them: one by one."""
        outer = self.scopes
        inner = [*outer, {}]

        def run(generators: list[ast.comprehension], iterable: Any) -> Iterator[list[Any]]:
            generator, *rest = generators
            iterator = self.heap.iterate(iterable)
            while (item := self.next_item(node, iterator)) is not _END:
                self.assign(generator.target, item)
                if not all(self.holds(condition) for condition in generator.ifs):
                    continue
                if rest:
                    yield from run(rest, self.value(rest[0].iter))
                    continue
                values = [self.value(part) for part in parts]
                self.scopes = outer
                yield values
                self.scopes = inner

        first = self.value(node.generators[0].iter)
        self.scopes = inner
        yield from run(node.generators, first)
        self.scopes = outer

    def generated(self, node: Any) -> Iterator[Any]:
        for (value,) in self.elements(node, node.elt):
            yield value

    def holds(self, condition: ast.expr) -> bool:
        test = self.is_true(condition, self.value(condition))
        if isinstance(test, Unknown):
            raise Unknowable(test)
        return test

    def read_comprehension(self, node: Any) -> Any:
        scopes = self.scopes
        parts = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        try:
            found = list(self.elements(node, *parts))
        except Unknowable as error:
            self.scopes = scopes
            return self.havoc([node], error.unknown)
        values = [value for element in found for value in element]
        if isinstance(node, ast.ListComp):
            return self.operate(node, values, lambda: values)
        make = calls.BUILTINS["dict" if isinstance(node, ast.DictComp) else "set"].run
        return self.operate(node, values, lambda: make(self.heap, found if isinstance(node, ast.DictComp) else values))

    # ---- calls

    def read_call(self, node: ast.Call) -> Any:
        receiver = None
        if isinstance(node.func, ast.Attribute):
            receiver = self.value(node.func.value)
            function = self.method(node.func, receiver)
        else:
            function = self.value(node.func)
        generators: list[ast.expr] = []
        if type(function) is Function and function.name not in calls.LAZY:
            generators = [part for part in node.args if isinstance(part, ast.GeneratorExp)]
        args = self.values(node.args, generators)
        named = self.named_values(node.keywords)
        result = self.call(node, function, receiver, args, named)
        if generators and type(result) is Unknown:
            return self.havoc(generators, result)
        return result

    def method(self, node: ast.Attribute, owner: Any) -> Any:
        """What is called as ``owner.name``; Unknown where it is not known, and ``owner`` is given to it."""
        doubt = self.heap.doubt(owner)
        if type(owner) is Foreign or (type(owner) is Module and not _is_root(owner)):
            return self.attribute_of(node, owner)
        known = None if doubt else calls.method(self.heap, owner, node.attr)
        if known is not None:
            return known
        self.open_by(node)
        return doubt or Foreign(_dotted(node), "a method", node.lineno)

    def named_values(self, keywords: list[ast.keyword]) -> dict[str, Any] | Unknown:
        found: dict[str, Any] = {}
        unknown = None
        for keyword in keywords:
            value = self.value(keyword.value)
            if keyword.arg is not None:
                found[keyword.arg] = value
                continue
            more = self.operate(keyword, [value], partial(calls.dict_of_names, self.heap, value))
            if type(more) is Unknown:
                unknown = unknown or more
            else:
                found.update(more)
        return found if unknown is None else self.unknown(list(found.values()), unknown)

    def call(self, node: ast.Call, function: Any, receiver: Any, args: Any, named: Any) -> Any:
        name = _dotted(node.func)
        why = Unknown(f"it calls {name!r}, which is not run", node.lineno)
        unknown = next((part for part in (function, args, named) if type(part) is Unknown), None)
        operands = [receiver, function]
        operands += [] if type(args) is Unknown else args
        operands += [] if type(named) is Unknown else named.values()
        if unknown is None and type(function) is Function:
            return self.operate(node, operands, lambda: self.call_known(function, receiver, args, named, name))
        if unknown is None and not named and len(self.scopes) == 1 and self.is_access(function, args):
            return NAMESPACE
        if unknown is None and receiver is NAMESPACE and name == "....update":
            return self.operate(node, operands, lambda: self.update_names(args, named))
        if isinstance(node.func, ast.Attribute) and (receiver is CONFIG or is_config(node.func.value, self.configs)):
            operands[0] = self.used_of_config(node.func, args, why)
        return self.unknown(operands, unknown or why)

    def used_of_config(self, node: Any, args: Any, why: Unknown) -> Any:
        """What a method of ``config`` gives away of the settings."""
        if node.attr in HANDING_OUT_SETTINGS and type(args) is list and args and type(args[0]) is str:
            return self.names.get(args[0])
        self.leak(CONFIG, node.attr, why)
        return None

    def is_access(self, function: Any, args: list[Any]) -> bool:
        return type(function) is Module and calls.gives_namespace(function, args)

    def call_known(self, function: Function, receiver: Any, args: list[Any], named: dict[str, Any], name: str) -> Any:
        self.heap.trust(receiver)  # once more: its arguments may have changed it
        try:
            return function.run(self.heap, *args, **named)
        except TypeError:  # perhaps it is called as Python allows, and the tables do not
            self.heap.refuse(f"it calls {name!r} in a way that is not evaluated")

    def update_names(self, args: list[Any], named: dict[str, Any]) -> None:
        for name, value in calls.BUILTINS["dict"].run(self.heap, *args, **named).items():
            self.bind_in_file(name, value)


_STATEMENTS: Final[dict[type[ast.stmt], Any]] = {
    ast.Assign: _Interpreter.run_assign,
    ast.AnnAssign: _Interpreter.run_annotated,
    ast.AugAssign: _Interpreter.run_augmented,
    ast.Delete: _Interpreter.run_delete,
    ast.Expr: _Interpreter.run_expression,
    ast.If: _Interpreter.run_if,
    ast.For: _Interpreter.run_loop,
    ast.While: _Interpreter.run_loop,
    ast.Break: _Interpreter.run_break,
    ast.Continue: _Interpreter.run_break,
    ast.Pass: _Interpreter.run_nothing,
    ast.Global: _Interpreter.run_nothing,
    ast.Assert: _Interpreter.run_assert,
    ast.Raise: _Interpreter.run_raise,
    ast.Return: _Interpreter.run_return,
    ast.Try: _Interpreter.run_try,
    ast.Import: _Interpreter.run_import,
    ast.ImportFrom: _Interpreter.run_import_from,
    ast.FunctionDef: _Interpreter.run_function,
    ast.AsyncFunctionDef: _Interpreter.run_function,
    ast.ClassDef: _Interpreter.run_class,
}
_EXPRESSIONS: Final[dict[type[ast.expr], Any]] = {
    ast.Constant: _Interpreter.read_constant,
    ast.Name: _Interpreter.read_name,
    ast.List: _Interpreter.read_items,
    ast.Tuple: _Interpreter.read_items,
    ast.Set: _Interpreter.read_items,
    ast.Dict: _Interpreter.read_dict,
    ast.BinOp: _Interpreter.read_binary,
    ast.UnaryOp: _Interpreter.read_unary,
    ast.BoolOp: _Interpreter.read_bool,
    ast.Compare: _Interpreter.read_compare,
    ast.IfExp: _Interpreter.read_if,
    ast.NamedExpr: _Interpreter.read_walrus,
    ast.Subscript: _Interpreter.read_subscript,
    ast.Attribute: _Interpreter.read_attribute,
    ast.JoinedStr: _Interpreter.read_text,
    ast.FormattedValue: _Interpreter.read_formatted,
    ast.ListComp: _Interpreter.read_comprehension,
    ast.SetComp: _Interpreter.read_comprehension,
    ast.DictComp: _Interpreter.read_comprehension,
    ast.GeneratorExp: _Interpreter.read_generator,
    ast.Lambda: _Interpreter.read_lambda,
    ast.Call: _Interpreter.read_call,
}
