"""From a Python function and its arguments to a closed Function: what every transform starts and ends with."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.core.aval import BOOL, FLOAT, Aval
from chainrule.core.function import Function
from chainrule.core.node import Node
from chainrule.diff.jacobian import prepared
from chainrule.errors import ArgumentError, DtypeError, ShapeError, TracerLeakError, fail
from chainrule.ops.selection import astype
from chainrule.run.program import program_of
from chainrule.trace.array import Array, SymbolScope, lift
from chainrule.trace.containers import flatten, leaf_names, unflatten
from chainrule.trace.tracer import WEAK_FLOAT, Trace, require_numeric, require_plain


def is_single(argnums: Any) -> bool:
    """Whether `argnums` names one argument, whose derivative is returned by itself."""
    return not isinstance(argnums, tuple | list)


def canonical_argnums(argnums: Any, count: int, call: str) -> tuple[int, ...]:
    """`argnums` as a tuple of places of the positional arguments."""
    several = (argnums,) if is_single(argnums) else argnums
    places = []
    for place in several:
        try:
            place = operator.index(place)
        except TypeError:
            raise fail(
                ArgumentError, call, f"argnums must be integers, not {place!r}", fix="give argnums=0 or argnums=(0, 1)"
            ) from None
        if not -count <= place < count:
            raise fail(
                ArgumentError,
                call,
                f"argnums={argnums} but the function was called with {count} positional argument{'s' * (count != 1)}",
                fix="pass the variables as positional arguments, and count them from 0",
            )
        places.append(place % count)
    if len(set(places)) < len(places):
        raise fail(ArgumentError, call, f"argnums={argnums} names an argument twice", fix="name each argument once")
    return tuple(places)


class Arguments:
    """The arguments of one call, flattened into the inputs of a trace.

    Attributes
    ----------
    handles : list
        The arguments with handles as array leaves, to call the function with.
    structures : dict
        For each differentiated argument its structure.
    active : dict
        For each differentiated argument the numbers of its inputs.
    kinds : list
        For each differentiated leaf what the caller gave, so that a gradient comes back alike.
    """

    def __init__(
        self, trace: Trace, f: Callable[..., Any], args: Sequence[Any], argnums: tuple[int, ...], call: str
    ) -> None:
        names = argument_names(f)
        self.handles: list[Any] = []
        self.structures: dict[int, Any] = {}
        self.active: dict[int, list[int]] = {}
        self.kinds: dict[int, list[Any]] = {}
        for place, argument in enumerate(args):
            # A None inside a container that is differentiated stands for nothing, and comes back as None.
            is_active = place in argnums
            leaves, structure = flatten(argument, none_is_leaf=not is_active or argument is None)
            if is_active:
                numbers = [len(trace.inputs) + k for k in range(len(leaves))]
                name = names[place] if place < len(names) else f"argument {place}"
                new = [
                    _active_leaf(trace, leaf, name + part, call)
                    for leaf, part in zip(leaves, leaf_names(structure), strict=True)
                ]
                self.structures[place], self.active[place], self.kinds[place] = structure, numbers, leaves
            else:
                new = [held_leaf(trace, leaf, call) for leaf in leaves]
            self.handles.append(unflatten(structure, new))

    def active_numbers(self, argnums: tuple[int, ...]) -> tuple[int, ...]:
        """Numbers of all differentiated inputs, argument after argument."""
        return tuple(k for place in argnums for k in self.active[place])

    def pack(self, argnums: tuple[int, ...], leaves: Sequence[Any], single: bool) -> Any:
        """Leaves for all differentiated inputs as containers like the arguments."""
        packed, start = [], 0
        for place in argnums:
            kinds = self.kinds[place]
            chosen = [like(leaf, kind) for leaf, kind in zip(leaves[start : start + len(kinds)], kinds, strict=True)]
            packed.append(unflatten(self.structures[place], chosen))
            start += len(kinds)
        return packed[0] if single else tuple(packed)


def argument_names(f: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the positional parameters, as far as the code object tells them."""
    function = getattr(f, "__func__", f)
    code = getattr(function, "__code__", None)
    if code is None:
        return ()
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    return names[1:] if function is not f else names


