"""The original program, live, beside the drop-in: the same calls give the same answers and the same bytes."""

import abc
import contextlib
import copy
import inspect
import math
import pickle
import tempfile
import warnings
from pathlib import Path

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from original import Config, control as theirs, quiet

import lrsched.returnn as ours
from lrsched import SettingWarning
from lrsched.core.getters import Getters

CONTROLS = ("constant", "newbob", "newbob_rel", "newbob_relative", "newbob_abs", "newbob_multi_epoch")
KEYS = (
    "a",
    "b",
    "b_output",
    "dev_score",
    "dev_score_output",
    "dev_error",
    "train_score",
    "dev_score_output/output",
    "ä ",
)


def _a_third(learning_rate):
    return learning_rate / 3.0


def _a_step_down(learning_rate):
    return learning_rate - 0.25


def _a_little_more(learning_rate):
    return learning_rate * 1.5 + 1e-9


_RATES = st.sampled_from([1e-3, 0.1, 0.5, 1.0]) | st.floats(1e-9, 10.0)
_ERRORS = st.sampled_from([1.0, 0.99, 1.01, 0.5, 2.0, -1.0]) | st.floats(-100.0, 100.0)
_AWKWARD_ERRORS = _ERRORS | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1e308, -1e308])
_SCORES = st.sampled_from([1.0, 1.0, 1.0, 0.99, 0.5, 2.0]) | _AWKWARD_ERRORS
_RECORDED_RATES = _RATES | st.just(0.0)
_THRESHOLDS = (
    st.sampled_from([-0.01, 0.0, 0.0, 0.5, -0.5, -1.0]) | st.floats(-1.0, 1.0) | st.sampled_from([math.inf, -math.inf])
)
_DECAYS = st.none() | st.sampled_from([0.0, 0.5, 1.0, 1.5, -0.5, _a_third, _a_step_down]) | st.floats(0.0, 1.2)
_GROWTHS = st.none() | st.sampled_from([1.0, 1.1, 0.9, _a_little_more, _a_third]) | st.floats(0.5, 2.0)
_EPOCHS = st.integers(1, 14)
_PRESETS = st.lists(_RECORDED_RATES, max_size=4) | st.dictionaries(_EPOCHS, _RECORDED_RATES, max_size=4)
_MEASURES = st.none() | st.sampled_from(KEYS) | st.lists(st.sampled_from(KEYS), min_size=1, max_size=3)
_META = st.dictionaries(
    st.sampled_from(["gpu", "time", "lr_eff", "ü"]),
    st.lists(st.integers(), max_size=2)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, min_size=2, max_size=3).map(tuple)
            | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=4,
    ),
    max_size=2,
)


def _flat(values):
    return st.dictionaries(st.sampled_from(KEYS), values, max_size=3)


def _nested(values):
    outputs = st.dictionaries(st.sampled_from(["cost:output", "cost:out2", "error:a:b", "out"]), values, max_size=3)
    return st.dictionaries(st.sampled_from(["train_score", "dev_score", "dev_error"]), values | outputs, max_size=3)


@st.composite
def _settings(draw):
    """Typed settings that both take."""
    name = draw(st.sampled_from(CONTROLS))
    threshold = draw(_THRESHOLDS)
    choices = {
        "learning_rate": _RATES,
        "min_learning_rate": st.just(0.0) | _RATES,
        "learning_rates": _PRESETS | st.dictionaries(_EPOCHS, _RATES, min_size=1, max_size=4).map(repr),
        "learning_rate_control_error_measure": _MEASURES,
        "learning_rate_control_relative_error_relative_lr": st.booleans(),
        "learning_rate_control_min_num_epochs_per_new_lr": st.integers(-1, 4),
        "newbob_relative_error_div_by_old": st.booleans(),
        "learning_rate_decay": _DECAYS,
        "newbob_learning_rate_decay": _DECAYS,
        "learning_rate_growth": _GROWTHS,
        "newbob_learning_rate_growth": _GROWTHS,
        "newbob_relative_error_threshold": st.just(threshold),
        "newbob_error_threshold": _THRESHOLDS,
        "newbob_multi_num_epochs": st.integers(1, 5),
        "newbob_multi_update_interval": st.integers(1, 4),
        "newbob_relative_error_grow_threshold": st.sampled_from([-0.01, -0.5, -1.0, -math.inf]).map(
            lambda grow: min(grow, threshold)
        ),
    }
    left_out = draw(st.sets(st.sampled_from(sorted(choices)))) - {"newbob_relative_error_grow_threshold"}
    chosen = choices.keys() - left_out
    given = {key: draw(choices[key]) for key in sorted(chosen)}
    if given.get("learning_rates") in ([], {}):
        del given["learning_rates"]  # the original stops at an empty dict
    return {"learning_rate_control": name, **given}


