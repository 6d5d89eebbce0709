"""The laws that every schedule keeps, whatever the past holds."""

import importlib
import inspect
import pickle
import pkgutil
from itertools import pairwise
from math import inf, nextafter

import attrs
import strategies
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

import lrsched.schedules
from lrsched import (
    Action,
    Constant,
    EpochData,
    FunctionSchedule,
    History,
    HoldLearningRate,
    LearningRateControl,
    MemoryStorage,
    NewbobAbs,
    NewbobMultiEpoch,
    NewbobRelative,
    Preset,
    Schedule,
    as_schedule,
)
from lrsched.formats.text import TEXT
from lrsched.simulation.replaying import replay, verify

KEYS = st.sampled_from(["dev_score", "dev_error", "train_score"])
ERRORS = st.dictionaries(KEYS, strategies.errors(), max_size=2)
HISTORIES = strategies.histories(
    max_size=12,
    data=strategies.epoch_data(rates=st.none() | strategies.usual_learning_rates(), error=ERRORS, meta=st.just({})),
)
SCHEDULES = strategies.schedules(keys=KEYS)
RUNS = st.lists(ERRORS, min_size=1, max_size=12)


def next_epoch(history):
    return max(history, default=0) + 1


def trained(schedule, errors):
    """The history of a training that has these errors."""
    history = schedule.prefill(History())
    for epoch, error in enumerate(errors, start=1):
        rate = history[epoch].learning_rate if epoch in history else schedule(history, epoch)
        history = history.set(epoch, EpochData(learning_rate=rate, error=error))
    return history


@given(SCHEDULES, HISTORIES, st.integers(1, 15))
def test_pure_the_same_question_has_the_same_answer_and_changes_nothing(schedule, history, epoch):
    before = pickle.dumps((schedule, history))
    first = schedule.decide(history, epoch)
    assert schedule.decide(history, epoch) == first
    assert pickle.dumps((schedule, history)) == before
    assert schedule.decide(History(dict(history.items())), epoch) == first
    assert schedule(history, epoch) == first.learning_rate


@given(SCHEDULES, HISTORIES, st.integers(1, 15), strategies.epoch_data())
def test_causal_data_at_or_after_the_epoch_changes_nothing(schedule, history, epoch, data):
    decision = schedule.decide(history, epoch)
    assert schedule.decide(history.before(epoch), epoch) == decision
    for later in (epoch, epoch + 1, epoch + 7):
        assert schedule.decide(history.set(later, data), epoch) == decision


@given(SCHEDULES, HISTORIES, st.integers(1, 15))
def test_a_decision_is_a_rate_and_the_past_it_comes_from(schedule, history, epoch):
    decision = schedule.decide(history, epoch)
    assert type(decision.learning_rate) is float
    assert 0 <= decision.learning_rate < float("inf")
    assert decision.describe()
    assert pickle.loads(pickle.dumps(decision)) == decision
    if "Preset" not in repr(schedule):  # presets of earlier epochs count as known rates
        assert decision.previous == history.most_recent_learning_rate(epoch)
    if decision.action is Action.DECAY:
        lower = decision.learning_rate < decision.previous
        assert lower or decision.learning_rate == getattr(schedule.rule, "min_learning_rate", None)
    if decision.action is Action.HOLD:
        assert decision.learning_rate == decision.previous


@given(strategies.newbob_schedules(keys=KEYS), HISTORIES, st.integers(1, 15))
def test_min_learning_rate_a_decay_never_goes_below_it(schedule, history, epoch):
    decision = schedule.decide(history, epoch)
    previous = decision.previous
    if previous is not None and decision.learning_rate < previous:
        assert decision.learning_rate >= schedule.min_learning_rate or decision.action is Action.DEFAULT


def on_errors(schedule, rate, *errors):
    """The decision after these errors, all trained at one rate."""
    past = {
        epoch: EpochData(learning_rate=rate, error={"dev_score": error}) for epoch, error in enumerate(errors, start=1)
    }
    return schedule.decide(History(past), len(errors) + 1)


def newbob(kind, threshold, **common):
    """A schedule of that kind that looks at the last two epochs."""
    arguments = (1, 1, threshold, -float("inf")) if kind is NewbobMultiEpoch else (threshold,)
    return kind(*arguments, **common)


KINDS = st.sampled_from([NewbobRelative, NewbobAbs, NewbobMultiEpoch])


@given(KINDS, strategies.usual_learning_rates(), strategies.usual_learning_rates(), st.floats(0.0, 1.0))
def test_min_learning_rate_a_decay_is_lifted_to_it_and_never_above(kind, rate, min_learning_rate, decay):
    common = {"default_learning_rate": 1.0, "min_learning_rate": min_learning_rate, "learning_rate_decay": decay}
    decision = on_errors(newbob(kind, -0.01, **common), rate, 1.0, 1.0)
    assert decision.learning_rate == max(rate * decay, min_learning_rate)
    assert decision.cause.lifted_from == (rate * decay if rate * decay < min_learning_rate else None)


