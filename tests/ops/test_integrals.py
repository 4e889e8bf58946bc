"""Examples of functions defined by integrals and series."""

import math

import mpmath
import numpy as np
import pytest
import scipy.special as special

import chainrule as cr
from chainrule.errors import NotDifferentiableError
from chainrule.scipy.special import lambertw
from tests.ops.analytic import rows
from tests.ops.laws import ErrorCase, laws, refused
from tests.oracles import tolerance


def spence(x):
    return mpmath.polylog(2, 1 - x)


def place(pair, k):
    return lambda x: pair(x)[k]


PAIRS = (
    ("sine_integral", special.sici, 0, mpmath.si, (0.4, 3.0)),
    ("cosine_integral", special.sici, 1, mpmath.ci, (0.9, 2.6)),
    ("hyperbolic_sine_integral", special.shichi, 0, mpmath.shi, (0.4, 3.0)),
    ("hyperbolic_cosine_integral", special.shichi, 1, mpmath.chi, (0.9, 2.6)),
    ("fresnel_sine", special.fresnel, 0, mpmath.fresnels, (0.4, 2.0)),
    ("fresnel_cosine", special.fresnel, 1, mpmath.fresnelc, (0.4, 2.0)),
)
CASES = [
    *rows(special.exp1, mpmath.e1, (0.4, 3.0)),
    *rows(special.expi, mpmath.ei, (0.6, 3.0)),
    *rows(special.expn, mpmath.expint, (1.0, 1.0), (0.4, 3.0), held=(0,)),
    *rows(special.expn, mpmath.expint, (2.0, 2.0), (0.4, 3.0), held=(0,), note="of order 2"),
    *rows(special.spence, spence, (1.2, 1.8)),
    *rows(special.spence, spence, (0.2, 0.8), note="below 1"),
    *[
        case
        for name, pair, k, exact, interval in PAIRS
        for case in rows(pair, exact, interval, name=name, traced=False, reference=place(pair, k), condition=16.0)
    ],
    *rows(
        special.lambertw,
        mpmath.lambertw,
        (-0.2, 2.0),
        name="lambertw",
        params=(0,),
        traced=False,
        reference=lambda x: lambertw(x),
        condition=16.0,
    ),
    *rows(
        special.lambertw,
        lambda x: mpmath.lambertw(x, -1).real,
        (-0.3, -0.1),
        name="lambertw",
        params=(-1,),
        traced=False,
        reference=lambda x: lambertw(x, -1),
        analytic=False,
        condition=16.0,
        note="of branch -1",
    ),
    *rows(special.hyp1f1, mpmath.hyp1f1, (1.2, 1.8), (1.9, 3.0), (-1.0, -0.2), held=(0, 1), condition=16.0),
    *rows(
        special.hyp2f1, mpmath.hyp2f1, (0.4, 1.5), (0.4, 1.5), (1.6, 3.0), (-0.6, 0.6), held=(0, 1, 2), condition=16.0
    ),
    *rows(special.ellipk, mpmath.ellipk, (-2.0, 0.8), condition=16.0),
    *rows(special.ellipe, mpmath.ellipe, (-2.0, 0.8), condition=16.0),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@pytest.mark.parametrize(
    ("f", "x", "derivatives"),
    [
        (special.spence, 1.0, (0.0, -1.0, 0.5, -2 / 3)),
        (special.spence, 1e-8, (math.pi**2 / 6 + 1e-8 * (math.log(1e-8) - 1), math.log(1e-8) / (1 - 1e-8))),
        (special.ellipk, 0.0, (math.pi / 2, math.pi / 8, 9 * math.pi / 64)),
        (special.ellipe, 0.0, (math.pi / 2, -math.pi / 8, -3 * math.pi / 64)),
        (lambda x: special.sici(x)[0], 0.0, (0.0, 1.0, 0.0, -1 / 3)),
        (lambda x: special.shichi(x)[0], 0.0, (0.0, 1.0, 0.0, 1 / 3)),
        (lambda x: lambertw(x), 0.0, (0.0, 1.0, -2.0, 9.0)),
        (special.exprel, 0.0, (1.0, 1 / 2, 1 / 3, 1 / 4, 1 / 5)),
    ],
)
def test_removable_singularities(f, x, derivatives):
    for expected in derivatives:
        assert abs(f(x) - expected) <= tolerance(float, 64.0) * max(1.0, abs(expected))
        f = cr.grad(f)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_derivatives_of_expn_go_on_below_order_zero(n):

    def f(x):
        return special.expn(n, x)

    with mpmath.workdps(30):
        expected = [float((-1) ** k * mpmath.expint(n - k, mpmath.mpf(0.7))) for k in range(5)]
    for value in expected:
        assert abs(f(0.7) - value) <= tolerance(float, 16.0) * abs(value)
        f = cr.grad(f)


def test_pairs_are_tuples_of_handles():
    x = np.array([0.5, 1.5])
    sines, cosines = cr.jvp(special.sici, (x,), (np.ones(2),))[1]
    np.testing.assert_allclose(sines, np.sin(x) / x, rtol=tolerance(float, 4.0))
    np.testing.assert_allclose(cosines, np.cos(x) / x, rtol=tolerance(float, 4.0))


def test_lambertw_is_real():
    x = np.array([-0.5, -0.2, 0.0, 1.0])
    for k in (0, -1):
        values = lambertw(x, k)
        traced = cr.vjp(lambda x, k=k: lambertw(x, k), x)[0]
        np.testing.assert_array_equal(values, traced)
        expected = special.lambertw(x, k)
        real = [
            abs(w.imag) == 0 and math.isfinite(w.real) and (k == 0 or y < 0) for w, y in zip(expected, x, strict=True)
        ]
        np.testing.assert_array_equal(np.isfinite(values), real)
        np.testing.assert_array_equal(values[real], expected.real[real])
        assert values.dtype == np.float64


ERRORS = [
    ErrorCase(lambda: cr.grad(lambda n: special.expn(n, 0.5))(1.0), NotDifferentiableError, "by its order n"),
    ErrorCase(
        lambda: cr.grad(special.hyp2f1, argnums=2)(0.5, 0.5, 1.5, 0.2), NotDifferentiableError, "by its parameters"
    ),
    ErrorCase(lambda: cr.grad(special.hyp1f1, argnums=0)(0.5, 1.5, 0.2), NotDifferentiableError, "by its parameters"),
    ErrorCase(lambda: cr.grad(lambda x: lambertw(x, 2))(0.5), ValueError, "branch 2 has no real values"),
    ErrorCase(lambda: lambertw(0.5, 1), ValueError, "branch 1 has no real values"),
]


@refused(ERRORS)
def test_refuses(case):
    case.require()
