"""Arithmetic of entries: sums, products, quotients, absolute value, sign.

Python arithmetic on Python numbers gives a Python number, so these ops keep weak operands weak.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.leaves import Operand, apply, is_literal, literal
from chainrule.core.node import Node, Params
from chainrule.core.op import ElementwiseOp, Partials, register
from chainrule.ops.logic import equal
from chainrule.ops.selection import at_kink


@register
class Add(ElementwiseOp):
    """Sum, entry by entry."""

    name = "add"
    numpy = np.add
    keeps_weak = True

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        x, y = values
        return x + y

    def partials(self, out: Node, *operands: Node) -> Partials:
        return 1, 1


@register
class Subtract(ElementwiseOp):
    """Difference, entry by entry."""

    name = "subtract"
    numpy = np.subtract
    keeps_weak = True

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        x, y = values
        return x - y

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        x, y = operands
        # x - (+0) has the bits of x even for x = -0; x + 0 and x - (-0) have not.
        return x if y.params in _POSITIVE_ZEROS and is_literal(y) and keeps_aval(self, x, y) else None

    def partials(self, out: Node, *operands: Node) -> Partials:
        return 1, -1


@register
class Multiply(ElementwiseOp):
    """Product, entry by entry."""

    name = "multiply"
    numpy = np.multiply
    keeps_weak = True

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        x, y = values
        return x * y

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        x, y = operands
        if _is_one(y) and keeps_aval(self, x, y):
            return x
        if _is_one(x) and keeps_aval(self, y, x):
            return y
        return None

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, y = operands
        return y, x


@register
class Divide(ElementwiseOp):
    """Quotient, entry by entry."""

    name = "divide"
    numpy = np.divide
    keeps_weak = True

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.divide(*values)  # not the operator: Python numbers would raise at a zero

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        x, y = operands
        return x if is_literal(y, 1) and keeps_aval(self, x, y) else None

    def partials(self, out: Node, *operands: Node) -> Partials:
        _, y = operands
        return divide(1, y), negative(divide(out, y))


@register
class Negative(ElementwiseOp):
    """The same entries with the other sign."""

    name = "negative"
    numpy = np.negative
    keeps_weak = True

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return -values[0]

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        (x,) = operands
        return x.operands[0] if x.op is self else None

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (-1,)


@register
class Absolute(ElementwiseOp):
    """Absolute value, entry by entry. Kink: the derivative at 0 is 0."""

    name = "absolute"
    numpy = np.absolute
    keeps_weak = True

    def partials(self, out: Node, *operands: Node) -> Partials:
        (x,) = operands
        return (at_kink(equal(x, 0), 0.0, sign(x), "abs at 0: 0"),)


@register
class Sign(ElementwiseOp):
    """-1, 0 or 1, as the entry is negative, zero or positive; piecewise constant."""

    name = "sign"
    numpy = np.sign
    nondifferentiable = True


_POSITIVE_ZEROS = (literal(0).params, literal(0.0).params)


def _is_one(x: Node) -> bool:
    """Whether every entry is the literal 1."""
    return is_literal(x, 1) or (x.op.name == "broadcast" and is_literal(x.operands[0], 1))


def keeps_aval(op: ElementwiseOp, x: Node, other: Node) -> bool:
    """Whether `op` on `x` and `other` has the abstract value of `x`."""
    return op.infer(x.aval, other.aval) == x.aval


ADD = Add.instance
SUBTRACT = Subtract.instance
MULTIPLY = Multiply.instance
DIVIDE = Divide.instance
NEGATIVE = Negative.instance
ABSOLUTE = Absolute.instance
SIGN = Sign.instance


def add(x: Operand, y: Operand) -> Node:
    """``x + y``."""
    return apply(ADD, x, y)


def subtract(x: Operand, y: Operand) -> Node:
    """``x - y``."""
    return apply(SUBTRACT, x, y)


def multiply(x: Operand, y: Operand) -> Node:
    """``x * y``."""
    return apply(MULTIPLY, x, y)


def divide(x: Operand, y: Operand) -> Node:
    """``x / y``."""
    return apply(DIVIDE, x, y)


def negative(x: Operand) -> Node:
    """``-x``."""
    return apply(NEGATIVE, x)


def absolute(x: Operand) -> Node:
    """``abs(x)``."""
    return apply(ABSOLUTE, x)


def sign(x: Operand) -> Node:
    """Sign of the entries."""
    return apply(SIGN, x)
