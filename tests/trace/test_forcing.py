"""Taking values out of the graph: free where no derivative is lost, refused where one would be."""

import math
import operator

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import TracerError

ACTIVE = {
    "the variable": lambda x: x,
    "computed from it": lambda x: np.sin(x) * 2,
    "a sum of it": np.sum,
    "added to a held value": lambda x: cr.stop_gradient(x) + x,
    "chosen by a comparison": lambda x: np.where(x > 0, x, 0.0),
    "an index of it": lambda x: x[()],
}
INACTIVE = {
    "stopped": cr.stop_gradient,
    "computed from a stopped one": lambda x: cr.stop_gradient(np.exp(x)) * 2,
    "a comparison": lambda x: x > 0,
    "a choice of constants": lambda x: np.where(x > 0, 2.0, 3.0),
    "zeros like it": lambda x: np.zeros_like(x) + 5.0,
    "a count": lambda x: np.sum(x > 0),
    "an order": lambda x: np.argsort(np.stack([x, -x]))[0],
    "as an integer": lambda x: x.astype(int),
}
TAKE = {
    "float": float,
    "int": int,
    "complex": complex,
    "math.sin": math.sin,
    "math.floor": math.floor,
    "np.asarray": np.asarray,
    "np.array": np.array,
    "np.array of a list": lambda x: np.array([x, x]),
    "item": lambda x: x.item(),
    "tolist": lambda x: x.tolist(),
    "np.float64": np.float64,
    "np.full": lambda x: np.full(3, x),
    "np.random": lambda x: np.random.default_rng(0).normal(x),
    "buffer": lambda x: np.zeros(1).__setitem__(slice(None), x),
}


@pytest.mark.parametrize("take", TAKE.values(), ids=TAKE)
@pytest.mark.parametrize("make", ACTIVE.values(), ids=ACTIVE)
def test_an_active_value_is_refused(make, take):
    with pytest.raises(TracerError, match=r"a derivative is being taken through this array[\s\S]*Fix: "):
        cr.grad(lambda x: x * (take(make(x)) is None))(2.0)


@pytest.mark.parametrize("make", INACTIVE.values(), ids=INACTIVE)
def test_an_inactive_value_may_be_taken(make):
    seen = []

    def f(x):
        value = make(x)
        seen.extend([float(value), np.asarray(value)[()], value.item(), value.tolist()])
        return x * seen[0]

    assert cr.grad(f)(2.0) == seen[0]
    assert len(set(map(float, seen))) == 1


@pytest.mark.parametrize(
    "use", [operator.index, lambda k: [10, 20, 30][k], range, lambda k: np.ones(5)[k], lambda k: "ab" * k]
)
def test_an_integer_argument_is_an_index(use):
    assert cr.grad(lambda x, k: x * (use(k) is not None))(2.0, np.int64(2)) == 1.0


def test_an_active_index_is_refused():
    with pytest.raises(TracerError, match=r"index: a derivative"):
        cr.grad(lambda x: [1.0, 2.0][x])(1.0)


def test_held_arguments_convert_freely():
    def f(x, data, count):
        return x * float(np.sum(data)) * int(count) * np.asarray(data)[0] * math.sqrt(data[1])

    assert cr.grad(f)(1.0, np.array([2.0, 4.0]), 3) == 6.0 * 3 * 2.0 * 2.0


def test_only_the_chosen_arguments_are_active():
    def f(x, y):
        return x * float(y)

    assert cr.grad(f, 0)(2.0, 3.0) == 3.0
    with pytest.raises(TracerError):
        cr.grad(f, 1)(2.0, np.float64(3.0))
    with pytest.raises(TracerError):
        cr.grad(f, (0, 1))(2.0, 3.0)


