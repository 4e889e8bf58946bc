"""The worked examples of a textbook chapter on multivariable calculus, by their requirement numbers.

Every example is checked against a closed form worked out by hand, at the chapter's point and at a generic one: the
chapter's points are special (zeros, equal entries), so that a sign or an index could be wrong there unseen.
"""

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.oracles import numeric_gradient, tolerance

MODES = ("forward", "reverse")
LOG2 = math.log(2.0)


def assert_close(actual: Any, expected: Any, condition: float = 1.0) -> None:
    """Equal to rounding, measured by the largest entry expected."""
    assert np.shape(actual) == np.shape(expected)
    dtype = np.asarray(actual).dtype
    size = float(np.max(np.abs(expected)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance(dtype, condition) * size)


def second_derivatives(function: Callable[[Any], Any], point: Any) -> list[Any]:
    """The Hessian, as such and as the Jacobian of a Jacobian in all four pairs of modes."""
    pairs = itertools.product(MODES, repeat=2)
    return [
        cr.hessian(function)(point),
        *[cr.jacobian(cr.jacobian(function, mode=a), mode=b)(point) for a, b in pairs],
    ]


# --- partial derivatives and linear models ----------------------------------------------------------------


def loss(w: Any) -> Any:
    return np.sin(w[0]) * np.exp(w[1]) + w[1] * w[2] ** 2


def loss_gradient(w: Any) -> Any:
    sine, cosine = math.sin(w[0]), math.cos(w[0])
    return np.array([cosine * math.exp(w[1]), sine * math.exp(w[1]) + w[2] ** 2, 2 * w[1] * w[2]])


POINT = np.array([0.7, -0.4, 1.3])
STEP = np.array([0.3, -1.1, 0.6])


def test_r2_partial_derivatives_by_argument() -> None:
    def of_numbers(w1: Any, w2: Any, w3: Any) -> Any:
        return loss(np.stack([w1, w2, w3]))

    for i, expected in enumerate(loss_gradient(POINT)):
        assert_close(cr.grad(of_numbers, argnums=i)(*POINT), expected)
        unit = np.eye(3)[i]
        assert_close(cr.jvp(loss, (POINT,), (unit,))[1], expected)


def test_r3_two_steps_leave_the_mixed_derivative() -> None:
    """For c w1 w2 the remainder of the linear model is the cross term alone: ε1 ε2 ∂12, once, not halved."""
    c, (e1, e2) = 3.0, (0.25, -0.5)  # powers of two: exact

    def bilinear(w: Any) -> Any:
        return c * w[0] * w[1]

    w = np.array([1.5, 2.0])
    linear = bilinear(w) + cr.grad(bilinear)(w) @ np.array([e1, e2])
    remainder = bilinear(w + np.array([e1, e2])) - linear
    mixed = cr.hessian(bilinear)(w)[0, 1]
    assert mixed == c
    assert remainder == e1 * e2 * mixed


def test_r4_a_step_is_a_forward_product() -> None:
    value, moved = cr.jvp(loss, (POINT,), (STEP,))
    assert_close(value, loss(POINT))
    assert_close(moved, sum(e * d for e, d in zip(STEP, loss_gradient(POINT), strict=True)))


@pytest.mark.parametrize("shape", [(), (3,), (1,), (2, 3), (0,)], ids=str)
def test_r5_gradients_have_the_shape_of_the_variable(shape: tuple[int, ...]) -> None:
    x = np.full(shape, 0.5)
    gradient = cr.grad(lambda x: np.sum(np.exp(2 * x)))(x)
    assert gradient.shape == shape
    np.testing.assert_allclose(gradient, np.full(shape, 2 * math.e), rtol=tolerance(float))


def test_r6_the_error_of_a_linear_model_is_of_second_order() -> None:
    value, model = cr.linearize(loss, POINT)
    assert_close(value, loss(POINT))
    sizes = np.array([2.0**-k for k in range(6, 12)])
    errors = [abs(loss(POINT + h * STEP) - value - model(h * STEP)) for h in sizes]
    slopes = np.diff(np.log(errors)) / np.diff(np.log(sizes))
    # Twice the size, four times the error, up to the next order of the step.
    np.testing.assert_allclose(slopes, 2, rtol=0, atol=4 * sizes[:-1].max())
    assert_close(model(STEP), STEP @ loss_gradient(POINT))


# --- R-7 to R-10b, exercise 3: the logarithm of a sum of exponentials -------------------------------------------------


def log_sum(x: Any, y: Any) -> Any:
    return np.log(np.exp(x) + np.exp(y))


def log_sum_of_vector(v: Any) -> Any:
    return log_sum(v[0], v[1])


def shares(x: float, y: float) -> tuple[float, float]:
    """The gradient in closed form: each exponential's share of the sum."""
    total = math.exp(x) + math.exp(y)
    return math.exp(x) / total, math.exp(y) / total


LOG_SUM_POINTS = [(0.0, LOG2), (0.9, -0.3), (2.0, 2.5)]


@pytest.mark.parametrize("point", LOG_SUM_POINTS, ids=str)
def test_r7_gradient_is_the_shares(point: tuple[float, float]) -> None:
    value, gradient = cr.value_and_grad(log_sum, argnums=(0, 1))(*point)
    assert_close(value, math.log(math.exp(point[0]) + math.exp(point[1])))
    assert_close(gradient, shares(*point))
    assert_close(cr.grad(log_sum_of_vector)(np.array(point)), np.array(shares(*point)))


def test_r8_value_and_gradient_at_the_chapters_point() -> None:
    value, gradient = cr.value_and_grad(log_sum, argnums=(0, 1))(0, np.log(2))
    assert_close(value, 1.0986122886681098)
    assert_close(gradient, (1 / 3, 2 / 3))


def test_r9_linear_model_at_the_chapters_point() -> None:
    value, model = cr.linearize(log_sum, 0.0, LOG2)
    assert_close(value, math.log(3))
    for e1, e2 in ((1.0, 0.0), (0.0, 1.0), (0.25, -4.0)):
        assert_close(model(e1, e2), e1 / 3 + 2 * e2 / 3)


@pytest.mark.parametrize(("x", "y"), [(0, np.log(2)), (np.array(0.0), np.array(np.log(2)))], ids=["numbers", "arrays"])
def test_r10_approximation_of_the_first_cell(x: Any, y: Any) -> None:
    epsilon = np.array([0.01, -0.03])
    gradient = np.array(cr.grad(log_sum, argnums=(0, 1))(x, y))
    approximate = log_sum(x, y) + epsilon @ gradient
    exact = log_sum(x + epsilon[0], y + epsilon[1])
    assert_close(approximate, 1.0819456220014430)
    assert_close(exact, 1.0821241818964341)
    assert_close(exact - approximate, 1.785598949911e-4, condition=exact / 1.7856e-4)


def test_r10_in_single_precision() -> None:
    """The chapter's own output is that of float32."""
    x, y = np.float32(0), np.log(np.float32(2))
    epsilon = np.array([0.01, -0.03], np.float32)
    value, gradient = cr.value_and_grad(log_sum, argnums=(0, 1))(x, y)
    assert value.dtype == np.float32
    assert all(part.dtype == np.float32 for part in gradient)
    approximate = value + epsilon @ np.array(gradient)
    assert approximate.dtype == np.float32
    assert_close(approximate, np.float32(1.0819456577301025))
    assert_close(log_sum(x + epsilon[0], y + epsilon[1]), np.float32(1.0821242332458496))


def test_r10_one_entry_arrays_give_one_entry_gradients() -> None:
    x, y = np.array([0.0]), np.array([LOG2])
    gradient = cr.grad(lambda x, y: log_sum(x, y).sum(), argnums=(0, 1))(x, y)
    assert [part.shape for part in gradient] == [(1,), (1,)]
    assert_close(np.concatenate(gradient), np.array([1 / 3, 2 / 3]))


def test_r10b_second_order_model() -> None:
    point, epsilon = np.array([0.0, LOG2]), np.array([0.01, -0.03])
    expected = np.array([[2, -2], [-2, 2]]) / 9
    for second in second_derivatives(log_sum_of_vector, point):
        assert_close(second, expected)
        model = log_sum_of_vector(point) + epsilon @ cr.grad(log_sum_of_vector)(point) + epsilon @ second @ epsilon / 2
        assert_close(model, 1.0821233997792208)
    eigenvalues = np.linalg.eigvalsh(cr.hessian(log_sum_of_vector)(point))
    np.testing.assert_allclose(eigenvalues, [0, 4 / 9], rtol=0, atol=tolerance(float))


@pytest.mark.parametrize("point", LOG_SUM_POINTS, ids=str)
def test_exercise_3_shares_sum_to_one_and_constants_are_a_flat_direction(point: tuple[float, float]) -> None:
    x, p = np.array(point), np.array(shares(*point))
    assert_close(np.sum(cr.grad(log_sum_of_vector)(x)), 1.0)
    for second in second_derivatives(log_sum_of_vector, x):
        assert_close(second, np.diag(p) - np.outer(p, p))
        np.testing.assert_allclose(second @ np.ones(2), 0, rtol=0, atol=tolerance(float))
    _, along = cr.jvp(log_sum_of_vector, (x,), (np.ones(2),))
    assert_close(along, 1.0)


# --- the network ----------------------------------------------------------------------------------


def layers(w: Any, x: Any, y: Any, z: Any) -> tuple[Any, Any]:
    return (w + x + y + z) ** 2, (w + x - y - z) ** 2


def outputs(a: Any, b: Any) -> tuple[Any, Any]:
    return (a + b) ** 2, (a - b) ** 2


def network(w: Any, x: Any, y: Any, z: Any) -> Any:
    u, v = outputs(*layers(w, x, y, z))
    return (u + v) ** 2


# In terms of s = w + x + y + z and t = w + x - y - z the network is 4 (s⁴ + t⁴)²: exact in rational numbers.
FIRST, SECOND = (1, 1, 1, 1), (1, 1, -1, -1)


def network_closed_form(point: Any) -> tuple[Fraction, list[Fraction], list[list[Fraction]]]:
    """Value, gradient and Hessian of 4 (s⁴ + t⁴)²."""
    exact = [Fraction(float(entry)) for entry in point]
    s = sum(exact, Fraction())
    t = sum((sign * entry for sign, entry in zip(SECOND, exact, strict=True)), Fraction())
    total = s**4 + t**4
    inner = [s**3 * d1 + t**3 * d2 for d1, d2 in zip(FIRST, SECOND, strict=True)]
    gradient = [32 * total * entry for entry in inner]
    second = [
        [
            128 * inner[i] * inner[j] + 96 * total * (s**2 * FIRST[i] * FIRST[j] + t**2 * SECOND[i] * SECOND[j])
            for j in range(4)
        ]
        for i in range(4)
    ]
    return 4 * total**2, gradient, second


NETWORK_POINTS = [(-1.0, 0.0, -2.0, 1.0), (1.0, 2.0, 3.0, 4.0), (0.3, -1.2, 0.8, 0.5)]
network_points = pytest.mark.parametrize("point", NETWORK_POINTS, ids=str)


def floats(values: Any) -> Any:
    return np.array(values, dtype=float)


@network_points
def test_r20_gradient_of_the_network(point: Any) -> None:
    value, gradient, _ = network_closed_form(point)
    actual, by_argument = cr.value_and_grad(network, argnums=(0, 1, 2, 3))(*point)
    assert_close(actual, float(value), condition=8)
    assert_close(floats(by_argument), floats(gradient), condition=8)
    assert_close(cr.grad(lambda p: network(*p))(floats(point)), floats(gradient), condition=8)


def test_r20_closed_form_agrees_with_differences() -> None:
    """The oracle itself: the closed form against differences of the network."""
    for point in NETWORK_POINTS:
        _, gradient, _ = network_closed_form(point)
        numeric = numeric_gradient(lambda p: network(*p), floats(point))
        np.testing.assert_allclose(numeric, floats(gradient), rtol=tolerance(float, error=1e-9))
    assert network_closed_form(NETWORK_POINTS[0])[0] == 1024


@network_points
def test_r27_forward_mode_takes_one_pass_for_each_input(point: Any) -> None:
    value, gradient, _ = network_closed_form(point)
    for i, unit in enumerate(np.eye(4)):
        actual, derivative = cr.jvp(network, point, tuple(unit))
        assert_close(actual, float(value), condition=8)
        assert_close(derivative, float(gradient[i]), condition=8)


@network_points
def test_r28_reverse_mode_gives_all_in_one_pass(point: Any) -> None:
    value, gradient, _ = network_closed_form(point)
    actual, pullback = cr.vjp(network, *point)
    assert_close(actual, float(value), condition=8)
    assert_close(floats(pullback(1.0)), floats(gradient), condition=8)


@network_points
def test_r28_adjoints_of_inner_nodes(point: Any) -> None:
    """∂f/∂u = 2 (u + v), and by the chain rule ∂f/∂a = 8 a (u + v), ∂f/∂b = 8 b (u + v)."""
    a, b = layers(*point)
    u, v = outputs(a, b)
    assert_close(floats(cr.grad(lambda u, v: (u + v) ** 2, argnums=(0, 1))(u, v)), floats([2 * (u + v)] * 2))
    by_layer = cr.grad(lambda a, b: sum(outputs(a, b)) ** 2, argnums=(0, 1))(a, b)
    assert_close(floats(by_layer), floats([8 * a * (u + v), 8 * b * (u + v)]))


def test_r28_adjoints_of_inner_nodes_at_the_chapters_point() -> None:
    a, b = layers(*NETWORK_POINTS[0])
    u, v = outputs(a, b)
    assert (a, b, u, v) == (4, 0, 16, 16)
    assert cr.grad(lambda u, v: (u + v) ** 2, argnums=(0, 1))(u, v) == (64, 64)
    assert cr.grad(lambda a, b: sum(outputs(a, b)) ** 2, argnums=(0, 1))(a, b) == (1024, 0)


def test_r30_printed_lines() -> None:
    w, x, y, z = -1, 0, -2, 1
    value, (dw, dx, dy, dz) = cr.value_and_grad(network, argnums=(0, 1, 2, 3))(w, x, y, z)
    lines = [f"f at {w}, {x}, {y}, {z} is {value}"]
    lines += [
        f"df/d{name} at {w}, {x}, {y}, {z} is {derivative}"
        for name, derivative in zip("wxyz", (dw, dx, dy, dz), strict=True)
    ]
    assert lines == [
        "f at -1, 0, -2, 1 is 1024.0",
        "df/dw at -1, 0, -2, 1 is -4096.0",
        "df/dx at -1, 0, -2, 1 is -4096.0",
        "df/dy at -1, 0, -2, 1 is -4096.0",
        "df/dz at -1, 0, -2, 1 is -4096.0",
    ]


def test_r34_gradient_by_four_arguments_is_a_tuple_of_floats() -> None:
    gradient = cr.grad(network, argnums=(0, 1, 2, 3))(-1.0, 0.0, -2.0, 1.0)
    assert type(gradient) is tuple
    assert all(isinstance(part, float) for part in gradient)
    assert gradient == (-4096.0, -4096.0, -4096.0, -4096.0)


@network_points
def test_r35_second_derivatives_of_the_network(point: Any) -> None:
    _, _, expected = network_closed_form(point)
    for second in second_derivatives(lambda p: network(*p), floats(point)):
        assert_close(second, floats(expected), condition=16)
    by_arguments = cr.hessian(network, argnums=(0, 1, 2, 3))(*point)
    assert [len(row) for row in by_arguments] == [4, 4, 4, 4]
    assert_close(floats(by_arguments), floats(expected), condition=16)


def test_r35_second_derivatives_at_the_chapters_point() -> None:
    second = cr.hessian(lambda p: network(*p))(floats(NETWORK_POINTS[0]))
    np.testing.assert_array_equal(second, np.full((4, 4), 14336.0))
    v = np.array([0.5, -1.0, 0.25, 2.0])
    product = cr.hvp(lambda p: network(*p), (floats(NETWORK_POINTS[0]),), (v,))
    np.testing.assert_array_equal(product, np.full(4, 14336.0 * v.sum()))


def test_r35_nested_structures() -> None:
    def of_parts(parts: dict[str, Any]) -> Any:
        return parts["a"] ** 2 * np.sum(parts["b"]) + np.prod(parts["b"].shape)

    second = cr.hessian(of_parts)({"a": 3.0, "b": np.array([1.0, 2.0])})
    assert second["a"]["a"] == 6.0
    np.testing.assert_array_equal(second["a"]["b"], [6.0, 6.0])
    np.testing.assert_array_equal(second["b"]["a"], [6.0, 6.0])
    np.testing.assert_array_equal(second["b"]["b"], np.zeros((2, 2)))


# --- the general quadratic --------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", [(0.0, 0.0), (1.5, -0.75)], ids=str)
def test_r37_general_quadratic(point: tuple[float, float]) -> None:
    a, b1, b2, c11, c12, c22 = 0.5, -1.25, 2.0, 3.0, -0.5, 1.75  # exact in binary

    def quadratic(x: Any) -> Any:
        return a + b1 * x[0] + b2 * x[1] + c11 * x[0] ** 2 + c12 * x[0] * x[1] + c22 * x[1] ** 2

    x = np.array(point)
    slope = np.array([b1 + 2 * c11 * x[0] + c12 * x[1], b2 + c12 * x[0] + 2 * c22 * x[1]])
    value, gradient = cr.value_and_grad(quadratic)(x)
    assert value == quadratic(x)
    np.testing.assert_array_equal(gradient, slope)
    step = np.array([0.5, 2.0])
    for second in second_derivatives(quadratic, x):
        np.testing.assert_array_equal(second, [[2 * c11, c12], [c12, 2 * c22]])
        assert value + gradient @ step + step @ second @ step / 2 == quadratic(x + step)


# --- x exp(-x² - y²) --------------------------------------------------------------------------------------------


def hill(x: Any, y: Any) -> Any:
    return x * np.exp(-(x**2) - y**2)


@pytest.mark.parametrize("point", [(-1.0, 0.0), (0.4, -0.7), (0.0, 0.0)], ids=str)
def test_r39_value_gradient_and_second_derivatives(point: tuple[float, float]) -> None:
    x, y = point
    e = math.exp(-x * x - y * y)
    slope = e * np.array([1 - 2 * x * x, -2 * x * y])
    curvature = e * np.array(
        [[4 * x**3 - 6 * x, 4 * x * x * y - 2 * y], [4 * x * x * y - 2 * y, 4 * x * y * y - 2 * x]]
    )
    value, gradient = cr.value_and_grad(hill, argnums=(0, 1))(x, y)
    np.testing.assert_allclose(value, x * e, rtol=tolerance(float), atol=0)
    assert_close(floats(gradient), slope)
    for second in second_derivatives(lambda v: hill(v[0], v[1]), floats(point)):
        np.testing.assert_allclose(second, curvature, rtol=0, atol=tolerance(float, 4))


def test_r39_at_the_chapters_point() -> None:
    value, gradient = cr.value_and_grad(hill, argnums=(0, 1))(-1.0, 0.0)
    assert_close(value, -0.36787944117144233)
    assert_close(floats(gradient), np.array([-1 / math.e, 0.0]))
    assert_close(cr.hessian(lambda v: hill(v[0], v[1]))(np.array([-1.0, 0.0])), 2 / math.e * np.eye(2))


# --- exercise 4: x²y + xy² --------------------------------------------------------------------------------------------


def saddle(v: Any) -> Any:
    x, y = v[0], v[1]
    return x**2 * y + x * y**2


@pytest.mark.parametrize("point", [(0.0, 0.0), (1.5, -0.25), (-2.0, 4.0)], ids=str)
def test_exercise_4_gradient_and_second_derivatives(point: tuple[float, float]) -> None:
    x, y = point
    np.testing.assert_array_equal(cr.grad(saddle)(floats(point)), [2 * x * y + y * y, x * x + 2 * x * y])
    for second in second_derivatives(saddle, floats(point)):
        np.testing.assert_array_equal(second, [[2 * y, 2 * x + 2 * y], [2 * x + 2 * y, 2 * x]])


def test_exercise_4_the_origin_is_degenerate_to_second_order_but_not_to_third() -> None:
    origin = np.zeros(2)
    np.testing.assert_array_equal(cr.grad(saddle)(origin), origin)
    np.testing.assert_array_equal(cr.hessian(saddle)(origin), np.zeros((2, 2)))
    third = cr.jacobian(cr.hessian(saddle))(origin)
    np.testing.assert_array_equal(third, [[[0, 2], [2, 2]], [[2, 2], [2, 0]]])
