"""Examples of comparisons and logic."""

import numpy as np

from chainrule.errors import ShapeError
from chainrule.ops import logic
from tests.ops.laws import ErrorCase, OpCase, booleans, distinct, integers, laws, nodes, number, reals, refused

COMPARISONS = (
    (logic.greater, np.greater, lambda x, y: x > y),
    (logic.less, np.less, lambda x, y: x < y),
    (logic.equal, np.equal, lambda x, y: x == y),
    (logic.not_equal, np.not_equal, lambda x, y: x != y),
    (logic.GREATER_EQUAL, np.greater_equal, lambda x, y: x >= y),
    (logic.LESS_EQUAL, np.less_equal, lambda x, y: x <= y),
)


def called(door):
    """Some comparisons have no door of their own: the tracer binds the op."""
    return door if callable(door) else lambda *operands: door.bind(operands)


CASES = [
    OpCase(ufunc.__name__, called(door), operands, ufunc, traced)
    for door, ufunc, traced in COMPARISONS
    for operands in (
        (distinct(3), distinct(3)),
        (reals(), reals()),
        (integers(4, below=3), integers(4, below=3)),
        (integers(3, 1, below=2), integers(3, below=2)),
        (reals(3), number()),
    )
] + [
    OpCase("logical_and", logic.logical_and, (booleans(3), booleans(3)), np.logical_and, np.logical_and),
    OpCase("logical_and", logic.logical_and, (booleans(3, 1), booleans(2)), np.logical_and, np.logical_and),
    OpCase("logical_or", logic.logical_or, (booleans(4), booleans(4)), np.logical_or, np.logical_or),
    OpCase("logical_or", logic.logical_or, (booleans(), booleans()), np.logical_or, np.logical_or),
    OpCase("logical_not", logic.logical_not, (booleans(3),), np.logical_not, np.logical_not),
]

ERRORS = [ErrorCase(lambda: logic.greater(*nodes((3,), (4,))), ShapeError, r"numpy\.greater: sizes 3 and 4")]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@refused(ERRORS)
def test_refuses(case):
    case.require()
