"""`jit` and `compile`: the same values, from programs made once for each signature and path."""

import math
import threading
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import scipy.special

import chainrule as cr
from chainrule.core.cache import CACHE
from chainrule.errors import (
    ArgumentError,
    DtypeError,
    RetraceLimitError,
    ShapeError,
    TracerError,
    TracerLeakError,
    UnsupportedError,
)
from chainrule.ops import kernels
from chainrule.trace import tracer
from chainrule.trace.jit import LONGEST_PATH_LIST
from chainrule.trace.tracer import COPIED_BYTES, current_trace
from tests.oracles import numeric_gradient, numeric_hessian, tolerance


class Pair(NamedTuple):
    left: object
    right: object


@dataclass
class Model:
    weights: object
    bias: object


class Counted:
    """A function, and how often it was called."""

    def __init__(self, f):
        self.f = f
        self.calls = 0

    def __call__(self, *args, **keywords):
        self.calls += 1
        return self.f(*args, **keywords)


def square_matrix(n=3):
    return np.eye(n) * 4 + np.arange(n * n, dtype=float).reshape(n, n) / 7


def vector(n=3):
    return np.linspace(0.4, 1.7, n)


def accumulated(x):
    total = 0.0
    for k in range(4):
        total = total + x[k % 3] * k
    return total


def assigned(x):
    y = x.copy()
    y[1:] = x[:-1] * 2
    return y


def row_of(a, k):
    return a[k] * 2


FUNCTIONS = {
    "arithmetic": (lambda x: (x + 1) * x / 3 - x**2, (vector(),)),
    "elementwise": (lambda x: np.exp(-x) * np.sin(x) + np.log1p(x), (vector(),)),
    "where": (lambda x: np.where(x > 1, x, np.sqrt(x)), (vector(),)),
    "reductions": (lambda x: (x.sum(), x.mean(axis=0), np.max(x), np.min(x, axis=1)), (square_matrix(),)),
    "matmul": (lambda a, x: a @ x, (square_matrix(), vector())),
    "einsum": (lambda a, x: np.einsum("ij,j->i", a, x), (square_matrix(), vector())),
    "solve": (np.linalg.solve, (square_matrix(), vector())),
    "determinant": (lambda a: np.linalg.det(a) + np.trace(np.linalg.inv(a)), (square_matrix(),)),
    "shaping": (lambda a: np.concatenate([a.T.reshape(-1), a[::-1, 1]]), (square_matrix(),)),
    "indexing": (lambda x: x[[2, 0, 0]] * x[-1], (vector(),)),
    "integer index": (row_of, (square_matrix(), 1)),
    "axis": (lambda a, axis: (np.sum(a, axis=axis), a.mean(axis), np.sort(a, axis)), (square_matrix(), 0)),
    "shape": (lambda x, n: (x.reshape(n, -1), np.zeros(n)), (square_matrix(), 1)),
    "slice": (lambda x, n: x[:n] * x[-n:], (vector(), 2)),
    "range": (lambda x, n: sum(x**k for k in range(n)), (vector(), 3)),
    "assignment": (assigned, (vector(),)),
    "sort": (np.sort, (vector()[::-1].copy(),)),
    "cumsum": (np.cumsum, (vector(),)),
    "loop": (accumulated, (vector(),)),
    "comparison": (lambda x: x > 1, (vector(),)),
    "scalars": (lambda x, n: x * n + n / 2, (2.5, 3)),
    "NumPy scalars": (lambda x, y: x * y, (np.float64(2.5), np.float32(1.5))),
    "single precision": (lambda x, s: x * s + 1, (vector().astype(np.float32), 2.5)),
    "integers": (lambda k, n: k // n + k * n, (np.arange(5), 3)),
    "booleans": (lambda m, x: np.where(m, x, -x), (np.array([True, False, True]), vector())),
    "containers": (lambda d: {"sum": d["a"] + d["b"][0], "pair": (d["a"], d["b"])}, ({"a": 1.5, "b": [vector()]},)),
    "named tuple": (lambda p: Pair(p.right, p.left * 2), (Pair(vector(), 2.0),)),
    "empty": (lambda x: x * 2, (np.zeros((0, 3)),)),
    "zero axes": (lambda x: x * 2, (np.array(1.5),)),
    "not contiguous": (lambda x: x * x, (square_matrix()[:, ::2],)),
    "constant": (lambda x: 3.0, (vector(),)),
    "identity": (lambda x: x, (vector(),)),
}
each_function = pytest.mark.parametrize(("f", "args"), FUNCTIONS.values(), ids=FUNCTIONS)


def leaves_of(tree):
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in leaves_of(tree[key])]
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in leaves_of(part)]
    return [tree]


