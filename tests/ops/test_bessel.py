"""Examples of Bessel functions."""

import mpmath
import numpy as np
import pytest
import scipy.special as special

import chainrule as cr
from chainrule.core.conventions import recorded
from chainrule.errors import NotDifferentiableError
from tests.ops.analytic import rows
from tests.ops.laws import ErrorCase, laws, refused
from tests.oracles import tolerance


def scaled(function, sign):
    """The function times exp(-x) or exp(x)."""
    return lambda v, x: function(v, x) * mpmath.exp(sign * x)


def of_order(function, n):
    return lambda x: function(n, x)


ORDER, PLACE = (0.6, 1.4), (0.4, 2.0)
KINDS = {
    "jv": (special.jv, mpmath.besselj, special.j0, special.j1),
    "yv": (special.yv, mpmath.bessely, special.y0, special.y1),
    "iv": (special.iv, mpmath.besseli, special.i0, special.i1),
    "kv": (special.kv, mpmath.besselk, special.k0, special.k1),
    "ive": (special.ive, scaled(mpmath.besseli, -1), special.i0e, special.i1e),
    "kve": (special.kve, scaled(mpmath.besselk, 1), special.k0e, special.k1e),
}
# Y is 0 at 0.89 (order 0) and 2.2 (order 1). Below x = 2 SciPy itself loses three digits of K of broken order.
PLACES = {"kv": (2.1, 4.0), "kve": (2.1, 4.0), "y0": (1.2, 3.0), "y1": (0.4, 1.8), "yv": (0.3, 0.8)}
CASES = [
    case
    for name, (general, exact, zero, one) in KINDS.items()
    for case in (
        *rows(general, exact, ORDER, PLACES.get(name, PLACE), held=(0,), condition=16.0),
        *rows(zero, of_order(exact, 0), PLACES.get(zero.__name__, PLACE), condition=16.0),
        *rows(one, of_order(exact, 1), PLACES.get(one.__name__, PLACE), condition=16.0),
    )
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@pytest.mark.parametrize(
    ("f", "derivatives"),
    [
        (special.j0, (1.0, 0.0, -0.5, 0.0, 3 / 8)),
        (special.j1, (0.0, 0.5, 0.0, -3 / 8)),
        (special.i0, (1.0, 0.0, 0.5, 0.0, 3 / 8)),
        (special.i1, (0.0, 0.5, 0.0, 3 / 8)),
        (lambda x: special.jv(2, x), (0.0, 0.0, 0.25, 0.0, -0.25)),
        (np.i0, (1.0, 0.0, 0.5)),
    ],
)
def test_derivatives_at_zero_have_no_singularity(f, derivatives):
    for expected in derivatives:
        assert abs(f(0.0) - expected) <= tolerance(float, 16.0)
        f = cr.grad(f)


@pytest.mark.parametrize("f", [special.i0e, lambda x: special.ive(0, x)])
def test_the_scale_has_a_kink_at_zero(f):
    with recorded() as used:
        assert cr.grad(f)(0.0) == 0
    assert len(used) == 1


def test_integer_orders_and_other_names():
    x = np.array([0.7, 1.9])
    expected = -special.y1(x)
    np.testing.assert_allclose(
        cr.elementwise_grad(lambda x: special.yn(0, x))(x), expected, rtol=tolerance(float, 16.0)
    )
    expected = -special.j1(x)
    np.testing.assert_allclose(
        cr.elementwise_grad(lambda x: special.jn(0, x))(x), expected, rtol=tolerance(float, 16.0)
    )
    orders = np.array([0, 1])
    slope = cr.elementwise_grad(lambda x: special.jv(orders, x))(x)
    assert slope.dtype == np.float64
    assert cr.elementwise_grad(lambda x: special.jv(1, x))(x.astype("f4")).dtype == np.float32


ERRORS = [
    ErrorCase(lambda f=f: cr.grad(f)(1.5, 0.5), NotDifferentiableError, rf"scipy\.special\.{name}: .*by their order")
    for name, (f, *_) in KINDS.items()
]


@refused(ERRORS)
def test_refuses(case):
    case.require()
