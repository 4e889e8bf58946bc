"""A network of three layers: matrix products and tanh on a batch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.workload import Workload

SIZES = (50, 64, 64, 1)
BATCH = 256


def _loss(numpy: Any, x: Any, y: Any) -> Any:
    def loss(weights: Any) -> Any:
        hidden = numpy.tanh(numpy.dot(x, weights[0]))
        hidden = numpy.tanh(numpy.dot(hidden, weights[1]))
        return numpy.mean((numpy.dot(hidden, weights[2])[:, 0] - y) ** 2)

    return loss


def _data() -> Any:
    rng = np.random.default_rng(0)
    weights = [0.1 * rng.normal(size=shape) for shape in pairwise(SIZES)]
    return rng.normal(size=(BATCH, SIZES[0])), rng.normal(size=BATCH), weights


def ours() -> Any:
    x, y, weights = _data()
    gradient = cr.grad(_loss(np, x, y))
    return lambda: gradient(weights)


def with_autograd() -> Any:
    import autograd.numpy as anp
    from autograd import grad

    x, y, weights = _data()
    gradient = grad(_loss(anp, x, y))
    return lambda: gradient(weights)


WORKLOADS = [Workload("layers-3", ours, {"autograd": with_autograd})]
