"""What ``chainrule grad`` does: load a function from a file, differentiate and check it, lay out the answer."""

from __future__ import annotations

import ast
import contextlib
import importlib.machinery
import importlib.util
import inspect
import json
import math
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, DerivativeMismatchError
from chainrule.trace.check import CheckReport, check_grads
from chainrule.trace.containers import flatten
from chainrule.trace.transforms import hessian as hessian_of
from chainrule.trace.transforms import value_and_grad

SCHEMA = 1  # of the JSON object; goes up when a key changes its meaning or is dropped
MODULE = "chainrule_user_file"  # name under which the user's file is loaded


class UnusableError(Exception):
    """The command was given something that it cannot use; the text says what, and what would work."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found.

    Attributes
    ----------
    target : str
        ``FILE:FUNCTION``.
    names : tuple of str
        Parameters that were differentiated.
    points : tuple
        All arguments.
    value : float
    gradient : tuple
        One entry for each name.
    hessian : tuple of tuple or None
        One row of blocks for each name.
    report : CheckReport or None
        None if the check was not asked for, or failed.
    mismatch : str
        The message of a failed check, else empty.
    """

    target: str
    names: tuple[str, ...]
    points: tuple[Any, ...]
    value: Any
    gradient: tuple[Any, ...]
    hessian: tuple[tuple[Any, ...], ...] | None
    report: CheckReport | None
    mismatch: str

    def text(self) -> str:
        """Lines to read."""
        rows = [("value", str(self.value))]
        rows += [(f"d/d{name}", str(part)) for name, part in zip(self.names, self.gradient, strict=True)]
        if self.hessian is not None:
            rows += [
                (f"d²/d{first} d{second}", str(block))
                for first, row in zip(self.names, self.hessian, strict=True)
                for second, block in zip(self.names, row, strict=True)
            ]
        if self.mismatch:
            rows.append(("check", "FAILED"))
        elif self.report is not None:
            worst = max(self.report.comparisons, key=lambda row: row.error)
            rows.append(
                (
                    "check",
                    f"ok: forward mode, reverse mode and differences agree to {worst.error:.1e} "
                    f"(allowed there: {worst.tolerance:.1e})",
                )
            )
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {_indented(text, width + 2)}" for name, text in rows)

    def json(self) -> str:
        """One JSON object."""
        found: dict[str, Any] = {
            "schema": SCHEMA,
            "target": self.target,
            "at": [_plain(point) for point in self.points],
            "value": _plain(self.value),
            "gradient": {name: _plain(part) for name, part in zip(self.names, self.gradient, strict=True)},
        }
        if self.hessian is not None:
            found["hessian"] = {
                first: {name: _plain(block) for name, block in zip(self.names, row, strict=True)}
                for first, row in zip(self.names, self.hessian, strict=True)
            }
        if self.mismatch:
            found["check"] = {"ok": False, "message": self.mismatch}
        elif self.report is not None:
            comparisons = [
                {
                    "order": row.order,
                    "compared": [row.first, row.second],
                    "entries": row.entries,
                    "error": _plain(row.error),
                    "tolerance": _plain(row.tolerance),
                    "where": row.where,
                }
                for row in self.report.comparisons
            ]
            found["check"] = {"ok": True, "comparisons": comparisons}
        return json.dumps(found, allow_nan=False)


def _indented(text: str, width: int) -> str:
    return text.replace("\n", "\n" + " " * width)


