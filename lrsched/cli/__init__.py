"""The command line: each command parses, asks the library, prints. It adds no behaviour of its own."""

import gc
import shutil
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Final

import click

from lrsched import __version__
from lrsched.cli.loading import foreign_code
from lrsched.cli.options import command
from lrsched.cli.output import INTERRUPTED, UNREADABLE, WRONG_USAGE, output_is_open, say_error, say_warning
from lrsched.cli.parameters import Command, Section
from lrsched.errors import ArgumentError, LrschedError, MeasureWarning, MissingExtraError, SettingWarning

GROUPS: Final = {
    "Read a history": {"show": "show", "best": "show", "follow": "follow"},
    "Ask a schedule": dict.fromkeys(("replay", "verify", "explain", "compare"), "questions"),
    "Try": {"sweep": "sweep", "demo": "demo"},
    "Draw": {"plot": "pictures", "report": "pictures"},
    "Keep a history": dict.fromkeys(("convert", "runs", "repair"), "storage"),
    "Check a schedule": {"check": "check"},
}
"""The commands under the headings of the help, each with the module that it is in."""

_NEW_OBJECTS: Final = 5_000_000
"""After how many the garbage collector runs: at the cost of less than a second and of less than 1 GB.

A history of 100,000 epochs and what is said of it are a million objects that live until the command ends, and none of
them refers back. By default the collector looks at the new ones after every 700, and at all of them whenever a quarter
is new: two thirds of the time.
"""

_MODULES: Final = {name: module for group in GROUPS.values() for name, module in group.items()}


def commands() -> dict[str, Command]:
    """All commands, by their names."""
    return {name: _command(name) for name in _MODULES}


def _command(name: str) -> Command:
    return command(getattr(import_module(f"lrsched.cli.{_MODULES[name]}"), name))


def _summary(name: str) -> str:
    """The first line of a command's help, from the source of its module: to import all takes three times as long."""
    import ast
    import pkgutil

    tree = ast.parse(pkgutil.get_data(__name__, f"{_MODULES[name]}.py") or b"")
    (function,) = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == name]
    return (ast.get_docstring(function) or "").partition("\n")[0]


class _Program(Command, click.Group):
    """The commands, each imported when it is needed: ``lrsched show`` imports no NumPy."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click calls it
        return [*_MODULES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> Command | None:  # noqa: ARG002  click calls it
        return _command(cmd_name) if cmd_name in _MODULES else None

    def sections(self, ctx: click.Context) -> Iterator[Section]:
        widest = max(map(len, _MODULES))
        for title, names in GROUPS.items():
            yield title, [(name.ljust(widest), _summary(name)) for name in names]
        yield from super().sections(ctx)


@click.group(
    cls=_Program,
    help="Read, replay, verify, explain, draw and keep the learning rates of training runs.\n\n"
    "Exit codes: 0 fine, 1 a check failed, 2 wrong usage, 3 unreadable data, 130 ended by Ctrl-C.",
    epilog="lrsched demo\nlrsched show learning_rates\nlrsched show --help",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="lrsched %(version)s", help="Print the version and exit.")
def program() -> None:
    """The whole command line."""


def exit_code(error: LrschedError) -> int:
    """The exit code of an error: 2 where the user can mend it, 3 where the data or the machine is at fault."""
    return WRONG_USAGE if isinstance(error, (ArgumentError, MissingExtraError)) else UNREADABLE


def main(arguments: list[str] | None = None, name: str = "lrsched") -> None:
    """Run the command line and exit: 0 fine, 1 a check failed, 2 wrong usage, 3 unreadable data or unwritable output.

    Args:
        arguments: Those after the program's name; None: the process's own.
        name: What the help calls the program.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS, *thresholds[1:])
    with warnings.catch_warnings():
        for category in (SettingWarning, MeasureWarning):
            warnings.simplefilter("default", category)  # each once
        warnings.showwarning = say_warning
        try:
            with output_is_open(), foreign_code():
                columns = shutil.get_terminal_size().columns
                code = program.main(arguments, name, standalone_mode=False, terminal_width=columns)
        except LrschedError as error:
            say_error(error)
            code = exit_code(error)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = WRONG_USAGE
        except click.UsageError as error:
            command_path = error.ctx.command_path if error.ctx else name
            say_error(f"{error.format_message().rstrip('.')}; see {command_path} --help")
            code = WRONG_USAGE
        except click.Abort:
            say_error("interrupted")
            code = INTERRUPTED
        except BrokenPipeError:  # who read the output has seen enough
            code = 1
        except OSError as error:
            say_error(f"the output cannot be written: {error.strerror}")
            code = UNREADABLE
        finally:
            gc.set_threshold(*thresholds)
        sys.exit(code)
