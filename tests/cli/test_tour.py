"""``chainrule tour``: all lines agree, and a line that does not is not passed over."""

import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from chainrule.cli import main, network, tour
from chainrule.cli.tour import Line

ITEMS = ["R-7 ", "R-8 ", "R-10 ", "R-10b", "R-20", "R-21", "R-22", "R-27", "R-28", "R-30", "R-34", "R-35", "R-39"]


@pytest.fixture(scope="module")
def taken():
    return CliRunner().invoke(main, ["tour"])


def test_everything_agrees(taken):
    assert taken.exit_code == 0
    assert "MISMATCH" not in taken.stdout


def test_every_item_is_there_and_fits_a_screen(taken):
    lines = taken.stdout.splitlines()
    assert len(lines) <= 60
    assert all(len(line) <= 120 for line in lines)
    assert [item for item in ITEMS if not any(line.startswith(f"  {item}") for line in lines)] == []
    compared = [line for line in lines if line.startswith("  R-")]
    assert [line for line in compared if not line.endswith("  ok") and "counted in chainrule's graph" not in line] == []


def test_it_ends_with_what_is_missing_and_what_to_do(taken):
    later, _, yours = taken.stdout.splitlines()[-3:]
    assert later.startswith("Not yet: ")
    assert yours.startswith("Now yours:  chainrule grad FILE:FUNCTION --at VALUE")


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "chainrule", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("chainrule, version ")


# --- the tour notices ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "closed", "scale", "agrees"),
    [
        (1.0, 1.0, 0.0, True),
        (1.0, 1.0 + 1e-15, 0.0, True),
        (1.0, 1.0 + 1e-12, 0.0, False),
        ([1.0, 0.0], [1.0, 1e-17], 0.0, True),
        (1e-17, 0.0, 0.0, False),
        (1e-17, 0.0, 1.0, True),
        ([1.0, 2.0], 1.0, 0.0, False),
        (float("nan"), 1.0, 0.0, False),
    ],
)
def test_lines_agree_to_rounding(result, closed, scale, agrees):
    assert Line("item", result, closed, scale).agrees is agrees


def test_a_line_that_disagrees_shows_both_sides():
    text = str(Line("R-0  claim", [1.0, 2.5], [1.0, 3.0]))
    assert text.endswith("[1, 2.5]  MISMATCH: [1, 3] by the closed form")


def test_a_mismatch_anywhere_is_an_exit_code(monkeypatch):
    monkeypatch.setattr(network, "closed_form", lambda *at: [1023, 0, 0, 0, 0])
    result = CliRunner().invoke(main, ["tour"])
    assert result.exit_code == 1
    assert "MISMATCH: 1023 by the closed form" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("MISMATCH: see above")


def test_a_fit_that_fails_is_an_exit_code(monkeypatch):
    def stopped(*args, **keywords):
        result = real(*args, **keywords)
        result.success, result.message = False, "stopped"
        return result

    real = tour.minimize
    monkeypatch.setattr(tour, "minimize", stopped)
    result = CliRunner().invoke(main, ["tour"])
    assert result.exit_code == 1
    assert "MISMATCH: the fit did not converge: stopped" in result.stdout


# --- the chapter's figures -------------------------------------------------------------------------------------------


def test_the_graph_of_the_chapter():
    assert network.named_graph() == network.counted_by_hand() == (9, 14, 4)


def test_the_work_of_the_chapter():
    work = network.work()
    assert work.naive_value == network.operations_in_text() == 22
    assert work.shared_value == network.operations_in_lines() == 13
    # The chapter's own way of sharing takes 29 operations for the value and the partials.
    assert work.shared_value < work.shared_all <= 29
    assert network.expanded() == ([85, 60], [85, 60])


def test_polynomials_are_multiplied_out_right():
    point = (2, -3, 5, 7)
    variables = [network.Polynomial({tuple(int(k == place) for k in range(4)): 1}) for place in range(4)]
    terms = network.f(*variables).terms
    value = sum(
        factor * int(np.prod([x**p for x, p in zip(point, powers, strict=True)])) for powers, factor in terms.items()
    )
    assert value == network.f(*point) == network.closed_form(*point)[0]
