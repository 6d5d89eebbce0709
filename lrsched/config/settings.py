"""Settings -> `Schedule`. The one module that knows configuration keys."""

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

from lrsched.core.measure import NonFinitePolicy
from lrsched.core.numbers import integer
from lrsched.core.schedule import Schedule
from lrsched.errors import ArgumentError, FormatError, SettingWarning, broken_law
from lrsched.formats import literal
from lrsched.schedules.constant import Constant
from lrsched.schedules.newbob import Newbob, NewbobAbs, NewbobMultiEpoch, NewbobRelative
from lrsched.schedules.wrappers import HoldLearningRate, Preset

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def _number(key: str, value: Any) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise broken_law(key, "a number", value, "correct the setting") from None
    return value  # type: ignore[no-any-return]  # the schedule checks it


def _integer(key: str, value: Any) -> int:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            raise broken_law(key, "an integer", value, "correct the setting") from None
    return value  # type: ignore[no-any-return]  # the schedule checks it


def _flag(key: str, value: Any) -> bool:
    text = str(value).lower()
    if text not in _TRUE | _FALSE:
        raise broken_law(key, "true or false", value, "yes, no, on, off, 1 and 0 do as well")
    return text in _TRUE


def _factor(key: str, value: Any) -> Any:
    return _number(key, value) if isinstance(value, str) else value


def _error_keys(key: str, value: Any) -> Any:
    if isinstance(value, str) and "," in value:
        message = f"{key} {value!r} is one key with a comma in it, as in RETURNN; for several keys use a JSON list"
        warnings.warn(message, SettingWarning, stacklevel=5)
    return value


def _rates(key: str, value: Any) -> Any:
    """A list or a mapping; from text either ``{1: 0.1, 5: 0.05}`` or ``0.1,0.05``. JSON has str for epochs."""
    if isinstance(value, str):
        try:
            value = literal.parse(value if value.strip().startswith(("{", "[", "(")) else f"[{value}]", key)
        except FormatError as error:
            raise broken_law(key, "a list or a dict of epoch -> rate", value, error.message) from error
    if isinstance(value, Mapping):
        return {int(e) if isinstance(e, str) and e.isdecimal() else e: _number(key, rate) for e, rate in value.items()}
    if isinstance(value, (list, tuple)):
        return [_number(key, rate) for rate in value]
    return value


# Configuration key -> the name of the parameter it sets, and how its value is read.
_Reader = Callable[[str, Any], Any]
_COMMON: Final[dict[str, tuple[str, _Reader]]] = {
    "learning_rate": ("default_learning_rate", _number),
    "learning_rate_control_error_measure": ("error_measure_key", _error_keys),
}
_NEWBOB: Final[dict[str, tuple[str, _Reader]]] = _COMMON | {
    "min_learning_rate": ("min_learning_rate", _number),
    "newbob_learning_rate_decay": ("learning_rate_decay", _factor),
    "learning_rate_decay": ("learning_rate_decay", _factor),  # where both are given, the later line here wins
    "newbob_learning_rate_growth": ("learning_rate_growth", _factor),
    "learning_rate_growth": ("learning_rate_growth", _factor),
}
_RELATIVE: Final[dict[str, tuple[str, _Reader]]] = _NEWBOB | {
    "learning_rate_control_relative_error_relative_lr": ("relative_error_also_relative_to_learning_rate", _flag),
    "newbob_relative_error_div_by_old": ("relative_error_div_by_old", _flag),
    "newbob_relative_error_threshold": ("relative_error_threshold", _number),
}
_ABS: Final[dict[str, tuple[str, _Reader]]] = _NEWBOB | {"newbob_error_threshold": ("error_threshold", _number)}
_MULTI: Final[dict[str, tuple[str, _Reader]]] = _RELATIVE | {
    "newbob_multi_num_epochs": ("num_epochs", _integer),
    "newbob_multi_update_interval": ("update_interval", _integer),
    "newbob_relative_error_grow_threshold": ("relative_error_grow_threshold", _number),
}
_KINDS: Final[dict[str, tuple[type[Schedule], dict[str, tuple[str, _Reader]]]]] = {
    "constant": (Constant, _COMMON),
    "newbob": (NewbobRelative, _RELATIVE),
    "newbob_rel": (NewbobRelative, _RELATIVE),
    "newbob_relative": (NewbobRelative, _RELATIVE),
    "newbob_abs": (NewbobAbs, _ABS),
    "newbob_multi_epoch": (NewbobMultiEpoch, _MULTI),
}
_DEFAULTS: Final[dict[str, Any]] = {
    "default_learning_rate": 1.0,
    "learning_rate_decay": 0.5,
    "relative_error_threshold": -0.01,
    "error_threshold": -0.01,
    "num_epochs": 5,
}
_AROUND: Final = frozenset(
    {
        "learning_rate_control",
        "learning_rates",
        "learning_rate_control_min_num_epochs_per_new_lr",
        "learning_rate_file",
        "pretrain_learning_rate",
    }
)
KNOWN_KEYS: Final = _AROUND.union(*(keys for _, keys in _KINDS.values()))
"""Every configuration key that means something here."""

