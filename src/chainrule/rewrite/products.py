"""Products as index expressions: what a node multiplies, over which indices, and what it sums.

Products, quotients, sums over axes, transposes, diagonals, traces, new axes, identities and numbers are read into one
flat `Product`: an exact coefficient, factors with indices, pairs of indices that an identity makes equal, and powers of
symbolic sizes. Nothing is distributed over a sum, and nothing is cancelled but sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from chainrule.core.aval import Shape
from chainrule.core.dimension import Dim, Size
from chainrule.core.leaves import LITERAL, literal, literal_value
from chainrule.core.node import Node
from chainrule.ops.arithmetic import DIVIDE, MULTIPLY, NEGATIVE, divide
from chainrule.ops.contractions import DELTA, EINSUM
from chainrule.ops.elementwise import POWER
from chainrule.ops.reductions import SUM
from chainrule.ops.selection import ASTYPE
from chainrule.ops.shaping import BROADCAST, PERMUTE, RESHAPE
from chainrule.ops.sums import COMBINATION, DIMENSION

Labels = tuple[int, ...]

# Powers up to the first are repeated factors. Products with more factors than the second are not flattened into one,
# nor products and sums of more than the third that are used more than once.
MAX_POWER, MAX_FACTORS, MAX_SHARED = 8, 1_000, 100
# Numbers of more bits stay where they are: k squarings of 2 x would give 2 ** (2 ** k).
MAX_BITS = 4_096

_FACTORED = frozenset(
    {MULTIPLY, DIVIDE, NEGATIVE, EINSUM, SUM, PERMUTE, BROADCAST, RESHAPE, POWER, COMBINATION, DELTA, DIMENSION}
)


class Part(NamedTuple):
    """A node in a product: its indices, and whether it is divided by."""

    node: Node
    labels: Labels
    divided: bool = False


@dataclass
class Product:
    """A product that is being read."""

    coefficient: Fraction = Fraction(1)
    factors: list[Part] = field(default_factory=list)
    ties: list[tuple[int, int]] = field(default_factory=list)
    sizes: dict[int, Size] = field(default_factory=dict)
    powers: dict[str, int] = field(default_factory=dict)

    def fresh(self, size: Size) -> int:
        """A new index."""
        label = len(self.sizes)
        self.sizes[label] = size
        return label

    def fresh_for(self, shape: Shape) -> Labels:
        return tuple([self.fresh(size) for size in shape])

    def times_size(self, size: Size) -> None:
        """Multiply by a size: a monomial or a number."""
        if isinstance(size, Dim):
            ((monomial, coefficient),) = size.terms
            self.coefficient *= coefficient
            self.times_names(monomial, 1)
        else:
            self.coefficient *= size

    def times_names(self, monomial: Sequence[tuple[str, int]], sign: int) -> None:
        for name, power in monomial:
            self.powers[name] = self.powers.get(name, 0) + sign * power


def is_product(node: Node) -> bool:
    """Whether a node is read as a product of others, rather than as one factor."""
    if node.op is LITERAL or node.op is ASTYPE:
        return exact_number(node) is not None
    if node.op not in _FACTORED or node.dtype.kind not in "fiu":
        return False
    return _READS.get(node.op, _always)(node)


def _always(node: Node) -> bool:
    return True


def exact_number(node: Node) -> Fraction | None:
    """The exact value of a finite number that is part of the program."""
    if node.op is ASTYPE:
        inner = exact_number(node.operands[0])
        return inner if inner is not None and _survives(inner, node.dtype) else None
    if node.op is not LITERAL or node.dtype.kind == "b":
        return None
    value = literal_value(node.params)
    return Fraction(value) if isinstance(value, int) or math.isfinite(value) else None


def _survives(number: Fraction, dtype: np.dtype[Any]) -> bool:
    """Whether a number is the same in a dtype."""
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            rounded = float(dtype.type(float(number)))
        return math.isfinite(rounded) and Fraction(rounded) == number
    return dtype.kind in "iu" and number.denominator == 1


def _reads_sum(node: Node) -> bool:
    return node.operands[0].dtype == node.dtype


def _reads_power(node: Node) -> bool:
    exponent = exact_number(node.operands[1])
    return (
        exponent is not None
        and node.dtype.kind == "f"
        and exponent.denominator == 1
        and -MAX_POWER <= exponent <= MAX_POWER
        and node.shape == node.operands[0].shape
    )


def _reads_reshape(node: Node) -> bool:
    """Only axes of size 1 come or go."""
    core, to = node.params
    return [size for size in core if size != 1] == [size for size in to if size != 1]


def _reads_combination(node: Node) -> bool:
    return len(node.operands) == 1


def _reads_dimension(node: Node) -> bool:
    return len(node.param("size").terms) == 1


_READS: dict[Any, Callable[[Node], bool]] = {
    SUM: _reads_sum,
    POWER: _reads_power,
    RESHAPE: _reads_reshape,
    COMBINATION: _reads_combination,
    DIMENSION: _reads_dimension,
}


# --- reading --------------------------------------------------------------------------------------------------------


def read(product: Product, part: Part, opaque: Callable[[Node], bool]) -> Iterator[Part]:
    """Multiply `product` by `part`, as far as it is known at once; give the factors in it that are not products.

    `opaque` tells which products are to be left as single factors.
    """
    stack = [part]
    while stack:
        current = stack.pop()
        inner = None
        if is_product(current.node) and not opaque(current.node):
            inner = _read_one(product, current)
        if inner is None:
            yield current
        else:
            stack.extend(reversed(inner))


def _read_one(product: Product, part: Part) -> list[Part] | None:
    """One step of reading; None if the node must stay a factor after all."""
    node, labels, divided = part
    number = exact_number(node)
    if number is not None:
        return _read_number(product, number, divided)
    if node.op is MULTIPLY or node.op is DIVIDE:
        x, y = node.operands
        return [
            Part(x, _aligned(product, x, labels), divided),
            Part(y, _aligned(product, y, labels), divided != (node.op is DIVIDE)),
        ]
    if node.op is NEGATIVE:
        product.coefficient = -product.coefficient
        return [Part(node.operands[0], labels, divided)]
    if node.op is POWER:
        times = int(exact_number(node.operands[1]) or 0)
        return [Part(node.operands[0], labels, divided != (times < 0))] * abs(times)
    if node.op is COMBINATION:
        (coefficient,) = node.param("coefficients")
        if _read_number(product, coefficient, divided) is None:
            return None
        return [Part(node.operands[0], _aligned(product, node.operands[0], labels), divided)]
    if node.op is DIMENSION:
        ((monomial, coefficient),) = node.param("size").terms
        product.times_names(monomial, -1 if divided else 1)
        return _read_number(product, Fraction(coefficient), divided)
    return _read_moved(product, part)


def _read_number(product: Product, number: Fraction, divided: bool) -> list[Part] | None:
    if divided and number == 0:
        return None
    product.coefficient *= 1 / number if divided else number
    return []


def _read_moved(product: Product, part: Part) -> list[Part] | None:
    """Ops that place, repeat, equate or sum indices."""
    node, labels, divided = part
    if node.op is DELTA:
        if divided:
            return None
        product.ties.append((labels[0], labels[1]))
        return []
    if node.op is EINSUM:
        return _read_einsum(product, part)
    (x,) = node.operands
    if node.op is SUM:
        axes = [x.ndim + axis for axis in node.param("axis")]
        if divided and axes:
            return None
        kept = iter(labels)
        return [Part(x, tuple([product.fresh(n) if k in axes else next(kept) for k, n in enumerate(x.shape)]), divided)]
    if node.op is PERMUTE:
        axes = list(node.param("axes"))
        loops = node.ndim - len(axes)
        core = [labels[loops + axes.index(k - len(axes))] for k in range(len(axes))]
        return [Part(x, (*labels[:loops], *core), divided)]
    if node.op is BROADCAST:
        new = {node.ndim + axis for axis in node.param("axes")}
        return [Part(x, tuple([label for k, label in enumerate(labels) if k not in new]), divided)]
    kept = iter([label for label, n in zip(labels, node.shape, strict=True) if n != 1])
    return [Part(x, tuple([product.fresh(1) if n == 1 else next(kept) for n in x.shape]), divided)]


def _read_einsum(product: Product, part: Part) -> list[Part] | None:
    node, labels, divided = part
    inputs, output = node.params
    inner = {label for group in inputs for label in group}
    # A quotient by a sum, or by a matrix with zeros off its diagonal, is no product of quotients.
    if divided and (len(inner) > len(output) or any(x.op is DELTA for x in node.operands)):
        return None
    names = dict(zip(output, labels, strict=True))
    for operand, group in zip(node.operands, inputs, strict=True):
        for label, size in zip(group, operand.shape, strict=True):
            if label not in names:
                names[label] = product.fresh(size)
    return [
        Part(operand, tuple([names[label] for label in group]), divided)
        for operand, group in zip(node.operands, inputs, strict=True)
    ]


def _aligned(product: Product, x: Node, labels: Labels) -> Labels:
    """Indices of an operand under NumPy's broadcasting: an axis of size 1 has an index of its own."""
    own = labels[len(labels) - x.ndim :]
    return tuple([product.fresh(1) if n == 1 else label for label, n in zip(own, x.shape, strict=True)])


