"""Eager variables: arrays with values, whose operations run at once and are remembered for `backward`.

An `EagerArray` is a handle as the traced ones are. Each operation on it is traced by itself, on plain handles over
inputs numbered from 0, by the very functions that `grad` traces with; evaluated; and kept as one entry of the tape
(see `tape`). So everything that traced handles can do, eager ones can, and by the same rules.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from chainrule.core.aval import FLOAT, Aval
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, DtypeError, ShapeError, TracerError, UnsupportedError, fail
from chainrule.trace.array import Array
from chainrule.trace.step import Step, current, mapped, part_of, view_path, with_part
from chainrule.trace.tape import (
    LOCK,
    Entry,
    Leaf,
    closed,
    constant,
    gradient_entries,
    gradients_of,
    is_recording,
    reached,
    recording,
)
from chainrule.trace.tracer import require_numeric, require_plain

E = TypeVar("E", bound="EagerArray")


class EagerArray(Array):
    """An array with a value; made by `chainrule.variable` and by operations on such arrays."""

    __slots__ = ("_cell", "_parent", "_path", "_seen")

    is_eager: ClassVar[bool] = True
    records_by_default: ClassVar[bool] = True

    def __init__(self, entry: Entry, name: str | None = None) -> None:
        self._cell = entry
        self._name = name
        self._parent: EagerArray | None = None  # for a view: the array whose entries it shows
        self._path: tuple[Callable[[Node], Node], ...] = ()
        self._seen: Entry | None = None

    # --- where it stands ---

    @property
    def _entry(self) -> Entry:
        """The value now, and where it came from; a view follows the array that it is a part of."""
        if self._parent is not None:
            source = self._parent._entry
            if source is not self._seen:
                self._cell, self._seen = part_of(source, self._path), source
        return self._cell

    @property
    def _node(self) -> Node:  # type: ignore[override]
        raise self._foreign()

    @property
    def _owner(self) -> Any:  # type: ignore[override]
        raise self._foreign()

    def _foreign(self) -> TracerError:
        return fail(
            TracerError,
            "chainrule.variable",
            "a variable is used in a function that is being traced, where it would be a constant and lose its gradient",
            [(self._name or "x", self)],
            fix="give the numbers, which are held constant (x.detach() in formulas, x.value as an argument)",
        )

    def _do(self, function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
        """`function` of arguments among which this array is."""
        return run_eagerly(function, args, keywords)

    def _apply(self, function: Callable[..., Node], *args: Any, **keywords: Any) -> Any:
        return self._do(lambda x: x._apply(function, *args, **keywords), self)

    def _replace(self, entry: Entry, call: str) -> None:
        """Take another value: what happens when something is written into the array."""
        if self._parent is not None:
            self._parent._replace(with_part(self._parent._entry, self._path, entry), call)
            return
        if not self._entry.requires_grad:
            self._cell = entry
            return
        if self._entry.leaf is not None:
            if is_recording(self.records_by_default):
                raise fail(
                    UnsupportedError,
                    call,
                    "a variable that requires a gradient is changed in place",
                    [("x", self)],
                    fix="update it under `with chainrule.no_grad():`, or make a new array: y = x + 1",
                )
            self._cell = Entry(entry.value, self._cell.aval, self._cell.leaf)
            return
        if not is_recording(self.records_by_default):
            raise fail(
                UnsupportedError,
                call,
                "under no_grad an array that was computed from variables is changed in place; its gradient would be lost",
                [("x", self)],
                fix="make a new array (y = x + 1), or change x.detach()",
            )
        self._cell = entry

    # --- what it is ---

    @property
    def shape(self) -> Any:
        return self._entry.aval.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._entry.aval.dtype

    @property
    def ndim(self) -> int:
        return self._entry.aval.ndim

    @property
    def size(self) -> Any:
        return self._entry.aval.size

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        return int(self.size) * self.itemsize

    @property
    def T(self) -> Any:
        return self._do(lambda x: x.T, self)

    @property
    def mT(self) -> Any:
        return self._do(lambda x: x.mT, self)

    # --- values ---

    @property
    def value(self) -> Any:
        """The numbers: a NumPy array of its own, or a NumPy scalar."""
        return np.array(self._entry.value)[()]

    def numpy(self) -> Any:
        """The numbers: a NumPy array of its own, or a NumPy scalar."""
        return self.value

    def item(self) -> Any:
        """The value of a one-entry array as a Python number."""
        return np.asarray(self._entry.value).item()

    def tolist(self) -> Any:
        """The values as nested lists."""
        return np.asarray(self._entry.value).tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        return int(np.asarray(self._entry.value).__index__())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise fail(
                ArgumentError,
                "bool(x)",
                "the truth value of an array with more or less than one entry is ambiguous",
                [("x", self)],
                fix="use x.any() or x.all()",
            )
        return bool(self.item())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._entry.value, dtype=dtype)

    def __repr__(self) -> str:
        kind = "variable" if self._entry.leaf is not None else "Array"
        name = f"{self._name} = " if self._name else ""
        value = np.asarray(self._entry.value)
        dtype = "" if value.dtype in (np.float64, np.int64, np.bool_) else f", dtype={value.dtype}"
        return f"{name}{kind}({np.array2string(value, separator=', ', prefix=f'{name}{kind}(')}{dtype})"

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and self.size == 1 else format(self.value, spec)

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

    # --- NumPy's protocols, indexing ---

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        from chainrule.trace.dispatch import call_ufunc

        return run_eagerly(lambda inputs, keywords: call_ufunc(ufunc, method, inputs, keywords), (inputs, keywords), {})

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        from chainrule.trace.dispatch import call_function

        return run_eagerly(
            lambda args, keywords, like: call_function(function, args, keywords, like), (args, keywords, self), {}
        )

    def __getitem__(self, index: Any) -> Any:
        return self._do(lambda x, index: x[index], self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._do(lambda x, index, value: x.__setitem__(index, value), self, index, value)

    def copy(self, order: str = "C") -> Any:
        """The same values as a new array; derivatives flow through."""
        return self._do(lambda x: Array(x._node, x._owner), self)

    # --- operators: their reflected forms win over those of plain handles, which do not know this class ---

    def __add__(self, other: Any) -> Any:
        return self._do(operator.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return self._do(operator.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return self._do(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._do(operator.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        return self._do(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._do(operator.mul, other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._do(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._do(operator.truediv, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self._do(operator.floordiv, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._do(operator.floordiv, other, self)

    def __mod__(self, other: Any) -> Any:
        return self._do(operator.mod, self, other)

    def __rmod__(self, other: Any) -> Any:
        return self._do(operator.mod, other, self)

    def __pow__(self, other: Any) -> Any:
        return self._do(operator.pow, self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._do(operator.pow, other, self)

    def __lt__(self, other: Any) -> Any:
        return self._do(operator.lt, self, other)

    def __le__(self, other: Any) -> Any:
        return self._do(operator.le, self, other)

    def __gt__(self, other: Any) -> Any:
        return self._do(operator.gt, self, other)

    def __ge__(self, other: Any) -> Any:
        return self._do(operator.ge, self, other)

    def __eq__(self, other: object) -> Any:
        return self._do(operator.eq, self, other)

    def __ne__(self, other: object) -> Any:
        return self._do(operator.ne, self, other)

    __hash__ = None  # type: ignore[assignment]

    # --- variables ---

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
            value = value if isinstance(value, EagerArray) else type(self)(constant(np.array(array)))
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
        shown = value._parent if isinstance(value, EagerArray) else None
        if not (isinstance(shown, _Unrecorded) and shown._array is self):  # `x.data -= y` has already written
            self._set(value, "x.data = value")

    def detach(self: E) -> E:
        """The same values as a constant: no derivative flows through."""
        return type(self)(constant(self._entry.value), self._name)

    def assign(self: E, value: Any) -> E:
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

    def _update(self, result: Any, call: str) -> Any:
        """``x op= y``, given ``x op y``; variables and views change, scalar results get a new name."""
        if not isinstance(result, EagerArray):
            return NotImplemented
        if not self.ndim and not result.ndim and self._entry.leaf is None and self._parent is None:
            return result  # as for NumPy's scalars: other names of the old value keep it
        if result.shape != self.shape:
            raise fail(
                ShapeError,
                call,
                f"the result has shape {result.shape}, the array {self.shape}",
                [("x", self), ("result", result)],
                fix="write x = x + y, which makes a new array",
            )
        if not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise fail(
                DtypeError,
                call,
                f"a result of dtype {result.dtype} cannot be stored in an array of dtype {self.dtype}",
                [("x", self), ("result", result)],
                fix="make the array a float one: x = x.astype(float)",
            )
        self._replace((result if result.dtype == self.dtype else result.astype(self.dtype))._entry, call)
        return self

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
        for leaf, value in zip(record.owners, values, strict=True):
            assert isinstance(leaf, Leaf)
            with LOCK:
                old = leaf.grad
                leaf.grad = type(self)(constant(value if old is None else np.add(old._entry.value, value)))
        if not retain_graph:
            for entry in order:
                if entry.node is not None:
                    entry.free()


class _Unrecorded(EagerArray):
    """Stands between an array and its `data`: what is written goes through, derivatives do not."""

    __slots__ = ("_array",)

    def __init__(self, array: EagerArray) -> None:
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


def run_eagerly(
    function: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any], is_traced: bool = False
) -> Any:
    """`function` on arguments with eager arrays among them: run now, and recorded if a gradient may be wanted.

    With `is_traced` the function sees an open trace, as it does inside a transform.
    """
    handles: list[EagerArray] = []
    foreign: list[Array] = []

    def sort(x: Array) -> Array:
        if isinstance(x, EagerArray):
            handles.append(x)
        else:
            foreign.append(x)
        return x

    mapped((args, keywords), sort)
    if foreign:
        # Inside a transform: numbers that nobody differentiates are constants there.
        def value_of(x: Array) -> Any:
            if not isinstance(x, EagerArray):
                return x
            if x.requires_grad:
                raise x._foreign()
            return x.value

        args, keywords = mapped((tuple(args), keywords), value_of)
        return function(*args, **keywords)
    kind = type(handles[0])
    is_recorded = is_recording(kind.records_by_default) and any([x._entry.requires_grad for x in handles])
    step = Step(is_recorded)
    insides = {id(x): step.handle(x._entry) for x in handles}
    args, keywords = mapped((tuple(args), keywords), lambda x: insides[id(x)])
    try:
        if is_traced:
            with current(step):
                result = function(*args, **keywords)
        else:
            result = function(*args, **keywords)
        eager_of = {id(insides[id(x)]): x for x in handles}

        def outside(x: Array) -> Array:
            if id(x) in eager_of:
                return eager_of[id(x)]
            made = kind(step.entry_of(x))
            root, path = view_path(x)
            if path and id(root) in eager_of:
                parent = eager_of[id(root)]
                made._parent, made._path, made._seen = parent, path, parent._entry
            return made

        result = mapped(result, outside)
        for x in handles:
            inside = insides[id(x)]
            if step.is_changed(inside):
                x._replace(step.entry_of(inside), "x[...] = value")
        return result
    finally:
        step.release()


def has_eager(tree: Any) -> bool:
    """Whether there is an eager array among arguments."""
    found: list[Array] = []
    mapped(tree, found.append)
    return any(x.is_eager for x in found)


def cotangent(y: EagerArray, gradient: Any, call: str) -> Entry | None:
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
    if isinstance(gradient, EagerArray) and gradient.shape == y.shape and gradient.dtype == y.dtype:
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


def gradients_by(
    y: EagerArray, nodes: Sequence[EagerArray], seed: Entry | None, is_recorded: bool, call: str
) -> list[Entry | None]:
    """The gradient of `y` by each of the nodes; None for those that it does not depend on."""
    root = y._entry
    order = reached([root])
    known = set(order)
    targets: list[Leaf | Entry | None] = []
    for x in nodes:
        entry = x._entry
        is_result = entry.node is not None and entry in known
        targets.append(entry.leaf if entry.leaf is not None else entry if is_result else None)
    wanted = {target for target in targets if target is not None}
    record = closed(root, order, wanted, call)
    found: dict[Leaf | Entry, Entry] = {}
    for owner, entry in zip(record.owners, gradient_entries(record, seed, is_recorded), strict=True):
        found[owner] = entry if owner not in found else _sum(found[owner], entry, is_recorded)
    return [None if target is None else found.get(target) for target in targets]


def _sum(x: Entry, y: Entry, is_recorded: bool) -> Entry:
    """The sum of two gradients: a variable that was updated on the way has several values in one computation."""
    entry: Entry = (EagerArray(x) + EagerArray(y))._entry
    return entry if is_recorded else constant(entry.value)


def variable_entry(value: Any, call: str) -> Entry:
    """A value as that of a new variable: a copy, integers made floats."""
    if not isinstance(value, EagerArray):
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


def _restored(kind: type[EagerArray], value: Any, is_variable: bool, name: str | None) -> EagerArray:
    """A pickled or copied array: a variable of its own."""
    return kind(variable_entry(value, "pickle") if is_variable else constant(value), name)
