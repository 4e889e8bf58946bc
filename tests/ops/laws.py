"""What holds for every op, whatever it computes: the laws, each a function of one example and a random generator.

An example (`OpCase`) says how the op is called, on what, and what NumPy answers. The tables of examples are in the
`test_<family>.py` beside this file; a test there fails when a registered op has no example.

Pitfalls. The complex step is false, without showing it, for functions that compare or take an absolute value, and for
LAPACK paths that conjugate: such examples say ``analytic=False``. Draws stay away from kinks, where two-sided
differences answer for neither side; the conventions at kinks have tests of their own.
"""

import copy
import itertools
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special

from chainrule.core.aval import BOOL, FLOAT, INT, Aval
from chainrule.core.function import Function
from chainrule.core.leaves import input_node
from chainrule.core.node import Node, topological
from chainrule.core.op import ElementwiseOp, Op, op_named
from chainrule.diff.batch import batch
from chainrule.diff.forward import pushforward
from chainrule.diff.jacobian import jacobian
from chainrule.diff.reverse import pullback
from chainrule.ops import kernels
from chainrule.run.plan import make_plan
from chainrule.run.program import NUMPY, Program, call_host, interpret, run
from chainrule.run.scalar import SCALAR_FUNCTIONS
from chainrule.run.source import source_of
from chainrule.trace.array import Array
from chainrule.trace.function import result_nodes
from chainrule.trace.tracer import opened
from tests.oracles import complex_step, mp_elementwise, richardson, tolerance

FLOAT32 = np.dtype(np.float32)
Values = Sequence[Any]


# --- operands --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draw:
    """Random values of one operand: its shape, the kind of its dtype, and how float64 values are drawn."""

    shape: tuple[int, ...]
    sample: Callable[[np.random.Generator, tuple[int, ...]], Any]
    kind: str = "f"
    symmetric: bool = False  # the op reads a symmetric matrix: directions must stay symmetric
    weak: bool = False  # a Python number

    def __str__(self) -> str:
        shape = "number" if self.weak else "x".join(map(str, self.shape)) or "scalar"
        return shape if self.kind == "f" else f"{self.kind}{shape}"

    def aval(self, dtype: np.dtype[Any]) -> Aval:
        """Abstract value, floats being of `dtype` (Python's are always float64)."""
        kinds = {"f": FLOAT if self.weak else dtype, "i": INT, "b": BOOL}
        return Aval(self.shape, kinds[self.kind], self.weak)

    def value(self, rng: np.random.Generator, dtype: np.dtype[Any]) -> Any:
        """Random numbers."""
        value = np.asarray(self.sample(rng, self.shape))
        return value.item() if self.weak else value.astype(self.aval(dtype).dtype)

    def direction(self, rng: np.random.Generator) -> Any:
        """A random direction, short enough to stay in the domain."""
        direction = rng.uniform(-0.5, 0.5, self.shape)
        return (direction + direction.swapaxes(-1, -2)) / 2 if self.symmetric else direction


def reals(*shape: int) -> Draw:
    """Numbers of both signs, away from 0."""
    return Draw(shape, lambda rng, s: rng.uniform(0.3, 2.0, s) * rng.choice([-1.0, 1.0], s))


def positive(*shape: int) -> Draw:
    """Positive numbers."""
    return Draw(shape, lambda rng, s: rng.uniform(0.4, 2.0, s))


