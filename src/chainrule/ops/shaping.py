"""The same entries under another shape: reshape, permute, broadcast, concatenate.

Parameters describe core axes only, counted from the right, so that loop axes on the left pass through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.core.aval import Aval, Shape, common_dtype
from chainrule.core.dimension import Size, size_product
from chainrule.core.node import Node, Params, make_node
from chainrule.core.op import ALL, COUNTS, MOVES, Op, register
from chainrule.errors import ShapeError, fail
from chainrule.ops.indexing import WHOLE, getitem, getitem_along

Axes = tuple[int, ...]


@register
class Reshape(Op):
    """The same entries in C order: core axes of shape `core` become axes of shape `to`."""

    name = "reshape"
    parameters = ("core", "to")
    linear_in = ALL
    supports = MOVES
    aliases = (0,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (x,) = avals
        core, to = params["core"], params["to"]
        if size_product(core) != size_product(to):
            raise fail(
                ShapeError,
                "numpy.reshape",
                f"{size_product(core)} entries cannot fill the shape {_shape_text(to)}",
                [("x", x)],
                fix="give a shape with as many entries, or -1 for one of its sizes",
            )
        shape = (*x.shape[: x.ndim - len(core)], *to)
        return Aval(shape, x.dtype, x.weak and not shape)  # only a number is weak

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        (x,) = values
        loops = xp.ndim(x) - len(params["core"])
        return xp.reshape(x, (*xp.shape(x)[:loops], *params["to"]))

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        (x,) = operands
        core, to = params
        if core == to:
            return x
        if x.op is self and x.params[1] == core:
            return self.bind(x.operands, (x.params[0], to))
        return None

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        core, to = node.params
        return reshape_core(ct, to, core)


@register
class Permute(Op):
    """Axes in another order: result axis k is core axis ``axes[k]``, both counted from the right (negative)."""

    name = "permute"
    parameters = ("axes",)
    linear_in = ALL
    supports = MOVES
    aliases = (0,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (x,) = avals
        axes: Axes = params["axes"]
        loops = x.shape[: x.ndim - len(axes)]
        return Aval((*loops, *[x.shape[axis] for axis in axes]), x.dtype, x.weak)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        (x,) = values
        axes: Axes = params["axes"]
        ndim = xp.ndim(x)
        return xp.transpose(x, (*range(ndim - len(axes)), *[ndim + axis for axis in axes]))

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        (x,) = operands
        (axes,) = params
        if axes == tuple(range(-len(axes), 0)):
            return x
        if x.op is self and len(x.params[0]) == len(axes):
            return self.bind(x.operands, (tuple(x.params[0][axis] for axis in axes),))
        return None

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        (axes,) = node.params
        n = len(axes)
        order = [axis + n for axis in axes]
        return permute(ct, tuple(order.index(k) - n for k in range(n)))


@register
class Broadcast(Op):
    """New axes of given `sizes` at the places `axes` of the result (ascending, negative), the entries repeated."""

    name = "broadcast"
    parameters = ("axes", "sizes")
    linear_in = ALL
    supports = COUNTS
    aliases = (0,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (x,) = avals
        return Aval(tuple(_inserted(x.shape, params["axes"], params["sizes"])), x.dtype, x.weak and not params["axes"])

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        (x,) = values
        shape = xp.shape(x)
        thin = xp.reshape(x, tuple(_inserted(shape, params["axes"], (1,) * len(params["axes"]))))
        if set(params["sizes"]) == {1}:
            return thin
        return xp.broadcast_to(thin, tuple(_inserted(shape, params["axes"], params["sizes"])))

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        return operands[0] if not params[0] else None

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        from chainrule.ops.reductions import sum_over

        return sum_over(ct, node.param("axes"))

    def forward_support(self, supports: tuple[Node | bool | None, ...], node: Node) -> Node | None:
        (support,) = supports
        return broadcast(support, *node.params) if isinstance(support, Node) else None


def _inserted(shape: Sequence[Size], axes: Axes, sizes: Sequence[Size]) -> list[Size]:
    ndim = len(shape) + len(axes)
    new = {ndim + axis: size for axis, size in zip(axes, sizes, strict=True)}
    old = iter(shape)
    return [new[k] if k in new else next(old) for k in range(ndim)]


@register
class Concatenate(Op):
    """Operands one after the other along `axis` (negative) of their `rank` core axes."""

    name = "concatenate"
    parameters = ("axis", "rank")
    linear_in = ALL
    supports = MOVES
    broadcasts_loops = False

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (node.param("rank"),) * len(node.operands)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        axis = params["axis"]
        first = avals[0].shape
        for k, aval in enumerate(avals):
            if aval.ndim != len(first) or _without(aval.shape, axis) != _without(first, axis):
                raise fail(
                    ShapeError,
                    "numpy.concatenate",
                    f"arrays 0 and {k} differ in an axis other than axis {axis}",
                    [("array 0", avals[0]), (f"array {k}", aval)],
                    fix="make all sizes but that of the joined axis equal",
                )
        total: Size = 0
        for aval in avals:
            total = total + aval.shape[axis]
        place = len(first) + axis
        return Aval((*first[:place], total, *first[place + 1 :]), common_dtype(avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.concatenate(values, axis=params["axis"])

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        axis, rank = node.params
        start: Size = 0
        for operand in node.operands[:i]:
            start = start + operand.shape[axis]
        return getitem_along(ct, axis, rank, start, start + node.operands[i].shape[axis])


def _without(shape: Shape, axis: int) -> Shape:
    place = len(shape) + axis
    return shape[:place] + shape[place + 1 :]


def _shape_text(shape: Shape) -> str:
    return "(" + ", ".join(str(size) for size in shape) + ("," if len(shape) == 1 else "") + ")"


RESHAPE = Reshape.instance
PERMUTE = Permute.instance
BROADCAST = Broadcast.instance
CONCATENATE = Concatenate.instance


def reshape_core(x: Node, core: Shape, to: Shape) -> Node:
    """The core axes of `x`, of shape `core`, brought to the shape `to`."""
    return RESHAPE.bind((x,), (core, to))


def reshape(x: Node, to: Shape) -> Node:
    """`x` under the shape `to`."""
    return reshape_core(x, x.shape, to)


def permute(x: Node, axes: Axes) -> Node:
    """Core axes of `x` in the order `axes` (negative)."""
    return PERMUTE.bind((x,), (axes,))


def broadcast(x: Node, axes: Axes, sizes: tuple[Size, ...]) -> Node:
    """`x` with new axes of `sizes` at the places `axes` of the result (ascending, negative)."""
    return BROADCAST.bind((x,), (axes, sizes))


def stretch(x: Node, shape: Shape) -> Node:
    """`x` broadcast to `shape`, with which it must be compatible."""
    if x.shape == shape:
        return x
    extra = len(shape) - x.ndim
    thin = [k for k in range(-x.ndim, 0) if x.shape[k] == 1 and shape[k] != 1]
    x = getitem(x, tuple(0 if k in thin else WHOLE for k in range(-x.ndim, 0)))
    axes = (*range(-len(shape), extra - len(shape)), *thin)
    return broadcast(x, axes, tuple(shape[k] for k in axes))


def concatenate(arrays: Sequence[Node], axis: int) -> Node:
    """`arrays` of equal rank joined along `axis` (negative)."""
    return make_node(CONCATENATE, tuple(arrays), (axis, arrays[0].ndim))
