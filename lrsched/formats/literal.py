"""A reader of Python literals that never runs anything: no `eval`, no `compile`, no import.

It knows literals, a few numeric constants and conversions that old learning-rate files contain, and calls of one name
that the caller allows. Everything else is a `FormatError` with the line.
"""

import math
import re
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from lrsched.errors import ArgumentError, FormatError

Call = Callable[[dict[str, Any]], Any]
"""What a call with these keyword arguments means."""

UsualItem = Callable[[str, int], tuple[Any, Any, int] | None]
"""Reads an item of a dict with its comma in one step, at a position in a text.

Gives the key, the value, and the position behind them; None where the item is not written as usual.
"""

_DEEPEST = 100
_NO_KEY = "a list, dict or set cannot be a key or be in a set"

SPACE = r"[ \t\r\n\f]*"
# Repetitions are possessive (`*+`): what was taken is not given back, so no text makes them slow or large.
_TOKEN = re.compile(  # each kind of value has a method `_Reader.read_...`
    SPACE
    + r"""(?:
    (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<string>[uUbB]?(?:'(?:[^'\\\n]++|\\[^\n])*+'|"(?:[^"\\\n]++|\\[^\n])*+"))
  | (?P<name>[A-Za-z_][A-Za-z_0-9.]*)
  | (?P<sign>[+-])
  | (?P<list>\[)
  | (?P<tuple>\()
  | (?P<dict>\{)
  | (?P<mark>[])},:=])
  | (?P<end>\Z)
)""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U(000[0-9a-fA-F]{5}|0010[0-9a-fA-F]{4})|([0-7]{1,3})|(.))"
)
_SIMPLE_ESCAPES = dict(zip("\\'\"abfnrtv", "\\'\"\a\b\f\n\r\t\v", strict=True))

_CONSTANTS: dict[str, Any] = {
    "None": None,
    "True": True,
    "False": False,
    **{f"{module}{name}": math.nan for module in ("", "np.", "numpy.") for name in ("nan", "NaN")},
    **{f"{module}{name}": math.inf for module in ("", "np.", "numpy.") for name in ("inf", "Infinity")},
    **{f"{module}{value}_": value for module in ("np.", "numpy.") for value in (True, False)},
}
_NUMPY_SCALAR = re.compile(r"(?:np|numpy)\.(?:(float)|u?int|(bool))(?:16|32|64|128|8)?_?")
_NUMPY_SCALAR_TEXT = re.compile(r"(?:np|numpy)\.float(?:16|32|64|128)\((.*)\)")


def parse(text: str, filename: str | None = None) -> Any:
    """The value of the Python literal ``text``.

    Besides literals (None, bool, int, float, str, bytes, tuple, list, dict, set) it reads ``nan`` and ``inf``, also
    with ``np.``, ``float('nan')``, ``set([...])`` and NumPy scalars such as ``np.float64(0.1)``.

    Args:
        text: Python source of one expression.
        filename: Named in errors.

    Raises:
        FormatError: It is anything else, nested deeper than 100, or an integer with more digits than Python reads.

    Examples:
        >>> parse("{1: 0.5, 2: [np.float64(0.25), -inf, 'x']}")
        {1: 0.5, 2: [0.25, -inf, 'x']}
        >>> parse("__import__('os').system('true')", "learning_rates")
        Traceback (most recent call last):
        lrsched.errors.FormatError: '__import__' is not a literal; nothing was run @ learning_rates:1
    """
    reader = _Reader(text, filename, {})
    value = reader.value(0)
    reader.expect("")
    return value


def read_items(
    text: str,
    filename: str | None,
    calls: Mapping[str, Call],
    usual_item: UsualItem,
    check_item: Callable[[Any, Any], object],
) -> tuple[dict[Any, Any], FormatError | None]:
    """The items of the dict ``text`` that stand before the first fault, and the fault.

    Args:
        text: As of `parse`.
        filename: Named in errors.
        calls: What calls of these names mean.
        usual_item: Reads the items that are written as usual; must mean what is read without it.
        check_item: Raises an `ArgumentError` if a key and its value break a law, which those of ``usual_item`` obey.

    Examples:
        >>> read_items("{1: 0.5, 2: [0.25, 3", None, {}, lambda text, position: None, lambda key, value: None)
        ({1: 0.5}, FormatError("expected ',' or ']', but the text ends @ <text>:1"))
    """
    reader = _Reader(text, filename, calls)
    items: dict[Any, Any] = {}
    try:
        reader.expect("{")
        while True:
            while (item := usual_item(text, reader.position)) and item[0] not in items:
                key, items[key], reader.position = item
            if reader.take("}"):
                break
            start = reader.peek().start
            key = reader.value(1)
            value = reader.value_for(key, items, start, 1)
            reader.obeying(start, check_item, key, value)
            items[key] = value
            if not reader.take(",") and reader.peek().text != "}":
                reader.unexpected("expected ',' or '}'")
        reader.expect("")
    except FormatError as fault:
        return items, fault
    return items, None


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


class _Reader:
    """A recursive-descent parser over one text."""

    def __init__(self, text: str, filename: str | None, calls: Mapping[str, Call]) -> None:
        self.text = text
        self.filename = filename
        self.calls = calls
        self.position = 0  # behind the last token taken
        self.peeked: _Token | None = None

    def fail(self, message: str, position: int) -> NoReturn:
        line = self.text.count("\n", 0, min(position, len(self.text.rstrip()))) + 1
        raise FormatError(message, filename=self.filename, line=line)

    def peek(self) -> _Token:
        """The next token, without taking it."""
        if self.peeked is None:
            self.peeked = self.scan()
        return self.peeked

    def next(self) -> _Token:
        """Take the next token."""
        token = self.peek()
        self.peeked = None
        self.position = token.end
        return token

    def scan(self) -> _Token:
        match = _TOKEN.match(self.text, self.position)
        if match is None or match.lastgroup is None:
            start = self.position + len(re.match(SPACE, self.text[self.position :]).group())  # type: ignore[union-attr]
            shown = "a string that does not end" if self.text[start] in "'\"" else repr(self.text[start])
            self.fail(f"unexpected {shown}", start)
        kind = match.lastgroup
        return _Token(kind, match[kind], match.start(kind), match.end())

    def take(self, mark: str) -> bool:
        """Take ``mark`` if that is what follows; the empty text is the end."""
        if self.peek().text != mark:
            return False
        self.next()
        return True

    def expect(self, mark: str) -> None:
        """Take ``mark`` or fail."""
        if not self.take(mark):
            self.unexpected(f"expected {mark!r}" if mark else "expected the end")

    def unexpected(self, wanted: str) -> NoReturn:
        _, token, start, _ = self.peek()
        self.fail(f"{wanted}, got {token!r}" if token else f"{wanted}, but the text ends", start)

    def each(self, closing: str, *, comma: bool = True) -> Iterator[int]:
        """Yields where each item up to ``closing`` starts, and takes the commas and ``closing``."""
        while not self.take(closing):
            if not comma:
                self.unexpected(f"expected ',' or {closing!r}")
            yield self.peek().start
            comma = self.take(",")

    def value(self, depth: int) -> Any:
        kind, token, start, _ = self.peek()
        if depth > _DEEPEST:
            self.fail(f"nested deeper than {_DEEPEST}", start)
        if kind in ("mark", "end"):
            self.unexpected("expected a value")
        self.next()
        return getattr(self, f"read_{kind}")(token, start, depth + 1)

    def read_number(self, token: str, start: int, _depth: int) -> float:
        if not token.isdigit():
            return float(token)
        if token.startswith("0") and token.strip("0"):
            self.fail(f"a whole number that starts with 0: {token}", start)
        try:
            return int(token)
        except ValueError:
            self.fail("a number with too many digits", start)

    def read_sign(self, sign: str, start: int, depth: int) -> float:
        value = None if self.peek().text in ("+", "-") else self.value(depth)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(f"expected a number after {sign!r}", start)
        return -value if sign == "-" else value

    def read_string(self, token: str, start: int, _depth: int) -> str | bytes:
        is_bytes = token[0] in "bB"
        body = token.lstrip("uUbB")[1:-1]

        def unescaped(match: re.Match[str]) -> str:
            byte, short, long, octal, simple = match.groups()
            if (is_bytes and (short or long)) or (simple and simple not in _SIMPLE_ESCAPES):
                self.fail(f"the escape {match.group()!r} is not read", start)
            if simple:
                return _SIMPLE_ESCAPES[simple]
            return chr(int(octal, 8) if octal else int(byte or short or long, 16))

        text = _ESCAPE.sub(unescaped, body) if "\\" in body else body
        if not is_bytes:
            return text
        if not body.isascii() or max(text, default="") > "\xff":
            self.fail("bytes with a character that is no byte", start)
        return text.encode("latin-1")

    def read_name(self, token: str, start: int, depth: int) -> Any:
        if token in _CONSTANTS and self.peek().text != "(":
            return _CONSTANTS[token]
        numpy_scalar = _NUMPY_SCALAR.fullmatch(token)
        known = token in self.calls or token in ("set", "frozenset", "float") or numpy_scalar
        if not known or not self.take("("):
            self.fail(f"{token!r} is not a literal; nothing was run", start)
        if token in self.calls:
            return self.read_call(token, start, depth)
        is_set = token.endswith("set")
        value = () if is_set and self.peek().text == ")" else self.value(depth)
        self.expect(")")
        if is_set:
            return self.set_of(value, start)
        if not numpy_scalar or numpy_scalar.group(1):
            return self.read_float(value, start)
        if type(value) is not (bool if numpy_scalar.group(2) else int):
            self.fail(f"{token} of something that is none", start)
        return value

    def read_float(self, value: Any, start: int) -> float:
        if isinstance(value, str):
            inside = _NUMPY_SCALAR_TEXT.fullmatch(value)  # RETURNN writes float('np.float64(nan)')
            value = inside.group(1) if inside else value
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            self.fail("a conversion to float of something that is no number", start)

    def read_call(self, token: str, start: int, depth: int) -> Any:
        arguments: dict[str, Any] = {}
        for at in self.each(")"):
            kind, name, *_ = self.peek()
            if kind != "name":
                self.unexpected(f"expected a keyword argument of {token}")
            if name in arguments:
                self.fail(f"{token} has {name!r} twice", at)
            self.next()
            self.expect("=")
            arguments[name] = self.value(depth)
        return self.obeying(start, self.calls[token], arguments)

    def obeying(self, start: int, call: Callable[..., Any], *arguments: Any) -> Any:
        """What the call gives; a law that it finds broken is a fault of what stands at ``start``."""
        try:
            return call(*arguments)
        except ArgumentError as error:
            self.fail(str(error), start)

    def read_list(self, _token: str, _start: int, depth: int) -> list[Any]:
        return [self.value(depth) for _ in self.each("]")]

    def read_tuple(self, _token: str, _start: int, depth: int) -> Any:
        if self.take(")"):
            return ()
        first = self.value(depth)
        if self.take(")"):
            return first
        return (first, *(self.value(depth) for _ in self.each(")", comma=self.take(","))))

    def read_dict(self, _token: str, start: int, depth: int) -> dict[Any, Any] | set[Any]:
        if self.take("}"):
            return {}
        at = self.peek().start
        first = self.value(depth)
        if self.peek().text != ":":
            return self.set_of([first, *(self.value(depth) for _ in self.each("}", comma=self.take(",")))], start)
        made = {first: self.value_for(first, {}, at, depth)}
        for at in self.each("}", comma=self.take(",")):
            key = self.value(depth)
            made[key] = self.value_for(key, made, at, depth)
        return made

    def value_for(self, key: Any, made: Container[Any], start: int, depth: int) -> Any:
        """The value that follows the ``key`` that stands at ``start``, which must not be in ``made``."""
        try:
            is_twin = key in made
        except TypeError:
            self.fail(_NO_KEY, start)
        if is_twin:
            self.fail(f"the key {key!r} is there twice", start)
        self.expect(":")
        return self.value(depth)

    def set_of(self, items: Any, start: int) -> set[Any]:
        if not isinstance(items, (list, tuple, set)):
            self.fail("a set of something that is no list", start)
        try:
            return set(items)
        except TypeError:
            self.fail(_NO_KEY, start)
