"""Explain: why an epoch has its rate, and what it would have taken to give it another one."""

import json
import math
import re

import attrs
import pytest
from hypothesis import assume, event, example, given, strategies as st

from lrsched import (
    Action,
    ArgumentError,
    Cause,
    Clamp,
    Combinator,
    Constant,
    Decision,
    EpochData,
    History,
    HoldLearningRate,
    NewbobAbs,
    NewbobMultiEpoch,
    NewbobRelative,
    Preset,
    Product,
    Scaled,
    Schedule,
)
from lrsched.core.schedule import Cursor, Moment, only_rule
from lrsched.schedules.combine import Composite
from lrsched.schedules.newbob import Newbob
from lrsched.simulation import explain
from lrsched.simulation.explaining import ThresholdChange, newest_change
from lrsched.testing import strategies

pytestmark = pytest.mark.filterwarnings("ignore::lrsched.errors.MeasureWarning")  # hostile histories deserve them

NEWBOB = NewbobRelative(-0.25, default_learning_rate=0.5, learning_rate_decay=0.5, error_measure_key="dev_score")


def _after(*scores, rate=0.5):
    return History({e: EpochData(learning_rate=rate, error={"dev_score": s}) for e, s in enumerate(scores, start=1)})


def _usual_data():
    """Rates and errors as trainings have them, and now and then awkward ones."""
    errors = st.dictionaries(st.just("dev_score"), strategies.errors(), min_size=1)
    return strategies.epoch_data(rates=strategies.usual_learning_rates(), error=errors, meta=st.just({}))


@st.composite
def questions(draw):
    """A schedule, a history and an epoch that the schedule answers."""
    data = draw(st.sampled_from([_usual_data(), strategies.epoch_data()]))
    schedule, history = draw(strategies.schedules()), draw(strategies.histories(data))
    epoch = draw(st.integers(1, max(history, default=0) + 2))
    try:
        schedule.decide(history, epoch)
    except ArgumentError:
        assume(False)
    return schedule, history, epoch


@given(questions())
def test_it_is_the_schedules_decision_and_never_fails_where_there_is_one(question):
    schedule, history, epoch = question
    explained = explain(schedule, history, epoch)
    assert explained.decision == schedule.decide(history, epoch)
    assert explained.epoch == epoch
    assert explained.recorded == (history[epoch].learning_rate if epoch in history else None)
    assert (explained.threshold_change is None) == (explained.unchangeable is not None)
    assert explained == explain(schedule, history, epoch) == explain(schedule, history.before(epoch + 1), epoch)
    json.loads(explained.to_json(), parse_constant=pytest.fail)
    assert explained.describe()
    table = explained.to_dict()
    assert len({len(column) for column in table.values()}) == 1
    event(explained.unchangeable or "another threshold gives another rate")


@st.composite
def answered_by_a_threshold(draw):
    """The same, where nearly always another threshold would have given another rate."""
    schedule = draw(strategies.schedules(Newbob, keys=st.just("dev_score")))
    changes = {
        "learning_rate_decay": draw(st.sampled_from([0.5, strategies.a_third, None])),
        "learning_rate_growth": 2.0,
    }
    if isinstance(schedule, NewbobMultiEpoch):
        changes["update_interval"] = 1
    schedule = attrs.evolve(schedule, min_learning_rate=0.0, **changes)
    if draw(st.booleans()):
        schedule = Preset(HoldLearningRate(schedule, draw(st.integers(0, 1))), {1: 0.5})
    scores = draw(st.lists(strategies.usual_errors() | st.integers(1, 2**53), min_size=2, max_size=6))
    return schedule, _after(*scores, rate=draw(st.floats(1e-3, 1.0))), len(scores) + 1


def _with_thresholds(schedule, **thresholds):
    """Written apart from the library's own."""
    if isinstance(schedule, Composite):
        return attrs.evolve(schedule, schedule=_with_thresholds(schedule.schedule, **thresholds))
    return attrs.evolve(schedule, **thresholds)


