"""The README, the pages of `docs` and the examples: their code runs and prints what they say, links lead on."""

import contextlib
import doctest
import io
import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import chainrule as cr
from chainrule import errors
from chainrule.cli import main

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted(ROOT.glob("docs/**/*.md"))]
EXAMPLES = sorted(ROOT.glob("examples/*.py"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page, language):
    """Code blocks of a language."""
    return [text for name, text in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def pairs(page):
    """Programs of a page with the output that stands below each."""
    found = [
        (name, text) for name, text in FENCE.findall(page.read_text(encoding="utf-8")) if name in ("python", "text")
    ]
    assert [name for name, _ in found] == ["python", "text"] * (len(found) // 2), f"{page.name}: code without output"
    return [(found[k][1], found[k + 1][1]) for k in range(0, len(found), 2)]


# Errors of a check are rounding, which another machine does otherwise; and with them the place of the largest.
ROUNDING = re.compile(r"\d\.\de[-+]\d\d +\d\.\de[-+]\d\d +\S+$", re.MULTILINE)


def require_output(got, wanted):
    got, wanted = ROUNDING.sub("small  small  somewhere", got), ROUNDING.sub("small  small  somewhere", wanted)
    assert doctest.OutputChecker().check_output(wanted, got, OPTIONS), f"printed:\n{got}\nexpected:\n{wanted}"


def rows(page, columns):
    """Cells of the table rows whose first cell is code."""
    lines = page.read_text(encoding="utf-8").splitlines()
    table = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")]
    assert all(len(row) == columns for row in table)
    return [[cell.strip().strip("|").strip() for cell in row] for row in table]


# --- code and links --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [page for page in PAGES if pairs(page)], ids=lambda page: page.name)
def test_the_code_prints_what_the_page_says(page):
    namespace = {}
    for program, output in pairs(page):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(program, page.name, "exec"), namespace)
        require_output(printed.getvalue(), output)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not page.parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_examples_print_what_they_say(example, capsys):
    said = example.read_text(encoding="utf-8").partition("\n# Output:\n")[2]
    wanted = "\n".join(line.removeprefix("#").removeprefix(" ") for line in said.splitlines())
    runpy.run_path(str(example))
    printed = capsys.readouterr().out
    assert printed.strip() != ""
    require_output(printed, wanted + "\n")


def test_the_pages_and_examples_are_found():
    assert len(EXAMPLES) >= 10
    assert {page.stem for page in PAGES} >= {"README", "index", "kinks", "engine", "limits", "transforms", "functions"}


# --- the README ------------------------------------------------------------------------------------------------------


def test_the_commands_of_the_readme(tmp_path, monkeypatch):
    setup, test, grad = blocks(README, "sh")
    assert setup == "python -m pip install . && python -m chainrule tour\n"  # what the tour prints is tested in `cli`
    assert test == 'python -m pip install ".[test]" && python -m pytest\n'
    tmp_path.joinpath("model.py").write_text("import numpy as np\n\ndef loss(x):\n    return np.sum(x**3)\n")
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(grad)
    result = CliRunner().invoke(main, arguments)
    assert (program, result.exit_code) == ("chainrule", 0)
    assert "[ 3. 12.]" in result.stdout


def test_the_readme_names_every_public_function():
    text = README.read_text(encoding="utf-8")
    told = set(re.findall(r"\b(\w+)\(", "".join(line for line in text.splitlines(keepends=True) if line[:3] == "| `")))
    functions = {name for name in cr.__all__ if callable(getattr(cr, name)) and not isinstance(getattr(cr, name), type)}
    assert told <= functions
    assert functions - told <= LATER


LATER = {"stop_gradient", "symbols"}  # small, or not told on the first page yet


# --- the reference ---------------------------------------------------------------------------------------------------


def test_the_list_of_functions_is_up_to_date():
    generator = runpy.run_path(str(ROOT / "docs/reference/generate.py"))
    written = generator["PAGE"].read_text(encoding="utf-8")
    assert written == generator["page"](), "run: python docs/reference/generate.py"


@pytest.mark.parametrize(
    ("expression", "point", "gradient"),
    rows(ROOT / "docs/explanation/kinks.md", 3),
)
def test_the_table_of_kinks(expression, point, gradient):
    names = {"np": np}
    at, wanted = eval(point.strip("`"), names), eval(gradient.strip("`"), names)
    f = eval(f"lambda x: {expression.strip('`')}", names)
    found = cr.grad(f)(at)
    assert np.shape(found) == np.shape(wanted)
    assert np.array_equal(found, wanted, equal_nan=True)


@pytest.mark.parametrize(("written", "error", "fix"), rows(ROOT / "docs/guides/limits.md", 3))
def test_the_table_of_refusals(written, error, fix):
    import math

    f = eval(f"lambda x: {written.strip('`')}", {"np": np, "math": math})
    with pytest.raises(getattr(errors, error.strip("`"))):
        cr.grad(f)(0.5)
    assert fix != ""
