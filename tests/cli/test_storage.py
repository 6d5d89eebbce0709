"""``lrsched convert``, ``runs``, ``repair`` and ``follow``; and that every command reads every storage."""

import contextlib
import fcntl
import importlib
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from lrsched import EpochData, History, SqliteStorage, open_storage, read
from lrsched.formats.text import TEXT

HISTORY = History(
    {
        1: EpochData(learning_rate=0.5, error={"dev_score": 2.0}),
        2: EpochData(learning_rate=0.5, error={"dev_score": float("nan")}, meta={"gpu": ("a", 1)}),
        3: EpochData(learning_rate=0.25),
    }
)
KINDS = ["learning_rates", "learning_rates.gz", "run.json", "run.json.gz", "runs.db"]
NEWBOB = ["-s", "learning_rate_control=newbob", "-s", "learning_rate=0.5"]


@pytest.fixture(params=KINDS)
def stored(request, tmp_path):
    path = tmp_path / request.param
    open_storage(path).save(HISTORY)
    return path


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "runs.db"
    SqliteStorage(path, "a").save(HISTORY)
    SqliteStorage(path, "b \x1b[31m").save(History({1: EpochData(error={"dev_score": 1.0})}))
    return path


def test_every_command_reads_every_storage(run, stored):
    assert "dev_score" in run("show", stored)[1]
    assert [epoch["epoch"] for epoch in json.loads(run("show", stored, "--json")[1])["epochs"]] == [1, 2, 3]
    assert "2.0" in run("best", stored, "--key", "dev_score", "--exact")[1]
    assert "decay" in run("replay", stored, *NEWBOB)[1]
    assert run("verify", stored, *NEWBOB)[:2] == (0, f"{stored}: all 3 epochs are reproduced exactly\n")
    assert run("follow", stored, "--until", "2")[0] == 0


def test_a_run_is_named_in_a_url(run, database):
    assert "0.25" in run("show", f"sqlite:///{database}?run=a")[1]
    code, _, err = run("show", database)
    assert code == 2
    assert "which run is not known" in err
    code, _, err = run("show", f"sqlite:///{database}?run=c")
    assert code == 3
    assert "no run 'c'" in err


@pytest.mark.parametrize("target", KINDS)
def test_convert_from_any_to_any(run, stored, tmp_path, target):
    target = tmp_path / "new" / target
    target.parent.mkdir()
    code, out, err = run("convert", stored, target)
    assert (code, out, err) == (0, f"{target}: 3 epochs (1 to 3) from {stored}\n", "")
    assert read(target) == read(stored) == HISTORY
    before = target.read_bytes()
    code, out, err = run("convert", stored, target)
    assert (code, out) == (2, "")
    what, way_out = target, "remove it, or name another"
    if target.suffix == ".db":
        what, way_out = f"run 'default' of {target}", f"name another, as in sqlite:///{target}?run=NAME"
    assert err == f"lrsched: error: {what} is there already and is not overwritten; {way_out}\n"
    assert target.read_bytes() == before


def test_convert_to_another_run_and_as_json(run, stored, tmp_path):
    for name in ("a", "b"):
        target = f"sqlite:///{tmp_path}/all.db?run={name}"
        code, out, _ = run("convert", stored, target, "--json")
        assert code == 0
        assert json.loads(out) == {"file": str(stored), "target": target, "epochs": 3}
    assert len(SqliteStorage(tmp_path / "all.db").runs()) == 2


def test_convert_says_what_the_target_cannot_hold_and_writes_nothing(run, tmp_path):
    source = tmp_path / "learning_rates"
    open_storage(source).save(History({1: EpochData(meta={"a": "\ud83d\ude00"})}))
    for target, says in (
        ("run.json", "the data of epoch 1 must be text that JSON can hold"),
        ("runs.db", "meta['a'] of epoch 1 must be text that JSON can hold"),
    ):
        code, out, err = run("convert", source, tmp_path / target)
        assert (code, out) == (2, "")
        assert says in err
        assert "a learning-rate file can hold it" in err
        assert set(os.listdir(tmp_path)) == {"learning_rates", ".learning_rates.lock"}


def test_convert_reads_back_what_it_wrote(run, tmp_path, monkeypatch):
    source = tmp_path / "learning_rates"
    open_storage(source).save(HISTORY)
    save = SqliteStorage.save
    monkeypatch.setattr(SqliteStorage, "save", lambda self, history, changed=None: save(self, history.before(3)))
    code, out, err = run("convert", source, tmp_path / "runs.db")
    assert code != 0
    assert out == ""
    assert "runs.db reads back differently from" in err


