"""Functions of `scipy.linalg`: of matrices as a whole, and systems with triangular and Cholesky factors."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.aval import FLOAT
from chainrule.core.dimension import Size
from chainrule.core.node import Node
from chainrule.core.op import float_dtype_of
from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.functions import linalg
from chainrule.functions.axes import refuse
from chainrule.ops.contractions import delta, swap
from chainrule.ops.decompositions import require_matrix
from chainrule.ops.indexing import WHOLE, getitem, pad_into
from chainrule.ops.linalg import cholesky as _cholesky
from chainrule.ops.linalg import require_square
from chainrule.ops.linalg import solve as _solve
from chainrule.ops.logic import greater
from chainrule.ops.matrix_functions import matrix_function
from chainrule.ops.reductions import cumsum
from chainrule.ops.selection import astype, where
from chainrule.ops.shaping import broadcast, concatenate

_NOT_TRANSPOSED, _TRANSPOSED = (0, "N"), (1, "T", 2, "C")


def expm(A: Node) -> Node:  # noqa: N803 - SciPy's name
    """Exponential of a square matrix."""
    return matrix_function("expm", _floating(A))


def logm(A: Node) -> Node:  # noqa: N803 - SciPy's name
    """Principal logarithm of a square matrix without eigenvalues on the negative axis."""
    return matrix_function("logm", _floating(A))


def sqrtm(A: Node) -> Node:  # noqa: N803 - SciPy's name
    """Principal square root of a square matrix without negative eigenvalues."""
    return matrix_function("sqrtm", _floating(A))


def expm_frechet(
    A: Node,  # noqa: N803 - SciPy's name
    E: Node,  # noqa: N803 - SciPy's name
    method: Any = None,
    compute_expm: Any = True,
    check_finite: Any = True,
) -> Any:
    """The exponential of a matrix and its derivative along another."""
    require_square(A.aval, "scipy.linalg.expm_frechet")
    if A.shape != E.shape:
        raise fail(
            ShapeError,
            "scipy.linalg.expm_frechet",
            "A and E differ in shape",
            [("A", A), ("E", E)],
            fix="make them equal",
        )
    A, E = astype(A, FLOAT), astype(E, FLOAT)  # noqa: N806 - SciPy's names; its results are float64 always
    derivative = matrix_function("expm", A, E)
    return (expm(A), derivative) if compute_expm else derivative


def _floating(a: Node) -> Node:
    return astype(a, float_dtype_of((a.aval,)))


# --- triangular systems ----------------------------------------------------------------------------------------------


def _triangle(a: Node, lower: Any) -> Node:
    """`a` with zeros beyond the diagonal; what stands there plays no part, whatever it is."""
    ones = cumsum(delta(a.shape[-1], np.dtype(float)), -2 if lower else -1)
    return where(greater(ones, 0), a, 0)


def solve_triangular(
    a: Node,
    b: Node,
    trans: Any = 0,
    lower: Any = False,
    unit_diagonal: Any = False,
    overwrite_b: Any = False,
    check_finite: Any = True,
) -> Node:
    """The solution of a system with a triangular matrix; the other triangle is not read."""
    call = "scipy.linalg.solve_triangular"
    require_square(a.aval, call)
    if trans not in (*_NOT_TRANSPOSED, *_TRANSPOSED):
        raise fail(ArgumentError, call, f"trans={trans!r} is not known", fix="use 0 or 1")
    factor = _triangle(a, lower)
    if unit_diagonal:
        factor = where(greater(delta(a.shape[-1], np.dtype(float)), 0), 1, factor)
    return linalg.solve(swap(factor) if trans in _TRANSPOSED else factor, b)


def cholesky(a: Node, lower: Any = False, overwrite_a: Any = False, check_finite: Any = True) -> Node:
    """Cholesky factor, upper by default; the gradient is that of the symmetric part."""
    require_square(a.aval, "scipy.linalg.cholesky")
    return _cholesky(a) if lower else swap(_cholesky(swap(a)))


def cho_factor(a: Node, lower: Any = False, overwrite_a: Any = False, check_finite: Any = True) -> Node:
    """Cholesky factor, with the entries of `a` in the other triangle."""
    require_square(a.aval, "scipy.linalg.cho_factor")
    ones = cumsum(delta(a.shape[-1], np.dtype(float)), -2 if lower else -1)
    return where(greater(ones, 0), cholesky(a, lower), a)


def cho_solve(c: Node, b: Node, lower: Any) -> Node:
    """The solution of a system whose matrix has the Cholesky factor `c`."""
    require_square(c.aval, "scipy.linalg.cho_solve")
    factor = _triangle(c, lower)
    first, second = (factor, swap(factor)) if lower else (swap(factor), factor)
    if b.ndim == 1:
        return getitem(_solve(second, _solve(first, broadcast(b, (-1,), (1,)))), (WHOLE, 0))
    return _solve(second, _solve(first, b))


# --- what NumPy has too ----------------------------------------------------------------------------------------------


def det(a: Node, overwrite_a: Any = False, check_finite: Any = True) -> Node:
    """Determinant."""
    return linalg.det(astype(a, FLOAT))  # SciPy's is float64 always


def inv(
    a: Node, overwrite_a: Any = False, check_finite: Any = True, *, assume_a: Any = None, lower: Any = False
) -> Node:
    """Inverse of a square matrix."""
    _require_general("scipy.linalg.inv", assume_a, lower)
    return linalg.inv(a)


def solve(
    a: Node,
    b: Node,
    lower: Any = False,
    overwrite_a: Any = False,
    overwrite_b: Any = False,
    check_finite: Any = True,
    assume_a: Any = None,
    transposed: Any = False,
) -> Node:
    """The solution of a linear system, for a matrix without a special structure."""
    _require_general("scipy.linalg.solve", assume_a, lower)
    return linalg.solve(swap(a) if transposed else a, b)


def _require_general(call: str, assume_a: Any, lower: Any) -> None:
    if assume_a not in (None, "gen", "general"):
        raise fail(
            ArgumentError,
            call,
            f"assume_a={assume_a!r} is not supported",
            fix="leave it out, or use cho_solve or solve_triangular",
        )
    refuse(call, {"lower": (lower, False)})


def svdvals(a: Node, overwrite_a: Any = False, check_finite: Any = True) -> Node:
    """Singular values."""
    return linalg.svdvals(a)


def block_diag(*arrs: Node) -> Node:
    """Matrices along the diagonal of a larger one, zeros elsewhere; vectors are rows."""
    call = "scipy.linalg.block_diag"
    blocks = [broadcast(x, tuple(range(-2, -x.ndim)), (1,) * max(0, 2 - x.ndim)) for x in arrs]
    for block in blocks:
        require_matrix(block.aval, call)
        if block.ndim > 2:
            raise fail(ShapeError, call, "a block is a stack", [("block", block)], fix="give matrices or vectors")
    width: Size = sum((block.shape[1] for block in blocks), start=0)
    rows = []
    start: Size = 0
    for block in blocks:
        stop = start + block.shape[1]
        rows.append(pad_into(block, (WHOLE, (start, stop, 1)), (block.shape[0], width)))
        start = stop
    return concatenate(rows, -2)
