"""Examples of the root of a sum of squares."""

import mpmath
import numpy as np

from chainrule.ops import norms
from tests.ops.laws import OpCase, laws, positive

CASES = [
    OpCase("norm_root", norms.norm_root, (positive(*shape),), np.sqrt, exact=mpmath.sqrt, analytic=True)
    for shape in ((), (3,), (2, 3))
]


@laws(CASES)
def test_laws(case, law, rng):
    law(case, rng)
