"""The schedules that the options of a command describe."""

import inspect
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, final, get_args

import attrs
import click

from lrsched.cli.loading import load
from lrsched.cli.options import ScheduleOptions
from lrsched.cli.parameters import option
from lrsched.config.settings import parse_setting, pretrain_rates, report_unknown, schedule_from_config
from lrsched.core.history import History
from lrsched.core.measure import NonFinitePolicy
from lrsched.core.schedule import Schedule
from lrsched.errors import ArgumentError, broken_law
from lrsched.schedules.combine import Preset
from lrsched.schedules.function import as_schedule
from lrsched.simulation.comparing import TAKEN
from lrsched.simulation.replaying import Mode, keep_recorded
from lrsched.storage.config import read_config

PastMode = Annotated[Mode, option("--mode", type=click.Choice(get_args(Mode)))]
_CODE = ".py"


@final
@attrs.frozen
class Recipe:
    """How a schedule is made.

    Attributes:
        source: CONFIG or FILE.py:NAME, as it was given.
        options: What holds for all schedules of a command.
        settings: Settings by key; none of FILE.py:NAME.
        code: The schedule that FILE.py:NAME names; None of CONFIG.
    """

    source: str
    options: ScheduleOptions
    settings: dict[str, Any]
    code: Schedule | None = None

    def schedule(self, history: History, policy: NonFinitePolicy | None = None) -> Schedule:
        """The schedule for a history, where non-finite errors mean ``policy``; None: what the options say."""
        schedule = self.code
        if schedule is None:
            policy = policy or self.options.non_finite or "worse"
            schedule = schedule_from_config(self.settings, non_finite_error=policy, mode=self.options.direction)
            fixed = min(self.options.pretrain_epochs, max(history, default=0) + 1)  # and the one that comes next
            if fixed:  # a wrapper that does nothing costs a tenth of a long replay
                schedule = Preset(schedule, pretrain_rates(self.settings, fixed))
        if self.options.override:
            schedule = keep_recorded(schedule, history, epochs(self.options.override))
        return schedule


def recipe(options: ScheduleOptions) -> Recipe:
    """The one schedule that the options describe.

    Raises:
        ArgumentError: They describe none, or several.
    """
    found = recipes(options)
    if len(found) == 1:
        return found[0]
    if not found:
        raise ArgumentError("no schedule: pass --config CONFIG, --set KEY=VALUE or --schedule FILE.py:NAME")
    if len(options.config) + len(options.schedule) == 1:
        source = found[0].source.rpartition("[")[0]
        raise ArgumentError(f"{source} names {len(found)} schedules; name one, or use lrsched compare or sweep")
    raise ArgumentError("one schedule at a time: leave out all but one of --config and --schedule")


def recipes(options: ScheduleOptions) -> list[Recipe]:
    """The schedules that the options describe: first those of CONFIG, then those of FILE.py:NAME.

    Raises:
        ArgumentError: Some options contradict one another, or one of them does not say what it should.
        FormatError: A file is no configuration, or its code raised an exception.
        StorageError: The machine could not read a file.
    """
    if options.schedule and not options.config:
        for name in ("set_", "pretrain_epochs", "non_finite", "higher_is_better"):
            if getattr(options, name):
                flag = f"--{name.strip('_').replace('_', '-')}"
                raise ArgumentError(f"a --schedule says itself what {flag} says; leave out {flag}")
    own = dict(map(parse_setting, options.set_))
    report_unknown(own, others=True)  # `schedule_from_config` warns of the rest
    if own and not options.config:
        return [Recipe("--set", options, own)]
    made = [Recipe(str(path), options, read_config(path, execute=options.exec_config) | own) for path in options.config]
    return [*made, *chain.from_iterable(_of_code(each, options) for each in options.schedule)]


def recipe_of(source: str, options: ScheduleOptions) -> Recipe:
    """The schedule of CONFIG or FILE.py:NAME, without the settings of the options."""
    if source.endswith(".toml") or Path(source.rpartition(":")[0]).suffix == _CODE:
        return recipe(ScheduleOptions(schedule=(source,), override=options.override))
    return recipe(attrs.evolve(options, config=(Path(source),), schedule=(), set_=()))


def _of_code(target: str, options: ScheduleOptions) -> Iterator[Recipe]:
    file, _, name = target.rpartition(":")
    if Path(file).suffix != _CODE or not name:
        way_out = "as in my_schedules.py:halve; schedules in TOML and JSON are not read yet"
        raise broken_law("--schedule", "FILE.py:NAME, code that is run", target, way_out)
    named, *_ = load(target)
    try:
        inspect.signature(named).bind()
    except (TypeError, ValueError):
        made = named  # it takes arguments, or is nothing that can be called
    else:
        made = named()
    several = isinstance(made, Sequence) and not isinstance(made, (str, bytes))
    if several and not made:
        raise broken_law(f"--schedule {target}", "a schedule or a list of at least one", made, "see lrsched.Schedule")
    for number, each in enumerate(made if several else [made]):
        yield Recipe(f"{target}[{number}]" if several else target, options, {}, as_schedule(each))


def epochs(text: str) -> Iterator[int]:
    """Epochs as in ``1,4,7-9``.

    Raises:
        ArgumentError: It is something else.

    Examples:
        >>> [*epochs("1,7-9")]
        [1, 7, 8, 9]
    """
    for part in filter(None, text.split(",")):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not (last.isdecimal() and int(first) <= int(last))):
            raise ArgumentError(f"--override must be epochs like 1,4,7-9, got {text!r}; separate them by commas")
        yield from range(int(first), int(last or first) + 1)


def names_of(sources: Sequence[str]) -> list[str]:
    """Names for schedules: those of their files, with as many folders as it takes to tell them apart.

    Examples:
        >>> names_of(["a/config", "b/config"]), names_of(["runs/a.py:halve", "b.py"])
        (['a/config', 'b/config'], ['a.py:halve', 'b.py'])
        >>> names_of(["a", "a"])
        ['a (1)', 'a (2)']
    """
    paths = [Path(source) for source in sources]
    for length in range(1, max((len(path.parts) for path in paths), default=0) + 1):
        names = [str(Path(*path.parts[-length:])) for path in paths]
        if len({*names, *TAKEN}) == len(names) + len(TAKEN):
            return names
    return [f"{path} ({number})" for number, path in enumerate(paths, start=1)]