@given(KINDS, strategies.usual_errors(), strategies.usual_errors())
def test_threshold_only_a_change_above_it_decays(kind, old, new):
    common = {"default_learning_rate": 1.0, "learning_rate_decay": 0.5}
    change = on_errors(newbob(kind, 0.0, **common), 1.0, old, new).cause.change
    assert on_errors(newbob(kind, change, **common), 1.0, old, new).learning_rate == 1.0
    assert on_errors(newbob(kind, nextafter(change, -inf), **common), 1.0, old, new).learning_rate == 0.5
    assert on_errors(newbob(kind, nextafter(change, inf), **common), 1.0, old, new).learning_rate == 1.0


@given(strategies.usual_errors(), strategies.usual_errors())
def test_grow_threshold_only_a_change_below_it_grows(old, new):
    common = {"default_learning_rate": 1.0, "learning_rate_growth": 2.0}
    change = on_errors(NewbobMultiEpoch(1, 1, inf, -inf, **common), 1.0, old, new).cause.change
    for threshold, rate in ((change, 1.0), (nextafter(change, inf), 2.0), (nextafter(change, -inf), 1.0)):
        assert on_errors(NewbobMultiEpoch(1, 1, inf, threshold, **common), 1.0, old, new).learning_rate == rate


@given(st.integers(1, 6), st.lists(strategies.usual_errors(), min_size=2, max_size=12), strategies.usual_errors())
def test_window_of_exactly_num_epochs_changes(num_epochs, errors, other):
    schedule = NewbobMultiEpoch(num_epochs, 1, -0.01, -0.01, default_learning_rate=1.0, learning_rate_decay=0.5)
    decision = on_errors(schedule, 1.0, *errors)
    oldest = max(len(errors) - num_epochs, 1)
    assert [each.old_epoch for each in decision.cause.comparisons] == list(range(oldest, len(errors)))
    for epoch in range(1, len(errors) + 1):
        changed = on_errors(schedule, 1.0, *errors[: epoch - 1], other, *errors[epoch:])
        assert (changed == decision) == (epoch < oldest or other == errors[epoch - 1])


@given(strategies.newbob_schedules(keys=KEYS), RUNS)
def test_min_learning_rate_a_training_that_starts_above_it_stays_there(schedule, errors):
    assume(schedule.default_learning_rate >= schedule.min_learning_rate)
    assert all(data.learning_rate >= schedule.min_learning_rate for data in trained(schedule, errors).values())


@given(strategies.newbob_schedules(keys=KEYS), st.integers(2, 5), RUNS)
def test_min_epochs_a_rate_lasts_at_least_that_long(schedule, min_num_epochs, errors):
    rates = [data.learning_rate for data in trained(HoldLearningRate(schedule, min_num_epochs), errors).values()]
    changes = [epoch for epoch, pair in enumerate(pairwise(rates), start=2) if pair[0] != pair[1]]
    assert all(later - earlier >= min_num_epochs for earlier, later in zip([1, *changes], changes, strict=False))


@given(strategies.newbob_schedules(keys=KEYS), st.integers(2, 5), HISTORIES)
def test_min_epochs_only_rates_that_lasted_are_changed(schedule, min_num_epochs, history):
    epoch = next_epoch(history)
    decision = HoldLearningRate(schedule, min_num_epochs).decide(history, epoch)
    rates = [data.learning_rate for _, data in history.newest(min_num_epochs, before=epoch)]
    lasted = len(rates) == min_num_epochs and len(set(rates)) == 1
    if rates and rates[-1] is not None and not lasted:
        assert decision.learning_rate == rates[-1]
    else:
        assert decision == schedule.decide(history, epoch)


@given(SCHEDULES, HISTORIES, st.integers(1, 15))
def test_a_neutral_wrapper_is_the_identity(schedule, history, epoch):
    decision = schedule.decide(history, epoch)
    for neutral in (HoldLearningRate(schedule, 0), HoldLearningRate(schedule, 1), Preset(schedule, {})):
        assert neutral.decide(history, epoch) == decision
        assert neutral.prefill(history) == schedule.prefill(history)
    assert as_schedule(schedule) is schedule


