"""`Array`: the handle that user code holds while a function is traced.

It behaves as a NumPy array: operators, methods, indexing, NumPy's functions. What it holds is a node and the trace
in which the node's inputs have values; a symbol is an `Array` in the scope of symbols, without values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from chainrule.core.aval import Aval
from chainrule.core.leaves import INPUT, literal
from chainrule.core.node import Node
from chainrule.core.op import Op
from chainrule.errors import ArgumentError, DimensionError, TracerError, TracerLeakError, UnsupportedError, fail
from chainrule.functions import basics, indexing
from chainrule.ops import arithmetic, elementwise, logic, rounding
from chainrule.ops.selection import astype
from chainrule.trace.tracer import Trace


class SymbolScope:
    """Stands in place of a trace for symbols: numbers stay numbers, and nothing has a value."""

    is_open = True
    level = -1

    def capture(self, value: Any, call: str) -> Node:
        """A Python number as a literal; arrays have no place among symbols."""
        if isinstance(value, bool | int | float) and not isinstance(value, np.generic):
            return literal(value)
        if isinstance(value, np.generic) and value.dtype.kind in "fiub":
            return literal(value.item())
        raise fail(
            TracerError,
            call,
            "an array of numbers meets a symbol",
            [("x", value)],
            fix="make it a symbol too: chainrule.symbols('A[n,m]')",
        )


_FILLING = "to fill an array with such values make it with numpy.zeros_like(x) or numpy.zeros(shape, like=x)"

SYMBOLS = SymbolScope()
Owner = Trace | SymbolScope


class Array:
    """An array in a graph: shape and dtype as NumPy's, value known only where a trace has numbers.

    Made by the transforms (`chainrule.grad` and its like) and by `chainrule.symbols`; never constructed directly.
    """

    __slots__ = ("__weakref__", "_name", "_node", "_owner")
    __array_priority__ = 1000.0
    is_eager: ClassVar[bool] = False  # whether it has a value and its operations run at once (see `eager`)

    def __init__(self, node: Node, owner: Owner, name: str | None = None) -> None:
        self._node = node
        self._owner = owner
        self._name = name

    # --- what it is ---

    @property
    def shape(self) -> Any:
        """Sizes of the axes."""
        return self._node.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the entries."""
        return self._node.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._node.ndim

    @property
    def size(self) -> Any:
        """Number of entries."""
        return self._node.aval.size

    @property
    def itemsize(self) -> int:
        """Bytes of one entry."""
        return self._node.dtype.itemsize

    @property
    def T(self) -> Array:
        """The array with its axes reversed."""
        require_open(self, "x.T")
        return self._view(basics.transpose)

    @property
    def mT(self) -> Array:
        """The array with its last two axes swapped."""
        require_open(self, "x.mT")
        return self._view(basics.matrix_transpose)

    @property
    def real(self) -> Array:
        """The real part: the array itself."""
        return self

    @property
    def flat(self) -> Array:
        """The entries in C order; ``x.flat[k] = value`` assigns to the array."""
        from chainrule.trace.storage import Access, Way

        require_open(self, "x.flat")
        return self._view(Way(basics.ravel, Access.FLAT))

    def _apply(self, function: Callable[..., Node], *args: Any, **keywords: Any) -> Array:
        require_open(self, f"numpy.{function.__name__}")
        return Array(function(self._node, *args, **keywords), self._owner)

    # --- values ---

    def _value(self, call: str, fix: str) -> Any:
        """The number, for Python's own use; refused where a derivative would be lost."""
        require_open(self, call)
        if isinstance(self._owner, SymbolScope):
            raise fail(TracerError, call, f"a symbol has no value: {self!r}", [("x", self)], fix=fix)
        if self._owner.is_active(self._node):
            raise fail(
                TracerError,
                call,
                "a derivative is being taken through this array, and would be lost",
                [("x", self)],
                fix=fix,
            )
        return self._owner.value_of(self._node, call, fix)

    def __float__(self) -> float:
        fix = f"leave x as it is: NumPy functions and operators take it; {_FILLING}"
        return float(self._value("float(x)", fix))

    def __int__(self) -> int:
        return int(self._value("int(x)", "leave x as it is, or hold it constant with chainrule.stop_gradient(x)"))

    def __complex__(self) -> complex:
        return complex(self._value("complex(x)", "leave x as it is; complex numbers are not supported yet"))

    def __index__(self) -> int:
        value = self._value("index", "index with integers that do not depend on the variable")
        return int(np.asarray(value).__index__())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        value = self._value(
            "numpy.asarray(x)",
            "use x itself (M @ x in place of M.dot(x)); to build an array of such values use numpy.stack([...]); "
            + _FILLING
            + "; in place of numpy.vectorize(f) use chainrule.vmap(f)",
        )
        return np.array(value, dtype=dtype)

    def __bool__(self) -> bool:
        fix = "write numpy.where(condition, a, b)"
        require_open(self, "bool(x)")
        if isinstance(self._owner, SymbolScope):
            raise fail(TracerError, "bool(x)", f"a symbol has no truth value: {self!r}", [("x", self)], fix=fix)
        if self.size != 1:
            raise fail(
                ArgumentError,
                "bool(x)",
                "the truth value of an array with more or less than one entry is ambiguous",
                [("x", self)],
                fix="use x.any() or x.all()",
            )
        return bool(self._owner.value_of(self._node, "bool(x)", fix))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        if not isinstance(self.shape[0], int):
            raise fail(
                DimensionError,
                "len(x)",
                f"the size {self.shape[0]} is symbolic",
                [("x", self)],
                fix="use x.shape[0], which may be symbolic",
            )
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        return (self[k] for k in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> Array:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Array:
        return self.copy()

    def __round__(self, decimals: int | None = None) -> Any:
        if self.shape:
            raise TypeError("type Array doesn't define __round__ method")  # as NumPy's arrays
        return np.round(self, decimals or 0)

    def item(self) -> Any:
        """The value of a one-entry array as a Python number; refused while a derivative is taken through it."""
        return np.asarray(self._value("x.item()", "leave x as it is: it behaves as a number")).item()

    def tolist(self) -> Any:
        """The values as nested lists; refused while a derivative is taken through the array."""
        return np.asarray(self._value("x.tolist()", "leave x as it is")).tolist()

    def evaluate(self, **values: Any) -> Any:
        """The number of a symbolic array, given a value for each of its symbols.

        Parameters
        ----------
        **values : array_like
            By name of symbol; shapes must agree with the symbols' sizes.

        Returns
        -------
        ndarray or numpy.float64
            The value.

        Examples
        --------
        >>> import chainrule as cr
        >>> x = cr.symbols("x[n]")
        >>> (x @ x).evaluate(x=[3.0, 4.0])
        np.float64(25.0)
        """
        from chainrule.trace.symbols import evaluate

        return evaluate(self, values)

    def __repr__(self) -> str:
        name = f"{self._name} = " if self._name else ""
        aval = self._node.aval
        if isinstance(self._owner, SymbolScope):
            return f"{name}Array({aval})" if self._name else f"Array({aval})"
        return f"{name}Array({aval}{self._value_text()})"

    def _value_text(self) -> str:
        """The value where it can be had without disturbing anything; a debugger shows this."""
        assert isinstance(self._owner, Trace)
        if not self._owner.is_open:
            return ", of a trace that is over"
        try:
            value = self._owner.value_of(self._node, "repr", "", guarded=False)
        except Exception:
            return ", value unknown"
        return f", {np.array2string(np.asarray(value), separator=', ', threshold=20, prefix='Array(')}"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec) if not spec else format(float(self), spec)

    # --- NumPy's protocols ---

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        from chainrule.trace.dispatch import call_ufunc

        return call_ufunc(ufunc, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        from chainrule.trace.dispatch import call_function

        return call_function(function, args, keywords, self)

    # --- indexing ---

    def __getitem__(self, index: Any) -> Array:
        owner, entries = resolved_index(index, self)
        node = strong(self._node)
        parts = indexing.parts(node, entries)
        result = parts.read(node)
        # NumPy shares memory under basic indexing, and gives a scalar where nothing is left but for an ellipsis.
        if not _is_basic(index) or not (result.shape or has_ellipsis(index)) or owner is not self._owner:
            return Array(result, owner)
        return self._view(parts.read)

    def __setitem__(self, index: Any, value: Any) -> None:
        from chainrule.trace.storage import assign

        assign(self, index, value)

    def _view(self, function: Callable[[Node], Node]) -> Array:
        from chainrule.trace.storage import View

        return View(self, function)

    def _update(self, result: Any, call: str) -> Any:
        from chainrule.trace.storage import update

        return update(self, result, call)

    # --- operators ---

    def __iadd__(self, other: Any) -> Any:
        return self._update(self + other, "x += y")

    def __isub__(self, other: Any) -> Any:
        return self._update(self - other, "x -= y")

    def __imul__(self, other: Any) -> Any:
        return self._update(self * other, "x *= y")

    def __itruediv__(self, other: Any) -> Any:
        return self._update(self / other, "x /= y")

    def __ipow__(self, other: Any) -> Any:
        return self._update(self**other, "x **= y")

    def __ifloordiv__(self, other: Any) -> Any:
        return self._update(self // other, "x //= y")

    def __imod__(self, other: Any) -> Any:
        return self._update(self % other, "x %= y")

    def __imatmul__(self, other: Any) -> Any:
        return self._update(self @ other, "x @= y")

    def __iand__(self, other: Any) -> Any:
        return self._update(self & other, "x &= y")

    def __ior__(self, other: Any) -> Any:
        return self._update(self | other, "x |= y")

    def __ixor__(self, other: Any) -> Any:
        return self._update(self ^ other, "x ^= y")

    def __neg__(self) -> Array:
        return self._apply(arithmetic.negative)

    def __pos__(self) -> Array:
        return self.copy()

    def __abs__(self) -> Array:
        return self._apply(arithmetic.absolute)

    def __add__(self, other: Any) -> Any:
        return binary(arithmetic.ADD, self, other)

    def __radd__(self, other: Any) -> Any:
        return binary(arithmetic.ADD, other, self)

    def __sub__(self, other: Any) -> Any:
        return binary(arithmetic.SUBTRACT, self, other)

    def __rsub__(self, other: Any) -> Any:
        return binary(arithmetic.SUBTRACT, other, self)

    def __mul__(self, other: Any) -> Any:
        return binary(arithmetic.MULTIPLY, self, other)

    def __rmul__(self, other: Any) -> Any:
        return binary(arithmetic.MULTIPLY, other, self)

    def __truediv__(self, other: Any) -> Any:
        return binary(arithmetic.DIVIDE, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return binary(arithmetic.DIVIDE, other, self)

    def __pow__(self, other: Any) -> Any:
        return binary(elementwise.POWER, self, other)

    def __rpow__(self, other: Any) -> Any:
        return binary(elementwise.POWER, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return binary(rounding.FloorDivide.instance, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return binary(rounding.FloorDivide.instance, other, self)

    def __mod__(self, other: Any) -> Any:
        return binary(rounding.Remainder.instance, self, other)

    def __rmod__(self, other: Any) -> Any:
        return binary(rounding.Remainder.instance, other, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __matmul__(self, other: Any) -> Any:
        return np.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return np.matmul(other, self)

    def __gt__(self, other: Any) -> Any:
        return binary(logic.GREATER, self, other)

    def __ge__(self, other: Any) -> Any:
        return binary(logic.GREATER_EQUAL, self, other)

    def __lt__(self, other: Any) -> Any:
        return binary(logic.LESS, self, other)

    def __le__(self, other: Any) -> Any:
        return binary(logic.LESS_EQUAL, self, other)

    def __eq__(self, other: object) -> Any:
        return binary(logic.EQUAL, self, other)

    def __ne__(self, other: object) -> Any:
        return binary(logic.NOT_EQUAL, self, other)

    def __and__(self, other: Any) -> Any:
        return np.logical_and(_require_boolean(self, "x & y"), _require_boolean(other, "x & y"))

    def __or__(self, other: Any) -> Any:
        return np.logical_or(_require_boolean(self, "x | y"), _require_boolean(other, "x | y"))

    def __xor__(self, other: Any) -> Any:
        return np.logical_xor(_require_boolean(self, "x ^ y"), _require_boolean(other, "x ^ y"))

    __rand__ = __and__
    __ror__ = __or__
    __rxor__ = __xor__

    def __invert__(self) -> Array:
        return self._apply(logic.logical_not) if _require_boolean(self, "~x") is self else self

    # --- methods ---

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
        """Sum over axes, as `numpy.sum`."""
        return np.sum(self, axis=axis, dtype=dtype, out=out, keepdims=keepdims, **more)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
        """Mean over axes, as `numpy.mean`."""
        return np.mean(self, axis=axis, dtype=dtype, out=out, keepdims=keepdims, **more)

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
        """Largest entry over axes, as `numpy.max`."""
        return np.max(self, axis=axis, out=out, keepdims=keepdims, **more)

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
        """Smallest entry over axes, as `numpy.min`."""
        return np.min(self, axis=axis, out=out, keepdims=keepdims, **more)

    def any(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Whether any entry is true, as `numpy.any`."""
        return np.any(self, axis=axis, out=out, keepdims=keepdims)

    def all(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Whether all entries are true, as `numpy.all`."""
        return np.all(self, axis=axis, out=out, keepdims=keepdims)

    def cumsum(self, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """Cumulative sum, as `numpy.cumsum`."""
        return np.cumsum(self, axis=axis, dtype=dtype, out=out)

    def prod(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
        """Product over axes, as `numpy.prod`."""
        return np.prod(self, axis=axis, dtype=dtype, out=out, keepdims=keepdims, **more)

    def cumprod(self, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """Cumulative product, as `numpy.cumprod`."""
        return np.cumprod(self, axis=axis, dtype=dtype, out=out)

    def var(
        self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: bool = False, **more: Any
    ) -> Any:
        """Variance over axes, as `numpy.var`."""
        return np.var(self, axis=axis, dtype=dtype, out=out, ddof=ddof, keepdims=keepdims, **more)

    def std(
        self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: bool = False, **more: Any
    ) -> Any:
        """Standard deviation over axes, as `numpy.std`."""
        return np.std(self, axis=axis, dtype=dtype, out=out, ddof=ddof, keepdims=keepdims, **more)

    def argmax(self, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
        """Place of the largest entry, as `numpy.argmax`."""
        return np.argmax(self, axis=axis, out=out, keepdims=keepdims)

    def argmin(self, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
        """Place of the smallest entry, as `numpy.argmin`."""
        return np.argmin(self, axis=axis, out=out, keepdims=keepdims)

    def repeat(self, repeats: Any, axis: Any = None) -> Any:
        """Every entry repeated, as `numpy.repeat`."""
        return np.repeat(self, repeats, axis)

    def take(self, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
        """Entries at integer places, as `numpy.take`."""
        return np.take(self, indices, axis, out, mode)

    def compress(self, condition: Any, axis: Any = None, out: Any = None) -> Any:
        """Entries where a condition holds, as `numpy.compress`."""
        return np.compress(condition, self, axis, out)

    def choose(self, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
        """Entries of several arrays by number, as `numpy.choose`."""
        return np.choose(self, choices, out, mode)

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        """Places in this sorted vector, as `numpy.searchsorted`."""
        return np.searchsorted(self, v, side, sorter)

    def nonzero(self) -> Any:
        """Places of the entries other than 0, as `numpy.nonzero`."""
        return np.nonzero(self)

    def clip(self, *bounds: Any, **more: Any) -> Any:
        """Entries limited to an interval, as `numpy.clip`."""
        limits = (*bounds, *[None] * (2 - len(bounds))) if bounds else ()
        return np.clip(self, *limits, **more)

    def round(self, decimals: Any = 0, out: Any = None) -> Any:
        """Entries rounded, as `numpy.round`."""
        return np.round(self, decimals, out)

    def argsort(self, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
        """The order that sorts, as `numpy.argsort`."""
        return np.argsort(self, axis, kind, order, stable=stable)

    def dot(self, other: Any) -> Any:
        """Dot product, as `numpy.dot`."""
        return np.dot(self, other)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """Sum of the diagonal, as `numpy.trace`."""
        return np.trace(self, offset, axis1, axis2)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """The diagonal, as `numpy.diagonal`."""
        return np.diagonal(self, offset, axis1, axis2)

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
        """The entries under another shape, as `numpy.reshape`."""
        wanted = shape[0] if len(shape) == 1 else shape
        reshaped = np.reshape(self, wanted, order=order)  # type: ignore[call-overload]
        return reshaped.copy() if copy else reshaped

    def ravel(self, order: str = "C") -> Any:
        """The entries as a vector, as `numpy.ravel`."""
        return np.ravel(self, order=order)  # type: ignore[call-overload]

    def flatten(self, order: str = "C") -> Any:
        """A copy of the entries as a vector, as `numpy.ndarray.flatten`."""
        return np.ravel(self, order=order).copy()  # type: ignore[call-overload]

    def squeeze(self, axis: Any = None) -> Any:
        """The array without its axes of size 1, as `numpy.squeeze`."""
        return np.squeeze(self, axis=axis)

    def transpose(self, *axes: Any) -> Any:
        """The array with its axes in another order, as `numpy.transpose`."""
        wanted = axes[0] if len(axes) == 1 else axes
        return np.transpose(self, wanted or None)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """The array with two axes interchanged, as `numpy.swapaxes`."""
        return np.swapaxes(self, axis1, axis2)

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        """The entries in another dtype, as `numpy.ndarray.astype`."""
        if order != "K" or casting != "unsafe":
            raise fail(
                UnsupportedError,
                "x.astype",
                "order= and casting= are not supported",
                [("x", self)],
                fix="leave them out",
            )
        if not copy and np.dtype(dtype) == self.dtype:
            return self
        return self._apply(basics.astype, np.dtype(dtype))

    def fill(self, value: Any) -> None:
        """Assign one value to all entries."""
        self[...] = value

    def copy(self, order: str = "C") -> Array:
        """An array of the same entries, with storage of its own."""
        require_open(self, "x.copy()")
        return Array(self._node, self._owner)

    def conj(self) -> Array:
        """The complex conjugate: a real array itself."""
        return self

    conjugate = conj

    def sort(self, axis: int = -1, kind: Any = None, order: Any = None) -> None:
        """In-place sorting is refused; `numpy.sort` gives the sorted array."""
        raise fail(
            UnsupportedError,
            "x.sort()",
            "it works in place",
            [("x", self)],
            fix="use numpy.sort(x), which returns the result",
        )


def _require_boolean(x: Any, call: str) -> Any:
    dtype = x.dtype if isinstance(x, Array) else example_aval(x).dtype
    if dtype.kind != "b":
        raise fail(
            UnsupportedError, call, "bit operations are for booleans only", [("x", x)], fix="compare first: x > 0"
        )
    return x


def require_open(x: Array, call: str) -> None:
    """Refuse a handle that has outlived its trace."""
    if not x._owner.is_open:
        raise fail(
            TracerLeakError,
            call,
            f"this array belongs to a call of {getattr(x._owner, 'call', 'a transform')} that is over",
            [("x", x)],
            fix="return the value from the function (has_aux=True for extra results) instead of storing it",
        )


def owner_of(operands: Sequence[Any], call: str) -> Owner:
    """The deepest trace among the handles; every other one must be an open ancestor of it."""
    handles = [x for x in operands if isinstance(x, Array)]
    if len(handles) == 1 and handles[0]._owner.is_open:
        return handles[0]._owner
    owner: Owner | None = None
    for x in handles:
        require_open(x, call)
        if owner is None or x._owner.level > owner.level:
            owner = x._owner
    assert owner is not None
    for x in handles:
        if x._owner is not owner and not _is_ancestor(x._owner, owner):
            raise fail(
                TracerLeakError,
                call,
                "the operands belong to transforms that are not nested in each other",
                [(f"operand {k}", operand) for k, operand in enumerate(handles)],
                fix="pass the array as an argument instead of sharing it between calls or threads",
            )
    return owner


def _is_ancestor(outer: Owner, inner: Owner) -> bool:
    return isinstance(inner, Trace) and any(trace is outer for trace in inner.ancestry())


def lift(value: Any, owner: Owner, call: str) -> Node:
    """`value` as a node: a handle's own, or an input that the trace captures."""
    if isinstance(value, Array):
        return value._node
    return owner.capture(value, call)


_NUMBERS = (bool, int, float, complex, np.ndarray, np.generic)


def binary(op: Op, x: Any, y: Any) -> Any:
    """An operator on two operands, one of them a handle."""
    if type(x) is Array and type(y) is Array and x._owner is y._owner and x._owner.is_open:
        return Array(op.bind((x._node, y._node)), x._owner)
    other = y if isinstance(x, Array) else x
    if not isinstance(other, (Array, *_NUMBERS, list, tuple)):
        return NotImplemented
    call = op.call
    owner = owner_of((x, y), call)
    return Array(op.bind((lift(x, owner, call), lift_exponent(op, y, owner, call))), owner)


def lift_exponent(op: Op, value: Any, owner: Owner, call: str) -> Node:
    """The second operand; a Python number as exponent stays part of the program."""
    if op is elementwise.POWER and type(value) in (int, float):
        return literal(value)
    return lift(value, owner, call)


def resolved_index(index: Any, x: Array) -> tuple[Owner, tuple[Any, ...]]:
    """The index with handles and masks replaced by what they say, and the trace in which it is to be read."""
    entries = _entries(index)
    owner = owner_of([x, *entries], "x[...]")
    return owner, tuple([_resolve_entry(entry, owner) for entry in entries])


def _entries(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _is_basic(index: Any) -> bool:
    """Whether NumPy takes a view at this index: no arrays, lists or masks; a computed integer is one all the same."""
    return all(
        entry.ndim == 0 and entry.dtype.kind in "iu"
        if isinstance(entry, Array)
        else not isinstance(entry, np.ndarray | list | bool | np.bool_)
        for entry in _entries(index)
    )


def has_ellipsis(index: Any) -> bool:
    """Whether an index holds an ellipsis: what it gives is an array then, even without axes."""
    return any(entry is Ellipsis for entry in _entries(index))


def _resolve_entry(entry: Any, owner: Owner) -> Any:
    """An entry of an index with handles and arrays replaced by what they say: places for integers and booleans."""
    fix = "inside chainrule.vmap or with symbols, use numpy.where(mask, x, 0) instead of x[mask]"
    if isinstance(entry, Array):
        if entry.dtype.kind == "b":
            if isinstance(owner, SymbolScope):
                raise fail(TracerError, "x[mask]", "a symbol has no value", [("mask", entry)], fix=fix)
            return indexing.Mask(np.asarray(owner.value_of(entry._node, "x[mask]", fix)), _capturer(owner))
        return indexing.Places(entry._node, _bound_value(entry))
    if isinstance(entry, np.ndarray | list):
        array = np.asarray(entry)
        if array.dtype.kind == "b":
            return indexing.Mask(array, _capturer(owner))
        if array.size == 0 and isinstance(entry, list):
            array = array.astype(int)
        return indexing.Places(owner.capture(array, "x[index]"), array)
    if isinstance(entry, bool | np.bool_):
        return indexing.Mask(np.asarray(entry), _capturer(owner))
    return entry


def _bound_value(x: Array) -> Any:
    """The array bound to a handle that is an input of its trace, else None; nothing is computed."""
    if x._node.op is not INPUT or not isinstance(x._owner, Trace):
        return None
    value = x._owner.bindings[x._node.param("index")] if x._node.param("level") == x._owner.level else None
    return value if isinstance(value, np.ndarray | np.generic) else None


def _capturer(owner: Owner) -> Callable[[Any], Node]:
    return lambda value: owner.capture(value, "x[mask]")


def strong(node: Node) -> Node:
    """The node as a NumPy function returns it: a NumPy scalar, never a Python number."""
    return astype(node, node.dtype) if node.aval.weak else node


def example_aval(value: Any) -> Aval:
    """Abstract value of a concrete leaf."""
    if isinstance(value, float | int) and not isinstance(value, bool | np.generic):
        return Aval((), np.dtype(type(value)), weak=True)
    array = np.asarray(value)
    return Aval(array.shape, array.dtype)
