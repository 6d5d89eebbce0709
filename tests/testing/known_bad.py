"""Schedules that somebody might write, each with one fault; and beside most of them the same without it.

Each is made without arguments. `BAD` says which laws must find it, and which schedule is its mended twin.
"""

import math
import random
import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

import attrs
import numpy as np

from lrsched import (
    Action,
    Cause,
    Combinator,
    Composite,
    Constant,
    Decision,
    ErrorMeasure,
    Fold,
    HoldLearningRate,
    Moment,
    NewbobRelative,
    Preset,
    Schedule,
)

FIRST = 0.1
MEASURE = ErrorMeasure()


def decided(previous, rate, reason, **known):
    """A decision whose action is what happens to the rate."""
    return Decision(float(rate), previous, Action.of(previous, rate), Cause("known_bad", reason, **known))


def scores(history, epoch):
    """The dev scores before an epoch, oldest first, as far as they are numbers that can be compared."""
    known = (data.error.get("dev_score") for _, data in history.before(epoch).items())
    return [score for score in known if score is not None and math.isfinite(score)]


def stagnant(known):
    """For how many epochs the best score has not been beaten."""
    best = min(range(len(known)), key=known.__getitem__, default=-1)
    return len(known) - 1 - best


# ---- what is remembered beside the history


@attrs.frozen(slots=False)
class CountsInItself(Schedule):
    """Halves the rate after three bad epochs, which it counts in an attribute."""

    patience: int = 3

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        known = scores(history, epoch)
        bad = getattr(self, "bad", 0) + 1 if stagnant(known) > 0 else 0
        object.__setattr__(self, "bad", bad)
        rate = FIRST if previous is None else previous
        return decided(previous, rate / 2 if bad >= self.patience else rate, f"{bad} bad epochs")


@attrs.frozen
class CountsInAList(Schedule):
    """The same with a list, in which the scores of the training are collected."""

    seen: list = attrs.field(factory=list, eq=False)

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        self.seen.extend(scores(history, epoch)[-1:])
        rate = FIRST if previous is None else previous
        return decided(previous, rate / 2 if stagnant(self.seen) >= 3 else rate, "the best score of late")


@attrs.frozen
class CountsInThePast(Schedule):
    """The mended twin: it counts in the history."""

    patience: int = 3

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        bad = stagnant(scores(history, epoch))
        rate = FIRST if previous is None else previous
        return decided(previous, rate / 2 if bad >= self.patience else rate, f"{bad} bad epochs")


_calls = {"number": 0}


def warms_up_by_calls(history, epoch):
    """Rises during the first ten calls, counted in a global."""
    _calls["number"] += 1
    return FIRST * min(_calls["number"] / 10, 1.0)


def warms_up_by_epochs(history, epoch):
    """The mended twin."""
    return FIRST * min(epoch / 10, 1.0)


_best = {}


@attrs.frozen
class CachesByEpoch(Schedule):
    """The best score is looked for once for each epoch, and kept for whatever history comes next."""

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        if epoch not in _best:
            _best[epoch] = min(scores(history, epoch), default=1.0)
        return decided(previous, FIRST if _best[epoch] >= 1.0 else FIRST / 2, "a good score")


@attrs.frozen
class LooksEachTime(Schedule):
    """The mended twin: without the cache."""

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        best = min(scores(history, epoch), default=1.0)
        return decided(previous, FIRST if best >= 1.0 else FIRST / 2, "a good score")


_since = {}


@attrs.frozen
class HoldKeptElsewhere(Schedule):
    """A rate lasts for three epochs; since when is kept in a dict of the module, which a restart empties."""

    min_num_epochs: int = 3

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        if previous is None:
            _since.clear()
            _since["epoch"] = epoch
            return decided(None, FIRST, "the first")
        if epoch - _since.get("epoch", 0) < self.min_num_epochs:
            return decided(previous, previous, "too early")
        _since["epoch"] = epoch
        return decided(previous, previous / 2, "long enough")


@attrs.frozen(slots=False)
class HoldKeptInItself(Schedule):
    """The same in an attribute, which is not there when the training goes on in a new process."""

    min_num_epochs: int = 3

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        if previous is None:
            self.__dict__["since"] = epoch
            return decided(None, FIRST, "the first")
        if epoch - self.__dict__.get("since", 0) < self.min_num_epochs:
            return decided(previous, previous, "too early")
        self.__dict__["since"] = epoch
        return decided(previous, previous / 2, "long enough")


@attrs.frozen
class HoldInTheHistory(Schedule):
    """The mended twin: since when a rate is used, is in the history."""

    min_num_epochs: int = 3

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        if previous is None:
            return decided(None, FIRST, "the first")
        used = [data.learning_rate for _, data in history.newest(self.min_num_epochs, before=epoch)]
        if len(used) < self.min_num_epochs or set(used) != {previous}:
            return decided(previous, previous, "too early")
        return decided(previous, previous / 2, "long enough")


