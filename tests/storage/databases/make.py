"""Writes a database of the current version beside itself, for the tests of later ones. Run it once for each release."""

import math
from pathlib import Path

from lrsched import EpochData, History, SqliteStorage
from lrsched.storage.schema import VERSION

HISTORY = History(
    {
        1: EpochData(learning_rate=0.1, error={"dev_score": 1.5, "nan": math.nan, "int": 3}, meta={"gpu": ("a", 1)}),
        2: EpochData(learning_rate=-0.0, error={"dev_score": -math.inf}),
        7: EpochData(),
    }
)
"""The run "a" of each of them; the run "b" is empty."""

if __name__ == "__main__":
    path = Path(__file__).with_name(f"version_{VERSION}.db")
    SqliteStorage(path, "a").save(HISTORY)
    SqliteStorage(path, "b").save(History())
