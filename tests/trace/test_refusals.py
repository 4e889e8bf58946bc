"""What is refused says so at the user's call: which call, what is wrong with it, and what to do instead."""

import re
from typing import NamedTuple

import numpy as np
import pytest
import scipy.special

import chainrule as cr
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    DtypeError,
    OutOfBoundsError,
    ShapeError,
    TracerError,
    UnsupportedError,
)


class Refusal(NamedTuple):
    """`call` raises `kind`; the first line says `call_name: text`, the fix says `fix`."""

    call: object
    kind: type
    call_name: str
    text: str
    fix: str


X, M = np.array([1.0, 2.0, 3.0]), np.arange(1.0, 7.0).reshape(2, 3)
MASKED = np.ma.array([1.0, 2.0, 3.0], mask=[0, 0, 1])


def traced(f, x=X):
    """Run `f` under a gradient; what it returns is summed."""
    return lambda: cr.grad(lambda y: np.sum(f(y)))(x)


REFUSALS = {
    # --- functions and keywords that are not known: never ignored
    "unknown ufunc": Refusal(
        traced(np.spacing), UnsupportedError, "numpy.spacing", "does not know this function", "custom_derivative"
    ),
    "unknown function": Refusal(
        traced(np.histogram), UnsupportedError, r"\S*numpy\S*\.histogram", "does not know", "custom_derivative"
    ),
    "unknown special function": Refusal(
        traced(scipy.special.airye), UnsupportedError, r"\S*airye", "does not know", "custom_derivative"
    ),
    "near name": Refusal(traced(np.fft.fft), UnsupportedError, "numpy.fft.fft", "does not know", "wrap it"),
    "out= of a ufunc": Refusal(
        traced(lambda y: np.add(y, 1, out=np.zeros(3))), UnsupportedError, "numpy.add", "out=", "leave out= out"
    ),
    "in-place operator on an array": Refusal(
        traced(lambda y: np.zeros(3).__iadd__(y)), UnsupportedError, "numpy.add", "in-place", r"y = y \+ x"
    ),
    "out= of a function": Refusal(
        traced(lambda y: np.sum(y, out=np.zeros(()))), UnsupportedError, "numpy.sum", "out=", "leave it out"
    ),
    "where= of a ufunc": Refusal(
        traced(lambda y: np.exp(y, where=y > 1)), UnsupportedError, "numpy.exp", "where=", "numpy.where"
    ),
    "casting=": Refusal(
        traced(lambda y: np.add(y, 1, casting="unsafe")),
        UnsupportedError,
        "numpy.add",
        "casting='unsafe'",
        "leave it out",
    ),
    "order= of a ufunc": Refusal(
        traced(lambda y: np.add(y, 1, order="F")), UnsupportedError, "numpy.add", "order='F'", "leave it out"
    ),
    "signature=": Refusal(
        traced(lambda y: np.add(y, 1, signature="dd->d")), UnsupportedError, "numpy.add", "signature=", "leave it out"
    ),
    "accumulate": Refusal(
        traced(np.multiply.accumulate), UnsupportedError, "numpy.multiply.accumulate", "not supported", "write"
    ),
    "ufunc.at": Refusal(
        traced(lambda y: np.add.at(y, [0], 1)), UnsupportedError, "numpy.add.at", "not supported", "write"
    ),
    "reduce of another ufunc": Refusal(
        traced(np.divide.reduce), UnsupportedError, "numpy.divide.reduce", "not supported", "loop"
    ),
    "an array as a setting": Refusal(
        traced(lambda y: np.sum(y, axis=y)), UnsupportedError, "numpy.sum", "argument axis", "plain number"
    ),
    "einsum keyword": Refusal(
        traced(lambda y: np.einsum("i->i", y, foo=1)), ArgumentError, "numpy.einsum", "foo=", "leave it out"
    ),
    "einsum dtype": Refusal(
        traced(lambda y: np.einsum("i->i", y, dtype="f4")), UnsupportedError, "numpy.einsum", "dtype=", "leave it out"
    ),
    "reshape order": Refusal(
        traced(lambda y: np.reshape(y, (3, 1), order="F")),
        UnsupportedError,
        "numpy.reshape",
        "order='F'",
        "transpose first",
    ),
    "ravel order": Refusal(
        traced(lambda y: y.ravel("F")), UnsupportedError, "numpy.ravel", "order='F'", "transpose first"
    ),
    "subok": Refusal(
        traced(lambda y: np.broadcast_to(y, 3, subok=True)),
        UnsupportedError,
        "numpy.broadcast_to",
        "subok=True",
        "leave it out",
    ),
    "sort order": Refusal(
        traced(lambda y: np.sort(y, order="a")), UnsupportedError, "numpy.sort", "order='a'", "leave it out"
    ),
    "in-place sort": Refusal(
        traced(lambda y: y.sort()), UnsupportedError, r"x.sort\(\)", "in place", r"numpy.sort\(x\)"
    ),
    "trace dtype": Refusal(
        traced(lambda y: np.trace(y, dtype="f4"), M), UnsupportedError, "numpy.trace", "dtype='f4'", "leave it out"
    ),
    "eigh of no triangle": Refusal(
        traced(lambda y: np.linalg.eigh(y, UPLO="x")[0], np.eye(2)),
        ArgumentError,
        "numpy.linalg.eigh",
        "UPLO='x'",
        "UPLO='L'",
    ),
    "norm over three axes": Refusal(
        traced(lambda y: np.linalg.norm(y, axis=(0, 1, 2)), np.ones((2, 2, 2))),
        ArgumentError,
        "numpy.linalg.norm",
        "3 axes",
        "leave ord",
    ),
    "astype order": Refusal(
        traced(lambda y: y.astype(float, order="F")), UnsupportedError, "x.astype", "order=", "leave them out"
    ),
    "clip with half a pair": Refusal(
        traced(lambda y: np.clip(y, 0, min=3)), ArgumentError, "numpy.clip", "neither a pair", "None"
    ),
    "max with where= alone": Refusal(
        traced(lambda y: np.max(y, where=y > 0)), ArgumentError, "numpy.max", "where=", "initial="
    ),
    "one-argument where": Refusal(
        traced(lambda y: np.where(y > 0)[0]), ArgumentError, "numpy.where", "one argument", "all three"
    ),
    "bit operations": Refusal(traced(lambda y: y & 1), UnsupportedError, "x & y", "booleans only", "compare first"),
    "exclusive or of floats": Refusal(
        traced(lambda y: y ^ 1), UnsupportedError, r"x \^ y", "booleans only", "compare first"
    ),
    "inversion of floats": Refusal(traced(lambda y: ~y), UnsupportedError, "~x", "booleans only", "compare first"),
    # --- shapes and axes
    "broadcasting": Refusal(
        traced(lambda y: y + np.ones(4)), ShapeError, "numpy.add", "sizes 3 and 4 of axis -1", "sizes equal"
    ),
    "comparison": Refusal(
        traced(lambda y: y > np.ones(4)), ShapeError, "numpy.greater", "sizes 3 and 4", "sizes equal"
    ),
    "matmul": Refusal(
        traced(lambda y: M.T @ y), ShapeError, "numpy.matmul", "size 2, the only axis of the second 3", "transpose"
    ),
    "matmul of scalars": Refusal(traced(lambda y: y @ 2.0), ShapeError, "numpy.matmul", "scalar", r"with \*"),
    "dot": Refusal(
        traced(lambda y: np.dot(M.T, y)), ShapeError, "numpy.dot", r"sizes \(2,\) and \(3,\)", "sizes equal"
    ),
    "inner": Refusal(
        traced(lambda y: np.inner(M.T, y)), ShapeError, "numpy.inner", r"sizes \(2,\) and \(3,\)", "sizes equal"
    ),
    "tensordot": Refusal(
        traced(lambda y: np.tensordot(M.T, y, 1)), ShapeError, "numpy.tensordot", "sizes", "sizes equal"
    ),
    "tensordot over too many axes": Refusal(
        traced(lambda y: np.tensordot(y, y, 2)), ArgumentError, "numpy.tensordot", "axes=2", "smaller"
    ),
    "tensordot of unpaired axes": Refusal(
        traced(lambda y: np.tensordot(M, M * y, ((0, 1), (0,)))),
        ArgumentError,
        "numpy.tensordot",
        "2 axes of the first",
        "as many",
    ),
    "einsum sizes": Refusal(
        traced(lambda y: np.einsum("ij,i->j", M, y)), ShapeError, "numpy.einsum", "size 2 and 3", "check the axis"
    ),
    "einsum rank": Refusal(
        traced(lambda y: np.einsum("ij->i", y)), ShapeError, "numpy.einsum", "'ij' do not fit", "one letter"
    ),
    "einsum result": Refusal(
        traced(lambda y: np.einsum("i->k", y)), ArgumentError, "numpy.einsum", "'k', which no operand", "once"
    ),
    "einsum repeated result": Refusal(
        traced(lambda y: np.einsum("i->ii", y)), ArgumentError, "numpy.einsum", "repeats", "once"
    ),
    "einsum operands": Refusal(
        traced(lambda y: np.einsum("i,i", y)), ArgumentError, "numpy.einsum", "2 groups", "one group"
    ),
    "axis": Refusal(
        traced(lambda y: np.sum(y, axis=1)), ArgumentError, "numpy.sum", "axis 1 does not exist", "from -1 to 0"
    ),
    "axis of a scalar": Refusal(
        traced(lambda y: np.sum(y, axis=0), 2.0), ArgumentError, "numpy.sum", "0 axes", "leave axis out"
    ),
    "axis twice": Refusal(traced(lambda y: np.mean(y, axis=(0, -1))), ArgumentError, "numpy.mean", "twice", "once"),
    "axis no integer": Refusal(
        traced(lambda y: np.max(y, axis="a")), ArgumentError, "numpy.max", "integer, not 'a'", "axis=-1"
    ),
    "reshape": Refusal(
        traced(lambda y: y.reshape(2, 2)), ShapeError, "numpy.reshape", r"3 entries .* \(2, 2\)", "as many entries"
    ),
    "reshape of two unknowns": Refusal(
        traced(lambda y: y.reshape(-1, -1)), ArgumentError, "numpy.reshape", "only one size", "all sizes"
    ),
    "reshape to a multiple": Refusal(
        traced(lambda y: y.reshape(-1, 2)), ShapeError, "numpy.reshape", "3 entries", "divides"
    ),
    "transpose": Refusal(
        traced(lambda y: np.transpose(y, (0, 0)), M), ArgumentError, "numpy.transpose", "not an order", "once"
    ),
    "matrix transpose": Refusal(
        traced(lambda y: y.mT), ShapeError, "numpy.matrix_transpose", "two axes", r"x\[:, None\]"
    ),
    "moveaxis": Refusal(
        traced(lambda y: np.moveaxis(y, (0, 1), (0,)), M), ArgumentError, "numpy.moveaxis", "2 sources and 1", "as many"
    ),
    "squeeze": Refusal(traced(lambda y: np.squeeze(y, 0)), ShapeError, "numpy.squeeze", "size 3, not 1", "size 1 only"),
    "expand_dims": Refusal(
        traced(lambda y: np.expand_dims(y, 5)), ArgumentError, "numpy.expand_dims", "axis 5", "from -2 to 1"
    ),
    "broadcast_to": Refusal(
        traced(lambda y: np.broadcast_to(y, 2)), ShapeError, "numpy.broadcast_to", r"\(3,\) .* \(2,\)", "of size 1"
    ),
    "sum over a mask of another shape": Refusal(
        traced(lambda y: np.sum(y, where=np.ones((3, 3), bool))),
        ShapeError,
        "numpy.sum",
        "does not broadcast",
        "of size 1",
    ),
    "concatenate": Refusal(
        traced(lambda y: np.concatenate([y, M])), ShapeError, "numpy.concatenate", "arrays 0 and 1", "sizes"
    ),
    "concatenate scalars": Refusal(
        traced(lambda y: np.concatenate([y[0], y[1]])), ShapeError, "numpy.concatenate", "no axis", "numpy.stack"
    ),
    "stack": Refusal(traced(lambda y: np.stack([y, y[:2]])), ShapeError, "numpy.stack", "0 and 1 differ", "equal"),
    "where shapes": Refusal(
        traced(lambda y: np.where(y > 0, y, np.ones(2))), ShapeError, "numpy.where", "3 and 2", "equal"
    ),
    "max of nothing": Refusal(traced(np.max, np.zeros(0)), ArgumentError, "numpy.max", "no largest", "initial="),
    "trace of a vector": Refusal(traced(np.trace), ShapeError, "numpy.trace", "two axes", "matrix"),
    "trace over one axis": Refusal(
        traced(lambda y: np.trace(y, 0, 1, 1), M), ArgumentError, "numpy.trace", "the same", "two axes"
    ),
    "solve": Refusal(traced(lambda y: np.linalg.solve(M, y)), ShapeError, "numpy.linalg.solve", "square", "shape of a"),
    "solve rows": Refusal(
        traced(lambda y: np.linalg.solve(np.eye(2), y)), ShapeError, "numpy.linalg.solve", "2 rows, b has 3", "equal"
    ),
    "solve for a scalar": Refusal(
        traced(lambda y: np.linalg.solve(np.eye(2), y[0])), ShapeError, "numpy.linalg.solve", "scalar", "vector"
    ),
    "inv": Refusal(traced(np.linalg.inv, M), ShapeError, "numpy.linalg.inv", "square", "shape of a"),
    "cholesky": Refusal(traced(np.linalg.cholesky, M), ShapeError, "numpy.linalg.cholesky", "square", "shape of a"),
    "slogdet": Refusal(
        traced(lambda y: np.linalg.slogdet(y)[1], M), ShapeError, "numpy.linalg.slogdet", "square", "shape of a"
    ),
    "index": Refusal(traced(lambda y: y[3]), OutOfBoundsError, r"x\[...\]", "index 3 is out of bounds", "from -3 to 2"),
    "too many indices": Refusal(traced(lambda y: y[0, 0]), ArgumentError, r"x\[...\]", "2 indices", "at most one"),
    "float index": Refusal(traced(lambda y: y[y]), ArgumentError, r"x\[...\]", "dtype float64", "astype"),
    # --- kinds of numbers
    "complex factor": Refusal(
        traced(lambda y: y * 1j), DtypeError, "numpy.multiply", "complex", "real and the imaginary"
    ),
    "complex array": Refusal(
        traced(lambda y: y * np.ones(3, complex)), DtypeError, "numpy.multiply", "complex", "real and"
    ),
    "complex argument": Refusal(traced(lambda y: y, X * 1j), DtypeError, "chainrule.grad", "complex", "real and"),
    "strings": Refusal(traced(lambda y: y * np.array(["a"])), DtypeError, "numpy.multiply", "no arithmetic", "astype"),
    "objects": Refusal(traced(lambda y: y * np.array([None])), DtypeError, "numpy.multiply", "object", "astype"),
    "dates": Refusal(
        traced(lambda y: y * np.array(["2020"], "M8[D]")), DtypeError, "numpy.multiply", "datetime64", "astype"
    ),
    "astype complex": Refusal(
        traced(lambda y: y.astype(complex)), DtypeError, "numpy.astype", "complex128", "floating"
    ),
    "masked argument": Refusal(
        traced(np.sum, MASKED), UnsupportedError, "chainrule.grad", "MaskedArray", "numpy.asarray"
    ),
    "masked factor": Refusal(
        traced(lambda y: y * MASKED), UnsupportedError, "numpy.multiply", "MaskedArray", "numpy.asarray"
    ),
    "masked held argument": Refusal(
        lambda: cr.grad(lambda y, z: y)(1.0, MASKED), UnsupportedError, "chainrule.grad", "MaskedArray", "numpy.asarray"
    ),
    "string argument": Refusal(
        lambda: cr.grad(len)("abc"), DtypeError, "chainrule.grad", "argument 0 is str", "argnums="
    ),
    "None argument": Refusal(
        lambda: cr.grad(len)(None), DtypeError, "chainrule.grad", "argument 0 is NoneType", "argnums="
    ),
    "a string in a container": Refusal(
        lambda: cr.grad(len)({"a": 1.0, "b": "x"}),
        DtypeError,
        "chainrule.grad",
        r"argument 0\['b'\] is str",
        "argnums=",
    ),
    # --- values taken out of the graph
    "float": Refusal(traced(lambda y: float(y[0])), TracerError, r"float\(x\)", "would be lost", "leave x as it is"),
    "ndarray.dot": Refusal(traced(lambda y: M.dot(y)), TracerError, r"numpy.asarray\(x\)", "would be lost", "M @ x"),
    "np.array": Refusal(traced(lambda y: np.array([y, y])), TracerError, r"numpy.asarray\(x\)", "lost", r"numpy.stack"),
    "tolist": Refusal(traced(lambda y: y.tolist()), TracerError, r"x.tolist\(\)", "lost", "leave x"),
    "truth of an array": Refusal(
        traced(lambda y: y if y > 0 else -y), ArgumentError, r"bool\(x\)", "ambiguous", r"x.any\(\)"
    ),
    # --- the transforms themselves
    "no function": Refusal(
        lambda: cr.grad(3.0)(X), ArgumentError, "chainrule.grad", "not float", "the function itself"
    ),
    "no scalar": Refusal(lambda: cr.grad(np.sin)(X), ShapeError, "chainrule.grad", r"returned shape \(3,\)", "sum it"),
    "shape (1,)": Refusal(lambda: cr.grad(np.sin)(X[:1]), ShapeError, "chainrule.grad", r"shape \(1,\)", "sum it"),
    "a tuple": Refusal(
        lambda: cr.grad(lambda y: (y[0], 1))(X), ShapeError, "chainrule.grad", "returned tuple", "has_aux"
    ),
    "nothing": Refusal(
        lambda: cr.grad(lambda y: None)(X), DtypeError, "chainrule.grad", "returned NoneType", "return arrays"
    ),
    "text": Refusal(lambda: cr.grad(lambda y: "a")(X), DtypeError, "chainrule.grad", "returned str", "return arrays"),
    "hessian of an array": Refusal(
        lambda: cr.hessian(np.sin)(X), ShapeError, "chainrule.hessian", "shape", "chainrule.jacobian"
    ),
    "hvp of an array": Refusal(
        lambda: cr.hvp(np.sin, (X,), (X,)), ShapeError, "chainrule.hvp", "shape", "chainrule.jacobian"
    ),
    "elementwise_grad of two": Refusal(
        lambda: cr.elementwise_grad(lambda y: (y, y))(X),
        ShapeError,
        "chainrule.elementwise_grad",
        "one array",
        "one array",
    ),
    "no pair": Refusal(
        lambda: cr.grad(np.sum, has_aux=True)(X), ArgumentError, "chainrule.grad", "pair", r"\(loss, extras\)"
    ),
    "argnums too large": Refusal(
        lambda: cr.grad(np.sum, 2)(X, X), ArgumentError, "chainrule.grad", "argnums=2 .* 2 pos", "from 0"
    ),
    "no arguments": Refusal(
        lambda: cr.grad(np.sum)(), ArgumentError, "chainrule.grad", "0 positional arguments", "positional"
    ),
    "argnums twice": Refusal(lambda: cr.grad(np.sum, (0, -1))(X), ArgumentError, "chainrule.grad", "twice", "once"),
    "argnums by name": Refusal(
        lambda: cr.grad(np.sum, "a")(X), ArgumentError, "chainrule.grad", "integers, not 'a'", "argnums=0"
    ),
    "mode": Refusal(
        lambda: cr.jacobian(np.sin, mode="both"), ArgumentError, "chainrule.jacobian", "mode='both'", "mode='auto'"
    ),
    "tangent shape": Refusal(
        lambda: cr.jvp(np.sin, (X,), (X[:2],)), ShapeError, "chainrule.jvp", "does not fit", "same shape"
    ),
    "tangent count": Refusal(
        lambda: cr.jvp(np.sin, (X,), ()), ArgumentError, "chainrule.jvp", "1 primals and 0", "one tangent"
    ),
    "bare primal": Refusal(
        lambda: cr.jvp(np.sin, X, X), ArgumentError, "chainrule.jvp", "must be a tuple", r"\(primals,\)"
    ),
    "boolean tangent": Refusal(
        lambda: cr.jvp(np.sin, (X,), (X > 0,)), ShapeError, "chainrule.jvp", "does not fit", "same shape"
    ),
    "cotangent shape": Refusal(
        lambda: cr.vjp(np.sin, X)[1](X[:2]), ShapeError, "chainrule.vjp", "does not fit", "same shape"
    ),
    "cotangent container": Refusal(
        lambda: cr.vjp(np.sin, X)[1]([X]), ArgumentError, "chainrule.vjp", "structure", "containers"
    ),
    "cotangent of integers": Refusal(
        lambda: cr.vjp(np.argsort, X)[1](X), DtypeError, "chainrule.vjp", "not floating", "floating"
    ),
    "linearize count": Refusal(
        lambda: cr.linearize(np.sin, X)[1](X, X), ArgumentError, "chainrule.linearize", "2 tangents", "one"
    ),
}


