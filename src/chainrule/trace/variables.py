"""What users call: `variable`, `gradients`, `no_grad`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, fail
from chainrule.trace.array import Array
from chainrule.trace.containers import flatten, unflatten
from chainrule.trace.eager import EagerArray, cotangent, gradients_by, variable_entry
from chainrule.trace.tape import constant, recording


def variable(value: Any, name: str | None = None) -> EagerArray:
    """Make a variable: an array that remembers what is computed from it.

    Parameters
    ----------
    value : array_like
        The first value; it is copied. Integers become float64.
    name : str, optional
        Shown with the array.

    Returns
    -------
    Array
        Operations on it run at once. ``y.backward()`` on a result adds to ``x.grad``; ``x.value`` is a NumPy array.

    See Also
    --------
    no_grad : For updates.
    gradients : Gradients as results, by intermediate results too.
    grad : The gradient of a function.

    Notes
    -----
    What is needed for derivatives is kept as long as some result can still ask for it, and freed by ``backward``.
    A value is never changed in place: an update gives the variable a new one, and results computed before keep theirs.

    Examples
    --------
    >>> import chainrule as cr
    >>> x = cr.variable([1, 2])
    >>> y = (x**3).sum()
    >>> y.backward()
    >>> x.grad
    Array([ 3., 12.])
    >>> with cr.no_grad():
    ...     x -= 0.5 * x.grad
    >>> x
    variable([-0.5, -4. ])
    """
    if isinstance(value, Array) and not isinstance(value, EagerArray):
        raise fail(
            ArgumentError,
            "chainrule.variable",
            "the value is an array of a function that is being traced",
            [("value", value)],
            fix="use it as it is: its derivative is being taken already",
        )
    return EagerArray(variable_entry(value, "chainrule.variable"), name)


def no_grad() -> AbstractContextManager[None]:
    """Record nothing while the block runs; variables may be changed in place.

    Returns
    -------
    context manager
        May decorate a function too. It concerns the current thread (or task) alone.

    Examples
    --------
    >>> import chainrule as cr
    >>> w = cr.variable(3.0)
    >>> with cr.no_grad():
    ...     w *= 2
    >>> w
    variable(6.)
    """
    return recording(False)


def gradients(y: Any, nodes: Any, create_graph: bool = False) -> Any:
    """Gradients of a result by variables and intermediate results.

    Parameters
    ----------
    y : Array
        A scalar computed from variables.
    nodes : Array or container of Array
        Variables, and results that `y` was computed from.
    create_graph : bool, default False
        Whether to return arrays through which derivatives can be taken again.

    Returns
    -------
    ndarray or container
        For each node the gradient, in the container that was given; zeros where `y` does not depend on it.

    See Also
    --------
    variable : Its ``backward()`` adds gradients up in the variables.

    Notes
    -----
    Nothing is freed: the question may be asked again and again. The derivative by an intermediate result holds
    everything fixed that was not computed from it, even if it has the same formula.

    Examples
    --------
    >>> import chainrule as cr
    >>> x, y = cr.variable(1.0), cr.variable(2.0)
    >>> u, v = x + y, x + y
    >>> cr.gradients(u * v, [x, u])
    [np.float64(6.0), np.float64(3.0)]
    """
    call = "chainrule.gradients"
    leaves, structure = flatten(nodes)
    for k, x in enumerate([y, *leaves]):
        if not isinstance(x, EagerArray) or not x.requires_grad:
            what = f"node {k - 1}" if k else "the result"
            raise fail(
                ArgumentError,
                call,
                f"{what} is neither a variable nor computed from one",
                [("x", x)],
                fix="compute with arrays made by chainrule.variable, outside no_grad",
            )
    found = gradients_by(y, leaves, cotangent(y, None, call), create_graph, call)
    values: list[Any] = []
    for x, entry in zip(leaves, found, strict=True):
        if entry is None:
            entry = constant(np.zeros(x.shape, x.dtype)[()])
        values.append(EagerArray(entry) if create_graph else entry.value)
    return unflatten(structure, values)
