"""Assignment as people write it: algorithms that fill and change arrays, what is cast, refused, and what it costs."""

import itertools
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.node import topological
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    DtypeError,
    OutOfBoundsError,
    ShapeError,
    TracerError,
    TracerLeakError,
    UnsupportedError,
)
from tests.oracles import numeric_hessian, richardson, tolerance

X = np.array([1.5, -0.5, 2.0])
M = np.array([[1.5, -0.5, 2.0], [0.25, 3.0, -1.0]])
POSITIVE = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -0.7], [0.5, -0.7, 2.5]])


def assert_close(actual, desired, condition=100.0, error=0.0):
    desired = np.asarray(desired)
    scale = max(1.0, np.abs(desired).max(initial=0.0))
    allowed = tolerance(float, condition, error=float(np.max(error, initial=0.0)) / scale)
    np.testing.assert_allclose(actual, desired, rtol=0, atol=allowed * scale)


# --- algorithms ---


def symmetric(a):
    return (a + a.T) / 2


def cholesky(a):
    a = symmetric(a)
    n = len(a)
    lower = np.zeros_like(a)
    for j in range(n):
        lower[j, j] = np.sqrt(a[j, j] - np.sum(lower[j, :j] ** 2))
        for i in range(j + 1, n):
            lower[i, j] = (a[i, j] - lower[i, :j] @ lower[j, :j]) / lower[j, j]
    return lower


def cholesky_in_place(a):
    a = symmetric(a)
    for k in range(len(a)):
        a[k, k] **= 0.5
        a[k + 1 :, k] /= a[k, k]
        for j in range(k + 1, len(a)):
            a[j:, j] -= a[j:, k] * a[j, k]
        a[k, k + 1 :] = 0.0
    return a


def solve_by_elimination(a):
    """Gauss elimination with row swaps: the solution for the right side (1, 2, 3)."""
    a = np.concatenate([a, np.array([[1.0], [2.0], [3.0]])], axis=1)
    n = len(a)
    for k in range(n):
        pivot = max(range(k, n), key=lambda row: abs(float(cr.stop_gradient(a[row, k]))))
        if pivot != k:
            a[[k, pivot]] = a[[pivot, k]]
        for row in range(k + 1, n):
            a[row, k:] -= a[row, k] / a[k, k] * a[k, k:]
    x = np.zeros(n, like=a)
    for k in reversed(range(n)):
        x[k] = (a[k, n] - a[k, k + 1 : n] @ x[k + 1 :]) / a[k, k]
    return x


def lu(a):
    """Both factors in one matrix, as LAPACK keeps them."""
    a = a.copy()
    for k in range(len(a) - 1):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= a[k + 1 :, k, None] * a[k, k + 1 :]
    return a


def conjugate_gradients(a):
    """The iterates for the right side (1, 2, 3), each in a column."""
    a = symmetric(a)
    columns = np.zeros((3, 4), like=a)
    x, r = np.zeros(3, like=a), np.array([1.0, 2.0, 3.0])
    p = r
    for k in range(3):
        step = (r @ r) / (p @ a @ p)
        x = x + step * p
        new = r - step * (a @ p)
        p = new + (new @ new) / (r @ r) * p
        r = new
        columns[:, k + 1] = x
    return columns


def heat(u):
    """Explicit finite differences with fixed ends."""
    u = u.copy()
    for _ in range(4):
        u[1:-1] += 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return u


def running_sum(x):
    out = np.empty(x.shape, like=x)
    total = 0.0
    for k in range(len(x)):
        total += x[k]
        out[k] = total
    return out


def bubble_sort(x):
    x = x.copy()
    for end in range(len(x) - 1, 0, -1):
        for k in range(end):
            if x[k] > x[k + 1]:
                x[k], x[k + 1] = x[k + 1], x[k]
    return x


def prefix_products(x):
    x = x.copy()
    for k in range(1, len(x)):
        x[k] *= x[k - 1]
    return x


def horner(c):
    """A polynomial with all its derivatives at 0.5, by synthetic division in place."""
    c = c.copy()
    for k in range(len(c)):
        for j in range(1, len(c) - k):
            c[j] += 0.5 * c[j - 1]
    return c


def block_of_zeros(a):
    whole = np.zeros((4, 4), like=a)
    whole[:2, :2] = a[:2, :2]
    whole[2:, 2:] = whole[:2, :2].T * 2
    return whole


