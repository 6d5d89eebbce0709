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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial, wraps
from itertools import cycle, groupby, pairwise
from operator import attrgetter
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
from lrsched.simulation.replaying import replay
from lrsched.storage import Storage
from lrsched.storage.memory import MemoryStorage
from lrsched.storage.opening import open_storage

Check = Callable[[Any, Any], bool]
"""A law as a function of what has to keep it and of what it is tried on; whether that had anything to say about it."""


class BrokenLawError(LrschedError, AssertionError):
    """A law is broken; says how."""


class NoAnswerError(BrokenLawError):
    """A schedule has no answer, or one that is no learning rate; or what should open a storage opens none."""


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
    laws: dict[str, Law], prepared: Callable[[Any], Any], says: str, **details: Any
) -> Callable[[Check], Check]:
    """What puts a function into ``laws``: a decorator.

    Args:
        laws: Where it goes.
        prepared: Makes of what the law is called with what the function sees.
        says: See `Law`.
        **details: See `Law`.
    """

    def register(check: Check) -> Check:
        @wraps(check)
        def prepared_check(subject: Any, example: Any) -> bool:
            return check(prepared(subject), example)

        laws[check.__name__] = Law(prepared_check, says, **details)
        return prepared_check

    return register


_law = partial(registering, LAWS, as_schedule)


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
    return tempfile.TemporaryDirectory(
        prefix="lrsched-", dir=_IN_MEMORY if is_usable else None, ignore_cleanup_errors=True
    )


def parameter(schedule: Schedule | Function, name: str) -> Any:
    """The value of a schedule's parameter; None if it has none of that name.

    It is an attribute of the schedule itself, or of the plain function that it is; those of its parts do not count.
    """
    own, functions = (getattr(holder, name, None) for holder in (schedule, getattr(schedule, "function", None)))
    return functions if own is None else own


def through_pickle(value: Any) -> Any:
    """What another process gets of a value."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301  its own


def copier(schedule: Schedule | Function) -> Callable[[], Schedule]:
    """What makes schedules like this one, as a process does that starts anew: with what it is now, not what it will be.

    A function is itself each time, and so is what can be neither pickled nor copied.
    """
    made = as_schedule(schedule)
    for copied in (through_pickle, copy.deepcopy):
        with suppress(Exception):  # whatever a foreign class raises
            return partial(copied, copied(made))
    return lambda: made


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
    """While it lasts, whatever is raised is no answer for that epoch."""
    return no_exception(f"asked for epoch {epoch} it raises", kind=NoAnswerError)


def _demand_rate(learning_rate: Any, epoch: int) -> None:
    if type(learning_rate) is not float or not 0.0 <= learning_rate < math.inf:
        raise NoAnswerError(f"for epoch {epoch} it gives {learning_rate!r}, which is no finite float >= 0")


def answers_of(schedule: Schedule, history: History) -> dict[int, Decision]:
    """The decisions for all `asked_epochs`."""
    return {epoch: ask(schedule, history, epoch) for epoch in asked_epochs(history)}


@no_exception("in a run of its own it raises", kind=NoAnswerError)
def own_run(schedule: Schedule, history: History) -> History:
    """A training run with the epochs and the errors of ``history``, and with the schedule's own learning rates."""
    cursor, run = Cursor.over(schedule), History()
    for epoch, data in history.items():
        moment = Moment.of(epoch, data)
        learning_rate = cursor.rate(moment)
        _demand_rate(learning_rate, epoch)
        run = run.set(epoch, data.with_learning_rate(learning_rate))
        cursor = cursor.after(moment, run[epoch])
    return run


def own_rates(schedule: Schedule, history: History) -> dict[int, Any]:
    """The learning rate of each epoch of the `own_run`."""
    return {epoch: data.learning_rate for epoch, data in own_run(schedule, history).items()}


def _cursors(schedule: Schedule, history: History) -> Iterator[tuple[int, Cursor, Decision]]:
    """For each of the `asked_epochs` the cursor that has seen the epochs before it, one by one, and what it answers."""
    cursor = None
    for epoch in asked_epochs(history):
        with _answering(epoch):
            cursor = cursor or Cursor.over(schedule)
            yield epoch, cursor, cursor.answer(Moment(epoch))
            if epoch in history:
                cursor = cursor.after(Moment.of(epoch, history[epoch]), history[epoch])


