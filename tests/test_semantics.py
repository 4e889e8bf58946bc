"""The answers at kinks, zeros, ties and odd inputs, through the public functions and plain NumPy.

Each row of the tables states a function, a point, and the derivatives there, order by order. Every order is taken in
every combination of modes: two for the first, four for the second, and so on; all must agree with the row.
"""

import ast
import itertools
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.conventions import recorded
from chainrule.errors import DegenerateError, NonsmoothError
from tests.oracles import numeric_gradient, tolerance

INF, NAN = np.inf, np.nan
MODES = ("forward", "reverse")

ABS = "abs at 0: 0"
HALF = "maximum or minimum of equal entries: half each"
LOGADDEXP = "logaddexp of nothing but -inf: 0"
LOGSUMEXP = "logsumexp of nothing but -inf: 0"
MAX = "max with ties: even split"
MIN = "min with ties: even split"
NORM = "norm at 0: 0"
POWER = "x**y at x = y = 0: 0 by y"


@dataclass(frozen=True)
class Row:
    """A function, a point, its value there, and its derivatives of orders 1, 2, …

    `uses` names the convention that the first derivative relies on.
    """

    name: str
    function: Callable[[Any], Any]
    point: Any
    value: Any
    derivatives: tuple[Any, ...]
    uses: str | None = None


def assert_same(actual: Any, expected: Any) -> None:
    """Equal shapes, zeros, infinities and nans; other numbers to rounding."""
    assert np.shape(actual) == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=tolerance(float), atol=0)


def derivatives(function: Callable[[Any], Any], point: Any, order: int) -> list[Any]:
    """The derivative of an order, in every combination of modes."""
    found = []
    for modes in itertools.product(MODES, repeat=order):
        derived = function
        for mode in modes:
            derived = cr.jacobian(derived, mode=mode)
        found.append(derived(point))
    return found


def under_numpy(function: Callable[[Any], Any], point: Any) -> Any:
    """The value that NumPy itself gives."""
    with np.errstate(all="ignore"):
        return function(np.asarray(point, dtype=float)[()])


def zeros(order: int, size: int = 2) -> Any:
    return np.zeros((size,) * order)


# --- functions of one number ------------------------------------------------------------------------------------------

