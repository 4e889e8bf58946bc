"""Functions of square matrices that have a power series: exponential, logarithm, square root.

Their derivatives of every order are blocks of the same function of a larger, block triangular matrix. The op
`matrix_function` holds them all: one operand more for each order.
"""

from __future__ import annotations

from typing import Any

from chainrule.core.aval import FLOAT, Aval, broadcast_shapes
from chainrule.core.node import Node, make_node
from chainrule.core.op import ALL, Op, float_dtype_of, register
from chainrule.ops.contractions import swap
from chainrule.ops.linalg import require_square


@register
class MatrixFunction(Op):
    """f(A) for the f called `function`; with further operands E1, ..., Ek its k-th derivative along them.

    For k = 1 this is the Fréchet derivative L(A; E), with f([[A, E], [0, A]]) = [[f(A), L], [0, f(A)]]. It is linear in
    each E and symmetric in all of them, and <C, L(A; E)> = <L(A'; C), E> gives its transpose.
    """

    name = "matrix_function"
    parameters = ("function",)
    multilinear_in = ALL - {0}
    source = "Higham and Relton (2014), Higher order Fréchet derivatives of matrix functions, theorem 3.6"

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2,) * len(node.operands)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        require_square(avals[0], f"scipy.linalg.{params['function']}")
        loops = broadcast_shapes([aval.shape[:-2] for aval in avals], "chainrule.matrix_function", avals)
        dtype = FLOAT if params["function"] == "logm" else float_dtype_of(avals)  # as SciPy's logm
        return Aval((*loops, *avals[0].shape[-2:]), dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.matrix_function(params["function"], *values)

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        turned = [swap(operand) for operand in node.operands]
        return make_node(self, (*turned[:i], ct, *turned[i + 1 :]), node.params)

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        return make_node(self, (*node.operands, dx), node.params)


MATRIX_FUNCTION = MatrixFunction.instance


def matrix_function(function: str, a: Node, *directions: Node) -> Node:
    """The matrix function called `function` (expm, logm or sqrtm), or its derivative along `directions`."""
    return make_node(MATRIX_FUNCTION, (a, *directions), (function,))
