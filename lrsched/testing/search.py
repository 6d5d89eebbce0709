"""The search for examples that break laws: Hypothesis draws them, tries all laws on each, and makes them smaller."""

import math
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, final

import attrs
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import FlakyFailure, HypothesisException, HypothesisWarning, Unsatisfiable
from hypothesis.strategies import SearchStrategy

from lrsched.core.numbers import integer
from lrsched.errors import ArgumentError, MeasureWarning, broken_law
from lrsched.testing.laws import BrokenLawError, Law, said

Verdict = Literal["holds", "broken", "not claimed", "no parameter", "never tried"]
"""What is said of a law.

It holds on all examples, or is broken by one; it was not checked, since what is checked does not claim it or has no
such parameter; or no example had anything to say about it.
"""

Progress = Callable[[int, int], None]
"""Called with how much is done, and with how much there is to do."""

_DEFAULT_EXAMPLES: Final = 300
_ROUND: Final = 100  # examples between two looks at the progress bar
_SHRINKING: Final = 2.0  # seconds for each broken law, in which Hypothesis makes its example smaller
_SIMPLIFYING: Final = 2.0  # seconds for what then is left out by `Trial.simpler`
_SETTINGS: Final = settings(
    database=None,
    deadline=None,
    derandomize=False,
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@final
@attrs.frozen
class Budget:
    """How much is tried: a number of examples, or seconds.

    Attributes:
        examples: How many examples, at least 1; None: as many as there is time for.
        seconds: For how long, > 0; None: until all examples are tried. What makes examples smaller comes on top.

    Raises:
        ArgumentError: It is neither, or without an end.

    Examples:
        >>> Budget.of("500"), Budget.of("2.5s"), Budget.of(10)
        (Budget(examples=500, seconds=None), Budget(examples=None, seconds=2.5), Budget(examples=10, seconds=None))
        >>> Budget.of("0s")
        Traceback (most recent call last):
        lrsched.errors.ArgumentError: budget must be a number of examples or of seconds > 0, got '0s'; use 500, or 20s
    """

    examples: int | None = _DEFAULT_EXAMPLES
    seconds: float | None = None

    def __attrs_post_init__(self) -> None:
        known = [each for each in (self.examples, self.seconds) if each is not None]
        if not known or not all(0 < each < math.inf for each in known):
            raise _no_budget(f"{self.examples} examples, {self.seconds} seconds")

    @classmethod
    def of(cls, budget: "Budget | int | str | None") -> "Budget":
        """A budget given as a number of examples, or as text: ``"500"``, ``"20s"``; None is the default.

        Raises:
            ArgumentError: It is none.
        """
        if budget is None or isinstance(budget, Budget):
            return budget or cls()
        try:
            if isinstance(budget, str) and budget.endswith("s"):
                return cls(None, float(budget[:-1]))
            plain = int(budget) if isinstance(budget, str) else budget
            return cls(integer("budget", plain, least=1, way_out=""))
        except ValueError:
            raise _no_budget(budget) from None


def _no_budget(budget: Any) -> ArgumentError:
    return broken_law("budget", "a number of examples or of seconds > 0", budget, "use 500, or 20s")


@final
@attrs.frozen
class Broken:
    """The smallest case that was found to break a law, and how."""

    case: Any
    error: BrokenLawError


@final
@attrs.define
class Tried:
    """What the search knows of a law so far.

    Attributes:
        law: The law.
        examples: How many had something to say about it.
        unconcerned: Why it does not concern what is checked; None if it does.
        broken: What breaks it; None if nothing was found that does.
    """

    law: Law
    examples: int = 0
    unconcerned: Verdict | None = None
    broken: Broken | None = None

    @property
    def verdict(self) -> Verdict:
        """What is to be said of it."""
        if self.broken:
            return "broken"
        return "holds" if self.examples else self.unconcerned or "never tried"


@final
@attrs.frozen
class Trial:
    """What is drawn, and how a law is tried on it.

    Attributes:
        cases: Draws them.
        unconcerned: Why a law does not concern a case; None if it does.
        attempt: Whether a case had something to say about a law; raises if it breaks it.
        size: How large a case is: the smallest is shown.
        simpler: Cases that are like a given one, but simpler.
    """

    cases: SearchStrategy[Any]
    unconcerned: Callable[[Law, Any], Verdict | None]
    attempt: Callable[[Law, Any], bool]
    size: Callable[[Any], Any]
    simpler: Callable[[Any], Iterable[Any]] = attrs.field(default=lambda _: ())

    def __call__(self, law: Law, case: Any) -> bool:
        """Whether a case had something to say about a law.

        Raises:
            BrokenLawError: It breaks it; any other exception of `attempt` is one.
        """
        try:
            with warnings.catch_warnings(action="ignore", category=MeasureWarning):  # hostile histories deserve them
                return self.attempt(law, case)
        except (BrokenLawError, HypothesisException):
            raise
        except Exception as error:
            raise BrokenLawError(f"it raises {said(error)}") from error


def search(
    laws: Sequence[Law], trial: Trial, budget: Budget, start: int, progress: Progress | None = None
) -> tuple[list[Tried], int]:
    """Try to break laws.

    Args:
        laws: The laws.
        trial: What they are tried on.
        budget: How much is tried.
        start: The same one draws the same cases; an integer >= 0.
        progress: Told how much is done.

    Returns:
        What is known of each law, and how many cases were tried.
    """
    start = integer("seed", start, least=0, way_out="any other number draws other examples")
    tried = [Tried(law) for law in laws]
    begun = time.monotonic()
    until = math.inf if budget.seconds is None else begun + budget.seconds
    most = budget.examples or math.inf
    done = rounds = 0
    while done < most and time.monotonic() < until and any(each.broken is None for each in tried):
        wanted = int(min(_ROUND, most - done))
        draw = start + 2**32 * rounds
        unbroken = [each for each in tried if each.broken is None]
        drawn = _scan(unbroken, trial, draw, wanted, until)
        for each in unbroken:
            if each.broken is not None:
                each.broken = _smallest(each.law, each.broken, trial, draw, wanted)
        done += drawn
        rounds += 1
        if progress is not None:
            progress(done, budget.examples or _expected(done, begun, until))
        if drawn < wanted:  # there are no more, or there is no more time
            break
    for each in tried:
        each.broken = each.broken and _shared(each, tried, trial)
    return tried, done


def _shared(tried: Tried, others: Sequence[Tried], trial: Trial) -> Broken | None:
    """The smallest of the cases found for all laws that breaks this one, too."""
    smallest = tried.broken
    for other in others:
        if smallest and other.broken and trial.size(other.broken.case) < trial.size(smallest.case):
            smallest = _broken_by(tried.law, other.broken.case, trial) or smallest
    return smallest


def _broken_by(law: Law, case: Any, trial: Trial) -> Broken | None:
    """How a law is broken by a case; None if it is not."""
    if trial.unconcerned(law, case) is not None:
        return None
    try:
        trial(law, case)
    except BrokenLawError as error:
        return Broken(case, error)
    return None


def _expected(done: int, begun: float, until: float) -> int:
    """How many there will be at this pace."""
    now = time.monotonic()
    return max(done, int(done * (until - begun) / (now - begun)))


def _scan(tried: Sequence[Tried], trial: Trial, draw: int, number: int, until: float) -> int:
    """Try all laws on each of some cases, and note what breaks them; gives how many cases there were."""
    count = 0

    @settings(_SETTINGS, max_examples=number, phases=(Phase.generate,))
    @seed(draw)
    @given(trial.cases)
    def try_all(case: Any) -> None:
        nonlocal count
        if time.monotonic() >= until:
            return
        for each in tried:
            if each.broken is None and count % each.law.every == each.law.every // 2:  # the first ones are simple
                _try(each, trial, case)
        count += 1

    _draw(try_all)
    return count


def _draw(test: Callable[[], None]) -> None:
    """Let Hypothesis draw for a test, without a word on how it does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HypothesisWarning)
            test()
    except Unsatisfiable as error:
        message = "hardly anything that is drawn is allowed; give a strategy that rejects less"
        raise ArgumentError(message) from error


def _try(tried: Tried, trial: Trial, case: Any) -> None:
    unconcerned = trial.unconcerned(tried.law, case)
    if unconcerned is not None:
        tried.unconcerned = unconcerned
        return
    try:
        tried.examples += trial(tried.law, case)
    except BrokenLawError as error:
        tried.examples += 1
        tried.broken = Broken(case, error)


def _smallest(law: Law, found: Broken, trial: Trial, draw: int, number: int) -> Broken:
    """The smallest case that breaks a law, where one of the same cases is known to."""
    broken = [found]
    until = time.monotonic() + _SHRINKING

    @settings(_SETTINGS, max_examples=number, phases=(Phase.generate, Phase.shrink))
    @seed(draw)
    @given(trial.cases)
    def try_one(case: Any) -> None:
        if time.monotonic() >= until or trial.unconcerned(law, case) is not None:
            return
        try:
            trial(law, case)
        except BrokenLawError as error:
            broken.append(Broken(case, error))
            raise

    with suppress(BrokenLawError, HypothesisException, FlakyFailure):  # also where it breaks the law only sometimes
        _draw(try_one)
    smallest = min(reversed(broken), key=lambda each: trial.size(each.case))  # of equal ones the simplest comes last
    return _simplified(law, smallest, trial)


def _simplified(law: Law, broken: Broken, trial: Trial) -> Broken:
    """What breaks a law, without what does not matter."""
    until = time.monotonic() + _SIMPLIFYING
    cases = iter(trial.simpler(broken.case))
    while (case := next(cases, None)) is not None and time.monotonic() < until:
        if trial.size(case) < trial.size(broken.case) and (found := _broken_by(law, case, trial)):
            broken = found
            cases = iter(trial.simpler(case))
    return broken
