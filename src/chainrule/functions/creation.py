"""Arrays made from nothing but a shape, for calls with ``like=x``; signatures are NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.leaves import literal
from chainrule.core.node import Node
from chainrule.functions.axes import broadcast_to, canonical_shape, refuse
from chainrule.functions.basics import astype


def zeros(shape: Any, dtype: Any = None, order: Any = "C", *, device: Any = None) -> Node:
    """Zeros of a shape."""
    return _filled("numpy.zeros", literal(0.0), shape, np.dtype(dtype), order, device)


def ones(shape: Any, dtype: Any = None, order: Any = "C", *, device: Any = None) -> Node:
    """Ones of a shape."""
    return _filled("numpy.ones", literal(1.0), shape, np.dtype(dtype), order, device)


def empty(shape: Any, dtype: Any = None, order: Any = "C", *, device: Any = None) -> Node:
    """Zeros: entries that nobody has assigned yet."""
    return _filled("numpy.empty", literal(0.0), shape, np.dtype(dtype), order, device)


def full(shape: Any, fill_value: Node, dtype: Any = None, order: Any = "C", *, device: Any = None) -> Node:
    """One value, or what broadcasts to the shape, everywhere."""
    return _filled(
        "numpy.full", fill_value, shape, fill_value.dtype if dtype is None else np.dtype(dtype), order, device
    )


def _filled(call: str, value: Node, shape: Any, dtype: np.dtype[Any], order: Any, device: Any) -> Node:
    refuse(call, {"order": (order, "C"), "device": (device, None)})
    return broadcast_to(astype(value, dtype), canonical_shape(shape, 0, call), call)
