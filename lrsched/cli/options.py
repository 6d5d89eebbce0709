"""Arguments and options that several commands share, and what they mean together."""

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, final

import attrs
import typer

from lrsched.cli.output import busy
from lrsched.config.settings import parse_setting, pretrain_rates, schedule_from_config
from lrsched.core.history import History
from lrsched.core.measure import NonFinitePolicy
from lrsched.core.schedule import Schedule
from lrsched.errors import ArgumentError, broken_law, did_you_mean
from lrsched.schedules.combine import Preset
from lrsched.simulation.comparing import TAKEN
from lrsched.simulation.replaying import Mode, keep_recorded
from lrsched.storage.config import read_config
from lrsched.storage.opening import read

NOT_THERE = 1

Where = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A learning-rate file, a JSON file, a database, or a URL such as sqlite:///runs.db?run=a.",
    ),
]
Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE", help="Learning-rate files, JSON files, databases, or URLs such as sqlite:///runs.db?run=a."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="CONFIG", help="The training's configuration: Python, JSON, or lines 'key value'."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="One setting, over those of CONFIG. Repeatable."),
]
ExecConfig = Annotated[
    bool,
    typer.Option("--exec-config", help="Run CONFIG if it is Python. Without it, it is only read, and nothing is run."),
]
PastMode = Annotated[
    Mode,
    typer.Option(
        "--mode",
        help="What each epoch is decided from: the recorded past, or (free) the schedule's own rates with the recorded "
        "errors, although other rates would have changed them.",
    ),
]
PretrainEpochs = Annotated[
    int,
    typer.Option(
        "--pretrain-epochs",
        metavar="P",
        min=0,
        help="The first P epochs have the fixed pretrain_learning_rate, or the initial one; epoch P+1 the initial one.",
    ),
]
Override = Annotated[
    str,
    typer.Option("--override", metavar="EPOCHS", help="Epochs whose recorded rate is taken as given, like 1,4,7-9."),
]
NonFinite = Annotated[
    NonFinitePolicy | None,
    typer.Option(
        "--non-finite",
        help="What a NaN or infinite error means: worse than anything, keep the rate, or as in the original RETURNN, "
        "where NaN counts as an improvement. By default worse; verify tries original too.",
    ),
]
ChangesOnly = Annotated[bool, typer.Option("--changes-only", help="Show only epochs where a rate changes or differs.")]


def target(output: Path | None, endings: Sequence[str], inputs: Iterable[str | Path | None]) -> tuple[Path, str]:
    """The file to write, and its ending in lower case.

    Args:
        output: The file.
        endings: Those that there are, as in ``.csv``.
        inputs: What was read: it is not written to.

    Raises:
        ArgumentError: It is not said where to write, the name ends in something else, or it is one of the inputs.
    """
    known = " or ".join(endings)
    if output is None:
        raise ArgumentError(f"where to write is not known; give -o OUT, a file whose name ends in {known}")
    if output.suffix.lower() not in endings:
        raise ArgumentError(f"the name of the output must end in {known}, got {str(output)!r}")
    names = [name for path in filter(None, inputs) for name in (str(path), str(path).partition(":")[2])]  # as json:FILE
    if any(name and _is_same(output, name) for name in names):
        raise broken_law("OUT", "another file than those that are read", str(output), "it would be lost")
    return output, output.suffix.lower()


def _is_same(one: Path, other: str) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


def read_history(where: str) -> History:
    """The history in a file or a database, see `read`; a terminal shows meanwhile what takes so long."""
    with busy(f"reading {where}"):
        return read(where)


def settings(config: Path | None, overrides: list[str] | None, *, execute: bool) -> dict[str, Any]:
    """The settings of a configuration file, and over them those given one by one.

    Args:
        config: The file.
        overrides: Texts KEY=VALUE.
        execute: Run the file if it is Python.

    Raises:
        ArgumentError: There are neither, or one of the latter is no KEY=VALUE.
        FormatError: The file is no configuration.
        StorageError: The machine could not read it.
    """
    if config is None and not overrides:
        raise ArgumentError("the schedule is not known; give --config CONFIG, or --set KEY=VALUE")
    given = {} if config is None else read_config(config, execute=execute)
    return given | dict(map(parse_setting, overrides or []))


def epochs(text: str) -> list[range]:
    """Epochs given as ``1,4,7-9``, as ranges.

    Raises:
        ArgumentError: It is something else.

    Examples:
        >>> epochs("1,7-9")
        [range(1, 2), range(7, 10)]
    """
    ranges = []
    for part in filter(None, text.split(",")):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not (last.isdecimal() and int(first) <= int(last))):
            raise ArgumentError(f"--override must be epochs like 1,4,7-9, got {text!r}; separate them by commas")
        ranges.append(range(int(first), int(last or first) + 1))
    return ranges


@final
@attrs.frozen
class Given:
    """What the options say of the schedule.

    Attributes:
        config: Settings by key.
        pretrain: The rates that a pretraining fixes, by epoch.
        history: The recorded epochs.
        overrides: The epochs whose recorded rate is taken as given.
    """

    config: dict[str, Any]
    pretrain: dict[int, float]
    history: History
    overrides: list[range]

    def schedule(self, policy: NonFinitePolicy) -> Schedule:
        """The schedule, where non-finite errors mean ``policy``."""
        schedule = schedule_from_config(self.config, non_finite_error=policy)
        if self.pretrain:  # a wrapper that does nothing costs a tenth of a long replay
            schedule = Preset(schedule, self.pretrain)
        if self.overrides:
            schedule = keep_recorded(schedule, self.history, chain.from_iterable(self.overrides))
        return schedule


def given_by(history: History, config: dict[str, Any], pretrain_epochs: int, kept: str) -> Given:
    """What the options ``--pretrain-epochs`` and ``--override`` add to the settings."""
    pretrain = pretrain_rates(config, min(pretrain_epochs, max(history, default=0) + 1))  # and the one that comes next
    return Given(config, pretrain, history, epochs(kept))


def names_of(paths: Sequence[Path]) -> list[str]:
    """Names for configurations: those of the files, with as many folders as it takes to tell them apart.

    Examples:
        >>> names_of([Path("a/config"), Path("b/config")]), names_of([Path("runs/a.py"), Path("b.py")])
        (['a/config', 'b/config'], ['a.py', 'b.py'])
        >>> names_of([Path("a"), Path("a")])
        ['a (1)', 'a (2)']
    """
    for length in range(1, max((len(path.parts) for path in paths), default=0) + 1):
        names = [str(Path(*path.parts[-length:])) for path in paths]
        if len({*names, *TAKEN}) == len(names) + len(TAKEN):
            return names
    return [f"{path} ({number})" for number, path in enumerate(paths, start=1)]


def error_keys(history: History) -> set[str]:
    """The names of all errors in a history."""
    return {key for data in history.values() for key in data.error}


def instead_of(key: str, keys: Iterable[str]) -> str:
    """What else can be asked for than ``key``, as the end of a sentence; nothing where there is nothing.

    Examples:
        >>> instead_of("dev_scor", ["train_score", "dev_score"]), instead_of("x", ["b", "a"]), instead_of("x", [])
        ("; did you mean 'dev_score'?", "; there are 'a', 'b'", '')
    """
    names = sorted(keys)
    asked = did_you_mean(key, names)
    if asked:
        return f"; {asked}"
    return f"; there are {', '.join(map(repr, names))}" if names else ""
