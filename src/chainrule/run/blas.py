"""BLAS held to one thread while programs run.

Its results differ in the last bits between one thread and two, so a program would depend on the machine's load; and
two spinning threads suffer badly beside other work. The limit is set when the first program starts and lifted when
the last one ends; looking the libraries up costs far more than setting it, so the controller is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_running = 0
_limiter: Any = None


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Hold BLAS to one thread inside the block; blocks may nest and overlap between threads."""
    global _running, _limiter
    with _lock:
        if _running == 0:
            _limiter = _controller().limit(limits=1, user_api="blas")
            _limiter.__enter__()
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0:
                _limiter.__exit__(None, None, None)
                _limiter = None