def gram_schmidt(a):
    q = a.copy()
    for j in range(q.shape[1]):
        for i in range(j):
            q[:, j] -= (q[:, i] @ q[:, j]) * q[:, i]
        q[:, j] /= np.sqrt(q[:, j] @ q[:, j])
    return q


def reversed_rows(a):
    out = np.zeros_like(a)
    for row, target in zip(a, out, strict=True):
        target[::-1] = row * row[0]
    return out


DECREASING = np.array([0.9, 2.5, -1.1, 0.3, 1.7])
ALGORITHMS = [
    (cholesky, np.linalg.cholesky, POSITIVE),
    (cholesky_in_place, np.linalg.cholesky, POSITIVE),
    (solve_by_elimination, lambda a: np.linalg.solve(a, np.array([1.0, 2.0, 3.0])), POSITIVE[[1, 0, 2]]),
    (lu, None, POSITIVE),
    (conjugate_gradients, None, POSITIVE),
    (heat, None, DECREASING),
    (running_sum, np.cumsum, DECREASING),
    (bubble_sort, np.sort, DECREASING),
    (prefix_products, None, DECREASING),
    (horner, None, DECREASING),
    (block_of_zeros, None, POSITIVE),
    (gram_schmidt, None, POSITIVE),
    (reversed_rows, None, M),
]


@pytest.mark.parametrize(("algorithm", "library", "x"), ALGORITHMS, ids=[row[0].__name__ for row in ALGORITHMS])
def test_algorithm_differentiates_as_what_it_computes(algorithm, library, x, rng):
    expected = algorithm(x)
    value, pullback = cr.vjp(algorithm, x)
    assert_close(value, expected)
    weights, direction = rng.standard_normal(expected.shape), rng.standard_normal(x.shape)
    (gradient,) = pullback(weights)
    along, error = richardson(lambda y: np.sum(algorithm(y) * weights), x, direction, step=2.0**-6)
    assert_close(np.sum(gradient * direction), along, 1e4, error)
    assert_close(np.sum(cr.jvp(algorithm, (x,), (direction,))[1] * weights), along, 1e4, error)
    if library is not None:
        # The library's cholesky reads a symmetric matrix; its gradient is that of the symmetric part.
        assert_close(expected, library(x))
        assert_close(gradient, cr.vjp(library, x)[1](weights)[0], 1e4)


@pytest.mark.parametrize(("algorithm", "library", "x"), ALGORITHMS, ids=[row[0].__name__ for row in ALGORITHMS])
def test_algorithm_to_second_order(algorithm, library, x, rng):
    def loss(y):
        return np.sum(np.sin(algorithm(y)))

    direction = rng.standard_normal(x.shape)
    expected, error = richardson(cr.grad(loss), x, direction, step=2.0**-8)
    for product in (
        cr.jvp(cr.grad(loss), (x,), (direction,))[1],
        cr.grad(lambda y: cr.jvp(loss, (y,), (direction,))[1])(x),
        cr.grad(lambda y: np.sum(cr.grad(loss)(y) * direction))(x),
    ):
        assert_close(product, expected, 1e5, error)


@pytest.mark.parametrize("zeros", [lambda a: np.zeros((4, 4), like=a), lambda a: np.zeros_like(a, shape=(4, 4))])
def test_block_of_zeros_has_ones_as_its_gradient(zeros):
    def f(a):
        whole = zeros(a)
        whole[:2, :2] = a
        return whole.sum()

    np.testing.assert_array_equal(cr.grad(f)(np.ones((2, 2))), np.ones((2, 2)))


def test_value_used_before_a_change_keeps_its_derivative():
    """Frameworks with version counters refuse this one."""

    def f(x):
        y = x * x
        z = np.sin(y)
        y[0] = 5.0
        return np.sum(y) + np.sum(z)

    np.testing.assert_allclose(
        cr.grad(f)(X), [0.0, 2 * X[1], 2 * X[2]] + np.cos(X * X) * 2 * X, rtol=tolerance(float, 10)
    )


# --- the caller's arrays ---


def overwrite(x):
    x[0] *= 3.0
    x += 1.0
    x[1:] = x[:-1]
    return np.sum(x)


