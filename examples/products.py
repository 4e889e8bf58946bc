"""Products with the Jacobian and the Hessian: a few runs of the function each, however many variables there are."""

import numpy as np

import chainrule as cr

x, dx = np.linspace(0.0, 1.0, 100_000), np.ones(100_000)


def chain(x):
    return np.sum((x[1:] - x[:-1] ** 2) ** 2)


value, along = cr.jvp(chain, (x,), (dx,))  # forward mode: one number along a direction
value, pull = cr.vjp(chain, x)  # reverse mode: the whole gradient
(gradient,) = pull(1.0)
print(np.isclose(along, gradient @ dx))

curved = cr.hvp(chain, (x,), (dx,))  # the Hessian would have ten billion entries
print(curved.shape, np.isclose(curved @ dx, cr.jvp(lambda t: cr.grad(chain)(t) @ dx, (x,), (dx,))[1]))

value, push = cr.linearize(chain, x)  # the linear map, to be used again and again
print(np.isclose(push(3 * dx), 3 * along))

# Output:
# True
# (100000,) True
# True
