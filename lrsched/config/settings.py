"""Settings -> `Schedule`. The one module that knows configuration keys."""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final

import attrs

from lrsched.core import numbers
from lrsched.core.measure import Direction, NonFinitePolicy
from lrsched.core.numbers import integer
from lrsched.core.schedule import Schedule
from lrsched.errors import ArgumentError, FormatError, SettingWarning, broken_law, did_you_mean
from lrsched.formats import literal
from lrsched.schedules.combine import HoldLearningRate, Preset
from lrsched.schedules.kinds import KINDS

_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _from_text(convert: Callable[[str], float], law: str, key: str, value: Any) -> Any:
    """Text converted, anything else as it is: the schedule checks it."""
    if isinstance(value, str):
        try:
            return convert(value)
        except ValueError:
            raise broken_law(key, law, value, "correct the setting") from None
    return value


_number = partial(_from_text, float, "a number")
_integer = partial(_from_text, int, "an integer")


def as_flag(key: str, value: Any) -> bool:
    """A setting that is on or off: a bool, an integer, or the text of one, or yes, no, on, off.

    Raises:
        ArgumentError: It is none.
    """
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in _FLAGS:
        return _FLAGS[text]
    try:
        return bool(int(text))
    except ValueError:
        raise broken_law(key, "true or false", value, "yes, no, on, off, 1 and 0 do as well") from None


def _text(key: str, value: Any) -> str | None:
    del key
    return None if value is None else str(value)


def _error_keys(key: str, value: Any) -> Any:
    if isinstance(value, str) and "," in value:
        message = f"{key} {value!r} is one key with a comma in it, as in RETURNN; for several keys use a JSON list"
        warnings.warn(message, SettingWarning, stacklevel=5)
    return value if _says_something(value) else None


def _says_something(value: Any) -> bool:
    """Whether a setting is more than None, 0, False, or empty; what cannot be told apart so is left to the schedule."""
    return bool(value) if isinstance(value, (type(None), int, float, str, list, tuple, dict)) else True


def _rates(key: str, value: Any) -> Any:
    """As it is given, but for the text ``0.1,0.05``."""
    if isinstance(value, str) and not value.strip().startswith(_BRACKETS):
        return as_rates(value, key)
    return value if _says_something(value) else []


_BRACKETS = ("{", "[", "(")


def as_rates(value: Any, name: str = "learning_rates") -> Any:
    """Rates given beforehand, by epoch or as a list: from text, and from JSON, where epochs are text.

    Args:
        value: A list or a mapping of numbers, or text: ``{1: 0.1, 5: 0.05}`` or ``0.1,0.05``. Nothing in it is run.
        name: What it is called in an error.

    Raises:
        ArgumentError: It is text and no such thing.

    Examples:
        >>> as_rates("{1: 0.1, 5: 0.05}"), as_rates("0.1,0.05"), as_rates({"1": 0.1})
        ({1: 0.1, 5: 0.05}, [0.1, 0.05], {1: 0.1})
    """
    if isinstance(value, str):
        try:
            value = literal.parse(value if value.strip().startswith(_BRACKETS) else f"[{value}]", name)
        except FormatError as error:
            raise broken_law(name, "a list or a dict of epoch -> rate", value, error.message) from error
    if isinstance(value, Mapping):
        return {int(e) if isinstance(e, str) and e.isdecimal() else e: _number(name, rate) for e, rate in value.items()}
    if callable(getattr(value, "tolist", None)):  # an array of NumPy
        value = value.tolist()
    return [_number(name, rate) for rate in value] if isinstance(value, Sequence) else value


_Reader = Callable[[str, Any], Any]


_REQUIRED: Final = object()


@attrs.frozen
class _Parameter:
    """Where the value of a parameter comes from: the first of the keys that is there, else the default."""

    keys: tuple[str, ...]
    read: _Reader
    default: Any

    def value(self, config: Mapping[str, Any]) -> Any:
        for key in self.keys:
            if key in config:
                value = config[key]
                if isinstance(value, FormatError):  # what it is cannot be known, and why
                    raise value
                return self.read(key, value)
        if self.default is _REQUIRED:
            raise ArgumentError(f"the setting {self.keys[0]!r} is missing: the schedule needs it")
        return self.default


