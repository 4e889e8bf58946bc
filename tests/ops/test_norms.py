"""Examples of norms."""

import mpmath
import numpy as np

from chainrule.ops import norms
from tests.ops.laws import OpCase, laws, positive, reals

CASES = [
    OpCase("norm_root", norms.norm_root, (positive(*shape),), np.sqrt, exact=mpmath.sqrt, analytic=True)
    for shape in ((), (3,), (2, 3))
] + [
    OpCase(
        "power_norm",
        lambda x, p=p, axes=axes: norms.power_norm(x, p, axes),
        (reals(*shape),),
        lambda x, p=p, axes=axes: np.sum(np.abs(x) ** p, axis=axes) ** (1 / p),
        note=f"of order {p} over {axes}",
        condition=16.0,
    )
    for p, shape, axes in (
        (3.0, (3,), (-1,)),
        (1.5, (2, 3), (-2,)),
        (2.5, (3, 2), (-2, -1)),
        (-1.0, (3,), (-1,)),
        (0.5, (2, 3), (-1,)),
    )
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)
