"""What ``chainrule tour`` does: real data first, then a textbook chapter recomputed and held against closed forms.

Nothing that is printed is stored: both sides of every line are computed while the tour runs. The chapter is "Geometry
and linear algebraic operations: multivariable calculus" of the book *Dive into Deep Learning*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.calculus.minimize import minimize
from chainrule.cli import network
from chainrule.data import COLUMNS, SPECIES, iris
from chainrule.errors import DerivativeMismatchError
from chainrule.trace.check import check_grads
from chainrule.trace.transforms import grad, hessian, jvp, linearize, value_and_grad

Vector = npt.NDArray[Any]

# Both sides are evaluated with a few dozen roundings; a wrong formula is off by many orders of magnitude more.
ROUNDINGS = 64


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison: a statement, what chainrule gives, and what the closed form gives."""

    what: str
    result: Any
    closed: Any
    scale: float = 0.0  # of the terms that cancel in the result, where they are larger than it

    @property
    def agrees(self) -> bool:
        """Whether both sides are the same to rounding."""
        result, closed = np.asarray(self.result, dtype=float), np.asarray(self.closed, dtype=float)
        size = max(self.scale, float(np.max(np.abs(closed), initial=0.0)))
        allowed = ROUNDINGS * np.finfo(float).eps * size
        return result.shape == closed.shape and bool(np.all(np.abs(result - closed) <= allowed))

    def __str__(self) -> str:
        verdict = "ok" if self.agrees else f"MISMATCH: closed form {_short(self.closed)}"
        return f"  {self.what:<57} {_short(self.result):<44} {verdict}"


def _short(value: Any) -> str:
    """Numbers with ten digits, in one line."""
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{float(array):.10g}"
    return "[" + ", ".join(_short(part) for part in array) + "]"


def run(write: Callable[[str], None]) -> bool:
    """Take the tour; `write` gets one line at a time.

    Parameters
    ----------
    write : callable
        Prints one line.

    Returns
    -------
    bool
        Whether everything agreed.
    """
    agreed = _fit(write)
    for title, lines in _chapter():
        write(title)
        for line in lines:
            agreed = agreed and line.agrees
            write(str(line))
    for text in _ENDING:
        write(text)
    if not agreed:
        write("MISMATCH: see above; please report it, with this output")
    return agreed


_ENDING = (
    "",
    "Not yet: formulas and derivations as text, pictures of graphs and surfaces, sums over paths, Taylor models,",
    "critical points and descent.",
    "Now yours:  chainrule grad FILE:FUNCTION --at VALUE   (a plain NumPy function; see chainrule grad --help)",
)


# --- the iris data ---------------------------------------------------------------------------------------------------


def _fit(write: Callable[[str], None]) -> bool:
    """Logistic regression in plain NumPy: fitted, and its derivatives checked."""
    measurements, species = iris()
    kept = species > 0
    x, y = measurements[kept], (species[kept] == 2).astype(float)

    def loss(w: Any) -> Any:
        z = w[0] + x @ w[1:]
        return np.mean(np.log(1 + np.exp(z)) - y * z)

    fit = minimize(loss, np.zeros(5), method="trust-exact", tol=1e-9)
    names = ("intercept", *COLUMNS)
    right = np.mean((fit.x[0] + x @ fit.x[1:] > 0) == y)
    write(f"Logistic regression, plain NumPy: {SPECIES[2]} or {SPECIES[1]}, from {len(y)} flowers")
    write("  coefficients    " + "  ".join(f"{name} {value:.3f}" for name, value in zip(names, fit.x, strict=True)))
    write(
        f"  loss            {fit.fun:.6f}, gradient norm {np.linalg.norm(fit.jac):.1e} after {fit.nit} steps; "
        f"{right:.0%} of the flowers are told right"
    )
    try:
        worst = {order: max(_errors(check_grads(loss, np.full(5, 0.1)), order)) for order in (1, 2)}
    except DerivativeMismatchError as error:
        write(f"  check           MISMATCH: {error}")
        return False
    write(
        f"  check           against differences: gradient within {worst[1][0]:.0e} (allowed {worst[1][1]:.0e}), "
        f"Hessian within {worst[2][0]:.0e} (allowed {worst[2][1]:.0e})"
    )
    if not fit.success:
        write(f"  MISMATCH: the fit did not converge: {fit.message}")
    return bool(fit.success)


def _errors(report: Any, order: int) -> Iterator[tuple[float, float]]:
    return ((row.error, row.tolerance) for row in report.comparisons if row.order == order)


# --- the chapter -----------------------------------------------------------------------------------------------------


def _chapter() -> Iterator[tuple[str, list[Line]]]:
    yield "\nf = log(exp(x) + exp(y)) at (0, log 2)", _log_sum()
    yield "\nThe network a = (w+x+y+z)², b = (w+x-y-z)², u = (a+b)², v = (a-b)², f = (u+v)²", _network()
    yield "\nIts graph, and the work in it (a square is one operation)", _work()
    yield "\nf = x exp(-x²-y²)", _bump()