def _rate_with(schedule, parameter, value, history, epoch):
    try:
        changed = _with_thresholds(schedule, **{parameter: value})
    except ArgumentError:  # above it, growth is no growth
        changed = _with_thresholds(schedule, relative_error_threshold=value, relative_error_grow_threshold=value)
    try:
        return changed.decide(history, epoch).learning_rate
    except ArgumentError:  # the growth is not finite
        return None


@given(answered_by_a_threshold())
@example((NEWBOB, _after(4.0, 3.9), 3))
@example((attrs.evolve(NEWBOB, relative_error_threshold=math.inf), _after(4.0, 3.9), 3))
@example((attrs.evolve(NEWBOB, relative_error_threshold=-math.inf), _after(4.0, 3.9), 3))
@example((NewbobAbs(0.0, default_learning_rate=1.0, learning_rate_decay=0.5), _after(1, 2), 3))
@example((NewbobAbs(0.0, default_learning_rate=1.0, learning_rate_decay=0.5), _after(2**53 - 1, -(2**53)), 3))
@example((NewbobAbs(-5e-324, default_learning_rate=1.0, learning_rate_decay=0.5), _after(1.0, 1.0), 3))
def test_the_change_of_a_threshold_changes_the_rate_and_no_smaller_one_does(question):
    schedule, history, epoch = question
    explained = explain(schedule, history, epoch)
    change, rate = explained.threshold_change, explained.decision.learning_rate
    assume(change is not None)
    assert math.isfinite(change.new)
    assert change.old == getattr(only_rule(schedule), change.parameter)
    assert _rate_with(schedule, change.parameter, change.new, history, epoch) == change.decision.learning_rate != rate
    nearer = math.nextafter(change.new, change.old)
    assert nearer == change.old or _rate_with(schedule, change.parameter, nearer, history, epoch) in (rate, None)


@given(answered_by_a_threshold() | questions(), st.data())
def test_no_other_threshold_has_to_change_less(question, data):
    schedule, history, epoch = question
    assume(all(len(part.parts) <= 1 for part in _parts(schedule)))
    explained = explain(schedule, history, epoch)
    rule, change, rate = only_rule(schedule), explained.threshold_change, explained.decision.learning_rate
    names = [field.name for field in attrs.fields(type(rule)) if field.name.endswith("threshold")]
    assume(names)
    name = data.draw(st.sampled_from(names))
    old = getattr(rule, name)
    finite = st.floats(allow_nan=False, allow_infinity=False)
    if change is None:
        value = data.draw(strategies.thresholds().filter(math.isfinite) | finite)
    else:
        distance = abs(change.new - change.old)
        assume(math.isfinite(distance) and math.isfinite(old))
        value = data.draw(st.floats(old - distance, old + distance))
        assume(abs(value - old) < distance * (1 - 1e-9) and math.isfinite(value))
    assert _rate_with(schedule, name, value, history, epoch) in (rate, None)


def _parts(schedule):
    return [schedule, *(each for part in schedule.parts for each in _parts(part))]


@pytest.mark.parametrize(
    ("threshold", "scores", "new", "action"),
    [
        (-0.25, (4.0, 4.0), 0.0, Action.KEEP),
        (0.0, (4.0, 4.0), -5e-324, Action.DECAY),
        (-0.25, (4.0, 2.0), math.nextafter(-1.0, -2.0), Action.DECAY),
        (math.inf, (4.0, 4.0), -5e-324, Action.DECAY),
        (-math.inf, (4.0, 4.0), 0.0, Action.KEEP),
    ],
)
def test_what_it_would_have_taken(threshold, scores, new, action):
    schedule = attrs.evolve(NEWBOB, relative_error_threshold=threshold)
    change = explain(schedule, _after(*scores), 3).threshold_change
    assert (change.parameter, change.old, change.new) == ("relative_error_threshold", threshold, new)
    assert change.decision.action is action


