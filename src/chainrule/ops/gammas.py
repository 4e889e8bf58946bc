"""Gamma and beta functions, their logarithms, derivatives and integrals."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

from chainrule.core.aval import Aval, ufunc_dtype
from chainrule.core.leaves import Operand, apply
from chainrule.core.node import Node, make_node
from chainrule.core.op import Partials, register
from chainrule.ops.arithmetic import add, multiply, negative, subtract
from chainrule.ops.elementwise import exp
from chainrule.ops.special import SpecialOp, Xlog1py, Xlogy


@register
class Gamma(SpecialOp):
    """Gamma function."""

    name = "gamma"
    numpy = scipy.special.gamma

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (multiply(out, psi(operands[0])),)


@register
class Gammaln(SpecialOp):
    """Logarithm of the absolute value of the gamma function."""

    name = "gammaln"
    numpy = scipy.special.gammaln

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (psi(operands[0]),)


@register
class Loggamma(SpecialOp):
    """Logarithm of the gamma function; nan for negative real numbers."""

    name = "loggamma"
    numpy = scipy.special.loggamma

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (psi(operands[0]),)


@register
class Psi(SpecialOp):
    """Digamma function, the logarithmic derivative of the gamma function."""

    name = "psi"
    numpy = scipy.special.psi

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (polygamma(1, operands[0]),)


@register
class Polygamma(SpecialOp):
    """Derivative of the digamma function, of order 1 or more."""

    name = "polygamma"
    parameters = ("order",)

    def infer_dtype(self, avals: tuple[Aval, ...]) -> np.dtype[Any]:
        return ufunc_dtype(scipy.special.psi, tuple((aval.dtype, aval.weak) for aval in avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.polygamma(values[0], params["order"])

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (polygamma(out.param("order") + 1, operands[0]),)


@register
class Beta(SpecialOp):
    """Beta function."""

    name = "beta"
    numpy = scipy.special.beta

    def partials(self, out: Node, *operands: Node) -> Partials:
        return tuple(multiply(out, slope) for slope in _log_beta_slopes(*operands))


@register
class Betaln(SpecialOp):
    """Logarithm of the absolute value of the beta function."""

    name = "betaln"
    numpy = scipy.special.betaln

    def partials(self, out: Node, *operands: Node) -> Partials:
        return _log_beta_slopes(*operands)


def _log_beta_slopes(a: Node, b: Node) -> tuple[Node, Node]:
    whole = psi(add(a, b))
    return subtract(psi(a), whole), subtract(psi(b), whole)


@register
class Poch(SpecialOp):
    """Pochhammer symbol Γ(a + m) / Γ(a)."""

    name = "poch"
    numpy = scipy.special.poch

    def partials(self, out: Node, *operands: Node) -> Partials:
        a, m = operands
        end = psi(add(a, m))
        return multiply(out, subtract(end, psi(a))), multiply(out, end)


@register
class Binom(SpecialOp):
    """Binomial coefficient of real numbers, Γ(n + 1) / (Γ(k + 1) Γ(n - k + 1))."""

    name = "binom"
    numpy = scipy.special.binom

    def partials(self, out: Node, *operands: Node) -> Partials:
        n, k = operands
        rest = psi(add(subtract(n, k), 1))
        return multiply(out, subtract(psi(add(n, 1)), rest)), multiply(out, subtract(rest, psi(add(k, 1))))


@register
class Gammainc(SpecialOp):
    """Regularised lower incomplete gamma function P(a, x)."""

    name = "gammainc"
    numpy = scipy.special.gammainc
    nondifferentiable_in = {0: "the incomplete gamma function has no closed derivative by its parameter a"}

    def partials(self, out: Node, *operands: Node) -> Partials:
        return None, _gamma_density(*operands)


@register
class Gammaincc(SpecialOp):
    """Regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x)."""

    name = "gammaincc"
    numpy = scipy.special.gammaincc
    nondifferentiable_in = {0: "the incomplete gamma function has no closed derivative by its parameter a"}

    def partials(self, out: Node, *operands: Node) -> Partials:
        return None, negative(_gamma_density(*operands))


def _gamma_density(a: Node, x: Node) -> Node:
    """x**(a - 1) exp(-x) / Γ(a)."""
    return exp(subtract(subtract(apply(Xlogy.instance, subtract(a, 1), x), x), gammaln(a)))


@register
class Betainc(SpecialOp):
    """Regularised incomplete beta function I_x(a, b)."""

    name = "betainc"
    numpy = scipy.special.betainc
    nondifferentiable_in = {
        0: "the incomplete beta function has no closed derivative by its parameter a",
        1: "the incomplete beta function has no closed derivative by its parameter b",
    }

    def partials(self, out: Node, *operands: Node) -> Partials:
        a, b, x = operands
        powers = add(apply(Xlogy.instance, subtract(a, 1), x), apply(Xlog1py.instance, subtract(b, 1), negative(x)))
        return None, None, exp(subtract(powers, apply(Betaln.instance, a, b)))


@register
class HurwitzZeta(SpecialOp):
    """Hurwitz zeta function: the sum of (q + k)**-x over k = 0, 1, ..."""

    name = "hurwitz_zeta"
    nondifferentiable_in = {0: "the Hurwitz zeta function has no closed derivative by its exponent x"}

    def infer_dtype(self, avals: tuple[Aval, ...]) -> np.dtype[Any]:
        return ufunc_dtype(scipy.special._ufuncs._zeta, tuple((aval.dtype, aval.weak) for aval in avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.special.zeta(*values)

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, q = operands
        return None, negative(multiply(x, hurwitz_zeta(add(x, 1), q)))


def psi(x: Operand) -> Node:
    """Digamma function."""
    return apply(Psi.instance, x)


def polygamma(order: int, x: Node) -> Node:
    """The derivative of that order of the digamma function."""
    return make_node(Polygamma.instance, (x,), (order,)) if order else psi(x)


def gammaln(x: Operand) -> Node:
    """Logarithm of the absolute value of the gamma function."""
    return apply(Gammaln.instance, x)


def hurwitz_zeta(x: Operand, q: Operand) -> Node:
    """Sum of ``(q + k) ** -x`` over ``k = 0, 1, ...``."""
    return apply(HurwitzZeta.instance, x, q)
