"""Parts of an array, and their transposes: basic indexing, gathering at index arrays, sorting.

A basic index is one entry for each core axis: a non-negative integer, or a slice as ``(start, stop, step)`` with
``stop`` None where a negative step runs to the front. Index arrays are operands of `gather`, whose core axes are
arranged by the door: the gathered axes first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.aval import INT, Aval, Shape, broadcast_shapes
from chainrule.core.dimension import Size
from chainrule.core.leaves import literal
from chainrule.core.node import Node, Params, make_node
from chainrule.core.op import COUNTS, MOVES, Op, register
from chainrule.errors import ArgumentError, fail

# A slice that keeps a whole axis.
WHOLE = (0, None, 1)
BasicIndex = tuple[Any, ...]


def _slice_length(size: Size, entry: tuple[Any, Any, int]) -> Size:
    start, stop, step = entry
    if entry == WHOLE:
        return size
    if step == 1:  # sizes may be symbolic here
        length: Size = (size if stop is None else stop) - start
        return length
    return len(range(*slice(start, stop, step).indices(int(size))))


def slice_lengths(shape: Shape, index: BasicIndex) -> Shape:
    """Sizes of what a basic index of axes of the sizes `shape` reads."""
    return tuple([_slice_length(n, entry) for n, entry in zip(shape, index, strict=True) if isinstance(entry, tuple)])


def as_slices(index: BasicIndex) -> tuple[Any, ...]:
    """The index as NumPy takes it."""
    return tuple(slice(*entry) if isinstance(entry, tuple) else entry for entry in index)


@register
class GetItem(Op):
    """Entries at a static basic `index` of the core axes."""

    name = "getitem"
    parameters = ("index",)
    linear_in = frozenset({0})
    supports = MOVES
    aliases = (0,)

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (len(node.param("index")),)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (x,) = avals
        index = params["index"]
        loops = x.ndim - len(index)
        return Aval((*x.shape[:loops], *slice_lengths(x.shape[loops:], index)), x.dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return values[0][(..., *as_slices(params["index"]))]

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        return operands[0] if all(entry == WHOLE for entry in params[0]) else None

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        index = node.param("index")
        x = node.operands[0]
        return pad_into(ct, index, x.shape[x.ndim - len(index) :])

    def transpose_support(self, i: int, support: Node | None, node: Node) -> Node:
        index = node.param("index")
        core = node.operands[0].shape[node.operands[0].ndim - len(index) :]
        if support is None:
            support = truth(slice_lengths(core, index))
        return pad_into(support, index, core)


def truth(shape: Shape) -> Node:
    """True everywhere."""
    from chainrule.ops.shaping import broadcast

    return broadcast(literal(True), tuple(range(-len(shape), 0)), shape)


@register
class PadInto(Op):
    """Zeros of the shape `core`, with the operand's core axes put at the basic `index`."""

    name = "pad_into"
    parameters = ("index", "core")
    linear_in = frozenset({0})
    supports = MOVES

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (x,) = avals
        inner = len(slice_lengths(params["core"], params["index"]))
        return Aval((*x.shape[: x.ndim - inner], *params["core"]), x.dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.pad_into(values[0], as_slices(params["index"]), params["core"])

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        return getitem(ct, node.param("index"))

    def forward_support(self, supports: tuple[Node | bool | None, ...], node: Node) -> Node:
        index, core = node.params
        (support,) = supports
        inner = support if isinstance(support, Node) else truth(slice_lengths(core, index))
        return pad_into(inner, index, core)


@register
class Gather(Op):
    """Entries of `x` at index arrays of its first core axes: core shape (indexed…, rest…) becomes (index shape, rest…).

    Parameters: `rank`, the core rank of `x`; `index_rank`, that of each index array. Loop axes of `x` and of the
    index arrays are paired.
    """

    name = "gather"
    parameters = ("rank", "index_rank")
    linear_in = frozenset({0})
    nondifferentiable_in = dict.fromkeys(range(1, 64), "an index is an integer; it has no derivative")
    supports = MOVES

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        rank, index_rank = node.params
        return (rank,) + (index_rank,) * (len(node.operands) - 1)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        x, *indices = avals
        rank, index_rank = params["rank"], params["index_rank"]
        loops = [x.shape[: x.ndim - rank]] + [k.shape[: k.ndim - index_rank] for k in indices]
        index_shape = broadcast_shapes([k.shape[k.ndim - index_rank :] for k in indices], "indexing", indices)
        rest = x.shape[x.ndim - rank + len(indices) :]
        return Aval((*broadcast_shapes(loops, "indexing", avals), *index_shape, *rest), x.dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.gather(values[0], values[1:], params["rank"], params["index_rank"])

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        rank, index_rank = node.params
        x, *indices = node.operands
        return scatter_add(ct, indices, x.shape[x.ndim - rank :], index_rank)

    def transpose_support(self, i: int, support: Node | None, node: Node) -> Node | None:
        return _scattered_support(self.transpose(i, _ones_like(support, node), node))


def _ones_like(support: Node | None, node: Node) -> Node:
    from chainrule.ops.selection import astype

    return astype(truth(node.shape) if support is None else support, INT)


def _scattered_support(counts: Node) -> Node:
    from chainrule.ops.logic import not_equal

    return not_equal(counts, 0)


@register
class ScatterAdd(Op):
    """Zeros of core shape `core`, with the operand's entries added at index arrays of the first core axes.

    The transpose of `gather`; an index that occurs twice receives both entries.
    """

    name = "scatter_add"
    parameters = ("core", "index_rank")
    linear_in = frozenset({0})
    nondifferentiable_in = dict.fromkeys(range(1, 64), "an index is an integer; it has no derivative")
    supports = COUNTS

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        core, index_rank = node.params
        indices = len(node.operands) - 1
        return (index_rank + len(core) - indices,) + (index_rank,) * indices

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        values, *indices = avals
        core, index_rank = params["core"], params["index_rank"]
        inner = index_rank + len(core) - len(indices)
        loops = [values.shape[: values.ndim - inner]] + [k.shape[: k.ndim - index_rank] for k in indices]
        return Aval((*broadcast_shapes(loops, "indexing", avals), *core), values.dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.scatter_add(values[0], values[1:], params["core"], params["index_rank"])

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        core, index_rank = node.params
        return gather(ct, list(node.operands[1:]), len(core), index_rank)

    def transpose_support(self, i: int, support: Node | None, node: Node) -> Node | None:
        return None if support is None else self.transpose(i, support, node)

    def forward_support(self, supports: tuple[Node | bool | None, ...], node: Node) -> Node | None:
        support = supports[0] if isinstance(supports[0], Node) else None
        ones = _ones_like(support, node.operands[0])
        return _scattered_support(make_node(self, (ones, *node.operands[1:]), node.params))


@register
class Argsort(Op):
    """The order that sorts the last axis, ties in their given order; integers, so without a derivative."""

    name = "argsort"
    numpy = np.argsort
    nondifferentiable = True

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        return Aval(avals[0].shape, INT)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.argsort(values[0], axis=-1, kind="stable")


@register
class Sort(Op):
    """The entries of the last axis in ascending order; the derivative follows the stable permutation."""

    name = "sort"
    numpy = np.sort

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        return Aval(avals[0].shape, avals[0].dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.sort(values[0], axis=-1, kind="stable")

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (1,)

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        return gather(dx, [make_node(ARGSORT, node.operands)], 1, 1)


GETITEM = GetItem.instance
PAD_INTO = PadInto.instance
GATHER = Gather.instance
SCATTER_ADD = ScatterAdd.instance
ARGSORT = Argsort.instance
SORT = Sort.instance


def getitem(x: Node, index: BasicIndex) -> Node:
    """Entries of `x` at a canonical basic index of its last ``len(index)`` axes."""
    return GETITEM.bind((x,), (index,))


def getitem_along(x: Node, axis: int, rank: int, start: Size, stop: Size) -> Node:
    """Entries `start` to `stop` along `axis` (negative) of the `rank` core axes."""
    return getitem(x, tuple((start, stop, 1) if k == axis else WHOLE for k in range(-rank, 0)))


def pad_into(x: Node, index: BasicIndex, core: Shape) -> Node:
    """Zeros of the shape `core` with `x` at the basic `index`."""
    return make_node(PAD_INTO, (x,), (index, core))


def gather(x: Node, indices: list[Node], rank: int, index_rank: int) -> Node:
    """Entries of `x` at index arrays of the first of its `rank` core axes."""
    _require_integers(indices)
    return make_node(GATHER, (x, *indices), (rank, index_rank))


def scatter_add(values: Node, indices: list[Node], core: Shape, index_rank: int) -> Node:
    """`values` added into zeros of shape `core` at index arrays of its first axes."""
    return make_node(SCATTER_ADD, (values, *indices), (core, index_rank))


def _require_integers(indices: list[Node]) -> None:
    for k, index in enumerate(indices):
        if index.dtype.kind not in "iu":
            raise fail(
                ArgumentError,
                "indexing",
                f"index array {k} has dtype {index.dtype}",
                [(f"index {k}", index)],
                fix="index with integers or booleans, as in x[i.astype(int)]",
            )


def argsort(x: Node) -> Node:
    """The stable order that sorts the last axis."""
    return make_node(ARGSORT, (x,))


def sort(x: Node) -> Node:
    """The last axis in ascending order."""
    return make_node(SORT, (x,))
