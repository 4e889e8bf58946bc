"""Derivatives of graphs of unusual shape: long, shared, wide; nodes with several results; calls."""

import itertools
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.aval import FLOAT, Aval
from chainrule.core.function import Function
from chainrule.core.leaves import input_node
from chainrule.core.node import topological
from chainrule.diff.batch import batch
from chainrule.diff.forward import pushforward
from chainrule.diff.jacobian import jacobian, value_and_gradient
from chainrule.diff.reverse import pullback
from chainrule.ops import calls, linalg
from chainrule.ops.arithmetic import add, multiply, negative
from chainrule.ops.contractions import matmul, swap
from chainrule.ops.elementwise import exp, sin
from chainrule.ops.reductions import sum_over
from chainrule.ops.selection import mark
from chainrule.run.program import program_of
from tests.oracles import tolerance

ONE = Aval((), FLOAT)


def numbers(count):
    return [input_node(0, k, ONE) for k in range(count)]


def vectors(count, size=3):
    return [input_node(0, k, Aval((size,), FLOAT)) for k in range(count)]


def run(function, *values):
    return program_of(function)(values)


# --- long, shared, wide ----------------------------------------------------------------------------------------------


def test_a_chain_of_100_000_nodes():
    (x,) = numbers(1)
    y = x
    for k in range(100_000):
        y = mark(y, k)  # values stay, so that the answer is known
    function = Function([x], [multiply(y, y)])
    assert run(value_and_gradient(function, (0,)), 3.0) == [9.0, 6.0]


def test_a_long_chain_of_functions():
    (x,) = numbers(1)
    y = x
    for _ in range(20_000):
        y = sin(y)
    value, derivative = 1.0, 1.0
    for _ in range(20_000):
        value, derivative = math.sin(value), derivative * math.cos(value)
    function = Function([x], [y])
    (_, gradient) = run(value_and_gradient(function, (0,)), 1.0)
    (pushed,) = run(pushforward(function, (0,)), 1.0, 1.0)
    assert abs(gradient - derivative) <= tolerance(float, 20_000) * derivative
    assert abs(pushed - derivative) <= tolerance(float, 20_000) * derivative


def test_as_many_paths_as_there_are_atoms():
    """Adding a number to itself, 200 times over: 2**200 paths through 200 nodes."""
    (x,) = numbers(1)
    y = x
    for _ in range(200):
        y = add(y, y)
    function = Function([x], [y])
    gradient = value_and_gradient(function, (0,))
    assert run(gradient, 1.0) == [2.0**200, 2.0**200]
    assert len(gradient.nodes()) <= 3 * 200
    pushed = pushforward(function, (0,))
    assert run(pushed, 1.0, 1.0) == [2.0**200]
    assert len(pushed.nodes()) <= 3 * 200


@pytest.mark.parametrize("transform", [pullback, pushforward])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_shared_subexpressions_are_derived_once(transform, order):
    """The derivative grows by a fixed number of nodes for each node, whatever the number of paths."""

    def size(depth):
        (x,) = numbers(1)
        y = x
        for _ in range(depth):
            y = multiply(sin(y), exp(y))
        function = Function([x], [y])
        for _ in range(order):
            function = transform(function, (0,))
        return len(function.nodes())

    sizes = [size(depth) for depth in (10, 20, 30, 40)]
    steps = np.diff(sizes)
    assert steps[0] == steps[1] == steps[2]
    assert steps[0] <= 10 * 3 * 8**order


def test_a_gradient_is_no_larger_than_a_few_values():
    """The gradient by a thousand variables is one pass: its size does not multiply by their number."""
    xs = vectors(1000)
    total = xs[0]
    for x in xs[1:]:
        total = add(total, multiply(x, x))
    function = Function(xs, [sum_over(total, (-1,))])
    gradient = value_and_gradient(function, tuple(range(1000)))
    assert len(gradient.nodes()) <= 8 * 1000
    assert len(gradient.outputs) == 1001


def test_inputs_that_play_no_part_have_zero_derivatives():
    x, y = vectors(2)
    function = Function([x, y], [exp(x)])
    by_x, by_y = run(pullback(function, (0, 1)), np.zeros(3), np.ones(3), np.ones(3))
    assert (by_x.tolist(), by_y.tolist()) == ([1.0] * 3, [0.0] * 3)
    assert run(pushforward(function, (1,)), np.zeros(3), np.ones(3), np.ones(3))[0].tolist() == [0.0] * 3
    blocks = jacobian(function, (0, 1), "reverse").outputs[1:]
    assert [block.shape for block in blocks] == [(3, 3), (3, 3)]


def test_an_output_may_be_an_input_and_may_be_asked_for_twice():
    (x,) = vectors(1)
    y = sin(x)
    function = Function([x], [x, y, y])
    values, cts = np.array([0.0, 1.0, 2.0]), [np.full(3, 2.0), np.full(3, 3.0), np.full(3, 4.0)]
    (by_x,) = run(pullback(function, (0,)), values, *cts)
    assert np.abs(by_x - (2 + 7 * np.cos(values))).max() <= tolerance(float) * 9
    pushed = run(pushforward(function, (0,)), values, np.ones(3))
    assert pushed[0].tolist() == [1.0] * 3
    assert pushed[1].tolist() == pushed[2].tolist()


def test_no_active_inputs():
    (x,) = vectors(1)
    assert pullback(Function([x], [exp(x)]), ()).outputs == ()
    assert run(pushforward(Function([x], [exp(x)]), ()), np.ones(3))[0].tolist() == [0.0] * 3


# --- several results -------------------------------------------------------------------------------------------------


def operations(function):
    return [node.op.name for node in topological(function.outputs)]


