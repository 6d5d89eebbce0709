"""The search for examples that break laws: Hypothesis draws them, tries all laws on each, and makes them smaller."""

import itertools
import math
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, final

import attrs
import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import HypothesisException, HypothesisWarning, Unsatisfiable
from hypothesis.strategies import SearchStrategy

from lrsched.core.numbers import integer
from lrsched.errors import ArgumentError, MeasureWarning, broken_law
from lrsched.testing.laws import BrokenLawError, Check, Law, NoAnswerError, said
from lrsched.testing.reporting import Checked, Report, Verdict, Violation

Progress = Callable[[int, int], None]
"""Called with how much is done, and with how much there is to do."""

_ROUND: Final = 100  # examples between two looks at the progress bar
_ATTEMPTS: Final = 500  # how often a broken law is tried, first by Hypothesis and then by `Trial.simpler`
_SETTINGS: Final = settings(
    database=None,
    deadline=None,
    derandomize=False,
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

    examples: int | None = 300
    seconds: float | None = None

    def __attrs_post_init__(self) -> None:
        limits = [each for each in (self.examples, self.seconds) if each is not None]
        if not limits or not all(0 < each < math.inf for each in limits):
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
    """A case that breaks a law, and how."""

    case: Any
    error: BrokenLawError


@final
@attrs.define
class Tried:
    """What the search has seen of a law so far.

    Attributes:
        law: The law.
        verdict: What there is to say of it.
        examples: How many cases had something to say about it.
        broken: What breaks it; None if nothing does.
        position: How many cases of the same round come before what breaks it.
    """

    law: Law
    verdict: Verdict = "never tried"
    examples: int = 0
    broken: Broken | None = None
    position: int = 0


@final
@attrs.frozen
class Trial:
    """What is checked: what is drawn, and how a law is tried on it.

    Attributes:
        name: What it is called.
        cases: Draws them.
        attempt: Whether a case had something to say about a law; whatever it raises breaks the law.
        size: How large a case is: the smallest is shown.
        written: Writes down what breaks a law.
        basic: The law that says so where there is no answer: to the others, such a case has nothing to say.
        unconcerned: Why a law does not concern a case; None if it does.
        simpler: Cases that are like another one, but simpler.
    """

    name: str
    cases: SearchStrategy[Any]
    attempt: Callable[[Law, Any], bool]
    size: Callable[[Any], Any]
    written: Callable[[Law, Broken], Violation]
    basic: Check
    unconcerned: Callable[[Law, Any], Verdict | None] = lambda _law, _case: None
    simpler: Callable[[Any], Iterable[Any]] = lambda _case: ()

    def __call__(self, law: Law, case: Any) -> Verdict | Broken:
        """What a law comes to on a case."""
        unconcerned = self.unconcerned(law, case)
        if unconcerned is not None:
            return unconcerned
        try:
            with warnings.catch_warnings(action="ignore", category=MeasureWarning):  # hostile histories deserve them
                return "holds" if self.attempt(law, case) else "never tried"
        except HypothesisException:
            raise
        except NoAnswerError as error:
            return Broken(case, error) if law.check is self.basic else "never tried"
        except BrokenLawError as error:
            return Broken(case, error)
        except Exception as error:  # noqa: BLE001  whatever it is
            return Broken(case, BrokenLawError(f"it raises {said(error)}"))


def search(trial: Trial, laws: Sequence[Law], budget: Budget, start: int, progress: Progress | None = None) -> Report:
    """Try to break laws.

    The clock only says when to draw no more cases: it has no part in which case is shown.

    Args:
        trial: What they are tried on.
        laws: The laws.
        budget: How much is tried.
        start: The same one draws the same cases; an integer >= 0.
        progress: Hears how much is done.
    """
    start = integer("seed", start, least=0, way_out="any other number draws other examples")
    tried = [Tried(law) for law in laws]
    begun, limit = time.monotonic(), budget.seconds or math.inf
    most, done = budget.examples or math.inf, 0
    for round_seed in itertools.count(start, 2**32):
        number = int(min(_ROUND, most - done))
        unbroken = [each for each in tried if each.broken is None]
        drawn = _scan(unbroken, trial, round_seed, number, begun + limit)
        for each in unbroken:
            each.broken = each.broken and _smallest(each, each.broken, trial, round_seed, number)
        done += drawn
        passed = time.monotonic() - begun
        if progress is not None:
            progress(done, budget.examples or max(done, int(done * limit / passed)))
        if drawn < number or done >= most or passed >= limit or all(each.broken for each in tried):
            break
    outcomes = [(each, each.broken and trial.written(each.law, each.broken)) for each in tried]
    rows = [Checked(each.law, each.verdict, each.examples, violation) for each, violation in outcomes]
    return Report(trial.name, tuple(rows), done, start)


def _scan(tried: Sequence[Tried], trial: Trial, seed: int, number: int, until: float) -> int:
    """Try all laws on each of some cases, and note what breaks them; gives how many cases there were."""
    count = 0

    def try_all(case: Any) -> None:
        nonlocal count
        if time.monotonic() >= until:
            return
        for each in tried:
            if each.broken is None and count % each.law.every == each.law.every // 2:  # the first ones are simple
                _try(each, trial, case, count)
        count += 1

    _draw(trial.cases, try_all, seed, number, Phase.generate)
    return count


def _try(tried: Tried, trial: Trial, case: Any, position: int) -> None:
    outcome = trial(tried.law, case)
    if isinstance(outcome, Broken):
        tried.verdict, tried.broken, tried.position = "broken", outcome, position
    elif outcome != "never tried" and tried.verdict != "holds":
        tried.verdict = outcome
    tried.examples += isinstance(outcome, Broken) or outcome == "holds"


def _draw(cases: SearchStrategy[Any], test: Callable[[Any], None], seed: int, number: int, *phases: Phase) -> None:
    """Let Hypothesis draw for a test, without a word on how it does."""
    quiet = settings(_SETTINGS, max_examples=number, phases=phases)
    try:
        with warnings.catch_warnings(action="ignore", category=HypothesisWarning):
            quiet(hypothesis.seed(seed)(given(cases)(test)))()
    except Unsatisfiable as error:
        message = "hardly anything that is drawn is allowed; give a strategy that rejects less"
        raise ArgumentError(message) from error


def _smallest(tried: Tried, broken: Broken, trial: Trial, seed: int, number: int) -> Broken:
    """The smallest case that breaks a law, where one of the cases with this seed does.

    Hypothesis makes it smaller; then `_simplified` does. Both end after a number of attempts, not at a time.
    """
    attempts = _ATTEMPTS // tried.law.every
    tries = itertools.count()

    def try_one(case: Any) -> None:
        nonlocal broken
        if not 0 <= next(tries) - tried.position <= attempts:  # Hypothesis draws the cases before that one once more
            return
        outcome = trial(tried.law, case)
        if isinstance(outcome, Broken):
            if trial.size(case) <= trial.size(broken.case):  # of equal ones the simplest comes last
                broken = outcome
            raise outcome.error

    with suppress(BrokenLawError, HypothesisException):  # also where it breaks the law only sometimes
        _draw(trial.cases, try_one, seed, number, Phase.generate, Phase.shrink)
    return _simplified(tried.law, broken, trial, attempts)


def _simplified(law: Law, broken: Broken, trial: Trial, attempts: int) -> Broken:
    """What breaks a law, without what does not matter."""
    cases = iter(trial.simpler(broken.case))
    for _ in range(attempts):
        case = next(cases, None)
        if case is None:
            break
        if trial.size(case) < trial.size(broken.case) and isinstance(outcome := trial(law, case), Broken):
            broken, cases = outcome, iter(trial.simpler(case))
    return broken
