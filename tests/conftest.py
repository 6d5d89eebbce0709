"""Hypothesis profiles, and the recorded trainings."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

gc.set_threshold(100_000, 20, 100)  # with torch in memory, the collector would take a tenth of the time
_ROOT = Path(__file__).resolve().parent.parent

_COMMON = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fixed", derandomize=True, **_COMMON)  # the same examples in each run, here and in CI
settings.register_profile("quick", derandomize=True, max_examples=10, **_COMMON)
settings.register_profile("random", **_COMMON)
settings.register_profile("mutants", derandomize=True, phases=[Phase.explicit, Phase.generate], **_COMMON)
settings.register_profile("deep", max_examples=5000, **_COMMON)
settings.register_profile("soak", max_examples=20_000, **_COMMON)
_PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "fixed")
settings.load_profile(_PROFILE)
collect_ignore = [] if _PROFILE == "deep" else ["drop_in/test_training.py"]  # half a minute of RETURNN's own training


def corpus_folders():
    """The folders of the recorded trainings; none where the corpus is not there."""
    root = Path(os.environ.get("LRSCHED_CORPUS") or _ROOT.parent / "shared" / "corpus")
    return sorted(path.parent for path in root.glob("*/case.json"))


@pytest.fixture(scope="session")
def corpus():
    folders = corpus_folders()
    if not folders:
        pytest.skip("no recorded trainings: set LRSCHED_CORPUS to the folder that holds them")
    return folders
