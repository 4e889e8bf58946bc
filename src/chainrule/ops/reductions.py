"""Reductions over axes: sum, cumulative sum, largest and smallest entry, log-sum-exp.

`axis` is a sorted tuple of negative axes; keepdims is `broadcast` with sizes 1 after it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

from chainrule.core.aval import FLOAT, Aval, Shape
from chainrule.core.node import Node, Params, make_node
from chainrule.core.op import ALL, COUNTS, Op, register
from chainrule.errors import ArgumentError, fail
from chainrule.ops.arithmetic import divide, multiply, subtract
from chainrule.ops.elementwise import exp
from chainrule.ops.logic import equal, greater
from chainrule.ops.selection import astype, at_kink, where
from chainrule.ops.shaping import broadcast

Axes = tuple[int, ...]


def _dropped(shape: Shape, axes: Axes) -> Shape:
    ndim = len(shape)
    return tuple(size for k, size in enumerate(shape) if k - ndim not in axes)


def _sizes(x: Node, axes: Axes) -> Shape:
    return tuple(x.shape[axis] for axis in axes)


@register
class Sum(Op):
    """Sum over the axes `axis`."""

    name = "sum"
    numpy = np.sum
    parameters = ("axis",)
    linear_in = ALL
    supports = COUNTS

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (x,) = avals
        return Aval(_dropped(x.shape, params["axis"]), sum_dtype(x.dtype))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.add.reduce(values[0], axis=params["axis"])

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        (x,) = operands
        return x if not params[0] and sum_dtype(x.dtype) == x.dtype and not x.aval.weak else None

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        axes = node.param("axis")
        return broadcast(ct, axes, _sizes(node.operands[0], axes))

    def transpose_support(self, i: int, support: Node | None, node: Node) -> Node | None:
        return None if support is None else self.transpose(i, support, node)


def sum_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """NumPy adds booleans and small integers as integers of the platform's size."""
    return np.add.reduce(np.empty(1, dtype)).dtype if dtype.kind in "biu" else dtype


@register
class Cumsum(Op):
    """Sums of the entries up to each place along `axis`; from the far end if `reverse`."""

    name = "cumsum"
    numpy = np.cumsum
    parameters = ("axis", "reverse")
    linear_in = ALL
    supports = COUNTS

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        return Aval(avals[0].shape, sum_dtype(avals[0].dtype))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        (x,) = values
        axis = params["axis"]
        return xp.flip(xp.cumsum(xp.flip(x, axis), axis), axis) if params["reverse"] else xp.cumsum(x, axis)

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        axis, reverse = node.params
        return cumsum(ct, axis, not reverse)


class Extremum(Op):
    """Largest or smallest entry over the axes `axis`. Kink: ties share the derivative equally."""

    parameters = ("axis",)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (x,) = avals
        axes = params["axis"]
        if any(x.shape[axis] == 0 for axis in axes):
            raise fail(
                ArgumentError,
                f"numpy.{self.name}",
                "an empty array has no largest or smallest entry",
                [("x", x)],
                fix="give initial=, or test x.size first",
            )
        return Aval(_dropped(x.shape, axes), x.dtype)

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        (x,) = node.operands
        axes = node.param("axis")
        chosen = astype(equal(x, broadcast(node, axes, _sizes(x, axes))), node.dtype)
        count = broadcast(sum_over(chosen, axes), axes, _sizes(x, axes))
        weights = at_kink(
            greater(count, 1), divide_or_zero(chosen, count), chosen, f"{self.name} with ties: even split"
        )
        # A choice, not a product: entries that are not chosen must not bring in a nan or inf.
        return sum_over(where(greater(chosen, 0), multiply(weights, dx), 0), axes)


def divide_or_zero(x: Node, count: Node) -> Node:
    """``x / count``, where a nan in the data left nothing to count."""
    return divide(x, where(equal(count, 0), 1, count))


@register
class Max(Extremum):
    """Largest entry over the axes `axis`. Kink: ties share the derivative equally."""

    name = "max"
    numpy = np.max

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.maximum.reduce(values[0], axis=params["axis"])


@register
class Min(Extremum):
    """Smallest entry over the axes `axis`. Kink: ties share the derivative equally."""

    name = "min"
    numpy = np.min

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.minimum.reduce(values[0], axis=params["axis"])


@register
class Logsumexp(Op):
    """log of the sum of exponentials over the axes `axis`, without overflow. All -inf: value -inf, derivative 0."""

    name = "logsumexp"
    numpy = scipy.special.logsumexp
    parameters = ("axis",)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        (x,) = avals
        return Aval(_dropped(x.shape, params["axis"]), x.dtype if x.is_float else FLOAT)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.logsumexp(values[0], params["axis"])

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        (x,) = node.operands
        axes = node.param("axis")
        whole = broadcast(node, axes, _sizes(x, axes))
        shares = exp(subtract(x, whole))  # the softmax
        empty = equal(whole, float("-inf"))
        weights = at_kink(empty, 0.0, shares, "logsumexp of nothing but -inf: 0")
        return sum_over(multiply(weights, dx), axes)


SUM = Sum.instance
CUMSUM = Cumsum.instance
MAX = Max.instance
MIN = Min.instance
LOGSUMEXP = Logsumexp.instance


def sum_over(x: Node, axes: Axes) -> Node:
    """Sum over `axes` (sorted, negative)."""
    return SUM.bind((x,), (axes,))


def cumsum(x: Node, axis: int, reverse: bool = False) -> Node:
    """Cumulative sum along `axis` (negative)."""
    return make_node(CUMSUM, (x,), (axis, reverse))


def max_over(x: Node, axes: Axes) -> Node:
    """Largest entry over `axes` (sorted, negative)."""
    return make_node(MAX, (x,), (axes,))


def min_over(x: Node, axes: Axes) -> Node:
    """Smallest entry over `axes` (sorted, negative)."""
    return make_node(MIN, (x,), (axes,))


def logsumexp_over(x: Node, axes: Axes) -> Node:
    """log-sum-exp over `axes` (sorted, negative)."""
    return make_node(LOGSUMEXP, (x,), (axes,))
