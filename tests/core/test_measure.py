"""Which error counts, how it changed, which epoch was best."""

import math

import pytest
from hypothesis import given, strategies as st

from lrsched import (
    ArgumentError,
    Comparison,
    EpochData,
    ErrorKey,
    ErrorMeasure,
    History,
    best_epochs,
    last_best_epoch,
)
from lrsched.core import measure
from lrsched.core.measure import (
    COMMON,
    CONFIGURED,
    Doubts,
    as_error_keys,
    doubts_about,
    error_change,
    higher_is_better,
)


def relative_error(old, new, *, div_by_old=False, non_finite_error="worse"):
    return error_change(old, new, "old" if div_by_old else "new", non_finite_error)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ANY_NUMBERS = st.floats()
RETURNNS = ErrorMeasure(stand_ins="returnn")
POLICIES = ("worse", "keep", "original")


def _history(*errors):
    return History({epoch: EpochData(error=error) for epoch, error in enumerate(errors, start=1)})


def _in_returnn(error, keys=None, **parameters):
    """Which error counts, with the stand-ins of RETURNN."""
    return ErrorMeasure(keys, stand_ins="returnn", **parameters).key_of(EpochData(error=error))


def _counts(error, keys=None, **parameters):
    """Which error counts."""
    return ErrorMeasure(keys, **parameters).key_of(EpochData(error=dict.fromkeys(error, 1.0)))


@pytest.mark.parametrize(
    ("error", "configured", "key"),
    [
        ({}, "x", None),
        ({"old_format_score": 1.0}, "x", "old_format_score"),
        ({"old_format_score": 1.0, "a": 1.0}, "x", "a"),
        ({"x": 1.0, "dev_score": 1.0}, "x", "x"),
        ({"x_output": 1.0, "dev_score": 1.0}, "x", "x_output"),
        ({"y": 1.0, "x_output": 1.0}, ["x", "y"], "x_output"),
        ({"y": 1.0, "z": 1.0}, ["x", "y"], "y"),
        ({"dev_score": 1.0, "dev_error": 1.0}, "x", "dev_score"),
        ({"dev_score_output": 1.0, "dev_error": 1.0}, None, "dev_score_output"),
        ({"dev_score_output/output_prob": 1.0, "dev_score_a": 1.0, "dev_score_output/a": 1.0}, None,
         "dev_score_output/output_prob"),
        ({"dev_score_output/b": 1.0, "dev_score_output/a": 1.0, "dev_a": 1.0}, None, "dev_score_output/a"),
        ({"dev_b": 1.0, "dev_a": 1.0, "train_score": 1.0}, None, "dev_a"),
        ({"train_score_output": 1.0, "a": 1.0, "train_score": 1.0}, None, "train_score"),
        ({"train_score_output": 1.0, "a": 1.0}, None, "train_score_output"),
        ({"b": 1.0, "a": 1.0}, None, "a"),
    ],
)  # fmt: skip
def test_which_error_counts_in_returnn(error, configured, key):
    assert _in_returnn(error, configured).key == key


@given(
    st.dictionaries(st.sampled_from(["dev_score", "dev_error", "x", "x_output", "old_format_score"]), st.just(1.0)),
    st.lists(st.sampled_from(["dev_score", "x", "y", "old_format_score"]), max_size=2).map(tuple),
    st.booleans(),
    st.sampled_from(["common", "returnn"]),
)
def test_the_usual_cases_are_as_the_whole_rule_has_them(error, keys, strict, stand_ins):
    asked = ErrorMeasure(keys, strict=strict, stand_ins=stand_ins)
    assert asked.key_of(EpochData(error=error)) == measure._error_key(asked, tuple(error))


def test_the_reason_tells_configured_keys_from_stand_ins():
    assert _in_returnn({"x": 1.0}, "x").reason == "the configured key"
    assert "no configured key is there" in _in_returnn({"dev_score": 1.0}, "x").reason
    assert ErrorMeasure(["x", "y"]).key_of(None).key == "x"
    assert ErrorMeasure().key_of(None).key is None
    assert "not in the history" in ErrorMeasure().key_of(None).reason


@pytest.mark.parametrize("stand_ins", ["common", "returnn"])
@pytest.mark.parametrize(
    ("error", "configured", "reason"),
    [
        ({}, "x", "the epoch has no errors"),
        ({"old_format_score": 1.0}, None, "the only error, of the old file format"),
        ({"x_output": 1.0}, "x", "the configured key, of the output layer"),
        ({"y": 1.0}, ["x", "y"], "the configured key"),
        ({"dev_score": 1.0}, None, "no key is configured; it is the likeliest"),
        ({"dev_x": 1.0}, "x", "no configured key is there; it is the likeliest"),
        ({"train_score_output": 1.0, "a": 1.0}, "x", "no configured key is there; it is the likeliest"),
        ({"b": 1.0, "a": 1.0}, None, "no key is configured; the alphabet picks it"),
        ({"dev_b": 1.0, "dev_a": 1.0}, "x", "no configured key is there; the alphabet picks it"),
    ],
)
def test_the_reason_says_what_stands_in(error, configured, reason, stand_ins):
    assert ErrorMeasure(configured, stand_ins=stand_ins).key_of(EpochData(error=error)).reason == reason


