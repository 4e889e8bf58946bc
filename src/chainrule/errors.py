"""Every exception that chainrule raises, and the one function that words them.

Each class is both a `ChainruleError` and the built-in that a NumPy user would expect to catch; its docstring
says what causes it and what to do. Raise through `fail`, so that all messages have the same three parts: the
call and the problem, the operands by shape and dtype (never their values), and a fix.

Any module may import this one; it imports nothing of the package.
"""

from collections.abc import Iterable
from typing import TypeVar


class ChainruleError(Exception):
    """Base of every error that the library raises on purpose.

    Cause: none of its own; one of the classes below is what gets raised.

    Example::

        try:
            slope = cr.grad(f)(x)
        except cr.errors.ChainruleError as error:
            report(error)

    Fix: catch this class to handle anything chainrule refuses, or a subclass to handle one kind of refusal.
    """


class ShapeError(ChainruleError, ValueError):
    """Shapes do not fit together.

    Cause: operands that do not broadcast, a contraction index with two sizes, a matrix that should be square,
    a reshape that changes the number of entries. It is raised where the expression is built, not when it
    runs.

    Example::

        cr.grad(lambda x: np.sum(np.ones((3, 4)) @ x))(np.ones(5))

    Fix: compare the shapes that the message lists; insert an axis with ``x[:, None]``, or transpose.
    """


class DtypeError(ChainruleError, TypeError):
    """The dtype of an operand has no meaning for this operation.

    Cause: strings, objects or dates where numbers are needed; booleans where a derivative is asked; complex
    numbers where an order is needed.

    Example::

        cr.grad(np.sum)(np.array(["a", "b"]))

    Fix: convert first, as in ``x.astype(float)``, or take ``.real`` and ``.imag`` apart.
    """


class NotDifferentiableError(ChainruleError, TypeError):
    """A derivative is asked through something that has none.

    Cause: the differentiated value reaches an index, a condition, a rounding to integers or another operand
    that the operation can only read; or the function's output is not a real scalar where a gradient is
    wanted.

    Example::

        cr.grad(lambda x: x ** 2)(np.ones(3))  # three outputs: which gradient?

    Fix: reduce the output to one number, use `jacobian`, or mark the operand constant with `stop_gradient`.
    """


class TracerError(ChainruleError, TypeError):
    """A plain number is wanted from a handle that stands for a value being differentiated.

    Cause: ``float(x)``, ``math.sin(x)``, ``np.asarray(x)`` or ``array[i] = x``. Each would drop the
    dependence on `x`, and the derivative would silently lose a term.

    Example::

        cr.grad(lambda x: math.sin(x))(1.0)

    Fix: call the NumPy function (``np.sin``), build arrays with ``np.stack``, or mark a constant with
    ``stop_gradient(x)``.
    """


class TracerLeakError(ChainruleError, RuntimeError):
    """A handle is used outside the call that created it.

    Cause: a traced function stored its argument, or something computed from it, in a global, an attribute or
    a list, and that was used after the function had returned or inside another trace.

    Example::

        seen = []
        cr.grad(lambda x: seen.append(x) or x * x)(3.0)
        seen[0] + 1

    Fix: return the value from the function (``has_aux=True`` lets `grad` pass it on) instead of storing it.
    """


class SpentError(ChainruleError, RuntimeError):
    """A second backward pass goes through what the first one has freed.

    Cause: ``backward()`` frees the graph behind its result, so that memory does not grow; then ``backward()`` or
    `gradients` was called on that result again, or on another one that shares a part of its graph.

    Example::

        x = cr.variable(3.0)
        y = x * x
        y.backward()
        y.backward()

    Fix: compute the result again, or keep its graph with ``y.backward(retain_graph=True)``.
    """


class UnsupportedError(ChainruleError, TypeError):
    """A function, or a keyword of a known function, has no derivative here.

    Cause: chainrule does not know that NumPy or SciPy function, or knows it without that keyword. Nothing is
    ever ignored, since the result would be a different function's.

    Example::

        cr.grad(lambda x: np.sum(np.fft.hfft(x)))(np.ones(3))

    Fix: write it with the functions that the message names, or give your own rule with `custom_derivative`.
    """


class ArgumentError(ChainruleError, ValueError):
    """A parameter has a value that the function cannot use.

    Cause: an axis out of range or given twice, an unknown mode or layout, a negative count, `argnums` beyond
    the arguments.

    Example::

        cr.grad(lambda x: np.sum(x, axis=2))(np.ones((3, 4)))

    Fix: choose one of the values that the message lists.
    """


class OutOfBoundsError(ChainruleError, IndexError):
    """An index lies outside its axis.

    Cause: an integer index of an array that is not smaller than the size of its axis, or below minus that size.

    Example::

        cr.grad(lambda x: x[3])(np.ones(3))

    Fix: use an index in the range that the message gives.
    """


class NonsmoothError(ChainruleError, ArithmeticError):
    """A convention stood in for a derivative that does not exist, and strict mode forbids it.

    Cause: `config.strict` is on, and the point lies on a kink or a tie: ``abs`` at 0, ``max`` of equal
    entries, ``sqrt`` at 0.

    Example::

        with cr.config.override(strict=True):
            cr.grad(np.abs)(0.0)

    Fix: move the point, smooth the function, or leave strict mode to accept the documented convention.
    """


