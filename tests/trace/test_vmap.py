"""`vmap`: the same numbers as a loop over the stack, for functions of every kind."""

from typing import NamedTuple

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import (
    ArgumentError,
    DtypeError,
    ShapeError,
    TracerError,
    TracerLeakError,
    UnsupportedError,
)
from chainrule.scipy import special
from chainrule.trace import tracer
from chainrule.trace.tracer import COPIED_BYTES, current_trace
from tests.oracles import numeric_gradient, tolerance

N = 3


class Pair(NamedTuple):
    left: object
    right: object


def in_place(x):
    y = x * 1.0
    y[0] = x[1] * 2
    y[1:] += x[0]
    return y


def into_constants(x):
    y = np.zeros(N, like=x)
    y[::2] = x[0]
    return y


def loop(x):
    total = 0.0
    for k in range(N):
        total = total + x[k] ** (k + 1)
    return total


def symmetric(a):
    return a + a.T + 10 * np.diag(np.arange(1.0, N + 1))


MATRIX = np.arange(9.0).reshape(3, 3) / 5 + 2 * np.eye(3)

# Functions of one vector of size 3.
OF_VECTORS = {
    "arithmetic": lambda x: (x + 1) * x / 3 - x**2,
    "broadcasting": lambda x: x[:, None] * x + x,
    "exponentials": lambda x: np.exp(-x) + np.log(x) + np.logaddexp(x, 1.0),
    "trigonometry": lambda x: np.sin(x) * np.arctan2(x, 2.0),
    "rounding": lambda x: np.floor(3 * x) + np.sign(x - 1),
    "comparison": lambda x: (x > 1) & (x < 1.5),
    "where": lambda x: np.where(x > 1, x, -x),
    "clip": lambda x: np.clip(x, 0.8, 1.2),
    "maximum": lambda x: np.maximum(x, x[::-1]),
    "special": lambda x: scipy.special.gammaln(x) + scipy.special.erf(x),
    "sum": np.sum,
    "mean": lambda x: np.mean(x) * x,
    "extremes": lambda x: (np.max(x), np.min(x)),
    "cumulative": np.cumsum,
    "norm": np.linalg.norm,
    "norms": lambda x: (np.linalg.norm(x, 1), np.linalg.norm(x, np.inf)),
    "sort": np.sort,
    "argsort": np.argsort,
    "concatenate": lambda x: np.concatenate([x, x * 2, np.ones(2)]),
    "stack": lambda x: np.stack([x, np.arange(3.0)], axis=1),
    "reshape": lambda x: x.reshape(3, 1).T.ravel(),
    "expand": lambda x: np.broadcast_to(np.expand_dims(x, 0), (2, 3)),
    "outer": lambda x: np.outer(x, x),
    "dot": lambda x: x @ x,
    "dot with a constant": lambda x: MATRIX @ x + np.dot(x, MATRIX),
    "einsum": lambda x: np.einsum("i,ij,j", x, MATRIX, x),
    "tensordot": lambda x: np.tensordot(MATRIX, x, axes=1),
    "kron": lambda x: np.kron(x, x),
    "cross": lambda x: np.cross(x, np.array([1.0, 2.0, 3.0])),
    "integer index": lambda x: x[0] * x[-1],
    "slices": lambda x: x[::-1][1:] - x[:-1],
    "index array": lambda x: x[[2, 0, 0]],
    "index by its own order": lambda x: x[np.argsort(-x)],
    "assignment": in_place,
    "assignment to constants": into_constants,
    "loop": loop,
    "solve a constant matrix": lambda x: np.linalg.solve(MATRIX, x),
    "constant": lambda x: 2.5,
    "constant array": lambda x: np.arange(4),
    "identity": lambda x: x,
    "containers": lambda x: {"a": x, "b": [x[0], (x[1:],)]},
}

