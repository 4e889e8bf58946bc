"""Nodes: interned under threads, freed when dropped, walked without recursion, described by digests without history."""

import copy
import gc
import itertools
import math
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.aval import FLOAT, INT, Aval
from chainrule.core.function import Function
from chainrule.core.leaves import input_node, literal, literal_value, symbol_node
from chainrule.core.listing import listing, rebuild
from chainrule.core.node import Node, substitute, table_size, topological
from chainrule.core.op import all_ops
from chainrule.errors import DtypeError
from chainrule.ops.arithmetic import add, multiply
from chainrule.ops.elementwise import sin
from chainrule.ops.reductions import sum_over
from tests.oracles import tolerance


def vector(index=0, level=0, size=3):
    return input_node(level, index, Aval((size,), FLOAT))


def chain(length, start=None):
    y = start if start is not None else vector()
    for _ in range(length):
        y = sin(y)
    return y


# --- literals ---

NUMBERS = [
    0,
    1,
    -1,
    2,
    True,
    False,
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    0.5,
    math.inf,
    -math.inf,
    math.nan,
    5e-324,
    2**70,
    1e308,
]


def test_equal_numbers_of_other_types_or_signs_are_other_literals():
    for (i, a), (j, b) in itertools.combinations(enumerate(map(literal, NUMBERS)), 2):
        assert a is not b, (NUMBERS[i], NUMBERS[j])
        assert a.digest != b.digest


@given(st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=True)))
def test_a_literal_is_one_node_and_keeps_its_bits(value):
    node = literal(value)
    assert literal(value) is node
    back = literal_value(node.params)
    assert type(back) is type(value)
    assert repr(back) == repr(value)  # tells -0.0 from 0.0, and nan from all else
    assert pickle.loads(pickle.dumps(node)) is node


def test_every_nan_is_one_literal():
    assert literal(math.nan) is literal(float("inf") - float("inf"))


@pytest.mark.parametrize("value", [None, "1", 1j, np.float64(1.0).astype("f4"), [1.0]])
def test_an_operand_that_is_no_number_is_refused(value):
    with pytest.raises(DtypeError, match="a node or a Python number is needed"):
        multiply(vector(), value)


# --- interning ---


def test_building_the_same_thing_twice_gives_the_same_object():
    def build():
        x, y = vector(0), vector(1)
        return sum_over(multiply(add(x, y), literal(3.0)), (-1,))

    first = build()
    assert build() is first
    assert vector(0) is not vector(0, level=1)
    assert vector(0) is not vector(1)
    assert vector(0) is not vector(0, size=4)
    assert input_node(0, 0, Aval((), FLOAT)) is not input_node(0, 0, Aval((), FLOAT, weak=True))
    assert input_node(0, 0, Aval((), FLOAT)) is not input_node(0, 0, Aval((), INT))
    assert symbol_node("x") is symbol_node("x")
    assert symbol_node("x") is not symbol_node("y")


def test_threads_make_no_duplicates():
    count, workers = 12_000, 8
    start = threading.Barrier(workers)
    built = [None] * workers

    def work(k):
        start.wait()
        x = vector()
        nodes = [x]
        for i in range(count // 2):
            nodes.append(multiply(nodes[i], x))
            nodes.append(add(nodes[-1], literal(float(i))))
        built[k] = nodes

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(k,)) for k in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    for nodes in built:
        assert len(nodes) == count + 1
        assert all(node is original for node, original in zip(nodes, built[0], strict=True))
    assert len(set(built[0])) == count + 1


def test_nodes_die_when_dropped():
    gc.collect()
    vector()
    start = table_size()
    x = vector()
    y = sum_over(multiply(sin(x), literal(123.456)), (-1,))
    assert table_size() > start
    del x, y
    vector()  # a creation sweeps what a busy lock left behind
    assert table_size() <= start


def test_nodes_die_while_other_threads_build():
    gc.collect()
    start = table_size()
    errors = []

    def work(k):
        try:
            for i in range(300):
                chain(20, multiply(vector(k), literal(i + 0.25)))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    vector()
    assert not errors
    assert table_size() <= start + 10


def test_a_dead_node_is_made_again():
    digest = chain(5, vector(7)).digest
    again = chain(5, vector(7))
    assert again.digest == digest
    assert chain(5, vector(7)) is again


def test_levels_are_one_more_than_the_deepest_input():
    outer, inner = vector(0, 0), vector(0, 3)
    assert (literal(1.0).level, outer.level, inner.level) == (0, 1, 4)
    assert add(outer, literal(1.0)).level == 1
    assert multiply(outer, inner).level == 4


def test_a_walk_enters_only_nodes_deep_enough():
    outer, inner = vector(0, 0), vector(0, 1)
    left = chain(5, outer)
    product = multiply(left, sin(inner))
    assert set(topological([product], above=2)) == {inner, sin(inner), product}
    assert topological([left], above=2) == []
    assert len(topological([product])) == 9


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=40))
def test_operands_come_before_their_users_and_each_node_once(pairs):
    nodes = [vector(0), vector(1)]
    for i, j in pairs:
        nodes.append(multiply(add(nodes[i % len(nodes)], literal(2.5)), nodes[j % len(nodes)]))
    order = topological(nodes[-3:])
    place = {node: k for k, node in enumerate(order)}
    assert len(place) == len(order)
    assert all(place[operand] < place[node] for node in order for operand in node.operands)
    assert set(nodes[-3:]) <= set(order)


# --- depth ---


