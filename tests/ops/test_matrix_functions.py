"""Examples of the op that is a function of a matrix, and its derivatives."""

import numpy as np
import pytest
import scipy.linalg

from chainrule.core.function import Function
from chainrule.errors import ShapeError, UnsupportedError
from chainrule.ops.matrix_functions import matrix_function
from tests.ops.laws import Draw, ErrorCase, OpCase, evaluated, laws, nodes, nonsingular, reals, refused
from tests.oracles import tolerance

TINY = 1e-20


def small(*shape):
    """Matrices of modest size, for an exponential that does not dwarf them."""
    return Draw(shape, lambda rng, s: rng.uniform(-0.7, 0.7, s))


def stacked(function, *matrices):
    """A function of single matrices on stacks of them."""
    loops = np.broadcast_shapes(*[a.shape[:-2] for a in matrices])
    matrices = [np.broadcast_to(a, (*loops, *a.shape[-2:])) for a in matrices]
    if not loops:
        return function(*matrices)
    return np.stack([function(*[a[k] for a in matrices]) for k in range(loops[0])])


def frechet(a, e):
    """First derivative of the exponential by SciPy, at complex matrices too."""
    one = lambda a, e: scipy.linalg.expm_frechet(a, e, compute_expm=False)  # noqa: E731
    return stacked(one, a, e).astype(np.result_type(a, e), copy=False)


def second(a, e, f):
    """Second derivative of the exponential: that of the first along f, by the complex step."""
    wide = a.astype(complex)
    return (frechet(wide + 1j * TINY * f, e.astype(complex)).imag / TINY).astype(np.result_type(a, e, f))


def called(name):
    return lambda *operands: matrix_function(name, *operands)


# One example of each kind: SciPy works on one matrix of a stack after the other, in Python.
CASES = [
    OpCase(
        "matrix_function", called("expm"), (small(2, 2),), scipy.linalg.expm, note="expm", analytic=True, condition=16
    ),
    OpCase("matrix_function", called("expm"), (small(2, 2), reals(2, 2, 2)), frechet, note="expm 1", condition=16),
    OpCase("matrix_function", called("expm"), (small(1, 1),) * 3, second, note="expm 2", condition=16),
    OpCase("matrix_function", called("sqrtm"), (nonsingular(2, 2),), scipy.linalg.sqrtm, note="sqrtm", condition=40),
]

ERRORS = [
    ErrorCase(
        lambda: matrix_function("expm", *nodes((2, 3))), ShapeError, r"scipy\.linalg\.expm: a square matrix is needed"
    ),
    ErrorCase(lambda: value("logm", -np.eye(2)), UnsupportedError, r"scipy\.linalg\.logm: the result is complex"),
    ErrorCase(lambda: value("sqrtm", -np.eye(2)), UnsupportedError, r"scipy\.linalg\.sqrtm: the result is complex"),
]


def value(name, *matrices):
    operands = nodes(*[a.shape for a in matrices])
    return evaluated(Function(operands, [matrix_function(name, *operands)]), list(matrices))[0]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@refused(ERRORS)
def test_refuses(case):
    case.require()


@pytest.mark.parametrize("size", [0.0, 1e-200, 1e-9, 1e9, 1e200])
def test_a_derivative_is_linear_in_directions_of_any_size(size, rng):
    """A direction of another size than the matrix does not spoil the scaling inside the exponential."""
    a, e = rng.normal(size=(2, 3, 3))
    one = value("expm", a, e)
    assert np.abs(value("expm", a, size * e) - size * one).max() <= tolerance(float, 8) * size * np.abs(one).max()


def test_derivative_at_zero_is_the_direction(rng):
    e, f = rng.normal(size=(2, 3, 3))
    zero = np.zeros((3, 3))
    assert np.abs(value("expm", zero, e) - e).max() <= tolerance(float) * np.abs(e).max()
    wanted = (e @ f + f @ e) / 2
    assert np.abs(value("expm", zero, e, f) - wanted).max() <= tolerance(float, 4) * np.abs(wanted).max()
