"""Pages: complete, and harmless whatever stands in a history; also in a real browser."""

import html
import json
import re
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings, strategies as st
from pictures import awkward, browser

from lrsched import ArgumentError, schedule_from_config
from lrsched.core.plain import printable
from lrsched.errors import MissingExtraError
from lrsched.pictures import page as room
from lrsched.pictures.page import MOST_EPOCHS, page_of
from lrsched.pictures.run import Run
from lrsched.simulation import replay

RUNS = awkward.runs()
HOSTILE = (
    "<script>document.title = 'it ran'</script>",
    "<img src=x onerror=\"document.title = 'it ran'\">",
    "</style></svg></title><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "\" onmouseover='alert(1)'",
    "&lt;b&gt; & \ud800 \x00 \u202e]]>",
)
HARMLESS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "section", "figure", "div", "p", "strong"),
    *("dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td"),
    *("svg", "metadata", "rdf:rdf", "cc:work", "dc:type", "dc:format", "defs", "g", "path", "use", "text", "tspan"),
    *("clippath", "rect", "details", "summary"),
}
VOID = {"meta"}


class Page(HTMLParser):
    """The elements, attributes and texts of a page; elements are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.names, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def harmless(text):
    """The page, of which nothing can run and nothing is loaded."""
    text.encode()
    page = Page(text)
    assert set(page.names) <= HARMLESS
    assert text.count("Content-Security-Policy") == 1
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("href", "xlink:href", "src", "rdf:resource"):
            assert value.startswith("#") or name == "rdf:resource"
    ids = [value for name, value in page.attributes if name == "id"]
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", name) for name in ids)
    return page


def hostile_run(text):
    history = awkward.history(awkward.falling(4), key=text)
    schedule = awkward.SCHEDULE
    return Run(text, history, replay(schedule, history), {text: replay(schedule, history, "free")}, {text: text})


@pytest.mark.parametrize("name", RUNS)
def test_an_awkward_history_has_a_harmless_page(name):
    harmless(page_of(RUNS[name]))


def test_the_page_has_facts_settings_decisions_and_the_note(digits):
    text = page_of([digits])
    texts = harmless(text).texts
    assert {"0.003 at epoch 30", "0.11820157254338465 at epoch 30", "30 of 30 are the recorded ones, exactly"} <= set(
        texts
    )
    assert texts[texts.index("newbob_learning_rate_decay") + 1] == "0.5"
    assert digits.replayed[2].decision.cause.describe() in texts
    assert "looser, free replay" in texts
    assert f": {digits.compared['looser'].note}." in texts
    bold = "A schedule's rates that are not exactly the recorded ones are bold; all are rounded to ten digits."
    assert f"All 30 epochs. {bold}" in texts
    assert text.count("<strong>0.24</strong>") == 3
    assert text.count("<tr>") == 31
    assert "+26.8 % &gt; -1 %" in text


def test_the_rates_of_the_marked_schedule_stand_out_too_and_its_free_replay_has_a_note(digits):
    settings = digits.settings | {"newbob_learning_rate_decay": 0.8}
    replayed = replay(schedule_from_config(settings), digits.history, "free")
    assert (replayed.differs_from, len(replayed.differing)) == (3, 28)
    text = page_of([Run("digits", digits.history, replayed)])
    texts = harmless(text).texts
    assert texts[texts.index("The schedule, free replay") + 1] == f": {replayed.note}."
    assert "2 of 30 are the recorded ones, exactly" in texts
    assert text.count('<td class="number"><strong>') == 28


def test_the_table_of_a_single_key_is_about_that_one(digits):
    text = page_of([Run("a", digits.history, keys=["train_error"])])
    first = digits.history[1].error["train_error"]
    assert {"train_error", repr(first)} <= set(harmless(text).texts)


def test_without_a_schedule_the_table_is_that_of_show():
    texts = harmless(page_of(RUNS["no errors"])).texts
    assert {"Epochs", "change", "down x0.9", "not finished"} <= set(texts)
    assert "Settings" not in texts
    rises = awkward.history([1.0] * 4, [0.1, None, 0.2, 0.2])
    assert [text for text in harmless(page_of([Run("a", rises)])).texts if "x2" in text] == ["x2", "up x2"]


def test_several_runs_have_a_figure_together():
    page = harmless(page_of(RUNS["hostile, several"]))
    assert page.names.count("svg") == 3
    assert page.names.count("section") == 2
    assert harmless(page_of(RUNS["3 epochs"])).names.count("svg") == 1


def test_of_a_long_history_the_changes_are_shown_and_the_page_says_so():
    history = awkward.history(awkward.falling(600), awkward.decayed(600, 6))
    text = page_of([Run("a", history)])
    assert len(history) > MOST_EPOCHS
    assert "Of 600 epochs 7: the first, those at which a rate changes, and the last." in text
    rows = re.findall(r"<tr><td class=\"number\">(\d+)</td>", text)
    assert rows == ["1", "101", "201", "301", "401", "501", "600"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_texts(text):
    page = harmless(page_of([hostile_run(text)]))
    assert page.texts.count(printable(text)) >= 5  # title, heading, settings twice, table
    assert not any(each == "49" for each in page.texts)


def test_no_run_is_refused():
    with pytest.raises(ArgumentError, match="at least one run"):
        page_of([])


def test_a_missing_library_is_named(monkeypatch):
    room._template.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match="this needs Jinja2"):
        page_of(RUNS["3 epochs"])


def test_the_same_runs_have_the_same_page(digits):
    assert page_of([digits]) == page_of([digits])


@pytest.mark.filterwarnings("ignore::lrsched.MeasureWarning")
@settings(max_examples=15)
@given(awkward.any_runs())
def test_any_history_has_a_harmless_page(run):
    harmless(page_of([run]))


ELSEWHERE = "192.0.2.1"  # an address that nobody has
LOADING = f"<img src='http://{ELSEWHERE}/x.png'><link rel='stylesheet' href='http://{ELSEWHERE}/x.css'>"
RUNNING = "<script>document.title = 'it ran'</script>"


def in_browser(text, folder):
    """What a page has become, and whether anything was asked for at that address."""
    path, log = folder / "report.html", folder / "log.json"
    path.write_text(text)
    dom = browser.document(path, folder, f"--log-net-log={log}")
    return dom, f"http://{ELSEWHERE}/" in log.read_text()


def test_in_a_browser_hostile_texts_are_shown_and_nothing_runs_or_is_loaded(tmp_path):
    texts = (*HOSTILE, LOADING, RUNNING)
    dom, asked = in_browser(page_of([hostile_run(text) for text in texts]), tmp_path)
    assert not asked
    assert f"<title>Learning rates of {len(texts)} trainings</title>" in dom
    for text in texts:
        assert f"<h2>{html.escape(printable(text), quote=False)}</h2>" in dom
    assert not {"<script", "<img", "<link"} & set(re.findall("<[a-z]+", dom))


def test_in_a_browser_the_policy_would_stop_what_escaping_let_through(tmp_path, digits):
    """There is a second wall; and without both, the check above fails."""
    unescaped = page_of([digits]).replace("<h3>Facts</h3>", LOADING + RUNNING)
    dom, asked = in_browser(unescaped, tmp_path)
    assert (asked, "<title>it ran</title>" in dom) == (False, False)
    dom, asked = in_browser(re.sub("<meta http-equiv[^>]*>", "", unescaped), tmp_path)
    assert (asked, "<title>it ran</title>" in dom) == (True, True)


def test_in_a_browser_nothing_is_wider_than_the_window(tmp_path, digits):
    """In frames, since windows have a least width."""
    measure = "<script>parent.postMessage([innerWidth, document.documentElement.scrollWidth], '*')</script></body>"
    page = page_of([digits, *RUNS["long name"], *RUNS["long key"], hostile_run("W" * 300)])
    page = re.sub("<meta http-equiv[^>]*>", "", page).replace("</body>", measure)
    path = tmp_path / "frame.html"
    path.write_text(
        "<script>onmessage = event => { document.title += JSON.stringify(event.data) + ';' }</script>"
        + "".join(
            f'<iframe style="width: {width}px; height: 900px; border: 0" srcdoc="{html.escape(page)}"></iframe>'
            for width in (400, 1200)
        )
    )
    dom = browser.document(path, tmp_path, "--window-size=1400,1000", "--virtual-time-budget=3000")
    sizes = [json.loads(size) for size in html.unescape(re.search("<title>(.*)</title>", dom)[1]).split(";")[:-1]]
    assert sorted(inner for inner, _ in sizes) == [400, 1200]
    assert all(content <= inner for inner, content in sizes)


@settings(max_examples=30)
@given(st.text(st.characters(codec=None), max_size=20))
def test_printable_text_can_be_encoded_and_has_no_controls(text):
    assert printable(text).isprintable()
    printable(text).encode()
