"""Python configurations: what is said about them without running them, judged by running them."""
# ruff: noqa: E501  a program stands on one line, in a row of a table

import contextlib
import math
import random
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import numpy
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from lrsched import FormatError
from lrsched.config.python import Unknown, parse

FILE = "training.config"


def _names(text):
    return parse(textwrap.dedent(text), FILE).names


def _run(text, **names):
    """What Python itself says."""
    namespace = {"__name__": "__returnn_config__", "__file__": FILE, **names}
    exec(compile(text, FILE, "exec"), namespace)
    return {name: value for name, value in namespace.items() if not name.startswith("__") and name not in names}


def _is_same(ours, pythons):
    """Equal bit for bit and of the same type; only NumPy's scalars are plain numbers here."""
    if isinstance(pythons, numpy.generic):
        pythons = pythons.item()
    if type(ours) is not type(pythons):
        return False
    if type(ours) is float:
        return ours.hex() == pythons.hex()
    if type(ours) is dict:
        return len(ours) == len(pythons) and all(
            _is_same(*keys) and _is_same(ours[keys[0]], pythons[keys[1]]) for keys in zip(ours, pythons, strict=True)
        )
    if type(ours) in (list, tuple):
        return len(ours) == len(pythons) and all(_is_same(*items) for items in zip(ours, pythons, strict=True))
    return ours == pythons


# ---- what is known

KNOWN = {
    "literals": "a = None; b = True; c = 1; d = -1.5e-3; e = 'x' 'y'; f = b'x'; g = [1, (2,), {3: {4}}]; h = 0x1F",
    "annotated": "from typing import List, Optional\na: int = 1\nb: 'List[float]' = [0.1]\nd: float\nc = a",
    "chained": "a = b = c = 1",
    "unpacked": "a, b = 1, 2\n[c, (d, *e)] = 3, 'xyz'\n*f, g = range(4)\na, b = b, a",
    "walrus": "a = [b := 1, b + 1, (c := b * 3)]",
    "shared": "a = b = []\na.append(1)\nc = [a] * 2\nc[0].append(2)",
    "not shared": "a = [1]\nb = a[:]\nc = list(a)\nd = a.copy()\na.append(2)",
    "arithmetic": "a = 7 // 2 + 7 % 3 - 2 ** 10 / 3 * -1\nb = 1 << 4 | 3 & 6 ^ 1\nc = ~5 >> 1\nd = 2 ** -1\ne = divmod(7, -2)",
    "sequences": "a = [1] * 3 + [2]\nb = 2 * (1, 'x')\nc = 'ab' * 2 + 'c'\nd = [[0] * 2] * 2\nd[0][0] = 1",
    "comparisons": "a = 1 < 2 <= 2 != 3\nb = 1 in [1, 2] and 'x' not in 'abc'\nc = a is True\nd = None is not None\ne = {} == {}",
    "boolean": "a = 0 or [] or 'x'\nb = 1 and 0 and 1 / 0\nc = not a\nd = 1 if a else 1 / 0",
    "if": "x = 3\nif x > 5:\n a = 1\nelif x > 2:\n a = 2\nelse:\n a = 1 / 0",
    "for": "a = []\nfor i in range(9):\n if i == 2: continue\n if i == 6: break\n a += [i]\nelse:\n b = 1",
    "for else": "for i in ():\n pass\nelse:\n b = 1\nfor i, (j, k) in [(1, (2, 3))]:\n c = i + j + k",
    "while": "a = 1.0\nn = 0\nwhile a > 1e-3:\n a *= 0.5\n n += 1\nelse:\n b = n",
    "for over what grows": "a = [1]\nfor x in a:\n if x < 9: a.append(x + 1)",
    "nested break": "a = []\nfor i in range(3):\n for j in range(3):\n  if j > i: break\n  a.append((i, j))",
    "del": "a = [1, 2, 3, 4]\nb = 1\ndel a[0], b\ndel a[1:]\nd = {1: 2}\ndel d[1]",
    "augmented": "a = b = [1]\na += (2,)\na *= 2\nc = (1,)\nc += (2,)\nd = {'x': 1}\nd['x'] += 1\nd |= {'y': 2}\ns = {1}\ns |= {2}",
    "subscripts": "a = [0, 1, 2, 3][1:-1]\nb = 'abc'[::-1]\nc = (1, 2)[-1]\nd = {'k': [5]}['k'][0]\ne = a[True]\nf = range(9)[2]",
    "items": "a = [0] * 4\na[1] = 1\na[2:] = 'xy'\na[::2] = 5, 6\nd = {}\nd['x'], d[1.5] = 1, 2",
    "list methods": "a = [3, 1]\na.append(2); a.extend({4: 0}); a.insert(0, 9); b = a.pop(); c = a.pop(0)\n"
    "a.sort(reverse=True); d = a.index(1); e = a.count(3); a.remove(1); a.reverse(); f = a.copy(); f.clear()",
    "dict methods": "a = dict(x=1, **{'y': 2})\nb = a.get('z', 3)\nc = a.setdefault('l', [])\nc.append(1)\nd = list(a.items())\n"
    "e = a.pop('x')\na.update({'n': 0}, m=1)\nf = sorted(a)\ng = dict(zip('ab', range(2)))\nh = max(g.values())\ni = a.copy()",
    "set methods": "a = set()\na.add(1); a.update([2, 3]); a.discard(9)\nb = a | {4}\nc = sorted(b - {1})\nd = a.union([7])\ne = len(a)",
    "text methods": "a = 'A,b'.lower().split(',')\nb = '-'.join(a)\nc = ' x '.strip().upper().replace('X', 'yy')\nd = c.startswith('Y')",
    "format": "a = '{}-{x:>5.2f}'.format(1, x=2)\nb = '%s %05d %(x)s' % () if 0 else '%s:%5.1e' % ('x', 3)\nc = f'{a!r:>20}{1.5:.3f}{a}'",
    "text to number": "a = float('1e-3')\nb = int('12')\nc = float('inf')\nd = int('ff', 16)\ne = float('-inf')\nf = str(1.10)\ng = int(2.9)",
    "literal in text": "a = '{{1: {0}}}'.format(0.0005)",
    "builtins": "a = [len('ab'), min(3, 1), max([1, 5]), sum([0.1] * 3), sum([[1], [2]], []), round(2.5), round(1.234, 2), abs(-1)]\n"
    "b = list(enumerate('ab', 1)) + list(zip([1, 2], 'cd')) + list(reversed([1, 2]))\nc = pow(2, 5)\nd = [all([1, 0]), any([]), bool([])]",
    "short circuits": "a = [1, 0, 2]\nb = any(a.pop() == 0 for _ in range(3))\nc = all(x for x in [0] + [1 / y for y in [1]])",
    "comprehensions": "x = 9\na = [x * y for x in range(3) for y in range(x) if y]\nb = {k: v for k, v in zip('ab', a)}\nc = {i % 2 for i in a}\n"
    "d = sum(i for i in range(5))\ne = [[j for j in range(i)] for i in range(3)]\nf = [y := i for i in range(3)]\ng = x",
    "one iterator, read twice": "z = zip([1], [2])\na = list(z)\nb = list(z)\nc = [1]\ne = enumerate(c)\nc.append(2)\nd = list(e)\ndel z, e",
    "views live": "d = {}\nv = d.values()\nd[1] = 2\na = list(v)\ndel v",
    "numpy": "import numpy\na = list(numpy.linspace(0.0003, 0.001, num=10))\nb = numpy.linspace(0, 1, 5).tolist()\nc = numpy.pi",
    "numpy as": "import numpy as np\na = list(np.logspace(-3, -5, 4)) + [np.inf] * 2\nb = list(np.geomspace(1e-3, 1e-5, 3))\n"
    "c = list(np.concatenate([np.linspace(0, 1, 3), [5]]) * 0.1)\nd = [float(x) for x in np.arange(0, 1, 0.3) ** 2 / 3]\n"
    "e = np.tile([1, 2], 2).tolist() + list(np.repeat(0.5, 3)) + list(np.full(2, 3)) + list(np.ones(2) - np.zeros(2))\n"
    "f = [x / 3 for x in np.linspace(1, 2, 4)]\ng = [round(x, 2) for x in np.linspace(1, 2, 4)]\nh = np.array([1, 2])[1] ** 3\n"
    "i = list(0.5 * (1 + np.cos(np.linspace(0, np.pi, 5))))\nj = list(np.exp(np.array([1.0, 2])))\nk = [str(x) for x in np.arange(0.5, 2)]",
    "numpy from": "from numpy import linspace as ls, pi\na = list(ls(0, pi, 3))",
    "arrays share memory": "import numpy as np\nx = np.zeros(4)\ny = x[1:]\ny += 1\nx[3] = 7\na = list(x)\nb = list(y)\ndel x, y, np",
    "math": "import math\nfrom math import sqrt as s, pi\na = [math.exp(1), math.log(2), s(2), pi, math.inf, math.floor(1.5)]",
    "try": "try:\n a = 1\nexcept ImportError:\n a = 2\nelse:\n b = 1\nfinally:\n c = 1",
    "harmless": "'doc'\n...\npass\nassert True, 1 / 0\nglobal z\nprint('x', 1)\na = 1",
    "shebang": "#!rnn.py\na = 1",
    "known names come back": "list = 3\na = list\ndel list\nb = list('x')",
    "globals": "globals()['a'] = 1\nlocals().update({'b': [a]}, c=3)\ng = b",
    "functions aside": "def f(x, a):\n a.append(x)\n b = 3\na = [1]\nb = 2\nc = lambda a: a.append(1)\ndel f, c",
}


