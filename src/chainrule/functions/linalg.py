"""Functions of `numpy.linalg`: arguments normalised, ops applied."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.core.leaves import literal
from chainrule.core.node import Node
from chainrule.core.op import float_dtype_of
from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.functions.axes import NOT_GIVEN, refuse
from chainrule.functions.basics import square
from chainrule.functions.norms import matrix_norm
from chainrule.ops import (
    arithmetic,
    contractions,
    decompositions,
    determinant,
    least_squares,
    linalg,
    logic,
    reductions,
    selection,
)
from chainrule.ops.indexing import WHOLE, getitem
from chainrule.ops.shaping import broadcast


def solve(a: Node, b: Node) -> Node:
    """The solution of a linear system; a vector `b` is one right-hand side."""
    if b.ndim == 0:
        raise fail(
            ShapeError, "numpy.linalg.solve", "b is a scalar", [("a", a), ("b", b)], fix="give b as a vector or matrix"
        )
    if b.ndim == 1:
        column = linalg.solve(a, broadcast(b, (-1,), (1,)))
        return getitem(column, (WHOLE, 0))
    return linalg.solve(a, b)


def inv(a: Node) -> Node:
    """The inverse of a square matrix."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise fail(ShapeError, "numpy.linalg.inv", "a square matrix is needed", [("a", a)], fix="check the shape of a")
    return linalg.solve(a, contractions.delta(a.shape[-1], _floating(a)))


def cholesky(a: Node, /, *, upper: Any = False) -> Node:
    """Lower Cholesky factor; the gradient is that of the symmetric part."""
    factor = linalg.cholesky(a)
    return contractions.swap(factor) if upper else factor


def eigh(a: Node, UPLO: Any = "L") -> tuple[Node, Node]:  # noqa: N803 - NumPy's name
    """Eigenvalues and eigenvectors of a symmetric matrix."""
    return linalg.eigh(a, _triangle(UPLO, "numpy.linalg.eigh"))


def eigvalsh(a: Node, UPLO: Any = "L") -> Node:  # noqa: N803 - NumPy's name
    """Eigenvalues of a symmetric matrix."""
    return linalg.eigh(a, _triangle(UPLO, "numpy.linalg.eigvalsh"))[0]


def _triangle(name: Any, call: str) -> str:
    """The triangle of a symmetric matrix that is read: L or U."""
    if not isinstance(name, str) or name.upper() not in ("L", "U"):
        raise fail(ArgumentError, call, f"UPLO={name!r} names no triangle", fix="give UPLO='L' or UPLO='U'")
    return name.upper()


def eig(a: Node) -> tuple[Node, Node]:
    """Eigenvalues and eigenvectors of a square matrix, where they are real."""
    return decompositions.eig(a)


def eigvals(a: Node) -> Node:
    """Eigenvalues of a square matrix, where they are real."""
    return decompositions.eig(a, "numpy.linalg.eigvals")[0]


def slogdet(a: Node) -> tuple[Node, Node]:
    """Sign and logarithm of the absolute value of the determinant."""
    return linalg.logdet_sign(a), linalg.logdet(a)


def det(a: Node) -> Node:
    """Determinant; the derivative is right at singular matrices too."""
    return determinant.det(a)


def matrix_power(a: Node, n: Any) -> Node:
    """A square matrix to an integer power, by repeated squaring; the inverse for negative ones."""
    call = "numpy.linalg.matrix_power"
    linalg.require_square(a.aval, call)
    try:
        exponent = operator.index(n)
    except TypeError:
        raise fail(
            ArgumentError, call, f"the power {n!r} is no integer", fix="see chainrule.scipy.linalg for other functions"
        ) from None
    if exponent == 0:
        identity = contractions.delta(a.shape[-1], a.dtype)
        return broadcast(identity, tuple(range(-a.ndim, -2)), a.shape[:-2])
    square = inv(a) if exponent < 0 else a
    exponent = abs(exponent)
    if exponent == 3:
        return contractions.matmul(contractions.matmul(square, square), square)
    result: Node | None = None
    while True:
        exponent, bit = divmod(exponent, 2)
        if bit:
            result = square if result is None else contractions.matmul(result, square)
        if not exponent:
            assert result is not None
            return result
        square = contractions.matmul(square, square)


# --- singular values and orthogonal factors -------------------------------------------------------------------------


def svd(a: Node, full_matrices: Any = True, compute_uv: Any = True, hermitian: Any = False) -> Any:
    """Singular value decomposition, or the singular values alone."""
    refuse("numpy.linalg.svd", {"hermitian": (hermitian, False)}, fix="leave it out, or use numpy.linalg.eigh")
    if not compute_uv:
        return decompositions.svdvals(a)
    decompositions.require_matrix(a.aval, "numpy.linalg.svd")
    full = bool(full_matrices) and a.shape[-1] != a.shape[-2]
    return decompositions.svd(a, full)


def svdvals(x: Node, /) -> Node:
    """Singular values."""
    return decompositions.svdvals(x)


def qr(a: Node, mode: Any = "reduced") -> Any:
    """Orthogonal and triangular factors, or the triangular one alone."""
    if mode not in ("reduced", "complete", "r"):
        raise fail(
            ArgumentError,
            "numpy.linalg.qr",
            f"mode={mode!r} is not supported",
            [("a", a)],
            fix="use mode='reduced', 'complete' or 'r'",
        )
    decompositions.require_matrix(a.aval, "numpy.linalg.qr")
    if mode == "r":
        return decompositions.qr(a, "reduced")[1]
    return decompositions.qr(a, mode if a.shape[-2] > a.shape[-1] else "reduced")


