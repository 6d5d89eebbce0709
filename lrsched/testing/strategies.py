"""Hypothesis strategies for everything that lrsched takes: rates, errors, epochs, histories, schedules, configurations.

They shrink to what a person can read: few epochs, the rate 0.1, errors of 1.0.
"""

import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin

import attrs
from hypothesis import reject, strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from lrsched.config.settings import keys_of, schedule_from_config
from lrsched.core import numbers
from lrsched.core.epoch_data import META_PREFIX, EpochData
from lrsched.core.history import History
from lrsched.core.schedule import Schedule
from lrsched.errors import ArgumentError, broken_law
from lrsched.schedules import combine
from lrsched.schedules.combine import Composite
from lrsched.schedules.constant import Constant
from lrsched.schedules.function import FunctionSchedule
from lrsched.schedules.kinds import KINDS
from lrsched.testing.laws import with_errors

HUGE_EPOCH: Final = 10**12
_FAR_EPOCH: Final = 1000  # where schedules are asked, which may look at every epoch before
_LARGE: Final = 1e100
SPECIAL_ERRORS: Final = (math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -5e-324, 1e308, -1e308)
SPECIAL_RATES: Final = (0.0, -0.0, 5e-324, 1e308, 1.0, 0.1, 1e-3)
ERROR_KEYS: Final = ("dev_score", "dev_error", "train_score")
"""What the errors are called in histories that are drawn, unless it is said otherwise; the first counts by default."""
KNOWN_ERROR_KEYS: Final = (
    *(f"dev_score{output}" for output in ("", "_output", "_output/output", "_output/output_prob", "_output/other")),
    *(f"{data}_{kind}" for data in ("dev", "devtrain", "train") for kind in ("error", "error_ctc", "score_output")),
    "train_score",
    "old_format_score",
)
STRANGE_TEXTS: Final = ("", " ", "_output", "q'\"\\\n", "größe_誤差_🙂", "\ud800", ":", "a:b", "{", "0")
CURVES: Final[Mapping[str, tuple[float, ...]]] = {
    "falling": (0.5, 0.75, 0.9375, 0.9921875),
    "plateau": (1.0, 0.9990234375, 1.0009765625),
    "noisy": (0.75, 1.25, 0.96875, 1.03125, 1.0),
    "spiking": (1.0, 0.9375, 64.0, 0.015625),
    "diverging": (1.25, 4.0, 1024.0, math.inf, math.nan),
}
"""By which factors the error of a training run changes from epoch to epoch. Sums of a few such errors are exact."""


# ---- numbers


@cache
def learning_rates() -> SearchStrategy[float]:
    """Finite numbers >= 0."""
    return st.sampled_from(SPECIAL_RATES) | st.floats(0.0, 1e308, allow_subnormal=True)


@cache
def usual_learning_rates() -> SearchStrategy[float]:
    """Rates that stay finite and above 0 for a few dozen epochs of growth or decay, and 0."""
    return st.sampled_from([0.1, 1.0, 1e-3, 0.0]) | st.floats(1e-9, 10.0)


@cache
def usual_errors() -> SearchStrategy[float]:
    """Errors as training runs have them: near one another, and often equal."""
    return st.sampled_from([1.0, 0.99, 1.01, 0.5, 2.0]) | st.floats(0.01, 100.0)


@cache
def errors(*, finite: bool = False) -> SearchStrategy[float]:
    """Any float; the awkward ones often.

    Args:
        finite: Whether NaN and infinities are left out.
    """
    special = [error for error in SPECIAL_ERRORS if not finite or math.isfinite(error)]
    return usual_errors() | st.sampled_from(special) | st.floats(allow_nan=not finite, allow_infinity=not finite)


# ---- epochs


@cache
def error_keys() -> SearchStrategy[str]:
    """Names of errors, well-known and strange ones; none that stands for meta data."""
    names = st.sampled_from(KNOWN_ERROR_KEYS) | st.sampled_from(STRANGE_TEXTS) | st.text(max_size=8)
    return names.filter(lambda name: not name.startswith(META_PREFIX))


def error_dicts(
    keys: SearchStrategy[str] | None = None, values: SearchStrategy[float] | None = None
) -> SearchStrategy[dict[str, float]]:
    """Up to five errors by name."""
    return st.dictionaries(error_keys() if keys is None else keys, errors() if values is None else values, max_size=5)


