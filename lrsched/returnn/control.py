"""RETURNN's controls: mutable, with its names and signatures. What they answer is decided by the core.

`epoch_data` is a plain dict of mutable epochs, since RETURNN's engines write to it. It is frozen into a `History`
whenever the core is asked.
"""

import inspect
import logging
from collections.abc import Callable
from functools import partial
from operator import is_, mul
from pathlib import Path
from typing import Any, ClassVar, Self

import attrs
from pyrsistent import PSet, PVector

from lrsched.config.settings import as_rates, control_kind, kind_of, parameters_from_config, settings_of
from lrsched.core import epoch_data as core
from lrsched.core.decision import Decision
from lrsched.core.getters import Getters
from lrsched.core.history import History
from lrsched.core.measure import Doubts, ErrorMeasure, NonFinitePolicy
from lrsched.core.numbers import epoch_number, number, rate
from lrsched.core.schedule import Schedule
from lrsched.errors import LrschedError, broken_law
from lrsched.formats.text import TEXT, render_data, render_value
from lrsched.schedules import newbob
from lrsched.schedules.combine import HoldLearningRate
from lrsched.schedules.constant import Constant
from lrsched.schedules.function import FunctionSchedule
from lrsched.storage import disk
from lrsched.storage.file import FileStorage

_log = logging.getLogger("returnn.learning_rate_control")
_V4 = logging.DEBUG + 1
"""The level of RETURNN's log verbosity 4."""

Factor = float | Callable[[float], float] | None


