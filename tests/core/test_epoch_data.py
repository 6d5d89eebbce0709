"""`EpochData`: plain numbers, persistent maps, laws at the border."""

import math
import pickle
import re
from fractions import Fraction
from types import MappingProxyType

import attrs
import numpy
import pytest
from pyrsistent import pset, pvector

from lrsched import ArgumentError, EpochData
from lrsched.core.epoch_data import UNKNOWN
from lrsched.core.frozendict import FrozenDict


def test_it_is_frozen_and_its_maps_are_persistent():
    data = EpochData(learning_rate=0.1, error={"a": 1.0}, meta={"b": [1]})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        data.learning_rate = 0.2
    assert isinstance(data.error, FrozenDict)
    with pytest.raises(TypeError):
        data.error["a"] = 2.0
    assert data.meta["b"] == pvector([1])


def test_what_it_was_made_of_can_change_without_it():
    error, meta = {"a": 1.0}, {"b": [1]}
    data = EpochData(error=error, meta=meta)
    error["a"] = 2.0
    meta["b"].append(2)
    assert data == EpochData(error={"a": 1.0}, meta={"b": [1]})


def test_a_bare_error_is_one_of_the_old_format():
    assert EpochData(error=0.5).error == {"old_format_score": 0.5}


def test_meta_keys_of_error_move_only_where_there_is_no_meta():
    assert EpochData(error={"a": 1, ":meta:b": None}) == EpochData(error={"a": 1}, meta={"b": None})
    with pytest.raises(ArgumentError, match="error must be without :meta: keys where meta is given, got ':meta:b'"):
        EpochData(error={":meta:b": 1}, meta={})


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (1, 1.0),
        (numpy.float64(0.1), 0.1),
        (numpy.float32(0.5), 0.5),
        (numpy.array(0.5), 0.5),
        (numpy.int64(2), 2.0),
        (0, 0.0),
        (5e-324, 5e-324),
    ],
)
def test_rates_become_floats(given, plain):
    rate = EpochData(learning_rate=given).learning_rate
    assert type(rate) is float
    assert rate == plain


@pytest.mark.parametrize("rate", [-1, -5e-324, math.nan, math.inf, "0.1", [0.1], 10**400, numpy.array([0.1, 0.2]), 1j])
def test_what_is_no_rate_is_refused(rate):
    with pytest.raises(ArgumentError, match="learning_rate must be a finite number >= 0, got"):
        EpochData(learning_rate=rate)


@pytest.mark.parametrize("error", [math.nan, math.inf, -math.inf, -0.0, 5e-324, -1e308, numpy.float64("nan"), 3])
def test_any_number_is_an_error(error):
    stored = EpochData(error={"a": error}).error["a"]
    assert type(stored) in (int, float)
    assert stored == error or (math.isnan(stored) and math.isnan(error))


@pytest.mark.parametrize("error", ["1.0", None, {}, [1.0], 10**400, object()])
def test_what_is_no_error_is_refused(error):
    with pytest.raises(ArgumentError, match=r"error\['a'\] must be a number, got"):
        EpochData(error={"a": error})


def test_keys_are_text():
    with pytest.raises(ArgumentError, match="a key of error must be a str, got 1"):
        EpochData(error={1: 1.0})
    with pytest.raises(ArgumentError, match="a key of meta must be a str, got None"):
        EpochData(meta={None: 1.0})


def test_meta_is_made_persistent_all_the_way_down():
    given = {"a": [{"b": {1, 2}}, (numpy.float32(0.5), b"x")], "c": numpy.arange(2), "d": numpy.bool_(True)}
    assert EpochData(meta=given).meta == {
        "a": pvector([FrozenDict({"b": pset([1, 2])}), (0.5, b"x")]),
        "c": pvector([0, 1]),
        "d": True,
    }


class Array:
    """A foreign one, that could be a key."""

    def tolist(self):
        return [1]


@pytest.mark.parametrize(
    ("value", "law"),
    [
        (object(), "a literal"),
        (1j, "a literal"),
        (open, "a literal"),
        ({(1, frozenset()): 2}, "plain values or tuples"),
        ({frozenset()}, "plain values or tuples"),
        ({Array()}, "plain values or tuples"),
        ({Array(): 1}, "plain values or tuples"),
        (numpy.array([object()]), "a literal"),
        (Fraction(10**400), "a number"),
    ],
)
def test_meta_that_could_not_be_read_back_is_refused(value, law):
    with pytest.raises(ArgumentError, match=rf"meta\['a'\] must be .*{law}"):
        EpochData(meta={"a": value})


