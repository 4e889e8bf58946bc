"""NumPy's functions that write into an array, and those that make one to be written into with ``like=x``."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import DtypeError, ShapeError, UnsupportedError, fail
from chainrule.functions import creation
from chainrule.trace.array import Array
from chainrule.trace.dispatch import provide


def fill_assignments() -> None:
    """Fill the table with functions that make or change arrays."""
    provide(np.zeros, creation.zeros, "")
    provide(np.ones, creation.ones, "")
    provide(np.empty, creation.empty, "")
    provide(np.full, creation.full, "fill_value")
    provide(np.copyto, copyto, "", composed=True)
    provide(np.fill_diagonal, fill_diagonal, "", composed=True)


def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """Assign to the entries of an array where a condition holds."""
    _require_handle("numpy.copyto", dst, src)
    dtype = np.result_type(src.dtype if isinstance(src, Array) else src)
    if not np.can_cast(dtype, dst.dtype, casting):
        raise fail(
            DtypeError,
            "numpy.copyto",
            f"casting {dtype} to {dst.dtype} is not {casting!r}",
            [("dst", dst), ("src", src)],
            fix="make the array a float one: x.astype(float)",
        )
    dst[...] = src if where is True else np.where(where, src, dst)


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Assign to the main diagonal of an array."""
    _require_handle("numpy.fill_diagonal", a, val)
    if wrap:
        raise fail(
            UnsupportedError, "numpy.fill_diagonal", "wrap=True is not supported", [("a", a)], fix="assign to a[i, i]"
        )
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        raise fail(
            ShapeError,
            "numpy.fill_diagonal",
            "it needs a matrix, or an array with all axes of one size",
            [("a", a)],
            fix="assign to a[i, i]",
        )
    places = np.arange(min(a.shape))
    a[(places,) * a.ndim] = val


def _require_handle(call: str, target: Any, value: Any) -> None:
    if not isinstance(target, Array):
        raise fail(
            UnsupportedError,
            call,
            "it would write values into a NumPy array where a derivative is being taken",
            [("target", target), ("value", value)],
            fix="make the target with numpy.zeros_like(x) or numpy.zeros(shape, like=x)",
        )
