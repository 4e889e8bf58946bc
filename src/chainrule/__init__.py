"""Multivariable calculus for NumPy code.

Write a function in plain NumPy; get its gradient, Jacobian and Hessian, exactly and as fast code.
"""

from chainrule.calculus.minimize import minimize
from chainrule.core.config import config
from chainrule.core.op import freeze_registry
from chainrule.numpy.table import fill
from chainrule.trace.check import check_grads
from chainrule.trace.custom import checkpoint, custom_derivative
from chainrule.trace.eager_gradients import gradients
from chainrule.trace.jit import compile, jit
from chainrule.trace.products import hvp, jvp, linearize, vjp
from chainrule.trace.symbols import symbols
from chainrule.trace.transforms import elementwise_grad, grad, hessian, jacobian, stop_gradient, value_and_grad
from chainrule.trace.variables import no_grad, variable
from chainrule.trace.vmap import vmap

fill()
freeze_registry()

__version__ = "0.1.0"

__all__ = [
    "check_grads",
    "checkpoint",
    "compile",
    "config",
    "custom_derivative",
    "elementwise_grad",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jit",
    "jvp",
    "linearize",
    "minimize",
    "no_grad",
    "stop_gradient",
    "symbols",
    "value_and_grad",
    "variable",
    "vjp",
    "vmap",
]
