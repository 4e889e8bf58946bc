"""Hypothesis profiles, and the random generator of the tests."""

import os
import zlib

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("dev", max_examples=25, deadline=None)
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True)
settings.register_profile("nightly", max_examples=10_000, deadline=None)
default = "ci" if os.environ.get("CI") == "true" else "dev"
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", default))


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Return a generator seeded from the test's name: the same numbers in every run, others in every test."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))