def test_error_keys_are_a_tuple_of_plain_text():
    assert as_error_keys(None) == as_error_keys([]) == as_error_keys(()) == ()
    assert as_error_keys("x") == as_error_keys(["x"]) == as_error_keys(("x",)) == ("x",)
    assert as_error_keys("") == ("",)
    assert as_error_keys(["x", "y"]) == ("x", "y")


@pytest.mark.parametrize("nonsense", [0, False, 0.0, {}, b"x", [1], {"x"}])
def test_what_names_no_errors_is_refused(nonsense):
    with pytest.raises(ArgumentError, match="error_measure_key must be None, a str or a sequence of str, got"):
        as_error_keys(nonsense)


def test_strict_matching_has_no_stand_ins():
    assert _counts(["dev_score"], "x").key == _in_returnn({"dev_score": 1.0}, "x").key == "dev_score"
    for counts in (_counts, _in_returnn):
        strict = counts({"dev_score": 1.0}, "x", strict=True)
        assert (strict.key, strict.reason) == (None, "no configured key is there, and no other one counts")
        assert counts({"dev_score": 1.0}, "dev_score", strict=True).key == "dev_score"
        assert counts({"dev_score": 1.0}, strict=True).key == "dev_score"
        assert counts({"old_format_score": 1.0}, "x", strict=True).key == "old_format_score"


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        (2.0, 1.0, -1.0),
        (0.0, 0.0, 0.0),
        (-0.0, 0.0, 0.0),
        (1.0, 0.0, -math.inf),
        (-1.0, 0.0, math.inf),
        (1.0, math.nan, math.inf),
        (1.0, math.inf, math.inf),
        (1.0, -math.inf, math.inf),
        (math.nan, math.nan, math.inf),
        (math.inf, 1.0, None),
        (math.nan, 1.0, None),
        (math.nan, 0.0, None),
    ],
)
def test_zero_and_non_finite_errors_have_defined_changes(old, new, change):
    assert relative_error(old, new) == change


@pytest.mark.parametrize(
    ("old", "new", "relative_to_new", "relative_to_old", "difference"),
    [
        (4.0, 1.0, -3.0, -0.75, -3.0),
        (-4.0, -1.0, 3.0, 0.75, 3.0),
        (0.0, -2.0, -1.0, -math.inf, -2.0),
        (-2.0, 0.0, math.inf, 1.0, 2.0),
        (0.0, 0.0, 0.0, 0.0, 0.0),
    ],
)
def test_a_change_is_relative_to_the_size_of_one_of_the_two_or_is_the_difference(
    old, new, relative_to_new, relative_to_old, difference
):
    assert error_change(old, new) == error_change(old, new, "new") == relative_error(old, new) == relative_to_new
    assert error_change(old, new, "old") == relative_error(old, new, div_by_old=True) == relative_to_old
    assert error_change(old, new, None) == difference


def test_a_policy_is_one_of_three():
    for policy in POLICIES:
        assert ErrorMeasure(non_finite=policy).non_finite == policy
    law = "^non_finite must be one of 'worse', 'keep', 'original', got 'Worse'; choose one of these$"
    with pytest.raises(ArgumentError, match=law):
        ErrorMeasure(non_finite="Worse")


USUAL, OTHER = ErrorKey("dev_score", CONFIGURED), ErrorKey("dev_error", "which stands in")
SAME_NAME = ErrorKey("dev_score", "not the same reason")
STRANGE = ErrorKey("a b", CONFIGURED)
NO_OLD, NO_NEW = ErrorKey(None, "no old one"), ErrorKey(None, "no new one")
NOTHING = "nothing to compare"


