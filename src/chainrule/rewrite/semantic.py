"""Forms with the written value and a better derivative.

``sqrt(x) ** 2`` is x wherever it is anything, but its written derivative at 0 is inf * 0. A rule of this table keeps
the value to the bit and replaces only what is differentiated, by `derive_as`, or by an op that differs from the written
one in nothing but a convention at a kink. Where the written form is nan, so are the value and the derivative.

The results are final: nothing inside a `derive_as` is rewritten again, so that the table may be applied before every
order of differentiation. `as_written` takes the values out again, for plans.
"""

from __future__ import annotations

from chainrule.core.function import Function
from chainrule.core.leaves import LITERAL, apply, literal, literal_value
from chainrule.core.node import Node
from chainrule.core.op import Op
from chainrule.ops.arithmetic import ADD, DIVIDE, MULTIPLY, absolute, divide, multiply
from chainrule.ops.contractions import EINSUM
from chainrule.ops.elementwise import POWER, SQRT, power, sqrt
from chainrule.ops.indexing import GETITEM
from chainrule.ops.logic import EQUAL, GREATER_EQUAL
from chainrule.ops.norms import NORM_ROOT, norm_root
from chainrule.ops.reductions import SUM
from chainrule.ops.selection import ASTYPE, DERIVE_AS, derive_as, where
from chainrule.ops.shaping import BROADCAST, PERMUTE, RESHAPE
from chainrule.rewrite.engine import RuleTable, rewrite_function
from chainrule.rewrite.rule import Match, Rule, is_number, patterns

x, y = patterns("x y")

_OPAQUE: frozenset[Op] = frozenset({DERIVE_AS})
_MOVING: frozenset[Op] = frozenset({BROADCAST, RESHAPE, PERMUTE, GETITEM})


# --- powers of roots ------------------------------------------------------------------------------------------------


def _radicand(node: Node) -> Node | None:
    """The u of a node that is, in value, the square root of u."""
    if node.op is DERIVE_AS:
        node = node.operands[0]
    if node.op is SQRT or node.op is NORM_ROOT or (node.op is POWER and is_number(node.operands[1], 0.5)):
        return node.operands[0]
    return None


def _square_of_root(match: Match) -> Node | None:
    if match[x] is not match[y]:
        return None
    radicand = _radicand(match[x])
    return None if radicand is None else _where_not_negative(match.node, radicand, radicand)


def _power_of_root(match: Match) -> Node | None:
    """``sqrt(u) ** p`` for a number p >= 2."""
    radicand, exponent = _radicand(match[x]), match[y]
    if radicand is None or exponent.op is not LITERAL:
        return None
    number = float(literal_value(exponent.params))
    if not number >= 2 or number == float("inf"):
        return None
    return _where_not_negative(match.node, radicand, power(radicand, literal(number / 2)))


def _where_not_negative(written: Node, radicand: Node, better: Node) -> Node:
    """`better` where the radicand is not negative; elsewhere, and at nan, nan as the written form is.

    Not the written form itself: a convention at a kink inside it would be recorded though nothing relies on it.
    """
    undefined = multiply(power(radicand, literal(0.5)), literal(float("nan")))  # nan at every order, and at -inf
    return derive_as(written, where(apply(GREATER_EQUAL, radicand, 0), better, undefined))


# --- reciprocals ----------------------------------------------------------------------------------------------------


def _denominator(node: Node) -> Node | None:
    """The u of 1 / u, however it is written."""
    while node.op is ASTYPE and node.dtype == node.operands[0].dtype:  # a Python number's result, made NumPy's
        (node,) = node.operands
    if node.op is DIVIDE and is_number(node.operands[0], 1):
        return node.operands[1]
    if node.op is POWER and is_number(node.operands[1], -1):
        return node.operands[0]
    return None


def _reciprocal_of_reciprocal(match: Match) -> Node | None:
    inner = _denominator(match.node)
    operand = None if inner is None else _denominator(inner)
    if operand is None:
        return None
    defined = apply(EQUAL, operand, operand)
    return derive_as(match.node, where(defined, operand, multiply(operand, literal(float("nan")))))