_CONTROL: Final = _Parameter(("learning_rate_control",), _text, "constant")
_OF_ALL: Final = {
    "default_learning_rate": _Parameter(("learning_rate",), _number, 1.0),
    "min_learning_rate": _Parameter(("min_learning_rate",), _number, 0.0),
    "default_learning_rates": _Parameter(("learning_rates",), _rates, ()),
    "error_measure_key": _Parameter(("learning_rate_control_error_measure",), _error_keys, None),
    "relative_error_also_relative_to_learning_rate": _Parameter(
        ("learning_rate_control_relative_error_relative_lr",), as_flag, False
    ),
    "min_num_epochs_per_new_learning_rate": _Parameter(
        ("learning_rate_control_min_num_epochs_per_new_lr",), _integer, 0
    ),
    "relative_error_div_by_old": _Parameter(("newbob_relative_error_div_by_old",), as_flag, False),
    "learning_rate_decay": _Parameter(("learning_rate_decay", "newbob_learning_rate_decay"), _number, 0.5),
    "learning_rate_growth": _Parameter(("learning_rate_growth", "newbob_learning_rate_growth"), _number, 1.0),
    "filename": _Parameter(("learning_rate_file",), _text, None),
}
"""What every control of RETURNN takes."""
_OF_SOME: Final = {
    "relative_error_threshold": _Parameter(("newbob_relative_error_threshold",), _number, -0.01),
    "error_threshold": _Parameter(("newbob_error_threshold",), _number, -0.01),
    "num_epochs": _Parameter(("newbob_multi_num_epochs",), _integer, 5),
    "update_interval": _Parameter(("newbob_multi_update_interval", "newbob_multi_num_epochs"), _integer, 5),
    "relative_error_grow_threshold": _Parameter(
        ("newbob_relative_error_grow_threshold", "newbob_relative_error_threshold"), _number, -0.01
    ),
}
_PRETRAIN: Final = _Parameter(("pretrain_learning_rate", "learning_rate"), _number, 1.0)
_HOLD, _PRESETS = "min_num_epochs_per_new_learning_rate", "default_learning_rates"
_NO_SETTINGS: Final = ("strict_error_key", "non_finite_error", "mode", "stand_ins", "gaps")
"""Parameters that RETURNN has no settings for."""
_READERS: Final[dict[Any, _Reader]] = {
    **dict.fromkeys((numbers.rate, numbers.threshold, numbers.decay, numbers.growth), _number),
    numbers.flag: as_flag,
    integer: _integer,
}


@cache
def _parameters(kind: Any) -> dict[str, _Parameter]:
    """Where the parameters of a kind come from: RETURNN's settings, and for any others those of the same name."""
    return {
        field.name: _OF_ALL.get(field.name) or _OF_SOME.get(field.name) or _of_that_name(field)
        for field in attrs.fields(kind)
        if field.init and field.name not in _NO_SETTINGS
    }


def _of_that_name(field: "attrs.Attribute[Any]") -> _Parameter:
    law = next(iter(getattr(field.type, "__metadata__", ())), None)
    read = _READERS.get(getattr(law, "func", law), lambda _, value: value)
    default: Any = _REQUIRED if field.default is attrs.NOTHING else field.default
    return _Parameter((field.name,), read, attrs.NOTHING if isinstance(default, attrs.Factory) else default)  # type: ignore[arg-type]  # a class


def keys_of(kind: type[Schedule]) -> dict[str, tuple[str, ...]]:
    """Parameter of a kind of schedule -> the configuration keys that set it, the first of them first."""
    return {name: parameter.keys for name, parameter in _parameters(kind).items()}


def known_keys() -> frozenset[str]:
    """Every configuration key that means something here."""
    of_kinds = (keys for kind in KINDS.values() for keys in keys_of(kind).values())
    return frozenset(_CONTROL.keys + _PRETRAIN.keys).union(*(each.keys for each in _OF_ALL.values()), *of_kinds)


_LOOKS_LIKE_OURS = re.compile(r"newbob|(min_)?learning_rate")


