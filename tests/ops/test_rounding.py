"""Examples of rounding, remainders, signs, and questions about floats."""

import mpmath
import numpy as np
import pytest

import chainrule as cr
from chainrule.core.conventions import recorded
from tests.ops.analytic import rows
from tests.ops.laws import Draw, OpCase, booleans, distinct, integers, laws, number, op_named, positive, reals


def bound(name):
    return lambda *operands: op_named(name).bind(operands)


def odd_numbers(*shape):
    """Infinities, nan and zeros of both signs among others."""
    entries = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.5])
    return Draw(shape, lambda rng, s: rng.permutation(entries)[: int(np.prod(s))].reshape(s))


STEPS = (np.floor, np.ceil, np.trunc, np.rint)
QUESTIONS = (np.isnan, np.isinf, np.isfinite, np.signbit)
CASES = [
    *[
        OpCase(ufunc.__name__, bound(ufunc.__name__), (draw,), ufunc, ufunc)
        for ufunc in STEPS
        for draw in (reals(3), reals(), integers(2, below=4))
    ],
    *[
        OpCase(ufunc.__name__, bound(ufunc.__name__), (draw,), ufunc, ufunc)
        for ufunc in QUESTIONS
        for draw in (odd_numbers(7), reals())
    ],
    OpCase("logical_xor", bound("logical_xor"), (booleans(4), booleans(4)), np.logical_xor, np.logical_xor),
    OpCase("logical_xor", bound("logical_xor"), (booleans(2, 1), booleans(3)), np.logical_xor, np.logical_xor),
    OpCase("floor_divide", bound("floor_divide"), (reals(3), reals(3)), np.floor_divide, np.floor_divide),
    OpCase("floor_divide", bound("floor_divide"), (reals(2, 1), number()), np.floor_divide, np.floor_divide),
    *rows(np.remainder, lambda x, y: x - y * mpmath.floor(x / y), (2.2, 2.8), (1.5, 2.0), analytic=False),
    *rows(
        np.remainder,
        lambda x, y: x - y * mpmath.floor(x / y),
        (-2.8, -2.2),
        (1.5, 2.0),
        analytic=False,
        note="of negative numbers",
    ),
    OpCase(
        "remainder",
        bound("remainder"),
        (Draw((3,), lambda rng, s: rng.uniform(2.1, 2.9, s)), number()),
        np.remainder,
        lambda x, y: x % y,
        held=frozenset({1}),
        note="by a number",
    ),
    *rows(np.fmod, lambda x, y: x + y * mpmath.floor(-x / y), (-2.8, -2.2), (1.5, 2.0), analytic=False),
    *[
        OpCase("copysign", bound("copysign"), operands, np.copysign, np.copysign, lambda x, y: abs(x) * mpmath.sign(y))
        for operands in ((reals(3), reals(3)), (reals(), reals()), (reals(2, 1), reals(3)))
    ],
    *[
        OpCase("heaviside", bound("heaviside"), operands, np.heaviside, np.heaviside, lambda x, y: mpmath.mpf(x > 0))
        for operands in ((reals(3), reals(3)), (reals(), reals()), (reals(2, 1), reals(3)))
    ],
    *[
        OpCase(ufunc.__name__, bound(ufunc.__name__), operands, ufunc, ufunc, exact)
        for ufunc, exact in ((np.fmax, max), (np.fmin, min))
        for operands in ((distinct(3), distinct(3)), (reals(), positive()), (reals(2, 1), distinct(3)))
    ],
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (lambda x: np.mod(x, 1.0), 3.0, 1.0),
        (lambda x: np.mod(2.0, x), 1.0, -2.0),
        (lambda x: np.mod(-3.5, x), 2.0, 2.0),
        (lambda x: np.mod(0.6, x), 0.1, -5.0),  # 0.6 / 0.1 rounds to 6, yet the remainder is 0.0999...
        (lambda x: np.fmod(0.6, x), 0.1, -5.0),
        (lambda x: np.fmod(-3.5, x), 2.0, 1.0),
        (lambda x: np.fmod(x, np.inf), 3.0, 1.0),
        (lambda x: np.floor(x) * x, 2.0, 2.0),
        (lambda x: np.ceil(x) + np.rint(x) + np.trunc(x) + np.sign(x), 2.0, 0.0),
        (lambda x: np.heaviside(x, 0.5), 0.0, 0.0),
        (lambda x: np.heaviside(0.0, x), 0.5, 1.0),
        (lambda x: np.heaviside(1.0, x), 0.5, 0.0),
        (lambda x: np.heaviside(-1.0, np.sqrt(x)), 0.0, 0.0),
        (lambda x: np.copysign(x, -0.0), 2.0, -1.0),
        (lambda x: np.copysign(x, 3.0), -2.0, -1.0),
        (lambda x: np.copysign(1.0, x), -2.0, 0.0),
        (lambda x: np.fmax(x, np.nan), 2.0, 1.0),
        (lambda x: np.fmin(np.nan, x), 2.0, 1.0),
        (lambda x: np.fmax(1.0, np.sqrt(x)), 0.0, 0.0),
        (lambda x: np.fmin(x, 3.0), 2.0, 1.0),
        (lambda x: np.nan_to_num(x), np.nan, 0.0),
        (lambda x: np.nan_to_num(x * x), 2.0, 4.0),
        (lambda x: np.round(x, 1) * x, 1.26, 1.3),
    ],
)
def test_slopes_at_jumps_and_choices(f, x, slope):
    for gradient in (cr.grad(f)(x), cr.jvp(f, (x,), (1.0,))[1]):
        assert gradient == slope


@pytest.mark.parametrize(
    ("f", "x", "slope", "convention"),
    [
        (lambda x: np.copysign(x, -1.0), 0.0, 0.0, "copysign of a size at 0: 0"),
        (lambda x: np.fmax(x, 1.0), 1.0, 0.5, "fmax of equal entries: half each"),
        (lambda x: np.fmin(2.0, x), 2.0, 0.5, "fmin of equal entries: half each"),
    ],
)
def test_conventions_are_logged(f, x, slope, convention):
    for derivative in (cr.grad(f), lambda x: cr.jvp(f, (x,), (1.0,))[1]):
        with recorded() as used:
            assert derivative(x) == slope
        assert list(used) == [convention]
        assert cr.grad(cr.grad(f))(x) == 0


@pytest.mark.parametrize("first", [2.0, np.nan])
@pytest.mark.parametrize("second", [3.0, np.nan])
@pytest.mark.parametrize("ufunc", [np.fmax, np.fmin])
def test_one_of_two_wins_also_over_nan(ufunc, first, second):
    """Together the two derivatives are 1, and a nan passes nothing to the operand that it lost to."""
    gradient = cr.grad(lambda z: ufunc(z[0], z[1]))(np.array([first, second]))
    winner = 0 if np.isnan(second) or ((ufunc is np.fmax) == (first > second) and not np.isnan(first)) else 1
    np.testing.assert_array_equal(gradient, np.eye(2)[winner])