@pytest.mark.parametrize("row", REFUSALS.values(), ids=REFUSALS)
def test_refusal_names_the_call_and_the_fix(row):
    with pytest.raises(row.kind) as caught:
        row.call()
    assert isinstance(caught.value, ChainruleError)
    lines = str(caught.value).splitlines()
    assert re.match(rf"{row.call_name}: .*{row.text}", lines[0]), lines[0]
    assert re.match(rf"  Fix: .*{row.fix}", lines[-1]), lines[-1]


def test_the_table_is_long_enough():
    assert len(REFUSALS) >= 40
    assert {row.kind for row in REFUSALS.values()} >= {
        ArgumentError,
        DtypeError,
        OutOfBoundsError,
        ShapeError,
        TracerError,
        UnsupportedError,
    }


def test_operands_are_named_with_dtype_and_shape():
    with pytest.raises(ShapeError) as caught:
        cr.grad(lambda y: np.sum(y + np.ones(4, "f4")))(X)
    assert str(caught.value).splitlines()[1:3] == ["    operand 0   float64[3]", "    operand 1   float32[4]"]


def test_numpys_own_refusal_of_a_keyword_reaches_the_user():
    with pytest.raises(TypeError, match="axes"):
        cr.grad(lambda y: np.sum(y, axes=0))(X)


