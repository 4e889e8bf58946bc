"""What an op is: shape inference, evaluation, and its derivative stated once, operand by operand.

Rules build graph, never numbers: a derivative rule receives and returns nodes. Forward and reverse mode are both
derived from the one statement (in `diff`):

* an elementwise op gives `partials`;
* an operand in which the op is linear gives `transpose` (`linear_in`: linear in those operands together;
  `multilinear_in`: linear in each while the others are held);
* any other operand gives `differential`;
* `nondifferentiable_in` names operands that are held (indices, conditions).

Every op is a generalised ufunc: its parameters count axes from the right, and its operands may carry further *loop*
axes on the left. Rules are written for one tangent or cotangent and never look at loop axes; stacks are made by
`diff.batch` alone, which needs only `core_ranks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import numpy as np

from chainrule.core.aval import FLOAT, Aval, broadcast_shapes, promote, ufunc_dtype
from chainrule.core.node import Node, Params, known_node, make_node

# One partial derivative: a node, a Python number, or None where there is no derivative.
Partial = Node | int | None
Partials = tuple[Partial, ...]

ALL = frozenset(range(64))
NONE: frozenset[int] = frozenset()

# How the support of a (co)tangent (where it can be non-zero by structure) goes through a linear op.
LANES = "lanes"  # entries keep their places, as in an elementwise op
MOVES = "moves"  # entries are moved, repeated or dropped: the op itself maps a boolean support
COUNTS = "counts"  # entries are added: the op on 0/1 numbers, compared with zero
SPREADS = "spreads"  # every result may depend on every entry: the support becomes full


class Op:
    """A kind of operation. Subclasses are registered once, and have one instance."""

    name: ClassVar[str]
    numpy: ClassVar[Any] = None
    parameters: ClassVar[tuple[str, ...]] = ()
    linear_in: ClassVar[frozenset[int]] = NONE
    multilinear_in: ClassVar[frozenset[int]] = NONE
    nondifferentiable_in: ClassVar[Mapping[int, str]] = MappingProxyType({})
    nondifferentiable: ClassVar[bool] = False  # piecewise constant or boolean: no derivative flows through
    derived_by_engine: ClassVar[bool] = False  # leaves, projections and calls, which `diff` treats itself
    aliases: ClassVar[tuple[int, ...]] = ()  # operands of whose memory the result may be a view
    supports: ClassVar[str] = SPREADS
    broadcasts_loops: ClassVar[bool] = True  # False: operands must be given equal loop axes
    source: ClassVar[str] = ""
    instance: ClassVar[Op]

    @property
    def call(self) -> str:
        """The function as a user knows it, for messages."""
        return f"numpy.{self.name}"

    def level_of(self, params: Params) -> int:
        """Level of a leaf; 0 for every other op without operands."""
        return 0

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        """Number of axes of each operand that the op itself knows; the rest, on the left, are loop axes."""
        return tuple(operand.ndim for operand in node.operands)

    def may_alias(self, node: Node) -> tuple[int, ...]:
        """Operands of whose memory the result of this node may be a view."""
        return self.aliases

    def infer(self, *avals: Any, **params: Any) -> Aval | tuple[Aval, ...]:
        """Abstract value of the result, from those of the operands."""
        raise NotImplementedError(self.name)

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        """The numbers: calls into the namespace `xp` and operators only, so that they can be written as source."""
        raise NotImplementedError(self.name)

    def bind(self, operands: tuple[Node, ...], params: Params = ()) -> Node:
        """The node for this op, after the exact rewrites of `simplify`.

        A live node is found first: for an op with rewrites nodes are made here alone, so it has none left to do.
        """
        known = known_node(self, operands, params)
        if known is not None:
            return known
        simpler = self.simplify(operands, params)
        return make_node(self, operands, params) if simpler is None else simpler

    def simplify(self, operands: tuple[Node, ...], params: Params) -> Node | None:
        """An existing node with the very same bits for all inputs, if there is one."""
        return None

    def transpose(self, i: int, ct: Node, node: Node) -> Node:
        """The cotangent of operand `i`, in which the op is linear."""
        raise NotImplementedError(self.name)

    def differential(self, i: int, dx: Node, node: Node) -> Any:
        """The linear part of the change when operand `i` changes by `dx`; one entry per result."""
        raise NotImplementedError(self.name)

    def forward(self, tangents: tuple[Node | None, ...], node: Node) -> Any:
        """The tangent of the result, where that is shorter than the derived rule; else NotImplemented."""
        return NotImplemented

    def transpose_support(self, i: int, support: Node | None, node: Node) -> Any:
        """Where `transpose` can be non-zero, given where the cotangent can; None means everywhere."""
        return NotImplemented

    def forward_support(self, supports: tuple[Node | bool | None, ...], node: Node) -> Any:
        """Where the tangent can be non-zero, given where those of the operands can; False means nowhere."""
        return NotImplemented

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return op_named, (self.name,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Op:
        return self


class ElementwiseOp(Op):
    """An op on each entry alone, with NumPy's broadcasting; `numpy` is its ufunc."""

    keeps_weak: ClassVar[bool] = False  # Python arithmetic on Python numbers gives a Python number

    def core_ranks(self, node: Node) -> tuple[int, ...]:
        return (0,) * len(node.operands)

    def infer(self, *avals: Aval, **params: Any) -> Aval:
        return _elementwise_aval(self, avals)

    def infer_dtype(self, avals: tuple[Aval, ...]) -> np.dtype[Any]:
        return ufunc_dtype(self.numpy, tuple((aval.dtype, aval.weak) for aval in avals))

    def evaluate(self, xp: Any, *values: Any, **params: Any) -> Any:
        return getattr(xp, self.numpy.__name__)(*values)

    def partials(self, out: Node, *operands: Node) -> Partials:
        """∂out/∂operand, entry by entry: a node, a Python number, or None where there is no derivative."""
        raise NotImplementedError(self.name)

    def chosen(self, i: int, out: Node) -> Node | None:
        """For an op that chooses between its operands: where operand `i` counts. None: it always does."""
        return None


