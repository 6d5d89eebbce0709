"""The command line: each command parses, asks the library, prints. It adds no behaviour of its own."""

import sys
import warnings
from typing import Annotated

import typer

from lrsched import __version__
from lrsched.cli.best import best
from lrsched.cli.check import check
from lrsched.cli.compare import compare
from lrsched.cli.demo import demo
from lrsched.cli.explain import explain
from lrsched.cli.follow import follow
from lrsched.cli.output import output_is_open, rare_collections, say_error, say_warning
from lrsched.cli.pictures import plot, report
from lrsched.cli.replay import replay, verify
from lrsched.cli.show import show
from lrsched.cli.storage import convert, repair, runs
from lrsched.cli.sweep import sweep
from lrsched.errors import UNREADABLE, LrschedError, SettingWarning, exit_code

app = typer.Typer(
    name="lrsched",
    help="Look into, replay, verify, explain, draw and keep the learning rates of trainings.",
    epilog="Exit codes: 0 fine, 1 a check failed, 2 wrong usage, 3 unreadable data, 130 ended by Ctrl-C.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    show,
    best,
    follow,
    replay,
    verify,
    explain,
    compare,
    sweep,
    plot,
    report,
    convert,
    runs,
    repair,
    check,
    demo,
):
    app.command()(command)


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


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 fine, 1 a check failed, 2 wrong usage, 3 unreadable data or unwritable output.

    Args:
        arguments: Those after the program's name; None: the process's own.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("default", SettingWarning)  # each once
        warnings.showwarning = say_warning
        try:
            with output_is_open(), rare_collections():
                app(arguments)
        except LrschedError as error:
            say_error(error)
            sys.exit(exit_code(error))
        except BrokenPipeError:  # who read the output has seen enough; typer exits like this, too
            sys.exit(1)
        except OSError as error:
            say_error(f"the output cannot be written: {error.strerror}")
            sys.exit(UNREADABLE)
