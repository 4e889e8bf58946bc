"""Lanes that cannot influence a result contribute exactly 0 to its derivatives, whatever the partials are there.

Each example has entries where a derivative is infinite or undefined, and keeps them out of its result by structure. Its
derivatives of order 1 to 4 along (1, …, 1) must be those of the entries that count, which mpmath gives.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import mpmath
import numpy as np
import pytest

import chainrule as cr
from tests.oracles import tolerance

MASK = np.array([False, True, True])
A = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 1.0]])


@dataclass(frozen=True)
class Masked:
    """A function with singular entries that do not count, and the same of the entries that count, for mpmath."""

    name: str
    function: Callable[[Any], Any]
    x: Any
    counting: tuple[int, ...]
    true: Callable[..., Any]

    def __str__(self) -> str:
        return self.name

    def derivative(self, order: int) -> float:
        point = [mpmath.mpf(float(np.ravel(self.x)[k])) for k in self.counting]
        return float(mpmath.diff(lambda t: self.true(*[entry + t for entry in point]), 0, order))


def roots(*xs):
    return sum(mpmath.sqrt(x) for x in xs)


def half_logarithms(*xs):
    return sum(mpmath.log(x) for x in xs) / 2


def squared_product(x, y):
    """The squared norm of (0, √x, √y) A."""
    row = (0, mpmath.sqrt(x), mpmath.sqrt(y))
    return sum(sum(r * a for r, a in zip(row, column, strict=True)) ** 2 for column in A.T.tolist())


def logarithms(x, y):
    """The sum of the products of (log x, log y) with (1, 2) and (3, -1)."""
    return 4 * mpmath.log(x) + mpmath.log(y)


X = np.array([0.0, 4.0, 9.0])
CASES = [
    Masked("where", lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0)), np.array([-1.0, 0.0, 4.0]), (2,), roots),
    Masked("where of a mask", lambda x: np.sum(np.where(MASK, np.sqrt(x), 0)), X, (1, 2), roots),
    Masked("the other branch", lambda x: np.sum(np.where(~MASK, x**2, np.sqrt(x))) - x[0] ** 2, X, (1, 2), roots),
    Masked(
        "a quotient",
        lambda x: np.sum(np.where(x == 0, 1, np.sin(x) / x)),
        np.array([0.0, 2.0]),
        (1,),
        lambda x: mpmath.sin(x) / x,
    ),
    Masked("nested", lambda x: np.sum(np.where(x > 1, np.log(np.sqrt(x)), 0)), X, (1, 2), half_logarithms),
    Masked("a slice", lambda x: np.sum(np.sqrt(x)[1:]), X, (1, 2), roots),
    Masked("a slice backwards", lambda x: np.sum(np.sqrt(x)[:0:-1]), X, (1, 2), roots),
    Masked("an entry", lambda x: np.sqrt(x)[1], X, (1,), roots),
    Masked("an index array", lambda x: np.sum(np.sqrt(x)[np.array([2, 1])]), X, (1, 2), roots),
    Masked("an index array twice", lambda x: np.sum(np.sqrt(x)[np.array([1, 1])]), X, (1,), lambda x: 2 * roots(x)),
    Masked("a boolean index", lambda x: np.sum(np.sqrt(x)[MASK]), X, (1, 2), roots),
    Masked("reshape", lambda x: np.sum(np.sqrt(x).reshape(3, 1)[1:, 0]), X, (1, 2), roots),
    Masked("transpose", lambda x: np.sum(np.sqrt(x).reshape(1, 3).T[1]), X, (1,), roots),
    Masked(
        "a product of matrices after a mask",
        lambda x: np.sum((np.where(MASK, np.sqrt(x), 0) @ A) ** 2),
        X,
        (1, 2),
        squared_product,
    ),
    Masked(
        "a mask after a product of matrices",
        lambda x: np.sum(np.where(MASK[:, None], np.log(x)[:, None] @ np.array([[1.0, 3.0]]), 0)) - 3 * np.log(x[2]),
        X,
        (1, 2),
        logarithms,
    ),
    Masked("concatenate", lambda x: np.sum(np.concatenate([np.zeros(1), np.sqrt(x)])[2:]), X, (1, 2), roots),
    Masked("stack", lambda x: np.sum(np.stack([np.sqrt(x), np.zeros(3)])[:, 1:]), X, (1, 2), roots),
    Masked("cumsum", lambda x: np.cumsum(np.sqrt(x)[::-1])[1], X, (1, 2), roots),
    Masked("sort", lambda x: np.sum(np.sort(np.sqrt(x))[1:]), X, (1, 2), roots),
    Masked("max", lambda x: np.max(np.sqrt(x)), X, (2,), roots),
    Masked("min", lambda x: -np.min(-np.sqrt(x)), X, (2,), roots),
    Masked("maximum", lambda x: np.sum(np.maximum(np.sqrt(x), 1.0)), X, (1, 2), roots),
    Masked("minimum", lambda x: np.sum(np.minimum(-np.sqrt(x), -1.0)), X, (1, 2), lambda *xs: -roots(*xs)),
    Masked("sum where", lambda x: np.sum(np.sqrt(x), where=MASK), X, (1, 2), roots),
    Masked("mean where", lambda x: np.mean(np.sqrt(x), where=MASK), X, (1, 2), lambda *xs: roots(*xs) / 2),
    Masked(
        "broadcasting",
        lambda x: np.sum(np.where(MASK[:, None], np.sqrt(x)[:, None], np.zeros(2))) / 2,
        X,
        (1, 2),
        roots,
    ),
    Masked("a diagonal", lambda x: np.trace(np.sqrt(x)), np.diag([4.0, 9.0]), (0, 3), roots),
    Masked("a sum of parts", lambda x: np.sum(np.sqrt(x)[1:2]) + np.sum(np.sqrt(x)[2:]), X, (1, 2), roots),
    Masked(
        "a sum before the mask",
        lambda x: np.sum(np.where(np.array([False, True]), np.sum(np.sqrt(x), axis=1), 0)),
        np.array([[0.0, 1.0], [4.0, 9.0]]),
        (2, 3),
        roots,
    ),
    Masked(
        "einsum",
        lambda x: np.einsum("i,i->", np.where(MASK, np.sqrt(x), 0), np.where(MASK, 1.0, 0)),
        X,
        (1, 2),
        roots,
    ),
    Masked(
        "a product with itself",
        lambda x: np.sum(np.where(MASK, np.sqrt(x) * np.sqrt(x + 1), 0)),
        np.array([-1.0, 4.0, 9.0]),
        (1, 2),
        lambda *xs: sum(mpmath.sqrt(x) * mpmath.sqrt(x + 1) for x in xs),
    ),
]


def by_reverse(f, x):
    """The derivative along (1, …, 1), by reverse mode."""
    return np.sum(cr.grad(f)(x))


def by_forward(f, x):
    """The same by forward mode."""
    return cr.jvp(f, (x,), (np.ones(np.shape(x)),))[1]


MODES = {"reverse": by_reverse, "forward": by_forward}


def nested(f, modes):
    """The derivative of order ``len(modes)`` along (1, …, 1); the first mode is the innermost."""
    for mode in modes:
        f = partial(MODES[mode], f)
    return f


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_both_modes_over_both_modes(case, order):
    expected = case.derivative(order)
    for modes in itertools.product(MODES, repeat=order):
        actual = nested(case.function, modes)(case.x)
        assert abs(actual - expected) <= tolerance(float, 32) * abs(expected), modes


@pytest.mark.parametrize("order", [3, 4])
@pytest.mark.parametrize("modes", ["reverse", "forward", "mixed"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_high_orders(case, order, modes):
    chosen = [["reverse", "forward"][k % 2] if modes == "mixed" else modes for k in range(order)]
    actual = nested(case.function, chosen)(case.x)
    expected = case.derivative(order)
    assert abs(actual - expected) <= tolerance(float, 512) * abs(expected)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_does_not_count_has_derivative_zero(case):
    others = [k for k in range(case.x.size) if k not in case.counting]
    assert others, "the example protects nothing"
    gradient = np.ravel(cr.grad(case.function)(case.x))
    assert gradient[others].tolist() == [0.0] * len(others)
    hessian = cr.hessian(case.function)(case.x).reshape(case.x.size, case.x.size)
    assert not hessian[others].any()
    assert not hessian[:, others].any()
    assert np.all(np.isfinite(hessian))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_jacobians_are_protected_too(case, mode):
    others = [k for k in range(case.x.size) if k not in case.counting]

    def twice(x):
        value = case.function(x)
        return np.stack([value, 2 * value])

    rows = cr.jacobian(twice, mode=mode)(case.x).reshape(2, -1)
    assert not rows[:, others].any()
    assert np.all(np.isfinite(rows))
    assert rows[1].tolist() == (2 * rows[0]).tolist()


# --- unit vectors ----------------------------------------------------------------------------------------------------

DIAGONAL = [
    ("sqrt", np.sqrt, np.array([0.0, 1.0, 4.0]), [np.inf, 0.5, 0.25]),
    ("log", np.log, np.array([0.0, 2.0]), [np.inf, 0.5]),
    ("reciprocal", lambda x: 1 / x, np.array([0.0, 2.0]), [-np.inf, -0.25]),
    ("power", lambda x: x**0.5, np.array([0.0, 4.0]), [np.inf, 0.25]),
    ("chain", lambda x: np.exp(np.sqrt(x)) - 1, np.array([0.0, 0.25]), [np.inf, np.exp(0.5)]),
]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(("name", "f", "x", "diagonal"), DIAGONAL, ids=[row[0] for row in DIAGONAL])
def test_an_infinite_partial_stays_on_the_diagonal(mode, name, f, x, diagonal):
    jacobian = cr.jacobian(f, mode=mode)(x)
    assert np.abs(np.diag(jacobian)).tolist() == np.abs(diagonal).tolist()
    assert not jacobian[~np.eye(len(x), dtype=bool)].any()


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_unit_vectors_pass_through_moves(mode):
    x = np.array([0.0, 1.0, 4.0])
    expected = np.array([[0, 0, 0.25], [0, 0.5, 0], [np.inf, 0, 0]])
    assert cr.jacobian(lambda x: np.sqrt(x)[::-1], mode=mode)(x).tolist() == expected.tolist()
    assert cr.jacobian(lambda x: np.sqrt(x[::-1]), mode=mode)(x).tolist() == expected.tolist()
    halves = cr.jacobian(lambda x: np.concatenate([np.sqrt(x[1:]), np.sqrt(x[:1])]), mode=mode)(x)
    assert halves.tolist() == [[0, 0.5, 0], [0, 0, 0.25], [np.inf, 0, 0]]


def test_the_hessian_of_a_sum_is_diagonal():
    hessian = cr.hessian(lambda x: np.sum(x**1.5))(np.array([0.0, 4.0]))
    assert hessian.tolist() == [[np.inf, 0.0], [0.0, 0.375]]


def test_numeric_zeros_stay_ieee():
    """A factor that happens to be 0 is no structure: 0 times infinity is nan, as in NumPy."""
    gradient = cr.grad(lambda x: np.sum(np.sqrt(x) * np.array([0.0, 1.0])))(np.array([0.0, 4.0]))
    assert np.isnan(gradient[0])
    assert gradient[1] == 0.25


def test_both_operands_of_a_masked_product_are_protected():
    """The rows that the mask drops hold infinities, which must not reach the other operand either."""
    x = np.array([[0.0, 0.0], [1.0, 2.0]])
    b = np.array([[1.0], [3.0]])
    rows = np.array([[False], [True]])

    def f(x, b):
        return np.sum(np.where(rows, np.log(x) @ b, 0))

    by_x, by_b = cr.grad(f, argnums=(0, 1))(x, b)
    assert by_x.tolist() == [[0.0, 0.0], [1.0, 1.5]]
    assert by_b.tolist() == [[0.0], [np.log(2.0)]]
    mixed = cr.jacobian(cr.grad(f, argnums=1), argnums=0)(x, b)[:, 0]
    assert mixed.tolist() == [[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.5]]]
    _, pushed = cr.jvp(f, (x, b), (np.ones((2, 2)), np.ones((2, 1))))
    assert abs(pushed - (2.5 + np.log(2.0))) <= tolerance(float) * 4