@cache
def texts() -> SearchStrategy[str]:
    """Any str, lone surrogates included."""
    return st.text(max_size=12) | st.text(st.characters(codec=None), max_size=6) | st.sampled_from(STRANGE_TEXTS)


@cache
def meta_atoms() -> SearchStrategy[Any]:
    """Literals without parts."""
    plain = st.none() | st.booleans() | st.integers() | st.sampled_from([10**30, -(10**300)])
    return plain | errors() | texts() | st.binary(max_size=6)


@cache
def meta_keys() -> SearchStrategy[Any]:
    """Keys of dicts and members of sets, within a meta value."""
    atoms = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts() | st.binary(max_size=4)
    return atoms | st.tuples(atoms) | st.tuples(atoms, atoms)


@cache
def meta_literals() -> SearchStrategy[Any]:
    """Whatever a meta value may be; up to three levels deep."""
    values, sets = meta_atoms(), st.sets(meta_keys(), max_size=3)
    for _ in range(3):
        lists, dicts = st.lists(values, max_size=3), st.dictionaries(meta_keys(), values, max_size=3)
        values = meta_atoms() | lists | lists.map(tuple) | dicts | sets | sets.map(frozenset)
    return values


def metas(values: SearchStrategy[Any] | None = None) -> SearchStrategy[dict[str, Any]]:
    """Up to three meta values by name."""
    return st.dictionaries(texts(), meta_literals() if values is None else values, max_size=3)


def epoch_data(
    *,
    rates: SearchStrategy[float | None] | None = None,
    error: SearchStrategy[Mapping[str, float]] | None = None,
    meta: SearchStrategy[Mapping[str, Any]] | None = None,
) -> SearchStrategy[EpochData]:
    """Whatever may be known of an epoch.

    Args:
        rates: Its learning rate; by default any, or none.
        error: Its errors by name; by default any.
        meta: Its meta values by name; by default any.
    """
    return st.builds(
        EpochData,
        learning_rate=st.none() | learning_rates() if rates is None else rates,
        error=error_dicts() if error is None else error,
        meta=metas() if meta is None else meta,
    )


@cache
def epochs(largest: int = HUGE_EPOCH) -> SearchStrategy[int]:
    """Single epochs up to ``largest``; mostly early ones."""
    return st.integers(1, 12) | st.integers(1, min(10**4, largest)) | st.integers(1, largest) | st.just(largest)


@cache
def epoch_lists(max_size: int = 8, largest: int = HUGE_EPOCH) -> SearchStrategy[list[int]]:
    """Ascending epochs: 1, 2, 3, ...; with gaps; with huge gaps."""
    unbroken = st.integers(0, max_size).map(lambda last: list(range(1, last + 1)))
    return unbroken | st.lists(epochs(largest), unique=True, max_size=max_size).map(sorted)


# ---- histories


def histories(
    data: SearchStrategy[EpochData] | None = None,
    *,
    max_size: int = 8,
    keys: Sequence[str] = ERROR_KEYS,
    largest: int = HUGE_EPOCH,
    numbers: Sequence[float] = (),
) -> SearchStrategy[History]:
    """Histories of training runs: realistic ones and hostile ones.

    Args:
        data: What is known of an epoch. If it is given, all of the epochs are drawn from it, some with gaps between.
        max_size: The largest number of epochs.
        keys: What the errors are called where ``data`` is not given; at least one name.
        largest: The largest epoch where ``data`` is given.
        numbers: What matters where ``data`` is not given: some rates are near them, some errors change by them.
    """
    if data is None:
        how: Any = {"max_size": max_size, "keys": keys, "numbers": numbers}
        return realistic_histories(**how) | hostile_histories(**how)
    return _histories(data, epoch_lists(max_size, largest))


def wild_histories(max_size: int = 8) -> SearchStrategy[History]:
    """Histories of whatever can be recorded: any rate, any name, any meta value.

    Args:
        max_size: The largest number of epochs.
    """
    return histories(epoch_data(), max_size=max_size)


@st.composite
def _histories(draw: DrawFn, data: SearchStrategy[EpochData], epochs: SearchStrategy[list[int]]) -> History:
    return History({epoch: draw(data) for epoch in draw(epochs)})


def _near(numbers: Iterable[float]) -> list[float]:
    """Rates at which something may happen that has to do with some numbers."""
    return [number * factor for number in numbers if 0 < number < _LARGE for factor in (1.0, 1.5, 0.75)]


