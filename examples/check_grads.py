"""A gradient written by hand, checked; the slip is named by component."""

import numpy as np

import chainrule as cr


def f(x, y):
    return np.log(np.exp(x) + np.exp(y))


def gradient(x, y):
    total = np.exp(x) + np.exp(y)
    return np.exp(x) / total, np.exp(y) / total


def slip(x, y):
    total = np.exp(x) + np.exp(y)
    return np.exp(x) / total, np.exp(x) / total


point = (0.0, np.log(2.0))
print(cr.check_grads(f, point, grad=gradient).error < 1e-12)
try:
    cr.check_grads(f, point, grad=slip)
except cr.errors.DerivativeMismatchError as error:
    print(str(error).splitlines()[0])

# Output:
# True
# chainrule.check_grads: given gradient and reverse mode disagree in 1 component of the derivative of order 1
