"""A reader of Python literals that never runs anything: no `eval`, no `compile`, no import.

It knows literals, a few numeric constants and conversions that old learning-rate files contain, and calls of one name
that the caller allows. Everything else is a `FormatError` with the line.
"""

import contextlib
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from lrsched.core.epoch_data import MOST_DIGITS
from lrsched.errors import ArgumentError, FormatError
from lrsched.formats import Collisions, first_twin

Call = Callable[[dict[str, Any]], Any]
"""What a call with these keyword arguments means."""

CheckItem = Callable[[Any, Any], object]

_DEEPEST = 100
_LONGEST_NUMBER = MOST_DIGITS

SPACE = r"[ \t\r\n\f]*"
# Repetitions are possessive (`*+`): what was taken is not given back, so no text makes them slow or large.
_TOKEN = re.compile(
    SPACE
    + r"""(?:
    (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<string>[uUbB]?(?:'(?:[^'\\\n]++|\\[^\n])*+'|"(?:[^"\\\n]++|\\[^\n])*+"))
  | (?P<name>[A-Za-z_][A-Za-z_0-9.]*)
  | (?P<mark>[][(){},:=+-])
  | (?P<end>\Z)
)""",
    re.VERBOSE | re.ASCII,
)
_AFTER_NUMBER = re.compile(r"[A-Za-z_0-9.]")

Shortcut = tuple[re.Pattern[str], Callable[[re.Match[str]], list[tuple[Any, Any]] | None]]
"""Items of a dict so common that a pattern takes them in one step; what they mean, or None to read them as usual."""

NUMBER = r"\d{1,40}\.\d{1,40}(?:e[+-]?\d{1,4})?"
PAIR = rf"{SPACE}'[^'\\\n]*':{SPACE}-?{NUMBER}"
PAIRS = rf"(?:{PAIR},)++"
"""Lines like ``'dev_score': 1.25,``, of which nearly all of a learning-rate file consists."""

_ONE_PAIR = re.compile(rf"'([^'\\\n]*)':{SPACE}(-?{NUMBER}),", re.ASCII)


def read_pairs(text: str) -> list[tuple[str, float]]:
    """The pairs in a text that matches `PAIRS`."""
    return [(key, float(number)) for key, number in _ONE_PAIR.findall(text)]


_PAIRS: Shortcut = (re.compile(PAIRS, re.ASCII), lambda match: read_pairs(match.group()))

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
_SETS = ("set", "frozenset")


def parse(
    text: str,
    filename: str | None = None,
    calls: Mapping[str, Call] | None = None,
    shortcuts: Sequence[Shortcut] = (),
) -> Any:
    """The value of the Python literal ``text``.

    Besides literals (None, bool, int, float, str, bytes, tuple, list, dict, set) it reads ``nan`` and ``inf``, also
    with ``np.``, ``float('nan')``, ``set([...])`` and NumPy scalars such as ``np.float64(0.1)``.

    Args:
        text: Python source of one expression.
        filename: Named in errors.
        calls: What calls of other names mean; they take keyword arguments only.
        shortcuts: Patterns that take items of a dict in one step; they must mean what is read without them.

    Raises:
        FormatError: It is anything else, nested deeper than 100, a number of more than 400 characters, or has keys
            that were made to have the same hash.

    Examples:
        >>> parse("{1: 0.5, 2: [np.float64(0.25), -inf, 'x']}")
        {1: 0.5, 2: [0.25, -inf, 'x']}
        >>> parse("__import__('os').system('true')", "learning_rates")
        Traceback (most recent call last):
        lrsched.errors.FormatError: '__import__' is not a literal; nothing was run @ learning_rates:1
    """
    reader = _Reader(text, filename, calls or {}, shortcuts)
    value = reader.value(0)
    reader.end()
    return value


def read_items(
    text: str,
    filename: str | None = None,
    calls: Mapping[str, Call] | None = None,
    shortcuts: Sequence[Shortcut] = (),
    check_item: CheckItem | None = None,
) -> tuple[dict[Any, Any], FormatError | None]:
    """The items of the dict ``text`` that stand before the first fault, and the fault; the arguments of `parse`.

    ``check_item`` raises an `ArgumentError` if a key and its value break a law, which those of ``shortcuts`` obey.

    Examples:
        >>> read_items("{1: 0.5, 2: [0.25, 3")
        ({1: 0.5}, FormatError("expected ',' or ']', but the text ends @ <text>:1"))
    """
    reader = _Reader(text, filename, calls or {}, shortcuts)
    items: dict[Any, Any] = {}
    try:
        _, token, start, _ = reader.next()
        if token != "{":
            reader.unexpected(token, start, "expected a dict")
        reader.rest_of_dict(items, 1, check_item)
        reader.end()
    except FormatError as fault:
        return items, fault
    return items, None


class Token(NamedTuple):
    """A piece of the text."""

    kind: str
    text: str
    start: int
    end: int


