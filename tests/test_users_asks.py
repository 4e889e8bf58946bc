"""What users of other libraries asked for or stumbled over, each as a test named after the issue.

``jax_347`` is issue 347 of google/jax, ``autograd_802`` is issue 802 of HIPS/autograd, and so on. The functions are
those of the reports, in plain NumPy.
"""

import gc
import itertools
import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.cache import CACHE
from chainrule.core.conventions import recorded
from chainrule.core.node import table_size
from chainrule.errors import DegenerateError
from tests.oracles import complex_step, numeric_jacobian, tolerance

MODES = ("forward", "reverse")
PAIRS = list(itertools.product(MODES, repeat=2))


def all_modes(function: Callable[[Any], Any], point: Any, order: int = 1) -> list[Any]:
    """The derivative of an order in every combination of modes."""
    found = []
    for modes in itertools.product(MODES, repeat=order):
        derived = function
        for mode in modes:
            derived = cr.jacobian(derived, mode=mode)
        found.append(derived(point))
    return found


def assert_all_equal(found: list[Any], expected: Any) -> None:
    for actual in found:
        assert np.shape(actual) == np.shape(expected)
        np.testing.assert_allclose(actual, expected, rtol=tolerance(float), atol=0)


# --- nan where nothing is wrong ---------------------------------------------------------------------------------------


def guarded_sqrt(x: Any) -> Any:
    return np.where(x > 0, np.sqrt(x), 0)


