"""What a training loop sees."""

import math

import attrs
import numpy
import pytest
from storages import Told

from lrsched import (
    Action,
    ArgumentError,
    Cause,
    Clamp,
    ConflictError,
    Constant,
    Decision,
    EpochData,
    ErrorMeasure,
    Fold,
    FormatError,
    History,
    HoldLearningRate,
    LearningRateControl,
    MemoryStorage,
    Moment,
    NewbobRelative,
    Preset,
    Product,
    Scaled,
    StorageError,
    as_schedule,
    read,
)

NEWBOB = NewbobRelative(-0.01, default_learning_rate=0.5, learning_rate_decay=0.5)
SCORES = [4.0, 3.0, 3.0, 2.0, 2.0, 2.0, 1.0]


def _train(control, first, last):
    for epoch in range(first, last + 1):
        control.get_learning_rate_for_epoch(epoch)
        control.set_epoch_error(epoch, {"dev_score": SCORES[epoch - 1]})
        control.save()


@pytest.mark.parametrize("cut", range(len(SCORES) + 1))
def test_a_restart_anywhere_changes_nothing(cut, tmp_path):
    uninterrupted = LearningRateControl(NEWBOB, tmp_path / "whole")
    _train(uninterrupted, 1, len(SCORES))
    _train(LearningRateControl(NEWBOB, tmp_path / "cut"), 1, cut)
    resumed = LearningRateControl(NEWBOB, tmp_path / "cut")
    _train(resumed, cut + 1, len(SCORES))
    assert resumed.history == uninterrupted.history
    assert (tmp_path / "cut").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_recorded_rate_wins_over_the_schedule():
    control = LearningRateControl(NEWBOB, MemoryStorage(History({1: EpochData(learning_rate=0.125)})))
    assert control.get_learning_rate_for_epoch(1) == 0.125
    assert control.calc_new_learning_rate_for_epoch(1) == 0.5


def test_an_epoch_of_unknown_rate_gets_one():
    control = LearningRateControl(NEWBOB, MemoryStorage(History({1: EpochData(error={"dev_score": 1.0})})))
    assert control.get_learning_rate_for_epoch(1) == 0.5
    assert control.history[1] == EpochData(learning_rate=0.5, error={"dev_score": 1.0})


def test_errors_add_up_and_later_ones_win():
    control = LearningRateControl(NEWBOB)
    control.set_epoch_error(1, {"a": 1.0, "b": 2.0})
    control.set_epoch_error(1, {"b": 3.0, "c": {"cost:output": 4.0, "cost:aux": 5.0}})
    assert control.get_epoch_error_dict(1) == {"a": 1.0, "b": 3.0, "c_output": 4.0, "c_aux": 5.0}
    assert control.history[1].learning_rate == 0.5


def test_a_refused_error_records_nothing():
    control = LearningRateControl(NEWBOB)
    with pytest.raises(ArgumentError, match=r"error\['a'\] must be a number, got 'high'"):
        control.set_epoch_error(1, {"a": "high"})
    with pytest.raises(ArgumentError, match="mapping from name to number"):
        control.set_epoch_error(1, 3.0)
    assert control.history == History()


def test_numpy_numbers_become_plain_ones(tmp_path):
    control = LearningRateControl(NEWBOB, tmp_path / "learning_rates")
    control.set_epoch_error(numpy.int64(1), {"dev_score": numpy.float64("nan"), "dev_error": numpy.float32(0.5)})
    control.set_epoch_meta(1, {"shape": numpy.arange(2), "ok": numpy.bool_(True)})
    control.save()
    assert "float('nan')" in (tmp_path / "learning_rates").read_text()
    again = LearningRateControl(NEWBOB, tmp_path / "learning_rates")
    assert again.history == control.history
    assert math.isnan(again.history[1].error["dev_score"])
    assert again.history[1].meta["ok"] is True


