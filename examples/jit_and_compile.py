"""`jit` skips the tracing of a pure function from the second call on; `compile` shows the program."""

import numpy as np

import chainrule as cr

slope = cr.jit(cr.grad(lambda x: np.sum(np.sin(x) ** 2)))
print(np.allclose(slope(np.ones(3)), np.sin(2.0)), np.allclose(slope(np.zeros(5)), 0.0))

program = cr.compile(cr.grad(lambda x: np.sum(np.sin(x))), np.zeros(3))
print(program.source)
print(program(np.zeros(3)))

# Output:
# True True
# def program(v0):
#     v1 = np.cos(v0)
#     return (v1,)
#
# [1. 1. 1.]
