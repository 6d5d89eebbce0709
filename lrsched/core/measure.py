"""Which error of an epoch counts, how it changed between two epochs, and which epoch was best."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, final, get_args

import attrs

from lrsched.core.epoch_data import OLD_FORMAT_KEY, EpochData
from lrsched.core.history import History
from lrsched.core.numbers import integer
from lrsched.errors import broken_law

NonFinitePolicy = Literal["worse", "keep", "original"]
"""What a NaN or infinite error means for a schedule.

``"worse"``: a non-finite new error is worse than anything, and nothing can be compared with a non-finite old one, so
such an epoch may lower the rate and never raises it. ``"keep"``: neither can be compared, so the rate is kept.
``"original"``: floating-point arithmetic decides, as in RETURNN, where a NaN counts as an improvement.
"""


_POLICIES: tuple[NonFinitePolicy, ...] = get_args(NonFinitePolicy)


def non_finite_policy(name: str, value: Any) -> NonFinitePolicy:
    """A `NonFinitePolicy`.

    Raises:
        ArgumentError: It is none of them.
    """
    if value not in _POLICIES:
        raise broken_law(name, f"one of {', '.join(_POLICIES)}", value, "'worse' is the safe one")
    return value  # type: ignore[no-any-return]


def as_error_keys(error_measure_key: str | Sequence[str] | None) -> tuple[str, ...]:
    """The configured error keys, best first: from None, one key, or a sequence of keys.

    Raises:
        ArgumentError: Something in it is no str.
    """
    if error_measure_key is None:
        return ()
    keys: Any = (error_measure_key,) if isinstance(error_measure_key, str) else error_measure_key
    if isinstance(keys, Mapping) or not isinstance(keys, Sequence) or not all(isinstance(key, str) for key in keys):
        law = "None, a str or a sequence of str"
        raise broken_law("error_measure_key", law, error_measure_key, 'name the error, as in "dev_score"')
    return tuple(map(str, keys))


@final
@attrs.frozen(slots=False)  # made at every epoch: attrs fills an instance dict twice as fast as slots
class ErrorKey:
    """The key of the error that counts at an epoch, and why it is that one.

    Attributes:
        key: The key, or None where no error counts.
        reason: Why, as a phrase.
    """

    key: str | None
    reason: str


CONFIGURED = "the configured key"
_NO_ERRORS = ErrorKey(None, "the epoch has no errors")
_UNCONFIGURED = ErrorKey("dev_score", "no key is configured; dev_score stands in")
_NOT_THERE = ErrorKey(None, "no configured key is among the errors, and matching is strict")


def _is(wanted: str) -> Callable[[str], bool]:
    return lambda name: name == wanted


def _starts(beginning: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(beginning)


# What stands in where no configured key is there: a name for it, and what it matches. The first line that matches wins,
# and in it the first name in alphabetical order.
_STAND_INS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("dev_score", _is("dev_score")),
    ("dev_score_output", _is("dev_score_output")),
    ("dev_score_output/output", lambda name: f"{name}_".startswith("dev_score_output/output_")),
    ("dev_score_output/*", _starts("dev_score_output/")),
    ("dev_*", _starts("dev_")),
    ("train_score", _is("train_score")),
    ("train_score_output", _is("train_score_output")),
)


def error_key(
    history: Mapping[int, EpochData], epoch: int, configured: str | Sequence[str] | None = None, *, strict: bool = False
) -> ErrorKey:
    """Which error of ``epoch`` counts. It is looked up for each epoch by itself.

    Args:
        history: Epoch -> data.
        epoch: The epoch.
        configured: The wanted key or keys, best first.
        strict: Whether only configured keys count. Without it other well-known keys stand in, then any.

    Returns:
        The key and the reason for the choice. For an epoch that is not in the history the first configured key.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``get_error_key``.

    Examples:
        >>> history = History({1: EpochData(error={"dev_error": 0.5, "train_score": 2.0})})
        >>> error_key(history, 1)
        ErrorKey(key='dev_error', reason='no key is configured; dev_* stands in')
        >>> error_key(history, 1, "train_score")
        ErrorKey(key='train_score', reason='the configured key')
    """
    keys = as_error_keys(configured)
    data = history.get(epoch)
    if data is None:
        return ErrorKey(keys[0] if keys else None, "the epoch is not in the history")
    return error_key_of(data, keys, strict=strict)


def error_key_of(data: EpochData, keys: tuple[str, ...], *, strict: bool = False) -> ErrorKey:
    """Which error counts at one epoch: `error_key` of its data alone, as a `Fold` sees it.

    Args:
        data: What is recorded of the epoch.
        keys: The wanted keys, best first.
        strict: Whether only these count.

    Examples:
        >>> error_key_of(EpochData(error={"train_score": 2.0, "dev_score": 1.0}), ()).key
        'dev_score'
    """
    error = data.error
    if keys and keys[0] in error:  # the two usual cases, at a fifth of the cost
        return _configured(keys[0])
    if not keys and _UNCONFIGURED.key in error:
        return _UNCONFIGURED
    return _error_key(tuple(error), keys, strict)


def common_key(old: EpochData, new: EpochData, keys: tuple[str, ...], *, strict: bool = False) -> str | None:
    """The key of the error that counts at both of two epochs; None if there is none, or another one at each."""
    usual = keys[0] if keys else _UNCONFIGURED.key
    if usual in old.error and usual in new.error:
        return usual
    key = error_key_of(old, keys, strict=strict).key
    return key if error_key_of(new, keys, strict=strict).key == key else None


@lru_cache(maxsize=256)
def _configured(key: str) -> ErrorKey:
    return ErrorKey(key, CONFIGURED)


@lru_cache(maxsize=256)  # the names of the errors are the same in nearly all epochs of a training run
def _error_key(names: tuple[str, ...], keys: tuple[str, ...], strict: bool) -> ErrorKey:  # noqa: FBT001  a cache's key
    if not names:
        return _NO_ERRORS
    if names == (OLD_FORMAT_KEY,):
        return ErrorKey(OLD_FORMAT_KEY, "the only error, of the old file format")
    for key in keys:
        for name, reason in ((key, CONFIGURED), (f"{key}_output", "the configured key, of the output layer")):
            if name in names:
                return ErrorKey(name, reason)
    if strict and keys:
        return _NOT_THERE
    because = "no configured key is there" if keys else "no key is configured"
    for pattern, matches in _STAND_INS:
        for name in sorted(names):
            if matches(name):
                return ErrorKey(name, f"{because}; {pattern} stands in")
    return ErrorKey(min(names), f"{because}; the first of all stands in")


def error_change(
    old: float,
    new: float,
    relative_to: Literal["new", "old"] | None = "new",
    non_finite_error: NonFinitePolicy = "worse",
) -> float | None:
    """How an error changed: ``new - old``, or that relative to one of the two. Below 0 is better.

    With a denominator of 0 the relative change is 0 if nothing changed, else infinite with the sign of ``new - old``.

    Args:
        old: The error of the older epoch.
        new: The error of the newer one.
        relative_to: ``"new"``: ``(new - old) / abs(new)``; ``"old"``: ``(new - old) / abs(old)``; None: ``new - old``.
        non_finite_error: What NaN and infinities mean, see `NonFinitePolicy`.

    Returns:
        The change, or None where the two cannot be compared.

    Examples:
        >>> error_change(2.0, 1.0), error_change(2.0, 1.0, relative_to="old"), error_change(1.0, 0.0)
        (-1.0, -0.5, -inf)
        >>> error_change(1.0, math.nan), error_change(math.nan, 1.0)
        (inf, None)
    """
    if non_finite_error != "original" and not (math.isfinite(old) and math.isfinite(new)):
        return math.inf if non_finite_error == "worse" and not math.isfinite(new) else None
    difference = new - old
    if relative_to is None:
        return difference
    base = abs(new if relative_to == "new" else old)
    return difference / base if base else difference and difference * math.inf


def relative_error(
    old: float, new: float, *, div_by_old: bool = False, non_finite_error: NonFinitePolicy = "worse"
) -> float | None:
    """The relative change of an error, ``(new - old) / abs(new)``; below 0 is better.

    Args:
        old: The error of the older epoch.
        new: The error of the newer one.
        div_by_old: Divide by ``abs(old)`` instead.
        non_finite_error: What NaN and infinities mean, see `NonFinitePolicy`.

    Returns:
        The relative change; with a denominator of 0 it is 0 if nothing changed, else infinite with the sign of
        ``new - old``. None where the two cannot be compared.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``calc_relative_error``; the rules for zero and non-finite errors
        are lrsched's, since the original has none.

    Examples:
        >>> relative_error(2.0, 1.0), relative_error(2.0, 1.0, div_by_old=True), relative_error(0.0, 0.0)
        (-1.0, -0.5, 0.0)
    """
    return error_change(old, new, "old" if div_by_old else "new", non_finite_error)


@final
@attrs.frozen(slots=False)  # made at every epoch: attrs fills an instance dict twice as fast as slots
class Comparison:
    """Two epochs held against each other.

    Attributes:
        old_epoch: The older epoch.
        new_epoch: The newer one.
        old_key: Which error of the older epoch counts, and why.
        new_key: The same of the newer one.
        old_error: That error's value; None if there is none.
        new_error: The same of the newer one.
        change: The (relative) change, below 0 is better; None where the two cannot be compared.
        learning_rate_scale: What the change was divided by to make it relative to the learning rate; 1 if nothing.
    """

    old_epoch: int
    new_epoch: int
    old_key: ErrorKey
    new_key: ErrorKey
    old_error: float | None = attrs.field(eq=repr)  # so that a NaN equals a NaN
    new_error: float | None = attrs.field(eq=repr)
    change: float | None = attrs.field(eq=repr)
    learning_rate_scale: float = 1.0

    def describe(self) -> str:
        """In words: which error changed from what to what, or why nothing can be said."""
        span = f"from epoch {self.old_epoch} to {self.new_epoch}"
        if self.old_error is None or self.new_error is None:
            missing, key = (self.old_epoch, self.old_key) if self.old_error is None else (self.new_epoch, self.new_key)
            return f"{span} nothing to compare: at epoch {missing} {key.reason}"
        if self.old_key.key != self.new_key.key:
            return f"{span} nothing to compare: the error changed from {self.old_key.key!r} to {self.new_key.key!r}"
        chosen = "" if self.new_key.reason == CONFIGURED else f" ({self.new_key.reason})"
        return f"{self.new_key.key!r}{chosen} went {span} from {self.old_error:.6g} to {self.new_error:.6g}"


def last_best_epoch(
    history: History,
    last_epoch: int,
    first_epoch: int = 1,
    *,
    only_last_epochs: int | None = None,
    filter_score: float = math.inf,
    only_last_n: int = -1,
    min_score_dist: float = 0.0,
    error_measure_key: str | Sequence[str] | None = None,
    strict: bool = False,
) -> int | None:
    """The best epoch under the error key of the latest epoch that has an error; the earlier one on ties.

    Args:
        history: The past.
        last_epoch: The last epoch to look at, included.
        first_epoch: The first epoch to look at, included.
        only_last_epochs: Look only at the last N epochs, ``last_epoch`` included.
        filter_score: Leave out epochs with an error above this.
        only_last_n: If >= 1: of what is left, look only at the last N.
        min_score_dist: Leave out epochs that are not better than the latest by more than this.
        error_measure_key: The wanted key or keys, as in `error_key`.
        strict: Whether only these count.

    Returns:
        The epoch, or None if nothing is left. A NaN is never best.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``get_last_best_epoch``.

    Examples:
        >>> history = History({e: EpochData(error={"dev_score": s}) for e, s in enumerate((3.0, 1.0, 1.0, 2.0), 1)})
        >>> last_best_epoch(history, 4), last_best_epoch(history, 4, only_last_epochs=2), last_best_epoch(history, 3)
        (2, 3, None)
    """
    keys = as_error_keys(error_measure_key)
    if only_last_epochs is not None:
        span = integer("only_last_epochs", only_last_epochs, least=1, way_out="use None to look at all")
        first_epoch = max(first_epoch, last_epoch - span + 1)
    scored: list[tuple[float, int]] = []
    counts: str | None = None
    for epoch, data in reversed(list(history.before(last_epoch + 1).items())):
        if epoch < first_epoch:
            break
        if counts is None:
            counts = error_key_of(data, keys, strict=strict).key
        if counts is not None and counts in data.error and error_key_of(data, keys, strict=strict).key == counts:
            scored.append((data.error[counts], epoch))
    if not scored:
        return None
    latest = scored[0][0]
    left = [(score, epoch) for score, epoch in scored if score <= filter_score]
    if only_last_n >= 1:
        left = left[:only_last_n]
    left = [(score, epoch) for score, epoch in left if score + min_score_dist < latest]
    return min(left)[1] if left else None
