"""``lrsched plot`` and ``lrsched report``: histories as figures and pages.

Args:
    compare: Another configuration, or a schedule FILE.py:NAME, whose code is run. Its rates are drawn beside the
        recorded ones. They follow from its own earlier rates and the recorded errors, although other rates would have
        changed these. Repeatable.
    key: The error to draw; by default, the one that counts. Repeatable.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from lrsched.cli.options import Files, ScheduleOptions, did_you_mean, error_keys, read_history
from lrsched.cli.output import busy, target
from lrsched.cli.parameters import PATH, option
from lrsched.cli.scheduling import names_of, recipe, recipe_of
from lrsched.core.schedule import measure_shown
from lrsched.errors import ArgumentError
from lrsched.pictures.figure import figure_of
from lrsched.pictures.look import IMAGE_FORMATS, image
from lrsched.pictures.page import page_of
from lrsched.pictures.run import Run
from lrsched.simulation.replaying import replay
from lrsched.storage import disk

Compare = Annotated[tuple[str, ...], option("--compare", metavar="CONFIG", multiple=True)]
Keys = Annotated[tuple[str, ...], option("--key", "-k", metavar="KEY", multiple=True)]
Output = Annotated[Path | None, option("--output", "-o", metavar="OUT", type=PATH)]


def plot(files: Files, options: ScheduleOptions, output: Output = None, compare: Compare = (), key: Keys = ()) -> str:
    """Draw rates and errors over the epochs, with the changes of the rate marked.

    Several files share one figure. With a schedule, the marks are its decisions on the recorded past, with their
    reasons. Without one, they say what the rate was multiplied by. The picture replaces an existing file.

    Args:
        output: The picture, .png, .svg or .pdf. Required.

    Examples:
        lrsched plot learning_rates -o rates.png
        lrsched plot learning_rates --compare my_schedules.py:halve -o compared.svg
    """
    kinds = {f".{kind}": kind for kind in IMAGE_FORMATS}
    path, ending = target(output, [*kinds], (files, options.config, options.schedule, compare))
    runs = _runs(files, options, compare, key)
    with busy(f"drawing {path}"):
        disk.replace(path, image(figure_of(runs), kinds[ending]))
    return f"{path}: {', '.join(files)}"


def report(files: Files, options: ScheduleOptions, output: Output = None, compare: Compare = (), key: Keys = ()) -> str:
    """Write a page of HTML with figures, facts, settings and each epoch's decision.

    The page needs no network. The options are those of lrsched plot. The page replaces an existing file.

    Args:
        output: The page, .html. Required.

    Examples:
        lrsched report learning_rates --config config.json -o run.html
    """
    path, _ = target(output, [".html"], (files, options.config, options.schedule, compare))
    runs = _runs(files, options, compare, key)
    with busy(f"writing {path}"):
        disk.replace(path, page_of(runs).encode())
    return f"{path}: {', '.join(files)}"


def _runs(files: Sequence[str], options: ScheduleOptions, compare: Sequence[str], keys: Sequence[str]) -> list[Run]:
    """What the options say of each file.

    Raises:
        ArgumentError: No file has one of the errors.
    """
    own = recipe(options) if options.any else None
    others = {name: recipe_of(source, options) for name, source in zip(names_of(compare), compare, strict=True)}
    runs = []
    for file in files:
        history = read_history(file)
        schedule = None if own is None else own.schedule(history)
        replayed = None if schedule is None else replay(schedule, history, reasons=True)
        free = {name: replay(each.schedule(history), history, "free", reasons=True) for name, each in others.items()}
        measure = (schedule and measure_shown(schedule)) or options.measure
        runs.append(Run(file, history, replayed, free, {} if own is None else own.settings, keys, measure))
    known = {name for run in runs for name in error_keys(run.history)}
    for key in keys:
        if key not in known:
            raise ArgumentError(f"no epoch has the error {key!r}{did_you_mean(key, known)}")
    return runs
