"""What is asked of every NumPy function that is answered, for a table of calls."""

from typing import NamedTuple

import numpy as np
import pytest

import chainrule as cr
from tests.oracles import richardson, tolerance


class Call(NamedTuple):
    """`call(x)` for an `x` of the given shape, drawn from an interval on which the function is smooth."""

    function: object
    call: object
    shape: tuple = (2, 3)
    interval: tuple = (0.5, 2.0)
    condition: float = 10.0


def parametrized(calls):
    """One test for each call."""
    return pytest.mark.parametrize("call", calls, ids=[f"{call.function.__name__}-{k}" for k, call in enumerate(calls)])


def several(results):
    """All results of a call as one list of arrays."""
    return list(results) if isinstance(results, tuple | list) else [results]


def draw(rng, call):
    """A point in the interval with entries apart from each other and from bounds, so that nothing ties."""
    low, high = call.interval
    size = int(np.prod(call.shape))
    places = (rng.permutation(size) + rng.uniform(0.3, 0.7, size)) / max(size, 1)
    return (low + (high - low) * places).reshape(call.shape)[()]


def require_value(call, dtype, rng):
    """Value, shape and dtype are NumPy's, interpreted and compiled; the kind of the result too."""
    x = draw(rng, call).astype(dtype)
    given = call.call(x)
    expected = [np.asarray(result) for result in several(given)]
    kinds = []

    def traced(y):
        result = call.call(y)
        kinds.append(type(result))
        return several(result)

    for _ in range(2):
        values = cr.vjp(traced, x)[0]
        assert len(values) == len(expected)
        for value, wanted in zip(values, expected, strict=True):
            assert (np.shape(value), value.dtype) == (wanted.shape, wanted.dtype)
            size = max(1.0, np.abs(wanted).max(initial=0.0))
            allowed = tolerance(value.dtype, call.condition) * size
            np.testing.assert_allclose(value, wanted, rtol=0, atol=allowed)
    if isinstance(given, tuple | list):
        assert issubclass(type(given), kinds[0])


def require_derivative(call, rng):
    """Both modes give the limit of differences, for the sum of all results with random weights."""
    x = draw(rng, call)
    direction = rng.standard_normal(call.shape)[()]
    step = (call.interval[1] - call.interval[0]) / (16 * max(1, x.size) * max(1.0, np.abs(x).max()))

    def flat(y):
        return np.concatenate([np.ravel(result * 1.0) for result in several(call.call(y))])

    expected, error = richardson(flat, x, direction, step=step)
    size = max(1.0, np.abs(expected).max(initial=0.0))
    allowed = tolerance(float, call.condition) * size + 4 * np.max(error, initial=0.0)
    assert allowed < tolerance(float, condition=1e6) * size
    weights = rng.standard_normal(expected.shape)
    gradient = cr.grad(lambda y: np.sum(flat(y) * weights))(x)
    np.testing.assert_allclose(np.sum(gradient * direction), weights @ expected, rtol=0, atol=allowed * weights.size)
    np.testing.assert_allclose(cr.jvp(flat, (x,), (direction,))[1], expected, rtol=0, atol=allowed)


def require_float32(call, rng):
    """The gradient of a float32 argument is float32, and near that in float64."""
    x = draw(rng, call).astype("f4")

    def loss(y):
        return sum(np.sum(np.cos(k + 1.0) * result) for k, result in enumerate(several(call.call(y))))

    gradient = cr.grad(loss)(x)
    assert (np.shape(gradient), gradient.dtype) == (call.shape, np.dtype("f4"))
    expected = cr.grad(loss)(x.astype("f8"))
    allowed = tolerance("f4", call.condition) * max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=allowed)
