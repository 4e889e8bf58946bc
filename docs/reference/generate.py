"""Writes `functions.md`, the list of NumPy and SciPy functions that chainrule answers.

Run it after adding a function: ``python docs/reference/generate.py``. The tests fail while the list is out of date.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np

import chainrule.scipy.linalg
import chainrule.scipy.special  # noqa: F401 - both answer more functions once they are imported
from chainrule.trace.array import Array
from chainrule.trace.dispatch import provided_functions

PAGE = Path(__file__).parent / "functions.md"

HEAD = """\
# Functions that can be differentiated

Written by `generate.py` beside this page, from the table that answers the calls. A function that is not here is refused
by name, and so is a keyword that its answer does not know; see [what is refused](../guides/limits.md). Operators (`+`,
`@`, `**`, `<` ...) are the functions of the same meaning; indexing and assignment work as in NumPy.
"""


def place(function: object) -> str:
    """The module under which users know a function."""
    if isinstance(function, np.ufunc):
        return "numpy" if getattr(np, function.__name__, None) is function else "scipy.special"
    module = str(getattr(function, "__module__", "numpy"))
    # SciPy's functions that are no ufuncs have doors of ours, under SciPy's public names.
    public, _, _ = module.partition("._")
    return f"chainrule.{public}" if public.startswith("scipy.") else module


def page() -> str:
    """The whole page."""
    groups: dict[str, set[str]] = defaultdict(set)
    for function in provided_functions():
        if not function.__name__.startswith("_"):
            groups[place(function)].add(function.__name__)
    methods = {name for name in vars(Array) if not name.startswith("_") and hasattr(np.ndarray, name)}
    sections = [(f"`{module}`", groups[module]) for module in sorted(groups)]
    sections.append(("Methods and attributes of arrays", methods))
    text = HEAD
    for title, names in sections:
        text += f"\n## {title}\n\n" + " · ".join(f"`{name}`" for name in sorted(names)) + "\n"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
