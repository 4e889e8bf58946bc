"""The network of the textbook chapter, and what its graph says about the work that sharing saves.

Every number has two sources here: the graph that chainrule makes of `f`, and a count or a closed form that does not
look at it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from chainrule.core.function import Function
from chainrule.core.leaves import INPUT, LITERAL
from chainrule.core.node import Node
from chainrule.diff.jacobian import value_and_gradient
from chainrule.trace.function import Arguments
from chainrule.trace.tracer import opened
from chainrule.trace.transforms import grad

POINT = (-1, 0, -2, 1)
INPUTS = ("w", "x", "y", "z")
# The chapter's definitions, read by `operations_in_text` and `counted_by_hand`.
DEFINITIONS = {
    "a": "(w + x + y + z) ** 2",
    "b": "(w + x - y - z) ** 2",
    "u": "(a + b) ** 2",
    "v": "(a - b) ** 2",
    "f": "(u + v) ** 2",
}


def named(w: Any, x: Any, y: Any, z: Any) -> dict[str, Any]:
    """All named variables of the network."""
    a = (w + x + y + z) ** 2
    b = (w + x - y - z) ** 2
    u = (a + b) ** 2
    v = (a - b) ** 2
    return {"a": a, "b": b, "u": u, "v": v, "f": (u + v) ** 2}


def f(w: Any, x: Any, y: Any, z: Any) -> Any:
    """The network's result."""
    return named(w, x, y, z)["f"]


# --- closed forms ---------------------------------------------------------------------------------------------------


def closed_form(w: int, x: int, y: int, z: int) -> list[int]:
    """The value and the four partials, in integers."""
    s, t = w + x + y + z, w + x - y - z
    p = s**4 + t**4
    return [4 * p**2, *[32 * p * (s**3 + sign * t**3) for sign in (1, 1, -1, -1)]]


def closed_hessian(w: int, x: int, y: int, z: int) -> list[list[int]]:
    """The second derivatives, in integers."""
    s, t = w + x + y + z, w + x - y - z
    p = s**4 + t**4
    signs = (1, 1, -1, -1)
    slopes = [4 * (s**3 + sign * t**3) for sign in signs]
    return [
        [8 * (slopes[i] * slopes[j] + p * 12 * (s**2 + signs[i] * signs[j] * t**2)) for j in range(4)] for i in range(4)
    ]


def adjoints(w: int, x: int, y: int, z: int) -> tuple[Any, list[int]]:
    """How f changes with a, b, u and v: by reverse mode, by what is added to each of them; and in closed form."""

    def moved(da: Any, db: Any, du: Any, dv: Any) -> Any:
        a = (w + x + y + z) ** 2 + da
        b = (w + x - y - z) ** 2 + db
        return ((a + b) ** 2 + du + (a - b) ** 2 + dv) ** 2

    value = named(w, x, y, z)
    total = value["u"] + value["v"]
    return grad(moved, (0, 1, 2, 3))(0, 0, 0, 0), [8 * total * value["a"], 8 * total * value["b"], 2 * total, 2 * total]


# --- the graph ------------------------------------------------------------------------------------------------------


def _traced() -> tuple[Function, dict[str, Node]]:
    """The graph of f, and the nodes of its named variables."""
    with opened("chainrule tour") as trace:
        arguments = Arguments(trace, f, [float(number) for number in POINT], (0, 1, 2, 3), "chainrule tour")
        variables = dict(zip(INPUTS, arguments.handles, strict=True)) | named(*arguments.handles)
        function, _ = trace.close([variables["f"]._node])
        return function, {name: handle._node for name, handle in variables.items()}


def named_graph() -> tuple[int, int, int]:
    """Nodes, edges and layers of the graph of named variables: chainrule's graph, seen from name to name."""
    _, nodes = _traced()
    names = {node: name for name, node in nodes.items()}

    def feeding(node: Node) -> set[str]:
        found: set[str] = set()
        stack = list(node.operands)
        while stack:
            below = stack.pop()
            if below in names:
                found.add(names[below])
            else:
                stack.extend(below.operands)
        return found

    return _shape({name: feeding(node) for name, node in nodes.items()})


def counted_by_hand() -> tuple[int, int, int]:
    """The same from the text of the definitions."""
    uses: dict[str, set[str]] = {name: set() for name in INPUTS}
    for name, text in DEFINITIONS.items():
        uses[name] = {part.id for part in ast.walk(ast.parse(text)) if isinstance(part, ast.Name)}
    return _shape(uses)


