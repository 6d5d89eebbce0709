"""Schedules made of schedules. With neutral parameters each of them is its part."""

import math
import re
from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial, reduce
from numbers import Real
from typing import Annotated, Any, Final, NamedTuple, final

import attrs

from lrsched.core.decision import Action, Cause, Decision
from lrsched.core.epoch_data import UNKNOWN, EpochData
from lrsched.core.frozendict import FrozenDict
from lrsched.core.history import History
from lrsched.core.numbers import Rate, Threshold, checked, epoch_number, integer, rate
from lrsched.core.schedule import UNITS, Fold, Moment, Schedule
from lrsched.errors import broken_law
from lrsched.schedules.function import Function, as_schedule


class Composite(Fold):
    """A schedule that has parts (abstract).

    The part is the field ``schedule``. A subclass that has several, or other fields, overrides the property `parts`.
    Most are combinators, see `Combinator`; those that are not (`HoldLearningRate`, `Preset`) implement `Fold`
    themselves.
    """

    __slots__ = ()

    schedule: Schedule

    @property
    def parts(self) -> tuple[Schedule, ...]:
        """See `Schedule.parts`."""
        return (self.schedule,)


class _Combined(NamedTuple):
    """The memory of a combinator."""

    parts: tuple[Any, ...]
    newest: float | None = None
    """The newest recorded rate."""
    handed_on: float | None = None
    """What the first part saw instead of it."""


class _Going(NamedTuple):
    """A schedule in the middle of a fold, as functions that hold its memory: one made for each epoch costs more."""

    own: Callable[[Moment], float]
    """Works out the schedule's own rate for the next epoch."""
    see: Callable[[Moment, EpochData, float | None], None]
    """Adds that epoch, with the rate that the schedule sees there. Call `own` first, unless that rate is None."""
    memory: Callable[[], Any]
    """Gives the memory after the epochs so far."""


def _going(schedule: Schedule, memory: Any) -> _Going:
    if isinstance(schedule, Combinator):
        return schedule._going(memory)  # noqa: SLF001  its own kind
    rate, after = schedule.rate, schedule.after

    def own(moment: Moment) -> float:
        return rate(memory, moment)

    def see(moment: Moment, data: EpochData, learning_rate: float | None) -> None:
        nonlocal memory
        same = learning_rate == data.learning_rate
        memory = after(memory, moment, data if same else data.with_learning_rate(learning_rate))

    return _Going(own, see, lambda: memory)


