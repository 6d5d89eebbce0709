"""What of the documentation is generated is current, and the README keeps its promises."""

import importlib.util
import re
from pathlib import Path

import pytest

from lrsched import HoldLearningRate
from lrsched.cli import commands
from lrsched.config.settings import known_keys
from lrsched.schedules.kinds import KINDS
from lrsched.testing import LAWS

ROOT = Path(__file__).parents[1]


def _generator(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["cli", "schedules"])
def test_what_is_generated_is_current(name):
    """If not: python docs/generate_NAME.py."""
    page = (ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8")
    assert page == _generator(f"generate_{name}").page()


def test_a_new_kind_is_documented(monkeypatch):
    monkeypatch.setitem(KINDS, "by_hand", HoldLearningRate)
    page = _generator("generate_schedules").page()
    assert "## HoldLearningRate\n" in page
    assert "Name: `by_hand`" in page
    assert "| `min_num_epochs` | `min_num_epochs` | required |" in page


def test_every_command_is_documented():
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for name in commands():
        assert f"### lrsched {name}\n" in page


def test_every_setting_is_documented():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for key in known_keys() - {"learning_rate_file"}:
        assert f"`{key}`" in page, key


def test_the_table_of_the_laws_is_current():
    page = (ROOT / "docs" / "howto" / "write-a-schedule.md").read_text(encoding="utf-8")
    rows = [
        f"| `{law.name}` | {law.says} | "
        f"{'who claims it' if law.claimed else f'who has a `{law.parameter}`' if law.parameter else 'all'} |"
        for law in LAWS.values()
    ]
    assert [line for line in page.splitlines() if line.startswith("| `")] == rows


def test_the_readme_has_exactly_the_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"```sh\n(.*?)\n```", readme, re.DOTALL) == [
        "pip install . && lrsched demo",
        "pip install -e '.[dev]' && pytest",
    ]


def test_no_text_tells_anybody_to_install_from_the_index():
    folders = ("lrsched", "docs", "examples", "tests", "benchmarks", ".ci")
    texts = [*ROOT.glob("*.*"), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    texts = [path for path in texts if path.suffix in (".py", ".md", ".toml", "") and path.is_file()]
    from_index = re.compile(r"""install\s+(?:-\S+\s+)*['"]?(?:lrsched|learning[-_]rate[-_]control)\b""")
    assert len(texts) > 200
    assert from_index.search(f"pip install -U {'lrsched'}[testing]")
    for path in texts:
        assert not from_index.search(path.read_text(encoding="utf-8", errors="ignore")), path


def test_the_readmes_links_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        if "_build" in page.parts:
            continue
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page, target)
