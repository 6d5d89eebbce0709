"""What there is to say when laws were checked, and how pytest is told."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, final

import attrs

from lrsched.errors import broken_law, did_you_mean, missing_extra
from lrsched.simulation.results import Result
from lrsched.testing.laws import BrokenLawError, Law

OnFail = Literal["raise", "report"]
"""Whether a broken law is raised, or only reported."""


Verdict = Literal["holds", "broken", "not claimed", "no parameter", "never tried"]
"""What is said of a law.

It holds on all examples, or is broken by one; it was not checked, since what is checked does not claim it or has no
such parameter; or no example had anything to say about it.
"""


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
        texts = [
            f"{each.violation.subject} breaks the law {each.law.name} ({each.law.says}): {each.violation.told}\n\n"
            f"{each.violation.code}"
            for each in self.broken
            if each.violation is not None
        ]
        if texts:
            raise BrokenLawError("\n\n".join(texts))

    def raised_if(self, on_fail: OnFail) -> "Report":
        """Itself, unless what is broken is to be raised.

        Raises:
            BrokenLawError: See `raise_if_broken`.
        """
        if on_fail == "raise":
            self.raise_if_broken()
        return self

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
        table = self.to_dict() | {"violation": [each.violation for each in self.laws]}
        rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
        about = {"subject": self.subject, "sound": not self.broken, "examples": self.examples, "seed": self.seed}
        return {**about, "laws": rows}


def chosen_laws(
    laws: Iterable[str | Law] | None, known: Mapping[str, Law], called: str = "a law", what: str = "one that there is"
) -> tuple[Law, ...]:
    """Laws given by name, or themselves; None is all that are known. What each is called, and must be, is for errors.

    Raises:
        ArgumentError: None has that name.
    """
    if laws is None:
        return tuple(known.values())
    chosen = (laws,) if isinstance(laws, (str, Law)) else tuple(laws)
    for law in chosen:
        if not isinstance(law, Law) and law not in known:
            raise broken_law(called, what, law, did_you_mean(str(law), known) or f"there are {', '.join(known)}")
    return tuple(law if isinstance(law, Law) else known[law] for law in chosen)


def law_tests(cases: Iterable[tuple[Any, Law]], check: Callable[[Any, Law], Report]) -> Callable[[Any, Law], None]:
    """A test function for pytest: one test for each pair of what is checked and a law.

    A test in which no example had anything to say about the law is skipped, not passed.

    Args:
        cases: The pairs.
        check: Checks one; raises what is broken.

    Raises:
        MissingExtraError: pytest is not installed.
    """
    try:
        import pytest  # noqa: PLC0415  nothing else needs it
    except ModuleNotFoundError as error:
        raise missing_extra("pytest", "testing") from error
    named = [pytest.param(subject, law, id=f"{subject.name}-{law.name}") for subject, law in cases]

    @pytest.mark.parametrize(("subject", "law"), named)
    def test_law(subject: Any, law: Law) -> None:
        (each,) = check(subject, law).laws
        if each.verdict != "holds":
            pytest.skip(f"{each.verdict}: {law.says}")

    return test_law  # type: ignore[no-any-return]  # pytest marks it
