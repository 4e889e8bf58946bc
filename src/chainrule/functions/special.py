"""Functions of `scipy.special` that are no ufuncs, under SciPy's names; `chainrule.scipy.special` is their door."""

from __future__ import annotations

import math
import operator
from typing import Any

from chainrule.core.aval import FLOAT, broadcast_shapes, common_dtype
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, NotDifferentiableError, fail
from chainrule.functions.axes import broadcast_to as _broadcast_to
from chainrule.functions.axes import canonical_axes, keep_axes
from chainrule.functions.basics import logsumexp as _logsumexp
from chainrule.functions.basics import squeeze
from chainrule.ops import gammas, integrals, logic, reductions, rounding, selection
from chainrule.ops.arithmetic import absolute as _absolute
from chainrule.ops.arithmetic import add, divide, multiply, sign, subtract
from chainrule.ops.elementwise import exp, log
from chainrule.ops.selection import astype, stop_gradient


def _floating(x: Node) -> Node:
    return x if x.dtype.kind == "f" else astype(x, FLOAT)


def _shifted(x: Node, axis: Any, call: str) -> tuple[Node, Any]:
    """`x` less its largest entry along the axes, which is held: what follows does not depend on it."""
    axes = canonical_axes(axis, x.ndim, call)
    held = stop_gradient(x)
    top = keep_axes(reductions.max_over(held, axes), axes, True) if axes else held
    return subtract(x, _finite(top)), axes


def _finite(x: Node) -> Node:
    return selection.where(rounding.isfinite(x), x, 0.0)


def softmax(x: Node, axis: Any = None) -> Node:
    """Exponentials divided by their sum over the axes."""
    shifted, axes = _shifted(_floating(x), axis, "scipy.special.softmax")
    grown = exp(shifted)
    return divide(grown, keep_axes(reductions.sum_over(grown, axes), axes, True))


def log_softmax(x: Node, axis: Any = None) -> Node:
    """Logarithm of the softmax."""
    shifted, axes = _shifted(_floating(x), axis, "scipy.special.log_softmax")
    return subtract(shifted, _logsumexp(shifted, axes, keepdims=True))


def logsumexp(
    a: Node, axis: Any = None, b: Node | None = None, keepdims: Any = False, return_sign: Any = False
) -> Node | tuple[Node, Node]:
    """Logarithm of a sum of exponentials, each times its weight in `b`; with the sign of the sum if asked for."""
    a = _floating(a)
    if b is None:
        total = _logsumexp(a, axis, keepdims=keepdims)
        return (total, sign(exp(total))) if return_sign else total
    call = "scipy.special.logsumexp"
    a = astype(a, common_dtype((a.aval, b.aval)))
    b = _broadcast_to(b, broadcast_shapes((a.shape, b.shape), call, (a, b)), call)
    a = selection.where(logic.equal(b, 0), float("-inf"), a)  # a weight of 0 takes its entry out, be it infinite
    axes = canonical_axes(axis, a.ndim, call)
    top = keep_axes(reductions.max_over(stop_gradient(a), axes) if axes else stop_gradient(a), axes, True)
    weighted = keep_axes(reductions.sum_over(multiply(b, exp(subtract(a, _finite(top)))), axes), axes, True)
    logarithm = add(log(_absolute(weighted) if return_sign else weighted), _finite(top))
    total = selection.where(logic.equal(top, float("-inf")), float("-inf"), logarithm)  # nothing left: no derivative
    if not keepdims:
        total, weighted = (squeeze(x, axes) for x in (total, weighted))
    return (total, sign(weighted)) if return_sign else total


def polygamma(n: Any, x: Node) -> Node:
    """The n-th derivative of the digamma function."""
    try:
        order = operator.index(n)
    except TypeError:
        order = -1
    if order < 0:
        raise fail(
            ArgumentError,
            "scipy.special.polygamma",
            f"n must be an integer from 0 on, not {n!r}",
            [("x", x)],
            fix="call it once for each order",
        )
    return gammas.polygamma(order, astype(x, FLOAT)) if order else astype(gammas.psi(x), FLOAT)


def multigammaln(a: Node, d: Any) -> Node:
    """Logarithm of the multivariate gamma function."""
    dimension = operator.index(d)
    total = gammas.gammaln(a)
    for j in range(1, dimension):
        total = add(total, gammas.gammaln(subtract(a, j / 2)))
    return add(astype(total, FLOAT), dimension * (dimension - 1) / 4 * math.log(math.pi))


def lambertw(z: Node, k: Any = 0) -> Node:
    """The real Lambert W function on its branches 0 and -1."""
    return integrals.lambertw(_floating(z), real_branch(k))


def real_branch(k: Any) -> int:
    """The branch of the Lambert W function, if it is one of the two that have real values."""
    if k not in (0, -1):
        raise fail(
            ArgumentError,
            "chainrule.scipy.special.lambertw",
            f"branch {k} has no real values",
            fix="use k=0 or k=-1",
        )
    return int(k)


def zeta(x: Node, q: Node | None = None) -> Node:
    """The Hurwitz zeta function."""
    if q is None:
        raise fail(
            NotDifferentiableError,
            "scipy.special.zeta",
            "the Riemann zeta function has no closed derivative",
            [("x", x)],
            fix="give q, by which the Hurwitz zeta function can be differentiated",
        )
    return gammas.hurwitz_zeta(x, q)
