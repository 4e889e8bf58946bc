"""The answers at kinks, zeros, ties and odd inputs, through the public functions and plain NumPy.

Each row of the tables states a function, a point, and the derivatives there, order by order. Every order is taken in
every combination of modes: two for the first, four for the second, and so on; all must agree with the row.
"""

import ast
import itertools
import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special

import chainrule as cr
from chainrule.core.conventions import recorded
from chainrule.core.op import all_ops
from chainrule.errors import DegenerateError, NonsmoothError
from chainrule.ops import kernels
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
    """A function, a point, its value there, and its derivatives of orders 1, 2 and so on.

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
    expected = {row.uses} if row.uses else set()
    with recorded() as used:
        cr.grad(row.function)(row.point)
    assert set(used) == expected
    with recorded() as used:
        cr.elementwise_grad(lambda x: row.function(x) + 0 * np.ones_like(x))(np.array([row.point]))
    assert set(used) == expected


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
    Row(
        "sums of roots by row",
        lambda x: np.sqrt(x).sum(1),
        [[0.0], [4.0]],
        [0.0, 2.0],
        ([[[INF], [0]], [[0], [0.25]]],),
    ),
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
    Row(
        "sign of a singular determinant", lambda a: np.linalg.slogdet(a)[0], [[1.0, 2.0], [2.0, 4.0]], 0.0, (zeros(2),)
    ),
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
    value, _ = cr.jvp(row.function, (point_of(row),), (np.ones_like(point_of(row)),))
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
    assert set(used) == ({row.uses} if row.uses else set())


# --- conventions: recorded, logged, refused under config.strict -------------------------------------------------------

CONVENTIONS = {
    ABS: (np.abs, 0.0),
    HALF: (lambda x: np.maximum(x, 0), 0.0),
    LOGADDEXP: (lambda x: np.logaddexp(x, -INF), -INF),
    LOGSUMEXP: (log_sum_exp, np.array([-INF, -INF])),
    MAX: (np.max, np.array([1.0, 1.0, 0.0])),
    MIN: (np.min, np.array([1.0, 0.0, 0.0])),
    NORM: (np.linalg.norm, np.zeros(2)),
    POWER: (lambda y: 0.0**y, 0.0),
    "norm of an order below 1, by an entry 0: 0": (lambda x: np.linalg.norm(x, 0.5), np.array([1.0, 0.0])),
    "singular value 0: derivative 0": (lambda a: np.sum(np.linalg.svdvals(a)), np.diag([1.0, 0.0])),
    "copysign of a size at 0: 0": (lambda x: np.copysign(x, 1.0), 0.0),
    "hypot at (0, 0): 0": (lambda x: np.hypot(x[0], x[1]), np.zeros(2)),
    "logaddexp2 of nothing but -inf: 0": (lambda x: np.logaddexp2(x, -INF), -INF),
    "kl_div at x = y = 0: 1 by y": (lambda y: scipy.special.kl_div(0.0, y), 0.0),
    "rel_entr at x = y = 0: 0 by y": (lambda y: scipy.special.rel_entr(0.0, y), 0.0),
    "xlogy at x = y = 0: 0 by y": (lambda y: scipy.special.xlogy(0.0, y), 0.0),
    "xlog1py at x = 0, y = -1: 0 by y": (lambda y: scipy.special.xlog1py(0.0, y), -1.0),
    "i0e, scaled by exp(-abs(x)), at 0: 0 from the scale": (scipy.special.i0e, 0.0),
}
SCALAR_CONVENTIONS = {name: case for name, case in CONVENTIONS.items() if isinstance(case[1], float)}

each_convention = pytest.mark.parametrize("name", CONVENTIONS)
each_scalar_convention = pytest.mark.parametrize("name", SCALAR_CONVENTIONS)
each_mode = pytest.mark.parametrize("mode", MODES)


def test_every_convention_of_the_ops_has_a_case() -> None:
    """Conventions are strings at the end of calls that state one; f-strings are known by their constant end."""
    found = set()
    for module in {kernels.__name__, *[type(op).__module__ for op in all_ops().values()]}:
        for node in ast.walk(ast.parse(Path(sys.modules[module].__file__).read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("at_kink", "zero_if_empty"):
                last = node.args[-1]
                last = last.values[-1] if isinstance(last, ast.JoinedStr) else last
                if isinstance(last, ast.Constant):
                    found.add(last.value)
    assert found
    assert all(any(name.endswith(end) for name in CONVENTIONS) for end in found)
    assert all(any(name.endswith(end) for end in found) for name in CONVENTIONS)


@each_mode
@each_convention
def test_strict_refuses_a_convention_at_every_run(name: str, mode: str) -> None:
    """The first run is interpreted, the second compiled."""
    function, point = CONVENTIONS[name]
    with cr.config.override(strict=True):
        for _ in range(3):
            with pytest.raises(NonsmoothError, match="relies on a convention") as caught:
                cr.jacobian(function, mode=mode)(point)
            assert name in str(caught.value)


@each_scalar_convention
def test_strict_refuses_a_convention_on_arrays(name: str) -> None:
    function, point = SCALAR_CONVENTIONS[name]
    with cr.config.override(strict=True), pytest.raises(NonsmoothError) as caught:
        cr.elementwise_grad(function)(np.array([0.5, point]))
    assert name in str(caught.value)


@each_convention
def test_strict_accepts_points_beside_the_kink(name: str) -> None:
    function, point = CONVENTIONS[name]
    beside = np.where(np.isinf(point), -1.0, point) + np.linspace(0.25, 0.75, np.size(point)).reshape(np.shape(point))
    relaxed = cr.grad(function)(beside)
    with cr.config.override(strict=True), recorded() as used:
        assert_same(cr.grad(function)(beside), relaxed)
    assert not used


@pytest.mark.parametrize(
    "row",
    [row for row in NUMBERS if row.uses is None] + [row for row in ARRAYS if row.uses is None],
    ids=lambda row: row.name,
)
def test_strict_accepts_what_needs_no_convention(row: Row) -> None:
    with cr.config.override(strict=True):
        assert_same(cr.jacobian(row.function)(np.array(row.point, dtype=float)), row.derivatives[0])


@each_convention
def test_conventions_are_recorded_once_an_evaluation(name: str) -> None:
    function, point = CONVENTIONS[name]
    gradient = cr.grad(function)
    with recorded() as outer:
        with recorded() as inner:
            gradient(point)
        once = inner[name]
        gradient(point)
    assert set(outer) == {name}
    assert outer[name] == 2 * once
    assert once >= 1


@each_convention
def test_conventions_are_logged(name: str, caplog: pytest.LogCaptureFixture) -> None:
    function, point = CONVENTIONS[name]
    with caplog.at_level(logging.DEBUG, "chainrule.conventions"):
        cr.grad(function)(point)
    assert any(name in record.getMessage() for record in caplog.records)


def test_second_derivative_of_a_norm_at_zero_is_nan_and_recorded() -> None:
    with recorded() as used:
        second = cr.hessian(np.linalg.norm)(np.zeros(3))
    assert np.isnan(second).all()
    assert second.shape == (3, 3)
    assert cr.config.strict is False
    with recorded() as first:
        cr.grad(np.linalg.norm)(np.zeros(3))
    assert set(first) == {NORM}
    assert set(used) <= {NORM}


# --- eigenvalues ------------------------------------------------------------------------------------------------------


def rebuilt(a: Any) -> Any:
    values, vectors = np.linalg.eigh(a)
    return (vectors * values) @ vectors.T


def largest_eigenvalue(a: Any) -> Any:
    return np.linalg.eigvalsh(a)[-1]


TIED = np.diag([1.0, 1.0, 2.0])


def test_eigenvalues_alone_have_a_gradient_at_ties() -> None:
    gradient = cr.grad(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2))(TIED)
    np.testing.assert_allclose(gradient, 2 * TIED, rtol=0, atol=tolerance(float) * 4)
    gradient = cr.grad(lambda a: np.sum(np.linalg.eigh(a)[0]))(np.eye(4))
    np.testing.assert_allclose(gradient, np.eye(4), rtol=0, atol=tolerance(float))


def test_vectors_of_simple_eigenvalues_have_a_gradient_beside_ties() -> None:
    """The projection on a simple eigenvector changes by Σ uᵢ (uᵢ'E u) / (λ - λᵢ), here with λ - λᵢ = 1."""
    gradient = cr.grad(lambda a: np.linalg.eigh(a)[1][0, -1] * np.linalg.eigh(a)[1][2, -1])(TIED)
    expected = np.array([[0.0, 0.0, 0.5], [0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=tolerance(float))


def test_tangents_that_do_not_turn_tied_eigenvectors_pass() -> None:
    tangent = np.array([[1.0, 0.0, 3.0], [0.0, 2.0, 1.0], [3.0, 1.0, 4.0]])
    value, moved = cr.jvp(rebuilt, (TIED,), (tangent,))
    np.testing.assert_allclose(value, TIED, rtol=0, atol=tolerance(float) * 2)
    np.testing.assert_allclose(moved, tangent, rtol=0, atol=tolerance(float) * 8)


@pytest.mark.parametrize(
    "derive",
    [
        lambda: cr.grad(lambda a: rebuilt(a)[0, 1])(TIED),
        lambda: cr.jvp(rebuilt, (TIED,), (np.ones((3, 3)),)),
        lambda: cr.jacobian(rebuilt, mode="forward")(TIED),
        lambda: cr.grad(lambda a: np.linalg.eigh(a)[1][1, 0])(TIED),
        lambda: cr.hessian(lambda a: np.linalg.eigvalsh(a)[0])(TIED),
    ],
    ids=["entry", "tangent", "jacobian", "vector", "second derivative"],
)
def test_functions_that_turn_tied_eigenvectors_are_refused(derive: Callable[[], Any]) -> None:
    """With zeros in place of the quotients by the gaps, the off-diagonal entry of the tied block would be lost."""
    with pytest.raises(DegenerateError, match="repeated eigenvalue"):
        derive()


def test_gradients_of_symmetric_functions_are_symmetric(rng: np.random.Generator) -> None:
    root = rng.normal(size=(3, 3))
    a = root @ root.T + np.eye(3)
    functions = {
        "largest eigenvalue": largest_eigenvalue,
        "log determinant by cholesky": lambda a: np.sum(np.log(np.diagonal(np.linalg.cholesky(a)))),
        "entry of cholesky": lambda a: np.linalg.cholesky(a)[2, 0],
        "entry of an eigenvector, squared": lambda a: np.linalg.eigh(a)[1][0, 1] ** 2,
    }
    for name, function in functions.items():
        gradient = cr.grad(function)(a)
        expected = numeric_gradient(lambda x, f=function: f((x + x.T) / 2), a)
        np.testing.assert_allclose(gradient, gradient.T, rtol=tolerance(float), atol=tolerance(float), err_msg=name)
        bound = tolerance(float, np.linalg.cond(a), error=1e-9)
        np.testing.assert_allclose(gradient, expected, rtol=bound, atol=bound, err_msg=name)


def test_second_derivative_of_an_eigenvalue_in_all_modes(rng: np.random.Generator) -> None:
    """d²λ(E, E) = 2 Σ (uᵢ·E u)² / (λ - λᵢ) for symmetric E, from perturbation theory."""
    a = np.diag([1.0, 2.0, 4.0]) + 0.1 * rng.normal(size=(3, 3))
    a = (a + a.T) / 2
    e = rng.normal(size=(3, 3))
    e = (e + e.T) / 2
    values, vectors = np.linalg.eigh(a)
    turned = vectors.T @ e @ vectors[:, 2]
    expected = 2 * np.sum(turned[:2] ** 2 / (values[2] - values[:2]))
    for second in derivatives(largest_eigenvalue, a, 2):
        actual = np.einsum("ij,ijkl,kl", e, second, e)
        np.testing.assert_allclose(actual, expected, rtol=tolerance(float, 10, terms=81))


# --- inputs and dtypes ------------------------------------------------------------------------------------------------


def test_numbers_give_numbers() -> None:
    gradient = cr.grad(lambda x: x**2)(3.0)
    assert type(gradient) is np.float64
    assert gradient == 6.0
    gradient = cr.grad(lambda x: x**2)(np.float32(3.0))
    assert type(gradient) is np.float32
    assert gradient == 6.0


def test_zero_dimensional_arrays_keep_their_shape_and_dtype() -> None:
    for dtype in (np.float64, np.float32):
        gradient = cr.grad(lambda x: x**2)(np.array(3.0, dtype))
        assert gradient.shape == ()
        assert gradient.dtype == dtype
        assert gradient == 6.0


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
def test_integers_are_differentiated_as_float64(dtype: Any) -> None:
    x = np.array([100, 2], dtype)
    gradient = cr.grad(lambda x: np.sum(x * x))(x)
    assert gradient.dtype == np.float64
    np.testing.assert_array_equal(gradient, [200.0, 4.0])  # no overflow of small integers
    assert cr.grad(lambda x: x * x)(dtype(7)) == 14.0


@pytest.mark.parametrize("x", [True, np.bool_(True), np.array([True, False])], ids=repr)
def test_booleans_are_refused(x: Any) -> None:
    with pytest.raises(TypeError, match=r"x\.astype\(float\)"):
        cr.grad(np.sum)(x)


@pytest.mark.parametrize("x", [1 + 2j, np.complex64(1j), np.array([1 + 2j])], ids=repr)
def test_complex_numbers_are_refused(x: Any) -> None:
    with pytest.raises(TypeError, match="complex"):
        cr.grad(lambda x: np.sum(np.abs(x) ** 2))(x)


def test_what_does_not_depend_on_the_argument_has_zeros_and_no_warning() -> None:
    x = np.ones((2, 3), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient = cr.grad(lambda x: 3.0)(x)
        jacobians = [cr.jacobian(lambda x: np.ones(4), mode=mode)(x) for mode in MODES]
        _, tangent = cr.jvp(lambda x: np.ones(4), (x,), (x,))
    assert gradient.dtype == np.float32
    np.testing.assert_array_equal(gradient, np.zeros((2, 3)))
    for jacobian in jacobians:
        np.testing.assert_array_equal(jacobian, np.zeros((4, 2, 3)))
    np.testing.assert_array_equal(tangent, np.zeros(4))


def test_the_largest_of_nothing_is_refused_as_in_numpy() -> None:
    empty = np.zeros(0)
    with pytest.raises(ValueError, match="no identity"):
        np.max(empty)
    for function in (np.max, np.min):
        with pytest.raises(ValueError, match="empty"):
            cr.grad(function)(empty)
        assert cr.grad(lambda x, f=function: f(x, initial=1.0))(empty).shape == (0,)
        assert cr.grad(lambda y, f=function: np.sum(f(y * np.ones((2, 0)), axis=1, initial=y)))(3.0) == 2.0


SINGLE = np.array([1.0, 2.0, 2.0], np.float32)
SINGLE_FUNCTIONS = {
    "max": np.max,
    "min": np.min,
    "maximum": lambda x: np.sum(np.maximum(x, 0)),
    "where": lambda x: np.sum(np.where(x > 1, x, 0)),
    "2.0**x": lambda x: np.sum(2.0**x),
    "3.5**x": lambda x: np.sum(3.5**x),
    "x**2.5": lambda x: np.sum(x**2.5),
    "x**x": lambda x: np.sum(x**x),
    "x**x[0]": lambda x: np.sum(x ** x[0]),
    "Python float": lambda x: np.sum(0.1 * x + 1.5),
    "np.pi": lambda x: np.sum(np.pi * np.sin(x)),
    "np.float64": lambda x: np.sum(np.float64(0.1) * x),
    "int64 array": lambda x: np.sum(x * np.arange(3)),
    "int8 array": lambda x: np.sum(x * np.arange(3, dtype=np.int8)),
    "norm": np.linalg.norm,
    "mean": np.mean,
    "log-sum-exp": log_sum_exp,
    "logaddexp": lambda x: np.sum(np.logaddexp(x, 1.0)),
    "sort": lambda x: np.sort(x)[0],
    "clip": lambda x: np.sum(np.clip(x, 0.5, 1.5)),
    "cumsum": lambda x: np.cumsum(x)[-1],
    "tanh": lambda x: np.sum(np.tanh(x)),
    "abs": lambda x: np.sum(np.abs(x - 2)),
    "slogdet": lambda x: np.linalg.slogdet(np.eye(3, dtype=np.float32) * x)[1],
    "solve": lambda x: np.sum(np.linalg.solve(np.eye(3, dtype=np.float32) * x, x)),
    "einsum": lambda x: np.einsum("i,i,i->", x, x, x),
    "sum in float64": lambda x: np.sum(x, dtype=np.float64),
}


@pytest.mark.parametrize("name", SINGLE_FUNCTIONS)
def test_dtypes_are_those_of_numpy_and_of_the_argument(name: str) -> None:
    """The value as NumPy promotes it, derivatives by a float32 argument in float32, tangents as the value."""
    function = SINGLE_FUNCTIONS[name]
    expected = np.asarray(function(SINGLE))
    value, gradient = cr.value_and_grad(function)(SINGLE)
    assert value.dtype == expected.dtype
    np.testing.assert_allclose(value, expected, rtol=tolerance(np.float32))
    assert gradient.dtype == np.float32
    assert cr.hessian(function)(SINGLE).dtype == np.float32
    _, tangent = cr.jvp(function, (SINGLE,), (SINGLE,))
    assert tangent.dtype == expected.dtype
    in_double = cr.grad(lambda x: function(x).astype(np.float64))(SINGLE.astype(np.float64))
    bound = tolerance(np.float32, 4)
    np.testing.assert_allclose(gradient, in_double, rtol=bound, atol=bound)


def test_python_numbers_stay_weak_through_a_gradient() -> None:
    gradients = cr.grad(lambda s, x: np.sum(s * x), argnums=(0, 1))(2.0, SINGLE)
    assert gradients[0].dtype == np.float64
    assert gradients[0] == 5.0
    assert gradients[1].dtype == np.float32
    np.testing.assert_array_equal(gradients[1], [2.0, 2.0, 2.0])
    assert cr.value_and_grad(lambda s: np.sum(s * SINGLE))(2.0)[0].dtype == np.sum(2.0 * SINGLE).dtype


CHOSEN = np.array([True, False, True])
DOUBLE = np.array([1.0, 2.0, 3.0])
KEYWORDS = {
    "sum where": (lambda x: np.sum(x**2, where=CHOSEN), [2.0, 0.0, 6.0]),
    "sum initial": (lambda x: np.sum(x**2, initial=3), [2.0, 4.0, 6.0]),
    "sum initial by x": (lambda x: np.sum(x**2, initial=x[0]), [3.0, 4.0, 6.0]),
    "mean where": (lambda x: np.mean(x**2, where=CHOSEN), [1.0, 0.0, 3.0]),
    "max initial": (lambda x: np.max(x**2, initial=5), [0.0, 0.0, 6.0]),
    "max initial, chosen": (lambda x: np.max(x**2, initial=50), [0.0, 0.0, 0.0]),
    "max where": (lambda x: np.max(x**2, where=[True, True, False], initial=0), [0.0, 4.0, 0.0]),
    "min where": (lambda x: np.min(x**2, where=[False, True, True], initial=100), [0.0, 4.0, 0.0]),
    "where of poles": (lambda x: np.sum(1 / (x - 2), where=CHOSEN), [-1.0, 0.0, -1.0]),
}


@pytest.mark.parametrize("name", KEYWORDS)
def test_keywords_are_honoured(name: str) -> None:
    function, expected = KEYWORDS[name]
    value, gradient = cr.value_and_grad(function)(DOUBLE)
    assert_same(value, under_numpy(function, DOUBLE))
    assert_same(gradient, expected)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(np.exp(x, where=CHOSEN)),
        lambda x: np.sum(np.add(x, 1, out=np.zeros(3))),
        lambda x: np.max(x, out=np.zeros(())),
        lambda x: np.any(x, where=CHOSEN) * x[0],
        lambda x: np.sum(np.add(x, 1, casting="unsafe")),
    ],
    ids=["ufunc where", "ufunc out", "max out", "any where", "ufunc casting"],
)
def test_keywords_that_cannot_be_honoured_are_refused(function: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="Fix:"):
        cr.grad(function)(DOUBLE)


def test_captured_arrays_are_not_overwritten_by_traced_values() -> None:
    outside = np.zeros(3)

    def assign(x: Any) -> Any:
        outside[0] = x
        return outside.sum()

    with pytest.raises((TypeError, ValueError)) as caught:
        cr.grad(assign)(1.0)
    assert "Fix:" in f"{caught.value} {caught.value.__cause__}"
    np.testing.assert_array_equal(outside, np.zeros(3))


# --- values that overflow or are undefined ----------------------------------------------------------------------------

STABLE = {
    "log(exp(x) + exp(y))": (lambda v: np.log(np.exp(v[0]) + np.exp(v[1])), [1000.0, 0.0], 1000.0, [1.0, 0.0]),
    "log(exp(y) + exp(x))": (lambda v: np.log(np.exp(v[1]) + np.exp(v[0])), [-1000.0, -1001.0], None, None),
    "log(sum(exp(x)))": (log_sum_exp, [1000.0, 0.0, -1000.0], 1000.0, [1.0, 0.0, 0.0]),
    "log(1 + exp(x))": (lambda v: np.log(1 + np.exp(v[0])), [800.0], 800.0, [1.0]),
    "log1p(exp(x))": (lambda v: np.log1p(np.exp(v[0])), [800.0], 800.0, [1.0]),
    "-log(sigmoid)": (lambda v: -np.log(1 / (1 + np.exp(-v[0]))), [-800.0], 800.0, [-1.0]),
    "exp(x) / sum(exp(x))": (lambda v: (np.exp(v) / np.sum(np.exp(v)))[0], [1000.0, 0.0], 1.0, [0.0, 0.0]),
    "log(exp(x))": (lambda v: np.log(np.exp(v[0])), [1000.0], 1000.0, [1.0]),
}


@pytest.mark.parametrize("name", STABLE)
def test_written_forms_that_overflow_are_stable(name: str) -> None:
    function, point, expected, slope = STABLE[name]
    if expected is None:  # two terms that both underflow: shifted by 1000 they do not
        shifted = np.array(point) + 1000
        expected, slope = function(shifted) - 1000, np.exp(shifted) / np.exp(shifted).sum()
    assert not np.isfinite(under_numpy(function, point)).all()
    value, gradient = cr.value_and_grad(function)(np.array(point))
    np.testing.assert_allclose(value, expected, rtol=tolerance(float))
    np.testing.assert_allclose(gradient, slope, rtol=tolerance(float, 1000), atol=0)
    for second in derivatives(function, np.array(point), 2):
        assert np.isfinite(second).all()


@pytest.mark.parametrize("name", STABLE)
def test_exact_mode_computes_what_is_written(name: str) -> None:
    function, point, _, _ = STABLE[name]
    with cr.config.override(rewrite="exact"):
        value, gradient = cr.value_and_grad(function)(np.array(point))
    assert_same(value, under_numpy(function, point))
    assert np.isnan(gradient).any()


def test_stable_forms_agree_with_the_written_ones_where_both_are_finite(rng: np.random.Generator) -> None:
    for name, (function, point, _, _) in STABLE.items():
        x = rng.normal(size=np.size(point))
        value, gradient = cr.value_and_grad(function)(x)
        with cr.config.override(rewrite="exact"):
            written, written_gradient = cr.value_and_grad(function)(x)
        np.testing.assert_allclose(value, written, rtol=tolerance(float, 4), atol=tolerance(float), err_msg=name)
        np.testing.assert_allclose(gradient, written_gradient, rtol=tolerance(float, 16), err_msg=name)


KEPT = {
    "x - x": (lambda x: x - x, INF),
    "x / x": (lambda x: x / x, 0.0),
    "0 * x": (lambda x: 0 * x, INF),
    "0 * exp(x)": (lambda x: 0 * np.exp(x), 800.0),
    "(x + b) - b": (lambda x: (x + 1e16) - 1e16, 1.0),
    "x + 0.0": (lambda x: x + 0.0, -0.0),
    "sqrt(x)**2": (lambda x: np.sqrt(x) ** 2, 2.0),
    "1 / (1 / x)": (lambda x: 1 / (1 / x), 49.0),
    "sqrt(x**2)": (lambda x: np.sqrt(x**2), 1e-200),
    "exp(log(x))": (lambda x: np.exp(np.log(x)), 3.0),
    "x * 0.1 * 10": (lambda x: x * 0.1 * 10, 3.0),
    "x + y - x": (lambda x: x + 1.1 - x, 1e8),
    "log(exp(x) - 1 + 1)": (lambda x: x * (1 / x) - 1, 49.0),
}


@pytest.mark.parametrize("mode", ["full", "exact"])
@pytest.mark.parametrize("name", KEPT)
def test_values_keep_their_bits(name: str, mode: str) -> None:
    """Nothing is cancelled or reassociated: rounding, nan and signed zeros are NumPy's."""
    function, point = KEPT[name]
    expected = under_numpy(function, point)
    with cr.config.override(rewrite=mode):
        values = [cr.value_and_grad(function)(point)[0], cr.jvp(function, (point,), (1.0,))[0]]
        values += [cr.value_and_grad(lambda x: function(x)[0])(np.array([point]))[0]]
    for value in values:
        assert np.isnan(expected) == np.isnan(value)
        assert np.isnan(expected) or np.float64(value).tobytes() == np.float64(expected).tobytes()


def test_compensated_sums_survive(rng: np.random.Generator) -> None:
    """Neumaier's summation: the correction is zero in real arithmetic, and all that matters in floating point."""

    def compensated(x: Any) -> Any:
        total, correction = 0.0 * x[0], 0.0 * x[0]
        for k in range(len(x)):
            moved = total + x[k]
            correction = correction + np.where(
                np.abs(total) >= np.abs(x[k]), (total - moved) + x[k], (x[k] - moved) + total
            )
            total = moved
        return total + correction

    x = np.array([1.0, 1e100, 1.0, -1e100])
    value, gradient = cr.value_and_grad(compensated)(x)
    assert value == 2.0
    np.testing.assert_array_equal(gradient, np.ones(4))
    y = rng.normal(size=6)
    assert cr.value_and_grad(compensated)(y)[0] == compensated(y)
