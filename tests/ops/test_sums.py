"""Examples of n-ary sums with coefficients, and of sizes as numbers."""

from fractions import Fraction

import numpy as np
import pytest

from chainrule.core.leaves import literal
from chainrule.ops import sums
from tests.ops.laws import OpCase, laws, nodes, number, positive, reals

CASES = [
    *[
        OpCase(
            "combination",
            lambda x, y: sums.combination([2, Fraction(1, 3)], [x, y]),
            operands,
            lambda x, y: 2 * x + y / 3,
            exact=lambda x, y: 2 * x + y / 3,
            note="2x + y/3",
            analytic=True,
        )
        for operands in ((positive(3), positive(3)), (positive(), positive()), (positive(2, 1), positive(3)))
    ],
    OpCase(
        "combination",
        lambda x, y, z: sums.combination([-1, 1, Fraction(-3, 2)], [x, y, z]),
        (reals(3), reals(1), reals()),
        lambda x, y, z: -x + y - 1.5 * z,
        note="-x + y - 3z/2",
        analytic=True,
    ),
    OpCase(
        "combination",
        lambda x, y: sums.combination([1, -1], [x, y]),
        (reals(3), number()),
        lambda x, y: x - y,
        note="x - y",
        analytic=True,
    ),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


def test_thirds_of_integers_are_floats():
    (x,) = nodes((3,), dtype=np.int64)
    assert sums.combination([Fraction(1, 3)], [x]).dtype == np.float64
    assert sums.combination([2], [x]).dtype == np.int64


@pytest.mark.parametrize("size", [0, 3])
def test_a_known_size_is_a_literal(size):
    assert sums.dimension(size) is literal(size)
