"""Entries picked by place or condition, and put between others; comparisons of whole arrays.

Written with indexing and NumPy's own functions. Where the size of a result depends on values these must be known: of
numbers through which a derivative is being taken they are not, of conditions on such numbers they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.functions.arranging import as_array, at, axis_of, known, picked
from chainrule.functions.axes import refuse


def _places(indices: Any, size: int, mode: Any, call: str) -> Any:
    """Integer places under `mode`; those outside the axis are refused where they are used."""
    indices = as_array(indices)
    if indices.size == 0 and isinstance(indices, np.ndarray):
        indices = indices.astype(int)
    if mode == "raise":
        return indices
    if mode == "wrap":
        return np.remainder(indices, size)
    if mode == "clip":
        return np.clip(indices, 0, size - 1)
    raise fail(ArgumentError, call, f"mode={mode!r}", fix="use 'raise', 'wrap' or 'clip'")


def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    """Entries at integer places along an axis, or of the flattened array."""
    call = "numpy.take"
    refuse(call, {"out": (out, None)})
    a = as_array(a)
    if axis is None:
        a, axis = np.ravel(a), 0
    k = axis_of(axis, a.ndim, call)
    return picked(a, _places(indices, a.shape[k], mode, call), k)


def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    """Entries along an axis where a condition holds."""
    refuse("numpy.compress", {"out": (out, None)})
    if np.ndim(condition) != 1:
        raise fail(
            ShapeError, "numpy.compress", "the condition is no vector", fix="give one truth value for each place"
        )
    return take(a, np.flatnonzero(known(condition, "numpy.compress")), axis)


def extract(condition: Any, arr: Any) -> Any:
    """Entries where a condition holds, as a vector."""
    return np.ravel(as_array(arr))[np.flatnonzero(known(condition, "numpy.extract"))]


def choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    """For each place an entry of one of several arrays, by its number."""
    call = "numpy.choose"
    refuse(call, {"out": (out, None)})
    arrays = [as_array(choice) for choice in choices]
    which = _places(a, len(arrays), mode, call)
    which, *arrays = np.broadcast_arrays(which, *arrays)
    return np.take_along_axis(np.stack(arrays), which[None], 0)[0]


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """For each place the choice of the first condition that holds there."""
    call = "numpy.select"
    if len(condlist) != len(choicelist) or not len(condlist):
        raise fail(
            ArgumentError,
            call,
            f"{len(condlist)} conditions for {len(choicelist)} choices",
            fix="give as many choices as conditions, one at least",
        )
    if any(as_array(condition).dtype.kind != "b" for condition in condlist):
        raise fail(ArgumentError, call, "a condition is not boolean", fix="compare first: x > 0")
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = np.where(condition, choice, result)
    return result


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Functions, each applied to the entries where its condition holds; zeros elsewhere."""
    call = "numpy.piecewise"
    if not isinstance(condlist, list | tuple):
        condlist = [condlist] if np.ndim(condlist) == x.ndim else list(condlist)
    elif x.ndim and np.ndim(condlist[0]) == 0:  # one condition, written as a list of truth values
        condlist = [condlist]
    masks = [known(condition, call).astype(bool) for condition in condlist]
    if len(funclist) == len(masks) + 1:
        masks.append(~np.logical_or.reduce(masks))
    if len(funclist) != len(masks):
        raise fail(
            ArgumentError,
            call,
            f"{len(funclist)} functions for {len(masks)} conditions",
            fix="give one function for each condition, and one more for the rest",
        )
    flat = np.ravel(x)
    pieces, places, start = [np.zeros_like(flat, shape=1)], np.zeros(flat.size, int), 1
    for mask, function in zip(masks, funclist, strict=True):
        chosen = np.flatnonzero(np.broadcast_to(mask, x.shape))
        if not chosen.size:
            continue
        value = function(flat[chosen], *args, **kw) if callable(function) else function
        pieces.append(np.broadcast_to(as_array(value).astype(x.dtype), chosen.shape))
        places[chosen] = start + np.arange(chosen.size)
        start += chosen.size
    return np.concatenate(pieces)[places].reshape(x.shape)


def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """The array with values put in before places of an axis; they take its dtype."""
    call = "numpy.insert"
    arr, values = as_array(arr), as_array(values)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    k = axis_of(axis, arr.ndim, call)
    size = arr.shape[k]
    places = np.arange(size)[obj] if isinstance(obj, slice) else known(obj, call)
    if places.dtype.kind == "b":
        places = np.flatnonzero(places)
    count = places.size
    values = values.reshape((1,) * (arr.ndim - values.ndim) + values.shape)
    if places.ndim == 0:
        values = np.moveaxis(values, 0, k)
    if count == 1:
        count = values.shape[k]
    new = np.broadcast_to(values.astype(arr.dtype), (*arr.shape[:k], count, *arr.shape[k + 1 :]))
    layout = np.insert(np.arange(size), places, size + np.arange(count))
    return np.concatenate([arr, new], axis=k)[at(k, layout)]


