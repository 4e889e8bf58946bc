"""Examples of the elementary functions."""

import mpmath
import numpy as np
import pytest
import scipy.special

from chainrule.ops import elementwise
from chainrule.ops.arithmetic import multiply
from tests.ops.laws import OpCase, laws, nodes, number, positive, reals


def expit(x):
    """The logistic function of an mpmath number."""
    return 1 / (1 + mpmath.exp(-x))


UNARY = (
    (elementwise.exp, np.exp, mpmath.exp, reals),
    (elementwise.expm1, np.expm1, mpmath.expm1, reals),
    (elementwise.log, np.log, mpmath.log, positive),
    (elementwise.log1p, np.log1p, mpmath.log1p, positive),
    (elementwise.sqrt, np.sqrt, mpmath.sqrt, positive),
    (elementwise.sin, np.sin, mpmath.sin, reals),
    (elementwise.cos, np.cos, mpmath.cos, reals),
    (elementwise.tanh, np.tanh, mpmath.tanh, reals),
)


def logaddexp(x, y):
    """NumPy's function takes no complex numbers, so this is the definition."""
    return np.logaddexp(x, y) if np.isrealobj(np.add(x, y)) else np.log(np.exp(x) + np.exp(y))


CASES = [
    OpCase(ufunc.__name__, door, (draw(*shape),), ufunc, ufunc, exact, analytic=True)
    for door, ufunc, exact, draw in UNARY
    for shape in ((), (3,), (2, 0))
] + [
    OpCase("expit", elementwise.expit, (reals(3),), scipy.special.expit, scipy.special.expit, expit),
    OpCase("expit", elementwise.expit, (reals(),), scipy.special.expit, scipy.special.expit, expit),
    *[
        OpCase(
            "logaddexp",
            elementwise.logaddexp,
            operands,
            logaddexp,
            np.logaddexp,
            lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)),
            analytic=True,
        )
        for operands in ((positive(3), positive(3)), (positive(), positive()), (positive(2, 1), positive(3)))
    ],
    *[
        OpCase("power", elementwise.power, operands, np.power, np.power, mpmath.power, analytic=True)
        for operands in (
            (positive(3), reals(3)),
            (positive(), reals()),
            (positive(2, 1), reals(3)),
            (positive(0), reals(1)),
            (positive(3), number()),
            (number(), reals(3)),
        )
    ],
    *[
        OpCase(
            "power",
            lambda x, p=p: elementwise.power(x, p),
            (positive(3),),
            lambda x, p=p: np.power(x, p),
            lambda x, p=p: x**p,
            note=f"of {p}",
            analytic=True,
        )
        for p in (-1, -2, 0.5)
    ],
    *[
        OpCase(
            "power_derivative",
            lambda x, y, orders=orders: elementwise.power_derivative(x, y, *orders),
            operands,
            reference,
            exact=exact,
            note=f"of orders {orders}",
            analytic=True,
            condition=16.0,
        )
        for orders, reference, exact in (
            ((1, 0), lambda x, y: y * x ** (y - 1), lambda x, y: y * x ** (y - 1)),
            ((0, 1), lambda x, y: x**y * np.log(x), lambda x, y: x**y * mpmath.log(x)),
            (
                (1, 1),
                lambda x, y: x ** (y - 1) * (1 + y * np.log(x)),
                lambda x, y: x ** (y - 1) * (1 + y * mpmath.log(x)),
            ),
        )
        for operands in ((positive(3), positive(3)), (positive(), positive()), (positive(2, 1), positive(3)))
    ],
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


def test_exact_rewrites_of_powers():
    (x,) = nodes((3,))
    assert elementwise.power(x, 1) is x
    assert elementwise.power(x, 2) is multiply(x, x)
    assert elementwise.power(x, 2.0) is multiply(x, x)


@pytest.mark.parametrize("exponent", [1, 2])
def test_powers_of_integers_by_a_float_stay_floats(exponent):
    (x,) = nodes((3,), dtype=np.int64)
    assert elementwise.power(x, float(exponent)).dtype == np.float64
