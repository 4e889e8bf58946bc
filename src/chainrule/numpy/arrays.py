"""The part of the table that answers statistics, and functions that arrange, select and sample. Data only."""

from __future__ import annotations

import numpy as np

from chainrule.functions import arranging, curves, estimates, likes, selecting, statistics
from chainrule.trace.dispatch import provide

_COMPOSED = {
    arranging: "atleast_1d atleast_2d atleast_3d rollaxis unstack flip flipud fliplr rot90 roll array_split split "
    "hsplit vsplit dsplit dstack column_stack append block tile repeat resize pad tril triu meshgrid ix_",
    selecting: "take compress extract choose select piecewise insert delete trim_zeros nonzero flatnonzero argwhere "
    "digitize isclose allclose array_equal array_equiv apply_along_axis apply_over_axes",
    estimates: "average median nanmedian quantile percentile nanquantile nanpercentile nansum nanprod nancumsum "
    "nancumprod nanmean nanvar nanstd nanmax nanmin cov corrcoef",
    curves: "diff ediff1d gradient trapezoid interp unwrap polyval vander linspace",
}


def fill_arrays() -> None:
    """Fill this part of the table."""
    for module, names in _COMPOSED.items():
        for name in names.split():
            provide(getattr(np, name), getattr(module, name), "", composed=True)

    provide(np.prod, statistics.prod, "a initial where", weak="initial")
    provide(np.cumprod, statistics.cumprod, "a")
    provide(np.cumulative_sum, statistics.cumulative_sum, "x")
    provide(np.cumulative_prod, statistics.cumulative_prod, "x")
    provide(np.var, statistics.var, "a where mean")
    provide(np.std, statistics.std, "a where mean")
    provide(np.ptp, statistics.ptp, "a")
    provide(np.count_nonzero, statistics.count_nonzero, "a")
    provide(np.argmax, statistics.argmax, "a")
    provide(np.argmin, statistics.argmin, "a")
    provide(np.searchsorted, statistics.searchsorted, "a v sorter")
    provide(np.take_along_axis, statistics.take_along_axis, "arr indices")
    provide(np.diag, statistics.diag, "v")
    provide(np.diagflat, statistics.diagflat, "v")
    provide(np.convolve, statistics.convolve, "a v")
    provide(np.correlate, statistics.correlate, "a v")

    provide(np.array, likes.array, "object")
    provide(np.asarray, likes.asarray, "a")
    provide(np.asanyarray, likes.asarray, "a")
    provide(np.zeros_like, likes.zeros_like, "a")
    provide(np.ones_like, likes.ones_like, "a")
    provide(np.full_like, likes.full_like, "a fill_value", weak="fill_value")
    provide(np.empty_like, likes.empty_like, "prototype")
    provide(np.eye, likes.eye, "")
    provide(np.identity, likes.identity, "")
    provide(np.arange, likes.arange, "")
    provide(np.tri, likes.tri, "")
