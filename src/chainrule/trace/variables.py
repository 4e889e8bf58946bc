"""Variables as users know them: `variable`, `backward`, `no_grad`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar, TypeVar

import numpy as np

from chainrule.core.aval import FLOAT, Aval
from chainrule.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError, fail
from chainrule.trace.array import Array
from chainrule.trace.eager import EagerArray
from chainrule.trace.tape import (
    LOCK,
    Entry,
    Leaf,
    closed,
    constant,
    gradients_of,
    is_recording,
    reached,
    recording,
)
from chainrule.trace.tracer import require_numeric, require_plain

V = TypeVar("V", bound="Variable")


class Variable(EagerArray):
    """An eager array as users get it: a variable, or what was computed from variables."""

    __slots__ = ()

    accumulates: ClassVar[bool] = True  # whether `backward` adds to the gradients that are there

    @property
    def requires_grad(self) -> bool:
        """Whether a derivative can be taken by this array or through it."""
        return self._entry.requires_grad

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        entry = self._entry
        if flag == entry.requires_grad:
            return
        if entry.node is not None:
            raise fail(
                ArgumentError,
                "x.requires_grad",
                "an array that was computed from variables depends on them",
                [("x", self)],
                fix="use x.detach(), which does not",
            )
        self._parent = None
        self._cell = variable_entry(entry.value, "x.requires_grad") if flag else constant(entry.value)

    @property
    def grad(self) -> Any:
        """What backward passes have added up for this variable; None before the first."""
        entry = self._entry
        if entry.node is not None:
            raise fail(
                ArgumentError,
                "x.grad",
                "gradients accumulate in variables; this array was computed from them",
                [("x", self)],
                fix="ask for it: chainrule.gradients(y, [x])",
            )
        return None if entry.leaf is None else entry.leaf.grad

    @grad.setter
    def grad(self, value: Any) -> None:
        leaf = self._entry.leaf
        if leaf is None:
            if value is None:
                return
            raise fail(
                ArgumentError,
                "x.grad",
                "only a variable has a gradient",
                [("x", self)],
                fix="make it one: x = chainrule.variable(x)",
            )
        if value is not None:
            array = np.asarray(value, dtype=self.dtype)
            if array.shape != self.shape:
                raise fail(
                    ShapeError,
                    "x.grad",
                    "a gradient has the shape of its variable",
                    [("x", self), ("gradient", array)],
                    fix="give an array of that shape, or None",
                )
            value = value if isinstance(value, Variable) else type(self)(constant(np.array(array)))
        with LOCK:
            leaf.grad = value

    def zero_grad(self) -> None:
        """Forget the gradient: `grad` is None again."""
        self.grad = None

    @property
    def data(self) -> Any:
        """The array without its history; what is written into it changes the variable, and is not recorded."""
        shown = type(self)(constant(self._entry.value))
        shown._parent = _Unrecorded(self)
        return shown

    @data.setter
    def data(self, value: Any) -> None:
        shown = value._parent if isinstance(value, Variable) else None
        if not (isinstance(shown, _Unrecorded) and shown._array is self):  # `x.data -= y` has already written
            self._set(value, "x.data = value")

    def detach(self: V) -> V:
        """The same values as a constant: no derivative flows through."""
        return type(self)(constant(self._entry.value), self._name)

    def assign(self: V, value: Any) -> V:
        """Give a variable another value of the same shape; under `no_grad`, as every update.

        Parameters
        ----------
        value : array_like
            Broadcasts to the shape of the variable.

        Returns
        -------
        Array
            The variable itself.
        """
        if self.requires_grad and is_recording(self.records_by_default):
            self._replace(self._entry, "x.assign(value)")  # refuses, and says what to do
        self._set(value, "x.assign(value)")
        return self

    def _set(self, value: Any, call: str) -> None:
        with recording(False):
            array = np.asarray(value)
            require_numeric(array, call)
            if not _fits(array.shape, self.shape):
                raise fail(
                    ShapeError,
                    call,
                    "the new value does not have the shape of the variable",
                    [("x", self), ("value", array)],
                    fix="give a value that broadcasts to that shape",
                )
            self._replace(constant(np.array(np.broadcast_to(array, self.shape), dtype=self.dtype)), call)

    # --- derivatives ---

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add the gradient of this result to the `grad` of every variable that it depends on.

        Parameters
        ----------
        gradient : array_like, optional
            Of the shape of this array: the derivative of something by it, passed on to the variables. A result with
            one entry needs none.
        retain_graph : bool, default False
            Whether to keep what was computed, for further passes. Otherwise it is freed.

        Raises
        ------
        ShapeError
            If the result has several entries and there is no `gradient`.
        SpentError
            If another backward pass has freed what this result was computed from.

        See Also
        --------
        chainrule.gradients : Returns gradients, by intermediate results too, and frees nothing.

        Examples
        --------
        >>> import chainrule as cr
        >>> x = cr.variable([1.0, 2.0])
        >>> (x**2).sum().backward()
        >>> x.grad
        Array([2., 4.])
        """
        call = "x.backward()"
        root = self._entry
        if not root.requires_grad:
            raise fail(
                ArgumentError,
                call,
                "this array does not depend on any variable",
                [("x", self)],
                fix="compute it from arrays made by chainrule.variable, outside no_grad",
            )
        seed = cotangent(self, gradient, call)
        order = reached([root])
        record = closed(root, order, None, call)
        values = gradients_of(record, None if seed is None else seed.value)
        totals: dict[Leaf, Any] = {}
        for leaf, value in zip(record.owners, values, strict=True):
            assert isinstance(leaf, Leaf)
            totals[leaf] = np.add(totals[leaf], value) if leaf in totals else value
        with LOCK:
            for leaf, value in totals.items():
                old = leaf.grad if self.accumulates else None
                leaf.grad = type(self)(constant(value if old is None else np.add(old._entry.value, value)))
        if not retain_graph:
            for entry in order:
                if entry.node is not None:
                    entry.free()

    def __reduce__(self) -> Any:
        entry = self._entry
        if entry.node is not None:
            raise fail(
                UnsupportedError,
                "copy.deepcopy(x)",
                "an array that was computed from variables is tied to what it was computed from",
                [("x", self)],
                fix="copy or pickle x.detach(), or the variables themselves",
            )
        return _restored, (type(self), self.value, entry.leaf is not None, self._name)

    def __copy__(self) -> Any:
        restore, state = self.__reduce__()
        return restore(*state)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.__copy__()