@pytest.mark.parametrize(
    "call",
    [
        cr.grad(overwrite),
        cr.value_and_grad(overwrite),
        cr.hessian(overwrite),
        cr.jit(overwrite),
        cr.grad(cr.checkpoint(overwrite)),
        lambda x: cr.vjp(overwrite, x)[1](1.0),
        lambda x: cr.jvp(overwrite, (x,), (x,)),
        lambda x: cr.vmap(overwrite)(x[None]),
    ],
    ids=["grad", "value_and_grad", "hessian", "jit", "checkpoint", "vjp", "jvp", "vmap"],
)
@pytest.mark.parametrize("dtype", [float, np.float32])
def test_assigning_to_an_argument_leaves_the_callers_array_alone(call, dtype):
    x = X.astype(dtype)
    call(x)
    np.testing.assert_array_equal(x, X.astype(dtype))


@pytest.mark.parametrize("size", [3, 20_000])
def test_gradient_is_with_respect_to_the_argument_as_it_came(size):
    x = np.linspace(1.0, 2.0, size)
    # Of 3 x0 + 1, which fills the first two places, and x1 + 1 ... that move up by one.
    expected = np.r_[6.0, np.ones(size - 2), 0.0]
    np.testing.assert_array_equal(cr.grad(overwrite)(x), expected)


def test_assigning_to_the_argument_of_an_inner_function_leaves_the_outer_array_alone():
    def f(x):
        y = x * x
        inner = cr.grad(overwrite)(y)
        return np.sum(y * inner)

    np.testing.assert_array_equal(cr.grad(f)(X), 2 * X * [6.0, 1.0, 0.0])


def buffer_item(x):
    np.zeros(3)[0] = x[0]


def buffer_slice(x):
    np.zeros(3)[:] = x


def buffer_list(x):
    np.zeros(3)[:2] = [x[0], x[1]]


def buffer_add(x):
    buffer = np.zeros(3)
    buffer += x


def buffer_power(x):
    buffer = np.ones(3)
    buffer **= x


WRITES = [
    (buffer_item, TracerError, r"float\(x\)", r"numpy\.zeros_like\(x\) or numpy\.zeros\(shape, like=x\)"),
    (buffer_slice, TracerError, r"numpy\.asarray", r"numpy\.zeros_like\(x\) or numpy\.zeros\(shape, like=x\)"),
    (buffer_list, TracerError, r"numpy\.asarray", r"numpy\.zeros_like\(x\) or numpy\.zeros\(shape, like=x\)"),
    (buffer_add, UnsupportedError, r"numpy\.add: .*in-place operator", r"y = y \+ x .*numpy\.zeros_like\(x\)"),
    (buffer_power, UnsupportedError, r"numpy\.power: .*in-place operator", r"y = y \+ x .*numpy\.zeros_like\(x\)"),
    (lambda x: np.add(X, x, out=np.zeros(3)), UnsupportedError, r"numpy\.add: out=", r"leave out= out"),
    (
        lambda x: np.copyto(np.zeros(3), x),
        UnsupportedError,
        r"numpy\.copyto: .*values",
        r"numpy\.zeros\(shape, like=x\)",
    ),
    (lambda x: np.fill_diagonal(np.eye(2), x[0]), TracerError, r"float\(x\)|asarray", r"zeros_like\(x\)"),
]


@pytest.mark.parametrize(
    ("write", "kind", "problem", "fix"),
    WRITES,
    ids=["item", "slice", "list", "+=", "**=", "out=", "copyto", "fill_diagonal"],
)
def test_writing_into_a_numpy_array_is_refused_with_the_way_to_do_it(write, kind, problem, fix):
    with pytest.raises((ChainruleError, ValueError)) as caught:
        cr.grad(lambda x: (write(x), np.sum(x))[1])(X)
    error = caught.value
    if not isinstance(error, ChainruleError):
        error = error.__cause__  # NumPy puts a message of its own before ours
    assert isinstance(error, kind)
    said, _, advice = str(error).partition("Fix:")
    assert re.search(problem, said)
    assert re.search(fix, advice)


# --- what fits and what is cast ---

TARGETS = [(3,), (2, 3), (2, 1, 3), (1,), (0, 3)]
VALUES = [(), (1,), (3,), (2, 3), (1, 2, 3), (2, 1, 3), (3, 1), (2, 1), (1, 1), (0, 3), (4,)]
PLACES = [Ellipsis, 0, slice(None, None, -1), (Ellipsis, slice(1)), (None, Ellipsis), [0, 0], slice(0)]


