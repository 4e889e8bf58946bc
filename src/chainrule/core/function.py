"""Closed functions: the unit of transforming, planning and caching.

A `Function` lists its inputs in order and its outputs; every input node below the outputs is among the inputs.
Two traces of the same computation give equal Functions, because their nodes are the same objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.core.aval import Aval
from chainrule.core.listing import Listing, listing, rebuild
from chainrule.core.node import Node, substitute, topological


class Function:
    """Inputs and outputs of a closed graph; hashable, equal if and only if the same nodes."""

    __slots__ = ("_hash", "inputs", "outputs")

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]

    def __init__(self, inputs: Sequence[Node], outputs: Sequence[Node]) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self._hash = hash((self.inputs, self.outputs))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Function) and self.inputs == other.inputs and self.outputs == other.outputs

    @property
    def level(self) -> int:
        """Nesting level of the inputs."""
        return max((node.level - 1 for node in self.inputs), default=0)

    @property
    def input_avals(self) -> tuple[Aval, ...]:
        return tuple(node.aval for node in self.inputs)

    @property
    def output_avals(self) -> tuple[Aval, ...]:
        return tuple(node.aval for node in self.outputs)

    @property
    def digest(self) -> bytes:
        """Structural fingerprint of the outputs as functions of the inputs."""
        return b"".join(node.digest for node in (*self.inputs, *self.outputs))

    def nodes(self) -> list[Node]:
        """Every node, operands first."""
        return topological(self.outputs)

    def __call__(self, operands: Sequence[Node]) -> list[Node]:
        """The outputs with `operands` in place of the inputs."""
        return substitute(self.outputs, dict(zip(self.inputs, operands, strict=True)))

    def __reduce__(self) -> tuple[Any, ...]:
        rows = listing((*self.inputs, *self.outputs))
        order = {node: k for k, node in enumerate(topological((*self.inputs, *self.outputs)))}
        return _rebuild_function, (rows, [order[x] for x in self.inputs], [order[y] for y in self.outputs])

    def __deepcopy__(self, memo: dict[int, Any]) -> Function:
        return self

    def __str__(self) -> str:
        return self.digest.hex()

    def __repr__(self) -> str:
        inputs = ", ".join(str(aval) for aval in self.input_avals)
        outputs = ", ".join(str(aval) for aval in self.output_avals)
        return f"Function({inputs} -> {outputs})"


def _rebuild_function(rows: Listing, inputs: list[int], outputs: list[int]) -> Function:
    nodes = rebuild(rows)
    return Function([nodes[k] for k in inputs], [nodes[k] for k in outputs])
