"""Averages, medians, quantiles, covariances, and reductions that pass over nan.

Written with NumPy's own functions, so that they take handles as NumPy's take arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError, fail
from chainrule.functions.arranging import as_array, axis_of
from chainrule.functions.axes import NOT_GIVEN, is_given, refuse


def average(a: Any, axis: Any = None, weights: Any = None, returned: Any = False, *, keepdims: Any = False) -> Any:
    """Mean over axes, weighted if weights are given; with `returned` also their sum."""
    a = as_array(a)
    keepdims = keepdims is True
    if weights is None:
        result = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.full(result.shape, a.size / max(result.size, 1), result.dtype)
    else:
        weights = _spread_weights(a, axis, as_array(weights))
        dtype = np.result_type(a.dtype, weights.dtype, *(["f8"] if a.dtype.kind in "biu" else []))
        total = np.sum(weights, axis=axis, dtype=dtype, keepdims=keepdims)
        result = np.sum(a * weights, axis=axis, dtype=dtype, keepdims=keepdims) / total
    return (result, np.broadcast_to(total, result.shape)) if returned else result


def _spread_weights(a: Any, axis: Any, weights: Any) -> Any:
    """Weights with the shape of `a`, or that broadcasts to it, from those along the averaged axes."""
    if weights.shape == a.shape:
        return weights
    call = "numpy.average"
    if axis is None:
        raise fail(ShapeError, call, f"weights of shape {weights.shape} for {a.shape}", fix="give axis= too")
    axes = [axis_of(k, a.ndim, call) for k in (axis if isinstance(axis, tuple) else (axis,))]
    if weights.shape != tuple(a.shape[k] for k in axes):
        raise fail(
            ShapeError,
            call,
            f"weights of shape {weights.shape} for axes of sizes {tuple(a.shape[k] for k in axes)}",
            [("a", a), ("weights", weights)],
            fix="give one weight for each entry along the averaged axes",
        )
    order = np.argsort(axes).tolist()
    shape = [a.shape[k] if k in axes else 1 for k in range(a.ndim)]
    return np.broadcast_to(np.transpose(weights, order).reshape(shape), a.shape)


# --- medians and quantiles --------------------------------------------------------------------------------------------


def _rows(a: Any, axis: Any, call: str) -> tuple[Any, tuple[int, ...]]:
    """The reduced axes as one, the last; and the shape of the result with keepdims."""
    a = as_array(a)
    axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    places = sorted({axis_of(k, a.ndim, call) for k in axes})
    kept = [k for k in range(a.ndim) if k not in places]
    rows = np.transpose(a, [*kept, *places]).reshape([*[a.shape[k] for k in kept], -1]) if a.size else None
    if rows is None:
        raise fail(ShapeError, call, "the array is empty", [("a", a)], fix="test a.size first")
    return rows, tuple(1 if k in places else a.shape[k] for k in range(a.ndim))


def _number_dtype(a: Any) -> Any:
    return a.dtype if a.dtype.kind == "f" else np.dtype(float)


def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False) -> Any:
    """The middle entry over axes, or the mean of the two in the middle; nan where there is a nan."""
    refuse("numpy.median", {"out": (out, None)})
    return _median(a, axis, keepdims, "numpy.median", False)


def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False) -> Any:
    """The median over axes of the entries that are not nan."""
    refuse("numpy.nanmedian", {"out": (out, None)})
    return _median(a, axis, keepdims, "numpy.nanmedian", True)


def _median(a: Any, axis: Any, keepdims: Any, call: str, skips: bool) -> Any:
    rows, kept = _rows(a, axis, call)
    rows = np.sort(rows, axis=-1).astype(_number_dtype(rows))
    count = _valid(rows, skips)
    pair = [np.take_along_axis(rows, _column(place, rows), -1)[..., 0] for place in ((count - 1) // 2, count // 2)]
    result = (pair[0] + pair[1]) / 2
    result = result if skips else _with_nan(rows, result)
    return result.reshape(kept) if keepdims is True else result


def _valid(rows: Any, skips: bool) -> Any:
    """Number of entries that count in each row: all, or those that are not nan."""
    return np.sum(np.logical_not(np.isnan(rows)), axis=-1) if skips else rows.shape[-1]


def _column(places: Any, rows: Any) -> Any:
    """One place for each row, as `take_along_axis` wants them."""
    return np.broadcast_to(as_array(places)[..., None], (*rows.shape[:-1], 1))


def _with_nan(rows: Any, result: Any) -> Any:
    """The result, but nan where a (sorted) row ends in nan."""
    return np.where(np.isnan(rows[..., -1]), rows[..., -1], result)


def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: Any = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """Values below which shares of the entries lie, by linear interpolation between the sorted entries."""
    return _quantile("numpy.quantile", a, q, 1, axis, out, method, keepdims, weights, False)


def percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: Any = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """Values below which percentages of the entries lie, by linear interpolation between the sorted entries."""
    return _quantile("numpy.percentile", a, q, 100, axis, out, method, keepdims, weights, False)


def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: Any = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """Quantiles of the entries that are not nan."""
    return _quantile("numpy.nanquantile", a, q, 1, axis, out, method, keepdims, weights, True)


def nanpercentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: Any = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """Percentiles of the entries that are not nan."""
    return _quantile("numpy.nanpercentile", a, q, 100, axis, out, method, keepdims, weights, True)


def _quantile(
    call: str, a: Any, q: Any, whole: int, axis: Any, out: Any, method: Any, keepdims: Any, weights: Any, skips: bool
) -> Any:
    refuse(call, {"out": (out, None), "method": (method, "linear"), "weights": (weights, None)})
    rows, kept = _rows(a, axis, call)
    dtype = _number_dtype(rows)
    number = isinstance(q, int | float) and not isinstance(q, np.generic)
    shares: Any = np.asarray(q, dtype) if number else as_array(q)
    shares = shares / shares.dtype.type(whole) if shares.dtype.kind == "f" else shares / whole
    wide = np.result_type(dtype, shares.dtype)
    plain = isinstance(shares, np.ndarray | np.generic)
    if plain and not bool(np.all(np.greater_equal(shares, 0) & np.less_equal(shares, 1))):
        raise fail(ArgumentError, call, f"q is not between 0 and {whole}", fix=f"give shares from 0 to {whole}")
    rows = np.sort(rows, axis=-1).astype(dtype)
    last = as_array(_valid(rows, skips) - 1)
    flat = shares.reshape(-1)
    places = flat * np.maximum(last, 0).astype(wide)[..., None]
    below = np.floor(places)
    t = places - below
    low = below.astype(int)
    high = np.minimum(low + 1, np.maximum(last, 0)[..., None])
    shape = (*rows.shape[:-1], flat.shape[0])
    lower, upper = (np.take_along_axis(rows, np.broadcast_to(place, shape), -1) for place in (low, high))
    step = upper - lower
    result = np.where(t >= 0.5, upper - step * (1 - t), lower + step * t)
    result = result if skips else np.where(np.isnan(rows[..., -1:]), rows[..., -1:], result)
    result = np.moveaxis(result, -1, 0)
    return result.reshape((*shares.shape, *(kept if keepdims is True else result.shape[1:])))


# --- passing over nan -------------------------------------------------------------------------------------------------


def _filled(a: Any, value: float) -> Any:
    """The array with `value` in place of nan."""
    return np.where(np.isnan(a), value, a) if a.dtype.kind == "f" else a


def _counted(a: Any, where: Any) -> Any:
    """Which entries count: those that are not nan, and where `where` holds."""
    valid = np.logical_not(np.isnan(a))
    return np.logical_and(valid, where) if is_given(where) else valid


def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NOT_GIVEN,
    where: Any = NOT_GIVEN,
) -> Any:
    """Sum over axes, nan counting as 0."""
    return np.sum(_filled(a, 0.0), axis, dtype, out, keepdims is True, **_given(initial=initial, where=where))


def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NOT_GIVEN,
    where: Any = NOT_GIVEN,
) -> Any:
    """Product over axes, nan counting as 1."""
    return np.prod(_filled(a, 1.0), axis, dtype, out, keepdims is True, **_given(initial=initial, where=where))


def _given(**keywords: Any) -> dict[str, Any]:
    return {name: value for name, value in keywords.items() if is_given(value)}


def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Cumulative sum, nan counting as 0."""
    return np.cumsum(_filled(a, 0.0), axis, dtype, out)