@pytest.mark.parametrize(
    ("old_key", "new_key", "old", "new", "words"),
    [
        (USUAL, USUAL, 1.0, 1 / 3, "dev_score 1 -> 0.333 (epochs 2 -> 5)"),
        (USUAL, USUAL, 0.0, 0.0, "dev_score 0 -> 0 (epochs 2 -> 5)"),
        (USUAL, USUAL, 0.44444, 0.44441, "dev_score 0.44444 -> 0.44441 (epochs 2 -> 5)"),
        (USUAL, USUAL, 1.0, math.nan, "dev_score 1 -> nan (epochs 2 -> 5)"),
        (OTHER, OTHER, 1.0, 2.0, "dev_error 1 -> 2 (epochs 2 -> 5)"),
        (USUAL, SAME_NAME, 1.0, 2.0, "dev_score 1 -> 2 (epochs 2 -> 5)"),
        (STRANGE, STRANGE, 1.0, 2.0, "'a b' 1 -> 2 (epochs 2 -> 5)"),
        (USUAL, OTHER, 1.0, 2.0, NOTHING + ": dev_score counts at epoch 2, dev_error at epoch 5"),
        (OTHER, USUAL, 1.0, 2.0, NOTHING + ": dev_error counts at epoch 2, dev_score at epoch 5"),
        (NO_OLD, USUAL, None, 2.0, NOTHING + " at epoch 2: no old one"),
        (USUAL, NO_NEW, 1.0, None, NOTHING + " at epoch 5: no new one"),
        (NO_OLD, NO_NEW, None, None, NOTHING + " at epoch 2: no old one"),
    ],
)
def test_a_comparison_in_words(old_key, new_key, old, new, words):
    assert Comparison(2, 5, old_key, new_key, old, new, None).describe() == words


def test_a_comparison_in_words_can_have_all_digits():
    assert Comparison(2, 5, USUAL, USUAL, 1.0, 1 / 3, None).describe(exact=True) == (
        "dev_score 1.0 -> 0.3333333333333333 (epochs 2 -> 5)"
    )


def test_comparisons_are_values_and_a_nan_equals_a_nan():
    def made(change=1.0):
        return Comparison(1, 2, USUAL, USUAL, float("nan"), float("nan"), change)

    assert made(float("nan")) == made(float("nan")) != made()
    assert made().learning_rate_scale == 1.0


@given(ANY_NUMBERS, ANY_NUMBERS)
def test_keep_compares_only_finite_errors(old, new):
    finite = math.isfinite(old) and math.isfinite(new)
    assert (relative_error(old, new, non_finite_error="keep") is None) == (not finite)


def test_original_is_floating_point_arithmetic():
    assert math.isnan(relative_error(1.0, math.nan, non_finite_error="original"))
    assert math.isnan(relative_error(1.0, math.inf, non_finite_error="original"))
    assert relative_error(math.inf, 1.0, non_finite_error="original") == -math.inf
    assert math.isnan(relative_error(math.nan, 0.0, non_finite_error="original"))


@given(NUMBERS, NUMBERS, st.booleans())
def test_the_sign_of_a_change_says_better_or_worse(old, new, div_by_old):
    change = relative_error(old, new, div_by_old=div_by_old)
    assert change is not None
    assert not math.isnan(change)
    if new > old:
        assert change >= 0
    if new < old:
        assert change <= 0
    if new == old:
        assert change == 0


@given(ANY_NUMBERS, st.sampled_from([math.nan, math.inf, -math.inf]))
def test_a_non_finite_new_error_is_never_better(old, new):
    for relative_to in ("new", "old", None):
        assert error_change(old, new, relative_to=relative_to) == math.inf


def test_the_best_epoch_is_the_earliest_smallest_better_than_the_latest():
    history = _history(*({"dev_score": score} for score in (3.0, 1.0, 1.0, math.nan, 2.0)))
    assert last_best_epoch(history, 5) == 2
    assert last_best_epoch(history, 5, 3) == 3
    assert last_best_epoch(history, 5, only_last_epochs=3) == 3
    assert last_best_epoch(history, 5, only_last_n=1) is None
    assert last_best_epoch(history, 5, only_last_n=2) == 3  # the NaN is no candidate
    assert last_best_epoch(history, 5, filter_score=0.5) is None
    assert last_best_epoch(history, 5, min_score_dist=1.0) is None
    assert last_best_epoch(history, 5, min_score_dist=0.5) == 2
    assert last_best_epoch(history, 4) is None
    assert last_best_epoch(History(), 4) is None