def like(value: Any, example: Any) -> Any:
    """A result of the kind that the caller gave: an array for an array, 0-d ones included, else a NumPy scalar."""
    if isinstance(value, Array) or np.shape(value):
        return value
    return np.asarray(value) if isinstance(example, np.ndarray) else np.asarray(value)[()]


def _active_leaf(trace: Trace, leaf: Any, name: str, call: str) -> Array:
    """A leaf that is differentiated, as a handle; integers become floats."""
    if isinstance(leaf, Array):
        if isinstance(leaf._owner, SymbolScope):
            raise fail(
                ArgumentError, call, f"{name} is a symbol", [(name, leaf)], fix="use chainrule.derivative for symbols"
            )
        require_reachable(trace, leaf, call)
        node = leaf._node
        _require_differentiable(node.dtype, leaf, name, call)
        if node.dtype.kind in "iu":
            node = astype(node, FLOAT)
        return Array(trace.add_input(node.aval, node, active=True), trace, name)
    if type(leaf) is float:
        return Array(trace.add_input(WEAK_FLOAT, leaf, active=True), trace, name)
    if isinstance(leaf, bool | int | float) and not isinstance(leaf, np.generic):
        _require_differentiable(np.dtype(type(leaf)), leaf, name, call)
        return Array(trace.add_input(WEAK_FLOAT, float(leaf), active=True), trace, name)
    require_plain(leaf, call)
    array = np.asarray(leaf)
    require_numeric_argument(array, leaf, name, call)
    _require_differentiable(array.dtype, array, name, call)
    if array.dtype.kind in "iu":
        if trace.by_reference and trace.parent is not None:  # converted at every run
            node = astype(trace.parent.capture(array, call), FLOAT)
            return Array(trace.add_input(node.aval, node, active=True), trace, name)
        array = array.astype(FLOAT)
    return Array(trace.add_input(Aval(array.shape, array.dtype), trace.hold(array), active=True), trace, name)


def require_numeric_argument(array: np.ndarray[Any, Any], leaf: Any, name: str, call: str) -> None:
    """Refuse arguments that are no numbers, by name."""
    if array.dtype.kind not in "fiubc":
        raise fail(
            DtypeError,
            call,
            f"{name} is {type(leaf).__name__}, which cannot be differentiated",
            fix="choose the variables with argnums=, or convert with numpy.asarray(x, dtype=float)",
        )
    require_numeric(array, call)


def _require_differentiable(dtype: np.dtype[Any], leaf: Any, name: str, call: str) -> None:
    if dtype == BOOL:
        raise fail(
            DtypeError, call, f"{name} is boolean and has no derivative", [(name, leaf)], fix="use x.astype(float)"
        )


def require_reachable(trace: Trace, leaf: Array, call: str) -> None:
    """Refuse a handle whose trace is not around this one."""
    if not leaf._owner.is_open or not any(leaf._owner is outer for outer in trace.ancestry()):
        raise fail(
            TracerLeakError,
            call,
            "an argument belongs to a call that is over, or to another thread",
            [("argument", leaf)],
            fix="pass the array as an argument instead of sharing it between calls or threads",
        )


def held_leaf(trace: Trace, leaf: Any, call: str) -> Any:
    """A leaf that is not differentiated: arrays and handles become inputs, anything else passes as it is."""
    if isinstance(leaf, Array):
        if isinstance(leaf._owner, SymbolScope):
            return leaf
        require_reachable(trace, leaf, call)
        return Array(trace.add_input(leaf._node.aval, leaf._node), trace)
    if isinstance(leaf, np.ndarray | np.generic):
        require_plain(leaf, call)
        array = np.asarray(leaf)
        if array.dtype.kind not in "fiub":
            return leaf
        return Array(trace.add_input(Aval(array.shape, array.dtype), trace.hold(array)), trace)
    return leaf


