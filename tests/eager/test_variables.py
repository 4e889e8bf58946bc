"""Variables: what backward passes leave behind, what updates do, what is refused."""

import contextlib
import copy
import dataclasses
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import (
    ArgumentError,
    DtypeError,
    ShapeError,
    SpentError,
    TracerError,
    UnsupportedError,
)
from tests.oracles import tolerance


def square_sum(x):
    return np.sum(x * x)


# --- backward ---


def test_gradients_accumulate_out_of_place():
    x = cr.variable([1.0, 2.0])
    assert x.grad is None
    square_sum(x).backward()
    first = x.grad
    np.testing.assert_array_equal(first, [2.0, 4.0])
    square_sum(x).backward()
    np.testing.assert_array_equal(x.grad, [4.0, 8.0])
    np.testing.assert_array_equal(first, [2.0, 4.0])
    x.zero_grad()
    assert x.grad is None
    x.grad = np.ones(2)
    square_sum(x).backward()
    np.testing.assert_array_equal(x.grad, [3.0, 5.0])
    x.grad = None
    assert x.grad is None


def test_a_variable_used_many_times_and_one_not_used():
    x, unused = cr.variable(3.0), cr.variable(1.0)
    y = x
    for _ in range(3):
        y = y * x + x
    y.backward()
    assert x.grad == 4 * 27 + 3 * 9 + 2 * 3 + 1
    assert unused.grad is None


