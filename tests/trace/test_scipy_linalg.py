"""`chainrule.scipy.linalg`: SciPy's values, right derivatives of two orders."""

import warnings

import numpy as np
import pytest
import scipy.linalg

import chainrule as cr
from chainrule.errors import ArgumentError, ShapeError, UnsupportedError
from chainrule.scipy import linalg
from tests.oracles import richardson, tolerance

SQUARE = np.array([[3.0, 0.5, -0.2], [0.1, 2.0, 0.7], [-0.4, 0.3, 1.2]])
OTHER = np.array([[1.1, -0.6, 0.4], [0.3, 0.9, -1.2], [0.7, 0.2, 1.6]])
POSITIVE = SQUARE @ SQUARE.T
STACK = np.stack([SQUARE, OTHER / 3 + 2 * np.eye(3)])
VECTOR = np.array([0.7, -1.3, 2.1])


def symmetrised(x):
    return (x + x.T) / 2


# name: a function of SciPy's (or our) module and of a point; the point
CALLS = {
    "expm": (lambda m, x: m.expm(x), OTHER),
    "expm of a stack": (lambda m, x: m.expm(x), STACK / 2),
    "expm 1x1": (lambda m, x: m.expm(x), OTHER[:1, :1]),
    "expm, defective": (lambda m, x: m.expm(x), np.array([[1.0, 1, 0], [0, 1, 1], [0, 0, 1]])),
    "expm of zero": (lambda m, x: m.expm(x), np.zeros((3, 3))),
    "logm": (lambda m, x: m.logm(x), SQUARE[1:, 1:]),
    "logm of a stack": (lambda m, x: m.logm(x), STACK[:1, 1:, 1:]),
    "logm of the identity": (lambda m, x: m.logm(x), np.eye(2)),
    "sqrtm": (lambda m, x: m.sqrtm(x), SQUARE),
    "sqrtm, repeated": (lambda m, x: m.sqrtm(x), 4 * np.eye(3)),
    "expm_frechet": (lambda m, x: m.expm_frechet(x, x @ x)[1], OTHER / 2),
    "expm_frechet, one": (lambda m, x: m.expm_frechet(OTHER, x, compute_expm=False), SQUARE),
    **{
        f"solve_triangular {trans} {lower} {unit}": (
            lambda m, x, trans=trans, lower=lower, unit=unit: m.solve_triangular(
                x, np.sin(x), trans=trans, lower=lower, unit_diagonal=unit
            ),
            SQUARE,
        )
        for trans in (0, "T")
        for lower in (False, True)
        for unit in (False, True)
    },
    "solve_triangular, vector": (lambda m, x: m.solve_triangular(SQUARE, x), VECTOR),
    "cholesky": (lambda m, x: m.cholesky(symmetrised(x)), POSITIVE),
    "cholesky lower": (lambda m, x: m.cholesky(symmetrised(x), lower=True), POSITIVE),
    "cho_solve": (lambda m, x: m.cho_solve(m.cho_factor(symmetrised(x)), x), POSITIVE),
    "cho_solve lower": (lambda m, x: m.cho_solve(m.cho_factor(symmetrised(x), lower=True), x[0]), POSITIVE),
    "cho_solve of data": (lambda m, x: m.cho_solve(scipy.linalg.cho_factor(POSITIVE), x), VECTOR),
    "cho_factor": (lambda m, x: m.cho_factor(symmetrised(x), lower=True)[0], POSITIVE),
    "det": (lambda m, x: m.det(x), STACK),
    "inv": (lambda m, x: m.inv(x), SQUARE),
    "solve": (lambda m, x: m.solve(x, np.cos(x)), SQUARE),
    "solve transposed": (lambda m, x: m.solve(x, VECTOR, transposed=True), SQUARE),
    "svdvals": (lambda m, x: m.svdvals(x), SQUARE),
    "block_diag": (lambda m, x: m.block_diag(x, x[0], OTHER[:, :2]), SQUARE),
}
each_call = pytest.mark.parametrize(("call", "point"), CALLS.values(), ids=CALLS)