class _Unrecorded(Variable):
    """Stands between an array and its `data`: what is written goes through, derivatives do not."""

    __slots__ = ("_array",)

    def __init__(self, array: Variable) -> None:
        super().__init__(array._entry)
        self._array = array

    @property
    def _entry(self) -> Entry:
        now = self._array._entry
        if self._cell.value is not now.value or self._cell.requires_grad:
            self._cell = constant(now.value)
        return self._cell

    def _replace(self, entry: Entry, call: str) -> None:
        if self._array._entry.node is not None:
            raise fail(
                UnsupportedError,
                call,
                "the data of an array that was computed from variables is changed in place",
                [("x", self._array)],
                fix="change the variables, or x.detach()",
            )
        with recording(False):
            self._array._replace(constant(entry.value), call)


def variable(value: Any, name: str | None = None) -> Variable:
    """Make a variable: an array that remembers what is computed from it.

    Parameters
    ----------
    value : array_like
        The first value; it is copied. Integers become float64.
    name : str, optional
        Shown with the array.

    Returns
    -------
    Array
        Operations on it run at once. ``y.backward()`` on a result adds to ``x.grad``; ``x.value`` is a NumPy array.

    See Also
    --------
    no_grad : For updates.
    gradients : Gradients as results, by intermediate results too.
    grad : The gradient of a function.

    Notes
    -----
    What is needed for derivatives is kept as long as some result can still ask for it, and freed by ``backward``.
    A value is never changed in place: an update gives the variable a new one, and results computed before keep theirs.

    Examples
    --------
    >>> import chainrule as cr
    >>> x = cr.variable([1, 2])
    >>> y = (x**3).sum()
    >>> y.backward()
    >>> x.grad
    Array([ 3., 12.])
    >>> with cr.no_grad():
    ...     x -= 0.5 * x.grad
    >>> x
    variable([-0.5, -4. ])
    """
    if isinstance(value, Array) and not isinstance(value, Variable):
        raise fail(
            ArgumentError,
            "chainrule.variable",
            "the value is an array of a function that is being traced",
            [("value", value)],
            fix="use it as it is: its derivative is being taken already",
        )
    return Variable(variable_entry(value, "chainrule.variable"), name)


def no_grad() -> AbstractContextManager[None]:
    """Record nothing while the block runs; variables may be changed in place.

    Returns
    -------
    context manager
        May decorate a function too. It concerns the current thread (or task) alone.

    Examples
    --------
    >>> import chainrule as cr
    >>> w = cr.variable(3.0)
    >>> with cr.no_grad():
    ...     w *= 2
    >>> w
    variable(6.)
    """
    return recording(False)


def cotangent(y: Variable, gradient: Any, call: str) -> Entry | None:
    """The derivative of something by `y`, as the user gave it; a result with one entry needs none."""
    if gradient is None:
        if y.size == 1:
            return None
        raise fail(
            ShapeError,
            call,
            f"the result has shape {y.shape}, and only a scalar has a gradient",
            [("x", y)],
            fix="sum it first, or give the derivative by each of its entries: x.backward(gradient)",
        )
    if isinstance(gradient, Variable) and gradient.shape == y.shape and gradient.dtype == y.dtype:
        return gradient._entry
    array = np.array(gradient, dtype=y.dtype)
    if array.shape != y.shape:
        raise fail(
            ShapeError,
            call,
            "the gradient does not have the shape of the result",
            [("x", y), ("gradient", array)],
            fix="give one number for each entry of the result",
        )
    return constant(array)


def variable_entry(value: Any, call: str) -> Entry:
    """A value as that of a new variable: a copy, integers made floats."""
    if not isinstance(value, Variable):
        require_plain(value, call)
    array = np.array(value)
    require_numeric(array, call)
    if array.dtype.kind == "b":
        raise fail(
            DtypeError, call, "booleans have no derivative", [("value", array)], fix="convert with value.astype(float)"
        )
    if array.dtype.kind in "iu":
        array = array.astype(FLOAT)
    return Entry(array[()], Aval(array.shape, array.dtype), leaf=Leaf())


def _fits(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether an array of `shape` broadcasts to `whole`."""
    return len(shape) <= len(whole) and all(
        n in (1, m) for n, m in zip(shape, whole[len(whole) - len(shape) :], strict=True)
    )


def _restored(kind: type[Variable], value: Any, is_variable: bool, name: str | None) -> Variable:
    """A pickled or copied array: a variable of its own."""
    return kind(variable_entry(value, "pickle") if is_variable else constant(value), name)
