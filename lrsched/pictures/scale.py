"""Where values stand on an axis: from 0 to 1, whatever they are, so that no drawing library meets their extremes.

Rates may be 0 on a logarithmic axis, errors 1e308 and -1e308 on a linear one, epochs 1 and 10**12.
"""

import math
import re
from collections.abc import Iterable
from typing import final

import attrs
import numpy as np

_SAME = 1e-9  # a range this narrow, against the values, is drawn as one value
_TINY = 1e-300
_NARROW = 0.6  # decades
_LEAST_POWER = -306  # below it, powers of ten are no floats
_PLACE_FOR_ZERO = 0.15  # of the axis, below the lowest decade


@final
@attrs.frozen
class Scale:
    """An axis. Its unit is twice the value, since the span of the values may be no float; or a decade.

    Attributes:
        low: Where the axis begins, in units.
        high: Where it ends.
        logarithmic: Whether the unit is a decade.
        zero: Whether a logarithmic axis has a place for 0, which is ``low``.

    Examples:
        >>> rates = scale_of([0.1, 0.001, 0.0], logarithmic=True)
        >>> rates.at([0.1, 0.001, 0.0])
        array([1.        , 0.33333333, 0.        ])
        >>> rates.ticks(5)[1]
        ['0', '0.001', '0.01', '0.1']
        >>> scale_of([1.0, 30.0]).ticks(4, least_step=1.0)[1]
        ['10', '20', '30']
    """

    low: float
    high: float
    logarithmic: bool = False
    zero: bool = False

    def at(self, values: Iterable[float]) -> np.ndarray:
        """Where values stand; NaN for what has no place."""
        numbers = np.fromiter(values, np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            units = np.log10(numbers) if self.logarithmic else numbers / 2
        if self.zero:
            units[numbers == 0] = self.low
        units[~np.isfinite(units)] = np.nan
        return (units - self.low) / (self.high - self.low)

    def ticks(self, most: int, least_step: float = _TINY) -> tuple[list[float], list[str]]:
        """The places of at most ``most`` ticks, and one for 0; and their labels, which differ."""
        values = self._decades(most) if self.logarithmic else _round_numbers(self.low, self.high, most, least_step)
        values = [0.0] * self.zero + values
        return self.at(values).tolist(), _labels(values)

    def _decades(self, most: int) -> list[float]:
        """Powers of ten, and parts of them where there is room; in a narrow range any round numbers."""
        low = self.low + (self.high - self.low) * _PLACE_FOR_ZERO * self.zero
        powers = range(max(math.floor(low), _LEAST_POWER), math.floor(self.high) + 1)
        for parts, every in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), -(-len(powers) // most))):
            values = [float(f"{part}e{power}") for power in powers[::every] for part in parts]
            values = [value for value in values if low - _SAME <= math.log10(value) <= self.high + _SAME]
            if len(values) <= most:
                break
        if len(values) > 1 and self.high - low > _NARROW:
            return values
        return [value for value in _round_numbers(10**low / 2, 10 ** min(self.high, 308) / 2, most) if value > 0]


def scale_of(values: Iterable[float], *, logarithmic: bool | None = False) -> Scale:
    """The axis on which all finite values have a place; those below 0 have none on a logarithmic one.

    Args:
        values: The values.
        logarithmic: Whether equal ratios are equally long, and 0 stands below all others. None: where that shows the
            values better, since all are above 0, and the largest is five times the smallest.

    Examples:
        >>> [scale_of(values, logarithmic=None).logarithmic for values in ([0.1, 5.0], [1.0, 2.0], [0.0, 5.0])]
        [True, False, False]
    """
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    if logarithmic is None:
        logarithmic = 0 < min(finite) <= max(finite) / 5
    if not logarithmic:
        low, high = min(finite) / 2, max(finite) / 2
        size = max(abs(low), abs(high))
        around = size / 10 if size > _TINY else 0.5
        return Scale(*_apart(low, high, max(_SAME * size, _TINY), around))
    powers = [math.log10(value) for value in finite if value > 0] or [0.0]
    low, high = _apart(min(powers), max(powers), _SAME, 0.5)
    zero = min(finite) <= 0
    below = max(1.0, (high - low) * _PLACE_FOR_ZERO / (1 - _PLACE_FOR_ZERO)) if zero else 0.0
    return Scale(low - below, high, logarithmic=True, zero=zero)


def _apart(low: float, high: float, same: float, around: float) -> tuple[float, float]:
    """Two ends; a range around the value where there is but one."""
    return (low, high) if high - low > same else (low - around, high + around)


def thinned(x: np.ndarray, y: np.ndarray, stripes: int) -> tuple[np.ndarray, np.ndarray]:
    """Of very many points those that can be seen: in each of the stripes from 0 to 1 the lowest and the highest.

    Where a stripe has a NaN, one stays, so that a line is interrupted there.
    """
    if len(x) <= 4 * stripes:
        return x, y
    group = 2 * np.floor(x * stripes) + np.isnan(y)
    order = np.lexsort((y, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    kept = np.unique([0, len(x) - 1, *order[starts], *order[starts - 1]])
    return x[kept], y[kept]


def stretches(y: np.ndarray) -> list[slice]:
    """The stretches of a line between its NaNs."""
    found: list[slice] = np.ma.clump_unmasked(np.ma.masked_invalid(y))  # type: ignore[no-untyped-call]
    return found


def _round_numbers(low: float, high: float, most: int, least_step: float = _TINY) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, from twice low to twice high."""
    rough = max((high - low) / most * 2, least_step) * (1 - _SAME)
    power = math.floor(math.log10(rough))
    part = next(part for part in (1, 2, 5, 10) if float(f"{part}e{power}") >= rough)
    step = float(f"{part}e{power}")
    numbers = range(math.ceil(low / step * 2 - _SAME), math.floor(high / step * 2 + _SAME) + 1)
    return [float(f"{number * part}e{power}") for number in numbers]


def _labels(values: list[float]) -> list[str]:
    """Short numbers, or all digits of them; without what a power of ten has too much: 1e-05 is 1e-5."""
    short = [f"{value:g}" for value in values]
    labels = short if list(map(float, short)) == values else map(repr, values)
    return [re.sub(r"e\+?(-?)0*", r"e\1", label.removesuffix(".0")) for label in labels]