@pytest.mark.parametrize(("shape", "part", "index"), [*itertools.product(TARGETS, VALUES, PLACES)])
def test_a_value_fits_where_it_does_in_numpy(shape, part, index):
    target, value = (
        np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape),
        -np.arange(1.0, 1.0 + np.prod(part)).reshape(part),
    )

    def f(x, y):
        x = x.copy()
        x[index] = y
        return x

    try:
        expected = f(target, value)
    except (ValueError, IndexError, DeprecationWarning):  # NumPy 2.4 only warns
        with pytest.raises((ShapeError, OutOfBoundsError)):
            cr.vjp(f, target, value)
        return
    actual, pullback = cr.vjp(f, target, value)
    np.testing.assert_array_equal(actual, expected)
    of_target, of_value = pullback(np.ones(shape))
    np.testing.assert_array_equal(of_target, expected == target)  # what was assigned is negative
    times = np.array([np.sum(expected == entry) for entry in value.flat]).reshape(part)
    np.testing.assert_array_equal(of_value, times)


DTYPES = [np.float64, np.float32, np.int64, np.bool_]


@pytest.mark.parametrize(("target", "value"), [*itertools.product(DTYPES, DTYPES)])
def test_dtype_of_an_assigned_handle(target, value):
    """The array keeps its dtype; real numbers in an array of integers would lose a derivative."""

    def f(y):
        x = np.ones(3, target, like=y)
        x[1:] = y
        return x, y

    given = np.array([0, 1]).astype(value)
    if np.dtype(value).kind == "f" and np.dtype(target).kind != "f":
        with pytest.raises(DtypeError, match=r"cannot hold real numbers[\s\S]*astype\(float\)"):
            cr.jit(f)(given)
        return
    actual, _ = cr.jit(f)(given)
    assert actual.dtype == target
    np.testing.assert_array_equal(actual, f(given)[0])


@pytest.mark.parametrize(("target", "value"), [*itertools.product([*DTYPES, float], [2.5, 3, True, np.float64(2.5)])])
def test_dtype_of_an_assigned_number(target, value):
    def f(y):
        x = np.zeros(2, target, like=y)
        x[0] = value
        x.fill(value)
        return x

    actual = cr.jit(f)(X)
    assert actual.dtype == target
    np.testing.assert_array_equal(actual, f(X))


