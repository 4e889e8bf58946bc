"""NumPy-named functions of nodes: arguments normalised, ops applied, no derivative rules."""
