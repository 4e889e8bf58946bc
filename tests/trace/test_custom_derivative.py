"""`custom_derivative`: rules of the user's own in all modes and orders, and black boxes with differences."""

import functools
import math
from typing import NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import (
    ArgumentError,
    DerivativeMismatchError,
    NotDifferentiableError,
    ShapeError,
    TracerError,
    UnsupportedError,
)
from chainrule.trace.check import check_grads
from chainrule.trace.tracer import COPIED_BYTES, current_trace
from tests.oracles import numeric_gradient, numeric_hessian, numeric_jacobian, tolerance


class Pair(NamedTuple):
    left: object
    right: object


X = np.array([0.7, 1.4, 1.1])
MATRIX = np.arange(9.0).reshape(3, 3) / 5 + 2 * np.eye(3)


class Example(NamedTuple):
    """A function of arrays with both rules; each returns what a mathematician would."""

    f: object
    jvp: object
    vjp: object
    args: tuple


EXAMPLES = {
    "square": Example(
        lambda x: x**2,
        lambda primals, tangents: 2 * primals[0] * tangents[0],
        lambda primals, ct: (2 * primals[0] * ct,),
        (X,),
    ),
    "scalar": Example(
        lambda x: np.sin(x) * x,
        lambda primals, tangents: (np.cos(primals[0]) * primals[0] + np.sin(primals[0])) * tangents[0],
        lambda primals, ct: ((np.cos(primals[0]) * primals[0] + np.sin(primals[0])) * ct,),
        (0.8,),
    ),
    "two arguments": Example(
        lambda a, x: np.tanh(a @ x),
        lambda p, t: (1 - np.tanh(p[0] @ p[1]) ** 2) * (t[0] @ p[1] + p[0] @ t[1]),
        lambda p, ct: (
            np.outer(ct * (1 - np.tanh(p[0] @ p[1]) ** 2), p[1]),
            p[0].T @ (ct * (1 - np.tanh(p[0] @ p[1]) ** 2)),
        ),
        (MATRIX / 3, X),
    ),
    "to a scalar": Example(
        lambda x: np.log(np.sum(np.exp(x))),
        lambda p, t: np.sum(np.exp(p[0]) * t[0]) / np.sum(np.exp(p[0])),
        lambda p, ct: (ct * np.exp(p[0]) / np.sum(np.exp(p[0])),),
        (X,),
    ),
    "constant in one": Example(
        lambda x, y: x**3 + 0 * np.sum(y),
        lambda p, t: 3 * p[0] ** 2 * t[0],
        lambda p, ct: (3 * p[0] ** 2 * ct, None),
        (X, X + 1),
    ),
    "solve": Example(
        np.linalg.solve,
        lambda p, t: np.linalg.solve(p[0], t[1] - t[0] @ np.linalg.solve(p[0], p[1])),
        lambda p, ct: (
            -np.outer(np.linalg.solve(p[0].T, ct), np.linalg.solve(p[0], p[1])),
            np.linalg.solve(p[0].T, ct),
        ),
        (MATRIX, X),
    ),
}
each_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
RULES = {"jvp": ("jvp",), "vjp": ("vjp",), "both": ("jvp", "vjp")}
each_choice = pytest.mark.parametrize("rules", RULES.values(), ids=RULES)


def with_rules(example, rules, f=None):
    return cr.custom_derivative(f or example.f, **{name: getattr(example, name) for name in rules})


def scaled(condition, wanted):
    return tolerance(float, condition) * (1 + np.max(np.abs(wanted)))


def summed(f):
    """A nonlinear scalar of the results."""
    return lambda *args: np.sum(np.sin(f(*args)) ** 2)


# --- right rules give right derivatives ---


@each_choice
@each_example
def test_values(example, rules):
    f = with_rules(example, rules)
    np.testing.assert_array_equal(f(*example.args), example.f(*example.args))
    np.testing.assert_allclose(cr.jit(f)(*example.args), example.f(*example.args), rtol=tolerance(float, 8))
    np.testing.assert_allclose(cr.vjp(f, *example.args)[0], example.f(*example.args), rtol=tolerance(float, 8))


