"""Rewriting: rule tables by class, the engine that applies them, and the one normal form."""

from chainrule.core.function import Function


def prepare(function: Function, mode: str) -> Function:
    """`function` as it is differentiated and run."""
    return function
