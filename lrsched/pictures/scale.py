"""Where values stand on an axis: from 0 to 1, whatever they are, so that no drawing library meets their extremes.

Rates may be 0 on a logarithmic axis, errors 1e308 and -1e308 on a linear one, epochs 1 and 10**12.
"""

import math
import sys
from collections.abc import Iterable
from typing import final

import attrs
import numpy as np

Tick = tuple[float, str]
"""A position from 0 to 1, and what is there."""

_SAME = 1e-9  # a range this narrow, against the values, is drawn as one value
_DECADES_FOR_LOGARITHM = math.log10(5)


@final
@attrs.frozen
class Scale:
    """An axis.

    Attributes:
        low: The value at 0; of a logarithmic axis its decimal logarithm.
        high: The value at 1, likewise.
        logarithmic: Whether it is.
        zero: Whether a logarithmic axis has a place for 0, which is ``low``.
        whole: Whether only whole numbers have ticks.

    Examples:
        >>> rates = scale_of([0.1, 0.001, 0.0], logarithmic=True)
        >>> rates.at([0.1, 0.001, 0.0])
        array([1.        , 0.33333333, 0.        ])
        >>> [label for _, label in rates.ticks(5)]
        ['0', '0.001', '0.01', '0.1']
        >>> [label for _, label in scale_of([1.0, 30.0], whole=True).ticks(4)]
        ['10', '20', '30']
    """

    low: float
    high: float
    logarithmic: bool = False
    zero: bool = False
    whole: bool = False

    def at(self, values: Iterable[float]) -> np.ndarray:
        """Where values stand; NaN for what has no place."""
        given = np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64)
        given = np.where(np.isfinite(given), given, np.nan)
        if not self.logarithmic:
            return (given / 2 - self.low / 2) / (self.high / 2 - self.low / 2)  # halves: the span may be no float
        units = np.full(given.shape, np.nan)
        np.log10(given, out=units, where=given > 0)
        if self.zero:
            units[given == 0] = self.low
        return (units - self.low) / (self.high - self.low)

    def ticks(self, most: int) -> list[Tick]:
        """At most ``most`` ticks, with labels that differ."""
        least = 1.0 if self.whole else 0.0
        values = self._decades(most) if self.logarithmic else _round_numbers(self.low, self.high, most, least)
        labels = _labels(values)
        if self.zero:
            values, labels = [0.0, *values], ["0", *labels]
        positions = self.at(values).tolist()
        return [(where, label) for where, label in zip(positions, labels, strict=True) if -_SAME <= where <= 1 + _SAME]

    def _decades(self, most: int) -> list[float]:
        """Powers of ten, and parts of them where there is room; in a narrow range any round numbers."""
        low = self.low + (self.high - self.low) * _PLACE_FOR_ZERO if self.zero else self.low
        first, last = max(math.ceil(low - _SAME), _LEAST_POWER), math.floor(self.high + _SAME)
        every = max(1, -(-(last - first + 1) // most))
        choices = [[float(f"1e{exponent}") for exponent in range(first, last + 1, every)]]
        for parts in _PARTS:
            values = [float(f"{part}e{exponent}") for exponent in range(first - 1, last + 1) for part in parts]
            choices.append([value for value in values if low - _SAME <= math.log10(value) <= self.high + _SAME])
        best = max((choice for choice in choices if len(choice) <= most), key=len)
        if len(best) > 1 and self.high - low > _NARROW:
            return best
        ends = _power(low), _power(self.high)
        return [value for value in (_round_numbers(*ends, most) if low > _LEAST_POWER else ends) if value > 0]


_NARROW = 0.6  # decades
_PARTS = ((1,), (1, 3), (1, 2, 5))
_LEAST_POWER = -306  # below it, powers of ten are no floats
_PLACE_FOR_ZERO = 0.15  # of the axis, below the lowest decade


def scale_of(values: Iterable[float], *, logarithmic: bool = False, whole: bool = False) -> Scale:
    """The axis on which all finite values have a place; those below 0 have none on a logarithmic one.

    Args:
        values: The values, at least one of them finite.
        logarithmic: Whether equal ratios are equally long. 0 stands below all others.
        whole: Whether only whole numbers have ticks.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not logarithmic:
        return Scale(*_apart(min(finite), max(finite)), whole=whole)
    positive = [value for value in finite if value > 0]
    low, high = (math.log10(min(positive)), math.log10(max(positive))) if positive else (0.0, 0.0)
    if high - low < _SAME:
        low, high = low - 0.5, high + 0.5
    zero = len(positive) < len(finite)
    if zero:
        low -= max(1.0, (high - low) * _PLACE_FOR_ZERO / (1 - _PLACE_FOR_ZERO))
    return Scale(low, high, logarithmic=True, zero=zero)


def spans_decades(values: Iterable[float]) -> bool:
    """Whether a logarithmic axis shows values better: all are above 0, and the largest is five times the smallest.

    Examples:
        >>> spans_decades([0.1, 5.0]), spans_decades([1.0, 2.0]), spans_decades([0.0, 5.0])
        (True, False, False)
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite or min(finite) <= 0:
        return False
    return math.log10(max(finite)) - math.log10(min(finite)) >= _DECADES_FOR_LOGARITHM


def thinned(x: np.ndarray, y: np.ndarray, stripes: int) -> tuple[np.ndarray, np.ndarray]:
    """Of very many points those that can be seen: in each of the stripes from 0 to 1 the first, lowest and highest.

    Where a stripe has a NaN, one stays, so that a line is interrupted there.
    """
    if len(x) <= 4 * stripes:
        return x, y
    starts = np.flatnonzero(np.diff(np.floor(x * stripes), prepend=-1))
    kept = {0, len(x) - 1, *starts.tolist()}
    for start, end in zip(starts, [*starts[1:], len(x)], strict=True):
        part = y[start:end]
        if np.isfinite(part).any():
            kept |= {int(start + np.nanargmin(part)), int(start + np.nanargmax(part))}
        kept |= {int(start + i) for i in np.flatnonzero(~np.isfinite(part))[:1]}
    order = sorted(kept)
    return x[order], y[order]


def _apart(low: float, high: float) -> tuple[float, float]:
    """Two ends; a range around the value where there is but one."""
    size = max(abs(low), abs(high))
    if high / 2 - low / 2 > max(_SAME * size, _TINY):
        return low, high
    around = size / 10 if size > _TINY else 1.0
    return max(low - around, -_LARGEST), min(high + around, _LARGEST)


_TINY, _LARGEST = 1e-300, sys.float_info.max


def _power(exponent: float) -> float:
    return math.pow(10.0, min(exponent, 308.0))


def _round_numbers(low: float, high: float, most: int, least_step: float = 0.0) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, from low to high."""
    rough = max((high / 2 - low / 2) / most * 2, least_step)
    exponent = math.floor(math.log10(rough))
    step = next(step for step in (float(f"{m}e{exponent}") for m in (1, 2, 5, 10)) if step >= rough * (1 - _SAME))
    first, last = math.ceil(low / step - _SAME), math.floor(high / step + _SAME)
    return [number * step for number in range(first, last + 1)]


def _labels(values: list[float]) -> list[str]:
    """Numbers with as few digits as tell them apart."""
    for digits in range(6, 17):
        labels = [f"{value:.{digits}g}" for value in values]
        if len(set(labels)) == len(set(values)):
            return [_plain(label) for label in labels]
    return [repr(value) for value in values]


def _plain(label: str) -> str:
    """Without what a power of ten has too much: 1e-05 is 1e-5, and minus is a minus."""
    digits, e, exponent = label.partition("e")
    return f"{digits}e{int(exponent)}" if e else digits
