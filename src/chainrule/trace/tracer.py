"""Traces: the binding tables in which the inputs of a graph have their values.

A `Trace` belongs to one application of a transform. Its inputs are the flattened arguments, then what the function
captures, in order of first use. It is open while the function runs; a handle that outlives it is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from chainrule.core.aval import FLOAT, INT, Aval
from chainrule.core.evaluate import evaluate_into
from chainrule.core.function import Function
from chainrule.core.leaves import INPUT, input_node, literal
from chainrule.core.node import Node, substitute, topological
from chainrule.diff.activity import active_nodes
from chainrule.errors import DtypeError, TracerError, UnsupportedError, fail
from chainrule.run.program import NUMPY

WEAK_FLOAT = Aval((), FLOAT, weak=True)
WEAK_INT = Aval((), INT, weak=True)

# Captured arrays up to this many bytes are copied; larger ones are held, and locked until the results are there.
COPIED_BYTES = 64 * 1024

# Python numbers that stay part of the program; any other becomes an input, so that a step size can change.
_LITERALS = (0, 1, -1, 2, -2, 0.5, -0.5)

_current: ContextVar[Trace | None] = ContextVar("chainrule_trace", default=None)


class Unknown:
    """Stands in a binding table for one of a stack of values (inside `vmap`); `stack` is the whole of it."""

    __slots__ = ("stack",)

    def __init__(self, stack: Any) -> None:
        self.stack = stack


class Trace:
    """One binding table, and what has been found out with it.

    Attributes
    ----------
    level : int
        Nesting depth; the outermost is 0.
    parent : Trace or None
        The trace inside which this one was opened.
    inputs : list of Node
    bindings : list
        For each input its value: an array, a Python number, a node of an enclosing trace, or `Unknown`.
    """

    def __init__(self, call: str, parent: Trace | None, by_reference: bool = False) -> None:
        self.call = call
        # Captured arrays are read again at every run (`jit`), also where a transform inside captures them.
        self.by_reference: bool = by_reference or (parent is not None and parent.by_reference)
        self.parent = parent
        self.level: int = 0 if parent is None else parent.level + 1
        self.inputs: list[Node] = []
        self.bindings: list[Any] = []
        self.active: set[Node] = set()
        self.is_open = True
        self._captured: dict[int, tuple[Any, Any, Node]] = {}
        self._memo: dict[Node, Any] = {}
        self._locked: list[np.ndarray[Any, Any]] = []
        self.guards: list[tuple[Node, Any]] | None = None  # forced values, where a transform keeps them

    # --- inputs ---

    def add_input(self, aval: Aval, value: Any, active: bool = False) -> Node:
        """A new place in the table."""
        node = input_node(self.level, len(self.inputs), aval)
        self.inputs.append(node)
        self.bindings.append(value)
        if active:
            self.active.add(node)
        return node

    def capture(self, value: Any, call: str) -> Node:
        """The input for a concrete value that the function uses without having been given it.

        One place for each array object; a place of its own for each Python or NumPy number, since two numbers that
        are equal now need not be equal in the next call.
        """
        if isinstance(value, np.ndarray):
            return self._capture_array(value, call)
        if isinstance(value, np.generic):
            array = np.asarray(value)
            require_numeric(array, call)
            return self.add_input(Aval((), array.dtype), array)
        if isinstance(value, bool):
            return literal(value)
        if isinstance(value, int | float):
            if value in _LITERALS:
                return literal(value)
            return self.add_input(WEAK_FLOAT if isinstance(value, float) else WEAK_INT, value)
        return self._capture_array(np.asarray(value), call)

    def _capture_array(self, array: np.ndarray[Any, Any], call: str) -> Node:
        known = self._captured.get(id(array))
        if known is not None and known[0] is array and _is_unchanged(array, known[1]):
            return known[2]
        require_plain(array, call)
        require_numeric(array, call)
        held = self.hold(array)
        node = self.add_input(Aval(array.shape, array.dtype), held)
        self._captured[id(array)] = (array, held, node)
        return node

    def hold(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The array as it is now: a copy if it is small, else itself, locked against writing."""
        if self.by_reference:
            return array
        if array.nbytes <= COPIED_BYTES or not _LOCKS.lock(array, self._locked):
            return np.array(array)
        return array.view(np.ndarray)

    # --- values ---

    def value_of(self, node: Node, call: str, fix: str, guarded: bool = True) -> Any:
        """The number that `node` has in this trace; each node is computed once.

        Where a transform keeps the trace (`jit`), what the number was becomes a condition for using it again, unless
        it is only shown (`guarded` False).
        """
        if node not in self._memo:
            self._bind_inputs(node, call, fix)
            with np.errstate(all="ignore"):
                evaluate_into(self._memo, [node], NUMPY)
        value = self._memo[node]
        if guarded and any(trace.guards is not None for trace in self.ancestry()):
            self._guard(node, value)
        return value

    def _guard(self, node: Node, value: Any) -> None:
        if self.guards is not None:
            self.guards.append((node, value))
        if self.parent is not None:
            self.parent._guard(self._lowered(node), value)

    def _lowered(self, node: Node) -> Node:
        """The node in terms of the enclosing trace: inputs of this one replaced by what they are bound to."""
        assert self.parent is not None
        mapping = {}
        for leaf in topological([node], above=self.level + 1):
            if leaf.op is INPUT:
                value = self.bindings[leaf.param("index")]
                mapping[leaf] = value if isinstance(value, Node) else self.parent.capture(value, self.call)
        return substitute([node], mapping)[0]

    def _bind_inputs(self, node: Node, call: str, fix: str) -> None:
        by_level = {trace.level: trace for trace in self.ancestry()}
        for leaf in topological([node]):
            if leaf.op is not INPUT or leaf in self._memo:
                continue
            owner = by_level[leaf.param("level")]
            value = owner.bindings[leaf.param("index")]
            if isinstance(value, Unknown):
                raise fail(
                    TracerError,
                    call,
                    "the value is not known: it is one of a stack (inside chainrule.vmap)",
                    [("x", node)],
                    fix=fix,
                )
            if isinstance(value, Node):
                assert owner.parent is not None
                value = owner.parent.value_of(value, call, fix)
            self._memo[leaf] = value

    def is_active(self, node: Node) -> bool:
        """Whether a derivative is being taken through `node`, in this trace or one around it."""
        for trace in self.ancestry():
            if not trace.active:
                continue
            order = topological([node], above=trace.level + 1)
            if node in active_nodes(order, trace.active & set(order)):
                return True
        return self._is_bound_to_active(node)

    def _is_bound_to_active(self, node: Node) -> bool:
        """Whether an input below `node` stands for an active node of an enclosing trace."""
        by_level = {trace.level: trace for trace in self.ancestry()}
        order = topological([node])
        for leaf in order:
            if leaf.op is INPUT:
                owner = by_level.get(leaf.param("level"))
                if owner is not None and owner.parent is not None:
                    value = owner.bindings[leaf.param("index")]
                    value = value.stack if isinstance(value, Unknown) else value
                    is_bound = isinstance(value, Node) and owner.parent.is_active(value)
                    if is_bound and node in active_nodes(order, {leaf}):
                        return True
        return False

    def ancestry(self) -> Iterator[Trace]:
        """The trace itself, its parent, and so on outwards."""
        trace: Trace | None = self
        while trace is not None:
            yield trace
            trace = trace.parent

    # --- closing ---

    def close(self, outputs: Sequence[Node]) -> tuple[Function, list[Any]]:
        """The closed function of `outputs`, and the values of its inputs.

        Nodes of enclosing traces that the outputs use become inputs too, after those of this trace.
        """
        if self.level == 0:
            return Function(self.inputs, outputs), list(self.bindings)
        inputs, bindings = list(self.inputs), list(self.bindings)
        mapping: dict[Node, Node] = {}
        above = self.level + 1
        for node in [*topological(outputs, above=above), *outputs]:
            for operand in node.operands if node.level >= above else (node,):
                if 0 < operand.level < above and operand not in mapping:
                    mapping[operand] = input_node(self.level, len(inputs), operand.aval)
                    inputs.append(mapping[operand])
                    bindings.append(operand)
        return Function(inputs, substitute(outputs, mapping)), bindings

    def release(self) -> None:
        """Unlock captured arrays; called when the results are there, whatever happened."""
        self.is_open = False
        _LOCKS.unlock(self._locked)
        self._memo.clear()
        self._captured.clear()


