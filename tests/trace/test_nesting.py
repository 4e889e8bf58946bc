"""Transforms inside transforms: each has variables of its own, and derivatives never get mixed up."""

import math
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import TracerLeakError
from chainrule.trace.tracer import current_trace
from tests.oracles import numeric_gradient, numeric_hessian, tolerance

grad = cr.grad


def derivative(f):
    """The same as `grad`, by forward mode."""
    return lambda x: cr.jvp(f, (x,), (1.0,))[1]


def by_vjp(f):
    """The same as `grad`, by a pullback."""
    return lambda x: cr.vjp(f, x)[1](1.0)[0]


def by_linearize(f):
    return lambda x: cr.linearize(f, x)[1](1.0)


def by_jacobian(f):
    return cr.jacobian(f)


def by_forward_jacobian(f):
    return cr.jacobian(f, mode="forward")


D = [grad, derivative, by_vjp, by_linearize, by_jacobian, by_forward_jacobian, cr.elementwise_grad]
modes = pytest.mark.parametrize("inner", D)
outer_modes = pytest.mark.parametrize("outer", D)


@outer_modes
@modes
def test_an_inner_variable_given_a_constant_is_not_the_outer_one(outer, inner):
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(3.0) == 1.0
    assert outer(lambda x: x * inner(lambda y: x * y)(1.0))(3.0) == 6.0


@outer_modes
@modes
def test_perturbation_confusion_examples(outer, inner):
    # Siskind & Pearlmutter (2005), "Perturbation confusion and referential transparency": d/dx [x d/dy (x + y)].
    assert outer(lambda x: x * inner(lambda y: x + y)(x))(1.0) == 1.0
    # Manzyuk et al. (2019), "Perturbation confusion in forward automatic differentiation of higher-order functions".
    assert outer(lambda x: inner(lambda y: x * y * y)(3.0) * x)(2.0) == 24.0
    assert outer(lambda x: inner(lambda x: x * x * x)(x) * x)(2.0) == 36.0
    # A function that returns a function of the outer variable: the amazing bug of the same paper.
    shifted = outer(lambda x: (lambda f, y: f(x + y))(lambda z: z * z * z, inner(lambda y: x * y)(5.0)))(1.0)
    assert shifted == 2 * 3 * 2.0**2


@outer_modes
@modes
def test_second_derivative_of_a_cube(outer, inner):
    assert outer(inner(lambda x: x**3))(2.0) == 12.0


def test_nested_to_depth_four():
    fourth = grad(grad(grad(grad(lambda x: x**5))))
    assert fourth(2.0) == 240.0
    np.testing.assert_allclose(grad(grad(grad(grad(np.sin))))(0.3), math.sin(0.3), rtol=tolerance(float))
    mixed = grad(derivative(by_vjp(derivative(lambda x: np.exp(2 * x)))))
    np.testing.assert_allclose(mixed(0.3), 16 * math.exp(0.6), rtol=tolerance(float, terms=4))


def test_variables_of_four_levels_in_one_product():
    def f(a):
        return grad(lambda b: grad(lambda c: grad(lambda d: a**4 * b**3 * c**2 * d)(1.0) * c)(2.0) * b)(3.0)

    # d/dd gives a⁴b³c², times c and d/dc at 2: 3·2²a⁴b³, times b and d/db at 3: 4·3³·12 a⁴.
    assert f(1.0) == 12 * 4 * 27
    assert grad(f)(2.0) == 12 * 4 * 27 * 4 * 8


def test_every_transform_inside_grad():
    x = np.array([1.0, 2.0])

    def f(x):
        inner = cr.hessian(lambda y: np.sum(y**3) * np.sum(x))(x)
        jacobian = cr.jacobian(lambda y: np.sin(y) * x)(x)
        value, tangent = cr.jvp(lambda y: y * y * x, (x,), (np.ones(2),))
        pulled = cr.vjp(lambda y: y * x, x)[1](x)[0]
        product = cr.hvp(lambda y: np.sum(y**4) * x[0], (x,), (x,))
        return np.sum(inner) + np.sum(jacobian) + np.sum(value * tangent) + np.sum(pulled) + np.sum(product)

    def plain(x):
        inner = 6 * np.sum(x) * np.sum(x)
        jacobian = np.sum(np.cos(x) * x)
        return inner + jacobian + np.sum(x**3 * 2 * x**2) + np.sum(x * x) + np.sum(12 * x[0] * x**3)

    value, gradient = cr.value_and_grad(f)(x)
    np.testing.assert_allclose(value, plain(x), rtol=tolerance(float, terms=10))
    np.testing.assert_allclose(gradient, numeric_gradient(plain, x), rtol=tolerance(float, condition=10, terms=10))


