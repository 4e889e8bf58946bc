"""Examples of the determinant and of its derivatives as an op."""

import itertools

import numpy as np
import pytest

from chainrule.errors import ShapeError
from chainrule.ops import determinant, matrix_kernels
from tests.ops.laws import ErrorCase, OpCase, laws, nodes, nonsingular, reals, refused
from tests.oracles import tolerance


def leibniz(a):
    """The determinant as the sum over permutations, for any numbers."""
    n = a.shape[-1]
    total = 0
    for p in itertools.permutations(range(n)):
        sign = np.linalg.det(np.eye(n)[list(p)])
        total = total + round(sign) * np.prod([a[..., i, p[i]] for i in range(n)], axis=0)
    return np.asarray(total)


def minors(a):
    """The matrix of cofactors, one minor after another."""
    n = a.shape[-1]
    rows = []
    for i in range(n):
        row = []
        for j in range(n):
            minor = np.delete(np.delete(a, i, -2), j, -1)
            row.append((-1) ** (i + j) * (leibniz(minor) if n > 1 else np.ones(a.shape[:-2], a.dtype)))
        rows.append(np.stack(row, -1))
    return np.stack(rows, -2)


def along_one(a, b):
    """Derivative of 3 x 3 cofactors along b: they are quadratic."""
    return minors(a + b) - minors(a) - minors(b)


def along_two(a, b, c):
    """Second derivative of 3 x 3 cofactors, which does not depend on a."""
    return np.broadcast_to(along_one(b, c), np.broadcast_shapes(a.shape, b.shape, c.shape))


CASES = [
    *[
        OpCase(
            "det",
            determinant.det,
            (nonsingular(*a),),
            lambda a: leibniz(a) if np.iscomplexobj(a) else np.linalg.det(a),
            np.linalg.det,
            analytic=True,
        )
        for a in ((3, 3), (2, 3, 3), (1, 1), (2, 2), (4, 4))
    ],
    *[
        OpCase("cofactors", determinant.cofactors, (nonsingular(*a),), minors, analytic=True, condition=8.0)
        for a in ((3, 3), (2, 3, 3), (2, 2), (4, 4))
    ],
    *[
        OpCase("cofactors", determinant.cofactors, operands, along_one, note="1", analytic=True, condition=16.0)
        for operands in (
            (reals(3, 3), reals(3, 3)),
            (reals(2, 3, 3), reals(3, 3)),
            (reals(3, 3), reals(2, 3, 3)),
        )
    ],
    OpCase(
        "cofactors",
        determinant.cofactors,
        (reals(3, 3), reals(3, 3), reals(2, 3, 3)),
        along_two,
        note="2",
        analytic=True,
        condition=16.0,
    ),
    OpCase(
        "cofactors",
        determinant.cofactors,
        (reals(2, 2), reals(2, 2), reals(2, 2)),
        lambda a, b, c: 0 * (a + b + c),
        note="0",
        analytic=True,
    ),
]

ERRORS = [
    ErrorCase(lambda: determinant.det(*nodes((2, 3))), ShapeError, r"numpy\.linalg\.det: a square matrix is needed"),
    ErrorCase(lambda: determinant.det(*nodes((3,))), ShapeError, r"numpy\.linalg\.det: a square matrix is needed"),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@refused(ERRORS)
def test_refuses(case):
    case.require()


@pytest.mark.parametrize("rank", range(5))
def test_cofactors_of_singular_matrices(rank, rng):
    """Nothing is divided, so that rank does not matter."""
    a = rng.normal(size=(5, rank)) @ rng.normal(size=(rank, 5))
    true = minors(a)
    size = np.abs(a).max(initial=1.0) ** 4 * 24
    assert np.abs(matrix_kernels.cofactors(a) - true).max() <= tolerance(float) * size
    assert (np.abs(true).max() > tolerance(float) * size) == (rank >= 4)


def test_cofactors_along_many_directions(rng):
    """The mixed derivative of order 3 of 5 x 5 cofactors, from the values of the exact polynomial."""
    a, *directions = rng.integers(-2, 3, (4, 5, 5)).astype(float)
    points = np.array([-2.0, -1.0, 1.0, 2.0])
    weights = np.linalg.inv(np.vander(points, 4, increasing=True))[1]  # of the coefficient of t in a cubic
    total = np.zeros((5, 5))
    for places in itertools.product(range(4), repeat=3):
        moved = a + sum(points[k] * b for k, b in zip(places, directions, strict=True))
        total += np.prod(weights[list(places)]) * minors(moved)
    actual = matrix_kernels.cofactors(a, *directions)
    assert np.abs(actual - total).max() <= tolerance(float, 1e3) * np.abs(total).max()
    assert np.abs(total).max() > 1


def test_nan_and_inf_give_nan():
    a = np.stack([np.eye(3), np.full((3, 3), np.nan), np.full((3, 3), np.inf)])
    result = matrix_kernels.cofactors(a)
    assert np.isnan(result[1:]).all()
    assert result[0].tolist() == np.eye(3).tolist()
