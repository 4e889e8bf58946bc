"""Programs of Python floats: NumPy's answer to a few units in the last place, infinities and nan included."""

import itertools
import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.cache import CACHE
from chainrule.run.program import Program
from tests.oracles import ULPS, ulp_distance

FUNCTIONS = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "expit": scipy.special.expit,
    "absolute": np.abs,
    "sign": np.sign,
    "negative": np.negative,
    "square": np.square,
    "cube": lambda x: x**3,
    "eighth power": lambda x: x**8,
    "reciprocal": lambda x: 1 / x,
    "inverse square": lambda x: x**-2,
    "ratio": lambda x: (x + 1) / (x - 1),
    "difference": lambda x: x - x,
    "maximum": lambda x: np.maximum(x, 1),
    "minimum": lambda x: np.minimum(1, x),
    "logaddexp": lambda x: np.logaddexp(x, 0.5),
    "where": lambda x: np.where(x > 0, x, 2.0),
    "where of ints": lambda x: np.where(x > 0, 1, x),
    "clip": lambda x: np.clip(x, 0, 1),
    "comparison": lambda x: (x >= 1) * x,
    "logic": lambda x: np.where(np.logical_and(x > -1, np.logical_not(x > 1)), x, -x),
    "inf times zero": lambda x: np.exp(x) * (x * 0.0),
    "overflow in between": lambda x: 1 / np.exp(x * x),
    "nested": lambda x: np.sin(np.exp(-x * x)) / (1 + x * x),
}
POINTS = [
    0.0,
    -0.0,
    0.5,
    -0.5,
    1.0,
    -1.0,
    3.7,
    -8.0,
    30.0,
    710.0,
    -750.0,
    1e-320,
    1e300,
    -1e300,
    math.inf,
    -math.inf,
    math.nan,
]


def programs():
    return [value for (kind, _), (value, _) in CACHE._entries.items() if kind == "program"]


def assert_like_numpy(value, expected):
    assert type(value) is np.float64
    if np.isfinite(expected) and expected != 0:
        assert ulp_distance(value, np.float64(expected)) <= ULPS
    else:
        np.testing.assert_equal(float(value), float(expected))


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_value_is_numpys(f):
    CACHE.clear()
    for x in POINTS * 2:  # interpreted at the first point, compiled from the second on
        with np.errstate(all="ignore"):
            expected = np.float64(f(np.float64(x)))
        assert_like_numpy(cr.vjp(f, x)[0], expected)
    assert any(program.plan.scalar for program in programs())


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_gradient_is_that_of_the_array_program(f):
    """The same derivative, computed on an array with one entry, runs in NumPy."""
    for x in POINTS:
        scalar = cr.grad(f)(x)
        array = cr.grad(lambda y: np.sum(f(y)))(np.array([x]))
        assert type(scalar) is np.float64
        if np.isfinite(array[0]) and array[0] != 0:
            # 1 - tanh(x)² loses digits when it is small: there the rounding of tanh itself counts.
            cancelled = f is np.tanh and abs(scalar - array[0]) <= ULPS * np.finfo(float).eps
            assert cancelled or ulp_distance(scalar, array[0]) <= ULPS
        else:
            np.testing.assert_equal(float(scalar), float(array[0]))


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(allow_nan=True, allow_infinity=True))
def test_two_arguments(x, y):
    def f(a, b):
        return a * b + np.maximum(a, b) - a / (b * b + 1.0) + np.where(a < b, a, b * 3)

    with np.errstate(all="ignore"):
        expected = f(np.float64(x), np.float64(y))
    value, pull = cr.vjp(f, x, y)
    if not np.isfinite(expected):
        np.testing.assert_equal(float(value), float(expected))
    else:
        size = max(abs(x * y), abs(x), abs(y), abs(float(expected)), 1e-300)
        assert abs(float(value) - expected) <= ULPS * np.finfo(float).eps * size
    assert all(type(part) is np.float64 for part in pull(1.0))


def test_infinities_fall_back_to_numpy_once_and_come_back():
    def f(x):
        return np.exp(x) + 1 / x

    CACHE.clear()
    finite = cr.grad(f)(2.0)
    assert cr.grad(f)(1000.0) == np.inf
    assert np.isneginf(cr.grad(lambda x: 1 / x)(0.0))
    assert cr.grad(f)(2.0) == finite


def test_no_warning_and_no_exception_escapes():
    for f, x in itertools.product(
        (np.log, np.sqrt, lambda x: 1 / x, np.exp, lambda x: x**-3), (0.0, -1.0, 1e308, math.nan)
    ):
        with np.errstate(all="raise"):
            value, gradient = cr.value_and_grad(f)(x)
        assert type(value) is type(gradient) is np.float64


def test_the_result_has_the_dtype_that_numpy_gives_it():
    assert type(cr.vjp(lambda x: x > 0, 1.0)[0]) is np.bool_
    assert type(cr.vjp(lambda x: np.maximum(x, 1), 0.5)[0]) is np.float64
    assert type(cr.vjp(lambda x: np.where(x > 0, 1, 2), 0.5)[0]) is np.int64
    assert type(cr.vjp(lambda x: np.clip(x, 0, 1), 2.0)[0]) is np.float64


def test_only_float64_scalars_run_in_python(monkeypatch):
    seen = []
    original = Program._scalar_run
    monkeypatch.setattr(Program, "_scalar_run", lambda self, values: (seen.append(1), original(self, values))[1])
    cr.grad(lambda x: x * x)(2.0)
    assert seen
    seen.clear()
    cr.grad(lambda x: x * x)(np.float32(2.0))
    cr.grad(lambda x: np.sum(x * x))(np.ones(1))
    cr.grad(lambda x: x**2.5)(2.0)
    cr.grad(lambda x: x**x)(2.0)
    assert not seen


def test_a_negative_base_with_a_fractional_exponent_is_nan_not_complex():
    value, gradient = cr.value_and_grad(lambda x: x**0.5)(-8.0)
    assert np.isnan(value)
    assert np.isnan(gradient)
