"""Every NumPy function on variables: NumPy's values, and the derivatives that `grad` and differences give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.trace.array import Array
from tests.oracles import numeric_gradient, richardson, tolerance
from tests.trace.test_numpy_functions import CALLS, IDS, draw


def size_of(*arrays):
    return max([1.0, *[np.abs(array).max(initial=0.0) for array in arrays]])


def first_rows():
    """One row for each function: the others differ in keywords, which the same code reads for every kind of handle."""
    seen = set()
    for call, name in zip(CALLS, IDS, strict=True):
        if call.function not in seen:
            seen.add(call.function)
            yield pytest.param(call, id=name)


each_function = pytest.mark.parametrize("call", list(first_rows()))


@each_function
def test_values_are_numpys(call, rng):
    point = draw(rng, call)
    for dtype in ("f8", "f4"):
        x = point.astype(dtype)
        expected = np.asarray(call.call(x))
        result = call.call(cr.variable(x))
        assert isinstance(result, Array)
        assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
        assert (np.shape(result.value), np.asarray(result.value).dtype) == (expected.shape, expected.dtype)
        allowed = tolerance(expected.dtype, call.condition) * size_of(expected)
        np.testing.assert_allclose(result.value, expected, rtol=0, atol=allowed)


@each_function
def test_backward_is_grad_and_the_limit_of_differences(call, rng):
    x = draw(rng, call)
    weights = rng.standard_normal(np.shape(call.call(x)))
    expected = cr.grad(lambda y: np.sum(call.call(y) * weights))(x)
    v, w = cr.variable(x), cr.variable(x)
    result = np.sum(call.call(v) * weights)
    allowed = tolerance(float, call.condition) * size_of(expected)
    np.testing.assert_allclose(cr.gradients(result, v), expected, rtol=0, atol=allowed)
    result.backward()
    call.call(w).backward(weights)
    for gradient in (v.grad, w.grad):
        assert (gradient.shape, gradient.dtype) == (np.shape(expected), np.asarray(expected).dtype)
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=allowed)

    direction = rng.standard_normal(call.shape)[()]
    # A step stays within the interval, so that no maximum, mask or order changes on the way.
    step = (call.interval[1] - call.interval[0]) / (16 * max(1, x.size) * max(1.0, np.abs(x).max()))
    slope, error = richardson(lambda y: np.sum(call.call(y) * weights), x, direction, step=step)
    allowed = tolerance(float, call.condition, terms=max(1, x.size)) * size_of(slope, expected) + 4 * float(error)
    assert allowed < tolerance(float, condition=1e7) * size_of(slope)
    np.testing.assert_allclose(np.sum(v.grad.value * direction), slope, rtol=0, atol=allowed)


def helix(x):
    r = np.sqrt(x[0] ** 2 + x[1] ** 2)
    return np.arctan2(x[1], x[0]) * r + np.exp(-r) * x[2]


def network(x):
    hidden = np.tanh(np.outer(x, x) @ np.linspace(-1, 1, x.shape[0]) + 0.1)
    return np.log(np.sum(np.exp(hidden))) - hidden[0]


def branches(x):
    total = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            total = total + np.log(x[k]) * x[k - 1]
        elif float(x[k]) < -1:
            total += x[k] ** 3
        else:
            total -= np.sin(x[k]) * int(x[k] * 10)
    return total


def masks(x):
    positive = x[x > 0]
    order = np.argsort(x)
    return np.sum(positive**2) * x[[0, 0, 1]].sum() + x[order[-1]] * x[order][0]


def in_place(x):
    y = x * 2.0
    y[0] = 7.0
    y[1:] += y[:-1] * x[0]
    z = y.T
    z[2] = x[1] * x[0]
    y *= np.cos(x)
    return np.sum(y * z)


def rank_one(x):
    return (
        np.linalg.slogdet(np.eye(3) * 4 + np.outer(x, x))[1]
        + np.linalg.norm(x) * np.linalg.solve(np.eye(3) * 3 + np.outer(x, x), x).sum()
    )


PROGRAMS = {f.__name__: f for f in (helix, network, branches, masks, in_place, rank_one)}
POINT = np.array([0.7, -1.3, 0.45])


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_programs_against_differences(program):
    v = cr.variable(POINT)
    result = program(v)
    assert float(result) == pytest.approx(float(program(POINT.copy())), rel=tolerance(float))
    expected = numeric_gradient(program, POINT)
    result.backward()
    # Differences of a smooth function by extrapolation keep some ten digits.
    allowed = tolerance(float, condition=1e5) * size_of(expected)
    np.testing.assert_allclose(v.grad, expected, rtol=0, atol=allowed)


STEPS = {
    "sin": np.sin,
    "square": np.square,
    "tanh": np.tanh,
    "reverse": lambda x: x[::-1],
    "outer": lambda x: np.outer(x, x)[0],
    "scaled": lambda x: 0.3 * x,
    "mean": lambda x: x - np.mean(x),
    "sum": lambda x: x * np.sum(x),
    "exp": lambda x: np.exp(-(x**2)),
    "mask": lambda x: np.where(x > 0.1, x, 0.5 * x),
    "shift": lambda x: np.concatenate([x[1:], x[:1] * 2]),
    "divide": lambda x: x / (1 + x * x),
}


@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_random_programs_agree_with_grad(names, seed):
    x = np.random.default_rng(seed).uniform(-1, 1, 4)

    def f(y):
        for name in names:
            y = STEPS[name](y)
        return np.sum(y * np.arange(1.0, 5.0))

    expected = cr.grad(f)(x)
    v = cr.variable(x)
    f(v).backward()
    np.testing.assert_allclose(v.grad, expected, rtol=0, atol=tolerance(float, condition=1000) * size_of(expected))


def test_second_derivatives_through_recorded_gradients(rng):
    x = rng.standard_normal(4)

    def f(y):
        return np.sum(np.sin(y) * y[::-1]) ** 2 + np.exp(y[0] * y[1])

    direction = rng.standard_normal(4)
    v = cr.variable(x)
    slope = cr.gradients(f(v), v, create_graph=True)
    np.testing.assert_allclose(slope.value, cr.grad(f)(x), rtol=tolerance(float, condition=100))
    product = cr.gradients(np.sum(slope * direction), v)
    np.testing.assert_allclose(product, cr.hessian(f)(x) @ direction, rtol=tolerance(float, condition=1000))
    np.sum(slope * direction).backward()
    np.testing.assert_allclose(v.grad, product, rtol=tolerance(float, condition=1000))
