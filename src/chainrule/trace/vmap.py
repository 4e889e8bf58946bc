"""`vmap`: a function of single things applied along an axis of stacks of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree

from chainrule.core.aval import Aval
from chainrule.core.cache import CACHE
from chainrule.core.function import Function
from chainrule.core.leaves import input_node
from chainrule.core.node import Node
from chainrule.diff.batch import batch
from chainrule.diff.jacobian import prepared
from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.ops.shaping import permute
from chainrule.trace.array import Array
from chainrule.trace.containers import NAMESPACE, flatten, unflatten
from chainrule.trace.function import call_traced, finish, held_leaf, require_reachable, result_nodes
from chainrule.trace.tracer import Trace, Unknown, opened, require_numeric, require_plain
from chainrule.trace.transforms import named

CALL = "chainrule.vmap"
Axis = int | None


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """Apply a function along an axis of its arguments, in one vectorised run.

    Parameters
    ----------
    f : callable
        A function of single things.
    in_axes : int, None or tuple, default 0
        The axis of each argument to go along; None for an argument that is the same for all. One entry for each
        positional argument, or one for all; an entry may be a container with axes for parts of the argument.
    out_axes : int or container, default 0
        Where the new axis goes in the results.

    Returns
    -------
    callable
        Takes the arguments with their additional axis; returns the results with theirs. Keyword arguments are the
        same for all.

    Raises
    ------
    TracerError
        If `f` needs a value (``if x > 0``): there are many. Use `numpy.where`.
    ShapeError
        If the axes differ in size.

    Notes
    -----
    Costs one run of the same NumPy calls on larger arrays. Random numbers drawn inside `f` are the same for all.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> cr.vmap(lambda row: row @ row)(rows)
    array([ 5., 25.])
    >>> cr.vmap(cr.grad(lambda row: row @ row))(rows)
    array([[2., 4.],
           [6., 8.]])
    """

    def transformed(*args: Any, **keywords: Any) -> Any:
        with opened(CALL) as trace:
            stacks = _Stacks(trace, args, in_axes)
            leaves, structure = flatten(call_traced(trace, f, stacks.handles, keywords))
            function, bindings = trace.close(result_nodes(trace, leaves, CALL))
            bindings = [value.stack if isinstance(value, Unknown) else value for value in bindings]
            axes = tuple(stacks.axes.get(k) for k in range(len(bindings)))
            places = tuple(_leaf_axes(out_axes, structure, "out_axes"))
            stacked = _stacked(prepared(function), axes, places, stacks.size)
            return unflatten(structure, finish(trace, stacked, bindings))

    return named(f, "vmap")(transformed)


class _Stacks:
    """The arguments as handles of single things, and the axes along which they are stacked, by number of input."""

    def __init__(self, trace: Trace, args: Sequence[Any], in_axes: Any) -> None:
        self.trace = trace
        self.axes: dict[int, int] = {}
        self.handles: list[Any] = []
        self._first: Aval | None = None
        self.size: Any = None
        per_argument = in_axes if isinstance(in_axes, tuple | list) else (in_axes,) * len(args)
        if len(per_argument) != len(args):
            raise fail(
                ArgumentError,
                CALL,
                f"in_axes has {len(per_argument)} entries for {len(args)} positional arguments",
                fix="give one axis for each argument, or one for all",
            )
        for argument, prefix in zip(args, per_argument, strict=True):
            leaves, structure = flatten(argument)
            axes = _leaf_axes(prefix, structure, "in_axes")
            handles = [
                held_leaf(trace, leaf, CALL) if axis is None or leaf is None else self._single(leaf, axis)
                for leaf, axis in zip(leaves, axes, strict=True)
            ]
            self.handles.append(unflatten(structure, handles))
        if self.size is None:
            raise fail(ArgumentError, CALL, "no argument has an axis to go along", fix="give in_axes=0 for one of them")

    def _single(self, leaf: Any, axis: int) -> Array:
        """One of a stack, as a handle without a value."""
        if isinstance(leaf, Array):
            require_reachable(self.trace, leaf, CALL)
            stack: Any = leaf._node
            aval = leaf._node.aval
        else:
            require_plain(leaf, CALL)
            array = np.asarray(leaf)
            require_numeric(array, CALL)
            stack, aval = self.trace.hold(array), Aval(array.shape, array.dtype)
        if not -aval.ndim <= axis < aval.ndim:
            raise fail(
                ShapeError,
                CALL,
                f"axis {axis} does not exist in an argument with {aval.ndim} axes",
                [("argument", aval)],
                fix="give in_axes=None for an argument that is the same for all",
            )
        place = axis % aval.ndim
        size = aval.shape[place]
        if self._first is None:
            self._first, self.size = aval, size
        elif size != self.size:
            raise fail(
                ShapeError,
                CALL,
                f"the axes to go along have sizes {self.size} and {size}",
                [("an argument", self._first), ("another", aval)],
                fix="make the sizes equal, or give in_axes=None for one that is the same for all",
            )
        self.axes[len(self.trace.inputs)] = place
        single = Aval((*aval.shape[:place], *aval.shape[place + 1 :]), aval.dtype)
        return Array(self.trace.add_input(single, Unknown(stack)), self.trace)


def _leaf_axes(prefix: Any, structure: Any, name: str) -> list[Any]:
    """One axis for each leaf, from one for all or from a container of axes."""
    if prefix is None or isinstance(prefix, int):
        axes: list[Any] = [prefix] * structure.num_leaves
    else:
        try:
            whole = unflatten(structure, [0] * structure.num_leaves)
            axes = optree.broadcast_prefix(prefix, whole, none_is_leaf=True, namespace=NAMESPACE)
        except (ValueError, TypeError) as error:
            raise fail(
                ArgumentError,
                CALL,
                f"{name} does not fit the containers: {error}",
                fix=f"give {name} as an integer, or in the same containers",
            ) from error
    for axis in axes:
        if axis is None and name == "out_axes":
            raise fail(ArgumentError, CALL, "out_axes cannot be None", fix="give the place of the new axis")
        if axis is not None and (isinstance(axis, bool) or not isinstance(axis, int | np.integer)):
            raise fail(ArgumentError, CALL, f"{name} holds {axis!r}", fix="give integers or None")
    return axes


def _stacked(function: Function, axes: tuple[Axis, ...], places: tuple[int, ...], size: Any) -> Function:
    """The function of whole stacks, with the stack axes where the caller has them."""
    return CACHE.get(
        "vmap",
        (function, axes, places, size),
        lambda: _make_stacked(function, axes, places, size),
        lambda f: len(f.nodes()),
    )


def _make_stacked(function: Function, axes: tuple[Axis, ...], places: tuple[int, ...], size: Any) -> Function:
    inputs, operands = [], []
    for x, axis in zip(function.inputs, axes, strict=True):
        if axis is None:
            inputs.append(x)
            operands.append(x)
            continue
        aval = Aval((*x.shape[:axis], size, *x.shape[axis:]), x.dtype)
        stack = input_node(x.param("level"), x.param("index"), aval)
        inputs.append(stack)
        operands.append(_moved(stack, axis, 0))
    results = batch(function, tuple(axis is not None for axis in axes), size)(operands)
    return Function(inputs, [_moved(y, 0, _result_place(y, place)) for y, place in zip(results, places, strict=True)])


def _result_place(y: Node, place: int) -> int:
    if not -y.ndim <= place < y.ndim:
        raise fail(
            ArgumentError,
            CALL,
            f"out_axes={place} for a result with {y.ndim} axes",
            [("result", y)],
            fix=f"give a place from 0 to {y.ndim - 1}",
        )
    return place % y.ndim


def _moved(x: Node, source: int, destination: int) -> Node:
    order = [k for k in range(x.ndim) if k != source]
    order.insert(destination, source)
    return permute(x, tuple(k - x.ndim for k in order))
