"""Products, variances, quantiles, reductions that pass over nan, sampled functions: each with its keywords."""

import functools

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ShapeError, TracerError, UnsupportedError
from tests.oracles import numeric_hessian, tolerance
from tests.trace.calls import Call, parametrized, require_derivative, require_float32, require_value

ANY = (-2.0, 2.0)
MASK = np.array([[True, False, True], [True, True, False]])
VECTOR, MATRIX = np.array([0.7, -1.3, 2.1]), np.array([[1.5, -0.3, 0.8], [0.2, 2.2, -0.6]])
HOLES = np.where(MASK, 0.0, np.nan)
GRID = np.array([0.0, 0.3, 1.1, 1.9, 2.6])
LEVELS = np.array([1.0, -0.5, 2.0, 0.3, 0.9])


def holed(x):
    """The array with nan in two places, in its own dtype."""
    return x + HOLES.astype(x.dtype)


def rows(function, shape, interval, *keywords, through=lambda x: x):
    """One row for each set of keywords."""
    return [
        Call(function, functools.partial(lambda f, k, x: f(through(x), **k), function, given), shape, interval)
        for given in keywords
    ]


AXES = ({}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"axis": (0, 1)}, {"axis": -1, "keepdims": False})
SPREAD = (
    *AXES,
    {"ddof": 1},
    {"correction": 1, "axis": 1},
    {"ddof": 0.5, "axis": 0},
    {"where": MASK, "axis": 1},
    {"where": MASK, "ddof": 1, "keepdims": True},
    {"dtype": np.float64},
    {"mean": np.array([[1.0], [1.2]]), "axis": 1},
)
CALLS = [
    *rows(
        np.prod,
        (2, 3),
        ANY,
        *AXES,
        {"initial": 2.5},
        {"where": MASK, "axis": 0},
        {"where": MASK, "initial": 3.0},
        {"dtype": float},
    ),
    Call(np.prod, np.multiply.reduce),
    Call(np.prod, lambda x: x.prod(axis=1)),
    Call(np.prod, np.prod, ()),
    Call(np.prod, lambda x: np.prod(x, axis=(0, 2)), (2, 2, 3)),
    *rows(np.cumprod, (2, 3), ANY, {}, {"axis": 0}, {"axis": -1}, {"axis": 1, "dtype": float}),
    Call(np.cumprod, lambda x: x.cumprod(0)),
    *rows(np.cumulative_sum, (2, 3), ANY, {"axis": 0}, {"axis": 1, "include_initial": True}),
    *rows(np.cumulative_sum, (4,), ANY, {}, {"include_initial": True, "dtype": float}),
    *rows(np.cumulative_prod, (2, 3), ANY, {"axis": 0}, {"axis": 1, "include_initial": True}),
    *rows(np.var, (2, 3), ANY, *SPREAD),
    *rows(np.std, (2, 3), ANY, *SPREAD),
    Call(np.var, lambda x: x.var(axis=0, ddof=1)),
    Call(np.std, lambda x: x.std(keepdims=True)),
    Call(np.var, lambda x: np.var(MATRIX, axis=1, mean=x), (2, 1)),
    *rows(np.ptp, (2, 3), ANY, *AXES),
    *rows(
        np.average,
        (2, 3),
        ANY,
        *AXES,
        {"weights": np.abs(MATRIX)},
        {"weights": np.abs(VECTOR), "axis": 1},
        {"weights": np.abs(VECTOR), "axis": -1, "keepdims": True},
        {"weights": np.abs(MATRIX).T, "axis": (1, 0)},
        {"returned": True},
        {"weights": np.abs(MATRIX), "axis": 0, "returned": True},
    ),
    Call(np.average, lambda x: np.average(MATRIX, axis=1, weights=x), (3,)),
    *rows(np.median, (2, 3), ANY, *AXES, {"overwrite_input": True}),
    *rows(np.median, (4,), ANY, {}, {"axis": 0}),
    *rows(np.nanmedian, (2, 3), ANY, {}, {"axis": 0}, {"axis": 1, "keepdims": True}, through=holed),
    *rows(
        np.quantile, (2, 3), ANY, *({"q": 0.3, **more} for more in AXES), {"q": [0.1, 0.5, 1.0], "axis": 1}, {"q": 0.0}
    ),
    *rows(np.quantile, (5,), ANY, {"q": np.array([[0.2, 0.4], [0.77, 0.9]]), "keepdims": True}, {"q": 1}),
    *rows(
        np.percentile, (2, 3), ANY, {"q": 30}, {"q": [10.0, 45.0], "axis": 0}, {"q": 95, "axis": 1, "keepdims": True}
    ),
    Call(np.quantile, lambda x: np.quantile(LEVELS, x), (3,), (0.02, 0.24)),
    *rows(np.nanquantile, (2, 3), ANY, {"q": 0.3}, {"q": [0.2, 0.6], "axis": 1}, through=holed),
    *rows(np.nanpercentile, (2, 3), ANY, {"q": 30, "axis": 1, "keepdims": True}, through=holed),
    *rows(np.nansum, (2, 3), ANY, *AXES, {"initial": 2.0}, {"where": MASK, "axis": 0}, {"dtype": float}, through=holed),
    *rows(np.nanprod, (2, 3), ANY, *AXES, {"initial": 2.0}, {"where": MASK[0], "axis": 0}, through=holed),
    *rows(np.nanmean, (2, 3), ANY, *AXES, {"where": MASK, "axis": 1}, through=holed),
    *rows(np.nanvar, (2, 3), ANY, *AXES[:2], {"axis": 1, "ddof": 1}, {"correction": 1}, through=holed),
    *rows(np.nanstd, (2, 3), ANY, {}, {"axis": 1, "keepdims": True}, {"ddof": 1}, through=holed),
    *rows(np.nanmax, (2, 3), ANY, *AXES, {"initial": -9.0, "where": MASK, "axis": 1}, {"initial": -9.0}, through=holed),
    *rows(np.nanmin, (2, 3), ANY, *AXES, {"initial": 9.0, "where": MASK, "axis": 1}, through=holed),
    *rows(np.nancumsum, (2, 3), ANY, {}, {"axis": 1}, through=holed),
    *rows(np.nancumprod, (2, 3), ANY, {}, {"axis": 0}, through=holed),
    *rows(
        np.cov,
        (2, 4),
        ANY,
        {},
        {"rowvar": False},
        {"bias": True},
        {"ddof": 0},
        {"y": np.array([1.0, 0.2, -0.4, 0.9])},
        {"fweights": np.array([1, 2, 1, 3])},
        {"aweights": np.array([0.3, 0.5, 1.0, 0.2])},
        {"fweights": np.array([1, 2, 1, 3]), "aweights": np.array([0.3, 0.5, 1.0, 0.2]), "ddof": 1},
    ),
    Call(np.cov, np.cov, (5,)),
    Call(np.cov, lambda x: np.cov(x, x**2), (5,)),
    *rows(np.corrcoef, (2, 4), ANY, {}, {"y": np.array([1.0, 0.2, -0.4, 0.9])}),
    Call(np.corrcoef, lambda x: np.corrcoef(x, rowvar=False), (4, 2), ANY),
    Call(np.count_nonzero, lambda x: np.count_nonzero(x > 1, axis=1) * x[:, 0]),
    Call(np.count_nonzero, lambda x: np.count_nonzero(x, keepdims=True) * x),
    *[
        Call(f, functools.partial(lambda f, k, x: f(x, **k) * 1.0 + np.sum(x), f, k))
        for f in (np.argmax, np.argmin)
        for k in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"keepdims": True})
    ],
    Call(np.argmax, lambda x: x[x.argmax() // 2, x.argmin(axis=1)], (3, 2)),
]
CURVES = [
    *rows(
        np.diff,
        (3, 4),
        ANY,
        {},
        {"n": 2},
        {"axis": 0},
        {"prepend": 0.5},
        {"append": np.ones((3, 2)), "prepend": 2.0, "n": 2},
        {"n": 0},
        {"axis": 0, "append": np.ones((1, 4))},
    ),
    Call(np.diff, lambda x: np.diff(VECTOR, prepend=x[0], append=x), (2,)),
    *rows(np.ediff1d, (2, 3), ANY, {}, {"to_begin": 1.0}, {"to_end": [0.5, 2.0], "to_begin": -1.0}),
    Call(np.gradient, np.gradient, (5,)),
    Call(np.gradient, np.gradient, (3, 4)),
    Call(np.gradient, lambda x: np.gradient(x, 0.5, axis=1), (3, 4)),
    Call(np.gradient, lambda x: np.gradient(x, 0.5, 2.0), (3, 4)),
    Call(np.gradient, lambda x: np.gradient(x, GRID), (5,)),
    Call(np.gradient, lambda x: np.gradient(x, GRID, edge_order=2), (5,)),
    Call(np.gradient, lambda x: np.gradient(x, 0.7, edge_order=2), (5,)),
    Call(np.gradient, lambda x: np.gradient(x, GRID, axis=0), (5, 2)),
    Call(np.gradient, lambda x: np.gradient(x, GRID[:3], 2.0, edge_order=2), (3, 4)),
    Call(np.gradient, lambda x: np.gradient(LEVELS, np.cumsum(x), edge_order=2), (5,), condition=1e3),
    Call(np.gradient, lambda x: np.gradient(LEVELS, x), ()),
    *rows(
        np.trapezoid,
        (3, 4),
        ANY,
        {},
        {"dx": 0.3},
        {"axis": 0},
        {"x": GRID[:4]},
        {"x": np.cumsum(np.ones((3, 4)), 1) ** 2},
    ),
    Call(np.trapezoid, lambda x: np.trapezoid(LEVELS, x), (5,)),
    Call(np.trapezoid, lambda x: np.trapezoid(x, x=GRID, axis=0), (5, 2)),
    *[
        Call(f, functools.partial(lambda f, m, v, x: f(x, v, mode=m), f, mode, v), (4,), ANY)
        for f in (np.convolve, np.correlate)
        for mode in ("full", "same", "valid")
        for v in (VECTOR, np.array([0.5, -1.0]), LEVELS, np.array([2.0, 0.1, -0.3, 0.8]))
    ],
    Call(np.convolve, lambda x: np.convolve(VECTOR, x), (2,)),
    Call(np.convolve, lambda x: np.convolve(x, x), (3,)),
    Call(np.correlate, lambda x: np.correlate(VECTOR, x, "full"), (4,)),
    Call(np.interp, lambda x: np.interp(x, GRID, LEVELS), (2, 2), (0.35, 1.05)),
    Call(np.interp, lambda x: np.interp(x, GRID, LEVELS), (), (1.2, 1.8)),
    Call(np.interp, lambda x: np.interp(x, GRID, LEVELS, left=-7.0, right=9.0) + x, (3,), (2.7, 3.5)),
    Call(np.interp, lambda x: np.interp(x, GRID, LEVELS) + x, (3,), (-2.0, -0.5)),
    Call(np.interp, lambda x: np.interp(np.array([-1.0, 0.2, 0.9, 2.4, 3.0]), GRID, x), (5,)),
    Call(np.interp, lambda x: np.interp(np.array([0.2, 0.4, 3.0]), np.cumsum(x), VECTOR), (3,), (0.6, 1.0)),
    Call(np.interp, lambda x: np.interp(x, np.array([0.1, 0.9, 2.0]), VECTOR, period=2.5), (3,), (2.7, 3.2)),
    Call(np.interp, lambda x: np.interp(x, np.array([1.0]), np.array([2.0])) + x, (2,), (0.2, 0.9)),
    Call(np.unwrap, lambda x: np.unwrap(x * np.array([1.0, 5.0, 9.0, 14.0])), (4,), (0.9, 1.0)),
    *rows(np.unwrap, (2, 3), (0.0, 9.0), {"axis": 0}, {"period": 4.0}, {"discont": 4.0}),
    Call(np.polyval, lambda x: np.polyval(VECTOR, x)),
    Call(np.polyval, lambda x: np.polyval(x, MATRIX), (3,)),
    Call(np.polyval, lambda x: np.polyval(x, 0.3), (3,)),
    *rows(np.vander, (3,), ANY, {}, {"N": 2}, {"N": 4, "increasing": True}, {"N": 0}),
    Call(np.linspace, lambda x: np.linspace(x, 3.0, 5), ()),
    Call(np.linspace, lambda x: np.linspace(x, VECTOR, num=4, endpoint=False, axis=1)),
    Call(np.linspace, lambda x: np.linspace(0.5, x, 4, retstep=True), (3,)),
    Call(np.linspace, lambda x: np.linspace(x[0], x[1], 1, dtype=float), (2,)),
    Call(np.searchsorted, lambda x: np.searchsorted(GRID, x, side="right") * x, (3,), (0.35, 1.05)),
    Call(np.searchsorted, lambda x: np.searchsorted(x, 1.1) * x, (3,), (0.5, 0.9)),
    Call(np.digitize, lambda x: np.digitize(x, GRID) * x, (3,), (0.35, 1.05)),
    Call(np.digitize, lambda x: np.digitize(x, GRID[::-1], right=True) * x, (3,), (0.35, 1.05)),
]
ALL = [*CALLS, *CURVES]


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@parametrized(ALL)
def test_value_is_numpys(call, dtype, rng):
    require_value(call, dtype, rng)


@parametrized(ALL)
def test_derivative_is_the_limit_of_differences(call, rng):
    require_derivative(call, rng)


@parametrized(ALL)
def test_float32_stays_float32_in_the_gradient(call, rng):
    require_float32(call, rng)


@pytest.mark.parametrize(
    "f",
    [
        np.var,
        np.std,
        lambda x: np.std(x, ddof=1) ** 3,
        np.prod,
        lambda x: np.sum(np.cumprod(x) ** 2),
        lambda x: np.average(x, weights=x**2),
        lambda x: np.trapezoid(x**2, np.cumsum(x)),
        lambda x: np.sum(np.convolve(x, x**2)),
        lambda x: np.corrcoef(x, x**3)[0, 1],
    ],
)
def test_second_order(f, rng):
    x = rng.uniform(0.5, 2.0, 4)
    expected = numeric_hessian(f, x)
    hessian = cr.hessian(f)(x)
    np.testing.assert_allclose(hessian, expected, rtol=0, atol=tolerance(float, 1e7) * max(1, np.abs(expected).max()))


@pytest.mark.parametrize(
    "f", [np.std, np.nanstd, lambda x: x.std(ddof=1), lambda x: np.sqrt(np.var(x)) * 0 + np.var(x)]
)
def test_spread_of_a_constant_has_gradient_zero(f):
    assert cr.grad(f)(np.full(4, 1.7)).tolist() == [0.0] * 4


def test_a_nan_that_is_passed_over_gets_no_derivative():
    x = np.array([1.0, np.nan, 3.0])
    for f in (np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nanmedian):
        gradient = cr.grad(f)(x)
        assert gradient[1] == 0.0
        assert np.isfinite(gradient).all()
        expected = cr.grad(getattr(np, f.__name__[3:]))(x[[0, 2]])
        np.testing.assert_allclose(gradient[[0, 2]], expected, rtol=tolerance(float))


def test_nan_is_numpys_elsewhere():
    x = np.array([[1.0, np.nan, 3.0], [4.0, 0.5, 2.0]])
    for f in (np.median, lambda y: np.quantile(y, 0.3), np.var):
        value = cr.vjp(lambda y, f=f: np.stack([f(y[0]), f(y[1])]), x)[0]
        np.testing.assert_allclose(value, [f(x[0]), f(x[1])], rtol=tolerance(float))
        assert np.isnan(value[0])


X, M = np.array([1.0, 2.0, 3.0]), np.arange(1.0, 7.0).reshape(2, 3)
REFUSALS = {
    "prod out": (lambda x: np.prod(x, out=np.zeros(())), UnsupportedError, r"numpy\.prod: the keyword out="),
    "var out": (lambda x: np.var(x, out=np.zeros(())), UnsupportedError, r"numpy\.var: the keyword out="),
    "ddof twice": (lambda x: np.var(x, ddof=1, correction=1), ArgumentError, r"numpy\.var: ddof= and correction="),
    "quantile method": (lambda x: np.quantile(x, 0.2, method="hazen"), UnsupportedError, r"numpy\.quantile: .*method"),
    "quantile weights": (lambda x: np.quantile(x, 0.2, weights=X), UnsupportedError, r"quantile: the keyword weights="),
    "quantile q": (lambda x: np.quantile(x, 1.2), ArgumentError, r"numpy\.quantile: q is not between 0 and 1"),
    "percentile q": (lambda x: np.percentile(x, -3), ArgumentError, r"numpy\.percentile: q is not between 0 and 100"),
    "median of nothing": (lambda x: np.median(x[:0]), ShapeError, r"numpy\.median: the array is empty"),
    "weights": (lambda x: np.average(x, weights=np.ones(2)), ShapeError, r"numpy\.average: weights of shape"),
    "argmax axis": (lambda x: np.argmax(x, axis=2), ArgumentError, r"numpy\.argmax: axis 2 does not exist"),
    "argmax of nothing": (lambda x: np.argmax(x[:0]), ArgumentError, r"numpy\.argmax: an empty axis"),
    "convolve mode": (lambda x: np.convolve(x, x, "half"), ArgumentError, r"numpy\.convolve: mode='half'"),
    "convolve matrices": (lambda x: np.convolve(x[None], x), ArgumentError, r"numpy\.convolve: the operands must be"),
    "gradient spacing": (lambda x: np.gradient(x, X[:2]), ShapeError, r"numpy\.gradient: coordinates of shape"),
    "gradient edge": (lambda x: np.gradient(x, edge_order=3), ArgumentError, r"numpy\.gradient: edge_order=3"),
    "gradient of a point": (lambda x: np.gradient(x[:1]), ShapeError, r"numpy\.gradient: axis 0 has size 1"),
    "interp points": (lambda x: np.interp(x, X, X[:2]), ShapeError, r"numpy\.interp: the points"),
    "diff order": (lambda x: np.diff(x, -1), ArgumentError, r"numpy\.diff: order -1"),
    "searchsorted side": (lambda x: np.searchsorted(X, x, side="up"), ArgumentError, r"numpy\.searchsorted: side='up'"),
    "cumulative axis": (lambda x: np.cumulative_sum(x[None]), ArgumentError, r"numpy\.cumulative_sum: axis= is needed"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses(name):
    f, error, message = REFUSALS[name]
    with pytest.raises(error, match=message) as caught:
        cr.grad(lambda x: np.sum(f(x)))(X)
    assert "\n  Fix: " in str(caught.value)


def test_vectorize_names_vmap():
    with pytest.raises(TracerError, match="vmap"):
        cr.grad(lambda x: np.sum(np.vectorize(lambda y: y * y)(x)))(X)
