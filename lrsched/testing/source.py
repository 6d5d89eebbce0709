"""Values as Python source, so that what breaks a law can be pasted into a test."""

import inspect
import math
import sys
from collections.abc import Callable, Mapping, Sequence, Set as AbstractSet
from typing import Any, final

import attrs

import lrsched
from lrsched.core.epoch_data import UNKNOWN, EpochData
from lrsched.core.history import History
from lrsched.core.schedule import Schedule
from lrsched.schedules.function import FunctionSchedule


@final
class Source:
    """Writes values as Python source, and notes what has to be imported for it.

    Examples:
        >>> source = Source()
        >>> print(source.of(History({2: EpochData(learning_rate=0.1, error={"dev_score": math.nan})})))
        History(
            {
                2: EpochData(learning_rate=0.1, error={"dev_score": math.nan}),
            }
        )
        >>> print(source.imports)
        import math
        <BLANKLINE>
        from lrsched import EpochData, History
    """

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}
        self._lines: set[str] = set()

    @property
    def imports(self) -> str:
        """The lines that import it."""
        lines = {
            *self._lines,
            *(f"from {home} import {', '.join(sorted(names))}" for home, names in self._names.items()),
        }
        blocks = (sorted(line for line in lines if line.startswith(start)) for start in ("import ", "from "))
        return "\n\n".join("\n".join(block) for block in blocks if block)

    def add(self, line: str | None) -> None:
        """One more line that imports something."""
        if line:
            self._lines.add(line)

    def named(self, value: Any) -> str:
        """The name of a class or a function, imported."""
        home = "lrsched" if getattr(lrsched, value.__name__, None) is value else value.__module__
        if home not in ("builtins", "__main__"):
            self._names.setdefault(home, set()).add(value.__name__)
        return str(value.__name__)

    def of(self, value: Any, indent: str = "") -> str:
        """A value as Python source.

        Args:
            value: A history, a sequence of histories, data of an epoch, a schedule, a function, or a literal.
            indent: What its further lines begin with.
        """
        inner = f"{indent}    "
        if isinstance(value, History):
            lines = [f"{inner}    {epoch}: {self.of(data)}," for epoch, data in value.items()]
            block = "\n".join(["", f"{inner}{{", *lines, f"{inner}}}", indent]) if lines else ""
            return f"{self.named(History)}({block})"
        if isinstance(value, FunctionSchedule):
            return self.of(value.function)
        if isinstance(value, (EpochData, Schedule)) and attrs.has(type(value)):
            return self._call(value)
        if isinstance(value, Sequence) and value and isinstance(value[0], History):
            return "\n".join(["[", *(f"{inner}{self.of(each, inner)}," for each in value), f"{indent}]"])
        if isinstance(value, float) and not math.isfinite(value):
            self.add("import math")
            return "math.nan" if math.isnan(value) else "math.inf" if value > 0 else "-math.inf"
        if isinstance(value, Mapping):
            return f"{{{', '.join(f'{self.of(key)}: {self.of(item)}' for key, item in value.items())}}}"
        if isinstance(value, tuple):
            return f"({', '.join(map(self.of, value))}{',' * (len(value) == 1)})"
        if isinstance(value, AbstractSet):
            return f"{{{', '.join(map(self.of, value))}}}" if value else "set()"
        if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
            return f"[{', '.join(map(self.of, value))}]"
        if callable(value) and getattr(value, "__name__", "").isidentifier() and getattr(value, "__module__", None):
            return self.named(value)
        written = repr(value)
        return f'"{written[1:-1]}"' if written[0] == "'" and '"' not in written else written

    def _call(self, value: Any) -> str:
        """The call of an attrs class that makes a value, without what is so by default."""
        fields: Any = attrs.fields(type(value))
        usual = vars(UNKNOWN) if isinstance(value, EpochData) else {field.name: field.default for field in fields}
        arguments = [
            f"{field.alias or field.name}={self.of(getattr(value, field.name))}"
            for field in fields
            if field.init and repr(getattr(value, field.name)) != repr(usual[field.name])
        ]
        return f"{self.named(type(value))}({', '.join(arguments)})"


def import_of(what: Any) -> str | None:
    """The line that imports a function or a class; None if it cannot be imported."""
    name, home = getattr(what, "__qualname__", ""), getattr(what, "__module__", "__main__")
    can_be = name.isidentifier() and getattr(sys.modules.get(home), name, None) is what and home != "__main__"
    return f"from {home} import {name}" if can_be else None


def failing_test(
    check: Callable[..., Any], subject: str, example: Any, source: Source, *, called: str = "past", fixture: str = ""
) -> str:
    """A test that fails, since a law is broken.

    Args:
        check: The law.
        subject: What breaks it, as ``source`` has written it.
        example: On what.
        source: Knows what has to be imported for the subject.
        called: What the example is called.
        fixture: A fixture of pytest that the subject needs.
    """
    home, _, module = check.__module__.rpartition(".")
    source.add(f"from {home} import {module}" if home else f"import {module}")
    lines = [
        f"def test_{check.__name__}({fixture}):",
        f"    {called} = {source.of(example, '    ')}",
        f"    assert {module}.{check.__name__}({subject}, {called})",
    ]
    return "\n".join([source.imports, "", "", *lines])


def name_of(what: Any) -> str:
    """What a function or a class is called; of another value its ``repr``."""
    return getattr(what, "__name__", None) or repr(what)


def takes(what: Any, number: int) -> bool:
    """Whether it can be called with so many arguments."""
    try:
        inspect.signature(what).bind(*range(number))
    except (TypeError, ValueError):
        return False
    return True
