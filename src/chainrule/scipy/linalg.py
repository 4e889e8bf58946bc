"""Functions of `scipy.linalg`, for handles and plain arrays alike.

SciPy does not let other arrays answer its functions, so that ``scipy.linalg.expm`` itself cannot be traced; these can.
Called with anything but handles each is SciPy's own function.
"""

from __future__ import annotations

from typing import Any

import scipy.linalg

from chainrule.functions import matrix_functions
from chainrule.trace.array import Array
from chainrule.trace.dispatch import call_function, provide

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "cholesky",
    "det",
    "expm",
    "expm_frechet",
    "inv",
    "logm",
    "solve",
    "solve_triangular",
    "sqrtm",
    "svdvals",
]

provide(scipy.linalg.expm, matrix_functions.expm, "A")
provide(scipy.linalg.logm, matrix_functions.logm, "A")
provide(scipy.linalg.sqrtm, matrix_functions.sqrtm, "A")
provide(scipy.linalg.expm_frechet, matrix_functions.expm_frechet, "A E")
provide(scipy.linalg.solve_triangular, matrix_functions.solve_triangular, "a b")
provide(scipy.linalg.cholesky, matrix_functions.cholesky, "a")
provide(scipy.linalg.cho_factor, matrix_functions.cho_factor, "a")
provide(scipy.linalg.cho_solve, matrix_functions.cho_solve, "c b")
provide(scipy.linalg.det, matrix_functions.det, "a")
provide(scipy.linalg.inv, matrix_functions.inv, "a")
provide(scipy.linalg.solve, matrix_functions.solve, "a b")
provide(scipy.linalg.svdvals, matrix_functions.svdvals, "a")
provide(scipy.linalg.block_diag, matrix_functions.block_diag, "arrs")


def _call(function: Any, *args: Any, **keywords: Any) -> Any:
    """SciPy's function, or its graph where an argument is a handle."""
    if any(isinstance(value, Array) for value in (*args, *keywords.values())):
        return call_function(function, args, keywords)
    return function(*args, **keywords)


def expm(A: Any) -> Any:  # noqa: N803 - SciPy's name
    """Exponential of square matrices.

    Parameters
    ----------
    A : array_like, shape (..., n, n)
        One matrix, or a stack of them.

    Returns
    -------
    Array or ndarray, shape of `A`
        The exponential of each matrix.

    Notes
    -----
    The derivative of every order is a block of the exponential of a block triangular matrix.

    References
    ----------
    .. [1] N. J. Higham and S. D. Relton, "Higher order Fréchet derivatives of matrix functions and the level-2
       condition number", 2014.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> from chainrule.scipy.linalg import expm
    >>> cr.grad(lambda a: expm(a)[0, 1])(np.zeros((2, 2)))
    array([[0., 1.],
           [0., 0.]])
    """
    return _call(scipy.linalg.expm, A)


def logm(A: Any) -> Any:  # noqa: N803 - SciPy's name
    """Principal logarithm of square matrices without eigenvalues on the negative axis.

    Parameters
    ----------
    A : array_like, shape (..., n, n)
        One matrix, or a stack of them.

    Returns
    -------
    Array or ndarray, shape of `A`
        A complex result is refused where a derivative is taken.
    """
    return _call(scipy.linalg.logm, A)


def sqrtm(A: Any) -> Any:  # noqa: N803 - SciPy's name
    """Principal square root of square matrices without negative eigenvalues.

    Parameters
    ----------
    A : array_like, shape (..., n, n)
        One matrix, or a stack of them.

    Returns
    -------
    Array or ndarray, shape of `A`
        A complex result is refused where a derivative is taken.
    """
    return _call(scipy.linalg.sqrtm, A)


def expm_frechet(A: Any, E: Any, method: Any = None, compute_expm: bool = True, check_finite: bool = True) -> Any:  # noqa: N803
    """Exponential of a square matrix, and its derivative along another.

    Parameters
    ----------
    A : array_like, shape (n, n)
        The matrix whose exponential is taken.
    E : array_like, shape (n, n)
        The direction of the derivative.
    method : str, optional
        As in SciPy; without effect where a derivative is taken.
    compute_expm : bool
        Whether to return the exponential too.
    check_finite : bool
        As in SciPy; without effect where a derivative is taken.

    Returns
    -------
    tuple of Array or ndarray, or one of them
        The exponential and the derivative, or the derivative alone; each of shape (n, n).
    """
    return _call(scipy.linalg.expm_frechet, A, E, method=method, compute_expm=compute_expm, check_finite=check_finite)


def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """Solve a linear system with a triangular matrix.

    Parameters
    ----------
    a : array_like, shape (n, n)
        Only one triangle is read; the derivative by the other is 0.
    b : array_like, shape (n,) or (n, k)
        The right-hand side, or k of them as columns.
    trans : {0, 1, 2, 'N', 'T', 'C'}
        Whether to solve with the transpose.
    lower : bool
        Which triangle.
    unit_diagonal : bool
        Whether the diagonal is taken for ones.
    overwrite_b, check_finite : bool
        As in SciPy; without effect where a derivative is taken.

    Returns
    -------
    Array or ndarray, shape of `b`
        The solution.
    """
    return _call(
        scipy.linalg.solve_triangular,
        a,
        b,
        trans=trans,
        lower=lower,
        unit_diagonal=unit_diagonal,
        overwrite_b=overwrite_b,
        check_finite=check_finite,
    )


