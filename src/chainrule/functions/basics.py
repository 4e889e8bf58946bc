"""NumPy-named functions of nodes: arguments normalised, ops applied, no derivative rules.

Signatures are NumPy's; a keyword that cannot be honoured is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.aval import FLOAT, INT, broadcast_shapes
from chainrule.core.dimension import size_product
from chainrule.core.leaves import literal
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError, fail
from chainrule.functions.axes import (
    NOT_GIVEN,
    canonical_axes,
    canonical_axis,
    canonical_shape,
    is_given,
    keep_axes,
    refuse,
)
from chainrule.functions.axes import (
    broadcast_to as _broadcast_to,
)
from chainrule.ops import arithmetic, indexing, logic, reductions, selection, shaping
from chainrule.ops.sums import dimension

# --- dtype ----------------------------------------------------------------------------------------------------------


def astype(x: Node, dtype: Any) -> Node:
    """The entries in another dtype."""
    wanted = np.dtype(dtype)
    if wanted.kind not in "fiub":
        raise fail(
            DtypeError,
            "numpy.astype",
            f"dtype {wanted} is not one of real numbers",
            [("x", x)],
            fix="use a floating, integer or boolean dtype",
        )
    return selection.astype(x, wanted)


def _as_dtype(x: Node, dtype: Any) -> Node:
    return x if dtype is None or dtype is NOT_GIVEN else astype(x, dtype)


# --- selection ------------------------------------------------------------------------------------------------------


def where(condition: Node, x: Any = NOT_GIVEN, y: Any = NOT_GIVEN) -> Node:
    """`x` where `condition` holds, else `y`."""
    if x is NOT_GIVEN or y is NOT_GIVEN:
        raise fail(
            ArgumentError,
            "numpy.where",
            "the form with one argument gives indices whose number depends on values",
            fix="give all three: numpy.where(condition, x, y)",
        )
    if condition.dtype.kind != "b":
        condition = logic.not_equal(condition, 0)
    return selection.where(condition, x, y)


def square(x: Node) -> Node:
    """``x * x``."""
    return arithmetic.multiply(x, x)


def reciprocal(x: Node) -> Node:
    """``1 / x``."""
    if not x.aval.is_float:
        raise fail(
            DtypeError, "numpy.reciprocal", "integers have no integer reciprocals", [("x", x)], fix="write 1 / x"
        )
    return arithmetic.divide(literal(1.0), x)


def positive(x: Node) -> Node:
    """``+x``."""
    return x


# --- masks ----------------------------------------------------------------------------------------------------------


def bitwise_and(x: Node, y: Node) -> Node:
    """``x & y`` of masks, as a NumPy mask asks it of a traced one."""
    _require_masks(x, y, call="numpy.bitwise_and")
    return logic.logical_and(x, y)


def bitwise_or(x: Node, y: Node) -> Node:
    """``x | y`` of masks."""
    _require_masks(x, y, call="numpy.bitwise_or")
    return logic.logical_or(x, y)


def bitwise_xor(x: Node, y: Node) -> Node:
    """``x ^ y`` of masks."""
    _require_masks(x, y, call="numpy.bitwise_xor")
    return logic.not_equal(x, y)


def invert(x: Node) -> Node:
    """``~x`` of a mask."""
    _require_masks(x, call="numpy.invert")
    return logic.logical_not(x)


def _require_masks(*operands: Node, call: str) -> None:
    if {x.dtype.kind for x in operands} != {"b"}:
        described = [(f"operand {k}", x) for k, x in enumerate(operands)]
        raise fail(
            UnsupportedError, call, "bit operations are for booleans only", described, fix="compare first: x > 0"
        )


# --- reductions -----------------------------------------------------------------------------------------------------


def sum(
    a: Node,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NOT_GIVEN,
    where: Any = NOT_GIVEN,
) -> Node:
    """Sum over axes."""
    refuse("numpy.sum", {"out": (out, None)})
    a = _as_dtype(a, dtype)
    if is_given(where):
        a = selection.where(_broadcast_to(where, a.shape, "numpy.sum"), a, 0)
    axes = canonical_axes(axis, a.ndim, "numpy.sum")
    total = reductions.sum_over(a, axes)
    if is_given(initial):
        total = arithmetic.add(total, initial)
    return keep_axes(total, axes, keepdims)


def mean(
    a: Node, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = NOT_GIVEN
) -> Node:
    """Mean over axes."""
    refuse("numpy.mean", {"out": (out, None)})
    if dtype is None and a.dtype.kind in "biu":
        a = astype(a, FLOAT)
    a = _as_dtype(a, dtype)
    axes = canonical_axes(axis, a.ndim, "numpy.mean")
    if is_given(where):
        mask = _broadcast_to(where, a.shape, "numpy.mean")
        count = reductions.sum_over(selection.astype(mask, INT), axes)
        total = reductions.sum_over(selection.where(mask, a, 0), axes)
        return keep_axes(selection.astype(arithmetic.divide(total, count), a.dtype), axes, keepdims)
    total = reductions.sum_over(a, axes)
    size = size_product(a.shape[k] for k in axes)
    return keep_axes(arithmetic.divide(total, dimension(size)), axes, keepdims)


def _extremum(name: str) -> Any:
    over = {"max": reductions.max_over, "min": reductions.min_over}[name]
    combine = {"max": selection.MAXIMUM, "min": selection.MINIMUM}[name]

    def function(
        a: Node,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = NOT_GIVEN,
        where: Any = NOT_GIVEN,
    ) -> Node:
        call = f"numpy.{name}"
        refuse(call, {"out": (out, None)})
        if is_given(where):
            if not is_given(initial):
                raise fail(ArgumentError, call, "where= needs initial=", [("a", a)], fix="give initial= too")
            a = selection.where(_broadcast_to(where, a.shape, call), a, initial)
        axes = canonical_axes(axis, a.ndim, call)
        if is_given(initial) and 0 in (a.shape[k] for k in axes):
            nothing = selection.astype(reductions.sum_over(a, axes), a.dtype)  # zeros of the result's shape
            return keep_axes(arithmetic.add(nothing, initial), axes, keepdims)
        result = over(a, axes) if axes else a
        if is_given(initial):
            result = combine.bind((result, initial))
        return keep_axes(result, axes, keepdims)

    function.__name__ = name
    function.__doc__ = f"{'Largest' if name == 'max' else 'Smallest'} entry over axes."
    return function


max = _extremum("max")
min = _extremum("min")


def any(
    a: Node, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = NOT_GIVEN
) -> Node:  # fmt: skip
    """Whether any entry is true."""
    refuse("numpy.any", {"out": (out, None), "where": (where, True)})
    axes = canonical_axes(axis, a.ndim, "numpy.any")
    true = a if a.dtype.kind == "b" else logic.not_equal(a, 0)
    return keep_axes(logic.not_equal(reductions.sum_over(selection.astype(true, INT), axes), 0), axes, keepdims)


def all(
    a: Node, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = NOT_GIVEN
) -> Node:  # fmt: skip
    """Whether all entries are true."""
    refuse("numpy.all", {"out": (out, None), "where": (where, True)})
    false = logic.logical_not(a) if a.dtype.kind == "b" else logic.equal(a, 0)
    return logic.logical_not(any(false, axis, None, keepdims))


def cumsum(a: Node, axis: Any = None, dtype: Any = None, out: Any = None) -> Node:
    """Cumulative sum along an axis, or of the flattened array."""
    refuse("numpy.cumsum", {"out": (out, None)})
    a = _as_dtype(a, dtype)
    if axis is None:
        a, axis = ravel(a), -1
    return reductions.cumsum(a, canonical_axis(axis, a.ndim, "numpy.cumsum"))


def logsumexp(
    a: Node, axis: Any = None, b: Any = None, keepdims: Any = False, return_sign: Any = False
) -> Node:  # fmt: skip
    """Log of the sum of exponentials over axes."""
    refuse("scipy.special.logsumexp", {"b": (b, None), "return_sign": (return_sign, False)})
    axes = canonical_axes(axis, a.ndim, "scipy.special.logsumexp")
    return keep_axes(reductions.logsumexp_over(a, axes) if axes else a, axes, keepdims)


# --- shape ----------------------------------------------------------------------------------------------------------


def transpose(a: Node, axes: Any = None) -> Node:
    """Axes in another order, reversed by default."""
    order = range(-1, -a.ndim - 1, -1) if axes is None else [canonical_axis(k, a.ndim, "numpy.transpose") for k in axes]
    if sorted(order) != list(range(-a.ndim, 0)):
        raise fail(
            ArgumentError,
            "numpy.transpose",
            f"axes {tuple(order)} are not an order of the {a.ndim} axes",
            [("a", a)],
            fix="name each axis once",
        )
    return shaping.permute(a, tuple(order))


def matrix_transpose(x: Node) -> Node:
    """The last two axes interchanged."""
    if x.ndim < 2:
        raise fail(
            ShapeError,
            "numpy.matrix_transpose",
            "at least two axes are needed",
            [("x", x)],
            fix="add an axis with x[:, None]",
        )
    return shaping.permute(x, (-1, -2))


def swapaxes(a: Node, axis1: Any, axis2: Any) -> Node:
    """Two axes interchanged."""
    j, k = (canonical_axis(axis, a.ndim, "numpy.swapaxes") for axis in (axis1, axis2))
    order = list(range(-a.ndim, 0))
    order[j], order[k] = order[k], order[j]
    return shaping.permute(a, tuple(order))


def moveaxis(a: Node, source: Any, destination: Any) -> Node:
    """Axes moved to other places, the others in their order."""
    sources, places = (
        [
            canonical_axis(k, a.ndim, "numpy.moveaxis") + a.ndim
            for k in (axes if isinstance(axes, tuple | list) else (axes,))
        ]
        for axes in (source, destination)
    )
    if len(sources) != len(places):
        raise fail(
            ArgumentError,
            "numpy.moveaxis",
            f"{len(sources)} sources and {len(places)} destinations",
            fix="give as many destinations as sources",
        )
    order = [k for k in range(a.ndim) if k not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return transpose(a, order)


def reshape(a: Node, shape: Any, order: Any = "C", *, copy: Any = None) -> Node:
    """The same entries under another shape."""
    refuse("numpy.reshape", {"order": (order, "C")}, "transpose first: numpy.reshape(a.T, shape)")
    return shaping.reshape(a, canonical_shape(shape, a.aval.size, "numpy.reshape", a))


def ravel(a: Node, order: Any = "C") -> Node:
    """The entries as a vector."""
    refuse("numpy.ravel", {"order": (order, "C")}, "transpose first: a.T.ravel()")
    return shaping.reshape(a, (a.aval.size,))


def squeeze(a: Node, axis: Any = None) -> Node:
    """The array without axes of size 1."""
    if axis is None:
        axes = tuple(k for k in range(-a.ndim, 0) if a.shape[k] == 1)
    else:
        axes = canonical_axes(axis, a.ndim, "numpy.squeeze")
    wide = [k for k in axes if a.shape[k] != 1]
    if wide:
        raise fail(
            ShapeError,
            "numpy.squeeze",
            f"axis {wide[0]} has size {a.shape[wide[0]]}, not 1",
            [("a", a)],
            fix="name axes of size 1 only",
        )
    return shaping.reshape(a, tuple(a.shape[k] for k in range(-a.ndim, 0) if k not in axes))


def expand_dims(a: Node, axis: Any) -> Node:
    """The array with new axes of size 1."""
    several = axis if isinstance(axis, tuple | list) else (axis,)
    axes = canonical_axes(tuple(several), a.ndim + len(several), "numpy.expand_dims")
    return shaping.broadcast(a, axes, (1,) * len(axes))


def broadcast_to(array: Node, shape: Any, subok: Any = False) -> Node:
    """The array broadcast to a shape."""
    refuse("numpy.broadcast_to", {"subok": (subok, False)})
    return _broadcast_to(array, canonical_shape(shape, array.aval.size, "numpy.broadcast_to"), "numpy.broadcast_to")


def concatenate(
    arrays: Sequence[Node], axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Node:
    """Arrays joined along an axis."""
    refuse("numpy.concatenate", {"out": (out, None), "casting": (casting, "same_kind")})
    if not arrays:
        raise fail(ArgumentError, "numpy.concatenate", "there is nothing to join", fix="give at least one array")
    if axis is None:
        arrays, axis = [ravel(a) for a in arrays], 0
    if arrays[0].ndim == 0:
        raise fail(
            ShapeError,
            "numpy.concatenate",
            "scalars have no axis to join along",
            [("array 0", arrays[0])],
            fix="use numpy.stack",
        )
    place = canonical_axis(axis, arrays[0].ndim, "numpy.concatenate")
    return _as_dtype(shaping.concatenate(arrays, place), dtype)


def stack(
    arrays: Sequence[Node], axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Node:
    """Arrays of one shape joined along a new axis."""
    refuse("numpy.stack", {"out": (out, None), "casting": (casting, "same_kind")})
    if not arrays:
        raise fail(ArgumentError, "numpy.stack", "there is nothing to join", fix="give at least one array")
    for k, a in enumerate(arrays):
        if a.shape != arrays[0].shape:
            raise fail(
                ShapeError,
                "numpy.stack",
                f"arrays 0 and {k} differ in shape",
                [("array 0", arrays[0]), (f"array {k}", a)],
                fix="make all shapes equal",
            )
    place = canonical_axis(axis, arrays[0].ndim + 1, "numpy.stack")
    return _as_dtype(shaping.concatenate([shaping.broadcast(a, (place,), (1,)) for a in arrays], place), dtype)


def hstack(tup: Sequence[Node], *, dtype: Any = None, casting: Any = "same_kind") -> Node:
    """Arrays joined along the second axis, vectors along the first."""
    arrays = [shaping.reshape(a, (1,)) if a.ndim == 0 else a for a in tup]
    axis = 0 if arrays and arrays[0].ndim == 1 else 1
    return concatenate(arrays, axis, dtype=dtype, casting=casting)


def vstack(tup: Sequence[Node], *, dtype: Any = None, casting: Any = "same_kind") -> Node:
    """Arrays joined along the first axis, vectors as rows."""
    arrays = [shaping.reshape(a, (1, *(a.shape or (1,)))) if a.ndim < 2 else a for a in tup]
    return concatenate(arrays, 0, dtype=dtype, casting=casting)


def copy(a: Node, order: Any = "K", subok: Any = False) -> Node:
    """The array itself: nodes never change."""
    refuse("numpy.copy", {"order": (order, "K"), "subok": (subok, False)})
    return a


# --- order ----------------------------------------------------------------------------------------------------------


def sort(a: Node, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Node:
    """Entries in ascending order along an axis."""
    refuse("numpy.sort", {"order": (order, None)})
    return _along_last(indexing.sort, a, axis, "numpy.sort")


def argsort(a: Node, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Node:
    """The order that sorts along an axis; ties in their given order."""
    refuse("numpy.argsort", {"order": (order, None)})
    return _along_last(indexing.argsort, a, axis, "numpy.argsort")


def _along_last(function: Any, a: Node, axis: Any, call: str) -> Node:
    if axis is None:
        a, axis = ravel(a), -1
    place = canonical_axis(axis, a.ndim, call)
    result: Node = swapaxes(function(swapaxes(a, place, -1)), place, -1)
    return result


def clip(
    a: Node, a_min: Any = NOT_GIVEN, a_max: Any = NOT_GIVEN, out: Any = None, *, min: Any = NOT_GIVEN,
    max: Any = NOT_GIVEN,
) -> Node:  # fmt: skip
    """Entries limited to an interval. At a bound the derivative is 1 for the entry and 0 for the bound."""
    refuse("numpy.clip", {"out": (out, None)})
    by_place, by_name = ((a_min, a_max), (min, max))
    given = [bound is not NOT_GIVEN for bound in (*by_place, *by_name)]
    if given[0] != given[1] or (given[0] and (given[2] or given[3])):
        raise fail(
            ArgumentError,
            "numpy.clip",
            "the bounds are neither a pair (a_min, a_max) nor min= and max=",
            [("a", a)],
            fix="write numpy.clip(a, low, high), with None for a bound that is not wanted",
        )
    low, high = by_place if given[0] else by_name
    if low is not NOT_GIVEN and low is not None:
        a = selection.where(logic.less(a, low), low, a)
    if high is not NOT_GIVEN and high is not None:
        a = selection.where(logic.greater(a, high), high, a)
    return a


def broadcast_arrays(*args: Node, subok: Any = False) -> tuple[Node, ...]:
    """The arrays broadcast to their common shape."""
    refuse("numpy.broadcast_arrays", {"subok": (subok, False)})
    shape = broadcast_shapes([a.shape for a in args], "numpy.broadcast_arrays", args)
    return tuple(_broadcast_to(a, shape, "numpy.broadcast_arrays") for a in args)