def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """The array without places of an axis."""
    arr = as_array(arr)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    k = axis_of(axis, arr.ndim, "numpy.delete")
    places = obj if isinstance(obj, slice) else known(obj, "numpy.delete")
    return arr[at(k, np.delete(np.arange(arr.shape[k]), places))]


def trim_zeros(filt: Any, trim: Any = "fb", axis: Any = None) -> Any:
    """A vector without the zeros at its ends."""
    call = "numpy.trim_zeros"
    refuse(call, {"axis": (axis, None)})
    if filt.ndim != 1:
        raise fail(ShapeError, call, f"it has {filt.ndim} axes", [("filt", filt)], fix="give a vector")
    kept = np.flatnonzero(known(filt != 0, call))
    if not kept.size:
        return filt[:0]
    return filt[kept[0] if "f" in trim.lower() else 0 : kept[-1] + 1 if "b" in trim.lower() else None]


# --- places -----------------------------------------------------------------------------------------------------------


def nonzero(a: Any) -> tuple[Any, ...]:
    """Places of the entries other than 0, an integer array for each axis."""
    return np.nonzero(known(a != 0, "numpy.nonzero"))


def flatnonzero(a: Any) -> Any:
    """Places of the entries other than 0 in the flattened array."""
    return np.flatnonzero(known(a != 0, "numpy.flatnonzero"))


def argwhere(a: Any) -> Any:
    """Places of the entries other than 0, one row for each."""
    return np.argwhere(known(a != 0, "numpy.argwhere"))


def digitize(x: Any, bins: Any, right: Any = False) -> Any:
    """The bin of each entry, between rising or falling bounds; integers, so without a derivative."""
    bins = as_array(bins)
    falling = bins.shape[0] > 1 and bool(bins[0] > bins[-1])
    if falling:
        return bins.shape[0] - np.searchsorted(bins[::-1], x, "right" if right else "left")
    return np.searchsorted(bins, x, "left" if right else "right")


# --- comparisons ------------------------------------------------------------------------------------------------------


def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    """Whether entries agree within ``atol + rtol * |b|``."""
    near = np.logical_and(np.abs(a - b) <= atol + rtol * np.abs(b), np.isfinite(b))
    near = np.logical_or(near, np.equal(a, b))
    return np.logical_or(near, np.logical_and(np.isnan(a), np.isnan(b))) if equal_nan else near


def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> bool:
    """Whether all entries agree within ``atol + rtol * |b|``: a plain truth value."""
    return bool(np.all(isclose(as_array(a), as_array(b), rtol, atol, equal_nan)))


def array_equal(a1: Any, a2: Any, equal_nan: Any = False) -> bool:
    """Whether shapes and all entries agree: a plain truth value."""
    a1, a2 = as_array(a1), as_array(a2)
    return a1.shape == a2.shape and _all_equal(a1, a2, equal_nan)


def array_equiv(a1: Any, a2: Any) -> bool:
    """Whether all entries agree after broadcasting: a plain truth value."""
    a1, a2 = as_array(a1), as_array(a2)
    try:
        np.broadcast_shapes(a1.shape, a2.shape)
    except ValueError:
        return False
    return _all_equal(a1, a2, False)


def _all_equal(x: Any, y: Any, equal_nan: Any) -> bool:
    same = np.equal(x, y)
    if equal_nan:
        same = np.logical_or(same, np.logical_and(np.isnan(x), np.isnan(y)))
    return bool(np.all(same))


# --- functions along axes ---------------------------------------------------------------------------------------------


def apply_along_axis(func1d: Any, axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of vectors applied to those along an axis; its results take the place of the axis."""
    k = axis_of(axis, arr.ndim, "numpy.apply_along_axis")
    rows = np.moveaxis(arr, k, -1)
    loops = rows.shape[:-1]
    results = [as_array(func1d(rows[place], *args, **kwargs)) for place in np.ndindex(loops)]
    if not results:
        raise fail(ShapeError, "numpy.apply_along_axis", "there is no vector to go by", fix="test arr.size first")
    stacked = np.stack(results).reshape((*loops, *results[0].shape))
    inner = results[0].ndim
    order = [*range(k), *range(len(loops), len(loops) + inner), *range(k, len(loops))]
    return np.transpose(stacked, order)


def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """A reduction applied over one axis after another, each kept with size 1."""
    several: Sequence[int] = axes if isinstance(axes, tuple | list) else (axes,)
    for axis in several:
        k = axis_of(axis, a.ndim, "numpy.apply_over_axes")
        reduced = func(a, k)
        a = reduced if reduced.ndim == a.ndim else np.expand_dims(reduced, k)
    return a
