"""Symbols: arrays that have a name, sizes and facts, and no values.

They go through the same NumPy functions as handles do. Putting numbers in is `evaluate`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.core.aval import FLOAT, Aval
from chainrule.core.dimension import Dim, Size
from chainrule.core.facts import CONSTRAINT_FACTS, DOMAIN_FACTS, Facts
from chainrule.core.function import Function
from chainrule.core.leaves import SYMBOL, input_node, symbol_node
from chainrule.core.node import Node, topological
from chainrule.core.specialise import specialise
from chainrule.diff.jacobian import prepared
from chainrule.errors import ArgumentError, NameClashError, ShapeError, fail
from chainrule.run.program import program_of
from chainrule.trace.array import SYMBOLS, Array

_SYMBOL = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*(?:\[(?P<sizes>[^\[\]]*)\])?(?P<facts>[^\[\],]*)$")
_PHRASES = sorted((*DOMAIN_FACTS, *CONSTRAINT_FACTS), key=len, reverse=True)


def symbols(text: str) -> Any:
    """Make symbols from their names, sizes and assumptions.

    Parameters
    ----------
    text : str
        Names with sizes in brackets, separated by spaces: ``"X[n,m] U[n,r] c"``. With assumptions, separated by
        commas: ``"S[n,n] symmetric positive definite, x[n]"``. A size is a name, a number, or a polynomial of names
        such as ``n+1``; a name without brackets is a scalar.

    Returns
    -------
    Array or tuple of Array
        One symbol, or all of them in order.

    Raises
    ------
    ArgumentError
        If the text is not of this form, or an assumption is not known.
    NameClashError
        If a name occurs twice.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> X, U, V = cr.symbols("X[n,m] U[n,r] V[r,m]")
    >>> loss = np.sum((X - U @ V) ** 2)
    >>> (U @ V).shape
    (n, m)
    >>> loss.evaluate(X=np.ones((2, 3)), U=np.ones((2, 1)), V=np.zeros((1, 3)))
    np.float64(6.0)
    """
    pieces = _pieces(text)
    made = [_symbol(piece, text) for piece in pieces]
    names = [array._name for array in made]
    twice = [name for k, name in enumerate(names) if name in names[:k]]
    if twice:
        raise fail(
            NameClashError, "chainrule.symbols", f"the name {twice[0]} occurs twice", fix="name each symbol once"
        )
    if not made:
        raise fail(ArgumentError, "chainrule.symbols", "no name is given", fix='write chainrule.symbols("x[n]")')
    return made[0] if len(made) == 1 else tuple(made)


def _pieces(text: str) -> list[str]:
    """One text for each symbol: split at commas outside brackets, or at spaces where there are none."""
    by_comma = [piece for piece in re.split(r",(?![^\[]*\])", text) if piece.strip()]
    if len(by_comma) > 1 or _has_facts(text):
        return by_comma
    # What is not a name with its brackets stays a piece of its own, to be refused by name.
    return re.findall(r"[^\s\[\]]+\s*(?:\[[^\[\]]*\])?|\S+", text)


def _has_facts(text: str) -> bool:
    words = re.sub(r"\[[^\[\]]*\]", " ", text)
    return any(re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", words) for phrase in _PHRASES)


def _symbol(piece: str, text: str) -> Array:
    match = _SYMBOL.match(piece)
    if match is None:
        raise fail(
            ArgumentError,
            "chainrule.symbols",
            f"{piece.strip()!r} is not a symbol, in {text!r}",
            fix='write names with sizes, such as "X[n,m] x[m] c"',
        )
    sizes = match["sizes"]
    shape = tuple(_size(entry) for entry in sizes.split(",")) if sizes is not None and sizes.strip() else ()
    facts = Facts.of(_phrases(match["facts"]))
    name = match["name"]
    return Array(symbol_node(name, shape, FLOAT, facts), SYMBOLS, name)


def _size(text: str) -> Size:
    size = Dim.parse(text.strip())
    if isinstance(size, int) and size < 0:
        raise fail(ArgumentError, "chainrule.symbols", f"the size {size} is negative", fix="give sizes of at least 0")
    return size


def _phrases(text: str) -> list[str]:
    """The assumptions in a text, longest phrase first; what is left over is reported as it stands."""
    found: list[str] = []
    rest = text.strip()
    while rest:
        phrase = next((p for p in _PHRASES if re.match(rf"{re.escape(p)}(?!\w)", rest)), None)
        if phrase is None:
            return [*found, rest]
        found.append(phrase)
        rest = rest[len(phrase) :].strip()
    return found


def evaluate(array: Array, values: Mapping[str, Any]) -> Any:
    """The number of a symbolic array, given a value for each of its symbols."""
    call = "Array.evaluate"
    found = [node for node in topological([array._node]) if node.op is SYMBOL]
    labels = [node.param("label") for node in found]
    _require_all(labels, values, call)
    arrays = {name: np.asarray(value, dtype=float) for name, value in values.items()}
    sizes: dict[str, int] = {}
    for node in found:
        _read_sizes(node, arrays[node.param("label")], sizes, call)
    for node in found:
        _check_sizes(node, arrays[node.param("label")], sizes, call)
    inputs = {node: input_node(0, k, _aval(arrays[node.param("label")])) for k, node in enumerate(found)}
    outputs = specialise([array._node], sizes, inputs)
    function = prepared(Function(list(inputs.values()), outputs))
    (value,) = program_of(function)([arrays[label] for label in labels])
    return value


def _aval(array: np.ndarray[Any, Any]) -> Aval:
    return Aval(array.shape, array.dtype)


def _require_all(labels: list[str], values: Mapping[str, Any], call: str) -> None:
    missing = [label for label in labels if label not in values]
    if missing:
        raise fail(
            ArgumentError,
            call,
            f"no value for {', '.join(missing)}",
            fix=f"give {', '.join(f'{x}=...' for x in missing)}",
        )


def _read_sizes(node: Node, array: np.ndarray[Any, Any], sizes: dict[str, int], call: str) -> None:
    """Read the sizes of dimensions off an array; a dimension has one size everywhere."""
    label = node.param("label")
    if array.ndim != node.ndim:
        raise fail(
            ShapeError,
            call,
            f"{label} has {node.ndim} axes, its value {array.ndim}",
            [(label, node), ("value", array)],
            fix="give an array with as many axes",
        )
    for size, number in zip(node.shape, array.shape, strict=True):
        if isinstance(size, Dim) and str(size) in size.names:
            known = sizes.setdefault(str(size), number)
            if known != number:
                raise fail(
                    ShapeError,
                    call,
                    f"dimension {size} is {known} and {number}",
                    [(label, node), ("value", array)],
                    fix="give values whose sizes agree",
                )


def _check_sizes(node: Node, array: np.ndarray[Any, Any], sizes: dict[str, int], call: str) -> None:
    """Compare every axis with its size; a size that holds a name of unknown number fits any."""
    label = node.param("label")
    for size, number in zip(node.shape, array.shape, strict=True):
        if isinstance(size, Dim) and any(name not in sizes for name in size.names):
            continue
        wanted = size.substitute(sizes) if isinstance(size, Dim) else size
        if wanted != number:
            raise fail(
                ShapeError,
                call,
                f"an axis of {label} has size {wanted}, that of its value {number}",
                [(label, node), ("value", array)],
                fix="give a value of the symbol's shape",
            )
