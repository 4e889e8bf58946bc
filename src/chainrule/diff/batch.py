"""Stacks: a Function applied along a new leading axis of some inputs. The only place that knows loop axes.

Most ops are generalised ufuncs already: their parameters count axes from the right, so an operand with one more axis
on the left gives a result with one more. What is left to do here is to line the loop axes up.
"""

from __future__ import annotations

from chainrule.core.aval import Aval
from chainrule.core.cache import CACHE
from chainrule.core.dimension import Size
from chainrule.core.function import Function
from chainrule.core.leaves import OUTPUT, input_node, output_of
from chainrule.core.node import Node, topological
from chainrule.ops.calls import CALL, call
from chainrule.ops.contractions import EINSUM, contract
from chainrule.ops.selection import astype
from chainrule.ops.shaping import broadcast


def batch(function: Function, batched: tuple[bool, ...], size: Size) -> Function:
    """`function` with a leading axis of `size` on the inputs that `batched` names, and on every output."""
    return CACHE.get(
        "batch",
        (function, batched, size),
        lambda: _batch(function, batched, size),
        lambda f: len(f.nodes()),
    )


def _batch(function: Function, batched: tuple[bool, ...], size: Size) -> Function:
    inputs = [
        input_node(x.param("level"), x.param("index"), Aval((size, *x.shape), x.dtype)) if stacked else x
        for x, stacked in zip(function.inputs, batched, strict=True)
    ]
    stacks = _Stacks(size)
    for old, new, stacked in zip(function.inputs, inputs, batched, strict=True):
        stacks.put(old, new, stacked)
    for node in topological(function.outputs):
        if node not in stacks.new:
            stacks.visit(node)
    return Function(inputs, [stacks.stacked(output) for output in function.outputs])


class _Stacks:
    """New nodes for old ones, and which of them have the new axis."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.new: dict[Node, Node] = {}
        self.has_axis: set[Node] = set()

    def put(self, old: Node, new: Node, stacked: bool) -> None:
        if new.outputs is None and new.dtype != old.dtype:
            new = astype(new, old.dtype)  # a stack of Python numbers is not weak: it promotes what it meets
        self.new[old] = new
        if stacked:
            self.has_axis.add(old)

    def stacked(self, old: Node) -> Node:
        """The new node for `old`, repeated along the new axis if it has none."""
        new = self.new[old]
        return new if old in self.has_axis else broadcast(new, (-new.ndim - 1,), (self.size,))

    def visit(self, node: Node) -> None:
        """Find the new node for `node`; its operands have theirs."""
        if not any(operand in self.has_axis for operand in node.operands):
            self.put(node, node.op.bind(tuple(self.new[x] for x in node.operands), node.params), False)
        elif node.op is EINSUM:
            self.put(node, self._einsum(node), True)
        elif node.op is CALL:
            self._call(node)
        elif node.op is OUTPUT:
            index = node.param("index")
            self.put(node, output_of(self.new[node.operands[0]], index), True)
        else:
            operands = self._aligned(node)
            self.put(node, node.op.bind(operands, node.params), True)

    def _einsum(self, node: Node) -> Node:
        """The new axis is one more label."""
        inputs, output = node.params
        label = 1 + max((x for labels in inputs for x in labels), default=0)
        labels = [
            (label, *own) if operand in self.has_axis else own
            for operand, own in zip(node.operands, inputs, strict=True)
        ]
        return contract([self.new[x] for x in node.operands], labels, (label, *output))

    def _call(self, node: Node) -> None:
        """A call of the stacked function; derivatives that were given are stacked with it."""
        function, given_forward, given_backward = node.params
        flags = tuple(operand in self.has_axis for operand in node.operands)

        def stack(given: Function | None) -> Function | None:
            if given is None:
                return None
            extra = len(given.inputs) - len(flags)
            return batch(given, (*flags, *[True] * extra), self.size)

        operands = [self.new[x] for x in node.operands]
        if given_forward is None and given_backward is None:
            results = call(batch(function, flags, self.size), operands)
        else:
            # A given rule speaks of one (co)tangent for each operand, so every operand gets the axis.
            flags = (True,) * len(flags)
            operands = [self.stacked(x) for x in node.operands]
            stacked = batch(function, flags, self.size)
            results = call(stacked, operands, stack(given_forward), stack(given_backward))
        self.put(node, results[0].operands[0], True)

    def _aligned(self, node: Node) -> tuple[Node, ...]:
        """Operands with their loop axes lined up: the new one first, then as many as the longest has."""
        ranks = node.op.core_ranks(node)
        loops = [x.ndim - rank for x, rank in zip(node.operands, ranks, strict=True)]
        most = max(loops)
        aligned = []
        for x, rank, own in zip(node.operands, ranks, loops, strict=True):
            new = self.stacked(x) if not node.op.broadcasts_loops else self.new[x]
            if x in self.has_axis or not node.op.broadcasts_loops:
                new = broadcast(new, tuple(range(-most - rank, -own - rank)), (1,) * (most - own))
            aligned.append(new)
        return tuple(aligned)
