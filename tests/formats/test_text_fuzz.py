"""Whatever a learning-rate file holds: it loads, or it is a FormatError with a line. Nothing in it is ever run."""

import ast
import builtins
import json
import math
import random
import re
import subprocess
import sys
import warnings
from unittest import mock

import pytest
from hypothesis import assume, example, given, strategies as st

from lrsched import ArgumentError, EpochData, FormatError, read
from lrsched.core.history import History
from lrsched.formats import literal, text
from lrsched.formats.text import TEXT
from lrsched.testing import strategies as own

_CANARY = "canary"
_TOUCH = f"open({_CANARY!r}, 'w').close()"
_HOSTILE = (
    f"__import__('os').system('touch {_CANARY}')",
    _TOUCH,
    "().__class__.__bases__[0].__subclasses__()",
    f"[{_TOUCH} for _ in (1,)]",
    f"{{1: {_TOUCH} for _ in (1,)}}",
    f"(lambda: {_TOUCH})()",
    f"f'{{{_TOUCH}}}'",
    f'f"{{{_TOUCH}}}"',
    f"(x := {_TOUCH})",
    f"eval({_TOUCH!r})",
    f"exec({_TOUCH!r})",
    f"float.__class__({_TOUCH})",
    f"float({_TOUCH})",
    f"set({_TOUCH})",
    f"np.float64({_TOUCH})",
    f"np.system('touch {_CANARY}')",
    f"1 if {_TOUCH} else 2",
    f"1 or {_TOUCH}",
    f"{_TOUCH} or 1",
    f"not {_TOUCH}",
    f"*{_TOUCH}",
    f"**{_TOUCH}",
    "EpochData",
    "EpochData.__init__.__globals__",
    f"EpochData(**{_TOUCH})",
    f"EpochData({_TOUCH})",
    f"EpochData(learningRate={_TOUCH})",
    "yield 1",
    "await x",
    "some_name",
    "x.y",
    "'a'.upper()",
    "'a' 'b'",
    "1 + 1",
    "1j",
    "2 ** 3",
    "...",
    "{**{}}",
    "[*()]",
    "1_000",
    "0x10",
    "007x",
    "r'a'",
    "'''a'''",
    "1 # comment",
    "`id`",
    "$(id)",
    "\0",
    "import os",
    f"1\nimport os\n{_TOUCH}",
    f"#!/usr/bin/env python\n{_TOUCH}",
)
_FRAMES = (
    "{}",
    "{{1: {}}}",
    "{{{}: EpochData(learningRate=0.1, error={{}})}}",
    "{{1: EpochData(learningRate={}, error={{}})}}",
    "{{1: EpochData(learningRate=0.1, error={{'a': {}}})}}",
    "{{\n1: EpochData(learningRate=0.1, error={{\n':meta:a': [\n{},\n],\n}}),\n}}\n",
)
_DEEP = 10**5
_PATHOLOGICAL = {
    "brackets": "[" * _DEEP,
    "braces": "{" * _DEEP,
    "parentheses": "(" * _DEEP,
    "keys": "{1:" * _DEEP,
    "closed brackets": "[" * _DEEP + "]" * _DEEP,
    "signs": "-" * _DEEP + "1",
    "calls": "float(" * _DEEP,
    "sets": "set([" * _DEEP,
    "epochs": "EpochData(error=" * _DEEP,
    "meta": "{1: EpochData(learningRate=0.1, error={':meta:a': " + "[" * _DEEP + "]" * _DEEP + "})}",
    "power": "9**9**9**9",
    "power in an epoch": "{1: EpochData(learningRate=9**9**9, error={})}",
    "digits": "9" * 10**6,
    "digits of an epoch": "{" + "9" * 10**6 + ": EpochData()}",
    "digits of an error": "{1: EpochData(error={'a': " + "9" * 10**6 + "})}",
    "open string": "'" + "a" * 10**6,
    "backslashes": "'" + "\\" * 10**6,
    "spaces": " " * 10**6,
    "lines": "\n" * 10**6 + "x",
    "half a pair, often": "{" + "'a': 1.5 " * 10**5,
    "pairs without an end": "{1: EpochData(error={" + "".join(f"'{n}': 1.5,\n" for n in range(10**5)),
    "half an epoch, often": "{" + "1: EpochData(learningRate=0.1, error={'a': 1.5 " * 10**5,
    "unusual epochs": "{" + "".join(f"{n}: EpochData(learningRate=.1, error={{'a': 1}}),\n" for n in range(1, 10**4)),
    "one twin after another": "{1: EpochData(learningRate=0.1, error={\n" + "'a': 1.5,\n" * 10**5 + "}),\n}\n",
    "lists in a usual epoch": "{1: EpochData(learningRate=0.1, error={'a': " + "[" * _DEEP + "]" * _DEEP + "}),\n}\n",
    "repetition": "{'a': 1} * 10**9",
}


