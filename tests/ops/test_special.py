"""Examples of special functions: errors and probabilities, entropies, gamma functions."""

import mpmath
import numpy as np
import pytest
import scipy.special as special

import chainrule as cr
from chainrule.core.conventions import recorded
from chainrule.errors import NotDifferentiableError
from tests.ops.analytic import as_dtype, rows
from tests.ops.laws import ErrorCase, laws, refused
from tests.oracles import richardson, tolerance


def phi(x):
    """Distribution function of the standard normal distribution."""
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def erfcx(x):
    return mpmath.exp(x * x) * mpmath.erfc(x)


def dawsn(x):
    return mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-x * x) * mpmath.erfi(x)


def owens_t(h, a):
    def f(t):
        return mpmath.exp(-h * h * (1 + t * t) / 2) / (1 + t * t)

    return mpmath.quad(f, [0, a]) / (2 * mpmath.pi)


def boxcox(x, p):
    return mpmath.expm1(p * mpmath.log(x)) / p


def boxcox1p(x, p):
    return boxcox(1 + x, p)


def logbeta(a, b):
    return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)


def rel_entr(x, y):
    return x * mpmath.log(x / y)


def polygamma(n):
    return lambda x: mpmath.psi(n, x)


ANY, UNIT, POSITIVE = (-2.0, 2.0), (0.6, 0.9), (0.4, 2.0)
CASES = [
    *rows(special.erf, mpmath.erf, (0.2, 2.0)),
    *rows(special.erf, mpmath.erf, (-2.0, -0.2), note="left"),
    *rows(special.erfc, mpmath.erfc, ANY),
    *rows(special.erfcx, erfcx, ANY),
    *rows(special.erfinv, mpmath.erfinv, (0.2, 0.9), analytic=False),
    *rows(special.erfcinv, lambda x: mpmath.erfinv(1 - x), (0.1, 0.8), analytic=False),
    *rows(special.dawsn, dawsn, (0.2, 0.8)),
    *rows(special.ndtr, phi, ANY),
    *rows(special.log_ndtr, lambda x: mpmath.log(phi(x)), (-3.0, 0.5)),
    *rows(special.ndtri, lambda x: mpmath.sqrt(2) * mpmath.erfinv(2 * x - 1), (0.6, 0.9), analytic=False),
    *rows(special.owens_t, owens_t, (0.3, 2.0), (0.3, 2.0)),
    *rows(special.logit, lambda x: mpmath.log(x / (1 - x)), UNIT),
    *rows(special.log_expit, lambda x: -mpmath.log1p(mpmath.exp(-x)), ANY),
    *rows(special.xlogy, lambda x, y: x * mpmath.log(y), POSITIVE, (1.3, 3.0)),
    *rows(special.xlog1py, lambda x, y: x * mpmath.log1p(y), POSITIVE, POSITIVE),
    *rows(special.entr, lambda x: -x * mpmath.log(x), (0.1, 0.8)),
    *rows(special.rel_entr, rel_entr, (0.3, 0.8), (1.0, 2.0)),
    *rows(special.kl_div, lambda x, y: rel_entr(x, y) - x + y, (0.3, 0.6), (1.0, 2.0)),
    *rows(special.boxcox, boxcox, (1.4, 3.0), (-1.5, -0.2)),
    *rows(special.boxcox1p, boxcox1p, (0.4, 2.0), (0.2, 1.5)),
    *rows(special.gamma, mpmath.gamma, (0.4, 5.0), condition=16.0),
    *rows(special.gamma, mpmath.gamma, (-0.8, -0.2), condition=32.0, note="of negative numbers"),
    *rows(special.gammaln, mpmath.loggamma, (2.5, 9.0)),
    *rows(special.loggamma, mpmath.loggamma, (2.5, 9.0)),
    *rows(special.psi, mpmath.digamma, (2.0, 9.0)),
    *[
        case
        for n in (1, 2, 3)
        for case in rows(
            special.psi,
            polygamma(n),
            (0.6, 5.0),
            name="polygamma",
            params=(n,),
            traced=False,
            reference=as_dtype(polygamma(n)),
            condition=16.0,
            note=f"of order {n}",
        )
    ],
    *rows(special.beta, mpmath.beta, POSITIVE, POSITIVE, condition=16.0),
    *rows(special.betaln, logbeta, (2.0, 3.0), (2.0, 3.0)),
    *rows(special.poch, mpmath.rf, POSITIVE, POSITIVE, condition=16.0),
    *rows(special.binom, mpmath.binomial, (4.0, 6.0), (1.2, 2.0), condition=16.0),
    # Farther out SciPy itself loses two digits of Q.
    *rows(special.gammainc, lambda a, x: mpmath.gammainc(a, 0, x, regularized=True), (1.2, 2.0), (0.4, 1.0), held=(0,)),
    *rows(special.gammaincc, lambda a, x: mpmath.gammainc(a, x, regularized=True), (1.2, 2.0), (0.4, 1.0), held=(0,)),
    *rows(
        special.betainc,
        lambda a, b, x: mpmath.betainc(a, b, 0, x, regularized=True),
        (0.6, 3.0),
        (0.6, 3.0),
        (0.2, 0.8),
        held=(0, 1),
        condition=16.0,
    ),
    *rows(special.zeta, mpmath.zeta, (1.5, 4.0), POSITIVE, name="hurwitz_zeta", held=(0,), condition=16.0),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (special.log_ndtr, -1e5, 1e5 + 1e-5),
        (special.log_ndtr, 50.0, 0.0),
        (special.log_expit, -1e4, 1.0),
        (special.log_expit, 800.0, 0.0),
        (lambda x: special.xlogy(x, 0.0), 0.0, -np.inf),
        (lambda y: special.xlogy(0.0, y), 3.0, 0.0),
        (special.entr, 0.0, np.inf),
        (lambda x: special.rel_entr(x, 1.0), 0.0, -np.inf),
        (lambda y: special.kl_div(0.0, y), 3.0, 1.0),
        (lambda p: special.boxcox(np.e, p), 0.0, 0.5),
        (lambda p: special.boxcox1p(0.0, p), 1.0, 0.0),
        (lambda x: special.gammainc(1.0, x), 0.0, 1.0),
        (lambda x: special.gammaincc(0.5, x), 0.0, -np.inf),
        (lambda x: special.gammainc(2.5, x), 0.0, 0.0),
        (lambda x: special.betainc(1.0, 2.0, x), 0.0, 2.0),
    ],
)
def test_slopes_at_the_ends_of_a_domain(f, x, slope):
    for gradient in (cr.grad(f)(x), cr.jvp(f, (x,), (1.0,))[1]):
        np.testing.assert_allclose(gradient, slope, rtol=tolerance(float, 4.0))


