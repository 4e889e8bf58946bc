"""Choosing between values: `where`, `maximum`, `minimum`, conventions at kinks; changes of dtype; cuts in the graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.aval import Aval, broadcast_shapes, promote
from chainrule.core.leaves import Operand, apply, as_node, is_literal
from chainrule.core.node import Node, Params, make_node
from chainrule.core.op import LANES, ElementwiseOp, Op, Partials, register
from chainrule.ops.logic import GREATER_EQUAL, equal, logical_and, logical_not, logical_or


def _choice_aval(chosen: tuple[Aval, ...], masks: tuple[Aval, ...], call: str) -> Aval:
    shape = broadcast_shapes([aval.shape for aval in (*masks, *chosen)], call, (*masks, *chosen))
    return Aval(shape, promote(tuple((aval.dtype, aval.weak) for aval in chosen)))


@register
class Where(Op):
    """`x` where `condition` holds, else `y`; a lane that is not chosen contributes exactly 0 to a derivative."""

    name = "where"
    numpy = np.where
    linear_in = frozenset({1, 2})
    supports = LANES
    nondifferentiable_in = {0: "a condition is true or false; it has no derivative"}

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (0, 0, 0)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        condition, x, y = avals
        return _choice_aval((x, y), (condition,), "numpy.where")

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.where(*values)

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        condition, x, y = operands
        if not is_literal(condition):
            return None
        chosen = x if is_literal(condition, True) else y
        return chosen if chosen.aval == self.infer(condition.aval, x.aval, y.aval) else None

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        condition = node.operands[0]
        return where(condition, ct, 0) if i == 1 else where(condition, 0, ct)

    def transpose_support(self, i: int, support: Node | None, node: Node) -> Node:
        condition = node.operands[0]
        chosen = condition if i == 1 else logical_not(condition)
        return chosen if support is None else logical_and(chosen, support)

    def forward_support(self, supports: tuple[Node | bool | None, ...], node: Node) -> Node | None:
        condition = node.operands[0]
        _, by_x, by_y = [True if support is None else support for support in supports]
        if by_x is True and by_y is True:
            return None
        return logical_or(logical_and(condition, by_x), logical_and(logical_not(condition), by_y))


@register
class AtKink(Op):
    """`value` where `mask` holds, else `formula`; differentiates as `formula` everywhere.

    States a convention at a point where a formula gives none. A `where` in its place would make the second derivative
    that of the branch, a constant. The `convention` is what the record of conventions used shows.
    """

    name = "at_kink"
    parameters = ("convention",)
    linear_in = frozenset({2})
    supports = LANES
    nondifferentiable_in = {0: "a mask is true or false", 1: "the value at a kink is held"}
    aliases = (2,)

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (0, 0, 0)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        mask, value, formula = avals
        return _choice_aval((value, formula), (mask,), "chainrule.at_kink")

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        mask, value, formula = values
        return xp.kernels.at_kink(mask, value, formula, params["convention"])

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        return ct

    def transpose_support(self, i: int, support: Node | None, node: Node) -> Node | None:
        return support

    def forward_support(self, supports: tuple[Node | bool | None, ...], node: Node) -> Node | None:
        return _held(supports[2])

    def forward(self, tangents: tuple[Node | None, ...], node: Node) -> Node:
        tangent = tangents[2]
        assert tangent is not None
        return tangent


@register
class DeriveAs(Op):
    """`value`, which differentiates as `formula`: for forms that give the same value but a better derivative."""

    name = "derive_as"
    linear_in = frozenset({1})
    supports = LANES
    nondifferentiable_in = {0: "the value is held: the formula differentiates in its place"}
    aliases = (0,)
    broadcasts_loops = False  # the result is the value, so that it must have the formula's loop axes

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (0, 0)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        value, formula = avals
        shape = broadcast_shapes([value.shape, formula.shape], "chainrule.derive_as", avals)
        return Aval(shape, value.dtype, value.weak)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return values[0]

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        value, formula = operands
        if value.op is self:  # only the value of the value counts
            return self.bind((value.operands[0], formula))
        return value if value is formula else None

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        return ct

    def transpose_support(self, i: int, support: Node | None, node: Node) -> Node | None:
        return support

    def forward_support(self, supports: tuple[Node | bool | None, ...], node: Node) -> Node | None:
        return _held(supports[1])

    def forward(self, tangents: tuple[Node | None, ...], node: Node) -> Node:
        tangent = tangents[1]
        assert tangent is not None
        return tangent


def _held(support: Node | bool | None) -> Node | None:
    """The support of the only tangent that counts."""
    assert not isinstance(support, bool)
    return support


@register
class Maximum(ElementwiseOp):
    """The larger of two, entry by entry. Kink: a tie gives each a half."""

    name = "maximum"
    numpy = np.maximum

    def partials(self, out: Node, *operands: Node) -> Partials:
        return _half_at_tie(0, out), _half_at_tie(1, out)

    def chosen(self, i: int, out: Node) -> Node:
        return apply(GREATER_EQUAL, out.operands[i], out.operands[1 - i])


@register
class Minimum(ElementwiseOp):
    """The smaller of two, entry by entry. Kink: a tie gives each a half."""

    name = "minimum"
    numpy = np.minimum

    def partials(self, out: Node, *operands: Node) -> Partials:
        return _half_at_tie(0, out), _half_at_tie(1, out)

    def chosen(self, i: int, out: Node) -> Node:
        return apply(GREATER_EQUAL, out.operands[1 - i], out.operands[i])


def _half_at_tie(i: int, out: Node) -> Node:
    assert isinstance(out.op, ElementwiseOp)
    chosen = out.op.chosen(i, out)
    assert chosen is not None
    tie = equal(*out.operands)
    return at_kink(tie, 0.5, astype(chosen, out.dtype), "maximum or minimum of equal entries: half each")


@register
class Astype(Op):
    """The same entries in another dtype; `weak` as a Python number's. Integers and bools have no derivative."""

    name = "astype"
    parameters = ("dtype", "weak")
    linear_in = frozenset({0})
    supports = LANES
    aliases = (0,)

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (0,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        shape = avals[0].shape
        return Aval(shape, params["dtype"], params["weak"] and not shape)  # a stack of Python numbers is an array

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.asarray(values[0], dtype=params["dtype"])

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        (x,) = operands
        dtype, weak = params
        return x if x.aval == self.infer(x.aval, dtype=dtype, weak=weak) else None

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        return ct  # the engine casts every cotangent to its operand's dtype

    def transpose_support(self, i: int, support: Node | None, node: Node) -> Node | None:
        return support

    def forward_support(self, supports: tuple[Node | bool | None, ...], node: Node) -> Node | None:
        return _held(supports[0])


@register
class Mark(ElementwiseOp):
    """The same entries, cut from the rest: two marks with different ordinals are never shared."""

    name = "mark"
    parameters = ("ordinal",)
    keeps_weak = True
    aliases = (0,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        return avals[0]

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return values[0]

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (1,)


@register
class StopGradient(ElementwiseOp):
    """The same entries, held: no derivative flows through."""

    name = "stop_gradient"
    keeps_weak = True
    nondifferentiable = True
    aliases = (0,)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        return avals[0]

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return values[0]


WHERE = Where.instance
AT_KINK = AtKink.instance
DERIVE_AS = DeriveAs.instance
MAXIMUM = Maximum.instance
MINIMUM = Minimum.instance
ASTYPE = Astype.instance
MARK = Mark.instance
STOP_GRADIENT = StopGradient.instance


def where(condition: Operand, x: Operand, y: Operand) -> Node:
    """`x` where `condition` holds, else `y`."""
    return apply(WHERE, condition, x, y)


def at_kink(mask: Node, value: Operand, formula: Node, convention: str) -> Node:
    """`value` where `mask` holds, else `formula`; differentiates as `formula`."""
    return make_node(AT_KINK, (mask, as_node(value), formula), (convention,))


def derive_as(value: Node, formula: Node) -> Node:
    """`value`, which differentiates as `formula` (equal to it wherever both are defined)."""
    return DERIVE_AS.bind((value, formula))


def astype(x: Node, dtype: np.dtype[Any], weak: bool = False) -> Node:
    """`x` in another dtype."""
    return ASTYPE.bind((x,), (dtype, weak))


def mark(x: Node, ordinal: int) -> Node:
    """`x`, cut from what it is made of; nodes with different ordinals are never shared."""
    return make_node(MARK, (x,), (ordinal,))


def stop_gradient(x: Node) -> Node:
    """`x`, held constant for derivatives."""
    return make_node(STOP_GRADIENT, (x,))
