"""The one normal form: n-ary sums with exact coefficients, n-ary products over indices, one order for both.

Two expressions that differ by commuting and regrouping sums and products, by transposes of products, by identities, by
the way in which a contraction is written, or by how numbers are multiplied, have the same normal form: the same node.
A sum is one factor of the product that it stands in, and nothing is ever distributed over it; nested sums are one sum
only at coefficient 1. Other ops keep their place, with normal operands.

The normal form is of the class "formula": like terms cancel, roundings are ignored. It serves formulas and their
comparison, and the structure of derivatives; programs are never made from it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from chainrule.core.aval import Shape
from chainrule.core.dimension import Dim
from chainrule.core.function import Function
from chainrule.core.leaves import LITERAL, SYMBOL, is_literal, literal, literal_value
from chainrule.core.node import Node, make_node, topological
from chainrule.core.op import ElementwiseOp
from chainrule.ops.arithmetic import ADD, SUBTRACT
from chainrule.ops.contractions import EINSUM, contract, delta
from chainrule.ops.elementwise import POWER, sqrt
from chainrule.ops.selection import astype
from chainrule.ops.shaping import broadcast
from chainrule.ops.sums import COMBINATION, DIMENSION, combination, dimension
from chainrule.rewrite.canonical import Factor, canonical_order
from chainrule.rewrite.products import (
    MAX_BITS,
    MAX_FACTORS,
    MAX_SHARED,
    Part,
    Product,
    children,
    contracted,
    exact_number,
    is_product,
    read,
    reciprocal,
)
from chainrule.rewrite.rule import COMMUTATIVE

ONE = Fraction(1)
Terms = list[tuple[Fraction, Node]]


class NormalForm(NamedTuple):
    """Normal nodes, and whether their form is the only one (False where a search ran over its budget)."""

    outputs: tuple[Node, ...]
    canonical: bool


def normal(node: Node, *, facts: bool = True) -> Node:
    """The normal form of one node.

    Parameters
    ----------
    node : Node
        Of any shape; its sizes may be symbolic.
    facts : bool, optional
        Whether facts of symbols may be used (``A' = A`` for a symmetric A).

    Returns
    -------
    Node
        Equal to `node` in real arithmetic, of the same shape and dtype.

    Examples
    --------
    >>> from chainrule.core.leaves import symbol_node
    >>> from chainrule.ops.contractions import matmul, swap
    >>> a, b = symbol_node("a", (2, 3)), symbol_node("b", (3, 2))
    >>> normal(swap(matmul(a, b))) is normal(matmul(swap(b), swap(a)))
    True
    """
    return normal_form((node,), facts=facts).outputs[0]


def normal_function(function: Function, *, facts: bool = True) -> Function:
    """The function with every output in normal form."""
    return Function(function.inputs, normal_form(function.outputs, facts=facts).outputs)


def normal_form(outputs: Sequence[Node], *, facts: bool = True) -> NormalForm:
    """The normal forms of several nodes, sharing what they share."""
    run = _Normaliser(outputs, facts)
    found = tuple([run.normalised(output) for output in outputs])
    return NormalForm(found, run.canonical)


class _Normaliser:
    """One pass over one graph: what every node becomes that is not swallowed by a sum or product above it."""

    def __init__(self, outputs: Sequence[Node], facts: bool) -> None:
        self.facts = facts
        self.done: dict[Node, Node] = {}
        self.symmetric: dict[Node, bool] = {}
        self.too_long = _overlong(outputs)
        self.canonical = not self.too_long

    def normalised(self, root: Node) -> Node:
        """The normal form of `root`, after that of everything it stands on."""
        stack = [root]
        below: dict[Node, Sequence[Node]] = {}
        while stack:
            node = stack[-1]
            if node in self.done:
                stack.pop()
                continue
            if node not in below:
                below[node] = self._stands_on(node)
            pending = [x for x in below[node] if x not in self.done]
            if pending:
                stack.extend(reversed(pending))
                continue
            self.done[node] = result = self._assembled(node)
            # What is normal stays as it is.
            self.done.setdefault(result, result)
            stack.pop()
        return self.done[root]

    def _stands_on(self, node: Node) -> Sequence[Node]:
        if _is_sum(node):
            return [term for _, term in summands(node, self.too_long)]
        if is_product(node):
            _, parts = self._read(node)
            return [part.node for part in parts]
        return node.operands

    def _read(self, node: Node) -> tuple[Product, list[Part]]:
        product = Product()
        labels = product.fresh_for(node.shape)
        return product, list(read(product, Part(node, labels), self._is_opaque(node)))

    def _is_opaque(self, root: Node) -> Any:
        return lambda node: node is not root and node in self.too_long

    def _assembled(self, node: Node) -> Node:
        if node.outputs is not None:
            return make_node(node.op, tuple([self.done[x] for x in node.operands]), node.params)
        if _is_sum(node):
            result = self._sum(node)
        elif is_product(node):
            product, parts = self._read(node)
            result = self._product(product, parts, tuple(range(node.ndim)), node.dtype)
        else:
            result = self._other(node)
        assert result.shape == node.shape, f"the normal form of {node.op.name} changed its shape"
        if result.dtype != node.dtype:
            result = astype(result, node.dtype)
        self._note_symmetry(result)
        return result

    # --- products ---

    def _product(self, product: Product, parts: Sequence[Part], output: tuple[int, ...], dtype: np.dtype[Any]) -> Node:
        """The node for a product whose parts have their normal forms."""
        for part in parts:
            self._multiply(product, part._replace(node=self.done[part.node]))
        return self._finished(product, output, dtype)

    def _multiply(self, product: Product, part: Part) -> None:
        """Multiply by a normal node, flattening it if it is a product itself."""
        for inner in read(product, part, _is_long):
            if inner.divided:
                inner = Part(reciprocal(inner.node), inner.labels)
            product.factors.append(inner)

    def _finished(self, product: Product, output: tuple[int, ...], dtype: np.dtype[Any]) -> Node:
        shape = tuple([product.sizes[label] for label in output])
        contraction = contracted(product, output)
        if product.coefficient == 0:
            return zero(shape, dtype)
        if _is_alone(contraction.factors, output, product) and not contraction.ties:
            return scaled(product.coefficient, contraction.factors[0].node, dtype)
        parts = list(contraction.factors)
        parts += [Part(ones(product.sizes[label], dtype), (label,)) for label in contraction.ones]
        parts += [Part(delta(product.sizes[first], dtype), tie) for tie in contraction.ties for first in tie[:1]]
        parts += [Part(node, ()) for node in _sizes(product.powers)]
        return scaled(product.coefficient, self._contraction(parts, output), dtype)

    def _contraction(self, parts: Sequence[Part], output: tuple[int, ...]) -> Node:
        if not parts:
            return literal(1)
        factors = [Factor(part.node.digest, part.labels, self._is_symmetric(part.node)) for part in parts]
        order = canonical_order(factors, output)
        self.canonical = self.canonical and order.canonical
        if len(order.factors) == 1 and order.factors[0][1] == tuple(range(len(output))):
            return parts[0].node
        nodes = [parts[k].node for k, _ in order.factors]
        return contract(nodes, [labels for _, labels in order.factors], range(len(output)))

    # --- sums ---

    def _sum(self, node: Node) -> Node:
        shape, dtype = node.shape, node.dtype
        terms = [(c, self._stretched(self.done[term], shape, dtype)) for c, term in summands(node, self.too_long)]
        return sum_of(terms, shape, dtype)

    def _stretched(self, node: Node, shape: Shape, dtype: np.dtype[Any]) -> Node:
        """A normal node repeated along new axes, as NumPy's broadcasting does it."""
        if node.shape == shape:
            return node
        product = Product()
        output = product.fresh_for(shape)
        own = output[len(shape) - node.ndim :]
        labels = tuple([product.fresh(1) if n == 1 else x for x, n in zip(own, node.shape, strict=True)])
        self._multiply(product, Part(node, labels))
        return self._finished(product, output, dtype)

    # --- everything else ---

    def _other(self, node: Node) -> Node:
        operands = [self._plain_number(node, k, self.done[x]) for k, x in enumerate(node.operands)]
        if node.op in COMMUTATIVE:
            operands.sort(key=lambda operand: operand.digest)
        if node.op is DIMENSION:
            return _sum_of_sizes(node)
        if node.op is POWER and is_literal(operands[1]):
            root = _as_root(operands[0], literal_value(operands[1].params))
            if root is not None:
                return root
        result = node.op.bind(tuple(operands), node.params)
        return self._again(result) if _is_sum(result) or is_product(result) else result

    def _plain_number(self, node: Node, k: int, operand: Node) -> Node:
        """An operand that is an integer written as a float, as an integer, where that changes nothing."""
        if operand.op is LITERAL and operand.dtype.kind == "f":
            value = literal_value(operand.params)
            if value == int(value) if np.isfinite(value) else False:
                avals = [x.aval for x in node.operands]
                whole = literal(int(value))
                params = dict(zip(node.op.parameters, node.params, strict=True))
                if node.op.infer(*avals[:k], whole.aval, *avals[k + 1 :], **params) == node.aval:
                    return whole
        return operand

    def _again(self, node: Node) -> Node:
        """The normal form of a sum or product of normal nodes, which an op became when it was built."""
        for operand in self._stands_on(node):
            self.done.setdefault(operand, operand)
        return self._assembled(node)

    # --- symmetric matrices ---

    def _is_symmetric(self, node: Node) -> bool:
        if node not in self.symmetric:
            self._note_symmetry(node)
        return self.symmetric.get(node, False)

    def _note_symmetry(self, node: Node) -> None:
        """Record whether a normal matrix equals its transpose; what it is made of has been recorded before."""
        if node.ndim != 2 or node.shape[0] != node.shape[1] or node in self.symmetric:
            return
        self.symmetric[node] = False  # while it is being found out
        if node.op is SYMBOL:
            facts = node.param("facts")
            self.symmetric[node] = self.facts and ("symmetric" in facts or "diagonal" in facts)
        elif node.op is COMBINATION:
            turned = [(c, self._transposed(term)) for c, term in _terms(node)]
            self.symmetric[node] = sum_of(turned, node.shape, node.dtype) is node
        elif node.op is EINSUM:
            self.symmetric[node] = self._transposed(node) is node
        elif isinstance(node.op, ElementwiseOp):
            self.symmetric[node] = all(x.ndim == 0 or self.symmetric.get(x, False) for x in node.operands)
        else:
            self.symmetric[node] = node.op.name == "inv" and self.symmetric.get(node.operands[0], False)

    def _transposed(self, node: Node) -> Node:
        product = Product()
        rows, columns = product.fresh_for(node.shape)
        self._multiply(product, Part(node, (columns, rows)))
        return self._finished(product, (rows, columns), node.dtype)


def _is_alone(factors: Sequence[Part], output: tuple[int, ...], product: Product) -> bool:
    """Whether a product is its only factor as it is; axes of size 1 have indices of their own, and carry nothing."""
    if len(factors) != 1 or any(product.powers.values()):
        return False
    (factor,) = factors
    wanted = [0 if product.sizes[label] == 1 else label + 1 for label in output]
    return wanted == [0 if product.sizes[label] == 1 else label + 1 for label in factor.labels]


# --- sums -----------------------------------------------------------------------------------------------------------


def _is_sum(node: Node) -> bool:
    if node.op is COMBINATION:
        return len(node.operands) > 1
    return (node.op is ADD or node.op is SUBTRACT) and node.dtype.kind in "fiu"


def _terms(node: Node) -> Terms:
    """The terms of one sum, one step below, with their coefficients."""
    if node.op is COMBINATION:
        return list(zip(node.param("coefficients"), node.operands, strict=True))
    x, y = node.operands
    return [(ONE, x), (-ONE if node.op is SUBTRACT else ONE, y)]


def summands(root: Node, closed: Collection[Node] = ()) -> Terms:
    """The terms of a sum after opening the sums in it that stand at coefficient 1; terms that meet are added.

    Sums in `closed` stay terms. Linear in the nodes: a sum that is reached along several paths is opened once, with the
    number of paths.
    """
    paths = {root: ONE}
    found: dict[Node, Fraction] = {}
    order = _opened(root, closed)
    opened = set(order)
    for node in order:
        for coefficient, term in _terms(node):
            coefficient, term = _unscaled(coefficient, term)
            if coefficient == 1 and term in opened:
                paths[term] = paths.get(term, Fraction(0)) + paths[node]
            else:
                found[term] = found.get(term, Fraction(0)) + paths[node] * coefficient
    return [(coefficient, term) for term, coefficient in found.items()]


def _opened(root: Node, closed: Collection[Node]) -> list[Node]:
    """Sums below `root` that stand at coefficient 1, each before those in it."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack = [root]
    while stack:
        node = stack[-1]
        if node in seen:
            stack.pop()
            continue
        inner = [term for c, term in (_unscaled(*entry) for entry in _terms(node)) if c == 1 and _is_sum(term)]
        pending = [term for term in inner if term not in seen and term not in closed]
        if pending:
            stack.extend(reversed(pending))
            continue
        seen.add(node)
        order.append(node)
        stack.pop()
    return order[::-1]


def _unscaled(coefficient: Fraction, node: Node) -> tuple[Fraction, Node]:
    """A term without the signs and numbers in front of it."""
    while True:
        step = _scale(node)
        if step is None:
            return coefficient, node
        coefficient, node = coefficient * step[0], step[1]


def _scale(node: Node) -> tuple[Fraction, Node] | None:
    """A node as a number times another of the same shape, if it is written so."""
    if not is_product(node):
        return None
    name, operands = node.op.name, node.operands
    if name == "negative":
        return -ONE, operands[0]
    if node.op is COMBINATION:
        return (node.param("coefficients")[0], operands[0]) if operands[0].shape == node.shape else None
    if name in ("multiply", "divide"):
        for k in (1, 0) if name == "multiply" else (1,):
            number, other = exact_number(operands[k]), operands[1 - k]
            if number and other.shape == node.shape:
                return (number if name == "multiply" else 1 / number), other
    return None


def sum_of(terms: Terms, shape: Shape, dtype: np.dtype[Any]) -> Node:
    """The sum of normal terms of one shape: like terms merged, sums at coefficient 1 opened, the rest sorted."""
    total: dict[Node, Fraction] = {}
    queue = list(terms)
    while queue:
        for coefficient, node in queue:
            inner, core = split(node)
            total[core] = total.get(core, Fraction(0)) + coefficient * inner
        # A sum that stands at coefficient 1, perhaps only now that like terms are merged, is opened.
        queue = []
        for core in [core for core, coefficient in total.items() if coefficient == 1 and _opens(core)]:
            del total[core]
            queue += _terms(core)
    left = sorted([(core.digest, core) for core, coefficient in total.items() if coefficient], key=lambda x: x[0])
    if not left:
        return zero(shape, dtype)
    if len(left) == 1:
        return scaled(total[left[0][1]], left[0][1], dtype)
    return combination([total[core] for _, core in left], [core for _, core in left])


def _opens(core: Node) -> bool:
    return _is_sum(core) and not _is_long(core)


def _is_long(node: Node) -> bool:
    """Whether a normal sum or product is too long, or its number too large, to become part of another."""
    if node.op is COMBINATION and len(node.operands) == 1:
        number: Fraction = node.param("coefficients")[0]
        return max(number.numerator.bit_length(), number.denominator.bit_length()) > MAX_BITS
    return (node.op is COMBINATION or node.op is EINSUM) and len(node.operands) > MAX_SHARED


def split(node: Node) -> tuple[Fraction, Node]:
    """A normal node as a number times a normal node without one."""
    if node.op is COMBINATION and len(node.operands) == 1:
        return node.param("coefficients")[0], node.operands[0]
    number = exact_number(node)
    return (ONE, node) if number is None else (number, literal(1))


def scaled(coefficient: Fraction, core: Node, dtype: np.dtype[Any]) -> Node:
    """A number times a normal node."""
    if is_literal(core, 1) and core.ndim == 0:
        return _number(coefficient, dtype)
    inner, core = split(core)
    coefficient *= inner
    if coefficient == 0:
        return zero(core.shape, dtype)
    return core if coefficient == 1 else combination([coefficient], [core])


def _number(value: Fraction, dtype: np.dtype[Any]) -> Node:
    if value.denominator == 1 and dtype.kind in "iu":
        node = literal(int(value))
    elif Fraction(float(value)) == value:
        node = literal(float(value))
    else:
        node = combination([value], [literal(1)])
    return node if node.dtype == dtype else astype(node, dtype)


def zero(shape: Shape, dtype: np.dtype[Any]) -> Node:
    """Zeros, in the one way that the normal form writes them."""
    if not shape:
        return _number(Fraction(0), dtype)
    return combination([0], [_ones_of(shape, dtype)])


def ones(size: Any, dtype: np.dtype[Any]) -> Node:
    """A vector of ones."""
    return broadcast(astype(literal(1), dtype), (-1,), (size,))


def _ones_of(shape: Shape, dtype: np.dtype[Any]) -> Node:
    vectors = sorted(((ones(n, dtype).digest, k, ones(n, dtype)) for k, n in enumerate(shape)), key=lambda x: x[:2])
    if len(vectors) == 1:
        return vectors[0][2]
    return contract([x for _, _, x in vectors], [(k,) for _, k, _ in vectors], range(len(shape)))


def _sizes(powers: dict[str, int]) -> list[Node]:
    """Symbolic sizes as factors: one product above the line, one below."""
    above = tuple(sorted((name, power) for name, power in powers.items() if power > 0))
    below = tuple(sorted((name, -power) for name, power in powers.items() if power < 0))
    found = [dimension(Dim(terms=((above, 1),)))] if above else []
    return [*found, *([reciprocal(dimension(Dim(terms=((below, 1),))))] if below else [])]


def _sum_of_sizes(node: Node) -> Node:
    """A size such as ``n + 2*m - 1`` as a sum."""
    terms: Terms = [
        (Fraction(coefficient), dimension(Dim(terms=((monomial, 1),))) if monomial else literal(1))
        for monomial, coefficient in node.param("size").terms
    ]
    return sum_of(terms, (), node.dtype)


def _as_root(base: Node, exponent: float) -> Node | None:
    """Powers of one half by `sqrt`."""
    if exponent == 0.5:
        return sqrt(base)
    return reciprocal(sqrt(base)) if exponent == -0.5 else None


def _overlong(outputs: Sequence[Node]) -> set[Node]:
    """Products and sums that stay single factors and terms, lest flattening grow without bound.

    A long one that is used once is flattened all the same: that repeats nothing.
    """
    order = topological(outputs)
    uses: dict[Node, int] = dict.fromkeys(outputs, 1)
    for node in order:
        for operand in node.operands:
            uses[operand] = uses.get(operand, 0) + 1
    counts: dict[Node, int] = {}
    cut: set[Node] = set()
    for node in order:
        is_sum = _is_sum(node)
        if not is_sum and not is_product(node):
            continue
        total = 0
        for x, times in [(term, 1) for _, term in _terms(node)] if is_sum else children(node):
            # What is not of the same kind is one term or factor.
            size = counts.get(x, 1) if _is_sum(x) == is_sum else 1
            if _is_long(x) or (size > MAX_SHARED and (uses[x] > 1 or times > 1)):
                cut.add(x)
                size = 1
            total += times * size
        if total > MAX_FACTORS and not is_sum:
            cut.update(x for x, _ in children(node) if counts.get(x, 1) > 1)
            total = len(node.operands)
        counts[node] = total
    return cut
