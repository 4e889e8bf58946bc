"""The stabilise table: which forms are exchanged, and that the exchange keeps its promise."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from chainrule.core.aval import INT, Aval
from chainrule.core.function import Function
from chainrule.core.leaves import input_node, literal
from chainrule.core.node import Node, substitute, topological
from chainrule.ops.arithmetic import add, divide, multiply, negative, subtract
from chainrule.ops.elementwise import exp, expit, expm1, log, log1p, logaddexp, sqrt
from chainrule.ops.indexing import getitem
from chainrule.ops.reductions import logsumexp_over, max_over, sum_over
from chainrule.ops.shaping import broadcast
from chainrule.rewrite.rule import Rule, is_variable, patterns
from chainrule.rewrite.stabilise import STABILISE, stabilise
from tests.rewrite.graphs import F32, F64, awkward, exactly, few_awkward, inputs, pairs, values_of

x, y, z = inputs((5,), (5,), (5,))
a, b = patterns("x y")

# Written forms for the rules whose right side is a function.
WRITTEN: dict[str, list[Node]] = {
    "log of a sum of exponentials": [
        log(add(exp(a), exp(b))),
        log(add(1, exp(a))),
        log(add(add(exp(a), 1), exp(b))),
    ],
    "log1p of a sum of exponentials": [log1p(exp(a)), log1p(add(exp(a), exp(b)))],
    "softmax": [
        divide(exp(a), add(add(exp(a), exp(b)), 1)),
        divide(1, add(add(exp(a), exp(b)), 1)),
    ],
}


def stable(node: Node) -> Node:
    leaves = [leaf for leaf in topological((node,)) if leaf.op.name == "input"]
    return stabilise(Function(leaves, [node])).outputs[0]


def cases() -> list[tuple[str, Node]]:
    found = []
    for rule in STABILISE:
        for k, written in enumerate(WRITTEN.get(rule.name, [rule.left])):
            found.append(pytest.param(written, id=f"{rule.name}-{k}"))
    return found


def test_every_rule_built_by_a_function_has_written_forms() -> None:
    built = {rule.name for rule in STABILISE if not isinstance(rule.right, Node)}
    assert built == set(WRITTEN)
    assert all(rule.kind == "stabilise" for rule in STABILISE)


def function_of(written: Node, dtype: np.dtype, size: int) -> Function:
    variables = [node for node in topological((written,)) if is_variable(node)]
    leaves = [input_node(0, k, Aval((size,), dtype)) for k in range(len(variables))]
    return Function(leaves, substitute((written,), dict(zip(variables, leaves, strict=True))))


@pytest.mark.parametrize("dtype", [F64, F32])
@pytest.mark.parametrize("written", cases())
def test_no_worse_anywhere_and_finite_where_the_written_form_overflows(
    written: Node, dtype: np.dtype, rng: np.random.Generator
) -> None:
    count = len([node for node in topological((written,)) if is_variable(node)])
    arrays = pairs(count, awkward(dtype, rng, more=40) if count == 1 else few_awkward(dtype, rng))
    function = function_of(written, dtype, arrays[0].size)
    better = stabilise(function)
    assert better is not function
    assert better.output_avals == function.output_avals
    (before,), (after,) = values_of(function, arrays), values_of(better, arrays)
    assert after.dtype == dtype
    eps = float(np.finfo(dtype).eps)
    tiny = float(np.finfo(dtype).smallest_normal)
    top = float(np.finfo(dtype).max)
    scalar = function_of(written, dtype, 1)
    problems = []
    with mpmath.workdps(420 if dtype == F64 else 60):
        for k in range(before.size):
            point = [float(array[k]) for array in arrays]
            if any(np.isnan(point)):
                if not np.isnan(after[k]):
                    problems.append((point, "nan", after[k]))
                continue
            true = exactly(scalar.outputs[0], dict(zip(scalar.inputs, point, strict=True)))
            if mpmath.isnan(true) or top <= abs(true) < mpmath.inf:
                continue
            if mpmath.isinf(true):  # at finite points mpmath itself ran out of digits
                if np.any(np.isinf(point)) and after[k] != float(true) == before[k]:
                    problems.append((point, before[k], after[k]))
                continue
            # One rounding of the operands, as seen in the result.
            size = sum(abs(entry) for entry in point if np.isfinite(entry))
            allowed = 8 * eps * (size * min(abs(true), 1) + abs(true)) + tiny
            if np.isfinite(before[k]):
                allowed += 2 * abs(mpmath.mpf(float(before[k])) - true)
            if not np.isfinite(after[k]) or abs(mpmath.mpf(float(after[k])) - true) > allowed:
                problems.append((point, before[k], after[k], float(true)))
    assert not problems, problems[:5]


def test_the_forms_by_name() -> None:
    keep = broadcast(sum_over(exp(x), (-1,)), (-1,), (1,))
    assert stable(log(add(exp(x), exp(y)))) is logaddexp(x, y)
    assert stable(log(add(literal(1.0), exp(x)))) is logaddexp(0, x)
    assert stable(log(add(exp(x), 1))) is logaddexp(x, 0)
    assert stable(log(add(add(exp(x), exp(y)), exp(z)))) is logaddexp(logaddexp(x, y), z)
    assert stable(log(sum_over(exp(x), (-1,)))) is logsumexp_over(x, (-1,))
    assert stable(log(keep)) is broadcast(logsumexp_over(x, (-1,)), (-1,), (1,))
    assert stable(divide(exp(x), keep)) is exp(subtract(x, broadcast(logsumexp_over(x, (-1,)), (-1,), (1,))))
    assert stable(divide(exp(x), sum_over(exp(x), (-1,)))) is exp(subtract(x, logsumexp_over(x, (-1,))))
    assert stable(log(divide(exp(x), keep))) is subtract(x, broadcast(logsumexp_over(x, (-1,)), (-1,), (1,)))
    assert stable(divide(1, add(1, exp(negative(x))))) is expit(x)
    assert stable(divide(literal(1.0), add(exp(negative(x)), literal(1.0)))) is expit(x)
    assert stable(divide(exp(x), add(1, exp(x)))) is expit(x)
    assert stable(divide(exp(x), add(exp(x), 1))) is expit(x)
    assert stable(divide(exp(x), add(exp(y), exp(x)))) is expit(subtract(x, y))
    assert stable(log(add(1, x))) is log1p(x)
    assert stable(subtract(exp(x), 1)) is expm1(x)
    assert stable(log(expit(x))) is negative(logaddexp(0, negative(x)))
    assert stable(log(divide(1, add(1, exp(negative(x)))))) is negative(logaddexp(0, negative(x)))
    assert stable(subtract(1, expit(x))) is expit(negative(x))
    assert stable(log(subtract(1, expit(x)))) is negative(logaddexp(0, x))
    assert stable(exp(negative(log(add(1, exp(x)))))) is expit(negative(x))
    assert stable(divide(getitem(exp(x), (0,)), sum_over(exp(x), (-1,)))) is exp(
        subtract(getitem(x, (0,)), logsumexp_over(x, (-1,)))
    )


def test_a_shift_by_hand_stays_right() -> None:
    top = broadcast(max_over(x, (-1,)), (-1,), (1,))
    written = add(max_over(x, (-1,)), log(sum_over(exp(subtract(x, top)), (-1,))))
    point = np.array([700.0, 710.0, 712.0, -3.0, 0.0])
    (value,) = values_of(stabilise(Function([x], [written])), [point])
    np.testing.assert_allclose(value, np.logaddexp.reduce(point), rtol=1e-15)


@pytest.mark.parametrize("fill", [-np.inf, np.inf, np.nan, 1000.0, -1000.0])
def test_logsumexp_of_extreme_entries(fill: float) -> None:
    point = np.full(5, fill)
    (value,) = values_of(stabilise(Function([x], [log(sum_over(exp(x), (-1,)))])), [point])
    np.testing.assert_array_equal(value, fill + np.log(5.0) if np.isfinite(fill) else fill)


def test_softmax_of_large_logits() -> None:
    function = Function([x], [divide(exp(x), sum_over(exp(x), (-1,)))])
    point = np.array([1000.0, 1001.0, 999.0, -5.0, 0.0])
    shifted = np.exp(point - point.max())
    (value,) = values_of(stabilise(function), [point])
    np.testing.assert_allclose(value, shifted / shifted.sum(), rtol=1e-12)


def test_nothing_fires_where_it_must_not() -> None:
    (k,) = [input_node(0, 0, Aval((5,), INT))]
    empty = inputs((0,))[0]
    untouched = [
        log(x),
        log(add(x, y)),
        log(add(2, exp(x))),
        log(subtract(exp(x), exp(y))),
        log(exp(k)),  # the dtype would change
        log(add(1, k)),
        log(sum_over(exp(empty), (-1,))),
        divide(exp(x), exp(y)),
        divide(exp(x), add(exp(y), exp(z))),
        divide(2, add(1, exp(x))),
        subtract(2, expit(x)),
        log(add(1, 1)),
        sum_over(exp(x), (-1,)),
    ]
    for node in untouched:
        leaves = [leaf for leaf in topological((node,)) if leaf.op.name == "input"]
        function = Function(leaves, [node])
        assert stabilise(function) is function, node


def test_a_rounding_that_the_user_counts_on_is_kept() -> None:
    one_plus = add(1, x)
    kahan = divide(multiply(log(one_plus), x), subtract(one_plus, 1))
    power = exp(x)
    kahan_exp = divide(multiply(subtract(power, 1), x), log(power))
    soft = add(1, exp(x))
    kahan_soft = divide(multiply(log(soft), exp(x)), subtract(soft, 1))
    for node in (kahan, kahan_exp, kahan_soft):
        function = Function([x], [node])
        assert stabilise(function) is function
    entropy = multiply(exp(x), log(exp(x)))
    assert stable(entropy) is multiply(exp(x), x)


def test_forbidden_rewrites_never_fire() -> None:
    forbidden = [
        subtract(x, x),
        divide(x, x),
        subtract(add(x, y), y),
        multiply(literal(0.0), x),
        add(x, literal(0.0)),
        add(x, add(y, z)),
        exp(log(x)),
        log(multiply(x, y)),
        sqrt(multiply(x, y)),
        multiply(x, add(y, z)),
    ]
    for node in forbidden:
        function = Function([x, y, z], [node])
        assert stabilise(function) is function


def compensated_sum(terms: list[Node]) -> Node:
    total, lost = terms[0], literal(0.0)
    for term in terms[1:]:
        corrected = subtract(term, lost)
        new = add(total, corrected)
        lost = subtract(subtract(new, total), corrected)
        total = new
    return subtract(total, lost)


def test_a_compensated_sum_survives() -> None:
    terms = [getitem(x, (k,)) for k in range(5)]
    function = Function([x], [compensated_sum(terms)])
    assert stabilise(function) is function
    grown = Function([x], [compensated_sum([exp(term) for term in terms])])
    assert stabilise(grown) is grown
    point = np.array([1.0, 1e16, 1.0, -1e16, 1.0])
    assert values_of(stabilise(function), [point])[0] == values_of(function, [point])[0]


def test_long_sums_and_deep_nests_are_linear() -> None:
    node = exp(x)
    for k in range(3_000):
        node = add(node, exp(add(x, literal(2.0 + k))))
    assert len(topological((stable(log(node)),))) < 4 * 3_000 + 20
    node = x
    for _ in range(3_000):
        node = log(add(1, exp(node)))
    assert len(topological((stable(node),))) == 3_000 + 2


def test_a_rule_of_another_dtype_keeps_float32() -> None:
    (u,) = inputs((4,), dtype=F32)
    for written in (log(add(1, exp(u))), divide(1, add(1, exp(u))), log(sum_over(exp(u), (-1,)))):
        better = stable(written)
        assert better.aval == written.aval
        assert better is not written


def test_rules_are_data() -> None:
    assert all(isinstance(rule, Rule) and rule.place.startswith("stabilise.py:") for rule in STABILISE)
