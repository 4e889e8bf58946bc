"""Sums of products over named indices, and the identity as an op.

Matrix products, outer products, traces, transposes and diagonals are all `einsum`. Labels are small integers, by
first appearance; they have a meaning only inside one einsum.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import opt_einsum

from chainrule.core.aval import INT, Aval, common_dtype
from chainrule.core.dimension import Size
from chainrule.core.node import Node, Params, make_node
from chainrule.core.op import ALL, Op, register
from chainrule.errors import ShapeError, fail
from chainrule.ops.indexing import WHOLE, getitem, truth
from chainrule.ops.logic import logical_or, not_equal
from chainrule.ops.selection import astype, where
from chainrule.ops.shaping import broadcast, permute

Labels = tuple[int, ...]


@register
class Delta(Op):
    """The identity matrix: 1 where the two indices agree, else 0."""

    name = "delta"
    numpy = np.eye
    parameters = ("size", "dtype")
    nondifferentiable = True

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        return Aval((params["size"], params["size"]), params["dtype"])

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.eye(params["size"], dtype=params["dtype"])


@register
class Einsum(Op):
    """Sum of products over named indices: one label for each axis of each operand, and those of the result."""

    name = "einsum"
    numpy = np.einsum
    parameters = ("inputs", "output")
    multilinear_in = ALL

    def may_alias(self, node: Node) -> tuple[int, ...]:
        return (0,) if len(node.operands) == 1 else ()

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        sizes = _index_sizes(params["inputs"], avals)
        return Aval(tuple(sizes[label] for label in params["output"]), common_dtype(avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return _contract_values(xp, list(values), list(params["inputs"]), params["output"])

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        inputs, output = params
        if len(operands) == 1 and inputs[0] == output and not operands[0].aval.weak:
            return operands[0]
        return None

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        """Swap operand `i` with the result.

        An index that only operand `i` has was summed: it comes back by broadcasting. An index that operand `i`
        repeats was a diagonal: it comes back through a delta.
        """
        inputs, output = node.params
        others = [k for k in range(len(inputs)) if k != i]
        operands = [ct, *[node.operands[k] for k in others]]
        labels = [output, *[inputs[k] for k in others]]
        return _spread(operands, labels, inputs[i], node.operands[i].aval)

    def transpose_support(self, i: int, support: Node | None, node: Node) -> Node | None:
        inputs, output = node.params
        target = inputs[i]
        if support is None and len(set(target)) == len(target):
            return None
        counted = astype(truth(node.shape) if support is None else support, INT)
        return not_equal(_spread([counted], [output], target, node.operands[i].aval), 0)

    def forward_support(self, supports: tuple[Node | bool | None, ...], node: Node) -> Node | None:
        inputs, output = node.params
        found: Node | None = None
        for support, labels in zip(supports, inputs, strict=True):
            if support is None:
                return None
            if isinstance(support, Node):
                reached = not_equal(_spread([astype(support, INT)], [labels], output, node.aval), 0)
                found = reached if found is None else logical_or(found, reached)
        return found

    def guarded(self, support: Node, labels: Labels, skip: int, node: Node) -> Node:
        """The node with operands other than `skip` set to 0 where no non-zero (co)tangent can meet them.

        `support`, with axes `labels`, says where the (co)tangent can be non-zero. A contraction mixes lanes, so a
        nan in a lane that cannot count would otherwise spread.
        """
        inputs, _ = node.params
        operands = list(node.operands)
        for k, own in enumerate(inputs):
            if k != skip:
                reached = not_equal(_spread([astype(support, INT)], [labels], own, operands[k].aval), 0)
                operands[k] = where(reached, operands[k], 0)
        return make_node(self, tuple(operands), node.params)


def _spread(operands: list[Node], labels: list[Labels], target: Labels, aval: Aval) -> Node:
    """Contract `operands` to the labels `target`, which may repeat and may hold labels that no operand has."""
    distinct = tuple(dict.fromkeys(target))
    available = {label for group in labels for label in group}
    kept = tuple(label for label in distinct if label in available)
    out = contract(operands, labels, kept)
    sizes = dict(zip(target, aval.shape, strict=True))
    axes = tuple(k - len(distinct) for k, label in enumerate(distinct) if label not in available)
    out = broadcast(out, axes, tuple(sizes[distinct[axis]] for axis in axes))
    return out if len(distinct) == len(target) else _on_diagonals(out, distinct, target, aval)


def _on_diagonals(x: Node, distinct: Labels, target: Labels, aval: Aval) -> Node:
    """`x` put on the diagonals that the repeated labels of `target` describe, zero elsewhere."""
    fresh = max(target) + 1
    seen: set[int] = set()
    result: list[int] = []
    operands, labels = [x], [distinct]
    for label, size in zip(target, aval.shape, strict=True):
        if label in seen:
            operands.append(delta(size, x.dtype))
            labels.append((label, fresh))
            result.append(fresh)
            fresh += 1
        else:
            seen.add(label)
            result.append(label)
    return contract(operands, labels, tuple(result))


def _index_sizes(inputs: Sequence[Labels], avals: Sequence[Aval]) -> dict[int, Size]:
    sizes: dict[int, Size] = {}
    for labels, aval in zip(inputs, avals, strict=True):
        for label, size in zip(labels, aval.shape, strict=True):
            known = sizes.setdefault(label, size)
            if known != size:
                raise fail(
                    ShapeError,
                    "numpy.einsum",
                    f"index '{letter(label)}' has size {known} and {size}",
                    [
                        ("".join(map(letter, group)) or "(scalar)", operand)
                        for group, operand in zip(inputs, avals, strict=True)
                    ],
                    fix=f"check the axis labelled '{letter(label)}' of each operand",
                )
    return sizes


def letter(label: int) -> str:
    """A letter for a label, as einsum strings show it."""
    symbol: str = opt_einsum.get_symbol(label)
    return symbol


# --- evaluation: pairwise, by matrix products -----------------------------------------------------------------------

# A value on its way through a contraction, and the labels of its axes.
Labelled = tuple[Any, Labels]


def _contract_values(xp: Any, values: list[Any], inputs: list[Labels], output: Labels) -> Any:
    """Contract numbers pair by pair, in opt_einsum's order, each pair by a matrix or an elementwise product."""
    shapes = tuple(tuple(xp.shape(value)) for value in values)
    sizes = {x: n for labels, shape in zip(inputs, shapes, strict=True) for x, n in zip(labels, shape, strict=True)}
    waiting = list(zip(values, inputs, strict=True))
    for step in _path(tuple(inputs), output, shapes):
        chosen = [waiting[k] for k in step]
        waiting = [item for k, item in enumerate(waiting) if k not in step]
        later = {label for _, labels in waiting for label in labels} | set(output)
        wanted = tuple(dict.fromkeys(x for _, labels in chosen for x in labels if x in later)) if waiting else output
        reduced = [_reduced(xp, item, wanted, [labels for _, labels in chosen]) for item in chosen]
        if len(reduced) == 1:
            value = _arranged(xp, *reduced[0], wanted)
        else:
            value = _contract_pair(xp, reduced[0], reduced[1], wanted, sizes)
        waiting.append((value, wanted))
    return waiting[0][0]