def test_the_nearer_of_two_thresholds_and_the_other_moves_along():
    schedule = NewbobMultiEpoch(
        1, 1, 0.5, -0.5, default_learning_rate=0.5, learning_rate_decay=0.5, learning_rate_growth=2.0
    )
    nearly_grown = explain(schedule, _after(4.0, 3.0), 3)  # a change of -1/3
    assert nearly_grown.decision.action is Action.KEEP
    change = nearly_grown.threshold_change
    assert (change.parameter, change.decision.action) == ("relative_error_grow_threshold", Action.GROW)
    assert change.new == math.nextafter(-1 / 3, 1.0)
    equal = attrs.evolve(schedule, relative_error_threshold=-0.5)
    grown = explain(equal, _after(4.0, 2.0), 3)  # -1: one has to go below it, and both must
    assert grown.threshold_change.new == -1.0
    assert grown.threshold_change.decision.cause.grow_threshold == -1.0
    only_decays = attrs.evolve(equal, learning_rate_growth=None)
    decayed = explain(only_decays, _after(4.0, 2.0), 3).threshold_change
    assert (decayed.parameter, decayed.new) == ("relative_error_threshold", math.nextafter(-1.0, -2.0))
    assert decayed.decision.action is Action.DECAY


def test_the_nearest_is_so_exactly_not_only_up_to_rounding():
    schedule = NewbobMultiEpoch(1, 1, 0.5, 0.5, default_learning_rate=0.5, learning_rate_growth=2.0)
    change = explain(schedule, _after(4.0, 4.0), 3).threshold_change
    assert (change.new, change.decision.action) == (0.0, Action.KEEP)


@pytest.mark.parametrize(
    ("schedule", "scores", "why"),
    [
        (Constant(0.5), (4.0, 4.0), "no threshold is found in the schedule"),
        (lambda history, epoch: 0.5, (4.0, 4.0), "no threshold is found in the schedule"),
        (NEWBOB, (4.0,), "no change was held against one"),
        (NEWBOB, (math.inf, 4.0), "nothing was compared"),
        (HoldLearningRate(NEWBOB, 3), (4.0, 4.0), "the rate is held, whatever the error is"),
        (Preset(NEWBOB, {3: 0.1}), (4.0, 4.0), "the rate is preset, whatever the error is"),
        (NEWBOB, (4.0, math.inf), "only an infinite one does"),
        (
            attrs.evolve(NEWBOB, learning_rate_decay=1.0),
            (4.0, 4.0),
            "on its other side there is the same rate, or none",
        ),
        (
            attrs.evolve(NEWBOB, min_learning_rate=0.5),
            (4.0, 4.0),
            "the rate is at the minimum, where a decay and none are the same",
        ),
        (NEWBOB, (4.0, 0.0), "relative error -inf is on the same side of all"),
        (
            attrs.evolve(NEWBOB, non_finite_error="original"),
            (4.0, math.nan),
            "relative error nan is on the same side of all",
        ),
    ],
)
def test_why_no_threshold_gives_another_rate(schedule, scores, why):
    explained = explain(schedule, _after(*scores), len(scores) + 1)
    assert (explained.threshold_change, explained.unchangeable) == (None, why)
    assert explained.describe().endswith(f"otherwise   no finite threshold gives another rate: {why}")


def test_what_the_rule_says_where_a_wrapper_decides():
    alone = NEWBOB.decide(_after(4.0, 4.0), 3)
    held = explain(Preset(HoldLearningRate(NEWBOB, 3), {1: 0.5}), _after(4.0, 4.0), 3)
    assert (held.decision.action, held.decision.learning_rate) == (Action.HOLD, 0.5)
    assert held.decision.cause.inner == (alone,)
    assert alone.action is Action.DECAY
    assert f"instead of  {alone.describe()}" in held.describe().splitlines()
    given = explain(HoldLearningRate(Preset(NEWBOB, {2: 0.5, 3: 0.1}), 0), _after(4.0, 4.0), 3)
    assert (given.decision.action, given.decision.cause.inner) == (Action.PRESET, (alone,))
    asked = explain(HoldLearningRate(NEWBOB, 2), _after(4.0, 4.0), 3)
    assert asked.decision == alone  # the hold has no say
    assert not any(line.startswith("instead of") for line in asked.describe().splitlines())


