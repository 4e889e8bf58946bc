import pickle

import numpy as np
import pytest

from chainrule.core.aval import FLOAT, Aval
from chainrule.core.function import Function
from chainrule.core.leaves import input_node
from chainrule.ops.arithmetic import add, multiply
from chainrule.ops.elementwise import exp, sin
from chainrule.run.program import run


def inputs(count, level=0):
    return [input_node(level, k, Aval((2,), FLOAT)) for k in range(count)]


def test_equality_is_that_of_inputs_and_outputs_in_order():
    x, y = inputs(2)
    function = Function([x, y], [add(x, y)])
    assert function == Function((x, y), (add(x, y),))
    assert hash(function) == hash(Function((x, y), (add(x, y),)))
    others = [
        Function([y, x], [add(x, y)]),
        Function([x, y], [multiply(x, y)]),
        Function([x, y], [add(x, y), x]),
        Function([x], [sin(x)]),
        "f",
        None,
    ]
    assert all(function != other for other in others)
    assert len({function, *others, Function([x, y], [add(x, y)])}) == len(others) + 1


def test_pickling_gives_an_equal_function():
    x, y = inputs(2)
    function = Function([x, y], [exp(multiply(x, y)), y, exp(multiply(x, y))])
    again = pickle.loads(pickle.dumps(function))
    assert again == function
    assert again.outputs[0] is function.outputs[0]
    assert again.digest == function.digest


def test_an_unused_input_stays():
    x, y = inputs(2)
    function = pickle.loads(pickle.dumps(Function([x, y], [sin(x)])))
    assert function.inputs == (x, y)
    np.testing.assert_array_equal(run(function, [np.zeros(2), np.ones(2)])[0], np.zeros(2))


def test_calling_puts_nodes_in_place_of_inputs():
    x, y = inputs(2)
    function = Function([x, y], [add(x, sin(y)), x])
    a, b = inputs(2, level=1)
    assert function([exp(a), b]) == [add(exp(a), sin(b)), exp(a)]
    assert function([y, x]) == [add(y, sin(x)), y]  # both at once, not one after the other
    with pytest.raises(ValueError, match="zip"):
        function([a])


def test_avals_level_and_repr():
    x, y = inputs(2, level=3)
    function = Function([x, y], [add(x, y)])
    assert function.level == 3
    assert [str(aval) for aval in function.input_avals + function.output_avals] == ["float64[2]"] * 3
    assert repr(function) == "Function(float64[2], float64[2] -> float64[2])"
    assert Function([], []).level == 0
    assert str(function) == function.digest.hex()
    assert [node.op.name for node in function.nodes()] == ["input", "input", "add"]


def test_results_of_a_run_are_in_order_and_fresh():
    x, y = inputs(2)
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    results = run(Function([x, y], [y, x, add(x, y), y]), [a, b])
    for result, expected in zip(results, [b, a, a + b, b], strict=True):
        np.testing.assert_array_equal(result, expected)
        assert not np.shares_memory(result, a)
        assert not np.shares_memory(result, b)
    assert not np.shares_memory(results[0], results[3])