def _decisions(schedule: Schedule, history: History) -> Iterator[tuple[int, Decision, bool]]:
    """The decisions for all `asked_epochs` of a history, then those of the schedule's own run; and which it is."""
    for is_own in (False, True):
        past = own_run(schedule, history) if is_own else history
        for epoch, decision in answers_of(schedule, past).items():
            yield epoch, decision, is_own


def history_of_its_own(history: History, errors: Callable[[Any], Any] = dict) -> History:
    """The same history, which shares no part with another one: even what should not be changed may be.

    Args:
        history: The history.
        errors: Makes the errors of an epoch out of those that it has.
    """
    copies = {
        epoch: EpochData(learning_rate=data.learning_rate, error=errors(data.error), meta=data.meta).with_meta({})
        for epoch, data in history.items()
    }
    return History(copies)


def with_errors(history: History, change: Callable[[float], float], name: str | None = None) -> History:
    """``history`` with each error changed, and under the given name instead of its own."""
    return history_of_its_own(history, lambda error: {name or own: change(value) for own, value in error.items()})


def _with(error: float, history: History, data: EpochData = UNKNOWN) -> EpochData:
    """Other data of an epoch: all errors that the history has anywhere are that one."""
    names = {name for each in history.values() for name in each.error} or {"dev_score"}
    errors = dict.fromkeys(sorted(names), error)
    return EpochData(learning_rate=data.learning_rate, error=errors, meta=data.meta).with_meta({})


_A_RATE: Final = EpochData(learning_rate=0.125)
_SMALL, _LARGE = 1e-100, 1e100


def _all_errors(history: History) -> list[float]:
    return [value for data in history.values() for value in data.error.values()]


def _broken(message: str) -> NoReturn:
    raise BrokenLawError(message)


def _demand_same(decisions: Mapping[int, Any], again: Callable[[int], Any], because: str, *by: str) -> None:
    """Demand that each epoch has the same answer ``again``, in the attributes ``by`` or in all.

    Raises:
        BrokenLawError: An answer differs, or an epoch has no answer any more; the message ends with ``because``.
    """
    for epoch, answer in decisions.items():
        try:
            other = again(epoch)
        except NoAnswerError as error:
            raise BrokenLawError(f"{error}, {because}") from error
        shown = [attrgetter(*by)(each) if by else each for each in (answer, other)]
        if repr(shown[0]) != repr(shown[1]):
            rates = [getattr(each, "learning_rate", each) for each in shown]
            one, two = shown if rates[0] == rates[1] else rates
            _broken(f"for epoch {epoch} it gives {one!r}, but {two!r} {because}")


def _demand_answers(
    decisions: Mapping[int, Decision], schedule: Schedule, history: History, because: str, *by: str
) -> None:
    """Demand that the schedule decides the same when it is asked once more."""
    _demand_same(decisions, partial(ask, schedule, history), because, *by)


_DAY: Final = 24 * 60 * 60  # seconds
_ANOTHER_TIME: Final = (2500 * _DAY + 27075.0, 2502 * _DAY + 28262.5, 2504 * _DAY + 29495.25)
"""Seconds to other years, hours and weekdays, and to other seconds of a minute at whatever part of one it is now."""
_STOPWATCHES: Final = {"monotonic", "perf_counter", "process_time", "thread_time"}


@contextmanager
def another_time(ahead: float) -> Iterator[None]:
    """While it lasts, the clocks are so many seconds ahead, and `random` is at another place."""
    state = random.getstate()
    now = time.monotonic() + ahead
    clocks: dict[str, Any] = {"": lambda: now, "_ns": lambda: int(now * 1e9)}
    names = {f"{name}{unit}": clock for name in _STOPWATCHES & {*dir(time)} for unit, clock in clocks.items()}
    random.seed(20260101)
    try:
        with time_machine.travel(time.time() + ahead), patch.multiple(time, **names):
            yield
    finally:
        random.setstate(state)


# ---- the laws that all schedules keep


