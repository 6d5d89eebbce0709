"""Values and tables as text, in lines that fit."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set as AbstractSet
from functools import cache
from itertools import accumulate, chain, zip_longest
from typing import Any, Final, final
from unicodedata import category, east_asian_width

import attrs

from lrsched.core.numbers import rounded
from lrsched.core.plain import jsonable, printable

LEAST_WIDTH: Final = 40
"""In columns of a terminal: in less, two numbers with all digits have no room."""

_GAP: Final = "  "
_BELOW: Final = " " * 4
_LONGEST_PART: Final = 16
_WORDS: Final = re.compile(r"\s+|\S+\s*")
_NUMBERS: Final = re.compile(r"[-+]?\.?\d[\d.:-]*(?:e[-+]?\d+)?")  # dates and times, too
_VARIATION_SELECTOR: Final = "\ufe0f"  # makes the character before it wide


def cell(value: Any) -> str:
    """A value in a table: text as it is, numbers in full, lists and the like as Python has them, nothing for None.

    Examples:
        >>> cell("a"), cell(0.1), cell(float("nan")), cell(None), cell({"b": (0.1, "c")})
        ('a', '0.1', 'nan', '', "{'b': [0.1, 'c']}")
    """
    if value is None or isinstance(value, str):
        return value or ""
    return repr(jsonable(value) if isinstance(value, (Mapping, Sequence, AbstractSet)) else value)


def column(values: Sequence[Any], *, exact: bool) -> list[str]:
    """The cells of a column: numbers rounded to what tells neighbours apart, or all digits of them.

    Examples:
        >>> column([0.1 + 0.2, None, 1 / 3], exact=True)
        ['0.30000000000000004', '', '0.3333333333333333']
        >>> column([7, "a"], exact=False)
        ['7', 'a']
    """
    return list(map(cell, values)) if exact or not is_numbers(values) else rounded(values)


def columns(values: Sequence[Sequence[float | None]], *, exact: bool) -> list[list[str]]:
    """The cells of columns of numbers of one kind: neighbours are told apart, above one another and side by side."""
    if all(each == values[0] for each in values):  # as where a schedule reproduces what was recorded
        return [column(values[0], exact=exact)] * len(values)
    texts = column([*chain(*values, *zip(*values, strict=True))], exact=exact)
    return [texts[place * len(each) : (place + 1) * len(each)] for place, each in enumerate(values)]


def is_numbers(values: Sequence[Any]) -> bool:
    """Whether all that there are of ``values`` are numbers."""
    return set(map(type, values)) <= {int, float, type(None)}


def width_of(text: str) -> int:
    """How many columns of a terminal a text takes, at most: two for a wide character, none for an accent of its own."""
    return len(text) if text.isascii() else sum(map(_width, text))


@cache
def _width(character: str) -> int:
    if category(character) in ("Mn", "Me") and character != _VARIATION_SELECTOR:
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def wrapped(text: str, width: int, indent: str = "", *, fold: bool = True) -> list[str]:
    """A text in lines, which end between words.

    Args:
        text: Of characters that can be seen.
        width: How many columns a line has.
        indent: What all lines but the first begin with.
        fold: Whether a word that is longer than a line is broken: where a part of a name ends, else anywhere, but in a
            number only if that is longer than a line.

    Examples:
        >>> wrapped("the learning_rate_decay is 0.30000000000000004", 20, " ")
        ['the', ' learning_rate_decay', ' is', ' 0.30000000000000004']
        >>> wrapped("the learning_rate_decay", 14, " ")
        ['the', ' learning_', ' rate_decay']
        >>> wrapped("threshold=-0.30000000000000004", 20)
        ['threshold=', '-0.30000000000000004']
    """
    if width_of(text) <= width:
        return [text]
    if not indent and text.isascii() and " ".join(usual := _usual_lines(width)(text)) == text:
        return usual  # the same, in a fifth of the time
    lines, line, room, full = [], "", width, width - len(indent)
    size_of = len if text.isascii() else width_of  # at half the cost
    for word in _WORDS.findall(text):
        rest, size = word, size_of(word.rstrip())
        if size > room:
            if room < full:
                lines += [line.rstrip()] if line.strip() else []
                line, room = indent, full
            while fold and size_of(rest.rstrip()) > room:
                end = _end(rest, room) or not line.strip()  # at least one
                lines.append((line + rest[:end]).rstrip())
                line, rest, room = indent, rest[end:], full
        line += rest
        room -= size_of(rest)
    return [*lines, line.rstrip()]


@cache
def _usual_lines(width: int) -> Callable[[str], list[str]]:
    """What finds the lines of a text that has one blank between words, and no word that is longer than a line."""
    return re.compile(rf"\S(?:.{{0,{max(width, 2) - 2}}}\S)?(?=\s|$)").findall


def _end(word: str, room: int) -> int:
    """How many characters of a word stand in a line: up to the end of a part of a name, else all that fit."""
    fitting = [end for end, size in enumerate(accumulate(map(_width, word)), start=1) if size <= room]
    within = {end for number in _NUMBERS.finditer(word) for end in range(number.start() + 1, number.end())}
    whole = [end for end in fitting if end not in within]
    return max([end for end in whole if word[end - 1] in "_/"] or whole or fitting, default=0)


@final
@attrs.frozen
class Table:
    """A table to be shown.

    Attributes:
        columns: Headings and cells. A heading that starts with ``>`` is one of numbers, which stand to the right and
            are never broken. A column without anything in it is not shown.
        below: For each row what stands on lines of its own below it, if anything does.
    """

    columns: Sequence[tuple[str, Sequence[str]]]
    below: Sequence[str] = ()

    @property
    def shown(self) -> list[tuple[str, Sequence[str]]]:
        """The columns without those whose cells are all empty."""
        return [(heading, cells) for heading, cells in self.columns if any(cells) or not cells]

    def lines(self, width: int) -> Iterator[str]:
        """The lines, at most ``width`` columns wide.

        Text that has no room goes on in the next line; columns that have none in the next table, beside the first one.

        Examples:
            >>> for line in Table([(">epoch", ["9", "10"]), ("why", ["a b", "c"])], ["", "so it is"]).lines(80):
            ...     print(line)
            <BLANKLINE>
            epoch  why
            ----------
                9  a b
               10  c
                so it is
            <BLANKLINE>
        """
        width = max(width, LEAST_WIDTH)
        columns = [_Column.of(heading, cells) for heading, cells in self.shown]
        groups = _groups(columns, width) if columns else []
        for last, group in enumerate(groups, 1 - len(groups)):
            yield ""
            yield from _lines_of(group, width, () if last else self.below)
        yield ""


def table(headings: Sequence[str], values: Iterable[Sequence[Any]], *, exact: bool) -> Table:
    """A table of values by column, see `column`."""
    return Table([(heading, column(each, exact=exact)) for heading, each in zip(headings, values, strict=True)])


@attrs.frozen
class _Column:
    heading: str
    cells: Sequence[str]
    is_number: bool
    is_ascii: bool
    natural: int
    """The width that it has where there is room."""

    @classmethod
    def of(cls, heading: str, cells: Sequence[str]) -> "_Column":
        name = printable(heading.removeprefix(">"))
        together = "".join(cells)
        if not together.isprintable():
            cells = list(map(printable, cells))
        widest = max(map(len if together.isascii() else width_of, cells), default=0)
        return cls(name, cells, heading.startswith(">"), together.isascii(), max(widest, width_of(name)))

    @property
    def least(self) -> int:
        """The width that it has where there is least room: of a long word, one part; of a number, all of it."""
        texts = [self.heading, *({} if self.is_number else dict.fromkeys(self.cells))]
        parts = max(map(width_of, re.findall(r"[^\s_/]*[_/]*", " ".join(texts))))
        whole = self.cells if self.is_number else _NUMBERS.findall(" ".join(texts))
        return max(min(parts, _LONGEST_PART), *map(width_of, whole), 1)

    def aligned(self, texts: Sequence[str], width: int) -> list[str]:
        align = str.rjust if self.is_number else str.ljust
        if self.is_ascii and texts is self.cells:  # what follows would do the same, at twice the cost
            return [align(text, width) for text in texts]
        return [align(text, width - width_of(text) + len(text)) for text in texts]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _groups(columns: Sequence[_Column], width: int) -> list[list[_Column]]:
    """The columns that stand side by side; each group begins with the first column."""
    if _total([each.natural for each in columns]) <= width:
        return [[*columns]]
    groups = [[*columns[:1]]]
    for each in columns[1:]:
        if len(groups[-1]) > 1 and _total([part.least for part in (*groups[-1], each)]) > width:
            groups.append([*columns[:1]])
        groups[-1].append(each)
    return groups


def _widths(columns: Sequence[_Column], width: int) -> list[int]:
    """How wide each of a group is: whoever can best spare it is narrower."""
    widths = [each.natural for each in columns]
    while (excess := _total(widths) - width) > 0:
        spare = [have - each.least for have, each in zip(widths, columns, strict=True)]
        place = spare.index(max(spare))
        if not spare[place]:
            break
        widths[place] -= min(excess, spare[place])
    return widths


def _lines_of(columns: Sequence[_Column], width: int, below: Sequence[str]) -> Iterator[str]:
    fitted = [*zip(columns, _widths(columns, width), strict=True)]
    headings = [wrapped(each.heading, have) for each, have in fitted]
    tallest = max(map(len, headings))
    yield from _stacked(fitted, [[""] * (tallest - len(lines)) + lines for lines in headings])
    yield "-" * _total([have for _, have in fitted])
    rows: Iterator[list[str]]
    if all(each.is_number or each.natural <= have for each, have in fitted):
        texts = (each.aligned(each.cells, have) for each, have in fitted)
        rows = ([line.rstrip()] for line in map(_GAP.join, zip(*texts, strict=True)))
    else:
        parts = ([[text] if each.is_number else wrapped(text, have) for text in each.cells] for each, have in fitted)
        rows = (_stacked(fitted, row) for row in zip(*parts, strict=True))
    for lines, text in zip_longest(rows, below, fillvalue=""):
        yield from lines
        if text:
            yield from (_BELOW + line for line in wrapped(printable(text), width - len(_BELOW)))


def _stacked(fitted: Sequence[tuple[_Column, int]], parts: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a row whose cells have several."""
    tallest = max(map(len, parts))
    texts = [
        each.aligned([*part, *[""] * (tallest - len(part))], have)
        for (each, have), part in zip(fitted, parts, strict=True)
    ]
    return [_GAP.join(line).rstrip() for line in zip(*texts, strict=True)]
