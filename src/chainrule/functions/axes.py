"""Normalising of axes, shapes and keywords that the functions of this room share."""

from __future__ import annotations

import operator
from typing import Any

from chainrule.core.aval import Shape
from chainrule.core.dimension import Dim, Size, size_product
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, ShapeError, UnsupportedError, fail
from chainrule.ops.shaping import broadcast, stretch

Axes = tuple[int, ...]


def canonical_axis(axis: Any, ndim: int, call: str) -> int:
    """`axis` counted from the right (negative)."""
    try:
        k = operator.index(axis)
    except TypeError:
        raise fail(
            ArgumentError, call, f"axis must be an integer, not {axis!r}", fix="give an integer such as axis=-1"
        ) from None
    if not -ndim <= k < ndim:
        raise fail(
            ArgumentError,
            call,
            f"axis {k} does not exist in an array with {ndim} axes",
            fix=f"give an axis from {-ndim} to {ndim - 1}" if ndim else "leave axis out: the array is a scalar",
        )
    return k - ndim if k >= 0 else k


def canonical_axes(axis: Any, ndim: int, call: str) -> Axes:
    """`axis` (None, an integer or several) as a sorted tuple of negative axes."""
    if axis is None:
        return tuple(range(-ndim, 0))
    several = axis if isinstance(axis, tuple | list) else (axis,)
    axes = tuple(sorted(canonical_axis(k, ndim, call) for k in several))
    if len(set(axes)) < len(axes):
        raise fail(ArgumentError, call, f"an axis occurs twice in {axis}", fix="name each axis once")
    return axes


def canonical_shape(shape: Any, size: Size, call: str, x: Node | None = None) -> Shape:
    """A shape as a tuple of sizes, -1 replaced by the size that fits."""
    entries = list(shape) if isinstance(shape, tuple | list) else [shape]
    sizes: list[Size] = [entry if isinstance(entry, Dim) else operator.index(entry) for entry in entries]
    unknown = [k for k, entry in enumerate(sizes) if isinstance(entry, int) and entry == -1]
    if len(unknown) > 1:
        raise fail(ArgumentError, call, "only one size may be -1", fix="give all sizes but one")
    if unknown:
        rest = size_product(entry for k, entry in enumerate(sizes) if k != unknown[0])
        fits = not isinstance(rest, int) or rest != 0
        if fits and isinstance(rest, int) and isinstance(size, int):
            fits = size % rest == 0
        if not fits:
            raise fail(
                ShapeError,
                call,
                f"{size} entries cannot fill the shape {tuple(sizes)}",
                [("x", x)] if x is not None else (),
                fix="give sizes whose product divides the number of entries",
            )
        sizes[unknown[0]] = size // rest
    return tuple(sizes)


def keep_axes(x: Node, axes: Axes, keepdims: Any) -> Node:
    """The result of a reduction, with axes of size 1 in place of the reduced ones if `keepdims`."""
    return broadcast(x, axes, (1,) * len(axes)) if keepdims and keepdims is not NOT_GIVEN else x


def broadcast_to(x: Node, shape: Shape, call: str) -> Node:
    """`x` broadcast to `shape`, as NumPy would."""
    extra = len(shape) - x.ndim
    fits = extra >= 0 and all(n == 1 or n == m for n, m in zip(x.shape, shape[max(extra, 0) :], strict=False))
    if not fits:
        raise fail(
            ShapeError,
            call,
            f"an array of shape {x.shape} does not broadcast to {shape}",
            [("x", x)],
            fix="make each axis equal, or of size 1",
        )
    return stretch(x, shape)


class _NotGiven:
    """The value of a keyword that the caller left out."""

    def __repr__(self) -> str:
        return "<not given>"


NOT_GIVEN: Any = _NotGiven()


def is_given(value: Any) -> bool:
    """Whether a keyword such as ``where=`` or ``initial=`` has a value of its own."""
    return value is not NOT_GIVEN and type(value).__name__ != "_NoValueType" and value is not True


def refuse(call: str, keywords: dict[str, tuple[Any, Any]], fix: str = "leave it out") -> None:
    """Refuse keywords that have another value than the one that is supported: name -> (value, supported)."""
    for name, (value, supported) in keywords.items():
        if value is NOT_GIVEN or value is supported:
            continue
        if isinstance(value, str | bool | int) and type(value) is type(supported) and value == supported:
            continue
        if type(value).__name__ == "_NoValueType":
            continue
        raise fail(UnsupportedError, call, f"the keyword {name}={value!r} is not supported", fix=fix)
