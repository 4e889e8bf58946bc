"""Gradient of a plain NumPy function: with its value, by several arguments, and in containers."""

import numpy as np

import chainrule as cr


def distance(x, y):
    return np.sqrt(np.sum((x - y) ** 2))


x, y = np.array([3.0, 0.0]), np.array([0.0, 4.0])
print(cr.grad(distance)(x, y))
print(cr.value_and_grad(distance)(x, y))
print(cr.grad(distance, argnums=(0, 1))(x, y))


def energy(state):
    if state["speed"] > 1.0:  # Python's own control flow is followed at every call
        return state["mass"] * state["speed"] ** 2
    return 0.5 * state["mass"] * state["speed"] ** 2


print(cr.grad(energy)({"mass": 2.0, "speed": 0.5}))
print(cr.elementwise_grad(np.tanh)(np.array([0.0, 100.0])))

# Output:
# [ 0.6 -0.8]
# (np.float64(5.0), array([ 0.6, -0.8]))
# (array([ 0.6, -0.8]), array([-0.6,  0.8]))
# {'mass': np.float64(0.125), 'speed': np.float64(1.0)}
# [1. 0.]
