import contextlib
import contextvars
import threading

import pytest

import chainrule as cr
from chainrule.core.cache import CACHE
from chainrule.errors import ArgumentError


@pytest.fixture(autouse=True)
def restored():
    before = {name: getattr(cr.config, name) for name in ("rewrite", "strict", "cache")}
    yield
    for name, value in before.items():
        setattr(cr.config, name, value)


def test_a_setting_holds_for_the_process():
    cr.config.rewrite = "exact"
    seen = []
    thread = threading.Thread(target=lambda: seen.append(cr.config.rewrite))
    thread.start()
    thread.join()
    assert seen == ["exact"]


def test_an_override_holds_for_one_block_of_one_context():
    inside, leave, seen = threading.Event(), threading.Event(), []

    def work():
        with cr.config.override(rewrite="exact", strict=True):
            inside.set()
            leave.wait()
            seen.append((cr.config.rewrite, cr.config.strict))

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    assert (cr.config.rewrite, cr.config.strict) == ("full", False)
    leave.set()
    thread.join()
    assert seen == [("exact", True)]
    with cr.config.override(rewrite="exact"):
        assert contextvars.copy_context().run(lambda: cr.config.rewrite) == "exact"


def test_overrides_nest_and_end_with_an_exception():
    with cr.config.override(strict=True):
        inside = []
        with contextlib.suppress(KeyError), cr.config.override(rewrite="exact"):
            inside.append((cr.config.strict, cr.config.rewrite))
            raise KeyError
        assert inside == [(True, "exact")]
        assert (cr.config.strict, cr.config.rewrite) == (True, "full")
        with cr.config.override(strict=False):
            assert not cr.config.strict
        assert cr.config.strict
    assert not cr.config.strict


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rewrite", "fast", "'full' or 'exact'"),
        ("rewrite", None, "'full' or 'exact'"),
        ("strict", 1, "True or False"),
        ("cache", 0, "a positive integer"),
        ("cache", True, "a positive integer"),
        ("cache", 1.5, "a positive integer"),
    ],
)
def test_an_invalid_value_is_refused_with_what_is_valid(name, value, expected):
    before = getattr(cr.config, name)
    with pytest.raises(
        ArgumentError, match=rf"chainrule.config.{name}: .* is not {expected}[\s\S]*Fix: give {expected}"
    ):
        setattr(cr.config, name, value)
    with pytest.raises(ArgumentError), cr.config.override(**{name: value}):
        pass
    assert getattr(cr.config, name) == before


def test_an_unknown_setting_is_refused_with_the_known_ones():
    for attempt in (
        lambda: cr.config.verbose,
        lambda: setattr(cr.config, "verbose", True),
        lambda: cr.config.override(verbose=True).__enter__(),
    ):
        with pytest.raises(AttributeError, match="no setting 'verbose'; it has rewrite, strict, cache"):
            attempt()


def test_the_cache_is_resized_at_once_and_for_all():
    cr.config.cache = 12_345
    assert CACHE.capacity == 12_345
    with pytest.raises(ArgumentError, match="whole process"), cr.config.override(cache=10):
        pass
    assert CACHE.capacity == 12_345


def test_it_shows_its_values():
    with cr.config.override(strict=True):
        assert "strict=True" in repr(cr.config)
        assert "rewrite='full'" in repr(cr.config)
