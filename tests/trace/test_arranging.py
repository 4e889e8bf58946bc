"""Joining, splitting, repeating, turning, padding, picking and comparing: each with its keywords."""

import functools

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, OutOfBoundsError, ShapeError, TracerError, UnsupportedError
from tests.oracles import numeric_jacobian, tolerance
from tests.trace.calls import Call, parametrized, require_derivative, require_float32, require_value

MASK = np.array([[True, False, True], [True, True, False]])
VECTOR, MATRIX = np.array([0.7, -1.3, 2.1], "f4"), np.array([[1.5, -0.3, 0.8], [0.2, 2.2, -0.6]], "f4")
NUMBERS = np.array([[0, 2, 1], [1, 0, 2]])


def calls(function, shape, *arguments):
    """One row for each tuple of further arguments; a dict at its end holds keywords."""
    rows = []
    for given in arguments:
        given = given if isinstance(given, tuple) else (given,)
        keywords = given[-1] if given and isinstance(given[-1], dict) else {}
        places = given[:-1] if keywords else given
        rows.append(
            Call(function, functools.partial(lambda f, p, k, x: f(x, *p, **k), function, places, keywords), shape)
        )
    return rows


CUBE = (2, 3, 4)
CALLS = [
    *[Call(f, f, shape) for f in (np.atleast_1d, np.atleast_2d, np.atleast_3d) for shape in ((), (3,), (2, 3), CUBE)],
    Call(np.atleast_2d, lambda x: np.atleast_2d(x, x[0]), (3,)),
    *calls(np.rollaxis, CUBE, (2,), (0, 3), (1, {"start": 0}), (-1, 1), (1, -1)),
    *calls(np.unstack, CUBE, (), {"axis": 1}),
    *calls(np.flip, CUBE, (), 1, ((0, 2),), {"axis": (0, -1)}),
    *calls(np.flip, (), ()),
    Call(np.flipud, np.flipud),
    Call(np.fliplr, np.fliplr),
    *calls(np.rot90, (2, 3), (), 2, 3, -1, 4, (1, (1, 0))),
    *calls(np.rot90, CUBE, (1, {"axes": (2, 0)})),
    *calls(np.roll, (2, 3), 1, -4, (2, 0), (1, {"axis": -1}), ((1, 2), (0, 1)), (1, (0, 1)), 0),
    *calls(np.array_split, (7, 2), 3, 9, ([2, 4],), (2, {"axis": 1})),
    *calls(np.split, (6, 2), 3, ([1, 4],), ([2, 9],), (2, 1), ([-1],)),
    *calls(np.hsplit, (2, 4), 2, ([1],)),
    *calls(np.hsplit, (4,), 2),
    *calls(np.vsplit, (4, 2), 2, ([3],)),
    *calls(np.dsplit, CUBE, 2, ([1, 3],)),
    Call(np.dstack, lambda x: np.dstack([x, MATRIX])),
    Call(np.dstack, lambda x: np.dstack((x, VECTOR, x)), (3,)),
    Call(np.column_stack, lambda x: np.column_stack([x, VECTOR, np.stack([x, x], 1)]), (3,)),
    Call(np.column_stack, lambda x: np.column_stack((VECTOR[:2], x))),
    Call(np.block, lambda x: np.block([[x, MATRIX], [MATRIX, x * 2]])),
    Call(np.block, lambda x: np.block([x, VECTOR, np.float32(1.0)]), (2,)),
    Call(np.block, lambda x: np.block([[x, x[:, :1]]])),
    Call(np.block, lambda x: np.block(x)),
    *calls(np.append, (2, 3), VECTOR, (MATRIX, 0), (MATRIX[:, :1], {"axis": 1})),
    Call(np.append, lambda x: np.append(VECTOR, x)),
    *calls(np.tile, (2, 3), 2, ((2, 1),), ((3, 1, 2),), ((),)),
    *calls(np.tile, (3,), ((2, 2),), 0),
    *calls(np.tile, (), 3),
    *calls(np.repeat, (2, 3), 2, (3, 0), (2, {"axis": 1}), ([1, 0, 2], 1), (np.array([2, 1]), 0), ([2], 0)),
    Call(np.repeat, lambda x: x.repeat(2, axis=0)),
    Call(np.repeat, lambda x: np.repeat(x, np.sum(x > 0, axis=0)[:1], axis=1)),
    *calls(np.resize, (2, 3), ((3, 4),), 4, ((1, 2),)),
    *calls(
        np.pad,
        (2, 3),
        1,
        (((1, 0), (0, 2)),),
        ((1, 2), {"constant_values": 3.0}),
        (2, {"constant_values": ((1.0, 2.0), (3.0, 4.0))}),
        ({1: (1, 2)}, {"mode": "edge"}),
        *[(((1, 0), (2, 1)), mode) for mode in ("edge", "reflect", "symmetric", "wrap")],
        (((1, 1), (2, 2)), {"mode": "reflect", "reflect_type": "even"}),
    ),
    Call(np.pad, lambda x: np.pad(x, 1, constant_values=x[0]), (3,)),
    *calls(np.tril, (3, 3), (), 1, -1),
    *calls(np.triu, (2, 3), (), {"k": 1}, -1),
    *calls(np.tril, (2, 3, 4), ()),
    *calls(np.triu, (3,), ()),
    *calls(np.diag, (3,), (), 1, -2),
    *calls(np.diag, (2, 3), (), 1, {"k": -1}),
    *calls(np.diagflat, (2, 2), (), 1),
    *[
        Call(np.meshgrid, functools.partial(lambda k, x: np.meshgrid(x, VECTOR[:2], **k), keywords), (3,))
        for keywords in ({}, {"indexing": "ij"}, {"sparse": True}, {"copy": False})
    ],
    Call(np.meshgrid, lambda x: np.meshgrid(x, x[:1], VECTOR), (2,)),
    Call(np.meshgrid, lambda x: np.meshgrid(x), (2,)),
    Call(np.ix_, lambda x: x[np.ix_([1, 0], [0, 2])]),
    Call(np.ix_, lambda x: x[np.ix_(x[:, 0] > 0, np.argsort(x[0])[:2])]),
    *calls(
        np.take,
        (2, 3),
        4,
        ([0, 5, 0],),
        ([[0, 2], [1, 1]], 1),
        (1, {"axis": 0}),
        ([-1, 0], {"axis": 1}),
        ([7, -9], {"mode": "wrap"}),
        ([7, -9], {"axis": 1, "mode": "clip"}),
        ([], 0),
    ),
    Call(np.take, lambda x: x.take([2, 0], axis=1)),
    Call(np.take, lambda x: np.take(VECTOR, np.argsort(x)) * x, (3,)),
    Call(np.take, lambda x: np.take(MATRIX, np.argsort(x)[:, None], axis=1) * x, (3,)),
    *calls(np.take_along_axis, (2, 3), (NUMBERS, 1), (NUMBERS[:, :2], {"axis": -1}), (NUMBERS[:1] // 2, 0)),
    Call(np.take_along_axis, lambda x: np.take_along_axis(x, np.argsort(x, axis=0), 0)),
    Call(np.take_along_axis, lambda x: np.take_along_axis(x, np.array([3, 0]), axis=None)),
    Call(np.compress, lambda x: np.compress([True, False], x, axis=0)),
    Call(np.compress, lambda x: np.compress(x[0] > 0, x, 1)),
    Call(np.compress, lambda x: x.compress([False, True, True, False])),
    Call(np.extract, lambda x: np.extract(MASK, x)),
    Call(np.extract, lambda x: np.extract(x > 1.2, x**2)),
    Call(np.choose, lambda x: np.choose(NUMBERS, [x, MATRIX, x[0]])),
    Call(np.choose, lambda x: np.choose(NUMBERS + 2, [x, MATRIX], mode="wrap")),
    Call(np.choose, lambda x: np.choose(NUMBERS - 1, (x, MATRIX * x), mode="clip")),
    Call(np.select, lambda x: np.select([x > 1.5, x > 1.0], [x, x**2], 0.5)),
    Call(np.select, lambda x: np.select([MASK, x > 1.0], [MATRIX, x[0]], default=x)),
    Call(np.select, lambda x: np.select([MASK], [x])),
    Call(np.piecewise, lambda x: np.piecewise(x, [x > 1.2, x < 0.9], [np.sin, lambda y: y**2])),
    Call(np.piecewise, lambda x: np.piecewise(x, [x > 1.2], [lambda y, k, s=1: s * k * y, 0.5], 2.0, s=3)),
    Call(np.piecewise, lambda x: np.piecewise(x, x > 1.2, [np.exp, np.cos]), (4,)),
    Call(np.piecewise, lambda x: np.piecewise(x, [x > 0, x > 1.2], [np.exp, lambda y: y - np.mean(y)]), (5,)),
    Call(np.insert, lambda x: np.insert(x, 1, 9.0)),
    Call(np.insert, lambda x: np.insert(x, 1, VECTOR, axis=0)),
    Call(np.insert, lambda x: np.insert(x, [0, 2], VECTOR[:2], axis=1)),
    Call(np.insert, lambda x: np.insert(x, [1], [[7.0], [8.0]], axis=1)),
    Call(np.insert, lambda x: np.insert(x, -1, 5.0, axis=1)),
    Call(np.insert, lambda x: np.insert(x, slice(0, 2), 4.0, axis=1)),
    Call(np.insert, lambda x: np.insert(x, np.array([True, False, True]), 4.0, axis=1)),
    Call(np.insert, lambda x: np.insert(VECTOR.astype(x.dtype), [3, 1], x), (2,)),
    *calls(np.delete, (2, 3), 1, ([0, 5],), (1, 0), ([0, -1], {"axis": 1}), (slice(0, 2), 1), ([True, False, True], 1)),
    Call(np.trim_zeros, lambda x: np.trim_zeros(np.concatenate([x[:1] * 0, x, x[:2] * 0])), (3,)),
    Call(np.trim_zeros, lambda x: np.trim_zeros(np.concatenate([x[:1] * 0, x, x[:2] * 0]), "b"), (3,)),
    Call(np.nonzero, lambda x: x[np.nonzero(x > 1.2)]),
    Call(np.nonzero, lambda x: x[(x > 1.2).nonzero()]),
    Call(np.flatnonzero, lambda x: x.ravel()[np.flatnonzero(x > 1.2)]),
    Call(np.argwhere, lambda x: x * np.argwhere(x > 0).sum()),
    Call(np.isclose, lambda x: np.isclose(x, 1.2, atol=0.3) * x),
    Call(np.isclose, lambda x: np.isclose(x, MATRIX, rtol=0.5, equal_nan=True) * x),
    Call(np.allclose, lambda x: x * 2 if np.allclose(x, x + 1e-12) else x),
    Call(np.allclose, lambda x: x if np.allclose(x, MATRIX, 0.1, 0.1) else x * 3),
    Call(np.array_equal, lambda x: x * 2 if np.array_equal(x, x) and not np.array_equal(x, x[0]) else x),
    Call(np.array_equal, lambda x: x * 2 if np.array_equal(x * np.nan, x * np.nan, equal_nan=True) else x),
    Call(np.array_equiv, lambda x: x * 2 if np.array_equiv(x, x[None]) and not np.array_equiv(x, VECTOR[:2]) else x),
    Call(np.apply_along_axis, lambda x: np.apply_along_axis(np.sum, 0, x)),
    Call(np.apply_along_axis, lambda x: np.apply_along_axis(lambda row, k: np.outer(row, row) * k, 1, x, 2.0), CUBE),
    Call(np.apply_along_axis, lambda x: np.apply_along_axis(np.sort, -1, x)),
    Call(np.apply_over_axes, lambda x: np.apply_over_axes(np.sum, x, [0, 2]), CUBE),
    Call(np.full_like, lambda x: np.full_like(x, 3.0) * x),
    Call(np.full_like, lambda x: np.full_like(x, x[0, 0])),
    Call(np.full_like, lambda x: np.full_like(x, x * 2, dtype=x.dtype, shape=(4, 3)), (3,)),
    Call(np.empty_like, lambda x: np.empty_like(x) * 0 + x),
    Call(np.empty_like, lambda x: np.empty_like(x, shape=(3,), dtype=float) * 0 + x, (3,)),
    Call(np.array, lambda x: np.array([x[0], x[1] * 2], like=x)),
    Call(np.array, lambda x: np.array([[x[0], x[1]], [x[2], x[0] * x[1]]], like=x), (3,)),
    Call(np.array, lambda x: np.array([1.0, 2.0, 4.0], dtype=x.dtype, like=x, ndmin=2) * x, (3,)),
    Call(np.array, lambda x: np.array(x, like=x, copy=True)),
    Call(np.asarray, lambda x: np.asarray(x, like=x)),
    Call(np.asarray, lambda x: np.asarray([x[0], x[1]], dtype=float, like=x)),
    Call(np.asanyarray, lambda x: np.asanyarray(x, like=x)),
    Call(np.eye, lambda x: np.eye(3, like=x) * x, (3,)),
    Call(np.eye, lambda x: np.eye(3, 4, k=1, dtype="f4", like=x)[:, :3] * x, (3,)),
    Call(np.identity, lambda x: np.identity(3, like=x) @ x, (3,)),
    Call(np.arange, lambda x: np.arange(3, like=x) * x, (3,)),
    Call(np.arange, lambda x: np.arange(1, 7, 2, like=x) * x, (3,)),
    Call(np.arange, lambda x: np.arange(0.5, 2.0, 0.5, dtype="f4", like=x) * x, (3,)),
    Call(np.tri, lambda x: np.tri(3, k=-1, like=x) @ x, (3,)),
]


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@parametrized(CALLS)
def test_value_is_numpys(call, dtype, rng):
    require_value(call, dtype, rng)


@parametrized(CALLS)
def test_derivative_is_the_limit_of_differences(call, rng):
    require_derivative(call, rng)


@parametrized(CALLS)
def test_float32_stays_float32_in_the_gradient(call, rng):
    require_float32(call, rng)


def test_comparisons_of_whole_arrays_are_plain_truth_values():
    kinds = []

    def f(x):
        kinds.extend(
            type(result)
            for result in (np.allclose(x, 1.0), np.array_equal(x, x), np.array_equiv(x, 1.0), np.array_equal([1.0], x))
        )
        return np.sum(x)

    cr.grad(f)(np.ones(2))
    assert kinds == [bool] * 4


def test_a_branch_that_is_not_taken_may_be_undefined():
    x = np.array([-1.0, 0.0, 4.0])
    for f in (
        lambda y: np.select([y > 0], [np.sqrt(y)], 0.0),
        lambda y: np.piecewise(y, [y > 0], [np.sqrt, 0.0]),
        lambda y: np.choose((y > 0).astype(int), [y * 0, np.sqrt(y)]),
        lambda y: np.sum(np.sqrt(np.compress(y > 0, y))),
    ):
        assert cr.grad(lambda y, f=f: np.sum(f(y)))(x).tolist() == [0.0, 0.0, 0.25]


def test_diag_keeps_nan_on_the_diagonal():
    value = cr.vjp(np.diag, np.array([1.0, np.nan]))[0]
    assert value[0].tolist() == [1.0, 0.0]
    assert value[1, 0] == 0.0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.cumprod(x),
        lambda x: np.convolve(x, x),
        lambda x: np.std(x) * np.prod(x),
        lambda x: np.take_along_axis(x, np.argsort(x), -1) * np.arange(3.0),
        lambda x: np.diag(x) + np.tril(np.outer(x, x)),
        lambda x: np.interp(x, np.array([0.0, 1.0, 3.0]), np.array([1.0, 4.0, 2.0])),
        lambda x: np.median(x) + np.quantile(x, 0.3),
        lambda x: np.argmax(x) * x,
        lambda x: np.gradient(np.pad(x, 2, mode="wrap")),
    ],
)
def test_stacks_are_loops(f, rng):
    x = rng.uniform(0.5, 2.0, (3, 3))
    np.testing.assert_allclose(cr.vmap(f)(x), [f(row) for row in x], rtol=tolerance(float, 10))
    jacobians = cr.vmap(cr.jacobian(f))(x)
    for row, jacobian in zip(x, jacobians, strict=True):
        expected = numeric_jacobian(f, row)
        allowed = tolerance(float, 1e6) * max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(jacobian, expected, rtol=0, atol=allowed)


