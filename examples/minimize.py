"""SciPy's minimisers with exact derivatives filled in: gradient, Hessian or its products, as the method takes them."""

import numpy as np

import chainrule as cr


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


for method in ("BFGS", "Newton-CG", "trust-exact"):
    result = cr.minimize(rosenbrock, np.zeros(10), method=method)
    print(method, result.success, np.abs(result.x - 1).max() < 1e-4)


def misfit(p):
    return np.sum((p["slope"] * np.arange(4.0) + p["start"] - np.array([1.0, 3.0, 5.0, 7.0])) ** 2)


line = cr.minimize(misfit, {"slope": 0.0, "start": 0.0}).x
print({name: round(value, 4) for name, value in line.items()})

# Output:
# BFGS True True
# Newton-CG True True
# trust-exact True True
# {'slope': 2.0, 'start': 1.0}