NUMBERS = [
    Row("abs", np.abs, 0.0, 0.0, (0.0, 0.0, 0.0, 0.0), ABS),
    Row("abs, builtin", abs, 0.0, 0.0, (0.0, 0.0), ABS),
    Row("sqrt", np.sqrt, 0.0, 0.0, (INF, -INF)),
    Row("square of sqrt", lambda x: np.sqrt(x) ** 2, 0.0, 0.0, (1.0, 0.0, 0.0, 0.0)),
    Row("sqrt times itself", lambda x: np.sqrt(x) * np.sqrt(x), 0.0, 0.0, (1.0, 0.0, 0.0, 0.0)),
    Row("np.square of sqrt", lambda x: np.square(np.sqrt(x)), 0.0, 0.0, (1.0, 0.0)),
    Row("square of a root of x - 1", lambda x: np.sqrt(x - 1) ** 2, 1.0, 0.0, (1.0, 0.0)),
    Row("fourth power of sqrt", lambda x: np.sqrt(x) ** 4, 0.0, 0.0, (0.0, 2.0, 0.0, 0.0)),
    Row("square of sqrt below 0", lambda x: np.sqrt(x) ** 2, -1.0, NAN, (NAN, NAN)),
    Row("sqrt of a square", lambda x: np.sqrt(x**2), 0.0, 0.0, (0.0, 0.0, 0.0, 0.0), ABS),
    Row("sqrt of a square, left of 0", lambda x: np.sqrt(x**2), -3.0, 3.0, (-1.0, 0.0, 0.0, 0.0)),
    Row("reciprocal of reciprocal", lambda x: 1 / (1 / x), 0.0, 0.0, (1.0, 0.0, 0.0, 0.0)),
    Row("reciprocals as powers", lambda x: (x**-1) ** -1, 0.0, 0.0, (1.0, 0.0, 0.0)),
    Row("np.reciprocal twice", lambda x: np.reciprocal(np.reciprocal(x)), 0.0, 0.0, (1.0, 0.0)),
    Row("where sqrt, not chosen", lambda x: np.where(x > 0, np.sqrt(x), 0), -1.0, 0.0, (0.0, 0.0, 0.0, 0.0)),
    Row("where sqrt, at 0", lambda x: np.where(x > 0, np.sqrt(x), 0), 0.0, 0.0, (0.0, 0.0, 0.0, 0.0)),
    Row(
        "where sqrt, chosen",
        lambda x: np.where(x > 0, np.sqrt(x), 0),
        4.0,
        2.0,
        (1 / 4, -1 / 32, 3 / 256, -15 / 2048),
    ),
    Row("where sinc", lambda x: np.where(x == 0, 1, np.sin(x) / x), 0.0, 1.0, (0.0, 0.0, 0.0, 0.0)),
    Row("where x sqrt(x)", lambda x: np.where(x == 0, 0, x * np.sqrt(x)), 0.0, 0.0, (0.0, 0.0, 0.0, 0.0)),
    Row("where of logs", lambda x: np.where(x > 0, np.log(x) * x, 0 * x), 0.0, 0.0, (0.0, 0.0, 0.0, 0.0)),
    Row("where inside sqrt", lambda x: np.sqrt(np.where(x > 0, x, 1)), 0.0, 1.0, (0.0, 0.0, 0.0)),
    Row("maximum", lambda x: np.maximum(x, 0), 0.0, 0.0, (0.5, 0.0, 0.0, 0.0), HALF),
    Row("minimum", lambda x: np.minimum(x, 0), 0.0, 0.0, (0.5, 0.0, 0.0, 0.0), HALF),
    Row("maximum of curves", lambda x: np.maximum(x**2, x), 0.0, 0.0, (0.5, 1.0, 0.0), HALF),
    Row("maximum of x and x", lambda x: np.maximum(x, x), 3.0, 3.0, (1.0, 0.0), HALF),
    Row("minimum with a pole", lambda x: np.minimum(1, 1 / x), 0.0, 1.0, (0.0, 0.0, 0.0, 0.0)),
    Row("maximum with a root", lambda x: np.maximum(np.sqrt(x), 1), 0.0, 1.0, (0.0, 0.0, 0.0)),
    Row("clip at the lower bound", lambda x: np.clip(x, 0, 1), 0.0, 0.0, (1.0, 0.0)),
    Row("clip at the upper bound", lambda x: np.clip(x, 0, 1), 1.0, 1.0, (1.0, 0.0)),
    Row("square of clip at a bound", lambda x: np.clip(x, 0, 1) ** 2, 1.0, 1.0, (2.0, 2.0, 0.0)),
    Row("clip beyond a bound", lambda x: np.clip(np.sqrt(x), 0.5, 1), 0.0, 0.5, (0.0, 0.0)),
    Row("x**2", lambda x: x**2, 0.0, 0.0, (0.0, 2.0, 0.0, 0.0)),
    Row("x**2.0", lambda x: x**2.0, 0.0, 0.0, (0.0, 2.0, 0.0)),
    Row("x**1", lambda x: x**1, 0.0, 0.0, (1.0, 0.0, 0.0)),
    Row("x**0", lambda x: x**0, 0.0, 1.0, (0.0, 0.0, 0.0)),
    Row("x**0.0", lambda x: x**0.0, 0.0, 1.0, (0.0, 0.0, 0.0)),
    Row("x**3", lambda x: x**3, 0.0, 0.0, (0.0, 0.0, 6.0, 0.0)),
    Row("x**0.5", lambda x: x**0.5, 0.0, 0.0, (INF, -INF)),
    Row("x**1.5", lambda x: x**1.5, 0.0, 0.0, (0.0, INF, -INF)),
    Row("x**-1", lambda x: x**-1, 0.0, INF, (-INF, INF)),
    Row("0**y, y > 0", lambda y: 0.0**y, 2.0, 0.0, (0.0, 0.0, 0.0)),
    Row("0**y, y = 1", lambda y: 0.0**y, 1.0, 0.0, (0.0, 0.0)),
    Row("0**y, y = 0", lambda y: 0.0**y, 0.0, 1.0, (0.0, INF), POWER),
    Row("0**y, y < 0", lambda y: 0.0**y, -1.0, INF, (-INF, INF)),
    Row("x**x", lambda x: x**x, 0.0, 1.0, (-INF,)),
    Row("(-2)**y", lambda y: (-2.0) ** y, 1.0, -2.0, (NAN, NAN)),
    Row("logaddexp with -inf", lambda x: np.logaddexp(x, -INF), 3.0, 3.0, (1.0, 0.0, 0.0)),
    Row("logaddexp after -inf", lambda x: np.logaddexp(-INF, x), 3.0, 3.0, (1.0, 0.0, 0.0)),
    Row("logaddexp of -inf", lambda x: np.logaddexp(x, -INF), -INF, -INF, (0.0,), LOGADDEXP),
    Row("logaddexp far out", lambda x: np.logaddexp(x, 0), 1e4, 1e4, (1.0, 0.0)),
    Row("logaddexp far left", lambda x: np.logaddexp(x, 0), -1e4, 0.0, (0.0, 0.0)),
    Row("sign", np.sign, 0.0, 0.0, (0.0, 0.0)),
    Row("a comparison as a number", lambda x: (x > 0) * 1.0, 0.0, 0.0, (0.0, 0.0)),
    Row("zero times an overflow", lambda x: 0 * np.exp(x), 800.0, NAN, (NAN,)),
    Row("x - x", lambda x: x - x, INF, NAN, (0.0, 0.0)),
    Row("x / x", lambda x: x / x, 0.0, NAN, (NAN,)),
    Row("a constant", lambda x: 3.0, 1.0, 3.0, (0.0, 0.0)),
    Row("log at 0", np.log, 0.0, -INF, (INF, -INF)),
    Row("tanh far out", np.tanh, 1e3, 1.0, (0.0, 0.0)),
]

