"""What a workload is, and how two libraries are timed against each other."""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Rounds of timing; in each, every library runs in turn, so that drift of the machine hits all alike.
ROUNDS = 15
# A round runs a function until it has taken at least this long.
ROUND_SECONDS = 0.02


@dataclass(frozen=True)
class Workload:
    """A gradient, computed by chainrule and by peers from the same data.

    Attributes
    ----------
    name : str
    ours : callable
        Makes the function to time, ``() -> result``.
    peers : dict
        For each peer, by the name of its package, a maker like `ours`.
    """

    name: str
    ours: Callable[[], Callable[[], Any]]
    peers: dict[str, Callable[[], Callable[[], Any]]] = field(default_factory=dict)


def available(package: str) -> bool:
    """Whether a peer is installed."""
    return importlib.util.find_spec(package) is not None


def as_vector(result: Any) -> np.ndarray:
    """A result of any library as one vector, for comparison."""
    parts = result if isinstance(result, tuple | list) else [result]
    return np.concatenate([np.ravel(np.asarray(part)) for part in parts])


def measure(workload: Workload) -> list[dict[str, Any]]:
    """Median times and ratios of one workload, one row for each peer that is installed."""
    start = time.perf_counter()
    ours = workload.ours()
    expected = as_vector(ours())
    first = time.perf_counter() - start
    rows = []
    for package, make in workload.peers.items():
        if not available(package):
            rows.append({"workload": workload.name, "peer": package, "missing": True})
            continue
        start = time.perf_counter()
        theirs = make()
        found = as_vector(theirs())
        their_first = time.perf_counter() - start
        np.testing.assert_allclose(expected, found, rtol=1e-9, atol=1e-12)
        our_times, their_times = _interleaved(ours, theirs)
        ratios = [a / b for a, b in zip(our_times, their_times, strict=True)]
        rows.append(
            {
                "workload": workload.name,
                "peer": package,
                "missing": False,
                "ours_us": 1e6 * statistics.median(our_times),
                "peer_us": 1e6 * statistics.median(their_times),
                "ratio": statistics.median(ratios),
                "first_ms": 1e3 * first,
                "peer_first_ms": 1e3 * their_first,
            }
        )
    return rows


def _interleaved(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[list[float], list[float]]:
    counts = [_repeats(ours), _repeats(theirs)]
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for function, count, record in zip((ours, theirs), counts, times, strict=True):
            start = time.perf_counter()
            for _ in range(count):
                function()
            record.append((time.perf_counter() - start) / count)
    return times


def _repeats(function: Callable[[], Any]) -> int:
    function()
    start = time.perf_counter()
    function()
    return max(1, int(ROUND_SECONDS / max(time.perf_counter() - start, 1e-7)))
