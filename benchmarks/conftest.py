"""Measure ours and a peer in the same rounds, and say the ratios at the end."""

import gc
import statistics
import time

import pytest

_ROWS = pytest.StashKey()


def pytest_configure(config):
    config.stash[_ROWS] = []


@pytest.fixture
def against(benchmark, request):
    """Measure ours against a peer: both in each round, so that a machine that is busy for a while is so for both.

    ``ours()`` and ``peer()`` make a function, not measured, that is measured then. With benchmarks enabled the medians'
    ratio must not exceed ``law``; otherwise both run once.
    """

    def measure(name, ours, peer, *, law, rounds):
        peer_seconds = []

        def setup():
            run = peer()
            start = time.perf_counter()
            run()
            peer_seconds.append(time.perf_counter() - start)
            return (ours(),), {}

        gc.collect()
        gc.disable()  # its pauses are reported apart
        try:
            benchmark.pedantic(lambda run: run(), setup=setup, rounds=rounds, warmup_rounds=max(1, rounds // 10))
        finally:
            gc.enable()
        if not benchmark.enabled:
            return
        our_seconds, their_seconds = benchmark.stats.stats.median, statistics.median(peer_seconds)
        ratio = our_seconds / their_seconds
        benchmark.extra_info.update(peer_median=their_seconds, ratio=ratio, law=law)
        request.config.stash[_ROWS].append((name, our_seconds, their_seconds, ratio, law))
        assert ratio <= law, f"{name}: {ratio:.2f} times the peer's time, at most {law} is the law"

    return measure


@pytest.fixture
def within(benchmark, request):
    """Measure ours against the clock: with benchmarks enabled ``run()`` must not take longer than ``seconds``.

    The fastest round counts: there is no peer to be slowed down with it by what else the machine does.
    """

    def measure(name, run, *, seconds, rounds):
        benchmark.pedantic(run, rounds=rounds, warmup_rounds=1)
        if not benchmark.enabled:
            return
        took = benchmark.stats.stats.min
        request.config.stash[_ROWS].append((f"{name} (peer: {seconds:g} s)", took, seconds, took / seconds, 1.0))
        assert took <= seconds, f"{name}: {took:.2f} s, at most {seconds:g} s is the law"

    return measure


@pytest.fixture
def report(request):
    """Say a measurement that has no law at the end."""
    return lambda *row: request.config.stash[_ROWS].append((*row, None))


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash[_ROWS]
    if not rows:
        return
    width = max(len(name) for name, *_ in rows)
    terminalreporter.section("medians in milliseconds, and their ratios")
    terminalreporter.line(f"{'':{width}}{'ours':>10}{'peer':>10}{'ratio':>8}{'law':>7}")
    for name, ours, theirs, ratio, law in rows:
        told = "" if law is None else f"{law:7.2f}{'' if ratio <= law else '  BROKEN'}"
        terminalreporter.line(f"{name:{width}}{1e3 * ours:10.4f}{1e3 * theirs:10.4f}{ratio:8.2f}{told}")
