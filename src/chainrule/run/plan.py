"""A plan: a Function as a list of steps, printable data that every way of running consumes.

The interpreter and the compiled source execute the same steps and the same NumPy calls, so a first and a second run
give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.aval import FLOAT, Aval
from chainrule.core.function import Function
from chainrule.core.leaves import LITERAL, literal_value
from chainrule.core.node import Node
from chainrule.core.op import ElementwiseOp, Op
from chainrule.ops.contractions import EINSUM
from chainrule.ops.decompositions import EIG, QR, SVD, SVDVALS
from chainrule.ops.determinant import COFACTORS, DET
from chainrule.ops.elementwise import POWER
from chainrule.ops.indexing import GETITEM
from chainrule.ops.least_squares import LSTSQ, PINV
from chainrule.ops.linalg import CHOLESKY, EIGH, LOGDET, LOGDET_SIGN, SOLVE
from chainrule.ops.matrix_functions import MATRIX_FUNCTION
from chainrule.ops.selection import ASTYPE, AT_KINK, MARK, STOP_GRADIENT, WHERE
from chainrule.ops.shaping import BROADCAST
from chainrule.run.scalar import SCALAR_FUNCTIONS, is_small_power


@dataclass(frozen=True, slots=True)
class Step:
    """One call: `op` on the slots `operands` into the slot `target`; the slots `last_uses` are free afterwards."""

    target: int
    op: Op
    params: dict[str, Any]
    operands: tuple[int, ...]
    aval: Aval
    weak: bool
    last_uses: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps over numbered slots.

    Attributes
    ----------
    inputs : tuple of Aval
        Slots 0, 1, … hold the inputs.
    constants : dict
        Slots that hold Python numbers.
    steps : list of Step
    outputs : tuple of int
        Slots of the results.
    dtypes : tuple of dtype
        Those of the results.
    copied : tuple of bool
        Results that would share memory with an input or with another result, and are copied.
    scalar : bool
        Whether everything is a float64 scalar, and runs on Python floats.
    uses_blas : bool
        Whether a matrix operation is large enough for BLAS to use several threads.
    slots : int
    """

    inputs: tuple[Aval, ...]
    constants: dict[int, Any]
    steps: list[Step]
    outputs: tuple[int, ...]
    dtypes: tuple[np.dtype[Any], ...]
    copied: tuple[bool, ...]
    scalar: bool
    uses_blas: bool
    slots: int

    def __str__(self) -> str:
        lines = [f"v{k} = input {k}: {aval}" for k, aval in enumerate(self.inputs)]
        lines += [f"v{k} = {value!r}" for k, value in self.constants.items()]
        for step in self.steps:
            settings = [f"{key}={value}" for key, value in step.params.items()]
            operands = [f"v{k}" for k in step.operands]
            lines.append(f"v{step.target} = {step.op.name}({', '.join(operands + settings)}): {step.aval}")
        lines.append("return " + ", ".join(f"v{k}" for k in self.outputs))
        return "\n".join(lines)


def make_plan(function: Function) -> Plan:
    """The steps of `function` in order, each value dropped after its last use."""
    slot: dict[Node, int] = {node: k for k, node in enumerate(function.inputs)}
    constants: dict[int, Any] = {}
    order = [node for node in function.nodes() if node not in slot]
    for node in order:
        slot[node] = len(slot)
        if node.op is LITERAL:
            constants[slot[node]] = literal_value(node.params)
    computed = [node for node in order if node.op is not LITERAL]
    last_uses = _last_uses(computed, function)
    steps = [
        Step(
            slot[node],
            node.op,
            dict(zip(node.op.parameters, node.params, strict=True)),
            tuple(slot[x] for x in node.operands),
            node.aval,
            node.aval.weak and node.outputs is None,
            tuple(slot[x] for x in last_uses.get(node, ())),
        )
        for node in computed
    ]
    return Plan(
        function.input_avals,
        constants,
        steps,
        tuple(slot[y] for y in function.outputs),
        tuple(aval.dtype for aval in function.output_avals),
        _must_copy(function),
        _is_scalar(function, order),
        any(_may_use_threads(node) for node in computed),
        len(slot),
    )


def _last_uses(order: list[Node], function: Function) -> dict[Node, list[Node]]:
    """For each node, the operands that nothing after it needs."""
    kept = {*function.inputs, *function.outputs}
    last: dict[Node, list[Node]] = {}
    seen: set[Node] = set()
    for node in reversed(order):
        for operand in node.operands:
            if operand not in seen and operand not in kept and operand.op is not LITERAL:
                seen.add(operand)
                last.setdefault(node, []).append(operand)
    return last


def _must_copy(function: Function) -> tuple[bool, ...]:
    """Which outputs may share memory with an input, with another output, or with themselves."""
    storage: dict[Node, set[Node]] = {x: {x} for x in function.inputs}
    for node in function.nodes():
        if node not in storage:
            shared = [storage[node.operands[k]] for k in node.op.may_alias(node) if k < len(node.operands)]
            storage[node] = set().union(*shared) if shared else {node}
    inputs = set(function.inputs)
    taken: set[Node] = set()
    copied = []
    for output in function.outputs:
        own = storage[output]
        # A broadcast result overlaps itself; a part of a larger array would keep all of it alive.
        is_view = output.op in (BROADCAST, GETITEM)
        copied.append(is_view or bool(own & inputs) or bool(own & taken))
        taken |= own
    return tuple(copied)


_LINALG = (
    *(SOLVE, LOGDET, LOGDET_SIGN, CHOLESKY, EIGH, DET, COFACTORS, SVD, SVDVALS, QR, EIG, LSTSQ, PINV),
    MATRIX_FUNCTION,
)
# OpenBLAS stays on one thread below some 9,000 entries; LAPACK's routines call it from 32 rows on.
_THREADED_SIZE = 4_096


def _may_use_threads(node: Node) -> bool:
    is_matrix_op = node.op in _LINALG or (node.op is EINSUM and len(node.operands) > 1)
    return is_matrix_op and any(int(x.aval.size) >= _THREADED_SIZE for x in node.operands)


_SCALAR_STRUCTURE = (WHERE, AT_KINK, ASTYPE, MARK, STOP_GRADIENT, LITERAL)


def _is_scalar(function: Function, order: list[Node]) -> bool:
    """Whether Python floats can run the whole function: shapes (), float64, and functions that `math` has."""
    if any(aval.shape or aval.dtype != FLOAT for aval in function.input_avals):
        return False
    for node in order:
        if node.aval.shape or node.outputs is not None:
            return False
        if node.dtype.kind == "f" and node.dtype != FLOAT:
            return False
        if node.op is POWER:
            if not is_small_power(node):
                return False
        elif node.op not in _SCALAR_STRUCTURE and not _has_scalar_form(node.op):
            return False
    return True


def _has_scalar_form(op: Op) -> bool:
    return isinstance(op, ElementwiseOp) and op.numpy is not None and op.numpy.__name__ in SCALAR_FUNCTIONS