@each_choice
@each_example
def test_first_order_in_both_modes(example, rules):
    f = with_rules(example, rules)
    for k, arg in enumerate(example.args):

        def one(x, k=k):
            return example.f(*example.args[:k], x, *example.args[k + 1 :])

        wanted = numeric_jacobian(one, arg)
        for mode in ("forward", "reverse"):
            found = cr.jacobian(f, argnums=k, mode=mode)(*example.args)
            np.testing.assert_allclose(found, wanted, rtol=0, atol=scaled(1e4, wanted))


@each_choice
@each_example
def test_second_order_in_all_modes(example, rules):
    def of_first(f):
        return lambda x: summed(f)(x, *example.args[1:])

    g, plain, x = of_first(with_rules(example, rules)), of_first(example.f), example.args[0]
    wanted = numeric_hessian(plain, x)
    for outer in ("forward", "reverse"):
        for inner in ("forward", "reverse"):
            found = cr.jacobian(cr.jacobian(g, mode=inner), mode=outer)(x)
            np.testing.assert_allclose(found, wanted, rtol=0, atol=scaled(1e7, wanted))


@each_choice
@each_example
def test_under_vmap(example, rules, rng):
    f = with_rules(example, rules)
    stacks = [np.stack([arg, arg * 1.1, np.asarray(arg) + 0.1]) for arg in example.args]
    gradient, wanted = cr.grad(summed(f)), cr.grad(summed(example.f))
    rows = list(zip(*stacks, strict=True))
    np.testing.assert_allclose(cr.vmap(f)(*stacks), [example.f(*row) for row in rows], rtol=tolerance(float, 100))
    values = np.stack([wanted(*row) for row in rows])
    np.testing.assert_allclose(cr.vmap(gradient)(*stacks), values, rtol=0, atol=scaled(1e3, values))
    through = cr.grad(lambda *stacks: np.sum(cr.vmap(summed(f))(*stacks)))(*stacks)
    np.testing.assert_allclose(through, values, rtol=0, atol=scaled(1e3, values))
    # The first argument stacked, the others shared.
    axes = (0, *[None] * (len(stacks) - 1))
    shared = cr.vmap(gradient, in_axes=axes)(stacks[0], *example.args[1:])
    values = np.stack([wanted(one, *example.args[1:]) for one in stacks[0]])
    np.testing.assert_allclose(shared, values, rtol=0, atol=scaled(1e3, values))


@each_choice
@each_example
def test_under_jit_and_checkpoint(example, rules):
    f = with_rules(example, rules)
    wanted = cr.grad(summed(example.f))(*example.args)
    jitted = cr.jit(cr.grad(summed(f)))
    for found in (
        jitted(*example.args),
        jitted(*example.args),
        cr.grad(cr.jit(summed(f)))(*example.args),
        cr.grad(cr.checkpoint(summed(f)))(*example.args),
        cr.grad(summed(cr.checkpoint(f)))(*example.args),
    ):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=scaled(1e2, wanted))


@each_choice
@each_example
def test_check_grads_agrees(example, rules):
    order = 2 if len(example.args) == 1 else 1
    report = check_grads(with_rules(example, rules), example.args, order=order)
    assert {row.order for row in report.comparisons} == set(range(1, order + 1))


# --- the rule is what is used ---


def test_the_given_rule_is_used_not_the_function():
    doubled = cr.custom_derivative(lambda x: x * 1.0, jvp=lambda p, t: 2 * t[0])
    halved = cr.custom_derivative(lambda x: x * 1.0, vjp=lambda p, ct: (ct / 2,))
    for f, slope in ((doubled, 2.0), (halved, 0.5)):
        assert cr.grad(f)(3.0) == slope
        assert cr.jvp(f, (3.0,), (1.0,)) == (3.0, slope)
        assert cr.linearize(f, 3.0)[1](1.0) == slope
        assert cr.vjp(f, 3.0)[1](1.0) == (slope,)
        assert cr.grad(lambda x: f(f(x)))(3.0) == slope**2  # noqa: B023 - called at once
        assert cr.grad(cr.grad(lambda x: f(x) ** 2))(3.0) == 2 * slope**2  # noqa: B023


def test_each_mode_has_its_own_rule():
    f = cr.custom_derivative(lambda x: x * 1.0, jvp=lambda p, t: 2 * t[0], vjp=lambda p, ct: (3 * ct,))
    assert cr.jvp(f, (1.0,), (1.0,))[1] == 2.0
    assert cr.grad(f)(1.0) == 3.0
    assert cr.grad(lambda x: cr.jvp(f, (x**2,), (x,))[1])(1.0) == 2.0


