"""`checkpoint`: the same values and derivatives, with less kept for the backward pass."""

import math
import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.function import Function
from chainrule.diff.jacobian import value_and_gradient
from chainrule.errors import ArgumentError, DtypeError, TracerError, UnsupportedError
from chainrule.ops.calls import CALL
from chainrule.run.program import program_of
from chainrule.trace.function import Arguments, call_traced, scalar_result
from chainrule.trace.tracer import current_trace, opened
from tests.oracles import complex_step, numeric_gradient, numeric_hessian, tolerance


class Pair(NamedTuple):
    left: object
    right: object


MATRIX = np.arange(9.0).reshape(3, 3) / 5 + 2 * np.eye(3)


def with_branch(x):
    return np.sum(np.sin(x) * x) if np.sum(x) > 0 else np.sum(x)


def assigned(x):
    y = x * 1.0
    y[0] = x[1] * x[2]
    return np.sum(y**3)


# Scalar functions of a vector of size 3.
FUNCTIONS = {
    "elementwise": lambda x: np.sum(np.exp(-x) * np.sin(x**2)),
    "product": lambda x: x @ MATRIX @ x / (1 + x @ x),
    "solve": lambda x: np.sum(np.linalg.solve(MATRIX + np.outer(x, x), x) ** 2),
    "determinant": lambda x: np.log(np.linalg.det(MATRIX + np.outer(x, x))),
    "where": lambda x: np.sum(np.where(x > 1, x**3, np.sqrt(x))),
    "sort": lambda x: np.sort(x)[0] * np.sort(x)[2] ** 2,
    "assignment": assigned,
    "branch": with_branch,
    "index": lambda x: np.sum(x[[0, 0, 2]] ** 3 * x[1]),
    "constant": lambda x: np.sum(np.ones(3)),
    "linear": lambda x: np.sum(x) * 2,
}
each_function = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)

WAYS = {
    "alone": cr.checkpoint,
    "twice": lambda f: cr.checkpoint(cr.checkpoint(f)),
    "in a formula": lambda f: lambda x: 1.0 * cr.checkpoint(f)(x * 1.0),
    "a part": lambda f: lambda x: f(cr.checkpoint(lambda y: y * 1.0)(x)),
    "jit inside": lambda f: cr.checkpoint(cr.jit(f)),
    "jit outside": lambda f: cr.jit(cr.checkpoint(f)),
    "closure": lambda f: lambda x: cr.checkpoint(lambda: f(x))(),
    "keyword": lambda f: lambda x: cr.checkpoint(lambda *, y: f(y))(y=x),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)

X = np.array([0.7, 1.4, 1.1])


@each_way
@each_function
def test_values_and_gradients(f, way):
    g = way(f)
    assert g(X) == pytest.approx(f(X), rel=tolerance(float, condition=8), abs=0)
    value, gradient = cr.value_and_grad(g)(X)
    assert value == pytest.approx(f(X), rel=tolerance(float, condition=8), abs=0)
    scale = 1 + np.max(np.abs(gradient))
    np.testing.assert_allclose(gradient, numeric_gradient(f, X), rtol=0, atol=tolerance(float, 1e4) * scale)
    direction = np.array([0.3, -1.0, 0.5])
    np.testing.assert_allclose(
        cr.jvp(g, (X,), (direction,))[1], gradient @ direction, rtol=0, atol=tolerance(float, 100) * scale
    )


@each_function
def test_second_derivatives(f):
    wanted = numeric_hessian(f, X)
    allowed = tolerance(float, condition=1e7) * (1 + np.max(np.abs(wanted)))
    g = cr.checkpoint(f)
    np.testing.assert_allclose(cr.hessian(g)(X), wanted, rtol=0, atol=allowed)
    np.testing.assert_allclose(cr.jacobian(cr.grad(g), mode="reverse")(X), wanted, rtol=0, atol=allowed)
    np.testing.assert_allclose(cr.jacobian(cr.grad(g), mode="forward")(X), wanted, rtol=0, atol=allowed)
    np.testing.assert_allclose(cr.hvp(g, (X,), (X,)), wanted @ X, rtol=0, atol=allowed)
    forward = cr.jacobian(cr.jacobian(g, mode="forward"), mode="forward")(X)
    np.testing.assert_allclose(forward, wanted, rtol=0, atol=allowed)


def test_third_derivative():
    g = cr.checkpoint(lambda x: np.sin(x) * x)
    third = cr.grad(cr.grad(cr.grad(g)))
    assert third(0.4) == pytest.approx(
        -3 * math.sin(0.4) - 0.4 * math.cos(0.4), rel=tolerance(float, condition=8), abs=0
    )


def test_a_chain_of_checkpoints():
    step = cr.checkpoint(lambda x: np.tanh(np.sin(x) * 1.5))

    def chain(x):
        for _ in range(20):
            x = step(x)
        return x

    def plain(x):
        for _ in range(20):
            x = np.tanh(np.sin(x) * 1.5)
        return x

    x = np.array([0.1, 0.5, 2.0])
    found = cr.elementwise_grad(chain)(x)
    np.testing.assert_allclose(found, complex_step(plain, x, np.ones(3)), rtol=tolerance(float, condition=100))


