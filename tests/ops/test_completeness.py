"""No op without an example."""

import importlib
import pkgutil

import numpy as np

import tests.ops
from chainrule.core.op import ElementwiseOp, all_ops
from tests.ops.laws import OpCase

# Ops that no example can show: what they stand for has no value.
VALUELESS = {"symbol", "dimension"}


def tables() -> list[OpCase]:
    """All examples."""
    modules = [importlib.import_module(f"tests.ops.{info.name}") for info in pkgutil.iter_modules(tests.ops.__path__)]
    return [case for module in modules for case in getattr(module, "CASES", ())]


def test_every_op_has_an_example():
    shown = {case.op for case in tables()}
    missing = sorted(set(all_ops()) - shown - VALUELESS)
    assert not missing, f"add an OpCase to tests/ops/test_<family>.py for: {', '.join(missing)}"


def test_every_example_is_of_an_op():
    assert {case.op for case in tables()} <= set(all_ops())


def test_every_op_that_users_call_is_traced_in_an_example():
    """An op that answers for a ufunc is what tracing the ufunc gives, and an example shows it."""
    traced = {case.op for case in tables() if case.traced is not None}
    ufuncs = {
        name
        for name, op in all_ops().items()
        if isinstance(op, ElementwiseOp) and isinstance(op.numpy, np.ufunc) and op.numpy.__name__ == name
    }
    assert len(ufuncs) > 20
    assert ufuncs <= traced


def test_every_ufunc_has_the_numbers_of_mpmath_or_is_a_choice():
    """Only comparisons, logic and choices are checked against NumPy alone."""
    exact = {case.op for case in tables() if case.exact is not None}
    choices = {"maximum", "minimum", "mark", "stop_gradient"}
    elementwise = {name for name, op in all_ops().items() if isinstance(op, ElementwiseOp)}
    boolean = {name for name in elementwise if all_ops()[name].nondifferentiable}
    assert elementwise - exact - choices - boolean == set()
