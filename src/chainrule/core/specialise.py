"""From symbolic sizes to numbers: a graph rebuilt with sizes for its dimensions and nodes for its symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.core.dimension import Dim, Size
from chainrule.core.node import Node, topological


def specialise(outputs: Sequence[Node], sizes: Mapping[str, Size], replaced: Mapping[Node, Node]) -> list[Node]:
    """`outputs` with dimensions replaced by `sizes`, and the nodes that `replaced` names by others.

    Everything above is inferred again, so that shapes are checked with the numbers.
    """
    new: dict[Node, Node] = dict(replaced)
    for node in topological(outputs):
        if node not in new:
            params = tuple(_with_sizes(param, sizes) for param in node.params)
            new[node] = node.op.bind(tuple(new[operand] for operand in node.operands), params)
    return [new[output] for output in outputs]


def _with_sizes(param: Any, sizes: Mapping[str, Size]) -> Any:
    if isinstance(param, Dim):
        return param.substitute(sizes)
    if isinstance(param, tuple):
        return tuple(_with_sizes(entry, sizes) for entry in param)
    return param
