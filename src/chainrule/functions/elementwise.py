"""Functions of entries that are made of several ops, under NumPy's names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.core.aval import FLOAT, ufunc_dtype
from chainrule.core.leaves import literal
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, fail
from chainrule.functions.axes import refuse
from chainrule.functions.likes import zeros_like
from chainrule.functions.products import einsum
from chainrule.ops import arithmetic, bessel, elementwise, exponentials, logic, rounding, selection, trigonometry
from chainrule.ops.arithmetic import divide, multiply
from chainrule.ops.selection import astype, where


def of_dtype(ufunc: np.ufunc, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, its operands cast first to the dtype in which `ufunc` would answer."""

    def cast(*operands: Node) -> Any:
        dtype = ufunc_dtype(ufunc, tuple((x.dtype, x.aval.weak) for x in operands))
        return function(*(x if x.dtype == dtype else astype(x, dtype, x.aval.weak) for x in operands))

    return cast


fabs = of_dtype(np.fabs, arithmetic.absolute)


def float_power(x: Node, y: Node) -> Node:
    """``x ** y`` in float64."""
    return elementwise.power(astype(x, FLOAT), astype(y, FLOAT))


def divmod(x: Node, y: Node) -> tuple[Node, Node]:
    """``x // y`` and ``x % y``."""
    return rounding.floor_divide(x, y), rounding.remainder(x, y)


def modf(x: Node) -> tuple[Node, Node]:
    """Fractional and integral part, both with the sign of the entry; an infinity has no fraction."""
    fraction = where(rounding.isinf(x), rounding.copysign(literal(0.0), x), rounding.fmod(x, 1))
    dtype = ufunc_dtype(np.modf, ((x.dtype, x.aval.weak),))
    return astype(fraction, dtype), astype(rounding.trunc(x), dtype)


def ldexp(x: Node, exponent: Node) -> Node:
    """``x * 2 ** exponent`` for integers."""
    dtype = ufunc_dtype(np.ldexp, ((x.dtype, x.aval.weak), (exponent.dtype, exponent.aval.weak)))
    return multiply(astype(x, dtype), astype(exponentials.exp2(astype(exponent, FLOAT)), dtype))


def conjugate(x: Node) -> Node:
    """The entries themselves: they are real."""
    return x


def real(val: Node) -> Node:
    """The entries themselves: they are real."""
    return val


def imag(val: Node) -> Node:
    """Zeros: the entries are real."""
    return zeros_like(val)


def angle(z: Node, deg: Any = False) -> Node:
    """The angle of a real number in the complex plane: 0, or half a turn for a negative one."""
    angles = trigonometry.arctan2(zeros_like(z), z)
    return multiply(angles, 180 / math.pi) if deg else angles


def round(a: Node, decimals: Any = 0, out: Any = None) -> Node:
    """Entries rounded to a number of decimals, halves to even; piecewise constant."""
    refuse("numpy.round", {"out": (out, None)})
    if a.dtype.kind in "iu":
        return a if decimals >= 0 else astype(_rounded(a, decimals), a.dtype)
    return rounding.rint(a) if decimals == 0 else _rounded(a, decimals)


def _rounded(a: Node, decimals: int) -> Node:
    scale = literal(10.0 ** abs(decimals))
    if decimals > 0:
        return divide(rounding.rint(multiply(a, scale)), scale)
    return multiply(rounding.rint(divide(a, scale)), scale)


def fix(x: Node, out: Any = None) -> Node:
    """Entries rounded towards 0; piecewise constant."""
    refuse("numpy.fix", {"out": (out, None)})
    return rounding.trunc(x)


def sinc(x: Node) -> Node:
    """``sin(pi x) / (pi x)``, and 1 at 0."""
    return exponentials.sinc(x)


def i0(x: Node) -> Node:
    """Modified Bessel function of the first kind, of order 0."""
    x = x if x.dtype.kind == "f" else astype(x, FLOAT)
    return astype(bessel.I0.instance.bind((x,)), x.dtype)


def isposinf(x: Node, out: Any = None) -> Node:
    """Whether the entry is +inf."""
    refuse("numpy.isposinf", {"out": (out, None)})
    return logic.equal(x, float("inf"))


def isneginf(x: Node, out: Any = None) -> Node:
    """Whether the entry is -inf."""
    refuse("numpy.isneginf", {"out": (out, None)})
    return logic.equal(x, float("-inf"))


def nan_to_num(x: Node, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Node:
    """Finite numbers in place of nan and infinities; the derivative is 1 where an entry is kept, else 0."""
    refuse("numpy.nan_to_num", {"copy": (copy, True)}, "leave it out: nothing is changed in place")
    if x.dtype.kind != "f":
        return x
    for name, value in (("nan", nan), ("posinf", posinf), ("neginf", neginf)):
        if not isinstance(value, int | float | np.generic | None):
            raise fail(
                ArgumentError,
                "numpy.nan_to_num",
                f"{name}= must be a number, not {type(value).__name__}",
                [("x", x)],
                fix="use numpy.where(numpy.isnan(x), values, x) for an array of values",
            )
    largest = float(np.finfo(x.dtype).max)
    high = largest if posinf is None else posinf
    low = -largest if neginf is None else neginf
    result = where(rounding.isnan(x), literal(float(nan)), x)
    result = where(isposinf(x), literal(float(high)), result)
    return selection.where(isneginf(x), literal(float(low)), result)


def vecdot(x1: Node, x2: Node) -> Node:
    """Dot products of vectors along the last axis."""
    return einsum("...i,...i->...", x1, x2)


def matvec(x1: Node, x2: Node) -> Node:
    """Products of matrices with vectors."""
    return einsum("...ij,...j->...i", x1, x2)


def vecmat(x1: Node, x2: Node) -> Node:
    """Products of vectors with matrices."""
    return einsum("...i,...ij->...j", x1, x2)