@attrs.frozen
class Half(Combinator):
    """Somebody's own: its part has another name."""

    inside: Schedule

    @property
    def parts(self):
        return (self.inside,)

    def combine(self, *rates):
        return rates[0] / 2

    def by_hand(self, learning_rate, *rates):
        return (learning_rate * 2,)


@pytest.mark.parametrize("around", [lambda rule: Scaled(rule, 0.5), Half, lambda rule: Clamp(Half(rule), maximum=9.0)])
def test_inside_combinators_the_rule_is_explained(around):
    alone, inside = (
        explain(NEWBOB, _after(4.0, 4.0, rate=0.5), 3),
        explain(around(NEWBOB), _after(4.0, 4.0, rate=0.25), 3),
    )
    assert inside.comparisons == alone.comparisons
    assert inside.decision.innermost == alone.decision
    lines = inside.describe().splitlines()
    (made_of,) = (line for line in lines if alone.decision.describe() in line)
    assert made_of.startswith("made of    ")
    assert alone.describe().splitlines()[-2].split() == lines[-2].split()  # compared
    assert (inside.threshold_change.new, inside.threshold_change.decision.learning_rate) == (0.0, 0.25)


def test_presets_of_other_epochs_are_known_to_the_rule_that_is_asked_instead():
    schedule = Preset(NEWBOB, {2: 0.125, 3: 0.1})
    history = History({1: EpochData(learning_rate=0.5), 2: EpochData(error={"dev_score": 1.0})})
    (instead,) = explain(schedule, history, 3).decision.cause.inner
    assert instead.previous == 0.125


def test_a_rule_that_has_no_answer_where_it_was_not_asked():
    def fails(history, epoch):
        raise KeyError(epoch)

    explained = explain(Preset(fails, {1: 0.5}), History(), 1)
    assert (explained.decision.action, explained.decision.cause.inner) == (Action.PRESET, ())
    with pytest.raises(KeyError):
        explain(Preset(fails, {1: 0.5}), History(), 2)


class _NoAttrs(Schedule):
    """Nobody must use attrs."""

    def decide(self, history, epoch):
        return NEWBOB.decide(history, epoch)


def test_any_schedule_is_explained():
    explained = explain(HoldLearningRate(_NoAttrs(), 2), _after(4.0, 4.0), 3)
    assert explained.decision == NEWBOB.decide(_after(4.0, 4.0), 3)
    assert explained.unchangeable == "no threshold is found in the schedule"


def test_in_words():
    history = _after(4.0, 4.0, 4.0).set(4, EpochData(learning_rate=0.3))
    schedule = NewbobMultiEpoch(
        2,
        1,
        -0.25,
        -0.5,
        default_learning_rate=1.0,
        min_learning_rate=0.375,
        learning_rate_decay=0.5,
        error_measure_key="dev_score",
        relative_error_also_relative_to_learning_rate=True,
    )
    explained = explain(schedule, history, 4)
    assert explained.describe().splitlines() == [
        f"epoch 4     {explained.decision.describe()}",
        "recorded    0.3, which differs",
        "compared    dev_score 4.0 -> 4.0 (epochs 1 -> 2), a change of 0.0 (divided by 0.5)",
        "compared    dev_score 4.0 -> 4.0 (epochs 2 -> 3), a change of 0.0 (divided by 0.5)",
        f"otherwise   {explained.threshold_change.describe()}",
    ]
    assert explained.decision.describe() == (
        "0.5 -> 0.375 (decay, newbob_multi_epoch): mean relative error 0 is above the threshold -0.25; "
        "dev_score 4 -> 4 (epochs 2 -> 3) and 1 before; lifted from 0.25 to the minimum"
    )
    assert explained.threshold_change.describe() == (
        "with relative_error_threshold 0.0 instead of -0.25: 0.5 (keep, newbob_multi_epoch): mean relative error 0 is "
        "between the grow threshold -0.5 and the threshold 0; dev_score 4 -> 4 (epochs 2 -> 3) and 1 before"
    )