# Functions of one matrix of 3 rows and 3 columns: sizes that a stack of 3 can be confused with.
OF_MATRICES = {
    "sums": lambda a: (a.sum(axis=0), a.sum(axis=1), a.sum(axis=-1, keepdims=True), a.sum()),
    "transpose": lambda a: a.T * a,
    "axes": lambda a: np.moveaxis(a[None], 0, -1) + np.swapaxes(a, 0, 1)[:, :, None],
    "matmul": lambda a: a @ a @ MATRIX,
    "matrix times vector": lambda a: a @ a[0] + a[:, 1],
    "rows": lambda a: a[1] * a[:, 2],
    "index arrays": lambda a: a[[0, 2], [1, 1]] + a[np.array([0, 1]), 0],
    "new axes": lambda a: a[:, None, 1:] * a[0, 0],
    "trace": lambda a: np.trace(a) * np.diagonal(a),
    "solve": lambda a: np.linalg.solve(symmetric(a), a[0]),
    "solve for a matrix": lambda a: np.linalg.solve(symmetric(a), a),
    "inverse": lambda a: np.linalg.inv(symmetric(a)),
    "determinant": lambda a: np.linalg.det(a),
    "slogdet": lambda a: tuple(np.linalg.slogdet(symmetric(a))),
    "cholesky": lambda a: np.linalg.cholesky(a @ a.T + 5 * np.eye(3)),
    "eigenvalues": lambda a: np.linalg.eigvalsh(symmetric(a)),
    "projection on eigenvectors": lambda a: (lambda w, v: (v * np.exp(-w)) @ v.T)(*np.linalg.eigh(symmetric(a))),
    "singular values": lambda a: np.linalg.svd(a, compute_uv=False),
    "norm": lambda a: np.linalg.norm(a) + np.linalg.norm(a, axis=0),
    "matrix power": lambda a: np.linalg.matrix_power(a, 3),
    "sort along an axis": lambda a: np.sort(a, axis=0),
    "softmax": lambda a: special.softmax(a, axis=1),
}


def in_loop(f, stack):
    """The results of `f` for each of a stack, leaf by leaf, stacked."""
    results = [leaves_of(f(one)) for one in stack]
    return [np.stack([np.asarray(result[k]) for result in results]) for k in range(len(results[0]))]


def leaves_of(tree):
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in leaves_of(tree[key])]
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in leaves_of(part)]
    return [tree]


def assert_close(found, wanted, condition=100.0):
    assert len(found) == len(wanted)
    for left, right in zip(found, wanted, strict=True):
        assert left.shape == right.shape
        assert left.dtype == right.dtype
        if right.size:
            bound = tolerance(right.dtype, condition) if right.dtype.kind == "f" else 0.0
            scale = np.max(np.abs(right.astype(float)))
            np.testing.assert_allclose(left.astype(float), right.astype(float), rtol=0, atol=bound * max(1.0, scale))


def vectors(rng, count):
    return rng.uniform(0.5, 1.8, (count, N))


def matrices(rng, count):
    return rng.uniform(-1.0, 1.0, (count, N, N)) + 2 * np.eye(N)


sizes = pytest.mark.parametrize("count", [1, 2, N, 4])


@sizes
@pytest.mark.parametrize("f", OF_VECTORS.values(), ids=OF_VECTORS)
def test_functions_of_vectors(f, count, rng):
    stack = vectors(rng, count)
    assert_close(leaves_of(cr.vmap(f)(stack)), in_loop(f, stack))


@sizes
@pytest.mark.parametrize("f", OF_MATRICES.values(), ids=OF_MATRICES)
def test_functions_of_matrices(f, count, rng):
    stack = matrices(rng, count)
    assert_close(leaves_of(cr.vmap(f)(stack)), in_loop(f, stack))