def test_the_bounds_of_what_can_be_best():
    history = _history(*({"dev_score": score} for score in (1.0, 2.0, 3.0, 4.0, 5.0)))
    assert last_best_epoch(history, 5) == last_best_epoch(history, 5, 1) == 1
    assert last_best_epoch(history, 5, 2) == 2
    assert last_best_epoch(history, 4, 4) is None
    assert last_best_epoch(history, 5, 4) == 4
    assert last_best_epoch(history, 9, 2) == 2
    assert last_best_epoch(history, 5, only_last_epochs=1) is None
    assert last_best_epoch(history, 5, only_last_epochs=2) == 4
    assert last_best_epoch(history, 5, only_last_epochs=4) == 2
    assert last_best_epoch(history, 5, 4, only_last_epochs=3) == 4
    assert last_best_epoch(history, 5, 2, only_last_epochs=9) == 2
    assert last_best_epoch(history, 5, only_last_n=-1) == last_best_epoch(history, 5, only_last_n=0) == 1
    assert last_best_epoch(history, 5, only_last_n=2) == 4
    assert last_best_epoch(history, 5, filter_score=1.0) == 1
    assert last_best_epoch(history, 5, filter_score=0.9) is None
    assert last_best_epoch(history, 5, filter_score=2.0, only_last_n=1) == 2  # the filter comes first
    assert last_best_epoch(history, 5, min_score_dist=4.0) is None
    assert last_best_epoch(history, 5, min_score_dist=3.9) == 1
    assert last_best_epoch(history, 5, min_score_dist=-9.0) == 1


def test_an_epoch_under_another_key_cannot_be_best_even_if_it_has_the_latest_one():
    def best(history, last, keys, *, strict=False):
        return last_best_epoch(history, last, measure=ErrorMeasure(keys, strict=strict, stand_ins="returnn"))

    history = _history({"x": 1.0, "y": 0.0}, {"x": 3.0}, {"y": 2.0}, {"x": 3.0})
    assert best(history, 4, ["y", "x"]) is None
    assert best(history, 3, ["x", "y"]) is None
    assert best(history, 4, "x") == 1
    assert best(history, 4, "z", strict=True) is None
    longer = history.set(5, EpochData()).set(6, EpochData(error={"y": 0.0}))
    assert best(longer, 6, "x", strict=True) == 1  # epoch 4 is the latest that counts
    assert best(longer, 6, "x") is None


def test_what_changes_a_rule_is_given_by_name():
    history = _history({"a": 1.0})
    for ask in (
        lambda: last_best_epoch(history, 1, 1, 1),
        lambda: history.most_recent_learning_rate(1, False),
        lambda: Comparison(1, 2, USUAL, USUAL, 1.0, 2.0, 1.0).describe(True),
    ):
        with pytest.raises(TypeError, match="positional"):
            ask()


def test_only_epochs_of_the_latest_key_can_be_best():
    history = _history({"old": 0.0}, {"dev_score": 1.0}, {"dev_score": 2.0}, {})
    assert last_best_epoch(history, 4) == 2
    assert last_best_epoch(history, 4, measure=ErrorMeasure("train")) == 2


def test_a_span_is_at_least_one_epoch():
    with pytest.raises(ArgumentError, match="only_last_epochs must be an integer >= 1, got 0"):
        last_best_epoch(History(), 1, only_last_epochs=0)


@pytest.mark.parametrize("keys", [1, [1], {"a": 1}, b"a"])
def test_error_keys_are_text(keys):
    with pytest.raises(ArgumentError, match="error_measure_key must be None, a str or a sequence of str"):
        ErrorMeasure(keys)


# ---- which errors stand in


@pytest.mark.parametrize(
    ("names", "counts"),
    [
        (["accuracy", "loss", "val_accuracy", "val_loss"], "val_loss"),  # Keras
        (["accuracy", "loss"], "loss"),
        (["train/loss_step", "train/loss_epoch", "train/acc", "val/loss", "val/acc"], "val/loss"),  # Lightning
        (["loss", "grad_norm", "eval_loss", "eval_accuracy", "eval_runtime"], "eval_loss"),  # Hugging Face
        (["train_loss", "train_nll_loss", "valid_nll_loss", "valid_loss", "valid_ppl"], "valid_loss"),  # fairseq
        (["train_score", "train_error", "dev_score", "dev_error"], "dev_score"),  # RETURNN
        (["train_score_output", "dev_error_output", "dev_score_output"], "dev_score_output"),
        (["loss", "test_loss"], "test_loss"),
        (["test_loss", "eval_loss", "dev_loss"], "dev_loss"),
        (["loss", "eval_accuracy", "eval_runtime"], "loss"),  # Hugging Face, where only the accuracy was evaluated
        (["dev_loss", "val_loss"], "val_loss"),
        (["train_loss", "val_wer"], "val_wer"),  # before training, whatever it is
        (["val_wer", "val_loss", "val_accuracy"], "val_loss"),
        (["VAL_LOSS", "Accuracy"], "VAL_LOSS"),
        (["devtrain_score", "score"], "score"),
        (["valley_loss", "latest_loss", "val_error"], "val_error"),  # words, not parts of words
    ],
)
def test_held_out_losses_stand_in_before_others(names, counts):
    for order in (names, names[::-1]):
        found = _counts(order)
        assert (found.key, found.doubts) == (counts, ())


