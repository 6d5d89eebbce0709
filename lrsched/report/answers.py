"""What schedules say of histories, as tables."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lrsched.report.text import Table, column, columns, is_numbers
from lrsched.simulation.replaying import ReplayedEpoch


def rules_of(steps: Iterable[ReplayedEpoch]) -> list[str]:
    """The names of the rules that changed the rate, or gave another one than the recorded."""
    return [*dict.fromkeys(filter(None, map(_rule, steps)))]


def _rule(step: ReplayedEpoch) -> str:
    """The name of the rule, where something happened that the action does not name already, as of a preset."""
    rule = step.decision.cause.rule
    return rule if step.is_news and rule != step.decision.action else ""


def replay_table(steps: Sequence[ReplayedEpoch], *, exact: bool) -> Table:
    """A replay: what a decision does in one word, and below it why, where the rate changes or differs."""
    several = len(rules_of(steps)) > 1
    rates = [step.recorded for step in steps], [step.learning_rate for step in steps]
    recorded, replayed = columns(rates, exact=exact)
    return Table(
        [
            (">epoch", [str(step.epoch) for step in steps]),
            (">recorded", recorded),
            (">replayed", replayed),
            ("", ["" if step.reproduced else "differs" for step in steps]),
            ("action", [str(step.decision.action) for step in steps]),
            ("rule", list(map(_rule, steps)) if several else [""]),
        ],
        [step.decision.why(exact=exact) if step.is_news else "" for step in steps],
    )


def compare_table(names: Sequence[str], steps: Sequence[Sequence[ReplayedEpoch]], *, exact: bool) -> Table:
    """Several replays side by side, the steps of an epoch together; a rate that is not the recorded one has a star."""
    rates = [(each[0].recorded, *(step.learning_rate for step in each)) for each in steps]
    recorded, *texts = columns([*zip(*rates, strict=True)] or [()] * (len(names) + 1), exact=exact)
    schedules = [
        (f">{name}", _marked(texts[place], [each[place].reproduced for each in steps]))
        for place, name in enumerate(names)
    ]
    apart = ["apart" if len(set(each[1:])) > 1 else "" for each in rates]
    return Table([(">epoch", [str(each[0].epoch) for each in steps]), (">recorded", recorded), *schedules, ("", apart)])


def _marked(texts: Sequence[str], reproduced: Sequence[bool]) -> Sequence[str]:
    if all(reproduced):
        return texts
    return [f"{text}{'  ' if same else ' *'}" for text, same in zip(texts, reproduced, strict=True)]


class Span(NamedTuple):
    """The lowest and the highest of several numbers; None if there is none."""

    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Span":
        """What several values span, without None and NaN."""
        known = [value for value in values if value is not None and not math.isnan(value)]
        return cls(min(known, default=None), max(known, default=None))


def sweep_table(rows: Sequence[dict[str, Any]], *, exact: bool) -> Table:
    """Settings by heading, a row each, all with the same headings."""
    values_of = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    return Table([(_heading(name, values), _cells(values, exact=exact)) for name, values in values_of.items()])


def _heading(name: str, values: Sequence[Any]) -> str:
    """The heading of a column, marked where its cells are numbers: a count of others, as in 3/7, is like one."""
    return f">{name}" if name == "agrees" or isinstance(values[0], Span) or is_numbers(values) else name


def _cells(values: Sequence[Any], *, exact: bool) -> list[str]:
    """The cells of a column.

    Examples:
        >>> _cells([Span.of([3, None]), Span.of([0.1, 0.25]), Span.of([float("nan"), None])], exact=True)
        ['3', '0.1 to 0.25', '']
    """
    if not all(isinstance(value, Span) for value in values):
        return column(values, exact=exact)
    ends = column([end for span in values for end in (span.low, span.high)], exact=exact)
    return [low if low == high else f"{low} to {high}" for low, high in zip(ends[::2], ends[1::2], strict=True)]
