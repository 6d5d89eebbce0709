"""Figures: everything is there, nothing overlaps or is cut off, and nothing is left changed."""

import sys
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from hypothesis import given, settings, strategies as st
from pictures import awkward, drawn

from lrsched import ArgumentError, EpochData
from lrsched.core.history import History
from lrsched.errors import MissingExtraError
from lrsched.pictures.figure import figure_of
from lrsched.pictures.look import image
from lrsched.pictures.run import Run
from lrsched.testing import strategies

RUNS = awkward.runs()


def words(figure):
    return [text for text, _ in drawn.texts(figure)]


def svg_words(figure):
    root = ElementTree.fromstring(image(figure, "svg"))
    return ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", RUNS)
def test_nothing_overlaps_or_is_cut_off(name):
    figure = figure_of(RUNS[name])
    assert drawn.faults(figure) == []
    assert all(axes.lines or axes.texts for axes in figure.axes), "an empty panel"


def test_the_check_finds_what_overlaps_and_what_is_cut_off():
    figure = figure_of(RUNS["3 epochs"])
    figure.text(0.01, 0.99, "on the title", va="top")
    figure.text(0.95, 0.5, "beyond the right edge")
    assert [fault.partition("'")[2].partition("'")[0] for fault in drawn.faults(figure)]
    assert any("overlap" in fault for fault in drawn.faults(figure))
    assert any("cut off" in fault for fault in drawn.faults(figure))


def test_decisions_have_their_reasons(digits):
    found = svg_words(figure_of([digits]))
    assert {"+26.8 % > -1 %", "+25.5 % > -1 %", "+0.981 % > -1 %, floor"} <= set(found)
    assert any(word.startswith("held: the rate had not lasted long enough (8 epochs)") for word in found)
    assert any(word.startswith("at the minimum: it would have gone below (4 epochs)") for word in found)


def test_without_a_schedule_the_factors_are_told():
    assert words(figure_of(RUNS["no errors"])).count("x0.9") == 2
    assert "from 0" in words(figure_of(RUNS["zero rates"]))


def test_a_free_replay_says_what_it_is_worth_and_is_dashed_from_where_it_differs(digits):
    figure = figure_of([digits])
    assert digits.compared["looser"].differs_from == 3
    assert "from epoch 3 on the rates are not the recorded ones" in " ".join(words(figure)).replace("\n", " ")
    colour = "#D55E00"
    rates = figure.axes[1]
    solid, dashed = [
        line for line in rates.lines if line.get_color() == colour and line.get_drawstyle() == "steps-post"
    ]
    assert not solid.is_dashed()
    assert dashed.is_dashed()
    assert solid.get_xdata()[-1] == dashed.get_xdata()[0] == pytest.approx(2 / 30)  # where epoch 3 begins
    for axes in figure.axes:
        assert [line for line in axes.lines if line.get_color() == colour and set(line.get_xdata()) == {2 / 30}]


def test_a_schedule_that_gives_other_rates_is_drawn_and_counted():
    found = " ".join(words(figure_of(RUNS["400 epochs, marked"])))
    assert "160 of 400 rates are not the recorded ones, the first at epoch 8" in found.replace("\n", " ")


def test_marks_are_thinned_out_and_the_legend_says_so():
    found = words(figure_of(RUNS["400 epochs, 60 decays"]))
    assert 20 < found.count("x0.9") < 59
    assert "more changes of the rate, without room for their reasons" in found
    assert "more changes" not in " ".join(words(figure_of(RUNS["3 epochs"])))


def test_the_largest_change_keeps_its_reason():
    rates = [0.1 * 0.99**i for i in range(300)]
    rates[150:] = [rate / 64 for rate in rates[150:]]
    assert "x0.0155" in words(figure_of([Run("a", awkward.history([1.0] * 300, rates))]))


def test_texts_are_no_mathematics(digits):
    found = svg_words(figure_of(RUNS["hostile"]))
    assert any("$x_1^2$" in word and "<script>" in word and "\\ud800" in word and "\\x1b" in word for word in found)


def test_several_runs_have_a_legend_and_different_styles():
    figure = figure_of(RUNS["six runs"])
    assert {f"run {i}" for i in range(6)} <= set(words(figure))
    handles = figure.legends[0].legend_handles
    assert len({line.get_color() for line in handles}) == 6
    assert len({(line.get_color(), line.get_marker()) for line in handles}) == 6
    assert {line.get_marker() for line in handles} == {"o", "s", "^", "D", "v"}


def test_a_name_may_begin_with_an_underscore():
    history = awkward.history([1.0, 2.0])
    found = words(figure_of([Run("_a", history), Run("_b", history)]))
    assert {" _a", " _b"} <= set(found)


