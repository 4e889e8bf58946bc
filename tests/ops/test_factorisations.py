"""Examples of decompositions, pseudoinverses and least squares."""

import numpy as np

from chainrule.core.leaves import literal
from chainrule.ops import decompositions, least_squares
from tests.ops.laws import Draw, OpCase, distinct, laws, reals

RCOND = 1e-15


def separated(*shape):
    """Matrices with well separated singular values."""

    def sample(rng, shape):
        rank = min(shape[-2:])
        u, _, v = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
        return (u * (np.arange(rank, 0, -1) + rng.uniform(-0.2, 0.2, rank))) @ v

    return Draw(shape, sample)


def real_spectrum(*shape):
    """Matrices that are not symmetric, with real, well separated eigenvalues."""

    def sample(rng, shape):
        n = shape[-1]
        return np.diag(2.0 * np.arange(1, n + 1)) + rng.uniform(-0.3, 0.3, shape)

    return Draw(shape, sample)


def divided(x, divisors, diagonal):
    return np.where(diagonal, 0, x / np.where(diagonal, 1, divisors))


EYE = np.eye(3, dtype=bool)

CASES = [
    *[
        OpCase(
            "svd",
            lambda a: decompositions.svd(a, False),
            (separated(*a),),
            lambda a: tuple(np.linalg.svd(a, full_matrices=False)),
            condition=200.0,
        )
        for a in ((3, 3), (4, 2), (2, 3), (2, 3, 2), (1, 1))
    ],
    *[
        OpCase("svdvals", decompositions.svdvals, (separated(*a),), np.linalg.svdvals, condition=100.0)
        for a in ((3, 3), (3, 2), (2, 2, 3))
    ],
    *[
        OpCase(
            "qr",
            lambda a: decompositions.qr(a, "reduced"),
            (separated(*a),),
            lambda a: tuple(np.linalg.qr(a)),
            condition=100.0,
        )
        for a in ((3, 3), (3, 2), (2, 3, 3))
    ],
    *[
        OpCase("eig", decompositions.eig, (real_spectrum(*a),), lambda a: tuple(np.linalg.eig(a)), condition=200.0)
        for a in ((3, 3), (2, 3, 3))
    ],
    *[
        OpCase(
            "pinv",
            lambda a: least_squares.pinv(a, literal(RCOND)),
            (separated(*a),),
            np.linalg.pinv,
            condition=100.0,
        )
        for a in ((3, 3), (3, 2), (2, 3), (2, 3, 2))
    ],
    *[
        OpCase(
            "lstsq",
            lambda a, b: least_squares.lstsq(a, b, RCOND),
            (separated(*a), reals(*b)),
            lambda a, b: np.linalg.pinv(a) @ b,
            condition=200.0,
        )
        for a, b in (((3, 3), (3, 2)), ((4, 2), (4, 1)), ((2, 3), (2, 2)))
    ],
    OpCase(
        "singular_gap_divide",
        lambda x, s: decompositions.SINGULAR_GAP_DIVIDE.bind((x, s)),
        (reals(3, 3), distinct(3)),
        lambda x, s: divided(x, s[None, :] - s[:, None], EYE),
        condition=16.0,
    ),
    OpCase(
        "eigenvalue_gap_divide",
        lambda x, w: decompositions.EIGENVALUE_GAP_DIVIDE.bind((x, w)),
        (reals(3, 3), distinct(3)),
        lambda x, w: divided(x, w[None, :] - w[:, None], EYE),
        condition=16.0,
    ),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)
