"""The differences that exact derivatives are held against: right, and honest about their error."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.diff.check import directional, narrowed

EPS = float(np.finfo(float).eps)

# name, function of one variable, its derivative in mpmath, point
SMOOTH = [
    ("sin", np.sin, mpmath.cos, 0.7),
    ("exp", np.exp, mpmath.exp, 3.0),
    ("logarithm near its end", np.log, lambda x: 1 / x, 1e-3),
    ("logarithm very near its end", np.log, lambda x: 1 / x, 1e-7),
    ("fast", lambda x: np.sin(1000 * x), lambda x: 1000 * mpmath.cos(1000 * x), 0.3),
    ("root", np.sqrt, lambda x: 1 / (2 * mpmath.sqrt(x)), 2.0),
    ("large point", lambda x: x**3, lambda x: 3 * x**2, 1e8),
    ("offset", lambda x: 1e6 + np.sin(x), mpmath.cos, 1.0),
    ("flat", lambda x: x**4, lambda x: 4 * x**3, 0.0),
    ("constant", lambda x: 0 * x + 2.0, lambda x: 0 * x, 1.5),
    ("near a kink", lambda x: np.abs(x - 1), lambda x: mpmath.mpf(1), 1.01),
]


def one(f, x, eps=EPS):
    """Derivative of a function of one number."""
    sizes = np.maximum(1.0, np.abs([x]))
    return directional(f, np.array([x]), np.ones(1), sizes, eps)


@pytest.mark.parametrize(("f", "derivative", "x"), [row[1:] for row in SMOOTH], ids=[row[0] for row in SMOOTH])
def test_the_error_stays_below_its_estimate_and_the_estimate_is_useful(f, derivative, x):
    found = one(f, x)
    exact = float(derivative(mpmath.mpf(x)))
    assert abs(found.value[0] - exact) <= found.error[0]
    assert found.error[0] <= np.sqrt(EPS) * max(abs(exact), found.scale[0])


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=6), st.floats(-3, 3))
def test_the_error_of_polynomials_stays_below_its_estimate(coefficients, x):
    polynomial = np.polynomial.Polynomial(coefficients)
    found = one(polynomial, x)
    assert abs(found.value[0] - polynomial.deriv()(x)) <= found.error[0]


def test_single_precision_has_an_estimate_of_its_own():
    found = one(lambda x: np.sin(x.astype(np.float32)).astype(float), 0.5, float(np.finfo(np.float32).eps))
    assert EPS < abs(found.value[0] - np.cos(0.5)) <= found.error[0] < 0.01


@pytest.mark.parametrize("f", [np.sqrt, lambda x: np.full(1, np.nan), np.log], ids=["root", "nan", "log"])
def test_what_has_no_finite_values_on_one_side_has_no_estimate(f):
    assert one(f, 0.0).error == np.inf


def test_a_function_that_raises_outside_its_domain_is_differentiated_inside():
    def inside(x):
        if not 0.9 < x[0] < 1.1:
            raise ValueError("outside")
        return x**2

    found = one(inside, 1.0)
    assert abs(found.value[0] - 2) <= found.error[0] < 1e-9


def test_each_result_has_its_own_estimate():
    x = np.array([0.5, 2.0])
    found = directional(lambda x: np.array([x[0] ** 2, np.exp(x[0] * x[1]), 3.0]), x, np.array([1.0, -1.0]), x, EPS)
    exact = np.array([1.0, np.exp(1.0) * 1.5, 0.0])
    assert np.all(np.abs(found.value - exact) <= found.error)
    assert found.error[0] < found.error[1]


@given(st.integers(1, 40), st.data())
def test_halving_finds_the_one_that_is_wrong(count, data):
    guilty = data.draw(st.integers(0, count - 1))
    found = narrowed(lambda part: abs(part[guilty]), np.linspace(1, 2, count))
    assert np.array_equal(found, np.eye(count)[guilty])
