"""Exponentials and logarithms to the bases 2 and 10, the cube root, and functions with a removable singularity.

A removable singularity (`sinc` at 0) is one only in the formula. Such a function and all its derivatives are one
family, an op with the order of the derivative as its parameter: its numbers come from a series near that point.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

from chainrule.core.aval import FLOAT, Aval, ufunc_dtype
from chainrule.core.leaves import Operand, apply, as_node
from chainrule.core.node import Node, make_node
from chainrule.core.op import ElementwiseOp, Partials, register
from chainrule.ops.arithmetic import divide, multiply, subtract
from chainrule.ops.elementwise import expit, zero_if_empty

LN2 = math.log(2)
LN10 = math.log(10)


@register
class Exp2(ElementwiseOp):
    """2 to the power x."""

    name = "exp2"
    numpy = np.exp2

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (multiply(out, LN2),)


@register
class Exp10(ElementwiseOp):
    """10 to the power x."""

    name = "exp10"
    numpy = scipy.special.exp10

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.special.exp10(*values)

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (multiply(out, LN10),)


@register
class Log2(ElementwiseOp):
    """Logarithm to the base 2."""

    name = "log2"
    numpy = np.log2

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (divide(1 / LN2, operands[0]),)


@register
class Log10(ElementwiseOp):
    """Logarithm to the base 10."""

    name = "log10"
    numpy = np.log10

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (divide(1 / LN10, operands[0]),)


@register
class Logaddexp2(ElementwiseOp):
    """log2(2**x + 2**y) without overflow. Both -inf: value -inf, derivative 0 by convention."""

    name = "logaddexp2"
    numpy = np.logaddexp2

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, y = operands
        shares = (expit(multiply(subtract(x, y), LN2)), expit(multiply(subtract(y, x), LN2)))
        return zero_if_empty(shares, x, y, "logaddexp2 of nothing but -inf: 0")


@register
class Cbrt(ElementwiseOp):
    """Cube root, entry by entry. The derivative at 0 is infinite."""

    name = "cbrt"
    numpy = np.cbrt

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (divide(1, multiply(3, multiply(out, out))),)


class Family(ElementwiseOp):
    """A function of one operand together with its derivatives of every order."""

    parameters = ("order",)

    def infer_dtype(self, avals: tuple[Aval, ...]) -> np.dtype[Any]:
        (x,) = avals
        return x.dtype if x.dtype.kind == "f" else FLOAT

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return getattr(xp.kernels, self.name)(values[0], params["order"])

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (make_node(self, operands, (out.param("order") + 1,)),)


@register
class SincDerivative(Family):
    """Derivatives of sin(πx) / (πx); 1 at x = 0, where the first derivative is 0 and the second -π²/3."""

    name = "sinc_derivative"


@register
class ExprelDerivative(Family):
    """Derivatives of (exp(x) - 1) / x; 1/(n + 1) at x = 0 for the n-th."""

    name = "exprel_derivative"

    def infer_dtype(self, avals: tuple[Aval, ...]) -> np.dtype[Any]:
        return ufunc_dtype(scipy.special.exprel, tuple((aval.dtype, aval.weak) for aval in avals))


@register
class LogrelDerivative(Family):
    """Derivatives of log(x) / (x - 1); (-1)ⁿ n!/(n + 1) at x = 1 for the n-th."""

    name = "logrel_derivative"


def exp2(x: Operand) -> Node:
    """``2 ** x``."""
    return apply(Exp2.instance, x)


def log2(x: Operand) -> Node:
    """Logarithm to the base 2."""
    return apply(Log2.instance, x)


def log10(x: Operand) -> Node:
    """Logarithm to the base 10."""
    return apply(Log10.instance, x)


def logaddexp2(x: Operand, y: Operand) -> Node:
    """``log2(2**x + 2**y)``."""
    return apply(Logaddexp2.instance, x, y)


def cbrt(x: Operand) -> Node:
    """Cube root."""
    return apply(Cbrt.instance, x)


def sinc(x: Operand, order: int = 0) -> Node:
    """``sin(pi x) / (pi x)``, or a derivative of it."""
    return make_node(SincDerivative.instance, (as_node(x),), (order,))


def exprel(x: Operand, order: int = 0) -> Node:
    """``(exp(x) - 1) / x``, or a derivative of it."""
    return make_node(ExprelDerivative.instance, (as_node(x),), (order,))


def logrel(x: Operand, order: int = 0) -> Node:
    """``log(x) / (x - 1)``, or a derivative of it."""
    return make_node(LogrelDerivative.instance, (as_node(x),), (order,))
