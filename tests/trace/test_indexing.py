"""Every form of index against NumPy: the value is NumPy's, the gradient counts how often an entry was read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError, OutOfBoundsError, TracerError
from tests.oracles import tolerance


def assert_like_numpy(x, index):
    """`x[index]` has NumPy's entries, and the gradient of its sum with weights puts each weight where it came from."""
    expected = x[index]
    weights = np.arange(1.0, expected.size + 1.0).reshape(np.shape(expected))
    value, gradient = cr.value_and_grad(lambda a: np.sum(a[index] * weights))(x)
    scattered = np.zeros(x.shape)
    np.add.at(scattered, index, weights)
    traced = cr.vjp(lambda a: a[index], x)[0]
    assert np.shape(traced) == np.shape(expected)
    np.testing.assert_array_equal(traced, expected)
    np.testing.assert_allclose(value, np.sum(expected * weights), rtol=tolerance(float))
    np.testing.assert_array_equal(gradient, scattered)


@st.composite
def arrays(draw, max_ndim=4):
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=max_ndim)))
    return np.arange(1.0, np.prod(shape) + 1.0).reshape(shape)


def integers(size):
    return st.integers(-size, size - 1)


def slices(size):
    ends = st.none() | st.integers(-size - 2, size + 2)
    return st.builds(slice, ends, ends, st.none() | st.sampled_from([1, 2, 3, -1, -2, -3]))


def with_new_axes(draw, entries):
    """The index with new axes and perhaps an ellipsis put in somewhere; trailing full slices may go."""
    entries = list(entries)
    for _ in range(draw(st.integers(0, 2))):
        entries.insert(draw(st.integers(0, len(entries))), None)
    return entries


@st.composite
def basic_indices(draw):
    x = draw(arrays())
    count = draw(st.integers(0, x.ndim))
    entries = [draw(integers(n) | slices(n)) for n in x.shape[:count]]
    if draw(st.booleans()):
        # An ellipsis may stand anywhere: what is after it then counts from the right.
        place = draw(st.integers(0, count))
        after = [draw(integers(n) | slices(n)) for n in x.shape[x.ndim - (count - place) :]] if place < count else []
        entries = [*entries[:place], Ellipsis, *after]
    return x, tuple(with_new_axes(draw, entries))


