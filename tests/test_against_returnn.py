"""The original program, live, against ours: the same questions give the same answers, bit for bit."""

import itertools
import json
import math
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from original import Config, control as returnn, quiet

from lrsched import (
    ArgumentError,
    Constant,
    EpochData,
    ErrorMeasure,
    HoldLearningRate,
    LearningRateControl,
    MemoryStorage,
    NewbobAbs,
    NewbobMultiEpoch,
    NewbobRelative,
    Preset,
    SettingWarning,
    error_change,
    last_best_epoch,
    schedule_from_config,
)
from lrsched.config.files import parse_config
from lrsched.core.history import History
from lrsched.formats.text import TEXT
from lrsched.schedules.newbob import Newbob, mean
from lrsched.testing import strategies as own

pytestmark = pytest.mark.filterwarnings("ignore::lrsched.errors.MeasureWarning")  # hostile histories deserve them

_THEIR_CLASS = {
    Constant: returnn.ConstantLearningRate,
    NewbobRelative: returnn.NewbobRelative,
    NewbobAbs: returnn.NewbobAbs,
    NewbobMultiEpoch: returnn.NewbobMultiEpoch,
}
_KEYS = ("a", "b", "b_output", "dev_score", "train_score", "dev_score_output/output", "ä ")
_OURS_ALONE = {"strict_error_key", "non_finite_error", "mode", "stand_ins", "gaps", "measure"}
_CONTROLS = ("constant", "newbob", "newbob_rel", "newbob_relative", "newbob_abs", "newbob_multi_epoch")


def their_control(kind=Constant, *, history=None, **parameters):
    """The original's control, with the epochs of ``history`` in it."""
    control = _THEIR_CLASS[kind](**parameters)
    for epoch, data in (history or {}).items():
        theirs = control.EpochData(learning_rate=0.5, error=dict(data.error), meta=dict(data.meta))
        theirs.learning_rate = data.learning_rate
        control.epoch_data[epoch] = theirs
    return control


def our_control(kind=Constant, *, hold=0, presets=None, history=None, **parameters):
    schedule = kind(**parameters, stand_ins="returnn")
    if hold:
        schedule = HoldLearningRate(schedule, hold)
    if presets:
        schedule = Preset(schedule, presets)
    return LearningRateControl(schedule, MemoryStorage(history))


def _newbob_parameters(kind=Newbob, keys=None):
    """A newbob schedule's class and its arguments by keyword, legal both here and in RETURNN."""

    def without_policies(drawn):
        cls, arguments = drawn
        return cls, {n: a for n, a in arguments.items() if n not in _OURS_ALONE}

    def is_legal(drawn):
        _, arguments = drawn
        return arguments["default_learning_rate"] or not arguments.get("relative_error_also_relative_to_learning_rate")

    return own.schedule_arguments(kind, keys).map(without_policies).filter(is_legal)


# ---- the four schedules, epoch after epoch


@st.composite
def _trainings(draw, error=None):
    """A schedule, what is around it, and what a training then does: gaps between epochs, and their errors if any."""
    error = own.usual_errors() if error is None else error
    keys = st.sampled_from(draw(st.lists(st.sampled_from(_KEYS), min_size=1, max_size=3)))
    kind = draw(st.sampled_from(list(_THEIR_CLASS)))
    if kind is Constant:
        parameters = {"default_learning_rate": draw(own.usual_learning_rates())}
    else:
        _, parameters = draw(_newbob_parameters(kind, keys))
    outer = st.dictionaries(keys, error, max_size=2)
    one = draw(keys)
    errors = st.just({one: 1.0}) | st.builds(lambda value: {one: value}, error)  # most trainings have one key
    steps = st.tuples(st.sampled_from([1, 1, 1, 1, 2, 10**6]), errors | errors | outer | st.none())
    return {
        "kind": kind,
        "parameters": parameters,
        "hold": draw(st.sampled_from([0, 0, 1, 2, 3])),
        "presets": draw(st.just({}) | own.presets()),
        "steps": draw(st.lists(steps, min_size=1, max_size=14)),
    }


def _start(training, policy):
    kind, parameters = training["kind"], training["parameters"]
    theirs = their_control(
        kind,
        **parameters,
        min_num_epochs_per_new_learning_rate=training["hold"],
        default_learning_rates=training["presets"],
    )
    extra = {} if kind is Constant else {"non_finite_error": policy}
    ours = our_control(kind, hold=training["hold"], presets=training["presets"], **parameters, **extra)
    return theirs, ours