@pytest.mark.parametrize("text", KNOWN.values(), ids=KNOWN)
def test_what_can_be_known_is_what_python_says(text):
    expected = _run(text)
    found = parse(text, FILE)
    assert found.anything is None
    assert set(found.names) == set(expected)
    modules = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
    for name, value in expected.items():
        if isinstance(value, modules) or (
            type(value).__module__ in ("typing", "numpy") and name in ("ls", "List", "Optional", "s")
        ):
            assert isinstance(found.names[name], Unknown)
        else:
            assert _is_same(found.names[name], value), (name, found.names[name], value)


# ---- what is not known

UNKNOWN = {
    "a call": ("def get_rate():\n return 1\nx = get_rate()", "it calls 'get_rate', which is not run", 3),
    "a method": ("import os\n\nx = os.environ.get('LR')", "it calls 'os.environ.get', which is not run", 3),
    "an item": ("import os\nx = float(\nos.environ['LR'])", "it depends on 'os.environ'", 3),
    "what follows": (
        "import os\ny = os.getpid()\nz = y + 1\nx = [1, {'a': z}]",
        "it calls 'os.getpid', which is not run",
        2,
    ),
    "a function": ("y = 1\ndef x(): pass", "it is a function", 2),
    "a lambda": ("x = lambda: 1", "it is a function", 1),
    "a class": ("class x: y = 1", "it is a class", 1),
    "a module": ("import returnn.config as x", "it is imported", 1),
    "an attribute": ("import os\nx = os.sep", "it is imported", 2),
    "a branch": ("import os\nx = 1\nif os.getenv('x'):\n x = 2", "it calls 'os.getenv', which is not run", 3),
    "a loop": ("import os\nfor i in os.listdir('.'):\n x = 2", "it calls 'os.listdir', which is not run", 2),
    "with": ("with open('x') as f:\n x = f.read()", "it is set inside 'with'", 1),
    "an array": ("import numpy\nx = numpy.ones(3)", "it is a NumPy array", 2),
    "an iterator": ("x = zip()", "it is an iterator", 1),
    "a huge number": ("x = 10**10**10", "it is too large to evaluate", 1),
    "the order of a set": ("x = list({'a', 'b'})", "it depends on the order of a set", 1),
    "a try": ("try:\n import torch\n x = 1\nexcept ImportError:\n x = 2", "it depends on 'torch'", 2),
    "a failing try": (
        "try:\n x = {}[1]\nexcept KeyError:\n x = 2",
        "where it is set, running it raises KeyError: 1",
        2,
    ),
    "a star": ("x = 1\nfrom base import *", "it may be set by 'from base import *'", 2),
}


