"""`minimize`: SciPy's answers, with our derivatives, and an honest flag."""

import numpy as np
import pytest
from scipy import optimize

import chainrule as cr
from chainrule.calculus.minimize import DENSE
from chainrule.errors import ArgumentError, DtypeError, ShapeError
from tests.oracles import tolerance

GRADIENT = ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP"]
PRODUCTS = ["Newton-CG", "trust-ncg", "trust-krylov", "trust-constr"]
HESSIAN = ["trust-exact", "dogleg"]
NONE = ["Nelder-Mead", "Powell", "COBYLA"]
# Gradient at the answer: SciPy's own stopping rules are no tighter than this for any of the methods.
STOPPED = 1e-3


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def convex(x):
    return np.log(1 + np.exp(x[0] - x[1])) + 0.5 * x @ x


@pytest.mark.parametrize("method", [None, *GRADIENT, *PRODUCTS])
def test_rosenbrock_is_minimised(method):
    options = {"maxfun": 1000} if method == "TNC" else None  # its own limit of 100 is too low for this valley
    result = cr.minimize(rosenbrock, np.array([-1.2, 1.0, 0.8]), method=method, options=options)
    assert result.success
    assert result.fun == rosenbrock(result.x) < STOPPED**2


@pytest.mark.parametrize("method", HESSIAN)
def test_methods_with_a_hessian_minimise_a_convex_function(method):
    result = cr.minimize(convex, np.array([1.0, 2.0]), method=method)
    assert result.success
    assert np.abs(cr.grad(convex)(result.x)).max() < STOPPED


@pytest.mark.parametrize("method", NONE)
def test_methods_without_derivatives_get_none(method):
    seen = []
    result = cr.minimize(lambda x: seen.append(type(x)) or convex(x), np.array([0.3, 0.2]), method=method)
    assert result.success
    assert set(seen) == {np.ndarray}  # no handle: nothing was traced


# Not trust-constr: at the end it looks at changes of the value that are all rounding.
@pytest.mark.parametrize("method", [*GRADIENT, *PRODUCTS[:-1], *HESSIAN])
def test_the_answers_are_those_of_scipy_with_derivatives_by_hand(method):
    # The same iterations, as the derivatives agree to rounding: 1e4 of it is what an iteration may amplify.
    x0 = np.array([-0.5, 0.8])

    def hessian(x):
        p = 1 / (1 + np.exp(x[1] - x[0]))
        return np.eye(2) + p * (1 - p) * np.array([[1.0, -1.0], [-1.0, 1.0]])

    def gradient(x):
        p = 1 / (1 + np.exp(x[1] - x[0]))
        return x + p * np.array([1.0, -1.0])

    more = {"hess": hessian} if method in PRODUCTS + HESSIAN else {}
    ours = cr.minimize(convex, x0, method=method)
    theirs = optimize.minimize(convex, x0, method=method, jac=gradient, **more)
    assert ours.nit == theirs.nit
    assert np.abs(ours.x - theirs.x).max() <= tolerance(float, 1e4)


# --- which derivatives are filled in ---------------------------------------------------------------------------------


def filled(monkeypatch, **arguments):
    """What SciPy is called with."""
    seen = {}

    def recorder(fun, x0, **keywords):
        seen.update(keywords, fun=fun)
        return optimize.OptimizeResult(x=x0, fun=0.0, jac=x0, success=True, message="")

    monkeypatch.setattr(optimize, "minimize", recorder)
    cr.minimize(**arguments)
    return seen


@pytest.mark.parametrize(
    ("method", "size", "jac", "hess", "hessp"),
    [
        (None, 2, True, False, False),
        ("BFGS", 2, True, False, False),
        ("nelder-mead", 2, False, False, False),
        ("newton-cg", 2, True, True, False),
        ("Newton-CG", DENSE + 1, True, False, True),
        ("trust-krylov", DENSE, True, True, False),
        ("trust-exact", DENSE + 1, True, True, False),
    ],
)
def test_what_the_method_takes_is_filled_in(monkeypatch, method, size, jac, hess, hessp):
    seen = filled(monkeypatch, f=rosenbrock, x0=np.zeros(size), method=method)
    assert [bool(seen["jac"]), bool(seen["hess"]), bool(seen["hessp"])] == [jac, hess, hessp]


def test_the_filled_in_derivatives_are_right(monkeypatch, rng):
    x, p = rng.standard_normal(DENSE + 1), rng.standard_normal(DENSE + 1)
    many = filled(monkeypatch, f=rosenbrock, x0=x, method="Newton-CG")
    few = filled(monkeypatch, f=rosenbrock, x0=x[:5], method="Newton-CG")
    value, gradient = many["fun"](x)
    size = np.abs(optimize.rosen_hess(x)).max()
    assert abs(value - optimize.rosen(x)) <= tolerance(float, terms=len(x)) * value
    assert np.abs(gradient - optimize.rosen_der(x)).max() <= tolerance(float) * size
    assert np.abs(many["hessp"](x, p) - optimize.rosen_hess_prod(x, p)).max() <= tolerance(float, 10) * size
    assert np.abs(few["hess"](x[:5]) - optimize.rosen_hess(x[:5])).max() <= tolerance(float) * size


def test_derivatives_of_the_users_are_used():
    calls = {"jac": 0, "hess": 0}

    def jac(x, scale):
        calls["jac"] += 1
        return scale * 2 * x

    def hess(x, scale):
        calls["hess"] += 1
        return scale * 2 * np.eye(2)

    result = cr.minimize(lambda x, scale: scale * x @ x, np.ones(2), (3.0,), "trust-exact", jac=jac, hess=hess)
    assert result.success
    assert calls["jac"] > 0 < calls["hess"]


