"""Examples of the completed forms of decompositions, the divisions behind them, stacks of systems; what is refused.

Square and reduced factorisations have their examples in `test_factorisations`.
"""

import numpy as np
import pytest

from chainrule.core.function import Function
from chainrule.core.leaves import literal
from chainrule.core.node import make_node
from chainrule.diff.forward import pushforward
from chainrule.diff.reverse import pullback
from chainrule.errors import DegenerateError, ShapeError, UnsupportedError
from chainrule.ops import contractions, decompositions, least_squares, linalg
from tests.ops.laws import Draw, ErrorCase, OpCase, evaluated, laws, nodes, reals, refused, spectrum
from tests.oracles import richardson, tolerance


def separated(*shape):
    """Matrices whose singular values are well apart from each other and from 0."""

    def sample(rng, shape):
        k = min(shape[-2:])
        u, _ = np.linalg.qr(rng.normal(size=(*shape[:-1], k)))
        v, _ = np.linalg.qr(rng.normal(size=(*shape[:-2], shape[-1], k)))
        s = np.arange(k, 0, -1) + rng.uniform(-0.2, 0.2, k)
        return (u * s) @ v.swapaxes(-1, -2)

    return Draw(shape, sample)


def descending(*shape):
    """Singular values: positive, apart from each other, largest first."""
    return Draw(shape, lambda rng, s: np.arange(s[-1], 0, -1) + rng.uniform(-0.2, 0.2, s))


def off_diagonal(divisors):
    def divided(x, s):
        diagonal = np.eye(s.shape[-1], dtype=bool)
        return np.where(diagonal, 0, x / np.where(diagonal, 1, divisors(s[..., :, None], s[..., None, :])))

    return divided


def of(op, *params):
    return lambda *operands: make_node(op, operands, params)


def looped_lstsq(a, b):
    loops = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, (*loops, *a.shape[-2:])), np.broadcast_to(b, (*loops, *b.shape[-2:]))
    out = np.empty((*loops, a.shape[-1], b.shape[-1]), np.result_type(a, b))
    for place in np.ndindex(loops):
        out[place] = np.linalg.lstsq(a[place], b[place])[0]
    return out


def divisions(op, reference, shapes):
    return [
        OpCase(op.name, of(op), (reals(*x), descending(*s)), reference, note="by s", analytic=True, condition=16.0)
        for x, s in shapes
    ]


SQUARES = [((3, 3), (3,)), ((2, 3, 3), (3,)), ((2, 3, 3), (2, 3))]
CASES = [
    *divisions(decompositions.SINGULAR_GAP_DIVIDE, off_diagonal(lambda x, y: y - x), SQUARES),
    *divisions(decompositions.EIGENVALUE_GAP_DIVIDE, off_diagonal(lambda x, y: y - x), SQUARES[1:]),
    *divisions(decompositions.SINGULAR_SUM_DIVIDE, off_diagonal(lambda x, y: y + x), SQUARES),
    *divisions(decompositions.SINGULAR_DIVIDE, lambda x, s: x / s[..., None, :], [((4, 2), (2,)), ((2, 4, 3), (2, 3))]),
    *[
        OpCase(
            "svd",
            lambda a: decompositions.svd(a, True),
            (separated(*a),),
            lambda x: tuple(np.linalg.svd(x)),
            np.linalg.svd,
            condition=100.0,
            note="full",
        )
        for a in ((3, 2), (2, 3), (2, 3, 2))
    ],
    *[
        OpCase(
            "qr",
            lambda a, mode=mode: decompositions.qr(a, mode),
            (separated(*a),),
            lambda x, mode=mode: tuple(np.linalg.qr(x, mode)),
            lambda x, mode=mode: np.linalg.qr(x, mode),
            condition=100.0,
            note=mode,
        )
        for mode, a in (("reduced", (2, 4)), ("complete", (3, 2)), ("complete", (2, 4, 3)))
    ],
    OpCase(
        "free_basis",
        of(decompositions.FREE_BASIS, 2, True),
        (spectrum(3, 3),),
        lambda x: np.zeros((3, 2), x.dtype),
        held=frozenset({0}),
    ),
    *[
        OpCase(
            "lstsq",
            lambda a, b: least_squares.lstsq(a, b, 1e-15),
            (separated(*a), reals(*b)),
            looped_lstsq,
            condition=100.0,
        )
        for a, b in (((2, 4, 2), (4, 1)), ((4, 2), (2, 4, 1)), ((2, 4), (2, 1)))
    ],
    OpCase(
        "lstsq",
        lambda a, b: least_squares.lstsq(a, b, 1e-15, full_rank=True),
        (separated(4, 2), reals(4, 3)),
        looped_lstsq,
        condition=100.0,
        note="of full rank",
    ),
]


def evaluate(f, a):
    (x,) = nodes(a.shape)
    return evaluated(Function([x], [f(x)]), [a])[0]


def gradient(f, a):
    """The pullback of random numbers."""
    (x,) = nodes(a.shape)
    function = Function([x], [f(x)])
    w = np.random.default_rng(5).normal(size=function.outputs[0].shape)
    return evaluated(pullback(function, (0,)), [a, w])[0]


