"""What ``chainrule tour`` does: real data first, then a textbook chapter recomputed and held against closed forms.

Nothing that is printed is stored: both sides of every line are computed while the tour runs. The chapter is "Geometry
and linear algebraic operations: multivariable calculus" of the book *Dive into Deep Learning*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.calculus.minimize import minimize
from chainrule.cli import network
from chainrule.data import COLUMNS, SPECIES, iris
from chainrule.errors import DerivativeMismatchError
from chainrule.trace.check import check_grads
from chainrule.trace.products import jvp, linearize
from chainrule.trace.transforms import grad, hessian, value_and_grad

Vector = npt.NDArray[Any]

# Both sides are evaluated with a few dozen roundings; a wrong formula is off by many orders of magnitude more.
ROUNDINGS = 64


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison.

    Attributes
    ----------
    what : str
        The number of the item, and the statement with its closed form.
    result, closed : array_like
        What chainrule gives, and what the closed form gives.
    scale : float
        Of the terms that cancel in the result, where they are larger than it.
    """

    what: str
    result: Any
    closed: Any
    scale: float = 0.0

    @property
    def error(self) -> float:
        """The largest difference; inf if the two sides are not even of one shape."""
        result, closed = np.asarray(self.result, dtype=float), np.asarray(self.closed, dtype=float)
        return float(np.max(np.abs(result - closed))) if result.shape == closed.shape else math.inf

    @property
    def agrees(self) -> bool:
        """Whether both sides are the same to rounding."""
        size = max(self.scale, float(np.max(np.abs(np.asarray(self.closed, dtype=float)))))
        return self.error <= ROUNDINGS * float(np.finfo(float).eps) * size

    def __str__(self) -> str:
        start = f"  {self.what:<66} {_short(self.result)}"
        return f"{start}  ok" if self.agrees else f"{start}  MISMATCH: {_short(self.closed)} by the closed form"


def _short(value: Any) -> str:
    """Numbers in one line: ten digits of one, six of several."""
    array = np.asarray(value, dtype=float)
    return f"{float(array):.10g}" if array.ndim == 0 else _listed(array)


def _listed(array: Vector) -> str:
    if array.ndim == 0:
        return f"{float(array):.0f}" if float(array).is_integer() else f"{float(array):.6g}"
    return "[" + ", ".join(map(_listed, array)) + "]"


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
            agreed = agreed and (isinstance(line, str) or line.agrees)
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


# --- the iris data --------------------------------------------------------------------------------------------------


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


# --- the chapter ----------------------------------------------------------------------------------------------------


def _chapter() -> Iterator[tuple[str, Sequence[Line | str]]]:
    yield "\nf = log(exp(x) + exp(y)) at (0, log 2)", _log_sum()
    yield "\nThe network a = s², b = t², u = (a+b)², v = (a-b)², f = (u+v)², with s = w+x+y+z, t = w+x-y-z", _network()
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
    total = math.exp(at[0]) + math.exp(at[1])
    return [
        Line("R-7    ∇f = (exp x, exp y) / (exp x + exp y)", gradient, [math.exp(p) / total for p in at]),
        Line("R-8    f = log 3, ∇f = (1/3, 2/3)", [value, *gradient], [math.log(3), 1 / 3, 2 / 3]),
        Line("R-10   linear model, step (0.01, -0.03) = log 3 + 0.01/3 - 0.06/3", model, exact),
        Line("R-10   f there = log(exp 0.01 + 2 exp -0.03)", linearize(f, *near)[0], truth),
        Line("R-10   what the linear model is off by", float(f(*near)) - model, truth - exact, scale=truth),
        Line("R-10b  Hessian = diag(p) - p pᵀ, p = (1/3, 2/3)", second, curved),
        Line("R-10b  its eigenvalues = 0, 4/9: flat along (1, 1)", np.linalg.eigvalsh(second), [0, 4 / 9]),
        Line("R-10b  quadratic model = linear model + ½ sᵀHs", quadratic, better),
        Line("R-10b  what the quadratic model is off by", float(f(*near)) - quadratic, truth - better, scale=truth),
    ]


def _network() -> list[Line]:
    at, floats = network.POINT, tuple(map(float, network.POINT))
    value, slope = jvp(network.f, floats, (1.0, 0.0, 0.0, 0.0))
    expected, other = network.closed_form(*at), network.closed_form(1, 2, 3, 4)
    matrix = np.array(hessian(network.f, (0, 1, 2, 3))(*floats))
    text = f"f at {', '.join(map(str, at))} is"
    return [
        Line(f"R-20   f = 4(s⁴+t⁴)² at {at}", value_and_grad(network.f)(*floats)[0], expected[0]),
        Line("R-20   ∇f = 32(s⁴+t⁴)(s³±t³) at (1, 2, 3, 4)", grad(network.f, (0, 1, 2, 3))(1, 2, 3, 4), other[1:]),
        Line("R-27   forward mode, one pass: f, ∂f/∂w", [value, slope], expected[:2]),
        Line("R-28   reverse mode, one pass: all four partials", grad(network.f, (0, 1, 2, 3))(*floats), expected[1:]),
        Line("R-28   adjoints of a, b, u, v = 8(u+v)a, 8(u+v)b, 2(u+v), 2(u+v)", *network.adjoints(*at)),
        Line(f"R-30   {text}", value_and_grad(network.f)(*at)[0], network.f(*at)),
        Line("R-34   grad(f, argnums=(0, 3)): ∂f/∂w, ∂f/∂z", grad(network.f, (0, 3))(*floats), expected[1::3]),
        Line("R-35   Hessian, 4² numbers; least and greatest", _range(matrix), _range(network.closed_hessian(*at))),
        Line("R-35   its asymmetry", np.max(np.abs(matrix - matrix.T)), 0.0, scale=np.max(matrix)),
        Line(
            "R-35   Hessian at (1, 2, 3, 4): least and greatest",
            _range(hessian(network.f, (0, 1, 2, 3))(1, 2, 3, 4)),
            _range(network.closed_hessian(1, 2, 3, 4)),
        ),
    ]


def _range(numbers: Any) -> list[float]:
    return [float(np.min(numbers)), float(np.max(numbers))]


def _work() -> list[Line | str]:
    work = network.work()
    return [
        Line(
            "R-21   nodes, edges, layers of w, x, y, z, a, b, u, v, f", network.named_graph(), network.counted_by_hand()
        ),
        Line("R-22   operations in f as one formula", work.naive_value, network.operations_in_text()),
        Line("R-22   the same, w + x and a, b computed once", work.shared_value, network.operations_in_lines()),
        Line("R-22   terms of f, ∂f/∂w multiplied out = Σ (8-2k+1)(2k+1), ...", *network.expanded()),
        f"  R-22   counted in chainrule's graph: value and 4 partials in {work.shared_all} operations; "
        f"{work.naive_partials} for the partials without sharing",
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
        lines.append(Line(f"R-39   ∇f = exp(-x²-y²)(1-2x², -2xy) at {at}", grad(f, (0, 1))(*at), slope))
        lines.append(
            Line("R-39   Hessian = exp(-x²-y²)[[4x³-6x, 4x²y-2y], [·, 4xy²-2x]]", hessian(f, (0, 1))(*at), curvature)
        )
    return lines