@st.composite
def advanced_indices(draw):
    x = draw(arrays())
    rank = draw(st.integers(0, 2))
    common = tuple(draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank)))
    count = draw(st.integers(1, x.ndim))
    entries = []
    for n in x.shape[:count]:
        kind = draw(st.sampled_from(["array", "array", "slice", "integer"]))
        if kind == "slice":
            entries.append(draw(slices(n)))
        elif kind == "integer":
            entries.append(draw(integers(n)))
        else:
            shape = common[draw(st.integers(0, rank)) :]  # shapes that broadcast with each other
            values = draw(st.lists(integers(n), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
            array = np.array(values, dtype=draw(st.sampled_from([np.int64, np.int32, np.int8]))).reshape(shape)
            entries.append(array.tolist() if array.ndim == 1 and draw(st.booleans()) else array)
    return x, tuple(with_new_axes(draw, entries))


@st.composite
def masked_indices(draw):
    x = draw(arrays(max_ndim=3))
    before = draw(st.integers(0, x.ndim - 1))
    covered = draw(st.integers(1, x.ndim - before))
    shape = x.shape[before : before + covered]
    bits = draw(st.lists(st.booleans(), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    mask = np.array(bits, dtype=bool).reshape(shape)
    entries = [draw(slices(n)) for n in x.shape[:before]]
    return x, (*entries, mask)


@given(basic_indices())
def test_basic_index(case):
    assert_like_numpy(*case)


@given(advanced_indices())
def test_advanced_index(case):
    assert_like_numpy(*case)


@given(masked_indices())
def test_boolean_index(case):
    assert_like_numpy(*case)


X = np.arange(1.0, 121.0).reshape(2, 3, 4, 5)
NAMED = {
    "empty tuple": (),
    "ellipsis alone": Ellipsis,
    "None alone": None,
    "negative step": (slice(None, None, -1), slice(None, None, -2)),
    "empty slice": (slice(1, 1),),
    "empty list": ([],),
    "empty negative slice": (slice(0, 2, -1),),
    "past the end": (slice(-100, 100, 3),),
    "NumPy integer": np.int64(1),
    "NumPy integer beside a slice": (np.int8(1), slice(None), np.uint8(2)),
    "0-d index array": (np.array(1),),
    "mask over two axes": (X[:, :, 0, 0] > 30,),
    "mask in the middle": (slice(None), X[0, :, :, 0] > 30),
    "mask at the end": (Ellipsis, np.array([True, False, True, False, True])),
    "mask and integers": (np.array([True, False]), [0, 2, 1]),
    "mask list": ([True, False],),
    "all-false mask": (np.zeros(2, bool),),
    "integer then slice then array": (0, slice(None), [1, 3, 3]),
    "arrays apart": ([0, 1, 1], slice(None), [2, 2, 0]),
    "arrays apart, new axis between": ([0, 1], None, [2, 2]),
    "array and integer apart": ([0, 1], slice(None), 2),
    "array, new axis, integer": ([1, 0], None, 2),
    "outer product of places": (np.array([[0], [1]]), np.array([[0, 2, 1]])),
    "np.ix_": np.ix_([1, 0], [2, 0], [3, 1], [4]),
    "repeated entries": ([0, 0, 0, 1],),
    "negative entries": ([-1, -2], [-3, 0]),
    "two-dimensional array": (np.array([[0, 1], [1, 0]]),),
    "ellipsis between arrays": ([0, 1], Ellipsis, [4, 0]),
    "unsigned array": (np.array([1, 0], np.uint64),),
}


@pytest.mark.parametrize("index", NAMED.values(), ids=NAMED)
def test_named_index(index):
    assert_like_numpy(X, index)


def test_mask_computed_from_the_variable():
    x = np.array([3.0, -1.0, 2.0, -5.0])
    value, gradient = cr.value_and_grad(lambda a: np.sum(a[a > 0] ** 2))(x)
    assert value == 13.0
    np.testing.assert_array_equal(gradient, [6.0, 0.0, 4.0, 0.0])


def test_index_computed_from_the_variable():
    x = np.array([3.0, 1.0, 2.0])
    gradient = cr.grad(lambda a: np.sum(a[np.argsort(a)] * np.array([1.0, 10.0, 100.0])))(x)
    np.testing.assert_array_equal(gradient, [100.0, 1.0, 10.0])


def test_index_given_as_an_argument():
    x, places = np.array([3.0, 1.0, 2.0]), np.array([2, 2, 0])
    gradient = cr.grad(lambda a, k: np.sum(a[k]))(x, places)
    np.testing.assert_array_equal(gradient, [1.0, 0.0, 2.0])


def test_second_derivative_through_an_index():
    x = np.array([3.0, 1.0, 2.0])
    hessian = cr.hessian(lambda a: np.sum(a[[0, 0, 2]] ** 3))(x)
    np.testing.assert_array_equal(hessian, np.diag([36.0, 0.0, 12.0]))


def test_iteration_and_unpacking():
    def f(a):
        first, second = a
        return np.sum(first * second)

    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(cr.grad(f)(x), x[::-1])
    np.testing.assert_array_equal(
        cr.grad(lambda a: sum(row[0] * k for k, row in enumerate(a)))(x), [[0, 0, 0], [1, 0, 0]]
    )


@pytest.mark.parametrize(
    ("index", "kind", "text"),
    [
        (3, OutOfBoundsError, r"index 3 is out of bounds for axis 0 with size 3"),
        ((0, -5), OutOfBoundsError, r"index -5 is out of bounds for axis 1 with size 4"),
        ([0, 3], OutOfBoundsError, r"index 3 is out of bounds for axis 0 with size 3"),
        (np.array([[-4]]), OutOfBoundsError, r"index -4 is out of bounds for axis 0 with size 3"),
        ((slice(None), [0, 1], None), None, None),
        ((slice(None), [0, 4]), OutOfBoundsError, r"index 4 is out of bounds for axis 1 with size 4"),
        ((0, 0, 0), (ArgumentError, IndexError), r"3 indices for an array with 2 axes"),
        ((Ellipsis, Ellipsis), (ArgumentError, IndexError), r"one ellipsis"),
        (1.0, (ArgumentError, IndexError), r"float"),
        ("a", (ArgumentError, IndexError), r"str"),
        ([0.5], (ArgumentError, IndexError), r"float64"),
        (np.zeros((2, 2), bool), (ArgumentError, IndexError), r"mask of shape \(2, 2\)"),
    ],
)
def test_refused_index(index, kind, text):
    x = np.arange(12.0).reshape(3, 4)
    if kind is None:
        assert_like_numpy(x, index)
        return
    with pytest.raises(kind, match=text) as caught:
        cr.grad(lambda a: np.sum(a[index]))(x)
    assert isinstance(caught.value, ChainruleError)
    assert "Fix: " in str(caught.value)
    with pytest.raises(IndexError):
        x[index]


def test_an_out_of_bounds_index_is_reported_at_the_users_line():
    reached = []

    def f(a):
        part = a[np.array([0, 7])]
        reached.append(True)
        return np.sum(part)

    with pytest.raises(OutOfBoundsError, match="index 7 is out of bounds"):
        cr.grad(f)(np.ones(3))
    assert not reached


def test_an_index_that_depends_on_the_variable_by_value_is_refused():
    with pytest.raises(TracerError, match="index"):
        cr.grad(lambda a: [1.0, 2.0][a] * a)(1.0)
