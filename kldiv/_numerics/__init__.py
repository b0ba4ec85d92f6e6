"""Numbers in, numbers out: all numerical care lives here, and no family is known.

The numerics of a family are in the file of its name. `gaps`, `edges`, `exact`, `integrals`, `special`, `categorical`,
`linalg` and `generating_functions` serve many families. Every file has the same order: constants, divergences, other
expectations, helpers. `kldiv.numerics` is the public part, with the recipe for an accurate formula.
"""