def test_a_straight_through_estimator():
    rounded = cr.custom_derivative(np.round, vjp=lambda p, ct: (ct,))
    np.testing.assert_array_equal(rounded(X), np.round(X))
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(rounded(x) ** 2))(X), 2 * np.round(X))


def test_variables_use_the_rule():
    x = cr.variable(10.0)
    cr.custom_derivative(lambda x: x**2, vjp=lambda p, ct: (np.clip(ct, -1.0, 1.0),))(x).backward()
    assert x.grad == 1.0


@pytest.mark.parametrize(
    ("jvp", "vjp"),
    [
        (lambda p, t: 2 * p[0] * t[0], lambda p, ct: (2.001 * p[0] * ct,)),
        (lambda p, t: 2.001 * p[0] * t[0], lambda p, ct: (2 * p[0] * ct,)),
        (lambda p, t: 2 * p[0] * t[0], lambda p, ct: (2 * p[0] * ct[::-1],)),
        (lambda p, t: 2 * p[0] * t[0], lambda p, ct: (None,)),
    ],
    ids=["vjp", "jvp", "order of entries", "zero"],
)
@pytest.mark.parametrize("order", [1, 2])
def test_rules_that_disagree_are_found(jvp, vjp, order):
    f = cr.custom_derivative(lambda x: x**2, jvp=jvp, vjp=vjp)
    with pytest.raises(DerivativeMismatchError, match=r"mode and .* disagree in [1-4] components"):
        check_grads(f, X, order=order)


def test_a_rule_that_is_wrong_at_second_order_only():
    # Right where it is evaluated, but it hides how the slope depends on x.
    f = cr.custom_derivative(lambda x: x**2, vjp=lambda p, ct: (cr.stop_gradient(2 * p[0]) * ct,))
    check_grads(f, X, order=1)
    with pytest.raises(DerivativeMismatchError, match="order 2"):
        check_grads(f, X, order=2)


# --- arguments and results ---


def test_containers_in_and_out():
    def f(d, pair):
        return Pair(d["x"] * pair.left, [d["y"] ** 2])

    def jvp(primals, tangents):
        (d, pair), (dd, dpair) = primals, tangents
        return Pair(dd["x"] * pair.left + d["x"] * dpair.left, [2 * d["y"] * dd["y"]])

    def vjp(primals, ct):
        d, pair = primals
        return {"x": ct.left * pair.left, "y": 2 * d["y"] * ct.right[0]}, Pair(np.sum(ct.left * d["x"]), None)

    def loss(f):
        def of(d, left):
            result = f(d, Pair(left, 5.0))
            return np.sum(np.sin(result.left)) + np.sum(result.right[0] ** 2)

        return of

    d = {"x": X, "y": X[:2]}
    wanted, wanted_left = cr.grad(loss(f), argnums=(0, 1))(d, 2.0)
    for rules in ({"jvp": jvp}, {"vjp": vjp}, {"jvp": jvp, "vjp": vjp}):
        custom = cr.custom_derivative(f, **rules)
        found, left = cr.grad(loss(custom), argnums=(0, 1))(d, 2.0)
        np.testing.assert_allclose(found["x"], wanted["x"], rtol=tolerance(float, 8))
        np.testing.assert_allclose(found["y"], wanted["y"], rtol=tolerance(float, 8))
        np.testing.assert_allclose(left, wanted_left, rtol=tolerance(float, 8))
        pushed = cr.jvp(lambda d: loss(custom)(d, 2.0), (d,), (d,))[1]  # noqa: B023
        np.testing.assert_allclose(
            pushed, wanted["x"] @ d["x"] + wanted["y"] @ d["y"], rtol=tolerance(float, condition=20)
        )


def test_several_results_of_which_one_is_used():
    def f(x):
        return np.sin(x), np.cos(x)

    custom = cr.custom_derivative(f, vjp=lambda p, ct: (ct[0] * np.cos(p[0]) - ct[1] * np.sin(p[0]),))
    other = cr.custom_derivative(f, jvp=lambda p, t: (np.cos(p[0]) * t[0], -np.sin(p[0]) * t[0]))
    for g in (custom, other):
        np.testing.assert_allclose(cr.elementwise_grad(lambda x: g(x)[0])(X), np.cos(X), rtol=tolerance(float))  # noqa: B023
        np.testing.assert_allclose(cr.elementwise_grad(lambda x: g(x)[1])(X), -np.sin(X), rtol=tolerance(float))  # noqa: B023
        pair = cr.jvp(g, (X,), (np.ones(3),))[1]
        np.testing.assert_allclose(pair[0], np.cos(X), rtol=tolerance(float))
        np.testing.assert_allclose(pair[1], -np.sin(X), rtol=tolerance(float))


