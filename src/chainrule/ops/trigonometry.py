"""Circular and hyperbolic functions and their inverses, lengths and angles in the plane, degrees and radians."""

from __future__ import annotations

import math

import numpy as np

from chainrule.core.leaves import Operand, apply, literal
from chainrule.core.node import Node
from chainrule.core.op import ElementwiseOp, Partials, register
from chainrule.ops.arithmetic import add, divide, multiply, negative, subtract
from chainrule.ops.elementwise import sqrt
from chainrule.ops.logic import equal
from chainrule.ops.selection import at_kink


@register
class Tan(ElementwiseOp):
    """Tangent of an angle in radians."""

    name = "tan"
    numpy = np.tan

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (add(1, multiply(out, out)),)


@register
class Arcsin(ElementwiseOp):
    """Inverse sine, in radians. The derivative at ±1 is infinite."""

    name = "arcsin"
    numpy = np.arcsin

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (divide(1, _root_of_one_minus_square(operands[0])),)


@register
class Arccos(ElementwiseOp):
    """Inverse cosine, in radians. The derivative at ±1 is infinite."""

    name = "arccos"
    numpy = np.arccos

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (divide(-1, _root_of_one_minus_square(operands[0])),)


def _root_of_one_minus_square(x: Node) -> Node:
    """sqrt(1 - x²) with all digits near ±1."""
    return sqrt(_one_minus_square(x))


def _one_minus_square(x: Node) -> Node:
    return multiply(subtract(1, x), add(1, x))


@register
class Arctan(ElementwiseOp):
    """Inverse tangent, in radians."""

    name = "arctan"
    numpy = np.arctan

    def partials(self, out: Node, *operands: Node) -> Partials:
        (x,) = operands
        return (divide(1, add(1, multiply(x, x))),)


@register
class Hypot(ElementwiseOp):
    """Length sqrt(x² + y²), without overflow. Kink: both derivatives at (0, 0) are 0, as those of a norm."""

    name = "hypot"
    numpy = np.hypot

    def partials(self, out: Node, *operands: Node) -> Partials:
        nowhere = equal(out, 0)
        return tuple(at_kink(nowhere, 0.0, divide(x, out), "hypot at (0, 0): 0") for x in operands)


@register
class Arctan2(ElementwiseOp):
    """Angle of the point (x, y), given as (y, x), in radians. Kink: both derivatives at (0, 0) are 0."""

    name = "arctan2"
    numpy = np.arctan2

    def partials(self, out: Node, *operands: Node) -> Partials:
        y, x = operands
        # Divided twice by the length: its square may overflow, or vanish.
        length = hypot(x, y)
        nowhere = equal(length, 0)
        by_y, by_x = divide(divide(x, length), length), negative(divide(divide(y, length), length))
        convention = "arctan2 at (0, 0): 0"
        return at_kink(nowhere, 0.0, by_y, convention), at_kink(nowhere, 0.0, by_x, convention)


@register
class Sinh(ElementwiseOp):
    """Hyperbolic sine, entry by entry."""

    name = "sinh"
    numpy = np.sinh

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (cosh(operands[0]),)


@register
class Cosh(ElementwiseOp):
    """Hyperbolic cosine, entry by entry."""

    name = "cosh"
    numpy = np.cosh

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (sinh(operands[0]),)


@register
class Arcsinh(ElementwiseOp):
    """Inverse hyperbolic sine, entry by entry."""

    name = "arcsinh"
    numpy = np.arcsinh

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (divide(1, hypot(operands[0], 1)),)  # x² would overflow long before arcsinh does


@register
class Arccosh(ElementwiseOp):
    """Inverse hyperbolic cosine, for x >= 1. The derivative at 1 is infinite."""

    name = "arccosh"
    numpy = np.arccosh

    def partials(self, out: Node, *operands: Node) -> Partials:
        (x,) = operands
        # Two roots: all digits near 1, no overflow, and nan below 1 where arccosh is nan too.
        return (divide(1, multiply(sqrt(subtract(x, 1)), sqrt(add(x, 1)))),)


@register
class Arctanh(ElementwiseOp):
    """Inverse hyperbolic tangent, for -1 < x < 1."""

    name = "arctanh"
    numpy = np.arctanh

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (divide(1, _one_minus_square(operands[0])),)


class AngleUnit(ElementwiseOp):
    """An angle in another unit: linear, yet an op of its own so that it has the bits of NumPy."""

    factor: float

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (literal(self.factor),)


@register
class Deg2rad(AngleUnit):
    """Degrees to radians."""

    name = "deg2rad"
    numpy = np.deg2rad
    factor = math.pi / 180


@register
class Radians(AngleUnit):
    """Degrees to radians."""

    name = "radians"
    numpy = np.radians
    factor = math.pi / 180


@register
class Rad2deg(AngleUnit):
    """Radians to degrees."""

    name = "rad2deg"
    numpy = np.rad2deg
    factor = 180 / math.pi


@register
class Degrees(AngleUnit):
    """Radians to degrees."""

    name = "degrees"
    numpy = np.degrees
    factor = 180 / math.pi


def hypot(x: Operand, y: Operand) -> Node:
    """``sqrt(x**2 + y**2)``."""
    return apply(Hypot.instance, x, y)


def arctan2(y: Operand, x: Operand) -> Node:
    """Angle of the point (x, y)."""
    return apply(Arctan2.instance, y, x)


def sinh(x: Operand) -> Node:
    """Hyperbolic sine."""
    return apply(Sinh.instance, x)


def cosh(x: Operand) -> Node:
    """Hyperbolic cosine."""
    return apply(Cosh.instance, x)
