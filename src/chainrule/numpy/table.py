"""Which NumPy and SciPy functions are answered, and by what. Data only; see `trace.dispatch` for how it is used."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.op import ElementwiseOp, all_ops
from chainrule.functions import basics, linalg, matrices, norms, products
from chainrule.numpy.arrays import fill_arrays
from chainrule.numpy.assignments import fill_assignments
from chainrule.numpy.entries import fill_entries
from chainrule.ops.contractions import matmul
from chainrule.trace.dispatch import provide, provide_ufunc


def _shape(a: Any) -> Any:
    return a.shape


def _ndim(a: Any) -> Any:
    return a.ndim


def _size(a: Any, axis: Any = None) -> Any:
    return a.aval.size if axis is None else a.shape[axis]


def fill() -> None:
    """Fill the dispatch table; called once, when the package is imported."""
    for op in all_ops().values():
        # An op may borrow a ufunc's numbers and differentiate otherwise (`norm_root`); the ufunc's own has its name.
        if isinstance(op, ElementwiseOp) and isinstance(op.numpy, np.ufunc) and op.numpy.__name__ == op.name:
            provide_ufunc(op.numpy, op)
    provide_ufunc(np.matmul, matmul)
    provide_ufunc(np.square, basics.square)
    provide_ufunc(np.reciprocal, basics.reciprocal)
    provide_ufunc(np.positive, basics.positive)
    provide_ufunc(np.bitwise_and, basics.bitwise_and)
    provide_ufunc(np.bitwise_or, basics.bitwise_or)
    provide_ufunc(np.bitwise_xor, basics.bitwise_xor)
    provide_ufunc(np.invert, basics.invert)
    fill_entries()
    fill_assignments()
    fill_arrays()

    provide(np.where, basics.where, "condition x y", weak="x y")
    provide(np.sum, basics.sum, "a initial where", weak="initial")
    provide(np.mean, basics.mean, "a where")
    provide(np.max, basics.max, "a initial where", weak="initial")
    provide(np.min, basics.min, "a initial where", weak="initial")
    provide(np.any, basics.any, "a")
    provide(np.all, basics.all, "a")
    provide(np.cumsum, basics.cumsum, "a")
    provide(np.clip, basics.clip, "a a_min a_max min max", weak="a a_min a_max min max")

    provide(np.transpose, basics.transpose, "a")
    provide(np.matrix_transpose, basics.matrix_transpose, "x")
    provide(np.swapaxes, basics.swapaxes, "a")
    provide(np.moveaxis, basics.moveaxis, "a")
    provide(np.reshape, basics.reshape, "a")
    provide(np.ravel, basics.ravel, "a")
    provide(np.squeeze, basics.squeeze, "a")
    provide(np.expand_dims, basics.expand_dims, "a")
    provide(np.broadcast_to, basics.broadcast_to, "array")
    provide(np.broadcast_arrays, basics.broadcast_arrays, "args")
    provide(np.concatenate, basics.concatenate, "", "arrays")
    provide(np.stack, basics.stack, "", "arrays")
    provide(np.hstack, basics.hstack, "", "tup")
    provide(np.vstack, basics.vstack, "", "tup")
    provide(np.copy, basics.copy, "a")
    provide(np.shape, _shape, "a", plain=True)
    provide(np.ndim, _ndim, "a", plain=True)
    provide(np.size, _size, "a", plain=True)

    provide(np.sort, basics.sort, "a")
    provide(np.argsort, basics.argsort, "a")

    provide(np.dot, products.dot, "a b")
    provide(np.inner, products.inner, "a b")
    provide(np.vdot, products.vdot, "a b")
    provide(np.outer, products.outer, "a b")
    provide(np.tensordot, products.tensordot, "a b")
    provide(np.trace, products.trace, "a")
    provide(np.diagonal, products.diagonal, "a")
    provide(np.einsum, products.einsum, "operands")

    provide(np.linalg.solve, linalg.solve, "a b")
    provide(np.linalg.inv, linalg.inv, "a")
    provide(np.linalg.cholesky, linalg.cholesky, "a")
    provide(np.linalg.eigh, linalg.eigh, "a")
    provide(np.linalg.eigvalsh, linalg.eigvalsh, "a")
    provide(np.linalg.eig, linalg.eig, "a")
    provide(np.linalg.eigvals, linalg.eigvals, "a")
    provide(np.linalg.slogdet, linalg.slogdet, "a")
    provide(np.linalg.det, linalg.det, "a")
    provide(np.linalg.svd, linalg.svd, "a")
    provide(np.linalg.svdvals, linalg.svdvals, "x")
    provide(np.linalg.qr, linalg.qr, "a")
    provide(np.linalg.pinv, linalg.pinv, "a")
    provide(np.linalg.lstsq, linalg.lstsq, "a b")
    provide(np.linalg.cond, linalg.cond, "x")
    provide(np.linalg.matrix_rank, linalg.matrix_rank, "A")
    provide(np.linalg.matrix_power, linalg.matrix_power, "a")
    provide(np.linalg.norm, norms.norm, "x")
    provide(np.linalg.vector_norm, norms.vector_norm, "x")
    provide(np.linalg.matrix_norm, norms.matrix_norm, "x")

    provide(np.kron, matrices.kron, "a b")
    provide(np.cross, matrices.cross, "a b")
    provide(np.linalg.cross, matrices.linalg_cross, "x1 x2")
    provide(np.linalg.multi_dot, matrices.multi_dot, "", "arrays")
    provide(np.linalg.matmul, matrices.linalg_matmul, "x1 x2")
    provide(np.linalg.outer, matrices.linalg_outer, "x1 x2")
    provide(np.linalg.trace, matrices.linalg_trace, "x")
    provide(np.linalg.diagonal, matrices.linalg_diagonal, "x")
    provide(np.linalg.matrix_transpose, basics.matrix_transpose, "x")
    provide(np.linalg.tensordot, matrices.linalg_tensordot, "x1 x2")
    provide(np.linalg.vecdot, matrices.linalg_vecdot, "x1 x2")
    provide(np.linalg.tensorsolve, matrices.tensorsolve, "a b")
    provide(np.linalg.tensorinv, matrices.tensorinv, "a")
