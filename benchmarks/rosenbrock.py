"""Rosenbrock's function of n variables: slices and small elementwise work."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.workload import Workload


def rosenbrock(x: Any) -> Any:
    """Sum of 100 (x[i+1] - x[i]²)² + (1 - x[i])²."""
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def _workload(n: int) -> Workload:
    point = np.linspace(-1.0, 1.0, n)

    def ours() -> Any:
        gradient = cr.grad(rosenbrock)
        return lambda: gradient(point)

    def with_autograd() -> Any:
        import autograd.numpy as anp
        from autograd import grad

        gradient = grad(lambda x: anp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2))
        return lambda: gradient(point)

    return Workload(f"rosenbrock-{n}", ours, {"autograd": with_autograd})


WORKLOADS = [_workload(100)]
