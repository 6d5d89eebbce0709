"""The laws of storages, as plain functions.

Each is called as ``law(place, states)`` and tries to break itself: ``place`` is an empty `Place`, ``states`` are
histories to be saved one after another. It says whether they had anything to say about it; it raises `BrokenLawError`
if the law is broken.

Two histories are the same here if they are bit for bit: 3 is not 3.0, and 0.0 not -0.0. What a storage refuses with an
`ArgumentError` it need not hold.
"""

from collections.abc import Callable, Collection, Mapping, Sequence, Set as AbstractSet
from contextlib import suppress
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any, Final, final

import attrs
import numpy as np

from lrsched.control import LearningRateControl
from lrsched.core.epoch_data import EpochData
from lrsched.core.history import History
from lrsched.core.numbers import LARGEST_EPOCH
from lrsched.errors import ArgumentError, ConflictError
from lrsched.schedules.combine import Preset
from lrsched.schedules.constant import Constant
from lrsched.storage import Readable, Storage
from lrsched.storage.opening import read
from lrsched.storage.wrappers import ReadOnly
from lrsched.testing.laws import BrokenLawError, Law, NoAnswerError, no_exception, registering, through_pickle

Factory = Callable[[Path], Storage]
"""Opens a storage in a folder that is there; with the same folder, the one that holds what was saved."""

STORAGE_LAWS: Final[dict[str, Law]] = {}
"""Every law of storages, by name."""

_law = partial(registering, STORAGE_LAWS, lambda place: place)
_SELDOM: Final = 5  # laws that depend little on what is saved

_PLAIN: Final = EpochData(learning_rate=0.1, error={"dev_score": 1.0})
_TWO_SURROGATES: Final = "\ud83d\ude00"  # a character that JSON cannot tell from another text
_HARD_TO_HOLD: Final = EpochData(error={_TWO_SURROGATES: 1.0}, meta={"text": _TWO_SURROGATES})
_NEXT: Final = "the next that is opened"


class NoStorageError(NoAnswerError):
    """What should open a storage gives something else, or raises."""


