"""Decompositions of matrices: singular values, orthogonal factors, eigenvectors of matrices that are not symmetric.

The factors are defined up to signs, and up to rotations where singular values or eigenvalues are repeated or 0. A
derivative that depends on that choice is refused with a DegenerateError; see `GapDivide` for how that is found out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.aval import Aval
from chainrule.core.leaves import output_of
from chainrule.core.node import Node, make_node
from chainrule.core.op import Op, float_dtype_of, register
from chainrule.errors import ShapeError, fail
from chainrule.ops.arithmetic import add, multiply, negative, subtract
from chainrule.ops.contractions import contract, delta, diagonal, matmul, swap
from chainrule.ops.indexing import WHOLE, getitem_along, pad_into, truth
from chainrule.ops.linalg import GapDivide, require_square, solve
from chainrule.ops.logic import LESS_EQUAL
from chainrule.ops.reductions import cumsum, max_over
from chainrule.ops.selection import astype, at_kink
from chainrule.ops.shaping import broadcast, concatenate


def require_matrix(a: Aval, call: str) -> None:
    """Refuse an array that is no (stack of) matrices."""
    if a.ndim < 2:
        raise fail(ShapeError, call, "a matrix is needed", [("a", a)], fix="give an array with two axes or more")


def columns(a: Node, start: Any, stop: Any) -> Node:
    """Some columns of a matrix."""
    return getitem_along(a, -1, 2, start, stop)


# --- divisions that know where they have no value -------------------------------------------------------------------


@register
class SingularGapDivide(GapDivide):
    """``x[i, j] / (s[j] - s[i])`` off the diagonal, for singular values s."""

    name = "singular_gap_divide"

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.singular_gap_divide(*values)


@register
class EigenvalueGapDivide(GapDivide):
    """``x[i, j] / (w[j] - w[i])`` off the diagonal, for eigenvalues w of a matrix that is not symmetric."""

    name = "eigenvalue_gap_divide"

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.eigenvalue_gap_divide(*values)


@register
class SingularSumDivide(GapDivide):
    """``x[i, j] / (s[j] + s[i])`` off the diagonal, for singular values s."""

    name = "singular_sum_divide"

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.singular_sum_divide(*values)

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        n = dx.shape[-1]
        change = add(broadcast(dx, (-2,), (n,)), broadcast(dx, (-1,), (n,)))
        return negative(make_node(self, (multiply(node, change), node.operands[1])))


@register
class SingularDivide(GapDivide):
    """``x[i, j] / s[j]``, for singular values s."""

    name = "singular_divide"

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.singular_divide(*values)

    def transpose_within(self, i: int, ct: Node, support: Node | None, node: Node) -> Node:
        reachable = truth(ct.shape[-2:]) if support is None else support
        return make_node(self, (ct, node.operands[1], reachable))

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        change = broadcast(dx, (-2,), (node.shape[-2],))
        return negative(make_node(self, (multiply(node, change), node.operands[1])))


@register
class FreeBasis(Op):
    """Zeros for what turns the columns that complete an orthogonal matrix; refused where the answer depends on it.

    Parameters: the number of columns of the result, and whether the operand is a cotangent.
    """

    name = "free_basis"
    parameters = ("size", "is_cotangent")
    linear_in = frozenset({0})

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (x,) = avals
        return Aval((*x.shape[:-1], params["size"]), x.dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.free_basis(values[0], params["size"], params["is_cotangent"])

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        return make_node(self, (ct,), (node.operands[0].shape[-1], not node.param("is_cotangent")))


def _completed(change: Node, basis: Node, more: Node, moved: Node) -> Node:
    """The change of orthogonal columns [basis, more], from that of `basis`.

    `more` is any basis of the space that is left, turned as little as possible; `moved` is 0 if that space stays.
    """
    rest = negative(matmul(basis, matmul(swap(change), more)))
    if more.shape[-1] > 1:  # a single column has no choice but its sign
        rest = add(rest, matmul(more, make_node(FREE_BASIS, (moved,), (more.shape[-1], False))))
    return concatenate([change, rest], -1)


# --- singular values ------------------------------------------------------------------------------------------------


@register
class Svd(Op):
    """Singular values s (descending) and vectors U, V of A = U diag(s) V'; results U, s, V'.

    With X = U' dA V: ds = diag(X); U' dU and V' dV are half the sum and half the difference of
    (X + X') / (s[j] - s[i]) and (X - X') / (s[j] + s[i]). Parameter `full`: square U and V.
    """

    name = "svd"
    numpy = np.linalg.svd
    parameters = ("full",)
    source = "Wan and Zhang (2019), Automatic differentiation for complex valued SVD; rewritten without squares"

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2,)

    def infer(self, *avals: Aval, **params: Any) -> tuple[Aval, ...]:
        (a,) = avals
        require_matrix(a, "numpy.linalg.svd")
        *loops, m, n = a.shape
        k, dtype, full = min(m, n), float_dtype_of(avals), params["full"]
        return (
            Aval((*loops, m, m if full else k), dtype),
            Aval((*loops, k), dtype),
            Aval((*loops, n if full else k, n), dtype),
        )

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.svd(values[0], params["full"])

    def differential(self, i: int, dx: Node, node: Node) -> tuple[Node, Node, Node]:
        m, n = node.operands[0].shape[-2:]
        k = min(m, n)
        all_u, s, all_v = output_of(node, 0), output_of(node, 1), swap(output_of(node, 2))
        u, v = columns(all_u, 0, k), columns(all_v, 0, k)
        image, preimage = matmul(dx, v), matmul(swap(dx), u)  # dA V, dA' U
        x = matmul(swap(u), image)
        same = make_node(SINGULAR_GAP_DIVIDE, (add(x, swap(x)), s))
        opposite = make_node(SINGULAR_SUM_DIVIDE, (subtract(x, swap(x)), s))
        du = _moved(u, multiply(0.5, add(same, opposite)), image, s, m > k)
        dv = _moved(v, multiply(0.5, subtract(same, opposite)), preimage, s, n > k)
        if node.param("full") and m > k:
            more = columns(all_u, k, m)
            du = _completed(du, u, more, matmul(swap(more), image))
        if node.param("full") and n > k:
            more = columns(all_v, k, n)
            dv = _completed(dv, v, more, matmul(swap(more), preimage))
        return du, diagonal(x), swap(dv)


def _moved(basis: Node, turn: Node, image: Node, s: Node, leaves_space: bool) -> Node:
    """The change of singular vectors: a rotation among them, and what leaves their space."""
    change = matmul(basis, turn)
    if leaves_space:
        outside = subtract(image, matmul(basis, matmul(swap(basis), image)))
        change = add(change, make_node(SINGULAR_DIVIDE, (outside, s)))
    return change


@register
class Svdvals(Op):
    """Singular values, descending. Kink: the derivative of a singular value 0 (to rounding) is 0."""

    name = "svdvals"
    numpy = np.linalg.svdvals
    source = "Watson (1992), Characterization of the subdifferential of some matrix norms"

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (a,) = avals
        require_matrix(a, "numpy.linalg.svdvals")
        return Aval((*a.shape[:-2], min(a.shape[-2:])), float_dtype_of(avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.svdvals(values[0])

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        k = node.shape[-1]
        if not k:
            return node
        u, _, vh = svd(node.operands[0], False)
        loops = list(range(dx.ndim - 2))
        x = contract([u, dx, vh], [[*loops, 90, 92], [*loops, 90, 91], [*loops, 92, 91]], [*loops, 92])
        largest = broadcast(max_over(node, (-1,)), (-1,), (k,))
        rounding = int(max(node.operands[0].shape[-2:])) * float(np.finfo(node.dtype).eps)
        vanishes = LESS_EQUAL.bind((node, multiply(rounding, largest)))
        kept = at_kink(vanishes, 0.0, ones_like(node), "singular value 0: derivative 0")
        return multiply(x, kept)


def ones_like(x: Node) -> Node:
    """Ones of the shape and dtype of `x`."""
    return astype(truth(x.shape), x.dtype)


# --- orthogonal and triangular factors ------------------------------------------------------------------------------


@register
class Qr(Op):
    """Q with orthonormal columns and upper triangular R with A = Q R, for A of full column rank (or wide).

    With C = Q' dA inv(R) and its strictly lower part T: Q' dQ = T - T', dR = (C - T + T') R. Columns beyond the
    number of rows follow from the others. Parameter `mode`: reduced or complete.
    """

    name = "qr"
    numpy = np.linalg.qr
    parameters = ("mode",)
    source = "Walter and Lehmann (2018), Algorithmic differentiation of linear algebra functions, section 3"

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2,)

    def infer(self, *avals: Aval, **params: Any) -> tuple[Aval, ...]:
        (a,) = avals
        require_matrix(a, "numpy.linalg.qr")
        *loops, m, n = a.shape
        size = m if params["mode"] == "complete" else min(m, n)
        dtype = float_dtype_of(avals)
        return Aval((*loops, m, size), dtype), Aval((*loops, size, n), dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.qr(values[0], params["mode"])

    def differential(self, i: int, dx: Node, node: Node) -> tuple[Node, Node]:
        m, n = node.operands[0].shape[-2:]
        k = min(m, n)
        all_q, all_r = output_of(node, 0), output_of(node, 1)
        q = columns(all_q, 0, k)
        r = getitem_along(columns(all_r, 0, k), -2, 2, 0, k)
        scaled = swap(solve(swap(r), swap(columns(dx, 0, k)), "degenerate"))  # dA inv(R)
        c = matmul(swap(q), scaled)
        below = multiply(c, _strictly_lower(k, c.dtype))
        turn = subtract(below, swap(below))
        upper = subtract(c, turn)
        dq = subtract(scaled, matmul(q, upper))
        dr = matmul(upper, r)
        if n > k:  # the further columns of R are Q' A
            rest = subtract(matmul(swap(q), columns(dx, k, n)), matmul(turn, columns(all_r, k, n)))
            dr = concatenate([dr, rest], -1)
        if node.param("mode") == "complete" and m > k:
            more = columns(all_q, k, m)
            dq = _completed(dq, q, more, matmul(swap(more), scaled))
            dr = pad_into(dr, ((0, k, 1), WHOLE), (m, n))
        return dq, dr


def _strictly_lower(n: Any, dtype: np.dtype[Any]) -> Node:
    """1 below the diagonal, else 0."""
    identity = delta(n, dtype)
    return subtract(cumsum(identity, -2), identity)


# --- matrices that are not symmetric --------------------------------------------------------------------------------


@register
class Eig(Op):
    """Eigenvalues w and eigenvectors V (of length 1) of A V = V diag(w), where they are real.

    With P = inv(V) dA V: dw = diag(P), dV = V (P / gaps), less what would change the length of each column. A complex
    eigenvalue is refused when it is computed. Parameter `call`: the function that the user wrote.
    """

    name = "eig"
    numpy = np.linalg.eig
    parameters = ("call",)
    source = "Giles (2008), section 3.1, with the columns kept at length 1"

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (2,)

    def infer(self, *avals: Aval, **params: Any) -> tuple[Aval, ...]:
        (a,) = avals
        require_square(a, params["call"])
        dtype = float_dtype_of(avals)
        return Aval(a.shape[:-1], dtype), Aval(a.shape, dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.eig(values[0], params["call"])

    def differential(self, i: int, dx: Node, node: Node) -> tuple[Node, Node]:
        values, vectors = output_of(node, 0), output_of(node, 1)
        turned = solve(vectors, matmul(dx, vectors), "nan")
        moved = matmul(vectors, make_node(EIGENVALUE_GAP_DIVIDE, (turned, values)))
        along = diagonal(matmul(swap(vectors), moved))
        moved = subtract(moved, multiply(vectors, broadcast(along, (-2,), (vectors.shape[-1],))))
        return diagonal(turned), moved


SINGULAR_GAP_DIVIDE = SingularGapDivide.instance
SINGULAR_SUM_DIVIDE = SingularSumDivide.instance
SINGULAR_DIVIDE = SingularDivide.instance
EIGENVALUE_GAP_DIVIDE = EigenvalueGapDivide.instance
FREE_BASIS = FreeBasis.instance
SVD = Svd.instance
SVDVALS = Svdvals.instance
QR = Qr.instance
EIG = Eig.instance


def svd(a: Node, full: bool) -> tuple[Node, Node, Node]:
    """U, s and V' with A = U diag(s) V'."""
    node = make_node(SVD, (a,), (full,))
    return output_of(node, 0), output_of(node, 1), output_of(node, 2)


def svdvals(a: Node) -> Node:
    """Singular values."""
    return make_node(SVDVALS, (a,))


def qr(a: Node, mode: str) -> tuple[Node, Node]:
    """Q and R with A = Q R."""
    node = make_node(QR, (a,), (mode,))
    return output_of(node, 0), output_of(node, 1)


def eig(a: Node, call: str = "numpy.linalg.eig") -> tuple[Node, Node]:
    """Real eigenvalues and eigenvectors of a square matrix."""
    node = make_node(EIG, (a,), (call,))
    return output_of(node, 0), output_of(node, 1)
