"""`checkpoint` and `custom_derivative`: functions that stay one node of the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from chainrule.core.aval import FLOAT, Aval
from chainrule.core.function import Function
from chainrule.core.leaves import input_node
from chainrule.core.node import Node
from chainrule.diff.jacobian import prepared
from chainrule.errors import ArgumentError, NotDifferentiableError, ShapeError, fail
from chainrule.functions.axes import broadcast_to
from chainrule.ops.calls import HostFunction, call, host_call
from chainrule.ops.selection import astype
from chainrule.trace.array import Array, example_aval, owner_of
from chainrule.trace.containers import flatten, unflatten
from chainrule.trace.eager import has_eager, run_traced
from chainrule.trace.function import call_traced, finish, result_nodes
from chainrule.trace.tracer import Trace, current_trace, opened, require_plain
from chainrule.trace.transforms import named


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Keep only the arguments of a function for the backward pass, and compute the rest again.

    Parameters
    ----------
    f : callable
        Takes and returns arrays, numbers or containers of them.

    Returns
    -------
    callable
        Computes what `f` does. Under a derivative, what `f` computes inside is not kept but computed a second time:
        less memory for more time.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> block = cr.checkpoint(lambda x: np.tanh(np.sin(x)))
    >>> cr.grad(lambda x: block(block(x)))(0.0)
    np.float64(1.0)
    """
    name = "chainrule.checkpoint"

    def transformed(*args: Any, **keywords: Any) -> Any:
        if has_eager(args):
            return run_traced(transformed, args, keywords)
        if current_trace() is None:
            return f(*args, **keywords)
        with opened(name) as trace:
            handles, _ = _handles(trace, args)
            leaves, structure = flatten(call_traced(trace, f, handles, keywords))
            function, bindings = trace.close(result_nodes(trace, leaves, name))
            return unflatten(structure, _called(trace, function, bindings, None, None))

    return named(f, "checkpoint")(transformed)


def _handles(trace: Trace, args: Sequence[Any]) -> tuple[list[Any], list[list[Array]]]:
    """Arguments with every array and number leaf as a handle; also the handles of each argument."""
    arguments, every = [], []
    for argument in args:
        leaves, structure = flatten(argument)
        new = [_handle(trace, leaf) for leaf in leaves]
        every.append([leaf for leaf in new if isinstance(leaf, Array)])
        arguments.append(unflatten(structure, new))
    return arguments, every


def _handle(trace: Trace, leaf: Any) -> Any:
    if isinstance(leaf, Array):
        owner_of([leaf], trace.call)
        return Array(trace.add_input(leaf._node.aval, leaf._node), trace)
    if isinstance(leaf, np.ndarray | np.generic) or (isinstance(leaf, int | float) and not isinstance(leaf, bool)):
        require_plain(leaf, trace.call)
        aval = example_aval(leaf)
        if aval.dtype.kind in "fiub":
            value = trace.hold(leaf) if isinstance(leaf, np.ndarray) else leaf
            return Array(trace.add_input(aval, value), trace)
    return leaf


def _called(
    trace: Trace, function: Function, bindings: Sequence[Any], forward: Function | None, backward: Function | None
) -> list[Any]:
    """The function as one node of the enclosing trace, or its values if nothing there is involved."""
    # The rewrites do not look into calls: what is called is brought into its stable form here.
    results = call(prepared(function), function.inputs, forward, backward)
    return finish(trace, Function(function.inputs, results), bindings)


Rule = Callable[[Any, Any], Any]

# Rules are traced when the function is called. One that calls its own function may do so for a smaller case (x**n by
# x**(n-1)); deeper than this it has no end.
_DEEPEST = 32
_in_rules: ContextVar[tuple[object, ...]] = ContextVar("chainrule_rules", default=())


@contextmanager
def _in_rules_of(function: object) -> Iterator[None]:
    """While the rules of a function are traced; refuses those that lead to themselves without end."""
    around = _in_rules.get()
    if around.count(function) >= _DEEPEST:
        raise fail(
            ArgumentError,
            "chainrule.custom_derivative",
            "a rule calls the function that it belongs to, and so again without end",
            fix="write the rule with the plain function, or with a formula",
        )
    token = _in_rules.set((*around, function))
    try:
        yield
    finally:
        _in_rules.reset(token)


