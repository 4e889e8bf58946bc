"""Reverse mode: the cotangents of inputs from those of outputs, in one pass over the graph against its arrows."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.core.aval import BOOL, Aval
from chainrule.core.cache import CACHE
from chainrule.core.function import Function
from chainrule.core.leaves import OUTPUT, input_node
from chainrule.core.node import Node, topological
from chainrule.core.op import ElementwiseOp
from chainrule.diff.activity import active_nodes, is_inexact
from chainrule.diff.calls import call_pullback
from chainrule.diff.support import Flow, add_flows, chosen_flow, masked, to_operand, transposed, zeros
from chainrule.ops.arithmetic import multiply, negative
from chainrule.ops.calls import CALL

# Placeholders for the dX of differentials live deeper than any trace, so that walks enter only what depends on them.
DIFFERENTIAL_LEVEL = 1 << 20


class _Adjoints:
    """Cotangents found so far: one for each node, one for each result of nodes that have several."""

    def __init__(self) -> None:
        self.of: dict[Node, Flow] = {}
        self.of_results: dict[Node, dict[int, Flow]] = {}

    def add(self, node: Node, flow: Flow) -> None:
        if node.op is OUTPUT:
            results = self.of_results.setdefault(node.operands[0], {})
            index = node.param("index")
            results[index] = add_flows(results.get(index), flow)
        self.of[node] = add_flows(self.of.get(node), flow)


def reverse(outputs: Sequence[Node], cotangents: Sequence[Flow], wanted: Sequence[Node]) -> list[Flow | None]:
    """Cotangents of the nodes `wanted`, given those of `outputs`; None where nothing depends on a node."""
    order = topological(outputs, above=min(node.level for node in wanted))
    active = active_nodes(order, set(wanted))
    adjoints = _Adjoints()
    for output, cotangent in zip(outputs, cotangents, strict=True):
        if output in active:
            adjoints.add(output, cotangent)
    stops = set(wanted)
    for node in reversed(order):
        if node not in active or node in stops or node.op is OUTPUT:
            continue
        if node.outputs is not None:
            _pull_several(node, adjoints, active)
        elif node in adjoints.of:
            _pull(node, adjoints.of.pop(node), adjoints, active)
    return [adjoints.of.get(node) for node in wanted]


def _pull(node: Node, flow: Flow, adjoints: _Adjoints, active: set[Node]) -> None:
    """Pass the cotangent of `node` on to its active operands."""
    assert flow.value.shape == node.shape, f"cotangent of {node.op.name} has shape {flow.value.shape}"
    op = node.op
    partials = op.partials(node, *node.operands) if isinstance(op, ElementwiseOp) else None
    for i, operand in enumerate(node.operands):
        if operand not in active or i in op.nondifferentiable_in:
            continue
        if partials is not None:
            pulled = _times_partial(chosen_flow(i, flow, node), partials[i])
        elif i in op.linear_in or i in op.multilinear_in:
            pulled = transposed(i, flow, node)
        else:
            pulled = _through_differential(i, node, {0: flow})
        if pulled is not None:
            adjoints.add(operand, to_operand(pulled, operand.aval))


def _times_partial(flow: Flow, partial: Node | int | None) -> Flow | None:
    if partial is None:
        return None
    if isinstance(partial, Node):
        return flow._replace(value=masked(multiply(flow.value, partial), flow))
    return flow if partial == 1 else flow._replace(value=negative(flow.value))


def _through_differential(i: int, node: Node, cotangents: dict[int, Flow]) -> Flow | None:
    """Reverse mode over the differential, a graph that is linear in dX."""
    dx = input_node(DIFFERENTIAL_LEVEL, i, node.operands[i].aval)
    changes = node.op.differential(i, dx, node)
    results = changes if isinstance(changes, tuple) else (changes,)
    live = [k for k in cotangents if isinstance(results[k], Node)]
    # A change may lack axes that only the other operands have; the cotangent is summed over them.
    (pulled,) = reverse([results[k] for k in live], [to_operand(cotangents[k], results[k].aval) for k in live], [dx])
    return pulled


def _pull_several(node: Node, adjoints: _Adjoints, active: set[Node]) -> None:
    """Pass on the cotangents of the results that have one; a result that plays no part costs nothing."""
    cotangents = adjoints.of_results.pop(node, None)
    if not cotangents:
        return
    if node.op is CALL:
        _pull_call(node, cotangents, adjoints, active)
        return
    for i, operand in enumerate(node.operands):
        if operand in active and i not in node.op.nondifferentiable_in:
            pulled = _through_differential(i, node, cotangents)
            if pulled is not None:
                adjoints.add(operand, to_operand(pulled, operand.aval))


def _pull_call(node: Node, cotangents: dict[int, Flow], adjoints: _Adjoints, active: set[Node]) -> None:
    wanted = tuple(i for i, operand in enumerate(node.operands) if operand in active)
    values = {k: flow.value for k, flow in cotangents.items()}
    for i, cotangent in zip(wanted, call_pullback(node, values, wanted, pullback), strict=True):
        adjoints.add(node.operands[i], to_operand(Flow(cotangent), node.operands[i].aval))


def pullback(function: Function, active: tuple[int, ...], seeded: bool = False) -> Function:
    """The pullback as a Function.

    Its inputs are those of `function`, then one cotangent for each floating output, then (if `seeded`) a boolean mask
    for each cotangent, where it can be non-zero. Its outputs are the cotangents of the inputs numbered `active`.
    """
    return CACHE.get(
        "pullback", (function, active, seeded), lambda: _pullback(function, active, seeded), lambda f: len(f.nodes())
    )


def _pullback(function: Function, active: tuple[int, ...], seeded: bool) -> Function:
    outputs = [output for output in function.outputs if is_inexact(output)]
    avals = [output.aval for output in outputs]
    extra = extra_inputs(function, [*avals, *[Aval(aval.shape, BOOL) for aval in avals if seeded]])
    cotangents, masks = extra[: len(avals)], extra[len(avals) :]
    flows = [Flow(ct, seed=masks[k] if seeded else None) for k, ct in enumerate(cotangents)]
    wanted = [function.inputs[i] for i in active]
    pulled = reverse(outputs, flows, wanted) if wanted else []
    results = [zeros(x.aval) if flow is None else flow.value for x, flow in zip(wanted, pulled, strict=True)]
    return Function((*function.inputs, *extra), results)


def extra_inputs(function: Function, avals: Sequence[Aval]) -> list[Node]:
    """Inputs numbered after those of `function`."""
    first = max((node.param("index") + 1 for node in function.inputs), default=0)
    return [input_node(function.level, first + k, aval) for k, aval in enumerate(avals)]
