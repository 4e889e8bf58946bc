"""What NumPy has no single call for: the numbers behind a few ops. Called by `evaluate` as ``xp.kernels``.

Every function takes and gives plain arrays, with loop axes on the left. Nothing here knows of nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np

from chainrule.core.conventions import report
from chainrule.errors import DegenerateError, fail
from chainrule.ops import matrix_kernels, product_kernels, special_kernels

Values = np.ndarray[Any, Any]

# The numbers of matrices have a file of their own; ops find them here.
cofactors = matrix_kernels.cofactors
eig = matrix_kernels.eig
eigenvalue_gap_divide = matrix_kernels.eigenvalue_gap_divide
free_basis = matrix_kernels.free_basis
lstsq = matrix_kernels.lstsq
matrix_function = matrix_kernels.matrix_function
pinv = matrix_kernels.pinv
power_norm = matrix_kernels.power_norm
qr = matrix_kernels.qr
singular_divide = matrix_kernels.singular_divide
singular_gap_divide = matrix_kernels.singular_gap_divide
singular_sum_divide = matrix_kernels.singular_sum_divide
solve_full_rank = matrix_kernels.solve_full_rank
svd = matrix_kernels.svd
svdvals = matrix_kernels.svdvals

# So have those of special functions.
expn = special_kernels.expn
exprel_derivative = special_kernels.exprel_derivative
lambertw = special_kernels.lambertw
logrel_derivative = special_kernels.logrel_derivative
polygamma = special_kernels.polygamma
sinc_derivative = special_kernels.sinc_derivative

# And those of products and convolutions.
convolve = product_kernels.convolve
exclusive_products = product_kernels.exclusive_products
recurrence = product_kernels.recurrence
searchsorted = product_kernels.searchsorted


def at_kink(mask: Any, value: Any, formula: Any, convention: str) -> Any:
    """`value` where `mask` holds, else `formula`; a use of the convention is reported."""
    if np.any(mask):
        report(convention)
        return np.where(mask, value, formula)
    if np.shape(mask) == np.shape(formula) and isinstance(value, int | float):
        return formula
    return np.where(mask, value, formula)


def power_derivative(x: Any, y: Any, by_base: int, by_exponent: int) -> Any:
    """∂ᵐ⁺ⁿ(x**y) / ∂xᵐ ∂yⁿ for m = `by_base`, n = `by_exponent`: x**(y - m) times a polynomial in log(x)."""
    if not isinstance(y, float | int) and y.dtype.kind in "biu":
        y = y.astype(np.result_type(x, y))  # y (y - 1) ... must not wrap around in a small integer dtype
    slopes = _falling_factorial(y, by_base, by_exponent)
    terms = [comb(by_exponent, k) * slopes[by_exponent - k] for k in range(by_exponent + 1)]  # of log(x) ** k
    logarithm = np.log(x) if by_exponent else 0
    total = terms[-1]
    for term in reversed(terms[:-1]):
        total = total * logarithm + term
    out = total * np.power(x, y - by_base)
    at_zero = np.equal(x, 0)
    if np.any(at_zero):
        if by_base == 0 and by_exponent == 1:
            undefined = at_zero & np.equal(y, 0)
            out = at_kink(undefined, 0.0, np.where(at_zero, _limit_at_zero(terms, y), out), "x**y at x = y = 0: 0 by y")
        elif by_exponent == 0:
            out = np.where(at_zero & np.equal(total, 0), 0, out)
        else:
            out = np.where(at_zero, _limit_at_zero(terms, y - by_base), out)
    dtype = np.result_type(x, y)  # the functions above take a Python number for a float64
    return np.asarray(out, dtype if dtype.kind == "f" else float)


def _falling_factorial(y: Any, factors: int, order: int) -> list[Any]:
    """The derivatives 0 to `order` of y (y - 1) ... (y - factors + 1)."""
    slopes = [np.ones_like(y), *[np.zeros_like(y)] * order]
    for i in range(factors):
        slopes = [(y - i) * slope + k * slopes[k - 1] if k else (y - i) * slope for k, slope in enumerate(slopes)]
    return slopes


def _limit_at_zero(terms: list[Any], exponent: Any) -> Any:
    """The limit of x**exponent * sum(terms[k] * log(x)**k) as x falls to 0."""
    leading, sign = terms[0], 1
    power = np.zeros_like(terms[0])
    for k, term in enumerate(terms[1:], 1):
        sign = -sign
        leading = np.where(np.equal(term, 0), leading, sign * term)
        power = np.where(np.equal(term, 0), power, k)
    unbounded = (exponent < 0) | (power > 0)
    grown = np.where(np.equal(leading, 0), 0, leading * np.inf)
    return np.where(exponent > 0, 0, np.where(unbounded, grown, leading))


def pad_into(x: Values, index: tuple[Any, ...], core: tuple[int, ...]) -> Values:
    """Zeros of core shape `core` with the core axes of `x` at a basic `index`."""
    x = np.asarray(x)
    inner = len([entry for entry in index if isinstance(entry, slice)])
    out = np.zeros((*x.shape[: x.ndim - inner], *core), x.dtype)
    out[(..., *index)] = x
    return out


def gather(x: Values, indices: Sequence[Values], rank: int, index_rank: int) -> Values:
    """Entries of `x` at `indices` of its first core axes."""
    loops = x.shape[: x.ndim - rank]
    if loops:
        loops = np.broadcast_shapes(loops, *_loops(indices, index_rank))
        x = np.broadcast_to(x, (*loops, *x.shape[x.ndim - rank :]))
    entries: Values = x[_paired_index(loops, indices, index_rank)]
    return entries


def scatter_add(values: Values, indices: Sequence[Values], core: tuple[int, ...], index_rank: int) -> Values:
    """`values` added into zeros at `indices`; entries that meet are summed."""
    values = np.asarray(values)
    inner = index_rank + len(core) - len(indices)
    loops = np.broadcast_shapes(values.shape[: values.ndim - inner], *_loops(indices, index_rank))
    out = np.zeros((*loops, *core), values.dtype)
    np.add.at(out, _paired_index(loops, indices, index_rank), values)
    return out


def _loops(indices: Sequence[Values], index_rank: int) -> list[tuple[int, ...]]:
    """The loop axes of index arrays."""
    return [np.shape(index)[: np.ndim(index) - index_rank] for index in indices]


def set_item(x: Values, value: Values, index: tuple[Any, ...]) -> Values:
    """`x` with `value` at a basic index of its core axes."""
    inner = len([entry for entry in index if isinstance(entry, slice)])
    loops = np.broadcast_shapes(np.shape(x)[: np.ndim(x) - len(index)], np.shape(value)[: np.ndim(value) - inner])
    out = np.array(np.broadcast_to(x, (*loops, *np.shape(x)[np.ndim(x) - len(index) :])))
    out[(..., *index)] = value
    return out


def scatter_set(x: Values, value: Values, indices: Sequence[Values], rank: int, index_rank: int) -> Values:
    """`x` with `value` at `indices` of its first core axes; of two that meet, the last counts."""
    inner = index_rank + rank - len(indices)
    ends = [np.shape(x)[: np.ndim(x) - rank], np.shape(value)[: np.ndim(value) - inner]]
    loops = np.broadcast_shapes(*ends, *_loops(indices, index_rank))
    out = np.array(np.broadcast_to(x, (*loops, *np.shape(x)[np.ndim(x) - rank :])))
    out[_paired_index(out.shape[: len(loops)], indices, index_rank)] = value
    return out


def last_write(indices: Sequence[Values], core: tuple[int, ...], index_rank: int) -> Values:
    """Whether each entry of the index arrays is the last that names its place."""
    together = np.broadcast_arrays(*indices)
    loops = together[0].shape[: together[0].ndim - index_rank]
    out = np.zeros(together[0].shape, bool)
    for place in np.ndindex(loops):
        wrapped = [np.ravel(k[place]) % max(size, 1) for k, size in zip(together, core, strict=True)]
        flat = np.ravel_multi_index(tuple(wrapped), core)
        _, first_from_the_end = np.unique(flat[::-1], return_index=True)
        mask = np.zeros(flat.size, bool)
        mask[flat.size - 1 - first_from_the_end] = True
        out[place] = mask.reshape(together[0].shape[len(loops) :])
    return out


def _paired_index(loops: tuple[int, ...], indices: Sequence[Values], index_rank: int) -> tuple[Any, ...]:
    """An index that pairs the loop axes of an array, of sizes `loops`, with those of the index arrays."""
    if not any(_loops(indices, index_rank)):
        return (*[slice(None)] * len(loops), *indices)
    # One range for each loop axis, so that NumPy's advanced indexing walks them together.
    ranges = [
        np.arange(size).reshape((size,) + (1,) * (len(loops) - 1 - k + index_rank)) for k, size in enumerate(loops)
    ]
    return (*ranges, *indices)


def logsumexp(x: Values, axis: tuple[int, ...]) -> Any:
    """Log of the sum of exponentials; -inf where all are -inf."""
    with np.errstate(all="ignore"):
        top = np.maximum.reduce(x, axis=axis, keepdims=True)
        shift = np.where(np.isfinite(top), top, 0)
        total = np.add.reduce(np.exp(x - shift), axis=axis, keepdims=True)
        return np.add.reduce(np.log(total) + shift, axis=axis)


def solve_or_nan(a: Values, b: Values) -> Values:
    """The solution of a linear system, nan for every singular matrix."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        loops = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a = np.broadcast_to(a, (*loops, *a.shape[-2:]))
        b = np.broadcast_to(b, (*loops, *b.shape[-2:]))
        out = np.full(b.shape, np.nan, np.result_type(a, b))
        for place in np.ndindex(loops):
            try:
                out[place] = np.linalg.solve(a[place], b[place])
            except np.linalg.LinAlgError:
                continue  # stays nan
        return out