ERRORS = [
    ErrorCase(lambda: decompositions.svd(*nodes((3,)), False), ShapeError, r"numpy\.linalg\.svd: a matrix is needed"),
    ErrorCase(lambda: decompositions.svdvals(*nodes(())), ShapeError, r"numpy\.linalg\.svdvals: a matrix is needed"),
    ErrorCase(lambda: decompositions.qr(*nodes((3,)), "reduced"), ShapeError, r"numpy\.linalg\.qr: a matrix is needed"),
    ErrorCase(lambda: decompositions.eig(*nodes((3, 2))), ShapeError, r"numpy\.linalg\.eig: a square matrix"),
    ErrorCase(
        lambda: least_squares.pinv(*nodes((3,)), literal(0.0)), ShapeError, r"numpy\.linalg\.pinv: a matrix is needed"
    ),
    ErrorCase(lambda: least_squares.lstsq(*nodes((3, 2), (4, 1)), 0.0), ShapeError, r"lstsq: a has 3 rows, b has 4"),
    ErrorCase(
        lambda: evaluate(lambda a: decompositions.eig(a)[0], np.array([[0.0, 1.0], [-1.0, 0.0]])),
        UnsupportedError,
        r"numpy\.linalg\.eig: an eigenvalue is complex",
    ),
    ErrorCase(
        lambda: gradient(lambda a: decompositions.qr(a, "reduced")[1], np.ones((3, 2))),
        DegenerateError,
        r"numpy\.linalg\.qr: the columns are linearly dependent",
    ),
    ErrorCase(
        lambda: gradient(lambda a: least_squares.lstsq(a, linalg.symmetric_part(a), 1e-15), np.ones((2, 2))),
        DegenerateError,
        r"numpy\.linalg\.lstsq: the matrix has less than full rank",
    ),
    ErrorCase(
        lambda: evaluate(lambda a: least_squares.lstsq(a, a, 1e-15, full_rank=True), np.ones((3, 2))),
        DegenerateError,
        r"the matrix has less than full rank, so that",
    ),
    ErrorCase(
        lambda: gradient(lambda a: decompositions.eig(a)[1], np.diag([1.0, 1.0, 2.0])),
        DegenerateError,
        r"numpy\.linalg\.eig: .* repeated eigenvalue",
    ),
    ErrorCase(
        lambda: gradient(lambda a: decompositions.svd(a, False)[0], np.diag([1.0, 1.0, 2.0])),
        DegenerateError,
        r"numpy\.linalg\.svd: .* repeated singular value",
    ),
    ErrorCase(
        lambda: gradient(lambda a: decompositions.svd(a, False)[0], np.eye(3)[:, :2] * [2.0, 0.0]),
        DegenerateError,
        r"numpy\.linalg\.svd: .* a singular value 0",
    ),
    *[
        ErrorCase(
            lambda f=f: gradient(f, np.eye(4)[:, :2] * [2.0, 1.0]), DegenerateError, f"the choice of a basis .*{name}"
        )
        for name, f in (
            ("that completes", lambda a: decompositions.svd(a, True)[0]),
            ("orthogonal columns", lambda a: decompositions.qr(a, "complete")[0]),
        )
    ],
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@refused(ERRORS)
def test_refuses(case):
    case.require()


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3)], ids=str)
def test_pinv_at_constant_rank(shape, rank, rng):
    """Along a change that keeps the rank the pseudoinverse is smooth, whatever the rank."""
    u, v = np.linalg.qr(rng.normal(size=(shape[0], rank)))[0], np.linalg.qr(rng.normal(size=(shape[1], rank)))[0]
    left, right = u * (1.0 + np.arange(rank)), v.T
    dl, dr = rng.uniform(-0.5, 0.5, left.shape), rng.uniform(-0.5, 0.5, right.shape)

    def along(t):
        return np.linalg.pinv((left + t * dl) @ (right + t * dr), rcond=1e-6)

    expected, error = richardson(along, 0.0, 1.0)
    (x,) = nodes(shape)
    function = Function([x], [least_squares.pinv(x, literal(1e-6))])
    (pushed,) = evaluated(pushforward(function, (0,)), [left @ right, dl @ right + left @ dr])
    allowed = tolerance(float, 16) * np.abs(expected).max() + 8 * np.max(error)
    assert allowed <= tolerance(float, 1e5)
    assert np.abs(pushed - expected).max() <= allowed


def test_a_completed_basis_answers_what_does_not_depend_on_it(rng):
    """The projector on the columns that complete Q is the same for every such basis."""
    a = np.linalg.qr(rng.normal(size=(5, 2)))[0] * [3.0, 1.5]
    c = rng.normal(size=(5, 5))
    direction = rng.uniform(-0.5, 0.5, a.shape)

    def projector(x):
        q, _ = decompositions.qr(x, "complete")
        more = decompositions.columns(q, 2, 5)
        return contractions.matmul(more, contractions.swap(more))

    def reference(t):
        q = np.linalg.qr(a + t * direction, "complete")[0][:, 2:]
        return np.sum(c * (q @ q.T))

    (x,) = nodes(a.shape)
    function = Function([x], [projector(x)])
    (pulled,) = evaluated(pullback(function, (0,)), [a, c])
    expected, error = richardson(reference, 0.0, 1.0)
    assert abs(np.sum(pulled * direction) - expected) <= tolerance(float, 100) * np.abs(c).sum() + 8 * error
    with pytest.raises(DegenerateError):  # a tangent does not show what becomes of it
        evaluated(pushforward(function, (0,)), [a, direction])