@pytest.mark.parametrize(("text", "reason", "line"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_cannot_be_known_says_why_and_where(text, reason, line):
    assert _names(text)["x"] == Unknown(reason, line)


TAINTED = {
    "an alias": "a = x = []\nunknown(a)",
    "inside": "x = [[1]]\nunknown(x[0])",
    "outside": "a = [1]\nx = {'k': a}\nunknown(x)\nx = a",
    "a tuple": "x = []\na = (1, (x,))\nunknown(a)",
    "a method": "import foo\nx = []\nfoo.bar.add(x)",
    "kept and then filled": "a = []\nunknown(a)\nx = [1]\na.append(x)",
    "tainted while it is called": "a = []\nx = [1]\na.extend([unknown(a), x])",
    "an attribute": "import foo\nx = []\nfoo.x = x",
    "an item": "import foo\nx = []\nfoo['x'] = x",
    "a keyword": "x = []\nunknown(y=x)",
    "two stars": "x = []\nunknown(*[x])",
    "a function body": "x = []\ndef f(): x.append(1)\nunknown()",
    "a function body, defined before": "def f(): x[0] = 1\nx = [0]\nunknown()",
    "a nested function": "x = []\ndef f():\n def g(): x.append(1)\n g()\nunknown()",
    "a global": "def f():\n global x\n x = 2\nx = 1\nunknown()",
    "an alias in a function": "x = []\ndef f():\n y = x\n y.append(1)\nunknown()",
    "passed on in a function": "x = []\ndef f(): unknown(x)\nunknown()",
    "returned": "x = []\ndef f(): return x\nunknown()",
    "items of it": "x = [[]]\ndef f():\n for y in x: y.append(1)\nunknown()",
    "a default": "x = []\ndef f(y=x): y.append(1)\nunknown()",
    "a decorator": "x = []\n@unknown\ndef f(): x.append(1)",
    "a method of a class": "x = []\nclass C:\n def f(self): x.append(1)\nunknown()",
    "a class body": "x = []\nclass C:\n x.append(1)",
    "a class body with its own": "x = []\nclass C:\n x.append(1)\n x = 1",
    "a lambda": "x = []\ny = lambda: x.append(1)\nunknown()",
    "a generator": "x = []\ny = (x.append(i) for i in range(3))\nlist(y)",
    "a view": "x = [1]\nd = {1: x}\nunknown(d.values())",
    "an iterator": "x = [1]\nunknown(enumerate(x))",
    "a view that is kept": "x = [1]\nd = {}\nif unknown(): v = d.values()\nelse: v = 0\nd[1] = x\nunknown(v)",
    "a branch": "x = []\nif unknown(): x.append(1)",
    "a branch not to take": "x = []\nif unknown(): pass\nelse: x.append(1)",
    "an alias in a branch": "x = []\nif unknown(): y = x\nelse: y = 1\nunknown(y)",
    "what a name may still be": "x = a = []\nif unknown(): a = 1\nunknown(a)",
    "an item in a branch": "x = []\na = [x]\nif unknown(): y = a[0]\nelse: y = 1\nunknown(y)",
    "and": "x = []\nunknown() and x.append(1)",
    "a choice": "x = []\ny = x if unknown() else 1\nunknown(y)",
    "a comparison": "x = []\n1 < unknown() < x.append(1)",
    "a loop": "x = []\nfor i in unknown(): x.append(i)",
    "while": "x = 1\nwhile unknown(): x += 1",
    "break": "x = 0\nfor i in range(3):\n if unknown(): break\n x += 1",
    "continue": "x = 0\nfor i in range(3):\n if unknown(): continue\n x += 1",
    "break, else": "for i in range(3):\n if unknown(): break\nelse:\n x = 1",
    "a break within": "x = 0\nfor j in range(2):\n for i in range(3):\n  if unknown(): break\n  x += 1",
    "a comprehension": "x = []\n[x.append(i) for i in range(3) if unknown()]",
    "a walrus": "x = 1\n[(x := i) for i in unknown()]",
    "a closure in a comprehension": "x = []\ny = [(lambda: z) for z in [x]]\nunknown(y)",
    "try": "x = 1\ntry:\n unknown()\n x = 2\nexcept E: pass",
    "except as": "x = 1\ntry: unknown()\nexcept E as x: pass",
    "with": "x = []\nwith unknown() as y: x.append(1)",
    "match": "match unknown():\n case x: pass",
    "del": "x = 1\nif unknown(): del x",
    "import in a branch": "x = 1\nif unknown(): import os as x",
    "a shadowed builtin": "def list(y): return 1\nx = list('ab')",
    "an imported builtin": "from foo import float\nx = float(1)",
    "a shadowed module": "import math\nmath = unknown()\nx = math.pi",
    "a patched module": "import math\nmath.pi = 3\nx = math.pi",
    "a module given away": "import numpy as np\nunknown(np)\nx = np.pi",
    "a builtin set in a branch": "if unknown(): len = 3\nx = len([1])",
    "globals": "x = 1\ng = unknown(globals())",
    "globals, kept": "g = [globals()]\nunknown(g)\nx = 1\nunknown()",
    "exec": "x = 1\nexec('x = 2')",
    "eval": "x = 1\n(eval)('1')",
    "exec in a function": "x = 1\ndef f(): exec('global x; x = 2')\nunknown()",
    "builtins": "import builtins\nx = 1\nbuiltins.exec('x = 2')",
    "frames": "import sys\nx = 1\nsys._getframe().f_globals['x'] = 2",
    "config.update": "x = 1\nconfig.update({'x': 2})",
    "config.set": "x = 1\nconfig.set('x', 2)",
    "config.typed_dict": "x = 1\nconfig.typed_dict['x'] = 2",
    "config.load_file": "x = 1\nconfig.load_file('y')",
    "config given away": "x = 1\nunknown(config)",
    "config in a function": "x = 1\ndef f(): config.set('x', 2)\nunknown()",
    "the config of RETURNN": "from returnn.config import get_global_config\nx = 1\nget_global_config().typed_dict['x'] = 2",
    "what config gives": "x = []\nconfig.typed_value('x').append(1)",
    "attributes in a format": "x = '{0.__class__}'.format(1)",
    "a key function": "x = sorted([1, 2], key=unknown)",
    "a bound method": "x = []\ny = x.append\ny(1)",
    "arrays share memory": "import numpy as np\ny = np.zeros(2)\nz = y[:1]\nunknown(z)\nx = list(y)",
    "star": "x = 1\nfrom base import *",
    "a builtin after star": "from base import *\nx = len([1])",
}


@pytest.mark.parametrize("text", TAINTED.values(), ids=TAINTED)
def test_what_unknown_code_may_have_changed_is_unknown(text):
    assert isinstance(parse(f"from judge import unknown, E\n{text}", FILE).names["x"], Unknown)


STILL_KNOWN = {
    "read in a function": "x = [1]\ndef f(): return x[0] + len(x) + sum(x) + max(x)\nunknown()",
    "iterated in a function": "x = [1]\ndef f():\n for i, y in enumerate(x): print(i, y)\n return [y for y in x]\nunknown()",
    "read in a branch": "x = [1]\nif unknown():\n y = x[0]\n z = 1 in x",
    "a local name": "x = [1]\ndef f():\n x = []\n x.append(1)\nunknown()",
    "a parameter": "x = [1]\ndef f(x): x.append(1)\nunknown(f)",
    "a name of a comprehension": "x = [1]\ndef f(): return [x.append(1) for x in y]\nunknown(f)",
    "an item": "x = [1]\nunknown(x[0])",
    "a number": "x = 1\nunknown(x)",
    "a copy": "x = [1]\nunknown(list(x))\nunknown(x[:])",
    "set again": "def f():\n global x\n x = 2\nunknown()\nx = [1]",
    "next to what is unknown": "d = {'a': unknown(), 'b': [1]}\nx = d['b']",
    "after a star": "from base import *\nx = [1]",
    "after config.set": "config.set('y', 1)\nx = [1]",
    "reading config": "x = [1]\nif config.bool('train', True): pass",
    "globals().update": "x = [1]\nglobals().update({'y': 1})\nunknown()",
    "print": "x = [1]\nprint(x)",
    "a function not called": "x = []\ndef f(): x.append(2)\nx.append(1)",
}


@pytest.mark.parametrize("text", STILL_KNOWN.values(), ids=STILL_KNOWN)
def test_what_unknown_code_cannot_have_changed_is_known(text):
    assert parse(f"from judge import unknown\n{text}", FILE).names["x"] in (1, [1])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\nfrom base import *\ny = 2", 2),
        ("x = 1\n\nexec(x)", 3),
        ("import os\nlocals().update(os.environ)", 2),
        ("config.update(x=1)", 1),
    ],
)
def test_names_never_mentioned_may_be_set(text, line):
    assert parse(text, FILE).anything.line == line
    assert parse("x = 1\nimport os\nos.getpid()", FILE).anything is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\ny = 1 / 0", 2),
        ("x = {}\n\nx['y']", 3),
        ("x = [1]\nx[5] = 2", 2),
        ("x = y", 1),
        ("x = 1\ndel x\ny = x", 3),
        ("a, b = 1,", 1),
        ("x = 1 + 'a'", 1),
        ("raise ValueError", 1),
        ("assert 1 == 2", 1),
        ("x = 1\nx.y(", 2),
        ("x = int('z')", 1),
        ("for x in 3: pass", 1),
        ("d = {1: 2}\nfor k in d: d[k + 1] = 3", 2),
        ("if 1:\n x = [][0]", 2),
        ("break", None),
        ("return 1", 1),
        ("x = '\0'", None),
    ],
)
def test_what_python_would_refuse_is_refused_with_its_line(text, line):
    with pytest.raises(FormatError) as caught:
        parse(text, FILE)
    assert caught.value.line == line
    assert caught.value.filename == FILE
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever it is
        _run(text)