def test_jax_347_1052_2630_20601_where_guards_a_root() -> None:
    x = np.array([-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(cr.grad(lambda x: guarded_sqrt(x).sum())(x), [0.0, 0.0, 0.5])
    np.testing.assert_array_equal(cr.elementwise_grad(guarded_sqrt)(x), [0.0, 0.0, 0.5])
    assert_all_equal(all_modes(guarded_sqrt, x), np.diag([0.0, 0.0, 0.5]))
    assert_all_equal(all_modes(lambda x: guarded_sqrt(x).sum(), x, 2), np.diag([0.0, 0.0, -0.25]))


def test_jax_1052_where_guards_a_quotient_a_logarithm_and_a_norm() -> None:
    x = np.array([0.0, 2.0])
    assert_all_equal(all_modes(lambda x: np.where(x != 0, 1 / x, 0).sum(), x), [0.0, -0.25])
    assert_all_equal(all_modes(lambda x: np.where(x > 0, x * np.log(x), 0).sum(), x), [0.0, 1 + math.log(2)])
    assert_all_equal(all_modes(lambda x: np.where(x.sum() > 5, np.log(x).sum(), x.sum()), x), [1.0, 1.0])

    def guarded_norms(v: Any) -> Any:
        squares = np.sum(v * v, axis=1)
        return np.where(squares > 0, np.sqrt(squares), 0).sum()

    v = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert_all_equal(all_modes(guarded_norms, v), [[0.0, 0.0], [0.6, 0.8]])


def test_autograd_802_root_of_the_lane_not_taken() -> None:
    assert cr.grad(lambda x: np.where(x >= 0, x, np.sqrt(-x)))(1.0) == 1.0
    assert cr.grad(lambda x: np.where(x >= 0, x, np.sqrt(-x)))(-4.0) == -0.25


def test_pytorch_156212_tinygrad_12409_x_sqrt_x_at_zero() -> None:
    for order in (1, 2, 3):
        assert_all_equal(all_modes(lambda x: np.where(x == 0, 0, x * np.sqrt(x)), 0.0, order), 0.0)


@pytest.mark.parametrize("order", [1, 2])
def test_jax_19089_boolean_mask_as_an_index(order: int) -> None:
    """The root at 0 is dropped by the index; what is left is sqrt(x), with derivatives 1/2 and -1/4 at 1."""

    def masked(x: Any) -> Any:
        d = np.array([0.0, 1.0]) * x
        return np.sum((d**0.5)[d > 0])

    assert_all_equal(all_modes(masked, 1.0, order), {1: 0.5, 2: -0.25}[order])


def test_jax_19089_integer_indices_and_slices() -> None:
    def gathered(x: Any) -> Any:
        return np.sum(np.sqrt(x)[np.array([1, 1, 2])])

    def sliced(x: Any) -> Any:
        return np.sum(np.sqrt(x)[1:])

    x = np.array([0.0, 1.0, 4.0])
    assert_all_equal(all_modes(gathered, x), [0.0, 1.0, 0.25])
    assert_all_equal(all_modes(sliced, x), [0.0, 0.5, 0.25])
    assert_all_equal(all_modes(sliced, x, 2), np.diag([0.0, -0.25, -1 / 32]))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_casadi_1805_1878_derivatives_of_a_choice(order: int) -> None:
    assert_all_equal(all_modes(guarded_sqrt, -3.0, order), 0.0)


def test_casadi_1805_python_branches() -> None:
    def branch(x: Any) -> Any:
        return np.sqrt(x) if x > 0 else 0.0 * x

    assert cr.grad(cr.grad(branch))(-3.0) == 0.0
    assert cr.grad(branch)(4.0) == 0.25


def test_enzyme_strong_zero() -> None:
    for order in (1, 2):
        assert_all_equal(all_modes(lambda x: np.minimum(1, 1 / x), 0.0, order), 0.0)


NORMS = {
    "np.linalg.norm": np.linalg.norm,
    "np.linalg.norm, ord=2": lambda x: np.linalg.norm(x, 2),
    "np.linalg.norm, axis=0": lambda x: np.linalg.norm(x, axis=0),
    "sqrt of a sum": lambda x: np.sqrt(np.sum(x**2)),
    "sqrt of a sum of products": lambda x: np.sqrt((x * x).sum()),
    "sqrt of a dot product": lambda x: np.sqrt(np.dot(x, x)),
    "root as a power": lambda x: np.sum(x**2) ** 0.5,
    "root of a mean": lambda x: np.sqrt(np.mean(x**2)),
    "root of a weighted sum": lambda x: np.sqrt(2 * np.sum(x**2)),
    "einsum": lambda x: np.sqrt(np.einsum("i,i->", x, x)),
}


@pytest.mark.parametrize("name", NORMS)
def test_norm_at_zero(name: str) -> None:
    """Issues autograd 151, 183, 268, 570, 586, 617; jax 3058, 4177, 21723, 26248, 39792; pytorch 2421; casadi 3898."""
    norm = NORMS[name]
    scale = norm(np.array([1.0, 0.0, 0.0]))
    origin, x = np.zeros(3), np.array([2.0, -1.0, 2.0])
    if name != "root as a power":  # a power of a sum has the derivative of a power
        assert_all_equal(all_modes(norm, origin), origin)
    assert_all_equal(all_modes(norm, x), scale * x / 3)
    for squared in (lambda x: norm(x) ** 2, lambda x: norm(x) * norm(x), lambda x: np.square(norm(x))):
        assert_all_equal(all_modes(squared, origin), origin)
        assert_all_equal([cr.hessian(squared)(origin), *all_modes(squared, origin, 2)], 2 * scale**2 * np.eye(3))


def test_norm_at_zero_of_one_row_of_many() -> None:
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    gradient = cr.grad(lambda x: np.linalg.norm(x, axis=1).sum())(x)
    np.testing.assert_allclose(gradient, [[0.0, 0.0], [0.6, 0.8]], rtol=tolerance(float))
    second = cr.hessian(lambda x: np.sum(np.linalg.norm(x, axis=1) ** 2))(x)
    np.testing.assert_allclose(second, 2 * np.eye(4).reshape(2, 2, 2, 2), rtol=0, atol=tolerance(float))


@pytest.mark.parametrize("absolute", [np.abs, abs, np.fabs], ids=["np.abs", "abs", "np.fabs"])
def test_jax_37820_10515_12142_absolute_value_at_zero(absolute: Callable[[Any], Any]) -> None:
    assert_all_equal(all_modes(absolute, 0.0), 0.0)
    assert_all_equal(all_modes(absolute, np.array([-2.0, 0.0, 3.0])), np.diag([-1.0, 0.0, 1.0]))
    assert_all_equal(all_modes(absolute, 0.0, 2), 0.0)


def test_jax_37821_rectifier_by_maximum_shares_the_tie_and_says_so() -> None:
    with recorded() as used:
        assert cr.grad(lambda x: np.maximum(x, 0))(0.0) == 0.5
    assert any("half each" in convention for convention in used)
    assert cr.grad(lambda x: np.where(x > 0, x, 0))(0.0) == 0.0  # the way to 0


# --- powers -----------------------------------------------------------------------------------------------------------


def test_pytorch_27134_power_of_zero_by_the_exponent() -> None:
    gradient = cr.grad(lambda a, b: a**b, argnums=(0, 1))
    assert gradient(0.0, 1.0) == (1.0, 0.0)
    assert gradient(0.0, 2.0) == (0.0, 0.0)


def test_jax_12409_16419_power_zero_of_zero() -> None:
    assert cr.grad(lambda x: x**0)(0.0) == 0.0
    assert cr.grad(lambda x: x**0.0)(0.0) == 0.0
    assert cr.grad(lambda x, y: x**y)(0.0, 0.0) == 0.0
    assert cr.grad(lambda x: np.power(x, np.array([0, 1, 2])).sum())(0.0) == 1.0


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5])
def test_tensorflow_35011_high_derivatives_of_powers_at_zero(n: int) -> None:
    derived: Callable[[Any], Any] = lambda x: x**n  # noqa: E731
    for order in range(7):
        assert derived(0.0) == (math.factorial(n) if order == n else 0.0)
        derived = cr.grad(derived)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_tensorflow_35011_with_the_exponent_as_an_argument(n: int) -> None:
    derived: Callable[[Any, Any], Any] = lambda x, y: x**y  # noqa: E731
    for order in range(1, 6):
        derived = cr.grad(derived)
        assert derived(0.0, float(n)) == (math.factorial(n) if order == n else 0.0)


