"""Sweeps: many settings over many histories."""

import json
import math
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lrsched import (
    Action,
    ArgumentError,
    Constant,
    EpochData,
    History,
    HoldLearningRate,
    NewbobRelative,
    Preset,
    as_schedule,
)
from lrsched.core.schedule import leaves
from lrsched.errors import ExecutorError
from lrsched.simulation import Space, replay, sweep, sweep_blocks, sweeping, swept
from lrsched.simulation.swept import Sweep
from lrsched.testing import strategies

pytestmark = pytest.mark.filterwarnings("ignore::lrsched.errors.MeasureWarning")  # hostile histories deserve them

FIXED = {"learning_rate_control": "newbob", "learning_rate": 0.1, "min_learning_rate": 0.03}
SPACE = Space(fixed=FIXED, grid={"newbob_learning_rate_decay": [1.0, 0.5, 0.7]})


def _history(*rates, score=1.0):
    return History(
        {epoch: EpochData(learning_rate=rate, error={"dev_score": score}) for epoch, rate in enumerate(rates, start=1)}
    )


HISTORY = _history(0.1, 0.1, 0.05, 0.03, None)


def test_a_summary_says_what_became_of_each_setting():
    swept = sweep(SPACE, HISTORY)
    found = swept.histories["history"]
    assert found.epochs.tolist() == [1, 2, 3, 4, 5]
    assert found.recorded.tolist()[:4] == [0.1, 0.1, 0.05, 0.03]
    assert np.isnan(found.recorded[4])
    assert found.learning_rates.shape == (3, 5)
    assert found.learning_rates[1].tolist() == [0.1, 0.1, 0.05, 0.03, 0.03]
    summary = found.summary
    assert summary.final.tolist() == [0.1, 0.03, 0.1 * 0.7 * 0.7 * 0.7]
    assert summary.decays.tolist() == [0, 2, 3]
    assert [found.decay_epochs(setting).tolist() for setting in range(3)] == [[], [3, 4], [3, 4, 5]]
    assert summary.floor_epoch.tolist() == [0, 4, 0]
    assert summary.agreement.tolist() == [2, 4, 2]
    assert summary.differs_from.tolist() == [3, 0, 3]
    assert found.recorded_epochs == swept.recorded_epochs == 4
    assert swept.reproducing.tolist() == [1]
    assert swept.differs_from == {"history": 3}


def test_every_output_of_a_free_sweep_says_what_it_is_worth():
    swept = sweep(SPACE, {"a": HISTORY, "b": _history(0.1)})
    assert "recorded errors are kept" in swept.note
    rows = [*swept.rows()]
    assert [(row["setting"], row["history"], row["differs_from"]) for row in rows] == [
        (0, "a", 3),
        (0, "b", None),
        (1, "a", None),
        (1, "b", None),
        (2, "a", 3),
        (2, "b", None),
    ]
    assert rows[0]["note"].startswith("from epoch 3 on the rates are not the recorded ones")
    assert rows[1]["note"].startswith("every rate is the recorded one")
    assert rows[4]["decay_epochs"] == [3, 4, 5]
    table = swept.to_dict()
    assert table["newbob_learning_rate_decay"] == [1.0, 1.0, 0.5, 0.5, 0.7, 0.7]
    assert swept.to_pandas().shape == (6, len(table))
    told = json.loads(swept.to_json(), parse_constant=pytest.fail)
    assert told["note"] == swept.note
    assert told["rows"] == rows
    arrays = swept.arrays()
    assert str(arrays["note"]) == swept.note
    assert arrays["histories"].tolist() == ["a", "b"]
    assert json.loads(arrays["settings"][2]) == {"newbob_learning_rate_decay": 0.7}
    assert np.array_equal(arrays["learning_rates_0"], swept.histories["a"].learning_rates)
    assert arrays["decay_epochs_0"].tolist() == [3, 4, 3, 4, 5]