# --- what is kept ---


def gradient_function(f, x) -> Function:
    """The Function of the value and the gradient of `f`, before it is planned."""
    with opened("test") as trace:
        arguments = Arguments(trace, f, (x,), (0,), "test")
        node = scalar_result(trace, call_traced(trace, f, arguments.handles, {}), "test")
        function, _ = trace.close([node])
        return value_and_gradient(function, arguments.active_numbers((0,)))


def deep(x):
    for _ in range(10):
        x = np.tanh(np.sin(x))
    return np.sum(x)


def calls_in(function):
    return [node for node in function.nodes() if node.op is CALL]


def test_the_gradient_computes_the_inside_again():
    kept, again = gradient_function(deep, X), gradient_function(cr.checkpoint(deep), X)
    assert not calls_in(kept)
    forward, backward = calls_in(again)
    # The backward call takes the argument and a cotangent: nothing from inside the forward call.
    assert forward.operands == (again.inputs[0],)
    assert again.inputs[0] in backward.operands
    assert all(node.op is not CALL for operand in backward.operands for node in operand.operands)
    inside = backward.param("function")
    assert {"sin", "tanh", "cos"} <= {node.op.name for node in inside.nodes()}
    assert len(program_of(again).plan.steps) < len(program_of(kept).plan.steps) / 5


def test_less_memory_is_needed_at_once():
    x, blocks = np.linspace(0.1, 1.0, 20_000), 9

    def block(x):
        for _ in range(9):
            x = np.sin(x) * 1.1
        return x

    def loss(block):
        def f(x):
            for _ in range(blocks):
                x = block(x)
            return np.sum(x)

        return f

    peaks, gradients = [], []
    for f in (loss(block), loss(cr.checkpoint(block))):
        gradient = cr.grad(f)
        gradient(x)
        gradient(x)
        tracemalloc.start()
        try:
            gradients.append(gradient(x))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    np.testing.assert_allclose(*gradients, rtol=tolerance(float, condition=200))
    # Nine blocks of nine: about 81 arrays are kept without, 9 + 9 with; temporaries come on top of both.
    assert peaks[1] < peaks[0] / 2


# --- arguments and results ---


