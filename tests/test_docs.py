"""What of the documentation is generated is current, and the README keeps its promises."""

import importlib.util
import re
from pathlib import Path

from lrsched.cli import commands
from lrsched.config.settings import known_keys
from lrsched.testing import LAWS

ROOT = Path(__file__).parents[1]


def _generator():
    spec = importlib.util.spec_from_file_location("generate_cli", ROOT / "docs" / "generate_cli.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_of_the_command_line_is_current():
    """If not: python docs/generate_cli.py."""
    assert (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8") == _generator().page()


def test_every_command_is_documented():
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for name in commands():
        assert f"## lrsched {name}\n" in page


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


def test_the_readmes_links_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        if "_build" in page.parts:
            continue
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page, target)