def assert_same(found, wanted):
    """Equal containers of equal arrays, dtypes included."""
    assert type(found) is type(wanted) or not isinstance(wanted, tuple | list | dict)
    pairs = list(zip(leaves_of(found), leaves_of(wanted), strict=True))
    for left, right in pairs:
        right = np.asarray(right)
        assert np.shape(left) == right.shape
        assert np.asarray(left).dtype == right.dtype
        np.testing.assert_allclose(left, right, rtol=tolerance(right.dtype, condition=8) if right.dtype != bool else 0)


@each_function
def test_the_same_values_as_without(f, args):
    jitted = cr.jit(f)
    wanted = f(*args)
    for _ in range(3):  # traced and compiled, then from the list of paths
        assert_same(jitted(*args), wanted)


@each_function
def test_results_are_fresh_and_writeable(f, args):
    jitted = cr.jit(f)
    earlier = []
    for _ in range(2):
        results = [leaf for leaf in leaves_of(jitted(*args)) if isinstance(leaf, np.ndarray)]
        arguments = [leaf for leaf in leaves_of(list(args)) if isinstance(leaf, np.ndarray)]
        for k, result in enumerate(results):
            assert result.flags.writeable
            for other in [*arguments, *earlier, *results[:k]]:
                assert not np.shares_memory(result, other)
            result.fill(0)  # does not reach the next call
        earlier += results
    assert_same(jitted(*args), f(*args))


def test_one_trace_and_one_program_for_a_signature(rng):
    f = Counted(lambda x, s: np.sum(np.sin(x) * s))
    jitted = cr.jit(f)
    jitted(rng.standard_normal(5), 1.5)
    before = dict(CACHE.misses)
    for s in (2.5, -1.0, 0.0, 1e9):
        x = rng.standard_normal(5)
        np.testing.assert_allclose(jitted(x, s), np.sum(np.sin(x) * s), rtol=tolerance(float, terms=5, condition=10))
    assert f.calls == 1
    assert CACHE.misses == before


@pytest.mark.parametrize(
    "other",
    [
        (np.zeros(4), 1.0),
        (np.zeros((3, 1)), 1.0),
        (np.zeros(3, np.float32), 1.0),
        (np.zeros(3), 1),
        (np.zeros(3), np.float64(1.0)),
        (np.zeros(3), np.array(1.0)),
        (np.float64(0.0), 1.0),
        ([np.zeros(3)], 1.0),
    ],
    ids=["length", "axes", "dtype", "int", "NumPy scalar", "0-d array", "no axes", "container"],
)
def test_another_signature_is_another_trace(other):
    f = Counted(lambda x, s: (x[0] if isinstance(x, list) else x) * s)
    jitted = cr.jit(f)
    jitted(np.zeros(3), 1.0)
    assert_same(jitted(*other), f.f(*other))
    jitted(np.zeros(3), 2.0)
    jitted(*other)
    assert f.calls == 2


