"""Arguments and options that several commands share, and how a command gets them.

Args:
    file: A learning-rate file, a JSON file, a database, or a URL such as sqlite:///runs.db?run=a.
    files: Learning-rate files, JSON files, databases, or URLs such as sqlite:///runs.db?run=a.
    as_json: Print JSON.
    changes_only: Show only epochs where a rate changes or differs.
    higher_is_better: Larger errors are better, as for an accuracy.
    mode: Decide each epoch from the recorded past (recorded), or from the schedule's own rates with the recorded errors
        (free), although other rates would have changed these.
"""

import inspect
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Annotated, Any, get_args

import attrs
import click

from lrsched import errors
from lrsched.cli.output import Answer, Printing, busy, say, target
from lrsched.cli.parameters import PATH, Command, argument, option, parsed
from lrsched.core.history import History
from lrsched.core.measure import Direction, ErrorMeasure, NonFinitePolicy
from lrsched.storage.opening import read

Where = Annotated[str, argument("FILE")]
Files = Annotated[tuple[str, ...], argument("FILE...", nargs=-1)]
AsJson = Annotated[bool, option("--json", is_flag=True)]
ChangesOnly = Annotated[bool, option("--changes-only", is_flag=True)]
Most = Annotated[int, option("--most", metavar="N", type=click.IntRange(1))]
HigherIsBetter = Annotated[bool, option("--higher-is-better", is_flag=True)]


@attrs.frozen
class ScheduleOptions:
    """The options that say which schedule a command asks.

    Args:
        config: The configuration of a training run: Python, JSON, or lines 'key value'. lrsched compare takes several.
        set_: A setting; it replaces the same one in CONFIG. Repeatable.
        exec_config: Run CONFIG if it is Python. Without it, it is only read, and nothing is run.
        schedule: A schedule in Python instead of CONFIG: a Schedule, a function (history, epoch) -> rate, or a function
            without arguments that makes one of them. Its code is run. lrsched compare and sweep take several.
        pretrain_epochs: The first P epochs have the rates of the setting pretrain_learning_rate, or the initial rate
            without that setting. Epoch P+1 has the initial rate.
        override: Epochs whose recorded rate was set by hand and holds, as in 1,4,7-9.
        non_finite: A NaN or infinite error is worse than any other (worse), keeps the rate (keep), or means what it
            means in the original RETURNN, where NaN counts as an improvement (original). By default, verify tries
            worse, then original.
    """

    config: Annotated[tuple[Path, ...], option("--config", "-c", metavar="CONFIG", type=PATH, multiple=True)] = ()
    set_: Annotated[tuple[str, ...], option("--set", "-s", metavar="KEY=VALUE", multiple=True)] = ()
    exec_config: Annotated[bool, option("--exec-config", is_flag=True)] = False
    schedule: Annotated[tuple[str, ...], option("--schedule", metavar="FILE.py:NAME", multiple=True)] = ()
    pretrain_epochs: Annotated[int, option("--pretrain-epochs", metavar="P", type=click.IntRange(0))] = 0
    override: Annotated[str | None, option("--override", metavar="EPOCHS")] = None
    non_finite: Annotated[
        NonFinitePolicy | None,
        option("--non-finite", type=click.Choice(get_args(NonFinitePolicy)), show_default="worse"),
    ] = None
    higher_is_better: HigherIsBetter = False

    @property
    def any(self) -> bool:
        """Whether there is a schedule at all."""
        return bool(self.config or self.set_ or self.schedule)

    @property
    def direction(self) -> Direction:
        """Which errors are better."""
        return "max" if self.higher_is_better else "min"

    @property
    def measure(self) -> ErrorMeasure:
        """Which error counts where there is no schedule, or where it says nothing."""
        return ErrorMeasure(mode=self.direction)


def command(function: Callable[..., Answer | str | None]) -> Command:
    """A command: its arguments and options, and its answer printed, or the line that it gives.

    A parameter whose type is a class of attrs stands for all fields of that class: they are options, and the function
    gets one value. A function that gives an `Answer` has the options of `Printing` besides. What the code of a schedule
    prints meanwhile goes to the standard error, since an answer may be JSON. The help is in a docstring: of the
    function, of such a class, of the function's module, or of this one.
    """
    signature = inspect.signature(function)
    own = signature.parameters
    groups = {name: each.annotation for name, each in own.items() if attrs.has(each.annotation)}
    if signature.return_annotation is Answer:
        groups.setdefault("printing", Printing)
    parameters = [each for name, each in own.items() if name not in groups]
    for group in groups.values():
        parameters += inspect.signature(group).parameters.values()
    classes = [base for group in groups.values() for base in group.__mro__[:-1]]
    owners = (function, *classes, sys.modules[function.__module__], sys.modules[__name__])
    (about, _, examples), *_ = docstrings = [parsed(owner.__doc__ or "") for owner in owners]
    helps = {name: text for _, texts, _ in reversed(docstrings) for name, text in texts.items()}

    def run(**values: Any) -> int | None:
        sources = [values[name] for name in {*values} - {"output"}]
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in attrs.fields(group)})
        printing: Any = values.get("printing")
        if printing is not None and printing.output is not None:
            target(printing.output, printing.endings, sources)
        with nullcontext() if signature.return_annotation is None else redirect_stdout(sys.stderr):
            answer = function(**{name: values[name] for name in own})
        if isinstance(answer, str):
            say(answer)
        return printing.publish(answer) if isinstance(answer, Answer) else None

    return Command(
        function.__name__,
        callback=run,
        params=[get_args(each.annotation)[1](each, helps.get(each.name)) for each in parameters],
        help=about,
        epilog=examples,
    )


def read_history(where: str) -> History:
    """The history in a file or a database, see `read`; a terminal shows meanwhile what takes so long."""
    with busy(f"reading {where}"):
        return read(where)


def error_keys(history: History) -> set[str]:
    """The names of all errors in a history."""
    return {key for data in history.values() for key in data.error}


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """What there is instead of ``name``, as the end of a sentence; nothing where there is nothing.

    Examples:
        >>> did_you_mean("dev_scor", ["train_score", "dev_score"]), did_you_mean("x", ["b", "a"]), did_you_mean("x", [])
        ("; did you mean 'dev_score'?", "; there are 'a', 'b'", '')
    """
    asked = errors.did_you_mean(name, names := sorted(names))
    if asked:
        return f"; {asked}"
    return f"; there are {', '.join([*map(repr, names[:10]), *('...' for _ in names[10:11])])}" if names else ""
