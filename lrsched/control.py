"""`LearningRateControl`: what a training loop talks to. It asks the schedule, records, saves; it calculates nothing."""

import warnings
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, final

from lrsched.core.decision import Action, Decision
from lrsched.core.epoch_data import UNKNOWN, EpochData
from lrsched.core.getters import Getters
from lrsched.core.history import History
from lrsched.core.measure import COMMON, Doubts, ErrorMeasure
from lrsched.core.numbers import LARGEST_EPOCH, epoch_number, rate
from lrsched.core.schedule import UNITS, Cursor, Fold, Moment, Schedule, measure_shown, measures, only_rule
from lrsched.core.series import finished
from lrsched.errors import ArgumentError, MeasureWarning, broken_law
from lrsched.schedules.function import Function, as_schedule
from lrsched.schedules.newbob import Newbob
from lrsched.storage import Storage
from lrsched.storage.memory import MemoryStorage
from lrsched.storage.opening import Where, open_storage

_NEWEST: Final = 8
"""Whether a training run goes by steps shows in so many newest epochs."""
_KEPT: Final = 128
"""The memories of so many newest epochs are kept, since an evaluation may come late."""
BY_HAND: Final = "by_hand"
"""The meta value that marks a rate as set by hand where epochs go by steps: it holds for all steps of its epoch."""


