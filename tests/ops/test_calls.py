"""Examples of calls of closed functions and of Python functions."""

import numpy as np

from chainrule.core.aval import FLOAT
from chainrule.core.function import Function
from chainrule.diff.reverse import pullback
from chainrule.ops import arithmetic, calls, elementwise
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
    return np.asarray(np.tanh(x @ y), float)


def doubled_sine(x):
    """A Python function of a number."""
    return np.asarray(2 * np.sin(x), float)[()]


SMOOTH = calls.HostFunction(smooth, (2,))
SINE = calls.HostFunction(doubled_sine, ())

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
    # The derivatives are differences, which amplify roundings; each order anew.
    OpCase(
        "host_call", lambda x, y: calls.host_call(SMOOTH, [x, y]), (reals(3), reals(3, 2)), smooth, condition=2000.0
    ),
    OpCase("host_call", lambda x: calls.host_call(SINE, [x]), (reals(),), doubled_sine, condition=2000.0),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


def test_a_call_is_not_shared_with_what_it_computes():
    x, y = nodes((3,), (3,))
    (product, _) = calls.call(inner(FLOAT), [x, y])
    assert product is not inner(FLOAT).outputs[0]
    assert product is calls.call(inner(FLOAT), [x, y])[0]


def test_given_derivatives_are_believed():
    """A wrong derivative is used as it stands: it is the user's word."""
    x, y, u, v = nodes((3,), (3,), (3,), (3,))
    tenfold = Function([x, y, u, v], [arithmetic.multiply(u, 10.0), arithmetic.multiply(v, 20.0)])
    called = calls.call(inner(FLOAT), [x, y], None, tenfold)
    pulled = pullback(Function([x, y], called), (0, 1))
    values = [np.ones(3), np.ones(3), np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0])]
    by_x, by_y = evaluated(pulled, values)
    assert by_x.tolist() == [10.0, 20.0, 30.0]
    assert by_y.tolist() == [20.0, 0.0, 0.0]


def test_a_python_function_may_keep_and_change_what_it_is_given():
    kept = []

    def greedy(x):
        kept.append(x)
        x += 1
        return x

    (x,) = nodes((3,))
    values = np.zeros(3)
    (result,) = evaluated(Function([x], [calls.host_call(calls.HostFunction(greedy, (3,)), [x])]), [values])
    assert result.tolist() == [1.0, 1.0, 1.0]
    assert values.tolist() == [0.0, 0.0, 0.0]
    kept[0][...] = 7
    assert result.tolist() == [1.0, 1.0, 1.0]


def test_derivatives_of_a_python_function_by_an_empty_operand():
    (x,) = nodes((0,))
    host = calls.HostFunction(lambda x: np.float64(2.0), ())
    pulled = pullback(Function([x], [calls.host_call(host, [x])]), (0,))
    (ct,) = evaluated(pulled, [np.zeros(0), 1.0])
    assert ct.shape == (0,)