def test_integer_results_and_arguments_have_no_tangents():
    seen = {}

    def vjp(primals, ct):
        seen["ct"] = ct
        return ct[0] * primals[1], None

    def jvp(primals, tangents):
        seen["tangents"] = tangents
        return tangents[0] * primals[1], None

    def f(x, k):
        return x * k, np.argsort(x)

    for rules in ({"vjp": vjp}, {"jvp": jvp}):
        custom = cr.custom_derivative(f, **rules)
        np.testing.assert_array_equal(cr.grad(lambda x: np.sum(custom(x, 3)[0]))(X), [3.0, 3.0, 3.0])  # noqa: B023
        np.testing.assert_array_equal(cr.jvp(lambda x: custom(x, 3)[0], (X,), (X,))[1], 3 * X)  # noqa: B023
        sorting = cr.grad(lambda x: np.sum(x[custom(x, 3)[1]] * X))  # noqa: B023
        np.testing.assert_array_equal(sorting(X), X[np.argsort(np.argsort(X))])
    assert seen["ct"][1] is None
    assert seen["tangents"][1] is None


def test_settings_pass_through():
    def vjp(primals, ct):
        x, name, power = primals
        assert name == "power"
        return ct * power * x ** (power - 1), None, None

    f = cr.custom_derivative(lambda x, name, power: x**power if name == "power" else x, vjp=vjp)
    assert cr.grad(lambda x: f(x, "power", 3))(2.0) == 12.0


def test_cotangents_of_too_few_axes_are_repeated():
    f = cr.custom_derivative(lambda x: np.sum(x), vjp=lambda p, ct: (ct,))
    np.testing.assert_array_equal(cr.grad(f)(X), np.ones(3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes(dtype):
    x = X.astype(dtype)
    f = cr.custom_derivative(lambda x, s: x * s, vjp=lambda p, ct: (ct * p[1], np.sum(ct * p[0])))
    g = cr.custom_derivative(lambda x, s: x * s, jvp=lambda p, t: p[1] * t[0] + t[1] * p[0])
    for custom in (f, g):
        assert custom(x, 2.5).dtype == dtype
        assert cr.jit(lambda x: custom(x, 2.5))(x).dtype == dtype  # noqa: B023
        assert cr.jit(custom)(x, 2.5).dtype == dtype
        assert cr.jit(custom)(x, np.float64(2.5)).dtype == np.float64
        assert cr.grad(lambda x: np.sum(custom(x, 2.5)))(x).dtype == dtype  # noqa: B023
        assert cr.jvp(lambda x: custom(x, 2.5), (x,), (x,))[1].dtype == dtype  # noqa: B023
        assert cr.vmap(lambda x: custom(x, 2.5))(x).dtype == dtype  # noqa: B023
        assert cr.grad(lambda s: np.sum(custom(x, s)))(2.5).dtype == np.float64  # noqa: B023
    # A rule that computes in another precision is brought back.
    careless = cr.custom_derivative(lambda x: x * 2, vjp=lambda p, ct: (ct * np.float64(2.0),))
    assert cr.grad(lambda x: np.sum(careless(x)))(x).dtype == dtype


def test_kinds_of_scalars():
    f = cr.custom_derivative(lambda x: x * 2.0, vjp=lambda p, ct: (ct * 2.0,))
    assert type(f(np.float64(1.5))) is np.float64
    assert type(cr.jit(f)(np.float64(1.5))) is np.float64
    assert type(cr.jit(f)(1.5)) is np.float64
    assert type(cr.grad(f)(np.float64(1.5))) is np.float64
    assert type(cr.grad(f)(1.5)) is np.float64
    assert type(cr.grad(f)(2)) is np.float64
    assert isinstance(cr.grad(f)(np.array(1.5)), np.ndarray)


# --- captured arrays ---


@pytest.mark.parametrize("size", [3, COPIED_BYTES // 8 + 1], ids=["small", "large"])
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_captured_arrays_are_held_constant(rules, size):
    held, x = np.linspace(1.0, 2.0, size), np.ones(size)
    example = Example(lambda x: x * held, lambda p, t: t[0] * held, lambda p, ct: (ct * held,), (x,))
    f = with_rules(example, rules)
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(f(x)))(x), held)
    np.testing.assert_array_equal(cr.jvp(f, (x,), (x,))[1], held)
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(cr.grad(lambda x: np.sum(f(x) ** 2))(x)))(x), 2 * held**2)
    assert held.flags.writeable


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_captured_handles_that_are_not_differentiated(rules):
    def outer(x, s):
        example = Example(lambda x: x * s, lambda p, t: t[0] * s, lambda p, ct: (ct * s,), ())
        return np.sum(with_rules(example, rules)(x) ** 2)

    s = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(cr.grad(outer)(X, s), 2 * s**2 * X, rtol=tolerance(float))
    np.testing.assert_allclose(cr.jit(cr.grad(outer))(X, s), 2 * s**2 * X, rtol=tolerance(float))
    found = cr.vmap(cr.grad(outer), in_axes=(None, 0))(X, np.stack([s, s + 1]))
    np.testing.assert_allclose(found, [2 * s**2 * X, 2 * (s + 1) ** 2 * X], rtol=tolerance(float))
    found = cr.grad(lambda x: cr.grad(outer)(x, s) @ s)(X)
    np.testing.assert_allclose(found, 2 * s**3, rtol=tolerance(float))


