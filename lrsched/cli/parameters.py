"""The commands as click has them: made of a function's signature and docstring."""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

_MOST_FOR_NAMES: Final = 30
"""In columns of the terminal: an option with longer names has its help in the lines below."""

LOCATION: Final = click.Path(readable=False)
"""The type of a file or a URL; a shell completes the names of files."""

PATH: Final = click.Path(readable=False, path_type=Path)
"""The type of a file."""

Made = Callable[[inspect.Parameter, str | None], click.Parameter]
"""Makes what click parses of a function's parameter and its help."""


def option(*names: str, **attributes: Any) -> Made:
    """An option of these names, with the attributes of `click.Option`; its default is the parameter's."""

    def made(parameter: inspect.Parameter, text: str | None) -> click.Parameter:
        default = None if "multiple" in attributes else parameter.default
        return click.Option([*names, parameter.name], default=default, help=text, **{"show_default": True} | attributes)

    return made


def argument(metavar: str, **attributes: Any) -> Made:
    """An argument, a file or the like, with the attributes of `click.Argument`."""

    def made(parameter: inspect.Parameter, text: str | None) -> click.Parameter:
        place = click.Argument([parameter.name], required=True, type=LOCATION, metavar=metavar, **attributes)
        place.help = text
        return place

    return made


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


def parsed(docstring: str) -> tuple[str, dict[str, str], str]:
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
        ('Show a history.', {'key': 'The error.'}, 'lrsched show learning_rates')
    """
    text, _, examples = inspect.cleandoc(docstring).partition("\n\nExamples:\n")
    about, _, arguments = text.partition("\n\nArgs:\n")
    helps = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", arguments, re.MULTILINE)
    whole_paragraphs = re.sub(r"(?<!\n)\n(?!\n)", " ", about)
    return whole_paragraphs, {name: " ".join(each.split()) for name, each in helps}, inspect.cleandoc(examples)
