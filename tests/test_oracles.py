import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles import (
    complex_step,
    mp_elementwise,
    numeric_gradient,
    numeric_hessian,
    numeric_jacobian,
    richardson,
    tolerance,
    ulp_distance,
)

DIFFERENCES = 1e-11  # relative accuracy that the oracle by differences has to reach on smooth functions


@pytest.mark.parametrize(
    ("f", "derivative"),
    [
        (np.exp, np.exp),
        (np.sin, np.cos),
        (np.log, np.reciprocal),
        (lambda x: x**3, lambda x: 3 * x**2),
        (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
        (np.arctan, lambda x: 1 / (1 + x * x)),
    ],
)
def test_richardson_and_complex_step_give_known_derivatives(f, derivative, rng):
    x, direction = rng.uniform(0.05, 3.0, size=(4, 5)), rng.normal(size=(4, 5))
    expected = derivative(x) * direction
    value, error = richardson(f, x, direction)
    np.testing.assert_allclose(value, expected, rtol=DIFFERENCES)
    assert np.all(np.abs(value - expected) <= error)
    np.testing.assert_allclose(complex_step(f, x, direction), expected, rtol=tolerance(float))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_richardson_follows_the_scale_of_point_and_direction(scale, rng):
    x, direction = scale * rng.uniform(1.0, 2.0, size=3), rng.normal(size=3) / scale
    value, error = richardson(lambda x: x * x, x, direction)
    assert np.all(np.abs(value - 2 * x * direction) <= error)
    np.testing.assert_allclose(value, 2 * x * direction, rtol=DIFFERENCES)


def test_richardson_along_a_matrix_direction(rng):
    a, da = np.eye(4) + 0.1 * rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    inverse = np.linalg.inv(a)
    value, _ = richardson(np.linalg.inv, a, da)
    np.testing.assert_allclose(value, -inverse @ da @ inverse, rtol=DIFFERENCES, atol=DIFFERENCES)


def test_richardson_of_a_constant_and_along_zero():
    x = np.arange(3.0)
    for f, direction in [(lambda x: np.ones((2, 2)), np.ones(3)), (lambda x: x[:2] ** 2, np.zeros(3))]:
        value, error = richardson(f, x, direction)
        np.testing.assert_array_equal(value, np.zeros(f(x).shape))
        assert np.all(error <= tolerance(float))


def test_richardson_admits_that_a_jump_has_no_derivative():
    value, error = richardson(np.sign, 0.0, 1.0)
    assert error > 1
    value, error = richardson(lambda x: np.full_like(x, np.nan), np.ones(2), np.ones(2))
    assert np.all(np.isnan(value))
    assert np.all(np.isinf(error))


def test_a_smaller_step_stays_inside_the_domain():
    def picky(x):
        if np.any(x <= 0):
            raise ValueError
        return np.log(x)

    with pytest.raises(ValueError, match=r"^$"):
        richardson(picky, 1e-2, 1.0)
    value, _ = richardson(picky, 1e-2, 1.0, step=1e-3)
    np.testing.assert_allclose(value, 100.0, rtol=DIFFERENCES)


def test_jacobian_puts_the_axes_of_the_value_first(rng):
    a, x = rng.normal(size=(2, 4)), rng.normal(size=(4, 3))
    expected = np.einsum("ij,kl->ikjl", a, np.eye(3))
    np.testing.assert_allclose(numeric_jacobian(lambda x: a @ x, x), expected, atol=DIFFERENCES)
    assert numeric_jacobian(np.exp, np.ones((0,))).shape == (0, 0)


def test_gradient_and_hessian_of_a_quartic(rng):
    a, x = rng.normal(size=(3, 3)), rng.normal(size=3)

    def quartic(x):
        return x @ a @ x + np.sum(x**4)

    np.testing.assert_allclose(numeric_gradient(quartic, x), (a + a.T) @ x + 4 * x**3, rtol=DIFFERENCES)
    np.testing.assert_allclose(numeric_hessian(quartic, x), a + a.T + np.diag(12 * x**2), rtol=1e-9, atol=1e-9)
    assert numeric_hessian(lambda x: [x[0, 0] * x[1, 0]], np.ones((2, 1))).shape == (2, 1, 2, 1)


@pytest.mark.parametrize("oracle", [numeric_gradient, numeric_hessian])
def test_gradient_and_hessian_want_one_result(oracle):
    with pytest.raises(ValueError, match=r"one result, not an array of shape \(2,\)"):
        oracle(np.exp, np.ones(2))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_mp_elementwise_rounds_to_the_dtype(dtype, rng):
    x = rng.uniform(0.1, 4.0, size=(3, 5)).astype(dtype)
    result = mp_elementwise(mpmath.sqrt, [x])
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, np.sqrt(x))  # IEEE 754 rounds the square root correctly