@pytest.mark.parametrize(
    "outer",
    [
        lambda s: cr.custom_derivative(lambda x: x * s, vjp=lambda p, ct: (ct * s,))(2.0),
        lambda s: cr.custom_derivative(lambda x: x * 3.0, vjp=lambda p, ct: (ct * s,))(s),
        lambda s: cr.custom_derivative(lambda x: x * 3.0, jvp=lambda p, t: t[0] * s)(s),
        lambda s: cr.custom_derivative(lambda x: x * (s * 2 + 1), jvp=lambda p, t: t[0])(2.0),
        lambda s: cr.grad(lambda x: cr.custom_derivative(lambda y: y * s, vjp=lambda p, ct: (ct * s,))(x))(2.0),
        lambda s: np.sum(cr.vmap(lambda x: cr.custom_derivative(lambda y: y * s, vjp=lambda p, c: (c * s,))(x))(X)),
        lambda s: cr.checkpoint(lambda s: cr.custom_derivative(lambda y: y * s, vjp=lambda p, c: (c * s,))(2.0))(s),
    ],
    ids=["function", "vjp", "jvp", "expression", "outer level", "vmap", "checkpoint"],
)
@pytest.mark.parametrize(
    "transform",
    [lambda f: cr.grad(f)(3.0), lambda f: cr.jvp(f, (3.0,), (1.0,)), lambda f: cr.jit(cr.grad(f))(3.0)],
    ids=["grad", "jvp", "jit"],
)
def test_captured_variables_are_refused(outer, transform):
    with pytest.raises(
        NotDifferentiableError, match=r"captures an array that is being differentiated[\s\S]*pass the array as an"
    ):
        transform(outer)
    assert current_trace() is None


def test_a_stopped_variable_may_be_captured():
    def outer(s):
        held = cr.stop_gradient(s)
        return cr.custom_derivative(lambda x: x * held, vjp=lambda p, ct: (ct * held,))(s)

    assert cr.grad(outer)(3.0) == 3.0


# --- refusals ---