def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Cumulative product, nan counting as 1."""
    return np.cumprod(_filled(a, 1.0), axis, dtype, out)


def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = NOT_GIVEN
) -> Any:
    """Mean over axes of the entries that are not nan."""
    return np.mean(a, axis, dtype, out, keepdims is True, where=_counted(a, where))


def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = NOT_GIVEN,
    mean: Any = NOT_GIVEN,
    correction: Any = NOT_GIVEN,
) -> Any:
    """Variance over axes of the entries that are not nan; nan where too few are left."""
    return _nan_spread(np.var, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = NOT_GIVEN,
    mean: Any = NOT_GIVEN,
    correction: Any = NOT_GIVEN,
) -> Any:
    """Standard deviation over axes of the entries that are not nan; nan where too few are left."""
    return _nan_spread(np.std, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def _nan_spread(
    function: Any, a: Any, axis: Any, dtype: Any, out: Any, ddof: Any, keepdims: Any, where: Any, mean: Any, more: Any
) -> Any:
    counted = _counted(a, where)
    given = _given(mean=mean, correction=more)
    spread = function(a, axis, dtype, out, ddof, keepdims is True, where=counted, **given)
    freedom = np.sum(counted, axis=axis, keepdims=keepdims is True) - given.get("correction", ddof)
    return np.where(freedom > 0, spread, np.asarray(np.nan, spread.dtype))


def nanmax(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NOT_GIVEN,
    where: Any = NOT_GIVEN,
) -> Any:
    """Largest entry over axes, passing over nan."""
    return _nan_extremum(np.max, -np.inf, a, axis, out, keepdims, initial, where)


def nanmin(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NOT_GIVEN,
    where: Any = NOT_GIVEN,
) -> Any:
    """Smallest entry over axes, passing over nan."""
    return _nan_extremum(np.min, np.inf, a, axis, out, keepdims, initial, where)


def _nan_extremum(
    function: Any, least: float, a: Any, axis: Any, out: Any, keepdims: Any, initial: Any, where: Any
) -> Any:
    keepdims = keepdims is True
    result = function(_filled(a, least), axis, out, keepdims, **_given(initial=initial, where=where))
    if is_given(initial) or a.dtype.kind != "f":
        return result
    return np.where(np.all(np.isnan(a), axis=axis, keepdims=keepdims), np.asarray(np.nan, a.dtype), result)


# --- covariance -------------------------------------------------------------------------------------------------------


def cov(
    m: Any,
    y: Any = None,
    rowvar: Any = True,
    bias: Any = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """Covariance matrix of variables in rows (in columns, if `rowvar` is false)."""
    call = "numpy.cov"
    x = _variables(m, rowvar, dtype, call)
    if y is not None:
        x = np.concatenate([x, _variables(y, rowvar, dtype, call)])
    if ddof is None:
        ddof = 0 if bias else 1
    weights = None if fweights is None else as_array(fweights).astype(float)
    if aweights is not None:
        weights = as_array(aweights) if weights is None else weights * as_array(aweights)
    if weights is None:
        distance = x - np.mean(x, axis=1, keepdims=True)
        freedom = x.shape[1] - ddof
        scaled = distance
    else:
        total = np.sum(weights)
        distance = x - (np.sum(x * weights, axis=1) / total)[:, None]
        lost = 0 if ddof == 0 else ddof if aweights is None else ddof * np.sum(weights * as_array(aweights)) / total
        freedom, scaled = total - lost, distance * weights
    return np.squeeze(distance @ scaled.T / freedom)


def _variables(m: Any, rowvar: Any, dtype: Any, call: str) -> Any:
    m = as_array(m)
    if m.ndim > 2:
        raise fail(ShapeError, call, f"an array has {m.ndim} axes", [("m", m)], fix="give a vector or a matrix")
    m = m.astype(float if dtype is None else dtype)  # NumPy answers in float64, for float32 too
    m = np.atleast_2d(m)
    return m if rowvar or m.shape[0] == 1 else m.T


def corrcoef(x: Any, y: Any = None, rowvar: Any = True, *, dtype: Any = None) -> Any:
    """Correlation matrix of variables in rows (in columns, if `rowvar` is false)."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    spread = np.sqrt(np.diagonal(c))
    return np.clip(c / spread[:, None] / spread[None, :], -1, 1)
