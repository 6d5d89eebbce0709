"""The commands as click has them: made of a function's signature and docstring."""

import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin

import click

_MOST_FOR_NAMES: Final = 30
"""In columns of the terminal: an option with longer names has its help in the lines below."""


class Parameter(NamedTuple):
    """What the annotation of a function's parameter adds to its type, for the command line; see `option`.

    Attributes:
        names: As in ``--key`` and ``-k``; an argument, which has a place instead, has none.
        metavar: What stands for the value.
        min: The least number.
        max: The greatest number.
        show_default: What the help calls the default, if that is None.
    """

    names: tuple[str, ...]
    metavar: str | None
    min: float | None = None
    max: float | None = None
    show_default: str | None = None

    def made(self, parameter: inspect.Parameter, text: str | None) -> click.Parameter:
        """What click parses, with its help; a flag of a bool, any number of values of a tuple."""
        kind, _ = get_args(parameter.annotation)
        several = get_origin(kind) is tuple
        if get_origin(kind) not in (None, Literal):
            kind = get_args(kind)[0]  # of a tuple, or of X | None
        default = None if several else parameter.default
        made: click.Parameter
        if self.names:
            is_shown = default is not None and default is not False and default != ""
            made = click.Option(
                [*self.names, parameter.name],
                type=self._type(kind),
                metavar=self.metavar,
                is_flag=kind is bool,
                multiple=several,
                default=default,
                show_default=self.show_default or is_shown,
            )
        else:
            metavar = f"{self.metavar}{'...' * several}"
            made = click.Argument([parameter.name], True, type=self._type(kind), metavar=metavar, nargs=-several or 1)
        made.help = text
        return made

    def _type(self, kind: Any) -> Any:
        if get_origin(kind) is Literal:
            return click.Choice(get_args(kind))
        if self.min is not None:
            return (click.FloatRange if kind is float else click.IntRange)(self.min, self.max)  # type: ignore[arg-type]
        if kind is Path or not self.names:  # a shell completes the names of files
            return click.Path(readable=False, path_type=kind)
        return kind


def option(*names: str, metavar: str | None = None, **more: Any) -> Parameter:
    """An option, see `Parameter`."""
    return Parameter(names, metavar, **more)


def argument(metavar: str) -> Parameter:
    """An argument; a path or the like."""
    return Parameter((), metavar)


Section = tuple[str, Sequence[tuple[str, str]]]
"""A heading of a help, and what stands below it: names and texts."""


class Command(click.Command):
    """A command whose help has its arguments, too, and the lines of its epilog as examples."""

    def sections(self, ctx: click.Context) -> Iterator[Section]:
        """What the help has below the text."""
        arguments = [each for each in self.params if isinstance(each, click.Argument)]
        yield "Arguments", [(each.metavar or "", each.help or "") for each in arguments]
        options = [each.get_help_record(ctx) for each in self.get_params(ctx) if isinstance(each, click.Option)]
        yield "Options", [*filter(None, options)]
        yield "Examples", [(line, "") for line in (self.epilog or "").splitlines()]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        for title, rows in self.sections(ctx):
            if rows:
                with formatter.section(click.style(title, bold=True)):
                    formatter.write_dl(rows, min(_MOST_FOR_NAMES, formatter.width // 3))


def parsed(docstring: str) -> tuple[str, dict[str, str], list[str]]:
    """A docstring's text in whole paragraphs, the help of each parameter, and the lines of the examples.

    Examples:
        >>> parsed('''Show a
        ... history.
        ...
        ... Args:
        ...     key: The
        ...         error.
        ...
        ... Examples:
        ...     lrsched show learning_rates
        ... ''')
        ('Show a history.', {'key': 'The error.'}, ['lrsched show learning_rates'])
    """
    text, _, examples = inspect.cleandoc(docstring).partition("\n\nExamples:\n")
    about, _, arguments = text.partition("\n\nArgs:\n")
    helps = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", arguments, re.MULTILINE)
    return (
        "\n\n".join(map(_one_line, about.split("\n\n"))),
        {name: _one_line(each) for name, each in helps},
        [line.strip() for line in examples.splitlines()],
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
