"""Doubts about which error counts: each is told once, by whatever asks; and none without a reason."""

import logging
import math
import warnings

import attrs
import pytest
from hypothesis import example, given, strategies as st

import lrsched.returnn
from lrsched import (
    Constant,
    EpochData,
    History,
    HoldLearningRate,
    LearningRateControl,
    MeasureWarning,
    MemoryStorage,
    NewbobAbs,
    NewbobMultiEpoch,
    NewbobRelative,
    Preset,
    Product,
    schedule_from_config,
)
from lrsched.schedules.newbob import Newbob
from lrsched.simulation import compare, explain, replay, sweep, sweeping, verify
from lrsched.testing import strategies

RULE = NewbobRelative(-0.01, default_learning_rate=0.5, learning_rate_decay=0.5)
MULTI = NewbobMultiEpoch(2, 1, default_learning_rate=0.5)


def named(key, **parameters):
    return attrs.evolve(RULE, error_measure_key=key, **parameters)


def recorded(errors, *, step=1):
    """The epochs of a training run at one rate, and the next one."""
    numbered = enumerate([*errors, {}], start=1)
    return History({step * epoch: EpochData(learning_rate=0.5, error=error) for epoch, error in numbered})


def through_control(schedule, history):
    control = LearningRateControl(schedule)
    for epoch, data in history.items():
        control.get_learning_rate_for_epoch(epoch)
        control.set_epoch_error(epoch, data.error)
    return control


def through_steps(schedule, history):
    control = LearningRateControl(schedule)
    for epoch, data in history.items():
        for step in (0, 1):
            control.get_learning_rate(epoch, step=10 * epoch + step)
        control.set_epoch_error(epoch, data.error)


def through_errors_alone(schedule, history):
    control = LearningRateControl(schedule)
    for epoch, data in history.items():
        control.set_epoch_error(epoch, data.error)


ASKED = {
    "control": through_control,
    "control by steps": through_steps,
    "control without questions": through_errors_alone,
    "replay": replay,
    "free replay": lambda schedule, history: replay(schedule, history, "free"),
    "verify": verify,
    "compare": lambda schedule, history: compare({"it": schedule}, history),
    "explain": lambda schedule, history: explain(schedule, history, max(history)),
    "sweep": lambda schedule, history: sweep([schedule, attrs.evolve(schedule)], history),
}