DIFFERENTIABLE = {
    name: f
    for name, f in {**OF_VECTORS, **OF_MATRICES}.items()
    if name not in {"comparison", "argsort", "constant", "constant array", "rounding"}
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_of_all(name, rng):
    f = DIFFERENTIABLE[name]
    stack = vectors(rng, N) if name in OF_VECTORS and f is OF_VECTORS[name] else matrices(rng, N)

    def loss(x):
        leaves = [leaf for leaf in leaves_of(f(x)) if leaf.dtype.kind == "f"]
        return sum(np.sum(np.sin(leaf)) for leaf in leaves)

    gradient = cr.grad(loss)
    # The stack of gradients, both ways: vmap of grad, and grad of the sum over a vmap.
    wanted = in_loop(gradient, stack)
    assert_close([cr.vmap(gradient)(stack)], wanted, condition=1e4)
    assert_close([cr.grad(lambda stack: np.sum(cr.vmap(loss)(stack)))(stack)], wanted, condition=1e4)


def quartic(x):
    return np.sum(x**4) + np.sin(x[0] * x[1]) * x[2]


TRANSFORMS = {
    "grad": cr.grad(quartic),
    "value_and_grad": cr.value_and_grad(quartic),
    "hessian": cr.hessian(quartic),
    "jacobian": cr.jacobian(lambda x: MATRIX @ np.sin(x) * x),
    "forward jacobian": cr.jacobian(lambda x: np.outer(x, x[:2]), mode="forward"),
    "reverse jacobian": cr.jacobian(lambda x: np.outer(x, x[:2]), mode="reverse"),
    "jvp": lambda x: cr.jvp(np.sin, (x,), (x * 2,)),
    "jvp along a constant": lambda x: cr.jvp(quartic, (x,), (np.arange(3.0),)),
    "vjp": lambda x: cr.vjp(lambda y: np.outer(y, y), x)[1](np.ones((3, 3)))[0],
    "linearize": lambda x: cr.linearize(lambda y: y @ MATRIX @ y, x)[1](np.ones(3)),
    "hvp": lambda x: cr.hvp(quartic, (x,), (x,)),
    "elementwise": cr.elementwise_grad(lambda x: x**3),
    "jit": cr.jit(quartic),
    "jit of grad": cr.jit(cr.grad(quartic)),
    "checkpoint": cr.grad(cr.checkpoint(quartic)),
    "grad of grad": cr.grad(lambda x: np.sum(cr.grad(quartic)(x) ** 2)),
    "vmap": lambda x: cr.vmap(lambda y: y * np.sum(x))(x),
    "vmap of grad": lambda x: cr.vmap(cr.grad(lambda y: y**3 * x[0]))(x),
    "stop_gradient": cr.grad(lambda x: np.sum(x * cr.stop_gradient(x))),
}


@sizes
@pytest.mark.parametrize("f", TRANSFORMS.values(), ids=TRANSFORMS)
def test_transforms_inside(f, count, rng):
    stack = vectors(rng, count)
    assert_close(leaves_of(cr.vmap(f)(stack)), in_loop(f, stack), condition=1e3)


# --- axes ---


@given(st.data())
def test_any_axes_in_and_out(data):
    ndim = data.draw(st.integers(1, 4))
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=ndim, max_size=ndim)))
    axis = data.draw(st.integers(-ndim, ndim - 1))
    place = data.draw(st.integers(-ndim, ndim - 1))
    x = np.random.default_rng(0).standard_normal(shape)
    singles = [np.sin(one) * 2 for one in np.moveaxis(x, axis, 0)]
    found = cr.vmap(lambda one: np.sin(one) * 2, in_axes=axis, out_axes=place)(x)
    np.testing.assert_array_equal(found, np.stack(singles, axis=place))


def test_each_argument_has_its_axis(rng):
    a, b, c = rng.standard_normal((4, 3)), rng.standard_normal((3, 4)), rng.standard_normal(3)
    found = cr.vmap(lambda x, y, z: x * y + z, in_axes=(0, 1, None))(a, b, c)
    np.testing.assert_array_equal(found, a * b.T + c)
    found = cr.vmap(lambda x, y, z: x * y + z, in_axes=[0, -1, None], out_axes=1)(a, b, c)
    np.testing.assert_array_equal(found, (a * b.T + c).T)


def test_axes_of_parts_of_an_argument(rng):
    a, b = rng.standard_normal((4, 3)), rng.standard_normal((3, 4))

    def f(d):
        return d["a"] * d["b"][0] + d["b"][1]

    wanted = np.stack([f({"a": a[k], "b": (b[:, k], a[k, 0])}) for k in range(4)])
    found = cr.vmap(f, in_axes=({"a": 0, "b": (1, 0)},))({"a": a, "b": (b, a[:, 0])})
    np.testing.assert_array_equal(found, wanted)
    shared = cr.vmap(f, in_axes=({"a": 0, "b": None},))({"a": a, "b": (b[:, 0], 2.0)})
    np.testing.assert_array_equal(shared, a * b[:, 0] + 2.0)
    prefix = cr.vmap(lambda p: p.left[0] * p.left[1] + p.right, in_axes=(Pair(0, None),))(Pair((a, a), b[:, 0]))
    np.testing.assert_array_equal(prefix, a * a + b[:, 0])


def test_axes_of_parts_of_the_result(rng):
    x = rng.standard_normal((4, 3))
    found = cr.vmap(lambda v: {"a": v, "b": (v * 2, np.outer(v, v))}, out_axes={"a": 1, "b": (0, -1)})(x)
    np.testing.assert_array_equal(found["a"], x.T)
    np.testing.assert_array_equal(found["b"][0], x * 2)
    np.testing.assert_array_equal(found["b"][1], np.einsum("ki,kj->ijk", x, x))
    pair = cr.vmap(lambda v: (v, (v * 2, v * 3)), out_axes=(0, 1))(x)
    np.testing.assert_array_equal(pair[1][1], (x * 3).T)


