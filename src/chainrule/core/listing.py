"""A graph as plain data, for pickling and for reading: op names, positions of operands, parameters."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.core.node import Node, Params, make_node, topological
from chainrule.core.op import op_named

Listing = tuple[tuple[str, tuple[int, ...], Params], ...]


def listing(outputs: Sequence[Node]) -> Listing:
    """The nodes below `outputs` in topological order."""
    order = topological(outputs)
    position = {node: k for k, node in enumerate(order)}
    return tuple((node.op.name, tuple(position[x] for x in node.operands), node.params) for node in order)


def rebuild(rows: Listing) -> list[Node]:
    """The nodes of a `listing`, interned here."""
    nodes: list[Node] = []
    for name, positions, params in rows:
        nodes.append(make_node(op_named(name), tuple(nodes[k] for k in positions), params))
    return nodes


def rebuild_last(rows: Listing) -> Node:
    """The last node of a `listing`."""
    return rebuild(rows)[-1]


def describe(outputs: Sequence[Node]) -> str:
    """One line for each node: ``%2 = add(%0, %1) : float64[3]``."""
    lines = []
    position: dict[Node, int] = {}
    for k, node in enumerate(topological(outputs)):
        position[node] = k
        operands = [f"%{position[operand]}" for operand in node.operands]
        settings = [f"{key}={value}" for key, value in zip(node.op.parameters, node.params, strict=True)]
        lines.append(f"%{k} = {node.op.name}({', '.join(operands + settings)}) : {node.aval}")
    return "\n".join(lines)