def custom_derivative(
    f: Callable[..., Any],
    *,
    jvp: Rule | None = None,
    vjp: Rule | None = None,
    black_box: bool = False,
    result: Any = None,
) -> Callable[..., Any]:
    """Give a function a derivative of your own.

    Parameters
    ----------
    f : callable
        Takes arrays, numbers or containers of them as positional arguments.
    jvp : callable, optional
        ``jvp(primals, tangents)``: the derivative of the result along `tangents` (one for each argument), linear in
        them. Reverse mode is its transpose. What is not floating has None as its tangent.
    vjp : callable, optional
        ``vjp(primals, cotangent)``: a tuple with a cotangent for each argument (None for zero), linear in
        `cotangent`. Forward mode is its transpose. If both rules are given, `check_grads` compares them with each
        other.
    black_box : bool, default False
        Call `f` with plain NumPy arrays when the program runs, for code that cannot be traced. Without a rule, its
        derivatives are central differences, one pair of calls for each entry of an argument.
    result : array_like, optional
        For a black box: an array of the shape and dtype that `f` returns. If left out, `f` is called once to see.

    Returns
    -------
    callable
        Computes what `f` does, with the given derivative; it may be differentiated to any order, as the rules are
        differentiated in turn.

    Raises
    ------
    ArgumentError
        If there is neither a rule nor `black_box`.
    NotDifferentiableError
        If `f` or a rule captures an array that is being differentiated: pass it as an argument.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> def clipped(primals, cotangent):
    ...     return (np.clip(cotangent, -1.0, 1.0),)
    >>> gentle = cr.custom_derivative(lambda x: x**2, vjp=clipped)
    >>> cr.grad(gentle)(10.0)
    np.float64(1.0)
    """
    name = "chainrule.custom_derivative"
    if jvp is None and vjp is None and not black_box:
        raise fail(ArgumentError, name, "there is no derivative", fix="give jvp=, vjp=, or black_box=True")

    def transformed(*args: Any) -> Any:
        if has_eager(args):
            return run_traced(transformed, args, {})
        if current_trace() is None:
            return f(*args)
        with opened(name) as trace:
            handles, groups = _handles(trace, args)
            count = len(trace.inputs)
            operands = [handle for group in groups for handle in group]
            inner = _black_box(trace, f, handles, result, name) if black_box else call_traced(trace, f, handles, {})
            leaves, structure = flatten(inner)
            outputs = result_nodes(trace, leaves, name)
            if black_box and jvp is None and vjp is None:
                return unflatten(structure, _plain(trace, outputs))
            rules = _Rules(trace, handles, operands, outputs, structure)
            with _in_rules_of(transformed):
                return unflatten(structure, rules.called(jvp, vjp, count))

    return named(f, "custom_derivative")(transformed)


def _plain(trace: Trace, outputs: Sequence[Node]) -> list[Any]:
    function, bindings = trace.close(outputs)
    return finish(trace, function, bindings)


def _black_box(trace: Trace, f: Callable[..., Any], handles: Sequence[Any], result: Any, name: str) -> Array:
    """A call of a Python function when the program runs."""
    if not all(isinstance(handle, Array) for handle in handles):
        raise fail(
            ArgumentError,
            name,
            "a black box takes arrays and numbers only",
            fix="close over anything else in the function",
        )
    if result is None:
        fix = "give result=, an array of the shape and dtype that the function returns"
        values = [np.array(trace.value_of(handle._node, name, fix))[()] for handle in handles]
        result = f(*values)
    example = np.asarray(result)
    dtype = example.dtype if example.dtype.kind == "f" else FLOAT
    host = HostFunction(f, example.shape, dtype)
    return Array(host_call(host, [handle._node for handle in handles]), trace)