class DegenerateError(ChainruleError, ArithmeticError):
    """A decomposition is not a differentiable function of its matrix at this point.

    Cause: eigenvectors of a repeated eigenvalue, or singular vectors of a repeated singular value, are fixed
    only up to a rotation among themselves, and the result asked for depends on that rotation.

    Example::

        cr.grad(lambda a: np.linalg.eigh(a)[1][0, 0])(np.eye(2))

    Fix: use a quantity that the rotation leaves alone: the eigenvalues, or a function of the whole matrix.
    """


class DerivativeMismatchError(ChainruleError, AssertionError):
    """`check_grads` found that a derivative disagrees with differences of the function.

    Cause: a wrong rule in `custom_derivative`, a hand-written gradient with a slip, a function that is not
    the same from call to call, or a point on a kink.

    Example::

        cr.check_grads(lambda x: np.sum(x ** 3), np.ones(3), grad=lambda x: 2 * x ** 2)

    Fix: look at the entry that the message names; correct the rule, or check where the function is smooth.
    """


class RewriteLimitError(ChainruleError, RuntimeError):
    """Simplifying did not come to an end.

    Cause: rewrite rules that undo each other, or an expression that grows at every step.

    Example::

        rules = (Rule("expand", a * (b + c), a * b + a * c), Rule("collect", a * b + a * c, a * (b + c)))

    Fix: drop one of the rules named in the message. If all are chainrule's own, please report it.
    """


class RetraceLimitError(ChainruleError, RuntimeError):
    """A jitted function took too many paths for arguments of one signature.

    Cause: Python control flow inside the function that depends on values in many different ways.

    Example::

        cr.jit(lambda x: x * int(x))(3.0)  # every new value is a new path

    Fix: use ``np.where`` instead of branching, or call the function without ``jit``.
    """


class NameClashError(ChainruleError, ValueError):
    """Two different things carry one name.

    Cause: symbols of equal name but different shape or facts meet in an expression, or a name is also a
    function's.

    Example::

        cr.symbols("x[n]") @ cr.symbols("x[n,n]")

    Fix: rename one of them, or create the symbol once and use that object throughout.
    """


class DimensionError(ChainruleError, TypeError):
    """A symbolic dimension is asked for what only a number could answer.

    Cause: ``range(x.shape[0])``, ``int(n)`` or ``n > 3`` where `n` is a letter; nothing known about `n`
    decides it.

    Example::

        n = cr.symbols("x[n]").shape[0]
        range(n)

    Fix: write the expression with whole arrays (`np.sum`, `np.einsum`), or give the symbol a size: ``x[3]``.
    """


E = TypeVar("E", bound=ChainruleError)


def operand_text(operand: object) -> str:
    """Describe an array as ``float64[3,4]`` and anything else by its type; a text is left as it is."""
    if isinstance(operand, str):
        return operand
    shape, dtype = getattr(operand, "shape", None), getattr(operand, "dtype", None)
    if shape is None or dtype is None:
        return type(operand).__name__
    return f"{getattr(dtype, 'name', dtype)}[{','.join(map(str, shape))}]"


def message(call: str, problem: str, operands: Iterable[tuple[str, str]] = (), fix: str = "") -> str:
    """Lay out an error message.

    Parameters
    ----------
    call : str
        The public function at fault, with its namespace.
    problem : str
        What is wrong, with the numbers that show it.
    operands : iterable of (str, str), optional
        The name of each operand and its description, in the order of the call.
    fix : str, optional
        One action that works.

    Returns
    -------
    str
        The first line, then a line per operand, then the fix.

    Examples
    --------
    >>> print(message("chainrule.dot", "3 is not 4", [("x", "float64[3]"), ("y", "float64[4]")], "cut y"))
    chainrule.dot: 3 is not 4
        x   float64[3]
        y   float64[4]
      Fix: cut y
    """
    rows = list(operands)
    width = max((len(name) for name, _ in rows), default=0)
    lines = [f"{call}: {problem}", *(f"    {name:<{width}}   {text}" for name, text in rows)]
    if fix:
        lines.append(f"  Fix: {fix}")
    return "\n".join(lines)


def fail(kind: type[E], call: str, problem: str, operands: Iterable[tuple[str, object]] = (), *, fix: str = "") -> E:
    """Build the exception to raise, describing its operands by dtype and shape.

    Parameters
    ----------
    kind : type
        One of the classes of this module.
    call, problem : str
        As in `message`.
    operands : iterable of (str, object), optional
        The name of each operand, and the operand itself or a text that describes it.
    fix : str, optional
        As in `message`.

    Returns
    -------
    ChainruleError
        An instance of `kind`, for the caller to raise.

    Examples
    --------
    >>> import numpy as np
    >>> raise fail(ShapeError, "chainrule.det", "the matrix is not square", [("a", np.ones((2, 3)))])
    Traceback (most recent call last):
    chainrule.errors.ShapeError: chainrule.det: the matrix is not square
        a   float64[2,3]
    """
    return kind(message(call, problem, [(name, operand_text(operand)) for name, operand in operands], fix))