def warned(ask, *arguments):
    """The warnings of a call, each as often as it comes; without the name that a sweep gives a history."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        ask(*arguments)
    assert all(each.category is MeasureWarning for each in seen)
    return [str(each.message).removeprefix("history: ") for each in seen]


def keras(epoch):
    return {"accuracy": 0.1 * epoch, "loss": 3.0 / epoch, "val_accuracy": 0.1 * epoch, "val_loss": 2.0 / epoch}


KERAS = [keras(epoch) for epoch in range(1, 9)]
EVERY_SECOND = [{"loss": 3.0, "val_loss": 2.0} if epoch % 2 else {"loss": 1.0 + 1.0 / epoch} for epoch in range(1, 13)]
ACCURACIES = [{"accuracy": accuracy} for accuracy in (0.1, 0.5, 0.7, 0.7, 0.6, 0.9)]
DOUBTFUL = {
    "nothing but accuracies": (RULE, ACCURACIES, ["epoch 1: no error counts among 'accuracy'"]),
    "a misspelt key": (named("val_lossy"), KERAS, ["epoch 1: there is no error 'val_lossy' among"]),
    "a misspelt key, strictly": (
        named("val_lossy", strict_error_key=True),
        KERAS,
        ["epoch 1: there is no error 'val_lossy' among"],
    ),
    "picked by the alphabet": (RULE, [{"cer": 2.0, "wer": 3.0}] * 6, ["epoch 1: of 'cer', 'wer' the alphabet picks"]),
    "a key at every second epoch": (
        named("val_loss"),
        EVERY_SECOND,
        [
            "epoch 2: there is no error 'val_loss' among 'loss', so 'loss'",
            "epoch 5: 4 decisions with errors and no two",
        ],
    ),
    "no key at every second epoch": (RULE, EVERY_SECOND, ["epoch 5: 4 decisions with errors and no two to compare"]),
    "an accuracy, as in RETURNN": (
        attrs.evolve(RULE, stand_ins="returnn"),
        ACCURACIES,
        ["epoch 1: 'accuracy' counts, and a smaller one as better"],
    ),
}
CLEAN = {
    "Keras": (RULE, KERAS),
    "Keras with a key": (named("loss"), KERAS),
    "one of several keys": (named(["wer", "val_loss"]), KERAS),
    "a rising accuracy": (named("accuracy", mode="max"), ACCURACIES),
    "a rising accuracy without a key": (attrs.evolve(RULE, mode="max"), KERAS),
    "a key at every second epoch": (named("val_loss", gaps="newest_with_key"), EVERY_SECOND),
    "two rules of which one may compare nothing now and then": (
        Product(named(["x", "y"]), named("z")),
        [{name: 1.0, "z": 1.0} for name in "xyyxxyyxxyyxx"],
    ),
    "an epoch without errors": (named("val_loss"), [*KERAS[:3], {}, *KERAS[3:]]),
    "a rule that looks at no error": (Constant(0.5, error_measure_key="missing"), KERAS),
    "a plain function": (lambda history, epoch: 0.5, ACCURACIES),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("doubt", DOUBTFUL)
def test_each_doubt_is_warned_of_once_by_whatever_asks(doubt, asked):
    schedule, errors, texts = DOUBTFUL[doubt]
    for around in (schedule, Preset(HoldLearningRate(schedule, 1), {}), Product(schedule, Constant(1.0))):
        seen = warned(ASKED[asked], around, recorded(errors))
        assert len(seen) == len(texts)
        assert all(each.startswith(text) for each, text in zip(seen, texts, strict=True))


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("case", CLEAN)
def test_without_a_reason_nothing_warns(case, asked):
    schedule, errors = CLEAN[case]
    if asked != "sweep" or attrs.has(type(schedule)):
        assert warned(ASKED[asked], schedule, recorded(errors)) == []


@pytest.mark.parametrize("asked", ASKED)
def test_epochs_need_not_be_numbered_one_after_the_other(asked):
    assert len(warned(ASKED[asked], named("val_lossy"), recorded(KERAS, step=1000))) == 1
    assert warned(ASKED[asked], named("val_loss"), recorded(KERAS, step=1000)) == []


@pytest.mark.parametrize("asked", ASKED)
def test_each_of_two_rules_has_its_own_doubts(asked):
    schedule = Product(named("a"), named("b", stand_ins="returnn"), named("a"))
    first, second = warned(ASKED[asked], schedule, recorded([{"val_loss": 1.0}] * 3))
    assert {"'a'" in first, "'a'" in second} == {True, False}


@pytest.mark.parametrize("at_once", [1, 2**16])
def test_a_sweep_says_which_history_and_warns_once_for_all_settings_with_the_same_measure(at_once, monkeypatch):
    monkeypatch.setattr(sweeping, "_MOST_ROWS", at_once)
    space = {
        "fixed": {"learning_rate_control": "newbob", "learning_rate_control_error_measure": "val_lossy"},
        "grid": {"newbob_learning_rate_decay": [0.5, 0.7], "learning_rate": [0.5, 0.1]},
    }
    losses = recorded([{"val_loss": 1.0}] * 3)
    histories = {"a": losses, "b": recorded([{"val_lossy": 1.0}] * 3), "c": losses}
    seen = warned(sweep, space, histories)
    assert [each[:30] for each in seen] == ["a: epoch 1: there is no error ", "c: epoch 1: there is no error "]


NAMES = st.sampled_from(["x", "x_output", "y", "val_loss", "val_accuracy", "loss", "accuracy"])
RULES = st.builds(
    lambda key, words: attrs.evolve(RULE, error_measure_key=key, **words),
    st.sampled_from(["x", ("x", "y")]),
    st.fixed_dictionaries(
        {},
        optional={
            "mode": st.just("max"),
            "strict_error_key": st.booleans(),
            "stand_ins": st.just("returnn"),
            "gaps": st.just("newest_with_key"),
            "non_finite_error": st.just("original"),
        },
    ),
)
SOME_ERRORS = st.dictionaries(NAMES, st.sampled_from([1.0, 2.0, math.nan]), max_size=3)


@given(RULES | st.just(RULE), st.lists(SOME_ERRORS | st.just({"x": 1.0}), max_size=12), st.sampled_from([1, 7]))
@example(RULE, [{"y": 1.0}, {"y": 1.0, "x": 1.0}, {}], 1)  # an error that comes after those that raised no doubt
def test_a_control_warns_of_what_a_replay_of_its_record_does(rule, errors, step):
    history = recorded(errors, step=step)
    expected = warned(replay, rule, history)
    for ask in (through_control, through_errors_alone, through_single_errors):
        assert warned(ask, rule, history) == expected
    assert warned(sweep, [rule, rule], history) == expected


def through_single_errors(schedule, history):
    control = LearningRateControl(schedule)
    for epoch, data in history.items():
        control.get_learning_rate_for_epoch(epoch)
        for name, value in data.error.items():
            control.set_epoch_error(epoch, {name: value})


# ---- settings and the drop-in: RETURNN's choice, with the warnings

SETTINGS = {"learning_rate_control": "newbob", "learning_rate": 0.5, "newbob_relative_error_threshold": -0.01}
AS_IN_RETURNN = [
    (
        None,
        KERAS,
        "accuracy",
        ["epoch 1: of 'accuracy', 'loss', 'val_accuracy', 'val_loss' the alpha", "epoch 1: 'acc"],
    ),
    ("val_lossy", [{"val_loss": 2.0}] * 4, "val_loss", ["epoch 1: there is no error 'val_lossy' among 'val_loss', so"]),
    (
        "dev_x",
        [{"dev_score": 2.0}] * 4,
        "dev_score",
        ["epoch 1: there is no error 'dev_x' among 'dev_score', so 'dev_s"],
    ),
    ("accuracy", ACCURACIES, "accuracy", ["epoch 1: 'accuracy' counts, and a smaller one as better"]),
    (None, [{"dev_score": 2.0, "dev_error": 1.0}] * 9, "dev_score", []),
    ("val_loss", KERAS, "val_loss", []),
]


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(("key", "errors", "counts", "texts"), AS_IN_RETURNN)
def test_settings_choose_as_returnn_does_and_warn(key, errors, counts, texts, asked):
    schedule = schedule_from_config({**SETTINGS, "learning_rate_control_error_measure": key})
    seen = warned(ASKED[asked], schedule, recorded(errors))
    assert [each[: len(text)] for each, text in zip(seen, texts, strict=True)] == texts
    assert {schedule.measure.key_of(data).key for data in recorded(errors).values()} == {counts, None}


@pytest.mark.parametrize(("key", "errors", "counts", "texts"), AS_IN_RETURNN)
def test_the_drop_in_chooses_as_returnn_does_and_logs(key, errors, counts, texts, caplog):
    control = lrsched.returnn.load_learning_rate_control_from_config(
        {**SETTINGS, "learning_rate_control_error_measure": key}
    )
    with caplog.at_level(logging.WARNING):
        for epoch, error in enumerate(errors, start=1):
            control.get_learning_rate_for_epoch(epoch)
            control.set_epoch_error(epoch, error)
        control.get_learning_rate_for_epoch(len(errors) + 1)
    logged = [each.getMessage().removeprefix("Learning-rate-control: ") for each in caplog.records]
    assert [each[: len(text)] for each, text in zip(logged, texts, strict=True)] == texts
    assert control.get_error_key(1) == counts


def test_settings_may_say_that_larger_is_better():
    schedule = schedule_from_config({**SETTINGS, "learning_rate_control_error_measure": "accuracy"}, mode="max")
    assert warned(replay, schedule, recorded(ACCURACIES)) == []
    assert replay(schedule, recorded(ACCURACIES), "free").learning_rates.tolist() == [0.5] * 4 + [0.25, 0.125, 0.125]


# ---- what decides in the meantime


def free_rates(schedule, errors):
    """The rates of a schedule's own run: with a control, which a free replay gives, too."""
    with warnings.catch_warnings(action="ignore", category=MeasureWarning):
        rates = [data.learning_rate for data in through_control(schedule, recorded(errors)).history.values()]
        assert replay(schedule, recorded(errors), "free").learning_rates.tolist() == rates
        swept = sweep([schedule], recorded(errors), "free").histories["history"]
        assert swept.learning_rates.tolist() == [rates]
    return rates


