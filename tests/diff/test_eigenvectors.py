"""Derivatives through eigenvalues and eigenvectors: right, or refused, also where eigenvalues are repeated."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DegenerateError
from tests.oracles import richardson, tolerance

C = np.array([[1.0, -0.4, 0.7], [-0.4, 2.0, 0.3], [0.7, 0.3, -1.0]])
SEPARATED = np.array([[2.0, 0.3, -0.2], [0.3, 4.0, 0.5], [-0.2, 0.5, 7.0]])


def rebuilt(h):
    """⟨C, V diag(h(w)) V'⟩, which does not depend on the signs of eigenvectors."""

    def f(a):
        w, v = np.linalg.eigh(a)
        return np.sum(C * ((v * h(w)) @ v.T))

    return f


def projected(a):
    """A quadratic form of the projector on the eigenvector of the largest eigenvalue."""
    v = np.linalg.eigh(a)[1][:, -1]
    return (C[0] @ v) ** 2


EIGENVALUES = {
    "sum": lambda a: np.sum(np.linalg.eigvalsh(a)),
    "sum of squares": lambda a: np.sum(np.linalg.eigvalsh(a) ** 2),
    "sum of exponentials": lambda a: np.sum(np.exp(np.linalg.eigvalsh(a) / 4)),
    "log-determinant": lambda a: np.sum(np.log(np.linalg.eigh(a)[0])),
}
INVARIANT = {
    "the matrix itself": rebuilt(lambda w: w),
    "its exponential": rebuilt(lambda w: np.exp(w / 4)),
    "its square root": rebuilt(np.sqrt),
    "a projector": projected,
    "a gap": lambda a: np.linalg.eigvalsh(a)[2] / np.linalg.eigvalsh(a)[0],
}
SMOOTH = {**EIGENVALUES, **INVARIANT}


def symmetric(rng):
    direction = rng.uniform(-0.5, 0.5, (3, 3))
    return (direction + direction.T) / 2


def along(f, a, direction):
    """The derivative along a symmetric direction, by differences, with the error to allow."""
    value, error = richardson(lambda t: f(a + t * direction), 0.0, 1.0)
    return value, 8 * float(error) + tolerance(float, 64) * max(1.0, abs(float(value)))


@pytest.mark.parametrize("f", SMOOTH.values(), ids=SMOOTH)
def test_separated_eigenvalues(f, rng):
    direction = symmetric(rng)
    expected, allowed = along(f, SEPARATED, direction)
    gradient = cr.grad(f)(SEPARATED)
    assert (gradient == gradient.T).all()
    assert abs(np.sum(gradient * direction) - expected) <= allowed
    assert abs(cr.jvp(f, (SEPARATED,), (direction,))[1] - expected) <= allowed


@pytest.mark.parametrize("f", SMOOTH.values(), ids=SMOOTH)
def test_second_derivatives_of_separated_eigenvalues(f, rng):
    u, v = symmetric(rng), symmetric(rng)
    expected, allowed = along(lambda a: np.sum(cr.grad(f)(a) * u), SEPARATED, v)
    assert abs(np.sum(cr.hvp(f, (SEPARATED,), (v,)) * u) - expected) <= allowed
    assert abs(np.sum(cr.hvp(f, (SEPARATED,), (u,)) * v) - expected) <= allowed
    twice = cr.jvp(lambda a: cr.jvp(f, (a,), (u,))[1], (SEPARATED,), (v,))[1]
    assert abs(twice - expected) <= allowed


REPEATED = {
    "identity": np.eye(3),
    "twice the identity": 2 * np.eye(3),
    "a pair below": np.diag([1.0, 1.0, 3.0]),
    "a pair above": np.diag([1.0, 3.0, 3.0]),
    "a turned pair": None,
}
_TURN, _ = np.linalg.qr(C)
REPEATED["a turned pair"] = (_TURN * np.array([1.0, 1.0, 3.0])) @ _TURN.T
TRUE_GRADIENTS = {
    "sum": lambda a: np.eye(3),
    "sum of squares": lambda a: 2 * a,
    "sum of exponentials": lambda a: _function_of(a, lambda w: np.exp(w / 4) / 4),
    "log-determinant": np.linalg.inv,
}


