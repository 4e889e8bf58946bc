"""Examples of analytic functions: a table of names, ufuncs, mpmath's functions and intervals becomes `OpCase` rows."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.core.op import op_named
from tests.ops.laws import Draw, OpCase
from tests.oracles import mp_elementwise


def within(low: float, high: float, weak: bool = False) -> Callable[..., Draw]:
    """Draws of numbers between two bounds, for any shape."""
    return lambda *shape: Draw(shape, lambda rng, s: rng.uniform(low, high, s), weak=weak)


def rows(
    ufunc: Any,
    exact: Callable[..., Any],
    *intervals: tuple[float, float],
    name: str = "",
    params: tuple[Any, ...] = (),
    held: tuple[int, ...] = (),
    analytic: bool = True,
    traced: bool = True,
    reference: Callable[..., Any] | None = None,
    condition: float = 4.0,
    note: str = "",
) -> list[OpCase]:
    """Examples of one op: on vectors, with broadcasting if it has several operands; on scalars if it is no plain ufunc.

    With `analytic` the derivative is the complex step of mpmath's function, which need not know about the ufunc.
    """
    name = name or ufunc.__name__
    draws = [within(*interval) for interval in intervals]
    shapes: list[Any] = [((2, 1), *[(3,)] * (len(draws) - 1)) if len(draws) > 1 else ((3,),)]
    if reference is not None or name == "expn":
        shapes.append(((),) * len(draws))
    return [
        OpCase(
            name,
            lambda *operands: op_named(name).bind(operands, params),
            tuple(draw(*shape) for draw, shape in zip(draws, chosen, strict=True)),
            reference or ufunc,
            ufunc if traced else None,
            exact,
            analytic=analytic,
            derives_as=(lambda *values: mp_elementwise(exact, values)) if analytic else None,
            condition=condition,
            note=note,
            held=frozenset(held),
        )
        for chosen in shapes
    ]


def as_dtype(function: Callable[..., Any]) -> Callable[..., Any]:
    """A reference that mpmath computes, in the dtype of its operands."""

    def reference(*values: Any) -> Any:
        result = mp_elementwise(function, values)
        return result[()] if np.ndim(result) == 0 else result

    return reference
