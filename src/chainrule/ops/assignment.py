"""Assignment to parts of an array, as ops: the array with some of its entries replaced.

Nodes never change; what a user writes as ``x[index] = value`` becomes a new node, and `trace` moves the name over.
"""

from __future__ import annotations

from typing import Any

from chainrule.core.aval import BOOL, Aval, broadcast_shapes
from chainrule.core.leaves import literal
from chainrule.core.node import Node, make_node
from chainrule.core.op import MOVES, Op, register
from chainrule.ops.indexing import BasicIndex, as_slices, gather, getitem, slice_lengths, truth
from chainrule.ops.selection import astype, where
from chainrule.ops.shaping import broadcast


def _filled(value: float | bool, like: Aval) -> Node:
    """An array of one value, of the shape and dtype of another."""
    return broadcast(astype(literal(value), like.dtype), tuple(range(-like.ndim, 0)), like.shape)


@register
class SetItem(Op):
    """The first operand with the second at a static basic `index` of its core axes."""

    name = "set_item"
    parameters = ("index",)
    linear_in = frozenset({0, 1})
    supports = MOVES

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        index = node.param("index")
        return len(index), sum(isinstance(entry, tuple) for entry in index)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        x, value = avals
        index = params["index"]
        core = x.shape[x.ndim - len(index) :]
        inner = slice_lengths(core, index)
        loops = [x.shape[: x.ndim - len(index)], value.shape[: value.ndim - len(inner)]]
        assert value.shape[value.ndim - len(inner) :] == inner, "the value has the shape of the part that it replaces"
        return Aval((*broadcast_shapes(loops, "x[...] = value", avals), *core), x.dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.set_item(values[0], values[1], as_slices(params["index"]))

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        index = node.param("index")
        if i == 1:
            return getitem(ct, index)
        inner = getitem(ct, index)
        return set_item(ct, _filled(False if ct.dtype == BOOL else 0.0, inner.aval), index)

    def transpose_support(self, i: int, support: Node | None, node: Node) -> Node | None:
        if support is None and i == 1:
            return None
        return self.transpose(i, truth(node.shape) if support is None else support, node)


@register
class ScatterSet(Op):
    """The first operand with the second at index arrays of its first core axes; of two that meet, the last counts.

    Parameters: `rank`, the core rank of the array; `index_rank`, that of the index arrays, as for `gather`.
    """

    name = "scatter_set"
    parameters = ("rank", "index_rank")
    linear_in = frozenset({0, 1})
    nondifferentiable_in = dict.fromkeys(range(2, 64), "an index is an integer; it has no derivative")
    supports = MOVES

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        rank, index_rank = node.params
        indices = len(node.operands) - 2
        return (rank, index_rank + rank - indices) + (index_rank,) * indices

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        x, value, *indices = avals
        rank, index_rank = params["rank"], params["index_rank"]
        inner = index_rank + rank - len(indices)
        loops = [x.shape[: x.ndim - rank], value.shape[: value.ndim - inner]]
        loops += [k.shape[: k.ndim - index_rank] for k in indices]
        return Aval((*broadcast_shapes(loops, "x[...] = value", avals), *x.shape[x.ndim - rank :]), x.dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        x, value, *indices = values
        return xp.kernels.scatter_set(x, value, indices, params["rank"], params["index_rank"])

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        rank, index_rank = node.params
        indices = list(node.operands[2:])
        part = gather(ct, indices, rank, index_rank)
        if i == 0:
            return scatter_set(ct, _filled(False if ct.dtype == BOOL else 0.0, part.aval), indices, rank, index_rank)
        return where(_last_of(indices, part, node), part, False if ct.dtype == BOOL else 0)

    def transpose_support(self, i: int, support: Node | None, node: Node) -> Node:
        return self.transpose(i, truth(node.shape) if support is None else support, node)


def _last_of(indices: list[Node], part: Node, node: Node) -> Node:
    """Which entries of an assigned value are the last at their place, in the shape of the gathered part."""
    rank, index_rank = node.params
    x = node.operands[0]
    core = x.shape[x.ndim - rank :]
    last = make_node(LAST_WRITE, tuple(indices), (core[: len(indices)], index_rank))
    rest = rank - len(indices)
    return broadcast(last, tuple(range(-rest, 0)), core[len(indices) :])


@register
class LastWrite(Op):
    """For index arrays into axes of the sizes `core`: whether an entry is the last that names its place."""

    name = "last_write"
    parameters = ("core", "index_rank")
    nondifferentiable = True

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (node.param("index_rank"),) * len(node.operands)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        return Aval(broadcast_shapes([k.shape for k in avals], "x[...] = value", avals), BOOL)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.last_write(values, params["core"], params["index_rank"])


SET_ITEM = SetItem.instance
SCATTER_SET = ScatterSet.instance
LAST_WRITE = LastWrite.instance


def set_item(x: Node, value: Node, index: BasicIndex) -> Node:
    """`x` with `value`, of the part's shape, at a canonical basic index of its last ``len(index)`` axes."""
    return make_node(SET_ITEM, (x, value), (index,))


def scatter_set(x: Node, value: Node, indices: list[Node], rank: int, index_rank: int) -> Node:
    """`x` with `value` at index arrays of the first of its `rank` core axes."""
    return make_node(SCATTER_SET, (x, value, *indices), (rank, index_rank))
