"""The grammar: a schedule is a frozen value; asked with the past, it answers with a decision.

`Schedule` is written as a function of the history, `Fold` as a memory that each epoch adds to. A `Cursor` holds either
kind together with what it has seen so far.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import starmap
from operator import itemgetter
from typing import Any, Self, final

import attrs

from lrsched.core.decision import Decision
from lrsched.core.epoch_data import EpochData
from lrsched.core.history import History
from lrsched.core.measure import ErrorMeasure
from lrsched.core.numbers import LARGEST_EPOCH, epoch_number, integer
from lrsched.errors import ArgumentError, broken_law


@final
@attrs.frozen(slots=False, init=False)  # made at every epoch: attrs fills an instance dict twice as fast as slots
class Moment:
    """When a schedule is asked.

    Attributes:
        epoch: From 1. An epoch is whatever the errors are recorded after: a pass over the data, a part of one, 1000
            steps.
        step: How many steps (updates) the training run has taken before, >= 0; None if nobody said.
        samples: How many samples it has seen before, >= 0; None if nobody said.
        tokens: How many tokens it has seen before, >= 0; None if nobody said.

    Raises:
        ArgumentError: The epoch is no integer >= 1, or another one no integer >= 0.

    Examples:
        >>> Moment(2, step=1000)
        Moment(epoch=2, step=1000, samples=None, tokens=None)
    """

    epoch: int
    step: int | None = None
    samples: int | None = None
    tokens: int | None = None

    def __init__(
        self, epoch: int, step: int | None = None, samples: int | None = None, tokens: int | None = None
    ) -> None:
        fields = self.__dict__  # directly, since a moment is made at every epoch
        fields["epoch"] = epoch if type(epoch) is int and 1 <= epoch <= LARGEST_EPOCH else epoch_number("epoch", epoch)
        fields["step"] = step if step is None else _count("step", step)
        fields["samples"] = samples if samples is None else _count("samples", samples)
        fields["tokens"] = tokens if tokens is None else _count("tokens", tokens)

    @classmethod
    def of(cls, epoch: int, data: EpochData) -> "Moment":
        """The first moment of a recorded epoch, as far as its meta values ``step``, ``samples`` and ``tokens`` say.

        A meta value of such a name that is no integer >= 0 means something else, and is passed over.

        Examples:
            >>> Moment.of(3, EpochData(meta={"step": 200, "tokens": "many"}))
            Moment(epoch=3, step=200, samples=None, tokens=None)
        """
        meta = data.meta
        if not meta:
            return cls(epoch)
        return cls(epoch, **{name: meta[name] for name in UNITS if type(meta.get(name)) is int and meta[name] >= 0})

    @property
    def counts(self) -> dict[str, int]:
        """The counts that somebody said, by name, as meta values note them in a record.

        Examples:
            >>> Moment(1, step=0).counts
            {'step': 0}
        """
        return {name: value for name in UNITS if (value := getattr(self, name)) is not None}


UNITS = ("step", "samples", "tokens")
"""What counts the time besides epochs. All are global: they go on from epoch to epoch."""


def _count(name: str, value: Any) -> int:
    return integer(name, value, least=0, way_out="count from 0, over the whole training run")


class Schedule(ABC):
    """A rule that gives the learning rate of an epoch from the epochs before it.

    A schedule holds its parameters and nothing else. The past is an argument, and data of the epoch or later is never
    seen; so a schedule answers the same after a restart, and any epoch can be asked again.

    Subclasses implement `decide` and are frozen. A rule that has to remember something (the best error, how many epochs
    were bad) is a `Fold`; a schedule made of other schedules is a `Combinator`.

    A loop holds a `Cursor`, which asks by `start`, `after`, `answer` and `rate`. Here the memory is the history itself,
    and these four need not be written.
    """

    __slots__ = ()

    @property
    def measure(self) -> ErrorMeasure | None:
        """Which error the schedule looks at; None if it has parts that look, or does not say."""
        return None

    @property
    def parts(self) -> "tuple[Schedule, ...]":
        """The schedules that it is made of, the main one first; none if it is made of no others."""
        return ()

    @property
    def need_error_info(self) -> bool:
        """Whether the rate depends on the errors at all. With parts, it does if one of them does."""
        return not self.parts or any(part.need_error_info for part in self.parts)

    @property
    def default_learning_rate(self) -> float | None:
        """The rate where there is nothing to go on from; None if neither the schedule nor its first part has one."""
        return self.parts[0].default_learning_rate if self.parts else None

    @abstractmethod
    def decide(self, history: History, epoch: int) -> Decision:
        """The decision for ``epoch``, from the part of ``history`` before it.

        Args:
            history: The past; data at or after ``epoch`` is not looked at.
            epoch: An integer >= 1.
        """

    @final
    def __call__(self, history: History, epoch: int, step: int | None = None) -> float:
        """The learning rate alone, from the part of ``history`` before ``epoch``.

        Args:
            history: The past; data at or after ``epoch`` is not looked at.
            epoch: An integer >= 1.
            step: How many steps the training run has taken before; for schedules that go by steps.
        """
        return self.rate(self.fold(history.before(epoch)), Moment(epoch, step))

    def start(self) -> Any:
        """The memory before any epoch."""
        return History()

    def after(self, memory: Any, moment: Moment, data: EpochData) -> Any:
        """The memory after one more epoch.

        Args:
            memory: The memory of the epochs before it.
            moment: The epoch, and when it began, see `Moment.of`.
            data: What is recorded of it.
        """
        return memory.set(moment.epoch, data)

    def answer(self, memory: Any, moment: Moment) -> Decision:
        """The decision, from the memory of the epochs before it."""
        return self.decide(memory, moment.epoch)

    def rate(self, memory: Any, moment: Moment) -> float:
        """The learning rate of `answer`; a schedule that can give it for less says how."""
        return self.answer(memory, moment).learning_rate

    def rate_during(self, memory: Any, began: Moment, learning_rate: float, moment: Moment) -> float:
        """The learning rate at a later moment of an epoch that has begun.

        The past may have changed since: an evaluation came late, a rate was corrected. So the schedule might give the
        beginning another rate now. The epoch goes on from the rate that it had: with r(m) the schedule's rate at a
        moment m, it is ``learning_rate * r(moment) / r(began)``.

        Args:
            memory: The memory of the epochs before.
            began: When the epoch began.
            learning_rate: Its learning rate then.
            moment: When the schedule is asked, in the same epoch.
        """
        at_first, now = self.rate(memory, began), self.rate(memory, moment)
        if learning_rate == at_first:
            return now
        changed = learning_rate * (now / at_first) if at_first else learning_rate
        return changed if changed < math.inf else learning_rate

    def fold(self, history: History, memory: Any = None, since: int = 0) -> Any:
        """The memory after all epochs of ``history``.

        Args:
            history: The past.
            memory: The memory after its epochs up to ``since``, if there is one to go on from.
            since: The last of these epochs; 0 if there is no such memory.
        """
        del memory, since
        return history


class Fold(Schedule):
    """A rule with a memory: what the epochs so far add up to.

    Subclasses implement `start`, `after` and `answer`, and are frozen. A memory is a frozen value (a tuple, a
    ``NamedTuple``, a class of ``attrs.frozen``) that can be compared and pickled. It is worked out from the history,
    never stored, and it costs the same at epoch 100,000 as at epoch 100.
    """

    __slots__ = ()

    @abstractmethod
    def start(self) -> Any:
        """See `Schedule.start`."""

    @abstractmethod
    def after(self, memory: Any, moment: Moment, data: EpochData) -> Any:
        """See `Schedule.after`."""

    @abstractmethod
    def answer(self, memory: Any, moment: Moment) -> Decision:
        """See `Schedule.answer`; where ``previous`` is None, a `Cursor` fills in the newest recorded rate."""

    def fold(self, history: History, memory: Any = None, since: int = 0) -> Any:
        """See `Schedule.fold`."""
        entries = history.since(since) if since else history.items()
        epochs = zip(starmap(Moment.of, entries), map(itemgetter(1), entries), strict=True)
        return self._along(memory if since else self.start(), epochs)

    def _along(self, memory: Any, epochs: Iterable[tuple[Moment, EpochData]]) -> Any:
        """The memory after more epochs."""
        for moment, data in epochs:
            memory = self.after(memory, moment, data)
        return memory

    @final
    def decide(self, history: History, epoch: int, step: int | None = None) -> Decision:
        """The decision for ``epoch``, from the part of ``history`` before it.

        It folds all of that, at a cost that grows with the epochs: a loop holds a `Cursor`.

        Args:
            history: The past; data at or after ``epoch`` is not looked at.
            epoch: An integer >= 1.
            step: How many steps the training run has taken before; for schedules that go by steps.
        """
        return Cursor.over(self, history.before(epoch)).answer(Moment(epoch, step))


@final
@attrs.frozen(slots=False)  # made at every epoch: attrs fills an instance dict twice as fast as slots
class Cursor:
    """A schedule, and its memory of the epochs so far: what a loop holds. Immutable; an old one can be asked again.

    Attributes:
        schedule: The schedule.
        memory: What it remembers.
        epoch: The last epoch that it has seen; 0 if none.
        newest: The newest recorded rate among these epochs; None if there is none.

    Examples:
        >>> from lrsched import NewbobRelative
        >>> cursor = Cursor.over(NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=0.5))
        >>> rates = []
        >>> for epoch, score in enumerate((4.0, 3.0, 3.0, 2.0), start=1):
        ...     rates.append(cursor.rate(Moment(epoch)))
        ...     data = EpochData(learning_rate=rates[-1], error={"dev_score": score})
        ...     cursor = cursor.after(Moment(epoch), data)
        >>> rates
        [0.1, 0.1, 0.1, 0.05]
    """

    schedule: Schedule
    memory: Any
    epoch: int = 0
    newest: float | None = None

    @classmethod
    def over(cls, schedule: Schedule, history: History = History()) -> Self:  # noqa: B008  immutable
        """The cursor after all epochs of a history; by default before any epoch."""
        return cls(schedule, schedule.start()).along(history)

    def along(self, history: History) -> Self:
        """The cursor after all epochs of a history whose beginning this one has seen.

        Raises:
            ArgumentError: The history ends before the last epoch that the cursor has seen.
        """
        last = history.last_epoch() or 0
        if last == self.epoch:
            return self
        self._check("the last epoch of history", last)
        newest = history.most_recent_learning_rate(last, exclude_current=False)
        return type(self)(self.schedule, self.schedule.fold(history, self.memory, self.epoch), last, newest)

    def after(self, moment: Moment, data: EpochData) -> Self:
        """The cursor after one more epoch.

        Raises:
            ArgumentError: The epoch does not come after those that the cursor has seen.
        """
        self._check("epoch", moment.epoch)
        newest = self.newest if data.learning_rate is None else data.learning_rate
        return Cursor(self.schedule, self.schedule.after(self.memory, moment, data), moment.epoch, newest)

    def answer(self, moment: Moment) -> Decision:
        """The decision at a moment, and its cause.

        Raises:
            ArgumentError: Its epoch does not come after those that the cursor has seen; or the schedule's answer is no
                `Decision`.
        """
        self._check("epoch", moment.epoch)
        decision = self.schedule.answer(self.memory, moment)
        if not isinstance(decision, Decision):
            name = f"the answer of {type(self.schedule).__name__}"
            raise broken_law(name, "a Decision", decision, "return Decision(learning_rate, previous, action, cause)")
        return decision.since(self.newest)

    def rate(self, moment: Moment) -> float:
        """The learning rate at a moment, without the reasons.

        Raises:
            ArgumentError: Its epoch does not come after those that the cursor has seen.
        """
        self._check("epoch", moment.epoch)
        return self.schedule.rate(self.memory, moment)

    def _check(self, name: str, epoch: int) -> None:
        if epoch <= self.epoch:
            law = f"after epoch {self.epoch}, the last one that the cursor has seen"
            raise broken_law(name, law, epoch, "ask a cursor of the epochs before it")


def leaves(schedule: Schedule) -> Iterator[Schedule]:
    """The parts of the parts, and so on, that have none themselves; the schedule itself if it has no parts."""
    if not schedule.parts:
        yield schedule
    for part in schedule.parts:
        yield from leaves(part)


def measures(schedule: Schedule) -> tuple[ErrorMeasure, ...]:
    """Which errors the rates of a schedule depend on, as far as its parts say."""
    return tuple({leaf.measure: None for leaf in leaves(schedule) if leaf.measure and leaf.need_error_info})


def measure_shown(schedule: Schedule) -> ErrorMeasure | None:
    """The error to show: the first that the rates depend on, else the first that a part names; None if none does."""
    return next(iter((*measures(schedule), *filter(None, (leaf.measure for leaf in leaves(schedule))))), None)


def only_rule(schedule: Schedule) -> Schedule:
    """The part of its only part, and so on; the schedule itself if it has no parts.

    Raises:
        ArgumentError: Somewhere there are several parts.
    """
    while schedule.parts:
        if len(schedule.parts) > 1:
            name = type(schedule).__name__
            raise ArgumentError(f"{name} has {len(schedule.parts)} parts, and not one rule; ask {name}.parts[0]")
        (schedule,) = schedule.parts
    return schedule
