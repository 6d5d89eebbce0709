"""The laws of schedules, as plain functions.

Each is called as ``law(schedule, history)``, with a `Schedule` or a plain function, and tries to break itself on that
history. It says whether the history had anything to say about it; it raises `BrokenLawError` if the law is broken.

Some laws look at the history as it is; others at a run of the schedule's own: its epochs and its errors, with the rates
that the schedule gives. Epochs are asked in every place: at each epoch of the history, and after each.
"""

import copy
import math
import operator
import os
import pickle
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Final, NoReturn, final
from unittest.mock import patch

import attrs
import time_machine

from lrsched.control import LearningRateControl
from lrsched.core.decision import Action, Cause, Decision
from lrsched.core.epoch_data import UNKNOWN, EpochData
from lrsched.core.history import History
from lrsched.core.numbers import LARGEST_EPOCH
from lrsched.core.schedule import Cursor, Moment, Schedule
from lrsched.errors import LrschedError
from lrsched.formats.json import JSON
from lrsched.formats.text import TEXT
from lrsched.schedules.combine import Clamp, Combinator, HoldLearningRate, Preset, Product, Scaled
from lrsched.schedules.constant import Constant
from lrsched.schedules.function import Function, FunctionSchedule, as_schedule
from lrsched.simulation.replaying import verify
from lrsched.storage import Storage
from lrsched.storage.memory import MemoryStorage
from lrsched.storage.opening import open_storage

Check = Callable[[Any, Any], bool]
"""A law as a function of what has to keep it and of what it is tried on; whether that had anything to say about it."""


class BrokenLawError(LrschedError, AssertionError):
    """A law is broken; says how."""


class NoAnswerError(BrokenLawError):
    """A schedule has no answer, or one that is no learning rate."""


@final
@attrs.frozen
class Law:
    """A law that something must keep.

    Attributes:
        check: The law itself: called with what has to keep it and with what it is tried on.
        says: What it says.
        claimed: Whether only those have to keep it that name it in their attribute ``claims``.
        parameter: Whose value it is about; those that have no such parameter need not keep it. None if it is not about
            one.
        every: It takes long, so it is tried on each example of so many only.
    """

    check: Check
    says: str
    claimed: bool = False
    parameter: str | None = None
    every: int = 1

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.check.__name__


LAWS: Final[dict[str, Law]] = {}
"""Every law of schedules, by name."""


def registering(
    laws: dict[str, Law], prepared: Callable[[Any], Any] = lambda subject: subject
) -> Callable[..., Callable[[Check], Check]]:
    """What puts laws into ``laws``: a decorator ``@law(says, **details)`` for functions, see `Law`.

    Args:
        laws: Where they go.
        prepared: Makes of what a law is called with what the function sees.
    """

    def law(says: str, **details: Any) -> Callable[[Check], Check]:
        def register(check: Check) -> Check:
            @wraps(check)
            def prepared_check(subject: Any, example: Any) -> bool:
                return check(prepared(subject), example)

            laws[check.__name__] = Law(prepared_check, says, **details)
            return prepared_check

        return register

    return law


_law = registering(LAWS, as_schedule)


@contextmanager
def no_exception(when: str, way_out: str = "", kind: type[BrokenLawError] = BrokenLawError) -> Iterator[None]:
    """While it lasts, whatever is raised breaks a law: ``when``, the exception in words, and ``way_out`` say how.

    Raises:
        BrokenLawError: Something is raised; it is a ``kind``, unless it is such an error itself.
    """
    try:
        yield
    except BrokenLawError:
        raise
    except (Exception, SystemExit) as error:
        raise kind(f"{when} {said(error)}{way_out}") from error