def test_hessian_of_a_function_with_an_inner_gradient():
    x = np.array([0.5, -0.3])

    def f(x):
        return np.sum(grad(lambda y: np.sum(np.sin(y) * x))(x) ** 2)

    def plain(x):
        return np.sum((np.cos(x) * x) ** 2)

    np.testing.assert_allclose(cr.hessian(f)(x), numeric_hessian(plain, x), atol=tolerance(float, condition=1e4))


def test_a_closure_over_the_variable_of_a_middle_level():
    def f(x):
        def g(y):
            def h(z):
                return x * y * z + y**2 * z**3

            return grad(h)(y * x)

        return grad(g)(x**2)

    # h' = xy + 3y²z² with z = yx: g = xy + 3x²y⁴, g' = x + 12x²y³ with y = x²: f = x + 12x⁸.
    assert f(1.0) == 13.0
    assert grad(f)(2.0) == 1 + 96 * 2.0**7


def test_an_inner_function_that_ignores_its_variable():
    assert grad(lambda x: x * x + grad(lambda y: x * x)(3.0))(2.0) == 4.0
    assert grad(lambda x: grad(lambda y: 7.0)(x) + x)(2.0) == 1.0


def test_a_pullback_used_by_an_inner_and_an_outer_transform():
    def f(x):
        value, pull = cr.vjp(lambda y: y**3, x)
        return value + pull(x)[0]  # x³ + 3x³

    assert grad(f)(2.0) == 48.0
    assert grad(grad(f))(2.0) == 48.0


def test_a_pullback_is_differentiable_in_its_cotangent():
    _, pull = cr.vjp(lambda y: y**3, 2.0)
    assert grad(lambda w: pull(w * w)[0])(5.0) == 12.0 * 10.0


def test_a_pullback_lives_in_the_deeper_one_of_its_own_and_its_cotangents_call():
    def f(x):
        _, pull = cr.vjp(lambda y: y**3 * x, x)  # w -> 3x³ w
        return grad(lambda w: pull(w * w * x)[0])(5.0) + grad(lambda z: z * pull(x)[0])(2.0)  # 30x⁴ + 3x⁴

    assert grad(f)(2.0) == 132 * 8.0
    assert grad(grad(f))(2.0) == 396 * 4.0


def test_a_pullback_and_a_cotangent_of_sibling_calls_are_refused():
    def f(x):
        kept = []
        grad(lambda y: (kept.append(y), y)[1])(1.0)
        _, pull = cr.vjp(lambda y: y * x, x)
        return pull(kept[0])[0]

    with pytest.raises(TracerLeakError):
        grad(f)(2.0)


def test_directions_are_not_locked():
    x, direction = np.ones(20_000), np.ones(20_000)
    cr.jvp(lambda y: y * y, (x,), (direction,))
    cr.vjp(lambda y: y * y, x)[1](direction)
    cr.linearize(lambda y: y * y, x)[1](direction)
    cr.hvp(lambda y: np.sum(y * y), (x,), (direction,))
    assert x.flags.writeable
    assert direction.flags.writeable


def test_two_sibling_transforms_in_one_function():
    def f(x):
        return grad(lambda y: y**2 * x)(x) * grad(lambda y: y**3 * x)(x)  # 2x² · 3x³

    assert grad(f)(2.0) == 30 * 2.0**4


def test_a_constant_inner_call_gives_numbers():
    seen = []

    def f(x):
        seen.append(grad(lambda y: y * y)(3.0))
        return x * seen[-1]

    assert grad(f)(2.0) == 6.0
    assert type(seen[0]) is np.float64


# --- handles that outlive or leave their call ---

