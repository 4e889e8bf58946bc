import inspect
import pickle
import textwrap

import numpy as np
import pytest

from chainrule import errors
from chainrule.errors import ChainruleError, ShapeError, fail, message, operand_text

BUILT_INS = {
    "ShapeError": ValueError,
    "DtypeError": TypeError,
    "NotDifferentiableError": TypeError,
    "TracerError": TypeError,
    "TracerLeakError": RuntimeError,
    "SpentError": RuntimeError,
    "UnsupportedError": TypeError,
    "ArgumentError": ValueError,
    "OutOfBoundsError": IndexError,
    "NonsmoothError": ArithmeticError,
    "DegenerateError": ArithmeticError,
    "DerivativeMismatchError": AssertionError,
    "RewriteLimitError": RuntimeError,
    "RetraceLimitError": RuntimeError,
    "NameClashError": ValueError,
    "DimensionError": TypeError,
}
CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]


def test_layout_with_operands_and_fix():
    error = fail(
        ShapeError,
        "chainrule.einsum",
        "index 'j' has size 4 and 5",
        [("ij", np.ones((3, 4))), ("jk", np.ones((5, 2)))],
        fix="check axis 0 of the operand labelled 'jk'",
    )
    expected = """\
        chainrule.einsum: index 'j' has size 4 and 5
            ij   float64[3,4]
            jk   float64[5,2]
          Fix: check axis 0 of the operand labelled 'jk'"""
    assert str(error) == textwrap.dedent(expected)
    assert type(error) is ShapeError


def test_layout_without_operands_or_fix():
    assert message("chainrule.grad", "no arguments") == "chainrule.grad: no arguments"


def test_descriptions_are_aligned_whatever_the_names():
    lines = message("f", "wrong", [("a", "int64[]"), ("weights", "bool[2]")]).splitlines()
    assert lines[1:] == ["    a         int64[]", "    weights   bool[2]"]


class Symbolic:
    shape = ("n", 3)
    dtype = np.dtype("float32")


@pytest.mark.parametrize(
    ("operand", "text"),
    [
        (np.zeros((3, 4)), "float64[3,4]"),
        (np.zeros((0,), np.int8), "int8[0]"),
        (np.array(True), "bool[]"),
        (np.float32(1), "float32[]"),
        (Symbolic(), "float32[n,3]"),
        ("complex128[2]", "complex128[2]"),
        (1.5, "float"),
        ([1.0, 2.0], "list"),
        (None, "NoneType"),
    ],
)
def test_operands_are_described_by_dtype_and_shape(operand, text):
    assert operand_text(operand) == text


def test_operands_may_come_from_a_generator():
    error = fail(ShapeError, "f", "wrong", ((name, np.ones(1)) for name in "ab"))
    assert str(error).splitlines()[1:] == ["    a   float64[1]", "    b   float64[1]"]


def test_the_table_lists_every_class():
    assert {kind.__name__ for kind in CLASSES} == {*BUILT_INS, "ChainruleError"}


@pytest.mark.parametrize(("name", "built_in"), BUILT_INS.items())
def test_each_error_is_ours_and_a_built_in(name, built_in):
    kind = getattr(errors, name)
    error = fail(kind, "f", "wrong")
    assert isinstance(error, ChainruleError)
    assert isinstance(error, built_in)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (kind, "f: wrong")


@pytest.mark.parametrize("kind", CLASSES)
def test_each_docstring_is_a_help_page(kind):
    page = inspect.getdoc(kind)
    positions = [page.index(part) for part in ("Cause: ", "Example::\n", "Fix: ")]
    assert positions == sorted(positions)
    example = page[positions[1] : positions[2]].removeprefix("Example::")
    compile(textwrap.dedent(example), kind.__name__, "exec")
