"""Matrices: linear systems, Cholesky factors, eigenvectors, log-determinants.

Core axes are the last two (matrix) or the last (vector); every op works on stacks, as NumPy's does. Functions of
symmetric matrices differentiate in the symmetric part of their operand, so gradients come out symmetric.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.aval import Aval, broadcast_shapes
from chainrule.core.leaves import output_of
from chainrule.core.node import Node, make_node
from chainrule.core.op import Op, float_dtype_of, register
from chainrule.errors import ShapeError, fail
from chainrule.ops.arithmetic import add, multiply, negative, subtract
from chainrule.ops.contractions import delta, diagonal, matmul, swap, trace
from chainrule.ops.indexing import truth
from chainrule.ops.reductions import cumsum
from chainrule.ops.shaping import broadcast


def require_square(a: Aval, call: str) -> None:
    """Refuse anything but a (stack of) square matrices."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise fail(ShapeError, call, "a square matrix is needed", [("a", a)], fix="check the shape of a")


@register
class Solve(Op):
    """The X with A X = B, for square A; B is a matrix (the door turns a vector into a column).

    Parameter `singular`: "raise" as NumPy does; "nan", for derivatives that have no value at singular matrices; or
    "degenerate", for triangular factors that a derivative divides by.
    """

    name = "solve"
    numpy = np.linalg.solve
    parameters = ("singular",)
    linear_in = frozenset({1})
    source = "Giles (2008), An extended collection of matrix derivative results, section 2.3"

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2, 2)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        a, b = avals
        require_square(a, "numpy.linalg.solve")
        if a.shape[-1] != b.shape[-2]:
            raise fail(
                ShapeError,
                "numpy.linalg.solve",
                f"a has {a.shape[-1]} rows, b has {b.shape[-2]}",
                [("a", a), ("b", b)],
                fix="make the number of rows equal",
            )
        loops = broadcast_shapes([a.shape[:-2], b.shape[:-2]], "numpy.linalg.solve", avals)
        return Aval((*loops, *b.shape[-2:]), float_dtype_of(avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        kernels = {"nan": "solve_or_nan", "degenerate": "solve_full_rank"}
        if params["singular"] == "raise":
            return xp.linalg.solve(*values)
        return getattr(xp.kernels, kernels[params["singular"]])(*values)

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        return solve(swap(node.operands[0]), ct, node.param("singular"))

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        return negative(solve(node.operands[0], matmul(dx, node), node.param("singular")))  # A dX + dA X = 0


@register
class LogDet(Op):
    """log |det A| of a square matrix; the derivative at a singular matrix is nan."""

    name = "logdet"
    source = "Magnus and Neudecker, Matrix Differential Calculus, chapter 8: d log|A| = tr(inv(A) dA)"

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (a,) = avals
        require_square(a, "numpy.linalg.slogdet")
        return Aval(a.shape[:-2], float_dtype_of(avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.linalg.slogdet(values[0])[1]

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        return trace(solve(node.operands[0], dx, "nan"))


@register
class LogDetSign(Op):
    """The sign of det A: -1, 0 or 1; piecewise constant."""

    name = "logdet_sign"
    nondifferentiable = True

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (a,) = avals
        require_square(a, "numpy.linalg.slogdet")
        return Aval(a.shape[:-2], float_dtype_of(avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.linalg.slogdet(values[0])[0]


@register
class Cholesky(Op):
    """The lower triangular L with L L' = A; reads the symmetric part of A.

    Derivative: dL = L Φ(inv(L) dA inv(L)'), with Φ the lower triangle and half the diagonal.
    """

    name = "cholesky"
    numpy = np.linalg.cholesky
    source = "Murray (2016), Differentiation of the Cholesky decomposition, equation 8"

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (a,) = avals
        require_square(a, "numpy.linalg.cholesky")
        return Aval(a.shape, float_dtype_of(avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.linalg.cholesky(values[0])

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        whitened = solve(node, swap(solve(node, symmetric_part(dx))))  # inv(L) dA inv(L)', which is symmetric
        return matmul(node, multiply(whitened, _lower_half(node)))


def _lower_half(like: Node) -> Node:
    """1 below the diagonal, 1/2 on it, 0 above."""
    identity = delta(like.shape[-1], like.dtype)
    return subtract(cumsum(identity, -2), multiply(0.5, identity))


def symmetric_part(a: Node) -> Node:
    """``(A + A') / 2``."""
    return multiply(0.5, add(a, swap(a)))


@register
class Eigh(Op):
    """Eigenvalues w (ascending) and eigenvectors V of a symmetric A: A V = V diag(w). `uplo`: the triangle read.

    Derivative: with P = V' dA V, dw = diag(P) and dV = V (P / gaps). Eigenvectors of repeated eigenvalues are
    defined up to a rotation; `gap_divide` refuses where the answer could depend on it.
    """

    name = "eigh"
    numpy = np.linalg.eigh
    parameters = ("uplo",)
    source = "Giles (2008), section 3.1"

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2,)

    def infer(self, *avals: Aval, **params: Any) -> tuple[Aval, ...]:
        (a,) = avals
        require_square(a, "numpy.linalg.eigh")
        dtype = float_dtype_of(avals)
        return Aval(a.shape[:-1], dtype), Aval(a.shape, dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.eigh(values[0], params["uplo"])

    def differential(self, i: int, dx: Node, node: Node) -> tuple[Node, Node]:
        values, vectors = output_of(node, 0), output_of(node, 1)
        turned = matmul(swap(vectors), matmul(symmetric_part(dx), vectors))
        return diagonal(turned), matmul(vectors, gap_divide(turned, values))


@register
class GapDivide(Op):
    """``x[i, j] / (w[j] - w[i])`` off the diagonal, 0 on it.

    Where ``w[i]`` and ``w[j]`` are equal to rounding, the quotient has no value. The result is 0 if the two
    eigenvectors are known not to turn into each other; else evaluation raises DegenerateError. A direction does not
    turn them if its ``x[i, j]`` vanishes. A cotangent that vanishes proves nothing: ``V diag(w) V'`` is A itself, also
    where w is 0 and so is the cotangent. There only structure counts: the third operand, where `x` can be non-zero.
    """

    name = "gap_divide"
    linear_in = frozenset({0})
    nondifferentiable_in = {2: "a mask is true or false"}

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2, 1, 2)[: len(node.operands)]

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        x, w, *masks = avals
        matrices = [aval.shape[:-2] for aval in (x, *masks)]
        loops = broadcast_shapes([*matrices, w.shape[:-1]], "chainrule.gap_divide", avals)
        return Aval((*loops, *x.shape[-2:]), x.dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.gap_divide(*values)

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        return self.transpose_within(i, ct, None, node)

    def transpose_within(self, i: int, ct: Node, support: Node | None, node: Node) -> Node:
        """The transpose of a cotangent that can be non-zero only within `support`."""
        n = ct.shape[-1]
        reachable = truth((n, n)) if support is None else support
        return make_node(self, (ct, node.operands[1], reachable), node.params)

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        n = dx.shape[-1]
        change = subtract(broadcast(dx, (-2,), (n,)), broadcast(dx, (-1,), (n,)))  # dw[j] - dw[i]
        return negative(make_node(self, (multiply(node, change), node.operands[1]), node.params))


SOLVE = Solve.instance
LOGDET = LogDet.instance
LOGDET_SIGN = LogDetSign.instance
CHOLESKY = Cholesky.instance
EIGH = Eigh.instance
GAP_DIVIDE = GapDivide.instance


def solve(a: Node, b: Node, singular: str = "raise") -> Node:
    """The X with A X = B, B a matrix."""
    return make_node(SOLVE, (a, b), (singular,))


def logdet(a: Node) -> Node:
    """Log |det A|."""
    return make_node(LOGDET, (a,))


def logdet_sign(a: Node) -> Node:
    """The sign of the determinant."""
    return make_node(LOGDET_SIGN, (a,))


def cholesky(a: Node) -> Node:
    """Lower Cholesky factor of the symmetric part of A."""
    return make_node(CHOLESKY, (a,))


def eigh(a: Node, uplo: str = "L") -> tuple[Node, Node]:
    """Eigenvalues and eigenvectors of the symmetric part of A."""
    node = make_node(EIGH, (a,), (uplo,))
    return output_of(node, 0), output_of(node, 1)


def gap_divide(x: Node, w: Node, reachable: Node | None = None) -> Node:
    """``x[i, j] / (w[j] - w[i])`` off the diagonal; `reachable` says where `x` can be non-zero by structure."""
    return make_node(GAP_DIVIDE, (x, w) if reachable is None else (x, w, reachable))
