"""Where a tangent or cotangent can be non-zero by structure.

A `Flow` is a (co)tangent with two masks, each a boolean node of its shape, or None for "everywhere":

* `support` comes from `where`, indexing, padding: a lane outside it cannot influence the result, so it contributes
  exactly 0, whatever the partials are there (0 times inf is nan, so masking is not optional);
* `seed` comes from the unit vectors with which a Jacobian is seeded, and from `maximum` and its like. It protects the
  same way, but ends at the first op that adds entries up; carrying it further would cost a mask per unit vector and
  contraction.
"""

from __future__ import annotations

from typing import NamedTuple

from chainrule.core.aval import INT, Aval, Shape
from chainrule.core.cache import CACHE
from chainrule.core.dimension import size_product
from chainrule.core.evaluate import evaluate_into, numpy_namespace
from chainrule.core.leaves import literal
from chainrule.core.node import Node
from chainrule.core.op import COUNTS, LANES, MOVES, ElementwiseOp
from chainrule.ops import kernels
from chainrule.ops.arithmetic import add
from chainrule.ops.indexing import truth
from chainrule.ops.linalg import GapDivide
from chainrule.ops.logic import logical_and, logical_or, not_equal
from chainrule.ops.reductions import SUM, sum_over
from chainrule.ops.selection import astype, where
from chainrule.ops.shaping import BROADCAST, broadcast, reshape, stretch

Mask = Node | None

# A closed mask larger than this many entries is used as it stands instead of being looked at.
_FOLD_LIMIT = 1_000_000
_XP = numpy_namespace(kernels)


class Flow(NamedTuple):
    """A tangent or cotangent and where it can be non-zero."""

    value: Node
    support: Mask = None
    seed: Mask = None


def add_flows(x: Flow | None, y: Flow) -> Flow:
    """The sum of two flows of one shape."""
    if x is None:
        return y
    return Flow(add(x.value, y.value), _either(x.support, y.support), _either(x.seed, y.seed))


def _either(x: Mask, y: Mask) -> Mask:
    if x is None or y is None:
        return None
    return x if x is y else logical_or(x, y)


def chosen_flow(i: int, flow: Flow, node: Node) -> Flow:
    """The part of the flow that passes operand `i` of an elementwise op: all but the lanes that chose another."""
    assert isinstance(node.op, ElementwiseOp)
    chosen = node.op.chosen(i, node)
    if chosen is None:
        return flow
    return flow._replace(seed=chosen if flow.seed is None else logical_and(chosen, flow.seed))


def masked(value: Node, flow: Flow) -> Node:
    """`value`, a product of the flow with a partial, exactly 0 where the flow cannot be non-zero."""
    for mask in (folded(flow.support), folded(flow.seed)):
        if mask is not None:
            value = where(mask, value, 0)
    return value


def folded(mask: Mask) -> Mask:
    """None for a mask that depends on no input and is true everywhere (the parts of a split, put together)."""
    if mask is None or mask.level > 0 or not mask.aval.is_concrete or int(mask.aval.size) > _FOLD_LIMIT:
        return mask
    return mask if CACHE.get("mask", mask, lambda: not _is_true(mask), lambda _: 1) else None


def _is_true(mask: Node) -> bool:
    return bool(_XP.all(evaluate_into({}, [mask], _XP)[0]))


def sum_to(x: Node, shape: Shape) -> Node:
    """Undo broadcasting: sum over the axes of `x` that `shape` lacks or has with size 1."""
    if x.shape == shape:
        return x
    extra = x.ndim - len(shape)
    stretched = [k for k in range(-len(shape), 0) if shape[k] == 1 and x.shape[k] != 1]
    out = sum_over(x, (*range(-x.ndim, extra - x.ndim), *stretched))
    return broadcast(out, tuple(stretched), (1,) * len(stretched))


def _any_to(mask: Mask, shape: Shape) -> Mask:
    if mask is None or mask.shape == shape:
        return mask
    if size_product(mask.shape) == size_product(shape):
        return reshape(mask, shape)
    return not_equal(sum_to(astype(mask, INT), shape), 0)


def to_operand(flow: Flow, operand: Aval) -> Flow:
    """The flow brought to an operand's shape (broadcasting undone), dtype and weakness."""
    value = astype(sum_to(flow.value, operand.shape), operand.dtype, operand.weak)
    # Where a mask has fewer axes than the value (a condition that is broadcast), it holds for each entry along them.
    support, seed = (None if mask is None else stretch(mask, flow.value.shape) for mask in flow[1:])
    if flow.value.aval.size != operand.size:  # entries are mixed
        if support is not None and seed is not None:
            support = logical_and(support, seed)
        seed = None
    return Flow(value, _any_to(support, operand.shape), _any_to(seed, operand.shape))


