"""The interpreter and the compiled source run the same plan: the first, second and third call give the same bits."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.special

import chainrule as cr
from chainrule.core.aval import FLOAT, Aval
from chainrule.core.cache import CACHE
from chainrule.core.function import Function
from chainrule.core.leaves import input_node, literal
from chainrule.ops.arithmetic import add, multiply
from chainrule.ops.elementwise import sin
from chainrule.run import program as programs
from chainrule.run import source
from chainrule.run.plan import make_plan
from chainrule.run.program import NUMPY, Program, interpret
from chainrule.trace.containers import flatten

V = np.array([0.3, -1.2, 2.5, 0.7])
M = np.array([[1.0, 0.2, -0.3, 0.5], [0.1, 2.0, 0.4, -0.2], [0.3, -0.1, 1.5, 0.6], [-0.2, 0.3, 0.1, 1.8]])
PLACES = np.array([3, 0, 0, 1])
FUNCTIONS = {
    "sum of squares": lambda x: np.sum(x * x),
    "polynomial": lambda x: np.sum(3 * x**3 - 2 * x**2 + x - 7),
    "negative power": lambda x: np.sum((x * x + 1) ** -2),
    "root": lambda x: np.sum(np.sqrt(x * x + 1)),
    "half power": lambda x: np.sum((x * x + 1) ** 0.5),
    "power of two": lambda x: np.sum(2.0**x),
    "power of itself": lambda x: np.sum((x * x + 0.5) ** x),
    "exp": lambda x: np.sum(np.exp(-x * x)),
    "expm1": lambda x: np.sum(np.expm1(x) * x),
    "log": lambda x: np.sum(np.log(x * x + 2)),
    "log1p": lambda x: np.sum(np.log1p(x * x)),
    "sin cos": lambda x: np.sum(np.sin(x) * np.cos(2 * x)),
    "tanh": lambda x: np.sum(np.tanh(M @ x)),
    "logistic": lambda x: np.sum(scipy.special.expit(x)),
    "softplus": lambda x: np.sum(np.log(1 + np.exp(x))),
    "logaddexp": lambda x: np.sum(np.logaddexp(x, V)),
    "logsumexp": lambda x: np.log(np.sum(np.exp(x))),
    "softmax": lambda x: np.sum(np.exp(x) / np.sum(np.exp(x)) * V),
    "absolute": lambda x: np.sum(np.abs(x - 0.5)),
    "maximum": lambda x: np.sum(np.maximum(x, 0.1) * V),
    "relu at a kink": lambda x: np.sum(np.maximum(x - V, 0.0)),
    "minimum": lambda x: np.sum(np.minimum(x, x[::-1])),
    "clip": lambda x: np.sum(np.clip(x, -1.0, 1.0) * V),
    "where": lambda x: np.sum(np.where(x > 0, np.sin(x), x * x)),
    "guarded where": lambda x: np.sum(np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0)),
    "unguarded where": lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)),
    "max": lambda x: np.max(x) * np.min(x),
    "max of equals": lambda x: np.max(x * 0.0 + 1.0),
    "mean": lambda x: np.mean((x - np.mean(x)) ** 2),
    "norm": lambda x: np.linalg.norm(x - V),
    "norm of a product": lambda x: np.linalg.norm(M @ x),
    "distance": lambda x: np.sqrt(np.sum((x - 1) ** 2)),
    "cumsum": lambda x: np.sum(np.cumsum(x) ** 2),
    "sort": lambda x: np.sum(np.sort(x) * V),
    "quadratic form": lambda x: x @ M @ x,
    "outer": lambda x: np.sum(np.outer(x, x) * M),
    "einsum": lambda x: np.einsum("i,ij,j->", x, M, x),
    "trace": lambda x: np.trace(np.outer(x, V) @ M),
    "diagonal": lambda x: np.sum(np.diagonal(np.outer(x, x)) * V),
    "solve": lambda x: np.sum(np.linalg.solve(M, x) * x),
    "solve in the matrix": lambda x: np.sum(np.linalg.solve(M + np.outer(x, x), V)),
    "inverse": lambda x: np.sum(np.linalg.inv(M + np.outer(x, x))),
    "log determinant": lambda x: np.linalg.slogdet(M + np.outer(x, x))[1],
    "cholesky": lambda x: np.sum(np.linalg.cholesky(np.eye(4) * 5 + np.outer(x, x))),
    "eigenvalues": lambda x: np.sum(np.linalg.eigvalsh(np.outer(x, x) + np.diag([1.0, 2, 3, 4])) ** 2),
    "gather": lambda x: np.sum(x[PLACES] * V),
    "mask": lambda x: np.sum(x[x > 0] ** 2),
    "slices": lambda x: np.sum(x[1:] * x[:-1]),
    "every other": lambda x: np.sum(x[::2] * x[1::2]) + np.sum(x[::-1] * V),
    "reshape": lambda x: np.sum(x.reshape(2, 2) @ x.reshape(2, 2)),
    "transpose": lambda x: np.sum(x.reshape(2, 2).T * x.reshape(2, 2)),
    "concatenate": lambda x: np.sum(np.concatenate([x, V, x[:1]]) ** 2),
    "stack": lambda x: np.sum(np.stack([x, x[::-1]], axis=1) ** 3),
    "broadcast": lambda x: np.sum(x[:, None] * x[None, :] + V),
    "identity": lambda x: np.sum(x),
    "constant": lambda x: 3.0,
    "held part": lambda x: np.sum(cr.stop_gradient(x) * x),
    "float32 data": lambda x: np.sum(x * V.astype("f4")),
    "integer data": lambda x: np.sum(x * np.arange(4)),
    "a long sum": lambda x: sum(np.sum(np.sin(k * x)) for k in range(30)),
    "a layer": lambda x: np.sum(np.tanh(M @ np.tanh(M @ x + 0.1) + 0.2) ** 2),
    "checkpoint": lambda x: np.sum(cr.checkpoint(lambda y: np.sin(y) * y)(x)),
    "nan": lambda x: np.sum(np.log(x)),
    "inf": lambda x: np.sum(1 / (x * 0.0)),
}
TRANSFORMS = {
    "value_and_grad": lambda f: cr.value_and_grad(f)(V),
    "hvp": lambda f: cr.hvp(f, (V,), (np.ones(4),)),
    "jvp": lambda f: cr.jvp(f, (V,), (np.ones(4),)),
}


def bits(results):
    return [(np.asarray(leaf).dtype.str, np.shape(leaf), np.asarray(leaf).tobytes()) for leaf in flatten(results)[0]]


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_first_second_and_third_call_have_the_same_bits(f, transform, monkeypatch):
    compiled = []
    original = programs._compiled
    monkeypatch.setattr(programs, "_compiled", lambda plan: (compiled.append(plan), original(plan))[1])
    CACHE.clear()
    first = bits(transform(f))
    assert not compiled
    second, third = bits(transform(f)), bits(transform(f))
    assert compiled
    assert first == second == third


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_program_cut_into_short_functions_has_the_same_bits(f, monkeypatch):
    monkeypatch.setattr(source, "STATEMENTS_PER_FUNCTION", 3)
    CACHE.clear()
    first, second = (bits(cr.value_and_grad(f)(V)) for _ in range(2))
    assert first == second
    CACHE.clear()


def chain(length):
    """A closed function of `length` operations one after the other, on a vector."""
    x = input_node(0, 0, Aval((2,), FLOAT))
    y = x
    for k in range(length):
        y = add(sin(y), literal(1.0)) if k % 2 else multiply(y, y)
    return Function([x], [y])


def statements(text):
    return sum(" = " in line for line in text.splitlines())


def test_a_long_program_is_written_as_several_functions():
    function = chain(9000)
    plan = make_plan(function)
    texts, _ = source.source_of(plan)
    assert len(texts) > 2
    assert all(statements(text) <= source.STATEMENTS_PER_FUNCTION for text in texts[:-1])
    assert sum(statements(text) for text in texts) >= len(plan.steps)
    x = np.array([0.3, -0.4])
    program = Program(plan)
    program.compile()
    assert program.is_compiled
    np.testing.assert_array_equal(program([x])[0], interpret(plan, [x], NUMPY)[0])


def test_a_very_long_program_stays_interpreted():
    program = Program(make_plan(chain(40_000)))
    assert len(program.plan.steps) > programs.LONGEST_COMPILED
    x = np.array([0.3, -0.4])
    results = [program([x])[0].tobytes() for _ in range(3)]
    assert not program.is_compiled
    assert len(set(results)) == 1


def test_a_program_is_interpreted_once_and_then_compiled():
    program = Program(make_plan(chain(4)))
    assert not program.is_compiled
    program([V[:2]])
    assert not program.is_compiled
    program([V[:2]])
    assert program.is_compiled


def test_a_plan_is_printable_data():
    x, y = (input_node(0, k, Aval((3,), FLOAT)) for k in range(2))
    plan = make_plan(Function([x, y], [add(multiply(x, y), literal(2.0)), sin(x)]))
    lines = str(plan).splitlines()
    assert lines[:2] == ["v0 = input 0: float64[3]", "v1 = input 1: float64[3]"]
    assert "v3 = 2.0" in lines
    assert any("multiply(v0, v1): float64[3]" in line for line in lines)
    assert lines[-1].startswith("return v")
    assert len(plan.outputs) == 2


def test_source_is_numpy_code_that_runs_by_itself():
    x, y = (input_node(0, k, Aval((3,), FLOAT)) for k in range(2))
    program = Program(make_plan(Function([x, y], [add(multiply(x, y), sin(x))])))
    names = {"np": np}
    exec(program.source, names)
    a, b = np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3])
    np.testing.assert_array_equal(names["program"](a, b)[0], a * b + np.sin(a))


def test_values_are_dropped_after_their_last_use():
    plan = make_plan(chain(6))
    freed = list(itertools.chain.from_iterable(step.last_uses for step in plan.steps))
    assert len(freed) == len(set(freed))
    assert not set(freed) & {*range(len(plan.inputs)), *plan.outputs}
    assert set(freed) == {step.target for step in plan.steps} - set(plan.outputs)


SCRIPT = """
import numpy as np, chainrule as cr
from chainrule.core.cache import CACHE
{prelude}
A = np.arange(12.0).reshape(3, 4)
def f(x, p):
    h = np.tanh(A @ x) * p["scale"] + p["shift"]
    return np.sum(h[h > 0] ** 2) + np.log(np.sum(np.exp(h))) + np.linalg.norm(x) * np.max(x) + p["scale"] * 3.7
args = (np.arange(1.0, 5.0), {{"scale": 2.0, "shift": np.ones(3)}})
cr.value_and_grad(f, (0, 1))(*args)
cr.hessian(f)(*args)
programs = [value for (kind, key), (value, weight) in CACHE._entries.items() if kind == "program"]
for program in programs[-2:]:
    print(program.source)
    print(program.plan)
print([x.tobytes().hex() for x in cr.grad(f, (0,))(*args)])
"""


def test_a_fresh_process_writes_the_same_source():
    preludes = ["", "keep = [cr.grad(lambda x, k=k: np.sum(np.sin(x) ** k))(np.ones(3)) for k in range(20)]"]
    outputs = []
    for seed, prelude in zip(("0", "4711"), preludes, strict=True):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(prelude=prelude)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        outputs.append(run.stdout)
    assert "def program" in outputs[0]
    assert outputs[0] == outputs[1]
