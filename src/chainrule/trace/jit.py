"""`jit` and `compile`: a function traced once for each signature, and run as a program from then on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.core.aval import Aval
from chainrule.core.function import Function
from chainrule.diff.jacobian import prepared
from chainrule.errors import ArgumentError, RetraceLimitError, ShapeError, fail
from chainrule.run.program import Program, program_of
from chainrule.trace.array import Array
from chainrule.trace.containers import flatten, unflatten
from chainrule.trace.function import call_traced, require_reachable_result
from chainrule.trace.tracer import WEAK_FLOAT, WEAK_INT, Trace, current_trace, opened, require_numeric, require_plain
from chainrule.trace.transforms import named

# Paths through one function for one signature: each combination of values that its control flow asked for.
LONGEST_PATH_LIST = 16


def jit(f: Callable[..., Any]) -> Callable[..., Any]:
    """Trace a function once for each signature of its arguments, and run the program from then on.

    Parameters
    ----------
    f : callable
        A pure function: its results depend on its arguments alone, and it changes nothing else. Captured arrays that
        meet an argument in a formula are read again at every call. Captured numbers, and what is computed from
        captured arrays alone, are as they were when it was traced.

    Returns
    -------
    callable
        Takes the arguments of `f`. Arrays and numbers are inputs of the program; anything else (strings, booleans,
        functions) is part of the signature, and must be hashable.

    Raises
    ------
    RetraceLimitError
        If control flow inside `f` depends on values in more than 16 ways for one signature.

    Notes
    -----
    What `f` asked of values (``if x > 0``, ``x[mask]``) is checked at each call; a new answer traces a new path.
    Inside another transform, a jitted function is traced with the rest.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> slope = cr.jit(cr.grad(lambda x: np.sum(np.sin(x))))
    >>> slope(np.array([0.0, 0.0]))
    array([1., 1.])
    """
    paths: dict[Any, list[CompiledFunction]] = {}
    lock = threading.Lock()

    def transformed(*args: Any, **keywords: Any) -> Any:
        leaves, structure = flatten((args, keywords))
        if current_trace() is not None or any(isinstance(leaf, Array) for leaf in leaves):
            return f(*args, **keywords)
        key = (structure, _signature(leaves, "chainrule.jit"))
        known = tuple(paths.get(key, ()))
        values = [leaf for leaf in leaves if _is_input(leaf)]
        for path in known:
            if path.fits(values):
                return path.run(values)
        if len(known) >= LONGEST_PATH_LIST:
            raise fail(
                RetraceLimitError,
                "chainrule.jit",
                f"the function took {LONGEST_PATH_LIST} different paths for arguments of the same shapes",
                fix="write numpy.where instead of branching on values, or call the function without jit",
            )
        path = _traced(f, args, keywords, "chainrule.jit")
        with lock:
            others = paths.setdefault(key, [])
            # Another thread may have traced the same path meanwhile; it counts once.
            if not any(other.fits(values) for other in others[len(known) :]):
                others.append(path)
        return path.run(values)

    return named(f, "jit")(transformed)


def compile(f: Callable[..., Any], *example: Any) -> CompiledFunction:
    """Compile a function for arguments like the given ones.

    Parameters
    ----------
    f : callable
        A pure function of arrays, numbers and containers of them.
    *example
        Arguments whose shapes, dtypes and containers the program is made for.

    Returns
    -------
    CompiledFunction
        Call it with such arguments; its `source` is the program as NumPy code.

    See Also
    --------
    jit : Compiles for whatever arguments come.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> program = cr.compile(cr.grad(lambda x: np.sum(np.sin(x))), np.zeros(3))
    >>> program(np.zeros(3))
    array([1., 1., 1.])
    >>> print(program.source)
    def program(v0):
        v1 = np.cos(v0)
        return (v1,)
    <BLANKLINE>
    """
    leaves, structure = flatten((example, {}))
    compiled = _traced(f, example, {}, "chainrule.compile")
    compiled.signature = (structure, _signature(leaves, "chainrule.compile"))
    return compiled


def _is_input(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray | np.generic) or (isinstance(leaf, int | float) and not isinstance(leaf, bool))


def _signature(leaves: Sequence[Any], call: str) -> tuple[Any, ...]:
    """What a program depends on: shapes and dtypes of arrays, types of numbers, anything else itself."""
    entries: list[Any] = []
    for leaf in leaves:
        if isinstance(leaf, np.ndarray | np.generic):
            entries.append((leaf.shape, leaf.dtype, isinstance(leaf, np.ndarray)))
        elif _is_input(leaf):
            entries.append(type(leaf))
        else:
            try:
                hash(leaf)
            except TypeError:
                raise fail(
                    ArgumentError,
                    call,
                    f"an argument of type {type(leaf).__name__} is neither an array nor hashable",
                    fix="pass arrays, numbers, or hashable settings",
                ) from None
            entries.append((type(leaf), leaf))
    return tuple(entries)


class CompiledFunction:
    """A traced and compiled function.

    Attributes
    ----------
    program : Program
        What runs.
    source : str
        The program as readable NumPy code: `np` in it is numpy, `special` scipy.special and `kernels`
        chainrule.ops.kernels; a program of Python floats has the functions of `math` under their own names.
    """

    def __init__(self, program: Program, guard: Program | None, expected: Sequence[Any], captured: list[Any]) -> None:
        self.program = program
        self._guard = guard
        self._expected = expected
        self._captured = captured
        self._results: Callable[[Sequence[Any]], Any]
        self.signature: Any = None

    @property
    def source(self) -> str:
        return self.program.source

    def fits(self, values: Sequence[Any]) -> bool:
        """Whether what the function asked of values when it was traced has the same answers now."""
        if self._guard is None:
            return True
        try:
            found = self._guard([*values, *self._captured])
        except Exception:
            return False  # what is asked on this path alone may fail elsewhere, like the inverse of a singular matrix
        return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(found, self._expected, strict=True))

    def run(self, values: Sequence[Any]) -> Any:
        """The results for flattened arguments of the right signature."""
        return self._results(self.program([*values, *self._captured]))

    def __call__(self, *args: Any) -> Any:
        """The results for arguments like those that the function was compiled for."""
        leaves, structure = flatten((args, {}))
        if any(isinstance(leaf, Array) for leaf in leaves) or current_trace() is not None:
            raise fail(
                ArgumentError,
                "chainrule.compile",
                "a compiled function cannot be traced again",
                fix="transform first, then compile: compile(grad(f), x)",
            )
        if (structure, _signature(leaves, "chainrule.compile")) != self.signature:
            raise fail(
                ShapeError,
                "chainrule.compile",
                "the arguments differ in shape, dtype or container from those compiled for",
                [(f"argument {k}", leaf) for k, leaf in enumerate(leaves)],
                fix="compile for arguments of this kind, or use chainrule.jit",
            )
        values = [leaf for leaf in leaves if _is_input(leaf)]
        if not self.fits(values):
            raise fail(
                ArgumentError,
                "chainrule.compile",
                "the function branches on values, and these take another branch",
                fix="use chainrule.jit, which compiles each branch",
            )
        return self.run(values)


def _traced(f: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any], call: str) -> CompiledFunction:
    """Trace `f` on arguments like the given ones."""
    with opened(call, by_reference=True) as trace:
        trace.guards = []
        leaves, structure = flatten((tuple(args), keywords))
        handles = [_handle(trace, leaf, call) if _is_input(leaf) else leaf for leaf in leaves]
        inputs = len(trace.inputs)
        new_args, new_keywords = unflatten(structure, handles)
        results, result_structure = flatten(call_traced(trace, f, new_args, new_keywords))
        places = [k for k, leaf in enumerate(results) if isinstance(leaf, Array)]
        for k in places:
            require_reachable_result(trace, results[k], call)
        function, bindings = trace.close([results[k]._node for k in places])
        guard_nodes = [node for node, _ in trace.guards]
        expected = [value for _, value in trace.guards]
        function = prepared(function)
        guard = program_of(Function(function.inputs, guard_nodes)) if guard_nodes else None
    program = program_of(function)
    program.compile()
    compiled = CompiledFunction(program, guard, expected, bindings[inputs:])

    def pack(values: Sequence[Any]) -> Any:
        out = [leaf.copy() if isinstance(leaf, np.ndarray) else leaf for leaf in results]
        for place, value in zip(places, values, strict=True):
            out[place] = value
        return unflatten(result_structure, out)

    for k in places:
        results[k] = None  # handles of a closed trace are not kept
    compiled._results = pack
    return compiled


def _handle(trace: Trace, leaf: Any, call: str) -> Array:
    if isinstance(leaf, np.ndarray | np.generic):
        require_plain(leaf, call)
        array = np.asarray(leaf)
        require_numeric(array, call)
        return Array(trace.add_input(Aval(array.shape, array.dtype), leaf), trace)
    return Array(trace.add_input(WEAK_FLOAT if isinstance(leaf, float) else WEAK_INT, leaf), trace)