def test_the_recorded_mode_tells_where_a_setting_agrees_in_spite_of_a_rate_set_by_hand():
    by_hand = _history(0.1, 0.1, 0.08, 0.04, 0.03)
    recorded, free = sweep(SPACE, by_hand, "recorded"), sweep(SPACE, by_hand)
    assert recorded.agreement.tolist() == [2, 4, 3]
    assert recorded.histories["history"].summary.differs_from.tolist() == [3, 3, 3]
    assert recorded.histories["history"].decay_epochs(1).tolist() == [3, 4, 5]
    assert free.agreement.tolist() == [2, 3, 2]
    assert recorded.note is None
    assert {row["note"] for row in recorded.rows()} == {None}


def _assert_as_replayed(swept, schedules, histories):
    for name, history in histories.items():
        found = swept.histories[name]
        for index, schedule in enumerate(schedules):
            told = replay(schedule, history, swept.mode)
            assert found.learning_rates[index].tobytes() == told.learning_rates.tobytes()
            assert found.summary.agreement[index] == sum(each.reproduced and each.recorded is not None for each in told)
            assert found.summary.differs_from[index] == (told.differs_from or 0)
            before = [each.decision.previous for each in told]
            fell = [
                e.epoch for e, b in zip(told, before, strict=True) if b is not None and e.decision.learning_rate < b
            ]
            if not any(isinstance(each, Preset) for each in (schedule, getattr(schedule, "schedule", None))):
                assert found.decay_epochs(index).tolist() == fell
            floor = getattr(next(leaves(schedule)), "min_learning_rate", math.nan)
            at_floor = [each.epoch for each in told if each.decision.learning_rate <= floor]
            assert found.summary.floor_epoch[index] == (at_floor[0] if at_floor else 0)


USUAL = strategies.histories(
    max_size=8,
    data=strategies.epoch_data(
        rates=st.none() | strategies.usual_learning_rates(),
        error=strategies.error_dicts(st.sampled_from(["dev_score", "train_score"]), strategies.usual_errors()),
        meta=st.just({}),
    ),
)


@given(st.lists(strategies.schedules(), min_size=1, max_size=4), st.lists(USUAL, min_size=1, max_size=2), st.data())
def test_a_sweep_of_any_schedules_is_their_replays(schedules, histories, data):
    """Those of the engine and those of the pure functions, one beside the other."""
    mode = data.draw(st.sampled_from(["free", "recorded"]))
    named = {f"run {number}": history for number, history in enumerate(histories)}
    _assert_as_replayed(sweep(schedules, named, mode), schedules, named)


def test_every_schedule_and_wrapper_sweeps():
    half = NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=lambda rate: rate / 2)

    def by_epoch(history, epoch):
        return 0.1 / epoch

    tried = [half, HoldLearningRate(Preset(Constant(0.1), {2: 0.5}), 3), by_epoch, Constant(-0.0), NEGATIVE_ZERO]
    swept = sweep(tried, HISTORY)
    _assert_as_replayed(swept, [as_schedule(each) for each in tried], {"history": HISTORY})
    assert math.copysign(1.0, swept.histories["history"].learning_rates[3, 0]) == -1.0
    assert swept.setting(1) == {"schedule": repr(tried[1])}


NEGATIVE_ZERO = NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=-0.0)


def test_a_recorded_negative_zero_stays_one():
    history = _history(-0.0, -0.0, -0.0, -0.0)
    _assert_as_replayed(
        sweep([Constant(0.1), NEGATIVE_ZERO], history, "recorded"), [Constant(0.1), NEGATIVE_ZERO], {"history": history}
    )


