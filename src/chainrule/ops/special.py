"""Special functions of probability: error functions, normal distribution, logistic functions, entropies.

Ops of `scipy.special` are the ufuncs themselves: users call them from SciPy. Where a derivative needs another special
function, that is an op too. An operand by which there is no closed derivative is in `nondifferentiable_in`; asking
for it is an error, never a silent 0.
"""

from __future__ import annotations

import math
from typing import Any

import scipy.special

from chainrule.core.leaves import Operand, apply
from chainrule.core.node import Node
from chainrule.core.op import ElementwiseOp, Partials, register
from chainrule.ops.arithmetic import add, divide, multiply, negative, subtract
from chainrule.ops.elementwise import exp, expit, log, log1p, power
from chainrule.ops.exponentials import exprel
from chainrule.ops.logic import equal, logical_and
from chainrule.ops.selection import at_kink

TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
ROOT_HALF = math.sqrt(0.5)
ROOT_TWO_PI = math.sqrt(2 * math.pi)


class SpecialOp(ElementwiseOp):
    """A ufunc of `scipy.special`."""

    @property
    def call(self) -> str:
        return f"scipy.special.{self.name}"

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return getattr(xp.special, self.numpy.__name__)(*values)


# --- error functions and the normal distribution --------------------------------------------------------------------


@register
class Erf(SpecialOp):
    """Error function."""

    name = "erf"
    numpy = scipy.special.erf

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (multiply(TWO_OVER_ROOT_PI, _gauss(operands[0])),)


@register
class Erfc(SpecialOp):
    """1 - erf(x), accurate for large x."""

    name = "erfc"
    numpy = scipy.special.erfc

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (multiply(-TWO_OVER_ROOT_PI, _gauss(operands[0])),)


@register
class Erfcx(SpecialOp):
    """exp(x²) erfc(x), the scaled complementary error function."""

    name = "erfcx"
    numpy = scipy.special.erfcx

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (subtract(multiply(multiply(2, operands[0]), out), TWO_OVER_ROOT_PI),)


@register
class Erfinv(SpecialOp):
    """Inverse of the error function."""

    name = "erfinv"
    numpy = scipy.special.erfinv

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (multiply(1 / TWO_OVER_ROOT_PI, exp(multiply(out, out))),)


@register
class Erfcinv(SpecialOp):
    """Inverse of the complementary error function."""

    name = "erfcinv"
    numpy = scipy.special.erfcinv

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (multiply(-1 / TWO_OVER_ROOT_PI, exp(multiply(out, out))),)


@register
class Dawsn(SpecialOp):
    """Dawson's integral."""

    name = "dawsn"
    numpy = scipy.special.dawsn

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (subtract(1, multiply(multiply(2, operands[0]), out)),)


@register
class Ndtr(SpecialOp):
    """Distribution function of the standard normal distribution."""

    name = "ndtr"
    numpy = scipy.special.ndtr

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (multiply(1 / ROOT_TWO_PI, _gauss(multiply(operands[0], ROOT_HALF))),)


@register
class LogNdtr(SpecialOp):
    """Logarithm of the distribution function of the standard normal distribution."""

    name = "log_ndtr"
    numpy = scipy.special.log_ndtr

    def partials(self, out: Node, *operands: Node) -> Partials:
        # The density over the distribution function, with their common factor exp(-x²/2) cancelled.
        return (divide(2 / ROOT_TWO_PI, erfcx(multiply(operands[0], -ROOT_HALF))),)


@register
class Ndtri(SpecialOp):
    """Quantile of the standard normal distribution."""

    name = "ndtri"
    numpy = scipy.special.ndtri

    def partials(self, out: Node, *operands: Node) -> Partials:
        half = multiply(out, ROOT_HALF)
        return (multiply(ROOT_TWO_PI, exp(multiply(half, half))),)


@register
class OwensT(SpecialOp):
    """Owen's T function: the chance that X > h and 0 < Y < aX for independent standard normal X and Y."""

    name = "owens_t"
    numpy = scipy.special.owens_t
    source = "D. B. Owen, Tables for computing bivariate normal probabilities, 1956"

    def partials(self, out: Node, *operands: Node) -> Partials:
        h, a = operands
        scaled = multiply(h, ROOT_HALF)
        by_h = multiply(multiply(-0.5 / ROOT_TWO_PI, _gauss(scaled)), erf(multiply(a, scaled)))
        spread = add(1, multiply(a, a))
        by_a = divide(exp(negative(multiply(multiply(scaled, scaled), spread))), multiply(2 * math.pi, spread))
        return by_h, by_a


