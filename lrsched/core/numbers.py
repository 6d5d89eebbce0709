"""The border: foreign numbers become plain Python numbers here, and the laws of single arguments are checked.

Nothing here knows histories or schedules.
"""

import math
import operator
import sys
from collections.abc import Callable, Sequence
from functools import partial
from inspect import Parameter, Signature
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs

from lrsched.errors import broken_law

Factor = float | Callable[[float], float] | None
"""How a rate changes: None (not at all), a factor, or a function from rate to rate."""

_LARGEST_EXACT_INT = 2**53
LARGEST_EPOCH = 2**63 - 1


def number(name: str, value: Any, law: str = "a number") -> float:
    """A plain Python number with the value of ``value``.

    An int that a float holds exactly stays an int; every NaN becomes the one object ``math.nan``, so that equal
    histories compare equal.

    Args:
        name: What the number is called in an error.
        value: A Python, NumPy or torch scalar; anything with ``__float__`` except text.
        law: What the error says it must be.

    Raises:
        ArgumentError: It is no number, or an int too large for a float.

    Examples:
        >>> import numpy
        >>> number("error", numpy.float32(0.5)), number("error", 3), number("error", True)
        (0.5, 3, 1)
    """
    if type(value) is float:
        return value if value == value else math.nan  # noqa: PLR0124  NaN is the one number unequal to itself
    if isinstance(value, int):
        plain = int(value)
        if -_LARGEST_EXACT_INT <= plain <= _LARGEST_EXACT_INT:
            return plain
    elif not hasattr(type(value), "__float__") or isinstance(value, str):
        raise broken_law(name, law, value, "pass a Python number, or a NumPy or torch scalar")
    try:
        return number(name, float(value))
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise broken_law(name, law, value, f"it does not convert to a float ({error})") from error


def rate(name: str, value: Any) -> float:
    """A learning rate: a finite float >= 0.

    Raises:
        ArgumentError: It is none.

    Examples:
        >>> rate("learning_rate", 1), rate("learning_rate", 0.0)
        (1.0, 0.0)
        >>> rate("learning_rate", -5e-324)
        Traceback (most recent call last):
        lrsched.errors.ArgumentError: learning_rate must be a finite number >= 0, got -5e-324; correct the value
    """
    if type(value) is float and 0.0 <= value < math.inf:
        return value
    plain = float(number(name, value, "a finite number >= 0"))
    if not 0.0 <= plain < math.inf:
        raise broken_law(name, "a finite number >= 0", value, "correct the value")
    return plain


def integer(name: str, value: Any, *, least: int, way_out: str) -> int:
    """An integer >= ``least``.

    Raises:
        ArgumentError: It is none; ends with ``way_out``.
    """
    try:
        plain = operator.index(value)
    except TypeError:
        plain = least - 1
    if isinstance(value, bool) or plain < least:
        raise broken_law(name, f"an integer >= {least}", value, way_out)
    return plain


def epoch_number(name: str, value: Any) -> int:
    """An epoch: an integer >= 1, and below 2**63, which no training reaches and every storage can hold.

    Raises:
        ArgumentError: It is none.
    """
    if type(value) is int and 1 <= value <= LARGEST_EPOCH:
        return value
    plain = integer(name, value, least=1, way_out="epochs count from 1")
    if plain > LARGEST_EPOCH:
        raise broken_law(name, "an integer below 2**63", value, "epochs count from 1")
    return plain


def threshold(name: str, value: Any) -> float:
    """A threshold: any number but NaN; infinities mean never and always.

    Raises:
        ArgumentError: It is NaN or no number.
    """
    plain = number(name, value)
    if math.isnan(plain):
        raise broken_law(name, "a number", value, "NaN compares with nothing; use float('inf') to never exceed it")
    return plain


def flag(name: str, value: Any) -> bool:
    """A bool.

    Raises:
        ArgumentError: It is none.
    """
    if not isinstance(value, bool):
        raise broken_law(name, "True or False", value, "text and numbers are not guessed at")
    return value


def choice(name: str, value: Any, words: Sequence[str]) -> Any:
    """One of a few words.

    Raises:
        ArgumentError: It is another one.

    Examples:
        >>> choice("mode", "min", ("min", "max"))
        'min'
    """
    if value not in words:
        raise broken_law(name, f"one of {', '.join(map(repr, words))}", value, "choose one of these")
    return value


def decay(name: str, value: Any) -> Factor:
    """How a rate decays: None, a factor in [0, 1], or a function from rate to rate.

    Raises:
        ArgumentError: It is none of these.
    """
    way_out = "learning_rate_growth raises a rate, or a function does"
    return _factor(name, value, "a factor in [0, 1]", 0.0, 1.0, way_out)


def growth(name: str, value: Any) -> Factor:
    """How a rate grows: None, a finite factor >= 1, or a function from rate to rate.

    Raises:
        ArgumentError: It is none of these.
    """
    way_out = "learning_rate_decay lowers a rate, or a function does"
    return _factor(name, value, "a finite factor >= 1", 1.0, sys.float_info.max, way_out)


