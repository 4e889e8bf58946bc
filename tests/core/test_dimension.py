"""Symbolic sizes against plain integers: whatever a `Dim` answers must hold when its names get numbers."""

import copy
import dataclasses
import math
import operator
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.core.dimension import Dim, Size, is_concrete, size_product, substitute_shape
from chainrule.errors import DimensionError

NAMES = "kmn"
k, m, n = map(Dim.named, NAMES)

# A polynomial before it is one: coefficients, and the power of each name.
Parts = list[tuple[int, dict[str, int]]]
coefficients = st.integers(-9, 9)
monomials = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3))
parts = st.lists(st.tuples(coefficients, monomials), max_size=4)


def points(smallest: int) -> st.SearchStrategy[dict[str, int]]:
    return st.fixed_dictionaries(dict.fromkeys(NAMES, st.integers(smallest, 9)))


def build(parts: Parts) -> Size:
    total: Size = 0
    for coefficient, powers in parts:
        term: Size = coefficient
        for name, power in powers.items():
            term = term * Dim.named(name) ** power
        total = total + term
    return total


sizes = parts.map(build)
short_sizes = st.lists(st.tuples(coefficients, monomials), max_size=2).map(build)


def by_hand(parts: Parts, point: dict[str, int]) -> int:
    return sum(c * math.prod(point[name] ** power for name, power in powers.items()) for c, powers in parts)


def at(size: Size, point: dict[str, int]) -> int:
    value = size.substitute(point) if isinstance(size, Dim) else size
    assert type(value) is int
    return value


# Arithmetic


@given(parts, points(-9))
def test_a_size_has_the_value_of_its_terms(parts, point):
    assert at(build(parts), point) == by_hand(parts, point)


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul])
@given(left=sizes, right=sizes, point=points(-9))
def test_arithmetic_agrees_with_numbers(operation, left, right, point):
    assert at(operation(left, right), point) == operation(at(left, point), at(right, point))


@given(sizes, st.integers(0, 4), points(-9))
def test_negation_and_powers_agree_with_numbers(size, power, point):
    assert at(-size, point) == -at(size, point)
    assert at(size**power, point) == at(size, point) ** power


@given(sizes, sizes)
def test_an_exact_division_undoes_the_product(left, right):
    if right == 0:
        return
    assert (left * right) // right == left
    remainder = (left * right) % right
    assert type(remainder) is int
    assert remainder == 0


@given(sizes, sizes)
def test_a_division_is_exact_or_refused(left, right):
    if isinstance(left, int) and isinstance(right, int):
        return
    try:
        quotient = left // right
    except DimensionError:
        with pytest.raises(DimensionError):
            left % right
    else:
        assert quotient * right == left


