"""`check_grads`: forward mode, reverse mode, differences and a handwritten gradient held against each other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chainrule.core.config import config
from chainrule.diff.check import SAFETY, Estimate, directional, narrowed
from chainrule.errors import ArgumentError, DerivativeMismatchError, DtypeError, fail
from chainrule.trace.containers import flatten, leaf_names, unflatten
from chainrule.trace.products import jvp, linearize, vjp

Vector = npt.NDArray[Any]

CALL = "chainrule.check_grads"
EACH = 32  # up to so many variables (or results), each is checked alone; beyond, random combinations of all are
PROBES = 8  # how many random combinations
UNSETTLED = 0.1  # differences that may be off by this part of the function's own scale decide nothing


class Comparison(NamedTuple):
    """Two ways to one derivative.

    Attributes
    ----------
    order : int
        Of the derivative.
    first, second : str
        The two ways.
    entries : int
        How many numbers were compared.
    error : float
        The largest difference found.
    tolerance : float
        What was allowed there.
    where : str
        The component where it was found.
    """

    order: int
    first: str
    second: str
    entries: int
    error: float
    tolerance: float
    where: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check_grads` compared; prints as a table.

    Attributes
    ----------
    comparisons : tuple of Comparison
        One for each pair of ways and each order.
    """

    comparisons: tuple[Comparison, ...]

    @property
    def error(self) -> float:
        """The largest difference found in any comparison."""
        return max(row.error for row in self.comparisons)

    def __str__(self) -> str:
        head = ("order", "compared", "entries", "largest error", "tolerance", "at")
        rows = [head] + [
            (
                str(row.order),
                f"{row.first}, {row.second}",
                str(row.entries),
                f"{row.error:.1e}",
                f"{row.tolerance:.1e}",
                row.where,
            )
            for row in self.comparisons
        ]
        widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join(lines)


def check_grads(
    f: Callable[..., Any],
    x: Any,
    grad: Callable[..., Any] | None = None,
    order: int = 2,
    *,
    rng: np.random.Generator | None = None,
) -> CheckReport:
    """Check derivatives of a function against differences of it, and against each other.

    Parameters
    ----------
    f : callable
        Takes arrays, numbers or containers of them; returns any of these. Results that are not floating are left out.
    x : array_like, container or tuple
        The point. A tuple is the arguments of `f`, one entry for each.
    grad : callable, optional
        A gradient written by hand, to be compared component by component; `f` then returns a scalar. It takes the
        arguments of `f` and returns an array or container like the argument, or a tuple of them for several arguments.
    order : {1, 2, 3}, default 2
        Up to which order derivatives are checked.
    rng : numpy.random.Generator, optional
        Draws the directions, where there are too many variables to check each; by default always the same.

    Returns
    -------
    CheckReport
        The largest error of each comparison, and where. Print it for a table.

    Raises
    ------
    DerivativeMismatchError
        If two ways to a derivative disagree by more than the differences can be wrong, or the differences do not
        settle because the function is not smooth at the point. The message names the component and both numbers.

    See Also
    --------
    custom_derivative : A derivative of your own, which this function can check.

    Notes
    -----
    Central differences are extrapolated to step zero (Richardson), in two sequences of steps that share none. The
    tolerance is ten times the error which the extrapolation estimates for itself; nothing has to be tuned. Up to 32
    variables are checked one by one; beyond, eight random directions are, and halved until the wrong component is
    found. For order 2 the same is done to the derivatives: forward over forward, forward over reverse and so on.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> report = cr.check_grads(lambda x: np.sum(np.sin(x) ** 2), np.array([0.5, 1.0, 1.5]))
    >>> report.error < 1e-9
    True
    >>> cr.check_grads(lambda x: np.sum(x**3), np.array([1.0, 2.0]), grad=lambda x: 3 * x)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    chainrule.errors.DerivativeMismatchError: chainrule.check_grads: given gradient and reverse mode disagree ...
        x[1]   6.0 and 12.0, tolerance ...
      Fix: correct the rule or the gradient there; if the point is on a kink, check beside it
    """
    if not isinstance(order, int) or isinstance(order, bool) or not 1 <= order <= 3:
        raise fail(ArgumentError, CALL, f"order={order!r} is not known", fix="give order=1, order=2 or order=3")
    arguments = x if type(x) is tuple else (x,)
    variables = _Vectors(arguments, _argument_names(f, arguments))
    if variables.count == 0:
        raise fail(
            ArgumentError, CALL, "there are no variables: every array is empty", fix="give a point of size 1 or more"
        )
    floating = _floating(f, variables.pack(variables.point))
    check = _Check(variables, np.random.default_rng(0) if rng is None else rng)
    if grad is not None:
        check.given(f, grad, floating)
    check.compare(floating, (), order)
    return CheckReport(tuple(check.comparisons))