def test_a_preset_is_recorded_when_its_epoch_is_asked_for_unless_there_is_a_rate():
    stored = History({1: EpochData(learning_rate=0.25), 2: EpochData(learning_rate=0.0)})
    control = LearningRateControl(Preset(NEWBOB, [0.1, 0.2, 0.3]), MemoryStorage(stored))
    assert control.history == stored
    assert [control.get_learning_rate_for_epoch(epoch) for epoch in (1, 2, 3)] == [0.25, 0.2, 0.3]
    assert [data.learning_rate for data in control.history.values()] == [0.25, 0.2, 0.3]


def test_a_recorded_rate_of_0_stays_where_nothing_is_preset():
    control = LearningRateControl(Preset(NEWBOB, {2: 0.0}), MemoryStorage(History({1: EpochData(learning_rate=0.0)})))
    assert [control.get_learning_rate_for_epoch(epoch) for epoch in (1, 2)] == [0.0, 0.0]


def test_set_default_and_set_by_hand():
    control = LearningRateControl(NEWBOB)
    control.set_default_learning_rate_for_epoch(3, 0.1)
    control.set_default_learning_rate_for_epoch(3, 0.2)
    assert control.get_learning_rate_for_epoch(3) == 0.1
    control.set_learning_rate_for_epoch(3, 0.2)
    assert control.get_learning_rate_for_epoch(3) == 0.2


def test_the_getters_of_the_reference():
    control = LearningRateControl(NEWBOB)
    _train(control, 1, 4)
    assert control.get_last_epoch(1) is None
    assert control.get_last_epoch(100) == 4
    assert control.get_most_recent_learning_rate(1) == 0.5
    assert control.get_most_recent_learning_rate(4, exclude_current=False) == 0.25
    assert control.calc_relative_error(1, 2) == (3.0 - 4.0) / 3.0
    assert control.get_error_key(2) == "dev_score"
    assert control.get_error_key(99) is None
    assert control.get_epoch_error_key_value(2) == ("dev_score", 3.0)
    assert control.get_epoch_error_value(99) is None
    assert control.get_last_best_epoch(3) is None
    assert control.get_last_best_epoch(4) is None
    assert control.calc_learning_rate_decay_or_grow(1.0, decay=True) == 0.5
    assert control.need_error_info
    assert not LearningRateControl(Constant(1.0)).need_error_info
    assert LearningRateControl(Constant(1.0)).calc_learning_rate_decay_or_grow(1.0, decay=True) == 1.0


def test_the_bare_rule_knows_no_presets():
    control = LearningRateControl(Preset(NEWBOB, [0.125]))
    assert control.calc_new_learning_rate_for_epoch(1) == 0.125
    assert control.calc_learning_rate_for_epoch(1) == 0.5


def test_a_plain_function_is_a_schedule():
    def halving(history, epoch):
        return 0.5 ** len(history)

    control = LearningRateControl(halving)
    assert [control.get_learning_rate_for_epoch(epoch) for epoch in (1, 2, 3)] == [1.0, 0.5, 0.25]
    assert control.decide(4).cause.rule == "halving"


@pytest.mark.parametrize("epoch", [0, -1, 1.5, "1", True, None])
def test_an_epoch_is_an_integer_from_1(epoch):
    control = LearningRateControl(NEWBOB)
    for ask in (
        control.get_learning_rate_for_epoch,
        control.decide,
        lambda e: control.set_epoch_error(e, {}),
        lambda e: control.set_default_learning_rate_for_epoch(e, 0.1),
    ):
        with pytest.raises(ArgumentError, match="epoch must be an integer >= 1"):
            ask(epoch)


@pytest.mark.parametrize("schedule", [None, 0.1, "newbob", Constant])
def test_what_is_no_schedule_is_refused(schedule):
    with pytest.raises(ArgumentError, match="schedule must be a Schedule or a function"):
        LearningRateControl(schedule)


def test_what_is_no_storage_is_refused():
    with pytest.raises(ArgumentError, match="a storage must be a path, a URL or an object with load and save"):
        LearningRateControl(NEWBOB, 3)


@pytest.mark.parametrize(
    "broken", ["", "{1: EpochData(learningRate=0.1, err", "{1: EpochData(learningRate=open('x'))}"]
)
def test_an_unreadable_file_is_never_overwritten(broken, tmp_path):
    path = tmp_path / "learning_rates"
    path.write_text(broken)
    with pytest.raises(FormatError, match=f"@ {path}:1"):
        LearningRateControl(NEWBOB, path)
    assert path.read_text() == broken


