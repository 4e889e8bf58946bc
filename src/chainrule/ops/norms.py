"""The root of a sum of squares, which is a norm: its derivative at 0 is 0, not that of the square root."""

from __future__ import annotations

import numpy as np

from chainrule.core.leaves import apply
from chainrule.core.node import Node
from chainrule.core.op import ElementwiseOp, Partials, register
from chainrule.ops.arithmetic import divide
from chainrule.ops.logic import equal
from chainrule.ops.selection import at_kink


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


NORM_ROOT = NormRoot.instance


def norm_root(x: Node) -> Node:
    """Square root of a sum of squares."""
    return apply(NORM_ROOT, x)
