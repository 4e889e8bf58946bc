"""From a NumPy call on handles to a node: which function answers, and which of its arguments are operands.

The table is data, filled by `chainrule.numpy` when the package is imported. What is not in it is refused.
"""

from __future__ import annotations

import difflib
import inspect
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.node import Node
from chainrule.core.op import ElementwiseOp, Op
from chainrule.errors import ArgumentError, UnsupportedError, fail
from chainrule.functions import basics
from chainrule.ops.logic import BooleanOp
from chainrule.ops.selection import astype
from chainrule.trace.array import Array, Owner, lift, lift_exponent, owner_of, require_open, strong


@dataclass(frozen=True, slots=True)
class Entry:
    """How a NumPy function is answered.

    Attributes
    ----------
    function : callable
        Takes nodes for its operands, and NumPy's other arguments as they are.
    operands : frozenset of str
        Parameters that are arrays.
    sequences : frozenset of str
        Parameters that are sequences of arrays.
    positions : tuple of str
        Names of the positional parameters, in order; the last repeats if `variadic`.
    plain : bool
        Whether the result is no node (a shape, a number of axes).
    weak : frozenset of str
        Operands whose dtype stays weak if they are Python numbers. Elsewhere NumPy makes arrays of them first.
    composed : bool
        Whether the function is written with NumPy's own functions: it takes handles, and gives its result, as they are.
    """

    name: str
    function: Callable[..., Any]
    operands: frozenset[str]
    sequences: frozenset[str]
    positions: tuple[str, ...]
    keywords: frozenset[str]
    variadic: bool
    plain: bool
    weak: frozenset[str]
    composed: bool


# Functions whose result shares memory with their argument.
_VIEWS = frozenset(
    (
        np.transpose,
        np.matrix_transpose,
        np.linalg.matrix_transpose,
        np.swapaxes,
        np.moveaxis,
        np.reshape,
        np.ravel,
        np.squeeze,
        np.expand_dims,
        np.rollaxis,
        np.flip,
        np.flipud,
        np.fliplr,
        np.rot90,
        np.atleast_1d,
        np.atleast_2d,
        np.atleast_3d,
        np.split,
        np.array_split,
        np.hsplit,
        np.vsplit,
        np.dsplit,
        np.real,
    )
)

# Functions whose result shares memory with their argument, and cannot be assigned to.
_READ_ONLY_VIEWS = frozenset((np.broadcast_to, np.diagonal, np.linalg.diagonal))

_FUNCTIONS: dict[Any, Entry] = {}
_UFUNCS: dict[np.ufunc, Op | Callable[..., Any]] = {}


def provide(
    numpy_function: Any,
    function: Callable[..., Any],
    operands: str,
    sequences: str = "",
    plain: bool = False,
    weak: str = "",
    composed: bool = False,
) -> None:
    """Answer calls of `numpy_function` by `function`, whose parameters named in `operands` are arrays."""
    parameters = inspect.signature(function).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)]
    entry = Entry(
        f"{_public_module(numpy_function)}.{numpy_function.__name__}",
        function,
        frozenset(operands.split()),
        frozenset(sequences.split()),
        tuple(p.name for p in positional),
        frozenset(p.name for p in parameters if p.kind is not p.VAR_KEYWORD),
        any(p.kind is p.VAR_POSITIONAL for p in positional),
        plain,
        frozenset(weak.split()),
        composed,
    )
    assert numpy_function not in _FUNCTIONS, f"{entry.name} is provided twice"
    _FUNCTIONS[numpy_function] = entry


def _public_module(function: Any) -> str:
    """The module that a user imports a function from."""
    module: str = getattr(function, "__module__", None) or "numpy"
    return ".".join(part for part in module.split(".") if not part.startswith("_"))


def provide_ufunc(ufunc: np.ufunc, answer: Op | Callable[..., Any]) -> None:
    """Answer calls of a ufunc by an op, or by a function of nodes."""
    assert ufunc not in _UFUNCS, f"{ufunc.__name__} is provided twice"
    _UFUNCS[ufunc] = answer


def provided_functions() -> tuple[Any, ...]:
    """Every NumPy function and ufunc that is answered."""
    return (*_UFUNCS, *_FUNCTIONS)


# --- ufuncs ---------------------------------------------------------------------------------------------------------

_UFUNC_KEYWORDS = {"where": True, "casting": "same_kind", "order": "K", "subok": True}


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """A ufunc called on handles."""
    if not keywords and method == "__call__":
        answer = _UFUNCS.get(ufunc)
        if answer is not None:
            return _answered(answer, ufunc, inputs, None)
    call = _name_of(ufunc)
    if "out" in keywords:
        out = keywords.pop("out")
        if method == "__call__" and isinstance(out, tuple) and len(out) == 1 and isinstance(out[0], Array):
            return stored(call_ufunc(ufunc, method, inputs, keywords), out[0], call)
        _refuse_out(call, out, inputs)
    if method == "reduce":
        return _reduce(ufunc, inputs, keywords)
    answer = _UFUNCS.get(ufunc)
    if answer is None:
        raise _unknown(ufunc, ufunc.__name__)
    if method != "__call__":
        raise fail(
            UnsupportedError,
            f"{call}.{method}",
            "this ufunc method is not supported",
            [(f"operand {k}", x) for k, x in enumerate(inputs)],
            fix=f"write the result with {call} and NumPy's other functions",
        )
    dtype = keywords.pop("dtype", None)
    for name, value in keywords.items():
        if name not in _UFUNC_KEYWORDS or value is not _UFUNC_KEYWORDS[name]:
            raise fail(
                UnsupportedError,
                call,
                f"the keyword {name}={value!r} is not supported",
                fix="use numpy.where for a choice" if name == "where" else "leave it out",
            )
    return _answered(answer, ufunc, inputs, dtype)