class LearningRateControl(Getters):
    """RETURNN's base class of learning-rate controls. Give `calc_learning_rate_for_epoch` in a class of your own.

    Args:
        default_learning_rate: The rate of the first epoch, a finite number >= 0.
        min_learning_rate: A decay does not go below it; a finite number >= 0.
        default_learning_rates: Rates given beforehand: a list for epochs 1, 2, ..., a dict of epoch -> rate, or the
            text of one of them.
        error_measure_key: Which error counts: a key, several (best first), or None for the usual ones.
        relative_error_also_relative_to_learning_rate: Divide a relative error by the rate's ratio to the default.
        min_num_epochs_per_new_learning_rate: Keep a rate for at least so many epochs.
        relative_error_div_by_old: Divide by the old error instead of the new one.
        learning_rate_decay: None, a factor, or a function from rate to rate.
        learning_rate_growth: The same.
        filename: Where the epochs are loaded from at once, and saved to; None: nowhere.

    Raises:
        ArgumentError: An argument breaks its law.
        FormatError: The file cannot be read; it is left as it is.
        StorageError: The machine could not read.

    Attributes:
        epoch_data: Epoch -> `EpochData`, yours to change.
        non_finite_error: What NaN and infinite errors mean, see `NonFinitePolicy`. Here they mean what they mean to
            RETURNN; set it on an instance, a class or by `install` to be safe.

    Examples:
        >>> control = NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=0.5)
        >>> for epoch, score in enumerate((4.0, 3.0, 3.0), start=1):
        ...     learning_rate = control.get_learning_rate_for_epoch(epoch)
        ...     control.set_epoch_error(epoch, {"dev_score": score})
        >>> control.get_learning_rate_for_epoch(4), control.epoch_data[2]
        (0.05, EpochData(learningRate=0.1, error={'dev_score': 3.0}))
    """

    class EpochData:
        """What is known of one epoch, as RETURNN's engines read and change it.

        Args:
            learning_rate: A finite number >= 0; None if unknown. ``learningRate`` is the name that files have for it.
            error: Numbers by key; a bare number means ``{"old_format_score": number}``.
            meta: Literals by key. Where it is not given, keys of ``error`` that start with ``:meta:`` move here.

        Raises:
            ArgumentError: A value breaks its law, see `lrsched.EpochData`.
            TypeError: An argument of another name, or both names of the rate.

        Examples:
            >>> data = LearningRateControl.EpochData(learningRate=0.1, error={"dev_score": 1.5, ":meta:gpu": "a"})
            >>> data.error.update({"train_score": 1.0})
            >>> data.learning_rate, data.error, data.meta
            (0.1, {'dev_score': 1.5, 'train_score': 1.0}, {'gpu': 'a'})
        """

        learning_rate: float | None
        error: dict[str, float]
        meta: dict[str, Any]

        def __init__(
            self,
            *,
            learning_rate: float | None = None,
            error: dict[str, float] | float | None = None,
            meta: dict[str, Any] | None = None,
            **kwargs: Any,
        ) -> None:
            if learning_rate is None:
                learning_rate = kwargs.pop("learningRate", None)
            if kwargs:
                raise TypeError(f"EpochData has no further argument {min(kwargs)!r}; it has learning_rate, error, meta")
            plain = core.EpochData(learning_rate=learning_rate, error=error, meta=meta)
            self.learning_rate = plain.learning_rate
            self.error = dict(plain.error)
            self.meta = _thawed(plain.meta)

        def __repr__(self) -> str:
            return render_data(self)  # type: ignore[arg-type]  # the same three attributes

    need_error_info: bool = True
    non_finite_error: NonFinitePolicy = "original"
    epoch_data: dict[int, EpochData]

    _kind: ClassVar[type[Schedule] | None] = None

    def __init_subclass__(cls) -> None:
        """Refuse a class that overrides what RETURNN's rules call and the core's do not, since it would not count."""
        super().__init_subclass__()
        if cls.calc_learning_rate_for_epoch is LearningRateControl.calc_learning_rate_for_epoch:
            for name in _NOT_ASKED:
                if getattr(cls, name) is not getattr(LearningRateControl, name):
                    way_out = "override calc_learning_rate_for_epoch and call it there"
                    raise LrschedError(f"{cls.__name__}.{name} would not count; {way_out}")

    def __init__(
        self,
        default_learning_rate: float,
        min_learning_rate: float = 0.0,
        default_learning_rates: list[float] | dict[int, float] | str | None = None,
        error_measure_key: str | list[str] | None = None,
        relative_error_also_relative_to_learning_rate: bool = False,  # noqa: FBT001, FBT002  the published signature
        min_num_epochs_per_new_learning_rate: int = 0,
        relative_error_div_by_old: bool = False,  # noqa: FBT001, FBT002  the published signature
        learning_rate_decay: Factor = 1.0,
        learning_rate_growth: Factor = 1.0,
        filename: str | None = None,
    ) -> None:
        self.epoch_data = {}
        self.filename = filename
        self.default_learning_rate = default_learning_rate
        self.min_learning_rate = min_learning_rate
        self.default_learning_rates = default_learning_rates
        self.error_measure_key = error_measure_key
        self.relative_error_also_relative_to_learning_rate = relative_error_also_relative_to_learning_rate
        self.min_num_epochs_per_new_learning_rate = min_num_epochs_per_new_learning_rate
        self.relative_error_div_by_old = relative_error_div_by_old
        self.learning_rate_decay = learning_rate_decay
        self.learning_rate_growth = learning_rate_growth
        self._storage: FileStorage | None = None
        self._history = History()
        self._parts: dict[int, tuple[Any, ...]] = {}  # of the epochs that need not be frozen again
        self._doubts: Doubts | None = None
        self._doubted = 0  # up to which epoch
        self._relative()  # raises at once where a parameter breaks a law
        if self._kind:
            self._rule()
        self._load_if_there()
        self._set_default_learning_rates()

    def _load_if_there(self) -> None:
        if not self.filename:
            _log.log(_V4, "Learning-rate-control: no file specified, not saving history (no proper restart possible)")
        elif Path(self.filename).exists():
            _log.log(_V4, "Learning-rate-control: loading file %s", self.filename)
            self.load()
        else:
            _log.log(_V4, "Learning-rate-control: file %s does not exist yet", self.filename)

    def _set_default_learning_rates(self) -> None:
        if not self.default_learning_rates:
            return
        given = as_rates(self.default_learning_rates, "default_learning_rates")
        self.default_learning_rates = given if isinstance(given, dict) else dict(enumerate(given, start=1))
        for epoch, learning_rate in self.default_learning_rates.items():
            self.set_default_learning_rate_for_epoch(epoch, learning_rate)

    @classmethod
    def load_initial_kwargs_from_config(cls, config: Any) -> dict[str, Any]:
        """The constructor's arguments as a configuration gives them.

        Args:
            config: A RETURNN ``Config``, or settings by key.
        """
        return parameters_from_config(cls._kind or Constant, settings_of(config))

    @classmethod
    def load_initial_from_config(cls, config: Any) -> Self:
        """The control that a configuration gives.

        Args:
            config: A RETURNN ``Config``, or settings by key.
        """
        return cls(**cls.load_initial_kwargs_from_config(config))

    def __repr__(self) -> str:
        names = [
            parameter.name
            for parameter in inspect.signature(type(self).__init__).parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        given = ", ".join(f"{name}={render_value(getattr(self, name))}" for name in names[1:])
        return f"{type(self).__name__}({given})"

    def __str__(self) -> str:
        epochs = [f"{epoch}: {self.epoch_data[epoch]}" for epoch in sorted(self.epoch_data)]
        if len(epochs) > 6:  # noqa: PLR2004  the first three and the last three
            epochs[3:-3] = ["..."]
        return f"{self!r}, epoch data: {', '.join(epochs)}, error key: {self.get_error_key(epoch=1)}"

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: a copy has not written the file."""
        return {**vars(self), "_storage": None}

    @property
    def history(self) -> History:
        """The epochs as they are now, as an immutable map."""
        parts = {epoch: _parts(data) for epoch, data in self.epoch_data.items()}
        known, history = self._parts, self._history
        if not known.keys() <= parts.keys():  # an epoch went
            known, history = {}, History()
        for epoch, now in parts.items():
            then = known.get(epoch, ())
            if len(now) != len(then) or not all(map(is_, now, then)):  # -0.0 equals 0.0, and is another
                history = history.set(epoch, _frozen(self.epoch_data[epoch]))
                parts[epoch] = now if _NEVER_CHANGE.issuperset(map(type, now)) else ()
        self._parts, self._history = parts, history  # both or, where an epoch breaks a law, neither
        return history

    def decide(self, epoch: int) -> Decision:
        """The decision for ``epoch`` and its cause, whatever is recorded there. Changes nothing.

        Examples:
            >>> print(ConstantLearningRate(0.1).decide(1).describe())
            0.1 (default, constant): no epoch before has a rate
        """

        def calc_learning_rate_for_epoch(_: History, epoch: int) -> float:
            return self.calc_learning_rate_for_epoch(epoch)

        own = getattr(self.calc_learning_rate_for_epoch, "__func__", None) is _OWN_RULE
        rule = self._rule() if own else FunctionSchedule(calc_learning_rate_for_epoch)
        schedule = HoldLearningRate(rule, max(0, self.min_num_epochs_per_new_learning_rate))
        epoch, history = epoch_number("epoch", epoch), self.history
        if own and self.need_error_info and epoch > self._doubted:
            self._warn(history, epoch)
        return schedule.decide(history, epoch)

    def _warn(self, history: History, epoch: int) -> None:
        """Log, once for each kind, what is doubtful about the errors that count in the decision for ``epoch``."""
        self._doubted, measure = epoch, self._measure
        for newest in history.newest(1, before=epoch):
            doubts = self._doubts if self._doubts and self._doubts.measure == measure else Doubts(measure)
            self._doubts = doubts.after(*newest)
            for text in self._doubts.news:
                _log.warning("Learning-rate-control: %s", text)

    def calc_learning_rate_for_epoch(self, epoch: int) -> float:
        """The bare rule's rate for ``epoch``; the rule of a class of your own goes here.

        Raises:
            NotImplementedError: This class has no rule.
        """
        return self._rule().decide(self.history, epoch_number("epoch", epoch)).learning_rate

    def calc_new_learning_rate_for_epoch(self, epoch: int) -> float:
        """The rate for ``epoch``, whatever is recorded there: the last one if that is to be kept, else the rule's."""
        return self.decide(epoch).learning_rate

    def get_learning_rate_for_epoch(self, epoch: int) -> float | None:
        """The rate of ``epoch``: the recorded one; else the calculated one, which is then recorded.

        Raises:
            ArgumentError: ``epoch`` is no integer >= 1.
        """
        epoch = epoch_number("epoch", epoch)
        if epoch not in self.epoch_data:
            self.set_default_learning_rate_for_epoch(epoch, self.calc_new_learning_rate_for_epoch(epoch))
        return self.epoch_data[epoch].learning_rate

    def set_default_learning_rate_for_epoch(self, epoch: int, learning_rate: float) -> None:
        """Record a rate for ``epoch`` unless it has one other than 0.

        Raises:
            ArgumentError: The epoch is no integer >= 1, or the rate no finite number >= 0.
        """
        epoch, learning_rate = epoch_number("epoch", epoch), rate("learning_rate", learning_rate)
        data = self.epoch_data.get(epoch)
        if data is None:
            self.epoch_data[epoch] = self.EpochData(learning_rate=learning_rate)
        elif not data.learning_rate:
            data.learning_rate = learning_rate

    def calc_learning_rate_decay_or_grow(self, learning_rate: float, decay: bool, grow: bool | None = None) -> float:  # noqa: FBT001  the published signature
        """``learning_rate`` with decay or growth applied; ``grow`` None means ``not decay``."""
        return self._relative().calc_learning_rate_decay_or_grow(learning_rate, decay, grow)

    def calc_relative_error(self, old_epoch: int, new_epoch: int) -> float | None:
        """The relative change of the error between two epochs; None if they cannot be compared."""
        history = self.history
        old, new = ((epoch, history.get(epoch, core.UNKNOWN)) for epoch in (old_epoch, new_epoch))
        return self._relative().compare(history, old, new).change

    def set_epoch_error(self, epoch: int, error: dict[str, float | dict[str, float]]) -> None:
        """Record errors of ``epoch``; later calls add to them. An epoch without data first gets its rate.

        Args:
            epoch: An integer >= 1.
            error: Numbers by key; a dict of several becomes ``outer_inner``, see `lrsched.EpochData.with_error`.

        Raises:
            ArgumentError: An error is no number, or a key no str. Nothing was recorded.
        """
        epoch = epoch_number("epoch", epoch)
        recorded = core.UNKNOWN.with_error(error)
        if epoch not in self.epoch_data:
            _log.log(_V4, "Learning rate not set for epoch %i. Assuming default.", epoch)
            self.get_learning_rate_for_epoch(epoch)
        self.epoch_data[epoch].error.update(recorded.error)
        self.epoch_data[epoch].meta.update(_thawed(recorded.meta))
        if epoch == 1:
            shown = dict(recorded.error)
            _log.log(_V4, "Learning-rate-control: error key %r from %r", self.get_error_key(epoch), shown)

    def get_epoch_error_dict(self, epoch: int) -> dict[str, float]:
        """All errors of ``epoch``; empty if there are none."""
        data = self.epoch_data.get(epoch)
        return {} if data is None else data.error

    def save(self) -> None:
        """Save the epochs to the file, if there is one; its folder is made if it is not there.

        Raises:
            ArgumentError: `epoch_data` holds what no file could give back. The file is as it was.
            ConflictError: Somebody else wrote the file in the meantime.
            StorageError: The machine could not write. The file is as it was.
        """
        if self.filename:
            Path(self.filename).parent.mkdir(parents=True, exist_ok=True)
            self._file().save(self.history)

    def load(self) -> None:
        """Replace the epochs by those of the file.

        Raises:
            FormatError: The file cannot be read; it is left as it is.
            MissingFileError: There is none. The epochs are as they were.
            StorageError: The machine could not read.
        """
        storage = self._file()
        disk.read_bytes(storage.path)  # raises if it is not there; to a storage that is the empty history
        loaded = storage.load()
        self.epoch_data = {
            epoch: self.EpochData(learning_rate=data.learning_rate, error=data.error, meta=data.meta)
            for epoch, data in loaded.items()
        }

    def _file(self) -> FileStorage:
        if not self.filename:
            raise broken_law("filename", "a path", self.filename, "give it to the constructor, or set it")
        path = Path(self.filename)
        if self._storage is None or self._storage.path != path:
            self._storage = FileStorage(path, TEXT)
        return self._storage

    def _parameters(self, kind: Any) -> dict[str, Any]:
        """What ``kind`` is made of, from the attributes as they are now."""
        names = {field.name for field in attrs.fields(kind)} & {*vars(self), "non_finite_error"}
        return {"stand_ins": "returnn"} | {name: _any_factor(name, getattr(self, name)) for name in names}

    def _rule(self) -> Schedule:
        if self._kind is None:
            raise NotImplementedError(f"{type(self).__name__} has no rule; give it calc_learning_rate_for_epoch")
        return self._kind(**self._parameters(self._kind))

    @property
    def _measure(self) -> ErrorMeasure:
        """Which error counts, from the attributes as they are now."""
        return ErrorMeasure(self.error_measure_key, non_finite=self.non_finite_error, stand_ins="returnn")

    def _relative(self) -> newbob.NewbobRelative:
        """What measures relative errors, and decays and grows rates, for a control of any kind."""
        parameters = {**self._parameters(newbob.NewbobRelative), "relative_error_threshold": 0.0}
        return newbob.NewbobRelative(**parameters)


def _frozen(data: LearningRateControl.EpochData) -> core.EpochData:
    return core.EpochData(learning_rate=data.learning_rate, meta=data.meta).with_error(data.error)


def _thawed(value: Any) -> Any:
    """``value`` with the mutable containers that it was made of."""
    if isinstance(value, dict):
        return {key: _thawed(item) for key, item in value.items()}
    if isinstance(value, PVector):
        return [_thawed(item) for item in value]
    if isinstance(value, PSet):
        return set(value)
    return tuple(map(_thawed, value)) if isinstance(value, tuple) else value


def _parts(data: LearningRateControl.EpochData) -> tuple[Any, ...]:
    """What ``data`` consists of. To look whether these are the same objects costs far less than to freeze it again."""
    return data.learning_rate, *data.error, *data.error.values(), None, *data.meta, *data.meta.values()


_NEVER_CHANGE = frozenset({type(None), bool, int, float, str, bytes})
_OWN_RULE = LearningRateControl.calc_learning_rate_for_epoch
_NOT_ASKED = (
    "calc_learning_rate_decay_or_grow",
    "calc_relative_error",
    "get_epoch_error_dict",
    "get_epoch_error_key_value",
    "get_error_key",
    "get_last_epoch",
    "get_most_recent_learning_rate",
)


def _any_factor(name: str, value: Any) -> Any:
    """``value``, but that a number may also raise a rate that decays, or lower one that grows."""
    if name not in ("learning_rate_decay", "learning_rate_growth") or value is None or callable(value):
        return value
    return partial(mul, number(name, value, "None, a number or a function"))


class ConstantLearningRate(LearningRateControl):
    """The newest rate, or the default if there is none. The arguments are those of `LearningRateControl`."""

    need_error_info = False
    _kind = Constant


class NewbobRelative(LearningRateControl):
    """See `lrsched.NewbobRelative`.

    Args:
        relative_error_threshold: Above it the rate decays, else it grows.
        **kwargs: The arguments of `LearningRateControl`.
    """

    _kind = newbob.NewbobRelative

    def __init__(self, relative_error_threshold: float, **kwargs: Any) -> None:
        self.relative_error_threshold = relative_error_threshold
        super().__init__(**kwargs)


class NewbobAbs(LearningRateControl):
    """See `lrsched.NewbobAbs`.

    Args:
        error_threshold: Above it the rate decays, else it grows.
        **kwargs: The arguments of `LearningRateControl`.
    """

    _kind = newbob.NewbobAbs

    def __init__(self, error_threshold: float, **kwargs: Any) -> None:
        self.error_threshold = error_threshold
        super().__init__(**kwargs)


class NewbobMultiEpoch(LearningRateControl):
    """See `lrsched.NewbobMultiEpoch`.

    Args:
        num_epochs: Over how many changes of the error the mean is taken, >= 1.
        update_interval: Every how many epochs the rate may change, >= 1.
        relative_error_threshold: Above it the rate decays.
        relative_error_grow_threshold: Below it the rate grows.
        **kwargs: The arguments of `LearningRateControl`.
    """

    _kind = newbob.NewbobMultiEpoch

    def __init__(
        self,
        num_epochs: int,
        update_interval: int,
        relative_error_threshold: float,
        relative_error_grow_threshold: float,
        **kwargs: Any,
    ) -> None:
        self.num_epochs = num_epochs
        self.update_interval = update_interval
        self.relative_error_threshold = relative_error_threshold
        self.relative_error_grow_threshold = relative_error_grow_threshold
        super().__init__(**kwargs)

    def calc_recent_mean_relative_error(self, epoch: int) -> float | None:
        """The mean relative error of the newest epochs before ``epoch``; None if one of them is unknown."""
        return newbob.NewbobMultiEpoch(**self._parameters(newbob.NewbobMultiEpoch)).mean_change(self.history, epoch)


_CONTROLS: dict[type[Schedule], type[LearningRateControl]] = {
    Constant: ConstantLearningRate,
    newbob.NewbobRelative: NewbobRelative,
    newbob.NewbobAbs: NewbobAbs,
    newbob.NewbobMultiEpoch: NewbobMultiEpoch,
}


def learning_rate_control_type(type_name: str) -> type[LearningRateControl]:
    """The class of the control that goes by a name in configurations.

    Raises:
        ArgumentError: None does.

    Examples:
        >>> learning_rate_control_type("newbob").__name__
        'NewbobRelative'
    """
    return _CONTROLS[kind_of(type_name)]


def load_learning_rate_control_from_config(config: Any) -> LearningRateControl:
    """The control that a configuration names and sets up.

    Args:
        config: A RETURNN ``Config``, or settings by key.

    Raises:
        ArgumentError: A setting breaks a law; says which.

    Examples:
        >>> load_learning_rate_control_from_config({"learning_rate_control": "newbob", "learning_rate": 0.1})
        NewbobRelative(relative_error_threshold=-0.01)
    """
    settings = settings_of(config)
    return _CONTROLS[control_kind(settings)].load_initial_from_config(settings)
