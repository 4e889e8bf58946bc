"""Every NumPy function that is answered, with its keywords: value, shape, dtype and derivative."""

import functools
from typing import NamedTuple

import numpy as np
import pytest
import scipy.special

import chainrule as cr
from chainrule.trace.dispatch import provided_functions
from tests.oracles import richardson, tolerance
from tests.trace import test_arranging, test_statistics
from tests.trace.scipy_calls import SCIPY


class Call(NamedTuple):
    """`call(x)` for an `x` of the given shape, drawn from an interval on which the function is smooth."""

    function: object
    call: object
    shape: tuple = (2, 3)
    interval: tuple = (0.5, 2.0)
    condition: float = 10.0


MASK = np.array([[True, False, True], [True, True, False]])
VECTOR, MATRIX = np.array([0.7, -1.3, 2.1]), np.array([[1.5, -0.3, 0.8], [0.2, 2.2, -0.6]])
SQUARE = np.array([[3.0, 0.5, -0.2], [0.1, 2.5, 0.7], [-0.4, 0.3, 2.8]])
COLUMN = MATRIX[:, :1]


def symmetric(x):
    return (x + x.T) / 2 + np.diag([4.0, 7.0, 11.0])


def changed(x, change):
    """A copy of `x` after a function has written into it."""
    copy = x.copy()
    change(copy)
    return copy


def near_identity(x):
    return x + 3 * np.eye(3)


def unary(ufunc, *interval, condition=10.0):
    return [
        Call(ufunc, ufunc, interval=interval, condition=condition),
        Call(ufunc, ufunc, (), interval, condition),
        Call(ufunc, lambda x: ufunc(x, dtype=np.float64), (4,), interval, condition),
        Call(
            ufunc, lambda x: ufunc(x[None, ::-1], casting="same_kind", order="K", subok=True), (3,), interval, condition
        ),
    ]


def binary(ufunc, *interval):
    other = np.abs(MATRIX) + 0.3
    return [
        Call(ufunc, lambda x: ufunc(x, other), interval=interval),
        Call(ufunc, lambda x: ufunc(other, x), interval=interval),
        Call(ufunc, lambda x: ufunc(x, 1.7), (), interval),
        Call(ufunc, lambda x: ufunc(x, other[0]), (2, 1), interval),
        Call(ufunc, lambda x: ufunc(other[:, :1], x), (3,), interval),
        Call(ufunc, lambda x: ufunc(x[:, 1:], x[:, :1]), (2, 3), interval),
    ]


