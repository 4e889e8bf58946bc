"""Random compositions of ops obey the laws that single ops obey: what holds for parts holds for wholes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chainrule.core.aval import FLOAT, Aval
from chainrule.core.function import Function
from chainrule.core.leaves import input_node
from chainrule.diff.batch import batch
from chainrule.diff.forward import pushforward
from chainrule.diff.jacobian import jacobian
from chainrule.diff.reverse import pullback
from chainrule.ops import arithmetic, contractions, elementwise, indexing, logic, reductions, selection, shaping
from chainrule.run.plan import make_plan
from chainrule.run.program import Program
from tests.oracles import richardson, tolerance

WHOLE = indexing.WHOLE
SHAPES = ((), (3,), (2, 3), (3, 3))


def last_axis(apply):
    """An op on the last axis; arrays without axes pass."""
    return lambda x: apply(x) if x.ndim else x


# Bounded functions of one array: however they are composed, values and slopes stay of moderate size.
UNARY = (
    elementwise.sin,
    elementwise.tanh,
    elementwise.expit,
    lambda x: elementwise.exp(elementwise.sin(x)),
    lambda x: elementwise.sqrt(arithmetic.add(arithmetic.multiply(x, x), 1)),
    lambda x: selection.where(logic.greater(x, 0.25), elementwise.sin(x), 0.5),
    lambda x: selection.MAXIMUM.bind((x, elementwise.sin(x))),
    last_axis(lambda x: reductions.cumsum(x, -1)),
    last_axis(lambda x: reductions.cumsum(x, -1, reverse=True)),
    last_axis(lambda x: reductions.sum_over(x, (-1,))),
    last_axis(lambda x: reductions.max_over(x, (-1,))),
    last_axis(lambda x: reductions.logsumexp_over(x, (-1,))),
    last_axis(indexing.sort),
    last_axis(lambda x: indexing.getitem(x, (*[WHOLE] * (x.ndim - 1), 0))),
    last_axis(lambda x: indexing.getitem(x, (*[WHOLE] * (x.ndim - 1), (x.shape[-1] - 1, None, -1)))),
    last_axis(lambda x: shaping.concatenate([x, elementwise.sin(x)], -1)),
    lambda x: shaping.permute(x, tuple(range(-1, -x.ndim - 1, -1))),
    lambda x: shaping.reshape(x, (x.aval.size,)),
    lambda x: shaping.broadcast(x, (-1,), (3,)) if x.ndim < 2 else x,
)


def compatible(x, y):
    """Whether two shapes broadcast."""
    return all(n == m or 1 in (n, m) for n, m in zip(x.shape[::-1], y.shape[::-1], strict=False))


def combined(x, y):
    """Products and sums where shapes allow, else the outer product of what is left of the two."""
    if compatible(x, y):
        return arithmetic.multiply(x, elementwise.sin(y))
    labels = [list(range(x.ndim)), list(range(x.ndim, x.ndim + y.ndim))]
    kept = [labels[0][-1], labels[1][-1]]
    return elementwise.sin(contractions.contract([x, y], labels, kept))


def added(x, y):
    return arithmetic.subtract(x, y) if compatible(x, y) else combined(x, y)


def multiplied(x, y):
    fits = x.ndim and y.ndim and x.shape[-1] == y.shape[-2 if y.ndim > 1 else -1]
    return elementwise.tanh(contractions.matmul(x, y)) if fits else combined(x, y)


BINARY = (combined, added, multiplied)


@st.composite
def graphs(draw):
    """A function of two arrays, made of up to eight ops, each applied to any arrays made before."""
    shapes = [draw(st.sampled_from(SHAPES)) for _ in range(2)]
    inputs = [input_node(0, k, Aval(shape, FLOAT)) for k, shape in enumerate(shapes)]
    pool = list(inputs)
    for _ in range(draw(st.integers(1, 8))):
        x = draw(st.sampled_from(pool))
        if draw(st.booleans()):
            made = draw(st.sampled_from(UNARY))(x)
        else:
            made = draw(st.sampled_from(BINARY))(x, draw(st.sampled_from(pool)))
        if made.aval.size <= 30:
            pool.append(made)
    return Function(inputs, [pool[-1]])


def evaluated(function, values):
    return Program(make_plan(function))(values)


def dot(xs, ys):
    """The inner product, and the sum of the sizes of its terms."""
    products = [np.asarray(x) * np.asarray(y) for x, y in zip(xs, ys, strict=True)]
    return sum(float(np.sum(p)) for p in products), 1 + sum(float(np.sum(np.abs(p))) for p in products)


def sample(rng, nodes, lead=()):
    return [rng.uniform(-1, 1, (*lead, *node.shape)) for node in nodes]


SEEDS = st.integers(0, 2**32 - 1)


@given(graphs(), SEEDS)
def test_the_modes_are_transposes_and_right(function, seed):
    rng = np.random.default_rng(seed)
    values, directions = sample(rng, function.inputs), sample(rng, function.inputs)
    weights = sample(rng, function.outputs)
    pushed = evaluated(pushforward(function, (0, 1)), [*values, *directions])
    pulled = evaluated(pullback(function, (0, 1)), [*values, *weights])
    forward, size = dot(weights, pushed)
    backward, other = dot(pulled, directions)
    assert abs(forward - backward) <= tolerance(float, 256) * max(size, other)
    program = Program(make_plan(function))

    def along(t):
        return dot(weights, program([x + t * dx for x, dx in zip(values, directions, strict=True)]))[0]

    # A small first step: a kink nearby would spoil the differences.
    difference, error = richardson(along, 0.0, 1.0, step=2.0**-10)
    assert abs(forward - difference) <= 64 * error + tolerance(float, 2.0**24) * max(size, other)


@given(graphs(), SEEDS)
def test_the_second_order_is_symmetric_in_all_pairs_of_modes(function, seed):
    rng = np.random.default_rng(seed)
    values, u, v = (sample(rng, function.inputs) for _ in range(3))
    weights = sample(rng, function.outputs)
    pushed, pulled = pushforward(function, (0, 1)), pullback(function, (0, 1))
    pairs = [
        dot(u, evaluated(pushforward(pulled, (0, 1)), [*values, *weights, *v])),
        dot(v, evaluated(pullback(pulled, (0, 1)), [*values, *weights, *u])),
        dot(weights, evaluated(pushforward(pushed, (0, 1)), [*values, *v, *u])),
        dot(u, evaluated(pullback(pushed, (0, 1)), [*values, *v, *weights])),
    ]
    size = max(size for _, size in pairs)
    for second, _ in pairs:
        assert abs(second - pairs[0][0]) <= tolerance(float, 2.0**12) * size


@given(graphs(), st.tuples(st.booleans(), st.booleans()), st.sampled_from([1, 2, 3]), SEEDS)
def test_stacks_are_loops(function, flags, size, seed):
    rng = np.random.default_rng(seed)
    pulled = pullback(function, (0, 1))
    flags = (*flags, True)
    values = [
        rng.uniform(-1, 1, (size, *x.shape) if flag else x.shape) for x, flag in zip(pulled.inputs, flags, strict=True)
    ]
    stacks = evaluated(batch(pulled, flags, size), values)
    for k in range(size):
        row = evaluated(pulled, [x[k] if flag else x for x, flag in zip(values, flags, strict=True)])
        for stack, expected in zip(stacks, row, strict=True):
            assert stack.shape[1:] == np.shape(expected)
            bound = max(1.0, np.abs(expected).max(initial=0.0))
            assert np.abs(stack[k] - expected).max(initial=0.0) <= tolerance(float, 64) * bound


@given(graphs(), SEEDS)
def test_both_modes_give_one_jacobian(function, seed):
    values = sample(np.random.default_rng(seed), function.inputs)
    blocks = [evaluated(jacobian(function, (0, 1), mode), values)[1:] for mode in ("forward", "reverse")]
    for one, other in zip(*blocks, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max(initial=0.0) <= tolerance(float, 256) * max(1.0, np.abs(other).max(initial=0.0))


@given(graphs(), SEEDS)
def test_first_and_second_runs_are_bit_identical(function, seed):
    rng = np.random.default_rng(seed)
    values = sample(rng, function.inputs)
    for derived in (function, pullback(function, (0, 1)), pushforward(function, (0, 1))):
        arguments = [*values, *sample(rng, derived.inputs[2:])]
        program = Program(make_plan(derived))
        first, second = program(arguments), program(arguments)
        assert program.is_compiled
        assert [np.asarray(x).tobytes() for x in first] == [np.asarray(x).tobytes() for x in second]