# a**b at a = 0, by a and by b: the limits as a falls to 0.
STAN_3031 = {
    0.0: (0.0, 0.0),
    0.5: (math.inf, 0.0),
    1.0: (1.0, 0.0),
    1.5: (0.0, 0.0),
    2.0: (0.0, 0.0),
    3.0: (0.0, 0.0),
    -0.5: (-math.inf, -math.inf),
    -1.0: (-math.inf, -math.inf),
}


@pytest.mark.parametrize("b", STAN_3031)
def test_stan_3031_powers_of_zero(b: float) -> None:
    expected = STAN_3031[b]
    assert cr.grad(lambda a, b: a**b, argnums=(0, 1))(0.0, b) == expected
    arrays = cr.grad(lambda a, b: np.sum(a**b), argnums=(0, 1))(np.array([0.0, 2.0]), np.array([b, b]))
    assert (arrays[0][0], arrays[1][0]) == expected
    np.testing.assert_allclose(arrays[0][1], b * 2 ** (b - 1), rtol=tolerance(float))
    np.testing.assert_allclose(arrays[1][1], 2**b * math.log(2), rtol=tolerance(float))


def test_enzyme_2855_negative_bases_have_a_derivative_by_the_base() -> None:
    assert cr.grad(lambda x: x**3)(-2.0) == 12.0
    assert cr.grad(lambda x, y: x**y)(-2.0, 3.0) == 12.0
    assert np.isnan(cr.grad(lambda x, y: x**y, argnums=1)(-2.0, 3.0))


# --- matrices ---------------------------------------------------------------------------------------------------------