def test_convert_what_is_not_there(run, tmp_path):
    code, _, err = run("convert", tmp_path / "a", tmp_path / "b.json")
    assert code == 3
    assert "No such file" in err
    assert os.listdir(tmp_path) == []


def test_runs(run, database):
    code, out, err = run("runs", database)
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert rows[4][:4] == ["a", "3", "2", "0.25"]
    assert rows[5][:4] == ["b", "\\x1b[31m", "1", "1"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", " ".join(rows[5][4:]))
    for where in (database, f"sqlite:///{database}"):
        found = json.loads(run("runs", where, "--json")[1])["runs"]
        assert [(each["name"], each["learning_rate"]) for each in found] == [("a", 0.25), ("b \x1b[31m", None)]


def test_runs_of_what_is_no_database(run, tmp_path):
    (tmp_path / "text").write_text("not a database, but long enough to be taken for one" * 20)
    code, _, err = run("runs", tmp_path / "text")
    assert code == 3
    assert "file is not a database" in err
    assert run("runs", tmp_path / "none.db")[0] == 3
    assert os.listdir(tmp_path) == ["text"]


REPAIRED = {
    "learning_rates": "learning_rates.repaired",
    "learning_rates.gz": "learning_rates.repaired.gz",
    "run.json": "run.repaired.json",
    "run.json.gz": "run.repaired.json.gz",
}


@pytest.mark.parametrize("name", REPAIRED)
def test_repair(run, name, tmp_path):
    path = tmp_path / name
    history = History({epoch: EpochData(learning_rate=0.1, error={"a": 1.0 / epoch}) for epoch in range(1, 500)})
    open_storage(path).save(history)
    code, out, _ = run("repair", path)
    assert (code, out) == (0, f"{path}: nothing is wrong with it; it has 499 epochs (1 to 499)\n")
    damaged = path.read_bytes()[:-30]
    path.write_bytes(damaged)
    code, out, err = run("repair", path)
    assert (code, err) == (0, "")
    target, last = re.match(r"(.*): \d+ epochs \(1 to (\d+)\) recovered\nlost: all after epoch \2 \(", out).groups()
    assert target == str(tmp_path / REPAIRED[name])
    recovered = read(target)
    assert 400 < len(recovered) == int(last) < 500
    assert list(recovered.items()) == list(history.items())[: len(recovered)]
    assert path.read_bytes() == damaged
    code, _, err = run("repair", path)
    assert code == 2
    assert "is there already" in err
    code, out, _ = run("repair", path, "-o", tmp_path / "elsewhere.json", "--json")
    told = json.loads(out)
    assert (code, told["epochs"], told["target"]) == (0, list(recovered), str(tmp_path / "elsewhere.json"))
    assert told["lost"]["why"]
    assert told["lost"]["after_epoch"] == int(last)
    assert read(told["target"]) == recovered


def test_repair_tells_the_line(run, tmp_path):
    path = tmp_path / "run.json"
    open_storage(path).save(HISTORY)
    path.write_text(path.read_text().replace('"epoch": 3', '"epoch": three'))
    code, out, _ = run("repair", path)
    assert code == 0
    assert f"2 epochs (1 to 2) recovered\nlost: all after epoch 2 (expecting value @ {path}:4)\n" in out


def test_a_repaired_file_has_the_format_of_the_damaged_one(run, tmp_path):
    path = tmp_path / "run.json"
    path.write_text(TEXT.render(HISTORY)[:-2])
    assert run("repair", f"text:{path}")[0] == 0
    assert read(f"text:{tmp_path}/run.repaired.json") == HISTORY


def test_a_repaired_file_may_get_another_format(run, tmp_path):
    path = tmp_path / "learning_rates"
    path.write_text(TEXT.render(HISTORY)[:-2])
    assert run("repair", path, "-o", f"json:{tmp_path}/x")[0] == 0
    assert read(f"json:{tmp_path}/x") == HISTORY


def test_repair_tells_the_first_fault_of_several(run, tmp_path):
    """Behind the one that ended the history stands a byte that is no text."""
    path = tmp_path / "run.json"
    open_storage(path).save(HISTORY)
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2].replace(b'"epoch": 2', b'"epoch": two')
    lines[3] = lines[3].replace(b"epoch", b"\xff")
    path.write_bytes(b"\n".join(lines))
    _, out, _ = run("repair", path, "--json")
    assert json.loads(out)["lost"] == {"after_epoch": 1, "line": 3, "why": "expecting value"}