# ---- what is looked at


@attrs.frozen
class ReadsTheEpochItself(Schedule):
    """Halves the rate if the score of the epoch, not of the one before, is bad."""

    limit: float = 3.0

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        last = history.last_epoch(before=epoch + 1)
        score = history[last].error.get("dev_score", 0.0) if last else 0.0
        rate = FIRST if previous is None else previous
        return decided(previous, rate if score < self.limit else rate / 2, "a bad score")


@attrs.frozen
class ReadsTheEpochBefore(Schedule):
    """The mended twin."""

    limit: float = 3.0

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        last = history.last_epoch(before=epoch)
        score = history[last].error.get("dev_score", 0.0) if last else 0.0
        rate = FIRST if previous is None else previous
        return decided(previous, rate if score < self.limit else rate / 2, "a bad score")


@attrs.frozen
class WindowOfTheLastThree(Schedule):
    """Halves the rate if the newest of three scores is the worst; the window ends an epoch too late."""

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        window = [history[each] for each in range(max(epoch - 2, 1), epoch + 1) if each in history]
        known = [data.error["dev_score"] for data in window if "dev_score" in data.error]
        rate = FIRST if previous is None else previous
        return decided(previous, rate / 2 if known and known[-1] > min(known) else rate, "the worst of three")


@attrs.frozen
class WindowOfTheThreeBefore(Schedule):
    """The mended twin."""

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        window = [history[each] for each in range(max(epoch - 3, 1), epoch) if each in history]
        known = [data.error["dev_score"] for data in window if "dev_score" in data.error]
        rate = FIRST if previous is None else previous
        return decided(previous, rate / 2 if known and known[-1] > min(known) else rate, "the worst of three")


@attrs.frozen
class WindowBeforeTheFirstEpoch(Schedule):
    """Compares with the score three epochs ago, which is there from the fifth epoch on, not from the fourth."""

    back: int = 3
    enough: int = 3

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        known = scores(history, epoch)
        rate = FIRST if previous is None else previous
        if len(known) < self.enough:
            return decided(previous, rate, "too few scores")
        return decided(previous, rate / 2 if known[-1] > known[-1 - self.back] else rate, "worse than three epochs ago")


@attrs.frozen
class MeanOfTooMany(Schedule):
    """Halves the rate if the mean change of ``num_epochs`` epochs is not below 0; it takes one more."""

    num_epochs: int = 2
    too_many: int = 1

    claims = frozenset({"window"})

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        newest = history.newest(self.num_epochs + 1 + self.too_many, before=epoch)
        compared = tuple(MEASURE.compare(old, new) for old, new in pairwise(newest))
        rate = FIRST if previous is None else previous
        changes = [each.change for each in compared if each.change is not None and math.isfinite(each.change)]
        if previous is None or not changes:
            return decided(previous, rate, "nothing to compare", comparisons=compared)
        mean = sum(changes) / len(changes)
        return decided(previous, rate / 2 if mean >= 0 else rate, "the mean change", comparisons=compared)


@attrs.frozen
class CountsTheWholeHistory(Schedule):
    """Takes the number of epochs in the history for the number of epochs before this one."""

    def decide(self, history, epoch):
        return decided(history.most_recent_learning_rate(epoch), FIRST / (1 + len(history)), "the number of epochs")


@attrs.frozen
class CountsThePast(Schedule):
    """The mended twin."""

    def decide(self, history, epoch):
        done = len(history.before(epoch))
        return decided(history.most_recent_learning_rate(epoch), FIRST / (1 + done), "the number of epochs")


def takes_the_epoch_before(history, epoch):
    """The epoch before is taken to be there, although epochs may be missing."""
    return FIRST if epoch == 1 or history[epoch - 1].learning_rate is None else history[epoch - 1].learning_rate / 2


def takes_the_newest_epoch(history, epoch):
    """The mended twin."""
    last = history.last_epoch(before=epoch)
    return FIRST if last is None or history[last].learning_rate is None else history[last].learning_rate / 2


def takes_the_score_for_granted(history, epoch):
    """Some epochs have no dev score."""
    last = history.last_epoch(before=epoch)
    return FIRST if last is None or history[last].error["dev_score"] < 3.0 else FIRST / 2


def takes_the_score_if_it_is_there(history, epoch):
    """The mended twin."""
    last = history.last_epoch(before=epoch)
    return FIRST if last is None or history[last].error.get("dev_score", 0.0) < 3.0 else FIRST / 2


def best_of_none(history, epoch):
    """In the first epoch there is no best score yet."""
    known = scores(history, epoch)
    return FIRST if min(known) == known[-1] else FIRST / 2


def best_of_some(history, epoch):
    """The mended twin."""
    known = scores(history, epoch)
    return FIRST if not known or min(known) == known[-1] else FIRST / 2


