"""Shapes, dtypes and kinds of results: NumPy's own, for every kind of number and array that goes in."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError
from tests.oracles import tolerance

FLOAT32, BYTES = np.ones(2, "f4"), np.array([3, 1], "i1")

# Each is evaluated by NumPy on the plain number, and traced; NumPy's promotion is what is asked for, not written down.
EXPRESSIONS = {
    "x + 1": lambda x: x + 1,
    "x + 1.0": lambda x: x + 1.0,
    "2 * x": lambda x: 2 * x,
    "x**2": lambda x: x**2,
    "x**3": lambda x: x**3,
    "x**0.5": lambda x: x**0.5,
    "x**-1": lambda x: x**-1,
    "x**0": lambda x: x**0,
    "x**1": lambda x: x**1,
    "x**1.0": lambda x: x**1.0,
    "2**x": lambda x: 2**x,
    "float32**x": lambda x: np.float32(2) ** x,
    "x**x": lambda x: x**x,
    "x**integers": lambda x: x ** np.arange(2),
    "x**bytes": lambda x: x**BYTES,
    "x**booleans": lambda x: x ** np.array([True, False]),
    "x / 3": lambda x: x / 3,
    "1 / x": lambda x: 1 / x,
    "-x * float32 array": lambda x: -x * FLOAT32,
    "x * 0.5 * float32 array": lambda x: x * 0.5 * FLOAT32,
    "x * 0.3 * float32 array": lambda x: x * 0.3 * FLOAT32,
    "x * float32": lambda x: x * np.float32(3),
    "float32 * x": lambda x: np.float32(3) * x,
    "x * float16": lambda x: x * np.float16(3),
    "x * float64": lambda x: x * np.float64(3),
    "x * float32 array": lambda x: x * FLOAT32,
    "x * int8": lambda x: x * np.int8(3),
    "x * bytes": lambda x: x * BYTES,
    "x * integers": lambda x: x * np.arange(2),
    "x * True": lambda x: x * True,
    "booleans * x": lambda x: (x > 1) * x,
    "boolean * float32": lambda x: (x > 1) * np.float32(2),
    "exp": np.exp,
    "exp * float32 array": lambda x: np.exp(x) * FLOAT32,
    "(x*x) * float32 array": lambda x: (x * x) * FLOAT32,
    "abs(x) * float32 array": lambda x: abs(x) * FLOAT32,
    "np.abs(x) * float32 array": lambda x: np.abs(x) * FLOAT32,
    "np.negative(x) * float32 array": lambda x: np.negative(x) * FLOAT32,
    "np.square(x) * float32 array": lambda x: np.square(x) * FLOAT32,
    "np.sqrt(2x) + float32 array": lambda x: np.sqrt(x * 2) + FLOAT32,
    "sin of cos * float32": lambda x: np.sin(np.cos(x)) * np.float32(1),
    "where with float32": lambda x: np.where(True, x, np.float32(1)),
    "where with int": lambda x: np.where(np.array([True, False]), x, 1),
    "where of a comparison": lambda x: np.where(x > 1, x, 0.0),
    "maximum with float32": lambda x: np.maximum(x, np.float32(1)),
    "maximum with int": lambda x: np.maximum(x, 1),
    "maximum with larger int": lambda x: np.maximum(x, 5),
    "minimum with integers": lambda x: np.minimum(x, np.arange(2)),
    "clip by ints": lambda x: np.clip(x, 0, 1),
    "clip by floats": lambda x: np.clip(FLOAT32 * x, 0.0, 1.0),
    "sum": np.sum,
    "mean": np.mean,
    "sum with dtype": lambda x: np.sum(x * FLOAT32, dtype="f8"),
    "sum of booleans": lambda x: np.sum(x > np.ones(2)),
    "mean of booleans": lambda x: np.mean(x > np.ones(2)),
    "ufunc with dtype": lambda x: np.multiply(x, np.float32(1), dtype="f8"),
    "stack with float32": lambda x: np.stack([x, x * np.float32(1)]),
    "concatenate with float32": lambda x: np.concatenate([FLOAT32, np.reshape(x, -1)]),
    "broadcast_to": lambda x: (
        np.broadcast_to(x, (3, 2)) * FLOAT32 if np.ndim(x) else np.broadcast_to(x, (2,)) * FLOAT32
    ),
    "dot": lambda x: np.dot(x, FLOAT32),
    "inner": lambda x: np.inner(x, FLOAT32),
    "outer": lambda x: np.outer(x, FLOAT32),
    "einsum": lambda x: np.einsum("...,i->...i", x, FLOAT32),
    "norm": lambda x: np.linalg.norm(x * FLOAT32),
    "cumsum": lambda x: np.cumsum(x * np.ones(2, "i4")),
    "sort": lambda x: np.sort(x * np.array([2, 1])),
    "zeros_like": np.zeros_like,
    "ones_like": lambda x: np.ones_like(x) + FLOAT32,
    "comparison": lambda x: x > 1,
    "equality": lambda x: x == 1,
    "logical": lambda x: np.logical_and(x > 0, x < 3),
}
NUMBERS = {
    "Python float": 2.0,
    "float64": np.float64(2),
    "float32": np.float32(2),
    "float16": np.float16(2),
    "0-d": np.array(2.0),
    "0-d float32": np.array(2.0, "f4"),
    "vector": np.array([2.0, 3.0]),
    "float32 vector": np.array([2.0, 3.0], "f4"),
    "float16 vector": np.array([2.0, 3.0], "f2"),
}
INTEGERS = {
    "Python int": 2,
    "int64": np.int64(2),
    "int vector": np.array([2, 3]),
    "int8 vector": np.array([2, 3], "i1"),
    "uint16 vector": np.array([2, 3], "u2"),
}


def assert_result_is_numpys(f, x, plain):
    """`f` traced at `x` is `f` run on `plain`, in shape, dtype and value; the gradient is like `plain`."""
    with np.errstate(all="ignore"):
        expected = np.asarray(f(plain))
    for _ in range(2):  # interpreted, then compiled
        value = cr.vjp(f, x)[0]
        assert isinstance(value, np.ndarray | np.generic)
        assert (value.shape, value.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(value, expected, rtol=tolerance(value.dtype))
    if expected.dtype.kind == "f":
        gradient = cr.grad(lambda y: np.sum(f(y)))(x)
        assert type(gradient) is type(plain if isinstance(plain, np.ndarray) else np.asarray(plain)[()])
        assert (gradient.shape, gradient.dtype) == (np.shape(plain), np.asarray(plain).dtype)


@pytest.mark.parametrize(("text", "number"), list(itertools.product(EXPRESSIONS, NUMBERS)))
def test_result_is_numpys(text, number):
    assert_result_is_numpys(EXPRESSIONS[text], NUMBERS[number], NUMBERS[number])


@pytest.mark.parametrize(("text", "number"), list(itertools.product(EXPRESSIONS, INTEGERS)))
def test_a_differentiated_integer_is_a_float(text, number):
    x = INTEGERS[number]
    plain = float(x) if isinstance(x, int) else np.asarray(x, float) if isinstance(x, np.ndarray) else np.float64(x)
    assert_result_is_numpys(EXPRESSIONS[text], x, plain)


@pytest.mark.parametrize("x", [3, np.int64(3), np.arange(3), np.arange(3, dtype="u1")])
def test_an_integer_that_is_not_differentiated_stays_one(x):
    kinds = []

    def f(y, n):
        kinds.append(np.asarray(n).dtype)
        return y * np.sum(n)

    assert cr.grad(f)(2.0, x) == np.sum(x)
    assert kinds == [np.asarray(x).dtype]


@pytest.mark.parametrize("x", [True, np.True_, np.array([True, False]), [1.0, False]])
def test_a_boolean_has_no_derivative(x):
    with pytest.raises(DtypeError, match=r"is boolean and has no derivative[\s\S]*Fix: use x.astype\(float\)"):
        cr.grad(lambda y: np.sum(y[0] if isinstance(y, list) else y * 1.0))(x)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (0,), (0, 3), (3, 0, 2), (2, 3)])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_gradient_has_the_shape_of_the_array(shape, dtype):
    x = np.full(shape, 3, dtype)
    gradient = cr.grad(lambda y: np.sum(y * y))(x)
    assert type(gradient) is np.ndarray
    assert (gradient.shape, gradient.dtype) == (shape, np.dtype(dtype))
    np.testing.assert_array_equal(gradient, 2 * x)


@pytest.mark.parametrize("constant", [3, 3.0, np.float32(3), np.array(3), True, np.int8(1)])
@pytest.mark.parametrize("x", [2.0, np.float32(2), np.array(2.0), np.ones((2, 3), "f4"), [np.ones(2), 1.0]])
def test_a_constant_has_a_zero_gradient_like_its_argument(constant, x):
    value, gradient = cr.value_and_grad(lambda y: constant)(x)
    assert value == constant
    leaves = gradient if isinstance(x, list) else [gradient]
    for leaf, original in zip(leaves, x if isinstance(x, list) else [x], strict=True):
        assert isinstance(leaf, np.ndarray) == isinstance(original, np.ndarray)
        assert (np.shape(leaf), leaf.dtype) == (np.shape(original), np.asarray(original).dtype)
        assert not np.any(leaf)


def test_jacobian_of_constants_and_integers_is_zero():
    x = np.array([3.0, 1.0, 2.0], "f4")
    for f in (lambda y: np.ones(2), np.argsort, lambda y: y > 1):
        for mode in ("auto", "forward", "reverse"):
            derivative = cr.jacobian(f, mode=mode)(x)
            assert (derivative.shape, derivative.dtype) == ((*np.shape(f(x)), 3), np.dtype("f4"))
            assert not np.any(derivative)


@pytest.mark.parametrize("transform", [cr.grad, cr.hessian, cr.jacobian])
def test_a_python_number_gives_a_numpy_scalar(transform):
    assert type(transform(lambda x: x * x * x)(2.0)) is np.float64
    assert type(transform(lambda x: x * x * x)(2)) is np.float64
    assert type(transform(lambda x: x * x * x)(np.float32(2))) is np.float32
    zero_dimensional = transform(lambda x: x * x * x)(np.array(2.0))
    assert type(zero_dimensional) is np.ndarray
    assert zero_dimensional.shape == ()


@pytest.mark.parametrize("scale", [np.float64(2), np.float32(2), [2.0, 2.0, 2.0], (2.0, 2.0, 2.0), np.full(3, 2.0), 2])
def test_operators_with_the_handle_on_the_right(scale):
    x = np.array([1.0, 2.0, 3.0])
    for f in (
        lambda y: scale * y,
        lambda y: scale + y,
        lambda y: scale - y,
        lambda y: scale / y,
        lambda y: scale**y if not isinstance(scale, list | tuple) else scale * y,
    ):
        plain = (lambda g: lambda y: g(np.asarray(y)))(f)
        value = cr.vjp(f, x)[0]
        np.testing.assert_allclose(value, plain(x), rtol=tolerance(float))
        assert value.dtype == np.asarray(plain(x)).dtype


def test_matrix_product_with_the_handle_on_the_right():
    matrix, x = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(cr.jacobian(lambda y: matrix @ y)(x), matrix)
    np.testing.assert_array_equal(cr.jacobian(lambda y: np.dot(matrix, y))(x), matrix)
