"""Reductions beyond sum, mean, max and min: products, variances, and places of extrema.

Here are those that need an op or a form of their own; what is put together from them is in `estimates`.
"""

from __future__ import annotations

from typing import Any

from chainrule.core.aval import FLOAT, INT
from chainrule.core.dimension import size_product
from chainrule.core.leaves import literal
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.functions.axes import (
    NOT_GIVEN,
    Axes,
    broadcast_to,
    canonical_axes,
    canonical_axis,
    is_given,
    keep_axes,
    refuse,
)
from chainrule.functions.basics import astype, moveaxis, ravel
from chainrule.functions.products import diagonal
from chainrule.ops import logic, products, reductions, searching, selection
from chainrule.ops.arithmetic import divide, multiply, subtract
from chainrule.ops.indexing import gather, getitem, pad_into
from chainrule.ops.norms import norm_root
from chainrule.ops.shaping import broadcast, concatenate, reshape
from chainrule.ops.sums import dimension


def prod(
    a: Node,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NOT_GIVEN,
    where: Any = NOT_GIVEN,
) -> Node:
    """Product over axes; its derivative by an entry is the product of all others, right at zeros too."""
    call = "numpy.prod"
    refuse(call, {"out": (out, None)})
    a = a if dtype is None else astype(a, dtype)
    if is_given(where):
        a = selection.where(broadcast_to(where, a.shape, call), a, 1)
    axes = canonical_axes(axis, a.ndim, call)
    result = products.prod_over(a, axes)
    if is_given(initial):
        result = multiply(result, initial)
    return keep_axes(result, axes, keepdims)


def cumprod(a: Node, axis: Any = None, dtype: Any = None, out: Any = None) -> Node:
    """Cumulative product along an axis, or of the flattened array."""
    call = "numpy.cumprod"
    refuse(call, {"out": (out, None)})
    a = a if dtype is None else astype(a, dtype)
    a, place = _along(a, axis, call)
    return moveaxis(products.cumprod(moveaxis(a, place, -1)), -1, place)


def _along(a: Node, axis: Any, call: str) -> tuple[Node, int]:
    """The array and the axis to go along: flattened where none is given."""
    return (ravel(a), -1) if axis is None else (a, canonical_axis(axis, a.ndim, call))


def cumulative_sum(
    x: Node, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: Any = False
) -> Node:
    """Cumulative sum along an axis, with a 0 before it if `include_initial`."""
    a, place = _cumulated(x, axis, dtype, out, "numpy.cumulative_sum")
    return _started(reductions.cumsum(a, place), place, 0, include_initial)


def cumulative_prod(
    x: Node, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: Any = False
) -> Node:
    """Cumulative product along an axis, with a 1 before it if `include_initial`."""
    a, place = _cumulated(x, axis, dtype, out, "numpy.cumulative_prod")
    return _started(cumprod(a, place), place, 1, include_initial)


def _cumulated(x: Node, axis: Any, dtype: Any, out: Any, call: str) -> tuple[Node, int]:
    refuse(call, {"out": (out, None)})
    if axis is None and x.ndim != 1:
        raise fail(ArgumentError, call, f"axis= is needed for {x.ndim} axes", [("x", x)], fix="give axis=-1")
    return (x if dtype is None else astype(x, dtype)), canonical_axis(-1 if axis is None else axis, x.ndim, call)


def _started(x: Node, place: int, first: int, include_initial: Any) -> Node:
    if not include_initial:
        return x
    sizes = tuple(1 if k == place else x.shape[k] for k in range(-x.ndim, 0))
    start = broadcast(selection.astype(literal(first), x.dtype), tuple(range(-x.ndim, 0)), sizes)
    return concatenate([start, x], place)


# --- spread ---------------------------------------------------------------------------------------------------------