def kind_of(name: Any) -> type[Schedule]:
    """The schedule that goes by a name in configurations.

    Raises:
        ArgumentError: None does.

    Examples:
        >>> kind_of("newbob").__name__
        'NewbobRelative'
    """
    if not isinstance(name, str) or name not in KINDS:
        raise broken_law("learning_rate_control", f"one of {', '.join(KINDS)}", name, "correct the setting")
    return KINDS[name]


def parameters_from_config(kind: type[Schedule], config: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a RETURNN control by name, with what the settings or the defaults say.

    Args:
        kind: One of ``lrsched.schedules.kinds.KINDS``.
        config: Settings by key.

    Raises:
        ArgumentError: A setting is text that does not say what it should.
        FormatError: A setting of a Python file cannot be known without running it.
    """
    parameters = {name: parameter.value(config) for name, parameter in (_OF_ALL | _parameters(kind)).items()}
    return {**parameters, _PRESETS: parameters[_PRESETS] or []}


def control_kind(config: Mapping[str, Any]) -> type[Schedule]:
    """The schedule that a configuration names under ``learning_rate_control``.

    Raises:
        ArgumentError: It names none.
    """
    return kind_of(_CONTROL.value(config))


_FIRST_OF_SEVERAL: Final = frozenset(
    key
    for parameter in (*_OF_ALL.values(), *_OF_SOME.values())
    if parameter.read in (_number, _integer, as_flag)
    for key in parameter.keys
)
_READ_WHERE_TYPED: Final = ("learning_rate_decay", "learning_rate_growth")


def settings_of(config: Any) -> Mapping[str, Any]:
    """The settings in a RETURNN ``Config``, as RETURNN's own learning-rate control reads them.

    Args:
        config: An object with ``typed_dict`` (values by key) and ``dict`` (lists of text by key); or settings by key.

    Returns:
        Typed values, else text; of several texts for a number the first, for anything else all, joined by commas.

    Raises:
        ArgumentError: It is neither.

    Warns:
        SettingWarning: A decay or growth is given as text under a key that RETURNN reads only where it is typed.
    """
    typed, texts = getattr(config, "typed_dict", None), getattr(config, "dict", None)
    if not isinstance(typed, Mapping) or not isinstance(texts, Mapping):
        if not isinstance(config, Mapping):
            law = "a mapping, or a Config with typed_dict and dict"
            raise broken_law("config", law, config, "see the settings page")
        return config
    settings = {key: text[0] if key in _FIRST_OF_SEVERAL else ",".join(text) for key, text in texts.items() if text}
    for key in _READ_WHERE_TYPED:
        if key in settings and key not in typed:
            message = f"RETURNN overlooks {key} {settings.pop(key)!r}, since it is text; use newbob_{key}"
            warnings.warn(message, SettingWarning, stacklevel=3)
    return settings | dict(typed)


def schedule_from_config(
    config: Mapping[str, Any],
    *,
    non_finite_error: NonFinitePolicy = "worse",
    strict_error_key: bool = False,
    mode: Direction = "min",
) -> Schedule:
    """The schedule that a training's configuration describes.

    Args:
        config: Settings by key, with typed values or as text. Other keys of the configuration may be there too.
        non_finite_error: What NaN and infinite errors mean, see `NonFinitePolicy`.
        strict_error_key: Whether only the configured errors count.
        mode: Which errors are better, see `Direction`.

    Returns:
        One of ``lrsched.schedules.kinds.KINDS``, with RETURNN's stand-ins; inside `HoldLearningRate` and `Preset` where
        the settings ask for these.

    Raises:
        ArgumentError: A setting breaks a law; says which.
        FormatError: A setting of a Python file cannot be known without running it.

    Warns:
        SettingWarning: A key that looks like ours but means nothing.

    Examples:
        >>> schedule_from_config({"learning_rate": 0.1, "learning_rates": {1: 0.01}}).learning_rates
        FrozenDict({1: 0.01})
        >>> schedule_from_config({"learning_rate_control": "newbob", "learning_rate": "0.001"}).default_learning_rate
        0.001
    """
    report_unknown(config)
    return schedule_of(config, non_finite_error=non_finite_error, strict_error_key=strict_error_key, mode=mode)


def schedule_of(config: Mapping[str, Any], pretrain_epochs: int = 0, **policies: Any) -> Schedule:
    """`schedule_from_config` for the configurations of a sweep: it does not look for keys that mean nothing.

    The value of a parameter comes from one key, whatever the other keys have, but for `joint_keys`.

    Args:
        config: Settings by key.
        pretrain_epochs: How many epochs are pretraining, see `pretrain_rates`.
        **policies: Parameters that RETURNN has no settings for.

    Raises:
        ArgumentError: A setting breaks a law; says which.
        FormatError: A setting of a Python file cannot be known without running it.
    """
    kind: Any = control_kind(config)
    policies = {"stand_ins": "returnn", **policies}
    parameters = {name: value for name, value in policies.items() if hasattr(attrs.fields(kind), name)}
    parameters |= {name: parameter.value(config) for name, parameter in _parameters(kind).items()}
    min_num_epochs, presets = _OF_ALL[_HOLD].value(config), _OF_ALL[_PRESETS].value(config)
    schedule: Schedule = kind(**parameters)
    if _says_something(min_num_epochs):
        schedule = HoldLearningRate(schedule, min_num_epochs)
    if _says_something(presets) and _says_something(rates := as_rates(presets)):
        schedule = Preset(schedule, rates)
    return Preset(schedule, pretrain_rates(config, pretrain_epochs)) if pretrain_epochs else schedule


def joint_keys(pretrain_epochs: int) -> tuple[str, ...]:
    """The keys whose value says what others mean, or counts together with that of another."""
    return _CONTROL.keys + (_PRETRAIN.keys if pretrain_epochs else ())


def pretrain_rates(config: Mapping[str, Any], num_epochs: int) -> dict[int, float]:
    """The rates that a pretraining fixes: for its epochs, and for the first one after it.

    Args:
        config: Settings by key: ``pretrain_learning_rate``, else ``learning_rate``, is the rate of the pretraining;
            ``learning_rate`` (1.0) that of the epoch after it.
        num_epochs: How many epochs are pretraining, >= 0; with 0 no rate is fixed.

    Examples:
        >>> pretrain_rates({"learning_rate": 0.1, "pretrain_learning_rate": 0.5}, 2)
        {1: 0.5, 2: 0.5, 3: 0.1}
    """
    num_epochs = integer("num_epochs", num_epochs, least=0, way_out="0 is no pretraining")
    initial, fixed = _OF_ALL["default_learning_rate"].value(config), _PRETRAIN.value(config)
    return {**dict.fromkeys(range(1, num_epochs + 1), fixed), num_epochs + 1: initial} if num_epochs else {}


def report_unknown(config: Mapping[str, Any], *, others: bool = False) -> None:
    """Warn of settings that look like ours but mean nothing.

    Args:
        config: Settings by key.
        others: Warn of those that do not look like ours instead: of settings that were all meant for a schedule.

    Warns:
        SettingWarning: For each of them.
    """
    known = known_keys()
    for key in config:
        if isinstance(key, str) and key not in known and bool(_LOOKS_LIKE_OURS.match(key)) is not others:
            warnings.warn(f"nothing reads the setting {key!r}; {instead_of(key)}", SettingWarning, stacklevel=3)


def instead_of(key: str) -> str:
    """What to do about a key that means nothing.

    Examples:
        >>> instead_of("newbob_decay"), instead_of("x")
        ("did you mean 'newbob_learning_rate_decay'?", 'remove it')
    """
    return did_you_mean(key, known_keys()) or "remove it"


def parse_setting(text: str) -> tuple[str, Any]:
    """A setting given as ``KEY=VALUE``. The value is a literal if it is one, else text.

    Raises:
        ArgumentError: There is no ``=``.

    Examples:
        >>> parse_setting("learning_rates={1: 0.1}"), parse_setting("learning_rate_control=newbob")
        (('learning_rates', {1: 0.1}), ('learning_rate_control', 'newbob'))
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ArgumentError(f"a setting must be KEY=VALUE, got {text!r}; for example learning_rate=0.001")
    try:
        return key.strip(), literal.parse(value)
    except FormatError:
        return key.strip(), value.strip()