@lru_cache(maxsize=1024)
def _path(
    inputs: tuple[Labels, ...], output: Labels, shapes: tuple[tuple[int, ...], ...]
) -> tuple[tuple[int, ...], ...]:
    if len(inputs) <= 2:
        return (tuple(range(len(inputs))),)
    text = ",".join("".join(map(letter, labels)) for labels in inputs) + "->" + "".join(map(letter, output))
    path, _ = opt_einsum.contract_path(text, *shapes, shapes=True, optimize="auto")
    # Steps of more than two (products of scalars and the like) are taken two at a time, the result going last.
    pairs: list[tuple[int, ...]] = []
    count = len(inputs)
    for step in path:
        rest = sorted(step)
        pairs.append(tuple(rest[:2]) if len(rest) > 1 else tuple(rest))
        count -= len(pairs[-1]) - 1
        for _ in rest[2:]:
            rest = [k - 2 for k in rest[2:]]
            pairs.append((rest[0], count - 1))
            count -= 1
    return tuple(pairs)


def _reduced(xp: Any, item: Labelled, wanted: Labels, groups: list[Labels]) -> Labelled:
    """Take the diagonals of one operand and sum what only it has."""
    value, labels = item
    if len(set(labels)) < len(labels):
        distinct = tuple(dict.fromkeys(labels))
        text = "".join(map(letter, labels)) + "->" + "".join(map(letter, distinct))
        value, labels = xp.einsum(text, value), distinct
    owners = [label for group in groups for label in set(group)]
    own = tuple(k for k, label in enumerate(labels) if label not in wanted and owners.count(label) == 1)
    if own:
        value = xp.add.reduce(value, axis=own)
        labels = tuple(label for k, label in enumerate(labels) if k not in own)
    return value, labels


def _arranged(xp: Any, value: Any, labels: Labels, wanted: Labels) -> Any:
    """The axes of `value` in the order `wanted`."""
    return value if labels == wanted else xp.transpose(value, tuple(labels.index(label) for label in wanted))


def _contract_pair(xp: Any, left: Labelled, right: Labelled, wanted: Labels, sizes: dict[int, int]) -> Any:
    """Two operands without repeated or lonely indices: an elementwise product, or a (stacked) matrix product."""
    (x, x_labels), (y, y_labels) = left, right
    summed = tuple(label for label in x_labels if label in y_labels and label not in wanted)
    if not summed:
        return _aligned(xp, x, x_labels, wanted) * _aligned(xp, y, y_labels, wanted)
    stack = tuple(label for label in wanted if label in x_labels and label in y_labels)
    rows = tuple(label for label in wanted if label in x_labels and label not in y_labels)
    columns = tuple(label for label in wanted if label in y_labels and label not in x_labels)
    if not stack and rows and columns and wanted[0] in columns:
        # The result is wanted transposed: swap the operands rather than the result.
        return _contract_pair(xp, right, left, wanted, sizes)
    product = _stacked(xp, x, x_labels, (stack, rows, summed), sizes) @ _stacked(
        xp, y, y_labels, (stack, summed, columns), sizes
    )
    found = (*stack, *rows, *columns)
    if len(rows) > 1 or len(columns) > 1 or (stack and not (rows and columns)):
        product = xp.reshape(product, tuple(sizes[label] for label in found))
    return _arranged(xp, product, found, wanted)