def test_what_repair_names_can_be_read(run, tmp_path):
    path = tmp_path / "history"
    open_storage(f"json:{path}").save(HISTORY)
    path.write_bytes(path.read_bytes()[:-30])
    _, out, _ = run("repair", f"json:{path}", "--json")
    target = json.loads(out)["target"]
    assert target == f"json:{path}.repaired"
    assert list(read(target)) == [1, 2]


def test_names_of_any_characters_are_told(run, tmp_path):
    source, target = tmp_path / "s", tmp_path / os.fsdecode(b"\xff ?run=3.db")
    open_storage(source).save(HISTORY)
    where = f"sqlite:///{quote(os.fsencode(target))}"
    assert run("convert", source, where)[0] == 0
    code, _, err = run("convert", source, where)
    assert code == 2
    assert f"name another, as in {where}?run=NAME" in err
    damaged = tmp_path / "a?run=3"
    damaged.write_text(TEXT.render(HISTORY)[:-2])
    _, out, _ = run("repair", f"text:{quote(str(damaged))}", "--json")
    assert list(read(json.loads(out)["target"])) == [1, 2, 3]


def test_repair_where_nothing_can_be_done(run, tmp_path, database):
    for content in ("", "garbage", "{"):
        (tmp_path / "broken").write_text(content)
        code, out, _ = run("repair", tmp_path / "broken")
        assert (code, out) == (3, "")
    assert sorted(os.listdir(tmp_path)) == ["broken", "runs.db"]
    code, _, err = run("repair", database)
    assert code == 2
    assert "only text and JSON files are repaired" in err
    assert run("repair", tmp_path / "none")[0] == 3


# ---- follow


@pytest.fixture
def time(monkeypatch):
    """Time that passes only as it is told: each step happens while a follower waits."""
    steps = []

    def sleep(_):
        if not steps:
            raise KeyboardInterrupt
        steps.pop(0)()

    monkeypatch.setattr(importlib.import_module("lrsched.cli.follow"), "time", SimpleNamespace(sleep=sleep))
    return steps


def test_follow_tells_each_epoch_when_it_is_new_or_changes(run, tmp_path, time):
    path = tmp_path / "learning_rates"
    storage = open_storage(path)
    one = History({1: EpochData(learning_rate=0.5)})
    two = one.set(1, one[1].with_error({"dev_score": 2.0})).set(2, EpochData(learning_rate=0.25))
    time += [
        lambda: None,
        lambda: storage.save(one),
        lambda: None,
        lambda: storage.save(two),
        lambda: path.write_text("{1: Epoch"),  # a writer that does not rename
        lambda: path.write_text(""),
        lambda: path.write_text(""),
    ]
    code, out, err = run("follow", path)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "epoch 1, learning rate 0.5, not finished",
        "epoch 1, learning rate 0.5, dev_score 2.0",
        "epoch 2, learning rate 0.25 down x0.5, not finished",
    ]


def test_follow_as_json_lines(run, tmp_path, time):
    path = tmp_path / "runs.db"
    storage = open_storage(path)
    time += [lambda: storage.save(HISTORY.before(2)), lambda: storage.save(HISTORY)]
    _, out, _ = run("follow", path, "--json", "--until", "2")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["epoch"], line["error_value"], line["finished"]) for line in lines] == [
        (1, 2.0, True),
        (2, "NaN", True),
        (3, None, False),
    ]


def test_follow_has_patience_again_after_what_it_could_read(run, tmp_path, time):
    path = tmp_path / "learning_rates"
    for number in range(1, 4):
        time += [lambda: path.write_text("{1: Epoch")] * 6
        time += [lambda n=number: path.write_text(TEXT.render(HISTORY.before(n + 1)))]
    code, out, err = run("follow", path)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 3


def test_follow_does_not_tell_again_what_was_broken_for_a_moment(run, tmp_path, time):
    path = tmp_path / "learning_rates"
    whole = TEXT.render(HISTORY)
    path.write_text(whole)
    time += [lambda: path.write_text("{1: Epoch"), lambda: path.write_text(whole)]
    _, out, _ = run("follow", path)
    assert len(out.splitlines()) == 3


@pytest.mark.parametrize(("interval", "looks"), [("0.05", 200), ("1", 10), ("60", 10)])
def test_follow_has_patience_for_ten_seconds_or_looks(run, tmp_path, time, interval, looks):
    path = tmp_path / "learning_rates"
    path.write_text("{1: Epoch")
    time += [lambda: None] * 1000
    assert run("follow", path, "--interval", interval)[0] == 3
    assert 1000 - len(time) == looks - 1  # after the last look it does not wait


