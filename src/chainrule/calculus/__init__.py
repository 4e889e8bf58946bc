"""Calculus as tools: optimisation with derivatives filled in."""