def _is_unchanged(array: np.ndarray[Any, Any], held: np.ndarray[Any, Any]) -> bool:
    """Whether a captured array still has the contents with which it was captured."""
    if np.may_share_memory(array, held):
        return True  # held by reference and locked, so nobody could write to it
    return array.shape == held.shape and array.dtype == held.dtype and array.tobytes() == held.tobytes()


def require_plain(value: Any, call: str) -> None:
    """Refuse kinds of arrays that calculate by rules of their own."""
    if isinstance(value, np.matrix) or any(cls.__name__ == "MaskedArray" for cls in type(value).__mro__):
        raise fail(
            UnsupportedError,
            call,
            f"{type(value).__name__} calculates by rules of its own",
            [("x", value)],
            fix="pass numpy.asarray(x), and the mask of a masked array beside it",
        )


def require_numeric(array: np.ndarray[Any, Any], call: str) -> None:
    """Refuse dtypes that the graph does not know."""
    if array.dtype.kind == "c":
        raise fail(
            DtypeError,
            call,
            "complex numbers are not supported yet",
            [("x", array)],
            fix="write the function in terms of the real and the imaginary part",
        )
    if array.dtype.kind not in "fiub":
        raise fail(
            DtypeError,
            call,
            f"dtype {array.dtype} has no arithmetic",
            [("x", array)],
            fix="convert with x.astype(float)",
        )


