"""Gradients, Jacobians and Hessians as Functions: the two modes, seeded and stacked.

Every result is an ordinary Function of the same inputs, so it can be differentiated, planned and printed like any
other.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.core.aval import BOOL, Aval, Shape
from chainrule.core.cache import CACHE
from chainrule.core.config import config
from chainrule.core.dimension import Size, size_product
from chainrule.core.function import Function
from chainrule.core.leaves import literal
from chainrule.core.node import Node
from chainrule.diff.activity import is_inexact
from chainrule.diff.batch import batch
from chainrule.diff.forward import pushforward
from chainrule.diff.reverse import pullback, reverse
from chainrule.diff.support import Flow, to_operand, zeros
from chainrule.ops.contractions import delta
from chainrule.ops.selection import astype
from chainrule.ops.shaping import permute, reshape
from chainrule.rewrite import prepare


def prepared(function: Function) -> Function:
    """`function` in the form that is differentiated: stable, and with better forms where only derivatives need them."""
    mode = config.rewrite
    return CACHE.get("prepare", (function, mode), lambda: prepare(function, mode), lambda f: len(f.nodes()))


def value_and_gradient(function: Function, active: tuple[int, ...]) -> Function:
    """The outputs of `function`, then the gradient of the first (a scalar) by the inputs numbered `active`."""
    return CACHE.get(
        "value_and_gradient",
        (function, active, config.rewrite),
        lambda: _value_and_gradient(prepared(function), active),
        lambda f: len(f.nodes()),
    )


def _value_and_gradient(function: Function, active: tuple[int, ...]) -> Function:
    wanted = [function.inputs[i] for i in active]
    output = function.outputs[0]
    pulled = reverse([output], [Flow(literal(1.0))], wanted) if wanted else []
    # The cast matters where the output is an input: the seed itself is the gradient then.
    gradients = [
        zeros(x.aval) if flow is None else to_operand(flow, x.aval).value
        for x, flow in zip(wanted, pulled, strict=True)
    ]
    return Function(function.inputs, (*function.outputs, *gradients))


def jacobian(function: Function, active: tuple[int, ...], mode: str) -> Function:
    """The outputs of `function`, then for each of them its derivative by each input of `active`.

    A block has the axes of the output, then those of the input. `mode` is "reverse", "forward", or "auto": the one
    that needs fewer passes.
    """
    return CACHE.get(
        "jacobian",
        (function, active, mode, config.rewrite),
        lambda: _jacobian(prepared(function), active, mode),
        lambda f: len(f.nodes()),
    )


def _jacobian(function: Function, active: tuple[int, ...], mode: str) -> Function:
    if mode == "auto":
        rows = _total([y.shape for y in function.outputs])
        columns = _total([function.inputs[i].shape for i in active])
        forward_is_cheaper = isinstance(rows, int) and isinstance(columns, int) and columns < rows
        mode = "forward" if forward_is_cheaper else "reverse"
    blocks = _by_columns(function, active) if mode == "forward" else _by_rows(function, active)
    return Function(function.inputs, (*function.outputs, *blocks))


def _total(shapes: Sequence[Shape]) -> Size:
    total: Size = 0
    for shape in shapes:
        total = total + size_product(shape)
    return total


def _by_rows(function: Function, active: tuple[int, ...]) -> list[Node]:
    """Blocks by reverse mode, one cotangent for each entry of an output."""
    blocks = []
    for output in function.outputs:
        if not is_inexact(output):
            blocks += [_no_change(output, function.inputs[i]) for i in active]
            continue
        alone = Function(function.inputs, (output,))
        pulled = _seeded(pullback(alone, active, True), alone, [output])
        for i, stack in zip(active, pulled, strict=True):
            blocks.append(reshape(stack, (*output.shape, *function.inputs[i].shape)))
    return blocks


def _by_columns(function: Function, active: tuple[int, ...]) -> list[Node]:
    """Blocks by forward mode, one tangent for each entry of an input."""
    by_input = []
    for i in active:
        x = function.inputs[i]
        stacks = iter(_seeded(pushforward(function, (i,), True), function, [x]))
        column = []
        for output in function.outputs:
            if not is_inexact(output):
                column.append(_no_change(output, x))
                continue
            rank = output.ndim
            moved = permute(next(stacks), (*range(-rank, 0), -rank - 1))
            column.append(reshape(astype(moved, x.dtype), (*output.shape, *x.shape)))
        by_input.append(column)
    return [by_input[k][j] for j in range(len(function.outputs)) for k in range(len(active))]


def _no_change(output: Node, x: Node) -> Node:
    """The block of an output of integers or booleans: zeros."""
    return zeros(Aval((*output.shape, *x.shape), x.dtype))


def _seeded(linear: Function, function: Function, moved: Sequence[Node]) -> list[Node]:
    """A pullback or pushforward along every unit vector of the (co)tangent that belongs to the one node `moved`."""
    (like,) = moved
    size = size_product(like.shape)
    flags = (*[False] * len(function.inputs), True, True)
    stacked = batch(linear, flags, size)
    seeds = reshape(delta(size, like.dtype), (size, *like.shape))
    mask = reshape(delta(size, BOOL), (size, *like.shape))
    return stacked([*function.inputs, astype(seeds, like.dtype), mask])


def hessian(function: Function, active: tuple[int, ...]) -> Function:
    """The outputs of `function`, its gradient blocks, then the second derivatives of the first output, row by row."""
    return CACHE.get(
        "hessian",
        (function, active, config.rewrite),
        lambda: _hessian(function, active),
        lambda f: len(f.nodes()),
    )


def _hessian(function: Function, active: tuple[int, ...]) -> Function:
    first = value_and_gradient(function, active)
    gradients = Function(first.inputs, first.outputs[len(function.outputs) :])
    second = jacobian(gradients, active, "auto")
    blocks = second.outputs[len(gradients.outputs) :]
    return Function(first.inputs, (*first.outputs, *blocks))
