"""Examples of assignment to parts of an array, as ops."""

import numpy as np
import pytest

from chainrule.core.node import make_node
from chainrule.ops import assignment, indexing
from tests.ops.laws import OpCase, integers, laws, reals

WHOLE = indexing.WHOLE


def with_item(x, value, index):
    loops = np.broadcast_shapes(
        x.shape[: x.ndim - len(index)], value.shape[: value.ndim - sum(isinstance(e, tuple) for e in index)]
    )
    out = np.array(np.broadcast_to(x, (*loops, *x.shape[x.ndim - len(index) :])))
    out[(..., *[slice(*entry) if isinstance(entry, tuple) else entry for entry in index])] = value
    return out


def with_entries(x, value, *indices):
    out = x.copy()
    out[indices] = value
    return out


def last_writes(size, *indices):
    """Whether each entry of index arrays is the last that names its place: by walking them backwards."""
    seen, out = set(), np.zeros(np.broadcast_shapes(*[k.shape for k in indices]), bool)
    together = [np.broadcast_to(k, out.shape) for k in indices]
    for place in reversed(list(np.ndindex(out.shape))):
        key = tuple(int(k[place]) for k in together)
        out[place] = key not in seen
        seen.add(key)
    return out


CASES = [
    *[
        OpCase(
            "set_item",
            lambda x, value, index=index: assignment.set_item(x, value, index),
            (reals(*shape), reals(*part)),
            lambda x, value, index=index: with_item(x, value, index),
            analytic=True,
            note=str(index),
        )
        for shape, part, index in (
            ((3,), (), (1,)),
            ((4,), (2,), ((1, 3, 1),)),
            ((3,), (3,), ((2, None, -1),)),
            ((2, 3), (3,), (1, WHOLE)),
            ((2, 4), (1, 2), ((0, 1, 1), (0, 3, 2))),
        )
    ],
    *[
        OpCase(
            "scatter_set",
            lambda x, value, *indices, r=r: assignment.scatter_set(x, value, list(indices), x.ndim, r),
            (reals(*shape), reals(*part), *[integers(*size, below=shape[k]) for k, size in enumerate(sizes)]),
            with_entries,
            analytic=True,
        )
        for shape, part, sizes, r in (
            ((4,), (3,), ((3,),), 1),
            ((3, 2), (4, 2), ((4,),), 1),
            ((3, 2), (5,), ((5,), (5,)), 1),
            ((3, 2), (2, 2), ((2, 2), (2, 2)), 2),
            ((4,), (), ((),), 0),
            ((3, 2), (2,), ((),), 0),
        )
    ],
    *[
        OpCase(
            "last_write",
            lambda *indices, core=core, r=r: make_node(assignment.LAST_WRITE, indices, (core, r)),
            tuple(integers(*size, below=core[k]) for k, size in enumerate(sizes)),
            lambda *indices, core=core: last_writes(core, *indices),
        )
        for core, sizes, r in (((3,), ((6,),), 1), ((2, 3), ((5,), (5,)), 1), ((2,), ((2, 3),), 2), ((3,), ((),), 0))
    ],
]


@laws(CASES)
def test_law(law, case, rng):
    law(case, rng)


@pytest.mark.parametrize("size", [0, 1, 5])
def test_last_writes_of_few_and_no_entries(size):
    index = np.zeros(size, int)
    assert assignment.LAST_WRITE.evaluate(_Xp, index, core=(2,), index_rank=1).sum() == min(size, 1)


class _Xp:
    from chainrule.ops import kernels
