"""The names that other libraries use for variables, as thin scopes on top of `chainrule.variable`.

`chainrule.compat.torch`, `.tensorflow` and `.mxnet` let short programs written for those libraries run with only the
import changed. Numbers are float64 here, and integers become floats where a gradient is asked for.
"""
