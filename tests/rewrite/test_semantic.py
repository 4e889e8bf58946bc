"""The semantic table: the value to the bit, a better derivative, nan where the written form is nan."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chainrule.core.config import config
from chainrule.core.conventions import recorded
from chainrule.core.function import Function
from chainrule.core.leaves import literal
from chainrule.core.node import Node, topological
from chainrule.diff.jacobian import hessian, value_and_gradient
from chainrule.ops.arithmetic import absolute, add, divide, multiply
from chainrule.ops.contractions import contract
from chainrule.ops.elementwise import exp, power, sqrt
from chainrule.ops.reductions import sum_over
from chainrule.ops.selection import DERIVE_AS, where
from chainrule.rewrite import as_written, prepare
from chainrule.rewrite.semantic import SEMANTIC, semantic
from tests.rewrite.graphs import F32, F64, awkward, inputs, values_of

HALF = literal(0.5)
FORMS: dict[str, Callable[[Node], Node]] = {
    "square of an absolute value": lambda x: multiply(absolute(x), absolute(x)),
    "square of a root": lambda x: power(sqrt(x), 2),
    "square of a power": lambda x: power(power(x, HALF), 2),
    "cube of a root": lambda x: power(sqrt(x), 3),
    "fourth power of a root": lambda x: power(sqrt(x), 4),
    "root of a square": lambda x: sqrt(power(x, 2)),
    "reciprocal of a reciprocal": lambda x: divide(1, divide(1, x)),
    "power -1 of a reciprocal": lambda x: power(divide(1, x), -1),
    "reciprocal of a power -1": lambda x: divide(1, power(x, -1)),
    "square of the root of a square": lambda x: power(sqrt(multiply(x, x)), 2),
}


def norm(x: Node) -> Node:
    return sqrt(sum_over(multiply(x, x), (-1,)))


@pytest.mark.parametrize("dtype", [F64, F32])
@pytest.mark.parametrize("form", FORMS)
def test_values_keep_their_bits_and_derivatives_are_no_worse(
    form: str, dtype: np.dtype, rng: np.random.Generator
) -> None:
    points = awkward(dtype, rng)
    (x,) = inputs(points.shape, dtype=dtype)
    written = Function([x], [FORMS[form](x)])
    better = semantic(written)
    assert better is not written
    assert better.output_avals == written.output_avals
    (before,), (after,) = values_of(written, [points]), values_of(better, [points])
    assert np.where(np.isnan(before), 0, before).tobytes() == np.where(np.isnan(after), 0, after).tobytes()
    np.testing.assert_array_equal(np.isnan(before), np.isnan(after))
    slopes_before, slopes_after = (slopes(function, points) for function in (written, better))
    assert np.isnan(slopes_after[np.isnan(before)]).all(), "a derivative where the value is nan"
    smooth = np.isfinite(slopes_before) & (np.abs(points) > 1e-6) & (np.abs(points) < 1e6)
    np.testing.assert_allclose(slopes_after[smooth], slopes_before[smooth], rtol=16 * np.finfo(dtype).eps)
    # Where the value is a number and the written derivative is not, the better one is.
    lost = np.isfinite(before) & ~np.isfinite(slopes_before) & (np.abs(points) < 1)
    assert np.isfinite(slopes_after[lost]).all()


def slopes(function: Function, points: np.ndarray) -> np.ndarray:
    """The derivative entry by entry, of the function exactly as it is given."""
    from chainrule.diff.reverse import reverse
    from chainrule.diff.support import Flow

    (x,), (y,) = function.inputs, function.outputs
    ones = where(True, literal(1.0), literal(1.0))
    seed = multiply(ones, inputs(points.shape, points.shape, dtype=points.dtype)[1])
    (flow,) = reverse([y], [Flow(seed)], [x])
    assert flow is not None
    derivative = Function([x, inputs(points.shape, points.shape, dtype=points.dtype)[1]], [flow.value])
    return values_of(derivative, [points, np.ones_like(points)])[0]


def test_every_rule_is_fired_by_a_form() -> None:
    from chainrule.rewrite.engine import rewrite

    (x,) = inputs((3,))
    fired: set[str] = set()
    for build in [*FORMS.values(), norm]:
        fired.update(name for name, _ in rewrite([build(x)], SEMANTIC).fired)
    assert fired == {rule.name for rule in SEMANTIC}


@pytest.mark.parametrize(
    ("form", "point", "first", "second"),
    [
        ("square of a root", 0.0, 1.0, 0.0),
        ("square of a power", 0.0, 1.0, 0.0),
        ("square of a root", -1.0, np.nan, np.nan),
        ("root of a square", 0.0, 0.0, 0.0),
        ("root of a square", -2.0, -1.0, 0.0),
        ("reciprocal of a reciprocal", 0.0, 1.0, 0.0),
        ("power -1 of a reciprocal", 0.0, 1.0, 0.0),
        ("fourth power of a root", 0.0, 0.0, 2.0),
        ("square of an absolute value", 0.0, 0.0, 2.0),
        ("square of the root of a square", 0.0, 0.0, 2.0),
    ],
)
def test_derivatives_at_the_kinks(form: str, point: float, first: float, second: float) -> None:
    (x,) = inputs(())
    _, gradient, curvature = values_of(hessian(Function([x], [FORMS[form](x)]), (0,)), [np.float64(point)])
    np.testing.assert_array_equal([gradient, curvature], [first, second])


def test_the_norm_at_zero_has_gradient_zero_and_says_so() -> None:
    (x,) = inputs((3,))
    function = hessian(Function([x], [norm(x)]), (0,))
    with recorded() as used:
        _, gradient, curvature = values_of(function, [np.zeros(3)])
    np.testing.assert_array_equal(gradient, np.zeros(3))
    assert np.isnan(curvature).all()
    assert "norm at 0: 0" in used
    _, gradient, _ = values_of(function, [np.array([3.0, 0.0, 4.0])])
    np.testing.assert_allclose(gradient, [0.6, 0.0, 0.8])


@pytest.mark.parametrize(
    "build",
    [
        norm,
        lambda x: sqrt(contract([x, x], [(0,), (0,)], ())),
        lambda x: sqrt(sum_over(multiply(absolute(x), absolute(x)), (-1,))),
        lambda x: sqrt(divide(sum_over(multiply(x, x), (-1,)), 3)),
        lambda x: sqrt(add(sum_over(multiply(x, x), (-1,)), sum_over(multiply(x, x), (-1,)))),
    ],
)
def test_every_writing_of_a_norm(build: Callable[[Node], Node]) -> None:
    (x,) = inputs((3,))
    function = Function([x], [build(x)])
    _, gradient = values_of(value_and_gradient(function, (0,)), [np.zeros(3)])
    np.testing.assert_array_equal(gradient, np.zeros(3))
    squared = Function([x], [power(build(x), 2)])
    _, gradient, curvature = values_of(hessian(squared, (0,)), [np.zeros(3)])
    np.testing.assert_array_equal(gradient, np.zeros(3))
    np.testing.assert_allclose(curvature, curvature[0, 0] * np.eye(3))
    assert curvature[0, 0] > 0


def test_what_is_no_norm_stays_a_root() -> None:
    x, y = inputs((3,), (3,))
    for radicand in (add(multiply(x, x), multiply(y, y)), sum_over(x, (-1,)), sum_over(multiply(x, y), (-1,)), exp(x)):
        function = Function([x, y], [sqrt(radicand)])
        assert semantic(function) is function


def test_nan_in_one_entry_of_a_squared_norm() -> None:
    (x,) = inputs((2,))
    value, gradient = values_of(value_and_gradient(Function([x], [power(norm(x), 2)]), (0,)), [np.array([np.nan, 1.0])])
    assert np.isnan(value)
    assert np.isnan(gradient).all()


@pytest.mark.parametrize("form", FORMS)
def test_applying_twice_changes_nothing_and_the_values_come_out_again(form: str) -> None:
    (x,) = inputs((3,))
    written = Function([x], [exp(FORMS[form](FORMS[form](x)))])
    once = semantic(written)
    assert semantic(once) is once
    plain = as_written(once)
    assert not any(node.op is DERIVE_AS for node in topological(plain.outputs))
    if form != "square of an absolute value":  # which is exact, and replaced
        assert plain == written
    assert as_written(plain) is plain


def test_prepare_follows_the_mode() -> None:
    (x,) = inputs((3,))
    from chainrule.ops.elementwise import log, logaddexp

    soft = Function([x], [log(add(1, exp(x)))])
    assert prepare(soft, "full").outputs == (logaddexp(0, x),)
    assert prepare(soft, "exact") is soft
    assert config.rewrite == "full"
