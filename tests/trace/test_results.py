"""Results are fresh, writeable arrays that share memory with nothing: not with arguments, captures or each other."""

import dataclasses
import itertools
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.trace.array import Array
from chainrule.trace.containers import flatten

CAPTURED = np.arange(6.0).reshape(2, 3)
SHARED = np.ones(3)
VIEWS = {
    "identity": lambda x: x,
    "same twice": lambda x: (x, x),
    "transposed": lambda x: x.T,
    "transposed twice": lambda x: x.T.T,
    "reshaped": lambda x: x.reshape(3, 2),
    "raveled": lambda x: x.ravel(),
    "raveled and whole": lambda x: (x, x.ravel(), x.reshape(-1, 1)),
    "row": lambda x: x[0],
    "rows": lambda x: (x[0], x[1], x),
    "reversed": lambda x: x[::-1],
    "strided": lambda x: x[:, ::2],
    "new axis": lambda x: x[:, None],
    "diagonal": lambda x: np.diagonal(x[:, :2]),
    "squeezed": lambda x: x[None].squeeze(),
    "swapped": lambda x: np.swapaxes(x, 0, 1),
    "moved": lambda x: np.moveaxis(x, 0, 1),
    "broadcast": lambda x: np.broadcast_to(x, (4, 2, 3)),
    "broadcast arrays": lambda x: tuple(np.broadcast_arrays(x, x[:, :1])),
    "scalar broadcast": lambda x: np.broadcast_to(np.sum(x), (2, 2)),
    "computed, then reshaped twice": lambda x: ((x * 2).ravel(), (x * 2).T),
    "computed, whole and a part": lambda x: (x * 2, (x * 2)[0]),
    "computed twice": lambda x: (x * 2, x * 2),
    "a capture": lambda x: (CAPTURED, CAPTURED.T),
    "a capture and a sum": lambda x: (CAPTURED, CAPTURED + x),
    "captured twice": lambda x: [SHARED, SHARED],
    "stopped": cr.stop_gradient,
    "copied": lambda x: x.copy(),
    "as its own dtype": lambda x: x.astype(float),
    "positive": lambda x: +x,
    "where": lambda x: np.where(x > -100, x, 0.0),
    "sum over no axes": lambda x: np.sum(x, axis=()),
    "dict": lambda x: {"a": x, "b": [x[0], (x.T,)]},
    "sort": lambda x: np.sort(x),
    "clip": lambda x: np.clip(x, -100, 100),
    "einsum transposition": lambda x: np.einsum("ij->ji", x),
    "einsum identity": lambda x: np.einsum("ij->ij", x),
    "einsum diagonal": lambda x: np.einsum("ii->i", x[:, :2]),
    "concatenate one": lambda x: np.concatenate([x]),
    "expanded": lambda x: np.expand_dims(x, (0, 2)),
    "zeros": np.zeros_like,
    "ones": np.ones_like,
    "real": lambda x: x.real,
}

TRANSFORMS = {
    "vjp value": lambda f, x: cr.vjp(f, x)[0],
    "jvp": lambda f, x: cr.jvp(f, (x,), (x,)),
    "linearize": lambda f, x: (lambda value, push: (value, push(x), push(x)))(*cr.linearize(f, x)),
    "jacobian": lambda f, x: cr.jacobian(f)(x),
    "forward jacobian": lambda f, x: cr.jacobian(f, mode="forward")(x),
    "gradient of the sum": lambda f, x: cr.grad(lambda y: _total(f(y)))(x),
    # Extras that are no handles are returned as they are, so only those computed from the variable are looked at.
    "value, extras and gradient": lambda f, x: cr.value_and_grad(lambda y: (_total(f(y)), _traced(f(y))), has_aux=True)(
        x
    ),
    "hessian": lambda f, x: cr.hessian(lambda y: _total(f(y)))(x),
    "pullback twice": lambda f, x: (lambda value, pull: (value, pull(value), pull(value)))(*cr.vjp(f, x)),
}


def _total(results):
    leaves, _ = flatten(results)
    return sum(np.sum(leaf) for leaf in leaves)


def _traced(results):
    return [leaf for leaf in flatten(results)[0] if isinstance(leaf, Array)]


