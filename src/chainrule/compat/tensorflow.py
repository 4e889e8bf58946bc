"""TensorFlow's names: ``from chainrule.compat import tensorflow as tf``.

Operations are recorded inside a `GradientTape` only. Python numbers become float64, and integer variables have
gradients.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, SpentError, fail
from chainrule.trace.containers import flatten, unflatten
from chainrule.trace.eager_gradients import gradients_by
from chainrule.trace.tape import Entry, is_recording, recording
from chainrule.trace.tape import constant as constant_entry
from chainrule.trace.variables import Variable as _Variable
from chainrule.trace.variables import variable_entry

__all__ = [
    "Tensor",
    "Variable",
    "constant",
    "GradientTape",
    "abs",
    "cos",
    "exp",
    "log",
    "matmul",
    "maximum",
    "reduce_mean",
    "reduce_sum",
    "sigmoid",
    "sin",
    "sqrt",
    "square",
    "tanh",
]


class Tensor(_Variable):
    """An array with the method names of TensorFlow."""

    __slots__ = ()

    records_by_default = False

    def assign(self, value: Any) -> Any:
        """Give a variable another value; no derivative flows through."""
        with recording(False):
            return super().assign(value)

    def assign_add(self, delta: Any) -> Any:
        """Add to the value of a variable; no derivative flows through."""
        with recording(False):
            return self.assign(self + delta)

    def assign_sub(self, delta: Any) -> Any:
        """Subtract from the value of a variable; no derivative flows through."""
        with recording(False):
            return self.assign(self - delta)


def Variable(initial_value: Any, trainable: bool = True, name: str | None = None) -> Tensor:  # noqa: N802
    """Make a variable; every tape watches it, if it is `trainable`."""
    entry = variable_entry(initial_value, "tensorflow.Variable")
    return Tensor(entry if trainable else constant_entry(entry.value), name)


def constant(value: Any, dtype: Any = None) -> Tensor:
    """Make a constant; a tape has gradients by it if it is told to `watch` it."""
    return Tensor(constant_entry(np.array(value, dtype=dtype)[()]))


class GradientTape:
    """Records what happens inside its block.

    Parameters
    ----------
    persistent : bool, default False
        Whether `gradient` may be called more than once.

    Examples
    --------
    >>> from chainrule.compat import tensorflow as tf
    >>> x = tf.Variable(3.0)
    >>> with tf.GradientTape() as tape:
    ...     y = x**2
    >>> tape.gradient(y, x).numpy()
    np.float64(6.0)
    """

    def __init__(self, persistent: bool = False) -> None:
        self._persistent = persistent
        self._is_used = False
        self._scopes: list[AbstractContextManager[None]] = []

    def __enter__(self) -> GradientTape:
        self._scopes.append(recording(True))
        self._scopes[-1].__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._scopes.pop().__exit__(*exception)

    def watch(self, tensor: Any) -> None:
        """Take gradients by these constants too."""
        for x in flatten(tensor)[0]:
            x.requires_grad = True

    def stop_recording(self) -> AbstractContextManager[None]:
        """Record nothing while the block runs."""
        return recording(False)

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: str = "none"
    ) -> Any:
        """Gradient of `target` (the sum of its entries) by each of the sources.

        Parameters
        ----------
        target : Tensor
            What to differentiate, of any shape.
        sources : Tensor or container of Tensor
            What to differentiate by.
        output_gradients : array_like, optional
            The derivative of something by each entry of `target`.
        unconnected_gradients : {"none", "zero"}
            What to return for a source that `target` does not depend on.

        Returns
        -------
        Tensor or container
            One for each source.
        """
        call = "GradientTape.gradient"
        if unconnected_gradients not in ("none", "zero"):
            raise fail(
                ArgumentError,
                call,
                f"unconnected_gradients={unconnected_gradients!r} is not known",
                fix="use 'none' or 'zero'",
            )
        if self._is_used and not self._persistent:
            raise fail(
                SpentError,
                call,
                "a tape that is not persistent has been asked for a gradient already",
                fix="use GradientTape(persistent=True), or ask once for all: gradient(y, [w, x])",
            )
        leaves, structure = flatten(sources)
        found: list[Entry | None] = [None] * len(leaves)
        if target.requires_grad:
            ones = np.ones(target.shape, target.dtype) if output_gradients is None else output_gradients
            seed = constant_entry(np.array(ones, dtype=target.dtype))
            found = gradients_by(target, leaves, seed, is_recording(False), call)
        self._is_used = True
        results = [
            _unconnected(x, unconnected_gradients) if entry is None else Tensor(entry)
            for x, entry in zip(leaves, found, strict=True)
        ]
        return unflatten(structure, results)


def _unconnected(x: Any, kind: str) -> Tensor | None:
    return None if kind == "none" else Tensor(constant_entry(np.zeros(x.shape, x.dtype)[()]))


def sigmoid(x: Any) -> Any:
    """The logistic function."""
    return 1.0 / (1.0 + np.exp(-x))


def reduce_sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum over axes."""
    return np.sum(x, axis=axis, keepdims=keepdims)


def reduce_mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean over axes."""
    return np.mean(x, axis=axis, keepdims=keepdims)


abs, cos, exp, log, matmul, maximum = np.abs, np.cos, np.exp, np.log, np.matmul, np.maximum
sin, sqrt, square, tanh = np.sin, np.sqrt, np.square, np.tanh