def stretched_to(flow: Flow, result: Aval) -> Flow:
    """The flow brought to a result's shape (by broadcasting), dtype and weakness."""
    value = astype(stretch(flow.value, result.shape), result.dtype, result.weak)
    support = None if flow.support is None else stretch(flow.support, result.shape)
    return Flow(value, support, None if flow.seed is None else stretch(flow.seed, result.shape))


def zeros(aval: Aval) -> Node:
    """Zeros of an abstract value."""
    zero = astype(literal(0.0), aval.dtype, aval.weak)
    return broadcast(zero, tuple(range(-aval.ndim, 0)), aval.shape)


def transposed(i: int, flow: Flow, node: Node) -> Flow:
    """The flow of operand `i` of `node`, in which the op is linear, from that of the result."""
    op = node.op
    support = op.transpose_support(i, folded(flow.support), node)
    if support is NotImplemented:
        support = None
        if flow.support is not None and op.supports == MOVES:
            support = op.transpose(i, flow.support, node)
        elif flow.support is not None and op.supports == COUNTS:
            support = not_equal(op.transpose(i, astype(flow.support, INT), node), 0)
    if isinstance(op, GapDivide):
        value = op.transpose_within(i, flow.value, folded(flow.support), node)
    else:
        value = op.transpose(i, flow.value, _guarded(i, flow, node))
    return Flow(value, support, _transposed_seed(i, flow.seed, node))


def _transposed_seed(i: int, seed: Mask, node: Node) -> Mask:
    if seed is None or node.op.supports == LANES:
        return seed
    return node.op.transpose(i, seed, node) if node.op.supports == MOVES or node.op is SUM else None


def _guarded(i: int, flow: Flow, node: Node) -> Node:
    guard = getattr(node.op, "guarded", None)
    mask = folded(flow.support)
    if guard is None or mask is None:
        return node
    guarded: Node = guard(mask, node.param("output"), i, node)
    return guarded


def guarded_forward(i: int, flow: Flow, node: Node) -> Node:
    """`node` with the operands other than `i` safe to multiply with a tangent that is 0 outside its support."""
    guard = getattr(node.op, "guarded", None)
    mask = folded(flow.support)
    if guard is None or mask is None:
        return node
    guarded: Node = guard(mask, node.param("inputs")[i], i, node)
    return guarded


def forward_masks(node: Node, flows: list[Flow | None]) -> tuple[Mask, Mask]:
    """Support and seed of the tangent of `node`, from those of its operands' tangents."""
    return (
        _forward_mask(node, [False if flow is None else folded(flow.support) for flow in flows], spread=True),
        _forward_mask(node, [False if flow is None else flow.seed for flow in flows], spread=False),
    )


def _forward_mask(node: Node, masks: list[Node | bool | None], spread: bool) -> Mask:
    op = node.op
    if isinstance(op, ElementwiseOp):
        return _union(masks)
    if op.supports == MOVES:
        custom = op.forward_support(tuple(masks), node)
        if custom is not NotImplemented:
            stated: Mask = custom
            return stated
        if all(mask is None for i, mask in enumerate(masks) if i not in op.nondifferentiable_in):
            return None
        operands = [
            x if i in op.nondifferentiable_in else _as_mask(mask, x.shape)
            for i, (mask, x) in enumerate(zip(masks, node.operands, strict=True))
        ]
        return op.bind(tuple(operands), node.params)
    if not spread and op is not BROADCAST:
        return _union(masks) if op.supports == LANES else None
    custom = op.forward_support(tuple(masks), node)
    if custom is not NotImplemented:
        stated = custom
        return stated
    if op.supports == COUNTS and len(masks) == 1 and isinstance(masks[0], Node):
        return not_equal(op.bind((astype(masks[0], INT),), node.params), 0)
    return None


def _as_mask(mask: Node | bool | None, shape: Shape) -> Node:
    """The mask as a node: None is true everywhere, False is false everywhere."""
    if isinstance(mask, Node):
        return mask
    return truth(shape) if mask is None else as_false(shape)


def as_false(shape: Shape) -> Node:
    """False everywhere."""
    return broadcast(literal(False), tuple(range(-len(shape), 0)), shape)


def _union(masks: list[Node | bool | None]) -> Mask:
    found: Mask = None
    for mask in masks:
        if mask is None:
            return None
        if isinstance(mask, Node):
            found = mask if found is None else logical_or(found, mask)
    return found