def test_writing_an_entry_of_an_array_has_our_message_as_its_cause():
    buffer = np.zeros(3)
    with pytest.raises((TracerError, ValueError)) as caught:
        cr.grad(lambda y: buffer.__setitem__(0, y[0]))(X)
    error = caught.value if isinstance(caught.value, TracerError) else caught.value.__cause__
    assert isinstance(error, TracerError)
    assert "Fix: " in str(error)
    assert not buffer.any()


def test_operators_on_what_is_no_number_are_refused_by_python():
    for f in (lambda y: y + "a", lambda y: None * y, lambda y: y @ {}, lambda y: y < object()):
        with pytest.raises(TypeError):
            cr.grad(lambda y, f=f: np.sum(f(y)))(X)


def test_a_handle_is_no_key():
    with pytest.raises(TypeError, match="unhashable"):
        cr.grad(lambda y: {y: 1})(X)


def test_a_scalar_has_no_length_and_is_not_iterable():
    for f in (len, list, iter):
        with pytest.raises(TypeError):
            cr.grad(lambda y, f=f: (f(y), y)[1])(1.0)


def test_a_singular_or_indefinite_matrix_raises_numpys_error():
    with pytest.raises(np.linalg.LinAlgError):
        cr.grad(lambda y: np.sum(np.linalg.solve(np.ones((3, 3)), y)))(X)
    with pytest.raises(np.linalg.LinAlgError):
        cr.grad(lambda y: np.sum(np.linalg.cholesky(-np.eye(2) * y[0])))(X)
