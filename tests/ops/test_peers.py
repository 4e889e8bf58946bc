"""Gradients of whole functions agree with those of other libraries, where these are installed."""

import numpy as np
import pytest

import chainrule as cr
from tests.oracles import tolerance

autograd = pytest.importorskip("autograd")
autograd_numpy = pytest.importorskip("autograd.numpy")
jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")

A = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -0.2], [0.5, -0.2, 5.0]])
B = np.array([[0.3, -1.2], [0.8, 0.4], [-0.6, 1.1]])
X = np.array([0.5, -1.5, 2.0])


def logsumexp(np, x):
    top = np.max(x)
    return np.log(np.sum(np.exp(x - top))) + top


# name -> (a function of the namespace and the point, the point)
FUNCTIONS = {
    "elementary functions": (lambda np, x: np.sum(np.exp(np.sin(x)) * np.tanh(x) + np.log1p(x**2)), X),
    "a quotient": (lambda np, x: np.sum(np.sqrt(x**2 + 1) / (2 + np.cos(x))), X),
    "log-sum-exp": (logsumexp, X),
    "a perceptron": (lambda np, w: np.sum(np.tanh(np.tanh(w @ w.T) @ w) ** 2), B),
    "einsum": (lambda np, b: np.einsum("ij,jk,kl,il->", A, A, b, b), B),
    "a linear system": (lambda np, a: np.sum(np.linalg.solve(a, B) ** 2), A),
    "a log-determinant": (lambda np, a: np.linalg.slogdet(a)[1], A),
    "a Cholesky factor": (lambda np, a: np.sum(np.linalg.cholesky((a + a.T) / 2) ** 3), A),
    "eigenvectors": (lambda np, a: np.sum(np.abs(np.linalg.eigh((a + a.T) / 2)[1]) ** 3), A),
    "a choice": (lambda np, x: np.sum(np.where(x > 0, x**3, np.exp(x))), X),
    "an index": (lambda np, b: np.sum(b[1:, 0] * b[:2, 1]) + np.sum(b[[0, 0, 2]] ** 2), B),
}


@pytest.fixture
def double_precision():
    with jax.enable_x64(True):
        yield


def close(actual, expected):
    expected = np.asarray(expected)
    return np.abs(actual - expected).max() <= tolerance(float, 64) * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_agree_with_autograd(name):
    f, x = FUNCTIONS[name]
    assert close(cr.grad(lambda x: f(np, x))(x), autograd.grad(lambda x: f(autograd_numpy, x))(x))


# JAX compiles each operation when it is first used, which takes seconds: a few functions are enough.
@pytest.mark.parametrize("name", ["log-sum-exp", "a choice"])
def test_gradients_and_hessians_agree_with_jax(name, double_precision):
    f, x = FUNCTIONS[name]
    assert close(cr.grad(lambda x: f(np, x))(x), jax.grad(lambda x: f(jax.numpy, x))(x))
    assert close(cr.hessian(lambda x: f(np, x))(x), jax.hessian(lambda x: f(jax.numpy, x))(x))


TORCH = {
    "elementary functions": lambda x: (x.sin().exp() * x.tanh() + (x**2).log1p()).sum(),
    "log-sum-exp": lambda x: x.logsumexp(0),
    "a perceptron": lambda w: (((w @ w.T).tanh() @ w).tanh() ** 2).sum(),
    "a linear system": lambda a: (torch.linalg.solve(a, torch.tensor(B)) ** 2).sum(),
    "a log-determinant": lambda a: torch.linalg.slogdet(a)[1],
    "a Cholesky factor": lambda a: (torch.linalg.cholesky((a + a.T) / 2) ** 3).sum(),
    "a choice": lambda x: torch.where(x > 0, x**3, x.exp()).sum(),
    "an index": lambda b: (b[1:, 0] * b[:2, 1]).sum() + (b[[0, 0, 2]] ** 2).sum(),
}


@pytest.mark.parametrize("name", TORCH)
def test_gradients_agree_with_torch(name):
    f, x = FUNCTIONS[name]
    point = torch.tensor(x, requires_grad=True)
    TORCH[name](point).backward()
    assert close(cr.grad(lambda x: f(np, x))(x), point.grad.numpy())