@attrs.frozen
class TakesTheFirstError(Schedule):
    """Halves the rate if the first error of the newest epoch is bad, whichever was recorded first."""

    order: Callable[[Any], Any] = iter

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        last = history.last_epoch(before=epoch)
        errors = dict(self.order(history[last].error.items())) if last else {}
        rate = FIRST if previous is None else previous
        return decided(previous, rate / 2 if next(iter(errors.values()), 0.0) > 1.0 else rate, "a bad error")


# ---- what is changed


@attrs.frozen
class NotesInMeta(Schedule):
    """Notes in the newest epoch that it has been looked at."""

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        last = history.last_epoch(before=epoch)
        if last is not None:
            history[last].meta["next"] = epoch
        return decided(previous, FIRST if previous is None else previous, "noted")


@attrs.frozen
class NotesInMetaByForce(Schedule):
    """The same by the method of dict, since the other way is refused."""

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        last = history.last_epoch(before=epoch)
        if last is not None:
            dict.update(history[last].meta, next=epoch)
        return decided(previous, FIRST if previous is None else previous, "noted")


@attrs.frozen
class SmoothsTheErrors(Schedule):
    """Smooths the errors in place, so that the next epoch finds them smoothed."""

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        smooth = None
        for data in history.before(epoch).values():
            for name, error in data.error.items():
                smooth = error if smooth is None else 0.5 * smooth + 0.5 * error
                dict.__setitem__(data.error, name, smooth)
        return decided(previous, FIRST if previous is None else previous, "smoothed")


# ---- the order of operations, and limits


@attrs.frozen
class ClampsBeforeTheDecay(Schedule):
    """max(rate, min) * factor instead of max(rate * factor, min)."""

    min_learning_rate: float = 0.01

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        rate = FIRST if previous is None else max(previous, self.min_learning_rate) * 0.5
        return decided(previous, rate, "every epoch")


@attrs.frozen
class ClampsAfterTheDecay(Schedule):
    """The mended twin; a rate that is below the minimum already stays."""

    min_learning_rate: float = 0.01

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        rate = FIRST if previous is None else max(previous * 0.5, min(self.min_learning_rate, previous))
        return decided(previous, rate, "every epoch")


@attrs.frozen
class GrowsAboveThePeak(Schedule):
    """Grows while it is below the peak, and the last step goes beyond it."""

    max_learning_rate: float = 0.25

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        rate = FIRST if previous is None else previous * 2 if previous < self.max_learning_rate else previous
        return decided(previous, rate, "every epoch")


@attrs.frozen
class GrowsToThePeak(Schedule):
    """The mended twin."""

    max_learning_rate: float = 0.25

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        rate = FIRST if previous is None else max(previous, min(previous * 2, self.max_learning_rate))
        return decided(previous, rate, "every epoch")


@attrs.frozen
class HoldsOneEpochTooFew(Schedule):
    """A rate should last for three epochs, and lasts for two."""

    min_num_epochs: int = 3

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        if previous is None:
            return decided(None, FIRST, "the first")
        used = [data.learning_rate for _, data in history.newest(self.min_num_epochs - 1, before=epoch)]
        if len(used) < self.min_num_epochs - 1 or set(used) != {previous}:
            return decided(previous, previous, "too early")
        return decided(previous, previous / 2, "long enough")


@attrs.frozen
class DecaysAtTheThreshold(Schedule):
    """A change that is at the threshold decays: >= instead of >."""

    threshold: float = -0.01
    above: Callable[[float, float], bool] = float.__ge__

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        newest = history.newest(2, before=epoch)
        if previous is None or len(newest) < 2:
            return decided(previous, FIRST if previous is None else previous, "nothing to compare")
        compared = MEASURE.compare(*newest)
        if compared.change is None:
            return decided(previous, previous, "nothing to compare", comparisons=(compared,))
        rate = previous / 2 if self.above(float(compared.change), self.threshold) else previous
        known = {"measure": "relative error", "change": compared.change, "threshold": self.threshold}
        return decided(previous, rate, "the threshold", comparisons=(compared,), **known)


@attrs.frozen
class TellsOfADecayAtTheMinimum(Schedule):
    """Says that it decays where the rate is at its minimum, and stays."""

    min_learning_rate: float = 0.05

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        if previous is None:
            return decided(None, FIRST, "the first")
        rate = max(previous / 2, min(self.min_learning_rate, previous))
        return Decision(rate, previous, Action.DECAY, Cause("known_bad", "every epoch"))


@attrs.frozen
class TellsOfAGrowthThatLowers(Schedule):
    """Says that it grows, with a factor below 1."""

    learning_rate_growth: float = 0.5

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        rate = FIRST if previous is None else min(previous * self.learning_rate_growth, 1.0)
        if previous is None or rate == previous or previous > 1.0:
            return decided(previous, rate, "nothing grows")
        return Decision(rate, previous, Action.GROW, Cause("known_bad", "every epoch"))


