"""Write docs/reference/cli.md from the commands themselves; a test holds that it is current.

Run it after a change to the command line: ``python docs/generate_cli.py``.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from lrsched.cli import GROUPS, commands, program

PAGE = Path(__file__).parent / "reference" / "cli.md"

COMPLETION = """\
## Completion

A shell completes commands, options and the names of files once its start-up file has this line:

| shell | file | line |
| --- | --- | --- |
| bash | `~/.bashrc` | `eval "$(_LRSCHED_COMPLETE=bash_source lrsched)"` |
| zsh | `~/.zshrc` | `eval "$(_LRSCHED_COMPLETE=zsh_source lrsched)"` |
| fish | `~/.config/fish/completions/lrsched.fish` | `_LRSCHED_COMPLETE=fish_source lrsched \\| source` |
"""


def page() -> str:
    """The whole page."""
    whole, made = program, commands()
    lines = ["# Command line", "", whole.help, "", *_table(whole), "", COMPLETION]
    for title, names in GROUPS.items():
        lines += [f"## {title}", ""]
        for name in names:
            lines += [f"### lrsched {name}", "", made[name].help, "", *_table(made[name]), ""]
            lines += ["```sh", made[name].epilog, "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(command: click.Command) -> Iterator[str]:
    context = click.Context(command)
    yield "| argument or option | meaning | default |"
    yield "| --- | --- | --- |"
    for each in command.params:
        names = ", ".join(f"`{name}`" for name in each.opts if isinstance(each, click.Option))
        choices = each.type.choices if isinstance(each.type, click.Choice) else ()
        value = " or ".join(f"`{choice}`" for choice in choices) or (each.metavar and f"`{each.metavar}`")
        extra = each.get_help_extra(context) if isinstance(each, click.Option) else {}
        default = f"`{extra['default'].strip('()')}`" if "default" in extra else ""
        yield f"| {' '.join(filter(None, (names, value)))} | {each.help} | {default} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