def _run(training, policy, on_zero_division):
    """Both trainings, side by side. Returns how often the original stopped for a division by zero."""
    theirs, ours = _start(training, policy)
    epoch, stops = 0, 0
    for gap, errors in [*training["steps"], (1, None)]:
        epoch += gap
        try:
            wanted = theirs.get_learning_rate_for_epoch(epoch)
        except ZeroDivisionError:
            stops += 1
            wanted = on_zero_division(theirs, epoch)
            theirs.set_default_learning_rate_for_epoch(epoch, wanted)
        assert repr(ours.get_learning_rate_for_epoch(epoch)) == repr(wanted)
        if errors is not None:
            theirs.set_epoch_error(epoch, errors)
            ours.set_epoch_error(epoch, errors)
    presets = Preset(Constant(1.0), training["presets"]).learning_rates
    for known in set(theirs.epoch_data).difference(ours.history):  # ours records a preset when its epoch is asked for
        assert ours.get_learning_rate_for_epoch(known) == presets[known]
    assert list(ours.history) == sorted(theirs.epoch_data)
    for known, data in ours.history.items():
        assert repr(data.learning_rate) == repr(theirs.epoch_data[known].learning_rate)
        assert repr(dict(data.error)) == repr({key: theirs.epoch_data[known].error[key] for key in data.error})
        assert len(data.error) == len(theirs.epoch_data[known].error)
    return stops


def _never(theirs, epoch):
    raise AssertionError(f"the original divides by zero at epoch {epoch} without a zero: {theirs}")


def _defined_change(theirs, old, new):
    """The relative error with the values that ours defines where the original divides by zero."""
    old_key, old_error = theirs.get_epoch_error_key_value(old)
    new_key, new_error = theirs.get_epoch_error_key_value(new)
    if old_error is None or new_error is None or old_key != new_key:
        return None
    difference = new_error - old_error
    base = abs(old_error if theirs.relative_error_div_by_old else new_error)
    if base:
        change = difference / base
    else:
        change = difference if difference == 0.0 or math.isnan(difference) else math.copysign(math.inf, difference)
    if theirs.relative_error_also_relative_to_learning_rate:
        recent = theirs.get_most_recent_learning_rate(new, exclude_current=False)
        change /= recent / theirs.default_learning_rate if recent > 0 else 1.0
    return change


def _has_zero_base(theirs, old, new):
    divisor = old if theirs.relative_error_div_by_old else new
    return theirs.get_epoch_error_value(divisor) == 0.0


def _defined_rate(theirs, epoch, policy="original"):
    """What the rule gives with the defined relative errors; the original was about to ask for it."""
    size = theirs.num_epochs + 1 if isinstance(theirs, returnn.NewbobMultiEpoch) else 2
    newest = sorted(known for known in theirs.epoch_data if known < epoch)[-size:]
    pairs = list(itertools.pairwise(newest))
    assert any(_has_zero_base(theirs, *pair) for pair in pairs)
    changes = [_defined_change(theirs, *pair) for pair in pairs]
    rate = theirs.get_most_recent_learning_rate(epoch)
    if None in changes:
        return rate
    change = float(np.mean(changes))
    decay = change > theirs.relative_error_threshold
    grow = change < theirs.relative_error_grow_threshold if size != 2 or hasattr(theirs, "num_epochs") else not decay
    grow = grow and (change < math.inf or policy == "original")  # infinitely worse is no improvement
    return theirs.calc_learning_rate_decay_or_grow(rate, decay=decay, grow=grow)


@given(training=_trainings(), policy=st.sampled_from(["worse", "keep", "original"]))
@settings(max_examples=300)
@quiet()
def test_rates_are_the_originals_for_finite_errors_under_every_policy(training, policy):
    assert _run(training, policy, on_zero_division=_never) == 0


@given(training=_trainings(error=own.errors()))
@settings(max_examples=300)
@quiet()
def test_rates_are_the_originals_for_any_errors_under_the_policy_original(training):
    _run(training, "original", on_zero_division=_defined_rate)


@given(training=_trainings(error=st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324, 2.0])))
@settings(max_examples=150)
@quiet()
def test_rates_are_defined_where_an_error_of_zero_stops_the_original(training):
    for policy in ("worse", "keep", "original"):
        _run(training, policy, on_zero_division=partial(_defined_rate, policy=policy))