def test_nothing_is_run(tmp_path):
    canary = tmp_path / "canary"
    text = f"""
        import antigravity_not_there
        @print
        def f(x=open({str(canary)!r}, 'w')): pass
        class C: open({str(canary)!r}, 'w')
        open({str(canary)!r}, 'w')
        __import__('pathlib').Path({str(canary)!r}).touch()
        exec("open({str(canary)!r}, 'w')")
        [open({str(canary)!r}, 'w') for _ in range(2)]
        x = f"{{open({str(canary)!r}, 'w')}}"
        """
    assert isinstance(_names(text)["x"], Unknown)
    assert not canary.exists()


# ---- configurations as they are

TRAINING = """
#!rnn.py

import os
import numpy
from returnn.util.basic import some_helper

task = config.value("task", "train")
use_tensorflow = True
target = "classes"
num_epochs = 30
lr = 0.001
warmup = list(numpy.linspace(0.0003, lr, num=10))
const = [lr] * 5
decay = list(numpy.linspace(lr, 1e-6, num=10))
learning_rates = warmup + const + decay
learning_rate_control = "newbob_multi_epoch"
learning_rate_control_relative_error_relative_lr = True
learning_rate_file = "newbob.data"
learning_rate_settings = dict(newbob_multi_num_epochs=3, newbob_multi_update_interval=1)
locals().update(**learning_rate_settings)
model = os.path.join(os.environ["OUT"], "net-model/network")
rates_text = "{{1: {lr}}}".format(lr=lr)
debug_mode = False
if int(os.environ.get("DEBUG", "0")):
    debug_mode = True

def get_network(epoch, **kwargs):
    from returnn.config import get_global_config
    config = get_global_config()
    n = {"out": {"class": "softmax", "target": target}}
    if epoch < len(learning_rates):
        n["#config"] = {"learning_rate": learning_rates[epoch]}
    return n

network = {
    "lstm": {"class": "rec", "n_out": 100, "from": ["data"]},
    "out": {"class": "eval", "eval": lambda source, **_kwargs: source(0)},
}
network["lstm"]["dropout"] = 0.1
l2 = network["lstm"]["n_out"] / 2
some_helper(network)
"""