def test_a_second_backward_is_refused_and_retain_graph_allows_it():
    x = cr.variable(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad == 12.0
    with pytest.raises(SpentError, match=r"freed(.|\n)*Fix: .*retain_graph=True"):
        y.backward()
    with pytest.raises(SpentError):
        (y + 1).backward()
    with pytest.raises(SpentError):
        cr.gradients(y, x)
    with pytest.raises(RuntimeError):
        y.backward()
    assert x.grad == 12.0
    (x * x).backward()
    assert x.grad == 18.0


def test_a_shared_part_is_freed_for_the_other_result_too():
    x = cr.variable(2.0)
    shared = x * x
    first, second = shared * 3, shared * x
    first.backward()
    with pytest.raises(SpentError):
        second.backward()
    assert x.grad == 12.0
    assert float(second) == 8.0


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_results_with_one_entry_need_no_gradient(shape):
    x = cr.variable(np.full(shape, 3.0))
    (x**2).backward()
    assert x.grad.shape == shape
    assert x.grad.item() == 6.0


def test_results_with_several_entries_need_one():
    x = cr.variable([1.0, 2.0])
    with pytest.raises(ShapeError, match=r"shape \(2,\)"):
        (x * x).backward()
    with pytest.raises(ShapeError, match="does not have the shape"):
        (x * x).backward([1.0, 2.0, 3.0])
    y = x * x
    y.backward(np.array([1.0, 10.0]), retain_graph=True)
    np.testing.assert_array_equal(x.grad, [2.0, 40.0])
    y.backward(cr.variable([0.0, 1.0]))
    np.testing.assert_array_equal(x.grad, [2.0, 44.0])


def test_a_variable_itself():
    x = cr.variable(3.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0
    assert cr.gradients(x, x) == 1.0


def test_a_result_without_variables_is_refused():
    x = cr.variable(3.0)
    with cr.no_grad():
        y = x * x
    for constant in (y, x.detach() * 2, x > 1):
        assert not constant.requires_grad
        with pytest.raises(ArgumentError, match="does not depend on any variable"):
            constant.backward()


@pytest.mark.parametrize("value", [3, np.int32(3), np.array(3), np.array([3]), [3], True + 2])
def test_integers_become_floats(value):
    x = cr.variable(value)
    assert x.dtype == np.float64
    np.sum(x**2).backward()
    assert x.grad.item() == 6.0


def test_what_no_variable_can_be_made_of():
    with pytest.raises(DtypeError, match="astype"):
        cr.variable([True, False])
    with pytest.raises(DtypeError, match="complex"):
        cr.variable(1j)
    with pytest.raises(DtypeError):
        cr.variable("text")
    with pytest.raises(ArgumentError, match="traced"):
        cr.grad(lambda x: cr.variable(x) * x)(1.0)


def test_float32_stays():
    x = cr.variable(np.ones(3, np.float32))
    np.sum(x * np.arange(3.0)).backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [0, 1, 2])


def test_values_are_copies():
    given = np.ones(3)
    x = cr.variable(given)
    y = x * 2
    for numbers in (given, x.value, x.numpy(), np.asarray(x), y.value):
        numbers[0] = 100.0
    y.sum().backward()
    np.testing.assert_array_equal(x.value, np.ones(3))
    np.testing.assert_array_equal(y.value, np.full(3, 2.0))
    x.grad.value[0] = 5.0
    np.testing.assert_array_equal(x.grad, np.full(3, 2.0))


@pytest.mark.parametrize("size", [3, 50_000])
def test_a_captured_array_may_be_overwritten_before_backward(size):
    data = np.arange(float(size))
    x = cr.variable(np.ones(size))
    y = np.sum(x * data)
    data[:] = -1.0
    y.backward()
    np.testing.assert_array_equal(x.grad, np.arange(float(size)))


# --- gradients ---


def test_equal_intermediates_are_told_apart():
    x, y = cr.variable(1.0), cr.variable(2.0)
    u = x + y
    v = x + y
    f = u * v
    assert cr.gradients(f, u) == 3.0
    assert cr.gradients(f, [u, v, x, y]) == [3.0, 3.0, 6.0, 6.0]
    assert cr.gradients(f, {"u": u, "x": (x,)}) == {"u": 3.0, "x": (6.0,)}
    assert cr.gradients(f, [u]) == [3.0]
    f.backward()
    assert x.grad == 6.0


def test_an_intermediate_below_another():
    x = cr.variable(2.0)
    u = x * x
    v = u * u
    f = v * u
    assert cr.gradients(f, [f, v, u, x]) == [1.0, 4.0, 3 * 4.0**2, 6 * 2.0**5]


def test_array_intermediates_against_grad(rng):
    x = cr.variable(rng.standard_normal((3, 4)))
    hidden = np.tanh(x)
    loss = np.sum(np.exp(hidden) @ np.arange(4.0)) + np.sum(hidden * x)
    expected = cr.grad(lambda h: np.sum(np.exp(h) @ np.arange(4.0)) + np.sum(h * x.value))(hidden.value)
    np.testing.assert_allclose(cr.gradients(loss, hidden), expected, rtol=tolerance(float))
    both = cr.gradients(loss, [hidden, x])
    np.testing.assert_allclose(both[0], expected, rtol=tolerance(float))
    np.testing.assert_allclose(both[1], cr.gradients(loss, x), rtol=tolerance(float))


def test_gradients_are_zeros_where_nothing_depends():
    x, other = cr.variable([1.0, 2.0]), cr.variable(np.ones((2, 2), np.float32))
    result = cr.gradients(square_sum(x), [x, other])
    np.testing.assert_array_equal(result[0], [2.0, 4.0])
    np.testing.assert_array_equal(result[1], np.zeros((2, 2)))
    assert result[1].dtype == np.float32
    np.testing.assert_array_equal(cr.gradients(np.sum(np.floor(x)), x), np.zeros(2))


def test_gradients_refuse_constants():
    x = cr.variable(1.0)
    y = x * 2
    for nodes in (x.detach(), 3.0, np.ones(2), [x, x.detach()]):
        with pytest.raises(ArgumentError, match="neither a variable nor computed from one"):
            cr.gradients(y, nodes)
    with pytest.raises(ArgumentError, match="the result"):
        cr.gradients(3.0, x)
    with pytest.raises(ShapeError):
        cr.gradients(np.ones(3) * x, x)


def test_the_gradient_of_an_intermediate_result_is_asked_for_elsewhere():
    y = cr.variable(1.0) * 2
    with pytest.raises(ArgumentError, match=r"chainrule\.gradients"):
        _ = y.grad


def test_negative_zero_survives_an_intermediate():
    x = cr.variable(-0.0)
    u = x * 1.0
    with np.errstate(divide="ignore"):
        f = 1.0 / (1.0 / u)
    assert cr.gradients(f, [u, x])[0] == cr.gradients(f, x)


# --- updates and writing in place ---


def test_updates_under_no_grad():
    w = cr.variable([1.0, 2.0], name="w")
    before = w
    loss = square_sum(w)
    loss.backward(retain_graph=True)
    with cr.no_grad():
        w -= 0.25 * w.grad
        w[0] = 7.0
        w *= 2
    assert w is before
    np.testing.assert_array_equal(w.value, [14.0, 2.0])
    assert w.requires_grad
    w.zero_grad()
    loss.backward()  # computed from the old value
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])
    with cr.no_grad():
        assert w.assign(3) is w
    np.testing.assert_array_equal(w.value, [3.0, 3.0])


