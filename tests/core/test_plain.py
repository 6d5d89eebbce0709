"""Any value as plain data and strict JSON."""

import json
import math
from enum import StrEnum

import attrs
import numpy as np
import pytest
from hypothesis import given
from pyrsistent import pmap, pset, pvector

from lrsched import EpochData
from lrsched.core.frozendict import FrozenDict
from lrsched.core.plain import dumps, jsonable
from lrsched.testing import strategies


class _Colour(StrEnum):
    RED = "red"


@attrs.frozen
class _Point:
    y: float
    x: tuple[float, ...] = ()


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.1, 0.1),
        (-0.0, -0.0),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        ("é\ud800", "é\ud800"),
        (b"x", "b'x'"),
        (_Colour.RED, "red"),
        (range(2), [0, 1]),
        (pvector([1, (2, math.nan)]), [1, [2, "NaN"]]),
        (pset([1]), [1]),
        ({"b": 1, "a": 2, 3: 4}, {"a": 2, "b": 1, "3": 4}),
        (FrozenDict({"a": pmap({"b": b"c"})}), {"a": {"b": "b'c'"}}),
        (_Point(1.0, (2.0, math.inf)), {"y": 1.0, "x": [2.0, "Infinity"]}),
        (EpochData(learning_rate=0.5), {"learning_rate": 0.5, "error": {}, "meta": {}}),
        (np.array([[1.0, math.nan]]), [[1.0, "NaN"]]),
        (np.float64(0.5), 0.5),
        (np.float32("inf"), "Infinity"),
        (np.int64(3), 3),
        (1j, "1j"),
    ],
)
def test_each_kind_of_value(value, plain):
    assert jsonable(value) == plain
    assert dumps(value, None) == json.dumps(plain)
    assert json.loads(dumps(value), parse_constant=pytest.fail) == plain


@given(strategies.meta_literals())
def test_whatever_a_history_holds_becomes_strict_json(value):
    data = EpochData(meta={"value": value})
    for indent in (None, 2):
        told = json.loads(dumps(data, indent), parse_constant=pytest.fail)
        assert told == jsonable(data)


def test_a_mapping_is_in_the_same_order_however_it_was_made():
    assert dumps({"b": 1, "a": 2}) == dumps({"a": 2, "b": 1})


def test_the_layout():
    nested = {"b": [1, "é"], "a": {"c": [], "d": {}}}
    assert dumps(nested) == '{\n  "a": {\n    "c": [],\n    "d": {}\n  },\n  "b": [1, "\\u00e9"]\n}'
    assert dumps([{"a": 1}, [2, {"b": 3}]], 1) == '[\n {"a": 1},\n [2, {"b": 3}]\n]'
    assert dumps([[1], [{"a": 2}]], 1) == '[\n [1],\n [{"a": 2}]\n]'
    assert dumps([1, {"a": 2}]) == '[1, {"a": 2}]'
    assert dumps({"a": [{"b": [1]}]}, None) == '{"a": [{"b": [1]}]}'