def test_keras_like_errors_are_decided_by_the_validation_loss():
    bad = [{**error, "val_loss": 2.0} for error in KERAS]
    assert free_rates(RULE, KERAS) == [0.5] * 9
    assert free_rates(RULE, bad) == free_rates(named("val_loss"), bad) == [0.5, 0.5, *(0.5**n for n in range(2, 9))]


def test_a_misspelt_key_is_stood_in_for_and_nothing_counts_among_accuracies():
    bad = [{**error, "val_loss": 2.0} for error in KERAS]
    assert free_rates(named("val_lossy"), bad) == free_rates(named("val_loss"), bad)
    assert free_rates(RULE, ACCURACIES) == free_rates(named("val_lossy", strict_error_key=True), bad[:6]) == [0.5] * 7


def test_a_key_at_every_second_epoch_decides_where_gaps_say_so():
    assert free_rates(named("val_loss"), EVERY_SECOND) == [0.5] * 13
    with_gaps = free_rates(named("val_loss", gaps="newest_with_key"), EVERY_SECOND)
    assert with_gaps == [0.5, 0.5, 0.5, *(0.5 ** (2 + n // 2) for n in range(10))]  # after epochs 3, 5, 7, ...


@given(
    strategies.schedules(Newbob, keys=st.just("x")),
    st.lists(st.dictionaries(st.sampled_from(["x", "x_output"]), strategies.errors(), max_size=2), max_size=9),
    st.booleans(),
)
def test_a_rising_accuracy_is_the_mirror_image_of_a_falling_loss(rule, errors, grows):
    growth = 1.5 if grows else 1.0
    rule = attrs.evolve(rule, error_measure_key="x", strict_error_key=True, learning_rate_growth=growth)
    down, up = (attrs.evolve(rule, mode=mode) for mode in ("min", "max"))
    mirrored = [{name: -value for name, value in error.items()} for error in errors]
    assert free_rates(up, errors) == free_rates(down, mirrored)
    before = recorded(errors)
    for epoch in before:
        decided, mirror = up.decide(before, epoch), down.decide(recorded(mirrored), epoch)
        assert (decided.action, repr(decided.cause.change)) == (mirror.action, repr(mirror.cause.change))


@pytest.mark.parametrize("rule", [RULE, NewbobAbs(-0.01, default_learning_rate=0.5), attrs.evolve(MULTI, num_epochs=1)])
def test_a_rising_accuracy_keeps_or_grows_and_a_falling_one_decays(rule):
    rule = attrs.evolve(rule, error_measure_key="accuracy", mode="max", learning_rate_growth=1.5)
    rates = free_rates(rule, [{"accuracy": accuracy} for accuracy in (0.5, 0.75, 0.75, 0.25)])
    assert rates == [0.5, 0.5, 0.75, 0.375, 0.1875]


# ---- errors that come in parts

PARTS = st.lists(st.sampled_from(["loss", "val_loss", "accuracy", "val_accuracy"]), min_size=4, max_size=4, unique=True)


@given(PARTS, st.booleans(), st.booleans())
def test_a_run_whose_errors_come_one_by_one_warns_of_nothing(names, asks, restarts):
    """The training error first, or last; with questions before each epoch, or none; with restarts in between."""
    storage = MemoryStorage()
    with warnings.catch_warnings(action="error"):
        control = LearningRateControl(named("val_loss"), storage)
        for epoch, errors in enumerate(KERAS, start=1):
            if asks:
                control.get_learning_rate_for_epoch(epoch)
            for name in names:
                control.set_epoch_error(epoch, {name: errors[name]})
                if restarts:
                    control.save()
                    control = LearningRateControl(named("val_loss"), storage)


def test_an_evaluation_that_comes_late_is_no_doubt_if_nobody_had_to_decide_without_it():
    with warnings.catch_warnings(action="error"):
        control = LearningRateControl(named("val_loss"))
        control.set_epoch_error(1, {"loss": 1.0})
        control.get_learning_rate_for_epoch(1)
        control.set_epoch_error(1, {"val_loss": 1.0})
        control.get_learning_rate_for_epoch(2)
        control.set_epoch_error(2, {"loss": 1.0})
    with pytest.warns(MeasureWarning, match=r"^epoch 2: there is no error 'val_loss' among 'loss', so 'loss' counts$"):
        control.get_learning_rate_for_epoch(3)
    with warnings.catch_warnings(action="error"):
        control.get_learning_rate_for_epoch(3)
        control.set_epoch_error(3, {"loss": 1.0})
        control.get_learning_rate_for_epoch(4)


def resumed(*errors):
    """A training run with a misspelt key that starts again after these epochs."""
    return LearningRateControl(named("val_lossy"), MemoryStorage(recorded(errors).before(len(errors) + 1)))


def test_a_question_that_is_asked_again_is_no_further_decision():
    control = LearningRateControl(named(["x", "y"]))

    def ask_twice():
        for epoch, name in enumerate("xyxyxyx", start=1):
            control.set_learning_rate_for_epoch(epoch, 0.0)  # it is worked out again whenever it is asked for
            control.get_learning_rate_for_epoch(epoch)
            control.get_learning_rate_for_epoch(epoch)
            control.set_epoch_error(epoch, {name: 1.0})

    (text,) = warned(ask_twice)
    assert text.startswith("epoch 5: 4 decisions with errors and no two to compare")


def test_a_restart_warns_of_what_is_still_doubtful():
    assert warned(resumed, *KERAS) == []
    (text,) = warned(lambda: resumed(*KERAS).get_learning_rate_for_epoch(len(KERAS) + 1))
    assert text.startswith("epoch 8: there is no error 'val_lossy'")


def test_errors_that_come_after_a_restart_are_looked_at():
    control = resumed(*KERAS, {})  # the rate of the last epoch was saved before it had errors
    control.set_epoch_error(9, KERAS[0])
    (text,) = warned(control.get_learning_rate_for_epoch, 10)
    assert text.startswith("epoch 9: there is no error 'val_lossy'")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: resumed(*KERAS).get_learning_rate_for_epoch(9),
        lambda: replay(named("val_lossy"), recorded(KERAS)),
        lambda: explain(named("val_lossy"), recorded(KERAS), 3),
    ],
)
def test_the_warning_points_to_the_line_that_asked(ask):
    with pytest.warns(MeasureWarning) as seen:
        ask()
    assert [each.filename for each in seen] == [__file__]
