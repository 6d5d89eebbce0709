"""Python configurations: what is read from them without running them, judged by running them."""
# ruff: noqa: E501  a program stands on one line, in a row of a table

import json
import os
import sys
import types
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from lrsched import FormatError, SettingWarning
from lrsched.config.files import parse_config
from lrsched.config.python import parse

SHARED = Path(os.environ.get("LRSCHED_SHARED") or Path(__file__).parents[3] / "shared")


def _read(text, is_setting=lambda _: True):
    return parse(text, "training.config", is_setting)


def _run(text, **modules):
    """What Python itself says: the names at the end, or None where it raises."""
    sys.modules.update(modules)
    names = {}
    try:
        with warnings.catch_warnings(action="ignore"):
            exec(compile(text, "training.config", "exec"), names)
    except Exception:  # noqa: BLE001  a random program raises anything
        return None
    finally:
        for name in modules:
            del sys.modules[name]
    return names


def _same(one, other):
    """Equal to the last bit, and of the same type; NumPy's numbers are Python's."""
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return type(other) is dict and _same([*one.items()], [*other.items()])
    other = other.item() if type(other).__module__ == "numpy" and not other.shape else other
    return type(one) is type(other) and repr(one) == repr(other)


FOLLOWED = {
    "constants": "a = None; b = True; c = -1.5e-3; d = 'x' 'y'; e = b'x'; f: int = 0x1F; g = h = 2",
    "containers": "a = [1, (2,), {3: {4: 'x'}}]\nb = a[1:]\nc = a[-1][3][4]\nd = 'abc'[::-1]\ne, (f, g) = 1, (2, a)",
    "arithmetic": "a = 7 // 2 + 7 % 3 - 2 ** 10 / 3 * -1\nb = [a] * 2 + [+a]\nc = 2 ** -1; d = 2 * 'x'; e = '%(a)s' % {'a': 1}",
    "aliases": "a = b = [1]\nc = [a] * 2\nd = {'x': a, **{'y': b}}\ne = d['x'][0]",
    "texts": "a = 0.5\nb = 'lr.%i.%s' % (3, a)\nc = '{}-{x:>5.2f}'.format(a, x=2)\nd = f'{a:>9}{a:.3f}|{{{b}}}'\ne = str(a)",
    "conversions": "a = float('1e-3')\nb = int('12')\nc = list(range(3))\nd = tuple(c)\ne = dict(x=1)\nf = len(c) + max(c)",
    "tests": "a = 4\nif a > 1 and not a == 5:\n b = a\nelse:\n b = 1 / 0\nif a <= 1 or a != 4: c = 1\nelif a: d = 1",
    "numpy": "import numpy\na = list(numpy.linspace(0.0003, 0.001, num=10))\nb = numpy.logspace(-1, -3, 3).tolist()\n"
    "import numpy as np\nc = list(np.geomspace(1, 1e-3, 4) * 0.5)\nfrom numpy import linspace as ls\nd = list(ls(0, 1, 3))[1] ** 0.3",
    "math": "import math\nfrom math import sqrt\na = [sqrt(2), math.exp(-1), math.log(3)]",
    "a dict": "config = {'a': 1, 'b': [2]}\nlocals().update(**config)\nglobals().update({'c': b}, d=4)",
    "a call of dict": "import numpy\nconfig = dict(a=0.5 if 1 > 2 else 0.25, b=list(numpy.linspace(1e-7, 1e-3, num=5)), **{'c': [2]}, d=len)\nlocals().update(**config)",
    "globals": "a = 1\nb = globals()['a']\nc = globals()['b'] + 1",
    "functions aside": "def f(a):\n a.append(1)\n b = 2\nb = [1]\nc = 3\nclass C:\n b = 4",
}


@pytest.mark.parametrize("text", FOLLOWED.values(), ids=FOLLOWED)
def test_what_is_followed_is_what_python_says(text):
    names, doubt = _read(text)
    expected = _run(text)
    assert doubt is None
    for name in set("abcdefgh") & set(expected):
        value = expected[name]
        assert callable(value) or _same(names[name], value), name


