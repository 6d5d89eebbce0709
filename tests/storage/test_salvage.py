"""What can be saved of a damaged file. Every beginning of one is refused with the line, and gives a prefix of it."""

import gzip
import math

import pytest
from hypothesis import assume, given, strategies as st
from storages import can_be_held

from lrsched import EpochData, FormatError, History, NotWrittenError, open_storage, read
from lrsched.formats.json import JSON
from lrsched.formats.text import TEXT
from lrsched.testing import strategies

HISTORY = History(
    {
        1: EpochData(learning_rate=0.1, error={"dev_score": 1.25, "größe_🙂": math.nan}),
        2: EpochData(learning_rate=0.05, error={"dev_score": -math.inf}, meta={"gpu": ("a", [1, {"b": b"\xff"}])}),
        5: EpochData(error={f"train_score_{key}": 0.5 for key in range(3)}, meta={"text": "}),\n6: EpochData("}),
        17: EpochData(learning_rate=1e-05),
    }
)


def _is_prefix(history, whole):
    return list(history.items()) == list(whole.items())[: len(history)]


@pytest.mark.parametrize("name", ["learning_rates", "run.json", "learning_rates.gz", "run.json.gz"])
def test_every_beginning_of_a_file_is_refused_and_gives_a_prefix_of_the_history(name, tmp_path):
    path = tmp_path / name
    open_storage(path).save(HISTORY)
    content = path.read_bytes()
    found = set()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        storage = open_storage(path)
        history, fault = storage.salvage()
        assert _is_prefix(history, HISTORY)
        found.add(len(history))
        if fault is None:
            assert content[length:].isspace()
            assert read(path) == HISTORY
        else:
            with pytest.raises(
                (FormatError, NotWrittenError), match=rf"@ .*{name}" + ("" if "gz" in name else r":\d+$")
            ):
                read(path)
        assert path.read_bytes() == content[:length]
    if not name.endswith(".gz"):
        assert found == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("name", ["learning_rates", "run.json"])
@pytest.mark.parametrize("damage", [b"\0" * 7, b"\xff\xfe", b"}", b"garbage \x1b", b""])
def test_damage_anywhere_costs_what_follows_and_nothing_before(name, damage, tmp_path):
    path = tmp_path / name
    open_storage(path).save(HISTORY)
    content = path.read_bytes()
    lines = content.split(b"\n")
    for number in range(len(lines)):
        damaged = b"\n".join([*lines[:number], damage + lines[number][3:], *lines[number + 1 :]])
        path.write_bytes(damaged)
        history, fault = open_storage(path).salvage()
        assert _is_prefix(history, HISTORY) or damage == b""
        assert fault is not None or history == HISTORY or damage == b""
        if fault is not None and fault.line is not None:
            assert fault.line <= len(lines)


@given(strategies.wild_histories(4), st.sampled_from([TEXT, JSON]), st.data())
def test_what_is_cut_off_any_history_is_all_that_is_lost(history, form, data):
    assume(can_be_held(history))
    whole = form.render(history)
    length = data.draw(st.integers(0, len(whole)))
    found, fault = form.salvage(whole[:length])
    assert _is_prefix(found, history)
    assert (fault is None) == (whole[:length].strip() == whole.strip() != "")
    longer, _ = form.salvage(whole)
    assert longer == history


_JSON = '{"format": "lrsched history", "version": 1, "epochs": [\n{"epoch": 1, "learning_rate": 0.1},\n'


@pytest.mark.parametrize(
    ("form", "content"),
    [
        (TEXT, "{\n1: EpochData(learningRate=0.1, error={}),\n0: EpochData(learningRate=0.1, error={}),\n}"),
        (TEXT, "{\n1: EpochData(learningRate=0.1, error={}),\n1: EpochData(learningRate=0.2, error={}),\n}"),
        (JSON, _JSON + '{"epoch": 0}]}'),
        (JSON, _JSON + '{"epoch": 1}]}'),
    ],
)
def test_what_stands_before_an_epoch_that_breaks_a_law_is_found(form, content):
    history, fault = form.salvage(content)
    assert dict(history.items()) == {1: EpochData(learning_rate=0.1)}
    assert fault is not None


def test_what_gzip_packed_before_the_damage_is_found(tmp_path):
    path = tmp_path / "run.json.gz"
    history = History({epoch: EpochData(learning_rate=0.1, error={"a": 1.0 / epoch}) for epoch in range(1, 3000)})
    open_storage(path).save(history)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(20) + content[len(content) // 2 + 20 :])
    found, fault = open_storage(path).salvage()
    assert _is_prefix(found, history)
    assert 1000 < len(found) < 2999
    assert "gzip" in str(fault)
    path.write_bytes(content + b"more")
    assert open_storage(path).salvage()[0] == history
    with pytest.raises(FormatError, match="gzip: something follows after the end"):
        read(path)
    path.write_bytes(gzip.decompress(content))
    with pytest.raises(FormatError, match=r"gzip: .*incorrect header check"):
        read(path)


@pytest.mark.parametrize("form", [TEXT, JSON])
def test_every_whole_epoch_before_the_fault_is_found(form):
    history = History({epoch: EpochData(learning_rate=0.1, error={"a": 1.0 / epoch}) for epoch in range(1, 6)})
    lines = form.render(history).splitlines(keepends=True)
    for whole in range(1, 6):
        for rest in ("", "rubbish", lines[whole + 1][:9] if whole < 5 else "x"):
            history, fault = form.salvage("".join(lines[: whole + 1]) + rest)
            assert list(history) == list(range(1, whole + 1))
            assert fault is not None