def _as_text(given):
    """The settings that RETURNN takes as text, in lines of a file or as options."""
    return {
        key: ",".join(map(repr, value)) if isinstance(value, list) else str(value)
        for key, value in given.items()
        if not (key.startswith("newbob_learning_rate_") or value is None or callable(value))  # it stops at these
        and not (key == "learning_rates" and isinstance(value, (dict, str)))  # and at these
        and not (key.endswith("error_measure") and isinstance(value, list) and len(value) > 1)  # which is one key there
    }


def _own_control(module):
    """A control as users write it: it goes up and down, asks the base class, and looks at the epochs itself."""

    class Own(module.LearningRateControl):
        def calc_learning_rate_for_epoch(self, epoch):
            last = self.get_last_epoch(epoch)
            if last is None:
                return self.default_learning_rate
            recent = self.get_most_recent_learning_rate(epoch)
            key, error = self.get_epoch_error_key_value(last)
            if key is None or not self.epoch_data[last].error:
                return recent
            return self.calc_learning_rate_decay_or_grow(recent, decay=bool(error > 1.0))

    return Own


_OWN = {module: _own_control(module) for module in (ours, theirs)}


class _Failed:
    """What the original answered was an exception."""

    def __init__(self, error):
        self.error = error


class TheSame(RuleBasedStateMachine):
    """Both get the same calls. Where the original fails, ours may answer; then it is given the original's state."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.paths = {module: Path(self.folder.name) / name for module, name in ((ours, "o"), (theirs, "t"))}
        self.controls = {}

    def teardown(self):
        self.folder.cleanup()

    def both(self, call):
        """Call it with both; the answers are the same, or the original fails. Whether it answered."""
        with quiet():
            warnings.simplefilter("ignore", SettingWarning)  # ours tells what RETURNN overlooks
            try:
                expected = call(theirs)
            except Exception as error:  # noqa: BLE001  whatever it is
                expected = _Failed(error)
            if isinstance(expected, _Failed):
                with contextlib.suppress(Exception):
                    call(ours)
                self.sync()
                return False
            found = call(ours)
        assert self.shown(found) == self.shown(expected)
        return True

    def ask(self, method, *arguments, **named):
        return self.both(lambda module: getattr(self.controls[module], method)(*arguments, **named))

    def shown(self, value):
        """As text, where NaN equals NaN and -0.0 is not 0.0; dicts in order, since theirs is arbitrary."""
        text = theirs.better_repr(value)
        for path in self.paths.values():
            text = text.replace(str(path), "<file>")
        return text

    def sync(self):
        if not self.controls:
            return
        mine = self.controls[ours]
        mine.epoch_data = {epoch: self._copied(data) for epoch, data in self.controls[theirs].epoch_data.items()}

    def _copied(self, data):
        made = ours.LearningRateControl.EpochData(learning_rate=data.learning_rate, error=dict(data.error), meta={})
        made.meta = copy.deepcopy(data.meta)
        return made

    def make(self, build):
        made = {}

        def call(module):
            made[module] = build(module)
            return repr(made[module])

        if not self.both(call):
            return False
        self.controls = made
        return True

    @initialize(
        given=_settings(),
        form=st.sampled_from(["typed", "text", "mixed"]),
        file=st.sampled_from([True, True, False]),
        own=st.sampled_from([False, False, False, True]),
    )
    def load_from_config(self, given, form, file, own):
        texts = _as_text(given) if form != "typed" else {}
        typed = given if form == "typed" else {} if form == "text" else {k: v for k, v in given.items() if k < "n"}

        def build(module):
            config = Config(copy.deepcopy(typed))
            for key, value in texts.items():
                if key not in typed:
                    config.add_line(key, value)
            if file:
                config.set("learning_rate_file", str(self.paths[module]))
            self.build = build
            if own:
                return _OWN[module].load_initial_from_config(config)
            kind = module.learning_rate_control_type(config.value("learning_rate_control", "constant"))
            found = kind.load_initial_kwargs_from_config(config)
            self.kwargs[module] = self.shown(found)
            return module.load_learning_rate_control_from_config(config)

        self.kwargs = {}
        assert self.make(build)
        if not own:
            assert self.kwargs[ours] == self.kwargs[theirs]

    def data(self, module, epoch):
        return self.controls[module].epoch_data[epoch]

    def ready(self):
        return bool(self.controls)

    def has_epochs(self):
        return self.ready() and bool(self.controls[theirs].epoch_data)

    def known(self, index):
        """One of the epochs that there are."""
        epochs = sorted(self.controls[theirs].epoch_data)
        return epochs[index % len(epochs)]

    @precondition(ready)
    @rule(epoch=_EPOCHS)
    def get_learning_rate(self, epoch):
        self.ask("get_learning_rate_for_epoch", epoch)

    @precondition(ready)
    @rule(key=st.sampled_from(KEYS), scores=st.lists(_SCORES, min_size=1, max_size=8), other=_flat(_ERRORS))
    def train(self, key, scores, other):
        for score in scores:
            epoch = max(self.controls[theirs].epoch_data, default=0) + 1
            self.ask("get_learning_rate_for_epoch", epoch)
            self.ask("set_epoch_error", epoch, other)
            self.ask("set_epoch_error", epoch, {key: score})

    @precondition(ready)
    @rule(errors=_nested(_ERRORS))
    def train_one_with_several_outputs(self, errors):
        epoch = max(self.controls[theirs].epoch_data, default=0) + 1
        self.ask("set_epoch_error", epoch, errors)

    @precondition(ready)
    @rule(epoch=_EPOCHS, errors=_flat(_AWKWARD_ERRORS) | _nested(_AWKWARD_ERRORS))
    def set_epoch_error(self, epoch, errors):
        self.ask("set_epoch_error", epoch, errors)

    @precondition(ready)
    @rule(
        epoch=_EPOCHS,
        learning_rate=_RECORDED_RATES,
        errors=_flat(_AWKWARD_ERRORS) | _ERRORS.map(float),
        meta=st.none() | _META,
    )
    def put_epoch_data(self, epoch, learning_rate, errors, meta):
        def call(module):
            control = self.controls[module]
            given = copy.deepcopy(meta)
            control.epoch_data[epoch] = control.EpochData(learningRate=learning_rate, error=errors, meta=given)
            return control.epoch_data[epoch]

        self.both(call)

    @precondition(has_epochs)
    @rule(index=st.integers(0, 99), learning_rate=_RECORDED_RATES)
    def assign_learning_rate(self, index, learning_rate):
        epoch = self.known(index)
        self.both(lambda module: setattr(self.data(module, epoch), "learning_rate", learning_rate))

    @precondition(has_epochs)
    @rule(index=st.integers(0, 99), errors=_flat(_AWKWARD_ERRORS))
    def update_errors(self, index, errors):
        epoch = self.known(index)
        self.both(lambda module: self.data(module, epoch).error.update(errors))

    @precondition(has_epochs)
    @rule(index=st.integers(0, 99), meta=_META)
    def update_meta(self, index, meta):
        epoch = self.known(index)
        self.both(lambda module: self.data(module, epoch).meta.update(copy.deepcopy(meta)))

    @precondition(has_epochs)
    @rule(index=st.integers(0, 99))
    def change_meta_inside(self, index):
        epoch = self.known(index)

        def call(module):
            for value in self.data(module, epoch).meta.values():
                if isinstance(value, list):
                    value.append(1)

        self.both(call)

    @precondition(has_epochs)
    @rule(index=st.integers(0, 99))
    def forget_epoch(self, index):
        epoch = self.known(index)
        self.both(lambda module: str(self.controls[module].epoch_data.pop(epoch)))

    @precondition(has_epochs)
    @rule(index=st.integers(0, 99))
    def broadcast_epoch(self, index):
        epoch = self.known(index)

        def call(module):
            control = self.controls[module]
            control.epoch_data[epoch] = pickle.loads(pickle.dumps(control.epoch_data[epoch]))
            return control.epoch_data[epoch]

        self.both(call)

    @precondition(ready)
    @rule(epoch=_EPOCHS, learning_rate=_RECORDED_RATES)
    def set_default_learning_rate(self, epoch, learning_rate):
        self.ask("set_default_learning_rate_for_epoch", epoch, learning_rate)

    @precondition(ready)
    @rule(
        name=st.sampled_from(["learning_rate_decay", "min_learning_rate", "min_num_epochs_per_new_learning_rate"]),
        factor=st.sampled_from([0.25, 0.5, 2.0]),
    )
    def change_a_parameter(self, name, factor):
        value = int(factor * 2) if "num_epochs" in name else factor
        self.both(lambda module: setattr(self.controls[module], name, value))

    @precondition(ready)
    @rule(first=st.integers(-1, 15), second=st.integers(-1, 15))
    def ask_of_two_epochs(self, first, second):
        self.ask("calc_relative_error", first, second)

    @precondition(ready)
    @rule(epoch=st.integers(0, 15))
    def ask_of_an_epoch(self, epoch):
        for question in (
            "calc_learning_rate_for_epoch",
            "calc_new_learning_rate_for_epoch",
            "get_last_epoch",
            "get_most_recent_learning_rate",
            "get_error_key",
            "get_epoch_error_dict",
            "get_epoch_error_value",
            "get_epoch_error_key_value",
        ):
            if epoch or not question.startswith("calc"):
                self.ask(question, epoch)
        self.ask("get_most_recent_learning_rate", epoch, exclude_current=False)

    @precondition(ready)
    @rule(learning_rate=_RATES, decay=st.booleans(), grow=st.none() | st.booleans())
    def decay_or_grow(self, learning_rate, decay, grow):
        self.ask("calc_learning_rate_decay_or_grow", learning_rate, decay, grow)

    @precondition(ready)
    @rule(
        last_epoch=st.integers(0, 15),
        first_epoch=st.integers(1, 15),
        only_last_epochs=st.none() | st.integers(0, 6),
        filter_score=st.sampled_from([math.inf, 1.0, 0.5]) | _ERRORS,
        only_last_n=st.integers(-1, 4),
        min_score_dist=st.sampled_from([0.0, 0.1, -0.1]),
    )
    def last_best_epoch(self, **arguments):
        self.ask("get_last_best_epoch", **arguments)

    @precondition(ready)
    @rule()
    def shown_as_text(self):
        self.both(lambda module: str(self.controls[module]))

    def has_file(self):
        return self.ready() and bool(self.controls[theirs].filename)

    @precondition(has_file)
    @rule(restart=st.booleans())
    def save(self, restart):
        def call(module):
            self.controls[module].save()
            return self.paths[module].read_bytes()

        if self.both(call) and restart:
            self.both(lambda module: self.controls[module].load())
            restarted = self.make(self.build)
            assert restarted

    @precondition(ready)
    @invariant()
    def same_epochs(self):
        self.both(lambda module: dict(self.controls[module].epoch_data))
        assert self.controls[ours].need_error_info == self.controls[theirs].need_error_info


TestTheSame = TheSame.TestCase
TestTheSame.settings = settings(stateful_step_count=30)


def _public(module):
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == theirs.__name__
    }


@pytest.mark.parametrize("name", sorted(_public(theirs)))
def test_every_public_name_has_the_signature_of_the_original(name):
    mine, original = getattr(ours, name), getattr(theirs, name)
    _assert_same_signature(mine, original)
    if inspect.isclass(original):
        for method, member in vars(original).items():
            if not method.startswith("_") and (callable(member) or isinstance(member, classmethod)):
                _assert_same_signature(getattr(mine, method), getattr(original, method))
        assert mine.need_error_info == original.need_error_info
        bases = [base.__name__ for base in mine.__mro__ if base not in (Getters, abc.ABC)]  # these two are ours
        assert bases == [base.__name__ for base in original.__mro__]


def _assert_same_signature(mine, original):
    shown = [
        [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]
        for function in (mine, original)
    ]
    assert shown[0] == shown[1]
