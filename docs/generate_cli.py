"""Write docs/reference/cli.md from the commands themselves; a test holds that it is current.

Run it after a change to the command line: ``python docs/generate_cli.py``.
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from lrsched.cli import app, commands

PAGE = Path(__file__).parent / "reference" / "cli.md"


def page() -> str:
    """The whole page."""
    lines = ["# Command line", "", app.info.help, "", app.info.epilog, ""]
    for command in commands().values():
        lines += [f"## lrsched {command.__name__}", "", inspect.getdoc(command), "", *_parameters(command), ""]
    return "\n".join(lines).rstrip() + "\n"


def _parameters(command: Callable[..., Any]) -> Iterator[str]:
    yield "| argument or option | meaning | default |"
    yield "| --- | --- | --- |"
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        kind, about = get_args(parameter.annotation)
        choices = _choices(kind)
        declared = (about.default, *(about.param_decls or ()))  # in Annotated, typer has the first name as the default
        names = ", ".join(f"`{name}`" for name in declared if isinstance(name, str))
        metavar = (about.metavar or "").strip()
        value = " or ".join(f"`{choice}`" for choice in choices) or (metavar and f"`{metavar}`")
        default = about.show_default if isinstance(about.show_default, str) else parameter.default
        default = "" if default in (inspect.Parameter.empty, None, "") or default is False else f"`{default}`"
        yield f"| {' '.join(filter(None, (names, value)))} | {about.help} | {default} |"


def _choices(kind: Any) -> tuple[str, ...]:
    """The values of a Literal, also of an optional one."""
    literal = next((part for part in (kind, *get_args(kind)) if get_origin(part) is Literal), None)
    return get_args(literal) if literal else ()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