class Combinator(Composite):
    """A schedule whose rate comes from the rates of its parts, which go on as if each were alone (abstract).

    Subclasses implement `combine` and `by_hand`. The rates of the whole never reach a part: in the memory each part
    sees its own rates. So nothing is scaled, clamped or warmed up twice.
    """

    __slots__ = ()

    @abstractmethod
    def combine(self, *rates: float) -> float:
        """The rate, from the rates of the parts."""

    @abstractmethod
    def by_hand(self, learning_rate: float, *rates: float) -> Sequence[float]:
        """What the parts see in an epoch whose recorded rate somebody set by hand.

        That is so where `combine` gives another rate. Where an answer is no finite number >= 0, the part sees its own.

        Args:
            learning_rate: The recorded rate.
            *rates: What the parts would have given.

        Returns:
            A rate for each part.
        """

    def reason(self, *rates: float) -> str:
        """Why the rate is what it is, as a phrase."""
        return f"made of {' and '.join(map(_short, rates))}"

    @property
    def default_learning_rate(self) -> float | None:
        """See `Schedule.default_learning_rate`; None if a part has none."""
        defaults = [part.default_learning_rate for part in self.parts]
        return None if None in defaults else self._checked(defaults)  # type: ignore[arg-type]  # none is None

    def start(self) -> _Combined:
        """See `Schedule.start`."""
        return _Combined(tuple(part.start() for part in self.parts))

    @final
    def after(self, memory: _Combined, moment: Moment, data: EpochData) -> _Combined:
        """See `Schedule.after`."""
        return self._along(memory, ((moment, data),))

    def _along(self, memory: _Combined, epochs: Iterable[tuple[Moment, EpochData]]) -> _Combined:
        own, see, remembered = self._going(memory)
        for moment, data in epochs:
            if data.learning_rate is not None:
                own(moment)
            see(moment, data, data.learning_rate)
        return remembered()  # type: ignore[no-any-return]  # it is its own

    def _going(self, memory: _Combined) -> _Going:
        going = [*map(_going, self.parts, memory.parts)]
        (part_rate, part_sees, _), others = going[0], [*enumerate(going)][1:]  # nearly always there are no others
        combine, whole, own_rates = self.combine, math.nan, [math.nan] * len(going)
        newest, handed_on = memory.newest, memory.handed_on

        def own(moment: Moment) -> float:
            nonlocal whole
            own_rates[0] = part_rate(moment)
            if others:
                own_rates[1:] = [other.own(moment) for _, other in others]
            whole = combine(*own_rates)
            return whole

        def see(moment: Moment, data: EpochData, learning_rate: float | None) -> None:
            nonlocal newest, handed_on
            if learning_rate is None:
                for part in going:
                    part.see(moment, data, None)
                return
            seen = own_rates if learning_rate == whole else self._by_hand(learning_rate, own_rates)
            newest, handed_on = learning_rate, seen[0]
            part_sees(moment, data, handed_on)
            for number, other in others:
                other.see(moment, data, seen[number])

        return _Going(own, see, lambda: _Combined(tuple([part.memory() for part in going]), newest, handed_on))

    def _by_hand(self, learning_rate: float, rates: Sequence[float]) -> list[float]:
        handed_on: Any = self.by_hand(learning_rate, *rates)
        is_one_each = isinstance(handed_on, Sequence) and len(handed_on) == len(rates)
        if not (is_one_each and all(isinstance(each, Real) for each in handed_on)):
            law = f"a sequence of {len(rates)} rates, one for each part"
            raise broken_law(f"{type(self).__name__}.by_hand", law, handed_on, "return a tuple, as in (learning_rate,)")
        return [each if 0.0 <= each < math.inf else own for each, own in zip(handed_on, rates, strict=True)]

    def _implied(self, learning_rate: float, rates: Sequence[float]) -> Sequence[float]:
        """The rates of the parts where an epoch began with another rate than theirs give now."""
        return self._by_hand(learning_rate, rates)

    @final
    def rate(self, memory: _Combined, moment: Moment) -> float:
        """See `Schedule.rate`."""
        return self._checked([part.rate(each, moment) for part, each in zip(self.parts, memory.parts, strict=True)])

    @final
    def rate_during(self, memory: _Combined, began: Moment, learning_rate: float, moment: Moment) -> float:
        """See `Schedule.rate_during`: each part goes on from the rate that it must have had."""
        seen: Sequence[float] = [part.rate(each, began) for part, each in zip(self.parts, memory.parts, strict=True)]
        if learning_rate != self.combine(*seen):
            seen = self._implied(learning_rate, seen)
        together = zip(self.parts, memory.parts, seen, strict=True)
        return self._checked([part.rate_during(each, began, rate, moment) for part, each, rate in together])

    def _checked(self, rates: Sequence[float]) -> float:
        return rate(f"the learning rate of {type(self).__name__}", self.combine(*rates))

    def answer(self, memory: _Combined, moment: Moment) -> Decision:
        """See `Schedule.answer`: the first part's action, unless the rate moves another way than that part's."""
        inner = tuple(part.answer(each, moment) for part, each in zip(self.parts, memory.parts, strict=True))
        first, rates = inner[0].since(memory.handed_on), [each.learning_rate for each in inner]
        learning_rate = self._checked(rates)
        if first.previous is None or first.previous == memory.handed_on:
            previous = memory.newest
        else:  # the part knows a newer rate than any that is recorded: a preset
            previous = self.combine(first.previous, *rates[1:])
            previous = previous if 0.0 <= previous < math.inf else memory.newest
        moves = Action.of(previous, learning_rate)
        action = first.action if moves is Action.of(first.previous, first.learning_rate) else moves
        cause = Cause(_snake_case(type(self).__name__), self.reason(*rates), inner=inner)
        return Decision(learning_rate, previous, action, cause)


