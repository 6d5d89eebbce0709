"""What a schedule has without saying so, and how a measure holds two epochs against each other."""

import math

import pytest

from lrsched import (
    Action,
    ArgumentError,
    Cause,
    Clamp,
    Constant,
    Cursor,
    Decision,
    EpochData,
    ErrorMeasure,
    Fold,
    History,
    HoldLearningRate,
    Moment,
    NewbobAbs,
    NewbobRelative,
    Preset,
    Product,
    Scaled,
    Schedule,
)
from lrsched.core.schedule import leaves, measures, only_rule


class Plain(Schedule):
    """A schedule that only decides."""

    def decide(self, history, epoch):
        return Decision(0.5 * epoch, None, Action.DEFAULT, Cause("plain", "so it is"))


def test_a_schedule_that_only_decides_has_the_usual_answers():
    schedule = Plain()
    history = History({1: EpochData(error={"dev_score": 2.0}), 2: EpochData(error={"dev_score": 1.0})})
    assert schedule(history, 3) == 1.5
    assert schedule.measure is None
    assert schedule.parts == ()
    assert schedule.need_error_info is True
    assert schedule.default_learning_rate is None
    assert schedule.fold(history) is history
    with pytest.raises(TypeError, match="abstract"):
        Schedule()


# ---- parts, their measures, and the only rule

RULE, OTHER = (kind(0.0, default_learning_rate=0.5, error_measure_key="x") for kind in (NewbobRelative, NewbobAbs))
ANOTHER = NewbobRelative(0.0, default_learning_rate=0.5, error_measure_key="y")


def test_the_leaves_are_the_parts_of_the_parts_that_have_none():
    nested = Preset(Product(HoldLearningRate(RULE, 3), Clamp(OTHER), Constant(1.0)), {})
    assert [*leaves(nested)] == [RULE, OTHER, Constant(1.0)]
    assert [*leaves(RULE)] == [RULE]


@pytest.mark.parametrize(
    ("schedule", "looked_at"),
    [
        (RULE, [ErrorMeasure("x")]),
        (Scaled(Preset(RULE, {}), 0.5), [ErrorMeasure("x")]),
        (Product(RULE, OTHER), [ErrorMeasure("x")]),  # one and the same
        (Product(RULE, Scaled(ANOTHER, 0.5)), [ErrorMeasure("x"), ErrorMeasure("y")]),
        (Product(RULE, Constant(1.0, error_measure_key="z")), [ErrorMeasure("x")]),  # it looks at none
        (Product(Plain(), lambda history, epoch: 1.0), []),
    ],
)
def test_the_measures_are_those_that_the_rates_depend_on(schedule, looked_at):
    assert [*measures(schedule)] == looked_at


def test_the_only_rule_is_inside_whatever_has_one_part():
    for schedule in (RULE, Scaled(RULE, 0.5), Preset(HoldLearningRate(Clamp(RULE), 3), {})):
        assert only_rule(schedule) is RULE
    with pytest.raises(ArgumentError, match=r"^Product has 2 parts, and not one rule; ask Product.parts\[0\]"):
        only_rule(Scaled(Product(RULE, OTHER), 0.5))


# ---- two epochs held against each other


def _compared(measure, old, new, *arguments):
    return measure.compare((3, EpochData(error=old)), (7, EpochData(error=new)), *arguments)


@pytest.mark.parametrize(
    ("arguments", "change"),
    [
        ((), -1.0),
        (("new",), -1.0),
        (("old",), -0.5),
        ((None,), -2.0),
        (("new", 0.5), -2.0),
        (("old", 2.0), -0.25),
    ],
)
def test_two_epochs_are_compared_under_the_error_that_counts(arguments, change):
    comparison = _compared(ErrorMeasure(), {"dev_score": 4.0, "a": 0.0}, {"dev_score": 2.0, "a": 9.0}, *arguments)
    assert (comparison.old_epoch, comparison.new_epoch) == (3, 7)
    assert (comparison.old_key.key, comparison.new_key.key) == ("dev_score", "dev_score")
    assert (comparison.old_error, comparison.new_error, comparison.change) == (4.0, 2.0, change)
    assert comparison.learning_rate_scale == (arguments[1] if len(arguments) > 1 else 1.0)