number_rows = pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row.name)


@number_rows
def test_number_value(row: Row) -> None:
    value, _ = cr.value_and_grad(row.function)(row.point)
    assert_same(value, row.value)
    assert_same(under_numpy(row.function, row.point), row.value)


@number_rows
def test_number_derivatives_in_all_modes(row: Row) -> None:
    for order, expected in enumerate(row.derivatives, 1):
        for actual in derivatives(row.function, row.point, order):
            assert_same(actual, expected)


@number_rows
def test_number_by_grad_and_jvp(row: Row) -> None:
    derived = row.function
    for expected in row.derivatives:
        outer = derived
        _, tangent = cr.jvp(outer, (row.point,), (1.0,))
        assert_same(tangent, expected)
        derived = cr.grad(outer)
        assert_same(derived(row.point), expected)


@number_rows
def test_number_as_an_array_and_as_a_zero_dimensional_array(row: Row) -> None:
    """Arrays run NumPy programs, Python floats run scalar ones: the same answers, whatever the other lanes hold."""
    derived = row.function
    for expected in row.derivatives:
        derived = cr.elementwise_grad(lambda x, outer=derived: outer(x) + 0 * np.ones_like(x))
        for _ in range(3):  # interpreted, compiled, and from the cache
            assert_same(derived(np.array([row.point, 0.75]))[0], expected)
        assert_same(derived(np.array(row.point)), expected)


@number_rows
def test_number_conventions_are_recorded(row: Row) -> None:
    expected = {row.uses: 1} if row.uses else {}
    with recorded() as used:
        cr.grad(row.function)(row.point)
    assert used == expected
    with recorded() as used:
        cr.elementwise_grad(lambda x: row.function(x) + 0 * np.ones_like(x))(np.array([row.point]))
    assert used == expected


# --- functions of several numbers -------------------------------------------------------------------------------------


def log_sum_exp(x: Any) -> Any:
    return np.log(np.sum(np.exp(x)))


def power_of_both(v: Any) -> Any:
    return v[0] ** v[1]


WEIGHTS = np.array([1.0, 2.0, 3.0])

