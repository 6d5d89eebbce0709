"""A sweep on a cluster: Dask's executor, two worker processes."""

import numpy as np
from distributed import Client, LocalCluster

from lrsched import EpochData, History
from lrsched.simulation import sweep, sweeping

HISTORY = History({epoch: EpochData(learning_rate=0.1, error={"dev_score": 1.0 / epoch}) for epoch in range(1, 41)})
SPACE = {
    "fixed": {"learning_rate_control": "newbob", "learning_rate": 0.1},
    "grid": {
        "newbob_learning_rate_decay": [0.5, 0.7, 0.9],
        "newbob_relative_error_threshold": [-0.1, -0.05, -0.04, -0.03, 0.0],
    },
}


def test_a_sweep_on_a_cluster_of_two_processes(monkeypatch):
    monkeypatch.setattr(sweeping, "_SHARED_BLOCK", 200)
    here = sweep(SPACE, {"a": HISTORY, "b": HISTORY.before(20)})
    told = []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
        client.get_executor() as executor,
    ):
        there = sweep(
            SPACE, {"a": HISTORY, "b": HISTORY.before(20)}, executor=executor, progress=lambda *done: told.append(done)
        )
        workers = {
            key for key, nbytes in client.run(lambda dask_worker: dask_worker.state.executed_count).items() if nbytes
        }
    assert there.to_json() == here.to_json()
    for name, swept in here.histories.items():
        assert np.array_equal(swept.learning_rates, there.histories[name].learning_rates)
    assert len(told) == 10
    assert told[-1] == (15 * 59, 15 * 59)
    assert len(workers) == 2