def said(error: BaseException) -> str:
    """An exception, in words."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")


# ---- what the laws are made of


_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108  what is on it is in a folder of one's own


def temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    """A folder for files that no power cut matters to: in memory, where the machine has a disk there."""
    is_usable = "TMPDIR" not in os.environ and os.access(_IN_MEMORY, os.R_OK | os.W_OK | os.X_OK)
    where = _IN_MEMORY if is_usable else None
    return tempfile.TemporaryDirectory(prefix="lrsched-", dir=where, ignore_cleanup_errors=True)


def parameter(schedule: Schedule | Function, name: str) -> Any:
    """The value of a schedule's parameter; None if it has none of that name.

    It is an attribute of the schedule itself, or of the plain function that it is; those of its parts do not count.
    """
    for holder in (schedule, getattr(schedule, "function", None)):
        value = getattr(holder, name, None)
        if value is not None:
            return value
    return None


def copier(schedule: Schedule | Function) -> Callable[[], Schedule]:
    """What makes schedules like this one, as a process does that starts anew: with what it is now, not what it will be.

    A function is itself each time, and so is what can be neither pickled nor copied.
    """
    made = as_schedule(schedule)
    try:
        pickled = pickle.dumps(made)
        pickle.loads(pickled)  # noqa: S301  its own
    except Exception:  # noqa: BLE001  whatever a foreign class raises
        try:
            pristine = copy.deepcopy(made)
        except Exception:  # noqa: BLE001  the same
            return lambda: made
        return lambda: copy.deepcopy(pristine)
    return lambda: pickle.loads(pickled)  # noqa: S301  its own


def asked_epochs(history: History) -> list[int]:
    """The epochs that are asked: the first, each of the history, and the one after each."""
    epochs = {1}.union(*((epoch, epoch + 1) for epoch in history))
    return sorted(epoch for epoch in epochs if epoch <= LARGEST_EPOCH)


def ask(schedule: Schedule, history: History, epoch: int) -> Decision:
    """The decision for an epoch.

    Raises:
        NoAnswerError: There is none, or its rate is no finite float >= 0.
    """
    with _answering(epoch):
        decision = schedule.decide(history, epoch)
    if not isinstance(decision, Decision):
        raise NoAnswerError(f"asked for epoch {epoch} it gives {decision!r}, which is no Decision")
    _demand_rate(decision.learning_rate, epoch)
    return decision


def _answering(epoch: int) -> AbstractContextManager[None]:
    return no_exception(f"asked for epoch {epoch} it raises", kind=NoAnswerError)


def _demand_rate(learning_rate: Any, epoch: int) -> None:
    if type(learning_rate) is not float or not 0.0 <= learning_rate < math.inf:
        raise NoAnswerError(f"for epoch {epoch} it gives {learning_rate!r}, which is no finite float >= 0")


def answers_of(schedule: Schedule, history: History) -> dict[int, Decision]:
    """The decisions for all `asked_epochs`."""
    return {epoch: ask(schedule, history, epoch) for epoch in asked_epochs(history)}


def own_run(schedule: Schedule, history: History) -> History:
    """A training run with the epochs and the errors of ``history``, and with the schedule's own learning rates."""
    cursor, run = _started(schedule), History()
    for epoch, data in history.items():
        learning_rate = _rate(cursor, Moment.of(epoch, data))
        _demand_rate(learning_rate, epoch)
        rated = data.with_learning_rate(learning_rate)
        cursor, run = _after(cursor, epoch, rated), run.set(epoch, rated)
    return run


def own_rates(schedule: Schedule, history: History) -> dict[int, Any]:
    """The learning rate of each epoch of the `own_run`."""
    return {epoch: data.learning_rate for epoch, data in own_run(schedule, history).items()}


def _started(schedule: Schedule) -> Cursor:
    with no_exception("start raises", kind=NoAnswerError):
        return Cursor.over(schedule)


def _after(cursor: Cursor, epoch: int, data: EpochData) -> Cursor:
    with no_exception("after raises", f" at epoch {epoch}", NoAnswerError):
        return cursor.after(Moment.of(epoch, data), data)


def _rate(cursor: Cursor, moment: Moment) -> float:
    with _answering(moment.epoch):
        return cursor.rate(moment)


def _answer(cursor: Cursor, epoch: int) -> Decision:
    with _answering(epoch):
        return cursor.answer(Moment(epoch))


def _cursors(schedule: Schedule, history: History) -> Iterator[tuple[int, Cursor]]:
    """For each of the `asked_epochs` the cursor that has seen the epochs before it, one by one."""
    cursor = _started(schedule)
    for epoch in asked_epochs(history):
        yield epoch, cursor
        if epoch in history:
            cursor = _after(cursor, epoch, history[epoch])


def _decisions(schedule: Schedule, history: History) -> Iterator[tuple[int, Decision]]:
    """The decisions for all `asked_epochs` of a history; then those of the schedule's own run."""
    yield from answers_of(schedule, history).items()
    yield from answers_of(schedule, own_run(schedule, history)).items()


def _going_by_rates(schedule: Schedule, history: History) -> Iterator[tuple[int, Decision]]:
    """`_decisions`; of the history's own only those that go by its rates, which the schedule may never have given."""
    rateless = History({epoch: data.with_learning_rate(None) for epoch, data in history.items()})
    for epoch, decision in answers_of(schedule, history).items():
        if decision.learning_rate != ask(schedule, rateless, epoch).learning_rate:
            yield epoch, decision
    yield from answers_of(schedule, own_run(schedule, history)).items()


def epoch_of_its_own(learning_rate: float | None, error: Mapping[str, float], meta: Mapping[str, Any]) -> EpochData:
    """An epoch that shares no part with another one: even what should not be changed may be."""
    return EpochData(learning_rate=learning_rate, error=dict(error), meta=dict(meta)).with_meta({})


def history_of_its_own(history: History) -> History:
    """The same history, which shares no part with another one."""
    copies = {epoch: epoch_of_its_own(each.learning_rate, each.error, each.meta) for epoch, each in history.items()}
    return History(copies)


def with_errors(history: History, change: Callable[[float], float], name: str | None = None) -> History:
    """``history`` with each error changed, and under the given name instead of its own."""
    changed = {}
    for epoch, data in history.items():
        errors = {name or own: change(float(value)) for own, value in data.error.items()}
        changed[epoch] = epoch_of_its_own(data.learning_rate, errors, data.meta)
    return History(changed)


def _with(error: float, history: History, data: EpochData) -> EpochData:
    """Other data of an epoch: all errors that the history has anywhere are that one."""
    names = {name for each in history.values() for name in each.error} or {"dev_score"}
    return epoch_of_its_own(data.learning_rate, dict.fromkeys(sorted(names), error), data.meta)


