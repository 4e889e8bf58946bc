"""Norms of vectors. Their derivative at 0 is 0, not that of the root that they are written with."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.aval import Aval
from chainrule.core.leaves import apply, literal, literal_value
from chainrule.core.node import Node, make_node
from chainrule.core.op import ElementwiseOp, Op, Partials, float_dtype_of, register
from chainrule.ops.arithmetic import absolute, divide, multiply, sign
from chainrule.ops.elementwise import power
from chainrule.ops.logic import equal
from chainrule.ops.reductions import Axes, sum_over
from chainrule.ops.selection import at_kink
from chainrule.ops.shaping import broadcast


@register
class NormRoot(ElementwiseOp):
    """Square root of a sum of squares, entry by entry. Kink: the derivative at 0 is 0, the least subgradient of a norm.

    The bits of `sqrt`. Only for operands that are sums of squares: where one is 0 its own derivative is 0, and the root
    is a norm of what was squared. The second derivative at 0 is nan.
    """

    name = "norm_root"
    numpy = np.sqrt

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (at_kink(equal(out, 0), 0.0, divide(0.5, out), "norm at 0: 0"),)


@register
class PowerNorm(Op):
    """``sum(|x|**p) ** (1/p)`` over the axes `axis`; p, the second operand, is a number other than 0.

    Derivative: sign(x) (|x| / norm)**(p - 1) dx. Kinks: at a vector 0 it is 0; for p < 1, by an entry 0 too.
    """

    name = "power_norm"
    parameters = ("axis",)
    nondifferentiable_in = {1: "the order of a norm is held"}

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        x = avals[0]
        kept = tuple(size for k, size in enumerate(x.shape) if k - x.ndim not in params["axis"])
        return Aval(kept, float_dtype_of((x,)))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.power_norm(*values, params["axis"])

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        x, order = node.operands
        axes, p = node.param("axis"), literal_value(order.params)
        norm = broadcast(node, axes, tuple(x.shape[axis] for axis in axes))
        ratio = divide(absolute(x), norm)
        if p > 0:
            ratio = at_kink(equal(norm, 0), 0.0, ratio, "norm at 0: 0")
        slope = multiply(sign(x), power(ratio, p - 1))
        if p < 1:
            slope = at_kink(equal(x, 0), 0.0, slope, "norm of an order below 1, by an entry 0: 0")
        return sum_over(multiply(slope, dx), axes)


NORM_ROOT = NormRoot.instance
POWER_NORM = PowerNorm.instance


def norm_root(x: Node) -> Node:
    """Square root of a sum of squares."""
    return apply(NORM_ROOT, x)


def power_norm(x: Node, p: float, axes: Axes) -> Node:
    """Norm of order `p` over axes."""
    return make_node(POWER_NORM, (x, literal(p)), (axes,))