@given(SCHEDULES, RUNS, st.data())
def test_resume_cut_anywhere_a_training_goes_on_as_if_it_had_not_stopped(schedule, errors, data):
    """Also through the text of the file, and with the control that training code has."""
    uninterrupted = LearningRateControl(schedule)
    resumed = LearningRateControl(schedule)
    cuts = data.draw(st.sets(st.integers(1, len(errors))), label="cuts")
    for epoch, error in enumerate(errors, start=1):
        rates = [control.get_learning_rate_for_epoch(epoch) for control in (uninterrupted, resumed)]
        assert rates[0] == rates[1]
        for control in (uninterrupted, resumed):
            control.set_epoch_error(epoch, error)
        if epoch in cuts:
            stored = TEXT.parse(TEXT.render(resumed.history))
            resumed = LearningRateControl(schedule, MemoryStorage(stored))
    assert resumed.history == uninterrupted.history


@given(SCHEDULES, RUNS)
def test_replay_of_a_training_gives_its_rates(schedule, errors):
    history = trained(schedule, errors)
    assert verify(schedule, history) == ()
    assert verify(schedule, history, "free") == ()
    assert [each.epoch for each in replay(schedule, history)] == list(history)


@given(
    strategies.newbob_schedules(NewbobRelative, keys=KEYS) | strategies.newbob_schedules(NewbobMultiEpoch, keys=KEYS),
    st.lists(st.dictionaries(KEYS, strategies.usual_errors(), max_size=2), max_size=8),
    st.integers(-20, 20),
)
def test_scale_invariance_relative_rules_do_not_know_the_unit_of_the_error(schedule, errors, exponent):
    scaled = [{key: value * 2.0**exponent for key, value in error.items()} for error in errors]
    rates = [[data.learning_rate for data in trained(schedule, run).values()] for run in (errors, scaled)]
    assert rates[0] == rates[1]


@given(
    strategies.newbob_schedules(NewbobAbs, keys=KEYS),
    st.lists(st.dictionaries(KEYS, st.integers(-1000, 1000), max_size=2), max_size=8),
    st.integers(-(2**20), 2**20),
)
def test_shift_invariance_absolute_rules_do_not_know_the_zero_of_the_error(schedule, errors, shift):
    shifted = [{key: value + shift for key, value in error.items()} for error in errors]
    rates = [[data.learning_rate for data in trained(schedule, run).values()] for run in (errors, shifted)]
    assert rates[0] == rates[1]


@given(strategies.newbob_schedules(keys=KEYS), RUNS)
def test_growth_nothing_raises_a_rate_where_growth_is_neutral(schedule, errors):
    neutral = attrs.evolve(schedule, learning_rate_growth=1.0, min_learning_rate=0.0, learning_rate_decay=0.5)
    rates = [data.learning_rate for data in trained(neutral, errors).values()]
    assert rates == sorted(rates, reverse=True)


@given(
    strategies.newbob_schedules(keys=KEYS),
    st.lists(st.floats(0.01, 10.0), min_size=1, max_size=6),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
)
def test_non_finite_a_nan_never_raises_the_rate(schedule, errors, broken):
    safe = attrs.evolve(schedule, non_finite_error="worse", learning_rate_growth=2.0, min_learning_rate=0.0)
    safe = attrs.evolve(safe, learning_rate_decay=0.5)
    history = trained(safe, [{"dev_score": error} for error in [*errors, broken]])
    epoch = next_epoch(history)
    assert safe(history, epoch) <= history[epoch - 1].learning_rate


@given(SCHEDULES)
def test_a_schedule_is_equal_after_a_round_trip(schedule):
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    hash(schedule)


@given(HISTORIES, st.integers(1, 15), st.floats(0.0, 1.0))
def test_constant_is_the_newest_rate(history, epoch, default):
    rates = [d.learning_rate for e, d in history.items() if e < epoch and d.learning_rate is not None]
    assert Constant(default)(history, epoch) == (rates[-1] if rates else default)


@given(strategies.presets(), HISTORIES, st.integers(1, 15))
def test_a_preset_is_what_its_epoch_gets(rates, history, epoch):
    schedule = Preset(Constant(0.75), rates)
    given_rates = schedule.learning_rates
    if epoch in given_rates:
        assert schedule(history, epoch) == given_rates[epoch]
    filled = schedule.prefill(history)
    for each, data in filled.items():
        recorded = history.get(each, EpochData()).learning_rate
        assert data.learning_rate == (recorded or given_rates.get(each, recorded))


def test_every_schedule_of_the_house_is_under_these_laws():
    """A new one has to be added to the strategy."""
    seen = {FunctionSchedule}  # stands for any function; see test_wrappers.py

    @settings(derandomize=True, max_examples=200, phases=[Phase.generate])
    @given(SCHEDULES)
    def look(schedule):
        while hasattr(schedule, "schedule"):
            seen.add(type(schedule))
            schedule = schedule.schedule
        seen.add(type(schedule))

    look()
    modules = [
        importlib.import_module(info.name)
        for info in pkgutil.iter_modules(lrsched.schedules.__path__, "lrsched.schedules.")
    ]
    house = {
        found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Schedule) and not inspect.isabstract(found)
    }
    assert seen == house
