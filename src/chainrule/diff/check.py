"""Derivatives by differences, with an error estimate: the measure that exact derivatives are held against.

Numbers only: a map of vectors is evaluated beside the point, nothing here knows graphs. `trace.check` compares what it
finds with forward and reverse mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[Any]
Map = Callable[[Vector], Vector]

COLUMNS = 6  # orders of the error that extrapolation removes; more of them only amplify rounding
LEVELS = 40  # step sizes tried, each half of the one before: down to 1e-12 of the largest
SETTLED = 4  # halvings without a better estimate, after which rounding has taken over
# Estimates of an error are themselves uncertain; what separates a wrong derivative from a right one is far larger.
SAFETY = 10.0
# So many estimates of an entry may be small by luck, where roundings happen to agree; the next one counts.
LUCKY = 4
# The two sequences of steps share no step, so that they cannot both be lucky at the same place.
LARGEST_STEPS = (0.25, 0.25 / math.sqrt(2))


class Estimate(NamedTuple):
    """A derivative found by differences, each entry for one result of the map.

    Attributes
    ----------
    value : ndarray
        The derivative.
    error : ndarray
        How far it may be off; inf where no two steps agree on a finite number.
    scale : ndarray
        How fast the map could change for its size near the point: a value is meaningful if `error` is small beside it.
    """

    value: Vector
    error: Vector
    scale: Vector


def directional(f: Map, x: Vector, direction: Vector, sizes: Vector, eps: float) -> Estimate:
    """Derivative of `f` at `x` along `direction`, by central differences and Richardson's extrapolation.

    Parameters
    ----------
    f : callable
        Takes and returns one-dimensional arrays. Where it raises, or gives what is not finite, a smaller step is taken.
    x : ndarray, shape (n,)
        The point.
    direction : ndarray, shape (n,)
        Not zero.
    sizes : ndarray, shape (n,)
        Size of each variable, which sets the largest step.
    eps : float
        Relative error of one rounding of `f` and of its variables.

    Returns
    -------
    Estimate
        Value, error and scale.

    Notes
    -----
    Two sequences of steps, each a power of ½ times a largest step, are extrapolated apart. An entry of the tableau is
    estimated to be off by what it differs from its neighbours, and by the rounding of `f` over the step; the value is
    the entry with the least estimate. The error is the sum, over both sequences, of the least estimate but four, and of
    what the two values differ by, times `SAFETY`.

    References
    ----------
    .. [1] C. J. F. Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", Advances in Engineering Software 4 (1982).
    """
    moved = direction != 0
    reach = float(np.min(sizes[moved] / np.abs(direction[moved])))
    first, second = (_extrapolated(f, x, direction, reach, largest, eps) for largest in LARGEST_STEPS)
    with np.errstate(invalid="ignore"):
        value = np.where(first.error <= second.error, first.value, second.value)
        error = SAFETY * (first.error + second.error + np.abs(first.value - second.value))
    return Estimate(value, np.where(np.isfinite(error), error, np.inf), np.maximum(first.scale, second.scale))


def _extrapolated(f: Map, x: Vector, direction: Vector, reach: float, largest: float, eps: float) -> Estimate:
    """The limit of the central difference, taken where its estimated error is least."""
    errors: list[Vector] = []
    best, least, scale = np.array(np.nan), np.array(np.inf), np.array(0.0)
    previous: list[Vector] = []
    waited = 0
    moved = direction != 0
    far = float(np.max(np.abs(x[moved] / direction[moved])))
    with np.errstate(all="ignore"):
        for level in range(LEVELS):
            h = reach * largest / 2**level
            above, below = _beside(f, x, h * direction), _beside(f, x, -h * direction)
            value = (above - below) / (2 * h)
            size = np.abs(above) + np.abs(below)
            scale = np.fmax(scale, np.where(np.isfinite(size), size, 0.0) / reach)
            # The results are rounded, and so are the points themselves.
            noise = eps * (size + np.abs(value) * (far + h)) / h
            row = [value]
            waited += 1
            for column, coarser in enumerate(previous[:COLUMNS], start=1):
                row.append(row[-1] + (row[-1] - coarser) / (4**column - 1))
                error = noise + np.maximum(np.abs(row[-1] - row[-2]), np.abs(row[-1] - coarser))
                errors.append(error)
                better = error < least
                if np.any(better):
                    waited = 0
                best, least = np.where(better, row[-1], best), np.where(better, error, least)
            previous = row
            if waited >= SETTLED and np.all(least <= math.sqrt(eps) * np.max(scale, initial=0.0)):
                break
    shape = np.shape(best)
    ordered = np.sort([np.broadcast_to(np.where(np.isnan(error), np.inf, error), shape) for error in errors], axis=0)
    return Estimate(best, ordered[min(LUCKY, len(ordered) - 1)], scale)


def _beside(f: Map, x: Vector, change: Vector) -> Vector:
    """The map beside the point; nan where it has no value."""
    try:
        return f(x + change)
    except (ArithmeticError, ValueError):  # LinAlgError is a ValueError
        return np.full(np.shape(f(x)), np.nan)


def narrowed(wrong: Callable[[Vector], float], direction: Vector) -> Vector:
    """The one entry of `direction` that is to blame, by halving: each time the half where `wrong` is larger is kept."""
    places = np.flatnonzero(direction)
    while len(places) > 1:
        halves = [_restricted(direction, half) for half in np.array_split(places, 2)]
        places = np.flatnonzero(max(halves, key=wrong))
    return _restricted(np.ones_like(direction), places)


def _restricted(direction: Vector, places: npt.NDArray[np.intp]) -> Vector:
    part = np.zeros_like(direction)
    part[places] = direction[places]
    return part
