"""`minimize`: SciPy's minimisers, with exact derivatives filled in."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import ArgumentError, DtypeError, ShapeError, fail
from chainrule.trace.containers import flatten, leaf_names, unflatten
from chainrule.trace.products import hvp
from chainrule.trace.transforms import hessian, value_and_grad

CALL = "chainrule.minimize"
DENSE = 200  # up to so many variables the Hessian is formed, where a method takes products as well

WITHOUT_GRADIENT = frozenset({"nelder-mead", "powell", "cobyla", "cobyqa"})
NEEDS_HESSIAN = frozenset({"dogleg", "trust-exact"})
TAKES_PRODUCTS = frozenset({"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"})

Vector = npt.NDArray[Any]


def minimize(
    f: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    method: str | Callable[..., Any] | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Callable[..., Any] | None = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """Minimise a function with `scipy.optimize.minimize` and exact derivatives.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` returns a scalar.
    x0 : array_like or container
        The start. `f` is called with, and the answer comes back in, what this is: a number, an array of any shape, a
        dict of arrays. A list of numbers is an array.
    args : tuple, optional
        Further arguments of `f`, held constant.
    method : str or callable, optional
        One of SciPy's; BFGS if it is not given, L-BFGS-B with bounds, SLSQP with constraints.
    jac, hess, hessp : optional
        SciPy's; what is given is used as it is (it takes and returns what `f` takes). What is not given, and what the
        method can use, is derived: the gradient for all that take one; for "Newton-CG" and the "trust-" methods the
        Hessian, or its products where there are more than 200 variables.
    bounds, constraints, tol, callback, options : optional
        Passed on to SciPy: bounds and constraints speak of the variables as one vector, in the order of the
        containers. SciPy takes differences of constraints that come without a derivative.

    Returns
    -------
    scipy.optimize.OptimizeResult
        SciPy's, with ``x`` and ``jac`` in the form of `x0`. ``success`` is False too if the value or the gradient at
        ``x`` is not finite.

    Raises
    ------
    ShapeError
        If `f` does not return a scalar.

    See Also
    --------
    grad, hessian, hvp : The derivatives that are filled in.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> def rosenbrock(x):
    ...     return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    >>> cr.minimize(rosenbrock, np.zeros(3)).x.round(4)
    array([1., 1., 1.])
    >>> result = cr.minimize(lambda p: (p["a"] - 1) ** 2 + np.sum((p["b"] + 2) ** 2), {"a": 0.0, "b": np.zeros(2)})
    >>> result.success, round(result.x["a"], 6), result.x["b"].round(6)
    (True, 1.0, array([-2., -2.]))
    """
    from scipy import optimize  # loads for longer than the rest of the package

    args = args if isinstance(args, tuple) else (args,)
    variables = _Variables(x0)
    problem = _Problem(variables, f, args)
    keywords = problem.derivatives(method, jac, hess, hessp)
    result = optimize.minimize(
        keywords.pop("fun"),
        variables.start,
        method=method,
        bounds=bounds,
        constraints=constraints,
        tol=tol,
        callback=variables.callback(callback),
        options=options,
        **keywords,
    )
    return _honest(variables.result(result))


class _Variables:
    """The variables as SciPy's vector and as the user's containers."""

    def __init__(self, x0: Any) -> None:
        if type(x0) in (list, tuple) and all(isinstance(leaf, int | float) for leaf in flatten(x0)[0]):
            x0 = np.array(x0, dtype=float)  # numbers in brackets are an array to SciPy, no container
        leaves, self.structure = flatten(x0)
        self.plain = isinstance(x0, np.ndarray) and x0.ndim == 1 and x0.dtype == np.float64
        names = leaf_names(self.structure)
        self.arrays = [_floating(leaf, "x0" + name) for leaf, name in zip(leaves, names, strict=True)]
        self.are_numbers = [not isinstance(leaf, np.ndarray) for leaf in leaves]
        self.start = self.vector(self.arrays)
        if not self.start.size:
            raise fail(ArgumentError, CALL, "x0 has no entries", fix="start from at least one variable")

    def vector(self, leaves: Sequence[Any]) -> Vector:
        """All entries, one after the other."""
        return np.concatenate([np.zeros(0), *[np.ravel(np.asarray(leaf, dtype=float)) for leaf in leaves]])

    def pack(self, vector: Vector) -> Any:
        """A vector in the form of the start."""
        leaves, first = [], 0
        for array, is_number in zip(self.arrays, self.are_numbers, strict=True):
            part = np.array(vector[first : first + array.size], dtype=array.dtype).reshape(array.shape)
            leaves.append(_number(part) if is_number else part)
            first += array.size
        return unflatten(self.structure, leaves)

    def flat(self, tree: Any) -> Vector:
        """Containers like the start as a vector."""
        return self.vector(flatten(tree)[0])

    def callback(self, given: Callable[..., Any] | None) -> Callable[..., Any] | None:
        """The user's callback, which sees the variables in its own form."""
        if given is None or self.plain:
            return given
        try:
            parameters = list(inspect.signature(given).parameters)
        except (TypeError, ValueError):
            parameters = []
        if parameters == ["intermediate_result"]:

            def with_result(intermediate_result: Any) -> Any:
                return given(intermediate_result=self.result(intermediate_result))

            with_result.__signature__ = inspect.signature(given)  # type: ignore[attr-defined]
            return with_result
        return lambda x, *rest: given(self.pack(x), *rest)

    def result(self, result: Any) -> Any:
        """SciPy's result with the variables in the user's form."""
        if not self.plain:
            for name in ("x", "jac"):
                if np.size(result.get(name, ())) == self.start.size:
                    result[name] = self.pack(np.asarray(result[name]))
        return result


def _first(f: Callable[..., Any]) -> Callable[..., Any]:
    """The first result of a function of several."""
    return lambda *args: f(*args)[0]


def _floating(leaf: Any, name: str) -> Vector:
    array = np.asarray(leaf)
    if array.dtype.kind in "iu":
        return array.astype(float)
    if array.dtype.kind != "f":
        raise fail(
            DtypeError,
            CALL,
            f"{name} has dtype {array.dtype}",
            [(name, array)],
            fix="pass what is no variable in args=",
        )
    return array


def _number(part: Vector) -> Any:
    return float(part) if part.dtype == np.float64 else part[()]


class _Problem:
    """The function and its derivatives, of SciPy's vector."""

    def __init__(self, variables: _Variables, f: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.variables = variables
        self.f = f
        self.args = args

    def derivatives(self, method: Any, jac: Any, hess: Any, hessp: Any) -> dict[str, Any]:
        """Keywords for SciPy: the function, and what derivatives the method can use."""
        name = method.lower() if isinstance(method, str) else ""
        filled: dict[str, Any] = {"fun": self.value, "jac": jac, "hess": hess, "hessp": hessp}
        if jac is True:
            filled["fun"] = self._wrapped_pair(self.f)
            self.f = _first(self.f)
        elif callable(jac):
            filled["jac"] = self._wrapped(jac)
        elif jac is None and name not in WITHOUT_GRADIENT:
            self._require_scalar()
            filled |= {"fun": self.value_and_gradient, "jac": True}
        if callable(hess):
            filled["hess"] = self._wrapped(hess, square=True)
        if hessp is not None:
            filled["hessp"] = lambda x, p: self.variables.flat(
                hessp(self.variables.pack(x), self.variables.pack(p), *self.args)
            )
        if hess is None and hessp is None and name in NEEDS_HESSIAN | TAKES_PRODUCTS:
            self._require_scalar()
            if name in NEEDS_HESSIAN or self.variables.start.size <= DENSE:
                filled["hess"] = self.hessian
            else:
                filled["hessp"] = self.product
        return filled

    def value(self, x: Vector) -> Any:
        """The function."""
        return self.f(self.variables.pack(x), *self.args)

    def value_and_gradient(self, x: Vector) -> tuple[float, Vector]:
        """The function and its gradient, in one run."""
        value, gradient = value_and_grad(self.scalar)(self.variables.pack(x), *self.args)
        return float(value), self.variables.flat(gradient)

    def hessian(self, x: Vector) -> Vector:
        """The Hessian as one matrix."""
        return np.asarray(hessian(self.of_vector)(np.asarray(x, dtype=float)))

    def product(self, x: Vector, p: Vector) -> Vector:
        """The Hessian times a direction."""
        point, direction = self.variables.pack(x), self.variables.pack(p)
        return self.variables.flat(hvp(lambda z: self.scalar(z, *self.args), (point,), (direction,)))

    def scalar(self, z: Any, *args: Any) -> Any:
        """The function, its one result without axes, as SciPy takes it too."""
        return np.reshape(self.f(z, *args), ())

    def of_vector(self, x: Any) -> Any:
        """The function of a traced vector."""
        leaves, first = [], 0
        for array in self.variables.arrays:
            leaves.append(np.reshape(x[first : first + array.size], array.shape).astype(array.dtype))
            first += array.size
        return self.scalar(unflatten(self.variables.structure, leaves), *self.args)

    def _wrapped(self, given: Callable[..., Any], square: bool = False) -> Callable[[Vector], Any]:
        """A derivative of the user's: it takes what `f` takes."""
        size = self.variables.start.size

        def wrapped(x: Vector) -> Any:
            answer = given(self.variables.pack(x), *self.args)
            if not square:
                return self.variables.flat(answer)
            return np.reshape(answer, (size, size)) if isinstance(answer, np.ndarray) else answer

        return wrapped

    def _wrapped_pair(self, given: Callable[..., Any]) -> Callable[[Vector], tuple[Any, Vector]]:
        """A function that returns its value and its gradient."""

        def wrapped(x: Vector) -> tuple[Any, Vector]:
            value, gradient = given(self.variables.pack(x), *self.args)
            return value, self.variables.flat(gradient)

        return wrapped

    def _require_scalar(self) -> None:
        """Refuse a function of several results before anything is minimised."""
        value = self.value(self.variables.start)
        leaves, _ = flatten(value)
        if len(leaves) != 1 or np.size(leaves[0]) != 1:
            what = "containers" if len(leaves) != 1 else f"shape {np.shape(leaves[0])}"
            raise fail(
                ShapeError,
                CALL,
                f"the function must return a scalar, it returned {what}",
                fix="return one number, such as the sum of squares: np.sum(residuals**2)",
            )


def _honest(result: Any) -> Any:
    """The result, not called a success unless its numbers are finite."""
    numbers = [result.get("fun"), *flatten(result.get("jac", 0.0))[0], *flatten(result.x)[0]]
    finite = all(np.all(np.isfinite(number)) for number in numbers if number is not None)
    if not finite and result.success:
        result.success = False
        result.message = f"The value or the gradient at x is not finite. (The method itself said: {result.message})"
    return result
