"""Examples of calls of closed functions and of Python functions."""

import numpy as np
import pytest

from chainrule.core.aval import FLOAT, Aval
from chainrule.core.function import Function
from chainrule.core.leaves import input_node
from chainrule.diff.reverse import pullback
from chainrule.ops import arithmetic, calls, elementwise
from chainrule.ops.contractions import matmul
from tests.ops.laws import OpCase, evaluated, laws, nodes, reals


def inner(dtype):
    """sin(x) * y and exp(x), of two vectors."""
    x, y = nodes((3,), (3,), dtype=dtype)
    return Function([x, y], [arithmetic.multiply(elementwise.sin(x), y), elementwise.exp(x)])


def pushforward_of_inner(dtype):
    x, y, dx, dy = nodes((3,), (3,), (3,), (3,), dtype=dtype)
    first = arithmetic.add(
        arithmetic.multiply(arithmetic.multiply(elementwise.cos(x), y), dx),
        arithmetic.multiply(elementwise.sin(x), dy),
    )
    return Function([x, y, dx, dy], [first, arithmetic.multiply(elementwise.exp(x), dx)])


def pullback_of_inner(dtype):
    x, y, u, v = nodes((3,), (3,), (3,), (3,), dtype=dtype)
    by_x = arithmetic.add(
        arithmetic.multiply(arithmetic.multiply(elementwise.cos(x), y), u),
        arithmetic.multiply(elementwise.exp(x), v),
    )
    return Function([x, y, u, v], [by_x, arithmetic.multiply(elementwise.sin(x), u)])


def called(given):
    """The door of a call with the derivatives named in `given`."""

    def door(x, y):
        dtype = x.dtype
        forward = pushforward_of_inner(dtype) if "pushforward" in given else None
        backward = pullback_of_inner(dtype) if "pullback" in given else None
        return calls.call(inner(dtype), [x, y], forward, backward)

    return door


def smooth(x, y):
    """A Python function of a vector and a matrix."""
    return np.tanh(x @ y)


CASES = [
    *[
        OpCase(
            "call",
            called(given),
            (reals(3), reals(3)),
            lambda x, y: (np.sin(x) * y, np.exp(x)),
            note=" and ".join(given) or "plain",
            analytic=True,
        )
        for given in ((), ("pushforward",), ("pullback",), ("pushforward", "pullback"))
    ],
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


HOST = calls.HostFunction(smooth, (2,))