@pytest.mark.parametrize(
    ("names", "counts"),
    [
        (["accuracy", "loss", "val_accuracy", "val_loss"], "val_accuracy"),
        (["train/acc", "val/loss", "val/acc"], "val/acc"),
        (["loss", "eval_loss", "eval_accuracy"], "eval_accuracy"),
        (["valid_loss", "valid_bleu", "bleu"], "valid_bleu"),
    ],
)
def test_where_larger_errors_are_better_those_that_say_so_stand_in(names, counts):
    for order in (names, names[::-1]):
        found = _counts(order, mode="max")
        assert (found.key, found.doubts) == (counts, ())


HIGHER = (
    "accuracy", "val_acc", "bleu", "f1", "val_f1", "mAP50", "top1", "top-5", "auc", "valid/AUROC", "mIoU", "acc1", "R2",
    "dice", "recall@10", "ndcg@10", "rouge1", "hits@10", "mean_reward", "log_likelihood", "psnr",
    "MulticlassF1Score", "val_F1Score", "rocauc", "exact_match", "matthews_correlation", "spearmanr", "jaccard",
    "specificity", "episode_return", "cosine_similarity", "win_rate", "valAcc", "mean_io_u", "R2Score", "fbeta_score",
    "CohenKappa", "pass@1", "bertscore",
)  # fmt: skip
LOWER = (
    "loss", "val_loss", "dice_loss", "top1_err", "accuracy_error", "neg_log_likelihood", "nll", "wer", "dev_score",
    "mape", "mae", "rmse", "ppl", "perplexity", "train_accuracy_loss", "f10ld", "maps", "topology", "paper", "captain",
    "returnn_score", "drop_rate", "1-accuracy", "inaccuracy",
)  # fmt: skip


@pytest.mark.parametrize("name", HIGHER)
def test_a_name_that_says_larger_is_better_is_never_taken_for_a_loss(name):
    assert higher_is_better(name)
    assert _counts([name, "zz_loss"]).key == "zz_loss"
    alone = _counts([name])
    assert (alone.key, alone.reason) == (None, "no name is that of an error where smaller is better")
    ((kind, text),) = alone.doubts
    assert (kind, repr(name) in text, "mode='max'" in text) == ("direction", True, True)
    assert _counts([name, "val_loss"], mode="max").key == name
    assert _counts([name, "val_loss"], "missing").key == "val_loss"
    assert _counts([name], "missing").key is None


@pytest.mark.parametrize("name", LOWER)
def test_a_name_that_says_smaller_is_better_or_nothing_is_never_taken_for_an_accuracy(name):
    assert not higher_is_better(name)
    assert _counts([name]).key == name
    assert _counts([name], mode="max").key is None
    assert _counts([name, "zz_accuracy"], mode="max").key == "zz_accuracy"


@pytest.mark.parametrize("name", HIGHER)
def test_a_configured_accuracy_needs_the_mode_that_it_wants(name):
    law = "error_measure_key must be an error where smaller is better, as mode is 'min', got .*; pass mode='max'"
    for keys in (name, ["val_loss", name]):
        with pytest.raises(ArgumentError, match=law):
            ErrorMeasure(keys)
        assert ErrorMeasure(keys, mode="max").key_of(EpochData(error={name: 1.0})).key == name
        assert ErrorMeasure(keys, stand_ins="returnn").key_of(EpochData(error={name: 1.0})).key == name


@pytest.mark.parametrize("name", LOWER)
@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_configured_loss_is_taken_in_either_mode(name, mode):
    found = _counts([name, "val_loss", "val_accuracy"], name, mode=mode)
    assert found == ErrorKey(name, CONFIGURED)


@pytest.mark.parametrize(
    ("arguments", "law"),
    [
        ({"mode": "higher"}, "mode must be one of 'min', 'max', got 'higher'; choose one of these"),
        ({"stand_ins": "keras"}, "stand_ins must be one of 'common', 'returnn', got 'keras'"),
        ({"gaps": "skip"}, "gaps must be one of 'neighbours', 'newest_with_key', got 'skip'"),
        ({"non_finite": "best"}, "non_finite must be one of 'worse', 'keep', 'original', got 'best'"),
        ({"strict": 1}, "strict must be True or False, got 1"),
        ({"gaps": "newest_with_key"}, "error_measure_key must be set where gaps is 'newest_with_key', got None"),
    ],
)
def test_a_measure_obeys_its_laws(arguments, law):
    with pytest.raises(ArgumentError, match=law):
        ErrorMeasure(**arguments)