_LOOKS_LIKE_OURS = re.compile(r"newbob|(min_)?learning_rate")


def schedule_from_config(
    config: Mapping[str, Any], *, non_finite_error: NonFinitePolicy = "worse", strict_error_key: bool = False
) -> Schedule:
    """The schedule that a training's configuration describes.

    Args:
        config: Settings by key, with typed values or as text. Other keys of the configuration may be there too.
        non_finite_error: What NaN and infinite errors mean, see `NonFinitePolicy`.
        strict_error_key: Whether only the configured errors count.

    Returns:
        One of the four schedules; inside `HoldLearningRate` and `Preset` where the settings ask for these.

    Raises:
        ArgumentError: A setting breaks a law; says which.

    Warns:
        SettingWarning: A key that looks like ours but means nothing.

    Examples:
        >>> schedule_from_config({"learning_rate": 0.1, "learning_rates": {1: 0.01}}).learning_rates
        FrozenDict({1: 0.01})
        >>> schedule_from_config({"learning_rate_control": "newbob", "learning_rate": "0.001"}).default_learning_rate
        0.001
    """
    _report_unknown(config)
    name = config.get("learning_rate_control", "constant")
    if not isinstance(name, str) or name not in _KINDS:
        raise broken_law("learning_rate_control", f"one of {', '.join(_KINDS)}", name, "correct the setting")
    kind, keys = _KINDS[name]
    given = {parameter: read(key, config[key]) for key, (parameter, read) in keys.items() if key in config}
    wanted = {parameter for parameter, _ in keys.values()}
    parameters = {parameter: value for parameter, value in _DEFAULTS.items() if parameter in wanted} | given
    if kind is NewbobMultiEpoch:
        parameters.setdefault("update_interval", parameters["num_epochs"])
        parameters.setdefault("relative_error_grow_threshold", parameters["relative_error_threshold"])
    if issubclass(kind, Newbob):
        parameters |= {"non_finite_error": non_finite_error, "strict_error_key": strict_error_key}
    schedule = kind(**parameters)
    hold = "learning_rate_control_min_num_epochs_per_new_lr"
    min_num_epochs = _integer(hold, config.get(hold, 0))
    if min_num_epochs:
        schedule = HoldLearningRate(schedule, min_num_epochs)
    presets = _rates("learning_rates", config.get("learning_rates") or {})
    return Preset(schedule, presets) if presets else schedule


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
    initial = _number("learning_rate", config.get("learning_rate", _DEFAULTS["default_learning_rate"]))
    fixed = _number("pretrain_learning_rate", config.get("pretrain_learning_rate", initial))
    return {**dict.fromkeys(range(1, num_epochs + 1), fixed), num_epochs + 1: initial} if num_epochs else {}


def _report_unknown(config: Mapping[str, Any]) -> None:
    import difflib  # noqa: PLC0415  it takes long to import, and hardly anyone needs it

    for key in config:
        if key in KNOWN_KEYS or not isinstance(key, str) or not _LOOKS_LIKE_OURS.match(key):
            continue
        close = difflib.get_close_matches(key, KNOWN_KEYS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "remove it"
        warnings.warn(f"nothing reads the setting {key!r}; {hint}", SettingWarning, stacklevel=3)


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