_SMALL, _LARGE = 1e-100, 1e100


def _all_errors(history: History) -> list[float]:
    return [value for data in history.values() for value in data.error.values()]


def _broken(message: str) -> NoReturn:
    raise BrokenLawError(message)


def _demand_same(answers: Mapping[int, Any], others: Mapping[int, Any], because: str) -> None:
    """Each epoch has the same answer in both.

    Raises:
        BrokenLawError: One has not; ends with ``because``.
    """
    for epoch, answer in answers.items():
        other = others.get(epoch)
        if repr(answer) != repr(other):
            rates = [getattr(each, "learning_rate", each) for each in (answer, other)]
            if rates[0] == rates[1]:
                _broken(f"for epoch {epoch} it decides {answer!r}, but {other!r} {because}")
            _broken(f"for epoch {epoch} it gives {rates[0]!r}, but {rates[1]!r} {because}")


def _demand_same_answers(told: Mapping[int, Decision], schedule: Schedule, history: History, because: str) -> None:
    """Asked for the same epochs, in the same order, it answers the same.

    Raises:
        BrokenLawError: It does not, or has no answer now; ends with ``because``.
    """
    try:
        others = {epoch: ask(schedule, history, epoch) for epoch in told}
    except NoAnswerError as error:
        raise BrokenLawError(f"{error}, {because}") from error
    _demand_same(told, others, because)


_DAY: Final = 24 * 60 * 60  # seconds
_ANOTHER_TIME: Final = (2500 * _DAY + 27075.0, 2502 * _DAY + 28262.5, 2504 * _DAY + 29495.25)
"""Seconds to other years, hours and weekdays, and to other seconds of a minute at whatever part of one it is now."""
_STOPWATCHES: Final = [
    each for each in ("monotonic", "perf_counter", "process_time", "thread_time") if hasattr(time, each)
]


@contextmanager
def another_time(ahead: float) -> Iterator[None]:
    """While it lasts, the clocks are so many seconds ahead, and `random` is at another place."""
    state = random.getstate()
    now = time.monotonic() + ahead
    stopwatches: dict[str, Any] = {name: lambda: now for name in _STOPWATCHES}
    stopwatches |= {f"{name}_ns": lambda: int(now * 1e9) for name in _STOPWATCHES}
    random.seed(20260101)
    try:
        with time_machine.travel(time.time() + ahead), patch.multiple(time, **stopwatches):
            yield
    finally:
        random.setstate(state)


# ---- the laws that all schedules keep


@_law("whatever the past, the answer is a finite rate >= 0")
def answers(schedule: Schedule, history: History) -> bool:
    """For every epoch there is a `Decision` whose rate is a finite float >= 0; here, and in its own run."""
    return bool(dict(_decisions(schedule, history)))


@_law("asking changes neither history nor schedule")
def pure(schedule: Schedule, history: History) -> bool:
    """The history and the schedule are the same before and after."""
    history = history_of_its_own(history)
    before, state = repr(history), _state(schedule)
    for epoch in asked_epochs(history):
        try:
            ask(schedule, history, epoch)
        finally:
            if repr(history) != before:
                _broken(f"asked for epoch {epoch} it changes the history from {before} to {history!r}")
            if _state(schedule) != state:
                _broken(f"asked for epoch {epoch} it changes itself; a schedule holds its parameters and nothing else")
    return True


def _state(schedule: Schedule) -> Any:
    """What a schedule holds, so that a change shows."""
    try:
        return pickle.dumps(schedule)
    except Exception:  # noqa: BLE001  whatever a foreign class raises
        return repr(getattr(schedule, "__dict__", schedule))


@_law("the same question always has the same answer")
def deterministic(schedule: Schedule, history: History) -> bool:
    """Asked again, asked in another order, and asked years later, it answers the same."""
    told = answers_of(schedule, history)
    _demand_same_answers(told, schedule, history, "when it is asked again")
    backwards = dict(reversed(told.items()))
    _demand_same_answers(backwards, schedule, history, "when the later epochs are asked first")
    for ahead in _ANOTHER_TIME:
        with another_time(ahead):
            _demand_same_answers(told, schedule, history, "at another time")
    return True


_NEW_PROCESS: Final = """
import contextlib, os, pickle, sys
told = open(os.dup(1), "wb")
os.dup2(2, 1)  # what a module prints is in nobody's way
with contextlib.suppress(ImportError):
    import lrsched.control  # before the path has folders where modules may be called like those of Python
sys.path[:] = pickle.load(sys.stdin.buffer)
try:
    schedule, history, epochs = pickle.load(sys.stdin.buffer)
except (ImportError, AttributeError):
    sys.exit(%d)
told.write(pickle.dumps({epoch: schedule.decide(history, epoch) for epoch in epochs}))
"""
_NOT_IMPORTED: Final = 3


