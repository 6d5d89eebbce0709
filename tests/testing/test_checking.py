"""`check_schedule`: what it takes, what it says, how much it tries."""

import functools
import itertools
import json
import math
import random
import sys
import types

import attrs
import pytest
from hypothesis import strategies as st

from lrsched import (
    Action,
    ArgumentError,
    Cause,
    Constant,
    Decision,
    EpochData,
    History,
    HoldLearningRate,
    LrschedError,
    NewbobRelative,
    Preset,
    Schedule,
)
from lrsched.testing import (
    LAWS,
    BrokenLawError,
    Budget,
    Law,
    check_schedule,
    laws,
    schedule_tests,
    strategies,
    subject_of,
)

NEWBOB = NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=0.5)


def tenth(history, epoch):
    return 0.1


def fails_on_nan(history, epoch):
    """Its one fault needs an error that is NaN."""
    newest = history.newest(1, before=epoch)
    return -1.0 if newest and any(map(math.isnan, newest[0][1].error.values())) else 0.1


def report(what, *chosen, **options):
    return check_schedule(what, chosen or None, on_fail="report", **options)


def verdicts(told):
    return {each.law.name: each.verdict for each in told.laws}


# ---- what is checked


@pytest.mark.parametrize(
    ("what", "name"),
    [
        (NEWBOB, repr(NEWBOB)),
        (tenth, "tenth"),
        (lambda: NEWBOB, "<lambda>"),
        (lambda: tenth, "<lambda>"),
        (st.just(NEWBOB), f"just({NEWBOB!r})"),
        (lambda: st.just(tenth), "<lambda>"),
    ],
)
def test_schedules_functions_factories_and_strategies_can_be_checked(what, name):
    told = report(what, "answers", "causal", budget=20)
    assert (told.subject, verdicts(told)) == (name, {"answers": "holds", "causal": "holds"})


@attrs.frozen
class Halving(Schedule):
    default_learning_rate: float = 0.5

    def decide(self, history, epoch):
        rate = self.default_learning_rate / 2.0 ** min(epoch, 100)
        previous = history.most_recent_learning_rate(epoch)
        action = Action.DEFAULT if previous is None else Action.DECAY if rate < previous else Action.GROW
        return Decision(rate, previous, Action.KEEP if rate == previous else action, Cause("halving", "time"))


def test_a_class_that_needs_no_arguments_makes_its_schedule():
    told = report(Halving, budget=50)
    assert told.subject == "Halving"
    assert not told.broken
    assert verdicts(told)["round_trip"] == "holds"


@pytest.mark.parametrize("what", [None, 3, "halve", lambda one: one, NewbobRelative])
def test_what_cannot_be_checked_is_refused(what):
    with pytest.raises(ArgumentError, match="what is checked.* must be .*; "):
        check_schedule(what)


def test_what_can_be_called_without_arguments_makes_a_schedule_even_if_it_takes_two():
    def with_defaults(rate=0.1, decay=0.5):
        return NewbobRelative(-0.01, default_learning_rate=rate, learning_rate_decay=decay)

    told = report(with_defaults, "answers", "min_learning_rate", budget=20)
    assert verdicts(told) == {"answers": "holds", "min_learning_rate": "holds"}


def test_a_factory_that_makes_no_schedule_is_refused():
    with pytest.raises(ArgumentError, match="schedule must be a Schedule or a function"):
        check_schedule(lambda: 3)


def test_what_was_called_subject_already_is_one():
    subject = subject_of(tenth, "my name", "from here import my_name")
    assert report(subject, "answers", budget=5).subject == "my name"


# ---- laws


def test_all_laws_are_checked_unless_some_are_named():
    assert list(verdicts(report(NEWBOB, budget=5))) == list(LAWS)
    assert list(verdicts(report(NEWBOB, "pure", LAWS["causal"], budget=5))) == ["pure", "causal"]
    assert list(verdicts(check_schedule(NEWBOB, "pure", budget=5))) == ["pure"]


def test_an_unknown_law_is_refused():
    with pytest.raises(ArgumentError, match="a law must be one that there is, got 'casual'; did you mean 'causal'"):
        check_schedule(NEWBOB, ["casual"])
    with pytest.raises(ArgumentError, match="a law must be one that there is, got 3; there are answers, "):
        check_schedule(NEWBOB, [3])
    with pytest.raises(ArgumentError, match="a claim must be an optional law, got 'causal'; there are scale_invariant"):
        check_schedule(NEWBOB, claims=["causal"])


def below_one(schedule, history):
    """A law of one's own."""
    rates = [each.learning_rate for each in laws.answers_of(schedule, history).values()]
    if max(rates) >= 1.0:
        raise BrokenLawError(f"it gives {max(rates)}")
    return True


