"""Examples of the ops on matrices."""

import numpy as np

from chainrule.core.function import Function
from chainrule.core.leaves import output_of
from chainrule.errors import ShapeError
from chainrule.functions import linalg as public
from chainrule.ops import linalg
from tests.ops.laws import ErrorCase, OpCase, distinct, evaluated, laws, nodes, nonsingular, reals, refused, spectrum


def logdet(a):
    return np.log(np.linalg.det(a)) if np.iscomplexobj(a) else np.linalg.slogdet(a).logabsdet


def gap_divided(x, w):
    gaps = w[..., None, :] - w[..., :, None]
    return np.where(gaps == 0, 0, x / np.where(gaps == 0, 1, gaps))


def symmetric_part(a):
    return (a + a.swapaxes(-1, -2)) / 2


CASES = [
    *[
        OpCase(
            "solve",
            linalg.solve,
            (nonsingular(*a), reals(*b)),
            np.linalg.solve,
            np.linalg.solve,
            analytic=True,
            condition=40.0,
        )
        for a, b in (
            ((3, 3), (3, 2)),
            ((3, 3), (3, 3)),
            ((1, 1), (1, 1)),
            ((2, 3, 3), (3, 2)),
            ((3, 3), (2, 3, 2)),
            ((2, 3, 3), (2, 3, 1)),
            ((3, 3), (3, 0)),
        )
    ],
    OpCase(
        "solve",
        lambda a, b: linalg.solve(a, b, "nan"),
        (nonsingular(3, 3), reals(3, 2)),
        np.linalg.solve,
        note="nan",
        analytic=True,
        condition=40.0,
    ),
    *[
        OpCase("logdet", linalg.logdet, (nonsingular(*a),), logdet, analytic=True, condition=40.0)
        for a in ((3, 3), (2, 3, 3), (1, 1))
    ],
    OpCase("logdet_sign", linalg.logdet_sign, (nonsingular(3, 3),), lambda a: np.linalg.slogdet(a).sign),
    OpCase("logdet_sign", linalg.logdet_sign, (nonsingular(2, 3, 3),), lambda a: np.linalg.slogdet(a).sign),
    *[
        OpCase("cholesky", linalg.cholesky, (spectrum(*a),), np.linalg.cholesky, np.linalg.cholesky, condition=40.0)
        for a in ((3, 3), (2, 3, 3), (1, 1))
    ],
    *[
        OpCase(
            "eigh",
            linalg.eigh,
            (spectrum(*a),),
            lambda x: tuple(np.linalg.eigh(x)),
            lambda x: tuple(np.linalg.eigh(x)),
            condition=100.0,
        )
        for a in ((3, 3), (2, 3, 3), (1, 1))
    ],
    *[
        OpCase(
            "output",
            lambda a: linalg.eigh(a)[0],
            (spectrum(*a),),
            np.linalg.eigvalsh,
            np.linalg.eigvalsh,
            note="eigenvalues",
            condition=100.0,
        )
        for a in ((3, 3), (2, 2, 2))
    ],
    *[
        OpCase("gap_divide", linalg.gap_divide, (reals(*x), distinct(*w)), gap_divided, analytic=True, condition=16.0)
        for x, w in (((3, 3), (3,)), ((2, 3, 3), (3,)), ((2, 3, 3), (2, 3)))
    ],
]

ERRORS = [
    ErrorCase(
        lambda: linalg.solve(*nodes((2, 3), (2, 1))), ShapeError, r"numpy\.linalg\.solve: a square matrix is needed"
    ),
    ErrorCase(lambda: linalg.solve(*nodes((3, 3), (2, 1))), ShapeError, r"numpy\.linalg\.solve: a has 3 rows, b has 2"),
    ErrorCase(lambda: public.solve(*nodes((3, 3), ())), ShapeError, "b is a scalar"),
    ErrorCase(lambda: linalg.cholesky(*nodes((3,))), ShapeError, r"numpy\.linalg\.cholesky: a square matrix"),
    ErrorCase(lambda: linalg.eigh(*nodes((3, 2))), ShapeError, r"numpy\.linalg\.eigh: a square matrix"),
    ErrorCase(lambda: linalg.logdet(*nodes((3, 2))), ShapeError, r"numpy\.linalg\.slogdet: a square matrix"),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@refused(ERRORS)
def test_refuses(case):
    case.require()


def test_a_projection_is_made_once():
    (a,) = nodes((3, 3))
    values, vectors = linalg.eigh(a)
    assert values.operands == vectors.operands
    assert output_of(values.operands[0], 0) is values


def test_eigh_reads_what_numpy_reads(rng):
    """NumPy reads the lower triangle; an operand that is not symmetric has the same values."""
    (a,) = nodes((3, 3))
    values = rng.normal(size=(3, 3))
    (w,) = evaluated(Function([a], [linalg.eigh(a)[0]]), [values])
    assert w.tolist() == np.linalg.eigh(values).eigenvalues.tolist()
    assert w.tolist() != np.linalg.eigh(symmetric_part(values)).eigenvalues.tolist()
