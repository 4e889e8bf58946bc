"""Functions of `numpy.linalg`: arguments normalised, ops applied."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.node import Node
from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.functions.axes import canonical_axes, keep_axes, refuse
from chainrule.functions.basics import square
from chainrule.ops import contractions, elementwise, linalg, reductions
from chainrule.ops.arithmetic import absolute
from chainrule.ops.indexing import WHOLE, getitem
from chainrule.ops.selection import astype
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
    dtype = a.dtype if a.dtype.kind == "f" else np.dtype(float)
    return linalg.solve(a, contractions.delta(a.shape[-1], dtype))


def cholesky(a: Node, /, *, upper: Any = False) -> Node:
    """Lower Cholesky factor; the gradient is that of the symmetric part."""
    factor = linalg.cholesky(a)
    return contractions.swap(factor) if upper else factor


def eigh(a: Node, UPLO: Any = "L") -> tuple[Node, Node]:  # noqa: N803 - NumPy's name
    """Eigenvalues and eigenvectors of a symmetric matrix."""
    refuse("numpy.linalg.eigh", {"UPLO": (UPLO, "L")})
    return linalg.eigh(a)


def eigvalsh(a: Node, UPLO: Any = "L") -> Node:  # noqa: N803 - NumPy's name
    """Eigenvalues of a symmetric matrix."""
    refuse("numpy.linalg.eigvalsh", {"UPLO": (UPLO, "L")})
    return linalg.eigh(a)[0]


def slogdet(a: Node) -> tuple[Node, Node]:
    """Sign and logarithm of the absolute value of the determinant."""
    return linalg.logdet_sign(a), linalg.logdet(a)


def norm(x: Node, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Node:
    """Euclidean (or Frobenius) norm, sum or largest of the absolute values. Kink: the gradient at 0 is 0."""
    call = "numpy.linalg.norm"
    axes = canonical_axes(axis, x.ndim, call)
    known = (2, 1, np.inf, -np.inf) if len(axes) == 1 else ("fro", 1, -1, np.inf, -np.inf) if len(axes) == 2 else ()
    if (ord is not None and ord not in known) or (axis is not None and len(axes) > 2):
        raise fail(
            ArgumentError,
            call,
            f"ord={ord!r} over {len(axes)} axes is not supported",
            [("x", x)],
            fix="leave ord out for the Euclidean norm of all entries",
        )
    x = x if x.dtype.kind == "f" else astype(x, np.dtype(float))
    if ord in (None, 2, "fro"):
        return keep_axes(elementwise.sqrt(reductions.sum_over(square(x), axes)), axes, keepdims)
    sizes = absolute(x)
    if len(axes) == 2:  # largest (smallest) sum of a column for ord = 1 (-1), of a row for inf (-inf)
        order = axes if axis is None else tuple(canonical_axes((k,), x.ndim, call)[0] for k in axis)
        summed = order[0] if abs(ord) == 1 else order[1]
        sizes = broadcast(reductions.sum_over(sizes, (summed,)), (summed,), (1,))
    elif ord == 1:
        return keep_axes(reductions.sum_over(sizes, axes), axes, keepdims)
    return keep_axes((reductions.max_over if ord > 0 else reductions.min_over)(sizes, axes), axes, keepdims)