def _gauss(x: Node) -> Node:
    return exp(negative(multiply(x, x)))


# --- logistic functions ---------------------------------------------------------------------------------------------


@register
class Logit(SpecialOp):
    """log(x / (1 - x)), the inverse of the logistic function."""

    name = "logit"
    numpy = scipy.special.logit

    def partials(self, out: Node, *operands: Node) -> Partials:
        (x,) = operands
        return (divide(1, multiply(x, subtract(1, x))),)


@register
class LogExpit(SpecialOp):
    """Logarithm of the logistic function."""

    name = "log_expit"
    numpy = scipy.special.log_expit

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (expit(negative(operands[0])),)


# --- entropies, and products with a logarithm -----------------------------------------------------------------------


@register
class Xlogy(SpecialOp):
    """x log(y), and 0 where x = 0. Kink: the derivative by y at x = y = 0 is 0, as for every other y."""

    name = "xlogy"
    numpy = scipy.special.xlogy

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, y = operands
        nothing = logical_and(equal(x, 0), equal(y, 0))
        return log(y), at_kink(nothing, 0.0, divide(x, y), "xlogy at x = y = 0: 0 by y")


@register
class Xlog1py(SpecialOp):
    """x log(1 + y), and 0 where x = 0. Kink: the derivative by y at x = 0, y = -1 is 0, as for every other y."""

    name = "xlog1py"
    numpy = scipy.special.xlog1py

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, y = operands
        nothing = logical_and(equal(x, 0), equal(y, -1))
        return log1p(y), at_kink(nothing, 0.0, divide(x, add(1, y)), "xlog1py at x = 0, y = -1: 0 by y")


@register
class Entr(SpecialOp):
    """-x log(x), and 0 at x = 0, where the derivative is infinite."""

    name = "entr"
    numpy = scipy.special.entr

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (subtract(-1, log(operands[0])),)


@register
class RelEntr(SpecialOp):
    """x log(x / y), and 0 where x = 0. Kink: the derivative by y at x = y = 0 is 0, as for every other y."""

    name = "rel_entr"
    numpy = scipy.special.rel_entr

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, y = operands
        nothing = logical_and(equal(x, 0), equal(y, 0))
        ratio = divide(x, y)
        return add(log(ratio), 1), negative(at_kink(nothing, 0.0, ratio, "rel_entr at x = y = 0: 0 by y"))


@register
class KlDiv(SpecialOp):
    """x log(x / y) - x + y, and y where x = 0. Kink: the derivative by y at x = y = 0 is 1, as for every other y."""

    name = "kl_div"
    numpy = scipy.special.kl_div

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, y = operands
        nothing = logical_and(equal(x, 0), equal(y, 0))
        by_y = at_kink(nothing, 1.0, divide(subtract(y, x), y), "kl_div at x = y = 0: 1 by y")
        return log(divide(x, y)), by_y


@register
class Boxcox(SpecialOp):
    """(xᵖ - 1) / p, and log(x) at p = 0: the Box-Cox transform."""

    name = "boxcox"
    numpy = scipy.special.boxcox

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, p = operands
        return power(x, subtract(p, 1)), _boxcox_by_power(log(x), p)


@register
class Boxcox1p(SpecialOp):
    """((1 + x)ᵖ - 1) / p, and log(1 + x) at p = 0."""

    name = "boxcox1p"
    numpy = scipy.special.boxcox1p

    def partials(self, out: Node, *operands: Node) -> Partials:
        x, p = operands
        return power(add(1, x), subtract(p, 1)), _boxcox_by_power(log1p(x), p)


def _boxcox_by_power(logarithm: Node, p: Node) -> Node:
    """∂/∂p of u exprel(pu), which is the transform of exp(u)."""
    return multiply(multiply(logarithm, logarithm), exprel(multiply(p, logarithm), 1))


def erf(x: Operand) -> Node:
    """Error function."""
    return apply(Erf.instance, x)


def erfcx(x: Operand) -> Node:
    """``exp(x**2) * erfc(x)``."""
    return apply(Erfcx.instance, x)