def test_containers():
    f = cr.checkpoint(lambda d, pair: {"a": d["x"] * pair.left, "b": [d["y"] ** 2, pair.right]})

    def loss(d, left):
        result = f(d, Pair(left, 3.0))
        return np.sum(result["a"]) + np.sum(result["b"][0]) * result["b"][1]

    d = {"x": X, "y": X[:2]}
    gradient, by_left = cr.grad(loss, argnums=(0, 1))(d, 2.0)
    np.testing.assert_array_equal(gradient["x"], [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(gradient["y"], 6 * X[:2])
    assert by_left == np.sum(X)


def test_settings_pass_through():
    f = cr.checkpoint(
        lambda x, power, name, flag, nothing, *, times=1: times * x**power if flag and name == "up" else x
    )
    assert cr.grad(lambda x: f(x, 3, "up", True, None, times=2))(2.0) == 24.0
    assert cr.grad(lambda x: f(x, 3, "up", False, None))(2.0) == 1.0


def test_several_and_unused_results():
    f = cr.checkpoint(lambda x, y: (x * y, x > 1, np.sum(x), 3))
    gradient = cr.grad(lambda x: np.sum(np.where(f(x, 2.0)[1], f(x, 2.0)[0], 0.0)) + f(x, 2.0)[3])
    np.testing.assert_array_equal(gradient(X), [0.0, 2.0, 2.0])
    np.testing.assert_array_equal(cr.grad(lambda x: f(x, 2.0)[2])(X), np.ones(3))


def test_by_one_of_several_arguments():
    f = cr.checkpoint(lambda x, y: np.sum(x**2 * y))
    np.testing.assert_allclose(cr.grad(f)(X, 3.0), 6 * X, rtol=tolerance(float))
    np.testing.assert_allclose(cr.grad(f, argnums=1)(X, 3.0), np.sum(X**2), rtol=tolerance(float))
    mixed = cr.jacobian(cr.grad(f), argnums=1)(X, 3.0)
    np.testing.assert_allclose(mixed, 2 * X, rtol=tolerance(float))
    np.testing.assert_allclose(cr.grad(lambda x: f(x, x[0]))(X), 2 * X * X[0] + [X @ X, 0, 0], rtol=tolerance(float))


def test_a_closure_over_variables_of_two_levels():
    def outer(a):
        return cr.grad(lambda x: cr.checkpoint(lambda y: np.sin(a * y) * x)(x))(0.5) * a

    def plain(a):
        # d/dx [x sin(a x)] = sin(a x) + a x cos(a x)
        return a * (np.sin(a * 0.5) + a * 0.5 * np.cos(a * 0.5))

    assert outer(1.2) == pytest.approx(plain(1.2), rel=tolerance(float, condition=8), abs=0)
    np.testing.assert_allclose(cr.grad(outer)(1.2), complex_step(plain, 1.2, 1.0), rtol=tolerance(float, condition=20))


def test_stop_gradient_inside():
    assert cr.grad(cr.checkpoint(lambda x: x * cr.stop_gradient(x**2)))(3.0) == 9.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes(dtype):
    x = X.astype(dtype)
    f = cr.checkpoint(lambda x, s: x * s)
    assert cr.grad(lambda x: np.sum(f(x, 2.5)))(x).dtype == dtype
    assert cr.value_and_grad(lambda x: np.sum(f(x, 2.5)))(x)[0].dtype == dtype
    assert cr.jit(lambda x: f(x, 2))(x).dtype == dtype
    assert cr.jit(lambda x: f(x, np.float64(2.5)))(x).dtype == np.float64
    assert cr.vmap(lambda x: f(x, 2.5))(x).dtype == dtype
    assert cr.vmap(f, in_axes=(0, None))(x, 2.5).dtype == dtype
    assert cr.jit(lambda k: f(k, 2))(np.arange(3)).dtype == np.arange(3).dtype


def test_kinds_of_scalars():
    f = cr.checkpoint(lambda x: x * 2.0)
    assert type(f(np.float64(1.5))) is np.float64
    assert type(cr.jit(f)(np.float64(1.5))) is np.float64
    assert type(cr.grad(f)(np.float64(1.5))) is np.float64
    assert type(cr.grad(f)(1.5)) is np.float64
    assert type(cr.jit(f)(np.float32(1.5))) is np.float32


# --- inside other transforms ---


def test_inside_vmap(rng):
    stack = rng.uniform(0.5, 1.5, (3, 3))
    f = FUNCTIONS["solve"]
    g = cr.checkpoint(f)
    np.testing.assert_allclose(cr.vmap(g)(stack), [f(x) for x in stack], rtol=tolerance(float, condition=100))
    np.testing.assert_allclose(
        cr.vmap(cr.grad(g))(stack), [cr.grad(f)(x) for x in stack], rtol=tolerance(float, condition=1e3)
    )
    np.testing.assert_allclose(
        cr.grad(lambda s: np.sum(cr.vmap(g)(s)))(stack),
        cr.vmap(cr.grad(f))(stack),
        rtol=tolerance(float, condition=1e3),
    )
    shared = cr.vmap(cr.checkpoint(lambda x, y: x @ y), in_axes=(0, None))(stack, X)
    np.testing.assert_allclose(shared, stack @ X, rtol=tolerance(float, condition=8))
    inside = cr.grad(cr.checkpoint(lambda s: np.sum(cr.vmap(f)(s))))(stack)
    np.testing.assert_allclose(inside, cr.vmap(cr.grad(f))(stack), rtol=tolerance(float, condition=1e3))


def test_without_a_derivative_it_is_the_function():
    calls = []
    f = cr.checkpoint(lambda x: calls.append(x) or x)
    token = object()
    assert f(token) is token
    assert calls == [token]


def test_random_numbers_are_drawn_once(rng):
    noise = []

    def noisy(x):
        noise.append(rng.standard_normal(3))
        return np.sum(x**2 * noise[-1])

    gradient = cr.grad(cr.checkpoint(noisy))(X)
    assert len(noise) == 1
    np.testing.assert_allclose(gradient, 2 * X * noise[0], rtol=tolerance(float))


def test_captured_arrays_as_they_were():
    buffer = np.ones(3)

    def f(x):
        first = cr.checkpoint(lambda y: np.sum(buffer * y**2))(x)
        buffer[...] = 5.0
        return first + cr.checkpoint(lambda y: np.sum(buffer * y**2))(x)

    np.testing.assert_allclose(cr.grad(f)(X), 12 * X, rtol=tolerance(float))


# --- refusals ---


def test_a_value_taken_out():
    with pytest.raises(TracerError, match="derivative is being taken through"):
        cr.grad(cr.checkpoint(lambda x: x * float(x)))(2.0)
    assert current_trace() is None


@pytest.mark.parametrize(
    ("f", "arg", "error", "message"),
    [
        (lambda x, y: "name", 1.0, DtypeError, "the function returned str"),
        (lambda x, y: x, np.ma.array([1.0], mask=[True]), UnsupportedError, "MaskedArray calculates by rules"),
        (lambda x, y: x * y, np.array([1j]), DtypeError, "complex numbers"),
    ],
    ids=["string", "masked", "complex"],
)
def test_refusals(f, arg, error, message):
    with pytest.raises(error, match=message):
        cr.grad(lambda x: np.sum(cr.checkpoint(f)(x, arg)))(2.0)
    assert current_trace() is None


def test_not_a_function():
    with pytest.raises(ArgumentError, match="a function is needed, not int"):
        cr.grad(cr.checkpoint(3))(1.0)


def test_an_exception_passes_through():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        cr.grad(cr.checkpoint(f))(1.0)
    assert current_trace() is None


def test_the_name_tells_what_it_is():
    assert cr.checkpoint(deep).__name__ == "checkpoint(deep)"
