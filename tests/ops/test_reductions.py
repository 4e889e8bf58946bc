"""Examples of sums, extrema and log-sum-exp."""

import numpy as np
import pytest
import scipy.special

from chainrule.core.function import Function
from chainrule.diff.reverse import pullback
from chainrule.errors import ArgumentError
from chainrule.ops import reductions
from tests.ops.laws import ErrorCase, OpCase, booleans, distinct, evaluated, integers, laws, nodes, reals, refused

REAL = ((reals(3), (-1,)), (reals(2, 3), (-2,)), (reals(2, 3), (-2, -1)), (reals(3, 2, 3), (-3, -1)))
EMPTY = ((reals(0, 3), (-2,)), (reals(2, 0), (-2,)))
THIN = ((reals(1, 3), (-2,)),)
COUNTED = ((booleans(2, 3), (-1,)), (integers(3, below=4), (-1,)))


def of_logsumexp(x, axes):
    """SciPy's takes no complex numbers as we need them: the definition."""
    if np.isrealobj(x):
        return scipy.special.logsumexp(x, axis=axes)
    return np.log(np.sum(np.exp(x), axis=axes))


CASES = [
    *[
        OpCase(
            "sum",
            lambda x, axes=axes: reductions.sum_over(x, axes),
            (draw,),
            lambda x, axes=axes: np.sum(x, axis=axes),
            lambda x, axes=axes: np.sum(x, axis=axes),
            note=f"over {axes}",
            analytic=True,
        )
        for draw, axes in (*REAL, *EMPTY, *THIN, *COUNTED)
    ],
    *[
        OpCase(
            "cumsum",
            lambda x, axis=axis: reductions.cumsum(x, axis),
            (draw,),
            lambda x, axis=axis: np.cumsum(x, axis=axis),
            lambda x, axis=axis: np.cumsum(x, axis=axis),
            note=f"along {axis}",
            analytic=True,
        )
        for draw, axis in ((reals(3), -1), (reals(2, 3), -2), (reals(0, 3), -1), (integers(3, below=9), -1))
    ],
    OpCase(
        "cumsum",
        lambda x: reductions.cumsum(x, -2, reverse=True),
        (reals(3, 2),),
        lambda x: np.flip(np.cumsum(np.flip(x, -2), -2), -2),
        note="reverse",
        analytic=True,
    ),
    *[
        OpCase(
            name,
            lambda x, over=over, axes=axes: over(x, axes),
            (draw,),
            lambda x, function=function, axes=axes: function(x, axis=axes),
            lambda x, function=function, axes=axes: function(x, axis=axes),
            note=f"over {axes}",
        )
        for name, over, function in (("max", reductions.max_over, np.max), ("min", reductions.min_over, np.min))
        for draw, axes in (
            (distinct(3), (-1,)),
            (distinct(3, 4), (-2,)),
            (distinct(2, 3), (-2, -1)),
            (distinct(1, 3), (-2,)),
            (distinct(0, 3), (-1,)),
        )
    ],
    *[
        OpCase(
            "logsumexp",
            lambda x, axes=axes: reductions.logsumexp_over(x, axes),
            (draw,),
            lambda x, axes=axes: of_logsumexp(x, axes),
            note=f"over {axes}",
            analytic=True,
            condition=16.0,
        )
        for draw, axes in ((reals(3), (-1,)), (reals(2, 3), (-2,)), (reals(2, 3), (-2, -1)), (reals(1, 3), (-2,)))
    ],
]


ERRORS = [
    ErrorCase(lambda: reductions.max_over(*nodes((0, 3)), (-2,)), ArgumentError, r"numpy\.max: an empty array"),
    ErrorCase(lambda: reductions.min_over(*nodes((2, 0)), (-2, -1)), ArgumentError, r"numpy\.min: an empty array"),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@refused(ERRORS)
def test_refuses(case):
    case.require()


@pytest.mark.parametrize("over", [reductions.max_over, reductions.min_over])
def test_ties_share_the_derivative_equally(over):
    (x,) = nodes((4,))
    sign = 1 if over is reductions.max_over else -1
    values = sign * np.array([2.0, 1.0, 2.0, 0.0])
    (ct,) = evaluated(pullback(Function([x], [over(x, (-1,))]), (0,)), [values, 1.0])
    assert ct.tolist() == [0.5, 0.0, 0.5, 0.0]


def test_logsumexp_of_minus_infinity():
    (x,) = nodes((2, 3))
    function = Function([x], [reductions.logsumexp_over(x, (-1,))])
    values = np.array([[-np.inf] * 3, [0.0, -np.inf, 0.0]])
    (result,) = evaluated(function, [values])
    (ct,) = evaluated(pullback(function, (0,)), [values, np.ones(2)])
    assert result.tolist() == [-np.inf, np.log(2.0)]
    assert ct.tolist() == [[0.0, 0.0, 0.0], [0.5, 0.0, 0.5]]


def test_logsumexp_does_not_overflow():
    (x,) = nodes((2,))
    function = Function([x], [reductions.logsumexp_over(x, (-1,))])
    (result,) = evaluated(function, [np.array([1e4, 1e4])])
    assert result == 1e4 + np.log(2.0)