def rule_of(**rules):
    return lambda: cr.grad(lambda x: np.sum(cr.custom_derivative(lambda x: x**2, **rules)(x)))(X)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cr.custom_derivative(np.sin), ArgumentError, "there is no derivative"),
        (rule_of(jvp=lambda p, t: (t[0],)), ArgumentError, "jvp returned the structure"),
        (rule_of(jvp=lambda p, t: [t[0]]), ArgumentError, "jvp returned the structure"),
        (rule_of(vjp=lambda p, ct: ct), ArgumentError, "must return a tuple of 1 cotangents"),
        (rule_of(vjp=lambda p, ct: (ct, ct)), ArgumentError, "must return a tuple of 1 cotangents"),
        (rule_of(vjp=lambda p, ct: None), ArgumentError, "must return a tuple of 1 cotangents"),
        (rule_of(vjp=lambda p, ct: ({"x": ct},)), ArgumentError, "differs in structure from its argument"),
        (
            rule_of(vjp=lambda p, ct: (np.ones(2),)),
            ShapeError,
            r"vjp returned shape \(2,\) for an array of shape \(3,\)",
        ),
        (rule_of(jvp=lambda p, t: np.ones((3, 3))), ShapeError, r"jvp returned shape \(3, 3\) for"),
        (rule_of(vjp=lambda p, ct: (np.ones((1, 3)),)), ShapeError, r"vjp returned shape \(1, 3\) for"),
        (rule_of(jvp=lambda p, t: "name"), TypeError, "returned str"),
        (
            lambda: cr.grad(
                lambda x: cr.custom_derivative(lambda d: d["a"] * 2, vjp=lambda p, ct: ({"b": ct},))({"a": x})
            )(1.0),
            ArgumentError,
            "differs in structure from its argument",
        ),
        (
            lambda: cr.grad(lambda x: cr.custom_derivative(lambda x: "name", vjp=lambda p, ct: (ct,))(x))(1.0),
            TypeError,
            "the function returned str",
        ),
        (
            lambda: cr.vmap(
                lambda x: cr.custom_derivative(lambda x, m: x, vjp=lambda p, c: (c, c))(x, np.ma.array([1.0]))
            )(X),
            UnsupportedError,
            "MaskedArray calculates by rules",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=rf"chainrule\.custom_derivative: [\s\S]*{message}") as caught:
        call()
    assert "Fix: " in str(caught.value)
    assert current_trace() is None


def test_exceptions_of_rules_pass_through():
    def rule(primals, other):
        raise KeyError("mine")

    for rules in ({"jvp": rule}, {"vjp": rule}):
        f = cr.custom_derivative(lambda x: x, **rules)
        assert f(1.0) == 1.0
        with pytest.raises(KeyError, match="mine"):
            cr.grad(f)(1.0)
        assert current_trace() is None


def test_a_rule_may_call_its_function_for_a_smaller_case():
    def slope(primals, ct):
        x, n = primals
        return ct * float(n) * power(x, int(n) - 1) if int(n) else 0.0 * x, None

    power = cr.custom_derivative(lambda x, n: x ** int(n), vjp=slope)
    assert cr.grad(power)(3.0, 4) == 4 * 3.0**3
    assert cr.grad(cr.grad(power))(3.0, 4) == 12 * 3.0**2


def test_a_rule_that_leads_to_itself_without_end():
    def slope(primals, ct):
        y = expit(primals[0])
        return (ct * y * (1 - y),)

    expit = cr.custom_derivative(lambda x: 1 / (1 + np.exp(-x)), vjp=slope)
    with pytest.raises(ArgumentError, match=r"a rule calls the function that it belongs to[\s\S]*the plain function"):
        cr.grad(expit)(0.3)
    assert current_trace() is None
    assert expit(0.0) == 0.5


def test_the_name_tells_what_it_is():
    def f(x):
        """Say what it does."""

    custom = cr.custom_derivative(f, vjp=lambda p, ct: (ct,))
    assert custom.__name__ == "custom_derivative(f)"
    assert custom.__doc__ == "Say what it does."


# --- black boxes ---


def opaque_exponential(x):
    assert type(x) in (float, np.float64)  # the standard library takes nothing else
    return math.exp(x)


def opaque_vector(x):
    assert type(x) is np.ndarray
    return np.array([math.sin(x[0]) * x[1], x[2] ** 2])


def opaque_pair(a, x):
    return np.asarray(a).dot(np.asarray(x)) ** 3


# Central differences of the values leave an error of eps ** (2/3); those of differences one of eps ** (1/3).
FIRST = np.finfo(float).eps ** (2 / 3)
SECOND = np.finfo(float).eps ** (1 / 3)