def _factor(name: str, value: Any, law: str, low: float, high: float, way_out: str) -> Factor:
    if value is None or (type(value) is float and low <= value <= high):
        return value
    if callable(value) and not hasattr(type(value), "__float__"):
        return value  # type: ignore[no-any-return]  # what it returns is checked at each call
    law = f"None, {law}, or a function"
    plain = number(name, value, law)
    if not low <= plain <= high:
        raise broken_law(name, law, value, way_out)
    return plain


Rate = Annotated[float, rate]
Threshold = Annotated[float, threshold]
Flag = Annotated[bool, flag]
Decay = Annotated[Factor, decay]
Growth = Annotated[Factor, growth]
Count = Annotated[int, partial(integer, least=1, way_out="1 is the neutral value")]


def checked(cls: type, fields: "list[attrs.Attribute[Any]]") -> "list[attrs.Attribute[Any]]":
    """For ``attrs.frozen(field_transformer=checked)``: a field's annotation says the law that its value must obey.

    The law of ``Annotated[type, law]`` is called once, when the value is made, as ``law(field name, value)``, and gives
    the plain value. A field of the type ``Literal[...]`` must be one of its words.

    Examples:
        >>> @attrs.frozen(field_transformer=checked)
        ... class Step:
        ...     step_size: Count
        >>> Step(0)
        Traceback (most recent call last):
        lrsched.errors.ArgumentError: step_size must be an integer >= 1, got 0; 1 is the neutral value
    """
    del cls
    return [_checked(field) if field.converter is None else field for field in fields]


def _checked(field: "attrs.Attribute[Any]") -> "attrs.Attribute[Any]":
    kind, law = field.type, next(iter(getattr(field.type, "__metadata__", ())), None)
    if get_origin(kind) is Literal:
        convert: Any = partial(choice, field.name, words=get_args(kind))
    elif law is None:
        return field
    else:
        convert, kind = partial(law, field.name), get_args(kind)[0]
    value = Parameter("value", Parameter.POSITIONAL_OR_KEYWORD, annotation=kind)
    convert.__signature__ = Signature([value])  # attrs annotates the class's own parameter by it, and help() shows it
    return field.evolve(converter=convert)


def apply_factor(name: str, factor: Factor, learning_rate: float) -> float:
    """``learning_rate`` changed by ``factor``: as it is for None, times a number, or the function's answer.

    Returns:
        A finite number. A function may go below 0; whether that is a rate is the caller's to say.

    Raises:
        ArgumentError: The result is not a finite number.

    Examples:
        >>> apply_factor("learning_rate_decay", 0.5, 0.1), apply_factor("learning_rate_decay", None, 0.1)
        (0.05, 0.1)
        >>> apply_factor("learning_rate_decay", lambda rate: rate - 0.5, 0.25)
        -0.25
    """
    if factor is None or factor == 1.0:
        return learning_rate
    if isinstance(factor, (int, float)):
        changed, after = learning_rate * factor, "the learning rate after {}"
    else:
        after = f"{{}}({learning_rate!r})"
        changed = float(number(after.format(name), factor(learning_rate), "a finite number"))
    if not math.isfinite(changed):
        raise broken_law(after.format(name), "a finite number", changed, "correct the value")
    return changed


def rounded(values: Sequence[float | None]) -> list[str]:
    """Numbers as text, rounded to what tells each from the one before it: all to 3, 4, 5 or 6 significant digits.

    Neighbours that differ only further behind have all their digits.

    Args:
        values: Numbers in the order in which they are shown; None becomes no text.

    Examples:
        >>> rounded([0.1, 0.05, None, 1 / 3]), rounded([0.44444, 0.44441]), rounded([0.3, 0.1 + 0.2])
        (['0.1', '0.05', '', '0.333'], ['0.44444', '0.44441'], ['0.3', '0.30000000000000004'])
        >>> rounded([123456.7, 1e-06, math.nan])
        ['123457', '1e-06', 'nan']
    """
    for spec in (".3g", ".4g", ".5g", ".6g"):
        texts = ["" if value is None else format(value, spec) for value in values]
        texts = [_shortest(value, text) if "e" in text else text for value, text in zip(values, texts, strict=True)]
        neighbours = zip(texts, texts[1:], values, values[1:], strict=False)
        alike = [(old, new) for text, same, old, new in neighbours if text == same and old != new == new]  # noqa: PLR0124  NaN
        if not alike:
            break
    exact = {value for pair in alike for value in pair}
    return [repr(value) if value in exact else text for value, text in zip(values, texts, strict=True)]


def _shortest(value: float | None, text: str) -> str:
    """A number that is not too large without an exponent; with all its digits, where these are few."""
    return f"{value:.0f}" if text[-4:] in ("e+03", "e+04", "e+05", "e+06") else min(text, repr(value), key=len)