def test_in_words_what_is_made_of_what():
    schedule = HoldLearningRate(Product(Scaled(NEWBOB, 0.5), lambda history, epoch: 1.0), 9)
    lines = explain(schedule, _after(4.0, 4.0, rate=0.25), 3).describe().splitlines()
    assert [line[:24].rstrip() for line in lines] == [
        "epoch 3     0.25 (hold,",
        "recorded    no rate",
        "instead of  0.25 -> 0.12",
        "made of       0.25 -> 0.",
        "made of         0.5 -> 0",
        "compared          dev_sc",
        "made of       1 (keep, <",
        "otherwise   no finite th",
    ]


def test_the_table_has_a_row_for_each_compared_epoch():
    history = _after(4.0, 2.0, 2.0)
    schedule = NewbobMultiEpoch(2, 1, -0.25, -0.5, default_learning_rate=1.0)
    table = {
        "epoch": [1, 2, 3],
        "error_key": ["dev_score"] * 3,
        "error": [4.0, 2.0, 2.0],
        "change": [None, -1.0, 0.0],
    }
    assert explain(schedule, history, 4).to_dict() == table
    assert explain(HoldLearningRate(schedule, 9), history, 4).to_dict() == table
    assert explain(schedule, history, 1).to_dict() == {"epoch": [], "error_key": [], "error": [], "change": []}


def test_later_epochs_are_not_looked_at():
    seen = []

    def look(history, epoch):
        seen.append(list(history))
        return 0.5

    explain(look, _after(1.0, 2.0, 3.0), 3)
    assert seen == [[1, 2]]


@pytest.mark.parametrize("epoch", [0, -1, 1.5, "1", None, True, 2**63])
def test_what_is_no_epoch_is_refused(epoch):
    with pytest.raises(ArgumentError, match="epoch must be an integer"):
        explain(NEWBOB, History(), epoch)


def test_it_is_a_frozen_value():
    explained = explain(NEWBOB, _after(4.0, 4.0), 3)
    assert isinstance(explained.threshold_change, ThresholdChange)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        explained.epoch = 4


def test_from_an_infinite_threshold_the_nearer_value_is_the_larger_one():
    schedule = NewbobMultiEpoch(
        1, 1, math.inf, math.inf, default_learning_rate=0.5, learning_rate_decay=None, learning_rate_growth=2.0
    )
    change = explain(schedule, _after(4.0, 4.0), 3).threshold_change
    assert (change.old, change.new, change.decision.action) == (math.inf, 0.0, Action.KEEP)


def test_a_schedule_is_shown_the_epochs_before_only():
    seen = []

    class Looks(Schedule):
        def decide(self, history, epoch):
            seen.append(list(history))
            return NEWBOB.decide(history, epoch)

    explain(Looks(), _after(4.0, 4.0, 4.0, 4.0), 3)
    assert set(map(tuple, seen)) == {(1, 2)}


def test_a_threshold_may_be_a_whole_number():
    schedule = NewbobAbs(0, default_learning_rate=0.5, learning_rate_decay=0.5)
    change = explain(schedule, _after(1, 2), 3).threshold_change
    assert (change.parameter, change.old, change.new) == ("error_threshold", 0, 1.0)


@pytest.mark.parametrize(
    ("rates", "epoch"),
    [
        ((), None),
        ((0.5,), None),
        ((None, 0.5, 0.5), None),
        ((0.5, 0.25, 0.25, 0.125, 0.125), 4),
        ((0.5, None, 0.25, None, 0.25), 3),
        ((0.5, 0.0, 0.0), 2),
        ((0.5, 0.0, 0.5), 3),
    ],
)
def test_the_newest_change_of_the_rate(rates, epoch):
    history = History({e: EpochData(learning_rate=rate) for e, rate in enumerate(rates, start=1)})
    assert newest_change(history) == epoch


