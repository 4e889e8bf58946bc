"""Products of arrays: dot, inner, outer, tensordot, einsum, traces; all through one einsum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.core.node import Node
from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.functions.axes import canonical_axis, refuse
from chainrule.functions.basics import moveaxis, ravel
from chainrule.ops import arithmetic, contractions
from chainrule.ops.contractions import contract
from chainrule.ops.indexing import WHOLE, getitem


def dot(a: Node, b: Node, out: Any = None) -> Node:
    """Dot product: the last axis of the first with the last but one of the second; scalars multiply."""
    refuse("numpy.dot", {"out": (out, None)})
    if a.ndim == 0 or b.ndim == 0:
        return arithmetic.multiply(a, b)
    return _summed_over(a, b, [a.ndim - 1], [max(b.ndim - 2, 0)], "numpy.dot")


def inner(a: Node, b: Node) -> Node:
    """Products summed over the last axis of both; scalars multiply."""
    if a.ndim == 0 or b.ndim == 0:
        return arithmetic.multiply(a, b)
    return _summed_over(a, b, [a.ndim - 1], [b.ndim - 1], "numpy.inner")


def vdot(a: Node, b: Node) -> Node:
    """Dot product of the flattened arrays."""
    return dot(ravel(a), ravel(b))


def outer(a: Node, b: Node, out: Any = None) -> Node:
    """Products of every entry of the first with every entry of the second."""
    refuse("numpy.outer", {"out": (out, None)})
    return contract([ravel(a), ravel(b)], [[0], [1]], [0, 1])


def tensordot(a: Node, b: Node, axes: Any = 2) -> Node:
    """Products summed over pairs of axes; the other axes of the first, then of the second, remain."""
    call = "numpy.tensordot"
    if isinstance(axes, int):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise fail(
                ArgumentError,
                call,
                f"axes={axes}: an array has fewer axes to sum over",
                [("a", a), ("b", b)],
                fix="give a smaller number, or the axes as a pair of tuples",
            )
        left, right = list(range(-axes, 0)), list(range(-b.ndim, axes - b.ndim))
    else:
        pairs = [entry if isinstance(entry, tuple | list) else (entry,) for entry in axes]
        left, right = ([canonical_axis(k, x.ndim, call) for k in axis] for x, axis in zip((a, b), pairs, strict=True))
        if len(left) != len(right):
            raise fail(
                ArgumentError,
                call,
                f"{len(left)} axes of the first operand, {len(right)} of the second",
                [("a", a), ("b", b)],
                fix="name as many axes of each",
            )
    return _summed_over(a, b, left, right, call)


def _summed_over(a: Node, b: Node, left: Sequence[int], right: Sequence[int], call: str) -> Node:
    """Products summed over axes of the first that are paired with axes of the second."""
    sizes = ([a.shape[k] for k in left], [b.shape[k] for k in right])
    if sizes[0] != sizes[1]:
        raise fail(
            ShapeError,
            call,
            f"the summed axes have sizes {tuple(sizes[0])} and {tuple(sizes[1])}",
            [("a", a), ("b", b)],
            fix="make the sizes equal, or sum over other axes",
        )
    a_labels = list(range(a.ndim))
    b_labels = list(range(a.ndim, a.ndim + b.ndim))
    for j, k in zip(left, right, strict=True):
        b_labels[k] = a_labels[j]
    output = [x for x in a_labels if x not in b_labels] + [x for x in b_labels if x not in a_labels]
    return contract([a, b], [a_labels, b_labels], output)


def trace(a: Node, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None) -> Node:
    """Sum of a diagonal."""
    refuse("numpy.trace", {"dtype": (dtype, None), "out": (out, None)})
    return contractions.trace(_diagonal_block(a, offset, axis1, axis2, "numpy.trace"))


def diagonal(a: Node, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Node:
    """Entries of a diagonal."""
    return contractions.diagonal(_diagonal_block(a, offset, axis1, axis2, "numpy.diagonal"))


def _diagonal_block(a: Node, offset: int, axis1: Any, axis2: Any, call: str) -> Node:
    """The square block whose main diagonal is the wanted one, on the last two axes."""
    if a.ndim < 2:
        raise fail(ShapeError, call, "a diagonal needs two axes", [("a", a)], fix="give a matrix")
    places = [canonical_axis(k, a.ndim, call) for k in (axis1, axis2)]
    if places[0] == places[1]:
        raise fail(ArgumentError, call, "axis1 and axis2 are the same", [("a", a)], fix="name two axes")
    a = moveaxis(a, places, (-2, -1))
    rows, columns = a.shape[-2:]
    if rows == columns and offset == 0:
        return a
    length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    first_row, first_column = max(0, -offset), max(0, offset)
    block = ((first_row, first_row + length, 1), (first_column, first_column + length, 1))
    return getitem(a, (*[WHOLE] * (a.ndim - 2), *block))


def einsum(subscripts: Any, *operands: Node, **keywords: Any) -> Node:
    """Sum of products over named indices, as `numpy.einsum` writes them."""
    supported = {"optimize", "out", "dtype", "order", "casting"}
    unknown = sorted(set(keywords) - supported)
    if unknown:
        raise fail(ArgumentError, "numpy.einsum", f"unknown keyword {unknown[0]}=", fix="leave it out")
    refuse("numpy.einsum", {name: (keywords[name], None) for name in ("out", "dtype") if name in keywords})
    refuse(
        "numpy.einsum",
        {"order": (keywords.get("order", "K"), "K"), "casting": (keywords.get("casting", "safe"), "safe")},
    )
    if not isinstance(subscripts, str):
        raise fail(
            ArgumentError,
            "numpy.einsum",
            "subscripts must be a string",
            fix="write numpy.einsum('ij,jk->ik', a, b)",
        )
    inputs, output = _parsed(subscripts.replace(" ", ""), operands)
    operands, inputs = _without_stretched(operands, inputs)
    return contract(operands, inputs, output)


def _parsed(text: str, operands: Sequence[Node]) -> tuple[list[list[int]], list[int]]:
    """Labels from subscripts: letters by code point, ellipsis axes by numbers from the right."""
    left, arrow, right = text.partition("->")
    groups = left.split(",")
    if len(groups) != len(operands):
        raise fail(
            ArgumentError,
            "numpy.einsum",
            f"{len(groups)} groups of subscripts for {len(operands)} operands",
            [(f"operand {k}", x) for k, x in enumerate(operands)],
            fix="write one group of letters for each operand",
        )
    inputs, dots = [], 0
    for group, operand in zip(groups, operands, strict=True):
        labels, count = _labels(group, operand)
        inputs.append(labels)
        dots = max(dots, count)
    if arrow:
        output = _expanded(right, dots)
        missing = sorted({chr(x) for x in output if x > 0} - {chr(x) for labels in inputs for x in labels if x > 0})
        if missing or len(set(output)) < len(output):
            raise fail(
                ArgumentError,
                "numpy.einsum",
                f"the result names index '{missing[0]}', which no operand has"
                if missing
                else "the result repeats an index",
                fix="name each index of the result once, and only indices of operands",
            )
    else:
        every = [x for labels in inputs for x in labels if x > 0]
        output = [-k for k in range(dots, 0, -1)] + sorted(x for x in set(every) if every.count(x) == 1)
    return inputs, output


def _labels(group: str, operand: Node) -> tuple[list[int], int]:
    letters = group.replace("...", "")
    count = operand.ndim - len(letters) if "..." in group else 0
    if count < 0 or ("..." not in group and len(letters) != operand.ndim) or not all(c.isalpha() for c in letters):
        raise fail(
            ShapeError,
            "numpy.einsum",
            f"the subscripts '{group}' do not fit an array with {operand.ndim} axes",
            [(group, operand)],
            fix="write one letter for each axis, or ... for leading ones",
        )
    return _expanded(group, count), count


def _expanded(group: str, count: int) -> list[int]:
    before, dots, after = group.partition("...")
    middle = [-k for k in range(count, 0, -1)] if dots else []
    return [ord(c) for c in before] + middle + [ord(c) for c in after]


def _without_stretched(operands: Sequence[Node], inputs: list[list[int]]) -> tuple[tuple[Node, ...], list[list[int]]]:
    """Drop axes of size 1 that another operand's axis of the same label stretches."""
    largest: dict[int, Any] = {}
    for operand, labels in zip(operands, inputs, strict=True):
        for label, size in zip(labels, operand.shape, strict=True):
            if label not in largest or largest[label] == 1:
                largest[label] = size
    new_operands, new_inputs = [], []
    for operand, labels in zip(operands, inputs, strict=True):
        thin = [size == 1 and largest[x] != 1 for x, size in zip(labels, operand.shape, strict=True)]
        new_operands.append(getitem(operand, tuple(0 if drop else WHOLE for drop in thin)))
        new_inputs.append([x for x, drop in zip(labels, thin, strict=True) if not drop])
    return tuple(new_operands), new_inputs
