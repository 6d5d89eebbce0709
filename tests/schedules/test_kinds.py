"""The table of kinds: what a line in it gives a schedule, for those of the house and for a new one."""

import importlib
import inspect
import pickle
import pydoc
import re

import attrs
import pytest
from hypothesis import given

import lrsched
from lrsched import (
    ArgumentError,
    EpochData,
    History,
    HoldLearningRate,
    LearningRateControl,
    Preset,
    Schedule,
    SettingWarning,
    schedule_from_config,
)
from lrsched.config.settings import kind_of, known_keys
from lrsched.schedules.combine import Composite
from lrsched.schedules.kinds import KINDS
from lrsched.simulation import Space, explain, replay, sweep
from lrsched.testing import check_schedule, strategies

PUBLIC = [
    each
    for each in (getattr(lrsched, name) for name in lrsched.__all__)
    if isinstance(each, type) and issubclass(each, Schedule) and not inspect.isabstract(each)
]


def parameters_of(kind):
    """The parameters of a class, but for its ``*more``, which go by the name of another one."""
    signature = inspect.signature(kind)
    return {name: each for name, each in signature.parameters.items() if each.kind is not each.VAR_POSITIONAL}


def test_every_schedule_is_public_and_drawn_in_tests():
    assert set(KINDS.values()) < set(PUBLIC)
    assert set(PUBLIC) == set(strategies.schedule_classes())
    assert len(PUBLIC) >= 10


@pytest.mark.parametrize("name", KINDS)
def test_settings_have_the_defaults_of_the_class(name):
    kind = KINDS[name]
    schedule = schedule_from_config({"learning_rate_control": name, "learning_rate": 0.25})
    assert schedule == attrs.evolve(kind(default_learning_rate=0.25), stand_ins="returnn")
    assert kind_of(name) is kind
    assert schedule_from_config({"learning_rate_control": name}).default_learning_rate == 1.0


@pytest.mark.parametrize("kind", PUBLIC)
def test_every_parameter_stands_in_the_docstring_of_its_own_class(kind):
    arguments = inspect.cleandoc(kind.__dict__["__doc__"]).split("\nArgs:\n")[1].split("\n\n")[0]
    documented = re.findall(r"^    \*?(\w+): \S", arguments, re.MULTILINE)
    assert sorted(documented) == sorted(parameters_of(kind))
    assert len(set(documented)) == len(documented)


@pytest.mark.parametrize("kind", PUBLIC)
def test_every_parameter_has_a_type_that_help_shows(kind):
    for name, parameter in inspect.signature(kind).parameters.items():
        shown = inspect.formatannotation(parameter.annotation)
        assert parameter.annotation is not parameter.empty, name
        assert not re.search(r"\bAny\b|Annotated|<function|partial|ForwardRef|TypeVar", shown), (name, shown)
    shown = pydoc.plain(pydoc.render_doc(kind)).partition(") -> None")[0]
    assert all(f"{name}: " in shown for name in parameters_of(kind))


# ---- a new kind

STEPS = '''
"""A schedule of somebody's own."""

from typing import ClassVar, final

import attrs

from lrsched import Action, Cause, Count, Decay, Decision, Flag, Rate, Schedule, Threshold, checked


@final
@attrs.frozen(field_transformer=checked)
class Steps(Schedule):
    """A step down every few epochs, from some epoch on."""

    claims: ClassVar = frozenset({"scale_invariant", "shift_invariant", "name_invariant"})

    default_learning_rate: Rate
    every: Count
    learning_rate_decay: Decay = 0.5
    first: Count = attrs.Factory(lambda self: self.every, takes_self=True)
    goes_on: Flag = True
    floor: Threshold = 0.0
    quiet: Flag = attrs.Factory(bool)

    @property
    def need_error_info(self):
        return False

    def decide(self, history, epoch):
        last = epoch if self.goes_on else min(epoch, self.first + 1)
        steps = max(0, (last - 1 - self.first) // self.every + 1)
        decay = self.learning_rate_decay
        rate = self.default_learning_rate
        for _ in range(steps):
            rate = decay(rate) if callable(decay) else rate if decay is None else rate * decay
        rate = max(rate, min(self.floor, self.default_learning_rate))
        previous = history.most_recent_learning_rate(epoch)
        return Decision(rate, previous, Action.of(previous, rate), Cause("steps", f"{steps} steps"))
'''


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """The class, in a module of its own, with a line in the table."""
    (tmp_path / "somebodys_steps.py").write_text(STEPS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("somebodys_steps")
    monkeypatch.setitem(KINDS, "steps", module.Steps)
    yield module.Steps
    monkeypatch.delitem(importlib.sys.modules, "somebodys_steps")


BY_STEPS = {"learning_rate_control": "steps", "learning_rate": 0.5, "every": 2}
FIVE = History({epoch: EpochData(learning_rate=0.5, error={"dev_score": 1.0}) for epoch in range(1, 6)})


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        ({}, {}),
        ({"first": 3, "goes_on": False, "floor": 0.1}, {"first": 3, "goes_on": False, "floor": 0.1}),
        ({"every": "3", "first": "4", "floor": "0.1"}, {"every": 3, "first": 4, "floor": 0.1}),
        ({"goes_on": "no", "quiet": "yes"}, {"goes_on": False, "quiet": True}),
        ({"learning_rate_decay": 0.25}, {"learning_rate_decay": 0.25}),
        ({"newbob_learning_rate_decay": "0.25"}, {"learning_rate_decay": 0.25}),  # as for every kind
        ({"learning_rate": "0.125"}, {"default_learning_rate": 0.125}),
    ],
)  # fmt: skip
def test_a_new_kind_takes_its_settings_by_name_as_values_and_as_text(steps, settings, parameters):
    schedule = schedule_from_config({**BY_STEPS, **settings})
    assert schedule == steps(**{"default_learning_rate": 0.5, "every": 2, **parameters})
    assert schedule.first == parameters.get("first", schedule.every)