def test_a_law_of_ones_own_is_checked_like_the_others():
    law = Law(below_one, "rates stay below 1")
    assert verdicts(report(NEWBOB, law, budget=50)) == {"below_one": "broken"}  # some histories have a rate of 1
    assert verdicts(report(Halving(), law, budget=50)) == {"below_one": "holds"}


def test_what_is_not_claimed_is_not_checked_and_it_is_said():
    seen = []

    def law(schedule, history):
        seen.append(history)
        return True

    optional = Law(law, "", claimed=True)
    assert verdicts(report(tenth, optional, budget=20)) == {"law": "not claimed"}
    assert not seen


def test_a_claim_of_no_law_is_refused():
    def misspelt(history, epoch):
        return 0.1

    misspelt.claims = ["monotonous"]
    with pytest.raises(
        ArgumentError, match="a claim must be an optional law, got 'monotonous'; did you mean 'monotone'"
    ):
        check_schedule(misspelt)
    with pytest.raises(ArgumentError, match="got 'monotonous'"):
        schedule_tests(misspelt)


def test_claims_are_those_of_the_schedule_and_those_that_are_named():
    told = verdicts(report(NEWBOB, budget=20))
    assert (told["scale_invariant"], told["shift_invariant"]) == ("holds", "not claimed")
    told = verdicts(report(tenth, budget=20, claims=["monotone"]))
    assert (told["monotone"], told["never_raises"]) == ("holds", "not claimed")


def test_a_functions_claims_and_parameters_are_its_attributes():
    def halve(history, epoch):
        return max(0.1 / 2.0**epoch, 0.01)

    assert verdicts(report(lambda: halve, budget=20))["never_raises"] == "not claimed"
    assert verdicts(report(lambda: halve, budget=20))["min_learning_rate"] == "no parameter"
    halve.claims = {"never_raises"}
    halve.min_learning_rate = 0.01
    told = verdicts(report(lambda: halve, "never_raises", "min_learning_rate"))
    assert told == {"never_raises": "holds", "min_learning_rate": "holds"}
    halve.min_learning_rate = 0.02
    assert verdicts(report(lambda: halve, "min_learning_rate")) == {"min_learning_rate": "broken"}


def test_a_law_that_no_example_has_anything_to_say_about_was_never_tried():
    told = report(Constant(0.1), "name_invariant", past=st.just(History()), budget=20)
    assert verdicts(told) == {"name_invariant": "never tried"}


def test_what_has_no_answer_is_said_once():
    """By the law that says so, not by all the others that ask."""

    def raises(history, epoch):
        return history[1].error["dev_score"]

    told = report(lambda: raises, budget=100)
    assert {each.law.name for each in told.broken} == {"answers", "round_trip"}  # nor can it be pickled


@pytest.mark.parametrize("answer", [-1.0, math.nan, math.inf, None, "0.1"])
def test_an_answer_that_is_no_rate_is_none(answer):
    (checked,) = report(lambda: lambda history, epoch: answer, "answers", budget=5).laws
    assert checked.verdict == "broken"
    assert "must be a finite number >= 0" in checked.violation.told


# ---- what is said


def test_a_violation_is_raised_with_its_history_and_its_test():
    with pytest.raises(BrokenLawError) as raised:
        check_schedule(fails_on_nan, "answers")
    told = str(raised.value)
    assert told.startswith("fails_on_nan breaks the law answers (whatever the past, ")
    assert "asked for epoch 2 it raises ArgumentError: fails_on_nan(history, 2) must be a finite number >= 0" in told
    assert 'error={"dev_score": math.nan})' in told
    assert isinstance(raised.value, AssertionError)
    assert isinstance(raised.value, LrschedError)


def test_the_smallest_history_is_as_small_as_it_can_be():
    (checked,) = report(fails_on_nan, "answers").laws
    assert len(checked.violation.example) == 1
    assert checked.examples < 300


def test_the_code_of_a_violation_fails_and_passes_once_it_is_mended(monkeypatch):
    module = types.ModuleType("ones_own")
    monkeypatch.setitem(sys.modules, "ones_own", module)
    fails_here = types.FunctionType(fails_on_nan.__code__, {**globals(), "__name__": "ones_own"}, "fails_on_nan")
    module.fails_on_nan = fails_here
    (checked,) = report(fails_here, "answers").laws
    code = checked.violation.code
    assert "from ones_own import fails_on_nan\n" in code
    run = {}
    exec(code, run)
    with pytest.raises(BrokenLawError):
        run["test_answers"]()
    module.fails_on_nan = tenth
    exec(code, run)
    run["test_answers"]()


