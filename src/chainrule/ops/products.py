"""Products over axes and along one, right at zeros: nothing is ever divided by an entry.

The gradient of a product is, for each entry, the product of all others. Its derivatives along B1, B2, ... are sums of
products of fewer entries, and the op `exclusive_products` holds them all: one operand more for each order. Cumulative
products lead to linear recurrences, whose derivatives and transposes are linear recurrences again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.aval import Aval, broadcast_shapes, common_dtype
from chainrule.core.leaves import literal
from chainrule.core.node import Node, Params, make_node
from chainrule.core.op import ALL, Op, register
from chainrule.ops.arithmetic import add, multiply
from chainrule.ops.indexing import getitem, pad_into
from chainrule.ops.reductions import Axes, sum_dtype, sum_over
from chainrule.ops.selection import astype
from chainrule.ops.shaping import broadcast


@register
class Prod(Op):
    """Product over the axes `axis`."""

    name = "prod"
    numpy = np.prod
    parameters = ("axis",)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (x,) = avals
        kept = tuple(size for k, size in enumerate(x.shape) if k - x.ndim not in params["axis"])
        return Aval(kept, sum_dtype(x.dtype))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.multiply.reduce(values[0], axis=params["axis"])

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        (x,) = operands
        return x if not params[0] and sum_dtype(x.dtype) == x.dtype and not x.aval.weak else None

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        axes = node.param("axis")
        return sum_over(multiply(exclusive_products(node.operands[0], axes), dx), axes)


@register
class ExclusiveProducts(Op):
    """For each entry the product of all others over `axis`; or its derivative along the operands after the first.

    `rank` is the core rank of every operand. Linear in each direction and symmetric in all: as the product is a
    scalar, <C, op(x, B1, ...)> does not change when C and B1 are exchanged, so that the op is its own transpose.
    """

    name = "exclusive_products"
    parameters = ("axis", "rank")
    multilinear_in = ALL - {0}

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (node.param("rank"),) * len(node.operands)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        shape = broadcast_shapes([aval.shape for aval in avals], "chainrule.exclusive_products", avals)
        return Aval(shape, common_dtype(avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.exclusive_products(values[0], values[1:], params["axis"])

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        return make_node(self, (*node.operands[:i], ct, *node.operands[i + 1 :]), node.params)

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        return make_node(self, (*node.operands, dx), node.params)


@register
class Cumprod(Op):
    """Products of the entries up to each place along the last axis: y[k] = x[k] y[k - 1]."""

    name = "cumprod"
    numpy = np.cumprod

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (1,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        return Aval(avals[0].shape, sum_dtype(avals[0].dtype))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.cumprod(values[0], axis=-1)

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        (x,) = node.operands
        size = x.shape[-1]
        if size == 0:
            return dx
        one = broadcast(astype(literal(1.0), node.dtype), (-1,), (1,))
        before = add(_shifted(node, False), pad_into(one, ((0, 1, 1),), (size,)))
        return recurrence(x, multiply(before, dx))


@register
class Recurrence(Op):
    """The y with ``y[k] = a[k] y[k - 1] + b[k]`` along the last axis, nothing before it; from its end if `reverse`."""

    name = "recurrence"
    parameters = ("reverse",)
    linear_in = frozenset({1})

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (1, 1)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        shape = broadcast_shapes([aval.shape for aval in avals], "chainrule.recurrence", avals)
        return Aval(shape, common_dtype(avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.recurrence(*values, params["reverse"])

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        reverse = node.param("reverse")
        return recurrence(_shifted(node.operands[0], not reverse), ct, not reverse)

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        reverse = node.param("reverse")
        return recurrence(node.operands[0], multiply(_shifted(node, reverse), dx), reverse)


def _shifted(x: Node, reverse: bool) -> Node:
    """Each entry of the last axis one place on (one back if `reverse`), and 0 where nothing comes from."""
    size = x.shape[-1]
    if size == 0:
        return x
    lower, upper = ((0, size - 1, 1),), ((1, size, 1),)
    return pad_into(getitem(x, upper), lower, (size,)) if reverse else pad_into(getitem(x, lower), upper, (size,))


PROD = Prod.instance
EXCLUSIVE_PRODUCTS = ExclusiveProducts.instance
CUMPROD = Cumprod.instance
RECURRENCE = Recurrence.instance


def prod_over(x: Node, axes: Axes) -> Node:
    """Product over `axes` (sorted, negative)."""
    return PROD.bind((x,), (axes,))


def exclusive_products(x: Node, axes: Axes, *directions: Node) -> Node:
    """For each entry the product of all others over `axes`, or its derivative along `directions`."""
    return make_node(EXCLUSIVE_PRODUCTS, (x, *directions), (axes, x.ndim))


def cumprod(x: Node) -> Node:
    """Cumulative product along the last axis."""
    return make_node(CUMPROD, (x,))


def recurrence(a: Node, b: Node, reverse: bool = False) -> Node:
    """The y with ``y[k] = a[k] y[k - 1] + b[k]`` along the last axis."""
    return make_node(RECURRENCE, (a, b), (reverse,))