def test_a_new_kind_goes_into_holds_and_presets(steps):
    around = {"learning_rates": {1: 0.25}, "learning_rate_control_min_num_epochs_per_new_lr": 3}
    assert schedule_from_config({**BY_STEPS, **around}) == Preset(HoldLearningRate(steps(0.5, 2), 3), {1: 0.25})


@pytest.mark.parametrize(
    ("settings", "law"),
    [
        ({"every": None}, "every must be an integer >= 1, got None"),
        ({"every": "two"}, "every must be an integer, got 'two'"),
        ({"every": 0}, "every must be an integer >= 1, got 0"),
        ({"goes_on": "perhaps"}, "goes_on must be true or false, got 'perhaps'"),
        ({"floor": "nan"}, "floor must be a number, got nan"),
    ],
)
@pytest.mark.usefixtures("steps")
def test_a_new_kind_that_is_set_wrongly_says_so(settings, law):
    with pytest.raises(ArgumentError, match=f"^{law}"):
        schedule_from_config({**BY_STEPS, **settings})


@pytest.mark.usefixtures("steps")
def test_a_new_kind_without_a_parameter_that_it_needs_says_so():
    without = {key: value for key, value in BY_STEPS.items() if key != "every"}
    with pytest.raises(ArgumentError, match=r"^the setting 'every' is missing: the schedule needs it$"):
        schedule_from_config(without)


def test_only_with_its_line_a_kind_and_its_keys_are_there(steps, monkeypatch):
    assert {"every", "first", "goes_on", "floor"} <= known_keys()
    monkeypatch.delitem(KINDS, "steps")
    assert not {"every", "first", "goes_on", "floor"} & known_keys()
    assert steps not in strategies.schedule_classes()
    with pytest.raises(ArgumentError, match="learning_rate_control must be one of constant, newbob, .*, got 'steps'"):
        schedule_from_config(BY_STEPS)


def test_a_new_kind_has_no_keys_that_others_have(steps):
    """Settings that it does not read are those of other kinds, and no reason to stop."""
    others = {"newbob_relative_error_threshold": -0.5, "newbob_multi_num_epochs": 3}
    assert schedule_from_config({**BY_STEPS, **others}) == steps(0.5, 2)
    with pytest.warns(SettingWarning, match="nothing reads the setting 'newbob_every'"):
        schedule_from_config({**BY_STEPS, "newbob_every": 3})


def test_a_new_kind_is_drawn(steps):
    assert steps in strategies.schedule_classes()
    assert not issubclass(steps, Composite)
    drawn = []

    @given(strategies.schedules())
    def draw(schedule):
        drawn.extend(type(each) for each in _parts(schedule))

    draw()
    assert steps in drawn


def _parts(schedule):
    return [schedule, *(each for part in schedule.parts for each in _parts(part))]


@pytest.mark.parametrize("mode", ["free", "recorded"])
def test_a_new_kind_is_swept(steps, mode):
    space = {"fixed": BY_STEPS | {"every": 1}, "grid": {"first": [1, 3], "newbob_learning_rate_decay": ["0.5", 0.25]}}
    swept = sweep(space, FIVE, mode)
    rates = swept.histories["history"].learning_rates.tolist()
    for setting, each in zip(Space.of(space), rates, strict=True):
        assert each == replay(schedule_from_config(setting), FIVE, mode).learning_rates.tolist()
    assert rates[3] == [0.5, 0.5, 0.5, 0.125, 0.03125]
    assert swept.setting(3) == {"first": 3, "newbob_learning_rate_decay": 0.25}
    failing = sweep({"fixed": BY_STEPS, "grid": {"first": [1, 0]}}, FIVE, mode)
    assert "first must be an integer >= 1, got 0" in failing.failures[1]
    assert sweep([steps(0.5, 2)], FIVE, mode).histories["history"].learning_rates.tolist()[0][2] == 0.25


def test_a_new_kind_keeps_the_laws(steps):
    report = check_schedule(strategies.schedules(steps), budget=50)
    assert {"causal", "resumes", "round_trip"} <= {each.law.name for each in report.laws if each.verdict == "holds"}
    assert check_schedule(steps(0.5, 2), budget=50).broken == ()


def test_a_new_kind_is_asked_explained_and_pickled(steps):
    schedule = schedule_from_config(BY_STEPS)
    control = LearningRateControl(schedule)
    assert [control.get_learning_rate_for_epoch(epoch) for epoch in range(1, 6)] == [0.5, 0.5, 0.25, 0.25, 0.125]
    assert "0.5 -> 0.125 (decay, steps): 2 steps" in explain(schedule, FIVE, 5).describe()
    assert pickle.loads(pickle.dumps(schedule)) == schedule == steps(0.5, 2)
