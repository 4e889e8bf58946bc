"""Logistic regression: the gradient of the loss on a data matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.workload import Workload


def _workload(rows: int, columns: int) -> Workload:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, columns))
    y = np.sign(rng.normal(size=rows))
    w = 0.1 * rng.normal(size=columns)

    def ours() -> Any:
        gradient = cr.grad(lambda w: np.sum(np.log(1 + np.exp(-y * (X @ w)))))
        return lambda: gradient(w)

    def with_autograd() -> Any:
        import autograd.numpy as anp
        from autograd import grad

        gradient = grad(lambda w: anp.sum(anp.log(1 + anp.exp(-y * anp.dot(X, w)))))
        return lambda: gradient(w)

    return Workload(f"logistic-{rows}x{columns}", ours, {"autograd": with_autograd})


WORKLOADS = [_workload(10_000, 50)]
