"""The normal form: equal values, one form for equal products and sums, the same in every process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.core.aval import FLOAT
from chainrule.core.dimension import Dim
from chainrule.core.facts import Facts
from chainrule.core.leaves import literal, symbol_node
from chainrule.core.node import Node, topological
from chainrule.ops.arithmetic import add, divide, multiply, negative, subtract
from chainrule.ops.contractions import contract, delta, diagonal, matmul, swap, trace
from chainrule.ops.elementwise import exp, logaddexp, power, sin, sqrt
from chainrule.ops.reductions import sum_over
from chainrule.ops.selection import astype, where
from chainrule.ops.shaping import broadcast, permute, reshape
from chainrule.ops.sums import combination, dimension
from chainrule.rewrite.canonical import Factor, canonical_order
from chainrule.rewrite.normal import normal, normal_form, zero
from tests.rewrite.graphs import F32, evaluate, symbol, with_sizes

N, M = Dim.named("n"), Dim.named("m")
SIZES = {"n": 3, "m": 4}
A, B, X = symbol("A", N, N), symbol("B", N, N), symbol("X", N, M)
x, y, z, s, t = symbol("x", N), symbol("y", N), symbol("z", N), symbol("s"), symbol("t")
S = symbol_node("S", (N, N), facts=Facts.of(["symmetric"]))
I = delta(N, FLOAT)  # noqa: E741
ONES = broadcast(literal(1.0), (-1,), (N,))


def diag(v: Node) -> Node:
    return contract([v, delta(v.shape[0], FLOAT)], [(0,), (0, 1)], (0, 1))


def outer(v: Node, w: Node) -> Node:
    return contract([v, w], [(0,), (1,)], (0, 1))


def inner(v: Node, w: Node) -> Node:
    return contract([v, w], [(0,), (0,)], ())


EQUAL: dict[str, tuple[Node, Node]] = {
    "A I = A": (matmul(A, I), A),
    "I A I = A": (matmul(matmul(I, A), I), A),
    "tr(I) = n": (trace(I), dimension(N)),
    "tr(I I') = n": (trace(matmul(I, swap(I))), dimension(N)),
    "diag(x) y = x*y": (matmul(diag(x), y), multiply(x, y)),
    "diag(diag(x)) = x": (diagonal(diag(x)), x),
    "1'x = sum(x)": (inner(ONES, x), sum_over(x, (-1,))),
    "1'1 = n": (inner(ONES, ONES), dimension(N)),
    "tr(AB) = tr(BA)": (trace(matmul(A, B)), trace(matmul(B, A))),
    "tr(A'B) = sum(A*B)": (trace(matmul(swap(A), B)), sum_over(multiply(A, B), (-2, -1))),
    "(AB)' = B'A'": (swap(matmul(A, B)), matmul(swap(B), swap(A))),
    "(AB)x = A(Bx)": (matmul(matmul(A, B), x), matmul(A, matmul(B, x))),
    "x'Ay = y'A'x": (inner(x, matmul(A, y)), inner(y, matmul(swap(A), x))),
    "xy' z = x (y'z)": (matmul(outer(x, y), z), multiply(inner(y, z), x)),
    "S' = S": (swap(S), S),
    "x'Sy = y'Sx": (inner(x, matmul(S, y)), inner(y, matmul(S, x))),
    "(A + A')' = A + A'": (swap(add(A, swap(A))), add(swap(A), A)),
    "exp(S)' = exp(S)": (swap(exp(S)), exp(S)),
    "x + y = y + x": (add(x, y), add(y, x)),
    "x + (y + z) = (z + x) + y": (add(x, add(y, z)), add(add(z, x), y)),
    "x - y = -y + x": (subtract(x, y), add(negative(y), x)),
    "x + x = 2x": (add(x, x), multiply(2, x)),
    "x - x = 0": (subtract(x, x), zero((N,), FLOAT)),
    "2(x/2) = x": (multiply(2, divide(x, 2)), x),
    "2(A x) = A(2 x)": (multiply(2, matmul(A, x)), matmul(A, multiply(2, x))),
    "-(-x y) = x y": (negative(multiply(negative(x), y)), multiply(y, x)),
    "x^2 = x x": (power(x, literal(2.0)), multiply(x, x)),
    "x^3 = x x x": (power(x, 3), multiply(x, multiply(x, x))),
    "x^0.5 = sqrt(x)": (power(x, literal(0.5)), sqrt(x)),
    "x / (s t) = x (1/s) (1/t)": (divide(x, multiply(s, t)), multiply(divide(1, t), divide(x, s))),
    "x ./ y = x .* (1 ./ y)": (divide(x, y), multiply(x, divide(1, y))),
    "x^-2 = 1/(x x)": (power(x, -2), divide(1, multiply(x, x))),
    "n mean(x) = sum(x)": (multiply(dimension(N), divide(sum_over(x, (-1,)), dimension(N))), sum_over(x, (-1,))),
    "(n + m) s - n s ... sizes": (dimension(N + M), add(dimension(M), dimension(N))),
    "n n = n^2": (multiply(dimension(N), dimension(N)), dimension(N * N)),
    "s + 1 + 2 = s + 3": (add(add(s, 1), 2), add(literal(3.0), s)),
    "x + s = s + x": (add(x, s), add(s, x)),
    "sum(x[:, None] * 1') ": (sum_over(broadcast(x, (-1,), (M,)), (-1,)), multiply(dimension(M), x)),
    "x[:, None][:, 0]": (reshape(reshape(x, (N, 1)), (N,)), x),
    "x[:, None] y[None, :]": (
        multiply(broadcast(x, (-1,), (1,)), broadcast(y, (-2,), (1,))),
        outer(x, y),
    ),
    "sin(x + y) commutes": (sin(add(x, y)), sin(add(y, x))),
    "logaddexp commutes": (logaddexp(x, y), logaddexp(y, x)),
    "maximum(x, 0) = maximum(x, 0.0)": (where(True, sin(x), x), sin(x)),
    "B'(A'A)B is symmetric": (
        matmul(swap(B), matmul(matmul(swap(A), A), B)),
        swap(matmul(swap(B), matmul(matmul(swap(A), A), B))),
    ),
    "2 (x + y) - (x + y) = y + x": (subtract(multiply(2, add(x, y)), add(x, y)), add(y, x)),
}


@pytest.mark.parametrize("sizes", [None, SIZES, {"n": 1, "m": 2}], ids=["symbolic", "numbers", "ones"])
@pytest.mark.parametrize("law", EQUAL)
def test_equal_expressions_have_one_normal_form(law: str, sizes: dict[str, int] | None) -> None:
    left, right = EQUAL[law]
    if sizes is not None:
        left, right = with_sizes(left, sizes), with_sizes(right, sizes)
    left, right = normal(left), normal(right)
    if left.dtype == right.dtype and left.op.name not in ("literal", "astype"):
        assert left is right, (left, right)
    else:  # a number, written with another dtype
        assert str(left) == str(right) or evaluate(left, {}) == evaluate(right, {})


DIFFERENT = [
    (matmul(A, B), matmul(B, A)),
    (A, swap(A)),
    (matmul(A, x), matmul(swap(A), x)),
    (multiply(2, add(x, y)), add(multiply(2, x), multiply(2, y))),
    (trace(matmul(A, A)), trace(matmul(A, swap(A)))),
    (matmul(X, swap(X)), matmul(B, swap(B))),
    (sum_over(multiply(x, x), (-1,)), multiply(sum_over(x, (-1,)), sum_over(x, (-1,)))),
    (subtract(x, y), subtract(y, x)),
    (outer(x, y), outer(y, x)),
]


@pytest.mark.parametrize("k", range(len(DIFFERENT)))
def test_different_expressions_stay_apart(k: int) -> None:
    left, right = DIFFERENT[k]
    assert normal(left) is not normal(right)


def test_without_facts_a_symmetric_symbol_is_any_matrix() -> None:
    assert normal(swap(S), facts=False) is not S
    assert normal(swap(add(A, swap(A))), facts=False) is normal(add(A, swap(A)), facts=False)


# --- random expressions -----------------------------------------------------------------------------------------------

LEAVES = {"scalar": [s, t], "vector": [x, y, z], "matrix": [A, B, S, I]}
Expression = tuple[str, Node]


def grown(children: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.tuples(children, children, st.integers(0, 99)).map(lambda drawn: combined(*drawn))


def combined(first: Expression, second: Expression, choice: int) -> Expression:
    (kind, left), (other, right) = first, second
    options: list[Callable[[], Expression]] = [
        lambda: (kind, negative(left)),
        lambda: (kind, multiply(literal((2, -1, 0.5)[choice % 3]), left)),
        lambda: (kind, divide(left, 2)),
        lambda: (kind, sin(left)),
        lambda: (kind, multiply(left, left)),
    ]
    if kind == other or "scalar" in (kind, other):
        result = kind if other == "scalar" else other
        options += [lambda: (result, add(left, right)), lambda: (result, subtract(left, right))]
        options += [lambda: (result, multiply(left, right))] * 2
        options += [lambda: (result, divide(left, add(literal(2.0), multiply(right, right))))]
    if kind == "matrix":
        options += [lambda: (kind, swap(left)), lambda: ("scalar", trace(left)), lambda: ("vector", diagonal(left))]
        options += [lambda: ("vector", sum_over(left, (-1,))), lambda: ("scalar", sum_over(left, (-2, -1)))]
        if other != "scalar":
            options += [lambda: (other, matmul(left, right))] * 3
    if kind == "vector":
        options += [lambda: ("matrix", diag(left)), lambda: ("matrix", broadcast(left, (-2,), (N,)))]
        options += [lambda: ("scalar", sum_over(left, (-1,)))]
        if other == "vector":
            options += [lambda: ("matrix", outer(left, right)), lambda: ("scalar", inner(left, right))] * 2
    return options[choice % len(options)]()


leaves = st.sampled_from([(kind, node) for kind, nodes in LEAVES.items() for node in nodes])
expressions = st.recursive(leaves, grown, max_leaves=12)


def numbers(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = {name: rng.uniform(0.5, 1.5, (3, 3)) for name in "ABS"}
    values["S"] = values["S"] + values["S"].T
    values.update({name: rng.uniform(-1.5, 1.5, 3) for name in "xyz"})
    return {**values, "s": rng.uniform(0.5, 1.5), "t": rng.uniform(-1.5, 1.5)}


@given(expressions)
def test_values_agree(expression: Expression) -> None:
    _, node = expression
    known = numbers()
    concrete = with_sizes(node, SIZES)
    before = evaluate(concrete, known)
    found = normal(concrete)
    assert found.shape == concrete.shape
    assert found.dtype == concrete.dtype
    scale = np.max(np.abs(before), initial=1.0)
    np.testing.assert_allclose(evaluate(found, known), before, rtol=1e-9, atol=1e-9 * scale)
    symbolic = with_sizes(normal(node), SIZES)
    np.testing.assert_allclose(evaluate(symbolic, known), before, rtol=1e-9, atol=1e-9 * scale)


@given(expressions)
def test_normal_is_idempotent(expression: Expression) -> None:
    found = normal(expression[1])
    assert normal(found) is found


@given(st.permutations(range(6)), st.lists(st.booleans(), min_size=6, max_size=6), st.data())
def test_products_may_be_commuted_regrouped_and_transposed(
    order: list[int], turned: list[bool], data: st.DataObject
) -> None:
    chain = [A, B, S, A, diag(x), B]
    straight = chain[0]
    for factor in chain[1:]:
        straight = matmul(straight, factor)
    groups = list(chain)
    while len(groups) > 1:
        k = data.draw(st.integers(0, len(groups) - 2))
        product = matmul(groups[k], groups[k + 1])
        if data.draw(st.booleans()):
            product = swap(matmul(swap(groups[k + 1]), swap(groups[k])))
        groups[k : k + 2] = [product]
    assert normal(groups[0]) is normal(straight)
    factors = [x, y, z, x, sin(x), y]
    shuffled = [factors[k] for k in order]
    product = shuffled[0]
    for factor, left in zip(shuffled[1:], turned[1:], strict=True):
        product = multiply(factor, product) if left else multiply(product, factor)
    reference = factors[0]
    for factor in factors[1:]:
        reference = multiply(reference, factor)
    assert normal(product) is normal(reference)
    total = sum_in(shuffled, turned)
    assert normal(total) is normal(sum_in(factors, [False] * 6))


def sum_in(terms: list[Node], left: list[bool]) -> Node:
    total = terms[0]
    for term, first in zip(terms[1:], left[1:], strict=True):
        total = add(term, total) if first else add(total, term)
    return total


# --- the order of factors ---------------------------------------------------------------------------------------------


@given(st.data())
def test_the_order_of_factors_does_not_depend_on_how_they_were_given(data: st.DataObject) -> None:
    edges = data.draw(
        st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.integers(0, 5), st.integers(0, 5)), max_size=8)
    )
    factors = [Factor(key, (i, j)) for key, i, j in edges]
    output = [label for label in (0, 1) if any(label in factor.labels for factor in factors)]
    names = data.draw(st.permutations(range(6)))
    moved = data.draw(st.permutations([Factor(f.key, tuple(names[x] for x in f.labels)) for f in factors]))
    first, second = canonical_order(factors, output), canonical_order(moved, [names[x] for x in output])
    read = [
        [(given[k].key, labels) for k, labels in found.factors] for given, found in ((factors, first), (moved, second))
    ]
    assert first.canonical
    assert second.canonical
    assert read[0] == read[1]


def test_twins_and_repeated_parts_do_not_exhaust_the_budget() -> None:
    pendants = [Factor(b"a", (0, k)) for k in range(1, 12)]
    assert canonical_order(pendants, []).canonical
    assert canonical_order([Factor(b"a", (k,)) for k in range(30)], []).canonical
    cycle = [Factor(b"a", (k, (k + 1) % 20)) for k in range(20)]
    assert canonical_order(cycle, []).canonical


def test_over_the_budget_the_form_is_marked() -> None:
    both_ways = [Factor(b"a", (i, j)) for i in range(8) for j in range(8) if i != j]
    assert not canonical_order(both_ways, []).canonical
    matrix = symbol("Q", N, N)
    node = contract([matrix] * 56, [factor.labels for factor in both_ways], ())
    assert not normal_form((node,)).canonical
    assert normal_form((matmul(A, B),)).canonical


# --- one form in every process ----------------------------------------------------------------------------------------


def test_the_form_does_not_depend_on_hashes_or_on_what_was_built_before() -> None:
    script = textwrap.dedent(
        """
        import sys
        from tests.rewrite.test_normal import *
        if sys.argv[1] == "backwards":
            noise = [normal(right) for left, right in reversed(EQUAL.values())]
        for left, right in EQUAL.values():
            print(normal(left).digest.hex())
            print(normal(left))
        """
    )
    printed = set()
    for seed, order in (("0", "forwards"), ("77", "backwards")):
        done = subprocess.run(
            [sys.executable, "-c", script, order],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        printed.add(done.stdout)
    assert len(printed) == 1


# --- dtypes, sizes and cost -------------------------------------------------------------------------------------------


def test_dtypes_are_kept() -> None:
    u = symbol_node("u", (3,), F32)
    k = symbol_node("k", (3,), np.dtype(np.int64))
    b = symbol_node("b", (3,), np.dtype(np.bool_))
    for node in (
        multiply(2, u),
        multiply(literal(0.5), k),
        divide(k, 1),
        add(u, 1),
        multiply(u, astype(literal(1.0), FLOAT)),
        sum_over(b, (-1,)),
        multiply(b, b),
        add(b, b),
        add(k, k),
        subtract(u, u),
        power(k, 2),
    ):
        assert (normal(node).dtype, normal(node).shape) == (node.dtype, node.shape)
    values = {"u": np.ones(3, np.float32), "k": np.arange(3), "b": np.array([True, False, True])}
    assert evaluate(normal(sum_over(b, (-1,))), values) == 2
    np.testing.assert_array_equal(evaluate(normal(add(b, b)), values), values["b"])


def test_axes_of_no_length() -> None:
    empty = symbol("e", 0, 3)
    for node in (sum_over(empty, (-2,)), matmul(swap(empty), empty), add(empty, 1)):
        np.testing.assert_array_equal(
            evaluate(normal(node), {"e": np.zeros((0, 3))}), evaluate(node, {"e": np.zeros((0, 3))})
        )


def test_numbers_that_have_no_exact_value_stay_factors() -> None:
    for value in (np.inf, np.nan):
        node = multiply(x, literal(float(value)))
        assert normal(normal(node)) is normal(node)
    assert normal(divide(x, literal(0.0))).op.name == "einsum"


def test_permutations_of_higher_rank() -> None:
    cube = symbol("C", N, M, 2)
    assert normal(permute(permute(cube, (-1, -3, -2)), (-2, -1, -3))) is cube
    moved = normal(permute(cube, (-1, -3, -2)))
    assert moved.shape == (2, N, M)


def test_a_combination_evaluates_and_infers() -> None:
    node = combination([2, -1], [x, y])
    values = {"x": np.arange(3.0), "y": np.ones(3)}
    np.testing.assert_array_equal(evaluate(with_sizes(node, SIZES), values), [-1.0, 1.0, 3.0])
    assert combination([-1], [symbol("b", 2)]).dtype == FLOAT


@pytest.mark.parametrize("step", ["product", "sum", "both", "doubled", "elementwise"])
def test_time_is_about_linear(step: str) -> None:
    fresh = [symbol(f"v{k}", N) for k in range(2_000)]
    grow: dict[str, Callable[[Node, int], Node]] = {
        "product": lambda node, k: multiply(node, fresh[k]),
        "sum": lambda node, k: add(node, fresh[k]),
        "both": lambda node, k: add(node, sin(node)) if k % 2 else add(node, multiply(node, fresh[k])),
        "doubled": lambda node, k: multiply(node, node) if k % 2 else add(node, node),
        "elementwise": lambda node, k: sin(node),
    }

    def seconds(length: int) -> float:
        node = x
        for k in range(length):
            node = grow[step](node, k)
        start = time.perf_counter()
        found = normal(node)
        spent = time.perf_counter() - start
        assert len(topological((found,))) <= 40 * length
        return spent

    seconds(50)
    short = min(seconds(100) for _ in range(3))
    assert min(seconds(800) for _ in range(3)) < 40 * max(short, 5e-3)