@_law("a new process gives the same answers", every=25)
def new_process(schedule: Schedule, history: History) -> bool:
    """After other training runs it answers as where nothing can be remembered, and sets have another order.

    What cannot be pickled, or imported there, is not asked.
    """
    for error in (1e-3, 1e3):
        answers_of(schedule, History({epoch: _with(error, history, data) for epoch, data in history.items()}))
    for epoch in asked_epochs(history):
        ask(schedule, History(), epoch)
    told = answers_of(schedule, history)
    try:
        question = pickle.dumps(sys.path) + pickle.dumps((schedule, history, [*told]))
    except Exception:  # noqa: BLE001  whatever a foreign class raises; `round_trip` says so
        return False
    seed = "1" if os.environ.get("PYTHONHASHSEED") == "0" else "0"  # names of errors have another order in sets there
    done = subprocess.run(  # noqa: S603  this very interpreter
        [sys.executable, "-P", "-c", _NEW_PROCESS % _NOT_IMPORTED],
        input=question,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    if done.returncode == _NOT_IMPORTED:
        return False
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
        _broken(f"a new process cannot answer; it says: {lines[-1]}")
    _demand_same(told, pickle.loads(done.stdout), "in a new process")  # noqa: S301  its own
    return True


@_law("data of the epoch and of later ones change nothing")
def causal(schedule: Schedule, history: History) -> bool:
    """Decisions do not change when the epoch and all later ones are taken away, or get other data."""
    for epoch, decision in answers_of(schedule, history).items():
        past = history.before(epoch)
        _demand_same_answers({epoch: decision}, schedule, past, "without data of it and of later epochs")
        for rate, error in ((0.125, 1e-3), (None, 1e9)):
            data = _with(error, history, EpochData(learning_rate=rate))
            future = past.set(epoch, data)
            if epoch + 7 <= LARGEST_EPOCH:
                future = future.set(epoch + 1, data).set(epoch + 7, data)
            because = f"when it and later epochs have the data {data!r}"
            _demand_same_answers({epoch: decision}, schedule, future, because)
    return True


@_law("a rate alone is that of the decision")
def rate_is_decision(schedule: Schedule, history: History) -> bool:
    """A call, `Schedule.rate` and `Schedule.answer` give the rate of `Schedule.decide`, whatever it is asked with."""
    for past in (history, own_run(schedule, history)):
        decided = {epoch: each.learning_rate for epoch, each in answers_of(schedule, past).items()}
        _demand_same(decided, {epoch: schedule(past, epoch) for epoch in decided}, "when it is called")
        cursors = dict(_cursors(schedule, past))
        rates = {epoch: _rate(cursor, Moment(epoch)) for epoch, cursor in cursors.items()}
        _demand_same(decided, rates, "when a cursor asks for the rate")
        answered = {epoch: _answer(cursor, epoch).learning_rate for epoch, cursor in cursors.items()}
        _demand_same(decided, answered, "when a cursor asks")
    return True


@_law("epoch by epoch its memory comes to what the whole history folds to")
def folds(schedule: Schedule, history: History) -> bool:
    """A cursor that saw the epochs one by one remembers and decides what one does that folds all of them at once.

    So does one that folds the second half at once.
    """
    cursors = dict(_cursors(schedule, history))
    half = [*cursors.values()][len(cursors) // 2]
    for epoch, cursor in cursors.items():
        decision = _answer(cursor, epoch)
        _demand_same_answers({epoch: decision}, schedule, history, "when it is asked with the history")
        for start in (Cursor.over(schedule), half):
            if start.epoch > cursor.epoch:
                continue
            at_once = start.along(history.before(epoch))
            because = f"when it folds the epochs after {start.epoch} at once"
            if not _same_memory(cursor.memory, at_once.memory):
                _broken(f"before epoch {epoch} it remembers {cursor.memory!r}, but {at_once.memory!r} {because}")
            _demand_same({epoch: decision}, {epoch: at_once.answer(Moment(epoch))}, because)
    return bool(history)


def _same_memory(one: Any, other: Any) -> bool:
    """Whether two memories are equal; a NaN equals a NaN."""
    return bool(one == other) or repr(one) == repr(other)


@_law("its memory is a value: what later epochs add does not change it, and it can be pickled")
def memory_is_a_value(schedule: Schedule, history: History) -> bool:
    """An old cursor answers as before, whatever later ones saw; and so does one that was pickled."""
    before = {}
    for epoch, cursor in _cursors(schedule, history):
        before[epoch] = cursor, repr(cursor.memory), _answer(cursor, epoch)
        for rate, error in ((0.125, 1e-3), (None, math.nan)):  # what else might have come
            _after(cursor, epoch, _with(error, history, EpochData(learning_rate=rate)))
    for epoch, (cursor, state, decision) in before.items():
        if repr(cursor.memory) != state:
            _broken(f"before epoch {epoch} it remembered {state}, and {cursor.memory!r} after later epochs")
        _demand_same({epoch: decision}, {epoch: cursor.answer(Moment(epoch))}, "after later epochs")
        with no_exception("its memory cannot be pickled:", "; keep plain values in it"):
            pickled = pickle.loads(pickle.dumps(cursor.memory))  # noqa: S301  its own
        if not _same_memory(pickled, cursor.memory):
            way_out = "give its class equality by value"
            _broken(f"its memory {cursor.memory!r} is {pickled!r} after it was pickled; {way_out}")
        other = attrs.evolve(cursor, memory=pickled)
        _demand_same({epoch: decision}, {epoch: other.answer(Moment(epoch))}, "after its memory was pickled")
    return bool(history)


_HAND_ON: Final = (HoldLearningRate, Preset)


@_law("each part decides as it would alone", parameter="parts")
def parts_decide_alone(schedule: Schedule, history: History) -> bool:
    """In a run of the whole, `Cause.inner` has for each part the decision that it gives in a run of its own.

    So also where every third rate is unknown, and so to the parts; and where every third is set by hand, and
    `Combinator.by_hand` says what the parts see. Not asked of holds and presets, whose parts see the recorded rates.
    And every schedule in a field is a part.
    """
    if isinstance(schedule, _HAND_ON) or not schedule.parts:
        return False
    kind: Any = type(schedule)
    for field in attrs.fields(kind) if attrs.has(kind) else ():
        held = getattr(schedule, field.name)
        if isinstance(held, Schedule) and all(held is not part for part in schedule.parts):
            _broken(f"its field {field.name} is a schedule that is no part of it; name it in the property parts")
    records: list[Callable[[int, float], float | None]] = [
        lambda _, rate: rate,
        lambda number, rate: rate if number % 3 else None,
    ]
    if isinstance(schedule, Combinator):
        records.append(lambda number, rate: rate if number % 3 else 0.03125 * number)
    for recorded in records:
        _demand_alone(schedule, history, recorded)
    return bool(history)


def _demand_alone(schedule: Any, history: History, recorded: Callable[[int, float], float | None]) -> None:
    """Demand it of a run in which ``recorded(number, rate)`` is recorded for its epoch of that number.

    ``rate`` is the rate that the whole decides on.
    """
    whole, alone = _started(schedule), [*map(_started, schedule.parts)]
    for number, epoch in enumerate(asked_epochs(history), start=1):
        data, decision = history.get(epoch), _answer(whole, epoch)
        decided = [_answer(cursor, epoch) for cursor in alone]
        if len(decision.cause.inner) != len(decided):
            _broken(f"it has {len(decided)} parts, and its decision for epoch {epoch} the decisions of other ones")
        for part, inner, own in zip(schedule.parts, decision.cause.inner, decided, strict=True):
            if inner.learning_rate != own.learning_rate or inner.action is not own.action:
                told = f"for epoch {epoch} its part {part!r} decides on {inner.learning_rate!r} ({inner.action})"
                _broken(f"{told}, but alone on {own.learning_rate!r} ({own.action})")
        if data is None:
            continue
        rates: list[float | None] = [own.learning_rate for own in decided]
        rate = recorded(number, decision.learning_rate)
        if rate is None:
            rates = [None] * len(rates)
        elif rate != decision.learning_rate:
            handed_on = schedule.by_hand(rate, *rates)
            rates = [new if 0.0 <= new < math.inf else own for new, own in zip(handed_on, rates, strict=True)]
        whole = _after(whole, epoch, data.with_learning_rate(rate))
        alone = [_after(cursor, epoch, data.with_learning_rate(own)) for cursor, own in zip(alone, rates, strict=True)]


_NEUTRAL: Final[dict[str, Callable[[Schedule], Schedule]]] = {
    "a hold of one epoch": lambda part: HoldLearningRate(part, 1),
    "no presets": lambda part: Preset(part, {}),
    "half and twice": lambda part: Scaled(Scaled(part, 0.5), 2.0),
    "no limits": Clamp,
    "a factor of 1": lambda part: Product(part, Constant(1.0)),
}


@_law("inside schedules that change nothing it decides as it does alone")
def neutral(schedule: Schedule, history: History) -> bool:
    """Inside a hold, presets and combinators with neutral parameters: the same rate, previous rate and action."""
    decided = answers_of(schedule, history)
    rates = [rate for each in decided.values() for rate in (each.learning_rate, each.previous)]
    rates += [data.learning_rate for data in history.values()]
    if not all(_SMALL < rate < _LARGE for rate in rates if rate):  # twice the half of it may be another number
        return False
    alone = {epoch: _without_reasons(decision) for epoch, decision in decided.items()}
    for name, around in _NEUTRAL.items():
        inside = {epoch: _without_reasons(each) for epoch, each in answers_of(around(schedule), history).items()}
        _demand_same(alone, inside, f"inside {name}")
    return True


def _without_reasons(decision: Decision) -> tuple[float, float | None, Action]:
    return decision.learning_rate, decision.previous, decision.action


@_law("the previous rate of a decision is the history's")
def previous(schedule: Schedule, history: History) -> bool:
    """``previous`` is the newest rate before the epoch; where wrappers may know of later ones, they must be newer."""
    tried = False
    for epoch, decision in answers_of(schedule, history).items():
        newest = history.newest(1, before=epoch)
        nothing_between = bool(newest) and newest[-1][0] == epoch - 1 and bool(newest[-1][1].learning_rate)
        if not schedule.parts or nothing_between:
            tried = True
            known = history.most_recent_learning_rate(epoch)
            if decision.previous != known:
                _broken(f"for epoch {epoch} the previous rate is said to be {decision.previous!r}, it is {known!r}")
    return tried


@_law("the action and the cause of a decision are true")
def true_to_its_cause(schedule: Schedule, history: History) -> bool:
    """What a decision says is what it does.

    A rate that is kept or held is the previous one; a decay lowers it, unless the minimum lifts it; a growth raises it.
    Where the cause has a threshold, only a change above it decays, and growth needs one that is not above it, and below
    the grow threshold.
    """
    for epoch, decision in _decisions(schedule, history):
        rate, before, cause = decision.learning_rate, decision.previous, decision.cause
        told = f"for epoch {epoch} it decides to {decision.action}, but "
        does = {
            Action.KEEP: rate == before,
            Action.HOLD: rate == before,
            Action.DECAY: before is not None and (rate < before or _is_lifted(cause)),
            Action.GROW: before is not None and rate > before,
        }
        if not does.get(decision.action, True):
            _broken(f"{told}the rate goes from {before!r} to {rate!r}")
        if cause.lifted_from is not None and cause.lifted_from > rate:
            _broken(f"{told}{cause.lifted_from!r} was not lifted to {rate!r}")
        if cause.change is None or cause.threshold is None:
            continue
        told += f"its cause has a {cause.measure or 'change'} of {cause.change!r} against threshold {cause.threshold!r}"
        if decision.action is Action.DECAY and not cause.change > cause.threshold:
            _broken(f"{told}; what decays is a change above it: where higher is better, give both with the other sign")
        if decision.action is Action.GROW and cause.change > cause.threshold:
            _broken(told)
        grow = cause.grow_threshold
        if decision.action is Action.GROW and grow is not None and cause.change >= grow:
            _broken(f"{told} and grow threshold {grow!r}")
    return True


def _is_lifted(cause: Cause) -> bool:
    """Whether the rate was lifted to a minimum, here or in the first part."""
    return cause.lifted_from is not None or any(_is_lifted(first.cause) for first in cause.inner[:1])


@_law("the order of an epoch's errors changes nothing")
def key_order(schedule: Schedule, history: History) -> bool:
    """Decisions are the same when the errors, and the epochs, were recorded in another order."""
    if all(len(data.error) < 2 for data in history.values()) and len(history) < 2:  # noqa: PLR2004  two have an order
        return False
    told = answers_of(schedule, history)
    for backwards in (False, True):
        ordered = {}
        for epoch, data in reversed([*history.items()]):
            error, meta = (dict(sorted(each.items(), reverse=backwards)) for each in (data.error, data.meta))
            ordered[epoch] = epoch_of_its_own(data.learning_rate, error, meta)
        _demand_same_answers(told, schedule, History(ordered), "when the errors come in another order")
    return True


@_law("a decay never goes below min_learning_rate", parameter="min_learning_rate")
def min_learning_rate(schedule: Schedule, history: History) -> bool:
    """A rate that a decision lowers is at least ``min_learning_rate``, in its own run, and where it goes by the rates.

    So a rate that goes by time may rise from below the minimum.
    """
    return _keeps_limit(schedule, history, "min_learning_rate", Action.DECAY, operator.lt)


@_law("a growth never goes above max_learning_rate", parameter="max_learning_rate")
def max_learning_rate(schedule: Schedule, history: History) -> bool:
    """A rate that a decision raises is at most ``max_learning_rate``, in its own run and where it goes by the rates."""
    return _keeps_limit(schedule, history, "max_learning_rate", Action.GROW, operator.gt)


def _keeps_limit(
    schedule: Schedule, history: History, name: str, action: Action, beyond: Callable[[float, float], bool]
) -> bool:
    """Where a rate moves one way, by that action or without saying so, it does not go beyond the limit of that name.

    The default and presets may be any rate.
    """
    limit = parameter(schedule, name)
    tried = False
    for epoch, decision in _going_by_rates(schedule, history):
        rate, before = decision.learning_rate, decision.previous
        moves = before is not None and beyond(rate, before) and decision.action not in (Action.DEFAULT, Action.PRESET)
        if moves or decision.action is action:
            tried = True
            if beyond(rate, limit):
                _broken(f"for epoch {epoch} the rate goes from {before!r} to {rate!r}, {name} is {limit!r}")
    return tried


@_law("a rate lasts for at least min_num_epochs", parameter="min_num_epochs")
def min_num_epochs(schedule: Schedule, history: History) -> bool:
    """In its own runs, two changes lie at least ``min_num_epochs`` apart; so does the first from the first epoch.

    And it holds no rate that has lasted so long.
    """
    least = parameter(schedule, "min_num_epochs")
    run = own_rates(schedule, history)
    tried = False
    since, before = 0, None
    for epoch, rate in run.items():
        if not since:
            since = epoch
        elif rate != before:
            tried = True
            if epoch - since < least:
                lasted = f"{before!r} began at epoch {since} and ends before epoch {epoch}"
                _broken(f"{lasted}, after {epoch - since} epochs instead of at least {least}")
            since = epoch
        before = rate
    if any(parameter(part, "min_num_epochs") is not None for part in _inside(schedule)):
        return tried  # it may be one of these that holds
    for epoch, decision in answers_of(schedule, history).items():
        newest = [data.learning_rate for _, data in history.newest(max(least, 1), before=epoch)]
        if decision.action is Action.HOLD and len(newest) >= least and len(set(newest)) == 1:
            _broken(f"at epoch {epoch} it holds {newest[-1]!r}, which has lasted {least} epochs")
    return tried


def _inside(schedule: Schedule) -> Iterator[Schedule]:
    """The parts of a schedule, and theirs."""
    for part in schedule.parts:
        yield part
        yield from _inside(part)


@_law("no rate is below minimum", parameter="minimum")
def minimum(schedule: Schedule, history: History) -> bool:
    """Every rate is at least ``minimum``."""
    return _stays_within(schedule, history, "minimum", operator.lt)


@_law("no rate is above maximum", parameter="maximum")
def maximum(schedule: Schedule, history: History) -> bool:
    """Every rate is at most ``maximum``."""
    return _stays_within(schedule, history, "maximum", operator.gt)


def _stays_within(schedule: Schedule, history: History, name: str, beyond: Callable[[float, float], bool]) -> bool:
    limit = parameter(schedule, name)
    for epoch, decision in _decisions(schedule, history):
        if beyond(decision.learning_rate, limit):
            _broken(f"for epoch {epoch} the rate is {decision.learning_rate!r}, {name} is {limit!r}")
    return True


@_law("a run that is replayed has the same rates")
def replays(schedule: Schedule, history: History) -> bool:
    """Both the recorded and the free replay of its own run give the rates of the run."""
    fresh = copier(schedule)
    run = own_run(fresh(), history)
    for mode in ("recorded", "free"):
        for step in verify(fresh(), run, mode):
            told = f"epoch {step.epoch} had the rate {step.recorded!r}"
            _broken(f"{told}, but has {step.decision.learning_rate!r} when it is replayed from the {mode} past")
    return bool(run)


@_law("cut anywhere, a training run goes on as if it had not")
def resumes(schedule: Schedule, history: History) -> bool:
    """A training run that stops after every step, and goes on in a new process from its file, has the same rates."""
    formats = (TEXT, JSON)

    def reopened(step: int, stored: History) -> Storage:
        form = formats[step % len(formats)]
        return MemoryStorage(form.parse(form.render(stored)))

    return _resumes(schedule, history, reopened)


@_law("cut anywhere, it goes on so from every storage", every=25)
def resumes_from_storage(schedule: Schedule, history: History) -> bool:
    """The same, with files of all formats and a database on a disk."""
    names = ("learning_rates", "run.json", "learning_rates.gz", "run.db")
    with temporary_folder() as folder:

        def reopened(step: int, stored: History) -> Storage:
            where = str(Path(folder, str(step), names[step % len(names)]))
            Path(where).parent.mkdir()
            open_storage(where).save(stored)
            return open_storage(where)

        return _resumes(schedule, history, reopened)


def _resumes(schedule: Schedule, history: History, reopened: Callable[[int, History], Storage]) -> bool:
    """Whether a training run is the same that is stored and opened again twice an epoch: ``reopened(step, stored)``."""
    fresh = copier(schedule)
    own_run(fresh(), history)  # raises where there is no answer
    uninterrupted, resumed = LearningRateControl(fresh()), LearningRateControl(fresh())
    steps = count()
    for epoch, data in history.items():
        with no_exception(f"asked for epoch {epoch} it raises"):
            rate, again = (control.get_learning_rate_for_epoch(epoch) for control in (uninterrupted, resumed))
        _demand_same({epoch: rate}, {epoch: again}, "after a restart")
        resumed = LearningRateControl(fresh(), reopened(next(steps), resumed.history))
        for control in (uninterrupted, resumed):
            control.set_epoch_error(epoch, data.error)
        resumed = LearningRateControl(fresh(), reopened(next(steps), resumed.history))
    return bool(history)


@_law("it can be pickled, and is the same afterwards")
def round_trip(schedule: Schedule, history: History) -> bool:
    """Sent to another process it is equal, and gives the same answers.

    A callable object, which Python compares by identity, is equal if it is made of the same.
    """
    way_out = "; define it at the top of a module, as a function or a frozen class"
    with no_exception("it cannot be pickled and compared:", way_out):
        sent = pickle.dumps(schedule)
        other = pickle.loads(sent)  # noqa: S301  its own
        same = bool(other == schedule) or (isinstance(schedule, FunctionSchedule) and pickle.dumps(other) == sent)
    if not same:
        _broken("it is not equal to what it was before it was pickled; attrs.frozen compares by value")
    _demand_same_answers(answers_of(schedule, history), other, history, "after it was pickled")
    return True


# ---- the laws that a schedule may claim

_claimed = {"claimed": True}
_ANOTHER_NAME: Final = "another_error"
_CHANGES: Final = (1.0 + 2.0**-10, 2.0, 1024.0)


@_law("the unit of the errors does not matter", **_claimed)
def scale_invariant(schedule: Schedule, history: History) -> bool:
    """Its own run has the same rates when all errors are multiplied by a number > 0 (here by powers of two)."""
    sizes = [abs(error) for error in _all_errors(history) if error and math.isfinite(error)]
    if not sizes or not all(_SMALL < size < _LARGE for size in sizes):
        return False
    rates = own_rates(schedule, history)
    for scale in (1024.0, 1 / 1024.0):
        scaled = own_rates(schedule, with_errors(history, scale.__mul__))
        _demand_same(rates, scaled, f"when all errors are {scale!r} times as large")
    return True


@_law("the zero of the errors does not matter", **_claimed)
def shift_invariant(schedule: Schedule, history: History) -> bool:
    """Its own run has the same rates when the same number is added to all errors (where the sums are exact)."""
    known = [error for error in _all_errors(history) if math.isfinite(error)]
    shifts = (1024.0, -1.0)
    if not known or any(error + shift - shift != error for error in known for shift in shifts):
        return False
    rates = own_rates(schedule, history)
    for shift in shifts:
        shifted = own_rates(schedule, with_errors(history, shift.__add__))
        _demand_same(rates, shifted, f"when {shift!r} is added to all errors")
    return True


@_law("the name of the only error does not matter", **_claimed)
def name_invariant(schedule: Schedule, history: History) -> bool:
    """Where all epochs have one error at most, of the same name, its own run has the same rates under another name."""
    names = {tuple(data.error) for data in history.values()} - {()}
    if len(names) != 1 or len(next(iter(names))) != 1:
        return False
    renamed = own_rates(schedule, with_errors(history, float, _ANOTHER_NAME))
    _demand_same(own_rates(schedule, history), renamed, f"when the error is called {_ANOTHER_NAME!r}")
    return True


@_law("a worse error never gives a higher rate", **_claimed)
def monotone(schedule: Schedule, history: History) -> bool:
    """Of two runs that differ in the newest epoch, the one whose errors are higher there has no higher rate next.

    All errors are positive and finite. What a worse error does to later epochs is not asked: it makes them look better.
    """
    known = _all_errors(history)
    if not known or not all(_SMALL < error < _LARGE for error in known):
        return False
    return _never_higher(schedule, history, lambda error: [error * change for change in _CHANGES])


@_law("a NaN or infinite error gives no higher rate", **_claimed)
def non_finite_is_worst(schedule: Schedule, history: History) -> bool:
    """Of two runs that differ in the newest epoch, the one with no finite error there has no higher rate next."""
    return _never_higher(schedule, history, lambda _: [math.nan, math.inf, -math.inf])


def _never_higher(schedule: Schedule, history: History, worse_than: Callable[[float], Iterable[float]]) -> bool:
    run = own_run(schedule, history)
    tried = False
    for epoch, data in run.items():
        if not data.error or epoch >= LARGEST_EPOCH:
            continue
        tried = True
        past = run.before(epoch + 1)
        rate = ask(schedule, past, epoch + 1).learning_rate
        for errors in zip(*map(worse_than, data.error.values()), strict=True):
            worse = data.with_error(dict(zip(data.error, errors, strict=True)))
            higher = ask(schedule, past.set(epoch, worse), epoch + 1).learning_rate
            if higher > rate:
                told = f"after {dict(data.error)!r} at epoch {epoch} the next rate is {rate!r}"
                _broken(f"{told}, after {dict(worse.error)!r} it is {higher!r}")
    return tried


@_law("the rate never rises", **_claimed)
def never_raises(schedule: Schedule, history: History) -> bool:
    """In its own run no rate is above the one before."""
    rates = own_rates(schedule, history)
    for (_, before), (epoch, rate) in pairwise(rates.items()):
        if rate > before:
            _broken(f"at epoch {epoch} the rate goes from {before!r} up to {rate!r}")
    return len(history) > 1


@_law("errors before the last num_epochs changes do not matter", parameter="num_epochs", **_claimed)
def window(schedule: Schedule, history: History) -> bool:
    """What is recorded before the newest ``num_epochs + 1`` epochs with data may be any error: the rate is the same."""
    number = parameter(schedule, "num_epochs")
    tried = False
    for epoch, decision in answers_of(schedule, history).items():
        outside = [*history.before(epoch)][: -number - 1]
        for error in (1e-3, 1e3) if outside else ():
            tried = True
            past = History({**history, **{each: _with(error, history, history[each]) for each in outside}})
            rates = [each.learning_rate for each in (decision, ask(schedule, past, epoch))]
            because = f"when the errors up to epoch {outside[-1]} are {error!r}"
            _demand_same({epoch: rates[0]}, {epoch: rates[1]}, because)
    return tried


@_law("an epoch that it presets counts, recorded or not", **_claimed)
def presets_count(schedule: Schedule, history: History) -> bool:
    """For later epochs rate and action are the same when the rate that it presets for an epoch is recorded there."""
    tried = False
    told = answers_of(schedule, history)
    for epoch, decision in told.items():
        data = history.get(epoch, UNKNOWN)
        if decision.action is Action.PRESET and not data.learning_rate:
            tried = True
            recorded = history.set(epoch, data.with_learning_rate(decision.learning_rate))
            for later in (each for each in told if each > epoch):
                answers = [(each.learning_rate, each.action) for each in (told[later], ask(schedule, recorded, later))]
                because = f"when the preset of epoch {epoch} is recorded"
                _demand_same({later: answers[0]}, {later: answers[1]}, because)
    return tried