def test_a_setting_that_breaks_a_law_or_fails_costs_no_other():
    def fails(history, epoch):
        if epoch == 3:
            raise KeyError("dev")
        return 0.1

    grows = NewbobRelative(9.0, default_learning_rate=0.1, learning_rate_growth=1e200)
    found = sweep([fails, Constant(0.1), grows], HISTORY).histories["history"]
    assert found.failures == {
        0: "at epoch 3: 'dev'",
        2: "at epoch 4: the learning rate after learning_rate_growth must be a finite number, got inf; "
        "correct the value",
    }
    assert found.learning_rates[1].tolist() == [0.1] * 5
    assert np.isnan(found.learning_rates[[0, 2]]).sum(axis=1).tolist() == [3, 2]
    grid = {"newbob_relative_error_threshold": [-0.1, 0.1], "newbob_relative_error_grow_threshold": [0.0]}
    swept = sweep({"fixed": {"learning_rate_control": "newbob_multi_epoch"}, "grid": grid}, HISTORY)
    (failure,) = swept.histories["history"].failures.items()
    assert failure[0] == 0
    assert "relative_error_grow_threshold must be at most relative_error_threshold" in failure[1]
    assert [row["failure"] is None for row in swept.rows()] == [False, True]


def test_if_all_settings_fail_the_sweep_does():
    with pytest.raises(
        ArgumentError, match="every setting fails, the first: learning_rate_decay must be None, a factor"
    ):
        sweep({"fixed": FIXED, "grid": {"newbob_learning_rate_decay": [2.0, 3.0]}}, HISTORY)


@pytest.mark.parametrize("histories", [{}, [], None, {"a": {}}, {1: HISTORY}])
def test_what_are_no_histories_is_refused(histories):
    with pytest.raises(ArgumentError, match="histories must be a History, or a mapping from name to History"):
        sweep(SPACE, histories)


@pytest.mark.parametrize("space", [[], None, "learning_rate", 3])
def test_what_is_no_space_is_refused(space):
    with pytest.raises(ArgumentError, match="space must be a Space, a mapping that makes one, or a list"):
        sweep(space, HISTORY)


def test_other_modes_are_refused():
    with pytest.raises(ArgumentError, match="mode must be one of 'recorded', 'free', got 'own'"):
        sweep(SPACE, HISTORY, "own")


def test_too_many_rates_are_not_kept_but_named(monkeypatch):
    monkeypatch.setattr(sweeping, "MOST_RATES", 14)
    with pytest.raises(ArgumentError, match="settings x epochs must be at most 14 where the rates are kept, got 15"):
        sweep(SPACE, HISTORY)
    assert sweep(SPACE, HISTORY, keep_rates=False).reproducing.tolist() == [1]


def test_an_empty_history_has_no_rates():
    found = sweep(SPACE, History()).histories["history"]
    assert found.learning_rates.shape == (3, 0)
    assert np.isnan(found.summary.final).all()
    assert found.summary.decays.tolist() == found.summary.floor_epoch.tolist() == [0, 0, 0]
    assert found.decay_epochs(2).tolist() == []


class Pieces(Executor):
    """An executor that does everything at once and counts it."""

    def __init__(self):
        self.pieces = 0

    def submit(self, function, /, *arguments, **more):
        self.pieces += 1
        future = Future()
        future.set_result(function(*arguments, **more))
        return future


def _same(one, other):
    assert one.to_json() == other.to_json()
    for name in one.histories:
        rates = [each.histories[name].learning_rates for each in (one, other)]
        assert (rates[0] is rates[1] is None) or rates[0].tobytes() == rates[1].tobytes()


@pytest.fixture
def small_blocks(monkeypatch):
    """Room for seven decisions a block: one setting, or two of a short history."""
    monkeypatch.setattr(sweeping, "_BLOCK", 7)
    monkeypatch.setattr(sweeping, "_SHARED_BLOCK", 7)
    monkeypatch.setattr(sweeping, "_IN_FLIGHT", 3)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("keep_rates", [True, False])
