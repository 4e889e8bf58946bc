"""The chapter's network: a scalar function of four numbers, all overhead."""

from __future__ import annotations

from typing import Any

import chainrule as cr
from benchmarks.workload import Workload

POINT = (-1.0, 0.0, -2.0, 1.0)


def network(w: Any, x: Any, y: Any, z: Any) -> Any:
    """F = (u + v)², u = (a + b)², v = (a - b)², a = (w + x + y + z)², b = (w + x - y - z)²."""
    a, b = (w + x + y + z) ** 2, (w + x - y - z) ** 2
    u, v = (a + b) ** 2, (a - b) ** 2
    return (u + v) ** 2


def ours() -> Any:
    gradient = cr.grad(network, (0, 1, 2, 3))
    return lambda: gradient(*POINT)


def with_autograd() -> Any:
    from autograd import grad

    gradient = grad(network, (0, 1, 2, 3))
    return lambda: gradient(*POINT)


WORKLOADS = [Workload("network", ours, {"autograd": with_autograd})]