def result_nodes(trace: Trace, leaves: Sequence[Any], call: str) -> list[Node]:
    """Results of a traced function as nodes."""
    nodes = []
    for leaf in leaves:
        if not isinstance(leaf, Array | np.ndarray | np.generic | bool | int | float):
            raise fail(
                DtypeError,
                call,
                f"the function returned {type(leaf).__name__}, not a number or an array",
                fix="return arrays (has_aux=True allows a second result of any kind)",
            )
        if isinstance(leaf, Array):
            require_reachable_result(trace, leaf, call)
        nodes.append(lift(leaf, trace, call))
    return nodes


def require_reachable_result(trace: Trace, leaf: Array, call: str) -> None:
    """Refuse results that belong to another call."""
    require_reachable(trace, leaf, call)


def scalar_result(trace: Trace, result: Any, call: str) -> Node:
    """The one scalar that a loss function returned, as a node."""
    leaves, structure = flatten(result)
    if len(leaves) != 1 or structure.num_nodes != 1:
        raise fail(
            ShapeError,
            call,
            f"the function must return one scalar, it returned {type(result).__name__}",
            fix="return the loss alone, use has_aux=True for (loss, extras), or chainrule.jacobian for several outputs",
        )
    (node,) = result_nodes(trace, leaves, call)
    if node.shape:
        raise fail(
            ShapeError,
            call,
            f"the function must return a scalar, it returned shape {node.shape}",
            [("result", node)],
            fix="sum it, as in f(x).sum(), or use chainrule.jacobian",
        )
    if node.dtype.kind not in "fiub":
        raise fail(DtypeError, call, f"the result has dtype {node.dtype}", fix="return a real number")
    return node


def split_aux(result: Any, has_aux: bool, call: str) -> tuple[Any, Any]:
    """The result proper and the extras."""
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise fail(
            ArgumentError,
            call,
            "with has_aux=True the function must return a pair (result, extras)",
            fix="return (loss, extras)",
        )
    return result


class Extras:
    """Extra results: handles are computed with the rest, anything else is returned as it is."""

    def __init__(self, trace: Trace, extras: Any) -> None:
        self.leaves, self.structure = flatten(extras)
        self.places = [k for k, leaf in enumerate(self.leaves) if isinstance(leaf, Array)]
        for k in self.places:
            require_reachable_result(trace, self.leaves[k], trace.call)
        self.nodes = [self.leaves[k]._node for k in self.places]

    def pack(self, values: Sequence[Any]) -> Any:
        """The extras with values for the handles."""
        leaves = list(self.leaves)
        for place, value in zip(self.places, values, strict=True):
            leaves[place] = value
        return unflatten(self.structure, leaves)


def finish(
    trace: Trace, function: Function, bindings: Sequence[Any], prepare: bool = False, scope: Trace | None = None
) -> list[Any]:
    """The outputs of `function` on the bindings: numbers, or handles if an open trace is involved.

    `scope` is that trace; by default the one around `trace`.
    """
    if any(isinstance(value, Node) for value in bindings):
        parent = trace.parent if scope is None else scope
        assert parent is not None
        if not parent.is_open:
            raise fail(
                TracerLeakError,
                trace.call,
                "the call that this function belongs to is over",
                fix="use the function inside the call in which it was made",
            )
        nodes = [value if isinstance(value, Node) else parent.capture(value, trace.call) for value in bindings]
        return [Array(node, parent) for node in function(nodes)]
    return program_of(prepared(function) if prepare else function)(bindings)


def call_traced(trace: Trace, f: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """`f` on handles."""
    if not callable(f):
        raise fail(
            ArgumentError, trace.call, f"a function is needed, not {type(f).__name__}", fix="pass the function itself"
        )
    return f(*args, **keywords)