def _log_sum() -> list[Line]:
    def f(x: Any, y: Any) -> Any:
        return np.log(np.exp(x) + np.exp(y))

    at, step = (0.0, math.log(2)), (0.01, -0.03)
    value, push = linearize(f, *at)
    near = tuple(p + e for p, e in zip(at, step, strict=True))
    weights = np.array([1.0, 2.0]) / 3
    gradient = np.array(grad(f, (0, 1))(*at))
    second = np.array(hessian(f, (0, 1))(*at))
    curved = np.diag(weights) - np.outer(weights, weights)
    model = float(value + push(*step))
    quadratic = model + 0.5 * float(np.array(step) @ second @ np.array(step))
    exact = math.log(3) + step[0] / 3 + 2 * step[1] / 3
    truth = math.log(math.exp(step[0]) + 2 * math.exp(step[1]))
    better = exact + 0.5 * float(np.array(step) @ curved @ np.array(step))
    return [
        Line("R-7    gradient = exp / sum of exp", gradient, [math.exp(p) / (math.exp(0) + 2) for p in at]),
        Line("R-8    f, and the gradient as fractions", [value, *gradient], [math.log(3), 1 / 3, 2 / 3]),
        Line("R-10   linear model at (0.01, log 2 - 0.03)", model, exact),
        Line("R-10   f there", linearize(f, *near)[0], truth),
        Line("R-10   error of the linear model", model - float(f(*near)), exact - truth, scale=truth),
        Line("R-10b  Hessian diag(p) - p pᵀ", second, curved),
        Line("R-10b  its eigenvalues: flat along (1, 1)", np.linalg.eigvalsh(second), [0, 4 / 9]),
        Line("R-10b  quadratic model", quadratic, better),
        Line("R-10b  error of the quadratic model", quadratic - float(f(*near)), better - truth, scale=truth),
    ]


def _network() -> list[Line]:
    lines = []
    for at in (network.POINT, (1, 2, 3, 4)):
        point = tuple(map(float, at))
        value, gradient = value_and_grad(network.f, (0, 1, 2, 3))(*point)
        lines.append(Line(f"R-20   f and its gradient at {at}", [value, *gradient], network.closed_form(*at)))
    at = network.POINT
    floats = tuple(map(float, at))
    value, slope = jvp(network.f, floats, (1.0, 0.0, 0.0, 0.0))
    expected = network.closed_form(*at)
    adjoints = network.adjoints(*floats)
    return [
        *lines,
        Line("R-27   forward mode (JVP): f and df/dw, one pass", [value, slope], expected[:2]),
        Line("R-28   reverse mode: df/d(w,x,y,z), one pass", grad(network.f, (0, 1, 2, 3))(*floats), expected[1:]),
        Line("R-28   adjoints of a, b, u, v, from the same pass", adjoints, network.closed_adjoints(*at)),
        Line(
            f"R-30   f at {', '.join(map(str, at))}, from Python ints", value_and_grad(network.f)(*at)[0], expected[0]
        ),
        Line("R-34   grad(f, argnums=(0, 3)), a tuple", grad(network.f, (0, 3))(*floats), [expected[1], expected[4]]),
        Line(
            "R-35   Hessian, 4² numbers: all of them equal",
            np.unique(np.array(hessian(network.f, (0, 1, 2, 3))(*floats))),
            np.unique(network.closed_hessian(*at)),
        ),
        Line(
            "R-35   Hessian at (1, 2, 3, 4), first row",
            hessian(network.f, (0, 1, 2, 3))(1.0, 2.0, 3.0, 4.0)[0],
            network.closed_hessian(1, 2, 3, 4)[0],
        ),
    ]


def _work() -> list[Line]:
    work = network.work()
    return [
        Line("R-21   named variables: nodes, edges, layers", network.named_graph(), network.counted_by_hand()),
        Line("R-22   operations in f written out as one formula", work.naive_value, network.operations_in_text()),
        Line(
            "R-22   f shared: written out, less the second a and b",
            work.shared_value,
            network.operations_in_lines(),
        ),
        Line("R-22   terms of f and of df/dw, multiplied out", network.expanded_terms(), network.counted_terms()),
        Line(
            f"R-22   f and four partials: {work.shared_all} shared, {work.naive_partials} for the partials written out",
            work.shared_all < work.naive_partials,
            True,
        ),
    ]


def _bump() -> list[Line]:
    def f(x: Any, y: Any) -> Any:
        return x * np.exp(-(x**2) - y**2)

    def closed(x: float, y: float) -> tuple[Vector, Vector]:
        e = math.exp(-x * x - y * y)
        mixed = 4 * x * x * y - 2 * y
        return (
            e * np.array([1 - 2 * x * x, -2 * x * y]),
            e * np.array([[4 * x**3 - 6 * x, mixed], [mixed, 4 * x * y * y - 2 * x]]),
        )

    lines = []
    for at in ((-1.0, 0.0), (0.5, 0.25)):
        slope, curvature = closed(*at)
        lines.append(Line(f"R-39   gradient at {at}", grad(f, (0, 1))(*at), slope))
        lines.append(Line(f"R-39   Hessian at {at}", hessian(f, (0, 1))(*at), curvature))
    return lines
