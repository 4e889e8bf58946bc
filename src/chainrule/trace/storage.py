"""Views and assignment: NumPy's sharing of memory, on a graph in which nothing changes.

A `View` is an array and a way to read part of it. Reading goes through its parent, so that a view sees what was
assigned to the parent; writing rebuilds the parent with the part replaced, up to the array that owns the storage,
whose node is exchanged.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.aval import Shape
from chainrule.core.leaves import input_node
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, DtypeError, ShapeError, TracerLeakError, UnsupportedError, fail
from chainrule.functions import indexing
from chainrule.functions.axes import broadcast_to
from chainrule.ops.assignment import scatter_set, set_item
from chainrule.ops.indexing import GATHER, GETITEM
from chainrule.ops.selection import astype, where
from chainrule.ops.shaping import BROADCAST, PERMUTE, RESHAPE, reshape_core
from chainrule.trace.array import Array, SymbolScope, has_ellipsis, owner_of, require_open, resolved_index
from chainrule.trace.dispatch import handles_in, lift_nested

CALL = "x[...] = value"

# Stands for the parent when the way to a part is traced.
_PLACEHOLDER_LEVEL = (1 << 20) + 1


class Access(enum.Enum):
    """What NumPy lets the holder of a view do with it."""

    SHARED = "read and written"
    READ_ONLY = "read"
    FLAT = "read and written in C order, whatever the layout; parts of it are copies"


@dataclass(frozen=True, slots=True)
class Way:
    """How a view reads its parent, where NumPy does not let its holder do everything with it."""

    function: Callable[[Node], Node]
    access: Access

    def __call__(self, node: Node) -> Node:
        return self.function(node)


class View(Array):
    """Part of another array, or the same entries under another shape.

    A reshaped array is a copy in NumPy for some memory layouts and a view for others; so after a change of its parent
    it has no well-defined entries, and reading it is refused.
    """

    __slots__ = ("_access", "_cached", "_function", "_parent", "_seen")

    def __init__(self, parent: Array, function: Callable[[Node], Node]) -> None:
        self._owner = parent._owner
        self._name = None
        self._parent = parent
        self._function = function
        self._access = function.access if isinstance(function, Way) else Access.SHARED
        self._seen = parent._node
        self._cached = function(self._seen)

    @property
    def _node(self) -> Node:  # type: ignore[override]
        current = self._parent._node
        if current is not self._seen:
            new = self._function(current)
            if self._access is Access.SHARED and any(_regroups(step) for step in _steps(self._function, current)):
                raise _layout_error("reading a reshaped array after a change of the original", new)
            self._seen, self._cached = current, new
        return self._cached

    def _view(self, function: Callable[[Node], Node]) -> Array:
        return Array(function(self._node), self._owner) if self._access is Access.FLAT else super()._view(function)


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
        fix="take a copy: x.reshape(shape).copy(), or index the original array (x.flat[k] for entries in order)",
    )


def _steps(function: Callable[[Node], Node], parent: Node) -> list[Node]:
    """The moves of which `function` consists, the last first, on a placeholder for the parent."""
    placeholder = input_node(_PLACEHOLDER_LEVEL, 0, parent.aval)
    steps = []
    node = function(placeholder)
    while node is not placeholder:
        if node.op not in (GETITEM, GATHER, PERMUTE, RESHAPE, BROADCAST):
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
        if array._access is Access.READ_ONLY:
            raise fail(
                ArgumentError,
                CALL,
                "this view of another array can only be read, as in NumPy",
                [("view", array)],
                fix="take a copy first: x.copy(); or assign to the original array",
            )
        if array._access is Access.FLAT:
            node = reshape_core(node, node.shape, array._parent.shape)
        else:
            node = _replaced(array._function, array._parent._node, node)
        array = array._parent
    array._node = node


def _replaced(function: Callable[[Node], Node], parent: Node, part: Node) -> Node:
    """`parent` with the part that `function` reads replaced."""
    steps = _steps(function, parent)
    before = [parent]
    for step in reversed(steps):
        before.append(step.op.bind((before[-1], *step.operands[1:]), step.params))
    for step, whole in zip(steps, reversed(before[:-1]), strict=True):
        part = _undone(step, whole, part)
    return part


def _undone(step: Node, whole: Node, part: Node) -> Node:
    """What `whole` becomes when what `step` makes of it becomes `part`."""
    if step.op is GETITEM:
        return set_item(whole, part, step.param("index"))
    if step.op is GATHER:  # at a single place of each axis: an integer that is computed
        return scatter_set(whole, part, list(step.operands[1:]), *step.params)
    if step.op is PERMUTE:
        return step.op.transpose(0, part, step)
    if _regroups(step):
        raise _layout_error("assigning to a reshaped array", part)
    return reshape_core(part, part.shape, whole.shape)  # axes of size 1 come and go


def assign(array: Array, index: Any, value: Any) -> None:
    """``array[index] = value``."""
    require_open(array, CALL)
    new = _value_node(array, value)
    if isinstance(index, Array) and _is_choice(array, index, new):
        _require_owner(array, owner_of([array, index], CALL), index)
        write(array, _chosen(array._node, index._node, new, value))
        return
    owner, entries = resolved_index(index, array)
    _require_owner(array, owner, index)
    parts = indexing.parts(array._node, entries)
    moved = View(array, parts.move)
    target = parts.read(array._node)
    if new.ndim and not target.shape and not parts.indices and not has_ellipsis(index):
        raise _shape_error(new, target.shape, target)  # NumPy wants a number for an element
    write(moved, parts.written(moved._node, _fitted(new, target.shape, target, value)))


def _is_choice(array: Array, mask: Array, value: Node) -> bool:
    """Whether ``array[mask] = value`` puts the same at every place, so that the mask's entries need not be known."""
    if mask.dtype.kind != "b" or not 0 < mask.ndim <= array.ndim or mask.shape != array.shape[: mask.ndim]:
        return False
    return all(n == 1 for n in value.shape[: max(0, value.ndim - (array.ndim - mask.ndim))])


