"""Examples of changes of shape."""

import numpy as np

from chainrule.core.leaves import literal
from chainrule.errors import ShapeError
from chainrule.ops import shaping
from tests.ops.laws import ErrorCase, OpCase, laws, nodes, reals, refused

CASES = [
    *[
        OpCase(
            "reshape",
            lambda x, to=to: shaping.reshape(x, to),
            (reals(*shape),),
            lambda x, to=to: np.reshape(x, to),
            lambda x, to=to: np.reshape(x, to),
            note=f"to {to}",
            analytic=True,
        )
        for shape, to in (((6,), (2, 3)), ((2, 3), (3, 2)), ((2, 3), (6,)), ((), (1, 1)), ((1,), ()), ((0, 3), (2, 0)))
    ],
    OpCase(
        "reshape",
        lambda x: shaping.reshape_core(x, (2, 3), (6,)),
        (reals(2, 2, 3),),
        lambda x: np.reshape(x, (2, 6)),
        note="of core axes",
        analytic=True,
    ),
    *[
        OpCase(
            "permute",
            lambda x, axes=axes: shaping.permute(x, axes),
            (reals(*shape),),
            lambda x, axes=axes: np.transpose(x, axes),
            lambda x, axes=axes: np.transpose(x, axes),
            note=f"{axes}",
            analytic=True,
        )
        for shape, axes in (
            ((2, 3), (-1, -2)),
            ((3, 3), (-1, -2)),
            ((2, 3, 4), (-1, -3, -2)),
            ((2, 3, 4), (-2, -1, -3)),
            ((0, 2), (-1, -2)),
        )
    ],
    OpCase(
        "permute",
        lambda x: shaping.permute(x, (-1, -2)),
        (reals(2, 3, 2),),
        lambda x: x.swapaxes(-1, -2),
        lambda x: x.mT,
        note="of core axes",
        analytic=True,
    ),
    *[
        OpCase(
            "broadcast",
            lambda x, axes=axes, sizes=sizes: shaping.broadcast(x, axes, sizes),
            (reals(*shape),),
            lambda x, axes=axes, sizes=sizes: repeated(x, axes, sizes),
            note=f"{axes} {sizes}",
            analytic=True,
        )
        for shape, axes, sizes in (
            ((), (-1,), (3,)),
            ((3,), (-2,), (3,)),
            ((3,), (-1,), (2,)),
            ((2, 3), (-3, -1), (2, 2)),
            ((2, 3), (-2,), (1,)),
            ((3,), (-2,), (0,)),
        )
    ],
    OpCase(
        "broadcast",
        lambda x: shaping.stretch(x, (4, 2, 3)),
        (reals(2, 1),),
        lambda x: np.broadcast_to(x, (4, 2, 3)),
        lambda x: np.broadcast_to(x, (4, 2, 3)),
        note="stretch",
        analytic=True,
    ),
    *[
        OpCase(
            "concatenate",
            lambda *xs, axis=axis: shaping.concatenate(xs, axis),
            tuple(reals(*shape) for shape in shapes),
            lambda *xs, axis=axis: np.concatenate(xs, axis),
            lambda *xs, axis=axis: np.concatenate(xs, axis),
            note=f"along {axis}",
            analytic=True,
        )
        for shapes, axis in (
            (((2,), (3,)), -1),
            (((2, 3), (1, 3)), -2),
            (((2, 3), (2, 0), (2, 3)), -1),
            (((3, 3), (3, 3)), -1),
        )
    ],
]


def repeated(x, axes, sizes):
    for axis in axes:
        x = np.expand_dims(x, axis) if axis == axes[0] and len(axes) == 1 else x
    if len(axes) > 1:
        x = np.expand_dims(x, axes)
    shape = list(x.shape)
    for axis, size in zip(axes, sizes, strict=True):
        shape[axis] = size
    return np.broadcast_to(x, shape)


ERRORS = [
    ErrorCase(
        lambda: shaping.reshape(*nodes((2, 3)), (4,)),
        ShapeError,
        r"numpy\.reshape: 6 entries cannot fill the shape \(4,\)\n.*float64\[2,3\]",
    ),
    ErrorCase(
        lambda: shaping.concatenate(nodes((2, 3), (2, 4)), -2),
        ShapeError,
        r"numpy\.concatenate: arrays 0 and 1 differ in an axis other than axis -2",
    ),
    ErrorCase(lambda: shaping.concatenate(nodes((2, 3), (2,)), -1), ShapeError, "arrays 0 and 1 differ"),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@refused(ERRORS)
def test_refuses(case):
    case.require()


def test_exact_rewrites():
    (x,) = nodes((2, 3))
    assert shaping.reshape(shaping.reshape(x, (6,)), (2, 3)) is x
    assert shaping.reshape(shaping.reshape(x, (6,)), (3, 2)) is shaping.reshape(x, (3, 2))
    assert shaping.permute(shaping.permute(x, (-1, -2)), (-1, -2)) is x
    assert shaping.broadcast(x, (), ()) is x


def test_only_numbers_stay_weak():
    """NumPy knows weakness of Python numbers alone; an array made of one is an array."""
    assert literal(2.0).aval.weak
    assert not shaping.reshape(literal(2.0), (1,)).aval.weak
    assert not shaping.broadcast(literal(2.0), (-1,), (3,)).aval.weak