@pytest.mark.parametrize(
    ("f", "place", "slope", "convention"),
    [
        (lambda y: special.xlogy(0.0, y), 0.0, 0.0, "xlogy at x = y = 0: 0 by y"),
        (lambda y: special.xlog1py(0.0, y), -1.0, 0.0, "xlog1py at x = 0, y = -1: 0 by y"),
        (lambda y: special.rel_entr(0.0, y), 0.0, 0.0, "rel_entr at x = y = 0: 0 by y"),
        (lambda y: special.kl_div(0.0, y), 0.0, 1.0, "kl_div at x = y = 0: 1 by y"),
    ],
)
def test_conventions_are_logged(f, place, slope, convention):
    for derivative in (cr.grad(f), lambda x: cr.jvp(f, (x,), (1.0,))[1]):
        with recorded() as used:
            assert derivative(place) == slope
        assert list(used) == [convention]


def test_zeta_is_reached_through_scipy():
    expected, _ = richardson(lambda q: special.zeta(3.0, q), 1.5, 1.0)
    np.testing.assert_allclose(cr.grad(lambda q: special.zeta(3.0, q))(1.5), expected, rtol=tolerance(float, 100.0))


@pytest.mark.parametrize(
    ("twin", "ufunc"),
    [(special.exp2, np.exp2), (special.expm1, np.expm1), (special.log1p, np.log1p), (special.cbrt, np.cbrt)],
)
def test_scipys_own_copies_of_numpys_functions(twin, ufunc):
    x = np.array([0.3, 1.7])
    np.testing.assert_array_equal(cr.elementwise_grad(twin)(x), cr.elementwise_grad(ufunc)(x))
    for dtype in (np.int8, np.float16, np.float32):
        wanted = twin(np.ones(2, dtype)).dtype
        assert cr.vjp(lambda y, dtype=dtype: twin(y.astype(dtype)), np.ones(2))[0].dtype == wanted


ERRORS = [
    ErrorCase(
        lambda f=f, place=place: cr.grad(f, argnums=place)(*[0.5] * 3), NotDifferentiableError, "no closed derivative"
    )
    for f, place in (
        (lambda a, x, _: special.gammainc(a, x), 0),
        (lambda a, x, _: special.gammaincc(a, x), 0),
        (special.betainc, 0),
        (special.betainc, 1),
        (lambda x, q, _: special.zeta(x + 2, q), 0),
    )
]


@refused(ERRORS)
def test_refuses(case):
    case.require()


def test_an_operand_without_a_derivative_may_be_held():
    def f(a):
        return special.gammainc(cr.stop_gradient(a), a)

    density = np.exp(-1.5) * 1.5**0.5 / special.gamma(1.5)
    np.testing.assert_allclose(cr.grad(f)(1.5), density, rtol=tolerance(float, 4.0))
