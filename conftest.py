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

collect_ignore_glob = ["docs/*.py"]  # scripts

_CHECKER = doctest.OutputChecker()
_PROGRAMS = Path(sys.executable).parent


def _run_console(example):
    """``$ command`` lines, each followed by what it prints; ``...`` stands for anything."""
    for block in ("\n" + example.parsed).split("\n$ ")[1:]:
        command, _, expected = block.partition("\n")
        environment = {**os.environ, "PATH": f"{_PROGRAMS}:{os.environ['PATH']}", "COLUMNS": "200"}
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


def _enter_a_folder(namespace):
    namespace["_back"], namespace["_folder"] = Path.cwd(), tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)


def _leave_it(namespace):
    os.chdir(namespace["_back"])
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser(language="console", evaluator=_run_console), SkipParser()],
    patterns=["*.md"],
    excludes=["docs/_build/*"],
    setup=_enter_a_folder,
    teardown=_leave_it,
).pytest()
