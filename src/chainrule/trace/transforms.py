"""The transforms that users call: a Python function in, a Python function out."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

from chainrule.core.function import Function
from chainrule.core.node import Node
from chainrule.diff.jacobian import hessian as hessian_function
from chainrule.diff.jacobian import jacobian as jacobian_function
from chainrule.diff.jacobian import value_and_gradient
from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.ops.reductions import sum_over
from chainrule.ops.selection import stop_gradient as stop_gradient_node
from chainrule.trace.array import Array
from chainrule.trace.containers import flatten, unflatten
from chainrule.trace.function import (
    Arguments,
    Extras,
    call_traced,
    canonical_argnums,
    finish,
    is_single,
    result_nodes,
    scalar_result,
    split_aux,
)
from chainrule.trace.tracer import Trace, opened

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
