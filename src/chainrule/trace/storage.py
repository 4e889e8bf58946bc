"""Views and assignment: NumPy's sharing of memory, on a graph in which nothing changes.

A `View` is an array and a way to read part of it. Reading goes through its parent, so that a view sees what was
assigned to the parent; writing rebuilds the parent with the part replaced, up to the array that owns the storage,
whose node is exchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.core.leaves import input_node
from chainrule.core.node import Node
from chainrule.errors import DtypeError, ShapeError, TracerLeakError, UnsupportedError, fail
from chainrule.functions import indexing
from chainrule.functions.axes import broadcast_to
from chainrule.ops.assignment import set_item
from chainrule.ops.indexing import GETITEM
from chainrule.ops.selection import astype
from chainrule.ops.shaping import BROADCAST, PERMUTE, RESHAPE, reshape_core
from chainrule.trace.array import Array, SymbolScope, lift, owner_of, require_open, resolved_index

CALL = "x[...] = value"

# Stands for the parent when the way to a part is traced.
_PLACEHOLDER_LEVEL = (1 << 20) + 1


class View(Array):
    """Part of another array, or the same entries under another shape.

    A reshaped array is a copy in NumPy for some memory layouts and a view for others; so after a change of its parent
    it has no well-defined entries, and reading it is refused.
    """

    __slots__ = ("_cached", "_function", "_parent", "_seen")

    def __init__(self, parent: Array, function: Callable[[Node], Node]) -> None:
        self._owner = parent._owner
        self._name = None
        self._parent = parent
        self._function = function
        self._seen = parent._node
        self._cached = function(self._seen)

    @property
    def _node(self) -> Node:  # type: ignore[override]
        current = self._parent._node
        if current is not self._seen:
            new = self._function(current)
            if any(_regroups(step) for step in _steps(self._function, current)):
                raise _layout_error("reading a reshaped array after a change of the original", new)
            self._seen, self._cached = current, new
        return self._cached


def _regroups(step: Node) -> bool:
    """Whether a step is a reshape that does more than add or drop axes of size 1."""
    if step.op is not RESHAPE:
        return False
    core, to = step.params
    return tuple(n for n in core if n != 1) != tuple(n for n in to if n != 1)


def _layout_error(problem: str, node: Node) -> Exception:
    return fail(
        UnsupportedError,
        "x.reshape",
        f"{problem}: whether NumPy shares memory here depends on the layout",
        [("reshaped", node)],
        fix="take a copy: x.reshape(shape).copy(), or index the original array",
    )


def _steps(function: Callable[[Node], Node], parent: Node) -> list[Node]:
    """The moves of which `function` consists, the last first, on a placeholder for the parent."""
    placeholder = input_node(_PLACEHOLDER_LEVEL, 0, parent.aval)
    steps = []
    node = function(placeholder)
    while node is not placeholder:
        if node.op not in (GETITEM, PERMUTE, RESHAPE, BROADCAST):
            raise fail(
                UnsupportedError,
                CALL,
                "assignment to this kind of view is not supported",
                [("view", node)],
                fix="assign to the array itself, as in x[index] = value",
            )
        steps.append(node)
        node = node.operands[0]
    return steps


def write(array: Array, node: Node) -> None:
    """Replace the entries of `array`, and with them those of the arrays it is a view of."""
    if isinstance(array._owner, SymbolScope):
        raise fail(
            UnsupportedError,
            CALL,
            "a symbol has no entries to change",
            [("x", array)],
            fix="build the result with numpy.where",
        )
    while isinstance(array, View):
        node = _replaced(array._function, array._parent._node, node)
        array = array._parent
    array._node = node


def _replaced(function: Callable[[Node], Node], parent: Node, part: Node) -> Node:
    """`parent` with the part that `function` reads replaced."""
    steps = _steps(function, parent)
    before = [parent]
    for step in reversed(steps):
        before.append(step.op.bind((before[-1],), step.params))
    for step, whole in zip(steps, reversed(before[:-1]), strict=True):
        part = _undone(step, whole, part)
    return part


def _undone(step: Node, whole: Node, part: Node) -> Node:
    """What `whole` becomes when what `step` makes of it becomes `part`."""
    if step.op is GETITEM:
        return set_item(whole, part, step.param("index"))
    if step.op is PERMUTE:
        return step.op.transpose(0, part, step)
    if _regroups(step):
        raise _layout_error("assigning to a reshaped array", part)
    return reshape_core(part, part.shape, whole.shape)  # axes of size 1 come and go


def assign(array: Array, index: Any, value: Any) -> None:
    """``array[index] = value``."""
    require_open(array, CALL)
    new = _value_node(array, value)
    owner, entries = resolved_index(index, array)
    _require_owner(array, owner, index)
    parts = indexing.parts(array._node, entries)
    moved = View(array, parts.move)
    write(moved, parts.written(moved._node, _fitted(new, parts.read(array._node), value)))


def _value_node(array: Array, value: Any) -> Node:
    """The value as a node, of the array's trace or one around it."""
    owner = owner_of([array, value], CALL)
    _require_owner(array, owner, value)
    return lift(value, owner, CALL)


def _require_owner(array: Array, owner: Any, other: Any) -> None:
    """Refuse to keep something of an inner transform in an array that outlives it."""
    if owner is not array._owner:
        raise fail(
            TracerLeakError,
            CALL,
            "the value or index belongs to a transform inside the one that the array belongs to",
            [("x", array), ("value or index", other)],
            fix="make the array inside the inner function, and return it",
        )


def _fitted(value: Node, target: Node, given: Any) -> Node:
    """The value broadcast and cast to the part that it replaces."""
    if value.dtype.kind == "f" and target.dtype.kind != "f" and isinstance(given, Array):
        raise fail(
            DtypeError,
            CALL,
            f"an array of dtype {target.dtype} cannot hold real numbers; a derivative would be lost",
            [("x[...]", target), ("value", value)],
            fix="make the array a float one: x.astype(float)",
        )
    shape = value.shape
    while len(shape) > target.ndim and shape[0] == 1:  # NumPy drops leading axes of size 1
        shape = shape[1:]
    if len(shape) > target.ndim or any(
        n not in (1, m) for n, m in zip(shape, target.shape[target.ndim - len(shape) :], strict=True)
    ):
        raise fail(
            ShapeError,
            CALL,
            f"a value of shape {value.shape} does not fit a part of shape {target.shape}",
            [("x[...]", target), ("value", value)],
            fix="give a value that broadcasts to the part",
        )
    value = reshape_core(value, value.shape, shape)
    return astype(broadcast_to(value, target.shape, CALL), target.dtype)


def update(array: Array, result: Any, call: str) -> Any:
    """``array op= value``: the entries of the array become those of `result`; a scalar gets a new name instead.

    NumPy's scalars cannot be changed in place, so ``s += 1`` leaves other names of the old value alone.
    """
    if not isinstance(result, Array):
        return NotImplemented
    if array.ndim == 0 and result.ndim == 0:
        return result
    if result.shape != array.shape:
        raise fail(
            ShapeError,
            call,
            f"the result has shape {result.shape}, the array {array.shape}",
            [("x", array), ("result", result)],
            fix="write x = x + y, which makes a new array",
        )
    if not np.can_cast(result.dtype, array.dtype, "same_kind"):
        raise fail(
            DtypeError,
            call,
            f"a result of dtype {result.dtype} cannot be stored in an array of dtype {array.dtype}",
            [("x", array), ("result", result)],
            fix="make the array a float one: x = x.astype(float)",
        )
    write(array, astype(_value_node(array, result), array.dtype))
    return array
