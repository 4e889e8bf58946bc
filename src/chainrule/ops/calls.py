"""Calls: a closed function as one op (`checkpoint`, custom derivatives), and calls out to Python (`host_call`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.core.aval import Aval, Shape
from chainrule.core.function import Function
from chainrule.core.leaves import output_of
from chainrule.core.node import Node, make_node
from chainrule.core.op import Op, register
from chainrule.errors import ShapeError, fail
from chainrule.ops.contractions import contract


@register
class Call(Op):
    """A closed `function` applied to the operands, opaque to sharing: what it computes is computed here.

    `pushforward` (inputs: operands, then a tangent for each floating operand) and `pullback` (inputs: operands, then
    a cotangent for each floating result) are derivatives that the user gave; where neither is given, the function
    itself is differentiated, and its derivative is again a call. That is what saves memory in `checkpoint`: only the
    operands are kept, the rest is computed again.
    """

    name = "call"
    parameters = ("function", "pushforward", "pullback")
    derived_by_engine = True

    def infer(self, *avals: Aval, **params: Any) -> tuple[Aval, ...]:
        function: Function = params["function"]
        return function.output_avals

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.run(params["function"], values)


@dataclass(frozen=True, slots=True)
class HostFunction:
    """A Python function of arrays, and the shape and dtype of its result."""

    function: Callable[..., Any]
    shape: Shape
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float64))

    def __str__(self) -> str:
        return f"{getattr(self.function, '__module__', '')}.{getattr(self.function, '__qualname__', 'function')}"

    def __call__(self, *values: Any) -> np.ndarray[Any, Any]:
        """The result, of the shape that was announced."""
        result = np.asarray(self.function(*values))
        if result.shape != self.shape:
            raise fail(
                ShapeError,
                "chainrule.custom_derivative",
                f"the black box returned shape {result.shape}, and {self.shape} before",
                fix="return arrays of one shape, that of result= if it is given",
            )
        return result

    def jacobian(self, i: int, operand: Aval) -> HostFunction:
        """The derivative by operand `i`, by central differences; axes of the result, then those of the operand."""
        shape = tuple(int(size) for size in operand.shape)
        return HostFunction(DifferenceJacobian(self, i), (*self.shape, *shape), self.dtype)


@dataclass(frozen=True, slots=True)
class DifferenceJacobian:
    """Central differences of `function` by operand `i`, one entry of the operand after the other."""

    function: HostFunction
    i: int

    def __call__(self, *values: Any) -> Any:
        x = np.asarray(values[self.i], dtype=float)
        columns = []
        for place in np.ndindex(x.shape):
            # The step that balances rounding (eps / h) against truncation (h²): eps ** (1/3).
            step = np.finfo(float).eps ** (1 / 3) * max(1.0, abs(float(x[place])))
            ends = []
            for signed in (step, -step):
                moved = x.copy()
                moved[place] += signed
                ends.append(self.function(*values[: self.i], moved[()], *values[self.i + 1 :]).astype(float))
            columns.append((ends[0] - ends[1]) / (2 * step))
        if not columns:
            return np.zeros((*self.function.shape, *x.shape))
        return np.moveaxis(np.array(columns), 0, -1).reshape((*columns[0].shape, *x.shape))


@register
class HostCall(Op):
    """A Python function called on the numbers when the program runs; its derivative is by central differences.

    Parameters: the `host` function and the core `ranks` of the operands; it is called once for each place of the
    loop axes.
    """

    name = "host_call"
    parameters = ("host", "ranks")

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        ranks: tuple[int, ...] = node.param("ranks")
        return ranks

    broadcasts_loops = False

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        host: HostFunction = params["host"]
        loops: Shape = ()
        for aval, rank in zip(avals, params["ranks"], strict=True):
            loops = aval.shape[: aval.ndim - rank] or loops
        return Aval((*loops, *host.shape), host.dtype)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return xp.call_host(params["host"], params["ranks"], values)

    def differential(self, i: int, dx: Node, node: Node) -> Node:
        host, ranks = node.params
        operand = node.operands[i].aval
        rank = ranks[i]
        core = Aval(operand.shape[operand.ndim - rank :], operand.dtype)
        jacobian = make_node(self, node.operands, (host.jacobian(i, core), ranks))
        loops = list(range(node.ndim - len(host.shape)))
        results = [100 + k for k in range(len(host.shape))]
        entries = [200 + k for k in range(rank)]
        return contract([jacobian, dx], [[*loops, *results, *entries], [*loops, *entries]], [*loops, *results])


CALL = Call.instance
HOST_CALL = HostCall.instance


def call(
    function: Function,
    operands: Sequence[Node],
    pushforward: Function | None = None,
    pullback: Function | None = None,
) -> list[Node]:
    """The results of a closed function, as one op."""
    node = make_node(CALL, tuple(operands), (function, pushforward, pullback))
    return [output_of(node, k) for k in range(len(function.outputs))]


def host_call(host: HostFunction, operands: Sequence[Node]) -> Node:
    """The result of a Python function on arrays."""
    return make_node(HOST_CALL, tuple(operands), (host, tuple(operand.ndim for operand in operands)))