def test_a_file_that_another_wrote_is_not_overwritten(tmp_path):
    path = tmp_path / "learning_rates"
    first, second = LearningRateControl(NEWBOB, path), LearningRateControl(NEWBOB, path)
    _train(first, 1, 1)
    with pytest.raises(ConflictError, match="load it first"):
        _train(second, 1, 2)
    assert read(path) == first.history
    second.load()
    _train(second, 2, 2)
    assert len(read(path)) == 2


def test_saving_without_a_storage_keeps_it_in_memory():
    control = LearningRateControl(NEWBOB)
    _train(control, 1, 2)
    control.set_epoch_error(3, {"dev_score": 1.0})
    control.load()
    assert list(control.history) == [1, 2]


def test_a_relative_path_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _train(LearningRateControl(NEWBOB, "learning_rates"), 1, 1)
    assert read(tmp_path / "learning_rates").keys() == {1}


def test_the_last_finished_epoch_has_errors():
    control = LearningRateControl(Preset(NEWBOB, [0.1, 0.2, 0.3]))
    assert control.last_finished_epoch == 0
    control.set_epoch_error(1, {"dev_score": 1.0})
    control.get_learning_rate_for_epoch(4)
    assert control.last_finished_epoch == 1


def test_meta_alone_gives_an_epoch_its_rate_too():
    control = LearningRateControl(NEWBOB)
    _train(control, 1, 3)
    control.set_epoch_meta(4, {"steps": 28})
    assert control.history[4] == EpochData(learning_rate=0.25, meta={"steps": 28})
    with pytest.raises(ArgumentError, match="must be a literal"):
        control.set_epoch_meta(5, {"steps": object()})
    assert list(control.history) == [1, 2, 3, 4]


def test_a_missing_folder_is_said_before_the_first_epoch(tmp_path):
    with pytest.raises(StorageError, match="its folder is not there"):
        LearningRateControl(NEWBOB, tmp_path / "no" / "learning_rates")


def test_a_control_tells_which_epochs_changed_since_the_last_save():
    storage = Told(History({2: EpochData(learning_rate=0.0), 3: EpochData(learning_rate=0.1)}))
    control = LearningRateControl(Preset(Constant(0.5), {1: 0.1, 2: 0.2, 3: 0.3}), storage)
    steps = [
        lambda: None,
        lambda: None,
        lambda: control.get_learning_rate_for_epoch(4),
        lambda: control.get_learning_rate_for_epoch(4),
        lambda: control.set_learning_rate_for_epoch(5, 0.5),
        lambda: control.set_default_learning_rate_for_epoch(6, 0.5),
        lambda: control.set_epoch_error(7, {"a": 1.0}),
        lambda: control.set_epoch_meta(8, {"a": 1}),
        lambda: (control.set_epoch_meta(9, {"a": 1}), control.load()),
    ]
    for step in steps:
        step()
        control.save()
    assert storage.told == [set(), set(), {4}, set(), {5}, {6}, {7}, {8}, set()]
    storage.fails = True
    for epoch in (10, 11):
        control.set_epoch_meta(epoch, {})
        with pytest.raises(StorageError):
            control.save()
    storage.fails = False
    control.save()
    assert storage.told[9:] == [{10}, {10, 11}, {10, 11}]


# ---- combinators, steps, and late evaluations


def test_a_scaled_constant_does_not_compound(tmp_path):
    rates = []
    for _ in range(5):
        control = LearningRateControl(Scaled(Constant(0.1), 0.5), tmp_path / "learning_rates")
        rates.append(control.get_learning_rate_for_epoch(len(rates) + 1))
        control.save()
    assert rates == [0.05] * 5


class ByStep(Fold):
    """Falls with the steps; goes on from a rate that was set by hand."""

    def start(self):
        return 1.0, 0

    def after(self, memory, moment, data):
        return data.learning_rate, moment.step

    def rate(self, memory, moment):
        rate, since = memory
        if moment.step is None:
            raise ArgumentError("ByStep goes by steps; ask with the step, as in schedule(history, epoch, step)")
        return rate / (1 + (moment.step - since) / 100)

    def answer(self, memory, moment):
        return Decision(self.rate(memory, moment), None, Action.PLAN, Cause("by_step", "the step"))


