"""Functions of Python floats, for programs in which every value is one float64 number.

They answer as NumPy does or raise ArithmeticError or ValueError, on which the caller falls back to the NumPy program
(infinities, invalid operations, division by zero). Python's ``**`` is not among them: ``(-8.0) ** 0.5`` is complex.
"""

from __future__ import annotations

import math
import operator
from types import SimpleNamespace
from typing import Any

import numpy as np

from chainrule.core.conventions import report
from chainrule.core.leaves import LITERAL, literal_value
from chainrule.core.node import Node


def where(condition: Any, x: Any, y: Any) -> Any:
    """`x` if `condition` else `y`."""
    return x if condition else y


def maximum(x: float, y: float) -> float:
    """The larger of two; nan if either is."""
    return x if x >= y or x != x else y


def minimum(x: float, y: float) -> float:
    """The smaller of two; nan if either is."""
    return x if x <= y or x != x else y


def sign(x: float) -> float:
    """-1, 0 or 1; nan for nan."""
    if x != x:
        return x
    return float((x > 0) - (x < 0))


def power(x: float, n: Any) -> float:
    """`x` to a small integer power, by repeated multiplication."""
    result = 1.0
    for _ in range(abs(int(n))):
        result *= x
    return result if n >= 0 else 1.0 / result


def logaddexp(x: float, y: float) -> float:
    """log(exp(x) + exp(y))."""
    larger, gap = (x, y - x) if x >= y else (y, x - y)
    if gap != gap:  # nan, or two equal infinities
        raise ValueError("undefined difference")
    return larger + math.log1p(math.exp(gap))


def expit(x: float) -> float:
    """The logistic function."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1.0 + grown)


def asarray(x: Any, dtype: np.dtype[Any]) -> Any:
    """`x` as a Python number of the kind of `dtype`."""
    return float(x) if dtype.kind == "f" else int(x) if dtype.kind in "iu" else bool(x)


def at_kink(mask: Any, value: Any, formula: Any, convention: str) -> Any:
    """`value` where `mask` holds, else `formula`; a use of the convention is reported."""
    if mask:
        report(convention)
        return value
    return formula


def weaken(value: Any) -> Any:
    """A Python number already."""
    return value


SCALAR_FUNCTIONS: dict[str, Any] = {
    "exp": math.exp,
    "expm1": math.expm1,
    "log": math.log,
    "log1p": math.log1p,
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "negative": operator.neg,
    "divide": operator.truediv,
    "absolute": abs,
    "sign": sign,
    "power": power,
    "maximum": maximum,
    "minimum": minimum,
    "logaddexp": logaddexp,
    "expit": expit,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "logical_and": lambda x, y: bool(x) and bool(y),
    "logical_or": lambda x, y: bool(x) or bool(y),
    "logical_not": operator.not_,
    "where": where,
    "asarray": asarray,
    "at_kink": at_kink,
    "weaken": weaken,
}

SCALAR = SimpleNamespace(
    **SCALAR_FUNCTIONS,
    special=SimpleNamespace(expit=expit),
    kernels=SimpleNamespace(at_kink=at_kink, weaken=weaken),
)


def is_small_power(node: Node) -> bool:
    """Whether a power has a literal integer exponent of at most 8 in size."""
    exponent = node.operands[1]
    if exponent.op is not LITERAL:
        return False
    value = literal_value(exponent.params)
    return float(value).is_integer() and abs(value) <= 8