@lru_cache(maxsize=8192)
def _elementwise_aval(op: ElementwiseOp, avals: tuple[Aval, ...]) -> Aval:
    shape = broadcast_shapes([aval.shape for aval in avals], op.call, avals)
    weak = op.keeps_weak and all(aval.weak for aval in avals)
    return Aval(shape, op.infer_dtype(avals), weak)


def float_dtype_of(avals: tuple[Aval, ...]) -> np.dtype[Any]:
    """Common dtype of operands, made inexact as NumPy's linear algebra does."""
    dtype = promote(tuple((aval.dtype, aval.weak) for aval in avals))
    return dtype if dtype.kind == "f" else FLOAT


_OPS: dict[str, Op] = {}
_frozen = False

OpClass = TypeVar("OpClass", bound=type[Op])


def register(cls: OpClass) -> OpClass:
    """Add the op class to the registry, after checking that it states a derivative for every operand."""
    assert not _frozen, "the registry is frozen after import"
    assert cls.name not in _OPS, f"two ops are called {cls.name}"
    _require_derivative(cls)
    cls.instance = cls()
    _OPS[cls.name] = cls.instance
    return cls


def _require_derivative(cls: type[Op]) -> None:
    if issubclass(cls, ElementwiseOp):
        stated = cls.nondifferentiable or cls.partials is not ElementwiseOp.partials
    else:
        linear = cls.linear_in | cls.multilinear_in
        stated = (
            cls.nondifferentiable
            or cls.derived_by_engine
            or (bool(linear) and cls.transpose is not Op.transpose)
            or cls.differential is not Op.differential
        )
    if not stated:
        raise TypeError(f"op {cls.name} states no derivative")


def freeze_registry() -> None:
    """Refuse further ops; called once, at the end of `chainrule`'s own import."""
    global _frozen
    _frozen = True


def op_named(name: str) -> Op:
    """The registered op called `name`."""
    return _OPS[name]


def all_ops() -> Mapping[str, Op]:
    """Every registered op by name."""
    return MappingProxyType(_OPS)
