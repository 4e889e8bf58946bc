"""Nodes of the graph, interned: building the same thing twice gives the same object.

A node is an op, its operands, its parameters, and what follows from them: the abstract value and the level of the
deepest trace it depends on. It is immutable and holds no numbers beyond literals. Because equal nodes are one object,
common subexpressions are shared by construction and equality is identity.

Digests describe structure alone (never addresses or creation order), so that everything sorted by them is the same
in every process. They are computed when first asked for.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.aval import Aval, Shape

if TYPE_CHECKING:
    from chainrule.core.op import Op

Params = tuple[Any, ...]


class Node:
    """One application of an op: operands and parameters in, an abstract value out.

    Attributes
    ----------
    op : Op
    operands : tuple of Node
    params : tuple
        In the order of ``op.parameters``; small, hashable and static.
    aval : Aval
        Shape and dtype of the result; of the first result where there are several.
    outputs : tuple of Aval or None
        One entry for each result of an op with several, else None.
    level : int
        One more than the nesting level of the deepest trace input below this node; 0 for a closed node.
    """

    __slots__ = ("__weakref__", "_digest", "aval", "level", "op", "operands", "outputs", "params")

    op: Op
    operands: tuple[Node, ...]
    params: Params
    aval: Aval
    outputs: tuple[Aval, ...] | None
    level: int
    _digest: bytes | None

    @property
    def shape(self) -> Shape:
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    def param(self, name: str) -> Any:
        """The parameter called `name`."""
        return self.params[self.op.parameters.index(name)]

    @property
    def digest(self) -> bytes:
        """Structural fingerprint, the same in every process."""
        if self._digest is None:
            _compute_digests(self)
        assert self._digest is not None
        return self._digest

    def __copy__(self) -> Node:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        from chainrule.core.listing import listing, rebuild_last

        return rebuild_last, (listing((self,)),)

    def __repr__(self) -> str:
        from chainrule.core.listing import describe

        return describe((self,))


class _Reference(weakref.ref[Node]):
    """Weak reference to a node that remembers the node's key."""

    __slots__ = ("key",)
    key: tuple[Any, ...]


_table: dict[tuple[Any, ...], _Reference] = {}
_lock = threading.Lock()
_dead: deque[_Reference] = deque()


def _forget(reference: weakref.ref[Node]) -> None:
    """Remove a dead node's entry, now if the table is free, else at the next creation.

    Never waits: the callback may run inside a thread that holds the lock (the collector runs anywhere).
    """
    assert isinstance(reference, _Reference)
    if _lock.acquire(blocking=False):
        try:
            if _table.get(reference.key) is reference:
                del _table[reference.key]
        finally:
            _lock.release()
    else:
        _dead.append(reference)


def known_node(op: Op, operands: tuple[Node, ...], params: Params) -> Node | None:
    """The live node for `op` on `operands`, if there is one."""
    reference = _table.get((op, operands, params))
    return None if reference is None else reference()


def make_node(op: Op, operands: tuple[Node, ...], params: Params = ()) -> Node:
    """The node for `op` on `operands`; looked up before anything is inferred."""
    reference = _table.get((op, operands, params))
    if reference is not None:
        node = reference()
        if node is not None:
            return node
    return _create(op, operands, params)


def _create(op: Op, operands: tuple[Node, ...], params: Params) -> Node:
    inferred = op.infer(*[operand.aval for operand in operands], **dict(zip(op.parameters, params, strict=True)))
    node = Node.__new__(Node)
    node.op = op
    node.operands = operands
    node.params = params
    node.outputs = inferred if isinstance(inferred, tuple) else None
    node.aval = inferred[0] if isinstance(inferred, tuple) else inferred
    node.level = max([operand.level for operand in operands], default=op.level_of(params))
    node._digest = None
    return _intern((op, operands, params), node)


def _intern(key: tuple[Any, ...], node: Node) -> Node:
    reference = _Reference(node, _forget)
    reference.key = key
    while _dead:
        _sweep()
    with _lock:
        known = _table.get(key)
        if known is not None:
            existing = known()
            if existing is not None:
                return existing
        _table[key] = reference
    return node


def _sweep() -> None:
    """Drop one entry that a busy lock left behind."""
    try:
        reference = _dead.popleft()
    except IndexError:
        return
    with _lock:
        # The removed reference is kept until the lock is free: its key may hold the last hold on other nodes.
        removed = _table.pop(reference.key) if _table.get(reference.key) is reference else None
    del removed


def table_size() -> int:
    """Number of live interned nodes (for tests of memory)."""
    return len(_table)


def topological(outputs: Iterable[Node], above: int = 0) -> list[Node]:
    """All nodes below `outputs`, operands before the nodes that use them, each once.

    Only nodes deeper than level `above` are entered or listed. Iterative: depth is limited by memory alone.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[Node] = []
    for output in outputs:
        stack.append(output)
        while stack:
            node = stack[-1]
            if node in seen or node.level < above:
                stack.pop()
                continue
            pending = [operand for operand in node.operands if operand not in seen and operand.level >= above]
            if pending:
                stack.extend(reversed(pending))
            else:
                seen.add(node)
                order.append(node)
                stack.pop()
    return order


def _compute_digests(root: Node) -> None:
    stack = [root]  # nodes that have their digest are not entered: asking again and again stays linear
    while stack:
        node = stack[-1]
        pending = [operand for operand in node.operands if operand._digest is None]
        if pending:
            stack.extend(pending)
            continue
        stack.pop()
        if node._digest is None:
            hasher = hashlib.blake2b(digest_size=16)
            hasher.update(f"{node.op.name}{_params_text(node.params)}".encode())
            for operand in node.operands:
                hasher.update(operand.digest)
            node._digest = hasher.digest()


def _params_text(params: Params) -> str:
    return "(" + ",".join(str(param) for param in params) + ")"


def substitute(outputs: Sequence[Node], mapping: dict[Node, Node]) -> list[Node]:
    """`outputs` with the nodes that `mapping` names replaced, and what lies above them rebuilt."""
    if not mapping:
        return list(outputs)
    new: dict[Node, Node] = dict(mapping)
    stack: list[Node] = []
    for output in outputs:
        stack.append(output)
        while stack:
            node = stack[-1]
            if node in new:
                stack.pop()
                continue
            pending = [operand for operand in node.operands if operand not in new]
            if pending:
                stack.extend(reversed(pending))
                continue
            operands = tuple(new[operand] for operand in node.operands)
            new[node] = node if operands == node.operands else node.op.bind(operands, node.params)
            stack.pop()
    return [new[output] for output in outputs]
