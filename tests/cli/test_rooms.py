"""The way of a file's name through ``lrsched show FILE``: down through the rooms, once."""

import json
import subprocess
import sys
from itertools import groupby

import pytest

from lrsched import EpochData, FileStorage, History

TRACED = """
import json, sys
import lrsched.cli
rooms = []

def note(frame, event, _):
    module = frame.f_globals.get("__name__", "")
    if event == "call" and module.startswith("lrsched.") and frame.f_code.co_name != "<module>":
        rooms.append(module.split(".")[1])

sys.setprofile(note)
try:
    lrsched.cli.main(sys.argv[1:])
finally:
    sys.setprofile(None)
    print(json.dumps([rooms, [*sys.modules]]), file=sys.stderr)
"""


LIBRARIES = {"attr", "attrs", "click", "pyrsistent"}
OPTIONAL = {"lrsched", "pvectorc", "sitecustomize"}  # pyrsistent has its part in C for some versions of Python only
ROOMS = {"cli", "core", "errors", "formats", "report", "storage"}
SHARED = {"loading", "options", "output", "parameters"}


def _traced(*arguments):
    """The room of each call, the modules of lrsched that were imported, and the other libraries that were."""
    command = [sys.executable, "-c", TRACED, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rooms, imported = json.loads(done.stderr.splitlines()[-1])
    ours = {name.removeprefix("lrsched.") for name in imported if name.startswith("lrsched.")}
    libraries = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    return rooms, ours, {name for name in libraries if not name.startswith("_")} - OPTIONAL


@pytest.mark.parametrize("options", [[], ["--json"], ["--key", "a"], ["--exact"]])
@pytest.mark.parametrize("name", ["learning_rates", "run.json"])
def test_show_goes_down_once(tmp_path, name, options):
    FileStorage(tmp_path / name).save(History({1: EpochData(learning_rate=0.5, error={"a": 1.0})}))
    rooms, imported, libraries = _traced("show", tmp_path / name, *options)
    assert libraries == LIBRARIES
    assert {each.partition(".")[0] for each in imported} - {"lazy"} == ROOMS
    assert {each.partition(".")[2] for each in imported if each.startswith("cli.")} == {*SHARED, "show"}
    way = [room for room, _ in groupby(room for room in rooms if room not in ("cli", "core"))]
    assert way == ["storage", "formats", "storage", "report"]  # cli asks each of them, and all use the core
    from_formats = rooms[rooms.index("formats") :]
    assert from_formats.index("core") < from_formats.index("report")
    assert (rooms[0], rooms[-1]) == ("cli", "cli")


def test_the_help_imports_no_command():
    _, imported, libraries = _traced("--help")
    assert libraries == LIBRARIES
    assert {each.partition(".")[2] for each in imported if each.startswith("cli.")} == SHARED