def _name_of(ufunc: np.ufunc) -> str:
    """The ufunc as users call it."""
    module = "numpy" if getattr(np, ufunc.__name__, None) is ufunc else "scipy.special"
    return f"{module}.{ufunc.__name__}"


def stored(result: Any, out: Array, call: str) -> Array:
    """``out=`` with a handle: its entries become those of the result."""
    from chainrule.trace.storage import update

    update(out, result, call, is_scalar=False)
    return out


def _answered(answer: Op | Callable[..., Any], ufunc: np.ufunc, inputs: tuple[Any, ...], dtype: Any) -> Any:
    """The op or function of a ufunc on its operands."""
    call = _name_of(ufunc)
    owner = owner_of(inputs, call)
    if len(inputs) == 2 and isinstance(answer, ElementwiseOp):
        nodes = [lift(inputs[0], owner, call), lift_exponent(answer, inputs[1], owner, call)]
    else:
        nodes = [lift(x, owner, call) for x in inputs]
    if dtype is not None:
        if isinstance(answer, BooleanOp):  # there it would be the dtype of the result, of which there is one
            raise fail(UnsupportedError, call, "the keyword dtype= is not supported", fix="leave it out")
        nodes = [astype(node, np.dtype(dtype)) for node in nodes]
    node = answer.bind(tuple(nodes)) if isinstance(answer, Op) else answer(*nodes)
    if isinstance(node, tuple):
        return tuple(Array(strong(result), owner) for result in node)
    return Array(strong(node), owner)


