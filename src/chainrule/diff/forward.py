"""Forward mode: tangents of outputs from those of inputs, in one pass along the arrows of the graph."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.core.aval import BOOL, Aval
from chainrule.core.cache import CACHE
from chainrule.core.function import Function
from chainrule.core.leaves import OUTPUT
from chainrule.core.node import Node, topological
from chainrule.core.op import ElementwiseOp
from chainrule.diff.activity import active_nodes, is_inexact
from chainrule.diff.calls import call_pushforward
from chainrule.diff.reverse import extra_inputs, pullback
from chainrule.diff.support import (
    Flow,
    add_flows,
    chosen_flow,
    forward_masks,
    guarded_forward,
    masked,
    stretched_to,
    zeros,
)
from chainrule.ops.arithmetic import add, multiply, negative
from chainrule.ops.calls import CALL

Flows = dict[Node, Flow]


def forward(outputs: Sequence[Node], inputs: Sequence[Node], tangents: Sequence[Flow]) -> list[Flow | None]:
    """Tangents of `outputs`, given those of `inputs`; None where an output does not depend on them."""
    order = topological(outputs, above=min(node.level for node in inputs))
    active = active_nodes(order, set(inputs))
    flows: Flows = dict(zip(inputs, tangents, strict=True))
    results: dict[Node, dict[int, Node]] = {}
    for node in order:
        if node not in active or node in flows:
            continue
        if node.outputs is not None:
            results[node] = _push_several(node, flows)
        elif node.op is OUTPUT:
            flows[node] = stretched_to(Flow(results[node.operands[0]][node.param("index")]), node.aval)
        else:
            flow = _push(node, [flows.get(operand) for operand in node.operands])
            if flow is not None:
                flows[node] = stretched_to(flow, node.aval)
    return [flows.get(output) for output in outputs]


def _push(node: Node, tangents: list[Flow | None]) -> Flow | None:
    """The tangent of `node` from those of its operands."""
    op = node.op
    tangents = [None if i in op.nondifferentiable_in else flow for i, flow in enumerate(tangents)]
    if all(flow is None for flow in tangents):
        return None
    terms = _elementwise_terms(node, tangents) if isinstance(op, ElementwiseOp) else _terms(node, tangents)
    total: Flow | None = None
    for term in terms:
        total = add_flows(total, term)
    if total is None:
        return None
    support, seed = forward_masks(node, tangents)
    return Flow(total.value, support, seed)


def _elementwise_terms(node: Node, tangents: list[Flow | None]) -> list[Flow]:
    assert isinstance(node.op, ElementwiseOp)
    terms = []
    for i, partial in enumerate(node.op.partials(node, *node.operands)):
        flow = tangents[i]
        if flow is None or partial is None:
            continue
        flow = chosen_flow(i, flow, node)
        if isinstance(partial, Node):
            terms.append(Flow(masked(multiply(flow.value, partial), flow)))
        else:
            terms.append(Flow(flow.value if partial == 1 else negative(flow.value)))
    return terms


def _terms(node: Node, tangents: list[Flow | None]) -> list[Flow]:
    op = node.op
    terms = []
    together = [i for i in range(len(tangents)) if i in op.linear_in and tangents[i] is not None]
    if together:
        terms.append(Flow(_push_linear(node, tangents)))
    for i, flow in enumerate(tangents):
        if flow is None or i in op.linear_in:
            continue
        if i in op.multilinear_in:
            safe = guarded_forward(i, flow, node)
            terms.append(Flow(op.bind((*safe.operands[:i], flow.value, *safe.operands[i + 1 :]), node.params)))
        else:
            terms.append(Flow(op.differential(i, flow.value, node)))
    return terms


def _push_linear(node: Node, tangents: list[Flow | None]) -> Node:
    """The op itself on the tangents, zeros where an operand has none; held operands as they are."""
    op = node.op
    given = tuple(None if flow is None else flow.value for flow in tangents)
    special: Node = op.forward(given, node)
    if special is not NotImplemented:
        return special
    operands = [
        (zeros(x.aval) if value is None else value) if i in op.linear_in else x
        for i, (x, value) in enumerate(zip(node.operands, given, strict=True))
    ]
    return op.bind(tuple(operands), node.params)


def _push_several(node: Node, flows: Flows) -> dict[int, Node]:
    """Tangents of the results of a node with several, by number."""
    tangents = {i: flows[x] for i, x in enumerate(node.operands) if x in flows}
    if node.op is CALL:
        values = {i: flow.value for i, flow in tangents.items()}
        return call_pushforward(node, values, pushforward, pullback)
    results: dict[int, Node] = {}
    for i, flow in tangents.items():
        for k, change in enumerate(node.op.differential(i, flow.value, node)):
            known = results.get(k)
            results[k] = change if known is None else add(known, change)
    return results


def pushforward(function: Function, active: tuple[int, ...], seeded: bool = False) -> Function:
    """The pushforward as a Function.

    Its inputs are those of `function`, then a tangent for each input numbered `active`, then (if `seeded`) a boolean
    mask for each tangent. Its outputs are the tangents of the floating outputs.
    """
    return CACHE.get(
        "pushforward",
        (function, active, seeded),
        lambda: _pushforward(function, active, seeded),
        lambda f: len(f.nodes()),
    )


def _pushforward(function: Function, active: tuple[int, ...], seeded: bool) -> Function:
    moved = [function.inputs[i] for i in active]
    avals = [x.aval for x in moved]
    extra = extra_inputs(function, [*avals, *[Aval(aval.shape, BOOL) for aval in avals if seeded]])
    tangents, masks = extra[: len(moved)], extra[len(moved) :]
    flows = [Flow(dx, seed=masks[k] if seeded else None) for k, dx in enumerate(tangents)]
    outputs = [output for output in function.outputs if is_inexact(output)]
    pushed = forward(outputs, moved, flows) if moved else [None] * len(outputs)
    results = [zeros(y.aval) if flow is None else flow.value for y, flow in zip(outputs, pushed, strict=True)]
    return Function((*function.inputs, *extra), results)