def test_where_no_error_is_finite_the_axis_has_no_numbers():
    assert list(figure_of(RUNS["only not finite"]).axes[0].get_yticks()) == []


def test_errors_that_are_not_finite_stand_at_the_edge_and_interrupt_the_line():
    errors = figure_of(RUNS["not finite"]).axes[0]
    edge = {line.get_marker(): list(line.get_ydata()) for line in errors.lines if line.get_marker() in ("x", "v")}
    assert len(edge["x"]) == 3
    assert set(edge["x"]) == {1.06}
    assert edge["v"] == [-0.06]


def test_only_the_errors_asked_for_are_drawn(digits):
    figure = figure_of([Run("a", digits.history, keys=["train_score", "dev_error"])])
    assert figure.axes[0].get_ylabel() == "error"
    assert {"recorded rate, train_score", "dev_error"} <= set(words(figure))


@pytest.mark.parametrize(("kind", "beginning"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_same_figure_has_the_same_bytes(digits, kind, beginning):
    first, second = (image(figure_of([digits]), kind) for _ in range(2))
    assert first.startswith(beginning)
    assert first == second


def test_an_unknown_format_is_refused(digits):
    with pytest.raises(ArgumentError, match="kind must be one of 'png', 'svg', 'pdf', got 'gif'"):
        image(figure_of([digits]), "gif")
    with pytest.raises(ArgumentError, match="at least one run"):
        figure_of([])


def test_nothing_of_matplotlib_is_left_changed_or_believed(digits):
    plain = image(figure_of([digits]), "svg")
    with mpl.rc_context({"text.usetex": True, "axes.grid": True, "font.size": 30}):
        before = dict(mpl.rcParams)
        assert image(figure_of([digits]), "svg") == plain
        assert dict(mpl.rcParams) == before
    code = "import sys, lrsched.pictures.figure as f, lrsched; f.figure_of([f.Run('a', lrsched.History())])"
    assert "matplotlib.pyplot" not in code_imports(code)


def code_imports(code):
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_missing_library_is_named(digits, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        MissingExtraError, match=r"this needs matplotlib; pip install '\.\[plot\]' in a checkout of lrsched installs it"
    ):
        figure_of([digits])


@pytest.mark.filterwarnings("ignore::lrsched.MeasureWarning")
@settings(max_examples=20)
@given(awkward.any_runs())
def test_any_history_can_be_drawn(run):
    figure = figure_of([run])
    assert drawn.faults(figure) == []
    ElementTree.fromstring(image(figure, "svg"))


@settings(max_examples=10)
@given(st.lists(strategies.wild_histories(4), min_size=2, max_size=3))
def test_any_histories_can_be_drawn_together(several):
    assert drawn.faults(figure_of([Run(f"run {n}", history) for n, history in enumerate(several)])) == []


def test_an_epoch_without_a_rate_has_none_drawn():
    history = History({e: EpochData(learning_rate=None if e == 2 else 0.1, error={"a": 1.0}) for e in (1, 2, 3)})
    assert figure_of([Run("a", history)]).axes[1].lines


def test_errors_that_span_decades_stand_on_a_logarithmic_axis():
    def labels(errors):
        return [label.get_text() for label in figure_of([Run("a", awkward.history(errors))]).axes[0].get_yticklabels()]

    assert labels([0.1, 0.01, 0.001]) == ["0.001", "0.003", "0.01", "0.03", "0.1"]
    assert labels([0.1, 0.06, 0.03]) == ["0.04", "0.06", "0.08", "0.1"]


def test_a_pdf_does_not_say_when_it_was_made(digits):
    """Two that are made in the same second would agree anyway."""
    assert b"CreationDate" not in image(figure_of([digits]), "pdf")


def test_a_compared_schedule_has_symbols_only_where_it_differs_and_lies_above_the_recorded_rate(digits):
    rates = figure_of([digits]).axes[1]
    widths = [line.get_linewidth() for line in rates.lines if line.get_drawstyle() == "steps-post"]
    assert widths == [2.2, 1.0, 1.0]
    (apart,) = [line for line in rates.lines if line.get_color() == "#D55E00" and line.get_marker() == "s"]
    assert apart.get_xdata()[0] == pytest.approx(2 / 30)
    assert len(apart.get_markevery()) == 7


def test_a_point_without_neighbours_has_a_symbol():
    errors = [1.0] * 100
    errors[49] = errors[51] = float("nan")
    line = figure_of([Run("a", awkward.history(errors))]).axes[0].lines[0]
    assert line.get_marker() == "o"
    assert set(line.get_markevery()) == {*range(0, 100, 4), 50}


def test_of_many_quiet_decisions_some_are_shown_and_the_legend_says_so():
    told = " ".join(words(figure_of(RUNS["400 epochs, marked"]))).replace("\n", " ")
    assert "epochs, some shown)" in told