def _reduce(ufunc: np.ufunc, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """`ufunc.reduce`, for the ufuncs that have a function of their own; the first axis by default."""
    function = {
        np.add: np.sum,
        np.multiply: np.prod,
        np.maximum: np.max,
        np.minimum: np.min,
        np.logical_and: np.all,
        np.logical_or: np.any,
    }
    if ufunc not in function:
        raise fail(
            UnsupportedError,
            f"numpy.{ufunc.__name__}.reduce",
            "this reduction is not supported",
            fix="write it as a loop",
        )
    names = ("axis", "dtype", "out", "keepdims", "initial", "where")
    given = {**dict(zip(names, inputs[1:], strict=False)), **keywords}
    if given.get("dtype", 0) is None:
        del given["dtype"]
    return call_function(function[ufunc], (inputs[0],), {"axis": 0, **given})


def _refuse_out(call: str, out: Any, inputs: tuple[Any, ...]) -> None:
    arrays = out if isinstance(out, tuple) else (out,)
    if all(array is None for array in arrays):
        return
    raise fail(
        UnsupportedError,
        call,
        "out= (or an in-place operator on a NumPy array) would write values where a derivative is being taken",
        [("out", arrays[0]), *[(f"operand {k}", x) for k, x in enumerate(inputs)]],
        fix="write y = y + x instead of y += x, and leave out= out; or make y with numpy.zeros_like(x)",
    )


# --- functions ------------------------------------------------------------------------------------------------------


def call_function(function: Any, args: tuple[Any, ...], keywords: dict[str, Any], like: Array | None = None) -> Any:
    """A NumPy function called with handles among its arguments, or with one as ``like=``, which NumPy takes out."""
    entry = _FUNCTIONS.get(function)
    if entry is None:
        answer = _UFUNCS.get(function)
        if answer is not None:
            return call_ufunc(function, "__call__", args, keywords)
        raise _unknown(function, getattr(function, "__name__", str(function)))
    unknown = [name for name in keywords if name not in entry.keywords and not _takes_keywords(entry)]
    if unknown:
        raise fail(
            ArgumentError,
            entry.name,
            f"the keyword {unknown[0]}= is not known",
            fix=f"use one of: {', '.join(sorted(entry.keywords - entry.operands))}",
        )
    handles = _handles(args, keywords)
    for x in handles:
        if x.is_eager:
            return x.__array_function__(function, (), args, keywords)
    if entry.composed:
        for x in handles:
            require_open(x, entry.name)
        return entry.function(*args, **keywords)
    owner = owner_of(handles or [like], entry.name)
    if _shares_memory(function, args, keywords):
        return _views(function, entry, args, keywords)
    new_args = [_operand(entry, _position(entry, k), value, owner) for k, value in enumerate(args)]
    new_keywords = {name: _operand(entry, name, value, owner) for name, value in keywords.items()}
    result = entry.function(*new_args, **new_keywords)
    if entry.plain:
        return result
    if isinstance(result, Node):
        return Array(strong(result), owner)
    if isinstance(result, np.ndarray):  # made without any handle, for one that came as like=
        return Array(lift(result, owner, entry.name), owner)
    arrays = [Array(strong(node), owner) for node in result]
    return _rebuild_result(function, arrays)


def _shares_memory(function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    """Whether the result of a call is a view of its only array, which is its first argument."""
    if function is np.einsum:
        return len(args) == 2 and isinstance(args[1], Array) and isinstance(args[0], str) and _keeps_all(args[0])
    if not args or not isinstance(args[0], Array) or keywords.get("copy") or _handles(args[1:], keywords):
        return False
    return function in _READ_ONLY_VIEWS or (function in _VIEWS and args[0].ndim > 0)


def _keeps_all(subscripts: str) -> bool:
    """Whether an einsum of one array adds nothing up, so that NumPy gives a view."""
    inner, arrow, outer = subscripts.replace(" ", "").partition("->")
    return set(inner) == set(outer) if arrow else len(set(inner) - {"."}) == len(inner.replace(".", ""))


def _views(function: Any, entry: Entry, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """The result of a function that gives one or several views of an array."""
    from chainrule.trace.storage import Access, Way

    place = 1 if function is np.einsum else 0
    array: Array = args[place]
    require_open(array, entry.name)
    access = Access.SHARED if function in _VIEWS else Access.READ_ONLY

    def result(node: Node) -> Any:
        return entry.function(*args[:place], node, *args[place + 1 :], **keywords)

    def view_of(k: int) -> Array:
        return array._view(Way(lambda node: result(node)[k], access))

    first = result(array._node)
    if isinstance(first, Node):
        return array._view(Way(result, access))
    return type(first)([view_of(k) for k in range(len(first))])


def _takes_keywords(entry: Entry) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(entry.function).parameters.values())


def _rebuild_result(function: Any, arrays: list[Array]) -> Any:
    """Several results, in NumPy's named tuple where it has one."""
    named = _RESULT_TYPES.get(function)
    return named(*arrays) if named is not None else tuple(arrays)


def _result_type(function: Callable[..., Any], *args: Any) -> Any:
    return type(function(*args))


_RESULT_TYPES: dict[Any, Any] = {
    np.linalg.eigh: _result_type(np.linalg.eigh, np.eye(1)),
    np.linalg.slogdet: _result_type(np.linalg.slogdet, np.eye(1)),
    np.linalg.eig: _result_type(np.linalg.eig, np.eye(1)),
    np.linalg.svd: _result_type(np.linalg.svd, np.eye(1)),
    np.linalg.qr: _result_type(np.linalg.qr, np.eye(1)),
}


def _position(entry: Entry, k: int) -> str:
    if k < len(entry.positions):
        return entry.positions[k]
    return entry.positions[-1] if entry.variadic else ""


def _operand(entry: Entry, name: str, value: Any, owner: Owner) -> Any:
    if name in entry.operands:
        if value is None or type(value).__name__ == "_NoValueType" or (value is True and name == "where"):
            return value
        node = lift_nested(value, owner, entry.name)
        return node if name in entry.weak else strong(node)
    if name in entry.sequences:
        return [strong(lift_nested(x, owner, entry.name)) for x in value]
    if isinstance(value, Array):
        if value.ndim == 0 and value.dtype.kind in "iu":
            return operator.index(value)  # an axis or a count among the arguments of `jit`
        raise fail(
            UnsupportedError,
            entry.name,
            f"the argument {name or 'at this place'} cannot be an array that is being differentiated",
            [(name or "argument", value)],
            fix="give a plain number or array",
        )
    return value


def lift_nested(value: Any, owner: Owner, call: str) -> Node:
    """`value` as a node; a list with handles in it becomes one array."""
    if isinstance(value, tuple | list) and handles_in(value):
        return basics.stack([strong(lift_nested(x, owner, call)) for x in value])
    return lift(value, owner, call)


def _handles(args: tuple[Any, ...], keywords: dict[str, Any]) -> list[Any]:
    return handles_in([*args, *keywords.values()])


def handles_in(values: Any) -> list[Any]:
    """The handles among values, in lists and tuples too."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, Array):
            found.append(value)
        elif isinstance(value, tuple | list):
            found.extend(handles_in(value))
    return found


def _unknown(function: Any, name: str) -> Exception:
    module = getattr(function, "__module__", None) or "numpy"
    full_name = _name_of(function) if isinstance(function, np.ufunc) else f"{module}.{name}"
    names = sorted({getattr(known, "__name__", "") for known in provided_functions()})
    near = difflib.get_close_matches(name, names, n=2)
    hint = f" (near it: {', '.join(near)})" if near else ""
    return fail(
        UnsupportedError,
        full_name,
        f"chainrule does not know this function yet{hint}",
        fix="write it with functions that it knows, or wrap it: chainrule.custom_derivative(f, black_box=True)",
    )
