"""The command line: `chainrule` and ``python -m chainrule``.

Commands only read arguments, call the library, and print; whatever they compute is public elsewhere. Results go to
standard output, messages to standard error; the exit code is 0, 1 if a check failed, or 2 if the command was given
something that it cannot use. `import chainrule` does not load this package.
"""

from chainrule.cli.commands import main

__all__ = ["main"]