ARRAYS = [
    Row("norm", np.linalg.norm, [0.0, 0.0], 0.0, ([0.0, 0.0], np.full((2, 2), NAN)), NORM),
    Row("norm of a matrix", np.linalg.norm, [[0.0], [0.0]], 0.0, ([[0.0], [0.0]],), NORM),
    Row("norm written out", lambda x: np.sqrt(np.sum(x**2)), [0.0, 0.0], 0.0, ([0.0, 0.0],), NORM),
    Row("norm as a product", lambda x: np.sqrt(x @ x), [0.0, 0.0], 0.0, ([0.0, 0.0],), NORM),
    Row(
        "square of a norm",
        lambda x: np.linalg.norm(x) ** 2,
        [0.0, 0.0],
        0.0,
        ([0.0, 0.0], 2 * np.eye(2), zeros(3), zeros(4)),
    ),
    Row(
        "square of a norm, elsewhere",
        lambda x: np.linalg.norm(x) ** 2,
        [3.0, 4.0],
        25.0,
        ([6.0, 8.0], 2 * np.eye(2), zeros(3)),
    ),
    Row("norm, elsewhere", np.linalg.norm, [3.0, 4.0], 5.0, ([0.6, 0.8], [[0.128, -0.096], [-0.096, 0.072]])),
    Row("norm, ord=1", lambda x: np.linalg.norm(x, 1), [0.0, 0.0], 0.0, ([0.0, 0.0], zeros(2)), ABS),
    Row("norm, ord=inf", lambda x: np.linalg.norm(x, INF), [1.0, -2.0], 2.0, ([0.0, -1.0], zeros(2))),
    Row("norm, ord=inf, tied", lambda x: np.linalg.norm(x, INF), [2.0, -2.0], 2.0, ([0.5, -0.5], zeros(2)), MAX),
    Row("max with ties", np.max, [1.0, 1.0, 0.0], 1.0, ([0.5, 0.5, 0.0], zeros(2, 3)), MAX),
    Row("max of three equal", np.max, [2.0, 2.0, 2.0], 2.0, ([1 / 3, 1 / 3, 1 / 3],), MAX),
    Row("min with ties", np.min, [1.0, 0.0, 0.0], 0.0, ([0.0, 0.5, 0.5], zeros(2, 3)), MIN),
    Row(
        "max of squares with ties",
        lambda x: np.max(x**2),
        [1.0, -1.0, 0.0],
        1.0,
        ([1.0, -1.0, 0.0], np.diag([1.0, 1.0, 0.0])),
        MAX,
    ),
    Row(
        "max of roots",
        lambda x: np.max(np.sqrt(x)),
        [0.0, 4.0],
        2.0,
        ([0.0, 0.25], [[0.0, 0.0], [0.0, -1 / 32]], np.diag([0, 0, 0, 3 / 256])[1::2].reshape(2, 2, 2)),
    ),
    Row("max along an axis", lambda x: np.max(x, axis=0), [[1.0], [1.0]], [1.0], ([[[0.5], [0.5]]],), MAX),
    Row("clip by a moving bound", lambda v: np.clip(v[0], v[1], 1), [0.0, 0.0], 0.0, ([1.0, 0.0], zeros(2))),
    Row("clip below a moving bound", lambda v: np.clip(v[0], v[1], 1), [-1.0, 0.0], 0.0, ([0.0, 1.0], zeros(2))),
    Row("maximum of two", lambda v: np.maximum(v[0], v[1]), [1.0, 1.0], 1.0, ([0.5, 0.5], zeros(2)), HALF),
    Row("x**y at (0, 0)", power_of_both, [0.0, 0.0], 1.0, ([0.0, 0.0], [[0.0, INF], [INF, INF]]), POWER),
    Row("x**y at (0, 1/2)", power_of_both, [0.0, 0.5], 0.0, ([INF, 0.0], [[-INF, -INF], [-INF, 0.0]])),
    Row("x**y at (0, 1)", power_of_both, [0.0, 1.0], 0.0, ([1.0, 0.0], [[0.0, -INF], [-INF, 0.0]])),
    Row("x**y at (0, 3/2)", power_of_both, [0.0, 1.5], 0.0, ([0.0, 0.0], [[INF, 0.0], [0.0, 0.0]])),
    Row("x**y at (0, 2)", power_of_both, [0.0, 2.0], 0.0, ([0.0, 0.0], [[2.0, 0.0], [0.0, 0.0]])),
    Row("x**y at (0, 3)", power_of_both, [0.0, 3.0], 0.0, ([0.0, 0.0], zeros(2))),
    Row("x**y at (0, -1)", power_of_both, [0.0, -1.0], INF, ([-INF, -INF], [[INF, INF], [INF, INF]])),
    Row(
        "x**y at (2, 3)",
        power_of_both,
        [2.0, 3.0],
        8.0,
        (
            [12.0, 8 * np.log(2)],
            [[12.0, 4 + 12 * np.log(2)], [4 + 12 * np.log(2), 8 * np.log(2) ** 2]],
        ),
    ),
    Row("x**y, x < 0", power_of_both, [-2.0, 2.0], 4.0, ([-4.0, NAN],)),
    Row("sort with ties", lambda x: np.sort(x) @ WEIGHTS, [2.0, 1.0, 1.0], 9.0, ([3.0, 1.0, 2.0], zeros(2, 3))),
    Row("argsort", lambda x: np.argsort(x) @ WEIGHTS, [2.0, 1.0, 1.0], 5.0, (zeros(1, 3), zeros(2, 3))),
    Row("log-sum-exp with -inf", log_sum_exp, [0.0, -INF], 0.0, ([1.0, 0.0], zeros(2))),
    Row("log-sum-exp of nothing", log_sum_exp, [-INF, -INF], -INF, ([0.0, 0.0],), LOGSUMEXP),
    Row("repeated indices", lambda x: x[[0, 0, 1]] @ WEIGHTS, [1.0, 2.0], 9.0, ([3.0, 3.0], zeros(2))),
    Row("sums of roots by row", lambda x: np.sqrt(x).sum(1), [[0.0], [4.0]], [0.0, 2.0], ([[[INF], [0]], [[0], [0.25]]],)),
    Row("roots", np.sqrt, [0.0, 4.0], [0.0, 2.0], ([[INF, 0.0], [0.0, 0.25]],)),
    Row("where roots", lambda x: np.where(x > 0, np.sqrt(x), 0).sum(), [-1.0, 0.0, 1.0], 1.0, ([0.0, 0.0, 0.5],)),
    Row(
        "matrix product of a choice",
        lambda x: (np.where(x > 0, np.log(x), 0) @ np.array([[1.0, 2.0], [3.0, 4.0]])).sum(),
        [-1.0, 2.0],
        7 * np.log(2),
        ([0.0, 3.5], [[0.0, 0.0], [0.0, -1.75]], np.diag([0, 0, 0, 1.75])[1::2].reshape(2, 2, 2)),
    ),
    Row(
        "cumulative sum of a choice",
        lambda x: np.cumsum(np.where(x > 0, np.sqrt(x), 0))[-1],
        [0.0, 1.0],
        1.0,
        ([0.0, 0.5], [[0.0, 0.0], [0.0, -0.25]]),
    ),
    Row("empty", np.sum, [], 0.0, (zeros(1, 0), zeros(2, 0))),
    Row("sum of a choice of nothing", lambda x: np.where(x > 0, x, 0).sum(), [], 0.0, (zeros(1, 0),)),
    Row("sign of a singular determinant", lambda a: np.linalg.slogdet(a)[0], [[1.0, 2.0], [2.0, 4.0]], 0.0, (zeros(2),)),
    Row(
        "log of a singular determinant",
        lambda a: np.linalg.slogdet(a)[1],
        [[1.0, 2.0], [2.0, 4.0]],
        -INF,
        (np.full((2, 2), NAN), np.full((2, 2, 2, 2), NAN)),
    ),
    Row(
        "log of a determinant",
        lambda a: np.linalg.slogdet(a)[1],
        [[2.0, 0.0], [0.0, -4.0]],
        np.log(8),
        ([[0.5, 0.0], [0.0, -0.25]],),
    ),
]

