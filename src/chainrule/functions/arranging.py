"""The same entries in other places: joining, splitting, repeating, turning, padding.

Written with indexing and NumPy's own functions, so that they take what NumPy's take, handles among it.
"""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError, UnsupportedError, fail


def as_array(x: Any) -> Any:
    """`x` itself if it is an array of any kind, else a NumPy array."""
    return x if hasattr(x, "dtype") else np.asarray(x)


def axis_of(axis: Any, ndim: int, call: str) -> int:
    """`axis` counted from the left."""
    k = operator.index(axis)
    if not -ndim <= k < ndim:
        raise fail(
            ArgumentError, call, f"axis {k} does not exist in an array with {ndim} axes", fix="name an axis it has"
        )
    return k % ndim


def at(axis: int, entry: Any) -> tuple[Any, ...]:
    """The index with `entry` at `axis` and everything of the axes before it."""
    return (*[slice(None)] * axis, entry)


def known(value: Any, call: str) -> Any:
    """The numbers of an array on which the size of a result depends."""
    read = getattr(value, "_value", None)
    fix = "use numpy.where, which keeps sizes; or give numbers that are no variable"
    return np.asarray(value if read is None else read(call, fix))


def picked(a: Any, places: Any, axis: int) -> Any:
    """Entries at integer places along an axis; a NumPy array cannot be indexed with a handle."""
    if not isinstance(a, np.ndarray) or isinstance(places, np.ndarray | np.generic):
        return a[at(axis, places)]
    flat = places.reshape([-1 if k == axis else 1 for k in range(a.ndim)])
    return np.take_along_axis(a, flat, axis).reshape((*a.shape[:axis], *places.shape, *a.shape[axis + 1 :]))


# --- axes -------------------------------------------------------------------------------------------------------------


def atleast_1d(*arys: Any) -> Any:
    """Arrays with one axis at least."""
    return _each([x if x.ndim else x.reshape(1) for x in map(as_array, arys)])


def atleast_2d(*arys: Any) -> Any:
    """Arrays with two axes at least, new ones before the others."""
    return _each([x.reshape((1,) * (2 - x.ndim) + x.shape) if x.ndim < 2 else x for x in map(as_array, arys)])


def atleast_3d(*arys: Any) -> Any:
    """Arrays with three axes at least: vectors along the second, matrices along the first two."""
    # New axes before and after those that there are.
    new = {0: ((1, 1, 1), ()), 1: ((1,), (1,)), 2: ((), (1,))}
    arrays = [as_array(x) for x in arys]
    return _each([x.reshape(new[x.ndim][0] + x.shape + new[x.ndim][1]) if x.ndim < 3 else x for x in arrays])


def _each(arrays: list[Any]) -> Any:
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    """An axis moved back until it lies before another."""
    source = axis_of(axis, a.ndim, "numpy.rollaxis")
    target = start + a.ndim if start < 0 else start
    return np.moveaxis(a, source, target - 1 if source < target else target)


def unstack(x: Any, /, *, axis: Any = 0) -> tuple[Any, ...]:
    """The arrays of which an axis is the stack."""
    return tuple(np.moveaxis(x, axis, 0))