def _chosen(x: Node, mask: Node, value: Node, given: Any) -> Node:
    """`x` with `value` where the mask of its first axes holds."""
    rest = x.ndim - mask.ndim
    condition = reshape_core(mask, mask.shape, (*mask.shape, *(1,) * rest))
    entry = _fitted(value, x.shape[mask.ndim :], x, given)
    return where(broadcast_to(condition, x.shape, CALL), broadcast_to(entry, x.shape, CALL), x)


def _value_node(array: Array, value: Any) -> Node:
    """The value as a node, of the array's trace or one around it; a list with handles in it becomes one array."""
    owner = owner_of([array, *handles_in([value])], CALL)
    _require_owner(array, owner, value)
    return lift_nested(value, owner, CALL)


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


def _fitted(value: Node, to: Shape, target: Node, given: Any) -> Node:
    """The value broadcast to the shape of the part that it replaces, and cast to the dtype of the array."""
    if value.dtype.kind == "f" and target.dtype.kind != "f" and handles_in([given]):
        raise fail(
            DtypeError,
            CALL,
            f"an array of dtype {target.dtype} cannot hold real numbers; a derivative would be lost",
            [("x[...]", target), ("value", value)],
            fix="make the array a float one: x.astype(float)",
        )
    shape = value.shape
    while len(shape) > len(to) and shape[0] == 1:  # NumPy drops leading axes of size 1
        shape = shape[1:]
    if len(shape) > len(to) or any(n not in (1, m) for n, m in zip(shape, to[len(to) - len(shape) :], strict=True)):
        raise _shape_error(value, to, target)
    value = reshape_core(value, value.shape, shape)
    return astype(broadcast_to(value, to, CALL), target.dtype)


def _shape_error(value: Node, to: Shape, target: Node) -> Exception:
    return fail(
        ShapeError,
        CALL,
        f"a value of shape {value.shape} does not fit a part of shape {to}",
        [("x[...]", target), ("value", value)],
        fix="give a value that broadcasts to the part",
    )


def update(array: Array, result: Any, call: str, is_scalar: bool | None = None) -> Any:
    """``array op= value``: the entries of the array become those of `result`; a scalar gets a new name instead.

    NumPy's scalars cannot be changed in place, so ``s += 1`` leaves other names of the old value alone; a view with
    no axes, as ``x[0, ...]`` gives it, is no scalar.
    """
    if not isinstance(result, Array):
        return NotImplemented
    if is_scalar is None:
        is_scalar = array.ndim == 0 and not isinstance(array, View)
    if is_scalar:
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
