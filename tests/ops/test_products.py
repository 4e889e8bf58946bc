"""Examples of products over axes, cumulative products and linear recurrences; zeros among the factors."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.ops import products
from tests.ops.laws import OpCase, booleans, integers, laws, reals
from tests.oracles import numeric_gradient, numeric_hessian, tolerance


def of_exclusive_products(x, *directions, axes):
    """The definition, by expansion: every choice of a place for each direction."""
    x, *directions = np.broadcast_arrays(x, *directions)
    result = np.zeros(x.shape, np.result_type(x, *directions))
    last = tuple(range(-len(axes), 0))
    flat = [
        np.moveaxis(z, axes, last).reshape((*np.moveaxis(z, axes, last).shape[: -len(axes)], -1))
        for z in (x, *directions)
    ]
    out = np.zeros(flat[0].shape, result.dtype)
    count = flat[0].shape[-1]
    for i in range(count):
        others = [j for j in range(count) if j != i]
        for places in itertools.permutations(others, len(directions)):
            term = np.ones(flat[0].shape[:-1], out.dtype)
            for j in others:
                term = term * (flat[1 + places.index(j)][..., j] if j in places else flat[0][..., j])
            out[..., i] += term
    return np.moveaxis(out.reshape(np.moveaxis(x, axes, last).shape), last, axes)


def of_recurrence(a, b, reverse=False):
    """The definition, step by step."""
    a, b = np.broadcast_arrays(a, b)
    y = np.array(b, np.result_type(a, b))
    steps = range(b.shape[-1] - 2, -1, -1) if reverse else range(1, b.shape[-1])
    for k in steps:
        y[..., k] += a[..., k] * y[..., k + (1 if reverse else -1)]
    return y


CASES = [
    *[
        OpCase(
            "prod",
            lambda x, axes=axes: products.prod_over(x, axes),
            (draw,),
            lambda x, axes=axes: np.prod(x, axis=axes),
            lambda x, axes=axes: np.prod(x, axis=axes),
            note=f"over {axes}",
            analytic=True,
        )
        for draw, axes in (
            (reals(4), (-1,)),
            (reals(2, 3), (-2,)),
            (reals(2, 3), (-2, -1)),
            (reals(3, 2, 2), (-3, -1)),
            (reals(0, 3), (-2,)),
            (reals(1, 3), (-2,)),
            (integers(3, below=4), (-1,)),
            (booleans(2, 3), (-1,)),
        )
    ],
    *[
        OpCase(
            "exclusive_products",
            lambda x, *bs, axes=axes: products.exclusive_products(x, axes, *bs),
            draws,
            lambda x, *bs, axes=axes: of_exclusive_products(x, *bs, axes=axes),
            note=f"over {axes}",
            analytic=True,
            condition=8.0,
        )
        for draws, axes in (
            ((reals(3),), (-1,)),
            ((reals(2, 3),), (-2,)),
            ((reals(4), reals(4)), (-1,)),
            ((reals(2, 2), reals(2, 2), reals(2, 2)), (-2, -1)),
        )
    ],
    *[
        OpCase(
            "cumprod",
            products.cumprod,
            (draw,),
            lambda x: np.cumprod(x, axis=-1),
            lambda x: np.cumprod(x, axis=-1),
            analytic=True,
        )
        for draw in (reals(4), reals(2, 3), reals(0), reals(2, 1), integers(3, below=4))
    ],
    *[
        OpCase(
            "recurrence",
            lambda a, b, reverse=reverse: products.recurrence(a, b, reverse),
            (draw, draw),
            lambda a, b, reverse=reverse: of_recurrence(a, b, reverse),
            note="reverse" if reverse else "",
            analytic=True,
            condition=8.0,
        )
        for draw, reverse in ((reals(4), False), (reals(2, 3), True), (reals(1), False), (reals(0), True))
    ],
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@pytest.mark.parametrize("zeros", [(), (1,), (0, 3), (0, 1, 3), (0, 1, 2, 3)])
def test_derivatives_at_zeros(zeros):
    x = np.array([1.5, -0.7, 2.0, 0.9])
    x[list(zeros)] = 0.0

    def f(y):
        return np.prod(y) + np.sum(np.cumprod(y) * np.array([0.3, -1.0, 2.0, 0.7]))

    allowed = tolerance(float, 1e4)
    np.testing.assert_allclose(cr.grad(f)(x), numeric_gradient(f, x), rtol=0, atol=allowed)
    for modes in itertools.product(("forward", "reverse"), repeat=2):
        hessian = cr.jacobian(cr.jacobian(f, mode=modes[0]), mode=modes[1])(x)
        np.testing.assert_allclose(hessian, numeric_hessian(f, x), rtol=0, atol=1e2 * allowed)
    third = cr.jacobian(cr.hessian(np.prod))(x)
    for i, j, k in itertools.permutations(range(4), 3):
        (rest,) = set(range(4)) - {i, j, k}
        assert third[i, j, k] == x[rest]
    assert not np.einsum("iij->ij", third).any()


@pytest.mark.parametrize("size", [63, 64, 65, 66, 130, 257])
def test_long_products_and_recurrences(size, rng):
    x = rng.uniform(0.7, 1.3, size)
    x[size // 2] = 0.0
    weights = rng.standard_normal(size)
    expected = [np.prod(np.delete(x, k)) for k in range(size)]
    np.testing.assert_allclose(cr.grad(np.prod)(x), expected, rtol=tolerance(float, size))
    exact = [sum(weights[k] * np.prod(np.delete(x[: k + 1], j)) for k in range(j, size)) for j in range(size)]
    gradient = cr.grad(lambda y: np.cumprod(y) @ weights)(x)
    np.testing.assert_allclose(gradient, exact, rtol=0, atol=tolerance(float, size) * np.abs(exact).max())