def _short(value: float) -> str:
    """A rate in a phrase; the decisions of the parts have all digits."""
    return f"{value:.6g}"


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _claims(parts: Sequence[Schedule]) -> frozenset[str]:
    """What a schedule that changes no order of rates claims: what all its parts do, but for what is about one class."""
    claims = (frozenset(getattr(part, "claims", ())) for part in parts)
    return frozenset.intersection(*claims) - {"window", "presets_count"}


_as_its_parts_claim: Final = property(lambda schedule: _claims(schedule.parts))
"""What those claim that change no order of rates."""


@final
@attrs.frozen(field_transformer=checked)
class Scaled(Combinator):
    """A schedule whose rates are multiplied by a number.

    rate = ``factor`` * r, r being the rate of ``schedule``. A rate set by hand is divided by ``factor`` for
    ``schedule``.

    Args:
        schedule: A schedule, or a plain function.
        factor: A finite number >= 0; 1 is the neutral value.

    Raises:
        ArgumentError: ``factor`` is no such number; or, when asked, the rate is not finite.

    Examples:
        >>> from lrsched import Constant, LearningRateControl
        >>> control = LearningRateControl(Scaled(Constant(0.1), 0.5))
        >>> [control.get_learning_rate_for_epoch(epoch) for epoch in (1, 2, 3)]
        [0.05, 0.05, 0.05]
        >>> control.set_learning_rate_for_epoch(4, 0.2)  # to Constant that is 0.4
        >>> control.get_learning_rate_for_epoch(5)
        0.2
    """

    schedule: Schedule = attrs.field(converter=as_schedule)
    factor: Rate

    def combine(self, *rates: float) -> float:
        """See `Combinator.combine`."""
        return self.factor * rates[0]

    def by_hand(self, learning_rate: float, *rates: float) -> Sequence[float]:
        """See `Combinator.by_hand`; with a factor of 0 nothing can be said of the schedule's own rate."""
        return (learning_rate / self.factor,) if self.factor else rates

    def reason(self, *rates: float) -> str:
        """See `Combinator.reason`."""
        return f"{_short(self.factor)} times {_short(rates[0])}"

    claims = _as_its_parts_claim


@final
@attrs.frozen(field_transformer=checked)
class Clamp(Combinator):
    """A schedule whose rates are kept between two numbers.

    rate = min(max(r, ``minimum``), ``maximum``), r being the rate of ``schedule``, which goes on below the minimum and
    above the maximum. A rate set by hand is handed on as it is.

    Args:
        schedule: A schedule, or a plain function.
        minimum: A finite number >= 0.
        maximum: A number >= ``minimum``; infinity is the neutral value.

    Raises:
        ArgumentError: The two are no such numbers.

    Examples:
        >>> schedule = Clamp(lambda history, epoch: 0.1 / epoch, minimum=0.03, maximum=0.08)
        >>> [round(schedule(History(), epoch), 3) for epoch in (1, 2, 3, 4)]
        [0.08, 0.05, 0.033, 0.03]
    """

    schedule: Schedule = attrs.field(converter=as_schedule)
    minimum: Rate = 0.0
    maximum: Threshold = math.inf

    def __attrs_post_init__(self) -> None:
        if self.maximum < self.minimum:
            law = f"at least minimum ({self.minimum!r})"
            raise broken_law("maximum", law, self.maximum, "math.inf clamps nothing")

    def combine(self, *rates: float) -> float:
        """See `Combinator.combine`."""
        return min(max(rates[0], self.minimum), self.maximum)

    def by_hand(self, learning_rate: float, *rates: float) -> Sequence[float]:
        """See `Combinator.by_hand`."""
        del rates
        return (learning_rate,)

    def reason(self, *rates: float) -> str:
        """See `Combinator.reason`."""
        above = "above the maximum" if rates[0] > self.maximum else "within the limits"
        return f"{_short(rates[0])} is {'below the minimum' if rates[0] < self.minimum else above}"

    claims = _as_its_parts_claim


_FAR = 100.0
"""Where a warm-up has hardly begun, a rate set by hand is no wish for rates so many times as large later on."""


def _as_schedules(schedules: Sequence[Schedule | Function]) -> tuple[Schedule, ...]:
    return tuple(map(as_schedule, schedules))


