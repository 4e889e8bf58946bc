"""What shares memory in NumPy shares it here: programs that assign through views, on arrays and on handles alike."""

from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import ArgumentError, UnsupportedError
from tests.oracles import richardson, tolerance

# --- random programs ---


class Statement(NamedTuple):
    """One line of a program: `change` gets the arrays that there are, and may add one to them."""

    text: str
    change: object

    def __repr__(self):
        return self.text


def run(program, x):
    """All arrays and scalars of a program that starts with a copy of `x`."""
    arrays = [x.copy()]
    for statement in program:
        statement.change(arrays)
    return arrays


VIEWS = {
    "a.T": lambda a: a.T,
    "swapaxes(a, 0, -1)": lambda a: np.swapaxes(a, 0, -1),
    "a[None]": lambda a: a[None],
    "a[..., None]": lambda a: a[..., None],
    "a[...]": lambda a: a[...],
    "a[::-1]": lambda a: a[::-1],
    "a[1:]": lambda a: a[1:],
    "a[-1:0:-2]": lambda a: a[-1:0:-2],
    "a[..., ::2]": lambda a: a[..., ::2],
    "a[0]": lambda a: a[0] if a.ndim > 1 else a[0, ...],
    "a[..., -1]": lambda a: a[..., -1],
    "a with an axis of size 1": lambda a: a.reshape((*a.shape, 1)),
    "a without axes of size 1": lambda a: a.squeeze(),
    "moveaxis(a, 0, -1)": lambda a: np.moveaxis(a, 0, -1),
    "expand_dims(a, 1)": lambda a: np.expand_dims(a, 1),
}

IN_PLACE = {
    "+=": lambda a, v: a.__iadd__(v),
    "-=": lambda a, v: a.__isub__(v),
    "*=": lambda a, v: a.__imul__(v),
    "/=": lambda a, v: a.__itruediv__(2 + np.sin(v)),
}


@st.composite
def indices(draw, shape):
    """An index of each kind, for an array with axes."""
    n = shape[0]
    kind = draw(st.sampled_from(["integer", "slice", "mask", "array", "whole", "list", "last", "new"]))
    if kind == "integer":
        return draw(st.integers(-n, n - 1))
    if kind == "slice":
        ends = st.none() | st.integers(-n - 1, n + 1)
        return slice(draw(ends), draw(ends), draw(st.sampled_from([None, 1, 2, -1, -2])))
    if kind == "mask":
        covered = shape[: draw(st.integers(1, len(shape)))]
        count = int(np.prod(covered))
        return np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), bool).reshape(covered)
    places = draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=4))  # often with duplicates
    if kind == "array":
        return np.array(places)
    if kind == "list":
        return places
    if kind == "last":
        return (Ellipsis, draw(st.integers(-shape[-1], shape[-1] - 1)))
    return (None, Ellipsis) if kind == "new" else Ellipsis


NUMBERS = st.sampled_from([-1.5, -0.5, 0.0, 0.25, 1.0, 2.0])


@st.composite
def values(draw, arrays, shape):
    """What may be assigned to a part of this shape: a number, or something made of an array that broadcasts to it."""

    def fits(a):
        return a.ndim <= len(shape) and all(
            n in (1, m) for n, m in zip(a.shape[::-1], tuple(shape)[::-1], strict=False)
        )

    places = [k for k, a in enumerate(arrays) if fits(np.asarray(a))]
    kind = draw(st.sampled_from(["number", "array", "sine"])) if places else "number"
    if kind == "number":
        number = draw(NUMBERS)
        return repr(number), lambda _: number
    k = draw(st.sampled_from(places))
    if kind == "array":
        return f"a{k}", lambda arrays: arrays[k]
    return f"sin(a{k})", lambda arrays: np.sin(arrays[k])


def assignment(k, index, value, arrays):
    arrays[k][index] = value(arrays)


def in_place(k, operator, value, arrays):
    IN_PLACE[operator](arrays[k], value(arrays))


def loop_over_rows(k, number, arrays):
    for row in arrays[k]:
        row *= number
        row += 1.0


def shifted(k, arrays):
    arrays[k][1:] = arrays[k][:-1]


def swapped(k, arrays):
    a = arrays[k]
    a[0], a[-1] = a[-1], a[0]


def cubed(k, arrays):
    arrays[k] **= 3


def scalar_updated(k, arrays):
    s = arrays[k][(0,) * arrays[k].ndim]
    kept = s
    s += 1.5
    arrays.extend([np.reshape(s, (1,)).copy(), np.reshape(kept, (1,)).copy()])