def test_python_numbers_are_weak_inputs():
    jitted = cr.jit(lambda x, s: x * s)
    x = np.ones(2, np.float32)
    assert jitted(x, 2.5).dtype == np.float32
    assert jitted(x, 2).dtype == np.float32
    assert jitted(x, np.float64(2.5)).dtype == np.float64
    assert jitted(np.arange(3), 2).dtype == np.arange(3).dtype
    assert jitted(np.arange(3, dtype=np.int8), 2).dtype == np.int8
    assert jitted(np.arange(3), 2.0).dtype == np.float64
    assert type(jitted(2.0, 3.0)) is np.float64
    assert type(jitted(np.float64(2.0), 3.0)) is np.float64
    assert type(jitted(np.float32(2.0), 3.0)) is np.float32


# --- settings ---


def test_anything_else_is_part_of_the_signature():
    f = Counted(lambda x, name, flip, function, nothing: function(x) * (-1 if flip else 1) + len(name) + (nothing or 0))
    jitted = cr.jit(f)
    x = vector()
    for args in [(x, "ab", True, np.sin, None), (x, "abc", True, np.sin, None), (x, "ab", False, np.cos, None)]:
        for _ in range(2):
            assert_same(jitted(*args), f.f(*args))
    assert f.calls == 3


def test_a_flag_is_not_the_number_one():
    f = Counted(lambda x, flag: x if flag is True else -x)
    jitted = cr.jit(f)
    assert jitted(2.0, True) == 2.0
    assert jitted(2.0, 1) == -2.0
    assert jitted(2.0, False) == -2.0
    assert f.calls == 3


def test_keywords_are_arguments():
    f = Counted(lambda x, *, scale=1.0, mode="up": x * scale if mode == "up" else x / scale)
    jitted = cr.jit(f)
    x = vector()
    assert_same(jitted(x), x)
    assert_same(jitted(x, scale=2.0), x * 2)
    assert_same(jitted(x, scale=4.0), x * 4)
    assert_same(jitted(x, scale=4.0, mode="down"), x / 4)
    assert_same(jitted(x, mode="down", scale=4.0), x / 4)
    assert f.calls == 3


def test_a_dataclass_as_argument_and_result():
    jitted = cr.jit(lambda m, x: Model(m.weights @ x + m.bias, x))
    model = Model(square_matrix(), vector())
    result = jitted(model, np.ones(3))
    assert type(result) is Model
    assert_same(result.weights, square_matrix() @ np.ones(3) + vector())
    assert_same(result.bias, np.ones(3))


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ({1, 2}, ArgumentError, "type set is neither an array nor hashable"),
        (bytearray(b"a"), ArgumentError, "type bytearray is neither"),
        (np.array([1j]), DtypeError, "complex numbers are not supported yet"),
        (np.array(["a"]), DtypeError, "has no arithmetic"),
        (np.array([None]), DtypeError, "has no arithmetic"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), DtypeError, "has no arithmetic"),
        (np.ma.array([1.0, 2.0], mask=[True, False]), UnsupportedError, "MaskedArray calculates by rules of its own"),
    ],
    ids=["set", "bytearray", "complex", "strings", "objects", "dates", "masked"],
)
def test_refused_arguments(x, error, message):
    f = Counted(lambda x: x)
    with pytest.raises(error, match=rf"chainrule\.jit: .*{message}") as caught:
        cr.jit(f)(x)
    assert "Fix:" in str(caught.value)
    assert f.calls == 0


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("transform", [cr.jit, cr.vmap, cr.compile], ids=["jit", "vmap", "compile"])
def test_matrices_are_refused(transform):
    matrix = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(UnsupportedError, match="matrix calculates by rules of its own"):
        transform(lambda x: x * x, matrix) if transform is cr.compile else transform(lambda x: x * x)(matrix)


# --- control flow ---


def collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps + n * 0


def test_branches_add_paths_once():
    f = Counted(lambda x: np.sin(x) if np.sum(x) > 0 else np.cos(x))
    jitted = cr.jit(f)
    for sign in (1, -1, 1, -1, 1):
        x = vector() * sign
        assert_same(jitted(x), f.f(x))
    assert f.calls == 2


def test_loops_that_depend_on_values():
    f = Counted(collatz)
    jitted = cr.jit(f)
    for n in (6, 7, 6, 1, 7):
        assert jitted(n) == collatz(n)
    assert f.calls == 3


