"""Multivariable calculus for NumPy code.

Write a function in plain NumPy; get its gradient, Jacobian and Hessian, exactly and as fast code.
"""

from chainrule.core.config import config
from chainrule.core.op import freeze_registry
from chainrule.numpy.table import fill
from chainrule.trace.transforms import (
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    linearize,
    stop_gradient,
    value_and_grad,
    vjp,
)

fill()
freeze_registry()

__version__ = "0.1.0"

__all__ = [
    "config",
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