@pytest.mark.parametrize("kind", [NewbobRelative, NewbobMultiEpoch])
@pytest.mark.parametrize(("old", "new", "rate"), [(1.0, 0.0, 0.4), (-1.0, 0.0, 0.1), (0.0, -0.0, 0.1)])
@quiet()
def test_an_error_of_zero_stops_the_original_and_is_judged_by_ours(kind, old, new, rate):
    """-inf is below the threshold, +inf and 0.0 are above it."""
    parameters = {"default_learning_rate": 0.2, "relative_error_threshold": -0.01}
    parameters |= {"learning_rate_decay": 0.5, "learning_rate_growth": 2.0}
    if kind is NewbobMultiEpoch:
        parameters |= {"num_epochs": 1, "update_interval": 1, "relative_error_grow_threshold": -0.01}
    theirs, ours = their_control(kind, **parameters), our_control(kind, **parameters)
    for control in (theirs, ours):
        for epoch, error in enumerate((old, new), start=1):
            control.get_learning_rate_for_epoch(epoch)
            control.set_epoch_error(epoch, {"dev_score": error})
    with pytest.raises(ZeroDivisionError):
        theirs.get_learning_rate_for_epoch(3)
    assert ours.get_learning_rate_for_epoch(3) == rate


@pytest.mark.parametrize("kind", [NewbobRelative, NewbobAbs])
@pytest.mark.parametrize("error", [math.nan, math.inf])
@quiet()
def test_a_non_finite_error_never_raises_our_rate_as_it_does_the_originals(kind, error):
    name = "error_threshold" if kind is NewbobAbs else "relative_error_threshold"
    parameters = {name: -0.01, "default_learning_rate": 0.2, "learning_rate_decay": 0.5, "learning_rate_growth": 2.0}
    controls = [their_control(kind, **parameters), our_control(kind, **parameters)]
    controls.append(our_control(kind, **parameters, non_finite_error="keep"))
    rates = []
    for control in controls:
        for epoch, score in enumerate((1.0, error), start=1):
            control.get_learning_rate_for_epoch(epoch)
            control.set_epoch_error(epoch, {"dev_score": score})
        rates.append(control.get_learning_rate_for_epoch(3))
    original_decays = kind is NewbobAbs and error == math.inf  # inf - 1 is above any threshold, inf / inf is NaN
    assert rates == [0.1 if original_decays else 0.4, 0.1, 0.2]


@quiet()
def test_numpy_scores_stop_the_original_and_are_plain_to_ours():
    parameters = {"relative_error_threshold": -0.01, "default_learning_rate": 0.2, "learning_rate_decay": 0.5}
    theirs, ours = their_control(NewbobRelative, **parameters), our_control(NewbobRelative, **parameters)
    for control in (theirs, ours):
        for epoch in (1, 2):
            control.get_learning_rate_for_epoch(epoch)
            control.set_epoch_error(epoch, {"dev_score": np.float64(1.0)})
    with pytest.raises((AssertionError, TypeError)):
        theirs.get_learning_rate_for_epoch(3)
    assert repr(ours.get_learning_rate_for_epoch(3)) == "0.1"


@quiet()
def test_a_rate_that_overflows_is_refused_where_the_original_stores_infinity():
    parameters = {"relative_error_threshold": 1.0, "default_learning_rate": 1e308, "learning_rate_growth": 10.0}
    theirs, ours = their_control(NewbobRelative, **parameters), our_control(NewbobRelative, **parameters)
    for control in (theirs, ours):
        for epoch in (1, 2):
            control.get_learning_rate_for_epoch(epoch)
            control.set_epoch_error(epoch, {"dev_score": 1.0})
    assert theirs.get_learning_rate_for_epoch(3) == math.inf
    with pytest.raises(ArgumentError, match="the learning rate after learning_rate_growth must be a finite number"):
        ours.get_learning_rate_for_epoch(3)


