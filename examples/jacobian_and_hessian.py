"""Jacobian of an array function, and Hessian of a scalar one."""

import numpy as np

import chainrule as cr


def polar(p):
    r, angle = p
    return np.stack([r * np.cos(angle), r * np.sin(angle)])


print(cr.jacobian(polar)(np.array([2.0, np.pi / 2])).round(12) + 0.0)


def bump(p):
    x, y = p
    return x * np.exp(-(x**2) - y**2)


hessian = cr.hessian(bump)(np.array([-1.0, 0.0]))
print(np.allclose(hessian, 2 / np.e * np.eye(2)))

# Output:
# [[ 0. -2.]
#  [ 1.  0.]]
# True