def test_shapes_that_depend_on_values():
    f = Counted(lambda x: np.sum(x[x > 0] ** 2))
    jitted = cr.jit(f)
    for x in ([1.0, -2.0, 3.0], [1.5, -2.5, 2.0], [-1.0, -2.0, 3.0], [-1.0, -1.0, -1.0]):
        x = np.array(x)
        np.testing.assert_allclose(jitted(x), f.f(x), rtol=tolerance(float))
    assert f.calls == 3


def test_an_axis_is_checked_at_each_call():
    f = Counted(lambda a, axis: np.sum(np.sin(a), axis=axis))
    jitted = cr.jit(f)
    for axis in (0, 1, 0, -1, 1):
        assert_same(jitted(square_matrix(), axis), f.f(square_matrix(), axis))
    assert f.calls == 3


def test_values_taken_out_are_guarded():
    f = Counted(lambda x, k: x * float(k) + int(k[()]))
    jitted = cr.jit(f)
    for k in (2.0, 3.0, 2.0):
        assert_same(jitted(vector(), np.array(k)), vector() * k + int(k))
    assert f.calls == 2


def test_a_nan_that_was_asked_for_is_found_again():
    f = Counted(lambda x, k: x if np.isnan(float(k)) else x * 2)
    jitted = cr.jit(f)
    for k in (np.nan, 1.0, np.nan):
        assert_same(jitted(vector(), np.array(k)), f.f(vector(), k))
    assert f.calls == 2


def test_what_is_only_shown_is_no_condition(capsys):
    def shown(x):
        print(x, f"{np.sum(x)}", repr(x * 2))
        return np.sum(x * x)

    f = Counted(shown)
    jitted = cr.jit(f)
    for k in range(4):
        np.testing.assert_allclose(jitted(vector() + k), np.sum((vector() + k) ** 2), rtol=tolerance(float, terms=3))
    assert f.calls == 1
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "make",
    [
        lambda f: cr.grad(f),
        lambda f: lambda x: cr.jvp(f, (x,), (x * 0 + 1.0,))[1],
        lambda f: lambda x: cr.checkpoint(f)(x),
        lambda f: lambda x: cr.grad(lambda y: f(y) * np.sum(x))(x),
    ],
    ids=["grad", "jvp", "checkpoint", "closure"],
)
def test_branches_inside_transforms_inside(make):
    def branching(x):
        return np.sum(x**3) if np.sum(x) > 0 else np.sum(np.sin(x))

    f = Counted(make(branching))
    jitted = cr.jit(f)
    for sign in (1, -1, 1, -1):
        np.testing.assert_allclose(jitted(vector() * sign), f.f(vector() * sign), rtol=tolerance(float, condition=8))
    assert f.calls == 2


def test_a_branch_on_a_captured_array_is_checked_against_its_contents_now():
    limit = np.array(1.0)
    f = Counted(lambda x: x * 2 if x > limit else x * 3)
    jitted = cr.jit(f)
    assert jitted(2.0) == 4.0
    limit[...] = 5.0
    assert jitted(2.0) == 6.0
    limit[...] = 1.0
    assert jitted(2.0) == 4.0
    assert f.calls == 2


def test_a_question_that_fails_for_other_values():
    def f(a):
        if np.linalg.det(a) != 0:
            v = np.linalg.inv(a)
            return np.sum(v) if v[0, 0] > 0 else np.sum(a)
        return a[0, 0] - 1.0

    jitted = cr.jit(f)
    for a in (np.eye(2), np.zeros((2, 2)), -np.eye(2), np.eye(2)):
        assert jitted(a) == f(a)


def test_too_many_paths():
    jitted = cr.jit(lambda k: k * int(k))
    for k in range(LONGEST_PATH_LIST):
        assert jitted(np.array(k)) == k * k
    with pytest.raises(RetraceLimitError, match=f"took {LONGEST_PATH_LIST} different paths") as caught:
        jitted(np.array(99))
    assert "numpy.where" in str(caught.value)
    assert jitted(np.array(3)) == 9  # the known paths still run
    assert jitted(np.array([99])[:1].reshape(1, 1)[0, 0]) == 99 * 99  # and other signatures have paths of their own