def test_the_code_of_a_schedule_that_was_drawn_makes_it():
    rule = attrs.evolve(NEWBOB, learning_rate_decay=0.75, relative_error_threshold=-0.02)
    strategy = st.builds(lambda held: Preset(HoldLearningRate(rule, held), {2: 0.5}), st.integers(2, 4))
    law = Law(min_rate, "")
    (checked,) = report(strategy, law).laws
    assert checked.violation.subject == (
        "Preset(schedule=HoldLearningRate(schedule=NewbobRelative(default_learning_rate=0.1, learning_rate_decay=0.75, "
        "relative_error_threshold=-0.02), min_num_epochs=2), learning_rates={2: 0.5})"
    )
    made = eval(checked.violation.subject, {kind.__name__: kind for kind in (Preset, HoldLearningRate, NewbobRelative)})
    assert made == Preset(HoldLearningRate(rule, 2), {2: 0.5})


def min_rate(schedule, history):
    raise BrokenLawError("always")


def test_a_report_is_data():
    told = report(fails_on_nan, "answers", "causal", budget=100, seed=3)
    data = json.loads(told.to_json())
    assert (data["subject"], data["sound"], data["examples"], data["seed"]) == ("fails_on_nan", False, 100, 3)
    by_name = {law["law"]: law for law in data["laws"]}
    assert by_name["answers"]["verdict"] == "broken"
    assert by_name["answers"]["violation"]["example"] == {
        "1": {"learning_rate": None, "error": {"dev_score": "NaN"}, "meta": {}}
    }
    assert by_name["causal"]["violation"] is None
    assert list(told.to_pandas()["law"]) == ["answers", "causal"]


# ---- how much is tried


def test_as_many_examples_are_tried_as_the_budget_says():
    seen = []
    law = Law(lambda schedule, history: bool(seen.append(history)) or True, "")
    assert report(tenth, law, budget=250).examples == len(seen) == 250


def warms_up_from_below_the_floor(history, epoch):
    return 0.1 * epoch / 50 if epoch <= 50 else max(0.02, 0.1 * 0.9 ** min(epoch - 50, 1000))


warms_up_from_below_the_floor.min_learning_rate = 0.02
warms_up_from_below_the_floor.max_learning_rate = 0.1


def test_what_goes_by_time_is_held_to_its_limits_in_its_own_run_only():
    """The histories that are tried have rates that it would never have given."""
    told = report(warms_up_from_below_the_floor, "min_learning_rate", "max_learning_rate")
    assert set(verdicts(told).values()) == {"holds"}


@attrs.frozen
class Factor:
    """A callable object that compares by identity, as `functools.partial` does."""

    factor: float = attrs.field(eq=False)

    def __call__(self, history, epoch):
        return self.factor / epoch


def test_callable_objects_are_checked_as_functions_are():
    told = report(functools.partial(scaled, peak=0.5), budget=50)
    assert not told.broken
    assert not report(Factor(0.5), budget=50).broken


def scaled(history, epoch, peak):
    return peak / epoch


class NoKeys(Schedule):
    """Neither its keys nor what it is can be told."""

    error_measure_key = property(lambda self: 1 / 0)

    def __eq__(self, other):
        return type(other) is NoKeys

    __hash__ = None

    def __repr__(self):
        raise RuntimeError

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        if len(history.before(epoch)) > 2:
            raise RuntimeError
        action = Action.DEFAULT if previous is None else Action.KEEP
        return Decision(0.1 if previous is None else previous, previous, action, Cause("no keys", "x"))


def test_what_a_schedule_cannot_tell_is_in_nobodys_way():
    told = report(NoKeys, "answers")
    assert [len(each.violation.example) for each in told.broken] == [3]


def test_a_strategy_that_draws_hardly_anything_is_refused():
    with pytest.raises(
        ArgumentError, match="hardly anything that is drawn is allowed; give a strategy that rejects less"
    ):
        check_schedule(st.integers().filter(lambda _: False).map(lambda _: NEWBOB), budget=5)


def test_a_budget_of_seconds_ends_when_they_have_passed(monkeypatch):
    seconds = itertools.count()  # one passes at each look at the clock
    monkeypatch.setattr("lrsched.testing.search.time", types.SimpleNamespace(monotonic=lambda: next(seconds)))
    done = []
    told = report(tenth, "answers", budget="250s", progress=lambda tried, total: done.append((tried, total)))
    assert verdicts(told) == {"answers": "holds"}
    assert [tried for tried, _ in done] == [100, 200, told.examples]
    assert 200 < told.examples == done[-1][1] < 250


