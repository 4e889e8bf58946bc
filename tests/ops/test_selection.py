"""Examples of choices, casts and cuts."""

import numpy as np
import pytest

from chainrule.core.conventions import recorded
from chainrule.core.function import Function
from chainrule.diff.reverse import pullback
from chainrule.ops import arithmetic, elementwise, logic, selection
from tests.ops.laws import (
    OpCase,
    booleans,
    distinct,
    evaluated,
    integers,
    laws,
    nodes,
    number,
    positive,
    reals,
)

FLOAT = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)


def kinked(mask, value, formula):
    return np.where(mask, value, formula)


CASES = [
    *[
        OpCase("where", selection.where, operands, np.where, np.where, analytic=True)
        for operands in (
            (booleans(3), reals(3), reals(3)),
            (booleans(), reals(), reals()),
            (booleans(2, 1), reals(3), reals(2, 3)),
            (booleans(3), number(), reals(3)),
            (booleans(3), reals(), number()),
            (booleans(0), reals(1), reals()),
        )
    ],
    *[
        OpCase(
            "at_kink",
            lambda mask, value, formula: selection.at_kink(mask, value, formula, "an example"),
            operands,
            kinked,
            derives_as=lambda mask, value, formula: formula + 0 * np.where(mask, value, formula),
        )
        for operands in (
            (booleans(3), reals(3), reals(3)),
            (booleans(), reals(), reals()),
            (booleans(4), number(), reals(4)),
        )
    ],
    *[
        OpCase(
            "derive_as",
            selection.derive_as,
            operands,
            lambda value, formula: value,
            derives_as=lambda value, formula: formula,
        )
        for operands in ((reals(3), reals(3)), (reals(), reals()), (reals(2, 3), reals(2, 3)))
    ],
    *[
        OpCase(name, door, operands, ufunc, ufunc)
        for name, door, ufunc in (
            ("maximum", lambda x, y: selection.MAXIMUM.bind((x, y)), np.maximum),
            ("minimum", lambda x, y: selection.MINIMUM.bind((x, y)), np.minimum),
        )
        for operands in (
            (reals(3), distinct(3)),
            (reals(), distinct()),
            (reals(2, 1), distinct(3)),
            (reals(0), distinct(1)),
        )
    ],
    *[
        OpCase(
            "astype",
            lambda x, dtype=dtype: selection.astype(x, np.dtype(dtype)),
            (draw,),
            lambda x, dtype=dtype: np.asarray(x).astype(dtype),
            lambda x, dtype=dtype: x.astype(dtype),
            note=f"to {np.dtype(dtype).name}",
            derives_as=lambda x: np.asarray(x, dtype=float),
        )
        for dtype, draws in (
            (np.float64, (integers(3, below=5), integers(below=5), booleans(3))),
            (np.int64, (booleans(3),)),
        )
        for draw in draws
    ],
    *[
        OpCase(
            "mark",
            lambda x: selection.mark(x, 3),
            (draw,),
            lambda x: x,
        )
        for draw in (reals(3), reals())
    ],
    *[
        OpCase(
            "stop_gradient",
            selection.stop_gradient,
            (draw,),
            lambda x: x,
            derives_as=lambda x: np.zeros(np.shape(x)),
        )
        for draw in (reals(3), reals())
    ],
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


def test_where_of_a_literal_condition_is_its_branch():
    x, y = nodes((3,), (3,))
    assert selection.where(True, x, y) is x
    assert selection.where(False, x, y) is y


def test_where_of_a_literal_condition_keeps_the_broadcast_shape():
    x, y = nodes((3,), (2, 3))
    assert selection.where(True, x, y).shape == (2, 3)


def test_marks_are_shared_only_with_their_own_ordinal():
    (x,) = nodes((3,))
    assert selection.mark(x, 1) is selection.mark(x, 1)
    assert selection.mark(x, 1) is not selection.mark(x, 2)


@pytest.mark.parametrize("source", [FLOAT, FLOAT32])
@pytest.mark.parametrize("target", [FLOAT, FLOAT32])
def test_a_cast_casts_the_cotangent_back(source, target, rng):
    (x,) = nodes((3,), dtype=source)
    pulled = pullback(Function([x], [selection.astype(x, target)]), (0,))
    assert pulled.output_avals[0].dtype == source
    ct = rng.normal(size=3).astype(target)
    (back,) = evaluated(pulled, [np.ones(3, source), ct])
    assert back.tolist() == ct.astype(source).tolist()


def test_a_convention_is_recorded_only_where_it_is_used():
    (x,) = nodes((3,))
    pulled = pullback(Function([x], [arithmetic.absolute(x)]), (0,))
    with recorded() as used:
        evaluated(pulled, [np.array([1.0, 2.0, -3.0]), np.ones(3)])
        assert used == {}
        evaluated(pulled, [np.array([1.0, 0.0, -3.0]), np.ones(3)])
    assert list(used.values()) == [1]


def test_second_derivative_at_a_kink_is_that_of_the_formula():
    """d/dx of the derivative of x|x|/2, which is |x|, is 0 at 0 by convention, not by a constant branch."""
    (x,) = nodes(())
    formula = elementwise.power(x, 3)
    kink = selection.at_kink(logic.equal(x, 2.0), 7.0, formula, "an example")
    first = pullback(Function([x], [kink]), (0,))
    second = pullback(first, (0,))
    assert evaluated(Function([x], [kink]), [2.0]) == [7.0]
    assert evaluated(first, [2.0, 1.0]) == [12.0]
    assert evaluated(second, [2.0, 1.0, 1.0]) == [12.0]


def test_positive_draws_are_positive(rng):
    assert np.all(positive(100).value(rng, FLOAT) > 0)
