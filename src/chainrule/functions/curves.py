"""Sampled functions and polynomials: differences, slopes, areas, interpolation.

Written with indexing and NumPy's own functions, so that they take handles as NumPy's take arrays.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.functions.arranging import as_array, at, axis_of, picked
from chainrule.functions.axes import NOT_GIVEN, is_given


def diff(a: Any, n: Any = 1, axis: Any = -1, prepend: Any = NOT_GIVEN, append: Any = NOT_GIVEN) -> Any:
    """Differences of neighbours along an axis, `n` times."""
    call = "numpy.diff"
    a = as_array(a)
    if n == 0:
        return a
    if n < 0:
        raise fail(ArgumentError, call, f"order {n} is negative", [("a", a)], fix="give an order from 0 on")
    k = axis_of(axis, a.ndim, call)
    ends = [None if not is_given(end) else _end(as_array(end), a, k) for end in (prepend, append)]
    if any(end is not None for end in ends):
        a = np.concatenate([part for part in (ends[0], a, ends[1]) if part is not None], axis=k)
    subtract = np.not_equal if a.dtype.kind == "b" else np.subtract
    for _ in range(n):
        a = subtract(a[at(k, slice(1, None))], a[at(k, slice(None, -1))])
    return a


def _end(end: Any, a: Any, k: int) -> Any:
    return end if end.ndim else np.broadcast_to(end, (*a.shape[:k], 1, *a.shape[k + 1 :]))


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of neighbours of the flattened array, with values before and after."""
    flat = np.ravel(as_array(ary))
    parts = [to_begin, flat[1:] - flat[:-1], to_end]
    return np.concatenate([np.ravel(as_array(part)).astype(flat.dtype) for part in parts if part is not None])


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    """Slopes by differences of second order inside, one-sided at the ends; spacings or coordinates may vary."""
    call = "numpy.gradient"
    f = as_array(f)
    several = range(f.ndim) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    axes = [axis_of(k, f.ndim, call) for k in several]
    if len(varargs) not in (0, 1, len(axes)):
        raise fail(
            ArgumentError, call, f"{len(varargs)} spacings for {len(axes)} axes", fix="give one spacing, or one an axis"
        )
    if edge_order not in (1, 2):
        raise fail(ArgumentError, call, f"edge_order={edge_order!r}", fix="use 1 or 2")
    spacings = [as_array(h) for h in varargs or (1.0,)]
    if len(spacings) == 1 and len(axes) > 1 and spacings[0].ndim:
        raise fail(ArgumentError, call, f"one array for {len(axes)} axes", fix="give coordinates for each axis")
    spacings = spacings if len(spacings) == len(axes) else spacings * len(axes)
    f = f if f.dtype.kind == "f" else f.astype(float)
    slopes = [_slopes(f, k, _spacing(h, f, k, call), edge_order, call) for k, h in zip(axes, spacings, strict=True)]
    slopes = [slope.astype(f.dtype) for slope in slopes]
    return slopes[0] if len(axes) == 1 else tuple(slopes)


def _spacing(h: Any, f: Any, k: int, call: str) -> Any:
    """A number, or the distances between coordinates."""
    if h.ndim == 0:
        return h if h.dtype != float or not isinstance(h, np.ndarray) else float(h)
    if h.ndim > 1 or h.shape[0] != f.shape[k]:
        raise fail(
            ShapeError, call, f"coordinates of shape {h.shape} for an axis of size {f.shape[k]}", fix="give a vector"
        )
    return np.diff(h if h.dtype.kind == "f" else h.astype(float))


def _slopes(f: Any, k: int, h: Any, edge_order: int, call: str) -> Any:
    if f.shape[k] < edge_order + 1:
        raise fail(
            ShapeError,
            call,
            f"axis {k} has size {f.shape[k]}",
            [("f", f)],
            fix=f"give {edge_order + 1} points at least",
        )

    def y(start: Any, stop: Any) -> Any:
        return f[at(k, slice(start, stop))]

    def distances(start: Any, stop: Any) -> Any:
        return h[start:stop].reshape([-1 if j == k else 1 for j in range(f.ndim)])

    uneven = np.ndim(h) > 0
    if uneven:
        d1, d2 = distances(None, -1), distances(1, None)
        a, b, c = -d2 / (d1 * (d1 + d2)), (d2 - d1) / (d1 * d2), d1 / (d2 * (d1 + d2))
        inner = a * y(None, -2) + b * y(1, -1) + c * y(2, None)
    else:
        inner = (y(2, None) - y(None, -2)) / (2.0 * h)
    if edge_order == 1:
        first, last = (distances(None, 1), distances(-1, None)) if uneven else (h, h)
        return np.concatenate([(y(1, 2) - y(0, 1)) / first, inner, (y(-1, None) - y(-2, -1)) / last], axis=k)
    if uneven:
        d1, d2 = distances(0, 1), distances(1, 2)
        start = _weighted(y, (0, 1, 2), _one_sided(d1, d2))
        d1, d2 = distances(-1, None), distances(-2, -1)
        end = _weighted(y, (-1, -2, -3), [-w for w in _one_sided(d1, d2)])
    else:
        start = _weighted(y, (0, 1, 2), (-1.5 / h, 2.0 / h, -0.5 / h))
        end = _weighted(y, (-3, -2, -1), (0.5 / h, -2.0 / h, 1.5 / h))
    return np.concatenate([start, inner, end], axis=k)