@pytest.mark.parametrize(
    ("quotient", "expected"),
    [
        ((6 * n) // 3, 2 * n),
        ((6 * n) // -3, -2 * n),
        ((n**2 * m + n * m) // (n * m), n + 1),
        ((n**2 - m**2) // (n + m), n - m),
        ((n**3 - 1) // (n - 1), n**2 + n + 1),
        ((4 * n) // (2 * n), 2),
        (0 // n, 0),
        (0 % n, 0),
    ],
)
def test_exact_divisions(quotient, expected):
    assert quotient == expected
    assert type(quotient) is type(expected)


def test_numpy_integers_are_sizes():
    three = np.int64(3)
    for size in (n + three, three + n, n - three + 6, three * n - 2 * n + 3):
        assert size == n + 3
        assert all(type(coefficient) is int for _, coefficient in size.terms)
    assert n.substitute({"n": three}) == 3
    assert type(n.substitute({"n": three})) is int
    assert three * n // three == n
    assert n + three > three


def test_other_operands_keep_their_say():
    class Anything:
        def __radd__(self, other):
            return "radd"

        def __gt__(self, other):
            return "gt"

    assert n + Anything() == "radd"
    assert (n < Anything()) == "gt"
    for operation in (operator.add, operator.mul, operator.pow, operator.lt, operator.floordiv):
        with pytest.raises(TypeError, match="float") as caught:
            operation(n, 0.5)
        assert not isinstance(caught.value, DimensionError)


# Canonical form


@given(parts, st.randoms(use_true_random=False))
def test_the_order_of_construction_leaves_no_trace(parts, random):
    shuffled = [(c, dict(random.sample(sorted(powers.items()), len(powers)))) for c, powers in parts]
    random.shuffle(shuffled)
    one, other = build(parts), build(shuffled)
    assert one == other
    assert hash(one) == hash(other)
    assert str(one) == str(other)


@given(sizes, sizes, sizes)
def test_equal_polynomials_are_equal(a, b, c):
    assert (a + b) * c == a * c + b * c
    assert (a - b) * (a + b) == a**2 - b**2
    assert type(a - a) is int
    assert a - a == 0


@given(sizes)
def test_the_form_is_canonical(size):
    if isinstance(size, int):
        return
    found = [monomial for monomial, _ in size.terms]
    assert len(set(found)) == len(found)
    assert all(coefficient for _, coefficient in size.terms)
    assert all(list(monomial) == sorted(monomial) for monomial in found)
    assert all(power > 0 for monomial in found for _, power in monomial)
    assert found != [()]
    assert size.names == tuple(sorted({name for monomial in found for name, _ in monomial}))
    assert size.names


@given(parts, parts, st.lists(points(-30), min_size=20, max_size=20))
def test_different_values_are_different_sizes(one, other, many):
    if any(by_hand(one, point) != by_hand(other, point) for point in many):
        assert build(one) != build(other)


def test_constant_results_are_plain_integers():
    for size in (n - n + 3, n**0 + 2, (3 * n) // n, 0 * n + 3, (n + 1) ** 2 - n**2 - 2 * n + 2):
        assert type(size) is int
        assert size == 3


def test_equality_is_identity_of_the_polynomial():
    assert n == Dim.named("n")
    assert n != m
    assert (n == 3) is False
    assert (n == 3.0) is False
    assert len({n, n + 1, Dim.named("n"), 1 + n, m}) == 3
    assert {n * m: "product"}[m * n] == "product"


@given(sizes)
def test_sizes_survive_pickling_and_copying(size):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(size, protocol)) == size
    assert copy.deepcopy(size) == copy.copy(size) == size


def test_sizes_are_immutable_and_made_on_purpose():
    with pytest.raises(dataclasses.FrozenInstanceError):
        n.terms = ()
    with pytest.raises(TypeError):
        Dim("n")


# Text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (n, "n"),
        (-n, "-n"),
        (2 * n * m + n**2 - 1, "2*m*n + n^2 - 1"),
        (1 - n, "-n + 1"),
        (n * m * k - 3 * n**3 * m, "-3*m*n^3 + k*m*n"),
        (m**2 + n**2 + m * n, "m^2 + m*n + n^2"),
        (Dim.named("rows") * 2 - Dim.named("β1"), "2*rows - β1"),
    ],
)
def test_text(size, text):
    assert str(size) == repr(size) == f"{size}" == text


@given(sizes)
def test_parse_is_the_inverse_of_str(size):
    parsed = Dim.parse(str(size))
    assert parsed == size
    assert type(parsed) is type(size)


def test_the_longest_sizes_can_be_read_back():
    long = sum(Dim.named(f"a{i}") for i in range(199)) - (n * 7) ** 100
    assert len(long.terms) == 200
    assert Dim.parse(str(long)) == long


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (" 2*n + 1\n", 2 * n + 1),
        ("(n + m)**2", n**2 + 2 * m * n + m**2),
        ("-n^2", -(n**2)),
        ("n - -1", n + 1),
        ("2^3^2*n", 512 * n),
        ("n - n + 4", 4),
        ("7", 7),
    ],
)
def test_parse_understands(text, size):
    assert Dim.parse(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "", "2n", "n +", "n = 3", "n; m", "n\nm", "1.5*n", "1j", "True", "'n'", "n / 2", "n // 2", "n % 2",
        "+n", "n < 3", "n or m", "f(n)", "n.real", "n[0]", "(n, m)", "lambda: n", "[n for n in m]",
        "n if m else k", "(n := 3)", "__import__('os').system('true')", "\0", "n\\", "²", "(" * 5000,
        "-" * 5000 + "n", "n" + "+n" * 9_000, "9" * 5000, "n" + " " * 20_000 + "+ 1",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_parse_refuses(text):
    with pytest.raises(DimensionError, match="cannot be read as a size") as caught:
        Dim.parse(text)
    assert "Fix: write a polynomial, such as '2*n + 1'" in str(caught.value)
    assert len(str(caught.value)) < 400
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("text", ["(a+b+c+d)^99", "9^99^99", "(9^99)^99", "n^99*n^99", "((n+1)^99)^99", "n^2^99"])
def test_short_texts_cannot_ask_for_huge_sizes(text):
    with pytest.raises(DimensionError, match=r"too large a size|no small polynomial"):
        Dim.parse(text)


# Order

COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("compare", COMPARISONS)
@given(left=sizes, right=sizes, many=st.lists(points(1), min_size=10, max_size=10))
def test_a_decided_order_holds_for_all_sizes(compare, left, right, many):
    try:
        answer = compare(left, right)
    except DimensionError:
        return
    assert type(answer) is bool
    assert all(compare(at(left, point), at(right, point)) is answer for point in many)


@given(sizes, sizes)
def test_comparisons_agree_with_each_other(left, right):
    try:
        less = left < right
    except DimensionError:
        for same in (lambda: right > left, lambda: left >= right, lambda: right <= left):
            with pytest.raises(DimensionError):
                same()
    else:
        assert less is (right > left) is not (left >= right)
        assert (left >= right) is (right <= left)


@pytest.mark.parametrize(
    "held",
    [
        n >= 1, n > 0, n > -3, not n < 1, not n <= 0, n + 1 > n, n <= n, not n < n, n <= n * m, 2 * n > n,
        -n < 0, n * m + 1 > m, n**2 >= n, n * m - n - m + 1 >= 0, (n - 1) * (m - 1) + 1 > 0, n + m >= 2,
        operator.le(1, n), max(n, n + 1) == n + 1, size_product(Dim.named(f"a{i}") for i in range(50)) >= 1,
    ],
)  # fmt: skip
def test_decided_orders(held):
    assert held is True


UNDECIDED = [(n, m), (n, 3), (n, 2 * m), (n * m, n + m), (n - 2, 0), (n**2, 2 * n)]


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize(("left", "right"), UNDECIDED)
def test_orders_that_depend_on_the_sizes_are_refused(compare, left, right):
    with pytest.raises(DimensionError) as caught:
        compare(left, right)
    assert any(f"the order of {a} and {b} is" in str(caught.value) for a, b in ((left, right), (right, left)))


def test_an_order_too_large_to_expand_is_refused():
    wide = size_product(Dim.named(f"a{i}") for i in range(50))
    with pytest.raises(DimensionError, match="not known for all sizes"):
        wide > Dim.named("a1")  # noqa: B015


@given(sizes, points(1))
def test_a_true_size_is_positive(size, point):
    try:
        answer = bool(size)
    except DimensionError:
        return
    if isinstance(size, Dim):
        assert answer is True
        assert at(size, point) >= 1


# Refusals


@pytest.mark.parametrize(
    ("call", "problem", "fix"),
    [
        (lambda: int(n + 1), "int(), float(), range() and indexing need a number, not the symbolic n + 1", "n"),
        (lambda: float(n), "need a number, not the symbolic n", "give sizes: substitute({'n': 3})"),
        (lambda: operator.index(n * m), "not the symbolic m*n", "give sizes: substitute({'m': 3, 'n': 3})"),
        (lambda: range(n), "not the symbolic n", "give sizes"),
        (lambda: [0] * n, "not the symbolic n", "give sizes"),
        (lambda: np.zeros((2, n)), "not the symbolic n", "give sizes"),
        (lambda: bool(n - 1), "the order of n - 1 and 1 is not known for all sizes", "substitute({'n': 3})"),
        (lambda: bool(-n), "-n is below 1, so it is no size", "compare with a number instead"),
        (lambda: n < m, "the order of n and m is not known for all sizes", "substitute({'m': 3, 'n': 3})"),
        (lambda: n // 2, "n is not divisible by 2 as a polynomial", "substitute({'n': 3})"),
        (lambda: (2 * n + 1) % 2, "2*n + 1 is not divisible by 2 as a polynomial", "substitute({'n': 3})"),
        (lambda: 6 // n, "6 is not divisible by n as a polynomial", "substitute({'n': 3})"),
        (lambda: 6 % n, "6 is not divisible by n as a polynomial", "substitute({'n': 3})"),
        (lambda: n // m, "n is not divisible by m as a polynomial", "substitute({'m': 3, 'n': 3})"),
        (lambda: n // 0, "n is divided by 0", "divide by a size that is not 0"),
        (lambda: n**-1, "(n)^(-1) is no small polynomial", "use a power of 0 to 100"),
        (lambda: n**101, "(n)^(101) is no small polynomial", "use a power of 0 to 100"),
        (lambda: n**m, "(n)^(m) is no small polynomial", "use a power of 0 to 100"),
        (lambda: 2**n, "(2)^(n) is no small polynomial", "use a power of 0 to 100"),
        (lambda: n**60 * m**60, "too large a size: 1 terms, degree 120, 1 bits, names m, n", "degree 100"),
        (lambda: sum(Dim.named(f"a{i}") for i in range(300)), "too large a size: 201 terms", "200 terms"),
        (lambda: Dim.named("2n"), "'2n' cannot name a dimension", "use an identifier, such as 'n'"),
        (lambda: Dim.named("lambda"), "'lambda' cannot name a dimension", "use an identifier, such as 'n'"),
        (lambda: Dim.named("\ufb01t"), "'\ufb01t' cannot name a dimension", "use an identifier, such as 'n'"),
        (lambda: n.substitute({"n": 2.5}), "n is given as a float", "give n an int or a Dim"),
        (lambda: n.substitute({"n": None}), "n is given as a NoneType", "give n an int or a Dim"),
    ],
)  # fmt: skip
def test_refusals(call, problem, fix):
    with pytest.raises(DimensionError) as caught:
        call()
    first, *_, last = str(caught.value).splitlines()
    assert first.startswith("chainrule.Dim: ")
    assert problem in first
    assert last.startswith("  Fix: ")
    assert fix in last


# Substitution


@given(parts, short_sizes, short_sizes, points(-4))
def test_substitution_is_composition(outer, for_m, for_n, point):
    size = build(outer)
    if isinstance(size, int):
        return
    composed = size.substitute({"m": for_m, "n": for_n})
    inner = {"k": point["k"], "m": at(for_m, point), "n": at(for_n, point)}
    assert at(composed, point) == by_hand(outer, inner)


def test_substitution_is_simultaneous_and_partial():
    assert (n - m).substitute({"n": m, "m": n}) == m - n
    assert (n * m).substitute({"n": 3, "unknown": 5}) == 3 * m
    assert (n + m).substitute({}) == n + m
    assert (n * m).substitute({"n": 0}) == 0
    assert n.substitute({"n": True}) == 1


# Shapes


@given(st.lists(sizes, max_size=4), points(-4))
def test_shapes_agree_with_numbers(shape, point):
    concrete = substitute_shape(shape, point)
    assert concrete == tuple(at(size, point) for size in shape)
    assert is_concrete(concrete)
    assert is_concrete(shape) is not any(isinstance(size, Dim) for size in shape)
    assert at(size_product(shape), point) == math.prod(concrete)


def test_shapes():
    assert size_product(()) == 1
    assert size_product((2, n, 3)) == 6 * n
    assert size_product((0, n)) == 0
    assert type(size_product((2, 3))) is int
    assert is_concrete(())
    assert substitute_shape([2, n, m], {"n": 4}) == (2, 4, m)