def test_meta_nested_too_deep_is_refused():
    value = []
    for _ in range(100):
        value = [value]
    with pytest.raises(ArgumentError, match="nested at most 50 deep"):
        EpochData(meta={"a": value})


def test_equal_parts_make_equal_values_nan_included():
    def made():
        return EpochData(learning_rate=0.1, error={"a": float("nan"), "b": 1.0}, meta={"c": float("nan")})

    assert made() == made()
    assert hash(made()) == hash(made())
    assert pickle.loads(pickle.dumps(made())) == made()


class Name(str):
    """A str of another kind."""

    __slots__ = ()


class Bytes(bytes):
    """The same of bytes."""

    __slots__ = ()


@pytest.mark.parametrize("mapping", [dict, FrozenDict, MappingProxyType])
def test_any_mapping_will_do(mapping):
    data = EpochData(error=mapping({"a": 1.0}), meta=mapping({"m": mapping({"n": 1})}))
    assert data == EpochData(error={"a": 1.0}, meta={"m": {"n": 1}})
    data = EpochData().with_error(mapping({"a": mapping({"b": 1.0})})).with_meta(mapping({"m": 1}))
    assert data == EpochData(error={"a": 1.0}, meta={"m": 1})


@pytest.mark.parametrize("given", [1.0, None, "a", [("a", 1.0)]])
def test_more_errors_and_meta_values_have_names(given):
    got = re.escape(f"got {given!r}; name the ")
    with pytest.raises(ArgumentError, match=f"error must be a mapping from name to number, {got}error"):
        EpochData().with_error(given)
    with pytest.raises(ArgumentError, match=f"meta must be a mapping from name to literal, {got}value"):
        EpochData().with_meta(given)
    with pytest.raises(TypeError):
        EpochData(given)


@pytest.mark.parametrize("value", [1.0, 1])
def test_names_become_plain_and_keep_their_colons(value):
    data = EpochData(error={Name("a"): value, "b:c": value}, meta={Name("m"): 1})
    assert data == EpochData(error={"a": 1, "b:c": 1}, meta={"m": 1})
    assert {type(name) for name in (*data.error, *data.meta)} == {str}


def test_only_the_first_meta_prefix_goes():
    assert EpochData(error={":meta::meta:a": 1, "b:meta:": 2}) == EpochData(error={"b:meta:": 2}, meta={":meta:a": 1})


def test_every_nan_is_the_same_one():
    nan = float("nan")
    data = EpochData(error={"a": nan}, meta={"a": nan})
    assert {id(data.error["a"]), id(data.meta["a"]), id(data.with_error({"b": nan}).error["b"])} == {id(math.nan)}


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (Name("a"), "a"),
        (Bytes(b"a"), b"a"),
        (numpy.str_("a"), "a"),
        (numpy.int64(3), 3),
        (numpy.bool_(False), False),
        (Fraction(1, 2), 0.5),
        (2**60 + 1, 2**60 + 1),
        (-(10**400) + 1, -(10**400) + 1),
        (10**400 - 1, 10**400 - 1),
        ((1, (Name("a"),)), (1, ("a",))),
        (range(2), pvector([0, 1])),
        (frozenset({(1, 2)}), pset([(1, 2)])),
        ({(1, Name("a")): 1}, FrozenDict({(1, "a"): 1})),
    ],
)
def test_meta_values_become_plain(given, plain):
    value = EpochData(meta={"a": given}).meta["a"]
    assert value == plain
    assert type(value) is type(plain)
    assert repr(value) == repr(plain)


@pytest.mark.parametrize("number", [10**400, -(10**400), 10**400 + 1, -(10**500)])
def test_an_integer_of_more_than_400_digits_is_refused(number):
    with pytest.raises(ArgumentError, match=r"meta\['a'\] must be an integer of at most 400 digits"):
        EpochData(meta={"a": number})


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: [inner],
        lambda inner: (inner,),
        lambda inner: {"key": inner},
    ],
    ids=["list", "tuple", "dict"],
)
def test_meta_is_nested_at_most_50_deep(around):
    value = None
    for _ in range(50):
        value = around(value)
    assert EpochData(meta={"a": value}).meta["a"] is not None
    with pytest.raises(ArgumentError, match=r"meta\['a'\] must be nested at most 50 deep, got .*; flatten it"):
        EpochData(meta={"a": around(value)})


