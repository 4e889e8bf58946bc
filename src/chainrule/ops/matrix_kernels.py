"""The numbers behind the ops on matrices, beyond NumPy's single calls. Called by `evaluate` as ``xp.kernels``.

Every function takes and gives plain arrays, with loop axes on the left.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from chainrule.errors import DegenerateError, UnsupportedError, fail

Values = np.ndarray[Any, Any]

# --- determinants ---------------------------------------------------------------------------------------------------


def cofactors(a: Values, *directions: Values) -> Values:
    """Derivative of the matrix of cofactors of `a` along `directions`.

    With A = U S V' it is det(U) det(V) U C V', where C is that of S along U' B V: products of singular values without
    those of a few chosen indices, times mixed minors of the turned directions. Nothing is divided.
    """
    order, n = len(directions), a.shape[-1]
    loops = np.broadcast_shapes(a.shape[:-2], *[b.shape[:-2] for b in directions])
    dtype = np.result_type(a, *directions)
    if order >= n:
        return np.zeros((*loops, n, n), dtype)  # cofactors are polynomials of degree n - 1
    u, s, vh = _svd_or_nan(a)
    with np.errstate(invalid="ignore"):
        orientation = np.sign(np.linalg.det(u) * np.linalg.det(vh)).astype(dtype)[..., None, None]
    turned = [u.swapaxes(-1, -2) @ b @ vh.swapaxes(-1, -2) for b in directions]
    return np.broadcast_to(orientation * (u @ _diagonal_cofactors(s, turned) @ vh), (*loops, n, n)).astype(dtype)


def _diagonal_cofactors(s: Values, directions: list[Values]) -> Values:
    """The same for a diagonal matrix: a sum over every choice of one index more than there are directions."""
    n, size = s.shape[-1], len(directions) + 1
    chosen = np.array(list(combinations(range(n), size)))
    left_out = np.zeros((len(chosen), n), bool)
    np.put_along_axis(left_out, chosen, True, axis=-1)
    weights = np.prod(np.where(left_out, 1, s[..., None, :]), axis=-1, dtype=s.dtype)
    rows, columns = chosen[:, :, None], chosen[:, None, :]
    blocks = weights[..., None, None] * _mixed_cofactors([b[..., rows, columns] for b in directions], size)
    out = np.zeros((*blocks.shape[:-3], n, n), blocks.dtype)
    index: Any = (..., rows, columns)
    np.add.at(out, index, blocks)
    return out


def _mixed_cofactors(matrices: list[Values], size: int) -> Values:
    """Gradient, by one further matrix, of the part of det(sum) that is linear in each of the ``size - 1`` matrices."""
    if not matrices:
        return np.ones((1, 1))
    first, rest = matrices[0], matrices[1:]
    out = np.empty((*np.broadcast_shapes(*[b.shape for b in matrices])[:-2], size, size), first.dtype)
    for i in range(size):
        for j in range(size):
            minors = [np.delete(np.delete(b, i, axis=-2), j, axis=-1) for b in (first, *rest)]
            mixed = np.sum(minors[0] * _mixed_cofactors(minors[1:], size - 1), axis=(-2, -1))
            out[..., i, j] = -mixed if (i + j) % 2 else mixed
    return out


def _svd_or_nan(a: Values) -> tuple[Values, Values, Values]:
    """The singular value decomposition, nan for every matrix that is not finite."""
    finite = np.asarray(np.isfinite(a).all(axis=(-2, -1)))[..., None]
    u, s, vh = np.linalg.svd(np.where(finite[..., None], a, 0))
    return u, np.where(finite, s, np.nan).astype(a.dtype), vh


# --- singular values, orthogonal factors, eigenvectors --------------------------------------------------------------


def svd(a: Values, full: bool) -> tuple[Values, Values, Values]:
    """Singular vectors and values, as a plain tuple."""
    result = np.linalg.svd(a, full_matrices=full)
    return result.U, result.S, result.Vh


def svdvals(a: Values) -> Values:
    """Singular values alone."""
    return np.linalg.svd(a, compute_uv=False)


def qr(a: Values, mode: Any) -> tuple[Values, Values]:
    """Orthogonal and triangular factors, as a plain tuple."""
    result = np.linalg.qr(a, mode=mode)
    return result.Q, result.R


def eig(a: Values, call: str) -> tuple[Values, Values]:
    """Eigenvalues and eigenvectors, where all are real."""
    result = np.linalg.eig(a)
    if result.eigenvalues.dtype.kind == "c":
        raise fail(
            UnsupportedError,
            call,
            "an eigenvalue is complex, and complex numbers are not supported yet",
            [("a", a)],
            fix="use numpy.linalg.eigvalsh for a symmetric matrix, or svdvals",
        )
    return result.eigenvalues, result.eigenvectors


def singular_gap_divide(x: Values, s: Values, reachable: Values | None = None) -> Values:
    """``x[i, j] / (s[j] - s[i])``, 0 on the diagonal."""
    gaps = s[..., None, :] - s[..., :, None]
    return guarded_divide(x, gaps, s, reachable, np.eye(s.shape[-1], dtype=bool), "numpy.linalg.svd", REPEATED)


def singular_sum_divide(x: Values, s: Values, reachable: Values | None = None) -> Values:
    """``x[i, j] / (s[j] + s[i])``, 0 on the diagonal."""
    sums = s[..., None, :] + s[..., :, None]
    diagonal = np.eye(s.shape[-1], dtype=bool)
    sums = np.where(diagonal, 0, sums)
    return guarded_divide(x, sums, s, reachable, diagonal, "numpy.linalg.svd", VANISHING)


def singular_divide(x: Values, s: Values, reachable: Values | None = None) -> Values:
    """``x[i, j] / s[j]``."""
    divisors = np.broadcast_to(s[..., None, :], np.broadcast_shapes(x.shape, (*s.shape[:-1], 1, s.shape[-1])))
    return guarded_divide(x, divisors, s, reachable, np.zeros((), bool), "numpy.linalg.svd", VANISHING)


def eigenvalue_gap_divide(x: Values, w: Values, reachable: Values | None = None) -> Values:
    """``x[i, j] / (w[j] - w[i])``, 0 on the diagonal; for matrices that are not symmetric."""
    gaps = w[..., None, :] - w[..., :, None]
    return guarded_divide(x, gaps, w, reachable, np.eye(w.shape[-1], dtype=bool), "numpy.linalg.eig", REPEATED_EIG)


REPEATED = (
    "the derivative depends on the choice of singular vectors for a repeated singular value",
    "use the singular values alone (compute_uv=False), or only vectors of simple singular values",
)
VANISHING = (
    "the derivative depends on the choice of singular vectors for a singular value 0",
    "use the singular values alone (compute_uv=False), or vectors of singular values that are not 0",
)
REPEATED_EIG = (
    "the derivative depends on the choice of eigenvectors for a repeated eigenvalue",
    "use numpy.linalg.eigvals, or only eigenvectors of simple eigenvalues",
)


def guarded_divide(
    x: Values,
    divisors: Values,
    scale_of: Values,
    reachable: Values | None,
    diagonal: Values,
    call: str,
    words: tuple[str, str],
) -> Values:
    """``x / divisors``; 0 where a divisor vanishes to rounding, if that is known to be right, else DegenerateError.

    It is not where `reachable` holds, or, without it, where the entry of `x` does not vanish to rounding.
    """
    eps = np.finfo(divisors.dtype).eps
    n = max(divisors.shape[-2:])
    scale = np.max(np.abs(scale_of), axis=-1, initial=0)[..., None, None]
    tied = np.abs(divisors) <= 4 * n * eps * scale
    if reachable is None:
        size = np.max(np.abs(x), axis=(-1, -2), keepdims=True, initial=0)
        reachable = np.abs(x) > 64 * n * eps * size
    if np.any(tied & reachable & ~diagonal):
        raise fail(DegenerateError, call, words[0], [("a", x)], fix=words[1])
    with np.errstate(all="ignore"):
        return np.where(tied, 0, x / np.where(tied, 1, divisors)).astype(x.dtype, copy=False)


def free_basis(x: Values, size: int, is_cotangent: bool) -> Values:
    """Zeros, in place of what turns a basis of a space of two dimensions or more into another: nothing defines it.

    A tangent that moves the space is refused. A cotangent is refused unless it is the same for every basis of the
    space, which is so if it is symmetric.
    """
    if is_cotangent:
        size_of = np.max(np.abs(x), axis=(-1, -2), keepdims=True, initial=0)
        turning = np.abs(x - x.swapaxes(-1, -2)) > 64 * x.shape[-1] * np.finfo(x.dtype).eps * size_of
    else:
        turning = x != 0
    if np.any(turning):
        raise fail(
            DegenerateError,
            "numpy.linalg",
            "the derivative depends on the choice of a basis that completes orthogonal columns",
            [("columns", x)],
            fix="use full_matrices=False, or mode='reduced'",
        )
    return np.zeros((*x.shape[:-1], size), x.dtype)


def solve_full_rank(a: Values, b: Values) -> Values:
    """The solution for a triangular factor, refused where it is singular to rounding."""
    diagonal = np.abs(np.diagonal(a, axis1=-2, axis2=-1))
    limit = a.shape[-1] * np.finfo(a.dtype).eps * np.max(diagonal, axis=-1, keepdims=True, initial=0)
    if np.any(diagonal <= limit):
        raise fail(
            DegenerateError,
            "numpy.linalg.qr",
            "the columns are linearly dependent, so that the factors are not smooth",
            [("r", a)],
            fix="use numpy.linalg.svd, or add independent columns only",
        )
    return np.linalg.solve(a, b)


# --- norms ----------------------------------------------------------------------------------------------------------


def power_norm(x: Values, p: float, axis: tuple[int, ...]) -> Any:
    """Norm of order `p`, computed as NumPy does."""
    total = np.add.reduce(np.abs(x) ** p, axis=axis)
    return total ** np.reciprocal(p, dtype=total.dtype)


# --- least squares --------------------------------------------------------------------------------------------------


def pinv(a: Values, rcond: Any, full_rank: bool) -> Values:
    """The pseudoinverse; a matrix of less than full rank is refused if `full_rank`."""
    a = np.asarray(a)
    if full_rank and a.size:
        s = np.linalg.svd(a, compute_uv=False)
        limit = max(a.shape[-2:]) * np.finfo(s.dtype).eps * s[..., :1]
        if np.any(s <= limit):
            raise _rank_deficient(a)
    return np.linalg.pinv(a, rcond=rcond)


def lstsq(a: Values, b: Values, rcond: Any, full_rank: bool) -> Values:
    """Least-squares solutions, for a stack of systems too."""
    loops = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, (*loops, *a.shape[-2:])), np.broadcast_to(b, (*loops, *b.shape[-2:]))
    out = np.empty((*loops, a.shape[-1], b.shape[-1]), np.result_type(a, b))
    for place in np.ndindex(loops):
        out[place], _, rank, _ = np.linalg.lstsq(a[place], b[place], rcond=rcond)
        if full_rank and rank < min(a.shape[-2:]):
            raise _rank_deficient(a)
    return out


def _rank_deficient(a: Values) -> Exception:
    return fail(
        DegenerateError,
        "numpy.linalg.lstsq",
        "the matrix has less than full rank, so that the solution is not smooth",
        [("a", a)],
        fix="add a small multiple of the identity (ridge regression), or drop dependent columns",
    )


# --- functions of matrices ------------------------------------------------------------------------------------------


def matrix_function(function: str, a: Values, *directions: Values) -> Values:
    """A function of `a`, or its derivative along `directions`: a block of the function of a larger matrix."""
    dtype = np.result_type(a, *directions, *([float] if function == "logm" else []))  # SciPy's logm has no float32
    if not directions:
        return _real(function, a.astype(dtype, copy=False), dtype, a)
    n = a.shape[-1]
    loops = np.broadcast_shapes(a.shape[:-2], *[e.shape[:-2] for e in directions])
    block = np.broadcast_to(a, (*loops, n, n)).astype(dtype)
    factor = np.ones((*loops, 1, 1), dtype)
    reach = np.max(np.abs(a), axis=(-2, -1), keepdims=True, initial=0)
    for e in directions:
        # Directions are brought to the size of the matrix, so that they do not spoil the scaling of its function.
        length = np.max(np.abs(e), axis=(-2, -1), keepdims=True, initial=0)
        scale = np.where((length > 0) & (reach > 0) & np.isfinite(length), reach / np.where(length > 0, length, 1), 1)
        factor = factor / scale.astype(dtype)
        size = block.shape[-1]
        grown = np.zeros((*loops, 2 * size, 2 * size), dtype)
        grown[..., :size, :size] = grown[..., size:, size:] = block
        for start in range(0, size, n):
            grown[..., start : start + n, size + start : size + start + n] = scale * e
        block = grown
    whole = _real(function, block, dtype, a)
    return (whole[..., :n, -n:] * factor).astype(dtype)


def _real(function: str, a: Values, dtype: np.dtype[Any], message_about: Values) -> Values:
    """SciPy's answer, if it is real; a part that is imaginary to rounding is dropped."""
    import scipy.linalg  # takes its time to import, and only these functions need it

    value = np.asarray(getattr(scipy.linalg, function)(a))
    if value.dtype.kind == "c":
        if np.any(np.abs(value.imag) > 1e3 * np.finfo(dtype).eps * np.max(np.abs(value), initial=0)):
            raise fail(
                UnsupportedError,
                f"scipy.linalg.{function}",
                "the result is complex, and complex numbers are not supported yet",
                [("a", message_about)],
                fix="give a matrix without negative eigenvalues",
            )
        value = value.real
    return value.astype(dtype, copy=False)
