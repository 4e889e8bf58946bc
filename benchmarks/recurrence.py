"""A recurrence of 1,000 steps in a Python loop: a long, narrow graph."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.workload import Workload

STEPS, WIDTH = 1_000, 16


def _final(numpy: Any, drive: Any) -> Any:
    def final(weights: Any) -> Any:
        state = np.zeros(WIDTH)
        for step in range(STEPS):
            state = numpy.tanh(numpy.dot(weights, state) + drive[step])
        return numpy.sum(state)

    return final


def _data() -> Any:
    rng = np.random.default_rng(0)
    return 0.2 * rng.normal(size=(WIDTH, WIDTH)), rng.normal(size=(STEPS, WIDTH))


def ours() -> Any:
    weights, drive = _data()
    gradient = cr.grad(_final(np, drive))
    return lambda: gradient(weights)


def with_autograd() -> Any:
    import autograd.numpy as anp
    from autograd import grad

    weights, drive = _data()
    gradient = grad(_final(anp, drive))
    return lambda: gradient(weights)


WORKLOADS = [Workload(f"recurrence-{STEPS}", ours, {"autograd": with_autograd})]
