"""The engine: fixed points, order, limits, and the cost where nothing applies."""

from __future__ import annotations

import time

import pytest

from chainrule.core.leaves import literal
from chainrule.core.node import topological
from chainrule.errors import RewriteLimitError
from chainrule.ops.arithmetic import add, divide, multiply, negative, subtract
from chainrule.ops.elementwise import cos, exp, log, sin
from chainrule.rewrite.engine import RuleTable, rewrite
from chainrule.rewrite.rule import Rule, matches, patterns
from tests.rewrite.graphs import inputs, symbol

x, y, z = patterns("x y z")
u, v = inputs((3,), (3,))


def test_a_pattern_matches_commutative_ops_in_either_order() -> None:
    pattern = add(1, exp(x))
    assert matches(pattern, add(exp(u), literal(1.0)))[0][x] is u
    assert matches(pattern, add(1, exp(u)))[0][x] is u
    assert not matches(pattern, add(2, exp(u)))
    assert not matches(subtract(1, x), subtract(u, 1))


def test_a_variable_that_occurs_twice_needs_equal_nodes() -> None:
    assert matches(multiply(x, x), multiply(u, u))
    assert not matches(multiply(x, x), multiply(u, v))


def test_rules_apply_from_the_leaves_to_a_fixed_point() -> None:
    table = RuleTable([Rule("a", sin(x), cos(x), "formula"), Rule("b", exp(cos(x)), log(x), "formula")])
    result = rewrite([exp(sin(sin(u)))], table)
    assert result.outputs == (log(cos(u)),)
    assert result.fired == (("a", 2), ("b", 1))


def test_the_first_rule_of_the_table_wins() -> None:
    table = RuleTable([Rule("first", sin(x), cos(x), "formula"), Rule("second", sin(x), exp(x), "formula")])
    assert rewrite([sin(u)], table).outputs == (cos(u),)


def test_what_a_rule_builds_is_rewritten_too() -> None:
    table = RuleTable([Rule("a", log(x), negative(sin(x)), "formula"), Rule("b", sin(x), cos(x), "formula")])
    assert rewrite([log(u)], table).outputs == (negative(cos(u)),)


def test_a_rule_never_changes_the_shape_or_the_dtype() -> None:
    (s,) = inputs(())
    table = RuleTable([Rule("drop", subtract(x, y), y, "formula")])
    kept = subtract(u, s)
    assert rewrite([kept], table).outputs == (kept,)


def test_rules_that_undo_each_other_are_named() -> None:
    table = RuleTable([Rule("there", sin(x), cos(x), "formula"), Rule("back", cos(x), sin(x), "formula")])
    with pytest.raises(RewriteLimitError, match="undo each other") as caught:
        rewrite([sin(u)], table)
    assert "there" in str(caught.value)
    assert "test_engine.py:" in str(caught.value)


def test_endless_growth_is_stopped() -> None:
    table = RuleTable([Rule("grow", sin(x), sin(exp(x)), "formula")])
    with pytest.raises(RewriteLimitError, match="firings"):
        rewrite([sin(u)], table)
    with pytest.raises(RewriteLimitError):
        rewrite([sin(u)], RuleTable([Rule("wrap", sin(x), exp(sin(x)), "formula")]))


def test_a_rule_knows_where_it_was_written() -> None:
    assert Rule("a", sin(x), cos(x), "formula").place.startswith("test_engine.py:")


def test_the_record_and_the_result_do_not_depend_on_the_order_of_outputs() -> None:
    table = RuleTable([Rule("a", sin(x), cos(x), "formula")])
    first, second = rewrite([sin(u), exp(sin(v))], table), rewrite([exp(sin(v)), sin(u)], table)
    assert first.outputs == second.outputs[::-1]
    assert first.fired == second.fired


@pytest.mark.parametrize("fires", [False, True])
def test_depth_is_no_limit_and_time_is_linear(fires: bool) -> None:
    table = RuleTable([Rule("a", log(x), exp(x), "formula")])

    def seconds(length: int) -> float:
        node = log(u) if fires else u
        for _ in range(length):
            node = sin(node)
        start = time.perf_counter()
        outputs = rewrite([node], table).outputs
        spent = time.perf_counter() - start
        assert len(topological(outputs)) == length + 1 + fires
        return spent

    seconds(100)
    assert seconds(100_000) < 60 * max(seconds(10_000), 1e-3)


def test_users_are_counted_in_the_given_graph() -> None:
    alone = Rule("alone", exp(x), sin(x), "formula", (lambda m: len(m.surroundings.users(m[x])) == 1,))
    table = RuleTable([alone])
    inner = add(u, v)
    assert rewrite([exp(inner)], table).outputs == (sin(inner),)
    shared = [exp(inner), divide(inner, 2)]
    assert rewrite(shared, table).outputs == tuple(shared)


def test_variables_are_told_from_symbols() -> None:
    assert not matches(symbol("x", 3), symbol("y", 3))