def test_scalar_variables_are_updated_in_place():
    w = cr.variable(3.0)
    before = w
    with cr.no_grad():
        w -= 1
    assert w is before
    assert w.item() == 2.0
    w.data -= 0.5
    w.data = w.data * 2
    assert before.item() == 3.0
    assert w.requires_grad


def test_data_writes_through():
    w = cr.variable([1.0, 2.0, 3.0])
    w.data[1] = 5.0
    part = w.data[:2]
    part += 1
    np.testing.assert_array_equal(w.value, [2.0, 6.0, 3.0])
    assert not w.data.requires_grad
    other = cr.variable(np.zeros(3))
    other.data = w.data
    np.testing.assert_array_equal(other.value, w.value)
    with pytest.raises(UnsupportedError):
        (w * 2).data[0] = 1.0


def write_item(w):
    w[0] = 9.0


def update(w):
    w += 1.0


def write_view(w):
    w[1:][0] = 9.0


WRITES = {
    "item": write_item,
    "update": update,
    "view": write_view,
    "assign": lambda w: w.assign(np.zeros(2)),
}


@pytest.mark.parametrize("change", WRITES.values(), ids=WRITES)
def test_writing_into_a_variable_is_refused_outside_no_grad(change):
    w = cr.variable([1.0, 2.0])
    with pytest.raises(UnsupportedError, match=r"in place(.|\n)*Fix: .*no_grad"):
        change(w)
    np.testing.assert_array_equal(w.value, [1.0, 2.0])
    with cr.no_grad():
        change(w)
    assert w.requires_grad
    assert not np.array_equal(w.value, [1.0, 2.0])


def test_a_recorded_array_is_not_changed_under_no_grad():
    y = cr.variable([1.0, 2.0]) * 2
    with cr.no_grad(), pytest.raises(UnsupportedError, match="gradient would be lost"):
        y[0] = 5.0
    np.testing.assert_array_equal(y.value, [2.0, 4.0])


def test_assignment_to_results_and_views(rng):
    start = rng.standard_normal((3, 3))
    weights = rng.standard_normal((3, 3))

    def f(x):
        y = x * 1.5
        row = y[1]
        y[1, :2] = x[0, 0] * x[2, :2]
        row *= 2.0
        y.T[0] += row
        z = y[::2]
        y[0, 0] = x[1, 1] ** 2
        return np.sum(y * weights) + np.sum(z * z) + row[0]

    x = cr.variable(start)
    result = f(x)
    assert result.item() == pytest.approx(f(start.copy()), rel=tolerance(float))
    result.backward()
    np.testing.assert_allclose(x.grad, cr.grad(f)(start), rtol=tolerance(float, condition=100))


def test_an_operand_changed_before_backward_counts_as_it_was():
    x = cr.variable([1.0, 2.0])
    y = x * 3
    z = y * y
    y[0] = 100.0
    np.sum(z).backward()
    np.testing.assert_array_equal(x.grad, 18 * np.array([1.0, 2.0]))


def test_shapes_and_dtypes_of_updates():
    w = cr.variable([1.0, 2.0])
    with cr.no_grad():
        with pytest.raises(ShapeError):
            w += np.ones((3, 2))
        with pytest.raises(ShapeError):
            w.assign(np.ones(3))
        w += np.float32(1)
    np.testing.assert_array_equal(w.value, [2.0, 3.0])
    counts = w.detach().astype(int)
    with pytest.raises(DtypeError):
        counts += 0.5
    with pytest.raises(ShapeError):
        w.grad = np.ones(3)


def test_no_grad_as_a_decorator_nested_and_after_an_error():
    x = cr.variable(2.0)

    @cr.no_grad()
    def update():
        return x * x

    assert not update().requires_grad
    with contextlib.suppress(ZeroDivisionError), cr.no_grad():
        with cr.no_grad():
            assert not (x * x).requires_grad
        assert not (x * x).requires_grad
        raise ZeroDivisionError
    assert (x * x).requires_grad


def test_detach():
    x = cr.variable(3.0)
    y = x * x.detach()
    y.backward()
    assert x.grad == 3.0
    held = x.detach()
    assert not held.requires_grad
    assert (held * 2).grad is None
    assert cr.gradients(x * cr.stop_gradient(x), x) == 3.0


