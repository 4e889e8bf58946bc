"""The exact rewrites at construction: the same bits for every operand, which may be zero, infinite, nan or huge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.core.function import Function
from chainrule.core.leaves import literal
from chainrule.core.node import Node, topological
from chainrule.ops.arithmetic import DIVIDE, MULTIPLY, NEGATIVE, divide, multiply, negative
from chainrule.ops.elementwise import POWER, power
from chainrule.ops.selection import ASTYPE, WHERE, astype, where
from chainrule.ops.shaping import PERMUTE, RESHAPE, permute, reshape
from chainrule.run.program import NUMPY
from tests.rewrite.graphs import F32, F64, awkward, inputs, values_of

(x,) = inputs((4, 6))
(x32,) = inputs((4, 6), dtype=F32)


def negated(v: Any) -> Any:
    return NEGATIVE.evaluate(NUMPY, v)


def turned(v: Any) -> Any:
    return PERMUTE.evaluate(NUMPY, v, axes=(-1, -2))


def reshaped(v: Any) -> Any:
    return RESHAPE.evaluate(NUMPY, RESHAPE.evaluate(NUMPY, v, core=(4, 6), to=(24,)), core=(24,), to=(3, 8))


# What is written, computed op by op, and the doors through which it is built.
CASES: dict[str, tuple[Callable[[Any], Any], Callable[[Node], Node]]] = {
    "double negation": (lambda v: negated(negated(v)), lambda x: negative(negative(x))),
    "x * 1": (lambda v: MULTIPLY.evaluate(NUMPY, v, 1), lambda x: multiply(x, 1)),
    "1.0 * x": (lambda v: MULTIPLY.evaluate(NUMPY, 1.0, v), lambda x: multiply(literal(1.0), x)),
    "x / 1": (lambda v: DIVIDE.evaluate(NUMPY, v, 1), lambda x: divide(x, 1)),
    "x ** 2": (lambda v: POWER.evaluate(NUMPY, v, 2), lambda x: power(x, 2)),
    "x ** 1": (lambda v: POWER.evaluate(NUMPY, v, 1.0), lambda x: power(x, literal(1.0))),
    "reshape of reshape": (reshaped, lambda x: reshape(reshape(x, (24,)), (3, 8))),
    "permute of permute": (lambda v: turned(turned(v)), lambda x: permute(permute(x, (-1, -2)), (-1, -2))),
    "where with a literal condition": (
        lambda v: WHERE.evaluate(NUMPY, True, v, negated(v)),
        lambda x: where(True, x, negative(x)),
    ),
    "astype to its own dtype": (
        lambda v: ASTYPE.evaluate(NUMPY, v, dtype=v.dtype, weak=False),
        lambda x: astype(x, x.dtype),
    ),
}


@pytest.mark.parametrize("leaf", [x, x32], ids=["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_simplified_nodes_have_the_same_bits(leaf: Node, name: str, rng: np.random.Generator) -> None:
    written, build = CASES[name]
    simple = build(leaf)
    assert len(topological((simple,))) <= 2, "nothing was simplified"
    values = rng.choice(awkward(leaf.dtype, rng), size=(4, 6))
    with np.errstate(all="ignore"):
        before = written(values)
    (after,) = values_of(Function([leaf], [simple]), [values])
    assert (before.dtype, before.shape) == (after.dtype, after.shape)
    # Bit by bit, but for the payload of a nan.
    assert np.where(np.isnan(before), 0, before).tobytes() == np.where(np.isnan(after), 0, after).tobytes()
    np.testing.assert_array_equal(np.isnan(before), np.isnan(after))


def test_simplified_forms_are_the_expected_ones() -> None:
    assert negative(negative(x)) is x
    assert multiply(x, 1) is x
    assert divide(x, 1) is x
    assert power(x, 2) is multiply(x, x)
    assert power(x, 1) is x
    assert permute(permute(x, (-1, -2)), (-1, -2)) is x
    assert where(False, x, negative(x)) is negative(x)
    assert astype(x, F64) is x


def test_what_would_change_bits_or_dtype_is_left() -> None:
    (k,) = inputs((4, 6), dtype=np.dtype(np.int64))
    assert multiply(k, literal(1.0)) is not k
    assert divide(k, 1) is not k
    assert multiply(x32, inputs((), dtype=F64)[0]) is not x32
    assert power(k, literal(2.0)).op is POWER