def _shape(uses: dict[str, set[str]]) -> tuple[int, int, int]:
    @lru_cache
    def layer(name: str) -> int:
        return 1 + max((layer(below) for below in uses[name]), default=0)

    return len(uses), sum(map(len, uses.values())), max(map(layer, uses))


@dataclass(frozen=True, slots=True)
class Work:
    """Operations in the graph of f and its gradient.

    Attributes
    ----------
    naive_value, naive_partials : int
        With every subexpression written out wherever it is used.
    shared_value, shared_all : int
        With every subexpression computed once: f alone, and f with its four partials.
    """

    naive_value: int
    naive_partials: int
    shared_value: int
    shared_all: int


def work() -> Work:
    """Count the operations in the graphs that chainrule makes."""
    function, _ = _traced()
    derived = value_and_gradient(function, (0, 1, 2, 3))
    written: dict[Node, int] = {}
    for node in derived.nodes():
        # x*x is the square of x and x+x its double: x is written once.
        operands = set(node.operands)
        written[node] = 0 if node.op in (INPUT, LITERAL) else 1 + sum(written[operand] for operand in operands)
    return Work(
        naive_value=written[derived.outputs[0]],
        naive_partials=sum(written[node] for node in derived.outputs[1:]),
        shared_value=_operations(Function(derived.inputs, derived.outputs[:1])),
        shared_all=_operations(derived),
    )


def _operations(function: Function) -> int:
    return sum(node.op not in (INPUT, LITERAL) for node in function.nodes())


def operations_in_text() -> int:
    """Operations in f with every definition put in: each use of a variable brings its own operations."""

    def count(name: str) -> int:
        if name in INPUTS:
            return 0
        parts = list(ast.walk(ast.parse(DEFINITIONS[name])))
        own = sum(isinstance(part, ast.BinOp) for part in parts)
        return own + sum(count(part.id) for part in parts if isinstance(part, ast.Name))

    return count("f")


def operations_in_lines() -> int:
    """Operations in the five definitions, less one: w + x stands in two of them."""
    parts = [part for text in DEFINITIONS.values() for part in ast.walk(ast.parse(text)) if isinstance(part, ast.BinOp)]
    return len({ast.unparse(part) for part in parts})


# --- multiplied out -------------------------------------------------------------------------------------------------

Powers = tuple[int, ...]


class Polynomial:
    """A polynomial in w, x, y, z as powers and coefficients; just enough to run `f` on it."""

    def __init__(self, terms: dict[Powers, int]) -> None:
        self.terms = {powers: factor for powers, factor in terms.items() if factor}

    def _plus(self, other: Polynomial, sign: int) -> Polynomial:
        terms = dict(self.terms)
        for powers, factor in other.terms.items():
            terms[powers] = terms.get(powers, 0) + sign * factor
        return Polynomial(terms)

    def __add__(self, other: Polynomial) -> Polynomial:
        return self._plus(other, 1)

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self._plus(other, -1)

    def __pow__(self, exponent: int) -> Polynomial:
        assert exponent == 2
        terms: dict[Powers, int] = {}
        for first, p in self.terms.items():
            for second, q in self.terms.items():
                powers = tuple(map(sum, zip(first, second, strict=True)))
                terms[powers] = terms.get(powers, 0) + p * q
        return Polynomial(terms)

    def derivative(self, variable: int) -> Polynomial:
        """The derivative by one of the four variables."""
        terms = {}
        for powers, factor in self.terms.items():
            if powers[variable]:
                lower = tuple(power - (k == variable) for k, power in enumerate(powers))
                terms[lower] = factor * powers[variable]
        return Polynomial(terms)


def expanded() -> tuple[list[int], list[int]]:
    """Terms of f and of ∂f/∂w when they are multiplied out: by multiplying out, and from their form.

    Both are sums of even powers of y+z times powers of w+x, of total degree 8 and 7; a power k has k+1 terms.
    """
    variables = [Polynomial({tuple(int(k == place) for k in range(4)): 1}) for place in range(4)]
    value = f(*variables)
    by_hand = [sum((degree - k + 1) * (k + 1) for k in range(0, degree + 1, 2)) for degree in (8, 7)]
    return [len(value.terms), len(value.derivative(0).terms)], by_hand