X, M = np.array([1.0, 2.0, 3.0]), np.arange(1.0, 7.0).reshape(2, 3)
REFUSALS = {
    "take out": (lambda x: np.take(x, [0], out=np.zeros(1)), UnsupportedError, r"numpy\.take: the keyword out="),
    "take mode": (lambda x: np.take(x, [0], mode="near"), ArgumentError, r"numpy\.take: mode='near'"),
    "take axis": (lambda x: np.take(x, 0, axis=1), ArgumentError, r"numpy\.take: axis 1 does not exist"),
    "take outside": (lambda x: np.take(x, [5]), OutOfBoundsError, r"index 5 is out of bounds"),
    "along axis floats": (lambda x: np.take_along_axis(x, X, 0), ArgumentError, r"take_along_axis: indices have dtype"),
    "along axis ranks": (lambda x: np.take_along_axis(x, NUMBERS, 0), ShapeError, r"take_along_axis: 2 axes"),
    "pad mode": (lambda x: np.pad(x, 1, mode="linear_ramp"), UnsupportedError, r"numpy\.pad: mode='linear_ramp'"),
    "pad odd": (
        lambda x: np.pad(x, 1, mode="reflect", reflect_type="odd"),
        UnsupportedError,
        r"numpy\.pad: mode='reflect'",
    ),
    "pad negative": (lambda x: np.pad(x, -1), ArgumentError, r"numpy\.pad: a width is negative"),
    "split unequal": (lambda x: np.split(x, 2)[0], ShapeError, r"numpy\.split: an axis of size 3"),
    "vsplit vector": (lambda x: np.vsplit(x, 1)[0], ShapeError, r"numpy\.vsplit: it needs 2 axes"),
    "fliplr vector": (np.fliplr, ShapeError, r"numpy\.fliplr: it needs 2 axes"),
    "rot90 axes": (lambda x: np.rot90(x[None], axes=(0, 0)), ArgumentError, r"numpy\.rot90: both axes"),
    "repeat counts": (lambda x: np.repeat(x, [1, 2]), ShapeError, r"numpy\.repeat: 2 counts"),
    "repeat by the variable": (lambda x: np.repeat(x, x), TracerError, r"a derivative is being taken"),
    "block nesting": (lambda x: np.block([[x], x]), ArgumentError, r"numpy\.block: a list is empty"),
    "meshgrid indexing": (lambda x: np.meshgrid(x, x, indexing="yx")[0], ArgumentError, r"numpy\.meshgrid: indexing="),
    "ix_ matrix": (lambda x: np.ix_(x[None])[0], ShapeError, r"numpy\.ix_: argument 0 has 2 axes"),
    "diag cube": (lambda x: np.diag(x[None, None]), ShapeError, r"numpy\.diag: it has 3 axes"),
    "select counts": (lambda x: np.select([x > 1], [x, x]), ArgumentError, r"numpy\.select: 1 conditions for 2"),
    "select numbers": (lambda x: np.select([x], [x]), ArgumentError, r"numpy\.select: a condition is not boolean"),
    "piecewise counts": (
        lambda x: np.piecewise(x, [x > 1], [1, 2, 3]),
        ArgumentError,
        r"numpy\.piecewise: 3 functions",
    ),
    "compress matrix": (lambda x: np.compress([[True]], x), ShapeError, r"numpy\.compress: the condition"),
    "array order": (
        lambda x: np.array([x[0]], order="F", like=x),
        UnsupportedError,
        r"numpy\.array: the keyword order=",
    ),
    "full_like order": (lambda x: np.full_like(x, 1.0, order="F"), UnsupportedError, r"full_like: the keyword order="),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses(name):
    f, error, message = REFUSALS[name]
    with pytest.raises(error, match=message) as caught:
        cr.grad(lambda x: np.sum(f(x)))(X)
    assert "\n  Fix: " in str(caught.value)


def test_sizes_that_depend_on_values_are_refused_inside_vmap():
    for f in (lambda x: np.sum(np.compress(x > 1, x)), lambda x: np.sum(np.piecewise(x, [x > 1], [np.sin, 0.0]))):
        with pytest.raises(TracerError, match=r"numpy\.where"):
            cr.vmap(f)(M)