def test_a_rate_at_a_step_and_what_is_recorded_of_it(tmp_path):
    control = LearningRateControl(ByStep(), tmp_path / "run.json")
    assert [control.get_learning_rate(1, step) for step in (0, 100, 300, 0)] == [1.0, 0.5, 0.25, 1.0]
    assert control.history[1] == EpochData(learning_rate=1.0, meta={"step": 0})
    assert control.get_learning_rate(2, 100, samples=800, tokens=9000) == 0.5
    assert control.history[2].meta == {"step": 100, "samples": 800, "tokens": 9000}
    control.save()
    again = LearningRateControl(ByStep(), tmp_path / "run.json")
    assert again.get_learning_rate(2, 200) == control.get_learning_rate(2, 200) == 1 / 3
    assert again.history == control.history
    assert again.decide(3, step=200).learning_rate == 0.25
    assert again.decide(3, step=200).previous == 0.5


def test_a_rate_set_by_hand_holds_for_all_steps_of_its_epoch():
    control = LearningRateControl(ByStep())
    control.get_learning_rate(1, 0)
    control.set_learning_rate_for_epoch(2, 0.125)
    assert [control.get_learning_rate(2, step) for step in (100, 150, 900)] == [0.125] * 3
    assert control.history[2].meta == {"step": 100, "by_hand": True}
    assert control.get_learning_rate(3, 200) == 0.0625
    control.set_learning_rate_for_epoch(3, 0.03125)  # an epoch that has begun
    again = LearningRateControl(ByStep(), MemoryStorage(control.history))
    assert [again.get_learning_rate(3, step) for step in (200, 250)] == [0.03125] * 2
    again.set_epoch_meta(3, {"by_hand": False})  # take it back
    assert [again.get_learning_rate(3, step) for step in (200, 300)] == [0.03125, 0.03125 * (2 / 3)]


@pytest.mark.parametrize("rate", [0.0, 1.0])  # 1.0 is the schedule's own
@pytest.mark.parametrize("begun", [False, True])
def test_any_rate_set_by_hand_does_whatever_is_restarted(rate, begun):
    control = LearningRateControl(Clamp(ByStep(), 0.5))
    if begun:
        control.get_learning_rate(1, 0)
    for epoch in (1, 2, 3):
        control.set_learning_rate_for_epoch(epoch, rate)
        if begun:
            control = LearningRateControl(control.schedule, MemoryStorage(control.history))
        assert [control.get_learning_rate(epoch, step) for step in (0, 9)] == [rate, rate]
        assert control.history[epoch].meta == {"step": 0, "by_hand": True}


def test_hands_are_noted_only_where_epochs_go_by_steps():
    control = LearningRateControl(Constant(0.1))
    control.get_learning_rate_for_epoch(1)
    control.set_learning_rate_for_epoch(2, 0.05)
    assert control.history[2].meta == {}
    control.get_learning_rate(3, 100)
    for epoch in range(4, 30):
        control.set_learning_rate_for_epoch(epoch, 0.01)
    assert control.history[29].meta == {"by_hand": True}


def test_a_preset_that_a_0_gives_way_to_is_nobodys_hand():
    control = LearningRateControl(Scaled(Preset(Constant(0.1), {1: 0.05}), 0.5))
    control.set_learning_rate_for_epoch(1, 0.0)
    assert control.get_learning_rate(1, 0) == 0.025
    assert control.history[1].meta == {"step": 0}


@attrs.frozen
class WarmUpBySteps(Fold):
    """A factor that rises to 1 over 1000 steps."""

    def start(self):
        return None

    def after(self, memory, moment, data):
        return None

    def rate(self, memory, moment):
        if moment.step is None:
            raise ArgumentError("WarmUpBySteps goes by steps")
        return min((moment.step + 1) / 1000, 1.0)

    def answer(self, memory, moment):
        return Decision(self.rate(memory, moment), None, Action.PLAN, Cause("warm_up", "the step"))