def test_float32_stays_float32():
    def f(x, y):
        x = x.copy()
        x[0] = y[0]  # of more digits
        x[1:] += y[1:]
        x *= 0.1
        return x

    x, y = X.astype(np.float32), np.array([1 / 3, 2 / 3, 1e-3])
    actual, pullback = cr.vjp(f, x, y)
    assert actual.dtype == np.float32
    np.testing.assert_array_equal(actual, f(x, y))
    of_x, of_y = pullback(np.ones(3, np.float32))
    assert (of_x.dtype, of_y.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(of_x, np.array([0, 0.1, 0.1], np.float32))
    np.testing.assert_allclose(of_y, np.full(3, 0.1), rtol=tolerance(np.float32))


IN_PLACE = {
    "+=": lambda a, b: a.__iadd__(b),
    "-=": lambda a, b: a.__isub__(b),
    "*=": lambda a, b: a.__imul__(b),
    "/=": lambda a, b: a.__itruediv__(b),
    "**=": lambda a, b: a.__ipow__(b),
    "//=": lambda a, b: a.__ifloordiv__(b),
    "%=": lambda a, b: a.__imod__(b),
}


@pytest.mark.parametrize("operator", IN_PLACE)
@pytest.mark.parametrize(
    "operand",
    [lambda x, y: 2.0, lambda x, y: np.array([0.5, 2.0, 3.0]), lambda x, y: x[0] + 2.0, lambda x, y: y],
    ids=["number", "array", "handle", "itself"],
)
def test_in_place_operators_change_every_name_of_the_array(operator, operand, rng):
    def f(x):
        y = np.abs(x) + 0.1
        same, row = y, y[1:]
        IN_PLACE[operator](y, operand(x, y))
        return np.stack([y, same]), row * 1.0

    weights = rng.standard_normal((2, 3))
    expected = f(X)
    actual, pullback = cr.vjp(f, X)
    for ours, numpys in zip(actual, expected, strict=True):
        assert_close(ours, numpys)
    (gradient,) = pullback((weights, np.ones(2)))
    direction = rng.standard_normal(3)
    along, error = richardson(lambda x: np.sum(f(x)[0] * weights) + np.sum(f(x)[1]), X, direction, step=2.0**-6)
    assert_close(np.sum(gradient * direction), along, 1e4, error)


def test_matrix_product_in_place():
    def f(a):
        b = a.copy()
        same = b
        b @= a
        return same

    actual, pullback = cr.vjp(f, POSITIVE)
    assert_close(actual, POSITIVE @ POSITIVE)
    weights = np.arange(9.0).reshape(3, 3)
    assert_close(pullback(weights)[0], weights @ POSITIVE.T + POSITIVE.T @ weights)


@pytest.mark.parametrize("operator", ["&=", "|=", "^="])
def test_boolean_operators_in_place(operator):
    change = {"&=": lambda a, b: a.__iand__(b), "|=": lambda a, b: a.__ior__(b), "^=": lambda a, b: a.__ixor__(b)}[
        operator
    ]

    def f(x):
        mask = x > 0
        same = mask
        change(mask, x > 1.8)
        return np.where(same, x, 0.0)

    value, pullback = cr.vjp(f, X)
    np.testing.assert_array_equal(value, f(X))
    np.testing.assert_array_equal(pullback(np.ones(3))[0], f(X) != 0)


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        (lambda x: x.__iadd__(np.ones((2, 3))), ShapeError, r"shape \(2, 3\), the array \(3,\)"),
        (lambda x: x.__imul__(x[:, None]), ShapeError, r"shape \(3, 3\), the array \(3,\)"),
        (lambda x: np.ones(3, int, like=x).__iadd__(x), DtypeError, r"float64 cannot be stored .* int64"),
        (lambda x: np.ones(3, int, like=x).__itruediv__(2), DtypeError, r"float64 cannot be stored .* int64"),
        (lambda x: np.multiply(x, 2.0, out=np.ones(3, int, like=x)), DtypeError, r"numpy.multiply: .*cannot be stored"),
        (lambda x: np.multiply(x, 2.0, out=np.ones((2, 3), like=x)), ShapeError, r"numpy.multiply: .*shape \(3,\)"),
        (lambda x: np.copyto(np.ones(3, int, like=x), x), DtypeError, r"float64 to int64 is not 'same_kind'"),
        (lambda x: x.__setitem__(3, 1.0), OutOfBoundsError, "index 3 is out of bounds"),
        (lambda x: x.__setitem__((0, 0), 1.0), ArgumentError, "2 indices for an array with 1 axes"),
        (lambda x: x.__setitem__("a", 1.0), ArgumentError, "must be an integer, slice, array or mask, not str"),
        (lambda x: x.__setitem__(np.array([True, False]), 1.0), ArgumentError, "mask of shape"),
        (lambda x: x.__setitem__(0.5, 1.0), ArgumentError, "not float"),
        (lambda x: np.fill_diagonal(x, 1.0), ShapeError, "needs a matrix"),
        (lambda x: x.sort(), UnsupportedError, "in place"),
    ],
)
def test_what_does_not_fit_is_refused(change, kind, text):
    with pytest.raises(kind, match=text):
        cr.grad(lambda x: (change(x), np.sum(x))[1])(X)


def test_names_of_a_scalar_are_independent():
    def f(x):
        s = x[0] * x[1]
        old = s
        s += x[2]
        s *= 2.0
        vector = x.sum()
        vector += x  # a new array, as for NumPy's scalars
        return old + 10.0 * s + np.sum(vector)

    np.testing.assert_allclose(cr.value_and_grad(f)(X)[0], f(X), rtol=tolerance(float))
    np.testing.assert_allclose(cr.grad(f)(X), 21 * X[[1, 0, 2]] * [1, 1, 0] + [4, 4, 24], rtol=tolerance(float, 10))


def test_number_as_an_argument():
    def f(x):
        total = x
        for k in range(1, 4):
            total *= x
            total += k
        return total

    assert cr.grad(f)(2.0) == 4 * 2.0**3 + 2 * 2.0 + 2 + 2.0**2 - 2.0**2


# --- every kind of value and index ---