@final
@attrs.frozen(init=False, field_transformer=checked)
class Product(Combinator):
    """A schedule whose rates are multiplied by those of others: a warm-up around a rule, say.

    rate = r * f1 * f2 * ..., r being the rate of ``schedule``, and f1, f2, ... those of the factors, whose order does
    not matter. A rate set by hand is divided by f1 * f2 * ... for ``schedule``. Where the quotient is more than 100
    times both that rate and r, as it may be where a warm-up begins, ``schedule`` sees the larger of the two. The
    factors always see their own.

    Args:
        schedule: A schedule, or a plain function.
        *factors: Schedules or plain functions, too: whatever gives a finite number >= 0 at each epoch.

    Raises:
        ArgumentError: One is neither; or, when asked, the rate is not finite.

    Examples:
        >>> from lrsched import Constant
        >>> warm_up = Product(Constant(0.1), lambda history, epoch: min(epoch / 4, 1.0))
        >>> [warm_up(History(), epoch) for epoch in (1, 2, 3, 4, 5)]
        [0.025, 0.05, 0.07500000000000001, 0.1, 0.1]
    """

    schedule: Schedule = attrs.field(converter=as_schedule)
    factors: tuple[Schedule, ...] = attrs.field(converter=_as_schedules)

    def __init__(
        self, schedule: Schedule | Function, *more: Schedule | Function, factors: Sequence[Schedule | Function] = ()
    ) -> None:
        """With ``factors`` by keyword, too, as `attrs.evolve` gives them."""
        self.__attrs_init__(schedule, (*more, *factors))

    @property
    def parts(self) -> tuple[Schedule, ...]:
        """See `Composite.parts`."""
        return (self.schedule, *self.factors)

    def combine(self, *rates: float) -> float:
        """See `Combinator.combine`."""
        return rates[0] * self._factor(rates)

    def _factor(self, rates: Sequence[float]) -> float:
        return math.prod(sorted(rates[1:]), start=1.0)  # sorted: whatever their order, bit for bit the same

    def by_hand(self, learning_rate: float, *rates: float) -> Sequence[float]:
        """See `Combinator.by_hand`."""
        quotient, *factors = self._implied(learning_rate, rates)
        near = max(rates[0], learning_rate)
        return (quotient if quotient <= _FAR * near else near, *factors)

    def _implied(self, learning_rate: float, rates: Sequence[float]) -> Sequence[float]:
        factor = self._factor(rates)
        quotient = learning_rate / factor if 0.0 < factor < math.inf else math.inf
        return (quotient if quotient < math.inf else rates[0], *rates[1:])

    def reason(self, *rates: float) -> str:
        """See `Combinator.reason`."""
        return " times ".join(map(_short, rates))

    claims = _as_its_parts_claim


def _would_decide(part: Schedule, memory: Any, moment: Moment) -> tuple[Decision, ...]:
    """What a part would have decided, had it been asked; nothing where it has no answer."""
    with suppress(Exception):  # a plain function raises whatever it likes; the training run does not ask it
        return (part.answer(memory, moment),)
    return ()


class _Held(NamedTuple):
    """The memory of a hold."""

    learning_rate: float | None
    """The rate of the last epoch."""
    epochs: int
    """For how many epochs it has been that one, at most as many as it must."""
    part: Any


