"""`check_schedule`: all laws at once, and what there is to say of them."""

import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, final

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from lrsched.core.history import History
from lrsched.core.schedule import Schedule
from lrsched.errors import broken_law, did_you_mean, missing_extra
from lrsched.schedules.wrappers import Function, as_schedule
from lrsched.simulation.results import Result
from lrsched.testing.laws import LAWS, BrokenLawError, Law, NoAnswerError, answers, copier, epoch_of_its_own, parameter
from lrsched.testing.search import Budget, Progress, Trial, Tried, Verdict, search
from lrsched.testing.source import Source, failing_test
from lrsched.testing.strategies import ERROR_KEYS, histories, hostile_histories, realistic_histories

OnFail = Literal["raise", "report"]
"""Whether a broken law is raised, or only reported."""

Past = Literal["any", "realistic", "hostile"]
"""Which histories are tried."""

_PASTS: Final[dict[str, Callable[..., SearchStrategy[History]]]] = {
    "any": histories,
    "realistic": realistic_histories,
    "hostile": hostile_histories,
}
_LONGEST_HISTORY: Final = 12  # epochs


@final
@attrs.frozen
class Violation:
    """A law that is broken, and the smallest example that was found.

    Attributes:
        subject: What breaks it, as Python has it.
        example: On what: a `History`, or whatever the law is tried on.
        told: How.
        code: A test in Python that fails.
    """

    subject: str
    example: Any
    told: str
    code: str


@final
@attrs.frozen
class Checked:
    """What there is to say of a law.

    Attributes:
        law: The law.
        verdict: See `Verdict`.
        examples: On how many examples it was put to the test.
        violation: How it is broken; None if it is not.
    """

    law: Law
    verdict: Verdict
    examples: int = 0
    violation: Violation | None = None


@final
@attrs.frozen
class Report(Result):
    """What was checked, law by law.

    Attributes:
        subject: What was checked, by name.
        laws: The laws, in their order.
        examples: How many examples were tried.
        seed: With it the same examples are tried again.
    """

    subject: str
    laws: tuple[Checked, ...]
    examples: int
    seed: int

    @property
    def broken(self) -> tuple[Checked, ...]:
        """The laws that are broken."""
        return tuple(checked for checked in self.laws if checked.verdict == "broken")

    def raise_if_broken(self) -> None:
        """Raise what is broken.

        Raises:
            BrokenLawError: A law is broken; says which, how, and by what.
        """
        if self.broken:
            raise BrokenLawError("\n\n".join(_described(self.subject, each) for each in self.broken))

    def to_dict(self) -> dict[str, Any]:
        """See `Result.to_dict`: law, verdict, examples, what the law says, and how it is broken."""
        return {
            "law": [each.law.name for each in self.laws],
            "verdict": [each.verdict for each in self.laws],
            "examples": [each.examples for each in self.laws],
            "says": [each.law.says for each in self.laws],
            "told": [each.violation.told if each.violation else None for each in self.laws],
        }

    def data(self) -> dict[str, Any]:
        """See `Result.data`."""
        table = self.to_dict()
        rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
        for row, checked in zip(rows, self.laws, strict=True):
            row["violation"] = checked.violation
        return {
            "subject": self.subject,
            "sound": not self.broken,
            "examples": self.examples,
            "seed": self.seed,
            "laws": rows,
        }


def _described(subject: str, checked: Checked) -> str:
    violation = checked.violation
    if violation is None:
        return f"{subject} breaks the law {checked.law.name}"
    told = f"{violation.subject} breaks the law {checked.law.name} ({checked.law.says}): {violation.told}"
    return f"{told}\n\n{violation.code}"


# ---- schedules


@final
@attrs.frozen
class Subject:
    """What is checked, in a form that can be made anew for each example.

    Attributes:
        name: What it is called.
        makers: Draws what makes it: called, each gives one as a new process has it.
        make: The one that it always draws; None if it draws different ones.
        imports: The line that imports it; None if it is not known where it stands.
        expression: What it is in Python, with that import; None: its ``repr``.
    """

    name: str
    makers: SearchStrategy[Callable[[], Schedule]]
    make: Callable[[], Schedule] | None = None
    imports: str | None = None
    expression: str | None = None


Checkable = Schedule | Function | Callable[[], Any] | SearchStrategy[Any]
"""A schedule; a plain function ``(history, epoch) -> rate``; what makes one of these when it is called without
arguments, a class too; or a strategy that draws them."""