def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Cholesky factor of a symmetric matrix, upper by default.

    Parameters
    ----------
    a : array_like, shape (n, n)
        The gradient is symmetric.
    lower : bool
        Whether the factor is the lower triangle.
    overwrite_a, check_finite : bool
        As in SciPy; without effect where a derivative is taken.

    Returns
    -------
    Array or ndarray, shape of `a`
        The factor, with zeros in the other triangle.
    """
    return _call(scipy.linalg.cholesky, a, lower=lower, overwrite_a=overwrite_a, check_finite=check_finite)


def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, bool]:
    """Cholesky factor of a symmetric matrix, for `cho_solve`.

    Parameters
    ----------
    a : array_like, shape (n, n)
        Symmetric and positive definite.
    lower : bool
        Whether the factor is the lower triangle.
    overwrite_a, check_finite : bool
        As in SciPy; without effect where a derivative is taken.

    Returns
    -------
    Array or ndarray, bool
        The factor, with other numbers in the other triangle; and `lower`.
    """
    if isinstance(a, Array):
        return _call(scipy.linalg.cho_factor, a, lower=lower), lower
    factor: tuple[Any, bool] = scipy.linalg.cho_factor(a, lower, overwrite_a, check_finite)
    return factor


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """Solve a linear system, given the Cholesky factor of its matrix.

    Parameters
    ----------
    c_and_lower : tuple
        What `cho_factor` returned.
    b : array_like, shape (n,) or (n, k)
        The right-hand side, or k of them as columns.
    overwrite_b, check_finite : bool
        As in SciPy; without effect where a derivative is taken.

    Returns
    -------
    Array or ndarray, shape of `b`
        The solution.
    """
    factor, lower = c_and_lower
    if isinstance(factor, Array) or isinstance(b, Array):
        return _call(scipy.linalg.cho_solve, factor, b, lower=lower)
    return scipy.linalg.cho_solve((factor, lower), b, overwrite_b, check_finite)


def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Determinant of square matrices.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        One matrix, or a stack of them.
    overwrite_a, check_finite : bool
        As in SciPy; without effect where a derivative is taken.

    Returns
    -------
    Array or ndarray, shape (...)
        The determinant of each matrix.
    """
    return _call(scipy.linalg.det, a, overwrite_a=overwrite_a, check_finite=check_finite)


def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: Any = None, lower: bool = False
) -> Any:
    """Inverse of square matrices.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        One matrix, or a stack of them.
    overwrite_a, check_finite : bool
        As in SciPy; without effect where a derivative is taken.
    assume_a : str, optional
        Only the default, 'gen' and 'general' are supported where a derivative is taken.
    lower : bool
        True is refused where a derivative is taken.

    Returns
    -------
    Array or ndarray, shape of `a`
        The inverse of each matrix.
    """
    return _call(
        scipy.linalg.inv, a, overwrite_a=overwrite_a, check_finite=check_finite, assume_a=assume_a, lower=lower
    )


def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: Any = None,
    transposed: bool = False,
) -> Any:
    """Solve a linear system.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        One matrix, or a stack of them.
    b : array_like, shape (n,) or (..., n, k)
        The right-hand side, or k of them as columns.
    lower : bool
        True is refused where a derivative is taken.
    overwrite_a, overwrite_b, check_finite : bool
        As in SciPy; without effect where a derivative is taken.
    assume_a : str, optional
        Only the default, 'gen' and 'general' are supported where a derivative is taken.
    transposed : bool
        Whether to solve with the transpose.

    Returns
    -------
    Array or ndarray, shape (..., n) or (..., n, k)
        The solution, for each matrix of a stack.
    """
    return _call(
        scipy.linalg.solve,
        a,
        b,
        lower=lower,
        overwrite_a=overwrite_a,
        overwrite_b=overwrite_b,
        check_finite=check_finite,
        assume_a=assume_a,
        transposed=transposed,
    )


def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Singular values.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
        One matrix, or a stack of them.
    overwrite_a, check_finite : bool
        As in SciPy; without effect where a derivative is taken.

    Returns
    -------
    Array or ndarray, shape (..., min(m, n))
        The singular values of each matrix, from large to small.
    """
    return _call(scipy.linalg.svdvals, a, overwrite_a=overwrite_a, check_finite=check_finite)


def block_diag(*arrs: Any) -> Any:
    """Matrix with the given ones along its diagonal, zeros elsewhere.

    Parameters
    ----------
    *arrs : array_like
        Matrices, or vectors as rows.

    Returns
    -------
    Array or ndarray
        It has as many rows and columns as the matrices together.
    """
    return _call(scipy.linalg.block_diag, *arrs)
