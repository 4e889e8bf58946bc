"""Rounding, remainders, signs, and what is asked of the floats themselves (`isnan` and its like).

Rounding is piecewise constant: its derivative is 0. That of a remainder is 1 by the dividend, at the jumps too.
"""

from __future__ import annotations

import numpy as np

from chainrule.core.leaves import Operand, apply
from chainrule.core.node import Node
from chainrule.core.op import ElementwiseOp, Partials, register
from chainrule.ops.arithmetic import divide, multiply, negative, sign, subtract
from chainrule.ops.logic import BooleanOp, equal, greater, logical_and, logical_not, logical_or
from chainrule.ops.selection import astype, at_kink


@register
class Floor(ElementwiseOp):
    """The largest integer that is not greater; piecewise constant."""

    name = "floor"
    numpy = np.floor
    nondifferentiable = True


@register
class Ceil(ElementwiseOp):
    """The smallest integer that is not less; piecewise constant."""

    name = "ceil"
    numpy = np.ceil
    nondifferentiable = True


@register
class Trunc(ElementwiseOp):
    """The nearest integer towards 0; piecewise constant."""

    name = "trunc"
    numpy = np.trunc
    nondifferentiable = True


@register
class Rint(ElementwiseOp):
    """The nearest integer, halves to even; piecewise constant."""

    name = "rint"
    numpy = np.rint
    nondifferentiable = True


@register
class FloorDivide(ElementwiseOp):
    """The largest integer that is not greater than the quotient; piecewise constant."""

    name = "floor_divide"
    numpy = np.floor_divide
    nondifferentiable = True
    keeps_weak = True


@register
class Remainder(ElementwiseOp):
    """Remainder with the sign of the divisor; derivatives 1 and -floor(x / y), also at the jumps."""

    name = "remainder"
    numpy = np.remainder
    keeps_weak = True

    def partials(self, out: Node, *operands: Node) -> Partials:
        return 1, negative(floor_divide(*operands))


@register
class Fmod(ElementwiseOp):
    """Remainder with the sign of the dividend; derivatives 1 and -trunc(x / y), also at the jumps."""

    name = "fmod"
    numpy = np.fmod

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, y = operands
        # Not trunc(x / y): a quotient rounded up to an integer would be one too large.
        return 1, rint(divide(subtract(out, x), y))


@register
class Copysign(ElementwiseOp):
    """The size of the first with the sign of the second. Kink: the derivative at 0 is 0, as that of `abs`."""

    name = "copysign"
    numpy = np.copysign

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, y = operands
        slope = multiply(sign(x), copysign(1.0, y))
        return at_kink(equal(x, 0), 0.0, slope, "copysign of a size at 0: 0"), None


@register
class Heaviside(ElementwiseOp):
    """0 below 0, 1 above, the second operand at 0; the derivative by the first is 0, at the jump too."""

    name = "heaviside"
    numpy = np.heaviside

    def partials(self, out: Node, *operands: Node) -> Partials:
        return None, astype(equal(operands[0], 0), out.dtype)

    def chosen(self, i: int, out: Node) -> Node | None:
        return equal(out.operands[0], 0) if i == 1 else None


class NumberOverNan(ElementwiseOp):
    """The larger or smaller of two, where a number counts more than nan. Kink: a tie gives each a half."""

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, y = operands
        tie = equal(x, y)
        return tuple(
            at_kink(tie, 0.5, astype(self._wins(i, out), out.dtype), f"{self.name} of equal entries: half each")
            for i in (0, 1)
        )

    def _wins(self, i: int, out: Node) -> Node:
        """Where operand `i` alone is the result; nan against nan is won by the first."""
        x, y = out.operands
        beats = self._is_ahead(x, y) if i == 0 else self._is_ahead(y, x)
        unopposed = isnan(y) if i == 0 else logical_and(isnan(x), logical_not(isnan(y)))
        return logical_or(beats, unopposed)

    def chosen(self, i: int, out: Node) -> Node:
        return logical_not(self._wins(1 - i, out))

    def _is_ahead(self, x: Node, y: Node) -> Node:
        raise NotImplementedError(self.name)


@register
class Fmax(NumberOverNan):
    """The larger of two, or the one that is a number. Kink: a tie gives each a half."""

    name = "fmax"
    numpy = np.fmax

    def _is_ahead(self, x: Node, y: Node) -> Node:
        return greater(x, y)


@register
class Fmin(NumberOverNan):
    """The smaller of two, or the one that is a number. Kink: a tie gives each a half."""

    name = "fmin"
    numpy = np.fmin

    def _is_ahead(self, x: Node, y: Node) -> Node:
        return greater(y, x)


@register
class Isnan(BooleanOp):
    """Whether the entry is nan."""

    name = "isnan"
    numpy = np.isnan


@register
class Isinf(BooleanOp):
    """Whether the entry is infinite."""

    name = "isinf"
    numpy = np.isinf


@register
class Isfinite(BooleanOp):
    """Whether the entry is neither infinite nor nan."""

    name = "isfinite"
    numpy = np.isfinite


@register
class Signbit(BooleanOp):
    """Whether the sign bit is set: negative numbers and -0."""

    name = "signbit"
    numpy = np.signbit


@register
class LogicalXor(BooleanOp):
    """Whether exactly one of the two is true."""

    name = "logical_xor"
    numpy = np.logical_xor


def floor(x: Operand) -> Node:
    """Round down."""
    return apply(Floor.instance, x)


def trunc(x: Operand) -> Node:
    """Round towards 0."""
    return apply(Trunc.instance, x)


def rint(x: Operand) -> Node:
    """Round to the nearest integer, halves to even."""
    return apply(Rint.instance, x)


def floor_divide(x: Operand, y: Operand) -> Node:
    """``x // y``."""
    return apply(FloorDivide.instance, x, y)


def remainder(x: Operand, y: Operand) -> Node:
    """``x % y``."""
    return apply(Remainder.instance, x, y)


def fmod(x: Operand, y: Operand) -> Node:
    """Remainder with the sign of `x`."""
    return apply(Fmod.instance, x, y)


def copysign(x: Operand, y: Operand) -> Node:
    """The size of `x` with the sign of `y`."""
    return apply(Copysign.instance, x, y)


def isnan(x: Operand) -> Node:
    """Whether the entry is nan."""
    return apply(Isnan.instance, x)


def isinf(x: Operand) -> Node:
    """Whether the entry is infinite."""
    return apply(Isinf.instance, x)


def isfinite(x: Operand) -> Node:
    """Whether the entry is neither infinite nor nan."""
    return apply(Isfinite.instance, x)