def assert_fresh(results, *others):
    arrays = [leaf for leaf in flatten(results)[0] if isinstance(leaf, np.ndarray)]
    for array in arrays:
        assert type(array) is np.ndarray
        assert array.flags.writeable
        # A result may not even overlap itself: every entry has an address of its own.
        if array.size:
            np.add(array, 1, out=array.view())
            assert array.base is None or array.base.size == array.size
    for first, second in itertools.combinations([*arrays, *others], 2):
        assert not np.shares_memory(first, second)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("function", VIEWS)
def test_results_share_memory_with_nothing(function, transform):
    x = np.arange(6.0).reshape(2, 3)
    original, captured = x.copy(), CAPTURED.copy()
    for _ in range(3):  # interpreted once, compiled from the second run on
        results = TRANSFORMS[transform](VIEWS[function], x)
        assert_fresh(results, x, CAPTURED, SHARED)
        np.testing.assert_array_equal(x, original)
        np.testing.assert_array_equal(CAPTURED, captured)
    again = TRANSFORMS[transform](VIEWS[function], x)
    once_more = TRANSFORMS[transform](VIEWS[function], x)
    assert_fresh([again, once_more], x, CAPTURED, SHARED)


def test_a_pullback_seeded_with_an_array_does_not_return_it():
    x, seed = np.ones((2, 3)), np.full((2, 3), 5.0)
    _, pull = cr.vjp(lambda y: y, x)
    (result,) = pull(seed)
    np.testing.assert_array_equal(result, seed)
    assert not np.shares_memory(result, seed)


def test_a_large_result_is_fresh_too():
    x = np.arange(30_000.0)
    value, pull = cr.vjp(lambda y: (y, y[::2], y.reshape(3, -1)), x)
    assert_fresh([value, pull(tuple(np.ones_like(part) for part in value))], x)


# --- containers ---

Pair = namedtuple("Pair", "a b")


@dataclasses.dataclass
class Model:
    weights: object
    bias: object = 0.0


@dataclasses.dataclass(frozen=True)
class Frozen:
    inner: Model
    scale: float


X = np.array([1.0, 2.0])
CONTAINERS = {
    "list": [X, 3.0],
    "tuple": (X, 3.0),
    "dict": {"w": X, "b": 3.0},
    "unsorted dict": {"z": X, "a": 3.0, "m": X},
    "ordered dict": OrderedDict(z=X, a=3.0),
    "named tuple": Pair(X, 3.0),
    "nested": {"layers": [(X, 1.0), (X * 2, 2.0)], "head": Pair(3.0, {"deep": [X]})},
    "dataclass": Model(X, 3.0),
    "frozen dataclass": Frozen(Model(X, 1.0), 3.0),
    "None leaves": {"w": X, "b": None, "c": [None, 3.0]},
    "one leaf": [[X]],
    "number": 3.0,
    "empty": [X, [], {}],
}


def squares(tree):
    return sum(np.sum(leaf * leaf) for leaf in flatten(tree)[0] if leaf is not None)


@pytest.mark.parametrize("tree", CONTAINERS.values(), ids=CONTAINERS)
def test_a_gradient_has_the_container_of_the_argument(tree):
    gradient = cr.grad(squares)(tree)
    leaves, structure = flatten(tree)
    found, found_structure = flatten(gradient)
    assert structure == found_structure
    assert type(gradient) is (type(tree) if not isinstance(tree, float) else np.float64)
    for leaf, original in zip(found, leaves, strict=True):
        if original is None:
            assert leaf is None
        else:
            np.testing.assert_array_equal(leaf, 2 * np.asarray(original))
            assert type(leaf) is (np.ndarray if isinstance(original, np.ndarray) else np.float64)


@pytest.mark.parametrize("tree", CONTAINERS.values(), ids=CONTAINERS)
def test_a_result_keeps_its_container(tree):
    leaves, structure = flatten(tree, none_is_leaf=False)

    def f(t):
        return structure.unflatten([leaf * 3.0 for leaf in flatten(t, none_is_leaf=False)[0]])

    value, pull = cr.vjp(f, tree)
    assert flatten(value, none_is_leaf=False)[1] == structure
    (pulled,) = pull(value)
    assert flatten(pulled, none_is_leaf=False)[1] == structure
    for leaf, original in zip(flatten(pulled, none_is_leaf=False)[0], leaves, strict=True):
        np.testing.assert_array_equal(leaf, 9 * np.asarray(original))
    value, tangent = cr.jvp(f, (tree,), (tree,))
    assert flatten(tangent, none_is_leaf=False)[1] == structure


