"""`check_grads`: passes what is right, names what is wrong."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, DerivativeMismatchError, DtypeError

W = np.array([[1.0, -2.0, 0.5], [0.3, 0.7, -1.1]])

# function, point
RIGHT = [
    ("scalar", lambda x: np.sin(x) * x, 0.7),
    ("integer", lambda x: x**3, 2),
    ("zero-dimensional", lambda x: np.exp(x), np.array(0.3)),
    ("vector to scalar", lambda x: np.sum(np.tanh(x) ** 2), np.array([0.1, -0.4, 2.0])),
    ("vector to matrix", lambda x: np.outer(x, np.exp(x)), np.array([0.5, -1.0])),
    ("matrix", lambda a: np.linalg.inv(a), np.eye(3) + 0.1 * np.arange(9.0).reshape(3, 3) ** 0.5),
    ("two arguments", lambda x, y: np.log(np.exp(x) + np.exp(y)), (0.0, np.log(2.0))),
    ("containers", lambda p: {"u": W @ p["x"], "v": [p["b"][0] * 2.0]}, {"x": np.ones(3), "b": (1.5,)}),
    ("flags beside", lambda x: (x**2, x > 0, 3), np.array([1.0, -2.0])),
    ("constant", lambda x: 4.0 + 0.0 * np.sum(x), np.ones(2)),
    ("independent", lambda x: np.ones(2), np.ones(2)),
    ("narrow domain", lambda x: np.sum(np.log(x)), np.array([1e-3, 5.0])),
    ("many variables", lambda x: np.sum(np.sin(x) * x) + x[0] * x[-1], np.linspace(0.1, 2, 60)),
    ("many results", lambda x: np.sin(np.outer(x, np.arange(1.0, 21.0))), np.array([0.3, 0.6])),
    ("convention is the mean of both sides", lambda x: np.sum(np.maximum(x, 0.0)) + np.sum(np.abs(x)), np.zeros(2)),
]


def modes(order):
    """How often each pair of ways appears for an order."""
    return 3 * 2 ** (order - 1)


@pytest.mark.parametrize(("f", "x"), [row[1:] for row in RIGHT], ids=[row[0] for row in RIGHT])
def test_right_derivatives_pass(f, x):
    smooth_twice = f is not RIGHT[-1][1]
    order = 2 if smooth_twice else 1
    report = cr.check_grads(f, x, order=order)
    assert [row.order for row in report.comparisons] == [k for k in range(1, order + 1) for _ in range(modes(k))]
    assert all(row.error <= row.tolerance for row in report.comparisons)
    assert report.error == max(row.error for row in report.comparisons)


def test_third_order_has_all_combinations_of_modes():
    report = cr.check_grads(lambda x: np.sum(x**4), np.array([0.5, -1.0]), order=3)
    third = {row.first for row in report.comparisons if row.order == 3}
    inner = ("forward", "reverse")
    assert third == {f"{a} mode over {b} over {c}" for a in inner for b in inner for c in inner}


def test_single_precision_is_held_to_its_own_tolerance():
    report = cr.check_grads(lambda x: np.sum(np.exp(x) * x), np.linspace(0.5, 1, 4).astype(np.float32))
    assert float(np.finfo(float).eps) < report.error < 0.01


def test_the_report_is_a_table_and_cannot_be_changed():
    report = cr.check_grads(lambda x, y: x * y, (2.0, 3.0), order=1)
    head, *rows = str(report).splitlines()
    assert head.split("  ")[0] == "order"
    assert len(rows) == len(report.comparisons) == 3
    assert "forward mode, differences" in rows[0]
    with pytest.raises(FrozenInstanceError):
        report.comparisons = ()


@pytest.mark.parametrize("x", [1e-4, -8.0, 12.0])
def test_forms_that_are_more_accurate_than_what_is_written_pass(x):
    report = cr.check_grads(lambda x, y: np.log(1 + x**2) ** 2 * np.sin(y) + np.log(1 + np.exp(x)), (x, 0.4))
    assert all(row.error <= row.tolerance for row in report.comparisons)


def test_a_slip_is_found_beside_such_forms_too():
    slip = cr.custom_derivative(lambda x: x**2, vjp=lambda primals, ct: (2.0001 * primals[0] * ct,))
    with pytest.raises(DerivativeMismatchError, match="order 1"):
        cr.check_grads(lambda x: np.log(1 + slip(x)), 1e-2)


# --- what is wrong ---------------------------------------------------------------------------------------------------


def wrong_reverse(place, size):
    """x², with a reverse rule that is off in one entry."""
    slip = np.ones(size)
    slip[place] = 1.001
    return cr.custom_derivative(lambda x: x**2, vjp=lambda primals, ct: (2 * primals[0] * slip * ct,))


@pytest.mark.parametrize(("place", "size"), [(0, 3), (2, 3), (31, 32), (57, 100)])
def test_a_wrong_rule_is_found_in_its_entry(place, size):
    f = wrong_reverse(place, size)
    with pytest.raises(DerivativeMismatchError, match=rf"result\[{place}\] by x\[{place}\]"):
        cr.check_grads(lambda x: f(x), np.linspace(1, 2, size), order=1)


def test_the_message_shows_both_numbers_and_the_tolerance():
    f = cr.custom_derivative(lambda x: x**3, jvp=lambda primals, tangents: 2 * primals[0] * tangents[0])
    with pytest.raises(DerivativeMismatchError) as caught:
        cr.check_grads(lambda x: f(x), 2.0)
    text = str(caught.value)
    assert "forward mode and differences disagree in 1 component of the derivative of order 1" in text
    numbers = text.splitlines()[1]
    assert numbers.split()[:2] == ["x", "4.0"]
    assert abs(float(numbers.split()[3].rstrip(",")) - 12) < 1e-9
    assert "tolerance" in numbers


def test_rules_that_contradict_each_other_are_found():
    f = cr.custom_derivative(
        lambda x: np.sin(x),
        jvp=lambda primals, tangents: np.cos(primals[0]) * tangents[0],
        vjp=lambda primals, ct: (-np.cos(primals[0]) * ct,),
    )
    with pytest.raises(DerivativeMismatchError, match="reverse mode and differences"):
        cr.check_grads(lambda x: f(x), 0.5)


def test_a_first_derivative_that_is_right_with_a_second_that_is_not():
    def vjp(primals, ct):
        (x,) = primals
        return (3 * x * cr.stop_gradient(x) * ct,)

    f = cr.custom_derivative(lambda x: x**3, vjp=vjp)
    cr.check_grads(lambda x: f(x), 2.0, order=1)
    with pytest.raises(DerivativeMismatchError, match="of order 2"):
        cr.check_grads(lambda x: f(x), 2.0, order=2)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.sum(np.clip(x, 0, 1)), np.array([0.0, 0.5])),  # the convention at the bound is 1, not ½
        (lambda x: np.sum(np.sqrt(x)), np.array([1.0, 0.0])),
        (lambda x: np.sum(1 / x), np.array([0.0])),
    ],
    ids=["bound of clip", "root at 0", "pole"],
)
def test_a_point_where_the_function_is_not_smooth_is_refused(f, x):
    with np.errstate(all="ignore"), pytest.raises(DerivativeMismatchError, match=r"disagree|do not settle"):
        cr.check_grads(f, x)


def test_a_value_that_changes_under_tracing_is_found():
    def f(x):
        return x**2 if isinstance(x, float) else 2 * x**2

    with pytest.raises(DerivativeMismatchError, match="the value under tracing and the value disagree"):
        cr.check_grads(f, 3.0)


def test_a_function_that_is_not_the_same_at_each_call_is_refused(rng):
    with pytest.raises(DerivativeMismatchError):
        cr.check_grads(lambda x: x * rng.standard_normal(), 1.0, order=1)


# --- a gradient written by hand --------------------------------------------------------------------------------------


def log_sum(x, y):
    return np.log(np.exp(x) + np.exp(y))


def log_sum_gradient(x, y):
    total = np.exp(x) + np.exp(y)
    return np.exp(x) / total, np.exp(y) / total


def test_a_right_gradient_by_hand_passes():
    report = cr.check_grads(log_sum, (0, np.log(2)), grad=log_sum_gradient)
    given = [row for row in report.comparisons if row.first == "given gradient"]
    assert [row.second for row in given] == ["reverse mode", "differences"]
    assert [row.entries for row in given] == [2, 2]


def test_all_wrong_components_by_hand_are_listed():
    with pytest.raises(DerivativeMismatchError) as caught:
        cr.check_grads(lambda x: np.sum(x**3), np.array([1.0, 2.0, 4.0]), grad=lambda x: 3 * x)
    text = str(caught.value)
    assert "given gradient and reverse mode disagree in 2 components" in text
    assert [line.split()[0] for line in text.splitlines()[1:3]] == ["x[1]", "x[2]"]
    assert "x[0]" not in text


@pytest.mark.parametrize("place", [0, 57, 99])
def test_one_wrong_component_among_many_is_found(place):
    x = np.linspace(1, 2, 100)
    slip = 1e-6 * (np.arange(100) == place)
    with pytest.raises(DerivativeMismatchError, match=rf"x\[{place}\] "):
        cr.check_grads(lambda x: np.sum(x**3), x, grad=lambda x: 3 * x**2 + slip)


def test_many_wrong_components_are_counted():
    with pytest.raises(DerivativeMismatchError, match=r"20 components(.|\n)*\.\.\. +and 12 more"):
        cr.check_grads(lambda x: np.sum(x**2), np.ones(20), grad=lambda x: x)


@pytest.mark.parametrize("given", [lambda x: np.ones(3), lambda x: 1.0, lambda x: (np.ones(2),)])
def test_a_gradient_of_another_form_is_refused(given):
    with pytest.raises(ArgumentError, match="not of the form"):
        cr.check_grads(np.sum, np.ones(2), grad=given)


def test_a_gradient_of_several_results_is_refused():
    with pytest.raises(ArgumentError, match="scalar"):
        cr.check_grads(lambda x: x, np.ones(2), grad=lambda x: x)


# --- arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, 4, True, 1.0])
def test_orders_are_one_to_three(order):
    with pytest.raises(ArgumentError, match="order"):
        cr.check_grads(np.sum, np.ones(2), order=order)


@pytest.mark.parametrize(
    ("f", "x", "error"),
    [
        (np.sum, np.zeros(0), ArgumentError),
        (np.sum, np.array([True]), DtypeError),
        (lambda x, s: x, (1.0, "text"), DtypeError),
        (lambda x: 3, 1.0, DtypeError),
    ],
    ids=["empty", "boolean", "text", "integer result"],
)
def test_points_and_results_that_have_no_derivative_are_refused(f, x, error):
    with pytest.raises(error):
        cr.check_grads(f, x)


def test_random_directions_come_from_the_generator(rng):
    x = np.linspace(0.1, 1, 50)
    first = cr.check_grads(lambda x: np.sum(np.exp(x)), x, order=1)
    again = cr.check_grads(lambda x: np.sum(np.exp(x)), x, order=1)
    other = cr.check_grads(lambda x: np.sum(np.exp(x)), x, order=1, rng=rng)
    assert first == again != other