def test_the_policy_for_non_finite_errors_is_heard():
    assert _compared(ErrorMeasure(), {"a": 1.0}, {"a": math.nan}).change == math.inf
    assert _compared(ErrorMeasure(non_finite="keep"), {"a": 1.0}, {"a": math.nan}, "new", 0.5).change is None
    assert math.isnan(_compared(ErrorMeasure(non_finite="original"), {"a": 1.0}, {"a": math.nan}).change)


@pytest.mark.parametrize(
    ("old", "new", "errors"),
    [
        ({}, {"dev_score": 2.0}, (None, 2.0)),
        ({"dev_score": 0.0}, {}, (0.0, None)),
        ({}, {}, (None, None)),
        ({"dev_score": 4.0}, {"dev_error": 2.0}, (4.0, 2.0)),
        ({"dev_error": 4.0}, {"dev_score": 2.0}, (4.0, 2.0)),
    ],
)
def test_without_one_error_at_both_epochs_there_is_no_change(old, new, errors):
    comparison = _compared(ErrorMeasure(), old, new)
    assert (comparison.old_error, comparison.new_error, comparison.change) == (*errors, None)


def test_the_keys_and_their_strictness_hold_at_both_epochs():
    named, other = {"x": 2.0, "dev_score": 1.0}, {"dev_score": 4.0}
    for strict, stand_in in ((True, None), (False, 4.0)):
        measure = ErrorMeasure("x", strict=strict)
        forwards, backwards = _compared(measure, named, other), _compared(measure, other, named)
        assert (forwards.old_error, forwards.new_error, forwards.change) == (2.0, stand_in, None)
        assert (backwards.old_error, backwards.new_error, backwards.change) == (stand_in, 2.0, None)


def test_a_change_of_0_is_a_change():
    assert _compared(ErrorMeasure(), {"a": 0.0}, {"a": 0.0}, "new", 0.5).change == 0.0


# ---- folds, moments and cursors


class Counter(Fold):
    """Counts the epochs, and remembers at which steps they began."""

    def start(self):
        return ()

    def after(self, memory, moment, data):
        return (*memory, (moment.epoch, moment.step))

    def answer(self, memory, moment):
        reason = f"{memory}, asked at {moment.epoch}, {moment.step}"
        return Decision(1.0 / (1 + len(memory)), None, Action.PLAN, Cause("counter", reason))


def _began(*steps):
    meta = ({} if step is None else {"step": step} for step in steps)
    return History({epoch: EpochData(learning_rate=0.5, meta=each) for epoch, each in enumerate(meta, start=1)})


def test_a_fold_sees_the_epochs_before_in_order_with_their_first_steps():
    decision = Counter().decide(_began(0, None, 200, 300), 4, step=350)
    assert decision.cause.reason == "((1, 0), (2, None), (3, 200)), asked at 4, 350"
    assert Counter()(_began(0, None, 200), 4, 350) == 0.25
    assert Counter().decide(_began(0), 1).cause.reason == "(), asked at 1, None"


def test_the_newest_recorded_rate_is_the_previous_one_where_a_fold_does_not_say():
    assert Counter().decide(History(), 1).previous is None
    assert Counter().decide(_began(0, 100), 3).previous == 0.5
    history = _began(0).set(2, EpochData(error={"a": 1.0}))
    assert Counter().decide(history, 3).previous == 0.5
    assert Cursor.over(Counter(), history).answer(Moment(3)).previous == 0.5


