"""Arrays used without being given: each use has the contents of that moment, or the write fails."""

import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.trace import tracer
from chainrule.trace.tracer import COPIED_BYTES, Trace

SMALL = COPIED_BYTES // 8
LARGE = SMALL + 1

TRANSFORMS = {
    "grad": lambda f, x: cr.grad(f)(x),
    "value_and_grad": lambda f, x: cr.value_and_grad(f)(x)[1],
    "vjp": lambda f, x: cr.vjp(f, x)[1](1.0)[0],
    "jvp": lambda f, x: cr.jvp(f, (x,), (np.ones_like(x),))[1],
    "linearize": lambda f, x: cr.linearize(f, x)[1](np.ones_like(x)),
    "hvp": lambda f, x: cr.hvp(f, (x,), (np.ones_like(x),)),
    "nested": lambda f, x: cr.grad(lambda y: np.sum(cr.grad(f)(y)))(x),
}
each_transform = pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)


def assert_nothing_is_locked():
    assert not tracer._LOCKS._counts
    assert not tracer._LOCKS._waiting


@pytest.mark.parametrize("size", [1, 7, SMALL])
def test_a_small_buffer_overwritten_between_uses(size):
    buffer = np.empty(size)

    def f(x):
        total = 0.0
        for k in range(4):
            buffer[...] = k + 1.0
            total = total + np.sum(buffer * x) * x[0]
        return total

    x = np.full(size, 2.0)
    expected = 10 * x[0] * np.ones(size)
    expected[0] += 10 * np.sum(x)
    np.testing.assert_array_equal(cr.grad(f)(x), expected)
    assert buffer.flags.writeable


def test_an_unchanged_small_buffer_is_one_input():
    buffer, traces = np.ones(3), []

    def f(x):
        result = np.sum(buffer * x) + np.sum(buffer * x * x)
        traces.append(len(x._owner.inputs))
        buffer[0] += 1
        result = result + np.sum(buffer * x)
        traces.append(len(x._owner.inputs))
        return result

    cr.grad(f)(np.ones(3))
    assert traces == [2, 3]


def test_a_buffer_whose_shape_changes_in_place():
    buffer = np.arange(6.0)

    def f(x):
        first = np.sum(buffer * x)
        buffer.shape = (2, 3)
        second = np.sum(buffer @ np.ones(3))
        return first + second * np.sum(x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *args, **keywords: None)
        try:
            gradient = cr.grad(f)(np.ones(6))
        except DeprecationWarning:
            pytest.skip("this NumPy no longer lets a shape be set in place")
    np.testing.assert_array_equal(gradient, np.arange(6.0) + 15.0)


@each_transform
def test_writing_to_a_large_capture_raises_at_the_writers_line(transform):
    buffer, reached = np.ones(LARGE), []

    def f(x):
        total = np.sum(buffer * x * x)
        reached.append("before")
        buffer[0] = 5.0
        reached.append("after")
        return total

    with pytest.raises(ValueError, match="read-only"):
        transform(f, np.ones(LARGE))
    assert reached == ["before"]
    assert buffer.flags.writeable
    assert_nothing_is_locked()


@each_transform
def test_a_large_capture_is_writeable_again_afterwards(transform):
    buffer, x = np.full(LARGE, 3.0), np.ones(LARGE)
    first = transform(lambda y: np.sum(buffer * y * y), x)
    assert buffer.flags.writeable
    assert x.flags.writeable
    buffer *= 2
    np.testing.assert_array_equal(transform(lambda y: np.sum(buffer * y * y), x), 2 * np.asarray(first))
    assert_nothing_is_locked()


@each_transform
def test_a_large_capture_is_writeable_again_after_an_exception(transform):
    buffer, x = np.ones(LARGE), np.ones(LARGE)

    def f(y):
        np.sum(buffer * y)
        raise KeyError("from the function")

    with pytest.raises(KeyError, match="from the function"):
        transform(f, x)
    assert buffer.flags.writeable
    assert x.flags.writeable
    assert_nothing_is_locked()


def test_the_base_of_a_captured_view_is_locked_too():
    base = np.ones((2, LARGE))
    view = base[0]

    def f(x):
        total = np.sum(view * x)
        base[0, 0] = 7.0
        return total

    with pytest.raises(ValueError, match="read-only"):
        cr.grad(f)(np.ones(LARGE))
    assert base.flags.writeable
    assert view.flags.writeable


def test_a_view_and_its_base_held_by_two_nested_calls():
    base = np.ones(LARGE)
    view = base[:]

    def f(x):
        outer = np.sum(x * base)
        return outer + np.sum(cr.grad(lambda y: np.sum(y * y * view))(x))

    np.testing.assert_array_equal(cr.grad(f)(np.ones(LARGE)), np.full(LARGE, 3.0))
    assert base.flags.writeable
    assert view.flags.writeable
    assert_nothing_is_locked()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_calls_that_share_arrays_may_end_in_any_order(order):
    base = np.ones(4 * LARGE)
    views = [base, base[:LARGE], base[LARGE:]]
    traces = [Trace("test", None) for _ in views]
    for trace, view in zip(traces, views, strict=True):
        trace.hold(view)
    for k in order:
        assert not base.flags.writeable
        traces[k].release()
    assert all(view.flags.writeable for view in views)
    assert_nothing_is_locked()