@pytest.mark.parametrize(
    "schedule",
    [
        Product(NEWBOB, WarmUpBySteps()),
        Product(WarmUpBySteps(), NEWBOB),
        Product(NEWBOB, Scaled(WarmUpBySteps(), 1e-5)),
        Scaled(Product(NEWBOB, WarmUpBySteps()), 0.5),
        HoldLearningRate(Clamp(Product(NEWBOB, WarmUpBySteps()), maximum=1.0), 0),
        Preset(Product(NEWBOB, WarmUpBySteps()), {9: 0.01}),
    ],
)
@pytest.mark.parametrize("restarts", [False, True])
def test_an_epoch_goes_on_as_it_began_when_an_evaluation_comes_late(schedule, restarts):
    control = LearningRateControl(schedule)
    control.get_learning_rate(1, 0)
    control.set_epoch_error(1, {"dev_score": 1.0})
    control.get_learning_rate(2, 200)
    before = [control.get_learning_rate(3, step) for step in (400, 500, 900)]
    control.set_epoch_error(2, {"dev_score": 1.0})  # now the rule would decay at epoch 3
    if restarts:
        control = LearningRateControl(schedule, MemoryStorage(control.history))
    assert [control.get_learning_rate(3, step) for step in (400, 500, 900)] == pytest.approx(before, rel=1e-15)
    control.set_epoch_error(3, {"dev_score": 0.5})
    if schedule != Product(WarmUpBySteps(), NEWBOB):  # to it the first part was set by hand
        assert control.get_learning_rate(4, 2000) == pytest.approx(before[2] / 0.901, rel=1e-15)


def test_an_epoch_goes_on_within_the_limits_of_a_clamp():
    control = LearningRateControl(Clamp(Product(NEWBOB, WarmUpBySteps()), maximum=0.25))
    for epoch, step in ((1, 0), (2, 100), (3, 300)):
        control.get_learning_rate(epoch, step)
        control.set_epoch_error(epoch - 1 or 1, {"dev_score": 1.0})  # the evaluation of the epoch before
    assert [control.get_learning_rate(3, step) for step in (300, 449, 499, 999)] == [0.1505, 0.225, 0.25, 0.25]


@pytest.mark.parametrize("at_first", [0.0, 5e-324, 1e300])
def test_where_rates_have_no_ratio_the_rate_of_the_beginning_stays(at_first):
    schedule = as_schedule(lambda history, epoch: 1.0)
    began, later = Moment(1, step=0), Moment(1, step=9)
    rates = {began: at_first, later: 1e300}

    class Leaps(ByStep):
        def rate(self, memory, moment):
            return rates[moment]

    assert Leaps().rate_during(None, began, 0.25, later) == 0.25
    assert Leaps().rate_during(None, began, at_first, later) == 1e300
    assert schedule.rate_during(History(), began, 0.25, later) == 0.25


def test_a_preset_holds_for_all_steps_and_warms_nothing_up():
    control = LearningRateControl(Preset(Product(Constant(0.1), WarmUpBySteps()), {1: 0.05, 3: 0.02}))
    assert [control.get_learning_rate(1, step) for step in (0, 500)] == [0.05, 0.05]
    assert control.get_learning_rate(2, 999) == 0.1
    assert control.get_learning_rate(5, 1999) == 0.02  # epoch 3 is not recorded
    assert LearningRateControl(control.schedule).get_learning_rate(2, 999) == 0.1
    assert [control.get_learning_rate(3, step) for step in (1200, 1300)] == [0.02, 0.02]


