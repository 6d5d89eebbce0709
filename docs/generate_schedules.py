"""Write docs/reference/schedules.md from the table of kinds; a test holds that it is current.

Run it after a change to a schedule: ``python docs/generate_schedules.py``.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

import attrs

from lrsched.config.settings import keys_of
from lrsched.core.schedule import Schedule
from lrsched.schedules.kinds import KINDS

PAGE = Path(__file__).parent / "reference" / "schedules.md"


def page() -> str:
    """The whole page."""
    lines = [
        "# Schedules by name",
        "",
        "What `learning_rate_control` may be, and the settings that each schedule reads.",
    ]
    for kind in dict.fromkeys(KINDS.values()):
        lines += ["", *_section(kind)]
    return "\n".join(lines) + "\n"


def _section(kind: type[Schedule]) -> Iterator[str]:
    names = ", ".join(f"`{name}`" for name, each in KINDS.items() if each is kind)
    yield from (f"## {kind.__name__}", "", (inspect.getdoc(kind) or "").partition("\n\n")[0], "")
    yield from (f"Name: {names}. In Python: {{class}}`~lrsched.{kind.__name__}`.", "")
    yield from ("| parameter | setting | default in Python |", "| --- | --- | --- |")
    keys = keys_of(kind)
    for field in attrs.fields(kind):
        if field.init:
            settings = ", else ".join(f"`{key}`" for key in keys.get(field.name, ()))
            yield f"| `{field.name}` | {settings} | {_default(field.default)} |"


def _default(default: object) -> str:
    if default is attrs.NOTHING:
        return "required"
    return "that of another parameter" if isinstance(default, attrs.Factory) else f"`{default!r}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