def var(
    a: Node,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = NOT_GIVEN,
    mean: Any = NOT_GIVEN,
    correction: Any = NOT_GIVEN,
) -> Node:
    """Mean squared distance from the mean, over axes."""
    variance, axes = _variance("numpy.var", a, axis, dtype, out, ddof, where, mean, correction)
    return keep_axes(variance, axes, keepdims)


def std(
    a: Node,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = NOT_GIVEN,
    mean: Any = NOT_GIVEN,
    correction: Any = NOT_GIVEN,
) -> Node:
    """Root of the variance over axes. Kink: it is a norm, so that the derivative at a constant is 0."""
    variance, axes = _variance("numpy.std", a, axis, dtype, out, ddof, where, mean, correction)
    return keep_axes(norm_root(variance), axes, keepdims)


def _variance(
    call: str, a: Node, axis: Any, dtype: Any, out: Any, ddof: Any, where: Any, mean: Any, correction: Any
) -> tuple[Node, Axes]:
    refuse(call, {"out": (out, None)})
    if is_given(correction):
        if ddof != 0:
            raise fail(ArgumentError, call, "ddof= and correction= are the same thing", fix="give one of them")
        ddof = correction
    if dtype is not None or a.dtype.kind in "biu":
        a = astype(a, FLOAT if dtype is None else dtype)
    axes = canonical_axes(axis, a.ndim, call)
    mask = broadcast_to(where, a.shape, call) if is_given(where) else None
    center = mean if is_given(mean) else keep_axes(divide(_total(a, axes, mask), _count(a, axes, mask, 0)), axes, True)
    distance = subtract(a, selection.astype(center, a.dtype) if not is_given(mean) else center)
    total = _total(multiply(distance, distance), axes, mask)
    return selection.astype(divide(total, _count(a, axes, mask, ddof)), distance.dtype), axes


def _total(a: Node, axes: Axes, mask: Node | None) -> Node:
    return reductions.sum_over(a if mask is None else selection.where(mask, a, 0), axes)


def _count(a: Node, axes: Axes, mask: Node | None, ddof: Any) -> Node:
    """Number of entries that count, less `ddof`, and not below 0."""
    if mask is not None:
        count = subtract(reductions.sum_over(selection.astype(mask, INT), axes), literal(ddof))
        return selection.where(logic.greater(count, 0), count, 0)
    size = size_product(a.shape[k] for k in axes)
    if isinstance(size, int):
        return literal(max(size - ddof, 0))
    return subtract(dimension(size), literal(ddof)) if ddof else dimension(size)


def ptp(a: Node, axis: Any = None, out: Any = None, keepdims: Any = False) -> Node:
    """Largest less smallest entry over axes."""
    refuse("numpy.ptp", {"out": (out, None)})
    axes = canonical_axes(axis, a.ndim, "numpy.ptp")
    return keep_axes(subtract(reductions.max_over(a, axes), reductions.min_over(a, axes)), axes, keepdims)


# --- counts and places ----------------------------------------------------------------------------------------------


def count_nonzero(a: Node, axis: Any = None, *, keepdims: Any = False) -> Node:
    """Number of entries other than 0; an integer, so without a derivative."""
    axes = canonical_axes(axis, a.ndim, "numpy.count_nonzero")
    nonzero = selection.astype(a if a.dtype.kind == "b" else logic.not_equal(a, 0), INT)
    return keep_axes(reductions.sum_over(nonzero, axes), axes, keepdims)


