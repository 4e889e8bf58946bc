"""The tape of eager variables: what was computed, from what, with which numbers.

There is no tape as such. An `Entry` is one operation that has run: its graph over numbered inputs of its own, the
entries of its operands, its value. Entries are reachable from results alone, so they live as long as something can
still ask for a derivative through them. Asking closes what a result depends on into a canonical Function: equal
computations give the same one, whose gradient and program are in the cache.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from chainrule.core.aval import Aval
from chainrule.core.cache import CACHE
from chainrule.core.config import config
from chainrule.core.function import Function
from chainrule.core.leaves import INPUT, LITERAL, input_node
from chainrule.core.node import Node, substitute, topological
from chainrule.diff.jacobian import prepared, value_and_gradient
from chainrule.diff.reverse import pullback
from chainrule.errors import SpentError, fail
from chainrule.ops.arithmetic import add
from chainrule.ops.selection import derive_as
from chainrule.ops.shaping import reshape
from chainrule.run.program import program_of

# None: operations are recorded, except by arrays that record inside a scope only.
_recording: ContextVar[bool | None] = ContextVar("chainrule_recording", default=None)

# Guards what threads share: the gradients that accumulate in variables.
LOCK = threading.Lock()


def is_recording(by_default: bool = True) -> bool:
    """Whether operations are recorded here."""
    mode = _recording.get()
    return by_default if mode is None else mode


@contextmanager
def recording(flag: bool) -> Iterator[None]:
    """Record operations, or do not, while the block runs."""
    token = _recording.set(flag)
    try:
        yield
    finally:
        _recording.reset(token)


class Leaf:
    """What a variable remains while its value changes: the place where its gradient accumulates."""

    __slots__ = ("grad",)

    def __init__(self) -> None:
        self.grad: Any = None


class Entry:
    """A value and where it came from.

    Attributes
    ----------
    value : ndarray or numpy scalar
        Never changed in place.
    aval : Aval
    leaf : Leaf or None
        For one value of a variable: the variable.
    node : Node or None
        For an operation: what it computes of `inputs`. A constant has neither a leaf nor a node.
    inputs : tuple of Node
    operands : tuple of Entry
        What the inputs stand for.
    is_spent : bool
        Whether a backward pass has freed the operands.
    """

    __slots__ = ("aval", "inputs", "is_spent", "leaf", "node", "operands", "value")

    def __init__(
        self,
        value: Any,
        aval: Aval,
        leaf: Leaf | None = None,
        node: Node | None = None,
        inputs: tuple[Node, ...] = (),
        operands: tuple[Entry, ...] = (),
    ) -> None:
        self.value = value
        self.aval = aval
        self.leaf = leaf
        self.node = node
        self.inputs = inputs
        self.operands = operands
        self.is_spent = False

    @property
    def requires_grad(self) -> bool:
        """Whether a derivative can be asked for, through this value or by it."""
        return self.leaf is not None or self.node is not None

    def free(self) -> None:
        """Drop what a backward pass needs; the value stays."""
        self.is_spent = True
        self.inputs = self.operands = ()


def constant(value: Any) -> Entry:
    """An entry for numbers that no derivative is taken by."""
    return Entry(value, Aval(value.shape, value.dtype))


def reached(outputs: Iterable[Entry]) -> list[Entry]:
    """Every entry that `outputs` were computed from, operands first."""
    order: list[Entry] = []
    seen: set[Entry] = set()
    stack: list[Entry] = []
    for output in outputs:
        stack.append(output)
        while stack:
            entry = stack[-1]
            if entry in seen:
                stack.pop()
                continue
            pending = [operand for operand in entry.operands if operand not in seen]
            if pending:
                stack.extend(reversed(pending))
            else:
                seen.add(entry)
                order.append(entry)
                stack.pop()
    return order


class Closed(NamedTuple):
    """What a result depends on, as a Function.

    Attributes
    ----------
    function : Function
        Its outputs are the result, then the nodes of all operations in order.
    values : list
        Of the inputs, then of the operations.
    operands : list of Entry
        Of the inputs.
    active : tuple of int
        Inputs that gradients are taken by.
    owners : list
        For each of these the variable it is a value of, or the entry of the intermediate result it stands for.
    """

    function: Function
    values: list[Any]
    operands: list[Entry]
    active: tuple[int, ...]
    owners: list[Leaf | Entry]


def closed(root: Entry, order: Sequence[Entry], wanted: Collection[Leaf | Entry] | None, call: str) -> Closed:
    """The computation of `root`, its leaves numbered by first use; by default gradients are wanted by all variables.

    An intermediate result u that is asked for becomes u + e, with an input e of its own that is 0: the derivative by
    e is the one by u, and no other result that happens to have the same formula is mistaken for it.
    """
    inputs: list[Node] = []
    operands: list[Entry] = []
    active: list[int] = []
    owners: list[Leaf | Entry] = []
    recorded: list[Node] = []
    values: list[Any] = []
    nodes: dict[Entry, Node] = {}

    def add_input(entry: Entry, owner: Leaf | Entry | None) -> Node:
        if owner is not None:
            active.append(len(inputs))
            owners.append(owner)
        node = input_node(0, len(inputs), entry.aval)
        inputs.append(node)
        operands.append(entry)
        return node

    for entry in order:
        if entry.node is None:
            nodes[entry] = add_input(entry, entry.leaf if wanted is None or entry.leaf in wanted else None)
            continue
        if entry.is_spent:
            raise fail(
                SpentError,
                call,
                "a backward pass has already freed what this result was computed from",
                [("result", root.aval)],
                fix="compute the result again, or keep it for further passes: y.backward(retain_graph=True)",
            )
        node = _placed(entry.node, entry.inputs, [nodes[operand] for operand in entry.operands])
        if wanted is not None and entry in wanted:
            shift = add_input(constant(np.zeros(entry.aval.shape, entry.aval.dtype)), entry)
            node = derive_as(node, add(node, shift))
        nodes[entry] = node
        recorded.append(node)
        values.append(entry.value)
    function = Function(inputs, (nodes[root], *recorded))
    return Closed(function, [operand.value for operand in operands] + values, operands, tuple(active), owners)


def _placed(node: Node, inputs: Sequence[Node], operands: Sequence[Node]) -> Node:
    """`node` with `operands` in place of `inputs`."""
    if node.op is INPUT:
        return operands[node.params[1]]
    if all(x.op is INPUT for x in node.operands):
        return node.op.bind(tuple([operands[x.params[1]] for x in node.operands]), node.params)
    return substitute([node], dict(zip(inputs, operands, strict=True)))[0]


class _Gradient(NamedTuple):
    """A gradient as a Function of some of the values of a `Closed`, and which."""

    function: Function
    places: tuple[int, ...]


def _gradient(function: Function, active: tuple[int, ...], is_seeded: bool) -> Function:
    """The gradients alone, of the first output; with `is_seeded` its cotangent is a further input."""
    output = function.outputs[0]
    if is_seeded:
        return pullback(prepared(Function(function.inputs, [output])), active)
    scalar = Function(function.inputs, [reshape(output, ())])
    derived = value_and_gradient(scalar, active)
    return Function(derived.inputs, derived.outputs[1:])


def _on_recorded_values(function: Function, active: tuple[int, ...], is_seeded: bool) -> _Gradient:
    """The gradient that takes what the operations have computed instead of computing it again."""
    derived = _gradient(function, active, is_seeded)
    inputs = list(derived.inputs)
    recorded = function.outputs[1:]
    first = len(inputs)
    known: dict[Node, Node] = {}
    new = []
    for k, node in enumerate(recorded):
        place = input_node(0, first + k, node.aval)
        new.append(place)
        if node.op is not INPUT and node.op is not LITERAL:
            known.setdefault(node, place)
    outputs = substitute(derived.outputs, known)
    used = set(topological(outputs))
    order = [*function.inputs, *new, *inputs[len(function.inputs) :]]  # the cotangent comes last among the values
    places = tuple(k for k, node in enumerate(order) if node in used)
    return _Gradient(Function([order[k] for k in places], outputs), places)


def gradients_of(record: Closed, cotangent: Any = None) -> list[Any]:
    """The gradients by the active inputs, on the recorded values."""
    gradient = _derived(record, cotangent is not None)
    values = record.values if cotangent is None else [*record.values, cotangent]
    return program_of(gradient.function)([values[k] for k in gradient.places])


def _derived(record: Closed, is_seeded: bool) -> _Gradient:
    function, active = record.function, record.active
    return CACHE.get(
        "eager",
        (function, active, is_seeded, config.rewrite),
        lambda: _on_recorded_values(function, active, is_seeded),
        lambda gradient: len(function.nodes()) + len(gradient.function.nodes()),
    )


def gradient_entries(record: Closed, cotangent: Entry | None, is_recorded: bool) -> list[Entry]:
    """The gradients as entries, through which derivatives can be taken again if `is_recorded`."""
    values = gradients_of(record, None if cotangent is None else cotangent.value)
    if not is_recorded:
        return [constant(value) for value in values]
    derived = _gradient(record.function, record.active, cotangent is not None)
    operands = (*record.operands, *([] if cotangent is None else [cotangent]))
    return [
        Entry(value, node.aval, node=node, inputs=derived.inputs, operands=operands)
        for value, node in zip(values, derived.outputs, strict=True)
    ]
