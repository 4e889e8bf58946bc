"""The transforms that users call: a Python function in, a Python function out."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from chainrule.core.function import Function
from chainrule.core.node import Node
from chainrule.diff.forward import pushforward
from chainrule.diff.jacobian import hessian as hessian_function
from chainrule.diff.jacobian import jacobian as jacobian_function
from chainrule.diff.jacobian import prepared, value_and_gradient
from chainrule.diff.reverse import pullback
from chainrule.errors import ArgumentError, DtypeError, ShapeError, fail
from chainrule.ops.reductions import sum_over
from chainrule.ops.selection import stop_gradient as stop_gradient_node
from chainrule.trace.array import Array, example_aval, owner_of
from chainrule.trace.containers import flatten, unflatten
from chainrule.trace.function import (
    Arguments,
    Extras,
    call_traced,
    canonical_argnums,
    finish,
    is_single,
    require_reachable_result,
    result_nodes,
    scalar_result,
    split_aux,
)
from chainrule.trace.tracer import Trace, current_trace, opened

ArgNums = int | Sequence[int]


def named(f: Callable[..., Any], name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a transformed function the name and the docstring's first line of what it is."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        inner = getattr(f, "__name__", type(f).__name__)
        with contextlib.suppress(AttributeError, TypeError):  # a callable need not have a name or a docstring
            functools.update_wrapper(function, f)
        function.__name__ = function.__qualname__ = f"{name}({inner})"
        return function

    return decorate


def _gradient(
    call: str, f: Callable[..., Any], argnums: ArgNums, has_aux: bool, with_value: bool, summed: bool = False
) -> Callable[..., Any]:
    single = is_single(argnums)

    def transformed(*args: Any, **keywords: Any) -> Any:
        places = canonical_argnums(argnums, len(args), call)
        with opened(call) as trace:
            arguments = Arguments(trace, f, args, places, call)
            result, extras = split_aux(call_traced(trace, f, arguments.handles, keywords), has_aux, call)
            output = _summed(trace, result, call) if summed else scalar_result(trace, result, call)
            aux = Extras(trace, extras)
            function, bindings = trace.close([output, *aux.nodes])
            numbers = arguments.active_numbers(places)
            gradient = value_and_gradient(function, numbers)
            first = len(function.outputs)
            wanted = gradient.outputs if with_value else gradient.outputs[1:]
            values = finish(trace, Function(gradient.inputs, wanted), bindings)
            values = values if with_value else [None, *values]
        packed = arguments.pack(places, values[first:], single)
        if not has_aux:
            return (values[0], packed) if with_value else packed
        extra = aux.pack(values[1:first])
        return ((values[0], extra), packed) if with_value else (packed, extra)

    return named(f, call.rpartition(".")[2])(transformed)


def _summed(trace: Trace, result: Any, call: str) -> Node:
    """The sum of the one array that a function returned."""
    leaves, structure = flatten(result)
    if structure.num_nodes != 1:
        raise fail(ShapeError, call, "the function must return one array", fix="return one array")
    (node,) = result_nodes(trace, leaves, call)
    return sum_over(node, tuple(range(-node.ndim, 0)))


def grad(f: Callable[..., Any], argnums: ArgNums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Gradient of a scalar function.

    Parameters
    ----------
    f : callable
        Takes arrays, numbers or containers of them; returns a scalar (with `has_aux`, a pair of a scalar and extras).
    argnums : int or sequence of int, default 0
        Which positional arguments to differentiate by.
    has_aux : bool, default False
        Whether `f` returns extras beside the scalar; they are returned as they are, computed in the same run.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns the gradient, of the shape (denominator layout), dtype and container of
        the argument: one for an integer `argnums`, a tuple for a sequence. With `has_aux`: ``(gradient, extras)``.
        Integers are differentiated as float64.

    Raises
    ------
    ShapeError
        If `f` does not return a scalar.
    TracerError
        If `f` takes a value out of the graph (``float(x)``, ``numpy.asarray(x)``).

    See Also
    --------
    value_and_grad : The value too, in the same run.
    jacobian : For functions with several outputs.

    Notes
    -----
    Reverse mode: one run of the function and one backwards, whatever the number of variables. `f` is traced at every
    call, so Python control flow is honoured; derivation and planning happen once for each different graph.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> cr.grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    >>> cr.grad(lambda x, y: x * y, argnums=(0, 1))(3, 4)
    (np.float64(4.0), np.float64(3.0))
    """
    return _gradient("chainrule.grad", f, argnums, has_aux, with_value=False)


