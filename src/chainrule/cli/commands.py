"""The commands and their options."""

from __future__ import annotations

import sys

import click

OK, FAILED, UNUSABLE = 0, 1, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="chainrule")
def main() -> None:
    """Multivariable calculus for NumPy code: exact derivatives of plain NumPy functions."""


@main.command()
def tour() -> None:
    """Fit real data, then recompute a textbook chapter and compare with its closed forms."""
    from chainrule.cli.tour import run

    sys.exit(OK if run(click.echo) else FAILED)


@main.command()
@click.argument("target", metavar="FILE:FUNCTION")
@click.option(
    "--at",
    "points",
    multiple=True,
    required=True,
    metavar="VALUE",
    help="One argument of the function: a number, or a list of numbers for an array. Repeat it for each argument.",
)
@click.option("--hessian", is_flag=True, help="Second derivatives too.")
@click.option("--check/--no-check", default=True, help="Compare with differences (the default).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def grad(target: str, points: tuple[str, ...], hessian: bool, check: bool, as_json: bool) -> None:
    r"""Print value and gradient of FUNCTION, from the Python file FILE, at a point.

    \b
    Examples:
      chainrule grad model.py:loss --at "[1.0, 2.0]"
      chainrule grad model.py:f --at 1.5 --at "[[1, 2], [3, 4]]" --hessian --json
    """
    from chainrule.cli.differentiate import UnusableError, differentiate

    try:
        answer = differentiate(target, points, hessian, check)
    except UnusableError as error:
        click.echo(f"chainrule grad: {error}", err=True)
        sys.exit(UNUSABLE)
    click.echo(answer.json() if as_json else answer.text())
    if answer.mismatch:
        click.echo(answer.mismatch, err=True)
        sys.exit(FAILED)
