"""``lrsched check``: whether a schedule is sound."""

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lrsched.cli.options import AsJson
from lrsched.cli.output import INTERRUPTED, progress_bar, say, say_error, say_json, say_note, say_table
from lrsched.core.history import History
from lrsched.formats.plain import Row, cell

if TYPE_CHECKING:
    from lrsched.testing import Checked, Report

BROKEN = 1

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="MODULE:NAME or FILE.py:NAME: a schedule, a function (history, epoch) -> rate, or what makes one when "
        "it is called without arguments. It is imported, so its code is run.",
    ),
]
Laws = Annotated[
    list[str] | None,
    typer.Option("--law", metavar="LAW", help="Only this law. Repeatable. By default all of them."),
]
Claims = Annotated[
    list[str] | None,
    typer.Option("--claim", metavar="LAW", help="An optional law that it claims, besides its own. Repeatable."),
]
Tries = Annotated[
    str, typer.Option("--budget", metavar="N", help="How much is tried: examples, as in 300, or seconds, as in 20s.")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed tries the same examples.")]
Past = Annotated[
    Literal["any", "realistic", "hostile"],
    typer.Option("--past", help="The histories to try: such as trainings leave, such as nobody wants to see, or both."),
]
Keys = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="NAME", help="What errors are called in these, besides dev_score. Repeatable."),
]


def check(
    target: Target,
    law: Laws = None,
    claim: Claims = None,
    past: Past = "any",
    key: Keys = None,
    budget: Tries = "300",
    seed: Seed = 0,
    as_json: AsJson = False,  # noqa: FBT002  typer's way
) -> None:
    """Check that a schedule is sound: try to break every law that schedules have to keep, and those that it claims.

    Exit 0 if none breaks, else 1 with the smallest history found for each that does, as a table and as a failing test
    in Python. It needs the extra testing.
    """
    from lrsched.testing import check_schedule, subject_of  # noqa: PLC0415  an extra, and it takes long to import
    from lrsched.testing.loading import loaded  # noqa: PLC0415  the same

    try:
        with (
            redirect_stdout(sys.stderr),  # what a module prints is no part of the answer, which may be JSON
            loaded(target) as (what, name, imports),
            progress_bar(target) as progress,
        ):
            report = check_schedule(
                subject_of(what, name, imports),
                law or None,
                claims=claim or (),
                past=past,
                keys=key or (),
                budget=budget,
                seed=seed,
                on_fail="report",
                progress=progress,
            )
    except KeyboardInterrupt:
        say_error("interrupted: what holds is not known before all is tried")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        say_json({"target": target, **report.data()})
    else:
        _say(target, report)
    if report.broken:
        raise typer.Exit(BROKEN)


def _say(target: str, report: "Report") -> None:
    broken = len(report.broken)
    told = f"{broken} of {len(report.laws)} laws broken" if broken else "no law is broken"
    rows = [(each.law.name, each.verdict, str(each.examples or ""), each.law.says) for each in report.laws]
    say_table(("law", "verdict", ">examples", "what it says"), rows, f"{target}: {told}")
    for each in report.broken:
        _say_broken(each)
    say_note(f"{report.examples} examples, of seed {report.seed}; {_untried(report)}")


def _untried(report: "Report") -> str:
    """What is not known, as the end of a sentence."""
    laws = {verdict: [each.law.name for each in report.laws if each.verdict == verdict] for verdict in _UNTRIED}
    told = [f"{verdict}, so not checked: {', '.join(names)}" for verdict, names in laws.items() if names]
    return "; ".join(told) or "every law was checked"


_UNTRIED = ("not claimed", "no parameter", "never tried")


def _say_broken(checked: "Checked") -> None:
    """The smallest example that breaks a law: as a table and as a test."""
    violation = checked.violation
    if violation is None:
        return
    say_note(f"{checked.law.name} is broken: {violation.told}")
    history: History = violation.example
    keys = sorted({key for data in history.values() for key in data.error})
    rows: list[Row] = [
        (str(epoch), *("" if each is None else cell(each) for each in (data.learning_rate, *map(data.error.get, keys))))
        for epoch, data in history.items()
    ]
    say_table((">epoch", ">learning rate", *(f">{key}" for key in keys)), rows, f"the history, for {violation.subject}")
    for line in violation.code.splitlines():
        say(line)
    say("")
