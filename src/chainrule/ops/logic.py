"""Comparisons and logic: boolean results, through which no derivative flows."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.aval import BOOL, Aval
from chainrule.core.leaves import Operand, apply
from chainrule.core.node import Node
from chainrule.core.op import ElementwiseOp, register


class BooleanOp(ElementwiseOp):
    """An elementwise op with a boolean result."""

    nondifferentiable = True

    def infer_dtype(self, avals: tuple[Aval, ...]) -> np.dtype[Any]:
        return BOOL


@register
class Greater(BooleanOp):
    """Whether the first is greater than the second."""

    name = "greater"
    numpy = np.greater

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        x, y = values
        return x > y


@register
class GreaterEqual(BooleanOp):
    """Whether the first is greater than or equal to the second."""

    name = "greater_equal"
    numpy = np.greater_equal

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        x, y = values
        return x >= y


@register
class Less(BooleanOp):
    """Whether the first is less than the second."""

    name = "less"
    numpy = np.less

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        x, y = values
        return x < y


@register
class LessEqual(BooleanOp):
    """Whether the first is less than or equal to the second."""

    name = "less_equal"
    numpy = np.less_equal

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        x, y = values
        return x <= y


@register
class Equal(BooleanOp):
    """Whether the two are equal."""

    name = "equal"
    numpy = np.equal

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        x, y = values
        return x == y


@register
class NotEqual(BooleanOp):
    """Whether the two differ."""

    name = "not_equal"
    numpy = np.not_equal

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        x, y = values
        return x != y


@register
class LogicalAnd(BooleanOp):
    """Whether both are true."""

    name = "logical_and"
    numpy = np.logical_and


@register
class LogicalOr(BooleanOp):
    """Whether one of the two is true."""

    name = "logical_or"
    numpy = np.logical_or


@register
class LogicalNot(BooleanOp):
    """Whether the operand is false."""

    name = "logical_not"
    numpy = np.logical_not


GREATER = Greater.instance
GREATER_EQUAL = GreaterEqual.instance
LESS = Less.instance
LESS_EQUAL = LessEqual.instance
EQUAL = Equal.instance
NOT_EQUAL = NotEqual.instance
LOGICAL_AND = LogicalAnd.instance
LOGICAL_OR = LogicalOr.instance
LOGICAL_NOT = LogicalNot.instance


def greater(x: Operand, y: Operand) -> Node:
    """``x > y``."""
    return apply(GREATER, x, y)


def less(x: Operand, y: Operand) -> Node:
    """``x < y``."""
    return apply(LESS, x, y)


def equal(x: Operand, y: Operand) -> Node:
    """``x == y``."""
    return apply(EQUAL, x, y)


def not_equal(x: Operand, y: Operand) -> Node:
    """``x != y``."""
    return apply(NOT_EQUAL, x, y)


def logical_and(x: Operand, y: Operand) -> Node:
    """Entrywise ``x and y``."""
    return apply(LOGICAL_AND, x, y)


def logical_or(x: Operand, y: Operand) -> Node:
    """Entrywise ``x or y``."""
    return apply(LOGICAL_OR, x, y)


def logical_not(x: Operand) -> Node:
    """Entrywise ``not x``."""
    return apply(LOGICAL_NOT, x)