def eigh(a: Values, uplo: Any) -> tuple[Values, Values]:
    """Eigenvalues and eigenvectors, as a plain tuple."""
    result = np.linalg.eigh(a, uplo)
    return result.eigenvalues, result.eigenvectors


def gap_divide(x: Values, w: Values, reachable: Values | None = None) -> Values:
    """``x[i, j] / (w[j] - w[i])``; 0 where w[i] and w[j] are equal to rounding, if that is known to be right.

    It is not where `reachable` holds, or, without it, where x[i, j] does not vanish to rounding: DegenerateError.
    """
    eps = np.finfo(w.dtype).eps
    n = w.shape[-1]
    gaps = w[..., None, :] - w[..., :, None]
    scale = np.max(np.abs(w), axis=-1, initial=0)[..., None, None]
    tied = np.abs(gaps) <= 4 * n * eps * scale
    if reachable is None:
        size = np.max(np.abs(x), axis=(-1, -2), keepdims=True, initial=0)
        reachable = np.abs(x) > 64 * n * eps * size
    if np.any(tied & reachable & ~np.eye(n, dtype=bool)):
        raise fail(
            DegenerateError,
            "numpy.linalg.eigh",
            "the derivative depends on the choice of eigenvectors for a repeated eigenvalue",
            [("w", w)],
            fix="use the eigenvalues alone, or only eigenvectors of simple eigenvalues, as in V[:, -1]",
        )
    with np.errstate(all="ignore"):
        return np.where(tied, 0, x / np.where(tied, 1, gaps)).astype(x.dtype, copy=False)


def weaken(value: Any) -> Any:
    """A Python number, so that NumPy treats the dtype as weak."""
    return value.item() if isinstance(value, np.ndarray | np.generic) else value
