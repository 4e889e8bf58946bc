"""``chainrule grad``: answers, exit codes, streams, and messages for what cannot be used."""

import json
import sys
import textwrap

import numpy as np
import pytest
from click.testing import CliRunner

import chainrule as cr
from chainrule.cli import main
from chainrule.cli.differentiate import SCHEMA, UnusableError, parsed

MODEL = """
import numpy as np
from neighbour import WEIGHT

print("this file is loaded")
NUMBER = 3

def loss(x):
    print("loss is called")
    return WEIGHT * np.sum(x**2)

def two(a, b, power=2):
    return a * np.sum(np.exp(b)) ** power

def labelled(x, kind):
    return np.sum(x) if kind == "sum" else np.prod(x)

def contained(p):
    return p["w"] @ p["w"] + p["b"] ** 3

def bound(x):
    return np.sum(np.clip(x, 0, 1))

def inverse(x):
    return 1 / x

def several(x):
    return x * 2

def unknown(x):
    return np.sum(np.fft.hfft(x))

def failing(x):
    raise RuntimeError("no luck")

def leaving(x):
    raise SystemExit(7)
"""


@pytest.fixture
def model(tmp_path):
    tmp_path.joinpath("model.py").write_text(textwrap.dedent(MODEL))
    tmp_path.joinpath("neighbour.py").write_text("WEIGHT = 2.0\n")
    yield tmp_path / "model.py"
    sys.modules.pop("neighbour", None)


def run(model, function, *arguments):
    return CliRunner().invoke(main, ["grad", f"{model}:{function}", *arguments])


def at(*values):
    return [part for value in values for part in ("--at", value)]


# --- answers ---------------------------------------------------------------------------------------------------------


def test_value_gradient_and_check_are_printed(model):
    result = run(model, "loss", *at("[1.0, 2.0]"))
    assert result.exit_code == 0
    value, gradient, check = result.stdout.splitlines()
    assert value.split() == ["value", "10.0"]
    assert gradient.split(maxsplit=1) == ["d/dx", "[4. 8.]"]
    assert check.startswith("check  ok: forward mode, reverse mode and differences agree to ")


def test_json_holds_everything(model):
    result = run(model, "two", *at("1.5", "[[1, 2], [3, 4]]"), "--hessian", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    f, point = (lambda a, b: a * np.sum(np.exp(b)) ** 2), (1.5, np.array([[1.0, 2.0], [3.0, 4.0]]))
    value, gradient = cr.value_and_grad(f, (0, 1))(*point)
    hessian = cr.hessian(f, (0, 1))(*point)
    assert found["schema"] == SCHEMA == 1
    assert found["at"] == [1.5, [[1.0, 2.0], [3.0, 4.0]]]
    assert found["value"] == value
    assert found["gradient"] == {"a": gradient[0], "b": gradient[1].tolist()}
    assert found["hessian"] == {
        "a": {"a": hessian[0][0], "b": hessian[0][1].tolist()},
        "b": {"a": hessian[1][0].tolist(), "b": hessian[1][1].tolist()},
    }
    assert found["check"]["ok"] is True
    assert {row["order"] for row in found["check"]["comparisons"]} == {1, 2}
    assert all(row["error"] <= row["tolerance"] for row in found["check"]["comparisons"])


def test_the_hessian_is_printed_by_blocks(model):
    result = run(model, "two", *at("1.0", "0.0"), "--hessian", "--no-check")
    rows = [line.rsplit(maxsplit=1) for line in result.stdout.splitlines()]
    assert rows == [
        ["value", "1.0"],
        ["d/da", "1.0"],
        ["d/db", "2.0"],
        ["d²/da da", "0.0"],
        ["d²/da db", "2.0"],
        ["d²/db da", "2.0"],
        ["d²/db db", "4.0"],
    ]


def test_containers_are_arguments(model):
    result = run(model, "contained", *at('{"w": [1, 2], "b": 2}'), "--json")
    assert json.loads(result.stdout)["gradient"] == {"p": {"w": [2.0, 4.0], "b": 12.0}}


def test_what_is_no_number_is_passed_on(model):
    result = run(model, "labelled", *at("[1, 2]", "'sum'"), "--json")
    assert json.loads(result.stdout)["gradient"] == {"x": [1.0, 1.0]}


def test_numbers_that_json_lacks_are_texts(model):
    result = run(model, "inverse", *at("0.0"), "--json", "--no-check")
    found = json.loads(result.stdout)
    assert (found["value"], found["gradient"]) == ("inf", {"x": "-inf"})
    assert "check" not in found


def test_only_results_are_on_standard_output(model):
    result = run(model, "loss", *at("1.0"), "--json")
    assert json.loads(result.stdout)["value"] == 2.0
    assert "this file is loaded" in result.stderr
    assert "loss is called" in result.stderr


def test_nothing_is_left_behind(model):
    before = list(sys.path), sys.dont_write_bytecode, set(sys.modules)
    run(model, "loss", *at("1.0"))
    assert (list(sys.path), sys.dont_write_bytecode) == before[:2]
    assert set(sys.modules) - before[2] <= {"neighbour"}
    assert sorted(path.name for path in model.parent.iterdir()) == ["model.py", "neighbour.py"]


# --- a failed check --------------------------------------------------------------------------------------------------


def test_a_failed_check_has_its_own_exit_code(model):
    result = run(model, "bound", *at("[0.0, 0.5]"))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].split() == ["check", "FAILED"]
    assert "x[0]   1.0 and 0.5" in result.stderr