def test_activity_of_an_outer_variable_is_seen_inside():
    def f(x):
        return cr.grad(lambda y: y * float(x))(1.0)

    with pytest.raises(TracerError, match="derivative is being taken"):
        cr.grad(f)(2.0)
    # An inner variable that stands for an inactive outer value hides nothing, one that stands for an active one does.
    assert cr.grad(lambda x: x * cr.grad(lambda y, z: y * float(z))(1.0, cr.stop_gradient(x)))(2.0) == 2.0
    with pytest.raises(TracerError, match="derivative is being taken"):
        cr.grad(lambda x: x * cr.grad(lambda y, z: y * float(z))(1.0, x))(2.0)


def test_forward_mode_guards_its_tangents_as_well():
    for call in (
        lambda f: cr.jvp(f, (2.0,), (1.0,)),
        lambda f: cr.linearize(f, 2.0),
        lambda f: cr.vjp(f, 2.0),
        lambda f: cr.hvp(f, (2.0,), (1.0,)),
        lambda f: cr.hessian(f)(2.0),
        lambda f: cr.jacobian(f)(2.0),
    ):
        with pytest.raises(TracerError, match="derivative is being taken"):
            call(lambda x: x * float(x))


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
def test_the_truth_of_a_comparison_is_allowed(compare):
    for x, y in ((1.0, 2.0), (2.0, 2.0), (3.0, 2.0)):
        taken = []
        cr.grad(lambda a, y=y, taken=taken: (taken.append(bool(compare(a, y))), a)[1])(x)
        assert taken == [compare(x, y)]


def test_the_truth_of_a_number_is_allowed():
    assert cr.grad(lambda x: x * x if x else 5 * x)(0.0) == 5.0
    assert cr.grad(lambda x: x * x if not x else 5 * x)(1.0) == 5.0


def test_each_node_is_evaluated_once_however_often_it_is_forced():
    calls = []

    def observed(x):
        calls.append(1)
        return np.sin(x)

    f = cr.custom_derivative(observed, black_box=True, result=0.0)

    def loss(x):
        y = f(cr.stop_gradient(x))
        assert y > -2
        assert float(y) == float(y) == y.item()
        return x * 2

    assert cr.grad(loss)(1.0) == 2.0
    assert len(calls) == 1


def test_results_do_not_depend_on_whether_a_value_was_forced():
    def f(x, look):
        y = np.exp(x) * np.sum(x) / 3.0
        if look:
            assert np.all(y > -1e9)
            repr(y)
        return np.sum(np.sin(y) * y)

    x = np.linspace(-1.0, 1.0, 7)
    plain, forced = (cr.value_and_grad(f)(x, look) for look in (False, True))
    assert plain[0] == forced[0]
    np.testing.assert_array_equal(plain[1], forced[1])


# --- what a debugger shows ---


def test_repr_shows_shape_and_value():
    shown = []

    def f(x, n):
        shown.extend([repr(x), repr(np.sum(x)), repr(x > 1), repr(n), str(x), f"{x}"])
        return np.sum(x)

    cr.grad(f)(np.array([1.0, 2.0]), np.int64(3))
    assert "float64[2]" in shown[0]
    assert "[1., 2.]" in shown[0]
    assert "float64[]" in shown[1]
    assert "3." in shown[1]
    assert "[False,  True]" in shown[2]
    assert "int64[]" in shown[3]
    assert shown[0] == shown[4] == shown[5]


def test_repr_never_raises():
    shown = []

    def f(x):
        with np.errstate(all="raise"):
            odd = (x / 0, np.log(-x), np.broadcast_to(x, (100, 100)), x[None], np.zeros((0, 3)) * x)
            shown.extend(map(repr, odd))
        return x

    cr.grad(f)(1.0)
    cr.vmap(lambda x: (shown.append(repr(x * 2)), x)[1])(np.ones(3))
    cr.hessian(lambda x: (shown.append(repr(x)), cr.grad(lambda y: (shown.append(repr(y * x)), y)[1])(x) * x * x)[1])(
        1.0
    )
    assert len(shown) == 8
    assert all("Array(" in text for text in shown)
    assert "value unknown" in shown[5]
    assert all(len(text) < 1000 for text in shown)