def _function_of(a, h):
    w, v = np.linalg.eigh(a)
    return (v * h(w)) @ v.T


@pytest.mark.parametrize("a", REPEATED.values(), ids=REPEATED)
@pytest.mark.parametrize("name", EIGENVALUES)
def test_symmetric_functions_of_repeated_eigenvalues(name, a):
    gradient = cr.grad(EIGENVALUES[name])(a)
    true = TRUE_GRADIENTS[name](a)
    assert np.abs(gradient - true).max() <= tolerance(float, 8) * np.abs(true).max()


DEGENERATE = {
    **REPEATED,
    "zero": np.zeros((3, 3)),
    "rank one": np.outer(C[0], C[0]),
    "a null space": np.diag([0.0, 0.0, 2.0]),
}


def refused_or_right(compute, true):
    """Whether an answer was refused; an answer that is given must be right."""
    try:
        answer = compute()
    except DegenerateError:
        return True
    assert np.abs(answer - true).max() <= tolerance(float, 8) * np.abs(true).max()
    return False


@pytest.mark.parametrize("a", DEGENERATE.values(), ids=DEGENERATE)
def test_what_is_the_matrix_itself_is_never_wrong(a, rng):
    """⟨C, V diag(w) V'⟩ is ⟨C, A⟩: its gradient is C, its Hessian 0, also where the formulas have no value."""
    f = INVARIANT["the matrix itself"]
    direction = symmetric(rng)
    assert refused_or_right(lambda: cr.grad(f)(a), C)
    assert refused_or_right(lambda: cr.jvp(f, (a,), (direction,))[1], np.sum(C * direction))
    assert refused_or_right(lambda: 1 + cr.hvp(f, (a,), (direction,)), np.ones((3, 3)))


@pytest.mark.parametrize("a", [REPEATED["identity"], DEGENERATE["zero"]])
def test_a_direction_that_turns_nothing_is_answered_in_forward_mode(a):
    derivative = cr.jvp(INVARIANT["the matrix itself"], (a,), (np.diag([1.0, 2.0, 3.0]),))[1]
    true = np.sum(np.diag(C) * [1.0, 2.0, 3.0])
    assert abs(derivative - true) <= tolerance(float) * np.abs(C).sum()


@pytest.mark.parametrize("a", [REPEATED["a pair below"], REPEATED["a turned pair"], DEGENERATE["a null space"]])
def test_the_eigenvector_of_a_simple_eigenvalue_is_answered(a, rng):
    """Other eigenvalues may be repeated: eigenvectors that are not used play no part."""
    direction = symmetric(rng)
    expected, allowed = along(projected, a, direction)
    assert abs(np.sum(cr.grad(projected)(a) * direction) - expected) <= allowed


def test_the_eigenvector_of_a_repeated_eigenvalue_is_refused():
    with pytest.raises(DegenerateError, match=r"repeated eigenvalue\n(.*\n)*  Fix: "):
        cr.grad(projected)(REPEATED["a pair above"])


def test_one_of_a_stack_is_enough_to_refuse():
    f = lambda a: np.sum(np.linalg.eigh(a)[1] ** 3)  # noqa: E731
    stack = np.stack([SEPARATED, np.eye(3)])
    with pytest.raises(DegenerateError):
        cr.grad(f)(stack)
    assert np.isfinite(cr.grad(f)(np.stack([SEPARATED, SEPARATED + C]))).all()


def test_nan_is_not_taken_for_a_repeated_eigenvalue():
    _, pull = cr.vjp(lambda a: np.linalg.eigvalsh(a), SEPARATED)
    assert np.isfinite(pull(np.full(3, 1.0))[0]).all()
    assert np.isnan(pull(np.full(3, np.nan))[0]).all()
