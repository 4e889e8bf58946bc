"""Forms that overflow, or lose their digits, and the forms to evaluate in their place.

A rule of this table is equal in real arithmetic, finite where the written form overflows, and no worse anywhere: its
error is at most a few times that of the written form, or that of rounding the operands once; only a result too small
for a normal float may become 0. It is the one departure from NumPy's values, and ``config.rewrite = "exact"`` turns it
off.

Sums of exponentials are recognised wherever they stand under a logarithm, however they are written: with `add`, with
`sum`, indexed, reshaped or broadcast in between. The inverse rules (``exp(-logaddexp(0, x))`` is ``expit(-x)``) keep
cancelling possible after the exchange.

Nothing is exchanged whose rounding the user may count on. In ``u = 1 + x; log(u) * x / (u - 1)`` the error of ``u``
cancels, and a better ``log(u)`` alone would spoil it: so `log1p` and `expm1` need the inner node to themselves, and
from what stands under another logarithm nothing may be subtracted elsewhere. Compensated sums hold none of these forms.
"""

from __future__ import annotations

from typing import cast

from chainrule.core.function import Function
from chainrule.core.leaves import is_literal, literal
from chainrule.core.node import Node
from chainrule.core.op import Op
from chainrule.ops.arithmetic import ADD, SUBTRACT, add, divide, negative, subtract
from chainrule.ops.elementwise import EXP, exp, expit, expm1, log, log1p, logaddexp
from chainrule.ops.indexing import GETITEM
from chainrule.ops.reductions import SUM, logsumexp_over
from chainrule.ops.shaping import BROADCAST, CONCATENATE, PERMUTE, RESHAPE
from chainrule.rewrite.engine import RuleTable, rewrite_function
from chainrule.rewrite.rule import Condition, Match, Rule, is_number, patterns

x, y = patterns("x y")

# Ops that move or repeat entries: the logarithm passes through them.
_MOVING: frozenset[Op] = frozenset({BROADCAST, RESHAPE, PERMUTE, GETITEM, CONCATENATE})
# Ops under which a logarithm may look for exponentials.
_CARRYING = _MOVING | {ADD, SUM}


# --- logarithms of sums of exponentials -----------------------------------------------------------------------------


def _log_sum(match: Match) -> Node | None:
    total = match[x]
    return None if total.op is EXP else _logarithm(total, match)


def _log1p_sum(match: Match) -> Node | None:
    below = _logarithm(match[x], match)
    return None if below is None else logaddexp(0, below)


def _log_softmax_quotient(match: Match) -> Node | None:
    """``exp(x) / sum(exp(x))``: a quotient of exponentials, the upper one a term of the lower."""
    upper, lower = match[x], match[y]
    if not _has_sum(lower, match):
        return None
    total = _logarithm(lower, match)
    if total is None:
        return None
    if is_number(upper, 1):
        return exp(negative(total)) if None in _exponents(lower, match) else None
    if _has_sum(upper, match) or not _exponents(upper, match) <= _exponents(lower, match):
        return None
    exponent = _logarithm(upper, match)
    return None if exponent is None else exp(subtract(exponent, total))


def _logarithm(root: Node, match: Match) -> Node | None:
    """The logarithm of a sum of exponentials and ones, computed without leaving the logarithms; None of others."""
    logs = cast(dict[object, Node | None], match.surroundings.memo)
    stack = [root]
    while stack:
        node = stack[-1]
        if ("log", node) in logs:
            stack.pop()
            continue
        pending = [part for part in _parts(node) if ("log", part) not in logs]
        if pending:
            stack.extend(pending)
            continue
        logs["log", node] = _own_logarithm(node, [logs["log", part] for part in _parts(node)])
    return logs["log", root] if _exponents(root, match) - {None} else None


def _parts(node: Node) -> tuple[Node, ...]:
    return node.operands if node.op in _CARRYING else ()


def _own_logarithm(node: Node, logs: list[Node | None]) -> Node | None:
    if node.op is EXP:
        return node.operands[0]
    if is_number(node, 1):
        return literal(0)
    known = [entry for entry in logs if entry is not None]
    if not known or len(known) < len(logs):
        return None
    if node.op is ADD:
        return logaddexp(*known)
    if node.op is SUM:
        axes = node.param("axis")
        # Nothing to add up, or an axis of none: the written form knows what it is.
        if known[0].shape != node.operands[0].shape or any(known[0].shape[axis] == 0 for axis in axes):
            return None
        return logsumexp_over(known[0], axes)
    if any(entry.ndim != operand.ndim for entry, operand in zip(known, node.operands, strict=True)):
        return None
    return node.op.bind(tuple(known), node.params)


def _exponents(root: Node, match: Match) -> frozenset[Node | None]:
    """The exponentials below a sum; None stands for a one."""
    memo = cast(dict[object, frozenset[Node | None]], match.surroundings.memo)
    if ("exponents", root) not in memo:
        found: dict[Node | None, None] = {}
        for node in _region(root):
            if node.op is EXP:
                found[node] = None
            elif is_number(node, 1):
                found[None] = None
        memo["exponents", root] = frozenset(found)
    return memo["exponents", root]