@each_call
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_value_is_scipys(call, point, dtype):
    x = point.astype(dtype)
    expected = call(scipy.linalg, x.astype("f8"))
    value = cr.vjp(lambda y: call(linalg, y), x)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # logm loses digits in float32, and may answer with complex numbers
        assert (np.shape(value), value.dtype) == (np.shape(expected), call(scipy.linalg, x).real.dtype)
    allowed = tolerance(dtype, 100)
    assert np.abs(value - expected).max() <= allowed * max(1.0, np.abs(expected).max())
    assert np.array_equal(call(linalg, point), call(scipy.linalg, point))


@each_call
def test_derivatives_of_two_orders(call, point, rng):
    u, v = rng.uniform(-0.5, 0.5, (2, *point.shape))
    w = rng.uniform(-1, 1, np.shape(call(scipy.linalg, point)))

    def f(x):
        return np.sum(call(linalg, x) * w)

    expected, error = richardson(lambda t: np.sum(call(scipy.linalg, point + t * u) * w), 0.0, 1.0, step=0.03)
    gradient = cr.grad(f)(point)
    size = max(1.0, np.sum(np.abs(gradient * u)) + np.sum(np.abs(w)))
    allowed = tolerance(float, 300) * size + 8 * float(error)
    assert allowed <= tolerance(float, 1e6) * size
    assert abs(np.sum(gradient * u) - expected) <= allowed
    assert abs(cr.jvp(f, (point,), (u,))[1] - expected) <= allowed

    expected, error = richardson(lambda t: np.sum(cr.grad(f)(point + t * v) * u), 0.0, 1.0, step=0.03)
    allowed = tolerance(float, 3000) * size + 8 * float(error)
    assert allowed <= tolerance(float, 1e7) * size
    assert abs(np.sum(cr.hvp(f, (point,), (v,)) * u) - expected) <= allowed
    pushed = lambda y: cr.jvp(f, (y,), (u,))[1]  # noqa: E731
    assert abs(np.sum(cr.grad(pushed)(point) * v) - expected) <= allowed
    assert abs(cr.jvp(pushed, (point,), (v,))[1] - expected) <= allowed
    pulled = lambda y: np.sum(cr.grad(f)(y) * u)  # noqa: E731
    assert abs(np.sum(cr.grad(pulled)(point) * v) - expected) <= allowed


def test_the_triangle_that_is_not_read_may_hold_anything():
    a = np.triu(SQUARE) + np.tril(np.full((3, 3), np.nan), -1)
    value, pull = cr.vjp(lambda y: linalg.solve_triangular(y, VECTOR), a)
    assert np.isfinite(value).all()
    (gradient,) = pull(np.ones(3))
    assert np.isfinite(gradient).all()
    assert np.array_equal(np.tril(gradient, -1), np.zeros((3, 3)))


REFUSALS = [
    (lambda x: linalg.expm(x[:2]), ShapeError, r"scipy\.linalg\.expm: a square matrix is needed"),
    (lambda x: linalg.logm(-x), UnsupportedError, r"scipy\.linalg\.logm: the result is complex"),
    (lambda x: linalg.solve(x, x, assume_a="pos"), ArgumentError, r"assume_a='pos' is not supported"),
    (lambda x: linalg.solve_triangular(x, x, trans=7), ArgumentError, r"trans=7 is not known"),
    (lambda x: linalg.expm_frechet(x, x[:2]), ShapeError, r"A and E differ in shape"),
    (lambda x: linalg.block_diag(x[None]), ShapeError, r"a block is a stack"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSALS, ids=[message for _, _, message in REFUSALS])
def test_refusals(call, error, message):
    with pytest.raises(error, match=message) as caught:
        cr.vjp(call, SQUARE)
    assert "\n  Fix: " in str(caught.value)