def test_jacobian_and_hessian_nest_containers():
    tree = {"a": np.array([1.0, 2.0]), "b": 3.0}
    jacobian = cr.jacobian(lambda t: Pair(t["a"] * t["b"], [t["b"] ** 2]))(tree)
    assert type(jacobian) is Pair
    np.testing.assert_array_equal(jacobian.a["a"], 3 * np.eye(2))
    np.testing.assert_array_equal(jacobian.a["b"], [1.0, 2.0])
    np.testing.assert_array_equal(jacobian.b[0]["a"], np.zeros(2))
    assert jacobian.b[0]["b"] == 6.0
    hessian = cr.hessian(lambda t: np.sum(t["a"] ** 2) * t["b"])(tree)
    np.testing.assert_array_equal(hessian["a"]["a"], 6 * np.eye(2))
    np.testing.assert_array_equal(hessian["a"]["b"], [2.0, 4.0])
    np.testing.assert_array_equal(hessian["b"]["a"], [2.0, 4.0])
    assert hessian["b"]["b"] == 0.0


def test_hessian_of_several_arguments_has_a_block_for_each_pair():
    blocks = cr.hessian(lambda x, y: np.sum(x * x) * y, (0, 1))(np.array([1.0, 2.0]), 3.0)
    np.testing.assert_array_equal(blocks[0][0], 6 * np.eye(2))
    np.testing.assert_array_equal(blocks[0][1], [2.0, 4.0])
    np.testing.assert_array_equal(blocks[1][0], [2.0, 4.0])
    assert blocks[1][1] == 0.0


# --- argnums, keywords, extras ---


def cubic(x, y, z):
    return x * y**2 * z**3


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        (0, 9.0 * 8),
        (1, 2 * 6.0 * 8),
        (-1, 2 * 9 * 12.0),
        (-3, 9.0 * 8),
        (np.int64(1), 2 * 6.0 * 8),
        ((0,), (72.0,)),
        ((0, 2), (72.0, 216.0)),
        ((2, 0), (216.0, 72.0)),
        ([1, -1], (96.0, 216.0)),
        ((), ()),
    ],
)
def test_argnums(argnums, expected):
    assert cr.grad(cubic, argnums)(2.0, 3.0, 2.0) == expected
    assert cr.value_and_grad(cubic, argnums)(2.0, 3.0, 2.0) == (144.0, expected)
    assert cr.jacobian(cubic, argnums)(2.0, 3.0, 2.0) == expected


def test_keyword_arguments_are_held():
    x = np.array([1.0, 2.0])
    gradient = cr.grad(lambda y, scale=1.0, *, shift=0.0: np.sum((y + shift) ** 2 * scale))
    np.testing.assert_array_equal(gradient(x), 2 * x)
    np.testing.assert_array_equal(gradient(x, scale=3.0), 6 * x)
    np.testing.assert_array_equal(gradient(x, scale=x, shift=1.0), 2 * (x + 1) * x)


def test_strings_functions_and_none_pass_through():
    def f(x, name, function, nothing, flag):
        assert name == "sine"
        assert nothing is None
        assert flag is True
        return function(x)

    assert cr.grad(f)(0.0, "sine", np.sin, None, True) == 1.0


def test_extras_are_computed_in_the_same_run_and_otherwise_left_alone():
    marker = object()

    def f(x):
        return x * x, {"twice": 2 * x, "name": "f", "marker": marker, "list": [x, 3, None]}

    gradient, extras = cr.grad(f, has_aux=True)(3.0)
    assert gradient == 6.0
    assert extras == {"twice": 6.0, "name": "f", "marker": marker, "list": [3.0, 3, None]}
    assert type(extras["twice"]) is np.float64
    (value, again), second = cr.value_and_grad(f, has_aux=True)(3.0)
    assert (value, second, again["twice"]) == (9.0, 6.0, 6.0)


def test_extras_of_an_inner_call_are_handles_of_the_outer_one():
    def f(x):
        gradient, extra = cr.grad(lambda y: (y**3, x * y), has_aux=True)(x)
        return gradient * extra  # 3x² · x²

    assert cr.grad(f)(2.0) == 12 * 8.0


def test_the_wrapper_keeps_name_and_documentation():
    def area(radius):
        """Area of a disc."""
        return 3 * radius**2

    gradient = cr.grad(area)
    assert gradient.__name__ == "grad(area)"
    assert gradient.__doc__ == "Area of a disc."
    assert gradient.__wrapped__ is area
