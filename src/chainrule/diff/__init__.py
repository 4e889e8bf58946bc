"""Derivatives: forward and reverse mode, stacks, Jacobians and Hessians, numeric checking."""