@final
@attrs.frozen
class Place:
    """A place for what is saved. Called, it opens the storage there.

    Attributes:
        factory: Opens a storage in a folder.
        root: Where the folders are.
        name: The folder of this place.
    """

    factory: Factory
    root: Path
    name: str = "storage"

    @property
    def folder(self) -> Path:
        """The folder of this place."""
        return self.root / self.name

    def __call__(self) -> Storage:
        """The storage at this place.

        Raises:
            NoStorageError: There is none.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with no_exception("opened, it raises", kind=NoStorageError):
            storage = self.factory(self.folder)
        if isinstance(storage, type) or not isinstance(storage, Storage):
            raise NoStorageError(f"opened, it is {storage!r}, which is no object with load and save")
        return storage

    def another(self, name: str) -> "Place":
        """Another place."""
        return attrs.evolve(self, name=name)


# ---- what the laws are made of


def exact(value: Any) -> str:
    """A text that two values share only if they are the same bit for bit, but for the order of dicts and sets.

    Examples:
        >>> exact({"b": 3, "a": -0.0}) == exact({"a": -0.0, "b": 3}), exact(3) == exact(3.0)
        (True, False)
    """
    if isinstance(value, EpochData):
        return exact((value.learning_rate, value.error, value.meta))
    if isinstance(value, Mapping):
        return f"{{{', '.join(sorted(f'{exact(key)}: {exact(item)}' for key, item in value.items()))}}}"
    if isinstance(value, AbstractSet):
        return f"set({', '.join(sorted(map(exact, value)))})"
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        parts = ", ".join(map(exact, value))
        return f"({parts})" if isinstance(value, tuple) else f"[{parts}]"
    return repr(value)


def changes(old: History, new: History) -> list[int]:
    """The epochs where two histories differ."""
    return sorted(epoch for epoch in {*old, *new} if exact(old.get(epoch)) != exact(new.get(epoch)))


def _load(storage: Any, who: str = "it", how: Callable[[Any], Any] = methodcaller("load")) -> History:
    with no_exception(f"{who} raises", " when it loads"):
        history = how(storage)
    if not isinstance(history, History):
        raise BrokenLawError(f"{who} loads {history!r}, which is no History")
    return history


def _save(storage: Storage, history: History, changed: Collection[int] | None = None) -> bool:
    """Whether a storage can hold a history; if so, it does now."""
    way_out = "refuse with an ArgumentError what cannot be held"
    with no_exception("it raises", f" when it saves {history!r}{_of(changed)}; {way_out}"):
        try:
            storage.save(history, changed)
        except ArgumentError:
            return False
    return True


def _save_plainly(storage: Storage, history: History, when: str, changed: Collection[int] | None = None) -> None:
    """Save what can be held: it must not be refused."""
    with no_exception(f"{when} it raises", f" when it saves {history!r}{_of(changed)}"):
        storage.save(history, changed)


def _of(changed: Collection[int] | None) -> str:
    return "" if changed is None else f" with changed={changed!r}"


def _demand(wanted: History, found: History, who: str, when: str = "") -> None:
    """What was loaded is what is wanted.

    Raises:
        BrokenLawError: It is not; says who has loaded it, and when.
    """
    for epoch in changes(wanted, found):
        should, does = (history.get(epoch, "nothing") for history in (wanted, found))
        raise BrokenLawError(f"{who} loads {does} for epoch {epoch}{when}, but it should be {should}")


def _demand_stored(wanted: History, place: Place, when: str = "") -> None:
    """It is what is there for whoever looks."""
    _demand(wanted, _load(place(), _NEXT), _NEXT, when)


def _demand_conflict(
    storage: Storage, history: History, place: Place, stored: History, changed: Collection[int] | None = None
) -> None:
    """It does not overwrite what another saved."""
    with no_exception("it raises", " and no ConflictError when it would overwrite what another saved"):
        with suppress(ConflictError):
            storage.save(history, changed)
            raise BrokenLawError(f"what another saved, {stored!r}, it overwrites unseen with {history!r}{_of(changed)}")
        _demand_stored(stored, place, " after a ConflictError")


def _more(history: History) -> History:
    """A history with one more epoch, the next one where there can be one; anybody can hold that."""
    epoch = 1 + (history.last_epoch(before=LARGEST_EPOCH) or 0)
    return history.set(epoch, _PLAIN)


def _last(states: Sequence[History]) -> History:
    """Of some histories the last that is not empty; a plain one if there is none."""
    return next((state for state in reversed(states) if state), _more(History()))


def _held(storage: Storage, states: Sequence[History]) -> History:
    """The last of some histories that it can hold, saved; a plain one if it can hold none."""
    return next(state for state in (*reversed(states), _more(History())) if state and _save(storage, state))


def _files(folder: Path) -> set[tuple[str, bytes, int]]:
    """What is on the disk, and since when."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {(str(path.relative_to(folder)), path.read_bytes(), path.stat().st_mtime_ns) for path in files}


# ---- the laws


@_law("it is an object with load and save")
def is_storage(place: Place, states: Sequence[History]) -> bool:
    """What opens it gives a `Storage`, every time: where nothing was saved, and after each save."""
    storage = place()
    for state in (History(), *states):
        with suppress(Exception):  # other laws say so
            storage.save(state)
        place()
    return True


@_law("nothing saved is the empty history")
def empty(place: Place, states: Sequence[History]) -> bool:
    """Where nothing was saved, nothing is loaded: the first time, again, and by the next that is opened."""
    del states
    storage = place()
    for _ in range(2):
        _demand(History(), _load(storage), "where nothing was saved it")
    _demand(History(), _load(place(), _NEXT), "where nothing was saved the next that is opened")
    return True


@_law("what was saved is loaded, bit for bit, by this one and by the next that is opened")
def bits(place: Place, states: Sequence[History]) -> bool:
    """After each save it loads what was saved, and so does the next that is opened."""
    storage = place()
    tried = False
    for state in states:
        if _save(storage, state):
            tried = True
            _demand_stored(state, place)
            _demand(state, _load(storage), "it")
    return tried


