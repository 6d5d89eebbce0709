"""Running a Python configuration, for those who ask for exactly that. The one place where a file's code is run."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lrsched.errors import FormatError

_NAME = "__returnn_config__"
"""What RETURNN calls a configuration's module."""


class _Config:
    """Stands in for RETURNN's config where RETURNN is not installed: it has the settings that the file set so far."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.typed_dict = settings
        self.dict: dict[str, list[str]] = {}

    def has(self, key: str) -> bool:
        return key in self.typed_dict

    def typed_value(self, key: str, default: Any = None, *_: Any, **__: Any) -> Any:
        return self.typed_dict.get(key, default)

    value = opt_typed_value = bool = int = float = list = is_true = typed_value

    def set(self, key: str, value: Any) -> None:
        self.typed_dict[key] = value

    def update(self, settings: Any) -> None:
        self.typed_dict.update(settings)


@contextmanager
def _config() -> Iterator[Any]:
    """The config for a file: RETURNN's, which it also gives from ``get_global_config``, or ours."""
    try:
        from returnn.config import Config, global_config_ctx  # noqa: PLC0415  only where it is installed
    except ModuleNotFoundError:
        yield _Config({})
        return
    config = Config()
    with global_config_ctx(config):
        yield config


def run_config(text: str, filename: str) -> dict[str, Any]:
    """The names that a Python configuration defines, after it was run.

    The file finds ``config``, as RETURNN gives it.

    Args:
        text: The whole file.
        filename: Its ``__file__``, and named in errors.

    Raises:
        FormatError: Running it raised an exception; says which, and the line.
    """
    with _config() as config:
        settings: dict[str, Any] = config.typed_dict
        settings.update(config=config, __file__=filename, __name__=_NAME)
        try:
            exec(compile(text, filename, "exec", dont_inherit=True), settings)  # noqa: S102  what the user asked for
        except SyntaxError as error:
            raise FormatError(f"not Python: {error.msg}", filename=filename, line=error.lineno) from error
        except (Exception, SystemExit) as error:
            lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == filename]
            message = f"running it raised {type(error).__name__}: {error}"
            raise FormatError(message, filename=filename, line=lines[0] if lines else None) from error
    return {key: value for key, value in settings.items() if not key.startswith("__")}