LEAKS = {
    "operator": lambda x: x * 2,
    "reflected operator": lambda x: 2 * x,
    "minus": lambda x: -x,
    "ufunc": np.sin,
    "function": np.sum,
    "comparison": lambda x: x > 0,
    "index": lambda x: x[0],
    "as an index": lambda x: grad(lambda y: np.sum(y[x]))(np.ones(2)),
    "method": lambda x: x.sum(),
    "transposed": lambda x: x.T,
    "stacked": lambda x: np.stack([x, np.ones(2)]),
    "where": lambda x: np.where(x > 0, 1.0, 2.0),
    "float": lambda x: float(x[0]),
    "array": np.asarray,
    "item": lambda x: x.item(),
    "list": lambda x: x.tolist(),
    "bool": lambda x: bool(x),
    "in a new call": lambda x: grad(lambda y: np.sum(y * x))(np.ones(2)),
    "as an argument": lambda x: grad(np.sum)(x),
    "as a held argument": lambda x: grad(lambda y, z: np.sum(y), 0)(np.ones(2), x),
    "as a tangent": lambda x: cr.jvp(np.sin, (np.ones(2),), (x,)),
    "as a cotangent": lambda x: cr.vjp(np.sin, np.ones(2))[1](x),
    "as a result": lambda x: grad(lambda y: x)(1.0),
    "as an extra": lambda x: grad(lambda y: (y, x), has_aux=True)(1.0),
    "as a Jacobian's result": lambda x: cr.jacobian(lambda y: x)(1.0),
}


@pytest.mark.parametrize("use", LEAKS.values(), ids=LEAKS)
def test_a_handle_that_outlives_its_call_is_refused(use):
    kept = []
    grad(lambda x: (kept.append(x), np.sum(x * x))[1])(np.ones(2))
    with pytest.raises(TracerLeakError, match=r"(?s)that is over.*Fix: "):
        use(kept[0])


@pytest.mark.parametrize("use", LEAKS.values(), ids=LEAKS)
def test_a_handle_of_an_inner_call_is_refused_in_the_outer_one(use):
    def f(x):
        kept = []
        grad(lambda y: (kept.append(y * x), np.sum(y * y))[1])(np.ones(2))
        return np.sum(x * use(kept[0]))

    with pytest.raises(TracerLeakError):
        grad(f)(np.ones(2))


def test_a_leaked_handle_shows_itself_and_its_shape():
    kept = []
    grad(lambda x: (kept.append(x), np.sum(x))[1])(np.ones((2, 3)))
    assert "float64[2,3], of a trace that is over" in repr(kept[0])
    assert kept[0].shape == (2, 3)


def test_a_pullback_made_inside_a_call_is_refused_after_it():
    kept = []

    def f(x):
        kept.append(cr.vjp(lambda y: y * x, x)[1])
        return x

    grad(f)(2.0)
    with pytest.raises(TracerLeakError, match=r"chainrule.vjp: the call that this function belongs to is over"):
        kept[0](1.0)


def in_thread(function):
    """What `function` returns, or raises, in another thread."""
    outcome = []

    def run():
        try:
            outcome.append(function())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return outcome[0]


def test_a_transform_in_another_thread_refuses_the_handles_of_this_one():
    outcomes = []

    def f(x):
        outcomes.append(in_thread(lambda: grad(lambda y: x * y)(1.0)))
        outcomes.append(in_thread(lambda: grad(lambda y: y * y)(x)))
        return x

    assert grad(f)(3.0) == 1.0
    assert [type(outcome) for outcome in outcomes] == [TracerLeakError, TracerLeakError]
    assert all("thread" in str(outcome) for outcome in outcomes)


