"""The one bounded cache of derived things: derivatives, batches, plans and programs.

Nodes carry no caches of their own: a cached attribute would be a reference cycle, a weak dictionary whose value
refers to its key never empties, and an `id` key goes stale. Here entries are strong, counted by graph size, and the
least recently used ones go first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class BoundedCache:
    """Thread-safe, least-recently-used, bounded by the sum of the entries' weights."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()
        self.misses: dict[str, int] = {}

    @property
    def capacity(self) -> int:
        return self._capacity

    @capacity.setter
    def capacity(self, value: int) -> None:
        self._capacity = value
        self._evict()

    @property
    def weight(self) -> int:
        return self._weight

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, kind: str, key: Hashable, make: Callable[[], T], weigh: Callable[[T], int]) -> T:
        """The entry of `kind` for `key`, made by `make` when it is not there.

        Two threads may make the same entry at once; one of the two is kept, and both are equal.
        """
        full_key = (kind, key)
        with self._lock:
            entry = self._entries.get(full_key)
            if entry is not None:
                self._entries.move_to_end(full_key)
                return cast(T, entry[0])
        value = make()
        with self._lock:
            known = self._entries.get(full_key)
            if known is not None:
                return cast(T, known[0])
            weight = weigh(value)
            self._entries[full_key] = (value, weight)
            self._weight += weight
            self.misses[kind] = self.misses.get(kind, 0) + 1
        self._evict()
        return value

    def _evict(self) -> None:
        dropped = []  # released outside the lock: freeing a large graph runs many callbacks
        with self._lock:
            while self._weight > self._capacity and len(self._entries) > 1:
                _, (value, weight) = self._entries.popitem(last=False)
                self._weight -= weight
                dropped.append(value)

    def clear(self) -> None:
        """Forget every entry."""
        with self._lock:
            entries, self._entries = self._entries, OrderedDict()
            self._weight = 0
        entries.clear()


CACHE = BoundedCache(capacity=1_000_000)