class _Vectors:
    """Containers of one structure as vectors, and a name for each entry."""

    def __init__(self, parts: Sequence[Any], names: Sequence[str]) -> None:
        self.leaves, self.structure = flatten(tuple(parts))
        self.names = names
        self.arrays = [_numbers(leaf, name) for leaf, name in zip(self.leaves, names, strict=True)]
        self.count = sum(array.size for array in self.arrays)
        self.point = self.vector(self.leaves)
        self.sizes = np.maximum(1.0, np.abs(self.point))
        self.eps = max((float(np.finfo(array.dtype).eps) for array in self.arrays), default=0.0)

    def vector(self, leaves: Sequence[Any]) -> Vector:
        """The entries of all leaves, one after the other."""
        return np.concatenate([np.zeros(0), *[np.ravel(np.asarray(leaf, dtype=float)) for leaf in leaves]])

    def pack(self, vector: Vector) -> tuple[Any, ...]:
        """A vector as containers, each leaf of its own kind."""
        leaves, start = [], 0
        for leaf, array in zip(self.leaves, self.arrays, strict=True):
            part = vector[start : start + array.size].reshape(array.shape).astype(array.dtype)
            leaves.append(part if isinstance(leaf, np.ndarray) or part.shape else _scalar(part, leaf))
            start += array.size
        packed: tuple[Any, ...] = unflatten(self.structure, leaves)
        return packed

    def name(self, place: int) -> str:
        """How code would reach an entry."""
        for name, array in zip(self.names, self.arrays, strict=True):
            if place < array.size:
                index = ", ".join(str(int(k)) for k in np.unravel_index(place, array.shape))
                return f"{name}[{index}]" if index else name
            place -= array.size
        raise IndexError(place)


def _numbers(leaf: Any, name: str) -> npt.NDArray[Any]:
    array = np.asarray(leaf)
    if array.dtype.kind in "iu":
        return array.astype(float)
    if array.dtype.kind != "f":
        raise fail(
            DtypeError,
            CALL,
            f"{name} has dtype {array.dtype}, and no derivative",
            [(name, array)],
            fix="hold it constant: check_grads(lambda x: f(x, other), x)",
        )
    return array


def _scalar(part: npt.NDArray[Any], leaf: Any) -> Any:
    return part[()] if isinstance(leaf, np.generic) else float(part)