def flip(m: Any, axis: Any = None) -> Any:
    """The array with axes run backwards, all by default."""
    axes = range(m.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    turned = {axis_of(k, m.ndim, "numpy.flip") for k in axes}
    return m[tuple(slice(None, None, -1 if k in turned else 1) for k in range(m.ndim))] if m.ndim else m


def flipud(m: Any) -> Any:
    """The first axis run backwards."""
    return flip(_with_axes(m, 1, "numpy.flipud"), 0)


def fliplr(m: Any) -> Any:
    """The second axis run backwards."""
    return flip(_with_axes(m, 2, "numpy.fliplr"), 1)


def rot90(m: Any, k: Any = 1, axes: Any = (0, 1)) -> Any:
    """The plane of two axes turned by quarters."""
    call = "numpy.rot90"
    first, second = (axis_of(axis, m.ndim, call) for axis in axes)
    if first == second:
        raise fail(ArgumentError, call, "both axes are the same", [("m", m)], fix="name two axes")
    turns = operator.index(k) % 4
    if turns == 2:
        return flip(m, (first, second))
    if turns == 1:
        return np.swapaxes(flip(m, second), first, second)
    return flip(np.swapaxes(m, first, second), second) if turns == 3 else m


def _with_axes(m: Any, least: int, call: str) -> Any:
    if m.ndim < least:
        raise fail(ShapeError, call, f"it needs {least} axes", [("m", m)], fix="add an axis: m[:, None]")
    return m


def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Entries moved along axes, those beyond the end coming back at the start."""
    if axis is None:
        return roll(np.ravel(a), shift, 0).reshape(a.shape)
    for steps, k in np.broadcast(shift, axis):
        place = axis_of(k, a.ndim, "numpy.roll")
        cut = -int(steps) % max(a.shape[place], 1)
        if cut:
            a = np.concatenate([a[at(place, slice(cut, None))], a[at(place, slice(cut))]], axis=place)
    return a + 0 if a.dtype.kind != "b" and axis == () else a


# --- splitting --------------------------------------------------------------------------------------------------------


def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    """Parts along an axis, as equal as can be, or cut at given places."""
    return _split(ary, indices_or_sections, axis, "numpy.array_split")


def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    """Equal parts along an axis, or parts cut at given places."""
    return _split(ary, indices_or_sections, axis, "numpy.split", equal=True)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along the second axis, of a vector along the first."""
    call = "numpy.hsplit"
    return _split(_with_axes(ary, 1, call), indices_or_sections, int(ary.ndim > 1), call, equal=True)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along the first axis."""
    return _split(_with_axes(ary, 2, "numpy.vsplit"), indices_or_sections, 0, "numpy.vsplit", equal=True)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along the third axis."""
    return _split(_with_axes(ary, 3, "numpy.dsplit"), indices_or_sections, 2, "numpy.dsplit", equal=True)


def _split(ary: Any, places: Any, axis: Any, call: str, equal: bool = False) -> list[Any]:
    k = axis_of(axis, ary.ndim, call)
    size = ary.shape[k]
    if np.ndim(places) == 0:
        count = operator.index(places)
        if count < 1 or (equal and size % count):
            raise fail(
                ShapeError,
                call,
                f"an axis of size {size} does not split into {count} equal parts",
                [("ary", ary)],
                fix="use numpy.array_split, or give the places to cut at",
            )
        cuts = [size * 0] + [part[-1] + 1 if part.size else 0 for part in np.array_split(np.arange(size), count)]
        for j in range(1, len(cuts)):  # parts beyond the end are empty
            cuts[j] = max(cuts[j], cuts[j - 1])
    else:
        cuts = [0, *[operator.index(place) for place in places], None]
    return [ary[at(k, slice(start, stop))] for start, stop in itertools.pairwise(cuts)]


# --- joining ----------------------------------------------------------------------------------------------------------


def dstack(tup: Any) -> Any:
    """Arrays joined along the third axis."""
    return np.concatenate([atleast_3d(x) for x in tup], axis=2)


def column_stack(tup: Any) -> Any:
    """Vectors as columns, joined with the columns of matrices."""
    return np.concatenate([atleast_2d(x).T if as_array(x).ndim < 2 else x for x in tup], axis=1)


def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """An array with others after it, flattened if no axis is given."""
    if axis is None:
        return np.concatenate([np.ravel(as_array(arr)), np.ravel(as_array(values))])
    return np.concatenate([as_array(arr), as_array(values)], axis=axis)


def block(arrays: Any) -> Any:
    """A matrix (or array) put together from nested lists of blocks."""
    depth = _depth(arrays)
    ndim = max(depth, *[as_array(leaf).ndim for leaf in _leaves(arrays)])
    return _joined(arrays, depth, ndim)


def _depth(arrays: Any) -> int:
    if not isinstance(arrays, list):
        return 0
    depths = {_depth(entry) for entry in arrays}
    if len(depths) != 1:
        raise fail(
            ArgumentError,
            "numpy.block",
            "a list is empty, or lists are not nested equally deep",
            fix="give every block as many brackets",
        )
    return depths.pop() + 1


def _leaves(arrays: Any) -> list[Any]:
    return [leaf for entry in arrays for leaf in _leaves(entry)] if isinstance(arrays, list) else [arrays]


def _joined(arrays: Any, depth: int, ndim: int) -> Any:
    if depth == 0:
        x = as_array(arrays)
        return x.reshape((1,) * (ndim - x.ndim) + x.shape)
    return np.concatenate([_joined(entry, depth - 1, ndim) for entry in arrays], axis=-depth)


# --- repeating --------------------------------------------------------------------------------------------------------


def tile(A: Any, reps: Any) -> Any:  # noqa: N803 - NumPy's name
    """The array repeated as a whole along axes."""
    counts = [operator.index(count) for count in np.atleast_1d(reps)]
    ndim = max(A.ndim, len(counts))
    counts = [1] * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - A.ndim) + A.shape
    spread = A.reshape([n for size in shape for n in (1, size)])
    wide = np.broadcast_to(spread, tuple(n for size, count in zip(shape, counts, strict=True) for n in (count, size)))
    return wide.reshape([size * count for size, count in zip(shape, counts, strict=True)])


def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    """Every entry repeated; the counts must be known."""
    a = as_array(a)
    if axis is None:
        a, axis = np.ravel(a), 0
    k = axis_of(axis, a.ndim, "numpy.repeat")
    counts = known(repeats, "numpy.repeat")
    if counts.ndim and counts.size not in (1, a.shape[k]):
        raise fail(
            ShapeError,
            "numpy.repeat",
            f"{counts.size} counts for an axis of size {a.shape[k]}",
            [("a", a)],
            fix="give one count, or one for each entry",
        )
    return a[at(k, np.repeat(np.arange(a.shape[k]), counts))]