class _Locks:
    """Arrays made read-only while traces hold them by reference, counted, so that traces may share an array."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[int, tuple[np.ndarray[Any, Any], int]] = {}
        self._waiting: list[np.ndarray[Any, Any]] = []  # released views of arrays that others still hold

    def lock(self, array: np.ndarray[Any, Any], record: list[np.ndarray[Any, Any]]) -> bool:
        """Make `array` and the arrays it is a view of read-only; False if that could not be undone."""
        with self._lock:
            chain: list[np.ndarray[Any, Any]] = []
            link: Any = array
            while isinstance(link, np.ndarray):
                if not self._is_restorable(link):
                    return False
                if link.flags.writeable or id(link) in self._counts:
                    chain.append(link)
                link = link.base
            for link in chain:
                self._counts[id(link)] = (link, self._counts.get(id(link), (link, 0))[1] + 1)
                link.flags.writeable = False
            record += chain
        return True

    def unlock(self, record: list[np.ndarray[Any, Any]]) -> None:
        """Give back what `lock` recorded, bases first: a view of a read-only array cannot be made writeable."""
        with self._lock:
            free: list[np.ndarray[Any, Any]] = []
            while record:
                link = record.pop()
                _, count = self._counts.pop(id(link))
                if count > 1:
                    self._counts[id(link)] = (link, count - 1)
                else:
                    free.append(link)
            free += self._waiting
            self._waiting = []
            for link in free:
                if id(link.base) in self._counts:
                    self._waiting.append(link)
                else:
                    link.flags.writeable = True

    def _is_restorable(self, link: np.ndarray[Any, Any]) -> bool:
        """Whether NumPy lets a writeable array become writeable again: its memory must say that it is."""
        if not link.flags.writeable or link.flags.owndata:
            return True
        base: Any = link.base
        if isinstance(base, np.ndarray):
            return base.flags.writeable or id(base) in self._counts
        try:
            return not memoryview(base).readonly
        except TypeError:
            return False


_LOCKS = _Locks()


def current_trace() -> Trace | None:
    """The innermost trace that is open in this context."""
    return _current.get()


class opened:  # noqa: N801 - used as a function: ``with opened(call) as trace``
    """A new trace inside the current one; open, and current, while the block runs."""

    __slots__ = ("_token", "_trace")

    def __init__(self, call: str, by_reference: bool = False) -> None:
        self._trace = Trace(call, _current.get(), by_reference)

    def __enter__(self) -> Trace:
        self._token = _current.set(self._trace)
        return self._trace

    def __exit__(self, *exception: object) -> None:
        _current.reset(self._token)
        self._trace.release()