def _argument_names(f: Callable[..., Any], arguments: tuple[Any, ...]) -> list[str]:
    """A name for each leaf of the arguments: the parameter's, and how code would reach the leaf in it."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names += [f"argument {k}" for k in range(len(names), len(arguments))]
    return [name + leaf for name, part in zip(names, arguments, strict=False) for leaf in leaf_names(flatten(part)[1])]


def _floating(f: Callable[..., Any], arguments: tuple[Any, ...]) -> _Map:
    """`f` with its floating results alone, in a list."""
    result = f(*arguments)
    leaves, structure = flatten(result)
    places = [k for k, leaf in enumerate(leaves) if np.asarray(leaf).dtype.kind == "f"]
    if not places:
        raise fail(
            DtypeError, CALL, "the function returns no floating numbers", fix="return floats or arrays of floats"
        )

    def floating(*args: Any) -> list[Any]:
        found = flatten(f(*args))[0]
        return [found[k] for k in places]

    names = ["result" + leaf_names(structure)[k] for k in places]
    return _Map(floating, _Vectors([leaves[k] for k in places], names), " by ")


class _Map(NamedTuple):
    """A function of the arguments with a list of floating arrays as result.

    Attributes
    ----------
    call : callable
    results : _Vectors
    joint : str
        Stands between the names of a result and of a variable, to name the derivative of one by the other.
    """

    call: Callable[..., list[Any]]
    results: _Vectors
    joint: str

    def entry(self, variables: _Vectors, result: int, variable: int) -> str:
        """Name of one entry of the Jacobian."""
        by = variables.name(variable)
        return by if self.results.count == 1 else self.results.name(result) + self.joint + by


class _Check:
    """The comparisons made so far at one point."""

    def __init__(self, variables: _Vectors, rng: np.random.Generator) -> None:
        self.variables = variables
        self.rng = rng
        self.comparisons: list[Comparison] = []
        self.at = variables.pack(variables.point)

    # --- the ways to a derivative ---

    def differences(self, f: _Map, direction: Vector) -> Estimate:
        """By differences of the values."""
        eps = max(self.variables.eps, f.results.eps)

        def values(point: Vector) -> Vector:
            return f.results.vector(f.call(*self.variables.pack(point)))

        return directional(values, self.variables.point, direction, self.variables.sizes, eps)

    def forward(self, f: _Map) -> Callable[[Vector], Vector]:
        """By forward mode: a direction to the change of the results."""
        push = linearize(f.call, *self.at)[1]
        return lambda direction: f.results.vector(push(*self.variables.pack(direction)))

    def reverse(self, f: _Map) -> Callable[[Vector], Vector]:
        """By reverse mode: weights of the results to the gradient of their sum."""
        pull = vjp(f.call, *self.at)[1]
        return lambda weights: self.variables.vector(flatten(pull(list(f.results.pack(weights))))[0])

    def estimates(self, f: _Map, directions: Vector, path: tuple[str, ...]) -> list[Estimate]:
        """Differences along all directions, settled; their errors cover what `f` itself is off by."""
        found = [self.differences(f, direction) for direction in directions]
        self._require_settled(f, found, directions, path)
        # Under a derivative, log(1 + x) and its like are evaluated in a form that is more accurate than f as it is
        # written. By as much, relatively, the differences of f are off without showing it.
        written = f.results.vector(f.call(*self.at))
        stable = f.results.vector(linearize(f.call, *self.at)[0])
        if not path:
            self._require_same_value(f, written, np.max([estimate.scale for estimate in found], axis=0))
        size = np.maximum(np.abs(written), np.abs(stable))
        gap = np.divide(np.abs(written - stable), size, out=np.zeros_like(size), where=size > 0)
        return [
            Estimate(value, error + SAFETY * gap * np.maximum(np.abs(value), scale * gap), scale)
            for value, error, scale in found
        ]

    def _require_same_value(self, f: _Map, written: Vector, scale: Vector) -> None:
        """Refuse a function whose graph does not compute what the function does."""
        with config.override(rewrite="exact"):
            traced = f.results.vector(linearize(f.call, *self.at)[0])
        allowed = np.sqrt(max(self.variables.eps, f.results.eps)) * np.maximum(np.abs(written), scale)
        wrong = [int(k) for k in np.flatnonzero(~(np.abs(traced - written) <= allowed))]
        if wrong:
            names = [f.results.name(k) for k in wrong]
            raise mismatch(
                0, "the value under tracing", "the value", traced[wrong], written[wrong], allowed[wrong], names
            )

    # --- comparing ---

    def compare(self, f: _Map, path: tuple[str, ...], order: int) -> None:
        """Compare all ways to the derivative of `f`, itself a derivative by the modes in `path`; then one order up."""
        directions = self._probes(self.variables.count, self.variables.sizes)
        weights = self._probes(f.results.count, np.ones(f.results.count))
        forward, reverse = self.forward(f), self.reverse(f)
        estimates = self.estimates(f, directions, path)
        _Comparer(self, f, path, forward, reverse, directions, weights, estimates).run()
        if order > 1:
            self.compare(self._pushed(f), ("forward", *path), order - 1)
            self.compare(self._pulled(f), ("reverse", *path), order - 1)

    def _probes(self, count: int, sizes: Vector) -> Vector:
        """Directions to check along: each variable, or random ones."""
        if count <= EACH:
            return np.eye(count)
        return self.rng.standard_normal((PROBES, count)) * sizes

    def _pushed(self, f: _Map) -> _Map:
        """The derivative of `f` along a random direction, by forward mode."""
        tangents = self.variables.pack(self.rng.standard_normal(self.variables.count))

        def pushed(*args: Any) -> list[Any]:
            return list(jvp(f.call, args, tangents)[1])

        return _Map(pushed, f.results, f.joint)

    def _pulled(self, f: _Map) -> _Map:
        """The gradient of a random combination of the results of `f` (of the one result), by reverse mode."""
        count = f.results.count
        weights = np.ones(1) if count == 1 else self.rng.standard_normal(count)
        cotangents = list(f.results.pack(weights))

        def pulled(*args: Any) -> list[Any]:
            return flatten(vjp(f.call, *args)[1](cotangents))[0]

        return _Map(pulled, _Vectors(flatten(self.at)[0], self.variables.names), ", ")

    def _require_settled(
        self, f: _Map, estimates: Sequence[Estimate], directions: Vector, path: tuple[str, ...]
    ) -> None:
        for estimate, direction in zip(estimates, directions, strict=True):
            least = UNSETTLED * np.maximum(np.abs(estimate.value), estimate.scale)
            unsettled = np.flatnonzero(~(estimate.error <= least))
            if unsettled.size:
                variable = int(np.argmax(np.abs(direction)))
                where = f.entry(self.variables, int(unsettled[0]), variable)
                raise fail(
                    DerivativeMismatchError,
                    CALL,
                    f"differences for the derivative of order {len(path) + 1} do not settle at {where}: they may be "
                    f"off by {estimate.error[unsettled[0]]:.1e}",
                    fix="choose a point where the function is finite, smooth and the same at each call",
                )

    def given(self, f: Callable[..., Any], grad: Callable[..., Any], floating: _Map) -> None:
        """Compare a gradient written by hand with reverse mode and with differences."""
        variables = self.variables
        if np.shape(f(*self.at)) not in ((), (1,)):
            raise fail(
                ArgumentError, CALL, "grad= needs a function with a scalar result", fix="return one number from f"
            )
        answer = grad(*self.at)
        leaves, structure = flatten(answer if len(self.at) > 1 else (answer,))
        shapes = [np.shape(leaf) for leaf in leaves]
        if structure != variables.structure or shapes != [array.shape for array in variables.arrays]:
            raise fail(
                ArgumentError,
                CALL,
                "the given gradient is not of the form of the arguments",
                [("given", ", ".join(map(str, shapes))), ("needed", ", ".join(str(a.shape) for a in variables.arrays))],
                fix="return an array of the shape of x, a tuple of them for several arguments",
            )
        given, exact = variables.vector(leaves), self.reverse(floating)(np.ones(1))
        # Of many variables, those whose given derivative differs most from the exact one are worth differences.
        places = np.sort(np.argsort(-np.abs(given - exact), kind="stable")[:EACH])
        units = np.zeros((len(places), variables.count))
        units[np.arange(len(places)), places] = 1.0
        estimates = self.estimates(floating, units, ())
        value = np.array([estimate.value[0] for estimate in estimates])
        rounding = SAFETY * max(variables.eps, floating.results.eps) * np.abs(exact[places])
        allowed = np.array([estimate.error[0] for estimate in estimates]) + rounding
        names = [variables.name(int(place)) for place in places]
        self.record(1, "given gradient", "reverse mode", given[places], exact[places], allowed, names)
        self.record(1, "given gradient", "differences", given[places], value, allowed, names)

    def record(
        self, order: int, first: str, second: str, a: Vector, b: Vector, allowed: Vector, names: Sequence[str]
    ) -> None:
        """Note a comparison of entries with names; raise if any is wrong."""
        error = np.abs(a - b)
        worst = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
        wrong = [int(k) for k in np.flatnonzero(~(error <= allowed))]
        if wrong:
            raise mismatch(order, first, second, a[wrong], b[wrong], allowed[wrong], [names[k] for k in wrong])
        self.comparisons.append(
            Comparison(order, first, second, len(a), float(error[worst]), float(allowed[worst]), names[worst])
        )


LISTED = 8  # wrong components shown in a message


def mismatch(
    order: int, first: str, second: str, a: Vector, b: Vector, allowed: Vector, names: Sequence[str]
) -> DerivativeMismatchError:
    """The error for components in which two ways disagree."""
    count = f"{len(names)} component{'s' * (len(names) > 1)}"
    rows = [
        (name, f"{float(x)!r} and {float(y)!r}, tolerance {float(t):.1e}")
        for name, x, y, t in list(zip(names, a, b, allowed, strict=True))[:LISTED]
    ]
    if len(names) > LISTED:
        rows.append(("...", f"and {len(names) - LISTED} more"))
    return fail(
        DerivativeMismatchError,
        CALL,
        f"{first} and {second} disagree in {count} of the derivative of order {order}",
        rows,
        fix="correct the rule or the gradient there; if the point is on a kink, check beside it",
    )


class _Comparer:
    """All ways to one derivative along the same directions and weights."""

    def __init__(
        self,
        check: _Check,
        f: _Map,
        path: tuple[str, ...],
        forward: Callable[[Vector], Vector],
        reverse: Callable[[Vector], Vector],
        directions: Vector,
        weights: Vector,
        estimates: Sequence[Estimate],
    ) -> None:
        self.check, self.f, self.path = check, f, path
        self.forward, self.reverse = forward, reverse
        self.directions, self.weights = directions, weights
        self.value = np.array([estimate.value for estimate in estimates])
        self.eps = max(check.variables.eps, f.results.eps)
        self.error = np.array([estimate.error for estimate in estimates])

    def run(self) -> None:
        """Compare forward mode with differences, then reverse mode with both."""
        pushed = np.array([self.forward(direction) for direction in self.directions])
        pulled = np.array([self.reverse(weight) for weight in self.weights])
        # The exact derivatives are rounded too: each by its own size, sums by the sizes of their terms.
        rounding = SAFETY * self.eps
        allowed = self.error + rounding * np.abs(pushed)
        results = np.eye(self.f.results.count)
        self._record("forward mode", "differences", pushed, self.value, allowed, results)
        weighted = np.abs(self.weights)
        allowed = self.error @ weighted.T + rounding * (np.abs(self.directions) @ np.abs(pulled).T)
        across = self.directions @ pulled.T
        self._record("reverse mode", "differences", across, self.value @ self.weights.T, allowed, self.weights)
        self._record("reverse mode", "forward mode", across, pushed @ self.weights.T, allowed, self.weights)

    def _record(self, first: str, second: str, a: Vector, b: Vector, allowed: Vector, weights: Vector) -> None:
        """Record a comparison of arrays of shape (directions, weights)."""
        over = "".join(f" over {mode}" for mode in self.path)
        error = np.abs(a - b)
        ratio = np.where(
            error <= allowed, -1.0, np.where(np.isfinite(error), error / np.maximum(allowed, 1e-300), np.inf)
        )
        worst = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
        single = len(self.directions) == self.check.variables.count and len(weights) == self.f.results.count
        if not single and ratio[worst] > 0:
            raise self._located(first + over, second, self.directions[worst[0]], weights[worst[1]])
        names = [self._name(direction, weight) for direction in self.directions for weight in weights]
        self.check.record(len(self.path) + 1, first + over, second, a.ravel(), b.ravel(), allowed.ravel(), names)

    def _name(self, direction: Vector, weight: Vector) -> str:
        if np.count_nonzero(direction) == 1 and np.count_nonzero(weight) == 1:
            return self.f.entry(self.check.variables, int(np.argmax(weight)), int(np.argmax(direction)))
        return "a random direction"

    def _located(self, first: str, second: str, direction: Vector, weight: Vector) -> DerivativeMismatchError:
        """The error for a random combination that is wrong: the entry to blame is looked for by halving."""

        def two(direction: Vector, weight: Vector) -> tuple[float, float]:
            pushed = float(weight @ self.forward(direction))
            a = float(self.reverse(weight) @ direction) if first.startswith("reverse") else pushed
            b = pushed if second == "forward mode" else float(weight @ self.check.differences(self.f, direction).value)
            return a, b

        def wrong(direction: Vector, weight: Vector) -> float:
            a, b = two(direction, weight)
            return float(np.nan_to_num(abs(a - b), nan=np.inf))

        variable = narrowed(lambda part: wrong(part, weight), direction)
        result = narrowed(lambda part: wrong(variable, part), weight)
        a, b = two(variable, result)
        estimate = self.check.differences(self.f, variable)
        allowed = float(result @ estimate.error) + SAFETY * self.eps * abs(a)
        where = [self._name(variable, result)]
        return mismatch(len(self.path) + 1, first, second, np.array([a]), np.array([b]), np.array([allowed]), where)