@pytest.mark.parametrize("schedule", [Product(NEWBOB, WarmUpBySteps()), WarmUpBySteps()])
def test_steps_that_are_not_the_first_are_not_noted(schedule):
    control = LearningRateControl(schedule)
    control.get_learning_rate(1, step=0)
    control.get_learning_rate(1, step=50, samples=3200)
    assert control.history[1].meta == {"step": 0}
    for overwrite in (
        lambda: control.set_epoch_meta(1, {"step": 70, "gpu": "a"}),
        lambda: control.set_epoch_error(1, {"dev_score": 1.0, ":meta:step": 70}),
        lambda: control.set_epoch_meta(1, {"step": 0.0}),
        lambda: control.set_epoch_meta(1, {"samples": 640}),
    ):
        with pytest.raises(
            ArgumentError, match=r"^meta of epoch 1 must be \{'step': 0\}, the counts at which the epoch began"
        ):
            overwrite()
    assert control.history[1].meta == {"step": 0}
    control.set_epoch_meta(1, {"step": 0, "gpu": "a"})  # the same
    assert control.history[1].meta == {"step": 0, "gpu": "a"}


def test_a_meta_value_that_is_no_count_is_not_overwritten():
    control = LearningRateControl(Constant(0.1))
    control.set_epoch_meta(1, {"step": "many"})
    assert control.get_learning_rate_for_epoch(1) == 0.1
    with pytest.raises(ArgumentError, match=r"meta\['step'\] of epoch 1 must be a count"):
        control.get_learning_rate(1, step=0)
    assert control.history[1].meta == {"step": "many"}


def test_a_question_that_fails_records_nothing():
    control = LearningRateControl(Preset(WarmUpBySteps(), {4: 1e-3}))
    with pytest.raises(ArgumentError, match="goes by steps"):
        control.get_learning_rate(1, samples=0)
    assert control.history == History()


def test_a_recorded_rate_of_0_gives_way_to_a_preset_inside_combinators():
    preset = Preset(Constant(0.1), {2: 0.05})
    for schedule, expected in [
        (Clamp(preset, maximum=1.0), 0.05),
        (Scaled(Clamp(preset, 0.1), 0.5), 0.05),
        (HoldLearningRate(preset, 3), 0.0),
    ]:
        control = LearningRateControl(schedule)
        control.get_learning_rate_for_epoch(1)
        for epoch in (2, 3):
            control.set_learning_rate_for_epoch(epoch, 0.0)
        assert [control.get_learning_rate_for_epoch(epoch) for epoch in (2, 3)] == [expected, 0.0]


def test_the_bare_rule_is_asked_inside_combinators():
    control = LearningRateControl(Scaled(HoldLearningRate(NEWBOB, 3), 0.5))
    for epoch in (1, 2):
        control.get_learning_rate_for_epoch(epoch)
        control.set_epoch_error(epoch, {"dev_score": 1.0})
    assert [control.calc_learning_rate_for_epoch(epoch) for epoch in (1, 2, 3)] == [0.5, 0.5, 0.25]
    assert control.calc_new_learning_rate_for_epoch(3) == 0.25  # held at 0.5, halved


def test_a_schedule_that_needs_the_step_says_so():
    control = LearningRateControl(ByStep())
    for ask in (control.get_learning_rate_for_epoch, control.decide, lambda e: control.set_epoch_error(e, {"a": 1.0})):
        with pytest.raises(ArgumentError, match="ask with the step"):
            ask(1)
    assert control.history == History()


class CountsCalls(Fold):
    """How many epochs it has seen is written into a list, to measure what an epoch costs."""

    def __init__(self, seen):
        self.seen = seen

    def start(self):
        return 0

    def after(self, memory, moment, data):
        self.seen.append(moment.epoch)
        return memory + len(data.error)

    def answer(self, memory, moment):
        return Decision(1.0 / (1 + memory), None, Action.PLAN, Cause("counts", "the errors"))


def test_an_evaluation_that_comes_late_is_folded_again_at_a_flat_cost():
    seen = []
    stored = History({epoch: EpochData(learning_rate=0.5, error={"a": 1.0}) for epoch in range(1, 1001)})
    control = LearningRateControl(CountsCalls(seen), MemoryStorage(stored))
    control.get_learning_rate_for_epoch(1001)
    assert seen == list(range(1, 1001))
    seen.clear()
    for epoch in range(1001, 1101):
        control.get_learning_rate_for_epoch(epoch + 1)
        control.set_epoch_error(epoch, {"a": 1.0})
        assert control.decide(epoch + 2).learning_rate == 1 / (1 + epoch)
    assert len(seen) <= 3 * 100
    seen.clear()
    for epoch in range(1101, 1401):
        control.get_learning_rate_for_epoch(epoch)
        control.set_epoch_error(epoch - 100, {"a": 1.0, "b": 2.0})
    assert len(seen) <= 300 * 2 * 100 * 1.2
    assert control.decide(1401).learning_rate == 1 / (1 + 1000 + 2 * 300)
    assert control.decide(3).learning_rate == 1 / 3
    assert control.decide(1102).learning_rate == 1 / (1 + 1000 + 2 * 101)


