"""The backends: each module here *is* an array namespace.

A backend offers the names that `kldiv._arrays.protocol.Namespace` lists: functions of the array API standard, special
functions under SciPy's names, and the few things outside the standard that the core needs. Nothing is imported here, so
that a framework is loaded only by a caller who has loaded it already.
"""
