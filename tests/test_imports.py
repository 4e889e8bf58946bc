"""What `import chainrule` loads, and what it must not."""

import json
import subprocess
import sys

import pytest

LAZY = ["matplotlib", "click", "rich", "scipy.optimize", "jax", "torch", "chainrule.cli", "chainrule.data"]


def loaded(statement):
    """Modules that are there after a statement in a new process."""
    program = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def modules():
    return loaded("import chainrule")


@pytest.mark.parametrize("name", LAZY)
def test_importing_loads_nothing_that_is_not_needed(modules, name):
    assert name not in modules


def test_minimising_loads_what_it_needs():
    assert "scipy.optimize" in loaded("import chainrule; chainrule.minimize(lambda x: x * x, 1.0)")


def test_no_public_name_is_hidden_by_a_module():
    program = (
        "import chainrule, importlib, pkgutil; "
        "[importlib.import_module(m.name) for m in pkgutil.walk_packages(chainrule.__path__, 'chainrule.')"
        " if not m.name.endswith('__main__')]; "
        "print([n for n in chainrule.__all__ if type(getattr(chainrule, n)).__name__ == 'module'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