@st.composite
def programs(draw):
    """A start and lines to run on it, drawn while NumPy runs them, so that each line makes sense where it stands."""
    shape = draw(st.sampled_from([(3,), (4,), (2, 3), (3, 2), (2, 1, 2)]))
    count = int(np.prod(shape))
    x = np.array(draw(st.lists(st.floats(-1, 1, width=16), min_size=count, max_size=count))).reshape(shape)
    arrays, program = [x.copy()], []
    kinds = ["view", "view", "assign", "assign", "in place", "copy", "fancy", "rows", "shift", "swap", "cube", "scalar"]
    for _ in range(draw(st.integers(2, 8))):
        k = draw(st.integers(0, len(arrays) - 1))
        a = arrays[k]
        kind = draw(st.sampled_from(kinds))
        if kind == "cube":
            kinds.remove("cube")  # once: the entries would grow too fast
        if a.ndim == 0 or not a.size:
            kind = "in place"
        if kind == "view":
            name = draw(st.sampled_from(sorted(VIEWS)))
            if a.ndim > 3:
                continue
            statement = Statement(f"view of a{k}: {name}", partial(_add, VIEWS[name], k))
        elif kind == "assign":
            index = draw(indices(a.shape))
            text, value = draw(values(arrays, np.shape(a[index])))
            statement = Statement(f"a{k}[{index}] = {text}", partial(assignment, k, index, value))
        elif kind == "in place":
            operator = draw(st.sampled_from(sorted(IN_PLACE)))
            text, value = draw(values(arrays, a.shape))
            statement = Statement(f"a{k} {operator} {text}", partial(in_place, k, operator, value))
        elif kind == "copy":
            statement = Statement(f"a{k}.copy()", partial(_add, lambda a: a.copy(), k))
        elif kind == "fancy":
            index = [draw(st.integers(-len(a), len(a) - 1)) for _ in range(2)]
            statement = Statement(f"a{k}[{index}]", partial(_add, lambda a, index=index: a[index], k))
        elif kind == "rows" and a.ndim > 1:
            statement = Statement(f"rows of a{k}", partial(loop_over_rows, k, draw(NUMBERS)))
        elif kind == "shift":
            statement = Statement(f"shift a{k}", partial(shifted, k))
        elif kind == "swap":
            statement = Statement(f"swap a{k}", partial(swapped, k))
        elif kind == "cube":
            statement = Statement(f"a{k} **= 3", partial(cubed, k))
        else:
            statement = Statement(f"scalar of a{k}", partial(scalar_updated, k))
        statement.change(arrays)
        program.append(statement)
    return x, program


def _add(function, k, arrays):
    arrays.append(function(arrays[k]))


def assert_close(actual, desired, error=0.0):
    desired = np.asarray(desired)
    scale = max(1.0, np.abs(desired).max(initial=0.0))
    allowed = tolerance(float, condition=1e4, error=float(np.max(error, initial=0.0)) / scale)
    np.testing.assert_allclose(actual, desired, rtol=0, atol=allowed * scale)


def total(program, x):
    """One number that depends on every entry of every array of a program."""
    parts = run(program, x)
    return sum(np.sum(np.sin(a + k) * (1 + 0.1 * k)) for k, a in enumerate(parts))


@given(programs())
def test_arrays_after_a_program_are_numpys(case):
    x, program = case
    expected = run(program, x)
    actual, _ = cr.vjp(lambda y: run(program, y), x)
    assert len(actual) == len(expected)
    for ours, numpys in zip(actual, expected, strict=True):
        assert np.shape(ours) == np.shape(numpys)
        assert_close(ours, numpys)


@given(programs(), st.integers(0, 2**32 - 1))
def test_gradient_of_a_program(case, seed):
    x, program = case
    direction = np.random.default_rng(seed).standard_normal(x.shape)
    expected, error = richardson(partial(total, program), x, direction, step=2.0**-6)
    value, gradient = cr.value_and_grad(partial(total, program))(x)
    assert_close(value, total(program, x))
    assert_close(np.sum(gradient * direction), expected, error)
    assert_close(cr.jvp(partial(total, program), (x,), (direction,))[1], expected, error)


@given(programs())
def test_compiled_program_in_its_first_runs(case):
    x, program = case
    compiled = cr.jit(lambda y: run(program, y))
    for point in (x, x, 0.5 - x):
        for ours, numpys in zip(compiled(point), run(program, point), strict=True):
            assert_close(ours, numpys)