def test_with_gaps_only_the_configured_keys_count():
    found = _counts(["val_loss"], "x", gaps="newest_with_key")
    assert (found.key, found.reason, found.doubts) == (None, "no configured key is there, and no other one counts", ())
    asked = ErrorMeasure(["x", "y"], gaps="newest_with_key")
    assert [asked.has_key(EpochData(error={name: 1.0})) for name in ("x", "y", "y_output", "z")] == [True] * 3 + [False]


def test_measures_are_values():
    assert ErrorMeasure("x") == ErrorMeasure(["x"]) == ErrorMeasure(("x",)) != ErrorMeasure("y")
    assert hash(ErrorMeasure("x")) == hash(ErrorMeasure(["x"]))
    assert len({ErrorMeasure("x"), ErrorMeasure("x", strict=True), ErrorMeasure("x", mode="max")}) == 3
    assert ErrorMeasure(stand_ins="returnn") != COMMON == ErrorMeasure()
    assert repr(ErrorMeasure("x")).startswith("ErrorMeasure(keys=('x',), strict=False, mode='min', ")
    assert repr(COMMON).endswith("gaps='neighbours')")


# ---- larger is better: the mirror image of smaller is better

SOME_ERRORS = st.dictionaries(st.sampled_from(["x", "y", "x_output"]), ANY_NUMBERS | st.integers(-9, 9))
KEYS = st.sampled_from(["x", ("y", "x"), ("z", "y")])


def _negated(error):
    return {name: -value for name, value in error.items()}


def _mirrored(keys, **parameters):
    """A measure of accuracies, and the one of their negations."""
    return (ErrorMeasure(keys, strict=True, mode=mode, **parameters) for mode in ("max", "min"))


@given(ANY_NUMBERS, ANY_NUMBERS, st.sampled_from(["new", "old", None]), st.sampled_from(POLICIES))
def test_a_change_of_an_accuracy_is_that_of_the_negated_one_bit_for_bit(old, new, relative_to, policy):
    up, down = _mirrored("x", non_finite=policy)
    change = up.change(EpochData(error={"x": old}), EpochData(error={"x": new}), relative_to)
    mirrored = down.change(EpochData(error={"x": -old}), EpochData(error={"x": -new}), relative_to)
    assert repr(change) == repr(mirrored) == repr(error_change(-old, -new, relative_to, policy))


@given(SOME_ERRORS, SOME_ERRORS, KEYS, st.sampled_from(["new", "old", None]), st.sampled_from([1.0, 0.5]))
def test_comparisons_of_accuracies_are_those_of_the_negated_ones(old, new, keys, relative_to, scale):
    up, down = _mirrored(keys)
    made = up.compare((3, EpochData(error=old)), (7, EpochData(error=new)), relative_to, scale)
    mirrored = down.compare(
        (3, EpochData(error=_negated(old))), (7, EpochData(error=_negated(new))), relative_to, scale
    )
    assert (made.old_key, made.new_key) == (mirrored.old_key, mirrored.new_key)
    assert repr(made.change) == repr(mirrored.change)
    assert made.old_error is None or repr(made.old_error) == repr(EpochData(error=old).error[made.old_key.key])
    change = up.change(EpochData(error=old), EpochData(error=new), relative_to)
    assert repr(made.change) == repr(None if change is None else change / scale)


@given(
    st.lists(SOME_ERRORS, max_size=8),
    KEYS,
    NUMBERS,
    st.sampled_from([0.0, 0.5, -1.0]),
    st.sampled_from([-1, 0, 2]),
)
def test_the_best_epoch_of_accuracies_is_that_of_the_negated_ones(errors, keys, worst, distance, only_last_n):
    up, down = _mirrored(keys)
    history, mirror = _history(*errors), _history(*map(_negated, errors))
    arguments = {"only_last_n": only_last_n, "min_score_dist": distance}
    for last in range(len(errors) + 2):
        best = last_best_epoch(history, last, measure=up, **arguments)
        assert best == last_best_epoch(mirror, last, measure=down, **arguments)
        filtered = last_best_epoch(history, last, measure=up, filter_score=-worst, **arguments)
        assert filtered == last_best_epoch(mirror, last, measure=down, filter_score=worst, **arguments)


def test_the_best_epoch_of_accuracies_is_the_earliest_largest_better_than_the_latest():
    history = _history(*({"acc": score} for score in (0.1, 0.9, 0.9, math.nan, 0.5)))
    up = ErrorMeasure("acc", mode="max")
    assert last_best_epoch(history, 5, measure=up) == 2
    assert last_best_epoch(history, 5, filter_score=0.95, measure=up) is None
    assert last_best_epoch(history, 5, filter_score=0.9, measure=up) == 2
    assert last_best_epoch(history, 5, min_score_dist=0.4, measure=up) is None