def test_mp_elementwise_broadcasts_and_promotes():
    result = mp_elementwise(mpmath.power, [np.array([[2], [3]]), np.array([1, 2, 3])])
    np.testing.assert_array_equal(result, [[2.0, 4.0, 8.0], [3.0, 9.0, 27.0]])


def test_mp_elementwise_at_the_ends_of_the_range():
    x = np.array([-750.0, -745.0, 710.0, np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(mp_elementwise(mpmath.exp, [x]), [0, 5e-324, np.inf, np.inf, 0, np.nan])
    single = mp_elementwise(mpmath.exp, [np.array([-100.0, 100.0], np.float32)])
    np.testing.assert_array_equal(single, np.array([np.exp(-100.0), np.inf], np.float32))
    np.testing.assert_array_equal(mp_elementwise(mpmath.log, [[0.0, -1.0]]), [-np.inf, np.nan])
    np.testing.assert_array_equal(mp_elementwise(mpmath.gamma, [[-1.0, 5.0]]), [np.nan, 24.0])


def test_mp_elementwise_of_complex_numbers():
    z = np.array([1 + 2j, -3j])
    np.testing.assert_allclose(mp_elementwise(mpmath.exp, [z]), np.exp(z), rtol=tolerance(complex))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_ulp_distance_counts_numbers(dtype):
    info = np.finfo(dtype)
    one, zero, tiny = dtype(1), dtype(0), info.smallest_subnormal
    assert ulp_distance(one, np.nextafter(one, dtype(2))) == 1
    assert ulp_distance(zero, -zero) == 0
    assert ulp_distance(-tiny, tiny) == 2
    assert ulp_distance(one, dtype(2)) == 2**info.nmant
    assert ulp_distance(info.max, dtype(np.inf)) == 1
    assert ulp_distance(info.min, info.max) > 2 ** (info.bits - 2)
    assert ulp_distance(dtype(np.nan), dtype(np.nan)) == 0
    assert ulp_distance(dtype(np.nan), dtype(np.inf)) == 2**64 - 1


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 5))
def test_ulp_distance_counts_steps_from_anywhere(start, steps):
    end = np.float64(start)
    with np.errstate(all="ignore"):
        for _ in range(steps):
            end = np.nextafter(end, math.inf)
    if np.isfinite(end):
        assert ulp_distance(start, end) == ulp_distance(end, start) == steps


def test_ulp_distance_refuses_mixed_dtypes():
    with pytest.raises(TypeError, match="float32 and float64"):
        ulp_distance(np.float32(1), np.float64(1))


def test_tolerance_grows_with_what_loses_digits():
    assert tolerance(int) == tolerance(bool) == 0
    assert tolerance(float) < 1e-14 < tolerance(np.float32) < 1e-5
    assert tolerance(complex) == tolerance(float)
    assert tolerance(float, condition=100.0) == pytest.approx(100 * tolerance(float))
    assert tolerance(float, terms=100) == pytest.approx(10 * tolerance(float))
    assert tolerance(int, error=0.01) == 0.01
    for hopeless in (1e16, math.inf, math.nan):
        with pytest.raises(ValueError, match="proves nothing"):
            tolerance(float, condition=hopeless)
