"""Products with the Jacobian and the Hessian, which are not formed: `jvp`, `vjp`, `linearize`, `hvp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.core.function import Function
from chainrule.core.node import Node
from chainrule.diff.forward import pushforward
from chainrule.diff.jacobian import prepared, value_and_gradient
from chainrule.diff.reverse import pullback
from chainrule.errors import ArgumentError, DtypeError, ShapeError, fail
from chainrule.trace.array import Array, example_aval, owner_of
from chainrule.trace.containers import flatten, unflatten
from chainrule.trace.function import (
    Arguments,
    call_traced,
    finish,
    require_reachable_result,
    result_nodes,
    scalar_result,
)
from chainrule.trace.tracer import Trace, current_trace, opened


def _directions(given: Any, examples: Sequence[Any], structure: Any, call: str, what: str) -> list[Any]:
    """Tangents or cotangents, as arrays and handles: of the structure, shapes and dtypes of what they belong to."""
    leaves, own = flatten(given, structure.none_is_leaf)
    if own != structure:
        raise fail(
            ArgumentError,
            call,
            f"the {what} have the structure {own}, what they belong to has {structure}",
            fix=f"give one of the {what} for each array, in the same containers",
        )
    values = []
    for leaf, example in zip(leaves, examples, strict=True):
        aval = leaf._node.aval if isinstance(leaf, Array) else example_aval(leaf)
        if aval.shape != example.shape or aval.dtype.kind not in "fiu":
            raise fail(
                ShapeError,
                call,
                f"one of the {what} does not fit",
                [("given", aval), ("needed", example)],
                fix="give an array of the same shape",
            )
        values.append(_direction(leaf, example.dtype))
    return values


def _direction(leaf: Any, dtype: np.dtype[Any]) -> Any:
    """A tangent or cotangent in the dtype of what it belongs to."""
    trace = current_trace()
    if isinstance(leaf, np.ndarray) and leaf.dtype != dtype and trace is not None and trace.by_reference:
        leaf = Array(trace.capture(leaf, trace.call), trace)  # converted at every run
    return leaf.astype(dtype) if isinstance(leaf, Array) else np.asarray(leaf, dtype)


class _Traced:
    """A function traced at some primals, kept so that products can be asked for later."""

    def __init__(self, call: str, f: Callable[..., Any], primals: Sequence[Any], scalar: bool, kept: bool) -> None:
        self.call = call
        self.primals = tuple(primals)
        places = tuple(range(len(self.primals)))
        with opened(call) as trace:
            self.trace = trace
            self.arguments = Arguments(trace, f, self.primals, places, call)
            result = call_traced(trace, f, self.arguments.handles, {})
            leaves, self.structure = flatten(result, none_is_leaf=result is None)
            nodes = [scalar_result(trace, result, call)] if scalar else result_nodes(trace, leaves, call)
            function, bindings = trace.close(nodes)
            # Products may be asked for after the call: by then nothing is locked, so large arrays are copied.
            copied = kept and not trace.by_reference
            self.bindings = [_kept_copy(value) for value in bindings] if copied else bindings
        self.numbers = self.arguments.active_numbers(places)
        self.raw = function
        self.function = prepared(function)

    def finish(self, function: Function, extra: Sequence[Any] = ()) -> list[Any]:
        """Outputs of a function of the inputs and of `extra`."""
        values = [value._node if isinstance(value, Array) else value for value in extra]
        scope = self._scope([value for value in extra if isinstance(value, Array)])
        return finish(self.trace, function, [*self.bindings, *values], scope=scope)

    def _scope(self, directions: list[Any]) -> Trace | None:
        """The trace in which results live: the deeper one of where this was traced and of the directions."""
        around = self.trace.parent if any(isinstance(value, Node) for value in self.bindings) else None
        if not directions:
            return around
        owner = owner_of(directions, self.call)
        assert isinstance(owner, Trace)
        if around is None or any(outer is around for outer in owner.ancestry()):
            return owner
        for handle in directions:
            require_reachable_result(around, handle, self.call)
        return around

    def tangents(self, given: Any) -> list[Any]:
        """Tangents for the primals."""
        _, structure = flatten(self.primals, none_is_leaf=False)
        examples = [self.function.inputs[k].aval for k in self.numbers]
        return _directions(tuple(given), examples, structure, self.call, "tangents")

    def packed(self, values: Sequence[Any]) -> Any:
        """Outputs in the structure that the function returned."""
        return unflatten(self.structure, values)


def _kept_copy(value: Any) -> Any:

    return np.array(value) if isinstance(value, np.ndarray) else value


def _require_tuples(primals: Any, tangents: Any, call: str) -> None:
    for name, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, tuple | list):
            raise fail(
                ArgumentError, call, f"{name} must be a tuple with one entry for each argument", fix=f"write ({name},)"
            )
    if len(primals) != len(tangents):
        raise fail(
            ArgumentError, call, f"{len(primals)} primals and {len(tangents)} tangents", fix="give one tangent for each"
        )


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Value, and Jacobian times a direction (forward mode).

    Parameters
    ----------
    f : callable
        Takes and returns arrays, numbers or containers of them.
    primals : tuple
        The arguments, one entry for each.
    tangents : tuple
        The direction, of the same structure and shapes.

    Returns
    -------
    tuple
        ``(f(*primals), directional derivative)``.

    Notes
    -----
    One pass along the graph; the Jacobian is not formed.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> cr.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    call = "chainrule.jvp"
    _require_tuples(primals, tangents, call)
    traced = _Traced(call, f, primals, scalar=False, kept=True)
    directions = traced.tangents(tangents)
    pushed = _with_values(traced.function, pushforward(traced.function, traced.numbers))
    values = traced.finish(pushed, directions)
    count = len(traced.function.outputs)
    return traced.packed(values[:count]), traced.packed(_for_floating(traced, values[count:]))


def _with_values(function: Function, derived: Function) -> Function:
    """The outputs of a function before those of its pushforward or pullback, as one Function."""
    return Function(derived.inputs, (*function.outputs, *derived.outputs))


def _for_floating(traced: _Traced, tangents: Sequence[Any]) -> list[Any]:
    """Tangents for all outputs: zeros for those that are integers or booleans."""
    given = iter(tangents)
    return [
        next(given) if output.dtype.kind == "f" else np.zeros(output.shape)[()] for output in traced.function.outputs
    ]


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Value, and a function for cotangent times Jacobian (reverse mode).

    Parameters
    ----------
    f : callable
        Takes and returns arrays, numbers or containers of them.
    *primals
        The arguments.

    Returns
    -------
    tuple
        ``(f(*primals), pull)``; ``pull(cotangent)`` takes a cotangent of the structure of the value and returns a
        tuple with one entry for each argument. It may be called again and again.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> value, pull = cr.vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> pull(1.0)
    (np.float64(4.0), np.float64(3.0))
    """
    call = "chainrule.vjp"
    traced = _Traced(call, f, primals, scalar=False, kept=True)
    function = traced.function
    values = traced.finish(function)
    places = tuple(range(len(primals)))
    floating = [output.aval for output in function.outputs if output.dtype.kind == "f"]
    derived = pullback(function, traced.numbers)

    def pull(cotangent: Any) -> tuple[Any, ...]:
        """Cotangents of the arguments from one of the value."""
        if len(floating) != len(function.outputs):
            raise fail(
                DtypeError, call, "an output is not floating and has no cotangent", fix="return floating arrays only"
            )
        directions = _directions(cotangent, floating, traced.structure, call, "cotangents")
        packed: tuple[Any, ...] = traced.arguments.pack(places, traced.finish(derived, directions), single=False)
        return packed

    return traced.packed(values), pull


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Value, and the linear map of directions to directional derivatives.

    Parameters
    ----------
    f : callable
        Takes and returns arrays, numbers or containers of them.
    *primals
        The point.

    Returns
    -------
    tuple
        ``(f(*primals), push)``; ``push(*tangents)`` is the directional derivative, so that
        ``f(x + dx)`` is about ``value + push(dx)``.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> value, push = cr.linearize(lambda x: x**2, 3.0)
    >>> push(0.5)
    np.float64(3.0)
    """
    call = "chainrule.linearize"
    traced = _Traced(call, f, primals, scalar=False, kept=True)
    values = traced.finish(traced.function)
    derived = pushforward(traced.function, traced.numbers)

    def push(*tangents: Any) -> Any:
        """The derivative along a direction."""
        _require_tuples(primals, tangents, call)
        results = traced.finish(derived, traced.tangents(tangents))
        return traced.packed(_for_floating(traced, results))

    return traced.packed(values), push


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Hessian of a scalar function times a direction, without forming the Hessian.

    Parameters
    ----------
    f : callable
        Returns a scalar.
    primals : tuple
        The point, one entry for each argument.
    tangents : tuple
        The direction, of the same structure and shapes.

    Returns
    -------
    array or container
        Of the structure of the first argument; a tuple where there are several.

    Notes
    -----
    Forward mode over reverse mode: a small multiple of the cost of one gradient.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> cr.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([6., 0.])
    """
    call = "chainrule.hvp"
    _require_tuples(primals, tangents, call)
    traced = _Traced(call, f, primals, scalar=True, kept=True)
    directions = traced.tangents(tangents)
    first = value_and_gradient(traced.raw, traced.numbers)
    gradients = prepared(Function(first.inputs, first.outputs[1:]))
    results = traced.finish(pushforward(gradients, traced.numbers), directions)
    places = tuple(range(len(traced.primals)))
    return traced.arguments.pack(places, results, single=len(places) == 1)
