"""Mistakes that were made once: one test for each, named after what a user saw."""

import copy
import math
import operator

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError, UnsupportedError


@pytest.mark.parametrize("make", [float, np.float64, np.array], ids=["Python number", "NumPy scalar", "0-d array"])
@pytest.mark.parametrize("point", [800.0, -800.0], ids=str)
@pytest.mark.parametrize(
    ("f", "value", "slope"),
    [
        (lambda x: np.log(np.exp(x)), lambda x: x, 1.0),
        (lambda x: np.log(np.exp(-x)), lambda x: -x, -1.0),
        (lambda x: np.log1p(np.expm1(x)), lambda x: x, 1.0),
    ],
    ids=["log exp", "log exp neg", "log1p expm1"],
)
def test_python_number_overflowed_where_an_array_did_not(f, value, slope, point, make):
    found, gradient = cr.value_and_grad(f)(make(point))
    assert (found, gradient) == (value(point), slope)
    assert np.asarray(found).dtype == np.float64


def test_float32_result_of_a_python_number_stayed_weak():
    x32 = np.float32(3.0)
    assert cr.jit(lambda x, y: np.log(np.exp(x)) * y)(2.0, x32).dtype == (np.log(np.exp(2.0)) * x32).dtype


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copying_parameters_inside_a_function_reported_a_leak(duplicate):
    def loss(parameters):
        other = duplicate(parameters)
        other["w"] = other["w"] * 2
        return np.sum(other["w"] * parameters["w"])

    assert np.array_equal(cr.grad(loss)({"w": np.array([1.0, 2.0])})["w"], [4.0, 8.0])


def test_assigning_to_a_deep_copy_leaves_the_original_alone():
    def f(x):
        y = copy.deepcopy(x)
        y[0] = 5.0
        return np.sum(x * y)

    assert np.array_equal(cr.grad(f)(np.array([2.0, 3.0])), [5.0, 6.0])


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copied_variable_is_a_leaf_of_its_own(duplicate):
    x = cr.variable(np.array([1.0, 2.0]))
    y = duplicate(x)
    (y * y).sum().backward()
    assert x.grad is None
    assert np.array_equal(y.grad.value, [2.0, 4.0])


@pytest.mark.parametrize("decimals", [(), (1,)], ids=["whole", "one decimal"])
def test_builtin_round_of_a_number_was_refused(decimals):
    point = 2.24
    value, gradient = cr.value_and_grad(lambda x: round(x, *decimals) * x)(point)
    assert gradient == round(np.float64(point), *decimals)
    assert math.isclose(value, gradient * point, rel_tol=np.finfo(float).eps)


def test_builtin_round_of_an_array_is_refused_as_by_numpy():
    with pytest.raises(TypeError, match="__round__"):
        cr.grad(lambda x: np.sum(round(x)))(np.ones(2))


@pytest.mark.parametrize("combine", [lambda m: m & 1, lambda m: m | 2, lambda m: 2 ^ m, lambda m: m | np.int8([2, 3])])
def test_a_mask_combined_with_integers_gave_booleans_in_place_of_integers(combine):
    with pytest.raises(UnsupportedError, match=r"bit operations are for booleans only\n(.*\n)*  Fix: "):
        cr.grad(lambda x: np.sum(x * combine(x > 0)))(np.array([1.0, -1.0]))


@pytest.mark.parametrize("other", [True, np.True_, np.array([True, False])], ids=["bool", "numpy.bool", "array"])
@pytest.mark.parametrize("combine", [operator.and_, operator.or_, operator.xor])
def test_a_mask_combined_with_booleans(combine, other):
    x = np.array([1.0, -1.0])
    for f in (lambda x: x * combine(x > 0, other), lambda x: x * combine(other, x > 0)):
        assert np.array_equal(cr.jit(f)(x), f(x))


def test_a_numpy_mask_on_the_left_of_a_traced_one_was_unknown():
    x, mask = np.array([1.0, -1.0, 2.0]), np.array([True, True, False])
    f = lambda x: np.sum(np.where(mask & (x > 0), x**2, 0) + np.where(~(mask | (x > 0)), x, 0))  # noqa: E731
    assert np.array_equal(cr.grad(f)(x), [2.0, 0.0, 0.0])
    masks = np.array([mask, ~mask])
    stacked = cr.vmap(lambda m, x: np.invert((m ^ (x > 0)) & m) * x, in_axes=(0, None))(masks, x)
    assert np.array_equal(stacked, ~((masks ^ (x > 0)) & masks) * x)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64])
def test_reciprocal_of_integers_was_not_rounded_as_by_numpy(dtype):
    with pytest.raises(DtypeError, match=r"numpy.reciprocal: .*\n(.*\n)*  Fix: write 1 / x"):
        cr.jit(np.reciprocal)(np.array([1, 2], dtype))
