"""The names that other libraries use for variables, as thin scopes on top of `chainrule.variable`.

`chainrule.compat.torch`, `.tensorflow` and `.mxnet` let short programs written for those libraries run with only the
import changed. Numbers are float64 here, and integers become floats where a gradient is asked for. The submodules are
imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any

_SUBMODULES = ("mxnet", "tensorflow", "torch")


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_SUBMODULES)
