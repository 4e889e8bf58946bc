"""The leaves of the graph: numbered inputs, named symbols, literals; and the projection of one result of several."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.aval import BOOL, FLOAT, INT, Aval, Shape
from chainrule.core.facts import Facts
from chainrule.core.node import Node, Params, make_node
from chainrule.core.op import Op, register
from chainrule.errors import DtypeError, fail

# What rules may write as an operand.
Operand = Node | bool | int | float

_LITERAL_DTYPES = {"bool": BOOL, "int": INT, "float": FLOAT}


@register
class Literal(Op):
    """A Python number that is part of the program."""

    name = "literal"
    parameters = ("kind", "bits")
    nondifferentiable = True

    def infer(self, *, kind: str, bits: Any) -> Aval:
        return Aval((), _LITERAL_DTYPES[kind], weak=kind != "bool")

    def evaluate(self, xp: Any, *, kind: str, bits: Any) -> Any:
        return literal_value((kind, bits))


@register
class Input(Op):
    """Place `index` in the binding table of the trace at nesting `level`."""

    name = "input"
    derived_by_engine = True
    parameters = ("level", "index", "shape", "dtype", "weak")

    def level_of(self, params: Params) -> int:
        return int(params[0]) + 1

    def infer(self, *, level: int, index: int, shape: Shape, dtype: np.dtype[Any], weak: bool) -> Aval:
        return Aval(shape, dtype, weak)


@register
class Symbol(Op):
    """A named variable with (possibly symbolic) sizes and facts."""

    name = "symbol"
    derived_by_engine = True
    parameters = ("label", "shape", "dtype", "facts")

    def infer(self, *, label: str, shape: Shape, dtype: np.dtype[Any], facts: Facts) -> Aval:
        return Aval(shape, dtype)


@register
class Output(Op):
    """Result `index` of an op that has several."""

    name = "output"
    derived_by_engine = True
    parameters = ("index", "shape", "dtype")

    def infer(self, several: Aval, *, index: int, shape: Shape, dtype: np.dtype[Any]) -> Aval:
        return Aval(shape, dtype)

    def evaluate(self, xp: Any, several: Any, *, index: int, shape: Shape, dtype: np.dtype[Any]) -> Any:
        return several[index]


LITERAL = Literal.instance
INPUT = Input.instance
SYMBOL = Symbol.instance
OUTPUT = Output.instance


def input_node(level: int, index: int, aval: Aval) -> Node:
    """The input at place `index` of a trace nested `level` deep."""
    return make_node(INPUT, (), (level, index, aval.shape, aval.dtype, aval.weak))


def symbol_node(label: str, shape: Shape = (), dtype: np.dtype[Any] = FLOAT, facts: Facts | None = None) -> Node:
    """The symbol called `label`."""
    return make_node(SYMBOL, (), (label, shape, dtype, facts if facts is not None else Facts()))


def output_of(node: Node, index: int) -> Node:
    """Result `index` of a node with several results."""
    assert node.outputs is not None
    aval = node.outputs[index]
    return make_node(OUTPUT, (node,), (index, aval.shape, aval.dtype))


def is_literal(node: Node, value: float | None = None) -> bool:
    """Whether `node` is a literal (equal to `value`, if given)."""
    return node.op is LITERAL and (value is None or literal_value(node.params) == value)


def _literal_key(value: bool | int | float) -> tuple[str, Any]:
    """Type and exact bits: 1, 1.0 and True are three literals, and so are 0.0 and -0.0; a NaN is itself."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int):
        return ("int", value)
    return ("float", value.hex())


def literal_value(params: Params) -> bool | int | float:
    """The Python number that the parameters of a literal stand for."""
    kind, bits = params
    if kind == "float":
        return float.fromhex(bits)
    return bool(bits) if kind == "bool" else int(bits)


def literal(value: bool | int | float) -> Node:
    """A Python number as a node; weakly typed, as Python numbers are."""
    return make_node(LITERAL, (), _literal_key(value))


def as_node(value: Operand) -> Node:
    """`value` itself if it is a node, a literal if it is a Python number."""
    if isinstance(value, Node):
        return value
    if isinstance(value, bool | int | float):
        return literal(value)
    raise fail(
        DtypeError,
        "chainrule",
        f"a node or a Python number is needed, not {type(value).__name__}",
        fix="pass arrays through a transform such as chainrule.grad",
    )


def apply(op: Op, *operands: Operand) -> Node:
    """`op` without parameters on `operands`, where Python numbers stand for literals."""
    return op.bind(tuple([as_node(operand) for operand in operands]))


# Held for good, so that rules and exponents find them instead of making them again.
_COMMON = tuple(literal(value) for number in (0, 1, -1, 2, -2, 3, 4, 0.5, -0.5) for value in (number, float(number)))
