"""Which error of an epoch counts, how it changed between two epochs, and which epoch was best."""

import math
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any, Final, Literal, final

import attrs

from lrsched.core.epoch_data import OLD_FORMAT_KEY, EpochData
from lrsched.core.history import Entry, History
from lrsched.core.numbers import Flag, checked, integer, rounded
from lrsched.errors import broken_law, did_you_mean

NonFinitePolicy = Literal["worse", "keep", "original"]
"""What a NaN or infinite error means for a schedule.

``"worse"``: a non-finite new error is worse than anything, and nothing can be compared with a non-finite old one, so
such an epoch may lower the rate and never raises it. ``"keep"``: neither can be compared, so the rate is kept.
``"original"``: floating-point arithmetic decides, as in RETURNN, where a NaN counts as an improvement.
"""
Direction = Literal["min", "max"]
"""Which errors are better, the smaller (``"min"``) or the larger (``"max"``), as of an accuracy."""
StandIns = Literal["common", "returnn"]
"""Which error counts where no configured key is there.

``"common"``: a ``loss``, a ``score`` or an ``error`` of held-out data first (``val``, ``valid``, ``dev``, ``eval``,
``test``), then one of the training data, then any other; never one whose name says that the other direction is better.
``"returnn"``: as RETURNN chooses, whatever the name says.
"""
Gaps = Literal["neighbours", "newest_with_key"]
"""Which epochs are compared, the newest ones, whatever they have, or the newest ones that have a configured key."""


def as_error_keys(error_measure_key: str | Sequence[str] | None) -> tuple[str, ...]:
    """The configured error keys, best first: from None, one key, or a sequence of keys.

    Raises:
        ArgumentError: Something in it is no str.
    """
    if error_measure_key is None:
        return ()
    keys: Any = (error_measure_key,) if isinstance(error_measure_key, str) else error_measure_key
    if not isinstance(keys, Sequence) or not all(isinstance(key, str) for key in keys):
        law = "None, a str or a sequence of str"
        raise broken_law("error_measure_key", law, error_measure_key, 'name the error, as in "dev_score"')
    return tuple(map(str, keys))


@final
@attrs.frozen(slots=False)  # made at every epoch: attrs fills an instance dict twice as fast as slots
class ErrorKey:
    """The key of the error that counts at an epoch, and why it is that one.

    Attributes:
        key: The key, or None where no error counts.
        reason: Why, as a phrase.
        doubts: Why that may not be what was meant: pairs of a word for the kind of doubt and a sentence.
    """

    key: str | None
    reason: str
    doubts: tuple[tuple[str, str], ...] = ()


_UNCOMPARED: Final = 4
_HIGHER_WINS: Final = "mode='max' (--higher-is-better)"
_LISTED: Final = 6
"""How many names a sentence has at most."""
CONFIGURED: Final = "the configured key"
_NO_ERRORS: Final = ErrorKey(None, "the epoch has no errors")