@_law("whatever the past, the answer is a finite rate >= 0")
def answers(schedule: Schedule, history: History) -> bool:
    """For every epoch there is a `Decision` whose rate is a finite float >= 0; here, and in its own run."""
    return bool([*_decisions(schedule, history)])


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
    with suppress(Exception):  # whatever a foreign class raises
        return pickle.dumps(schedule)
    return repr(getattr(schedule, "__dict__", schedule))


@_law("the same question always has the same answer")
def deterministic(schedule: Schedule, history: History) -> bool:
    """Asked again, asked in another order, and asked years later, it answers the same."""
    decisions = answers_of(schedule, history)
    _demand_answers(decisions, schedule, history, "when it is asked again")
    _demand_answers(dict(reversed(decisions.items())), schedule, history, "when the later epochs are asked first")
    for ahead in _ANOTHER_TIME:
        with another_time(ahead):
            _demand_answers(decisions, schedule, history, "at another time")
    return True


_NEW_PROCESS: Final = """
import contextlib, os, pickle, sys
output = open(os.dup(1), "wb")
os.dup2(2, 1)  # what a module prints is in nobody's way
with contextlib.suppress(ImportError):
    import lrsched.control  # before the path has folders where modules may be called like those of Python
sys.path[:] = pickle.load(sys.stdin.buffer)
try:
    schedule, history, epochs = pickle.load(sys.stdin.buffer)
except (ImportError, AttributeError):
    sys.exit()
output.write(pickle.dumps({epoch: schedule.decide(history, epoch) for epoch in epochs}))
"""


@_law("a new process gives the same answers", every=25)
def new_process(schedule: Schedule, history: History) -> bool:
    """After other training runs it answers as where nothing can be remembered, and sets have another order.

    What cannot be pickled, or imported there, is not asked.
    """
    for error in (1e-3, 1e3):
        answers_of(schedule, History(dict.fromkeys(history, _with(error, history))))
    decisions = answers_of(schedule, history)
    try:
        question = pickle.dumps(sys.path) + pickle.dumps((schedule, history, [*decisions]))
    except Exception:  # noqa: BLE001  whatever a foreign class raises; `round_trip` says so
        return False
    seed = "1" if os.environ.get("PYTHONHASHSEED") == "0" else "0"  # names of errors have another order in sets there
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-P", "-c", _NEW_PROCESS]
    done = subprocess.run(command, input=question, capture_output=True, check=False, env=environment)  # noqa: S603  this very interpreter
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
        _broken(f"a new process cannot answer; it says: {lines[-1]}")
    if not done.stdout:
        return False
    answers_there = pickle.loads(done.stdout)  # noqa: S301  its own
    _demand_same(decisions, answers_there.get, "in a new process")
    return True


@_law("data of the epoch and of later ones change nothing")
def causal(schedule: Schedule, history: History) -> bool:
    """Decisions do not change when the epoch and all later ones are taken away, or get other data."""
    for epoch, decision in answers_of(schedule, history).items():
        past = history.before(epoch)
        _demand_answers({epoch: decision}, schedule, past, "without data of it and of later epochs")
        for data in (_with(1e-3, history, _A_RATE), _with(1e9, history)):
            later = [each for each in (epoch, epoch + 1, epoch + 7) if each <= LARGEST_EPOCH]
            future = History({**past, **dict.fromkeys(later, data)})
            because = f"when it and later epochs have the data {data!r}"
            _demand_answers({epoch: decision}, schedule, future, because)
    return True


@_law("a rate alone is that of the decision")
def rate_is_decision(schedule: Schedule, history: History) -> bool:
    """A call, `Schedule.rate` and `Schedule.answer` give the rate of `Schedule.decide`, whatever it is asked with."""
    for past in (history, own_run(schedule, history)):
        for epoch, cursor, answer in _cursors(schedule, past):
            decided = {epoch: ask(schedule, past, epoch).learning_rate}
            _demand_same(decided, partial(schedule, past), "when it is called")
            _demand_same(decided, {epoch: cursor.rate(Moment(epoch))}.get, "when a cursor asks for the rate")
            _demand_same(decided, {epoch: answer.learning_rate}.get, "when a cursor asks")
    return True