# --- norms ----------------------------------------------------------------------------------------------------------


def _norm(match: Match) -> Node | None:
    return norm_root(match[x]) if _is_sum_of_squares(match[x]) else None


def _is_sum_of_squares(root: Node) -> bool:
    """Whether a node adds up squares over an axis, up to positive factors and moved entries.

    ``sqrt(a * a + b * b)`` stays a square root: there nothing says that a and b belong to one vector.
    """
    stack, seen = [root], {root}
    while stack:
        parts = _parts_of_sum(stack.pop())
        if parts is None:
            return False
        fresh = [part for part in parts if part not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return True


def _parts_of_sum(node: Node) -> tuple[Node, ...] | None:
    """What must be sums of squares for `node` to be one; None if it is none."""
    if node.op is SUM:
        return () if _are_squares(node.operands[0]) else node.operands
    if node.op is EINSUM:
        return () if _is_inner_product(node) else None
    if node.op is ADD or node.op in _MOVING:
        return node.operands
    if node.op is DIVIDE and _is_positive(node.operands[1]):
        return node.operands[:1]
    if node.op is MULTIPLY:
        for scale, other in (node.operands, node.operands[::-1]):
            if _is_positive(scale):
                return (other,)
    return None


def _are_squares(node: Node) -> bool:
    while node.op in _MOVING:
        (node,) = node.operands
    if node.op is DERIVE_AS:
        node = node.operands[0]
    return node.op is MULTIPLY and node.operands[0] is node.operands[1]


def _is_inner_product(node: Node) -> bool:
    """``einsum('...i,...i->...')`` of an array with itself."""
    inputs, output = node.params
    return (
        len(inputs) == 2
        and node.operands[0] is node.operands[1]
        and inputs[0] == inputs[1]
        and len(output) < len(set(inputs[0]))
    )


def _is_positive(node: Node) -> bool:
    """Whether `node` is a positive number that is part of the program, as a size is."""
    return node.op is LITERAL and 0 < literal_value(node.params) < float("inf")


# --- the table ------------------------------------------------------------------------------------------------------

SEMANTIC = RuleTable(
    (
        Rule("square of an absolute value", multiply(absolute(x), absolute(x)), multiply(x, x), "exact"),
        Rule("square of a root", multiply(x, y), _square_of_root, "semantic"),
        Rule("power of a root", power(x, y), _power_of_root, "semantic"),
        Rule(
            "root of a square",
            sqrt(multiply(x, x)),
            lambda match: derive_as(match.node, absolute(match[x])),
            "semantic",
        ),
        Rule("reciprocal of a reciprocal", divide(x, y), _reciprocal_of_reciprocal, "semantic"),
        Rule("power -1 of a reciprocal", power(x, -1), _reciprocal_of_reciprocal, "semantic"),
        Rule("norm", sqrt(x), _norm, "semantic"),
    )
)


def semantic(function: Function) -> Function:
    """The function with better forms where only derivatives can tell; the same object if it holds none.

    Parameters
    ----------
    function : Function
        As traced, or after `stabilise`, or a derivative that is to be differentiated again.

    Returns
    -------
    Function
        Of the same inputs; every value keeps its bits.

    Examples
    --------
    >>> from chainrule.core.aval import FLOAT, Aval
    >>> from chainrule.core.leaves import input_node
    >>> x = input_node(0, 0, Aval((3,), FLOAT))
    >>> print(semantic(Function([x], [sqrt(multiply(x, x))])).outputs[0])
    %0 = input(level=0, index=0, shape=(3,), dtype=float64, weak=False) : float64[3]
    %1 = multiply(%0, %0) : float64[3]
    %2 = sqrt(%1) : float64[3]
    %3 = absolute(%0) : float64[3]
    %4 = derive_as(%2, %3) : float64[3]
    """
    return rewrite_function(function, SEMANTIC, opaque=_OPAQUE)


_VALUES = RuleTable((Rule("value as written", derive_as(x, y), lambda match: match[x], "exact"),))


def as_written(function: Function) -> Function:
    """The function without the formulas that only derivatives need, for a plan; the same object if there are none."""
    return rewrite_function(function, _VALUES)
