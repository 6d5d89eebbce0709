"""What may be computed: operators, built-in functions, methods and parts of `math` and NumPy, each with its bounds.

Everything is looked up in a table, by the exact type of what it is applied to. What is in no table is not known.
"""

import ast
import math
import operator
import re
import string
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final

from lrsched.config.python.heap import (
    ACCESS,
    MOST_BITS,
    MOST_CHARACTERS,
    MOST_ITEMS,
    SETS,
    Function,
    Heap,
    Lazy,
    Module,
)

_TOO_LARGE: Final = "it is too large to evaluate"
_SEQUENCES: Final = (list, tuple, str, bytes)
_MOST_STEPS_OF_A_SUM: Final = 10_000_000


def _limit(heap: Heap, size: float, most: float = MOST_ITEMS) -> None:
    """Refuse what would be too large, before it is made; NaN is too large as well."""
    if not size <= most:
        heap.refuse(_TOO_LARGE)


def _as_int(heap: Heap, value: Any) -> int | None:
    """The whole number that Python's own operators see in ``value``, or None."""
    whole = (int, bool) if heap.numpy is None else (int, bool, heap.numpy.int64)
    return int(value) if type(value) in whole else None


# ---- operators

BINARY: Final[dict[type[ast.operator], tuple[Any, Any]]] = {
    ast.Add: (operator.add, operator.iadd),
    ast.Sub: (operator.sub, operator.isub),
    ast.Mult: (operator.mul, operator.imul),
    ast.Div: (operator.truediv, operator.itruediv),
    ast.FloorDiv: (operator.floordiv, operator.ifloordiv),
    ast.Mod: (operator.mod, operator.imod),
    ast.Pow: (operator.pow, operator.ipow),
    ast.LShift: (operator.lshift, operator.ilshift),
    ast.RShift: (operator.rshift, operator.irshift),
    ast.BitOr: (operator.or_, operator.ior),
    ast.BitAnd: (operator.and_, operator.iand),
    ast.BitXor: (operator.xor, operator.ixor),
}
UNARY: Final[dict[type[ast.unaryop], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
COMPARISONS: Final[dict[type[ast.cmpop], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def binary(heap: Heap, kind: type[ast.operator], left: Any, right: Any, *, in_place: bool = False) -> Any:
    """``left kind right``; where ``in_place``, ``left`` is changed if its type can be."""
    heap.trust(left)
    heap.trust(right)
    if kind not in BINARY:
        heap.refuse("it multiplies matrices")
    if kind is ast.Add and in_place and type(left) is list:
        left.extend(heap.items(right))
        return left
    if not _only_moves_items(heap, kind, left, right):
        heap.know(left)
        heap.know(right)
    _limit_operands(heap, kind, left, right)
    if kind is ast.Mod and type(left) in (str, bytes):
        _check_percent(heap, left, right)
    return BINARY[kind][in_place](left, right)


def _only_moves_items(heap: Heap, kind: type[ast.operator], left: Any, right: Any) -> bool:
    """Whether the items themselves need not be known."""
    if kind is ast.Add:
        return type(left) is type(right) and type(left) in (list, tuple)
    if kind is ast.Mult:
        return type(left) in (list, tuple) and _as_int(heap, right) is not None
    return kind is ast.BitOr and type(left) is type(right) is dict


def _limit_operands(heap: Heap, kind: type[ast.operator], left: Any, right: Any) -> None:
    if heap.is_array(left) or heap.is_array(right):
        _limit_arrays(heap, left, right)
        return
    one, other = _as_int(heap, left), _as_int(heap, right)
    if kind is ast.Mult:
        for items, times in ((left, other), (right, one)):
            if type(items) in _SEQUENCES and times is not None:
                _limit(heap, len(items) * times, MOST_ITEMS if type(items) in (list, tuple) else MOST_CHARACTERS)
    elif one is not None and other is not None and other > 0:
        if kind is ast.Pow:
            _limit(heap, one.bit_length() * other, MOST_BITS)
        elif kind is ast.LShift:
            _limit(heap, one.bit_length() + other, MOST_BITS)


def _limit_arrays(heap: Heap, *operands: Any) -> None:
    for operand in operands:
        if type(operand) in (str, bytes, dict, range, *SETS, type(None)):
            heap.refuse("it computes with an array and something else")
    shapes = [heap.numpy.shape(operand) for operand in operands]
    _limit(heap, math.prod(heap.numpy.broadcast_shapes(*shapes)))


def compare(heap: Heap, kind: type[ast.cmpop], left: Any, right: Any) -> Any:
    """``left kind right``."""
    if kind in (ast.Is, ast.IsNot):
        return _is_same(heap, left, right) == (kind is ast.Is)
    if kind in (ast.In, ast.NotIn):
        return _contains(heap, right, left) == (kind is ast.In)
    heap.know(left)
    heap.know(right)
    if heap.is_array(left) or heap.is_array(right):
        _limit_arrays(heap, left, right)
    return COMPARISONS[kind](left, right)


def _is_same(heap: Heap, left: Any, right: Any) -> bool:
    heap.trust(left)
    heap.trust(right)
    kinds = (type(left), type(right))
    if not {type(None), bool}.intersection(kinds) and not all(kind in (list, dict, set) for kind in kinds):
        heap.refuse("it asks whether two values are one object")
    return left is right


def _contains(heap: Heap, container: Any, item: Any) -> bool:
    heap.trust(container)
    if type(container) in (dict, *SETS):
        heap.trust(item)
        is_set_in_set = type(item) is set and type(container) is not dict  # which Python looks up as a frozenset
        heap.know_key(frozenset(item) if is_set_in_set else item)
        return item in container
    heap.know(item)
    heap.know(container)
    if type(container) is range and type(item) not in (int, bool):
        heap.refuse("it looks for something in a range that is no integer")
    if heap.is_array(container) or heap.is_array(item):
        heap.refuse("it looks for something in an array")
    return item in container


# ---- subscripts


def _know_index(heap: Heap, container: Any, index: Any) -> None:
    if type(index) is slice:
        for bound in (index.start, index.stop, index.step):
            heap.know(bound)
            if heap.is_array(bound):
                heap.refuse("it slices with an array")
        return
    heap.know_key(index)
    if heap.is_array(container) and _as_int(heap, index) is None:
        heap.refuse("it takes an array's items by something else than numbers")


def _trust_container(heap: Heap, container: Any, *kinds: type) -> None:
    heap.trust(container)
    if type(container) not in kinds and not heap.is_array(container):
        heap.refuse(f"it takes items of a value of type {type(container).__name__!r}")


def get_item(heap: Heap, container: Any, index: Any) -> Any:
    """``container[index]``."""
    _trust_container(heap, container, list, tuple, dict, str, bytes, range)
    _know_index(heap, container, index)
    return container[index]


def set_item(heap: Heap, container: Any, index: Any, value: Any) -> None:
    """``container[index] = value``."""
    _trust_container(heap, container, list, dict)
    _know_index(heap, container, index)
    if heap.is_array(container):
        heap.know(value)
        if type(value) not in heap.atoms - {str, bytes, type(None), range}:
            heap.refuse("it sets items of an array to something else than a number")
    elif type(index) is slice:
        value = heap.items(value)
    container[index] = value
    heap.check(container)


def delete_item(heap: Heap, container: Any, index: Any) -> None:
    """``del container[index]``."""
    _trust_container(heap, container, list, dict)
    _know_index(heap, container, index)
    del container[index]


# ---- text

_WIDE = re.compile(r"\d{4,}|\*")


def _printable(heap: Heap, value: Any, *, numpy: bool = False) -> Any:
    """``value``, if its text is the same wherever a file is run."""
    heap.know(value)
    kind = type(value)
    if kind in SETS or (not numpy and kind.__module__ == "numpy") or heap.is_array(value):
        heap.refuse("it depends on how a set or a NumPy value is printed")
    for part in chain(value, value.values()) if kind is dict else value if kind in (list, tuple) else ():
        _printable(heap, part)
    return value


def _check_percent(heap: Heap, text: Any, values: Any) -> None:
    shown = text if type(text) is str else text.decode("latin-1")
    if _WIDE.search(shown.partition("%")[2]):
        heap.refuse(_TOO_LARGE)
    for value in values if type(values) is tuple else [values]:
        _printable(heap, value, numpy="%r" not in shown and "%a" not in shown)


def format_value(heap: Heap, value: Any, conversion: int, spec: Any) -> str:
    """One part of an f-string."""
    heap.trust(spec)
    if _WIDE.search(spec):
        heap.refuse(_TOO_LARGE)
    _printable(heap, value, numpy=conversion in (-1, ord("s")))
    convert: dict[int, Any] = {ord("s"): str, ord("r"): repr, ord("a"): ascii}
    return format(convert[conversion](value) if conversion in convert else value, spec)


def _format(heap: Heap, text: str, *args: Any, **kwargs: Any) -> str:
    numpy = True
    for _, field, spec, conversion in string.Formatter().parse(text):
        if not re.fullmatch(r"\w*", field or "") or "{" in (spec or "") or _WIDE.search(spec or ""):
            heap.refuse("it formats in a way that is not evaluated")
        numpy = numpy and conversion in (None, "s")
    for value in (*args, *kwargs.values()):
        _printable(heap, value, numpy=numpy)
    _limit(heap, len(text) * (1 + sum(heap.know(value) for value in (*args, *kwargs.values()))), 100 * MOST_CHARACTERS)
    return text.format(*args, **kwargs)


def _replace(heap: Heap, text: str, old: str, new: str, count: int = -1) -> str:
    for value in (text, old, new, count):
        heap.know(value)
    _limit(heap, len(text) + (text.count(old) + 1) * len(new), MOST_CHARACTERS)
    return text.replace(old, new, count)


def join(heap: Heap, text: Any, parts: Any) -> Any:
    """``text.join(parts)``."""
    found = heap.items(parts)
    for part in found:
        heap.trust(part)
        if type(part) is not type(text):
            raise TypeError(f"expected {type(text).__name__}, {type(part).__name__} found")
    _limit(heap, sum(len(part) + len(text) for part in found), MOST_CHARACTERS)
    return text.join(found)


def _str(heap: Heap, *args: Any) -> str:
    return str(*(_printable(heap, value, numpy=True) for value in args))


def _repr(heap: Heap, value: Any) -> str:
    return repr(_printable(heap, value))


# ---- functions


def _pure(function: Callable[..., Any]) -> Callable[..., Any]:
    """For a function of numbers and text, whose work and result are no larger than its arguments."""

    def run(heap: Heap, *args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            heap.know(value)
            if heap.is_array(value):
                heap.refuse("it applies to an array what is for numbers")
        return function(*args, **kwargs)

    return run


def _made_of_items(make: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    def run(heap: Heap, items: Any = ()) -> Any:
        return make(heap.items(items))

    return run


def _made_of_members(make: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    def run(heap: Heap, items: Any = ()) -> Any:
        found = heap.items(items, ordered=False)
        for item in found:
            heap.know_key(item)
        return make(found)

    return run


def _dict(heap: Heap, *args: Any, **kwargs: Any) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    _update(heap, made, *args, **kwargs)
    return made


def _update(heap: Heap, changed: dict[Any, Any], source: Any = (), **kwargs: Any) -> None:
    heap.trust(source)
    if type(source) is dict:
        heap.step(len(source) // 8)
        changed.update(source)
    else:
        for pair in heap.items(source):
            key, item = heap.items(pair)
            heap.know_key(key)
            changed[key] = item
    changed.update(kwargs)
    heap.check(changed)


def dict_of_names(heap: Heap, value: Any) -> dict[str, Any]:
    """What ``**value`` hands to a function."""
    heap.trust(value)
    if type(value) is not dict or not all(type(name) is str for name in value):
        heap.refuse("it unpacks something else than a dict")
    return value


def _len(heap: Heap, value: Any) -> int:
    heap.trust(value)
    if type(value) in (Lazy, Function, Module):
        heap.refuse("it takes the length of an iterator")
    return len(value)


def _compared(heap: Heap, items: Any) -> list[Any]:
    """Items to be put in order; those of a set only where the outcome does not depend on their present order."""
    found = heap.items(items, ordered=False)
    heap.know(found)
    if any(heap.is_array(item) for item in found):
        heap.refuse("it compares arrays")
    if type(items) in SETS and any(type(item) not in (int, float, str) or item != item for item in found):  # noqa: PLR0124  NaN
        heap.refuse("it depends on the order of a set")
    if type(items) in SETS and len({type(item) for item in found}) > 1:
        heap.refuse("it depends on the order of a set")
    return found


def _extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    def run(heap: Heap, *args: Any, key: Any = None, **kwargs: Any) -> Any:
        if key is not None:
            heap.refuse("it compares by a function")
        if len(args) == 1:
            return choose(_compared(heap, args[0]), **kwargs)
        return choose(*_compared(heap, list(args)), **kwargs)

    return run


def _sorted(heap: Heap, items: Any, /, *, key: Any = None, reverse: Any = False) -> list[Any]:
    if key is not None:
        heap.refuse("it sorts by a function")
    return sorted(_compared(heap, items), reverse=heap.is_true(reverse))


def _sort(heap: Heap, changed: list[Any], *, key: Any = None, reverse: Any = False) -> None:
    if key is not None:
        heap.refuse("it sorts by a function")
    _compared(heap, changed)
    changed.sort(reverse=heap.is_true(reverse))


def _sum(heap: Heap, items: Any, /, start: Any = 0) -> Any:
    found = heap.items(items)
    size = heap.know(found) + heap.know(start)
    if type(start) in (list, tuple):
        _limit(heap, size * len(found), _MOST_STEPS_OF_A_SUM)
    if any(heap.is_array(item) for item in (start, *found)):
        heap.refuse("it adds up arrays")
    return sum(found, start)


def _round(heap: Heap, number: Any, ndigits: Any = None) -> Any:
    heap.know(number)
    heap.know(ndigits)
    if heap.is_array(number):
        heap.refuse("it applies to an array what is for numbers")
    if ndigits is not None:
        _limit(heap, abs(ndigits), 400)
    return round(number, ndigits)


def _power(heap: Heap, base: Any, exponent: Any) -> Any:
    return binary(heap, ast.Pow, base, exponent)


def _int(heap: Heap, *args: Any) -> int:
    for value in args:
        heap.know(value)
        if heap.is_array(value):
            heap.refuse("it applies to an array what is for numbers")
        if type(value) in (str, bytes):
            _limit(heap, len(value), MOST_BITS // 4)
    return int(*args)


def _reversed(heap: Heap, items: Any) -> Lazy:
    heap.trust(items)
    if type(items) not in (list, tuple, str, range, dict):
        heap.refuse("it goes backwards through something that is no list")
    return Lazy(reversed(items), (items,))


def _enumerate(heap: Heap, items: Any, start: Any = 0) -> Lazy:
    heap.know(start)
    return Lazy(enumerate(heap.iterate(items), start), (items,))


def _zip(heap: Heap, *iterables: Any, strict: Any = False) -> Lazy:
    return Lazy(zip(*map(heap.iterate, iterables), strict=heap.is_true(strict)), iterables)


def _print(heap: Heap, *values: Any, **kwargs: Any) -> None:
    if not kwargs.keys() <= {"sep", "end", "flush"}:
        heap.refuse("it prints into a file")
    for value in (*values, *kwargs.values()):
        heap.know(value)


def _unordered_truths(heap: Heap, items: Any) -> Iterator[bool]:
    return (heap.is_true(item) for item in heap.iterate(items))


BUILTINS: Final[dict[str, Any]] = {
    **ACCESS,
    **{
        name: Function(name, run)
        for name, run in {
            "abs": lambda heap, number: (heap.know(number), abs(number))[1],
            "all": lambda heap, items: all(_unordered_truths(heap, items)),
            "any": lambda heap, items: any(_unordered_truths(heap, items)),
            "bool": lambda heap, value=False: heap.is_true(value),
            "dict": _dict,
            "divmod": _pure(divmod),
            "enumerate": _enumerate,
            "float": _pure(float),
            "frozenset": _made_of_members(frozenset),
            "int": _int,
            "len": _len,
            "list": _made_of_items(list),
            "max": _extreme(max),
            "min": _extreme(min),
            "pow": _power,
            "print": _print,
            "range": _pure(range),
            "repr": _repr,
            "reversed": _reversed,
            "round": _round,
            "set": _made_of_members(set),
            "sorted": _sorted,
            "str": _str,
            "sum": _sum,
            "tuple": _made_of_items(tuple),
            "zip": _zip,
        }.items()
    },
}
LAZY: Final = frozenset({"enumerate", "zip"})
"""Functions that keep their arguments, to read them later."""

# ---- methods


def _no_order(function: Any) -> Callable[..., Any]:
    """For a method of sets, which takes any number of iterables."""

    def run(heap: Heap, receiver: Any, *others: Any) -> Any:
        found = [heap.items(other, ordered=False) for other in others]
        for item in chain(*found):
            heap.know_key(item)
        result = function(receiver, *found)
        heap.check(receiver)
        return result

    return run


def _of_member(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(heap: Heap, receiver: Any, item: Any) -> None:
        heap.know_key(item)
        function(receiver, item)
        heap.check(receiver)

    return run


def _view(method: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _heap, receiver: Lazy(method(receiver), (receiver,))


def _append(heap: Heap, receiver: list[Any], item: Any) -> None:
    receiver.append(item)
    _limit(heap, len(receiver))


def _extend(heap: Heap, receiver: list[Any], items: Any) -> None:
    receiver.extend(heap.items(items))
    _limit(heap, len(receiver))


def _insert(heap: Heap, receiver: list[Any], index: Any, item: Any) -> None:
    heap.know_key(index)
    heap.step(len(receiver) // 100)
    receiver.insert(index, item)
    _limit(heap, len(receiver))


def _pop(heap: Heap, receiver: list[Any], index: Any = -1) -> Any:
    heap.know_key(index)
    heap.step(len(receiver) // 100)
    return receiver.pop(index)


def _copied(kind: type) -> Callable[..., Any]:
    return lambda heap, receiver: (heap.step(len(receiver) // 8), kind(receiver))[1]


def _by_key(method: Callable[..., Any]) -> Callable[..., Any]:
    """For a method of dicts, which takes a key and perhaps a value."""

    def run(heap: Heap, receiver: dict[Any, Any], key: Any, *default: Any) -> Any:
        heap.know_key(key)
        result = method(receiver, key, *default)
        heap.check(receiver) if method is dict.setdefault else None
        return result

    return run


_SET_METHODS = {
    name: _no_order(method)
    for name, method in {
        "union": set.union,
        "intersection": set.intersection,
        "difference": set.difference,
        "symmetric_difference": set.symmetric_difference,
        "issubset": set.issubset,
        "issuperset": set.issuperset,
        "isdisjoint": set.isdisjoint,
    }.items()
}
_TEXT_METHODS: Final = """
    upper lower strip lstrip rstrip split rsplit splitlines startswith endswith find rfind index rindex
    count title capitalize swapcase isdigit isalpha isalnum isspace isupper islower partition rpartition
    removeprefix removesuffix
""".split()  # noqa: SIM905  a page of words reads better than one of quotes

METHODS: Final[dict[type, dict[str, Any]]] = {
    list: {
        "append": _append,
        "extend": _extend,
        "insert": _insert,
        "pop": _pop,
        "remove": _pure(list.remove),
        "reverse": lambda heap, receiver: (heap.step(len(receiver) // 100), receiver.reverse())[1],
        "sort": _sort,
        "clear": lambda _heap, receiver: receiver.clear(),
        "copy": _copied(list),
        "index": _pure(list.index),
        "count": _pure(list.count),
    },
    dict: {
        "get": _by_key(dict.get),
        "pop": _by_key(dict.pop),
        "setdefault": _by_key(dict.setdefault),
        "popitem": lambda _heap, receiver: receiver.popitem(),
        "update": _update,
        "keys": _view(dict.keys),
        "values": _view(dict.values),
        "items": _view(dict.items),
        "clear": lambda _heap, receiver: receiver.clear(),
        "copy": _copied(dict),
    },
    set: {
        "add": _of_member(set.add),
        "discard": _of_member(set.discard),
        "remove": _of_member(set.remove),
        "update": _no_order(set.update),
        "clear": lambda _heap, receiver: receiver.clear(),
        "copy": _copied(set),
        **_SET_METHODS,
    },
    tuple: {"index": _pure(tuple.index), "count": _pure(tuple.count)},
    str: {
        "format": _format,
        "replace": _replace,
        "join": join,
        **{name: _pure(vars(str)[name]) for name in _TEXT_METHODS},
    },
    float: {"is_integer": _pure(float.is_integer)},
}

READING_METHODS: Final = frozenset({"get", "copy", "index", "count", *_SET_METHODS, *METHODS[str]})
"""Methods that change nothing of what they belong to, and do not read it later."""


def method(heap: Heap, receiver: Any, name: str) -> Function | None:
    """The method ``name`` of a trusted value, or None."""
    if heap.is_array(receiver):
        run: Any = {"tolist": lambda _heap, array: array.tolist(), "copy": lambda _heap, array: array.copy()}.get(name)
    else:
        run = METHODS.get(type(receiver), {}).get(name)
    return run and Function(name, lambda heap, *args, **kwargs: run(heap, receiver, *args, **kwargs))


# ---- modules

_MATH_FUNCTIONS: Final = """
    exp log log2 log10 log1p expm1 sqrt pow floor ceil trunc fabs sin cos tan asin acos atan atan2 sinh
    cosh tanh fmod hypot isnan isinf isfinite copysign degrees radians gcd
""".split()  # noqa: SIM905  a page of words reads better than one of quotes
_ARRAY_FUNCTIONS: Final = """
    exp log log2 log10 sqrt abs floor ceil sin cos round flip cumsum cumprod sum prod sort
""".split()  # noqa: SIM905  a page of words reads better than one of quotes


_INT64_BITS: Final = 63  # besides the sign


def _numbers(heap: Heap, *values: Any) -> None:
    for value in values:
        if type(heap.plain(value)) not in (int, float, bool) or (
            type(value) is int and value.bit_length() > _INT64_BITS
        ):
            heap.refuse("it gives NumPy something else than usual numbers")


def _spaced(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(heap: Heap, start: Any, stop: Any, num: Any = 50, endpoint: Any = True, **kwargs: Any) -> Any:  # noqa: FBT002  NumPy's arguments
        if not kwargs.keys() <= {"base"}:
            heap.refuse("it calls NumPy in a way that is not evaluated")
        _numbers(heap, start, stop, num, endpoint, *kwargs.values())
        _limit(heap, num)
        return function(start, stop, num, endpoint, **kwargs)

    return run


def _arange(heap: Heap, start: Any, stop: Any = None, step: Any = 1) -> Any:
    if stop is None:
        start, stop = 0, start
    _numbers(heap, start, stop, step)
    if step == 0:
        heap.refuse("it steps by 0")
    _limit(heap, (float(stop) - float(start)) / float(step))
    return heap.numpy.arange(start, stop, step)


def _filled(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(heap: Heap, shape: Any, *value: Any) -> Any:
        sizes = shape if type(shape) in (list, tuple) else [shape]
        _numbers(heap, *sizes, *value)
        _limit(heap, math.prod(abs(size) for size in sizes))
        return function(shape, *value)

    return run


def _repeated(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(heap: Heap, items: Any, times: Any) -> Any:
        _numbers(heap, times)
        _limit(heap, heap.know(items) * times)
        return function(items, times)

    return run


def _of_array(function: Callable[..., Any]) -> Callable[..., Any]:
    """For a function whose result is no larger than the one array, list or number that it takes."""

    def run(heap: Heap, items: Any) -> Any:
        heap.know(items)
        return function(items)

    return run


def _of_lists(heap: Heap, items: Any) -> Any:
    heap.know(items)
    if type(items) not in (list, tuple) and not heap.is_array(items):
        heap.refuse("it makes an array of something that is no list")
    return items


def _numpy_names(heap: Heap) -> dict[str, Any]:
    numpy = heap.import_numpy()
    functions = {
        "linspace": _spaced(numpy.linspace),
        "logspace": _spaced(numpy.logspace),
        "geomspace": _spaced(numpy.geomspace),
        "arange": _arange,
        "array": lambda heap, items: numpy.array(_of_lists(heap, items)),
        "asarray": lambda heap, items: numpy.asarray(_of_lists(heap, items)),
        "concatenate": lambda heap, items: numpy.concatenate(_of_lists(heap, items)),
        "append": lambda heap, left, right: numpy.append(_of_lists(heap, left), _of_lists(heap, right)),
        "ones": _filled(numpy.ones),
        "zeros": _filled(numpy.zeros),
        "full": _filled(numpy.full),
        "repeat": _repeated(numpy.repeat),
        "tile": _repeated(numpy.tile),
        **{name: _of_array(vars(numpy)[name]) for name in _ARRAY_FUNCTIONS},
    }
    constants = {name: vars(numpy)[name] for name in ("pi", "e", "inf", "nan")}
    return constants | {name: Function(name, run) for name, run in functions.items()}


_MATH_NAMES: Final[dict[str, Any]] = {
    **{name: vars(math)[name] for name in ("pi", "e", "tau", "inf", "nan")},
    **{name: Function(name, _pure(vars(math)[name])) for name in _MATH_FUNCTIONS},
}
_MODULES: Final[dict[str, Callable[[Heap], dict[str, Any]]]] = {
    "numpy": _numpy_names,
    "math": lambda _heap: _MATH_NAMES,
}
MODULES: Final = {name: Module(name) for name in _MODULES}
"""The modules of which something is known."""


def module_names(heap: Heap, module: Module) -> dict[str, Any]:
    """What is known of a module, by name."""
    return _MODULES[module.name](heap) if module.name in _MODULES else {}


def gives_namespace(function: Module, args: list[Any]) -> bool:
    """Whether a call at the top of a file gives the dict of its names."""
    return function.name in ("globals", "locals", "vars") and not args
