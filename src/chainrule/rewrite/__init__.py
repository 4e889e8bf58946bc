"""Graph to graph: rule tables by class, the engine that applies them, and the one normal form.

`stabilise` and `semantic` prepare a function for differentiating; `normal` serves formulas alone, never programs.
"""

from __future__ import annotations

from chainrule.core.function import Function
from chainrule.rewrite.normal import normal, normal_form, normal_function
from chainrule.rewrite.semantic import as_written, semantic
from chainrule.rewrite.stabilise import stabilise

__all__ = ["as_written", "normal", "normal_form", "normal_function", "prepare", "semantic", "stabilise"]


def prepare(function: Function, mode: str = "full") -> Function:
    """The function in the form to differentiate; under the mode "exact" its values keep their bits."""
    return semantic(function if mode == "exact" else stabilise(function))
