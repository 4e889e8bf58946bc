"""The record of conventions: which choices at kinks an evaluation relied on.

Ops report a convention by name when a value at a kink was used. Reports go to the recorders that are open in this
context, to the log `chainrule.conventions`, and, under ``config.strict``, become an error.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from chainrule.core.config import config
from chainrule.errors import NonsmoothError, fail

_log = logging.getLogger("chainrule.conventions")
_recorders: ContextVar[tuple[dict[str, int], ...]] = ContextVar("chainrule_recorders", default=())


def report(convention: str) -> None:
    """Note that an evaluation used `convention`."""
    if config.strict:
        raise fail(
            NonsmoothError,
            "chainrule",
            f"the derivative relies on a convention: {convention}",
            fix="move the point off the kink, or set chainrule.config.strict = False",
        )
    for recorder in _recorders.get():
        recorder[convention] = recorder.get(convention, 0) + 1
    _log.debug("convention used: %s", convention)


@contextmanager
def recorded() -> Iterator[dict[str, int]]:
    """Collect the conventions used inside the block, with how many evaluations used each."""
    used: dict[str, int] = {}
    token = _recorders.set((*_recorders.get(), used))
    try:
        yield used
    finally:
        _recorders.reset(token)