@pytest.mark.parametrize("apart", [1, 2, 999, 2000])
def test_steps_and_late_evaluations_cost_the_same_however_far_apart_epochs_are(apart):
    seen = []
    control = LearningRateControl(CountsCalls(seen))
    for epoch in range(1, 301):
        for step in range(5):
            control.get_learning_rate(apart * epoch, 5 * epoch + step)
        if epoch > 20:
            control.set_epoch_error(apart * (epoch - 20), {"a": 1.0})
    assert len(seen) <= 300 * 2 * 20 * 1.2
    assert control.decide(apart * 301).learning_rate == 1 / 281


def test_an_old_epoch_that_changes_changes_what_comes_after():
    control = LearningRateControl(CountsCalls([]))
    for epoch in range(1, 21):
        control.get_learning_rate_for_epoch(epoch)
    control.set_epoch_error(2, {"a": 1.0, "b": 1.0})
    assert [control.decide(epoch).learning_rate for epoch in (21, 2, 3)] == [1 / 3, 1.0, 1 / 3]


# ---- which error the getters show

ACCURATE = NewbobRelative(default_learning_rate=0.5, error_measure_key="acc", mode="max")
LOSSY = NewbobRelative(default_learning_rate=0.5, error_measure_key="loss")


def _with_errors(schedule, *errors, **parameters):
    control = LearningRateControl(schedule, **parameters)
    for epoch, error in enumerate(errors, start=1):
        control.set_epoch_error(epoch, error)
    return control


@pytest.mark.parametrize(
    ("schedule", "parameters", "key"),
    [
        (LOSSY, {}, "loss"),
        (Preset(HoldLearningRate(ACCURATE, 3), {}), {}, "acc"),
        (Product(LOSSY, LOSSY, Constant(1.0, error_measure_key="acc", mode="max")), {}, "loss"),
        (Product(LOSSY, ACCURATE), {"measure": ErrorMeasure("loss")}, "loss"),
        (LOSSY, {"measure": ErrorMeasure("acc", mode="max")}, "acc"),
        (Constant(0.5), {}, "loss"),
        (Constant(0.5, error_measure_key="acc", mode="max"), {}, "acc"),
        (lambda history, epoch: 0.5, {}, "loss"),
        (lambda history, epoch: 0.5, {"measure": ErrorMeasure("acc", mode="max")}, "acc"),
    ],
)
def test_the_getters_show_the_error_of_the_only_measure_or_of_the_one_passed(schedule, parameters, key):
    errors = ({"acc": 0.1, "loss": 0.2}, {"acc": 0.5, "loss": 0.3}, {"acc": 0.2, "loss": 0.4})
    control = _with_errors(schedule, *errors, **parameters)
    assert [control.get_error_key(epoch) for epoch in (1, 3)] == [key, key]
    assert control.get_epoch_error_key_value(2) == (key, {"acc": 0.5, "loss": 0.3}[key])
    assert control.get_last_best_epoch(3) == {"acc": 2, "loss": 1}[key]


def test_where_parts_look_at_different_errors_the_getters_ask_which():
    control = _with_errors(Scaled(Product(LOSSY, ACCURATE), 0.5), {"acc": 0.1, "loss": 0.2})
    for ask in (control.get_error_key, control.get_epoch_error_value, control.get_last_best_epoch):
        with pytest.raises(
            ArgumentError, match=r"look at different errors; pass LearningRateControl\(..., measure=Err"
        ):
            ask(1)
    with pytest.raises(ArgumentError, match="^Product has 2 parts, and not one rule"):
        control.calc_relative_error(1, 1)
    assert control.get_learning_rate_for_epoch(2) == 0.125