def test_a_training_as_people_write_it():
    found = parse(TRAINING, FILE)
    assert found.anything is None
    names = found.names
    assert names["learning_rates"] == [
        *map(float, numpy.linspace(0.0003, 0.001, num=10)),
        *[0.001] * 5,
        *map(float, numpy.linspace(0.001, 1e-6, num=10)),
    ]
    assert all(type(rate) is float for rate in names["learning_rates"])
    known = ("lr", "num_epochs", "newbob_multi_num_epochs", "learning_rate_control", "rates_text", "l2", "target")
    assert [names[key] for key in known] == [0.001, 30, 3, "newbob_multi_epoch", "{1: 0.001}", 50.0, "classes"]
    for key, line in {"task": 8, "model": 22, "debug_mode": 25, "get_network": 28, "network": 42}.items():
        assert isinstance(names[key], Unknown), key
        assert names[key].line == line


# ---- hostile files

HOSTILE = {
    "a tower of powers": "x = 10**10**10",
    "a wide list": "x = [0]*10**10",
    "a wide text": "x = 'x'*10**10",
    "a wide format": "x = '{:>9999999999}'.format(1)",
    "a wide format, nested": "x = '{:{}}'.format(1, 9999999999)",
    "a wide percent": "x = '%9999999999d' % 1",
    "a star of a percent": "x = '%*d' % (9999999999, 1)",
    "a wide f-string": "x = f'{1:>9999999999}'",
    "a wide precision": "x = f'{1:.{10**9}f}'",
    "a long range in a list": "x = list(range(10**18))",
    "a long range in a sum": "x = sum(range(10**18))",
    "a long range searched": "x = 1.5 in range(10**18)",
    "a long range in a comprehension": "x = [i for i in range(10**18)]",
    "a long range in a loop": "for x in range(10**18): pass",
    "a loop without end": "while True: pass",
    "a loop that computes": "x = 1\nwhile True: x = x * 3 % 1000007",
    "doubling a list": "x = [1]\nwhile True: x += x",
    "doubling a text": "x = 'x'\nwhile True: x += x",
    "doubling in a function of itself": "x = [1]\nfor i in range(1000): x.extend(x)",
    "nested comprehensions": "x = [[[[1 for a in range(99)] for b in range(99)] for c in range(99)] for d in range(99)]",
    "a shift": "x = 1 << 10**9",
    "a long linspace": "import numpy as np\nx = np.linspace(0, 1, 10**10)",
    "wide ones": "import numpy as np\nx = np.ones((10**6, 10**6))",
    "a broadcast": "import numpy as np\nx = np.ones((90000, 1)) * np.ones((1, 90000))",
    "a long arange": "import numpy as np\nx = np.arange(0, 1, 1e-300)",
    "a long repeat": "import numpy as np\nx = np.repeat([1, 2], 10**12)",
    "lists of lists": "x = []\nfor i in range(100): x = [x, x]",
    "lists of lists compared": "x = []\ny = []\nfor i in range(100):\n x = [x, x]\n y = [y, y]\nx = x == y",
    "tuples of tuples as a key": "x = ()\nfor i in range(100): x = (x, x)\nx = {x: 1}",
    "tuples of tuples given away": "x = ()\nfor i in range(100): x = (x, x)\nprint(x)\nopen(x)",
    "a deep list": "x = []\nfor i in range(10**5): x = [x]",
    "a deep tuple as a key": "x = ()\nfor i in range(10**5): x = (x,)\nx = {x: 1}",
    "a list in itself": "x = []\nx.append(x)\ny = x == x\nz = str(x)\nopen(x)",
    "a dict in itself": "x = {}\nx[1] = x\ny = sorted([x, x])",
    "a long number in text": "x = int('9' * 10**6)",
    "a huge number as text": "x = 10\nfor i in range(12): x = x * x\ny = str(x)",
    "an unknown order": "x = sorted([2, 1], key=lambda i: i)",
    "a class in a format": "x = '{0.__class__}'.format(1)",
    "minuses": "x = " + "-" * 50_000 + "1",
    "sums": "x = " + "1+" * 50_000 + "1",
    "parentheses": "x = " + "(" * 5000 + ")" * 5000,
    "brackets": "x = " + "[" * 150 + "]" * 150,
    "attributes": "x = x" + ".x" * 50_000,
    "calls": "x = open" + "()" * 900,
    "many elifs": "if open():\n x = 1\n" + "elif open():\n x = 2\n" * 900,
    "nested functions": "".join(" " * i + f"def f{i}(x):\n" for i in range(90)) + " " * 90 + "pass",
    "null bytes": "x = 1\0",
    "half a character": "x = '\ud800'",
    "many lines": "x = 1\n" * 10**6,
    "as many lines as allowed": "x=1\n" * 99_999,
    "as many names as allowed": "a;" * 199_999,
    "rounding": "x = round(5, -10**9)",
    "keys of one hash": "x = {i * (2**61 - 1): 0 for i in range(10**6)}",
    "adding up lists": "x = sum([[1]] * 90000, [])",
    "equal texts": "x = ['a' * 10**6] * 10**5\ny = ['a' * 10**6] * 10**5\nz = x == y",
    "joined": "x = ('x' * 10**6).join('y' * 10**5)",
    "replaced": "x = ('x' * 10**6).replace('x', 'y' * 10**6)",
    "many copies": "x = [0] * 10**5\ny = [x[:] for i in range(10**5)]",
    "many texts": "x = 'x' * 10**6\ny = [x + str(i) for i in range(10**5)]",
    "many arrays": "import numpy as np\ny = [np.ones(10**5) for i in range(10**5)]",
    "many unknown calls": "def f(): x.append(1)\nx = []\nfor i in range(10**6): open(i)",
    "many unknown branches": "for i in range(10**6):\n if open(i): x = 1",
    "pops in front": "x = list(range(10**5))\nwhile x: x.pop(0)",
}