def test_a_failed_check_in_json(model):
    result = run(model, "bound", *at("[0.0, 0.5]"), "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["check"]["ok"] is False
    assert "disagree" in found["check"]["message"]
    assert found["gradient"] == {"x": [1.0, 1.0]}


def test_without_the_check_the_same_point_is_fine(model):
    result = run(model, "bound", *at("[0.0, 0.5]"), "--no-check")
    assert (result.exit_code, result.stderr.count("disagree")) == (0, 0)


# --- what cannot be used ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "points", "message"),
    [
        ("los", ["1"], "has no function 'los'; it has bound, contained, failing"),
        ("NUMBER", ["1"], "NUMBER in model.py is int, not a function"),
        ("loss", ["1", "2"], "cannot be called with 2 arguments"),
        ("two", ["1"], "cannot be called with 1 argument "),
        ("loss", ["[1, [2"], "neither JSON nor a Python literal"),
        ("loss", ["np.log(2)"], "neither JSON nor a Python literal"),
        ("loss", ["[[1], [2, 3]]"], "rows of different lengths"),
        ("loss", ["'text'"], "nothing to differentiate"),
        ("several", ["[1, 2]"], "must return a scalar"),
        ("unknown", ["[1, 2]"], "line 31 of model.py): numpy.fft.hfft"),
        ("failing", ["1"], "failing (line 34 of model.py) raised RuntimeError: no luck"),
        ("leaving", ["1"], "raised SystemExit: 7"),
    ],
)
def test_unusable_input_is_told_on_standard_error(model, function, points, message):
    result = run(model, function, *at(*points))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("target", "message"),
    [("model.py", "is not FILE:FUNCTION"), ("nowhere.py:f", "there is no file 'nowhere.py'"), (":f", "FILE:FUNCTION")],
)
def test_targets_that_are_no_functions_of_files(target, message):
    result = CliRunner().invoke(main, ["grad", target, "--at", "1"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [("def f(x:\n", "raised SyntaxError"), ("import nothing_of_this_name\n", "raised ModuleNotFoundError")],
)
def test_a_file_that_does_not_load(tmp_path, text, message):
    tmp_path.joinpath("broken.py").write_text(text)
    result = CliRunner().invoke(main, ["grad", f"{tmp_path / 'broken.py'}:f", "--at", "1"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "loading the file" in result.stderr
    assert message in result.stderr


def test_a_point_is_needed(model):
    result = run(model, "loss")
    assert result.exit_code == 2
    assert "--at" in result.stderr


# --- literals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.5", 1.5), ("2", 2), ("-1e3", -1000.0), ("true", True), ("None", None), ("'a'", "a"), ("(1.0, 2)", (1.0, 2))],
)
def test_literals_are_json_or_python(text, value):
    assert parsed(text) == value
    assert type(parsed(text)) is type(value)


@pytest.mark.parametrize("text", ["[1, 2]", "[1.0, 2]", " [1,2] "])
def test_lists_of_numbers_are_arrays_of_floats(text):
    assert parsed(text).dtype == np.float64
    assert parsed(text).tolist() == [1.0, 2.0]


def test_arrays_are_found_inside_containers():
    found = parsed("{'a': [[1, 2]], 'b': (1, [2])}")
    assert found["a"].shape == (1, 2)
    assert found["b"][0] == 1
    assert found["b"][1].tolist() == [2.0]


@pytest.mark.parametrize("text", ["", "x", "1 +", "__import__('os')", "[1, 2", "{1: }"])
def test_nothing_else_is_evaluated(text):
    with pytest.raises(UnusableError):
        parsed(text)
