"""Calls of `scipy.special` for the table of `test_numpy_functions`: function, call, shape, interval, condition."""

import numpy as np
import scipy.special as special
from scipy.special import _ufuncs

import chainrule.scipy.special as ours

POSITIVE, UNIT = (0.5, 2.0), (0.1, 0.9)
ROW = np.array([0.7, 1.3, 2.1])
WEIGHTS = np.array([[1.5, -0.3, 0.8], [0.2, 0.0, 0.6]])

UNARY = [
    *[
        (ufunc, (-2.0, 2.0))
        for ufunc in (
            special.erf, special.erfc, special.erfcx, special.dawsn, special.ndtr, special.log_ndtr, special.log_expit,
            special.exp2, special.exp10, special.expm1, special.exprel, special.j0, special.j1, special.i0, special.i1,
            special.i1e,
        )
    ],
    *[
        (ufunc, POSITIVE)
        for ufunc in (
            special.log1p, special.cbrt, special.entr, special.gamma, special.gammaln, special.loggamma, special.psi,
            special.y0, special.y1, special.k0, special.k1, special.k0e, special.k1e, special.i0e, special.exp1,
            special.expi, special.spence,
        )
    ],
    *[
        (ufunc, UNIT)
        for ufunc in (special.erfinv, special.erfcinv, special.ndtri, special.logit, special.ellipk, special.ellipe)
    ],
]  # fmt: skip
BINARY = [
    special.xlogy, special.xlog1py, special.rel_entr, special.kl_div, special.boxcox, special.boxcox1p, special.beta,
    special.betaln, special.poch, special.owens_t,
]  # fmt: skip
BY_SECOND = [
    special.jv, special.yv, special.iv, special.kv, special.ive, special.kve, special.gammainc, special.gammaincc,
]  # fmt: skip

SCIPY = [
    *[(ufunc, ufunc, (2, 3), interval, 100.0) for ufunc, interval in UNARY],
    *[(ufunc, lambda x, f=ufunc: f(x, ROW), (2, 3), POSITIVE, 100.0) for ufunc in BINARY],
    *[(ufunc, lambda x, f=ufunc: f(ROW, x), (2, 1), POSITIVE, 100.0) for ufunc in BINARY],
    *[(ufunc, lambda x, f=ufunc: f(ROW, x), (2, 3), POSITIVE, 1000.0) for ufunc in BY_SECOND],
    *[(ufunc, lambda x, f=ufunc: f(1, x), (3,), POSITIVE, 1000.0) for ufunc in BY_SECOND],
    (special.binom, lambda x: special.binom(5.3, x), (3,), POSITIVE, 100.0),
    (special.binom, lambda x: special.binom(x + 3, 2), (3,), POSITIVE, 100.0),
    (special.betainc, lambda x: special.betainc(1.5, 0.7, x), (3,), UNIT, 100.0),
    (special.expn, lambda x: special.expn(2, x), (3,), POSITIVE, 100.0),
    (special.expn, lambda x: special.expn(np.array([0, 1, 2]), x), (2, 3), POSITIVE, 100.0),
    (special.yn, lambda x: special.yn(2, x), (3,), POSITIVE, 1000.0),
    (special.hyp1f1, lambda x: special.hyp1f1(1.5, 2.5, x), (3,), UNIT, 1000.0),
    (special.hyp2f1, lambda x: special.hyp2f1(1.5, 0.5, 2.5, x), (3,), UNIT, 1000.0),
    (special.sici, lambda x: special.sici(x)[0] * special.sici(x)[1], (3,), POSITIVE, 100.0),
    (special.shichi, lambda x: np.subtract(*special.shichi(x)), (3,), POSITIVE, 100.0),
    (special.fresnel, lambda x: np.add(*special.fresnel(x)), (3,), POSITIVE, 100.0),
    (_ufuncs._zeta, lambda x: special.zeta(3.5, x), (3,), POSITIVE, 100.0),
    (special.zeta, lambda x: ours.zeta(2, x), (3,), POSITIVE, 100.0),
    (special.logsumexp, ours.logsumexp, (2, 3), (-2.0, 2.0), 10.0),
    (special.logsumexp, lambda x: ours.logsumexp(x, axis=1, keepdims=True), (2, 3), (-2.0, 2.0), 10.0),
    (special.logsumexp, lambda x: ours.logsumexp(x, (0, 1), b=np.abs(WEIGHTS)), (2, 3), (-2.0, 2.0), 10.0),
    (special.logsumexp, lambda x: ours.logsumexp(x, axis=0, b=ROW), (2, 3), (-2.0, 2.0), 10.0),
    (special.logsumexp, lambda x: ours.logsumexp(ROW, b=x, axis=-1), (2, 3), POSITIVE, 10.0),
    (
        special.logsumexp,
        lambda x: np.multiply(*ours.logsumexp(x, axis=1, b=WEIGHTS, return_sign=True)),
        (2, 3),
        (-0.5, 0.0),
        100.0,
    ),
    (special.logsumexp, lambda x: np.multiply(*ours.logsumexp(x, return_sign=True)), (2, 3), (-2.0, 2.0), 10.0),
    (special.softmax, ours.softmax, (2, 3), (-2.0, 2.0), 10.0),
    (special.softmax, lambda x: ours.softmax(x, axis=-1), (2, 3), (-2.0, 2.0), 10.0),
    (special.log_softmax, ours.log_softmax, (3,), (-2.0, 2.0), 10.0),
    (special.log_softmax, lambda x: ours.log_softmax(x, axis=(0, 2)), (2, 3, 2), (-2.0, 2.0), 10.0),
    (special.polygamma, lambda x: ours.polygamma(0, x), (3,), POSITIVE, 100.0),
    (special.polygamma, lambda x: ours.polygamma(2, x), (2, 3), POSITIVE, 100.0),
    (special.multigammaln, lambda x: ours.multigammaln(x + 2, 3), (3,), POSITIVE, 100.0),
    (special.lambertw, ours.lambertw, (3,), POSITIVE, 100.0),
    (special.lambertw, lambda x: ours.lambertw(x, k=-1), (3,), (-0.3, -0.1), 100.0),
]