def test_of_equal_indices_the_last_wins_and_alone_has_a_derivative():
    def f(x, y):
        x = x.copy()
        x[[0, 2, 0, -1]] = y
        return x

    y = np.array([10.0, 20.0, 30.0, 40.0])
    value, pullback = cr.vjp(f, X, y)
    np.testing.assert_array_equal(value, [30.0, X[1], 40.0])
    of_x, of_y = pullback(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(of_x, [0.0, 2.0, 0.0])
    np.testing.assert_array_equal(of_y, [0.0, 0.0, 1.0, 3.0])


def test_adding_at_equal_indices_counts_once_as_in_numpy():
    def f(x):
        x = x.copy()
        x[[0, 0, 1]] += x * x
        return x

    value, pullback = cr.vjp(f, X)
    np.testing.assert_array_equal(value, f(X))
    # Of the two sums for place 0 the second is kept: x0 + x1**2.
    np.testing.assert_array_equal(pullback(np.ones(3))[0], [1.0, 1 + 2 * X[1], 1 + 2 * X[2]])


@pytest.mark.parametrize(
    "value",
    [lambda x: [x[1], x[0] * x[2]], lambda x: (x[2], 4.0), lambda x: x[:2] * x[1:], lambda x: [7, 8.5], lambda x: x[2]],
    ids=["list", "tuple", "array", "numbers", "scalar"],
)
@pytest.mark.parametrize("index", [slice(2), [1, 0], np.array([True, False, True])], ids=["slice", "list", "mask"])
def test_kind_of_value(value, index, rng):
    def f(x):
        y = np.sin(x)
        y[index] = value(x)
        return y

    jacobian = cr.jacobian(f)(X)
    direction = rng.standard_normal(3)
    assert_close(cr.vjp(f, X)[0], f(X))
    along, error = richardson(f, X, direction)
    assert_close(jacobian @ direction, along, 1e3, error)


@pytest.mark.parametrize("transform", [cr.jacobian, cr.jit, cr.vmap], ids=["jacobian", "jit", "vmap"])
def test_number_assigned_where_a_condition_holds(transform):
    """The values of the condition are not needed: no case is decided while tracing."""

    def f(x):
        y = x * x
        y[x > 0] = 3.0
        return y

    def under_vmap(x):
        y = x * x
        y[x > 0] = 3.0
        return y

    if transform is cr.jacobian:
        np.testing.assert_array_equal(cr.jacobian(f)(X), np.diag([0.0, 2 * X[1], 0.0]))
    elif transform is cr.jit:
        compiled = cr.jit(under_vmap)
        for x in (X, -X, X - 1.0):
            np.testing.assert_array_equal(compiled(x), under_vmap(x))
    else:
        stack = np.stack([X, -X])
        np.testing.assert_array_equal(cr.vmap(under_vmap)(stack), [under_vmap(x) for x in stack])


def test_rows_assigned_where_a_condition_holds():
    def f(a):
        b = a.copy()
        b[a[:, 0] > 1.0] = a[1] * 2.0
        b[b > 5.0] = a[0, 0]
        return b

    value, pullback = cr.vjp(f, M)
    np.testing.assert_array_equal(value, f(M))
    weights = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    # The first row becomes twice the second, whose middle entry, 6, becomes a[0, 0].
    np.testing.assert_array_equal(pullback(weights)[0], [[2.0, 0, 0], [2 + 8.0, 16.0, 8 + 32.0]])


def test_values_that_a_mask_selects_under_vmap_are_refused():
    def f(x):
        x[x > 0] = x[x > 0] * 2.0
        return x

    with pytest.raises(TracerError, match=r"numpy\.where"):
        cr.vmap(f)(M)


def test_out_may_be_a_handle():
    def f(x):
        out = np.zeros((2, 3), like=x)
        result = np.multiply(x, x, out=out[1])
        np.copyto(out[0], result, where=x > 0)
        total = np.zeros((), like=x)
        np.add(x[0], x[1], out=total)
        return out + total

    value, pullback = cr.vjp(f, X)
    np.testing.assert_array_equal(value, f(X))
    assert_close(pullback(np.ones((2, 3)))[0], 2 * X + 2 * X * (X > 0) + [6, 6, 0])


def test_fill_and_fill_diagonal():
    def f(a):
        b = np.empty((3, 3), like=a)
        b.fill(a[0, 0])
        np.fill_diagonal(b, a[1])
        np.fill_diagonal(b[:, 1:], 0.0)
        return b

    value, pullback = cr.vjp(f, M)
    np.testing.assert_array_equal(value, f(M))
    np.testing.assert_array_equal(pullback(np.ones((3, 3)))[0], [[4.0, 0, 0], [1.0, 1.0, 1.0]])


# --- inside transforms ---


def cascade(x):
    y = x * x
    y[1:] *= y[:-1]
    y[0] = np.sin(y[-1])
    y += x[::-1]
    return np.sum(y * y)


def test_hessian_with_assignment(rng):
    expected = numeric_hessian(cascade, X)
    for hessian in (cr.hessian(cascade), cr.jacobian(cr.grad(cascade)), cr.jacobian(cr.grad(cascade), mode="forward")):
        assert_close(hessian(X), expected, 1e6)
    direction = rng.standard_normal(3)
    assert_close(cr.hvp(cascade, (X,), (direction,)), cr.hessian(cascade)(X) @ direction, 1e3)


def test_third_derivative_with_assignment():
    def f(x):
        y = np.zeros(2, like=x)
        y[0] = x**3
        y[1] = y[0] * x
        y[0] *= y[1]  # x**7
        return y[0]

    third = cr.grad(cr.grad(cr.grad(f)))
    assert_close(third(1.1), 7 * 6 * 5 * 1.1**4, 1e3)


def test_gradient_inside_a_gradient_with_assignment_in_both():
    def f(x):
        inner = cr.grad(lambda y: cascade(y * x))(x)  # closes over the outer array
        inner[0] = x[0] ** 2
        inner[1:] += inner[:-1]
        return np.sum(np.sin(inner))

    direction = np.array([0.5, -1.0, 0.25])
    expected, error = richardson(f, X, direction, step=2.0**-8)
    assert_close(cr.grad(f)(X) @ direction, expected, 1e5, error)


@pytest.mark.parametrize("batched", [(0, None), (None, 0), (0, 0)])
def test_vmap_with_a_batch_of_arrays_values_or_both(batched):
    def f(x, y):
        z = x.copy()
        z[1:] = y
        z[[0, 0]] = y * z[0]
        return z

    xs, ys = np.arange(1.0, 7.0).reshape(2, 3), np.array([[0.5, 2.0], [-1.0, 3.0]])
    arguments = [stack if axis == 0 else stack[0] for stack, axis in zip((xs, ys), batched, strict=True)]
    expected = [f(*[a[k] if axis == 0 else a for a, axis in zip(arguments, batched, strict=True)]) for k in range(2)]
    np.testing.assert_array_equal(cr.vmap(f, in_axes=batched)(*arguments), expected)


def test_values_of_an_inner_transform_do_not_stay_in_an_outer_array():
    def f(x):
        kept = np.zeros(3, like=x)
        cr.grad(lambda y: (kept.__setitem__(0, y[0]), np.sum(y * x))[1])(x)
        return np.sum(kept)

    with pytest.raises(TracerLeakError, match=r"inside the one that the array belongs to[\s\S]*return it"):
        cr.grad(f)(X)


@pytest.mark.parametrize(
    "change",
    [lambda kept, y: kept.__iadd__(y), lambda kept, y: kept.__setitem__(y > 0, 1.0), lambda kept, y: kept.fill(y[0])],
    ids=["+=", "mask", "fill"],
)
def test_other_ways_to_leak_are_refused(change):
    def f(x):
        kept = x * 1.0
        cr.grad(lambda y: (change(kept, y), np.sum(y))[1])(x)
        return np.sum(kept)

    with pytest.raises(TracerLeakError, match="return it"):
        cr.grad(f)(X)


def test_arrays_of_a_call_that_is_over_cannot_be_assigned_to():
    kept = []
    cr.grad(lambda x: (kept.append(x), np.sum(x))[1])(X)
    with pytest.raises(TracerLeakError, match="is over"):
        kept[0][0] = 1.0


def test_symbols_cannot_be_assigned_to():
    x = cr.symbols("x[n]")
    with pytest.raises(UnsupportedError, match=r"a symbol has no entries to change[\s\S]*numpy\.where"):
        x[0] = 1.0


def test_a_number_assigned_to_an_outer_array_inside_an_inner_function_stays():
    def f(x):
        kept = x * x

        def inner(y):
            kept[0] = 0.0
            return np.sum(y * y)

        return np.sum(cr.grad(inner)(x) * kept)

    np.testing.assert_allclose(cr.grad(f)(X), 6 * X * X * [0, 1, 1], rtol=tolerance(float, 10))


# --- what was assigned over counts for nothing ---


def root(x):
    y = np.sqrt(x)
    y[0] = 1.0
    return np.sum(y * y * y)


def logarithm(x):
    y = np.log(x)
    y[[0, 2]] = 2.0
    return np.sum(y * x)


def quotient(x):
    y = 1.0 / x
    y[:1] = x[1:2]
    return np.sum(y * y)


def power(x):
    y = x**0.5
    y[np.array([True, False, False])] = 0.0
    return np.sum(np.exp(y))


def masked(x):
    y = np.log(x)
    y[x <= 0] = 0.0
    return np.sum(y * y)


def through_a_view(x):
    y = np.sqrt(np.stack([x, x + 1.0]))
    y.T[0] = 3.0
    return np.sum(y * y * y)


SINGULAR = {
    root: (lambda x: x[1] ** 1.5 + x[2] ** 1.5, [0.0, 1.5, 2.0]),
    logarithm: (lambda x: 2.0 * x[0] + np.log(x[1]) * x[1] + 2.0 * x[2], [0.0, 1.5, -1.0]),
    quotient: (lambda x: x[1] ** 2 + x[1] ** -2.0 + x[2] ** -2.0, [0.0, 1.5, 2.0]),
    power: (lambda x: 0.0 * x[0] + np.exp(x[1] ** 0.5) + np.exp(x[2] ** 0.5), [0.0, 1.5, 2.0]),
    masked: (lambda x: np.log(x[1]) ** 2 + np.log(x[2]) ** 2, [-1.0, 1.5, 2.0]),
    through_a_view: (
        lambda x: np.sum(np.array([1.0, 0, 0]) * 0) + sum((x[k] + s) ** 1.5 for k in (1, 2) for s in (0, 1)),
        [0.0, 1.5, 2.0],
    ),
}


def forward(f):
    return cr.jacobian(f, mode="forward")


def reverse(f):
    return cr.jacobian(f, mode="reverse")


@pytest.mark.parametrize("f", SINGULAR, ids=[f.__name__ for f in SINGULAR])
@pytest.mark.parametrize("modes", [*itertools.product((forward, reverse), repeat=2)], ids=["ff", "fr", "rf", "rr"])
def test_singular_entries_that_were_assigned_over_contribute_nothing(f, modes):
    same, point = SINGULAR[f]
    x = np.array(point)
    first, second = modes
    assert_close(first(f)(x), first(same)(x))
    assert_close(second(first(f))(x), second(first(same))(x))
    assert first(f)(x)[0] == (2.0 if f is logarithm else 0.0)
    np.testing.assert_array_equal(second(first(f))(x)[0], np.zeros(3))


# --- cost ---


def filled(x):
    y = x.copy()
    for k in range(1, len(x)):
        y[k] = y[k] * 0.5 + y[k - 1]
    return np.sum(y)


def traced_nodes(f, size):
    """Numbers of nodes of a function and of its gradient."""
    counts = []

    def counted(x):
        result = f(x)
        counts.append(len(topological([result._node])))
        return result

    def outer(x):
        gradient = cr.grad(counted)(x)
        counts.append(len(topological([gradient._node])))
        return np.sum(gradient)

    cr.jit(outer)(np.ones(size))
    return np.array(counts)


def test_a_loop_of_assignments_has_a_linear_number_of_nodes():
    counts = {size: traced_nodes(filled, size) for size in (50, 100, 200)}
    np.testing.assert_array_equal(counts[200] - counts[100], 2 * (counts[100] - counts[50]))
    assert counts[200][0] < 10 * 200
    assert counts[200][1] < 30 * 200


def test_a_thousand_assignments_to_a_vector_of_a_thousand():
    x = np.linspace(0.0, 1.0, 1000)
    value, gradient = cr.value_and_grad(filled)(x)
    np.testing.assert_allclose(value, filled(x), rtol=tolerance(float, terms=1000))
    # y_k is x_0 and half of every x_j, 0 < j <= k.
    expected = np.r_[1000.0, 0.5 * np.arange(999.0, 0.0, -1.0)]
    np.testing.assert_allclose(gradient, expected, rtol=tolerance(float, terms=1000))
