"""Examples of contractions."""

import numpy as np
import pytest

from chainrule.core.aval import Aval
from chainrule.core.leaves import input_node
from chainrule.errors import ShapeError
from chainrule.ops import contractions
from tests.ops.laws import ErrorCase, OpCase, laws, nodes, reals, refused

EINSUMS = (
    ("i,i->", ((3,), (3,))),
    ("ij,jk->ik", ((2, 3), (3, 4))),
    ("ij,jk->ki", ((3, 3), (3, 3))),
    ("ij,ij->ij", ((2, 3), (2, 3))),
    ("ij,i->j", ((2, 3), (2,))),
    ("i,j->ij", ((3,), (3,))),
    ("ii->", ((3, 3),)),
    ("ii->i", ((3, 3),)),
    ("iij->j", ((2, 2, 3),)),
    ("ij->", ((2, 3),)),
    ("ij->ji", ((2, 3),)),
    ("ij,j,jk->ik", ((2, 3), (3,), (3, 2))),
    ("bij,bjk->bik", ((2, 3, 3), (2, 3, 2))),
    ("ij,kl->", ((2, 3), (3, 2))),
    (",i->i", ((), (3,))),
    ("ij,jk->ik", ((2, 0), (0, 3))),
    ("ij,jk,kl,li->", ((2, 3), (3, 2), (2, 3), (3, 2))),
)


def labels(text):
    inputs, output = text.split("->")
    return [[ord(c) for c in group] for group in inputs.split(",")], [ord(c) for c in output]


CASES = [
    OpCase(
        "einsum",
        lambda *xs, text=text: contractions.contract(xs, *labels(text)),
        tuple(reals(*shape) for shape in shapes),
        lambda *xs, text=text: np.einsum(text, *xs),
        lambda *xs, text=text: np.einsum(text, *xs),
        note=text,
        analytic=True,
        condition=16.0,
    )
    for text, shapes in EINSUMS
]
CASES += [
    OpCase(
        "einsum",
        contractions.matmul,
        tuple(reals(*shape) for shape in shapes),
        np.matmul,
        np.matmul,
        note="matmul",
        analytic=True,
        condition=16.0,
    )
    for shapes in (
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3, 2)),
        ((3, 3), (3, 3)),
        ((1, 3), (3, 1)),
        ((2, 2, 3), (3, 2)),
        ((2, 3), (4, 3, 2)),
        ((2, 1, 2, 3), (3, 3, 2)),
        ((1, 2, 3), (1, 3, 2)),
        ((3,), (2, 3, 2)),
        ((2, 2, 3), (3,)),
    )
]
CASES += [
    OpCase("einsum", contractions.trace, (reals(3, 3),), np.trace, np.trace, note="trace", analytic=True),
    OpCase(
        "einsum",
        contractions.diagonal,
        (reals(2, 3, 3),),
        lambda x: np.diagonal(x, axis1=-2, axis2=-1),
        lambda x: np.diagonal(x, axis1=-2, axis2=-1),
        note="diagonal",
        analytic=True,
    ),
    OpCase("delta", lambda: contractions.delta(3, np.dtype(np.float64)), (), lambda: np.eye(3)),
]

ERRORS = [
    ErrorCase(
        lambda: contractions.matmul(*nodes((2, 3), (4, 2))),
        ShapeError,
        r"numpy\.matmul: the last axis of the first operand has size 3, the last but one axis of the second 4",
    ),
    ErrorCase(lambda: contractions.matmul(*nodes((3,), (4,))), ShapeError, "only axis of the second 4"),
    ErrorCase(lambda: contractions.matmul(*nodes((), (4,))), ShapeError, r"numpy\.matmul: an operand is a scalar"),
    ErrorCase(
        lambda: contractions.contract(nodes((2, 3), (4, 2)), *labels("ij,jk->ik")),
        ShapeError,
        r"numpy\.einsum: index 'b' has size 3 and 4",
    ),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@refused(ERRORS)
def test_refuses(case):
    case.require()


@pytest.mark.parametrize("dtypes", [(np.float32, np.float64), (np.float32, np.float32), (np.int64, np.float32)])
def test_dtypes_promote_as_in_numpy(dtypes):
    inputs = [input_node(0, k, Aval((3, 3), np.dtype(dtype))) for k, dtype in enumerate(dtypes)]
    wanted = np.matmul(*[np.ones((3, 3), dtype) for dtype in dtypes]).dtype
    assert contractions.matmul(*inputs).dtype == wanted


def test_labels_do_not_matter():
    x, y = nodes((2, 3), (3, 2))
    product = contractions.contract([x, y], [[7, 3], [3, 9]], [7, 9])
    assert product is contractions.matmul(x, y)


def test_an_einsum_that_does_nothing_is_its_operand():
    (x,) = nodes((2, 3))
    assert contractions.contract([x], [[0, 1]], [0, 1]) is x
