"""Which nodes a derivative has to visit."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chainrule.core.node import Node


def active_nodes(order: Sequence[Node], wanted: Collection[Node]) -> set[Node]:
    """Nodes of a topological `order` that depend on `wanted` through differentiable operands."""
    active = set(wanted)
    for node in order:
        if node not in active and not node.op.nondifferentiable and is_inexact(node):
            held = node.op.nondifferentiable_in
            if any(operand in active and i not in held for i, operand in enumerate(node.operands)):
                active.add(node)
    return active


def is_inexact(node: Node) -> bool:
    """Whether a node has floating results; derivatives end at integers and booleans."""
    return node.outputs is not None or node.dtype.kind == "f"