def _changes_by(numbers: Iterable[float]) -> list[tuple[float, float]]:
    """Pairs of errors, whose relative change or difference is exactly one of some numbers, in most cases."""
    pairs = [
        ((100.0 * (1.0 - number), 100.0), (100.0, 100.0 * (1.0 + number)), (max(-number, 0.0), max(number, 0.0)))
        for number in numbers
        if -1.0 < number < 1.0
    ]
    return [each for three in pairs for each in three]


@st.composite
def realistic_histories(
    draw: DrawFn, *, max_size: int = 8, keys: Sequence[str] = ERROR_KEYS, numbers: Sequence[float] = ()
) -> History:
    """Histories as training runs leave them: errors that fall, stay, are noisy, spike, or diverge, see `CURVES`.

    Args:
        draw: Hypothesis gives it.
        max_size: The largest number of epochs.
        keys: What the errors are called: some histories have the first one only, others all of them.
        numbers: What matters: some rates are near them, and some errors change by them.
    """
    error = draw(st.sampled_from([1.0, 2.0, 0.25, 48.0]) | usual_errors())
    factors = CURVES[draw(st.sampled_from([*CURVES]))]
    names = keys[: draw(st.sampled_from([1, len(keys)]))]
    rates = st.sampled_from([0.1, 0.05, None, *_near(numbers)])
    end = draw(st.sampled_from([(), *_changes_by(numbers)])) if numbers else ()
    course = []
    for factor, rate in draw(st.lists(st.tuples(st.sampled_from(factors), rates), max_size=max_size - len(end))):
        error *= factor
        course.append((error, rate))
    course.extend((each, draw(rates)) for each in end)
    history = History()
    for epoch, (value, rate) in enumerate(course, start=1):
        scores = {name: value / 2**position for position, name in enumerate(names)}
        history = history.set(epoch, EpochData(learning_rate=rate, error=scores))
    return history


def hostile_histories(
    *, max_size: int = 8, keys: Sequence[str] = ERROR_KEYS, numbers: Sequence[float] = ()
) -> SearchStrategy[History]:
    """Histories that nobody wants to see.

    Errors that are NaN, infinite, zero, negative or missing; keys that come and go; epochs that are missing; rates that
    are unknown, zero, or given beforehand for epochs to come.

    Args:
        max_size: The largest number of epochs.
        keys: What the errors are called.
        numbers: What matters: some rates are near them.
    """
    rates = st.none() | usual_learning_rates()
    if near := _near(numbers):
        rates |= st.sampled_from(near)
    error = st.dictionaries(st.sampled_from(keys), errors(), max_size=2)
    data = epoch_data(rates=rates, error=error, meta=st.just({}))
    return histories(data, max_size=max_size, largest=_FAR_EPOCH)


def simpler_histories(history: History) -> Iterator[History]:
    """Histories that are like a given one, but simpler: fewer epochs, no gaps, fewer errors, simpler numbers.

    What breaks a law is easier to read without what does not matter.
    """
    epochs = [*history.items()]
    half = len(epochs) // 2
    for left in (epochs[:half], epochs[half:], *(epochs[:at] + epochs[at + 1 :] for at in range(len(epochs)))):
        if len(left) < len(epochs):
            yield History(dict(left))
    yield History(dict(enumerate(history.values(), start=1)))
    for epoch, data in epochs:
        for fewer in [{}, *({name: data.error[name]} for name in data.error)]:
            yield history.set(epoch, EpochData(learning_rate=data.learning_rate, error=fewer))
        if data.learning_rate not in (simple := (None, 0.1)):
            yield from (history.set(epoch, data.with_learning_rate(rate)) for rate in simple)
        for name, number in itertools.product(data.error, (1.0, 0.5, 2.0)):
            yield history.set(epoch, data.with_error({name: number}))


# ---- storages


_EASILY_LOST: Final = (1.0, 3, 0.0, -0.0, 0, math.nan, math.inf)


@st.composite
def states(draw: DrawFn, data: SearchStrategy[EpochData] | None = None, *, max_size: int = 6) -> list[History]:
    """Histories to be saved one after another, as a training run and those who mend it make them.

    Each comes from the one before: an epoch comes or changes; one goes; all change; numbers become others that are
    equal, 3.0 a 3 and 0.0 a -0.0; nothing changes.

    Args:
        draw: Hypothesis gives it.
        data: What is known of an epoch; by default anything.
        max_size: The largest number of histories.
    """
    changes = draw(st.lists(_changes(data), max_size=max_size))
    return [*itertools.accumulate(changes, lambda history, change: change(history), initial=History())][1:]