# --- least squares --------------------------------------------------------------------------------------------------


def pinv(a: Node, rcond: Any = None, hermitian: Any = False, *, rtol: Any = NOT_GIVEN) -> Node:
    """Pseudoinverse; the derivative holds the rank constant."""
    call = "numpy.linalg.pinv"
    refuse(call, {"hermitian": (hermitian, False)})
    decompositions.require_matrix(a.aval, call)
    given = rtol is not NOT_GIVEN and type(rtol).__name__ != "_NoValueType"
    if rcond is not None and given:
        raise fail(ArgumentError, call, "rtol and rcond are both given", fix="give one of them")
    if rcond is None and not given:
        tolerance = 1e-15
    elif rcond is None and rtol is None:
        tolerance = _rounding(a)
    else:
        tolerance = _number(rtol if rcond is None else rcond, call)
    return least_squares.pinv(a, literal(tolerance))


def lstsq(a: Node, b: Node, rcond: Any = None) -> tuple[Node, Node, Node, Node]:
    """Least-squares solution, squared residuals, rank and singular values; the derivative needs full rank."""
    call = "numpy.linalg.lstsq"
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise fail(
            ShapeError, call, "one matrix and one right-hand side are needed", [("a", a), ("b", b)], fix="use a loop"
        )
    dtype = float_dtype_of((a.aval, b.aval))
    a, b = selection.astype(a, dtype), selection.astype(b, dtype)
    m, n = a.shape
    tolerance = _rounding(a) if rcond is None else max(_number(rcond, call), 0.0)
    sides = b if b.ndim == 2 else broadcast(b, (-1,), (1,))
    solution = least_squares.lstsq(a, sides, tolerance)
    values = decompositions.svdvals(a)
    rank = selection.astype(_rank(values, tolerance), np.dtype(np.int32))
    if m > n:
        # NumPy leaves them out for a matrix of less than full rank. A result cannot change its shape: that is refused.
        regular = least_squares.lstsq(a, sides, tolerance, full_rank=True)
        rest = arithmetic.subtract(sides, contractions.matmul(a, regular))
        residuals = reductions.sum_over(square(rest), (-2,))
    else:
        residuals = _zeros((0,), solution.dtype)
    return (solution if b.ndim == 2 else getitem(solution, (WHOLE, 0))), residuals, rank, values


def matrix_rank(A: Node, tol: Any = None, hermitian: Any = False, *, rtol: Any = None) -> Node:  # noqa: N803
    """Number of singular values above a tolerance; piecewise constant."""
    call = "numpy.linalg.matrix_rank"
    refuse(call, {"hermitian": (hermitian, False)})
    if tol is not None and rtol is not None:
        raise fail(ArgumentError, call, "tol and rtol are both given", fix="give one of them")
    if A.ndim < 2:
        every = reductions.sum_over(logic.not_equal(A, 0), tuple(range(-A.ndim, 0)))
        return selection.astype(logic.not_equal(every, 0), np.dtype(int))
    values = decompositions.svdvals(A)
    if tol is not None:
        return reductions.sum_over(logic.greater(values, _number(tol, call)), (-1,))
    return _rank(values, _rounding(A) if rtol is None else _number(rtol, call))


def cond(x: Node, p: Any = None) -> Node:
    """Condition number; inf for a singular matrix."""
    call = "numpy.linalg.cond"
    decompositions.require_matrix(x.aval, call)
    if 0 in x.shape:
        raise fail(ShapeError, call, "an empty matrix has no condition number", [("x", x)], fix="test x.size first")
    if p in (None, 2, -2):
        values = decompositions.svdvals(x)
        largest, least = getitem(values, (0,)), getitem(values, (-1,))
        ratio = arithmetic.divide(least, largest) if p == -2 else arithmetic.divide(largest, least)
    else:
        linalg.require_square(x.aval, call)
        inverse = linalg.solve(x, contractions.delta(x.shape[-1], _floating(x)), "nan")
        ratio = arithmetic.multiply(matrix_norm(x, ord=p), matrix_norm(inverse, ord=p))
    entries = reductions.sum_over(logic.not_equal(x, x), (-2, -1))
    unknown = logic.logical_and(logic.not_equal(ratio, ratio), logic.equal(entries, 0))
    return selection.where(unknown, np.inf, ratio)


def _rank(values: Node, tolerance: float) -> Node:
    """How many of the singular values are above `tolerance` times the largest."""
    if values.shape[-1] == 0:
        return _zeros(values.shape[:-1], np.dtype(int))
    largest = broadcast(reductions.max_over(values, (-1,)), (-1,), (values.shape[-1],))
    return reductions.sum_over(logic.greater(values, arithmetic.multiply(largest, tolerance)), (-1,))


def _zeros(shape: tuple[Any, ...], dtype: np.dtype[Any]) -> Node:
    return broadcast(selection.astype(literal(0), dtype), tuple(range(-len(shape), 0)), shape)


def _floating(a: Node) -> np.dtype[Any]:
    return a.dtype if a.dtype.kind == "f" else np.dtype(float)


def _rounding(a: Node) -> float:
    """The relative size below which a singular value is taken for 0."""
    return int(max(a.shape[-2:])) * float(np.finfo(_floating(a)).eps)


def _number(value: Any, call: str) -> float:
    """A tolerance as a number."""
    if np.ndim(value):
        raise fail(ArgumentError, call, "one tolerance for each matrix is not supported", fix="give a single number")
    return float(value)
