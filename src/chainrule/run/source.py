"""A plan as readable Python source.

Each op's `evaluate` is run once on names instead of numbers: every call and operator it makes becomes one statement.
So the source makes the very calls that the interpreter makes, and no op says twice what it computes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.core.aval import Aval
from chainrule.run.plan import Plan

# Programs longer than this are emitted as several functions: CPython compiles very long ones slowly.
STATEMENTS_PER_FUNCTION = 5_000
# Arrays smaller than this are not worth a `del` statement.
_DELETED_SIZE = 4_096


class _Writer:
    """Statements so far, and the constants that they name."""

    def __init__(self, scalar: bool) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self.scalar = scalar
        self.target = ""
        self.count = 0

    def statement(self, text: str) -> _Name:
        """Assign `text` to a name: the current step's, with a letter for calls before its last."""
        name = f"{self.target}_{self.count}"
        self.count += 1
        self.lines.append(f"{name} = {text}")
        return _Name(name, self)

    def finish(self, result: Any) -> str:
        """Give the last statement of the step its final name; returns that name."""
        if isinstance(result, _Name) and self.count and result.text == f"{self.target}_{self.count - 1}":
            self.lines[-1] = self.lines[-1].replace(result.text, self.target, 1)
        else:
            self.lines.append(f"{self.target} = {self.text(result)}")
        return self.target

    def text(self, value: Any) -> str:
        """`value` as it stands in the source."""
        if isinstance(value, _Name):
            return value.text
        if isinstance(value, float) and not math.isfinite(value):
            return f"float('{value}')"
        if isinstance(value, bool | int | float | str) or value is None:
            return repr(value)
        if value is Ellipsis:
            return "..."
        if isinstance(value, np.dtype) and value.name in _DTYPES:
            return f"np.dtype(np.{_DTYPES[value.name]})" if not self.scalar else self.constant(value)
        if isinstance(value, slice):
            parts = ["" if part is None else self.text(part) for part in (value.start, value.stop, value.step)]
            return f"slice({', '.join(part or 'None' for part in parts)})"
        if isinstance(value, tuple | list):
            inside = ", ".join(self.text(entry) for entry in value)
            return f"({inside}{',' if len(value) == 1 else ''})"
        return self.constant(value)

    def constant(self, value: Any) -> str:
        """A name for an object that has no literal form."""
        for name, known in self.constants.items():
            if known is value:
                return name
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name


_NUMBER = Aval((), np.dtype(float), weak=True)
_DTYPES = {"float64": "float64", "float32": "float32", "float16": "float16", "int64": "int64", "bool": "bool_"}


class _Name:
    """A value known by name; what is done to it is written down."""

    __slots__ = ("aval", "text", "writer")

    def __init__(self, text: str, writer: _Writer, aval: Aval | None = None) -> None:
        self.text = text
        self.writer = writer
        self.aval = aval

    def _infix(self, sign: str, left: Any, right: Any) -> _Name:
        return self.writer.statement(f"{self.writer.text(left)} {sign} {self.writer.text(right)}")

    def __add__(self, other: Any) -> _Name:
        return self._infix("+", self, other)

    def __radd__(self, other: Any) -> _Name:
        return self._infix("+", other, self)

    def __sub__(self, other: Any) -> _Name:
        return self._infix("-", self, other)

    def __rsub__(self, other: Any) -> _Name:
        return self._infix("-", other, self)

    def __mul__(self, other: Any) -> _Name:
        return self._infix("*", self, other)

    def __rmul__(self, other: Any) -> _Name:
        return self._infix("*", other, self)

    def __matmul__(self, other: Any) -> _Name:
        return self._infix("@", self, other)

    def __gt__(self, other: Any) -> _Name:
        return self._infix(">", self, other)

    def __ge__(self, other: Any) -> _Name:
        return self._infix(">=", self, other)

    def __lt__(self, other: Any) -> _Name:
        return self._infix("<", self, other)

    def __le__(self, other: Any) -> _Name:
        return self._infix("<=", self, other)

    def __eq__(self, other: object) -> Any:
        return self._infix("==", self, other)

    def __ne__(self, other: object) -> Any:
        return self._infix("!=", self, other)

    __hash__ = None  # type: ignore[assignment]

    def __neg__(self) -> _Name:
        return self.writer.statement(f"-{self.text}")

    def __getitem__(self, index: Any) -> _Name:
        entries = index if isinstance(index, tuple) else (index,)
        inside = ", ".join(_index_text(entry, self.writer) for entry in entries)
        return self.writer.statement(f"{self.text}[{inside or '()'}]")


