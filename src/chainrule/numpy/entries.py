"""The part of the table that answers functions of single entries, of NumPy and of `scipy.special`. Data only."""

from __future__ import annotations

import numpy as np
import scipy.special
from scipy.special import _ufuncs

from chainrule.functions import elementwise, special
from chainrule.functions.elementwise import of_dtype
from chainrule.ops import bessel, exponentials, gammas, integrals
from chainrule.ops import elementwise as ops
from chainrule.trace.dispatch import provide, provide_ufunc


def fill_entries() -> None:
    """Fill the table with functions of entries; ufuncs that are an op of the same name are there already."""
    provide_ufunc(np.fabs, elementwise.fabs)
    provide_ufunc(np.float_power, elementwise.float_power)
    provide_ufunc(np.divmod, elementwise.divmod)
    provide_ufunc(np.modf, elementwise.modf)
    provide_ufunc(np.ldexp, elementwise.ldexp)
    provide_ufunc(np.conjugate, elementwise.conjugate)
    # Not in every NumPy 2.
    for name in ("vecdot", "matvec", "vecmat"):
        ufunc = getattr(np, name, None)
        if ufunc is not None:
            provide_ufunc(ufunc, getattr(elementwise, name))

    provide(np.real, elementwise.real, "val")
    provide(np.imag, elementwise.imag, "val")
    provide(np.angle, elementwise.angle, "z")
    provide(np.round, elementwise.round, "a")
    provide(np.around, elementwise.round, "a")
    provide(np.fix, elementwise.fix, "x")
    provide(np.sinc, elementwise.sinc, "x")
    provide(np.i0, elementwise.i0, "x")
    provide(np.isposinf, elementwise.isposinf, "x")
    provide(np.isneginf, elementwise.isneginf, "x")
    provide(np.nan_to_num, elementwise.nan_to_num, "x")

    # SciPy has some of NumPy's functions again, with dtypes of its own.
    for twin, function in (
        (scipy.special.exp2, exponentials.exp2),
        (scipy.special.expm1, ops.expm1),
        (scipy.special.log1p, ops.log1p),
        (scipy.special.cbrt, exponentials.cbrt),
        (scipy.special.yn, bessel.yv),
    ):
        provide_ufunc(twin, of_dtype(twin, function))
    provide_ufunc(scipy.special.exprel, exponentials.exprel)
    provide_ufunc(scipy.special.sici, integrals.sici)
    provide_ufunc(scipy.special.shichi, integrals.shichi)
    provide_ufunc(scipy.special.fresnel, integrals.fresnel)
    provide_ufunc(_ufuncs._zeta, gammas.hurwitz_zeta)  # what `scipy.special.zeta` calls

    # These are no ufuncs: `chainrule.scipy.special` calls them with handles.
    provide(scipy.special.logsumexp, special.logsumexp, "a b")
    provide(scipy.special.softmax, special.softmax, "x")
    provide(scipy.special.log_softmax, special.log_softmax, "x")
    provide(scipy.special.polygamma, special.polygamma, "x")
    provide(scipy.special.multigammaln, special.multigammaln, "a")
    provide(scipy.special.lambertw, special.lambertw, "z")
    provide(scipy.special.zeta, special.zeta, "x q", weak="x q")
