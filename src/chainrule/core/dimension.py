"""Symbolic sizes: the letters that stand for a number of rows or columns, and arithmetic on them.

A shape is a tuple of `Size`s, each a plain `int` or a `Dim`: an integer polynomial in named dimensions, kept
in one canonical form, so that equal sizes compare equal and constant ones are `int`s again. What a polynomial
cannot answer (`int`, `range`, an undecided ``<``) is refused, never guessed. Broadcasting, and the binding of
names to numbers, live elsewhere. Any module may import this one; it imports only `chainrule.errors`.
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from numbers import Integral
from typing import NoReturn, TypeAlias, TypeVar, final

from chainrule.errors import DimensionError, fail

Monomial: TypeAlias = tuple[tuple[str, int], ...]
Term: TypeAlias = tuple[Monomial, int]
T = TypeVar("T")

# Far beyond any shape; they keep a short hostile text such as (a + b + c)^99 from filling the memory.
MAX_TERMS, MAX_DEGREE, MAX_BITS, MAX_TEXT = 200, 100, 1024, 20_000


def _terms(size: Size) -> tuple[Term, ...]:
    if isinstance(size, Dim):
        return size.terms
    return (((), size),) if size else ()


def _names(terms: Iterable[Term]) -> tuple[str, ...]:
    return tuple(sorted({name for monomial, _ in terms for name, _ in monomial}))


def _refusal(problem: str, *operands: Size, fix: str = "") -> DimensionError:
    """Build the error to raise; without a fix of its own, it asks for sizes of the names in the operands."""
    sizes = ", ".join(f"{name!r}: 3" for name in _names(term for size in operands for term in _terms(size)))
    return fail(DimensionError, "chainrule.Dim", problem, fix=fix or f"give sizes: substitute({{{sizes}}})")


def _order(term: Term) -> tuple[int, Monomial]:
    """Sort by falling degree, then by name: products keep this order, on which long division relies."""
    return -sum(power for _, power in term[0]), tuple((name, -power) for name, power in term[0])


def _collect(terms: Iterable[Term]) -> Size:
    """Bring a sum of terms into canonical form."""
    total: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        total[monomial] = total.get(monomial, 0) + coefficient
    found = sorted((term for term in total.items() if term[1]), key=_order)
    degree = -_order(found[0])[0] if found else 0
    bits = max((coefficient.bit_length() for _, coefficient in found), default=0)
    if len(found) > MAX_TERMS or degree > MAX_DEGREE or bits > MAX_BITS:
        extent = f"{len(found)} terms, degree {degree}, {bits} bits, names {', '.join(_names(found))}"
        limit = f"stay within {MAX_TERMS} terms, degree {MAX_DEGREE} and {MAX_BITS} bits"
        raise _refusal(f"too large a size: {extent}", fix=limit)
    return Dim(terms=tuple(found)) if degree else sum(coefficient for _, coefficient in found)


def _times(left: Monomial, right: Monomial) -> Monomial:
    powers = dict(left)
    for name, power in right:
        powers[name] = powers.get(name, 0) + power
    return tuple(sorted((name, power) for name, power in powers.items() if power))


def _product(left: Size, right: Size) -> Size:
    return _collect((_times(p, q), a * b) for p, a in _terms(left) for q, b in _terms(right))


def _quotient(dividend: Size, divisor: Size) -> Size:
    """Divide by leading terms; the first that leaves a remainder shows that the division is not exact."""
    if divisor == 0:
        raise _refusal(f"{dividend} is divided by 0", fix="divide by a size that is not 0")
    lead, scale = _terms(divisor)[0]
    inverse = tuple((name, -power) for name, power in lead)
    quotient, rest = 0 * dividend, dividend
    while rest != 0:
        monomial, coefficient = _terms(rest)[0]
        factor = _times(monomial, inverse)
        if coefficient % scale or any(power < 0 for _, power in factor):
            raise _refusal(f"{dividend} is not divisible by {divisor} as a polynomial", dividend, divisor)
        step = _collect([(factor, coefficient // scale)])
        quotient, rest = quotient + step, rest - step * divisor
    return quotient


def _power(base: Size, exponent: Size) -> Size:
    if isinstance(exponent, Dim) or not 0 <= exponent <= MAX_DEGREE:
        raise _refusal(f"({base})^({exponent}) is no small polynomial", fix=f"use a power of 0 to {MAX_DEGREE}")
    return _collect(_terms(size_product(repeat(base, exponent))))


def _less(left: Size, right: Size) -> bool:
    difference = right - left
    if isinstance(difference, int):
        return difference > 0
    positive = sum(coefficient for _, coefficient in difference.terms) > 0

    def agrees(size: Size) -> bool:
        return all((coefficient > 0) == positive for monomial, coefficient in _terms(size) if monomial)

    one_more = {name: Dim.named(name) + 1 for name in difference.names}
    # With each n = n' + 1 and n' >= 0, coefficients of one sign bound the difference by its value at n' = 0.
    with suppress(DimensionError):  # too large to expand
        if agrees(difference) or agrees(difference.substitute(one_more)):
            return positive
    raise _refusal(f"the order of {left} and {right} is not known for all sizes", left, right)


def _operators(operation: Callable[[Size, Size], T]) -> tuple[Callable[[Dim, Size], T], ...]:
    """Make the method of an operator and its reflection, which leave what is no size to the other class."""
    return (
        lambda self, other: operation(self, _as_size(other)) if isinstance(other, _SIZES) else NotImplemented,
        lambda self, other: operation(_as_size(other), self) if isinstance(other, _SIZES) else NotImplemented,
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Dim:
    """A size known by name: an integer polynomial in named dimensions.

    Made by `named`, by `parse`, or by arithmetic with ``+ - * // % **``, where a constant result is an `int`
    and division must be exact. Sizes are equal only if identical: ``n == m`` and ``n == 3`` are False.

    Attributes
    ----------
    terms : tuple of (monomial, coefficient)
        The canonical form. A monomial is a tuple of (name, power) sorted by name; terms run from the highest
        degree down, then by name, and no coefficient is 0.

    Notes
    -----
    Order comparisons take every named dimension to be at least 1. They are decided if the
    difference, as a polynomial in all ``n - 1``, has coefficients of one sign: soundly, but not always.

    Examples
    --------
    >>> n, m = Dim.named("n"), Dim.named("m")
    >>> (n + m) * (n - m)
    -m^2 + n^2
    >>> (n * m + m) // m - n
    1
    >>> n * m >= n
    True
    """

    terms: tuple[Term, ...]

    @staticmethod
    def named(name: str) -> Dim:
        """Make a dimension from its name, an identifier."""
        # Python reads identifiers in NFKC form; another spelling would come back from `parse` changed.
        if not name.isidentifier() or keyword.iskeyword(name) or unicodedata.normalize("NFKC", name) != name:
            raise _refusal(f"{name!r} cannot name a dimension", fix="use an identifier, such as 'n'")
        return Dim(terms=((((name, 1),), 1),))

    @staticmethod
    def parse(text: str) -> Size:
        """Read a size from text, as `str` writes it; parentheses and ``**`` are understood too.

        Examples
        --------
        >>> Dim.parse("2*(n + 1)^2 - 2")
        2*n^2 + 4*n
        """
        # Python's parser gives up in several ways; to the caller they are one.
        with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            if len(text) <= MAX_TEXT:
                return _evaluate(ast.parse(text.strip().replace("^", "**"), mode="eval").body)
        shown = repr(text if len(text) <= 60 else f"{text[:57]}...")
        raise _refusal(f"{shown} cannot be read as a size", fix="write a polynomial, such as '2*n + 1'")

    @property
    def names(self) -> tuple[str, ...]:
        """The names that occur, sorted."""
        return _names(self.terms)

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        """Put sizes in place of names, all at once.

        Names without a size stay, and sizes of names that do not occur are ignored.

        Examples
        --------
        >>> n, m = Dim.named("n"), Dim.named("m")
        >>> (n * m).substitute({"n": 3})
        3*m
        >>> (n - m).substitute({"n": m, "m": n})
        m - n
        """
        values = {name: _as_size(sizes.get(name, Dim.named(name)), name) for name in self.names}
        return sum(a * math.prod(values[name] ** power for name, power in monomial) for monomial, a in self.terms)

    __add__, __radd__ = _operators(lambda left, right: _collect(_terms(left) + _terms(right)))
    __sub__, __rsub__ = _operators(lambda left, right: left + -right)
    __mul__, __rmul__ = _operators(_product)
    __pow__, __rpow__ = _operators(_power)
    __floordiv__, __rfloordiv__ = _operators(_quotient)
    __mod__, __rmod__ = _operators(lambda left, right: 0 * _quotient(left, right))
    __lt__, __gt__ = _operators(_less)
    __le__, __ge__ = _operators(lambda left, right: not _less(right, left))

    def __neg__(self) -> Dim:
        return Dim(terms=tuple((monomial, -coefficient) for monomial, coefficient in self.terms))

    def __bool__(self) -> bool:
        if self >= 1:
            return True
        raise _refusal(f"{self} is below 1, so it is no size", fix="compare with a number instead")

    def _as_number(self) -> NoReturn:
        raise _refusal(f"int(), float(), range() and indexing need a number, not the symbolic {self}", self)

    __int__ = __float__ = __index__ = _as_number

    def __str__(self) -> str:
        text = ""
        for monomial, coefficient in self.terms:
            factors = [name if power == 1 else f"{name}^{power}" for name, power in monomial]
            if abs(coefficient) != 1 or not monomial:
                factors.insert(0, str(abs(coefficient)))
            text += f" {'-' if coefficient < 0 else '+'} {'*'.join(factors)}"
        return text[3:] if text.startswith(" +") else f"-{text[3:]}"

    __repr__ = __str__


Size: TypeAlias = int | Dim
_SIZES = (Dim, Integral)  # NumPy's integers come in as sizes, and become plain ones


def _as_size(value: object, name: str = "a size") -> Size:
    if isinstance(value, Dim):
        return value
    if isinstance(value, Integral):
        return int(value)
    raise _refusal(f"{name} is given as a {type(value).__name__}", fix=f"give {name} an int or a Dim")


def _evaluate(node: ast.expr) -> Size:
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return number
        case ast.Name(id=name):
            return Dim.named(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Pow() as op, right=right):
            size: Size = _OPERATIONS[type(op)](_evaluate(left), _evaluate(right))
            return size
    raise ValueError(f"{type(node).__name__} has no place in a size")


_OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Pow: _power}


def size_product(shape: Iterable[Size]) -> Size:
    """Multiply the sizes of a shape: the number of its entries.

    Examples
    --------
    >>> size_product((2, Dim.named("n"), 3))
    6*n
    """
    return math.prod(shape)  # in C while the sizes are ints; a Dim takes over through __rmul__


def is_concrete(shape: Iterable[Size]) -> bool:
    """Tell whether every size of a shape is a number.

    Examples
    --------
    >>> is_concrete((2, 3)), is_concrete((2, Dim.named("n")))
    (True, False)
    """
    return Dim not in map(type, shape)


def substitute_shape(shape: Iterable[Size], sizes: Mapping[str, Size]) -> tuple[Size, ...]:
    """Put sizes in place of names throughout a shape, as `Dim.substitute` does in one size.

    Examples
    --------
    >>> n = Dim.named("n")
    >>> substitute_shape((2, n, n + 1), {"n": 3})
    (2, 3, 4)
    """
    return tuple(size.substitute(sizes) if isinstance(size, Dim) else size for size in shape)
