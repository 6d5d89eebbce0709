"""``lrsched plot`` and ``lrsched report``: histories as figures and pages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from lrsched.cli.options import (
    Config,
    ExecConfig,
    Files,
    NonFinite,
    Override,
    PretrainEpochs,
    Settings,
    error_keys,
    given_by,
    instead_of,
    names_of,
    read_history,
    settings,
    target,
)
from lrsched.cli.output import busy, say
from lrsched.core.history import History
from lrsched.core.measure import NonFinitePolicy
from lrsched.errors import ArgumentError
from lrsched.pictures.figure import figure_of
from lrsched.pictures.look import IMAGE_FORMATS, image
from lrsched.pictures.page import page_of
from lrsched.pictures.run import Run
from lrsched.simulation.replaying import Mode, Replay, replay
from lrsched.storage import disk

Compare = Annotated[
    list[Path] | None,
    typer.Option(
        "--compare",
        metavar="CONFIG",
        help="Another configuration: its rates are drawn beside the recorded ones, each from its own rates before and "
        "the recorded errors, although other rates would have changed them. Repeatable.",
    ),
]
Keys = Annotated[
    list[str] | None,
    typer.Option("--key", "-k", metavar="KEY", help="The error to draw; by default the one that counts. Repeatable."),
]
Picture = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="OUT", help="The picture, .png, .svg or .pdf. Required.")
]
Page = Annotated[Path | None, typer.Option("--output", "-o", metavar="OUT", help="The page, .html. Required.")]


def plot(
    files: Files,
    output: Picture = None,
    config: Config = None,
    set_: Settings = None,
    exec_config: ExecConfig = False,  # noqa: FBT002  typer's way
    compare: Compare = None,
    key: Keys = None,
    pretrain_epochs: PretrainEpochs = 0,
    override: Override = "",
    non_finite: NonFinite = None,
) -> None:
    """Draw rates and errors over the epochs, with the changes of the rate marked; several files in one figure.

    With a configuration, the marks are its schedule's decisions on the recorded past, with their reasons; without one,
    what the rate was multiplied by. The picture replaces one that is there.
    """
    kinds = {f".{kind}": kind for kind in IMAGE_FORMATS}
    path, ending = target(output, [*kinds], [*files, config, *(compare or ())])
    runs = _runs(files, config, set_, compare, key, pretrain_epochs, override, non_finite, execute=exec_config)
    with busy(f"drawing {path}"):
        disk.replace(path, image(figure_of(runs), kinds[ending]))
    say(f"{path}: {', '.join(files)}")


def report(
    files: Files,
    output: Page = None,
    config: Config = None,
    set_: Settings = None,
    exec_config: ExecConfig = False,  # noqa: FBT002  typer's way
    compare: Compare = None,
    key: Keys = None,
    pretrain_epochs: PretrainEpochs = 0,
    override: Override = "",
    non_finite: NonFinite = None,
) -> None:
    """Write one page of HTML with figures, facts, settings and each epoch's decision. It needs no network.

    The options mean what they do for lrsched plot. The page replaces one that is there.
    """
    path, _ = target(output, [".html"], [*files, config, *(compare or ())])
    runs = _runs(files, config, set_, compare, key, pretrain_epochs, override, non_finite, execute=exec_config)
    with busy(f"writing {path}"):
        disk.replace(path, page_of(runs).encode())
    say(f"{path}: {', '.join(files)}")


def _runs(
    files: Sequence[str],
    config: Path | None,
    set_: list[str] | None,
    compare: Sequence[Path] | None,
    keys: Sequence[str] | None,
    pretrain_epochs: int,
    override: str,
    non_finite: NonFinitePolicy | None,
    *,
    execute: bool,
) -> list[Run]:
    """What the options say of each file.

    Raises:
        ArgumentError: No file has one of the errors.
    """
    given = settings(config, set_, execute=execute) if config is not None or set_ else None
    paths = list(compare or ())
    others = {name: settings(path, None, execute=execute) for name, path in zip(names_of(paths), paths, strict=True)}
    runs = []
    for file in files:
        history = read_history(file)

        def told_by(found: dict[str, Any], mode: Mode, history: History = history) -> Replay:
            schedule = given_by(history, found, pretrain_epochs, override).schedule(non_finite or "worse")
            return replay(schedule, history, mode, reasons=True)

        replayed = None if given is None else told_by(given, "recorded")
        compared = {name: told_by(found, "free") for name, found in others.items()}
        runs.append(Run(file, history, replayed, compared, given or {}, keys or ()))
    known = {name for run in runs for name in error_keys(run.history)}
    for key in keys or ():
        if key not in known:
            raise ArgumentError(f"no epoch has the error {key!r}{instead_of(key, known)}")
    return runs