# What stands in where no configured key is there, in RETURNN: the first group that matches, in it the first name in the
# alphabet, and where none matches, the first of all.
_RETURNNS: Final = re.compile(
    "(dev_score)|(dev_score_output)|(dev_score_output/output(?:_.*)?)|(dev_score_output/.*)|(dev_.*)"
    "|(train_score)|(train_score_output)",
    re.DOTALL,
)
_HELD_OUT: Final = {"val": 0, "valid": 0, "validation": 0, "dev": 1, "devel": 1, "eval": 2, "evaluation": 2, "test": 3}
_LIKELY: Final = {"loss": 0, "score": 1} | dict.fromkeys(
    ("error", "err", "wer", "cer", "mae", "mse", "rmse", "nll", "ppl", "perplexity"), 2
)
_UNLIKELY: Final = 3
_HIGHER: Final = re.compile(
    r"accura|precision|recall|bleu|rouge|meteor|ndcg|auroc|rocauc|psnr|ssim|reward|rew_mean|likelihood|exact_?match"
    r"|bert_?score|true_(positive|negative)_rate|corr(elation|_?coef)|spearman|pearson|jaccard|specificity|sensitivity|similarity|silhouette|explained_?variance"
    r"|f_?(beta|score|measure)|mean_?io_?u|signal_?noise|(hit|win|success|positive)_?rate|return(?![a-z])"
    r"|(?<![a-z0-9])(acc|f1|f1_?score|auc|aupr|auprc|ap|map|mar|m?iou|dice|r_?2|mrr|mcc|chrf|cider|comet|kappa|hits|top|pass|prec|snr|sdr"
    r"|si_?snr|pesq|stoi|mos|tpr|correct)[@_-]?\d*(?![a-z0-9])"
)
_LOWER: Final = re.compile(
    r"loss|error|cost|distance|entropy|perplexity|inaccura|minus|^1-|neg(ative)?_log"
    r"|(?<![a-z])(err|nll|ppl|wer|cer|mae|r?mse)(?![a-z])"
)
_NO_ERROR: Final = re.compile(
    r"(?<![a-z])(epoch|step|steps|lr|learning_rate|runtime|time|second|seconds|speed|wps|ups|fps|norm|gnorm|samples|num|bsz"
    r"|size|len)(?![a-z])"
)


