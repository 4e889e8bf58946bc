"""Symbols: names, sizes and facts in; shapes with symbolic sizes; numbers put in by `evaluate`."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.dimension import Dim
from chainrule.core.leaves import SYMBOL, input_node
from chainrule.core.node import topological
from chainrule.core.specialise import specialise
from chainrule.errors import ArgumentError, DimensionError, NameClashError, ShapeError, TracerError
from tests.oracles import tolerance

N, M = Dim.named("n"), Dim.named("m")

# Functions of a matrix X[n,m], a square S[n,n] and vectors x[n], y[m], written in plain NumPy.
EXPRESSIONS = {
    "elementwise": lambda X, S, x, y: np.tanh(X) * 2.5 + np.exp(-X),
    "broadcast": lambda X, S, x, y: X + y - x[:, None],
    "matmul": lambda X, S, x, y: X.T @ S @ X,
    "matvec": lambda X, S, x, y: S @ x + X @ y,
    "quadratic form": lambda X, S, x, y: x @ S @ x,
    "sum": lambda X, S, x, y: np.sum(X, axis=0) + y,
    "sum keepdims": lambda X, S, x, y: X - np.sum(X, axis=1, keepdims=True),
    "mean": lambda X, S, x, y: np.mean(X) + np.mean(X, axis=0),
    "max": lambda X, S, x, y: np.max(X, axis=1),
    "logsumexp written out": lambda X, S, x, y: np.log(np.sum(np.exp(X), axis=1)),
    "solve": lambda X, S, x, y: np.linalg.solve(S, X),
    "solve vector": lambda X, S, x, y: np.linalg.solve(S, x),
    "inv": lambda X, S, x, y: np.linalg.inv(S),
    "slogdet": lambda X, S, x, y: np.linalg.slogdet(S)[1],
    "cholesky": lambda X, S, x, y: np.linalg.cholesky(S @ S.T),
    "outer": lambda X, S, x, y: np.outer(x, y) + X,
    "einsum": lambda X, S, x, y: np.einsum("ij,ik,k->j", X, S, x),
    "trace": lambda X, S, x, y: np.trace(S) + np.trace(X @ X.T),
    "transpose": lambda X, S, x, y: X.T[:, None, :] * 2.0,
    "concatenate": lambda X, S, x, y: np.concatenate([x, y, x]),
    "stack": lambda X, S, x, y: np.stack([x, 2.0 * x], axis=1),
    "reshape": lambda X, S, x, y: X.reshape(-1) * 3.0,
    "where": lambda X, S, x, y: np.where(X > 0, X, 0.1 * X),
    "norm": lambda X, S, x, y: np.linalg.norm(X - np.outer(x, y)),
    "cumsum": lambda X, S, x, y: np.cumsum(X, axis=0),
    "sort": lambda X, S, x, y: np.sort(x),
    "power": lambda X, S, x, y: (X**2 + 1.0) ** 0.5,
}


def make_symbols():
    return cr.symbols("X[n,m] S[n,n] x[n] y[m]")


def values(rng, n, m):
    S = rng.normal(size=(n, n))
    return {
        "X": rng.normal(size=(n, m)),
        "S": S @ S.T + n * np.eye(n),
        "x": rng.normal(size=n),
        "y": rng.normal(size=m),
    }


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize(("n", "m"), [(3, 2), (2, 5), (1, 1), (4, 4)])
def test_evaluate_equals_numpy(name, n, m, rng):
    given = values(rng, n, m)
    found = EXPRESSIONS[name](*make_symbols()).evaluate(**given)
    expected = EXPRESSIONS[name](**given)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=tolerance(np.float64, 1e3), atol=1e-12)


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize(("n", "m"), [(3, 2), (1, 4)])
def test_inferring_with_names_and_then_numbers_is_inferring_with_numbers(name, n, m):
    result = EXPRESSIONS[name](*make_symbols())._node
    sizes = {"n": n, "m": m}
    leaves = [node for node in topological([result]) if node.op is SYMBOL]
    numbered = {}
    for k, leaf in enumerate(leaves):
        (shaped,) = specialise([leaf], sizes, {})
        numbered[leaf] = input_node(0, k, shaped.aval)
    (concrete,) = specialise([result], sizes, numbered)
    substituted = tuple(n.substitute(sizes) if isinstance(n, Dim) else n for n in result.shape)
    assert concrete.shape == substituted
    assert concrete.dtype == result.dtype


def test_shapes_are_polynomials_in_the_names():
    X, _S, x, y = make_symbols()
    assert (X @ y).shape == (N,)
    assert np.concatenate([x, y]).shape == (N + M,)
    assert X.reshape(-1).shape == (N * M,)
    assert cr.symbols("z[2*n+1]").shape == (2 * N + 1,)
    assert X.size == N * M


def test_the_same_text_gives_the_same_symbol():
    assert cr.symbols("X[n,m]")._node is make_symbols()[0]._node
    assert cr.symbols("X[n,m] symmetric")._node is not cr.symbols("X[n,m]")._node


def test_facts_are_read_longest_phrase_first():
    S, x = cr.symbols("S[n,n] symmetric positive definite, x[n]")
    assert S._node.param("facts").names == ("positive definite", "symmetric")
    assert S._node.param("facts").domain.names == ("positive definite",)
    assert S._node.param("facts").constraints.names == ("symmetric",)
    assert x._node.param("facts").names == ()
    labels = cr.symbols("Y[n,k] one-hot rows")
    assert labels._node.param("facts").names == ("one-hot rows",)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("x x", NameClashError, "occurs twice"),
        ("", ArgumentError, "no name"),
        ("1x", ArgumentError, "not a symbol"),
        ("x[n", ArgumentError, "not a symbol"),
        ("x[n-]", DimensionError, "cannot be read as a size"),
        ("x[-2]", ArgumentError, "negative"),
        ("S[n,n] symetric, x[n]", ArgumentError, "no such fact: symetric"),
    ],
)
def test_what_is_no_symbol_is_refused(text, error, words):
    with pytest.raises(error, match=words) as caught:
        cr.symbols(text)
    assert "Fix:" in str(caught.value)


@pytest.mark.parametrize(
    "use",
    [
        lambda x: float(x @ x),
        lambda x: bool(x @ x > 0),
        lambda x: np.asarray(x),
        lambda x: x + np.ones(3),
        lambda x: x[x > 0],
    ],
    ids=["float", "bool", "asarray", "array of numbers", "mask"],
)
def test_a_symbol_has_no_value(use):
    with pytest.raises(TracerError, match="Fix:"):
        use(cr.symbols("x[n]"))


def test_len_and_iteration_need_a_number():
    x = cr.symbols("x[n]")
    with pytest.raises(DimensionError, match="symbolic"):
        len(x)
    with pytest.raises(DimensionError, match="symbolic"):
        list(x)
    assert len(list(cr.symbols("z[3]"))) == 3


def test_sizes_that_are_not_known_equal_do_not_broadcast():
    X, _S, x, _y = make_symbols()
    with pytest.raises(ShapeError, match="n and m"):
        x + X
    with pytest.raises(ShapeError, match="Fix:"):
        X @ x


def test_evaluate_checks_names_ranks_and_sizes(rng):
    X, _S, x, _y = make_symbols()
    given = values(rng, 3, 2)
    with pytest.raises(ArgumentError, match="no value for x"):
        (x @ X).evaluate(X=given["X"])
    with pytest.raises(ShapeError, match="axes"):
        (x @ X).evaluate(X=given["X"], x=np.ones((3, 1)))
    with pytest.raises(ShapeError, match="dimension n is"):
        (x @ X).evaluate(X=given["X"], x=np.ones(4))
    z = cr.symbols("z[n+1]")
    with pytest.raises(ShapeError, match="size 4, that of its value 3"):
        (np.sum(z) + x @ x).evaluate(z=np.ones(3), x=np.ones(3))
    assert (np.sum(z) + x @ x).evaluate(z=np.ones(4), x=np.ones(3)) == 7.0


def test_repr_names_the_symbol_and_its_shape():
    X = cr.symbols("X[n,m]")
    assert repr(X) == "X = Array(float64[n,m])"
    assert repr(X @ X.T) == "Array(float64[n,n])"


def test_a_symbol_does_not_meet_a_handle():
    x = cr.symbols("x[3]")
    with pytest.raises(cr.errors.ChainruleError, match="Fix:"):
        cr.grad(lambda z: np.sum(x * z))(np.ones(3))
