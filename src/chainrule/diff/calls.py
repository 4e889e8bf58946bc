"""Derivatives of calls: of the function itself, or as the user gave them.

The derivative of a call is again a call, so that what a checkpoint saves it saves at every order.
"""

from __future__ import annotations

from collections.abc import Callable

from chainrule.core.cache import CACHE
from chainrule.core.function import Function
from chainrule.core.node import Node
from chainrule.diff.activity import is_inexact
from chainrule.diff.support import zeros
from chainrule.ops.calls import call

# `pullback` of `diff.reverse` and `pushforward` of `diff.forward`, handed in because both modules use this one.
Transform = Callable[..., Function]


def call_pullback(node: Node, cotangents: dict[int, Node], wanted: tuple[int, ...], pullback: Transform) -> list[Node]:
    """Cotangents of the operands numbered `wanted` of a call."""
    function, given_forward, given_backward = node.params
    assert node.outputs is not None
    full = [
        cotangents[k] if k in cotangents else zeros(output.aval)
        for k, output in enumerate(function.outputs)
        if is_inexact(output)
    ]
    if given_backward is not None:
        every = call(given_backward, [*node.operands, *full])
        place = {i: k for k, i in enumerate(floating(function))}
        return [every[place[i]] for i in wanted]
    if given_forward is not None:
        transposed_given = _transpose_tangents(given_forward, len(function.inputs), pullback)
        # The pullback of a pushforward takes (operands, tangents, cotangents); it is linear, so tangents are unused.
        tangents = [zeros(function.inputs[i].aval) for i in floating(function)]
        every = call(transposed_given, [*node.operands, *tangents, *full])
        place = {i: k for k, i in enumerate(floating(function))}
        return [every[place[i]] for i in wanted]
    return call(pullback(function, wanted), [*node.operands, *full])


def call_pushforward(
    node: Node, tangents: dict[int, Node], pushforward: Transform, pullback: Transform
) -> dict[int, Node]:
    """Tangents of the floating results of a call, by number, given those of some operands."""
    function, given_forward, given_backward = node.params
    results = [k for k, output in enumerate(function.outputs) if is_inexact(output)]
    if given_forward is None and given_backward is None:
        active = tuple(sorted(tangents))
        moved = call(pushforward(function, active), [*node.operands, *[tangents[i] for i in active]])
        return dict(zip(results, moved, strict=True))
    inputs = floating(function)
    full = [tangents.get(i, zeros(node.operands[i].aval)) for i in inputs]
    if given_forward is not None:
        return dict(zip(results, call(given_forward, [*node.operands, *full]), strict=True))
    # The transpose of a pullback (linear in the cotangents) is the pushforward.
    transposed_given = _transpose_tangents(given_backward, len(function.inputs), pullback)
    cotangents = [zeros(function.outputs[k].aval) for k in results]
    moved = call(transposed_given, [*node.operands, *cotangents, *full])
    return dict(zip(results, moved, strict=True))


def floating(function: Function) -> list[int]:
    """Numbers of the inputs that can carry a derivative."""
    return [i for i, node in enumerate(function.inputs) if is_inexact(node)]


def _transpose_tangents(linear: Function, primals: int, pullback: Transform) -> Function:
    """The transpose of a Function that is linear in the inputs after the first `primals`."""

    def make() -> Function:
        return pullback(linear, tuple(range(primals, len(linear.inputs))))

    return CACHE.get("transpose", (linear, primals), make, lambda f: len(f.nodes()))