@given(
    parameters=_newbob_parameters(),
    learning_rate=own.usual_learning_rates(),
    decay=st.booleans(),
    grow=st.none() | st.booleans(),
)
@quiet()
def test_decay_and_growth_by_themselves_are_the_originals(parameters, learning_rate, decay, grow):
    kind, parameters = parameters
    theirs, ours = their_control(kind, **parameters), our_control(kind, **parameters)
    if decay and grow:
        with pytest.raises(AssertionError):
            theirs.calc_learning_rate_decay_or_grow(learning_rate, decay, grow)
        with pytest.raises(ArgumentError, match="grow must be False where decay is True"):
            ours.calc_learning_rate_decay_or_grow(learning_rate, decay, grow)
    else:
        wanted = theirs.calc_learning_rate_decay_or_grow(learning_rate, decay, grow)
        assert repr(ours.calc_learning_rate_decay_or_grow(learning_rate, decay, grow)) == repr(wanted)


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate_decay": 1.5},
        {"learning_rate_decay": -0.5},
        {"learning_rate_growth": 0.5},
        {"learning_rate_growth": math.inf},
        {"default_learning_rate": -1.0},
        {"default_learning_rate": math.nan},
        {"min_learning_rate": math.inf},
        {"relative_error_grow_threshold": 0.0},
    ],
)
@quiet()
def test_settings_that_the_original_takes_are_refused_at_once(wrong):
    parameters = {
        "default_learning_rate": 0.1,
        "num_epochs": 2,
        "update_interval": 1,
        "relative_error_threshold": -0.01,
        "relative_error_grow_threshold": -0.01,
    } | wrong
    assert isinstance(their_control(NewbobMultiEpoch, **parameters), returnn.NewbobMultiEpoch)
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        NewbobMultiEpoch(**parameters)


@pytest.mark.parametrize("epoch", [0, -1])
@quiet()
def test_both_refuse_epochs_below_one(epoch):
    with pytest.raises(AssertionError):
        their_control(default_learning_rate=0.1).get_learning_rate_for_epoch(epoch)
    with pytest.raises(ArgumentError, match="epoch must be an integer >= 1"):
        our_control(default_learning_rate=0.1).get_learning_rate_for_epoch(epoch)


# ---- questions about a history


def _float_histories(error=None, keys=None, max_size=8):
    error = own.errors() if error is None else error
    data = own.epoch_data(error=own.error_dicts(keys, error), meta=st.just({}))
    return own.histories(data, max_size=max_size)


def _some_epochs(history):
    near = [epoch + step for epoch in history for step in (-1, 0, 1)]
    return st.sampled_from(near or [1]) | own.epochs()


@given(data=st.data(), history=_float_histories(), key=own.error_measure_keys())
@settings(max_examples=300)
@quiet()
def test_the_error_that_counts_is_the_originals(data, history, key):
    theirs = their_control(default_learning_rate=0.5, error_measure_key=key, history=history)
    measure = ErrorMeasure(key, stand_ins="returnn")
    for epoch in [*history, data.draw(_some_epochs(history))]:
        assert measure.key_of(history.get(epoch)).key == theirs.get_error_key(epoch)
    ours = our_control(default_learning_rate=0.5, error_measure_key=key, history=history)
    for epoch in history:
        assert ours.get_error_key(epoch) == theirs.get_error_key(epoch)
        if ours.get_error_key(epoch) == "":  # the original stops here
            with pytest.raises(AssertionError):
                theirs.get_epoch_error_key_value(epoch)
            wanted = "", history[epoch].error[""]
        else:
            wanted = theirs.get_epoch_error_key_value(epoch)
            assert repr(theirs.get_epoch_error_value(epoch)) == repr(wanted[1])
        assert repr(ours.get_epoch_error_key_value(epoch)) == repr(wanted)
        assert repr(ours.get_epoch_error_value(epoch)) == repr(wanted[1])


_DEV_AND_TRAIN = st.sampled_from(
    [key + end for key in own.KNOWN_ERROR_KEYS for end in ("", "_output", "/output", "/output_a", "_z", "/a")]
)


@given(
    errors=st.dictionaries(_DEV_AND_TRAIN, own.usual_errors(), max_size=6), key=own.error_measure_keys(_DEV_AND_TRAIN)
)
@settings(max_examples=400)
@quiet()
def test_the_error_that_stands_in_is_the_originals(errors, key):
    history = History({1: EpochData(learning_rate=0.5, error=errors)})
    theirs = their_control(default_learning_rate=0.5, error_measure_key=key, history=history)
    assert ErrorMeasure(key, stand_ins="returnn").key_of(history[1]).key == theirs.get_error_key(1)


@given(old=own.errors(), new=own.errors(), parameters=_newbob_parameters(NewbobRelative, st.just("a")))
@settings(max_examples=300)
@quiet()
def test_the_relative_error_is_the_originals(old, new, parameters):
    kind, parameters = parameters
    history = History(
        {3: EpochData(learning_rate=0.5, error={"a": old}), 7: EpochData(learning_rate=0.25, error={"a": new})}
    )
    theirs = their_control(kind, **parameters, history=history)
    ours = our_control(kind, **parameters, non_finite_error="original", history=history)
    by_old = parameters["relative_error_div_by_old"]
    if (old if by_old else new) == 0.0:
        with pytest.raises(ZeroDivisionError):
            theirs.calc_relative_error(3, 7)
        wanted = _defined_change(theirs, 3, 7)
    else:
        wanted = theirs.calc_relative_error(3, 7)
    assert repr(ours.calc_relative_error(3, 7)) == repr(wanted)
    if not parameters["relative_error_also_relative_to_learning_rate"]:
        assert repr(error_change(old, new, "old" if by_old else "new", "original")) == repr(wanted)