def distinct(*shape: int) -> Draw:
    """Numbers no two of which are close."""

    def sample(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        size = int(np.prod(shape))
        return ((rng.permutation(size) - size / 2) * 0.7 + rng.uniform(0.1, 0.3, size)).reshape(shape)

    return Draw(shape, sample)


def booleans(*shape: int) -> Draw:
    """Truth values."""
    return Draw(shape, lambda rng, s: rng.random(s) < 0.5, "b")


def integers(*shape: int, below: int) -> Draw:
    """Integers from 0 up to `below`, exclusive."""
    return Draw(shape, lambda rng, s: rng.integers(below, size=s), "i")


def nonsingular(*shape: int) -> Draw:
    """Well-conditioned square matrices."""
    return Draw(shape, lambda rng, s: 2.0 * np.eye(s[-1]) + rng.uniform(-0.4, 0.4, s))


def spectrum(*shape: int) -> Draw:
    """Symmetric positive definite matrices with well separated eigenvalues."""

    def sample(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        q, _ = np.linalg.qr(rng.normal(size=shape))
        w = np.arange(1, shape[-1] + 1) + rng.uniform(-0.2, 0.2, shape[-1])
        a = (q * w) @ q.swapaxes(-1, -2)
        return (a + a.swapaxes(-1, -2)) / 2

    return Draw(shape, sample, symmetric=True)


def number() -> Draw:
    """A Python float."""
    return Draw((), lambda rng, s: rng.uniform(0.4, 2.0, s), weak=True)


# --- examples --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpCase:
    """One op on operands of given shapes.

    Attributes
    ----------
    op : str
        Name in the registry.
    door : callable
        Nodes to a node, or to several.
    operands : tuple of Draw
    reference : callable
        Arrays to NumPy's answer, or to several.
    traced : callable or None
        What users write: called on handles it gives the node that the door gives. None for ops that only rules use.
    exact : callable or None
        The same for mpmath numbers, of an elementwise op.
    analytic : bool
        Whether `reference` takes complex numbers, so that the complex step is exact.
    derives_as : callable or None
        What the op differentiates as, where that is not the reference.
    condition : float
        How much the problem amplifies roundings of its data; each derivative amplifies them once more.
    note : str
        Tells examples of one op apart.
    """

    op: str
    door: Callable[..., Any]
    operands: tuple[Draw, ...]
    reference: Callable[..., Any]
    traced: Callable[..., Any] | None = None
    exact: Callable[..., Any] | None = None
    analytic: bool = False
    derives_as: Callable[..., Any] | None = None
    condition: float = 4.0
    note: str = ""
    held: frozenset[int] = field(default_factory=frozenset)  # operands through which no derivative is asked for

    def __str__(self) -> str:
        return " ".join(part for part in (self.op, self.note, *map(str, self.operands)) if part)

    @property
    def instance(self) -> Op:
        return op_named(self.op)

    def function(self, dtype: np.dtype[Any] = FLOAT) -> Function:
        """The example as a closed Function."""
        inputs = [input_node(0, k, draw.aval(dtype)) for k, draw in enumerate(self.operands)]
        return Function(inputs, _several(self.door(*inputs)))

    def values(self, rng: np.random.Generator, dtype: np.dtype[Any] = FLOAT) -> list[Any]:
        """Random operands."""
        return [draw.value(rng, dtype) for draw in self.operands]

    @property
    def active(self) -> tuple[int, ...]:
        """Numbers of the operands to differentiate by."""
        return tuple(k for k, draw in enumerate(self.operands) if draw.kind == "f" and k not in self.held)

    def directions(self, rng: np.random.Generator) -> list[Any]:
        """A random direction for each operand to differentiate by."""
        return [self.operands[k].direction(rng) for k in self.active]

    def allowed(self, dtype: Any, order: int = 0, error: float = 0.0) -> float:
        """Relative error to allow in the value (order 0) or in a derivative."""
        terms = max([int(np.prod(draw.shape)) for draw in self.operands], default=1)
        return tolerance(dtype, self.condition ** (order + 1), terms=terms, error=error)


@dataclass(frozen=True)
class ErrorCase:
    """A call that is refused: with which class, and in which words."""

    call: Callable[[], Any]
    error: type[Exception]
    message: str

    def __str__(self) -> str:
        return f"{self.error.__name__} {self.message[:60]}"

    def require(self) -> None:
        """The call raises this error, in these words, and says how to mend it."""
        with pytest.raises(self.error, match=self.message) as caught:
            self.call()
        assert "\n  Fix: " in str(caught.value)


def nodes(*shapes: tuple[int, ...], dtype: Any = FLOAT) -> list[Node]:
    """Inputs of the given shapes."""
    return [input_node(0, k, Aval(shape, np.dtype(dtype))) for k, shape in enumerate(shapes)]


def evaluated(function: Function, values: Values) -> list[Any]:
    """The outputs of a Function, by a program of its own (a first run, so interpreted)."""
    return Program(make_plan(function))(values)


def close(actual: Any, expected: Any, allowed: float, size: Any = None) -> bool:
    """Whether two results agree, relative to the largest entry of the expected one, or to `size`; nan equals nan."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        return False
    if size is None:
        finite = np.abs(np.where(np.isfinite(expected), expected, 0))
        size = finite.max(initial=0.0)
    with np.errstate(invalid="ignore"):
        near = np.abs(np.subtract(actual, expected, dtype=np.result_type(actual, expected, float))) <= allowed * size
    same = (actual == expected) | ((actual != actual) & (expected != expected))
    return bool(np.all(near | same))


def _several(results: Any) -> tuple[Any, ...]:
    return tuple(results) if isinstance(results, tuple | list) else (results,)


def _floating(results: Iterable[Any]) -> list[Any]:
    return [result for result in results if np.asarray(result).dtype.kind in "fc"]


def _float_outputs(function: Function) -> list[Node]:
    return [output for output in function.outputs if output.dtype.kind == "f"]


def _dot(xs: Iterable[Any], ys: Iterable[Any]) -> tuple[float, float]:
    """The inner product of two lists of arrays, and the sum of the sizes of its terms."""
    products = [np.asarray(x) * np.asarray(y) for x, y in zip(xs, ys, strict=True)]
    return sum(float(np.sum(p)) for p in products), sum(float(np.sum(np.abs(p))) for p in products)


def _moved(case: OpCase, values: Values, directions: Values, t: Any) -> list[Any]:
    moved = list(values)
    for k, direction in zip(case.active, directions, strict=True):
        moved[k] = values[k] + t * direction
    return moved


# --- the laws --------------------------------------------------------------------------------------------------------


def evaluates_as_numpy(case: OpCase, rng: np.random.Generator) -> None:
    """The numbers are NumPy's; of an elementwise op they are the true ones too."""
    for dtype in (FLOAT, FLOAT32):
        values = case.values(rng, dtype)
        with np.errstate(all="ignore"):
            expected = _several(case.reference(*values))
        actual = evaluated(case.function(dtype), values)
        assert len(actual) == len(expected)
        for result, wanted in zip(actual, expected, strict=True):
            assert close(result, wanted, case.allowed(np.asarray(wanted).dtype))
        if case.exact is not None:
            (result,) = actual
            true = mp_elementwise(case.exact, values)
            assert close(result, true, tolerance(result.dtype), np.abs(true))


def derivative_is_exact(case: OpCase, rng: np.random.Generator) -> None:
    """Partial derivatives of an elementwise op agree with mpmath's, entry by entry, to the last digits."""
    assert case.exact is not None
    function, values = case.function(), case.values(rng)
    for k in case.active:
        order = tuple(int(i == k) for i in range(len(values)))

        def partial(*point: Any, order: tuple[int, ...] = order) -> Any:
            return mpmath.diff(case.exact, point, order)

        tangent = np.ones(np.shape(values[k]))
        (pushed,) = evaluated(pushforward(function, (k,)), [*values, tangent])
        assert close(pushed, mp_elementwise(partial, values), case.allowed(FLOAT, order=1))


def infers_the_result(case: OpCase, rng: np.random.Generator) -> None:
    """Shape and dtype are known before anything is computed, and are NumPy's."""
    for dtype in (FLOAT, FLOAT32):
        function, values = case.function(dtype), case.values(rng, dtype)
        with np.errstate(all="ignore"):
            expected = _several(case.reference(*values))
        for aval, result, wanted in zip(function.output_avals, evaluated(function, values), expected, strict=True):
            assert (aval.shape, aval.dtype) == (np.shape(result), result.dtype)
            assert (aval.shape, aval.dtype) == (np.shape(wanted), np.asarray(wanted).dtype)
            assert aval.shape == () or not aval.weak, "only numbers are weak"


UNARY_SHAPES = [((),), ((3,),), ((0, 2),), ((1, 1),)]
BINARY_SHAPES = [
    ((), ()),
    ((3,), (3,)),
    ((3,), ()),
    ((1,), (3,)),
    ((0, 3), (3,)),
    ((0,), (1,)),
    ((2, 1, 3), (4, 1)),
    ((1, 1), (1,)),
]


def promotes_as_numpy(case: OpCase, rng: np.random.Generator) -> None:
    """An elementwise op answers every mixture of shapes, dtypes and Python numbers as NumPy does."""
    count = len(case.operands)
    kinds: list[Any] = [FLOAT, FLOAT32, np.dtype(np.float16), INT, np.dtype(np.int8), float, int]
    many_shapes = [((),) * count, ((2, 1), *[(3,)] * (count - 1))]
    if count > 2:  # every mixture would be thousands
        kinds = [FLOAT, FLOAT32, INT, float]
    for shapes in {1: UNARY_SHAPES, 2: BINARY_SHAPES}.get(count, many_shapes):
        for chosen in itertools.product(kinds, repeat=count):
            if any(isinstance(kind, type) and shape for kind, shape in zip(chosen, shapes, strict=True)):
                continue
            values, avals = [], []
            for kind, shape in zip(chosen, shapes, strict=True):
                array = rng.integers(1, 3, shape)
                weak = isinstance(kind, type)
                values.append(kind(array) if weak else array.astype(kind))
                avals.append(Aval(shape, np.dtype(kind), weak))
            inputs = [input_node(0, k, aval) for k, aval in enumerate(avals)]
            with np.errstate(all="ignore"):
                wanted = case.reference(*values)
            function = Function(inputs, [case.door(*inputs)])
            (result,) = evaluated(function, values)
            (aval,) = function.output_avals
            assert (aval.shape, aval.dtype) == (np.shape(wanted), np.asarray(wanted).dtype), (shapes, chosen)
            assert (np.shape(result), result.dtype) == (aval.shape, aval.dtype), (shapes, chosen)


def forward_mode_is_the_derivative(case: OpCase, rng: np.random.Generator) -> None:
    """The pushforward along a random direction is the complex step's, or that of extrapolated differences."""
    function, values = case.function(), case.values(rng)
    directions = case.directions(rng)
    pushed = evaluated(pushforward(function, case.active), [*values, *directions])
    reference = case.derives_as if case.derives_as is not None else case.reference
    count = len(_floating(_several(reference(*values))))
    assert len(pushed) == count
    for k in range(count):

        def along(t: Any, k: int = k) -> Any:
            return _floating(_several(reference(*_moved(case, values, directions, t))))[k]

        if case.analytic:
            expected, error = complex_step(along, 0.0, 1.0), 0.0
        else:
            expected, errors = richardson(along, 0.0, 1.0)
            error = 8 * float(np.max(errors, initial=0.0)) / max(1.0, float(np.max(np.abs(expected), initial=0.0)))
        size = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
        assert close(pushed[k], expected, case.allowed(FLOAT, 1, error), size)


def modes_are_transposes(case: OpCase, rng: np.random.Generator) -> None:
    """⟨w, J v⟩ = ⟨J'w, v⟩ for random v and w."""
    function, values, v = case.function(), case.values(rng), case.directions(rng)
    w = [rng.uniform(-1, 1, y.shape) for y in _float_outputs(function)]
    pushed = evaluated(pushforward(function, case.active), [*values, *v])
    pulled = evaluated(pullback(function, case.active), [*values, *w])
    forward, size = _dot(w, pushed)
    backward, other = _dot(pulled, v)
    assert close(forward, backward, case.allowed(FLOAT, 1), max(size, other))


def second_orders_agree(case: OpCase, rng: np.random.Generator) -> None:
    """Both modes over both modes give one Hessian, that of differences of the gradient."""
    function, values = case.function(), case.values(rng)
    active = case.active
    u, v = case.directions(rng), case.directions(rng)
    w = [rng.uniform(-1, 1, y.shape) for y in _float_outputs(function)]
    pushed, pulled = pushforward(function, active), pullback(function, active)
    pairs = {
        "forward over reverse": _dot(u, evaluated(pushforward(pulled, active), [*values, *w, *v])),
        "reverse over reverse": _dot(v, evaluated(pullback(pulled, active), [*values, *w, *u])),
        "forward over forward": _dot(w, evaluated(pushforward(pushed, active), [*values, *v, *u])),
        "reverse over forward": _dot(u, evaluated(pullback(pushed, active), [*values, *v, *w])),
    }
    program = Program(make_plan(pulled))

    def gradient(t: Any) -> Any:
        return _dot(u, program([*_moved(case, values, v, t), *w]))[0]

    difference, estimate = richardson(gradient, 0.0, 1.0)
    size = max(1.0, *[size for _, size in pairs.values()])
    error = 8 * float(estimate) / size
    for pair, (second, _) in pairs.items():
        assert close(second, difference, case.allowed(FLOAT, 2, error), size), pair
        assert close(second, pairs["forward over reverse"][0], case.allowed(FLOAT, 2), size), pair


def tracing_gives_the_node(case: OpCase, rng: np.random.Generator) -> None:
    """What users write gives the very node that the door gives."""
    assert case.traced is not None
    with opened("test") as trace:
        handles = [
            Array(trace.add_input(draw.aval(FLOAT), value), trace)
            for draw, value in zip(case.operands, case.values(rng), strict=True)
        ]
        traced = result_nodes(trace, _several(case.traced(*handles)), "test")
        function, _ = trace.close(traced)
    expected = case.function()
    assert function.inputs == expected.inputs
    for node, wanted in zip(function.outputs, expected.outputs, strict=True):
        assert node is wanted, f"{node}\n\ninstead of\n\n{wanted}"


def source_runs_alone(case: OpCase, rng: np.random.Generator) -> None:
    """The generated source, run by itself, and the compiled program give the bits of the interpreter."""
    for function, values in _with_derivatives(case, rng):
        plan = make_plan(function)
        program = Program(plan)
        first = program(values)
        second = program(values)
        assert program.is_compiled
        _require_identical(first, second)
        _require_fresh(second, values)
        texts, constants = source_of(plan)
        names: dict[str, Any] = {"np": np, "special": scipy.special, "kernels": kernels, "run": run}
        names |= {"call_host": call_host, **constants}
        if plan.scalar:
            names |= SCALAR_FUNCTIONS
            values = [float(value) for value in values]
        elif not constants:
            assert program.source == "\n".join(texts)
        exec("\n".join(texts), names)
        with np.errstate(all="ignore"):
            alone = names["program"](*values)
            if plan.scalar:
                alone = [dtype.type(value) for value, dtype in zip(alone, plan.dtypes, strict=True)]
            _require_identical(first, alone)
            if plan.scalar:  # and Python floats agree with NumPy to rounding
                for one, other in zip(first, interpret(plan, values, NUMPY), strict=True):
                    assert close(one, other, case.allowed(FLOAT, 1))


def _with_derivatives(case: OpCase, rng: np.random.Generator) -> Iterator[tuple[Function, list[Any]]]:
    """The example, its pullback and its pushforward, each with values for its inputs."""
    for dtype in (FLOAT, FLOAT32):
        function, values = case.function(dtype), case.values(rng, dtype)
        yield function, values
        if case.active:
            pulled, pushed = pullback(function, case.active), pushforward(function, case.active)
            yield pulled, [*values, *_fill(rng, pulled.inputs[len(values) :])]
            yield pushed, [*values, *_fill(rng, pushed.inputs[len(values) :])]


def _fill(rng: np.random.Generator, inputs: Sequence[Node], lead: tuple[int, ...] = ()) -> list[Any]:
    """Random (co)tangents for inputs."""
    return [
        float(rng.uniform(-1, 1)) if x.aval.weak and not lead else rng.uniform(-1, 1, (*lead, *x.shape)).astype(x.dtype)
        for x in inputs
    ]


def _require_identical(first: Iterable[Any], second: Iterable[Any]) -> None:
    for one, other in zip(first, second, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert one.tobytes() == other.tobytes()


def _require_fresh(results: Sequence[Any], values: Values) -> None:
    """Results are the caller's own: writeable, sharing memory with no argument and with one another."""
    arrays = [result for result in results if isinstance(result, np.ndarray)]
    for k, array in enumerate(arrays):
        assert array.flags.writeable
        others = [*[value for value in values if isinstance(value, np.ndarray)], *arrays[:k]]
        assert not any(np.shares_memory(array, other) for other in others)


def is_one_object(case: OpCase, rng: np.random.Generator) -> None:
    """Equal construction, pickling and copying give the same object; what is printed does not change."""
    for function, _ in _with_derivatives(case, rng):
        for node in function.outputs:
            assert pickle.loads(pickle.dumps(node)) is node
            assert copy.deepcopy(node) is node
            assert copy.copy(node) is node
            assert repr(node) == repr(pickle.loads(pickle.dumps(node)))
            assert len(node.digest) == 16
        assert pickle.loads(pickle.dumps(function)) == function
    assert case.function() == case.function()
    assert repr(case.function().outputs) == repr(case.function().outputs)
    mentioned = [node.op.name for node in topological(case.function().outputs)]
    assert case.op in mentioned, f"the example makes {mentioned}, not {case.op}"


def keeps_dtypes(case: OpCase, rng: np.random.Generator) -> None:
    """A cotangent has the dtype and weakness of its operand, a tangent those of its result; so float32 stays."""
    for dtype in (FLOAT, FLOAT32):
        function = case.function(dtype)
        values = case.values(rng, dtype)
        for derived, like in (
            (pullback(function, case.active), [function.inputs[k] for k in case.active]),
            (pushforward(function, case.active), _float_outputs(function)),
        ):
            results = evaluated(derived, [*values, *_fill(rng, derived.inputs[len(values) :])])
            for node, result, wanted in zip(derived.outputs, results, like, strict=True):
                assert node.aval == wanted.aval
                assert (np.shape(result), result.dtype) == (wanted.shape, wanted.dtype)


def batch_is_a_loop(case: OpCase, rng: np.random.Generator) -> None:
    """A stack of operands gives the stack of results, also where the stack is as long as one of the op's axes."""
    for dtype in (FLOAT, FLOAT32):
        function = case.function(dtype)
        draws = [draw.value for draw in case.operands]
        for size in _sizes(function):
            for flags in _subsets(len(draws)):
                _require_loop(case, function, flags, size, _stacks(draws, flags, size, rng, dtype), 0)


def batch_of_derivatives_is_a_loop(case: OpCase, rng: np.random.Generator) -> None:
    """The same for the pullback and the pushforward: stacks of (co)tangents, of operands, and of both."""
    function = case.function()
    draws = [draw.value for draw in case.operands]
    for derived in (pullback(function, case.active), pushforward(function, case.active)):
        seeds = derived.inputs[len(draws) :]
        for size in _sizes(function):
            for primal, seed in ((False, True), (True, False), (True, True)):
                flags = (*[primal] * len(draws), *[seed] * len(seeds))
                values = _stacks(draws, flags[: len(draws)], size, rng, FLOAT)
                values += _fill(rng, seeds, (size,) if seed else ())
                if any(flags):
                    _require_loop(case, derived, flags, size, values, 1)


def batch_of_batch_is_two_loops(case: OpCase, rng: np.random.Generator) -> None:
    """Stacks of stacks, of operands and of (co)tangents, of one length and of two."""
    function = case.function()
    count = len(case.operands)
    derived = [pullback(function, case.active), pushforward(function, case.active)] if case.active else []
    for inner in (function, *derived):
        extra = len(inner.inputs) - count
        for size in _sizes(function)[-2:]:
            for first, second in ((size, size), (2, size)):
                for inside, outside in itertools.product(_subsets(count)[-2:], repeat=2):
                    once = batch(inner, (*inside, *[True] * extra), first)
                    flags = (*outside, *[True] * extra)
                    values = []
                    for k, draw in enumerate(case.operands):
                        lead = ((second,) if outside[k] else ()) + ((first,) if inside[k] else ())
                        entries = [draw.value(rng, FLOAT) for _ in range(int(np.prod(lead)))]
                        values.append(np.array(entries).reshape((*lead, *draw.shape)) if lead else entries[0])
                    values += _fill(rng, inner.inputs[count:], (second, first))
                    _require_loop(case, once, flags, second, values, int(inner is not function))


def jacobians_are_loops(case: OpCase, rng: np.random.Generator) -> None:
    """Both modes give the Jacobian that products with unit vectors give, column by column."""
    function, values = case.function(), case.values(rng)
    outputs = _float_outputs(function)
    floating = Function(function.inputs, outputs)
    expected: list[list[Any]] = [[] for _ in outputs]
    for k in case.active:
        x = function.inputs[k]
        program = Program(make_plan(pushforward(floating, (k,))))
        columns: list[list[Any]] = [[] for _ in outputs]
        for unit in np.eye(int(np.prod(x.shape))):
            for column, pushed in zip(columns, program([*values, unit.reshape(x.shape)]), strict=True):
                column.append(pushed)
        for j, (y, column) in enumerate(zip(outputs, columns, strict=True)):
            block = np.stack(column, axis=-1) if column else np.zeros((*y.shape, 0))
            expected[j].append(block.reshape((*y.shape, *x.shape)))
    wanted = [block for row in expected for block in row]
    for mode in ("forward", "reverse"):
        derived = jacobian(floating, case.active, mode)
        blocks = evaluated(Function(derived.inputs, derived.outputs[len(outputs) :]), values)
        for block, other in zip(blocks, wanted, strict=True):
            assert close(block, other, case.allowed(FLOAT, 1)), mode


def _sizes(function: Function) -> list[int]:
    """Every size of an axis that occurs, 1, and one that does not occur."""
    shapes = [node.shape for node in (*function.inputs, *function.outputs)]
    known = {int(size) for shape in shapes for size in shape if size} | {1}
    return [*sorted(known), max(known) + 2]


def _subsets(count: int) -> list[tuple[bool, ...]]:
    """Every choice of operands to stack but that of none; the last is that of all."""
    return list(itertools.product((False, True), repeat=count))[1:]


def _stacks(
    draws: Sequence[Callable[..., Any]],
    flags: Sequence[bool],
    size: int,
    rng: np.random.Generator,
    dtype: np.dtype[Any],
) -> list[Any]:
    return [
        np.array([draw(rng, dtype) for _ in range(size)]) if stacked else draw(rng, dtype)
        for draw, stacked in zip(draws, flags, strict=True)
    ]


def _require_loop(
    case: OpCase, function: Function, flags: tuple[bool, ...], size: int, values: list[Any], order: int
) -> None:
    stacked = batch(function, flags, size)
    actual = evaluated(stacked, values)
    program = Program(make_plan(function))
    rows = []
    for k in range(size):
        point = [value[k] if flag else value for value, flag in zip(values, flags, strict=True)]
        rows.append(
            [x.item() if node.aval.weak else x for x, node in zip(map(np.asarray, point), function.inputs, strict=True)]
        )
    loop = [program(row) for row in rows]
    for j, (result, node, old) in enumerate(zip(actual, stacked.outputs, function.outputs, strict=True)):
        expected = np.array([row[j] for row in loop])
        assert (np.shape(result), result.dtype) == (node.shape, node.dtype), (flags, size)
        assert (node.shape, node.dtype) == ((size, *old.shape), old.dtype), (flags, size)
        assert close(result, expected, case.allowed(result.dtype, order)), (flags, size)


def _always(case: OpCase) -> bool:
    return True


def _has_derivative(case: OpCase) -> bool:
    return bool(case.active) and bool(_float_outputs(case.function()))


def _has_operands(case: OpCase) -> bool:
    return bool(case.operands)


def _is_elementwise(case: OpCase) -> bool:
    weak = any(draw.weak for draw in case.operands)
    return isinstance(case.instance, ElementwiseOp) and case.exact is not None and not weak


def _is_ufunc(case: OpCase) -> bool:
    numbers = all(draw.kind == "f" and not draw.weak for draw in case.operands)
    plain = numbers and not case.note
    return plain and isinstance(case.instance, ElementwiseOp) and isinstance(case.instance.numpy, np.ufunc)


# Each law with the examples that it speaks of.
LAWS: list[tuple[Callable[[OpCase, np.random.Generator], None], Callable[[OpCase], bool]]] = [
    (evaluates_as_numpy, _always),
    (infers_the_result, _always),
    (promotes_as_numpy, _is_ufunc),
    (derivative_is_exact, lambda case: _is_elementwise(case) and case.analytic),
    (forward_mode_is_the_derivative, _has_derivative),
    (modes_are_transposes, _has_derivative),
    (second_orders_agree, _has_derivative),
    (jacobians_are_loops, _has_derivative),
    (keeps_dtypes, _has_derivative),
    (tracing_gives_the_node, lambda case: case.traced is not None),
    (source_runs_alone, _always),
    (is_one_object, _always),
    (batch_is_a_loop, _has_operands),
    (batch_of_derivatives_is_a_loop, _has_derivative),
    (batch_of_batch_is_two_loops, _has_operands),
]


def laws(cases: Sequence[OpCase]) -> Any:
    """Every law for every example that it speaks of, as parameters `case` and `law` of a test."""
    names = [str(case) for case in cases]
    assert len(set(names)) == len(names), f"two examples are called alike: {sorted(names)}"
    chosen = [(case, law) for case in cases for law, speaks_of in LAWS if speaks_of(case)]
    return pytest.mark.parametrize(
        ("case", "law"), [pytest.param(case, law, id=f"{case}-{law.__name__}") for case, law in chosen]
    )


def refused(cases: Sequence[ErrorCase]) -> Any:
    """Every refused call, as a parameter `case` of a test."""
    return pytest.mark.parametrize("case", cases, ids=str)