def value_and_grad(f: Callable[..., Any], argnums: ArgNums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Value and gradient of a scalar function, in one run.

    Parameters
    ----------
    f : callable
        As for `grad`.
    argnums : int or sequence of int, default 0
        Which positional arguments to differentiate by.
    has_aux : bool, default False
        Whether `f` returns a pair of a scalar and extras.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns ``(value, gradient)``, or ``((value, extras), gradient)``.

    See Also
    --------
    grad : The gradient alone.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.value_and_grad(lambda x: x**3)(2.0)
    (np.float64(8.0), np.float64(12.0))
    """
    return _gradient("chainrule.value_and_grad", f, argnums, has_aux, with_value=True)


def elementwise_grad(f: Callable[..., Any], argnums: ArgNums = 0) -> Callable[..., Any]:
    """Derivative of an elementwise function, entry by entry.

    Parameters
    ----------
    f : callable
        Each entry of the result depends on the entry of the argument at the same place; otherwise what is returned
        is the sum of each column of the Jacobian.
    argnums : int or sequence of int, default 0
        Which positional arguments to differentiate by.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns arrays of the arguments' shapes.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> cr.elementwise_grad(np.square)(np.array([1.0, 2.0, 3.0]))
    array([2., 4., 6.])
    """
    return _gradient("chainrule.elementwise_grad", f, argnums, False, with_value=False, summed=True)


def jacobian(
    f: Callable[..., Any], argnums: ArgNums = 0, mode: Literal["auto", "forward", "reverse"] = "auto"
) -> Callable[..., Any]:
    """Jacobian of an array function: the axes of the value first, then those of the variable.

    Parameters
    ----------
    f : callable
        Takes and returns arrays, numbers or containers of them.
    argnums : int or sequence of int, default 0
        Which positional arguments to differentiate by.
    mode : {"auto", "forward", "reverse"}, default "auto"
        Forward mode costs one pass for each entry of the variable, reverse mode one for each entry of the value;
        "auto" takes the smaller number.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns an array of shape ``value.shape + variable.shape``. For containers, the
        structure of the value with the structure of the variable in place of each leaf.

    See Also
    --------
    hessian : Second derivatives of a scalar function.
    vjp, jvp : Products with the Jacobian, without forming it.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> A = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> cr.jacobian(lambda x: A @ x)(np.ones(2))
    array([[1., 2.],
           [3., 4.],
           [5., 6.]])
    """
    call = "chainrule.jacobian"
    single = is_single(argnums)
    if mode not in ("auto", "forward", "reverse"):
        raise fail(
            ArgumentError, call, f"mode={mode!r} is not known", fix="use mode='auto', mode='forward' or mode='reverse'"
        )

    def transformed(*args: Any, **keywords: Any) -> Any:
        places = canonical_argnums(argnums, len(args), call)
        with opened(call) as trace:
            arguments = Arguments(trace, f, args, places, call)
            result = call_traced(trace, f, arguments.handles, keywords)
            leaves, structure = flatten(result, none_is_leaf=result is None)
            function, bindings = trace.close(result_nodes(trace, leaves, call))
            numbers = arguments.active_numbers(places)
            derived = jacobian_function(function, numbers, mode)
            blocks = finish(trace, Function(derived.inputs, derived.outputs[len(leaves) :]), bindings)
        rows = [
            arguments.pack(places, blocks[k * len(numbers) : (k + 1) * len(numbers)], single)
            for k in range(len(leaves))
        ]
        return unflatten(structure, rows)

    return named(f, "jacobian")(transformed)


def hessian(f: Callable[..., Any], argnums: ArgNums = 0) -> Callable[..., Any]:
    """Matrix of second derivatives of a scalar function.

    Parameters
    ----------
    f : callable
        Returns a scalar.
    argnums : int or sequence of int, default 0
        Which positional arguments to differentiate by.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns an array of shape ``x.shape + x.shape``. For containers or several
        arguments: their structure, with their structure again in place of each leaf.

    See Also
    --------
    hvp : Products with the Hessian, without forming it.

    Notes
    -----
    The Jacobian of the gradient: n passes for n variables, and n² numbers; for large n use `hvp`.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> cr.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    call = "chainrule.hessian"
    single = is_single(argnums)

    def transformed(*args: Any, **keywords: Any) -> Any:
        places = canonical_argnums(argnums, len(args), call)
        with opened(call) as trace:
            arguments = Arguments(trace, f, args, places, call)
            output = scalar_result(trace, call_traced(trace, f, arguments.handles, keywords), call)
            function, bindings = trace.close([output])
            numbers = arguments.active_numbers(places)
            derived = hessian_function(function, numbers)
            blocks = finish(trace, Function(derived.inputs, derived.outputs[1 + len(numbers) :]), bindings)
        rows = [
            arguments.pack(places, blocks[k * len(numbers) : (k + 1) * len(numbers)], single)
            for k in range(len(numbers))
        ]
        return _nested_rows(arguments, places, rows, single)

    return named(f, "hessian")(transformed)


def _nested_rows(arguments: Arguments, places: tuple[int, ...], rows: list[Any], single: bool) -> Any:
    """Rows, one for each differentiated leaf, in the structure of the arguments."""
    packed, start = [], 0
    for place in places:
        count = len(arguments.kinds[place])
        packed.append(unflatten(arguments.structures[place], rows[start : start + count]))
        start += count
    return packed[0] if single else tuple(packed)


# --- products with the Jacobian and the Hessian ---------------------------------------------------------------------


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


# --- holding --------------------------------------------------------------------------------------------------------


def stop_gradient(x: Any) -> Any:
    """Hold a value constant for derivatives.

    Parameters
    ----------
    x : array_like or container
        Any arrays.

    Returns
    -------
    array or container
        The same values; no derivative flows through them.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.grad(lambda x: x * cr.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    leaves, structure = flatten(x)
    held = [leaf._apply(stop_gradient_node) if isinstance(leaf, Array) else leaf for leaf in leaves]
    return unflatten(structure, held)