def test_blocks_together_are_the_whole(keep_rates, monkeypatch):
    histories = {"a": HISTORY, "b": _history(0.1, 0.1)}
    space = SPACE.over({"learning_rate_growth": 1.0})
    blocks = [*sweep_blocks(space, histories, keep_rates=keep_rates)]
    assert [block.first for block in blocks] == [0, 1, 2]
    assert [block.setting(0)["newbob_learning_rate_decay"] for block in blocks] == [1.0, 0.5, 0.7]
    assert blocks[2].setting(-1) == blocks[2].setting(0)
    joined = Sweep.joined(blocks)
    monkeypatch.undo()
    _same(joined, sweep(space, histories, keep_rates=keep_rates))
    assert (joined.histories["a"].learning_rates is None) is not keep_rates


@pytest.mark.usefixtures("small_blocks")
def test_an_executor_shares_the_work():
    told = []
    executor = Pieces()
    histories = {"a": HISTORY, "b": _history(0.1, 0.1)}
    shared = sweep(SPACE, histories, executor=executor, progress=lambda done, total: told.append((done, total)))
    _same(shared, sweep(SPACE, histories))
    assert executor.pieces == 6
    assert told == [(5, 21), (7, 21), (12, 21), (14, 21), (19, 21), (21, 21)]
    with ThreadPoolExecutor(2) as threads:
        _same(sweep(SPACE, histories, executor=threads), shared)


@pytest.mark.usefixtures("small_blocks")
def test_who_stops_early_has_what_is_done_and_cancels_the_rest():
    class Lazy(Executor):
        def __init__(self):
            self.futures = []

        def submit(self, function, /, *arguments, **more):
            self.futures.append(Future())
            if len(self.futures) == 1:
                self.futures[0].set_result(function(*arguments, **more))
            return self.futures[-1]

    executor = Lazy()
    blocks = sweep_blocks(SPACE, HISTORY, executor=executor)
    assert next(blocks).first == 0
    blocks.close()
    assert [future.cancelled() for future in executor.futures] == [False, True, True]


def test_an_executor_that_fails_is_told_from_a_setting_that_does():
    class Broken(Executor):
        def submit(self, function, /, *arguments, **more):
            future = Future()
            future.set_exception(AttributeError("cannot pickle it"))
            return future

    closed = ThreadPoolExecutor(1)
    closed.shutdown()
    with pytest.raises(ExecutorError, match=r"the executor failed \(RuntimeError: "):
        sweep(SPACE, HISTORY, executor=closed)
    with pytest.raises(ExecutorError, match=r"the executor failed \(AttributeError: cannot pickle it\); without one"):
        sweep(SPACE, HISTORY, executor=Broken())


def test_decays_are_counted_by_the_rate_whatever_lowered_it():
    presets = Preset(Constant(0.1), {3: 0.05, 4: 0.2})
    found = sweep([presets], HISTORY).histories["history"]
    assert found.decay_epochs(0).tolist() == [3]
    assert replay(presets, HISTORY, "free")[2].decision.action is Action.PRESET


def test_in_the_recorded_mode_a_decay_is_one_from_the_newest_recorded_rate():
    history = History(
        {
            epoch: EpochData(learning_rate=rate, error={"dev_score": 1.0})
            for epoch, rate in {2: None, 3: None, 10: 0.1, 11: None, 10**12: 0.05}.items()
        }
    )
    schedule = NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=0.5)
    by_epoch = {3: 0.05, 10: 0.02, 11: 0.09, 10**12: 0.01}
    swept = sweep([schedule, lambda history, epoch: by_epoch.get(epoch, 0.2)], history, "recorded")
    found = swept.histories["history"]
    assert found.learning_rates[0].tolist() == [0.1, 0.1, 0.1, 0.05, 0.1]
    assert found.decay_epochs(0).tolist() == [11]
    assert found.decay_epochs(1).tolist() == [11, 10**12]  # at 3 and 10 no rate is known to fall from
    assert found.summary.differs_from.tolist() == [10**12, 10]
    assert found.summary.agreement.tolist() == [1, 0]
    assert (found.recorded_epochs, swept.recorded_epochs) == (2, 2)


