"""What the normal form adds to the ops that users call: n-ary sums with exact coefficients, and sizes as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from chainrule.core.aval import FLOAT, INT, Aval, broadcast_shapes, common_dtype
from chainrule.core.dimension import Dim, Size
from chainrule.core.leaves import literal
from chainrule.core.node import Node, make_node
from chainrule.core.op import ElementwiseOp, Op, Partials, register


@register
class Combination(ElementwiseOp):
    """Sum of terms, each with an exact rational coefficient."""

    name = "combination"
    parameters = ("coefficients",)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        shape = broadcast_shapes([aval.shape for aval in avals], "chainrule.combination", avals)
        dtype = common_dtype(avals)
        if dtype.kind == "b":
            dtype = INT
        if dtype.kind in "iu" and any(coefficient.denominator != 1 for coefficient in params["coefficients"]):
            dtype = FLOAT
        return Aval(shape, dtype, all(aval.weak for aval in avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        total = None
        for coefficient, value in zip(params["coefficients"], values, strict=True):
            term = value if abs(coefficient) == 1 else as_number(abs(coefficient)) * value
            if total is None:
                total = term if coefficient > 0 else -term
            else:
                total = total + term if coefficient > 0 else total - term
        return total

    def partials(self, out: Node, *operands: Node) -> Partials:
        return tuple(
            int(coefficient) if abs(coefficient) == 1 else literal(as_number(coefficient))
            for coefficient in out.param("coefficients")
        )


def as_number(coefficient: Fraction) -> int | float:
    """An exact coefficient as a Python number."""
    return int(coefficient) if coefficient.denominator == 1 else float(coefficient)


@register
class Dimension(Op):
    """A symbolic size as a number: what ``x.shape[0]`` is in arithmetic."""

    name = "dimension"
    parameters = ("size",)
    nondifferentiable = True

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        return Aval((), FLOAT, weak=True)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return float(int(params["size"]))  # `int` refuses a symbolic size by name


COMBINATION = Combination.instance
DIMENSION = Dimension.instance


def combination(coefficients: Sequence[Fraction | int], terms: Sequence[Node]) -> Node:
    """The sum of `terms` with their coefficients."""
    return make_node(COMBINATION, tuple(terms), (tuple(Fraction(c) for c in coefficients),))


def dimension(size: Size) -> Node:
    """A size as a node: a literal if it is a number."""
    return make_node(DIMENSION, (), (size,)) if isinstance(size, Dim) else literal(size)
