"""Numbers for nodes, one at a time, remembered: used to force values while tracing and to fold closed masks.

Programs that run again and again go through `chainrule.run`, which executes the same `evaluate` of each op.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.special

from chainrule.core.leaves import INPUT
from chainrule.core.node import Node


def numpy_namespace(kernels: Any, **functions: Any) -> SimpleNamespace:
    """NumPy's functions, `special` (scipy.special) and our `kernels`, as ops see them."""
    names = {name: getattr(np, name) for name in dir(np) if not name.startswith("_")}
    return SimpleNamespace(**{**names, "special": scipy.special, "kernels": kernels, **functions})


def evaluate_into(memo: dict[Node, Any], outputs: Sequence[Node], xp: Any) -> list[Any]:
    """Values of `outputs`; `memo` holds the values of inputs and gains those of every node on the way."""
    stack: list[Node] = []
    for output in outputs:
        stack.append(output)
        while stack:
            node = stack[-1]
            if node in memo:
                stack.pop()
                continue
            pending = [operand for operand in node.operands if operand not in memo]
            if pending:
                stack.extend(reversed(pending))
                continue
            assert node.op is not INPUT, "the memo holds a value for every input"
            memo[node] = node_value(node, [memo[operand] for operand in node.operands], xp)
            stack.pop()
    return [memo[output] for output in outputs]


def node_value(node: Node, values: Sequence[Any], xp: Any) -> Any:
    """The number of one node from those of its operands; a Python number where the dtype is weak."""
    value = node.op.evaluate(xp, *values, **dict(zip(node.op.parameters, node.params, strict=True)))
    return xp.kernels.weaken(value) if node.aval.weak and node.outputs is None else value