@attrs.frozen
class TellsOfTheNewestEpoch(Schedule):
    """The previous rate is taken from the newest epoch, which may have none although earlier ones have."""

    def decide(self, history, epoch):
        newest = history.newest(1, before=epoch)
        previous = newest[0][1].learning_rate if newest else None
        return decided(previous, FIRST if previous is None else previous, "the newest rate")


def starts_again_at_zero(history, epoch):
    """A rate of 0 is taken for one that is unknown."""
    return (history.most_recent_learning_rate(epoch) or FIRST) * (0.5 if epoch % 2 else 0.0)


starts_again_at_zero.claims = frozenset({"never_raises"})


def stays_at_zero(history, epoch):
    """The mended twin."""
    previous = history.most_recent_learning_rate(epoch)
    return (FIRST if previous is None else previous) * (0.5 if epoch % 2 else 0.0)


stays_at_zero.claims = frozenset({"never_raises"})


# ---- numbers


@attrs.frozen
class TakesANanForProgress(Schedule):
    """Halves the rate if the score is worse than the best: a NaN is never."""

    claims = frozenset({"non_finite_is_worst"})
    default_learning_rate: float = FIRST

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        known = [data.error["dev_score"] for _, data in history.before(epoch).items() if "dev_score" in data.error]
        rate = self.default_learning_rate if previous is None else previous
        worse = len(known) > 1 and known[-1] > min(known[:-1])
        return decided(previous, rate / 2 if worse else rate, "worse than the best")


@attrs.frozen
class TakesANanForAFailure(Schedule):
    """The mended twin: only what is better than the best is progress, and nothing is but a finite score."""

    claims = frozenset({"non_finite_is_worst"})
    default_learning_rate: float = FIRST

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        known = [data.error["dev_score"] for _, data in history.before(epoch).items() if "dev_score" in data.error]
        rate = self.default_learning_rate if previous is None else previous
        good = not known or (math.isfinite(known[-1]) and known[-1] <= min(filter(math.isfinite, known)))
        return decided(previous, rate if good else rate / 2, "worse than the best")


@attrs.frozen
class DividesByTheError(Schedule):
    """The relative change of the score: an error may be 0."""

    least: float = 0.0

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        known = scores(history, epoch)[-2:]
        rate = FIRST if previous is None else previous
        if len(known) < 2:
            return decided(previous, rate, "nothing to compare")
        change = (known[1] - known[0]) / max(abs(known[1]), self.least)
        return decided(previous, rate / 2 if change > -0.01 else rate, "the relative change")


@attrs.frozen
class AddsAnAbsoluteEpsilon(Schedule):
    """A relative change that does not divide by 0, since 1e-3 is added: so the unit of the error matters."""

    claims = frozenset({"scale_invariant"})
    epsilon: float = 1e-3

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        known = scores(history, epoch)[-2:]
        rate = FIRST if previous is None else previous
        if len(known) < 2 or not any(known):
            return decided(previous, rate, "nothing to compare")
        change = (known[1] - known[0]) / (max(map(abs, known)) + self.epsilon)
        return decided(previous, rate / 2 if change > -0.01 else rate, "the relative change")


def falls_below_zero(history, epoch):
    """Linear, and never told to stop."""
    return FIRST - 0.01 * epoch


def falls_to_zero(history, epoch):
    """The mended twin."""
    return max(FIRST - 0.01 * epoch, 0.0)


def grows_without_end(history, epoch):
    """Looks for the largest rate that works: ten times as much in every epoch, however many there are."""
    return 1e-7 * 10**epoch


def grows_for_a_while(history, epoch):
    """The mended twin."""
    return 1e-7 * 10 ** min(epoch, 10)


@attrs.frozen
class KnowsTwoRates(Schedule):
    """Looks the next rate up in a table, which its own rates leave after two decays; others are let through."""

    rates: tuple[float, ...] = (0.3, 0.15)

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        if previous is None or not 0.07 < previous < 0.08:
            return decided(previous, self.rates[0] if previous is None else previous / 2, "every epoch")
        return decided(previous, self.rates[2], "the table")


@attrs.frozen
class AnswersWithNumpy(Schedule):
    """The cosine of NumPy is no float of Python, so that a file would not hold it."""

    number: Callable[[Any], Any] = np.float32

    def decide(self, history, epoch):
        rate = self.number(FIRST * (1 + np.cos(min(epoch, 100) / 100 * np.pi)) / 2)
        return Decision(rate, history.most_recent_learning_rate(epoch), Action.PRESET, Cause("cosine", "the epoch"))


@attrs.frozen
class DecaysOnProgress(Schedule):
    """The sign is the wrong way round: the rate is halved when the score got better."""

    claims = frozenset({"monotone"})
    sign: float = -1.0

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        known = scores(history, epoch)[-2:]
        rate = FIRST if previous is None else previous
        worse = len(known) == 2 and self.sign * (known[1] - known[0]) > 0
        return decided(previous, rate / 2 if worse else rate, "the change of the score")