ANY, POSITIVE = (-2.0, 2.0), (0.5, 2.0)
UFUNCS = [
    *unary(np.exp, *ANY),
    *unary(np.expm1, *ANY),
    *unary(np.log, *POSITIVE),
    *unary(np.log1p, *POSITIVE),
    *unary(np.sqrt, *POSITIVE),
    *unary(np.sin, *ANY),
    *unary(np.cos, *ANY),
    *unary(np.tanh, *ANY),
    *unary(np.negative, *ANY),
    *unary(np.positive, *ANY),
    *unary(np.square, *ANY),
    *unary(np.reciprocal, *POSITIVE),
    *unary(np.absolute, *POSITIVE),
    *unary(np.fabs, -2.0, -0.5),
    *unary(np.sign, *POSITIVE),
    Call(scipy.special.expit, scipy.special.expit, interval=ANY),
    *binary(np.add, *ANY),
    *binary(np.subtract, *ANY),
    *binary(np.multiply, *ANY),
    *binary(np.divide, *POSITIVE),
    *binary(np.power, *POSITIVE),
    *binary(np.logaddexp, *ANY),
    *binary(np.maximum, 3.0, 4.0),
    *binary(np.minimum, 3.0, 4.0),
    Call(np.power, lambda x: np.power(x, 3), interval=ANY),
    Call(np.power, lambda x: np.power(x, -2)),
    Call(np.power, lambda x: np.power(x, 0.5)),
    Call(np.power, lambda x: np.power(2.0, x)),
    Call(np.power, lambda x: x**x),
    Call(np.greater, lambda x: np.greater(x, 1.0) * x),
    Call(np.greater_equal, lambda x: np.greater_equal(x, MATRIX) * x),
    Call(np.less, lambda x: np.less(x, 1.0) * x),
    Call(np.less_equal, lambda x: np.less_equal(MATRIX, x) * x),
    Call(np.equal, lambda x: np.equal(x, x) * x),
    Call(np.not_equal, lambda x: np.not_equal(x, 1.0) * x),
    Call(np.logical_and, lambda x: np.logical_and(x > 0, MASK) * x),
    Call(np.bitwise_and, lambda x: np.bitwise_and(MASK, x > 0) * x),
    Call(np.bitwise_or, lambda x: np.bitwise_or(MASK, x > 0) * x),
    Call(np.bitwise_xor, lambda x: np.bitwise_xor(MASK, x > 0) * x),
    Call(np.invert, lambda x: np.invert(x > 1) * x),
    Call(np.logical_or, lambda x: np.logical_or(MASK, x > 9) * x),
    Call(np.logical_not, lambda x: np.logical_not(x > 1) * x),
    Call(np.matmul, lambda x: np.matmul(x, VECTOR)),
    Call(np.matmul, lambda x: np.matmul(SQUARE, x), (3,)),
    Call(np.matmul, lambda x: np.matmul(x, MATRIX.T)),
    Call(np.matmul, lambda x: x.T @ x),
    Call(np.matmul, lambda x: np.matmul(x, x[::-1]), (3,)),
    Call(np.matmul, lambda x: np.matmul(x[:, None], MATRIX.T), (2, 2, 3)),
    Call(np.matmul, lambda x: np.matmul(MATRIX[None], x), (2, 3, 2)),
]
REDUCTIONS = [
    Call(function, functools.partial(lambda f, k, x: f(x, **k), function, keywords), shape, interval)
    for function, interval, more in [
        (
            np.sum,
            ANY,
            [{"dtype": float}, {"initial": 3.0}, {"where": MASK}, {"where": MASK, "axis": 1, "initial": 2.0}],
        ),
        (np.mean, ANY, [{"dtype": "f8"}, {"where": MASK}, {"where": MASK, "axis": 0, "keepdims": True}]),
        (np.max, ANY, [{"initial": -9.0}, {"initial": -9.0, "where": MASK, "axis": 1}]),
        (np.min, ANY, [{"initial": 9.0}, {"initial": 9.0, "where": MASK, "axis": 1}]),
    ]
    for shape, keywords in [
        ((2, 3), {}),
        ((2, 3), {"axis": 0}),
        ((2, 3), {"axis": -1}),
        ((2, 3), {"axis": 1, "keepdims": True}),
        ((2, 3), {"axis": (0, 1)}),
        ((2, 3), {"axis": (), "keepdims": False}),
        ((2, 3), {"keepdims": True, "out": None}),
        ((2, 3, 2), {"axis": (-1, 0)}),
        ((), {}),
        *[((2, 3), keywords) for keywords in more],
    ]
] + [
    Call(np.any, lambda x: np.any(x > 1, axis=1) * x[:, 0]),
    Call(np.any, lambda x: np.any(x, axis=0, keepdims=True) * x),
    Call(np.all, lambda x: np.all(x > 0) * x),
    Call(np.all, lambda x: np.all(x > 1, axis=(0, 1)) * x),
    Call(np.cumsum, np.cumsum),
    Call(np.cumsum, lambda x: np.cumsum(x, axis=0)),
    Call(np.cumsum, lambda x: np.cumsum(x, axis=-1, dtype=float)),
    Call(np.cumsum, lambda x: x.cumsum(1)),
    Call(np.sum, lambda x: np.add.reduce(x)),
    Call(np.sum, lambda x: np.add.reduce(x, axis=(0, 1), keepdims=True)),
    Call(np.max, lambda x: np.maximum.reduce(x, axis=1)),
    Call(np.min, lambda x: np.minimum.reduce(x, axis=None)),
    Call(np.sum, lambda x: x.sum(0) + x.sum(axis=0, keepdims=True)),
    Call(np.mean, lambda x: x.mean(axis=1)),
    Call(np.max, lambda x: x.max(1) - x.min(1)),
]
SHAPES = [
    Call(np.transpose, np.transpose),
    Call(np.transpose, lambda x: np.transpose(x, (2, 0, 1)), (2, 3, 2)),
    Call(np.transpose, lambda x: np.transpose(x, axes=(-1, 0, 1)), (2, 3, 2)),
    Call(np.transpose, lambda x: x.transpose(1, 0, 2), (2, 3, 2)),
    Call(np.transpose, lambda x: x.T @ VECTOR[:2]),
    Call(np.matrix_transpose, np.matrix_transpose, (2, 3, 2)),
    Call(np.matrix_transpose, lambda x: x.mT, (2, 3, 2)),
    Call(np.swapaxes, lambda x: np.swapaxes(x, 0, 2), (2, 3, 2)),
    Call(np.swapaxes, lambda x: np.swapaxes(x, axis1=-1, axis2=0)),
    Call(np.moveaxis, lambda x: np.moveaxis(x, 0, -1), (2, 3, 2)),
    Call(np.moveaxis, lambda x: np.moveaxis(x, (0, 1), (-1, -2)), (2, 3, 4)),
    Call(np.moveaxis, lambda x: np.moveaxis(x, [2, 0], [0, 1]), (2, 3, 4)),
    Call(np.reshape, lambda x: np.reshape(x, (3, 2))),
    Call(np.reshape, lambda x: np.reshape(x, -1)),
    Call(np.reshape, lambda x: x.reshape(1, -1, 2)),
    Call(np.reshape, lambda x: np.reshape(x, (3, -1), order="C", copy=None)),
    Call(np.reshape, lambda x: np.reshape(x, (1, 1)), ()),
    Call(np.ravel, np.ravel),
    Call(np.ravel, lambda x: x.flatten() * x.ravel(order="C")),
    Call(np.squeeze, np.squeeze, (1, 3, 1)),
    Call(np.squeeze, lambda x: np.squeeze(x, axis=0), (1, 3, 1)),
    Call(np.squeeze, lambda x: x.squeeze((0, -1)), (1, 3, 1)),
    Call(np.expand_dims, lambda x: np.expand_dims(x, 0)),
    Call(np.expand_dims, lambda x: np.expand_dims(x, axis=(0, -1))),
    Call(np.expand_dims, lambda x: np.expand_dims(x, (1, 3))),
    Call(np.broadcast_to, lambda x: np.broadcast_to(x, (4, 2, 3))),
    Call(np.broadcast_to, lambda x: np.broadcast_to(x, (2, 4)), (2, 1)),
    Call(np.broadcast_to, lambda x: np.broadcast_to(x, 3), ()),
    Call(np.broadcast_arrays, lambda x: sum(a * k for k, a in enumerate(np.broadcast_arrays(x, x[:1], 2.0), 1))),
    Call(np.concatenate, lambda x: np.concatenate([x, MATRIX, x])),
    Call(np.concatenate, lambda x: np.concatenate((x, COLUMN), axis=1)),
    Call(np.concatenate, lambda x: np.concatenate([x, VECTOR], axis=None)),
    Call(np.concatenate, lambda x: np.concatenate([x, x[:0]], axis=0, dtype=float)),
    Call(np.stack, lambda x: np.stack([x, MATRIX])),
    Call(np.stack, lambda x: np.stack([x, x, MATRIX], axis=-1)),
    Call(np.stack, lambda x: np.stack([x[0], x[1] * 2], 1)),
    Call(np.stack, lambda x: np.stack([x, 2.0, np.float64(3)]), ()),
    Call(np.hstack, lambda x: np.hstack([x, COLUMN])),
    Call(np.hstack, lambda x: np.hstack((x, VECTOR, 1.0)), (3,)),
    Call(np.vstack, lambda x: np.vstack([x, MATRIX])),
    Call(np.vstack, lambda x: np.vstack([x, VECTOR]), (3,)),
    Call(np.zeros_like, lambda x: np.zeros_like(x) + x),
    Call(np.zeros_like, lambda x: np.zeros_like(x, dtype=float, shape=(2, 2)) + x[0, 0]),
    Call(np.ones_like, lambda x: np.ones_like(x) * x),
    Call(np.ones_like, lambda x: np.ones_like(x, shape=4) * x[0, 0]),
    Call(np.copy, np.copy),
    Call(np.copy, lambda x: x.copy()),
    Call(np.shape, lambda x: x * np.shape(x)[1]),
    Call(np.ndim, lambda x: x * np.ndim(x)),
    Call(np.size, lambda x: x * np.size(x) * np.size(x, axis=1)),
    Call(np.where, lambda x: np.where(MASK, x, 0.0)),
    Call(np.where, lambda x: np.where(x > 1, x, -x)),
    Call(np.where, lambda x: np.where(MASK, MATRIX, x[0])),
    Call(np.where, lambda x: np.where(MASK[0], x[:, :1], 3)),
    Call(np.where, lambda x: np.where(np.array([0, 2, 0]), x, x * x)),
    Call(np.clip, lambda x: np.clip(x, 0.8, 1.5)),
    Call(np.clip, lambda x: np.clip(x, None, 1.5)),
    Call(np.clip, lambda x: np.clip(x, a_min=0.9, a_max=None)),
    Call(np.clip, lambda x: np.clip(x, np.abs(MATRIX), 5.0)),
    Call(np.clip, lambda x: np.clip(MATRIX, x - 3, x)),
    Call(np.sort, np.sort),
    Call(np.sort, lambda x: np.sort(x, axis=0)),
    Call(np.sort, lambda x: np.sort(x, axis=None, kind="stable")),
    Call(np.argsort, lambda x: np.argsort(x, axis=0) * x),
    Call(np.argsort, lambda x: np.argsort(x, axis=None).reshape(2, 3) * x),
]
PRODUCTS = [
    Call(np.dot, lambda x: np.dot(x, VECTOR)),
    Call(np.dot, lambda x: x.dot(SQUARE)),
    Call(np.dot, lambda x: np.dot(SQUARE, x), (2, 3, 2)),
    Call(np.dot, lambda x: np.dot(x, x), (3,)),
    Call(np.dot, lambda x: np.dot(x, 3.0)),
    Call(np.inner, lambda x: np.inner(x, x)),
    Call(np.inner, lambda x: np.inner(VECTOR, x)),
    Call(np.inner, lambda x: np.inner(x, 2.0), ()),
    Call(np.vdot, lambda x: np.vdot(x, MATRIX)),
    Call(np.outer, lambda x: np.outer(x, VECTOR)),
    Call(np.outer, lambda x: np.outer(x, x), (3,)),
    Call(np.tensordot, lambda x: np.tensordot(x, MATRIX)),
    Call(np.tensordot, lambda x: np.tensordot(x, SQUARE, 1)),
    Call(np.tensordot, lambda x: np.tensordot(x, VECTOR, axes=0)),
    Call(np.tensordot, lambda x: np.tensordot(x, MATRIX, ((0, 1), (0, 1)))),
    Call(np.tensordot, lambda x: np.tensordot(MATRIX, x, axes=(1, -1)), (2, 2, 3)),
    Call(np.trace, np.trace, (3, 3)),
    Call(np.trace, lambda x: np.trace(x, 1)),
    Call(np.trace, lambda x: np.trace(x, offset=-1, axis1=2, axis2=0), (3, 2, 3)),
    Call(np.diagonal, np.diagonal, (3, 3)),
    Call(np.diagonal, lambda x: np.diagonal(x, 1)),
    Call(np.diagonal, lambda x: x.diagonal(-1, 1, 2), (2, 3, 4)),
    Call(np.einsum, lambda x: np.einsum("ij,kj->ik", x, MATRIX)),
    Call(np.einsum, lambda x: np.einsum("ij,ij", x, x)),
    Call(np.einsum, lambda x: np.einsum("ij->ji", x, optimize=True)),
    Call(np.einsum, lambda x: np.einsum("ij->", x)),
    Call(np.einsum, lambda x: np.einsum("ii->i", x), (3, 3)),
    Call(np.einsum, lambda x: np.einsum("ii", x), (3, 3)),
    Call(np.einsum, lambda x: np.einsum("...j,j->...", x, VECTOR), (2, 2, 3)),
    Call(np.einsum, lambda x: np.einsum("i...,i...", x, MATRIX)),
    Call(np.einsum, lambda x: np.einsum("ij, jk, k -> i", x, SQUARE, VECTOR)),
    Call(np.einsum, lambda x: np.einsum("i,j,k->ijk", x, x, x), (2,)),
    Call(np.einsum, lambda x: np.einsum("ij,ij->ij", x, COLUMN)),
    Call(np.einsum, lambda x: np.einsum("ba", x)),
]
LINALG = [
    Call(np.linalg.solve, lambda x: np.linalg.solve(near_identity(x), VECTOR), (3, 3), (-0.5, 0.5)),
    Call(np.linalg.solve, lambda x: np.linalg.solve(SQUARE, x), (3,)),
    Call(np.linalg.solve, lambda x: np.linalg.solve(SQUARE, x), (3, 2)),
    Call(np.linalg.solve, lambda x: np.linalg.solve(near_identity(x), x[..., :1]), (2, 3, 3), (-0.5, 0.5)),
    Call(np.linalg.inv, lambda x: np.linalg.inv(near_identity(x)), (3, 3), (-0.5, 0.5)),
    Call(np.linalg.inv, lambda x: np.linalg.inv(near_identity(x)), (2, 3, 3), (-0.5, 0.5)),
    Call(np.linalg.cholesky, lambda x: np.linalg.cholesky(symmetric(x)), (3, 3), (-0.5, 0.5)),
    Call(np.linalg.cholesky, lambda x: np.linalg.cholesky(symmetric(x), upper=True), (3, 3), (-0.5, 0.5)),
    Call(np.linalg.eigh, lambda x: np.linalg.eigh(symmetric(x)).eigenvalues, (3, 3), (-0.5, 0.5)),
    Call(
        np.linalg.eigh,
        lambda x: (lambda w, v: v * v * w)(*np.linalg.eigh(symmetric(x), UPLO="L")),
        (3, 3),
        (-0.5, 0.5),
        100,
    ),
    Call(np.linalg.eigvalsh, lambda x: np.linalg.eigvalsh(symmetric(x)), (3, 3), (-0.5, 0.5)),
    Call(np.linalg.norm, np.linalg.norm),
    Call(np.linalg.norm, lambda x: np.linalg.norm(x, axis=1)),
    Call(np.linalg.norm, lambda x: np.linalg.norm(x, "fro", keepdims=True)),
    Call(np.linalg.norm, lambda x: np.linalg.norm(x, 2, axis=-1, keepdims=True)),
    Call(np.linalg.norm, lambda x: np.linalg.norm(x, ord=2), (3,)),
    Call(np.linalg.norm, lambda x: np.linalg.norm(x, axis=(0, 1))),
    Call(np.linalg.slogdet, lambda x: np.linalg.slogdet(near_identity(x)).logabsdet, (3, 3), (-0.5, 0.5)),
    Call(
        np.linalg.slogdet, lambda x: np.linalg.slogdet(near_identity(x))[0][:, None, None] * x, (2, 3, 3), (-0.5, 0.5)
    ),
]
UNIT = (-0.9, 0.9)
MORE_UFUNCS = [
    *unary(np.exp2, *ANY),
    *unary(np.log2, *POSITIVE),
    *unary(np.log10, *POSITIVE),
    *unary(np.cbrt, *POSITIVE),
    *unary(np.tan, *UNIT),
    *unary(np.arcsin, *UNIT),
    *unary(np.arccos, *UNIT),
    *unary(np.arctan, *ANY),
    *unary(np.sinh, *ANY),
    *unary(np.cosh, *ANY),
    *unary(np.arcsinh, *ANY),
    *unary(np.arccosh, 1.5, 3.0),
    *unary(np.arctanh, *UNIT),
    *unary(np.deg2rad, *ANY),
    *unary(np.radians, *ANY),
    *unary(np.rad2deg, *ANY),
    *unary(np.degrees, *ANY),
    *unary(np.floor, 0.1, 0.9),
    *unary(np.ceil, 0.1, 0.9),
    *unary(np.trunc, 0.1, 0.9),
    *unary(np.rint, 0.6, 1.4),
    *unary(np.conjugate, *ANY),
    *binary(np.logaddexp2, *ANY),
    *binary(np.hypot, *POSITIVE),
    *binary(np.arctan2, *POSITIVE),
    *binary(np.copysign, *POSITIVE),
    *binary(np.heaviside, *POSITIVE),
    *binary(np.fmax, 3.0, 4.0),
    *binary(np.fmin, 3.0, 4.0),
    *binary(np.float_power, *POSITIVE),
    Call(np.floor_divide, lambda x: np.floor_divide(x, 0.4), interval=(0.81, 1.19)),
    Call(np.remainder, lambda x: np.remainder(x, 0.4), interval=(0.81, 1.19)),
    Call(np.remainder, lambda x: x % 0.4 + x // 0.4, interval=(0.81, 1.19)),
    Call(np.remainder, lambda x: np.remainder(5.0, x), interval=(3.0, 4.0)),
    Call(np.fmod, lambda x: np.fmod(x, 0.4), interval=(0.81, 1.19)),
    Call(np.divmod, lambda x: (lambda quotient, rest: quotient * rest)(*divmod(x, 0.4)), interval=(0.81, 1.19)),
    Call(np.remainder, lambda x: 7.0 % x + 7.0 // x, interval=(3.6, 4.0)),
    Call(np.divmod, lambda x: sum(np.divmod(x, 0.4)), interval=(0.81, 1.19)),
    Call(np.modf, lambda x: np.modf(x)[0] * 3, interval=(0.1, 0.9)),
    Call(np.ldexp, lambda x: np.ldexp(x, 3)),
    Call(np.isnan, lambda x: np.isnan(x) * x + x),
    Call(np.isinf, lambda x: np.isinf(x) * x + x),
    Call(np.isfinite, lambda x: np.isfinite(x) * x),
    Call(np.isposinf, lambda x: np.isposinf(x) * x + x),
    Call(np.isneginf, lambda x: np.isneginf(x) * x + x),
    Call(np.signbit, lambda x: np.signbit(-x) * x),
    Call(np.logical_xor, lambda x: np.logical_xor(MASK, x > 9) * x),
    Call(np.real, lambda x: np.real(x) * 2),
    Call(np.imag, lambda x: np.imag(x) + x),
    Call(np.angle, lambda x: np.angle(x) + x),
    Call(np.angle, lambda x: np.angle(-x, deg=True) + x),
    Call(np.round, lambda x: np.round(x, 1) + x, interval=(0.16, 0.24)),
    Call(np.around, lambda x: np.around(x, decimals=0), interval=(0.6, 1.4)),
    Call(np.fix, np.fix, interval=(0.1, 0.9)),
    Call(np.sinc, np.sinc, interval=ANY),
    Call(np.i0, np.i0, interval=ANY),
    Call(np.nan_to_num, np.nan_to_num),
    Call(np.nan_to_num, lambda x: np.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-2.0)),
]
if hasattr(np, "matvec"):  # not in every NumPy 2
    MORE_UFUNCS += [
        Call(np.vecdot, lambda x: np.vecdot(x, x)),
        Call(np.matvec, lambda x: np.matvec(SQUARE, x)),
        Call(np.vecmat, lambda x: np.vecmat(x, SQUARE)),
    ]
INVERTIBLE = {"shape": (3, 3), "interval": (-0.5, 0.5), "condition": 100}
MORE_LINALG = [
    Call(np.linalg.det, lambda x: np.linalg.det(near_identity(x)), **INVERTIBLE),
    Call(np.linalg.det, np.linalg.det, (2, 3, 3)),
    Call(np.linalg.eig, lambda x: np.sort(np.linalg.eig(symmetric(x)).eigenvalues), **INVERTIBLE),
    Call(np.linalg.eigvals, lambda x: np.sort(np.linalg.eigvals(symmetric(x))), **INVERTIBLE),
    Call(np.linalg.eigh, lambda x: np.linalg.eigh(symmetric(x), UPLO="U")[0], **INVERTIBLE),
    Call(np.linalg.svd, lambda x: np.linalg.svd(x).S),
    Call(np.linalg.svd, lambda x: np.linalg.svd(x + MATRIX, compute_uv=False)),
    Call(np.linalg.svd, lambda x: (lambda u, s, v: (u * s) @ v)(*np.linalg.svd(x, full_matrices=False)), condition=100),
    Call(np.linalg.svdvals, lambda x: np.linalg.svdvals(x.T)),
    Call(np.linalg.qr, lambda x: (lambda q, r: q @ r)(*np.linalg.qr(x.T)), condition=100),
    Call(np.linalg.qr, lambda x: np.abs(np.linalg.qr(near_identity(x), mode="r")), **INVERTIBLE),
    Call(np.linalg.pinv, lambda x: np.linalg.pinv(x + MATRIX), condition=100),
    Call(np.linalg.lstsq, lambda x: np.linalg.lstsq(x.T + MATRIX.T, VECTOR, rcond=None)[0], condition=100),
    Call(np.linalg.cond, lambda x: np.linalg.cond(near_identity(x)), **INVERTIBLE),
    Call(np.linalg.matrix_rank, lambda x: np.linalg.matrix_rank(near_identity(x)) * x, **INVERTIBLE),
    Call(np.linalg.matrix_power, lambda x: np.linalg.matrix_power(near_identity(x), 5) / 100, **INVERTIBLE),
    Call(np.linalg.matrix_power, lambda x: np.linalg.matrix_power(near_identity(x), -2), **INVERTIBLE),
    Call(np.linalg.matrix_power, lambda x: np.linalg.matrix_power(x, 0) + x, (3, 3)),
    Call(np.linalg.vector_norm, lambda x: np.linalg.vector_norm(x, axis=1)),
    Call(np.linalg.vector_norm, lambda x: np.linalg.vector_norm(x, ord=3, keepdims=True)),
    Call(np.linalg.matrix_norm, np.linalg.matrix_norm),
    Call(np.linalg.norm, lambda x: np.linalg.norm(x, 1, axis=0)),
    Call(np.linalg.norm, lambda x: np.linalg.norm(x, np.inf, axis=0)),
    Call(np.linalg.norm, lambda x: np.linalg.norm(x, "nuc"), condition=100),
    Call(np.kron, lambda x: np.kron(x, SQUARE)),
    Call(np.kron, lambda x: np.kron(VECTOR, x)),
    Call(np.cross, lambda x: np.cross(x, VECTOR)),
    Call(np.cross, lambda x: np.cross(x, SQUARE, axisa=0, axisb=0, axisc=-1), (3, 3)),
    Call(np.linalg.cross, lambda x: np.linalg.cross(MATRIX, x)),
    Call(np.linalg.vecdot, lambda x: np.linalg.vecdot(MATRIX, x, axis=0)),
    Call(np.linalg.multi_dot, lambda x: np.linalg.multi_dot([x, SQUARE, VECTOR])),
    Call(np.linalg.matmul, lambda x: np.linalg.matmul(x, SQUARE)),
    Call(np.linalg.outer, lambda x: np.linalg.outer(x, VECTOR), (2,)),
    Call(np.linalg.trace, lambda x: np.linalg.trace(x, offset=1), (2, 3, 3)),
    Call(np.linalg.diagonal, lambda x: np.linalg.diagonal(x, offset=-1), (2, 3, 3)),
    Call(np.linalg.matrix_transpose, np.linalg.matrix_transpose),
    Call(np.linalg.tensordot, lambda x: np.linalg.tensordot(x, SQUARE, axes=1)),
    Call(np.linalg.tensorsolve, lambda x: np.linalg.tensorsolve(near_identity(x), VECTOR), **INVERTIBLE),
    Call(np.linalg.tensorinv, lambda x: np.linalg.tensorinv(near_identity(x), ind=1), **INVERTIBLE),
]
# The same call in two dtypes, when NumPy's answer may have only one: what mixes with float64 data is float64.
SPECIAL = [Call(*row) for row in SCIPY]
MADE = [
    Call(np.zeros, lambda x: np.zeros(3, like=x) + x),
    Call(np.ones, lambda x: np.ones((2, 1), like=x) * x),
    Call(np.empty, lambda x: np.empty((0, 3), like=x).sum() + x),
    Call(np.full, lambda x: np.full((4, 3), x[0], like=x)),
    Call(np.copyto, lambda x: changed(x, lambda y: np.copyto(y, x * x, where=[True, False, True]))),
    Call(np.fill_diagonal, lambda x: changed(x, lambda y: np.fill_diagonal(y, x[0, 0] * x[0, 1])), (3, 2)),
]
CALLS = [*MADE, *UFUNCS, *REDUCTIONS, *SHAPES, *PRODUCTS, *LINALG, *MORE_UFUNCS, *MORE_LINALG, *SPECIAL]
IDS = [f"{getattr(call.function, '__name__', call.function)}-{k}" for k, call in enumerate(CALLS)]


def test_every_answered_function_has_a_row():
    rows = {call.function for call in (*CALLS, *test_statistics.ALL, *test_arranging.CALLS)}
    special = {getattr(scipy.special, name) for name in dir(scipy.special) if callable(getattr(scipy.special, name))}
    # SciPy's functions are held against mpmath in tests/ops.
    missing = [
        function.__name__
        for function in provided_functions()
        if function not in rows
        and function not in special
        and not function.__name__.startswith("_")
        and not function.__module__.startswith("scipy.linalg")  # these are in test_scipy_linalg
    ]
    assert not missing
    assert len(CALLS) >= 150


def draw(rng, call):
    """A point in the interval with entries apart from each other and from bounds, so that nothing ties."""
    low, high = call.interval
    size = int(np.prod(call.shape))
    places = (rng.permutation(size) + rng.uniform(0.3, 0.7, size)) / max(size, 1)
    return (low + (high - low) * places).reshape(call.shape)[()]


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_value_is_numpys(call, dtype, rng):
    x = draw(rng, call).astype(dtype)
    expected = np.asarray(call.call(x))
    for _ in range(2):  # interpreted, then compiled
        value = cr.vjp(call.call, x)[0]
        assert (np.shape(value), value.dtype) == (expected.shape, expected.dtype)
        size = max(1.0, np.abs(expected).max(initial=0.0))
        allowed = tolerance(value.dtype, call.condition) * size
        np.testing.assert_allclose(value, expected, rtol=0, atol=allowed)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_derivative_is_the_limit_of_differences(call, rng):
    x = draw(rng, call)
    direction = rng.standard_normal(call.shape)[()]
    # A step stays within the interval, so that no maximum, mask or order changes on the way.
    step = (call.interval[1] - call.interval[0]) / (16 * max(1, x.size) * max(1.0, np.abs(x).max()))
    expected, error = richardson(call.call, x, direction, step=step)
    allowed = tolerance(float, call.condition) * max(1.0, np.abs(expected).max(initial=0.0)) + 4 * np.max(
        error, initial=0.0
    )
    assert allowed < tolerance(float, condition=1e6)
    axes = (range(-np.ndim(x), 0), range(np.ndim(x)))
    for mode in ("reverse", "forward"):
        along = np.tensordot(cr.jacobian(call.call, mode=mode)(x), direction, axes)
        np.testing.assert_allclose(along, expected, rtol=0, atol=allowed)
    np.testing.assert_allclose(cr.jvp(call.call, (x,), (direction,))[1], expected, rtol=0, atol=allowed)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_float32_stays_float32_in_the_gradient(call, rng):
    x = draw(rng, call).astype("f4")
    weights = rng.standard_normal(np.shape(call.call(x)))
    gradient = cr.grad(lambda y: np.sum(call.call(y) * weights))(x)
    assert (np.shape(gradient), gradient.dtype) == (call.shape, np.dtype("f4"))
    expected = cr.grad(lambda y: np.sum(call.call(y) * weights))(x.astype("f8"))
    allowed = tolerance("f4", call.condition) * max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=allowed)
