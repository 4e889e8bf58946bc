"""Multivariable calculus for NumPy code."""
