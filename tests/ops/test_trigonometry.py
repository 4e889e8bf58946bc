"""Examples of circular and hyperbolic functions, of exponentials to other bases, and of removable singularities."""

import math
from itertools import product

import mpmath
import numpy as np
import pytest
import scipy.special

import chainrule as cr
from chainrule.core.conventions import recorded
from chainrule.run.program import NUMPY
from tests.ops.analytic import as_dtype, rows
from tests.ops.laws import OpCase, laws, number, op_named, positive
from tests.oracles import tolerance


def derivative(function, order):
    return lambda x: mpmath.diff(function, x, order)


def sinc(x):
    return mpmath.sincpi(x)


def exprel(x):
    return mpmath.expm1(x) / x if x else mpmath.mpf(1)


def logrel(x):
    return mpmath.log(x) / (x - 1) if x != 1 else mpmath.mpf(1)


ANY, UNIT = (-2.0, 2.0), (-0.9, 0.9)
CASES = [
    *rows(np.tan, mpmath.tan, (-1.2, 1.2)),
    *rows(np.arcsin, mpmath.asin, UNIT),
    *rows(np.arccos, mpmath.acos, UNIT),
    *rows(np.arctan, mpmath.atan, ANY),
    *rows(np.sinh, mpmath.sinh, ANY),
    *rows(np.cosh, mpmath.cosh, ANY),
    *rows(np.arcsinh, mpmath.asinh, ANY),
    *rows(np.arccosh, mpmath.acosh, (1.5, 4.0)),
    *rows(np.arctanh, mpmath.atanh, UNIT),
    *rows(np.arctan2, lambda y, x: mpmath.atan(y / x), (-2.0, 2.0), (0.5, 2.0)),
    *rows(np.arctan2, mpmath.atan2, (0.5, 2.0), (-2.0, -0.5), analytic=False, note="behind"),
    *rows(np.hypot, lambda x, y: mpmath.sqrt(x * x + y * y), (0.5, 2.0), (-2.0, -0.5)),
    *rows(np.deg2rad, mpmath.radians, (-200.0, 200.0)),
    *rows(np.radians, mpmath.radians, (-200.0, 200.0)),
    *rows(np.rad2deg, mpmath.degrees, ANY),
    *rows(np.degrees, mpmath.degrees, ANY),
    *rows(np.exp2, lambda x: mpmath.power(2, x), ANY),
    *rows(scipy.special.exp10, lambda x: mpmath.power(10, x), ANY),
    *rows(np.log2, lambda x: mpmath.log(x) / mpmath.log(2), (0.3, 3.0)),
    *rows(np.log10, mpmath.log10, (0.3, 3.0)),
    *rows(np.cbrt, mpmath.cbrt, (0.3, 3.0)),
    *rows(np.logaddexp2, lambda x, y: mpmath.log(2**x + 2**y) / mpmath.log(2), (0.3, 3.0), (0.3, 3.0)),
    *[
        case
        for order in range(4)
        for case in (
            *rows(
                np.sinc,
                derivative(sinc, order),
                (0.1, 0.9),
                name="sinc_derivative",
                params=(order,),
                traced=order == 0,
                reference=as_dtype(derivative(sinc, order)),
                analytic=False,
                condition=16.0,
                note=f"of order {order}",
            ),
            *rows(
                scipy.special.exprel,
                derivative(exprel, order),
                (-3.0, 3.0),
                name="exprel_derivative",
                params=(order,),
                traced=order == 0,
                reference=as_dtype(derivative(exprel, order)),
                analytic=False,
                condition=16.0,
                note=f"of order {order}",
            ),
            *rows(
                None,
                derivative(logrel, order),
                (0.3, 3.0),
                name="logrel_derivative",
                params=(order,),
                traced=False,
                reference=as_dtype(derivative(logrel, order)),
                analytic=False,
                condition=16.0,
                note=f"of order {order}",
            ),
        )
    ],
    OpCase(
        "arctan2",
        lambda y, x: op_named("arctan2").bind((y, x)),
        (positive(3), number()),
        np.arctan2,
        np.arctan2,
    ),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


FAMILIES = {
    "sinc_derivative": (sinc, (-7.0, -2.3, -1.0, -0.31, -1e-9, 0.0, 1e-30, 0.2, 0.33, 0.64, 1.7, 40.0)),
    "exprel_derivative": (exprel, (-60.0, -7.9, -3.1, -1.0, -1e-9, 0.0, 1e-300, 0.4, 1.1, 4.9, 30.0)),
    "logrel_derivative": (
        logrel,
        (1e-30, 1e-8, 0.49, 0.51, 1 - 1e-9, 1.0, 1 + 1e-12, 1.2, 1.6, 2.5, 3.9, 4.1, 30.0, 1e6),
    ),
}


@pytest.mark.parametrize(("name", "order"), list(product(FAMILIES, range(7))))
def test_families_are_right_on_both_sides_of_the_singularity(name, order):
    _, points = FAMILIES[name]
    with mpmath.workdps(80):
        expected = [float(_exact(name, order, mpmath.mpf(x))) for x in points]
    actual = op_named(name).evaluate(NUMPY, np.array(points), order=order)
    for x, one, other in zip(points, actual, expected, strict=True):
        # Rounding x moves the derivatives of a wave by as much as they are large.
        size = abs(other) + (abs(x) * math.pi**order if name == "sinc_derivative" else 0)
        assert abs(one - other) <= tolerance(float, 4.0 ** (order + 1)) * size, (x, one, other)


def _exact(name, order, x):
    """The derivative as a hypergeometric function, which has no singularity."""
    n = order + 1
    if name == "sinc_derivative":
        wave = mpmath.hyp1f1(n, n + 1, mpmath.mpc(0, mpmath.pi * x)) / n
        return mpmath.pi**order * (wave.real, -wave.imag, -wave.real, wave.imag)[order % 4]
    if name == "exprel_derivative":
        return mpmath.hyp1f1(n, n + 1, x) / n
    return (-1) ** order * mpmath.factorial(order) / n * mpmath.hyp2f1(n, n, n + 1, 1 - x)


def test_sinc_at_zero_to_the_fourth_order():
    expected = [1.0, 0.0, -(math.pi**2) / 3, 0.0, math.pi**4 / 5]
    f = np.sinc
    for value in expected:
        assert abs(f(0.0) - value) <= tolerance(float, 4.0) * max(1.0, abs(value))
        f = cr.grad(f)


KINKS = [
    (lambda z: np.hypot(z[0], z[1]), "hypot at (0, 0): 0"),
    (lambda z: np.arctan2(z[0], z[1]), "arctan2 at (0, 0): 0"),
]


@pytest.mark.parametrize(("f", "convention"), KINKS)
def test_the_origin_has_derivative_zero_and_is_logged(f, convention):
    for mode in ("reverse", "forward"):
        with recorded() as used:
            gradient = cr.jacobian(f, mode=mode)(np.zeros(2))
        np.testing.assert_array_equal(gradient, [0.0, 0.0])
        assert list(used) == [convention]
    with recorded() as used:
        cr.grad(f)(np.array([1.0, 0.0]))
    assert not used


def test_logaddexp2_of_nothing():
    def f(z):
        return np.logaddexp2(z[0], z[1])

    with recorded() as used:
        gradient = cr.grad(f)(np.full(2, -np.inf))
    np.testing.assert_array_equal(gradient, [0.0, 0.0])
    assert list(used) == ["logaddexp2 of nothing but -inf: 0"]
    np.testing.assert_array_equal(cr.grad(f)(np.array([1.0, -np.inf])), [1.0, 0.0])


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (np.arcsin, 1.0, np.inf),
        (np.arcsin, -1.0, np.inf),
        (np.arccos, 1.0, -np.inf),
        (np.arccosh, 1.0, np.inf),
        (np.arctanh, 1.0, np.inf),
        (np.cbrt, 0.0, np.inf),
        (np.arcsinh, 1e200, 1e-200),
        (np.arccosh, 1e200, 1e-200),
        (np.arctan, 1e200, 0.0),
        (np.arccosh, 0.5, np.nan),
        (lambda x: np.hypot(x, 1e200), 1e200, math.sqrt(0.5)),
        (lambda x: np.arctan2(x, 1e-200), 1e-200, 5e199),
    ],
)
def test_slopes_at_the_ends_of_a_domain(f, x, slope):
    np.testing.assert_allclose(cr.grad(f)(x), slope, rtol=tolerance(float, 4.0))


@pytest.mark.parametrize(
    ("name", "ufunc"),
    [
        ("acos", np.arccos),
        ("acosh", np.arccosh),
        ("asin", np.arcsin),
        ("asinh", np.arcsinh),
        ("atan", np.arctan),
        ("atan2", np.arctan2),
        ("atanh", np.arctanh),
        ("pow", np.power),
    ],
)
def test_the_names_of_the_array_api_are_the_same_ufuncs(name, ufunc):
    assert getattr(np, name) is ufunc