@given(programs())
def test_program_on_variables(case):
    x, program = case
    variable = cr.variable(x)
    for ours, numpys in zip(run(program, variable), run(program, x), strict=True):
        assert_close(ours.value, numpys)
    total(program, variable).backward()
    assert_close(variable.grad.value, cr.grad(partial(total, program))(x))


@given(programs())
def test_batched_program_is_the_loop(case):
    x, program = case
    stack = np.stack([x, 0.5 - x, x * x])
    slopes = cr.vmap(cr.grad(partial(total, program)))(stack)
    for one, slope in zip(stack, slopes, strict=True):
        assert_close(cr.vmap(partial(total, program))(one[None])[0], total(program, one))
        assert_close(slope, cr.grad(partial(total, program))(one))


@given(programs())
def test_second_order_of_a_program_in_both_orders(case):
    x, program = case
    direction = np.linspace(-1.0, 1.0, x.size).reshape(x.shape)
    forward_over_reverse = cr.jvp(cr.grad(partial(total, program)), (x,), (direction,))[1]
    reverse_over_forward = cr.grad(lambda y: cr.jvp(partial(total, program), (y,), (direction,))[1])(x)
    assert_close(forward_over_reverse, reverse_over_forward)
    # The value is the oracle for one order, the gradient for the next.
    expected, error = richardson(cr.grad(partial(total, program)), x, direction, step=2.0**-6)
    assert_close(forward_over_reverse, expected, error)


# --- which functions give views ---

SHARING = {
    **VIEWS,
    "ravel of a vector": lambda a: a[0].ravel(),
    "transpose": lambda a: np.transpose(a, (1, 0)),
    "mT": lambda a: a.mT,
    "real": lambda a: a.real,
    "numpy.real": np.real,
    "conj": lambda a: a.conj(),
    "astype without copy": lambda a: a.astype(float, copy=False),
    "integer of NumPy": lambda a: a[np.int64(1)],
    "row and ellipsis": lambda a: a[1, 2, ...],
    "view of a view of a view": lambda a: a[1:].T[::-1][:, 0],
}
COPIES = {
    "copy": lambda a: a.copy(),
    "numpy.copy": np.copy,
    "plus": lambda a: +a,
    "flatten": lambda a: a.flatten(),
    "astype": lambda a: a.astype(float),
    "index array": lambda a: a[[0, 1]],
    "array without axes": lambda a: a[np.array(1)],
    "mask": lambda a: a[np.array([True, False])],
    "arithmetic": lambda a: a + 0,
    "zeros_like": np.zeros_like,
    "reshape with copy": lambda a: a.reshape(3, 2, copy=True),
    "reshape of NumPy with copy": lambda a: np.reshape(a, (2, 3), copy=True),
    "part of flat": lambda a: a.flat[1:3],
}
READ_ONLY = {
    "broadcast_to": lambda a: np.broadcast_to(a, (2, 2, 3)),
    "broadcast_to its own shape": lambda a: np.broadcast_to(a, a.shape),
    "diagonal": lambda a: a.diagonal(),
    "numpy.diagonal": lambda a: np.diagonal(a, 1),
    "numpy.linalg.diagonal": np.linalg.diagonal,
    "part of a diagonal": lambda a: np.diagonal(a)[1:],
}
A = np.arange(1.0, 7.0).reshape(2, 3)


@pytest.mark.parametrize("name", [*SHARING, *COPIES])
@pytest.mark.parametrize("how", ["item", "in place"])
def test_writing_to_a_part_reaches_the_whole_where_numpy_shares_memory(name, how):
    part_of = {**SHARING, **COPIES}[name]

    def f(x):
        x = x.copy()
        part = part_of(x)
        if how == "item":
            part[...] = 9.0 * x[0, 0]
        else:
            part *= 2.0
        return x, part

    expected = f(A)
    (whole, part), pullback = cr.vjp(f, A)
    np.testing.assert_array_equal(whole, expected[0])
    np.testing.assert_array_equal(part, expected[1])
    assert (name in SHARING) == (not np.array_equal(whole, A))
    (gradient,) = pullback((np.ones_like(A), np.zeros_like(part)))
    assert_close(np.sum(gradient), richardson(lambda x: np.sum(f(x)[0]), A, np.ones_like(A))[0])