def test_requires_grad_can_be_switched():
    x = cr.variable([1, 2]).detach().astype(int)
    x.requires_grad = True
    assert x.dtype == np.float64
    square_sum(x).backward()
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])
    x.requires_grad = False
    assert not square_sum(x).requires_grad
    y = cr.variable(1.0) * 2
    with pytest.raises(ArgumentError, match="detach"):
        y.requires_grad = False


# --- as numbers ---


def test_values_are_known():
    x = cr.variable([1.0, -2.0, 3.0], name="x")
    assert [float(v) for v in x] == [1.0, -2.0, 3.0]
    assert x.tolist() == [1.0, -2.0, 3.0]
    assert x[0].item() == 1.0
    assert int(x[2]) == 3
    assert list(range(5))[np.argsort(x)[-1]] == 2
    assert bool(x[0] > 0)
    assert 3.0 in x
    assert len(x) == 3
    with pytest.raises(ArgumentError, match="ambiguous"):
        bool(x)
    np.testing.assert_array_equal(x[x > 0], [1.0, 3.0])
    assert complex(x[1]) == -2


def test_what_is_shown():
    x = cr.variable([1.0, 2.0], name="x")
    assert repr(x) == "x = variable([1., 2.])"
    assert repr(x * 2) == "Array([2., 4.])"
    assert repr(cr.variable(np.float32(1.5))) == "variable(1.5, dtype=float32)"
    assert str(x) == "[1. 2.]"
    assert f"{x[0]} {x[1]:.3f} {x.sum():6.2f}" == "1.0 2.000   3.00"


def test_copies_and_pickles():
    x = cr.variable([1.0, 2.0], name="x")
    square_sum(x).backward()
    for again in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert again is not x
        assert again.grad is None
        square_sum(again * 2).backward()
        np.testing.assert_array_equal(again.grad, [8.0, 16.0])
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])
    assert not copy.deepcopy(x.detach()).requires_grad
    with pytest.raises(UnsupportedError, match="detach"):
        copy.deepcopy(x * 2)
    y = x.copy()
    y[0] = 5.0
    np.testing.assert_array_equal(x.value, [1.0, 2.0])
    assert y.requires_grad


# --- with transforms ---


def mixed_uses():
    w = cr.variable([1.0, 2.0])
    return {
        "operator": lambda: cr.grad(lambda x: np.sum(x * w))(np.ones(2)),
        "reflected": lambda: cr.grad(lambda x: np.sum(w - x))(np.ones(2)),
        "ufunc": lambda: cr.grad(lambda x: np.sum(np.maximum(w, x)))(np.ones(2)),
        "function": lambda: cr.grad(lambda x: np.sum(np.stack([x, w])))(np.ones(2)),
        "index": lambda: cr.grad(lambda x: x[w > 1.5][0] * w[0] * x[0])(np.ones(2)),
        "result": lambda: cr.grad(lambda x: w[0] * 2)(np.ones(2)),
        "argument": lambda: cr.grad(square_sum)(w),
        "held argument": lambda: cr.grad(lambda x, y: np.sum(x * y))(np.ones(2), w),
        "jacobian": lambda: cr.jacobian(lambda x: x * x)(w),
        "symbol": lambda: cr.symbols("x[2]") * w,
        "assignment": assign_variable,
    }


def assign_variable():
    w = cr.variable(1.0)

    def f(x):
        y = x * 2
        y[0] = w
        return np.sum(y * y)

    return cr.grad(f)(np.ones(2))


@pytest.mark.parametrize("name", mixed_uses())
def test_a_variable_in_a_traced_function_is_refused(name):
    with pytest.raises(TracerError, match=r"lose its gradient(.|\n)*Fix: .*detach"):
        mixed_uses()[name]()


def test_held_constant_it_may_be_used_there():
    w = cr.variable([1.0, 2.0])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(x * w.detach()))(np.ones(2)), [1.0, 2.0])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(np.stack([w.detach(), x])))(np.ones(2)), [1.0, 1.0])
    np.testing.assert_array_equal(cr.grad(square_sum)(w.value), [2.0, 4.0])


def test_variables_of_their_own_inside_a_traced_function():
    def f(x):
        v = cr.variable(3.0)
        (v * v).backward()
        return x * v.grad.value

    assert cr.grad(f)(1.0) == 6.0


