"""Storages that break laws, each in one way. Every one is called with a folder; `Good` is what they are made of."""

import json
import math
import threading

from lrsched import ArgumentError, ConflictError, EpochData, History
from lrsched.formats.json import JSON


class Good:
    """Keeps a history in a JSON file. It breaks no law."""

    def __init__(self, folder):
        self.path = folder / "run.json"
        self.seen = ""

    def __reduce__(self):
        return type(self), (self.path.parent,)

    def stored(self):
        return self.path.read_text() if self.path.exists() else ""

    def parsed(self, text):
        return JSON.parse(text, "run.json") if text else History()

    def load(self):
        self.seen = self.stored()
        return self.parsed(self.seen)

    def read(self):
        return self.parsed(self.stored())

    def save(self, history, changed=None):
        text = JSON.render(history)
        self.check_seen()
        self.write(text)

    def check_seen(self):
        if self.stored() not in ("", self.seen):
            raise ConflictError("load it first")

    def write(self, text):
        self.path.write_text(text)
        self.seen = text


def each_epoch(history, change):
    return History({epoch: change(data) for epoch, data in history.items()})


class HasNoSave:
    def __init__(self, folder):
        pass

    def load(self):
        return History()


class CannotBeOpenedAgain(Good):
    def __init__(self, folder):
        super().__init__(folder)
        (folder / "lock").touch(exist_ok=False)


class CannotBeOpenedAgainOnceSaved(Good):
    """A lock that only a save takes, and that nobody gives back."""

    def __init__(self, folder):
        super().__init__(folder)
        if self.path.exists():
            raise OSError(16, "Device or resource busy")


class BeginsWithAnEpoch(Good):
    def load(self):
        return super().load() or History({1: EpochData(learning_rate=0.1)})


class RaisesWhereNothingIs(Good):
    def load(self):
        self.seen = self.path.read_text()
        return self.parsed(self.seen)


class DropsMeta(Good):
    def save(self, history, changed=None):
        plain = each_epoch(history, lambda data: EpochData(learning_rate=data.learning_rate, error=data.error))
        super().save(plain, changed)


class TurnsIntsIntoFloats(Good):
    def save(self, history, changed=None):
        super().save(each_epoch(history, lambda data: data.with_error(_floats(data.error))), changed)


def _floats(error):
    return {name: float(value) for name, value in error.items()}


class LosesNaN(Good):
    def save(self, history, changed=None):
        super().save(each_epoch(history, _without_nan), changed)


def _without_nan(data):
    error = {name: value for name, value in data.error.items() if not math.isnan(value)}
    return EpochData(learning_rate=data.learning_rate, error=error, meta=data.meta)


class LosesTheSignOfZero(Good):
    def load(self):
        return each_epoch(super().load(), lambda data: data.with_error({k: v + 0 for k, v in data.error.items()}))


class SavesOnlyWhatIsNotEqual(Good):
    def save(self, history, changed=None):
        if history != self.parsed(self.stored()):
            super().save(history, changed)


class KeepsOnlyTheLastEpoch(Good):
    def save(self, history, changed=None):
        super().save(History(dict(history.newest(1, before=2**63))), changed)


class KeepsAFewEpochs(Good):
    def save(self, history, changed=None):
        super().save(History(dict(history.newest(2, before=2**63))), changed)


class KeepsRemovedEpochs(Good):
    def save(self, history, changed=None):
        super().save(History({**self.parsed(self.seen), **history}), changed)


class WritesWhenItIsGone(Good):
    """Keeps what was saved to itself: the next that is opened does not know it."""

    def write(self, text):
        self.seen = text

    def stored(self):
        return self.seen


class SavesOnlyWhatItIsTold(Good):
    """Takes ``None`` for nothing."""

    def save(self, history, changed=None):
        known = dict(self.parsed(self.seen))
        for epoch in [] if changed is None else changed:
            known.pop(int(epoch), None)
            if epoch in history:
                known[int(epoch)] = history[epoch]
        super().save(History(known), changed)


class WantsNoMoreThanChanged(Good):
    def save(self, history, changed=None):
        for epoch in [] if changed is None else changed:
            _ = history.get(epoch) or self.parsed(self.seen)[epoch]
        super().save(history, changed)


class AsksAnArrayForItsTruth(Good):
    def save(self, history, changed=None):
        if changed or changed is None:
            super().save(history, changed)


class WantsASet(Good):
    def save(self, history, changed=None):
        super().save(history, changed and changed | set())


class SharesAll(Good):
    """What is saved in one folder is in all."""

    text = ""

    def stored(self):
        return SharesAll.text

    def write(self, text):
        SharesAll.text = self.seen = text


class RefusesAndHalfWrites(Good):
    def save(self, history, changed=None):
        self.check_seen()
        held = History()
        for epoch, data in history.items():
            held = held.set(epoch, data)
            self.write(JSON.render(held))
        self.write(JSON.render(history))


