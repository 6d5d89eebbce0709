"""Hypothesis strategies for everything that the library takes. `import strategies`, which pytest puts on the path."""

import math
from functools import cache

from hypothesis import strategies as st

from lrsched import (
    Constant,
    EpochData,
    HoldLearningRate,
    NewbobAbs,
    NewbobMultiEpoch,
    NewbobRelative,
    Preset,
)
from lrsched.core.history import History

HUGE_EPOCH = 10**12
SPECIAL_ERRORS = (math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -5e-324, 1e308, -1e308)
SPECIAL_RATES = (0.0, -0.0, 5e-324, 1e308, 1.0, 0.1, 1e-3)
KNOWN_ERROR_KEYS = (
    "dev_score",
    "dev_score_output",
    "dev_score_output/output",
    "dev_score_output/output_prob",
    "dev_score_output/other",
    "dev_error",
    "dev_error_ctc",
    "devtrain_score",
    "train_score",
    "train_score_output",
    "train_error",
    "old_format_score",
)
STRANGE_ERROR_KEYS = ("", " ", "_output", "q'\"\\\n", "größe_誤差_🙂", "\ud800", ":", "a:b", "{", "0")


@cache
def learning_rates():
    """Finite numbers >= 0."""
    return st.sampled_from(SPECIAL_RATES) | st.floats(0.0, 1e308, allow_subnormal=True)


@cache
def usual_learning_rates():
    """Rates that stay finite and above 0 for a few dozen epochs of growth or decay, and 0."""
    return st.sampled_from([0.0, 1e-3, 0.1, 1.0]) | st.floats(1e-9, 10.0)


@cache
def usual_errors():
    """Errors as trainings have them: near one another, and often equal."""
    return st.sampled_from([1.0, 0.99, 1.01, 0.5, 2.0]) | st.floats(0.01, 100.0)


def errors(*, finite=False):
    """Any float; the awkward ones often."""
    special = [error for error in SPECIAL_ERRORS if not finite or math.isfinite(error)]
    return usual_errors() | st.sampled_from(special) | st.floats(allow_nan=not finite, allow_infinity=not finite)


def error_keys():
    """Names of errors; none that stands for meta data."""
    names = st.sampled_from(KNOWN_ERROR_KEYS) | st.sampled_from(STRANGE_ERROR_KEYS) | st.text(max_size=8)
    return names.filter(lambda name: not name.startswith(":meta:"))


def error_dicts(keys=None, values=None):
    return st.dictionaries(error_keys() if keys is None else keys, errors() if values is None else values, max_size=5)


@cache
def texts():
    """Any str, lone surrogates included."""
    return st.text(max_size=12) | st.text(st.characters(codec=None), max_size=6) | st.sampled_from(STRANGE_ERROR_KEYS)


@cache
def meta_atoms():
    """Literals without parts."""
    return (
        st.none()
        | st.booleans()
        | st.integers()
        | st.sampled_from([10**30, -(10**300)])
        | errors()
        | texts()
        | st.binary(max_size=6)
    )


@cache
def meta_keys():
    """Keys of dicts and members of sets, within a meta value."""
    atoms = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts() | st.binary(max_size=4)
    return atoms | st.tuples(atoms) | st.tuples(atoms, atoms)


@cache
def meta_literals():
    """Whatever a meta value may be; up to three levels deep."""
    values = meta_atoms()
    for _ in range(3):
        values = (
            meta_atoms()
            | st.lists(values, max_size=3)
            | st.lists(values, max_size=3).map(tuple)
            | st.dictionaries(meta_keys(), values, max_size=3)
            | st.sets(meta_keys(), max_size=3)
            | st.frozensets(meta_keys(), max_size=3)
        )
    return values


def metas(values=None):
    return st.dictionaries(texts(), meta_literals() if values is None else values, max_size=3)


def epoch_data(*, rates=None, error=None, meta=None):
    return st.builds(
        EpochData,
        learning_rate=st.none() | learning_rates() if rates is None else rates,
        error=error_dicts() if error is None else error,
        meta=metas() if meta is None else meta,
    )


