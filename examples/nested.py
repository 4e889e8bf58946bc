"""Transforms of transforms: derivatives of derivatives, and a gradient inside the function that is differentiated."""

import numpy as np

import chainrule as cr

fourth = cr.grad(cr.grad(cr.grad(cr.grad(np.sin))))
print(np.isclose(fourth(0.5), np.sin(0.5)))


def penalised(x):
    """A loss that punishes steep slopes: its gradient needs second derivatives."""
    return np.sum(x**4) + 0.1 * np.sum(cr.grad(lambda y: np.sum(y**4))(x) ** 2)


print(cr.grad(penalised)(np.array([1.0, 0.5])))
print(4 * np.array([1.0, 0.5]) ** 3 + 0.1 * 96 * np.array([1.0, 0.5]) ** 5)

# Output:
# True
# [13.6  0.8]
# [13.6  0.8]