def test_a_chain_of_a_hundred_thousand_nodes_needs_no_recursion():
    length = 100_000
    gc.collect()
    start = table_size()
    x = vector()
    y = chain(length, x)
    assert len(topological([y])) == length + 1
    assert len(y.digest) == 16
    text = repr(y)
    assert text.count("\n") == length
    assert text.endswith(f"%{length} = sin(%{length - 1}) : float64[3]")
    assert pickle.loads(pickle.dumps(y)) is y
    assert copy.deepcopy(y) is y
    assert copy.copy(y) is y
    function = Function([x], [y])
    assert pickle.loads(pickle.dumps(function)) == function
    assert copy.deepcopy(function) is function
    assert hash(function) == hash(Function([x], [y]))
    moved = function([vector(1)])[0]
    assert moved is chain(length, vector(1))
    del x, y, function, moved
    vector()
    assert table_size() <= start + 3


def test_a_chain_of_a_million_nodes_is_built_walked_and_freed():
    length = 1_000_000
    gc.collect()
    start = table_size()
    gc.disable()  # the collector would walk the growing graph again and again
    try:
        y = chain(length)
        assert len(topological([y])) == length + 1
        del y
    finally:
        gc.enable()
    vector()
    assert table_size() <= start + 3


def test_a_wide_sharing_graph_is_walked_in_linear_time():
    x = vector()
    y = x
    for _ in range(200):  # 2²⁰⁰ paths
        y = add(y, y)
        y = multiply(y, sin(y))
    assert len(topological([y])) == 601
    assert len(pickle.dumps(y)) < 100_000
    assert substitute([y], {x: vector(1)})[0] is not y


def test_a_derivative_of_a_deep_function():
    def f(x):
        for _ in range(5_000):
            x = x * 1.0000001
        return np.sum(x)

    np.testing.assert_allclose(cr.grad(f)(np.ones(2)), 1.0000001**5000, rtol=tolerance(float, terms=5_000))


# --- substitution ---


def test_substitution_rebuilds_only_what_lies_above():
    x, y = vector(0), vector(1)
    untouched = sin(y)
    (new,) = substitute([multiply(sin(x), untouched)], {x: y})
    assert new is multiply(untouched, untouched)
    assert substitute([untouched], {x: y}) == [untouched]
    assert substitute([x, untouched], {}) == [x, untouched]
    assert substitute([x], {x: y}) == [y]


def test_a_substitution_may_name_nodes_inside_the_graph():
    x = vector()
    (new,) = substitute([add(sin(x), x)], {sin(x): x})
    assert new is add(x, x)


# --- plain data ---


def test_every_op_survives_pickling():
    for name, op in all_ops().items():
        assert pickle.loads(pickle.dumps(op)) is op
        assert copy.deepcopy(op) is op
        assert name in repr(op)


def test_a_listing_rebuilds_the_same_nodes():
    x, y = vector(0), vector(1)
    outputs = [sum_over(multiply(x, y), (-1,)), add(x, literal(-0.0))]
    nodes = rebuild(listing(outputs))
    assert all(output in nodes for output in outputs)


SCRIPT = """
import pickle, sys
{prelude}
import numpy as np
import chainrule as cr
from chainrule.core.cache import CACHE
x = np.arange(1.0, 4.0)
cr.grad(lambda x: np.sum(np.sin(x) ** 3 * np.where(x > 1, x, 2.5)) + np.linalg.norm(x[[0, 2]]) + x @ np.eye(3) @ x)(x)
cr.hessian(lambda x: np.exp(np.sum(x * x[::-1])) / 3.7)(x)
digests = sorted(key[0].digest.hex() if isinstance(key, tuple) else key.digest.hex() for kind, key in CACHE._entries
                 if kind in ("prepare", "program"))
print(len(digests), *digests)
"""


def test_digests_do_not_depend_on_hash_seed_or_history():
    functions = "[cr.hessian(lambda x, k=k: np.sum(x**k))(np.ones(2)) for k in (5, 3, 4)]"
    history = f"import numpy as np, chainrule as cr; keep = {functions}"
    forget = "from chainrule.core.cache import CACHE; CACHE.clear()"
    outputs = set()
    for seed, prelude in (("0", ""), ("1", f"{history}\n{forget}"), ("999", "import gc; gc.disable()")):
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(prelude=prelude)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        outputs.add(run.stdout)
    assert len(outputs) == 1
    assert int(next(iter(outputs)).split()[0]) > 3


def test_digests_tell_every_part_of_a_node():
    nodes = [
        vector(0),
        vector(1),
        vector(0, level=1),
        vector(0, size=4),
        input_node(0, 0, Aval((3,), np.dtype("f4"))),
        input_node(0, 0, Aval((), FLOAT)),
        input_node(0, 0, Aval((), FLOAT, weak=True)),
        symbol_node("x", (3,)),
        symbol_node("y", (3,)),
        sin(vector(0)),
        add(vector(0), vector(1)),
        add(vector(1), vector(0)),
        multiply(vector(0), vector(1)),
        sum_over(input_node(0, 0, Aval((2, 3), FLOAT)), (-1,)),
        sum_over(input_node(0, 0, Aval((2, 3), FLOAT)), (-2,)),
    ]
    assert len({node.digest for node in nodes}) == len({*nodes}) == len(nodes)


def test_a_node_is_small_and_closed():
    assert not hasattr(vector(), "__dict__")
    with pytest.raises(AttributeError):
        vector().cache = 1
    assert isinstance(vector(), Node)
