"""Eager variables: arrays with values, whose operations run at once and are remembered for `backward`.

An `EagerArray` is a handle as the traced ones are. Each operation on it is traced by itself, on plain handles over
inputs numbered from 0, by the very functions that `grad` traces with; evaluated; and kept as one entry of the tape
(see `tape`). So everything that traced handles can do, eager ones can, and by the same rules.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from chainrule.core.node import Node
from chainrule.errors import ArgumentError, DtypeError, ShapeError, TracerError, UnsupportedError, fail
from chainrule.trace.array import Array
from chainrule.trace.containers import flatten, unflatten
from chainrule.trace.step import Step, current, mapped, part_of, view_path, with_part
from chainrule.trace.tape import Entry, is_recording


def _with_numbers(index: Any) -> Any:
    """An index in which computed integers are plain ones: a view keeps its index for as long as it lives."""
    if isinstance(index, tuple):
        return tuple(_with_numbers(entry) for entry in index)
    is_integer = isinstance(index, EagerArray) and not index.ndim and index.dtype.kind in "iu"
    return int(index) if is_integer else index


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
                "an array that was computed from variables is changed under no_grad; its gradient would be lost",
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

    @property
    def flat(self) -> Any:
        return self._do(lambda x: x.flat, self)

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

    # --- NumPy's protocols, indexing ---

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        from chainrule.trace.dispatch import call_ufunc

        return run_eagerly(lambda *inputs, **keywords: call_ufunc(ufunc, method, inputs, keywords), inputs, keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        from chainrule.trace.dispatch import call_function

        return run_eagerly(
            lambda args, keywords, like: call_function(function, args, keywords, like), (args, keywords, self), {}
        )

    def __getitem__(self, index: Any) -> Any:
        return self._do(lambda x, index: x[index], self, _with_numbers(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        self._do(lambda x, index, value: x.__setitem__(index, value), self, index, value)

    def copy(self, order: str = "C") -> Any:
        """The same values as a new array; derivatives flow through."""
        return self._do(lambda x: Array(x._node, x._owner), self)

    def _update(self, result: Any, call: str) -> Any:
        """``x op= y``, given ``x op y``; variables and views change, scalar results get a new name."""
        if not isinstance(result, EagerArray):
            return NotImplemented
        if not self.ndim and self._entry.leaf is None and self._parent is None:
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

    __hash__ = None


def run_eagerly(
    function: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any], is_traced: bool = False
) -> Any:
    """`function` on arguments with eager arrays among them: run now, and recorded if a gradient may be wanted.

    With `is_traced` the function sees an open trace, as it does inside a transform.
    """
    handles: list[EagerArray] = []
    insides: list[Array] = []
    step = Step()
    foreign = False

    def inside(x: Array) -> Array:
        nonlocal foreign
        if not isinstance(x, EagerArray):
            foreign = True
            return x
        for known, handle in zip(handles, insides, strict=True):
            if known is x:
                return handle
        handles.append(x)
        insides.append(step.handle(x._entry))
        return insides[-1]

    new_args = [mapped(x, inside) for x in args]
    new_keywords = {name: mapped(x, inside) for name, x in keywords.items()}
    if foreign:
        # Inside a transform: numbers that nobody differentiates are constants there.
        return function(*mapped(tuple(args), _held), **mapped(keywords, _held))
    kind = type(handles[0])
    step.is_recorded = is_recording(kind.records_by_default) and any(x._entry.requires_grad for x in handles)

    def outside(x: Array) -> Array:
        for known, handle in zip(handles, insides, strict=True):
            if handle is x:
                return known
        made = kind(step.entry_of(x))
        root, path = view_path(x)
        for parent, handle in zip(handles, insides, strict=True):
            if path and handle is root:
                made._parent, made._path, made._seen = parent, path, parent._entry
        return made

    try:
        if is_traced:
            with current(step):
                result = function(*new_args, **new_keywords)
        else:
            result = function(*new_args, **new_keywords)
        result = mapped(result, outside)
        for x, handle in zip(handles, insides, strict=True):
            if step.is_changed(handle):
                x._replace(step.entry_of(handle), "x[...] = value")
        return result
    finally:
        step.release()


def _held(x: Array) -> Any:
    """The numbers of an eager array that no derivative is taken by."""
    if not isinstance(x, EagerArray):
        return x
    if x._entry.requires_grad:
        raise x._foreign()
    return x.value


def has_eager(tree: Any) -> bool:
    """Whether there is an eager array among arguments."""
    return any(isinstance(leaf, EagerArray) for leaf in flatten(tree)[0])


def run_traced(function: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """A function of containers with eager arrays among them as one operation; it sees an open trace."""
    leaves, structure = flatten((tuple(args), keywords))
    structures = []

    def flat(*leaves: Any) -> Any:
        new_args, new_keywords = unflatten(structure, leaves)
        results, result_structure = flatten(function(*new_args, **new_keywords))
        structures.append(result_structure)
        return results

    results = run_eagerly(flat, leaves, {}, is_traced=True)
    return unflatten(structures[0], results)
