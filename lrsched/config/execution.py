"""Running a Python configuration, for those who ask for exactly that. The one place where a file's code is run."""

import traceback
from typing import Any

from lrsched.errors import FormatError

_NAME = "__returnn_config__"
"""What RETURNN calls a configuration's module."""


def run_config(text: str, filename: str) -> dict[str, Any]:
    """The names that a Python configuration defines, after it was run.

    It finds ``config`` where RETURNN is installed, as it does there.

    Args:
        text: The whole file.
        filename: Its ``__file__``, and named in errors.

    Raises:
        FormatError: It raised an exception; says which, and the line.
    """
    settings: dict[str, Any] = {}
    try:
        from returnn.config import Config  # noqa: PLC0415  only where it is installed

        config = Config()
        settings = config.typed_dict
        settings["config"] = config
    except ModuleNotFoundError:
        pass  # then it has to do without
    settings.update(__file__=filename, __name__=_NAME)
    try:
        exec(compile(text, filename, "exec", dont_inherit=True), settings)  # noqa: S102  what the user asked for
    except SyntaxError as error:
        raise FormatError(f"not Python: {error.msg}", filename=filename, line=error.lineno) from error
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == filename]
        line = lines[0] if lines else None
        raise FormatError(f"running it raised {type(error).__name__}: {error}", filename=filename, line=line) from error
    return {key: value for key, value in settings.items() if not key.startswith("__")}
