"""Products of matrices and tensors that are more than one einsum: kron, cross, chains, tensor equations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from chainrule.core.dimension import size_product
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.functions.axes import canonical_axis, refuse
from chainrule.functions.basics import astype, moveaxis, ravel, stack
from chainrule.functions.linalg import inv, solve
from chainrule.functions.products import outer as _outer
from chainrule.functions.products import tensordot as _tensordot
from chainrule.ops.arithmetic import multiply, subtract
from chainrule.ops.contractions import contract, diagonal, matmul, trace
from chainrule.ops.indexing import WHOLE, getitem
from chainrule.ops.shaping import broadcast, permute, reshape


def kron(a: Node, b: Node) -> Node:
    """Kronecker product: a block of the second for each entry of the first."""
    ndim = max(a.ndim, b.ndim)
    if not ndim:
        return multiply(a, b)
    a, b = (broadcast(x, tuple(range(-ndim, -x.ndim)), (1,) * (ndim - x.ndim)) for x in (a, b))
    first, second = list(range(0, 2 * ndim, 2)), list(range(1, 2 * ndim, 2))
    product = contract([a, b], [first, second], list(range(2 * ndim)))
    return reshape(product, tuple(m * n for m, n in zip(a.shape, b.shape, strict=True)))


def cross(a: Node, b: Node, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None) -> Node:
    """Cross product of vectors of length 3."""
    call = "numpy.cross"
    if axis is not None:
        axisa = axisb = axisc = axis
    return _cross(a, b, axisa, axisb, axisc, call)


def linalg_cross(x1: Node, x2: Node, /, *, axis: Any = -1) -> Node:
    """Cross product of vectors of length 3 along one axis."""
    return _cross(x1, x2, axis, axis, axis, "numpy.linalg.cross")


def _cross(a: Node, b: Node, axisa: Any, axisb: Any, axisc: Any, call: str) -> Node:
    if a.ndim == 0 or b.ndim == 0:
        raise fail(ShapeError, call, "an operand is a scalar", [("a", a), ("b", b)], fix="give vectors of length 3")
    a = moveaxis(a, canonical_axis(axisa, a.ndim, call), -1)
    b = moveaxis(b, canonical_axis(axisb, b.ndim, call), -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise fail(
            ShapeError,
            call,
            f"the vectors have lengths {a.shape[-1]} and {b.shape[-1]}, not 3",
            [("a", a), ("b", b)],
            fix="for vectors in the plane write a[0]*b[1] - a[1]*b[0]",
        )
    xs, ys = ([getitem(x, (k,)) for k in range(3)] for x in (a, b))
    parts = [subtract(multiply(xs[j], ys[k]), multiply(xs[k], ys[j])) for j, k in ((1, 2), (2, 0), (0, 1))]
    return moveaxis(stack(parts, axis=-1), -1, canonical_axis(axisc, max(a.ndim, b.ndim), call))


def multi_dot(arrays: Sequence[Node], *, out: Any = None) -> Node:
    """Product of a chain of matrices, in the cheapest order; the first and the last may be vectors."""
    call = "numpy.linalg.multi_dot"
    refuse(call, {"out": (out, None)})
    if len(arrays) < 2:
        raise fail(ArgumentError, call, "a chain needs two arrays", fix="give two arrays or more")
    last = len(arrays) - 1
    for k, array in enumerate(arrays):
        if array.ndim != 2 and not (array.ndim == 1 and k in (0, last)):
            raise fail(
                ShapeError,
                call,
                f"array {k} has {array.ndim} axes",
                [(f"array {k}", array)],
                fix="give matrices; the first and the last array may be vectors",
            )
    for k, (left, right) in enumerate(pairwise(arrays)):
        if left.shape[-1] != right.shape[0]:
            raise fail(
                ShapeError,
                call,
                f"array {k} has {left.shape[-1]} columns, array {k + 1} has {right.shape[0]} rows",
                [(f"array {k}", left), (f"array {k + 1}", right)],
                fix="make the sizes equal",
            )
    labels = [[k, k + 1] for k in range(last + 1)]
    output = [0, last + 1]
    if arrays[0].ndim == 1:
        labels[0], output = [1], output[1:]
    if arrays[last].ndim == 1:
        labels[last], output = [last], output[:-1]
    return contract(arrays, labels, output)


# --- array-API forms ------------------------------------------------------------------------------------------------


def linalg_outer(x1: Node, x2: Node, /) -> Node:
    """Products of every entry of one vector with every entry of the other."""
    if x1.ndim != 1 or x2.ndim != 1:
        raise fail(
            ShapeError, "numpy.linalg.outer", "two vectors are needed", [("x1", x1), ("x2", x2)], fix="use numpy.outer"
        )
    return _outer(x1, x2)


def linalg_trace(x: Node, /, *, offset: Any = 0, dtype: Any = None) -> Node:
    """Sum of a diagonal of the last two axes."""
    block = _diagonal(x, offset, "numpy.linalg.trace")
    return trace(block if dtype is None else astype(block, dtype))


def linalg_diagonal(x: Node, /, *, offset: Any = 0) -> Node:
    """A diagonal of the last two axes."""
    return diagonal(_diagonal(x, offset, "numpy.linalg.diagonal"))


def _diagonal(x: Node, offset: Any, call: str) -> Node:
    """The square block of the last two axes whose main diagonal is the wanted one."""
    if x.ndim < 2:
        raise fail(ShapeError, call, "a diagonal needs two axes", [("x", x)], fix="give a matrix")
    rows, columns = x.shape[-2:]
    if rows == columns and offset == 0:
        return x
    length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    row, column = max(0, -offset), max(0, offset)
    block = ((row, row + length, 1), (column, column + length, 1))
    return getitem(x, (*[WHOLE] * (x.ndim - 2), *block))


def linalg_matmul(x1: Node, x2: Node, /) -> Node:
    """Matrix product."""
    return matmul(x1, x2)


def linalg_tensordot(x1: Node, x2: Node, /, *, axes: Any = 2) -> Node:
    """Products summed over pairs of axes."""
    return _tensordot(x1, x2, axes)


def linalg_vecdot(x1: Node, x2: Node, /, *, axis: Any = -1) -> Node:
    """Inner products of vectors along one axis."""
    call = "numpy.linalg.vecdot"
    x1 = moveaxis(x1, canonical_axis(axis, x1.ndim, call), -1)
    x2 = moveaxis(x2, canonical_axis(axis, x2.ndim, call), -1)
    if x1.shape[-1] != x2.shape[-1]:
        raise fail(
            ShapeError,
            call,
            f"the vectors have lengths {x1.shape[-1]} and {x2.shape[-1]}",
            [("x1", x1), ("x2", x2)],
            fix="make the lengths equal",
        )
    product = matmul(broadcast(x1, (-2,), (1,)), broadcast(x2, (-1,), (1,)))
    return getitem(product, (0, 0))


# --- tensor equations -----------------------------------------------------------------------------------------------


def tensorsolve(a: Node, b: Node, axes: Any = None) -> Node:
    """The x with ``tensordot(a, x, x.ndim)`` equal to b."""
    call = "numpy.linalg.tensorsolve"
    if axes is not None:
        moved = [canonical_axis(k, a.ndim, call) + a.ndim for k in axes]
        order = [k for k in range(a.ndim) if k not in moved] + moved
        a = permute(a, tuple(k - a.ndim for k in order))
    shape = a.shape[b.ndim :]
    size = size_product(shape)
    if size_product(a.shape) != size * size or size_product(b.shape) != size:
        raise fail(
            ShapeError,
            call,
            "the axes of a do not split into those of b and as many entries again",
            [("a", a), ("b", b)],
            fix="make the product of a.shape[b.ndim:] that of b.shape",
        )
    return reshape(solve(reshape(a, (size, size)), ravel(b)), shape)


def tensorinv(a: Node, ind: Any = 2) -> Node:
    """The inverse of a tensor as a map from its last axes to its first `ind` ones."""
    call = "numpy.linalg.tensorinv"
    if not isinstance(ind, int) or ind <= 0:
        raise fail(ArgumentError, call, f"ind={ind!r} is no positive integer", fix="give the number of first axes")
    first, last = a.shape[:ind], a.shape[ind:]
    if size_product(first) != size_product(last):
        raise fail(
            ShapeError,
            call,
            f"the first {ind} axes have {size_product(first)} entries, the others {size_product(last)}",
            [("a", a)],
            fix="make the two products equal",
        )
    return reshape(inv(reshape(a, (size_product(last), size_product(first)))), (*last, *first))
