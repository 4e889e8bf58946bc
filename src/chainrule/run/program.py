"""Programs: a plan that runs, interpreted the first time and compiled from its source from the second run on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.special

from chainrule.core.cache import CACHE
from chainrule.core.evaluate import numpy_namespace
from chainrule.core.function import Function
from chainrule.errors import NonsmoothError
from chainrule.ops import kernels
from chainrule.ops.calls import HostFunction
from chainrule.rewrite import as_written
from chainrule.run.blas import single_threaded
from chainrule.run.plan import Plan, make_plan
from chainrule.run.scalar import SCALAR, SCALAR_FUNCTIONS
from chainrule.run.source import source_of

_UNLIMITED = nullcontext()

# Longer programs stay interpreted: compiling costs some 10 µs a statement.
LONGEST_COMPILED = 50_000


def call_host(host: HostFunction, ranks: tuple[int, ...], values: Sequence[Any]) -> Any:
    """A Python function on arrays, once for each place of their loop axes."""
    loops: tuple[int, ...] = ()
    for value, rank in zip(values, ranks, strict=True):
        loops = np.shape(value)[: np.ndim(value) - rank] or loops
    out = np.empty((*loops, *host.shape), host.dtype)
    for place in np.ndindex(loops):
        # Copies: the function may keep or change what it is given, and may return it.
        copies = [np.array(value[place] if loops else value)[()] for value in map(np.asarray, values)]
        out[place] = host(*copies)
    return out


def run(function: Function, values: Sequence[Any]) -> tuple[Any, ...]:
    """The outputs of a closed function on numbers."""
    return tuple(program_of(function)(values))


NUMPY = numpy_namespace(kernels, run=run, call_host=call_host)


class Program:
    """A planned function: call it with the values of its inputs, get the values of its outputs.

    Attributes
    ----------
    plan : Plan
        The steps.
    source : str
        The steps as NumPy code.
    """

    __slots__ = ("_compiled", "_runs", "_twin", "plan")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._compiled: Callable[..., tuple[Any, ...]] | None = None
        self._runs = 0
        self._twin: Program | None = None  # the NumPy program, once Python floats have left their range

    @property
    def source(self) -> str:
        """The program as readable NumPy source."""
        return "\n".join(source_of(self.plan)[0])

    @property
    def is_compiled(self) -> bool:
        return self._compiled is not None

    def compile(self) -> None:
        """Compile now rather than at the second run."""
        if self._compiled is None and len(self.plan.steps) <= LONGEST_COMPILED:
            self._compiled = _compiled(self.plan)

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        self._runs += 1
        if self._compiled is None and self._runs > 1:
            self.compile()
        plan = self.plan
        if plan.scalar:
            try:
                return [dtype.type(x) for x, dtype in zip(self._scalar_run(values), plan.dtypes, strict=True)]
            except NonsmoothError:
                raise
            except (ArithmeticError, ValueError):
                if self._twin is None:
                    self._twin = Program(replace(plan, scalar=False))
                return self._twin(values)
        with np.errstate(all="ignore"), single_threaded() if plan.uses_blas else _UNLIMITED:
            results = self._compiled(*values) if self._compiled is not None else interpret(plan, values, NUMPY)
        return [_fresh(result, copied) for result, copied in zip(results, plan.copied, strict=True)]

    def _scalar_run(self, values: Sequence[Any]) -> tuple[Any, ...]:
        numbers = [float(value) for value in values]
        return self._compiled(*numbers) if self._compiled is not None else interpret(self.plan, numbers, SCALAR)


def _fresh(result: Any, copied: bool) -> Any:
    """A result as the caller gets it: a NumPy scalar, or a writeable array with memory of its own."""
    if not isinstance(result, np.ndarray) or not result.ndim:
        return np.asarray(result)[()]
    if copied or not result.flags.writeable:
        return np.array(result)
    # A part of a larger array would keep all of it alive, and a repeated entry would be one number in many places.
    whole = result.base is None or getattr(result.base, "size", None) == result.size
    return result if whole else np.array(result)


def interpret(plan: Plan, values: Sequence[Any], xp: Any) -> tuple[Any, ...]:
    """Execute the steps of a plan one by one."""
    slots: list[Any] = [*values, *[None] * (plan.slots - len(values))]
    for slot, value in plan.constants.items():
        slots[slot] = value
    for step in plan.steps:
        result = step.op.evaluate(xp, *[slots[k] for k in step.operands], **step.params)
        slots[step.target] = xp.kernels.weaken(result) if step.weak else result
        for k in step.last_uses:
            slots[k] = None
    return tuple([slots[k] for k in plan.outputs])


def _compiled(plan: Plan) -> Callable[..., tuple[Any, ...]]:
    texts, constants = source_of(plan)
    if plan.scalar:
        base = {**SCALAR_FUNCTIONS, **constants}
    else:
        base = {
            "np": np, "special": scipy.special, "kernels": kernels, "run": run, "call_host": call_host, **constants
        }  # fmt: skip
    # Each function gets globals of its own and is taken out of them again: no reference cycles.
    parts: dict[str, Any] = {}
    main: Any = None
    for text in texts:
        names = {**base, **parts}
        before = set(names)
        exec(compile(text, "<chainrule program>", "exec"), names)
        (defined,) = set(names) - before - {"__builtins__"}
        main = names.pop(defined)
        parts[defined] = main
    compiled: Callable[..., tuple[Any, ...]] = main
    return compiled


def program_of(function: Function) -> Program:
    """The program of a function, planned once."""

    def make() -> Program:
        return Program(make_plan(as_written(function)))

    return CACHE.get("program", function, make, lambda program: 2 * len(program.plan.steps) + 1)