class _Rules:
    """The rules of one call, traced into Functions of the operands (and of tangents or cotangents)."""

    def __init__(
        self, trace: Trace, handles: Sequence[Any], operands: Sequence[Array], outputs: Sequence[Node], structure: Any
    ) -> None:
        self.trace = trace
        self.handles = tuple(handles)
        self.operands = operands
        self.outputs = outputs
        self.structure = structure

    def called(self, jvp: Rule | None, vjp: Rule | None, count: int) -> list[Any]:
        """The call as one node."""
        floating = [handle for handle in self.operands if handle.dtype.kind == "f"]
        tangents = [self._input(handle._node.aval) for handle in floating]
        pushed = self._pushed(jvp, tangents) if jvp is not None else []
        cotangents = [self._input(y.aval) for y in self.outputs if y.dtype.kind == "f"]
        pulled = self._pulled(vjp, cotangents, floating) if vjp is not None else []
        everything, bindings = self.trace.close([*self.outputs, *pushed, *pulled])
        self._require_held(everything, bindings, count)
        extra = {handle._node for handle in (*tangents, *cotangents)}
        kept = [k for k, x in enumerate(everything.inputs) if x not in extra]
        inputs = [everything.inputs[k] for k in kept]
        first, second = len(self.outputs), len(self.outputs) + len(pushed)
        function = Function(inputs, everything.outputs[:first])
        # What is captured is held constant: its tangent is ignored, its cotangent zero.
        held = [x for x in inputs[count:] if x.dtype.kind == "f"]
        next_index = 1 + max((x.param("index") for x in everything.inputs), default=-1)
        unused = [input_node(self.trace.level, next_index + k, x.aval) for k, x in enumerate(held)]
        forward = backward = None
        if jvp is not None:
            forward = Function([*inputs, *[t._node for t in tangents], *unused], everything.outputs[first:second])
        if vjp is not None:
            from chainrule.diff.support import zeros

            zero = [zeros(x.aval) for x in held]
            backward = Function([*inputs, *[c._node for c in cotangents]], [*everything.outputs[second:], *zero])
        return _called(self.trace, function, [bindings[k] for k in kept], forward, backward)

    def _input(self, aval: Aval) -> Array:
        # A place in the table whose value only a derivative gives.
        return Array(self.trace.add_input(aval, np.zeros([int(n) for n in aval.shape], aval.dtype)), self.trace)

    def _pushed(self, jvp: Rule, tangents: Sequence[Array]) -> list[Node]:
        given = iter(tangents)
        by_argument = tuple(self._like_argument(handle, given) for handle in self.handles)
        leaves, structure = flatten(jvp(self.handles, by_argument))
        if structure != self.structure:
            raise fail(
                ArgumentError,
                "chainrule.custom_derivative",
                f"jvp returned the structure {structure}, the function {self.structure}",
                fix="return a tangent for each result, in the same containers",
            )
        floating = [(leaf, y) for leaf, y in zip(leaves, self.outputs, strict=True) if y.dtype.kind == "f"]
        nodes = result_nodes(self.trace, [leaf for leaf, _ in floating], "chainrule.custom_derivative")
        return [_fitted(node, y, "jvp") for node, (_, y) in zip(nodes, floating, strict=True)]

    def _pulled(self, vjp: Rule, cotangents: Sequence[Array], floating: Sequence[Array]) -> list[Node]:
        given = iter(cotangents)
        leaves = [next(given) if y.dtype.kind == "f" else None for y in self.outputs]
        returned = vjp(self.handles, unflatten(self.structure, leaves))
        if not isinstance(returned, tuple | list) or len(returned) != len(self.handles):
            raise fail(
                ArgumentError,
                "chainrule.custom_derivative",
                f"vjp must return a tuple of {len(self.handles)} cotangents, one for each argument",
                fix="return (cotangent,) for a function of one argument",
            )
        nodes = []
        for handle, cotangent in zip(self.handles, returned, strict=True):
            wanted, structure = flatten(handle)
            found, returned_structure = flatten(cotangent)
            if structure != returned_structure:
                raise fail(
                    ArgumentError,
                    "chainrule.custom_derivative",
                    "a cotangent from vjp differs in structure from its argument",
                    fix="return the cotangent in the containers of the argument",
                )
            for x, ct in zip(wanted, found, strict=True):
                if isinstance(x, Array) and x.dtype.kind == "f":
                    (node,) = result_nodes(self.trace, [0.0 if ct is None else ct], "chainrule.custom_derivative")
                    nodes.append(_fitted(node, x._node, "vjp"))
        assert len(nodes) == len(floating)
        return nodes

    def _like_argument(self, handle: Any, given: Any) -> Any:
        leaves, structure = flatten(handle)
        return unflatten(
            structure, [next(given) if isinstance(x, Array) and x.dtype.kind == "f" else None for x in leaves]
        )

    def _require_held(self, function: Function, bindings: Sequence[Any], count: int) -> None:
        """Refuse captured arrays of the enclosing trace through which a derivative is being taken."""
        parent = self.trace.parent
        for node, value in zip(function.inputs[count:], bindings[count:], strict=True):
            if isinstance(value, Node) and parent is not None and parent.is_active(value):
                raise fail(
                    NotDifferentiableError,
                    "chainrule.custom_derivative",
                    "the function captures an array that is being differentiated, to which its rules say nothing",
                    [("captured", node)],
                    fix="pass the array as an argument",
                )


def _fitted(node: Node, like: Node, rule: str) -> Node:
    """A rule's answer in the shape and dtype of what it belongs to."""
    fits = node.ndim <= like.ndim and all(
        n in (1, m) for n, m in zip(node.shape, like.shape[like.ndim - node.ndim :], strict=True)
    )
    if not fits:
        raise fail(
            ShapeError,
            "chainrule.custom_derivative",
            f"{rule} returned shape {node.shape} for an array of shape {like.shape}",
            [("returned", node), ("needed", like)],
            fix="return an array of the shape of what it belongs to",
        )
    return astype(broadcast_to(node, like.shape, "chainrule.custom_derivative"), like.dtype, like.aval.weak)