def test_the_clock_has_no_part_in_which_example_is_shown(monkeypatch):
    shown = report(fails_on_nan, "answers").laws
    hours = itertools.count(step=3600)
    monkeypatch.setattr("lrsched.testing.search.time", types.SimpleNamespace(monotonic=lambda: next(hours)))
    assert repr(report(fails_on_nan, "answers").laws) == repr(shown)


def test_progress_is_told():
    done = []
    report(tenth, "answers", budget=250, progress=lambda tried, total: done.append((tried, total)))
    assert done == [(100, 250), (200, 250), (250, 250)]


@pytest.mark.parametrize("budget", [0, -1, "0", "x", "s", "-2s", "nans", "infs", 1.5, True, [1]])
def test_a_budget_that_is_none_is_refused(budget):
    with pytest.raises(ArgumentError, match="budget must be a number of examples or of seconds > 0"):
        Budget.of(budget)


@pytest.mark.parametrize("budget", [(0,), (-1,), (None, None), (None, 0.0), (10, math.inf), (10, math.nan)])
def test_there_is_no_budget_that_never_ends_or_never_begins(budget):
    with pytest.raises(ArgumentError, match="budget must be a number of examples or of seconds > 0"):
        Budget(*budget)


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": "a"}, {"past": "usual"}])
def test_other_options_are_refused_too(wrong):
    with pytest.raises(ArgumentError, match=f"{next(iter(wrong))} must be"):
        check_schedule(tenth, budget=5, **wrong)


def examples_of(**options):
    seen = []
    report(tenth, Law(lambda schedule, history: bool(seen.append(repr(history))) or True, ""), budget=150, **options)
    return seen


def test_a_seed_draws_the_same_examples_and_another_one_others():
    random.seed(1)
    first = examples_of(seed=5)
    random.seed(2)
    assert examples_of(seed=5) == first
    assert examples_of(seed=6) != first


def test_the_random_numbers_of_whoever_checks_are_left_alone():
    random.seed(1)
    wanted = random.random()
    random.seed(1)
    report(NEWBOB, budget=20)
    assert random.random() == wanted


def test_the_histories_are_those_that_are_wanted():
    names = {name for each in examples_of(keys=["wer"]) for name in ("wer", "dev_score") if f"'{name}'" in each}
    assert names == {"wer", "dev_score"}
    assert not any("': -" in each for each in examples_of(past="realistic"))  # no error is below 0
    assert any("': -" in each for each in examples_of(past="hostile"))
    assert set(examples_of(past=st.just(History()))) == {"History({})"}


# ---- tests


def test_tests_are_one_for_each_schedule_and_law_that_concerns_it():
    made = schedule_tests(NEWBOB, tenth)
    (mark,) = made.pytestmark
    ids = [case.id for case in mark.args[1]]
    assert f"{NEWBOB!r}-causal" in ids
    assert "tenth-causal" in ids
    assert "tenth-monotone" not in ids
    assert f"{NEWBOB!r}-monotone" in ids
    assert "tenth-monotone" in [case.id for case in schedule_tests(tenth, claims=["monotone"]).pytestmark[0].args[1]]


def test_tests_fail_where_a_law_is_broken_and_are_skipped_where_it_was_not_tried():
    made = schedule_tests(fails_on_nan, laws=["answers", "causal"], budget=100)
    (mark,) = made.pytestmark
    answers, causal = (case.values for case in mark.args[1])
    with pytest.raises(BrokenLawError):
        made(*answers)
    made(*causal)
    never = schedule_tests(tenth, laws=["key_order"], past=st.just(History()))
    with pytest.raises(pytest.skip.Exception, match="never tried"):
        never(*never.pytestmark[0].args[1][0].values)


test_the_pattern_itself = schedule_tests(NEWBOB, tenth, Halving, budget=20)


def test_strategies_of_schedules_have_all_laws():
    made = schedule_tests(strategies.schedules(NewbobRelative), budget=5)
    assert len(made.pytestmark[0].args[1]) == len(LAWS)


def test_an_epoch_is_the_data_it_was():
    """What a law is given is a copy: laws that change it, or find that it is changed, are in nobody's way."""

    def law(schedule, history):
        for data in history.values():
            dict.update(data.meta, changed=True)
        return True

    def look(schedule, history):
        assert all("changed" not in data.meta for data in history.values())
        return bool(history)

    past = st.just(History({1: EpochData(learning_rate=0.1)}))
    told = report(tenth, Law(law, ""), Law(look, ""), past=past, budget=5)
    assert verdicts(told) == {"law": "holds", "look": "holds"}
