"""Shapes and dtypes before there are numbers, against NumPy's own answers."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.core.aval import Aval, broadcast_shapes, common_dtype, promote, ufunc_dtype
from chainrule.core.op import ElementwiseOp, all_ops
from chainrule.errors import ShapeError

NAMES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
STRONG = [(np.dtype(name), False) for name in NAMES]
# A weak dtype is that of a Python number.
WEAK = [(np.dtype(np.int64), True), (np.dtype(np.float64), True)]
KINDS = [*STRONG, *WEAK]
UFUNCS = {
    op.numpy.__name__: op.numpy
    for op in all_ops().values()
    if isinstance(op, ElementwiseOp) and isinstance(op.numpy, np.ufunc) and op.numpy.nout == 1
}


def sample(dtype, weak):
    """A number of that kind: an array entry, or a Python number if it is weak."""
    return (1 if dtype.kind == "i" else 1.0) if weak else np.ones((), dtype)[()]


def label(kind):
    return ("weak " if kind[1] else "") + kind[0].name


@pytest.mark.parametrize("x", KINDS, ids=map(label, KINDS))
@pytest.mark.parametrize("y", KINDS, ids=map(label, KINDS))
def test_common_dtype_is_numpys(x, y):
    expected = np.result_type(sample(*x), sample(*y))
    if x[1] and y[1]:
        expected = np.result_type(x[0], y[0])
    assert promote((x, y)) == expected
    assert common_dtype([Aval((), *x), Aval((2,), *y)]) == expected


@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
def test_common_dtype_of_several_is_numpys(kinds):
    if all(weak for _, weak in kinds):
        expected = np.result_type(*(dtype for dtype, _ in kinds))
    else:
        expected = np.result_type(*(sample(*kind) for kind in kinds))
    assert promote(tuple(kinds)) == expected


@pytest.mark.parametrize("name", sorted(UFUNCS))
def test_a_ufunc_answers_in_numpys_dtype(name):
    ufunc = UFUNCS[name]
    answered = 0
    for kinds in itertools.product(KINDS, repeat=ufunc.nin):
        values = [sample(*kind) for kind in kinds]
        try:
            with np.errstate(all="ignore"):
                expected = np.asarray(ufunc(*values)).dtype
        except TypeError:
            with pytest.raises(TypeError):
                ufunc_dtype(ufunc, tuple(kinds))
            continue
        assert ufunc_dtype(ufunc, tuple(kinds)) == expected, (name, *map(label, kinds))
        answered += 1
    assert answered >= len(STRONG) - 1


sizes = st.sampled_from([0, 1, 1, 2, 3])
shapes = st.lists(st.lists(sizes, max_size=4).map(tuple), min_size=1, max_size=4)


@given(shapes)
def test_broadcasting_is_numpys(several):
    try:
        expected = np.broadcast_shapes(*several)
    except ValueError:
        with pytest.raises(ShapeError, match=r"(?s)call: sizes .* do not broadcast.*Fix: "):
            broadcast_shapes(several, "call", [Aval(shape, np.dtype(float)) for shape in several])
    else:
        assert broadcast_shapes(several, "call") == expected


def test_the_axis_that_does_not_fit_is_named_from_the_right():
    with pytest.raises(ShapeError, match="sizes 3 and 4 of axis -2"):
        broadcast_shapes([(3, 1), (2, 4, 5)], "call")


def test_an_aval_describes_itself():
    aval = Aval((2, 3), np.dtype("f4"))
    assert (aval.ndim, aval.size, aval.is_float, aval.is_concrete) == (2, 6, True, True)
    assert str(aval) == "float32[2,3]"
    assert str(Aval((), np.dtype(np.int64), weak=True)) == "weak int64[]"
    assert (aval.layout, aval.device) == ("dense", None)
    assert aval == Aval((2, 3), np.dtype("f4"))
    assert aval != Aval((2, 3), np.dtype("f4"), weak=True)
