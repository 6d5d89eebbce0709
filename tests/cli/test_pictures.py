"""`lrsched plot`, `lrsched report` and `lrsched show --plot`: what they write, and how they refuse."""

import errno
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from xml.etree import ElementTree

import pytest

from lrsched import EpochData, FileStorage, History
from lrsched.cli import main
from lrsched.cli.demo import RECORDED

FILE, CONFIG = RECORDED / "learning_rates", RECORDED / "config.json"
BEGINNINGS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "other.json"
    path.write_text(CONFIG.read_text().replace('decay": 0.5', 'decay": 0.8'))
    return path


def words(path):
    return ["".join(each.itertext()) for each in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_plot_writes_the_format_that_the_name_ends_in(run, tmp_path, kind):
    out = tmp_path / f"out.{kind}"
    assert run("plot", FILE, "-o", out) == (0, f"{out}: {FILE}\n", "")
    assert out.read_bytes().startswith(BEGINNINGS[kind])
    assert list(tmp_path.iterdir()) == [out]


def test_plot_marks_factors_without_a_configuration_and_reasons_with_one(run, tmp_path):
    out = tmp_path / "out.SVG"
    run("plot", FILE, "-o", out)
    assert words(out).count("x0.5") == 6
    assert run("plot", FILE, "-o", out, "--config", CONFIG)[0] == 0  # over the other one
    assert "+26.8 % > -1 %" in words(out)
    run("plot", FILE, "-o", out, "--config", CONFIG, "--set", "newbob_relative_error_threshold=-0.5")
    assert "+26.8 % > -50 %" in words(out)
    assert any("rates are not the recorded ones" in word for word in words(out))
    run("plot", FILE, "-o", out, "--config", CONFIG, "--override", "3")
    assert "preset" in words(out)


def test_plot_compares_and_says_what_a_free_replay_is_worth(run, tmp_path, other):
    out = tmp_path / "out.svg"
    assert run("plot", FILE, "-o", out, "--compare", other, "--compare", CONFIG)[0] == 0
    told = " ".join(words(out))
    assert "other.json: free replay; from epoch 3 on the rates are not the recorded ones" in told
    assert "config.json: free replay; every rate is the recorded one" in told


def test_plot_of_several_files_and_errors(run, tmp_path):
    out, copy = tmp_path / "out.svg", tmp_path / "run.db"
    run("convert", FILE, copy)
    assert run("plot", FILE, copy, "-o", out, "-k", "train_score", "-k", "dev_error")[:2] == (
        0,
        f"{out}: {FILE}, {copy}\n",
    )
    assert {"2 trainings", f"{copy}, train_score", f"{copy}: dev_error"} <= set(words(out))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no output: pass -o OUT, a file whose name ends in .png or .svg or .pdf"),
        (["-o", "x.gif"], "the name of the output must end in .png or .svg or .pdf, got 'x.gif'"),
        (["-o", "png"], "the name of the output must end in .png or .svg or .pdf, got 'png'"),
        (["-o", "x.png", "-k", "dev_scor"], "no epoch has the error 'dev_scor'; did you mean 'dev_score'?"),
    ],
)
def test_plot_refuses_in_one_line(run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert run("plot", FILE, *arguments) == (2, "", f"lrsched: error: {message}\n")
    assert list(tmp_path.iterdir()) == []


def test_report_refuses_in_one_line(run):
    for arguments, message in (
        ([], "no output: pass -o OUT, a file whose name ends in .html"),
        (["-o", "x.pdf"], "the name of the output must end in .html, got 'x.pdf'"),
    ):
        assert run("report", FILE, *arguments) == (2, "", f"lrsched: error: {message}\n")


def test_what_is_there_stays_where_nothing_can_be_written(run, tmp_path):
    out = tmp_path / "nowhere" / "x.png"
    assert run("plot", FILE, "-o", out)[::2] == (3, f"lrsched: error: [Errno 2] its folder is not there: '{out}'\n")
    folder = tmp_path / "x.html"
    folder.mkdir()
    assert run("report", FILE, "-o", folder)[0] == 3
    code, _, err = run("plot", tmp_path / "missing", "-o", tmp_path / "x.png")
    assert (code, "missing" in err) == (3, True)
    assert [path.name for path in tmp_path.iterdir()] == ["x.html"]


def test_a_link_and_the_rights_of_what_was_there_stay(run, tmp_path):
    target, link = tmp_path / "target.svg", tmp_path / "link.svg"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    assert run("plot", FILE, "-o", link)[0] == 0
    assert link.is_symlink()
    assert target.read_bytes().startswith(b"<?xml")
    assert target.stat().st_mode & 0o777 == 0o600


def test_report_has_everything(run, tmp_path, other):
    out = tmp_path / "report.html"
    assert run("report", FILE, "-o", out, "-c", CONFIG, "--compare", other) == (0, f"{out}: {FILE}\n", "")
    page = out.read_text(encoding="utf-8")
    assert "<strong>other.json, free replay</strong>: from epoch 3 on" in page
    assert "<dt>newbob_learning_rate_decay</dt><dd>0.5</dd>" in page
    assert "30 of 30 are the recorded ones, exactly" in page


def test_a_name_that_is_no_text_breaks_nothing(run, tmp_path):
    name = os.fsdecode(b"<b>\xff\n$x^2$")
    file = tmp_path / name
    FileStorage(file).save(History({1: EpochData(learning_rate=0.1, error={"a$": 1.0})}))
    for command, out in (("plot", tmp_path / "x.svg"), ("report", tmp_path / "x.html")):
        assert run(command, file, "-o", out)[0] == 0
        assert "&lt;b&gt;\\udcff\\n$x^2$" in out.read_text(encoding="utf-8")


def test_show_draws_in_the_terminal(run, monkeypatch):
    monkeypatch.setenv("LINES", "30")
    code, out, err = run("show", FILE, "--plot", "--key", "train_error", columns=100)
    title, *drawing = out.splitlines()
    assert (code, err, title) == (0, "", str(FILE))
    assert len(drawing) == 28
    assert drawing[0] == "train_error"
    assert 90 < max(map(len, drawing)) <= 100
    assert out.replace("\n", "").isprintable()


def test_show_draws_or_prints_json(run):
    message = "lrsched: error: --plot draws in the terminal; leave it out, or --json and --output\n"
    for options in (["--json"], ["-o", "p.csv"]):
        assert run("show", FILE, "--plot", *options) == (2, "", message)


def test_show_draws_the_error_that_counts(run):
    options = ["-s", "learning_rate_control=newbob", "-s", "learning_rate_control_error_measure=train_error"]
    assert run("show", FILE, "--plot", *options)[1].splitlines()[1].strip() == "train_error"


def test_show_draws_in_ascii_where_nothing_else_can_be_printed():
    code = f"from lrsched.cli import main; main(['show', {str(FILE)!r}, '--plot', '-k', 'train_error'])"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    drawing = done.stdout.decode("ascii")
    assert drawing.splitlines()[1] == "train_error"
    assert drawing.count("*") > 40
    assert "0.1+" in drawing
    assert "\\" not in drawing


def test_show_draws_as_large_as_a_real_terminal():
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
    code = f"from lrsched.cli import main; main(['show', {str(FILE)!r}, '--plot'])"
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        read = b""
        while chunk := _read(ours):
            read += chunk
    os.close(ours)
    assert process.returncode == 0
    lines = read.decode().replace("\r", "").splitlines()
    drawing = lines[lines.index("dev_score") :]
    assert len(drawing) == 18
    assert 50 < max(map(len, drawing)) <= 60


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side is closed
        return b""


@pytest.mark.parametrize(
    ("library", "arguments"),
    [
        ("matplotlib", ["plot", FILE, "-o", "x.png"]),
        ("jinja2", ["report", FILE, "-o", "x.html"]),
        ("plotext", ["show", FILE, "--plot"]),
    ],
)
def test_a_missing_library_is_named(run, monkeypatch, tmp_path, library, arguments):
    from lrsched.pictures import page

    page._template.cache_clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    code, _, err = run(*arguments)
    assert code == 2
    assert err.lower().startswith(f"lrsched: error: this needs {library}")
    assert err.endswith("pip install '.[plot]' in a checkout of lrsched installs it\n")


def test_the_commands_are_there(capsys):
    for command in ("plot", "report"):
        with pytest.raises(SystemExit) as stopped:
            main([command, "--help"])
        assert stopped.value.code == 0
        assert "--compare" in capsys.readouterr().out


def test_nothing_is_left_beside_what_was_there_where_the_disk_is_full(run, tmp_path, monkeypatch):
    out = tmp_path / "x.svg"
    out.write_text("old")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert run("plot", FILE, "-o", out) == (3, "", f"lrsched: error: [Errno 28] No space left on device: '{out}'\n")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x.svg", "old")]


def test_a_device_is_not_replaced_by_a_picture(run, tmp_path):
    out = tmp_path / "x.svg"
    os.mkfifo(out)
    code, _, err = run("plot", FILE, "-o", out)
    assert (code, out.is_fifo()) == (3, True)
    assert "it is a folder, a device or a pipe, and no file" in err


def test_the_options_hold_for_the_marked_and_for_the_compared_schedules(run, tmp_path):
    file, out, config = tmp_path / "learning_rates", tmp_path / "x.svg", tmp_path / "c.py"
    errors = [1.0, float("nan"), 0.5]
    history = {e: EpochData(learning_rate=0.5, error={"dev_score": error}) for e, error in enumerate(errors, 1)}
    FileStorage(file).save(History(history))
    config.write_text(
        "import os\nlearning_rate_control, learning_rate = 'newbob', .5\npretrain_learning_rate=os.getpid()**0/4\n"
    )

    def told(*options):
        for given in (("--config", config), ("--compare", config)):
            assert run("plot", file, "-o", out, *given, "--exec-config", *options)[0] == 0
            yield " ".join(words(out))

    marked, compared = told()
    assert "1 of 3 rates are not the recorded ones, the first at epoch 3" in marked
    assert "from epoch 3 on" in compared
    marked, compared = told("--non-finite", "keep")
    assert "not the recorded ones" not in marked
    assert "every rate is the recorded one" in compared
    marked, compared = told("--pretrain-epochs", "1")
    assert "the first at epoch 1" in marked
    assert "from epoch 1 on" in compared


def test_an_error_that_only_a_later_file_has_can_be_drawn(run, tmp_path):
    other, out = tmp_path / "learning_rates", tmp_path / "x.svg"
    FileStorage(other).save(History({1: EpochData(learning_rate=0.1, error={"other": 1.0})}))
    assert run("plot", FILE, other, "-o", out, "-k", "other")[0] == 0
    assert "other" in words(out)
