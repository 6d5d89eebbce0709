"""``python -m lrsched.returnn``: how the rates of a learning-rate file would have been set, given a configuration."""

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from lrsched.config.files import is_typed, parse_config
from lrsched.config.settings import as_flag, parse_setting, pretrain_rates, settings_of
from lrsched.errors import ArgumentError, FormatError, LrschedError
from lrsched.returnn.control import (
    LearningRateControl,
    NewbobMultiEpoch,
    load_learning_rate_control_from_config,
)
from lrsched.storage.config import read_text

DIFFERENT, WRONG_USAGE, UNREADABLE = 1, 2, 3

_PROGRAM = "python -m lrsched.returnn"


def demo() -> None:
    """Print, for each epoch of a learning-rate file, the rate that a configuration gives, and the one in the file.

    The command line: configuration files first, then ``++key value`` for single settings, and ``--exec-config`` if
    Python configurations are to be run; otherwise they are only read. With ``++check_learning_rates 1`` it ends with
    exit code 1 at the first rate that is different.
    """
    arguments = sys.argv[1:]
    if not arguments:
        print(f"usage: {_PROGRAM} [config] [--exec-config] [++key value] [++check_learning_rates 1]")  # noqa: T201
        example = "++learning_rate_control newbob ++learning_rate_file newbob.data ++learning_rate 0.001"
        print(f"example usage: {_PROGRAM} {example}")  # noqa: T201
    log, to_output = logging.getLogger("returnn"), logging.StreamHandler(sys.stdout)
    level = log.level
    log.addHandler(to_output)
    log.setLevel(logging.DEBUG)
    try:
        sys.exit(_run(arguments))
    except LrschedError as error:
        print(f"lrsched: error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(WRONG_USAGE if isinstance(error, ArgumentError) else UNREADABLE)
    finally:
        log.removeHandler(to_output)
        log.setLevel(level)


def _run(arguments: list[str]) -> int:
    settings = settings_of(_config(arguments))
    control = load_learning_rate_control_from_config(settings)
    print(f"LearningRateControl: {control!r}")  # noqa: T201
    if not control.epoch_data:
        print("No epoch data so far.")  # noqa: T201
        return 0
    first_epoch, last_epoch = min(control.epoch_data), max(control.epoch_data)
    if first_epoch != 1:
        print(f"Strange, first epoch from epoch data is {first_epoch}.")  # noqa: T201
    print(f"Error key: {control.get_error_key(first_epoch)} from {control.epoch_data[first_epoch].error!r}")  # noqa: T201
    check = as_flag("check_learning_rates", settings.get("check_learning_rates", False))
    fixed = pretrain_rates(settings, _num_pretrain_epochs(settings))
    for epoch in range(1, last_epoch + 2):
        data = control.epoch_data.get(epoch) or control.EpochData()
        old = data.learning_rate
        new, line = _calculated(control, fixed, epoch, old)
        print(line)  # noqa: T201
        if check and old is not None and old != new:
            print(f"Learning rate is different in epoch {epoch}!")  # noqa: T201
            return DIFFERENT
        data.learning_rate = new  # so that later epochs go on from it
        control.epoch_data[epoch] = data
    print(f"Finished, last stored epoch was {last_epoch}.")  # noqa: T201
    return 0


def _calculated(
    control: LearningRateControl, fixed: Mapping[int, float], epoch: int, old: float | None
) -> tuple[float, str]:
    """The rate of an epoch, and the line that tells of it."""
    new = fixed[epoch] if epoch in fixed else control.calc_new_learning_rate_for_epoch(epoch)
    if epoch not in fixed:
        line = f"Calculated learning rate for epoch {epoch}: {new} (was: {old})"
    elif epoch < max(fixed):
        line = f"Pretrain epoch {epoch}, fixed learning rate: {new} (was: {old})"
    else:
        line = f"First epoch after pretrain, epoch {epoch}, fixed learning rate: {new} (was {old})"
    if new < control.min_learning_rate:
        new = control.min_learning_rate
        line += f", clipped to {new}"
    line += f", previous relative error: {control.calc_relative_error(epoch - 2, epoch - 1)}"
    if isinstance(control, NewbobMultiEpoch):
        line += f", previous mean relative error: {control.calc_recent_mean_relative_error(epoch)}"
    return new, line


def _num_pretrain_epochs(settings: Mapping[str, Any]) -> int:
    """How long the pretraining lasts, which only RETURNN can tell from the network."""
    if not settings.get("pretrain"):
        return 0
    for key in ("pretrain", "network"):
        if isinstance(settings.get(key), FormatError):
            raise settings[key]
    try:
        from returnn.config import Config  # noqa: PLC0415  only where it is needed
        from returnn.pretrain import pretrain_from_config  # noqa: PLC0415
    except ModuleNotFoundError as error:
        text = "only RETURNN knows how long its pretraining lasts; install it, or use lrsched verify --pretrain-epochs"
        raise LrschedError(text) from error
    pretrain = pretrain_from_config(Config(dict(settings)))
    return int(pretrain.get_train_num_epochs()) if pretrain else 0


def _config(arguments: list[str]) -> SimpleNamespace:
    """What RETURNN's ``Config`` holds after it read this command line."""
    config = SimpleNamespace(typed_dict={}, dict={})
    first_option = next((i for i, argument in enumerate(arguments) if argument[:1] in "-+"), len(arguments))
    files, options = arguments[:first_option], arguments[first_option:]
    for path in files:
        content = read_text(path)
        settings = parse_config(content, path, execute="--exec-config" in options)
        if is_typed(content, path):
            config.typed_dict |= settings
        else:
            _add(config, settings.items())
    _add(config, _pairs([option for option in options if option != "--exec-config"]))
    return config


def _pairs(options: list[str]) -> Iterator[tuple[str, str]]:
    for key, value in zip(options[::2], [*options[1::2], None], strict=False):
        if not key.startswith("++") or value is None:
            raise ArgumentError(f"an option must be ++key value, got {key!r}; configuration files come first")
        yield key[2:], value[1:] if value.startswith("+-") else value


def _add(config: SimpleNamespace, settings: Iterable[tuple[str, str]]) -> None:
    """Settings as text; where a key has a typed value already, as a literal if it is one."""
    for key, value in settings:
        if key not in config.typed_dict:
            config.dict[key] = value.split(",")
        elif isinstance(config.typed_dict[key], str):
            config.typed_dict[key] = value
        else:
            config.typed_dict[key] = parse_setting(f"{key}={value}")[1]
