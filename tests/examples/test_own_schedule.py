"""The example of a schedule of one's own: a project apart, with pytest and no plugin."""

import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_schedule"
SOME = [f"test_schedules.py::test_schedules[StepDecay-{law}]" for law in ("causal", "min_learning_rate")]


def test_its_tests_pass_and_fail_where_a_law_is_broken(tmp_path):
    for each in EXAMPLE.glob("*.py"):
        shutil.copy(each, tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", *SOME]  # .ci/run runs all, with an installed wheel
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout
    assert "2 passed" in said.stdout
    source = (tmp_path / "schedules.py").read_text()
    (tmp_path / "schedules.py").write_text(source.replace("**halvings, least)", "**halvings, 0.0)"))
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert f"FAILED {SOME[-1]}" in said.stdout
    assert "assert laws.min_learning_rate(StepDecay(), past)" in said.stdout