@final
@attrs.frozen(field_transformer=checked)
class HoldLearningRate(Composite):
    """Hold each learning rate for at least a number of epochs.

    With the rates of the newest n = ``min_num_epochs`` epochs with data: if there are some, but fewer than n, or they
    are not all equal, keep the last of them; else ask the schedule. An epoch of unknown rate holds nothing.

    The schedule sees the recorded rates. So to a combinator inside, a rate that is held is what a rate set by hand is:
    put the hold inside, as in ``Product(HoldLearningRate(rule, 3), warm_up)``, where only the rule is to be held.

    Args:
        schedule: What to ask otherwise.
        min_num_epochs: In epochs, an integer >= 0; 0 and 1 hold nothing.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``min_num_epochs_per_new_learning_rate``.

    Examples:
        >>> schedule = HoldLearningRate(lambda history, epoch: 0.1 / epoch, 2)
        >>> history = History()
        >>> for epoch in range(1, 6):
        ...     history = history.set(epoch, EpochData(learning_rate=schedule(history, epoch)))
        >>> [round(data.learning_rate, 3) for data in history.values()]
        [0.1, 0.1, 0.033, 0.033, 0.02]
    """

    schedule: Schedule = attrs.field(converter=as_schedule)
    min_num_epochs: Annotated[int, partial(integer, least=0, way_out="0 and 1 hold nothing")]

    claims = _as_its_parts_claim

    def start(self) -> _Held:
        """See `Schedule.start`."""
        return _Held(None, 0, self.schedule.start())

    def after(self, memory: _Held, moment: Moment, data: EpochData) -> _Held:
        """See `Schedule.after`."""
        return self._lasting(memory, data)._replace(part=self.schedule.after(memory.part, moment, data))

    def _lasting(self, memory: _Held, data: EpochData) -> _Held:
        same = data.learning_rate == memory.learning_rate
        epochs = min(memory.epochs + 1, max(self.min_num_epochs, 1)) if same else 1
        return _Held(data.learning_rate, epochs, memory.part)

    def fold(self, history: History, memory: _Held | None = None, since: int = 0) -> _Held:
        """See `Schedule.fold`: only the newest epochs matter to the hold itself."""
        if since:
            return super().fold(history, memory, since)  # type: ignore[no-any-return]  # it is what `after` gives
        end = (history.last_epoch() or 0) + 1
        newest = history.newest(max(self.min_num_epochs, 1), before=end)
        held = reduce(self._lasting, (data for _, data in newest), self.start())
        return held._replace(part=self.schedule.fold(history))

    def _own(self, memory: _Held) -> float | None:
        """The rate that it holds; None if it holds none."""
        return memory.learning_rate if memory.epochs < self.min_num_epochs else None

    def rate(self, memory: _Held, moment: Moment) -> float:
        """See `Schedule.rate`."""
        own = self._own(memory)
        return self.schedule.rate(memory.part, moment) if own is None else own

    def rate_during(self, memory: _Held, began: Moment, learning_rate: float, moment: Moment) -> float:
        """See `Schedule.rate_during`."""
        if self._own(memory) is not None:
            return learning_rate
        return self.schedule.rate_during(memory.part, began, learning_rate, moment)

    def answer(self, memory: _Held, moment: Moment) -> Decision:
        """See `Schedule.answer`; the cause of a hold says what the schedule would have decided."""
        own = self._own(memory)
        if own is None:
            return self.schedule.answer(memory.part, moment)
        reason = f"a rate stays for at least {self.min_num_epochs} epochs"
        cause = Cause("hold", reason, inner=_would_decide(self.schedule, memory.part, moment))
        return Decision(own, own, Action.HOLD, cause)


def _as_rates(learning_rates: Mapping[int, float] | Sequence[float]) -> FrozenDict[int, float]:
    given: Any = learning_rates
    if isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
        given = dict(enumerate(given, start=1))
    if not isinstance(given, Mapping):
        law = "a mapping epoch -> rate, or a list for epochs 1, 2, ..."
        raise broken_law("learning_rates", law, given, "use {1: 0.001}")
    rates = {
        epoch_number("an epoch of learning_rates", epoch): rate(f"learning_rates[{epoch!r}]", value)
        for epoch, value in given.items()
    }
    return FrozenDict(dict(sorted(rates.items())))


_AT_START = dict.fromkeys(UNITS, 0)


class _Preset(NamedTuple):
    """The memory of presets."""

    seen: Moment | None
    """The last epoch that the schedule has seen, recorded or not; None if it has seen none."""
    newest: float | None
    """The newest rate that it has seen."""
    part: Any


