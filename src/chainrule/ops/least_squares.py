"""The pseudoinverse and least-squares solutions. Their derivatives hold the rank of the matrix constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.aval import Aval, broadcast_shapes
from chainrule.core.leaves import literal
from chainrule.core.node import Node, make_node
from chainrule.core.op import Op, float_dtype_of, register
from chainrule.errors import ShapeError, fail
from chainrule.ops.arithmetic import add, subtract
from chainrule.ops.contractions import matmul, swap
from chainrule.ops.decompositions import require_matrix


@register
class Pinv(Op):
    """The Moore-Penrose inverse P of A; singular values up to `rcond` times the largest count as 0.

    Derivative, at constant rank: dP = -P dA P + P P' dA' (1 - A P) + (1 - P A) dA' P' P. Parameter `full_rank`: refuse
    a matrix of less than full rank, for which there is no other derivative.
    """

    name = "pinv"
    numpy = np.linalg.pinv
    parameters = ("full_rank",)
    nondifferentiable_in = {1: "a tolerance is held"}
    source = "Golub and Pereyra (1973), The differentiation of pseudo-inverses, equation 4.12"

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2, 0)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        a = avals[0]
        require_matrix(a, "numpy.linalg.pinv")
        return Aval((*a.shape[:-2], a.shape[-1], a.shape[-2]), float_dtype_of((a,)))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.pinv(*values, params["full_rank"])

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        a = node.operands[0]
        turned = swap(dx)
        left = matmul(node, matmul(swap(node), turned))
        right = matmul(turned, matmul(swap(node), node))
        grown = add(subtract(left, matmul(left, matmul(a, node))), subtract(right, matmul(node, matmul(a, right))))
        return subtract(grown, matmul(node, matmul(dx, node)))


@register
class Lstsq(Op):
    """The X of least |A X - B| (and, of several, the shortest), for matrices B and A of full rank.

    Parameter `full_rank`: refuse to compute it for a matrix of less than full rank; its derivative always does.

    With P = pinv(A): dX = P dB - P dA X + P P' dA' (B - A X) + (1 - P A) dA' P' X.
    """

    name = "lstsq"
    numpy = np.linalg.lstsq
    parameters = ("full_rank",)
    nondifferentiable_in = {2: "a tolerance is held"}
    linear_in = frozenset({1})
    source = "Golub and Pereyra (1973), equation 4.12, applied to B"

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2, 2, 0)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        a, b, _ = avals
        require_matrix(a, "numpy.linalg.lstsq")
        if a.shape[-2] != b.shape[-2]:
            raise fail(
                ShapeError,
                "numpy.linalg.lstsq",
                f"a has {a.shape[-2]} rows, b has {b.shape[-2]}",
                [("a", a), ("b", b)],
                fix="make the number of rows equal",
            )
        loops = broadcast_shapes([a.shape[:-2], b.shape[:-2]], "numpy.linalg.lstsq", avals)
        return Aval((*loops, a.shape[-1], b.shape[-1]), float_dtype_of((a, b)))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.lstsq(*values, params["full_rank"])

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        return matmul(swap(_inverse(node)), ct)

    def forward(self, tangents: tuple[Node | None, ...], node: Node) -> Node:
        tangent = tangents[1]
        assert tangent is not None
        return matmul(_inverse(node), tangent)

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        a, b, _ = node.operands
        inverse, turned = _inverse(node), swap(dx)
        residual = subtract(b, matmul(a, node))
        change = matmul(inverse, subtract(matmul(swap(inverse), matmul(turned, residual)), matmul(dx, node)))
        if a.shape[-2] >= a.shape[-1]:
            return change
        kernel_part = matmul(turned, matmul(swap(inverse), node))
        return add(change, subtract(kernel_part, matmul(inverse, matmul(a, kernel_part))))


def _inverse(node: Node) -> Node:
    a, _, rcond = node.operands
    return make_node(PINV, (a, rcond), (True,))


PINV = Pinv.instance
LSTSQ = Lstsq.instance


def pinv(a: Node, rcond: Node) -> Node:
    """Pseudoinverse."""
    return make_node(PINV, (a, rcond), (False,))


def lstsq(a: Node, b: Node, rcond: float, full_rank: bool = False) -> Node:
    """Least-squares solution, B a matrix."""
    return make_node(LSTSQ, (a, b, literal(rcond)), (full_rank,))
