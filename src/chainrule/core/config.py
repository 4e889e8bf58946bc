"""Settings of the library: `chainrule.config`.

Set an attribute to change it for the process, or use ``with config.override(strict=True):`` to change it in one
block of one context (thread or task).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from chainrule.core.cache import CACHE
from chainrule.errors import ArgumentError, fail

_DEFAULTS: dict[str, Any] = {"rewrite": "full", "strict": False, "cache": CACHE.capacity}
_overrides: ContextVar[dict[str, Any] | None] = ContextVar("chainrule_config", default=None)


class Config:
    """Settings, each an attribute.

    Attributes
    ----------
    rewrite : {"full", "exact"}
        "full" evaluates forms that overflow (``log(exp(x) + exp(y))`` and its like) by stable ones; "exact" computes
        every value as it is written.
    strict : bool
        Whether a derivative that relies on a convention at a kink raises `NonsmoothError`.
    cache : int
        How many nodes the cache of derivatives and programs may hold; setting it evicts what is over.

    Examples
    --------
    >>> import chainrule as cr
    >>> with cr.config.override(rewrite="exact"):
    ...     cr.config.rewrite
    'exact'
    >>> cr.config.rewrite
    'full'
    """

    def __init__(self) -> None:
        object.__setattr__(self, "_values", dict(_DEFAULTS))

    def __getattr__(self, name: str) -> Any:
        overridden = _overrides.get()
        if overridden is not None and name in overridden:
            return overridden[name]
        try:
            return object.__getattribute__(self, "_values")[name]
        except KeyError:
            raise AttributeError(_unknown(name)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        _require_valid(name, value)
        if name == "cache":
            CACHE.capacity = value
        object.__getattribute__(self, "_values")[name] = value

    @contextmanager
    def override(self, **settings: Any) -> Iterator[None]:
        """Change settings inside one block, for this context only."""
        for name, value in settings.items():
            _require_valid(name, value)
            if name == "cache":
                raise fail(
                    ArgumentError,
                    "chainrule.config.override",
                    "the cache belongs to the whole process",
                    fix="set chainrule.config.cache instead",
                )
        token = _overrides.set({**(_overrides.get() or {}), **settings})
        try:
            yield
        finally:
            _overrides.reset(token)

    def __repr__(self) -> str:
        return "config(" + ", ".join(f"{name}={getattr(self, name)!r}" for name in _DEFAULTS) + ")"


def _unknown(name: str) -> str:
    return f"chainrule.config has no setting {name!r}; it has {', '.join(_DEFAULTS)}"


def _require_valid(name: str, value: Any) -> None:
    if name not in _DEFAULTS:
        raise AttributeError(_unknown(name))
    valid = {
        "rewrite": lambda: value in ("full", "exact"),
        "strict": lambda: isinstance(value, bool),
        "cache": lambda: isinstance(value, int) and not isinstance(value, bool) and value > 0,
    }
    if not valid[name]():
        expected = {"rewrite": "'full' or 'exact'", "strict": "True or False", "cache": "a positive integer"}
        raise fail(
            ArgumentError,
            f"chainrule.config.{name}",
            f"{value!r} is not {expected[name]}",
            fix=f"give {expected[name]}",
        )


config = Config()