def test_transforms_run_in_many_threads_at_once():
    def job(k):
        return lambda: grad(lambda x: grad(lambda y: y**3 * x * k)(x))(2.0)  # 3k x³, derivative 9k x²

    results = {}
    threads = [
        threading.Thread(target=lambda k=k: results.update({k: [job(k)() for _ in range(20)]})) for k in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {k: [36.0 * k] * 20 for k in range(8)}


# --- after an exception ---


class BrokenError(Exception):
    pass


def test_an_exception_in_the_function_leaves_no_trace_open():
    def broken(x):
        raise BrokenError

    for transform in (grad, cr.hessian, cr.jacobian, cr.value_and_grad, lambda f: lambda x: cr.vjp(f, x)):
        with pytest.raises(BrokenError):
            transform(broken)(1.0)
        assert current_trace() is None
        with pytest.raises(BrokenError):
            transform(lambda x, t=transform: t(broken)(x))(1.0)
        assert current_trace() is None
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(3.0) == 1.0


def test_an_exception_of_an_inner_call_may_be_caught():
    def f(x):
        try:
            grad(lambda y: y + np.ones(3))(x)  # no scalar
        except ValueError:
            return x * x
        return x

    assert grad(f)(3.0) == 6.0


# --- every call traces afresh ---


def test_a_changed_closure_is_seen():
    factor = 2.0

    def f(x):
        return factor * x

    derivative = grad(f)
    assert derivative(1.0) == 2.0
    factor = 5.0
    assert derivative(1.0) == 5.0


POWER = 2


def test_a_changed_global_is_seen(monkeypatch):
    derivative = grad(lambda x: x**POWER)
    assert derivative(3.0) == 6.0
    monkeypatch.setitem(globals(), "POWER", 3)
    assert derivative(3.0) == 27.0


def test_a_changed_attribute_and_a_changed_array_are_seen():
    class Model:
        weights = np.array([1.0, 2.0])

    model = Model()
    derivative = grad(lambda x: np.sum(model.weights * x))
    np.testing.assert_array_equal(derivative(np.ones(2)), [1.0, 2.0])
    model.weights[0] = 7.0
    np.testing.assert_array_equal(derivative(np.ones(2)), [7.0, 2.0])
    model.weights = np.array([3.0, 3.0])
    np.testing.assert_array_equal(derivative(np.ones(2)), [3.0, 3.0])


def test_numbers_that_change_share_one_graph_but_not_their_value():
    for rate in (0.1, 0.25, -3.0, 0.5, 1.0, 2.0, 0.0):
        assert grad(lambda x, rate=rate: x * x * rate)(3.0) == 6.0 * rate


# --- Python control flow on values ---


@pytest.mark.parametrize(("x", "expected"), [(3.0, 6.0), (-2.0, -1.0), (0.0, -1.0)])
def test_a_branch_on_the_value(x, expected):
    assert grad(lambda y: y * y if y > 0 else -y)(x) == expected


@pytest.mark.parametrize("x", [1.5, 2.5, 12.0])
def test_a_loop_until_the_value_is_large(x):
    def f(y):
        steps = 1
        while y < 10:
            y, steps = y * y, steps * 2
        return y, steps

    y, steps = f(x)
    gradient = grad(lambda z: f(z)[0])(x)
    np.testing.assert_allclose(gradient, steps * y / x, rtol=tolerance(float))


def test_recursion_on_the_value():
    def f(y):
        return y if y < 1 else f(y / 2) * y

    # f(5) = 5 · 5/2 · 5/4 · 5/8: the fourth power.
    assert grad(f)(5.0) == 4 * 5.0**3 / 64


def test_comparisons_of_handles_steer_python():
    def f(x):
        largest = max(x[0], x[1])
        order = sorted([x[0], x[1], x[2]])
        both = 0 < x[0] <= x[1]
        found = 3.0 in x
        return largest * 2 + order[0] * 10 + (x[2] if both and not found else 0)

    np.testing.assert_array_equal(grad(f)(np.array([2.0, 5.0, 1.0])), [0.0, 2.0, 11.0])


def test_a_branch_on_an_array_needs_any_or_all():
    with pytest.raises(ValueError, match=r"ambiguous[\s\S]*x.any\(\) or x.all\(\)"):
        grad(lambda x: np.sum(x) if x > 0 else np.sum(-x))(np.array([1.0, 2.0]))
    assert np.all(grad(lambda x: np.sum(x) if np.all(x > 0) else np.sum(-x))(np.array([1.0, -2.0])) == -1)


def test_newtons_iteration_inside_a_function():
    def square_root(a):
        x = a
        while abs(x * x - a) > 1e-12:
            x = (x + a / x) / 2
        return x

    np.testing.assert_allclose(grad(square_root)(2.0), 0.5 / math.sqrt(2.0), rtol=tolerance(float, condition=4))