@pytest.mark.parametrize("mode", ["free", "recorded"])
@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_a_summary_is_made_a_few_settings_at_a_time(rows, mode, monkeypatch):
    tried = [
        Constant(0.1),
        *(NewbobRelative(-0.01, default_learning_rate=0.1, learning_rate_decay=d / 10) for d in range(7)),
    ]
    whole = sweep(tried, HISTORY, mode)
    whole.to_json()
    monkeypatch.setattr(swept, "_ROWS", rows)
    _same(sweep(tried, HISTORY, mode), whole)
    _assert_as_replayed(sweep(tried, HISTORY, mode), tried, {"history": HISTORY})


def _fails_from(first):
    def fails(history, epoch):
        if epoch >= first:
            raise KeyError("dev")
        return 0.1

    return fails


def test_an_epoch_without_a_rate_is_neither_the_recorded_one_nor_another():
    history = History({epoch: EpochData(learning_rate=0.1) for epoch in (3, 7, 20, 10**12)})
    swept = sweep([Constant(0.1), _fails_from(20)], {"a": HISTORY, "b": history})
    found = swept.histories["b"]
    assert found.failures == {1: "at epoch 20: 'dev'"}
    assert found.summary.differs_from.tolist() == [0, 0]
    assert [row["note"] is None for row in swept.rows()] == [False, False, False, True]
    assert found.summary.agreement.tolist() == [4, 2]
    assert found.decay_epochs(1).tolist() == []
    assert np.isnan(found.summary.final).tolist() == [False, True]
    assert swept.differs_from == {"a": 3, "b": None}
    assert sweep([Constant(0.1)], history).differs_from == {"history": None}


def test_a_setting_that_fails_in_one_history_only_is_no_failure_of_the_sweep():
    longer = _history(*[0.1] * 6)
    swept = sweep([_fails_from(6)], {"a": HISTORY, "b": longer})
    assert swept.histories["a"].failures == {}
    assert swept.histories["b"].failures == {0: "at epoch 6: 'dev'"}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("keep_rates", [True, False])
def test_failures_and_rows_of_blocks_are_numbered_through(keep_rates, monkeypatch):
    tried = [Constant(0.1), _fails_from(2), Constant(0.2), _fails_from(3), _fails_from(4), Constant(0.3)]
    blocks = [*sweep_blocks(tried, HISTORY, keep_rates=keep_rates)]
    assert len(blocks) == len(tried)
    assert [row["setting"] for block in blocks for row in block.rows()] == [*range(6)]
    joined = Sweep.joined(blocks)
    failures = {1: "at epoch 2: 'dev'", 3: "at epoch 3: 'dev'", 4: "at epoch 4: 'dev'"}
    assert joined.histories["history"].failures == failures
    assert [row["failure"] for row in joined.rows()] == [failures.get(index) for index in range(6)]
    monkeypatch.undo()
    _same(joined, sweep(tried, HISTORY, keep_rates=keep_rates))


def test_a_pure_function_counts_as_many_settings_of_the_engine(monkeypatch):
    monkeypatch.setattr(sweeping, "_BLOCK", 2002 * len(HISTORY))
    tried = [lambda history, epoch: 0.1, Constant(0.1), Constant(0.1), *[lambda history, epoch: 0.2] * 3]
    assert [len(block) for block in sweep_blocks(tried, HISTORY)] == [4, 2]


def test_a_growth_beyond_the_largest_float_is_a_failure_however_small_it_is():
    grows = NewbobRelative(9.0, default_learning_rate=1.7e308, learning_rate_growth=1.125)
    found = sweep([grows, Constant(0.1)], HISTORY).histories["history"]
    assert found.failures[0].startswith("at epoch 3: the learning rate after learning_rate_growth must be a finite")
    assert found.learning_rates[0, :2].tolist() == [1.7e308] * 2