def argmax(a: Node, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Node:
    """Place of the largest entry along an axis, or in the flattened array; no derivative."""
    return _place(searching.argmax, a, axis, out, keepdims, "numpy.argmax")


def argmin(a: Node, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Node:
    """Place of the smallest entry along an axis, or in the flattened array; no derivative."""
    return _place(searching.argmin, a, axis, out, keepdims, "numpy.argmin")


def _place(function: Any, a: Node, axis: Any, out: Any, keepdims: Any, call: str) -> Node:
    refuse(call, {"out": (out, None)})
    axes = tuple(range(-a.ndim, 0)) if axis is None else (canonical_axis(axis, a.ndim, call),)
    flat, place = _along(a, axis, call)
    return keep_axes(function(moveaxis(flat, place, -1)), axes, keepdims)


def searchsorted(a: Node, v: Node, side: Any = "left", sorter: Any = None) -> Node:
    """Places at which entries would go into a sorted vector; integers, so without a derivative."""
    call = "numpy.searchsorted"
    if a.ndim != 1:
        raise fail(ArgumentError, call, f"the sorted array has {a.ndim} axes", [("a", a)], fix="give a vector")
    if side not in ("left", "right"):
        raise fail(ArgumentError, call, f"side={side!r}", fix="use 'left' or 'right'")
    if sorter is not None:
        a = gather(a, [sorter], 1, sorter.ndim)
    return searching.searchsorted(a, v, side)


def take_along_axis(arr: Node, indices: Node, axis: Any = -1) -> Node:
    """Entries at integer places along an axis; the other axes of both are paired."""
    call = "numpy.take_along_axis"
    if indices.dtype.kind not in "iu":
        raise fail(ArgumentError, call, f"indices have dtype {indices.dtype}", [("indices", indices)], fix="use int")
    arr, place = _along(arr, axis, call)
    if arr.ndim != indices.ndim:
        raise fail(
            ShapeError,
            call,
            f"{indices.ndim} axes of indices for {arr.ndim} of the array",
            [("arr", arr), ("indices", indices)],
            fix="give both as many axes",
        )
    taken = gather(moveaxis(arr, place, -1), [moveaxis(indices, place, -1)], 1, 1)
    return moveaxis(taken, -1, place)


def diag(v: Node, k: Any = 0) -> Node:
    """The diagonal of a matrix, or the matrix with a vector on its diagonal."""
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise fail(ShapeError, "numpy.diag", f"it has {v.ndim} axes", [("v", v)], fix="give a vector or a matrix")
    size = int(v.shape[0])
    n = size + abs(k)
    first = k if k >= 0 else -k * n
    stop = first + (size - 1) * (n + 1) + 1 if size else first
    return reshape(pad_into(v, ((first, stop, n + 1),), (n * n,)), (n, n))


def diagflat(v: Node, k: Any = 0) -> Node:
    """The matrix with the entries of an array on its diagonal."""
    return diag(ravel(v), k)


def convolve(a: Node, v: Node, mode: Any = "full") -> Node:
    """Sums of the products a[j] v[k - j] of two vectors."""
    return _convolved(a, v, mode, "numpy.convolve")


def correlate(a: Node, v: Node, mode: Any = "valid") -> Node:
    """Sums of the products a[j + k] v[j] of two vectors."""
    return _convolved(a, searching.reversed_last(v) if v.ndim == 1 else v, mode, "numpy.correlate")


def _convolved(a: Node, v: Node, mode: Any, call: str) -> Node:
    a, v = (ravel(x) if x.ndim == 0 else x for x in (a, v))
    if a.ndim != 1 or v.ndim != 1:
        raise fail(ArgumentError, call, "the operands must be vectors", [("a", a), ("v", v)], fix="convolve row by row")
    names = ("valid", "same", "full")
    if mode not in names and not (isinstance(mode, int) and 0 <= mode < 3):
        raise fail(ArgumentError, call, f"mode={mode!r}", fix="use 'full', 'same' or 'valid'")
    whole = searching.convolve(a, v)
    name = mode if isinstance(mode, str) else names[mode]
    if name == "full":
        return whole
    short, long = sorted((int(a.shape[0]), int(v.shape[0])))
    first, size = (short - 1, long - short + 1) if name == "valid" else ((short - 1) // 2, long)
    if name == "same" and call == "numpy.correlate" and a.shape[0] < v.shape[0]:
        first = short // 2
    return getitem(whole, ((first, first + size, 1),))