def test_follow_waits_until_the_epoch_is_finished(run, tmp_path, time):
    path = tmp_path / "learning_rates"
    open_storage(path).save(HISTORY)
    later = HISTORY.set(3, HISTORY[1])
    time += [lambda: path.write_text(TEXT.render(later))]
    _, out, _ = run("follow", path, "--until", "3")
    assert out.splitlines()[-1].startswith("epoch 3")
    assert "not finished" not in out.splitlines()[-1]


def test_follow_waits_as_long_as_it_is_told(run, tmp_path, monkeypatch):
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("lrsched.cli.follow"), "time", SimpleNamespace(sleep=sleep))
    run("follow", tmp_path / "learning_rates", "--interval", "0.25")
    assert waits == [0.25] * 3


def test_follow_keeps_to_the_run_that_it_began_with(run, tmp_path, time):
    path = tmp_path / "runs.db"
    first = SqliteStorage(path, "first")
    time += [
        lambda: first.save(HISTORY.before(2)),
        lambda: SqliteStorage(path).save(History({9: HISTORY[1]})),
        lambda: SqliteStorage(path, "second").save(History({8: HISTORY[1]})),
        lambda: first.save(HISTORY),
    ]
    code, out, err = run("follow", path)
    assert (code, err) == (0, "")
    assert [line.split(",")[0] for line in out.splitlines()] == ["epoch 1", "epoch 2", "epoch 3"]


def test_follow_tells_nothing_twice_when_a_file_was_away_or_empty_for_a_moment(run, tmp_path, time):
    path = tmp_path / "learning_rates"
    whole = TEXT.render(HISTORY)
    path.write_text(whole)
    time += [lambda: path.write_text(""), lambda: path.write_text(whole), path.unlink, lambda: path.write_text(whole)]
    _, out, _ = run("follow", path)
    assert len(out.splitlines()) == 3


def test_follow_stops_at_a_later_epoch_as_well(run, tmp_path, time):
    path = tmp_path / "learning_rates"
    open_storage(path).save(History({1: HISTORY[1], 3: HISTORY[1]}))
    assert run("follow", path, "--until", "2")[0] == 0
    assert time == []


def test_follow_outlasts_a_machine_that_is_at_fault_for_a_moment(run, tmp_path, time):
    path = tmp_path / "learning_rates"
    path.mkdir()
    time += [path.rmdir, lambda: open_storage(path).save(HISTORY)]
    code, out, _ = run("follow", path)
    assert code == 0
    assert len(out.splitlines()) == 3


def test_follow_gives_up_what_stays_broken(run, tmp_path, time):
    path = tmp_path / "learning_rates"
    path.write_text("{1: Epoch")
    time += [lambda: None] * 100
    code, _, err = run("follow", path)
    assert code == 3
    assert "learning_rates:1" in err


def test_follow_shows_a_live_table_in_a_terminal(tmp_path):
    path = tmp_path / "run.json"
    storage = open_storage(path)
    main, terminal = pty.openpty()
    # A process that was started in the background ignores Ctrl-C, and so would its children.
    program = "import signal; signal.signal(2, signal.default_int_handler); from lrsched.cli import main; main()"
    command = [sys.executable, "-c", program, "follow", str(path), "--interval", "0.01"]
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    for name in ("LINES", "COLUMNS"):
        environment.pop(name, None)
    with subprocess.Popen(command, stdout=terminal, stderr=terminal, stdin=terminal, env=environment) as process:
        os.close(terminal)
        shown = ""

        def wait_for(text):
            nonlocal shown
            most = len(shown) + 2_000_000  # it draws its table again and again
            while text not in shown:
                if len(shown) > most:
                    process.kill()
                    pytest.fail(f"{text!r} did not appear in {shown[-5000:]!r}")
                shown += os.read(main, 65536).decode(errors="replace")  # fails where the process has ended

        wait_for("waiting for the first save")
        storage.save(HISTORY)
        wait_for("not finished")
        assert "dev_score" in shown
        long_key = EpochData(learning_rate=1 / 3, error={f"dev_score_{'x' * 300}": 1 / 3})  # longer than a line
        storage.save(History({**HISTORY, **dict.fromkeys(range(4, 101), long_key)}))
        wait_for(" 100 ")
        assert " 90 " in shown
        assert " 70 " not in shown  # it fits the screen
        fcntl.ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        wait_for(" 70 ")
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the terminal ends with the process
            while True:
                shown += os.read(main, 65536).decode(errors="replace")
        os.close(main)
        assert process.wait() == 0
    assert "Traceback" not in shown
