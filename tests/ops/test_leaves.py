"""Examples of the leaves of the graph."""

import math

import numpy as np
import pytest

from chainrule.core.facts import Facts
from chainrule.core.leaves import literal, literal_value, symbol_node
from chainrule.core.op import all_ops
from tests.ops.laws import OpCase, laws, reals

CASES = [
    OpCase("input", lambda x: x, (reals(3),), lambda x: x, lambda x: x, analytic=True),
    OpCase("input", lambda x: x, (reals(),), lambda x: x, lambda x: x, analytic=True),
    OpCase("literal", lambda: literal(2.5), (), lambda: 2.5),
    OpCase("literal", lambda: literal(3), (), lambda: 3, note="int"),
    OpCase("literal", lambda: literal(True), (), lambda: True, note="bool"),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@pytest.mark.parametrize("value", [0, 0.0, -0.0, 1, 1.0, True, False, math.inf, -math.inf, 0.1, 10**30])
def test_a_literal_keeps_type_and_bits(value):
    found = literal_value(literal(value).params)
    assert type(found) is type(value)
    assert (found, math.copysign(1, found)) == (value, math.copysign(1, value))


def test_equal_numbers_of_different_type_are_different_literals():
    nodes = {literal(1), literal(1.0), literal(True), literal(0.0), literal(-0.0)}
    assert len(nodes) == 5
    assert literal(math.nan) is literal(math.nan)


def test_symbols_are_equal_by_name_shape_and_facts():
    x = symbol_node("x", (3,))
    assert x is symbol_node("x", (3,))
    assert x is not symbol_node("x", (4,))
    assert x is not symbol_node("x", (3,), facts=Facts.of(["positive entries"]))
    assert x is not symbol_node("y", (3,))
    assert all_ops()["symbol"] is x.op
    assert x.aval.dtype == np.float64