class RefusesWithAnotherError(Good):
    def save(self, history, changed=None):
        try:
            super().save(history, changed)
        except ArgumentError as error:
            raise TypeError("not JSON serializable") from error


class RefusesFromThenOn(Good):
    is_refused = False

    def save(self, history, changed=None):
        if self.is_refused:
            raise ArgumentError("broken")
        self.is_refused = True
        super().save(history, changed)
        self.is_refused = False


class RefusesAll(Good):
    def save(self, history, changed=None):
        raise ArgumentError("no")


class HasEpochsAsFloats(Good):
    def save(self, history, changed=None):
        if any(int(float(epoch)) != epoch for epoch in history):
            raise OverflowError("too large")
        super().save(history, changed)


class OverwritesUnseen(Good):
    def check_seen(self):
        pass


class OverwritesWhatItIsToldToChange(Good):
    def save(self, history, changed=None):
        if changed is not None:
            self.seen = self.stored()
        super().save(history, changed)


class TakesALookForALoad(Good):
    def read(self):
        return self.load()


class NeverGetsOver(Good):
    """Once there was a conflict, a load does not help."""

    is_refused = False

    def check_seen(self):
        try:
            super().check_seen()
        except ConflictError:
            self.is_refused = True
        if self.is_refused:
            raise ConflictError("load it first")


class RaisesAnotherErrorOnConflict(Good):
    def check_seen(self):
        if self.stored() not in ("", self.seen):
            raise FileExistsError(self.path)


class CannotBePickled(Good):
    def __init__(self, folder):
        super().__init__(folder)
        self.lock = threading.Lock()

    __reduce__ = object.__reduce__


class TakesAlongWhatItHasSeen(Good):
    def __reduce__(self):
        return _seen, (type(self), self.path.parent, self.seen)


def _seen(cls, folder, seen):
    made = cls(folder)
    made.seen = seen
    return made


class ForgetsWhereItIs(Good):
    def __reduce__(self):
        return type(self), (self.path.parent / "elsewhere",)


class CannotBeRead(Good):
    def read(self):
        raise RuntimeError("use load")


class WritesWhenItLoads(Good):
    def load(self):
        history = super().load()
        self.write(self.seen)
        return history


class CountsItsLoads(Good):
    def load(self):
        counter = self.path.with_name("loads")
        counter.write_text(json.dumps(1 + json.loads(counter.read_text() if counter.exists() else "0")))
        return super().load()


class DropsEpochsToCome(Good):
    """What has no error is no epoch."""

    def save(self, history, changed=None):
        super().save(History({epoch: data for epoch, data in history.items() if data.error}), changed)


class LoadsOnce(Good):
    """Takes what it has loaded for what is stored, for ever."""

    known = None

    def load(self):
        self.known = super().load() if self.known is None else self.known
        self.seen = self.stored()
        return self.known

    def save(self, history, changed=None):
        super().save(history, changed)
        self.known = history


class ForgetsWhoCameFirst(Good):
    """After another has saved, it merges instead of replacing."""

    def load(self):
        before, history = self.parsed(self.seen), super().load()
        return History({**before, **history})


BROKEN_BY = {
    HasNoSave: "is_storage",
    CannotBeOpenedAgain: "is_storage",
    CannotBeOpenedAgainOnceSaved: "is_storage",
    BeginsWithAnEpoch: "empty",
    RaisesWhereNothingIs: "empty",
    DropsMeta: "bits",
    TurnsIntsIntoFloats: "bits",
    LosesNaN: "bits",
    LosesTheSignOfZero: "bits",
    SavesOnlyWhatIsNotEqual: "bits",
    KeepsOnlyTheLastEpoch: "bits",
    KeepsAFewEpochs: "bits",
    KeepsRemovedEpochs: "bits",
    WritesWhenItIsGone: "bits",
    SavesOnlyWhatItIsTold: "told",
    WantsNoMoreThanChanged: "told",
    AsksAnArrayForItsTruth: "told",
    WantsASet: "told",
    SharesAll: "apart",
    RefusesAndHalfWrites: "refused",
    RefusesWithAnotherError: "refused",
    RefusesFromThenOn: "refused",
    RefusesAll: "largest_epoch",
    HasEpochsAsFloats: "largest_epoch",
    OverwritesUnseen: "unseen",
    OverwritesWhatItIsToldToChange: "unseen",
    TakesALookForALoad: "unseen",
    NeverGetsOver: "unseen",
    RaisesAnotherErrorOnConflict: "unseen",
    CannotBePickled: "pickled",
    TakesAlongWhatItHasSeen: "pickled",
    ForgetsWhereItIs: "pickled",
    WritesWhenItLoads: "reads_only",
    CountsItsLoads: "reads_only",
    CannotBeRead: "reads_only",
    DropsEpochsToCome: "resumed",
    LoadsOnce: "like_memory",
    ForgetsWhoCameFirst: "like_memory",
}
"""A law that each breaks; many break others, too."""
