"""The numbers of special functions that SciPy has no call for. Reached as ``xp.kernels``, through `kernels`."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
import scipy.special


def polygamma(x: Any, order: int) -> Any:
    """The derivative of that order of the digamma function, from 1 on."""
    return (-1) ** (order + 1) * factorial(order) * scipy.special.zeta(float(order + 1), x)


@np.errstate(all="ignore")
def expn(n: Any, x: Any) -> Any:
    """The exponential integral E_n, also for the negative orders that its derivatives lead to."""
    # A Python number must stay one, or it would decide the dtype.
    below, above = (min(n, 0), max(n, 0)) if isinstance(n, int | float) else (np.minimum(n, 0), np.maximum(n, 0))
    known = scipy.special.expn(above, x)
    # E_n(x) = x**(n - 1) Γ(1 - n, x), a finite sum of positive terms for n <= 0.
    closed = np.power(x, below - 1.0) * (scipy.special.gammaincc(1 - below, x) * scipy.special.gamma(1 - below))
    return np.where(np.less(n, 0), closed, known).astype(known.dtype)


@np.errstate(all="ignore")
def lambertw(x: Any, branch: int) -> Any:
    """The real Lambert W function; nan where that branch is not real."""
    w = scipy.special.lambertw(x, branch)
    real = np.greater_equal(x, -np.exp(-1.0)) & (np.less(x, 0) | (branch == 0))
    return np.where(real, w.real, np.nan).astype(_float_dtype(x))


@np.errstate(all="ignore")
def sinc_derivative(x: Any, order: int) -> Any:
    """The derivative of that order of sin(πx) / (πx)."""
    if order == 0:
        return np.sinc(x)
    y = np.pi * np.asarray(x, float)
    waves = (np.sin(y), np.cos(y), -np.sin(y), -np.cos(y))
    far = np.sinc(np.asarray(x, float))
    for n in range(1, order + 1):  # y g = sin(y), differentiated n times
        far = (waves[n % 4] - n * far) / y
    # ∫ tⁿ cos(ty + nπ/2) dt over 0 < t < 1, term by term
    bound = max(1.0, order / 2)
    near = _power_series(
        np.where(np.abs(y) < bound, y, 0),
        lambda j: _REAL_PART[(j + order) % 4] / (factorial(j) * (j + order + 1)),
        bound,
    )
    return (np.pi**order * np.where(np.abs(y) < bound, near, far)).astype(_float_dtype(x))


# Of iⁿ: the signs with which the terms of a cosine enter.
_REAL_PART = (1, 0, -1, 0)


@np.errstate(all="ignore")
def exprel_derivative(x: Any, order: int) -> Any:
    """The derivative of that order of (exp(x) - 1) / x."""
    if order == 0:
        return scipy.special.exprel(x)
    z = np.asarray(x, float)
    grown = np.exp(z)
    far = scipy.special.exprel(z)
    for n in range(1, order + 1):  # x f = exp(x) - 1, differentiated n times
        far = np.where(np.isinf(grown), grown, (grown - n * far) / z)
    # ∫ tⁿ exp(tx) dt over 0 < t < 1, as a series of terms of one sign on either side
    bound = order + 1.0
    small = np.where(np.abs(z) < bound, z, 0)
    above = _power_series(np.maximum(small, 0), lambda j: 1 / (factorial(j) * (j + order + 1)), bound)
    below = _power_series(np.maximum(-small, 0), lambda j: factorial(order) / factorial(order + j + 1), bound)
    near = np.where(small < 0, np.exp(small) * below, above)
    dtype = scipy.special.exprel(x).dtype
    return np.where(np.abs(z) < bound, near, far).astype(dtype)


@np.errstate(all="ignore")
def logrel_derivative(x: Any, order: int) -> Any:
    """The derivative of that order of log(x) / (x - 1)."""
    x64 = np.asarray(x, float)
    z = x64 - 1
    far = np.log(x64) / z
    for n in range(1, order + 1):  # (x - 1) f = log(x), differentiated n times
        far = ((-1) ** (n - 1) * factorial(n - 1) / x64**n - n * far) / z
    # n! x**-(n + 1) ∫ tⁿ / (1 - wt) dt over 0 < t < 1, with w = (x - 1)/x: terms that do not cancel
    w = z / x64
    bound = 0.75
    near = _power_series(np.where(np.abs(w) < bound, w, 0), lambda j: 1 / (order + 1 + j), 24.0)
    near = (-1) ** order * factorial(order) * near / x64 ** (order + 1)
    return np.where(np.abs(w) < bound, near, far).astype(_float_dtype(x))


def _power_series(x: Any, coefficient: Any, reach: float) -> Any:
    """Sum of ``coefficient(j) * x**j``, with more terms the farther from 0 it must reach."""
    terms = 40 + int(4 * reach)
    total = np.zeros_like(x)
    for j in reversed(range(terms)):
        total = total * x + coefficient(j)
    return total


def _float_dtype(x: Any) -> np.dtype[Any]:
    dtype = np.result_type(x)
    return dtype if dtype.kind == "f" else np.dtype(float)
