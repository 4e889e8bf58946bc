"""``python -m benchmarks [workload ...] [--json]``: print one table of times and ratios."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil

import benchmarks
from benchmarks.workload import Workload, measure


def workloads() -> dict[str, Workload]:
    """Every workload of this folder, by name."""
    found = {}
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.name not in ("__main__", "workload"):
            for workload in importlib.import_module(f"benchmarks.{module.name}").WORKLOADS:
                found[workload.name] = workload
    return found


def main() -> None:
    """Run the chosen workloads."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Timings side by side with the peers.")
    known = workloads()
    parser.add_argument("names", nargs="*", metavar="workload", help=", ".join(known))
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        parser.error(f"no workload is called {unknown[0]}; there are {', '.join(known)}")
    rows = [row for name in options.names or known for row in measure(known[name])]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'workload':<16}{'peer':<10}{'ours µs':>12}{'peer µs':>12}{'ratio':>8}{'first ms':>10}{'peer first':>12}")
    for row in rows:
        if row["missing"]:
            print(f"{row['workload']:<16}{row['peer']:<10}{'not installed':>24}")
        else:
            print(
                f"{row['workload']:<16}{row['peer']:<10}{row['ours_us']:>12.1f}{row['peer_us']:>12.1f}"
                f"{row['ratio']:>8.2f}{row['first_ms']:>10.1f}{row['peer_first_ms']:>12.1f}"
            )


if __name__ == "__main__":
    main()