def read_or_refused(text):
    with contextlib.suppress(FormatError):
        parse(text, FILE)


def test_hostile_files_are_bounded_in_time_and_memory(tmp_path):
    """All of them in one process, which is given little."""
    code = """
        import resource, signal, sys, time
        sys.path[:0] = [{tests!r}]
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        import importlib.util
        spec = importlib.util.spec_from_file_location("test_python", {file!r})
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, text in module.HOSTILE.items():
            start = time.process_time()
            module.read_or_refused(text)
            print(round(time.process_time() - start, 2), name)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        """
    code = textwrap.dedent(code).format(tests=str(Path(__file__).parent.parent), file=__file__)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    *times, megabytes = done.stdout.splitlines()
    assert [line for line in times if float(line.split()[0]) > 8] == []
    assert int(megabytes) < 1024


# ---- soundness: whatever unknown code does, what is said to be known is so

MOST_ITEMS = 30
LONGEST_LIST = 10_000  # what doubles at every step would soon fill the memory


class Judge:
    """A module ``judge`` whose ``unknown`` keeps all that it is given, and does with it what it may."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.kept = []
        self.depth = 0

    def unknown(self, *args, **kwargs):
        self.kept += [*args, *kwargs.values()]
        if len(self.kept) > LONGEST_LIST:
            raise _TooLong
        if self.depth < 3:
            self.depth += 1
            for thing in self.chance.sample(self.kept, min(len(self.kept), self.chance.randint(0, 4))):
                self.do(thing)
            self.depth -= 1
        return self.chance.choice([True, False, *self.kept[-1:]])

    def do(self, thing):
        try:
            if callable(thing):
                self.kept.append(thing())
            elif type(thing) is list:
                self.kept += thing[:2]
                if len(thing) < MOST_ITEMS:
                    self.chance.choice([thing.append, lambda x: thing.insert(0, x)])(self.chance.randint(50, 99))
            elif type(thing) is dict:
                self.kept += list(thing.values())[:2]
                thing[self.chance.choice(["k", "m", "n1", "l1"])] = self.chance.choice([77, [78]])
            elif hasattr(thing, "__iter__") and not isinstance(thing, str):
                self.kept += [item for item, _ in zip(thing, range(3), strict=False)]
        except Exception:  # noqa: BLE001  it swallows what a file's functions raise
            return


class Program:
    """A random program; names have types, so that most of them run to the end."""

    NUMBERS = ("n1", "n2", "n3")
    LISTS = ("l1", "l2", "l3")
    DICTS = ("d1", "d2")

    def __init__(self, chance, most=14):
        self.chance = chance
        self.most = most
        self.functions = 0

    def number(self):
        pick = self.chance.choice(["{n}", "{n}", "{k}", "len({l})", "{n} + {k}", "{n} % 7", "sum([{n}, {k}])"])
        return self.fill(pick)

    def some_list(self):
        return self.fill(self.chance.choice(LIST_EXPRESSIONS))

    def fill(self, template):
        chance = self.chance
        while "{" in template:
            at = template.index("{")
            kind = template[at + 1]
            put = {
                "n": lambda: chance.choice(self.NUMBERS),
                "l": lambda: chance.choice(self.LISTS),
                "d": lambda: chance.choice(self.DICTS),
                "k": lambda: str(chance.randint(0, 3)),
                "N": self.number,
                "L": self.some_list,
                "S": lambda: chance.choice(["'k'", "'m'", "'n1'"]),
                "A": lambda: self.fill(chance.choice(["{l}", "{d}", "{n}", "{l}[:2]", "{l}[-1:]", "f"])),
                "<": lambda: "\1",
                ">": lambda: "\2",
            }[kind]()
            template = template[:at] + put + template[at + 3 :]
        return template.replace("\1", "{").replace("\2", "}")

    def block(self, depth, indent):
        count = self.chance.randint(1, 3)
        return "".join(self.statement(depth, indent) for _ in range(count))

    def statement(self, depth, indent):
        space = " " * indent
        if depth and self.chance.random() < 0.45:
            header, footer = self.chance.choice(BLOCKS)
            text = space + self.fill(header) + "\n"
            if header.startswith("def") and self.chance.random() < 0.5:
                text += f"{space} global {self.chance.choice(self.NUMBERS + self.LISTS)}\n"
            text += self.block(depth - 1, indent + 1)
            if footer:
                text += space + self.fill(footer) + "\n"
                text += self.block(depth - 1, indent + 1) if footer.endswith(":") else ""
            return text
        return space + self.fill(self.chance.choice(STATEMENTS)) + "\n"

    def text(self):
        start = "from judge import unknown\n" + "n1, n2, n3 = 1, 2, 3\nl1 = [1, 2]\nl2 = [3]\nl3 = [l1, 4]\n"
        start += "d1 = {'k': l2}\nd2 = {'k': [5], 'm': 6}\ndef f(): return n1\n"
        return start + "".join(self.statement(3, 0) for _ in range(self.chance.randint(1, self.most)))


LIST_EXPRESSIONS = (
    "{l}",
    "[{n}]",
    "[{l}]",
    "{l} + [{n}]",
    "{l} + {l}[:2]",
    "{l}[:2]",
    "list({l})[:9]",
    "{l}.copy()",
    "[x for x in {l}[:5]]",
    "[x for x in {l}[:5] if x != {n}]",
    "[unknown(x) for x in {l}[:3]]",
    "[x for x in {l}[:4] if unknown()]",
    "({l} if unknown() else {l})",
    "({l} if {n} < 3 else {l})",
    "({l} and {l} or {l})",
    "(unknown() and {l} or {l})",
    "list({d}.values())[:4]",
    "[*{l}[:3], {n}]",
    "[(lambda: x) for x in [{l}, {l}]]",
    "[(lambda: {l}), {l}]",
    "list(y for y in {l}[:3])",
    "[{d}.get({S}, {l})]",
    "[{d}]",
)
STATEMENTS = (
    "{n} = {N}",
    "{n} += 1",
    "{n} = {N} if unknown() else {N}",
    "{n} = 1 if {n} > {k} else 2",
    "{n} = len({l})",
    "{n} = {l}.count({n})",
    "{n} = {n} + sum(i for i in range({k}))",
    "{l} = {L}",
    "{l} = {L}",
    "{l} = {l} = {L}",
    "{l}, {l} = {l}, {l}",
    "{l}[:1] = {L}[:2]",
    "{l}.append({n}) if len({l}) < 9 else 0",
    "{l}.append({l}[:3]) if len({l}) < 9 else 0",
    "{l}.append({L}) if len({l}) < 9 else 0",
    "{l}.insert(0, {N}) if len({l}) < 9 else 0",
    "{l} += {L}[:3]",
    "{l}.extend({l}[:2])",
    "{l}.extend([unknown({l}), {l}])",
    "{l}.reverse()",
    "{l} and {l}.pop()",
    "unknown() and {l}.append({n})",
    "{l} = [{l}, {l}][:{k}]",
    "for x in {l}: x.append(9) if type(x) is list and len(x) < 9 else 0",
    "[x.append({n}) for x in {l} if isinstance(x, list) and len(x) < 9]",
    "[({n} := x) for x in [{k}, {k}]]",
    "[({n} := 5) for x in {l} if unknown()]",
    "{d}[{S}] = {N}",
    "{d}[{S}] = {l}",
    "{d} = <<<'k': {l}, 'm': {n}>>>",
    "{d} = {d}",
    "{d} = dict({d})",
    "{d}.update({d})",
    "{l} = [{d}.setdefault({S}, {l})]",
    "{l} = [{d}.pop({S}, 0)]",
    "{d}.pop({S}, 0)",
    "v = {d}.values()",
    "v = enumerate({l})",
    "v = {l}",
    "v = f",
    "v = {l}.append",
    "unknown(v) if 'v' in dir() else 0",
    "unknown({A})",
    "unknown({A})",
    "unknown({A}, {A})",
    "unknown(x={A})",
    "unknown([{A}])",
    "unknown(lambda: {l}.append(8))",
    "unknown(y.append(7) for y in [{l}])",
    "unknown(f)",
    "unknown()",
    "f()",
    "f = lambda: {l}",
    "f = lambda q={l}: q.append(6)",
    "def f(): {l}.append(5)",
    "def f(): {l}[:] = [1]",
    "def f(): return {l}[-1]",
    "def f(): return {d}",
    "def f(): return [q for q in {l}]",
    "def f({l}): {l}.append(1)",
    "del {n}; {n} = {k}",
    "globals()['{n}'] = {k}",
    "globals().update(<<<'{n}': {k}>>>)",
    "unknown(globals())",
    "exec('{n} = 4')",
    "g = globals(); g['{n}'] = {k}",
    "{n} = print({l}) or 1",
    "{l} = sorted([{n}, {n}, {k}])",
    "{l}[0:0] = [{n}]",
    "len = len",
    "*{l}, {n} = [{l}, {n}, {k}]",
)
BLOCKS = (
    ("if unknown():", ""),
    ("if unknown({A}):", "else:"),
    ("if {n} < {k}:", "else:"),
    ("if {l}:", ""),
    ("for i in range({k}):", ""),
    ("for {n} in range({k}):", "else:"),
    ("for x in {l}[:3]:", ""),
    ("for {l} in [{l}, {l}]:", ""),
    ("for i in range(unknown({A}) is True):", ""),
    ("for i in range(3):", " if unknown(): break"),
    ("for i in range(3):", " if unknown(): continue"),
    ("for i in range(4):", " if i == {k}: break"),
    ("while unknown() is True:", ""),
    ("while {n} < 5:", " {n} += 1; {n} += 1; n1 += 1; n2 += 1; n3 += 1"),
    ("try:", "except Exception:"),
    ("try:", "finally:"),
    ("try:", "except Exception as {n}: {n} = 1"),
    ("def f():", ""),
    ("def f({l}, {n}=1):", ""),
    ("class C:", ""),
    ("class C:", " def m(self): {l}.append(3)"),
    ("with __import__('contextlib').suppress(Exception):", ""),
)


def _repaired(text):
    return text.replace("<<<", "{").replace(">>>", "}")


@st.composite
def programs(draw):
    return _repaired(Program(draw(st.randoms(use_true_random=False))).text())


class _TooLong(BaseException):
    """No `except` in a program stops it."""


def _ran(text, seed):
    """What the names are when it was run; None where it raised, or did not come to its end."""
    judge = Judge(seed)
    sys.modules["judge"] = judge
    steps = 0

    def trace(frame, event, arg):
        nonlocal steps
        if frame.f_code.co_filename != FILE:
            return None
        steps += 1
        if steps > 5000 or any(type(value) is list and len(value) > LONGEST_LIST for value in frame.f_locals.values()):
            raise _TooLong
        return trace

    sys.settrace(trace)
    try:
        return _run(text, print=lambda *_: None)
    except (Exception, _TooLong):  # noqa: BLE001  it may raise anything
        return None
    finally:
        sys.settrace(None)
        del sys.modules["judge"]


def _finds_nothing_wrong(text, seeds=range(6)):
    """Whether what is said holds, and how many names are said to be known."""
    try:
        found = parse(text, FILE)
    except FormatError as error:
        if "too much" not in str(error):  # then it must really raise
            assert [seed for seed in seeds if _ran(text, seed) is not None] == [], text
        return 0
    for seed in seeds:
        names = _ran(text, seed)
        if names is None:
            continue
        for name, value in found.names.items():
            if not isinstance(value, Unknown):
                assert name in names, (text, seed, name)
                assert _is_same(value, names[name]), (text, seed, name, value, names[name])
        if found.anything is None:
            assert set(names) - {"config"} <= set(found.names), (text, seed)
    return sum(not isinstance(value, Unknown) for value in found.names.values())


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(text=programs())
@example("from judge import unknown\nl1 = []\nl1.extend([unknown(l1), l2 := [1]])\nunknown()\n")
def test_what_is_said_to_be_known_is_so_whatever_unknown_code_does(text):
    _finds_nothing_wrong(text)


def test_random_programs_have_much_that_is_known_and_run_to_the_end():
    known = ran = 0
    for seed in range(200):
        text = _repaired(Program(random.Random(seed), most=6).text())
        known += _finds_nothing_wrong(text, seeds=range(2))
        ran += _ran(text, 0) is not None
    assert known > 400
    assert ran > 120


@given(
    left=st.sampled_from(
        ["0", "1", "-7", "2.5", "True", "'ab'", "[1, 2]", "(3,)", "None", "{1: 2}", "{4}", "'%s'", "1e308", "range(3)"]
    ),
    right=st.sampled_from(
        ["0", "3", "-1", "0.1", "False", "'b'", "[5]", "(6, 'x')", "None", "{1: 9}", "{4, 5}", "b'z'", "10**9"]
    ),
    kind=st.sampled_from(
        [
            "+",
            "-",
            "*",
            "/",
            "//",
            "%",
            "**",
            "<<",
            ">>",
            "|",
            "&",
            "^",
            "==",
            "!=",
            "<",
            "<=",
            ">",
            ">=",
            "in",
            "and",
            "or",
            "not in",
            "is",
        ]
    ),
)
@example("{4}", "{4, 5}", "not in")
@example("{4}", "{1: 9}", "in")
def test_operators_are_those_of_python(left, right, kind):
    in_place = kind in ["+", "-", "*", "/", "//", "%", "**", "<<", ">>", "|", "&", "^"]
    for text in [f"x = {left} {kind} {right}"] + [f"x = y = {left}\nx {kind}= {right}"] * in_place:
        if "10**9" in text and kind in ("**", "<<", "*"):
            read_or_refused(text)  # Python itself would take too long
        else:
            _finds_nothing_wrong(text, seeds=[0])


def test_numbers_of_numpy_stay_what_they_are_until_the_end():
    text = "import numpy as np\nx = np.linspace(1, 2, 3)\na = x[0] / 0\nb = [a, x[1] % 0, np.arange(3)[2] ** 62]"
    names = parse(text, FILE).names
    assert names["a"] == math.inf
    assert type(names["a"]) is float
    assert _is_same(names["b"][2], 2**62)
