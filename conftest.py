"""The code blocks of the README and the documentation are tests: each page runs from top to bottom in a folder."""

import doctest
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

collect_ignore_glob = ["docs/*.py", "tests/typing/*"]  # scripts, and what mypy reads

_CHECKER = doctest.OutputChecker()
_PROGRAMS = Path(sys.executable).parent


def _run_console(example):
    """``$ command`` lines, each followed by what it prints; ``...`` stands for anything."""
    for block in ("\n" + example.parsed).split("\n$ ")[1:]:
        command, _, expected = block.partition("\n")
        environment = {**os.environ, "PATH": f"{_PROGRAMS}:{os.environ['PATH']}", "COLUMNS": "80"}
        done = subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        printed = "\n".join(line.rstrip() for line in (done.stdout + done.stderr).splitlines()).strip("\n")
        wanted = "\n".join(line.rstrip() for line in expected.splitlines()).strip("\n")
        if not _CHECKER.check_output(wanted + "\n", printed + "\n", doctest.ELLIPSIS):
            return f"{shlex.quote(command)} printed\n{printed}\ninstead of\n{wanted}"
    return None


class _PythonParser(PythonCodeBlockParser):
    """Python blocks. One that begins with the name of a file, as in ``# schedules.py``, becomes that file."""

    def __call__(self, document):
        for region in super().__call__(document):
            first, _, _ = str(region.parsed).partition("\n")
            if first.startswith("# ") and first.endswith(".py"):
                region.evaluator = _write_file
            yield region


def _write_file(example):
    name, _, _ = example.parsed.removeprefix("# ").partition("\n")
    Path(name).write_text(example.parsed, encoding="utf-8")


def _enter_a_folder(namespace):
    namespace["_back"], namespace["_folder"] = Path.cwd(), tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)
    sys.path.insert(0, namespace["_folder"].name)


def _leave_it(namespace):
    folder = namespace["_folder"].name
    os.chdir(namespace["_back"])
    sys.path.remove(folder)
    for name in [name for name, module in [*sys.modules.items()] if folder in str(getattr(module, "__file__", ""))]:
        del sys.modules[name]
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[_PythonParser(), CodeBlockParser(language="console", evaluator=_run_console), SkipParser()],
    patterns=["*.md"],
    excludes=["docs/_build/*"],
    setup=_enter_a_folder,
    teardown=_leave_it,
).pytest()
