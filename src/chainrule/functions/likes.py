"""Arrays made like another: of its shape and dtype, or of given numbers in a call with ``like=x``."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.leaves import literal
from chainrule.core.node import Node
from chainrule.functions.axes import broadcast_to, canonical_shape, refuse
from chainrule.functions.basics import astype
from chainrule.ops import selection
from chainrule.ops.shaping import broadcast

Constants = np.ndarray[Any, Any]


def zeros_like(a: Node, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None) -> Node:
    """Zeros of the shape and dtype of an array."""
    return _same_everywhere("numpy.zeros_like", 0.0, a, dtype, order, shape)


def ones_like(a: Node, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None) -> Node:
    """Ones of the shape and dtype of an array."""
    return _same_everywhere("numpy.ones_like", 1.0, a, dtype, order, shape)


def _same_everywhere(call: str, value: float, a: Node, dtype: Any, order: Any, shape: Any) -> Node:
    refuse(call, {"order": (order, "K")})
    sizes = a.shape if shape is None else canonical_shape(shape, 0, call)
    entry = selection.astype(literal(value), a.dtype if dtype is None else np.dtype(dtype))
    return broadcast(entry, tuple(range(-len(sizes), 0)), sizes)


def full_like(
    a: Node,
    fill_value: Node,
    dtype: Any = None,
    order: Any = "K",
    subok: Any = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Node:
    """One value, or what broadcasts to the shape, in the shape and dtype of an array."""
    call = "numpy.full_like"
    refuse(call, {"order": (order, "K"), "device": (device, None)})
    sizes = a.shape if shape is None else canonical_shape(shape, 0, call)
    return broadcast_to(astype(fill_value, a.dtype if dtype is None else dtype), sizes, call)


def empty_like(
    prototype: Node,
    /,
    dtype: Any = None,
    order: Any = "K",
    subok: Any = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Node:
    """Zeros of the shape and dtype of an array: entries that nobody has assigned yet."""
    refuse("numpy.empty_like", {"device": (device, None)})
    return zeros_like(prototype, dtype, order, subok, shape)


def array(
    object: Node, dtype: Any = None, *, copy: Any = True, order: Any = "K", subok: Any = False, ndmin: Any = 0
) -> Node:
    """An array from numbers and handles, nested as the axes are."""
    refuse("numpy.array", {"order": (order, "K"), "subok": (subok, False)})
    x = object if dtype is None else astype(object, dtype)
    missing = max(0, ndmin - x.ndim)
    return broadcast(x, tuple(range(-x.ndim - missing, -x.ndim)), (1,) * missing)


def asarray(a: Node, dtype: Any = None, order: Any = None, *, device: Any = None, copy: Any = None) -> Node:
    """An array from numbers and handles, nested as the axes are."""
    refuse("numpy.asarray", {"order": (order, None), "device": (device, None)})
    return a if dtype is None else astype(a, dtype)


def eye(N: Any, M: Any = None, k: Any = 0, dtype: Any = float, order: Any = "C", *, device: Any = None) -> Constants:  # noqa: N803 - NumPy's names
    """Ones on a diagonal, zeros elsewhere."""
    return np.eye(N, M, k, dtype, order, device=device)


def identity(n: Any, dtype: Any = None) -> Constants:
    """The identity matrix."""
    return np.identity(n, dtype)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None, *, device: Any = None) -> Constants:
    """Numbers at equal distances."""
    first, last = (0, start) if stop is None else (start, stop)
    numbers: Any = np.arange
    return np.asarray(numbers(first, last, step, dtype, device=device))


def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = float) -> Constants:  # noqa: N803 - NumPy's names
    """Ones on and below a diagonal, zeros above."""
    return np.tri(N, M, k, dtype)
