"""The JSON file: what it looks like, what is refused with which words, and that the published schema says the same."""

import json
import math
from importlib.resources import files

import jsonschema
import pytest
from hypothesis import assume, given
from storages import can_be_held

import lrsched.formats
from lrsched import EpochData, FormatError, History
from lrsched.formats.json import JSON, parse_value
from lrsched.testing import strategies

SCHEMA = json.loads((files(lrsched.formats) / "history.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def _document(*epochs):
    return '{"format": "lrsched history", "version": 1, "epochs": [\n' + ",\n".join(epochs) + "\n]}\n"


def test_it_looks_like_this():
    history = History(
        {
            2: EpochData(learning_rate=0.1, error={"b": 1.5, "a": math.nan}, meta={"gpu": "größe"}),
            3: EpochData(error={"a": 2}),
        }
    )
    assert JSON.render(history) == _document(
        '{"epoch": 2, "learning_rate": 0.1, "error": {"a": "NaN", "b": 1.5}, "meta": {"gpu": "größe"}}',
        '{"epoch": 3, "learning_rate": null, "error": {"a": 2}}',
    )
    assert JSON.parse(JSON.render(History())) == History()


def test_one_more_epoch_changes_nothing_before_it():
    history = History({1: EpochData(learning_rate=0.1, error={"b": 1.0, "a": 2.0})})
    longer = history.set(2, EpochData(learning_rate=0.1))
    before, after = JSON.render(history).splitlines(), JSON.render(longer).splitlines()
    assert [line.rstrip(",") for line in after[:2]] == before[:2]
    other_order = History({1: EpochData(learning_rate=0.1, error={"a": 2.0, "b": 1.0})})
    assert JSON.render(other_order) == JSON.render(history)


@given(strategies.wild_histories())
def test_the_schema_allows_all_that_is_written(history):
    assume(can_be_held(history))
    document = json.loads(JSON.render(history), parse_constant=pytest.fail)
    VALIDATOR.validate(document)
    assert JSON.parse(JSON.render(history)) == history


@given(strategies.wild_histories())
def test_however_another_tool_lays_it_out_it_is_the_same(history):
    assume(can_be_held(history))
    document = json.loads(JSON.render(history))
    for text in (
        json.dumps(document, indent=3),
        json.dumps(document, separators=(",", ":"), sort_keys=True),
        json.dumps(dict(reversed(document.items())), ensure_ascii=False, indent="\t"),
    ):
        assert JSON.parse(text) == history


WRONG = {
    "a list": ("[]", "expected '{', got '[' @ f:1"),
    "another file": ('{"learning_rate": 0.1}', "'learning_rate' is no member of an lrsched history; is this"),
    "another format": ('{"format": "x", "version": 1, "epochs": []}', "the format is 'x', not 'lrsched history' @ f:1"),
    "a newer version": ('{"format": "lrsched history", "version": 2, "epochs": []}', "the file has version 2, this"),
    "no version": ('{"format": "lrsched history",\n"epochs": []\n}', "has the member 'version', too @ f:3"),
    "version true": ('{"format": "lrsched history", "version": true, "epochs": []}', "version must be an integer >= 1"),
    "twice": ('{"format": "lrsched history", "format": "lrsched history"}', "the name 'format' is there twice"),
    "no epoch": (_document("{}"), "expected an epoch, as in"),
    "epoch 0": (_document('{"epoch": 0}'), "epoch must be an integer >= 1, got 0; epochs count from 1 @ f:2"),
    "epoch 2**63": (
        _document('{"epoch": 9223372036854775808}'),
        "epoch must be an integer below 2**63, got 9223372036854775808",
    ),
    "epoch 1.0": (_document('{"epoch": 1.0}'), "expected an epoch"),
    "epoch true": (_document('{"epoch": true}'), "expected an epoch"),
    "another member": (
        _document('{"epoch": 1, "lr": 1}'),
        "'lr' is no member of an epoch; it has epoch, learning_rate",
    ),
    "a rate below 0": (_document('{"epoch": 1, "learning_rate": -1}'), "learning_rate must be a finite number >= 0"),
    "a rate as text": (_document('{"epoch": 1, "learning_rate": "NaN"}'), "learning_rate must be a number or null"),
    "a rate true": (_document('{"epoch": 1, "learning_rate": true}'), "learning_rate must be a number or null"),
    "errors in a list": (_document('{"epoch": 1, "error": []}'), "error and meta must be objects"),
    "an error as text": (_document('{"epoch": 1, "error": {"a": "nan"}}'), "error['a'] must be a number, \"NaN\""),
    "an error true": (_document('{"epoch": 1, "error": {"a": true}}'), "error['a'] must be a number"),
    "an error null": (_document('{"epoch": 1, "error": {"a": null}}'), "error['a'] must be a number"),
    "meta among errors": (_document('{"epoch": 1, "error": {":meta:a": 1}}'), "error must be without :meta: keys"),
    "a tag too many": (_document('{"epoch": 1, "meta": {"a": {"$tuple": [], "b": 1}}}'), "has one member, of $bytes"),
    "an unknown tag": (_document('{"epoch": 1, "meta": {"a": {"$type": 1}}}'), "has one member, of $bytes"),
    "a tuple of text": (_document('{"epoch": 1, "meta": {"a": {"$tuple": "ab"}}}'), "$tuple of 'ab'"),
    "a pair of text": (_document('{"epoch": 1, "meta": {"a": {"$dict": ["ab"]}}}'), "$dict of ['ab']"),
    "a pair of one": (_document('{"epoch": 1, "meta": {"a": {"$dict": [[1]]}}}'), "$dict of [[1]]"),
    "bytes in hex": (_document('{"epoch": 1, "meta": {"a": {"$bytes": "é"}}}'), "$bytes of"),
    "another float": (_document('{"epoch": 1, "meta": {"a": {"$float": "1.0"}}}'), "$float of '1.0'"),
}
NOT_FOR_A_SCHEMA = {
    "a newer version twice": _document('{"epoch": 1}', '{"epoch": 1}'),
    "a twin in a set": _document('{"epoch": 1, "meta": {"a": {"$set": [1, 1]}}}'),
    "a list in a set": _document('{"epoch": 1, "meta": {"a": {"$set": [[]]}}}'),
    "a twin among keys": _document('{"epoch": 1, "meta": {"a": {"$dict": [[1, 2], [1, 3]]}}}'),
    "a line break in a text": _document('{"epoch": 1, "error": {"a\nb": 1}}'),
    "single quotes": _document("{'epoch': 1}"),
    "a comma too many": _document('{"epoch": 1},'),
    "a comma too few": _document('{"epoch": 1} {"epoch": 2}'),
    "more": _document('{"epoch": 1}') + "{}",
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(case):
    text, message = WRONG[case]
    with pytest.raises(FormatError) as refused:
        JSON.parse(text, "f")
    assert message in str(refused.value)
    assert refused.value.line >= 1


@pytest.mark.parametrize("case", NOT_FOR_A_SCHEMA)
def test_what_no_schema_can_say_is_refused_as_well(case):
    with pytest.raises(FormatError, match=r" @ f:\d"):
        JSON.parse(NOT_FOR_A_SCHEMA[case], "f")


@pytest.mark.parametrize("case", [case for case in WRONG if case not in ("twice", "epoch 1.0", "bytes in hex")])
def test_the_schema_refuses_the_same(case):
    """But that names are there once, that 1.0 is another epoch than 1, and what base64 is, it cannot say."""
    assert not VALIDATOR.is_valid(json.loads(WRONG[case][0]))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", ['{"$bytes": "YQ==!"}', '{"$bytes": "Y Q=="}', "1 2", "{}{}", "[1],", '"a" x'])
def test_what_is_no_value_is_refused(text):
    with pytest.raises(FormatError):
        parse_value(text)


def test_a_set_is_written_in_order():
    names = [f"name{number}" for number in range(20)]
    assert json.loads(JSON.render(History({1: EpochData(meta={"a": set(names)})})))["epochs"][0]["meta"]["a"] == {
        "$set": sorted(names)
    }