NOT_KNOWN = {
    "a call": ("def get_rate():\n return 1\nx = get_rate()", "get_rate() is not followed", 3),
    "a method": ("import os\n\nx = os.environ.get('LR')", "os.environ.get('LR') is not followed", 3),
    "an item": ("import os\nx = float(\nos.environ['LR'])", "os.environ['LR'] is not followed", 3),
    "what follows": ("import os\ny = os.getpid()\nz = y + 1\nx = [1, {'a': z}]", "os.getpid() is not followed", 2),
    "a function": ("y = 1\ndef x(): pass", "def x(): pass is not followed", 2),
    "a branch": ("import os\nif os.getenv('x'):\n x = 2", "os.getenv('x') is not followed", 2),
    "a loop": ("x = []\nfor i in range(3):\n x.append(i)", "for i in range(3): x.append(i) is not followed", 2),
    "a loop's end": ("x = 1\nwhile x < 5: x += 1", "while x < 5: x += 1 is not followed", 2),
    "an item set": ("x = [1]\ny = x\ny[0] = 2", "y[0] is not followed", 3),
    "a method of a list": ("x = [1]\nx.append(2)", "x.append(2) is not followed", 2),
    "part of a list": ("y = []\nx = [y]\ndel y[0]", "del y[0] is not followed", 3),
    "an array": ("import numpy\nx = numpy.linspace(0, 1, 3)", "it depends on ndarray", 2),
    "an import": ("import os as x", "it depends on os", 1),
    "a name of nobody": ("x = y", "y is not followed", 1),
    "a division": ("x = 1\nx = x / 0", "ZeroDivisionError: division by zero", 2),
    "a huge number": ("x = 10**10**10", "it is too large", 1),
    "a long list": ("x = [0] * 10**9", "it is too large", 1),
    "a set": ("x = {1}", "{1} is not followed", 1),
}


@pytest.mark.parametrize(("text", "reason", "line"), NOT_KNOWN.values(), ids=NOT_KNOWN)
def test_what_is_not_followed_says_why_and_where(text, reason, line):
    error = _read(text)[0]["x"]
    assert isinstance(error, FormatError)
    assert (error.message, error.line) == (reason, line)


@pytest.mark.parametrize(
    "text",
    [
        *("exec('x = 2')", "def f():\n eval('1')", "from base import *", "y = globals()", "vars()['x'] = 2"),
        *("config.set('x', 2)", "import builtins\nbuiltins.exec('x = 2')", "locals().update(f())"),
        *("check(x)", "y = [x]\ncheck(y)", "import foo\nfoo.bar(x)", "def f(): check(x)\nf()", "@f(x)\ndef g(): pass"),
    ],
)
def test_code_that_may_change_settings_is_one_doubt_and_they_count_as_assigned(text):
    names, doubt = _read(f"x = [1]\n{text}\nz = 3", {"x", "z"}.__contains__)
    assert (names["x"], names["z"]) == ([1], 3)
    assert doubt.line in (2, 3)


def test_lists_of_other_names_are_no_doubt():
    names, doubt = _read("files = ['a']\ntrain = load(files)\nx = 0.1\n", {"x"}.__contains__)
    assert (names["x"], doubt) == (0.1, None)
    assert isinstance(names["files"], FormatError)


@pytest.mark.parametrize(
    "text", ["x = 1 +", "x = '\0'", "x = " + "-" * 100_000 + "1", "a = [0]\n" + "a = [a, a]\n" * 60]
)
def test_what_cannot_be_read_is_refused(text):
    with pytest.raises(FormatError):
        _read(text)


# ---- random programs

LINES = [
    *(
        "{a} = {k}",
        "{a} = [{k}, {b}]",
        "{a} = {b}",
        "{a} = {b} * 2",
        "{a} = dict(k={b})",
        "{a} = {b}[0]",
        "{a} = {b}['k']",
    ),
    *(
        "{a}, {b} = [{k}], {c}",
        "{a} += [{b}]",
        "{a} = {b} + [{k}]",
        "{a} = list({b})",
        "{a} = {b}[:1]",
        "{a} = len({b})",
    ),
    *(
        "{a}.append({b})",
        "{a}[0] = {b}",
        "{a}['k'] = {b}",
        "{a}[0].append({k})",
        "del {a}[0]",
        "del {a}",
        "{a} = {b}.pop()",
    ),
    *(
        "{a} = [[x] for x in {b}]",
        "{a} = [x.append({k}) for x in {b}]",
        "{a} = (x.append({k}) for x in {b})",
        "list({a})",
    ),
    *("{a} = {b} if unknown() else {c}", "{a} = unknown() or {b}", "if unknown(): {a} = {b}", "if {k} > 1: {a} = {b}"),
    *(
        "for {a} in {b}: {a}.append({k})",
        "for x in {b}: x.append({k})",
        "while unknown(): {a} = {b}",
        "{a} = unknown({b})",
    ),
    *("def g():\n  global {a}\n  {a} = {b}", "def g(y={b}):\n  y.append({k})\n  return {c}", "g()", "{a} = g", "{a}()"),
    *("def h():\n  y = {b}\n  def i(): y.append({k})\n  i()\n  return y", "h()", "{a} = h()", "h()[0] = {k}"),
    *("class C:\n  t = {b}\n  def m(self): self.t.append({k})", "C().m()", "C().t.append({k})", "{a} = C().t"),
    *("{a} = [y := {b}, {k}]", "y.append({k})", "{a} = lambda: {b}.append({k})", "{a} = (lambda: {b})()", "print({b})"),
    *(
        "locals().update(**dict({a}={b}))",
        "{a} = globals()['{b}']",
        "exec('{a} = 5')",
        "{a} = list(linspace(0, 1, {k}))",
    ),
    *(
        "try: {a} = {b}[5]\nexcept Exception: {a} = {k}",
        "match {b}:\n  case [x, *_]: x.append({k})",
        "{a} = f'{{{b}}}'",
    ),
]
START = (
    "from numpy import linspace\nfrom judge import unknown, print\n"
    "a = [1, [2]]; b = [[3], 4]; c = dict(k=[5]); y = [0]\n"
)
NAMES = st.sampled_from("abcd")
PROGRAMS = st.lists(
    st.builds(str.format, st.sampled_from(LINES), a=NAMES, b=NAMES, c=NAMES, k=st.integers(0, 3)),
    min_size=1,
    max_size=8,
).map(lambda lines: START + "\n".join(lines))