# --- captured arrays ---


def in_the_open(c):
    return lambda x: c * x


def in_grad(c):
    return lambda x: cr.grad(lambda y: np.sum(c * y * y) / 2)(x)


def in_two_grads(c):
    return lambda x: cr.grad(lambda y: np.sum(cr.grad(lambda z: np.sum(c * z**3) / 6)(y) * 1.0))(x)


def in_vmap(c):
    return lambda x: cr.vmap(lambda y, z: y * z)(x, c)


def in_a_checkpoint(c):
    return lambda x: cr.checkpoint(lambda y: c * y)(x)


def as_tangent(c):
    return lambda x: cr.jvp(lambda y: y * y / 2, (x,), (c,))[1]


def as_argument_of_grad(c):
    return lambda x: cr.grad(lambda y, k: np.sum(k * y * y) / 2)(x, c)


def as_variable(c):
    return lambda x: cr.grad(lambda y: np.sum(x * y**2) / 2)(c)


def in_a_rule(c):
    return lambda x: cr.custom_derivative(lambda y: y * c, vjp=lambda p, ct: (ct * c,))(x)


def in_a_pullback(c):
    return lambda x: cr.vjp(lambda y: c * y, x)[1](x)[0]


def pulled_back(c):
    return lambda x: cr.vjp(lambda y: x * y, np.ones(x.shape))[1](c)[0]


def as_point_of_a_pullback(c):
    return lambda x: cr.vjp(lambda y: y * y / 2, c)[1](x)[0]


def as_point_of_linearize(c):
    return lambda x: cr.linearize(lambda y: y * y / 2, c)[1](x)


def as_point_of_a_product(c):
    return lambda x: cr.hvp(lambda y: np.sum(y**3) / 6, (c,), (x,))


CAPTURES = [
    *(in_the_open, in_grad, in_two_grads, in_vmap, in_a_checkpoint, as_tangent, as_argument_of_grad, as_variable),
    *(in_a_rule, in_a_pullback, pulled_back, as_point_of_a_pullback, as_point_of_linearize, as_point_of_a_product),
]