@given(st.lists(SOME_ERRORS, max_size=8), st.sampled_from(["x", "y"]), st.integers(1, 9))
def test_the_best_epochs_of_accuracies_are_those_of_the_negated_ones(errors, key, n):
    best = best_epochs(_history(*errors), key, n, "max")
    mirrored = best_epochs(_history(*map(_negated, errors)), key, n)
    assert [epoch for epoch, _ in best] == [epoch for epoch, _ in mirrored]
    assert [error for _, error in best] == [-error for _, error in mirrored]


# ---- what a training run should be warned of

ACCURACY, LOSS = {"accuracy": 0.5}, {"val_loss": 1.0}


def _doubts(measure, *errors):
    return [*doubts_about(measure, _history(*errors))]


@pytest.mark.parametrize(
    ("measure", "errors"),
    [
        (ErrorMeasure(), [{"val_loss": 1.0, "val_accuracy": 0.5}] * 9),
        (ErrorMeasure("x"), [{"x": 1.0, "z": 1.0}] * 9),
        (ErrorMeasure("x"), [{"x_output": 1.0}] * 9),
        (ErrorMeasure(["x", "y"]), [{"x": 1.0}, {"y": 1.0}, {"y": 1.0}] * 3),
        (ErrorMeasure("acc", mode="max"), [{"acc": 1.0}] * 9),
        (ErrorMeasure("x", gaps="newest_with_key"), [{"z": 1.0}, {"x": 1.0}] * 9),
        (ErrorMeasure("x", gaps="newest_with_key"), [{"x": 1.0}, *[{"z": 1.0}] * 9]),
        (ErrorMeasure("x", strict=True), [{"x": 1.0}] * 9),
        (ErrorMeasure("x"), [{}] * 9),
        (ErrorMeasure(), [{}, LOSS, LOSS, {}, LOSS, LOSS, {}, LOSS, LOSS]),
        (RETURNNS, [{"dev_score": 1.0, "dev_error": 1.0}] * 9),
        (ErrorMeasure("x"), [{"x": math.nan}, {"x": 1.0}] * 9),
    ],
)
def test_a_clean_history_raises_no_doubts(measure, errors):
    assert _doubts(measure, *errors) == []


@pytest.mark.parametrize(
    ("measure", "errors", "text"),
    [
        (ErrorMeasure("val_lossy"), [LOSS], "there is no error 'val_lossy' among 'val_loss', so 'val_loss' counts"),
        (
            ErrorMeasure(["a", "b"], strict=True),
            [LOSS],
            "there is no error 'a' or 'b' among 'val_loss', so none counts",
        ),
        (ErrorMeasure(), [{"b": 1.0, "a": 1.0}], "of 'a', 'b' the alphabet picks 'a'; set error_measure_key to say"),
        (
            ErrorMeasure(),
            [{"val_x_y_loss": 1.0, "val_ctc_loss": 1.0}],
            "of 'val_ctc_loss', 'val_x_y_loss' the alphabet",
        ),
        (
            ErrorMeasure(),
            [ACCURACY],
            "no error counts among 'accuracy', since no name is that of an error where smaller is better",
        ),
        (
            RETURNNS,
            [ACCURACY],
            "'accuracy' counts, and a smaller one as better; if larger ones are, set mode='max'",
        ),
        (ErrorMeasure("acc", stand_ins="returnn"), [{"acc": 1.0}], "'acc' counts, and a smaller one as better"),
    ],
)
def test_each_kind_of_doubt_is_told_once_with_the_epoch_that_raises_it(measure, errors, text):
    (doubt,) = _doubts(measure, {}, *errors * 3)
    assert doubt.startswith(f"epoch 2: {text}")


@pytest.mark.parametrize("strict", [False, True])
def test_four_epochs_with_nothing_to_compare_raise_a_doubt_once(strict):
    asked = ErrorMeasure(["x", "y"], strict=strict)
    assert _doubts(asked, *[{"x": 1.0}, {"y": 1.0}] * 2) == []
    (doubt,) = _doubts(asked, *[{"x": 1.0}, {"y": 1.0}] * 9)
    assert doubt.startswith("epoch 5: 4 decisions with errors and no two to compare, so the rate stays ")
    assert "(epoch 5 has 'x', the one before 'y')" in doubt
    assert "gaps='newest_with_key'" in doubt
    interrupted = [{"x": 1.0}, {"y": 1.0}, {"x": 1.0}, {"x": 1.0}] * 9
    assert _doubts(asked, *interrupted) == []