@pytest.mark.parametrize("schedule", [Counter(), NewbobRelative(0.0, default_learning_rate=0.5), Constant(0.5)])
def test_a_cursor_is_never_changed(schedule):
    history = _began(0, 100, None, 300)
    cursors = [Cursor.over(schedule)]
    for epoch, data in history.items():
        cursors.append(cursors[-1].after(Moment.of(epoch, data), data))
    assert [cursor.epoch for cursor in cursors] == [0, 1, 2, 3, 4]
    assert [cursor.newest for cursor in cursors] == [None, 0.5, 0.5, 0.5, 0.5]
    for seen, cursor in enumerate(cursors):
        at_once = Cursor.over(schedule, history.before(seen + 1))
        assert cursor.answer(Moment(seen + 1)) == at_once.answer(Moment(seen + 1)) == schedule.decide(history, seen + 1)
        assert cursor.rate(Moment(seen + 1)) == schedule(history, seen + 1)
        assert cursor.along(history).memory == cursors[-1].memory
    assert cursors[-1].along(history) is cursors[-1]


def test_a_cursor_answers_for_later_epochs_only():
    cursor = Cursor.over(Counter(), _began(0, 100))
    for question in (cursor.answer, cursor.rate, lambda moment: cursor.after(moment, EpochData())):
        with pytest.raises(
            ArgumentError, match="epoch must be after epoch 2, the last one that the cursor has seen, got"
        ):
            question(Moment(2))


@pytest.mark.parametrize(
    ("arguments", "law"),
    [
        ({"epoch": 0}, "epoch must be an integer >= 1, got 0"),
        ({"epoch": 1.5}, "epoch must be an integer >= 1, got 1.5"),
        ({"epoch": 2**63}, "epoch must be an integer below"),
        ({"epoch": 1, "step": -1}, "step must be an integer >= 0, got -1; count from 0, over the whole training run"),
        ({"epoch": 1, "samples": 0.5}, "samples must be an integer >= 0"),
        ({"epoch": 1, "tokens": True}, "tokens must be an integer >= 0"),
    ],
)
def test_a_moment_counts_from_0_and_epochs_from_1(arguments, law):
    with pytest.raises(ArgumentError, match=f"^{law}"):
        Moment(**arguments)


def test_a_recorded_epoch_says_when_it_began_if_its_meta_values_can_mean_that():
    meta = {"step": 200, "samples": 6400, "tokens": 0}
    assert Moment.of(3, EpochData(meta=meta)) == Moment(3, 200, 6400, 0)
    assert Moment(3, **meta).counts == meta
    for other in (-1, 1.0, True, "200", None, (1,)):
        assert Moment.of(3, EpochData(meta={"step": other, "gpu": 1})) == Moment(3)


@pytest.mark.parametrize("answer", [0.1, None, "keep"])
def test_an_answer_must_be_a_decision(answer):
    class Answers(Counter):
        def answer(self, memory, moment):
            return answer

    with pytest.raises(ArgumentError, match=r"^the answer of Answers must be a Decision, got .*\Z"):
        Answers().decide(History(), 1)


def test_a_cursor_does_not_go_back():
    history = History({epoch: EpochData(learning_rate=0.1) for epoch in (1, 2, 3)})
    cursor = Cursor.over(Plain(), history)
    assert cursor.along(history) is cursor
    for shorter in (history.before(3), History()):
        with pytest.raises(ArgumentError, match="the last epoch of history must be after epoch 3"):
            cursor.along(shorter)


@pytest.mark.parametrize("left_out", ["start", "after", "answer", "decide"])
def test_a_schedule_has_to_say_what_it_does(left_out):
    base = Schedule if left_out == "decide" else Fold
    written = {name: getattr(Counter, name) for name in base.__abstractmethods__ - {left_out}}
    with pytest.raises(TypeError, match=left_out):
        type("Unfinished", (base,), written)()
    assert type("Finished", (base,), {**written, left_out: lambda *_: None})()
