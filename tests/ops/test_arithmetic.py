"""Examples of the arithmetic ops."""

import mpmath
import numpy as np

from chainrule.errors import ShapeError
from chainrule.ops import arithmetic
from tests.ops.laws import ErrorCase, OpCase, laws, nodes, number, positive, reals, refused

BINARY = (
    (arithmetic.add, np.add, lambda x, y: x + y),
    (arithmetic.subtract, np.subtract, lambda x, y: x - y),
    (arithmetic.multiply, np.multiply, lambda x, y: x * y),
    (arithmetic.divide, np.divide, lambda x, y: x / y),
)
NUMBERS = (number(), number())  # the tracer's results are never weak
SHAPES = (
    (reals(3), reals(3)),
    (reals(), reals()),
    (reals(3), reals()),
    (reals(2, 1), reals(3)),
    (reals(3, 1), reals(1, 3)),
    (reals(0, 2), reals(2)),
    (number(), reals(3)),
    (reals(3), number()),
    NUMBERS,
)

CASES = [
    OpCase(ufunc.__name__, door, operands, ufunc, None if operands is NUMBERS else ufunc, exact, analytic=True)
    for door, ufunc, exact in BINARY
    for operands in SHAPES
] + [
    OpCase("negative", arithmetic.negative, (reals(3),), np.negative, np.negative, lambda x: -x, analytic=True),
    OpCase("negative", arithmetic.negative, (reals(),), np.negative, np.negative, lambda x: -x, analytic=True),
    OpCase("absolute", arithmetic.absolute, (reals(3),), np.absolute, np.absolute, abs),
    OpCase("absolute", arithmetic.absolute, (reals(),), np.absolute, np.absolute, abs),
    OpCase("sign", arithmetic.sign, (reals(3),), np.sign, np.sign, mpmath.sign),
]

ERRORS = [
    ErrorCase(
        lambda door=door: door(*nodes((3,), (4,))),
        ShapeError,
        rf"numpy\.{ufunc.__name__}: sizes 3 and 4 of axis -1 do not broadcast\n.*float64\[3\]\n.*float64\[4\]\n  Fix: ",
    )
    for door, ufunc, _ in BINARY
] + [
    ErrorCase(lambda: arithmetic.add(*nodes((2, 3), (2, 1, 4))), ShapeError, "sizes 3 and 4 of axis -1"),
    ErrorCase(lambda: arithmetic.add(*nodes((2, 3), (3, 3))), ShapeError, "sizes 2 and 3 of axis -2"),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@refused(ERRORS)
def test_refuses(case):
    case.require()


def test_scalar_draws_are_used_as_python_numbers():
    """The tables rely on it: a weak operand is a Python float."""
    assert type(number().value(np.random.default_rng(0), np.dtype(np.float32))) is float
    assert positive(2).value(np.random.default_rng(0), np.dtype(np.float32)).dtype == np.float32
