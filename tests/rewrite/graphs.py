"""Numbers for graphs: evaluation of nodes over symbols, sizes put in place of names, awkward numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mpmath
import numpy as np

from chainrule.core.aval import Aval
from chainrule.core.dimension import Dim
from chainrule.core.function import Function
from chainrule.core.leaves import SYMBOL, input_node, is_literal, literal_value, symbol_node
from chainrule.core.node import Node, topological
from chainrule.run.program import NUMPY, run

F64, F32 = np.dtype(np.float64), np.dtype(np.float32)

SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e-310, 1e308, -1e308]
ORDINARY = [0.5, -0.5, 1e-8, -1e-8, 3.0, -3.0, 36.5, -36.5, 88.0, -88.0, 110.0, -104.0, 709.0, -745.0, 800.0, -800.0]


def awkward(dtype: np.dtype[Any], rng: np.random.Generator, more: int = 40) -> np.ndarray[Any, Any]:
    """Zeros, infinities, nan, denormals, huge and ordinary numbers."""
    drawn = rng.normal(size=more) * 10.0 ** rng.integers(-6, 4, size=more)
    with np.errstate(all="ignore"):
        tiny = [np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max, -np.finfo(dtype).max]
        return np.array([*SPECIAL, *tiny, *ORDINARY, *drawn], dtype)


def few_awkward(dtype: np.dtype[Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Fewer of them, for pairs."""
    with np.errstate(all="ignore"):
        return np.array([*SPECIAL[:8], 1e-310, -1e308, *ORDINARY[::3], *rng.normal(size=3)], dtype)


def pairs(count: int, values: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """Arrays that hold every combination of `count` of the values."""
    grids = np.meshgrid(*[values] * count, indexing="ij")
    return [grid.ravel() for grid in grids]


def inputs(*shapes: tuple[int, ...], dtype: np.dtype[Any] = F64) -> list[Node]:
    return [input_node(0, k, Aval(shape, dtype)) for k, shape in enumerate(shapes)]


def values_of(function: Function, arrays: Sequence[Any]) -> list[Any]:
    with np.errstate(all="ignore"):
        return [np.asarray(result) for result in run(function, list(arrays))]


def evaluate(output: Node, symbols: Mapping[str, Any]) -> Any:
    """The value of a node over symbols of concrete sizes."""
    known: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for node in topological((output,)):
            if node.op is SYMBOL:
                known[node] = symbols[node.param("label")]
            else:
                params = dict(zip(node.op.parameters, node.params, strict=True))
                known[node] = node.op.evaluate(NUMPY, *[known[x] for x in node.operands], **params)
    return known[output]


def with_sizes(output: Node, sizes: Mapping[str, int]) -> Node:
    """The same expression with numbers in place of the names of its sizes."""

    def concrete(param: Any) -> Any:
        if isinstance(param, Dim):
            return param.substitute(sizes)
        return tuple(concrete(entry) for entry in param) if isinstance(param, tuple) else param

    new: dict[Node, Node] = {}
    for node in topological((output,)):
        params = concrete(node.params)
        if node.op.name == "dimension":
            from chainrule.core.leaves import literal

            new[node] = literal(params[0])
        else:
            new[node] = node.op.bind(tuple(new[x] for x in node.operands), params)
    return new[output]


def symbol(label: str, *shape: int | Dim) -> Node:
    return symbol_node(label, shape)


# What mpmath computes for our ops; enough for the rules of the tables.
MP = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "negative": lambda x: -x,
    "exp": mpmath.exp,
    "expm1": lambda x: mpmath.exp(x) - 1,
    "log": mpmath.log,
    "log1p": lambda x: mpmath.log(1 + x),
    "expit": lambda x: 1 / (1 + mpmath.exp(-x)),
    "logaddexp": lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)),
}


def exactly(output: Node, symbols: Mapping[Node, float]) -> Any:
    """The value of an elementwise graph in mpmath's current precision; nan where it has none."""
    known: dict[Node, Any] = {}
    try:
        for node in topological((output,)):
            if node in symbols:
                known[node] = mpmath.mpf(float(symbols[node]))
            elif is_literal(node):
                known[node] = mpmath.mpf(literal_value(node.params))
            else:
                known[node] = MP[node.op.name](*[known[x] for x in node.operands])
    except (ZeroDivisionError, ValueError):
        return mpmath.nan
    value = known[output]
    return value if mpmath.im(value) == 0 else mpmath.nan
