"""`gradients`: derivatives of an eager result as results themselves, by variables and by intermediate results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, fail
from chainrule.trace.containers import flatten, unflatten
from chainrule.trace.tape import Entry, Leaf, closed, constant, gradient_entries, reached
from chainrule.trace.variables import Variable, cotangent


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
        if not isinstance(x, Variable) or not x.requires_grad:
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
        values.append(Variable(entry) if create_graph else entry.value)
    return unflatten(structure, values)


def gradients_by(
    y: Variable, nodes: Sequence[Variable], seed: Entry | None, is_recorded: bool, call: str
) -> list[Entry | None]:
    """The gradient of `y` by each of the nodes; None for those that it does not depend on."""
    root = y._entry
    order = reached([root])
    known = set(order)
    targets: list[Leaf | Entry | None] = []
    for x in nodes:
        entry = x._entry
        is_result = entry.node is not None and entry in known
        targets.append(entry.leaf if entry.leaf is not None else entry if is_result else None)
    wanted = {target for target in targets if target is not None}
    record = closed(root, order, wanted, call)
    found: dict[Leaf | Entry, Entry] = {}
    for owner, entry in zip(record.owners, gradient_entries(record, seed, is_recorded), strict=True):
        found[owner] = entry if owner not in found else _sum(found[owner], entry, is_recorded)
    return [None if target is None else found.get(target) for target in targets]


def _sum(x: Entry, y: Entry, is_recorded: bool) -> Entry:
    """The sum of two gradients: a variable that was updated on the way has several values in one computation."""
    entry: Entry = (Variable(x) + Variable(y))._entry
    return entry if is_recorded else constant(entry.value)
