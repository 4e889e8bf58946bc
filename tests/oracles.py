"""Numerical answers that owe nothing to the library under test, and the tolerances for comparing with them.

Differences with Richardson extrapolation for any smooth function, the complex step for analytic ones, mpmath
for elementwise ones. This module does not import chainrule, so that a mistake cannot vouch for itself.
"""

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Map = Callable[[Array], Any]

LEVELS = 16  # step sizes tried, each half the one before: from 1/4 down to 8e-6 of the point's size
COLUMNS = 6  # orders of the error removed; more only amplifies rounding
ULPS = 16  # roundings allowed for a well-conditioned result: a few operations, with LAPACK's constants


def richardson(f: Map, x: npt.ArrayLike, direction: npt.ArrayLike, *, step: float = 0.25) -> tuple[Array, Array]:
    """Return the derivative of `f` at `x` along `direction`, and an estimate of its error, entry by entry.

    `step` is the largest step tried, relative to the size of `x`. Give a smaller one where `f` raises outside
    its domain; an `f` that answers nan there needs no care.
    """
    x, direction = _floats(x), _floats(direction)
    size = max(1.0, np.abs(x).max(initial=0.0))
    length = np.abs(direction).max(initial=0.0)
    if length == 0:
        value = np.zeros(np.shape(f(x)))
        return value, np.zeros_like(value)

    def quotient(h: float) -> tuple[Array, Array]:
        above, below = _floats(f(x + h * direction)), _floats(f(x - h * direction))
        value = (above - below) / (2 * h)
        # The results are rounded, and so are the points themselves.
        noise = np.abs(above) + np.abs(below) + np.abs(value) * size / length
        return value, np.finfo(float).eps * noise / h

    return _extrapolate(quotient, _power_of_two(step * size / length))


def numeric_jacobian(f: Map, x: npt.ArrayLike) -> Array:
    """Return the Jacobian of `f` at `x`, of shape ``f(x).shape + x.shape``."""
    x = _floats(x)
    columns = [richardson(f, x, unit)[0] for unit in _units(x)]
    rows = np.shape(f(x))
    return np.stack(columns, axis=-1).reshape(rows + x.shape) if columns else np.zeros(rows + x.shape)


def numeric_gradient(f: Map, x: npt.ArrayLike) -> Array:
    """Return the gradient at `x` of an `f` with one real result; it has the shape of `x`."""
    _require_scalar(f, x)
    return numeric_jacobian(lambda point: np.reshape(f(point), ()), x)


def numeric_hessian(f: Map, x: npt.ArrayLike) -> Array:
    """Return the Hessian at `x` of an `f` with one real result, of shape ``x.shape + x.shape``."""
    _require_scalar(f, x)
    x = _floats(x)
    size = max(1.0, np.abs(x).max(initial=0.0))
    units = list(_units(x))
    hessian = np.zeros((x.size, x.size))

    def value(point: Array) -> Array:
        return _floats(f(point)).reshape(())

    for (i, u), (j, v) in itertools.combinations_with_replacement(enumerate(units), 2):

        def quotient(h: float, u: Array = u, v: Array = v) -> tuple[Array, Array]:
            corners = [value(x + h * (s * u + t * v)) * (s * t) for s in (1, -1) for t in (1, -1)]
            second = np.sum(corners) / (4 * h * h)
            noise = np.sum(np.abs(corners)) + np.abs(second) * h * size
            return second, np.finfo(float).eps * noise / (h * h)

        hessian[i, j] = hessian[j, i] = _extrapolate(quotient, _power_of_two(0.25 * size))[0]
    return hessian.reshape(x.shape + x.shape)


def complex_step(f: Map, x: npt.ArrayLike, direction: npt.ArrayLike, h: float = 1e-30) -> Array:
    """Return the derivative along `direction` of an analytic `f`, exact to rounding: nothing is subtracted.

    It is wrong, without showing it, where `f` takes an absolute value, a maximum or a conjugate, or compares.
    """
    shifted = _floats(x) + 1j * h * _floats(direction)
    return np.asarray(np.imag(f(shifted)) / h)


def mp_elementwise(function: Callable[..., Any], arrays: Iterable[npt.ArrayLike], digits: int = 50) -> Array:
    """Evaluate an mpmath function entry by entry with `digits` digits; round once, to the operands' dtype.

    The answer is nan where mpmath finds a pole or, for real operands, leaves the real line. mpmath has no
    negative zero, neither as an operand nor as a result.
    """
    operands = np.broadcast_arrays(*arrays)
    dtype = np.result_type(*operands)
    if dtype.kind not in "fc":
        dtype = np.dtype(float)
    result = np.empty(operands[0].shape, dtype)
    with mpmath.workdps(digits):
        for place in np.ndindex(result.shape):
            try:
                value = mpmath.mpmathify(function(*(_exact(operand[place]) for operand in operands)))
            except (ValueError, ZeroDivisionError):
                value = mpmath.nan
            if dtype.kind == "c":
                result[place] = complex(_rounded(value.real, dtype), _rounded(value.imag, dtype))
            else:
                result[place] = _rounded(value.real, dtype) if value.imag == 0 else math.nan
    return result