def _judge(random):
    """A module whose functions do what nobody can know."""

    def unknown(*given):
        for each in given:
            if isinstance(each, list):
                each.append(99)
        return given[0] if given and random.random() < 0.5 else random.random() < 0.5

    return types.SimpleNamespace(unknown=unknown, print=lambda *_: None)


@settings(max_examples=400)
@given(text=PROGRAMS, random=st.randoms(use_true_random=True))
def test_no_known_value_differs_from_what_running_the_program_gives(text, random):
    try:
        names, doubt = _read(text, set("abcdy").__contains__)
    except FormatError:  # a list that is in itself
        return
    ran = _run(text, judge=_judge(random))
    if ran is None or doubt is not None:
        return
    for name in set("abcdy") & {*ran, *names}:
        if not isinstance(names[name], FormatError):
            assert _same(names[name], ran[name]), name


def test_most_names_of_random_programs_are_known():
    names = [_read(START + line.format(a="d", b="a", c="c", k=2), "abcd".__contains__)[0] for line in LINES]
    values = [each[name] for each in names for name in "abc"]
    assert sum(not isinstance(value, FormatError) for value in values) > 0.8 * len(values)


# ---- files

CASES = SHARED / "cases" / "python-configs"


@pytest.mark.skipif(not CASES.is_dir(), reason="no cases: set LRSCHED_SHARED to the folder that holds them")
def test_the_forms_of_public_configurations():
    for name, expected in json.loads((CASES / "expect.json").read_text()).items():
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            config = parse_config((CASES / name).read_text(encoding="utf-8"), name)
        assert len(warned) == expected["warns"], name
        for key, value in expected["settings"].items():
            assert isinstance(config[key], FormatError) if value is None else config[key] == value, (name, key)


@pytest.mark.parametrize(
    ("filename", "text", "message"),
    [
        ("a.py", "x = 1", "a.py sets no key that a schedule reads, such as learning_rate, so the defaults count"),
        (
            "a.py",
            "x = 1\nc = {'learning_rate': 1}",
            "; line 2 has learning_rate, but inside a dict, a function or a comment",
        ),
        ("a.json", '{"a": {"min_learning_rate": 1}}', "; line 1 has min_learning_rate, but inside a dict,"),
        ("a.config", "task train", "a.config sets no key that a schedule reads"),
        (
            "a.py",
            "learning_rate = 1\nexec('')",
            "exec may set any name @ a.py:2; the settings count as the file assigns",
        ),
        ("a.py", "from b import *", "from b import * may set any name @ a.py:1"),
        (
            "a.py",
            "learning_rates = [1]\nf(learning_rates)",
            "f(learning_rates) is not followed, and may change a list or dict of settings",
        ),
    ],
)
def test_a_file_that_sets_nothing_or_may_set_more_gets_one_warning(filename, text, message):
    with pytest.warns(SettingWarning) as warned:
        parse_config(text, filename)
    (one,) = warned
    assert message in str(one.message)


@pytest.mark.parametrize("without_returnn", [False, True])
def test_a_file_that_is_run_finds_the_config_that_returnn_gives_it(without_returnn, monkeypatch):
    if without_returnn:
        monkeypatch.setitem(sys.modules, "returnn.config", None)
    text = (
        "config = globals()['config']\ntask = config.value('task', 'train')\nlearning_rate = config.float('lr', 0.5)\n"
        "config.update({'min_learning_rate': 0.1})\nassert config.has('task') and config.typed_value('task') == task\n"
    )
    found = parse_config(text, "a.py", execute=True)
    assert (found["task"], found["learning_rate"], found["min_learning_rate"]) == ("train", 0.5, 0.1)
    if not without_returnn:
        text = "from returnn.config import get_global_config\nassert get_global_config() is config\nlearning_rate = 2"
        assert parse_config(text, "a.py", execute=True)["learning_rate"] == 2