@pytest.mark.parametrize("name", [*SHARING, *COPIES, *READ_ONLY])
def test_writing_to_the_whole_reaches_a_part_where_numpy_shares_memory(name):
    part_of = {**SHARING, **COPIES, **READ_ONLY}[name]

    def f(x):
        x = x.copy()
        part = part_of(x)
        x *= x
        x[1] = x[0] + 20.0
        return part * 1.0

    actual, pullback = cr.vjp(f, A)
    np.testing.assert_array_equal(actual, f(A))
    weights = np.linspace(1.0, 2.0, actual.size).reshape(actual.shape)
    (gradient,) = pullback(weights)
    direction = np.array([[1.0, -0.5, 0.25], [0.3, 0.7, -2.0]])
    expected, error = richardson(lambda x: np.sum(f(x) * weights), A, direction)
    assert_close(np.sum(gradient * direction), expected, error)


@pytest.mark.parametrize("name", READ_ONLY)
@pytest.mark.parametrize(
    "write",
    [lambda a: a.__setitem__(0, 1.0), lambda a: a.__iadd__(1.0), lambda a: a.fill(0.0)],
    ids=["item", "+=", "fill"],
)
def test_read_only_views_refuse_to_be_written_to(name, write):
    def f(x):
        write(READ_ONLY[name](x))
        return np.sum(x)

    with pytest.raises(ValueError, match="read-only"):
        f(A.copy())
    with pytest.raises(ArgumentError, match=r"only be read[\s\S]*x\.copy\(\)"):
        cr.grad(f)(A)


def test_diagonal_by_einsum_is_read_but_not_written():
    def f(x):
        x = x.copy()
        diagonal = np.einsum("ii->i", x)
        x[0, 0] = 7.0
        return np.sum(diagonal)

    np.testing.assert_array_equal(cr.grad(f)(np.eye(2)), [[0.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ArgumentError, match="only be read"):
        cr.grad(lambda x: np.einsum("ii->i", x).fill(0.0))(np.eye(2))


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.ravel().__setitem__(0, 1.0),
        lambda x: x.reshape(3, 2).__iadd__(1.0),
        lambda x: x.T.ravel().fill(0.0),
        lambda x: np.reshape(x[:, ::2], (4,))[1:].__imul__(2.0),
    ],
    ids=["ravel", "reshape", "ravel of a transpose", "part of a reshape"],
)
def test_writing_to_regrouped_entries_is_refused(change):
    with pytest.raises(UnsupportedError, match=r"depends on the layout[\s\S]*copy\(\)"):
        cr.grad(lambda x: (change(x), np.sum(x))[1])(A)


def test_reading_regrouped_entries_after_a_change_is_refused():
    def f(x):
        entries = x.ravel()
        first = entries[0]
        x[0, 0] = 5.0
        return first + entries[1]

    with pytest.raises(UnsupportedError, match="after a change of the original"):
        cr.grad(f)(A)


def test_regrouped_entries_stay_readable_without_a_change():
    np.testing.assert_array_equal(cr.grad(lambda x: x.reshape(3, 2)[1] @ x.ravel()[:2])(A), [[3, 4, 1], [2, 0, 0]])


def test_flat_writes_in_order_whatever_the_layout():
    def f(x):
        x = x.copy()
        x.T.flat[1] = x[0, 1] * 3.0
        return x

    actual, pullback = cr.vjp(f, A)
    np.testing.assert_array_equal(actual, f(A))
    np.testing.assert_array_equal(pullback(np.ones_like(A))[0], [[1.0, 4.0, 1.0], [0.0, 1.0, 1.0]])


def test_row_at_a_computed_integer_is_a_view():
    def f(x):
        x = x.copy()
        k = (x[:, 0] > 2.0).astype(int).sum()  # NumPy's integer scalar
        row = x[k]
        row *= 3.0
        x[:, k][0] = 0.5
        return x

    actual, pullback = cr.vjp(f, A)
    np.testing.assert_array_equal(actual, f(A))
    np.testing.assert_array_equal(pullback(np.ones_like(A))[0], [[1.0, 0.0, 1.0], [3.0, 3.0, 3.0]])


def test_views_keep_sharing_when_the_original_name_is_gone():
    def f(x):
        def parts():
            whole = np.zeros((2, 2), like=x)
            return whole[0], whole.T[0]

        row, column = parts()
        row[:] = x
        column[0] *= 10.0
        return row.copy()

    np.testing.assert_array_equal(cr.jacobian(f)(np.array([1.0, 2.0])), [[10.0, 0.0], [0.0, 1.0]])