def ulp_distance(a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    """Count the floating-point numbers from `a` to `b`, entry by entry.

    Both zeros are one number, and so are all nans; a nan is as far as can be from anything else.
    """
    a, b = np.broadcast_arrays(a, b)
    if a.dtype != b.dtype or a.dtype.kind != "f":
        raise TypeError(f"ulp_distance needs one real floating dtype, not {a.dtype} and {b.dtype}")
    first, second = _ordinal(a), _ordinal(b)
    # In unsigned arithmetic the difference is exact even between the two ends of the range.
    up, down = np.maximum(first, second).view(np.uint64), np.minimum(first, second).view(np.uint64)
    lost = np.isnan(a) != np.isnan(b)
    same = np.isnan(a) & np.isnan(b)
    return np.select([lost, same], [np.uint64(2**64 - 1), np.uint64(0)], up - down)


def tolerance(dtype: npt.DTypeLike, condition: float = 1.0, *, terms: int = 1, error: float = 0.0) -> float:
    """Return the relative error to allow in a result of this dtype: the suite's only source of tolerances.

    Parameters
    ----------
    dtype : dtype
        In which the result under test was computed. Integers and booleans are exact.
    condition : float
        Condition number of the problem: by how much it amplifies a relative change of its data.
    terms : int
        Number of terms added up. Their roundings differ in sign, so that the square root counts.
    error : float
        Relative error of the reference itself, such as `richardson` estimates it.

    Returns
    -------
    float
        To be multiplied by the size of the result. Never above 0.1: with more, a test could not fail.
    """
    dtype = np.dtype(dtype)
    eps = float(np.finfo(dtype).eps) if dtype.kind in "fc" else 0.0
    allowed = ULPS * eps * max(condition, 1.0) * math.sqrt(max(terms, 1)) + error
    if not allowed <= 0.1:
        raise ValueError(f"a tolerance of {allowed:.2g} proves nothing; choose a better conditioned example")
    return allowed


def _extrapolate(quotient: Callable[[float], tuple[Array, Array]], step: float) -> tuple[Array, Array]:
    """Take the limit, as h -> 0, of a quotient that is a series in h², where its error estimate is least."""
    best: Array = np.array(math.nan)
    least: Array = np.array(math.inf)
    previous: list[Array] = []
    # Outside the domain of the function there are nans; an estimate that is nan is never the least.
    with np.errstate(all="ignore"):
        for level in range(LEVELS):
            value, noise = quotient(step / 2**level)
            row = [value]
            for column, coarser in enumerate(previous[:COLUMNS], start=1):
                row.append(row[-1] + (row[-1] - coarser) / (4**column - 1))
                error = noise + np.maximum(np.abs(row[-1] - row[-2]), np.abs(row[-1] - coarser))
                better = error < least
                best, least = np.where(better, row[-1], best), np.where(better, error, least)
            previous = row
    return best, least


def _floats(value: Any) -> Array:
    return np.asarray(value, dtype=float)


def _units(x: Array) -> Iterable[Array]:
    for k in range(x.size):
        unit = np.zeros(x.size)
        unit[k] = 1.0
        yield unit.reshape(x.shape)


def _require_scalar(f: Map, x: npt.ArrayLike) -> None:
    shape = np.shape(f(_floats(x)))
    if math.prod(shape) != 1:
        raise ValueError(f"expected a function with one result, not an array of shape {shape}")


def _power_of_two(size: float) -> float:
    """Return the largest power of two up to `size`: scaling by it is exact."""
    return math.ldexp(0.5, math.frexp(size)[1])


def _exact(number: Any) -> Any:
    return mpmath.mpc(complex(number)) if np.iscomplexobj(number) else mpmath.mpf(float(number))


def _rounded(value: Any, dtype: np.dtype[Any]) -> float:
    """Round to the nearest number of `dtype` in one step, subnormal numbers included."""
    if not mpmath.isfinite(value) or value == 0:
        return float(value)
    info = np.finfo(dtype)
    last_bit = max(mpmath.frexp(value)[1] - 1, int(info.minexp)) - int(info.nmant)
    try:
        nearest = math.ldexp(int(mpmath.nint(mpmath.ldexp(value, -last_bit))), last_bit)
    except OverflowError:
        nearest = math.copysign(math.inf, value)
    return nearest if abs(nearest) <= float(info.max) else math.copysign(math.inf, nearest)


def _ordinal(a: Array) -> npt.NDArray[np.int64]:
    """Number the floats in increasing order, with both zeros at 0."""
    bits = np.ascontiguousarray(a).view(f"i{a.dtype.itemsize}").astype(np.int64)
    magnitude = bits & (2 ** (8 * a.dtype.itemsize - 1) - 1)
    return np.asarray(np.where(bits < 0, -magnitude, magnitude))
