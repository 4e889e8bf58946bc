"""One sample's function, applied to all samples in one run: gradients of each, without a loop."""

import numpy as np

import chainrule as cr


def loss(w, x, y):
    return (np.tanh(x @ w) - y) ** 2


w = np.array([0.5, -0.3])
x, y = np.arange(6.0).reshape(3, 2), np.array([0.0, 1.0, 0.0])

each = cr.vmap(cr.grad(loss), in_axes=(None, 0, 0))(w, x, y)
print(each.shape)
print(np.allclose(each, [cr.grad(loss)(w, *sample) for sample in zip(x, y, strict=True)]))

# Output:
# (3, 2)
# True