@cache
def _changes(data: SearchStrategy[EpochData] | None) -> SearchStrategy[Callable[[History], History]]:
    """What may become of a history."""
    if data is None:
        numbers = st.sampled_from(_EASILY_LOST) | errors() | st.integers(-(2**53), 2**53)
        data = epoch_data(error=error_dicts(values=numbers))
    return (
        st.tuples(st.integers(1, 3) | epochs(), data).map(lambda new: lambda history: history.set(*new))
        | st.integers(0, 7).map(lambda position: lambda history: _without(history, position))
        | histories(data, max_size=4).map(lambda new: lambda _: new)
        | st.just(lambda history: with_errors(history, _twin))
        | st.just(History)
    )


def _without(history: History, position: int) -> History:
    """Without the epoch at a position, counted round and round."""
    gone = [*history][position % len(history)] if history else None
    return History({epoch: data for epoch, data in history.items() if epoch != gone})


def _twin(value: float) -> float:
    """Another number that is equal, where there is one."""
    if value == 0:
        return 0.0 if math.copysign(1.0, value) < 0 else -0.0
    if type(value) is int:
        return float(value)
    return int(value) if value.is_integer() and abs(value) <= 2**53 else value


# ---- schedules


def a_third(learning_rate: float) -> float:
    """A decay that is a function."""
    return learning_rate / 3.0


def a_little_more(learning_rate: float) -> float:
    """A growth that is a function."""
    return learning_rate * 1.5 + 1e-9


def one_by_epoch(history: History, epoch: int) -> float:
    """A schedule that is a function of time alone."""
    del history
    return 1.0 / epoch


def tenth_of_the_last_error(history: History, epoch: int) -> float:
    """A schedule that is a function of the last error, where that is finite."""
    last = history.newest(1, before=epoch)
    known = [error for _, data in last for _, error in sorted(data.error.items()) if math.isfinite(error)]
    return min(0.1 * abs(known[0]), 1.0) if known else 0.1


@cache
def thresholds() -> SearchStrategy[float]:
    """Thresholds of a relative error or a difference."""
    return st.sampled_from([0.0, -0.01, 0.01, -0.5, math.inf, -math.inf]) | st.floats(-1.0, 1.0)


def error_measure_keys(keys: SearchStrategy[str] | None = None) -> SearchStrategy[Any]:
    """Which errors may count: None, a key, or several."""
    keys = error_keys() if keys is None else keys
    return st.none() | keys | st.lists(keys, min_size=1, max_size=3)


@cache
def presets(max_epoch: int = 20) -> SearchStrategy[Any]:
    """Rates given beforehand, as a list or by epoch."""
    rates = usual_learning_rates()
    by_epoch = st.dictionaries(st.integers(1, max_epoch), rates, max_size=4)
    return by_epoch | st.lists(rates, max_size=4)


_OF_LAW: Final[Mapping[Any, SearchStrategy[Any]]] = {
    numbers.rate: st.just(0.0) | usual_learning_rates(),
    numbers.threshold: thresholds(),
    numbers.flag: st.booleans(),
    numbers.decay: st.none() | st.sampled_from([0.5, 0.0, 0.7, 0.9, 1.0]) | st.floats(0.0, 1.0) | st.just(a_third),
    numbers.growth: st.none() | st.sampled_from([1.0, 1.1, 2.0]) | st.floats(1.0, 4.0) | st.just(a_little_more),
}
"""What to draw for a parameter, by the law in its annotation, see `lrsched.core.numbers.checked`."""


_ASCENDING: Final = (("relative_error_grow_threshold", "relative_error_threshold"), ("minimum", "maximum"))


def _values(field: "attrs.Attribute[Any]", keys: SearchStrategy[str], depth: int) -> SearchStrategy[Any]:
    """What to draw for a parameter of a schedule that may have so many inside one another."""
    if field.name in _OF_NAME:
        return _OF_NAME[field.name](keys, depth - 1)
    law = next(iter(getattr(field.type, "__metadata__", ())), None)
    limits = getattr(law, "keywords", {})
    if "least" in limits:
        return st.integers(limits["least"], 5)
    if get_origin(field.type) is Literal:
        return st.sampled_from(get_args(field.type))
    if law not in _OF_LAW:
        way_out = "give check_schedule a strategy that makes such schedules, or add one to lrsched.testing.strategies"
        raise broken_law(f"the parameter {field.name}", "of a type that values can be drawn for", field.type, way_out)
    return _OF_LAW[law]


