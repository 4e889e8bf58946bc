"""Functions defined by integrals and series: exponential, sine, Fresnel, elliptic integrals; hypergeometric functions.

Where SciPy answers two functions in one call (`sici`), each is an op of its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

from chainrule.core.aval import FLOAT, Aval, ufunc_dtype
from chainrule.core.leaves import Operand, apply, as_node
from chainrule.core.node import Node, make_node
from chainrule.core.op import ElementwiseOp, Partials, register
from chainrule.ops.arithmetic import add, divide, multiply, negative, subtract
from chainrule.ops.elementwise import cos, exp, sin
from chainrule.ops.exponentials import exprel, logrel, sinc
from chainrule.ops.special import SpecialOp
from chainrule.ops.trigonometry import cosh

# --- exponential integrals ------------------------------------------------------------------------------------------


@register
class Exp1(SpecialOp):
    """Exponential integral E₁."""

    name = "exp1"
    numpy = scipy.special.exp1

    def partials(self, out: Node, *operands: Node) -> Partials:
        (x,) = operands
        return (negative(divide(exp(negative(x)), x)),)


@register
class Expi(SpecialOp):
    """Exponential integral Ei."""

    name = "expi"
    numpy = scipy.special.expi

    def partials(self, out: Node, *operands: Node) -> Partials:
        (x,) = operands
        return (divide(exp(x), x),)


@register
class Expn(SpecialOp):
    """Exponential integral Eₙ, also of negative order n, where the derivatives lead."""

    name = "expn"
    numpy = scipy.special.expn
    nondifferentiable_in = {0: "the exponential integral has no closed derivative by its order n"}

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.expn(*values)

    def partials(self, out: Node, *operands: Node) -> Partials:
        n, x = operands
        return None, negative(apply(self, subtract(n, 1), x))


@register
class Spence(SpecialOp):
    """Spence's function, the dilogarithm of 1 - x."""

    name = "spence"
    numpy = scipy.special.spence

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (negative(logrel(operands[0])),)


@register
class Lambertw(ElementwiseOp):
    """The real Lambert W function: w exp(w) = x. Branch 0 for x >= -1/e, branch -1 for -1/e <= x < 0."""

    name = "lambertw"
    parameters = ("branch",)

    @property
    def call(self) -> str:
        return "chainrule.scipy.special.lambertw"

    def infer_dtype(self, avals: tuple[Aval, ...]) -> np.dtype[Any]:
        (x,) = avals
        return x.dtype if x.dtype.kind == "f" else FLOAT

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.kernels.lambertw(values[0], params["branch"])

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (divide(exp(negative(out)), add(1, out)),)


# --- sine, cosine and Fresnel integrals -----------------------------------------------------------------------------


