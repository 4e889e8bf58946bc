"""PyTorch's names: ``from chainrule.compat import torch``.

Tensors are chainrule's variables. Unlike PyTorch's, Python numbers become float64, and integers may require a gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.trace.array import Array
from chainrule.trace.tape import constant, is_recording
from chainrule.trace.variables import Variable, no_grad, variable_entry

__all__ = [
    "Tensor",
    "tensor",
    "ones",
    "zeros",
    "no_grad",
    "is_grad_enabled",
    "abs",
    "cos",
    "dot",
    "exp",
    "log",
    "matmul",
    "maximum",
    "mean",
    "sigmoid",
    "sin",
    "sqrt",
    "square",
    "sum",
    "tan",
    "tanh",
]


class Tensor(Variable):
    """A variable with the method names of PyTorch."""

    __slots__ = ()

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make this tensor a variable, or a constant."""
        self.requires_grad = requires_grad
        return self

    def zero_(self) -> Tensor:
        """Set every entry to zero, in place."""
        self[...] = 0.0
        return self

    def clone(self) -> Any:
        """A copy that derivatives flow through."""
        return self.copy()

    def sum(self, dim: Any = None, keepdim: bool = False, **keywords: Any) -> Any:  # type: ignore[override]
        """Sum over the axes `dim`."""
        return np.sum(self, **{"axis": dim, "keepdims": keepdim, **keywords})

    def mean(self, dim: Any = None, keepdim: bool = False, **keywords: Any) -> Any:  # type: ignore[override]
        """Mean over the axes `dim`."""
        return np.mean(self, **{"axis": dim, "keepdims": keepdim, **keywords})

    def __repr__(self) -> str:
        value = np.asarray(self._entry.value)
        flag = ", requires_grad=True" if self.requires_grad else ""
        return f"tensor({np.array2string(value, separator=', ', prefix='tensor(')}{flag})"


def tensor(data: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Make a tensor from numbers.

    Parameters
    ----------
    data : array_like
        The numbers, of any shape; they are copied.
    dtype : dtype, optional
        NumPy's; by default that of `data`.
    requires_grad : bool, default False
        Whether gradients accumulate in it; integers become float64 then.

    Examples
    --------
    >>> from chainrule.compat import torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> torch.sum(x**2).backward()
    >>> x.grad
    tensor([2., 4.])
    """
    array = np.array(data, dtype=dtype)
    return Tensor(variable_entry(array, "torch.tensor") if requires_grad else constant(array[()]))


def ones(*size: int, requires_grad: bool = False) -> Tensor:
    """A tensor of ones."""
    return tensor(np.ones(size), requires_grad=requires_grad)


def zeros(*size: int, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros."""
    return tensor(np.zeros(size), requires_grad=requires_grad)


def is_grad_enabled() -> bool:
    """Whether operations are recorded here."""
    return is_recording()


def sigmoid(x: Any) -> Any:
    """The logistic function."""
    return 1.0 / (1.0 + np.exp(-x))


def sum(x: Array, dim: Any = None, keepdim: bool = False) -> Any:
    """Sum over the axes `dim`."""
    return np.sum(x, axis=dim, keepdims=keepdim)


def mean(x: Array, dim: Any = None, keepdim: bool = False) -> Any:
    """Mean over the axes `dim`."""
    return np.mean(x, axis=dim, keepdims=keepdim)


abs, cos, dot, exp, log, matmul = np.abs, np.cos, np.dot, np.exp, np.log, np.matmul
maximum, sin, sqrt, square, tan, tanh = np.maximum, np.sin, np.sqrt, np.square, np.tan, np.tanh