def test_an_array_that_was_read_only_stays_so():
    buffer = np.ones(LARGE)
    buffer.flags.writeable = False
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(buffer * x))(np.ones(LARGE)), buffer)
    assert not buffer.flags.writeable
    assert_nothing_is_locked()


def test_a_writeable_view_of_a_read_only_base():
    base = np.ones(LARGE)
    view = base[:]
    base.flags.writeable = False
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(view * x))(np.ones(LARGE)), base)
    assert view.flags.writeable
    assert not base.flags.writeable


def test_memory_of_which_numpy_cannot_tell_whether_it_may_be_written():
    class Foreign:
        """Owns memory through the array interface alone, as other libraries' arrays do."""

        def __init__(self, array):
            self._array = array
            self.__array_interface__ = array.__array_interface__

    array = np.asarray(Foreign(np.arange(float(LARGE))))
    assert isinstance(array.base, Foreign)
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(array * x))(np.ones(LARGE)), np.arange(float(LARGE)))
    assert array.flags.writeable


def test_a_memory_map(tmp_path):
    mapped = np.memmap(tmp_path / "data", dtype=float, mode="w+", shape=(LARGE,))
    mapped[:] = 3.0
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(mapped * x))(np.ones(LARGE)), np.full(LARGE, 3.0))
    mapped[0] = 4.0
    assert mapped.flags.writeable


def test_a_byte_buffer():
    data = bytearray(8 * LARGE)
    array = np.frombuffer(data)
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(array * x))(np.ones(LARGE)), np.zeros(LARGE))
    array[0] = 1.0
    constant = np.frombuffer(bytes(data))
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(constant * x))(np.ones(LARGE)), constant)


def test_a_large_capture_shared_by_two_threads():
    buffer = np.ones(LARGE)
    inside, leave = threading.Barrier(3), [threading.Event(), threading.Event()]
    results = {}

    def call(k):
        def f(x):
            total = np.sum(buffer * x) * (k + 1)
            inside.wait()
            leave[k].wait()
            return total

        results[k] = cr.grad(f)(np.ones(LARGE))

    threads = [threading.Thread(target=call, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    inside.wait()
    assert not buffer.flags.writeable
    leave[0].set()
    threads[0].join()
    assert not buffer.flags.writeable  # the other call still reads it
    leave[1].set()
    threads[1].join()
    assert buffer.flags.writeable
    for k in range(2):
        np.testing.assert_array_equal(results[k], np.full(LARGE, k + 1.0))
    assert_nothing_is_locked()


def test_arguments_are_not_changed_by_assignment_to_the_handle():
    x = np.array([1.0, 2.0])

    def f(y):
        y += 1.0
        y *= 3.0
        return np.sum(y * y)

    np.testing.assert_array_equal(cr.grad(f)(x), 18 * (x + 1))
    np.testing.assert_array_equal(x, [1.0, 2.0])


@pytest.mark.parametrize("size", [3, LARGE])
def test_an_argument_overwritten_while_its_pullback_waits(size):
    x, scale = np.full(size, 2.0), np.full(size, 5.0)
    _, pull = cr.vjp(lambda y: y * y * scale, x)
    _, push = cr.linearize(lambda y: y * y * scale, x)
    x[:], scale[:] = 100.0, 100.0
    np.testing.assert_array_equal(pull(np.ones(size))[0], np.full(size, 20.0))
    np.testing.assert_array_equal(push(np.ones(size)), np.full(size, 20.0))


def test_the_same_array_as_argument_and_capture():
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(cr.grad(lambda y: np.sum(y * x))(x), x)
    large = np.full(LARGE, 2.0)
    np.testing.assert_array_equal(cr.grad(lambda y, z: np.sum(y * z * large), (0, 1))(large, large), [large * 2] * 2)


@pytest.mark.parametrize("size", [5, LARGE])
def test_captures_with_unusual_strides(size):
    base = np.arange(6.0 * size).reshape(3, 2 * size)
    for array in (
        base[:, ::2],
        base[::-1, size:],
        np.asfortranarray(base[:, :size]),
        np.broadcast_to(base[0, :size], (3, size)),
    ):
        gradient = cr.grad(lambda x, array=array: np.sum(x * array))(np.ones((3, size)))
        np.testing.assert_array_equal(gradient, array)
    assert base.flags.writeable


def test_lists_and_tuples_of_numbers_are_captured_by_value():
    numbers = [1.0, 2.0]

    def f(x):
        first = np.sum(x * numbers)
        numbers[0] = 10.0
        return first + np.sum(np.multiply(numbers, x)) + np.sum(x * (100.0, 100.0))

    np.testing.assert_array_equal(cr.grad(f)(np.ones(2)), [111.0, 104.0])