def subject_of(what: Any, name: str | None = None, imports: str | None = None) -> Subject:
    """What is to be checked.

    Raises:
        ArgumentError: It is none of what can be checked.
    """
    if isinstance(what, SearchStrategy):
        return Subject(name or repr(what), what.map(copier), imports=imports)
    if isinstance(what, Schedule):
        return _always(copier(what), name or repr(what), imports, name)
    if not callable(what):
        law = "a schedule, a function (history, epoch) -> rate, or what makes one when it is called without arguments"
        raise broken_law("what is checked", law, what, "see lrsched.Schedule")
    called = name or getattr(what, "__name__", None) or repr(what)
    imports = imports or _import_of(what)
    if _takes(what, 2) and not isinstance(what, type):
        return _always(copier(what), called, imports, called)
    if not _takes(what, 0):
        law = "callable with (history, epoch), or without arguments"
        raise broken_law(f"what is checked, {called},", law, inspect.signature(what), "write a function that makes it")
    made = what()
    if isinstance(made, SearchStrategy):
        return Subject(called, made.map(copier), imports=imports)
    as_schedule(made)
    return _always(lambda: as_schedule(what()), called, imports, f"{called}()")


def _always(make: Callable[[], Schedule], name: str, imports: str | None, expression: str | None) -> Subject:
    return Subject(name, st.just(make), make, imports, expression)


def _takes(what: Callable[..., Any], number: int) -> bool:
    """Whether it can be called with so many arguments."""
    try:
        inspect.signature(what).bind(*range(number))
    except (TypeError, ValueError):
        return False
    return True


def _import_of(what: Any) -> str | None:
    """The line that imports a function or a class; None if it cannot be imported."""
    name, home = getattr(what, "__qualname__", ""), getattr(what, "__module__", "__main__")
    can_be = name.isidentifier() and getattr(sys.modules.get(home), name, None) is what and home != "__main__"
    return f"from {home} import {name}" if can_be else None


def chosen_laws(laws: Iterable[str | Law] | None, known: Mapping[str, Law]) -> tuple[Law, ...]:
    """Laws given by name, or themselves; None is all that are known.

    Raises:
        ArgumentError: None has that name.
    """
    if laws is None:
        return tuple(known.values())
    chosen = []
    for law in (laws,) if isinstance(laws, (str, Law)) else laws:
        if isinstance(law, str):
            if law not in known:
                way_out = did_you_mean(law, known) or f"there are {', '.join(known)}"
                raise broken_law("a law", "one that there is", law, way_out)
            chosen.append(known[law])
        elif isinstance(law, Law):
            chosen.append(law)
        else:
            raise broken_law("a law", "a name or a Law", law, f"there are {', '.join(known)}")
    return tuple(chosen)


def concerning(subject: Subject, laws: Sequence[Law], claims: Iterable[str] = ()) -> list[Law]:
    """Those of some laws that concern what is checked, as far as that is known before schedules are drawn."""
    claimed = _optional(claims, laws)
    return [law for law in laws if subject.make is None or _why_not(law, subject.make(), claimed, laws) is None]


def check_schedule(
    schedule: Checkable | Subject,
    laws: Iterable[str | Law] | None = None,
    *,
    claims: Iterable[str] = (),
    past: Past | SearchStrategy[History] = "any",
    keys: Sequence[str] = (),
    budget: Budget | int | str | None = None,
    seed: int = 0,
    on_fail: OnFail = "raise",
    progress: Progress | None = None,
) -> Report:
    """Try to break every law that a schedule has to keep, and those that it claims.

    Args:
        schedule: A schedule; a plain function ``(history, epoch) -> learning rate``; what makes one of these when it is
            called without arguments; or a Hypothesis strategy that draws them.
        laws: Which laws, by name or as `Law`; None: all of `LAWS`.
        claims: Optional laws that it claims, besides those of its attribute ``claims``.
        past: The histories to try: ``"realistic"`` ones, as trainings leave them; ``"hostile"`` ones, that nobody wants
            to see; ``"any"``: both; or a strategy that draws histories.
        keys: What errors are called in these besides the names in `ERROR_KEYS`.
        budget: How many examples, or for how long: 500, ``"20s"``; None: 300.
        seed: The same seed tries the same examples; an integer >= 0.
        on_fail: Whether a broken law is raised, or only reported.
        progress: Called with the number of examples that are tried, and of those that there are to be.

    Returns:
        What was checked, law by law.

    Raises:
        BrokenLawError: A law is broken: says how, with the smallest history that was found, and a test that fails.
        ArgumentError: It is nothing that can be checked, or there is no such law.

    Examples:
        >>> from lrsched import NewbobRelative
        >>> report = check_schedule(NewbobRelative(-0.01, default_learning_rate=0.1), budget=20)
        >>> [(each.law.name, each.verdict) for each in report.laws if each.law.claimed][:2]
        [('scale_invariant', 'holds'), ('shift_invariant', 'not claimed')]
    """
    subject = schedule if isinstance(schedule, Subject) else subject_of(schedule)
    chosen = chosen_laws(laws, LAWS)
    claimed = _optional(claims, chosen)

    def unconcerned(law: Law, case: _Case) -> Verdict | None:
        return _why_not(law, case[0](), claimed, chosen)

    def attempt(law: Law, case: _Case) -> bool:
        make, history = case
        try:
            return law.check(make(), _copied(history))
        except NoAnswerError:
            if law.check is answers:
                raise
            return False  # `answers` says so already

    trial = Trial(st.tuples(subject.makers, _pasts(past, keys)), unconcerned, attempt, _size)
    tried, examples = search(chosen, trial, Budget.of(budget), seed, progress)
    report = Report(subject.name, tuple(_checked(subject, each) for each in tried), examples, seed)
    if on_fail == "raise":
        report.raise_if_broken()
    return report


