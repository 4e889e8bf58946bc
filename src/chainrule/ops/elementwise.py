"""Functions of single entries: exponentials, logarithms, powers, roots, circular and hyperbolic functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

from chainrule.core.aval import FLOAT, Aval, ufunc_dtype
from chainrule.core.leaves import LITERAL, Operand, apply, is_literal, literal, literal_value
from chainrule.core.node import Node, Params, make_node
from chainrule.core.op import ElementwiseOp, Partial, Partials, register
from chainrule.ops.arithmetic import add, divide, keeps_aval, multiply, negative, subtract
from chainrule.ops.logic import equal, logical_and
from chainrule.ops.selection import astype, at_kink


@register
class Exp(ElementwiseOp):
    """Exponential, entry by entry."""

    name = "exp"
    numpy = np.exp

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (out,)


@register
class Expm1(ElementwiseOp):
    """exp(x) - 1, accurate near 0."""

    name = "expm1"
    numpy = np.expm1

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (add(out, 1),)


@register
class Log(ElementwiseOp):
    """Natural logarithm, entry by entry."""

    name = "log"
    numpy = np.log

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (divide(1, operands[0]),)


@register
class Log1p(ElementwiseOp):
    """log(1 + x), accurate near 0."""

    name = "log1p"
    numpy = np.log1p

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (divide(1, add(operands[0], 1)),)


@register
class Logaddexp(ElementwiseOp):
    """log(exp(x) + exp(y)) without overflow. Both -inf: value -inf, derivative 0 by convention."""

    name = "logaddexp"
    numpy = np.logaddexp

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, y = operands
        # In x - y, not x - out, so that only equal infinities give nan.
        shares = (expit(subtract(x, y)), expit(subtract(y, x)))
        return zero_if_empty(shares, x, y, "logaddexp of nothing but -inf: 0")


def zero_if_empty(shares: tuple[Node, Node], x: Node, y: Node, convention: str) -> Partials:
    """Shares of a sum of exponentials, 0 by convention where both operands are -inf.

    Asked of the operands: the value costs far more, and a gradient has no other use for it.
    """
    if any(operand.op is LITERAL and literal_value(operand.params) > float("-inf") for operand in (x, y)):
        return shares
    empty = logical_and(equal(x, float("-inf")), equal(y, float("-inf")))
    return tuple(at_kink(empty, 0.0, share, convention) for share in shares)


@register
class Expit(ElementwiseOp):
    """The logistic function 1 / (1 + exp(-x))."""

    name = "expit"
    numpy = scipy.special.expit

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        # As accurate as the two-sided form: an infinite exp(-x) gives 0, which is right to the least normal number.
        return xp.divide(1, 1 + xp.exp(-values[0]))

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        # Cast first: the sign of an unsigned integer cannot be changed.
        (x,) = operands
        dtype = self.infer(x.aval).dtype
        return None if x.dtype == dtype else self.bind((astype(x, dtype, x.aval.weak),))

    def partials(self, out: Node, *operands: Node) -> Partials:
        # expit(-x), not 1 - expit(x): the latter loses all digits for large x.
        return (multiply(out, expit(negative(operands[0]))),)


@register
class Sqrt(ElementwiseOp):
    """Square root, entry by entry. The derivative at 0 is infinite."""

    name = "sqrt"
    numpy = np.sqrt

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (divide(0.5, out),)


@register
class Power(ElementwiseOp):
    """First operand to the power of the second.

    At x = 0 the derivatives by x and by y are the limits from the right. Kink: ∂/∂y at x = y = 0 is 0 by convention.
    """

    name = "power"
    numpy = np.power
    keeps_weak = True

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.power(*values)

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        x, y = operands
        if is_literal(y, 2) and keeps_aval(self, x, y):
            return multiply(x, x)
        if is_literal(y, 1) and keeps_aval(self, x, y):
            return x
        return None

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, y = operands
        if y.op is LITERAL:
            return _fixed_power_partial(x, literal_value(y.params)), None
        if x is y:  # one variable, and no kink: x**x (log(x) + 1)
            return out, multiply(out, log(x))
        by_base = power_derivative(x, y, 1, 0)
        if x.op is LITERAL and literal_value(x.params) > 0:
            return by_base, multiply(out, log(x))
        return by_base, power_derivative(x, y, 0, 1)


def _fixed_power_partial(x: Node, exponent: float) -> Partial:
    """∂(x**p)/∂x for a number p; exact at 0 for p = 0 and p = 1, so that high orders end in zeros."""
    if exponent in (0, 1):
        return int(exponent) or None
    return multiply(literal(exponent), power(x, literal(exponent - 1)))


@register
class PowerDerivative(ElementwiseOp):
    """∂ᵐ⁺ⁿ(x**y) / ∂xᵐ ∂yⁿ, a family closed under differentiating, with its limits at x = 0.

    Written out, x**(y - m) times a polynomial in log(x) is inf * 0 or inf - inf there.
    """

    name = "power_derivative"
    parameters = ("by_base", "by_exponent")

    def infer_dtype(self, avals: tuple[Aval, ...]) -> np.dtype[Any]:
        dtype = ufunc_dtype(np.power, tuple((aval.dtype, aval.weak) for aval in avals))
        return dtype if dtype.kind == "f" else FLOAT

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.power_derivative(*values, params["by_base"], params["by_exponent"])

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, y = operands
        by_base, by_exponent = out.params
        return power_derivative(x, y, by_base + 1, by_exponent), power_derivative(x, y, by_base, by_exponent + 1)


@register
class Sin(ElementwiseOp):
    """Sine of an angle in radians."""

    name = "sin"
    numpy = np.sin

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (cos(operands[0]),)


@register
class Cos(ElementwiseOp):
    """Cosine of an angle in radians."""

    name = "cos"
    numpy = np.cos

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (negative(sin(operands[0])),)


@register
class Tanh(ElementwiseOp):
    """Hyperbolic tangent, entry by entry."""

    name = "tanh"
    numpy = np.tanh

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (subtract(1, multiply(out, out)),)


EXP = Exp.instance
EXPM1 = Expm1.instance
LOG = Log.instance
LOG1P = Log1p.instance
LOGADDEXP = Logaddexp.instance
EXPIT = Expit.instance
POWER = Power.instance
POWER_DERIVATIVE = PowerDerivative.instance
SQRT = Sqrt.instance
SIN = Sin.instance
COS = Cos.instance
TANH = Tanh.instance


def exp(x: Operand) -> Node:
    """Exponential."""
    return apply(EXP, x)


def expm1(x: Operand) -> Node:
    """``exp(x) - 1``."""
    return apply(EXPM1, x)


def log(x: Operand) -> Node:
    """Natural logarithm."""
    return apply(LOG, x)


def log1p(x: Operand) -> Node:
    """``log(1 + x)``."""
    return apply(LOG1P, x)


def logaddexp(x: Operand, y: Operand) -> Node:
    """``log(exp(x) + exp(y))``."""
    return apply(LOGADDEXP, x, y)


def expit(x: Operand) -> Node:
    """``1 / (1 + exp(-x))``."""
    return apply(EXPIT, x)


def sqrt(x: Operand) -> Node:
    """Square root."""
    return apply(SQRT, x)


def power(x: Operand, y: Operand) -> Node:
    """``x ** y``."""
    return apply(POWER, x, y)


def power_derivative(x: Node, y: Node, by_base: int, by_exponent: int) -> Node:
    """``x ** y`` differentiated so many times by each operand."""
    return make_node(POWER_DERIVATIVE, (x, y), (by_base, by_exponent))


def sin(x: Operand) -> Node:
    """Sine."""
    return apply(SIN, x)


def cos(x: Operand) -> Node:
    """Cosine."""
    return apply(COS, x)


def tanh(x: Operand) -> Node:
    """Hyperbolic tangent."""
    return apply(TANH, x)