@given(
    history=_float_histories(own.usual_errors(), st.sampled_from(_KEYS)),
    key=own.error_measure_keys(st.sampled_from([*_KEYS, "c"])),
)
@quiet()
def test_epochs_with_other_keys_or_no_errors_have_no_relative_error_in_both(history, key):
    parameters = {"relative_error_threshold": 0.0, "default_learning_rate": 0.5, "error_measure_key": key}
    theirs = their_control(NewbobRelative, **parameters, history=history)
    ours = our_control(NewbobRelative, **parameters, history=history)
    for old, new in itertools.product(history, history):
        assert repr(ours.calc_relative_error(old, new)) == repr(theirs.calc_relative_error(old, new))


@given(data=st.data(), history=_float_histories(), default=own.learning_rates(), exclude=st.booleans())
@quiet()
def test_the_last_epoch_and_the_most_recent_rate_are_the_originals(data, history, default, exclude):
    theirs = their_control(default_learning_rate=default, history=history)
    ours = our_control(default_learning_rate=default, history=history)
    epoch = data.draw(_some_epochs(history))
    assert ours.get_last_epoch(epoch) == theirs.get_last_epoch(epoch)
    wanted = theirs.get_most_recent_learning_rate(epoch, exclude_current=exclude)
    assert repr(ours.get_most_recent_learning_rate(epoch, exclude_current=exclude)) == repr(wanted)


_SCORES = st.sampled_from([1.0, 1.5, 2.0, 0.5, -1.0, math.nan, math.inf, -math.inf, 0.0, -0.0])


@given(data=st.data(), history=_float_histories(_SCORES, st.sampled_from(["a", "b", "a_output"])))
@settings(max_examples=500)
@quiet()
def test_the_last_best_epoch_is_the_originals(data, history):
    key = data.draw(own.error_measure_keys(st.sampled_from(["a", "b"])))
    arguments = {
        "last_epoch": data.draw(_some_epochs(history) | st.just(own.HUGE_EPOCH)),
        "first_epoch": data.draw(st.just(1) | _some_epochs(history)),
        "only_last_epochs": data.draw(st.none() | st.integers(1, 6)),
        "filter_score": data.draw(st.just(math.inf) | _SCORES),
        "only_last_n": data.draw(st.integers(-1, 4)),
        "min_score_dist": data.draw(st.sampled_from([0.0, 0.5, 1.0, -0.5])),
    }
    assume(arguments["last_epoch"] - arguments["first_epoch"] < 10**5)  # the original visits each
    theirs = their_control(default_learning_rate=0.5, error_measure_key=key, history=history)
    ours = our_control(default_learning_rate=0.5, error_measure_key=key, history=history)
    wanted = theirs.get_last_best_epoch(**arguments)
    assert ours.get_last_best_epoch(**arguments) == wanted
    assert last_best_epoch(history, **arguments, measure=ErrorMeasure(key, stand_ins="returnn")) == wanted


_INNER_NAMES = st.sampled_from(["cost:output", "error:output", "output", "a:b:c", ":x", "cost:aux", ""])


@given(
    calls=st.lists(
        st.dictionaries(
            st.sampled_from(["dev_score", "train_score", "a"]),
            own.errors() | st.dictionaries(_INNER_NAMES, own.errors(), max_size=3),
            max_size=3,
        ),
        min_size=1,
        max_size=3,
    )
)
@quiet()
def test_nested_errors_are_flattened_and_added_as_in_the_original(calls):
    theirs, ours = their_control(default_learning_rate=0.5), our_control(default_learning_rate=0.5)
    for errors in calls:
        theirs.set_epoch_error(2, errors)
        ours.set_epoch_error(2, errors)
    found = ours.get_epoch_error_dict(2)
    assert repr(sorted(found.items())) == repr(sorted(theirs.get_epoch_error_dict(2).items()))


