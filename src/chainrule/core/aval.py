"""Abstract values: what is known of an array before it has numbers.

An `Aval` is a shape (integers or symbolic `Dim`s), a dtype, and whether the dtype is *weak*, as that of a Python
number is under NEP 50. Shape inference and dtype promotion for every op go through the helpers of this module; they
are memoised because NumPy's own (`np.broadcast_shapes`, `np.result_type`) cost more than building a node.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.core.dimension import Dim, Size
from chainrule.errors import ShapeError, fail

Shape = tuple[Size, ...]

FLOAT = np.dtype(np.float64)
INT = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)


@dataclass(frozen=True, slots=True)
class Aval:
    """Shape, dtype and weakness of an array; `layout` and `device` are reserved for other engines."""

    shape: Shape
    dtype: np.dtype[Any]
    weak: bool = False
    layout: str = "dense"
    device: str | None = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def is_float(self) -> bool:
        return self.dtype.kind == "f"

    @property
    def is_concrete(self) -> bool:
        return not any(isinstance(size, Dim) for size in self.shape)

    @property
    def size(self) -> Size:
        size: Size = 1
        for entry in self.shape:
            size = size * entry
        return size

    def __str__(self) -> str:
        inside = ",".join(str(size) for size in self.shape)
        return f"{'weak ' if self.weak else ''}{self.dtype.name}[{inside}]"


def broadcast_shapes(shapes: Iterable[Shape], call: str, operands: Iterable[Any] = ()) -> Shape:
    """The common shape under NumPy's rules; a symbolic size only agrees with itself and with 1."""
    result: list[Size] = []
    for shape in shapes:
        missing = len(shape) - len(result)
        if missing > 0:
            result[:0] = [1] * missing
        offset = len(result) - len(shape)
        for position, size in enumerate(shape, offset):
            known = result[position]
            if size == known or size == 1:
                continue
            if known != 1:
                named = [(f"operand {k}", operand) for k, operand in enumerate(operands)]
                raise fail(
                    ShapeError,
                    call,
                    f"sizes {known} and {size} of axis {position - len(result)} do not broadcast",
                    named,
                    fix="make the sizes equal, or one of them 1 (x[:, None] adds an axis of size 1)",
                )
            result[position] = size
    return tuple(result)


_PYTHON_TYPES = {"f": float, "i": int, "u": int, "b": bool}


def _weak_type(dtype: np.dtype[Any]) -> Any:
    # A bool is never weak in NumPy: True behaves as an array of dtype bool.
    return BOOL if dtype.kind == "b" else _PYTHON_TYPES[dtype.kind]


@lru_cache(maxsize=4096)
def ufunc_dtype(ufunc: np.ufunc, dtypes: tuple[tuple[np.dtype[Any], bool], ...]) -> np.dtype[Any]:
    """The dtype in which NumPy answers, where operands are given as pairs (dtype, weak)."""
    inputs = tuple(_weak_type(dtype) if weak else dtype for dtype, weak in dtypes)
    resolved = ufunc.resolve_dtypes((*inputs, *[None] * ufunc.nout))
    dtype: np.dtype[Any] = resolved[-1]
    return dtype


@lru_cache(maxsize=4096)
def promote(dtypes: tuple[tuple[np.dtype[Any], bool], ...]) -> np.dtype[Any]:
    """Common dtype of pairs (dtype, weak) by NEP 50; all-weak operands promote among themselves."""
    strong = [dtype for dtype, weak in dtypes if not weak]
    kinds = [dtype.kind for dtype, weak in dtypes if weak]
    if not strong:
        return np.result_type(*(dtype for dtype, _ in dtypes))
    common = np.result_type(*strong)
    python = [{"f": 1.0, "i": 1, "u": 1, "b": True}[kind] for kind in kinds]
    return np.result_type(common, *python)


def common_dtype(avals: Iterable[Aval]) -> np.dtype[Any]:
    """Common dtype of several abstract values."""
    return promote(tuple((aval.dtype, aval.weak) for aval in avals))
