"""Bessel functions of every kind, by their argument.

The derivative of one is half the difference, or the sum, of its neighbours in order, without a singularity at 0.
By the order there is no closed derivative.
"""

from __future__ import annotations

from typing import ClassVar

import scipy.special

from chainrule.core.leaves import Operand, apply, is_literal, literal, literal_value
from chainrule.core.node import Node
from chainrule.core.op import ElementwiseOp, Partials, register
from chainrule.ops.arithmetic import add, multiply, negative, sign, subtract
from chainrule.ops.logic import equal
from chainrule.ops.selection import at_kink
from chainrule.ops.special import SpecialOp

BY_ORDER = {0: "Bessel functions have no closed derivative by their order"}


def _shifted(order: Node, step: int) -> Node:
    return literal(literal_value(order.params) + step) if is_literal(order) else add(order, step)


def _neighbours(op: ElementwiseOp, order: Node, x: Node) -> tuple[Node, Node]:
    """The functions of the next lower and the next higher order."""
    return apply(op, _shifted(order, -1), x), apply(op, _shifted(order, 1), x)


def _sign_of_scale(x: Node, name: str) -> Node:
    """The derivative of ``abs(x)`` in a scale ``exp(-abs(x))``."""
    return at_kink(equal(x, 0), 0.0, sign(x), f"{name}, scaled by exp(-abs(x)), at 0: 0 from the scale")


class BesselOp(SpecialOp):
    """A Bessel function of real order."""

    nondifferentiable_in = BY_ORDER

    @classmethod
    def slope(cls, out: Node, x: Node, lower: Node, higher: Node) -> Node:
        """The derivative by x, given the neighbours in order."""
        raise NotImplementedError(cls.name)

    def partials(self, out: Node, *operands: Node) -> Partials:
        order, x = operands
        return None, self.slope(out, x, *_neighbours(self, order, x))


@register
class Jv(BesselOp):
    """Bessel function of the first kind."""

    name = "jv"
    numpy = scipy.special.jv

    @classmethod
    def slope(cls, out: Node, x: Node, lower: Node, higher: Node) -> Node:
        return multiply(0.5, subtract(lower, higher))


@register
class Yv(BesselOp):
    """Bessel function of the second kind."""

    name = "yv"
    numpy = scipy.special.yv

    @classmethod
    def slope(cls, out: Node, x: Node, lower: Node, higher: Node) -> Node:
        return multiply(0.5, subtract(lower, higher))


@register
class Iv(BesselOp):
    """Modified Bessel function of the first kind."""

    name = "iv"
    numpy = scipy.special.iv

    @classmethod
    def slope(cls, out: Node, x: Node, lower: Node, higher: Node) -> Node:
        return multiply(0.5, add(lower, higher))


@register
class Kv(BesselOp):
    """Modified Bessel function of the second kind."""

    name = "kv"
    numpy = scipy.special.kv

    @classmethod
    def slope(cls, out: Node, x: Node, lower: Node, higher: Node) -> Node:
        return multiply(-0.5, add(lower, higher))


@register
class Ive(BesselOp):
    """iv(v, x) exp(-abs(x)). Kink: the scale has derivative 0 at 0."""

    name = "ive"
    numpy = scipy.special.ive

    @classmethod
    def slope(cls, out: Node, x: Node, lower: Node, higher: Node) -> Node:
        return subtract(multiply(0.5, add(lower, higher)), multiply(_sign_of_scale(x, "ive"), out))


@register
class Kve(BesselOp):
    """kv(v, x) exp(x)."""

    name = "kve"
    numpy = scipy.special.kve

    @classmethod
    def slope(cls, out: Node, x: Node, lower: Node, higher: Node) -> Node:
        return subtract(out, multiply(0.5, add(lower, higher)))


# Those of order 0 and 1 have ufuncs of their own. For order 0 the neighbour of order -1 is that of order 1 up to sign.


class OrderOne(SpecialOp):
    """A Bessel function of order 1; `zero` and `general` are those of order 0 and of every order."""

    zero: ClassVar[type[ElementwiseOp]]
    general: ClassVar[type[BesselOp]]

    def partials(self, out: Node, *operands: Node) -> Partials:
        (x,) = operands
        return (self.general.slope(out, x, apply(self.zero.instance, x), apply(self.general.instance, 2, x)),)


@register
class J0(SpecialOp):
    """Bessel function of the first kind, of order 0."""

    name = "j0"
    numpy = scipy.special.j0

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (negative(apply(J1.instance, operands[0])),)


@register
class J1(OrderOne):
    """Bessel function of the first kind, of order 1."""

    name = "j1"
    numpy = scipy.special.j1
    zero = J0
    general = Jv


@register
class Y0(SpecialOp):
    """Bessel function of the second kind, of order 0."""

    name = "y0"
    numpy = scipy.special.y0

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (negative(apply(Y1.instance, operands[0])),)


@register
class Y1(OrderOne):
    """Bessel function of the second kind, of order 1."""

    name = "y1"
    numpy = scipy.special.y1
    zero = Y0
    general = Yv


@register
class I0(SpecialOp):
    """Modified Bessel function of the first kind, of order 0."""

    name = "i0"
    numpy = scipy.special.i0

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (apply(I1.instance, operands[0]),)


@register
class I1(OrderOne):
    """Modified Bessel function of the first kind, of order 1."""

    name = "i1"
    numpy = scipy.special.i1
    zero = I0
    general = Iv


@register
class K0(SpecialOp):
    """Modified Bessel function of the second kind, of order 0."""

    name = "k0"
    numpy = scipy.special.k0

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (negative(apply(K1.instance, operands[0])),)


@register
class K1(OrderOne):
    """Modified Bessel function of the second kind, of order 1."""

    name = "k1"
    numpy = scipy.special.k1
    zero = K0
    general = Kv


@register
class I0e(SpecialOp):
    """i0(x) exp(-abs(x)). Kink: the scale has derivative 0 at 0."""

    name = "i0e"
    numpy = scipy.special.i0e

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (subtract(apply(I1e.instance, operands[0]), multiply(_sign_of_scale(operands[0], "i0e"), out)),)


@register
class I1e(OrderOne):
    """i1(x) exp(-abs(x))."""

    name = "i1e"
    numpy = scipy.special.i1e
    zero = I0e
    general = Ive


@register
class K0e(SpecialOp):
    """k0(x) exp(x)."""

    name = "k0e"
    numpy = scipy.special.k0e

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (subtract(out, apply(K1e.instance, operands[0])),)


@register
class K1e(OrderOne):
    """k1(x) exp(x)."""

    name = "k1e"
    numpy = scipy.special.k1e
    zero = K0e
    general = Kve


def yv(order: Operand, x: Operand) -> Node:
    """Bessel function of the second kind."""
    return apply(Yv.instance, order, x)
