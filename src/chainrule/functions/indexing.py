"""NumPy's indexing, brought to basic indices and `gather`.

An index arrives with its handles resolved: integers and slices as Python's, index arrays as nodes, boolean masks as
`Mask` (their values are known; the places they select become captured integers).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.aval import broadcast_shapes
from chainrule.core.dimension import Dim, Size
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, DimensionError, OutOfBoundsError, fail
from chainrule.ops import indexing, shaping
from chainrule.ops.assignment import scatter_set
from chainrule.ops.indexing import WHOLE

CALL = "x[...]"


@dataclass(frozen=True, slots=True)
class Mask:
    """A boolean index with its values, and how to make a node of the integers it stands for."""

    values: np.ndarray[Any, Any]
    capture: Callable[[Any], Node]


@dataclass(frozen=True, slots=True)
class Places:
    """An index array, with its values where they are known, so that they can be checked."""

    node: Node
    values: Any


@dataclass(frozen=True, slots=True)
class Parts:
    """What an index reads: first `move` (basic indexing and an order of axes), then entries at `indices`, if any.

    The gathered axes are the first of what `move` gives; `axes` is where NumPy puts them in the result.
    """

    move: Callable[[Node], Node]
    indices: list[Node]
    index_rank: int
    axes: tuple[int, ...] | None

    def read(self, x: Node) -> Node:
        """``x[index]``."""
        moved = self.move(x)
        if not self.indices:
            return moved
        out = indexing.gather(moved, self.indices, moved.ndim, self.index_rank)
        return out if self.axes is None else shaping.permute(out, self.axes)

    def written(self, moved: Node, value: Node) -> Node:
        """What `move` gives, with `value` (of the shape that `read` gives) at the index."""
        if not self.indices:
            return value
        if self.axes is not None:
            order = [axis + len(self.axes) for axis in self.axes]
            value = shaping.permute(value, tuple(order.index(k) - len(order) for k in range(len(order))))
        return scatter_set(moved, value, self.indices, moved.ndim, self.index_rank)


def getitem(x: Node, index: tuple[Any, ...]) -> Node:
    """``x[index]`` for any NumPy index."""
    return parts(x, index).read(x)


def parts(x: Node, index: tuple[Any, ...]) -> Parts:
    """How an index of an array like `x` is read and written."""
    entries = _expanded(x, index)
    basic, rest = _basic_part(x, entries)
    if any(isinstance(entry, Node) for entry in rest):
        return _advanced_part(basic, rest)
    return Parts(basic, [], 0, None)


def _expanded(x: Node, index: tuple[Any, ...]) -> list[Any]:
    """One entry for each axis, and None for each new one; masks become index arrays, the ellipsis full slices."""
    if sum(entry is Ellipsis for entry in index) > 1:
        raise fail(ArgumentError, CALL, "an index may hold one ellipsis", [("x", x)], fix="write ... once")
    used = _consumed(index)
    if used > x.ndim:
        raise fail(
            ArgumentError,
            CALL,
            f"{used} indices for an array with {x.ndim} axes",
            [("x", x)],
            fix="give at most one index for each axis",
        )
    full = [slice(None)] * (x.ndim - used)
    place = next((k for k, entry in enumerate(index) if entry is Ellipsis), len(index))
    entries: list[Any] = []
    axis = 0
    for entry in (*index[:place], *full, *index[place + 1 :]):
        entries.extend(_places(x, entry, axis) if isinstance(entry, Mask) else [entry])
        axis += _consumed((entry,))
    return entries


def _consumed(entries: tuple[Any, ...]) -> int:
    """Number of axes that entries of an index stand for."""
    return sum(
        entry.values.ndim if isinstance(entry, Mask) else entry is not None and entry is not Ellipsis
        for entry in entries
    )


def _places(x: Node, mask: Mask, axis: int) -> list[Any]:
    """The integer index arrays that a mask stands for."""
    covered = x.shape[axis : axis + mask.values.ndim]
    if tuple(mask.values.shape) != covered:
        raise fail(
            ArgumentError,
            CALL,
            f"a mask of shape {mask.values.shape} does not fit axes of sizes {covered}",
            [("x", x), ("mask", mask.values)],
            fix="give the mask the shape of the axes it selects from",
        )
    if mask.values.ndim == 0:
        raise fail(
            ArgumentError, CALL, "a single boolean is not supported as an index", [("x", x)], fix="use numpy.where"
        )
    return [mask.capture(places) for places in np.nonzero(mask.values)]


def _basic_part(x: Node, entries: list[Any]) -> tuple[Callable[[Node], Node], list[Any]]:
    """Apply integers, slices and new axes; what remains is one index array or None (a kept axis) for each axis.

    An integer beside index arrays is an index array of shape () to NumPy (it decides where the new axes go).
    """
    advanced = any(isinstance(entry, Node | Places) for entry in entries)
    basic: list[Any] = []
    rest: list[Any] = []
    new_axes: list[int] = []
    axis = 0
    for entry in entries:
        if entry is None:
            new_axes.append(len(rest))
            rest.append(None)
            continue
        size = x.shape[axis]
        if isinstance(entry, Places):
            _require_inside(entry.values, size, axis, x)
            entry = entry.node
        if isinstance(entry, Node):
            basic.append(WHOLE)
            rest.append(_integers(entry, axis))
        elif isinstance(entry, slice):
            basic.append(_canonical_slice(entry, size))
            rest.append(None)
        else:
            place = _canonical_integer(entry, size, axis, x)
            if advanced:
                basic.append((place, place + 1, 1))
                rest.append(0)
            else:
                basic.append(place)
        axis += 1
    kept = sum(isinstance(entry, tuple) for entry in basic)
    ndim = kept + len(new_axes)

    def move(node: Node) -> Node:
        part = indexing.getitem(node, tuple(basic))
        return shaping.broadcast(part, tuple(k - ndim for k in new_axes), (1,) * len(new_axes))

    return move, rest


def _canonical_integer(entry: Any, size: Size, axis: int, x: Node) -> int:
    try:
        k = operator.index(entry)
    except TypeError:
        raise fail(
            ArgumentError,
            CALL,
            f"an index must be an integer, slice, array or mask, not {type(entry).__name__}",
            [("x", x)],
            fix="convert the index to an integer",
        ) from None
    if isinstance(size, Dim):
        if k < 0:
            raise fail(
                DimensionError,
                CALL,
                f"index {k} of an axis of symbolic size {size}",
                [("x", x)],
                fix="count from the front",
            )
        return k
    _require_inside(k, size, axis, x)
    return k + size if k < 0 else k


def _require_inside(values: Any, size: Size, axis: int, x: Node) -> None:
    """Refuse places that the axis does not have, as soon as they are known."""
    if isinstance(size, Dim) or values is None:
        return
    values = np.asarray(values)
    if not values.size or values.dtype.kind not in "iu":
        return
    for k in (int(values.min()), int(values.max())):
        if not -size <= k < size:
            raise fail(
                OutOfBoundsError,
                CALL,
                f"index {k} is out of bounds for axis {axis} with size {size}",
                [("x", x)],
                fix=f"use an index from {-size} to {size - 1}" if size else "the axis is empty: give it entries first",
            )


def _canonical_slice(entry: slice, size: Size) -> tuple[Any, Any, int]:
    """A slice as (start, stop, step), equal slices alike; the whole axis is `WHOLE`."""
    if isinstance(size, Dim):
        if entry == slice(None):
            return WHOLE
        raise fail(
            DimensionError,
            CALL,
            f"a slice of an axis of symbolic size {size}",
            fix="slice axes of known size only",
        )
    start, stop, step = (
        None if part is None else operator.index(part) for part in (entry.start, entry.stop, entry.step)
    )
    first, last, stride = slice(start, stop, step).indices(size)
    count = len(range(first, last, stride))
    if count == size and stride == 1:
        return WHOLE
    if stride > 0:
        return (first, first + (count - 1) * stride + 1 if count else first, stride)
    end = first + count * stride
    return (first if count else 0, (end if end >= 0 else None) if count else 0, stride)


def _integers(index: Node, axis: int) -> Node:
    """Integer index arrays as they are; NumPy counts negative entries from the end, and so does `gather`."""
    if index.dtype.kind not in "iu":
        raise fail(
            ArgumentError,
            CALL,
            f"the index of axis {axis} has dtype {index.dtype}",
            [("index", index)],
            fix="index with integers or booleans, as in x[i.astype(int)]",
        )
    return index


def _advanced_part(basic: Callable[[Node], Node], rest: list[Any]) -> Parts:
    """Index arrays after basic indexing; `rest` has one of them, an integer or None for each axis that is left."""
    places = [k for k, entry in enumerate(rest) if entry is not None]
    arrays = [k for k in places if isinstance(rest[k], Node)]
    # Integers were cut to axes of size 1: drop those, but remember their places for NumPy's rule.
    integers = [k for k in places if k not in arrays]
    ndim = len(rest)
    rank = len(broadcast_shapes([rest[k].shape for k in arrays], CALL, [rest[k] for k in arrays]))
    order = [*arrays, *[k for k in range(ndim) if k not in arrays]]

    def move(node: Node) -> Node:
        gathered_first = shaping.permute(basic(node), tuple(k - ndim for k in order))
        return indexing.getitem(gathered_first, tuple(0 if k in integers else WHOLE for k in order))

    indices = [_of_rank(rest[k], rank) for k in arrays]
    if places != list(range(places[0], places[-1] + 1)):
        return Parts(move, indices, rank, None)  # index arrays with a slice between them: their axes come first
    out_ndim = rank + ndim - len(places)
    before = len([k for k in range(places[0]) if k not in places])
    axes = [*range(rank, rank + before), *range(rank), *range(rank + before, out_ndim)]
    return Parts(move, indices, rank, tuple(k - out_ndim for k in axes))


def _of_rank(index: Node, rank: int) -> Node:
    missing = rank - index.ndim
    return shaping.broadcast(index, tuple(range(-rank, -index.ndim)), (1,) * missing)