def test_keywords_are_the_same_for_all(rng):
    x, w = rng.standard_normal((4, 3)), rng.standard_normal(3)
    found = cr.vmap(lambda v, *, w, name: v * w if name == "up" else v)(x, w=w, name="up")
    np.testing.assert_array_equal(found, x * w)


def test_what_is_no_array_passes_through(rng):
    x = rng.standard_normal((4, 3))
    found = cr.vmap(lambda v, name, k: v * k if name == "up" else v, in_axes=(0, None, None))(x, "up", 2)
    np.testing.assert_array_equal(found, x * 2)
    found = cr.vmap(lambda v, nothing: v * 2 if nothing is None else v)(x, None)
    np.testing.assert_array_equal(found, x * 2)


def test_each_has_its_own_index(rng):
    x, n = rng.standard_normal((4, 3)), np.array([2, 0, 1, -1])
    np.testing.assert_array_equal(cr.vmap(lambda v, k: v[k])(x, n), x[np.arange(4), n])
    np.testing.assert_array_equal(cr.vmap(lambda v, k: v[[0, 2]] * k)(x, n)[:, 1], x[:, 2] * n)

    def replaced(v, k):
        v = v * 1.0
        v[k] = 9.0
        return v

    wanted = x.copy()
    wanted[np.arange(4), n] = 9.0
    np.testing.assert_array_equal(cr.vmap(replaced)(x, n), wanted)
    chosen = cr.grad(lambda x: np.sum(cr.vmap(lambda v, k: v[k] ** 2)(x, n)))(x)
    np.testing.assert_array_equal(chosen, np.where(np.arange(3) == (n % 3)[:, None], 2 * x, 0.0))


def test_a_buffer_overwritten_between_uses():
    buffer = np.ones(3)

    def f(x):
        first = x * buffer
        buffer[...] = 5.0
        return first + x * buffer

    np.testing.assert_array_equal(cr.vmap(f)(np.ones((2, 3))), np.full((2, 3), 6.0))


@pytest.mark.parametrize(
    "f",
    [np.linalg.inv, np.linalg.eigvalsh, np.linalg.det, cr.grad(np.linalg.det), lambda a: np.sort(a, axis=0), np.max],
    ids=["inv", "eigvalsh", "det", "grad of det", "sort", "max"],
)
def test_stacks_of_no_matrices(f):
    assert cr.vmap(f)(np.zeros((0, 3, 3))).shape == (0, *np.shape(f(MATRIX)))


def test_stacks_of_nothing():
    assert cr.vmap(np.sum)(np.zeros((0, 3))).shape == (0,)
    assert cr.vmap(np.sin, out_axes=1)(np.zeros((0, 3))).shape == (3, 0)
    assert cr.vmap(cr.grad(lambda x: np.sum(x**2)))(np.zeros((0, 3))).shape == (0, 3)
    assert cr.vmap(lambda a, b: a @ b)(np.zeros((0, 2, 3)), np.zeros((0, 3))).shape == (0, 2)
    assert cr.vmap(np.sum)(np.zeros((2, 0))).tolist() == [0.0, 0.0]


# --- dtypes ---


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int8])
@pytest.mark.parametrize("f", [lambda x: x * 2, lambda x: x * 2.5, lambda x: x / 2, np.sum, lambda x: x > 1])
def test_dtypes_are_those_of_the_loop(f, dtype):
    stack = np.arange(6).reshape(2, 3).astype(dtype)
    (wanted,) = in_loop(f, stack)
    assert cr.vmap(f)(stack).dtype == wanted.dtype
    np.testing.assert_array_equal(cr.vmap(f)(stack), wanted)


def test_python_numbers_held_constant_are_weak():
    stack = np.ones((2, 3), np.float32)
    assert cr.vmap(lambda x, s: x * s, in_axes=(0, None))(stack, 2.5).dtype == np.float32
    assert cr.vmap(lambda x, s: x * s, in_axes=(0, None))(stack, np.float64(2.5)).dtype == np.float64
    assert cr.vmap(cr.grad(lambda x: np.sum(x * 2.5)))(stack).dtype == np.float32


