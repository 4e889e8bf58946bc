"""Side-by-side timings with the peers: one file for each workload, one table.

Run ``python -m benchmarks`` (all) or ``python -m benchmarks logistic`` (one). Needs the extra `peers` for more than
autograd. Timings are printed, never tested.
"""