def test_labels_and_words_stay_apart_however_far_the_training_is():
    history = History({10**12: EpochData(learning_rate=0.5)})
    assert (
        explain(Constant(0.5), history, 10**12 + 1).describe().splitlines()[0]
        == "epoch 1000000000001 0.5 (keep, constant): the newest rate"
    )


# ---- schedules of one's own


@attrs.frozen
class Halved(Schedule):
    """A wrapper that only decides: half of its part's rate, with the part's decision inside."""

    rule: Schedule

    def decide(self, history, epoch):
        decision = self.rule.decide(history, epoch)
        cause = Cause("halved", "half of what the rule says", inner=(decision,))
        return Decision(decision.learning_rate / 2, decision.previous, decision.action, cause)


class NoAttrs(Schedule):
    """The same, not made by attrs."""

    def __init__(self, rule):
        self.rule = rule

    decide = Halved.decide


@attrs.frozen
class FirstOf(Schedule):
    """The same, with its parts in a tuple."""

    rules: tuple[Schedule, ...]

    def decide(self, history, epoch):
        return Halved(self.rules[0]).decide(history, epoch)


@pytest.mark.parametrize("wrapper", [Halved(NEWBOB), NoAttrs(NEWBOB), FirstOf((NEWBOB, Constant(1.0)))])
def test_a_wrapper_of_ones_own_is_no_rule(wrapper):
    alone, explained = explain(NEWBOB, _after(4.0, 4.0), 3), explain(wrapper, _after(4.0, 4.0), 3)
    first, _, made_of, compared, otherwise = explained.describe().splitlines()
    assert first == "epoch 3     0.5 -> 0.125 (decay, halved): half of what the rule says"
    assert made_of == f"made of     {alone.decision.describe()}"
    assert compared.split() == alone.describe().splitlines()[2].split()
    assert explained.comparisons == alone.comparisons
    if isinstance(wrapper, NoAttrs):  # nobody knows what it is made of
        assert otherwise.endswith("no finite threshold gives another rate: no threshold is found in the schedule")
    else:
        change = explained.threshold_change
        assert (change.parameter, change.old, change.new) == ("relative_error_threshold", -0.25, 0.0)
        assert (change.decision.learning_rate, change.decision.innermost.learning_rate) == (0.25, 0.5)


@attrs.frozen
class Patience(Schedule):
    """A rule with its own threshold, that compares by itself and keeps no comparisons."""

    patience_threshold: float = 0.0

    def decide(self, history, epoch):
        scores = [data.error["dev_score"] for _, data in history.newest(2, before=epoch)]
        change = scores[-1] - scores[0] if scores else 0.0
        rate = 0.25 if change > self.patience_threshold else 0.5
        cause = Cause("patience", "by itself", measure="rise", change=change, threshold=self.patience_threshold)
        return Decision(rate, 0.5, Action.of(0.5, rate), cause)


@attrs.frozen
class Silent(Patience):
    """The same, which does not say what it went by."""

    def decide(self, history, epoch):
        return attrs.evolve(super().decide(history, epoch), cause=Cause("silent", "it says nothing"))


def test_a_schedule_that_compares_by_itself_is_not_said_to_have_compared_nothing():
    explained = explain(Patience(), _after(4.0, 5.0), 3)
    assert explained.comparisons == ()
    change = explained.threshold_change
    assert (change.parameter, change.new, change.decision.learning_rate) == ("patience_threshold", 1.0, 0.5)
    for around in (lambda rule: Scaled(rule, 0.5), Halved, lambda rule: FirstOf((rule,))):
        assert explain(around(Patience()), _after(4.0, 5.0), 3).threshold_change.new == 1.0
    for schedule in (Silent(), Scaled(Silent(), 0.5), Constant(0.5), lambda history, epoch: 0.5):
        text = explain(schedule, _after(4.0, 5.0), 3).describe()
        assert "compared" not in text
        assert "no finite threshold gives another rate" in text