def test_products_of_the_users_are_used():
    seen = []

    def hessp(x, p):
        seen.append((x, p))
        return 2 * p

    assert cr.minimize(lambda x: x @ x, np.ones(2), method="Newton-CG", hessp=hessp).success
    assert len(seen) > 0


@pytest.mark.parametrize("method", ["BFGS", "Newton-CG"])
def test_a_function_that_returns_its_gradient_too(method):
    result = cr.minimize(lambda p: (p["a"] @ p["a"], {"a": 2 * p["a"]}), {"a": np.ones(2)}, method=method, jac=True)
    assert np.abs(result.x["a"]).max() < STOPPED


def test_differences_are_taken_where_they_are_asked_for():
    assert cr.minimize(convex, np.ones(2), jac="3-point").success


# --- forms of the variables ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["BFGS", "Newton-CG", "trust-exact"])
def test_containers_and_shapes_come_back(method):
    start = {"m": np.zeros((2, 2)), "s": 1.0, "t": (np.float32(0.5),)}

    def f(p):
        return np.sum((p["m"] - np.eye(2)) ** 2) + (p["s"] + 2) ** 2 + (p["t"][0] - 1) ** 2

    result = cr.minimize(f, start, method=method)
    assert result.success
    assert np.abs(result.x["m"] - np.eye(2)).max() < STOPPED
    assert isinstance(result.x["s"], float)
    assert abs(result.x["s"] + 2) < STOPPED
    assert result.x["t"][0].dtype == np.float32
    assert result.jac["m"].shape == (2, 2)


@pytest.mark.parametrize(
    ("x0", "shape"), [([1, 2], (2,)), ((1.0, 2.0), (2,)), (np.ones((2, 2), int), (2, 2)), (3, ()), (np.array(3.0), ())]
)
def test_numbers_and_lists_are_arrays(x0, shape):
    shapes = set()

    def f(x):
        shapes.add(np.shape(x))
        return np.sum((x - 1) ** 2)

    result = cr.minimize(f, x0)
    assert result.success
    assert shapes == {shape} == {np.shape(result.x)}


def test_a_result_of_one_entry_is_a_scalar_as_in_scipy():
    assert cr.minimize(lambda x: np.reshape(x @ x, (1,)), np.ones(2)).success


def test_further_arguments_are_held():
    seen = []

    def f(x, y, name):
        seen.append(name)
        return np.sum((x - y) ** 2)

    result = cr.minimize(f, np.zeros(2), (np.array([1.0, 2.0]), "text"), method="Newton-CG")
    assert np.abs(result.x - [1, 2]).max() < STOPPED
    assert set(seen) == {"text"}
    assert cr.minimize(lambda x, y: np.sum((x - y) ** 2), np.zeros(2), 2.0).success


def test_bounds_constraints_tolerance_and_options_are_passed_on():
    bounded = cr.minimize(lambda x: np.sum((x - 3) ** 2), np.zeros(2), bounds=[(0, 1), (0, 2)], tol=1e-12)
    assert np.array_equal(bounded.x, [1.0, 2.0])
    held = cr.minimize(lambda x: x @ x, np.ones(2), constraints={"type": "eq", "fun": lambda x: x[0] + x[1] - 1})
    assert np.abs(held.x - 0.5).max() < STOPPED
    stopped = cr.minimize(rosenbrock, np.array([-1.2, 1.0]), options={"maxiter": 2})
    assert not stopped.success
    assert stopped.nit == 2


def test_the_callback_sees_the_users_form():
    plain, contained, results = [], [], []
    cr.minimize(convex, np.ones(2), callback=plain.append)
    cr.minimize(lambda p: p["a"] @ p["a"], {"a": np.ones(2)}, callback=contained.append)

    def with_result(*, intermediate_result):
        results.append(intermediate_result)

    cr.minimize(lambda p: p["a"] @ p["a"], {"a": np.ones(2)}, callback=with_result)
    assert {x.shape for x in plain} == {(2,)}
    assert {x["a"].shape for x in contained} == {(2,)}
    assert {r.x["a"].shape for r in results} == {(2,)}


# --- refusals, and honesty -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [None, "Newton-CG", "trust-exact"])
@pytest.mark.parametrize(("f", "what"), [(lambda x: x * 2, r"shape \(2,\)"), (lambda x: (x @ x, 1.0), "containers")])
def test_a_function_with_several_results_is_refused(method, f, what):
    with pytest.raises(ShapeError, match=rf"chainrule.minimize: the function must return a scalar, it returned {what}"):
        cr.minimize(f, np.ones(2), method=method)


@pytest.mark.parametrize(("x0", "error"), [(np.zeros(0), ArgumentError), ("a", DtypeError), ({"a": True}, DtypeError)])
def test_starts_that_are_no_numbers_are_refused(x0, error):
    with pytest.raises(error, match="x0"):
        cr.minimize(lambda x: 0.0, x0)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "CG", "SLSQP"])
def test_what_is_not_finite_is_no_success(method):
    with np.errstate(all="ignore"):
        result = cr.minimize(lambda x: np.sum(x) * np.nan, np.ones(2), method=method)
    assert not result.success


def test_a_success_without_finite_numbers_is_taken_back(monkeypatch):
    answer = optimize.OptimizeResult(x=np.ones(2), fun=np.inf, jac=np.ones(2), success=True, message="Fine.")
    monkeypatch.setattr(optimize, "minimize", lambda *args, **keywords: answer)
    result = cr.minimize(convex, np.ones(2))
    assert not result.success
    assert result.message.startswith("The value or the gradient at x is not finite")
    assert "Fine." in result.message