@quiet()
def test_a_nested_name_that_ends_in_its_first_colon_becomes_empty():
    theirs, ours = their_control(default_learning_rate=0.5), our_control(default_learning_rate=0.5)
    for control in (theirs, ours):
        control.set_epoch_error(1, {"a": {"cost:": 1.0, "b": 2.0}})
    assert dict(ours.get_epoch_error_dict(1)) == theirs.get_epoch_error_dict(1)


@quiet()
def test_an_epoch_without_data_has_neither_key_nor_value():
    theirs = their_control(default_learning_rate=0.5, error_measure_key="a")
    ours = our_control(default_learning_rate=0.5, error_measure_key="a")
    assert ours.get_epoch_error_key_value(1) == theirs.get_epoch_error_key_value(1)


@given(data=st.data(), history=_float_histories(), rate=own.learning_rates())
@quiet()
def test_a_default_for_an_epoch_fills_what_is_missing_or_zero_as_in_the_original(data, history, rate):
    epoch = data.draw(_some_epochs(history).filter(bool))
    theirs = their_control(default_learning_rate=0.5, history=history)
    ours = our_control(default_learning_rate=0.5, history=history)
    theirs.set_default_learning_rate_for_epoch(epoch, rate)
    ours.set_default_learning_rate_for_epoch(epoch, rate)
    assert repr(ours.history[epoch].learning_rate) == repr(theirs.epoch_data[epoch].learning_rate)


# ---- the file


def _alike(container):
    """Members of one type, so that their order is the same everywhere."""
    return st.sampled_from([st.integers(), st.text(max_size=6), st.binary(max_size=4)]).flatmap(container)


def _shared_metas():
    """Meta values that the original writes so that they can be read again."""
    atoms = own.meta_atoms().filter(lambda value: not isinstance(value, str) or value.isprintable() or value.isascii())
    in_tuples = st.none() | st.booleans() | st.integers() | own.errors(finite=True) | own.texts()
    tuples = (
        st.lists(in_tuples, max_size=4).map(tuple).filter(lambda value: not (len(value) == 1 and type(*value) is str))
    )
    values = atoms | tuples
    for _ in range(2):
        values = (
            atoms
            | tuples
            | st.lists(values, max_size=3)
            | st.lists(values, min_size=2, max_size=3).map(tuple)
            | _alike(lambda keys, parts=values: st.dictionaries(keys, parts, max_size=3))
            | _alike(lambda members: st.sets(members, max_size=1))  # of more the order is Python's
        )
    return values


def _shared_histories(meta=None):
    data = own.epoch_data(rates=own.learning_rates(), meta=own.metas(_shared_metas() if meta is None else meta))
    return own.histories(data)


def _saved_by_the_original(history, path):
    theirs = their_control(default_learning_rate=0.5, history=_plain(history))
    theirs.filename = str(path)
    theirs.save()
    return path.read_bytes()


def _plain(history):
    """The history with the mutable containers that a user of the original has."""
    return {
        epoch: EpochDataOfLists(data.learning_rate, dict(data.error), {k: _thawed(v) for k, v in data.meta.items()})
        for epoch, data in history.items()
    }


class EpochDataOfLists:
    """The same data, unfrozen."""

    def __init__(self, learning_rate, error, meta):
        self.learning_rate, self.error, self.meta = learning_rate, error, meta


def _thawed(value):
    kind = type(value).__name__
    if kind == "FrozenDict":
        return {_thawed(key): _thawed(item) for key, item in value.items()}
    if kind == "PSet":
        return {_thawed(item) for item in value}
    if isinstance(value, tuple):
        return tuple(map(_thawed, value))
    return list(map(_thawed, value)) if kind.endswith("Vector") or kind == "PythonPVector" else value


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("returnn")


@given(history=_shared_histories())
@settings(max_examples=150)
@quiet()
def test_the_file_is_byte_for_byte_the_originals(folder, history):
    assert TEXT.render(history).encode() == _saved_by_the_original(history, folder / "saved")


@given(history=_shared_histories())
@quiet()
def test_we_read_what_the_original_writes(folder, history):
    assert TEXT.parse(_saved_by_the_original(history, folder / "written").decode()) == history


@given(history=_shared_histories(own.meta_literals()))
@settings(max_examples=200)
@quiet()
def test_the_original_reads_what_we_write(folder, history):
    path = folder / "ours"
    path.write_bytes(TEXT.render(history).encode())
    theirs = returnn.ConstantLearningRate(default_learning_rate=0.5, filename=str(path))
    read = {epoch: (data.learning_rate, data.error, data.meta) for epoch, data in theirs.epoch_data.items()}
    assert History({e: EpochData(learning_rate=r, error=s, meta=m) for e, (r, s, m) in read.items()}) == history