def test_unused_eigenvectors_cost_nothing():
    """The derivative of eigenvalues needs no quotient of gaps, so that it exists for repeated ones."""
    a = input_node(0, 0, Aval((3, 3), FLOAT))
    values, vectors_ = linalg.eigh(a)
    assert "gap_divide" not in operations(pullback(Function([a], [values]), (0,)))
    assert "gap_divide" in operations(pullback(Function([a], [vectors_]), (0,)))
    assert operations(pullback(Function([a], [values]), (0,))).count("eigh") == 1


def test_eigenvalues_alone_push_no_quotient_forward():
    a = input_node(0, 0, Aval((3, 3), FLOAT))
    values, _ = linalg.eigh(a)
    assert "gap_divide" not in operations(pushforward(Function([a], [values]), (0,)))


def test_results_used_together_are_derived_together():
    a = input_node(0, 0, Aval((3, 3), FLOAT))
    values, vectors_ = linalg.eigh(a)
    rebuilt = matmul(multiply(vectors_, values), swap(vectors_))
    pulled = pullback(Function([a], [rebuilt]), (0,))
    assert operations(pulled).count("eigh") == 1
    assert operations(pulled).count("gap_divide") == 1


# --- calls -----------------------------------------------------------------------------------------------------------


def product_and_exponential():
    x, y = vectors(2)
    return Function([x, y], [multiply(sin(x), y), exp(x)])


def given(kinds):
    """The call with the derivatives named in `kinds`; each is that of the function, so that all must agree."""
    function = product_and_exponential()
    forward = pushforward(function, (0, 1)) if "pushforward" in kinds else None
    backward = pullback(function, (0, 1)) if "pullback" in kinds else None
    x, y = vectors(2)
    results = calls.call(function, [multiply(x, y), y], forward, backward)
    return Function([x, y], [add(results[0], results[1])])


KINDS = [(), ("pushforward",), ("pullback",), ("pushforward", "pullback")]


def plain():
    x, y = vectors(2)
    product = multiply(x, y)
    return Function([x, y], [add(multiply(sin(product), y), exp(product))])


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("modes", [*itertools.product([pushforward, pullback], repeat=2), (pullback,), (pushforward,)])
def test_calls_derive_as_what_they_call(kinds, modes, rng):
    called, written = given(kinds), plain()
    for mode in modes:
        called, written = mode(called, (0, 1)), mode(written, (0, 1))
    values = [rng.uniform(-1, 1, x.shape) for x in written.inputs]
    for one, other in zip(run(called, *values), run(written, *values), strict=True):
        assert np.abs(one - other).max() <= tolerance(float, 16) * max(1.0, np.abs(other).max())


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_jacobians_of_calls(kinds, mode, rng):
    values = [rng.uniform(-1, 1, 3) for _ in range(2)]
    blocks = run(jacobian(given(kinds), (0, 1), mode), *values)[1:]
    expected = run(jacobian(plain(), (0, 1), mode), *values)[1:]
    for one, other in zip(blocks, expected, strict=True):
        assert np.abs(one - other).max() <= tolerance(float, 16) * max(1.0, np.abs(other).max())


@pytest.mark.parametrize("kinds", KINDS)
def test_a_call_derives_by_some_of_its_operands(kinds, rng):
    values = [rng.uniform(-1, 1, 3) for _ in range(2)]
    for active in ((0,), (1,)):
        (one,) = run(pullback(given(kinds), active), *values, np.ones(3))
        (other,) = run(pullback(plain(), active), *values, np.ones(3))
        assert np.abs(one - other).max() <= tolerance(float, 16) * max(1.0, np.abs(other).max())
        (one,) = run(pushforward(given(kinds), active), *values, np.ones(3))
        (other,) = run(pushforward(plain(), active), *values, np.ones(3))
        assert np.abs(one - other).max() <= tolerance(float, 16) * max(1.0, np.abs(other).max())


@pytest.mark.parametrize("kinds", KINDS)
def test_a_stack_of_calls(kinds, rng):
    stacked = batch(pullback(given(kinds), (0, 1)), (False, True, True), 3)
    x, ys, cts = rng.uniform(-1, 1, 3), rng.uniform(-1, 1, (3, 3)), rng.uniform(-1, 1, (3, 3))
    by_x, by_y = run(stacked, x, ys, cts)
    for k in range(3):
        one, other = run(pullback(plain(), (0, 1)), x, ys[k], cts[k])
        assert np.abs(by_x[k] - one).max() <= tolerance(float, 16) * max(1.0, np.abs(one).max())
        assert np.abs(by_y[k] - other).max() <= tolerance(float, 16) * max(1.0, np.abs(other).max())


def test_the_derivative_of_a_plain_call_is_a_call():
    """That is what saves memory: between the passes only the operands are kept."""
    pulled = pullback(given(()), (0, 1))
    names = operations(pulled)
    assert "call" in names
    assert "sin" not in names
    assert "exp" not in names
    assert "call" in operations(pullback(pulled, (0, 1)))


# --- what the transforms make of it ----------------------------------------------------------------------------------


def test_a_second_gradient_derives_nothing_anew():
    from chainrule.core.cache import CACHE

    f = lambda x: np.sum(np.sin(x) * 1.25)  # noqa: E731
    cr.grad(f)(np.ones(3))
    before = dict(CACHE.misses)
    cr.grad(f)(np.zeros(3))
    assert before == CACHE.misses


def test_negative_of_a_shared_node_is_not_lost():
    x, y = numbers(2)
    product = multiply(x, y)
    function = Function([x, y], [add(product, multiply(negative(product), 3.0))])
    assert run(value_and_gradient(function, (0, 1)), 2.0, 5.0) == [-20.0, -10.0, -4.0]