def schedule_classes(kind: type[Schedule] = Schedule) -> tuple[type[Schedule], ...]:
    """Every class of schedules in lrsched that is a ``kind``: those with a name, functions, those made of others."""
    combined: Any = [each for each in vars(combine).values() if isinstance(each, type) and issubclass(each, Composite)]
    classes = dict.fromkeys((*KINDS.values(), FunctionSchedule, *combined))
    return tuple(each for each in classes if issubclass(each, kind) and not inspect.isabstract(each))


@st.composite
def schedule_arguments(
    draw: DrawFn, kind: type[Schedule] = Schedule, keys: SearchStrategy[str] | None = None, depth: int = 2
) -> tuple[type[Schedule], dict[str, Any]]:
    """A class of schedules, and arguments for it by keyword. They may still break a law that binds several of them.

    Args:
        draw: Hypothesis gives it.
        kind: The class, or one that all its subclasses in lrsched stand for.
        keys: Names of errors; by default any.
        depth: How many schedules may be inside one another.

    Raises:
        ArgumentError: For a parameter it is not known what to draw.
    """
    chosen = (kind,) if not inspect.isabstract(kind) else schedule_classes(kind)
    if depth <= 0 and kind is Schedule:
        chosen = tuple(each for each in chosen if not issubclass(each, Composite))
    cls: Any = draw(st.sampled_from(chosen))
    names = error_keys() if keys is None else keys
    arguments = {field.name: draw(_values(field, names, depth)) for field in attrs.fields(cls) if field.init}
    for low, high in _ASCENDING:
        if low in arguments:  # one of two orders would be refused
            arguments |= zip((low, high), sorted((arguments[low], arguments[high])), strict=True)
    return cls, arguments


@st.composite
def schedules(
    draw: DrawFn, kind: type[Schedule] = Schedule, keys: SearchStrategy[str] | None = None, depth: int = 2
) -> Schedule:
    """Schedules of lrsched with any parameters, wrappers around others among them.

    Args:
        draw: Hypothesis gives it.
        kind: A class of schedules, one's own too if its fields are annotated as those of lrsched are; of an abstract
            one any subclass in lrsched.
        keys: Names of errors; by default any.
        depth: How many schedules may be inside one another.

    Raises:
        ArgumentError: For a parameter it is not known what to draw.
    """
    cls, arguments = draw(schedule_arguments(kind, keys, depth))
    try:
        return cls(**arguments)
    except ArgumentError:  # parameters that do not go together
        reject()


_OF_NAME: Final[Mapping[str, Callable[[SearchStrategy[str], int], SearchStrategy[Any]]]] = {
    "default_learning_rate": lambda _keys, _depth: usual_learning_rates(),
    "maximum": lambda _keys, _depth: usual_learning_rates(),
    "error_measure_key": lambda keys, _depth: error_measure_keys(keys),
    "function": lambda _keys, _depth: st.sampled_from([one_by_epoch, tenth_of_the_last_error]),
    "learning_rates": lambda _keys, _depth: presets(),
    "schedule": lambda keys, depth: schedules(keys=keys, depth=depth),
    "factors": lambda keys, depth: st.lists(st.just(Constant(0.5)) | schedules(keys=keys, depth=depth), max_size=2),
    "factor": lambda _keys, _depth: st.sampled_from([1.0, 0.5, 2.0, 0.1, 0.0]) | st.floats(0.0, 10.0),
}
"""What to draw for a parameter, by its name, for names of errors, and so many schedules inside one another."""


# ---- configurations


@st.composite
def configs(draw: DrawFn) -> dict[str, Any]:
    """Settings that `lrsched.schedule_from_config` takes, with the names that they have in configuration files."""
    name = draw(st.sampled_from([*KINDS]))
    kind: Any = KINDS[name]
    values = {"learning_rates": presets(), "learning_rate_control_min_num_epochs_per_new_lr": st.integers(0, 4)}
    for parameter, keys in keys_of(kind).items():
        field = attrs.fields_dict(kind)[parameter]
        written = _values(field, st.sampled_from(ERROR_KEYS), 0).filter(lambda value: not callable(value))
        values |= dict.fromkeys(keys, written)
    settings = draw(st.fixed_dictionaries({"learning_rate_control": st.just(name)}, optional=values))
    try:
        schedule_from_config(settings)
    except ArgumentError:  # settings that do not go together
        reject()
    return settings
