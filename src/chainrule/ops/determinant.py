"""The determinant and its derivatives of every order, right at singular matrices too.

The gradient of det is the matrix of cofactors, a polynomial in the entries: it needs no inverse. Its derivatives along
B1, B2, ... are again matrices of polynomials, and the op `cofactors` holds them all: one operand more for each order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.aval import Aval, broadcast_shapes
from chainrule.core.node import Node, make_node
from chainrule.core.op import ALL, Op, float_dtype_of, register
from chainrule.ops.contractions import contract
from chainrule.ops.linalg import require_square


@register
class Det(Op):
    """The determinant of a square matrix: d det A = <cofactors A, dA>."""

    name = "det"
    numpy = np.linalg.det
    source = "Magnus and Neudecker, Matrix Differential Calculus, chapter 8, theorem 1"

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (a,) = avals
        require_square(a, "numpy.linalg.det")
        return Aval(a.shape[:-2], float_dtype_of(avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.linalg.det(values[0])

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        labels = list(range(dx.ndim))
        return contract([cofactors(node.operands[0]), dx], [labels, labels], labels[:-2])


@register
class Cofactors(Op):
    """Derivative of the matrix of cofactors of A along the further operands B1, ..., Bk, one for each order.

    It is linear in each B and symmetric in all of them. As det is a scalar, <C, cofactors(A, B1, ...)> does not change
    when C and B1 are exchanged: the op is its own transpose.
    """

    name = "cofactors"
    multilinear_in = ALL - {0}

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2,) * len(node.operands)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        loops = broadcast_shapes([aval.shape[:-2] for aval in avals], "chainrule.cofactors", avals)
        return Aval((*loops, *avals[0].shape[-2:]), float_dtype_of(avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.cofactors(*values)

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        return make_node(self, (*node.operands[:i], ct, *node.operands[i + 1 :]))

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        return make_node(self, (*node.operands, dx))


DET = Det.instance
COFACTORS = Cofactors.instance


def det(a: Node) -> Node:
    """Determinant."""
    return make_node(DET, (a,))


def cofactors(a: Node, *directions: Node) -> Node:
    """Matrix of cofactors (the transposed adjugate), or its derivative along `directions`."""
    return make_node(COFACTORS, (a, *directions))
