import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.core.cache import BoundedCache


def one(_):
    return 1


def test_an_entry_is_made_once_for_each_kind_and_key():
    cache, made = BoundedCache(10), []

    def get(kind, key):
        return cache.get(kind, key, lambda: made.append((kind, key)) or f"{kind} {key}", one)

    assert [get("a", 1), get("a", 1), get("b", 1), get("a", 2), get("a", 1)] == ["a 1", "a 1", "b 1", "a 2", "a 1"]
    assert made == [("a", 1), ("b", 1), ("a", 2)]
    assert cache.misses == {"a": 2, "b": 1}
    assert len(cache) == 3


def test_the_least_recently_used_go_first_by_weight():
    cache = BoundedCache(10)
    for key, weight in (("x", 4), ("y", 4)):
        cache.get("k", key, lambda: object(), lambda _, weight=weight: weight)
    x = cache.get("k", "x", object, one)  # now y is the oldest
    cache.get("k", "z", object, lambda _: 5)
    assert cache.weight == 9
    assert cache.get("k", "x", object, one) is x
    before = cache.misses["k"]
    cache.get("k", "y", object, one)
    assert cache.misses["k"] == before + 1


def test_an_entry_heavier_than_the_cache_is_kept_alone():
    cache = BoundedCache(10)
    cache.get("k", "small", object, one)
    large = cache.get("k", "large", object, lambda _: 100)
    assert len(cache) == 1
    assert cache.get("k", "large", object, one) is large
    cache.get("k", "small", object, one)
    assert (len(cache), cache.weight) == (1, 1)


def test_a_smaller_capacity_evicts_at_once():
    cache = BoundedCache(100)
    for key in range(50):
        cache.get("k", key, object, lambda _: 2)
    assert cache.weight == 100
    cache.capacity = 10
    assert (cache.capacity, cache.weight, len(cache)) == (10, 10, 5)


def test_an_exception_leaves_the_cache_as_it_was():
    cache = BoundedCache(10)

    class BrokenError(Exception):
        pass

    def broken(*_):
        raise BrokenError

    with pytest.raises(BrokenError):
        cache.get("k", 1, broken, one)
    with pytest.raises(BrokenError):
        cache.get("k", 2, object, broken)
    assert (len(cache), cache.weight, cache.misses) == (0, 0, {})
    assert cache.get("k", 1, lambda: "made", one) == "made"
    assert cache.get("k", 2, lambda: "made", one) == "made"


def test_making_an_entry_may_ask_the_cache():
    cache = BoundedCache(10)

    def factorial(n):
        return cache.get("factorial", n, lambda: n * factorial(n - 1) if n else 1, one)

    assert factorial(8) == 40320
    assert cache.misses == {"factorial": 9}


def test_clearing_forgets_everything():
    cache = BoundedCache(10)
    cache.get("k", 1, object, one)
    cache.clear()
    assert (len(cache), cache.weight) == (0, 0)
    cache.get("k", 1, object, one)
    assert cache.misses == {"k": 2}


def test_values_are_released_outside_the_lock():
    cache = BoundedCache(2)

    class Value:
        def __del__(self):
            cache.get("from a finaliser", 1, lambda: 1, one)

    for key in range(5):
        cache.get("k", key, Value, one)
    cache.clear()
    assert cache.misses["from a finaliser"] >= 1


def test_threads_get_one_value_each_time():
    cache, workers = BoundedCache(1_000), 8
    results = [[] for _ in range(workers)]
    start = threading.Barrier(workers)

    def work(k):
        start.wait()
        for key in range(200):
            results[k].append(cache.get("k", key, object, one))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(k,)) for k in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert all(result == results[0] for result in results)
    assert (len(cache), cache.weight, cache.misses) == (200, 200, {"k": 200})


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=60))
def test_the_weight_is_that_of_the_entries_and_bounded(capacity, requests):
    cache = BoundedCache(capacity)
    for key, weight in requests:
        assert cache.get("k", key, lambda key=key: key, lambda _, weight=weight: weight) == key
        assert cache.weight == sum(weight for _, weight in cache._entries.values())
        assert cache.weight <= capacity or len(cache) == 1