_Tell = Callable[[Collection[int], Collection[int]], Any]
_WAYS: Final[dict[str, tuple[str, _Tell]]] = {
    "not": ("where it was not told what changed", lambda _changed, _known: None),
    "set": ("where it was told what changed, in a set", lambda changed, _known: set(changed)),
    "more": ("where it was told more than changed, in a list", lambda changed, known: [*changed, *known, 99]),
    "array": ("where it was told what changed, in an array of NumPy", lambda changed, _: np.array(changed, np.int64)),
}
"""How a storage may be told of the epochs that changed, where others are known besides."""


@_law("what it is told of the epochs that changed makes no difference", every=2)
def told(place: Place, states: Sequence[History]) -> bool:
    """It stores the same if it is told what changed, told of more, or not told; in a set, a list, or an array."""
    tried = False
    for name, (how, tell) in _WAYS.items():
        where = place.another(name)
        storage, before = where(), History()
        for state in states:
            if _save(storage, state, tell(changes(before, state), [*before, *state])):
                tried, before = True, state
        _demand_stored(before, where, f" {how}")
    return tried


@_law("what is saved at one place is not at another", every=_SELDOM)
def apart(place: Place, states: Sequence[History]) -> bool:
    """Two storages that were opened at two places know nothing of each other."""
    here, there = place(), place.another("another")
    other = there()
    state = _held(here, states)
    for storage in (other, there()):
        _demand(History(), _load(storage), "another, at another place,")
    _save_plainly(other, _more(state), "at another place")
    _demand_stored(state, place, " after another was saved at another place")
    return True


@_law("what it cannot hold is refused, the old is kept, and it goes on", every=_SELDOM)
def refused(place: Place, states: Sequence[History]) -> bool:
    """What it refuses with an `ArgumentError` changes nothing; what it does not refuse it holds.

    Tried with names that JSON has no way to write, beside changes that it could hold.
    """
    storage, held = place(), History()
    for state in states or [History()]:
        hard = _more(state).set(LARGEST_EPOCH, _HARD_TO_HOLD)
        for history, changed in ((hard, None), (hard, changes(held, hard)), (state, None)):
            is_held = _save(storage, history, changed)
            held = history if is_held else held
            _demand_stored(held, place, "" if is_held else f" after {history!r} was refused{_of(changed)}")
    _save_plainly(storage, _more(held), "after something was refused")
    _demand_stored(_more(held), place, " after something was refused, and this was saved")
    return True


@_law("the largest epoch, 2**63 - 1, is held", every=_SELDOM)
def largest_epoch(place: Place, states: Sequence[History]) -> bool:
    """The largest epoch that a history may have comes, changes, and goes, whether or not that is told."""
    del states
    storage = place()
    one = _more(History())
    first, second = (one.set(LARGEST_EPOCH, data) for data in (_PLAIN, EpochData(learning_rate=0.5)))
    for history, changed in ((one, None), (first, [LARGEST_EPOCH]), (second, None), (one, [LARGEST_EPOCH])):
        _save_plainly(storage, history, "with plain data", changed)
        _demand_stored(history, place)
    return True


@_law("what another saved is not overwritten unseen, and after a load it goes on", every=_SELDOM)
def unseen(place: Place, states: Sequence[History]) -> bool:
    """Who has not seen what is stored gets a `ConflictError` for each save, until he loads it.

    ``read`` does not count as having seen. Nothing to say where each that is opened is the same object.
    """
    first, second = place(), place()
    if second is first:
        return False
    old = _held(first, states)
    new = _more(old)
    _demand_conflict(second, new, place, old, changes(old, new))
    _demand_conflict(second, new, place, old)
    if isinstance(second, Readable):
        _demand(old, _load(second, "another one's read()", read), "another one's read()")
        _demand_conflict(second, new, place, old)
    _demand(old, _load(second, "another"), "another")
    _save_plainly(second, new, "after it has loaded what another saved", changes(old, new))
    _demand_conflict(first, old, place, new)
    _demand(new, _load(first), "it")
    _save_plainly(first, old, "after it has loaded what another saved")
    _demand_stored(old, place)
    return True


