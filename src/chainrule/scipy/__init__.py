"""SciPy's functions that are no ufuncs, for handles and plain arrays alike.

SciPy's ufuncs (`scipy.special.erf` and its like) need no door: they are called from SciPy itself. The submodules
have the names of SciPy's, and are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any

_SUBMODULES = ("linalg", "special")


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_SUBMODULES)