def test_jax_669_2311_8732_norm_of_a_matrix_with_tied_eigenvalues() -> None:
    """‖A‖ from the eigenvalues: gradient A/‖A‖. Through eigenvectors of ties it is refused, never nan or wrong."""

    def by_values(a: Any) -> Any:
        return np.linalg.norm(np.linalg.eigvalsh(a))

    def by_vectors(a: Any) -> Any:
        w, v = np.linalg.eigh(a)
        return np.linalg.norm((v * w) @ v.T)

    simple, tied = np.diag([1.0, 2.0, 3.0, 4.0]), np.diag([1.0, 1.0, 2.0, 3.0])
    for function, a in ((by_values, simple), (by_vectors, simple), (by_values, tied)):
        gradient = cr.grad(function)(a)
        np.testing.assert_allclose(gradient, a / np.linalg.norm(a), rtol=0, atol=tolerance(float))
    with pytest.raises(DegenerateError):
        cr.grad(by_vectors)(tied)


def spread(rng: np.random.Generator, n: int) -> Any:
    """A well-conditioned matrix without symmetry."""
    return np.diag(np.arange(1.0, n + 1)) + 0.2 * rng.normal(size=(n, n))


LINEAR_ALGEBRA = {
    "solve by a": lambda a: np.linalg.solve(a, np.arange(1.0, 4.0)),
    "solve by both": lambda a: np.linalg.solve(a, a * a),
    "inv": np.linalg.inv,
    "slogdet": lambda a: np.linalg.slogdet(a)[1],
    "cholesky": lambda a: np.linalg.cholesky(a @ a.T + np.eye(3)),
    "eigvalsh": lambda a: np.linalg.eigvalsh(a + a.T),
    "eigh": lambda a: np.linalg.eigh(a + a.T)[1] ** 2,
    "trace of a power": lambda a: np.trace(a @ a @ a),
    "einsum": lambda a: np.einsum("ij,jk,ki->i", a, a, a),
    "diagonal": lambda a: np.diagonal(a @ a),
    "outer": lambda a: np.outer(a[0], a[1] * a[2]),
    "norm": np.linalg.norm,
    "softmax": lambda a: np.exp(a) / np.exp(a).sum(axis=1, keepdims=True),
}


@pytest.mark.parametrize("name", LINEAR_ALGEBRA)
def test_pytorch_192540_every_pair_of_modes_gives_the_same_second_derivatives(
    name: str, rng: np.random.Generator
) -> None:
    function = LINEAR_ALGEBRA[name]
    a = spread(rng, 3)
    expected = numeric_jacobian(lambda x: np.asarray(cr.jacobian(function, mode="reverse")(x)), a)
    first = numeric_jacobian(function, a)
    bound = tolerance(float, error=1e-8)
    for actual in all_modes(function, a):
        np.testing.assert_allclose(actual, first, rtol=0, atol=bound * np.abs(first).max())
    for actual in all_modes(function, a, 2):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=bound * np.abs(expected).max())


def test_jax_1458_symmetric_functions_see_the_symmetric_part_of_a_tangent(rng: np.random.Generator) -> None:
    root = rng.normal(size=(3, 3))
    a, tangent = root @ root.T + np.eye(3), rng.normal(size=(3, 3))
    for function in (np.linalg.cholesky, np.linalg.eigvalsh):
        _, skew = cr.jvp(function, (a,), (tangent - tangent.T,))
        _, general = cr.jvp(function, (a,), (tangent,))
        _, symmetric = cr.jvp(function, (a,), ((tangent + tangent.T) / 2,))
        bound = tolerance(float, np.linalg.cond(a)) * np.abs(general).max()
        np.testing.assert_allclose(skew, np.zeros_like(skew), rtol=0, atol=bound)
        np.testing.assert_allclose(general, symmetric, rtol=0, atol=bound)


MATRIX = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
VECTOR = np.array([0.5, 2.0, -1.0])