def test_functions_with_their_own_derivative():
    x = cr.variable(10.0)
    gentle = cr.custom_derivative(lambda x: x**2, vjp=lambda primals, ct: (np.clip(ct, -1.0, 1.0) * 7.0,))
    y = gentle(x)
    assert y.item() == 100.0
    y.backward()
    assert x.grad == 7.0
    x.zero_grad()
    box = cr.custom_derivative(lambda x: np.sin(x), black_box=True)
    box(x).backward()
    assert x.grad.item() == pytest.approx(np.cos(10.0), rel=tolerance(float, error=1e-8))
    x.zero_grad()
    cr.checkpoint(lambda x: np.sin(x) * x)(x).backward()
    assert x.grad.item() == pytest.approx(np.cos(10.0) * 10 + np.sin(10.0), rel=tolerance(float, condition=10))
    assert cr.jit(lambda x: x * x)(x).requires_grad


@dataclasses.dataclass
class Pair:
    first: object
    second: object


def test_containers_of_variables_with_a_derivative_of_their_own():
    def rule(primals, ct):
        return (Pair(ct.second * 5.0, ct.first * 7.0),)

    swap = cr.custom_derivative(lambda p: Pair(p.second, p.first * p.first), vjp=rule)
    x, y = cr.variable(2.0), cr.variable(3.0)
    result = swap(Pair(x, y))
    assert (result.first.item(), result.second.item()) == (3.0, 4.0)
    (result.first * 10.0 + result.second).backward()
    assert (x.grad.item(), y.grad.item()) == (5.0, 70.0)


def test_backward_runs_on_the_recorded_values(rng):
    calls = []

    def counted(x):
        calls.append(1)
        return np.sin(x)

    box = cr.custom_derivative(
        counted, vjp=lambda primals, ct: (ct * np.cos(primals[0]),), black_box=True, result=np.zeros(3)
    )
    start = rng.standard_normal(3)
    x = cr.variable(start)
    y = box(x)
    for rounds in (1, 2):
        np.sum(np.exp(y) * y).backward(retain_graph=True)
        value = np.sin(start)
        expected = rounds * np.exp(value) * (1 + value) * np.cos(start)
        np.testing.assert_allclose(x.grad, expected, rtol=tolerance(float, condition=10))
        assert len(calls) == 1
    np.testing.assert_allclose(cr.gradients(np.sum(y * y), y), 2 * value, rtol=tolerance(float))
    assert len(calls) == 1


# --- when something goes wrong, and in threads ---


def test_errors_leave_everything_usable():
    x = cr.variable([1.0, 2.0])
    y = x * x
    with pytest.raises(ShapeError):
        _ = y @ np.ones(3)
    with pytest.raises(UnsupportedError):
        np.busday_count(y, y)
    with pytest.raises(ShapeError):
        y.backward()
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.solve(np.zeros((2, 2)) * y, y)
    with cr.config.override(strict=True), pytest.raises(ArithmeticError):
        np.sum(np.abs(y - y)).backward()
    z = np.sum(np.abs(y - 1.0))
    with cr.config.override(strict=True), pytest.raises(ArithmeticError):
        z.backward()
    z.backward()
    np.testing.assert_array_equal(x.grad, [0.0, 4.0])
    np.sum(y * 2).detach()
    assert cr.gradients(np.sum(x), x).tolist() == [1.0, 1.0]


def test_threads_share_variables_and_not_modes():
    w = cr.variable(np.ones(5))
    errors, start = [], threading.Barrier(8)

    def work(k):
        start.wait()
        try:
            for _ in range(50):
                with contextlib.nullcontext() if k % 2 else cr.no_grad():
                    y = np.sum(w * w) * 2.0
                    assert y.requires_grad == bool(k % 2)
                    if k % 2:
                        y.backward()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    np.testing.assert_array_equal(w.grad, np.full(5, 4 * 50 * 4.0))


def test_results_are_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = cr.variable(np.ones(10))
        y = x * 2
        z = np.sum(y * y)
        references = [weakref.ref(y), weakref.ref(z), weakref.ref(x)]
        z.backward()
        del x, y, z
        assert [reference() for reference in references] == [None] * 3
    finally:
        gc.enable()


def test_long_chains():
    x = cr.variable(1.0)
    y = x
    for _ in range(5_000):  # beyond what recursion could reach
        y = y + x
    y.backward()
    assert x.grad == 5_001.0
    y = x
    for _ in range(20_000):
        y = y + x
    del y