def test_keys_members_of_sets_and_arrays_are_nested_no_deeper():
    """A key stands one deeper than its dict, a member than its set, and the list of an array than the array."""
    key = ()
    for _ in range(49):
        key = (key,)
    EpochData(meta={"a": {key: 1}, "b": {key}, "c": numpy.zeros([1] * 49)})
    for value in ({(key,): 1}, {(key,)}, numpy.zeros([1] * 50)):
        with pytest.raises(ArgumentError, match="nested at most 50 deep"):
            EpochData(meta={"a": value})


def test_it_is_not_hashable_where_its_parts_are_not():
    hash(EpochData(meta={"a": (1, "b")}))
    hash(EpochData(meta={"a": [1], "b": {"c": {1}}}))


def test_with_changes_make_new_values():
    data = EpochData(learning_rate=0.1, error={"a": 1.0}, meta={"m": 1})
    assert data.with_learning_rate(0.2) == EpochData(learning_rate=0.2, error={"a": 1.0}, meta={"m": 1})
    assert data.with_learning_rate(None).learning_rate is None
    assert data.with_error({"a": 2.0, ":meta:n": 2}) == EpochData(
        learning_rate=0.1, error={"a": 2.0}, meta={"m": 1, "n": 2}
    )
    assert data.with_meta({"m": 3}) == EpochData(learning_rate=0.1, error={"a": 1.0}, meta={"m": 3})
    assert data.with_error({}) == data.with_meta({}) == data
    assert data == EpochData(learning_rate=0.1, error={"a": 1.0}, meta={"m": 1})


def test_nested_errors_are_flattened():
    nested = {"one": {"cost:x": 1.0}, "two": {"cost:x": 2.0, "y": 3.0, "a:b:c": 4.0}, "none": {}}
    assert EpochData().with_error(nested).error == {"one": 1.0, "two_x": 2.0, "two_y": 3.0, "two_b:c": 4.0}


def test_nested_errors_are_flattened_only_once_and_only_when_they_are_added():
    assert EpochData().with_error({"a": {1: 2.0, "b": 3.0}, ":meta:c": {"d": 1}}) == EpochData(
        error={"a_1": 2.0, "a_b": 3.0}, meta={"c": {"d": 1}}
    )
    with pytest.raises(ArgumentError, match=r"error\['a_b'\] must be a number"):
        EpochData().with_error({"a": {"b": {"c": 1.0}, "d": 1.0}})
    with pytest.raises(ArgumentError, match=r"error\['a'\] must be a number"):
        EpochData(error={"a": {"b": 1.0}})


def test_with_another_rate_the_law_is_the_same():
    assert type(EpochData().with_learning_rate(1).learning_rate) is float
    with pytest.raises(ArgumentError, match="learning_rate must be a finite number >= 0, got -1; correct the value"):
        EpochData().with_learning_rate(-1)


def test_what_nothing_is_known_of_is_an_epoch_like_any_other():
    assert UNKNOWN == EpochData() == EpochData(learning_rate=None, error={}, meta={})


def test_it_is_shown_in_the_order_of_the_names():
    data = EpochData(error={"b": 1.0, "a": 2.0}, meta={"d": 1, "c": 2})
    assert repr(data) == "EpochData(learning_rate=None, error={'a': 2.0, 'b': 1.0}, meta={'c': 2, 'd': 1})"


def test_a_frozen_dict_is_a_mapping_that_cannot_change():
    given = {"a": 1.0}
    frozen = FrozenDict(given)
    given["a"] = 2.0
    assert frozen == {"a": 1.0} == dict(frozen)
    assert frozen == {"a": 1.0}
    assert frozen != {"a": 2.0}
    assert pickle.loads(pickle.dumps(frozen)) == frozen
    assert hash(frozen) == hash(FrozenDict({"a": 1.0}))
    assert (len(frozen), list(frozen), "a" in frozen, frozen.get("b")) == (1, ["a"], True, None)
    with pytest.raises(AttributeError):
        frozen.a = 2.0
    for change in (
        lambda: frozen.update(a=2.0),
        lambda: frozen.pop("a"),
        frozen.popitem,
        frozen.clear,
        lambda: frozen.setdefault("b", 1.0),
        lambda: frozen.__ior__({"a": 2.0}),
        lambda: frozen.__delitem__("a"),
    ):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
    assert frozen | {"b": 2.0} == {"a": 1.0, "b": 2.0}
    assert FrozenDict() | frozen == frozen
    assert (list(frozen.keys()), list(frozen.values()), list(frozen.items())) == (["a"], [1.0], [("a", 1.0)])
    with pytest.raises(TypeError, match="unhashable"):
        hash(FrozenDict({"a": []}))