# Operations with the constant first: right, or refused with an error that names the fix; never a silent zero.
REFLECTED = {
    "M @ x": (lambda x: MATRIX @ x, MATRIX),
    "np.dot(M, x)": (lambda x: np.dot(MATRIX, x), MATRIX),
    "np.matmul(M, x)": (lambda x: np.matmul(MATRIX, x), MATRIX),
    "np.inner(M, x)": (lambda x: np.inner(MATRIX, x), MATRIX),
    "np.tensordot(M, x, 1)": (lambda x: np.tensordot(MATRIX, x, 1), MATRIX),
    "np.einsum": (lambda x: np.einsum("ij,j->i", MATRIX, x), MATRIX),
    "nested list @ x": (lambda x: MATRIX.tolist() @ x, MATRIX),
    "np.vdot(v, x)": (lambda x: np.vdot(VECTOR, x), VECTOR),
    "np.outer(v, x)": (lambda x: np.outer(VECTOR, x).sum(0), np.eye(3) * VECTOR.sum()),
    "np.float64 * x": (lambda x: np.float64(2) * x, 2 * np.eye(3)),
    "np.float32 * x": (lambda x: np.float32(2) * x, 2 * np.eye(3)),
    "np.int64 * x": (lambda x: np.int64(2) * x, 2 * np.eye(3)),
    "0-d array * x": (lambda x: np.array(2.0) * x, 2 * np.eye(3)),
    "list * x": (lambda x: [1.0, 2.0, 3.0] * x, np.diag([1.0, 2.0, 3.0])),
    "tuple - x": (lambda x: (1.0, 2.0, 3.0) - x, -np.eye(3)),
    "array - x": (lambda x: VECTOR - x, -np.eye(3)),
    "array / x": (lambda x: VECTOR / x, np.diag(-1 / VECTOR)),
    "array ** x": (lambda x: np.array([2.0, 2.0, 2.0]) ** x, np.diag(math.log(2) * 2**VECTOR)),
    "number ** x": (lambda x: 2**x, np.diag(math.log(2) * 2**VECTOR)),
    "number / x": (lambda x: 1 / x, np.diag(-1 / VECTOR**2)),
    "np.float64 - x": (lambda x: np.float64(1) - x, -np.eye(3)),
    "array != x": (lambda x: (np.zeros(3) != x) * x, np.eye(3)),
    "sum of a list": (lambda x: sum([x, VECTOR, 2 * x]), 3 * np.eye(3)),
}


@pytest.mark.parametrize("name", REFLECTED)
def test_autograd_423_8_constants_first(name: str) -> None:
    function, expected = REFLECTED[name]
    for actual in all_modes(function, VECTOR):
        np.testing.assert_allclose(actual, expected, rtol=tolerance(float))


def test_autograd_423_methods_of_arrays_are_refused() -> None:
    for call in (lambda x: MATRIX.dot(x), lambda x: np.asarray(x), lambda x: np.array([x[0], x[1]])):
        with pytest.raises((TypeError, ValueError)) as caught:
            cr.jacobian(call)(VECTOR)
        assert "Fix:" in f"{caught.value} {caught.value.__cause__}"


# --- inputs and dtypes ------------------------------------------------------------------------------------------------


def test_jax_1333_652_22688_dtypes_are_those_of_numpy() -> None:
    for dtype in (np.float64, np.float32, np.float16):
        x = np.ones((2, 2), dtype)
        value, gradient = cr.value_and_grad(lambda x: np.sum(x * np.ones_like(x)))(x)
        assert value.dtype == np.sum(x).dtype == dtype
        assert gradient.dtype == dtype
        (extra,) = cr.value_and_grad(lambda x: (x[0, 0], (np.ones((2, 2)) * x,)), has_aux=True)(x)[0][1]
        assert extra.dtype == np.float64


def test_autograd_163_199_single_precision_stays() -> None:
    x = np.array([1.0, 3.0, 3.0], np.float32)
    for function in (np.max, np.min, np.linalg.norm, lambda x: np.sum(2.0**x), lambda x: np.where(x > 1, x, 0).sum()):
        assert cr.grad(function)(x).dtype == np.float32
        assert cr.hessian(function)(x).dtype == np.float32
    np.testing.assert_array_equal(cr.grad(np.max)(x), np.array([0.0, 0.5, 0.5], np.float32))


