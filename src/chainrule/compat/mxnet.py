"""MXNet's names: ``from chainrule.compat.mxnet import autograd, np, npx``.

Operations are recorded inside ``autograd.record()`` only. Integers become float64 when a gradient is attached, where
MXNet makes them float32.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy

from chainrule.errors import ArgumentError, fail
from chainrule.trace.tape import constant, is_recording, recording
from chainrule.trace.variables import Variable

__all__ = ["NDArray", "autograd", "np", "npx"]


class NDArray(Variable):
    """An array with the method names of MXNet."""

    __slots__ = ()

    records_by_default = False
    accumulates = False

    def attach_grad(self, grad_req: str = "write") -> None:
        """Make this array a variable, with a gradient of zeros; each backward pass overwrites it."""
        if grad_req != "write":
            raise fail(
                ArgumentError,
                "x.attach_grad",
                f"grad_req={grad_req!r} is not supported",
                fix="leave it out; to add gradients up, use chainrule.variable",
            )
        if self._entry.node is not None:
            self._cell = constant(self._entry.value)
        self.requires_grad = True
        self.grad = numpy.zeros(self.shape, self.dtype)

    def asnumpy(self) -> Any:
        """The numbers as a NumPy array."""
        return numpy.asarray(self)

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Write the gradient of the sum of all entries to every variable."""
        seed = numpy.ones(self.shape, self.dtype) if gradient is None and self.size != 1 else gradient
        super().backward(seed, retain_graph)


class _Autograd:
    """The namespace `mxnet.autograd`."""

    def record(self) -> AbstractContextManager[None]:
        """Record operations while the block runs."""
        return recording(True)

    def pause(self) -> AbstractContextManager[None]:
        """Record nothing while the block runs."""
        return recording(False)

    def is_recording(self) -> bool:
        """Whether operations are recorded here."""
        return is_recording(False)


class _Numpy:
    """The namespace `mxnet.np`: NumPy, with creation functions whose arrays can have gradients."""

    _creation = ("arange", "array", "eye", "full", "linspace", "ones", "zeros")

    def __getattr__(self, name: str) -> Any:
        function = getattr(numpy, name)
        if name not in self._creation:
            return function
        return lambda *args, **keywords: NDArray(constant(numpy.array(function(*args, **keywords))[()]))


class _Npx:
    """The namespace `mxnet.npx`."""

    def set_np(self) -> None:
        """Nothing to set: arrays behave as NumPy's."""


autograd = _Autograd()
np = _Numpy()
npx = _Npx()