def _optional(claims: Iterable[str], laws: Iterable[Law]) -> frozenset[str]:
    """Claims, which are names of optional laws.

    Raises:
        ArgumentError: One is not.
    """
    known = {law.name: law for law in (*LAWS.values(), *laws) if law.claimed}
    return frozenset(law.name for law in chosen_laws(claims, known))


def _why_not(law: Law, schedule: Schedule, claims: Collection[str], laws: Iterable[Law]) -> Verdict | None:
    """Why a law does not concern a schedule; None if it does."""
    if law.claimed and law.name not in claims and law.name not in _optional(schedule.claims, laws):
        return "not claimed"
    if law.parameter is not None and parameter(schedule, law.parameter) is None:
        return "no parameter"
    return None


def _pasts(past: Past | SearchStrategy[History], keys: Sequence[str]) -> SearchStrategy[History]:
    if isinstance(past, SearchStrategy):
        return past
    if past not in _PASTS:
        raise broken_law("past", f"one of {', '.join(_PASTS)}, or a strategy", past, "'any' is both kinds")
    return _PASTS[past](max_size=_LONGEST_HISTORY, keys=[*keys, *ERROR_KEYS])


_Case = tuple[Callable[[], Schedule], History]


def _copied(history: History) -> History:
    """A history of its own: a law may find that what is asked changes it."""
    return History(
        {epoch: epoch_of_its_own(data.learning_rate, data.error, data.meta) for epoch, data in history.items()}
    )


def _size(case: _Case) -> tuple[int, int]:
    make, history = case
    return len(history), len(repr(history)) + len(repr(make()))


def _checked(subject: Subject, tried: Tried) -> Checked:
    violation = None
    if tried.broken is not None:
        make, history = tried.broken.case
        source = Source()
        expression = subject.expression or source.of(make())
        source.add(subject.imports)
        code = failing_test(tried.law.check, expression, history, source)
        violation = Violation(expression, history, str(tried.broken.error), code)
    return Checked(tried.law, tried.verdict, tried.examples, violation)


def schedule_tests(
    *schedules: Checkable, laws: Iterable[str | Law] | None = None, claims: Iterable[str] = (), **options: Any
) -> Callable[..., None]:
    """A test function for pytest: one test for each schedule and each law that concerns it.

    A test in which no example had anything to say about the law is skipped, not passed.

    Args:
        *schedules: What `check_schedule` takes.
        laws: See `check_schedule`.
        claims: See `check_schedule`.
        **options: ``past``, ``keys``, ``budget`` and ``seed`` of `check_schedule`; the budget is that of each test.

    Raises:
        MissingExtraError: pytest is not installed.
        ArgumentError: As `check_schedule` does.

    Examples:
        In a file of tests, this is all it takes:

        >>> from lrsched import Constant
        >>> test_my_schedules = schedule_tests(Constant(0.1), lambda history, epoch: 0.1 / epoch)
    """
    try:
        import pytest  # noqa: PLC0415  nothing else needs it
    except ModuleNotFoundError as error:
        raise missing_extra("pytest", "testing") from error
    claims = tuple(claims)
    cases = [
        pytest.param(subject, law, id=f"{subject.name}-{law.name}")
        for subject in map(subject_of, schedules)
        for law in concerning(subject, chosen_laws(laws, LAWS), claims)
    ]

    @pytest.mark.parametrize(("subject", "law"), cases)
    def test_schedule(subject: Subject, law: Law) -> None:
        (checked,) = check_schedule(subject, [law], claims=claims, **options).laws
        if checked.verdict != "holds":
            pytest.skip(f"{checked.verdict}: {law.says}")

    return test_schedule