@_law("it can be pickled; the copy holds the same, and has seen nothing", every=_SELDOM)
def pickled(place: Place, states: Sequence[History]) -> bool:
    """A copy in another process loads the same. Before that, it saves over nothing."""
    storage = place()
    old = _held(storage, states)
    way_out = "; define it at the top of a module, and __reduce__ where it holds what is open"
    with no_exception("it cannot be pickled:", way_out):
        first, second = through_pickle(storage), through_pickle(storage)
    new = _more(old)
    with no_exception("its copy raises", " when it saves, and no ConflictError"), suppress(ConflictError):
        first.save(new)
    _demand_stored(old, place, " after a copy of the first has saved what it had not loaded")
    _demand(old, _load(second, "its copy"), "its copy")
    _save_plainly(second, new, "as a copy that has loaded")
    _demand(new, _load(second, "its copy"), "its copy")
    return True


@_law("loading changes nothing that is stored", every=_SELDOM)
def reads_only(place: Place, states: Sequence[History]) -> bool:
    """Loaded twice, and looked into, it is the same, and so is each file in its folder, if it has any."""
    _demand_read_only(History(), place)
    _demand_read_only(_held(place(), states), place)
    return True


def _demand_read_only(stored: History, place: Place) -> None:
    before = _files(place.folder)
    for storage in (place(), ReadOnly(place())):
        for _ in range(2):
            _demand(stored, _load(storage), "it")
    if stored:
        _demand(stored, _load(place(), "its read()", read), "its read()")
    after = _files(place.folder)
    if changed := sorted({name for name, *_ in before ^ after}):
        raise BrokenLawError(f"loading {'it' if stored else 'nothing'} changes {', '.join(changed)} on the disk")


@_law("a training run goes on where another process stopped", every=_SELDOM)
def resumed(place: Place, states: Sequence[History]) -> bool:
    """A control that is made anew for each epoch, and saves twice in each, has the same history as one in memory.

    It has the errors of the last state that has any epochs, and rates that are given beforehand for later epochs.
    """
    past = _last(states)
    last = past.last_epoch(before=LARGEST_EPOCH) or 0
    if last + 7 > LARGEST_EPOCH or not _save(place.another("whole")(), past):
        return False
    schedule = Preset(Constant(0.5), {last + 4: 0.25})
    uninterrupted = LearningRateControl(schedule)
    for epoch, data in past.items():
        with no_exception(f"at epoch {epoch} a control raises"):
            control = LearningRateControl(schedule, place())
            _demand(uninterrupted.history, control.history, "a control that is made anew", " before it was asked")
            for each in (uninterrupted, control):
                each.get_learning_rate_for_epoch(epoch)
            control.save()
            for each in (uninterrupted, control):
                each.set_epoch_error(epoch, data.error)
                each.set_epoch_meta(epoch, data.meta)
                each.set_default_learning_rate_for_epoch(last + 7, 0.125)
            control.save()
        _demand_stored(uninterrupted.history, place, f" after a control has saved epoch {epoch}")
    return True


@_law("saves, reopenings, and others who save in between: it holds what memory would", every=2)
def like_memory(place: Place, states: Sequence[History]) -> bool:
    """Whoever saves, and whether or not he has loaded since: what was saved last is there.

    Saves take turns: by the same object; by another one, whose save this one then loads; by one that was opened anew.
    """
    storage, held, tried = place(), History(), False
    for number, state in enumerate(states):
        writer, turn = storage, number % 3
        if turn:
            writer = place()
            _demand(held, _load(writer), _NEXT)
        if _save(writer, state, changes(held, state) if number % 2 else None):
            tried, held = True, state
        if turn == 1:
            _demand(held, _load(storage), "it", " after another has saved")
        else:
            storage = writer
    _demand_stored(held, place)
    return tried
