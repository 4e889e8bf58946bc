"""Functions of `scipy.linalg` for NumPy arrays and for arrays that are being differentiated.

SciPy does not let other arrays answer its functions, so that ``scipy.linalg.expm`` itself cannot be traced; these can.
On NumPy arrays each is SciPy's own function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import scipy.linalg

from chainrule.core.node import Node
from chainrule.errors import ArgumentError, fail
from chainrule.functions import linalg
from chainrule.functions.axes import refuse
from chainrule.ops import contractions
from chainrule.ops.arithmetic import add, multiply, subtract
from chainrule.ops.contractions import delta, swap
from chainrule.ops.matrix_functions import matrix_function
from chainrule.ops.reductions import cumsum
from chainrule.trace.dispatch import answers, provide

__all__ = [
    "cho_factor",
    "cho_solve",
    "cholesky",
    "det",
    "expm",
    "inv",
    "logm",
    "pinv",
    "solve",
    "solve_triangular",
    "sqrtm",
    "svdvals",
]
