"""Completion: a shell asks ``lrsched`` for the commands and options that may come next."""

import os
from pathlib import Path
from typing import Final

from lrsched.errors import ArgumentError

_STARTUP: Final = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/completions/lrsched.fish"}
"""What each shell runs when it starts, in the home folder."""


def script() -> str:
    """What the current shell must run to complete the words of ``lrsched``."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(_shell())
    return found(None, {}, "lrsched", "_LRSCHED_COMPLETE").source() if found else ""  # type: ignore[arg-type]  # it prints only


def install() -> str:
    """Add the script to what the current shell runs when it starts; gives a line that says so."""
    path = Path.home() / _STARTUP[_shell()]
    text = script()
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if text not in before:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(before + text, encoding="utf-8")
    return f"completion is installed in {path}; a new terminal has it"


def _shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in _STARTUP:
        raise ArgumentError(f"the shell must be one of {', '.join(_STARTUP)}, got {name!r}; set SHELL to its path")
    return name