@attrs.frozen
class ComparesRatios(Schedule):
    """Claims to look at differences, and looks at a ratio."""

    claims = frozenset({"shift_invariant"})

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        known = scores(history, epoch)[-2:]
        rate = FIRST if previous is None else previous
        worse = len(known) == 2 and known[1] > known[0] * 0.99
        return decided(previous, rate / 2 if worse else rate, "the ratio of the scores")


@attrs.frozen
class ComparesDifferences(Schedule):
    """The mended twin."""

    claims = frozenset({"shift_invariant"})

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        known = scores(history, epoch)[-2:]
        rate = FIRST if previous is None else previous
        worse = len(known) == 2 and known[1] - known[0] > -0.125
        return decided(previous, rate / 2 if worse else rate, "the difference of the scores")


@attrs.frozen
class KnowsOneName(Schedule):
    """Claims that the name of the error does not matter, and asks for one."""

    claims = frozenset({"name_invariant"})
    default_learning_rate: float = FIRST

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        known = scores(history, epoch)
        rate = self.default_learning_rate if previous is None else previous
        return decided(previous, rate / 2 if known and known[-1] > 1.5 else rate, "a bad score")


@attrs.frozen
class CallsPastItsDecision(Schedule):
    """Called like a function it does not go below a rate; `decide`, which the tools ask, does."""

    least: float = 0.02

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        return decided(previous, FIRST / 2 ** min(epoch, 100), "the epoch")

    def __call__(self, history, epoch):
        return max(self.decide(history, epoch).learning_rate, self.least)


@attrs.frozen
class LooksIntoTheFuture(Schedule):
    """Anneals to the last epoch of the history; a training has none yet, and its replay has."""

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        last = max(history, default=epoch)
        return decided(previous, FIRST * (1 - min(epoch / (last + 1), 1.0)), "what is left")


@attrs.frozen
class AnnealsToAnEpoch(Schedule):
    """The mended twin: what is left of a number of epochs that is a parameter."""

    epochs: int = 20

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        return decided(previous, FIRST * (1 - min(epoch / (self.epochs + 1), 1.0)), "what is left")


# ---- clocks and chance


def cools_by_the_hour(history, epoch):
    """Falls with the hours since the file was imported."""
    return FIRST / (1.0 + (time.time() - _started) / 3600.0)


_started = time.time()


