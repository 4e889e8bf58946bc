"""Linear algebra as users write it: NumPy's values for every keyword, right derivatives of two orders, kinks."""

import itertools
from typing import NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, DegenerateError, ShapeError, UnsupportedError
from tests.oracles import richardson, tolerance

RNG = np.random.default_rng(20)
SQUARE = np.array([[3.0, 0.5, -0.2], [0.1, 2.0, 0.7], [-0.4, 0.3, 1.2]])
OTHER = np.array([[1.1, -0.6, 0.4], [0.3, 0.9, -1.2], [0.7, 0.2, 1.6]])
TALL = np.array([[2.0, 0.3, -0.4], [0.5, -1.6, 0.2], [0.1, 0.4, 1.1], [-0.7, 0.2, 0.9], [0.3, 1.2, -0.5]])
WIDE = TALL[:3].T[:2] + 0.1
STACK = np.stack([SQUARE, OTHER])
TALLS = np.stack([TALL, 1.3 * TALL[::-1] + 0.2])
VECTOR = np.array([0.7, -1.3, 2.1])
BLOCK = RNG.normal(size=(2, 3, 6))
SIDES = RNG.normal(size=(5, 2))


class Call(NamedTuple):
    """`call(x)` at a point; `condition` says how much it amplifies roundings."""

    name: str
    call: object
    point: object
    condition: float = 100.0


def symmetrised(x):
    return (x + np.swapaxes(x, -1, -2)) / 2


