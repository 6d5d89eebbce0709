"""`check_storage`: all laws of storages at once."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, final

import attrs
from hypothesis.strategies import SearchStrategy

from lrsched.core.history import History
from lrsched.errors import broken_law
from lrsched.testing import strategies
from lrsched.testing.laws import Law, temporary_folder
from lrsched.testing.reporting import OnFail, Report, Violation, chosen_laws, law_tests
from lrsched.testing.search import Broken, Budget, Progress, Trial, search
from lrsched.testing.source import Source, failing_test, import_of, name_of, takes
from lrsched.testing.storage_laws import STORAGE_LAWS, Factory, Place, is_storage

_DEFAULT_EXAMPLES: Final = 40  # a storage is slower than a schedule


@final
@attrs.frozen
class StorageSubject:
    """What opens the storage that is checked.

    Attributes:
        name: What it is called.
        factory: Opens it in a folder.
        imports: The line that imports the factory; None if it is not known where it stands.
    """

    name: str
    factory: Factory
    imports: str | None = None


def storage_subject_of(factory: Factory) -> StorageSubject:
    """What is to be checked.

    Raises:
        ArgumentError: It cannot be called with a folder.
    """
    if not takes(factory, 1):
        way_out = "as in lambda folder: open_storage(folder / 'run.json')"
        raise broken_law("factory", "a function of a folder that opens a storage there", factory, way_out)
    return StorageSubject(name_of(factory), factory, import_of(factory))


def check_storage(
    factory: Factory | StorageSubject,
    laws: Iterable[str | Law] | None = None,
    *,
    states: SearchStrategy[list[History]] | None = None,
    budget: Budget | int | str | None = None,
    seed: int = 0,
    on_fail: OnFail = "raise",
    progress: Progress | None = None,
) -> Report:
    """Try to break every law that a storage has to keep.

    Args:
        factory: Opens the storage in a folder, which is empty the first time. With the same folder it opens the one
            that holds what was saved; with another folder, another one. A storage that is on no disk takes the folder
            as a name. The folders are in memory where the machine has a disk there, and are removed.
        laws: Which laws, by name or as `Law`; None: all of `STORAGE_LAWS`.
        states: A strategy that draws the histories to be saved one after another; None: any that there can be.
        budget: How many examples, or for how long: 200, ``"20s"``; None: 40.
        seed: The same seed tries the same examples where the same modules are imported; an integer >= 0.
        on_fail: Whether a broken law is raised, or only reported.
        progress: Called with the number of examples that are tried, and of those that there are to be.

    Returns:
        What was checked, law by law.

    Raises:
        BrokenLawError: A law is broken: says how, with the smallest example that was found, and a test that fails.
        ArgumentError: ``factory`` cannot be called with a folder, or there is no such law.

    Examples:
        >>> from lrsched import open_storage
        >>> report = check_storage(lambda folder: open_storage(folder / "run.json"), budget=5)
        >>> {each.verdict for each in report.laws}
        {'holds'}
    """
    subject = factory if isinstance(factory, StorageSubject) else storage_subject_of(factory)

    def attempt(law: Law, states: Sequence[History]) -> bool:
        with temporary_folder() as folder:
            return law.check(Place(subject.factory, Path(folder)), states)

    cases = strategies.states() if states is None else states
    trial = Trial(subject.name, cases, attempt, _size, partial(_violation, subject), is_storage)
    tries = Budget.of(_DEFAULT_EXAMPLES if budget is None else budget)
    return search(trial, chosen_laws(laws, STORAGE_LAWS), tries, seed, progress).raised_if(on_fail)


def _size(states: Sequence[History]) -> tuple[int, int, int]:
    return sum(map(len, states)), len(states), len(repr(states))


def _violation(subject: StorageSubject, law: Law, broken: Broken) -> Violation:
    source = Source()
    source.add(subject.imports)
    factory = subject.name if subject.name.isidentifier() else "factory"
    place = f"{source.named(Place)}({factory}, tmp_path)"
    code = failing_test(law.check, place, broken.case, source, called="states", fixture="tmp_path")
    return Violation(subject.name, broken.case, str(broken.error), code)


def storage_tests(
    *factories: Factory | StorageSubject, laws: Iterable[str | Law] | None = None, **options: Any
) -> Callable[..., None]:
    """A test function for pytest: one test for each storage and each law.

    A test in which no example had anything to say about the law is skipped, not passed.

    Args:
        *factories: What `check_storage` takes.
        laws: See `check_storage`.
        **options: ``states``, ``budget`` and ``seed`` of `check_storage`; the budget is that of each test.

    Raises:
        MissingExtraError: pytest is not installed.
        ArgumentError: As `check_storage` does.

    Examples:
        In a file of tests, this is all it takes:

        >>> from lrsched import open_storage
        >>> test_my_storages = storage_tests(lambda folder: open_storage(folder / "run.json"))
    """
    subjects = [each if isinstance(each, StorageSubject) else storage_subject_of(each) for each in factories]
    cases = [(subject, law) for subject in subjects for law in chosen_laws(laws, STORAGE_LAWS)]
    return law_tests(cases, lambda subject, law: check_storage(subject, [law], **options))