def children(node: Node) -> list[tuple[Node, int]]:
    """The nodes that a product reads one step below, and how often."""
    if node.op is POWER:
        return [(node.operands[0], abs(int(exact_number(node.operands[1]) or 0)))]
    return [] if exact_number(node) is not None else [(operand, 1) for operand in node.operands]


# --- identities, ones and lonely indices ----------------------------------------------------------------------------


class Contraction(NamedTuple):
    """A product without numbers: factors with indices, the result's indices, and which of those are repeated."""

    factors: list[Part]
    output: Labels
    ones: list[int]
    ties: list[tuple[int, int]]


def contracted(product: Product, output: Labels) -> Contraction:
    """Eliminate the identities of a product and the indices that nothing has, which count as sizes.

    Indices that an identity makes equal become one. An axis of size 1 is told from every other: as an index it carries
    nothing. Of the result's indices that are equal the first stands for all; of those that nothing has, ones remain.
    """
    sizes = product.sizes
    names = _Classes()
    for first, second in product.ties:
        if sizes[first] != 1:
            names.join(first, second)
    wanted = _representatives(names, output, sizes)
    factors = []
    for node, labels, divided in product.factors:
        renamed = [wanted.get(names.of(x), names.of(x)) if sizes[x] != 1 else product.fresh(1) for x in labels]
        factors.append(Part(node, tuple(renamed), divided))
    used = {label for part in factors for label in part.labels}
    for label in {names.of(x): None for x in sizes if sizes[x] != 1 and not names.lost(x)}:
        if label not in used and label not in wanted:
            product.times_size(sizes[label])
    ties, ones = [], []
    for label in output:
        first = label if sizes[label] == 1 else wanted[names.of(label)]
        if first != label:
            ties.append((first, label))
    tied = {first for first, _ in ties}
    for label in output:
        first = label if sizes[label] == 1 else wanted[names.of(label)]
        if first == label and label not in used and label not in tied:
            ones.append(label)
    return Contraction(factors, output, ones, ties)


def _representatives(names: _Classes, output: Labels, sizes: dict[int, Size]) -> dict[int, int]:
    """For each class that the result has, the first of the result's indices in it."""
    wanted: dict[int, int] = {}
    for label in output:
        if sizes[label] != 1:
            wanted.setdefault(names.of(label), label)
    return wanted


class _Classes:
    """Indices that are equal (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def of(self, label: int) -> int:
        while (above := self._parent.get(label, label)) != label:
            self._parent[label] = self._parent.get(above, above)
            label = above
        return label

    def join(self, x: int, y: int) -> None:
        x, y = self.of(x), self.of(y)
        self._parent[max(x, y)] = min(x, y)

    def lost(self, label: int) -> bool:
        """Whether another index stands for this one."""
        return self.of(label) != label


def reciprocal(node: Node) -> Node:
    """``1 / node``, in the one way that the normal form writes it."""
    return divide(literal(1), node)
