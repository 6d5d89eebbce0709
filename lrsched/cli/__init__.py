"""The command line: each command parses, asks the library, prints. It adds no behaviour of its own."""

import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from lrsched import __version__
from lrsched.cli.garbage import RARELY, collected
from lrsched.cli.loading import foreign_code
from lrsched.cli.options import command
from lrsched.cli.output import UNREADABLE, WRONG_USAGE, output_is_open, say_error, say_warning
from lrsched.errors import ArgumentError, LrschedError, MeasureWarning, MissingExtraError, SettingWarning

_NAMES: Final = (
    "show best follow replay verify explain compare sweep plot report convert runs repair check demo".split()  # noqa: SIM905
)
_HOMES: Final = {
    "best": "show",
    **dict.fromkeys(("replay", "verify", "explain", "compare"), "questions"),
    **dict.fromkeys(("plot", "report"), "pictures"),
    **dict.fromkeys(("convert", "runs", "repair"), "storage"),
}
"""The modules of commands that have none of their own. Each is imported when it is needed."""


def commands() -> dict[str, Callable[..., None]]:
    """What typer calls for each command, by its name."""
    return {name: _command(name) for name in _NAMES}


def _command(name: str) -> Callable[..., None]:
    return command(getattr(import_module(f"lrsched.cli.{_HOMES.get(name, name)}"), name))


class _Commands(TyperGroup):
    """The commands, each made when it is needed: ``lrsched show`` imports no NumPy."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return _NAMES

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name not in _NAMES:
            return None
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(_command(cmd_name))
        return typer.main.get_command(alone)


app = typer.Typer(
    name="lrsched",
    cls=_Commands,
    help="Look into, replay, verify, explain, draw and keep the learning rates of training runs.",
    epilog="Exit codes: 0 fine, 1 a check failed, 2 wrong usage, 3 unreadable data, 130 ended by Ctrl-C.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  typer calls it
    if wanted:
        typer.echo(f"lrsched {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # noqa: FBT002  typer's way
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def exit_code(error: LrschedError) -> int:
    """The exit code of an error: 2 where the user can mend it, 3 where the data or the machine is at fault."""
    return WRONG_USAGE if isinstance(error, (ArgumentError, MissingExtraError)) else UNREADABLE


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 fine, 1 a check failed, 2 wrong usage, 3 unreadable data or unwritable output.

    Args:
        arguments: Those after the program's name; None: the process's own.
    """
    with warnings.catch_warnings():
        for category in (SettingWarning, MeasureWarning):
            warnings.simplefilter("default", category)  # each once
        warnings.showwarning = say_warning
        try:
            with output_is_open(), collected(RARELY), foreign_code():
                app(arguments)
        except LrschedError as error:
            say_error(error)
            sys.exit(exit_code(error))
        except BrokenPipeError:  # who read the output has seen enough; typer exits like this, too
            sys.exit(1)
        except OSError as error:
            say_error(f"the output cannot be written: {error.strerror}")
            sys.exit(UNREADABLE)
