"""Arguments and options that several commands share, and how a command gets them.

Args:
    file: A learning-rate file, a JSON file, a database, or a URL such as sqlite:///runs.db?run=a.
    files: Learning-rate files, JSON files, databases, or URLs such as sqlite:///runs.db?run=a.
    as_json: Print JSON.
    changes_only: Show only epochs where a rate changes or differs.
    higher_is_better: Larger errors are better, as for an accuracy.
    mode: What each epoch is decided from: the recorded past, or (free) the schedule's own rates with the recorded
        errors, although other rates would have changed them.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext, redirect_stdout
from copy import copy
from functools import update_wrapper
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, get_args

import attrs
from typer import Argument, Option

from lrsched import errors
from lrsched.cli.output import Answer, Printing, busy, say
from lrsched.core.history import History
from lrsched.core.measure import Direction, ErrorMeasure, NonFinitePolicy
from lrsched.storage.opening import read

Where = Annotated[str, Argument(metavar="FILE")]
Files = Annotated[list[str], Argument(metavar="FILE")]
AsJson = Annotated[bool, Option("--json")]
ChangesOnly = Annotated[bool, Option("--changes-only")]
HigherIsBetter = Annotated[bool, Option("--higher-is-better")]


@attrs.frozen
class ScheduleOptions:
    """The options that say which schedule a command asks.

    Args:
        config: The configuration of a training run: Python, JSON, or lines 'key value'. lrsched compare takes several.
        set_: One setting, over those of CONFIG. Repeatable.
        exec_config: Run CONFIG if it is Python. Without it, it is only read, and nothing is run.
        schedule: A schedule in Python instead of CONFIG: a Schedule, a function (history, epoch) -> rate, or what makes
            one when it is called without arguments. Its code is run. lrsched compare and sweep take several.
        pretrain_epochs: The first P epochs have the fixed pretrain_learning_rate, or the initial one; epoch P+1 the
            initial one.
        override: Epochs whose recorded rate was set by hand and holds, like 1,4,7-9.
        non_finite: What a NaN or infinite error means: worse than anything, keep the rate, or as in the original
            RETURNN, where NaN counts as an improvement. Without it, verify tries worse and original.
    """

    config: Annotated[list[Path] | None, Option("--config", "-c", metavar="CONFIG")] = None
    set_: Annotated[list[str] | None, Option("--set", "-s", metavar="KEY=VALUE")] = None
    exec_config: Annotated[bool, Option("--exec-config")] = False
    schedule: Annotated[list[str] | None, Option("--schedule", metavar="FILE.py:NAME")] = None
    pretrain_epochs: Annotated[int, Option("--pretrain-epochs", metavar="P", min=0)] = 0
    override: Annotated[str, Option("--override", metavar="EPOCHS")] = ""
    non_finite: Annotated[NonFinitePolicy | None, Option("--non-finite", show_default="worse")] = None
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


def command(function: Callable[..., Answer | str | None]) -> Callable[..., None]:
    """What typer calls for a command: its arguments and options, and its answer printed, or the line that it gives.

    A parameter whose type is a class of attrs stands for all fields of that class: they are options, and the command
    gets one value. A command that gives an `Answer` has the options of `Printing` besides. What the code of a schedule
    prints meanwhile goes to the standard error, since an answer may be JSON. The help is in a docstring: of the
    command, of such a class, of the command's module, or of this one.
    """
    signature = inspect.signature(function)
    own = signature.parameters
    groups = {name: each.annotation for name, each in own.items() if attrs.has(each.annotation)}
    if signature.return_annotation is Answer:
        groups.setdefault("printing", Printing)
    about, helps = _docstring(function)
    parameters = [each for name, each in own.items() if name not in groups]
    for group in groups.values():
        parameters += inspect.signature(group).parameters.values()
    classes = [base for group in groups.values() for base in group.__mro__[:-1]]
    for owner in (*classes, sys.modules[function.__module__], sys.modules[__name__]):
        helps = _docstring(owner)[1] | helps

    def run(**values: Any) -> None:
        inputs = chain(
            *(each if isinstance(each, list) else [each] for name, each in values.items() if name != "output")
        )
        grouped = {
            name: group(**{field.name: values.pop(field.name) for field in attrs.fields(group)})
            for name, group in groups.items()
        }
        printing: Any = grouped.get("printing")
        if printing is not None:
            printing.prepare(inputs)
        with nullcontext() if signature.return_annotation is None else redirect_stdout(sys.stderr):
            answer = function(**values, **{name: group for name, group in grouped.items() if name in own})
        if isinstance(answer, str):
            say(answer)
        elif answer is not None:
            printing.publish(answer)

    update_wrapper(run, function)
    shown = [_with_help(each, helps.get(each.name)) for each in parameters]
    run.__doc__, run.__signature__ = about, signature.replace(parameters=shown)  # type: ignore[attr-defined]  # of a function
    run.__annotations__ = {each.name: each.annotation for each in shown}
    return run


def _docstring(owner: Any) -> tuple[str, dict[str, str]]:
    """What the docstring says of a function or class, and of each argument."""
    about, _, arguments = (inspect.getdoc(owner) or "").partition("\n\nArgs:\n")
    texts = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", arguments, re.MULTILINE)
    about = "\n\n".join(" ".join(paragraph.split()) for paragraph in about.split("\n\n"))
    return about, {name: " ".join(text.split()) for name, text in texts}


def _with_help(parameter: inspect.Parameter, text: str | None) -> inspect.Parameter:
    kind, option = get_args(parameter.annotation)
    option = copy(option)
    option.help, option.metavar = text, " " if kind is bool else option.metavar  # by default <bool>
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[kind, option])


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