def _has_sum(root: Node, match: Match) -> bool:
    memo = cast(dict[object, bool], match.surroundings.memo)
    if ("sum", root) not in memo:
        memo["sum", root] = any(node.op is ADD or node.op is SUM for node in _region(root))
    return memo["sum", root]


def _region(root: Node) -> list[Node]:
    seen = {root}
    order = [root]
    for node in order:
        for part in _parts(node):
            if part not in seen:
                seen.add(part)
                order.append(part)
    return order


# --- conditions -----------------------------------------------------------------------------------------------------


def _alone(position: int = 0) -> Condition:
    """The operand at `position` has no user but the match: its rounding is seen nowhere else."""
    return lambda match: len(match.surroundings.users(match.node.operands[position])) <= 1


def _not_subtracted_from(match: Match) -> bool:
    """Nothing near the operand is taken off it elsewhere, which would show its rounding."""
    for user in match.surroundings.users(match.node.operands[0]):
        if user.op is SUBTRACT or (user.op is ADD and any(is_literal(x) for x in user.operands)):
            return False
    return True


def _floating(match: Match) -> bool:
    """The variables are floats: integers overflow in ways of their own, which are NumPy's."""
    return all(node.aval.is_float for node in match.bindings.values())


# --- the table ------------------------------------------------------------------------------------------------------

LOGARITHMS = (
    Rule("log of an exponential", log(exp(x)), x, "stabilise", (_not_subtracted_from,)),
    Rule("log of a sum of exponentials", log(x), _log_sum, "stabilise", (_not_subtracted_from,)),
    Rule("log1p of a sum of exponentials", log1p(x), _log1p_sum, "stabilise"),
    Rule("log of a sigmoid", log(expit(x)), negative(logaddexp(0, negative(x))), "stabilise"),
    Rule("log1p of minus a sigmoid", log1p(negative(expit(x))), negative(logaddexp(0, x)), "stabilise"),
    Rule("log(1 + x)", log(add(1, x)), log1p(x), "stabilise", (_floating, _alone())),
    Rule("log(1 - x)", log(subtract(1, x)), log1p(negative(x)), "stabilise", (_floating, _alone())),
)

SIGMOIDS = (
    Rule("reciprocal of 1 + exp(x)", divide(1, add(1, exp(x))), expit(negative(x)), "stabilise"),
    Rule("exp(x) / (1 + exp(x))", divide(exp(x), add(1, exp(x))), expit(x), "stabilise"),
    Rule("share of two exponentials", divide(exp(x), add(exp(x), exp(y))), expit(subtract(x, y)), "stabilise"),
    Rule("one minus a sigmoid", subtract(1, expit(x)), expit(negative(x)), "stabilise"),
    Rule("softmax", divide(x, y), _log_softmax_quotient, "stabilise"),
)

EXPONENTIALS = (
    Rule("exp(x) - 1", subtract(exp(x), 1), expm1(x), "stabilise", (_floating, _alone())),
    Rule("exp(x) + -1", add(exp(x), -1), expm1(x), "stabilise", (_floating, lambda match: _exp_alone(match))),
    Rule("1 - exp(x)", subtract(1, exp(x)), negative(expm1(x)), "stabilise", (_floating, _alone(1))),
)


def _exp_alone(match: Match) -> bool:
    return all(len(match.surroundings.users(operand)) <= 1 for operand in match.node.operands if operand.op is EXP)


# What undoes the exchanges above, so that what would have cancelled still does. Not among them: exp(logaddexp(x, y)) to
# exp(x) + exp(y), which turns k nested softplus functions into a sum of k + 1 terms.
INVERSES = (
    Rule("exp of a log-sigmoid", exp(negative(logaddexp(0, x))), expit(negative(x)), "stabilise"),
    Rule("log1p of expm1", log1p(expm1(x)), x, "stabilise"),
)

STABILISE = RuleTable((*LOGARITHMS, *SIGMOIDS, *EXPONENTIALS, *INVERSES))


def stabilise(function: Function) -> Function:
    """The function with stable forms in place of those that overflow; the same object if it holds none.

    Parameters
    ----------
    function : Function
        As traced.

    Returns
    -------
    Function
        Of the same inputs; every output keeps its shape and dtype.

    Examples
    --------
    >>> from chainrule.core.aval import FLOAT, Aval
    >>> from chainrule.core.leaves import input_node
    >>> x = input_node(0, 0, Aval((3,), FLOAT))
    >>> print(stabilise(Function([x], [log(add(1, exp(x)))])).outputs[0])
    %0 = literal(kind=int, bits=0) : weak int64[]
    %1 = input(level=0, index=0, shape=(3,), dtype=float64, weak=False) : float64[3]
    %2 = logaddexp(%0, %1) : float64[3]
    """
    return rewrite_function(function, STABILISE)
