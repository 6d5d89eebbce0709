"""``lrsched check``: whether a schedule is sound."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import click

from lrsched.cli.loading import load
from lrsched.cli.options import error_keys
from lrsched.cli.output import FAILED, INTERRUPTED, Answer, Part, progress_bar, say_error
from lrsched.cli.parameters import argument, option
from lrsched.core.history import History
from lrsched.report.text import table

if TYPE_CHECKING:
    from lrsched.testing import Checked, Report
    from lrsched.testing.checking import Past

_Names = tuple[str, ...]


def check(
    target: Annotated[str, argument("TARGET")],
    law: Annotated[_Names, option("--law", metavar="LAW", multiple=True)] = (),
    claim: Annotated[_Names, option("--claim", metavar="LAW", multiple=True)] = (),
    past: Annotated["Past", option("--past", type=click.Choice(["any", "realistic", "hostile"]))] = "any",
    key: Annotated[_Names, option("--key", metavar="NAME", multiple=True)] = (),
    budget: Annotated[str, option("--budget", metavar="N")] = "300",
    seed: Annotated[int, option("--seed", metavar="N", type=click.IntRange(0))] = 0,
) -> Answer:
    """Check that a schedule is sound: try to break every law that schedules must keep, and those that it claims.

    The exit code is 0 if no law breaks. Otherwise it is 1, and each broken law is shown with the smallest history
    that breaks it, as a table and as a failing test in Python. The command needs an extra: pip install '.[testing]'
    in a checkout of lrsched.

    Args:
        target: MODULE:NAME or FILE.py:NAME: a schedule, a function (history, epoch) -> rate, or a function without
            arguments that makes one of them. The module is imported, so its code is run.
        law: Check only this law. Repeatable. By default, every law.
        claim: An optional law that the schedule claims, besides its own. Repeatable.
        past: The histories to try: such as training runs leave (realistic), those with gaps, NaN and the like
            (hostile), or both (any).
        key: The name of an error in these histories, besides dev_score. Repeatable.
        budget: How much to try: examples, as in 300, or seconds, as in 20s.
        seed: The same seed tries the same examples.

    Examples:
        lrsched check my_schedules.py:halve
        lrsched check my_schedules.py:halve --law resumes --budget 20s
    """
    from lrsched.testing import check_schedule, subject_of  # an extra, and it takes long to import

    try:
        subject = load(target)
        with progress_bar(target) as progress:
            report = check_schedule(
                subject_of(*subject),
                law or None,
                claims=claim,
                past=past,
                keys=key,
                budget=budget,
                seed=seed,
                on_fail="report",
                progress=progress,
            )
    except KeyboardInterrupt:
        say_error("interrupted: what holds is not known before all is tried")
        raise click.exceptions.Exit(INTERRUPTED) from None
    broken = len(report.broken)
    title = f"{target}: {f'{broken} of {len(report.laws)} laws broken' if broken else 'no law is broken'}"
    rows = [(each.law.name, each.verdict, each.examples or None, each.law.says) for each in report.laws]
    columns = [*zip(*rows, strict=True)]
    laws = table(("law", "verdict", ">examples", "what it says"), columns, exact=True)
    return Answer(
        lambda exact: [title, laws, *(part for each in report.broken for part in _broken(each, exact=exact))],
        lambda: {"target": target, **report.data()},
        lambda: dict(zip(("law", "verdict", "examples", "says"), columns, strict=True)),
        notes=[f"{report.examples} examples, of seed {report.seed}; {_untried(report)}"],
        code=FAILED if broken else 0,
    )


def _untried(report: "Report") -> str:
    """What is not known, as the end of a sentence."""
    laws = {verdict: [each.law.name for each in report.laws if each.verdict == verdict] for verdict in _UNTRIED}
    untried = [f"{verdict}, so not checked: {', '.join(names)}" for verdict, names in laws.items() if names]
    return "; ".join(untried) or "every law was checked"


_UNTRIED = ("not claimed", "no parameter", "never tried")


def _broken(checked: "Checked", *, exact: bool) -> Iterator[Part]:
    """The smallest example that breaks a law: as a table and as a test."""
    violation: Any = checked.violation  # there is one where a law is broken
    yield f"{checked.law.name} is broken: {violation.told}"
    yield f"the history, for {violation.subject}"
    history: History = violation.example
    keys = sorted(error_keys(history))
    values = [[*history], [data.learning_rate for data in history.values()]]
    values += [[data.error.get(key) for data in history.values()] for key in keys]
    yield table([">epoch", ">learning rate", *(f">{key}" for key in keys)], values, exact=exact)
    yield [*violation.code.splitlines(), ""]