def _aligned(xp: Any, value: Any, labels: Labels, wanted: Labels) -> Any:
    """`value` with its axes in the order `wanted` and axes of size 1 for the labels it lacks."""
    order = tuple(label for label in wanted if label in labels)
    value = _arranged(xp, value, labels, order)
    if order == wanted[len(wanted) - len(order) :]:
        return value
    return value[tuple(slice(None) if label in labels else None for label in wanted)]


def _stacked(xp: Any, value: Any, labels: Labels, groups: tuple[Labels, Labels, Labels], sizes: dict[int, int]) -> Any:
    """`value` as a stack of matrices with one axis for each group (a vector where there is no stack to keep)."""
    stack, first, second = groups
    value = _arranged(xp, value, labels, (*stack, *first, *second))
    if len(first) <= 1 and len(second) <= 1 and not (stack and not (first and second)):
        return value
    merged = [prod(sizes[label] for label in group) for group in (first, second) if group or stack]
    return xp.reshape(value, (*[sizes[label] for label in stack], *merged))


# --- doors ----------------------------------------------------------------------------------------------------------

EINSUM = Einsum.instance
DELTA = Delta.instance


def delta(size: Size, dtype: np.dtype[Any]) -> Node:
    """The identity matrix of a size."""
    return make_node(DELTA, (), (size, dtype))


def contract(operands: Sequence[Node], inputs: Sequence[Sequence[int]], output: Sequence[int]) -> Node:
    """Einsum with integer labels, renamed by first appearance."""
    names: dict[int, int] = {}
    renamed = tuple(tuple([names.setdefault(label, len(names)) for label in labels]) for labels in inputs)
    return EINSUM.bind(tuple(operands), (renamed, tuple(names[label] for label in output)))


def swap(x: Node) -> Node:
    """The matrix transpose (of the last two axes)."""
    return permute(x, (-1, -2))


def matmul(x: Node, y: Node) -> Node:
    """Matrix product as NumPy's: vectors are rows or columns, leading axes broadcast."""
    if x.ndim == 0 or y.ndim == 0:
        raise fail(
            ShapeError,
            "numpy.matmul",
            "an operand is a scalar",
            [("x1", x), ("x2", y)],
            fix="multiply by a scalar with *",
        )
    if x.shape[-1] != y.shape[-2 if y.ndim > 1 else -1]:
        raise fail(
            ShapeError,
            "numpy.matmul",
            f"the last axis of the first operand has size {x.shape[-1]}, "
            f"the {'last but one' if y.ndim > 1 else 'only'} axis of the second {y.shape[-2 if y.ndim > 1 else -1]}",
            [("x1", x), ("x2", y)],
            fix="make the sizes equal, or transpose an operand",
        )
    x_core, y_core = min(x.ndim, 2), min(y.ndim, 2)
    loops = max(x.ndim - x_core, y.ndim - y_core)
    row, inner, column = loops, loops + 1, loops + 2
    x, x_labels = _loop_labels(x, x_core, loops, y, y_core)
    y, y_labels = _loop_labels(y, y_core, loops, None, 0)
    x_labels += [row, inner] if x_core == 2 else [inner]
    y_labels += [inner, column] if y_core == 2 else [inner]
    output = sorted({*x_labels[: len(x_labels) - x_core], *y_labels[: len(y_labels) - y_core]})
    tail = ([row] if x_core == 2 else []) + ([column] if y_core == 2 else [])
    return contract([x, y], [x_labels, y_labels], output + tail)


def _loop_labels(x: Node, core: int, loops: int, other: Node | None, other_core: int) -> tuple[Node, list[int]]:
    """Labels of the loop axes; axes of size 1 that the other operand may broadcast are dropped.

    A loop axis of size 1 in both operands is kept in the first.
    """
    own = x.ndim - core
    labels, index = [], []
    for k in range(own):
        label = loops - own + k
        place = label - loops + (other.ndim - other_core) if other is not None else 0
        kept = x.shape[k] != 1 or (other is not None and (place < 0 or other.shape[place] == 1))
        index.append(WHOLE if kept else 0)
        if kept:
            labels.append(label)
    return getitem(x, (*index, *[WHOLE] * core)), labels


def trace(x: Node) -> Node:
    """Sum of the diagonal of the last two axes."""
    loops = list(range(x.ndim - 2))
    return contract([x], [[*loops, 98, 98]], loops)


def diagonal(x: Node) -> Node:
    """The diagonal of the last two axes."""
    loops = list(range(x.ndim - 2))
    return contract([x], [[*loops, 98, 98]], [*loops, 98])