def test_a_black_box_of_numbers():
    f = cr.custom_derivative(opaque_exponential, black_box=True)
    wanted = math.exp(0.5)
    assert f(0.5) == wanted
    assert cr.value_and_grad(f)(0.5)[0] == wanted
    first = pytest.approx(wanted, rel=tolerance(float, error=10 * FIRST), abs=0)
    second = pytest.approx(wanted, rel=tolerance(float, error=10 * SECOND), abs=0)
    assert cr.grad(f)(0.5) == first
    assert cr.grad(f)(np.float64(0.5)) == first
    assert cr.jvp(f, (0.5,), (1.0,))[1] == first
    assert cr.jit(cr.grad(f))(0.5) == first
    assert cr.grad(cr.grad(f))(0.5) == second
    assert cr.jvp(cr.grad(f), (0.5,), (1.0,))[1] == second
    assert cr.hessian(f)(0.5) == second
    chain = cr.grad(lambda x: f(f(x * 1.0)) * x)(0.5)
    inner = math.exp(0.5)
    assert chain == pytest.approx(math.exp(inner) * (1 + 0.5 * inner), rel=tolerance(float, error=10 * FIRST), abs=0)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_black_box_of_vectors(mode):
    f = cr.custom_derivative(opaque_vector, black_box=True)
    wanted = numeric_jacobian(opaque_vector, X)
    found = cr.jacobian(f, mode=mode)(X)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance(float, error=10 * FIRST))
    curvature = cr.hessian(lambda x: np.sum(f(x) ** 2))(X)
    wanted = numeric_hessian(lambda x: np.sum(opaque_vector(x) ** 2), X)
    np.testing.assert_allclose(curvature, wanted, rtol=0, atol=tolerance(float, error=100 * SECOND))


def test_a_black_box_of_two_arguments():
    f = cr.custom_derivative(opaque_pair, black_box=True)
    a = MATRIX[:2]
    for k, arg in enumerate((a, X)):

        def one(x, k=k):
            return opaque_pair(*(x if k == j else other for j, other in enumerate((a, X))))

        wanted = numeric_jacobian(one, arg)
        for mode in ("forward", "reverse"):
            found = cr.jacobian(f, argnums=k, mode=mode)(a, X)
            scale = np.max(np.abs(wanted))
            np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance(float, error=100 * FIRST) * scale)


def test_a_black_box_under_vmap(rng):
    stack = rng.uniform(0.5, 1.5, (3, 3))
    f = cr.custom_derivative(opaque_vector, black_box=True, result=np.zeros(2))
    np.testing.assert_array_equal(cr.vmap(f)(stack), [opaque_vector(x) for x in stack])
    found = cr.vmap(cr.jacobian(f))(stack)
    wanted = np.stack([numeric_jacobian(opaque_vector, x) for x in stack])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance(float, error=10 * FIRST))
    found = cr.grad(lambda stack: np.sum(cr.vmap(f)(stack)))(stack)
    np.testing.assert_allclose(found, wanted.sum(axis=1), rtol=0, atol=tolerance(float, error=10 * FIRST))
    pair = cr.custom_derivative(opaque_pair, black_box=True, result=np.zeros(2))
    found = cr.vmap(pair, in_axes=(None, 0))(MATRIX[:2], stack)
    np.testing.assert_allclose(found, [opaque_pair(MATRIX[:2], x) for x in stack], rtol=tolerance(float))
    nested = cr.vmap(cr.vmap(f))(np.stack([stack, stack * 2]))
    np.testing.assert_array_equal(nested[1], [opaque_vector(2 * x) for x in stack])


def test_a_black_box_under_vmap_needs_an_example():
    f = cr.custom_derivative(opaque_vector, black_box=True)
    with pytest.raises(TracerError, match=r"one of a stack[\s\S]*give result=, an array of the shape and dtype"):
        cr.vmap(f)(np.ones((2, 3)))


def test_an_example_saves_a_call():
    calls = []

    def counted(x):
        calls.append(x)
        return math.exp(x)

    known = cr.custom_derivative(counted, black_box=True, result=0.0)
    jitted = cr.jit(known)
    for k in range(3):
        assert jitted(float(k)) == math.exp(k)
        assert len(calls) == k + 1
    calls.clear()
    cr.jit(cr.custom_derivative(counted, black_box=True))(0.5)
    assert len(calls) == 2


def test_a_black_box_with_a_rule():
    calls = []

    def counted(x):
        calls.append(x)
        return math.exp(x)

    by_vjp = cr.custom_derivative(counted, black_box=True, vjp=lambda p, ct: (ct * np.exp(p[0]),), result=0.0)
    by_jvp = cr.custom_derivative(counted, black_box=True, jvp=lambda p, t: t[0] * np.exp(p[0]), result=0.0)
    wanted = pytest.approx(math.exp(0.5), rel=tolerance(float), abs=0)
    for f in (by_vjp, by_jvp):
        calls.clear()
        assert cr.value_and_grad(f)(0.5) == (wanted, wanted)
        assert len(calls) == 1  # no differences
        assert cr.grad(cr.grad(f))(0.5) == wanted
        assert cr.jvp(f, (0.5,), (1.0,))[1] == wanted
        assert cr.vmap(cr.grad(f))(np.array([0.5]))[0] == wanted


