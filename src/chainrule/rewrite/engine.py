"""Applies a table of rules to a graph, from the leaves up, until none applies.

Iterative, and linear in the nodes: rules are indexed by the op at their root, so that a node of another op costs one
look-up. The order of rules in the table decides where several apply; nothing depends on addresses or hashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chainrule.core.function import Function
from chainrule.core.node import Node, topological
from chainrule.core.op import Op
from chainrule.errors import RewriteLimitError, fail
from chainrule.rewrite.rule import Rule

# Firings allowed for each node of the graph, and beside that: far more than any of our tables needs.
FIRINGS_PER_NODE, FIRINGS = 20, 1_000


class RuleTable:
    """Rules, indexed by the op at the root of their left side."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        index: dict[Op, list[Rule]] = {}
        names: set[str] = set()
        for rule in self.rules:
            assert rule.name not in names, f"two rules are called {rule.name}"
            names.add(rule.name)
            index.setdefault(rule.left.op, []).append(rule)
        self.by_root = {op: tuple(group) for op, group in index.items()}

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A rewritten graph, and how often each rule fired, in order of first firing."""

    outputs: tuple[Node, ...]
    fired: tuple[tuple[str, int], ...]


def rewrite(
    outputs: Sequence[Node], table: RuleTable, *, opaque: frozenset[Op] = frozenset(), limit: int | None = None
) -> Rewritten:
    """Apply `table` to everything below `outputs`.

    Parameters
    ----------
    outputs : sequence of Node
        The graph.
    table : RuleTable
        The rules; where several apply, the first in the table does.
    opaque : frozenset of Op, optional
        Ops whose operands are left as they are.
    limit : int, optional
        How many firings are allowed; by default in proportion to the graph.

    Returns
    -------
    Rewritten
        The new outputs, in the same order, and the record of what fired.

    Raises
    ------
    RewriteLimitError
        If rules undo each other, or the graph grows without end.
    """
    order = _order(outputs, opaque)
    by_root = table.by_root
    if not any(node.op in by_root for node in order):
        return Rewritten(tuple(outputs), ())
    run = _Run(table, order, outputs, opaque, limit)
    done = run.done
    for node in order:
        if node.op in by_root or any(done[operand] is not operand for operand in run.below(node)):
            run.settle(node)
        else:
            done[node] = node
    return Rewritten(tuple(done[output] for output in outputs), tuple(run.fired.items()))


def rewrite_function(function: Function, table: RuleTable, *, opaque: frozenset[Op] = frozenset()) -> Function:
    """The function with `table` applied; the same object if nothing changed."""
    outputs = rewrite(function.outputs, table, opaque=opaque).outputs
    return function if outputs == function.outputs else Function(function.inputs, outputs)


def _order(outputs: Sequence[Node], opaque: frozenset[Op]) -> list[Node]:
    """Operands first, like `topological`, but nothing below an opaque node on its account."""
    if not opaque:
        return topological(outputs)
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[Node] = list(reversed(outputs))
    while stack:
        node = stack[-1]
        pending = [] if node.op in opaque or node in seen else [x for x in node.operands if x not in seen]
        if pending:
            stack.extend(reversed(pending))
            continue
        stack.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
    return order


class _Run:
    """One rewriting of one graph: what every node became, and who used it at the start."""

    def __init__(
        self,
        table: RuleTable,
        order: list[Node],
        outputs: Sequence[Node],
        opaque: frozenset[Op],
        limit: int | None,
    ) -> None:
        self.table = table
        self.order = order
        self.opaque = opaque
        self.limit = FIRINGS + FIRINGS_PER_NODE * len(order) if limit is None else limit
        self.firings = 0
        self.fired: dict[str, int] = {}
        self.done: dict[Node, Node] = {}
        self.memo: dict[object, object] = {}
        self._becomes: dict[Node, Node] = {}
        self._origins: dict[Node, list[Node]] = {}
        self._users: dict[Node, list[Node]] | None = None

    def below(self, node: Node) -> tuple[Node, ...]:
        return () if node.op in self.opaque else node.operands

    def settle(self, start: Node) -> None:
        """Bring `start`, and what takes its place, to where no rule applies."""
        done, becomes = self.done, self._becomes
        stack = [start]
        while stack:
            node = stack[-1]
            if node in done:
                stack.pop()
                continue
            successor = becomes.get(node)
            if successor is not None:
                if successor not in done:  # met again while its successor is still being worked on
                    raise self._endless("they undo each other")
                done[node] = done[successor]
                continue
            pending = [operand for operand in self.below(node) if operand not in done]
            if pending:
                stack.extend(reversed(pending))
                continue
            successor = self._step(node)
            if successor is not None and successor not in done:
                stack.append(successor)
        self._remember(start)

    def _step(self, node: Node) -> Node | None:
        """Record what `node` becomes next, or that it stays; what it becomes is still to be settled."""
        operands = tuple([self.done[operand] for operand in self.below(node)])
        if operands and operands != node.operands:
            successor = node.op.bind(operands, node.params)
        else:
            rule, result = self._first(node)
            if rule is None or rule.kind == "semantic":
                # A semantic form holds the written node as its value, and is final.
                self.done[node] = result
                self.done[result] = result
                return None
            successor = result
        self._becomes[node] = successor
        return successor

    def _first(self, node: Node) -> tuple[Rule | None, Node]:
        """The first rule that applies, and its result."""
        for rule in self.table.by_root.get(node.op, ()):
            result = rule.apply(node, self)
            if result is not None:
                self.firings += 1
                self.fired[rule.name] = self.fired.get(rule.name, 0) + 1
                if self.firings > self.limit:
                    raise self._endless(f"more than {self.limit} firings")
                return rule, result
        return None, node

    def _endless(self, why: str) -> RewriteLimitError:
        names = {rule.name: rule.place for rule in self.table}
        recent = list(self.fired)[-4:]
        return fail(
            RewriteLimitError,
            "chainrule.rewrite",
            f"rewriting does not end: {why}",
            [(name, names[name]) for name in recent],
            fix="drop one of these rules",
        )

    def _remember(self, node: Node) -> None:
        result = self.done[node]
        if result is not node:
            self._origins.setdefault(result, []).append(node)

    def users(self, node: Node) -> Sequence[Node]:
        """The nodes of the graph, as it was given, that use `node` or what became `node`."""
        if self._users is None:
            self._users = {}
            for user in self.order:
                for operand in dict.fromkeys(self.below(user)):
                    self._users.setdefault(operand, []).append(user)
        known = self._users
        return [user for place in (node, *self._origins.get(node, ())) for user in known.get(place, ())]