# --- closures ---


def test_nested_over_two_axes(rng):
    a, b = rng.standard_normal((4, 3)), rng.standard_normal((5, 3))
    products = cr.vmap(lambda x: cr.vmap(lambda y: x @ y)(b))(a)
    assert_close([products], [a @ b.T])
    cube = rng.standard_normal((3, 3, 3))
    found = cr.vmap(cr.vmap(np.linalg.norm, in_axes=1), in_axes=2)(cube)
    assert_close([found], [np.linalg.norm(cube, axis=0).T])
    deep = cr.vmap(lambda x: cr.vmap(lambda y: cr.vmap(lambda z: x * y + z)(b[0]))(b[1]))(a[0])
    assert_close([deep], [a[0][:, None, None] * b[1][:, None] + b[0]])


def test_a_closure_over_an_outer_variable(rng):
    x, w = rng.standard_normal((4, 3)), rng.standard_normal(3)

    def loss(w):
        return np.sum(np.tanh(cr.vmap(lambda row: row @ w)(x)))

    def plain(w):
        return np.sum(np.tanh(x @ w))

    np.testing.assert_allclose(cr.grad(loss)(w), numeric_gradient(plain, w), rtol=tolerance(float, condition=1e4))
    np.testing.assert_allclose(
        cr.hessian(loss)(w), cr.hessian(plain)(w), rtol=0, atol=tolerance(float, condition=100, terms=4)
    )


def test_gradients_for_each_sample(rng):
    x, y, w = rng.standard_normal((4, 3)), rng.standard_normal(4), rng.standard_normal(3)

    def loss(w, x, y):
        return (x @ w - y) ** 2

    found = cr.vmap(cr.grad(loss), in_axes=(None, 0, 0))(w, x, y)
    assert_close([found], [2 * (x @ w - y)[:, None] * x])
    norms = cr.grad(lambda w: np.sum(cr.vmap(cr.grad(loss), in_axes=(None, 0, 0))(w, x, y) ** 2))(w)
    plain = numeric_gradient(lambda w: np.sum((2 * (x @ w - y)[:, None] * x) ** 2), w)
    np.testing.assert_allclose(norms, plain, rtol=tolerance(float, condition=1e4))


def test_the_variable_is_stacked_and_shared_at_once(rng):
    x = rng.standard_normal(3)

    def f(x):
        return np.sum(cr.vmap(lambda one: np.sum(np.sin(one * x)))(x))

    def plain(x):
        return np.sum(np.sin(np.outer(x, x)))

    np.testing.assert_allclose(cr.grad(f)(x), numeric_gradient(plain, x), rtol=tolerance(float, condition=1e4))


