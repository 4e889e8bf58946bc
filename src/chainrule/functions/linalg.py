"""Functions of `numpy.linalg`: arguments normalised, ops applied."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.node import Node
from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.functions.axes import canonical_axes, keep_axes, refuse
from chainrule.functions.basics import square
from chainrule.ops import contractions, elementwise, linalg, reductions
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
    """Euclidean (or Frobenius) norm. Kink: the gradient at 0 is 0."""
    refuse(
        "numpy.linalg.norm", {"ord": (None if ord in (2, "fro") else ord, None)}, "leave ord out, or ord=2 for vectors"
    )
    axes = canonical_axes(axis, x.ndim, "numpy.linalg.norm")
    if (ord == 2 and len(axes) != 1) or (ord == "fro" and len(axes) != 2) or (axis is not None and len(axes) > 2):
        raise fail(
            ArgumentError,
            "numpy.linalg.norm",
            f"ord={ord!r} over {len(axes)} axes is not supported",
            [("x", x)],
            fix="leave ord out for the Euclidean norm of all entries",
        )
    x = x if x.dtype.kind == "f" else astype(x, np.dtype(float))
    return keep_axes(elementwise.sqrt(reductions.sum_over(square(x), axes)), axes, keepdims)