@pytest.mark.parametrize("size", [3, COPIED_BYTES // 8 + 1], ids=["small", "large"])
@pytest.mark.parametrize("dtype", [float, int])
@pytest.mark.parametrize("use", CAPTURES)
def test_captured_arrays_are_read_at_each_call(use, dtype, size):
    c, x = np.full(size, 2, dtype), np.linspace(1.0, 2.0, size)
    f = Counted(use(c))
    jitted = cr.jit(f)
    for k in (2, 5, 7):
        c[...] = k
        np.testing.assert_allclose(jitted(x), k * x, rtol=tolerance(float))
    assert f.calls == 1
    assert c.flags.writeable
    assert x.flags.writeable
    assert not tracer._LOCKS._counts


def test_captured_numbers_are_as_they_were():
    setting = [2.0]
    jitted = cr.jit(lambda x: x * setting[0])
    assert jitted(3.0) == 6.0
    setting[0] = 10.0
    assert jitted(3.0) == 6.0


# --- inside and around other transforms ---


def loss(x):
    return np.sum(np.sin(x) * x**2) + x[0] * x[1] * x[2]


def test_jit_inside_transforms():
    x = vector()
    inner = cr.jit(loss)
    np.testing.assert_allclose(cr.grad(inner)(x), numeric_gradient(loss, x), rtol=tolerance(float, condition=1e3))
    np.testing.assert_allclose(
        cr.hessian(inner)(x), numeric_hessian(loss, x), rtol=tolerance(float, condition=1e6), atol=tolerance(float, 1e6)
    )
    np.testing.assert_array_equal(cr.jit(inner)(x), inner(x))
    stack = np.stack([x, x + 1, x * 2])
    np.testing.assert_allclose(cr.vmap(inner)(stack), [loss(row) for row in stack], rtol=tolerance(float, condition=8))
    np.testing.assert_allclose(cr.jvp(inner, (x,), (x,))[1], cr.grad(loss)(x) @ x, rtol=tolerance(float, condition=8))


@pytest.mark.parametrize(
    "make",
    [
        cr.grad,
        cr.value_and_grad,
        cr.hessian,
        cr.jacobian,
        lambda f: lambda x: cr.vmap(f)(np.stack([x, x * 2])),
        lambda f: cr.grad(lambda x: np.sum(cr.grad(f)(x) ** 2)),
        lambda f: lambda x: cr.hvp(f, (x,), (x,)),
        lambda f: lambda x: cr.vjp(f, x)[1](2.0)[0],
        lambda f: lambda x: cr.linearize(f, x)[1](x),
        cr.checkpoint,
    ],
    ids=["grad", "value_and_grad", "hessian", "jacobian", "vmap", "grad grad", "hvp", "vjp", "linearize", "checkpoint"],
)
def test_jit_of_transforms(make, rng):
    f = Counted(make(loss))
    jitted = cr.jit(f)
    for _ in range(3):
        x = rng.uniform(0.5, 1.5, 3)
        assert_same(jitted(x), f.f(x))
    assert f.calls == 1


def test_a_derivative_of_jit_keeps_the_branch_of_the_point():
    f = cr.jit(lambda x: x**2 if x > 0 else -x)
    f(1.0)
    assert cr.grad(f)(3.0) == 6.0
    assert cr.grad(f)(-3.0) == -1.0


# --- failing, leaking, threads ---


def test_an_exception_leaves_nothing_behind():
    fails = [True]

    def f(x):
        y = np.sin(x)
        if fails[0]:
            raise KeyError("mine")
        return y

    jitted = cr.jit(f)
    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            jitted(vector())
        assert current_trace() is None
    fails[0] = False
    assert_same(jitted(vector()), np.sin(vector()))


def test_a_handle_that_leaks_is_refused():
    leaked = []

    def f(x):
        leaked.append(x)
        return x * 2

    jitted = cr.jit(f)
    jitted(vector())
    with pytest.raises(TracerLeakError):
        leaked[0] + 1
    with pytest.raises(TracerLeakError):
        cr.jit(lambda x: x + leaked[0])(vector())


def test_an_array_cannot_hold_handles():
    def f(x):
        out = np.zeros(3)
        out[0] = x[0]
        return out

    with pytest.raises((TracerError, ValueError, TypeError)):
        cr.grad(cr.jit(lambda x: np.sum(f(x))))(vector())


def test_eight_threads_at_once(rng):
    f = Counted(lambda x: np.sum(np.sin(x) @ x) if x[0, 0] > 0 else np.sum(np.cos(x)))
    jitted = cr.jit(f)
    start = threading.Barrier(8)
    points = [rng.standard_normal((2 + k % 2, 2 + k % 2)) for k in range(64)]
    wanted = [f.f(x) for x in points]
    failures = []

    def work(first):
        start.wait()
        try:
            for k in range(len(points)):
                place = (first * 8 + k) % len(points)
                np.testing.assert_allclose(jitted(points[place]), wanted[place], rtol=tolerance(float, condition=100))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_one_path_traced_by_many_threads_counts_once():
    start = threading.Barrier(8)

    def f(k):
        answer = int(k)
        start.wait(timeout=30)  # all eight are tracing the same path now
        return k * answer

    jitted = cr.jit(f)
    results = []
    # With the same path counted once for each thread, the third round would exceed the limit of sixteen.
    for value in range(3):
        threads = [threading.Thread(target=lambda v=value: results.append(jitted(np.array(v)))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == [0] * 8 + [1] * 8 + [4] * 8


def test_the_name_tells_what_it_is():
    assert cr.jit(loss).__name__ == "jit(loss)"


# --- compile ---


def standalone(source):
    names = {"np": np, "special": scipy.special, "kernels": kernels, **vars(math)}
    exec(source, names)
    return names["program"]


def test_the_source_runs_alone(rng):
    compiled = cr.compile(cr.grad(loss), np.zeros(3))
    program = standalone(compiled.source)
    for _ in range(3):
        x = rng.standard_normal(3)
        (result,) = program(x)
        np.testing.assert_array_equal(result, compiled(x))
        np.testing.assert_allclose(result, cr.grad(loss)(x), rtol=tolerance(float, condition=100))


def test_the_source_of_a_program_of_floats_runs_alone():
    compiled = cr.compile(lambda x, s: np.sin(x * s) - np.exp(s), 0.5, 2.0)
    program = standalone(compiled.source)
    for x, s in ((0.3, 2.0), (-1.0, 0.5)):
        assert program(x, s) == (compiled(x, s),)
        assert compiled(x, s) == math.sin(x * s) - math.exp(s)


def test_a_compiled_function_in_containers():
    compiled = cr.compile(lambda d, s: {"y": d["x"] * s, "n": "name"}, {"x": vector()}, 2.0)
    result = compiled({"x": vector() + 1}, 3.0)
    assert_same(result["y"], (vector() + 1) * 3)
    assert result["n"] == "name"


@pytest.mark.parametrize(
    "args",
    [
        (np.zeros(4), 1.0),
        (np.zeros(3, np.float32), 1.0),
        (np.zeros(3), 1),
        ([np.zeros(3)], 1.0),
        (np.zeros(3),),
        (np.zeros(3), 1.0, 2.0),
        (0.0, 1.0),
    ],
    ids=["length", "dtype", "kind of number", "container", "too few", "too many", "scalar"],
)
def test_arguments_that_were_not_compiled_for(args):
    compiled = cr.compile(lambda x, s: x * s, np.zeros(3), 1.0)
    with pytest.raises(ShapeError, match="differ in shape, dtype or container") as caught:
        compiled(*args)
    assert "argument 0" in str(caught.value)
    assert "chainrule.jit" in str(caught.value)


def test_a_setting_that_was_not_compiled_for():
    compiled = cr.compile(lambda x, up: x if up else -x, vector(), True)
    assert_same(compiled(vector(), True), vector())
    with pytest.raises(ShapeError, match=r"chainrule\.compile"):
        compiled(vector(), False)
    with pytest.raises(ArgumentError, match=r"chainrule\.compile: an argument of type set"):
        compiled(vector(), {1})


def test_another_branch_than_compiled():
    compiled = cr.compile(lambda x: x * 2 if x > 0 else -x, 1.0)
    assert compiled(3.0) == 6.0
    with pytest.raises(ArgumentError, match=r"take another branch.*\n.*Fix: use chainrule\.jit"):
        compiled(-3.0)


@pytest.mark.parametrize(
    "use",
    [
        lambda program: cr.grad(lambda x: np.sum(program(x)))(np.zeros(3)),
        lambda program: cr.grad(lambda x: x * np.sum(program(np.zeros(3))))(1.0),
        lambda program: cr.vmap(program)(np.zeros((2, 3))),
        lambda program: cr.jit(program)(np.zeros(3)),
        lambda program: program(cr.variable(np.zeros(3))),
    ],
    ids=["grad", "on constants", "vmap", "jit", "variable"],
)
def test_a_compiled_function_is_not_traced_again(use):
    program = cr.compile(lambda x: x * 2, np.zeros(3))
    with pytest.raises(ArgumentError, match=r"cannot be traced again\n.*compile\(grad\(f\), x\)"):
        use(program)


@pytest.mark.parametrize("transform", [cr.jit, cr.vmap, cr.compile], ids=["jit", "vmap", "compile"])
def test_not_a_function(transform):
    with pytest.raises(ArgumentError, match="a function is needed, not int"):
        transform(3, vector()) if transform is cr.compile else transform(3)(vector())