@pytest.mark.parametrize(
    ("form", "groups"),
    [
        ("{}_loss", ["val valid validation", "dev devel", "eval evaluation", "test", "other"]),
        ("val_{}", ["loss", "score", "error err wer cer mae mse rmse nll ppl perplexity", "other"]),
    ],
)
def test_words_are_alike_or_one_is_likelier(form, groups):
    groups = [[form.format(word) for word in group.split()] for group in groups]
    for (first, *alike), likelier in zip(groups, [[], *groups], strict=False):
        for other in alike:
            assert _counts([first, other]).reason.endswith("the alphabet picks it")
        for better in likelier:
            assert (_counts([first, better]).key, _counts([first, better]).doubts) == (better, ())


def test_a_loss_is_likelier_than_a_score_and_a_score_than_an_error():
    for names in (("dev_loss", "dev_score"), ("dev_score", "dev_wer"), ("dev_a", "dev_loss")):
        assert _counts(names).reason == "no key is configured; it is the likeliest"


def test_the_first_key_may_have_been_meant_to_be_another():
    (_, doubt), *_ = _counts(["train_loss", "val_loss"], ["train_los", "zzz"]).doubts
    assert doubt.endswith("so 'val_loss' counts; did you mean 'train_loss'?")
    (_, doubt), *_ = _counts(["train_loss", "val_loss"], ["train_los", "zzz"], strict=True).doubts
    assert doubt.endswith("so none counts; did you mean 'train_loss'?")


def test_a_sentence_names_six_errors_and_counts_the_rest():
    for names, end in (("abcdef", "'f'"), ("abcdefg", "'f' and 1 more"), ("abcdefghi", "'f' and 3 more")):
        ((_, doubt),) = _counts([*names]).doubts
        assert doubt.startswith(f"of 'a', 'b', 'c', 'd', 'e', {end} the alphabet picks 'a'")


def test_where_nothing_is_compared_the_way_out_is_one_that_helps():
    two = [{"x": 1.0}, {"y": 1.0}] * 9
    (doubt,) = _doubts(ErrorMeasure(["x", "y"], stand_ins="returnn"), *two)
    assert doubt.endswith("; set learning_rate_control_error_measure to an error that every epoch has")
    (doubt,) = _doubts(ErrorMeasure("x", gaps="newest_with_key"), *[{"z": 1.0}] * 9)
    assert doubt.endswith("; the errors are 'z'")
    (doubt,) = _doubts(ErrorMeasure(["x", "y"]), *two[:4], {"x": 1.0}, {})
    assert doubt.startswith("epoch 5: ")
    (doubt,) = _doubts(ErrorMeasure(["x", "y"]), *two[:4], {}, {})
    assert doubt.endswith("; record the errors of an epoch before the next rate is asked for")


def test_a_key_that_never_comes_raises_a_doubt_also_with_gaps():
    asked = ErrorMeasure("x", gaps="newest_with_key")
    assert _doubts(asked, *[{"z": 1.0}] * 3) == []
    (doubt,) = _doubts(asked, *[{"z": 1.0}] * 9)
    assert doubt.startswith("epoch 4: ")
    assert _doubts(asked, *[{"z": 1.0}] * 3, {"x": 1.0}, *[{"z": 1.0}] * 9) == []


def test_two_kinds_of_doubt_at_once_are_both_told():
    first, second = _doubts(ErrorMeasure("x", stand_ins="returnn"), *[ACCURACY] * 3)
    assert "there is no error 'x'" in first
    assert "a smaller one as better" in second


@given(st.lists(SOME_ERRORS, max_size=9), st.sampled_from([ErrorMeasure(), ErrorMeasure("y"), RETURNNS]))
def test_doubts_are_a_fold_and_no_kind_comes_twice(errors, measure):
    doubts, news = Doubts(measure), []
    for epoch, data in _history(*errors).items():
        before, doubts = doubts, doubts.after(epoch, data)
        news += doubts.news
        assert len(doubts.kinds) - len(before.kinds) == len(doubts.news)
    assert news == _doubts(measure, *errors)
    assert len(news) <= 4


@pytest.mark.parametrize(
    ("names", "key", "doubts"),
    [
        (["val_accuracy", "epoch"], None, ["direction"]),  # what is no error never stands in for one
        (["eval_accuracy", "eval_runtime", "eval_samples_per_second", "epoch"], None, ["direction"]),
        (["accuracy", "learning_rate", "grad_norm"], None, ["direction"]),
        (["eval_accuracy", "eval_foo"], "eval_foo", ["alphabet"]),  # that may be anything
        (["trainLoss", "valLoss"], "valLoss", []),
        (["train_loss", "val_f_score"], "train_loss", []),
    ],
)
def test_what_is_no_error_does_not_count(names, key, doubts):
    found = _counts(names)
    assert (found.key, [kind for kind, _ in found.doubts]) == (key, doubts)