@_law("epoch by epoch its memory comes to what the whole history folds to")
def folds(schedule: Schedule, history: History) -> bool:
    """A cursor that saw the epochs one by one remembers and decides what one does that folds all of them at once.

    So does one that folds the second half at once.
    """
    cursors = [*_cursors(schedule, history)]
    half = cursors[len(cursors) // 2][1]
    for epoch, cursor, decision in cursors:
        _demand_answers({epoch: decision}, schedule, history, "when it is asked with the history")
        for start in (Cursor.over(schedule), half):
            if start.epoch <= cursor.epoch:
                at_once = start.along(history.before(epoch))
                because = f"when it folds the epochs after {start.epoch} at once"
                if not _same_memory(cursor.memory, at_once.memory):
                    _broken(f"before epoch {epoch} it remembers {cursor.memory!r}, but {at_once.memory!r} {because}")
                _demand_same({epoch: decision}, {epoch: at_once.answer(Moment(epoch))}.get, because)
    return bool(history)


def _same_memory(one: Any, other: Any) -> bool:
    """Whether two memories are equal; a NaN equals a NaN."""
    return bool(one == other) or repr(one) == repr(other)


@_law("its memory is a value: what later epochs add does not change it, and it can be pickled")
def memory_is_a_value(schedule: Schedule, history: History) -> bool:
    """An old cursor answers as before, whatever later ones saw; and so does one that was pickled."""
    before = []
    for epoch, cursor, decision in _cursors(schedule, history):
        with no_exception("its memory cannot be pickled:", "; keep plain values in it"):
            before.append((epoch, cursor, decision, through_pickle(cursor.memory)))
        for data in (_with(1e-3, history, _A_RATE), _with(math.nan, history)):  # what else might have come
            with _answering(epoch):
                cursor.after(Moment(epoch), data)
    for epoch, cursor, decision, pickled in before:
        if not _same_memory(pickled, cursor.memory):
            message = f"before epoch {epoch} it remembered {pickled!r}, as pickled there, and {cursor.memory!r} later"
            _broken(f"{message}; a memory has equality by value, and never changes")
        for memory, when in ((cursor.memory, "after later epochs"), (pickled, "after its memory was pickled")):
            other = attrs.evolve(cursor, memory=memory)
            _demand_same({epoch: decision}, {epoch: other.answer(Moment(epoch))}.get, when)
    return bool(history)


_RECORDED: Final[Sequence[Callable[[int, float], float | None]]] = (
    lambda _, rate: rate,
    lambda number, rate: rate if number % 3 else None,
    lambda number, rate: rate if number % 3 else 0.03125 * number,  # by hand: combinators alone say what that means
)
"""What is recorded for an epoch of a run, by its number, where the whole decides on a rate."""


@_law("each part decides as it would alone", parameter="parts")
def parts_decide_alone(schedule: Schedule, history: History) -> bool:
    """In a run of the whole, `Cause.inner` has for each part the decision that it gives in a run of its own.

    So also where every third rate is unknown, and so to the parts; and where every third is set by hand, and
    `Combinator.by_hand` says what the parts see. Not asked of holds and presets, whose parts see the recorded rates.
    And every schedule in a field is a part.
    """
    if isinstance(schedule, (HoldLearningRate, Preset)) or not schedule.parts:
        return False
    kind: Any = type(schedule)
    for field in attrs.fields(kind) if attrs.has(kind) else ():
        held = getattr(schedule, field.name)
        if isinstance(held, Schedule) and all(held is not part for part in schedule.parts):
            _broken(f"its field {field.name} is a schedule that is no part of it; name it in the property parts")
    for recorded in _RECORDED if isinstance(schedule, Combinator) else _RECORDED[:2]:
        _demand_alone(schedule, history, recorded)
    return bool(history)


@no_exception("it raises", kind=NoAnswerError)
def _demand_alone(schedule: Any, history: History, recorded: Callable[[int, float], float | None]) -> None:
    """Demand it of a run, see `_RECORDED`."""
    whole, alone = Cursor.over(schedule), [*map(Cursor.over, schedule.parts)]
    for number, epoch in enumerate(asked_epochs(history), start=1):
        decision, decided = whole.answer(Moment(epoch)), [cursor.answer(Moment(epoch)) for cursor in alone]
        if len(decision.cause.inner) != len(decided):
            _broken(f"it has {len(decided)} parts, and its decision for epoch {epoch} the decisions of other ones")
        for part, inner, own in zip(schedule.parts, decision.cause.inner, decided, strict=True):
            if inner.learning_rate != own.learning_rate or inner.action is not own.action:
                message = f"for epoch {epoch} its part {part!r} decides on {inner.learning_rate!r} ({inner.action})"
                _broken(f"{message}, but alone on {own.learning_rate!r} ({own.action})")
        if epoch not in history:
            continue
        rate, rates = recorded(number, decision.learning_rate), [own.learning_rate for own in decided]
        if rate is not None and rate != decision.learning_rate:
            handed_on = schedule.by_hand(rate, *rates)
            rates = [new if 0.0 <= new < math.inf else own for new, own in zip(handed_on, rates, strict=True)]
        moment, data = Moment.of(epoch, history[epoch]), history[epoch].with_learning_rate(rate)
        whole = whole.after(moment, data)
        alone = [
            cursor.after(moment, data if rate is None else data.with_learning_rate(own))
            for cursor, own in zip(alone, rates, strict=True)
        ]


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
    for name, around in _NEUTRAL.items():
        inside = answers_of(around(schedule), history)
        _demand_same(decided, inside.get, f"inside {name}", "learning_rate", "previous", "action")
    return True


@_law("the previous rate of a decision is the history's")
def previous(schedule: Schedule, history: History) -> bool:
    """``previous`` is the newest rate before the epoch; where wrappers may know of later ones, they must be newer."""
    decided = answers_of(schedule, history)
    if schedule.parts:
        decided = {epoch: each for epoch, each in decided.items() if history.get(epoch - 1, UNKNOWN).learning_rate}
    for epoch, decision in decided.items():
        newest = history.most_recent_learning_rate(epoch)
        if decision.previous != newest:
            _broken(f"for epoch {epoch} the previous rate is said to be {decision.previous!r}, it is {newest!r}")
    return bool(decided)


@_law("the action and the cause of a decision are true")
def true_to_its_cause(schedule: Schedule, history: History) -> bool:
    """What a decision says is what it does.

    A rate that is kept or held is the previous one; a decay lowers it, unless the minimum lifts it; a growth raises it.
    Where the cause has a threshold, only a change above it decays, and growth needs one that is not above it, and below
    the grow threshold.
    """
    for epoch, decision, _ in _decisions(schedule, history):
        rate, before, cause, action = decision.learning_rate, decision.previous, decision.cause, decision.action
        message = f"for epoch {epoch} it decides to {action}, but "
        says = Action.KEEP if action is Action.HOLD else action
        stays_lifted = says is Action.DECAY and before is not None and _is_lifted(cause)
        if (
            says in (Action.KEEP, Action.DECAY, Action.GROW)
            and says is not Action.of(before, rate)
            and not stays_lifted
        ):
            _broken(f"{message}the rate goes from {before!r} to {rate!r}")
        if cause.lifted_from is not None and cause.lifted_from > rate:
            _broken(f"{message}{cause.lifted_from!r} was not lifted to {rate!r}")
        if cause.change is None or cause.threshold is None:
            continue
        message += (
            f"its cause has a {cause.measure or 'change'} of {cause.change!r} against threshold {cause.threshold!r}"
        )
        if action is Action.DECAY and not cause.change > cause.threshold:
            _broken(
                f"{message}; what decays is a change above it: where higher is better, give both with the other sign"
            )
        grow = cause.grow_threshold
        if action is Action.GROW and (cause.change > cause.threshold or (grow is not None and cause.change >= grow)):
            _broken(f"{message} and grow threshold {grow!r}")
    return True


def _is_lifted(cause: Cause) -> bool:
    """Whether the rate was lifted to a minimum, here or in the first part."""
    return cause.lifted_from is not None or any(_is_lifted(first.cause) for first in cause.inner[:1])


@_law("the order of an epoch's errors changes nothing")
def key_order(schedule: Schedule, history: History) -> bool:
    """Decisions are the same when the errors, and the epochs, were recorded in another order."""
    if all(len(data.error) < 2 for data in history.values()) and len(history) < 2:  # noqa: PLR2004  two have an order
        return False
    decisions = answers_of(schedule, history)
    backwards = {}
    for epoch, data in reversed([*history.items()]):
        error, meta = (dict(reversed(each.items())) for each in (data.error, data.meta))
        backwards[epoch] = EpochData(learning_rate=data.learning_rate, error=error, meta=meta)
    _demand_answers(decisions, schedule, History(backwards), "when the errors come in another order")
    return True


@_law("a decay never goes below min_learning_rate", parameter="min_learning_rate")
def min_learning_rate(schedule: Schedule, history: History) -> bool:
    """A rate that a decision lowers is at least ``min_learning_rate``, in its own run, and where it goes by the rates.

    So a rate that goes by time may rise from below the minimum.
    """
    return _keeps_limit(schedule, history, "min_learning_rate", operator.lt, Action.DECAY)


@_law("a growth never goes above max_learning_rate", parameter="max_learning_rate")
def max_learning_rate(schedule: Schedule, history: History) -> bool:
    """A rate that a decision raises is at most ``max_learning_rate``, in its own run and where it goes by the rates."""
    return _keeps_limit(schedule, history, "max_learning_rate", operator.gt, Action.GROW)


@_law("a rate lasts for at least min_num_epochs", parameter="min_num_epochs")
def min_num_epochs(schedule: Schedule, history: History) -> bool:
    """In its own runs, two changes lie at least ``min_num_epochs`` apart; so does the first from the first epoch.

    And it holds no rate that has lasted so long.
    """
    least = parameter(schedule, "min_num_epochs")
    rates = own_rates(schedule, history)
    spans = [[*epochs] for _, epochs in groupby(rates, rates.get)]
    for (first, *_), (end, *_) in pairwise(spans):
        if end - first < least:
            lasted = f"{rates[first]!r} began at epoch {first} and ends before epoch {end}"
            _broken(f"{lasted}, after {end - first} epochs instead of at least {least}")
    # where a part has such a parameter, too, it may be the one that holds
    holds_alone = all(parameter(part, "min_num_epochs") is None for part in _inside(schedule))
    for epoch, decision in answers_of(schedule, history).items() if holds_alone else ():
        newest = [data.learning_rate for _, data in history.newest(max(least, 1), before=epoch)]
        if decision.action is Action.HOLD and len(newest) >= least and len(set(newest)) == 1:
            _broken(f"at epoch {epoch} it holds {newest[-1]!r}, which has lasted {least} epochs")
    return len(spans) > 1


def _inside(schedule: Schedule) -> Iterator[Schedule]:
    """The parts of a schedule, and theirs."""
    for part in schedule.parts:
        yield part
        yield from _inside(part)


@_law("no rate is below minimum", parameter="minimum")
def minimum(schedule: Schedule, history: History) -> bool:
    """Every rate is at least ``minimum``."""
    return _keeps_limit(schedule, history, "minimum", operator.lt)


@_law("no rate is above maximum", parameter="maximum")
def maximum(schedule: Schedule, history: History) -> bool:
    """Every rate is at most ``maximum``."""
    return _keeps_limit(schedule, history, "maximum", operator.gt)


def _keeps_limit(
    schedule: Schedule,
    history: History,
    name: str,
    beyond: Callable[[float, float], bool],
    action: Action | None = None,
) -> bool:
    """No rate goes beyond the limit of that name.

    With an action only those count that move that way, by that action or without saying so: the default and presets may
    be any rate. Of the history's own decisions only those count then that go by its rates, which the schedule may never
    have given.
    """
    limit, tried = parameter(schedule, name), False
    rateless = History({epoch: data.with_learning_rate(None) for epoch, data in history.items()})
    for epoch, decision, is_own in _decisions(schedule, history):
        rate, before = decision.learning_rate, decision.previous
        moves = before is not None and beyond(rate, before) and decision.action not in (Action.DEFAULT, Action.PRESET)
        if action is not None and not (moves or decision.action is action):
            continue
        if action is not None and not is_own and rate == ask(schedule, rateless, epoch).learning_rate:
            continue
        tried = True
        if beyond(rate, limit):
            _broken(f"for epoch {epoch} the rate goes from {before!r} to {rate!r}, {name} is {limit!r}")
    return tried


@_law("a run that is replayed has the same rates")
def replays(schedule: Schedule, history: History) -> bool:
    """Both the recorded and the free replay of its own run give the rates of the run."""
    fresh = copier(schedule)
    run = own_run(fresh(), history)
    for mode in ("recorded", "free"):
        replayed = {step.epoch: step for step in replay(fresh(), run, mode)}
        _demand_same(run, replayed.get, f"when it is replayed from the {mode} past", "learning_rate")
    return bool(run)


@_law("cut anywhere, a training run goes on as if it had not")
def resumes(schedule: Schedule, history: History) -> bool:
    """A training run that stops after every step, and goes on in a new process from its file, has the same rates."""
    forms = cycle((TEXT, JSON))

    def reopened(stored: History) -> Storage:
        form = next(forms)
        return MemoryStorage(form.parse(form.render(stored)))

    return _resumes(schedule, history, reopened)


@_law("cut anywhere, it goes on so from every storage", every=25)
def resumes_from_storage(schedule: Schedule, history: History) -> bool:
    """The same, with files of all formats and a database on a disk."""
    names = cycle(("learning_rates", "run.json", "learning_rates.gz", "run.db"))
    with temporary_folder() as folder:

        def reopened(stored: History) -> Storage:
            where = str(Path(tempfile.mkdtemp(dir=folder), next(names)))
            open_storage(where).save(stored)
            return open_storage(where)

        return _resumes(schedule, history, reopened)


def _resumes(schedule: Schedule, history: History, reopened: Callable[[History], Storage]) -> bool:
    """Whether a training run is the same that is stored, and opened again, twice an epoch."""
    fresh = copier(schedule)
    own_run(fresh(), history)  # raises where there is no answer
    uninterrupted, resumed = LearningRateControl(fresh()), LearningRateControl(fresh())
    for epoch, data in history.items():
        with no_exception(f"asked for epoch {epoch} it raises"):
            rate, again = (control.get_learning_rate_for_epoch(epoch) for control in (uninterrupted, resumed))
        _demand_same({epoch: rate}, {epoch: again}.get, "after a restart")
        resumed = LearningRateControl(fresh(), reopened(resumed.history))
        for control in (uninterrupted, resumed):
            control.set_epoch_error(epoch, data.error)
        resumed = LearningRateControl(fresh(), reopened(resumed.history))
    return bool(history)


@_law("it can be pickled, and is the same afterwards")
def round_trip(schedule: Schedule, history: History) -> bool:
    """Sent to another process it is equal, and gives the same answers.

    A callable object, which Python compares by identity, is equal if it is made of the same.
    """
    way_out = "; define it at the top of a module, as a function or a frozen class"
    with no_exception("it cannot be pickled and compared:", way_out):
        other, is_function = through_pickle(schedule), isinstance(schedule, FunctionSchedule)
        same = other == schedule or (is_function and pickle.dumps(other) == pickle.dumps(schedule))
    if not same:
        _broken("it is not equal to what it was before it was pickled; attrs.frozen compares by value")
    _demand_answers(answers_of(schedule, history), other, history, "after it was pickled")
    return True


# ---- the laws that a schedule may claim

_claim = partial(_law, claimed=True)


@_claim("the unit of the errors does not matter")
def scale_invariant(schedule: Schedule, history: History) -> bool:
    """Its own run has the same rates when all errors are multiplied by a number > 0 (here by powers of two)."""
    sizes = [abs(error) for error in _all_errors(history) if error and math.isfinite(error)]
    if not sizes or not all(_SMALL < size < _LARGE for size in sizes):
        return False
    scales = (1024.0, 1 / 1024.0)
    scaled = {f"when all errors are {scale!r} times as large": with_errors(history, scale.__mul__) for scale in scales}
    return _same_rates(schedule, history, scaled)


@_claim("the zero of the errors does not matter")
def shift_invariant(schedule: Schedule, history: History) -> bool:
    """Its own run has the same rates when the same number is added to all errors (where the sums are exact)."""
    known = [error for error in _all_errors(history) if math.isfinite(error)]
    shifts = (1024.0, -1.0)
    if not known or any(error + shift - shift != error for error in known for shift in shifts):
        return False
    shifted = {f"when {shift!r} is added to all errors": with_errors(history, shift.__add__) for shift in shifts}
    return _same_rates(schedule, history, shifted)


@_claim("the name of the only error does not matter")
def name_invariant(schedule: Schedule, history: History) -> bool:
    """Where all epochs have one error at most, of the same name, its own run has the same rates under another name."""
    names = {tuple(data.error) for data in history.values()} - {()}
    if len(names) != 1 or len(next(iter(names))) != 1:
        return False
    another = "another_error"
    return _same_rates(schedule, history, {f"when its name is {another!r}": with_errors(history, float, another)})


def _same_rates(schedule: Schedule, history: History, others: Mapping[str, History]) -> bool:
    """Its own run has the same rates with the errors of some other histories; each by what it is because of."""
    rates = own_rates(schedule, history)
    for because, other in others.items():
        _demand_same(rates, own_rates(schedule, other).get, because)
    return True


@_claim("a worse error never gives a higher rate")
def monotone(schedule: Schedule, history: History) -> bool:
    """Of two runs that differ in the newest epoch, the one whose errors are higher there has no higher rate next.

    All errors are positive and finite. What a worse error does to later epochs is not asked: it makes them look better.
    """
    known = _all_errors(history)
    if not known or not all(_SMALL < error < _LARGE for error in known):
        return False
    return _never_higher(schedule, history, 1.0 + 2.0**-10, 2.0, 1024.0)


@_claim("a NaN or infinite error gives no higher rate")
def non_finite_is_worst(schedule: Schedule, history: History) -> bool:
    """Of two runs that differ in the newest epoch, the one with no finite error there has no higher rate next."""
    return _never_higher(schedule, history, math.nan, math.inf, -math.inf)


def _never_higher(schedule: Schedule, history: History, *factors: float) -> bool:
    """No newest errors that are so many times as large give a higher rate next."""
    run = own_run(schedule, history)
    newest = {epoch: data for epoch, data in run.items() if data.error and epoch < LARGEST_EPOCH}
    for epoch, data in newest.items():
        past = run.before(epoch + 1)
        rate = ask(schedule, past, epoch + 1).learning_rate
        for factor in factors:
            worse = data.with_error({name: error * factor for name, error in data.error.items()})
            higher = ask(schedule, past.set(epoch, worse), epoch + 1).learning_rate
            if higher > rate:
                message = f"after {dict(data.error)!r} at epoch {epoch} the next rate is {rate!r}"
                _broken(f"{message}, after {dict(worse.error)!r} it is {higher!r}")
    return bool(newest)


@_claim("the rate never rises")
def never_raises(schedule: Schedule, history: History) -> bool:
    """In its own run no rate is above the one before."""
    rates = own_rates(schedule, history)
    for (_, before), (epoch, rate) in pairwise(rates.items()):
        if rate > before:
            _broken(f"at epoch {epoch} the rate goes from {before!r} up to {rate!r}")
    return len(history) > 1


@_claim("errors before the last num_epochs changes do not matter", parameter="num_epochs")
def window(schedule: Schedule, history: History) -> bool:
    """What is recorded before the newest ``num_epochs + 1`` epochs with data may be any error: the rate is the same."""
    number = parameter(schedule, "num_epochs")
    asked = answers_of(schedule, history)
    decisions = {epoch: decision for epoch, decision in asked.items() if len(history.before(epoch)) > number + 1}
    for epoch, decision in decisions.items():
        outside = [*history.before(epoch)][: -number - 1]
        for error in (1e-3, 1e3):
            past = History({**history, **{each: _with(error, history, history[each]) for each in outside}})
            because = f"when the errors up to epoch {outside[-1]} are {error!r}"
            _demand_answers({epoch: decision}, schedule, past, because, "learning_rate")
    return bool(decisions)


@_claim("an epoch that it presets counts, recorded or not")
def presets_count(schedule: Schedule, history: History) -> bool:
    """For later epochs rate and action are the same when the rate that it presets for an epoch is recorded there."""
    decisions = answers_of(schedule, history)
    presets = {
        epoch: history.get(epoch, UNKNOWN).with_learning_rate(decision.learning_rate)
        for epoch, decision in decisions.items()
        if decision.action is Action.PRESET and not history.get(epoch, UNKNOWN).learning_rate
    }
    for epoch, recorded in presets.items():
        later = {each: decisions[each] for each in decisions if each > epoch}
        because = f"when the preset of epoch {epoch} is recorded"
        _demand_answers(later, schedule, history.set(epoch, recorded), because, "learning_rate", "action")
    return bool(presets)
