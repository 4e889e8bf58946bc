"""Examples of places of extrema, searches in sorted arrays, and convolution."""

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.ops import searching
from tests.ops.laws import Draw, ErrorCase, OpCase, distinct, laws, nodes, reals, refused


def ascending(*shape):
    return Draw(shape, lambda rng, s: np.sort(rng.uniform(-2, 2, s), axis=-1))


def of_searchsorted(a, v, side):
    """The definition: how many entries of the sorted array go before."""
    before = (a[:, None] < v.reshape(-1)) if side == "left" else (a[:, None] <= v.reshape(-1))
    return before.sum(0).reshape(v.shape)


CASES = [
    *[
        OpCase(name, door, (draw,), lambda x, f=f: f(x, axis=-1), lambda x, f=f: f(x, axis=-1))
        for name, door, f in (("argmax", searching.argmax, np.argmax), ("argmin", searching.argmin, np.argmin))
        for draw in (distinct(4), distinct(2, 3), distinct(0, 3))
    ],
    *[
        OpCase(
            "searchsorted",
            lambda a, v, side=side: searching.searchsorted(a, v, side),
            (ascending(4), draw),
            lambda a, v, side=side: of_searchsorted(a, v, side),
            lambda a, v, side=side: np.searchsorted(a, v, side),
            note=side,
        )
        for draw, side in ((reals(3), "left"), (reals(2, 4), "right"), (reals(), "left"))
    ],
    *[
        OpCase(
            "convolve",
            searching.convolve,
            draws,
            lambda x, y: np.convolve(x, y),
            np.convolve,
            analytic=True,
            condition=8.0,
        )
        for draws in ((reals(3), reals(4)), (reals(4), reals(2)), (reals(1), reals(3)), (reals(2), reals(2)))
    ],
]
ERRORS = [
    ErrorCase(lambda: searching.argmax(*nodes((2, 0))), ArgumentError, r"numpy\.argmax: an empty axis"),
    ErrorCase(lambda: searching.convolve(*nodes((2,), (0,))), ArgumentError, r"numpy\.convolve: an operand is empty"),
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)


@refused(ERRORS)
def test_refuses(case):
    case.require()