NORMS = [
    *[
        Call(f"norm {order} of a vector", lambda x, order=order: np.linalg.norm(x, order), VECTOR)
        for order in (None, 1, 2, 3, 2.5, 0.5, -1, -2, -0.5, 0, np.inf, -np.inf)
    ],
    *[
        Call(f"norm {order} axis {axis}", lambda x, order=order, axis=axis: np.linalg.norm(x, order, axis, True), STACK)
        for order, axis in itertools.product((None, 1, 2, 3, -1, 0, np.inf, -np.inf), (0, 1, -1))
    ],
    *[
        Call(f"norm {order} of a matrix {len(matrix)}", lambda x, order=order: np.linalg.norm(x, order), matrix)
        for order in (None, "fro", "f", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
        for matrix in (SQUARE, TALL)
    ],
    *[
        Call(
            f"norm {order} axes {axes} {keepdims}",
            lambda x, order=order, axes=axes, keepdims=keepdims: np.linalg.norm(x, order, axes, keepdims=keepdims),
            TALLS,
        )
        for order in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
        for axes, keepdims in (((-2, -1), False), ((2, 1), False), ((1, 0), True), ((0, -1), False))
    ],
    Call("norm of a stack", np.linalg.norm, STACK),
    Call("norm of a stack, kept", lambda x: np.linalg.norm(x, keepdims=True), STACK),
    *[
        Call(f"vector_norm {k}", lambda x, more=more: np.linalg.vector_norm(x, **more), STACK)
        for k, more in enumerate(
            (
                {},
                {"ord": 1},
                {"ord": 3, "axis": (0, 2)},
                {"ord": np.inf, "axis": (2, 0), "keepdims": True},
                {"axis": 1, "ord": -np.inf},
                {"ord": 0, "axis": (1,)},
                {"keepdims": True},
            )
        )
    ],
    *[
        Call(f"matrix_norm {k}", lambda x, more=more: np.linalg.matrix_norm(x, **more), STACK)
        for k, more in enumerate(({}, {"ord": 2}, {"ord": "nuc", "keepdims": True}, {"ord": -np.inf}))
    ],
]
DETERMINANTS = [
    Call("det", np.linalg.det, SQUARE),
    Call("det of a stack", np.linalg.det, STACK),
    Call("det 1x1", np.linalg.det, SQUARE[:1, :1]),
    Call("det 0x0", np.linalg.det, np.zeros((0, 0))),
    Call("det 5x5", np.linalg.det, TALL @ TALL.T + np.eye(5)),
    Call("det of rank n - 1", np.linalg.det, np.outer(VECTOR, VECTOR) + np.diag([1.0, 0, 0])),
    Call("det of rank 1", np.linalg.det, np.outer(VECTOR, VECTOR)),
    Call("det of zero", np.linalg.det, np.zeros((3, 3))),
]
DECOMPOSITIONS = [
    *[
        Call(f"svd {x.shape} {k}", lambda x, use=use: use(*np.linalg.svd(x, full_matrices=False)), x)
        for x in (SQUARE, TALL, TALL.T, TALLS)
        for k, use in enumerate(
            (
                lambda u, s, vh: s,
                lambda u, s, vh: u * s[..., None, :],
                lambda u, s, vh: u @ vh,
                lambda u, s, vh: vh * vh,
                lambda u, s, vh: (u * np.exp(s / 4)[..., None, :]) @ vh,
            )
        )
    ],
    Call("svd full", lambda x: (lambda r: r.U @ np.sin(r.Vh))(np.linalg.svd(x)), SQUARE),
    Call("svd full by one", lambda x: (lambda r: r.U**2)(np.linalg.svd(x)), TALL[:4]),
    Call("svd full by one, wide", lambda x: (lambda r: r.Vh**2 * r.S[0])(np.linalg.svd(x)), TALL[:4].T),
    Call("svd values only", lambda x: np.linalg.svd(x, compute_uv=False), TALLS),
    Call("svdvals", np.linalg.svdvals, TALL),
    *[
        Call(f"qr {x.shape} {k}", lambda x, use=use: use(np.linalg.qr(x)), x)
        for x in (SQUARE, TALL, TALL.T, TALLS)
        for k, use in enumerate((lambda r: r.R, lambda r: r.Q * r.Q, lambda r: r.Q @ np.tanh(r.R)))
    ],
    Call("qr r", lambda x: np.linalg.qr(x, mode="r"), TALL),
    Call("qr complete", lambda x: (lambda r: r.Q @ np.tanh(r.R))(np.linalg.qr(x, "complete")), TALL[:4]),
    Call("qr complete, wide", lambda x: np.linalg.qr(x, "complete").R, TALL.T),
    Call("eig values", np.linalg.eigvals, SQUARE),
    Call("eig of a stack", lambda x: np.linalg.eig(x)[0], np.stack([SQUARE, SQUARE.T + 0.1])),
    Call("eig vectors", lambda x: (lambda r: r.eigenvectors**2 * r.eigenvalues)(np.linalg.eig(x)), SQUARE, 1000),
    Call("eigh upper", lambda x: (lambda w, v: v * v * w)(*np.linalg.eigh(symmetrised(x), "U")), SQUARE, 1000),
    Call("eigvalsh upper", lambda x: np.linalg.eigvalsh(symmetrised(x), UPLO="u"), STACK),
]
SYSTEMS = [
    *[Call(f"pinv {x.shape}", np.linalg.pinv, x) for x in (SQUARE, TALL, TALL.T, TALLS)],
    Call("pinv rcond", lambda x: np.linalg.pinv(x, 1e-3), TALL),
    Call("pinv rtol", lambda x: np.linalg.pinv(x, rtol=1e-3), TALL),
    Call("pinv rtol None", lambda x: np.linalg.pinv(x, rtol=None), TALL),
    *[
        Call(f"lstsq matrix {x.shape} {b.ndim} {k}", lambda x, b=b, k=k: np.linalg.lstsq(x, b)[k] * 1.0, x)
        for x in (TALL, SQUARE, TALL.T)
        for b in (SIDES[: x.shape[0]], SIDES[: x.shape[0], 0])
        for k in range(4)
    ],
    Call("lstsq sides", lambda b: np.linalg.lstsq(TALL, b, rcond=1e-6)[0], SIDES),
    Call("lstsq side", lambda b: np.linalg.lstsq(TALL, b, rcond=-1)[0], SIDES[:, 0]),
    Call("lstsq residuals by sides", lambda b: np.linalg.lstsq(TALL, b)[1], SIDES),
    Call("lstsq both", lambda x: np.linalg.lstsq(x, np.sin(x))[0], TALL),
    *[Call(f"matrix_power {n}", lambda x, n=n: np.linalg.matrix_power(x, n), SQUARE / 2, 1e3) for n in range(-3, 8)],
    Call("matrix_power of a stack", lambda x: np.linalg.matrix_power(x, 3), STACK),
    Call("matrix_power 0 of a stack", lambda x: np.linalg.matrix_power(x, 0) * x, STACK),
    *[
        Call(f"cond {p}", lambda x, p=p: np.linalg.cond(x, p), SQUARE, 1e3)
        for p in (None, 2, -2, 1, -1, np.inf, -np.inf, "fro", "nuc")
    ],
    Call("cond of a stack", np.linalg.cond, STACK, 1e3),
    Call("cond of tall ones", lambda x: np.linalg.cond(x, 2), TALLS, 1e3),
    *[
        Call(f"matrix_rank {k}", lambda x, more=more: x * np.linalg.matrix_rank(x, **more), SQUARE)
        for k, more in enumerate(({}, {"tol": 1.0}, {"rtol": 0.5}))
    ],
    Call("matrix_rank of a vector", lambda x: np.linalg.matrix_rank(x) + 0.5 * x[0].astype(float), VECTOR),
    Call("matrix_rank of a stack", lambda x: np.linalg.matrix_rank(x) * x[:, 0, 0], STACK),
    Call("tensorinv", lambda x: np.linalg.tensorinv(x.reshape(6, 3, 2) + np.eye(6).reshape(6, 3, 2) * 3, ind=1), BLOCK),
    Call("tensorinv 2", lambda x: np.linalg.tensorinv(x + 3 * np.eye(6).reshape(2, 3, 6)), BLOCK),
    Call("tensorsolve", lambda x: np.linalg.tensorsolve(x + 3 * np.eye(6).reshape(2, 3, 6), BLOCK[:, :, 0]), BLOCK),
    Call(
        "tensorsolve axes",
        lambda x: np.linalg.tensorsolve(
            np.moveaxis((x + 3 * np.eye(6).reshape(2, 3, 6)).reshape(2, 3, 3, 2), 3, 0), x[:, :, 0], axes=(0,)
        ),
        BLOCK,
    ),
]
PRODUCTS = [
    *[
        Call(
            f"kron {a.shape} {np.shape(b)}",
            lambda x, b=b: np.kron(x, b) + np.kron(b, x).reshape(np.kron(x, b).shape),
            a,
        )
        for a, b in ((SQUARE, WIDE), (VECTOR, SQUARE), (STACK, VECTOR), (np.float64(1.5), VECTOR), (VECTOR, VECTOR))
    ],
    Call("kron of itself", lambda x: np.kron(x, x), WIDE),
    Call("cross", lambda x: np.cross(x, VECTOR), VECTOR + 1),
    Call("cross of itself", lambda x: np.cross(x, x[::-1]), SQUARE),
    Call("cross axis", lambda x: np.cross(x, OTHER, axis=0), SQUARE),
    Call("cross axes", lambda x: np.cross(x, VECTOR, axisa=0, axisb=-1, axisc=0), TALL.T),
    Call("cross broadcast", lambda x: np.cross(STACK, x), SQUARE),
    Call("linalg.cross", lambda x: np.linalg.cross(x, OTHER), SQUARE),
    Call("linalg.cross axis", lambda x: np.linalg.cross(x, OTHER, axis=0), SQUARE),
    Call("multi_dot", lambda x: np.linalg.multi_dot([TALL, x, OTHER, TALL.T]), SQUARE),
    Call("multi_dot vectors", lambda x: np.linalg.multi_dot([x[0], x, x, x[:, 1]]), SQUARE),
    Call("multi_dot two", lambda x: np.linalg.multi_dot((x, TALL.T)), SQUARE),
    Call("linalg.matmul", lambda x: np.linalg.matmul(x, OTHER), STACK),
    Call("linalg.outer", lambda x: np.linalg.outer(x, x * x), VECTOR),
    *[Call(f"linalg.trace {k}", lambda x, k=k: np.linalg.trace(x, offset=k), TALLS) for k in (-2, 0, 1)],
    *[Call(f"linalg.diagonal {k}", lambda x, k=k: np.linalg.diagonal(x, offset=k), TALLS) for k in (-2, 0, 1)],
    Call("linalg.matrix_transpose", lambda x: np.linalg.matrix_transpose(x) @ x, TALLS),
    Call("linalg.tensordot", lambda x: np.linalg.tensordot(x, STACK, axes=((1, 2), (2, 1))), STACK),
    Call("linalg.tensordot 1", lambda x: np.linalg.tensordot(x, x, axes=1), SQUARE),
    Call("linalg.vecdot", lambda x: np.linalg.vecdot(x, OTHER, axis=0), SQUARE),
]
CALLS = [*NORMS, *DETERMINANTS, *DECOMPOSITIONS, *SYSTEMS, *PRODUCTS]
assert len({call.name for call in CALLS}) == len(CALLS)
each_call = pytest.mark.parametrize("call", CALLS, ids=[call.name for call in CALLS])


@each_call
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_value_is_numpys(call, dtype):
    x = np.asarray(call.point).astype(dtype)[()]
    expected = np.asarray(call.call(x))
    value = cr.vjp(call.call, x)[0]
    assert (np.shape(value), value.dtype) == (expected.shape, expected.dtype)
    allowed = tolerance(value.dtype, min(call.condition, 1000) if dtype == "f4" else call.condition)
    assert np.abs(value - expected).max(initial=0) <= allowed * max(1.0, np.abs(expected).max(initial=0.0))


def weighted(call, w):
    return lambda x: np.sum(call.call(x) * w)


def drawn(call, rng):
    x = np.asarray(call.point)
    u, v = rng.uniform(-0.5, 0.5, (2, *x.shape))
    return x[()], u[()], v[()], rng.uniform(-1, 1, np.shape(call.call(x)))


@each_call
def test_first_derivative(call, rng):
    x, u, _, w = drawn(call, rng)
    f = weighted(call, w)
    expected, error = richardson(lambda t: f(x + t * u), 0.0, 1.0, step=0.03)
    gradient = cr.grad(f)(x)
    size = np.sum(np.abs(gradient * u)) + np.sum(np.abs(w))
    allowed = tolerance(float, call.condition) * max(1.0, size) + 8 * float(error)
    assert allowed <= tolerance(float, 1e7) * max(1.0, size)
    assert abs(np.sum(gradient * u) - expected) <= allowed
    assert abs(cr.jvp(f, (x,), (u,))[1] - expected) <= allowed


@each_call
def test_second_derivatives_in_four_ways(call, rng):
    x, u, v, w = drawn(call, rng)
    f = weighted(call, w)
    expected, error = richardson(lambda t: np.sum(cr.grad(f)(x + t * v) * u), 0.0, 1.0, step=0.03)

    def pushed(y):
        return cr.jvp(f, (y,), (u,))[1]

    def pulled(y):
        return np.sum(cr.grad(f)(y) * u)

    second = cr.hvp(f, (x,), (v,))
    size = np.sum(np.abs(second * u)) + np.sum(np.abs(w))
    allowed = tolerance(float, call.condition**1.5) * max(1.0, size) + 8 * float(error)
    assert allowed <= tolerance(float, 1e8) * max(1.0, size)
    ways = {
        "hvp": np.sum(second * u),
        "forward over forward": cr.jvp(pushed, (x,), (v,))[1],
        "reverse over forward": np.sum(cr.grad(pushed)(x) * v),
        "forward over reverse": cr.jvp(pulled, (x,), (v,))[1],
        "reverse over reverse": np.sum(cr.grad(pulled)(x) * v),
    }
    for way, value in ways.items():
        assert abs(value - expected) <= allowed, way


@each_call
def test_float32_stays_float32(call):
    x = np.asarray(call.point).astype("f4")[()]
    gradient = cr.grad(lambda y: np.sum(call.call(y)))(x)
    assert (np.shape(gradient), gradient.dtype) == (np.shape(x), np.dtype("f4"))


# --- determinants ----------------------------------------------------------------------------------------------------


MODES = list(itertools.product(("forward", "reverse"), repeat=2))


@pytest.mark.parametrize(("outer", "inner"), MODES)
def test_hessian_of_a_determinant(outer, inner):
    hessian = cr.jacobian(cr.jacobian(np.linalg.det, mode=inner), mode=outer)(np.array([[2, 1], [0.5, 3]]))
    true = [[0, 0, 0, 1], [0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0]]
    assert np.abs(hessian.reshape(4, 4) - true).max() <= tolerance(float)


SINGULAR = {
    "rank n - 1": (np.array([[1.0, 2], [2, 4]]), [[4, -2], [-2, 1]]),
    "zero 2x2": (np.zeros((2, 2)), [[0, 0], [0, 0]]),
    "zero 1x1": (np.zeros((1, 1)), [[1]]),
    "rank 2 of 3": (np.diag([2.0, 0.0, 3.0]), np.diag([0, 6, 0])),
    "rank 1 of 3": (np.ones((3, 3)), np.zeros((3, 3))),
}


@pytest.mark.parametrize(("a", "true"), SINGULAR.values(), ids=SINGULAR)
def test_gradient_of_a_determinant_at_singular_matrices(a, true):
    for mode in ("forward", "reverse"):
        assert np.abs(cr.jacobian(np.linalg.det, mode=mode)(a) - true).max() <= tolerance(float, 4)


@pytest.mark.parametrize(("outer", "inner"), MODES)
def test_hessian_of_a_determinant_at_zero(outer, inner):
    """Of a 2 x 2 determinant it is the same everywhere; of a larger one it is 0 there."""
    for n, size in ((2, 4), (3, 0)):
        hessian = cr.jacobian(cr.jacobian(np.linalg.det, mode=inner), mode=outer)(np.zeros((n, n)))
        assert np.abs(hessian).sum() == size


def test_third_derivative_of_a_determinant():
    third = cr.jacobian(cr.jacobian(cr.jacobian(np.linalg.det)))(np.zeros((3, 3)))
    assert np.abs(third.reshape(27, 27)).sum() == pytest.approx(36, rel=tolerance(float))
    assert third[0, 0, 1, 1, 2, 2] == pytest.approx(1, rel=tolerance(float))
    assert third[0, 1, 1, 0, 2, 2] == pytest.approx(-1, rel=tolerance(float))


# --- kinks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [None, 1, 2, 3, 1.5, 0, np.inf, -np.inf])
def test_gradient_of_a_norm_at_zero_is_zero(order):
    assert cr.grad(lambda x: np.linalg.norm(x, order))(np.zeros(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("order", [3, 2.5, 1.5, 1, 0.5, -1, -2])
def test_an_entry_0_has_no_part_in_the_gradient_of_a_norm(order):
    gradient = cr.grad(lambda x: np.linalg.norm(x, order))(np.array([1.0, 0.0, -2.0]))
    if order < 0:
        assert gradient.tolist() == [0, 0, 0]
    else:
        rest = cr.grad(lambda x: np.linalg.norm(x, order))(np.array([1.0, -2.0]))
        assert gradient.tolist() == [rest[0], 0, rest[1]]


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_gradient_of_a_matrix_norm_at_zero_is_zero(order):
    assert np.abs(cr.grad(lambda x: np.linalg.norm(x, order))(np.zeros((3, 2)))).max() == 0


def test_largest_of_equal_absolute_values_share():
    assert cr.grad(lambda x: np.linalg.norm(x, np.inf))(np.array([1.0, -2.0])).tolist() == [0, -1]
    assert cr.grad(lambda x: np.linalg.norm(x, np.inf))(np.array([2.0, -2.0, 1.0])).tolist() == [0.5, -0.5, 0]


def test_equal_singular_values_share_the_spectral_norm():
    """The least subgradient at an orthogonal matrix Q is Q / n, whichever singular vectors LAPACK picks."""
    q, _ = np.linalg.qr(OTHER)
    assert np.abs(cr.grad(lambda x: np.linalg.norm(x, 2))(q) - q / 3).max() <= tolerance(float)


def test_nuclear_norm_of_a_singular_matrix():
    """The least subgradient: nothing from the null space."""
    u, s, vh = np.linalg.svd(SQUARE)
    singular = (u[:, :2] * s[:2]) @ vh[:2]
    gradient = cr.grad(lambda x: np.linalg.norm(x, "nuc"))(singular)
    assert np.abs(gradient - u[:, :2] @ vh[:2]).max() <= tolerance(float, 10)


@pytest.mark.parametrize("a", [np.eye(3), 2 * np.eye(3)[[1, 0, 2]], np.diag([3.0, 1.0, 1.0])], ids=str)
def test_symmetric_functions_of_repeated_singular_values(a):
    gradient = cr.grad(lambda x: np.sum(np.linalg.svdvals(x) ** 2))(a)
    assert np.abs(gradient - 2 * a).max() <= tolerance(float, 4)
    u, _, vh = np.linalg.svd(a)
    nuclear = cr.grad(lambda x: np.sum(np.linalg.svd(x, compute_uv=False)))(a)
    assert np.abs(nuclear - u @ vh).max() <= tolerance(float)


WEIGHTS = RNG.normal(size=(3, 3))


@pytest.mark.parametrize(
    "a",
    [np.eye(3), np.zeros((3, 3)), np.diag([2.0, 1, 1]), np.diag([2.0, 0, 0]), np.diag([2.0, 1, 0]), SQUARE],
    ids=["identity", "zero", "pair", "rank 1", "rank 2", "simple"],
)
def test_a_product_of_svd_factors_is_right_or_refused(a, rng):
    """``U diag(s) V'`` is the matrix itself."""

    def rebuilt(x):
        u, s, vh = np.linalg.svd(x)
        return np.sum(WEIGHTS * ((u * s) @ vh))

    simple = len(set(np.round(np.linalg.svdvals(a), 9))) == 3
    direction = rng.uniform(-1, 1, (3, 3))
    for compute, true in (
        (lambda: cr.grad(rebuilt)(a), WEIGHTS),
        (lambda: cr.jvp(rebuilt, (a,), (direction,))[1], np.sum(WEIGHTS * direction)),
    ):
        try:
            answer = compute()
        except DegenerateError:
            assert not simple
        else:
            assert np.abs(answer - true).max() <= tolerance(float, 100)
            assert simple


def test_rank_loss_is_refused_where_it_matters():
    singular = np.ones((3, 2))
    for f in (
        lambda x: np.sum(np.linalg.lstsq(x, VECTOR)[0]),
        lambda x: np.sum(np.linalg.lstsq(x, VECTOR)[1]),
        lambda x: np.sum(np.linalg.qr(x).R),
        lambda x: np.sum(np.linalg.svd(x, full_matrices=False).U ** 3),
    ):
        with pytest.raises(DegenerateError, match=r"numpy\.linalg\.(.*\n)*  Fix: "):
            cr.grad(f)(singular)
    assert np.isfinite(cr.grad(lambda x: np.sum(np.linalg.pinv(x)))(singular)).all()


def test_condition_of_a_singular_matrix():
    for p in (None, 1, "fro", np.inf):
        assert cr.vjp(lambda x, p=p: np.linalg.cond(x, p), np.diag([1.0, 0.0]))[0] == np.inf
    assert np.isnan(cr.vjp(lambda x: np.linalg.cond(x, 1), np.full((2, 2), np.nan))[0])


# --- results and refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "fields"),
    [
        (np.linalg.eigh, ("eigenvalues", "eigenvectors")),
        (np.linalg.eig, ("eigenvalues", "eigenvectors")),
        (np.linalg.svd, ("U", "S", "Vh")),
        (np.linalg.qr, ("Q", "R")),
        (np.linalg.slogdet, ("sign", "logabsdet")),
    ],
)
def test_results_have_numpys_names(function, fields):
    def f(x):
        result = function(x)
        assert type(result) is type(function(SQUARE))
        assert result._fields == fields
        return sum(np.sum(getattr(result, name)) for name in fields)

    assert cr.grad(f)(SQUARE).shape == (3, 3)


@pytest.mark.parametrize(
    "call",
    [np.linalg.inv, np.linalg.cholesky, lambda x: np.linalg.solve(x, x), lambda x: np.linalg.matrix_power(x, -2)],
)
def test_what_numpy_cannot_compute_raises_its_error(call):
    singular = -np.ones((2, 2))
    with pytest.raises(np.linalg.LinAlgError):
        call(singular)
    with pytest.raises(np.linalg.LinAlgError):
        cr.grad(lambda x: np.sum(call(x)))(singular)


def test_an_svd_of_nan_raises_numpys_error():
    with pytest.raises(np.linalg.LinAlgError, match="SVD did not converge"):
        cr.grad(lambda x: np.sum(np.linalg.svdvals(x)))(np.full((2, 2), np.nan))


REFUSALS = [
    (lambda x: np.linalg.vecdot(x, x[:, :2]), ShapeError, r"the vectors have lengths 3 and 2"),
    (lambda x: np.linalg.det(x[:2]), ShapeError, r"numpy\.linalg\.det: a square matrix is needed"),
    (lambda x: np.linalg.norm(x, "nuc", axis=0), ArgumentError, r"ord='nuc' is no norm of vectors"),
    (lambda x: np.linalg.norm(x, 3), ArgumentError, r"ord=3 is no norm of matrices"),
    (lambda x: np.linalg.norm(x[None], 2), ArgumentError, r"ord=2 over 3 axes is not supported"),
    (lambda x: np.linalg.norm(x, axis=(0, 0)), ArgumentError, r"an axis occurs twice"),
    (lambda x: np.linalg.matrix_norm(x[0]), ShapeError, r"matrix_norm: a matrix is needed"),
    (lambda x: np.linalg.svd(x, hermitian=True), UnsupportedError, r"the keyword hermitian=True is not supported"),
    (lambda x: np.linalg.pinv(x, hermitian=True), UnsupportedError, r"the keyword hermitian=True is not supported"),
    (lambda x: np.linalg.pinv(x, 1e-3, rtol=1e-3), ArgumentError, r"rtol and rcond are both given"),
    (lambda x: np.linalg.pinv(x, np.array([1e-3])), ArgumentError, r"one tolerance for each matrix"),
    (lambda x: np.linalg.matrix_rank(x, 1e-3, rtol=1e-3), ArgumentError, r"tol and rtol are both given"),
    (lambda x: np.linalg.qr(x, "raw"), ArgumentError, r"mode='raw' is not supported"),
    (lambda x: np.linalg.lstsq(x[None], x[0]), ShapeError, r"one matrix and one right-hand side"),
    (lambda x: np.linalg.lstsq(x[:2], x), ShapeError, r"a has 2 rows, b has 3"),
    (lambda x: np.linalg.matrix_power(x, 0.5), ArgumentError, r"the power 0\.5 is no integer"),
    (lambda x: np.linalg.matrix_power(x[:2], 2), ShapeError, r"a square matrix is needed"),
    (lambda x: np.linalg.multi_dot([x]), ArgumentError, r"a chain needs two arrays"),
    (lambda x: np.linalg.multi_dot([x, x[0], x]), ShapeError, r"array 1 has 1 axes"),
    (lambda x: np.linalg.multi_dot([x, x[:2]]), ShapeError, r"array 0 has 3 columns, array 1 has 2 rows"),
    (lambda x: np.cross(x[:, :2], x), ShapeError, r"the vectors have lengths 2 and 3, not 3"),
    (lambda x: np.linalg.outer(x, x), ShapeError, r"two vectors are needed"),
    (lambda x: np.linalg.tensorinv(x, 0), ArgumentError, r"ind=0 is no positive integer"),
    (lambda x: np.linalg.tensorinv(x[:2], 1), ShapeError, r"the first 1 axes have 2 entries, the others 3"),
    (lambda x: np.linalg.tensorsolve(x, x), ShapeError, r"the axes of a do not split"),
    (lambda x: np.linalg.cond(x[:0]), ShapeError, r"an empty matrix has no condition number"),
    (lambda x: np.linalg.eigh(x, "Q"), ArgumentError, r"UPLO='Q' names no triangle"),
    (lambda x: np.linalg.eigvals(x - x.T), UnsupportedError, r"numpy\.linalg\.eigvals: an eigenvalue is complex"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSALS, ids=[message for _, _, message in REFUSALS])
def test_refusals(call, error, message):
    with pytest.raises(error, match=message) as caught:
        cr.vjp(call, SQUARE)
    assert "\n  Fix: " in str(caught.value)
