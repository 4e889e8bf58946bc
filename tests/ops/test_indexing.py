"""Examples of indexing and its transposes, and of sorting."""

import numpy as np
import pytest

from chainrule.core.function import Function
from chainrule.diff.reverse import pullback
from chainrule.errors import ArgumentError
from chainrule.ops import indexing
from tests.ops.laws import ErrorCase, OpCase, distinct, evaluated, integers, laws, nodes, reals, refused

WHOLE = indexing.WHOLE


def written(index):
    """A basic index as users write it."""
    return tuple(slice(*entry) if isinstance(entry, tuple) else entry for entry in index)


def padded(x, index, core):
    loops = x.shape[: x.ndim - sum(isinstance(entry, tuple) for entry in index)]
    out = np.zeros((*loops, *core), x.dtype)
    out[(..., *written(index))] = x
    return out


def scattered(values, indices, core):
    out = np.zeros(core, values.dtype)
    np.add.at(out, indices, values)
    return out


CASES = [
    *[
        OpCase(
            "getitem",
            lambda x, index=index: indexing.getitem(x, index),
            (reals(*shape),),
            lambda x, index=index: x[(..., *written(index))],
            (lambda x, index=index: x[written(index)]) if len(index) == len(shape) else None,
            note=str(written(index)).replace("slice", ""),
            analytic=True,
        )
        for shape, index in (
            ((3,), (1,)),
            ((4,), ((1, 3, 1),)),
            ((3,), ((2, None, -1),)),
            ((5,), ((4, 0, -2),)),
            ((2, 3), (1, WHOLE)),
            ((2, 3), (WHOLE, 2)),
            ((3, 3), (0, 0)),
            ((2, 4), ((0, 1, 1), (0, 3, 2))),
            ((2, 3, 3), (WHOLE, 1)),
            ((3,), ((0, 0, 1),)),
        )
    ],
    *[
        OpCase(
            "pad_into",
            lambda x, index=index, core=core: indexing.pad_into(x, index, core),
            (reals(*shape),),
            lambda x, index=index, core=core: padded(x, index, core),
            note=str(written(index)).replace("slice", ""),
        )
        for shape, index, core in (
            ((), (1,), (3,)),
            ((2,), ((1, 3, 1),), (4,)),
            ((3,), ((2, None, -1),), (3,)),
            ((3,), (1, WHOLE), (2, 3)),
            ((2, 3), ((0, 3, 2), WHOLE), (3, 3)),
            ((2, 3), (1, WHOLE), (2, 3)),
        )
    ],
    *[
        OpCase(
            "gather",
            lambda x, *indices, rank=rank, index_rank=index_rank: indexing.gather(x, list(indices), rank, index_rank),
            (reals(*shape), *[integers(*size, below=shape[k]) for k, size in enumerate(sizes)]),
            lambda x, *indices: x[indices],
            lambda x, *indices: x[indices],
            analytic=True,
        )
        for shape, sizes, rank, index_rank in (
            ((3,), [(4,)], 1, 1),
            ((3,), [(3,)], 1, 1),
            ((3, 2), [(4,)], 2, 1),
            ((3, 2), [(2, 2)], 2, 2),
            ((3, 4), [(5,), (5,)], 2, 1),
            ((3, 4, 2), [(2,), (2,)], 3, 1),
            ((3,), [(0,)], 1, 1),
            ((3,), [()], 1, 0),
        )
    ],
    *[
        OpCase(
            "scatter_add",
            lambda values, *indices, core=core, index_rank=index_rank: indexing.scatter_add(
                values, list(indices), core, index_rank
            ),
            (reals(*shape), *[integers(*size, below=core[k]) for k, size in enumerate(sizes)]),
            lambda values, *indices, core=core: scattered(values, indices, core),
            note=f"into {core}",
        )
        for shape, sizes, core, index_rank in (
            ((4,), [(4,)], (3,), 1),
            ((4, 2), [(4,)], (3, 2), 1),
            ((3, 3), [(3,)], (3, 3), 1),
            ((5,), [(5,), (5,)], (2, 3), 1),
            ((0,), [(0,)], (3,), 1),
        )
    ],
    *[
        OpCase("argsort", indexing.argsort, (draw,), lambda x: np.argsort(x, -1, kind="stable"), np.argsort)
        for draw in (distinct(4), distinct(2, 3), integers(5, below=3))
    ],
    *[
        OpCase("sort", indexing.sort, (draw,), lambda x: np.sort(x, -1), np.sort)
        for draw in (distinct(4), distinct(3, 3), distinct(1), distinct(0))
    ],
]

ERRORS = [
    ErrorCase(
        lambda: indexing.gather(*nodes((3,)), nodes((2,)), 1, 1),
        ArgumentError,
        "index array 0 has dtype float64",
    ),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@refused(ERRORS)
def test_refuses(case):
    case.require()


def test_an_index_that_occurs_twice_receives_both_cotangents():
    x, i = nodes((3,))[0], nodes((1,), (3,), dtype=np.int64)[1]
    pulled = pullback(Function([x, i], [indexing.gather(x, [i], 1, 1)]), (0,))
    (ct,) = evaluated(pulled, [np.zeros(3), np.array([0, 0, 1]), np.array([1.0, 2.0, 4.0])])
    assert ct.tolist() == [3.0, 4.0, 0.0]


def test_negative_indices_count_from_the_end():
    x, i = nodes((3,))[0], nodes((1,), (2,), dtype=np.int64)[1]
    function = Function([x, i], [indexing.gather(x, [i], 1, 1)])
    values = [np.array([1.0, 2.0, 3.0]), np.array([-1, 0])]
    assert evaluated(function, values)[0].tolist() == [3.0, 1.0]
    assert evaluated(pullback(function, (0,)), [*values, np.array([5.0, 7.0])])[0].tolist() == [7.0, 0.0, 5.0]


@pytest.mark.parametrize(("values", "expected"), [([2.0, 1.0, 1.0], [3.0, 1.0, 2.0]), ([1.0, 1.0], [1.0, 2.0])])
def test_sort_with_ties_follows_the_stable_order(values, expected):
    (x,) = nodes((len(values),))
    pulled = pullback(Function([x], [indexing.sort(x)]), (0,))
    (ct,) = evaluated(pulled, [np.array(values), np.arange(1.0, len(values) + 1)])
    assert ct.tolist() == expected


def test_a_slice_of_everything_is_the_array_itself():
    (x,) = nodes((2, 3))
    assert indexing.getitem(x, (WHOLE, WHOLE)) is x