def test_what_a_black_box_is_given_is_its_own():
    kept = []

    def greedy(x):
        kept.append(x)
        x *= 2
        return x

    f = cr.custom_derivative(greedy, black_box=True)
    x = X.copy()
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(f(x) * x))(x), 4 * X, rtol=tolerance(float, error=100 * FIRST))
    np.testing.assert_array_equal(x, X)
    result = cr.jit(f)(x)
    kept[-1][...] = 0.0
    np.testing.assert_array_equal(result, 2 * X)


def test_a_black_box_may_be_memoised():
    memoised = functools.lru_cache(opaque_exponential)
    f = cr.custom_derivative(memoised, black_box=True)
    assert cr.grad(f)(0.5) == pytest.approx(math.exp(0.5), rel=tolerance(float, error=10 * FIRST), abs=0)


def test_dtypes_of_black_boxes():
    f = cr.custom_derivative(lambda x: np.sin(x), black_box=True)
    single = X.astype(np.float32)
    assert cr.grad(lambda x: np.sum(f(x)))(single).dtype == np.float32
    assert cr.jit(f)(single).dtype == np.float32
    count = cr.custom_derivative(lambda x: int(x > 1), black_box=True)
    assert cr.grad(lambda x: count(x) * x)(1.5) == 1.0
    assert cr.grad(cr.custom_derivative(lambda x, k: x * k, black_box=True))(1.5, 3) == pytest.approx(
        3.0, rel=tolerance(float, error=10 * FIRST), abs=0
    )


@pytest.mark.parametrize("result", [None, 0.0], ids=["no example", "example"])
def test_exceptions_of_black_boxes_pass_through(result):
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        cr.grad(cr.custom_derivative(f, black_box=True, result=result))(1.0)
    assert current_trace() is None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f({"a": 1.0}), ArgumentError, "takes arrays and numbers only"),
        (lambda f: f("name"), ArgumentError, "takes arrays and numbers only"),
        (lambda f: f(None), ArgumentError, "takes arrays and numbers only"),
    ],
    ids=["container", "string", "nothing"],
)
def test_arguments_that_a_black_box_does_not_take(call, error, message):
    f = cr.custom_derivative(lambda x: 1.0, black_box=True)
    with pytest.raises(error, match=rf"chainrule\.custom_derivative: a black box {message}"):
        cr.grad(lambda x: x * call(f))(1.0)


@pytest.mark.parametrize("shape", [(), (1,), (3, 1), (2,)])
def test_a_result_of_another_shape_than_the_example(shape):
    f = cr.custom_derivative(lambda x: np.ones(shape), black_box=True, result=np.zeros(3))
    with pytest.raises(ShapeError, match=r"the black box returned shape .*, and \(3,\) before"):
        cr.grad(lambda x: np.sum(f(x)))(X)


def test_a_black_box_that_captures_a_variable():
    with pytest.raises((TracerError, NotDifferentiableError)):
        cr.grad(lambda s: cr.custom_derivative(lambda x: x * s, black_box=True)(2.0))(3.0)
    assert current_trace() is None


def test_variables_go_through_black_boxes():
    x = cr.variable(0.5)
    cr.custom_derivative(opaque_exponential, black_box=True)(x).backward()
    assert x.grad == pytest.approx(math.exp(0.5), rel=tolerance(float, error=10 * FIRST), abs=0)


def test_check_grads_of_a_black_box_with_a_wrong_rule():
    f = cr.custom_derivative(opaque_vector, black_box=True, vjp=lambda p, ct: (p[0] * ct[0],))
    with pytest.raises(DerivativeMismatchError):
        check_grads(f, X, order=1)


def test_a_gradient_through_a_numeric_one():
    f = cr.custom_derivative(opaque_vector, black_box=True)

    def loss(x):
        return np.sum(f(np.sin(x)) ** 2) * x[0]

    wanted = numeric_gradient(lambda x: np.sum(opaque_vector(np.sin(x)) ** 2) * x[0], X)
    np.testing.assert_allclose(cr.grad(loss)(X), wanted, rtol=0, atol=tolerance(float, error=10 * FIRST))