class OneOfTwo(ElementwiseOp):
    """One of the two results of a ufunc of `scipy.special`."""

    pair: np.ufunc
    place: int

    @property
    def call(self) -> str:
        return f"scipy.special.{self.pair.__name__}"

    def infer_dtype(self, avals: tuple[Aval, ...]) -> np.dtype[Any]:
        return ufunc_dtype(self.pair, tuple((aval.dtype, aval.weak) for aval in avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return getattr(xp.special, self.pair.__name__)(*values)[self.place]


@register
class SineIntegral(OneOfTwo):
    """Integral of sin(t)/t from 0."""

    name = "sine_integral"
    pair, place = scipy.special.sici, 0

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (sinc(multiply(operands[0], 1 / math.pi)),)


@register
class CosineIntegral(OneOfTwo):
    """Euler's constant plus log(x) plus the integral of (cos(t) - 1)/t from 0."""

    name = "cosine_integral"
    pair, place = scipy.special.sici, 1

    def partials(self, out: Node, *operands: Node) -> Partials:
        (x,) = operands
        return (divide(cos(x), x),)


@register
class HyperbolicSineIntegral(OneOfTwo):
    """Integral of sinh(t)/t from 0."""

    name = "hyperbolic_sine_integral"
    pair, place = scipy.special.shichi, 0

    def partials(self, out: Node, *operands: Node) -> Partials:
        (x,) = operands
        return (multiply(0.5, add(exprel(x), exprel(negative(x)))),)  # sinh(x) / x, which is 1 at 0


@register
class HyperbolicCosineIntegral(OneOfTwo):
    """Euler's constant plus log(x) plus the integral of (cosh(t) - 1)/t from 0."""

    name = "hyperbolic_cosine_integral"
    pair, place = scipy.special.shichi, 1

    def partials(self, out: Node, *operands: Node) -> Partials:
        (x,) = operands
        return (divide(cosh(x), x),)


@register
class FresnelSine(OneOfTwo):
    """Integral of sin(πt²/2) from 0."""

    name = "fresnel_sine"
    pair, place = scipy.special.fresnel, 0

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (sin(_quarter_turns(operands[0])),)


@register
class FresnelCosine(OneOfTwo):
    """Integral of cos(πt²/2) from 0."""

    name = "fresnel_cosine"
    pair, place = scipy.special.fresnel, 1

    def partials(self, out: Node, *operands: Node) -> Partials:
        return (cos(_quarter_turns(operands[0])),)


def _quarter_turns(x: Node) -> Node:
    return multiply(multiply(x, x), math.pi / 2)


# --- hypergeometric functions and elliptic integrals ----------------------------------------------------------------

BY_PARAMETER = "a hypergeometric function has no closed derivative by its parameters"


@register
class Hyp1f1(SpecialOp):
    """Confluent hypergeometric function ₁F₁(a; b; x), differentiable by x."""

    name = "hyp1f1"
    numpy = scipy.special.hyp1f1
    nondifferentiable_in = {0: BY_PARAMETER, 1: BY_PARAMETER}

    def partials(self, out: Node, *operands: Node) -> Partials:
        a, b, x = operands
        return None, None, multiply(divide(a, b), apply(self, add(a, 1), add(b, 1), x))


@register
class Hyp2f1(SpecialOp):
    """Gauss's hypergeometric function ₂F₁(a, b; c; x), differentiable by x."""

    name = "hyp2f1"
    numpy = scipy.special.hyp2f1
    nondifferentiable_in = {0: BY_PARAMETER, 1: BY_PARAMETER, 2: BY_PARAMETER}

    def partials(self, out: Node, *operands: Node) -> Partials:
        a, b, c, x = operands
        return None, None, None, multiply(divide(multiply(a, b), c), hyp2f1(add(a, 1), add(b, 1), add(c, 1), x))


@register
class Ellipk(SpecialOp):
    """Complete elliptic integral of the first kind, of the parameter m."""

    name = "ellipk"
    numpy = scipy.special.ellipk

    def partials(self, out: Node, *operands: Node) -> Partials:
        # The integral is π/2 ₂F₁(½, ½; 1; m); the textbook form of the derivative is 0/0 at m = 0.
        return (multiply(math.pi / 8, hyp2f1(1.5, 1.5, 2.0, operands[0])),)


@register
class Ellipe(SpecialOp):
    """Complete elliptic integral of the second kind, of the parameter m."""

    name = "ellipe"
    numpy = scipy.special.ellipe

    def partials(self, out: Node, *operands: Node) -> Partials:
        # The integral is π/2 ₂F₁(-½, ½; 1; m).
        return (multiply(-math.pi / 8, hyp2f1(0.5, 1.5, 2.0, operands[0])),)


def hyp2f1(a: Operand, b: Operand, c: Operand, x: Operand) -> Node:
    """Gauss's hypergeometric function."""
    return apply(Hyp2f1.instance, a, b, c, x)


def sici(x: Operand) -> tuple[Node, Node]:
    """Sine and cosine integral."""
    return apply(SineIntegral.instance, x), apply(CosineIntegral.instance, x)


def shichi(x: Operand) -> tuple[Node, Node]:
    """Hyperbolic sine and cosine integral."""
    return apply(HyperbolicSineIntegral.instance, x), apply(HyperbolicCosineIntegral.instance, x)


def fresnel(x: Operand) -> tuple[Node, Node]:
    """Fresnel integrals."""
    return apply(FresnelSine.instance, x), apply(FresnelCosine.instance, x)


def lambertw(x: Operand, branch: int = 0) -> Node:
    """The real Lambert W function."""
    return make_node(Lambertw.instance, (as_node(x),), (branch,))
