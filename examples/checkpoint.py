"""Memory for time: what a block computes inside is computed a second time instead of kept for the backward pass."""

import numpy as np

import chainrule as cr


def block(x):
    for _ in range(20):
        x = np.tanh(x + 0.1 * np.sin(x))
    return x


def loss(x, step):
    for _ in range(5):
        x = step(x)
    return np.sum(x**2)


x = np.linspace(-1.0, 1.0, 1000)
kept = cr.grad(loss)(x, block)
recomputed = cr.grad(loss)(x, cr.checkpoint(block))
print(np.array_equal(kept, recomputed))

# Output:
# True
