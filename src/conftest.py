"""Makes the doctests of `src` run in the installed package.

pytest takes a module from `sys.modules` when it is there under its own name. Importing every installed
module before collection therefore keeps a second copy of the package, with a second set of ops, from being
loaded out of `src`.
"""

import importlib
import pkgutil

import chainrule

for module in pkgutil.walk_packages(chainrule.__path__, "chainrule."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