@final
class LearningRateControl(Getters):
    """A schedule, the history of one training run, and where that is kept.

    What was saved is loaded at once. Ask for the rate of an epoch, record its errors, save; after a restart the same
    calls go on as if nothing had happened, since a schedule knows nothing but the history.

    Args:
        schedule: A `Schedule`, or a plain function ``(history, epoch) -> learning rate``.
        storage: None (in memory); a path or a URL such as ``learning_rates``, ``run.json`` or
            ``sqlite:///runs.db?run=a``, see `open_storage`; or a `Storage`.
        measure: Which error counts for the getters; by default the schedule's only measure.

    Raises:
        ArgumentError: ``schedule`` or ``storage`` is none of these.
        FormatError: The file cannot be read; it is left as it is.
        StorageError: The machine could not read.

    Warns:
        MeasureWarning: Once for each kind, when a rate is asked for: a configured key is missing; the alphabet alone
            picked the error; no error counts, or one whose name says the other direction; in four decisions there were
            errors and no two to compare.

    Examples:
        >>> from lrsched import NewbobRelative
        >>> schedule = NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=0.5)
        >>> control = LearningRateControl(schedule)
        >>> for epoch, score in enumerate((4.0, 3.0, 3.0), start=1):
        ...     learning_rate = control.get_learning_rate_for_epoch(epoch)
        ...     control.set_epoch_error(epoch, {"dev_score": score})
        >>> control.get_learning_rate_for_epoch(4)
        0.05
        >>> print(control.decide(4).describe())
        0.1 -> 0.05 (decay, newbob_relative): relative error 0 is above the threshold -0.01; dev_score 3 -> 3 (epochs \
2 -> 3)
    """

    def __init__(
        self, schedule: Schedule | Function, storage: Where | None = None, measure: ErrorMeasure | None = None
    ) -> None:
        self.schedule = as_schedule(schedule)
        if measure is not None and not isinstance(measure, ErrorMeasure):
            raise broken_law("measure", "an ErrorMeasure", measure, 'as in ErrorMeasure("val_loss")')
        self._given_measure = measure
        self._doubts = [Doubts(each) for each in measures(self.schedule)]
        self._doubted = self._clear_at = 0  # the newest epoch that was looked at; the newest whose errors add no doubt
        self._clear_of: tuple[str, ...] | None = None  # errors that add no doubt
        self.storage: Storage = MemoryStorage() if storage is None else open_storage(storage)
        self._is_over_history = not isinstance(self.schedule, Fold)
        self._history = History()
        self._changed: set[int] = set()  # epochs that may differ from what is stored
        self._by_hand: set[int] = set()  # epochs whose rate was set; what is stored says so where epochs go by steps
        self._cursors: list[Cursor] = []  # the start, and some newest epochs
        self.load()

    def __repr__(self) -> str:
        return f"LearningRateControl({self.schedule!r}, {self.storage!r})"

    @property
    def need_error_info(self) -> bool:
        """Whether the rate depends on the errors at all."""
        return self.schedule.need_error_info

    @property
    def measure(self) -> ErrorMeasure:
        """The measure of the getters. It is the argument, else the schedule's only one, else the common one.

        Raises:
            ArgumentError: The schedule's parts look at different errors, and none was passed as ``measure``.
        """
        if self._given_measure is None and len(measures(self.schedule)) > 1:
            way_out = 'pass LearningRateControl(..., measure=ErrorMeasure("KEY"))'
            raise ArgumentError(f"the parts of {type(self.schedule).__name__} look at different errors; {way_out}")
        return self._given_measure or measure_shown(self.schedule) or COMMON

    _measure = measure

    @property
    def default_learning_rate(self) -> float | None:  # type: ignore[override]  # it is the schedule's
        """The schedule's default rate; None if it has none."""
        return self.schedule.default_learning_rate

    @property
    def history(self) -> History:
        """What is known, as an immutable map epoch -> `EpochData`."""
        return self._history

    def load(self) -> None:
        """Replace the history by what is stored."""
        self._history = self.storage.load()
        self._changed, self._by_hand = set(), set()
        self._cursors = [Cursor.over(self.schedule)]
        for epoch, data in self._history.newest(1, before=LARGEST_EPOCH):
            doubts = [each.after(epoch, data) for each in self._doubts]
            if _clear_of(doubts) is not None:  # else it waits for the next epoch: this one may lack errors yet
                self._doubts, self._clear_of, self._clear_at = doubts, _clear_of(doubts), epoch

    def save(self) -> None:
        """Store the history.

        Raises:
            ArgumentError: The storage has no way to hold something that was recorded; says what.
            ConflictError: Somebody else wrote in the meantime.
            StorageError: The machine could not write; what was stored before is intact.
        """
        self.storage.save(self._history, frozenset(self._changed))
        self._changed = set()

    def decide(
        self, epoch: int, step: int | None = None, samples: int | None = None, tokens: int | None = None
    ) -> Decision:
        """The schedule's decision for ``epoch`` and its cause, whatever rate is recorded there. Changes nothing.

        Without a step, samples or tokens it is the decision at the first step that is recorded for the epoch. It knows
        all that is recorded of earlier epochs by now; so it may be another one than when the epoch began.

        Args:
            epoch: An integer >= 1.
            step: How many steps (updates) the training run has taken before, an integer >= 0.
            samples: How many samples it has seen before, an integer >= 0.
            tokens: How many tokens it has seen before, an integer >= 0.

        Raises:
            ArgumentError: One is no such number; or the schedule needs one that is not there.
        """
        moment = Moment(epoch, step, samples, tokens)
        if not moment.counts:
            moment = Moment.of(moment.epoch, self._history.get(moment.epoch, UNKNOWN))
        return self._cursor(moment.epoch).answer(moment)

    def get_learning_rate(
        self, epoch: int, step: int | None = None, samples: int | None = None, tokens: int | None = None
    ) -> float:
        """The learning rate at a moment: by the epoch alone, or also by what has been counted when a step begins.

        The rate at the first step of an epoch is recorded, with the counts as meta values ``step``, ``samples`` and
        ``tokens``; so the record can be folded again. At later steps the schedule is asked anew. If errors of earlier
        epochs were recorded in the meantime, the epoch goes on from the rate that it began with, see
        `Schedule.rate_during`. A rate that was set by hand holds for all steps.

        Args:
            epoch: An integer >= 1.
            step: How many steps (updates) the training run has taken before, an integer >= 0.
            samples: How many samples it has seen before, an integer >= 0.
            tokens: How many tokens it has seen before, an integer >= 0.

        Raises:
            ArgumentError: One is no such number; the schedule needs one that is not there; or the epoch has a meta
                value of that name that counts something else.

        Examples:
            >>> control = LearningRateControl(lambda history, epoch: 0.1 / epoch)
            >>> control.get_learning_rate(1, step=0), control.get_learning_rate(2, step=100)
            (0.1, 0.05)
            >>> control.history[2].meta
            FrozenDict({'step': 100})
        """
        moment = Moment(epoch, step, samples, tokens)
        if not moment.counts:
            return self.get_learning_rate_for_epoch(moment.epoch)
        data = self._history.get(moment.epoch, UNKNOWN)
        began = Moment.of(moment.epoch, data)
        if not began.counts:
            return self._begin(moment, data)
        learning_rate = self.get_learning_rate_for_epoch(moment.epoch)
        if moment == began or data.meta.get(BY_HAND) is True:
            return learning_rate
        return self.schedule.rate_during(self._cursor(moment.epoch).memory, began, learning_rate, moment)

    def _begin(self, moment: Moment, data: EpochData) -> float:
        """The learning rate at the first step of an epoch; it is recorded with that step."""
        for name in moment.counts:
            if name in data.meta:
                name_of, law = f"meta[{name!r}] of epoch {moment.epoch}", "a count from 0 over the whole training run"
                raise broken_law(name_of, law, data.meta[name], "note it by another name")
        self._cursor(moment.epoch)  # kept for the later steps
        recorded = data.learning_rate
        own = self._own_rate(moment, recorded)
        learning_rate = recorded or own
        is_by_hand = learning_rate == recorded and (recorded != own or not recorded or moment.epoch in self._by_hand)
        meta = {**moment.counts, BY_HAND: True} if is_by_hand else moment.counts
        self._record(moment.epoch, data.with_meta(meta).with_learning_rate(learning_rate))
        return learning_rate

    def get_learning_rate_for_epoch(self, epoch: int) -> float:
        """The learning rate of ``epoch``: the recorded one; else the schedule's, which is then recorded.

        Raises:
            ArgumentError: ``epoch`` is no integer >= 1.
        """
        epoch = epoch_number("epoch", epoch)
        data: EpochData = self._history.get(epoch, UNKNOWN)
        if data.learning_rate:
            return data.learning_rate
        moment = Moment.of(epoch, data) if data.meta else Moment(epoch)
        learning_rate = self._own_rate(moment, data.learning_rate)
        if data.learning_rate is None or learning_rate:  # else 0 was recorded
            self._record(epoch, data.with_learning_rate(learning_rate))
        return learning_rate

    def calc_new_learning_rate_for_epoch(self, epoch: int) -> float:
        """The schedule's learning rate for ``epoch``, whatever is recorded there. Changes nothing."""
        return self.decide(epoch).learning_rate

    def calc_learning_rate_for_epoch(self, epoch: int) -> float:
        """The bare rule's learning rate for ``epoch``: without holds, presets and combinators. Changes nothing.

        Raises:
            ArgumentError: The schedule has several parts.
        """
        only_rule(self.schedule)
        return self.decide(epoch).innermost.learning_rate

    def calc_learning_rate_decay_or_grow(self, learning_rate: float, decay: bool, grow: bool | None = None) -> float:  # noqa: FBT001  the published signature
        """``learning_rate`` with the rule's decay or growth applied; as it is where the rule has neither.

        Raises:
            ArgumentError: The schedule has several parts; or both are asked for.
        """
        rule = only_rule(self.schedule)
        if not isinstance(rule, Newbob):
            return learning_rate
        return rule.calc_learning_rate_decay_or_grow(learning_rate, decay, grow)

    def set_learning_rate_for_epoch(self, epoch: int, learning_rate: float) -> None:
        """Record a rate set by hand, whatever was recorded.

        Raises:
            ArgumentError: The epoch is no integer >= 1, or the rate no finite number >= 0.
        """
        epoch = epoch_number("epoch", epoch)
        data = self._history.get(epoch, UNKNOWN).with_learning_rate(rate("learning_rate", learning_rate))
        newest = (*self._history.newest(_NEWEST, before=epoch), (epoch, data))
        goes_by_steps = any(BY_HAND in each.meta or Moment.of(number, each).counts for number, each in newest)
        self._record(epoch, data.with_meta({BY_HAND: True}) if goes_by_steps else data)
        self._by_hand.add(epoch)

    def set_default_learning_rate_for_epoch(self, epoch: int, learning_rate: float) -> None:
        """Record a rate for ``epoch`` unless it has one other than 0.

        Raises:
            ArgumentError: The epoch is no integer >= 1, or the rate no finite number >= 0.
        """
        epoch, learning_rate = epoch_number("epoch", epoch), rate("learning_rate", learning_rate)
        if not self._history.get(epoch, UNKNOWN).learning_rate:
            self.set_learning_rate_for_epoch(epoch, learning_rate)

    def set_epoch_error(self, epoch: int, error: Mapping[str, Any]) -> None:
        """Record errors of ``epoch``; later calls add to them. An epoch without a rate first gets its own.

        Args:
            epoch: An integer >= 1.
            error: Numbers by key, any framework's; nested mappings are flattened, see `EpochData.with_error`.

        Raises:
            ArgumentError: An error is no number, or a key no str; or a ``:meta:`` key would overwrite the first step of
                the epoch. Nothing was recorded.
        """
        epoch = epoch_number("epoch", epoch)
        data = self._rated(epoch)
        more = data.with_error(error)
        self._add(epoch, data, more)
        if tuple(more.error) == self._clear_of:
            self._clear_at = epoch
        elif self._clear_at == epoch:
            self._clear_at = 0

    def set_epoch_meta(self, epoch: int, meta: Mapping[str, Any]) -> None:
        """Record other values of ``epoch``; later calls add to them. An epoch without a rate first gets its own.

        Args:
            epoch: An integer >= 1.
            meta: Literals by key, see `EpochData`.

        Raises:
            ArgumentError: A value is no literal, or a key no str; or it would overwrite the first step of an epoch.
                Nothing was recorded.
        """
        epoch = epoch_number("epoch", epoch)
        data = self._rated(epoch)
        self._add(epoch, data, data.with_meta(meta))

    @property
    def last_finished_epoch(self) -> int:
        """The newest epoch that has errors; 0 if there is none. After a restart training goes on with the next."""
        return max(finished(self._history), default=0)

    def calc_relative_error(self, old_epoch: int, new_epoch: int) -> float | None:
        """How the error changed between two epochs, as the schedule's rule measures it; None if not comparable.

        Raises:
            ArgumentError: The schedule has several parts.
        """
        rule, history = only_rule(self.schedule), self._history
        old, new = ((epoch, history.get(epoch, UNKNOWN)) for epoch in (old_epoch, new_epoch))
        return (rule.compare(history, old, new) if isinstance(rule, Newbob) else self.measure.compare(old, new)).change

    def _rated(self, epoch: int) -> EpochData:
        """What is recorded of an epoch, with the schedule's rate where there is none."""
        data: EpochData = self._history.get(epoch, UNKNOWN)
        if data.learning_rate is None:
            return data.with_learning_rate(self._own_rate(Moment.of(epoch, data), None))
        return data

    def _own_rate(self, moment: Moment, recorded: float | None) -> float:
        """The schedule's rate for an epoch; a recorded rate of 0 gives way to presets only, see `_is_preset`."""
        if self._doubts and self._clear_at != moment.epoch - 1:  # else there is nothing new
            self._warn(moment.epoch)
        if self._is_over_history:  # it presets nothing
            return 0.0 if recorded == 0.0 else self.schedule.rate(self._history.before(moment.epoch), moment)
        cursor = self._cursor(moment.epoch)
        if recorded == 0.0 and not _is_preset(cursor.answer(moment)):
            return 0.0
        return cursor.rate(moment)

    def _warn(self, epoch: int) -> None:
        """Warn of what is doubtful about the errors that count in the decision for ``epoch``."""
        for newest, data in self._history.newest(1, before=epoch):
            if newest > self._doubted and newest != self._clear_at:
                self._doubted = newest if data.error else 0
                self._doubts = [doubts.after(newest, data) for doubts in self._doubts]
                self._clear_of = _clear_of(self._doubts)
                for text in (text for doubts in self._doubts for text in doubts.news):
                    warnings.warn(text, MeasureWarning, stacklevel=4)

    def _cursor(self, epoch: int) -> Cursor:
        """The cursor after the epochs before ``epoch``.

        To a rule over the history that is the memory itself. Of other schedules the newest cursors are kept: what a
        late evaluation changes is folded again.
        """
        if self._is_over_history:
            return Cursor.over(self.schedule, self._history.before(epoch))
        index = bisect_left(self._cursors, epoch, key=attrgetter("epoch")) - 1
        cursor, is_newest = self._cursors[index], index == len(self._cursors) - 1
        more = self._history.since(cursor.epoch, before=epoch)
        if len(more) > _KEPT:
            cursor = cursor.along(self._history.before(more[-_KEPT][0]))
        for each, data in more[-_KEPT:]:
            cursor = cursor.after(Moment.of(each, data), data)
            if is_newest:
                self._cursors.append(cursor)
        del self._cursors[1:-_KEPT]
        return cursor

    def _record(self, epoch: int, data: EpochData) -> None:
        self._history = self._history.set(epoch, data)
        self._changed.add(epoch)
        while self._cursors[-1].epoch >= epoch:  # they have seen other data of it
            self._cursors.pop()

    def _add(self, epoch: int, data: EpochData, more: EpochData) -> None:
        """Record an epoch's data with more in it; refuse other counts than those at which the epoch began."""
        if data.meta and (began := Moment.of(epoch, data)).counts and began != Moment.of(epoch, more):
            given = {name: more.meta[name] for name in UNITS if name in more.meta}
            law = f"{began.counts}, the counts at which the epoch began"
            raise broken_law(f"meta of epoch {epoch}", law, given, "note it by another name")
        self._record(epoch, more)


def _clear_of(doubts: Sequence[Doubts]) -> tuple[str, ...] | None:
    """The names of errors that add no doubt to any of these."""
    names = {each.clear_of for each in doubts}
    return names.pop() if len(names) == 1 else None


def _is_preset(decision: Decision) -> bool:
    """Whether a preset decided, here or in the first part of the first part, and so on."""
    if decision.action in (Action.PRESET, Action.HOLD) or not decision.cause.inner:
        return decision.action is Action.PRESET
    return _is_preset(decision.cause.inner[0])
