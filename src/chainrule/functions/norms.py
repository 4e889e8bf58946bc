"""Norms of vectors and matrices: arguments normalised, ops applied."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.leaves import literal
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.functions.axes import Axes, canonical_axes, canonical_axis, keep_axes
from chainrule.functions.basics import moveaxis, square
from chainrule.ops import decompositions, elementwise, reductions
from chainrule.ops.arithmetic import absolute, divide, multiply
from chainrule.ops.indexing import getitem
from chainrule.ops.logic import GREATER_EQUAL, not_equal
from chainrule.ops.norms import power_norm
from chainrule.ops.selection import astype, derive_as, where
from chainrule.ops.shaping import broadcast

_EUCLIDEAN = (None, 2)
_FROBENIUS = (None, "fro", "f")


def norm(x: Node, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Node:
    """Norm of vectors (one axis) or matrices (two). Kink: the gradient at 0 is 0."""
    call = "numpy.linalg.norm"
    if axis is None and ord is None:
        axes = tuple(range(-x.ndim, 0))
        return keep_axes(_vector_norm(_floating(x), None, axes, call), axes, keepdims)
    several = tuple(range(x.ndim)) if axis is None else tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    axes = canonical_axes(several, x.ndim, call)
    if len(axes) == 1:
        return keep_axes(_vector_norm(_floating(x), ord, axes, call), axes, keepdims)
    if len(axes) != 2:
        raise fail(
            ArgumentError,
            call,
            f"ord={ord!r} over {len(axes)} axes is not supported",
            [("x", x)],
            fix="give one axis or two; leave ord and axis out for the Euclidean norm of all entries",
        )
    row, column = (canonical_axis(k, x.ndim, call) for k in several)
    return keep_axes(_matrix_norm(_floating(x), ord, row, column, call), axes, keepdims)


def vector_norm(x: Node, /, *, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> Node:
    """Norm of the entries along any number of axes."""
    call = "numpy.linalg.vector_norm"
    axes = canonical_axes(axis, x.ndim, call)
    return keep_axes(_vector_norm(_floating(x), ord, axes, call), axes, keepdims)


def matrix_norm(x: Node, /, *, keepdims: Any = False, ord: Any = "fro") -> Node:
    """Norm of matrices in the last two axes."""
    call = "numpy.linalg.matrix_norm"
    if x.ndim < 2:
        raise fail(ShapeError, call, "a matrix is needed", [("x", x)], fix="use numpy.linalg.vector_norm")
    return keep_axes(_matrix_norm(_floating(x), ord, -2, -1, call), (-2, -1), keepdims)


def _floating(x: Node) -> Node:
    return x if x.dtype.kind == "f" else astype(x, np.dtype(float))


def _vector_norm(x: Node, ord: Any, axes: Axes, call: str) -> Node:
    if isinstance(ord, str):
        raise fail(ArgumentError, call, f"ord={ord!r} is no norm of vectors", [("x", x)], fix="give a number")
    if ord in _EUCLIDEAN:
        return elementwise.sqrt(reductions.sum_over(square(x), axes))
    if ord == np.inf:
        return _largest(absolute(x), axes)
    if ord == -np.inf:
        return reductions.min_over(absolute(x), axes)
    if ord == 0:
        return reductions.sum_over(astype(not_equal(x, 0), x.dtype), axes)
    if ord == 1:
        return reductions.sum_over(absolute(x), axes)
    return power_norm(x, ord if isinstance(ord, int) else float(ord), axes)


def _largest(sizes: Node, axes: Axes) -> Node:
    """The largest of numbers that are not negative; 0 if there are none."""
    return reductions.sum_over(sizes, axes) if _is_empty(sizes, axes) else reductions.max_over(sizes, axes)


def _is_empty(x: Node, axes: Axes) -> bool:
    return any(x.shape[axis] == 0 for axis in axes)


def _matrix_norm(x: Node, ord: Any, row: int, column: int, call: str) -> Node:
    both = tuple(sorted((row, column)))
    if ord in _FROBENIUS:
        return elementwise.sqrt(reductions.sum_over(square(x), both))
    if ord in (1, -1, np.inf, -np.inf):  # largest (smallest) sum of a column, or of a row
        summed = row if abs(ord) == 1 else column
        sums = broadcast(reductions.sum_over(absolute(x), (summed,)), (summed,), (1,))
        return _largest(sums, both) if ord > 0 else reductions.min_over(sums, both)
    if ord not in (2, -2, "nuc"):
        raise fail(
            ArgumentError,
            call,
            f"ord={ord!r} is no norm of matrices",
            [("x", x)],
            fix="use 'fro', 'nuc', 1, -1, 2, -2, numpy.inf or -numpy.inf",
        )
    values = decompositions.svdvals(moveaxis(x, (row, column), (-2, -1)))
    if ord == "nuc":
        return reductions.sum_over(values, (-1,))
    if ord == -2:
        return reductions.min_over(values, (-1,)) if _is_empty(values, (-1,)) else getitem(values, (-1,))
    return _spectral(values) if not _is_empty(values, (-1,)) else reductions.sum_over(values, (-1,))


def _spectral(values: Node) -> Node:
    """The largest singular value. Those that are equal to it, to rounding, share its derivative."""
    count = int(values.shape[-1])
    largest = getitem(values, (0,))
    rounding = 4 * count * float(np.finfo(values.dtype).eps)
    limit = broadcast(multiply(largest, literal(1 - rounding)), (-1,), (count,))
    tied = GREATER_EQUAL.bind((values, limit))
    total = reductions.sum_over(where(tied, values, 0), (-1,))
    return derive_as(largest, divide(total, reductions.sum_over(astype(tied, values.dtype), (-1,))))