@pytest.mark.parametrize("value", [("a",), (("a",),), [("a",)], {"k": ("a",)}])
@quiet()
def test_what_the_original_cannot_read_again_ours_can(folder, value):
    history = History({1: EpochData(learning_rate=0.5, meta={"m": value})})
    path = folder / "lost"
    _saved_by_the_original(history, path)
    with pytest.raises(NameError):
        returnn.ConstantLearningRate(default_learning_rate=0.5, filename=str(path))
    assert TEXT.parse(TEXT.render(history)) == history


@pytest.mark.parametrize("value", [([],), ([1],), ({1, 2},), ({"a": [1]},), ([1, [2.5]],)])
@quiet()
def test_a_container_in_a_one_element_tuple_is_written_as_the_original_does(folder, value):
    history = History({1: EpochData(learning_rate=0.5, meta={"m": value})})
    assert TEXT.render(history).encode() == _saved_by_the_original(history, folder / "tuple")


# ---- the mean


@given(values=st.lists(st.floats(), min_size=1, max_size=40), repeat=st.integers(1, 25))
@settings(max_examples=300)
@quiet()
def test_the_mean_is_numpys_for_any_floats(values, repeat):
    values = values * repeat
    assert repr(mean(values)) == repr(float(np.mean(values)))


@pytest.mark.parametrize("size", [1, 7, 8, 200])
@quiet()
def test_the_mean_of_negative_zeros_is_numpys(size):
    assert repr(mean([-0.0] * size)) == repr(float(np.mean([-0.0] * size)))


@quiet()
def test_the_mean_is_numpys_for_every_size_up_to_1000():
    generator = np.random.default_rng(1)
    for size in range(1, 1001):
        values = (generator.standard_normal(size) * 10.0 ** generator.integers(-12, 12, size)).tolist()
        assert mean(values).hex() == float(np.mean(values)).hex(), size


# ---- configurations


@st.composite
def _configs(draw, presets=None):
    """Typed settings that both take. The original wants floats to be float."""
    name = draw(st.sampled_from(_CONTROLS))
    threshold = draw(st.floats(-0.5, 0.5))
    choices = {
        "learning_rate": st.floats(1e-6, 10.0),
        "min_learning_rate": st.floats(1e-6, 1.0),
        "learning_rates": own.presets().filter(lambda rates: rates != {}) if presets is None else presets,
        "learning_rate_control_error_measure": st.sampled_from(["a", "b", "dev_score"]),
        "learning_rate_control_relative_error_relative_lr": st.booleans(),
        "learning_rate_control_min_num_epochs_per_new_lr": st.integers(0, 3),
        "newbob_relative_error_div_by_old": st.booleans(),
        "learning_rate_decay": st.floats(0.0, 1.0) | st.none() | st.just(own.a_third),
        "newbob_learning_rate_decay": st.floats(0.0, 1.0) | st.none(),
        "learning_rate_growth": st.floats(1.0, 3.0) | st.none() | st.just(own.a_little_more),
        "newbob_learning_rate_growth": st.floats(1.0, 3.0),
        "newbob_relative_error_threshold": st.just(threshold),
        "newbob_error_threshold": st.floats(-0.5, 0.5),
        "newbob_multi_num_epochs": st.integers(1, 4),
        "newbob_multi_update_interval": st.integers(1, 4),
        "newbob_relative_error_grow_threshold": st.floats(-1.0, min(threshold, -0.01)),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(choices))))
    return {"learning_rate_control": name} | {key: draw(choices[key]) for key in sorted(chosen)}


def _assert_same_parameters(theirs, schedule):
    if presets := getattr(theirs, "default_learning_rates", None):
        assert isinstance(schedule, Preset)
        if not isinstance(presets, dict):
            presets = dict(enumerate(presets, start=1))
        assert dict(schedule.learning_rates) == presets
        schedule = schedule.schedule
    if theirs.min_num_epochs_per_new_learning_rate:
        assert schedule.min_num_epochs == theirs.min_num_epochs_per_new_learning_rate
        schedule = schedule.schedule
    assert _THEIR_CLASS[type(schedule)] is type(theirs)
    key = theirs.error_measure_key
    assert schedule.error_measure_key == ((key,) if isinstance(key, str) else tuple(key or ()))
    assert schedule.stand_ins == "returnn"
    for field in {field.name for field in type(schedule).__attrs_attrs__} - _OURS_ALONE - {"error_measure_key"}:
        assert getattr(schedule, field) == getattr(theirs, field), field