def resize(a: Any, new_shape: Any) -> Any:
    """The entries over and over until a shape is filled."""
    sizes = new_shape if isinstance(new_shape, tuple | list) else (new_shape,)
    flat, count = np.ravel(a), int(np.prod(sizes, dtype=int))
    if flat.size == 0:
        return np.zeros_like(flat, shape=tuple(sizes))
    return flat[np.arange(count) % flat.size].reshape(sizes)


_WRAPPED = ("edge", "reflect", "symmetric", "wrap")


def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """The array with a margin: constants, or entries of its own (edge, reflect, symmetric, wrap)."""
    call = "numpy.pad"
    array = as_array(array)
    if isinstance(pad_width, dict):
        pad_width = [pad_width.get(k, pad_width.get(k - array.ndim, 0)) for k in range(array.ndim)]
        pad_width = [(width, width) if np.ndim(width) == 0 else width for width in pad_width]
    widths = np.broadcast_to(np.asarray(pad_width), (array.ndim, 2)).tolist()
    if any(width < 0 for pair in widths for width in pair):
        raise fail(ArgumentError, call, "a width is negative", [("array", array)], fix="cut the array with a slice")
    allowed = {"constant": {"constant_values"}, "reflect": {"reflect_type"}, "symmetric": {"reflect_type"}}
    wrong = set(kwargs) - allowed.get(mode if isinstance(mode, str) else "", set())
    odd = kwargs.get("reflect_type", "even") != "even"
    if wrong or odd or mode not in ("constant", *_WRAPPED):
        what = f"mode={mode!r} with {', '.join(kwargs)}=" if kwargs else f"mode={mode!r}"
        fix = f"use mode='constant' or one of {', '.join(_WRAPPED)}, or build the margin with numpy.concatenate"
        raise fail(UnsupportedError, call, f"{what} is not supported", [("array", array)], fix=fix)
    if mode == "constant":
        return _with_constants(array, widths, kwargs.get("constant_values", 0))
    for k, pair in enumerate(widths):
        if any(pair):
            array = array[at(k, np.pad(np.arange(array.shape[k]), pair, mode=mode))]
    return array


def _with_constants(array: Any, widths: list[Any], values: Any) -> Any:
    values = as_array(values)
    pairs = np.broadcast_to(values, (array.ndim, 2))
    for k, pair in enumerate(widths):
        margins = []
        for side, width in enumerate(pair):
            shape = (*array.shape[:k], width, *array.shape[k + 1 :])
            margins.append(np.broadcast_to(pairs[k, side].astype(array.dtype), shape))
        array = np.concatenate([margins[0], array, margins[1]], axis=k)
    return array


# --- triangles and grids ----------------------------------------------------------------------------------------------


def tril(m: Any, k: Any = 0) -> Any:
    """The lower triangle of the last two axes, zeros above."""
    return np.where(np.tri(*_rows_columns(m, "numpy.tril"), k=k, dtype=bool), m, _zero(m))


def triu(m: Any, k: Any = 0) -> Any:
    """The upper triangle of the last two axes, zeros below."""
    return np.where(np.tri(*_rows_columns(m, "numpy.triu"), k=k - 1, dtype=bool), _zero(m), m)


def _rows_columns(m: Any, call: str) -> tuple[int, int]:
    rows, columns = _with_axes(m, 1, call).shape[-2:] if m.ndim > 1 else (*_with_axes(m, 1, call).shape, m.shape[0])
    return rows, columns


def _zero(m: Any) -> Any:
    return np.zeros((), m.dtype)


def meshgrid(*xi: Any, copy: Any = True, sparse: Any = False, indexing: Any = "xy") -> tuple[Any, ...]:
    """Coordinates of a grid, from those along each axis."""
    if indexing not in ("xy", "ij"):
        raise fail(ArgumentError, "numpy.meshgrid", f"indexing={indexing!r}", fix="use 'xy' or 'ij'")
    n = len(xi)
    order = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    thin = [
        np.ravel(as_array(x)).reshape([-1 if j == k else 1 for j in range(n)]) for k, x in zip(order, xi, strict=True)
    ]
    return tuple(thin) if sparse else tuple(np.broadcast_arrays(*thin))


def ix_(*args: Any) -> tuple[Any, ...]:
    """Index arrays that together pick a block."""
    places = []
    for k, arg in enumerate(args):
        x = as_array(arg)
        if x.ndim != 1:
            raise fail(ShapeError, "numpy.ix_", f"argument {k} has {x.ndim} axes", fix="give vectors of places")
        x = np.flatnonzero(known(x, "numpy.ix_")) if x.dtype.kind == "b" else x.astype(int) if x.size == 0 else x
        places.append(x.reshape([-1 if j == k else 1 for j in range(len(args))]))
    return tuple(places)
