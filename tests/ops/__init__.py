"""Laws that every op obeys, and one table of examples for each family of ops."""

import pytest

pytest.register_assert_rewrite("tests.ops.laws")
