"""The functions of `scipy.special` that are written in Python, which NumPy's protocols do not reach.

Called with handles they are traced; called with anything else they are SciPy's own. Everything else of
`scipy.special` that chainrule knows is called from SciPy itself.
"""

from __future__ import annotations

from typing import Any

import scipy.special

from chainrule.functions.special import real_branch
from chainrule.ops import special_kernels
from chainrule.trace.array import Array
from chainrule.trace.dispatch import call_function

__all__ = ["lambertw", "log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax", "zeta"]


def _call(function: Any, *args: Any, **keywords: Any) -> Any:
    """SciPy's function, or its graph where an argument is a handle."""
    if any(isinstance(value, Array) for value in (*args, *keywords.values())):
        return call_function(function, args, keywords)
    return function(*args, **keywords)


def softmax(x: Any, axis: Any = None) -> Any:
    """Exponentials divided by their sum over axes.

    Parameters
    ----------
    x : array_like
        The exponents, of any shape.
    axis : int or tuple of int, optional
        Axes of the sum; all of them by default.

    Returns
    -------
    Array or ndarray, shape of `x`
        Positive numbers that add up to 1.

    See Also
    --------
    log_softmax : Its logarithm, accurate where it is small.

    Examples
    --------
    >>> import chainrule as cr
    >>> import numpy as np
    >>> from chainrule.scipy.special import softmax
    >>> cr.grad(lambda x: softmax(x)[0])(np.zeros(2))
    array([ 0.25, -0.25])
    """
    return _call(scipy.special.softmax, x, axis=axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """Logarithm of the softmax over axes.

    Parameters
    ----------
    x : array_like
        The exponents, of any shape.
    axis : int or tuple of int, optional
        Axes of the sum; all of them by default.

    Returns
    -------
    Array or ndarray, shape of `x`
        Accurate also where the softmax is too small for a float.

    See Also
    --------
    softmax : The numbers themselves.
    """
    return _call(scipy.special.log_softmax, x, axis=axis)


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """Logarithm of a sum of exponentials over axes.

    Parameters
    ----------
    a : array_like
        The exponents, of any shape.
    axis : int or tuple of int, optional
        Axes of the sum; all of them by default.
    b : array_like, optional
        A weight for each exponential. A weight of 0 takes its entry out of the sum, even an infinite one.
    keepdims : bool
        Whether the axes stay, with size 1.
    return_sign : bool
        Whether to return the logarithm of the size of the sum, and the sign of the sum. Without it the logarithm of
        a negative sum is nan.

    Returns
    -------
    Array or ndarray, or a pair of them
        Where nothing but -inf is summed the value is -inf and the derivative 0.
    """
    return _call(scipy.special.logsumexp, a, axis=axis, b=b, keepdims=keepdims, return_sign=return_sign)


def polygamma(n: Any, x: Any) -> Any:
    """Derivative of the digamma function.

    Parameters
    ----------
    n : int
        Order of the derivative; an array of orders is taken for plain `x` only.
    x : array_like
        Where to evaluate, of any shape.

    Returns
    -------
    Array or ndarray, shape of `x`
        In float64, as SciPy's.

    Raises
    ------
    ArgumentError
        If `n` is no integer from 0 on.
    """
    return _call(scipy.special.polygamma, n, x)


def multigammaln(a: Any, d: int) -> Any:
    """Logarithm of the multivariate gamma function.

    Parameters
    ----------
    a : array_like
        Greater than (d - 1)/2.
    d : int
        Dimension.

    Returns
    -------
    Array or ndarray, shape of `a`
        In float64, as SciPy's.
    """
    return _call(scipy.special.multigammaln, a, d)


def lambertw(z: Any, k: int = 0) -> Any:
    """Real Lambert W function, with w exp(w) = z.

    Parameters
    ----------
    z : array_like
        At least -1/e; negative for branch -1.
    k : {0, -1}
        Branch.

    Returns
    -------
    Array or ndarray, shape of `z`
        A real number, where `scipy.special.lambertw` has a complex one; nan where the branch is not real.

    Raises
    ------
    ArgumentError
        If the branch has no real values.
    """
    if isinstance(z, Array):
        return call_function(scipy.special.lambertw, (z,), {"k": k})
    return special_kernels.lambertw(z, real_branch(k))[()]


def zeta(x: Any, q: Any = None) -> Any:
    """Hurwitz zeta function, the sum of (q + k)**-x over k = 0, 1, ...

    Parameters
    ----------
    x : array_like
        Exponent, by which there is no derivative.
    q : array_like, optional
        Start; without it this is the Riemann zeta function.

    Returns
    -------
    Array or ndarray
        By broadcasting.

    Raises
    ------
    NotDifferentiableError
        If a derivative by `x` is asked for.
    """
    return _call(scipy.special.zeta, x, q) if q is not None else _call(scipy.special.zeta, x)
