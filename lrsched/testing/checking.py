"""`check_schedule`: all laws of schedules at once."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal, final

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from lrsched.core.epoch_data import UNKNOWN
from lrsched.core.history import History
from lrsched.core.schedule import Schedule, measures
from lrsched.errors import broken_law
from lrsched.schedules.function import Function, as_schedule
from lrsched.testing.laws import LAWS, Law, answers, copier, history_of_its_own, parameter, said
from lrsched.testing.reporting import OnFail, Report, Verdict, Violation, chosen_laws, law_tests
from lrsched.testing.search import Broken, Budget, Progress, Trial, search
from lrsched.testing.source import Source, failing_test, import_of, name_of, takes
from lrsched.testing.strategies import ERROR_KEYS, histories, hostile_histories, realistic_histories, simpler_histories

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
    called, imports = name or name_of(what), imports or import_of(what)
    if takes(what, 0) and not isinstance(what, Schedule):
        try:
            made = what()
        except Exception as error:
            law, way_out = "made when it is called without arguments", "write a function that makes it"
            raise broken_law(f"what is checked, {called},", law, said(error), way_out) from error
        if not isinstance(made, SearchStrategy):
            as_schedule(made)
            return _always(lambda: as_schedule(what()), called, imports, f"{called}()")
        what = made
    if isinstance(what, SearchStrategy):
        return Subject(called, what.map(copier), imports=imports)
    if isinstance(what, Schedule):
        return _always(copier(what), called, imports, name)
    if takes(what, 2) and not isinstance(what, type):
        return _always(copier(what), called, imports, called)
    law = "a schedule, a function (history, epoch) -> rate, or what makes one when it is called without arguments"
    way_out = "write a function that makes one, or draw its parameters with lrsched.testing.schedules"
    raise broken_law("what is checked", law, what, way_out)


def _always(make: Callable[[], Schedule], name: str, imports: str | None, expression: str | None) -> Subject:
    return Subject(name, st.just(make), make, imports, expression)


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
        past: The histories to try: ``"realistic"`` ones, as training runs leave them; ``"hostile"`` ones, that nobody
            wants to see; ``"any"``: both; or a strategy that draws histories.
        keys: What errors are called in these, besides the keys that the schedule looks at and the names in
            `ERROR_KEYS`.
        budget: How many examples, or for how long: 500, ``"20s"``; None: 300.
        seed: The same seed tries the same examples where the same modules are imported; an integer >= 0.
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
    always = None if subject.make is None else subject.make()

    def unconcerned(law: Law, case: _Case) -> Verdict | None:
        return _why_not(law, always or case[0](), claimed, chosen)

    def attempt(law: Law, case: _Case) -> bool:
        make, history = case
        try:
            return law.check(make(), history_of_its_own(history))
        finally:
            for shared in (UNKNOWN.error, UNKNOWN.meta):  # parts of many epochs, which only force can change
                dict.clear(shared)

    pasts = _pasts(past, [*keys, *_keys(always)], _numbers(always))
    cases, written = st.tuples(subject.makers, pasts), partial(_violation, subject)
    trial = Trial(subject.name, cases, attempt, _size, written, answers, unconcerned, _simpler)
    return search(trial, chosen, Budget.of(budget), seed, progress).raised_if(on_fail)


def _optional(claims: Iterable[str], laws: Iterable[Law]) -> frozenset[str]:
    """Claims, which are names of optional laws.

    Raises:
        ArgumentError: One is not.
    """
    known = {law.name: law for law in (*LAWS.values(), *laws) if law.claimed}
    return frozenset(law.name for law in chosen_laws(claims, known, "a claim", "an optional law"))


def _why_not(law: Law, schedule: Schedule, claims: Collection[str], laws: Iterable[Law]) -> Verdict | None:
    """Why a law does not concern a schedule; None if it does."""
    if law.claimed and law.name not in claims and law.name not in _optional(getattr(schedule, "claims", ()), laws):
        return "not claimed"
    if law.parameter is not None and parameter(schedule, law.parameter) in (None, ()):
        return "no parameter"
    return None


def _keys(schedule: Schedule | None) -> tuple[str, ...]:
    """The errors that a schedule looks at; none if it cannot say."""
    with suppress(Exception):  # whatever a foreign class raises
        return () if schedule is None else tuple(key for measure in measures(schedule) for key in measure.keys)
    return ()


def _numbers(value: Any) -> list[float]:
    """The parameters of a schedule that are floats, in it or in schedules inside it; of a function, its attributes."""
    if isinstance(value, float):
        return [value]
    kind: Any = type(value)
    if isinstance(value, Schedule) and attrs.has(kind):
        held = [getattr(value, field.name) for field in attrs.fields(kind)]
    else:
        held = [each for each in getattr(value, "__dict__", {}).values() if isinstance(each, float)]
    return list(dict.fromkeys(number for each in held for number in _numbers(each)))


def _pasts(
    past: Past | SearchStrategy[History], keys: Sequence[str], numbers: Sequence[float]
) -> SearchStrategy[History]:
    if isinstance(past, SearchStrategy):
        return past
    if past not in _PASTS:
        raise broken_law("past", f"one of {', '.join(_PASTS)}, or a strategy", past, "'any' is both kinds")
    names = list(dict.fromkeys([*keys, *ERROR_KEYS]))
    return _PASTS[past](max_size=_LONGEST_HISTORY, keys=names, numbers=numbers)


_Case = tuple[Callable[[], Schedule], History]


def _size(case: _Case) -> tuple[int, int]:
    make, history = case
    length = len(repr(history))
    with suppress(Exception):  # what a foreign __repr__ raises
        length += len(repr(make()))
    return len(history), length


def _simpler(case: _Case) -> Iterator[_Case]:
    make, history = case
    return ((make, each) for each in simpler_histories(history))


def _violation(subject: Subject, law: Law, broken: Broken) -> Violation:
    make, history = broken.case
    source = Source()
    expression = subject.expression or source.of(make())
    source.add(subject.imports)
    return Violation(expression, history, str(broken.error), failing_test(law.check, expression, history, source))


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

        >>> from lrsched import Constant, NewbobRelative
        >>> newbob = NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=0.5)
        >>> test_my_schedules = schedule_tests(Constant(0.1), newbob)
    """
    claims = tuple(claims)
    subjects = [*map(subject_of, schedules)]
    cases = [(each, law) for each in subjects for law in concerning(each, chosen_laws(laws, LAWS), claims)]
    return law_tests(cases, lambda subject, law: check_schedule(subject, [law], claims=claims, **options))
