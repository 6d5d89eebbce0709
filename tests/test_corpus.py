"""Recorded public trainings: the settings, replayed over the recorded errors, give the recorded rates bit for bit."""

import json

import pytest

from lrsched import read
from lrsched.cli import main
from lrsched.formats.text import TEXT

pytestmark = pytest.mark.filterwarnings("ignore::lrsched.errors.MeasureWarning")  # some keys come and go


def _options(case):
    yield from ("--pretrain-epochs", str(case["pretrain_epochs"]))
    if case["override_epochs"]:
        yield from ("--override", ",".join(map(str, case["override_epochs"])))


def test_verify_reproduces_every_recorded_training(corpus, tmp_path, capsys):
    config = tmp_path / "config.json"
    for folder in corpus:
        case = json.loads((folder / "case.json").read_text())
        config.write_text(json.dumps(case["settings"]))
        with pytest.raises(SystemExit) as stopped:
            main(["verify", str(folder / "learning_rates"), "--config", str(config), *_options(case)])
        printed = " ".join(capsys.readouterr().out.split())
        assert stopped.value.code == 0, printed
        assert f"all {case['epochs']} epochs are reproduced exactly" in printed


def test_a_wrong_setting_is_found_out(corpus, tmp_path):
    """The check above can fail: in nearly every training another decay leaves traces."""
    config = tmp_path / "config.json"
    found_out = 0
    for folder in corpus:
        case = json.loads((folder / "case.json").read_text())
        config.write_text(json.dumps(case["settings"] | {"newbob_learning_rate_decay": 0.123}))
        with pytest.raises(SystemExit) as stopped:
            main(["verify", str(folder / "learning_rates"), "--config", str(config), *_options(case)])
        found_out += stopped.value.code == 1
    assert found_out >= 0.8 * len(corpus)


def test_the_text_of_every_recorded_training_reads_back(corpus):
    for folder in corpus:
        history = read(folder / "learning_rates")
        rendered = TEXT.render(history)
        assert TEXT.parse(rendered) == history
        original = (folder / "learning_rates").read_text(encoding="utf-8")
        if len(original) == len(rendered):  # not so where Python 2 wrote 17 digits, or a bare inf
            assert rendered == original
