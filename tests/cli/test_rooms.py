"""The way of a file's name through ``lrsched show FILE``: down through the rooms, once."""

import json
import subprocess
import sys
from itertools import groupby

import pytest

from lrsched import EpochData, FileStorage, History

TRACED = """
import json, sys
import lrsched.cli.show
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
    imported = sorted({name.split(".")[1] for name in sys.modules if name.startswith("lrsched.")})
    print(json.dumps([rooms, imported, "numpy" in sys.modules]), file=sys.stderr)
"""


def _traced(*arguments):
    """The room of each call, the rooms that were imported, and whether NumPy was."""
    command = [sys.executable, "-c", TRACED, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize("options", [[], ["--json"], ["--key", "a"], ["--exact"]])
@pytest.mark.parametrize("name", ["learning_rates", "run.json"])
def test_show_goes_down_once(tmp_path, name, options):
    FileStorage(tmp_path / name).save(History({1: EpochData(learning_rate=0.5, error={"a": 1.0})}))
    rooms, imported, numpy = _traced("show", tmp_path / name, *options)
    assert not numpy
    assert {*imported} - {"lazy"} == {"cli", "core", "errors", "formats", "report", "storage"}
    way = [room for room, _ in groupby(room for room in rooms if room not in ("cli", "core"))]
    assert way == ["storage", "formats", "storage", "report"]  # cli asks each of them, and all use the core
    from_formats = rooms[rooms.index("formats") :]
    assert from_formats.index("core") < from_formats.index("report")
    assert (rooms[0], rooms[-1]) == ("cli", "cli")
