"""One operation on eager arrays: traced by itself, over inputs that are numbered from 0, and evaluated at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.core.evaluate import evaluate_into
from chainrule.core.leaves import input_node
from chainrule.core.node import Node
from chainrule.run.blas import single_threaded
from chainrule.run.program import NUMPY
from chainrule.trace.array import Array, strong
from chainrule.trace.storage import View, write
from chainrule.trace.tape import Entry
from chainrule.trace.tracer import Trace, _current

# Below this number of entries no BLAS uses several threads.
_THREADED_SIZE = 4_096

# What surely holds no handles.
_NO_CONTAINERS = {float, int, bool, str, type(None), np.ndarray, np.float64}

# The graphs of the last operations, kept alive so that a loop finds them again.
_recent: deque[Node] = deque(maxlen=1024)


class Step(Trace):
    """The trace of one operation: its operands are the first inputs, what it captures the others.

    What is recorded may be needed long after the call, and nothing can stay locked for that long: captured arrays are
    copied, unless nobody can write to them. An array that is used again and again is better made a variable's
    constant once: ``variable(data).detach()``.
    """

    def __init__(self, is_recorded: bool = False) -> None:
        super().__init__("an operation on variables", None)
        self.is_recorded = is_recorded
        self._places: dict[int, Node] = {}
        self._operands: list[Entry] = []
        self._numbers: dict[Node, Any] = {}

    def handle(self, entry: Entry) -> Array:
        """A plain handle for an operand."""
        handle = Array(self.add_input(entry.aval, entry.value), self)
        self._places[id(handle)] = handle._node
        self._operands.append(entry)
        return handle

    def hold(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return array.view(np.ndarray) if not self.is_recorded or _is_frozen(array) else np.array(array)

    def release(self) -> None:
        super().release()
        self._numbers.clear()
        self._operands.clear()
        self.bindings.clear()

    def is_changed(self, handle: Array) -> bool:
        """Whether something was written into an operand."""
        return handle._node is not self._places[id(handle)]

    def entry_of(self, x: Array) -> Entry:
        """The value of a result, and how it came about."""
        node = strong(x._node)
        _recent.append(node)
        value = self._number(node)
        if self.is_recorded and node.dtype.kind == "f":
            return Entry(value, node.aval, node=node, inputs=tuple(self.inputs), operands=self._all_operands())
        return Entry(value, node.aval)

    def _all_operands(self) -> tuple[Entry, ...]:
        first = len(self._operands)
        for node, value in zip(self.inputs[first:], self.bindings[first:], strict=True):
            self._operands.append(Entry(value, node.aval))
        return tuple(self._operands)

    def _number(self, node: Node) -> Any:
        numbers = self._numbers
        numbers.update(zip(self.inputs, self.bindings, strict=True))
        with np.errstate(all="ignore"):
            if any(getattr(value, "size", 1) >= _THREADED_SIZE for value in self.bindings):
                with single_threaded():
                    (value,) = evaluate_into(numbers, [node], NUMPY)
            else:
                (value,) = evaluate_into(numbers, [node], NUMPY)
        if not self.is_recorded and isinstance(value, np.ndarray):
            for held in self.bindings[len(self._places) :]:
                if isinstance(held, np.ndarray) and np.may_share_memory(value, held):
                    return np.array(value)
        return value


def _is_frozen(array: Any) -> bool:
    """Whether neither an array nor what it is a part of can be written to."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None or isinstance(array, bytes)


def part_of(source: Entry, path: Sequence[Callable[[Node], Node]]) -> Entry:
    """What a view shows of an array that has changed since the view was made."""
    if not path:
        return source
    step = Step(source.requires_grad)
    whole = step.handle(source)
    now = whole._node
    # A view knows by the node that its array has changed: some cannot be read then, and say so.
    whole._node = input_node(0, 1, source.aval)
    part = _view(whole, path)
    whole._node = now
    return step.entry_of(part)


def with_part(source: Entry, path: Sequence[Callable[[Node], Node]], part: Entry) -> Entry:
    """An array with the part replaced that a view of it shows."""
    if not path:
        return part
    step = Step(source.requires_grad or part.requires_grad)
    whole = step.handle(source)
    write(_view(whole, path), step.handle(part)._node)
    return step.entry_of(whole)


def _view(array: Array, path: Sequence[Callable[[Node], Node]]) -> Array:
    for function in path:
        array = View(array, function)
    return array


def view_path(x: Array) -> tuple[Array, tuple[Callable[[Node], Node], ...]]:
    """The array that a view is a part of, and the way to the part."""
    path: list[Callable[[Node], Node]] = []
    while isinstance(x, View):
        path.append(x._function)
        x = x._parent
    return x, tuple(reversed(path))


def mapped(tree: Any, change: Callable[[Array], Any]) -> Any:
    """Arguments or results with every handle among them exchanged."""
    if isinstance(tree, Array):
        return change(tree)
    if type(tree) in _NO_CONTAINERS:
        return tree
    if isinstance(tree, tuple):
        parts = [mapped(x, change) for x in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if isinstance(tree, list):
        return [mapped(x, change) for x in tree]
    if isinstance(tree, dict):
        return {key: mapped(x, change) for key, x in tree.items()}
    return tree


class current:  # noqa: N801 - used as a function: ``with current(step)``
    """Make a step the current trace, for functions that ask whether they are being traced."""

    def __init__(self, step: Step) -> None:
        self._step = step

    def __enter__(self) -> None:
        self._token = _current.set(self._step)

    def __exit__(self, *exception: object) -> None:
        _current.reset(self._token)