def _index_text(entry: Any, writer: _Writer) -> str:
    if not isinstance(entry, slice):
        return writer.text(entry)
    start, stop, step = ("" if part is None else str(part) for part in (entry.start, entry.stop, entry.step))
    return f"{start}:{stop}" + (f":{step}" if step not in ("", "1") else "")


class _SourceNamespace:
    """Stands for NumPy: a function called is a statement written; shapes are answered from abstract values."""

    def __init__(self, writer: _Writer, prefix: str) -> None:
        self._writer = writer
        self._prefix = prefix

    def __getattr__(self, name: str) -> _SourceNamespace:
        return _SourceNamespace(self._writer, f"{self._prefix}.{name}" if self._prefix else name)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        writer = self._writer
        function = self._prefix
        if function in ("np.shape", "np.ndim"):
            aval = args[0].aval if isinstance(args[0], _Name) else _NUMBER
            assert aval is not None, "shapes are asked of operands only"
            return aval.shape if function == "np.shape" else aval.ndim
        for name in ("np.special", "np.kernels", "np.run", "np.call_host"):
            if function.startswith(name):
                function = function[3:]
        if writer.scalar:
            function = function.rpartition(".")[2]
        parts = [writer.text(arg) for arg in args] + [f"{key}={writer.text(arg)}" for key, arg in keywords.items()]
        return writer.statement(f"{function}({', '.join(parts)})")


def source_of(plan: Plan, name: str = "program") -> tuple[list[str], dict[str, Any]]:
    """Source of a plan, as one text for each function, and the constants that the texts name.

    A long plan is several functions that pass their values on in one list.
    """
    writer = _Writer(plan.scalar)
    xp = _SourceNamespace(writer, "" if plan.scalar else "np")
    values: dict[int, Any] = {k: _Name(f"v{k}", writer, aval) for k, aval in enumerate(plan.inputs)}
    values.update(plan.constants)
    chunks: list[list[str]] = [[]]
    for step in plan.steps:
        writer.target, writer.count, writer.lines = f"v{step.target}", 0, []
        result = step.op.evaluate(xp, *[values[k] for k in step.operands], **step.params)
        if step.weak and not plan.scalar:
            result = xp.kernels.weaken(result)
        values[step.target] = _Name(writer.finish(result), writer, step.aval)
        dead = [f"v{k}" for k in step.last_uses if not plan.scalar and _is_large(values[k])]
        if dead:
            writer.lines.append(f"del {', '.join(dead)}")
        if chunks[-1] and len(chunks[-1]) + len(writer.lines) > STATEMENTS_PER_FUNCTION:
            chunks.append([])
        chunks[-1] += writer.lines
    results = ", ".join(writer.text(values[k]) for k in plan.outputs)
    returned = f"return ({results}{',' if len(plan.outputs) == 1 else ''})"
    arguments = ", ".join(f"v{k}" for k in range(len(plan.inputs)))
    if len(chunks) == 1:
        return [_function(name, arguments, [*chunks[0], returned])], writer.constants
    return _chunked(name, arguments, chunks, returned), writer.constants


def _is_large(value: Any) -> bool:
    return isinstance(value, _Name) and value.aval is not None and int(value.aval.size) >= _DELETED_SIZE


def _function(name: str, arguments: str, lines: list[str]) -> str:
    return "\n    ".join([f"def {name}({arguments}):", *lines]) + "\n"


def _chunked(name: str, arguments: str, chunks: list[list[str]], returned: str) -> list[str]:
    """Functions that share their values through one dictionary, `v`."""
    import re

    def shared(line: str) -> str:
        return re.sub(r"\bv(\d+)\b", r"v[\1]", line)

    parts = [_function(f"{name}_{k}", "v", [shared(line) for line in chunk]) for k, chunk in enumerate(chunks)]
    main = [f"v = dict(enumerate(({arguments}{',' if arguments else ''})))"]
    main += [f"{name}_{k}(v)" for k in range(len(chunks))] + [shared(returned)]
    return [*parts, _function(name, arguments, main)]