def _one_sided(d1: Any, d2: Any) -> list[Any]:
    """Weights of three points, `d1` and `d2` apart, in the slope at the first."""
    return [-(2.0 * d1 + d2) / (d1 * (d1 + d2)), (d1 + d2) / (d1 * d2), -d1 / (d2 * (d1 + d2))]


def _weighted(y: Any, places: tuple[int, ...], weights: Any) -> Any:
    terms = [w * y(place, place + 1 if place != -1 else None) for place, w in zip(places, weights, strict=True)]
    return terms[0] + terms[1] + terms[2]


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    """Area under samples, by trapezia."""
    y = as_array(y)
    k = axis_of(axis, y.ndim, "numpy.trapezoid")
    if x is None:
        d = dx
    else:
        x = as_array(x)
        d = np.diff(x).reshape([-1 if j == k else 1 for j in range(y.ndim)]) if x.ndim == 1 else np.diff(x, axis=k)
    return np.sum(d * (y[at(k, slice(1, None))] + y[at(k, slice(None, -1))]) / 2.0, axis=k)


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Values at `x` of the lines between points. Kink: at a point the slope of the line to its right counts.

    Differentiable by `x`, by the points and by the values there.
    """
    call = "numpy.interp"
    x, xp, fp = (as_array(values).astype(float) for values in (x, xp, fp))
    if xp.ndim != 1 or fp.shape != xp.shape or not xp.shape[0]:
        raise fail(
            ShapeError, call, "the points are no two vectors of one length", [("xp", xp), ("fp", fp)], fix="check them"
        )
    if period is not None:
        x, xp = np.remainder(x, abs(period)), np.remainder(xp, abs(period))
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    count = xp.shape[0]
    if count > 1:
        low = np.clip(np.searchsorted(xp, x, "right") - 1, 0, count - 2)
        (x0, x1), (f0, f1) = ((picked(z, low, 0), picked(z, low + 1, 0)) for z in (xp, fp))
        inside = (f1 - f0) / (x1 - x0) * (x - x0) + f0
    else:
        inside = np.broadcast_to(fp[0], x.shape)
    result = np.where(x < xp[0], fp[0] if left is None else left, inside)
    return np.where(x > xp[-1], fp[-1] if right is None else right, result)


def unwrap(p: Any, discont: Any = None, axis: Any = -1, *, period: Any = 2 * math.pi) -> Any:
    """Angles made to go on without jumps of a period."""
    p = as_array(p)
    k = axis_of(axis, p.ndim, "numpy.unwrap")
    steps = np.diff(p, axis=k)
    whole = p.dtype.kind in "iu" and isinstance(period, int)
    half = period // 2 if whole else period / 2
    turned = np.remainder(steps + half, period) - half
    if not whole or period % 2 == 0:
        turned = np.where(np.logical_and(turned == -half, steps > 0), half, turned)
    correction = np.where(np.abs(steps) < (half if discont is None else discont), 0, turned - steps)
    later = p[at(k, slice(1, None))] + np.cumsum(correction, axis=k)
    return np.concatenate([p[at(k, slice(None, 1))].astype(later.dtype), later], axis=k)


def polyval(p: Any, x: Any) -> Any:
    """The value of a polynomial, its coefficients from the highest power down."""
    p, x = as_array(p), as_array(x)
    y = np.zeros_like(x)
    for k in range(p.shape[0]):
        y = y * x + p[k]
    return y


def vander(x: Any, N: Any = None, increasing: Any = False) -> Any:  # noqa: N803 - NumPy's name
    """Powers of the entries of a vector as columns, the highest first unless `increasing`."""
    if x.ndim != 1:
        raise fail(ShapeError, "numpy.vander", f"it has {x.ndim} axes", [("x", x)], fix="give a vector")
    count = x.shape[0] if N is None else N
    x = x.astype(np.promote_types(x.dtype, int))
    if not count:
        return np.zeros_like(x, shape=(x.shape[0], 0))
    powers = [np.ones_like(x)]
    for _ in range(count - 1):
        powers.append(powers[-1] * x)
    return np.stack(powers if increasing else powers[::-1], axis=1)


def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: Any = True,
    retstep: Any = False,
    dtype: Any = None,
    axis: Any = 0,
) -> Any:
    """Numbers at equal distances from `start` to `stop`."""
    dtype_of = np.result_type(*[getattr(end, "dtype", end) for end in (start, stop)])
    dtype_of = dtype_of if dtype_of.kind == "f" else np.dtype(float)
    start, stop = as_array(start).astype(dtype_of), as_array(stop).astype(dtype_of)
    parts = num - 1 if endpoint else num
    delta = (stop - start).astype(dtype_of)
    counts = np.arange(num, dtype=dtype_of).reshape((-1, *[1] * delta.ndim))
    step = delta / parts if parts > 0 else np.nan * delta
    points = counts * (step if parts > 0 else delta) + start
    if endpoint and num > 1:
        points = np.concatenate([points[:-1], np.broadcast_to(stop, delta.shape)[None].astype(dtype_of)])
    points = np.moveaxis(points, 0, axis) if axis != 0 else points
    if dtype is not None:
        points = (np.floor(points) if np.dtype(dtype).kind in "iu" else points).astype(dtype)
    return (points, step) if retstep else points