def test_autograd_482_3_jax_424_2663_pytorch_53466_integers() -> None:
    gradient = cr.grad(lambda x: x * x)(2)
    assert type(gradient) is np.float64
    assert gradient == 4.0
    gradient = cr.grad(lambda x: np.sum(x**2))(np.array([1, 2, 3]))
    assert gradient.dtype == np.float64
    np.testing.assert_array_equal(gradient, [2.0, 4.0, 6.0])
    assert cr.grad(lambda x: 1 / x)(2) == -0.25  # not integer division
    assert cr.grad(lambda x, n: x**n)(2, 3) == 12.0
    np.testing.assert_array_equal(cr.hessian(lambda x: np.sum(x**3))(np.array([1, 2])), np.diag([6.0, 12.0]))


@pytest.mark.parametrize("shape", [(0,), (1,), (0, 3), (3, 0), (1, 1), (1, 3), ()], ids=str)
def test_arrays_of_none_or_one_entry(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    x = rng.uniform(0.5, 1.5, size=shape)
    functions = {
        "sum": lambda x: np.sum(np.exp(x) * x),
        "where": lambda x: np.sum(np.where(x > 1, x, x * x)),
        "axis": lambda x: np.sum(np.sum(x**2, axis=-1)) if x.ndim else x**2,
        "broadcast": lambda x: np.sum(x * np.ones((2, *x.shape))),
        "product": lambda x: np.sum(x.T @ x) if x.ndim else x * x,
        "reshape": lambda x: np.sum(np.reshape(x, (-1,)) ** 2) if x.size else np.sum(x.ravel() ** 2),
        "concatenate": lambda x: np.sum(np.concatenate([x, x]) ** 2) if x.ndim else x,
        "norm": np.linalg.norm,
        "cumsum": lambda x: np.sum(np.cumsum(x) ** 2),
    }
    for name, function in functions.items():
        gradient = cr.grad(function)(x)
        assert np.shape(gradient) == shape, name
        expected = numeric_jacobian(function, x)
        bound = tolerance(float, error=1e-9)
        np.testing.assert_allclose(gradient, expected, rtol=bound, atol=bound, err_msg=name)
        assert np.shape(cr.hessian(function)(x)) == shape + shape, name
        for mode in MODES:
            np.testing.assert_allclose(cr.jacobian(function, mode=mode)(x), gradient, rtol=bound, err_msg=name)


# --- derivatives through custom rules ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["jvp", "vjp", "both"])
def test_jax_3996_16049_7401_jaxopt_474_hessian_through_a_custom_rule(rule: str) -> None:
    """A function whose own code has no useful derivative, with the rule of sin(x[0]) x[1]²."""

    def pushed(primals: Any, tangents: Any) -> Any:
        (x,), (dx,) = primals, tangents
        return np.cos(x[0]) * x[1] ** 2 * dx[0] + 2 * np.sin(x[0]) * x[1] * dx[1]

    def pulled(primals: Any, ct: Any) -> Any:
        (x,) = primals
        return (np.stack([ct * np.cos(x[0]) * x[1] ** 2, 2 * ct * np.sin(x[0]) * x[1]]),)

    def plain(x: Any) -> Any:
        return np.sin(x[0]) * x[1] ** 2

    rules = {"jvp": {"jvp": pushed}, "vjp": {"vjp": pulled}, "both": {"jvp": pushed, "vjp": pulled}}[rule]
    function = cr.custom_derivative(lambda x: cr.stop_gradient(plain(x)), **rules)
    x = np.array([0.7, -1.3])
    sine, cosine = math.sin(0.7), math.cos(0.7)
    slope = [cosine * 1.69, -2.6 * sine]
    curvature = [[-sine * 1.69, -2.6 * cosine], [-2.6 * cosine, 2 * sine]]
    for actual in [cr.grad(function)(x), *all_modes(function, x)]:
        np.testing.assert_allclose(actual, slope, rtol=tolerance(float))
    for actual in [cr.hessian(function)(x), *all_modes(function, x, 2)]:
        np.testing.assert_allclose(actual, curvature, rtol=tolerance(float))


# --- overhead, size, memory -------------------------------------------------------------------------------------------


def derived_since(counts: dict[str, int]) -> int:
    return sum(CACHE.misses.values()) - sum(counts.values())


def test_jax_14185_a_thousand_calls_derive_and_compile_nothing_new() -> None:
    gradient = cr.grad(lambda x: x**2 + x)
    gradient(0.25)
    before = dict(CACHE.misses)
    points = np.linspace(-3, 3, 1000)
    assert [gradient(float(x)) for x in points] == [2 * x + 1 for x in points]
    assert derived_since(before) == 0


def test_jax_14185_changing_python_numbers_share_one_program() -> None:
    def step(x: Any, rate: float) -> Any:
        return np.sum((x - rate) ** 2) / (1 + rate)

    x = np.ones(3)
    cr.grad(lambda x: step(x, 0.3))(x)
    before = dict(CACHE.misses)
    for k in range(50):
        rate = 0.31 + 0.007 * k
        gradient = cr.grad(lambda x, rate=rate: step(x, rate))(x)
        np.testing.assert_allclose(gradient, np.full(3, 2 * (1 - rate) / (1 + rate)), rtol=tolerance(float, 8))
    assert derived_since(before) == 0


def unrolled(x: Any, steps: int) -> Any:
    for _ in range(steps):
        x = x * 0.9999 + np.sin(x) * 0.0001
    return x


@pytest.mark.parametrize("shape", [(), (2,)], ids=["numbers", "arrays"])
def test_jax_2777_1223_unrolled_loops_grow_linearly(shape: tuple[int, ...]) -> None:
    """10,000 operations: derived and run without recursion, and ten times the loop gives ten times the graph."""
    x = np.full(shape, 0.5)[()]
    sizes = []
    for steps in (250, 2500):
        with_steps = cr.grad(lambda x, n=steps: np.sum(unrolled(x, n)))
        before = CACHE.weight
        gradient = with_steps(x)
        sizes.append(CACHE.weight - before)
        expected = complex_step(lambda x, n=steps: unrolled(x, n), 0.5, 1.0)
        np.testing.assert_allclose(gradient, np.full(shape, expected), rtol=tolerance(float, terms=4 * steps))
    assert sizes[1] < 10.5 * sizes[0]


def peak_memory(function: Callable[[], Any]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_jax_7949_jacobian_of_a_slice_holds_no_second_square_array() -> None:
    n = 600
    x = np.linspace(0, 1, n)
    derived = cr.jacobian(lambda x: x[1:], mode="reverse")
    np.testing.assert_array_equal(derived(x), np.eye(n)[1:])
    derived(x)
    square = n * n * x.itemsize
    # The seeds, the result, a mask, and a copy.
    assert peak_memory(lambda: derived(x)) < 4.5 * square


def chain(w: Any) -> Any:
    y = w
    for _ in range(100):
        y = np.dot(w, y)
    return np.sum(y)


def test_autograd_219_memory_of_a_hundred_chained_products(rng: np.random.Generator) -> None:
    """Reverse mode keeps one array for each product; what is used up is dropped on the way back."""
    n = 64
    w = rng.normal(size=(n, n)) / (3 * math.sqrt(n))
    gradient = cr.grad(chain)
    direction = rng.normal(size=(n, n))
    _, moved = cr.jvp(chain, (w,), (direction,))
    np.testing.assert_allclose(np.sum(gradient(w) * direction), moved, rtol=tolerance(float, n, terms=100 * n))
    gradient(w)
    peak = peak_memory(lambda: gradient(w))
    assert peak < 150 * w.nbytes
    nodes, weight = table_size(), CACHE.weight
    for _ in range(5):
        gradient(w)
    gc.collect()
    assert table_size() <= nodes
    assert CACHE.weight == weight
