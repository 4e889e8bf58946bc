"""Rewrite rules as data: a pattern, what takes its place, and the promise that the exchange keeps.

A pattern is an ordinary graph over pattern variables, written with the same doors as any other; variables match every
node, numbers match by value, commutative ops in either order. The right side is a graph over the same variables or,
where a graph cannot say it, a function of the match. How tables of rules are applied is told in `engine`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from chainrule.core.leaves import SYMBOL, is_literal, literal_value, symbol_node
from chainrule.core.node import Node, substitute
from chainrule.core.op import Op
from chainrule.ops.arithmetic import ADD, MULTIPLY
from chainrule.ops.elementwise import LOGADDEXP
from chainrule.ops.logic import EQUAL, LOGICAL_AND, LOGICAL_OR, NOT_EQUAL
from chainrule.ops.selection import MAXIMUM, MINIMUM, astype
from chainrule.ops.shaping import BROADCAST

# Ops whose two operands may change places.
COMMUTATIVE: frozenset[Op] = frozenset(
    {ADD, MULTIPLY, LOGADDEXP, MAXIMUM, MINIMUM, EQUAL, NOT_EQUAL, LOGICAL_AND, LOGICAL_OR}
)

Kind = Literal["exact", "stabilise", "semantic", "rounding", "formula"]
Bindings = Mapping[Node, Node]
_MARK = "?"  # no symbol of a user can be called this: names are identifiers


def patterns(names: str) -> tuple[Node, ...]:
    """Pattern variables, from their names separated by blanks."""
    return tuple(symbol_node(_MARK + name) for name in names.split())


def is_variable(node: Node) -> bool:
    """Whether `node` is a pattern variable."""
    return node.op is SYMBOL and node.params[0].startswith(_MARK)


class Surroundings(Protocol):
    """What a rule may ask about the graph around a match."""

    @property
    def memo(self) -> dict[object, object]:
        """Scratch space that lives as long as one rewriting of one graph."""

    def users(self, node: Node) -> Sequence[Node]:
        """The nodes of the graph, as it was given, that have `node` among their operands."""


@dataclass(frozen=True, slots=True)
class Match:
    """A place where a rule's left side was found."""

    node: Node
    bindings: Bindings
    surroundings: Surroundings

    def __getitem__(self, variable: Node) -> Node:
        return self.bindings[variable]


Condition = Callable[[Match], bool]
Builder = Callable[[Match], Node | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One exchange: `left` becomes `right` wherever it is found and the conditions `when` hold.

    Attributes
    ----------
    name : str
        What the rule does, in words; unique within a table.
    left : Node
        The pattern.
    right : Node or callable
        A graph over the pattern's variables, or a function of the `Match` that gives the new node, or None where the
        rule does not apply after all.
    kind : {"exact", "stabilise", "semantic", "rounding", "formula"}
        The promise: the same bits; no worse anywhere and finite where the written form overflows; the same value with
        a better derivative; another rounding to a stated bound; equal where facts or domains allow.
    when : tuple of callable
        Conditions on the `Match`.
    source : str
        Where the identity is proved, if not on a first-year syllabus.
    expanding : bool
        Whether the right side may cost more than the left.
    place : str
        File and line of the definition.
    """

    name: str
    left: Node
    right: Node | Builder
    kind: Kind
    when: tuple[Condition, ...] = ()
    source: str = ""
    expanding: bool = False
    place: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", _caller())

    def apply(self, node: Node, surroundings: Surroundings) -> Node | None:
        """What takes the place of `node`; None where the rule does not apply.

        The new node must have the abstract value of the old one: a rule never changes a shape or a dtype.
        """
        for bindings in matches(self.left, node):
            match = Match(node, bindings, surroundings)
            if all(condition(match) for condition in self.when):
                result = self._build(match)
                if result is not None and result.aval.weak and not node.aval.weak:
                    result = astype(result, result.dtype)  # of a Python number, NumPy's functions make a plain one
                if result is not None and result is not node and result.aval == node.aval:
                    return result
        return None

    def _build(self, match: Match) -> Node | None:
        if isinstance(self.right, Node):
            return substitute((self.right,), dict(match.bindings))[0]
        return self.right(match)


def _caller() -> str:
    """File and line of the first frame outside this module (the generated initialiser has no file)."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename in (__file__, "<string>"):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def matches(pattern: Node, node: Node) -> list[Bindings]:
    """All ways in which `pattern` fits `node`."""
    return _extended(pattern, node, {})


def _extended(pattern: Node, node: Node, bindings: Bindings) -> list[Bindings]:
    # Recursion over the pattern, which is small and ours; never over the graph.
    if is_variable(pattern):
        bound = bindings.get(pattern)
        if bound is None:
            return [{**bindings, pattern: node}]
        return [bindings] if bound is node else []
    if is_literal(pattern):
        return [bindings] if is_number(node, literal_value(pattern.params)) else []
    if pattern.op is not node.op or pattern.params != node.params:
        return []
    found = _extended_all(pattern.operands, node.operands, bindings)
    if pattern.op in COMMUTATIVE and node.operands[0] is not node.operands[1]:
        found += _extended_all(pattern.operands, node.operands[::-1], bindings)
    return found


def _extended_all(wanted: Sequence[Node], given: Sequence[Node], bindings: Bindings) -> list[Bindings]:
    if len(wanted) != len(given):
        return []
    found = [bindings]
    for pattern, operand in zip(wanted, given, strict=True):
        found = [more for known in found for more in _extended(pattern, operand, known)]
    return found


def is_number(node: Node, value: float) -> bool:
    """Whether `node` is the number `value`, or an array of nothing else."""
    while node.op is BROADCAST:
        (node,) = node.operands
    return is_literal(node, value)
