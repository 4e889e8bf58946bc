"""Containers of arrays: tuples, lists, dicts, named tuples, dataclasses, and what users register with optree."""

from __future__ import annotations

import dataclasses
import threading
from functools import lru_cache
from typing import Any

import numpy as np
import optree

NAMESPACE = "chainrule"
_lock = threading.Lock()
_registered: set[type] = set()
# What is surely no container, so that optree need not be asked.
_LEAF_TYPES = {float, int, np.ndarray, np.float64}
_NUMBER: Any = 0.0
_LEAF = {flag: optree.tree_structure(_NUMBER, none_is_leaf=flag, namespace=NAMESPACE) for flag in (True, False)}


def flatten(tree: Any, none_is_leaf: bool = True) -> tuple[list[Any], Any]:
    """Leaves of a container in order, and its structure; a plain dataclass becomes a container on first sight."""
    if type(tree) in _LEAF_TYPES:
        return [tree], _LEAF[none_is_leaf]
    leaves, structure = optree.tree_flatten(tree, none_is_leaf=none_is_leaf, namespace=NAMESPACE)
    new = {type(leaf) for leaf in leaves if dataclasses.is_dataclass(leaf) and not isinstance(leaf, type)}
    if new:
        for cls in sorted(new, key=lambda cls: (cls.__module__, cls.__qualname__)):
            _register(cls)
        return flatten(tree, none_is_leaf)
    return leaves, structure


def unflatten(structure: Any, leaves: Any) -> Any:
    """The container of a structure, with new leaves."""
    return leaves[0] if structure is _LEAF else optree.tree_unflatten(structure, leaves)


@lru_cache(maxsize=256)
def leaf_names(structure: Any) -> tuple[str, ...]:
    """A name for each leaf, as code would reach it: ``['w'][0]``."""
    return tuple(accessor.codify("") for accessor in structure.accessors())


def _register(cls: type) -> None:
    with _lock:
        if cls in _registered:
            return
        names = [field.name for field in dataclasses.fields(cls) if field.init]

        def take_apart(value: Any) -> tuple[list[Any], None, list[str]]:
            return [getattr(value, name) for name in names], None, names

        def put_together(_: Any, children: Any) -> Any:
            return cls(**dict(zip(names, children, strict=True)))

        optree.register_pytree_node(cls, take_apart, put_together, namespace=NAMESPACE)
        _registered.add(cls)
