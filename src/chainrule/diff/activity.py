"""Which nodes a derivative has to visit."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chainrule.core.node import Node
from chainrule.core.op import ElementwiseOp
from chainrule.errors import NotDifferentiableError, fail


def active_nodes(order: Sequence[Node], wanted: Collection[Node]) -> set[Node]:
    """Nodes of a topological `order` that depend on `wanted` through differentiable operands."""
    active = set(wanted)
    for node in order:
        if node not in active and not node.op.nondifferentiable and is_inexact(node):
            held = node.op.nondifferentiable_in
            if held and isinstance(node.op, ElementwiseOp):
                _require_held(node, active)
            if any(operand in active and i not in held for i, operand in enumerate(node.operands)):
                active.add(node)
    return active


def _require_held(node: Node, active: set[Node]) -> None:
    """Refuse a derivative by an operand on which the function does depend, but by which it has no formula."""
    assert isinstance(node.op, ElementwiseOp)
    for i, reason in node.op.nondifferentiable_in.items():
        if node.operands[i] in active:
            raise fail(
                NotDifferentiableError,
                node.op.call,
                reason,
                [(f"operand {k}", operand) for k, operand in enumerate(node.operands)],
                fix=f"hold operand {i} constant: chainrule.stop_gradient(...)",
            )


def is_inexact(node: Node) -> bool:
    """Whether a node has floating results; derivatives end at integers and booleans."""
    return node.outputs is not None or node.dtype.kind == "f"