@final
@attrs.frozen(field_transformer=checked)
class Preset(Composite):
    """Learning rates that are given beforehand for some epochs.

    They count as known: to the schedule, the epochs before e that have a preset and no rate in the history (or 0) have
    the preset's.

    Args:
        schedule: What to ask for all other epochs.
        learning_rates: Epoch -> rate, or a list for epochs 1, 2, ...; finite numbers >= 0.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``default_learning_rates``.

    Examples:
        >>> from lrsched import Constant
        >>> schedule = Preset(Constant(0.1), {1: 0.01, 3: 0.05})
        >>> history = History()
        >>> for epoch in range(1, 5):
        ...     history = history.set(epoch, EpochData(learning_rate=schedule(history, epoch)))
        >>> [data.learning_rate for data in history.values()]
        [0.01, 0.01, 0.05, 0.05]
    """

    schedule: Schedule = attrs.field(converter=as_schedule)
    learning_rates: FrozenDict[int, float] = attrs.field(converter=_as_rates)
    _epochs: tuple[int, ...] = attrs.field(init=False, repr=False, eq=False)

    @_epochs.default
    def _in_order(self) -> tuple[int, ...]:
        return tuple(self.learning_rates)

    @property
    def claims(self) -> frozenset[str]:
        """What the schedule claims, but for falling rates: a preset may raise the rate."""
        return _claims(self.parts) - {"monotone", "non_finite_is_worst", "never_raises"} | {"presets_count"}

    def start(self) -> _Preset:
        """See `Schedule.start`."""
        return _Preset(None, None, self.schedule.start())

    def _caught_up(self, memory: _Preset, epoch: int) -> _Preset:
        """The memory after the presets before ``epoch`` that nobody recorded: to the schedule these are epochs.

        They have no errors, and begin at the step of the last recorded epoch, or at 0.
        """
        epochs, seen = self._epochs, memory.seen
        first = bisect_right(epochs, seen.epoch) if seen else 0
        if first == len(epochs) or epochs[first] >= epoch:
            return memory
        newest, part, counts = memory.newest, memory.part, seen.counts if seen else _AT_START
        for each in epochs[first : bisect_left(epochs, epoch)]:
            seen, newest = Moment(each, **counts), self.learning_rates[each]
            part = self.schedule.after(part, seen, UNKNOWN.with_learning_rate(newest))
        return _Preset(seen, newest, part)

    def after(self, memory: _Preset, moment: Moment, data: EpochData) -> _Preset:
        """See `Schedule.after`."""
        epoch = moment.epoch
        _, newest, part = self._caught_up(memory, epoch)
        if not data.learning_rate and epoch in self.learning_rates:
            data = data.with_learning_rate(self.learning_rates[epoch])
        newest = newest if data.learning_rate is None else data.learning_rate
        return _Preset(moment, newest, self.schedule.after(part, moment, data))

    def fold(self, history: History, memory: _Preset | None = None, since: int = 0) -> _Preset:
        """See `Schedule.fold`: a rule over the history is shown one with the presets in it."""
        if since or isinstance(self.schedule, Fold):
            return super().fold(history, memory, since)  # type: ignore[no-any-return]  # it is what `after` gives
        last = history.last_epoch() or 0
        for epoch in self._epochs[: bisect_right(self._epochs, last)]:
            history = with_default_rate(history, epoch, self.learning_rates[epoch])
        seen = Moment.of(last, history[last]) if last else None
        return _Preset(seen, history.most_recent_learning_rate(last + 1), self.schedule.fold(history))

    def rate(self, memory: _Preset, moment: Moment) -> float:
        """See `Schedule.rate`."""
        given = self.learning_rates.get(moment.epoch)
        return self.schedule.rate(self._caught_up(memory, moment.epoch).part, moment) if given is None else given

    def rate_during(self, memory: _Preset, began: Moment, learning_rate: float, moment: Moment) -> float:
        """See `Schedule.rate_during`: a preset stays."""
        if moment.epoch in self.learning_rates:
            return learning_rate
        part = self._caught_up(memory, moment.epoch).part
        return self.schedule.rate_during(part, began, learning_rate, moment)

    def answer(self, memory: _Preset, moment: Moment) -> Decision:
        """See `Schedule.answer`; the cause of a preset says what the schedule would have decided."""
        _, newest, part = self._caught_up(memory, moment.epoch)
        given = self.learning_rates.get(moment.epoch)
        if given is None:
            return self.schedule.answer(part, moment).since(newest)
        cause = Cause("preset", "given for this epoch", inner=_would_decide(self.schedule, part, moment))
        return Decision(given, newest, Action.PRESET, cause)


def with_default_rate(history: History, epoch: int, learning_rate: float) -> History:
    """``history`` with that rate at ``epoch``, if the epoch is absent or its rate is None or 0."""
    data: EpochData | None = history.get(epoch)
    if data is not None and data.learning_rate:
        return history
    return history.set(epoch, (data or UNKNOWN).with_learning_rate(learning_rate))