def _plain(value: Any) -> Any:
    """Numbers, lists and dicts for JSON; it knows no inf and no nan, which become texts."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def differentiate(target: str, points: Sequence[str], hessian: bool, check: bool) -> Answer:
    """Value, gradient, and what else is asked for, of a function in a file.

    Parameters
    ----------
    target : str
        ``FILE:FUNCTION``.
    points : sequence of str
        The arguments, as texts.
    hessian, check : bool
        Whether second derivatives are wanted, and a comparison with differences.

    Returns
    -------
    Answer
        Everything found.
    """
    file, function_name = _split(target)
    arguments = tuple(parsed(text) for text in points)
    with _beside(file):
        f = _function(file, function_name)
        parameters = _bound(f, function_name, arguments)
        places = [k for k, argument in enumerate(arguments) if _is_numeric(argument)]
        if not places:
            raise UnusableError(
                f"no argument of {function_name} is a number or an array of numbers; nothing to differentiate"
            )

        def active(*chosen: Any) -> Any:
            given = list(arguments)
            for place, argument in zip(places, chosen, strict=True):
                given[place] = argument
            return f(*given)

        names = tuple(parameters[k] for k in places)
        active.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names]
        )
        chosen = tuple(arguments[k] for k in places)
        with _errors_of(function_name, file):
            numbers = tuple(range(len(places)))
            value, gradient = value_and_grad(active, numbers)(*chosen)
            second = hessian_of(active, numbers)(*chosen) if hessian else None
            report, mismatch = None, ""
            if check:
                try:
                    report = check_grads(active, chosen, order=2 if hessian else 1)
                except DerivativeMismatchError as error:
                    mismatch = str(error)
    return Answer(target, names, arguments, value, gradient, second, report, mismatch)


# --- arguments ------------------------------------------------------------------------------------------------------


def _split(target: str) -> tuple[Path, str]:
    file, colon, name = target.rpartition(":")
    if not colon or not file or not name:
        raise UnusableError(f"{target!r} is not FILE:FUNCTION, as in model.py:loss")
    path = Path(file)
    if not path.is_file():
        raise UnusableError(f"there is no file {file!r}")
    return path.resolve(), name


def parsed(text: str) -> Any:
    """A value written as JSON or as a Python literal; a list of numbers is an array."""
    try:
        value = json.loads(text)
    except ValueError:
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise UnusableError(
                f"--at {text!r} is neither JSON nor a Python literal, such as 1.5 or '[1.0, 2.0]'"
            ) from None
    return _with_arrays(value, text)


def _with_arrays(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {key: _with_arrays(part, text) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_with_arrays(part, text) for part in value)
    if isinstance(value, list):
        try:
            array = np.array(value)
        except ValueError:
            raise UnusableError(f"--at {text!r} has rows of different lengths") from None
        if array.dtype.kind in "iu":
            array = array.astype(float)
        if array.dtype.kind == "f":
            return array
        return [_with_arrays(part, text) for part in value]
    return value


def _is_numeric(argument: Any) -> bool:
    leaves, _ = flatten(argument)
    return bool(leaves) and all(
        (isinstance(leaf, int | float) and not isinstance(leaf, bool)) or isinstance(leaf, np.ndarray)
        for leaf in leaves
    )


# --- the user's function --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _beside(file: Path) -> Iterator[None]:
    """Let the file import its neighbours, and keep what it prints out of the results."""
    path, writes = list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, str(file.parent))
    sys.dont_write_bytecode = True
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.path[:] = path
        sys.dont_write_bytecode = writes
        sys.modules.pop(MODULE, None)


def _function(file: Path, name: str) -> Callable[..., Any]:
    module = _module(file)
    if not hasattr(module, name):
        known = sorted(key for key, value in vars(module).items() if inspect.isfunction(value) and key[0] != "_")
        hint = f"; it has {', '.join(known)}" if known else ""
        raise UnusableError(f"{file.name} has no function {name!r}{hint}")
    f = getattr(module, name)
    if not callable(f):
        raise UnusableError(f"{name} in {file.name} is {type(f).__name__}, not a function")
    found: Callable[..., Any] = f
    return found


def _module(file: Path) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader(MODULE, str(file))
    spec = importlib.util.spec_from_loader(MODULE, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module  # dataclasses and pickle look their module up
    with _errors_of("loading the file", file):
        loader.exec_module(module)
    return module


def _bound(f: Callable[..., Any], name: str, arguments: tuple[Any, ...]) -> list[str]:
    """Names of the parameters that take the arguments."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return [f"x{k}" for k in range(len(arguments))]
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise UnusableError(
            f"{name}{signature} cannot be called with {len(arguments)} argument{'s' * (len(arguments) != 1)} "
            f"({error}); give one --at for each"
        ) from None
    names = [p.name for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names + [f"x{k}" for k in range(len(names), len(arguments))]


@contextlib.contextmanager
def _errors_of(what: str, file: Path) -> Iterator[None]:
    """Turn what the user's code raises into a message that names the line of the file."""
    try:
        yield
    except (UnusableError, DerivativeMismatchError):
        raise
    except ChainruleError as error:
        raise UnusableError(f"{what}{_line_in(error, file)}: {error}") from error
    except (Exception, SystemExit) as error:
        raise UnusableError(f"{what}{_line_in(error, file)} raised {type(error).__name__}: {error}") from error


def _line_in(error: BaseException, file: Path) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f" (line {lines[-1]} of {file.name})" if lines else ""