def _assert_same_rates(theirs, schedule, errors):
    ours = LearningRateControl(schedule)
    for epoch, error in enumerate([*errors, None], start=1):
        assert repr(ours.get_learning_rate_for_epoch(epoch)) == repr(theirs.get_learning_rate_for_epoch(epoch))
        if error is not None:
            ours.set_epoch_error(epoch, error)
            theirs.set_epoch_error(epoch, error)


_ERRORS = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "dev_score"]), own.usual_errors(), max_size=3), max_size=10
)


@given(settings_=_configs(), errors=_ERRORS)
@settings(max_examples=200)
@quiet()
def test_typed_settings_mean_what_they_mean_to_the_original(settings_, errors):
    theirs = returnn.load_learning_rate_control_from_config(Config(settings_))
    schedule = schedule_from_config(settings_)
    _assert_same_parameters(theirs, schedule)
    _assert_same_rates(theirs, schedule, errors)


def _their_config(path, content):
    path.write_text(content, encoding="utf-8")
    config = Config()
    config.load_file(str(path))
    return config


@given(settings_=_configs(), errors=_ERRORS, indent=st.sampled_from([None, 2]))
@settings(max_examples=150)
@quiet()
def test_json_files_mean_what_they_mean_to_the_original(folder, settings_, errors, indent):
    settings_ = {key: None if callable(value) else value for key, value in settings_.items()}
    if isinstance(settings_.get("learning_rates"), dict):
        settings_["learning_rates"] = repr(settings_["learning_rates"])  # JSON has no int for a key
    content = json.dumps(settings_, indent=indent)
    theirs = returnn.load_learning_rate_control_from_config(_their_config(folder / "json.config", content))
    schedule = schedule_from_config(parse_config(content, "json.config"))
    _assert_same_parameters(theirs, schedule)
    _assert_same_rates(theirs, schedule, errors)


_FACTORS = frozenset(
    {"learning_rate_decay", "newbob_learning_rate_decay", "learning_rate_growth", "newbob_learning_rate_growth"}
)
_PRESET_LISTS = st.lists(own.usual_learning_rates(), min_size=1, max_size=4)


@given(
    settings_=_configs(_PRESET_LISTS),
    errors=_ERRORS,
    space=st.sampled_from([" ", "\t", "   "]),
    end=st.sampled_from(["", " ", "  # why", "#why"]),
    between=st.sampled_from(["\n", "\n\n", "\n# a comment\n"]),
)
@settings(max_examples=150)
@quiet()
def test_files_of_lines_mean_what_they_mean_to_the_original(folder, settings_, errors, space, end, between):
    lines = []
    for key, value in settings_.items():
        if key not in _FACTORS:
            shown = ",".join(map(repr, value)) if isinstance(value, list) else str(value)
            lines.append(f"{key}{space}{shown}{end}")
    content = between.join(lines) + "\n"
    theirs = returnn.load_learning_rate_control_from_config(_their_config(folder / "lines.config", content))
    schedule = schedule_from_config(parse_config(content, "lines.config"))
    _assert_same_parameters(theirs, schedule)
    _assert_same_rates(theirs, schedule, errors)


@pytest.mark.parametrize(
    ("line", "theirs_has", "ours_has"),
    [
        ("learning_rate_decay 0.75", 0.5, 0.75),  # as text it is overlooked
        ("newbob_learning_rate_decay 0.25", "0.25", 0.25),  # as text it stops the training at the first decay
    ],
)
@quiet()
def test_a_decay_in_a_file_of_lines_counts_with_ours_alone(folder, line, theirs_has, ours_has):
    content = f"learning_rate_control newbob\n{line}\n"
    theirs = returnn.load_learning_rate_control_from_config(_their_config(folder / "decay.config", content))
    assert theirs.learning_rate_decay == theirs_has
    assert schedule_from_config(parse_config(content, "decay.config")).learning_rate_decay == ours_has


@quiet()
def test_a_comma_in_the_error_measure_of_a_file_of_lines_is_part_of_the_key_in_both(folder):
    content = "learning_rate_control newbob\nlearning_rate_control_error_measure a,b\n"
    theirs = returnn.load_learning_rate_control_from_config(_their_config(folder / "comma.config", content))
    with pytest.warns(SettingWarning, match="one key with a comma"):
        schedule = schedule_from_config(parse_config(content, "comma.config"))
    assert schedule.error_measure_key == (theirs.error_measure_key,) == ("a,b",)