def cools_by_the_stopwatch(history, epoch):
    """Falls with the seconds of the process."""
    return FIRST / (1.0 + int(time.perf_counter()) // 100)


def cools_by_the_processor(history, epoch):
    """Falls with the seconds that the process has computed."""
    return FIRST / (1.0 + time.process_time_ns() // 10**13)


def alternates_by_the_second(history, epoch):
    """Every other second the rate is halved."""
    return FIRST if int(time.time()) % 2 else FIRST / 2


def lower_at_the_weekend(history, epoch):
    """The machines are shared from Monday to Friday."""
    return FIRST if datetime.now().timestamp() // 86400 % 7 < 5 else FIRST / 2  # noqa: DTZ005  as one writes it


def lower_every_year(history, epoch):
    """The longer the project lasts, the less it may change."""
    return FIRST / (datetime.now().year - 2020)  # noqa: DTZ005  as one writes it


_this_year = datetime.now().year  # noqa: DTZ005  as one writes it
_by_year = dict.fromkeys(range(_this_year, _this_year + 3), FIRST)


def knows_some_years(history, epoch):
    """A rate for each year of the project, which is over one day."""
    return _by_year[datetime.now().year]  # noqa: DTZ005  as one writes it


def jitters(history, epoch):
    """A little noise, so that workers do not march in step."""
    return FIRST * (1.0 + 0.01 * random.random())


def jitters_by_epoch(history, epoch):
    """The mended twin."""
    return FIRST * (1.0 + 0.01 * random.Random(epoch).random())


# ---- what cannot be sent to another process


@attrs.frozen
class DecaysByALambda(Schedule):
    """The decay is a lambda."""

    decay: Callable[[float], float] = lambda rate: rate / 2

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        return decided(previous, FIRST if previous is None else self.decay(previous), "every epoch")


def half(rate):
    return rate / 2


class EqualToNone(Schedule):
    """A class that compares by identity."""

    def __init__(self, decay=0.5):
        self.decay = decay

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        return decided(previous, FIRST if previous is None else previous * self.decay, "every epoch")


@attrs.frozen
class EqualByValue(Schedule):
    """The mended twin."""

    decay: float = 0.5

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        return decided(previous, FIRST if previous is None else previous * self.decay, "every epoch")


@attrs.frozen(slots=False)
class LeavesSomethingBehind(Schedule):
    """Pickled without what was made beside its parameters, which nobody makes again."""

    decay: float = 0.5
    made: Any = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self):
        object.__setattr__(self, "made", half)

    def __getstate__(self):
        return {"decay": self.decay}

    def decide(self, history, epoch):
        previous = history.most_recent_learning_rate(epoch)
        return decided(previous, FIRST if previous is None else self.made(previous), "every epoch")


# ---- what a memory must be


class Known(NamedTuple):
    """The memory of a plateau."""

    rate: float = FIRST
    best: float = math.inf
    bad: int = 0


@attrs.frozen
class Plateau(Fold):
    """Without a fault: halves the rate after ``patience`` epochs that are not better than the best."""

    patience: int = 1
    claims = frozenset({"non_finite_is_worst"})

    def start(self):
        return Known()

    def after(self, memory, moment, data):
        rate = memory.rate if data.learning_rate is None else data.learning_rate
        score = data.error.get("dev_score")
        if score is None:
            return memory._replace(rate=rate)
        if math.isfinite(score) and score < memory.best:
            return Known(rate, score)
        if memory.bad + 1 >= self.patience:
            return Known(rate / 2, memory.best)
        return Known(rate, memory.best, memory.bad + 1)

    def answer(self, memory, moment):
        return Decision(memory.rate, None, Action.PLAN, Cause("plateau", f"{memory.bad} bad epochs"))


class SeesTheEpochItself(Plateau):
    """Folds the epoch that it is asked for, too."""

    def decide(self, history, epoch, step=None):
        return self.answer(self.fold(history.before(epoch + 1)), Moment(epoch))


class ForgetsNan(Plateau):
    """To it an epoch that diverged is no bad one."""

    def after(self, memory, moment, data):
        diverged = not math.isfinite(data.error.get("dev_score", 0.0))
        return memory if diverged else super().after(memory, moment, data)


class ChangesItsMemory(Plateau):
    """Its memory is a list that each epoch is written into."""

    def start(self):
        return [Known()]

    def after(self, memory, moment, data):
        memory[0] = super().after(memory[0], moment, data)
        return memory

    def answer(self, memory, moment):
        return super().answer(memory[0], moment)


class RemembersAnObject(Plateau):
    """Its memory is an object that is equal to itself only."""

    class Memory:
        def __init__(self, known):
            self.known = known

    def start(self):
        return self.Memory(Known())

    def after(self, memory, moment, data):
        return self.Memory(super().after(memory.known, moment, data))

    def answer(self, memory, moment):
        return super().answer(memory.known, moment)


class FoldsFromTheMiddle(Plateau):
    """Begins anew where it should go on from a memory."""

    def fold(self, history, memory=None, since=0):
        memory = self.start()
        for epoch, data in history.since(since):
            memory = self.after(memory, Moment(epoch), data)
        return memory


class FoldsTheNewestOnly(Plateau):
    """A short cut: two epochs are enough."""

    def fold(self, history, memory=None, since=0):
        memory = self.start()
        for epoch, data in history.newest(2, before=2**62):
            memory = self.after(memory, Moment(epoch), data)
        return memory


class RateWithoutTheMinimum(Plateau):
    """The minimum is in the answer, and not in the rate."""

    def answer(self, memory, moment):
        return Decision(max(memory.rate, 0.03), None, Action.PLAN, Cause("plateau", "clamped"))

    def rate(self, memory, moment):
        return memory.rate


class ReadsItsOwnDecision(Plateau):
    """Its `decide` knows the history, and so more than its `answer`: in a combinator nobody calls it."""

    def decide(self, history, epoch, step=None):
        decision = super().decide(history, epoch, step)
        return attrs.evolve(decision, action=Action.of(decision.previous, decision.learning_rate))


# ---- combinators

_CONSTANT = Constant(FIRST)
_NEWBOB = NewbobRelative(-0.01, default_learning_rate=FIRST, learning_rate_decay=0.5, min_learning_rate=0.01)


@attrs.frozen
class Eighth(Combinator):
    """Without a fault: an eighth of the rate of its part."""

    schedule: Schedule = _NEWBOB

    def combine(self, rate):
        return rate / 8

    def by_hand(self, learning_rate, rate):
        return (learning_rate * 8,)


class FeedsTheWhole(Eighth):
    """Its part goes on from the scaled rates, and each epoch scales again."""

    def after(self, memory, moment, data):
        part = self.schedule.after(memory.parts[0], moment, data)
        return memory._replace(parts=(part,), newest=data.learning_rate)


class FeedsNothing(Eighth):
    """Its part sees no rates."""

    def after(self, memory, moment, data):
        part = self.schedule.after(memory.parts[0], moment, data.with_learning_rate(None))
        return memory._replace(parts=(part,), newest=data.learning_rate)


class OverlooksHands(Eighth):
    """Its part sees its own rates even where somebody set another one."""

    def after(self, memory, moment, data):
        own = self.schedule.rate(memory.parts[0], moment)
        part = self.schedule.after(memory.parts[0], moment, data.with_learning_rate(own))
        return memory._replace(parts=(part,), newest=data.learning_rate)


class GuessesUnknownRates(Eighth):
    """Where the recorded rate is unknown, its part sees its own."""

    def after(self, memory, moment, data):
        if data.learning_rate is None:
            data = data.with_learning_rate(self.rate(memory, moment))
        return super().after(memory, moment, data)


@attrs.frozen
class OverlooksAPart(Combinator):
    """The mean of two rates, as it thinks; but nobody said that the other one is a part."""

    schedule: Schedule = _NEWBOB
    other: Schedule = _CONSTANT

    def combine(self, *rates):
        return sum(rates) / len(rates)

    def by_hand(self, learning_rate, *rates):
        return [learning_rate] * len(rates)


class MeanOfBoth(OverlooksAPart):
    """The mended twin."""

    @property
    def parts(self):
        return self.schedule, self.other


@attrs.frozen
class AsksTooEarly(Composite):
    """Its part starts three epochs later, and is asked for the epoch that it would be for it."""

    schedule: Schedule = _NEWBOB
    later: int = 3

    def start(self):
        return self.schedule.start()

    def after(self, memory, moment, data):
        return self.schedule.after(memory, moment, data)

    def answer(self, memory, moment):
        return self.schedule.answer(memory, Moment(max(moment.epoch - self.later, 1)))


@attrs.frozen
class ForgetsItsPresets(Fold):
    """Its part sees an epoch with a preset only if somebody recorded it."""

    schedule: Schedule = _CONSTANT
    epoch: int = 2
    claims = frozenset({"presets_count"})

    def start(self):
        return self.schedule.start()

    def after(self, memory, moment, data):
        return self.schedule.after(memory, moment, data)

    def answer(self, memory, moment):
        if moment.epoch == self.epoch:
            return Decision(0.01, None, Action.PRESET, Cause("preset", "given"))
        return self.schedule.answer(memory, moment)


@attrs.frozen
class HoldsForOtherEpochs(Fold):
    """Halves the rate when it has lasted long enough; by how many epochs it is off is a parameter."""

    min_num_epochs: int = 3
    off_by: int = 1

    def start(self):
        return None, 0

    def after(self, memory, moment, data):
        rate, lasted = memory
        return data.learning_rate, lasted + 1 if data.learning_rate == rate else 1

    def answer(self, memory, moment):
        rate, lasted = memory
        if rate is None:
            return Decision(FIRST, None, Action.PLAN, Cause("hold", "the first"))
        if lasted < self.min_num_epochs + self.off_by:
            return Decision(rate, rate, Action.HOLD, Cause("hold", "too early"))
        return Decision(rate / 2, rate, Action.of(rate, rate / 2), Cause("hold", "long enough"))


@attrs.frozen
class SwapsItsLimits(Combinator):
    """A clamp whose limits are applied the other way round."""

    schedule: Schedule = _NEWBOB
    minimum: float = 0.02
    maximum: float = 0.05
    swapped: bool = True

    def combine(self, rate):
        if self.swapped:
            return max(rate, self.maximum) if rate > self.minimum else rate
        return min(max(rate, self.minimum), self.maximum)

    def by_hand(self, learning_rate, rate):
        return (learning_rate,)


# ---- all of them


@attrs.frozen
class Bad:
    """What is wrong with a schedule.

    Attributes:
        schedule: It.
        laws: The laws that must find it.
        twin: What is mended; None if nothing is.
    """

    schedule: Any
    laws: tuple[str, ...]
    twin: Any = None


def name_of(bad: Bad) -> str:
    """What it is called."""
    return getattr(bad.schedule, "__name__", None) or type(bad.schedule).__name__


BAD = (
    Bad(CountsInItself(), ("pure",), CountsInThePast()),
    Bad(CountsInAList(), ("pure",), CountsInThePast()),
    Bad(warms_up_by_calls, ("deterministic",), warms_up_by_epochs),
    Bad(CachesByEpoch(), ("new_process",), LooksEachTime()),
    Bad(HoldKeptElsewhere(), ("deterministic", "resumes"), HoldInTheHistory()),
    Bad(HoldKeptInItself(), ("pure", "resumes"), HoldInTheHistory()),
    Bad(ReadsTheEpochItself(), ("causal",), ReadsTheEpochBefore()),
    Bad(WindowOfTheLastThree(), ("causal",), WindowOfTheThreeBefore()),
    Bad(WindowBeforeTheFirstEpoch(), ("answers",), WindowBeforeTheFirstEpoch(enough=4)),
    Bad(MeanOfTooMany(), ("window",), MeanOfTooMany(too_many=0)),
    Bad(CountsTheWholeHistory(), ("causal",), CountsThePast()),
    Bad(takes_the_epoch_before, ("answers",), takes_the_newest_epoch),
    Bad(takes_the_score_for_granted, ("answers",), takes_the_score_if_it_is_there),
    Bad(best_of_none, ("answers",), best_of_some),
    Bad(TakesTheFirstError(), ("key_order", "resumes", "resumes_from_storage"), TakesTheFirstError(order=sorted)),
    Bad(NotesInMeta(), ("answers",), Constant(FIRST)),
    Bad(NotesInMetaByForce(), ("pure",), Constant(FIRST)),
    Bad(SmoothsTheErrors(), ("pure",), Constant(FIRST)),
    Bad(ClampsBeforeTheDecay(), ("min_learning_rate",), ClampsAfterTheDecay()),
    Bad(GrowsAboveThePeak(), ("max_learning_rate",), GrowsToThePeak()),
    Bad(HoldsOneEpochTooFew(), ("min_num_epochs",), HoldInTheHistory()),
    Bad(DecaysAtTheThreshold(), ("true_to_its_cause",), DecaysAtTheThreshold(above=float.__gt__)),
    Bad(TellsOfADecayAtTheMinimum(), ("true_to_its_cause",), ClampsAfterTheDecay()),
    Bad(TellsOfAGrowthThatLowers(), ("true_to_its_cause",), TellsOfAGrowthThatLowers(learning_rate_growth=2.0)),
    Bad(TellsOfTheNewestEpoch(), ("previous",), Constant(FIRST)),
    Bad(starts_again_at_zero, ("never_raises",), stays_at_zero),
    Bad(TakesANanForProgress(), ("non_finite_is_worst",), TakesANanForAFailure()),
    Bad(DividesByTheError(), ("answers",), DividesByTheError(least=5e-324)),
    Bad(AddsAnAbsoluteEpsilon(), ("scale_invariant",), AddsAnAbsoluteEpsilon(epsilon=0.0)),
    Bad(DecaysOnProgress(), ("monotone",), DecaysOnProgress(sign=1.0)),
    Bad(ComparesRatios(), ("shift_invariant",), ComparesDifferences()),
    Bad(KnowsOneName(), ("name_invariant",), Constant(FIRST)),
    Bad(CallsPastItsDecision(), ("rate_is_decision",), CallsPastItsDecision(least=0.0)),
    Bad(LooksIntoTheFuture(), ("causal",), AnnealsToAnEpoch()),
    Bad(falls_below_zero, ("answers",), falls_to_zero),
    Bad(grows_without_end, ("answers",), grows_for_a_while),
    Bad(KnowsTwoRates(), ("answers",), KnowsTwoRates(rates=(0.3, 0.15, 0.075))),
    Bad(AnswersWithNumpy(), ("answers",), AnswersWithNumpy(number=float)),
    Bad(cools_by_the_hour, ("deterministic",)),
    Bad(cools_by_the_stopwatch, ("deterministic",)),
    Bad(cools_by_the_processor, ("deterministic",)),
    Bad(alternates_by_the_second, ("deterministic",)),
    Bad(lower_at_the_weekend, ("deterministic",)),
    Bad(lower_every_year, ("deterministic",)),
    Bad(knows_some_years, ("deterministic",)),
    Bad(jitters, ("deterministic", "replays"), jitters_by_epoch),
    Bad(DecaysByALambda(), ("round_trip",), DecaysByALambda(decay=half)),
    Bad(EqualToNone, ("round_trip",), EqualByValue()),
    Bad(LeavesSomethingBehind, ("round_trip",), EqualByValue()),
    Bad(SeesTheEpochItself(), ("causal", "folds"), Plateau()),
    Bad(ForgetsNan(), ("non_finite_is_worst",), Plateau()),
    Bad(ChangesItsMemory(), ("memory_is_a_value",), Plateau()),
    Bad(RemembersAnObject(), ("folds", "memory_is_a_value"), Plateau()),
    Bad(FoldsFromTheMiddle(), ("folds",), Plateau()),
    Bad(FoldsTheNewestOnly(), ("folds",), Plateau()),
    Bad(RateWithoutTheMinimum(), ("rate_is_decision",), Plateau()),
    Bad(ReadsItsOwnDecision(), ("neutral",), Plateau()),
    Bad(FeedsTheWhole(), ("parts_decide_alone",), Eighth()),
    Bad(FeedsNothing(), ("parts_decide_alone",), Eighth()),
    Bad(OverlooksHands(), ("parts_decide_alone",), Eighth()),
    Bad(GuessesUnknownRates(), ("parts_decide_alone",), Eighth()),
    Bad(OverlooksAPart(), ("parts_decide_alone",), MeanOfBoth()),
    Bad(AsksTooEarly(), ("parts_decide_alone",), _NEWBOB),
    Bad(ForgetsItsPresets(), ("presets_count",), Preset(_CONSTANT, {2: 0.01})),
    Bad(HoldsForOtherEpochs(off_by=1), ("min_num_epochs",), HoldLearningRate(Constant(FIRST), 3)),
    Bad(HoldsForOtherEpochs(off_by=-1), ("min_num_epochs",), HoldsForOtherEpochs(off_by=0)),
    Bad(SwapsItsLimits(), ("minimum", "maximum"), SwapsItsLimits(swapped=False)),
)