def _words(name: str) -> str:
    """A name in small letters, its words apart: ``valLoss`` is ``val_loss``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def higher_is_better(name: str) -> bool:
    """Whether the name of an error says that larger ones are better.

    Examples:
        >>> [higher_is_better(name) for name in ("val_accuracy", "F1", "mAP50", "dev_score", "val_loss", "top1_err")]
        [True, True, True, False, False, False]
    """
    texts = (name.lower(), _words(name))  # "mAP" is one word
    return any(map(_HIGHER.search, texts)) and not any(map(_LOWER.search, texts))


@final
@attrs.frozen(field_transformer=checked, slots=False)
class ErrorMeasure:
    """Which error of an epoch counts, and how it is compared.

    Args:
        keys: The wanted keys, best first: one, several, or None for none.
        strict: Whether only these count. Otherwise others stand in where they are missing.
        mode: Which errors are better, see `Direction`.
        non_finite: What NaN and infinite errors mean, see `NonFinitePolicy`.
        stand_ins: Which error counts where no configured key is there, see `StandIns`.
        gaps: Which epochs are compared, see `Gaps`. With ``"newest_with_key"`` only the configured keys count.

    Raises:
        ArgumentError: An argument is none of these; a key says that larger errors are better, and ``mode`` is
            ``"min"`` (unless the stand-ins are RETURNN's); or ``"newest_with_key"`` has no key.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``get_error_key``; ``mode`` as in
        ``torch.optim.lr_scheduler.ReduceLROnPlateau``; the common stand-ins are lrsched's.

    Examples:
        >>> keras = EpochData(error={"accuracy": 0.5, "loss": 2.0, "val_accuracy": 0.4, "val_loss": 2.5})
        >>> ErrorMeasure().key_of(keras).key, ErrorMeasure(mode="max").key_of(keras).key
        ('val_loss', 'val_accuracy')
        >>> ErrorMeasure("loss").key_of(keras)
        ErrorKey(key='loss', reason='the configured key', doubts=())
        >>> ErrorMeasure("val_lossy").key_of(EpochData(error={"val_loss": 2.5})).doubts
        (('missing', "there is no error 'val_lossy' among 'val_loss', so 'val_loss' counts"),)
    """

    keys: tuple[str, ...] = attrs.field(default=(), converter=as_error_keys)
    strict: Flag = False
    mode: Direction = "min"
    non_finite: NonFinitePolicy = "worse"
    stand_ins: StandIns = "common"
    gaps: Gaps = "neighbours"
    _usual: str | None = attrs.field(init=False, repr=False, eq=False)
    """The key that counts wherever it is there."""

    @_usual.default
    def _its_usual(self) -> str | None:
        return self.keys[0] if self.keys else "dev_score" if self.stand_ins == "returnn" else None

    def __hash__(self) -> int:
        return hash(self.keys)  # which tells nearly all apart, at a fraction of the cost

    def __attrs_post_init__(self) -> None:
        if self.gaps == "newest_with_key" and not self.keys:
            raise broken_law("error_measure_key", "set where gaps is 'newest_with_key'", None, "name the error")
        if self.mode == "min" and self.stand_ins == "common":
            for key in filter(higher_is_better, self.keys):
                law = "an error where smaller is better, as mode is 'min'"
                raise broken_law("error_measure_key", law, key, "pass mode='max'")

    def key_of(self, data: EpochData | None) -> ErrorKey:
        """Which error counts at one epoch, and why.

        Args:
            data: What is recorded of the epoch; None if nothing is, where the first configured key is the answer.
        """
        if data is None:
            return ErrorKey(self.keys[0] if self.keys else None, "the epoch is not in the history")
        names = (self._usual,) if self._usual in data.error else tuple(data.error)
        return _error_key(self, names)

    def change(self, old: EpochData, new: EpochData, relative_to: Literal["new", "old"] | None = "new") -> float | None:
        """How the error that counts changed, below 0 is better; None if that is unknown.

        Args:
            old: The older epoch.
            new: The newer one.
            relative_to: As in `error_change`.
        """
        old_errors, new_errors, key = old.error, new.error, self._usual
        if key is None or key not in old_errors or key not in new_errors:
            old_names, new_names = tuple(old_errors), tuple(new_errors)  # nearly always the same
            key = _error_key(self, new_names).key
            if key is None or (old_names != new_names and _error_key(self, old_names).key != key):
                return None
        before, now = old_errors[key], new_errors[key]
        if self.mode == "max":
            before, now = -before, -now
        return error_change(before, now, relative_to, self.non_finite)

    def compare(
        self, old: Entry, new: Entry, relative_to: Literal["new", "old"] | None = "new", scale: float = 1.0
    ) -> "Comparison":
        """Two epochs held against each other.

        Args:
            old: The older epoch with its data.
            new: The newer one.
            relative_to: As in `error_change`.
            scale: What the change is divided by.
        """
        (old_epoch, old_data), (new_epoch, new_data) = old, new
        old_key, new_key = self.key_of(old_data), self.key_of(new_data)
        old_error = None if old_key.key is None else old_data.error[old_key.key]
        new_error = None if new_key.key is None else new_data.error[new_key.key]
        change = self.change(old_data, new_data, relative_to)
        change = None if change is None else change / scale
        return Comparison(old_epoch, new_epoch, old_key, new_key, old_error, new_error, change, scale)

    def doubts_of(self, data: EpochData) -> tuple[tuple[str, str], ...]:
        """Why the error that counts at an epoch may not be what was meant, as `ErrorKey` has it; or its value."""
        key = self.key_of(data)
        if self.non_finite != "original" or key.key is None or math.isfinite(data.error[key.key]):
            return key.doubts
        text = f"{_plain(key.key)} is {data.error[key.key]}, which may raise the rate, as in RETURNN"
        return (*key.doubts, ("non_finite", f"{text}; with non_finite_error='worse' it never does"))

    def has_key(self, data: EpochData) -> bool:
        """Whether an error counts at an epoch."""
        return self._usual in data.error or self.key_of(data).key is not None


shared_measure: Final = lru_cache(maxsize=256)(ErrorMeasure)
"""`ErrorMeasure`, made once for the same arguments: a sweep makes very many schedules with few measures."""
COMMON: Final = ErrorMeasure()
"""What counts where nothing is configured."""


@lru_cache(maxsize=1024)  # the names of the errors are the same in nearly all epochs of a training run
def _error_key(measure: ErrorMeasure, names: tuple[str, ...]) -> ErrorKey:
    """The error that counts among some."""
    keys, mode = measure.keys, measure.mode
    if not names:
        return _NO_ERRORS
    for key in keys:
        for name, reason in ((key, CONFIGURED), (f"{key}_output", "the configured key, of the output layer")):
            if name in names:
                return ErrorKey(name, reason, tuple(_direction_doubts(mode, name)))
    if names == (OLD_FORMAT_KEY,):
        return ErrorKey(OLD_FORMAT_KEY, "the only error, of the old file format")
    setting = "error_measure_key" if measure.stand_ins == "common" else "learning_rate_control_error_measure"
    missing = f"there is no error {' or '.join(map(repr, keys))} among {_listed(names)}"
    if keys and (measure.strict or measure.gaps == "newest_with_key"):
        doubts = [("missing", f"{missing}, so none counts{_hint(keys[0], names)}")] * (measure.gaps == "neighbours")
        return ErrorKey(None, "no configured key is there, and no other one counts", tuple(doubts))
    ranked = sorted((rank, name) for name in names if (rank := _rank(measure, name)) is not None)
    if not ranked:
        reason = f"no name is that of an error where {'smaller' if mode == 'min' else 'larger'} is better"
        way_out = f"if one is meant, set {setting}" + (f" and {_HIGHER_WINS}" if mode == "min" else "")
        doubt = f"no error counts among {_listed(names)}, since {reason}; the rate stays; {way_out}"
        return ErrorKey(None, reason, (("direction", doubt),))
    (rank, name), *others = ranked
    alike = [other for other_rank, other in others if other_rank == rank]
    doubts = list(_direction_doubts(mode, name))
    if keys:
        doubts.insert(0, ("missing", f"{missing}, so {name!r} counts{_hint(keys[0], names, name)}"))
    elif alike or (rank[0] and measure.stand_ins == "common" and mode == "min" and len(names) > 1):
        how = (
            f"of {_listed([name, *alike])} the alphabet picks" if alike else "for want of a loss, score or error counts"
        )
        doubts.insert(0, ("alphabet", f"{how} {name!r}; set {setting} to say which one counts"))
    because = "no configured key is there" if keys else "no key is configured"
    return ErrorKey(name, f"{because}; {'the alphabet picks it' if alike else 'it is the likeliest'}", tuple(doubts))


def _direction_doubts(mode: Direction, name: str) -> Iterator[tuple[str, str]]:
    if mode == "min" and higher_is_better(name):
        yield "direction", f"{name!r} counts, and a smaller one as better; if larger ones are, set {_HIGHER_WINS}"


def _hint(key: str, names: Sequence[str], counts: str = "") -> str:
    """Which error may have been meant, as the end of a sentence, unless it counts anyway."""
    asked = did_you_mean(key, names)
    return f"; {asked}" if asked and repr(counts) not in asked else ""


def _listed(names: Sequence[str]) -> str:
    first, rest = sorted(names)[:_LISTED], len(names) - _LISTED
    return ", ".join(map(repr, first)) + (f" and {rest} more" if rest > 0 else "")


def _rank(measure: ErrorMeasure, name: str) -> tuple[int, ...] | None:
    """How well an error can stand in, the lower the better; None if it never can."""
    if measure.stand_ins == "returnn":
        match = _RETURNNS.fullmatch(name)
        return ((match and match.lastindex) or _RETURNNS.groups + 1,)
    if higher_is_better(name) != (measure.mode == "max") or _NO_ERROR.search(_words(name)):
        return None
    words = re.findall(r"[a-z]+", _words(name))
    held_out = min((_HELD_OUT.get(word, len(_HELD_OUT)) for word in words), default=len(_HELD_OUT))
    likely = min((_LIKELY.get(word, _UNLIKELY) for word in words), default=_UNLIKELY)
    return likely // _UNLIKELY, held_out, likely, min(len(words), 3)


@final
@attrs.frozen(slots=False)
class Doubts:
    """What a training run should be warned of, each kind once: a fold over its epochs.

    Attributes:
        measure: Which error counts.
        kinds: The kinds of doubt so far.
        news: What the newest epoch adds, as sentences.
        last: The error that counted at the newest epoch so far.
        clear_of: The errors of the newest epoch, where a next one with the same adds nothing.
        uncompared: For how many decisions up to now there were errors, and no two to compare; -inf where there will be.
    """

    measure: ErrorMeasure
    kinds: frozenset[str] = frozenset()
    news: tuple[str, ...] = ()
    last: ErrorKey | None = None
    uncompared: float = 0
    clear_of: tuple[str, ...] | None = None

    def after(self, epoch: int, data: EpochData) -> "Doubts":
        """The doubts with those of a decision of which this is the newest epoch."""
        names = tuple(data.error)
        if names == self.clear_of:  # as nearly always
            return self
        key, last, uncompared = self.measure.key_of(data), self.last, self.uncompared
        if key.key is not None and (last is None or self.measure.gaps == "newest_with_key" or last.key == key.key):
            uncompared = -math.inf if self.measure.gaps == "newest_with_key" else 0
        else:
            uncompared += bool(data.error) or bool(last and last.key)
        doubts = [*self.measure.doubts_of(data)]
        if uncompared >= _UNCOMPARED and (key.key or not key.doubts):  # else these say why
            why = f"epoch {epoch} has {key.key!r}, the one before {last and last.key!r}" if key.key else key.reason
            if not data.error:
                way_out = "record the errors of an epoch before the next rate is asked for"
            elif self.measure.gaps == "newest_with_key":
                way_out = f"the errors are {_listed(names)}"
            elif self.measure.stand_ins == "returnn":
                way_out = "set learning_rate_control_error_measure to an error that every epoch has"
            else:
                way_out = "error_measure_key with gaps='newest_with_key' compares the newest epochs that have an error"
            text = f"{_UNCOMPARED} decisions with errors and no two to compare, so the rate stays ({why})"
            doubts.append(("uncompared", f"{text}; {way_out}"))
        fresh = {kind: f"epoch {epoch}: {text}" for kind, text in doubts if kind not in self.kinds}
        clear_of = None if doubts or uncompared > 0 or self.measure.non_finite == "original" else names
        return Doubts(self.measure, self.kinds | fresh.keys(), tuple(fresh.values()), key, uncompared, clear_of)


def doubts_about(measure: ErrorMeasure, history: History) -> Iterator[str]:
    """What a training run should be warned of after all these epochs, as sentences, each kind once."""
    doubts = Doubts(measure)
    for epoch, data in history.items():
        doubts = doubts.after(epoch, data)
        yield from doubts.news


def error_change(
    old: float,
    new: float,
    relative_to: Literal["new", "old"] | None = "new",
    non_finite_error: NonFinitePolicy = "worse",
) -> float | None:
    """How an error changed: ``new - old``, or that relative to one of the two. Below 0 is better.

    With a denominator of 0 the relative change is 0 if nothing changed, else infinite with the sign of ``new - old``.

    Args:
        old: The error of the older epoch.
        new: The error of the newer one.
        relative_to: ``"new"``: ``(new - old) / abs(new)``; ``"old"``: ``(new - old) / abs(old)``; None: ``new - old``.
        non_finite_error: What NaN and infinities mean, see `NonFinitePolicy`.

    Returns:
        The change, or None where the two cannot be compared.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``calc_relative_error``; the rules for zero and non-finite errors
        are lrsched's, since the original has none.

    Examples:
        >>> error_change(2.0, 1.0), error_change(2.0, 1.0, relative_to="old"), error_change(1.0, 0.0)
        (-1.0, -0.5, -inf)
        >>> error_change(1.0, math.nan), error_change(math.nan, 1.0)
        (inf, None)
    """
    if non_finite_error != "original" and not (math.isfinite(old) and math.isfinite(new)):
        return math.inf if non_finite_error == "worse" and not math.isfinite(new) else None
    difference = new - old
    if relative_to is None:
        return difference
    base = abs(new if relative_to == "new" else old)
    return difference / base if base else difference and difference * math.inf


@final
@attrs.frozen(slots=False)  # made at every epoch: attrs fills an instance dict twice as fast as slots
class Comparison:
    """Two epochs held against each other.

    Attributes:
        old_epoch: The older epoch.
        new_epoch: The newer one.
        old_key: Which error of the older epoch counts, and why.
        new_key: The same of the newer one.
        old_error: That error's value; None if there is none.
        new_error: The same of the newer one.
        change: The (relative) change, below 0 is better; None where the two cannot be compared.
        learning_rate_scale: What the change was divided by to make it relative to the learning rate; 1 if nothing.
    """

    old_epoch: int
    new_epoch: int
    old_key: ErrorKey
    new_key: ErrorKey
    old_error: float | None = attrs.field(eq=repr)  # so that a NaN equals a NaN
    new_error: float | None = attrs.field(eq=repr)
    change: float | None = attrs.field(eq=repr)
    learning_rate_scale: float = 1.0

    def describe(self, *, exact: bool = False) -> str:
        """In words: which error changed from what to what, or why nothing can be said.

        Args:
            exact: Whether the errors have all their digits. Otherwise they are rounded to what tells them apart.
        """
        for epoch, key in ((self.old_epoch, self.old_key), (self.new_epoch, self.new_key)):
            if key.key is None:
                return f"nothing to compare at epoch {epoch}: {key.reason}"
        old, new = _plain(self.old_key.key), _plain(self.new_key.key)
        if old != new:
            return f"nothing to compare: {old} counts at epoch {self.old_epoch}, {new} at epoch {self.new_epoch}"
        errors: Any = (self.old_error, self.new_error)
        texts = map(repr, errors) if exact else rounded(errors)
        return f"{new} {' -> '.join(texts)} (epochs {self.old_epoch} -> {self.new_epoch})"


def _plain(key: Any) -> str:
    """A key as it is, in quotes only where it is not one word."""
    return key if re.fullmatch(r"[\w./:-]+", key) else repr(key)


def last_best_epoch(
    history: History,
    last_epoch: int,
    first_epoch: int = 1,
    *,
    only_last_epochs: int | None = None,
    filter_score: float = math.inf,
    only_last_n: int = -1,
    min_score_dist: float = 0.0,
    measure: ErrorMeasure = COMMON,
) -> int | None:
    """The best epoch under the error that counts at the latest epoch that has one; the earlier one on ties.

    Args:
        history: The past.
        last_epoch: The last epoch to look at, included.
        first_epoch: The first epoch to look at, included.
        only_last_epochs: Look only at the last N epochs, ``last_epoch`` included.
        filter_score: Leave out epochs with a worse error than this; infinity leaves out none.
        only_last_n: If >= 1: of what is left, look only at the last N.
        min_score_dist: Leave out epochs that are not better than the latest by more than this.
        measure: Which error counts, and whether smaller or larger ones are better.

    Returns:
        The epoch, or None if nothing is left. A NaN is never best.

    Source:
        RETURNN, ``returnn.learning_rate_control``, ``get_last_best_epoch``.

    Examples:
        >>> history = History({e: EpochData(error={"dev_score": s}) for e, s in enumerate((3.0, 1.0, 1.0, 2.0), 1)})
        >>> last_best_epoch(history, 4), last_best_epoch(history, 4, only_last_epochs=2), last_best_epoch(history, 3)
        (2, 3, None)
    """
    if only_last_epochs is not None:
        span = integer("only_last_epochs", only_last_epochs, least=1, way_out="use None to look at all")
        first_epoch = max(first_epoch, last_epoch - span + 1)
    sign = 1.0 if measure.mode == "min" else -1.0
    worst = math.inf if filter_score == math.inf else sign * filter_score
    past = takewhile(lambda entry: entry[0] >= first_epoch, history.backwards(last_epoch + 1))
    keyed = [(key, epoch, data) for epoch, data in past if (key := measure.key_of(data).key) is not None]
    scored = [(sign * data.error[key], epoch) for key, epoch, data in keyed if key == keyed[0][0]]
    if not scored:
        return None
    latest = scored[0][0]
    left = [(score, epoch) for score, epoch in scored if score <= worst][: only_last_n if only_last_n >= 1 else None]
    left = [(score, epoch) for score, epoch in left if score + min_score_dist < latest]
    return min(left)[1] if left else None