@pytest.mark.parametrize("error", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("policy", ["worse", "keep", "original"])
@pytest.mark.parametrize("kind", [NewbobRelative, NewbobAbs, NewbobMultiEpoch])
def test_an_error_that_is_not_finite_is_no_change_of_inf(kind, policy, error):
    rule = kind(default_learning_rate=0.5, non_finite_error=policy, **NEIGHBOURS.get(kind, {}))
    text = explain(rule, _after(4.0, error), 3).describe()
    assert repr(error) in text
    if policy != "original":  # where arithmetic decides, its answer is shown
        assert not re.search(r"(change of|error|difference) -?inf", text.replace(f"an error of {error!r}", ""))
    if policy == "worse":
        assert f"an error of {error} is worse than any other" in text
        assert f"dev_score 4.0 -> {error} (epochs 1 -> 2), worse than any other" in text


NEIGHBOURS = {NewbobMultiEpoch: {"num_epochs": 1}}

# ---- otherwise, inside

AROUND = {
    "scaled": lambda rule: Scaled(rule, 0.5),
    "clamp": lambda rule: Clamp(rule, 0.01, 9.0),
    "product": lambda rule: Product(rule, lambda history, epoch: 0.5),
    "factor": lambda rule: Product(Constant(0.5), rule),
    "factors": lambda rule: Product(Constant(0.5), Constant(0.5), Scaled(rule, 2.0)),
    "hold": lambda rule: HoldLearningRate(rule, 1),
    "preset": lambda rule: Preset(rule, {1: 0.5}),
    "own combinator": Half,
    "own wrapper": Halved,
    "own tuple": lambda rule: FirstOf((rule,)),
    "all": lambda rule: Preset(HoldLearningRate(Scaled(Clamp(Product(Constant(0.5), Half(rule))), 0.5), 1), {1: 0.5}),
}
RULES = st.sampled_from([NEWBOB, NewbobAbs(-0.25, default_learning_rate=0.5), attrs.evolve(NEWBOB, mode="max")])


@pytest.mark.parametrize("around", AROUND)
@given(RULES, st.lists(strategies.usual_errors(), min_size=2, max_size=4))
def test_the_other_threshold_is_right_inside_whatever_there_is_around(around, rule, scores):
    rule = attrs.evolve(rule, learning_rate_growth=1.5)
    schedule, history, epoch = AROUND[around](rule), _after(*scores, rate=0.125), len(scores) + 1
    explained = explain(schedule, history, epoch)
    change = explained.threshold_change
    assert change is not None
    assert explained.unchangeable is None
    nearer = math.nextafter(change.new, change.old)
    for value, is_new in ((change.new, True), (nearer, False), (change.old, False)):
        changed = AROUND[around](attrs.evolve(rule, **{change.parameter: value}))  # with what the parts remember
        decision = attrs.evolve(Cursor.over(schedule, history), schedule=changed).answer(Moment(epoch))
        assert (decision.learning_rate != explained.decision.learning_rate) == is_new
        if is_new:
            assert decision == change.decision


@pytest.mark.parametrize("around", [lambda rule: HoldLearningRate(rule, 9), lambda rule: Preset(rule, {3: 0.1})])
def test_where_the_parts_have_no_say_no_threshold_matters(around):
    assert explain(around(NEWBOB), _after(4.0, 4.0), 3).threshold_change is None
    inside = explain(Scaled(around(NEWBOB), 0.5), _after(4.0, 4.0, rate=0.25), 3)
    assert inside.threshold_change is None
    assert "otherwise   no finite threshold gives another rate" in inside.describe()


def test_of_two_rules_the_nearer_threshold_is_the_one():
    far, near = (attrs.evolve(NEWBOB, relative_error_threshold=threshold) for threshold in (-0.5, -0.25))
    for schedule in (Product(far, near), Product(near, far)):
        change = explain(schedule, _after(4.0, 4.0), 3).threshold_change
        assert (change.parameter, change.old, change.new) == ("relative_error_threshold", -0.25, 0.0)