array_rows = pytest.mark.parametrize("row", ARRAYS, ids=lambda row: row.name)


def point_of(row: Row) -> Any:
    return np.array(row.point, dtype=float)


@array_rows
def test_array_value(row: Row) -> None:
    _, value = cr.jacobian(lambda x: (row.function(x), 0.0))(point_of(row)), cr.jvp(
        row.function, (point_of(row),), (np.ones_like(point_of(row)),)
    )[0]
    assert_same(value, row.value)
    assert_same(under_numpy(row.function, row.point), row.value)


@array_rows
def test_array_derivatives_in_all_modes(row: Row) -> None:
    for order, expected in enumerate(row.derivatives, 1):
        for actual in derivatives(row.function, point_of(row), order):
            assert_same(actual, expected)


@array_rows
def test_array_second_derivative_is_symmetric(row: Row) -> None:
    """Whatever the table says: every combination of modes gives one and the same symmetric array."""
    point, rank = point_of(row), np.ndim(row.value)
    axes = tuple(range(rank, rank + point.ndim))
    others = tuple(range(rank + point.ndim, rank + 2 * point.ndim))
    for second in derivatives(row.function, point, 2):
        assert_same(second, np.moveaxis(second, (*axes, *others), (*others, *axes)))


@array_rows
def test_array_by_grad_and_hessian(row: Row) -> None:
    def total(x: Any) -> Any:
        return np.sum(row.function(x))

    rank = np.ndim(row.value)
    expected = [np.sum(np.asarray(d), axis=tuple(range(rank))) for d in row.derivatives]
    assert_same(cr.grad(total)(point_of(row)), expected[0])
    if len(expected) > 1:
        assert_same(cr.hessian(total)(point_of(row)), expected[1])


@array_rows
def test_array_conventions_are_recorded(row: Row) -> None:
    with recorded() as used:
        cr.jacobian(row.function)(point_of(row))
    assert used == ({row.uses: 1} if row.uses else {})
