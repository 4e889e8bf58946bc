"""The numbers of products along axes and of linear recurrences. Reached as ``xp.kernels``, through `kernels`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Values = np.ndarray[Any, Any]

# A product of n factors x + t1 b1 + ... + tk bk, kept to first order in each t: for every set of directions (as the
# bits of an integer) the factor of their t's. Sets whose part is 0 everywhere are left out.
Parts = dict[int, Values]

# Recurrences up to this length are walked step by step, longer ones by halves.
_WALKED = 64


def exclusive_products(x: Values, directions: Sequence[Values], axes: tuple[int, ...]) -> Values:
    """For each entry the product of all others over `axes`; or its derivative along `directions`."""
    operands = np.broadcast_arrays(x, *directions)
    last = tuple(range(-len(axes), 0))
    moved = [np.moveaxis(operand, axes, last) for operand in operands]
    shape = moved[0].shape
    flat = [operand.reshape((*shape[: len(shape) - len(axes)], -1 if operand.size else 0)) for operand in moved]
    if not operands[0].size:
        return np.array(operands[0])
    dtype = np.result_type(*flat)
    leaves = {0: flat[0], **{1 << k: direction for k, direction in enumerate(flat[1:])}}
    others = _exclusive(leaves, dtype)
    wanted = others.get((1 << len(directions)) - 1)
    result = np.zeros(flat[0].shape, dtype) if wanted is None else wanted
    return np.moveaxis(result.reshape(shape), last, axes)


def _exclusive(leaves: Parts, dtype: np.dtype[Any]) -> Parts:
    """The products of all leaves but one along the last axis: first those of pairs, then with the partner."""
    shape = leaves[0].shape
    n = shape[-1]
    if n == 1:
        return {0: np.ones(shape, dtype)}
    if n % 2:
        leaves = {key: _longer(part, float(key == 0)) for key, part in leaves.items()}
    even = {key: part[..., 0::2] for key, part in leaves.items()}
    odd = {key: part[..., 1::2] for key, part in leaves.items()}
    pairs = _exclusive(_times(even, odd), dtype)
    lefts, rights = _times(pairs, odd), _times(pairs, even)
    result = {}
    for key in lefts.keys() | rights.keys():
        woven = np.zeros((*shape[:-1], n + n % 2), dtype)
        for start, parts in enumerate((lefts, rights)):
            if key in parts:
                woven[..., start::2] = parts[key]
        result[key] = woven[..., :n]
    return result


def _longer(part: Values, last: float) -> Values:
    return np.concatenate([part, np.full((*part.shape[:-1], 1), last, part.dtype)], axis=-1)


def _times(first: Parts, second: Parts) -> Parts:
    """The product, without terms in which a direction occurs twice."""
    result: Parts = {}
    for key, x in first.items():
        for other, y in second.items():
            if not key & other:
                term = x * y
                result[key | other] = result[key | other] + term if key | other in result else term
    return result


def recurrence(a: Values, b: Values, reverse: bool) -> Values:
    """The y with ``y[k] = a[k] * y[k - 1] + b[k]`` along the last axis; from the far end if `reverse`."""
    a, b = np.broadcast_arrays(a, b)
    if reverse:
        return _recurrence(a[..., ::-1], b[..., ::-1])[..., ::-1]
    return _recurrence(a, b)


def _recurrence(a: Values, b: Values) -> Values:
    n = b.shape[-1]
    y = np.array(b, np.result_type(a, b))
    if n <= _WALKED:
        for k in range(1, n):
            y[..., k] += a[..., k] * y[..., k - 1]
        return y
    first, second = slice(0, n - n % 2, 2), slice(1, None, 2)
    y[..., second] = _recurrence(a[..., first] * a[..., second], a[..., second] * b[..., first] + b[..., second])
    y[..., 2::2] += a[..., 2::2] * y[..., 1 : n - 1 : 2]
    return y


def convolve(x: Values, y: Values) -> Values:
    """The full convolution along the last axis, for each pair of loop entries."""
    if np.ndim(x) == 1 and np.ndim(y) == 1:
        return np.convolve(x, y)
    loops = np.broadcast_shapes(x.shape[:-1], y.shape[:-1])
    x, y = (np.broadcast_to(z, (*loops, z.shape[-1])) for z in (x, y))
    out = np.empty((*loops, x.shape[-1] + y.shape[-1] - 1), np.result_type(x, y))
    for place in np.ndindex(loops):
        out[place] = np.convolve(x[place], y[place])
    return out


def searchsorted(a: Values, v: Values, side: Any, rank: int) -> Any:
    """Places in the sorted last axis of `a` for the last `rank` axes of `v`, for each pair of loop entries."""
    if np.ndim(a) == 1:
        return np.searchsorted(a, v, side)
    own = v.shape[: v.ndim - rank]
    loops = np.broadcast_shapes(a.shape[:-1], own)
    a = np.broadcast_to(a, (*loops, a.shape[-1]))
    v = np.broadcast_to(v, (*loops, *v.shape[v.ndim - rank :]))
    out = np.empty(v.shape, np.int64)
    for place in np.ndindex(loops):
        out[place] = np.searchsorted(a[place], v[place], side)
    return out