@cache
def epochs():
    """Single epochs; mostly early ones."""
    return st.integers(1, 12) | st.integers(1, 10**4) | st.integers(1, HUGE_EPOCH) | st.just(HUGE_EPOCH)


def epoch_lists(max_size=8):
    """Ascending epochs: 1, 2, 3, ...; with gaps; with huge gaps."""
    unbroken = st.integers(0, max_size).map(lambda last: list(range(1, last + 1)))
    return unbroken | st.lists(epochs(), unique=True, max_size=max_size).map(sorted)


@st.composite
def histories(draw, max_size=8, data=None):
    data = epoch_data() if data is None else data
    return History({epoch: draw(data) for epoch in draw(epoch_lists(max_size))})


def a_third(learning_rate):
    return learning_rate / 3.0


def a_little_more(learning_rate):
    return learning_rate * 1.5 + 1e-9


@cache
def decays():
    return st.none() | st.sampled_from([0.0, 0.5, 0.7, 0.9, 1.0]) | st.floats(0.0, 1.0) | st.just(a_third)


@cache
def growths():
    return st.none() | st.sampled_from([1.0, 1.1, 2.0]) | st.floats(1.0, 4.0) | st.just(a_little_more)


@cache
def thresholds():
    return st.sampled_from([-0.01, 0.0, 0.01, -0.5, math.inf, -math.inf]) | st.floats(-1.0, 1.0)


def error_measure_keys(keys=None):
    keys = error_keys() if keys is None else keys
    return st.none() | keys | st.lists(keys, min_size=1, max_size=3)


@st.composite
def newbob_parameters(draw, kind=None, keys=None):
    """A newbob schedule's class and its arguments by keyword, legal both here and in RETURNN."""
    kind = draw(st.sampled_from([NewbobRelative, NewbobAbs, NewbobMultiEpoch])) if kind is None else kind
    relative = kind is not NewbobAbs and draw(st.booleans())
    rates = usual_learning_rates()
    parameters = {
        "default_learning_rate": draw(rates.filter(bool) if relative else rates),
        "min_learning_rate": draw(st.just(0.0) | rates),
        "error_measure_key": draw(error_measure_keys(keys)),
        "learning_rate_decay": draw(decays()),
        "learning_rate_growth": draw(growths()),
    }
    if kind is NewbobAbs:
        return kind, parameters | {"error_threshold": draw(thresholds())}
    parameters["relative_error_also_relative_to_learning_rate"] = relative
    parameters["relative_error_div_by_old"] = draw(st.booleans())
    parameters["relative_error_threshold"] = draw(thresholds())
    if kind is NewbobMultiEpoch:
        parameters["num_epochs"] = draw(st.integers(1, 5) | st.just(20))
        parameters["update_interval"] = draw(st.integers(1, 4))
        grow = draw(st.none() | thresholds())
        threshold = parameters["relative_error_threshold"]
        parameters["relative_error_grow_threshold"] = threshold if grow is None else min(grow, threshold)
    return kind, parameters


@st.composite
def newbob_schedules(draw, kind=None, keys=None):
    kind, parameters = draw(newbob_parameters(kind, keys))
    policy = draw(st.sampled_from(["worse", "keep", "original"]))
    return kind(**parameters, non_finite_error=policy, strict_error_key=draw(st.booleans()))


def presets(max_epoch=20):
    """Rates given beforehand, as a list or by epoch."""
    rates = usual_learning_rates()
    return st.lists(rates, max_size=4) | st.dictionaries(st.integers(1, max_epoch), rates, max_size=4)


@st.composite
def schedules(draw, keys=None):
    """Any schedule, inside any wrappers."""
    schedule = draw(newbob_schedules(keys=keys) | usual_learning_rates().map(Constant))
    for wrap in draw(st.permutations([_held, _preset])):
        if draw(st.booleans()):
            schedule = wrap(draw, schedule)
    return schedule


def _held(draw, schedule):
    return HoldLearningRate(schedule, draw(st.integers(0, 4)))


def _preset(draw, schedule):
    return Preset(schedule, draw(presets()))
