"""Places of entries (the largest, the smallest, those in a sorted array) and convolution, along the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.aval import INT, Aval, broadcast_shapes, common_dtype
from chainrule.core.node import Node, make_node
from chainrule.core.op import Op, register
from chainrule.errors import ArgumentError, fail
from chainrule.ops.indexing import getitem


class ArgExtremum(Op):
    """Place of the largest or smallest entry of the last axis, the first of several; an integer, no derivative."""

    nondifferentiable = True

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (1,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (x,) = avals
        if x.shape[-1] == 0:
            raise fail(
                ArgumentError,
                f"numpy.{self.name}",
                "an empty axis has no largest or smallest entry",
                [("a", x)],
                fix="test a.size first",
            )
        return Aval(x.shape[:-1], INT)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return getattr(xp, self.name)(values[0], axis=-1)


@register
class Argmax(ArgExtremum):
    """Place of the largest entry of the last axis, the first of several; an integer, so without a derivative."""

    name = "argmax"
    numpy = np.argmax


@register
class Argmin(ArgExtremum):
    """Place of the smallest entry of the last axis, the first of several; an integer, so without a derivative."""

    name = "argmin"
    numpy = np.argmin


@register
class Searchsorted(Op):
    """Places at which the last `rank` axes of `v` would go into the sorted last axis of `a`; no derivative."""

    name = "searchsorted"
    numpy = np.searchsorted
    parameters = ("side", "rank")
    nondifferentiable = True

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (1, node.param("rank"))

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        a, v = avals
        own = v.ndim - params["rank"]
        loops = broadcast_shapes([a.shape[:-1], v.shape[:own]], "numpy.searchsorted", avals)
        return Aval((*loops, *v.shape[own:]), INT)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.searchsorted(*values, params["side"], params["rank"])


@register
class Convolve(Op):
    """Sums of the products x[j] y[k - j] for each k, along the last axis: a product of two polynomials."""

    name = "convolve"
    numpy = np.convolve
    multilinear_in = frozenset({0, 1})

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (1, 1)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        x, y = avals
        if x.shape[-1] == 0 or y.shape[-1] == 0:
            raise fail(
                ArgumentError,
                "numpy.convolve",
                "an operand is empty",
                [("a", x), ("v", y)],
                fix="give each operand an entry at least",
            )
        loops = broadcast_shapes([x.shape[:-1], y.shape[:-1]], "numpy.convolve", avals)
        return Aval((*loops, x.shape[-1] + y.shape[-1] - 1), common_dtype(avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.convolve(*values)

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        size, other = node.operands[i].shape[-1], node.operands[1 - i]
        first = other.shape[-1] - 1
        return getitem(convolve(ct, reversed_last(other)), ((first, first + size, 1),))


ARGMAX = Argmax.instance
ARGMIN = Argmin.instance
SEARCHSORTED = Searchsorted.instance
CONVOLVE = Convolve.instance


def argmax(x: Node) -> Node:
    """Place of the largest entry of the last axis."""
    return make_node(ARGMAX, (x,))


def argmin(x: Node) -> Node:
    """Place of the smallest entry of the last axis."""
    return make_node(ARGMIN, (x,))


def searchsorted(a: Node, v: Node, side: str) -> Node:
    """Places at which the entries of `v` would go into a sorted vector."""
    return make_node(SEARCHSORTED, (a, v), (side, v.ndim))


def convolve(x: Node, y: Node) -> Node:
    """Full convolution along the last axis."""
    return make_node(CONVOLVE, (x, y))


def reversed_last(x: Node) -> Node:
    """The last axis from its end."""
    size = x.shape[-1]
    return getitem(x, ((size - 1, None, -1) if size else (0, 0, 1),))