class _Reader:
    """A recursive-descent parser over one text."""

    def __init__(
        self, text: str, filename: str | None, calls: Mapping[str, Call], shortcuts: Sequence[Shortcut]
    ) -> None:
        self.text = text
        self.filename = filename
        self.calls = calls
        self.shortcuts = (_PAIRS, *shortcuts)
        self.collisions = Collisions()
        self.position = 0  # behind the last token taken
        self.peeked: Token | None = None

    def fail(self, message: str, position: int) -> NoReturn:
        line = self.text.count("\n", 0, min(position, len(self.text.rstrip()))) + 1
        raise FormatError(message, filename=self.filename, line=line)

    def next(self) -> Token:
        """Take the next token."""
        token = self.peeked or self.scan()
        self.peeked = None
        self.position = token.end
        return token

    def upcoming(self) -> Token:
        """The next token, without taking it."""
        if self.peeked is None:
            self.peeked = self.scan()
        return self.peeked

    def peek(self) -> str:
        """Its text."""
        return self.upcoming().text

    def end(self) -> None:
        """Take the end of the text."""
        kind, token, start, _ = self.next()
        if kind != "end":
            self.fail(f"unexpected {token!r} after the end", start)

    def scan(self) -> Token:
        match = _TOKEN.match(self.text, self.position)
        if match is None or match.lastgroup is None:
            start = self.position + len(re.match(SPACE, self.text[self.position :]).group())  # type: ignore[union-attr]
            shown = "a string that does not end" if self.text[start] in "'\"" else repr(self.text[start])
            self.fail(f"unexpected {shown}", start)
        kind = match.lastgroup
        return Token(kind, match[kind], match.start(kind), match.end())

    def expect(self, wanted: str) -> None:
        _, token, start, _ = self.next()
        if token != wanted:
            self.unexpected(token, start, f"expected {wanted!r}")

    def unexpected(self, token: str, start: int, wanted: str) -> NoReturn:
        self.fail(f"{wanted}, got {token!r}" if token else f"{wanted}, but the text ends", start)

    def value(self, depth: int) -> Any:
        kind, token, start, _ = self.next()
        if depth > _DEEPEST:
            self.fail(f"nested deeper than {_DEEPEST}", start)
        if kind == "number":
            return self.read_number(token, start)
        if kind == "string":
            return self.read_string(token, start)
        if kind == "name":
            return self.read_name(token, start, depth)
        if token in ("+", "-"):
            return self.read_signed(token, start, depth)
        if token in ("(", "[", "{"):
            return self.read_container(token, start, depth + 1)
        return self.unexpected(token, start, "expected a value")

    def read_number(self, token: str, start: int) -> float:
        if len(token) > _LONGEST_NUMBER:
            self.fail(f"a number of {len(token)} characters, at most {_LONGEST_NUMBER} are read", start)
        if _AFTER_NUMBER.match(self.text, self.position):
            self.fail(f"unexpected {self.text[self.position]!r} after a number", self.position)
        if not token.isdigit():
            return float(token)
        if token.startswith("0") and token.strip("0"):
            self.fail(f"a whole number that starts with 0: {token}", start)
        return int(token)

    def read_signed(self, sign: str, start: int, depth: int) -> float:
        value = None if self.peek() in ("+", "-") else self.value(depth + 1)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(f"expected a number after {sign!r}", start)
        return -value if sign == "-" else value

    def read_string(self, token: str, start: int) -> str | bytes:
        is_bytes = token[0] in "bB"
        body = token.lstrip("uUbB")[1:-1]

        def unescaped(match: re.Match[str]) -> str:
            byte, short, long, octal, simple = match.groups()
            if (is_bytes and (short or long)) or (simple and simple not in _SIMPLE_ESCAPES):
                self.fail(f"the escape {match.group()!r} is not read", start)
            if simple:
                return _SIMPLE_ESCAPES[simple]
            return chr(int(octal, 8) if octal else int(byte or short or long, 16))

        if is_bytes and not body.isascii():
            self.fail("bytes with a character that is no byte", start)

        text = _ESCAPE.sub(unescaped, body) if "\\" in body else body
        try:
            return text.encode("latin-1") if is_bytes else text
        except UnicodeEncodeError:
            return self.fail("bytes with a character that is no byte", start)

    def read_name(self, token: str, start: int, depth: int) -> Any:
        if self.peek() != "(":
            if token in _CONSTANTS:
                return _CONSTANTS[token]
            self.fail(f"{token!r} is not a literal; nothing was run", start)
        numpy_scalar = _NUMPY_SCALAR.fullmatch(token)
        known = token in self.calls or token in _SETS or token == "float" or numpy_scalar
        if not known:
            self.fail(f"{token!r} is not a literal; nothing was run", start)
        self.expect("(")
        if token in self.calls:
            return self.read_call(token, start, depth)
        if token in _SETS:
            return self.set_of([] if self.peek() == ")" else self.value(depth + 1), start, closing=")")
        value = self.value(depth + 1)
        self.expect(")")
        if numpy_scalar and not numpy_scalar.group(1):
            wanted = bool if numpy_scalar.group(2) else int
            if type(value) is not wanted:
                self.fail(f"{token} of something that is none", start)
            return value
        return self.read_float(value, start)

    def read_float(self, value: Any, start: int) -> float:
        text = value
        if isinstance(value, str):
            inside = _NUMPY_SCALAR_TEXT.fullmatch(value)  # RETURNN writes float('np.float64(nan)')
            text = inside.group(1) if inside else value
        if isinstance(text, (str, int, float)) and len(str(value)) <= _LONGEST_NUMBER:
            try:
                return float(text)
            except (ValueError, OverflowError):
                pass
        return self.fail("a conversion to float of something that is no number", start)

    def read_call(self, token: str, start: int, depth: int) -> Any:
        arguments: dict[str, Any] = {}
        while self.peek() != ")":
            kind, name, at, _ = self.next()
            if kind != "name":
                self.unexpected(name, at, f"expected a keyword argument of {token}")
            if name in arguments:
                self.fail(f"{token} has {name!r} twice", at)
            self.expect("=")
            arguments[name] = self.value(depth + 1)
            if self.peek() != ")":
                self.expect(",")
        self.expect(")")
        with self.laws_at(start):
            return self.calls[token](arguments)

    @contextlib.contextmanager
    def laws_at(self, start: int) -> Iterator[None]:
        """Turns a broken law into a fault of what stands at ``start``."""
        try:
            yield
        except ArgumentError as error:
            self.fail(str(error), start)

    def items(self, closing: str, depth: int) -> tuple[list[Any], bool]:
        """The values up to ``closing``, and whether a comma follows the last."""
        items: list[Any] = []
        comma = True
        while self.peek() != closing:
            if not comma:
                _, token, start, _ = self.next()
                self.unexpected(token, start, f"expected ',' or {closing!r}")
            items.append(self.value(depth))
            comma = self.peek() == ","
            if comma:
                self.expect(",")
        self.expect(closing)
        return items, comma

    def read_container(self, opening: str, start: int, depth: int) -> Any:
        if opening == "{":
            return self.read_dict_or_set(start, depth)
        items, comma = self.items("]" if opening == "[" else ")", depth)
        if opening == "[":
            return items
        return items[0] if len(items) == 1 and not comma else tuple(items)

    def read_dict_or_set(self, start: int, depth: int) -> Any:
        made: dict[Any, Any] = {}
        self.take_shortcuts(made)
        if not made and self.peek() != "}":
            first = self.value(depth)
            if self.peek() in (",", "}"):
                return self.rest_of_set(first, start, depth)
            self.read_pair(made, first, start, depth)
        return self.rest_of_dict(made, depth)

    def rest_of_dict(self, made: dict[Any, Any], depth: int, check_item: CheckItem | None = None) -> dict[Any, Any]:
        """``made`` with what follows up to the end of the dict; when that fails, with what stands before the fault."""
        while True:
            self.take_shortcuts(made)
            if self.peek() == "}":
                break
            start = self.upcoming().start
            self.read_pair(made, self.value(depth), start, depth, check_item)
        self.expect("}")
        return made

    def read_pair(
        self, made: dict[Any, Any], key: Any, start: int, depth: int, check_item: CheckItem | None = None
    ) -> None:
        """Put ``key`` with the value that follows into ``made``, and take the comma."""
        self.hashable(key, start)
        if key in made:
            self.fail(f"the key {key!r} is there twice", start)
        self.expect(":")
        value = self.value(depth)
        if check_item is not None:
            with self.laws_at(start):
                check_item(key, value)
        made[key] = value
        if self.peek() == ",":
            self.expect(",")
        elif self.peek() != "}":
            self.unexpected(self.peek(), self.position, "expected ',' or '}'")

    def take_shortcuts(self, made: dict[Any, Any]) -> None:
        for pattern, read in self.shortcuts:
            while (match := pattern.match(self.text, self.position)) and (found := read(match)):
                more = dict(found)
                if len(more) != len(found) or not made.keys().isdisjoint(more):
                    place, twin = first_twin([*made, *(key for key, _ in found)])
                    start = match.end() - len(match.group().lstrip())
                    if pattern is _PAIRS[0]:
                        pairs = list(_ONE_PAIR.finditer(self.text, match.start(), match.end()))
                        start = pairs[place - len(made)].start()
                    self.fail(f"the key {twin!r} is there twice", start)
                made |= more
                self.position = match.end()

    def rest_of_set(self, first: Any, start: int, depth: int) -> set[Any]:
        if self.peek() == ",":
            self.expect(",")
        rest, _ = self.items("}", depth)
        return self.set_of([first, *rest], start)

    def set_of(self, items: Any, start: int, closing: str | None = None) -> set[Any]:
        if closing is not None:
            self.expect(closing)
        if not isinstance(items, (list, tuple, set)):
            self.fail("a set of something that is no list", start)
        for item in items:
            self.hashable(item, start)
        return set(items)

    def hashable(self, key: Any, start: int) -> None:
        try:
            hash(key)
        except TypeError:
            self.fail("a list, dict or set cannot be a key or be in a set", start)
        if self.collisions.too_many(key):
            self.fail("keys that were made to have the same hash", start)