@pytest.mark.parametrize("size", [4, COPIED_BYTES // 8 + 1], ids=["small", "large"])
def test_captured_arrays_are_not_left_locked(size):
    held, stack = np.ones(size), np.ones((2, size))
    result = cr.vmap(lambda row: row * held)(stack)
    assert held.flags.writeable
    assert stack.flags.writeable
    assert result.flags.writeable
    assert not np.shares_memory(result, stack)
    assert not tracer._LOCKS._counts
    held[...] = 3.0
    np.testing.assert_array_equal(cr.vmap(lambda row: row * held)(stack), 3 * stack)


def test_results_are_fresh():
    stack = np.ones((3, 3))
    for result in (cr.vmap(lambda x: x)(stack), cr.vmap(lambda x: stack)(stack), *cr.vmap(lambda x: (x, x))(stack)):
        assert result.flags.writeable
        assert not np.shares_memory(result, stack)
        result[0] = 7.0
    assert np.all(stack == 1.0)


# --- what cannot be done ---


def branching(x):
    return x if np.sum(x) > 0 else -x


@pytest.mark.parametrize(
    ("f", "fix"),
    [
        (branching, r"numpy\.where\(condition, a, b\)"),
        (lambda x: x[x > 0], r"numpy\.where\(mask, x, 0\)"),
        (lambda x: float(np.sum(x)), "leave x as it is"),
        (lambda x: x * x[0].item(), "leave x as it is"),
        (lambda x: x * int(np.sum(x)), "leave x as it is"),
        (lambda x: np.asarray(x) * 2, "use x itself"),
        (lambda x: range(3)[x.astype(int)[0]], "index with integers"),
    ],
    ids=["if", "mask", "float", "item", "int", "asarray", "index"],
)
def test_values_are_not_known(f, fix):
    rows, cube = np.ones((2, 3)), np.ones((4, 2, 3))
    for transform, x in ((cr.vmap(f), rows), (cr.jit(cr.vmap(f)), rows), (cr.vmap(cr.vmap(f)), cube)):
        with pytest.raises(TracerError, match=rf"the value is not known: it is one of a stack[\s\S]*Fix: [\s\S]*{fix}"):
            transform(x)
        assert current_trace() is None


def test_a_branch_on_what_is_the_same_for_all():
    f = cr.vmap(lambda x, s: x * 2 if s > 0 else x, in_axes=(0, None))
    np.testing.assert_array_equal(f(np.ones(3), np.array(1.0)), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(f(np.ones(3), -1.0), [1.0, 1.0, 1.0])


X = np.ones((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cr.vmap(np.sin)(1.5), ShapeError, "axis 0 does not exist in an argument with 0 axes"),
        (lambda: cr.vmap(np.sin, in_axes=2)(X), ShapeError, "axis 2 does not exist in an argument with 2 axes"),
        (lambda: cr.vmap(np.sin, in_axes=-3)(X), ShapeError, "axis -3 does not exist"),
        (lambda: cr.vmap(np.add)(X, X.T), ShapeError, r"sizes 2 and 3[\s\S]*float64\[2,3\][\s\S]*float64\[3,2\]"),
        (lambda: cr.vmap(np.add, in_axes=(0,))(X, X), ArgumentError, "1 entries for 2 positional arguments"),
        (lambda: cr.vmap(np.sin, in_axes=None)(X), ArgumentError, "no argument has an axis"),
        (lambda: cr.vmap(lambda: 1.0)(), ArgumentError, "no argument has an axis"),
        (lambda: cr.vmap(np.sin, in_axes=1.5)(X), ArgumentError, r"in_axes holds 1\.5"),
        (lambda: cr.vmap(np.sin, in_axes=True)(X), ArgumentError, "in_axes holds True"),
        (lambda: cr.vmap(np.sin, in_axes=("a",))(X), ArgumentError, "in_axes holds 'a'"),
        (lambda: cr.vmap(np.sin, in_axes=({"a": 0},))(X), ArgumentError, "in_axes does not fit the containers"),
        (lambda: cr.vmap(np.sin, out_axes=None)(X), ArgumentError, "out_axes cannot be None"),
        (lambda: cr.vmap(np.sin, out_axes=2)(X), ArgumentError, r"out_axes=2 for a result with 2 axes"),
        (lambda: cr.vmap(np.sin, out_axes=-3)(X), ArgumentError, r"out_axes=-3 for a result"),
        (lambda: cr.vmap(np.sum, out_axes=1)(X), ArgumentError, r"out_axes=1 for a result with 1 axes"),
        (lambda: cr.vmap(np.sin, out_axes=(0, 0))(X), ArgumentError, "out_axes does not fit"),
        (lambda: cr.vmap(lambda x: "name")(X), DtypeError, "the function returned str"),
        (lambda: cr.vmap(lambda x: None)(X), DtypeError, "the function returned NoneType"),
        (lambda: cr.vmap(np.sin)(X * 1j), DtypeError, "complex numbers are not supported"),
        (lambda: cr.vmap(lambda s: s)("name"), DtypeError, "has no arithmetic"),
        (lambda: cr.vmap(np.sin)(np.ma.array(X)), UnsupportedError, "MaskedArray calculates by rules of its own"),
        (lambda: cr.vmap(np.add, in_axes=(0, None))(X, np.ma.array(X[0])), UnsupportedError, "MaskedArray"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=rf"chainrule\.vmap: [\s\S]*{message}") as caught:
        call()
    assert "Fix: " in str(caught.value)
    assert current_trace() is None


def test_a_handle_that_leaks_is_refused():
    leaked = []
    cr.vmap(lambda x: leaked.append(x) or x)(X)
    with pytest.raises(TracerLeakError):
        cr.vmap(lambda x: x + leaked[0])(X)
    with pytest.raises(TracerLeakError):
        cr.vmap(np.sin)(leaked[0])


def test_an_exception_passes_through():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        cr.vmap(f)(X)
    assert current_trace() is None
    np.testing.assert_array_equal(cr.vmap(np.sin)(X), np.sin(X))


def test_the_name_tells_what_it_is():
    assert cr.vmap(quartic).__name__ == "vmap(quartic)"