def _loads_or_says_where(content):
    """The history, or None if it is a FormatError that tells the file and a line of it."""
    try:
        history = TEXT.parse(content, "learning_rates")
    except FormatError as error:
        history, fault = None, error
    else:
        fault = FormatError("none", filename="learning_rates", line=1)
    assert fault.filename == "learning_rates"
    assert fault.line is not None
    assert 1 <= fault.line <= content.count("\n") + 1
    assert str(fault).endswith(f" @ learning_rates:{fault.line}")
    assert history is None or isinstance(history, History)
    return history


# ---- what it must not run


@pytest.mark.parametrize("frame", _FRAMES)
@pytest.mark.parametrize("hostile", _HOSTILE)
def test_whatever_is_not_data_is_refused_and_not_run(frame, hostile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _loads_or_says_where(frame.format(hostile)) is None
    assert not list(tmp_path.iterdir())


def test_reading_calls_none_of_the_builtins_that_run_code():
    contents = [frame.format(hostile) for frame in _FRAMES for hostile in _HOSTILE]
    contents.append(TEXT.render(History({1: EpochData(learning_rate=0.5, error={"a": math.nan}, meta={"m": [1]})})))
    called = []

    def forbidden(*args, **kwargs):
        called.append(args)
        raise RuntimeError(args)

    def importing(name, *args):  # of what is there already it runs nothing; Python 3.13's json asks for it
        return (originals["__import__"] if name in sys.modules else forbidden)(name, *args)

    names = ("eval", "exec", "compile", "__import__", "open")
    originals = {name: getattr(builtins, name) for name in names}
    try:
        for name in names:
            setattr(builtins, name, importing if name == "__import__" else forbidden)
        loaded = [_loads_or_says_where(content) for content in contents]
    finally:
        for name in names:
            setattr(builtins, name, originals[name])
    assert called == []
    assert [history is not None for history in loaded] == [False] * (len(loaded) - 1) + [True]


_UNDER_AUDIT = """
import json, sys
from lrsched.formats.text import TEXT
from lrsched.errors import FormatError

contents = json.load(sys.stdin)
TEXT.parse("{1: EpochData(learningRate=0.1, error={'a': -inf})}")
try:
    TEXT.parse("x")
except FormatError:
    pass
seen = []
watching = False

def watch(event, arguments):
    if watching:
        seen.append(event)

sys.addaudithook(watch)
refused = 0
for content in contents:
    watching = True
    try:
        TEXT.parse(content, "learning_rates")
    except FormatError:
        refused += 1
    finally:
        watching = False
watching = True
eval("1")  # the hook does see what runs
watching = False
print(json.dumps({"refused": refused, "seen": sorted(set(seen))}))
"""


def test_the_interpreter_reports_no_event_while_hostile_files_are_read(tmp_path):
    """The audit hook hears of every compile, exec, import, open and system call of the interpreter."""
    contents = [frame.format(hostile) for frame in _FRAMES for hostile in _HOSTILE]
    done = subprocess.run(
        [sys.executable, "-c", _UNDER_AUDIT],
        input=json.dumps(contents),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    told = json.loads(done.stdout)
    assert told["refused"] == len(contents)
    assert set(told["seen"]) <= {"compile", "exec"}  # of the last line's eval alone
    assert "exec" in told["seen"]
    assert not list(tmp_path.iterdir())


# ---- what must not take it down


@pytest.mark.parametrize("name", _PATHOLOGICAL)
def test_pathological_files_are_refused_soon(name):
    assert _loads_or_says_where(_PATHOLOGICAL[name]) is None


@pytest.mark.parametrize("number", ["0." + "9" * 10**6, "1e" + "9" * 10**6, f"float('{'9' * 10**6}')"])
def test_a_float_may_have_any_number_of_digits(number):
    content = f"{{1: EpochData(learningRate=0.5, error={{'a': {number}}})}}"
    assert TEXT.parse(content)[1].error["a"] in (1.0, math.inf)


@given(content=st.text(max_size=60) | st.text("{}[]():,'\"\\ \n1.eE-+EpochData=setfloatnainf", max_size=60))
@example("")
@example("{1: EpochData(learningRate=0.1, error={})}\0")
@example("{1: EpochData(learningRate=0.1, error={'a': '\ud800'})}")
@example("{1: EpochData(learningRate=0.1, error={'a': float('١')})}")
@example("{٣: EpochData()}")
def test_any_text_loads_or_says_where_it_is_wrong(content):
    _loads_or_says_where(content)


_WORDS = st.sampled_from(
    [
        *("{", "}", "[", "]", "(", ")", ",", ":", "=", "-", "+", "\n", " "),
        *("1", "0", "2.5", "1e5", "nan", "inf", "None", "True", "'a'", "b'x'", "'dev_score'", "':meta:a': "),
        *("{1: EpochData(", "EpochData", "EpochData(", "learningRate=", "learning_rate=", "error=", "meta={"),
        *("set([", "frozenset(", "float(", "np.float64(", "np.bool_(", "np.int64("),
    ]
)


@given(words=st.lists(_WORDS, max_size=30))
@example(["{1: EpochData(", "learningRate=", "True", ")", "}"])
@example(["{", "True", ":", "EpochData(", ")", "}"])
@example(["{", "-", "0", ":", "EpochData(", ")", "}"])
@example(["{", "1", ":", "EpochData(", ")", ",", "True", ":", "EpochData(", ")", "}"])
@example(["np.bool_(", "nan", ")"])
@example(["np.int64(", "'a'", ")"])
@example(["{1: EpochData(", "error=", "[", "]", ")", "}"])
@example(["{1: EpochData(", "error=", "{", "1", ":", "2.5", "}", ")", "}"])
@example(["{1: EpochData(", "learningRate=", "1", ",", "learning_rate=", "2.5", ")", "}"])
def test_any_words_of_the_grammar_load_or_say_where_they_are_wrong(words):
    _loads_or_says_where("".join(words))


@pytest.mark.parametrize("meta", ["1", "'a'", "True", "['a']", "('a', 1)"])
def test_a_meta_that_is_no_dict_is_refused_with_its_line(meta):
    assert _loads_or_says_where(f"{{1: EpochData(learningRate=0.1, error={{}}, meta={meta})}}") is None


@given(content=st.binary(max_size=80))
@example(b"\xff\xfe")
@example(b"{\n1: EpochData(learningRate=0.1, error={'\xe4': 1.0})}")
@example(b"\xef\xbb\xbf")
def test_any_bytes_in_a_file_load_or_say_where_they_are_wrong(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "random_bytes"
    path.write_bytes(content)
    try:
        assert isinstance(read(path), History)
    except FormatError as error:
        fault = error
    else:
        fault = FormatError("none", filename=str(path), line=1)
    assert fault.filename == str(path)
    assert fault.line >= 1


def _mutated(content, chance):
    """``content`` with a few characters lost, doubled, swapped or made something else."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(content) + 1)
        until = min(len(content), at + chance.choice([0, 1, 1, 1, 2, 20]))
        into = chance.choice(
            [
                "",
                "",
                "\n",
                "'",
                '"',
                "{",
                "}",
                "(",
                ")",
                ",",
                ":",
                "-",
                "9",
                "\\",
                "\0",
                "é",
                "x(",
                content[at:until] * 2,
            ]
        )
        content = content[:at] + into + content[until:]
    return content


@given(history=own.wild_histories(4), seed=st.integers(0, 2**32))
def test_mutated_files_load_or_say_where_they_are_wrong(history, seed):
    _loads_or_says_where(_mutated(TEXT.render(history), random.Random(seed)))


def test_mutated_recorded_files_load_or_say_where_they_are_wrong(corpus):
    chance = random.Random(0)
    refused = 0
    for folder in corpus:
        content = (folder / "learning_rates").read_text(encoding="utf-8")[:20_000]
        for _ in range(10):
            refused += _loads_or_says_where(_mutated(content, chance)) is None
    assert refused > 5 * len(corpus)


# ---- what it must not misread


def _means_in_python(source):
    """The value of a Python literal, by the parser of Python itself; an exception's type where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(source)
    except (SyntaxError, ValueError, TypeError) as error:
        return type(error)


def _assert_not_misread(source):
    try:
        value = literal.parse(source)
    except FormatError:
        return
    assert repr(value) == repr(_means_in_python(source))


_STRING_PARTS = st.sampled_from(
    ["a", "é", " ", '"', "\\\\", "\\'", "\\n", "\\t", "\\x4", "\\x41", "\\", "\\q", "\\N{DASH}"]
)


@given(
    prefix=st.sampled_from(["", "u"]),
    parts=st.lists(_STRING_PARTS | st.sampled_from(["\\u00e9", "\\U0001f642"]), max_size=6),
)
def test_strings_mean_what_python_says(prefix, parts):
    _assert_not_misread(f"{prefix}'{''.join(parts)}'")


@given(parts=st.lists(_STRING_PARTS.filter(str.isascii), max_size=6))
def test_bytes_mean_what_python_says(parts):
    _assert_not_misread(f"b'{''.join(parts)}'")


_MARKS = st.sampled_from(
    [*"{}[](),:-+ ", "1", "0.5", ".5", "1.", "1e-3", "12", "'a'", "b'b'", "None", "True", "{1: ", "(1,"]
)


@given(words=st.lists(_MARKS, max_size=12))
@example(["(", "1", ")"])
@example(["{", "1", ",", "}"])
@example(["{", ",", "}"])
@example(["[", ",", "]"])
@example(["-", "-", "1"])
def test_literals_mean_what_python_says(words):
    source = "".join(words).strip()
    assume(not re.search(r"\b0\d", source))
    _assert_not_misread(source)


@pytest.mark.parametrize("source", [r"b'\u0041'", "b'é'", "007", "np.int64(2.5)"])
def test_what_python_reads_otherwise_is_refused(source):
    with pytest.raises(FormatError):
        literal.parse(source)


# ---- a file that is not whole


def _prefixes_are_refused(content):
    whole = len(content.rstrip())
    for length in range(whole):
        assert _loads_or_says_where(content[:length]) is None, content[:length]
    return whole


@given(history=own.wild_histories(2))
def test_every_prefix_of_a_file_is_refused(history):
    content = TEXT.render(history)
    assert TEXT.parse(content[: _prefixes_are_refused(content)]) == history


def test_every_prefix_of_bytes_of_a_file_on_disk_is_refused_with_its_line(tmp_path):
    path = tmp_path / "learning_rates"
    errors = {"dev_score": 1.5, "größe": 2.5, "train_score": math.inf}
    content = TEXT.render(History({e: EpochData(learning_rate=0.5, error=errors, meta={"m": ["ü"]}) for e in (1, 2)}))
    data = content.encode()
    for length in range(len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(FormatError, match=r"learning_rates:\d+$") as caught:
            read(path)
        assert 1 <= caught.value.line <= data.count(b"\n", 0, length) + 1


def test_prefixes_of_recorded_files_are_refused(corpus):
    chance = random.Random(0)
    for folder in corpus:
        content = (folder / "learning_rates").read_text(encoding="utf-8").rstrip()
        for length in chance.sample(range(len(content)), 8):
            assert _loads_or_says_where(content[:length]) is None


# ---- there and back


@given(history=own.wild_histories())
def test_what_is_written_reads_back(history):
    content = TEXT.render(history)
    again = TEXT.parse(content)
    assert again == history
    assert TEXT.render(again) == content  # which tells -0.0 from 0.0


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(10**400, id="an int of 401 digits"),
        pytest.param(10**5000, id="an int that Python does not print"),
    ],
)
def test_a_huge_int_is_refused_on_entry_or_reads_back(value):
    try:
        history = History({1: EpochData(learning_rate=0.5, meta={"m": value})})
    except ArgumentError:
        return
    assert TEXT.parse(TEXT.render(history)) == history


def _spelt_the_old_way(content):
    """Python 2 wrote up to 17 digits, and before 2021 inf was bare."""
    return content.replace("float('inf')", "inf").replace("float('-inf')", "-inf")


def test_recorded_files_are_written_as_they_were(corpus):
    identical = 0
    for folder in corpus:
        original = (folder / "learning_rates").read_text(encoding="utf-8")
        history = TEXT.parse(original)
        rendered = TEXT.render(history)
        assert TEXT.parse(rendered) == history
        assert TEXT.render(TEXT.parse(rendered)) == rendered
        if rendered == original:
            identical += 1
        else:
            old_spelling = _words(_spelt_the_old_way(rendered)) == _words(_spelt_the_old_way(original))
            assert old_spelling, folder.name
    assert identical >= len(corpus) // 2


def _words(content):
    """Numbers by value, everything else as it is written."""
    number = r"(?<![\w.'])\d+\.\d+(?:e[+-]?\d+)?|(?<![\w.'])\d+e[+-]?\d+"
    return re.sub(number, lambda found: float(found.group()).hex(), content)


# ---- epochs that are written as usual


def _means_at_once(content):
    """What a text means to the reader of usual epochs and the parser behind it; the fault as text."""
    history, fault = TEXT.salvage(content, "learning_rates")
    return repr(history), str(fault)


def _means_piece_by_piece(content):
    """What it means to the parser alone."""
    with mock.patch.object(text, "_usual_epoch", return_value=None):
        return _means_at_once(content)


def _is_read_at_once(content):
    """Whether nothing of it is left to the parser."""
    history, fault = TEXT.salvage(content)
    with mock.patch.object(literal._Reader, "value", side_effect=AssertionError("the parser reads a value")):
        assert (history, fault) == TEXT.salvage(content)
    return fault is None


_FLOATS = [0.1, 1e-06, 1.5e-07, 1e16, 1e22, 5e-324, -0.0, -1e-05, 123456789.0, math.nan, math.inf, -math.inf]


@given(rate=own.learning_rates(), errors=st.lists(st.floats() | st.integers() | st.sampled_from(_FLOATS), min_size=3))
def test_whatever_a_number_looks_like_an_epoch_is_read_at_once(rate, errors):
    history = History({1: EpochData(learning_rate=rate, error={f"train_error_{n}": e for n, e in enumerate(errors)})})
    content = TEXT.render(history)
    assert _is_read_at_once(content)
    assert _means_at_once(content) == _means_piece_by_piece(content) == (repr(history), "None")


@pytest.mark.parametrize("spelling", ["{}", "float('{}')", "np.float64({})", "float('np.float64({})')"])
def test_numbers_are_read_at_once_as_old_files_and_numpy_spell_them(spelling):
    words = [spelling.format(word) for word in ("nan", "inf", "-inf")]
    words += [spelling.format(number) for number in ("0.25", "-1e-06", "1.5e+20") if spelling.startswith(("{", "np"))]
    lines = "".join(f"'{place}': {word},\n" for place, word in enumerate(words))
    content = f"{{\n1: EpochData(learningRate=1e-06, error={{\n{lines}}}),\n}}\n"
    assert _is_read_at_once(content)
    assert _means_at_once(content) == _means_piece_by_piece(content)


def test_what_trainings_note_is_read_at_once():
    meta = {
        "step": 200,
        "effective_learning_rate": 1e-06,
        "device": "a: 'b', é",
        "time": None,
        "by_hand": True,
        "ok": False,
    }
    errors = {"dev_score": 1.5, "train_score": math.nan}
    content = TEXT.render(History({e: EpochData(learning_rate=0.5, error=errors, meta=meta) for e in (1, 2)}))
    content = content.replace("\"a: 'b', é\"", "'a: b, é'")
    assert _is_read_at_once(content)
    assert _means_at_once(content) == _means_piece_by_piece(content)


@given(history=own.wild_histories(4))
def test_what_is_read_at_once_means_what_it_means_piece_by_piece(history):
    content = TEXT.render(history)
    assert _means_at_once(content) == _means_piece_by_piece(content)


@given(history=own.histories(), seed=st.integers(0, 2**32))
def test_a_file_with_a_fault_means_the_same_read_at_once_and_piece_by_piece(history, seed):
    content = _mutated(TEXT.render(history), random.Random(seed))
    assert _means_at_once(content) == _means_piece_by_piece(content)


_PIECES = st.sampled_from(
    [
        *(
            "'",
            '"',
            "\n",
            "\t",
            "\\n",
            ",",
            ":",
            "{",
            "}",
            "[",
            "]",
            " ",
            "\n'",
            "': ",
            ",\n",
            "')",
            ")",
            "float('",
            "a",
        ),
        *("nan", "float('nan')", "-inf", "NaN", "null", "None", "true", "1", "01", "1.", ".5", "-1e-06", "+1", "1_0"),
        *("np.float64(", "np.float64(1)", "u'a'"),
    ]
)


@given(
    rate=st.sampled_from(
        ["0.1", "1e-06", "0", "01", "1.", "1]", "nan", "None", "1e999", "-1", "1, error={}, error=[1"]
    ),
    errors=st.lists(_PIECES | st.just("'a': 1.5,\n"), max_size=8).map("".join),
    end=st.sampled_from(["}),\n}", "})}", "})\n}", "}), }", "}),", "}, meta={}),\n}", "},),}"]),
)
@example("0.1", "null", "})}")
@example("0.1", "'a': true", "})}")
@example("0.1", "\n':meta:a': null,\n", "}),\n}")
@example("0.1", "\n':meta:a': [true],\n", "}),\n}")
@example("0.1", "': float('nan'),': 1", "})}")
@example("true", "'a': 1.5", "})}")
@example("null", "'a': 1.5", "})}")
@example("0.1", ",\n", "}),\n}")
@example("0.1", "'a': 1.5,,\n", "}),\n}")
@example("0.1", "': float('nan')': 1", "})}")
@example("0.1", "\n': float('nan'),\n': 1,\n", "})}")
@example("0.1", "\n'a': np.float64(1),\n", "}),\n}")
@example("0.1", "\n'a': 1.5,\n'a': 1.5,\n", "}),\n}")
@example("1]", "\n'a': 1.5,\n", "}),\n}")
@example("01", "\n'a': 1.5,\n", "}),\n}")
def test_odd_epochs_mean_the_same_read_at_once_and_piece_by_piece(rate, errors, end):
    content = f"{{1: EpochData(learningRate={rate}, error={{{errors}{end}"
    assert _means_at_once(content) == _means_piece_by_piece(content)


def test_recorded_files_are_read_at_once_and_mean_what_they_mean_piece_by_piece(corpus):
    for folder in corpus:
        content = (folder / "learning_rates").read_text(encoding="utf-8")
        assert _is_read_at_once(content)
        assert _means_at_once(content) == _means_piece_by_piece(content)


@pytest.mark.parametrize("rate", ["1.0e400", "-1.0", "1.0"])
@pytest.mark.parametrize("errors", ["'a': 1.0,\n", "'a': 1.0,\n'a': 2.0,\n", "'a': 1.0e400,\n"])
def test_a_usual_epoch_obeys_the_same_laws(rate, errors):
    usual = f"{{\n1: EpochData(learningRate={rate}, error={{\n{errors}}}),\n}}\n"
    assert _means_at_once(usual) == _means_piece_by_piece(usual)
    assert (_loads_or_says_where(usual) is None) == (rate != "1.0" or errors.count("'a'") == 2)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{\n1: EpochData(error={}),\n\n0: EpochData(error={}),\n}\n", "epoch must be an integer >= 1, got 0"),
        ("{\n1: EpochData(error={}),\n\n'a': EpochData(error={}),\n}\n", "epoch must be an integer >= 1, got 'a'"),
        ("{\n1: EpochData(error={}),\n\n2: 0.5,\n}\n", "the data of epoch 2 must be an EpochData"),
        ("{\n1: EpochData(error={\n'a': 0.5,\n'a': 0.5,\n'b': 0.5,\n})}\n", "the key 'a' is there twice"),
        ("{\n1: EpochData(error={\n'a': 0.5,\n'a': 1,\n})}\n", "the key 'a' is there twice"),
        (
            "{1: EpochData(learningRate=0.1, error={}),\n\n\n01: EpochData(learningRate=0.1, error={}),\n}\n",
            "starts with 0: 01",
        ),
        (
            "{1: EpochData(learningRate=0.1, error={}),\n\n\n\v2: EpochData(learningRate=0.1, error={}),\n}\n",
            "unexpected",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(content, says):
    with pytest.raises(FormatError, match=re.escape(says) + ".* @ f:4$"):
        text.TEXT.parse(content, "f")


@pytest.mark.parametrize(
    "source",
    ["{1: 'a', 1: 'b'}", "{'a': 1, 'a': 1.5}", "{'a': 1.5, 'a': 1}", "{'a': None, 'a': 2.5,}", "{1: 2, 1.0: 3}"],
)
def test_a_key_twice_is_refused(source):
    with pytest.raises(FormatError, match="is there twice"):
        literal.parse(source)