def test_a_policy_is_that_of_all_settings_of_a_space():
    history = _history(0.1, 0.1, 0.1, 0.1, score=math.nan)
    for control in ("newbob", "newbob_abs", "newbob_multi_epoch"):
        space = Space(fixed={**FIXED, "learning_rate_control": control}, grid={"newbob_learning_rate_growth": [2.0]})
        rates = [
            sweep(space, history, non_finite_error=policy).histories["history"].learning_rates[0, 2]
            for policy in ("keep", "original")
        ]
        assert rates == [0.1, 0.1 if control == "newbob_multi_epoch" else 0.2]


@pytest.mark.usefixtures("small_blocks")
def test_no_block_is_empty_and_few_pieces_are_under_way_at_once():
    tried = [_fails_from(2), *[Constant(0.1)] * 7]
    assert [len(block) for block in sweep_blocks(tried, HISTORY)] == [1] * 8
    executor = Pieces()
    assert next(sweep_blocks(tried, HISTORY, executor=executor)).first == 0
    assert executor.pieces == 3


def test_where_nothing_is_recorded_nothing_is_reproduced():
    history = _history(None, None)
    assert sweep([Constant(0.1), _fails_from(1)], history).reproducing.tolist() == []
    assert sweep([Constant(0.1), _fails_from(9)], _history(0.1, None)).reproducing.tolist() == [0, 1]
    assert sweep([Constant(0.1), _fails_from(2)], _history(0.1, None)).reproducing.tolist() == [0]


def test_whatever_a_schedule_raises_costs_no_other():
    def silent(history, epoch):
        raise ValueError

    tried = [silent, HoldLearningRate(Constant(0.1), 10**400), Preset(Constant(0.1), {1: 0.0})]
    tried.append(Preset(Constant(0.1), {1: -0.0}))
    found = sweep(tried, HISTORY).histories["history"]
    assert found.failures == {0: "at epoch 1: ValueError"}
    _assert_as_replayed(sweep(tried[1:], HISTORY), tried[1:], {"history": HISTORY})


def test_blocks_are_small_enough_to_be_told_of():
    """However short the histories are, and however many."""
    space = Space(grid={"learning_rate": [1 / n for n in range(1, 1001)], "min_learning_rate": [0.0] * 70})
    assert [len(block) for block in sweep_blocks(space, History())] == [2**16, 70_000 - 2**16]
    many = {str(number): History() for number in range(64)}
    assert {len(block) for block in sweep_blocks(space, many)} == {2**10, 70_000 % 2**10}


@pytest.mark.parametrize(("keep_rates", "most"), [(True, 5), (False, 10)])
def test_a_block_holds_the_rates_of_all_histories_where_they_are_kept(keep_rates, most, monkeypatch):
    monkeypatch.setattr(sweeping, "_BLOCK", 50)
    space = Space(grid={"learning_rate": [1 / n for n in range(1, 21)]})
    blocks = sweep_blocks(space, {"a": HISTORY, "b": HISTORY}, keep_rates=keep_rates)
    assert {len(block) for block in blocks} == {most}


def test_another_policy_for_what_is_not_finite_is_refused():
    with pytest.raises(ArgumentError, match="non_finite_error must be one of 'worse', 'keep', 'original', got 'bogus'"):
        sweep(SPACE, HISTORY, non_finite_error="bogus")


def test_tables_that_differ_in_their_keys_have_all_columns():
    tables = [{"newbob_learning_rate_decay": 0.7}, {"learning_rate": 0.2, "history": "x", "setting": 9}]
    swept = sweep({"fixed": {"learning_rate_control": "newbob"}, "settings": tables}, HISTORY)
    table = swept.to_dict()
    assert table["newbob_learning_rate_decay"] == [0.7, None]
    assert table["learning_rate"] == [None, 0.2]
    assert (table["setting"], table["history"]) == ([0, 1], ["history", "history"])
